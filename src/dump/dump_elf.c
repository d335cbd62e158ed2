/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ELF64 core files of a whole machine: QEMU's dump-guest-memory (with paging, the same
 * memory lies in many segments, and there are more of them than e_phnum can count), Linux's
 * /proc/vmcore, and what `scan --save` writes. Little-endian only.
 */
#include <elf.h>
#include <string.h>

#include "dump/dump_priv.h"

/* QEMU's note of one processor: version, size, 18 registers, 10 segments, CR0 to CR4. */
#define QEMU_VERSION 1U
#define QEMU_CR3     0x1a0U /* CR4 is next */
#define NOTES_MAX    65536U

/* Bits 63 to 56: set in every address that a kernel has for itself, with five levels too.
 * QEMU's dumps with paging have the lower half's addresses with bits 63 to 48 set. */
#define UPPER_HALF 0xff00000000000000ULL
#define QEMU_LOWER (0xffff000000000000ULL >> 47)

static const struct {
	uint16_t code;
	const char *name;
} machines[] = {
	{EM_X86_64, "x86-64"}, {EM_AARCH64, "aarch64"}, {EM_386, "i386"},
	{EM_ARM, "arm"},       {EM_RISCV, "riscv"},     {EM_PPC64, "ppc64"},
	{EM_S390, "s390x"},    {258, "loongarch"},
};

static const char *machine_name(uint16_t code)
{
	for (size_t i = 0; i < sizeof machines / sizeof *machines; i++)
		if (machines[i].code == code)
			return machines[i].name;
	return "unknown";
}

static uint64_t align4(uint64_t n)
{
	return (n + 3) & ~3ULL;
}

static void qemu_note(struct rts_dump *dump, struct bytes desc)
{
	uint64_t cr[2];
	uint32_t version;

	if (dump->info.x86_64 && bytes_read(desc, 0, &version, sizeof version) &&
	    version == QEMU_VERSION && bytes_read(desc, QEMU_CR3, cr, sizeof cr))
		dump_cpu(dump, cr[0], cr[1]);
}

void dump_notes(struct rts_dump *dump, struct bytes notes)
{
	Elf64_Nhdr h;
	struct bytes name, desc;
	uint64_t off = 0;

	/* each of many segments may have the same ones */
	while (dump->note_count++ < NOTES_MAX && bytes_read(notes, off, &h, sizeof h) &&
	       bytes_sub(notes, off + sizeof h, h.n_namesz, &name) &&
	       bytes_sub(notes, off + sizeof h + align4(h.n_namesz), h.n_descsz, &desc)) {
		if (h.n_type == 0 && name.n == 5 && memcmp(name.p, "QEMU", 5) == 0)
			qemu_note(dump, desc);
		off += sizeof h + align4(h.n_namesz) + align4(h.n_descsz);
	}
}

static EFI_STATUS segment(struct rts_dump *dump, uint64_t no, const Elf64_Phdr *ph)
{
	struct rts_dump_range r = {.start = ph->p_paddr, .len = ph->p_filesz};
	struct bytes notes;

	if (ph->p_type == PT_NOTE &&
	    bytes_sub(dump->file, ph->p_offset, ph->p_filesz, &notes))
		dump_notes(dump, notes);
	/* All ones: Linux does not know where it is. */
	if (ph->p_type != PT_LOAD || ph->p_paddr == UINT64_MAX)
		return EFI_SUCCESS;
	if (ph->p_vaddr >= UPPER_HALF && ph->p_vaddr >> 47 != QEMU_LOWER &&
	    ph->p_filesz <= -ph->p_vaddr) {
		r.has_virtual = true;
		r.virtual_start = ph->p_vaddr;
	}
	return dump_add(dump, "segment", no, r, ph->p_offset);
}

/* How many program headers there are: in the first section's header where it is too many.
 */
static EFI_STATUS header_count(const struct rts_dump *dump, const Elf64_Ehdr *eh,
			       struct diag *d, uint64_t *ret)
{
	Elf64_Shdr sh;

	*ret = eh->e_phnum;
	if (eh->e_phnum != PN_XNUM)
		return EFI_SUCCESS;
	if (!bytes_read(dump->file, eh->e_shoff, &sh, sizeof sh))
		return diag(
			d, EFI_LOAD_ERROR,
			"the count of program headers, at %#llx, lies past the end of the "
			"file (%#zx)",
			(unsigned long long)eh->e_shoff, dump->file.n);
	*ret = sh.sh_info;
	return EFI_SUCCESS;
}

EFI_STATUS dump_elf(struct rts_dump *dump, struct diag *d)
{
	EFI_STATUS status;
	Elf64_Ehdr eh;
	Elf64_Phdr ph;
	uint64_t count, off;

	if (!bytes_read(dump->file, 0, &eh, sizeof eh))
		return diag(d, EFI_LOAD_ERROR, "an ELF header of %#zx bytes", dump->file.n);
	if (eh.e_ident[EI_CLASS] != ELFCLASS64 || eh.e_ident[EI_DATA] != ELFDATA2LSB)
		return diag(d, EFI_UNSUPPORTED,
			    "%s-bit %s-endian ELF: want 64-bit little-endian",
			    eh.e_ident[EI_CLASS] == ELFCLASS64 ? "64" : "32",
			    eh.e_ident[EI_DATA] == ELFDATA2LSB ? "little" : "big");
	if (eh.e_type != ET_CORE)
		return diag(d, EFI_LOAD_ERROR, "ELF file of type %u, want %u (core)",
			    eh.e_type, ET_CORE);
	if (eh.e_phentsize < sizeof ph)
		return diag(d, EFI_LOAD_ERROR, "program headers of %u bytes, want %zu",
			    eh.e_phentsize, sizeof ph);
	dump_machine(dump, machine_name(eh.e_machine));
	status = header_count(dump, &eh, d, &count);
	off = eh.e_phoff;
	for (uint64_t i = 0; i < count && status == EFI_SUCCESS; i++) {
		if (off > dump->file.n || !bytes_read(dump->file, off, &ph, sizeof ph)) {
			dump_problem(
				dump,
				"program header %llu, at %#llx, lies past the end of the "
				"file (%#zx)",
				(unsigned long long)i, (unsigned long long)off,
				dump->file.n);
			break;
		}
		status = segment(dump, i, &ph);
		off += eh.e_phentsize;
	}
	return status;
}
