/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TEST FIXTURES: programs that hook the runtime services of the virtual machine that
 * tests/guest/t_scan.py starts for them, so that `runtserv scan` has something to find.
 * Each does in a few lines what one kind of hook leaves behind in memory, and nothing else:
 * it hides from nobody, keeps nothing, and passes each call on or refuses it.
 */
#pragma once

#include "driver.h"

/* Writes over code, read-only or not; @bytes NULL: zeros. */
void hook_patch(void *at, const void *bytes, size_t n);

/* A function that returns EFI_UNSUPPORTED, in a page of runtime code of its own, without
 * any header; NULL: no memory. */
void *hook_stub(void);

/* Where the program itself was loaded; NULL: unknown. */
uint8_t *hook_own_image(void);
void hook_wipe_header(void);

/* At ExitBootServices: the memory attributes table does not forbid to execute the program.
 * Firmware of before 2023 calls everything data there that was loaded as late as we are,
 * and Linux, which calls SetVariable when it starts, would stop at once. */
void hook_allow_execution(void);

/* The loaded driver that is this file of the firmware; NULL: there is none. */
uint8_t *hook_firmware_image(const EFI_GUID *file);
