/* SPDX-License-Identifier: BSD-2-Clause */
/* `runtserv vars boot`: the boot manager's entries (UEFI 2.10 §3.1), shown, made, removed
 * and put in order. A change is one commit. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/guid.h"
#include "base/ucs2.h"
#include "cli/vars.h"
#include "uefi/guids.h"

#define VERB       "vars"
#define NUMBERS    65536U
#define ORDER_MAX  4096U /* entries; more than a firmware walks through */
#define OPTION_MAX 16384U

static const EFI_GUID global = EFI_GLOBAL_VARIABLE_GUID;

enum {
	BOOT_ADD,
	BOOT_FILE,
	BOOT_URI,
	BOOT_PATH,
	BOOT_ARGS,
	BOOT_FIRST,
	BOOT_REMOVE,
	BOOT_ORDER,
	BOOT_NEXT,
	BOOT_ENABLE,
	BOOT_DISABLE,
	BOOT_QUOTA,
	BOOT_JSON,
};

static const struct cli_option options[] = {
	[BOOT_ADD] = {"add", "NAME", "add an entry with that description; where it leads:"},
	[BOOT_FILE] = {"file", "PATH", "  \\EFI\\... on whichever disk has it"},
	[BOOT_URI] = {"uri", "URI", "  something to load by HTTP"},
	[BOOT_PATH] = {"device-path", "HEX", "  a whole device path"},
	[BOOT_ARGS] = {"args", "TEXT", "  what it is given, as UCS-2"},
	[BOOT_FIRST] = {"first", NULL, "  and put it first in the order, not last"},
	[BOOT_REMOVE] = {"remove", "N", "remove entry N, also from the order"},
	[BOOT_ORDER] = {"order", "N,N,...",
			"set the order; those left out stay, unordered"},
	[BOOT_NEXT] = {"next", "N", "boot entry N once; none: forget that"},
	[BOOT_ENABLE] = {"enable", "N", "make entry N active"},
	[BOOT_DISABLE] = {"disable", "N", "make entry N inactive"},
	[BOOT_QUOTA] = {"quota", "BYTES",
			"room in the store, as for serve (default 262144)"},
	[BOOT_JSON] = {"json", NULL, "print a JSON document"},
	{NULL, NULL, NULL},
};

static const struct cli_command command = {
	"vars boot",
	"[OPTION]... STORE",
	"Shows the boot entries of STORE, in their order, or makes one change to them. N "
	"is\n"
	"a number in hexadecimal, as in BootN. Exit status 1: there is no entry N.",
	options,
	true,
};

struct boot {
	struct vars s;
	int action; /* -1: show */
	const char *arg;
	const char *file, *uri, *path, *args;
	bool first, json;
	uint64_t quota;
	uint16_t order[ORDER_MAX];
	size_t order_count;
};

static void boot_fini(struct boot **b)
{
	if (*b != NULL)
		vars_close(&(*b)->s);
	free(*b);
}

static void entry_name(uint16_t number, CHAR16 ret[9])
{
	static const char digits[] = "0123456789ABCDEF";
	static const CHAR16 stem[] = u"Boot";

	memcpy(ret, stem, 4 * sizeof *ret);
	for (int i = 0; i < 4; i++)
		ret[4 + i] = (CHAR16)digits[number >> (12 - 4 * i) & 15];
	ret[8] = 0;
}

#define ENTRY_NAME_LEN 18U

static const struct rts_var *entry(const struct boot *b, uint16_t number)
{
	CHAR16 name[9];

	entry_name(number, name);
	return vars_get(&b->s, &global, name, ENTRY_NAME_LEN);
}

static bool number_of(const struct rts_var *var, uint16_t *ret)
{
	unsigned n = 0;

	if (!guid_eq(&var->guid, &global) ||
	    !vars_name_is(var->name, var->name_len, "Boot####"))
		return false;
	for (int i = 4; i < 8; i++)
		n = n << 4 | (unsigned)hex_digit((char)var->name[i]);
	*ret = (uint16_t)n;
	return true;
}

static void read_order(struct boot *b)
{
	const struct rts_var *var = VARS_GET(&b->s, &global, u"BootOrder");
	const struct bytes data = {var != NULL ? var->data : NULL,
				   var != NULL ? var->data_len : 0};

	b->order_count = 0;
	while (b->order_count < ORDER_MAX &&
	       bytes_read(data, b->order_count * 2, &b->order[b->order_count], 2))
		b->order_count++;
}

static size_t position(const struct boot *b, uint16_t number)
{
	size_t i;

	for (i = 0; i < b->order_count && b->order[i] != number; i++)
		;
	return i;
}

/* The entries: those in the order, then the others; false at the end. */
struct walk {
	size_t at;
	struct rts_vars_cursor cursor;
};

