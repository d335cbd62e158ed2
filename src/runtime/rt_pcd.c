/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The values that a firmware image was built with: edk2's PCD data bases, one in the file
 * of its PEIM, one in that of its driver, whose tokens go on where the first one's end
 * (MdeModulePkg's PcdDataBaseSignatureGuid). Numbers only.
 */
#include "base/guid.h"
#include "runtime/rt_priv.h"

#define DB_LENGTH       20U /* offsets in the data base's header */
#define DB_TOKENS       40U
#define DB_TOKEN_COUNT  68U
#define TOKEN_TYPE(t)   ((t) >> 28) /* 0: data, with its value in the data base */
#define TOKEN_WIDTH(t)  ((t) >> 24 & 15U)
#define TOKEN_OFFSET(t) ((t)&0xfffffU)

/* Appends one data base's tokens, the first of which is @first; the number of the next one.
 */
static uint64_t database(struct bytes db, uint64_t first, struct rt_pcd *ret, size_t cap,
			 size_t *n)
{
	uint32_t len, tokens, token;
	uint16_t count;

	if (!bytes_read(db, DB_LENGTH, &len, sizeof len) ||
	    !bytes_read(db, DB_TOKENS, &tokens, sizeof tokens) ||
	    !bytes_read(db, DB_TOKEN_COUNT, &count, sizeof count))
		return first;
	for (uint16_t i = 0; i < count && *n < cap; i++) {
		struct rt_pcd p = {.token = first + i};

		if (!bytes_read(db, tokens + i * 4ULL, &token, sizeof token))
			break;
		p.size = TOKEN_WIDTH(token);
		if (TOKEN_TYPE(token) != 0 ||
		    (p.size != 1 && p.size != 2 && p.size != 4 && p.size != 8))
			continue;
		/* past the end: a value that is zero until somebody sets it */
		if (TOKEN_OFFSET(token) < len &&
		    !bytes_read(db, TOKEN_OFFSET(token), &p.value, p.size))
			continue;
		ret[(*n)++] = p;
	}
	return first + count;
}

size_t rt_pcd_defaults(const struct rts_fv *fv, struct rt_pcd *ret, size_t cap)
{
	static const EFI_GUID signature = PCD_DATABASE_SIGNATURE_GUID;
	const size_t files = fv != NULL ? rts_fv_file_count(fv) : 0;
	uint64_t next = 1;
	size_t n = 0;

	for (size_t i = 0; i < files; i++) {
		const struct bytes body = rts_fv_file(fv, i)->body;
		struct bytes db;
		EFI_GUID guid;

		/* sections begin on multiples of 4; the data base right behind the header
		 * of its own */
		for (uint64_t at = 4; bytes_read(body, at, &guid, sizeof guid); at += 4)
			if (guid_eq(&guid, &signature) &&
			    bytes_sub(body, at, body.n - at, &db)) {
				next = database(db, next, ret, cap, &n);
				break;
			}
	}
	return n;
}
