/* SPDX-License-Identifier: BSD-2-Clause */
/* What a function says on stderr. */
#pragma once

#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct stderr_text {
	int saved;
	FILE *to;
	char text[2048];
};

static inline void stderr_begin(struct stderr_text *t)
{
	fflush(stderr);
	t->to = tmpfile();
	t->saved = dup(STDERR_FILENO);
	dup2(fileno(t->to), STDERR_FILENO);
}

/* All of it, as far as there is room. */
static inline const char *stderr_end(struct stderr_text *t)
{
	size_t n;

	fflush(stderr);
	dup2(t->saved, STDERR_FILENO);
	close(t->saved);
	rewind(t->to);
	n = fread(t->text, 1, sizeof t->text - 1, t->to);
	t->text[n] = 0;
	fclose(t->to);
	return t->text;
}