static bool next_entry(const struct boot *b, struct walk *w, uint16_t *ret,
		       const struct rts_var **ret_var)
{
	if (w->at < b->order_count) {
		*ret = b->order[w->at++];
		*ret_var = entry(b, *ret);
		return true;
	}
	while (vars_next(&b->s, &w->cursor, ret_var))
		if (number_of(*ret_var, ret) && position(b, *ret) == b->order_count)
			return true;
	return false;
}

static bool next_boot(const struct boot *b, uint16_t *ret)
{
	const struct rts_var *var = VARS_GET(&b->s, &global, u"BootNext");

	return var != NULL && var->data_len == 2 &&
	       bytes_read((struct bytes){var->data, 2}, 0, ret, 2);
}

static int show_json(const struct boot *b)
{
	const struct vars_certs certs = {b->s.crypto, crypto_x509_read};
	json_t *order = json_array(), *entries = json_array();
	const struct rts_var *var;
	struct walk w = {0};
	char text[16];
	uint16_t n;

	for (size_t i = 0; i < b->order_count; i++) {
		snprintf(text, sizeof text, "Boot%04X", b->order[i]);
		json_array_append_new(order, json_string(text));
	}
	while (next_entry(b, &w, &n, &var))
		if (var != NULL)
			json_array_append_new(entries, vars_json(&certs, var));
	snprintf(text, sizeof text, "Boot%04X", next_boot(b, &n) ? n : 0);
	return vars_json_print(json_pack(
		"{s:s, s:o, s:o, s:o}", "schema", "runtserv.vars/1", "order", order, "next",
		next_boot(b, &n) ? json_string(text) : json_null(), "variables", entries));
}

static int show(const struct boot *b)
{
	const struct vars_certs certs = {b->s.crypto, crypto_x509_read};
	const struct rts_var *var;
	struct walk w = {0};
	uint16_t n;

	if (b->json)
		return show_json(b);
	if (next_boot(b, &n))
		printf("next  Boot%04X\n", n);
	while (next_entry(b, &w, &n, &var)) {
		const size_t at = position(b, n);

		if (at < b->order_count)
			printf("%4zu", at + 1);
		else
			printf("%4s", "-");
		printf("  Boot%04X  ", n);
		if (var != NULL)
			vars_print_short(stdout, &certs, var);
		else
			fputs("(there is no such entry)", stdout);
		putchar('\n');
	}
	return EXIT_WELL;
}

static bool hex_number(const char *text, size_t len, uint16_t *ret)
{
	unsigned n = 0;

	if (len > 4 && strncmp(text, "Boot", 4) == 0) {
		text += 4;
		len -= 4;
	}
	for (size_t i = 0; i < len; i++) {
		if (len > 4 || hex_digit(text[i]) < 0)
			return false;
		n = n << 4 | (unsigned)hex_digit(text[i]);
	}
	*ret = (uint16_t)n;
	return len > 0;
}

static int no_entry(const struct boot *b, uint16_t number)
{
	char text[12];

	snprintf(text, sizeof text, "Boot%04X", number);
	cli_error(VERB, "%s: there is no %s", b->s.word, text);
	return EXIT_FINDINGS;
}

/* One entry by its number, which is in b->arg; *@ret_var stays NULL, and a message is out:
 * the exit code. */
static int entry_named(const struct boot *b, uint16_t *ret, const struct rts_var **ret_var)
{
	if (!hex_number(b->arg, strlen(b->arg), ret))
		return cli_error(VERB, "--%s %s: not the number of an entry",
				 options[b->action].name, b->arg);
	*ret_var = entry(b, *ret);
	return *ret_var != NULL ? EXIT_WELL : no_entry(b, *ret);
}

/* BootOrder as b->order now is: an edit more, if there is anything to change. */
static size_t order_edit(const struct boot *b, struct rts_var_edit *e)
{
	const struct rts_var *old = VARS_GET(&b->s, &global, u"BootOrder");

	*e = (struct rts_var_edit){
		.var = {.guid = global,
			.attr = VARS_NV_RT,
			.name = u"BootOrder",
			.name_len = sizeof(u"BootOrder"),
			.data = (const uint8_t *)b->order,
			.data_len = (uint32_t)(2 * b->order_count)},
		.remove = b->order_count == 0,
	};
	return b->order_count > 0 || old != NULL;
}

