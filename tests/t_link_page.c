/* SPDX-License-Identifier: BSD-2-Clause */
/* The shared page: requests of every kind of wrongness, old data, the rate limit with a
 * clock of our own, and a guest that scribbles while we read. */
#include "link/link_page.h"
#include "mm_message.h"
#include "test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define NV_BS_RT 7U
#define BS       2U
#define RT_BS    6U

static const EFI_GUID ns = {0x11111111, 0x2222, 0x3333, {1, 2, 3, 4, 5, 6, 7, 8}};

struct fixture {
	uint8_t *shm;
	struct link_page *page;
	struct rts_vars *v;
	struct rts_wire w;
	struct mm m;
	bool may_init;
	unsigned inits;
};

static bool may_init(void *ctx)
{
	struct fixture *f = ctx;

	link_page_charge(f->page);
	f->inits++;
	return f->may_init;
}

static const struct rts_wire_guest_ops ops = {may_init, NULL};

static EFI_STATUS commit(void *ctx, const struct rts_vars_view *view, unsigned parts)
{
	(void)ctx, (void)view, (void)parts;
	return EFI_SUCCESS;
}

static int setup(void **state)
{
	static const struct rts_var_store_ops store = {commit};
	struct fixture *f = calloc(1, sizeof *f);
	const struct rts_vars_config config = {.store = &store};

	f->shm = aligned_alloc(4096, GUEST_PAGE_SHM_SIZE);
	f->page = aligned_alloc(64, sizeof *f->page);
	memset(f->shm, 0, GUEST_PAGE_SHM_SIZE);
	*state = f;
	if (EFI_ERROR(rts_vars_new(&config, &f->v)) || EFI_ERROR(rts_vars_start(f->v)))
		return 1;
	f->w = (struct rts_wire){.vars = f->v, .guest = &ops, .guest_ctx = f};
	f->may_init = true;
	link_page_init(f->page, f->shm, &f->w);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	rts_vars_free(f->v);
	free(f->page);
	free(f->shm);
	free(f);
	return 0;
}

static struct guest_page_guest *guest(struct fixture *f)
{
	return (struct guest_page_guest *)(void *)(f->shm + GUEST_PAGE_GUEST);
}

static struct guest_page_answer *answer(struct fixture *f)
{
	return (struct guest_page_answer *)(void *)(f->shm + GUEST_PAGE_ANSWER);
}

static uint8_t *buffer(struct fixture *f)
{
	return f->shm + GUEST_PAGE_BUFFER;
}

/* Puts f->m into the page as a request of @length bytes. */
static void ask(struct fixture *f, size_t length)
{
	memcpy(buffer(f), f->m.buf, f->m.len);
	guest(f)->length = (uint32_t)length;
	guest(f)->req++;
}

/* Asks and has it answered; the status of the transport, and f->m is the reply. */
static uint32_t call(struct fixture *f)
{
	ask(f, f->m.len);
	assert_int_equal(link_page_serve(f->page, 0), LINK_PAGE_ANSWERED);
	assert_int_equal(answer(f)->ack, guest(f)->req);
	f->m.len = answer(f)->length;
	memcpy(f->m.buf, buffer(f), f->m.len);
	return answer(f)->status;
}

static void set(struct fixture *f, const CHAR16 *name, size_t name_len, uint32_t attr,
		const void *data, size_t data_len)
{
	mm_access(&f->m, SMM_VARIABLE_FUNCTION_SET_VARIABLE, &ns, name, name_len, attr,
		  data, data_len);
}

static void get(struct fixture *f, const CHAR16 *name, size_t name_len, size_t room)
{
	mm_access(&f->m, SMM_VARIABLE_FUNCTION_GET_VARIABLE, &ns, name, name_len, 0, NULL,
		  room);
}

static void init_message(struct fixture *f)
{
	const struct guest_driver_init init = {GUEST_DRIVER_VERSION, 0};

	mm_function(&f->m, (EFI_GUID)RUNTSERV_GUEST_DRIVER_GUID, GUEST_DRIVER_INIT);
	mm_put(&f->m, &init, sizeof init);
	mm_end(&f->m);
}

