/* SPDX-License-Identifier: BSD-2-Clause */
/* What every benchmark needs: clocks, medians, and a ratio beside its limit. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* Nanoseconds: CLOCK_MONOTONIC where others do part of the work, CLOCK_THREAD_CPUTIME_ID
 * where what they do is not ours. */
static inline double bench_now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static inline int bench_by_value(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Sorts @v. */
static inline double bench_median(double *v, size_t n)
{
	qsort(v, n, sizeof *v, bench_by_value);
	return v[n / 2];
}

/* Ratios that miss their limit: the program's exit status. */
static int bench_missed;

static inline const char *bench_against(double ratio, double limit)
{
	static char text[64];

	bench_missed += ratio > limit;
	snprintf(text, sizeof text, "%7.2fx  (limit %gx)%s", ratio, limit,
		 ratio > limit ? "  MISSED" : "");
	return text;
}
