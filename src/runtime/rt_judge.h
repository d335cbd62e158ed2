/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The parent's side of a run, within this room: rt_check.c makes records safe to read,
 * rt_judge.c finds the rule, rt_tell.c the words.
 */
#pragma once

#include "runtime/runtime.h"
#include "runtserv/pe.h"

/* A rule that no record may name: what rt_check() makes of one that does not exist. */
#define RT_RULE_NONE (RT_RULE_COUNT + 1U)

/*
 * Copies what a run left, so that it can be read without further checks: counts and
 * indices are in range (RT_NOBODY, -1 for those that were not), strings end and are
 * printable UTF-8, blocks and images neither wrap nor touch the ends of the address space
 * (address 0 for those that did). @ret may be @s.
 */
void rt_check(const struct rt_shared *s, struct rt_shared *ret);

/* One record, and what it is judged by. */
struct rt_case {
	const struct runtime_config *config; /* or NULL */
	const struct rt_shared *s;           /* checked */
	struct bytes ram;
	uint64_t ram_base;
	const struct rt_record *rec;
};

enum rt_side { RT_WITHIN, RT_BELOW, RT_ABOVE };

/* Where an address lies, as seen from a block, and the rule that makes of it. */
struct rt_spot {
	uint32_t rule;
	int32_t block; /* -1: near none */
	enum rt_side side;
	bool own_page;     /* in the block's pages; else in the guards around them */
	uint64_t distance; /* from the block's first byte, or from its end */
};

/* The fault's address is not known: the processor does not say it. */
bool rt_case_no_address(const struct rt_case *c);

/* What had been asked for and is not there explains this record. */
bool rt_case_unmet(const struct rt_case *c, uint32_t rule);

/* A driver as its file has it, and its section that has @offset; false: not known. */
bool rt_case_image(const struct rt_case *c, uint16_t image, struct rts_pe_image *ret);
bool rt_case_section(const struct rt_case *c, uint16_t image, uint64_t offset,
		     struct rts_pe_section *ret);

bool rt_is_boot_type(uint32_t type);

/* Fills the finding for c->rec, whose rule is spot->rule. */
void rt_tell(const struct rt_case *c, const struct rt_spot *spot,
	     struct runtime_finding *ret);

/* The finding for a subject that was not started, or gave up, for want of something; false:
 * there is none. */
bool rt_tell_unmet(const struct rt_shared *s, uint16_t image, struct runtime_finding *ret);
