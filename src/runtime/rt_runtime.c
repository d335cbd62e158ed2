/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runtime services of the environment itself, for drivers that call them and where no
 * driver gives them (UEFI 2.10 §8), and SetVirtualAddressMap, ours: all checks, then every
 * notification while no virtual address is mapped.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "runtime/rt_judge.h"
#include "runtime/rt_priv.h"

#define PAGE      4096ULL
#define NAME_MAX_ 4096U

static void civil(int64_t seconds, EFI_TIME *ret)
{
	int64_t days = seconds / 86400, left = seconds % 86400, era, year;
	uint32_t of_era, year_of_era, day_of_year, month;

	/* days since 0000-03-01, so that a leap day ends its year */
	days += 719468;
	era = days / 146097;
	of_era = (uint32_t)(days - era * 146097);
	year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	month = (5 * day_of_year + 2) / 153;
	year = year_of_era + era * 400 + (month >= 10);
	*ret = (EFI_TIME){.Year = (uint16_t)year,
			  .Month = (uint8_t)(month < 10 ? month + 3 : month - 9),
			  .Day = (uint8_t)(day_of_year - (153 * month + 2) / 5 + 1),
			  .Hour = (uint8_t)(left / 3600),
			  .Minute = (uint8_t)(left / 60 % 60),
			  .Second = (uint8_t)(left % 60)};
}

static uint64_t svc_get_time(struct rt *rt, const uint64_t *a)
{
	struct timespec now;

	(void)rt;
	if (a[0] == 0)
		return EFI_INVALID_PARAMETER;
	clock_gettime(CLOCK_REALTIME, &now);
	civil(now.tv_sec, (EFI_TIME *)a[0]);
	if (a[1] != 0)
		*(EFI_TIME_CAPABILITIES *)a[1] =
			(EFI_TIME_CAPABILITIES){.Resolution = 1, .Accuracy = 50000000};
	return EFI_SUCCESS;
}

static uint64_t svc_unsupported(struct rt *rt, const uint64_t *a)
{
	(void)rt;
	(void)a;
	return EFI_UNSUPPORTED;
}

/* Bytes of a name, its NUL included. */
static size_t name_len(const CHAR16 *name)
{
	size_t n = 0;

	while (n < NAME_MAX_ && name[n] != 0)
		n++;
	return (n + 1) * 2;
}

static uint64_t svc_get_variable(struct rt *rt, const uint64_t *a)
{
	const CHAR16 *name = (const CHAR16 *)a[0];
	uint64_t *size = (uint64_t *)a[3], len;
	uint32_t attr = 0;
	EFI_STATUS status;

	if (name == NULL || a[1] == 0 || size == NULL)
		return EFI_INVALID_PARAMETER;
	len = *size;
	if (len != 0 && a[4] == 0) {
		uint64_t none = 0;

		status = rts_vars_get(rt->vars, name, name_len(name),
				      (const EFI_GUID *)a[1], &attr, &none, NULL);
		if (status == EFI_BUFFER_TOO_SMALL && none <= len)
			return EFI_INVALID_PARAMETER;
		len = none;
	} else {
		status = rts_vars_get(rt->vars, name, name_len(name),
				      (const EFI_GUID *)a[1], &attr, &len, (void *)a[4]);
	}
	if (status == EFI_SUCCESS || status == EFI_BUFFER_TOO_SMALL) {
		*size = len;
		if (a[2] != 0)
			*(uint32_t *)a[2] = attr;
	}
	return status;
}

static uint64_t svc_get_next_variable(struct rt *rt, const uint64_t *a)
{
	if (a[0] == 0 || a[1] == 0 || a[2] == 0)
		return EFI_INVALID_PARAMETER;
	return rts_vars_get_next(rt->vars, (CHAR16 *)a[1], (uint64_t *)a[0],
				 (EFI_GUID *)a[2]);
}

static uint64_t svc_set_variable(struct rt *rt, const uint64_t *a)
{
	const CHAR16 *name = (const CHAR16 *)a[0];

	if (name == NULL || a[1] == 0 || (a[3] != 0 && a[4] == 0))
		return EFI_INVALID_PARAMETER;
	return rts_vars_set(rt->vars, name, name_len(name), (const EFI_GUID *)a[1],
			    (uint32_t)a[2], (const void *)a[4], a[3]);
}

static uint64_t svc_query_variable_info(struct rt *rt, const uint64_t *a)
{
	if (a[1] == 0 || a[2] == 0 || a[3] == 0)
		return EFI_INVALID_PARAMETER;
	return rts_vars_query(rt->vars, (uint32_t)a[0], (uint64_t *)a[1], (uint64_t *)a[2],
			      (uint64_t *)a[3]);
}

