/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Services: which stub is which, what is checked at every call, and the boot services that
 * are a few lines. The tables that drivers see are made here: each function in them is a
 * stub in memory of the hosted machine, so that it is converted, and closed, like any
 * firmware's.
 */
#include <stdio.h>
#include <string.h>

#include "base/crc32.h"
#include "runtime/rt_priv.h"

static uint64_t svc_monotonic(struct rt *rt, const uint64_t *a)
{
	if (a[0] == 0)
		return EFI_INVALID_PARAMETER;
	*(uint64_t *)a[0] = ++rt->monotonic;
	return EFI_SUCCESS;
}

static uint64_t svc_success(struct rt *rt, const uint64_t *a)
{
	(void)rt;
	(void)a;
	return EFI_SUCCESS;
}

static uint64_t svc_not_found(struct rt *rt, const uint64_t *a)
{
	(void)rt;
	(void)a;
	return EFI_NOT_FOUND;
}

static uint64_t svc_crc32(struct rt *rt, const uint64_t *a)
{
	(void)rt;
	if (a[0] == 0 || a[1] == 0 || a[2] == 0)
		return EFI_INVALID_PARAMETER;
	*(uint32_t *)a[2] = crc32_update(0, (const void *)a[0], a[1]);
	return EFI_SUCCESS;
}

/* Loops that no sanitizer replaces or watches: what they touch is the driver's, guards and
 * all. */
#define PLAIN __attribute__((no_sanitize("undefined")))

PLAIN static uint64_t svc_copy_mem(struct rt *rt, const uint64_t *a)
{
	volatile uint8_t *to = (volatile uint8_t *)a[0];
	const volatile uint8_t *from = (const volatile uint8_t *)a[1];

	(void)rt;
	if (a[0] <= a[1])
		for (uint64_t i = 0; i < a[2]; i++)
			to[i] = from[i];
	else
		for (uint64_t i = a[2]; i-- > 0;)
			to[i] = from[i];
	return 0;
}

PLAIN static uint64_t svc_set_mem(struct rt *rt, const uint64_t *a)
{
	volatile uint8_t *to = (volatile uint8_t *)a[0];

	(void)rt;
	for (uint64_t i = 0; i < a[1]; i++)
		to[i] = (uint8_t)a[2];
	return 0;
}

/* Priorities: UEFI 2.10 §7.1, table 7-3. */
static const struct rt_service_def boot_services[RT_STUB_DXE] = {
	{"RaiseTPL", svc_raise_tpl, 0},
	{"RestoreTPL", svc_restore_tpl, 0},
	{"AllocatePages", svc_allocate_pages, TPL_NOTIFY},
	{"FreePages", svc_free_pages, TPL_NOTIFY},
	{"GetMemoryMap", svc_get_memory_map, TPL_NOTIFY},
	{"AllocatePool", svc_allocate_pool, TPL_NOTIFY},
	{"FreePool", svc_free_pool, TPL_NOTIFY},
	{"CreateEvent", svc_create_event, TPL_NOTIFY},
	{"SetTimer", svc_set_timer, 0},
	{"WaitForEvent", svc_wait_for_event, TPL_APPLICATION},
	{"SignalEvent", svc_signal_event, 0},
	{"CloseEvent", svc_close_event, TPL_NOTIFY},
	{"CheckEvent", svc_check_event, TPL_NOTIFY},
	{"InstallProtocolInterface", svc_install_protocol, TPL_NOTIFY},
	{"ReinstallProtocolInterface", svc_reinstall_protocol, TPL_NOTIFY},
	{"UninstallProtocolInterface", svc_uninstall_protocol, TPL_NOTIFY},
	{"HandleProtocol", svc_handle_protocol, TPL_NOTIFY},
	{"Reserved", NULL, 0},
	{"RegisterProtocolNotify", svc_register_notify, TPL_NOTIFY},
	{"LocateHandle", svc_locate_handle, TPL_NOTIFY},
	{"LocateDevicePath", svc_locate_device_path, TPL_NOTIFY},
	{"InstallConfigurationTable", svc_install_configuration_table, TPL_NOTIFY},
	{"LoadImage", svc_load_image, TPL_CALLBACK},
	{"StartImage", svc_start_image, TPL_CALLBACK},
	{"Exit", svc_exit, TPL_CALLBACK},
	{"UnloadImage", svc_unload_image, TPL_CALLBACK},
	{"ExitBootServices", svc_exit_boot_services, TPL_APPLICATION},
	{"GetNextMonotonicCount", svc_monotonic, 0},
	{"Stall", svc_stall, 0},
	{"SetWatchdogTimer", svc_success, 0},
	{"ConnectController", svc_not_found, TPL_CALLBACK},
	{"DisconnectController", svc_success, TPL_CALLBACK},
	{"OpenProtocol", svc_open_protocol, TPL_NOTIFY},
	{"CloseProtocol", svc_close_protocol, TPL_NOTIFY},
	{"OpenProtocolInformation", svc_open_protocol_information, TPL_NOTIFY},
	{"ProtocolsPerHandle", svc_protocols_per_handle, TPL_NOTIFY},
	{"LocateHandleBuffer", svc_locate_handle_buffer, TPL_NOTIFY},
	{"LocateProtocol", svc_locate_protocol, TPL_NOTIFY},
	{"InstallMultipleProtocolInterfaces", svc_install_multiple, TPL_NOTIFY},
	{"UninstallMultipleProtocolInterfaces", svc_uninstall_multiple, TPL_NOTIFY},
	{"CalculateCrc32", svc_crc32, 0},
	{"CopyMem", svc_copy_mem, 0},
	{"SetMem", svc_set_mem, 0},
	{"CreateEventEx", svc_create_event_ex, TPL_NOTIFY},
};

