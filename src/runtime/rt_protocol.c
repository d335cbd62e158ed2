/* SPDX-License-Identifier: BSD-2-Clause */
/* Handles and protocols (UEFI 2.10 §7.3), configuration tables (§7.5), and what drivers
 * looked for in vain. */
#include <string.h>

#include "base/guid.h"
#include "runtime/rt_priv.h"

/* Handles are numbers from 1; drivers see them as RT_HANDLE_BASE + 16 * number. */
static uint64_t handle_value(uint32_t number)
{
	return RT_HANDLE_BASE + number * 16ULL;
}

static uint32_t handle_number(const struct rt *rt, uint64_t value)
{
	const uint64_t n = (value - RT_HANDLE_BASE) / 16;

	if (value < RT_HANDLE_BASE || (value & 15) != 0 || n == 0 || n > rt->handle_count)
		return 0;
	for (size_t i = 0; i < RT_PROTOCOLS_MAX; i++)
		if (rt->protocols[i].used && rt->protocols[i].handle == n)
			return (uint32_t)n;
	return 0;
}

static struct rt_protocol *on_handle(struct rt *rt, uint32_t handle, const EFI_GUID *guid)
{
	for (size_t i = 0; i < RT_PROTOCOLS_MAX; i++) {
		struct rt_protocol *p = &rt->protocols[i];

		if (p->used && p->handle == handle && guid_eq(&p->guid, guid))
			return p;
	}
	return NULL;
}

/* The oldest of that kind. */
struct rt_protocol *rt_protocol_find(struct rt *rt, const EFI_GUID *guid)
{
	struct rt_protocol *found = NULL;

	for (size_t i = 0; i < RT_PROTOCOLS_MAX; i++) {
		struct rt_protocol *p = &rt->protocols[i];

		if (p->used && guid_eq(&p->guid, guid) &&
		    (found == NULL || p->age < found->age))
			found = p;
	}
	return found;
}

void rt_need(struct rt *rt, const EFI_GUID *guid, enum rt_need_kind kind, uint16_t image)
{
	const uint32_t n = atomic_load(&rt->shared->needs_count);

	for (uint32_t i = 0; i < n; i++)
		if (guid_eq(&rt->shared->needs[i].guid, guid) &&
		    rt->shared->needs[i].image == image &&
		    rt->shared->needs[i].kind == kind)
			return;
	if (n == RT_NEEDS_MAX)
		return;
	rt->shared->needs[n] =
		(struct rt_need){.guid = *guid, .image = image, .kind = (uint8_t)kind};
	atomic_store(&rt->shared->needs_count, n + 1);
}

static void need_met(struct rt *rt, const EFI_GUID *guid)
{
	for (uint32_t i = 0; i < atomic_load(&rt->shared->needs_count); i++)
		if (guid_eq(&rt->shared->needs[i].guid, guid))
			rt->shared->needs[i].met = 1;
}

/* A look-up that found nothing, noted for whoever asks why the driver went wrong
 * afterwards. */
static EFI_STATUS missing(struct rt *rt, const EFI_GUID *guid)
{
	const uint16_t image = rt_caller(rt).image;

	if (image < RT_IMAGES_MAX) {
		rt_need(rt, guid, RT_NEED_LOCATE, image);
		rt->loaded[image].has_missing = true;
		rt->loaded[image].missing = *guid;
		rt->loaded[image].missing_entry = rt->entries;
	}
	return EFI_NOT_FOUND;
}

/* RuntimeDxe is there: the lists that it will walk are ours to fill (PI 1.8 vol 2 §12.6).
 */
static void runtime_arch(struct rt *rt, const EFI_GUID *guid, uint64_t interface,
			 uint16_t image)
{
	static const EFI_GUID arch = EFI_RUNTIME_ARCH_PROTOCOL_GUID;

	if (rt->arch != 0 || interface == rt->own_arch || !guid_eq(guid, &arch) ||
	    rt_ram(rt, interface, sizeof(EFI_RUNTIME_ARCH_PROTOCOL)) == NULL)
		return;
	rt->arch = interface;
	atomic_store(&rt->shared->arch, image + 1U);
	rt_convert_hook(rt);
	rt_images_link(rt);
	rt_events_link(rt);
}

