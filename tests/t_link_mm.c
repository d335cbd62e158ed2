/* SPDX-License-Identifier: BSD-2-Clause */
/* The MM socket, spoken to by well-behaved, slow, greedy and broken peers. */
#include "link/link_mm.h"
#include "link_thread.h"
#include "mm_message.h"
#include "os/os_socket.h"
#include "test.h"
#include "uefi/guest_page.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define NV_BS_RT 7U

static const EFI_GUID ns = {0x11111111, 0x2222, 0x3333, {1, 2, 3, 4, 5, 6, 7, 8}};

struct frame {
	uint32_t what, length;
};

struct fixture {
	struct loop_thread t;
	struct rts_vars *v;
	struct rts_wire w;
	struct link_mm *mm;
	struct os_listener listener;
	char path[64];
	atomic_uint resets, gone, left;
	struct mm m;
};

static uint32_t machine_reset(void *ctx)
{
	struct fixture *f = ctx;

	atomic_fetch_add(&f->resets, 1);
	return EFI_ERROR(rts_vars_reset(f->v)) ? UEFI_VARS_STS_ERR_UNKNOWN : 0;
}

static void gone(void *ctx, size_t left, bool spoke)
{
	struct fixture *f = ctx;

	(void)spoke;
	atomic_store(&f->left, (unsigned)left);
	atomic_fetch_add(&f->gone, 1);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	const struct rts_vars_config vars = {0};
	const struct link_mm_config config = {&f->t.loop,    &f->w, {NULL, NULL},
					      machine_reset, gone,  f};
	struct diag d = {0};

	*state = f;
	snprintf(f->path, sizeof f->path, "mm-%d.sock", (int)getpid());
	if (EFI_ERROR(rts_vars_new(&vars, &f->v)) || EFI_ERROR(rts_vars_start(f->v)) ||
	    link_mm_new(&config, &f->mm) < 0 ||
	    os_listener_open(f->path, &d, &f->listener) < 0 ||
	    link_mm_listen(f->mm, f->listener.fd) < 0)
		return 1;
	f->w.vars = f->v;
	loop_thread_start(&f->t);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	int r = loop_thread_stop(&f->t);

	link_mm_free(f->mm);
	os_listener_close(&f->listener);
	rts_vars_free(f->v);
	free(f);
	return r;
}

static void put(int fd, const void *p, size_t n)
{
	assert_int_equal(send(fd, p, n, MSG_NOSIGNAL), n);
}

/* Exactly @n bytes. */
static void take(int fd, void *p, size_t n)
{
	assert_int_equal(n > 0 ? recv(fd, p, n, MSG_WAITALL) : 0, n);
}

static void put_frame(int fd, uint32_t command, const void *p, size_t n)
{
	const struct frame f = {command, (uint32_t)n};

	put(fd, &f, sizeof f);
	if (n > 0)
		put(fd, p, n);
}

/* The status of the next reply, whose payload becomes @m. */
static uint32_t take_reply(int fd, struct mm *m)
{
	struct frame f;

	take(fd, &f, sizeof f);
	assert_true(f.length <= MM_BUFFER_MAX);
	take(fd, m->buf, f.length);
	m->len = f.length;
	return f.what;
}

static uint32_t call(int fd, uint32_t command, struct mm *m)
{
	put_frame(fd, command, m->buf, m->len);
	return take_reply(fd, m);
}

static void set(struct mm *m, uint32_t value)
{
	mm_access(m, SMM_VARIABLE_FUNCTION_SET_VARIABLE, &ns, u"Var", 8, NV_BS_RT, &value,
		  sizeof value);
}

static void get(struct mm *m)
{
	mm_access(m, SMM_VARIABLE_FUNCTION_GET_VARIABLE, &ns, u"Var", 8, 0, NULL, 4);
}

static uint32_t value(const struct mm *m)
{
	uint32_t v;

	memcpy(&v, m->buf + MM_PAYLOAD + SMM_ACCESS_VARIABLE_NAME + 8, sizeof v);
	return v;
}