static int do_order(struct boot *b)
{
	const char *text = b->arg;
	struct rts_var_edit e;

	b->order_count = 0;
	for (;;) {
		const size_t len = strcspn(text, ",");
		uint16_t n;

		if (b->order_count == ORDER_MAX || !hex_number(text, len, &n))
			return cli_error(VERB, "--order %s: not numbers with commas",
					 b->arg);
		if (entry(b, n) == NULL)
			return no_entry(b, n);
		if (position(b, n) < b->order_count)
			return cli_error(VERB, "--order: %x comes twice", n);
		b->order[b->order_count++] = n;
		if (text[len] == 0)
			break;
		text += len + 1;
	}
	return order_edit(b, &e) > 0 ? vars_edit(&b->s, &e, 1) : EXIT_WELL;
}

static int do_next(struct boot *b)
{
	struct rts_var_edit e = {.var = {.guid = global,
					 .attr = VARS_NV_RT,
					 .name = u"BootNext",
					 .name_len = sizeof(u"BootNext"),
					 .data_len = 2}};
	const struct rts_var *var = NULL;
	uint16_t n;
	int r;

	if (strcmp(b->arg, "none") == 0) {
		e.remove = true;
		return VARS_GET(&b->s, &global, u"BootNext") != NULL
			       ? vars_edit(&b->s, &e, 1)
			       : EXIT_WELL;
	}
	r = entry_named(b, &n, &var);
	if (var == NULL)
		return r;
	e.var.data = (const uint8_t *)&n;
	return vars_edit(&b->s, &e, 1);
}

static int do_remove(struct boot *b)
{
	struct rts_var_edit edits[3] = {0};
	const struct rts_var *var = NULL;
	size_t count = 1, at;
	uint16_t n, next;
	int r = entry_named(b, &n, &var);

	if (var == NULL)
		return r;
	edits[0] = (struct rts_var_edit){*var, true};
	if (next_boot(b, &next) && next == n)
		edits[count++] =
			(struct rts_var_edit){*VARS_GET(&b->s, &global, u"BootNext"), true};
	at = position(b, n);
	if (at < b->order_count) {
		size_t kept = 0;

		for (size_t i = 0; i < b->order_count; i++)
			if (b->order[i] != n)
				b->order[kept++] = b->order[i];
		b->order_count = kept;
		count += order_edit(b, &edits[count]);
	}
	return vars_edit(&b->s, edits, count);
}

static int do_activate(struct boot *b)
{
	struct rts_var_edit e = {0};
	cleanup(freep) uint8_t *copy = NULL;
	const struct rts_var *var = NULL;
	struct vars_option o;
	uint16_t n;
	int r = entry_named(b, &n, &var);

	if (var == NULL)
		return r;
	if (!vars_option_read((struct bytes){var->data, var->data_len}, &o))
		return cli_error(VERB, "%s: entry %x is no load option", b->s.word, n);
	copy = malloc(var->data_len);
	if (copy == NULL)
		return cli_error(VERB, "out of memory");
	memcpy(copy, var->data, var->data_len);
	if (b->action == BOOT_ENABLE)
		copy[0] |= LOAD_OPTION_ACTIVE;
	else
		copy[0] &= (uint8_t)~LOAD_OPTION_ACTIVE;
	e.var = *var;
	e.var.data = copy;
	return vars_edit(&b->s, &e, 1);
}

static void put_node(struct writer *w, uint8_t type, uint8_t subtype, const void *p,
		     size_t n)
{
	const uint8_t head[] = {type, subtype, (uint8_t)((n + 4) & 0xff),
				(uint8_t)((n + 4) >> 8)};

	writer_put(w, head, sizeof head);
	writer_put(w, p, n);
}

/* UTF-8 as UCS-2; with its NUL. False: it is not, or too long. */
static bool put_ucs2(struct writer *w, const char *text, bool slashes, CHAR16 *to,
		     size_t cap)
{
	const size_t n = ucs2_from_utf8(text, strlen(text), to, cap - 1);

	if (n == 0 || n > cap - 1)
		return false;
	to[n] = 0;
	for (size_t i = 0; slashes && i < n; i++)
		if (to[i] == '/')
			to[i] = '\\';
	if (w != NULL)
		writer_put(w, to, 2 * (n + 1));
	return true;
}

/* The device path that --file, --uri or --device-path means. */
static bool put_path(const struct boot *b, struct writer *w)
{
	CHAR16 name[1024];

	if (b->file != NULL) {
		if (!put_ucs2(NULL, b->file, true, name, 1024))
			return false;
		put_node(w, 4, 4, name, 2 * (ucs2_len(name, 1024) + 1));
	} else if (b->uri != NULL) {
		put_node(w, 3, 24, b->uri, strlen(b->uri));
	} else {
		for (const char *p = b->path; *p != 0; p += 2) {
			const int hi = hex_digit(p[0]), lo = hi < 0 ? -1 : hex_digit(p[1]);
			const uint8_t byte = (uint8_t)(hi << 4 | lo);

			if (lo < 0)
				return false;
			writer_put(w, &byte, 1);
		}
		return w->n >= 4;
	}
	put_node(w, 0x7f, 0xff, NULL, 0);
	return true;
}

