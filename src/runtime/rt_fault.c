/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Signals of the child. What a driver may do although the processor stops it (ports, memory
 * of devices, a memory map that is being watched) is done for it; anything else becomes a
 * record, and the end of this run. The handler runs on a stack of its own and touches
 * nothing but the rt, the ledger and registers. The parent judges.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

#include "runtime/rt_priv.h"

#define PAGE      4096ULL
#define ALT_STACK (256U << 10)
#define TICK_US   20000
#define TRAP_GP   13
#define FLAG_TF   0x100
#define FLAG_DF   0x400
#define FLAG_AC   0x40000
#define TRAP_SS   12
#define TRAP_AC   17

/* Before what does not return, AddressSanitizer looks for the thread's stack, in a file if
 * need be: that is not for handlers. */
#define PLAIN __attribute__((no_sanitize_address))

struct rt_place rt_place_of(struct rt *rt, uint64_t address)
{
	for (uint32_t i = 0; i < atomic_load(&rt->shared->images_count); i++) {
		const struct rt_image *img = &rt->shared->images[i];

		if (img->physical != 0 && address >= img->physical &&
		    address - img->physical < img->size)
			return (struct rt_place){(uint16_t)i, address - img->physical};
		if (img->virtual_ != 0 && address >= img->virtual_ &&
		    address - img->virtual_ < img->size)
			return (struct rt_place){(uint16_t)i, address - img->virtual_};
	}
	return (struct rt_place){RT_NOBODY, address};
}

struct rt_place rt_caller(struct rt *rt)
{
	if (rt->call == NULL)
		return (struct rt_place){RT_NOBODY, 0};
	return rt_place_of(rt, rt->call->from - 1);
}

static uint16_t service_of(const struct rt *rt)
{
	return rt->call != NULL ? (uint16_t)rt->call->stub : RT_SERVICE_NONE;
}

static PLAIN struct rt_record *record_new(struct rt *rt, uint32_t rule, struct rt_place at)
{
	const uint32_t n = atomic_load(&rt->shared->records_count);
	struct rt_record *r;
	uint16_t who = at.image != RT_NOBODY ? at.image : rt->current;

	rt->found = n;
	if (n == RT_RECORDS_MAX) {
		atomic_store(&rt->shared->finished, 1); /* more than anybody reads */
		_exit(0);
	}
	r = &rt->shared->records[n];
	*r = (struct rt_record){.rule = rule,
				.phase = (uint8_t)atomic_load(&rt->shared->phase),
				.at = at,
				.block = -1,
				.call = rt->battery_call,
				.service = service_of(rt)};
	if (who < RT_IMAGES_MAX && rt->loaded[who].has_missing) {
		r->has_missing = 1;
		r->missing = rt->loaded[who].missing;
		r->missing_same_call = rt->loaded[who].missing_entry == rt->entries;
	}
	atomic_store(&rt->shared->records_count, n + 1);
	return r;
}

void rt_find(struct rt *rt, enum rt_rule rule, struct rt_place at, uint64_t address,
	     const char *fmt, ...)
{
	struct rt_record *r;
	va_list ap;

	/* once is enough: what is done in a loop shall not hide what comes after it */
	rt->found = 0;
	while (at.image != RT_NOBODY &&
	       rt->found < atomic_load(&rt->shared->records_count)) {
		r = &rt->shared->records[rt->found];
		if (r->rule == rule && r->at.image == at.image && r->at.offset == at.offset)
			return;
		rt->found++;
	}
	r = record_new(rt, rule, at);
	r->address = address;
	va_start(ap, fmt);
	fmt_text(r->text, sizeof r->text, fmt, ap);
	va_end(ap);
}

/* The last finding is about @b. */
void rt_record_block(struct rt *rt, const struct rt_block *b)
{
	rt->shared->records[rt->found].block = (int32_t)(b - rt->shared->blocks);
}

static void get_registers(const greg_t *g, uint64_t ret[17])
{
	static const int order[17] = {REG_RAX, REG_RBX, REG_RCX, REG_RDX, REG_RSI, REG_RDI,
				      REG_RBP, REG_RSP, REG_R8,  REG_R9,  REG_R10, REG_R11,
				      REG_R12, REG_R13, REG_R14, REG_R15, REG_RIP};

	for (int i = 0; i < 17; i++)
		ret[i] = (uint64_t)g[order[i]];
}

