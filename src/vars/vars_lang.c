/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lang and PlatformLang say the same in two codes, ISO 639-2 and RFC 4646 (UEFI 2.10 §3.3);
 * LangCodes and PlatformLangCodes list both, in one order. When one is written, the other
 * follows, as edk2 has it.
 */
#include "base/guid.h"
#include "uefi/guids.h"
#include "vars/vars_priv.h"

#include <string.h>

#define ISO_LEN 3U

static const EFI_GUID global = EFI_GLOBAL_VARIABLE_GUID;

enum { LANG, PLATFORM_LANG, LANG_CODES, PLATFORM_LANG_CODES, NAMES };
static const struct {
	CHAR16 name[18];
	uint32_t name_len;
} names[NAMES] = {
	[LANG] = {u"Lang", sizeof u"Lang"},
	[PLATFORM_LANG] = {u"PlatformLang", sizeof u"PlatformLang"},
	[LANG_CODES] = {u"LangCodes", sizeof u"LangCodes"},
	[PLATFORM_LANG_CODES] = {u"PlatformLangCodes", sizeof u"PlatformLangCodes"},
};

static unsigned which(const struct request *r)
{
	unsigned i = 0;

	if (!guid_eq(r->guid, &global))
		return NAMES;
	while (i < NAMES && (r->name_len != names[i].name_len ||
			     memcmp(r->name, names[i].name, r->name_len) != 0))
		i++;
	return i;
}

static struct node *find(const struct rts_vars *v, unsigned i)
{
	return table_find(v, &global, names[i].name, names[i].name_len);
}

/* Text up to its NUL, or the end of what there is. */
static struct bytes text(struct bytes b)
{
	return (struct bytes){b.p, b.n > 0 ? strnlen((const char *)b.p, b.n) : 0};
}

/* The value that there will be: of the request's own variable what is written. */
static bool value(const struct rts_vars *v, const struct request *r, unsigned i,
		  struct bytes *ret)
{
	const struct node *n = find(v, i);

	if (which(r) == i) {
		const struct node *new = r->changes[0].new;

		*ret = text((struct bytes){new->var.data, new->var.data_len});
		return true;
	}
	if (n != NULL)
		*ret = text((struct bytes){n->var.data, n->var.data_len});
	return n != NULL;
}

/* Language @i of a list: three characters each, or what lies between semicolons. */
static bool code_at(struct bytes list, bool iso, unsigned i, struct bytes *ret)
{
	size_t at = 0;

	if (iso)
		return bytes_sub(list, (uint64_t)i * ISO_LEN, ISO_LEN, ret);
	for (;; i--) {
		size_t len = 0;

		while (at < list.n && list.p[at] == ';')
			at++;
		while (at + len < list.n && list.p[at + len] != ';')
			len++;
		if (len == 0)
			return false;
		*ret = (struct bytes){list.p + at, len};
		if (i == 0)
			return true;
		at += len;
	}
}

/* Which one of the list fits best: the whole code, or else what is left when it is cut at
 * its hyphens, from the right (RFC 4647 §3.4). */
static bool best(struct bytes list, bool iso, struct bytes language, unsigned *ret)
{
	size_t len = 0;

	while (len < language.n && (iso ? len < ISO_LEN : language.p[len] != ';'))
		len++;
	while (len > 0) {
		struct bytes code;

		for (unsigned i = 0; code_at(list, iso, i, &code); i++) {
			if (code.n < len || memcmp(code.p, language.p, len) != 0)
				continue;
			*ret = i;
			return true;
		}
		if (iso)
			return false;
		for (len--; len > 0 && language.p[len] != '-'; len--)
			;
	}
	return false;
}

struct verdict lang_check(struct rts_vars *v, struct request *r)
{
	const unsigned i = which(r);

	if ((i == LANG_CODES || i == PLATFORM_LANG_CODES) && r->payload.n > 0 &&
	    v->phase.runtime)
		return NO(EFI_WRITE_PROTECTED, "languages are set by the firmware, before "
					       "run time (UEFI 2.10 3.3)");
	return GO_ON;
}

/* Adds to the changes what follows from them. */
struct verdict lang_follow(struct rts_vars *v, struct request *r)
{
	const unsigned written = which(r);
	unsigned from = written, to, index;
	struct bytes language, list, other_list, code;
	char ends[64] = "";
	struct rts_var var = {.guid = global, .attr = ATTR_NV | ATTR_BS | ATTR_RT};
	struct change *c = &r->changes[r->change_count];

	if (written == NAMES || r->changes[0].new == NULL)
		return GO_ON;
	if (written == LANG_CODES || written == PLATFORM_LANG_CODES)
		from = find(v, PLATFORM_LANG) != NULL ? PLATFORM_LANG : LANG;
	to = from == LANG ? PLATFORM_LANG : LANG;
	if (!value(v, r, from, &language) || !value(v, r, from + LANG_CODES, &list) ||
	    !value(v, r, to + LANG_CODES, &other_list) ||
	    !best(list, from == LANG, language, &index) ||
	    !code_at(other_list, to == LANG, index, &code) || code.n >= sizeof ends)
		return GO_ON;
	memcpy(ends, code.p, code.n);
	var.name = names[to].name;
	var.name_len = names[to].name_len;
	var.data = (const uint8_t *)ends;
	var.data_len = (uint32_t)code.n + 1;
	*c = (struct change){find(v, to), NULL};
	if (c->old != NULL && (c->old->var.attr != var.attr ||
			       (c->old->var.data_len == var.data_len &&
				memcmp(c->old->var.data, var.data, var.data_len) == 0)))
		return GO_ON;
	c->new = node_new(v, &var);
	if (c->new == NULL)
		return NO(EFI_OUT_OF_RESOURCES, "no memory (UEFI 2.10 8.2.3)");
	r->change_count++;
	return GO_ON;
}
