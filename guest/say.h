/* SPDX-License-Identifier: BSD-2-Clause */
/* One line of text for a human: to the debug port where there is one, and to the console.
 */
#pragma once

#include "uefi/services.h"

/* @st: NULL keeps the console out of it, as after ExitBootServices. A newline is added. */
void say(EFI_SYSTEM_TABLE *st, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The debug port alone, and only in builds with -Dguest_debug=true. */
#ifdef GUEST_DEBUG
#define debug(...) say(NULL, __VA_ARGS__)
#else
#define debug(...) ((void)0)
#endif
