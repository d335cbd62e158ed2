/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine that we run on, played by a folder: sys/firmware/efi as Linux 6.1 has it,
 * proc/iomem, and dev/mem as a sparse file, which can be mapped just so and where bytes
 * that are not there behave as memory that cannot be read.
 */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/crc32.h"
#include "cli/cli.h"
#include "cli/scan_input.h"
#include "stderr_text.h"
#include "uefi/services.h"

#define MIB     1048576ULL
#define MEM_LEN (2048 * MIB) /* behind it nothing can be read */

/* where the machine has what */
#define DATA      0x7e000000ULL /* runtime data: the tables */
#define DATA_VIRT 0xfffffffefe000000ULL
#define CODE      0x7e010000ULL
#define CODE_VIRT 0xfffffffefd010000ULL
#define BOOT      0x10000000ULL
#define RESERVED  0x7ee00000ULL
#define RT        (DATA + 0xb98)
#define ST        (DATA + 0x1018)
#define TABLES    (DATA + 0x2000)

static void make(const char *path, const char *text)
{
	char copy[256];
	FILE *f;

	snprintf(copy, sizeof copy, "%s", path);
	for (char *p = strchr(copy, '/'); p != NULL; p = strchr(p + 1, '/')) {
		*p = 0;
		(void)mkdir(copy, 0700);
		*p = '/';
	}
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void attribute(const char *name, const char *text)
{
	char path[128];

	snprintf(path, sizeof path, "m/sys/firmware/efi/%s", name);
	make(path, text);
}

static void region(unsigned no, unsigned type, uint64_t start, uint64_t virtual_start,
		   uint64_t pages)
{
	const struct {
		const char *name;
		uint64_t value;
	} files[] = {{"type", type},
		     {"phys_addr", start},
		     {"virt_addr", virtual_start},
		     {"num_pages", pages},
		     {"attribute", 0x800000000000000f}};

	for (size_t i = 0; i < COUNT(files); i++) {
		char name[64], text[32];

		snprintf(name, sizeof name, "runtime-map/%u/%s", no, files[i].name);
		snprintf(text, sizeof text, "0x%llx\n", (unsigned long long)files[i].value);
		attribute(name, text);
	}
}

static void mem(uint64_t at, const void *p, size_t n)
{
	const int fd = open("m/dev/mem", O_WRONLY);

	assert_int_equal(pwrite(fd, p, n, (off_t)at), n);
	close(fd);
}

static const char iomem[] =
	"00000000-00000fff : Reserved\n"
	"00001000-0009ffff : System RAM\n"
	"000f0000-000fffff : System ROM\n"
	"00100000-7dffffff : System RAM\n"
	"  09400000-0a201d31 : Kernel code\n"
	"  20000000-20ffffff : Reserved\n" /* inside of another: not firmware's */
	"7e000000-7e017fff : Reserved\n"
	"7ee00000-7ee00fff : Reserved\n"
	"7f000000-7f7fffff : ACPI Non-volatile Storage\n"
	"b0000000-bfffffff : PCI MMCONFIG 0000 [bus 00-ff]\n"
	"  b0000000-bfffffff : Reserved\n"
	"100000000-17fffffff : System RAM (boot)\n"
	"garbage\n"
	"ffffffffffffffff-0 : System RAM\n";

/* The tables: where the list is, and what is on it. */
static void tables(const uint64_t *at, size_t count)
{
	EFI_SYSTEM_TABLE st = {
		.Hdr = {EFI_SYSTEM_TABLE_SIGNATURE, 0x20046, sizeof st, 0, 0},
		.NumberOfTableEntries = count,
		.ConfigurationTable = (void *)(uintptr_t)(TABLES - DATA + DATA_VIRT),
	};
	EFI_SYSTEM_TABLE fake = st;

	st.Hdr.CRC32 = crc32_update(0, &st, sizeof st);
	mem(ST, &st, sizeof st);
	fake.NumberOfTableEntries = 1; /* one of a template, without its CRC */
	mem(ST - 0x200, &fake, sizeof fake);
	for (size_t i = 0; i < count; i++) {
		const EFI_CONFIGURATION_TABLE t = {{1, 2, 3, {4}},
						   (void *)(uintptr_t)at[i]};

		mem(TABLES + i * sizeof t, &t, sizeof t);
	}
}

static int setup(void **state)
{
	static const uint64_t listed[] = {RESERVED + 0x10, CODE + 8, 0, UINT64_MAX};
	static char dir[64];
	uint8_t bytes[0x8000];

	(void)state;
	snprintf(dir, sizeof dir, "scan-live-XXXXXX");
	if (mkdtemp(dir) == NULL || chdir(dir) < 0)
		return 1;
	attribute("fw_platform_size", "64\n");
	attribute("runtime", "0x7e000b98\n");
	attribute("config_table", "0x7e002000\n");
	attribute("fw_vendor", "0x7e003018\n");
	region(0, EfiBootServicesCode, BOOT, 0xfffffffeffff0000, 16);
	region(1, EfiRuntimeServicesData, DATA, DATA_VIRT, 16);
	region(2, EfiRuntimeServicesCode, CODE, CODE_VIRT, 8);
	region(3, EfiMemoryMappedIO, 0x7fc00000, 0xfffffffefc000000, 4);
	make("m/proc/iomem", iomem);
	make("m/dev/mem", "");
	if (truncate("m/dev/mem", MEM_LEN) < 0)
		return 1;
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)(i * 7 + i / 256);
	mem(CODE, bytes, sizeof bytes);
	mem(RESERVED, "a table", 8);
	tables(listed, COUNT(listed));
	return 0;
}

