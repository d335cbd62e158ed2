/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The report of `runtserv scan` as one page: nothing in it comes from elsewhere, nothing in
 * it runs, and it is well-formed XML. Strangers' texts get in through scan_xml() only.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/scan_print.h"
#include "cli/scan_xml.h"
#include "mem/map_summary.h"

/* clang-format off */
static const char style[] =
	":root{color-scheme:light dark}\n"
	"body{margin:0 auto;max-width:1180px;padding:28px 20px;background:#fff;color:#1d2730;"
	"font:15px/1.5 system-ui,-apple-system,\"Segoe UI\",Roboto,\"DejaVu Sans\",Arial,sans-serif}\n"
	"h1{font-size:26px;line-height:1.2;margin:0 0 4px;overflow-wrap:anywhere}\n"
	"h2{font-size:17px;margin:38px 0 8px}\n"
	".soft{color:#5d6b79;font-weight:400}\n"
	".mono{font-family:ui-monospace,\"DejaVu Sans Mono\",Consolas,monospace;font-size:12.5px}\n"
	".top{margin:0 0 2px;font-size:13px;letter-spacing:.04em}\n"
	".verdict,article{border-left:5px solid #8593a1;background:#f5f7f9;border-radius:6px;"
	"padding:12px 16px;margin:14px 0;overflow-wrap:anywhere}\n"
	".verdict strong{font-size:17px}\n"
	".bad{border-color:#c8372d;background:#fdf0ee}\n"
	".good{border-color:#2e7d59;background:#eef7f2}\n"
	".odd{border-color:#b07d1e;background:#fbf5e9}\n"
	"article h3{font-size:15px;margin:0 0 4px}\n"
	"article p{margin:4px 0}\n"
	".tag{display:inline-block;border-radius:9px;padding:0 9px;font-size:12px;font-weight:600;"
	"background:#5d6b79;color:#fff;margin-right:6px}\n"
	".tag-high{background:#c8372d}\n"
	".tag-medium{background:#9a6a10}\n"
	"figure{margin:18px 0;overflow-x:auto}\n"
	"figure svg{display:block;width:100%;height:auto;min-width:760px;border-radius:10px}\n"
	".wide{overflow-x:auto}\n"
	"table{border-collapse:collapse;width:100%;font-size:14px}\n"
	"th{text-align:left;font-weight:600;color:#5d6b79;font-size:12.5px;padding:6px 10px 6px 0;"
	"border-bottom:2px solid #d3dae1;vertical-align:bottom}\n"
	"td{padding:5px 10px 5px 0;border-bottom:1px solid #e6eaee;vertical-align:top}\n"
	"td.text{overflow-wrap:anywhere;min-width:9em;unicode-bidi:isolate}\n"
	"td.number,td.mono,td.clean,td.modified,td.foreign{white-space:nowrap}\n"
	"td.number,th.number{text-align:right}\n"
	"th.view,td.view{text-align:center;padding-left:4px;padding-right:4px}\n"
	"td.view{font-weight:600}\n"
	".yes,.clean,.exact{color:#2b6e4f}\n"
	".no,.soft-mark{color:#8593a1}\n"
	".modified,.foreign,.wrong{color:#b3261e;font-weight:600}\n"
	".similar{color:#8a5f10}\n"
	"a{color:inherit;text-decoration-color:#8593a1}\n"
	"details summary{cursor:pointer}\n"
	"li{margin:3px 0;overflow-wrap:anywhere}\n"
	"footer{margin-top:44px;border-top:1px solid #d3dae1;padding-top:12px;font-size:13px}\n"
	"@media screen and (prefers-color-scheme:dark){\n"
	"body{background:#0c1015;color:#e6ebf0}\n"
	".soft,th{color:#9aa8b6}\n"
	".verdict,article{background:#1a222b}\n"
	".bad{background:#331b1a;border-color:#e5695d}\n"
	".good{background:#15271f;border-color:#3d9c70}\n"
	".odd{background:#2b2415}\n"
	"th{border-color:#33404d}\n"
	"td{border-color:#222c36}\n"
	"footer{border-color:#33404d}\n"
	".yes,.clean,.exact{color:#7fcfa6}\n"
	".no,.soft-mark{color:#728191}\n"
	".modified,.foreign,.wrong{color:#ff8b7e}\n"
	".similar{color:#e0b060}\n"
	"}\n"
	"@media print{\n"
	"body{max-width:none;padding:0;font-size:10.5pt}\n"
	"table{font-size:8.5pt}\n"
	".mono,th{font-size:7.5pt}\n"
	"h2{break-after:avoid}\n"
	"tr,article,figure{break-inside:avoid}\n"
	".wide,figure{overflow:visible}\n"
	"figure svg{min-width:0}\n"
	"*{print-color-adjust:exact;-webkit-print-color-adjust:exact}\n"
	"}\n";
