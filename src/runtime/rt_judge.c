/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Turns a run's raw records into findings. A fault is judged by the address, by what it
 * was accessed for, by the phase, and by the ledger of all blocks that ever were; of
 * several rules that fit, the first in the order of enum rt_rule counts (doc/design.md
 * 3.5).
 */
#include "runtime/rt_judge.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/guid.h"

#define PAGE     4096ULL
#define FLOOR(a) ((a) & ~(PAGE - 1))
#define CEIL(a)  FLOOR((a) + PAGE - 1)

/* A frame that is larger than the guard steps over it: this far below the stack it still
 * is the stack that was too small. */
#define STACK_REACH (1ULL << 20)
#define STACK_NEAR  256U

#define REG_RSP 7

/* Hangs that are so near to each other are one. */
#define LOOP 256U

bool rt_is_boot_type(uint32_t type)
{
	return type == EfiLoaderCode || type == EfiLoaderData ||
	       type == EfiBootServicesCode || type == EfiBootServicesData;
}

bool rt_case_no_address(const struct rt_case *c)
{
	return c->rec->non_canonical != 0 || c->rec->address == UINT64_MAX;
}

/* The image's own file. */

static bool is_driver(const struct runtime_driver *d, const struct rt_image *img)
{
	char name[RT_NAME_MAX];

	if (d->has_guid && img->has_guid)
		return guid_eq(&d->guid, &img->guid);
	snprintf(name, sizeof name, "%s", d->name != NULL ? d->name : "");
	rt_clean(name, sizeof name);
	return strcmp(name, img->name) == 0;
}

static const struct runtime_driver *subject_of(const struct runtime_config *config,
					       const struct rt_image *img, uint16_t index)
{
	if (img->role != RT_ROLE_SUBJECT)
		return NULL;
	/* two files may have one name: they were loaded in the order of the subjects */
	if (index < config->subject_count && is_driver(&config->subjects[index], img))
		return &config->subjects[index];
	for (size_t i = 0; i < config->subject_count; i++)
		if (is_driver(&config->subjects[i], img))
			return &config->subjects[i];
	return NULL;
}

static struct bytes helper_of(const struct rts_fv *fv, const struct rt_image *img)
{
	for (size_t i = 0; fv != NULL && img->has_guid && i < rts_fv_file_count(fv); i++) {
		const struct rts_fv_file *f = rts_fv_file(fv, i);

		if (f->image.n != 0 && guid_eq(&f->guid, &img->guid))
			return f->image;
	}
	return (struct bytes){0};
}

/* Empty: not known. */
static struct bytes image_file(const struct rt_case *c, uint16_t index,
			       const char **ret_path)
{
	const struct rt_image *img = &c->s->images[index];
	const struct runtime_driver *d;
	struct bytes file;

	*ret_path = NULL;
	if (c->config == NULL)
		return (struct bytes){0};
	d = subject_of(c->config, img, index);
	if (d != NULL) {
		*ret_path = d->path;
		return d->image;
	}
	file = helper_of(c->config->firmware, img);
	if (file.n != 0)
		*ret_path = c->config->firmware_path;
	return file;
}

bool rt_case_image(const struct rt_case *c, uint16_t image, struct rts_pe_image *ret)
{
	struct bytes file = {0};
	const char *path;

	if (image < c->s->images_count)
		file = image_file(c, image, &path);
	return file.n != 0 && rts_pe_image_read(file, NULL, ret) == EFI_SUCCESS;
}

bool rt_case_section(const struct rt_case *c, uint16_t image, uint64_t offset,
		     struct rts_pe_section *ret)
{
	struct rts_pe_image pe;

	if (!rt_case_image(c, image, &pe))
		return false;
	for (unsigned i = 0; rts_pe_image_section(&pe, i, ret); i++)
		if (offset >= ret->start && offset < ret->start + CEIL((uint64_t)ret->size))
			return true;
	return false;
}

/* The rule that an address beside or in one block makes. */

static bool is_left(const struct rt_block *b, uint8_t phase)
{
	return rt_is_boot_type(b->memory_type) && phase >= RT_PHASE_RUNTIME;
}

/* Whether the pages are there at all; then a fault within them is one of protection. */
static bool is_mapped(const struct rt_block *b, uint8_t phase)
{
	if (phase == RT_PHASE_VIRTUAL && b->virtual_ == 0)
		return b->kind == RT_BLOCK_STACK || b->kind == RT_BLOCK_CALLER;
	return !is_left(b, phase);
}

static bool protects(const struct rt_case *c, const struct rt_block *b, uint64_t distance)
{
	struct rts_pe_section s;
	const bool write = c->rec->access == RT_WRITE;

	if (b->kind != RT_BLOCK_IMAGE)
		return !write;
	return !rt_case_section(c, b->owner, distance, &s) ||
	       !(write ? s.write : s.execute);
}

