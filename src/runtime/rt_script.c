/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The parser of call scripts: line by line, word by word, each verb's arguments from one
 * table. An error says where and what was expected.
 */
#include "runtime/rt_script.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/guid.h"
#include "base/ucs2.h"
#include "runtime/runtime.h"
#include "uefi/guids.h"

enum arg { END, NAME, GUID, ATTRIBUTES, DATA, NUMBER, BUFFER, TIME, RESET };

/* A verb's arguments, and what may follow the status that is expected of it. BUFFER, and
 * all behind the status, may be left out. */
static const struct verb {
	const char *word, *second;
	uint8_t args[5], value[3];
} verbs[RT_CALL_VERBS] = {
	[RT_CALL_GET] = {"get", NULL, {NAME, GUID, BUFFER}, {DATA, ATTRIBUTES}},
	[RT_CALL_SET] = {"set", NULL, {NAME, GUID, ATTRIBUTES, DATA}, {END}},
	[RT_CALL_APPEND] = {"append", NULL, {NAME, GUID, ATTRIBUTES, DATA}, {END}},
	[RT_CALL_DELETE] = {"delete", NULL, {NAME, GUID}, {END}},
	[RT_CALL_NEXT] = {"next", NULL, {END}, {END}},
	[RT_CALL_NEXT_HAS] = {"next", "has", {NAME, GUID}, {END}},
	[RT_CALL_NEXT_LACKS] = {"next", "lacks", {NAME, GUID}, {END}},
	[RT_CALL_NEXT_FROM] = {"next", "from", {NAME, GUID, BUFFER}, {END}},
	[RT_CALL_QUERY] = {"query", NULL, {ATTRIBUTES}, {END}},
	[RT_CALL_GET_TIME] = {"get-time", NULL, {END}, {TIME}},
	[RT_CALL_SET_TIME] = {"set-time", NULL, {TIME}, {END}},
	[RT_CALL_GET_WAKEUP] = {"get-wakeup-time", NULL, {END}, {END}},
	[RT_CALL_SET_WAKEUP] = {"set-wakeup-time", NULL, {TIME}, {END}},
	[RT_CALL_SET_WAKEUP_OFF] = {"set-wakeup-time", "off", {END}, {END}},
	[RT_CALL_MONO] = {"mono", NULL, {END}, {END}},
	[RT_CALL_QUERY_CAPSULE] = {"query-capsule", NULL, {GUID, NUMBER}, {END}},
	[RT_CALL_UPDATE_CAPSULE] = {"update-capsule", NULL, {GUID, NUMBER, DATA}, {END}},
	[RT_CALL_RESET] = {"reset", NULL, {RESET}, {END}},
	[RT_CALL_STATUS_CODE] = {"status-code", NULL, {NUMBER, NUMBER}, {END}},
	[RT_CALL_MM_TRIGGER] = {"mm-trigger", NULL, {NUMBER}, {END}},
	[RT_CALL_FVB_ATTRIBUTES] = {"fvb", "attributes", {END}, {END}},
	[RT_CALL_FVB_ADDRESS] = {"fvb", "address", {END}, {END}},
	[RT_CALL_FVB_BLOCK_SIZE] = {"fvb", "blocksize", {NUMBER}, {END}},
	[RT_CALL_FVB_READ] = {"fvb", "read", {NUMBER, NUMBER, NUMBER}, {DATA}},
};

static const struct {
	const char *name;
	uint32_t bit;
} attributes[] = {
	{"nv", EFI_VARIABLE_NON_VOLATILE},
	{"bs", EFI_VARIABLE_BOOTSERVICE_ACCESS},
	{"rt", EFI_VARIABLE_RUNTIME_ACCESS},
	{"hr", EFI_VARIABLE_HARDWARE_ERROR_RECORD},
	{"aw", EFI_VARIABLE_AUTHENTICATED_WRITE_ACCESS},
	{"at", EFI_VARIABLE_TIME_BASED_AUTHENTICATED_WRITE_ACCESS},
	{"append", EFI_VARIABLE_APPEND_WRITE},
};

static const uint8_t phases[] = {RT_PHASE_BOOT, RT_PHASE_READY_TO_BOOT, RT_PHASE_RUNTIME,
				 RT_PHASE_VIRTUAL};