static const struct rt_service_def mm_services[] = {
	{"MM_COMMUNICATION2.Communicate", svc_mm_communicate, 0},
};

static const struct {
	unsigned first, count;
	const struct rt_service_def *defs;
} stubs[] = {
	{RT_STUB_BOOT, RT_STUB_DXE - RT_STUB_BOOT, boot_services},
	{RT_STUB_DXE, RT_STUB_PCD - RT_STUB_DXE, rt_dxe_services},
	{RT_STUB_PCD, RT_STUB_EFI_PCD - RT_STUB_PCD, rt_pcd_services},
	{RT_STUB_EFI_PCD, RT_STUB_CONSOLE - RT_STUB_EFI_PCD, rt_efi_pcd_services},
	{RT_STUB_CONSOLE, RT_CONSOLE_SERVICES, rt_console_services},
	{RT_STUB_RUNTIME, RT_RUNTIME_SERVICES, rt_runtime_services},
	{RT_STUB_MM, 1, mm_services},
};

const struct rt_service_def *rt_service_def(unsigned stub)
{
	static const struct rt_service_def none = {"a service that there is not", NULL, 0};

	for (size_t i = 0; i < sizeof stubs / sizeof *stubs; i++)
		if (stub >= stubs[i].first && stub - stubs[i].first < stubs[i].count)
			return &stubs[i].defs[stub - stubs[i].first];
	return &none;
}

/* A boot service that is called when there is none any more does nothing. */
static bool gone(struct rt *rt, unsigned stub)
{
	if (stub >= RT_STUB_BOOT_END || !rt->runtime)
		return false;
	rt_find(rt, RT_BOOT_SERVICE_AFTER_EXIT, rt_caller(rt), 0,
		"calls the boot service %s", rt_service_def(stub)->name);
	return true;
}

static void check_tpl(struct rt *rt, const struct rt_service_def *s)
{
	if (s->max_tpl != 0 && rt->tpl > s->max_tpl && !rt->runtime)
		rt_find(rt, RT_TPL_VIOLATION, rt_caller(rt), rt->tpl,
			"calls %s at TPL %u; it may be called up to TPL %u", s->name,
			(unsigned)rt->tpl, s->max_tpl);
}

/* From the driver to us; the end of it is the way back. */
static void host_begin(struct rt *rt, struct rt_call *call, uint64_t sp)
{
	rt->in_host = true;
	rt->quiet_ticks = 0;
	if (rt->call == NULL)
		rt->outer_sp = rt_host_sp;
	call->outer = rt->call;
	call->driver_sp = rt->driver_sp;
	rt->call = call;
	rt->driver_sp = sp;
}

static void host_end(struct rt *rt, const struct rt_call *call)
{
	rt->call = call->outer;
	rt->driver_sp = call->driver_sp;
	rt->in_host = false;
}

uint64_t rt_service(unsigned stub, const uint64_t *args, uint64_t from, uint64_t sp)
{
	struct rt *rt = rt_self;
	const struct rt_service_def *s = rt_service_def(stub);
	struct rt_call call = {.stub = stub, .from = from};
	uint64_t result = EFI_UNSUPPORTED;

	host_begin(rt, &call, sp);
	if (s->fn == NULL)
		rt_find(rt, RT_UNMET_DEPENDENCY, rt_caller(rt), 0,
			"calls %s, which this environment lacks", s->name);
	else if (!gone(rt, stub)) {
		check_tpl(rt, s);
		result = s->fn(rt, args);
	}
	host_end(rt, &call);
	return result;
}

/* @from: the instruction that comes next. */
void rt_interrupt(uint64_t sp, uint64_t from)
{
	struct rt_call call = {.stub = RT_STUB_END, .from = from + 1};

	host_begin(rt_self, &call, sp);
	rt_time_passes(rt_self, RT_INTERRUPT);
	host_end(rt_self, &call);
}

/* A page of stubs: each puts its number into eax and jumps on, by an address at the page's
 * end. */