static uint32_t rule_within(const struct rt_case *c, const struct rt_block *b,
			    uint64_t distance)
{
	const struct rt_record *r = c->rec;

	if (r->access != RT_READ && is_mapped(b, r->phase) && protects(c, b, distance))
		return r->access == RT_WRITE ? RT_WRITE_TO_CODE : RT_EXECUTE_DATA;
	if (r->phase >= RT_PHASE_EXIT && rt_is_boot_type(b->memory_type))
		return b->kind == RT_BLOCK_TABLE &&
				       strcmp(b->name, "EFI_BOOT_SERVICES") == 0
			       ? RT_BOOT_SERVICE_AFTER_EXIT
			       : RT_BOOT_MEMORY_AFTER_EXIT;
	if (r->phase == RT_PHASE_CONVERT && b->virtual_ != 0)
		return RT_UNCONVERTED_POINTER;
	return RT_WILD_ACCESS;
}

static uint32_t rule_beside(const struct rt_block *b, enum rt_side side)
{
	switch (b->kind) {
	case RT_BLOCK_POOL:
	case RT_BLOCK_PAGES:
		return side == RT_BELOW ? RT_HEAP_UNDERFLOW : RT_HEAP_OVERFLOW;
	case RT_BLOCK_STACK:
		return RT_STACK_OVERFLOW;
	case RT_BLOCK_CALLER:
		return RT_CALLER_BUFFER_OVERFLOW;
	default:
		return RT_WILD_ACCESS;
	}
}

/* RT_RULE_NONE: what is at that address does not count in this phase. */
static uint32_t rule_at(const struct rt_case *c, const struct rt_block *b, bool is_virtual,
			const struct rt_spot *spot)
{
	const uint8_t phase = c->rec->phase;
	const bool virtual_now = phase == RT_PHASE_VIRTUAL && b->virtual_ != 0;

	if (b->freed)
		return RT_USE_AFTER_FREE;
	if (is_virtual && !virtual_now)
		return spot->own_page && phase == RT_PHASE_CONVERT ? RT_VIRTUAL_TOO_EARLY
								   : RT_RULE_NONE;
	if (!is_virtual && virtual_now)
		return spot->own_page ? RT_UNCONVERTED_POINTER : RT_RULE_NONE;
	return spot->side == RT_WITHIN ? rule_within(c, b, spot->distance)
				       : rule_beside(b, spot->side);
}

/* False: @address is neither in the block at @start nor in its guards. */
static bool spot_at(uint64_t start, uint64_t size, uint64_t address, struct rt_spot *ret)
{
	const uint64_t end = start + size, from = FLOOR(start),
		       to = CEIL(start + (size != 0 ? size : 1));

	if (start == 0 || address < from - PAGE || address >= to + PAGE)
		return false;
	ret->own_page = address >= from && address < to;
	ret->side = address < start ? RT_BELOW : address < end ? RT_WITHIN : RT_ABOVE;
	ret->distance = address < start ? start - address
			: address < end ? address - start
					: address - end;
	return true;
}

/* In a block's own pages, the order of rules decides, but pages that were freed may have
 * become another block's since; in a guard page, which may be a neighbour's, too, the
 * distance decides. */
static bool is_better(const struct rt_spot *a, const struct rt_spot *b)
{
	if (b->block < 0 || a->own_page != b->own_page)
		return b->block < 0 || a->own_page;
	if (a->own_page && (a->rule == RT_USE_AFTER_FREE) != (b->rule == RT_USE_AFTER_FREE))
		return b->rule == RT_USE_AFTER_FREE;
	if (!a->own_page) {
		if ((a->rule == RT_WILD_ACCESS) != (b->rule == RT_WILD_ACCESS))
			return b->rule == RT_WILD_ACCESS;
		if (a->distance != b->distance)
			return a->distance < b->distance;
	}
	return a->rule < b->rule;
}

static struct rt_spot search_blocks(const struct rt_case *c)
{
	struct rt_spot best = {.rule = RT_WILD_ACCESS, .block = -1}, spot;

	for (uint32_t i = 0; i < c->s->blocks_count; i++) {
		const struct rt_block *b = &c->s->blocks[i];

		for (int is_virtual = 0; is_virtual < 2; is_virtual++) {
			if (!spot_at(is_virtual ? b->virtual_ : b->physical, b->size,
				     c->rec->address, &spot))
				continue;
			spot.block = (int32_t)i;
			spot.rule = rule_at(c, b, is_virtual, &spot);
			if (spot.rule != RT_RULE_NONE && is_better(&spot, &best))
				best = spot;
		}
	}
	return best;
}

/* The access is below the stack, and not below the stack pointer: that has left it, too, or
 * is about to. */
static bool left_stack(const struct rt_case *c, struct rt_spot *ret)
{
	const uint64_t sp = c->rec->registers[REG_RSP], address = c->rec->address;

	if (c->rec->in_host || sp == 0)
		return false;
	for (uint32_t i = 0; i < c->s->blocks_count; i++) {
		const struct rt_block *b = &c->s->blocks[i];
		const uint64_t base = c->rec->phase == RT_PHASE_VIRTUAL && b->virtual_ != 0
					      ? b->virtual_
					      : b->physical;

		if (b->kind != RT_BLOCK_STACK || base == 0 || address >= base ||
		    base - address > STACK_REACH ||
		    (sp > address && sp - address > STACK_NEAR))
			continue;
		*ret = (struct rt_spot){.rule = RT_STACK_OVERFLOW,
					.block = (int32_t)i,
					.side = RT_BELOW,
					.distance = base - address};
		return true;
	}
	return false;
}

