/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Carries out call scripts in the child. Arguments lie in the caller's memory, each in
 * pages of its own that end where it ends; what a call answers is compared with what the
 * line expects, and with what the service may answer at all. A line keeps its number in
 * every run, so that one which ended a run can be left out of the next.
 */
#include <stdio.h>
#include <string.h>

#include "base/guid.h"
#include "base/ucs2.h"
#include "runtime/rt_judge.h"
#include "runtime/rt_priv.h"
#include "runtime/rt_script.h"

#define PAGE          4096ULL
#define STACK_PATTERN 0x5c
#define VARIABLE_MAX  (1U << 20) /* that a service may say a variable has */
#define NAME_LEN_MAX  (64U << 10)
#define NAME_GROWS    16U    /* steps to the longest name; then NAME_LEN_MAX */
#define VARIABLES_MAX 65536U /* in one enumeration */
#define BUFFERS_KEPT  32U    /* over repetitions whose sizes differ */
#define TIME_SLACK_S  60     /* that a clock may have moved on by */

/* Services by their place in shared->services: those of the table, then protocols. */
enum {
	GET_TIME,
	SET_TIME,
	GET_WAKEUP_TIME,
	SET_WAKEUP_TIME,
	GET_VARIABLE = 6,
	GET_NEXT_VARIABLE_NAME,
	SET_VARIABLE,
	GET_NEXT_HIGH_MONOTONIC_COUNT,
	RESET_SYSTEM,
	UPDATE_CAPSULE,
	QUERY_CAPSULE_CAPABILITIES,
	QUERY_VARIABLE_INFO,
	REPORT_STATUS_CODE,
	MM_TRIGGER,
	FVB_GET_ATTRIBUTES,
	FVB_GET_PHYSICAL_ADDRESS,
	FVB_GET_BLOCK_SIZE,
	FVB_READ,
	SERVICES_END,
};
_Static_assert(REPORT_STATUS_CODE == RT_RUNTIME_SERVICES, "services");
_Static_assert(SERVICES_END <= RT_SERVICES_MAX, "services");

static const EFI_GUID status_code_guid = EFI_STATUS_CODE_RUNTIME_PROTOCOL_GUID,
		      mm_control_guid = EFI_SMM_CONTROL2_PROTOCOL_GUID,
		      fvb_guid = EFI_FIRMWARE_VOLUME_BLOCK2_PROTOCOL_GUID;

#define FVB(member) offsetof(EFI_FIRMWARE_VOLUME_BLOCK2_PROTOCOL, member)
static const struct {
	const char *name;
	const EFI_GUID *guid;
	size_t offset;
	bool by_consumer; /* its consumers convert the pointers in it */
} protocols[SERVICES_END - REPORT_STATUS_CODE] = {
	{"StatusCode.ReportStatusCode", &status_code_guid, 0, false},
	{"SmmControl2.Trigger", &mm_control_guid, 0, true},
	{"Fvb.GetAttributes", &fvb_guid, FVB(GetAttributes), true},
	{"Fvb.GetPhysicalAddress", &fvb_guid, FVB(GetPhysicalAddress), true},
	{"Fvb.GetBlockSize", &fvb_guid, FVB(GetBlockSize), true},
	{"Fvb.Read", &fvb_guid, FVB(Read), true},
};

/* The arguments of a call that lie in memory, by what they are. */
enum {
	NAME,
	GUID,
	ATTRIBUTES,
	SIZE,
	DATA,
	FIRST,
	SECOND,
	THIRD,
	BUFFERS,
};

struct run {
	struct rt *rt;
	const struct rt_script_call *c;
	enum rt_phase phase;
	unsigned service;
	uint64_t fn, self; /* self: a protocol's interface, as drivers see it now */
	struct {
		void *p;
		uint64_t size;
		uint32_t block;
	} buffers[BUFFERS];
	unsigned made;     /* buffers, since they were last given back */
	const char *wrong; /* what the answer breaks beside its status, or NULL */
};

/* Memory of the caller, the same for all repetitions. @fresh may be NULL. */
static void *buffer(struct run *r, unsigned which, uint64_t size, uint64_t align,
		    const char *name, bool *fresh)
{
	const bool there = r->buffers[which].p != NULL && r->buffers[which].size == size;

	if (fresh != NULL)
		*fresh = !there;
	if (!there) {
		/* no byte at all: the guard page behind one */
		uint8_t *p = rt_caller_buffer(r->rt, size != 0 ? size : 1, align, name);

		r->buffers[which].p = p + (size == 0);
		r->buffers[which].size = size;
		r->made++;
		r->buffers[which].block = atomic_load(&r->rt->shared->blocks_count) - 1;
	}
	return r->buffers[which].p;
}

