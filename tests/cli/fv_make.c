/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes small firmware images, for tests of programs and for the corpus of fuzz_fv. The
 * drivers in them are headers around a pattern.
 *
 * usage: fv_make FOLDER        writes one file for each kind of image
 */
#include <stdio.h>

#include "fv_build.h"
#include "pe_build.h"

#define TYPE_DRIVER EFI_FV_FILETYPE_DRIVER

static struct blob pe(uint16_t subsystem)
{
	struct pe_build b = pe_build_default();
	uint8_t p[PE_BUILD_LEN];

	b.opt.Subsystem = subsystem;
	pe_build_write(&b, p);
	for (size_t i = PE_BUILD_LEN / 2; i < PE_BUILD_LEN; i++)
		p[i] = (uint8_t)(i * i >> 5);
	return blob_of(p, sizeof p);
}

static struct blob te(void)
{
	EFI_TE_IMAGE_HEADER h = {
		.Signature = EFI_TE_IMAGE_HEADER_SIGNATURE,
		.Machine = PE_MACHINE_X64,
		.NumberOfSections = 2,
		.Subsystem = PE_SUBSYSTEM_BOOT_SERVICE_DRIVER,
		.StrippedSize = PE_BUILD_SECTIONS,
		.AddressOfEntryPoint = 0x1000,
	};
	struct blob b = blob_of(&h, sizeof h), full = pe(PE_SUBSYSTEM_BOOT_SERVICE_DRIVER);

	blob_put(&b, full.p + PE_BUILD_SECTIONS, full.n - PE_BUILD_SECTIONS);
	free(full.p);
	return b;
}

static struct blob sections(const char *name)
{
	return fv_join(fv_section(EFI_SECTION_DXE_DEPEX, false, blob_of("\6\10", 2)),
		       fv_section(EFI_SECTION_PE32, false, pe(PE_SUBSYSTEM_RUNTIME_DRIVER)),
		       fv_ui(name), FV_END);
}

static struct blob one(struct blob body)
{
	return fv_volume(false, false, 16, fv_file_of(fv_guid(1), TYPE_DRIVER, 0, body));
}

static struct blob make_plain(void)
{
	return one(sections("Plain"));
}

static struct blob make_lzma(void)
{
	return one(fv_lzma(sections("Lzma"), false));
}

static struct blob make_lzma_x86(void)
{
	return one(fv_lzma(sections("LzmaX86"), true));
}

static struct blob make_uefi(void)
{
	return one(fv_tiano(sections("Uefi"), 4, false));
}

static struct blob make_tiano(void)
{
	return one(fv_tiano(sections("Tiano"), 5, true));
}

static struct blob make_crc32(void)
{
	return one(fv_crc32(sections("Crc32")));
}

static struct blob make_stored(void)
{
	struct blob s = sections("Stored");
	uint32_t len = (uint32_t)s.n;

	return one(fv_compression(EFI_NOT_COMPRESSED, len, s));
}

/* Volumes in a compressed section, each kind of file, a name that wants out of its folder,
 * and one GUID twice. */
static struct blob make_nested(void)
{
	struct blob inner = fv_volume(
		true, true, 8,
		fv_files(
			fv_file_of(fv_guid(2), EFI_FV_FILETYPE_PEIM,
				   FFS_ATTRIB_LARGE_FILE | FFS_ATTRIB_CHECKSUM,
				   fv_join(fv_section(EFI_SECTION_PEI_DEPEX, false,
						      blob_of("\6\10", 2)),
					   fv_section(EFI_SECTION_TE, false, te()),
					   fv_ui("Peim"), FV_END)),
			fv_file_of(fv_guid(3), EFI_FV_FILETYPE_APPLICATION, 0,
				   fv_join(fv_section(EFI_SECTION_PE32, true,
						      pe(PE_SUBSYSTEM_APPLICATION)),
					   fv_ui("../../x\033[31m/y"), FV_END)),
			fv_file_of(fv_guid(4), EFI_FV_FILETYPE_RAW, 0, blob_pattern(20)),
			fv_file_of(fv_guid(5), EFI_FV_FILETYPE_FFS_PAD, 0, blob_pattern(8)),
			fv_file_of(fv_guid(6), TYPE_DRIVER, 0, sections("Same")), FV_END));

	return fv_volume(
		false, true, 64,
		fv_files(fv_file_of(fv_guid(1), EFI_FV_FILETYPE_FIRMWARE_VOLUME_IMAGE, 0,
				    fv_lzma(fv_section(EFI_SECTION_FIRMWARE_VOLUME_IMAGE,
						       false, inner),
					    false)),
			 fv_file_of(fv_guid(6), EFI_FV_FILETYPE_MM, 0, sections("Same")),
			 FV_END));
}

/* A file whose checksum is wrong, beside one that is right. */
static struct blob make_broken(void)
{
	struct blob bad = fv_file_of(fv_guid(1), TYPE_DRIVER, 0, sections("Bad"));

	bad.p[17] ^= 1;
	return fv_volume(false, false, 0,
			 fv_files(bad,
				  fv_file_of(fv_guid(2), TYPE_DRIVER, 0, sections("Good")),
				  FV_END));
}

/* A driver that is no image. */
static struct blob make_bad_image(void)
{
	return one(fv_section(EFI_SECTION_PE32, false, blob_pattern(100)));
}

static const struct {
	const char *name;
	struct blob (*make)(void);
} images[] = {
	{"plain", make_plain},         {"lzma", make_lzma},     {"lzma_x86", make_lzma_x86},
	{"uefi", make_uefi},           {"tiano", make_tiano},   {"crc32", make_crc32},
	{"stored", make_stored},       {"nested", make_nested}, {"broken", make_broken},
	{"bad_image", make_bad_image},
};

int main(int argc, char **argv)
{
	if (argc != 2) {
		fputs("usage: fv_make FOLDER\n", stderr);
		return 2;
	}
	for (size_t i = 0; i < sizeof images / sizeof *images; i++) {
		struct blob b = images[i].make();
		char path[4096];
		FILE *f;

		snprintf(path, sizeof path, "%s/%s", argv[1], images[i].name);
		f = fopen(path, "wb");
		if (f == NULL || fwrite(b.p, 1, b.n, f) != b.n || fclose(f) != 0) {
			perror(path);
			return 2;
		}
		free(b.p);
	}
	return 0;
}
