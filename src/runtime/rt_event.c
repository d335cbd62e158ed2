/* SPDX-License-Identifier: BSD-2-Clause */
/* Events, timers and task priorities (UEFI 2.10 §7.1). */
#include <string.h>

#include "base/guid.h"
#include "runtime/rt_priv.h"

#define POLL 1000U /* 100 ns: what a look at an event takes */

static struct rt_event *event_of(struct rt *rt, uint64_t handle)
{
	const uint64_t i = (handle - RT_EVENT_BASE) / 16;

	return handle >= RT_EVENT_BASE && i < RT_EVENTS_MAX && (handle & 15) == 0 &&
			       rt->events[i].used
		       ? &rt->events[i]
		       : NULL;
}

static uint64_t event_handle(const struct rt *rt, const struct rt_event *e)
{
	return RT_EVENT_BASE + (uint64_t)(e - rt->events) * 16;
}

/* Calls one notification function at its priority. */
static void notify(struct rt *rt, struct rt_event *e)
{
	const EFI_TPL old = rt->tpl;
	const uint64_t args[2] = {event_handle(rt, e), e->context};
	const struct rt_place at = rt_place_of(rt, e->notify);

	if (rt->driver_sp == 0)
		rt->notified++;
	e->pending = false;
	if ((e->type & EVT_NOTIFY_SIGNAL) != 0)
		e->signaled = false;
	rt->tpl = e->tpl;
	rt_enter(rt, e->notify, args, 2);
	if (rt->tpl != e->tpl)
		rt_find(rt, RT_TPL_VIOLATION, at, rt->tpl,
			"a notification function that was called at TPL %u returns at TPL "
			"%u",
			(unsigned)e->tpl, (unsigned)rt->tpl);
	rt->tpl = old;
}

bool rt_timer_armed(const struct rt *rt)
{
	for (size_t i = 0; i < RT_EVENTS_MAX; i++)
		if (rt->events[i].used && rt->events[i].due != 0)
			return true;
	return false;
}

/* Pending notifications above the current priority, highest first, oldest first. */
void rt_dispatch_events(struct rt *rt)
{
	struct rt_event *next;

	do {
		next = NULL;

		for (size_t i = 0; i < RT_EVENTS_MAX; i++) {
			struct rt_event *e = &rt->events[i];

			if (e->used && e->pending && e->tpl > rt->tpl &&
			    (next == NULL || e->tpl > next->tpl))
				next = e;
		}
		if (next != NULL)
			notify(rt, next);
	} while (next != NULL);
	if (rt->driver_sp == 0)
		rt->notified = 0;
}

static void signal_one(struct rt_event *e)
{
	e->signaled = true;
	if ((e->type & EVT_NOTIFY_SIGNAL) != 0 && e->notify != 0)
		e->pending = true;
}

void rt_signal_group(struct rt *rt, const EFI_GUID *group)
{
	for (size_t i = 0; i < RT_EVENTS_MAX; i++)
		if (rt->events[i].used && rt->events[i].group_set &&
		    guid_eq(&rt->events[i].group, group))
			signal_one(&rt->events[i]);
	rt_dispatch_events(rt);
}

/* Events of a type of their own, and those of the group that means the same. */
void rt_signal_type(struct rt *rt, uint32_t type, const EFI_GUID *group)
{
	for (size_t i = 0; i < RT_EVENTS_MAX; i++) {
		struct rt_event *e = &rt->events[i];

		if (e->used &&
		    (e->type == type || (e->group_set && guid_eq(&e->group, group))))
			signal_one(e);
	}
	rt_dispatch_events(rt);
}

void rt_time_passes(struct rt *rt, uint64_t units)
{
	rt->now += units;
	for (size_t i = 0; i < RT_EVENTS_MAX; i++) {
		struct rt_event *e = &rt->events[i];

		if (!e->used || e->due == 0 || e->due > rt->now)
			continue;
		e->due = e->period != 0 ? rt->now + e->period : 0;
		signal_one(e);
	}
	rt_dispatch_events(rt);
}

/* Beside the specification's own types, any mix of the flags that makes sense. */
static bool type_valid(uint32_t type)
{
	if (type == EVT_SIGNAL_EXIT_BOOT_SERVICES ||
	    type == EVT_SIGNAL_VIRTUAL_ADDRESS_CHANGE)
		return true;
	return (type & ~(EVT_TIMER | EVT_RUNTIME | EVT_NOTIFY_WAIT | EVT_NOTIFY_SIGNAL)) ==
		       0 &&
	       (type & (EVT_NOTIFY_WAIT | EVT_NOTIFY_SIGNAL)) !=
		       (EVT_NOTIFY_WAIT | EVT_NOTIFY_SIGNAL);
}