static uint64_t svc_high_monotonic(struct rt *rt, const uint64_t *a)
{
	if (a[0] == 0)
		return EFI_INVALID_PARAMETER;
	rt->monotonic = ((rt->monotonic >> 32) + 1) << 32;
	*(uint32_t *)a[0] = (uint32_t)(rt->monotonic >> 32);
	return EFI_SUCCESS;
}

void rt_reset(struct rt *rt, struct rt_place at)
{
	if (!rt->reset_wanted && !rt->reset)
		rt_find(rt, RT_UNMET_DEPENDENCY, at, 0,
			"resets the machine, which here is the end of the run: what "
			"follows was not tried");
	rt->reset = true;
}

static uint64_t svc_reset(struct rt *rt, const uint64_t *a)
{
	(void)a;
	rt_reset(rt, rt_caller(rt));
	rt_gate_unwind(rt->outer_sp, EFI_SUCCESS);
}

static const char *block_what(const struct rt_block *b)
{
	static const char *const kinds[] = {
		"a pool block",        "pages",   "an image", "a stack",
		"the caller's memory", "a table", "a device"};

	return b->kind < sizeof kinds / sizeof *kinds ? kinds[b->kind] : "memory";
}

/* Why ConvertPointer did not find @value. */
static void convert_refused(struct rt *rt, uint64_t value)
{
	const struct rt_block *b = rt_block_at(rt, value), *old;
	const char *what = b == NULL                         ? NULL
			   : rt_is_boot_type(b->memory_type) ? "boot-services memory"
							     : block_what(b);

	for (uint32_t i = 0; b == NULL && i < atomic_load(&rt->shared->blocks_count); i++) {
		old = &rt->shared->blocks[i];
		if (old->virtual_ != 0 && value >= old->virtual_ &&
		    value - old->virtual_ < old->size) {
			rt_find(rt, RT_DOUBLE_CONVERSION, rt_caller(rt), value,
				"converts a pointer that already is a virtual address");
			rt_record_block(rt, old);
			return;
		}
		if (old->freed && value >= old->physical &&
		    value - old->physical < old->size) {
			what = "freed memory";
			b = old;
		}
	}
	rt_find(rt, RT_CONVERT_FAILED, rt_caller(rt), value,
		"ConvertPointer: %#llx lies in no runtime range%s%s",
		(unsigned long long)value, what != NULL ? ": it is " : "",
		what != NULL ? what : "");
	if (b != NULL)
		rt_record_block(rt, b);
}

/* NULL is refused too, where EFI_OPTIONAL_PTR does not allow it; drivers that everybody
 * runs pass it so. */
static uint64_t svc_convert_pointer(struct rt *rt, const uint64_t *a)
{
	const uint64_t *p = (const uint64_t *)a[1];
	const uint64_t value = p != NULL ? *p : 0;
	EFI_STATUS status;

	if (!rt->in_convert)
		rt_find(rt, RT_CONVERT_OUTSIDE_EVENT, rt_caller(rt), value,
			"calls ConvertPointer outside of SetVirtualAddressMap");
	if (rt->firmware_convert != 0)
		status = rt_enter(rt, rt->firmware_convert, a, 2);
	else
		status = rts_mem_convert(rt->mem, a[0], (uint64_t *)a[1]);
	if (status == EFI_NOT_FOUND && rt->in_convert)
		convert_refused(rt, value);
	return status;
}

/* RuntimeDxe's ConvertPointer does the work from now on, and ours looks at what comes of
 * it. */
void rt_convert_hook(struct rt *rt)
{
	uint64_t *services = rt_runtime_table(rt);
	const uint64_t ours = rt_stub(rt, RT_STUB_RUNTIME + RT_SVC_CONVERT);

	if (services[RT_SVC_CONVERT] == ours)
		return;
	rt->firmware_convert = services[RT_SVC_CONVERT];
	services[RT_SVC_CONVERT] = ours;
	rt_table_crc(rt, rt->rs);
}

static void convert_tables(struct rt *rt)
{
	EFI_SYSTEM_TABLE *st = rt_ram(rt, rt->st, sizeof *st);
	uint64_t *services = rt_runtime_table(rt);

	for (size_t i = 0; i < RT_RUNTIME_SERVICES; i++) {
		const bool stays = i == RT_SVC_SET_VIRTUAL || i == RT_SVC_CONVERT;

		if (!stays)
			rts_mem_convert(rt->mem, 0, &services[i]);
	}
	rt_table_crc(rt, rt->rs);
	rts_mem_convert(rt->mem, 0, (uint64_t *)&st->FirmwareVendor);
	rts_mem_convert(rt->mem, 0, (uint64_t *)&st->ConfigurationTable);
	rts_mem_convert(rt->mem, 0, (uint64_t *)&st->RuntimeServices);
	rt_table_crc(rt, rt->st);
}

