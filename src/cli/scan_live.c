/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory of the machine that we run on: what sysfs says about where UEFI's runtime memory
 * is, and /dev/mem for its bytes. By mmap, for read() cannot reach ranges outside of the
 * kernel's own map. Everything is copied at once: later looks see the same bytes, and can
 * neither fault nor wait. Linux shows firmware's memory in /dev/mem, and refuses its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "base/cleanup.h"
#include "base/crc32.h"
#include "cli/cli.h"
#include "cli/memmap.h"
#include "cli/scan_input.h"
#include "os/os_file.h"

#define COPY_MAX   (256ULL << 20) /* that is tried in all; a machine has 1 to 20 MiB */
#define CHUNK      (1ULL << 20) /* what is mapped at once; page by page where it is refused */
#define AROUND     (64ULL << 20) /* how far around the table memory is taken without a map */
#define TABLE_SPAN (64ULL << 10) /* what a configuration table may be long */
#define TABLES_MAX 512U
#define WANTED_MAX 8192U
#define PIECES_MAX 65536U
#define PAGE       4096ULL
#define LINES_MAX  65536U
#define ADDRESSES  (1ULL << 52) /* what a page table entry of x86-64 can hold */

#define INSTEAD                                                                    \
	"take the memory from outside: 'runtserv scan --qmp', or an image by the " \
	"hypervisor"

struct range {
	uint64_t start, end; /* whole pages */
	bool has_virtual;
	uint64_t virtual_start;
};

/* A line of /proc/iomem. */
struct resource {
	uint64_t start, end;
	bool ram; /* "System RAM", which /dev/mem does not show; else "Reserved" */
};

struct live {
	const char *root;
	int mem;  /* dev/mem */
	int copy; /* an unnamed file in memory, for the kernel to copy into: where the bytes
		     cannot be had it says EFAULT instead of ending us */
	uint64_t copied;
	struct resource *resources;
	size_t resource_count;
	struct range *wanted;
	size_t wanted_count;
	struct rts_dump_piece *pieces; /* bytes.p: filled in at the end */
	size_t piece_count;
	uint64_t refused;    /* bytes that could not be had, */
	uint64_t refused_at; /* ... and the first of them */
	bool too_much;
	struct scan_input *in;
};

/* The copy, as long as the dump is used. */
struct kept {
	void *p;
	size_t n;
};

static void kept_unmap(struct kept *k)
{
	if (k->p != NULL)
		munmap(k->p, k->n);
	k->p = NULL;
}

static void kept_free(void *p)
{
	kept_unmap(p);
	free(p);
}

static void live_fini(struct live *l)
{
	closep(&l->mem);
	closep(&l->copy);
	free(l->resources);
	free(l->wanted);
	free(l->pieces);
}

/* Opens a file of the machine for reading. */
static int open_in(const struct live *l, const char *name)
{
	char path[PATH_MAX];

	if ((size_t)snprintf(path, sizeof path, "%s/%s", l->root, name) >= sizeof path)
		return -ENAMETOOLONG;
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	return fd < 0 ? -errno : fd;
}

/* The beginning of a short text; "" where there is none. */
static void text_in(const struct live *l, const char *name, char *ret, size_t cap)
{
	cleanup(closep) int fd = open_in(l, name);
	const ssize_t n = fd >= 0 ? OS_RETRY(read(fd, ret, cap - 1)) : 0;

	ret[n > 0 ? n : 0] = 0;
}

/* An address in sysfs; 0: it is not told. */
static uint64_t address_in(const struct live *l, const char *name)
{
	char text[64], *end;
	uint64_t value;

	text_in(l, name, text, sizeof text);
	errno = 0;
	value = strtoull(text, &end, 0);
	return errno != 0 || end == text || value >= ADDRESSES ? 0 : value;
}

/* ---- may we, and can we ---- */

static int refuse_machine(const struct live *l)
{
	struct utsname u = {0};
	char text[32];

	(void)uname(&u);
	if (strcmp(u.machine, "x86_64") != 0)
		return cli_error("scan",
				 "--live: this machine is %s; only x86-64 is understood",
				 u.machine);
	cleanup(closep) int efi = open_in(l, "sys/firmware/efi");
	if (efi < 0)
		return cli_error("scan",
				 "--live: no %s/sys/firmware/efi: Linux was not started by "
				 "UEFI firmware, so there are no runtime drivers",
				 l->root);
	if (*l->root == 0 && geteuid() != 0)
		return cli_error("scan", "--live: only root may read the machine's memory");
	text_in(l, "sys/firmware/efi/fw_platform_size", text, sizeof text);
	if (strncmp(text, "32", 2) == 0)
		return cli_error("scan",
				 "--live: the firmware is a 32-bit one; only 64-bit "
				 "firmware is understood");
	return EXIT_WELL;
}

