/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Device paths as text (UEFI 2.10 §10.6). A node that is shorter than its kind, or of no
 * kind that is known here, is shown as Path(type,subtype,bytes), so that nothing of it is
 * hidden.
 */
#include <inttypes.h>
#include <string.h>

#include "cli/vars.h"

#define END_TYPE 0x7f
#define HEAD_LEN 4U

static uint64_t num(struct bytes b, size_t off, size_t len)
{
	uint64_t n = 0;

	return bytes_read(b, off, &n, len) ? n : 0;
}

static EFI_GUID guid_at(struct bytes b, size_t off)
{
	EFI_GUID g = {0};

	(void)bytes_read(b, off, &g, sizeof g);
	return g;
}

static struct bytes from(struct bytes b, size_t off)
{
	struct bytes r = {NULL, 0};

	(void)bytes_sub(b, off, b.n - off, &r);
	return r;
}

static void put_guid(FILE *to, struct bytes b, size_t off)
{
	const EFI_GUID g = guid_at(b, off);

	vars_print_guid(to, &g);
}

static void put_ascii(FILE *to, struct bytes b)
{
	for (size_t i = 0; i < b.n && b.p[i] != 0; i++)
		fputc(b.p[i] >= 0x20 && b.p[i] < 0x7f ? b.p[i] : '?', to);
}

/* One form for each node: @b is the node without its head, and has its least length. */
typedef void node_fn(FILE *to, struct bytes b);

/* A name, then numbers in hexadecimal: what most nodes are. */
static void put_numbers(FILE *to, const char *name, struct bytes b, const char *sizes)
{
	size_t off = 0;

	fprintf(to, "%s(", name);
	for (const char *s = sizes; *s != 0; s++) {
		const size_t len = (size_t)(*s - '0');

		fprintf(to, "%s0x%" PRIX64, s != sizes ? "," : "", num(b, off, len));
		off += len;
	}
	fputc(')', to);
}

static void vendor(FILE *to, const char *name, struct bytes b)
{
	fprintf(to, "%s(", name);
	put_guid(to, b, 0);
	if (b.n > sizeof(EFI_GUID)) {
		fputc(',', to);
		vars_print_hex(to, from(b, sizeof(EFI_GUID)), SIZE_MAX);
	}
	fputc(')', to);
}

static void ven_hw(FILE *to, struct bytes b)
{
	vendor(to, "VenHw", b);
}

static void ven_msg(FILE *to, struct bytes b)
{
	vendor(to, "VenMsg", b);
}

static void ven_media(FILE *to, struct bytes b)
{
	vendor(to, "VenMedia", b);
}

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

static void mac(FILE *to, struct bytes b)
{
	const uint8_t type = b.p[32];

	fputs("MAC(", to);
	vars_print_hex(to, (struct bytes){b.p, type <= 1 ? 6 : 32}, SIZE_MAX);
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
	const uint8_t parity = b.p[13], stop = b.p[14];

	fprintf(to, "Uart(%" PRIu64 ",%u,%c,%s)", num(b, 4, 8), b.p[12],
		parity < 6 ? parities[parity] : 'x', stop < 4 ? stops[stop] : "x");
}

static void nvme(FILE *to, struct bytes b)
{
	fprintf(to, "NVMe(0x%" PRIX64 ",", num(b, 0, 4));
	for (size_t i = 12; i-- > 4;)
		fprintf(to, "%02X%s", b.p[i], i > 4 ? "-" : "");
	fputc(')', to);
}

static void uri(FILE *to, struct bytes b)
{
	fputs("Uri(", to);
	put_ascii(to, b);
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
		fprintf(to, "%u,", format);
		vars_print_hex(to, (struct bytes){b.p + 20, 16}, SIZE_MAX);
	}
	fprintf(to, ",0x%" PRIX64 ",0x%" PRIX64 ")", num(b, 4, 8), num(b, 12, 8));
}