static struct rt_spot judge_fault(const struct rt_case *c)
{
	const struct rt_record *r = c->rec;
	struct rt_spot spot = {.rule = RT_WILD_ACCESS, .block = -1};

	if (rt_case_no_address(c))
		return spot;
	/* code that no driver brought runs because a driver sent it there: what that code
	 * then touches tells nothing */
	if (r->at.image == RT_NOBODY && !r->in_host && r->access != RT_EXECUTE)
		return spot;
	if (r->address < PAGE)
		return (struct rt_spot){.rule = RT_NULL_POINTER, .block = -1};
	if (left_stack(c, &spot))
		return spot;
	return search_blocks(c);
}

/* A failed assertion ends in int3: where the firmware lacks something, it is no bug of the
 * driver. */
static bool is_breakpoint(const struct rt_case *c)
{
	const struct rt_record *r = c->rec;
	uint8_t opcode;

	return r->at.image != RT_NOBODY && r->at.offset != 0 &&
	       bytes_read(c->ram,
			  c->s->images[r->at.image].physical + r->at.offset - 1 -
				  c->ram_base,
			  &opcode, 1) &&
	       opcode == 0xcc;
}

bool rt_case_unmet(const struct rt_case *c, uint32_t rule)
{
	const struct rt_record *r = c->rec;

	if (!r->has_missing || !r->missing_same_call)
		return false;
	return rule == RT_NULL_POINTER || rule == RT_HANG ||
	       (rule == RT_WILD_ACCESS && r->phase == RT_PHASE_ENTRY) ||
	       (rule == RT_PRIVILEGED_INSTRUCTION && is_breakpoint(c));
}

/* The report. */

static bool same(const struct runtime_finding *a, const struct runtime_finding *b)
{
	if (a->rule != b->rule || strcmp(a->driver, b->driver) != 0)
		return false;
	if (!a->has_offset)
		return a->address == b->address;
	/* where in its loop a driver was interrupted is chance */
	if (a->rule == RT_HANG)
		return a->offset - b->offset < LOOP || b->offset - a->offset < LOOP;
	return a->offset == b->offset;
}

static int append(struct runtime_report *r, const struct runtime_finding *f)
{
	struct runtime_finding *p;

	for (size_t i = 0; i < r->finding_count; i++)
		if (same(&r->findings[i], f))
			return 0;
	p = reallocarray(r->findings, r->finding_count + 1, sizeof *p);
	if (p == NULL)
		return -ENOMEM;
	p[r->finding_count++] = *f;
	r->findings = p;
	return 0;
}

static int judge_record(const struct rt_case *c, struct runtime_report *r)
{
	struct runtime_finding f = {0};
	struct rt_spot spot = {.rule = c->rec->rule, .block = c->rec->block};

	/* one that was never finished: rules that the child knew come with a text */
	if (spot.rule == RT_RULE_NONE ||
	    (spot.rule != RT_RULE_COUNT && c->rec->text[0] == 0))
		return 0;
	if (spot.rule == RT_RULE_COUNT)
		spot = judge_fault(c);
	rt_tell(c, &spot, &f);
	return append(r, &f);
}

/* What else is said of a driver tells already why it was not started, or left out of a
 * later run; that it gave up is told once. */
static bool is_told(const struct runtime_report *r, const struct rt_image *img)
{
	for (size_t i = 0; i < r->finding_count; i++)
		if (strcmp(r->findings[i].driver, img->name) == 0 &&
		    (img->status == RT_STATUS_UNMET ||
		     r->findings[i].rule == RT_UNMET_DEPENDENCY))
			return true;
	return false;
}

int rt_judge(const struct runtime_config *config, const struct rt_shared *s,
	     struct bytes ram, uint64_t ram_base, struct runtime_report *r)
{
	struct rt_case c = {.config = config, .ram = ram, .ram_base = ram_base};
	int rc = 0;

	if (r->last == NULL)
		r->last = calloc(1, sizeof *r->last);
	if (r->last == NULL)
		return -ENOMEM;
	rt_check(s, r->last);
	c.s = r->last;
	for (uint16_t i = 0; i < RT_IMAGES_MAX; i++) {
		r->paths[i] = NULL;
		if (i < c.s->images_count)
			image_file(&c, i, &r->paths[i]);
	}
	for (uint32_t i = 0; rc == 0 && i < c.s->records_count; i++) {
		c.rec = &c.s->records[i];
		rc = judge_record(&c, r);
	}
	for (uint16_t i = 0; rc == 0 && i < c.s->images_count; i++) {
		struct runtime_finding f = {0};

		if (!is_told(r, &c.s->images[i]) && rt_tell_unmet(c.s, i, &f))
			rc = append(r, &f);
	}
	return rc;
}

void runtime_report_fini(struct runtime_report *r)
{
	free(r->last);
	free(r->findings);
	*r = (struct runtime_report){0};
}