static int teardown(void **state)
{
	char *dir = getcwd(NULL, 0);
	char command[4200];

	(void)state;
	snprintf(command, sizeof command, "cd .. && rm -r '%s'", dir);
	assert_int_equal(chdir(".."), 0);
	free(dir);
	return system(command);
}

static void opens(struct scan_input *in)
{
	*in = (struct scan_input){0};
	assert_int_equal(scan_open_live("m", in), EXIT_WELL);
	assert_int_equal(rts_dump_info(in->dump)->format, RTS_DUMP_LIVE);
}

static void refuses(const char *why)
{
	struct scan_input in = {0};
	struct stderr_text t;
	int r;

	stderr_begin(&t);
	r = scan_open_live("m", &in);
	if (strstr(stderr_end(&t), why) == NULL)
		fail_msg("\"%s\", want \"%s\"", t.text, why);
	assert_int_equal(r, EXIT_TROUBLE);
	assert_int_equal(strncmp(t.text, "runtserv scan: --live: ", 23), 0);
	assert_null(in.dump);
}

static bool noted(const struct scan_input *in, const char *part)
{
	for (size_t i = 0; i < in->note_count; i++)
		if (strstr(in->notes[i], part) != NULL)
			return true;
	return false;
}

struct want {
	uint64_t start, len;
	uint64_t virtual_start; /* 0: none */
};

static void ranges(const struct scan_input *in, const struct want *want, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct rts_dump_range *r = rts_dump_range(in->dump, i);

		assert_true(i < rts_dump_range_count(in->dump));
		assert_int_equal(r->start, want[i].start);
		assert_int_equal(r->len, want[i].len);
		assert_int_equal(r->has_virtual, want[i].virtual_start != 0);
		assert_int_equal(r->has_virtual ? r->virtual_start : 0,
				 want[i].virtual_start);
	}
	assert_int_equal(rts_dump_range_count(in->dump), count);
}

/* All that was copied is what dev/mem has. */
static void same_bytes(const struct scan_input *in)
{
	const int fd = open("m/dev/mem", O_RDONLY);

	for (size_t i = 0; i < rts_dump_range_count(in->dump); i++) {
		const struct rts_dump_range *r = rts_dump_range(in->dump, i);
		uint8_t *x = malloc(r->len), *y = malloc(r->len);

		assert_true(rts_dump_read_all(in->dump, r->start, x, r->len));
		assert_int_equal(pread(fd, y, r->len, (off_t)r->start), r->len);
		assert_memory_equal(x, y, r->len);
		free(x);
		free(y);
	}
	close(fd);
}

