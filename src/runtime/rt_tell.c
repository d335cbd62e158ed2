/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The words of a finding: when, what the driver did, what lies there, who allocated it,
 * and where the pointer that led there is kept.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/guid.h"
#include "mem/map_summary.h"
#include "runtime/rt_judge.h"
#include "runtime/rt_priv.h"

/* Memory of one driver that is searched for a pointer. */
#define SEARCH_MAX (16ULL << 20)

#define NEEDS_TOLD 5U

typedef unsigned long long ull;

static void say(struct runtime_finding *f, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void say(struct runtime_finding *f, const char *fmt, ...)
{
	const size_t n = strlen(f->text);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(f->text + n, sizeof f->text - n, fmt, ap);
	va_end(ap);
}

static const char *const when[RT_PHASE_COUNT] = {
	[RT_PHASE_ENTRY] = "in the entry point",
	[RT_PHASE_BOOT] = "at boot time",
	[RT_PHASE_READY_TO_BOOT] = "at ReadyToBoot",
	[RT_PHASE_EXIT] = "in ExitBootServices",
	[RT_PHASE_RUNTIME] = "after ExitBootServices",
	[RT_PHASE_CONVERT] = "in SetVirtualAddressMap",
	[RT_PHASE_VIRTUAL] = "after SetVirtualAddressMap",
};

static void say_guid(struct runtime_finding *f, const EFI_GUID *guid)
{
	const char *name = runtime_guid_name(guid);
	char text[GUID_TEXT_LEN + 1];

	guid_to_text(guid, text);
	say(f, name != NULL ? "%s (%s)" : "%s%s", name != NULL ? name : "", text);
}

/* "a.efi+0x5c0" */
static void place_text(const struct rt_shared *s, uint16_t image, uint64_t offset,
		       char *ret, size_t cap)
{
	if (image < s->images_count)
		snprintf(ret, cap, "%s+0x%llx", s->images[image].name, (ull)offset);
}

/* Objects. */

static const struct {
	const char *kind; /* in reports */
	const char *noun;
	bool numbered; /* else it has a name */
} kinds[] = {
	[RT_BLOCK_POOL] = {"pool", "pool block", true},
	[RT_BLOCK_PAGES] = {"pages", "page block", true},
	[RT_BLOCK_IMAGE] = {"image", "the image", false},
	[RT_BLOCK_STACK] = {"stack", "the stack", false},
	[RT_BLOCK_CALLER] = {"caller-buffer", "the caller's buffer", false},
	[RT_BLOCK_TABLE] = {"table", "the table", false},
	[RT_BLOCK_DEVICE] = {"device", "the device", false},
};

static uint32_t number_of(const struct rt_shared *s, int32_t block)
{
	uint32_t n = 0;

	for (int32_t i = 0; i <= block; i++)
		n += s->blocks[i].kind == s->blocks[block].kind;
	return n;
}

struct runtime_object runtime_object_of(const struct rt_shared *s, int32_t block)
{
	const struct rt_block *b = &s->blocks[block];
	struct runtime_object o = {.kind = kinds[b->kind].kind,
				   .type = rts_map_type_name(b->memory_type),
				   .size = b->size,
				   .number = number_of(s, block)};

	if (b->kind != RT_BLOCK_IMAGE)
		place_text(s, b->owner, b->site, o.allocated_at, sizeof o.allocated_at);
	return o;
}

static void say_name(struct runtime_finding *f, const struct rt_shared *s, int32_t block)
{
	const struct rt_block *b = &s->blocks[block];
	const char *name = b->kind == RT_BLOCK_IMAGE && b->owner < s->images_count
				   ? s->images[b->owner].name
				   : b->name;

	/* a name of several words says itself what it is: "runtime stack" */
	if (!kinds[b->kind].numbered && strchr(name, ' ') != NULL &&
	    b->kind != RT_BLOCK_IMAGE)
		say(f, "the %s", name);
	else if (kinds[b->kind].numbered)
		say(f, "%s #%u", kinds[b->kind].noun, number_of(s, block));
	else
		say(f, *name != 0 ? "%s %s" : "%s", kinds[b->kind].noun, name);
}

static void say_object(struct runtime_finding *f, const struct rt_shared *s, int32_t block)
{
	const struct rt_block *b = &s->blocks[block];
	const struct runtime_object o = runtime_object_of(s, block);
	char freed[128] = "";

	say_name(f, s, block);
	say(f, " (");
	if (o.type != NULL)
		say(f, "%s, ", o.type);
	say(f, "%llu bytes", (ull)o.size);
	if (*o.allocated_at != 0)
		say(f, ", allocated at %s", o.allocated_at);
	if (b->freed) {
		place_text(s, b->freed_by, b->freed_site, freed, sizeof freed);
		say(f, *freed != 0 ? ", freed at %s" : ", freed%s", freed);
	}
	say(f, ")");
}

/* "b.efi+0x2010 (.data)" where the block is an image, which says more than how far in. */
static bool say_in_image(struct runtime_finding *f, const struct rt_case *c,
			 const struct rt_spot *spot)
{
	const struct rt_block *b = &c->s->blocks[spot->block];
	struct rts_pe_section section;
	char place[128] = "";

	if (b->kind != RT_BLOCK_IMAGE || spot->side != RT_WITHIN)
		return false;
	place_text(c->s, b->owner, spot->distance, place, sizeof place);
	if (*place == 0)
		return false;
	say(f, "%s", place);
	if (rt_case_section(c, b->owner, spot->distance, &section))
		say(f, " (%s)", section.name);
	return true;
}

static void say_distance(struct runtime_finding *f, const struct rt_spot *spot)
{
	const char *s = spot->distance == 1 ? "" : "s";

	if (spot->side == RT_BELOW)
		say(f, "%llu byte%s before ", (ull)spot->distance, s);
	else if (spot->side == RT_ABOVE && spot->distance == 0)
		say(f, "the first byte past the end of ");
	else if (spot->side == RT_ABOVE)
		say(f, "%llu byte%s past the end of ", (ull)spot->distance, s);
	else if (spot->distance == 0)
		say(f, "the first byte of ");
	else
		say(f, "%llu byte%s into ", (ull)spot->distance, s);
}

/* What lies at the address, relative to the block it has to do with. */
static void say_spot(struct runtime_finding *f, const struct rt_case *c,
		     const struct rt_spot *spot)
{
	if (say_in_image(f, c, spot))
		return;
	say_distance(f, spot);
	say_object(f, c->s, spot->block);
}

/* The same, where the address is of the other kind than those in use. */
static void say_address_of(struct runtime_finding *f, const struct rt_case *c,
			   const struct rt_spot *spot, const char *which)
{
	const bool image = c->s->blocks[spot->block].kind == RT_BLOCK_IMAGE;

	if (spot->side != RT_WITHIN || (spot->distance != 0 && !image)) {
		say(f, "a %s address, ", which);
		say_spot(f, c, spot);
		return;
	}
	say(f, "the %s address of ", which);
	if (!say_in_image(f, c, spot))
		say_object(f, c->s, spot->block);
}

/* The pointer that led there. */

struct pointer {
	uint64_t value; /* 0: none yet */
	uint16_t image;
	int32_t holder;  /* pool block, or -1: in the image */
	uint64_t offset; /* in that */
};

struct search {
	const struct rt_case *c;
	uint64_t from, to; /* what it points into; not behind the address itself */
	uint64_t left;
	struct pointer best; /* the nearest, of several the first */
};

static void search_words(struct search *s, uint64_t physical, uint64_t len,
			 struct pointer where)
{
	struct bytes range;

	if (len > s->left || !bytes_sub(s->c->ram, physical - s->c->ram_base, len, &range))
		return;
	s->left -= len;
	for (uint64_t k = (8 - (physical & 7)) & 7; k + 8 <= len; k += 8) {
		memcpy(&where.value, range.p + k, 8);
		if (where.value < s->from || where.value > s->to ||
		    (s->best.value != 0 && where.value <= s->best.value))
			continue;
		s->best = where;
		s->best.offset += k;
	}
}

/* Its writable sections; all of it, where its file is not known. */
static void search_image(struct search *s, uint16_t image)
{
	const struct rt_image *img = &s->c->s->images[image];
	struct pointer where = {.image = image, .holder = -1};
	struct rts_pe_image pe;
	struct rts_pe_section section;

	if (!rt_case_image(s->c, image, &pe)) {
		search_words(s, img->physical, img->size, where);
		return;
	}
	for (unsigned i = 0; rts_pe_image_section(&pe, i, &section); i++) {
		where.offset = section.start;
		if (section.write)
			search_words(s, img->physical + section.start, section.size, where);
	}
}

static bool is_runtime(uint32_t type)
{
	return type == EfiRuntimeServicesCode || type == EfiRuntimeServicesData;
}

static void search_blocks(struct search *s, uint16_t image)
{
	for (uint32_t i = 0; i < s->c->s->blocks_count; i++) {
		const struct rt_block *b = &s->c->s->blocks[i];

		if (b->owner == image && !b->freed && is_runtime(b->memory_type) &&
		    (b->kind == RT_BLOCK_POOL || b->kind == RT_BLOCK_PAGES))
			search_words(
				s, b->physical, b->size,
				(struct pointer){.image = image, .holder = (int32_t)i});
	}
}

static void say_pointer(struct runtime_finding *f, const struct rt_case *c,
			const struct rt_spot *spot)
{
	struct search s = {.c = c,
			   .from = c->s->blocks[spot->block].physical,
			   .to = c->rec->address,
			   .left = SEARCH_MAX};
	struct rts_pe_section section;
	const struct pointer *p = &s.best;
	char place[128] = "";

	if (c->rec->at.image == RT_NOBODY)
		return;
	search_image(&s, c->rec->at.image);
	if (p->value == 0)
		search_blocks(&s, c->rec->at.image);
	if (p->value == 0)
		return;
	say(f, "; its pointer lives in ");
	if (p->holder >= 0) {
		say_name(f, c->s, p->holder);
		say(f, "+0x%llx", (ull)p->offset);
	} else if (rt_case_section(c, p->image, p->offset, &section)) {
		say(f, "%s+0x%llx", section.name, (ull)(p->offset - section.start));
	} else {
		place_text(c->s, p->image, p->offset, place, sizeof place);
		say(f, "%s", place);
	}
}

/* What the driver did. */

static const char *service_name(const struct rt_shared *s, uint16_t stub)
{
	const unsigned runtime = (unsigned)stub - RT_STUB_RUNTIME;
	const char *name = NULL;

	if (stub < RT_STUB_DXE)
		name = runtime_boot_service_name(stub - RT_STUB_BOOT);
	else if (stub >= RT_STUB_RUNTIME && runtime < RT_RUNTIME_SERVICES &&
		 s->services[runtime].name[0] != 0)
		name = s->services[runtime].name;
	return name != NULL ? name : "a service";
}

static void say_access(struct runtime_finding *f, const struct rt_case *c)
{
	static const char *const verbs[] = {
		[RT_READ] = "reads", [RT_WRITE] = "writes", [RT_EXECUTE] = "jumps to"};
	const struct rt_record *r = c->rec;

	if (r->in_host)
		say(f, "%s, called here, ", service_name(c->s, r->service));
	else if (r->at.image == RT_NOBODY && r->access != RT_EXECUTE)
		say(f, "code at 0x%llx, which is no driver's, ", (ull)r->at.offset);
	if (rt_case_no_address(c))
		say(f, "uses an address that is not canonical");
	else
		say(f, "%s 0x%llx", verbs[r->access], (ull)r->address);
}

static bool is_canonical(uint64_t a)
{
	return a >> 47 == 0 || a >> 47 == 0x1ffff;
}

/* The processor keeps the address to itself; it was made of some register. */
static void say_registers(struct runtime_finding *f, const struct rt_record *r)
{
	static const char *const names[] = {"rax", "rbx", "rcx", "rdx", "rsi", "rdi",
					    "rbp", "rsp", "r8",  "r9",  "r10", "r11",
					    "r12", "r13", "r14", "r15"};
	const char *before = "; ";

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (is_canonical(r->registers[i]))
			continue;
		say(f, "%s%s is 0x%llx", before, names[i], (ull)r->registers[i]);
		before = ", ";
	}
}