/* clang-format on */

struct page {
	FILE *to;
	const struct scan_input *in;
	const struct rts_scan_report *r;
};

static void put_hex_cell(const struct page *p, bool has, uint64_t v)
{
	if (has)
		fprintf(p->to, "<td class=\"mono\">0x%" PRIx64 "</td>", v);
	else
		fputs("<td>-</td>", p->to);
}

static bool is_driver(const struct page *p, int driver)
{
	return driver >= 0 && (size_t)driver < p->r->driver_count;
}

static void put_driver(const struct page *p, int driver)
{
	char words[SCAN_WORDS_MAX];

	if (!is_driver(p, driver)) {
		fputc('-', p->to);
		return;
	}
	scan_driver_words(&p->r->drivers[driver], words);
	fprintf(p->to, "<a href=\"#driver%d\">", driver);
	scan_xml(p->to, words);
	fputs("</a>", p->to);
}

static void put_driver_cell(const struct page *p, int driver)
{
	fputs("<td class=\"text\">", p->to);
	put_driver(p, driver);
	fputs("</td>", p->to);
}

/* Columns, one string behind the other; the last one is empty. A '#' before a column: it
 * has numbers. */
static void put_head(const struct page *p, const char *columns)
{
	fputs("<div class=\"wide\"><table>\n<thead><tr>", p->to);
	for (; *columns != 0; columns += strlen(columns) + 1)
		fprintf(p->to, "<th%s>%s</th>", *columns == '#' ? " class=\"number\"" : "",
			columns + (*columns == '#'));
	fputs("</tr></thead>\n<tbody>\n", p->to);
}

static void put_end(const struct page *p)
{
	fputs("</tbody></table></div>\n", p->to);
}

static void put_top(const struct page *p)
{
	const struct rts_dump_info *i = p->r->image;
	char size[SCAN_WORDS_MAX];

	fputs("<!DOCTYPE html>\n<html xmlns=\"http://www.w3.org/1999/xhtml\" "
	      "lang=\"en\">\n<head><meta charset=\"utf-8\"/>"
	      "<meta name=\"viewport\" content=\"width=device-width\"/>\n<title>runtserv "
	      "scan: ",
	      p->to);
	scan_xml(p->to, p->in->name != NULL ? p->in->name : "-");
	fprintf(p->to, "</title>\n<style>\n%s</style></head>\n<body>\n", style);
	fputs("<header><p class=\"top soft\">UEFI runtime services and drivers</p><h1>",
	      p->to);
	scan_xml(p->to, p->in->name != NULL ? p->in->name : "-");
	scan_size_words(i->bytes, size);
	fprintf(p->to,
		"</h1>\n<p class=\"soft\">%s, %s in %zu range%s below <span "
		"class=\"mono\">0x%" PRIx64 "</span>",
		rts_dump_format_name(i->format), size, p->r->range_count,
		p->r->range_count == 1 ? "" : "s", i->end);
	if (i->machine[0] != 0) {
		fputs(", ", p->to);
		scan_xml(p->to, i->machine);
	}
	if (i->cpu_count != 0)
		fprintf(p->to, ", %u CPU%s", i->cpu_count, i->cpu_count == 1 ? "" : "s");
	fprintf(p->to, ". %s</p></header>\n",
		p->r->virtual_mode
			? "The operating system called SetVirtualAddressMap."
			: "SetVirtualAddressMap was not called: addresses are physical.");
}

static void put_verdict(const struct page *p)
{
	const struct scan_sums s = scan_sum(p->r);
	const bool bad = s.severity[RTS_SCAN_HIGH] + s.severity[RTS_SCAN_MEDIUM] != 0;
	const bool checked = p->r->has_firmware && p->r->firmware_applies;
	cleanup(freep) char *honest = scan_honest_words(p->r);
	char words[SCAN_WORDS_MAX];

	scan_findings_words(p->r, words);
	fprintf(p->to, "<div class=\"verdict %s\"><strong>%s%s</strong><br/>%s</div>\n",
		bad       ? "bad"
		: checked ? "good"
			  : "odd",
		bad       ? "\xe2\x9c\x97 "
		: checked ? "\xe2\x9c\x93 "
			  : "? ",
		words, honest != NULL ? honest : "");
}

