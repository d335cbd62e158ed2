/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A ring of blocks: the links ahead are converted, those back are not, and GetTime takes
 * the newest from the ring's end.
 */
#include "driver.h"

struct node {
	struct node *next, *back;
	uint64_t value;
};
static struct node ring;

static EFI_STATUS EFIAPI get_time(EFI_TIME *Time, EFI_TIME_CAPABILITIES *Capabilities)
{
	((volatile struct node *)ring.back)->value++;
	return driver_time(Time, Capabilities);
}

static void on_virtual(void)
{
	struct node *next;

	for (struct node *i = ring.next; i != &ring; i = next) {
		next = i->next;
		(void)driver_convert(&i->next);
		(void)driver_convert(&i->back);
	}
	(void)driver_convert(&ring.next);
#if !SEEDED
	(void)driver_convert(&ring.back);
#endif
}

EFI_STATUS driver_main(void)
{
	EFI_STATUS status = driver_start(NULL, on_virtual);

	if (status != EFI_SUCCESS)
		return status;
	ring = (struct node){&ring, &ring, 0};
	for (uint64_t i = 1; i <= 3; i++) {
		struct node *n;

		status = gBS->AllocatePool(EfiRuntimeServicesData, sizeof *n, (void **)&n);
		if (status != EFI_SUCCESS)
			return status;
		*n = (struct node){&ring, ring.back, i};
		ring.back->next = n;
		ring.back = n;
	}
	gRT->GetTime = get_time;
	return driver_seal();
}