static const char *const resets[] = {"cold", "warm", "shutdown", "platform"};

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* A word, without its quotes; n 0 and not quoted: the line's end. */
struct word {
	const char *p;
	size_t n;
	unsigned column;
	bool quoted;
};

struct parser {
	const char *at, *line_start; /* the text ends with a NUL */
	uint32_t line;
	struct diag *d;
	struct word word; /* the one that is looked at */
	uint8_t phases;
	uint32_t reset_line[RT_PHASE_COUNT]; /* 0: none */
	struct rt_script *s;
	size_t cap, bytes_n, bytes_cap;
};

static bool is(const struct word *w, const char *text)
{
	return !w->quoted && w->n == strlen(text) && memcmp(w->p, text, w->n) == 0;
}

static bool at_end(const struct parser *p)
{
	return p->word.n == 0 && !p->word.quoted;
}

/* The word is not @expected. */
static int bad(const struct parser *p, const char *expected)
{
	const struct word *w = &p->word;
	char shown[36];
	size_t n = w->n < 32 ? w->n : 32;

	if (at_end(p))
		return diag(p->d, -EINVAL,
			    "line %u, column %u: expected %s; the line ends here", p->line,
			    w->column, expected);
	for (size_t i = 0; i < n; i++)
		shown[i] = (char)(w->p[i] >= ' ' && w->p[i] <= '~' ? w->p[i] : '?');
	memcpy(shown + n, "...", w->n > n ? 4 : 0);
	shown[w->n > n ? n + 3 : n] = 0;
	return diag(p->d, -EINVAL, "line %u, column %u: expected %s, not \"%s\"", p->line,
		    w->column, expected, shown);
}

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* Looks at the next word of the line. */
static int next(struct parser *p)
{
	struct word *w = &p->word;
	const char *s;

	while (blank(*p->at))
		p->at++;
	*w = (struct word){.p = p->at, .column = (unsigned)(p->at - p->line_start) + 1};
	if (*p->at == '#')
		p->at += strcspn(p->at, "\n");
	if (*p->at == 0 || *p->at == '\n')
		return 0;
	w->quoted = *p->at == '"';
	for (s = p->at + w->quoted; *s != 0 && *s != '\n'; s++) {
		if (w->quoted ? *s == '"' : blank(*s))
			break;
		if ((uint8_t)*s < ' ' && *s != '\t')
			return diag(p->d, -EINVAL,
				    "line %u, column %u: a control character, %#x", p->line,
				    (unsigned)(s - p->line_start) + 1, (unsigned)*s);
		s += w->quoted && *s == '\\' && s[1] != 0 && s[1] != '\n';
	}
	w->p = p->at + w->quoted;
	w->n = (size_t)(s - w->p);
	if (w->quoted && *s != '"')
		return diag(p->d, -EINVAL, "line %u, column %u: a text without its end",
			    p->line, w->column);
	s += w->quoted;
	if (w->quoted && *s != 0 && *s != '\n' && !blank(*s))
		return diag(p->d, -EINVAL,
			    "line %u, column %u: a blank is missing behind the text",
			    p->line, (unsigned)(s - p->line_start) + 1);
	p->at = s;
	return 0;
}

/* Room among the script's bytes, which the text's length bounds. */
static uint8_t *room(struct parser *p, size_t n)
{
	uint8_t *at = p->s->bytes + p->bytes_n;

	if (n > p->bytes_cap - p->bytes_n)
		return NULL;
	p->bytes_n += n;
	return at;
}

/* The word's bytes, escapes resolved; a view of the script's bytes. */
static int text(struct parser *p, struct bytes *ret)
{
	const struct word *w = &p->word;
	uint8_t *to = room(p, w->n);
	size_t n = 0;

	if (to == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < w->n; i++) {
		const char *s = w->p + i;

		if (!w->quoted || *s != '\\') {
			to[n++] = (uint8_t)*s;
		} else if (s[1] == '"' || s[1] == '\\') {
			to[n++] = (uint8_t)s[1];
			i++;
		} else if (s[1] == 'x' && hex_digit(s[2]) >= 0 && hex_digit(s[3]) >= 0) {
			to[n++] = (uint8_t)(hex_digit(s[2]) << 4 | hex_digit(s[3]));
			i += 3;
		} else {
			return diag(p->d, -EINVAL,
				    "line %u, column %u: after \\ expected \", \\ or xHH",
				    p->line, (unsigned)(s - p->line_start) + 1);
		}
	}
	*ret = (struct bytes){to, n};
	return 0;
}

