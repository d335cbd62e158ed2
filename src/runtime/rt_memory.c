/* SPDX-License-Identifier: BSD-2-Clause */
/* The memory services as drivers call them (UEFI 2.10 §7.2, §7.4.6): room `mem` decides,
 * the ledger remembers. */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "runtime/rt_priv.h"

#define PAGE 4096ULL

/* Memory calls from an ExitBootServices notification: the map may not change any more
 * (UEFI 2.10 §7.4.6). */
static void check_exit_event(struct rt *rt, const char *what)
{
	if (rt->exit_events)
		rt_find(rt, RT_ALLOCATE_IN_EXIT_EVENT, rt_caller(rt), 0,
			"calls %s in a notification: the memory map is final by then",
			what);
}

uint64_t svc_allocate_pages(struct rt *rt, const uint64_t *a)
{
	EFI_PHYSICAL_ADDRESS *memory = (EFI_PHYSICAL_ADDRESS *)a[3], at = 0;
	const uint32_t how = (uint32_t)a[0];
	EFI_STATUS status;

	check_exit_event(rt, "AllocatePages");
	if (memory != NULL)
		at = *memory;
	status = rts_mem_allocate_pages(rt->mem, (EFI_ALLOCATE_TYPE)how, (uint32_t)a[1],
					a[2], memory != NULL ? &at : NULL);
	if (status == EFI_SUCCESS && memory != NULL) {
		const struct rt_place by = rt_caller(rt);

		rt_blocks_forget(rt, at - PAGE, at + a[2] * PAGE + PAGE);
		rt_block_add(rt, at, a[2] * PAGE, (uint32_t)a[1], RT_BLOCK_PAGES, &by,
			     NULL);
		*memory = at;
	}
	return status;
}

static void block_free(struct rt *rt, struct rt_block *b, const struct rt_place *by)
{
	rt_canaries_check(rt, b, b->kind == RT_BLOCK_POOL ? "FreePool" : "FreePages");
	if (rt->watch_base - b->physical < b->size)
		rt_watch_end(rt);
	rt_block_protect(rt, b, PROT_NONE);
	b->freed = 1;
	b->freed_by = by->image;
	b->freed_site = by->offset;
}

/* What is left of a block of which [@from, @to) was freed becomes blocks of their own. */
static void block_cut(struct rt *rt, uint32_t i, uint64_t from, uint64_t to,
		      const struct rt_place *by)
{
	const struct rt_block old = rt->shared->blocks[i];
	const struct rt_place owner = {old.owner, old.site};
	const uint64_t end = old.physical + old.size;

	rt->shared->blocks[i].physical = from;
	rt->shared->blocks[i].size = to - from;
	block_free(rt, &rt->shared->blocks[i], by);
	if (from > old.physical)
		rt_block_add(rt, old.physical, from - old.physical, old.memory_type,
			     RT_BLOCK_PAGES, &owner, NULL);
	if (to < end)
		rt_block_add(rt, to, end - to, old.memory_type, RT_BLOCK_PAGES, &owner,
			     NULL);
}

/* Why nothing could be freed at @address. NULL is what C programs free without a thought,
 * and harmless. */
static void free_refused(struct rt *rt, enum rt_block_kind kind, uint64_t address,
			 const struct rt_place *by)
{
	const char *what = kind == RT_BLOCK_POOL ? "pool block" : "block of pages";
	const struct rt_block *b = rt_block_at(rt, address);

	for (uint32_t k = atomic_load(&rt->shared->blocks_count); b == NULL && k-- > 0;) {
		const struct rt_block *old = &rt->shared->blocks[k];

		if (old->freed && old->kind == kind && address >= old->physical &&
		    address - old->physical < old->size)
			b = old;
	}
	if (address == 0)
		return;
	if (b != NULL && b->freed && b->kind == kind)
		rt_find(rt, RT_USE_AFTER_FREE, *by, address, "frees a %s a second time",
			what);
	else
		rt_find(rt, RT_WILD_ACCESS, *by, address, "frees %#llx, where no %s begins",
			(unsigned long long)address, what);
	if (b != NULL)
		rt_record_block(rt, b);
}

