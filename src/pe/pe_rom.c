/* SPDX-License-Identifier: BSD-2-Clause */
/* PCI option ROMs with EFI images (UEFI 2.10 §14.4.2). Freestanding; allocates nothing. */
#include "pe/pe_rom.h"

#define IMAGE_OFFSET 0x40U /* where we put the PE image, behind both headers */

#define PCIR_OFFSET 0x1cU

EFI_STATUS rts_pe_rom_next(struct bytes rom, uint64_t *offset, struct diag *d,
			   struct rts_pe_rom_image *ret)
{
	EFI_PCI_EXPANSION_ROM_HEADER h = {0};
	PCI_DATA_STRUCTURE p = {0};
	struct rts_pe_rom_image img = {.offset = *offset};
	struct bytes image;

	/* The cursor of a finished walk lies past every file. */
	if (*offset == UINT64_MAX)
		return EFI_NOT_FOUND;
	if (!bytes_read(rom, *offset, &h, PCI_ROM_HEADER_SIZE))
		return diag(d, EFI_LOAD_ERROR, "offset %#llx: no room for an image header",
			    (unsigned long long)*offset);
	if (h.Signature != PCI_ROM_SIGNATURE)
		return diag(d, EFI_LOAD_ERROR, "offset %#llx: signature %#x, want %#x",
			    (unsigned long long)*offset, h.Signature, PCI_ROM_SIGNATURE);
	if (!bytes_read(rom, *offset + h.PcirOffset, &p, PCI_DATA_STRUCTURE_MIN) ||
	    p.Signature != PCI_ROM_PCIR_SIGNATURE)
		return diag(d, EFI_LOAD_ERROR, "offset %#llx: no PCI data structure",
			    (unsigned long long)(*offset + h.PcirOffset));
	img.len = p.ImageLength * PCI_ROM_UNIT;
	if (img.len == 0 || !bytes_sub(rom, *offset, img.len, &image))
		return diag(d, EFI_LOAD_ERROR,
			    "offset %#llx: image of %u bytes in a ROM of %zu",
			    (unsigned long long)*offset, img.len, rom.n);

	img.vendor = p.VendorId;
	img.device = p.DeviceId;
	img.class_code = (uint32_t)p.ClassCode[2] << 16 | (uint32_t)p.ClassCode[1] << 8 |
			 p.ClassCode[0];
	img.code_type = p.CodeType;
	img.last = (p.Indicator & PCI_ROM_LAST_IMAGE) != 0;
	if (p.CodeType == PCI_ROM_CODE_TYPE_EFI) {
		if (h.EfiSignature != PCI_ROM_EFI_SIGNATURE)
			return diag(d, EFI_LOAD_ERROR,
				    "offset %#llx: EFI signature %#x, want %#x",
				    (unsigned long long)(*offset + 4), h.EfiSignature,
				    PCI_ROM_EFI_SIGNATURE);
		img.machine = h.EfiMachineType;
		img.subsystem = h.EfiSubsystem;
		img.compression = h.CompressionType;
		if (h.EfiImageHeaderOffset >= img.len)
			return diag(d, EFI_LOAD_ERROR,
				    "offset %#llx: image header at %#x of %#x bytes",
				    (unsigned long long)(*offset + 22),
				    h.EfiImageHeaderOffset, img.len);
		if (img.compression == 0)
			(void)bytes_sub(image, h.EfiImageHeaderOffset,
					img.len - h.EfiImageHeaderOffset, &img.efi);
	}
	*offset = img.last ? UINT64_MAX : *offset + img.len;
	*ret = img;
	return EFI_SUCCESS;
}

EFI_STATUS rts_pe_rom_append(struct writer *w, struct bytes efi,
			     const struct rts_pe_rom_id *id, bool last, struct diag *d)
{
	static const uint8_t zero[PCI_ROM_UNIT];
	struct rts_pe_header pe;
	EFI_STATUS status = rts_pe_header_read(efi, d, &pe);
	uint64_t units = ((uint64_t)efi.n + IMAGE_OFFSET + PCI_ROM_UNIT - 1) / PCI_ROM_UNIT;

	if (status != EFI_SUCCESS)
		return status;
	if (units > UINT16_MAX)
		return diag(d, EFI_BAD_BUFFER_SIZE,
			    "%zu bytes, too large for an option ROM", efi.n);

	EFI_PCI_EXPANSION_ROM_HEADER h = {
		.Signature = PCI_ROM_SIGNATURE,
		.InitializationSize = (uint16_t)units,
		.EfiSignature = PCI_ROM_EFI_SIGNATURE,
		.EfiSubsystem = pe.opt.Subsystem,
		.EfiMachineType = pe.file.Machine,
		.EfiImageHeaderOffset = IMAGE_OFFSET,
		.PcirOffset = PCIR_OFFSET,
	};
	PCI_DATA_STRUCTURE p = {
		.Signature = PCI_ROM_PCIR_SIGNATURE,
		.VendorId = id->vendor,
		.DeviceId = id->device,
		.Length = sizeof p,
		.Revision = 3,
		.ClassCode = {(uint8_t)id->class_code, (uint8_t)(id->class_code >> 8),
			      (uint8_t)(id->class_code >> 16)},
		.ImageLength = (uint16_t)units,
		.CodeType = PCI_ROM_CODE_TYPE_EFI,
		.Indicator = last ? PCI_ROM_LAST_IMAGE : 0,
	};

	writer_put(w, &h, PCI_ROM_HEADER_SIZE);
	writer_put(w, zero, PCIR_OFFSET - PCI_ROM_HEADER_SIZE);
	writer_put(w, &p, sizeof p);
	writer_put(w, zero, IMAGE_OFFSET - PCIR_OFFSET - sizeof p);
	writer_put(w, efi.p, efi.n);
	writer_put(w, zero, (size_t)(units * PCI_ROM_UNIT - IMAGE_OFFSET - efi.n));
	return EFI_SUCCESS;
}