static int open_mem(struct live *l)
{
	char text[128];

	l->mem = open_in(l, "dev/mem");
	if (l->mem >= 0)
		return EXIT_WELL;
	if (l->mem == -ENOENT || l->mem == -ENXIO || l->mem == -ENODEV)
		return cli_error("scan",
				 "--live: no %s/dev/mem: this kernel does not show "
				 "memory (CONFIG_DEVMEM); " INSTEAD,
				 l->root);
	text_in(l, "sys/kernel/security/lockdown", text, sizeof text);
	if (strstr(text, "[integrity]") != NULL ||
	    strstr(text, "[confidentiality]") != NULL)
		return cli_error("scan",
				 "--live: the kernel is locked down, as it is under Secure "
				 "Boot, and shows memory to nobody; " INSTEAD);
	if (l->mem == -EPERM)
		return cli_error(
			"scan",
			"--live: %s/dev/mem: %s: the kernel is locked down, or this "
			"process may not use raw memory (CAP_SYS_RAWIO); " INSTEAD,
			l->root, strerror(EPERM));
	return cli_error("scan", "--live: %s/dev/mem: %s", l->root, strerror(-l->mem));
}

/* ---- where to look ---- */

/* START-LAST : NAME, in hex; the newline goes. */
static bool line_read(char *line, uint64_t *ret_start, uint64_t *ret_last,
		      const char **ret_name)
{
	char *end;

	*ret_start = strtoull(line, &end, 16);
	if (end == line || *end != '-')
		return false;
	line = end + 1;
	*ret_last = strtoull(line, &end, 16);
	if (end == line || strncmp(end, " : ", 3) != 0)
		return false;
	*ret_name = end + 3;
	end[strcspn(end, "\n")] = 0;
	return **ret_name != 0;
}

static int resources_read(struct live *l)
{
	cleanup(closep) int fd = open_in(l, "proc/iomem");
	FILE *f = fd >= 0 ? fdopen(fd, "r") : NULL;
	char line[256];
	const char *name;
	size_t cap = 0;
	int e = 0;

	if (f == NULL)
		return fd < 0 ? fd : -errno;
	(void)take_fd(&fd); /* it is the stream's */
	for (unsigned n = 0; n < LINES_MAX && fgets(line, sizeof line, f) != NULL; n++) {
		struct resource r = {0};
		uint64_t last;

		/* Lines of the first level: what lies within others are devices. To others
		 * than root all addresses are zeros. */
		if (line[0] == ' ' || !line_read(line, &r.start, &last, &name) ||
		    last <= r.start || last >= ADDRESSES)
			continue;
		r.end = last + 1;
		r.ram = strncmp(name, "System RAM", strlen("System RAM")) == 0;
		if (!r.ram && strcasecmp(name, "Reserved") != 0)
			continue;
		if (l->resource_count == cap) {
			const size_t more = cap != 0 ? cap * 2 : 64;
			struct resource *p = realloc(l->resources, more * sizeof *p);

			if (p == NULL) {
				e = -ENOMEM;
				break;
			}
			l->resources = p;
			cap = more;
		}
		l->resources[l->resource_count++] = r;
	}
	fclose(f);
	return e;
}

static int os_memory_take(const struct live *l)
{
	struct scan_input *in = l->in;

	in->os_memory = calloc(l->resource_count + 1, sizeof *in->os_memory);
	if (in->os_memory == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < l->resource_count; i++) {
		const struct resource *r = &l->resources[i];

		if (r->ram)
			in->os_memory[in->os_memory_count++] =
				(struct rts_scan_span){r->start, r->end - r->start};
	}
	if (in->os_memory_count == 0)
		scan_input_note(
			in,
			"%s/proc/iomem does not tell which memory Linux manages: that "
			"no driver lies in it is not checked",
			l->root);
	return 0;
}