static uint64_t *number_buffer(struct run *r, unsigned which, const char *name)
{
	return buffer(r, which, sizeof(uint64_t), 8, name, NULL);
}

static CHAR16 *name_buffer(struct run *r)
{
	const size_t len = (r->c->name_count + 1) * sizeof(CHAR16);
	CHAR16 *p = buffer(r, NAME, len, sizeof(CHAR16), "VariableName", NULL);

	memcpy(p, r->c->name, len);
	return p;
}

static EFI_GUID *guid_buffer(struct run *r, const char *name)
{
	EFI_GUID *p = buffer(r, GUID, sizeof *p, 8, name, NULL);

	*p = r->c->guid;
	return p;
}

static uint64_t data_len(const struct rt_script_data *d)
{
	return (uint64_t)d->n * d->times;
}

static void *data_buffer(struct run *r, uint64_t header_len, const char *name)
{
	const struct rt_script_data *d = &r->c->data;
	bool fresh;
	uint8_t *p;

	if (d->null)
		return NULL;
	/* plain data may lie anywhere, a header is a structure */
	p = buffer(r, DATA, header_len + data_len(d), header_len != 0 ? 8 : 1, name,
		   &fresh);
	for (size_t i = 0; fresh && i < d->times; i++)
		memcpy(p + header_len + i * d->n, d->p, d->n);
	return p;
}

static void expect_data(struct run *r, const uint8_t *p, uint64_t n)
{
	const struct rt_script_data *d = &r->c->value;

	if (!r->c->has_value)
		return;
	if (n != data_len(d)) {
		r->wrong = "the length of the data is not what is expected";
		return;
	}
	for (size_t i = 0; i < d->times; i++)
		if (memcmp(p + i * d->n, d->p, d->n) != 0)
			r->wrong = "the data is not what is expected";
}

/* @size: what is told of it. */
static bool is_longer_name(uint64_t size, uint64_t cap)
{
	return size > cap && size <= NAME_LEN_MAX && size % sizeof(CHAR16) == 0;
}

/* What the driver wrote around a buffer, within the buffer's own pages. */
static void check_buffers(struct run *r)
{
	for (unsigned i = 0; i < BUFFERS; i++) {
		const uint64_t at = (uint64_t)r->buffers[i].p,
			       end = at + r->buffers[i].size;
		const uint64_t from = at & ~(PAGE - 1), to = (end + PAGE - 1) & ~(PAGE - 1);
		uint64_t bad = 0;

		if (at == 0 || r->buffers[i].size == 0)
			continue;
		/* the byte nearest to the buffer says most */
		for (uint64_t k = from; k < at; k++)
			if (*(const uint8_t *)k != RT_CANARY)
				bad = k;
		for (uint64_t k = to; k-- > end;)
			if (*(const uint8_t *)k != RT_CANARY)
				bad = k;
		if (bad == 0)
			continue;
		rt_find(r->rt, RT_CALLER_BUFFER_OVERFLOW, rt_place_of(r->rt, r->fn), bad,
			"%s wrote %s the caller's buffer %s of %llu bytes",
			r->rt->shared->services[r->service].name,
			bad < at ? "before" : "behind",
			r->rt->shared->blocks[r->buffers[i].block].name,
			(unsigned long long)r->buffers[i].size);
		r->rt->shared->records[r->rt->found].block = (int32_t)r->buffers[i].block;
	}
}

/* Above the stack lies the end of the frame that calls the service. */
#define STACK_FRAME 32U

static void stack_fill(const struct rt *rt)
{
	memset((void *)(rt->runtime_stack - rt->runtime_stack_len), STACK_PATTERN,
	       rt->runtime_stack_len + STACK_FRAME);
}

/* From the return address down to the last byte that was written. */
static uint32_t stack_used(const struct rt *rt)
{
	const uint32_t len = (uint32_t)rt->runtime_stack_len, end = len + STACK_FRAME;
	const uint8_t *p = (const uint8_t *)(rt->runtime_stack - len);
	uint32_t n = 0, top = len;
	uint64_t word;

	while (n < end && p[n] == STACK_PATTERN)
		n++;
	for (uint32_t i = len; i + 8 <= end; i += 8) {
		memcpy(&word, p + i, 8);
		if (word == (uintptr_t)rt_gate_resume)
			top = i + 8;
	}
	return top > n ? top - n : 0;
}

