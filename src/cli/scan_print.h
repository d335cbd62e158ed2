/* SPDX-License-Identifier: BSD-2-Clause */
/* What the printers of a scan share: sums and words for people. */
#pragma once

#include "base/guid.h"
#include "cli/scan.h"

#define SCAN_WORDS_MAX 128U

struct scan_sums {
	size_t severity[RTS_SCAN_INFO + 1];
	size_t verdict[RTS_SCAN_NOT_CHECKED + 1];
	size_t match[RTS_SCAN_UNKNOWN + 1];
};

struct scan_sums scan_sum(const struct rts_scan_report *r);

/* "4 KiB", "512 MiB", "1.5 MiB" (rounded down), "100 bytes" */
void scan_size_words(uint64_t bytes, char ret[SCAN_WORDS_MAX]);

/* How a driver is called: its name, else that of its file, its GUID, its address. Somebody
 * else's text, cut where it is too long. */
void scan_driver_words(const struct rts_scan_driver *d, char ret[SCAN_WORDS_MAX]);

/* "exact", "5 bytes differ", "87 % similar", "unknown", "our own" */
void scan_match_words(const struct rts_scan_driver *d, char ret[SCAN_WORDS_MAX]);

/* One letter and one word for the column of a view, one character for what is in it. */
extern const char scan_view_letters[RTS_SCAN_VIEWS + 1];
extern const char *const scan_view_words[RTS_SCAN_VIEWS];
char scan_seen_mark(enum rts_scan_seen s);

/* True: nothing of UEFI was found. */
bool scan_is_empty(const struct rts_scan_report *r);

/* How Windows' copy of the services was found. */
const char *scan_windows_words(const struct rts_scan_report *r);

/* "no findings", "3 findings: 2 high, 1 medium", "nothing of UEFI" */
void scan_findings_words(const struct rts_scan_report *r, char ret[SCAN_WORDS_MAX]);

/* What was compared, what was not, and what nobody can see here: sentences, all ours. The
 * caller frees it; NULL: no memory. */
char *scan_honest_words(const struct rts_scan_report *r);

/* The picture without a title, for the page. */
int scan_draw(FILE *to, const struct scan_input *in, const struct rts_scan_report *r);
