/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The decoder of port and privileged instructions, and of stores: a table of byte strings,
 * every shorter prefix of them, and objdump as an independent reader of the same bytes and
 * of many more.
 */
#include "runtime/rt_device.h"
#include "test.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX 15 /* bytes of an instruction */

#define B(...) {__VA_ARGS__}, sizeof((uint8_t[]){__VA_ARGS__})

/* clang-format off */
static const struct {
	uint8_t bytes[MAX + 1];
	uint8_t len;
	struct rt_insn want; /* length: @len where it says 0 and a kind */
} cases[] = {
	{B(0xe4, 0x71), {RT_INSN_IN,  .width = 1, .immediate = true, .port = 0x71}},
	{B(0xe5, 0xcf), {RT_INSN_IN,  .width = 4, .immediate = true, .port = 0xcf}},
	{B(0x66, 0xe5, 0x40), {RT_INSN_IN, .width = 2, .immediate = true, .port = 0x40}},
	{B(0xe6, 0x70), {RT_INSN_OUT, .width = 1, .immediate = true, .port = 0x70}},
	{B(0xe7, 0x80), {RT_INSN_OUT, .width = 4, .immediate = true, .port = 0x80}},
	{B(0xec), {RT_INSN_IN,  .width = 1}},
	{B(0xed), {RT_INSN_IN,  .width = 4}},
	{B(0x66, 0xed), {RT_INSN_IN, .width = 2}},
	{B(0xee), {RT_INSN_OUT, .width = 1}},
	{B(0xef), {RT_INSN_OUT, .width = 4}},
	{B(0x66, 0xef), {RT_INSN_OUT, .width = 2}},
	{B(0x48, 0xed), {RT_INSN_IN, .width = 4}},
	{B(0x66, 0x48, 0xed), {RT_INSN_IN, .width = 4}},       /* REX.W wins */
	{B(0x48, 0x66, 0xed), {RT_INSN_IN, .width = 2}},       /* ... where it counts */
	{B(0x66, 0x66, 0x2e, 0x3e, 0xef), {RT_INSN_OUT, .width = 2}},
	{B(0xf3, 0xec), {RT_INSN_IN, .width = 1}},             /* nothing repeats */
	{B(0x6c), {RT_INSN_INS, .width = 1}},
	{B(0xf3, 0x6c), {RT_INSN_INS, .width = 1, .rep = true}},
	{B(0xf2, 0x6d), {RT_INSN_INS, .width = 4, .rep = true}},
	{B(0xf3, 0x66, 0x6d), {RT_INSN_INS, .width = 2, .rep = true}},
	{B(0x67, 0xf3, 0x6c), {RT_INSN_INS, .width = 1, .rep = true, .address32 = true}},
	{B(0x6e), {RT_INSN_OUTS, .width = 1}},
	{B(0xf3, 0x6e), {RT_INSN_OUTS, .width = 1, .rep = true}},
	{B(0xf3, 0x48, 0x6f), {RT_INSN_OUTS, .width = 4, .rep = true}},
	{B(0x2e, 0x66, 0x6f), {RT_INSN_OUTS, .width = 2}},
	{B(0x65, 0x6e), {RT_INSN_PRIVILEGED, .width = 1, .name = "outs fs/gs"}},
	{B(0xfa), {.kind = RT_INSN_CLI}},
	{B(0xfb), {.kind = RT_INSN_STI}},
	{B(0xf4), {RT_INSN_PRIVILEGED, .name = "hlt"}},
	{B(0xcc), {RT_INSN_PRIVILEGED, .name = "int3"}},
	{B(0xcd, 0x09), {RT_INSN_PRIVILEGED, .name = "int 0x9"}},
	{B(0xcd, 0x80), {RT_INSN_PRIVILEGED, .name = "int 0x80"}},
	{B(0xcf), {RT_INSN_PRIVILEGED, .name = "iret"}},
	{B(0x48, 0xcf), {RT_INSN_PRIVILEGED, .name = "iretq"}},
	{B(0x0f, 0x05), {RT_INSN_PRIVILEGED, .name = "syscall"}},
	{B(0x0f, 0x06), {RT_INSN_PRIVILEGED, .name = "clts"}},
	{B(0x48, 0x0f, 0x07), {RT_INSN_PRIVILEGED, .name = "sysret"}},
	{B(0x0f, 0x08), {RT_INSN_PRIVILEGED, .name = "invd"}},
	{B(0x0f, 0x09), {RT_INSN_PRIVILEGED, .name = "wbinvd"}},
	{B(0x0f, 0x30), {RT_INSN_PRIVILEGED, .name = "wrmsr"}},
	{B(0x0f, 0x32), {RT_INSN_PRIVILEGED, .name = "rdmsr"}},
	{B(0x0f, 0x33), {RT_INSN_PRIVILEGED, .name = "rdpmc"}},
	{B(0x0f, 0x34), {RT_INSN_PRIVILEGED, .name = "sysenter"}},
	{B(0x0f, 0x20, 0xc0), {RT_INSN_PRIVILEGED, .name = "mov cr0"}},
	{B(0x0f, 0x22, 0xd8), {RT_INSN_PRIVILEGED, .name = "mov cr3"}},
	{B(0x44, 0x0f, 0x20, 0xc0), {RT_INSN_PRIVILEGED, .name = "mov cr8"}},
	{B(0x0f, 0x20, 0x05), {RT_INSN_PRIVILEGED, .name = "mov cr0"}}, /* mod is ignored */
	{B(0x0f, 0x21, 0xf8), {RT_INSN_PRIVILEGED, .name = "mov dr7"}},
	{B(0x0f, 0x23, 0xf0), {RT_INSN_PRIVILEGED, .name = "mov dr6"}},
	{B(0x0f, 0x00, 0xd0), {RT_INSN_PRIVILEGED, .name = "lldt"}},
	{B(0x0f, 0x00, 0xd8), {RT_INSN_PRIVILEGED, .name = "ltr"}},
	{B(0x0f, 0x01, 0x10), {RT_INSN_PRIVILEGED, .name = "lgdt"}},
	{B(0x0f, 0x01, 0x5c, 0x24, 0x08), {RT_INSN_PRIVILEGED, .name = "lidt"}},
	{B(0x0f, 0x01, 0x1d, 1, 2, 3, 4), {RT_INSN_PRIVILEGED, .name = "lidt"}},
	{B(0x0f, 0x01, 0x94, 0x25, 1, 2, 3, 4), {RT_INSN_PRIVILEGED, .name = "lgdt"}},
	{B(0x0f, 0x01, 0x14, 0x25, 1, 2, 3, 4), {RT_INSN_PRIVILEGED, .name = "lgdt"}},
	{B(0x0f, 0x01, 0xf0), {RT_INSN_PRIVILEGED, .name = "lmsw"}},
	{B(0x0f, 0x01, 0x38), {RT_INSN_PRIVILEGED, .name = "invlpg"}},
	{B(0x0f, 0x01, 0xf8), {RT_INSN_PRIVILEGED, .name = "swapgs"}},
	{B(0x0f, 0x01, 0xc1), {RT_INSN_PRIVILEGED, .name = "vmcall"}},
	{B(0x0f, 0x01, 0xd1), {RT_INSN_PRIVILEGED, .name = "xsetbv"}},
	{B(0x66, 0x0f, 0x38, 0x82, 0x00), {RT_INSN_PRIVILEGED, .name = "invpcid"}},
	/* none of these */
	{B(0x90), {0}},
	{B(0x48, 0x8b, 0x00), {0}},             /* mov rax, [rax]: a pointer that is not canonical */
	{B(0x0f, 0x01, 0xd0), {0}},             /* xgetbv */
	{B(0x0f, 0x01, 0xee), {0}},             /* rdpkru */
	{B(0x0f, 0xa2), {0}},                   /* cpuid */
	{B(0x0f, 0x0b), {0}},                   /* ud2 */
	{B(0x0f, 0xc7, 0x0f), {0}},             /* cmpxchg8b */
	{B(0x0f, 0x38, 0x82, 0x00), {0}},       /* not without 66h */
	{B(0xf0, 0xec), {0}},                   /* lock: an invalid opcode */
	{B(0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
	   0x66, 0xec), {0}},                   /* 16 bytes */
};
/* clang-format on */

