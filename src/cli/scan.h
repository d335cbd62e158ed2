/* SPDX-License-Identifier: BSD-2-Clause */
/* The scan verb's own parts: where memory comes from, and the ways to print a report. */
#pragma once

#include <stdio.h>

#include "runtserv/scan.h"

/* What a scan reads: a dump, and what the running system told beside it. Zeroed: nothing.
 */
struct scan_input {
	struct rts_dump *dump;
	const char *name;                     /* for messages and titles; borrowed */
	struct rts_scan_mapping *runtime_map; /* of a live machine */
	size_t runtime_map_count;
	struct rts_scan_span *os_memory;
	size_t os_memory_count;
	uint64_t runtime_services; /* 0: unknown */
	char **notes; /* what could not be had, and what to do about it; one line each */
	size_t note_count;
	void (*window)(void *ctx, uint64_t offset, uint64_t len, bool needed); /* or NULL */
	void *window_ctx;
	void *priv; /* the input's own: mappings, buffers */
	void (*priv_free)(void *priv);
};

void scan_input_fini(struct scan_input *in);
/* Keeps a copy of the text; a note that there is no memory for is lost. */
void scan_input_note(struct scan_input *in, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Each: EXIT_WELL, or EXIT_TROUBLE after a message on stderr (cli_error("scan", ...)). */

/* An image in a file; a VMware FILE.vmem takes FILE.vmss or FILE.vmsn from beside it. */
int scan_open_file(const char *path, struct scan_input *ret);

/* The machine that we run on. @root is "" but for tests: a folder that has sys/, proc/ and
 * dev/ of a machine. */
int scan_open_live(const char *root, struct scan_input *ret);

/* A QEMU guest whose monitor listens at @path: asks for its state, stops it, dumps it into
 * an unlinked file, lets it go on if it ran; after an error or a signal, too. */
int scan_open_qmp(const char *path, struct scan_input *ret);

/* Writes the memory of @in as an ELF64 core, addresses of the runtime map as p_vaddr; to a
 * new file that replaces @path at one instant. */
int scan_save(const struct scan_input *in, const char *path);

/* What memory is compared with. Zeroed: nothing. */
struct scan_known {
	struct rts_scan_known *list;
	size_t count;
};

/* Both: EXIT_WELL, or EXIT_TROUBLE after a message. A firmware image, an EFI file or an
 * option ROM, by its content; and our own guest driver, where it was built. */
int scan_known_add(struct scan_known *k, const char *path);
int scan_known_add_own(struct scan_known *k);
void scan_known_fini(struct scan_known *k);

/* Our own guest driver for x86-64; empty: it was not built. */
struct bytes scan_own_driver(void);

/* The images of an inventory. Zeroed: none. */
struct scan_inventory {
	struct rts_scan_inventory_image *images;
	size_t count;
	void *texts; /* what names and paths are borrowed from */
};

int scan_inventory_read(const char *path, struct scan_inventory *ret);
void scan_inventory_fini(struct scan_inventory *inv);

/* Printers. @in for its name and notes. The first two print to stdout; 0, or -1 when the
 * output could not be written. */
struct scan_extracted {
	char *path; /* NULL: this driver was not extracted */
};
void scan_print_text(FILE *to, const struct scan_input *in, const struct rts_scan_report *r,
		     const struct scan_extracted *files);
int scan_print_json(FILE *to, const struct scan_input *in, const struct rts_scan_report *r,
		    const struct scan_extracted *files);
int scan_print_html(FILE *to, const struct scan_input *in, const struct rts_scan_report *r);
/* The picture of the page alone. */
int scan_print_svg(FILE *to, const struct scan_input *in, const struct rts_scan_report *r);

/*
 * Writes each driver that has a file to the folder @dir, and hashes.json about them; *ret
 * has an entry for each driver of the report (scan_extracted_free()). Where there is
 * nothing to write, no folder is made. EXIT_WELL, or EXIT_TROUBLE after a message.
 */
int scan_extract(const char *dir, const struct rts_scan_report *r,
		 struct scan_extracted **ret, size_t *ret_written);
void scan_extracted_free(struct scan_extracted *files, const struct rts_scan_report *r);
