/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages, and the small formatter behind them. Freestanding; allocates nothing. */
#include "base/diag.h"

#include <stdbool.h>
#include <stdint.h>

struct out {
	char *p;
	size_t cap;
	size_t n;
};

static void put(struct out *o, char c)
{
	if (o->n + 1 < o->cap)
		o->p[o->n] = c;
	o->n++;
}

static void put_number(struct out *o, uint64_t v, unsigned base, unsigned width, char pad)
{
	char digits[20];
	unsigned n = 0;

	do {
		digits[n++] = "0123456789abcdef"[v % base];
		v /= base;
	} while (v != 0);
	for (unsigned i = n; i < width; i++)
		put(o, pad);
	while (n > 0)
		put(o, digits[--n]);
}

size_t fmt_text(char *ret, size_t cap, const char *fmt, va_list ap)
{
	struct out o = {ret, cap, 0};

	for (; *fmt != 0; fmt++) {
		bool alt = false, wide = false;
		unsigned width = 0;
		char pad = ' ';

		if (*fmt != '%') {
			put(&o, *fmt);
			continue;
		}
		fmt++;
		for (; *fmt == '#' || *fmt == '0'; fmt++) {
			alt |= *fmt == '#';
			pad = *fmt == '0' ? '0' : pad;
		}
		for (; *fmt >= '0' && *fmt <= '9'; fmt++)
			width = width * 10 + (unsigned)(*fmt - '0');
		for (; *fmt == 'l' || *fmt == 'z'; fmt++)
			wide = true;
		switch (*fmt) {
		case 's': {
			const char *s = va_arg(ap, const char *);
			while (*s != 0)
				put(&o, *s++);
			break;
		}
		case 'c':
			put(&o, (char)(va_arg(ap, int) & 0x7f));
			break;
		case 'd': {
			int64_t v = wide ? va_arg(ap, int64_t) : va_arg(ap, int);
			if (v < 0)
				put(&o, '-');
			put_number(&o, v < 0 ? -(uint64_t)v : (uint64_t)v, 10, width, pad);
			break;
		}
		case 'u':
			put_number(&o, wide ? va_arg(ap, uint64_t) : va_arg(ap, unsigned),
				   10, width, pad);
			break;
		case 'x':
			if (alt) {
				put(&o, '0');
				put(&o, 'x');
			}
			put_number(&o, wide ? va_arg(ap, uint64_t) : va_arg(ap, unsigned),
				   16, width, pad);
			break;
		case 'p':
			put(&o, '0');
			put(&o, 'x');
			put_number(&o, (uintptr_t)va_arg(ap, void *), 16, 0, ' ');
			break;
		case 0:
			fmt--; /* a lone % ends the text */
			break;
		default:
			put(&o, *fmt);
		}
	}
	if (cap > 0)
		ret[o.n < cap ? o.n : cap - 1] = 0;
	return o.n;
}

void diag_set(struct diag *d, const char *fmt, ...)
{
	va_list ap;

	if (d == NULL || d->text[0] != 0)
		return;
	va_start(ap, fmt);
	fmt_text(d->text, sizeof d->text, fmt, ap);
	va_end(ap);
}