/* Decimal or 0x...; all of it. */
static bool number_of(const char *s, size_t n, uint64_t max, uint64_t *ret)
{
	const bool hex = n > 2 && s[0] == '0' && s[1] == 'x';
	uint64_t v = 0;

	for (size_t i = hex ? 2 : 0; i < n; i++) {
		const int digit = hex_digit(s[i]);

		if (digit < 0 || (!hex && digit > 9) ||
		    __builtin_mul_overflow(v, hex ? 16 : 10, &v) ||
		    __builtin_add_overflow(v, digit, &v))
			return false;
	}
	*ret = v;
	return n != 0 && v <= max;
}

static bool number(const struct parser *p, uint64_t max, uint64_t *ret)
{
	return !p->word.quoted && number_of(p->word.p, p->word.n, max, ret);
}

static int name(struct parser *p, struct rt_script_call *c)
{
	static const char expected[] = "a variable's name, up to 1024 characters";
	struct bytes utf8;
	CHAR16 *to;
	size_t n;
	int r;

	if (at_end(p))
		return bad(p, expected);
	r = text(p, &utf8);
	if (r < 0)
		return r;
	n = ucs2_from_utf8((const char *)utf8.p, utf8.n, NULL, 0);
	if (n > RT_SCRIPT_NAME_MAX || memchr(utf8.p, 0, utf8.n) != NULL)
		return bad(p, expected);
	if ((p->bytes_n & 1) != 0 && room(p, 1) == NULL)
		return -ENOMEM;
	to = (CHAR16 *)(void *)room(p, (n + 1) * sizeof *to);
	if (to == NULL)
		return -ENOMEM;
	ucs2_from_utf8((const char *)utf8.p, utf8.n, to, n);
	to[n] = 0;
	c->name = to;
	c->name_count = n;
	return 0;
}

static int guid(const struct parser *p, EFI_GUID *ret)
{
	/* a namespace that nothing else uses */
	static const EFI_GUID global = EFI_GLOBAL_VARIABLE_GUID,
			      db = EFI_IMAGE_SECURITY_DATABASE_GUID,
			      test = {0x3e9b06b1,
				      0x7d04,
				      0x4f6c,
				      {0x9a, 0x52, 0xc8, 0x1d, 0x77, 0xe0, 0x2b, 0x35}};

	if (is(&p->word, "global"))
		*ret = global;
	else if (is(&p->word, "db"))
		*ret = db;
	else if (is(&p->word, "test"))
		*ret = test;
	else if (p->word.quoted || !guid_from_text(p->word.p, p->word.n, ret))
		return bad(p, "a GUID, global, db or test");
	return 0;
}

static int attribute_bits(const struct parser *p, uint32_t *ret)
{
	static const char expected[] =
		"attributes: a number, or nv bs rt hr aw at append joined by +";
	const char *s = p->word.p, *const end = s + p->word.n;
	uint64_t value = 0;

	if (number(p, UINT32_MAX, &value)) {
		*ret = (uint32_t)value;
		return 0;
	}
	for (*ret = 0; !p->word.quoted && s < end;) {
		const size_t n = strcspn(s, "+ \t\r\n");
		size_t i = 0;

		while (i < COUNT(attributes) && (n != strlen(attributes[i].name) ||
						 memcmp(s, attributes[i].name, n) != 0))
			i++;
		if (i == COUNT(attributes))
			break;
		*ret |= attributes[i].bit;
		if (s + n == end)
			return 0;
		s += n + 1;
	}
	return bad(p, expected);
}

/* N*null: a NULL pointer that is said to lead to N bytes. */
static bool null_data(const struct parser *p, struct rt_script_data *ret)
{
	static const char null[] = "*null";
	const struct word *w = &p->word;
	const size_t n = sizeof null - 1;
	uint64_t len;

	if (w->quoted || w->n <= n || memcmp(w->p + w->n - n, null, n) != 0 ||
	    !number_of(w->p, w->n - n, RT_SCRIPT_DATA_MAX, &len))
		return false;
	*ret = (struct rt_script_data){.n = (uint32_t)len, .times = 1, .null = true};
	return true;
}

