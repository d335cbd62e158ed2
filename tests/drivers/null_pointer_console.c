/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * GetTime prints a line. The console ends with boot services; firmware then sets ConOut
 * to NULL.
 */
#include "driver.h"

static EFI_SYSTEM_TABLE *table;

static NOINLINE void print(CHAR16 *line)
{
#if !SEEDED
	if (!driver_at(AT_BOOT))
		return;
#endif
	table->ConOut->OutputString(table->ConOut, line);
}

static EFI_STATUS EFIAPI get_time(EFI_TIME *Time, EFI_TIME_CAPABILITIES *Capabilities)
{
	static CHAR16 line[] = u"the time is asked for\r\n";

	print(line);
	return driver_time(Time, Capabilities);
}

static void on_virtual(void)
{
	(void)driver_convert(&table);
}

EFI_STATUS driver_main(void)
{
	EFI_STATUS status = driver_start(NULL, on_virtual);

	if (status != EFI_SUCCESS)
		return status;
	table = gST;
	gRT->GetTime = get_time;
	return driver_seal();
}
