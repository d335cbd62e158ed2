/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whatever a driver may have scribbled on is checked here, once: after this, records can be
 * judged and printed as if they were our own.
 */
#include <string.h>

#include "base/ucs2.h"
#include "runtime/rt_judge.h"

/* A block that ends nearer to either end of the address space has no room for its guards.
 */
#define MARGIN (4ULL * EFI_PAGE_SIZE)

/* Moves a terminal, or turns its writing around: nothing that belongs into a name. */
static bool is_control(CHAR16 c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x200b && c <= 0x200f) ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c >= 0xfff0;
}

static size_t utf8_len(uint8_t first)
{
	return first < 0x80 ? 1 : first < 0xe0 ? 2 : 3;
}

void rt_clean(char *text, size_t cap)
{
	size_t n, end;
	CHAR16 c;

	text[cap - 1] = 0;
	end = strlen(text);
	for (size_t i = 0; i < end; i += n) {
		n = utf8_len((uint8_t)text[i]);
		if (n > end - i || ucs2_from_utf8(text + i, n, &c, 1) != 1 ||
		    is_control(c)) {
			text[i] = '?';
			n = 1;
		}
	}
}

static uint32_t at_most(uint32_t n, uint32_t max)
{
	return n < max ? n : max;
}

static bool range_ok(uint64_t base, uint64_t size)
{
	return base >= MARGIN && base <= UINT64_MAX - MARGIN &&
	       size <= UINT64_MAX - MARGIN - base;
}

static void check_image(struct rt_image *img)
{
	rt_clean(img->name, sizeof img->name);
	if (img->role > RT_ROLE_HELPER)
		img->role = RT_ROLE_SUBJECT;
	if (img->status > RT_STATUS_FAULTED)
		img->status = RT_STATUS_FAULTED;
	if (!range_ok(img->physical, img->size))
		img->physical = 0;
	if (!range_ok(img->virtual_, img->size))
		img->virtual_ = 0;
}

static void check_block(const struct rt_shared *s, struct rt_block *b)
{
	const uint32_t images = s->images_count;

	rt_clean(b->name, sizeof b->name);
	if (b->kind > RT_BLOCK_DEVICE) {
		b->kind = RT_BLOCK_PAGES;
		b->physical = b->virtual_ = 0;
	}
	if (!range_ok(b->physical, b->size))
		b->physical = 0;
	if (!range_ok(b->virtual_, b->size))
		b->virtual_ = 0;
	if (b->owner >= images)
		b->owner = RT_NOBODY;
	if (b->freed_by >= images)
		b->freed_by = RT_NOBODY;
}

static int32_t index_or_none(int32_t i, uint32_t count)
{
	return i >= 0 && (uint32_t)i < count ? i : -1;
}

static void check_record(const struct rt_shared *s, struct rt_record *r)
{
	rt_clean(r->text, sizeof r->text);
	if (r->rule > RT_RULE_COUNT)
		r->rule = RT_RULE_NONE;
	if (r->phase >= RT_PHASE_COUNT)
		r->phase = (uint8_t)s->phase;
	if (r->access > RT_EXECUTE)
		r->access = RT_READ;
	if (r->at.image >= s->images_count)
		r->at.image = RT_NOBODY;
	r->block = index_or_none(r->block, s->blocks_count);
}

static void check_suspect(const struct rt_shared *s, struct rt_suspect *p)
{
	if (p->at.image >= s->images_count)
		p->at.image = RT_NOBODY;
	p->block = index_or_none(p->block, s->blocks_count);
	p->holder = index_or_none(p->holder, s->blocks_count);
}

static void check_service(const struct rt_shared *s, struct rt_service *p)
{
	rt_clean(p->name, sizeof p->name);
	if (p->owner >= s->images_count)
		p->owner = RT_NOBODY;
}

static void check_parts(struct rt_shared *s)
{
	for (uint32_t i = 0; i < s->images_count; i++)
		check_image(&s->images[i]);
	for (uint32_t i = 0; i < s->blocks_count; i++)
		check_block(s, &s->blocks[i]);
	for (uint32_t i = 0; i < s->records_count; i++)
		check_record(s, &s->records[i]);
	for (uint32_t i = 0; i < s->suspects_count; i++)
		check_suspect(s, &s->suspects[i]);
	for (uint32_t i = 0; i < s->needs_count; i++)
		if (s->needs[i].image >= s->images_count)
			s->needs[i].image = RT_NOBODY;
	for (uint32_t i = 0; i < s->misses_count; i++) {
		rt_clean(s->misses[i].text, sizeof s->misses[i].text);
		if (s->misses[i].phase >= RT_PHASE_COUNT)
			s->misses[i].phase = (uint8_t)s->phase;
	}
	for (uint32_t i = 0; i < RT_SERVICES_MAX; i++)
		check_service(s, &s->services[i]);
}

/* As much as there is. */
static void copy(const struct rt_shared *s, struct rt_shared *ret)
{
	ret->trouble = s->trouble != 0;
	ret->finished = s->finished != 0;
	ret->map_descriptor_size = s->map_descriptor_size;
	memcpy(ret->trouble_text, s->trouble_text, sizeof ret->trouble_text);
	memcpy(ret->phases, s->phases, sizeof ret->phases);
	memcpy(ret->services, s->services, sizeof ret->services);
	memcpy(ret->images, s->images, ret->images_count * sizeof *ret->images);
	memcpy(ret->blocks, s->blocks, ret->blocks_count * sizeof *ret->blocks);
	memcpy(ret->records, s->records, ret->records_count * sizeof *ret->records);
	memcpy(ret->suspects, s->suspects, ret->suspects_count * sizeof *ret->suspects);
	memcpy(ret->needs, s->needs, ret->needs_count * sizeof *ret->needs);
	memcpy(ret->misses, s->misses, ret->misses_count * sizeof *ret->misses);
	memcpy(ret->map, s->map, ret->map_len);
}

void rt_check(const struct rt_shared *s, struct rt_shared *ret)
{
	ret->images_count = at_most(s->images_count, RT_IMAGES_MAX);
	ret->blocks_count = at_most(s->blocks_count, RT_BLOCKS_MAX);
	ret->records_count = at_most(s->records_count, RT_RECORDS_MAX);
	ret->suspects_count = at_most(s->suspects_count, RT_SUSPECTS_MAX);
	ret->needs_count = at_most(s->needs_count, RT_NEEDS_MAX);
	ret->misses_count = at_most(s->misses_count, RT_MISSES_MAX);
	ret->map_len = at_most(s->map_len, sizeof ret->map);
	ret->phase = at_most(s->phase, RT_PHASE_COUNT - 1);
	if (ret != s)
		copy(s, ret);
	rt_clean(ret->trouble_text, sizeof ret->trouble_text);
	check_parts(ret);
}