/* The word at @sp, where drivers have memory there; else 0. */
static uint64_t stack_word(struct rt *rt, uint64_t sp)
{
	const uint64_t physical = rt_physical(rt, sp);
	const void *p = NULL;
	uint64_t word = 0;

	if (sp >= rt->runtime_stack - rt->runtime_stack_len &&
	    sp <= rt->runtime_stack + PAGE - sizeof word)
		p = (const void *)sp;
	else if (physical != 0)
		p = rt_ram(rt, physical, sizeof word);
	if (p != NULL)
		memcpy(&word, p, sizeof word);
	return word;
}

/* Who executes: in a service, its caller; else the driver's instruction; where that has
 * just jumped away (@fetch), the call; and where it was no call, the function that we
 * entered. */
static struct rt_place culprit(struct rt *rt, const greg_t *g, bool fetch)
{
	const struct rt_place at = rt_place_of(rt, (uint64_t)g[REG_RIP]);
	struct rt_place from;

	if (rt->in_host)
		return rt_caller(rt);
	if (at.image != RT_NOBODY && !fetch)
		return at;
	from = rt_place_of(rt, stack_word(rt, (uint64_t)g[REG_RSP]) - 1);
	if (from.image == RT_NOBODY)
		from = rt->shared->entered;
	return from.image != RT_NOBODY ? from : at;
}

/* It is us who called an address that there cannot be: a driver's pointer. */
static bool in_gate(const greg_t *g)
{
	const uint64_t rip = (uint64_t)g[REG_RIP];

	return rip >= (uintptr_t)rt_gate && rip < (uintptr_t)rt_gate_resume;
}

PLAIN _Noreturn static void fault(struct rt *rt, const ucontext_t *uc, uint32_t rule,
				  uint64_t address, enum rt_access access, const char *text)
{
	const greg_t *g = uc->uc_mcontext.gregs;
	const uint64_t rip = (uint64_t)g[REG_RIP];
	const bool fetch = access == RT_EXECUTE && address == rip,
		   astray = !rt->in_host && !fetch && rule == RT_RULE_COUNT &&
			    !in_gate(g) && rt_place_of(rt, rip).image == RT_NOBODY;
	struct rt_place at;
	struct rt_record *r;

	rt->faulting = true;
	/* whatever a driver passes, our own code does not execute such instructions */
	if (rt->driver_sp == 0 ||
	    (rt->in_host && (rt->call == NULL || rule == RT_PRIVILEGED_INSTRUCTION ||
			     rule == RT_WILD_ACCESS)))
		rt_trouble(
			rt,
			"the runner itself failed at %#llx, address %#llx, in phase %s: "
			"its own "
			"fault, or a driver has overwritten its memory",
			(unsigned long long)rip, (unsigned long long)address,
			runtime_phase_name((enum rt_phase)atomic_load(&rt->shared->phase)));
	at = culprit(rt, g, fetch);
	r = record_new(rt, astray ? RT_WILD_ACCESS : rule, at);
	r->access = (uint8_t)access;
	r->in_host = rt->in_host;
	r->address = address;
	get_registers(g, r->registers);
	if (astray)
		snprintf(r->text, sizeof r->text,
			 "code at %#llx, which is no driver's, was run, and accessed %#llx",
			 (unsigned long long)rip, (unsigned long long)address);
	else if (text != NULL)
		snprintf(r->text, sizeof r->text, "%s", text);
	if (at.image != RT_NOBODY)
		rt->shared->images[at.image].status = RT_STATUS_FAULTED;
	atomic_store(&rt->shared->faulted, 1);
	_exit(0);
}

/* Devices in memory: the access is executed on a page that shows what the model would
 * answer; a write twice, on opposite grounds, so that what it changed is known byte by
 * byte. */

static struct rt_mmio *mmio_of(struct rt *rt, uint64_t address, uint64_t *ret_offset)
{
	for (size_t i = 0; i < rt->mmio_count; i++) {
		struct rt_mmio *m = &rt->mmio[i];
		const uint64_t base = rt->virtual_done ? m->virtual_ : m->base;

		if (base != 0 && address >= base && address - base < m->size) {
			*ret_offset = address - base;
			return m;
		}
	}
	return NULL;
}

static size_t step_span(uint64_t offset)
{
	const uint64_t left = PAGE - (offset & (PAGE - 1));

	return left < 16 ? (size_t)left : 16;
}

