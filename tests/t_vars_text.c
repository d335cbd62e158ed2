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
	{"05010a00 0200 0000 6100" END, "BBS(HD,a,0x0)"},
	{"01020500 03" END, "PcCard(0x3)"},
	{"01031800 0b000000 00000080ff000000 ffffff80ff000000" END,
	 "MemoryMapped(0xB,0xFF80000000,0xFF80FFFFFF)"},
	{"01060d00 02 0034120000000000" END, "BMC(0x2,0x123400)"},
	{"02021300 d041080a 01000000 d041030a 00 00 00" END,
	 "AcpiEx(PNP0A08,PNP0A03,0x1,,,)"},
	{"02021800 00000000 00000000 00000000 41424300 753100 63" END,
	 "AcpiEx(0,0,0x0,ABC,c,u1)"},
	{"02021000 d041080a 01000000 d041030a" END, "AcpiEx(PNP0A08,PNP0A03,0x1,,,)"},
	{"02030c00 00010180 01000000" END, "AcpiAdr(0x80010100,0x1)"},
	{"02040800 01000000" END, "NvdimmAcpiAdr(0x1)"},
	{"03031800 00000000 0807060504030201 0200000000000000" END,
	 "Fibre(0x102030405060708,0x2)"},
	{"03041000 00000000 0807060504030201" END, "I1394(0102030405060708)"},
	{"03060800 07000000" END, "I2O(0x7)"},
	{"03093000 01000000 61dfe48bca93d211aa0d00e098032b8c"
	 " 0200000000000000 0300000000000000 0400000000000000" END,
	 "Infiniband(0x1,8be4df61-93ca-11d2-aa0d-00e098032b8c,0x2,0x3,0x4)"},
	{"030a1400 5347c1e0bef9d2119a0c0090273fc14d" END, "VenPcAnsi()"},
	{"030a1400 d6a015adec8bcf4aa073d01de77e2d88" END, "VenUtf8()"},
	{"030a1500 d6a015adec8bcf4aa073d01de77e2d88 00" END,
	 "VenMsg(ad15a0d6-8bec-4acf-a073-d01de77e2d88,00)"},
	{"030e1300 00000000 0000000000000000 00 00 00" END, "Uart(DEFAULT,DEFAULT,D,D)"},
	{"030f0b00 6a04 0100 08 06 50" END, "UsbMassStorage(0x46A,0x1,0x6,0x50)"},
	{"030f0b00 ffff ffff ff ff ff" END, "UsbClass(0xFFFF,0xFFFF,0xFF,0xFF,0xFF)"},
	{"03100e00 0000 6a04 0100 53004e00" END, "UsbWwid(0x46A,0x1,0x0,\"SN\")"},
	{"03110500 02" END, "Unit(0x2)"},
	{"03131600 0000 0000 0001000000000000 0100 69716e2e" END,
	 "iSCSI(iqn.,0x1,0x0001000000000000,None,None,CHAP_BI,TCP)"},
	{"03131300 0000 0a08 0000000000000000 0200 61" END,
	 "iSCSI(a,0x2,0x0000000000000000,CRC32C,CRC32C,None,TCP)"},
	{"03140600 0a00" END, "Vlan(10)"},
	{"03151800 00000000 0102030405060708 0000000000000002" END,
	 "FibreEx(0x0102030405060708,0x0000000000000002)"},
	{"03161800 0102030405060708 0000000000000002 0300 0400" END,
	 "SasEx(0x0102030405060708,0x0000000000000002,0x4,0x3,0,0,0)"},
	{"03190600 01 02" END, "UFS(0x1,0x2)"},
	{"031a0500 01" END, "SD(0x1)"},
	{"031b0a00 112233445566" END, "Bluetooth(112233445566)"},
	{"031c2400"
	 " 686f6d6500000000000000000000000000000000000000000000000000000000" END,
	 "Wi-Fi(home)"},
	{"031d0500 02" END, "eMMC(0x2)"},
	{"031e0b00 112233445566 01" END, "BluetoothLE(112233445566,0x1)"},
	{"031f2500 00 08080808000000000000000000000000"
	 " 01010101000000000000000000000000" END,
	 "Dns(8.8.8.8,1.1.1.1)"},
	{"03201400 61dfe48bca93d211aa0d00e098032b8c" END,
	 "NVDIMM(8be4df61-93ca-11d2-aa0d-00e098032b8c)"},
	{"03210600 01 02" END, "RestService(0x1,0x2)"},
	{"03221900 01 01020304050607080000000000000000 6e716e00" END,
	 "NVMEoF(nqn,0x1-01020304050607080000000000000000)"},
	{"04021800 00000000 1000000000000000 2000000000000000" END, "CDROM(0x0,0x10,0x20)"},
	{"04031500 61dfe48bca93d211aa0d00e098032b8c 01" END,
	 "VenMedia(8be4df61-93ca-11d2-aa0d-00e098032b8c,01)"},
	{"04051400 61dfe48bca93d211aa0d00e098032b8c" END,
	 "Media(8be4df61-93ca-11d2-aa0d-00e098032b8c)"},
	{"04092600 0010000000000000 ff1f000000000000"
	 " 30bd5a3d7541ce876d64d2ade523c4bb 0100" END,
	 "VirtualCD(0x1000,0x1FFF,1)"},
	{"04092600 0010000000000000 ff1f000000000000"
	 " 61dfe48bca93d211aa0d00e098032b8c 0100" END,
	 "RamDisk(0x1000,0x1FFF,1,8be4df61-93ca-11d2-aa0d-00e098032b8c)"},
	{"05010c00 1000 0001 61006200" END, "BBS(0x10,a?b,0x100)"},
	{"03020900 01000200 00" END, "Path(3,2,0100020000)"},
	{"04010500 01" END, "Path(4,1,01)"},
	{"0505 0600 aabb" END, "Path(5,5,aabb)"},
	{"0909 0400" END, "Path(9,9)"},
	{"01010500 02" END, "Path(1,1,02)"}, /* not as long as its kind */
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

static void test_path_valid(void **state)
{
	static const struct {
		const char *hex;
		bool valid;
	} cases[] = {{END, true},
		     {"01010600 0201" END, true},
		     {"01010600 0201 7f010400 01010600 0202" END, true},
		     {"", false},
		     {"01010600 0201", false},
		     {END "00", false},
		     {"01010300" END, false},
		     {"0101ff00" END, false},
		     {"7fff0500", false}};
	uint8_t buf[64];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_int_equal(vars_path_valid(hex(cases[i].hex, buf)), cases[i].valid);
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
	b = a;
	b.Nanosecond = 1;
	assert_string_equal(PRINTED(to, vars_print_time(to, &b)),
			    "2026-02-28T23:59:58Z and 000100000000000000");
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
		cmocka_unit_test(test_paths), cmocka_unit_test(test_path_valid),
		cmocka_unit_test(test_short), cmocka_unit_test(test_long),
		cmocka_unit_test(test_names), cmocka_unit_test(test_attributes),
		cmocka_unit_test(test_times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
