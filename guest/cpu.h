/* SPDX-License-Identifier: BSD-2-Clause */
/* The few instructions that differ between x86-64 and aarch64: barriers, counter, wait,
 * caches, debug port. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__)

/* Loads and stores stay in order here; only the compiler must be told. */
static inline void cpu_barrier(void)
{
	__asm__ volatile("" ::: "memory");
}

static inline void cpu_relax(void)
{
	__asm__ volatile("pause" ::: "memory");
}

static inline uint64_t cpu_ticks(void)
{
	uint32_t lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi)::"memory");
	return (uint64_t)hi << 32 | lo;
}

/* 0: not known, to be measured. */
static inline uint64_t cpu_ticks_per_second(void)
{
	return 0;
}

/* QEMU's isa-debugcon at 0x402 reads back 0xe9 where it exists. */
#define CPU_DEBUG_PORT 0x402U

static inline int cpu_has_debug_port(void)
{
	uint8_t v;

	__asm__ volatile("inb %w1, %b0" : "=a"(v) : "Nd"(CPU_DEBUG_PORT));
	return v == 0xe9;
}

static inline void cpu_debug_char(char c)
{
	__asm__ volatile("outb %b0, %w1" ::"a"(c), "Nd"(CPU_DEBUG_PORT));
}

#elif defined(__aarch64__)

/* The page is device memory to us and ordinary memory to the host: order everything for
 * everybody. */
static inline void cpu_barrier(void)
{
	__asm__ volatile("dmb sy" ::: "memory");
}

static inline void cpu_relax(void)
{
	__asm__ volatile("yield" ::: "memory");
}

static inline uint64_t cpu_ticks(void)
{
	uint64_t v;

	__asm__ volatile("isb; mrs %0, cntvct_el0" : "=r"(v)::"memory");
	return v;
}

static inline uint64_t cpu_ticks_per_second(void)
{
	uint64_t v;

	__asm__ volatile("mrs %0, cntfrq_el0" : "=r"(v));
	return v;
}

static inline int cpu_has_debug_port(void)
{
	return 0;
}

static inline void cpu_debug_char(char c)
{
	(void)c;
}

#else
#error "x86-64 or aarch64"
#endif