static void step_begin(struct rt *rt, ucontext_t *uc, struct rt_mmio *m, uint64_t address,
		       uint64_t offset, bool write)
{
	greg_t *g = uc->uc_mcontext.gregs;

	rt->stepping = true;
	rt->step_mmio = m;
	rt->step_address = address;
	rt->step_write = write;
	rt->step_pass = 0;
	memcpy(rt->step_saved, g, sizeof rt->step_saved);
	memcpy(rt->step_kept, m->host + offset, step_span(offset));
	if (write)
		memset(m->host + offset, 0, step_span(offset));
	else if (m->before != NULL)
		m->before(rt, m, offset);
	mprotect((void *)(address & ~(PAGE - 1)), PAGE, PROT_READ | PROT_WRITE);
	g[REG_EFL] |= FLAG_TF;
}

static void step_write_done(struct rt *rt, struct rt_mmio *m, uint64_t offset,
			    const uint8_t second[16])
{
	uint64_t value = 0;
	unsigned width = 0;

	while (width < 8 && width < step_span(offset) &&
	       (rt->step_first[width] != 0 || second[width] != 0xff))
		width++;
	memcpy(&value, rt->step_first, width);
	memcpy(m->host + offset, rt->step_kept, step_span(offset));
	m->write(rt, m, offset, width, value);
}

static void step_end(struct rt *rt, ucontext_t *uc)
{
	greg_t *g = uc->uc_mcontext.gregs;
	struct rt_mmio *m = rt->step_mmio;
	const uint64_t base = rt->virtual_done ? m->virtual_ : m->base;
	const uint64_t offset = rt->step_address - base;
	const size_t n = step_span(offset);

	if (rt->step_write && rt->step_pass == 0) {
		rt->step_pass = 1;
		memcpy(rt->step_first, m->host + offset, n);
		memset(m->host + offset, 0xff, n);
		memcpy(g, rt->step_saved, sizeof rt->step_saved);
		g[REG_EFL] |= FLAG_TF;
		return;
	}
	g[REG_EFL] &= ~FLAG_TF;
	rt->stepping = false;
	if (rt->step_write) {
		uint8_t second[16];

		memcpy(second, m->host + offset, n);
		step_write_done(rt, m, offset, second);
	} else if (m->before != NULL) {
		memcpy(m->host + offset, rt->step_kept, n);
	}
	mprotect((void *)(rt->step_address & ~(PAGE - 1)), PAGE,
		 m->open ? PROT_READ : PROT_NONE);
}

/* A plain store, of which drivers do many thousands to write a block of flash, needs no
 * stepping: the instruction says what it writes. */
static bool step_over_store(struct rt *rt, greg_t *g, struct rt_mmio *m, uint64_t offset)
{
	static const int order[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
				      REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
				      REG_R12, REG_R13, REG_R14, REG_R15};
	const struct rt_place at = rt_place_of(rt, (uint64_t)g[REG_RIP]);
	struct rt_store s;

	if (at.image == RT_NOBODY ||
	    !rt_insn_store((const uint8_t *)g[REG_RIP],
			   (size_t)(rt->shared->images[at.image].size - at.offset), &s) ||
	    (offset & (PAGE - 1)) + s.width > PAGE)
		return false;
	if (!s.immediate)
		s.value = (uint64_t)g[order[s.reg & 15]] >> (s.high ? 8 : 0);
	if (s.width < 8)
		s.value &= (1ULL << (s.width * 8)) - 1;
	m->write(rt, m, offset, s.width, s.value);
	g[REG_RIP] += s.length;
	return true;
}

/* A memory map that a driver reads: every access is let through, and how far each
 * instruction goes from one to the next tells what it takes a descriptor's size to be. */

static void watch_protect(const struct rt *rt, int prot)
{
	const uint64_t from = rt->watch_base & ~(PAGE - 1);

	mprotect((void *)from,
		 ((rt->watch_base + rt->watch_len + PAGE - 1) & ~(PAGE - 1)) - from, prot);
}

/* @distance is one step of @size, or a few: loops are unrolled. */
static bool is_step(uint64_t distance, uint64_t size)
{
	return distance != 0 && distance % size == 0 && distance / size <= 4;
}

