/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Verdicts on services, and findings: what the views, the tables and the known images say
 * against each other. Each rule has one meaning and one place here; those about Windows and
 * about the operating system's memory are in files of their own. A driver that equals a
 * known image raises nothing by being absent from a view.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/guid.h"
#include "scan/scan_priv.h"

#define FINDINGS_MAX   4096U
#define ENTRY_LEN      32U /* bytes of a service in which a jump or a change is its own */
#define EVIDENCE_LEN   12U /* bytes that are shown */
#define CONVERT_FIRST  4U  /* SetVirtualAddressMap and ConvertPointer stay physical */
#define CONVERT_LAST   5U
#define HOLE_STEPS_MAX 262144U /* pages of one scan */

static const struct {
	const char *name;
	enum rts_scan_severity severity;
} rules[RTS_SCAN_RULES] = {
	[RTS_SCAN_SERVICE_POINTER_FOREIGN] = {"service-pointer-foreign", RTS_SCAN_HIGH},
	[RTS_SCAN_SERVICE_CODE_MODIFIED] = {"service-code-modified", RTS_SCAN_HIGH},
	[RTS_SCAN_SERVICE_TRAMPOLINE] = {"service-trampoline", RTS_SCAN_HIGH},
	[RTS_SCAN_DRIVER_CODE_MODIFIED] = {"driver-code-modified", RTS_SCAN_HIGH},
	[RTS_SCAN_DRIVER_UNKNOWN] = {"driver-unknown", RTS_SCAN_MEDIUM},
	[RTS_SCAN_HEADER_WIPED] = {"header-wiped", RTS_SCAN_HIGH},
	[RTS_SCAN_HIDDEN_DRIVER] = {"hidden-driver", RTS_SCAN_HIGH},
	[RTS_SCAN_DRIVER_IN_OS_MEMORY] = {"driver-in-os-memory", RTS_SCAN_HIGH},
	[RTS_SCAN_EVENT_FOREIGN] = {"event-foreign", RTS_SCAN_HIGH},
	[RTS_SCAN_TABLE_CRC_BAD] = {"table-crc-bad", RTS_SCAN_MEDIUM},
	[RTS_SCAN_TABLE_POINTER_DISAGREES] = {"table-pointer-disagrees", RTS_SCAN_HIGH},
	[RTS_SCAN_NOT_IN_ATTRIBUTES_TABLE] = {"not-in-attributes-table", RTS_SCAN_MEDIUM},
	[RTS_SCAN_INVENTORY_DISAGREES] = {"inventory-disagrees", RTS_SCAN_MEDIUM},
	[RTS_SCAN_WINDOWS_COPY_DISAGREES] = {"windows-copy-disagrees", RTS_SCAN_HIGH},
	[RTS_SCAN_FIRMWARE_MISMATCH] = {"firmware-mismatch", RTS_SCAN_MEDIUM},
};

const char *rts_scan_rule_name(enum rts_scan_rule r)
{
	return r < RTS_SCAN_RULES ? rules[r].name : "?";
}

void rts_scan_find(struct scan *s, const struct scan_finding_at *f, const char *fmt, ...)
{
	struct rts_scan_report *r = s->report;
	struct rts_scan_finding *ret;
	char text[512];
	va_list ap;

	if (!rts_scan_grow(s, (void **)&r->findings, r->finding_count, &s->finding_cap,
			   sizeof *r->findings, FINDINGS_MAX)) {
		rts_scan_note(s, "more than %u findings: the others are left out",
			      FINDINGS_MAX);
		return;
	}
	va_start(ap, fmt);
	fmt_text(text, sizeof text, fmt, ap);
	va_end(ap);
	ret = &r->findings[r->finding_count];
	*ret = (struct rts_scan_finding){
		.rule = f->rule,
		.severity = f->info ? RTS_SCAN_INFO : rules[f->rule].severity,
		.driver = f->driver,
		.has_address = f->has_address,
		.address = f->address,
		.text = rts_scan_text(s, "%s", text),
		.innocent_if = f->innocent_if != NULL
				       ? rts_scan_text(s, "%s", f->innocent_if)
				       : NULL,
	};
	if (ret->text != NULL)
		r->finding_count++;
}

/* ---- what is known of a driver ---- */

static const char *driver_name(struct scan *s, const struct rts_scan_driver *driver)
{
	const char *text = driver->name != NULL ? driver->name : driver->path;

	if (text == NULL)
		text = rts_scan_text(s, "the driver at 0x%lx", driver->base);
	return text != NULL ? text : "a driver";
}

