/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * LiME: a header of 32 bytes before each range. Its "padded" and "raw" forms have no
 * headers and are read as raw images; the raw one has lost where its memory was.
 */
#include "dump/dump_priv.h"

#define LIME_MAGIC   0x4c694d45U
#define LIME_VERSION 1U

struct lime_header {
	uint32_t magic;
	uint32_t version;
	uint64_t first;
	uint64_t last; /* inclusive */
	uint64_t reserved;
};

EFI_STATUS dump_lime(struct rts_dump *dump, struct diag *d)
{
	EFI_STATUS status = EFI_SUCCESS;
	struct lime_header h;
	uint64_t off = 0;

	for (uint64_t no = 0; off < dump->file.n && status == EFI_SUCCESS; no++) {
		struct rts_dump_range r = {0};

		if (!bytes_read(dump->file, off, &h, sizeof h)) {
			dump_problem(dump, "range %llu: its header, at %#llx, is cut off",
				     (unsigned long long)no, (unsigned long long)off);
			break;
		}
		if (h.magic == LIME_MAGIC && h.version != LIME_VERSION && no == 0)
			return diag(d, EFI_UNSUPPORTED, "LiME version %u, want %u",
				    h.version, LIME_VERSION);
		if (h.magic != LIME_MAGIC || h.version != LIME_VERSION ||
		    h.last < h.first || h.last - h.first >= DUMP_ADDRESS_END) {
			dump_problem(
				dump,
				"range %llu: no header at %#llx (magic %#x, version %u, "
				"memory %#llx to %#llx)",
				(unsigned long long)no, (unsigned long long)off, h.magic,
				h.version, (unsigned long long)h.first,
				(unsigned long long)h.last);
			break;
		}
		r.start = h.first;
		r.len = h.last - h.first + 1;
		off += sizeof h;
		status = dump_add(dump, "range", no, r, off);
		off += r.len;
	}
	return status;
}