static void relocate_images(struct rt *rt)
{
	for (unsigned i = 0; i < atomic_load(&rt->shared->images_count); i++) {
		struct rt_image *img = &rt->shared->images[i];
		struct rt_loaded *l = &rt->loaded[i];
		uint64_t to = img->physical;

		if (img->subsystem != PE_SUBSYSTEM_RUNTIME_DRIVER ||
		    img->status != RT_STATUS_OK ||
		    rts_mem_convert(rt->mem, 0, &to) != EFI_SUCCESS)
			continue;
		rts_pe_image_move(&l->pe, rt_ram(rt, img->physical, img->size),
				  img->physical, to, l->log, NULL);
	}
}

/* UEFI 2.10 §8.4: everything is checked before anything is done. */
static uint64_t svc_set_virtual_address_map(struct rt *rt, const uint64_t *a)
{
	const uint32_t phase = atomic_load(&rt->shared->phase);
	EFI_STATUS status;

	status = rts_mem_virtual_begin(rt->mem, a[0], a[1], (uint32_t)a[2],
				       (const void *)a[3]);
	if (status != EFI_SUCCESS)
		return status;
	if (!rt->os_converts)
		rt_find(rt, RT_UNMET_DEPENDENCY, rt_caller(rt), 0,
			"calls SetVirtualAddressMap, which here only the run itself can "
			"go over to: what follows was not tried");
	atomic_store(&rt->shared->phase, RT_PHASE_CONVERT);
	rt->in_convert = true;
	for (size_t i = 0; i < RT_EVENTS_MAX; i++) {
		const struct rt_event *e = &rt->events[i];
		const uint64_t args[2] = {RT_EVENT_BASE + i * 16, e->context};

		if (!e->used || e->type != EVT_SIGNAL_VIRTUAL_ADDRESS_CHANGE)
			continue;
		rt->shared->phases[RT_PHASE_CONVERT].calls++;
		rt_enter(rt, e->notify, args, 2);
	}
	rt->in_convert = false;
	relocate_images(rt);
	convert_tables(rt);
	rts_mem_virtual_end(rt->mem);
	atomic_store(&rt->shared->phase, phase);
	return EFI_SUCCESS;
}

const struct rt_service_def rt_runtime_services[RT_RUNTIME_SERVICES] = {
	{"GetTime", svc_get_time, TPL_CALLBACK},
	{"SetTime", svc_unsupported, TPL_CALLBACK},
	{"GetWakeupTime", svc_unsupported, TPL_CALLBACK},
	{"SetWakeupTime", svc_unsupported, TPL_CALLBACK},
	{"SetVirtualAddressMap", svc_set_virtual_address_map, 0},
	{"ConvertPointer", svc_convert_pointer, 0},
	{"GetVariable", svc_get_variable, TPL_CALLBACK},
	{"GetNextVariableName", svc_get_next_variable, TPL_CALLBACK},
	{"SetVariable", svc_set_variable, TPL_CALLBACK},
	{"GetNextHighMonotonicCount", svc_high_monotonic, 0},
	{"ResetSystem", svc_reset, 0},
	{"UpdateCapsule", svc_unsupported, 0},
	{"QueryCapsuleCapabilities", svc_unsupported, 0},
	{"QueryVariableInfo", svc_query_variable_info, TPL_CALLBACK},
};

/* The operating system's side. */

/* The block, among those that lie in [@from, @to), that begins first; -1: none. */
static int32_t first_block(struct rt *rt, uint64_t from, uint64_t to)
{
	int32_t found = -1;

	for (uint32_t i = 0; i < atomic_load(&rt->shared->blocks_count); i++) {
		const struct rt_block *b = &rt->shared->blocks[i];

		if (b->virtual_ != 0 && b->physical >= from && b->physical < to &&
		    (found < 0 || b->physical < rt->shared->blocks[found].physical))
			found = (int32_t)i;
	}
	return found;
}

/* Appends to @map the virtual ranges of one runtime descriptor: one for each block, guards
 * included. */
