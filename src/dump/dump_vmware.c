/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VMware: a suspended machine's or a snapshot's state (vmss, vmsn) is a list of groups of
 * tags; the group "memory" says where the memory's regions lie, in a vmem beside it or in a
 * block of its own, and the group "cpu" has the control registers.
 */
#include <string.h>

#include "dump/dump_priv.h"

#define GROUP_NAME_LEN 64U
#define GROUPS_MAX     4096U
#define TAGS_MAX       (1U << 20) /* thousands are usual */
#define REGIONS_MAX    64U        /* three are known */
#define INDICES_MAX    3U
#define BLOCK          0x3fU
#define BLOCK_PACKED   0x3eU
#define PAGE_LEN       0x1000ULL
#define HOLE_START     (3ULL << 30)
#define HOLE_END       (4ULL << 30)
#define CR_LEN         (9 * sizeof(uint64_t)) /* CR0 to CR8, as one block */

struct vm_header {
	uint32_t magic;
	uint32_t version;
	uint32_t group_count;
};

struct vm_group {
	char name[GROUP_NAME_LEN];
	uint64_t at;
	uint64_t len;
};

struct tag {
	struct bytes name;
	uint32_t index[INDICES_MAX];
	unsigned index_count;
	unsigned kind; /* BLOCK, BLOCK_PACKED, or a length */
	uint64_t at;   /* of its data */
	uint64_t len;
	uint64_t next;
};

/* What is told of a region. */
enum { ADDRESS, PLACE, COUNT, MEMBERS };
static const char *const members[] = {
	[ADDRESS] = "regionPPN", [PLACE] = "regionPageNum", [COUNT] = "regionSize"};

struct region {
	uint32_t pages[MEMBERS];
	unsigned told; /* a bit for each */
};
#define ALL_TOLD ((1U << MEMBERS) - 1)

struct vm {
	struct bytes meta;
	bool wide; /* lengths of blocks have eight bytes */
	unsigned tag_count;
	bool cut; /* a list did not end, or has too many */
	uint64_t cut_at;
	struct region region[REGIONS_MAX];
	uint64_t region_count;
	struct tag memory; /* kind 0: not in this file */
	struct {
		uint64_t cr3;
		uint64_t cr4;
	} cpu[RTS_DUMP_CPUS_MAX];
	unsigned cpu_count;
};

/* A length that has four or eight bytes; moves *at behind it. */
static bool length(const struct vm *vm, uint64_t *at, uint64_t *ret)
{
	size_t n = vm->wide ? 8 : 4;

	*ret = 0;
	if (!bytes_read(vm->meta, *at, ret, n))
		return false;
	*at += n;
	return true;
}

/* False: the file ends here. */
static bool tag_read(const struct vm *vm, uint64_t at, struct tag *ret)
{
	struct tag t = {0};
	uint8_t head[2];
	uint64_t unpacked;
	uint16_t pad;

	if (!bytes_read(vm->meta, at, head, sizeof head))
		return false;
	t.kind = head[0] & 0x3fU;
	t.index_count = head[0] >> 6;
	at += sizeof head;
	if (!bytes_sub(vm->meta, at, head[1], &t.name) ||
	    !bytes_read(vm->meta, at + head[1], t.index, t.index_count * sizeof *t.index))
		return false;
	at += head[1] + t.index_count * sizeof *t.index;
	t.len = t.kind;
	if (t.kind == BLOCK || t.kind == BLOCK_PACKED) {
		if (!length(vm, &at, &t.len) || !length(vm, &at, &unpacked) ||
		    !bytes_read(vm->meta, at, &pad, sizeof pad))
			return false;
		at += sizeof pad + pad;
	}
	if (at > vm->meta.n)
		return false;
	t.at = at;
	/* A block may be cut off; then it is the last. */
	t.next = t.len > vm->meta.n - at ? vm->meta.n : at + t.len;
	*ret = t;
	return true;
}

/* False: the list ends here. */
static bool tag_next(struct vm *vm, uint64_t at, struct tag *ret)
{
	uint16_t end;

	if (bytes_read(vm->meta, at, &end, sizeof end) && end == 0)
		return false;
	if (vm->tag_count++ < TAGS_MAX && tag_read(vm, at, ret))
		return true;
	vm->cut = true;
	vm->cut_at = at;
	return false;
}

static bool named(const struct tag *t, const char *name)
{
	return t->name.n == strlen(name) && memcmp(t->name.p, name, t->name.n) == 0;
}

/* The value of a tag that is a number; 0 where it is not. */
static uint64_t number(const struct vm *vm, const struct tag *t)
{
	uint64_t v = 0;

	if (t->len <= sizeof v)
		(void)bytes_read(vm->meta, t->at, &v, (size_t)t->len);
	return v;
}

static void memory_tag(struct vm *vm, const struct tag *t)
{
	uint32_t v = (uint32_t)number(vm, t);

	if (named(t, "regionsCount"))
		vm->region_count = v;
	else if (named(t, "Memory"))
		vm->memory = *t;
	for (unsigned i = 0; i < MEMBERS && t->index_count > 0; i++)
		if (t->index[0] < REGIONS_MAX && named(t, members[i])) {
			vm->region[t->index[0]].pages[i] = v;
			vm->region[t->index[0]].told |= 1U << i;
		}
}