static void watch_note(struct rt *rt, const greg_t *g, uint32_t offset)
{
	const uint64_t by = rt->in_host ? rt->call->from : (uint64_t)g[REG_RIP];
	struct rt_reader *r = NULL;

	/* of what a service reads for a driver, the first byte */
	if (rt->in_host && rt->call->seen)
		return;
	if (rt->in_host)
		rt->call->seen = true;
	for (uint32_t i = 0; r == NULL && i < RT_READERS_MAX; i++)
		if (rt->watch_readers[i].by == by)
			r = &rt->watch_readers[i];
	if (r == NULL) {
		r = &rt->watch_readers[rt->watch_next++ % RT_READERS_MAX];
		*r = (struct rt_reader){by, offset};
		return;
	}
	if (is_step(offset - r->offset, rt->shared->map_descriptor_size)) {
		rt->watch_right++;
	} else if (is_step(offset - r->offset, sizeof(EFI_MEMORY_DESCRIPTOR))) {
		rt->watch_wrong++;
		rt->watch_from = culprit(rt, g, false);
	}
	r->offset = offset;
}

static bool watch_access(struct rt *rt, ucontext_t *uc, uint64_t address)
{
	const uint64_t from = rt->watch_base & ~(PAGE - 1);

	if (rt->watch_len == 0 || address < from ||
	    address >= ((rt->watch_base + rt->watch_len + PAGE - 1) & ~(PAGE - 1)))
		return false;
	if (address >= rt->watch_base && address - rt->watch_base < rt->watch_len &&
	    (!rt->in_host || rt->call != NULL))
		watch_note(rt, uc->uc_mcontext.gregs, (uint32_t)(address - rt->watch_base));
	watch_protect(rt, rt->watch_rights);
	rt->watch_open = true;
	uc->uc_mcontext.gregs[REG_EFL] |= FLAG_TF;
	return true;
}

void rt_watch(struct rt *rt, uint64_t base, uint64_t len)
{
	const struct rt_block *b = rt_block_at(rt, base);

	rt_watch_end(rt);
	if (len == 0 || len > UINT16_MAX || b == NULL || base + len > b->physical + b->size)
		return;
	rt->watch_base = base;
	rt->watch_len = len;
	rt->watch_rights = PROT_READ | PROT_WRITE;
	/* where sections share pages, there may be code beside it */
	if (b->kind == RT_BLOCK_IMAGE && rt->loaded[b->owner].pe.section_align % PAGE != 0)
		rt->watch_rights |= PROT_EXEC;
	rt->watch_right = rt->watch_wrong = rt->watch_next = 0;
	memset(rt->watch_readers, 0, sizeof rt->watch_readers);
	watch_protect(rt, PROT_NONE);
}

void rt_watch_end(struct rt *rt)
{
	if (rt->watch_len == 0)
		return;
	watch_protect(rt, rt->watch_rights);
	rt->watch_len = 0;
	if (rt->watch_wrong >= 3 && rt->watch_wrong > rt->watch_right)
		rt_find(rt, RT_DESCRIPTOR_SIZE, rt->watch_from, 0,
			"walks the memory map in steps of %u bytes, "
			"sizeof(EFI_MEMORY_DESCRIPTOR); GetMemoryMap said "
			"DescriptorSize %u",
			(unsigned)sizeof(EFI_MEMORY_DESCRIPTOR),
			rt->shared->map_descriptor_size);
}

/* Ports. */

static uint64_t mask_of(unsigned width)
{
	return width >= 4 ? 0xffffffffULL : (1ULL << (width * 8)) - 1;
}

static bool port_string(struct rt *rt, greg_t *g, const struct rt_insn *i, uint16_t port)
{
	const bool in = i->kind == RT_INSN_INS;
	const uint64_t mask = i->address32 ? UINT32_MAX : UINT64_MAX;
	greg_t *at = &g[in ? REG_RDI : REG_RSI];

	for (uint64_t n = i->rep ? (uint64_t)g[REG_RCX] & mask : 1; n > 0; n--) {
		void *p = rt_ram(rt, rt_physical(rt, (uint64_t)*at & mask), i->width);
		uint32_t value = 0;

		if (p == NULL)
			return false;
		if (in ? !rt_machine_in(rt->machine, port, i->width, &value)
		       : (memcpy(&value, p, i->width),
			  !rt_machine_out(rt->machine, port, i->width, value)))
			return false;
		if (in)
			memcpy(p, &value, i->width);
		*at += (g[REG_EFL] & FLAG_DF) != 0 ? -(greg_t)i->width : (greg_t)i->width;
		if (i->rep)
			g[REG_RCX]--;
	}
	return true;
}

