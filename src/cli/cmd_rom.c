/* SPDX-License-Identifier: BSD-2-Clause */
/* `runtserv rom`: packs EFI images into a PCI option ROM, and shows what is in one. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/cli.h"
#include "pe/pe_rom.h"
#include "uefi/guest_page.h"

#define VERB "rom"
#define FILE_MAX                                                                          \
	(32U << 20) /* an image is at most 65535 * 512 bytes; a ROM of several, less than \
		       this */
#define CLASS_RAM  0x050000U /* the ivshmem device's: RAM controller */
#define IMAGES_MAX 64U

struct file {
	uint8_t *p;
	size_t n;
};

static void file_fini(struct file *f)
{
	free(f->p);
}

struct pack {
	uint64_t vendor, device, class_code;
	bool check;
};

static const struct cli_option pack_options[] = {
	{"vendor", "ID", "PCI vendor (default: 0x1af4)",
	 CLI_NUMBER(struct pack, vendor, 0, UINT16_MAX)},
	{"device", "ID", "PCI device (default: 0x1110, ivshmem)",
	 CLI_NUMBER(struct pack, device, 0, UINT16_MAX)},
	{"class", "CODE", "PCI class code (default: 0x050000)",
	 CLI_NUMBER(struct pack, class_code, 0, 0xffffff)},
	{"check-driver", NULL,
	 "refuse an image that is no runtime driver, has base relocations, or\n"
	 "sections that do not begin on pages",
	 CLI_FLAG(struct pack, check)},
	{0},
};

static const struct cli_command pack_command = {
	"rom pack",
	"[OPTION]... FILE EFI...",
	"Writes the option ROM FILE with the given EFI images, uncompressed, in this "
	"order.\n"
	"A firmware starts those that were built for its machine.",
	pack_options,
	2,
	CLI_MANY,
	"a FILE and an EFI image",
};

/* Appends one file; an exit status. */
static int pack_one(struct writer *w, const char *path, const struct rts_pe_rom_id *id,
		    bool last, bool check)
{
	cleanup(file_fini) struct file f = {0};
	struct rts_pe_header h;
	struct diag d = {0};
	int r = cli_file_read(path, FILE_MAX, &f.p, &f.n);

	if (r < 0)
		return cli_error(VERB, "%s: %s", path, strerror(-r));
	if (check && rts_pe_header_read((struct bytes){f.p, f.n}, &d, &h) == EFI_SUCCESS &&
	    rts_pe_check_driver(&h, &d) != EFI_SUCCESS) {
		cli_error(VERB, "%s: %s", path, d.text);
		return EXIT_FINDINGS;
	}
	if (rts_pe_rom_append(w, (struct bytes){f.p, f.n}, id, last, &d) != EFI_SUCCESS)
		return cli_error(VERB, "%s: %s", path, d.text);
	return EXIT_WELL;
}

static int rom_pack(int argc, char **argv)
{
	struct pack o = {.vendor = IVSHMEM_VENDOR_ID,
			 .device = IVSHMEM_DEVICE_ID,
			 .class_code = CLASS_RAM};
	int r = cli_parse(&pack_command, &argc, &argv, &o);
	const struct rts_pe_rom_id id = {(uint16_t)o.vendor, (uint16_t)o.device,
					 (uint32_t)o.class_code};

	if (r != CLI_GO)
		return r;

	cleanup(freep) uint8_t *p = malloc(FILE_MAX);
	struct writer w = {.p = p, .cap = p != NULL ? FILE_MAX : 0};

	for (int i = 1; i < argc; i++) {
		r = pack_one(&w, argv[i], &id, i + 1 == argc, o.check);
		if (r != EXIT_WELL)
			return r;
	}
	if (w.full)
		return cli_error(VERB, "%s: %zu bytes, more than %u", argv[0], w.n,
				 FILE_MAX);
	return cli_file_write(VERB, argv[0], w.p, w.n);
}

static const struct cli_command show_command = {
	"rom show",
	"[OPTION]... FILE",
	"Lists the images of an option ROM. Exit status 1: something in it is broken.",
	cli_json_options,
	1,
	1,
	"a FILE",
};

/* One image, as both forms print it. */
struct row {
	struct rts_pe_rom_image img;
	bool has_pe;
	struct rts_pe_header pe;
	struct diag problem; /* of the PE image; empty where all is well */
};

static void row_read(struct row *row)
{
	if (row->img.efi.n == 0)
		return;
	row->has_pe =
		rts_pe_header_read(row->img.efi, &row->problem, &row->pe) == EFI_SUCCESS;
	if (row->has_pe && row->pe.file.Machine != row->img.machine)
		diag_set(&row->problem, "machine %#x in the ROM header, %#x in the image",
			 row->img.machine, row->pe.file.Machine);
}