static bool all_zero(const uint8_t *p, size_t n)
{
	while (n > 0 && *p == 0)
		p++, n--;
	return n == 0;
}

static void header(void **state)
{
	struct fixture *f = *state;
	const struct guest_page_host *h = (const void *)f->shm;
	struct link_page *again = aligned_alloc(64, sizeof *again);

	assert_true(h->magic == GUEST_PAGE_MAGIC);
	assert_int_equal(h->version, GUEST_PAGE_VERSION);
	assert_int_equal(h->buffer_offset, GUEST_PAGE_BUFFER);
	assert_int_equal(h->buffer_size, MM_BUFFER_MAX);
	assert_true(h->time_limit_ms > 0);
	assert_int_equal(h->flags, 0);
	assert_false(link_page_in_use(f->shm));
	link_page_header(f->page, true, 0x10002);
	assert_int_equal(h->flags, GUEST_PAGE_HOST_DOORBELL);
	assert_int_equal(h->doorbell, 0x10002);

	/* a guest that has spoiled it */
	memset(f->shm, 0xff, sizeof *h);
	guest(f)->req = 0;
	link_page_header(f->page, true, 0x10002);
	assert_true(h->magic == GUEST_PAGE_MAGIC);
	assert_int_equal(h->version, GUEST_PAGE_VERSION);
	assert_int_equal(h->buffer_offset, GUEST_PAGE_BUFFER);
	assert_int_equal(h->buffer_size, MM_BUFFER_MAX);
	assert_true(h->time_limit_ms > 0 && h->time_limit_ms < 60000);
	assert_int_equal(h->flags, GUEST_PAGE_HOST_DOORBELL);
	assert_int_equal(h->doorbell, 0x10002);

	/* a restarted daemon leaves requests alone, and nobody is connected to it yet */
	guest(f)->req = 7;
	answer(f)->ack = 6;
	assert_true(link_page_in_use(f->shm));
	link_page_init(again, f->shm, &f->w);
	assert_int_equal(guest(f)->req, 7);
	assert_int_equal(answer(f)->ack, 6);
	assert_int_equal(h->flags, 0);

	/* a header that is not ours is replaced, and what belongs to it */
	f->shm[0] ^= 1;
	assert_false(link_page_in_use(f->shm));
	link_page_init(again, f->shm, &f->w);
	assert_int_equal(guest(f)->req, 0);
	assert_int_equal(answer(f)->ack, 0);
	free(again);
}

/* The daemon was killed between a change and its acknowledgement; the next one finds the
 * request pending. */
static void killed_in_between(void **state)
{
	static const struct {
		uint32_t attr;
		EFI_STATUS status;
		const char *after;
	} cases[] = {
		{NV_BS_RT | EFI_VARIABLE_APPEND_WRITE, EFI_DEVICE_ERROR, "oldnew"},
		{NV_BS_RT, EFI_SUCCESS, "new"},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT(cases); i++) {
		size_t len = strlen(cases[i].after);

		set(f, u"Var", 8, NV_BS_RT, "old", 3);
		assert_int_equal(call(f), 0);
		set(f, u"Var", 8, cases[i].attr, "new", 3);
		ask(f, f->m.len);
		assert_int_equal(link_page_serve(f->page, 0), LINK_PAGE_ANSWERED);
		memcpy(buffer(f), f->m.buf, f->m.len); /* as it was before the answer */
		answer(f)->ack--;
		link_page_init(f->page, f->shm, &f->w);
		assert_int_equal(link_page_serve(f->page, 0), LINK_PAGE_ANSWERED);
		memcpy(f->m.buf, buffer(f), answer(f)->length);
		assert_int_equal(mm_status(&f->m), cases[i].status);
		get(f, u"Var", 8, 8);
		assert_int_equal(call(f), 0);
		assert_memory_equal(f->m.buf + MM_PAYLOAD + 36 + 8, cases[i].after, len);
		/* and an append that is new is made */
		set(f, u"Var", 8, NV_BS_RT | EFI_VARIABLE_APPEND_WRITE, "er", 2);
		assert_int_equal(call(f), 0);
		assert_int_equal(mm_status(&f->m), EFI_SUCCESS);
	}
}

