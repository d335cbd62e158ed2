/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The partition that a boot entry leads to: as somebody typed it, or out of the partition
 * table (UEFI 2.10 §5.3) of a disk or its image, which is not taken on trust.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/crc32.h"
#include "base/diag.h"
#include "base/guid.h"
#include "cli/vars.h"
#include "os/os_file.h"
#include "uefi/gpt.h"

#define VERB        "vars"
#define ENTRIES_MAX ((uint64_t)1 << 20) /* bytes of all entries; 16384 are usual */

struct disk {
	const char *path;
	int fd;
	uint64_t len, block; /* bytes */
	EFI_PARTITION_TABLE_HEADER head;
	uint8_t *entries;
	struct diag d;
};

static void disk_fini(struct disk *k)
{
	closep(&k->fd);
	free(k->entries);
}

#define bad(k, ...) diag(&(k)->d, false, __VA_ARGS__)

static bool read_at(struct disk *k, uint64_t off, void *ret, size_t n)
{
	uint8_t *p = ret;

	for (size_t at = 0; at < n;) {
		const ssize_t got =
			OS_RETRY(pread(k->fd, p + at, n - at, (off_t)(off + at)));

		if (got <= 0)
			return bad(k, "%s: %s at %#llx", k->path,
				   got < 0 ? strerror(errno) : "ends",
				   (unsigned long long)(off + at));
		at += (size_t)got;
	}
	return true;
}

static bool check_head(struct disk *k, uint64_t lba)
{
	EFI_PARTITION_TABLE_HEADER *h = &k->head;
	const unsigned long long at = lba * k->block;
	uint8_t raw[EFI_PTAB_HEADER_SIZE];
	uint32_t crc;

	/* a larger header is allowed, and nobody has one */
	if (h->Revision != EFI_PTAB_HEADER_REVISION || h->HeaderSize != sizeof raw)
		return bad(k, "%s: partition table at %#llx: revision %#x, %u bytes",
			   k->path, at, h->Revision, h->HeaderSize);
	memcpy(raw, h, sizeof raw);
	memset(raw + 16, 0, sizeof h->HeaderCRC32);
	crc = crc32_update(0, raw, sizeof raw);
	if (crc != h->HeaderCRC32)
		return bad(k, "%s: partition table at %#llx: checksum %#x, must be %#x",
			   k->path, at, h->HeaderCRC32, crc);
	if (h->MyLBA != lba)
		return bad(k, "%s: partition table at %#llx: it says block %#llx", k->path,
			   at, (unsigned long long)h->MyLBA);
	if (h->SizeOfPartitionEntry < sizeof(EFI_PARTITION_ENTRY) ||
	    h->SizeOfPartitionEntry % sizeof(EFI_PARTITION_ENTRY) != 0 ||
	    h->NumberOfPartitionEntries == 0 ||
	    (uint64_t)h->NumberOfPartitionEntries * h->SizeOfPartitionEntry > ENTRIES_MAX ||
	    h->PartitionEntryLBA > k->len / k->block ||
	    h->FirstUsableLBA > h->LastUsableLBA || h->LastUsableLBA >= k->len / k->block)
		return bad(k,
			   "%s: partition table at %#llx: %u entries of %u bytes from "
			   "block %#llx, for blocks %#llx to %#llx",
			   k->path, at, h->NumberOfPartitionEntries,
			   h->SizeOfPartitionEntry,
			   (unsigned long long)h->PartitionEntryLBA,
			   (unsigned long long)h->FirstUsableLBA,
			   (unsigned long long)h->LastUsableLBA);
	return true;
}

/* A table whose header is in block @lba; false, and the first of the reasons in k->d. */
static bool read_table(struct disk *k, uint64_t lba)
{
	const EFI_PARTITION_TABLE_HEADER *h = &k->head;
	uint64_t n;
	uint32_t crc;

	if (lba >= k->len / k->block ||
	    !read_at(k, lba * k->block, &k->head, sizeof k->head) ||
	    h->Signature != EFI_PTAB_HEADER_ID || !check_head(k, lba))
		return false;
	n = (uint64_t)h->NumberOfPartitionEntries * h->SizeOfPartitionEntry;
	free(k->entries);
	k->entries = malloc(n);
	if (k->entries == NULL)
		return bad(k, "%s: out of memory", k->path);
	if (!read_at(k, h->PartitionEntryLBA * k->block, k->entries, n))
		return false;
	crc = crc32_update(0, k->entries, n);
	if (crc != h->PartitionEntryArrayCRC32)
		return bad(k, "%s: partitions at %#llx: checksum %#x, must be %#x", k->path,
			   (unsigned long long)(h->PartitionEntryLBA * k->block), crc,
			   h->PartitionEntryArrayCRC32);
	return true;
}

