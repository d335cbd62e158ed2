/* SPDX-License-Identifier: BSD-2-Clause */
/* PE32+ headers, read by value with every offset checked. Freestanding; allocates nothing.
 */
#include "pe/pe_header.h"

EFI_STATUS rts_pe_header_read(struct bytes image, struct diag *d, struct rts_pe_header *ret)
{
	struct rts_pe_header h = {0};
	uint16_t mz;
	uint32_t nt, signature;
	uint64_t opt, table;
	struct bytes sub;

	if (!bytes_read(image, 0, &mz, sizeof mz) || mz != PE_DOS_SIGNATURE)
		return diag(d, EFI_LOAD_ERROR, "offset 0: not a PE image");
	if (!bytes_read(image, PE_DOS_LFANEW, &nt, sizeof nt))
		return diag(d, EFI_LOAD_ERROR,
			    "offset %#x: the image ends before its header", PE_DOS_LFANEW);
	if (!bytes_read(image, nt, &signature, sizeof signature) ||
	    signature != PE_NT_SIGNATURE)
		return diag(d, EFI_LOAD_ERROR, "offset %#x: no PE signature", nt);
	if (!bytes_read(image, (uint64_t)nt + 4, &h.file, sizeof h.file))
		return diag(d, EFI_LOAD_ERROR, "offset %#x: the file header is cut short",
			    nt);

	opt = (uint64_t)nt + 4 + sizeof h.file;
	if (h.file.SizeOfOptionalHeader < sizeof h.opt ||
	    !bytes_sub(image, opt, h.file.SizeOfOptionalHeader, &sub) ||
	    !bytes_read(sub, 0, &h.opt, sizeof h.opt))
		return diag(d, EFI_LOAD_ERROR, "offset %#llx: optional header of %u bytes",
			    (unsigned long long)opt, h.file.SizeOfOptionalHeader);
	if (h.opt.Magic != PE32_PLUS_MAGIC)
		return diag(d, EFI_LOAD_ERROR, "offset %#llx: magic %#x, not PE32+",
			    (unsigned long long)opt, h.opt.Magic);
	/* A directory is there only when both the count and the header's size say so. */
	if (h.opt.NumberOfRvaAndSizes > PE_DIRECTORY_RELOC)
		(void)bytes_read(
			sub, sizeof h.opt + PE_DIRECTORY_RELOC * sizeof(PE_DATA_DIRECTORY),
			&h.reloc, sizeof h.reloc);

	table = opt + h.file.SizeOfOptionalHeader;
	if (!bytes_sub(image, table,
		       (uint64_t)h.file.NumberOfSections * sizeof(PE_SECTION_HEADER), &sub))
		return diag(d, EFI_LOAD_ERROR, "offset %#llx: %u sections do not fit",
			    (unsigned long long)table, h.file.NumberOfSections);
	h.sections_offset = table;
	*ret = h;
	return EFI_SUCCESS;
}

bool rts_pe_section_read(struct bytes image, const struct rts_pe_header *h, unsigned i,
			 PE_SECTION_HEADER *ret)
{
	return i < h->file.NumberOfSections &&
	       bytes_read(image, h->sections_offset + (uint64_t)i * sizeof *ret, ret,
			  sizeof *ret);
}

EFI_STATUS rts_pe_check_driver(const struct rts_pe_header *h, struct diag *d)
{
	if (h->opt.Subsystem != PE_SUBSYSTEM_RUNTIME_DRIVER)
		return diag(d, EFI_UNSUPPORTED, "subsystem %u, want %u (runtime driver)",
			    h->opt.Subsystem, PE_SUBSYSTEM_RUNTIME_DRIVER);
	if (h->opt.SectionAlignment == 0 || h->opt.SectionAlignment % 4096 != 0)
		return diag(d, EFI_UNSUPPORTED,
			    "section alignment %u, want a multiple of 4096",
			    h->opt.SectionAlignment);
	if (h->reloc.Size != 0)
		return diag(d, EFI_UNSUPPORTED,
			    "%u bytes of base relocations at %#x, want none", h->reloc.Size,
			    h->reloc.VirtualAddress);
	return EFI_SUCCESS;
}

bool rts_pe_subsystem_read(struct bytes image, uint16_t *ret)
{
	EFI_TE_IMAGE_HEADER te;
	uint16_t signature, magic;
	uint32_t nt, nt_signature;
	uint64_t opt;

	if (!bytes_read(image, 0, &signature, sizeof signature))
		return false;
	if (signature == EFI_TE_IMAGE_HEADER_SIGNATURE) {
		if (!bytes_read(image, 0, &te, sizeof te))
			return false;
		*ret = te.Subsystem;
		return true;
	}
	if (signature != PE_DOS_SIGNATURE ||
	    !bytes_read(image, PE_DOS_LFANEW, &nt, sizeof nt) ||
	    !bytes_read(image, nt, &nt_signature, sizeof nt_signature) ||
	    nt_signature != PE_NT_SIGNATURE)
		return false;
	opt = (uint64_t)nt + sizeof nt_signature + sizeof(PE_FILE_HEADER);
	/* The same offset in both: what PE32+ lacks, BaseOfData, its longer ImageBase
	 * fills. */
	return bytes_read(image, opt, &magic, sizeof magic) &&
	       (magic == PE32_MAGIC || magic == PE32_PLUS_MAGIC) &&
	       bytes_read(image, opt + offsetof(PE_OPTIONAL_HEADER, Subsystem), ret,
			  sizeof *ret);
}

const char *rts_pe_machine_name(uint16_t machine)
{
	return machine == PE_MACHINE_X64       ? "x64"
	       : machine == PE_MACHINE_AARCH64 ? "aa64"
					       : NULL;
}

const char *rts_pe_subsystem_name(uint16_t subsystem)
{
	switch (subsystem) {
	case PE_SUBSYSTEM_APPLICATION:
		return "application";
	case PE_SUBSYSTEM_BOOT_SERVICE_DRIVER:
		return "driver";
	case PE_SUBSYSTEM_RUNTIME_DRIVER:
		return "runtime-driver";
	default:
		return NULL;
	}
}