/* The file has shrunk under the mapping, and what is left reads as zeros: half a message is
 * none. */
static void lost(void **state)
{
	struct fixture *f = *state;

	set(f, u"Var", 8, NV_BS_RT, "value", 5);
	memset(f->shm, 0, sizeof(struct guest_page_host));
	assert_int_equal(call(f), UEFI_VARS_STS_ERR_UNKNOWN);
	assert_true(rts_vars_commits(f->v) == 0);
}

static void round_trip(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(link_page_serve(f->page, 0), LINK_PAGE_IDLE);
	set(f, u"Var", 8, NV_BS_RT, "value", 5);
	assert_int_equal(call(f), UEFI_VARS_STS_SUCCESS);
	assert_true(mm_status(&f->m) == EFI_SUCCESS);
	get(f, u"Var", 8, 10);
	assert_int_equal(call(f), UEFI_VARS_STS_SUCCESS);
	assert_true(mm_status(&f->m) == EFI_SUCCESS);
	assert_memory_equal(f->m.buf + MM_PAYLOAD + SMM_ACCESS_VARIABLE_NAME + 8, "value",
			    5);
	assert_int_equal(link_page_serve(f->page, 0), LINK_PAGE_IDLE);
	/* numbers wrap; a driver takes care that none is cancelled by accident */
	guest(f)->req = answer(f)->ack = guest(f)->cancel = UINT32_MAX;
	get(f, u"Var", 8, 10);
	assert_int_equal(call(f), UEFI_VARS_STS_SUCCESS);
	assert_int_equal(answer(f)->ack, 0);
}

/* The length in the page and the one in the message, each hostile in turn. */
static void lengths(void **state)
{
	static const struct {
		uint32_t length;
		uint64_t message;
		uint32_t status;
	} cases[] = {
		{0, 16, UEFI_VARS_STS_ERR_BAD_BUFFER_SIZE},
		{23, 0, UEFI_VARS_STS_ERR_BAD_BUFFER_SIZE},
		{24, 0,
		 UEFI_VARS_STS_ERR_BAD_BUFFER_SIZE}, /* a variable message needs 16 */
		{24, 1, UEFI_VARS_STS_ERR_BAD_BUFFER_SIZE},
		{MM_BUFFER_MAX + 1, 16, UEFI_VARS_STS_ERR_BAD_BUFFER_SIZE},
		{UINT32_MAX, 16, UEFI_VARS_STS_ERR_BAD_BUFFER_SIZE},
		{40, UINT64_MAX, UEFI_VARS_STS_ERR_BAD_BUFFER_SIZE},
		{40, UINT64_MAX - 23, UEFI_VARS_STS_ERR_BAD_BUFFER_SIZE},
		{40, 17, UEFI_VARS_STS_ERR_BAD_BUFFER_SIZE},
		{MM_BUFFER_MAX, MM_BUFFER_MAX - 23, UEFI_VARS_STS_ERR_BAD_BUFFER_SIZE},
		{40, 16, UEFI_VARS_STS_SUCCESS},
		{MM_BUFFER_MAX, MM_BUFFER_MAX - 24, UEFI_VARS_STS_SUCCESS},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT(cases); i++) {
		mm_function(&f->m, (EFI_GUID)EFI_SMM_VARIABLE_PROTOCOL_GUID,
			    SMM_VARIABLE_FUNCTION_GET_VARIABLE);
		memcpy(f->m.buf + 16, &cases[i].message, 8);
		ask(f, cases[i].length);
		assert_int_equal(link_page_serve(f->page, 0), LINK_PAGE_ANSWERED);
		assert_int_equal(answer(f)->status, cases[i].status);
		assert_int_equal(answer(f)->ack, guest(f)->req);
		assert_int_equal(answer(f)->length, cases[i].status == UEFI_VARS_STS_SUCCESS
							    ? cases[i].message + 24
							    : 0);
	}
}