static void must_close(int fd)
{
	char c;
	ssize_t n = recv(fd, &c, 1, 0);

	assert_true(n == 0 || (n < 0 && errno == ECONNRESET));
	close(fd);
}

static void frames(void **state)
{
	static const struct {
		uint32_t command;
		size_t length;
		uint32_t status;
	} cases[] = {
		{LINK_MM_RESET, 0, UEFI_VARS_STS_SUCCESS},
		{LINK_MM_RESET, 1, UEFI_VARS_STS_ERR_BAD_BUFFER_SIZE},
		{LINK_MM_MACHINE_RESET, 0, UEFI_VARS_STS_SUCCESS},
		{LINK_MM_MACHINE_RESET, 65536, UEFI_VARS_STS_ERR_BAD_BUFFER_SIZE},
		{0, 0, UEFI_VARS_STS_ERR_NOT_SUPPORTED},
		{3, 5, UEFI_VARS_STS_ERR_NOT_SUPPORTED},
		{UINT32_MAX, 65536, UEFI_VARS_STS_ERR_NOT_SUPPORTED},
		{LINK_MM_MM, 0, UEFI_VARS_STS_ERR_BAD_BUFFER_SIZE},
		{LINK_MM_MM, 23, UEFI_VARS_STS_ERR_BAD_BUFFER_SIZE},
		{LINK_MM_MM, 24, UEFI_VARS_STS_ERR_NOT_SUPPORTED}, /* GUID of zeros */
		{LINK_MM_MM, 65536, UEFI_VARS_STS_ERR_NOT_SUPPORTED},
	};
	struct fixture *f = *state;
	int fd = dial(f->path);

	for (size_t i = 0; i < COUNT(cases); i++) {
		memset(f->m.buf, 0, sizeof f->m.buf);
		f->m.len = cases[i].length;
		assert_int_equal(call(fd, cases[i].command, &f->m), cases[i].status);
		assert_int_equal(f->m.len, 0);
	}
	assert_int_equal(atomic_load(&f->resets), 1);
	set(&f->m, 5);
	assert_int_equal(call(fd, LINK_MM_MM, &f->m), 0);
	get(&f->m);
	assert_int_equal(call(fd, LINK_MM_MM, &f->m), 0);
	assert_int_equal(value(&f->m), 5);
	close(fd);
}

/* Our guest driver's messages belong to the shared page. */
static void no_guest_driver(void **state)
{
	struct fixture *f = *state;
	int fd = dial(f->path);

	mm_function(&f->m, (EFI_GUID)RUNTSERV_GUEST_DRIVER_GUID, GUEST_DRIVER_INIT);
	f->m.len += 8;
	mm_end(&f->m);
	assert_int_equal(call(fd, LINK_MM_MM, &f->m), UEFI_VARS_STS_ERR_NOT_SUPPORTED);
	close(fd);
}

static void giant(void **state)
{
	static const uint32_t lengths[] = {65537, 0x7fffffff, 0x80000000, UINT32_MAX};
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT(lengths) * 2; i++) {
		const struct frame frame = {i % 2 == 0 ? LINK_MM_MM : 99, lengths[i / 2]};
		int fd = dial(f->path);

		put(fd, &frame, sizeof frame);
		assert_int_equal(take_reply(fd, &f->m), UEFI_VARS_STS_ERR_BAD_BUFFER_SIZE);
		assert_int_equal(f->m.len, 0);
		must_close(fd);
	}
}

/* A peer that dies in the middle of a request, at each byte of it. */
static void truncated(void **state)
{
	struct fixture *f = *state;
	struct frame frame;
	int fd;

	set(&f->m, 1);
	frame = (struct frame){LINK_MM_MM, (uint32_t)f->m.len};
	for (size_t n = 0; n < sizeof frame + f->m.len; n++) {
		fd = dial(f->path);
		put(fd, &frame, n < sizeof frame ? n : sizeof frame);
		if (n > sizeof frame)
			put(fd, f->m.buf, n - sizeof frame);
		shutdown(fd, SHUT_WR);
		must_close(fd);
	}
	fd = dial(f->path); /* and nothing of it was done */
	get(&f->m);
	assert_int_equal(call(fd, LINK_MM_MM, &f->m), 0);
	assert_true(mm_status(&f->m) == EFI_NOT_FOUND);
	close(fd);
}

