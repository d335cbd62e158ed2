/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What firmware has around its runtime drivers: PCDs, the global coherency domain, hand-off
 * blocks, MM communication with our variable service behind it, a console that swallows,
 * and the devices in memory.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/guid.h"
#include "base/ucs2.h"
#include "runtime/rt_priv.h"

#define PAGE 4096ULL

/* PCDs. Token numbers are a build's own; what a driver sets, another one gets. */

static const EFI_GUID local_tokens; /* all zero: the space of native tokens */

static struct rt_pcd *pcd_find(struct rt *rt, const EFI_GUID *space, uint64_t token)
{
	for (size_t i = 0; i < rt->pcd_count; i++)
		if (rt->pcds[i].token == token && guid_eq(&rt->pcds[i].space, space))
			return &rt->pcds[i];
	return NULL;
}

static struct rt_pcd *pcd_new(struct rt *rt, const EFI_GUID *space, uint64_t token)
{
	struct rt_pcd *p = pcd_find(rt, space, token);

	if (p != NULL)
		return p;
	if (rt->pcd_count == RT_PCDS_MAX)
		rt_trouble(rt, "drivers use more than %u PCDs", RT_PCDS_MAX);
	p = &rt->pcds[rt->pcd_count++];
	*p = (struct rt_pcd){.token = token, .space = *space};
	return p;
}

enum pcd_kind { PCD_8, PCD_16, PCD_32, PCD_64, PCD_PTR, PCD_BOOL, PCD_SIZE };
static const uint8_t pcd_width[] = {1, 2, 4, 8, 0, 1, 0};

static uint64_t pcd_get(struct rt *rt, enum pcd_kind kind, const EFI_GUID *space,
			uint64_t token)
{
	const struct rt_pcd *p = pcd_find(rt, space, token);

	if (kind == PCD_SIZE)
		return p != NULL ? p->size : 0;
	if (kind == PCD_PTR) {
		struct rt_pcd *made = pcd_new(rt, space, token);

		if (made->pointer == 0)
			made->pointer = rt_table_new(rt, 64, EfiBootServicesData, "PCD");
		return made->pointer;
	}
	/* The 16-bit value that OVMF leaves open until it knows the machine is the host
	 * bridge's device number. */
	if (kind == PCD_16 && (p == NULL || (p->value == 0 && !p->set)))
		return RT_HOST_BRIDGE;
	return p != NULL ? p->value : 0;
}

static uint64_t pcd_set(struct rt *rt, enum pcd_kind kind, const EFI_GUID *space,
			uint64_t token, const uint64_t *a)
{
	struct rt_pcd *p = pcd_new(rt, space, token);

	if (kind == PCD_PTR) {
		const uint64_t n = *(const uint64_t *)a[0];

		if (a[1] == 0)
			return EFI_INVALID_PARAMETER;
		p->pointer = rt_table_new(rt, n, EfiBootServicesData, "PCD");
		p->size = (uint32_t)n;
		memcpy((void *)p->pointer, (const void *)a[1], n);
		return EFI_SUCCESS;
	}
	p->size = pcd_width[kind];
	p->set = true;
	p->value = a[0] & (p->size == 8 ? UINT64_MAX : (1ULL << (p->size * 8)) - 1);
	return EFI_SUCCESS;
}

static uint64_t svc_pcd_get(struct rt *rt, const uint64_t *a)
{
	return pcd_get(rt, (enum pcd_kind)(rt->call->stub - RT_STUB_PCD - 1), &local_tokens,
		       a[0]);
}

static uint64_t svc_pcd_get_ex(struct rt *rt, const uint64_t *a)
{
	return pcd_get(rt, (enum pcd_kind)(rt->call->stub - RT_STUB_PCD - 8),
		       (const EFI_GUID *)a[0], a[1]);
}

static uint64_t svc_pcd_set(struct rt *rt, const uint64_t *a)
{
	return pcd_set(rt, (enum pcd_kind)(rt->call->stub - RT_STUB_PCD - 15),
		       &local_tokens, a[0], a + 1);
}

static uint64_t svc_pcd_set_ex(struct rt *rt, const uint64_t *a)
{
	return pcd_set(rt, (enum pcd_kind)(rt->call->stub - RT_STUB_PCD - 21),
		       (const EFI_GUID *)a[0], a[1], a + 2);
}