/* Sizes inside the message: those are answered inside it. */
static void inner_sizes(void **state)
{
	static const uint64_t sizes[] = {UINT64_MAX, UINT64_MAX - 35, UINT32_MAX, 65536,
					 65536 - 75};
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT(sizes) * 2; i++) {
		set(f, u"Var", 8, NV_BS_RT, "value", 5);
		memcpy(f->m.buf + MM_PAYLOAD + 16 + i % 2 * 8, &sizes[i / 2], 8);
		assert_int_equal(call(f), UEFI_VARS_STS_SUCCESS);
		assert_true(EFI_ERROR(mm_status(&f->m)));
	}
	assert_true(rts_vars_commits(f->v) == 0);
}

static void cancelled(void **state)
{
	struct fixture *f = *state;

	set(f, u"Var", 8, NV_BS_RT, "value", 5);
	guest(f)->cancel = guest(f)->req + 1;
	assert_int_equal(call(f), UEFI_VARS_STS_ERR_UNKNOWN);
	assert_true(all_zero(buffer(f), MM_BUFFER_MAX));
	assert_true(rts_vars_commits(f->v) == 0);
	set(f, u"Var", 8, NV_BS_RT, "value", 5); /* an old cancel means nothing */
	assert_int_equal(call(f), UEFI_VARS_STS_SUCCESS);
	assert_true(rts_vars_commits(f->v) == 1);
}

/* After each answer, nothing but the answer is left. */
static void wiped(void **state)
{
	struct fixture *f = *state;
	uint8_t big[1000];

	memset(buffer(f), 0xaa, MM_BUFFER_MAX); /* of a daemon before us */
	memset(big, 0xbb, sizeof big);
	set(f, u"Var", 8, BS, big, sizeof big);
	assert_int_equal(call(f), UEFI_VARS_STS_SUCCESS);
	assert_true(all_zero(buffer(f) + f->m.len, MM_BUFFER_MAX - f->m.len));
	get(f, u"Var", 8, sizeof big);
	assert_int_equal(call(f), UEFI_VARS_STS_SUCCESS);
	assert_true(buffer(f)[f->m.len - 1] == 0xbb);
	mm_begin(&f->m, (EFI_GUID)EFI_EVENT_GROUP_EXIT_BOOT_SERVICES_GUID);
	mm_end(&f->m);
	assert_int_equal(call(f), UEFI_VARS_STS_SUCCESS);
	assert_int_equal(f->m.len, 24);
	assert_true(all_zero(buffer(f) + 24, MM_BUFFER_MAX - 24));
	ask(f, MM_BUFFER_MAX + 1); /* what was not even looked at goes too */
	memset(buffer(f), 0xcc, MM_BUFFER_MAX);
	assert_int_equal(link_page_serve(f->page, 0), LINK_PAGE_ANSWERED);
	assert_true(all_zero(buffer(f), MM_BUFFER_MAX));
}

/* The guest says that it has left boot; that is believed, before the request is executed.
 */
static void runtime_flag(void **state)
{
	struct fixture *f = *state;

	set(f, u"Boot", 10, BS, "secret", 6);
	assert_int_equal(call(f), UEFI_VARS_STS_SUCCESS);
	guest(f)->flags = GUEST_PAGE_GUEST_RUNTIME;
	get(f, u"Boot", 10, 6);
	assert_int_equal(call(f), UEFI_VARS_STS_SUCCESS);
	assert_true(mm_status(&f->m) == EFI_NOT_FOUND);
	assert_true(rts_vars_phase(f->v).runtime);
	guest(f)->flags = 0; /* and not taken back */
	get(f, u"Boot", 10, 6);
	assert_int_equal(call(f), UEFI_VARS_STS_SUCCESS);
	assert_true(mm_status(&f->m) == EFI_NOT_FOUND);
}

/* A page that loadvm put back: req, ack and buffer of another time. Nothing of ours
 * disagrees. */