/* A known image lies there, changed or not. */
static bool is_known(const struct rts_scan_driver *driver)
{
	return driver->match == RTS_SCAN_EXACT || driver->match == RTS_SCAN_MATCH_MODIFIED;
}

/* ... or perhaps one: what is in the image of it equals none, and the rest is not there. */
static bool may_be_known(const struct scan *s, const struct rts_scan_driver *driver)
{
	return s->report->has_firmware && !driver->in_image && !is_known(driver);
}

static bool is_untouched(const struct rts_scan_driver *driver)
{
	return driver->match == RTS_SCAN_EXACT;
}

/* Whether code of driver @i lies at @at, and not its header, its data, or what is between.
 * Of a driver that nobody knows, any place is as good. */
static bool is_code(const struct scan *s, int i, uint64_t at)
{
	const struct rts_scan_driver *driver = &s->report->drivers[i];

	return !is_known(driver) ||
	       rts_scan_match_is_code(&s->drivers[i].match, at - driver->base);
}

/* Where the firmware's memory around @at begins, in one piece; 0: nobody tells. */
static uint64_t memory_start(const struct scan *s, uint64_t at)
{
	const struct rts_scan_region *first = s->report->regions,
				     *r = rts_scan_region_at(s, at);

	if (r == NULL)
		return 0;
	while (r > first && rts_scan_is_runtime(r[-1].type) &&
	       r[-1].start + r[-1].pages * EFI_PAGE_SIZE == r->start)
		r--;
	return r->start;
}

/*
 * Whether pages that the image lacks lie between @at, which is in no driver, and the next
 * driver below: there may be the header of one that it is in. Only so many pages are looked
 * at; what is still asked for then is in no driver.
 */
static bool is_behind_hole(struct scan *s, uint64_t at)
{
	uint64_t from = memory_start(s, at);

	if (at - from > SCAN_IMAGE_MAX)
		from = at - SCAN_IMAGE_MAX;
	for (size_t i = 0; i < s->report->driver_count; i++) {
		const struct rts_scan_driver *driver = &s->report->drivers[i];

		if (driver->base <= at && driver->base + driver->size > from)
			from = driver->base + driver->size;
	}
	for (at -= at % EFI_PAGE_SIZE; at > from && s->hole_steps < HOLE_STEPS_MAX;
	     at -= EFI_PAGE_SIZE) {
		s->hole_steps++;
		if (rts_scan_readable(s, at - 1))
			continue;
		rts_scan_note(s,
			      "pages of runtime memory are not in the image, and with them "
			      "perhaps the headers of drivers: whose the code behind them "
			      "is cannot be told");
		return true;
	}
	return false;
}

/* Whether what was given to compare with is this machine's firmware: half of the drivers
 * are of it. Drivers of other files and our own do not count. */
static void judge_firmware(struct scan *s)
{
	struct rts_scan_report *r = s->report;
	size_t drivers = 0, known = 0;

	for (size_t i = 0; i < r->driver_count; i++) {
		const struct scan_known_image *k = s->drivers[i].match.known;

		if (is_known(&r->drivers[i]) ? k->from->kind != RTS_SCAN_KNOWN_FIRMWARE
					     : !r->drivers[i].in_image)
			continue;
		drivers++;
		known += is_known(&r->drivers[i]);
	}
	r->firmware_applies = r->has_firmware && drivers > 0 && 2 * known >= drivers;
	if (r->has_firmware && drivers == 0 && r->driver_count > 0)
		rts_scan_note(
			s, "no driver is all in the image: whether the firmware given is "
			   "that of this machine cannot be told");
	if (!r->has_firmware || r->firmware_applies || drivers == 0)
		return;
	rts_scan_find(
		s,
		&(struct scan_finding_at){
			.rule = RTS_SCAN_FIRMWARE_MISMATCH,
			.driver = -1,
			.innocent_if =
				"the image given with --firmware is of another version, "
				"or of another machine"},
		"%lu of %lu runtime drivers are of the firmware given: the others are not "
		"judged by it",
		known, drivers);
}

/* ---- jumps ---- */

struct jump {
	unsigned hops; /* 0: there is none */
	uint64_t target;
	int to;    /* the driver that it leads into, or -1 */
	bool away; /* ... that is neither its own nor known, or not into its code */
};

/* What begins at @at, an address as the machine has it, in driver @from. */
static struct jump follow(struct scan *s, uint64_t at, int from)
{
	struct jump j = {.to = -1};
	uint64_t physical;
	bool found;

