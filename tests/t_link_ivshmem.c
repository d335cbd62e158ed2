/* SPDX-License-Identifier: BSD-2-Clause */
/* The ivshmem server with a small client: greeting, doorbell, polling, one client at a
 * time, restart, a file that shrinks, and a guest that rings without pause. */
#include "link/link_ivshmem.h"
#include "link/link_page.h"
#include "link_thread.h"
#include "mm_message.h"
#include "os/os_clock.h"
#include "os/os_socket.h"
#include "test.h"
#include "uefi/guest_page.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define NV_BS_RT 7U

static const EFI_GUID ns = {0x11111111, 0x2222, 0x3333, {1, 2, 3, 4, 5, 6, 7, 8}};

struct fixture {
	struct loop_thread t;
	struct rts_vars *v;
	struct rts_wire w;
	struct link_ivshmem *s;
	char path[32], shm_path[64];
	atomic_uint connected, gone;
	char said[2000];
	uint8_t *plain; /* the file, mapped as a guest without doorbell has it */
	struct mm m;
};

/* What a doorbell client holds. */
struct client {
	int fd, shm, host_bell, own_bell;
};

static EFI_STATUS commit(void *ctx, const struct rts_vars_view *view, unsigned parts)
{
	(void)ctx, (void)view, (void)parts;
	return EFI_SUCCESS;
}

static void connected(void *ctx)
{
	struct fixture *f = ctx;

	atomic_fetch_add(&f->connected, 1);
}

static void gone(void *ctx)
{
	struct fixture *f = ctx;

	atomic_fetch_add(&f->gone, 1);
}

static void say(void *ctx, enum rts_log level, const char *text)
{
	struct fixture *f = ctx;

	(void)level;
	strncat(f->said, text, sizeof f->said - strlen(f->said) - 1);
}

static struct link_ivshmem_config config_of(struct fixture *f)
{
	return (struct link_ivshmem_config){.loop = &f->t.loop,
					    .path = f->path,
					    .wire = &f->w,
					    .log = {say, f},
					    .settle_ns = 500000000,
					    .connected = connected,
					    .gone = gone,
					    .ctx = f};
}

static int start(struct fixture *f)
{
	const struct link_ivshmem_config config = config_of(f);
	struct diag d = {0};

	if (link_ivshmem_new(&config, &d, &f->s) < 0 || link_ivshmem_start(f->s, &d) < 0) {
		print_error("%s\n", d.text);
		return 1;
	}
	loop_thread_start(&f->t);
	return 0;
}

static int setup(void **state)
{
	static const struct rts_var_store_ops store = {commit};
	const struct rts_vars_config vars = {.store = &store};
	struct fixture *f = calloc(1, sizeof *f);
	int fd;

	*state = f;
	snprintf(f->path, sizeof f->path, "ivshmem-%d", (int)getpid());
	snprintf(f->shm_path, sizeof f->shm_path, "%s.shm", f->path);
	if (EFI_ERROR(rts_vars_new(&vars, &f->v)) || EFI_ERROR(rts_vars_start(f->v)))
		return 1;
	f->w.vars = f->v;
	if (start(f) != 0)
		return 1;
	fd = open(f->shm_path, O_RDWR | O_CLOEXEC);
	f->plain =
		mmap(NULL, GUEST_PAGE_SHM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return f->plain == MAP_FAILED;
}

static void finish(struct fixture *f)
{
	link_ivshmem_free(f->s);
	f->s = NULL;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	int r = f->s != NULL ? loop_thread_stop(&f->t) : 0;

	finish(f);
	munmap(f->plain, GUEST_PAGE_SHM_SIZE);
	unlink(f->shm_path);
	rts_vars_free(f->v);
	free(f);
	return r;
}

static int64_t take_message(int fd, int *ret_fd)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {0};
	int64_t v = 0;
	struct iovec iov = {&v, sizeof v};
	struct msghdr m = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = control.space,
			   .msg_controllen = sizeof control.space};

	assert_int_equal(recvmsg(fd, &m, MSG_WAITALL | MSG_CMSG_CLOEXEC), sizeof v);
	*ret_fd = -1;
	if (m.msg_controllen > 0 && CMSG_FIRSTHDR(&m)->cmsg_type == SCM_RIGHTS)
		memcpy(ret_fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof *ret_fd);
	return v;
}

static struct client join(struct fixture *f)
{
	struct client c = {.fd = dial(f->path)};
	int none;

	assert_int_equal(take_message(c.fd, &none), 0); /* version */
	assert_int_equal(none, -1);
	assert_int_equal(take_message(c.fd, &none), 0); /* our number */
	assert_int_equal(none, -1);
	assert_int_equal(take_message(c.fd, &c.shm), -1);
	assert_true(c.shm >= 0);
	assert_int_equal(take_message(c.fd, &c.host_bell), 1);
	assert_true(c.host_bell >= 0);
	assert_int_equal(take_message(c.fd, &c.own_bell), 0);
	assert_true(c.own_bell >= 0);
	return c;
}

