/* SPDX-License-Identifier: BSD-2-Clause */
/* The store's reader, and the round trip: what it reads, it writes so that it reads the
 * same again. The first byte 'R' makes the rest a STORE.run. */
#include <stdlib.h>
#include <string.h>

#include "store/store_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void quiet(void *ctx, enum rts_log level, const char *text)
{
	(void)ctx;
	(void)level;
	if (strlen(text) == 0) /* every message says something */
		abort();
}

static struct rts_vars *new_vars(void)
{
	struct rts_vars *v;

	if (EFI_ERROR(rts_vars_new(&(struct rts_vars_config){0}, &v)))
		abort();
	return v;
}

static bool load(const char *text, size_t len, struct rts_vars *v)
{
	const struct store_source in = {"fuzz", text, len, quiet, NULL};
	struct diag d = {0};
	bool lossy;
	int r = store_json_parse(&in, v, &lossy, &d);

	if ((r < 0) != (d.text[0] != 0)) /* an error has a text, and nothing else has */
		abort();
	return r == 0;
}

static bool load_run(const char *text, size_t len, struct rts_vars *v)
{
	const struct store_source in = {"fuzz", text, len, quiet, NULL};
	bool taken;
	uint64_t written;

	return store_run_parse(&in, "boot", v, &taken, &written) == 0 && taken;
}

static void write_both(const struct rts_vars *v, struct store_text *nv,
		       struct store_text *run)
{
	if (store_json_write(rts_vars_current(v), NULL, nv) < 0 ||
	    store_run_write(rts_vars_current(v), "boot", 1, run) < 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const bool run = size > 0 && data[0] == 'R';
	const char *text = (const char *)data + run;
	struct rts_vars *v = new_vars(), *again = new_vars();
	struct store_text nv[2] = {0}, state[2] = {0};

	if (run ? load_run(text, size - 1, v) : load(text, size, v)) {
		write_both(v, &nv[0], &state[0]);
		if (!load(nv[0].p, nv[0].n, again) ||
		    !load_run(state[0].p, state[0].n, again))
			abort();
		write_both(again, &nv[1], &state[1]);
		/* locks come back in another order */
		if (nv[0].n != nv[1].n || memcmp(nv[0].p, nv[1].p, nv[0].n) != 0 ||
		    state[0].n != state[1].n)
			abort();
	}
	for (int i = 0; i < 2; i++) {
		store_text_fini(&nv[i]);
		store_text_fini(&state[i]);
	}
	rts_vars_free(v);
	rts_vars_free(again);
	return 0;
}
