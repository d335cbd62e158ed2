/* SPDX-License-Identifier: BSD-2-Clause */
/* Threads that share out pieces of work by one counter. */
#include "os/os_threads.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

#define THREADS_MAX 64U

unsigned os_cpu_count(void)
{
	cpu_set_t set;
	/* a machine of more CPUs than the set has room for answers EINVAL */
	const long n = sched_getaffinity(0, sizeof set, &set) == 0
			       ? CPU_COUNT(&set)
			       : sysconf(_SC_NPROCESSORS_ONLN);

	return n < 1 ? 1 : n > (long)THREADS_MAX ? THREADS_MAX : (unsigned)n;
}

struct share {
	void (*work)(void *arg, unsigned i);
	void *arg;
	unsigned count;
	atomic_uint next;
};

static void *run(void *p)
{
	struct share *s = p;
	unsigned i;

	while ((i = atomic_fetch_add(&s->next, 1)) < s->count)
		s->work(s->arg, i);
	return NULL;
}

void os_parallel(void *ctx, void (*work)(void *arg, unsigned i), void *arg, unsigned count)
{
	struct share s = {.work = work, .arg = arg, .count = count};
	const unsigned cpus = os_cpu_count();
	pthread_t thread[THREADS_MAX];
	unsigned n = 0;

	(void)ctx;
	while (n + 1 < cpus && n + 1 < count &&
	       pthread_create(&thread[n], NULL, run, &s) == 0)
		n++;
	run(&s);
	while (n > 0)
		pthread_join(thread[--n], NULL);
}
