/* SPDX-License-Identifier: BSD-2-Clause */
/* Resets as QEMU's monitor tells them, by a monitor of our own: connecting, lines of every
 * kind, and when the guest's driver may say INIT. */
#include "base/cleanup.h"
#include "cli/serve.h"
#include "link_thread.h"
#include "mm_message.h"
#include "os/os_clock.h"
#include "os/os_socket.h"
#include "test.h"
#include "uefi/guest_page.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#define GREETING "{\"QMP\": {\"version\": {}, \"capabilities\": []}}\r\n"
#define DONE     "{\"return\": {}}\r\n"
#define RESET                                                                           \
	"{\"timestamp\": {\"seconds\": 1, \"microseconds\": 2}, \"event\": \"RESET\", " \
	"\"data\": {\"guest\": true, \"reason\": \"guest-reset\"}}\r\n"

struct fixture {
	struct serve s;
	struct os_listener monitor;
	struct os_timer turn_end;
	char path[32], page[32];
	int peer; /* the monitor's end of the connection */
	struct mm m;
};

static void nothing(void *ctx)
{
	(void)ctx;
}

static void turn_ends(void *ctx)
{
	os_loop_stop(ctx, 0);
}

/* Lets the loop run for a moment. */
static void turn(struct fixture *f, unsigned ms)
{
	f->turn_end.at = os_now_ns() + ms * 1000000ULL;
	f->s.loop.stopped = false;
	assert_int_equal(os_loop_run(&f->s.loop), 0);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	struct store_config store = {.word = "memory:"};
	struct rts_vars_config vars = {0};
	struct link_ivshmem_config config;
	struct diag d = {0};

	*state = f;
	snprintf(f->path, sizeof f->path, "qmp-%d", (int)getpid());
	snprintf(f->page, sizeof f->page, "page-%d", (int)getpid());
	f->s.o.qmp = f->path;
	f->s.o.log_level = RTS_LOG_ERROR;
	f->s.notify_fd = f->peer = f->monitor.fd = -1;
	f->turn_end = (struct os_timer){0, turn_ends, &f->s.loop};
	if (store_open(&store, &d, &f->s.store) < 0 ||
	    EFI_ERROR(rts_vars_new(&vars, &f->s.vars)) ||
	    EFI_ERROR(rts_vars_start(f->s.vars)))
		return 1;
	f->s.guest_wire = (struct rts_wire){
		.vars = f->s.vars, .guest = &serve_guest_ops, .guest_ctx = &f->s};
	config = (struct link_ivshmem_config){.loop = &f->s.loop,
					      .path = f->page,
					      .wire = &f->s.guest_wire,
					      .log = {serve_log, &f->s},
					      .connected = nothing,
					      .gone = nothing,
					      .ctx = f};
	if (link_ivshmem_new(&config, &d, &f->s.ivshmem) < 0 ||
	    link_ivshmem_start(f->s.ivshmem, &d) < 0)
		return 1;
	f->s.known_ns = os_boot_ns();
	return os_loop_timer(&f->s.loop, &f->turn_end);
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	char shm[40];

	link_qmp_free(f->s.qmp);
	link_ivshmem_free(f->s.ivshmem);
	os_listener_close(&f->monitor);
	closep(&f->peer);
	rts_vars_free(f->s.vars);
	store_close(f->s.store);
	snprintf(shm, sizeof shm, "%s.shm", f->page);
	unlink(shm);
	free(f);
	return 0;
}

static void monitor_begins(struct fixture *f)
{
	struct diag d = {0};

	assert_int_equal(os_listener_open(f->path, &d, &f->monitor), 0);
}

/* Takes the connection that we made, and greets. */
static void monitor_accepts(struct fixture *f)
{
	char text[64] = {0};

	f->peer = os_socket_accept(f->monitor.fd);
	assert_true(f->peer >= 0);
	assert_int_equal(send(f->peer, GREETING, strlen(GREETING), 0), strlen(GREETING));
	turn(f, 5);
	assert_true(recv(f->peer, text, sizeof text - 1, 0) > 0);
	assert_string_equal(text, "{\"execute\": \"qmp_capabilities\"}\n");
	assert_int_equal(send(f->peer, DONE, strlen(DONE), 0), strlen(DONE));
	turn(f, 5);
}

