/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A disk with a GUID partition table: the first byte says which partition is wanted, and
 * whether checksums are made right first, or nothing would ever be behind them.
 */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/crc32.h"
#include "cli/cli.h"
#include "cli/vars.h"
#include "uefi/gpt.h"

#define REPAIR 0x80U

static unsigned messages;

/* Instead of the one that prints. */
int cli_error(const char *verb, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	(void)verb;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	messages++;
	return EXIT_TROUBLE;
}

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void repair(uint8_t *p, size_t n, size_t block, size_t lba)
{
	EFI_PARTITION_TABLE_HEADER h;
	uint64_t len;

	if (n / block <= lba)
		return;
	memcpy(&h, p + lba * block, sizeof h);
	if (h.Signature != EFI_PTAB_HEADER_ID)
		return;
	len = (uint64_t)h.NumberOfPartitionEntries * h.SizeOfPartitionEntry;
	if (h.PartitionEntryLBA <= n / block && len <= n - h.PartitionEntryLBA * block)
		h.PartitionEntryArrayCRC32 =
			crc32_update(0, p + h.PartitionEntryLBA * block, len);
	h.HeaderCRC32 = 0;
	h.HeaderCRC32 = crc32_update(0, &h, EFI_PTAB_HEADER_SIZE);
	memcpy(p + lba * block, &h, EFI_PTAB_HEADER_SIZE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct vars_partition got = {0};
	char path[40];
	uint8_t *p;
	int fd, r;

	if (n < 1)
		return 0;
	fd = memfd_create("disk", MFD_CLOEXEC);
	p = malloc(n);
	check(fd >= 0 && p != NULL);
	memcpy(p, data + 1, n - 1);
	for (size_t block = 512; (data[0] & REPAIR) != 0 && block <= 4096; block *= 8) {
		repair(p, n - 1, block, 1);
		if ((n - 1) / block > 0)
			repair(p, n - 1, block, (n - 1) / block - 1);
	}
	check(write(fd, p, n - 1) == (ssize_t)(n - 1));
	free(p);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	messages = 0;
	r = vars_disk_find(path, data[0] & 7, &got);
	if (r == EXIT_WELL)
		check(got.number != 0 && (data[0] % 8 == 0 || got.number == data[0] % 8) &&
		      got.blocks != 0 && got.blocks < n / 512 && got.start < n / 512);
	else
		check(r == EXIT_TROUBLE && messages > 0);
	close(fd);
	return 0;
}