static void check(const struct rt_insn *got, const struct rt_insn *want, unsigned len)
{
	assert_int_equal(got->kind, want->kind);
	assert_int_equal(got->length, want->kind == RT_INSN_OTHER ? 0 : len);
	assert_int_equal(got->width, want->width);
	assert_int_equal(got->immediate, want->immediate);
	assert_int_equal(got->port, want->port);
	assert_int_equal(got->rep, want->rep);
	assert_int_equal(got->address32, want->address32);
	assert_string_equal(got->name, want->name);
}

static void table(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const bool any = cases[i].want.kind != RT_INSN_OTHER;
		struct rt_insn got;

		/* a block of its own, so that a sanitizer sees one byte too many */
		uint8_t *exact = malloc(cases[i].len);

		memcpy(exact, cases[i].bytes, cases[i].len);
		assert_int_equal(rt_insn_decode(exact, cases[i].len, &got), any);
		check(&got, &cases[i].want, cases[i].len);
		free(exact);
	}
}

static void cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		for (size_t n = 0; n < cases[i].len; n++) {
			uint8_t *exact = malloc(n > 0 ? n : 1);
			struct rt_insn got;

			memcpy(exact, cases[i].bytes, n);
			assert_false(rt_insn_decode(exact, n, &got));
			assert_int_equal(got.kind, RT_INSN_OTHER);
			assert_int_equal(got.length, 0);
			free(exact);
		}
}

