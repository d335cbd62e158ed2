/* SPDX-License-Identifier: BSD-2-Clause */
/* Drivers of a firmware image by name or GUID, and what was meant by a name that is not
 * there. */
#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/guid.h"
#include "cli/cli.h"
#include "cli/run.h"
#include "uefi/fv.h"

#define VERB      "run"
#define GUIDS_MAX 4U  /* that are told of an ambiguous name */
#define NEAR_MAX  3U  /* names that are suggested */
#define LETTERS   64U /* of a name that are compared */

/* What DXE can start; PEI and MM images have another entry point. */
static bool can_run(const struct rts_fv_file *f)
{
	return f->image.n != 0 && (f->type == EFI_FV_FILETYPE_DRIVER ||
				   f->type == EFI_FV_FILETYPE_APPLICATION ||
				   f->type == EFI_FV_FILETYPE_COMBINED_PEIM_DRIVER ||
				   f->type == EFI_FV_FILETYPE_COMBINED_MM_DXE);
}

static bool matches(const struct rts_fv_file *f, const char *word, const EFI_GUID *guid)
{
	return guid != NULL ? guid_eq(&f->guid, guid)
			    : f->name != NULL && strcasecmp(f->name, word) == 0;
}

static int ambiguous(const struct rts_fv *fv, const char *word)
{
	char guids[GUIDS_MAX * (GUID_TEXT_LEN + 2) + 1] = "", text[GUID_TEXT_LEN + 1];
	size_t n = 0;

	for (size_t i = 0; i < rts_fv_file_count(fv); i++) {
		const struct rts_fv_file *f = rts_fv_file(fv, i);

		if (!can_run(f) || !matches(f, word, NULL) || n++ >= GUIDS_MAX)
			continue;
		guid_to_text(&f->guid, text);
		snprintf(guids + strlen(guids), sizeof guids - strlen(guids), "%s%s",
			 n > 1 ? ", " : "", text);
	}
	return cli_error(VERB, "%s: the name of %zu drivers; say which by its GUID: %s",
			 word, n, guids);
}

int run_find(const struct rts_fv *fv, const char *word, const struct rts_fv_file **ret)
{
	const struct rts_fv_file *other = NULL;
	EFI_GUID guid;
	const bool by_guid = guid_from_text(word, strlen(word), &guid);

	*ret = NULL;
	for (size_t i = 0; fv != NULL && i < rts_fv_file_count(fv); i++) {
		const struct rts_fv_file *f = rts_fv_file(fv, i);

		if (!matches(f, word, by_guid ? &guid : NULL))
			continue;
		if (!can_run(f))
			other = f;
		else if (*ret == NULL)
			*ret = f;
		else if (!guid_eq(&(*ret)->guid, &f->guid))
			return ambiguous(fv, word);
	}
	if (*ret == NULL && other != NULL)
		return cli_error(
			VERB, "%s: file type 0x%02x; only DXE drivers and applications run",
			word, other->type);
	return EXIT_WELL;
}

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* How many letters one has to change, add or drop; case does not count. */
static unsigned distance(const char *a, const char *b)
{
	const size_t n = strnlen(b, LETTERS);
	unsigned row[LETTERS + 1];

	for (unsigned k = 0; k <= n; k++)
		row[k] = k;
	for (unsigned i = 1; i <= LETTERS && a[i - 1] != 0; i++) {
		unsigned corner = row[0];

		row[0] = i;
		for (size_t k = 1; k <= n; k++) {
			const bool same = tolower((unsigned char)a[i - 1]) ==
					  tolower((unsigned char)b[k - 1]);
			const unsigned here =
				least(corner + !same, least(row[k], row[k - 1]) + 1);

			corner = row[k];
			row[k] = here;
		}
	}
	return row[n];
}

/* A third of the letters may be wrong, or some left out at the ends; UINT_MAX: the user
 * meant something else. */
static unsigned unlikeness(const struct rts_fv_file *f, const char *word)
{
	unsigned d;

	if (!can_run(f) || f->name == NULL)
		return UINT_MAX;
	d = distance(word, f->name);
	return d <= strlen(word) / 3 || strcasestr(f->name, word) != NULL ? d : UINT_MAX;
}

/* The nearest name that is not in @taken; NULL: there is none. */
static const char *nearest(const struct rts_fv *fv, const char *word,
			   const char *const taken[NEAR_MAX])
{
	unsigned best = UINT_MAX;
	const char *name = NULL;

	for (size_t i = 0; i < rts_fv_file_count(fv); i++) {
		const struct rts_fv_file *f = rts_fv_file(fv, i);
		const unsigned d = unlikeness(f, word);
		bool again = false;

		for (size_t k = 0; d < best && k < NEAR_MAX && taken[k] != NULL; k++)
			again = again || strcmp(taken[k], f->name) == 0;
		if (d < best && !again) {
			best = d;
			name = f->name;
		}
	}
	return name;
}

int run_not_found(const struct rts_fv *fv, const char *path, const char *word)
{
	const char *near[NEAR_MAX] = {0};
	char text[NEAR_MAX * (LETTERS + 4)] = "";

	if (fv == NULL)
		return cli_error(VERB, "%s: no such file; a driver's name needs --firmware",
				 word);
	for (size_t n = 0; n < NEAR_MAX && (n == 0 || near[n - 1] != NULL); n++) {
		near[n] = nearest(fv, word, near);
		if (near[n] != NULL)
			snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s",
				 n == 0 ? "; perhaps " : " or ", near[n]);
	}
	rt_clean(text, sizeof text);
	return cli_error(VERB, "%s: no file, and no driver of that name in %s%s", word,
			 path, text);
}