static uint64_t svc_efi_pcd_get(struct rt *rt, const uint64_t *a)
{
	return pcd_get(rt, (enum pcd_kind)(rt->call->stub - RT_STUB_EFI_PCD - 1),
		       (const EFI_GUID *)a[0], a[1]);
}

static uint64_t svc_efi_pcd_set(struct rt *rt, const uint64_t *a)
{
	return pcd_set(rt, (enum pcd_kind)(rt->call->stub - RT_STUB_EFI_PCD - 8),
		       (const EFI_GUID *)a[0], a[1], a + 2);
}

static uint64_t svc_nothing(struct rt *rt, const uint64_t *a)
{
	(void)rt;
	(void)a;
	return EFI_SUCCESS;
}

static uint64_t svc_none_found(struct rt *rt, const uint64_t *a)
{
	(void)rt;
	(void)a;
	return EFI_NOT_FOUND;
}

const struct rt_service_def rt_pcd_services[RT_STUB_EFI_PCD - RT_STUB_PCD] = {
	{"PCD.SetSku", svc_nothing, 0},
	{"PCD.Get8", svc_pcd_get, 0},
	{"PCD.Get16", svc_pcd_get, 0},
	{"PCD.Get32", svc_pcd_get, 0},
	{"PCD.Get64", svc_pcd_get, 0},
	{"PCD.GetPtr", svc_pcd_get, 0},
	{"PCD.GetBool", svc_pcd_get, 0},
	{"PCD.GetSize", svc_pcd_get, 0},
	{"PCD.Get8Ex", svc_pcd_get_ex, 0},
	{"PCD.Get16Ex", svc_pcd_get_ex, 0},
	{"PCD.Get32Ex", svc_pcd_get_ex, 0},
	{"PCD.Get64Ex", svc_pcd_get_ex, 0},
	{"PCD.GetPtrEx", svc_pcd_get_ex, 0},
	{"PCD.GetBoolEx", svc_pcd_get_ex, 0},
	{"PCD.GetSizeEx", svc_pcd_get_ex, 0},
	{"PCD.Set8", svc_pcd_set, 0},
	{"PCD.Set16", svc_pcd_set, 0},
	{"PCD.Set32", svc_pcd_set, 0},
	{"PCD.Set64", svc_pcd_set, 0},
	{"PCD.SetPtr", svc_pcd_set, 0},
	{"PCD.SetBool", svc_pcd_set, 0},
	{"PCD.Set8Ex", svc_pcd_set_ex, 0},
	{"PCD.Set16Ex", svc_pcd_set_ex, 0},
	{"PCD.Set32Ex", svc_pcd_set_ex, 0},
	{"PCD.Set64Ex", svc_pcd_set_ex, 0},
	{"PCD.SetPtrEx", svc_pcd_set_ex, 0},
	{"PCD.SetBoolEx", svc_pcd_set_ex, 0},
	{"PCD.CallbackOnSet", svc_nothing, 0},
	{"PCD.CancelCallback", svc_nothing, 0},
	{"PCD.GetNextToken", svc_none_found, 0},
	{"PCD.GetNextTokenSpace", svc_none_found, 0},
};

const struct rt_service_def rt_efi_pcd_services[RT_STUB_CONSOLE - RT_STUB_EFI_PCD] = {
	{"EFI_PCD.SetSku", svc_nothing, 0},
	{"EFI_PCD.Get8", svc_efi_pcd_get, 0},
	{"EFI_PCD.Get16", svc_efi_pcd_get, 0},
	{"EFI_PCD.Get32", svc_efi_pcd_get, 0},
	{"EFI_PCD.Get64", svc_efi_pcd_get, 0},
	{"EFI_PCD.GetPtr", svc_efi_pcd_get, 0},
	{"EFI_PCD.GetBool", svc_efi_pcd_get, 0},
	{"EFI_PCD.GetSize", svc_efi_pcd_get, 0},
	{"EFI_PCD.Set8", svc_efi_pcd_set, 0},
	{"EFI_PCD.Set16", svc_efi_pcd_set, 0},
	{"EFI_PCD.Set32", svc_efi_pcd_set, 0},
	{"EFI_PCD.Set64", svc_efi_pcd_set, 0},
	{"EFI_PCD.SetPtr", svc_efi_pcd_set, 0},
	{"EFI_PCD.SetBool", svc_efi_pcd_set, 0},
	{"EFI_PCD.CallbackOnSet", svc_nothing, 0},
	{"EFI_PCD.CancelCallback", svc_nothing, 0},
	{"EFI_PCD.GetNextToken", svc_none_found, 0},
	{"EFI_PCD.GetNextTokenSpace", svc_none_found, 0},
};

