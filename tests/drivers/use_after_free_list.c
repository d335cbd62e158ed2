/* SPDX-License-Identifier: BSD-2-Clause */
/* A list is freed from its head: the link is read from the node that is gone. */
#include "driver.h"

static struct node {
	struct node *next;
	uint64_t value;
} * head;

static NOINLINE void drop(void)
{
	struct node *next;

	for (struct node *i = head; i != NULL; i = next) {
#if SEEDED
		(void)gBS->FreePool(i);
		next = ((volatile struct node *)i)->next;
#else
		next = i->next;
		(void)gBS->FreePool(i);
#endif
	}
	head = NULL;
}

EFI_STATUS driver_main(void)
{
	for (uint64_t i = 0; i < 3; i++) {
		struct node *n;
		EFI_STATUS status =
			gBS->AllocatePool(EfiBootServicesData, sizeof *n, (void **)&n);

		if (status != EFI_SUCCESS)
			return status;
		*n = (struct node){head, i};
		head = n;
	}
	drop();
	return EFI_SUCCESS;
}
