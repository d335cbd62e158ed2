/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hosted machine's memory: RAM that is a file, so that it can be mapped at physical
 * addresses, at virtual ones, and once more for ourselves; and the ledger, which knows
 * every block that a driver was given.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime/rt_judge.h"
#include "runtime/rt_priv.h"

#define ARENA_LEN (16U << 20)
#define PAGE      4096ULL
#define FLOOR(a)  ((a) & ~(PAGE - 1))
#define CEIL(a)   (((a) + PAGE - 1) & ~(PAGE - 1))
#define RW        (PROT_READ | PROT_WRITE)

struct rt *rt_self;

void rt_trouble(struct rt *rt, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fmt_text(rt->shared->trouble_text, sizeof rt->shared->trouble_text, fmt, ap);
	va_end(ap);
	atomic_store(&rt->shared->trouble, 1);
	_exit(2);
}

uint64_t rt_random(struct rt *rt)
{
	uint64_t z = rt->random += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

static void *map_at(uint64_t address, uint64_t len, int prot, int fd, uint64_t offset)
{
	const int how = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;

	return mmap((void *)address, len, prot, how | MAP_FIXED_NOREPLACE, fd,
		    (off_t)offset);
}

int rt_space_init(struct rt *rt, struct diag *d)
{
	static const struct {
		uint64_t base, len;
		const char *what;
	} spaces[] = {{RT_RAM_BASE, RT_RAM_LEN, "RAM"},
		      {RT_OS_BASE, RT_OS_LEN, "the operating system's memory"}};
	const struct rts_mem_config config = {
		.guard = RTS_MEM_GUARD_PAGES | RTS_MEM_GUARD_POOL | RTS_MEM_GUARD_FREED |
			 (rt->config->head_guard ? RTS_MEM_GUARD_HEAD : 0)};
	void *arena;

	for (size_t i = 0; i < sizeof spaces / sizeof *spaces; i++)
		if (map_at(spaces[i].base, spaces[i].len, PROT_NONE,
			   i == 0 ? rt->ram_fd : -1, 0) != (void *)spaces[i].base)
			return diag(d, -errno, "%s: no room at %#llx: %s", spaces[i].what,
				    (unsigned long long)spaces[i].base, strerror(errno));
	rt->ram = mmap(NULL, RT_RAM_LEN, RW, MAP_SHARED, rt->ram_fd, 0);
	arena = mmap(NULL, ARENA_LEN, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (rt->ram == MAP_FAILED || arena == MAP_FAILED)
		return diag(d, -ENOMEM, "no memory for the hosted machine");
	if (rts_mem_init(arena, ARENA_LEN, &config, &rt->mem) != EFI_SUCCESS ||
	    rts_mem_add(rt->mem, RT_RAM_BASE, RT_RAM_LEN / PAGE, EfiConventionalMemory,
			EFI_MEMORY_UC | EFI_MEMORY_WC | EFI_MEMORY_WT | EFI_MEMORY_WB) !=
		    EFI_SUCCESS)
		return diag(d, -EINVAL, "the memory services did not start");
	rt->os_next = RT_OS_BASE + RT_OS_LEN;
	rt->virtual_next = RT_VIRTUAL_BASE + (rt_random(rt) & 0xffffff) * PAGE;
	return 0;
}

void *rt_ram(struct rt *rt, uint64_t p, uint64_t n)
{
	return p >= RT_RAM_BASE && p - RT_RAM_BASE <= RT_RAM_LEN &&
			       n <= RT_RAM_LEN - (p - RT_RAM_BASE)
		       ? rt->ram + (p - RT_RAM_BASE)
		       : NULL;
}

static uint32_t block_count(const struct rt *rt)
{
	return atomic_load(&rt->shared->blocks_count);
}

static bool block_has(const struct rt_block *b, uint64_t address)
{
	return !b->freed && address >= b->physical &&
	       address - b->physical < (b->size != 0 ? b->size : 1);
}

static uint32_t *page_of(struct rt *rt, uint64_t address)
{
	return &rt->page_block[(address - RT_RAM_BASE) / PAGE];
}

int32_t rt_block_find(struct rt *rt, uint64_t address)
{
	if (rt_ram(rt, address, 1) != NULL) {
		const uint32_t n = *page_of(rt, address);

		return n != 0 && block_has(&rt->shared->blocks[n - 1], address)
			       ? (int32_t)n - 1
			       : -1;
	}
	for (uint32_t i = block_count(rt); i-- > 0;)
		if (block_has(&rt->shared->blocks[i], address))
			return (int32_t)i;
	return -1;
}

const struct rt_block *rt_block_at(struct rt *rt, uint64_t address)
{
	const int32_t i = rt_block_find(rt, address);

	return i >= 0 ? &rt->shared->blocks[i] : NULL;
}

uint64_t rt_physical(struct rt *rt, uint64_t address)
{
	if (!rt->virtual_done)
		return rt_ram(rt, address, 1) != NULL ? address : 0;
	for (uint32_t i = block_count(rt); i-- > 0;) {
		const struct rt_block *b = &rt->shared->blocks[i];

		if (!b->freed && b->virtual_ != 0 && address >= b->virtual_ &&
		    address - b->virtual_ < b->size)
			return b->physical + (address - b->virtual_);
	}
	return 0;
}

static bool is_runtime_type(uint32_t type)
{
	return type == EfiRuntimeServicesCode || type == EfiRuntimeServicesData;
}

void rt_block_protect(struct rt *rt, const struct rt_block *b, int prot)
{
	const uint64_t at =
		rt->virtual_done && b->virtual_ != 0 ? b->virtual_ : b->physical;
	const uint64_t from = FLOOR(at), to = CEIL(at + (b->size != 0 ? b->size : 1));

	if (mprotect((void *)from, to - from, prot) < 0)
		rt_trouble(rt, "mprotect of %#llx+%#llx: %s%s", (unsigned long long)from,
			   (unsigned long long)(to - from), strerror(errno),
			   errno == ENOMEM ? "; more blocks of memory than "
					     "vm.max_map_count of this host allows"
					   : "");
}

/* The bytes of a block's pages that nobody may use. */
struct slack {
	uint8_t *p;
	size_t n;
};

static void block_slack(struct rt *rt, const struct rt_block *b, struct slack ret[2])
{
	const uint64_t from = FLOOR(b->physical), end = b->physical + b->size,
		       to = CEIL(b->physical + (b->size != 0 ? b->size : 1));

	/* the whole block lies in RAM, and its pages with it */
	ret[0] = (struct slack){rt->ram + (from - RT_RAM_BASE), b->physical - from};
	ret[1] = (struct slack){rt->ram + (end - RT_RAM_BASE), to - end};
}

/* A record speaks of block @i. */
static bool is_recorded(const struct rt *rt, uint32_t i)
{
	for (uint32_t k = atomic_load(&rt->shared->records_count); k-- > 0;)
		if (rt->shared->records[k].block == (int32_t)i)
			return true;
	return false;
}

void rt_blocks_forget(struct rt *rt, uint64_t from, uint64_t to)
{
	for (uint64_t at = FLOOR(from); at < to; at += PAGE) {
		const uint32_t n = rt_ram(rt, at, PAGE) != NULL ? *page_of(rt, at) : 0;

		if (n != 0 && rt->shared->blocks[n - 1].freed && !is_recorded(rt, n - 1))
			rt->shared->blocks[n - 1].physical = 0;
	}
}

/* A place in the ledger: a new one or, where there are few left, that of the block which
 * was freed longest ago. */
static uint32_t place_new(struct rt *rt, enum rt_block_kind kind)
{
	const uint32_t n = block_count(rt),
		       max = RT_BLOCKS_MAX -
			     (kind == RT_BLOCK_CALLER ? 0 : RT_BLOCKS_SPARE);

	for (uint32_t i = 0; n >= max && i < max; i++) {
		const uint32_t k = rt->oldest++ % max;

		if (rt->shared->blocks[k].freed && !is_recorded(rt, k))
			return k;
	}
	if (n >= max)
		rt_trouble(rt, "more than %u blocks of memory are allocated", max);
	return n;
}

struct rt_block *rt_block_add(struct rt *rt, uint64_t physical, uint64_t size,
			      uint32_t type, enum rt_block_kind kind,
			      const struct rt_place *by, const char *name)
{
	const uint32_t n = place_new(rt, kind);
	struct rt_block *b = &rt->shared->blocks[n];

	*b = (struct rt_block){.physical = physical,
			       .size = size,
			       .memory_type = type,
			       .kind = (uint8_t)kind,
			       .owner = by != NULL ? by->image : RT_NOBODY,
			       .site = by != NULL ? by->offset : 0};
	if (name != NULL)
		snprintf(b->name, sizeof b->name, "%s", name);
	if (n == block_count(rt))
		atomic_store(&rt->shared->blocks_count, n + 1);
	if (rt_ram(rt, physical, size) != NULL) {
		struct slack s[2];

		for (uint64_t at = FLOOR(physical);
		     at < CEIL(physical + (size != 0 ? size : 1)); at += PAGE)
			*page_of(rt, at) = n + 1;
		block_slack(rt, b, s);
		for (int i = 0; i < 2; i++)
			memset(s[i].p, RT_CANARY, s[i].n);
	}
	if (kind != RT_BLOCK_DEVICE) /* its own affair */
		rt_block_protect(rt, b, RW);
	return b;
}

static bool is_canary(const uint8_t *p, size_t n)
{
	return n == 0 || (p[0] == RT_CANARY && memcmp(p, p + 1, n - 1) == 0);
}

bool rt_canaries_check(struct rt *rt, const struct rt_block *b, const char *when)
{
	struct slack s[2];

	if (b->freed || (b->kind != RT_BLOCK_POOL && b->kind != RT_BLOCK_PAGES) ||
	    rt_ram(rt, b->physical, b->size) == NULL)
		return true;
	block_slack(rt, b, s);
	for (int behind = 0; behind < 2; behind++) {
		const uint8_t *p = s[behind].p;
		size_t at = behind ? 0 : s[behind].n - 1;
		int64_t offset;

		if (is_canary(p, s[behind].n))
			continue;
		/* the byte nearest to the block says most */
		while (p[at] == RT_CANARY)
			at += behind ? 1 : -1ULL;
		offset = behind ? (int64_t)(b->size + at)
				: (int64_t)at - (int64_t)s[behind].n;
		rt_find(rt, behind ? RT_HEAP_OVERFLOW : RT_HEAP_UNDERFLOW,
			(struct rt_place){b->owner, b->site},
			b->physical + (uint64_t)offset,
			"offset %lld of a block of %llu bytes was written to; noticed at "
			"%s",
			(long long)offset, (unsigned long long)b->size, when);
		rt_record_block(rt, b);
		memset(s[behind].p, RT_CANARY, s[behind].n);
		return false;
	}
	return true;
}

void rt_canaries_check_all(struct rt *rt, const char *when)
{
	for (uint32_t i = 0; i < block_count(rt); i++)
		rt_canaries_check(rt, &rt->shared->blocks[i], when);
}

uint64_t rt_table_new(struct rt *rt, uint64_t size, uint32_t type, const char *name)
{
	EFI_PHYSICAL_ADDRESS p = 0;

	if (rts_mem_allocate_pages(rt->mem, AllocateAnyPages, type, CEIL(size) / PAGE,
				   &p) != EFI_SUCCESS)
		rt_trouble(rt, "no memory for %s", name);
	p += FLOOR(CEIL(size) - size) + ((CEIL(size) - size) & ~15ULL & (PAGE - 1));
	rt_block_add(rt, p, size, type, RT_BLOCK_TABLE, NULL, name);
	memset(rt_ram(rt, p, size), 0, size);
	return p;
}

void *rt_caller_buffer(struct rt *rt, uint64_t size, uint64_t align, const char *name)
{
	const uint64_t len = CEIL(size != 0 ? size : 1);
	struct rt_block *b;
	uint64_t at;

	if (rt->os_next - RT_OS_BASE < len + 2 * PAGE)
		rt_trouble(rt, "the calls' arguments need more than %llu bytes",
			   (unsigned long long)RT_OS_LEN);
	rt->os_next -= len + PAGE;
	/* one of no bytes lies in its page all the same, not in the guard behind it */
	at = (rt->os_next + len - (size != 0 ? size : align)) & ~(align - 1);
	b = rt_block_add(rt, at, size, EfiMaxMemoryType, RT_BLOCK_CALLER, NULL, name);
	memset((void *)FLOOR(b->physical), RT_CANARY, len);
	return (void *)at;
}

void rt_caller_buffers_reset(struct rt *rt)
{
	uint32_t n = block_count(rt);

	/* only the newest blocks are buffers: what was allocated meanwhile keeps its place
	 * in the ledger */
	while (n > 0 && rt->shared->blocks[n - 1].kind == RT_BLOCK_CALLER) {
		n--;
		rt->os_next +=
			CEIL(rt->shared->blocks[n].size != 0 ? rt->shared->blocks[n].size
							     : 1) +
			PAGE;
		rt_block_protect(rt, &rt->shared->blocks[n], PROT_NONE);
	}
	atomic_store(&rt->shared->blocks_count, n);
}

void rt_space_exit(struct rt *rt)
{
	for (uint32_t i = 0; i < block_count(rt); i++) {
		const struct rt_block *b = &rt->shared->blocks[i];
		const bool application =
			b->owner != RT_NOBODY &&
			rt->shared->images[b->owner].subsystem == PE_SUBSYSTEM_APPLICATION;

		/* an application is the operating system's loader by now, and its memory
		 * the system's; so is the stack that it runs on */
		if (!b->freed && rt_is_boot_type(b->memory_type) && !application &&
		    b->physical != rt->boot_stubs &&
		    (b->kind != RT_BLOCK_STACK || rt->driver_sp == 0))
			rt_block_protect(rt, b, PROT_NONE);
	}
}

/* A range of its own for each block, though the memory map shows neighbours as one: no
 * driver may count on neighbours. */
uint32_t rt_space_virtual(struct rt *rt)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < block_count(rt); i++) {
		struct rt_block *b = &rt->shared->blocks[i];

		if (b->freed ||
		    (!is_runtime_type(b->memory_type) && b->kind != RT_BLOCK_DEVICE) ||
		    b->kind == RT_BLOCK_CALLER || b->memory_type == EfiMaxMemoryType)
			continue;
		rt->virtual_next += (1 + rt_random(rt) % 0x10000) * PAGE;
		b->virtual_ = rt->virtual_next + (b->physical & (PAGE - 1));
		rt->virtual_next += CEIL((b->physical & (PAGE - 1)) + b->size);
		count++;
	}
	return count;
}