/* The console: nobody types; what is written may go to people, with nothing in it that a
 * terminal would obey. */

static uint64_t svc_output(struct rt *rt, const uint64_t *a)
{
	const CHAR16 *s = (const CHAR16 *)a[1];
	char text[512];
	size_t n = 0;

	if (s == NULL)
		return EFI_INVALID_PARAMETER;
	for (; *s != 0 && n + 4 < sizeof text; s++) {
		if (*s >= 0x20 && *s != 0x7f && (*s < 0x80 || *s > 0x9f))
			n += ucs2_to_utf8(s, 1, text + n, sizeof text - n);
		else if (*s == u'\n')
			text[n++] = '\n';
	}
	if (rt->plan->console && write(STDERR_FILENO, text, n) < 0)
		return EFI_DEVICE_ERROR;
	return EFI_SUCCESS;
}

static uint64_t svc_no_key(struct rt *rt, const uint64_t *a)
{
	(void)rt;
	(void)a;
	return EFI_NOT_READY;
}

static uint64_t svc_query_mode(struct rt *rt, const uint64_t *a)
{
	(void)rt;
	if (a[1] != 0 || a[2] == 0 || a[3] == 0)
		return EFI_UNSUPPORTED;
	*(uint64_t *)a[2] = 80;
	*(uint64_t *)a[3] = 25;
	return EFI_SUCCESS;
}

const struct rt_service_def rt_console_services[RT_CONSOLE_SERVICES] = {
	{"ConOut.Reset", svc_nothing, 0},
	{"ConOut.OutputString", svc_output, TPL_NOTIFY},
	{"ConOut.TestString", svc_nothing, 0},
	{"ConOut.QueryMode", svc_query_mode, 0},
	{"ConOut.SetMode", svc_nothing, 0},
	{"ConOut.SetAttribute", svc_nothing, 0},
	{"ConOut.ClearScreen", svc_nothing, 0},
	{"ConOut.SetCursorPosition", svc_nothing, 0},
	{"ConOut.EnableCursor", svc_nothing, 0},
	{"ConIn.Reset", svc_nothing, 0},
	{"ConIn.ReadKeyStroke", svc_no_key, 0},
};

static void console_new(struct rt *rt)
{
	EFI_SYSTEM_TABLE *st = rt_ram(rt, rt->st, sizeof *st);
	const uint64_t out = rt_table_new(rt, 80, EfiBootServicesData, "ConOut"),
		       mode = rt_table_new(rt, 32, EfiBootServicesData, "ConOut mode"),
		       in = rt_table_new(rt, 24, EfiBootServicesData, "ConIn");
	EFI_STATUS status;

	rt_stubs_fill(rt, out, RT_STUB_CONSOLE, 9);
	memcpy(rt_ram(rt, out + 72, 8), &mode, 8);
	*(int32_t *)rt_ram(rt, mode, 4) = 1; /* MaxMode */
	rt_stubs_fill(rt, in, RT_STUB_CONSOLE + 9, 2);
	*(uint64_t *)rt_ram(rt, in + 16, 8) =
		RT_EVENT_BASE +
		rt_event_new(rt, 0, TPL_CALLBACK, 0, 0, NULL, &status) * 16ULL;
	st->ConOut = st->StdErr = (EFI_SIMPLE_TEXT_OUTPUT_PROTOCOL *)out;
	st->ConIn = (void *)in;
	st->ConsoleInHandle = st->ConsoleOutHandle = st->StandardErrorHandle =
		(EFI_HANDLE)rt->own_handle;
}

/* The global coherency domain: ranges as drivers add them, none divided. */

