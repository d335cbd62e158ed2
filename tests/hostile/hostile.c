/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A driver that misbehaves, mostly towards the tool that runs it. hostile.py writes a case
 * into its image, behind the mark: where it shall do something, and what.
 */
#include "../drivers/driver.h"

#define MARK "hostile case:"
static char words[64] = MARK "none:none";

struct action {
	const char *name;
	void (*fn)(void);
};

/* The host, as far as code can reach it. */

static int64_t host_call(int64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	register uint64_t r10 __asm__("r10") = d;
	int64_t r;

	__asm__ volatile("syscall"
			 : "=a"(r)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10)
			 : "rcx", "r11", "memory");
	return r;
}

enum {
	HOST_WRITE = 1,
	HOST_MPROTECT = 10,
	HOST_MUNMAP = 11,
	HOST_SIGRETURN = 15,
	HOST_MADVISE = 28,
	HOST_EXIT = 60,
	HOST_KILL = 62,
	HOST_SIGALTSTACK = 131,
	HOST_FUTEX = 202,
	HOST_EXIT_GROUP = 231,
};

/* The address that all stubs go to ends their page. */
static uint64_t host_code(void)
{
	const uint64_t stub = (uint64_t)gBS->RaiseTPL;

	return *(const uint64_t *)((stub & ~4095ULL) + 4088);
}

static bool host_mapped(uint64_t address)
{
	return address >> 47 == 0 && address > 4096 &&
	       host_call(HOST_MADVISE, address & ~4095ULL, 4096, 0, 0) == 0;
}

static void host_exit(void)
{
	host_call(HOST_EXIT_GROUP, 0, 0, 0, 0);
}

static void host_exit_thread(void)
{
	host_call(HOST_EXIT, 0, 0, 0, 0);
}

static void say_on(uint64_t fd)
{
	static const char text[] = "{\"findings\": []}\033]0;owned\a\033[2J\377\n";

	host_call(HOST_WRITE, fd, (uint64_t)text, sizeof text - 1, 0);
}

static void host_stdout(void)
{
	say_on(1);
}

static void host_stderr(void)
{
	say_on(2);
}

static void host_files(void)
{
	for (uint64_t fd = 0; fd < 64; fd++)
		if (fd != 2)
			say_on(fd);
}

static void loop(void)
{
	for (;;)
		__asm__ volatile("pause");
}

static void host_futex(void)
{
	static volatile uint32_t word;

	for (;;)
		host_call(HOST_FUTEX, (uint64_t)&word, 0, 0, 0);
}

static void host_sigreturn(void)
{
	host_call(HOST_SIGRETURN, 0, 0, 0, 0);
}

static void host_no_stack(void)
{
	static struct {
		uint64_t sp;
		uint32_t flags;
		uint64_t size;
	} none = {0, 2, 0};

	host_call(HOST_SIGALTSTACK, (uint64_t)&none, 0, 0, 0);
	*(volatile int *)OPAQUE((int *)16) = 1;
}

static void host_unmap(void)
{
	host_call(HOST_MUNMAP, (host_code() & ~4095ULL) - 65536, 262144, 0, 0);
}

static void host_kill(void)
{
	host_call(HOST_KILL, 1, 0, 0, 0);
}

static void host_jump(void)
{
	__asm__ volatile("movl $99999, %%eax; call *%0" ::"r"(host_code())
			 : "memory", "rax", "rcx", "rdx", "r8", "r9", "r10", "r11");
}

/* Whatever two pointers away from the program's own data can be written. */
static void host_scribble_with(uint8_t pattern)
{
	const uint64_t code = host_code() & ~4095ULL;

	for (uint64_t at = code; at < code + (8ULL << 20); at += 4096) {
		if (!host_mapped(at) || host_call(HOST_MPROTECT, at, 4096, 7, 0) != 0)
			continue;
		for (uint64_t k = 0; k < 4096; k += 8) {
			const uint64_t p = *(const uint64_t *)(at + k);

			if (p >> 40 != 0x7f && p >> 40 != 0x55 && p >> 40 != 0x56)
				continue;
			if ((p > code - (4ULL << 20) && p < code + (8ULL << 20)) ||
			    !host_mapped(p))
				continue;
			const uint64_t q = *(const uint64_t *)(p & ~7ULL);

			if (q >> 40 == 0x7f && (q & 4095) == 0 && host_mapped(q) &&
			    host_mapped(q + 65536))
				gBS->SetMem((void *)q, 1U << 20, pattern);
		}
	}
}