static bool make_option(const struct boot *b, struct writer *w)
{
	uint8_t path_room[OPTION_MAX / 2];
	struct writer path = {.p = path_room, .cap = sizeof path_room};
	const uint32_t attributes = LOAD_OPTION_ACTIVE;
	CHAR16 text[2048];
	uint16_t len;

	if (!put_path(b, &path) || path.full)
		return false;
	len = (uint16_t)path.n;
	writer_put(w, &attributes, sizeof attributes);
	writer_put(w, &len, sizeof len);
	if (!put_ucs2(w, b->arg, false, text, 2048))
		return false;
	writer_put(w, path_room, path.n);
	if (b->args != NULL && !put_ucs2(w, b->args, false, text, 2048))
		return false;
	return !w->full;
}

static int do_add(struct boot *b)
{
	uint8_t room[OPTION_MAX];
	struct writer w = {.p = room, .cap = sizeof room};
	struct rts_var_edit edits[2] = {0};
	CHAR16 name[9];
	uint32_t n = 0;

	if ((b->file != NULL) + (b->uri != NULL) + (b->path != NULL) != 1)
		return cli_error(VERB, "--add wants one of --file, --uri, --device-path");
	if (!make_option(b, &w))
		return cli_error(VERB,
				 "--add: not a description, or not a path, or too long");
	while (n < NUMBERS &&
	       (entry(b, (uint16_t)n) != NULL || position(b, (uint16_t)n) < b->order_count))
		n++;
	if (n == NUMBERS || b->order_count == ORDER_MAX)
		return cli_error(VERB, "%s: no room for another entry", b->s.word);
	entry_name((uint16_t)n, name);
	edits[0].var = (struct rts_var){.guid = global,
					.attr = VARS_NV_RT,
					.name = name,
					.name_len = ENTRY_NAME_LEN,
					.data = room,
					.data_len = (uint32_t)w.n};
	if (b->first)
		memmove(b->order + 1, b->order, 2 * b->order_count);
	b->order[b->first ? 0 : b->order_count] = (uint16_t)n;
	b->order_count++;
	(void)order_edit(b, &edits[1]);
	return vars_edit(&b->s, edits, 2);
}

static int act(struct boot *b)
{
	switch (b->action) {
	case BOOT_ADD:
		return do_add(b);
	case BOOT_REMOVE:
		return do_remove(b);
	case BOOT_ORDER:
		return do_order(b);
	case BOOT_NEXT:
		return do_next(b);
	default:
		return do_activate(b);
	}
}

static int set_option(struct boot *b, int option, const char *arg)
{
	switch (option) {
	case BOOT_FILE:
		b->file = arg;
		break;
	case BOOT_URI:
		b->uri = arg;
		break;
	case BOOT_PATH:
		b->path = arg;
		break;
	case BOOT_ARGS:
		b->args = arg;
		break;
	case BOOT_FIRST:
		b->first = true;
		break;
	case BOOT_JSON:
		b->json = true;
		break;
	case BOOT_QUOTA:
		if (!vars_number(arg, VARS_QUOTA_MAX, &b->quota))
			return cli_error(VERB, "--quota %s: not a number of bytes", arg);
		break;
	default:
		if (b->action >= 0)
			return cli_error(VERB, "boot makes one change at a time");
		b->action = option;
		b->arg = arg;
		break;
	}
	return EXIT_WELL;
}

int vars_boot(int argc, char **argv)
{
	cleanup(boot_fini) struct boot *b = calloc(1, sizeof *b);
	const char *arg;
	int option, r;

	if (b == NULL)
		return cli_error(VERB, "out of memory");
	b->action = -1;
	b->quota = RTS_VARS_QUOTA;
	while ((option = cli_next(&command, argc, argv, &arg)) >= 0) {
		r = set_option(b, option, arg);
		if (r != EXIT_WELL)
			return r;
	}
	if (option != CLI_DONE)
		return option == CLI_HELPED ? EXIT_WELL : EXIT_TROUBLE;
	if (argc - optind != 1)
		return vars_usage(&command, "a STORE");
	if (b->action != BOOT_ADD && (b->file != NULL || b->uri != NULL ||
				      b->path != NULL || b->args != NULL || b->first))
		return cli_error(VERB,
				 "--file, --uri, --device-path, --args and --first go "
				 "with --add");
	r = vars_open(&b->s, argv[optind], b->action < 0 ? VARS_READ : VARS_EDIT, b->quota);
	if (r != EXIT_WELL)
		return r;
	read_order(b);
	return b->action < 0 ? show(b) : act(b);
}