static EFI_GCD_MEMORY_SPACE_DESCRIPTOR *gcd_find(struct rt *rt, uint64_t base, uint64_t len)
{
	for (size_t i = 0; i < rt->gcd_count; i++) {
		EFI_GCD_MEMORY_SPACE_DESCRIPTOR *g = &rt->gcd[i];

		if (base >= g->BaseAddress && base - g->BaseAddress < g->Length &&
		    len <= g->Length - (base - g->BaseAddress))
			return g;
	}
	return NULL;
}

static EFI_STATUS gcd_add(struct rt *rt, uint32_t type, uint64_t base, uint64_t len,
			  uint64_t capabilities)
{
	if (len == 0 || type == EfiGcdMemoryTypeNonExistent || (base & (PAGE - 1)) != 0 ||
	    (len & (PAGE - 1)) != 0)
		return EFI_INVALID_PARAMETER;
	for (size_t i = 0; i < rt->gcd_count; i++)
		if (base < rt->gcd[i].BaseAddress + rt->gcd[i].Length &&
		    rt->gcd[i].BaseAddress < base + len)
			return EFI_ACCESS_DENIED;
	if (rt->gcd_count == sizeof rt->gcd / sizeof *rt->gcd)
		return EFI_OUT_OF_RESOURCES;
	rt->gcd[rt->gcd_count++] = (EFI_GCD_MEMORY_SPACE_DESCRIPTOR){
		base, len, capabilities, 0, (EFI_GCD_MEMORY_TYPE)type, NULL, NULL};
	return EFI_SUCCESS;
}

static uint64_t svc_add_memory_space(struct rt *rt, const uint64_t *a)
{
	return gcd_add(rt, (uint32_t)a[0], a[1], a[2], a[3]);
}

/* (how, type, alignment, length, *base, image, device): at an address only */
static uint64_t svc_allocate_memory_space(struct rt *rt, const uint64_t *a)
{
	EFI_GCD_MEMORY_SPACE_DESCRIPTOR *g;

	if (a[4] == 0 || a[3] == 0 || a[5] == 0)
		return EFI_INVALID_PARAMETER;
	g = gcd_find(rt, *(const uint64_t *)a[4], a[3]);
	if (g == NULL || g->GcdMemoryType != (EFI_GCD_MEMORY_TYPE)a[1] ||
	    g->ImageHandle != NULL)
		return EFI_NOT_FOUND;
	g->ImageHandle = (EFI_HANDLE)a[5];
	g->DeviceHandle = (EFI_HANDLE)a[6];
	return EFI_SUCCESS;
}

static uint64_t svc_free_memory_space(struct rt *rt, const uint64_t *a)
{
	EFI_GCD_MEMORY_SPACE_DESCRIPTOR *g = gcd_find(rt, a[0], a[1]);

	if (g == NULL || g->ImageHandle == NULL)
		return EFI_NOT_FOUND;
	g->ImageHandle = NULL;
	return EFI_SUCCESS;
}

static uint64_t svc_remove_memory_space(struct rt *rt, const uint64_t *a)
{
	EFI_GCD_MEMORY_SPACE_DESCRIPTOR *g = gcd_find(rt, a[0], a[1]);

	if (g == NULL || g->BaseAddress != a[0] || g->Length != a[1])
		return EFI_NOT_FOUND;
	*g = rt->gcd[--rt->gcd_count];
	return EFI_SUCCESS;
}

static uint64_t svc_get_memory_space(struct rt *rt, const uint64_t *a)
{
	EFI_GCD_MEMORY_SPACE_DESCRIPTOR *ret = (EFI_GCD_MEMORY_SPACE_DESCRIPTOR *)a[1];
	const EFI_GCD_MEMORY_SPACE_DESCRIPTOR *g = gcd_find(rt, a[0], 1);
	uint64_t from = 0, to = 1ULL << 46;

	if (ret == NULL)
		return EFI_INVALID_PARAMETER;
	if (g != NULL) {
		*ret = *g;
		return EFI_SUCCESS;
	}
	if (a[0] >= to)
		return EFI_NOT_FOUND;
	for (size_t i = 0; i < rt->gcd_count; i++) {
		const uint64_t base = rt->gcd[i].BaseAddress,
			       end = base + rt->gcd[i].Length;

		if (end <= a[0] && end > from)
			from = end;
		if (base > a[0] && base < to)
			to = base;
	}
	*ret = (EFI_GCD_MEMORY_SPACE_DESCRIPTOR){.BaseAddress = from, .Length = to - from};
	return EFI_SUCCESS;
}

