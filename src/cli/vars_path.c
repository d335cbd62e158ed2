/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Device paths as text (UEFI 2.10 §10.6). A node that is not as long as its kind, or of no
 * kind that is known here, is shown as Path(type,subtype,bytes), so that nothing of it is
 * hidden.
 */
#include <inttypes.h>
#include <string.h>

#include "base/guid.h"
#include "cli/vars.h"

#define END_TYPE 0x7f
#define HEAD_LEN 4U

static uint64_t num(struct bytes b, size_t off, size_t len)
{
	uint64_t n = 0;

	return bytes_read(b, off, &n, len) ? n : 0;
}

static struct bytes from(struct bytes b, size_t off)
{
	struct bytes r = {NULL, 0};

	(void)bytes_sub(b, off, b.n - off, &r);
	return r;
}

static void put_hex(FILE *to, struct bytes b, size_t off, size_t len)
{
	struct bytes part = {NULL, 0};

	(void)bytes_sub(b, off, len, &part);
	vars_print_hex(to, part, SIZE_MAX);
}

static void put_guid(FILE *to, struct bytes b, size_t off)
{
	EFI_GUID g = {0};

	(void)bytes_read(b, off, &g, sizeof g);
	vars_print_guid(to, &g);
}

/* Up to the NULs at its end. */
static void put_ascii(FILE *to, struct bytes b)
{
	while (b.n > 0 && b.p[b.n - 1] == 0)
		b.n--;
	for (size_t i = 0; i < b.n; i++)
		fputc(b.p[i] >= 0x20 && b.p[i] < 0x7f ? b.p[i] : '?', to);
}

/*
 * What most nodes are: text that stands for itself, and after a % how what comes next is
 * put: 1, 2, 4 or 8, a number of so many bytes; d, one of two bytes, in decimal; n, one of
 * eight, with all its digits; g, a GUID; m and w, six and eight bytes; -, four bytes that
 * are reserved; and for all that is left: x, bytes, a, ASCII, u, UCS-2.
 */
static size_t field_len(char code)
{
	switch (code) {
	case 'd':
		return 2;
	case 'g':
		return sizeof(EFI_GUID);
	case 'm':
		return 6;
	case 'n':
	case 'w':
		return 8;
	case '-':
		return 4;
	default:
		return code >= '1' && code <= '8' ? (size_t)(code - '0') : 0;
	}
}

/* How long a node of that form is; *ret_more: at least. */
static size_t form_len(const char *form, bool *ret_more)
{
	size_t n = 0;

	*ret_more = false;
	for (; *form != 0; form++) {
		if (*form != '%')
			continue;
		form++;
		n += field_len(*form);
		*ret_more |= field_len(*form) == 0;
	}
	return n;
}

static void put_form(FILE *to, const char *form, struct bytes b)
{
	for (; *form != 0; form++) {
		if (*form != '%') {
			fputc(*form, to);
			continue;
		}
		switch (*++form) {
		case 'd':
			fprintf(to, "%" PRIu64, num(b, 0, 2));
			break;
		case 'n':
			fprintf(to, "%016" PRIX64, num(b, 0, 8));
			break;
		case 'g':
			put_guid(to, b, 0);
			break;
		case 'm':
		case 'w':
			put_hex(to, b, 0, field_len(*form));
			break;
		case '-':
			break;
		case 'x':
			fputs(b.n > 0 ? "," : "", to);
			vars_print_hex(to, b, SIZE_MAX);
			break;
		case 'a':
			put_ascii(to, b);
			break;
		case 'u':
			vars_print_ucs2(to, b);
			break;
		default:
			fprintf(to, "0x%" PRIX64, num(b, 0, field_len(*form)));
		}
		b = from(b, field_len(*form));
	}
}

/* Names that stand for a GUID. */
struct alias {
	const char *guid, *name;
};

static const char *alias_of(const struct alias *all, size_t count, struct bytes b,
			    size_t off)
{
	char text[GUID_TEXT_LEN + 1];
	EFI_GUID g;

	if (!bytes_read(b, off, &g, sizeof g))
		return NULL;
	guid_to_text(&g, text);
	for (size_t i = 0; i < count; i++)
		if (strcmp(all[i].guid, text) == 0)
			return all[i].name;
	return NULL;
}
#define ALIAS_OF(all, b, off) alias_of(all, sizeof(all) / sizeof *(all), b, off)

/* Nodes that are more than a form: @b is the node without its head, and has at least the
 * length that the table below tells. */
typedef void node_fn(FILE *to, struct bytes b);