static void tell_null(struct runtime_finding *f, const struct rt_record *r)
{
	if (r->address != 0)
		say(f, ", offset 0x%llx from a null pointer", (ull)r->address);
	else
		say(f, ", a null pointer");
	if (!r->has_missing || r->missing_same_call)
		return;
	say(f, "; earlier it asked for ");
	say_guid(f, &r->missing);
	say(f, ", which nothing here provides");
}

static void tell_boot_service(struct runtime_finding *f, uint64_t offset)
{
	const uint64_t first = offsetof(EFI_BOOT_SERVICES, RaiseTPL);
	const char *name =
		offset >= first && offset < sizeof(EFI_BOOT_SERVICES)
			? runtime_boot_service_name((unsigned)(offset - first) / 8)
			: NULL;

	say(f, ", %s of the table EFI_BOOT_SERVICES", name != NULL ? name : "a field");
}

static void tell_wild(struct runtime_finding *f, const struct rt_case *c,
		      const struct rt_spot *spot)
{
	if (rt_case_no_address(c)) {
		say_registers(f, c->rec);
	} else if (spot->block >= 0) {
		say(f, ", ");
		say_spot(f, c, spot);
	} else if (c->rec->at.image != RT_NOBODY || c->rec->access == RT_EXECUTE) {
		say(f, ", where nothing is");
	}
}

