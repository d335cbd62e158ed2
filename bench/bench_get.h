/* SPDX-License-Identifier: BSD-2-Clause */
/* Variables with names from numbers, and what it costs to read them through wire and vars.
 */
#pragma once

#include "bench.h"
#include "mm_message.h"
#include "runtserv/wire.h"

#define SAMPLE    100U
#define VALUE_LEN 32U

static const EFI_GUID ns = {0x11111111, 0x2222, 0x3333, {1, 2, 3, 4, 5, 6, 7, 8}};

static void die(const char *what)
{
	perror(what);
	exit(2);
}

static void name_of(unsigned i, CHAR16 name[8])
{
	name[0] = 'V';
	for (unsigned k = 6; k > 0; k--, i /= 10)
		name[k] = (CHAR16)('0' + i % 10);
	name[7] = 0;
}

/* A call, of the same SAMPLE of @count names, spread over the store, read again and again.
 */
static double time_get(struct rts_wire *w, unsigned count, unsigned calls, clockid_t clock)
{
	static struct {
		_Alignas(64) uint8_t buf[192];
		size_t len;
	} messages[SAMPLE];
	static struct mm m;
	CHAR16 name[8];
	size_t n;
	double t;

	for (unsigned i = 0; i < SAMPLE; i++) {
		name_of(i * (count / SAMPLE), name);
		mm_access(&m, SMM_VARIABLE_FUNCTION_GET_VARIABLE, &ns, name, 16, 0, NULL,
			  VALUE_LEN);
		memcpy(messages[i].buf, m.buf, m.len);
		messages[i].len = m.len;
	}
	t = bench_now(clock);
	for (unsigned i = 0; i < calls; i++)
		if (rts_wire_mm(w, messages[i % SAMPLE].buf, messages[i % SAMPLE].len,
				&n) != 0)
			die("wire");
	t = bench_now(clock) - t;
	for (unsigned i = 0; i < SAMPLE; i++)
		if (messages[i].buf[MM_PAYLOAD + SMM_ACCESS_VARIABLE_NAME + 16] !=
		    (uint8_t)(i * (count / SAMPLE)))
			die("wrong value");
	return t / calls;
}
