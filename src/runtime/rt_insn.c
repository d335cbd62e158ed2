/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tells port and privileged instructions of 64-bit mode apart from all others, by the
 * tables of Intel's SDM volume 2, appendix A. It is asked about an instruction that raised
 * a general protection fault; what is not in its tables faulted for another reason. And
 * reads the plain stores, with which drivers write to a device's memory.
 */
#include "runtime/rt_device.h"

#include <string.h>

#define PREFIX_66   0x01U
#define PREFIX_REP  0x02U /* f2 or f3 */
#define PREFIX_67   0x04U
#define PREFIX_FSGS 0x08U
#define INSN_MAX    15U

enum form {
	PLAIN, /* no more bytes */
	MODRM, /* ModRM selects nothing, or memory or register as @reg and @mod say */
	IMM8,
	MOVE, /* mov to or from a control or debug register: always a register operand */
};

enum mod { ANY, MEMORY, REGISTER };

#define NO_REG 8U

/* @map: 0 one byte, 1 after 0f, 2 after 0f 38. @reg, @rm: of ModRM, or NO_REG for any. */
struct entry {
	uint8_t map, opcode;
	enum form form;
	enum mod mod;
	uint8_t reg, rm;
	const char *name;
};

/* clang-format off */
static const struct entry entries[] = {
	{0, 0xcc, PLAIN, ANY, 0, 0, "int3"},
	{0, 0xcd, IMM8,  ANY, 0, 0, "int 0x"},
	{0, 0xcf, PLAIN, ANY, 0, 0, "iret"},
	{0, 0xf1, PLAIN, ANY, 0, 0, "int1"},
	{0, 0xf4, PLAIN, ANY, 0, 0, "hlt"},
	{1, 0x05, PLAIN, ANY, 0, 0, "syscall"},
	{1, 0x06, PLAIN, ANY, 0, 0, "clts"},
	{1, 0x07, PLAIN, ANY, 0, 0, "sysret"},
	{1, 0x08, PLAIN, ANY, 0, 0, "invd"},
	{1, 0x09, PLAIN, ANY, 0, 0, "wbinvd"},
	{1, 0x30, PLAIN, ANY, 0, 0, "wrmsr"},
	{1, 0x31, PLAIN, ANY, 0, 0, "rdtsc"},
	{1, 0x32, PLAIN, ANY, 0, 0, "rdmsr"},
	{1, 0x33, PLAIN, ANY, 0, 0, "rdpmc"},
	{1, 0x34, PLAIN, ANY, 0, 0, "sysenter"},
	{1, 0x35, PLAIN, ANY, 0, 0, "sysexit"},
	{1, 0x37, PLAIN, ANY, 0, 0, "getsec"},
	{1, 0xaa, PLAIN, ANY, 0, 0, "rsm"},
	{1, 0x20, MOVE,  ANY, NO_REG, NO_REG, "mov cr"},
	{1, 0x21, MOVE,  ANY, NO_REG, NO_REG, "mov dr"},
	{1, 0x22, MOVE,  ANY, NO_REG, NO_REG, "mov cr"},
	{1, 0x23, MOVE,  ANY, NO_REG, NO_REG, "mov dr"},
	{1, 0x00, MODRM, ANY, 0, NO_REG, "sldt"},
	{1, 0x00, MODRM, ANY, 1, NO_REG, "str"},
	{1, 0x00, MODRM, ANY, 2, NO_REG, "lldt"},
	{1, 0x00, MODRM, ANY, 3, NO_REG, "ltr"},
	{1, 0x01, MODRM, MEMORY, 0, NO_REG, "sgdt"},
	{1, 0x01, MODRM, MEMORY, 1, NO_REG, "sidt"},
	{1, 0x01, MODRM, MEMORY, 2, NO_REG, "lgdt"},
	{1, 0x01, MODRM, MEMORY, 3, NO_REG, "lidt"},
	{1, 0x01, MODRM, ANY, 4, NO_REG, "smsw"},
	{1, 0x01, MODRM, ANY, 6, NO_REG, "lmsw"},
	{1, 0x01, MODRM, MEMORY, 7, NO_REG, "invlpg"},
	{1, 0x01, MODRM, REGISTER, 0, 1, "vmcall"},
	{1, 0x01, MODRM, REGISTER, 0, 2, "vmlaunch"},
	{1, 0x01, MODRM, REGISTER, 0, 3, "vmresume"},
	{1, 0x01, MODRM, REGISTER, 0, 4, "vmxoff"},
	{1, 0x01, MODRM, REGISTER, 1, 0, "monitor"},
	{1, 0x01, MODRM, REGISTER, 1, 1, "mwait"},
	{1, 0x01, MODRM, REGISTER, 1, 2, "clac"},
	{1, 0x01, MODRM, REGISTER, 1, 3, "stac"},
	{1, 0x01, MODRM, REGISTER, 2, 1, "xsetbv"},
	{1, 0x01, MODRM, REGISTER, 3, 0, "vmrun"},
	{1, 0x01, MODRM, REGISTER, 3, 1, "vmmcall"},
	{1, 0x01, MODRM, REGISTER, 3, 2, "vmload"},
	{1, 0x01, MODRM, REGISTER, 3, 3, "vmsave"},
	{1, 0x01, MODRM, REGISTER, 3, 4, "stgi"},
	{1, 0x01, MODRM, REGISTER, 3, 5, "clgi"},
	{1, 0x01, MODRM, REGISTER, 3, 6, "skinit"},
	{1, 0x01, MODRM, REGISTER, 3, 7, "invlpga"},
	{1, 0x01, MODRM, REGISTER, 7, 0, "swapgs"},
	{1, 0x01, MODRM, REGISTER, 7, 1, "rdtscp"},
	{1, 0x01, MODRM, REGISTER, 7, 6, "invlpgb"},
	{1, 0x01, MODRM, REGISTER, 7, 7, "tlbsync"},
	{1, 0xc7, MODRM, MEMORY, 3, NO_REG, "xrstors"},
	{1, 0xc7, MODRM, MEMORY, 5, NO_REG, "xsaves"},
	{2, 0x82, MODRM, MEMORY, NO_REG, NO_REG, "invpcid"},
};
/* clang-format on */

