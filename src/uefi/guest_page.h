/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The page that our guest driver and the host share (ivshmem BAR2), and the driver's own
 * messages. doc/guest-protocol.md explains both; it and this file change together.
 */
#pragma once

#include "types.h"

#define GUEST_PAGE_SHM_SIZE 0x100000U             /* the whole shared memory */
#define GUEST_PAGE_MAGIC    0x4547415056535452ULL /* "RTSVPAGE" */
#define GUEST_PAGE_VERSION  1U
#define GUEST_PAGE_BUFFER   0x1000U /* offset of the communicate buffer, 64 KiB */

/* Written by the host alone, at its start; version and sizes never change while the magic
 * stands. */
struct guest_page_host {
	uint64_t magic;
	uint32_t version;
	uint32_t buffer_offset;
	uint32_t buffer_size;
	uint32_t time_limit_ms; /* how long the guest waits for an answer */
	uint32_t flags;         /* GUEST_PAGE_HOST_* */
	uint32_t doorbell; /* what to write to BAR0 + 12 when GUEST_PAGE_HOST_DOORBELL is
			      set */
};
#define GUEST_PAGE_HOST          0x00U
#define GUEST_PAGE_HOST_DOORBELL 0x1U

/* Written by the guest alone. A request is pending while req differs from ack. */
struct guest_page_guest {
	uint32_t req;    /* number of the latest request */
	uint32_t cancel; /* a request that the guest gave up: answered, not executed */
	uint32_t flags;  /* GUEST_PAGE_GUEST_* */
	uint32_t length; /* bytes of the request in the buffer */
};
#define GUEST_PAGE_GUEST         0x40U
#define GUEST_PAGE_GUEST_RUNTIME 0x1U /* ExitBootServices has passed in this guest */

/* Written by the host alone; ack last. */
struct guest_page_answer {
	uint32_t ack;
	uint32_t status; /* UEFI_VARS_STS_* */
	uint32_t length; /* bytes of the reply in the buffer */
	uint32_t
		begun; /* the latest request whose execution began: for the host after us */
};
#define GUEST_PAGE_ANSWER 0x80U

_Static_assert(sizeof(struct guest_page_host) == 32, "guest_page_host");
_Static_assert(sizeof(struct guest_page_guest) == 16, "guest_page_guest");
_Static_assert(sizeof(struct guest_page_answer) == 16, "guest_page_answer");

/* The ivshmem device: vendor, device, class; doorbell register in BAR0. */
#define IVSHMEM_VENDOR_ID    0x1af4U
#define IVSHMEM_DEVICE_ID    0x1110U
#define IVSHMEM_REG_DOORBELL 12U

/* Header GUID of the driver's own messages; Data begins like a variable message (mm.h). */
#define RUNTSERV_GUEST_DRIVER_GUID                                     \
	{                                                              \
		0x61b1d35e, 0x2f3d, 0x4f45,                            \
		{                                                      \
			0x80, 0x42, 0xd5, 0xd5, 0x2b, 0x45, 0xf1, 0x36 \
		}                                                      \
	}

#define GUEST_DRIVER_VERSION 1U

enum {
	GUEST_DRIVER_INIT = 1,   /* struct guest_driver_init, both ways */
	GUEST_DRIVER_IMPORT = 2, /* the layout of SET_VARIABLE */
	GUEST_DRIVER_IMPORT_END =
		3, /* u64 number of IMPORTs sent; makes them all real at once */
	GUEST_DRIVER_REPORT = 4, /* u32 GUEST_DRIVER_REPORT_* */
};

struct guest_driver_init {
	uint32_t version; /* GUEST_DRIVER_VERSION */
	uint32_t flags;   /* reply: GUEST_DRIVER_INIT_* */
};
#define GUEST_DRIVER_INIT_WANT_NV \
	0x1U /* the store is empty: send non-volatile variables too */

enum {
	GUEST_DRIVER_REPORT_ATTACHED = 1, /* the services are ours from here on */
	GUEST_DRIVER_REPORT_NOT_EXECUTABLE =
		2, /* memory attributes table says XP: services restored */
};

/*
 * Boot-time protocol that the driver installs: what it replaced, for tests and benchmarks.
 * Function pointers have the specification's prototypes.
 */
#define RUNTSERV_GUEST_PROTOCOL_GUID                                   \
	{                                                              \
		0x6317c55d, 0x4177, 0x4b1f,                            \
		{                                                      \
			0xaa, 0xb6, 0x86, 0xef, 0xd9, 0x3b, 0xdc, 0x91 \
		}                                                      \
	}

struct runtserv_guest_protocol {
	uint32_t version; /* 1 */
	uint32_t reserved;
	void *get_variable; /* the firmware's own services */
	void *get_next_variable_name;
	void *set_variable;
	void *query_variable_info;
	uint64_t image_base; /* the running copy of the driver */
	uint64_t image_size;
};
