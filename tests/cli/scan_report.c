/* SPDX-License-Identifier: BSD-2-Clause */
/* Prints a report that was made by hand, for tests of what it looks like.
 * usage: scan_report empty|clean|hooked|hostile|spread|many text|json|html|svg */
#include "../scan_reports.h"

#include <stdlib.h>
#include <sys/mman.h>

static struct report report;

/* Memory of that machine, none of which is ever looked at. */
static struct rts_dump *dump_of(uint64_t end)
{
	const uint64_t low = end < 0x20000000 ? end : 0x20000000;
	void *p = mmap(NULL, low, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		       -1, 0);
	const struct rts_dump_piece pieces[] = {
		{.start = 0, .bytes = {p, 0xa0000}},
		{.start = 0x100000, .bytes = {p, low - 0x100000}},
		{.start = 0xfec00000, .bytes = {p, 0x1000}}};
	struct rts_dump *dump = NULL;

	if (p != MAP_FAILED)
		rts_dump_from_pieces(pieces, end > 0xfec00000 ? 3 : 2, NULL, &dump);
	return dump;
}

int main(int argc, char **argv)
{
	const char *format = argc == 3 ? argv[2] : "";
	int r = 0;

	if (argc != 3 || !report_of(argv[1], &report))
		return 2;
	report.in.dump = dump_of(report.image.end);
	if (strcmp(format, "json") == 0)
		r = scan_print_json(stdout, &report.in, &report.r, NULL);
	else if (strcmp(format, "html") == 0)
		r = scan_print_html(stdout, &report.in, &report.r);
	else if (strcmp(format, "svg") == 0)
		r = scan_print_svg(stdout, &report.in, &report.r);
	else
		scan_print_text(stdout, &report.in, &report.r, NULL);
	rts_dump_free(report.in.dump);
	return r == 0 && fflush(stdout) == 0 ? 0 : 2;
}