static bool port_access(struct rt *rt, greg_t *g, const struct rt_insn *i)
{
	const uint16_t port = i->immediate ? i->port : (uint16_t)g[REG_RDX];
	uint32_t value;

	switch (i->kind) {
	case RT_INSN_IN:
		if (!rt_machine_in(rt->machine, port, i->width, &value))
			return false;
		/* a 32-bit result clears the upper half, shorter ones leave it */
		g[REG_RAX] =
			(greg_t)(i->width == 4
					 ? value
					 : ((uint64_t)g[REG_RAX] & ~mask_of(i->width)) |
						   (value & mask_of(i->width)));
		return true;
	case RT_INSN_OUT:
		return rt_machine_out(rt->machine, port, i->width,
				      (uint32_t)((uint64_t)g[REG_RAX] & mask_of(i->width)));
	case RT_INSN_INS:
	case RT_INSN_OUTS:
		return port_string(rt, g, i, port);
	default:
		rt->interrupts_off = i->kind == RT_INSN_CLI;
		return true;
	}
}

PLAIN static void general_protection(struct rt *rt, ucontext_t *uc)
{
	greg_t *g = uc->uc_mcontext.gregs;
	const struct rt_place at = rt_place_of(rt, (uint64_t)g[REG_RIP]);
	struct rt_insn i;
	char text[80];

	if (in_gate(g))
		fault(rt, uc, RT_RULE_COUNT, UINT64_MAX, RT_EXECUTE, NULL);
	if (at.image == RT_NOBODY ||
	    !rt_insn_decode((const uint8_t *)g[REG_RIP],
			    (size_t)(rt->shared->images[at.image].size - at.offset), &i)) {
		rt->non_canonical = true;
		return;
	}
	if (i.kind == RT_INSN_PRIVILEGED) {
		snprintf(text, sizeof text, "executes %s", i.name);
		fault(rt, uc, RT_PRIVILEGED_INSTRUCTION, 0, RT_EXECUTE, text);
	}
	rt->at_port = at;
	if (!port_access(rt, g, &i)) {
		snprintf(text, sizeof text,
			 "port %#x (%u bytes), which no device model has",
			 i.immediate ? i.port : (unsigned)(uint16_t)g[REG_RDX], i.width);
		fault(rt, uc, RT_PRIVILEGED_INSTRUCTION, 0, RT_READ, text);
	}
	g[REG_RIP] += i.length;
	if (rt->reset) {
		/* this was the reset: back to who called the service */
		g[REG_RDI] = (greg_t)(rt->call == NULL ? rt_host_sp : rt->outer_sp);
		g[REG_RSI] = (greg_t)EFI_SUCCESS;
		g[REG_RSP] = g[REG_RDI] - 8;
		g[REG_RIP] = (greg_t)(uintptr_t)rt_gate_unwind;
	}
}

/* RuntimeDxe relocates images a second time, constants included: real firmware lifts what
 * protects them before it calls SetVirtualAddressMap. */
static bool relocates(struct rt *rt, uint64_t rip, uint64_t address)
{
	const uint16_t image = rt_place_of(rt, address).image;

	if (rt->firmware_convert == 0 || !rt->in_convert || rt->in_host ||
	    rt_place_of(rt, rip).image + 1U != atomic_load(&rt->shared->arch) ||
	    image == RT_NOBODY ||
	    rt->shared->images[image].subsystem != PE_SUBSYSTEM_RUNTIME_DRIVER)
		return false;
	return mprotect((void *)(address & ~(PAGE - 1)), PAGE,
			PROT_READ | PROT_WRITE | PROT_EXEC) == 0;
}

/* What the runtime services table says: an address that stays physical. */
static uint64_t convert_pointer(struct rt *rt)
{
	const EFI_RUNTIME_SERVICES *services = rt_ram(rt, rt->rs, sizeof *services);

	return (uint64_t)services->ConvertPointer;
}

/* The flags in which a driver was interrupted are not for us. */
static void handler_begin(void)
{
	__builtin_ia32_writeeflags_u64(2);
}

