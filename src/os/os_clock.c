/* SPDX-License-Identifier: BSD-2-Clause */
/* Clocks, and what a process's age tells (proc(5), field starttime). */
#include "os/os_clock.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"

#define NS_PER_S  1000000000ULL
#define STARTTIME 22 /* its number in /proc/PID/stat; comm is number 2 */

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec t = {0};

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

uint64_t os_now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

uint64_t os_boot_ns(void)
{
	return clock_ns(CLOCK_BOOTTIME);
}

bool os_process_began_ns(pid_t pid, uint64_t *ret)
{
	char text[1024];
	const char *p;
	ssize_t n;
	uint64_t ticks, ns_per_tick;

	snprintf(text, sizeof text, "/proc/%d/stat", (int)pid);
	cleanup(closep) int fd = open(text, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, text, sizeof text - 1);
	if (n <= 0)
		return false;
	text[n] = 0;
	p = strrchr(text, ')'); /* comm is the process's own text and may hold anything */
	for (int field = 2; p != NULL && field < STARTTIME; field++)
		p = strchr(p + 1, ' ');
	if (p == NULL)
		return false;
	ticks = strtoull(p, NULL, 10);
	ns_per_tick = NS_PER_S / (uint64_t)sysconf(_SC_CLK_TCK);
	*ret = (ticks + 1) * ns_per_tick;
	return true;
}

bool os_may_spin(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 1;
}
