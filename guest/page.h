/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The shared page (uefi/guest_page.h) from the guest's side: a message is built in its
 * buffer, sent, and its reply read there. Accesses are naturally aligned words, for the
 * page is device memory.
 */
#pragma once

#include "uefi/guest_page.h"
#include "uefi/mm.h"

struct page {
	volatile uint8_t *mem;  /* BAR2 */
	volatile uint8_t *regs; /* BAR0 */
	uint64_t ticks_per_ms;
};

/* Offset of the function's payload in a message: behind both headers. */
#define PAGE_PAYLOAD 40U

/* The host's magic is there and its sizes are ours: otherwise the BAR has moved, or nobody
 * serves. */
bool page_present(const struct page *p);

/* Gives up a request that an earlier run left behind, and waits up to @ms for the host to
 * say so. True when none pends. */
bool page_settle(const struct page *p, uint64_t ms);

/* Sets or clears GUEST_PAGE_GUEST_RUNTIME. */
void page_set_runtime(const struct page *p, bool runtime);

/* @offset counts from the start of the communicate buffer; the caller keeps within
 * MM_BUFFER_MAX. */
void page_put(const struct page *p, uint32_t offset, const void *src, size_t n);
void page_zero(const struct page *p, uint32_t offset, size_t n);
void page_get(const struct page *p, uint32_t offset, void *ret, size_t n);

/* Writes both headers of a message with @payload bytes behind them. */
void page_begin(const struct page *p, const EFI_GUID *handler, uint64_t function,
		size_t payload);

/*
 * Sends the message and waits for its reply. EFI_DEVICE_ERROR: an earlier request is still
 * unanswered, the time limit has passed, or the host could not take the message. Otherwise
 * the status that the reply carries.
 * @ret_payload: bytes of the reply behind both headers.
 */
EFI_STATUS page_call(const struct page *p, size_t payload, size_t *ret_payload);

/* A whole message of a fixed size: @inout goes out, and the reply's payload comes back into
 * it with EFI_SUCCESS. */
EFI_STATUS page_exchange(const struct page *p, const EFI_GUID *handler, uint64_t function,
			 void *inout, size_t n);