	j.hops = rts_scan_jump(s, at, &j.target);
	if (j.hops == 0)
		return j;
	found = rts_scan_physical(s, j.target, &physical);
	if (found)
		j.to = rts_scan_driver_at(s, physical);
	if (j.to < 0)
		j.away = !found || !rts_scan_readable(s, physical) ||
			 !is_behind_hole(s, physical);
	else
		j.away = !is_code(s, j.to, physical) ||
			 (j.to != from && !is_untouched(&s->report->drivers[j.to]) &&
			  !may_be_known(s, &s->report->drivers[j.to]));
	return j;
}

/* "(2 jumps) to 0x1234, in no image that anybody knows" */
static const char *jump_words(struct scan *s, const struct jump *j)
{
	const char *words =
		rts_scan_text(s, "(%u %s) to 0x%lx, in %s", j->hops,
			      j->hops == 1 ? "jump" : "jumps", j->target,
			      j->to >= 0 ? driver_name(s, &s->report->drivers[j->to])
					 : "no image that anybody knows");

	return words != NULL ? words : "";
}

/* ---- changed code ---- */

static bool run_meets(const struct scan_run *run, uint64_t start, uint64_t len)
{
	return run->start < start + len && start < (uint64_t)run->start + run->len;
}

/* "e9 fb 0f 00 00": what lies there now. */
static const char *evidence(const struct scan_image *img, const struct scan_run *run,
			    char ret[3 * EVIDENCE_LEN + 4])
{
	static const char digits[] = "0123456789abcdef";
	size_t n = 0;

	for (uint32_t i = 0; i < run->len && i < EVIDENCE_LEN; i++) {
		const uint8_t byte =
			run->start + i < img->len ? img->file[run->start + i] : 0;

		if (n > 0)
			ret[n++] = ' ';
		ret[n++] = digits[byte >> 4];
		ret[n++] = digits[byte & 15];
	}
	for (unsigned i = 0; run->len > EVIDENCE_LEN && i < 3; i++)
		ret[n++] = '.';
	ret[n] = 0;
	return ret;
}

static void judge_runs(struct scan *s, int i)
{
	const struct rts_scan_driver *driver = &s->report->drivers[i];
	const struct scan_driver *own = &s->drivers[i];
	const struct scan_run *first = NULL;
	char bytes[3 * EVIDENCE_LEN + 4];
	struct jump j;

	if (driver->match != RTS_SCAN_MATCH_MODIFIED)
		return;
	for (size_t k = 0; first == NULL && k < own->match.run_count; k++) {
		bool service = false;

		for (unsigned n = 0; n < RTS_SCAN_SERVICES; n++)
			service |= s->report->services[n].driver == i &&
				   run_meets(&own->match.runs[k],
					     s->report->services[n].physical - driver->base,
					     ENTRY_LEN);
		if (!service)
			first = &own->match.runs[k];
	}
	if (first == NULL)
		return;
	j = follow(s,
		   (driver->has_virtual ? driver->virtual_base : driver->base) +
			   first->start,
		   i);
	rts_scan_find(
		s,
		&(struct scan_finding_at){
			.rule = RTS_SCAN_DRIVER_CODE_MODIFIED,
			.driver = i,
			.has_address = true,
			.address = driver->base + first->start,
			.innocent_if =
				"the driver patches itself, or the firmware given is a "
				"near relative of this machine's"},
		"%u %s of the code of %s %s from %s; outside the beginnings of services "
		"first at +0x%x: %s%s%s",
		own->match.differing, own->match.differing == 1 ? "byte" : "bytes",
		driver_name(s, driver), own->match.differing == 1 ? "differs" : "differ",
		driver->matched_with, first->start, evidence(&own->image, first, bytes),
		j.away ? ", which jumps away " : "", j.away ? jump_words(s, &j) : "");
}

/* ---- services ---- */

/* A service in an image that equals a known one, or nearly; or, where nothing is known, in
 * any image: that it jumps out of it can be told all the same. */
static enum rts_scan_verdict judge_entry(struct scan *s, unsigned i)
{
	const struct rts_scan_service *service = &s->report->services[i];
	const struct rts_scan_driver *driver = &s->report->drivers[service->driver];
	const struct scan_driver *own = &s->drivers[service->driver];
	const uint64_t offset = service->physical - driver->base;
	struct scan_finding_at at = {.driver = service->driver,
				     .has_address = true,
				     .address = service->physical};
	const struct scan_run *changed = NULL;
	struct scan_run entry = {(uint32_t)offset, EVIDENCE_LEN};
	char bytes[3 * EVIDENCE_LEN + 4];
	struct jump j;