static void leave(struct client *c)
{
	close(c->fd);
	close(c->shm);
	close(c->host_bell);
	close(c->own_bell);
}

static void wait_for(const atomic_uint *counter, unsigned value)
{
	for (int i = 0; i < 20000 && atomic_load(counter) < value; i++)
		usleep(1000);
	assert_int_equal(atomic_load(counter), value);
}

static const volatile struct guest_page_host *header(struct fixture *f)
{
	return (const void *)f->plain;
}

static _Atomic uint32_t *word(struct fixture *f, size_t off)
{
	return (_Atomic uint32_t *)(void *)(f->plain + off);
}

#define REQ    (GUEST_PAGE_GUEST + offsetof(struct guest_page_guest, req))
#define LENGTH (GUEST_PAGE_GUEST + offsetof(struct guest_page_guest, length))
#define ACK    (GUEST_PAGE_ANSWER + offsetof(struct guest_page_answer, ack))

static void ask(struct fixture *f, int bell)
{
	const uint64_t one = 1;

	memcpy(f->plain + GUEST_PAGE_BUFFER, f->m.buf, f->m.len);
	atomic_store(word(f, LENGTH), (uint32_t)f->m.len);
	atomic_fetch_add(word(f, REQ), 1);
	if (bell >= 0)
		assert_int_equal(write(bell, &one, sizeof one), sizeof one);
}

static bool answered(struct fixture *f)
{
	return atomic_load(word(f, ACK)) == atomic_load(word(f, REQ));
}

static void await(struct fixture *f)
{
	const uint64_t end = os_now_ns() + 20000000000ULL;

	while (!answered(f) && os_now_ns() < end)
		;
	assert_true(answered(f));
	memcpy(f->m.buf, f->plain + GUEST_PAGE_BUFFER, sizeof f->m.buf);
}

static void set(struct fixture *f, uint32_t value)
{
	mm_access(&f->m, SMM_VARIABLE_FUNCTION_SET_VARIABLE, &ns, u"Var", 8, NV_BS_RT,
		  &value, sizeof value);
}

