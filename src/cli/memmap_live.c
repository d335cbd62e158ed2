/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The map of the running machine as Linux still tells it. firmware/memmap has all memory,
 * in the words of E820, which know less than UEFI's types; firmware/efi/runtime-map has the
 * runtime regions as the firmware described them. Both are x86 only, and root's.
 */
#include "cli/memmap.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "os/os_file.h"

#define ENTRIES_MAX 4096
#define VALUE_MAX   64U
#define PAGE_MASK   (EFI_PAGE_SIZE - 1ULL)

/* The kernel's words for E820 types. What it calls System RAM the firmware called
 * conventional memory, or memory of its loader and boot services. */
static const struct {
	const char *text;
	uint32_t type;
	uint64_t attributes;
} e820_types[] = {
	{"System RAM", EfiConventionalMemory, 0},
	{"Reserved", EfiReservedMemoryType, 0},
	{"ACPI Tables", EfiACPIReclaimMemory, 0},
	{"ACPI Non-volatile Storage", EfiACPIMemoryNVS, 0},
	{"Unusable memory", EfiUnusableMemory, 0},
	{"Persistent Memory", EfiPersistentMemory, 0},
	{"Persistent Memory (legacy)", EfiPersistentMemory, 0},
	{"Soft Reserved", EfiConventionalMemory, EFI_MEMORY_SP},
};

/* A folder with one folder for each region, named by a number. */
struct regions {
	const char *name; /* below sysfs, for messages */
	int dir;
	struct dirent **entries;
	int count;
};

static void regions_fini(struct regions *r)
{
	for (int i = 0; i < r->count; i++)
		free(r->entries[i]);
	free(r->entries);
	if (r->dir >= 0)
		close(r->dir);
}

static int is_number(const struct dirent *e)
{
	return e->d_name[0] != 0 && strspn(e->d_name, "0123456789") == strlen(e->d_name);
}

/* 0, or -errno: -ENOENT, there is no such folder. */
static int regions_open(int sysfs, const char *name, struct regions *ret)
{
	*ret = (struct regions){.name = name};
	ret->dir = openat(sysfs, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (ret->dir < 0)
		return -errno;
	/* the kernel counts from 0, and leaves out what was unplugged */
	ret->count = scandirat(ret->dir, ".", &ret->entries, is_number, versionsort);
	if (ret->count < 0) {
		ret->count = 0;
		return -errno;
	}
	return ret->count > ENTRIES_MAX ? -E2BIG : 0;
}

/* One value, without the end of its line. */
static int value_read(const struct regions *from, int i, const char *name,
		      char ret[VALUE_MAX], struct diag *d)
{
	const char *entry = from->entries[i]->d_name;
	cleanup(closep) int fd = -1;
	char path[NAME_MAX + VALUE_MAX];
	ssize_t n = -1;

	snprintf(path, sizeof path, "%s/%s", entry, name);
	fd = openat(from->dir, path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		n = OS_RETRY(read(fd, ret, VALUE_MAX));
	if (n < 0)
		return diag(d, -errno, "%s/%s: %s%s", from->name, path, strerror(errno),
			    errno == EACCES || errno == EPERM ? " (only root may read it)"
							      : "");
	while (n > 0 && ret[n - 1] == '\n')
		n--;
	if (n == VALUE_MAX || memchr(ret, 0, (size_t)n) != NULL)
		return diag(d, -EINVAL, "%s/%s: no text of less than %u bytes", from->name,
			    path, VALUE_MAX);
	ret[n] = 0;
	return 0;
}

static int number_read(const struct regions *from, int i, const char *name, uint64_t *ret,
		       struct diag *d)
{
	char text[VALUE_MAX] = "", *end;
	int r = value_read(from, i, name, text, d);

	if (r < 0)
		return r;
	errno = 0;
	*ret = strtoull(text, &end, 0);
	if (errno != 0 || text[0] < '0' || text[0] > '9' || *end != 0)
		return diag(d, -EINVAL, "%s/%s/%s: no number", from->name,
			    from->entries[i]->d_name, name);
	return 0;
}

/* The runtime regions, as the firmware's descriptors. */
static int runtime_read(const struct regions *from, struct memmap *m, struct diag *d)
{
	int r = memmap_reserve(m, (size_t)from->count);

	for (int i = 0; r == 0 && i < from->count; i++) {
		EFI_MEMORY_DESCRIPTOR *to = &m->map.d[i];
		uint64_t type = 0;

		*to = (EFI_MEMORY_DESCRIPTOR){0};
		r = number_read(from, i, "type", &type, d);
		if (r == 0)
			r = number_read(from, i, "phys_addr", &to->PhysicalStart, d);
		if (r == 0)
			r = number_read(from, i, "virt_addr", &to->VirtualStart, d);
		if (r == 0)
			r = number_read(from, i, "num_pages", &to->NumberOfPages, d);
		if (r == 0)
			r = number_read(from, i, "attribute", &to->Attribute, d);
		if (r == 0 && type > UINT32_MAX)
			r = diag(d, -EINVAL, "%s/%s/type: %#llx is none", from->name,
				 from->entries[i]->d_name, (unsigned long long)type);
		to->Type = (uint32_t)type;
		m->no_attributes[i] = false;
		m->map.n++;
	}
	return r;
}

static int add_pages(struct memmap *m, uint64_t start, uint64_t end,
		     const EFI_MEMORY_DESCRIPTOR *like)
{
	int r = start < end ? memmap_reserve(m, m->map.n + 1) : 0;

	if (r < 0 || start >= end)
		return r;
	m->map.d[m->map.n] = *like;
	m->map.d[m->map.n].PhysicalStart = start << 12;
	m->map.d[m->map.n].NumberOfPages = end - start;
	m->no_attributes[m->map.n++] = like->Attribute == 0;
	return 0;
}

/* Appends the pages from @start up to @end, but for those that @runtime describes better.
 */
static int add_around(struct memmap *m, const struct rts_map *runtime, uint64_t start,
		      uint64_t end, const EFI_MEMORY_DESCRIPTOR *like)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < runtime->n; i++) {
		const EFI_MEMORY_DESCRIPTOR *cut = &runtime->d[runtime->order[i]];
		uint64_t first = cut->PhysicalStart >> 12;
		uint64_t next = first + rts_map_pages(cut);

		if (first >= end || next <= start)
			continue;
		r = add_pages(m, start, first, like);
		start = next;
	}
	return r == 0 ? add_pages(m, start, end, like) : r;
}