static void restored(void **state)
{
	struct fixture *f = *state;
	uint8_t *saved = malloc(GUEST_PAGE_SHM_SIZE);

	set(f, u"Var", 8, NV_BS_RT, "old", 3);
	ask(f, f->m.len);
	memcpy(saved, f->shm, GUEST_PAGE_SHM_SIZE); /* pending when it was saved */
	assert_int_equal(link_page_serve(f->page, 0), LINK_PAGE_ANSWERED);
	for (int i = 0; i < 3; i++) {
		set(f, u"Var", 8, NV_BS_RT, "new", 3);
		call(f);
	}
	memcpy(f->shm, saved, GUEST_PAGE_SHM_SIZE);
	assert_int_equal(link_page_serve(f->page, 0), LINK_PAGE_ANSWERED);
	assert_int_equal(answer(f)->ack, 1);
	assert_int_equal(link_page_serve(f->page, 0), LINK_PAGE_IDLE);
	get(f, u"Var", 8, 3);
	call(f);
	assert_memory_equal(f->m.buf + f->m.len - 3, "old", 3);
	free(saved);
}

static void rate_limit(void **state)
{
	struct fixture *f = *state;
	uint64_t now = 1;
	unsigned n = 0;

	/* without the clock moving: the burst, then a wait that cancelling ends at once */
	for (;; n++) {
		set(f, u"Var", 8, NV_BS_RT, &n, sizeof n);
		ask(f, f->m.len);
		if (link_page_serve(f->page, now) != LINK_PAGE_ANSWERED)
			break;
	}
	assert_int_equal(n, LINK_PAGE_BURST +
				    1); /* the one that overdraws is still answered */
	assert_true(rts_vars_commits(f->v) == n);
	assert_true(answer(f)->ack != guest(f)->req);
	guest(f)->cancel = guest(f)->req;
	assert_int_equal(link_page_serve(f->page, now), LINK_PAGE_ANSWERED);
	assert_int_equal(answer(f)->status, UEFI_VARS_STS_ERR_UNKNOWN);

	/* then one for each interval, and never an error */
	for (unsigned i = 0; i < 50; i++) {
		set(f, u"Var", 8, NV_BS_RT, &i, sizeof i);
		ask(f, f->m.len);
		assert_int_equal(link_page_serve(f->page, now), LINK_PAGE_LATER);
		assert_true(f->page->ready_at > now);
		assert_true(f->page->ready_at <= now + LINK_PAGE_INTERVAL_NS);
		assert_int_equal(link_page_serve(f->page, f->page->ready_at - 1),
				 LINK_PAGE_LATER);
		now = f->page->ready_at;
		assert_int_equal(link_page_serve(f->page, now), LINK_PAGE_ANSWERED);
		assert_int_equal(answer(f)->status, UEFI_VARS_STS_SUCCESS);
	}

	/* a reset does not wait, and after a long rest there is a whole burst again */
	set(f, u"Var", 8, NV_BS_RT, &n, sizeof n);
	ask(f, f->m.len);
	link_page_flush(f->page, now);
	assert_int_equal(answer(f)->ack, guest(f)->req);
	now += 3600 * 1000000000ULL;
	for (n = 0; n <= LINK_PAGE_BURST; n++) {
		set(f, u"Var", 8, NV_BS_RT, &n, sizeof n);
		ask(f, f->m.len);
		assert_int_equal(link_page_serve(f->page, now), LINK_PAGE_ANSWERED);
	}
}

/* What does not reach the disk is free; INIT is not, whether it was allowed or refused. */
static void rate_limit_kinds(void **state)
{
	struct fixture *f = *state;
	unsigned n;

	for (n = 0; n < 3 * LINK_PAGE_BURST; n++) {
		get(f, u"Var", 8, 4);
		assert_int_equal(call(f), UEFI_VARS_STS_SUCCESS);
	}
	for (n = 0; n < LINK_PAGE_BURST / 2; n++) { /* STORE.run is a file, too */
		set(f, u"Vol", 8, RT_BS, &n, sizeof n);
		assert_int_equal(call(f), UEFI_VARS_STS_SUCCESS);
	}
	for (; n < 2 * LINK_PAGE_BURST; n++) {
		f->may_init = n % 2 == 0;
		init_message(f);
		ask(f, f->m.len);
		if (link_page_serve(f->page, 0) != LINK_PAGE_ANSWERED)
			break;
	}
	assert_int_equal(n, LINK_PAGE_BURST + 1);
	assert_int_equal(f->inits, n - LINK_PAGE_BURST / 2);
}