/* Memory of a device that runtime services will need enters the memory map. */
static EFI_STATUS gcd_runtime(struct rt *rt, const EFI_GCD_MEMORY_SPACE_DESCRIPTOR *g)
{
	const struct rt_place by = rt_caller(rt);
	EFI_STATUS status;

	if (rt_block_find(rt, g->BaseAddress) >= 0)
		return EFI_SUCCESS;
	status = rts_mem_add(rt->mem, g->BaseAddress, g->Length / PAGE, EfiMemoryMappedIO,
			     EFI_MEMORY_UC | EFI_MEMORY_RUNTIME);
	if (status == EFI_SUCCESS)
		rt_block_add(rt, g->BaseAddress, g->Length, EfiMemoryMappedIO,
			     RT_BLOCK_DEVICE, &by, "device");
	return status;
}

static uint64_t svc_set_memory_space(struct rt *rt, const uint64_t *a)
{
	EFI_GCD_MEMORY_SPACE_DESCRIPTOR *g = gcd_find(rt, a[0], a[1]);

	if (a[1] == 0)
		return EFI_INVALID_PARAMETER;
	if (g == NULL || (a[2] & ~g->Capabilities & EFI_MEMORY_RUNTIME) != 0)
		return EFI_UNSUPPORTED;
	g->Attributes = a[2];
	if ((a[2] & EFI_MEMORY_RUNTIME) != 0 &&
	    g->GcdMemoryType == EfiGcdMemoryTypeMemoryMappedIo)
		return gcd_runtime(rt, g);
	return EFI_SUCCESS;
}

static uint64_t svc_set_capabilities(struct rt *rt, const uint64_t *a)
{
	EFI_GCD_MEMORY_SPACE_DESCRIPTOR *g = gcd_find(rt, a[0], a[1]);

	if (g == NULL)
		return EFI_UNSUPPORTED;
	g->Capabilities = a[2];
	return EFI_SUCCESS;
}

static uint64_t svc_memory_space_map(struct rt *rt, const uint64_t *a)
{
	uint64_t at;
	EFI_STATUS status;

	if (a[0] == 0 || a[1] == 0)
		return EFI_INVALID_PARAMETER;
	status = rt_pool_new(rt, EfiBootServicesData, rt->gcd_count * sizeof *rt->gcd, &at);
	if (status != EFI_SUCCESS)
		return status;
	memcpy((void *)at, rt->gcd, rt->gcd_count * sizeof *rt->gcd);
	*(uint64_t *)a[0] = rt->gcd_count;
	*(uint64_t *)a[1] = at;
	return EFI_SUCCESS;
}

const struct rt_service_def rt_dxe_services[RT_STUB_PCD - RT_STUB_DXE] = {
	{"AddMemorySpace", svc_add_memory_space, TPL_NOTIFY},
	{"AllocateMemorySpace", svc_allocate_memory_space, TPL_NOTIFY},
	{"FreeMemorySpace", svc_free_memory_space, TPL_NOTIFY},
	{"RemoveMemorySpace", svc_remove_memory_space, TPL_NOTIFY},
	{"GetMemorySpaceDescriptor", svc_get_memory_space, TPL_NOTIFY},
	{"SetMemorySpaceAttributes", svc_set_memory_space, TPL_NOTIFY},
	{"GetMemorySpaceMap", svc_memory_space_map, TPL_NOTIFY},
	{"AddIoSpace", svc_nothing, 0},
	{"AllocateIoSpace", svc_nothing, 0},
	{"FreeIoSpace", svc_nothing, 0},
	{"RemoveIoSpace", svc_nothing, 0},
	{"GetIoSpaceDescriptor", svc_none_found, 0},
	{"GetIoSpaceMap", svc_none_found, 0},
	{"Dispatch", svc_none_found, 0},
	{"Schedule", svc_none_found, 0},
	{"Trust", svc_none_found, 0},
	{"ProcessFirmwareVolume", svc_none_found, 0},
	{"SetMemorySpaceCapabilities", svc_set_capabilities, TPL_NOTIFY},
};