static void put_finding(const struct page *p, const struct rts_scan_finding *f)
{
	const char *severity = rts_scan_severity_name(f->severity);

	fprintf(p->to, "<article class=\"%s\"><h3><span class=\"tag tag-%s\">%s</span>%s",
		f->severity == RTS_SCAN_HIGH     ? "bad"
		: f->severity == RTS_SCAN_MEDIUM ? "odd"
						 : "info",
		severity, severity, rts_scan_rule_name(f->rule));
	if (is_driver(p, f->driver)) {
		fputs(", ", p->to);
		put_driver(p, f->driver);
	}
	if (f->has_address &&
	    (!is_driver(p, f->driver) || f->address != p->r->drivers[f->driver].base))
		fprintf(p->to, " <span class=\"mono soft\">0x%" PRIx64 "</span>",
			f->address);
	fputs("</h3><p>", p->to);
	scan_xml(p->to, f->text != NULL ? f->text : "-");
	fputs("</p>", p->to);
	if (f->innocent_if != NULL) {
		fputs("<p class=\"soft\">Innocent if ", p->to);
		scan_xml(p->to, f->innocent_if);
		fputs("</p>", p->to);
	}
	fputs("</article>\n", p->to);
}

static void put_findings(const struct page *p)
{
	if (p->r->finding_count == 0)
		return;
	fputs("<section><h2>Findings</h2>\n", p->to);
	for (size_t i = 0; i < p->r->finding_count; i++)
		put_finding(p, &p->r->findings[i]);
	fputs("</section>\n", p->to);
}

static void put_services(const struct page *p)
{
	static const struct {
		const char *class, *mark;
	} looks[] = {
		[RTS_SCAN_CLEAN] = {"clean", "\xe2\x9c\x93"},
		[RTS_SCAN_MODIFIED] = {"modified", "\xe2\x89\xa0"},
		[RTS_SCAN_FOREIGN] = {"foreign", "\xe2\x9c\x97"},
		[RTS_SCAN_NOT_IN_IMAGE] = {"soft-mark", "\xe2\x80\x93"},
		[RTS_SCAN_NOT_CHECKED] = {"soft-mark", "?"},
	};

	fputs("<section><h2>Services</h2>\n", p->to);
	put_head(p, "Service\0Pointer\0Physical\0Verdict\0Driver\0");
	for (unsigned i = 0; i < RTS_SCAN_SERVICES; i++) {
		const struct rts_scan_service *s = &p->r->services[i];

		fprintf(p->to, "<tr><td>%s</td>", s->name);
		put_hex_cell(p, s->has_pointer, s->pointer);
		put_hex_cell(p, s->has_physical, s->physical);
		fprintf(p->to, "<td class=\"%s\">%s %s</td>", looks[s->verdict].class,
			looks[s->verdict].mark, rts_scan_verdict_name(s->verdict));
		put_driver_cell(p, s->driver);
		fputs("</tr>\n", p->to);
	}
	put_end(p);
	fputs("</section>\n", p->to);
}

static void put_views(const struct page *p, const struct rts_scan_driver *d)
{
	static const struct {
		const char *class, *mark;
	} looks[] = {
		[RTS_SCAN_NO] = {"no", "\xe2\x97\x8b"},
		[RTS_SCAN_YES] = {"yes", "\xe2\x97\x8f"},
		[RTS_SCAN_UNAVAILABLE] = {"soft-mark", "?"},
		[RTS_SCAN_NOT_APPLICABLE] = {"soft-mark", "\xc2\xb7"},
	};

	for (unsigned v = 0; v < RTS_SCAN_VIEWS; v++)
		fprintf(p->to, "<td class=\"view %s\" title=\"%s: %s\">%s</td>",
			looks[d->views[v]].class, scan_view_words[v],
			rts_scan_seen_name(d->views[v]), looks[d->views[v]].mark);
}

