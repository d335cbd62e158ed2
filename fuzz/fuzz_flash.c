/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The store's other formats. The first byte says where the rest goes in a flash image that
 * is good otherwise: H its headers, V its variables, Q the queue of writes (with a spare
 * area that has the variables of the corpus); or F a folder's listing, A an .auth file.
 * What an image says it holds, it still holds when it was written again.
 */
#include <stdlib.h>
#include <string.h>

#include "store/store_auth.h"
#include "store/store_flash.h"
#include "store/store_folder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FILE_LEN 0x20000U
#define REGION   0xe000U
#define QUEUE    0xf020U
#define SPARE    0x10000U

static void check(bool good)
{
	if (!good)
		abort();
}

static struct rts_vars *new_vars(void)
{
	const struct rts_vars_config config = {.quota_nv = UINT64_MAX,
					       .quota_volatile = UINT64_MAX};
	struct rts_vars *v;

	check(!EFI_ERROR(rts_vars_new(&config, &v)));
	return v;
}

static bool load(const struct store_text *image, struct rts_vars *v,
		 struct store_text *certdb)
{
	const struct store_source in = {"fuzz", image->p, image->n, NULL, NULL};
	struct diag d = {0};
	int r = store_flash_parse(&in, v, certdb, &d);

	check((r < 0) == (d.text[0] != 0)); /* an error has a text, and nothing else has */
	return r == 0;
}

static void json_of(const struct rts_vars *v, struct store_text *ret)
{
	check(store_json_write(rts_vars_current(v), NULL, ret) == 0);
}

static void same(struct rts_vars *a, struct rts_vars *b)
{
	struct store_text x = {0}, y = {0};

	json_of(a, &x);
	json_of(b, &y);
	check(x.n == y.n && memcmp(x.p, y.p, x.n) == 0);
	store_text_fini(&x);
	store_text_fini(&y);
}

static void fuzz_flash(char where, const uint8_t *data, size_t size)
{
	struct rts_vars *v = new_vars(), *again = new_vars();
	struct store_text image = {0}, out = {0}, certdb = {0};
	struct store_flash_new w = {.view = rts_vars_current(v), .layout = "2m"};
	struct diag d = {0};

	check(store_flash_write(&w, "fuzz", &image, NULL) == 0 && image.n == FILE_LEN);
	if (where == 'Q') {
		memcpy(image.p + SPARE, image.p, REGION);
		memset(image.p, 0xff, 0x1000);
		memcpy(image.p + QUEUE, data, size < 0xfe0 ? size : 0xfe0);
	} else {
		const size_t at = where == 'V' ? 0x64 : 0;

		memcpy(image.p + at, data, size < REGION - at ? size : REGION - at);
	}
	if (load(&image, v, &certdb)) {
		w.view = rts_vars_current(v);
		w.layout = NULL;
		w.base = (struct bytes){(const uint8_t *)image.p, image.n};
		w.certdb = (struct bytes){(const uint8_t *)certdb.p, certdb.n};
		/* a full one may have no room for a certdb that says less */
		if (store_flash_write(&w, "fuzz", &out, &d) == 0) {
			check(load(&out, again, &certdb));
			same(v, again);
		}
	}
	store_text_fini(&image);
	store_text_fini(&out);
	store_text_fini(&certdb);
	rts_vars_free(v);
	rts_vars_free(again);
}

static void fuzz_folder(const uint8_t *data, size_t size)
{
	const struct store_source in = {"fuzz", (const char *)data, size, NULL, NULL};
	struct rts_vars *v = new_vars(), *again = new_vars();
	struct store_text out[2] = {0};
	struct diag d = {0};
	int r = store_folder_parse(&in, v, &d);

	check((r < 0) == (d.text[0] != 0));
	if (r == 0 && store_folder_write(rts_vars_current(v), "fuzz", &out[0], &d) == 0) {
		const struct store_source back = {"fuzz", out[0].p, out[0].n, NULL, NULL};

		check(store_folder_parse(&back, again, NULL) == 0);
		check(store_folder_write(rts_vars_current(again), "fuzz", &out[1], NULL) ==
		      0);
		check(out[0].n == out[1].n && memcmp(out[0].p, out[1].p, out[0].n) == 0);
	}
	store_text_fini(&out[0]);
	store_text_fini(&out[1]);
	rts_vars_free(v);
	rts_vars_free(again);
}

static void fuzz_auth(const uint8_t *data, size_t size)
{
	struct store_auth auth;
	struct diag d = {0};
	const int r = store_auth_parse("fuzz", (struct bytes){data, size}, &auth, &d);

	check(r < 0 || 40 + auth.signature.n + auth.payload.n == size);
	check((r < 0) == (d.text[0] != 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char where = size > 0 ? (char)data[0] : 0;

	if (where == 'H' || where == 'V' || where == 'Q')
		fuzz_flash(where, data + 1, size - 1);
	else if (where == 'F')
		fuzz_folder(data + 1, size - 1);
	else if (where == 'A')
		fuzz_auth(data + 1, size - 1);
	return 0;
}
