/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Known images: what firmware volumes, EFI files and option ROMs hold for x86-64. What each
 * is is told by its content, so that a driver's file may stand where a firmware image may.
 */
#include <string.h>

#include "base/guid.h"
#include "fv/fv_priv.h"
#include "pe/pe_rom.h"
#include "scan/scan_priv.h"

#define KNOWN_MAX   (1U << 20)
#define VOLUMES_MAX 4096U

static bool is_there(struct scan *s, const struct scan_known_image *k)
{
	for (size_t i = s->known_count; i > 0 && s->known[i - 1].from == k->from; i--) {
		const struct scan_known_image *other = &s->known[i - 1];

		if (other->file.n == k->file.n && other->has_guid == k->has_guid &&
		    guid_eq(&other->guid, &k->guid) && rts_scan_spend(s, k->file.n) &&
		    memcmp(other->file.p, k->file.p, k->file.n) == 0)
			return true;
	}
	return false;
}

/* Images for other machines, and those that are too large to be drivers, are passed over;
 * so are broken ones: EFI_LOAD_ERROR. */
static EFI_STATUS add(struct scan *s, const struct scan_known_image *k, struct diag *d)
{
	struct scan_known_image known = *k;
	EFI_STATUS status = rts_pe_image_read(k->file, d, &known.pe);

	if (status != EFI_SUCCESS)
		return status;
	if (known.pe.machine != PE_MACHINE_X64 || known.pe.size > SCAN_IMAGE_MAX)
		return diag(d, EFI_UNSUPPORTED,
			    "machine %#x and %u bytes, no driver for x86-64",
			    known.pe.machine, known.pe.size);
	if (is_there(s, &known))
		return EFI_SUCCESS;
	if (!rts_scan_room((void **)&s->known, s->known_count, &s->known_cap,
			   sizeof *s->known, KNOWN_MAX))
		return diag(d, EFI_OUT_OF_RESOURCES, "no memory for %zu known images",
			    s->known_count);
	s->known[s->known_count++] = known;
	return EFI_SUCCESS;
}

static EFI_STATUS read_firmware(struct scan *s, const struct rts_scan_known *from,
				struct diag *d)
{
	const size_t before = s->known_count;
	struct rts_fv *fv = NULL;
	EFI_STATUS status;

	if (!rts_scan_room((void **)&s->volumes, s->volume_count, &s->volume_cap,
			   sizeof *s->volumes, VOLUMES_MAX))
		return diag(d, EFI_OUT_OF_RESOURCES, "no memory for %zu firmware images",
			    s->volume_count);
	status = rts_fv_open(from->bytes, d, &fv);
	if (status != EFI_SUCCESS)
		return status;
	s->volumes[s->volume_count++] = fv;
	if (rts_fv_problem(fv) != NULL)
		rts_scan_note(s, "%s: %s", from->name, rts_fv_problem(fv));
	for (size_t i = 0; i < rts_fv_file_count(fv); i++) {
		const struct rts_fv_file *file = rts_fv_file(fv, i);

		if (file->image.n == 0)
			continue;
		status = add(s,
			     &(struct scan_known_image){.from = from,
							.has_guid = true,
							.guid = file->guid,
							.name = file->name,
							.file = file->image},
			     NULL);
		if (status == EFI_OUT_OF_RESOURCES)
			return diag(d, status, "no memory for known images");
	}
	if (s->known_count == before)
		rts_scan_note(s, "%s: no image for x86-64 is in it", from->name);
	return EFI_SUCCESS;
}

/* The image that @rom's bytes hold compressed. */
static EFI_STATUS unpack(struct scan *s, struct bytes rom,
			 const struct rts_pe_rom_image *img, struct diag *d,
			 struct bytes *ret)
{
	EFI_PCI_EXPANSION_ROM_HEADER h;
	struct bytes packed;
	uint64_t len;
	uint8_t *to;
	EFI_STATUS status;

	if (img->compression != 1)
		return diag(d, EFI_UNSUPPORTED, "offset %#llx: compression of type %u",
			    (unsigned long long)img->offset, img->compression);
	/* All in bounds: rts_pe_rom_next() looked. */
	(void)bytes_read(rom, img->offset, &h, PCI_ROM_HEADER_SIZE);
	(void)bytes_sub(rom, img->offset + h.EfiImageHeaderOffset,
			img->len - h.EfiImageHeaderOffset, &packed);
	if (!fv_tiano_len(packed, &len) || len > SCAN_IMAGE_MAX)
		return diag(d, EFI_LOAD_ERROR, "offset %#llx: no compressed image",
			    (unsigned long long)img->offset);
	if (!rts_scan_spend(s, 16 * len))
		return EFI_UNSUPPORTED;
	to = rts_scan_keep(s, (size_t)len);
	if (to == NULL)
		return diag(d, EFI_OUT_OF_RESOURCES, "no memory");
	status = fv_tiano_decode(packed, FV_POSITION_BITS_UEFI, to, (size_t)len, d);
	*ret = (struct bytes){to, (size_t)len};
	return status;
}

static EFI_STATUS read_rom(struct scan *s, const struct rts_scan_known *from,
			   struct diag *d)
{
	struct rts_pe_rom_image img;
	EFI_STATUS status;
	uint64_t at = 0;

	while ((status = rts_pe_rom_next(from->bytes, &at, d, &img)) == EFI_SUCCESS) {
		struct scan_known_image k = {.from = from, .file = img.efi};
		struct diag why = {0};

		if (img.code_type != PCI_ROM_CODE_TYPE_EFI || img.machine != PE_MACHINE_X64)
			continue;
		if (img.compression != 0)
			status = unpack(s, from->bytes, &img, &why, &k.file);
		if (status == EFI_SUCCESS)
			status = add(s, &k, &why);
		if (status == EFI_OUT_OF_RESOURCES)
			return diag(d, status, "%s", why.text);
		if (status != EFI_SUCCESS)
			rts_scan_note(s, "%s: image at offset 0x%llx: %s", from->name,
				      (unsigned long long)img.offset, why.text);
	}
	return status == EFI_NOT_FOUND ? EFI_SUCCESS : status;
}

static EFI_STATUS read_one(struct scan *s, const struct rts_scan_known *from,
			   struct diag *d)
{
	const struct scan_known_image file = {.from = from, .file = from->bytes};
	uint16_t signature = 0;

	(void)bytes_read(from->bytes, 0, &signature, sizeof signature);
	if (signature == PCI_ROM_SIGNATURE)
		return read_rom(s, from, d);
	if (signature == PE_DOS_SIGNATURE || signature == EFI_TE_IMAGE_HEADER_SIGNATURE)
		return add(s, &file, d);
	return read_firmware(s, from, d);
}

EFI_STATUS rts_scan_known_read(struct scan *s)
{
	for (size_t i = 0; i < s->config->known_count; i++) {
		const struct rts_scan_known *from = &s->config->known[i];
		struct diag d = {0};
		EFI_STATUS status = read_one(s, from, &d);

		if (status == EFI_OUT_OF_RESOURCES)
			return diag(s->d, status, "%s: %s", from->name, d.text);
		if (status != EFI_SUCCESS)
			return diag(s->d, EFI_LOAD_ERROR, "%s: %s", from->name, d.text);
	}
	return EFI_SUCCESS;
}