/* One call into the service. */
static EFI_STATUS enter(struct run *r, const uint64_t *args, size_t n)
{
	struct rt *rt = r->rt;
	struct rt_service *s = &rt->shared->services[r->service];
	const bool measure = rt->runtime && r->c->repeat == 1;
	const EFI_TPL tpl = rt->tpl;
	EFI_STATUS status;

	s->used = 1;
	s->calls++;
	rt->shared->phases[r->phase].calls++;
	if (measure)
		stack_fill(rt);
	status = rt_enter(rt, r->fn, args, n);
	if (measure) {
		const uint32_t used = stack_used(rt);

		s->stack_bytes = used > s->stack_bytes ? used : s->stack_bytes;
	}
	if (rt->reset)
		return EFI_SUCCESS;
	s->status = status;
	if (!rt->runtime && rt->tpl != tpl) {
		rt_find(rt, RT_TPL_VIOLATION, rt_place_of(rt, r->fn), rt->tpl,
			"%s was called at TPL %u and returns at TPL %u", s->name,
			(unsigned)tpl, (unsigned)rt->tpl);
		rt->tpl = tpl;
	}
	return status;
}

static EFI_STATUS get_variable(struct run *r)
{
	const struct rt_script_call *c = r->c;
	CHAR16 *name = name_buffer(r);
	EFI_GUID *guid = guid_buffer(r, "VendorGuid");
	uint32_t *attributes =
		buffer(r, ATTRIBUTES, sizeof *attributes, 4, "Attributes", NULL);
	uint64_t *size = number_buffer(r, SIZE, "DataSize");
	uint64_t cap = c->has_buffer ? c->number[0] : data_len(&c->value);
	uint8_t *data = NULL;
	EFI_STATUS status;

	if (!c->has_buffer && !c->has_value) {
		*size = 0;
		status = enter(r,
			       (uint64_t[]){(uint64_t)name, (uint64_t)guid,
					    (uint64_t)attributes, (uint64_t)size, 0},
			       5);
		cap = *size;
		if (status != EFI_BUFFER_TOO_SMALL || r->rt->reset)
			return status;
		if (cap == 0 || cap > VARIABLE_MAX) {
			r->wrong = "DataSize is no size of a variable";
			return status;
		}
	}
	if (!c->data.null)
		data = buffer(r, DATA, cap, 1, "Data", NULL);
	*size = cap;
	status = enter(r,
		       (uint64_t[]){(uint64_t)name, (uint64_t)guid, (uint64_t)attributes,
				    (uint64_t)size, (uint64_t)data},
		       5);
	if (status == EFI_BUFFER_TOO_SMALL && *size <= cap)
		r->wrong = "the buffer is called too small, but DataSize is not larger";
	if (status != EFI_SUCCESS)
		return status;
	if (*size > cap)
		r->wrong = "DataSize is larger than the buffer";
	else if (data == NULL)
		r->wrong = "succeeded without a buffer";
	else
		expect_data(r, data, *size);
	if (c->has_value_attributes && *attributes != c->value_attributes)
		r->wrong = "the attributes are not what is expected";
	return status;
}

static EFI_STATUS set_variable(struct run *r)
{
	const struct rt_script_call *c = r->c;
	CHAR16 *name = name_buffer(r);
	EFI_GUID *guid = guid_buffer(r, "VendorGuid");
	const bool delete = c->verb == RT_CALL_DELETE;
	void *data = delete ? NULL : data_buffer(r, 0, "Data");
	const uint32_t attributes =
		c->attributes | (c->verb == RT_CALL_APPEND ? EFI_VARIABLE_APPEND_WRITE : 0);

	return enter(r,
		     (uint64_t[]){(uint64_t)name, (uint64_t)guid, attributes,
				  data_len(&c->data), (uint64_t)data},
		     5);
}

static bool is_named(const struct run *r, const CHAR16 *name, const EFI_GUID *guid)
{
	return r->c->name != NULL && guid_eq(guid, &r->c->guid) &&
	       memcmp(name, r->c->name, (r->c->name_count + 1) * sizeof *name) == 0;
}

static void trace_begin(struct run *r)
{
	rt_trace(r->rt, "%u %s %s", r->c->line, runtime_phase_name(r->phase),
		 rt_verb_name((enum rt_verb)r->c->verb));
}

static void trace_variable(struct run *r, const CHAR16 *name, size_t n,
			   const EFI_GUID *guid)
{
	char text[GUID_TEXT_LEN + 1];

	guid_to_text(guid, text);
	rt_trace_name(r->rt, name, n);
	rt_trace(r->rt, " %s", text);
}

static void trace_next(struct run *r, const CHAR16 *name, size_t n, const EFI_GUID *guid)
{
	if (r->rt->plan->trace == NULL)
		return;
	trace_begin(r);
	trace_variable(r, name, n, guid);
	rt_trace(r->rt, "\n");
}