/* All memory: System RAM is cut to whole pages, everything else fills up the pages it
 * touches, so that neighbours within a page do not overlap. */
static int memory_read(const struct regions *from, const struct rts_map *runtime,
		       struct memmap *m, struct diag *d)
{
	int r = 0;

	for (int i = 0; r == 0 && i < from->count; i++) {
		EFI_MEMORY_DESCRIPTOR like = {.Type = EfiReservedMemoryType};
		uint64_t start = 0, last = 0;
		char text[VALUE_MAX] = "";
		bool known = false;

		r = number_read(from, i, "start", &start, d);
		if (r == 0)
			r = number_read(from, i, "end", &last, d);
		if (r == 0)
			r = value_read(from, i, "type", text, d);
		if (r < 0)
			break;
		for (size_t t = 0; t < sizeof e820_types / sizeof *e820_types; t++) {
			if (strcmp(text, e820_types[t].text) != 0)
				continue;
			like.Type = e820_types[t].type;
			like.Attribute = e820_types[t].attributes;
			known = true;
		}
		if (!known)
			memmap_note(
				m,
				"%s/%s: a type that Linux calls something else is shown as "
				"reserved",
				from->name, from->entries[i]->d_name);
		if (last < start)
			r = diag(d, -EINVAL, "%s/%s: ends at %#llx, before its start %#llx",
				 from->name, from->entries[i]->d_name,
				 (unsigned long long)last, (unsigned long long)start);
		else if (like.Type == EfiConventionalMemory)
			r = add_around(
				m, runtime, (start >> 12) + ((start & PAGE_MASK) != 0),
				(last >> 12) + ((last & PAGE_MASK) == PAGE_MASK), &like);
		else
			r = add_around(m, runtime, start >> 12, (last >> 12) + 1, &like);
	}
	return r;
}

#define RUNTIME_MAP "firmware/efi/runtime-map"
#define MEMORY_MAP  "firmware/memmap"

static int read_both(int sysfs, const char *path, struct memmap *m, struct diag *d)
{
	cleanup(regions_fini) struct regions runtime = {.dir = -1}, memory = {.dir = -1};
	struct memmap sorted = {0};
	const int no_runtime = regions_open(sysfs, RUNTIME_MAP, &runtime);
	const int no_memory = regions_open(sysfs, MEMORY_MAP, &memory);
	int r;

	if (no_runtime != 0 && no_runtime != -ENOENT)
		return diag(d, no_runtime, "%s/%s: %s", path, RUNTIME_MAP,
			    strerror(-no_runtime));
	if (no_memory != 0 && no_memory != -ENOENT)
		return diag(d, no_memory, "%s/%s: %s", path, MEMORY_MAP,
			    strerror(-no_memory));
	if (no_runtime != 0 && faccessat(sysfs, "firmware/efi", F_OK, 0) != 0)
		memmap_note(
			m,
			"no %s/firmware/efi: Linux was not started by UEFI firmware, or "
			"runs without its services",
			path);
	else if (no_runtime != 0)
		memmap_note(
			m,
			"no %s/%s: this kernel does not tell the runtime regions (x86 with "
			"CONFIG_EFI_RUNTIME_MAP does)",
			path, RUNTIME_MAP);
	if (no_memory != 0)
		memmap_note(
			m,
			"no %s/%s: this kernel tells only the runtime regions (x86 with "
			"CONFIG_FIRMWARE_MEMMAP tells all)",
			path, MEMORY_MAP);
	else
		memmap_note(m,
			    "Linux keeps no more than E820 types of what is not a runtime "
			    "region: memory of loader and boot services is shown as "
			    "ConventionalMemory, attributes are not known");
	if (no_runtime != 0 && no_memory != 0)
		return diag(d, -ENOENT, "%s; %s", m->notes[0].text, m->notes[1].text);
	r = runtime_read(&runtime, m, d);
	if (r == 0) {
		/* a copy to cut with, for the map itself grows */
		r = memmap_reserve(&sorted, m->map.n);
		if (r == 0 && m->map.n != 0)
			memcpy(sorted.map.d, m->map.d, m->map.n * sizeof *m->map.d);
		sorted.map.n = m->map.n;
	}
	if (r == 0) {
		rts_map_sort(&sorted.map);
		r = memory_read(&memory, &sorted.map, m, d);
	}
	memmap_fini(&sorted);
	return r;
}

int memmap_read_live(const char *sysfs, struct memmap *ret, struct diag *d)
{
	cleanup(closep) int dir = open(sysfs, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct memmap m = {.source = "live"};
	int r;

	if (dir < 0)
		return diag(d, -errno, "%s: %s", sysfs, strerror(errno));
	r = read_both(dir, sysfs, &m, d);
	if (r < 0) {
		memmap_fini(&m);
		return diag(d, r, "%s", strerror(-r));
	}
	rts_map_sort(&m.map);
	*ret = m;
	return 0;
}