static json_t *hex(const char *format, unsigned long long v)
{
	char text[24];

	snprintf(text, sizeof text, format, v);
	return json_string(text);
}

static json_t *row_json(const struct row *row)
{
	const struct rts_pe_rom_image *i = &row->img;
	bool efi = i->code_type == PCI_ROM_CODE_TYPE_EFI;

	return json_pack(
		"{s:o, s:i, s:o, s:o, s:o, s:i, s:s?, s:s?, s:o, s:o, s:s?}", "offset",
		hex("0x%llx", i->offset), "size", (int)i->len, "vendor",
		hex("0x%04llx", i->vendor), "device", hex("0x%04llx", i->device), "class",
		hex("0x%06llx", i->class_code), "code_type", (int)i->code_type, "machine",
		efi ? rts_pe_machine_name(i->machine) : NULL, "subsystem",
		efi ? rts_pe_subsystem_name(i->subsystem) : NULL, "compressed",
		efi ? json_boolean(i->compression != 0) : json_null(), "relocations",
		row->has_pe ? json_integer(row->pe.reloc.Size) : json_null(), "error",
		row->problem.text[0] != 0 ? row->problem.text : NULL);
}

static const char *name_or_dash(bool known, const char *name)
{
	return known && name != NULL ? name : "-";
}

static void row_print(const struct row *row)
{
	const struct rts_pe_rom_image *i = &row->img;
	bool efi = i->code_type == PCI_ROM_CODE_TYPE_EFI;

	printf("%#-10llx %9u  %04x:%04x  %06x  %-5s %-15s", (unsigned long long)i->offset,
	       i->len, i->vendor, i->device, i->class_code,
	       name_or_dash(efi, rts_pe_machine_name(i->machine)),
	       name_or_dash(efi, rts_pe_subsystem_name(i->subsystem)));
	if (!efi)
		printf(" code type %u", i->code_type);
	else if (i->compression != 0)
		printf(" compressed (%u)", i->compression);
	else if (row->has_pe)
		printf(" %u bytes of relocations", row->pe.reloc.Size);
	printf("%s%s\n",
	       row->problem.text[0] == 0 ? ""
	       : row->has_pe             ? "; "
					 : " ",
	       row->problem.text);
}

static int show_json(const struct row *rows, size_t n, const struct diag *d)
{
	json_t *images = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(images, row_json(&rows[i]));
	return cli_json_print(VERB, json_pack("{s:s, s:o, s:s?}", "schema",
					      "runtserv.rom/1", "images", images, "error",
					      d->text[0] != 0 ? d->text : NULL));
}

static int rom_show(int argc, char **argv)
{
	cleanup(file_fini) struct file f = {0};
	cleanup(freep) struct row *rows = calloc(IMAGES_MAX, sizeof *rows);
	struct diag d = {0};
	struct cli_json o = {0};
	uint64_t offset = 0;
	size_t n = 0;
	bool broken;
	int r = cli_parse(&show_command, &argc, &argv, &o);

	if (r != CLI_GO)
		return r;
	r = cli_file_read(argv[0], FILE_MAX, &f.p, &f.n);
	if (r < 0 || rows == NULL)
		return cli_error(VERB, "%s: %s", argv[0], strerror(r < 0 ? -r : ENOMEM));

	while (n < IMAGES_MAX && rts_pe_rom_next((struct bytes){f.p, f.n}, &offset, &d,
						 &rows[n].img) == EFI_SUCCESS)
		row_read(&rows[n++]);
	if (n == 0)
		return cli_error(VERB, "%s: %s", argv[0], d.text);
	broken = d.text[0] != 0;
	for (size_t i = 0; i < n; i++)
		broken = broken || rows[i].problem.text[0] != 0;
	if (o.json) {
		r = show_json(rows, n, &d);
		return r != EXIT_WELL ? r : broken ? EXIT_FINDINGS : EXIT_WELL;
	}
	printf("OFFSET          SIZE  DEVICE     CLASS   FOR   SUBSYSTEM       CONTENT\n");
	for (size_t i = 0; i < n; i++)
		row_print(&rows[i]);
	if (d.text[0] != 0)
		printf("broken: %s\n", d.text);
	return broken ? EXIT_FINDINGS : EXIT_WELL;
}

static const struct cli_form forms[] = {
	{"pack", rom_pack, "[OPTION]... FILE EFI..."},
	{"show", rom_show, "[OPTION]... FILE"},
	{0},
};

int cmd_rom(int argc, char **argv)
{
	return cli_forms(VERB, forms, "PCI option ROMs with EFI drivers", argc, argv);
}