static int data(struct parser *p, struct rt_script_data *ret)
{
	static const char expected[] =
		"data, up to 65536 bytes: hex digits, N*digits or \"text\"";
	const struct word *w = &p->word;
	const char *digits = w->p;
	size_t n = w->n;
	uint64_t times = 1;
	uint8_t *to;

	if (at_end(p))
		return bad(p, expected);
	if (w->quoted) {
		struct bytes b = {0};
		const int r = text(p, &b);

		*ret = (struct rt_script_data){b.p, (uint32_t)b.n, 1, false};
		return r == 0 && b.n > RT_SCRIPT_DATA_MAX ? bad(p, expected) : r;
	}
	for (size_t i = 0; i < w->n; i++)
		if (w->p[i] == '*') {
			if (!number_of(w->p, i, RT_SCRIPT_DATA_MAX, &times) || times == 0)
				return bad(p, expected);
			digits += i + 1;
			n -= i + 1;
			break;
		}
	if (n == 0 || n % 2 != 0 || n / 2 > RT_SCRIPT_DATA_MAX / times)
		return bad(p, expected);
	to = room(p, n / 2);
	if (to == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < n; i += 2) {
		const int hi = hex_digit(digits[i]), lo = hex_digit(digits[i + 1]);

		if (hi < 0 || lo < 0)
			return bad(p, expected);
		to[i / 2] = (uint8_t)(hi << 4 | lo);
	}
	*ret = (struct rt_script_data){to, (uint32_t)(n / 2), (uint32_t)times, false};
	return 0;
}

/* Any digits will do: a time that there is not makes a test, too. */
static int time_of(const struct parser *p, EFI_TIME *ret)
{
	static const char form[] = "0000-00-00T00:00:00";
	const struct word *w = &p->word;
	unsigned v[6] = {0}, field = 0;
	bool ok = !w->quoted && w->n == sizeof form - 1;

	for (size_t i = 0; ok && i < w->n; i++) {
		if (form[i] != '0') {
			ok = w->p[i] == form[i];
			field++;
		} else {
			ok = w->p[i] >= '0' && w->p[i] <= '9';
			v[field] = v[field] * 10 + (unsigned)(w->p[i] - '0');
		}
	}
	if (!ok)
		return bad(p, "a time such as 2026-11-21T12:00:00");
	*ret = (EFI_TIME){.Year = (uint16_t)v[0],
			  .Month = (uint8_t)v[1],
			  .Day = (uint8_t)v[2],
			  .Hour = (uint8_t)v[3],
			  .Minute = (uint8_t)v[4],
			  .Second = (uint8_t)v[5],
			  .TimeZone = EFI_UNSPECIFIED_TIMEZONE};
	return 0;
}

static int reset_type(const struct parser *p, uint64_t *ret)
{
	for (size_t i = 0; i < COUNT(resets); i++)
		if (is(&p->word, resets[i])) {
			*ret = i;
			return 0;
		}
	return bad(p, "cold, warm, shutdown or platform");
}

/* @numbers counts those that were read before. */
static int argument(struct parser *p, enum arg arg, struct rt_script_call *c,
		    unsigned *numbers)
{
	switch (arg) {
	case NAME:
		return name(p, c);
	case GUID:
		return guid(p, &c->guid);
	case ATTRIBUTES:
		return attribute_bits(p, &c->attributes);
	case DATA:
		if ((c->verb == RT_CALL_SET || c->verb == RT_CALL_APPEND) &&
		    null_data(p, &c->data))
			return 0;
		return data(p, &c->data);
	case TIME:
		return time_of(p, &c->time);
	case RESET:
		return reset_type(p, &c->number[0]);
	case BUFFER:
		c->has_buffer = true;
		if (c->verb == RT_CALL_GET && null_data(p, &c->data)) {
			c->number[0] = c->data.n;
			return 0;
		}
		return number(p, RT_SCRIPT_DATA_MAX, &c->number[0])
			       ? 0
			       : bad(p, "a buffer's size, up to 65536, or ->");
	default:
		return number(p, UINT64_MAX, &c->number[(*numbers)++]) ? 0
								       : bad(p, "a number");
	}
}