void rt_space_switch(struct rt *rt)
{
	if (mprotect((void *)RT_RAM_BASE, RT_RAM_LEN, PROT_NONE) < 0)
		rt_trouble(rt, "physical memory could not be closed: %s", strerror(errno));
	for (uint32_t i = 0; i < block_count(rt); i++) {
		const struct rt_block *b = &rt->shared->blocks[i];
		const uint64_t from = FLOOR(b->virtual_), to = CEIL(b->virtual_ + b->size);

		if (b->kind == RT_BLOCK_TABLE && rt_ram(rt, b->physical, 1) == NULL)
			rt_block_protect(rt, b, PROT_NONE);
		if (b->freed || b->virtual_ == 0 || b->kind == RT_BLOCK_DEVICE)
			continue;
		if (map_at(from, to - from, RW, rt->ram_fd,
			   FLOOR(b->physical) - RT_RAM_BASE) != (void *)from)
			rt_trouble(rt, "no room at the virtual address %#llx: %s",
				   (unsigned long long)from, strerror(errno));
	}
	for (size_t i = 0; i < rt->mmio_count; i++) {
		struct rt_mmio *m = &rt->mmio[i];
		const int prot = m->open ? PROT_READ : PROT_NONE;

		mprotect((void *)m->base, m->size, PROT_NONE);
		if (m->virtual_ != 0 && map_at(m->virtual_, m->size, prot, m->fd,
					       m->fd_offset) != (void *)m->virtual_)
			rt_trouble(rt,
				   "no room for a device at the virtual address %#llx: %s",
				   (unsigned long long)m->virtual_, strerror(errno));
	}
	rt->virtual_done = true;
	for (unsigned i = 0; i < atomic_load(&rt->shared->images_count); i++)
		if (rt->shared->images[i].virtual_ != 0)
			rt_image_protect(rt, i, rt->shared->images[i].virtual_);
	mprotect((void *)FLOOR(
			 rt->shared->blocks[rt_block_find(rt, rt->runtime_stubs)].virtual_),
		 PAGE, PROT_READ | PROT_EXEC);
}