/* From the first variable to the end; EFI_SUCCESS when the end was found. */
static EFI_STATUS next_variables(struct run *r)
{
	/* as long as the last repetition needed it */
	uint64_t cap = r->buffers[NAME].p != NULL ? r->buffers[NAME].size : sizeof(CHAR16);
	CHAR16 *name = buffer(r, NAME, cap, sizeof *name, "VariableName", NULL);
	EFI_GUID *guid = buffer(r, GUID, sizeof *guid, 8, "VendorGuid", NULL);
	uint64_t *size = number_buffer(r, SIZE, "VariableNameSize");
	EFI_STATUS status = EFI_SUCCESS;
	unsigned grows = 0;
	bool found = false;

	name[0] = 0;
	memset(guid, 0, sizeof *guid);
	for (unsigned i = 0; status == EFI_SUCCESS && r->wrong == NULL; i++) {
		size_t n;

		*size = cap;
		status = enter(
			r, (uint64_t[]){(uint64_t)size, (uint64_t)name, (uint64_t)guid}, 3);
		if (r->rt->reset)
			return status;
		if (status == EFI_BUFFER_TOO_SMALL) {
			CHAR16 *old = name;

			if (!is_longer_name(*size, cap)) {
				r->wrong = "VariableNameSize is no size of a longer name";
				return status;
			}
			name = buffer(r, NAME, ++grows < NAME_GROWS ? *size : NAME_LEN_MAX,
				      sizeof *name, "VariableName", NULL);
			memcpy(name, old, cap);
			cap = r->buffers[NAME].size;
			status = EFI_SUCCESS;
			continue;
		}
		if (status != EFI_SUCCESS)
			break;
		n = ucs2_len(name, cap / sizeof *name);
		if (n == cap / sizeof *name)
			r->wrong = "a name without its end";
		else if (i == VARIABLES_MAX)
			r->wrong = "the enumeration has no end";
		else
			found = found || (n == r->c->name_count && is_named(r, name, guid));
		if (r->wrong == NULL)
			trace_next(r, name, n, guid);
	}
	if (status != EFI_NOT_FOUND)
		return status;
	if (r->c->verb == RT_CALL_NEXT_HAS && !found)
		r->wrong = "the enumeration lacks the variable";
	if (r->c->verb == RT_CALL_NEXT_LACKS && found)
		r->wrong = "the enumeration has the variable";
	return EFI_SUCCESS;
}

/* One step, from wherever the line says. */
static EFI_STATUS next_from(struct run *r)
{
	const struct rt_script_call *c = r->c;
	const uint64_t len = (c->name_count + 1) * sizeof(CHAR16);
	const uint64_t cap = c->has_buffer ? c->number[0] : NAME_LEN_MAX;
	CHAR16 *name = buffer(r, NAME, cap, sizeof *name, "VariableName", NULL);
	EFI_GUID *guid = guid_buffer(r, "VendorGuid");
	uint64_t *size = number_buffer(r, SIZE, "VariableNameSize");
	EFI_STATUS status;

	memcpy(name, c->name, len < cap ? len : cap);
	*size = cap;
	status = enter(r, (uint64_t[]){(uint64_t)size, (uint64_t)name, (uint64_t)guid}, 3);
	if (status == EFI_BUFFER_TOO_SMALL && !is_longer_name(*size, cap))
		r->wrong = "VariableNameSize is no size of a longer name";
	else if (status == EFI_SUCCESS &&
		 ucs2_len(name, cap / sizeof *name) == cap / sizeof *name)
		r->wrong = "a name without its end";
	return status;
}

static EFI_STATUS query_variable_info(struct run *r)
{
	uint64_t *max = number_buffer(r, FIRST, "MaximumVariableStorageSize"),
		 *left = number_buffer(r, SECOND, "RemainingVariableStorageSize"),
		 *one = number_buffer(r, THIRD, "MaximumVariableSize");
	EFI_STATUS status;

	status = enter(r,
		       (uint64_t[]){r->c->attributes, (uint64_t)max, (uint64_t)left,
				    (uint64_t)one},
		       4);
	if (status == EFI_SUCCESS && *left > *max)
		r->wrong = "more remains than there is";
	return status;
}

static int64_t seconds(const EFI_TIME *t)
{
	/* days since 0000-03-01, so that a leap day ends its year */
	const int64_t year = t->Year - (t->Month < 3), month = (t->Month + 9) % 12;
	const int64_t days = year * 365 + year / 4 - year / 100 + year / 400 +
			     (month * 153 + 2) / 5 + t->Day - 1;

	return ((days * 24 + t->Hour) * 60 + t->Minute) * 60 + t->Second;
}

/* UEFI 2.10 §8.3 */
static void check_time(struct run *r, const EFI_TIME *t)
{
	const bool ok = t->Year >= 1900 && t->Year <= 9999 && t->Month >= 1 &&
			t->Month <= 12 && t->Day >= 1 && t->Day <= 31 && t->Hour <= 23 &&
			t->Minute <= 59 && t->Second <= 59 && t->Nanosecond <= 999999999 &&
			((t->TimeZone >= -1440 && t->TimeZone <= 1440) ||
			 t->TimeZone == EFI_UNSPECIFIED_TIMEZONE);
	int64_t ahead = 0;

	if (r->c->has_value_time)
		ahead = seconds(t) - seconds(&r->c->value_time);
	if (!ok)
		r->wrong = "a time that there is not";
	else if (ahead < 0 || ahead > TIME_SLACK_S)
		r->wrong = "the time is not what is expected";
}

