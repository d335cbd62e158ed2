/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A list is converted from its head: the second step already follows a converted pointer.
 */
#include "driver.h"

static struct node {
	struct node *next;
	uint64_t value;
} * head;

static NOINLINE uint64_t sum(void)
{
	uint64_t n = 0;

	for (struct node *i = head; i != NULL; i = i->next)
		n += i->value;
	return n;
}

static EFI_STATUS EFIAPI get_time(EFI_TIME *Time, EFI_TIME_CAPABILITIES *Capabilities)
{
	(void)OPAQUE(sum());
	return driver_time(Time, Capabilities);
}

static void on_virtual(void)
{
	struct node **link = &head;

	while (*link != NULL) {
		struct node **inner = &(*link)->next;

		(void)driver_convert(link);
#if SEEDED
		inner = &(*link)->next;
#endif
		link = inner;
	}
}

EFI_STATUS driver_main(void)
{
	EFI_STATUS status = driver_start(NULL, on_virtual);

	if (status != EFI_SUCCESS)
		return status;
	for (uint64_t i = 0; i < 3; i++) {
		struct node *n;

		status = gBS->AllocatePool(EfiRuntimeServicesData, sizeof *n, (void **)&n);
		if (status != EFI_SUCCESS)
			return status;
		*n = (struct node){head, i};
		head = n;
	}
	gRT->GetTime = get_time;
	return driver_seal();
}