static void cpu_tag(struct vm *vm, const struct tag *t)
{
	unsigned cpu = t->index[0];

	if (!named(t, "CR64") || t->index_count == 0 || cpu >= RTS_DUMP_CPUS_MAX)
		return;
	if (t->index_count == 1 && t->len == CR_LEN) {
		(void)bytes_read(vm->meta, t->at + 3 * sizeof(uint64_t), &vm->cpu[cpu].cr3,
				 8);
		(void)bytes_read(vm->meta, t->at + 4 * sizeof(uint64_t), &vm->cpu[cpu].cr4,
				 8);
	} else if (t->index_count == 2 && t->index[1] == 3) {
		vm->cpu[cpu].cr3 = number(vm, t);
	} else if (t->index_count == 2 && t->index[1] == 4) {
		vm->cpu[cpu].cr4 = number(vm, t);
	}
	if (vm->cpu_count <= cpu)
		vm->cpu_count = cpu + 1;
}

static bool known_magic(uint32_t magic)
{
	static const uint32_t known[] = {0xbed0bed0, 0xbed2bed0, 0xbed2bed2,
					 0xbed3bed3, 0xbad1bad1, 0xbad2bad2};

	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (known[i] == magic)
			return true;
	return false;
}

/* Reads the two groups that matter. */
static EFI_STATUS state_read(struct vm *vm, struct diag *d)
{
	struct vm_header h;
	struct vm_group g;

	if (!bytes_read(vm->meta, 0, &h, sizeof h) || !known_magic(h.magic))
		return diag(d, EFI_LOAD_ERROR,
			    "no vmss or vmsn file: it does not begin as one");
	vm->wide = (h.magic & 0xf) != 0;
	for (uint32_t i = 0; i < h.group_count && i < GROUPS_MAX; i++) {
		void (*read)(struct vm *, const struct tag *) = NULL;
		struct tag t;

		if (!bytes_read(vm->meta, sizeof h + i * sizeof g, &g, sizeof g))
			return diag(
				d, EFI_LOAD_ERROR,
				"vmss: group %u of %u lies past the end of the file (%#zx)",
				i, h.group_count, vm->meta.n);
		if (strncmp(g.name, "memory", sizeof g.name) == 0)
			read = memory_tag;
		else if (strncmp(g.name, "cpu", sizeof g.name) == 0)
			read = cpu_tag;
		while (read != NULL && tag_next(vm, g.at, &t)) {
			read(vm, &t);
			g.at = t.next;
		}
	}
	return EFI_SUCCESS;
}

/* The regions lie one behind the other in @len bytes at @off of the file. */
static EFI_STATUS add_regions(struct rts_dump *dump, const struct vm *vm, uint64_t off,
			      uint64_t len)
{
	EFI_STATUS status = EFI_SUCCESS;
	int lacking = -1;

	if (vm->region_count > REGIONS_MAX)
		dump_problem(dump, "vmss: %llu regions of memory, want %u at most",
			     (unsigned long long)vm->region_count, REGIONS_MAX);
	if (vm->region_count == 0)
		status =
			dump_add(dump, "vmem", 0, (struct rts_dump_range){.len = len}, off);
	for (unsigned i = 0;
	     i < vm->region_count && i < REGIONS_MAX && status == EFI_SUCCESS; i++) {
		const uint32_t *pages = vm->region[i].pages;
		struct rts_dump_range r = {
			.start = pages[ADDRESS] * PAGE_LEN,
			.len = pages[COUNT] * PAGE_LEN,
		};

		if (vm->region[i].told == ALL_TOLD)
			status = dump_add(dump, "region", i, r,
					  off + pages[PLACE] * PAGE_LEN);
		else
			lacking = (int)i;
	}
	if (vm->cut)
		dump_problem(
			dump,
			"vmss: its list of tags does not end: at %#llx the file (%#zx) "
			"does, or there are more than %u",
			(unsigned long long)vm->cut_at, vm->meta.n, TAGS_MAX);
	if (lacking >= 0)
		dump_problem(dump,
			     "vmss: region %d of memory is left out: its address, place or "
			     "size is not told",
			     lacking);
	for (unsigned i = 0; i < vm->cpu_count; i++)
		dump_cpu(dump, vm->cpu[i].cr3, vm->cpu[i].cr4);
	if (vm->cpu_count > 0)
		dump_machine(dump, "x86-64");
	return status;
}

EFI_STATUS dump_vmware(struct rts_dump *dump, struct diag *d)
{
	struct vm vm = {.meta = dump->file};
	EFI_STATUS status = state_read(&vm, d);

	if (status != EFI_SUCCESS)
		return status;
	if (vm.memory.kind != BLOCK)
		return diag(d, EFI_UNSUPPORTED,
			    vm.memory.kind == BLOCK_PACKED
				    ? "a vmss or vmsn with packed memory"
				    : "a vmss or vmsn without memory: the vmem beside it "
				      "has it");
	return add_regions(dump, &vm, vm.memory.at, vm.memory.len);
}

EFI_STATUS dump_vmem(struct rts_dump *dump, struct bytes meta, struct diag *d)
{
	struct vm vm = {.meta = meta};
	EFI_STATUS status;

	if (meta.p != NULL) {
		status = state_read(&vm, d);
		if (status != EFI_SUCCESS)
			return status;
	}
	if ((meta.p == NULL || (vm.cut && vm.region_count == 0)) &&
	    dump->file.n > HOLE_START) {
		const uint32_t hole = HOLE_START / PAGE_LEN, end = HOLE_END / PAGE_LEN,
			       pages = (uint32_t)(dump->file.n / PAGE_LEN);

		dump->info.assumed_hole = true;
		vm.region_count = 2;
		vm.region[0] = (struct region){{0, 0, hole}, ALL_TOLD};
		vm.region[1] = (struct region){{end, hole, pages - hole}, ALL_TOLD};
	}
	return add_regions(dump, &vm, 0, dump->file.n);
}