/* The rules whose address lies at some block. */
static const struct {
	const char *which; /* NULL: the address is one of those in use */
	const char *why;
} tells[] = {
	[RT_STACK_OVERFLOW] = {NULL, ""},
	[RT_WRITE_TO_CODE] = {NULL, ", which is not writable"},
	[RT_EXECUTE_DATA] = {NULL, ", which is not code"},
	[RT_USE_AFTER_FREE] = {NULL, ""},
	[RT_HEAP_OVERFLOW] = {NULL, ""},
	[RT_HEAP_UNDERFLOW] = {NULL, ""},
	[RT_CALLER_BUFFER_OVERFLOW] = {NULL, ""},
	[RT_BOOT_MEMORY_AFTER_EXIT] = {NULL, ", which is the operating system's by now"},
	[RT_VIRTUAL_TOO_EARLY] = {"virtual",
				  ", which counts only after SetVirtualAddressMap"},
	[RT_UNCONVERTED_POINTER] = {"physical", ""},
};

static void tell_fault(struct runtime_finding *f, const struct rt_case *c,
		       const struct rt_spot *spot)
{
	say_access(f, c);
	switch (spot->rule) {
	case RT_NULL_POINTER:
		tell_null(f, c->rec);
		return;
	case RT_BOOT_SERVICE_AFTER_EXIT:
		tell_boot_service(f, spot->distance);
		return;
	case RT_WILD_ACCESS:
		tell_wild(f, c, spot);
		return;
	default:
		break;
	}
	say(f, ", ");
	if (tells[spot->rule].which != NULL)
		say_address_of(f, c, spot, tells[spot->rule].which);
	else
		say_spot(f, c, spot);
	say(f, "%s", tells[spot->rule].why);
	if (spot->rule == RT_UNCONVERTED_POINTER)
		say_pointer(f, c, spot);
}