struct cursor {
	const uint8_t *p;
	size_t n, at;
	bool short_; /* the instruction goes on past @n, or past what any may have */
};

static uint8_t next(struct cursor *c)
{
	if (c->at >= c->n || c->at >= INSN_MAX) {
		c->short_ = true;
		return 0;
	}
	return c->p[c->at++];
}

static void skip(struct cursor *c, unsigned n)
{
	while (n-- > 0)
		(void)next(c);
}

/* Takes what an operand in memory has after its ModRM byte. */
static void skip_operand(struct cursor *c, uint8_t modrm)
{
	const unsigned mod = modrm >> 6;
	unsigned base = modrm & 7;

	if (mod == 3)
		return;
	if (base == 4)
		base = next(c) & 7;
	else if (mod == 0 && base == 5) {
		skip(c, 4); /* relative to RIP */
		return;
	}
	if (mod == 1)
		skip(c, 1);
	else if (mod == 2 || base == 5)
		skip(c, 4);
}

static bool fits(const struct entry *e, uint8_t modrm)
{
	const bool memory = modrm >> 6 != 3;

	return (e->mod == ANY || (e->mod == MEMORY) == memory) &&
	       (e->reg == NO_REG || e->reg == (modrm >> 3 & 7)) &&
	       (e->rm == NO_REG || e->rm == (modrm & 7));
}

/* Appends to the name, which is zero up to its end. */
static void name_add(struct rt_insn *ret, const char *text)
{
	size_t n = strlen(ret->name);

	while (*text != 0 && n < sizeof ret->name - 1)
		ret->name[n++] = *text++;
}

/* "int 0x80", "mov cr8": a number below 256 behind a name. */
static void name_number(struct rt_insn *ret, unsigned v, unsigned base)
{
	static const char digits[] = "0123456789abcdef";
	const char text[] = {digits[v / base], digits[v % base], 0};

	name_add(ret, v < base ? text + 1 : text);
}

static bool privileged(struct cursor *c, uint8_t map, uint8_t opcode, uint8_t rex,
		       struct rt_insn *ret)
{
	const struct cursor start = *c;

	for (size_t i = 0; i < sizeof entries / sizeof *entries; i++) {
		const struct entry *e = &entries[i];
		uint8_t byte = 0;

		if (e->map != map || e->opcode != opcode)
			continue;
		*c = start;
		if (e->form != PLAIN)
			byte = next(c);
		if (e->form == MODRM && !fits(e, byte))
			continue;
		if (e->form == MODRM)
			skip_operand(c, byte);
		ret->kind = RT_INSN_PRIVILEGED;
		name_add(ret, e->name);
		if (e->form == MOVE)
			name_number(ret, (byte >> 3 & 7) | (rex & 4U) << 1, 10);
		else if (e->form == IMM8)
			name_number(ret, byte, 16);
		else if (map == 0 && opcode == 0xcf && (rex & 8) != 0)
			name_add(ret, "q");
		return true;
	}
	return false;
}

/* One-byte opcodes of port access. */
static bool port(struct cursor *c, uint8_t opcode, unsigned prefixes, uint8_t rex,
		 struct rt_insn *ret)
{
	static const struct {
		uint8_t opcode; /* of the byte form; the next is the wide one */
		enum rt_insn_kind kind;
	} ports[] = {
		{0x6c, RT_INSN_INS}, {0x6e, RT_INSN_OUTS}, {0xe4, RT_INSN_IN},
		{0xe6, RT_INSN_OUT}, {0xec, RT_INSN_IN},   {0xee, RT_INSN_OUT},
	};
	unsigned i = 0;