static void put_driver_row(const struct page *p, size_t i)
{
	const struct rts_scan_driver *d = &p->r->drivers[i];
	char words[SCAN_WORDS_MAX], size[SCAN_WORDS_MAX], guid[GUID_TEXT_LEN + 1];

	scan_driver_words(d, words);
	scan_size_words(d->size, size);
	fprintf(p->to, "<tr id=\"driver%zu\"><td class=\"text\"><strong>", i);
	scan_xml(p->to, words);
	fputs("</strong>", p->to);
	if (d->has_guid) {
		guid_to_text(&d->guid, guid);
		fprintf(p->to, "<br/><span class=\"mono soft\">%s</span>", guid);
	}
	if (d->path != NULL && d->match != RTS_SCAN_EXACT) {
		fputs("<br/><span class=\"soft\">", p->to);
		scan_xml(p->to, d->path);
		fputs("</span>", p->to);
	}
	fprintf(p->to, "</td><td class=\"mono\">0x%" PRIx64, d->base);
	if (d->has_virtual)
		fprintf(p->to, "<br/><span class=\"soft\">0x%" PRIx64 "</span>",
			d->virtual_base);
	scan_match_words(d, words);
	fprintf(p->to, "</td><td class=\"number\">%s</td><td class=\"text %s\">%s", size,
		rts_scan_match_name(d->match), words);
	if (d->matched_with != NULL) {
		fputs("<br/><span class=\"soft\">", p->to);
		scan_xml(p->to, d->matched_with);
		fputs("</span>", p->to);
	}
	if (!d->in_image)
		fputs("<br/>not all in the image", p->to);
	fputs("</td>", p->to);
	put_views(p, d);
	fputs("<td class=\"mono\">", p->to);
	for (size_t k = 0; d->has_code_hash && k < 6; k++)
		fprintf(p->to, "%02x", d->code_sha256[k]);
	fprintf(p->to, "%s</td></tr>\n", d->has_code_hash ? "\xe2\x80\xa6" : "-");
}

static void put_drivers(const struct page *p)
{
	fputs("<section><h2>Drivers</h2>\n", p->to);
	if (p->r->driver_count == 0) {
		fputs("<p>No runtime driver was found.</p></section>\n", p->to);
		return;
	}
	fputs("<div class=\"wide\"><table>\n<thead><tr><th>Driver</th><th>Base<br/>virtual "
	      "base</th><th class=\"number\">Size</th><th>Match</th>",
	      p->to);
	for (unsigned v = 0; v < RTS_SCAN_VIEWS; v++)
		fprintf(p->to, "<th class=\"view\" title=\"%s\">%c</th>",
			scan_view_words[v], scan_view_letters[v]);
	fputs("<th>Code SHA-256</th></tr></thead>\n<tbody>\n", p->to);
	for (size_t i = 0; i < p->r->driver_count; i++)
		put_driver_row(p, i);
	put_end(p);
	fputs("<p class=\"soft\">Where each was seen:", p->to);
	for (unsigned v = 0; v < RTS_SCAN_VIEWS; v++)
		fprintf(p->to, "%s <strong>%c</strong> %s", v != 0 ? "," : "",
			scan_view_letters[v], scan_view_words[v]);
	fputs(". \xe2\x97\x8f seen, \xe2\x97\x8b not seen, ? there is no such view here, "
	      "\xc2\xb7 it does not apply.</p></section>\n",
	      p->to);
}

static void put_tables(const struct page *p)
{
	if (p->r->table_count == 0)
		return;
	fputs("<section><h2>Tables</h2>\n", p->to);
	put_head(p, "Table\0Physical\0CRC-32\0\0");
	for (size_t i = 0; i < p->r->table_count; i++) {
		const struct rts_scan_table *t = &p->r->tables[i];

		fprintf(p->to, "<tr><td>%s</td>", t->kind);
		put_hex_cell(p, true, t->physical);
		if (t->has_crc)
			fprintf(p->to,
				"<td class=\"%s\"><span class=\"mono\">0x%08" PRIx32
				"</span> %s</td></tr>\n",
				t->crc_ok ? "clean" : "wrong", t->crc,
				t->crc_ok ? "\xe2\x9c\x93 right" : "\xe2\x9c\x97 wrong");
		else
			fputs("<td>-</td></tr>\n", p->to);
	}
	put_end(p);
	fputs("</section>\n", p->to);
}

