/* SPDX-License-Identifier: BSD-2-Clause */
/* Building MM communicate messages for tests, fuzz targets and benchmarks. */
#pragma once

#include "uefi/guids.h"
#include "uefi/mm.h"

#include <string.h>

/* A message under construction or after its answer: header, then Data. */
struct mm {
	_Alignas(8) uint8_t buf[MM_BUFFER_MAX];
	size_t len;
};

static inline void mm_begin(struct mm *m, EFI_GUID handler)
{
	memcpy(m->buf, &handler, sizeof handler);
	m->len = sizeof(EFI_MM_COMMUNICATE_HEADER);
}

static inline void mm_put(struct mm *m, const void *p, size_t n)
{
	memcpy(m->buf + m->len, p, n);
	m->len += n;
}

/* Ends the message: sets MessageLength. */
static inline void mm_end(struct mm *m)
{
	uint64_t n = m->len - sizeof(EFI_MM_COMMUNICATE_HEADER);

	memcpy(m->buf + 16, &n, sizeof n);
}

/* Begins a variable message; ReturnStatus is a value that no service answers. */
#define MM_UNTOUCHED 0x5555ULL
static inline void mm_function(struct mm *m, EFI_GUID handler, uint64_t function)
{
	const SMM_VARIABLE_COMMUNICATE_HEADER h = {function, MM_UNTOUCHED};

	mm_begin(m, handler);
	mm_put(m, &h, sizeof h);
}

/* GET_VARIABLE and SET_VARIABLE; @data NULL leaves room for @data_len bytes. */
static inline void mm_access(struct mm *m, uint64_t function, const EFI_GUID *guid,
			     const CHAR16 *name, size_t name_len, uint32_t attr,
			     const void *data, size_t data_len)
{
	const SMM_VARIABLE_COMMUNICATE_ACCESS_VARIABLE a = {*guid, data_len, name_len,
							    attr};

	mm_function(m, (EFI_GUID)EFI_SMM_VARIABLE_PROTOCOL_GUID, function);
	mm_put(m, &a, SMM_ACCESS_VARIABLE_NAME);
	mm_put(m, name, name_len);
	if (data != NULL)
		mm_put(m, data, data_len);
	else
		m->len += data_len;
	mm_end(m);
}

static inline EFI_STATUS mm_status(const struct mm *m)
{
	EFI_STATUS s;

	memcpy(&s, m->buf + 32, sizeof s);
	return s;
}

/* The payload: what follows function and status. */
#define MM_PAYLOAD 40U