/* MM communication (PI 1.8 vol 4 §5.7): our variable service takes the place of the other
 * processor mode. It sees physical memory, whatever is mapped. (This, physical buffer,
 * virtual buffer, *size) */
uint64_t svc_mm_communicate(struct rt *rt, const uint64_t *a)
{
	static _Alignas(8) uint8_t copy[MM_BUFFER_MAX];
	uint64_t len = 0;
	uint8_t *buffer;
	size_t reply;

	if (a[1] == 0 || a[2] == 0)
		return EFI_INVALID_PARAMETER;
	buffer = rt_ram(rt, a[1], sizeof(EFI_MM_COMMUNICATE_HEADER));
	if (buffer == NULL)
		return EFI_ACCESS_DENIED;
	memcpy(&len, buffer + sizeof(EFI_GUID), sizeof len);
	if (len > MM_BUFFER_MAX - sizeof(EFI_MM_COMMUNICATE_HEADER))
		return EFI_BAD_BUFFER_SIZE;
	len += sizeof(EFI_MM_COMMUNICATE_HEADER);
	if (a[3] != 0 && *(const uint64_t *)a[3] < len)
		return EFI_BAD_BUFFER_SIZE;
	if (rt_ram(rt, a[1], len) == NULL)
		return EFI_ACCESS_DENIED;
	memcpy(copy, buffer, len);
	if (rts_wire_mm(&rt->wire, copy, len, &reply) != UEFI_VARS_STS_SUCCESS)
		return EFI_NOT_FOUND;
	memcpy(buffer, copy, reply < len ? reply : len);
	return EFI_SUCCESS;
}

/* Devices in memory. */

static void ecam_before(struct rt *rt, struct rt_mmio *m, uint64_t offset)
{
	const uint64_t left = PAGE - (offset & (PAGE - 1));

	for (unsigned i = 0; i < 16 && i < left; i++)
		m->host[offset + i] =
			(uint8_t)rt_machine_pci_read(rt->machine, (uint32_t)offset + i, 1);
}

static void ecam_write(struct rt *rt, struct rt_mmio *m, uint64_t offset, unsigned width,
		       uint64_t value)
{
	(void)m;
	rt_machine_pci_write(rt->machine, (uint32_t)offset, width, (uint32_t)value);
}

static void flash_before(struct rt *rt, struct rt_mmio *m, uint64_t offset)
{
	const uint64_t left = PAGE - (offset & (PAGE - 1));
	uint8_t seen[16];

	/* all first: in array mode what is shown is the array itself */
	for (unsigned i = 0; i < 16 && i < left; i++)
		seen[i] = (uint8_t)rt_flash_read(&rt->flash, (uint32_t)offset + i, 1);
	memcpy(m->host + offset, seen, left < 16 ? left : 16);
}

static void flash_write(struct rt *rt, struct rt_mmio *m, uint64_t offset, unsigned width,
			uint64_t value)
{
	const bool was = m->open;
	const uint64_t writes = rt->flash.writes;

	rt_flash_write(&rt->flash, (uint32_t)offset, width, value);
	if (rt->flash.writes !=
	    writes) /* who fills a flash takes long, and does not hang */
		rt->deadline_ticks = atomic_load(&rt->ticks) + rt->timeout_ticks;
	m->open = rt_flash_array_mode(&rt->flash);
	if (m->open != was)
		mprotect((void *)(rt->virtual_done ? m->virtual_ : m->base), m->size,
			 m->open ? PROT_READ : PROT_NONE);
}

/* A device whose addresses are taken (by a sanitizer's shadow) is not there. */
static struct rt_mmio *mmio_new(struct rt *rt, uint64_t base, uint64_t size, int fd)
{
	struct rt_mmio *m = &rt->mmio[rt->mmio_count];

	if (mmap((void *)base, size, PROT_NONE, MAP_SHARED | MAP_FIXED_NOREPLACE, fd, 0) !=
	    (void *)base)
		return NULL;
	*m = (struct rt_mmio){.base = base, .size = size, .fd = fd};
	m->host = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (m->host == MAP_FAILED)
		rt_trouble(rt, "no memory for a device: %s", strerror(errno));
	rt->mmio_count++;
	return m;
}