static void put_ways(const struct page *p)
{
	bool any = false;

	for (unsigned i = 0; i < RTS_SCAN_WAYS; i++)
		any |= p->r->ways[i].available;
	if (!any)
		return;
	fputs("<section><h2>Virtual to physical</h2>\n", p->to);
	put_head(p, "Way\0#Service pointers that agree\0#Disagree\0By\0");
	for (unsigned i = 0; i < RTS_SCAN_WAYS; i++) {
		const struct rts_scan_mapping_way *w = &p->r->ways[i];

		fprintf(p->to, "<tr><td>%s</td>", rts_scan_way_name((enum rts_scan_way)i));
		if (w->available)
			fprintf(p->to,
				"<td class=\"number\">%u</td><td "
				"class=\"number\">%u</td>",
				w->agrees, w->disagrees);
		else
			fputs("<td class=\"number soft\">not available</td><td></td>",
			      p->to);
		put_hex_cell(p, w->available && w->where != 0, w->where);
		fputs("</tr>\n", p->to);
	}
	put_end(p);
	if (p->r->paging_levels != 0)
		fprintf(p->to, "<p class=\"soft\">Page tables of %u levels.</p>",
			p->r->paging_levels);
	fputs("</section>\n", p->to);
}

static void put_events(const struct page *p)
{
	if (p->r->event_count == 0)
		return;
	fprintf(p->to, "<section><details><summary>%zu runtime events</summary>\n",
		p->r->event_count);
	put_head(p, "Type\0Function\0Physical\0Driver\0");
	for (size_t i = 0; i < p->r->event_count; i++) {
		const struct rts_scan_event *e = &p->r->events[i];

		fputs("<tr>", p->to);
		put_hex_cell(p, true, e->type);
		put_hex_cell(p, true, e->function);
		put_hex_cell(p, true, e->physical);
		put_driver_cell(p, e->driver);
		fputs("</tr>\n", p->to);
	}
	put_end(p);
	fputs("</details></section>\n", p->to);
}

static void put_regions(const struct page *p)
{
	if (p->r->region_count == 0)
		return;
	fprintf(p->to,
		"<section><details><summary>%zu regions of the firmware's memory "
		"map</summary>\n",
		p->r->region_count);
	put_head(p, "Start\0#Size\0Type\0Virtual\0");
	for (size_t i = 0; i < p->r->region_count; i++) {
		const struct rts_scan_region *g = &p->r->regions[i];
		char type[RTS_MAP_TEXT_MAX], size[SCAN_WORDS_MAX];

		rts_map_type_text(g->type, type);
		scan_size_words(rts_map_bytes(g->pages), size);
		fputs("<tr>", p->to);
		put_hex_cell(p, true, g->start);
		fprintf(p->to, "<td class=\"number\">%s</td><td>%s</td>", size, type);
		put_hex_cell(p, g->virtual_start != 0, g->virtual_start);
		fputs("</tr>\n", p->to);
	}
	put_end(p);
	fputs("</details></section>\n", p->to);
}

static void put_notes(const struct page *p)
{
	const struct rts_scan_report *r = p->r;

	if (p->in->note_count + r->note_count + r->boot_image_count == 0 &&
	    !r->windows_block_found)
		return;
	fputs("<section><h2>Notes</h2>\n<ul>\n", p->to);
	if (r->boot_image_count != 0)
		fprintf(p->to, "<li>Boot drivers still in memory: %zu",
			r->boot_image_count);
	if (r->boot_image_count != 0 && r->has_firmware)
		fprintf(p->to, ", of them %zu equal to known ones", r->boot_image_known);
	fputs(r->boot_image_count != 0 ? ".</li>\n" : "", p->to);
	if (r->windows_block_found)
		fprintf(p->to,
			"<li>Windows' copy of the services is at <span "
			"class=\"mono\">0x%" PRIx64 "</span>, found by %s.</li>\n",
			r->windows_block, scan_windows_words(r));
	for (size_t i = 0; i < p->in->note_count + r->note_count; i++) {
		fputs("<li>", p->to);
		scan_xml(p->to, i < p->in->note_count ? p->in->notes[i]
						      : r->notes[i - p->in->note_count]);
		fputs("</li>\n", p->to);
	}
	fputs("</ul></section>\n", p->to);
}

int scan_print_html(FILE *to, const struct scan_input *in, const struct rts_scan_report *r)
{
	const struct page p = {to, in, r};

	put_top(&p);
	put_verdict(&p);
	fputs("<figure>\n", to);
	if (scan_draw(to, in, r) < 0)
		return -1;
	fputs("</figure>\n", to);
	put_findings(&p);
	put_services(&p);
	put_drivers(&p);
	put_tables(&p);
	put_ways(&p);
	put_events(&p);
	put_regions(&p);
	put_notes(&p);
	fputs("<footer class=\"soft\">Made by runtserv scan; runtserv-scan(1) says what "
	      "the words mean, and what a scan cannot "
	      "see.</footer>\n</body></html>\n",
	      to);
	return ferror(to) ? -1 : 0;
}
