/* SPDX-License-Identifier: BSD-2-Clause */
/* Bounded access to untrusted bytes. Freestanding; allocates nothing. */
#include "base/bytes.h"

#include "base/mem.h"

bool bytes_sub(struct bytes b, uint64_t off, uint64_t len, struct bytes *ret)
{
	if (off > b.n || len > b.n - off) /* a difference cannot wrap; a sum can */
		return false;
	*ret = (struct bytes){b.p + off, (size_t)len};
	return true;
}

bool bytes_read(struct bytes b, uint64_t off, void *ret, size_t len)
{
	struct bytes sub;

	if (!bytes_sub(b, off, len, &sub))
		return false;
	memcpy(ret, sub.p, len);
	return true;
}

void writer_put(struct writer *w, const void *p, size_t len)
{
	if (w->full || len > w->cap - w->n) {
		w->full = true;
		w->n += len;
		return;
	}
	memcpy(w->p + w->n, p, len);
	w->n += len;
}
