/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Call scripts: which runtime services `run` calls, with what, and what they should answer.
 * The text is parsed here, into plain records; rt_calls.c carries them out. Pure: no system
 * calls, no output. runtserv-run(1) has the format.
 */
#pragma once

#include "base/diag.h"
#include "runtime/rt_shared.h"

#define RT_SCRIPT_LEN_MAX    (1U << 20) /* of the text */
#define RT_SCRIPT_CALLS_MAX  4096U
#define RT_SCRIPT_DATA_MAX   (64U << 10)
#define RT_SCRIPT_NAME_MAX   1024U /* characters */
#define RT_SCRIPT_REPEAT_MAX 1000000U

enum rt_verb {
	RT_CALL_GET,
	RT_CALL_SET,
	RT_CALL_APPEND,
	RT_CALL_DELETE,
	RT_CALL_NEXT,
	RT_CALL_NEXT_HAS,
	RT_CALL_NEXT_LACKS,
	RT_CALL_NEXT_FROM,
	RT_CALL_QUERY,
	RT_CALL_GET_TIME,
	RT_CALL_SET_TIME,
	RT_CALL_GET_WAKEUP,
	RT_CALL_SET_WAKEUP,
	RT_CALL_SET_WAKEUP_OFF,
	RT_CALL_MONO,
	RT_CALL_QUERY_CAPSULE,
	RT_CALL_UPDATE_CAPSULE,
	RT_CALL_RESET,
	RT_CALL_STATUS_CODE,
	RT_CALL_MM_TRIGGER,
	RT_CALL_FVB_ATTRIBUTES,
	RT_CALL_FVB_ADDRESS,
	RT_CALL_FVB_BLOCK_SIZE,
	RT_CALL_FVB_READ,
	RT_CALL_VERBS,
};

/* Bytes: @n of them, @times over; at most RT_SCRIPT_DATA_MAX in all. */
struct rt_script_data {
	const uint8_t *p;
	uint32_t n, times;
	bool null; /* a NULL pointer in place of them; p is NULL */
};

/* One line. Members that its verb does not have are zero. */
struct rt_script_call {
	uint8_t verb;    /* enum rt_verb */
	uint8_t phases;  /* bit 1 << enum rt_phase */
	uint32_t line;   /* from 1 */
	uint32_t repeat; /* at least 1 */

	const CHAR16 *name; /* NUL-terminated; NULL where the verb has none */
	size_t name_count;  /* characters, without the NUL */
	EFI_GUID guid;
	uint32_t attributes;
	struct rt_script_data data;
	uint64_t number[3];
	EFI_TIME time;
	bool has_buffer; /* number[0] is the size of a buffer; data.null: of none */

	/* what it should answer */
	bool any;
	EFI_STATUS status;
	bool has_value, has_value_attributes, has_value_time;
	struct rt_script_data value;
	uint32_t value_attributes;
	EFI_TIME value_time;
};

struct rt_script {
	struct rt_script_call *calls;
	size_t count;
	uint8_t *bytes; /* what calls[].name, data and value point into */
};

/* Parses @text; 0, or -EINVAL with line and column in @d, or -ENOMEM. */
int rt_script_new(const char *text, struct diag *d, struct rt_script **ret);
/* @s may be NULL. */
void rt_script_free(struct rt_script *s);

/* "get", "fvb read": how scripts spell it. */
const char *rt_verb_name(enum rt_verb verb);

/* rt_battery.c: the script that is run where the user gives none. */
extern const char rt_battery[];