static void machine(void **state)
{
	static const struct want want[] = {{DATA, 0x10000, DATA_VIRT},
					   {CODE, 0x8000, CODE_VIRT},
					   {RESERVED, 0x11000, 0}};
	static const struct rts_scan_span os[] = {
		{0x1000, 0x9f000}, {0x100000, 0x7df00000}, {0x100000000, 0x80000000}};
	struct scan_input in;

	(void)state;
	opens(&in);
	ranges(&in, want, COUNT(want));
	same_bytes(&in);
	assert_int_equal(in.runtime_services, RT);
	assert_int_equal(in.os_memory_count, COUNT(os));
	assert_memory_equal(in.os_memory, os, sizeof os);
	assert_int_equal(in.runtime_map_count, 4);
	for (size_t i = 0; i < in.runtime_map_count; i++) {
		const struct rts_scan_mapping *m = &in.runtime_map[i];

		if (m->type == EfiRuntimeServicesCode) {
			assert_int_equal(m->physical, CODE);
			assert_int_equal(m->virtual_start, CODE_VIRT);
			assert_int_equal(m->pages, 8);
			assert_int_equal(m->attributes, 0x800000000000000f);
		}
	}
	/* the third lies nowhere, the fourth where no memory can be */
	assert_true(noted(&in, "2 of 4 configuration tables"));
	assert_int_equal(in.note_count, 1);

	/* a copy: what happens to the machine afterwards is not in it */
	mem(CODE, "changed", 7);
	char text[8] = "";
	assert_true(rts_dump_read_all(in.dump, CODE, text, 7));
	assert_string_not_equal(text, "changed");
	scan_input_fini(&in);
}

static void saved(void **state)
{
	static const struct want want[] = {{DATA, 0x10000, DATA_VIRT},
					   {CODE, 0x8000, CODE_VIRT},
					   {RESERVED, 0x11000, 0}};
	struct scan_input in, again = {0};

	(void)state;
	opens(&in);
	assert_int_equal(scan_save(&in, "evidence"), EXIT_WELL);
	scan_input_fini(&in);
	assert_int_equal(scan_open_file("evidence", &again), EXIT_WELL);
	ranges(&again, want, COUNT(want));
	same_bytes(&again);
	scan_input_fini(&again);
}

/* efi=noruntime: no map, no virtual addresses. */
static void noruntime(void **state)
{
	static const struct want want[] = {{DATA, 0x18000, 0}, {RESERVED, 0x1000, 0}};
	struct scan_input in;

	(void)state;
	assert_int_equal(system("rm -r m/sys/firmware/efi/runtime-map"), 0);
	opens(&in);
	ranges(&in, want, COUNT(want));
	same_bytes(&in);
	assert_true(noted(&in, "efi=noruntime"));
	assert_int_equal(in.runtime_map_count, 0);
	assert_int_equal(in.os_memory_count, 3);
	scan_input_fini(&in);

	/* a large reserved area is read around the table only, in whole pages; there the
	 * list of tables cannot be read */
	make("m/proc/iomem", "00000800-ffffffff : reserved\n");
	attribute("runtime", "0x76000b98\n");
	assert_int_equal(truncate("m/dev/mem", MEM_LEN + 1024 * MIB), 0);
	attribute("config_table", "0x10\n");
	opens(&in);
	ranges(&in,
	       (struct want[]){
		       {0x76000b98 - 64 * MIB + 0x1000 - 0xb98, 128 * MIB - 0x1000, 0}},
	       1);
	assert_true(noted(&in, "does not tell which memory Linux manages"));
	scan_input_fini(&in);

	/* nothing tells where it is */
	make("m/proc/iomem",
	     "00000000-00000000 : Reserved\n00000000-00000000 : System RAM\n");
	refuses("neither m/sys/firmware/efi/runtime-map nor m/proc/iomem tells");
	make("m/proc/iomem", iomem);
	assert_int_equal(unlink("m/sys/firmware/efi/runtime"), 0);
	refuses("neither");
	attribute("runtime", "nonsense");
	refuses("neither");
}

static void holes(void **state)
{
	static const struct want want[] = {{DATA, 0x10000, DATA_VIRT},
					   {CODE, 0x8000, CODE_VIRT},
					   {RESERVED, 0x11000, 0},
					   {0x7fe00000, 0x200000, 0xfffffffef0000000}};
	struct scan_input in;

	(void)state;
	/* 2 MiB can be read, the rest of 3 cannot; so cannot any of the next */
	region(4, EfiRuntimeServicesData, 0x7fe00000, 0xfffffffef0000000, 0x300);
	region(5, EfiRuntimeServicesCode, 0x90000000, 0xfffffffee0000000, 16);
	opens(&in);
	ranges(&in, want, COUNT(want));
	same_bytes(&in);
	assert_true(noted(
		&in,
		"1114112 bytes of runtime memory cannot be read, the first at 0x80000000"));
	scan_input_fini(&in);
	/* nothing at all */
	assert_int_equal(truncate("m/dev/mem", 4096), 0);
	refuses("m/dev/mem shows nothing of the firmware's memory, from 0x7e000000 on");
}