/* clang-format off */
static const struct {
	uint8_t bytes[MAX + 1];
	uint8_t len;
	struct rt_store want; /* length: @len, or 0 where its width is 0 */
} stores[] = {
	{B(0x88, 0x01), {.width = 1, .reg = 0}},                      /* mov [rcx], al */
	{B(0x88, 0x3b), {.width = 1, .reg = 3, .high = true}},        /* mov [rbx], bh */
	{B(0x40, 0x88, 0x3b), {.width = 1, .reg = 7}},                /* mov [rbx], dil */
	{B(0x44, 0x88, 0x1c, 0x0a), {.width = 1, .reg = 11}},         /* mov [rdx+rcx], r11b */
	{B(0x89, 0x50, 0x08), {.width = 4, .reg = 2}},                /* mov [rax+8], edx */
	{B(0x66, 0x89, 0x90, 1, 2, 3, 4), {.width = 2, .reg = 2}},
	{B(0x4c, 0x89, 0x3d, 1, 2, 3, 4), {.width = 8, .reg = 15}},   /* relative to RIP */
	{B(0x66, 0x48, 0x89, 0x00), {.width = 8, .reg = 0}},
	{B(0x48, 0x66, 0x89, 0x00), {.width = 2, .reg = 0}},          /* the REX does not count */
	{B(0xc6, 0x03, 0x40), {.width = 1, .immediate = true, .value = 0x40}},
	{B(0xc6, 0x44, 0x0b, 0xff, 0xff), {.width = 1, .immediate = true, .value = 0xff}},
	{B(0xc6, 0x04, 0x25, 1, 2, 3, 4, 0x50), {.width = 1, .immediate = true, .value = 0x50}},
	{B(0x66, 0xc7, 0x00, 0x34, 0x12), {.width = 2, .immediate = true, .value = 0x1234}},
	{B(0x66, 0x41, 0xc7, 0x07, 0x34, 0x12),
	 {.width = 2, .reg = 0, .immediate = true, .value = 0x1234}},
	{B(0xc7, 0x00, 0xff, 0xff, 0xff, 0xff), {.width = 4, .immediate = true, .value = 0xffffffff}},
	{B(0x48, 0xc7, 0x00, 0xfe, 0xff, 0xff, 0xff),
	 {.width = 8, .immediate = true, .value = 0xfffffffffffffffeULL}},
	{B(0x88, 0xc1), {0}},             /* from register to register */
	{B(0xc6, 0xf8, 0x00), {0}},       /* xabort */
	{B(0xc7, 0x08, 0, 0, 0, 0), {0}}, /* no such opcode */
	{B(0x8a, 0x01), {0}},             /* a load */
	{B(0xf3, 0xaa), {0}},             /* rep stosb */
	{B(0x00, 0x01), {0}},             /* add [rcx], al */
	{B(0xf0, 0x88, 0x01), {0}},       /* lock: an invalid opcode */
	{B(0x0f, 0x88, 0x01, 0, 0, 0), {0}},
};
/* clang-format on */

static void stored(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(stores); i++)
		for (size_t n = 0; n <= stores[i].len; n++) {
			const struct rt_store none = {0};
			const bool any = n == stores[i].len && stores[i].want.width != 0;
			const struct rt_store *want = any ? &stores[i].want : &none;
			uint8_t *exact = malloc(n > 0 ? n : 1);
			struct rt_store got;

			memcpy(exact, stores[i].bytes, n);
			assert_int_equal(rt_insn_store(exact, n, &got), any);
			assert_int_equal(got.length, any ? n : 0);
			assert_int_equal(got.width, want->width);
			assert_int_equal(got.immediate, want->immediate);
			assert_int_equal(got.high, want->high);
			assert_int_equal(got.value, want->value);
			if (!got.immediate)
				assert_int_equal(got.reg, want->reg);
			free(exact);
		}
}

/* objdump: each instruction at a multiple of SLOT, the rest of it no-operations. */

#define SLOT 32U

static const uint8_t prefixes[][3] = {{1, 0x66}, {1, 0xf3},       {1, 0xf2}, {1, 0x67},
				      {1, 0x48}, {2, 0x66, 0x4f}, {0}};

