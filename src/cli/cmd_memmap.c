/* SPDX-License-Identifier: BSD-2-Clause */
/* `runtserv memmap`: a UEFI memory map as a table, with its sums, as JSON, as a picture. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/cli.h"
#include "cli/memmap.h"

#define VERB           "memmap"
#define FILE_MAX       (16U << 20)
#define PROBLEMS_SHOWN 100U
#define NUMBER_MAX     0x7fffffffffffffffULL /* what JSON readers hold as a whole number */

struct request {
	const char *file, *svg, *sysfs;
	uint64_t descriptor_size; /* 0: not given */
	bool json, live;
};

/* clang-format off */
static const struct cli_option options[] = {
	{"json", NULL, "print a JSON document", CLI_FLAG(struct request, json)},
	{"svg", "FILE", "write a picture, too; - prints it, and nothing else", CLI_TEXT(struct request, svg)},
	{"descriptor-size", "N", "bytes from one descriptor of a binary map to the next", CLI_NUMBER(struct request, descriptor_size, 1, UINT32_MAX)},
	{"live", NULL, "the map of this machine, in place of FILE; root's", CLI_FLAG(struct request, live)},
	{"sysfs", "DIR", "where --live looks (default: /sys)", CLI_TEXT(struct request, sysfs)},
	{0},
};
/* clang-format on */

static const struct cli_command command = {
	VERB,
	"[OPTION]... FILE | --live",
	"Shows a UEFI memory map and its sums. FILE is a binary map as GetMemoryMap gives\n"
	"it, or a document that the firmware application inventory saved; - is stdin.\n"
	"Exit status 1: the map breaks the specification's rules.",
	options,
	0,
	1,
	"FILE, or --live without FILE and --descriptor-size",
};