static void host_scribble(void)
{
	host_scribble_with(0xff);
}

static void host_scribble_ones(void)
{
	host_scribble_with(0x01);
}

static void host_scribble_zeros(void)
{
	host_scribble_with(0);
}

/* The processor's state. */

static void flag_direction(void)
{
	void *p;

	__asm__ volatile("std");
	gBS->AllocatePool(EfiBootServicesData, 100, &p);
	gBS->SetMem(p, 100, 1);
	gBS->FreePool(p);
	__asm__ volatile("std");
}

static void flag_alignment(void)
{
	void *p;

	__asm__ volatile("pushfq; orq $0x40000, (%%rsp); popfq" ::: "memory", "cc");
	gBS->AllocatePool(EfiBootServicesData, 101, &p);
	gBS->SetMem(p, 101, 1);
	gBS->FreePool(p);
}

static void flag_trap(void)
{
	__asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq; nop; nop" ::: "memory", "cc");
}

static void flag_nested(void)
{
	__asm__ volatile("pushfq; orq $0x4000, (%%rsp); popfq; nop; nop" ::
				 : "memory", "cc");
	gBS->Stall(1);
}

static void float_control(void)
{
	uint32_t mxcsr = 0;
	uint16_t control = 0;

	__asm__ volatile("ldmxcsr %0; fldcw %1; fldz; fld1" ::"m"(mxcsr), "m"(control));
	gBS->Stall(1);
}

static void segment_fs(void)
{
	void *p;

	__asm__ volatile("movw %w0, %%fs; movw %w0, %%gs" ::"r"(0));
	gBS->AllocatePool(EfiBootServicesData, 100, &p);
	gBS->FreePool(p);
}

static void base_fs(void)
{
	void *p;

	__asm__ volatile(".byte 0xf3, 0x48, 0x0f, 0xae, 0xd0" ::"a"(0x1234567000ULL));
	gBS->AllocatePool(EfiBootServicesData, 100, &p);
	gBS->FreePool(p);
}

static void code_32(void)
{
	__asm__ volatile(
		"pushq $0x23; leaq 1f(%%rip), %%rax; pushq %%rax; lretq; 1: nop; nop; "
		"ud2" ::
			: "rax", "memory");
}

static void stack_null(void)
{
	__asm__ volatile("xorl %%esp, %%esp; callq *%0" ::"r"(gBS->Stall) : "memory");
}

static void stack_host(void)
{
	__asm__ volatile("movq %1, %%rsp; callq *%0" ::"r"(gBS->Stall), "r"(host_code())
			 : "memory");
}

static void stack_high(void)
{
	__asm__ volatile("movq %1, %%rsp; callq *%0" ::"r"(gBS->Stall),
			 "r"(0x8000000000000000ULL)
			 : "memory");
}

static void stack_return(void)
{
	__asm__ volatile(
		"movq $0, 8(%rbp); movq $0, (%rsp); movq $0, 8(%rsp); movq $0, 16(%rsp);"
		"movq $0, 24(%rsp); movq $0, 32(%rsp); movq $0, 40(%rsp); movq $0, "
		"48(%rsp);"
		"movq $0, 56(%rsp); movq $0, 64(%rsp); movq $0, 72(%rsp); movq $0, "
		"80(%rsp)");
}

static void halt(void)
{
	__asm__ volatile("cli; hlt");
}

static void interrupt_80(void)
{
	__asm__ volatile("int $0x80" ::"a"(1), "b"(0));
}