/* RuntimeDxe walks a list of the events that outlive boot. */
static void link_entry(struct rt *rt, struct rt_event *e)
{
	EFI_RUNTIME_ARCH_PROTOCOL *arch;
	EFI_RUNTIME_EVENT_ENTRY *entry;
	LIST_ENTRY *last;
	uint64_t head;

	if (rt->arch == 0 || (e->type & EVT_RUNTIME) == 0)
		return;
	if (e->entry == 0)
		e->entry = rt_table_new(rt, sizeof *entry, EfiRuntimeServicesData,
					"EFI_RUNTIME_EVENT_ENTRY");
	entry = rt_ram(rt, e->entry, sizeof *entry);
	if (entry->Link.ForwardLink != 0)
		return;
	arch = rt_ram(rt, rt->arch, sizeof *arch);
	head = rt->arch + offsetof(EFI_RUNTIME_ARCH_PROTOCOL, EventHead);
	last = rt_ram(rt, arch->EventHead.BackLink, sizeof *last);
	if (last == NULL)
		return;
	*entry = (EFI_RUNTIME_EVENT_ENTRY){.Type = e->type,
					   .NotifyTpl = e->tpl,
					   .NotifyFunction = e->notify,
					   .NotifyContext = e->context,
					   .Event = event_handle(rt, e),
					   .Link = {head, arch->EventHead.BackLink}};
	last->ForwardLink = e->entry + offsetof(EFI_RUNTIME_EVENT_ENTRY, Link);
	arch->EventHead.BackLink = last->ForwardLink;
}

void rt_events_link(struct rt *rt)
{
	for (size_t i = 0; i < RT_EVENTS_MAX; i++)
		if (rt->events[i].used)
			link_entry(rt, &rt->events[i]);
}

uint32_t rt_event_new(struct rt *rt, uint32_t type, EFI_TPL tpl, uint64_t notify_fn,
		      uint64_t context, const EFI_GUID *group, EFI_STATUS *status)
{
	static const EFI_GUID exit_group = EFI_EVENT_GROUP_EXIT_BOOT_SERVICES_GUID;
	static const EFI_GUID change_group = EFI_EVENT_GROUP_VIRTUAL_ADDRESS_CHANGE_GUID;
	const struct rt_place at = rt_caller(rt);
	uint32_t i = 0;

	*status = EFI_INVALID_PARAMETER;
	if (!type_valid(type))
		return 0;
	if (group != NULL && (type == EVT_SIGNAL_EXIT_BOOT_SERVICES ||
			      type == EVT_SIGNAL_VIRTUAL_ADDRESS_CHANGE))
		return 0;
	if ((type & (EVT_NOTIFY_WAIT | EVT_NOTIFY_SIGNAL)) != 0 &&
	    (notify_fn == 0 ||
	     (tpl != TPL_CALLBACK && tpl != TPL_NOTIFY && tpl != TPL_HIGH_LEVEL)))
		return 0;
	while (i < RT_EVENTS_MAX && rt->events[i].used)
		i++;
	*status = EFI_OUT_OF_RESOURCES;
	if (i == RT_EVENTS_MAX)
		return 0;
	/* the groups that have types of their own get these: what walks the list of runtime
	 * events looks at types */
	if (group != NULL && guid_eq(group, &exit_group))
		type = EVT_SIGNAL_EXIT_BOOT_SERVICES;
	if (group != NULL && guid_eq(group, &change_group))
		type = EVT_SIGNAL_VIRTUAL_ADDRESS_CHANGE;
	rt->events[i] = (struct rt_event){.used = true,
					  .type = type,
					  .tpl = tpl,
					  .notify = notify_fn,
					  .context = context,
					  .group_set = group != NULL,
					  .owner = at.image,
					  .site = at.offset};
	if (group != NULL)
		rt->events[i].group = *group;
	link_entry(rt, &rt->events[i]);
	*status = EFI_SUCCESS;
	return i;
}

static uint64_t create_event(struct rt *rt, const uint64_t *a, const EFI_GUID *group,
			     uint64_t *ret)
{
	EFI_STATUS status;
	uint32_t i;

	if (ret == NULL)
		return EFI_INVALID_PARAMETER;
	i = rt_event_new(rt, (uint32_t)a[0], a[1], a[2], a[3], group, &status);
	if (status == EFI_SUCCESS)
		*ret = event_handle(rt, &rt->events[i]);
	return status;
}

uint64_t svc_create_event(struct rt *rt, const uint64_t *a)
{
	return create_event(rt, a, NULL, (uint64_t *)a[4]);
}

uint64_t svc_create_event_ex(struct rt *rt, const uint64_t *a)
{
	return create_event(rt, a, (const EFI_GUID *)a[4], (uint64_t *)a[5]);
}

