/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest driver's file, so that a scan knows it; nothing where it was not built. */
	.section .rodata
	.globl scan_own_start
	.globl scan_own_end
	.hidden scan_own_start
	.hidden scan_own_end
	.balign 16
scan_own_start:
#ifdef DRIVER
	.incbin DRIVER
#endif
scan_own_end:
	.section .note.GNU-stack, "", %progbits