static void interrupt_ff(void)
{
	__asm__ volatile("int $0xff");
}

static void undefined(void)
{
	__asm__ volatile("ud2");
}

static void divide(void)
{
	__asm__ volatile("divl %%ecx" ::"a"(1), "d"(0), "c"(0));
}

/* Services. */

static EFI_EVENT self_event;

static void EFIAPI self_again(EFI_EVENT event, void *context)
{
	(void)context;
	gBS->SignalEvent(event);
}

static void EFIAPI self_deeper(EFI_EVENT event, void *context)
{
	(void)context;
	gBS->RestoreTPL(TPL_APPLICATION);
	gBS->SignalEvent(event);
}

static void event_again(void)
{
	gBS->CreateEvent(EVT_NOTIFY_SIGNAL, TPL_CALLBACK, self_again, NULL, &self_event);
	gBS->SignalEvent(self_event);
}

static void event_deeper(void)
{
	gBS->CreateEvent(EVT_NOTIFY_SIGNAL, TPL_CALLBACK, self_deeper, NULL, &self_event);
	gBS->SignalEvent(self_event);
}

/* Left pending: raised here, run by whoever lowers the priority. */
static void event_pending(void)
{
	gBS->CreateEvent(EVT_NOTIFY_SIGNAL, TPL_CALLBACK, self_again, NULL, &self_event);
	gBS->RaiseTPL(TPL_HIGH_LEVEL);
	gBS->SignalEvent(self_event);
}

static void pool_storm(void)
{
	void *p;

	while (gBS->AllocatePool(EfiRuntimeServicesData, 16, &p) == EFI_SUCCESS)
		;
}

static void pool_churn(void)
{
	void *p;

	while (gBS->AllocatePool(EfiBootServicesData, 16, &p) == EFI_SUCCESS)
		gBS->FreePool(p);
}

static void pool_many(void)
{
	void *p;

	for (int i = 0; i < 5000; i++)
		gBS->AllocatePool(EfiRuntimeServicesData, 16, &p);
}

static void pool_mixed(void)
{
	void *p;

	for (int i = 0; i < 3000; i++)
		gBS->AllocatePool(i % 2 ? EfiRuntimeServicesData : EfiBootServicesData, 16,
				  &p);
}

static void pages_mixed(void)
{
	for (int i = 0; i < 3000; i++) {
		EFI_PHYSICAL_ADDRESS at = 0;

		gBS->AllocatePages(AllocateAnyPages,
				   i % 3 == 0   ? EfiRuntimeServicesData
				   : i % 3 == 1 ? EfiBootServicesData
						: EfiACPIMemoryNVS,
				   1, &at);
	}
}

static void pages_all(void)
{
	for (uint64_t n = 1U << 17; n != 0; n /= 2) {
		EFI_PHYSICAL_ADDRESS at = 0;

		while (gBS->AllocatePages(AllocateAnyPages, EfiRuntimeServicesData, n,
					  &at) == EFI_SUCCESS)
			;
	}
}

static void protocol_storm(void)
{
	for (uint32_t i = 0; i < 100000; i++) {
		EFI_GUID guid = {i, 1, 2, {3}};
		EFI_HANDLE handle = NULL;

		gBS->InstallProtocolInterface(&handle, &guid, EFI_NATIVE_INTERFACE, NULL);
	}
}

static void event_storm(void)
{
	EFI_EVENT event;

	for (uint32_t i = 0; i < 100000; i++)
		gBS->CreateEvent(EVT_TIMER, 0, NULL, NULL, &event);
}

static void need_storm(void)
{
	for (uint32_t i = 0; i < 100000; i++) {
		EFI_GUID guid = {i, 1, 2, {3}};
		void *p;

		gBS->LocateProtocol(&guid, NULL, &p);
	}
}

static void locate_bogus(void)
{
	UINTN n = 1000;

	gBS->LocateHandle(AllHandles, NULL, NULL, &n, (EFI_HANDLE *)0x123456789000);
}