static void says(struct fixture *f, const char *text)
{
	assert_int_equal(send(f->peer, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void boot_ends(struct fixture *f)
{
	assert_false(EFI_ERROR(rts_vars_exit_boot_services(f->s.vars)));
}

static bool runtime(struct fixture *f)
{
	return rts_vars_phase(f->s.vars).runtime;
}

/* The answer to an INIT. */
static EFI_STATUS init(struct fixture *f)
{
	const struct guest_driver_init message = {GUEST_DRIVER_VERSION, 0};
	size_t n;

	mm_function(&f->m, (EFI_GUID)RUNTSERV_GUEST_DRIVER_GUID, GUEST_DRIVER_INIT);
	mm_put(&f->m, &message, sizeof message);
	mm_end(&f->m);
	assert_int_equal(rts_wire_mm(&f->s.guest_wire, f->m.buf, f->m.len, &n), 0);
	return mm_status(&f->m);
}

/* Without --qmp, a reset is taken on the guest's word. */
static void no_monitor(void **state)
{
	struct fixture *f = *state;

	boot_ends(f);
	assert_true(init(f) == EFI_SUCCESS);
	assert_false(runtime(f));
}

static void latch(void **state)
{
	struct fixture *f = *state;

	monitor_begins(f);
	assert_int_equal(serve_qmp_start(&f->s), 0);
	monitor_accepts(f);
	assert_true(init(f) == EFI_SUCCESS);
	assert_true(init(f) == EFI_SUCCESS); /* as often as it likes, before an OS runs */
	boot_ends(f);
	assert_true(init(f) == EFI_ACCESS_DENIED);
	assert_true(runtime(f));
	says(f, RESET);
	turn(f, 5);
	assert_false(runtime(f));
	assert_true(init(f) == EFI_SUCCESS);

	/* the event is in the socket, and the loop has not seen it yet */
	boot_ends(f);
	says(f, RESET);
	assert_true(init(f) == EFI_SUCCESS);
	assert_false(runtime(f));
	boot_ends(f); /* it is not taken twice */
	turn(f, 5);
	assert_true(runtime(f));
	assert_true(init(f) == EFI_ACCESS_DENIED);
}

/* A guest that spoils the header does not hide it from the driver of its next boot. The
 * loop does not run then, so nothing but the reset can have put it right. */
static void spoiled(void **state)
{
	struct fixture *f = *state;
	struct guest_page_host before, spoilt, after;
	char path[40];
	int fd;

	turn(f, 5); /* the host has looked once, and its words are all there */
	snprintf(path, sizeof path, "%s.shm", f->page);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &before, sizeof before, GUEST_PAGE_HOST), sizeof before);
	memset(&spoilt, 0x55, sizeof spoilt);
	assert_int_equal(pwrite(fd, &spoilt, sizeof spoilt, GUEST_PAGE_HOST),
			 sizeof spoilt);
	assert_true(serve_reset(&f->s, "by a test") == EFI_SUCCESS);
	assert_int_equal(pread(fd, &after, sizeof after, GUEST_PAGE_HOST), sizeof after);
	assert_true(before.magic == GUEST_PAGE_MAGIC);
	assert_memory_equal(&after, &before, sizeof before);
	close(fd);
}

/* The end of the monitor is the end of the machine; the next one is another. */
static void monitor_ends(void **state)
{
	struct fixture *f = *state;

	monitor_begins(f);
	assert_int_equal(serve_qmp_start(&f->s), 0);
	monitor_accepts(f);
	boot_ends(f);
	close(f->peer);
	f->peer = -1;
	assert_true(init(f) == EFI_SUCCESS);
	turn(f, 1200);
	monitor_accepts(f);
	boot_ends(f);
	assert_true(init(f) == EFI_ACCESS_DENIED);
}

/* A monitor that appears late is found by itself, and at once when the driver starts. */
static void found_late(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(serve_qmp_start(&f->s), 0);
	turn(f, 5);
	monitor_begins(f);
	turn(f, 1200);
	monitor_accepts(f);

	link_qmp_free(f->s.qmp);
	close(f->peer);
	os_listener_close(&f->monitor);
	assert_int_equal(serve_qmp_start(&f->s), 0);
	monitor_begins(f);
	assert_true(init(f) == EFI_SUCCESS);
	monitor_accepts(f);
}

/* A QEMU that is younger than the machine we know is another machine; our own process plays
 * it. */
static void younger(void **state)
{
	struct fixture *f = *state;
	uint64_t began;

	assert_true(os_process_began_ns(getpid(), &began));
	monitor_begins(f);
	boot_ends(f);
	f->s.known_ns = began; /* not younger */
	assert_int_equal(serve_qmp_start(&f->s), 0);
	assert_true(runtime(f));
	link_qmp_free(f->s.qmp);
	f->s.known_ns = began - 1;
	assert_int_equal(serve_qmp_start(&f->s), 0);
	assert_false(runtime(f));
	boot_ends(f); /* INIT is a sign of life, and younger than QEMU */
	link_qmp_free(f->s.qmp);
	f->s.qmp = NULL;
	assert_true(init(f) == EFI_SUCCESS);
	boot_ends(f);
	assert_int_equal(serve_qmp_start(&f->s), 0);
	assert_true(runtime(f));
}

/* Everything a monitor may say that is not a reset. */
static void other_lines(void **state)
{
	static const char *const lines[] = {
		"\r\n",
		"\n\n\n",
		"not json\n",
		"{\"event\": \"RESE\"}\n",
		"{\"event\": 5}\n",
		"{\"event\": {\"RESET\": 1}}\n",
		"[\"event\", \"RESET\"]\n",
		"\"RESET\"\n",
		"{\"data\": {\"event\": \"RESET\"}}\n",
		"{\"error\": {\"class\": \"CommandNotFound\", \"desc\": \"\x1b[31m\"}}\n",
		"{\"event\": \"STOP\"}\n{\"event\": \"RESUME\"}\n",
		"{\"event\": \"SHUTDOWN\"}\n",
		"{\"event\": \"RESET\"", /* no end yet */
	};
	struct fixture *f = *state;
	char *giant = malloc(200000);

	monitor_begins(f);
	assert_int_equal(serve_qmp_start(&f->s), 0);
	monitor_accepts(f);
	boot_ends(f);
	for (size_t i = 0; i < COUNT(lines); i++) {
		says(f, lines[i]);
		turn(f, 2);
		assert_true(runtime(f));
	}
	says(f, "}\n");
	turn(f, 2);
	assert_false(runtime(f));

	/* a line without end is dropped up to its end, and what follows is heard */
	boot_ends(f);
	memset(giant, 'x', 200000);
	memcpy(giant + 199000, RESET, strlen(RESET));
	for (size_t done = 0; done < 199000 + strlen(RESET);) {
		ssize_t n = send(f->peer, giant + done, 199000 + strlen(RESET) - done,
				 MSG_DONTWAIT);

		done += n > 0 ? (size_t)n : 0;
		turn(f, 1);
	}
	turn(f, 5);
	assert_true(runtime(f));
	for (const char *p = RESET; *p != 0; p++) { /* byte by byte */
		assert_int_equal(send(f->peer, p, 1, 0), 1);
		turn(f, 1);
	}
	assert_false(runtime(f));
	free(giant);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(no_monitor, setup, teardown),
		cmocka_unit_test_setup_teardown(latch, setup, teardown),
		cmocka_unit_test_setup_teardown(spoiled, setup, teardown),
		cmocka_unit_test_setup_teardown(monitor_ends, setup, teardown),
		cmocka_unit_test_setup_teardown(found_late, setup, teardown),
		cmocka_unit_test_setup_teardown(younger, setup, teardown),
		cmocka_unit_test_setup_teardown(other_lines, setup, teardown),
	};

	return cmocka_run_group_tests_name("link_qmp", tests, NULL, NULL);
}