static EFI_STATUS get_time(struct run *r)
{
	EFI_TIME *t = buffer(r, FIRST, sizeof *t, 8, "Time", NULL);
	EFI_TIME_CAPABILITIES *caps =
		buffer(r, SECOND, sizeof *caps, 4, "Capabilities", NULL);
	const EFI_STATUS status = enter(r, (uint64_t[]){(uint64_t)t, (uint64_t)caps}, 2);

	if (status == EFI_SUCCESS)
		check_time(r, t);
	return status;
}

static EFI_TIME *time_buffer(struct run *r)
{
	EFI_TIME *t = buffer(r, FIRST, sizeof *t, 8, "Time", NULL);

	*t = r->c->time;
	return t;
}

static EFI_STATUS set_time(struct run *r)
{
	return enter(r, (uint64_t[]){(uint64_t)time_buffer(r)}, 1);
}

static EFI_STATUS get_wakeup_time(struct run *r)
{
	uint8_t *enabled = buffer(r, FIRST, 1, 1, "Enabled", NULL),
		*pending = buffer(r, SECOND, 1, 1, "Pending", NULL);
	EFI_TIME *t = buffer(r, THIRD, sizeof *t, 8, "Time", NULL);
	const EFI_STATUS status = enter(
		r, (uint64_t[]){(uint64_t)enabled, (uint64_t)pending, (uint64_t)t}, 3);

	if (status == EFI_SUCCESS && (*enabled > 1 || *pending > 1))
		r->wrong = "a BOOLEAN that is neither TRUE nor FALSE";
	return status;
}

static EFI_STATUS set_wakeup_time(struct run *r)
{
	if (r->c->verb == RT_CALL_SET_WAKEUP_OFF)
		return enter(r, (uint64_t[]){0, 0}, 2);
	return enter(r, (uint64_t[]){1, (uint64_t)time_buffer(r)}, 2);
}

/* UEFI 2.10 §8.5.2: each call answers one more. */
static EFI_STATUS high_monotonic_count(struct run *r)
{
	uint32_t *count = buffer(r, FIRST, sizeof *count, 4, "HighCount", NULL);
	const EFI_STATUS status = enter(r, (uint64_t[]){(uint64_t)count}, 1);

	if (status != EFI_SUCCESS || r->rt->reset)
		return status;
	if (*count < r->rt->high_count)
		r->wrong = "the count did not grow";
	r->rt->high_count = *count + 1ULL;
	return status;
}

/* A capsule with its header (UEFI 2.10 §8.5.3), and the array that points to it. */
static uint64_t capsule_array(struct run *r)
{
	const uint32_t len = (uint32_t)(sizeof(EFI_CAPSULE_HEADER) + data_len(&r->c->data));
	const EFI_CAPSULE_HEADER h = {r->c->guid, sizeof h, (uint32_t)r->c->number[0], len};
	uint64_t *array = number_buffer(r, FIRST, "CapsuleHeaderArray");
	uint8_t *p = data_buffer(r, sizeof h, "capsule");

	memcpy(p, &h, sizeof h);
	*array = (uint64_t)p;
	return (uint64_t)array;
}

static EFI_STATUS query_capsule(struct run *r)
{
	const uint64_t array = capsule_array(r);
	uint64_t *max = number_buffer(r, SECOND, "MaximumCapsuleSize");
	uint32_t *type = buffer(r, THIRD, sizeof *type, 4, "ResetType", NULL);

	return enter(r, (uint64_t[]){array, 1, (uint64_t)max, (uint64_t)type}, 4);
}

static EFI_STATUS update_capsule(struct run *r)
{
	return enter(r, (uint64_t[]){capsule_array(r), 1, 0}, 3);
}

static EFI_STATUS reset_system(struct run *r)
{
	EFI_STATUS status;

	r->rt->reset_wanted = true;
	status = enter(r, (uint64_t[]){r->c->number[0], EFI_SUCCESS, 0, 0}, 4);
	r->rt->reset_wanted = false;

	if (!r->rt->reset)
		r->wrong = "the machine was not reset";
	return r->rt->reset ? EFI_SUCCESS : status;
}

static EFI_STATUS report_status_code(struct run *r)
{
	EFI_GUID *caller = guid_buffer(r, "CallerId");

	return enter(r,
		     (uint64_t[]){r->c->number[0], r->c->number[1], 0, (uint64_t)caller, 0},
		     5);
}

