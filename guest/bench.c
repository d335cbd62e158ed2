/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * UEFI application: GetVariable of a 3-byte variable, N calls through the driver and N
 * through the firmware's own service, in the same boot. One line of "name=value" pairs,
 * times in nanoseconds.
 */
#include "cpu.h"
#include "say.h"
#include "uefi/guest_page.h"

#define CALLS        5000U
#define CALIBRATE_US 50000U
#define NV_BS_RT                                                       \
	(EFI_VARIABLE_NON_VOLATILE | EFI_VARIABLE_BOOTSERVICE_ACCESS | \
	 EFI_VARIABLE_RUNTIME_ACCESS)

struct timing {
	uint64_t min; /* ticks */
	uint64_t sum;
};

static EFI_GUID guid = {
	0x3e1a9f1b, 0x60b5, 0x4d6c, {0xa7, 0x52, 0x1b, 0x6a, 0x2f, 0x90, 0x44, 0x0d}};

static EFI_STATUS measure(EFI_GET_VARIABLE get, struct timing *ret)
{
	struct timing t = {UINT64_MAX, 0};

	for (unsigned i = 0; i < CALLS; i++) {
		uint8_t data[3];
		UINTN len = sizeof data;
		uint64_t start = cpu_ticks(), took;
		EFI_STATUS status = get(u"Bench", &guid, NULL, &len, data);

		took = cpu_ticks() - start;
		if (status != EFI_SUCCESS)
			return status;
		t.sum += took;
		if (took < t.min)
			t.min = took;
	}
	*ret = t;
	return EFI_SUCCESS;
}

static uint64_t ticks_per_second(EFI_BOOT_SERVICES *bs)
{
	uint64_t rate = cpu_ticks_per_second(), start;

	if (rate != 0)
		return rate;
	start = cpu_ticks();
	bs->Stall(CALIBRATE_US);
	return (cpu_ticks() - start) * (1000000 / CALIBRATE_US);
}

EFI_STATUS EFIAPI efi_main(EFI_HANDLE ImageHandle, EFI_SYSTEM_TABLE *SystemTable);

EFI_STATUS EFIAPI efi_main(EFI_HANDLE ImageHandle, EFI_SYSTEM_TABLE *SystemTable)
{
	static const EFI_GUID protocol_guid = RUNTSERV_GUEST_PROTOCOL_GUID;
	EFI_RUNTIME_SERVICES *rt = SystemTable->RuntimeServices;
	EFI_BOOT_SERVICES *bs = SystemTable->BootServices;
	struct runtserv_guest_protocol *p;
	struct timing ours, theirs;
	uint64_t rate = ticks_per_second(bs) / 1000; /* per millisecond */
	EFI_SET_VARIABLE firmware_set;
	EFI_STATUS status;

	(void)ImageHandle;
	status = bs->LocateProtocol(&protocol_guid, NULL, (void **)&p);
	if (status != EFI_SUCCESS || rate == 0) {
		say(SystemTable, "bench: the driver is not attached");
		return EFI_NOT_FOUND;
	}
	firmware_set = (EFI_SET_VARIABLE)p->set_variable;
	status = rt->SetVariable(u"Bench", &guid, NV_BS_RT, 3, "abc");
	if (status == EFI_SUCCESS)
		status = firmware_set(u"Bench", &guid, NV_BS_RT, 3, "abc");
	if (status == EFI_SUCCESS)
		status = measure(rt->GetVariable, &ours);
	if (status == EFI_SUCCESS)
		status = measure((EFI_GET_VARIABLE)p->get_variable, &theirs);
	(void)rt->SetVariable(u"Bench", &guid, 0, 0, NULL);
	(void)firmware_set(u"Bench", &guid, 0, 0, NULL);
	if (status != EFI_SUCCESS) {
		say(SystemTable, "bench: status %#llx", (unsigned long long)status);
		return status;
	}
	say(SystemTable,
	    "bench get ours_ns=%llu ours_min_ns=%llu firmware_ns=%llu firmware_min_ns=%llu "
	    "calls=%u",
	    (unsigned long long)(ours.sum * 1000 / rate * 1000 / CALLS),
	    (unsigned long long)(ours.min * 1000000 / rate),
	    (unsigned long long)(theirs.sum * 1000 / rate * 1000 / CALLS),
	    (unsigned long long)(theirs.min * 1000000 / rate), CALLS);
	return EFI_SUCCESS;
}
