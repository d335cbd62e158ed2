/* SPDX-License-Identifier: BSD-2-Clause */
/* The notification of SetVirtualAddressMap follows a list that ends where it began. */
#include "driver.h"

static struct node {
	struct node *volatile next;
} *volatile head;
static struct node nodes[3];

static void on_virtual(void)
{
	struct node *volatile *link = &head;

	while (*link != NULL) {
		struct node *n = *link;

		if (!SEEDED)
			(void)driver_convert((void *)link);
		link = &n->next;
	}
}

EFI_STATUS driver_main(void)
{
	head = &nodes[0];
	nodes[0].next = &nodes[1];
	nodes[1].next = &nodes[2];
	nodes[2].next = SEEDED ? &nodes[0] : NULL;
	return driver_start(NULL, on_virtual);
}