/* Boot memory that something of the driver's leads to which must outlive boot. Its image is
 * not such a thing: drivers keep there what they need at boot only, and so does the
 * firmware that everybody runs. */
static void census_boot(struct rt *rt, const struct rt_block *b,
			const struct rt_block *holder, uint64_t at)
{
	if (!rt_is_boot_type(b->memory_type) ||
	    (b->kind != RT_BLOCK_POOL && b->kind != RT_BLOCK_PAGES))
		return;
	for (size_t i = 0; i < RT_PROTOCOLS_MAX; i++)
		if (rt->protocols[i].used && rt->protocols[i].interface == b->physical)
			return; /* the data base of protocols ends with boot, too */
	rt_find(rt, RT_WRONG_MEMORY_TYPE, (struct rt_place){b->owner, b->site}, b->physical,
		"the driver's runtime memory of %llu bytes, allocated at +%#llx, still "
		"points "
		"here from its offset %llu",
		(unsigned long long)holder->size, (unsigned long long)holder->site,
		(unsigned long long)(at - holder->physical));
	rt_record_block(rt, b);
}

/* One word of a driver's memory that may be a pointer. */
static void census_word(struct rt *rt, struct rt_place at, int32_t holder, uint64_t value,
			bool after_virtual)
{
	const int32_t i = rt_ram(rt, value, 1) != NULL ? rt_block_find(rt, value) : -1;
	const struct rt_block *b = i >= 0 ? &rt->shared->blocks[i] : NULL;
	const uint32_t n = atomic_load(&rt->shared->suspects_count);

	if (b == NULL || b->owner != at.image)
		return;
	if (!after_virtual) {
		if (holder >= 0)
			census_boot(rt, b, &rt->shared->blocks[holder], at.offset);
		return;
	}
	if (b->virtual_ == 0 || n == RT_SUSPECTS_MAX)
		return;
	rt->shared->suspects[n] = (struct rt_suspect){at, value, i, holder};
	atomic_store(&rt->shared->suspects_count, n + 1);
}

