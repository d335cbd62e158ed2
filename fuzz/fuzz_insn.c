/* SPDX-License-Identifier: BSD-2-Clause */
/* The instruction decoder: it stays within its bytes, and needs exactly those it counts. */
#include "runtime/rt_device.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rt_insn i, again;

	if (!rt_insn_decode(data, size, &i)) {
		if (i.kind != RT_INSN_OTHER || i.length != 0)
			abort();
		return 0;
	}
	if (i.length == 0 || i.length > 15 || i.length > size ||
	    memchr(i.name, 0, sizeof i.name) == NULL ||
	    (i.kind == RT_INSN_PRIVILEGED) != (i.name[0] != 0))
		abort();
	if (!rt_insn_decode(data, i.length, &again) || memcmp(&i, &again, sizeof i) != 0 ||
	    rt_insn_decode(data, i.length - 1U, &again))
		abort();
	return 0;
}
