/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest driver's services and the host's page, one in a thread of its own, in the same
 * process: the protocol of doc/guest-protocol.md from both ends, without a virtual machine.
 */
#include "test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../guest/cpu.h"
#include "../guest/runtime.h"
#include "link/link_page.h"

#define RT_ALL 7U /* non-volatile, boot, runtime */

static EFI_GUID ns = {0x11111111, 0x2222, 0x3333, {1, 2, 3, 4, 5, 6, 7, 8}};
static EFI_GUID global = {
	0x8be4df61, 0x93ca, 0x11d2, {0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c}};

struct fixture {
	uint8_t *shm;
	struct rts_vars *vars;
	struct rts_wire wire;
	struct link_page page;
	pthread_t thread;
	atomic_bool stop;
	atomic_bool deaf;
};

static struct fixture f;
static unsigned written_through; /* calls of the firmware's own SetVariable */
static EFI_TPL tpl;              /* what the fake boot services believe */
static EFI_TPL tpl_top;

static EFI_STATUS EFIAPI firmware_set(CHAR16 *name, EFI_GUID *guid, uint32_t attributes,
				      UINTN len, void *data)
{
	(void)name, (void)guid, (void)attributes, (void)len, (void)data;
	written_through++;
	return EFI_DEVICE_ERROR; /* which is nobody's business */
}

static EFI_TPL EFIAPI raise_tpl(EFI_TPL new)
{
	EFI_TPL old = tpl;

	assert_true(new >= old);
	tpl = new;
	if (new != TPL_HIGH_LEVEL &&new > tpl_top)
		tpl_top = new;
	return old;
}

static void EFIAPI restore_tpl(EFI_TPL old)
{
	assert_true(old <= tpl);
	tpl = old;
	if (old > tpl_top)
		tpl_top = old;
}

static EFI_BOOT_SERVICES bs = {.RaiseTPL = raise_tpl, .RestoreTPL = restore_tpl};

/* Ticks are faster than this, so that the host's five seconds are one or two here. */
#define TICKS_PER_MS 800000U

static void *serve(void *arg)
{
	(void)arg;
	while (!atomic_load(&f.stop))
		if (atomic_load(&f.deaf) || link_page_serve(&f.page, 0) == LINK_PAGE_IDLE)
			usleep(10);
	return NULL;
}

static int setup(void **state)
{
	const struct rts_vars_config config = {0};

	memset(&f, 0, sizeof f);
	*state = &f;
	f.shm = aligned_alloc(4096, GUEST_PAGE_SHM_SIZE);
	memset(f.shm, 0xff, GUEST_PAGE_SHM_SIZE);
	if (rts_vars_new(&config, &f.vars) != EFI_SUCCESS ||
	    rts_vars_start(f.vars) != EFI_SUCCESS)
		return 1;
	f.wire.vars = f.vars;
	link_page_init(&f.page, f.shm, &f.wire);
	guest_self = (struct guest){
		.page = {.mem = f.shm, .regs = f.shm, .ticks_per_ms = TICKS_PER_MS},
		.firmware_set = firmware_set,
		.bs = &bs,
	};
	tpl = tpl_top = TPL_APPLICATION;
	written_through = 0;
	return pthread_create(&f.thread, NULL, serve, NULL);
}

static int teardown(void **state)
{
	(void)state;
	atomic_store(&f.stop, true);
	pthread_join(f.thread, NULL);
	rts_vars_free(f.vars);
	free(f.shm);
	return 0;
}