static void census_root(struct rt *rt, struct rt_place at, uint64_t address,
			const char *what)
{
	const int32_t i = rt_block_find(rt, address);

	if (i < 0 || !rt_is_boot_type(rt->shared->blocks[i].memory_type))
		return;
	rt_find(rt, RT_WRONG_MEMORY_TYPE, at, address, "%s lies in boot-services memory",
		what);
	rt_record_block(rt, &rt->shared->blocks[i]);
}

/* What the firmware itself will follow after boot: runtime services, and events that
 * outlive it. */
static void census_roots(struct rt *rt)
{
	const uint64_t *services = rt_runtime_table(rt);
	char what[80];

	for (size_t i = 0; i < RT_RUNTIME_SERVICES; i++) {
		snprintf(what, sizeof what, "%s of the runtime services table",
			 rt_runtime_services[i].name);
		census_root(rt, rt_place_of(rt, services[i]), services[i], what);
	}
	for (size_t i = 0; i < RT_EVENTS_MAX; i++) {
		const struct rt_event *e = &rt->events[i];
		const struct rt_place at = {e->owner, e->site};

		if (!e->used || (e->type & EVT_RUNTIME) == 0)
			continue;
		census_root(rt, at, e->notify,
			    "the notification function of a runtime event");
		census_root(rt, at, e->context, "the context of a runtime event");
	}
}