void rt_devices_new(struct rt *rt, int ecam_fd, int flash_fd)
{
	const struct rt_flash_layout *flash = rt->plan->flash;
	struct rt_mmio *m = mmio_new(rt, RT_ECAM_BASE, RT_ECAM_LEN, ecam_fd);

	if (m != NULL) {
		m->before = ecam_before;
		m->write = ecam_write;
	}
	m = mmio_new(rt, flash->base, flash->len, flash_fd);
	if (m != NULL) {
		m->before = flash_before;
		m->write = flash_write;
		m->open = true;
		rt_flash_init(&rt->flash, m->host, flash->len, 4096);
		mprotect((void *)m->base, m->size, PROT_READ);
	}
}

/* OVMF's record of the machine, as far as runtime drivers read it: a hand-off block that
 * has its own header once more. */
struct platform_info {
	EFI_HOB_GENERIC_HEADER Header;
	EFI_GUID Name;
	EFI_HOB_GENERIC_HEADER InnerHeader;
	EFI_GUID InnerName;
	uint16_t HostBridgeDevId;
	uint8_t others[206];
};

struct hob_list {
	EFI_HOB_HANDOFF_INFO_TABLE first;
	struct platform_info info;
	EFI_HOB_GENERIC_HEADER last;
};
_Static_assert(offsetof(struct hob_list, last) % 8 == 0,
	       "hand-off blocks lie on multiples of 8");

static uint64_t hob_list_new(struct rt *rt)
{
	const uint64_t at =
		rt_table_new(rt, sizeof(struct hob_list), EfiBootServicesData, "HOB list");
	struct hob_list *l = rt_ram(rt, at, sizeof *l);

	*l = (struct hob_list){
		.first = {.Header = {EFI_HOB_TYPE_HANDOFF, sizeof l->first, 0},
			  .Version = 9,
			  .EfiMemoryTop = RT_RAM_BASE + RT_RAM_LEN,
			  .EfiMemoryBottom = RT_RAM_BASE,
			  .EfiEndOfHobList = at + sizeof *l},
		.info = {.Header = {EFI_HOB_TYPE_GUID_EXTENSION, sizeof l->info, 0},
			 .Name = UEFI_OVMF_PKG_PLATFORM_INFO_GUID,
			 .HostBridgeDevId = RT_HOST_BRIDGE},
		.last = {EFI_HOB_TYPE_END_OF_HOB_LIST, sizeof l->last, 0},
	};
	return at;
}

/* What stands for a protocol without functions that drivers call: that somebody did that
 * part of the work. */
static const EFI_GUID markers[] = {
	EFI_SMM_VARIABLE_PROTOCOL_GUID,
	SMM_VARIABLE_WRITE_GUID,
};
static const EFI_GUID variable_markers[] = {
	EFI_VARIABLE_ARCH_PROTOCOL_GUID,
	EFI_VARIABLE_WRITE_ARCH_PROTOCOL_GUID,
};

static const struct {
	EFI_GUID guid;
	unsigned stub, count;
	uint32_t type;
	const char *name;
} protocols[] = {
	{EFI_MM_COMMUNICATION2_PROTOCOL_GUID, RT_STUB_MM, 1, EfiRuntimeServicesData,
	 "MM_COMMUNICATION2"},
	{PCD_PROTOCOL_GUID, RT_STUB_PCD, 31, EfiBootServicesData, "PCD_PROTOCOL"},
	{EFI_PCD_PROTOCOL_GUID, RT_STUB_EFI_PCD, 18, EfiBootServicesData,
	 "EFI_PCD_PROTOCOL"},
};

/* Our variable service is the machine's, but where a driver that was asked for would
 * install its own. */
static bool drivers_give(const struct rt *rt, EFI_GUID guid)
{
	for (size_t i = 0; i < rt->plan->count; i++) {
		const struct runtime_driver *d = rt->plan->drivers[i];

		if (memmem(d->image.p, d->image.n, &guid, sizeof guid) != NULL &&
		    (d->depex.n == 0 ||
		     memmem(d->depex.p, d->depex.n, &guid, sizeof guid) == NULL))
			return true;
	}
	return false;
}