/* Images, tables and stacks are the firmware's. */
static bool are_pages(struct rt *rt, uint64_t from, uint64_t count)
{
	for (uint64_t i = 0; i < count && rt_ram(rt, from + i * PAGE, PAGE) != NULL; i++) {
		const struct rt_block *b = rt_block_at(rt, from + i * PAGE + PAGE - 1);

		if (b != NULL && b->kind != RT_BLOCK_PAGES)
			return false;
	}
	return true;
}

uint64_t svc_free_pages(struct rt *rt, const uint64_t *a)
{
	const uint64_t from = a[0], to = from + a[1] * PAGE;
	const struct rt_place by = rt_caller(rt);
	EFI_STATUS status;

	check_exit_event(rt, "FreePages");
	status = are_pages(rt, from, a[1]) ? rts_mem_free_pages(rt->mem, from, a[1])
					   : EFI_NOT_FOUND;
	for (uint32_t i = 0;
	     status == EFI_SUCCESS && i < atomic_load(&rt->shared->blocks_count); i++) {
		const struct rt_block *b = &rt->shared->blocks[i];

		if (b->freed || b->kind != RT_BLOCK_PAGES || b->physical >= to ||
		    b->physical + b->size <= from)
			continue;
		block_cut(rt, i, b->physical > from ? b->physical : from,
			  b->physical + b->size < to ? b->physical + b->size : to, &by);
	}
	if (status == EFI_NOT_FOUND || status == EFI_INVALID_PARAMETER)
		free_refused(rt, RT_BLOCK_PAGES, from, &by);
	return status;
}

static EFI_STATUS pool_new(struct rt *rt, uint32_t type, uint64_t size,
			   const struct rt_place *by, uint64_t *ret)
{
	EFI_PHYSICAL_ADDRESS at = 0;
	const EFI_STATUS status = rts_mem_allocate_pool(rt->mem, type, size, &at);

	if (status == EFI_SUCCESS) {
		rt_blocks_forget(rt, at - PAGE, at + size + PAGE);
		rt_block_add(rt, at, size, type, RT_BLOCK_POOL, by, NULL);
		*ret = at;
	}
	return status;
}

/* For a service that allocates for its caller. */
EFI_STATUS rt_pool_new(struct rt *rt, uint32_t type, uint64_t size, uint64_t *ret)
{
	const struct rt_place by = rt_caller(rt);

	return pool_new(rt, type, size, &by, ret);
}

uint64_t svc_allocate_pool(struct rt *rt, const uint64_t *a)
{
	const struct rt_place by = rt_caller(rt);
	uint64_t at = 0;
	EFI_STATUS status;

	check_exit_event(rt, "AllocatePool");
	if (a[2] == 0)
		return EFI_INVALID_PARAMETER;
	status = pool_new(rt, (uint32_t)a[0], a[1], &by, &at);
	if (status == EFI_SUCCESS) {
		/* not zero: what a driver finds there is nobody's promise */
		memset(rt_ram(rt, at, a[1]), 0xaf, a[1]);
		*(uint64_t *)a[2] = at;
	}
	return status;
}

uint64_t svc_free_pool(struct rt *rt, const uint64_t *a)
{
	const struct rt_place by = rt_caller(rt);
	const int32_t i = rt_block_find(rt, a[0]);
	EFI_STATUS status;

	check_exit_event(rt, "FreePool");
	status = rts_mem_free_pool(rt->mem, a[0]);
	if (status == EFI_SUCCESS && i >= 0)
		block_free(rt, &rt->shared->blocks[i], &by);
	if (status == EFI_INVALID_PARAMETER)
		free_refused(rt, RT_BLOCK_POOL, a[0], &by);
	return status;
}

