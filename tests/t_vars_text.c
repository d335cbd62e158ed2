/* SPDX-License-Identifier: BSD-2-Clause */
/* Values as text: device paths, load options, signature lists, names, attributes, times. */
#include "test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/guid.h"
#include "cli/vars.h"
#include "uefi/guids.h"

/* Bytes from hexadecimal; blanks are skipped. */
static struct bytes hex(const char *text, uint8_t *to)
{
	size_t n = 0;

	for (; *text != 0; text++)
		if (*text != ' ') {
			to[n++] = (uint8_t)(hex_digit(text[0]) << 4 | hex_digit(text[1]));
			text++;
		}
	return (struct bytes){to, n};
}

#define PRINTED(to, call)                                      \
	({                                                     \
		static char text_[4096];                       \
		FILE *to = fmemopen(text_, sizeof text_, "w"); \
		assert_non_null(to);                           \
		call;                                          \
		assert_int_equal(fputc(0, to), 0);             \
		assert_int_equal(fclose(to), 0);               \
		text_;                                         \
	})

#define END "7fff0400"

static const struct {
	const char *hex, *text;
} paths[] = {
	{END, ""},
	{"", ""},
	{"02010c00 d041030a 00000000 01010600 0201 " END, "PciRoot(0x0)/Pci(0x1,0x2)"},
	{"02010c00 d041080a 01000000" END, "PcieRoot(0x1)"},
	{"02010c00 d0410303 00000000" END, "Acpi(PNP0303,0x0)"},
	{"02010c00 78563412 05000000" END, "Acpi(0x12345678,0x5)"},
	{"02030800 00010180" END, "AcpiAdr(0x80010100)"},
	{"01050800 07000000" END, "Ctrl(0x7)"},
	{"03010800 00010200" END, "Ata(Primary,Slave,0x2)"},
	{"03020800 01000200" END, "Scsi(0x1,0x2)"},
	{"03050600 0201" END, "USB(0x2,0x1)"},
	{"03120a00 0000ffff0100" END, "Sata(0x0,0xFFFF,0x1)"},
	{"03171000 01000000 0102030405060708" END, "NVMe(0x1,08-07-06-05-04-03-02-01)"},
	{"03180d00 687474703a2f2f61 1b" END, "Uri(http://a?)"},
	{"030b2500 525400123456"
	 "0000000000000000000000000000000000000000000000000000"
	 "01" END,
	 "MAC(525400123456,0x1)"},
	{"030c1b00 0a000001 0a000002 0000 0000 0600 01 0a0000fe ffffff00" END,
	 "IPv4(10.0.0.2,TCP,Static,10.0.0.1,10.0.0.254,255.255.255.0)"},
	{"030c1300 00000000 00000000 0000 0000 1100 00" END,
	 "IPv4(0.0.0.0,UDP,DHCP,0.0.0.0)"},
	{"030d3c00 fe800000000000000000000000000001 fe800000000000000000000000000002"
	 "0000 0000 0600 01 40 fe8000000000000000000000000000ff" END,
	 "IPv6(fe80:0000:0000:0000:0000:0000:0000:0002,TCP,StatelessAutoConfigure,"
	 "fe80:0000:0000:0000:0000:0000:0000:0001,0x40,"
	 "fe80:0000:0000:0000:0000:0000:0000:00ff)"},
	{"030e1300 00000000 00c2010000000000 08 01 01" END, "Uart(115200,8,N,1)"},
	{"04012a00 01000000 0008000000000000 0010000000000000"
	 "78563412 000000000000000000000000 01 01" END,
	 "HD(1,MBR,0x12345678,0x800,0x1000)"},
	{"04012a00 02000000 0008000000000000 0010000000000000"
	 "61dfe48bca93d211aa0d00e098032b8c 02 02 04040a00 5c0061000000" END,
	 "HD(2,GPT,8be4df61-93ca-11d2-aa0d-00e098032b8c,0x800,0x1000)/\\a"},
	{"04040c00 41001b0042000000" END, "A?B"}, /* an escape moves no cursor */
	{"04061400 61dfe48bca93d211aa0d00e098032b8c" END,
	 "FvFile(8be4df61-93ca-11d2-aa0d-00e098032b8c)"},
	{"04071400 61dfe48bca93d211aa0d00e098032b8c" END,
	 "Fv(8be4df61-93ca-11d2-aa0d-00e098032b8c)"},
	{"01041600 61dfe48bca93d211aa0d00e098032b8c abcd" END,
	 "VenHw(8be4df61-93ca-11d2-aa0d-00e098032b8c,abcd)"},
	{"04081800 00000000 1000000000000000 2000000000000000" END, "Offset(0x10,0x20)"},
	{"05010a00 0200 0000 6100" END, "BBS(HD,a)"},
	{"0505 0600 aabb" END, "Path(5,5,aabb)"},
	{"0909 0400" END, "Path(9,9)"},
	{"01010500 02" END, "Path(1,1,02)"}, /* too short for its kind */
	{"01010600 0201 7f010400 01010600 0000 " END, "Pci(0x1,0x2),Pci(0x0,0x0)"},
	/* broken: a length that is too small, or too large, or no end at all */
	{"01010300 0201", "?010103000201"},
	{"01010600 0201 0101ff00 02", "Pci(0x1,0x2)/?0101ff0002"},
	{"01010600 0201", "Pci(0x1,0x2)"},
	{"7fff0400 00", "?00"},
};