static EFI_STATUS mm_trigger(struct run *r)
{
	uint8_t *command = buffer(r, FIRST, 1, 1, "CommandPort", NULL),
		*data = buffer(r, SECOND, 1, 1, "DataPort", NULL);

	*command = (uint8_t)r->c->number[0];
	*data = 0;
	return enter(r, (uint64_t[]){r->self, (uint64_t)command, (uint64_t)data, false, 0},
		     5);
}

static EFI_STATUS fvb_number(struct run *r)
{
	uint64_t *first =
		buffer(r, FIRST, r->service == FVB_GET_ATTRIBUTES ? 4 : 8, 4,
		       r->service == FVB_GET_ATTRIBUTES ? "Attributes" : "Address", NULL);

	return enter(r, (uint64_t[]){r->self, (uint64_t)first}, 2);
}

static EFI_STATUS fvb_block_size(struct run *r)
{
	uint64_t *size = number_buffer(r, FIRST, "BlockSize"),
		 *count = number_buffer(r, SECOND, "NumberOfBlocks");

	return enter(
		r, (uint64_t[]){r->self, r->c->number[0], (uint64_t)size, (uint64_t)count},
		4);
}

static EFI_STATUS fvb_read(struct run *r)
{
	const uint64_t len = r->c->number[2];
	uint64_t *size = number_buffer(r, SIZE, "NumBytes");
	uint8_t *data = buffer(r, DATA, len, 1, "Buffer", NULL);
	EFI_STATUS status;

	*size = len;
	status = enter(r,
		       (uint64_t[]){r->self, r->c->number[0], r->c->number[1],
				    (uint64_t)size, (uint64_t)data},
		       5);
	if (status == EFI_SUCCESS && *size > len)
		r->wrong = "NumBytes is larger than the buffer";
	else if (status == EFI_SUCCESS)
		expect_data(r, data, *size);
	return status;
}

static const struct {
	unsigned service;
	EFI_STATUS (*fn)(struct run *r);
} verbs[RT_CALL_VERBS] = {
	[RT_CALL_GET] = {GET_VARIABLE, get_variable},
	[RT_CALL_SET] = {SET_VARIABLE, set_variable},
	[RT_CALL_APPEND] = {SET_VARIABLE, set_variable},
	[RT_CALL_DELETE] = {SET_VARIABLE, set_variable},
	[RT_CALL_NEXT] = {GET_NEXT_VARIABLE_NAME, next_variables},
	[RT_CALL_NEXT_HAS] = {GET_NEXT_VARIABLE_NAME, next_variables},
	[RT_CALL_NEXT_LACKS] = {GET_NEXT_VARIABLE_NAME, next_variables},
	[RT_CALL_NEXT_FROM] = {GET_NEXT_VARIABLE_NAME, next_from},
	[RT_CALL_QUERY] = {QUERY_VARIABLE_INFO, query_variable_info},
	[RT_CALL_GET_TIME] = {GET_TIME, get_time},
	[RT_CALL_SET_TIME] = {SET_TIME, set_time},
	[RT_CALL_GET_WAKEUP] = {GET_WAKEUP_TIME, get_wakeup_time},
	[RT_CALL_SET_WAKEUP] = {SET_WAKEUP_TIME, set_wakeup_time},
	[RT_CALL_SET_WAKEUP_OFF] = {SET_WAKEUP_TIME, set_wakeup_time},
	[RT_CALL_MONO] = {GET_NEXT_HIGH_MONOTONIC_COUNT, high_monotonic_count},
	[RT_CALL_QUERY_CAPSULE] = {QUERY_CAPSULE_CAPABILITIES, query_capsule},
	[RT_CALL_UPDATE_CAPSULE] = {UPDATE_CAPSULE, update_capsule},
	[RT_CALL_RESET] = {RESET_SYSTEM, reset_system},
	[RT_CALL_STATUS_CODE] = {REPORT_STATUS_CODE, report_status_code},
	[RT_CALL_MM_TRIGGER] = {MM_TRIGGER, mm_trigger},
	[RT_CALL_FVB_ATTRIBUTES] = {FVB_GET_ATTRIBUTES, fvb_number},
	[RT_CALL_FVB_ADDRESS] = {FVB_GET_PHYSICAL_ADDRESS, fvb_number},
	[RT_CALL_FVB_BLOCK_SIZE] = {FVB_GET_BLOCK_SIZE, fvb_block_size},
	[RT_CALL_FVB_READ] = {FVB_READ, fvb_read},
};

