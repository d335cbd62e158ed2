/* SPDX-License-Identifier: BSD-2-Clause */
/* usage: store_convert FROM TO [LAYOUT]: for tests that need no more of the program than
 * this. */
#include <stdio.h>

#include "base/diag.h"
#include "store/store.h"

static void say(void *ctx, const char *text)
{
	(void)ctx;
	fprintf(stderr, "lost: %s\n", text);
}

int main(int argc, char **argv)
{
	const struct store_conversion c = {.from = argc >= 3 ? argv[1] : "",
					   .to = argc >= 3 ? argv[2] : "",
					   .layout = argc == 4 ? argv[3] : NULL,
					   .force = true,
					   .lost = say};
	struct diag d = {0};
	int r = store_convert(&c, &d);

	if (r != 0)
		fprintf(stderr, "store_convert: %s\n", d.text);
	return r == 0 ? 0 : 1;
}
