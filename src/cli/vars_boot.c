/* SPDX-License-Identifier: BSD-2-Clause */
/* `runtserv vars boot`: the boot manager's entries (UEFI 2.10 §3.1), shown, made, removed
 * and put in order. A change is one commit. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/guid.h"
#include "base/ucs2.h"
#include "cli/vars.h"
#include "uefi/guids.h"

#define VERB       "vars"
#define NUMBERS    65536U
#define ORDER_MAX  32768U /* entries; more than a variable can hold */
#define OPTION_MAX 16384U
#define TEXT_MAX   2047U /* characters */

static const EFI_GUID global = EFI_GLOBAL_VARIABLE_GUID;

/* The one change that is asked for. */
enum action {
	BOOT_SHOW,
	BOOT_ADD,
	BOOT_REMOVE,
	BOOT_ORDER,
	BOOT_NEXT,
	BOOT_ENABLE,
	BOOT_DISABLE,
};

struct boot {
	struct vars s;
	enum action action;
	const char *name, *arg; /* of its option */
	const char *file, *disk, *uri, *path, *args;
	struct vars_partition partition; /* .number 0: not named */
	bool first, once, json;
	uint64_t quota;
	uint16_t order[ORDER_MAX];
	size_t order_count;
};

static int set_action(void *to, const struct cli_option *option, const char *arg);

static int set_partition(void *to, const struct cli_option *option, const char *arg)
{
	return vars_partition_read(arg, &((struct boot *)to)->partition)
		       ? EXIT_WELL
		       : cli_error(VERB, "--%s %s: not %s", option->name, arg, option->arg);
}

/* clang-format off */
static const struct cli_option options[] = {
	{"add", "NAME", "add an entry with that description", CLI_CALL(set_action)},
	{"remove", "N", "remove entry N, also from the order", CLI_CALL(set_action)},
	{"order", "N,N,...", "set the order; those left out stay, unordered", CLI_CALL(set_action)},
	{"next", "N", "boot entry N once; none: forget that", CLI_CALL(set_action)},
	{"enable", "N", "make entry N active", CLI_CALL(set_action)},
	{"disable", "N", "make entry N inactive", CLI_CALL(set_action)},
	{"file", "PATH", "where a new entry leads: \\EFI\\... on whichever disk has it", CLI_TEXT(struct boot, file)},
	{"disk", "DISK", "  or on the EFI system partition of DISK, a disk or its\n  image (raw) with a GUID partition table", CLI_TEXT(struct boot, disk)},
	{"partition", "N[,GUID[,START,SIZE]]", "  or on partition N of DISK; without DISK, GUID is\n  the partition's, and START and SIZE are in blocks", CLI_CALL(set_partition)},
	{"uri", "URI", "or to something to load by HTTP", CLI_TEXT(struct boot, uri)},
	{"device-path", "HEX", "or, a whole device path", CLI_TEXT(struct boot, path)},
	{"args", "TEXT", "what it is given, as UCS-2", CLI_TEXT(struct boot, args)},
	{"first", NULL, "put it first in the order, not last", CLI_FLAG(struct boot, first)},
	{"once", NULL, "boot it next, once, and leave the order alone", CLI_FLAG(struct boot, once)},
	VARS_QUOTA_OPTION(struct boot, quota),
	{"json", NULL, "print a JSON document", CLI_FLAG(struct boot, json)},
	{0},
};
/* clang-format on */

static int set_action(void *to, const struct cli_option *option, const char *arg)
{
	struct boot *b = to;

	if (b->action != BOOT_SHOW)
		return cli_error(VERB, "boot makes one change at a time");
	b->action = BOOT_ADD + (enum action)(option - options);
	b->name = option->name;
	b->arg = arg;
	return EXIT_WELL;
}

static const struct cli_command command = {
	"vars boot",
	"[OPTION]... STORE",
	"Shows the boot entries of STORE, in their order, or makes one change to them. N "
	"is\n"
	"a number in hexadecimal, as in BootN. Exit status 1: there is no entry N.",
	options,
	1,
	1,
	"a STORE",
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
	CHAR16 name[9];

	if (!guid_eq(&var->guid, &global) ||
	    !vars_name_is(var->name, var->name_len, "Boot####"))
		return false;
	for (int i = 4; i < 8; i++)
		n = n << 4 | (unsigned)hex_digit((char)var->name[i]);
	*ret = (uint16_t)n;
	entry_name(*ret, name);
	return memcmp(var->name, name, sizeof name) == 0; /* in capitals */
}