/* Where drivers see what lies at @physical; 0: nowhere any more. */
static uint64_t address_now(struct rt *rt, uint64_t physical)
{
	const int32_t i = rt_block_find(rt, physical);
	const struct rt_block *b = i >= 0 ? &rt->shared->blocks[i] : NULL;

	if (b == NULL || (rt->runtime && rt_is_boot_type(b->memory_type)))
		return 0;
	if (!rt->virtual_done)
		return physical;
	return b->virtual_ != 0 ? b->virtual_ + (physical - b->physical) : 0;
}

/* The function behind service @i, and the interface that it belongs to; 0: there is none.
 */
static uint64_t service_function(struct rt *rt, unsigned i, uint64_t *ret_self)
{
	const struct rt_protocol *p;
	uint64_t fn, now;

	*ret_self = 0;
	if (i < RT_RUNTIME_SERVICES) {
		fn = rt_runtime_table(rt)[i];
		return fn;
	}
	i -= RT_RUNTIME_SERVICES;
	p = rt_protocol_find(rt, protocols[i].guid);
	if (p == NULL || rt_ram(rt, p->interface, protocols[i].offset + 8) == NULL)
		return 0;
	*ret_self = address_now(rt, p->interface);
	if (*ret_self == 0)
		return 0;
	memcpy(&fn, rt_ram(rt, p->interface + protocols[i].offset, 8), 8);
	if (protocols[i].by_consumer && rt->virtual_done && rt_ram(rt, fn, 1) != NULL) {
		/* nobody has done so yet */
		now = address_now(rt, fn);
		fn = now != 0 ? now : fn;
	}
	return fn;
}

void rt_services_owners(struct rt *rt)
{
	for (unsigned i = 0; i < SERVICES_END; i++) {
		struct rt_service *s = &rt->shared->services[i];
		uint64_t self, fn = service_function(rt, i, &self);

		snprintf(s->name, sizeof s->name, "%s",
			 i < RT_RUNTIME_SERVICES ? rt_service_def(RT_STUB_RUNTIME + i)->name
						 : protocols[i - RT_RUNTIME_SERVICES].name);
		/* a protocol's function stays in the list though its interface is gone */
		if (i < RT_RUNTIME_SERVICES || fn != 0) {
			s->owner = rt_place_of(rt, fn).image;
			s->used = 1;
		}
	}
}

/* "EFI_NOT_FOUND", or its number. */
static const char *status_text(EFI_STATUS status, char number[20])
{
	const char *name = runtime_status_name(status);

	if (name == NULL)
		snprintf(number, 20, "%#llx", (unsigned long long)status);
	return name != NULL ? name : number;
}

/* One repetition's answer. The first that is wrong is told. */
static bool judge(struct run *r, EFI_STATUS status, bool tell)
{
	struct rt_shared *s = r->rt->shared;
	const struct rt_script_call *c = r->c;
	const bool expected = c->any || status == c->status;
	const uint32_t n = atomic_load(&s->misses_count);
	char name[48] = "", got[20], want[20];
	struct rt_miss *m;
	size_t len = 0;

	if (expected && r->wrong == NULL)
		return true;
	s->phases[r->phase].failed++;
	if (!tell || n == RT_MISSES_MAX)
		return false;
	if (c->name != NULL)
		len = ucs2_to_utf8(c->name, c->name_count, name, sizeof name);
	name[len < sizeof name ? len : sizeof name - 1] = 0;
	m = &s->misses[n];
	m->line = c->line;
	m->phase = (uint8_t)r->phase;
	if (!expected)
		snprintf(m->text, sizeof m->text, "%s%s%s: %s, expected %s",
			 rt_verb_name((enum rt_verb)c->verb), len != 0 ? " " : "", name,
			 status_text(status, got), status_text(c->status, want));
	else
		snprintf(m->text, sizeof m->text, "%s%s%s: %s",
			 rt_verb_name((enum rt_verb)c->verb), len != 0 ? " " : "", name,
			 r->wrong);
	atomic_store(&s->misses_count, n + 1);
	return false;
}

static void trace_get(struct run *r, EFI_STATUS status)
{
	static const uint8_t untouched[4] = {RT_CANARY, RT_CANARY, RT_CANARY, RT_CANARY};
	const void *attributes = r->buffers[ATTRIBUTES].p;
	const uint64_t size = *(const uint64_t *)r->buffers[SIZE].p;

	if (memcmp(attributes, untouched, sizeof untouched) == 0)
		rt_trace(r->rt, " - %llu", (unsigned long long)size);
	else
		rt_trace(r->rt, " %#x %llu", *(const uint32_t *)attributes,
			 (unsigned long long)size);
	if (status == EFI_SUCCESS && r->buffers[DATA].p != NULL &&
	    size <= r->buffers[DATA].size)
		rt_trace_data(r->rt, r->buffers[DATA].p, size);
}

static void trace_numbers(struct run *r)
{
	for (unsigned i = FIRST; i <= THIRD; i++)
		if (r->buffers[i].p != NULL)
			rt_trace(r->rt, " %llu",
				 (unsigned long long)*(const uint64_t *)r->buffers[i].p);
}

