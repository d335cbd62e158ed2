/* SPDX-License-Identifier: BSD-2-Clause */
/* The same work on many pieces, on all CPUs that we may use. */
#pragma once

/* CPUs that may run us, at least 1 and at most 64. */
unsigned os_cpu_count(void);

/*
 * Calls work(@arg, i) for each i below @count, on at most that many threads, and returns
 * when all are done; the caller's thread is one of them. Where no thread can be had the
 * others do its share. @ctx is not used: it makes this a struct rts_scan_config.parallel.
 */
void os_parallel(void *ctx, void (*work)(void *arg, unsigned i), void *arg, unsigned count);