	for (size_t k = 0; changed == NULL && k < own->match.run_count; k++)
		if (run_meets(&own->match.runs[k], offset, ENTRY_LEN))
			changed = &own->match.runs[k];
	j = follow(s, service->pointer, service->driver);
	if (j.hops == 0 && changed != NULL && changed->start > offset) {
		entry = *changed;
		j = follow(s, service->pointer + (changed->start - offset),
			   service->driver);
	}
	if (j.away) {
		at.rule = RTS_SCAN_SERVICE_TRAMPOLINE;
		rts_scan_find(s, &at, "%s, in %s+0x%lx, jumps away %s: %s", service->name,
			      driver_name(s, driver), offset, jump_words(s, &j),
			      evidence(&own->image, &entry, bytes));
		return RTS_SCAN_MODIFIED;
	}
	if (changed != NULL) {
		at.rule = RTS_SCAN_SERVICE_CODE_MODIFIED;
		at.address = driver->base + changed->start;
		at.innocent_if =
			"the driver patches itself, or the firmware given is a near "
			"relative of this machine's";
		rts_scan_find(s, &at,
			      "the beginning of %s, in %s+0x%lx, differs from %s: %s",
			      service->name, driver_name(s, driver), offset,
			      driver->matched_with, evidence(&own->image, changed, bytes));
	}
	return is_untouched(driver) ? RTS_SCAN_CLEAN
	       : is_known(driver)   ? RTS_SCAN_MODIFIED
				    : RTS_SCAN_NOT_CHECKED;
}

/* Why an address in @driver, or in no image at all (NULL), is not where it should be. */
static const char *why_foreign(const struct rts_scan_driver *driver)
{
	return driver == NULL     ? "where no image is"
	       : is_known(driver) ? "where that image has no code"
				  : "which is no known image";
}

static enum rts_scan_verdict judge_foreign(struct scan *s, unsigned i)
{
	const struct rts_scan_service *service = &s->report->services[i];
	const struct rts_scan_driver *driver =
		service->driver >= 0 ? &s->report->drivers[service->driver] : NULL;
	struct scan_finding_at at = {.rule = RTS_SCAN_SERVICE_POINTER_FOREIGN,
				     .driver = service->driver,
				     .has_address = true,
				     .address = service->physical};

	if (driver == NULL)
		at.innocent_if =
			"the firmware frees the headers of its drivers and keeps no "
			"list of them";
	else if (!is_known(driver))
		at.innocent_if =
			"a driver from a disk or an option ROM gives this service on "
			"purpose; name its file with --firmware";
	rts_scan_find(s, &at, "%s begins at 0x%lx%s%s, %s", service->name,
		      service->physical, driver != NULL ? ", in " : "",
		      driver != NULL ? driver_name(s, driver) : "", why_foreign(driver));
	return RTS_SCAN_FOREIGN;
}

static enum rts_scan_verdict judge_nowhere(struct scan *s,
					   const struct rts_scan_service *service)
{
	rts_scan_find(s,
		      &(struct scan_finding_at){
			      .rule = RTS_SCAN_SERVICE_POINTER_FOREIGN,
			      .driver = -1,
			      .has_address = true,
			      .address = service->pointer,
			      .innocent_if = "the image was taken while the machine "
					     "changed its page tables"},
		      "%s begins at 0x%lx, where nothing is mapped, and so no image is",
		      service->name, service->pointer);
	return RTS_SCAN_FOREIGN;
}

static enum rts_scan_verdict judge_service(struct scan *s, unsigned i)
{
	const struct rts_scan_report *r = s->report;
	const struct rts_scan_service *service = &r->services[i];

	if (!service->has_pointer)
		return RTS_SCAN_NOT_IN_IMAGE;
	if (!service->has_physical)
		return r->driver_count > 0 && rts_scan_is_nowhere(s, service->pointer)
			       ? judge_nowhere(s, service)
			       : RTS_SCAN_NOT_CHECKED;
	if (!rts_scan_readable(s, service->physical))
		return RTS_SCAN_NOT_IN_IMAGE;
	/* Where no driver was found at all, that a service is in none says nothing. */
	if (service->driver < 0)
		return r->driver_count > 0 && !is_behind_hole(s, service->physical)
			       ? judge_foreign(s, i)
			       : RTS_SCAN_NOT_CHECKED;
	if ((r->firmware_applies && !is_known(&r->drivers[service->driver])) ||
	    !is_code(s, service->driver, service->physical))
		return judge_foreign(s, i);
	return judge_entry(s, i);
}