/* What the call answered. */
static void trace(struct run *r, EFI_STATUS status)
{
	char number[20];

	if (r->rt->plan->trace == NULL)
		return;
	trace_begin(r);
	rt_trace(r->rt, " %s", status_text(status, number));
	switch (r->c->verb) {
	case RT_CALL_GET:
		trace_get(r, status);
		break;
	case RT_CALL_QUERY:
		if (status == EFI_SUCCESS)
			trace_numbers(r);
		break;
	case RT_CALL_NEXT_FROM:
		rt_trace(r->rt, " %llu",
			 (unsigned long long)*(const uint64_t *)r->buffers[SIZE].p);
		if (status == EFI_SUCCESS && r->wrong == NULL)
			trace_variable(
				r, r->buffers[NAME].p,
				ucs2_len(r->buffers[NAME].p, r->buffers[NAME].size / 2),
				r->buffers[GUID].p);
		break;
	default:
		break;
	}
	if (r->wrong != NULL)
		rt_trace(r->rt, " # %s", r->wrong);
	rt_trace(r->rt, "\n");
}

static void give_back(struct run *r)
{
	check_buffers(r);
	memset(r->buffers, 0, sizeof r->buffers);
	r->made = 0;
	rt_caller_buffers_reset(r->rt);
}

static bool is_variable_service(unsigned i)
{
	return i == GET_VARIABLE || i == GET_NEXT_VARIABLE_NAME || i == SET_VARIABLE ||
	       i == QUERY_VARIABLE_INFO;
}

static bool is_ours(struct rt *rt, uint64_t fn)
{
	return fn - address_now(rt, rt->runtime_stubs) < PAGE;
}

static bool is_drivers(struct rt *rt, unsigned service)
{
	uint64_t self;

	const uint64_t fn = service_function(rt, service, &self);

	/* whatever else a driver has put into the table is what the system will call */
	return service < RT_RUNTIME_SERVICES ? !is_ours(rt, fn)
					     : rt_place_of(rt, fn).image != RT_NOBODY;
}

/* Whether the battery makes this call. */
static bool concerns_drivers(struct rt *rt, const struct rt_script_call *c)
{
	const unsigned service = verbs[c->verb].service;

	/* those of variables work on the same ones, whoever gives them */
	for (unsigned i = GET_VARIABLE; i <= QUERY_VARIABLE_INFO; i++)
		if (is_variable_service(service) && is_variable_service(i) &&
		    is_drivers(rt, i))
			return true;
	/* a clock that somebody else was to set */
	if (c->has_value_time && !is_drivers(rt, SET_TIME))
		return false;
	return is_drivers(rt, service);
}

static void run_line(struct rt *rt, enum rt_phase phase, const struct rt_script_call *c)
{
	const bool battery = rt->config->calls == NULL;
	struct run r = {
		.rt = rt, .c = c, .phase = phase, .service = verbs[c->verb].service};
	bool tell = true;

	if (battery && !concerns_drivers(rt, c))
		return;
	r.fn = service_function(rt, r.service, &r.self);
	if (r.fn == 0 && r.service >= RT_RUNTIME_SERVICES) {
		/* nobody offers it */
		judge(&r, EFI_NOT_FOUND, true);
		return;
	}
	for (uint32_t i = 0; i < c->repeat && !rt->reset; i++) {
		const EFI_STATUS status = verbs[c->verb].fn(&r);

		if (rt->reset && c->verb != RT_CALL_RESET)
			r.wrong = "the machine was reset";
		trace(&r, status);
		tell = judge(&r, status, tell) && tell;
		r.wrong = NULL;
		if (r.made > BUFFERS_KEPT)
			give_back(&r);
	}
	give_back(&r);
}

static bool is_left_out(const struct rt_plan *plan, int32_t number)
{
	for (size_t i = 0; i < plan->skip_count; i++)
		if (plan->skip[i] == number)
			return true;
	return false;
}

void rt_calls_run(struct rt *rt, enum rt_phase phase)
{
	const struct rt_script *s = rt->script;

	for (size_t i = 0; i < s->count && !rt->reset; i++) {
		const int32_t number = (int32_t)((size_t)phase * RT_SCRIPT_CALLS_MAX + i);

		if ((s->calls[i].phases >> phase & 1) == 0)
			continue;
		if (is_left_out(rt->plan, number)) {
			/* it, or one like it, was made in an earlier run, and did not come
			 * back */
			rt->shared->phases[phase].calls++;
			rt->shared->phases[phase].failed++;
			continue;
		}
		rt->battery_call = number;
		run_line(rt, phase, &s->calls[i]);
		rt->battery_call = -1;
	}
}