uint64_t svc_set_timer(struct rt *rt, const uint64_t *a)
{
	struct rt_event *e = event_of(rt, a[0]);
	const uint32_t how = (uint32_t)a[1];

	if (e == NULL || (e->type & EVT_TIMER) == 0 || how > TimerRelative)
		return EFI_INVALID_PARAMETER;
	e->period = how == TimerPeriodic ? (a[2] != 0 ? a[2] : 10000) : 0;
	e->due = how == TimerCancel ? 0 : rt->now + (a[2] != 0 ? a[2] : 1);
	return EFI_SUCCESS;
}

/* A notification function of a type that waits is called to find out. */
static bool is_signaled(struct rt *rt, struct rt_event *e)
{
	if (!e->signaled && (e->type & EVT_NOTIFY_WAIT) != 0 && e->notify != 0)
		notify(rt, e);
	if (!e->signaled)
		return false;
	e->signaled = false;
	return true;
}

uint64_t svc_check_event(struct rt *rt, const uint64_t *a)
{
	struct rt_event *e = event_of(rt, a[0]);

	if (e == NULL || (e->type & EVT_NOTIFY_SIGNAL) != 0)
		return EFI_INVALID_PARAMETER;
	if (is_signaled(rt, e))
		return EFI_SUCCESS;
	rt_time_passes(rt, POLL); /* who asks is often a loop that waits */
	return EFI_NOT_READY;
}

uint64_t svc_wait_for_event(struct rt *rt, const uint64_t *a)
{
	const uint64_t *handles = (const uint64_t *)a[1];

	if (a[0] == 0)
		return EFI_INVALID_PARAMETER;
	if (rt->tpl != TPL_APPLICATION)
		return EFI_UNSUPPORTED;
	/* a wait that nothing ends is a hang, and found as one */
	for (;; rt_time_passes(rt, 10000))
		for (uint64_t i = 0; i < a[0]; i++) {
			struct rt_event *e = event_of(rt, handles[i]);

			if (e == NULL || (e->type & EVT_NOTIFY_SIGNAL) != 0) {
				*(uint64_t *)a[2] = i;
				return EFI_INVALID_PARAMETER;
			}
			if (is_signaled(rt, e)) {
				*(uint64_t *)a[2] = i;
				return EFI_SUCCESS;
			}
		}
}

uint64_t svc_signal_event(struct rt *rt, const uint64_t *a)
{
	struct rt_event *e = event_of(rt, a[0]);
	EFI_GUID group;

	if (e == NULL)
		return EFI_INVALID_PARAMETER;
	group = e->group; /* the event may be closed meanwhile */
	if (e->group_set)
		rt_signal_group(rt, &group);
	else
		signal_one(e);
	rt_dispatch_events(rt);
	return EFI_SUCCESS;
}

uint64_t svc_close_event(struct rt *rt, const uint64_t *a)
{
	struct rt_event *e = event_of(rt, a[0]);

	if (e == NULL)
		return EFI_INVALID_PARAMETER;
	if (e->entry != 0 && rt->arch != 0) {
		EFI_RUNTIME_EVENT_ENTRY *entry = rt_ram(rt, e->entry, sizeof *entry);
		LIST_ENTRY *next = rt_ram(rt, entry->Link.ForwardLink, sizeof *next);
		LIST_ENTRY *before = rt_ram(rt, entry->Link.BackLink, sizeof *before);

		if (next != NULL && before != NULL) {
			next->BackLink = entry->Link.BackLink;
			before->ForwardLink = entry->Link.ForwardLink;
		}
	}
	for (size_t i = 0; i < RT_NOTIFIES_MAX; i++)
		if (rt->notifies[i].event == (uint32_t)(e - rt->events))
			rt->notifies[i].used = false;
	e->used = false;
	return EFI_SUCCESS;
}

uint64_t svc_raise_tpl(struct rt *rt, const uint64_t *a)
{
	const EFI_TPL old = rt->tpl;

	if (a[0] < old || a[0] > TPL_HIGH_LEVEL)
		rt_find(rt, RT_TPL_VIOLATION, rt_caller(rt), a[0], "RaiseTPL from %u to %u",
			(unsigned)old, (unsigned)a[0]);
	else
		rt->tpl = a[0];
	return old;
}

uint64_t svc_restore_tpl(struct rt *rt, const uint64_t *a)
{
	if (a[0] > rt->tpl) {
		rt_find(rt, RT_TPL_VIOLATION, rt_caller(rt), a[0],
			"RestoreTPL from %u up to %u", (unsigned)rt->tpl, (unsigned)a[0]);
		return 0;
	}
	rt->tpl = a[0];
	rt_dispatch_events(rt);
	return 0;
}

uint64_t svc_stall(struct rt *rt, const uint64_t *a)
{
	rt_time_passes(rt, a[0] * 10);
	return EFI_SUCCESS;
}
