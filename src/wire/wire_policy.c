/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * edk2's variable policy handler: an envelope, and seven commands. Parameters begin behind
 * the packed header; each is read once, from the caller's private copy.
 */
#include "wire/wire_priv.h"

#include <string.h>

#define PARAMS VAR_CHECK_POLICY_COMM_HEADER_SIZE
#define SPEC   " (edk2 variable policy)"

/* A dump: what is asked for and answered, then a page of entries. */
#define DUMP_TOTAL    4U
#define DUMP_PAGE_LEN 8U
#define DUMP_HAS_MORE 12U
#define DUMP_HEAD     13U
#define DUMP_PAGE                                                                   \
	(VAR_CHECK_POLICY_MM_COMM_BUFFER_SIZE - sizeof(EFI_MM_COMMUNICATE_HEADER) - \
	 PARAMS - DUMP_HEAD)

/* Of one variable's policy: its name, and where the answer goes. */
#define INFO_NAME_LEN   16U
#define INFO_ANSWER_LEN 20U
#define INFO_ANSWER     24U
#define INFO_NAME       68U
#define INFO_ROOM                                                                   \
	(VAR_CHECK_POLICY_MM_COMM_BUFFER_SIZE - sizeof(EFI_MM_COMMUNICATE_HEADER) - \
	 PARAMS - INFO_NAME)

struct command {
	struct rts_wire *w;
	uint8_t *p; /* its parameters */
	size_t n;
	uint32_t number;
};

static void put32(uint8_t *p, uint32_t v)
{
	memcpy(p, &v, sizeof v);
}

static uint32_t get32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof v);
	return v;
}

static EFI_STATUS disable(struct command *c)
{
	return rts_vars_policy_disable(c->w->vars);
}

static EFI_STATUS is_enabled(struct command *c)
{
	*c->p = rts_vars_policy_enabled(c->w->vars);
	return rts_vars_say(c->w->vars, "IsVariablePolicyEnabled", EFI_SUCCESS, "done");
}

static EFI_STATUS do_register(struct command *c)
{
	VARIABLE_POLICY_ENTRY head;

	memcpy(&head, c->p, sizeof head);
	if (head.Version != VARIABLE_POLICY_ENTRY_REVISION || head.Size < sizeof head ||
	    head.Size > c->n)
		return rts_vars_say(c->w->vars, "RegisterVariablePolicy",
				    EFI_INVALID_PARAMETER, "malformed" SPEC);
	return rts_vars_policy_register(c->w->vars, c->p, head.Size);
}

/*
 * Page 0 tells how long the dump is, the others have it in pieces. Entries only come behind
 * those that are there, so that a length is as good as a copy of the table; a reset, or any
 * other command between, ends the dump.
 */
static EFI_STATUS dump_page(struct command *c)
{
	const uint32_t page = get32(c->p);
	struct writer to = {.p = c->p + DUMP_HEAD};
	uint64_t total = c->w->dump_len, at;

	put32(c->p + DUMP_PAGE_LEN, 0);
	c->p[DUMP_HAS_MORE] = 0;
	if (page == 0) {
		total = rts_vars_policy_dump(c->w->vars, 0, &to);
		c->w->dump_len = (uint32_t)total;
		put32(c->p + DUMP_TOTAL, (uint32_t)total);
		c->p[DUMP_HAS_MORE] = total != 0;
		return EFI_SUCCESS;
	}
	put32(c->p + DUMP_TOTAL, (uint32_t)total);
	to.cap = 0;
	if (total == 0 || rts_vars_policy_dump(c->w->vars, 0, &to) < total) {
		c->w->dump_len = 0;
		put32(c->p + DUMP_TOTAL, 0);
		return EFI_TIMEOUT;
	}
	at = (uint64_t)(page - 1) * DUMP_PAGE;
	if (at >= total)
		return EFI_INVALID_PARAMETER;
	to = (struct writer){c->p + DUMP_HEAD,
			     total - at < DUMP_PAGE ? (size_t)(total - at) : DUMP_PAGE, 0,
			     false};
	(void)rts_vars_policy_dump(c->w->vars, at, &to);
	put32(c->p + DUMP_PAGE_LEN, (uint32_t)to.cap);
	c->p[DUMP_HAS_MORE] = at + to.cap < total;
	if (at + to.cap == total)
		c->w->dump_len = 0;
	return EFI_SUCCESS;
}

static EFI_STATUS dump(struct command *c)
{
	const EFI_STATUS status = dump_page(c);

	return rts_vars_say(c->w->vars, "DumpVariablePolicy", status,
			    status == EFI_TIMEOUT ? "no dump is under way" SPEC
			    : EFI_ERROR(status)   ? "beyond the last page" SPEC
						  : "done");
}

static EFI_STATUS lock(struct command *c)
{
	return rts_vars_policy_lock(c->w->vars);
}