static EFI_STATUS install(struct rt *rt, uint32_t *handle, const EFI_GUID *guid,
			  uint64_t interface, const struct rt_place *by)
{
	struct rt_protocol *p = rt->protocols;

	if (*handle != 0 && on_handle(rt, *handle, guid) != NULL)
		return EFI_INVALID_PARAMETER;
	while (p < rt->protocols + RT_PROTOCOLS_MAX && p->used)
		p++;
	if (p == rt->protocols + RT_PROTOCOLS_MAX || rt->handle_count == RT_HANDLES_MAX)
		return EFI_OUT_OF_RESOURCES;
	if (*handle == 0)
		*handle = ++rt->handle_count;
	*p = (struct rt_protocol){true,      *handle,    *guid,    interface,
				  by->image, by->offset, ++rt->age};
	need_met(rt, guid);
	runtime_arch(rt, guid, interface, by->image);
	return EFI_SUCCESS;
}

static void tell(struct rt *rt, const EFI_GUID *guid)
{
	for (size_t i = 0; i < RT_NOTIFIES_MAX; i++) {
		const struct rt_notify *n = &rt->notifies[i];

		if (n->used && guid_eq(&n->guid, guid))
			svc_signal_event(rt, &(uint64_t){RT_EVENT_BASE + n->event * 16ULL});
	}
}

void rt_protocol_install(struct rt *rt, uint32_t *handle, const EFI_GUID *guid,
			 uint64_t interface)
{
	const struct rt_place us = {RT_NOBODY, 0};

	if (install(rt, handle, guid, interface, &us) != EFI_SUCCESS)
		rt_trouble(rt, "no room for a protocol of ours");
	tell(rt, guid);
}

/* 0 with EFI_SUCCESS: *@p is NULL, a new handle is wanted. */
static EFI_STATUS handle_in(struct rt *rt, const uint64_t *p, uint32_t *ret)
{
	if (p == NULL)
		return EFI_INVALID_PARAMETER;
	*ret = *p != 0 ? handle_number(rt, *p) : 0;
	return *p != 0 && *ret == 0 ? EFI_INVALID_PARAMETER : EFI_SUCCESS;
}

uint64_t svc_install_protocol(struct rt *rt, const uint64_t *a)
{
	uint64_t *handle = (uint64_t *)a[0];
	const EFI_GUID *guid = (const EFI_GUID *)a[1];
	const struct rt_place by = rt_caller(rt);
	EFI_STATUS status;
	uint32_t n;

	if (guid == NULL || (uint32_t)a[2] != EFI_NATIVE_INTERFACE)
		return EFI_INVALID_PARAMETER;
	status = handle_in(rt, handle, &n);
	if (status == EFI_SUCCESS)
		status = install(rt, &n, guid, a[3], &by);
	if (status != EFI_SUCCESS)
		return status;
	*handle = handle_value(n);
	tell(rt, guid);
	return EFI_SUCCESS;
}

uint64_t svc_reinstall_protocol(struct rt *rt, const uint64_t *a)
{
	const EFI_GUID *guid = (const EFI_GUID *)a[1];
	const uint32_t n = handle_number(rt, a[0]);
	struct rt_protocol *p = n != 0 && guid != NULL ? on_handle(rt, n, guid) : NULL;

	if (n == 0 || guid == NULL)
		return EFI_INVALID_PARAMETER;
	if (p == NULL || p->interface != a[2])
		return EFI_NOT_FOUND;
	p->interface = a[3];
	p->age = ++rt->age;
	tell(rt, guid);
	return EFI_SUCCESS;
}

static EFI_STATUS uninstall(struct rt *rt, uint32_t handle, const EFI_GUID *guid,
			    uint64_t interface)
{
	struct rt_protocol *p =
		handle != 0 && guid != NULL ? on_handle(rt, handle, guid) : NULL;

	if (handle == 0 || guid == NULL)
		return EFI_INVALID_PARAMETER;
	if (p == NULL || p->interface != interface)
		return EFI_NOT_FOUND;
	p->used = false;
	return EFI_SUCCESS;
}

uint64_t svc_uninstall_protocol(struct rt *rt, const uint64_t *a)
{
	return uninstall(rt, handle_number(rt, a[0]), (const EFI_GUID *)a[1], a[2]);
}