static int want(struct live *l, struct range r)
{
	if (r.end > ADDRESSES || r.start >= r.end)
		return 0;
	if (l->wanted == NULL)
		l->wanted = calloc(WANTED_MAX, sizeof *l->wanted);
	if (l->wanted == NULL)
		return -ENOMEM;
	if (l->wanted_count == WANTED_MAX)
		l->too_much = true;
	else
		l->wanted[l->wanted_count++] = r;
	return 0;
}

/* The map as the kernel gave it to the firmware, and of it what runtime drivers use. */
static int map_take(struct live *l, const struct memmap *m)
{
	struct scan_input *in = l->in;
	int r = 0;

	in->runtime_map = calloc(m->map.n + 1, sizeof *in->runtime_map);
	if (in->runtime_map == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < m->map.n && r == 0; i++) {
		const EFI_MEMORY_DESCRIPTOR *d = &m->map.d[i];
		const uint64_t len = d->NumberOfPages * PAGE;

		/* what only firmware/memmap has is no part of it */
		if (m->no_attributes[i] || d->NumberOfPages >= ADDRESSES / PAGE ||
		    d->PhysicalStart >= ADDRESSES)
			continue;
		in->runtime_map[in->runtime_map_count++] = (struct rts_scan_mapping){
			d->Type, d->PhysicalStart, d->VirtualStart, d->NumberOfPages,
			d->Attribute};
		if (d->Type == EfiRuntimeServicesCode || d->Type == EfiRuntimeServicesData)
			r = want(l, (struct range){d->PhysicalStart, d->PhysicalStart + len,
						   d->VirtualStart != 0, d->VirtualStart});
	}
	return r;
}

/* ---- copying ---- */

/* One piece of memory: 0, -EPERM where it cannot be had, or -errno. */
static int copy_piece(struct live *l, uint64_t at, size_t len)
{
	void *p = mmap(NULL, len, PROT_READ, MAP_SHARED, l->mem, (off_t)at);
	int r = 0;

	if (p == MAP_FAILED)
		return -EPERM;
	for (size_t n = 0; n < len && r == 0;) {
		const ssize_t put = OS_RETRY(pwrite(l->copy, (const char *)p + n, len - n,
						    (off_t)(l->copied + n)));

		if (put <= 0)
			r = put == 0 ? -EIO : errno == EFAULT ? -EPERM : -errno;
		else
			n += (size_t)put;
	}
	munmap(p, len);
	return r;
}

/* Appends to the last piece what follows it. */
static int piece_add(struct live *l, const struct range *r, uint64_t at, size_t len)
{
	struct rts_dump_piece *last =
		l->piece_count > 0 ? &l->pieces[l->piece_count - 1] : NULL;
	const uint64_t v = r->has_virtual ? r->virtual_start + (at - r->start) : 0;

	l->copied += len;
	if (last != NULL && last->start + last->bytes.n == at &&
	    last->has_virtual == r->has_virtual &&
	    (!r->has_virtual || last->virtual_start + last->bytes.n == v)) {
		last->bytes.n += len;
		return 0;
	}
	if (l->piece_count == PIECES_MAX)
		return -E2BIG;
	l->pieces[l->piece_count++] =
		(struct rts_dump_piece){at, {NULL, len}, r->has_virtual, v};
	return 0;
}

static int copy_range(struct live *l, const struct range *r)
{
	uint64_t at = r->start;
	size_t step = CHUNK;
	int e = 0;

	while (at < r->end && e == 0) {
		const size_t len = r->end - at < step ? (size_t)(r->end - at) : step;

		if (l->copied + l->refused + len > COPY_MAX) {
			l->too_much = true;
			return 0;
		}
		e = copy_piece(l, at, len);
		if (e == -EPERM && len > PAGE) {
			step = PAGE;
			e = 0;
			continue;
		}
		if (e == -EPERM) {
			if (l->refused == 0)
				l->refused_at = at;
			l->refused += len;
			e = 0;
		} else if (e == 0) {
			e = piece_add(l, r, at, len);
		}
		at += len;
		if (at % CHUNK == 0)
			step = CHUNK;
	}
	return e;
}