/* The fixed part of a policy, or of the lock in it, and the name that belongs to it. */
static EFI_STATUS find_info(struct command *c)
{
	const bool state = c->number == VAR_CHECK_POLICY_COMMAND_GET_LOCK_VAR_STATE_INFO;
	const size_t part = state ? VARIABLE_LOCK_ON_VAR_STATE_POLICY_SIZE
				  : sizeof(VARIABLE_POLICY_ENTRY);
	const uint32_t name_len = get32(c->p + INFO_NAME_LEN);
	const uint32_t room = get32(c->p + INFO_ANSWER_LEN);
	VARIABLE_POLICY_ENTRY head;
	struct bytes entry, answer, name;
	EFI_GUID guid;

	memcpy(&guid, c->p, sizeof guid);
	if (name_len > INFO_ROOM || room > INFO_ROOM - name_len || name_len < 2 ||
	    !rts_vars_policy_find(c->w->vars, &guid,
				  (const CHAR16 *)(const void *)(c->p + INFO_NAME),
				  name_len, &entry))
		return EFI_INVALID_PARAMETER;
	memset(c->p + INFO_ANSWER, 0, sizeof head);
	if (entry.n == 0)
		return EFI_NOT_FOUND;
	memcpy(&head, entry.p, sizeof head);
	if (state && head.LockPolicyType != VARIABLE_POLICY_TYPE_LOCK_ON_VAR_STATE)
		return EFI_NOT_FOUND;
	answer = (struct bytes){entry.p + (state ? sizeof head : 0), part};
	name = state ? (struct bytes){answer.p + part,
				      head.OffsetToName - sizeof head - part}
		     : (struct bytes){entry.p + head.OffsetToName,
				      (size_t)head.Size - head.OffsetToName};
	memcpy(c->p + INFO_ANSWER, answer.p, answer.n);
	put32(c->p + INFO_ANSWER_LEN, (uint32_t)name.n);
	if (room < name.n)
		return EFI_BUFFER_TOO_SMALL;
	if (name.n > 0)
		memcpy(c->p + INFO_NAME + name_len, name.p, name.n);
	else
		memset(c->p + INFO_NAME + name_len, 0, INFO_ROOM - name_len);
	return EFI_SUCCESS;
}

static EFI_STATUS get_info(struct command *c)
{
	const EFI_STATUS status = find_info(c);

	return rts_vars_say(c->w->vars, "GetVariablePolicyInfo", status,
			    status == EFI_INVALID_PARAMETER ? "the names do not fit" SPEC
			    : EFI_ERROR(status)
				    ? "no such policy, or no room for its name" SPEC
				    : "done");
}

uint32_t wire_policy(struct rts_wire *w, uint8_t *p, size_t n)
{
	static const struct {
		EFI_STATUS (*handler)(struct command *c);
		size_t min; /* bytes of parameters */
	} commands[] = {
		[VAR_CHECK_POLICY_COMMAND_DISABLE] = {disable, 0},
		[VAR_CHECK_POLICY_COMMAND_IS_ENABLED] = {is_enabled, 1},
		[VAR_CHECK_POLICY_COMMAND_REGISTER] = {do_register,
						       sizeof(VARIABLE_POLICY_ENTRY)},
		[VAR_CHECK_POLICY_COMMAND_DUMP] = {dump, DUMP_HEAD + DUMP_PAGE},
		[VAR_CHECK_POLICY_COMMAND_LOCK] = {lock, 0},
		[VAR_CHECK_POLICY_COMMAND_GET_INFO] = {get_info, INFO_NAME + INFO_ROOM},
		[VAR_CHECK_POLICY_COMMAND_GET_LOCK_VAR_STATE_INFO] = {get_info,
								      INFO_NAME +
									      INFO_ROOM},
	};
	struct {
		uint32_t Signature, Revision, Command;
	} h;
	const char *why = NULL; /* a command that is executed says it */
	EFI_STATUS result = EFI_INVALID_PARAMETER;
	bool ours;

	if (n < VAR_CHECK_POLICY_COMM_HEADER_SIZE ||
	    n > VAR_CHECK_POLICY_MM_COMM_BUFFER_SIZE)
		return UEFI_VARS_STS_ERR_BAD_BUFFER_SIZE;
	memcpy(&h, p, sizeof h);
	ours = h.Signature == VAR_CHECK_POLICY_COMM_SIG &&
	       h.Revision == VAR_CHECK_POLICY_COMM_REVISION;
	if (ours && h.Command != VAR_CHECK_POLICY_COMMAND_DUMP)
		w->dump_len = 0;
	if (!ours) {
		why = "another signature or revision" SPEC;
	} else if (h.Command >= sizeof commands / sizeof *commands ||
		   commands[h.Command].handler == NULL) {
		result = EFI_UNSUPPORTED;
		why = "no such command" SPEC;
	} else if (n - PARAMS < commands[h.Command].min) {
		why = "too short for its command" SPEC;
	} else {
		result = commands[h.Command].handler(
			&(struct command){w, p + PARAMS, n - PARAMS, h.Command});
	}
	if (why != NULL)
		(void)rts_vars_say(w->vars, "variable policy message", result, why);
	memcpy(p + VAR_CHECK_POLICY_COMM_RESULT, &result, sizeof result);
	return UEFI_VARS_STS_SUCCESS;
}