static void locate_high(void)
{
	UINTN n = 1000;

	gBS->LocateHandle(AllHandles, NULL, NULL, &n, (EFI_HANDLE *)0x8000000000000000);
}

static void install_endless(void)
{
	static EFI_GUID guid;
	static EFI_HANDLE handle;
	uint64_t *list;

	gBS->AllocatePool(EfiBootServicesData, 65536, (void **)&list);
	for (unsigned i = 0; i < 8192; i++)
		list[i] = (uint64_t)&guid;
	__asm__ volatile(
		"movq %1, %%rsp; movq %2, %%rcx; movq %3, %%rdx; movq %3, %%r8; movq %3, "
		"%%r9; callq *%0" ::"r"(gBS->UninstallMultipleProtocolInterfaces),
		"r"(list + 4096), "r"(handle), "r"(&guid)
		: "rcx", "rdx", "r8", "r9", "memory");
}

static void copy_huge(void)
{
	static uint8_t a[16];

	gBS->CopyMem(a, a + 1, 1ULL << 63);
}

static void crc_huge(void)
{
	uint32_t crc;

	gBS->CalculateCrc32(words, UINT64_MAX, &crc);
}

static void stall_long(void)
{
	gBS->Stall(UINT64_MAX);
}

static void EFIAPI nothing(EFI_EVENT event, void *context)
{
	(void)event;
	(void)context;
}

static void timer_zero(void)
{
	EFI_EVENT event;
	UINTN i;

	gBS->CreateEvent(EVT_TIMER | EVT_NOTIFY_WAIT, TPL_CALLBACK, nothing, NULL, &event);
	gBS->SetTimer(event, TimerPeriodic, 0);
	gBS->WaitForEvent(1, &event, &i);
	gBS->SetTimer(event, TimerPeriodic, UINT64_MAX);
	gBS->WaitForEvent(1, &event, &i);
}

static void wait_never(void)
{
	EFI_EVENT event;
	UINTN i;

	gBS->CreateEvent(EVT_NOTIFY_WAIT, TPL_CALLBACK, nothing, NULL, &event);
	gBS->WaitForEvent(1, &event, &i);
}

static void exit_services(void)
{
	static uint8_t map[65536];
	UINTN size, key, step;
	uint32_t version;

	for (int i = 0; i < 3; i++) {
		size = sizeof map;
		gBS->GetMemoryMap(&size, (void *)map, &key, &step, &version);
		if (gBS->ExitBootServices(gImageHandle, key) == EFI_SUCCESS)
			return;
	}
}

static void virtual_map(void)
{
	static EFI_MEMORY_DESCRIPTOR map[4] = {
		{EfiRuntimeServicesData, 0x20000000, UINT64_MAX, UINT64_MAX, UINT64_MAX},
		{EfiRuntimeServicesData, 0x20000000, 0x20000000, 0x20000,
		 EFI_MEMORY_RUNTIME},
		{0xffffffff, 0x1fffffff, 0x1, 0, EFI_MEMORY_RUNTIME}};

	gRT->SetVirtualAddressMap(sizeof map, sizeof *map, 1, map);
	gRT->SetVirtualAddressMap(UINT64_MAX, 40, 1, map);
	gRT->SetVirtualAddressMap(UINT64_MAX, 1, 1, map);
	gRT->SetVirtualAddressMap(0, 40, 1, map);
	gRT->SetVirtualAddressMap(0, 0, 1, map);
	gRT->SetVirtualAddressMap(40, 40, 1, NULL);
	gRT->SetVirtualAddressMap(40, 40, 1, (void *)0x123456789000);
}

static EFI_STATUS EFIAPI refuse_map(UINTN a, UINTN b, uint32_t c, EFI_MEMORY_DESCRIPTOR *d)
{
	(void)a;
	(void)b;
	(void)c;
	(void)d;
	return EFI_UNSUPPORTED;
}

static void virtual_refused(void)
{
	gRT->SetVirtualAddressMap = refuse_map;
}