/*
 * One driver gives each of these families. Where three are its own and the fourth is not,
 * that can be told without anything to compare with. Where both are the firmware's, it is
 * told, too, but a firmware may well have meant it so.
 */
static void judge_family(struct scan *s, const unsigned family[4])
{
	struct rts_scan_service *services = s->report->services;

	for (unsigned i = 0; i < 4; i++) {
		struct rts_scan_service *odd = &services[family[i]];
		const int driver = services[family[(i + 1) % 4]].driver;
		bool alone = driver >= 0 && odd->driver >= 0 && odd->driver != driver,
		     known;

		for (unsigned k = 2; k < 4; k++)
			alone &= services[family[(i + k) % 4]].driver == driver;
		known = alone && odd->verdict == RTS_SCAN_CLEAN &&
			s->drivers[odd->driver].match.known->from->kind ==
				RTS_SCAN_KNOWN_FIRMWARE;
		if (!alone || (odd->verdict != RTS_SCAN_NOT_CHECKED && !known))
			continue;
		if (!known)
			odd->verdict = RTS_SCAN_FOREIGN;
		rts_scan_find(s,
			      &(struct scan_finding_at){
				      .rule = RTS_SCAN_SERVICE_POINTER_FOREIGN,
				      .info = known,
				      .driver = odd->driver,
				      .has_address = true,
				      .address = odd->physical,
				      .innocent_if =
					      known ? "the firmware has two drivers for "
						      "these services"
						    : "two drivers share these services on "
						      "purpose; --firmware tells"},
			      "%s begins in %s, and the three services beside it in %s",
			      odd->name, driver_name(s, &s->report->drivers[odd->driver]),
			      driver_name(s, &s->report->drivers[driver]));
	}
}

static void judge_services(struct scan *s)
{
	static const unsigned families[][4] = {
		{0, 1, 2, 3},  /* time */
		{6, 7, 8, 13}, /* variables */
	};

	for (unsigned i = 0; i < RTS_SCAN_SERVICES; i++)
		s->report->services[i].verdict = judge_service(s, i);
	for (size_t i = 0; i < sizeof families / sizeof *families; i++)
		judge_family(s, families[i]);
}

/* ---- tables ---- */

static void judge_crc(struct scan *s)
{
	const struct rts_scan_report *r = s->report;

	for (size_t i = 0; i < r->table_count; i++)
		if (r->tables[i].has_crc && !r->tables[i].crc_ok)
			rts_scan_find(
				s,
				&(struct scan_finding_at){
					.rule = RTS_SCAN_TABLE_CRC_BAD,
					.driver = -1,
					.has_address = true,
					.address = r->tables[i].physical,
					.innocent_if = "somebody changed the table on "
						       "purpose, and forgot its CRC"},
				"the %s table was changed after its CRC 0x%08x was made",
				r->tables[i].kind, r->tables[i].crc);
}

static void find_disagreement(struct scan *s, uint64_t address, const char *text,
			      const char *innocent_if)
{
	rts_scan_find(s,
		      &(struct scan_finding_at){.rule = RTS_SCAN_TABLE_POINTER_DISAGREES,
						.driver = -1,
						.has_address = true,
						.address = address,
						.innocent_if = innocent_if},
		      "%s", text);
}

/* The two services that take part in the change of addresses are never converted by those
 * who give them. One that was led away has its finding already. */
static void judge_converters(struct scan *s)
{
	const struct rts_scan_service *first = &s->report->services[CONVERT_FIRST],
				      *last = &s->report->services[CONVERT_LAST];

	if (!first->has_physical || !last->has_physical ||
	    first->verdict == RTS_SCAN_FOREIGN || last->verdict == RTS_SCAN_FOREIGN)
		return;
	if (first->driver != last->driver) {
		find_disagreement(
			s, last->physical,
			"SetVirtualAddressMap and ConvertPointer are not of one driver",
			NULL);
	} else if (s->tables.virtual_mode &&
		   (first->pointer != first->physical || last->pointer != last->physical)) {
		find_disagreement(
			s, first->physical,
			"SetVirtualAddressMap or ConvertPointer is a virtual address, "
			"where both stay physical",
			"the firmware is none that comes from edk2");
	}
}