static void test_paths(void **state)
{
	uint8_t buf[512];

	(void)state;
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		struct bytes b = hex(paths[i].hex, buf);

		assert_string_equal(PRINTED(to, vars_print_path(to, b)), paths[i].text);
	}
}

static int fake_read(struct crypto *c, struct bytes der, struct crypto_x509 *ret)
{
	(void)c;
	if (der.n != 2 || der.p[0] != 0x30)
		return -EINVAL;
	*ret = (struct crypto_x509){.subject = "CN=a",
				    .issuer = "CN=b",
				    .common_name = "a\x1b[2J",
				    .not_before = {.Year = 2011, .Month = 6, .Day = 24},
				    .not_after = {.Year = 2026, .Month = 6, .Day = 24}};
	return 0;
}

static const struct vars_certs certs = {NULL, fake_read};

#define GLOBAL     EFI_GLOBAL_VARIABLE_GUID
#define IMAGE      EFI_IMAGE_SECURITY_DATABASE_GUID
#define OWNER      "61dfe48bca93d211aa0d00e098032b8c"
#define X509(cert) "a159c0a5e494a74a87b5ab155c2bf072 2e000000 00000000 12000000" OWNER cert
#define SHA                                                                 \
	"2616c4c14c509240aca941f936934328 4c000000 00000000 30000000" OWNER \
	"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static const struct {
	EFI_GUID guid;
	const CHAR16 *name;
	uint32_t name_len;
	const char *hex, *text;
} values[] = {
#define ROW(g, n, h, t)              \
	{                            \
		g, n, sizeof n, h, t \
	}
	ROW(GLOBAL, u"Boot0001", "01000000 0400 41000000" END, "A  "),
	ROW(GLOBAL, u"Boot0001", "00000000 0400 41000000" END, "A (off)  "),
	ROW(GLOBAL, u"Boot0001", "01000000 0a00 1b000000 01010600 0201" END,
	    "?  Pci(0x1,0x2)"),
	/* none: the description, or the path, does not end */
	ROW(GLOBAL, u"Boot0001", "01000000 0400 4100", "0100000004004100"),
	ROW(GLOBAL, u"Boot0001", "01000000 0500 41000000" END,
	    "010000000500410000007fff0400"),
	ROW(GLOBAL, u"Boot001", "41", "\"A\""),
	ROW(GLOBAL, u"BootOrder", "0100 0a00", "Boot0001 Boot000A"),
	ROW(GLOBAL, u"DriverOrder", "0100", "Driver0001"),
	ROW(GLOBAL, u"BootOrder", "010001", "010001"),
	ROW(GLOBAL, u"Timeout", "0500", "5"),
	ROW(GLOBAL, u"Lang", "656e6700", "eng"),
	ROW(GLOBAL, u"Lang", "656e1b00", "656e1b00"),
	ROW(GLOBAL, u"ConOut", "01010600 0201" END, "Pci(0x1,0x2)"),
	ROW(EFI_SECURE_BOOT_ENABLE_DISABLE_GUID, u"SecureBootEnable", "01", "on"),
	ROW(EFI_SECURE_BOOT_ENABLE_DISABLE_GUID, u"SecureBootEnable", "02", "02"),
	ROW(GLOBAL, u"SecureBootEnable", "01", "01"), /* not that namespace */
	ROW(IMAGE, u"db", X509("3000") SHA SHA, "a?[2J, 2 hashes"),
	ROW(IMAGE, u"db", X509("3100"), "a broken certificate"),
	ROW(IMAGE, u"dbx", SHA, "1 hash"),
	ROW(IMAGE, u"dbx", "00", "00"),
	ROW(IMAGE, u"other", "6869", "\"hi\""),
};

