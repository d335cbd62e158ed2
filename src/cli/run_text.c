/* SPDX-License-Identifier: BSD-2-Clause */
/* The report of `runtserv run` for people. All texts in it were checked when it was made.
 */
#include <stdio.h>
#include <string.h>

#include "cli/run.h"

#define SUSPECTS_SHOWN 3U

static const char *name_or(const struct rt_shared *s, uint16_t image, const char *other)
{
	return image < s->images_count ? s->images[image].name : other;
}

const char *run_role_name(uint8_t role)
{
	return role == RT_ROLE_HELPER ? "helper" : "subject";
}

const char *run_status_name(uint8_t status)
{
	static const char *const names[] = {[RT_STATUS_UNMET] = "unmet",
					    [RT_STATUS_OK] = "ok",
					    [RT_STATUS_FAILED] = "failed",
					    [RT_STATUS_FAULTED] = "faulted"};

	return status < sizeof names / sizeof *names ? names[status] : "unknown";
}

bool run_suspect_object(const struct rt_shared *s, const struct rt_suspect *p,
			struct runtime_object *ret, uint64_t *ret_offset)
{
	*ret_offset = p->at.offset;
	if (p->holder < 0)
		return false;
	*ret = runtime_object_of(s, p->holder);
	*ret_offset = p->at.offset - s->blocks[p->holder].physical;
	return true;
}

/* "EFI_NOT_FOUND", or the number. */
static const char *status_text(uint64_t status, char ret[32])
{
	const char *name = runtime_status_name(status);

	if (name != NULL)
		return name;
	snprintf(ret, 32, "0x%llx", (unsigned long long)status);
	return ret;
}

static int wider(int width, const char *text)
{
	const int n = (int)strlen(text);

	return n > width ? n : width;
}

/* How wide the column of drivers' names must be. */
static int name_width(const struct rt_shared *s)
{
	int width = wider(0, "DRIVER");

	for (uint32_t i = 0; i < s->images_count; i++)
		width = wider(width, s->images[i].name);
	return width;
}

static void print_drivers(FILE *to, const struct runtime_report *r, int width)
{
	char status[32];

	fprintf(to, "%-*s  ROLE     STATUS   FROM\n", width, "DRIVER");
	for (uint32_t i = 0; i < r->last->images_count; i++) {
		const struct rt_image *img = &r->last->images[i];

		fprintf(to, "%-*s  %-7s  %-7s  %s", width, img->name,
			run_role_name(img->role), run_status_name(img->status),
			r->paths[i] != NULL ? r->paths[i] : "-");
		if (img->status == RT_STATUS_FAILED)
			fprintf(to, " (%s)", status_text(img->entry_status, status));
		fputc('\n', to);
	}
}

uint64_t run_failed_calls(const struct rt_shared *s)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < RT_PHASE_COUNT; i++)
		n += i == RT_PHASE_BOOT || i == RT_PHASE_READY_TO_BOOT ||
				     i == RT_PHASE_RUNTIME || i == RT_PHASE_VIRTUAL
			     ? s->phases[i].failed
			     : 0;
	return n;
}

static void print_phases(FILE *to, const struct rt_shared *s)
{
	fprintf(to, "\nPHASE          CALLS  FAILED\n");
	for (unsigned i = 0; i < RT_PHASE_COUNT; i++)
		if (s->phases[i].reached)
			fprintf(to, "%-13s  %5u  %6u\n",
				runtime_phase_name((enum rt_phase)i), s->phases[i].calls,
				s->phases[i].failed);
}

/* A line of the battery has a number that tells nobody anything. */
static void print_misses(FILE *to, const struct rt_shared *s, bool script)
{
	if (s->misses_count != 0)
		fprintf(to, "\nanswered otherwise than expected:\n");
	for (uint32_t i = 0; i < s->misses_count; i++) {
		const struct rt_miss *m = &s->misses[i];

		fprintf(to, "  %s", runtime_phase_name((enum rt_phase)m->phase));
		if (script)
			fprintf(to, ", line %u", m->line);
		fprintf(to, ": %s\n", m->text);
	}
}

/* Not the entries that nobody has touched. */
static bool is_shown(const struct rt_service *p)
{
	return p->used && (p->owner != RT_NOBODY || p->calls != 0);
}

static void print_service(FILE *to, const struct rt_shared *s, const struct rt_service *p,
			  int name, int owner)
{
	char status[32], stack[16];

	snprintf(stack, sizeof stack, "%u", p->stack_bytes);
	fprintf(to, "%-*s  %-*s  %5u  %5s  %s\n", name, p->name, owner,
		name_or(s, p->owner, "-"), p->calls, p->stack_bytes != 0 ? stack : "-",
		p->calls != 0 ? status_text(p->status, status) : "-");
}

static void print_services(FILE *to, const struct rt_shared *s, int owner)
{
	int name = 0;

	for (unsigned i = 0; i < RT_SERVICES_MAX; i++)
		if (is_shown(&s->services[i]))
			name = wider(name, s->services[i].name);
	if (name == 0)
		return;
	name = wider(name, "SERVICE");
	fprintf(to, "\n%-*s  %-*s  CALLS  STACK  LAST STATUS\n", name, "SERVICE", owner,
		"OWNER");
	for (unsigned i = 0; i < RT_SERVICES_MAX; i++)
		if (is_shown(&s->services[i]))
			print_service(to, s, &s->services[i], name, owner);
}