static size_t generate(uint8_t *slots, size_t cap)
{
	size_t n = 0;

	for (size_t p = 0; p < COUNT(prefixes); p++)
		for (unsigned map = 0; map < 2; map++)
			for (unsigned op = 0; op < 256; op++) {
				/* operand forms where they select, one elsewhere */
				const bool group =
					map == 1 && (op <= 1 || (op >= 0x20 && op <= 0x23));

				if (map == 0 &&
				    (op == 0x0f || op == 0x62 || op == 0xc4 || op == 0xc5))
					continue; /* longer opcodes, VEX, EVEX */
				for (unsigned modrm = 0; modrm < 256;
				     modrm += group ? 1 : 97) {
					uint8_t *s = slots + n * SLOT;

					if (n == cap)
						abort();
					memset(s, 0x90, SLOT);
					memcpy(s, prefixes[p] + 1, prefixes[p][0]);
					s += prefixes[p][0];
					if (map == 1)
						*s++ = 0x0f;
					*s++ = (uint8_t)op;
					*s++ = (uint8_t)modrm;
					n++;
				}
			}
	return n;
}

/* Mnemonics that must be known; objdump may add a letter for the operand's size. */
static const char *const mnemonics[] = {
	"in",    "out",    "ins",  "outs",   "cli",     "sti",     "hlt",
	"rdmsr", "wrmsr",  "lgdt", "lidt",   "lldt",    "ltr",     "lmsw",
	"clts",  "invlpg", "invd", "wbinvd", "rdpmc",   "swapgs",  "vmcall",
	"int",   "int3",   "iret", "sysret", "syscall", "sysenter"};

static bool is_mnemonic(const char *word, size_t n)
{
	for (size_t i = 0; i < COUNT(mnemonics); i++) {
		const size_t len = strlen(mnemonics[i]);

		if (strncmp(word, mnemonics[i], len) == 0 &&
		    (n == len || (n == len + 1 && strchr("bwlq", word[len]) != NULL)))
			return true;
	}
	return false;
}

static bool privileged_text(const char *text)
{
	for (const char *word = text; *word != 0;) {
		const size_t n = strspn(word, "abcdefghijklmnopqrstuvwxyz0123456789");

		if (is_mnemonic(word, n))
			return true;
		word += n > 0 ? n : 1;
	}
	return strstr(text, ",%cr") != NULL || strstr(text, " %cr") != NULL ||
	       strstr(text, "%db") != NULL;
}

static void compare(const uint8_t *bytes, unsigned len, const char *text)
{
	struct rt_insn got;
	const bool known = rt_insn_decode(bytes, SLOT, &got);

	if (strstr(text, "(bad)") != NULL)
		return; /* an invalid opcode faults in another way */
	if (known ? got.length != len ||
			    (got.kind != RT_INSN_PRIVILEGED && !privileged_text(text))
		  : privileged_text(text))
		fail_msg("%02x %02x %02x %02x: %u bytes, %s; we: %d, %u bytes, %s",
			 bytes[0], bytes[1], bytes[2], bytes[3], len, text, got.kind,
			 got.length, got.name);
}

/* Reads "  20:<tab>66 ed      <tab>in (%dx),%ax". */
static bool parse(char *line, unsigned long *at, unsigned *len, const char **text)
{
	char *p;

	*at = strtoul(line, &p, 16);
	if (p[0] != ':' || p[1] != '\t')
		return false;
	for (p += 2, *len = 0; isxdigit((unsigned char)*p); p += 3)
		(*len)++;
	p = strchr(p, '\t');
	if (p == NULL)
		return false;
	p[strcspn(p, "\n")] = 0;
	*text = p + 1;
	return true;
}

static void objdump(void **state)
{
	static uint8_t slots[32768 * SLOT];
	const size_t count = generate(slots, sizeof slots / SLOT);
	char path[] = "/tmp/t_insn.XXXXXX", command[160], line[256];
	unsigned seen = 0;
	const int fd = mkstemp(path);

	(void)state;
	assert_int_equal(write(fd, slots, count * SLOT), count * SLOT);
	close(fd);
	snprintf(command, sizeof command,
		 "objdump -D -w -b binary -m i386:x86-64 --insn-width=16 %s", path);
	FILE *f = popen(command, "r");

	assert_non_null(f);
	while (fgets(line, sizeof line, f) != NULL) {
		unsigned long at;
		unsigned len;
		const char *text;

		if (parse(line, &at, &len, &text) && at % SLOT == 0) {
			assert_true(at / SLOT < count);
			compare(slots + at, len, text);
			seen++;
		}
	}
	assert_int_equal(pclose(f), 0);
	unlink(path);
	assert_int_equal(seen, count);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table),
		cmocka_unit_test(cut),
		cmocka_unit_test(stored),
	};
	const struct CMUnitTest oracle[] = {cmocka_unit_test(table), cmocka_unit_test(cut),
					    cmocka_unit_test(stored),
					    cmocka_unit_test(objdump)};

	if (system("objdump --version >/dev/null 2>&1") == 0)
		return cmocka_run_group_tests_name("insn", oracle, NULL, NULL);
	printf("# no objdump to compare with\n");
	return cmocka_run_group_tests_name("insn", tests, NULL, NULL);
}
