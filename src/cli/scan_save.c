/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Evidence in a file: an ELF64 core as QEMU writes it without paging, but for the virtual
 * addresses, which it has where they are known. Memory of any size, in pieces.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "cli/cli.h"
#include "cli/scan.h"
#include "os/os_file.h"

#define PIECE 1048576U
#define PAGE  4096ULL

struct core {
	int fd;
	Elf64_Phdr *segments;
	size_t count, cap;
	uint64_t at; /* where the next byte goes */
	uint8_t buf[PIECE];
};

static int put(struct core *c, const void *p, size_t n)
{
	while (n > 0) {
		const ssize_t done = OS_RETRY(pwrite(c->fd, p, n, (off_t)c->at));

		if (done <= 0)
			return done == 0 ? -ENOSPC : -errno;
		p = (const char *)p + done;
		n -= (size_t)done;
		c->at += (uint64_t)done;
	}
	return 0;
}

/* Memory at @at belongs to the last segment if it follows it, and to the same range. */
static int segment_add(struct core *c, const struct rts_dump_range *r, uint64_t at,
		       size_t len)
{
	Elf64_Phdr *last = c->count > 0 ? &c->segments[c->count - 1] : NULL;

	if (last != NULL && at != r->start && last->p_paddr + last->p_filesz == at) {
		last->p_filesz += len;
		last->p_memsz += len;
		return 0;
	}
	if (c->segments == NULL || c->count == c->cap) {
		const size_t cap = c->cap != 0 ? c->cap * 2 : 64;
		Elf64_Phdr *p = reallocarray(c->segments, cap, sizeof *p);

		if (p == NULL)
			return -ENOMEM;
		c->segments = p;
		c->cap = cap;
	}
	c->segments[c->count++] = (Elf64_Phdr){
		.p_type = PT_LOAD,
		.p_flags = PF_R | PF_W | PF_X,
		.p_vaddr = r->has_virtual ? r->virtual_start + (at - r->start) : 0,
		.p_paddr = at,
		.p_filesz = len,
		.p_memsz = len,
	};
	return 0;
}

/* Goes over all memory that can be read, twice: to find the segments, and to @write. */
static int each(struct core *c, const struct rts_dump *dump, bool write)
{
	int r = 0;

	for (size_t i = 0; i < rts_dump_range_count(dump) && r == 0; i++) {
		const struct rts_dump_range *range = rts_dump_range(dump, i);
		const uint64_t end = range->start + range->len;
		uint64_t at = range->start;

		while (at < end && r == 0) {
			const struct bytes b =
				rts_dump_view(dump, at, c->buf, sizeof c->buf);

			if (b.n == 0) { /* not zeros: a hole */
				at = (at & ~(PAGE - 1)) + PAGE;
				continue;
			}
			r = write ? put(c, b.p, b.n) : segment_add(c, range, at, b.n);
			at += b.n;
		}
	}
	return r;
}

static int write_core(struct core *c, const struct rts_dump *dump)
{
	const bool many = c->count >= PN_XNUM; /* more than e_phnum can say */
	const Elf64_Shdr real_count = {.sh_info = (uint32_t)c->count};
	Elf64_Ehdr eh = {
		.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			    EV_CURRENT},
		.e_type = ET_CORE,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_ehsize = sizeof eh,
		.e_phoff = sizeof eh,
		.e_phentsize = sizeof *c->segments,
		.e_phnum = many ? PN_XNUM : (uint16_t)c->count,
	};
	uint64_t start = sizeof eh + c->count * sizeof *c->segments, end;
	int r;

	if (many) {
		eh.e_shoff = start;
		eh.e_shentsize = sizeof real_count;
		eh.e_shnum = 1;
		start += sizeof real_count;
	}
	/* pages of memory are pages of the file */
	end = start = (start + PAGE - 1) & ~(PAGE - 1);
	for (size_t i = 0; i < c->count; i++) {
		c->segments[i].p_offset = end;
		end += c->segments[i].p_filesz;
	}
	r = put(c, &eh, sizeof eh);
	if (r == 0)
		r = put(c, c->segments, c->count * sizeof *c->segments);
	if (r == 0 && many)
		r = put(c, &real_count, sizeof real_count);
	c->at = start;
	if (r == 0)
		r = each(c, dump, true);
	/* it could be read once, and not again */
	return r == 0 && c->at != end ? -EIO : r;
}

static int save(struct core *c, const struct rts_dump *dump, const char *path,
		const char *tmp)
{
	cleanup(freep) char *copy = strdup(path);
	cleanup(closep) int dir = -1;
	int r = copy != NULL ? each(c, dump, false) : -ENOMEM;

	if (r == 0)
		r = write_core(c, dump);
	if (r == 0 && OS_RETRY(fsync(c->fd)) < 0)
		r = -errno;
	if (r == 0)
		dir = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r == 0 && (rename(tmp, path) < 0))
		r = -errno;
	if (r == 0 && dir >= 0)
		(void)fsync(dir); /* the file is whole, with or without */
	return r;
}

int scan_save(const struct scan_input *in, const char *path)
{
	struct core *c = calloc(1, sizeof *c);
	char *tmp = NULL;
	struct stat st;
	int r = 0;

	if (c == NULL || asprintf(&tmp, "%s.XXXXXX", path) < 0) {
		free(c);
		return cli_error("scan", "%s: %s", path, strerror(ENOMEM));
	}
	/* a rename would replace a device, or another name's link, too */
	if (lstat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
		r = cli_error("scan", "%s: there is something that is not a file", path);
	} else {
		c->fd = mkostemp(tmp, O_CLOEXEC); /* mode 0600: memory has secrets */
		r = c->fd < 0 ? -errno : save(c, in->dump, path, tmp);
		if (c->fd >= 0) {
			close(c->fd);
			if (r < 0)
				(void)unlink(tmp);
		}
		if (r < 0)
			r = cli_error("scan", "%s: %s", path, strerror(-r));
	}
	free(c->segments);
	free(c);
	free(tmp);
	return r;
}