/* What the child saw itself. */
static void tell_known(struct runtime_finding *f, const struct rt_case *c)
{
	const struct rt_record *r = c->rec;

	say(f, "%s", r->text);
	if (r->block >= 0) {
		say(f, "; ");
		say_object(f, c->s, r->block);
	}
}

void rt_tell(const struct rt_case *c, const struct rt_spot *spot,
	     struct runtime_finding *ret)
{
	const struct rt_record *r = c->rec;
	const bool unmet = rt_case_unmet(c, spot->rule);

	*ret = (struct runtime_finding){
		.rule = unmet ? RT_UNMET_DEPENDENCY : (enum rt_rule)spot->rule,
		.has_offset = r->at.image != RT_NOBODY,
		.offset = r->at.offset,
		.phase = (enum rt_phase)r->phase,
		.has_address =
			r->rule == RT_RULE_COUNT ? !rt_case_no_address(c) : r->address != 0,
		.address = r->address,
		.has_object = spot->block >= 0,
	};
	if (ret->has_offset)
		snprintf(ret->driver, sizeof ret->driver, "%s",
			 c->s->images[r->at.image].name);
	if (ret->has_object)
		ret->object = runtime_object_of(c->s, spot->block);
	say(ret, "%s: ", when[r->phase]);
	if (unmet) {
		say(ret, "asked for ");
		say_guid(ret, &r->missing);
		say(ret, ", which nothing here provides, and then ");
	}
	if (r->rule == RT_RULE_COUNT)
		tell_fault(ret, c, spot);
	else
		tell_known(ret, c);
	rt_clean(ret->text, sizeof ret->text);
}