static size_t map_descriptor(struct rt *rt, const EFI_MEMORY_DESCRIPTOR *d,
			     EFI_MEMORY_DESCRIPTOR *map, size_t n, size_t cap)
{
	const uint64_t end = d->PhysicalStart + d->NumberOfPages * PAGE;
	uint64_t at = d->PhysicalStart;
	int32_t i = first_block(rt, at, end);

	while (at < end && n < cap) {
		const int32_t next = i >= 0 ? first_block(rt,
							  (rt->shared->blocks[i].physical &
							   ~(PAGE - 1)) +
								  PAGE,
							  end)
					    : -1;
		const uint64_t to =
			next >= 0 ? rt->shared->blocks[next].physical & ~(PAGE - 1) : end;
		uint64_t virtual_;

		if (i >= 0) {
			virtual_ = rt->shared->blocks[i].virtual_ -
				   (rt->shared->blocks[i].physical - at);
		} else {
			virtual_ = rt->virtual_next += 16 * PAGE;
			rt->virtual_next += to - at;
		}
		map[n] = *d;
		map[n].PhysicalStart = at;
		map[n].VirtualStart = virtual_;
		map[n++].NumberOfPages = (to - at) / PAGE;
		at = to;
		i = next;
	}
	return n;
}

/* What second relocation does for a driver's protocols it does for ours here: no engine
 * knows the stubs as an image. */
static void own_protocols_move(struct rt *rt)
{
	const struct rt_block *b =
		&rt->shared->blocks[rt_block_find(rt, rt->runtime_stubs)];
	uint64_t *fn = rt_ram(rt, rt->mm, sizeof *fn);

	if (*fn >= b->physical && *fn - b->physical < b->size)
		*fn += b->virtual_ - b->physical;
}

/* SetVirtualAddressMap did not do it: a driver's own; or ours, because a driver had called
 * it before, which has been told. */
static void map_refused(struct rt *rt, uint64_t fn, EFI_STATUS status)
{
	const char *name = runtime_status_name(status);
	const struct rt_place at = rt_place_of(rt, fn);

	if (at.image != RT_NOBODY)
		rt_find(rt, RT_CONVERT_FAILED, at, 0,
			"SetVirtualAddressMap returned %s for a map that is right",
			name != NULL ? name : "an error");
	else if (status != EFI_UNSUPPORTED)
		rt_trouble(rt, "SetVirtualAddressMap of our own returned %s",
			   name != NULL ? name : "an error");
}

EFI_STATUS rt_go_virtual(struct rt *rt)
{
	const struct rt_shared *s = rt->shared;
	const size_t step = s->map_descriptor_size;
	EFI_MEMORY_DESCRIPTOR *map;
	const uint64_t *services;
	EFI_STATUS status;
	size_t n = 0, cap;

	if (step < sizeof *map || s->map_len == 0)
		rt_trouble(rt, "the memory map was not kept");
	/* descriptors, each cut at its blocks */
	cap = s->map_len / step + rt_space_virtual(rt);
	map = rt_caller_buffer(rt, cap * sizeof *map, 8, "VirtualMap");
	for (size_t at = 0; at + step <= s->map_len; at += step) {
		EFI_MEMORY_DESCRIPTOR d;

		memcpy(&d, s->map + at, sizeof d);
		if ((d.Attribute & EFI_MEMORY_RUNTIME) != 0)
			n = map_descriptor(rt, &d, map, n, cap);
	}
	for (size_t i = 0; i < rt->mmio_count; i++) {
		const int32_t b = rt_block_find(rt, rt->mmio[i].base);

		rt->mmio[i].virtual_ =
			b >= 0 && s->blocks[b].virtual_ != 0
				? s->blocks[b].virtual_ +
					  (rt->mmio[i].base - s->blocks[b].physical)
				: 0;
	}
	services = rt_runtime_table(rt);
	atomic_store(&rt->shared->phase, RT_PHASE_CONVERT);
	rt->shared->phases[RT_PHASE_CONVERT].reached = 1;
	rt->in_convert = rt->firmware_convert != 0; /* our own says so itself */
	rt->os_converts = true;
	status = rt_enter(rt, services[RT_SVC_SET_VIRTUAL],
			  (uint64_t[]){n * sizeof *map, sizeof *map,
				       EFI_MEMORY_DESCRIPTOR_VERSION, (uint64_t)map},
			  4);
	rt->in_convert = false;
	if (status != EFI_SUCCESS && !rt->reset)
		map_refused(rt, services[RT_SVC_SET_VIRTUAL], status);
	if (status != EFI_SUCCESS || rt->reset)
		return EFI_ABORTED;
	for (unsigned i = 0; i < atomic_load(&s->images_count); i++) {
		struct rt_image *img = &rt->shared->images[i];

		if (img->subsystem == PE_SUBSYSTEM_RUNTIME_DRIVER)
			img->virtual_ = s->blocks[rt->loaded[i].block].virtual_;
	}
	own_protocols_move(rt);
	rt_canaries_check_all(rt, "SetVirtualAddressMap");
	rt_census(rt, true);
	rt_space_switch(rt);
	atomic_store(&rt->shared->phase, RT_PHASE_VIRTUAL);
	return EFI_SUCCESS;
}
