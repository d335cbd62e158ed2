/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Call scripts: what is read stays within its bounds, and is the same when it is written
 * and read again.
 */
#include <stdlib.h>
#include <string.h>

#include "script_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void check_data(const struct rt_script_data *d)
{
	volatile uint8_t last;

	require((uint64_t)d->n * d->times <= RT_SCRIPT_DATA_MAX);
	require(!d->null || d->p == NULL);
	if (d->n != 0 && !d->null)
		last = d->p[d->n - 1];
	(void)last;
}

static void check(const struct rt_script *s)
{
	require(s->count <= RT_SCRIPT_CALLS_MAX);
	for (size_t i = 0; i < s->count; i++) {
		const struct rt_script_call *c = &s->calls[i];

		require(c->verb < RT_CALL_VERBS && c->phases != 0);
		require(c->repeat >= 1 && c->repeat <= RT_SCRIPT_REPEAT_MAX);
		require(c->name == NULL ||
			(c->name_count <= RT_SCRIPT_NAME_MAX &&
			 ucs2_len(c->name, c->name_count + 1) == c->name_count));
		check_data(&c->data);
		check_data(&c->value);
	}
}

static void again(const struct rt_script *s)
{
	char *one = script_text(s), *two;
	struct rt_script *t = NULL;

	require(one != NULL);
	/* N*digits and \xHH may be longer than what was read */
	if (strlen(one) <= RT_SCRIPT_LEN_MAX) {
		require(rt_script_new(one, NULL, &t) == 0);
		two = script_text(t);
		require(two != NULL && strcmp(one, two) == 0);
		free(two);
	}
	rt_script_free(t);
	free(one);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct rt_script *s = NULL;
	struct diag d = {0};

	require(text != NULL);
	memcpy(text, data, size);
	text[size] = 0;
	if (rt_script_new(text, &d, &s) == 0) {
		check(s);
		again(s);
		rt_script_free(s);
	} else {
		require(d.text[0] != 0 && s == NULL);
	}
	free(text);
	return 0;
}