static void convert(void)
{
	void *p = &self_event;

	gRT->ConvertPointer(0, &p);
	gRT->ConvertPointer(UINT64_MAX, NULL);
	gRT->ConvertPointer(0, (void **)0x123456789000);
}

static void reset(void)
{
	gRT->ResetSystem(0, 0, 0, NULL);
}

static void reset_port(void)
{
	__asm__ volatile("outb %%al, %%dx" ::"a"(0x06), "d"(0xcf9));
}

static void leave(void)
{
	gBS->Exit(gImageHandle, 0, 0, NULL);
}

static void leave_wrong(void)
{
	gBS->Exit(NULL, 0, 0, NULL);
	gBS->Exit((EFI_HANDLE)UINT64_MAX, 0, UINT64_MAX, (CHAR16 *)1);
}

static void flood(void)
{
	for (int i = 0; i < 100000; i++)
		gBS->RaiseTPL(UINT64_MAX);
}

#define FEW(x) x x x x x x x x x x
static void flood_places(void)
{
	FEW(FEW(FEW(gBS->RaiseTPL(UINT64_MAX);)))
}

static void console_flood(void)
{
	static const CHAR16 text[] = {0x1b,   u'[',   u'2',  u'J',  0x9b, 0x202e, 0xd800,
				      0xdc00, 0xfffe, 7,     8,     0x7f, 0x85,   0xad,
				      0x200f, u'x',   u'\r', u'\n', 0};

	gST->ConOut->OutputString(gST->ConOut, (CHAR16 *)text);
	gST->ConOut->OutputString(gST->ConOut, (CHAR16 *)0x123456789000);
}

static void table_system(void)
{
	gST->NumberOfTableEntries = UINT64_MAX;
	gBS->InstallConfigurationTable((EFI_GUID *)(void *)words, (void *)1);
	gBS->InstallConfigurationTable((EFI_GUID *)(void *)words, NULL);
}

static void table_header(void)
{
	gST->Hdr.HeaderSize = UINT32_MAX;
	gRT->Hdr.HeaderSize = UINT32_MAX;
}

static void tables_ones(void)
{
	EFI_BOOT_SERVICES *bs = gBS;
	EFI_RUNTIME_SERVICES *rt = gRT;
	EFI_SYSTEM_TABLE *st = gST;
	void EFIAPI (*set)(void *, UINTN, uint8_t) = (void *)bs->SetMem;

	set(rt, sizeof *rt, 0xff);
	set(st, sizeof *st, 0xff);
	set(bs, sizeof *bs, 0xff);
}

static void services_null(void)
{
	gBS->SetMem(&gRT->GetTime, 14 * 8, 0);
}

static void services_wild(void)
{
	gBS->SetMem(&gRT->GetTime, 14 * 8, 0x41);
}

static void services_host(void)
{
	gRT->GetTime = (void *)host_code();
	gRT->GetVariable = (void *)(host_code() + 3);
}

static void memory_all(void)
{
	for (uint64_t at = 0x20000000; at < 0x40000000; at += 4096)
		*(volatile uint64_t *)at = UINT64_MAX;
}

static void memory_high(void)
{
	gBS->SetMem((void *)0x7f0000000000, 1ULL << 40, 0xff);
}

static void stub_page(void)
{
	gBS->SetMem((void *)((uint64_t)gBS->RaiseTPL & ~4095ULL), 4096, 0xcc);
}

static void stub_page_move(void)
{
	*(volatile uint64_t *)(((uint64_t)gBS->RaiseTPL & ~4095ULL) + 4088) = 0;
}

static void none(void)
{
}

/* Freed pages are not given out again, and each hole is a descriptor of the map. */
static void pages_holes(void)
{
	static EFI_PHYSICAL_ADDRESS at[4000];

	for (int i = 0; i < 4000; i++)
		gBS->AllocatePages(AllocateAnyPages, EfiRuntimeServicesData, 1, &at[i]);
	for (int i = 0; i < 4000; i += 2)
		gBS->FreePages(at[i], 1);
}