static void t_services(void **state)
{
	static uint8_t big[60000], got[70000];
	CHAR16 name[64] = {0};
	uint64_t max, left, one;
	uint32_t attributes;
	EFI_GUID guid = {0};
	UINTN len;
	unsigned n = 0;

	(void)state;
	for (size_t i = 0; i < sizeof big; i++)
		big[i] = (uint8_t)(i * 7 + i / 256);
	assert_int_equal(guest_set_variable(u"Odd", &ns, RT_ALL, sizeof big, big),
			 EFI_SUCCESS);
	len = sizeof got;
	assert_int_equal(guest_get_variable(u"Odd", &ns, &attributes, &len, got),
			 EFI_SUCCESS);
	assert_int_equal(len, sizeof big);
	assert_int_equal(attributes, RT_ALL);
	assert_memory_equal(got, big, sizeof big);
	len = 1;
	assert_int_equal(guest_get_variable(u"Odd", &ns, NULL, &len, got),
			 EFI_BUFFER_TOO_SMALL);
	assert_int_equal(len, sizeof big);
	len = SIZE_MAX; /* clamped to what a message holds */
	assert_int_equal(guest_get_variable(u"Odd", &ns, NULL, &len, got), EFI_SUCCESS);
	assert_int_equal(guest_set_variable(u"Odd", &ns, RT_ALL, 65536, got),
			 EFI_INVALID_PARAMETER);
	assert_int_equal(guest_set_variable(u"Odd", &ns, RT_ALL, SIZE_MAX, got),
			 EFI_INVALID_PARAMETER);

	for (len = sizeof name;
	     guest_get_next_variable_name(&len, name, &guid) == EFI_SUCCESS;
	     len = sizeof name)
		n += memcmp(name, u"Odd", 8) == 0;
	assert_int_equal(n, 1);
	len = 2;
	name[0] = 'x';
	assert_int_equal(guest_get_next_variable_name(&len, name, &guid),
			 EFI_INVALID_PARAMETER);
	len = UINT64_MAX;
	name[0] = 0;
	assert_int_equal(guest_query_variable_info(RT_ALL, &max, &left, &one), EFI_SUCCESS);
	assert_true(left < max && one <= max);
	assert_int_equal(guest_set_variable(u"Odd", &ns, 0, 0, NULL), EFI_SUCCESS);
	len = sizeof got;
	assert_int_equal(guest_get_variable(u"Odd", &ns, NULL, &len, got), EFI_NOT_FOUND);
	assert_int_equal(tpl, TPL_APPLICATION);
	assert_int_equal(tpl_top, TPL_NOTIFY);
}

static void t_write_through(void **state)
{
	static const struct {
		const char *name;
		CHAR16 variable[16];
		const EFI_GUID *guid;
		unsigned attributes;
		bool first, delete; /* expected to be written through */
	} cases[] = {
		{"BootNext", u"BootNext", &global, RT_ALL, true, true},
		{"Timeout", u"Timeout", &global, RT_ALL, true, true},
		{"PlatformLang", u"PlatformLang", &global, RT_ALL, true, true},
		{"a longer name", u"BootNextX", &global, RT_ALL, false, false},
		{"a shorter name", u"BootNex", &global, RT_ALL, false, false},
		{"another namespace", u"BootNext", &ns, RT_ALL, false, false},
		{"refused by the host", u"BootNext", &global, 1, false, true},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		CHAR16 name[16];
		EFI_GUID guid = *cases[i].guid;

		print_message("# %s\n", cases[i].name);
		memcpy(name, cases[i].variable, sizeof name);
		written_through = 0;
		(void)guest_set_variable(name, &guid, cases[i].attributes, 2, "\1");
		assert_int_equal(written_through, cases[i].first);
		written_through = 0;
		(void)guest_set_variable(name, &guid, 0, 0, NULL);
		(void)guest_set_variable(name, &guid, 0, 0,
					 NULL); /* not found: all the same */
		assert_int_equal(written_through, 2 * cases[i].delete);
	}
}

static void t_host_gone(void **state)
{
	volatile struct guest_page_host *h = (void *)f.shm;
	volatile struct guest_page_guest *g = (void *)(f.shm + GUEST_PAGE_GUEST);
	uint32_t req;
	uint8_t got[8];
	UINTN len = sizeof got;

	(void)state;
	assert_int_equal(guest_set_variable(u"A", &ns, RT_ALL, 1, "a"), EFI_SUCCESS);
	h->time_limit_ms = 200;
	req = g->req;
	atomic_store(&f.deaf, true);
	usleep(10000);
	assert_int_equal(guest_set_variable(u"A", &ns, RT_ALL, 1, "b"), EFI_DEVICE_ERROR);
	assert_int_equal(g->req, req + 1);
	assert_int_equal(g->cancel, req + 1);
	/* From here on nothing is even tried. */
	assert_int_equal(guest_set_variable(u"A", &ns, RT_ALL, 1, "c"), EFI_DEVICE_ERROR);
	assert_int_equal(g->req, req + 1);
	h->time_limit_ms = 5000;
	atomic_store(&f.deaf, false);
	assert_true(page_settle(&guest_self.page, 5000));
	/* What was given up was not done. */
	assert_int_equal(guest_get_variable(u"A", &ns, NULL, &len, got), EFI_SUCCESS);
	assert_int_equal(got[0], 'a');
}

