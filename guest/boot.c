/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The driver's entry: attach to the host, take the firmware's variables along, replace the
 * four services, and see at ReadyToBoot and ExitBootServices that an operating system will
 * be able to run them. Whatever goes wrong before the replacement leaves firmware with its
 * own services and the driver unloaded.
 */
#include "boot.h"

#include "base/crc32.h"
#include "base/mem.h"
#include "cpu.h"
#include "say.h"
#include "uefi/guids.h"

#define HOST_WAIT_MS   2000U
#define SETTLE_WAIT_MS 1000U
#define CALIBRATE_US   10000U

static const EFI_GUID variable_guid = EFI_SMM_VARIABLE_PROTOCOL_GUID;
static const EFI_GUID driver_guid = RUNTSERV_GUEST_DRIVER_GUID;

static struct boot boot_self;
static struct runtserv_guest_protocol protocol;

static void seal(EFI_RUNTIME_SERVICES *rt)
{
	rt->Hdr.CRC32 = 0;
	rt->Hdr.CRC32 = crc32_update(0, rt, rt->Hdr.HeaderSize);
}

static void services_take(const struct boot *b)
{
	b->rt->GetVariable = guest_get_variable;
	b->rt->GetNextVariableName = guest_get_next_variable_name;
	b->rt->SetVariable = guest_set_variable;
	b->rt->QueryVariableInfo = guest_query_variable_info;
	seal(b->rt);
}

static void services_give_back(const struct boot *b)
{
	b->rt->GetVariable = b->get_variable;
	b->rt->GetNextVariableName = b->get_next_variable_name;
	b->rt->SetVariable = b->set_variable;
	b->rt->QueryVariableInfo = b->query_variable_info;
	seal(b->rt);
}

/* Told to the host; whether it hears is not our concern. */
static void report(uint32_t what)
{
	(void)guest_exchange(&guest_self, &driver_guid, GUEST_DRIVER_REPORT, &what,
			     sizeof what);
}

static void boot_event(uint64_t function)
{
	(void)guest_exchange(&guest_self, &variable_guid, function, NULL, 0);
}

/* A guest that boots with the firmware's own store is bad; one that crashes is worse. */
static void detach(struct boot *b, EFI_SYSTEM_TABLE *console)
{
	services_give_back(b);
	b->attached = false;
	report(GUEST_DRIVER_REPORT_NOT_EXECUTABLE);
	say(console,
	    "runtserv: the memory attributes table forbids our code: the firmware's own "
	    "variable services are back");
}

static void EFIAPI on_ready_to_boot(EFI_EVENT Event, void *Context)
{
	struct boot *b = Context;

	(void)Event;
	boot_event(SMM_VARIABLE_FUNCTION_READY_TO_BOOT);
	/* Firmware rebuilds the memory attributes table in a notification of the same event
	 * and priority, which may come after ours; what we signal now comes after all of
	 * them. */
	b->bs->SignalEvent(b->after_ready_to_boot);
}

static void EFIAPI after_ready_to_boot(EFI_EVENT Event, void *Context)
{
	struct boot *b = Context;

	(void)Event;
	if (b->attached && !mat_settle(b, true))
		detach(b, b->st);
}

static void EFIAPI on_exit_boot_services(EFI_EVENT Event, void *Context)
{
	struct boot *b = Context;

	(void)Event;
	/* Firmware makes the table anew when somebody allocates runtime memory after
	 * ReadyToBoot. */
	if (b->attached && !mat_settle(b, false))
		detach(b, NULL);
	/* A detached driver says it too: the host must know that an operating system runs.
	 */
	boot_event(SMM_VARIABLE_FUNCTION_EXIT_BOOT_SERVICE);
	page_set_runtime(&guest_self.page, true);
	guest_self.bs = NULL;
	/* What follows at run time needs none of this, and none of it is converted. */
	memset(&protocol, 0, sizeof protocol);
	memset(b, 0, sizeof *b);
}

static EFI_STATUS calibrate(const struct boot *b, struct page *p)
{
	uint64_t rate = cpu_ticks_per_second(), start;

	if (rate == 0) {
		start = cpu_ticks();
		b->bs->Stall(CALIBRATE_US);
		rate = (cpu_ticks() - start) * (1000000 / CALIBRATE_US);
	}
	p->ticks_per_ms = rate / 1000;
	return p->ticks_per_ms != 0 ? EFI_SUCCESS : EFI_UNSUPPORTED;
}

/* QEMU may be up before the daemon has written its header. */
static bool wait_for_host(const struct boot *b, const struct page *p)
{
	for (unsigned ms = 0; !page_present(p); ms += 10) {
		if (ms >= HOST_WAIT_MS)
			return false;
		b->bs->Stall(10000);
	}
	return true;
}