/* (handle, GUID, interface, GUID, interface, ..., NULL): all or none. */
uint64_t svc_install_multiple(struct rt *rt, const uint64_t *a)
{
	static const EFI_GUID device_path = EFI_DEVICE_PATH_PROTOCOL_GUID;
	uint64_t *handle = (uint64_t *)a[0];
	const struct rt_place by = rt_caller(rt);
	EFI_STATUS status;
	uint32_t n;
	size_t i;

	status = handle_in(rt, handle, &n);
	for (i = 1; status == EFI_SUCCESS && a[i] != 0; i += 2) {
		const EFI_GUID *guid = (const EFI_GUID *)a[i];

		if (guid_eq(guid, &device_path) && a[i + 1] == 0)
			status = EFI_INVALID_PARAMETER;
		else
			status = install(rt, &n, guid, a[i + 1], &by);
	}
	if (status != EFI_SUCCESS) {
		/* the one that failed was not installed */
		for (i = i >= 3 ? i - 2 : 1; i-- > 1;)
			if ((i & 1) == 1)
				uninstall(rt, n, (const EFI_GUID *)a[i], a[i + 1]);
		return status;
	}
	if (n != 0)
		*handle = handle_value(n);
	for (i = 1; a[i] != 0; i += 2)
		tell(rt, (const EFI_GUID *)a[i]);
	return EFI_SUCCESS;
}

uint64_t svc_uninstall_multiple(struct rt *rt, const uint64_t *a)
{
	const uint32_t n = handle_number(rt, a[0]);

	for (size_t i = 1; a[i] != 0; i += 2) {
		const struct rt_protocol *p =
			n != 0 ? on_handle(rt, n, (const EFI_GUID *)a[i]) : NULL;

		if (p == NULL || p->interface != a[i + 1])
			return EFI_INVALID_PARAMETER;
	}
	for (size_t i = 1; a[i] != 0; i += 2)
		uninstall(rt, n, (const EFI_GUID *)a[i], a[i + 1]);
	return EFI_SUCCESS;
}

/* Images here come from no device (EFI_LOADED_IMAGE_PROTOCOL.DeviceHandle is NULL), so what
 * drivers look for on it is missing. */
static void no_device(struct rt *rt, uint64_t handle, const EFI_GUID *guid)
{
	if (handle == 0 && guid != NULL)
		missing(rt, guid);
}

uint64_t svc_handle_protocol(struct rt *rt, const uint64_t *a)
{
	const EFI_GUID *guid = (const EFI_GUID *)a[1];
	const uint32_t n = handle_number(rt, a[0]);
	const struct rt_protocol *p;

	no_device(rt, a[0], guid);
	if (n == 0 || guid == NULL || a[2] == 0)
		return EFI_INVALID_PARAMETER;
	p = on_handle(rt, n, guid);
	*(uint64_t *)a[2] = p != NULL ? p->interface : 0;
	if (p != NULL)
		return EFI_SUCCESS;
	missing(rt, guid);
	return EFI_UNSUPPORTED;
}

uint64_t svc_open_protocol(struct rt *rt, const uint64_t *a)
{
	const EFI_GUID *guid = (const EFI_GUID *)a[1];
	const uint32_t n = handle_number(rt, a[0]), how = (uint32_t)a[5];
	const struct rt_protocol *p;

	no_device(rt, a[0], guid);
	if (n == 0 || guid == NULL || (a[2] == 0 && how != EFI_OPEN_PROTOCOL_TEST_PROTOCOL))
		return EFI_INVALID_PARAMETER;
	p = on_handle(rt, n, guid);
	if (how != EFI_OPEN_PROTOCOL_TEST_PROTOCOL)
		*(uint64_t *)a[2] = p != NULL ? p->interface : 0;
	if (p == NULL)
		missing(rt, guid);
	return p != NULL ? EFI_SUCCESS : EFI_UNSUPPORTED;
}

uint64_t svc_close_protocol(struct rt *rt, const uint64_t *a)
{
	const EFI_GUID *guid = (const EFI_GUID *)a[1];
	const uint32_t n = handle_number(rt, a[0]);

	if (n == 0 || guid == NULL || a[2] == 0)
		return EFI_INVALID_PARAMETER;
	return on_handle(rt, n, guid) != NULL ? EFI_SUCCESS : EFI_NOT_FOUND;
}

/* Who has opened what is not kept: nobody has. */
uint64_t svc_open_protocol_information(struct rt *rt, const uint64_t *a)
{
	const EFI_GUID *guid = (const EFI_GUID *)a[1];
	const uint32_t n = handle_number(rt, a[0]);
	EFI_STATUS status;

	if (n == 0 || guid == NULL || on_handle(rt, n, guid) == NULL)
		return EFI_NOT_FOUND;
	status = rt_pool_new(rt, EfiBootServicesData, 0, (uint64_t *)a[2]);
	if (status == EFI_SUCCESS)
		*(uint64_t *)a[3] = 0;
	return status;
}