/* A copy whose CRC is right was made by somebody: the DXE core's own templates have none.
 * What the operating system holds, such as evidence that it saved, is none of ours. */
static void judge_copies(struct scan *s)
{
	const struct rts_scan_report *r = s->report;

	for (size_t i = 0; i < r->table_count; i++) {
		const uint64_t at = r->tables[i].physical;
		const struct rts_scan_region *region = rts_scan_region_at(s, at);

		if (strcmp(r->tables[i].kind, "runtime-services") == 0 &&
		    at != s->tables.runtime.at &&
		    (r->region_count == 0 ||
		     (region != NULL && rts_scan_is_runtime(region->type))))
			find_disagreement(
				s, at,
				"here is a second runtime services table, which the "
				"system table does not lead to",
				"it is left over from an earlier boot");
	}
}

/* The system table and a driver are there, in one piece of memory, and no table of services
 * is: that is not for want of memory in the image. */
static void judge_lost(struct scan *s)
{
	const struct scan_tables *t = &s->tables;
	const struct rts_dump_range *range;
	bool beside = false;

	if (t->has_runtime || !t->has_system || t->system_runtime == 0)
		return;
	range = rts_dump_range(s->dump, rts_dump_range_find(s->dump, t->system.at));
	for (size_t i = 0; range != NULL && i < s->report->driver_count; i++)
		beside |= s->report->drivers[i].base - range->start < range->len;
	if (beside)
		find_disagreement(s, t->system.at,
				  "the system table leads to a runtime services table, and "
				  "there is none in the image",
				  "the image lacks the page that has it");
}

static void judge_tables(struct scan *s)
{
	const struct scan_tables *t = &s->tables;
	uint64_t at;

	judge_crc(s);
	judge_copies(s);
	judge_lost(s);
	if (t->has_runtime && t->has_system &&
	    rts_scan_physical(s, t->system_runtime, &at) && at != t->runtime.at) {
		if (!rts_scan_readable(s, at))
			rts_scan_note(
				s,
				"the system table leads to a runtime services table at "
				"0x%lx, which is not in the image: the one at 0x%lx may "
				"be a copy",
				at, t->runtime.at);
		else
			find_disagreement(
				s, t->system.at,
				"the system table leads to another runtime services table "
				"than the one that was found",
				"one of the two is left over from an earlier boot");
	}
	judge_converters(s);
	for (unsigned w = 0; w < RTS_SCAN_WAYS; w++) {
		const struct rts_scan_mapping_way *way = &s->report->ways[w];

		if (way->available && way->disagrees > 0)
			rts_scan_find(
				s,
				&(struct scan_finding_at){
					.rule = RTS_SCAN_TABLE_POINTER_DISAGREES,
					.driver = -1,
					.has_address = way->where != 0,
					.address = way->where,
					.innocent_if =
						"the image was taken while the machine "
						"changed its page tables"},
				"%u of %u service pointers lead elsewhere by %s than by "
				"the "
				"other ways",
				way->disagrees, way->agrees + way->disagrees,
				rts_scan_way_name(w));
	}
}

/* ---- drivers ---- */

static void judge_header(struct scan *s, int i)
{
	const struct rts_scan_driver *driver = &s->report->drivers[i];

	if (driver->views[RTS_SCAN_VIEW_PE] != RTS_SCAN_NO || is_untouched(driver))
		return;
	rts_scan_find(
		s,
		&(struct scan_finding_at){
			.rule = RTS_SCAN_HEADER_WIPED,
			.driver = i,
			.has_address = true,
			.address = driver->base,
			.innocent_if = "the firmware gives the pages of headers back"},
		"the firmware's %s has a driver of %lu bytes here, and its PE header "
		"is gone",
		driver->views[RTS_SCAN_VIEW_IMAGE_LIST] == RTS_SCAN_YES
			? "list of runtime images"
			: "debug image info table",
		driver->size);
}

static void judge_hidden(struct scan *s, int i)
{
	const struct rts_scan_driver *driver = &s->report->drivers[i];

	if (driver->views[RTS_SCAN_VIEW_IMAGE_LIST] != RTS_SCAN_NO || is_untouched(driver))
		return;
	rts_scan_find(
		s,
		&(struct scan_finding_at){
			.rule = RTS_SCAN_HIDDEN_DRIVER,
			.driver = i,
			.has_address = true,
			.address = driver->base,
			.innocent_if = "the driver was unloaded, or its loading failed, "
				       "and its bytes were left behind"},
		"%s lies here as a loader left it, and is not in the firmware's list of "
		"runtime images",
		driver_name(s, driver));
}