/* The machine is reset: its last request counts, the INIT of the next boot waits. */
static void flush(void **state)
{
	struct fixture *f = *state;

	link_page_flush(f->page, 0);
	set(f, u"Var", 8, NV_BS_RT, "value", 5);
	ask(f, f->m.len);
	link_page_flush(f->page, 0);
	assert_int_equal(answer(f)->ack, guest(f)->req);
	assert_true(rts_vars_commits(f->v) == 1);
	init_message(f);
	ask(f, f->m.len);
	link_page_flush(f->page, 0);
	assert_int_equal(f->inits, 0);
	assert_int_equal(link_page_serve(f->page, 0), LINK_PAGE_ANSWERED);
	assert_int_equal(f->inits, 1);
}

struct scribbler {
	struct fixture *f;
	atomic_bool stop;
};

/* A guest CPU that changes the message while the host works on it, sizes above all. */
static void *scribble(void *arg)
{
	struct scribbler *s = arg;
	volatile uint8_t *p = buffer(s->f);
	volatile struct guest_page_guest *g = guest(s->f);

	for (uint32_t x = 1; !atomic_load(&s->stop); x = x * 1664525U + 1013904223U) {
		static const uint16_t at[] = {0,  16, 17, 23, 24, 32, 56,
					      57, 63, 64, 71, 72, 76};

		p[at[(x >> 8) % COUNT(at)]] ^= (uint8_t)(x >> 16);
		p[76 + (x >> 12) % 64] = (uint8_t)x;
		g->length = (x & 0x700) == 0 ? x : 200;
		g->cancel = x & 0xff;
	}
	return NULL;
}

static void scribbled(void **state)
{
	struct fixture *f = *state;
	struct scribbler s = {f, false};
	pthread_t thread;
	uint64_t now = 0;

	assert_int_equal(pthread_create(&thread, NULL, scribble, &s), 0);
	for (unsigned i = 0; i < 200000; i++) {
		if (i % 8 == 0) {
			set(f, u"Var", 8, NV_BS_RT,
			    u"0123456789012345678901234567890123456789012345678901234567890"
			    u"123456789012345",
			    100);
			memcpy(buffer(f), f->m.buf, f->m.len);
		}
		guest(f)->req++;
		now += LINK_PAGE_INTERVAL_NS * 2;
		assert_int_equal(link_page_serve(f->page, now), LINK_PAGE_ANSWERED);
	}
	atomic_store(&s.stop, true);
	pthread_join(thread, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(header, setup, teardown),
		cmocka_unit_test_setup_teardown(killed_in_between, setup, teardown),
		cmocka_unit_test_setup_teardown(lost, setup, teardown),
		cmocka_unit_test_setup_teardown(round_trip, setup, teardown),
		cmocka_unit_test_setup_teardown(lengths, setup, teardown),
		cmocka_unit_test_setup_teardown(inner_sizes, setup, teardown),
		cmocka_unit_test_setup_teardown(cancelled, setup, teardown),
		cmocka_unit_test_setup_teardown(wiped, setup, teardown),
		cmocka_unit_test_setup_teardown(runtime_flag, setup, teardown),
		cmocka_unit_test_setup_teardown(restored, setup, teardown),
		cmocka_unit_test_setup_teardown(rate_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(rate_limit_kinds, setup, teardown),
		cmocka_unit_test_setup_teardown(flush, setup, teardown),
		cmocka_unit_test_setup_teardown(scribbled, setup, teardown),
	};

	return cmocka_run_group_tests_name("link_page", tests, NULL, NULL);
}