static void byte_by_byte(void **state)
{
	struct fixture *f = *state;
	int fd = dial(f->path);

	for (uint32_t i = 0; i < 3; i++) {
		struct frame frame;
		uint8_t *p = (uint8_t *)&frame;

		set(&f->m, i);
		frame = (struct frame){LINK_MM_MM, (uint32_t)f->m.len};
		for (size_t n = 0; n < sizeof frame; n++)
			put(fd, p + n, 1);
		for (size_t n = 0; n < f->m.len; n++)
			put(fd, f->m.buf + n, 1);
		assert_int_equal(take_reply(fd, &f->m), 0);
		assert_true(mm_status(&f->m) == EFI_SUCCESS);
	}
	close(fd);
}

/* Many requests at once, of lengths that leave the next one unaligned, answered in order.
 */
static void pipelined(void **state)
{
	enum { N = 2000 };
	struct fixture *f = *state;
	const size_t room = 300 * (size_t)N;
	uint8_t *all = malloc(room);
	size_t n = 0;
	int fd = dial(f->path);

	for (uint32_t i = 0; i < N; i++) {
		struct frame frame;

		if (i % 2 == 0)
			set(&f->m, i);
		else
			get(&f->m);
		f->m.len +=
			i % 7; /* bytes that belong to the frame but not to the message */
		frame = (struct frame){LINK_MM_MM, (uint32_t)f->m.len};
		memcpy(all + n, &frame, sizeof frame);
		memcpy(all + n + sizeof frame, f->m.buf, f->m.len);
		n += sizeof frame + f->m.len;
		assert_true(n < room);
	}
	if (fork() == 0) { /* a writer of its own, for the socket holds less than this */
		for (size_t done = 0; done < n;) {
			ssize_t put_now = send(fd, all + done, n - done, MSG_NOSIGNAL);

			if (put_now <= 0)
				_exit(1);
			done += (size_t)put_now;
		}
		_exit(0);
	}
	for (uint32_t i = 0; i < N; i++) {
		assert_int_equal(take_reply(fd, &f->m), 0);
		assert_true(mm_status(&f->m) == EFI_SUCCESS);
		if (i % 2 == 1)
			assert_int_equal(value(&f->m), i - 1);
	}
	free(all);
	close(fd);
}

/* A peer that never reads is not waited for: others are served, and it gets all replies
 * later. */