uint64_t svc_protocols_per_handle(struct rt *rt, const uint64_t *a)
{
	const uint32_t n = handle_number(rt, a[0]);
	uint64_t list, guids, count = 0;
	EFI_STATUS status;

	if (n == 0 || a[1] == 0 || a[2] == 0)
		return EFI_INVALID_PARAMETER;
	for (size_t i = 0; i < RT_PROTOCOLS_MAX; i++)
		count += rt->protocols[i].used && rt->protocols[i].handle == n;
	/* one block, for the caller frees only the list */
	status = rt_pool_new(rt, EfiBootServicesData, count * 24, &list);
	if (status != EFI_SUCCESS)
		return status;
	guids = list + count * 8;
	for (size_t i = 0, k = 0; i < RT_PROTOCOLS_MAX; i++)
		if (rt->protocols[i].used && rt->protocols[i].handle == n) {
			((uint64_t *)list)[k] = guids + k * 16;
			memcpy((void *)(guids + k++ * 16), &rt->protocols[i].guid, 16);
		}
	*(uint64_t *)a[1] = list;
	*(uint64_t *)a[2] = count;
	return EFI_SUCCESS;
}

uint64_t svc_register_notify(struct rt *rt, const uint64_t *a)
{
	const EFI_GUID *guid = (const EFI_GUID *)a[0];
	const uint64_t event = (a[1] - RT_EVENT_BASE) / 16;
	size_t i = 0;

	if (guid == NULL || a[2] == 0 || a[1] < RT_EVENT_BASE || event >= RT_EVENTS_MAX ||
	    !rt->events[event].used)
		return EFI_INVALID_PARAMETER;
	while (i < RT_NOTIFIES_MAX && rt->notifies[i].used)
		i++;
	if (i == RT_NOTIFIES_MAX)
		return EFI_OUT_OF_RESOURCES;
	/* what is there already is found with the registration, too */
	rt->notifies[i] = (struct rt_notify){true, *guid, (uint32_t)event, 0};
	*(uint64_t *)a[2] = (uint64_t)&rt->notifies[i];
	if (rt_protocol_find(rt, guid) == NULL)
		rt_need(rt, guid, RT_NEED_NOTIFY, rt_caller(rt).image);
	return EFI_SUCCESS;
}

static struct rt_notify *notify_of(struct rt *rt, uint64_t registration)
{
	for (size_t i = 0; i < RT_NOTIFIES_MAX; i++)
		if (rt->notifies[i].used && (uint64_t)&rt->notifies[i] == registration)
			return &rt->notifies[i];
	return NULL;
}

/* The next protocol that a registration has not told of. */
static struct rt_protocol *notify_next(struct rt *rt, struct rt_notify *n)
{
	struct rt_protocol *next = NULL;

	for (size_t i = 0; i < RT_PROTOCOLS_MAX; i++) {
		struct rt_protocol *p = &rt->protocols[i];

		if (p->used && guid_eq(&p->guid, &n->guid) && p->age > n->seen &&
		    (next == NULL || p->age < next->age))
			next = p;
	}
	if (next != NULL)
		n->seen = next->age;
	return next;
}

uint64_t svc_locate_protocol(struct rt *rt, const uint64_t *a)
{
	const EFI_GUID *guid = (const EFI_GUID *)a[0];
	struct rt_notify *n = a[1] != 0 ? notify_of(rt, a[1]) : NULL;
	const struct rt_protocol *p;

	if (a[2] == 0 || guid == NULL)
		return EFI_INVALID_PARAMETER;
	p = a[1] != 0 ? (n != NULL ? notify_next(rt, n) : NULL)
		      : rt_protocol_find(rt, guid);
	*(uint64_t *)a[2] = p != NULL ? p->interface : 0;
	if (p != NULL)
		return EFI_SUCCESS;
	return a[1] != 0 ? EFI_NOT_FOUND : missing(rt, guid);
}