static int by_start(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static int copy_wanted(struct live *l)
{
	uint64_t end = 0;
	int r = 0;

	if (l->wanted_count > 1)
		qsort(l->wanted, l->wanted_count, sizeof *l->wanted, by_start);
	for (size_t i = 0; i < l->wanted_count && r == 0; i++) {
		struct range *w = &l->wanted[i];

		if (w->start < end) { /* two entries share pages */
			w->virtual_start += end - w->start;
			w->start = end;
		}
		if (w->start < w->end) {
			r = copy_range(l, w);
			end = w->end;
		}
	}
	return r;
}

static bool is_copied(const struct live *l, uint64_t at)
{
	for (size_t i = 0; i < l->piece_count; i++)
		if (at - l->pieces[i].start < l->pieces[i].bytes.n)
			return true;
	return false;
}

/* A table's length is its own matter: takes pages up to the first that is there, or that
 * cannot be had. */
static int copy_table(struct live *l, uint64_t at)
{
	const uint64_t refused = l->refused, end = at + TABLE_SPAN;
	int r = 0;

	for (at &= ~(PAGE - 1);
	     at < end && r == 0 && l->refused == refused && !is_copied(l, at); at += PAGE)
		r = copy_range(l, &(struct range){.start = at, .end = at + PAGE});
	l->refused = refused;
	return r;
}

/* ---- configuration tables ---- */

/* Shows the copy to the reader of images. */
static int dump_make(struct live *l)
{
	struct kept *k = l->in->priv;
	struct diag d = {0};
	uint64_t off = 0;

	rts_dump_free(l->in->dump);
	l->in->dump = NULL;
	kept_unmap(k);
	k->p = mmap(NULL, l->copied, PROT_READ, MAP_SHARED, l->copy, 0);
	if (k->p == MAP_FAILED) {
		k->p = NULL;
		return cli_error("scan", "--live: %s", strerror(errno));
	}
	k->n = l->copied;
	for (size_t i = 0; i < l->piece_count; i++) {
		l->pieces[i].bytes.p = (const uint8_t *)k->p + off;
		off += l->pieces[i].bytes.n;
	}
	if (EFI_ERROR(rts_dump_from_pieces(l->pieces, l->piece_count, &d, &l->in->dump)))
		return cli_error("scan", "--live: %s", d.text);
	return EXIT_WELL;
}

static bool is_system_table(struct bytes b, uint64_t off, EFI_SYSTEM_TABLE *ret)
{
	const uint32_t zero = 0;
	struct bytes table;
	uint32_t crc;

	if (!bytes_read(b, off, ret, sizeof *ret) ||
	    ret->Hdr.Signature != EFI_SYSTEM_TABLE_SIGNATURE ||
	    ret->Hdr.HeaderSize < sizeof *ret || ret->Hdr.HeaderSize > PAGE ||
	    !bytes_sub(b, off, ret->Hdr.HeaderSize, &table))
		return false;
	crc = crc32_update(0, table.p, offsetof(EFI_TABLE_HEADER, CRC32));
	crc = crc32_update(crc, &zero, sizeof zero);
	crc = crc32_update(crc, table.p + offsetof(EFI_TABLE_HEADER, Reserved),
			   table.n - offsetof(EFI_TABLE_HEADER, Reserved));
	return crc == ret->Hdr.CRC32;
}

/* How many configuration tables there are; sysfs tells only where they are listed. */
static size_t table_count(const struct live *l)
{
	EFI_SYSTEM_TABLE st;

	for (size_t i = 0; i < l->piece_count; i++)
		for (uint64_t off = 0; off < l->pieces[i].bytes.n; off += sizeof(uint64_t))
			if (is_system_table(l->pieces[i].bytes, off, &st))
				return st.NumberOfTableEntries < TABLES_MAX
					       ? st.NumberOfTableEntries
					       : TABLES_MAX;
	return 0;
}

static int tables_copy(struct live *l)
{
	const uint64_t list = address_in(l, "sys/firmware/efi/config_table");
	const size_t count = list != 0 ? table_count(l) : 0;
	size_t shown = 0, read = 0;
	int r = 0;

	for (size_t i = 0; i < count && r == 0; i++) {
		EFI_CONFIGURATION_TABLE t;
		uint64_t at;

		if (!rts_dump_read_all(l->in->dump, list + i * sizeof t, &t, sizeof t))
			break;
		read++;
		at = (uint64_t)(uintptr_t)t.VendorTable;
		if (at == 0 || at >= ADDRESSES - TABLE_SPAN)
			continue;
		r = copy_table(l, at);
		shown += is_copied(l, at);
	}
	if (read == 0)
		scan_input_note(l->in,
				"the list of configuration tables was not found: what "
				"they point to is not read");
	if (shown < read)
		scan_input_note(
			l->in,
			"%zu of %zu configuration tables lie in memory that Linux does "
			"not show",
			read - shown, read);
	return r;
}

/* ---- all of it ---- */

/* Without a map: what is reserved, in whole pages, around the table of runtime services. */
static int want_around(struct live *l, uint64_t at)
{
	const uint64_t first = at > AROUND ? at - AROUND : 0, end = at + AROUND;
	int r = 0;

	for (size_t i = 0; at != 0 && i < l->resource_count && r == 0; i++) {
		const struct resource *s = &l->resources[i];
		struct range w = {.start = s->start > first ? s->start : first,
				  .end = s->end < end ? s->end : end};

		w.start = (w.start + PAGE - 1) & ~(PAGE - 1);
		w.end &= ~(PAGE - 1);
		if (!s->ram)
			r = want(l, w);
	}
	return r;
}

/* Finds what to read. */
static int plan(struct live *l)
{
	struct scan_input *in = l->in;
	cleanup(freep) char *sysfs = NULL;
	struct memmap map = {0};
	struct diag d = {0};
	int r = resources_read(l);

	if (r == 0 || r == -ENOENT)
		r = os_memory_take(l);
	if (r < 0 || asprintf(&sysfs, "%s/sys", l->root) < 0)
		return r < 0 ? r : -ENOMEM;
	if (memmap_read_live(sysfs, &map, &d) < 0)
		scan_input_note(in, "%s", d.text);
	else
		r = map_take(l, &map);
	memmap_fini(&map);
	in->runtime_services = address_in(l, "sys/firmware/efi/runtime");
	if (r < 0 || l->wanted_count != 0)
		return r;
	scan_input_note(in,
			"%s/sys/firmware/efi/runtime-map has no runtime region, as with "
			"efi=noruntime: reserved memory around the runtime services table "
			"is read instead",
			l->root);
	return want_around(l, in->runtime_services);
}

static int acquire(struct live *l)
{
	int r = plan(l);

	if (r == 0 && l->wanted_count == 0)
		return cli_error("scan",
				 "--live: neither %s/sys/firmware/efi/runtime-map nor "
				 "%s/proc/iomem tells where the firmware's memory is",
				 l->root, l->root);
	l->copy = memfd_create("runtserv-scan", MFD_CLOEXEC);
	l->pieces = calloc(PIECES_MAX, sizeof *l->pieces);
	if (r == 0 && l->copy < 0)
		r = -errno;
	if (r == 0 && l->pieces == NULL)
		r = -ENOMEM;
	if (r == 0)
		r = copy_wanted(l);
	if (r < 0)
		return cli_error("scan", "--live: %s", strerror(-r));
	if (l->piece_count == 0)
		return cli_error(
			"scan",
			"--live: %s/dev/mem shows nothing of the firmware's memory, "
			"from %#llx on; " INSTEAD,
			l->root, (unsigned long long)l->refused_at);
	r = dump_make(l);
	if (r != EXIT_WELL)
		return r;
	r = tables_copy(l);
	if (r < 0)
		return cli_error("scan", "--live: %s", strerror(-r));
	if (l->refused != 0)
		scan_input_note(l->in,
				"%llu bytes of runtime memory cannot be read, the first at "
				"%#llx",
				(unsigned long long)l->refused,
				(unsigned long long)l->refused_at);
	if (l->too_much)
		scan_input_note(l->in,
				"firmware keeps more than %llu MiB: the rest was not "
				"looked at",
				COPY_MAX >> 20);
	return dump_make(l);
}

int scan_open_live(const char *root, struct scan_input *ret)
{
	struct scan_input in = {.name = "live", .priv_free = kept_free};
	cleanup(live_fini) struct live l = {.root = root, .mem = -1, .copy = -1, .in = &in};
	int r;

	in.priv = calloc(1, sizeof(struct kept));
	if (in.priv == NULL)
		return cli_error("scan", "--live: %s", strerror(ENOMEM));
	r = refuse_machine(&l);
	if (r == EXIT_WELL)
		r = open_mem(&l);
	if (r == EXIT_WELL)
		r = acquire(&l);
	if (r != EXIT_WELL)
		scan_input_fini(&in);
	else
		*ret = in;
	return r;
}