static EFI_STATUS events_create(struct boot *b, EFI_EVENT ret[4])
{
	static const EFI_GUID ready = EFI_EVENT_GROUP_READY_TO_BOOT_GUID;
	EFI_STATUS status;

	status = b->bs->CreateEvent(EVT_NOTIFY_SIGNAL, TPL_CALLBACK, after_ready_to_boot, b,
				    &b->after_ready_to_boot);
	if (status != EFI_SUCCESS)
		return status;
	ret[0] = b->after_ready_to_boot;
	status = b->bs->CreateEventEx(EVT_NOTIFY_SIGNAL, TPL_CALLBACK, on_ready_to_boot, b,
				      &ready, &ret[1]);
	if (status != EFI_SUCCESS)
		return status;
	status = b->bs->CreateEvent(EVT_SIGNAL_EXIT_BOOT_SERVICES, TPL_NOTIFY,
				    on_exit_boot_services, b, &ret[2]);
	if (status != EFI_SUCCESS)
		return status;
	return b->bs->CreateEvent(EVT_SIGNAL_VIRTUAL_ADDRESS_CHANGE, TPL_NOTIFY,
				  guest_virtual_address_change, NULL, &ret[3]);
}

/* For tests and benchmarks; nothing depends on it. */
static void protocol_install(const struct boot *b)
{
	static const EFI_GUID guid = RUNTSERV_GUEST_PROTOCOL_GUID;
	EFI_HANDLE handle = NULL;

	protocol = (struct runtserv_guest_protocol){
		.version = 1,
		.get_variable = (void *)b->get_variable,
		.get_next_variable_name = (void *)b->get_next_variable_name,
		.set_variable = (void *)b->set_variable,
		.query_variable_info = (void *)b->query_variable_info,
		.image_base = (uintptr_t)b->image,
		.image_size = b->image_size,
	};
	(void)b->bs->InstallProtocolInterface(&handle, &guid, EFI_NATIVE_INTERFACE,
					      &protocol);
}

static EFI_STATUS refuse(const struct boot *b, EFI_STATUS status, const char *why)
{
	say(b->st,
	    "runtserv: %s (status %#llx): the firmware keeps its own variable services",
	    why, (unsigned long long)status);
	return status;
}

/* INIT was taken, so the host is in the boot phase, and nobody will tell it when that ends:
 * tell it now. */
static EFI_STATUS give_up(const struct boot *b, EFI_STATUS status, const char *why)
{
	boot_event(SMM_VARIABLE_FUNCTION_EXIT_BOOT_SERVICE);
	page_set_runtime(&guest_self.page, true);
	return refuse(b, status, why);
}

static EFI_STATUS attach(struct boot *b, EFI_HANDLE device)
{
	struct guest *g = &guest_self;
	EFI_EVENT events[4] = {NULL};
	EFI_STATUS status;

	status = device_open(b, device, &g->page);
	if (status != EFI_SUCCESS)
		return refuse(b, status, "no usable ivshmem device");
	status = calibrate(b, &g->page);
	if (status != EFI_SUCCESS)
		return refuse(b, status, "no cycle counter");
	if (!wait_for_host(b, &g->page))
		return refuse(b, EFI_NOT_READY, "no host");
	page_set_runtime(&g->page, false);
	if (!page_settle(&g->page, SETTLE_WAIT_MS))
		return refuse(b, EFI_TIMEOUT, "the host does not answer");

	g->bs = b->bs;
	g->rt = b->rt;
	g->firmware_set = b->set_variable;
	status = import_variables(b, &g->page);
	if (status != EFI_SUCCESS)
		return give_up(b, status, "the host refused");
	status = events_create(b, events);
	if (status != EFI_SUCCESS) {
		for (unsigned i = 0; i < 4 && events[i] != NULL; i++)
			b->bs->CloseEvent(events[i]);
		return give_up(b, status, "no events");
	}
	import_write_back(b);
	b->attached = true;
	services_take(b);
	protocol_install(b);
	report(GUEST_DRIVER_REPORT_ATTACHED);
	say(b->st, "runtserv: attached: variables are served by the host");
	return EFI_SUCCESS;
}

EFI_STATUS EFIAPI efi_main(EFI_HANDLE ImageHandle, EFI_SYSTEM_TABLE *SystemTable);

EFI_STATUS EFIAPI efi_main(EFI_HANDLE ImageHandle, EFI_SYSTEM_TABLE *SystemTable)
{
	static const EFI_GUID guid = EFI_LOADED_IMAGE_PROTOCOL_GUID;
	struct boot *b = &boot_self;
	EFI_LOADED_IMAGE_PROTOCOL *image;
	EFI_STATUS status;

	b->st = SystemTable;
	b->bs = SystemTable->BootServices;
	b->rt = SystemTable->RuntimeServices;
	status = b->bs->HandleProtocol(ImageHandle, &guid, (void **)&image);
	if (status != EFI_SUCCESS)
		return status;
	b->image = image->ImageBase;
	b->image_size = image->ImageSize;
	b->get_variable = b->rt->GetVariable;
	b->get_next_variable_name = b->rt->GetNextVariableName;
	b->set_variable = b->rt->SetVariable;
	b->query_variable_info = b->rt->QueryVariableInfo;
	return attach(b, image->DeviceHandle);
}