/* Handles by protocol, in order of installation, each once. */
static size_t handles(struct rt *rt, uint32_t how, const EFI_GUID *guid, uint64_t key,
		      uint64_t ret[RT_HANDLES_MAX])
{
	struct rt_notify *n = how == ByRegisterNotify ? notify_of(rt, key) : NULL;
	size_t count = 0;

	if (how == ByRegisterNotify) {
		const struct rt_protocol *p = n != NULL ? notify_next(rt, n) : NULL;

		if (p != NULL)
			ret[count++] = handle_value(p->handle);
		return count;
	}
	for (uint32_t h = 1; h <= rt->handle_count; h++) {
		const bool wanted = how == AllHandles
					    ? handle_number(rt, handle_value(h)) != 0
					    : on_handle(rt, h, guid) != NULL;

		if (wanted)
			ret[count++] = handle_value(h);
	}
	return count;
}

uint64_t svc_locate_handle(struct rt *rt, const uint64_t *a)
{
	const EFI_GUID *guid = (const EFI_GUID *)a[1];
	const uint32_t how = (uint32_t)a[0];
	uint64_t found[RT_HANDLES_MAX], *size = (uint64_t *)a[3], had;
	size_t n;

	if (how > ByProtocol || (how == ByProtocol && guid == NULL) ||
	    (how == ByRegisterNotify && a[2] == 0) || size == NULL)
		return EFI_INVALID_PARAMETER;
	n = handles(rt, how, guid, a[2], found);
	if (n == 0)
		return how == ByProtocol ? missing(rt, guid) : EFI_NOT_FOUND;
	had = *size;
	*size = n * 8;
	if (had < n * 8)
		return EFI_BUFFER_TOO_SMALL;
	if (a[4] == 0)
		return EFI_INVALID_PARAMETER;
	memcpy((void *)a[4], found, n * 8);
	return EFI_SUCCESS;
}

uint64_t svc_locate_handle_buffer(struct rt *rt, const uint64_t *a)
{
	const EFI_GUID *guid = (const EFI_GUID *)a[1];
	const uint32_t how = (uint32_t)a[0];
	uint64_t found[RT_HANDLES_MAX], list;
	EFI_STATUS status;
	size_t n;

	if (how > ByProtocol || (how == ByProtocol && guid == NULL) || a[3] == 0 ||
	    a[4] == 0)
		return EFI_INVALID_PARAMETER;
	n = handles(rt, how, guid, a[2], found);
	*(uint64_t *)a[3] = n;
	*(uint64_t *)a[4] = 0;
	if (n == 0)
		return how == ByProtocol ? missing(rt, guid) : EFI_NOT_FOUND;
	status = rt_pool_new(rt, EfiBootServicesData, n * 8, &list);
	if (status == EFI_SUCCESS) {
		memcpy((void *)list, found, n * 8);
		*(uint64_t *)a[4] = list;
	}
	return status;
}

/* No device paths lead anywhere here. */
uint64_t svc_locate_device_path(struct rt *rt, const uint64_t *a)
{
	(void)rt;
	return a[0] == 0 || a[1] == 0 ? EFI_INVALID_PARAMETER : EFI_NOT_FOUND;
}

EFI_STATUS rt_configuration_table(struct rt *rt, const EFI_GUID *guid, uint64_t table)
{
	EFI_SYSTEM_TABLE *st = rt_ram(rt, rt->st, sizeof *st);
	EFI_CONFIGURATION_TABLE *t =
		rt_ram(rt, rt->config_table, RT_CONFIG_MAX * sizeof *t);
	UINTN n = st->NumberOfTableEntries, i = 0;

	if (n > RT_CONFIG_MAX) /* a driver has written there */
		return EFI_OUT_OF_RESOURCES;
	while (i < n && !guid_eq(&t[i].VendorGuid, guid))
		i++;
	if (i == n && table == 0)
		return EFI_NOT_FOUND;
	if (i == RT_CONFIG_MAX)
		return EFI_OUT_OF_RESOURCES;
	if (table == 0) {
		memmove(t + i, t + i + 1, (n - i - 1) * sizeof *t);
		n--;
	} else {
		t[i] = (EFI_CONFIGURATION_TABLE){*guid, (void *)table};
		n += i == n;
	}
	st->NumberOfTableEntries = n;
	rt_table_crc(rt, rt->st);
	rt_signal_group(rt, guid);
	return EFI_SUCCESS;
}

uint64_t svc_install_configuration_table(struct rt *rt, const uint64_t *a)
{
	EFI_GUID guid;

	if (a[0] == 0)
		return EFI_INVALID_PARAMETER;
	memcpy(&guid, (const void *)a[0], sizeof guid);
	return rt_configuration_table(rt, &guid, a[1]);
}