static const struct action actions[] = {
#define A(name)             \
	{                   \
#name, name \
	}
	A(none),
	A(host_exit),
	A(host_exit_thread),
	A(host_stdout),
	A(host_stderr),
	A(host_files),
	A(loop),
	A(host_futex),
	A(host_sigreturn),
	A(host_no_stack),
	A(host_unmap),
	A(host_kill),
	A(host_jump),
	A(host_scribble),
	A(host_scribble_ones),
	A(host_scribble_zeros),
	A(flag_direction),
	A(flag_alignment),
	A(flag_trap),
	A(flag_nested),
	A(float_control),
	A(segment_fs),
	A(base_fs),
	A(code_32),
	A(stack_null),
	A(stack_host),
	A(stack_high),
	A(stack_return),
	A(halt),
	A(interrupt_80),
	A(interrupt_ff),
	A(undefined),
	A(divide),
	A(event_again),
	A(event_deeper),
	A(event_pending),
	A(pool_storm),
	A(pool_churn),
	A(pool_many),
	A(pool_mixed),
	A(pages_mixed),
	A(pages_all),
	A(pages_holes),
	A(protocol_storm),
	A(event_storm),
	A(need_storm),
	A(locate_bogus),
	A(locate_high),
	A(install_endless),
	A(copy_huge),
	A(crc_huge),
	A(stall_long),
	A(timer_zero),
	A(wait_never),
	A(exit_services),
	A(virtual_map),
	A(virtual_refused),
	A(convert),
	A(reset),
	A(reset_port),
	A(leave),
	A(leave_wrong),
	A(flood),
	A(flood_places),
	A(console_flood),
	A(table_system),
	A(table_header),
	A(tables_ones),
	A(services_null),
	A(services_wild),
	A(services_host),
	A(memory_all),
	A(memory_high),
	A(stub_page),
	A(stub_page_move),
};

/* What follows @word at @at, or NULL. */
static const char *behind(const char *at, const char *word)
{
	while (*word != 0 && *at == *word) {
		at++;
		word++;
	}
	return *word == 0 ? at : NULL;
}

/* What the case wants to be done at @place, or NULL. */
static const char *case_at(const char *place)
{
	const char *at = behind(OPAQUE(&words[sizeof MARK - 1]), place);

	return at != NULL && *at == ':' ? at + 1 : NULL;
}

static void act(const char *place)
{
	const char *what = case_at(place);

	for (unsigned i = 0; what != NULL && i < sizeof actions / sizeof *actions; i++) {
		const char *rest = behind(what, actions[i].name);

		if (rest != NULL && *rest == 0) {
			actions[i].fn();
			return;
		}
	}
	if (what != NULL) /* no such action */
		__asm__ volatile("ud2");
}

static EFI_STATUS EFIAPI get_time(EFI_TIME *Time, EFI_TIME_CAPABILITIES *Capabilities)
{
	act(driver_at(AT_BOOT) ? "boot" : driver_at(AT_RUNTIME) ? "runtime" : "virtual");
	return driver_time(Time, Capabilities);
}

static void EFIAPI ready(EFI_EVENT Event, void *Context)
{
	(void)Context;
	if (case_at("ready-again") != NULL)
		gBS->SignalEvent(Event);
	else if (case_at("ready-after") != NULL)
		event_pending();
	act("ready");
}

static void on_exit(void)
{
	act("exit");
}

static void on_virtual(void)
{
	act("convert");
}

EFI_STATUS driver_main(void)
{
	static const EFI_GUID group = EFI_EVENT_GROUP_READY_TO_BOOT_GUID;
	EFI_STATUS status = driver_start(on_exit, on_virtual);

	if (status == EFI_SUCCESS)
		status = driver_on(&group, TPL_CALLBACK, ready);
	if (status != EFI_SUCCESS)
		return status;
	gRT->GetTime = get_time;
	(void)driver_seal();
	act("entry");
	return case_at("failed") != NULL ? EFI_DEVICE_ERROR : EFI_SUCCESS;
}
