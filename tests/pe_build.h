/* SPDX-License-Identifier: BSD-2-Clause */
/* Small PE32+ images for tests, built field by field: one that is right, for tests to
 * break. */
#pragma once

#include <string.h>

#include "uefi/pe.h"

#define PE_BUILD_NT       0x40U
#define PE_BUILD_FILE     (PE_BUILD_NT + 4U)
#define PE_BUILD_OPT      (PE_BUILD_FILE + (uint32_t)sizeof(PE_FILE_HEADER))
#define PE_BUILD_DIR      (PE_BUILD_OPT + (uint32_t)sizeof(PE_OPTIONAL_HEADER))
#define PE_BUILD_SECTIONS (PE_BUILD_DIR + PE_DIRECTORY_MAX * 8U)
#define PE_BUILD_LEN      1024U

struct pe_build {
	PE_FILE_HEADER file;
	PE_OPTIONAL_HEADER opt;
	PE_DATA_DIRECTORY dir[PE_DIRECTORY_MAX];
	PE_SECTION_HEADER section[2];
	uint32_t lfanew;
};

static inline struct pe_build pe_build_default(void)
{
	return (struct pe_build){
		.file = {.Machine = PE_MACHINE_X64,
			 .NumberOfSections = 2,
			 .SizeOfOptionalHeader =
				 sizeof(PE_OPTIONAL_HEADER) + PE_DIRECTORY_MAX * 8},
		.opt = {.Magic = PE32_PLUS_MAGIC,
			.AddressOfEntryPoint = 0x1000,
			.SectionAlignment = 4096,
			.FileAlignment = 512,
			.SizeOfImage = 0x3000,
			.SizeOfHeaders = 512,
			.Subsystem = PE_SUBSYSTEM_RUNTIME_DRIVER,
			.NumberOfRvaAndSizes = PE_DIRECTORY_MAX},
		.section = {{.Name = ".text",
			     .VirtualSize = 16,
			     .VirtualAddress = 0x1000,
			     .SizeOfRawData = 512,
			     .PointerToRawData = 512,
			     .Characteristics = PE_SECTION_EXECUTE},
			    {.Name = ".data",
			     .VirtualSize = 64,
			     .VirtualAddress = 0x2000,
			     .Characteristics = PE_SECTION_WRITE}},
		.lfanew = PE_BUILD_NT,
	};
}

static inline void pe_build_write(const struct pe_build *b, uint8_t ret[PE_BUILD_LEN])
{
	memset(ret, 0, PE_BUILD_LEN);
	memcpy(ret, "MZ", 2);
	memcpy(ret + PE_DOS_LFANEW, &b->lfanew, 4);
	memcpy(ret + PE_BUILD_NT, "PE\0\0", 4);
	memcpy(ret + PE_BUILD_FILE, &b->file, sizeof b->file);
	memcpy(ret + PE_BUILD_OPT, &b->opt, sizeof b->opt);
	memcpy(ret + PE_BUILD_DIR, b->dir, sizeof b->dir);
	memcpy(ret + PE_BUILD_SECTIONS, b->section, sizeof b->section);
}