/* Maps that no kernel writes. */
static void strange_maps(void **state)
{
	static const struct want want[] = {{DATA, 0x10000, DATA_VIRT},
					   {CODE, 0x8000, CODE_VIRT},
					   {CODE + 0x8000, 0x4000, 0xfffffffe00004000},
					   {RESERVED, 0x11000, 0}};
	struct scan_input in;

	(void)state;
	/* twice, and overlapping: the first byte is taken from whoever begins first */
	region(4, EfiRuntimeServicesCode, CODE, CODE_VIRT, 8);
	region(5, EfiRuntimeServicesCode, CODE + 0x4000, 0xfffffffe00000000, 8);
	/* beyond all machines, and around the end of the address space */
	region(6, EfiRuntimeServicesCode, 0xfffffffffffff000, 0xfffffffe00000000, 8);
	region(7, EfiRuntimeServicesCode, 0x7e020000, 0xfffffffe00000000, UINT64_MAX);
	region(8, EfiRuntimeServicesCode, 0x7e020000, 0xfffffffe00000000, 0);
	region(9, EfiRuntimeServicesCode, (1ULL << 52) - 0x1000, 0xfffffffe00000000, 2);
	opens(&in);
	ranges(&in, want, COUNT(want));
	scan_input_fini(&in);

	/* more than is kept */
	region(4, EfiRuntimeServicesData, 0x20000000, 0xfffffffe00000000, 0x20000);
	opens(&in);
	assert_true(noted(&in, "more than 256 MiB"));
	assert_in_range(rts_dump_info(in.dump)->bytes, 250 * MIB, 256 * MIB);
	scan_input_fini(&in);

	/* a terabyte of which nothing can be had */
	region(4, EfiRuntimeServicesData, 0x100000000, 0xfffffffe00000000, 0x10000000);
	opens(&in);
	assert_true(noted(&in, "more than 256 MiB"));
	scan_input_fini(&in);

	/* not a number: the map is not used, and the note says so */
	attribute("runtime-map/4/type", "text");
	opens(&in);
	assert_true(noted(&in, "runtime-map/4/type: no number"));
	assert_true(noted(&in, "efi=noruntime"));
	scan_input_fini(&in);
}

static void strange_tables(void **state)
{
	struct scan_input in;
	uint64_t many[600];

	(void)state;
	for (size_t i = 0; i < COUNT(many); i++)
		many[i] = 0x30000000 + i * 0x20000;
	tables(many, COUNT(many)); /* more than are looked at */
	opens(&in);
	assert_int_equal(rts_dump_range_count(in.dump), 2 + 512);
	scan_input_fini(&in);
	/* a count that runs past what was copied */
	region(1, EfiRuntimeServicesData, DATA, DATA_VIRT, 4);
	region(2, EfiRuntimeServicesCode, DATA + 0x100000, CODE_VIRT, 8);
	opens(&in);
	assert_true(rts_dump_range_count(in.dump) < 2 + 512);
	scan_input_fini(&in);
	/* none has its CRC */
	mem(ST + 8, "x", 1);
	opens(&in);
	assert_true(noted(&in, "list of configuration tables was not found"));
	scan_input_fini(&in);
}

static void refused(void **state)
{
	static const char *const locks[] = {"none [integrity] confidentiality\n",
					    "none integrity [confidentiality]\n"};

	(void)state;
	attribute("fw_platform_size", "32\n");
	refuses("32-bit");
	attribute("fw_platform_size", "64\n");
	/* any error of opening it will do */
	assert_int_equal(rename("m/dev/mem", "m/dev/memory"), 0);
	refuses("CONFIG_DEVMEM");
	assert_int_equal(symlink("mem", "m/dev/mem"), 0);
	refuses(strerror(ELOOP));
	for (size_t i = 0; i < COUNT(locks); i++) {
		make("m/sys/kernel/security/lockdown", locks[i]);
		refuses("locked down");
		refuses("runtserv scan --qmp");
	}
	make("m/sys/kernel/security/lockdown", "[none] integrity confidentiality\n");
	refuses(strerror(ELOOP));
	assert_int_equal(system("rm -r m/sys/firmware/efi"), 0);
	refuses("not started by UEFI firmware");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {T(machine), T(saved),        T(noruntime),
					   T(holes),   T(strange_maps), T(strange_tables),
					   T(refused)};

	return cmocka_run_group_tests_name("scan_live", tests, NULL, NULL);
}