static int status_of(const struct parser *p, struct rt_script_call *c)
{
	uint64_t v = 0;

	c->any = is(&p->word, "any");
	if (c->any || number(p, UINT64_MAX, &c->status))
		return 0;
	for (uint64_t n = 0; n < 128; n++) {
		/* warnings, then errors */
		const char *known;

		v = (n & 63) | (n < 64 ? 0 : EFI_ERROR_BIT);
		known = runtime_status_name(v);
		if (known != NULL && is(&p->word, known)) {
			c->status = v;
			return 0;
		}
	}
	return bad(p, "a status such as EFI_NOT_FOUND, a number, or any");
}

/* What stands behind "->". */
static int expectation(struct parser *p, const struct verb *v, struct rt_script_call *c)
{
	int r = next(p);

	if (r == 0)
		r = status_of(p, c);
	if (r == 0)
		r = next(p);
	for (size_t i = 0; r == 0 && v->value[i] != END && !at_end(p); i++) {
		if (v->value[i] == DATA) {
			r = data(p, &c->value);
			c->has_value = true;
		} else if (v->value[i] == TIME) {
			r = time_of(p, &c->value_time);
			c->has_value_time = true;
		} else {
			r = attribute_bits(p, &c->value_attributes);
			c->has_value_attributes = true;
		}
		if (r == 0)
			r = next(p);
	}
	return r;
}

static int arguments(struct parser *p, const struct verb *v, struct rt_script_call *c)
{
	unsigned numbers = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && v->args[i] != END; i++) {
		if (v->args[i] == BUFFER && (at_end(p) || is(&p->word, "->")))
			continue;
		r = argument(p, (enum arg)v->args[i], c, &numbers);
		if (r == 0)
			r = next(p);
	}
	if (r == 0 && is(&p->word, "->"))
		r = expectation(p, v, c);
	if (r == 0 && !at_end(p))
		r = bad(p, v->value[0] == END ? "-> and a status, or the end of the line"
					      : "-> and what is expected, or the end");
	return r;
}

/* The verb at the current word; afterwards the word behind it is looked at. */
static int verb(struct parser *p, uint8_t *ret)
{
	struct word first = p->word;
	size_t found = RT_CALL_VERBS;
	int r;

	for (size_t i = 0; i < RT_CALL_VERBS; i++)
		if (is(&first, verbs[i].word) && found == RT_CALL_VERBS)
			found = i;
	if (found == RT_CALL_VERBS)
		return bad(p, "phase, or a call such as get or set");
	r = next(p);
	for (size_t i = found; r == 0 && i < RT_CALL_VERBS; i++)
		if (is(&first, verbs[i].word) && verbs[i].second != NULL &&
		    is(&p->word, verbs[i].second)) {
			*ret = (uint8_t)i;
			return next(p);
		}
	if (r == 0 && verbs[found].second != NULL)
		return bad(p, "attributes, address, blocksize or read");
	*ret = (uint8_t)found;
	return r;
}

/* After a reset there is nobody left to call. */
static int check_reset(struct parser *p, const struct rt_script_call *c)
{
	for (unsigned i = 0; i < RT_PHASE_COUNT; i++) {
		if ((c->phases >> i & 1) == 0)
			continue;
		if (p->reset_line[i] != 0)
			return diag(
				p->d, -EINVAL,
				"line %u: a call behind the reset of line %u, in phase %s",
				p->line, p->reset_line[i],
				runtime_phase_name((enum rt_phase)i));
		if (c->verb == RT_CALL_RESET)
			p->reset_line[i] = p->line;
	}
	if (c->verb == RT_CALL_RESET && c->repeat != 1)
		return diag(p->d, -EINVAL, "line %u: a reset cannot be repeated", p->line);
	return 0;
}

static int add(struct parser *p, const struct rt_script_call *c)
{
	struct rt_script *s = p->s;

	if (s->count == RT_SCRIPT_CALLS_MAX)
		return diag(p->d, -EINVAL, "line %u: more than %u calls", p->line,
			    RT_SCRIPT_CALLS_MAX);
	if (s->count == p->cap) {
		const size_t cap = p->cap != 0 ? p->cap * 2 : 64;
		struct rt_script_call *calls = realloc(s->calls, cap * sizeof *calls);

		if (calls == NULL)
			return -ENOMEM;
		s->calls = calls;
		p->cap = cap;
	}
	s->calls[s->count++] = *c;
	return 0;
}