static void census_range(struct rt *rt, uint16_t image, uint64_t from, uint64_t len,
			 uint64_t offset, int32_t holder, bool after_virtual)
{
	for (uint64_t k = (8 - (from & 7)) & 7; k + 8 <= len; k += 8) {
		uint64_t value;

		memcpy(&value, rt_ram(rt, from + k, 8), 8);
		census_word(rt, (struct rt_place){image, offset + k}, holder, value,
			    after_virtual);
	}
}

/* Looks through the writable data of runtime drivers, and through the runtime memory that
 * they allocated. */
void rt_census(struct rt *rt, bool after_virtual)
{
	if (!after_virtual)
		census_roots(rt);
	for (uint32_t i = 0; i < atomic_load(&rt->shared->images_count); i++) {
		const struct rt_image *img = &rt->shared->images[i];
		struct rts_pe_section s;

		if (img->subsystem != PE_SUBSYSTEM_RUNTIME_DRIVER ||
		    img->status != RT_STATUS_OK)
			continue;
		for (unsigned k = 0; rts_pe_image_section(&rt->loaded[i].pe, k, &s); k++)
			if (s.write)
				census_range(rt, (uint16_t)i, img->physical + s.start,
					     s.size, s.start, -1, after_virtual);
	}
	for (uint32_t i = 0, n = block_count(rt); i < n; i++) {
		const struct rt_block *b = &rt->shared->blocks[i];

		if (!b->freed && b->owner != RT_NOBODY && is_runtime_type(b->memory_type) &&
		    (b->kind == RT_BLOCK_POOL || b->kind == RT_BLOCK_PAGES) &&
		    rt->shared->images[b->owner].subsystem == PE_SUBSYSTEM_RUNTIME_DRIVER)
			census_range(rt, b->owner, b->physical, b->size, b->physical,
				     (int32_t)i, after_virtual);
	}
}