/* Images that did not get far enough for a record. */

static bool wants(const struct rt_need *n, uint16_t image, uint8_t kind)
{
	return n->image == image && n->kind == kind && !n->met;
}

static uint32_t say_needs(struct runtime_finding *f, const struct rt_shared *s,
			  uint16_t image, uint8_t kind)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->needs_count; i++) {
		if (!wants(&s->needs[i], image, kind) || n++ >= NEEDS_TOLD)
			continue;
		say(f, n > 1 ? ", " : "");
		say_guid(f, &s->needs[i].guid);
	}
	if (n > NEEDS_TOLD)
		say(f, " and %u more", n - NEEDS_TOLD);
	return n;
}

/* Its turn came, and it could not be started: applications have no turn of that kind, and a
 * run may have ended before it. */
static bool was_passed_over(const struct rt_shared *s, const struct rt_image *img)
{
	return img->status == RT_STATUS_UNMET &&
	       img->subsystem != PE_SUBSYSTEM_APPLICATION &&
	       (s->finished != 0 || s->phase != RT_PHASE_ENTRY);
}

bool rt_tell_unmet(const struct rt_shared *s, uint16_t image, struct runtime_finding *ret)
{
	const struct rt_image *img = &s->images[image];
	const bool failed = img->status == RT_STATUS_FAILED && EFI_ERROR(img->entry_status);
	const char *status = runtime_status_name(img->entry_status);

	if (img->role != RT_ROLE_SUBJECT || (!failed && !was_passed_over(s, img)))
		return false;
	*ret = (struct runtime_finding){.rule = RT_UNMET_DEPENDENCY,
					.phase = RT_PHASE_ENTRY};
	snprintf(ret->driver, sizeof ret->driver, "%s", img->name);
	if (failed)
		say(ret, "%s: returned %s; it had asked for ", when[RT_PHASE_ENTRY],
		    status != NULL ? status : "an error");
	else
		say(ret, "not started: its dependency expression wants ");
	if (say_needs(ret, s, image, failed ? RT_NEED_LOCATE : RT_NEED_DEPEX) == 0) {
		if (failed)
			return false;
		say(ret, "what never comes true");
	} else {
		say(ret, ", which nothing here provides");
	}
	rt_clean(ret->text, sizeof ret->text);
	return true;
}