/* What keeps old programs away, and firmware asks for (UEFI 2.10 §5.2.3). */
static bool has_protective_mbr(struct disk *k)
{
	static const uint8_t first[] = {1, 0, 0, 0};
	uint8_t mbr[512];

	if (!read_at(k, 0, mbr, sizeof mbr))
		return false;
	for (const uint8_t *e = mbr + 446; e < mbr + 510; e += 16)
		if (mbr[510] == 0x55 && mbr[511] == 0xaa && e[0] == 0 && e[4] == 0xee &&
		    memcmp(e + 8, first, sizeof first) == 0)
			return true;
	return bad(k, "%s: no protective MBR at 0x0: no GUID partition table", k->path);
}

/* As firmware looks for it: the first table, then the one at the end. */
static bool find_table(struct disk *k)
{
	static const unsigned blocks[] = {512, 4096};
	uint8_t magic[4];

	if (!read_at(k, 0, magic, sizeof magic))
		return false;
	if (memcmp(magic, "QFI\xfb", 4) == 0)
		return bad(k,
			   "%s: a qcow2 image; make it raw with 'qemu-img convert -O raw', "
			   "or show it as a disk with 'qemu-nbd'",
			   k->path);
	if (!has_protective_mbr(k))
		return false;
	for (size_t end = 0; end < 2; end++)
		for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) {
			k->block = blocks[i];
			if (k->len >= 2 * k->block &&
			    read_table(k, end != 0 ? k->len / k->block - 1 : 1)) {
				if (k->d.text[0] != 0)
					cli_error(VERB, "%s; the copy at the end is taken",
						  k->d.text);
				k->d = (struct diag){0};
				return true;
			}
		}
	return bad(k, "%s: no GUID partition table", k->path);
}

static bool take(struct disk *k, uint32_t number, const EFI_PARTITION_ENTRY *e,
		 struct vars_partition *ret)
{
	if (e->StartingLBA < k->head.FirstUsableLBA || e->EndingLBA < e->StartingLBA ||
	    e->EndingLBA > k->head.LastUsableLBA)
		return bad(k, "%s: partition %u: blocks %#llx to %#llx, of %#llx to %#llx",
			   k->path, number, (unsigned long long)e->StartingLBA,
			   (unsigned long long)e->EndingLBA,
			   (unsigned long long)k->head.FirstUsableLBA,
			   (unsigned long long)k->head.LastUsableLBA);
	*ret = (struct vars_partition){number, e->UniquePartitionGUID, e->StartingLBA,
				       e->EndingLBA - e->StartingLBA + 1};
	return true;
}

/* Partition @number; 0: the only one that is an EFI system partition. */
static bool find_partition(struct disk *k, uint32_t number, struct vars_partition *ret)
{
	static const EFI_GUID none, system = EFI_PART_TYPE_EFI_SYSTEM_PART_GUID;
	EFI_PARTITION_ENTRY e;
	uint32_t found = 0;

	for (uint32_t i = 1; i <= k->head.NumberOfPartitionEntries; i++) {
		memcpy(&e, k->entries + (size_t)(i - 1) * k->head.SizeOfPartitionEntry,
		       sizeof e);
		if (number != 0 ? i != number || guid_eq(&e.PartitionTypeGUID, &none)
				: !guid_eq(&e.PartitionTypeGUID, &system))
			continue;
		if (found != 0)
			return bad(k,
				   "%s: %u and %u are EFI system partitions; say which "
				   "with --partition",
				   k->path, found, i);
		if (!take(k, i, &e, ret))
			return false;
		found = i;
	}
	if (found != 0)
		return true;
	return number != 0
		       ? bad(k, "%s: no partition %u", k->path, number)
		       : bad(k, "%s: no EFI system partition; see --partition", k->path);
}

int vars_disk_find(const char *path, uint32_t number, struct vars_partition *ret)
{
	cleanup(disk_fini) struct disk k = {
		.path = path,
		.fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)};
	const off_t len = k.fd >= 0 ? lseek(k.fd, 0, SEEK_END) : -1;

	if (len < 0)
		return cli_error(VERB, "%s: %s", path, strerror(errno));
	k.len = (uint64_t)len;
	if (!find_table(&k) || !find_partition(&k, number, ret))
		return cli_error(VERB, "%s", k.d.text);
	return EXIT_WELL;
}

/* The number before a comma or the end; *@text is then behind it. */
static bool next_number(const char **text, uint64_t max, uint64_t *ret)
{
	const size_t n = strcspn(*text, ",");
	const bool ok = cli_number(*text, n, 0, max, ret);

	*text += n + ((*text)[n] == ',');
	return ok;
}

bool vars_partition_read(const char *text, struct vars_partition *ret)
{
	uint64_t number, start = 0, blocks = 0;
	EFI_GUID guid = {0};

	if (!next_number(&text, UINT32_MAX, &number) || number == 0)
		return false;
	if (*text != 0) {
		const size_t n = strcspn(text, ",");

		if (!guid_from_text(text, n, &guid))
			return false;
		text += n + (text[n] == ',');
	}
	if (*text != 0 && (!next_number(&text, UINT64_MAX, &start) || *text == 0 ||
			   !next_number(&text, UINT64_MAX, &blocks) || *text != 0))
		return false;
	*ret = (struct vars_partition){(uint32_t)number, guid, start, blocks};
	return true;
}