	while (i < sizeof ports / sizeof *ports && ports[i].opcode != (opcode & 0xfe))
		i++;
	if (i == sizeof ports / sizeof *ports)
		return false;
	ret->kind = ports[i].kind;
	/* REX.W overrides 66h, and no port access has eight bytes */
	ret->width = (opcode & 1) == 0                               ? 1
		     : (prefixes & PREFIX_66) != 0 && (rex & 8) == 0 ? 2
								     : 4;
	if (opcode >= 0xe4 && opcode <= 0xe7) {
		ret->immediate = true;
		ret->port = next(c);
	}
	if (ret->kind == RT_INSN_INS || ret->kind == RT_INSN_OUTS) {
		ret->rep = (prefixes & PREFIX_REP) != 0;
		ret->address32 = (prefixes & PREFIX_67) != 0;
	}
	/* reads through a segment base that only the processor knows */
	if (ret->kind == RT_INSN_OUTS && (prefixes & PREFIX_FSGS) != 0) {
		ret->kind = RT_INSN_PRIVILEGED;
		name_add(ret, "outs fs/gs");
	}
	return true;
}

/* Takes prefixes, and the opcode, which is returned. */
static uint8_t opcode_of(struct cursor *c, unsigned *prefixes, uint8_t *rex, bool *lock)
{
	for (;;) {
		const uint8_t b = next(c);

		if (c->short_)
			return 0;
		if ((b & 0xf0) == 0x40) {
			*rex = b; /* counts only if the opcode comes next */
			continue;
		}
		switch (b) {
		case 0x66:
			*prefixes |= PREFIX_66;
			break;
		case 0x67:
			*prefixes |= PREFIX_67;
			break;
		case 0xf2:
		case 0xf3:
			*prefixes |= PREFIX_REP;
			break;
		case 0x64:
		case 0x65:
			*prefixes |= PREFIX_FSGS;
			break;
		case 0x26:
		case 0x2e:
		case 0x36:
		case 0x3e:
			break;
		case 0xf0:
			*lock = true;
			break;
		default:
			return b;
		}
		*rex = 0;
	}
}

static bool decode(struct cursor *c, struct rt_insn *ret)
{
	unsigned prefixes = 0;
	uint8_t rex = 0, map = 0;
	bool lock = false;
	uint8_t opcode = opcode_of(c, &prefixes, &rex, &lock);

	if (lock) /* an invalid opcode with all of these, but for mov cr on some parts */
		return false;
	if (opcode == 0x0f) {
		opcode = next(c);
		map = 1;
		if (opcode == 0x38) {
			opcode = next(c);
			map = 2;
		}
	}
	if (map == 0 && (opcode == 0xfa || opcode == 0xfb)) {
		ret->kind = opcode == 0xfa ? RT_INSN_CLI : RT_INSN_STI;
		return true;
	}
	if (map == 0 && port(c, opcode, prefixes, rex, ret))
		return true;
	if (map == 2 && (prefixes & PREFIX_66) == 0) /* movbe and others without 66h */
		return false;
	return privileged(c, map, opcode, rex, ret);
}

bool rt_insn_decode(const uint8_t *p, size_t n, struct rt_insn *ret)
{
	struct cursor c = {p, n, 0, false};

	*ret = (struct rt_insn){0};
	if (!decode(&c, ret) || c.short_) {
		*ret = (struct rt_insn){0};
		return false;
	}
	ret->length = (uint8_t)c.at;
	return true;
}

static bool store(struct cursor *c, struct rt_store *ret)
{
	unsigned prefixes = 0;
	uint8_t rex = 0, opcode, modrm;
	bool lock = false;

	opcode = opcode_of(c, &prefixes, &rex, &lock);
	modrm = next(c);
	if (lock || modrm >> 6 == 3)
		return false;
	skip_operand(c, modrm);
	ret->width = (opcode & 1) == 0             ? 1
		     : (rex & 8) != 0              ? 8
		     : (prefixes & PREFIX_66) != 0 ? 2
						   : 4;
	ret->reg = (uint8_t)((modrm >> 3 & 7) | (rex & 4U) << 1);
	if (opcode == 0x88 || opcode == 0x89) {
		ret->high = ret->width == 1 && rex == 0 && ret->reg >= 4;
		ret->reg = (uint8_t)(ret->reg - (ret->high ? 4 : 0));
		return true;
	}
	ret->immediate = true;
	if ((opcode != 0xc6 && opcode != 0xc7) || (modrm >> 3 & 7) != 0)
		return false;
	for (unsigned i = 0; i < ret->width && i < 4; i++)
		ret->value |= (uint64_t)next(c) << (8 * i);
	if (ret->width == 8) /* four bytes, and their sign */
		ret->value = (uint64_t)(int64_t)(int32_t)(uint32_t)ret->value;
	return true;
}

bool rt_insn_store(const uint8_t *p, size_t n, struct rt_store *ret)
{
	struct cursor c = {p, n, 0, false};

	*ret = (struct rt_store){0};
	if (!store(&c, ret) || c.short_) {
		*ret = (struct rt_store){0};
		return false;
	}
	ret->length = (uint8_t)c.at;
	return true;
}