static void judge_unknown(struct scan *s, int i)
{
	const struct rts_scan_driver *driver = &s->report->drivers[i];
	const struct scan_known_image *near = s->drivers[i].match.known;

	if (!s->report->firmware_applies || is_known(driver))
		return;
	if (driver->match == RTS_SCAN_SIMILAR && near != NULL)
		rts_scan_find(
			s,
			&(struct scan_finding_at){
				.rule = RTS_SCAN_DRIVER_UNKNOWN,
				.driver = i,
				.has_address = true,
				.address = driver->base,
				.innocent_if = "it is another version of that driver"},
			"no known image is this one; %u per cent of it are as in %s",
			driver->likeness, driver->matched_with);
	else
		rts_scan_find(
			s,
			&(struct scan_finding_at){
				.rule = RTS_SCAN_DRIVER_UNKNOWN,
				.driver = i,
				.has_address = true,
				.address = driver->base,
				.innocent_if =
					"it came from an option ROM, a disk or a boot "
					"entry Driver####; name its file with --firmware"},
			"%s is in no known image%s%s", driver_name(s, driver),
			driver->path != NULL ? "; it was loaded from " : "",
			driver->path != NULL ? driver->path : "");
}

/* True: a driver that came later than @own has its code in the table, and did not put it
 * there itself. */
static bool later_one_covered(const struct scan *s, const struct scan_driver *own)
{
	const struct rts_scan_report *r = s->report;

	for (size_t i = 0; i < r->driver_count; i++)
		if (s->drivers[i].list_order > own->list_order && !r->drivers[i].own &&
		    r->drivers[i].views[RTS_SCAN_VIEW_ATTRIBUTES] == RTS_SCAN_YES)
			return true;
	return false;
}

static void judge_attributes(struct scan *s, int i)
{
	const struct rts_scan_driver *driver = &s->report->drivers[i];

	if (driver->views[RTS_SCAN_VIEW_ATTRIBUTES] != RTS_SCAN_NO ||
	    is_untouched(driver) || s->drivers[i].list_order == 0)
		return;
	rts_scan_find(
		s,
		&(struct scan_finding_at){
			.rule = RTS_SCAN_NOT_IN_ATTRIBUTES_TABLE,
			.info = !later_one_covered(s, &s->drivers[i]),
			.driver = i,
			.has_address = true,
			.address = driver->base,
			.innocent_if = "it was loaded after EndOfDxe, and the firmware "
				       "leaves such drivers out of the table"},
		"the memory attributes table has no read-only range for the code of %s",
		driver_name(s, driver));
}

/* Read-only runtime code that belongs to nobody. */
static void judge_ranges(struct scan *s)
{
	for (size_t i = 0; i < s->tables.attribute_count; i++) {
		const struct scan_attribute *a = &s->tables.attribute[i];
		const uint64_t end = a->start + a->pages * EFI_PAGE_SIZE;
		bool owned = false;

		if ((a->attributes & EFI_MEMORY_RO) == 0 ||
		    (a->attributes & EFI_MEMORY_XP) != 0 ||
		    a->type != EfiRuntimeServicesCode || !rts_scan_readable(s, a->start))
			continue;
		for (size_t k = 0; k < s->report->driver_count; k++)
			owned |= s->report->drivers[k].base < end &&
				 a->start < s->report->drivers[k].base +
						    s->report->drivers[k].size;
		if (!owned && s->report->driver_count > 0 && !is_behind_hole(s, a->start))
			rts_scan_find(
				s,
				&(struct scan_finding_at){
					.rule = RTS_SCAN_HIDDEN_DRIVER,
					.driver = -1,
					.has_address = true,
					.address = a->start,
					.innocent_if =
						"the driver was unloaded after the table "
						"was made"},
				"the memory attributes table has %lu pages of code here, "
				"and no "
				"driver is seen in them",
				a->pages);
	}
}

static void judge_drivers(struct scan *s)
{
	for (size_t i = 0; i < s->report->driver_count; i++) {
		if (may_be_known(s, &s->report->drivers[i]))
			continue;
		judge_runs(s, (int)i);
		judge_header(s, (int)i);
		judge_hidden(s, (int)i);
		judge_unknown(s, (int)i);
		judge_attributes(s, (int)i);
	}
	judge_ranges(s);
}

/* ---- events ---- */

