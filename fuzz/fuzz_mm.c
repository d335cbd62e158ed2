/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MM messages, many in one input: each is a byte of command, two of length, then the
 * communicate buffer. The service with its guest driver's messages must answer every one,
 * and must keep its books: quotas and enumeration.
 */
#include "mm_message.h"
#include "runtserv/wire.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void check_books(const struct rts_vars *v)
{
	struct rts_vars_cursor cursor = {0};
	const struct rts_var *var;
	uint64_t used[2] = {0}, max, left, largest;

	while (rts_vars_view_next(rts_vars_current(v), &cursor, &var)) {
		require(var->name_len >= 4 && var->name[var->name_len / 2 - 1] == 0);
		require((var->attr & (EFI_VARIABLE_APPEND_WRITE | 0xffffff80U)) == 0);
		used[var->attr & 1] += 96 + (uint64_t)var->name_len + var->data_len;
	}
	if (rts_vars_query(v, 7, &max, &left, &largest) == EFI_SUCCESS)
		require(max - left == used[1]);
	require(used[0] <= max);
}

/* One line, whatever the names are. */
static void log_line(void *ctx, enum rts_log level, const char *text)
{
	(void)level;
	++*(unsigned *)ctx;
	for (; *text != 0; text++)
		require((unsigned char)*text >= 0x20 && *text != 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct rts_wire_guest_ops guest = {0};
	unsigned lines = 0;
	const struct rts_vars_config config = {.quota_nv = 4096,
					       .quota_volatile = 4096,
					       .log = log_line,
					       .log_ctx = &lines,
					       .log_level = RTS_LOG_DEBUG};
	static struct mm m;
	struct rts_wire w = {.guest = &guest};

	require(rts_vars_new(&config, &w.vars) == EFI_SUCCESS &&
		rts_vars_start(w.vars) == EFI_SUCCESS);
	while (size >= 3) {
		size_t want = (size_t)data[1] | (size_t)data[2] << 8, n, reply;

		if (data[0] == 0xff)
			rts_vars_reset(w.vars);
		data += 3;
		size -= 3;
		n = want < size ? want : size;
		memcpy(m.buf, data, n);
		data += n;
		size -= n;
		uint32_t status = rts_wire_mm(&w, m.buf, n, &reply);
		require(status == 0 ? reply >= 24 && reply <= n : reply == 0);
	}
	check_books(w.vars);
	rts_vars_free(w.vars);
	return 0;
}