PLAIN static void on_segv(int sig, siginfo_t *si, void *context)
{
	struct rt *rt = rt_self;
	ucontext_t *uc = context;
	greg_t *g = uc->uc_mcontext.gregs;
	const uint64_t address = (uint64_t)si->si_addr, err = (uint64_t)g[REG_ERR];
	const enum rt_access access = (err & 16) != 0  ? RT_EXECUTE
				      : (err & 2) != 0 ? RT_WRITE
						       : RT_READ;
	struct rt_mmio *m;
	uint64_t offset;

	(void)sig;
	handler_begin();
	if (rt->faulting)
		_exit(3); /* what this handler needs was overwritten: the parent knows the
			     rest */
	if (g[REG_TRAPNO] == TRAP_GP || si->si_code == SI_KERNEL) {
		rt->non_canonical = false;
		general_protection(rt, uc);
		if (rt->non_canonical)
			fault(rt, uc, RT_RULE_COUNT, UINT64_MAX, RT_READ,
			      "an address that is not canonical, or a fault that names "
			      "none");
		return;
	}
	if (!rt->stepping && access != RT_EXECUTE &&
	    (m = mmio_of(rt, address, &offset)) != NULL) {
		if (access == RT_WRITE && step_over_store(rt, g, m, offset))
			return;
		step_begin(rt, uc, m, address, offset, access == RT_WRITE);
		return;
	}
	if ((access != RT_EXECUTE || (rt->watch_rights & PROT_EXEC) != 0) &&
	    watch_access(rt, uc, address))
		return;
	if (access == RT_WRITE && relocates(rt, (uint64_t)g[REG_RIP], address))
		return;
	if (access == RT_EXECUTE && rt->virtual_done && address == convert_pointer(rt))
		fault(rt, uc, RT_CONVERT_OUTSIDE_EVENT, address, access,
		      "calls ConvertPointer after SetVirtualAddressMap");
	if (access == RT_EXECUTE && address - rt->boot_stubs < PAGE && rt->runtime) {
		char text[80];
		const uint64_t stub = (address - rt->boot_stubs) / RT_STUB_LEN;

		snprintf(text, sizeof text,
			 "calls the boot service %s, by a pointer that it kept",
			 rt_service_def((unsigned)stub)->name);
		fault(rt, uc, RT_BOOT_SERVICE_AFTER_EXIT, address, access, text);
	}
	fault(rt, uc, RT_RULE_COUNT, address, access, NULL);
}

PLAIN static void on_trap(int sig, siginfo_t *si, void *context)
{
	struct rt *rt = rt_self;
	ucontext_t *uc = context;

	(void)sig;
	(void)si;
	handler_begin();
	if (rt->watch_open) {
		rt->watch_open = false;
		if (rt->watch_len != 0)
			watch_protect(rt, PROT_NONE);
		if (!rt->stepping)
			uc->uc_mcontext.gregs[REG_EFL] &= ~FLAG_TF;
	} else if (rt->stepping) {
		step_end(rt, uc);
	} else {
		fault(rt, uc, RT_PRIVILEGED_INSTRUCTION, 0, RT_EXECUTE,
		      "executes a breakpoint: a failed assertion stops so");
	}
}

PLAIN static void on_other(int sig, siginfo_t *si, void *context)
{
	struct rt *rt = rt_self;
	ucontext_t *uc = context;
	greg_t *g = uc->uc_mcontext.gregs;

	handler_begin();
	if (sig == SIGBUS && g[REG_TRAPNO] == TRAP_AC) {
		/* firmware's code runs at a privilege for which nothing is checked */
		g[REG_EFL] &= ~FLAG_AC;
		return;
	}
	if (sig == SIGBUS && g[REG_TRAPNO] == TRAP_SS)
		fault(rt, uc, RT_RULE_COUNT, UINT64_MAX, RT_READ, NULL);
	switch (sig) {
	case SIGILL:
		fault(rt, uc, RT_PRIVILEGED_INSTRUCTION, 0, RT_EXECUTE,
		      "executes an undefined instruction");
	case SIGSYS:
		fault(rt, uc, RT_PRIVILEGED_INSTRUCTION, 0, RT_EXECUTE,
		      "executes a system call of the host");
	case SIGFPE:
		fault(rt, uc, RT_WILD_ACCESS, 0, RT_EXECUTE,
		      "divides by zero, or a quotient is too large");
	default:
		fault(rt, uc, RT_RULE_COUNT, (uint64_t)si->si_addr, RT_READ, NULL);
	}
}