static int call_line(struct parser *p)
{
	struct rt_script_call c = {.line = p->line, .phases = p->phases, .repeat = 1};
	int r = 0;

	if (!p->word.quoted && p->word.n > 1 && p->word.p[0] == 'x') {
		uint64_t times;

		if (!number_of(p->word.p + 1, p->word.n - 1, RT_SCRIPT_REPEAT_MAX,
			       &times) ||
		    times == 0)
			return bad(p, "phase, a call, or xN with N from 1 to 1000000");
		c.repeat = (uint32_t)times;
		r = next(p);
	}
	if (r == 0)
		r = verb(p, &c.verb);
	if (r == 0)
		r = arguments(p, &verbs[c.verb], &c);
	if (r == 0)
		r = check_reset(p, &c);
	return r == 0 ? add(p, &c) : r;
}

static int phase_line(struct parser *p)
{
	int r = next(p);

	p->phases = 0;
	do {
		size_t i = 0;

		while (i < COUNT(phases) &&
		       !is(&p->word, runtime_phase_name((enum rt_phase)phases[i])))
			i++;
		if (r == 0 && i == COUNT(phases))
			r = bad(p, "boot, ready-to-boot, runtime or virtual");
		if (r == 0) {
			p->phases |= (uint8_t)(1U << phases[i]);
			r = next(p);
		}
	} while (r == 0 && !at_end(p));
	return r;
}

static int lines(struct parser *p)
{
	for (p->line = 1;; p->line++) {
		int r;

		p->line_start = p->at;
		r = next(p);
		if (r == 0 && !at_end(p))
			r = is(&p->word, "phase") ? phase_line(p) : call_line(p);
		if (r < 0)
			return r;
		if (*p->at == 0)
			return 0;
		p->at++;
	}
}

static void free_script(struct rt_script **s)
{
	rt_script_free(*s);
}

int rt_script_new(const char *text, struct diag *d, struct rt_script **ret)
{
	const size_t len = strnlen(text, RT_SCRIPT_LEN_MAX + 1);
	cleanup(free_script) struct rt_script *s = calloc(1, sizeof *s);
	struct parser p = {.at = text, .d = d, .s = s};
	int r;

	if (s == NULL)
		return diag(d, -ENOMEM, "out of memory");
	if (len > RT_SCRIPT_LEN_MAX)
		return diag(d, -EINVAL, "the script is longer than %u bytes",
			    RT_SCRIPT_LEN_MAX);
	/* a name takes its bytes, and two for each, with a NUL and one to align it */
	p.bytes_cap = 4 * len + 16;
	s->bytes = malloc(p.bytes_cap);
	if (s->bytes == NULL)
		return diag(d, -ENOMEM, "out of memory");
	for (size_t i = 0; i < COUNT(phases); i++)
		p.phases |= (uint8_t)(1U << phases[i]);
	r = lines(&p);
	if (r < 0)
		return diag(d, r, "out of memory"); /* unless something has been said */
	*ret = take_ptr(s);
	return 0;
}

void rt_script_free(struct rt_script *s)
{
	if (s == NULL)
		return;
	free(s->calls);
	free(s->bytes);
	free(s);
}

const char *rt_verb_name(enum rt_verb verb)
{
	static const char *const two[] = {
		[RT_CALL_NEXT_HAS] = "next has",
		[RT_CALL_NEXT_LACKS] = "next lacks",
		[RT_CALL_NEXT_FROM] = "next from",
		[RT_CALL_SET_WAKEUP_OFF] = "set-wakeup-time off",
		[RT_CALL_FVB_ATTRIBUTES] = "fvb attributes",
		[RT_CALL_FVB_ADDRESS] = "fvb address",
		[RT_CALL_FVB_BLOCK_SIZE] = "fvb blocksize",
		[RT_CALL_FVB_READ] = "fvb read",
	};

	if ((unsigned)verb >= RT_CALL_VERBS)
		return "unknown";
	return verbs[verb].second == NULL ? verbs[verb].word : two[verb];
}