static void file_path(FILE *to, struct bytes b)
{
	vars_print_ucs2(to, b);
}

static void one_guid(FILE *to, const char *name, struct bytes b)
{
	fprintf(to, "%s(", name);
	put_guid(to, b, 0);
	fputc(')', to);
}

static void media(FILE *to, struct bytes b)
{
	one_guid(to, "Media", b);
}

static void fv_file(FILE *to, struct bytes b)
{
	one_guid(to, "FvFile", b);
}

static void fv(FILE *to, struct bytes b)
{
	one_guid(to, "Fv", b);
}

static void offset(FILE *to, struct bytes b) /* four bytes are reserved */
{
	put_numbers(to, "Offset", from(b, 4), "88");
}

static void ram_disk(FILE *to, struct bytes b)
{
	fprintf(to, "RamDisk(0x%" PRIX64 ",0x%" PRIX64 ",%" PRIu64 ",", num(b, 0, 8),
		num(b, 8, 8), num(b, 32, 2));
	put_guid(to, b, 16);
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
	fputc(')', to);
}

static const struct {
	uint8_t type, subtype;
	uint16_t least;      /* bytes behind the head */
	const char *name;    /* of one that is numbers */
	const char *numbers; /* how long each is */
	node_fn *print;
} kinds[] = {
	{1, 1, 2, NULL, NULL, pci},
	{1, 2, 1, "PcCard", "1", NULL},
	{1, 3, 20, "MemoryMapped", "488", NULL},
	{1, 4, 16, NULL, NULL, ven_hw},
	{1, 5, 4, "Ctrl", "4", NULL},
	{2, 1, 8, NULL, NULL, acpi},
	{2, 3, 4, NULL, NULL, acpi_adr},
	{3, 1, 4, NULL, NULL, ata},
	{3, 2, 4, "Scsi", "22", NULL},
	{3, 5, 2, "USB", "11", NULL},
	{3, 10, 16, NULL, NULL, ven_msg},
	{3, 11, 33, NULL, NULL, mac},
	{3, 12, 15, NULL, NULL, ip4},
	{3, 13, 39, NULL, NULL, ip6},
	{3, 14, 15, NULL, NULL, uart},
	{3, 15, 7, "UsbClass", "22111", NULL},
	{3, 17, 1, "Unit", "1", NULL},
	{3, 18, 6, "Sata", "222", NULL},
	{3, 20, 2, "Vlan", "2", NULL},
	{3, 23, 12, NULL, NULL, nvme},
	{3, 24, 0, NULL, NULL, uri},
	{3, 25, 2, "UFS", "11", NULL},
	{3, 26, 1, "SD", "1", NULL},
	{3, 29, 1, "eMMC", "1", NULL},
	{4, 1, 38, NULL, NULL, hd},
	{4, 2, 20, "CDROM", "488", NULL},
	{4, 3, 16, NULL, NULL, ven_media},
	{4, 4, 2, NULL, NULL, file_path},
	{4, 5, 16, NULL, NULL, media},
	{4, 6, 16, NULL, NULL, fv_file},
	{4, 7, 16, NULL, NULL, fv},
	{4, 8, 20, NULL, NULL, offset},
	{4, 9, 34, NULL, NULL, ram_disk},
	{5, 1, 4, NULL, NULL, bbs},
};

static void print_node(FILE *to, uint8_t type, uint8_t subtype, struct bytes b)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		if (type != kinds[i].type || subtype != kinds[i].subtype ||
		    b.n < kinds[i].least)
			continue;
		if (kinds[i].print != NULL)
			kinds[i].print(to, b);
		else
			put_numbers(to, kinds[i].name, b, kinds[i].numbers);
		return;
	}
	fprintf(to, "Path(%u,%u", type, subtype);
	if (b.n > 0) {
		fputc(',', to);
		vars_print_hex(to, b, SIZE_MAX);
	}
	fputc(')', to);
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
