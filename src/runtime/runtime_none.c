/* SPDX-License-Identifier: BSD-2-Clause */
/* `run` where drivers for x86-64 cannot run natively. */
#include <errno.h>

#include "runtime/runtime.h"

int runtime_run(const struct runtime_config *config, struct diag *d,
		struct runtime_report *ret)
{
	(void)config;
	*ret = (struct runtime_report){0};
	return diag(d, -ENOTSUP, "drivers run natively: this needs an x86-64 host");
}