/* Whatever comes from a file and goes to a terminal. */
static char *printable(char *s)
{
	for (char *p = s; *p != 0; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
	return s;
}

/* CLI_GO, or how to exit. */
static int parse(struct request *q, int argc, char **argv)
{
	const int status = cli_parse(&command, &argc, &argv, q);

	if (status != CLI_GO)
		return status;
	q->file = argc > 0 ? argv[0] : NULL;
	if (q->live ? q->file != NULL || q->descriptor_size != 0 : q->file == NULL)
		return cli_usage(&command);
	if (q->json && q->svg != NULL && strcmp(q->svg, "-") == 0)
		return cli_error(VERB, "--json and --svg - both want the standard output");
	return CLI_GO;
}

/* An exit status. */
static int load(const struct request *q, struct memmap *ret)
{
	cleanup(freep) uint8_t *p = NULL;
	struct diag d = {0};
	size_t n = 0;
	int r;

	if (q->live) {
		r = memmap_read_live(q->sysfs, ret, &d);
		return r < 0 ? cli_error(VERB, "%s", printable(d.text)) : EXIT_WELL;
	}
	r = cli_file_read(q->file, FILE_MAX, &p, &n);
	if (r < 0)
		return cli_error(VERB, "%s: %s", q->file, strerror(-r));
	r = memmap_read((struct bytes){p, n}, q->descriptor_size, ret, &d);
	return r < 0 ? cli_error(VERB, "%s: %s", q->file, printable(d.text)) : EXIT_WELL;
}

/* An exit status. */
static int draw(const struct request *q, const struct memmap *m)
{
	cleanup(freep) char *text = NULL;
	struct diag d = {0};
	size_t n = 0;
	int r = memmap_svg(&m->map, &text, &n, &d);

	if (r < 0)
		return cli_error(VERB, "%s: %s", q->svg, d.text);
	if (strcmp(q->svg, "-") == 0)
		return fwrite(text, 1, n, stdout) == n ? EXIT_WELL : EXIT_TROUBLE;
	return cli_file_write(VERB, q->svg, text, n);
}

/* Problems, as both forms print them. */
struct problems {
	const struct memmap *m;
	json_t *list; /* NULL: text */
	size_t count;
};

static void put_problem(void *ctx, size_t index, const char *text)
{
	struct problems *p = ctx;

	p->count++;
	if (p->list != NULL) {
		json_array_append_new(p->list, json_pack("{s:I, s:s}", "descriptor",
							 (json_int_t)index, "text", text));
	} else if (p->count <= PROBLEMS_SHOWN) {
		printf("problem: descriptor %zu", index);
		if (p->m->descriptor_size != 0)
			printf(" at offset %#zx", index * p->m->descriptor_size);
		printf(": %s\n", text);
	}
}

static void put_line(void *ctx, const char *line)
{
	(void)ctx;
	puts(line);
}

/* Text of a checked document; "-" where there is none. */
static const char *text_of(const json_t *v, char ret[RTS_MAP_TEXT_MAX])
{
	const char *s = json_string_value(v);

	snprintf(ret, RTS_MAP_TEXT_MAX, "%s", s != NULL ? s : "-");
	return printable(ret);
}

static void print_images(const json_t *images)
{
	printf("\n%zu runtime images\n", json_array_size(images));
	for (size_t i = 0; i < json_array_size(images); i++) {
		const json_t *image = json_array_get(images, i);
		char text[RTS_MAP_TEXT_MAX];

		printf("0x%08llx ",
		       strtoull(json_string_value(json_object_get(image, "base")), NULL,
				16));
		printf("%8llu  %s\n",
		       (unsigned long long)json_integer_value(
			       json_object_get(image, "size")),
		       text_of(json_object_get(image, "name"), text));
		if (json_is_string(json_object_get(image, "path")))
			printf("    %s\n", text_of(json_object_get(image, "path"), text));
	}
}

static int print_text(const struct memmap *m)
{
	const struct rts_map_summary sum = rts_map_sum(&m->map);
	struct problems p = {m, NULL, 0};

	rts_map_print(&m->map, put_line, NULL);
	putchar('\n');
	rts_map_print_summary(&sum, put_line, NULL);
	(void)rts_map_check(&m->map, put_problem, &p);
	if (p.count > PROBLEMS_SHOWN)
		printf("problem: and %zu more\n", p.count - PROBLEMS_SHOWN);
	if (m->images != NULL)
		print_images(m->images);
	return p.count != 0 ? EXIT_FINDINGS : EXIT_WELL;
}

static json_t *hex(uint64_t v)
{
	return json_sprintf("0x%llx", (unsigned long long)v);
}

static json_t *number(uint64_t v)
{
	return json_integer((json_int_t)(v < NUMBER_MAX ? v : NUMBER_MAX));
}

static json_t *bytes_of(uint64_t pages)
{
	return number(rts_map_bytes(pages));
}

static json_t *type_json(uint32_t type)
{
	const char *name = rts_map_type_name(type);

	return name != NULL ? json_string(name) : hex(type);
}

static json_t *descriptors_json(const struct memmap *m)
{
	json_t *list = json_array();

	for (size_t i = 0; i < m->map.n; i++) {
		const EFI_MEMORY_DESCRIPTOR *d = &m->map.d[i];

		json_array_append_new(
			list,
			json_pack("{s:o, s:o, s:o, s:o, s:o}", "type", type_json(d->Type),
				  "start", hex(d->PhysicalStart), "pages",
				  number(d->NumberOfPages), "attributes",
				  m->no_attributes[i] ? json_null() : hex(d->Attribute),
				  "virtual",
				  d->VirtualStart != 0 ? hex(d->VirtualStart)
						       : json_null()));
	}
	return list;
}

static json_t *summary_json(const struct rts_map *m)
{
	const struct rts_map_summary s = rts_map_sum(m);
	json_t *mmio = json_array(), *types = json_object();

	for (size_t i = 0; i < m->n; i++) {
		const EFI_MEMORY_DESCRIPTOR *d = &m->d[m->order[i]];

		if (rts_map_is_mmio(d->Type))
			json_array_append_new(mmio, json_pack("{s:o, s:o, s:o}", "type",
							      type_json(d->Type), "start",
							      hex(d->PhysicalStart), "size",
							      bytes_of(rts_map_pages(d))));
	}
	for (unsigned i = 0; i < RTS_MAP_TYPES; i++)
		if (s.by_type[i].descriptors != 0)
			json_object_set_new(types, rts_map_type_index_name(i),
					    bytes_of(s.by_type[i].pages));
	return json_pack("{s:o, s:o, s:o, s:o, s:o}", "usable", bytes_of(s.usable),
			 "runtime_reserved", bytes_of(s.runtime), "largest_free_run",
			 bytes_of(s.free_run), "mmio_regions", mmio, "by_type", types);
}

static int print_json(const struct memmap *m)
{
	struct problems p = {m, json_array(), 0};
	json_t *notes = json_array(), *doc;
	int r;

	for (size_t i = 0; i < m->note_count; i++)
		json_array_append_new(notes, json_string(m->notes[i].text));
	(void)rts_map_check(&m->map, put_problem, &p);
	doc = json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "schema",
			"runtserv.memmap/1", "source", m->source, "descriptor_size",
			m->descriptor_size != 0 ? number(m->descriptor_size) : json_null(),
			"descriptors", descriptors_json(m), "summary",
			summary_json(&m->map), "problems", p.list, "images",
			m->images != NULL ? json_incref(m->images) : json_null(), "notes",
			notes);
	r = cli_json_print(VERB, doc);
	if (r != EXIT_WELL)
		return r;
	return p.count != 0 ? EXIT_FINDINGS : EXIT_WELL;
}

int cmd_memmap(int argc, char **argv)
{
	cleanup(memmap_fini) struct memmap m = {0};
	struct request q = {.sysfs = "/sys"};
	int r = parse(&q, argc, argv);

	if (r != CLI_GO)
		return r;
	r = load(&q, &m);
	if (r != EXIT_WELL)
		return r;
	if (!q.json)
		for (size_t i = 0; i < m.note_count; i++)
			fprintf(stderr, "runtserv memmap: note: %s\n",
				printable(m.notes[i].text));
	if (q.svg != NULL) {
		r = draw(&q, &m);
		if (r != EXIT_WELL)
			return r;
		if (strcmp(q.svg, "-") == 0)
			return rts_map_check(&m.map, NULL, NULL) != 0 ? EXIT_FINDINGS
								      : EXIT_WELL;
	}
	return q.json ? print_json(&m) : print_text(&m);
}