static void judge_event(struct scan *s, const struct rts_scan_event *e)
{
	const struct rts_scan_report *r = s->report;
	const struct rts_scan_driver *driver =
		e->driver >= 0 ? &r->drivers[e->driver] : NULL;
	struct scan_finding_at at = {.rule = RTS_SCAN_EVENT_FOREIGN,
				     .driver = e->driver,
				     .has_address = true,
				     .address = e->physical};
	struct jump j = {.away = false};

	if (!rts_scan_readable(s, e->physical) || r->driver_count == 0 ||
	    (driver == NULL && is_behind_hole(s, e->physical)))
		return;
	if (driver != NULL && is_code(s, e->driver, e->physical) &&
	    (is_known(driver) || !r->firmware_applies)) {
		/* changes of a known one have their finding */
		if (!is_known(driver))
			j = follow(s, e->function, e->driver);
		if (!j.away)
			return;
	}
	if (driver != NULL && !is_known(driver) && !j.away)
		at.innocent_if =
			"a driver from a disk or an option ROM wants to hear of it; "
			"name its file with --firmware";
	rts_scan_find(s, &at, "a runtime event (type 0x%x) calls 0x%lx%s%s, %s%s", e->type,
		      e->physical, driver != NULL ? ", in " : "",
		      driver != NULL ? driver_name(s, driver) : "",
		      j.away ? "which jumps away " : "",
		      j.away ? jump_words(s, &j) : why_foreign(driver));
}

static void judge_events(struct scan *s)
{
	const struct rts_scan_report *r = s->report;

	for (size_t i = 0; i < r->event_count; i++) {
		bool again = false;

		for (size_t k = 0; k < i; k++)
			again |= r->events[k].physical == r->events[i].physical;
		if (!again)
			judge_event(s, &r->events[i]);
	}
}

/* ---- the inventory ---- */

static bool same_image(const struct rts_scan_inventory_image *was,
		       const struct rts_scan_driver *driver)
{
	if (was->base == driver->base)
		return true;
	return was->has_guid && driver->has_guid && guid_eq(&was->guid, &driver->guid);
}

static void judge_inventory(struct scan *s)
{
	const struct rts_scan_config *c = s->config;
	const struct rts_scan_report *r = s->report;
	struct scan_finding_at at = {.rule = RTS_SCAN_INVENTORY_DISAGREES,
				     .has_address = true};

	for (size_t i = 0; i < c->inventory_count; i++) {
		const struct rts_scan_inventory_image *was = &c->inventory[i];
		bool there = false;

		if (was->code_type != EfiRuntimeServicesCode ||
		    !rts_scan_readable(s, was->base))
			continue;
		for (size_t k = 0; k < r->driver_count; k++)
			there |= same_image(was, &r->drivers[k]);
		if (there)
			continue;
		at.driver = -1;
		at.address = was->base;
		at.innocent_if =
			"it was unloaded after the inventory was made, or the inventory "
			"is of another boot";
		rts_scan_find(s, &at,
			      "the inventory has %s here, and no view of memory does",
			      was->name != NULL   ? was->name
			      : was->path != NULL ? was->path
						  : "a driver");
	}
	for (size_t k = 0; c->has_inventory && k < r->driver_count; k++) {
		bool there = is_untouched(&r->drivers[k]) || !r->drivers[k].in_image;

		for (size_t i = 0; i < c->inventory_count; i++)
			there |= same_image(&c->inventory[i], &r->drivers[k]);
		if (there)
			continue;
		at.driver = (int)k;
		at.address = r->drivers[k].base;
		at.innocent_if = "it was loaded after the inventory was made";
		rts_scan_find(s, &at, "%s is in memory and not in the inventory",
			      driver_name(s, &r->drivers[k]));
	}
}

/* ---- the whole ---- */

static int by_weight(const void *a, const void *b)
{
	const struct rts_scan_finding *x = a, *y = b;

	if (x->severity != y->severity)
		return x->severity < y->severity ? -1 : 1;
	if (x->rule != y->rule)
		return x->rule < y->rule ? -1 : 1;
	if (x->address != y->address)
		return x->address < y->address ? -1 : 1;
	return strcmp(x->text, y->text);
}

EFI_STATUS rts_scan_judge(struct scan *s)
{
	struct rts_scan_report *r = s->report;

	judge_firmware(s);
	judge_services(s);
	judge_tables(s);
	judge_drivers(s);
	judge_events(s);
	judge_inventory(s);
	if (r->finding_count > 1)
		qsort(r->findings, r->finding_count, sizeof *r->findings, by_weight);
	return EFI_SUCCESS;
}