/* False: half a number is left over. */
static bool read_order(struct boot *b)
{
	const struct rts_var *var = VARS_GET(&b->s, &global, u"BootOrder");
	const struct bytes data = {var != NULL ? var->data : NULL,
				   var != NULL ? var->data_len : 0};

	b->order_count = 0;
	while (b->order_count < ORDER_MAX &&
	       bytes_read(data, b->order_count * 2, &b->order[b->order_count], 2))
		b->order_count++;
	return data.n == 2 * b->order_count;
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
	return cli_json_print(VERB,
			      json_pack("{s:s, s:o, s:o, s:o}", "schema", "runtserv.vars/1",
					"order", order, "next",
					next_boot(b, &n) ? json_string(text) : json_null(),
					"variables", entries));
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
		return cli_error(VERB, "--%s %s: not the number of an entry", b->name,
				 b->arg);
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

static struct rts_var_edit next_edit(const uint16_t *number)
{
	return (struct rts_var_edit){.var = {.guid = global,
					     .attr = VARS_NV_RT,
					     .name = u"BootNext",
					     .name_len = sizeof(u"BootNext"),
					     .data = (const uint8_t *)number,
					     .data_len = sizeof *number}};
}

static int do_next(struct boot *b)
{
	uint16_t n = 0;
	struct rts_var_edit e = next_edit(&n);
	const struct rts_var *var = NULL;
	int r;

	if (strcmp(b->arg, "none") == 0) {
		e.remove = true;
		return VARS_GET(&b->s, &global, u"BootNext") != NULL
			       ? vars_edit(&b->s, &e, 1)
			       : EXIT_WELL;
	}
	r = entry_named(b, &n, &var);
	return var != NULL ? vars_edit(&b->s, &e, 1) : r;
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

/* UTF-8 as UCS-2; with its NUL. @option: whose it is. */
static int put_ucs2(struct writer *w, const char *option, const char *text)
{
	CHAR16 to[TEXT_MAX + 1];
	const size_t n = ucs2_from_utf8(text, strlen(text), to, TEXT_MAX);

	if (n == 0 || n > TEXT_MAX)
		return cli_error(VERB, "--%s: nothing, not UTF-8 of UCS-2, or too long",
				 option);
	to[n] = 0;
	for (size_t i = 0; strcmp(option, "file") == 0 && i < n; i++)
		if (to[i] == '/')
			to[i] = '\\';
	writer_put(w, to, 2 * (n + 1));
	return EXIT_WELL;
}

/* A short path begins here: the firmware looks for the disk (UEFI 2.10 §10.3.5.1). */
static void put_partition(struct writer *w, const struct vars_partition *p)
{
	static const uint8_t gpt[] = {2, 2};
	uint8_t room[38];
	struct writer node = {.p = room, .cap = sizeof room};

	writer_put(&node, &p->number, 4);
	writer_put(&node, &p->start, 8);
	writer_put(&node, &p->blocks, 8);
	writer_put(&node, &p->guid, sizeof p->guid);
	writer_put(&node, gpt, sizeof gpt);
	put_node(w, 4, 1, room, sizeof room);
}

static int put_hex_path(struct writer *w, const char *hex)
{
	const struct writer start = *w;

	for (const char *p = hex; *p != 0; p += 2) {
		const int hi = hex_digit(p[0]), lo = hi < 0 ? -1 : hex_digit(p[1]);
		const uint8_t byte = (uint8_t)(hi << 4 | lo);

		if (lo < 0)
			return cli_error(VERB,
					 "--device-path: not bytes in hexadecimal at %zu",
					 (size_t)(p - hex));
		writer_put(w, &byte, 1);
	}
	if (!w->full && !vars_path_valid((struct bytes){start.p + start.n, w->n - start.n}))
		return cli_error(VERB, "--device-path: its nodes do not end where it ends");
	return EXIT_WELL;
}

/* The device path that --file, --uri or --device-path means. */
static int put_path(const struct boot *b, struct writer *w)
{
	uint8_t room[2 * (TEXT_MAX + 1)];
	struct writer text = {.p = room, .cap = sizeof room};
	int r;

	if (b->path != NULL)
		return put_hex_path(w, b->path);
	if (b->uri != NULL) {
		for (const char *p = b->uri; *p != 0; p++)
			if (*p <= 0x20 || *p >= 0x7f)
				return cli_error(VERB, "--uri: not one: character %zu",
						 (size_t)(p - b->uri) + 1);
		put_node(w, 3, 24, b->uri, strlen(b->uri));
	} else {
		r = put_ucs2(&text, "file", b->file);
		if (r != EXIT_WELL)
			return r;
		if (b->partition.number != 0)
			put_partition(w, &b->partition);
		put_node(w, 4, 4, room, text.n);
	}
	put_node(w, 0x7f, 0xff, NULL, 0);
	return EXIT_WELL;
}

static int make_option(const struct boot *b, struct writer *w)
{
	uint8_t path_room[OPTION_MAX / 2];
	struct writer path = {.p = path_room, .cap = sizeof path_room};
	const uint32_t attributes = LOAD_OPTION_ACTIVE;
	uint16_t len;
	int r = put_path(b, &path);

	if (r == EXIT_WELL && path.full)
		return cli_error(VERB, "--add: a device path of %zu bytes is too long",
				 path.n);
	len = (uint16_t)path.n;
	writer_put(w, &attributes, sizeof attributes);
	writer_put(w, &len, sizeof len);
	if (r == EXIT_WELL)
		r = put_ucs2(w, "add", b->arg);
	writer_put(w, path_room, path.full ? 0 : path.n);
	if (r == EXIT_WELL && b->args != NULL)
		r = put_ucs2(w, "args", b->args);
	return r;
}

static int do_add(struct boot *b)
{
	uint8_t room[OPTION_MAX];
	struct writer w = {.p = room, .cap = sizeof room};
	struct rts_var_edit edits[2] = {0};
	CHAR16 name[9];
	uint32_t n = 0;
	uint16_t number;
	int r = make_option(b, &w);

	if (r != EXIT_WELL)
		return r;
	while (n < NUMBERS &&
	       (entry(b, (uint16_t)n) != NULL || position(b, (uint16_t)n) < b->order_count))
		n++;
	if (n == NUMBERS || b->order_count == ORDER_MAX)
		return cli_error(VERB, "%s: no room for another entry", b->s.word);
	number = (uint16_t)n;
	entry_name(number, name);
	edits[0].var = (struct rts_var){.guid = global,
					.attr = VARS_NV_RT,
					.name = name,
					.name_len = ENTRY_NAME_LEN,
					.data = room,
					.data_len = (uint32_t)w.n};
	if (b->once) {
		edits[1] = next_edit(&number);
		return vars_edit(&b->s, edits, 2);
	}
	if (b->first)
		memmove(b->order + 1, b->order, 2 * b->order_count);
	b->order[b->first ? 0 : b->order_count] = number;
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

/* Whether the options go together; and where --disk and --partition lead. */
static int check_options(struct boot *b)
{
	static const EFI_GUID none;
	const struct vars_partition *p = &b->partition;
	const bool on = b->disk != NULL || p->number != 0;
	const bool has_guid = !guid_eq(&p->guid, &none);

	if (b->action != BOOT_ADD)
		return b->file == NULL && b->uri == NULL && b->path == NULL && !on &&
				       b->args == NULL && !b->first && !b->once
			       ? EXIT_WELL
			       : cli_error(VERB, "--file, --disk, --partition, --uri, "
						 "--device-path, --args, --first and "
						 "--once go with --add");
	if ((b->file != NULL) + (b->uri != NULL) + (b->path != NULL) != 1)
		return cli_error(VERB, "--add wants one of --file, --uri, --device-path");
	if (on && b->file == NULL)
		return cli_error(VERB, "--disk and --partition go with --file");
	if (b->first && b->once)
		return cli_error(VERB, "--first or --once, not both");
	if (b->disk == NULL)
		return on && !has_guid
			       ? cli_error(VERB,
					   "--partition %u: which disk? --disk DISK, "
					   "or --partition %u,GUID",
					   p->number, p->number)
			       : EXIT_WELL;
	return has_guid ? cli_error(VERB, "--disk tells the partition's GUID; no other")
			: vars_disk_find(b->disk, p->number, &b->partition);
}

int vars_boot(int argc, char **argv)
{
	cleanup(boot_fini) struct boot *b = calloc(1, sizeof *b);
	int r;

	if (b == NULL)
		return cli_error(VERB, "out of memory");
	b->quota = RTS_VARS_QUOTA;
	r = cli_parse(&command, &argc, &argv, b);
	if (r != CLI_GO)
		return r;
	r = check_options(b);
	if (r == EXIT_WELL)
		r = vars_open(&b->s, argv[0],
			      b->action == BOOT_SHOW  ? VARS_READ
			      : b->action == BOOT_ADD ? VARS_EDIT
						      : VARS_CHANGE,
			      b->quota);
	if (r != EXIT_WELL)
		return r;
	if (!read_order(b) && (b->action == BOOT_ADD || b->action == BOOT_REMOVE))
		return cli_error(VERB,
				 "%s: BootOrder ends in half a number; see --order, or "
				 "delete it",
				 b->s.word);
	return b->action == BOOT_SHOW ? show(b) : act(b);
}