static void test_short(void **state)
{
	uint8_t buf[512];

	(void)state;
	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		const struct bytes b = hex(values[i].hex, buf);
		const struct rts_var var = {.guid = values[i].guid,
					    .name = values[i].name,
					    .name_len = values[i].name_len,
					    .data = b.p,
					    .data_len = (uint32_t)b.n};

		assert_string_equal(PRINTED(to, vars_print_short(to, &certs, &var)),
				    values[i].text);
	}
}

static void test_long(void **state)
{
	uint8_t buf[512];
	const struct bytes b = hex(X509("3000") SHA, buf);
	struct rts_var var = {.guid = IMAGE,
			      .name = u"db",
			      .name_len = sizeof(u"db"),
			      .data = b.p,
			      .data_len = (uint32_t)b.n};

	(void)state;
	assert_string_equal(
		PRINTED(to, vars_print_long(to, &certs, &var)),
		"owner 8be4df61-93ca-11d2-aa0d-00e098032b8c  certificate CN=a\n"
		"  issued by CN=b\n"
		"  valid from 2011-06-24T00:00:00Z to 2026-06-24T00:00:00Z\n"
		"owner 8be4df61-93ca-11d2-aa0d-00e098032b8c  SHA-256 "
		"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n");
	var.name = u"x";
	var.name_len = sizeof(u"x");
	var.data_len = 17;
	assert_string_equal(PRINTED(to, vars_print_long(to, &certs, &var)),
			    "0000  a1 59 c0 a5 e4 94 a7 4a 87 b5 ab 15 5c 2b f0 72  "
			    ".Y.....J....\\+.r\n"
			    "0010  2e                                               .\n");
}

static void test_names(void **state)
{
	struct vars_name name = {.name = u"Boot00aF", .name_len = sizeof(u"Boot00aF")};
	uint32_t attr;

	(void)state;
	assert_true(vars_name_is(name.name, name.name_len, "Boot####"));
	assert_false(vars_name_is(name.name, name.name_len, "Boot###"));
	assert_true(vars_known(&name, &attr));
	assert_int_equal(attr, 7);
	assert_int_equal(name.guid.Data1, 0x8be4df61);
	name = (struct vars_name){.name = u"dbx", .name_len = sizeof(u"dbx")};
	assert_true(vars_known(&name, &attr));
	assert_int_equal(attr, 0x27);
	name = (struct vars_name){.name = u"mine", .name_len = sizeof(u"mine")};
	assert_false(vars_known(&name, &attr));
	name.has_guid = true;
	assert_true(vars_known(&name, &attr));
	assert_int_equal(attr, 7);
}

static void test_attributes(void **state)
{
	static const struct {
		const char *text;
		uint32_t attr;
	} good[] = {{"NV+BS+RT", 7}, {"NV,BS", 3}, {"7", 7}, {"0x27", 0x27}, {"AT", 0x20}};
	static const char *const bad[] = {"", "NV+", "XX", "NVBS", "nv", "0x1g", "-1"};
	char text[40];
	uint32_t attr;

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		assert_true(vars_attr_read(good[i].text, &attr));
		assert_int_equal(attr, good[i].attr);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(vars_attr_read(bad[i], &attr));
	assert_string_equal(vars_attr_text(0x2f, text), "NV+BS+RT+HR+AT");
	assert_string_equal(vars_attr_text(0xffffffff, text), "NV+BS+RT+HR+AT+0xffffffd0");
	assert_string_equal(vars_attr_text(0, text), "0x0");
}

static void test_times(void **state)
{
	static const char *const bad[] = {"",           "2026-02-30",          "2026-13-01",
					  "26-1-1x",    "2026-01-01T25:00:00", "1899-01-01",
					  "10000-01-01"};
	EFI_TIME a, b;

	(void)state;
	assert_true(vars_time_read("2026-02-28T23:59:58Z", &a));
	assert_string_equal(PRINTED(to, vars_print_time(to, &a)), "2026-02-28T23:59:58Z");
	assert_true(vars_time_read("2026-03-01", &b));
	assert_true(vars_time_compare(&a, &b) < 0);
	assert_true(vars_time_compare(&b, &a) > 0);
	assert_int_equal(vars_time_compare(&a, &a), 0);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(vars_time_read(bad[i], &a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths),      cmocka_unit_test(test_short),
		cmocka_unit_test(test_long),       cmocka_unit_test(test_names),
		cmocka_unit_test(test_attributes), cmocka_unit_test(test_times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