static void print_finding(FILE *to, const struct runtime_finding *f)
{
	fprintf(to, "%s  %s", runtime_rule_name(f->rule),
		*f->driver != 0 ? f->driver : "-");
	if (f->has_offset)
		fprintf(to, "+0x%llx", (unsigned long long)f->offset);
	fprintf(to, "  %s\n", f->text);
}

/* Those of one driver together, in the order in which they were first seen. */
static void print_findings(FILE *to, const struct runtime_report *r)
{
	if (r->finding_count != 0)
		fputc('\n', to);
	for (size_t i = 0; i < r->finding_count; i++) {
		bool first = true;

		for (size_t k = 0; k < i && first; k++)
			first = strcmp(r->findings[k].driver, r->findings[i].driver) != 0;
		for (size_t k = i; first && k < r->finding_count; k++)
			if (strcmp(r->findings[k].driver, r->findings[i].driver) == 0)
				print_finding(to, &r->findings[k]);
	}
}

static void print_details(FILE *to, const struct runtime_object *o)
{
	fprintf(to, " (");
	if (o->type != NULL)
		fprintf(to, "%s, ", o->type);
	fprintf(to, "%llu bytes", (unsigned long long)o->size);
	if (*o->allocated_at != 0)
		fprintf(to, ", allocated at %s", o->allocated_at);
	fputc(')', to);
}

/* What the value points to. */
static void print_target(FILE *to, const struct rt_shared *s, const struct rt_suspect *p)
{
	const struct rt_block *b = p->block >= 0 ? &s->blocks[p->block] : NULL;
	struct runtime_object o;

	if (b == NULL)
		return;
	if (b->kind == RT_BLOCK_IMAGE) {
		fprintf(to, ", %s+0x%llx", name_or(s, b->owner, "-"),
			(unsigned long long)(p->target - b->physical));
		return;
	}
	o = runtime_object_of(s, p->block);
	fprintf(to, ", in %s #%u", o.kind, o.number);
	print_details(to, &o);
}

static void print_suspect(FILE *to, const struct rt_shared *s, const struct rt_suspect *p)
{
	struct runtime_object o;
	uint64_t offset;
	const bool in_block = run_suspect_object(s, p, &o, &offset);

	if (in_block)
		fprintf(to, "  %s #%u", o.kind, o.number);
	else
		fprintf(to, "  %s", name_or(s, p->at.image, "-"));
	fprintf(to, "+0x%llx", (unsigned long long)offset);
	if (in_block)
		print_details(to, &o);
	fprintf(to, ": 0x%llx", (unsigned long long)p->target);
	print_target(to, s, p);
	fputc('\n', to);
}

static void print_suspects(FILE *to, const struct rt_shared *s, bool verbose)
{
	const uint32_t n = s->suspects_count;

	if (n == 0)
		return;
	fprintf(to,
		"\n%u value%s in the drivers' own memory still point%s to physical "
		"addresses of it\n"
		"after SetVirtualAddressMap: evidence, not a finding\n",
		n, n == 1 ? "" : "s", n == 1 ? "s" : "");
	for (uint32_t i = 0; i < n && (verbose || i < SUSPECTS_SHOWN); i++)
		print_suspect(to, s, &s->suspects[i]);
	if (!verbose && n > SUSPECTS_SHOWN)
		fprintf(to, "  and %u more; --verbose shows them\n", n - SUSPECTS_SHOWN);
}

/* The subjects that did not get past their entry point say how much a clean bill is worth.
 */
static void print_verdict(FILE *to, const struct runtime_report *r, bool script)
{
	const struct rt_shared *s = r->last;
	const uint64_t failed = script ? run_failed_calls(s) : 0;
	uint32_t subjects = 0, started = 0;

	for (uint32_t i = 0; i < s->images_count; i++) {
		subjects += s->images[i].role == RT_ROLE_SUBJECT;
		started += s->images[i].role == RT_ROLE_SUBJECT &&
			   s->images[i].status == RT_STATUS_OK;
	}
	fprintf(to, "\nverdict: ");
	if (r->finding_count != 0)
		fprintf(to, "%zu finding%s\n", r->finding_count,
			r->finding_count == 1 ? "" : "s");
	else if (failed != 0)
		fprintf(to,
			"no findings, but %llu call%s not answered as the script says\n",
			(unsigned long long)failed, failed == 1 ? " was" : "s were");
	else if (started < subjects)
		fprintf(to, "no findings, but %u of %u drivers did not start\n",
			subjects - started, subjects);
	else
		fprintf(to, "clean, up to phase %s\n",
			runtime_phase_name((enum rt_phase)s->phase));
}

void run_text(FILE *to, const struct runtime_report *r, bool verbose, bool script)
{
	const int width = name_width(r->last);

	print_drivers(to, r, width);
	print_phases(to, r->last);
	print_services(to, r->last, width);
	print_misses(to, r->last, script);
	print_findings(to, r);
	print_suspects(to, r->last, verbose);
	print_verdict(to, r, script);
}
