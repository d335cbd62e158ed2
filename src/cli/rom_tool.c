/* SPDX-License-Identifier: BSD-2-Clause */
/* `rom-tool pack|show ...`: the verb `runtserv rom` alone, for the build. */
#include "cli/cli.h"

int main(int argc, char **argv)
{
	return cmd_rom(argc, argv);
}