static void pci(FILE *to, struct bytes b)
{
	fprintf(to, "Pci(0x%X,0x%X)", b.p[1], b.p[0]);
}

static void acpi(FILE *to, struct bytes b)
{
	static const struct {
		uint16_t id;
		const char *name;
	} known[] = {{0x0a03, "PciRoot"},  {0x0a08, "PcieRoot"}, {0x0604, "Floppy"},
		     {0x0301, "Keyboard"}, {0x0501, "Serial"},   {0x0401, "ParallelPort"}};
	const uint32_t hid = (uint32_t)num(b, 0, 4);
	const unsigned long long uid = num(b, 4, 4);

	if ((hid & 0xffff) != 0x41d0) { /* not an EISA id of PNP */
		fprintf(to, "Acpi(0x%X,0x%llX)", hid, uid);
		return;
	}
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (hid >> 16 == known[i].id) {
			fprintf(to, "%s(0x%llX)", known[i].name, uid);
			return;
		}
	fprintf(to, "Acpi(PNP%04X,0x%llX)", hid >> 16, uid);
}

/* Three letters of five bits and a number; 0: none. */
static void put_eisa(FILE *to, uint64_t id)
{
	if (id == 0)
		fputc('0', to);
	else
		fprintf(to, "%c%c%c%04" PRIX64, (int)('@' + (id >> 10 & 31)),
			(int)('@' + (id >> 5 & 31)), (int)('@' + (id & 31)), id >> 16);
}

static void acpi_ex(FILE *to, struct bytes b)
{
	struct bytes text[3] = {0}, rest = from(b, 12); /* of HID, UID, CID */

	for (int i = 0; i < 3; i++) {
		const size_t n = strnlen((const char *)rest.p, rest.n);

		text[i] = (struct bytes){rest.p, n};
		rest = from(rest, n < rest.n ? n + 1 : n);
	}
	fputs("AcpiEx(", to);
	put_eisa(to, num(b, 0, 4));
	fputc(',', to);
	put_eisa(to, num(b, 8, 4));
	fprintf(to, ",0x%" PRIX64 ",", num(b, 4, 4));
	put_ascii(to, text[0]);
	fputc(',', to);
	put_ascii(to, text[2]);
	fputc(',', to);
	put_ascii(to, text[1]);
	fputc(')', to);
}

static void acpi_adr(FILE *to, struct bytes b)
{
	fputs("AcpiAdr(", to);
	for (size_t i = 0; i + 4 <= b.n; i += 4)
		fprintf(to, "%s0x%" PRIX64, i > 0 ? "," : "", num(b, i, 4));
	fputc(')', to);
}

static void ata(FILE *to, struct bytes b)
{
	fprintf(to, "Ata(%s,%s,0x%X)", b.p[0] == 0 ? "Primary" : "Secondary",
		b.p[1] == 0 ? "Master" : "Slave", (unsigned)num(b, 2, 2));
}

/* Terminals, which a firmware's ConIn and ConOut are full of. */
static void ven_msg(FILE *to, struct bytes b)
{
	static const struct alias known[] = {
		{"e0c14753-f9be-11d2-9a0c-0090273fc14d", "VenPcAnsi()"},
		{"dfa66065-b419-11d3-9a2d-0090273fc14d", "VenVt100()"},
		{"7baec70b-57e0-4c76-8e87-2f9e28088343", "VenVt100Plus()"},
		{"ad15a0d6-8bec-4acf-a073-d01de77e2d88", "VenUtf8()"},
		{"eba4e8d2-3858-41ec-a281-2647ba9660d0", "DebugPort()"}};
	const char *name = b.n == sizeof(EFI_GUID) ? ALIAS_OF(known, b, 0) : NULL;

	if (name != NULL)
		fputs(name, to);
	else
		put_form(to, "VenMsg(%g%x)", b);
}

static void usb_wwid(FILE *to, struct bytes b)
{
	fprintf(to, "UsbWwid(0x%" PRIX64 ",0x%" PRIX64 ",0x%" PRIX64 ",\"", num(b, 2, 2),
		num(b, 4, 2), num(b, 0, 2));
	vars_print_ucs2(to, from(b, 6));
	fputs("\")", to);
}