static void plain(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	assert_int_equal(stat(f->shm_path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_true(header(f)->magic == GUEST_PAGE_MAGIC);
	assert_int_equal(header(f)->flags, 0);
	for (uint32_t i = 0; i < 200; i++) {
		if (i % 50 == 0)
			usleep(50000); /* polled slowly by now */
		set(f, i);
		ask(f, -1);
		await(f);
		assert_true(mm_status(&f->m) == EFI_SUCCESS);
	}
}

/* The number of times that the loop's thread has slept. */
static long sleeps(struct fixture *f)
{
	char line[128];
	long n = -1;
	FILE *file;

	snprintf(line, sizeof line, "/proc/self/task/%d/status", (int)f->t.tid);
	file = fopen(line, "r");
	assert_non_null(file);
	while (fgets(line, sizeof line, file) != NULL)
		if (sscanf(line, "voluntary_ctxt_switches: %ld", &n) == 1)
			break;
	fclose(file);
	return n;
}

static void doorbell(void **state)
{
	struct fixture *f = *state;
	struct client c = join(f);
	struct stat a, b;
	long before;

	wait_for(&f->connected, 1);
	assert_int_equal(fstat(c.shm, &a), 0);
	assert_int_equal(stat(f->shm_path, &b), 0);
	assert_true(a.st_ino == b.st_ino);
	for (int i = 0; i < 1000 && header(f)->flags == 0; i++)
		usleep(1000);
	assert_int_equal(header(f)->flags, GUEST_PAGE_HOST_DOORBELL);
	assert_int_equal(header(f)->doorbell, 1 << 16); /* peer, vector */
	for (uint32_t i = 0; i < 200; i++) {
		set(f, i);
		ask(f, c.host_bell);
		await(f);
		assert_true(mm_status(&f->m) == EFI_SUCCESS);
	}
	/* a snapshot is loaded, of a time when nobody was connected */
	memset(f->plain + offsetof(struct guest_page_host, flags), 0, 8);
	for (int i = 0; i < 1000 && header(f)->flags == 0; i++)
		usleep(1000);
	assert_int_equal(header(f)->flags, GUEST_PAGE_HOST_DOORBELL);
	assert_int_equal(header(f)->doorbell, 1 << 16);
	usleep(700000); /* then none is expected any more */
	before = sleeps(f);
	usleep(300000);
	assert_int_equal(sleeps(f), before); /* it was not woken once */
	set(f, 1);
	ask(f, -1); /* nobody rings, so nobody comes */
	usleep(100000);
	assert_false(answered(f));
	assert_int_equal(write(c.host_bell, &(uint64_t){1}, 8), 8);
	await(f);
	leave(&c);
	wait_for(&f->gone, 1);
	for (int i = 0; i < 1000 && header(f)->flags != 0; i++)
		usleep(1000);
	assert_int_equal(header(f)->flags, 0);
	ask(f, -1); /* polled again */
	await(f);
}

static void one_client(void **state)
{
	struct fixture *f = *state;
	struct client c = join(f);
	int second = dial(f->path);
	char x;

	assert_int_equal(recv(second, &x, 1, 0), 0);
	close(second);
	assert_int_equal(send(c.fd, "noise", 5, MSG_NOSIGNAL), 5); /* means nothing */
	set(f, 1);
	ask(f, c.host_bell);
	await(f);
	leave(&c);
	c = join(f); /* even when the end of the first is not noticed yet */
	wait_for(&f->connected, 2);
	set(f, 2);
	ask(f, c.host_bell);
	await(f);
	leave(&c);
	assert_int_equal(loop_thread_stop(&f->t), 0);
	assert_non_null(strstr(f->said, "a second client is refused"));
	finish(f);
}

/* The page outlives the daemon: what was asked meanwhile is answered, numbers go on. */
static void restart(void **state)
{
	struct fixture *f = *state;
	uint32_t req;

	assert_false(link_ivshmem_in_use(f->s));
	set(f, 1);
	ask(f, -1);
	await(f);
	assert_int_equal(loop_thread_stop(&f->t), 0);
	finish(f);
	set(f, 2);
	ask(f, -1);
	req = atomic_load(word(f, REQ));
	assert_false(answered(f));
	assert_int_equal(start(f), 0);
	assert_true(link_ivshmem_in_use(f->s));
	await(f);
	assert_true(mm_status(&f->m) == EFI_SUCCESS);
	assert_int_equal(atomic_load(word(f, ACK)), req);
}

static void second_daemon(void **state)
{
	struct fixture *f = *state;
	const struct link_ivshmem_config config = config_of(f);
	struct link_ivshmem *s = NULL;
	struct diag d = {0};

	assert_true(link_ivshmem_new(&config, &d, &s) < 0);
	assert_null(s);
	assert_non_null(strstr(d.text, ".shm: another process serves it"));
}

static void shrinks(void **state)
{
	static const off_t lengths[] = {0, 4096};
	struct fixture *f = *state;

	assert_int_equal(loop_thread_stop(&f->t), 0);
	for (size_t i = 0; i < COUNT(lengths); i++) {
		finish(f); /* and begin anew: cmocka has put its own handler over ours */
		f->said[0] = 0;
		assert_int_equal(start(f), 0);
		set(f, 1);
		ask(f, -1);
		await(f);
		usleep(20000);
		if (lengths[i] > 0) /* then only the buffer is missing */
			atomic_fetch_add(word(f, REQ), 1);
		assert_int_equal(truncate(f->shm_path, lengths[i]), 0);
		if (lengths[i] > 0)
			atomic_fetch_add(word(f, REQ), 1);
		assert_int_equal(loop_thread_join(&f->t), 2);
		assert_non_null(strstr(f->said, ".shm: somebody has shrunk the file"));
	}
	finish(f);
}

static void tick(void *ctx)
{
	atomic_fetch_add((atomic_uint *)ctx, 1);
}

/* A guest that asks without pause: others have their turn, and writes beyond the burst take
 * their time. */
static void storm(void **state)
{
	struct fixture *f = *state;
	atomic_uint ticks = 0;
	struct os_timer timer = {0, tick, &ticks};
	uint64_t began;

	assert_int_equal(loop_thread_stop(&f->t), 0);
	assert_int_equal(os_loop_timer(&f->t.loop, &timer), 0);
	timer.at = os_now_ns() + 20000000;
	loop_thread_start(&f->t);
	mm_access(&f->m, SMM_VARIABLE_FUNCTION_GET_VARIABLE, &ns, u"Var", 8, 0, NULL, 4);
	began = os_now_ns();
	for (int i = 0; atomic_load(&ticks) == 0; i++) {
		assert_true(os_now_ns() - began < 10000000000ULL);
		ask(f, -1);
		await(f);
	}
	began = os_now_ns();
	for (uint32_t i = 0; i < LINK_PAGE_BURST + 32; i++) {
		set(f, i);
		ask(f, -1);
		await(f);
		assert_true(mm_status(&f->m) == EFI_SUCCESS);
	}
	assert_true(os_now_ns() - began >= 30 * LINK_PAGE_INTERVAL_NS);
	assert_int_equal(loop_thread_stop(&f->t), 0);
	os_loop_untimer(&f->t.loop, &timer);
	finish(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(plain, setup, teardown),
		cmocka_unit_test_setup_teardown(doorbell, setup, teardown),
		cmocka_unit_test_setup_teardown(one_client, setup, teardown),
		cmocka_unit_test_setup_teardown(restart, setup, teardown),
		cmocka_unit_test_setup_teardown(second_daemon, setup, teardown),
		cmocka_unit_test_setup_teardown(shrinks, setup, teardown),
		cmocka_unit_test_setup_teardown(storm, setup, teardown),
	};

	return cmocka_run_group_tests_name("link_ivshmem", tests, NULL, NULL);
}