/* An application that tried ExitBootServices once, and then only waits. */
static bool gave_up(struct rt *rt)
{
	return rt->current < RT_IMAGES_MAX && rt->loaded[rt->current].exit_failures != 0 &&
	       !rt->runtime;
}

/* The timer's interrupt, for a driver that does nothing but wait for what it brings. One
 * that works is left alone, so that every run is the same. */
static void interrupt(struct rt *rt, greg_t *g)
{
	const uint64_t rip = (uint64_t)g[REG_RIP], sp = (uint64_t)g[REG_RSP] - sizeof rip;

	if (rt->in_host || rt->runtime || rt->stepping || rt->watch_open ||
	    rt->interrupts_off || rt->tpl == TPL_HIGH_LEVEL || !rt_timer_armed(rt) ||
	    rt_place_of(rt, rip).image == RT_NOBODY ||
	    sp - (rt->boot_stack - RT_BOOT_STACK + PAGE) > RT_BOOT_STACK - PAGE ||
	    ++rt->quiet_ticks < RT_QUIET_TICKS)
		return;
	memcpy((void *)sp, &rip, sizeof rip);
	g[REG_RSP] = (greg_t)sp;
	g[REG_RIP] = (greg_t)(uintptr_t)rt_interrupted;
}

PLAIN static void on_tick(int sig, siginfo_t *si, void *context)
{
	struct rt *rt = rt_self;
	ucontext_t *uc = context;
	char text[80];

	(void)sig;
	(void)si;
	handler_begin();
	if (rt == NULL || (rt->driver_sp == 0 && rt->notified <= RT_EVENTS_MAX))
		return;
	/* on the way into a driver or out of it, the next tick will do */
	if (atomic_fetch_add(&rt->ticks, 1) < rt->deadline_ticks || rt->driver_sp == 0 ||
	    (rt->in_host && rt->call == NULL)) {
		interrupt(rt, uc->uc_mcontext.gregs);
		return;
	}
	if (gave_up(rt))
		fault(rt, uc, RT_STALE_MAP_KEY, 0, RT_EXECUTE,
		      "ExitBootServices was refused because the map had changed, and was "
		      "not tried again");
	snprintf(text, sizeof text,
		 rt->notified > RT_EVENTS_MAX
			 ? "notifications signal each other without end: %u ms"
			 : "does not return within %u ms",
		 rt->timeout_ms);
	fault(rt, uc, RT_HANG, 0, RT_READ, text);
}

int rt_fault_init(struct rt *rt, struct diag *d)
{
	static const struct {
		int signal;
		void (*handler)(int, siginfo_t *, void *);
	} handlers[] = {{SIGSEGV, on_segv}, {SIGBUS, on_other}, {SIGTRAP, on_trap},
			{SIGILL, on_other}, {SIGFPE, on_other}, {SIGSYS, on_other},
			{SIGALRM, on_tick}};
	const struct itimerval tick = {{0, TICK_US}, {0, TICK_US}};
	stack_t stack = {.ss_size = ALT_STACK};

	stack.ss_sp = mmap(NULL, ALT_STACK, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (stack.ss_sp == MAP_FAILED || sigaltstack(&stack, NULL) < 0)
		return diag(d, -errno, "no stack for signals: %s", strerror(errno));
	for (size_t i = 0; i < sizeof handlers / sizeof *handlers; i++) {
		struct sigaction a = {.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART};

		a.sa_sigaction = handlers[i].handler;
		/* a handler may fault, too: then somebody has overwritten our memory */
		a.sa_flags |= handlers[i].signal == SIGSEGV ? SA_NODEFER : 0;
		sigfillset(&a.sa_mask);
		sigdelset(&a.sa_mask, SIGSEGV);
		if (sigaction(handlers[i].signal, &a, NULL) < 0)
			return diag(d, -errno, "signal %d: %s", handlers[i].signal,
				    strerror(errno));
	}
	rt->timeout_ms = rt->config->timeout_ms != 0 ? rt->config->timeout_ms : 5000;
	rt->timeout_ticks = (rt->timeout_ms * 1000ULL + TICK_US - 1) / TICK_US;
	if (setitimer(ITIMER_REAL, &tick, NULL) < 0)
		return diag(d, -errno, "setitimer: %s", strerror(errno));
	return 0;
}