static void usb_class(FILE *to, struct bytes b)
{
	static const struct {
		uint8_t class;
		const char *name;
	} known[] = {{1, "UsbAudio"},  {2, "UsbCDCControl"},   {3, "UsbHID"},
		     {6, "UsbImage"},  {7, "UsbPrinter"},      {8, "UsbMassStorage"},
		     {9, "UsbHub"},    {10, "UsbCDCData"},     {11, "UsbSmartCard"},
		     {14, "UsbVideo"}, {220, "UsbDiagnostic"}, {224, "UsbWireless"}};

	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (b.p[4] == known[i].class) {
			fprintf(to, "%s(0x%" PRIX64 ",0x%" PRIX64 ",0x%X,0x%X)",
				known[i].name, num(b, 0, 2), num(b, 2, 2), b.p[5], b.p[6]);
			return;
		}
	put_form(to, "UsbClass(%2,%2,%1,%1,%1)", b);
}

static void mac(FILE *to, struct bytes b)
{
	const uint8_t type = b.p[32];

	fputs("MAC(", to);
	put_hex(to, b, 0, type <= 1 ? 6 : 32);
	fprintf(to, ",0x%X)", type);
}

static void put_ip4(FILE *to, const uint8_t *p)
{
	fprintf(to, "%u.%u.%u.%u", p[0], p[1], p[2], p[3]);
}

static void put_ip6(FILE *to, const uint8_t *p)
{
	for (int i = 0; i < 16; i += 2)
		fprintf(to, "%s%02x%02x", i > 0 ? ":" : "", p[i], p[i + 1]);
}

static void put_protocol(FILE *to, uint64_t protocol)
{
	if (protocol == 6 || protocol == 17)
		fprintf(to, ",%s,", protocol == 6 ? "TCP" : "UDP");
	else
		fprintf(to, ",0x%" PRIX64 ",", protocol);
}

static void ip4(FILE *to, struct bytes b)
{
	fputs("IPv4(", to);
	put_ip4(to, b.p + 4);
	put_protocol(to, num(b, 12, 2));
	fputs(b.p[14] != 0 ? "Static," : "DHCP,", to);
	put_ip4(to, b.p);
	if (b.n >= 23) {
		fputc(',', to);
		put_ip4(to, b.p + 15);
		fputc(',', to);
		put_ip4(to, b.p + 19);
	}
	fputc(')', to);
}

static void ip6(FILE *to, struct bytes b)
{
	const uint8_t origin = b.p[38];

	fputs("IPv6(", to);
	put_ip6(to, b.p + 16);
	put_protocol(to, num(b, 36, 2));
	fputs(origin == 0   ? "Static,"
	      : origin == 1 ? "StatelessAutoConfigure,"
			    : "StatefulAutoConfigure,",
	      to);
	put_ip6(to, b.p);
	if (b.n >= 56) {
		fprintf(to, ",0x%X,", b.p[39]);
		put_ip6(to, b.p + 40);
	}
	fputc(')', to);
}

static void uart(FILE *to, struct bytes b)
{
	static const char parities[] = "DNEOMS";
	static const char *const stops[] = {"D", "1", "1.5", "2"};
	const uint8_t bits = b.p[12], parity = b.p[13], stop = b.p[14];
	const uint64_t speed = num(b, 4, 8);

	fputs("Uart(", to);
	if (speed != 0)
		fprintf(to, "%" PRIu64 ",", speed);
	else
		fputs("DEFAULT,", to);
	if (bits != 0)
		fprintf(to, "%u,", bits);
	else
		fputs("DEFAULT,", to);
	fprintf(to, "%c,%s)", parity < 6 ? parities[parity] : 'x',
		stop < 4 ? stops[stop] : "x");
}

static void iscsi(FILE *to, struct bytes b)
{
	const uint64_t protocol = num(b, 0, 2), login = num(b, 2, 2);

	fputs("iSCSI(", to);
	put_ascii(to, from(b, 14));
	fprintf(to, ",0x%" PRIX64 ",0x", num(b, 12, 2));
	put_hex(to, b, 4, 8);
	fprintf(to, ",%s,%s,%s,", (login & 2) != 0 ? "CRC32C" : "None",
		(login & 8) != 0 ? "CRC32C" : "None",
		(login & 0x800) != 0    ? "None"
		: (login & 0x1000) != 0 ? "CHAP_UNI"
					: "CHAP_BI");
	if (protocol == 0)
		fputs("TCP)", to);
	else
		fprintf(to, "0x%" PRIX64 ")", protocol);
}

static void sas_ex(FILE *to, struct bytes b) /* the topology as the number that it is */
{
	fputs("SasEx(0x", to);
	put_hex(to, b, 0, 8);
	fputs(",0x", to);
	put_hex(to, b, 8, 8);
	fprintf(to, ",0x%" PRIX64 ",0x%" PRIX64 ",0,0,0)", num(b, 18, 2), num(b, 16, 2));
}