static void never_reads(void **state)
{
	struct fixture *f = *state;
	struct mm *big = malloc(sizeof *big);
	int lazy = dial(f->path), other = dial(f->path);
	unsigned sent = 0;

	mm_begin(big, (EFI_GUID)EFI_EVENT_GROUP_READY_TO_BOOT_GUID);
	big->len = MM_BUFFER_MAX; /* event messages may have any length */
	memset(big->buf + 24, 0xee, MM_BUFFER_MAX - 24);
	mm_end(big);
	for (;; sent++) { /* until neither side holds any more */
		const struct frame frame = {LINK_MM_MM, (uint32_t)big->len};
		struct pollfd p = {lazy, POLLOUT, 0};

		if (sent == 1000 || poll(&p, 1, 300) == 0)
			break;
		if (send(lazy, &frame, sizeof frame, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
			break;
		for (size_t done = 0; done < big->len;) {
			ssize_t n = send(lazy, big->buf + done, big->len - done,
					 MSG_NOSIGNAL | MSG_DONTWAIT);

			if (n > 0)
				done += (size_t)n;
			else if (poll(&p, 1, 300) == 0)
				goto full;
		}
	}
full:
	assert_true(sent > 0 && sent < 1000);
	for (uint32_t i = 0; i < 100; i++) {
		set(&f->m, i);
		assert_int_equal(call(other, LINK_MM_MM, &f->m), 0);
	}
	for (unsigned i = 0; i < sent; i++) {
		assert_int_equal(take_reply(lazy, big), 0);
		assert_int_equal(big->len, MM_BUFFER_MAX);
		assert_int_equal(big->buf[MM_BUFFER_MAX - 1], 0xee);
	}
	close(lazy);
	close(other);
	free(big);
}

/* So many requests that their replies block, and then silence: what was received is
 * answered all the same. */
static void then_silent(void **state)
{
	struct fixture *f = *state;

	for (unsigned n = 5; n <= 20; n++) {
		int fd = dial(f->path);

		mm_begin(&f->m, (EFI_GUID)EFI_EVENT_GROUP_READY_TO_BOOT_GUID);
		f->m.len = 20000;
		mm_end(&f->m);
		for (unsigned i = 0; i < n; i++)
			put_frame(fd, LINK_MM_MM, f->m.buf, f->m.len);
		usleep(10000);
		for (unsigned i = 0; i < n; i++)
			assert_int_equal(take_reply(fd, &f->m), 0);
		close(fd);
	}
}

static void many(void **state)
{
	struct fixture *f = *state;
	int fds[LINK_MM_CONNECTIONS], more;

	for (size_t i = 0; i < COUNT(fds); i++)
		fds[i] = dial(f->path);
	for (uint32_t round = 0; round < 3; round++)
		for (size_t i = 0; i < COUNT(fds); i++) { /* one store for all */
			get(&f->m);
			assert_int_equal(call(fds[i], LINK_MM_MM, &f->m), 0);
			if (i > 0)
				assert_int_equal(value(&f->m), i - 1);
			set(&f->m, (uint32_t)i);
			assert_int_equal(call(fds[i], LINK_MM_MM, &f->m), 0);
		}
	more = dial(f->path);
	must_close(more);
	close(fds[0]);
	while (atomic_load(&f->gone) == 0)
		usleep(1000);
	assert_int_equal(atomic_load(&f->left), LINK_MM_CONNECTIONS - 1);
	fds[0] = dial(f->path);
	get(&f->m);
	assert_int_equal(call(fds[0], LINK_MM_MM, &f->m), 0);
	for (size_t i = 0; i < COUNT(fds); i++)
		close(fds[i]);
}

/* Requests that were sent before the end of the stream are answered after it. */
static void half_closed(void **state)
{
	struct fixture *f = *state;
	int fd = dial(f->path);

	for (uint32_t i = 0; i < 20; i++) {
		set(&f->m, i);
		put_frame(fd, LINK_MM_MM, f->m.buf, f->m.len);
	}
	shutdown(fd, SHUT_WR);
	for (uint32_t i = 0; i < 20; i++)
		assert_int_equal(take_reply(fd, &f->m), 0);
	must_close(fd);
}

/* A socket that somebody passed to us, and that nobody listens on. */
static void handed_over(void **state)
{
	struct fixture *f = *state;
	int pair[2];

	assert_int_equal(loop_thread_stop(&f->t), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(link_mm_add(f->mm, pair[0]), 0);
	loop_thread_start(&f->t);
	set(&f->m, 1);
	assert_int_equal(call(pair[1], LINK_MM_MM, &f->m), 0);
	close(pair[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(frames, setup, teardown),
		cmocka_unit_test_setup_teardown(no_guest_driver, setup, teardown),
		cmocka_unit_test_setup_teardown(giant, setup, teardown),
		cmocka_unit_test_setup_teardown(truncated, setup, teardown),
		cmocka_unit_test_setup_teardown(byte_by_byte, setup, teardown),
		cmocka_unit_test_setup_teardown(pipelined, setup, teardown),
		cmocka_unit_test_setup_teardown(never_reads, setup, teardown),
		cmocka_unit_test_setup_teardown(then_silent, setup, teardown),
		cmocka_unit_test_setup_teardown(many, setup, teardown),
		cmocka_unit_test_setup_teardown(half_closed, setup, teardown),
		cmocka_unit_test_setup_teardown(handed_over, setup, teardown),
	};

	return cmocka_run_group_tests_name("link_mm", tests, NULL, NULL);
}