static uint64_t stubs_new(struct rt *rt, unsigned first, uint32_t type, const char *name)
{
	const uint64_t at = rt_table_new(rt, EFI_PAGE_SIZE, type, name),
		       target = (uintptr_t)rt_stub_common;
	uint8_t *page = rt_ram(rt, at, EFI_PAGE_SIZE);

	for (uint32_t i = 0; i < (EFI_PAGE_SIZE - 8) / RT_STUB_LEN; i++) {
		const uint32_t number = first + i,
			       distance = EFI_PAGE_SIZE - 8 - i * RT_STUB_LEN - 11;
		uint8_t *p = page + (size_t)i * RT_STUB_LEN;

		p[0] = 0xb8; /* mov eax, number */
		memcpy(p + 1, &number, 4);
		p[5] = 0xff; /* jmp [rip + distance] */
		p[6] = 0x25;
		memcpy(p + 7, &distance, 4);
	}
	memcpy(page + EFI_PAGE_SIZE - 8, &target, 8);
	rt_block_protect(rt, &rt->shared->blocks[rt_block_find(rt, at)], RT_PROT_CODE);
	return at;
}

uint64_t rt_stub(struct rt *rt, unsigned stub)
{
	return stub < RT_STUB_BOOT_END
		       ? rt->boot_stubs + (uint64_t)stub * RT_STUB_LEN
		       : rt->runtime_stubs +
				 (uint64_t)(stub - RT_STUB_BOOT_END) * RT_STUB_LEN;
}

void rt_stubs_fill(struct rt *rt, uint64_t table, unsigned first, unsigned count)
{
	uint64_t *p = rt_ram(rt, table, count * 8ULL);

	for (unsigned i = 0; i < count; i++)
		p[i] = rt_stub(rt, first + i);
}

void rt_table_crc(struct rt *rt, uint64_t table)
{
	const struct rt_block *b = rt_block_at(rt, table);
	EFI_TABLE_HEADER *h = rt_ram(rt, table, sizeof *h);

	if (b == NULL || h->HeaderSize > b->size)
		return; /* a driver has written there */
	h->CRC32 = 0;
	h->CRC32 = crc32_update(0, h, h->HeaderSize);
}

static uint64_t service_table(struct rt *rt, uint64_t signature, uint32_t size,
			      uint32_t type, unsigned first, const char *name)
{
	const uint64_t at = rt_table_new(rt, size, type, name);
	EFI_TABLE_HEADER *h = rt_ram(rt, at, size);

	*h = (EFI_TABLE_HEADER){
		.Signature = signature, .Revision = EFI_2_10_REVISION, .HeaderSize = size};
	rt_stubs_fill(rt, at + sizeof *h, first, (size - (uint32_t)sizeof *h) / 8);
	rt_table_crc(rt, at);
	return at;
}

#define DXE_SERVICES_SIGNATURE 0x565245535f455844ULL

void rt_tables_new(struct rt *rt)
{
	static const CHAR16 vendor[] = u"runtserv";
	EFI_SYSTEM_TABLE *st;
	uint64_t text;

	rt->boot_stubs = stubs_new(rt, 0, EfiBootServicesCode, "boot services code");
	rt->runtime_stubs = stubs_new(rt, RT_STUB_RUNTIME, EfiRuntimeServicesCode,
				      "runtime services code");
	rt->bs = service_table(rt, EFI_BOOT_SERVICES_SIGNATURE, sizeof(EFI_BOOT_SERVICES),
			       EfiBootServicesData, RT_STUB_BOOT, "EFI_BOOT_SERVICES");
	rt->rs = service_table(rt, EFI_RUNTIME_SERVICES_SIGNATURE,
			       sizeof(EFI_RUNTIME_SERVICES), EfiRuntimeServicesData,
			       RT_STUB_RUNTIME, "EFI_RUNTIME_SERVICES");
	rt->dxe = service_table(rt, DXE_SERVICES_SIGNATURE, sizeof(EFI_DXE_SERVICES),
				EfiBootServicesData, RT_STUB_DXE, "DXE services");
	rt->config_table = rt_table_new(rt, RT_CONFIG_MAX * sizeof(EFI_CONFIGURATION_TABLE),
					EfiRuntimeServicesData, "configuration table");
	text = rt_table_new(rt, sizeof vendor, EfiRuntimeServicesData, "FirmwareVendor");
	memcpy(rt_ram(rt, text, sizeof vendor), vendor, sizeof vendor);
	rt->st = rt_table_new(rt, sizeof *st, EfiRuntimeServicesData, "EFI_SYSTEM_TABLE");
	st = rt_ram(rt, rt->st, sizeof *st);
	*st = (EFI_SYSTEM_TABLE){.Hdr = {.Signature = EFI_SYSTEM_TABLE_SIGNATURE,
					 .Revision = EFI_2_10_REVISION,
					 .HeaderSize = sizeof *st},
				 .FirmwareVendor = (CHAR16 *)text,
				 .FirmwareRevision = 1,
				 .RuntimeServices = (EFI_RUNTIME_SERVICES *)rt->rs,
				 .BootServices = (EFI_BOOT_SERVICES *)rt->bs,
				 .ConfigurationTable =
					 (EFI_CONFIGURATION_TABLE *)rt->config_table};
	rt_table_crc(rt, rt->st);
}
