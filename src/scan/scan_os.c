/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Drivers against the memory that the operating system manages: runtime drivers lie outside
 * of it, whoever tells where it is. Linux's list of "System RAM", a Windows dump's run
 * list, the memory map that the operating system kept.
 */

#include "scan/scan_priv.h"
#include "uefi/services.h"

#define PAGE 4096U

/* What of @driver a stretch of the operating system's memory covers, and who says so. */
struct overlap {
	const char *source;
	uint64_t start, len;
};

static bool covers(const struct rts_scan_driver *driver, const char *source, uint64_t start,
		   uint64_t len, struct overlap *ret)
{
	const uint64_t low = start > driver->base ? start : driver->base;
	/* one past the end, but for the last byte that there is */
	const uint64_t end = start + len < start ? UINT64_MAX : start + len;
	const uint64_t driver_end = driver->base + driver->size < driver->base
					    ? UINT64_MAX
					    : driver->base + driver->size;
	const uint64_t high = end < driver_end ? end : driver_end;

	if (low >= high)
		return false;
	*ret = (struct overlap){source, low, high - low};
	return true;
}

static bool in_spans(const struct scan *s, const struct rts_scan_driver *driver,
		     struct overlap *ret)
{
	const struct rts_scan_config *c = s->config;

	for (size_t i = 0; i < c->os_memory_count; i++)
		if (covers(driver, "the operating system's list of its memory",
			   c->os_memory[i].start, c->os_memory[i].len, ret))
			return true;
	return false;
}

static bool in_runs(const struct scan *s, const struct rts_scan_driver *driver,
		    struct overlap *ret)
{
	const struct rts_dump_range *r;
	size_t i;

	/* a list that has the firmware's own tables is not of what it says */
	if (!rts_dump_info(s->dump)->os_ranges || s->tables.has_runtime)
		return false;
	i = rts_dump_range_find(s->dump, driver->base);
	if (i >= rts_dump_range_count(s->dump))
		return false;
	r = rts_dump_range(s->dump, i);
	return covers(driver, "the run list in the image", r->start, r->len, ret);
}

/* What firmware may not use after ExitBootServices (UEFI 2.10 §7.2, table 7.6). */
static bool given_away(uint32_t type)
{
	return (type >= EfiLoaderCode && type <= EfiBootServicesData) ||
	       type == EfiConventionalMemory;
}

/* Perhaps before ExitBootServices, when drivers may lie anywhere: it takes the boot
 * services out of the system table. */
static bool may_boot(const struct scan *s)
{
	const struct scan_tables *t = &s->tables;

	return !t->virtual_mode && (!t->has_system || t->system_boot != 0);
}

static bool in_regions(const struct scan *s, const struct rts_scan_driver *driver,
		       struct overlap *ret)
{
	if (may_boot(s))
		return false;
	for (size_t i = 0; i < s->report->region_count; i++) {
		const struct rts_scan_region *r = &s->report->regions[i];
		uint64_t len;

		if (__builtin_mul_overflow(r->pages, PAGE, &len))
			len = UINT64_MAX;
		if (given_away(r->type) &&
		    covers(driver, "the operating system's copy of the memory map",
			   r->start, len, ret))
			return true;
	}
	return false;
}

EFI_STATUS rts_scan_os_memory(struct scan *s)
{
	for (size_t i = 0; i < s->report->driver_count; i++) {
		const struct rts_scan_driver *driver = &s->report->drivers[i];
		struct overlap o;

		if (!in_spans(s, driver, &o) && !in_runs(s, driver, &o) &&
		    !in_regions(s, driver, &o))
			continue;
		rts_scan_find(
			s,
			&(struct scan_finding_at){
				.rule = RTS_SCAN_DRIVER_IN_OS_MEMORY,
				.driver = (int)i,
				.has_address = true,
				.address = o.start,
				.innocent_if =
					"it is a stale copy: an image that was unloaded, "
					"or a file that was read into memory, and its "
					"pages have another use now",
			},
			"0x%lx bytes from 0x%lx on, of the image at 0x%lx, are memory that "
			"the operating "
			"system manages, as %s says",
			o.len, o.start, driver->base, o.source);
	}
	return s->no_memory ? EFI_OUT_OF_RESOURCES : EFI_SUCCESS;
}