uint64_t svc_get_memory_map(struct rt *rt, const uint64_t *a)
{
	struct rt_shared *s = rt->shared;
	uint64_t descriptor_size = 0;
	EFI_STATUS status;

	if (a[0] != 0 && a[1] != 0 && rt->watch_len != 0)
		rt_watch_end(rt);
	status = rts_mem_get_map(rt->mem, (uint64_t *)a[0], (void *)a[1], (uint64_t *)a[2],
				 &descriptor_size, (uint32_t *)a[4]);
	if (a[3] != 0)
		*(uint64_t *)a[3] = descriptor_size;
	s->map_descriptor_size = (uint32_t)descriptor_size;
	if (status == EFI_SUCCESS && a[0] != 0 && rt_caller(rt).image != RT_NOBODY)
		rt_watch(rt, a[1], *(uint64_t *)a[0]);
	return status;
}

/* The map for `--save-map`, and its key. */
static uint64_t map_keep(struct rt *rt)
{
	struct rt_shared *s = rt->shared;
	uint64_t size = sizeof s->map, key = 0, descriptor_size = 0;
	uint32_t version;

	if (rts_mem_get_map(rt->mem, &size, s->map, &key, &descriptor_size, &version) ==
	    EFI_SUCCESS)
		s->map_len = (uint32_t)size;
	s->map_descriptor_size = (uint32_t)descriptor_size;
	return key;
}

/* The rest of UEFI 2.10 §7.4.6, once the key is right. */
static void boot_services_end(struct rt *rt)
{
	static const EFI_GUID group = EFI_EVENT_GROUP_EXIT_BOOT_SERVICES_GUID;
	EFI_SYSTEM_TABLE *st = rt_ram(rt, rt->st, sizeof *st);
	EFI_RUNTIME_ARCH_PROTOCOL *arch =
		rt_ram(rt, rt->arch != 0 ? rt->arch : rt->own_arch, sizeof *arch);

	rt->exit_events = true;
	rt_signal_type(rt, EVT_SIGNAL_EXIT_BOOT_SERVICES, &group);
	rt->exit_events = false;
	rts_vars_exit_boot_services(rt->vars);
	rt_canaries_check_all(rt, "ExitBootServices");
	rt_census(rt, false);
	st->ConsoleInHandle = st->ConsoleOutHandle = st->StandardErrorHandle = NULL;
	st->ConIn = NULL;
	st->ConOut = st->StdErr = NULL;
	st->BootServices = NULL;
	rt_table_crc(rt, rt->st);
	if (arch != NULL)
		arch->AtRuntime = true;
	rt->runtime = true;
	rt_space_exit(rt);
}

EFI_STATUS rt_exit_boot_services(struct rt *rt, uint64_t key, bool from_driver)
{
	static const EFI_GUID before = EFI_EVENT_GROUP_BEFORE_EXIT_BOOT_SERVICES_GUID;
	const bool first = !rt->exiting;
	const uint32_t phase = atomic_load(&rt->shared->phase);
	uint64_t final;

	if (rt->runtime)
		return EFI_UNSUPPORTED;
	rt_watch_end(rt);
	atomic_store(&rt->shared->phase, RT_PHASE_EXIT);
	rt->shared->phases[RT_PHASE_EXIT].reached = 1;
	rts_mem_exit_begin(rt->mem);
	if (first) {
		rt->exiting = true;
		rt_signal_group(rt, &before);
		/* firmware may change the map between GetMemoryMap and ExitBootServices: a
		 * loader has to try again */
		if (from_driver)
			rt_table_new(rt, 1, EfiBootServicesData, "firmware's own");
	}
	final = map_keep(rt);
	if (!from_driver)
		key = final;
	if (rts_mem_exit_commit(rt->mem, key) != EFI_SUCCESS) {
		atomic_store(&rt->shared->phase, phase);
		return EFI_INVALID_PARAMETER;
	}
	boot_services_end(rt);
	return EFI_SUCCESS;
}

uint64_t svc_exit_boot_services(struct rt *rt, const uint64_t *a)
{
	const uint16_t image = rt_caller(rt).image;
	const EFI_STATUS status = rt_exit_boot_services(rt, a[1], true);

	if (image < RT_IMAGES_MAX && status == EFI_SUCCESS)
		rt->loaded[image].exit_failures = 0;
	else if (image < RT_IMAGES_MAX)
		rt->loaded[image].exit_failures++;
	return status;
}
