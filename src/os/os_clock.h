/* SPDX-License-Identifier: BSD-2-Clause */
/* Clocks in nanoseconds, and what a process's age tells. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

uint64_t os_now_ns(void); /* CLOCK_MONOTONIC: for time-outs */
uint64_t
os_boot_ns(void); /* CLOCK_BOOTTIME: comparable between processes of one boot of the host */

/* When process @pid began, as os_boot_ns() counts. False: it cannot be told. The kernel
 * counts in ticks (10 ms); the end of the tick is returned. */
bool os_process_began_ns(pid_t pid, uint64_t *ret);

/* More than one CPU may run us: waiting in a loop does not keep the other side from
 * running. */
bool os_may_spin(void);