/* Ours: its lists stay empty, for we know images and events ourselves. */
static void runtime_arch_new(struct rt *rt, uint32_t *handle)
{
	static const EFI_GUID guid = EFI_RUNTIME_ARCH_PROTOCOL_GUID;
	const uint64_t at =
		rt_table_new(rt, sizeof(EFI_RUNTIME_ARCH_PROTOCOL), EfiRuntimeServicesData,
			     "EFI_RUNTIME_ARCH_PROTOCOL");
	EFI_RUNTIME_ARCH_PROTOCOL *p = rt_ram(rt, at, sizeof *p);
	const uint64_t events = at + offsetof(EFI_RUNTIME_ARCH_PROTOCOL, EventHead);

	*p = (EFI_RUNTIME_ARCH_PROTOCOL){
		.ImageHead = {at, at},
		.EventHead = {events, events},
		.MemoryDescriptorSize = sizeof(EFI_MEMORY_DESCRIPTOR),
		.MemoryDescriptorVersion = EFI_MEMORY_DESCRIPTOR_VERSION};
	rt->own_arch = at;
	rt_protocol_install(rt, handle, &guid, at);
}

/* What drivers of OVMF look for at addresses of the build. */
static void fixed_pages_new(struct rt *rt)
{
	static const struct {
		uint64_t at;
		int prot;
		uint32_t type;
		const char *name;
	} pages[] = {
		/* what S3 resume needs is kept there; zeros: nothing yet */
		{0x806000, PROT_READ | PROT_WRITE, EfiACPIMemoryNVS, "OVMF lock box"},
		/* what the first code found out about confidential guests: this is none */
		{0x80b000, PROT_READ, EfiBootServicesData, "OVMF work area"},
	};

	for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
		void *p = (void *)pages[i].at;

		if (mmap(p, PAGE, pages[i].prot,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != p)
			continue;
		rt_block_protect(rt,
				 rt_block_add(rt, pages[i].at, PAGE, pages[i].type,
					      RT_BLOCK_TABLE, NULL, pages[i].name),
				 pages[i].prot);
	}
}

void rt_platform_init(struct rt *rt)
{
	static const EFI_GUID hob_guid = EFI_HOB_LIST_GUID,
			      dxe_guid = DXE_SERVICES_TABLE_GUID;
	uint32_t handle = 0;

	for (; rt->pcd_count < rt->plan->pcd_count; rt->pcd_count++)
		rt->pcds[rt->pcd_count] = rt->plan->pcds[rt->pcd_count];
	for (size_t i = 0; i < rt->config->pcd_count; i++) {
		struct rt_pcd *p = pcd_new(rt, &local_tokens, rt->config->pcds[i][0]);

		p->value = rt->config->pcds[i][1];
		p->set = true;
		p->size = 8;
	}
	gcd_add(rt, EfiGcdMemoryTypeSystemMemory, RT_RAM_BASE, RT_RAM_LEN,
		EFI_MEMORY_WB | EFI_MEMORY_RUNTIME);
	fixed_pages_new(rt);
	rt->hob = hob_list_new(rt);
	rt_configuration_table(rt, &hob_guid, rt->hob);
	rt_configuration_table(rt, &dxe_guid, rt->dxe);
	for (size_t i = 0; i < sizeof protocols / sizeof *protocols; i++) {
		const uint64_t at = rt_table_new(rt, protocols[i].count * 8ULL,
						 protocols[i].type, protocols[i].name);

		rt_stubs_fill(rt, at, protocols[i].stub, protocols[i].count);
		if (protocols[i].stub == RT_STUB_MM)
			rt->mm = at;
		rt_protocol_install(rt, &handle, &protocols[i].guid, at);
	}
	rt->own_handle = RT_HANDLE_BASE + handle * 16ULL;
	for (size_t i = 0; i < sizeof markers / sizeof *markers; i++)
		rt_protocol_install(rt, &handle, &markers[i], 0);
	if (!drivers_give(rt, (EFI_GUID)EFI_RUNTIME_ARCH_PROTOCOL_GUID) ||
	    rt->config->engine == RUNTIME_ENGINE_OWN)
		runtime_arch_new(rt, &handle);
	for (size_t i = 0; i < 2 && !drivers_give(rt, variable_markers[0]); i++)
		rt_protocol_install(rt, &handle, &variable_markers[i], 0);
	console_new(rt);
}