static void t_settle(void **state)
{
	volatile struct guest_page_guest *g = (void *)(f.shm + GUEST_PAGE_GUEST);

	(void)state;
	atomic_store(&f.deaf, true);
	usleep(10000);
	g->req++; /* left behind by the machine before its reset */
	assert_false(page_settle(&guest_self.page, 20));
	atomic_store(&f.deaf, false);
	assert_true(page_settle(&guest_self.page, 5000));
	assert_int_equal(g->cancel, g->req);
}

/* Numbers wrap, and the number of a request of long ago that was cancelled is an ordinary
 * one. */
static void t_wrap(void **state)
{
	volatile struct guest_page_guest *g = (void *)(f.shm + GUEST_PAGE_GUEST);
	volatile struct guest_page_answer *a = (void *)(f.shm + GUEST_PAGE_ANSWER);

	(void)state;
	atomic_store(&f.deaf, true);
	usleep(10000);
	a->ack = g->req = UINT32_MAX;
	g->cancel = 0;
	atomic_store(&f.deaf, false);
	assert_int_equal(guest_set_variable(u"A", &ns, RT_ALL, 1, "a"), EFI_SUCCESS);
	assert_int_equal(g->req, 0);
	assert_int_equal(guest_set_variable(u"A", &ns, RT_ALL, 1, "b"), EFI_SUCCESS);
}

static void t_refused(void **state)
{
	uint8_t got[8];
	UINTN len = sizeof got;
	uint64_t one;

	(void)state;
	guest_self.busy = true;
	assert_int_equal(guest_get_variable(u"A", &ns, NULL, &len, got), EFI_NOT_READY);
	guest_self.busy = false;
	tpl = TPL_HIGH_LEVEL; /* left as it is */
	assert_int_equal(guest_get_variable(u"A", &ns, NULL, &len, got), EFI_NOT_FOUND);
	assert_int_equal(tpl, TPL_HIGH_LEVEL);
	guest_self.bs = NULL; /* at run time */
	assert_int_equal(guest_get_variable(u"A", &ns, NULL, &len, got), EFI_NOT_FOUND);
	f.shm[0] ^= 1; /* the BAR has moved */
	assert_int_equal(guest_get_variable(u"A", &ns, NULL, &len, got), EFI_DEVICE_ERROR);
	assert_int_equal(guest_query_variable_info(7, &one, &one, &one), EFI_DEVICE_ERROR);
	f.shm[0] ^= 1;
	assert_int_equal(guest_get_variable(NULL, &ns, NULL, &len, got),
			 EFI_INVALID_PARAMETER);
	assert_int_equal(guest_get_variable(u"A", NULL, NULL, &len, got),
			 EFI_INVALID_PARAMETER);
	assert_int_equal(guest_get_variable(u"A", &ns, NULL, NULL, got),
			 EFI_INVALID_PARAMETER);
	assert_int_equal(guest_get_variable(u"A", &ns, NULL, &len, NULL),
			 EFI_INVALID_PARAMETER);
	assert_int_equal(guest_set_variable(u"", &ns, 7, 1, got), EFI_INVALID_PARAMETER);
	assert_int_equal(guest_query_variable_info(0, &one, &one, &one),
			 EFI_INVALID_PARAMETER);
}

static EFI_STATUS EFIAPI convert_pointer(UINTN disposition, void **p)
{
	assert_int_equal(disposition, 0);
	*p = (uint8_t *)*p + 0x1000;
	return EFI_SUCCESS;
}

static void t_convert(void **state)
{
	EFI_RUNTIME_SERVICES rt = {.ConvertPointer = convert_pointer};
	struct guest before = guest_self;

	(void)state;
	guest_self.rt = &rt;
	guest_virtual_address_change(NULL, NULL);
	assert_ptr_equal(guest_self.page.mem, before.page.mem + 0x1000);
	assert_ptr_equal(guest_self.page.regs, before.page.regs + 0x1000);
	assert_int_equal((uintptr_t)guest_self.firmware_set,
			 (uintptr_t)before.firmware_set + 0x1000);
	assert_null(guest_self.rt);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(t_services, setup, teardown),
		cmocka_unit_test_setup_teardown(t_write_through, setup, teardown),
		cmocka_unit_test_setup_teardown(t_host_gone, setup, teardown),
		cmocka_unit_test_setup_teardown(t_settle, setup, teardown),
		cmocka_unit_test_setup_teardown(t_wrap, setup, teardown),
		cmocka_unit_test_setup_teardown(t_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(t_convert, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
