/* SPDX-License-Identifier: BSD-2-Clause */
/* What verbs share: reading somebody else's file, numbers, and printing texts. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/guid.h"
#include "cli/cli.h"

#define READ_MIN 65536U /* what is made room for where the length is not known */

int cli_file_read(const char *path, size_t max, uint8_t **ret, size_t *ret_len)
{
	cleanup(closep) int fd = strcmp(path, "-") == 0
					 ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)
					 : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	cleanup(freep) uint8_t *p = NULL;
	struct stat st;
	size_t n = 0, room = 0, want = READ_MIN;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	/* One more than is there, so that the end is met without growing. */
	if (S_ISREG(st.st_mode) && st.st_size >= (off_t)want)
		want = (uintmax_t)st.st_size > max ? max + 1 : (size_t)st.st_size + 1;
	for (;;) {
		ssize_t got;

		if (n == room) {
			uint8_t *more = realloc(p, want);

			if (more == NULL)
				return -ENOMEM;
			p = more;
			room = want;
			want = room > max / 2 ? max + 1 : room * 2;
		}
		got = read(fd, p + n, room - n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		n += (size_t)got;
		if (n > max)
			return -EFBIG;
		if (got == 0)
			break;
	}
	*ret = take_ptr(p);
	*ret_len = n;
	return 0;
}

bool cli_number(const char *text, size_t n, uint64_t min, uint64_t max, uint64_t *ret)
{
	const bool hex = n > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	const int base = hex ? 16 : 10;
	uint64_t v = 0;

	for (size_t i = hex ? 2 : 0; i < n; i++) {
		const int digit = hex_digit(text[i]);

		if (digit < 0 || digit >= base ||
		    __builtin_mul_overflow(v, (uint64_t)base, &v) ||
		    __builtin_add_overflow(v, (uint64_t)digit, &v))
			return false;
	}
	if (n == 0 || v < min || v > max)
		return false;
	*ret = v;
	return true;
}

bool cli_is_unsafe(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x61c ||
	       (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
	       (c >= 0x2060 && c <= 0x206f) || c == 0xfeff;
}

size_t cli_utf8_next(const char *s, uint32_t *ret)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	const uint8_t *p = (const uint8_t *)s;
	const size_t len = *p < 0x80   ? 1
			   : *p < 0xc2 ? 0
			   : *p < 0xe0 ? 2
			   : *p < 0xf0 ? 3
			   : *p < 0xf5 ? 4
				       : 0;
	uint32_t c = len == 1 ? *p : *p & (0xffU >> (len + 1));

	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3fU);
	}
	if (c < least[len] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return 0;
	*ret = c;
	return len;
}

char *cli_clean_text(char *text)
{
	const char *from = text;
	char *to = text;

	while (*from != 0) {
		uint32_t c;
		size_t len = cli_utf8_next(from, &c);

		if (len == 0 || cli_is_unsafe(c)) {
			*to++ = '?';
		} else {
			memmove(to, from, len);
			to += len;
		}
		from += len != 0 ? len : 1;
	}
	*to = 0;
	return text;
}

void cli_print_text(FILE *to, const char *text)
{
	char *copy = strdup(text);

	if (copy != NULL)
		fputs(cli_clean_text(copy), to);
	free(copy);
}
