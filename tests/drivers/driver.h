/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the seeded drivers share. Each source is built twice: with SEEDED 1 it breaks the
 * rule that its name begins with, with SEEDED 0 it does the same thing rightly. What
 * decides is volatile or opaque, so that a compiler cannot fold the mistake away; check.py
 * looks for it in the object.
 */
#pragma once

#include "uefi/guids.h"
#include "uefi/services.h"

#define NOINLINE __attribute__((noinline))

/* @p, of which the compiler knows nothing any more. */
#define OPAQUE(p)                                     \
	({                                            \
		__typeof__(p) opaque_ = (p);          \
		__asm__ volatile("" : "+r"(opaque_)); \
		opaque_;                              \
	})

enum driver_phase { AT_BOOT, AT_RUNTIME, AT_VIRTUAL };

extern EFI_HANDLE gImageHandle;
extern EFI_SYSTEM_TABLE *gST; /* NULL after ExitBootServices, as is gBS */
extern EFI_BOOT_SERVICES *gBS;
extern EFI_RUNTIME_SERVICES *gRT; /* converted when the pointers of @on_virtual are */

/* The driver: its entry point, once the tables above are known. */
EFI_STATUS driver_main(void);

/*
 * Creates the events that follow the phase and keep the tables' pointers right. @on_exit
 * and
 * @on_virtual, which may be NULL, run within ExitBootServices and SetVirtualAddressMap,
 * before that is done.
 */
EFI_STATUS driver_start(void (*on_exit)(void), void (*on_virtual)(void));
bool driver_at(enum driver_phase phase);

/* Any other event; the notification runs at @tpl. */
EFI_STATUS driver_on(const EFI_GUID *group, EFI_TPL tpl, EFI_EVENT_NOTIFY notify);

/* To be called after a change of the runtime services table. */
EFI_STATUS driver_seal(void);

/* What a good GetTime answers; for the end of a driver's own. */
EFI_STATUS driver_time(EFI_TIME *Time, EFI_TIME_CAPABILITIES *Capabilities);

/* ConvertPointer without options. @p: the address of a pointer. Here, so that a report
 * names the function that converts. */
static inline __attribute__((always_inline)) EFI_STATUS driver_convert(void *p)
{
	return gRT->ConvertPointer(0, p);
}
