/* SPDX-License-Identifier: BSD-2-Clause */
/* See page.h and doc/guest-protocol.md. No allocation, no boot services: called at run time
 * too. */
#include "page.h"

#include "base/mem.h"
#include "cpu.h"
#include "uefi/uefi_vars_regs.h"

#define HOST(field)  (GUEST_PAGE_HOST + (uint32_t)offsetof(struct guest_page_host, field))
#define GUEST(field) (GUEST_PAGE_GUEST + (uint32_t)offsetof(struct guest_page_guest, field))
#define ANSWER(field) \
	(GUEST_PAGE_ANSWER + (uint32_t)offsetof(struct guest_page_answer, field))

#define LIMIT_DEFAULT_MS 5000U
#define LIMIT_MAX_MS     60000U
#define RING_AGAIN_MS    50U

static uint32_t load(const struct page *p, uint32_t offset)
{
	return *(volatile uint32_t *)(p->mem + offset);
}

static void store(const struct page *p, uint32_t offset, uint32_t v)
{
	*(volatile uint32_t *)(p->mem + offset) = v;
}

void page_put(const struct page *p, uint32_t offset, const void *src, size_t n)
{
	volatile uint8_t *d = p->mem + GUEST_PAGE_BUFFER + offset;
	const uint8_t *s = src;

	for (; n > 0 && ((uintptr_t)d & 7) != 0; n--)
		*d++ = *s++;
	for (uint64_t v; n >= sizeof v; n -= sizeof v, d += sizeof v, s += sizeof v) {
		__builtin_memcpy(&v, s, sizeof v);
		*(volatile uint64_t *)d = v;
	}
	for (; n > 0; n--)
		*d++ = *s++;
}

void page_zero(const struct page *p, uint32_t offset, size_t n)
{
	volatile uint8_t *d = p->mem + GUEST_PAGE_BUFFER + offset;

	for (; n > 0 && ((uintptr_t)d & 7) != 0; n--)
		*d++ = 0;
	for (; n >= 8; n -= 8, d += 8)
		*(volatile uint64_t *)d = 0;
	for (; n > 0; n--)
		*d++ = 0;
}

void page_get(const struct page *p, uint32_t offset, void *ret, size_t n)
{
	const volatile uint8_t *s = p->mem + GUEST_PAGE_BUFFER + offset;
	uint8_t *d = ret;

	for (; n > 0 && ((uintptr_t)s & 7) != 0; n--)
		*d++ = *s++;
	for (uint64_t v; n >= sizeof v; n -= sizeof v, d += sizeof v, s += sizeof v) {
		v = *(const volatile uint64_t *)s;
		__builtin_memcpy(d, &v, sizeof v);
	}
	for (; n > 0; n--)
		*d++ = *s++;
}

bool page_present(const struct page *p)
{
	return *(volatile uint64_t *)(p->mem + HOST(magic)) == GUEST_PAGE_MAGIC &&
	       load(p, HOST(version)) == GUEST_PAGE_VERSION &&
	       load(p, HOST(buffer_offset)) == GUEST_PAGE_BUFFER &&
	       load(p, HOST(buffer_size)) == MM_BUFFER_MAX;
}

static void ring(const struct page *p)
{
	if ((load(p, HOST(flags)) & GUEST_PAGE_HOST_DOORBELL) != 0)
		*(volatile uint32_t *)(p->regs + IVSHMEM_REG_DOORBELL) =
			load(p, HOST(doorbell));
}

/* True when the host has acknowledged @req within @ms. A lost bell costs RING_AGAIN_MS. */
static bool wait(const struct page *p, uint32_t req, uint64_t ms)
{
	const uint64_t start = cpu_ticks();
	uint64_t rung = start, now;

	for (;;) {
		if (load(p, ANSWER(ack)) == req)
			return true;
		now = cpu_ticks();
		if (now - start > ms * p->ticks_per_ms)
			return false;
		if (now - rung > RING_AGAIN_MS * p->ticks_per_ms) {
			ring(p);
			rung = now;
		}
		cpu_relax();
	}
}

static void give_up(const struct page *p, uint32_t req)
{
	store(p, GUEST(cancel), req);
	cpu_barrier();
	ring(p);
}

bool page_settle(const struct page *p, uint64_t ms)
{
	uint32_t req = load(p, GUEST(req));

	if (load(p, ANSWER(ack)) == req)
		return true;
	give_up(p, req);
	return wait(p, req, ms);
}

void page_set_runtime(const struct page *p, bool runtime)
{
	store(p, GUEST(flags), runtime ? GUEST_PAGE_GUEST_RUNTIME : 0);
	cpu_barrier();
}

void page_begin(const struct page *p, const EFI_GUID *handler, uint64_t function,
		size_t payload)
{
	EFI_MM_COMMUNICATE_HEADER mm = {
		.HeaderGuid = *handler,
		.MessageLength = sizeof(SMM_VARIABLE_COMMUNICATE_HEADER) + payload,
	};
	SMM_VARIABLE_COMMUNICATE_HEADER h = {.Function = function};

	page_put(p, 0, &mm, sizeof mm);
	page_put(p, sizeof mm, &h, sizeof h);
}

EFI_STATUS page_call(const struct page *p, size_t payload, size_t *ret_payload)
{
	uint32_t req = load(p, GUEST(req)), limit = load(p, HOST(time_limit_ms)), length;
	EFI_STATUS status;

	/* The state is in the page alone, so that a reset or a restored snapshot needs no
	 * repair. An unanswered request means a host that is not there: fail at once until
	 * it has caught up. */
	if (load(p, ANSWER(ack)) != req)
		return EFI_DEVICE_ERROR;
	req++;
	if (load(p, GUEST(cancel)) == req) /* after 2^32 requests */
		store(p, GUEST(cancel), req - 1);
	store(p, GUEST(length), (uint32_t)(PAGE_PAYLOAD + payload));
	cpu_barrier(); /* the message before its number */
	store(p, GUEST(req), req);
	cpu_barrier(); /* the number before the bell */
	ring(p);

	if (limit == 0)
		limit = LIMIT_DEFAULT_MS;
	if (!wait(p, req, limit < LIMIT_MAX_MS ? limit : LIMIT_MAX_MS)) {
		give_up(p, req);
		return EFI_DEVICE_ERROR;
	}
	cpu_barrier(); /* the acknowledgement before the reply */
	length = load(p, ANSWER(length));
	if (load(p, ANSWER(status)) != UEFI_VARS_STS_SUCCESS || length < PAGE_PAYLOAD ||
	    length > MM_BUFFER_MAX)
		return EFI_DEVICE_ERROR;
	page_get(p, PAGE_PAYLOAD - sizeof status, &status, sizeof status);
	*ret_payload = length - PAGE_PAYLOAD;
	return status;
}

EFI_STATUS page_exchange(const struct page *p, const EFI_GUID *handler, uint64_t function,
			 void *inout, size_t n)
{
	size_t reply;
	EFI_STATUS status;

	page_begin(p, handler, function, n);
	page_put(p, PAGE_PAYLOAD, inout, n);
	status = page_call(p, n, &reply);
	if (status != EFI_SUCCESS)
		return status;
	if (reply < n)
		return EFI_DEVICE_ERROR;
	page_get(p, PAGE_PAYLOAD, inout, n);
	return EFI_SUCCESS;
}