static void nvme(FILE *to, struct bytes b)
{
	fprintf(to, "NVMe(0x%" PRIX64 ",", num(b, 0, 4));
	for (size_t i = 12; i-- > 4;)
		fprintf(to, "%02X%s", b.p[i], i > 4 ? "-" : "");
	fputc(')', to);
}

static void nvme_of(FILE *to, struct bytes b)
{
	fputs("NVMEoF(", to);
	put_ascii(to, from(b, 17));
	fprintf(to, ",0x%X-", b.p[0]);
	put_hex(to, b, 1, 16);
	fputc(')', to);
}

static void dns(FILE *to, struct bytes b)
{
	fputs("Dns(", to);
	for (size_t i = 1; i + 16 <= b.n; i += 16) {
		fputs(i > 1 ? "," : "", to);
		if (b.p[0] == 0)
			put_ip4(to, b.p + i);
		else
			put_ip6(to, b.p + i);
	}
	fputc(')', to);
}

static void hd(FILE *to, struct bytes b)
{
	const uint8_t format = b.p[36], kind = b.p[37];

	fprintf(to, "HD(%" PRIu64 ",", num(b, 0, 4));
	if (format == 1 && kind == 1) {
		fprintf(to, "MBR,0x%08" PRIX64, num(b, 20, 4));
	} else if (format == 2 && kind == 2) {
		fputs("GPT,", to);
		put_guid(to, b, 20);
	} else {
		fprintf(to, "%u,", kind);
		put_hex(to, b, 20, 16);
	}
	fprintf(to, ",0x%" PRIX64 ",0x%" PRIX64 ")", num(b, 4, 8), num(b, 12, 8));
}

static void ram_disk(FILE *to, struct bytes b)
{
	static const struct alias known[] = {
		{"77ab535a-45fc-624b-5560-f7b281d1f96e", "VirtualDisk"},
		{"3d5abd30-4175-87ce-6d64-d2ade523c4bb", "VirtualCD"},
		{"5cea02c9-4d07-69d3-269f-4496fbe096f9", "PersistentVirtualDisk"},
		{"08018188-42cd-bb48-100f-5387d53ded3d", "PersistentVirtualCD"}};
	const char *name = ALIAS_OF(known, b, 16);

	fprintf(to, "%s(0x%" PRIX64 ",0x%" PRIX64 ",%" PRIu64,
		name != NULL ? name : "RamDisk", num(b, 0, 8), num(b, 8, 8), num(b, 32, 2));
	if (name == NULL) {
		fputc(',', to);
		put_guid(to, b, 16);
	}
	fputc(')', to);
}

static void bbs(FILE *to, struct bytes b)
{
	static const char *const types[] = {"0",      "Floppy", "HD",     "CDROM",
					    "PCMCIA", "USB",    "Network"};
	const uint64_t type = num(b, 0, 2);

	if (type < sizeof types / sizeof *types)
		fprintf(to, "BBS(%s,", types[type]);
	else
		fprintf(to, "BBS(0x%" PRIX64 ",", type);
	put_ascii(to, from(b, 4));
	fprintf(to, ",0x%" PRIX64 ")", num(b, 2, 2));
}

static const struct kind {
	uint8_t type, subtype;
	uint16_t least, most; /* bytes behind the head; @most 0: any number more */
	const char *form;     /* which tells the length, too; NULL: */
	node_fn *print;
} kinds[] = {
	{1, 1, 2, 2, NULL, pci},
	{1, 2, 0, 0, "PcCard(%1)", NULL},
	{1, 3, 0, 0, "MemoryMapped(%4,%8,%8)", NULL},
	{1, 4, 0, 0, "VenHw(%g%x)", NULL},
	{1, 5, 0, 0, "Ctrl(%4)", NULL},
	{1, 6, 0, 0, "BMC(%1,%8)", NULL},
	{2, 1, 8, 8, NULL, acpi},
	{2, 2, 12, 0, NULL, acpi_ex},
	{2, 3, 4, 0, NULL, acpi_adr},
	{2, 4, 0, 0, "NvdimmAcpiAdr(%4)", NULL},
	{3, 1, 4, 4, NULL, ata},
	{3, 2, 0, 0, "Scsi(%2,%2)", NULL},
	{3, 3, 0, 0, "Fibre(%-%8,%8)", NULL},
	{3, 4, 0, 0, "I1394(%-%n)", NULL},
	{3, 5, 0, 0, "USB(%1,%1)", NULL},
	{3, 6, 0, 0, "I2O(%4)", NULL},
	{3, 9, 0, 0, "Infiniband(%4,%g,%8,%8,%8)", NULL},
	{3, 10, 16, 0, NULL, ven_msg},
	{3, 11, 33, 33, NULL, mac},
	{3, 12, 15, 23, NULL, ip4},
	{3, 13, 39, 56, NULL, ip6},
	{3, 14, 15, 15, NULL, uart},
	{3, 15, 7, 7, NULL, usb_class},
	{3, 16, 6, 0, NULL, usb_wwid},
	{3, 17, 0, 0, "Unit(%1)", NULL},
	{3, 18, 0, 0, "Sata(%2,%2,%2)", NULL},
	{3, 19, 14, 0, NULL, iscsi},
	{3, 20, 0, 0, "Vlan(%d)", NULL},
	{3, 21, 0, 0, "FibreEx(%-0x%w,0x%w)", NULL},
	{3, 22, 20, 20, NULL, sas_ex},
	{3, 23, 12, 12, NULL, nvme},
	{3, 24, 0, 0, "Uri(%a)", NULL},
	{3, 25, 0, 0, "UFS(%1,%1)", NULL},
	{3, 26, 0, 0, "SD(%1)", NULL},
	{3, 27, 0, 0, "Bluetooth(%m)", NULL},
	{3, 28, 0, 0, "Wi-Fi(%a)", NULL},
	{3, 29, 0, 0, "eMMC(%1)", NULL},
	{3, 30, 0, 0, "BluetoothLE(%m,%1)", NULL},
	{3, 31, 1, 0, NULL, dns},
	{3, 32, 0, 0, "NVDIMM(%g)", NULL},
	{3, 33, 0, 0, "RestService(%1,%1%x)", NULL},
	{3, 34, 17, 0, NULL, nvme_of},
	{4, 1, 38, 38, NULL, hd},
	{4, 2, 0, 0, "CDROM(%4,%8,%8)", NULL},
	{4, 3, 0, 0, "VenMedia(%g%x)", NULL},
	{4, 4, 0, 0, "%u", NULL},
	{4, 5, 0, 0, "Media(%g)", NULL},
	{4, 6, 0, 0, "FvFile(%g)", NULL},
	{4, 7, 0, 0, "Fv(%g)", NULL},
	{4, 8, 0, 0, "Offset(%-%8,%8)", NULL},
	{4, 9, 34, 34, NULL, ram_disk},
	{5, 1, 4, 0, NULL, bbs},
};

static bool fits(const struct kind *k, size_t n)
{
	bool more = k->most != k->least;
	size_t least = k->least;

	if (k->form != NULL)
		least = form_len(k->form, &more);
	return n == least || (more && n > least && (k->most == 0 || n <= k->most));
}

static void print_node(FILE *to, uint8_t type, uint8_t subtype, struct bytes b)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		const struct kind *k = &kinds[i];

		if (type != k->type || subtype != k->subtype || !fits(k, b.n))
			continue;
		if (k->print != NULL)
			k->print(to, b);
		else
			put_form(to, k->form, b);
		return;
	}
	fprintf(to, "Path(%u,%u", type, subtype);
	if (b.n > 0) {
		fputc(',', to);
		vars_print_hex(to, b, SIZE_MAX);
	}
	fputc(')', to);
}

bool vars_path_valid(struct bytes path)
{
	uint8_t head[HEAD_LEN];

	while (bytes_read(path, 0, head, sizeof head)) {
		const size_t len = (size_t)head[2] | (size_t)head[3] << 8;

		if (len < HEAD_LEN || len > path.n)
			return false;
		path = from(path, len);
		if (head[0] == END_TYPE && head[1] == 0xff)
			return path.n == 0;
	}
	return false;
}

void vars_print_path(FILE *to, struct bytes path)
{
	bool first = true;
	uint8_t head[HEAD_LEN];

	while (bytes_read(path, 0, head, sizeof head)) {
		const size_t len = (size_t)head[2] | (size_t)head[3] << 8;
		struct bytes b;

		if (len < HEAD_LEN || !bytes_sub(path, HEAD_LEN, len - HEAD_LEN, &b))
			break;
		path = from(path, len);
		if (head[0] == END_TYPE) { /* of an instance, or of all */
			if (head[1] != 1 || path.n == 0)
				break;
			fputc(',', to);
			first = true;
			continue;
		}
		if (!first)
			fputc('/', to);
		first = false;
		print_node(to, head[0], head[1], b);
	}
	/* what does not parse is shown, and not made nicer than it is */
	if (path.n > 0) {
		fputs(first ? "?" : "/?", to);
		vars_print_hex(to, path, 32);
	}
}
