/* SPDX-License-Identifier: BSD-2-Clause */
/* The poll loop, sockets with a path, shared memory that shrinks, notification, the
 * sandbox. */
#include "base/cleanup.h"
#include "os/os_clock.h"
#include "os/os_loop.h"
#include "os/os_notify.h"
#include "os/os_sandbox.h"
#include "os/os_shm.h"
#include "os/os_socket.h"
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define SHM_LEN 0x100000U

static char folder[] = "/tmp/t_os.XXXXXX";

static int enter_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) == NULL || chdir(folder) < 0;
}

static int leave_folder(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof command, "rm -rf %s", folder);
	return chdir("/") < 0 || system(command) != 0;
}

/* What a child does: its exit status, or 256 and the number of the signal that ended it. */
static int in_child(int (*what)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(what());
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

struct clockwork {
	struct os_loop loop;
	struct os_timer a, b;
	struct os_watch w, other;
	unsigned a_count, b_count, w_count, other_count;
	uint64_t b_at;
};

static void tick_a(void *ctx)
{
	struct clockwork *c = ctx;

	assert_true(c->a.at == 0);
	if (++c->a_count < 5)
		c->a.at = os_now_ns() + 1000000;
}

static void tick_b(void *ctx)
{
	struct clockwork *c = ctx;

	c->b_count++;
	assert_true(os_now_ns() >= c->b_at);
	os_loop_stop(&c->loop, 7);
	os_loop_stop(&c->loop, 8);
}

static void timers(void **state)
{
	struct clockwork c = {.a = {os_now_ns(), tick_a, &c}, .b = {0, tick_b, &c}};

	(void)state;
	c.b_at = c.b.at = os_now_ns() + 30000000;
	assert_int_equal(os_loop_timer(&c.loop, &c.a), 0);
	assert_int_equal(os_loop_timer(&c.loop, &c.b), 0);
	assert_int_equal(os_loop_run(&c.loop), 7);
	assert_int_equal(c.a_count, 5);
	assert_int_equal(c.b_count, 1);
}

static void both_ready(void *ctx, short revents)
{
	struct clockwork *c = ctx;

	(void)revents;
	c->w_count++; /* the other one is ready too, and must not be called any more */
	os_loop_unwatch(&c->loop, &c->w);
	os_loop_unwatch(&c->loop, &c->other);
	memset(&c->other, 0xff, sizeof c->other);
}

static void removed_in_dispatch(void **state)
{
	struct clockwork c = {.b = {os_now_ns() + 20000000, tick_b, &c}};
	int fds[2];

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(write(fds[1], "x", 1), 1);
	c.w = c.other = (struct os_watch){fds[0], POLLIN, false, both_ready, &c};
	os_loop_watch(&c.loop, &c.w);
	os_loop_watch(&c.loop, &c.other);
	os_loop_timer(&c.loop, &c.b);
	assert_int_equal(os_loop_run(&c.loop), 7);
	assert_int_equal(c.w_count, 1);
	close(fds[0]);
	close(fds[1]);
}

static void again(void *ctx, short revents)
{
	struct clockwork *c = ctx;

	assert_int_equal(revents, 0);
	c->w.again = ++c->w_count < 3;
	if (!c->w.again)
		os_loop_stop(&c->loop, 0);
}

/* Work that no descriptor shows, and the limits of the table. */
static void again_and_full(void **state)
{
	struct clockwork c = {.w = {-1, POLLIN, true, again, &c}};

	(void)state;
	os_loop_watch(&c.loop, &c.w);
	assert_int_equal(os_loop_run(&c.loop), 0);
	assert_int_equal(c.w_count, 3);
	while (c.loop.watch_count < OS_LOOP_WATCHES)
		assert_int_equal(os_loop_watch(&c.loop, &c.other), 0);
	assert_int_equal(os_loop_watch(&c.loop, &c.other), -ENOSPC);
	while (c.loop.timer_count < OS_LOOP_TIMERS)
		assert_int_equal(os_loop_timer(&c.loop, &c.a), 0);
	assert_int_equal(os_loop_timer(&c.loop, &c.a), -ENOSPC);
}

static void age(void **state)
{
	uint64_t began, before = os_boot_ns();
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		pause();
		_exit(0);
	}
	assert_true(os_process_began_ns(pid, &began));
	assert_true(began >= before && began <= os_boot_ns() + 20000000);
	assert_true(os_process_began_ns(getpid(), &before) && before <= began);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_false(os_process_began_ns(pid, &began));
}

static void listener(void **state)
{
	struct os_listener l, m;
	struct diag d = {0};
	struct stat st;
	int fd, peer;

	(void)state;
	umask(0);
	assert_int_equal(os_listener_open("s", &d, &l), 0);
	assert_int_equal(lstat("s", &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 0777, 0600);
	fd = os_socket_connect("s");
	assert_true(fd >= 0);
	assert_int_equal(os_socket_peer_pid(fd), getpid());
	peer = os_socket_accept(l.fd);
	assert_true(peer >= 0);
	assert_int_equal(os_socket_accept(l.fd), -EAGAIN);
	close(peer);
	close(fd);

	/* a second one is told, and the first still answers */
	assert_int_equal(os_listener_open("s", &d, &m), -EADDRINUSE);
	assert_string_equal(d.text, "s: another process answers there");
	fd = os_socket_connect("s");
	assert_true(fd >= 0);
	close(fd);

	/* nobody answers: replaced; and who is replaced does not remove the new one */
	shutdown(l.fd, SHUT_RDWR);
	assert_int_equal(os_listener_open("s", &d, &m), 0);
	os_listener_close(&l);
	fd = os_socket_connect("s");
	assert_true(fd >= 0);
	close(fd);
	os_listener_close(&m);
	assert_int_equal(os_socket_connect("s"), -ENOENT);
	assert_int_equal(access("s", F_OK), -1);
}

static void listener_refuses(void **state)
{
	struct os_listener l;
	struct diag d[6] = {0};
	char longest[300] = {0};
	struct stat st;

	(void)state;
	assert_int_equal(close(open("file", O_CREAT | O_WRONLY, 0644)), 0);
	assert_int_equal(os_listener_open("file", &d[0], &l), -EEXIST);
	assert_string_equal(d[0].text, "file: exists and is not a socket");
	assert_int_equal(symlink("nothing", "link"), 0);
	assert_int_equal(os_listener_open("link", &d[1], &l), -EEXIST);
	assert_int_equal(lstat("link", &st), 0);
	assert_int_equal(os_listener_open("no/such/folder", &d[2], &l), -ENOENT);
	assert_int_equal(os_listener_open("", &d[3], &l), -ENOENT);
	memset(longest, 'x', 200);
	assert_int_equal(os_listener_open(longest, &d[4], &l), -ENAMETOOLONG);
	assert_true(os_listener_open("/proc/s", &d[5], &l) <
		    0); /* not writable, for root neither */
	for (size_t i = 0; i < COUNT(d); i++)
		assert_true(d[i].text[0] != 0);
}

/* A path longer than a socket address: reached through its folder. */
static void listener_deep(void **state)
{
	struct os_listener l;
	struct diag d = {0};
	char path[300] = {0};
	int fd;

	(void)state;
	memset(path, 'd', 150);
	assert_int_equal(mkdir(path, 0700), 0);
	strcat(path, "/socket");
	assert_int_equal(os_listener_open(path, &d, &l), 0);
	fd = os_socket_connect(path);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(os_listener_open(path, &d, &l), -EADDRINUSE);
	os_listener_close(&l);
	assert_int_equal(os_socket_connect(path), -ENOENT);
}

static void adopt(void **state)
{
	struct diag d = {0};
	bool listens = true;
	int pair[2], datagram = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct os_listener l;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(os_socket_adopt(pair[0], &d, &listens), 0);
	assert_false(listens);
	assert_true((fcntl(pair[0], F_GETFL) & O_NONBLOCK) != 0);
	assert_true((fcntl(pair[0], F_GETFD) & FD_CLOEXEC) != 0);
	assert_int_equal(os_listener_open("s", &d, &l), 0);
	assert_int_equal(os_socket_adopt(l.fd, &d, &listens), 0);
	assert_true(listens);
	assert_int_equal(os_socket_adopt(datagram, &d, &listens), -ENOTSOCK);
	d.text[0] = 0;
	assert_int_equal(os_socket_adopt(999, &d, &listens), -EBADF);
	assert_string_equal(d.text, "descriptor 999: Bad file descriptor");
	os_listener_close(&l);
	close(datagram);
	close(pair[0]);
	close(pair[1]);
}

static void shm(void **state)
{
	struct os_shm s = {0}, t = {0};
	struct diag d[6] = {0};
	struct stat st;
	int fd;

	(void)state;
	umask(0);
	assert_int_equal(os_shm_open("m", SHM_LEN, &d[0], &s), 0);
	assert_int_equal(stat("m", &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(st.st_size, SHM_LEN);
	assert_true(st.st_blocks * 512 >=
		    SHM_LEN); /* not a hole that a full disk could not fill */
	assert_int_equal(os_shm_open("m", SHM_LEN, &d[0], &t), -EWOULDBLOCK);
	assert_string_equal(d[0].text, "m: another process serves it");
	s.p[5] = 42;
	fd = dup(s.share_fd); /* as QEMU holds it: does not keep the lock */
	os_shm_close(&s);
	assert_int_equal(os_shm_open("m", SHM_LEN, &d[1], &s), 0);
	assert_int_equal(s.p[5], 42);
	assert_false(os_shm_shrunk(&s));
	os_shm_close(&s);
	close(fd);

	assert_int_equal(truncate("m", SHM_LEN + 1), 0);
	assert_int_equal(os_shm_open("m", SHM_LEN, &d[2], &s), -EFBIG);
	assert_int_equal(truncate("m", 10), 0);
	assert_int_equal(os_shm_open("m", SHM_LEN, &d[3], &s), 0);
	os_shm_close(&s);
	assert_int_equal(symlink("m", "m-link"), 0);
	assert_int_equal(os_shm_open("m-link", SHM_LEN, &d[3], &s), -ELOOP);
	assert_int_equal(mkfifo("m-fifo", 0600), 0);
	assert_int_equal(os_shm_open("m-fifo", SHM_LEN, &d[4], &s), -EPERM);
	assert_true(os_shm_open("/proc/nothing", SHM_LEN, &d[5], &s) < 0);
	if (geteuid() == 0) {
		assert_int_equal(chown("m", 12345, 12345), 0);
		assert_int_equal(os_shm_open("m", SHM_LEN, &(struct diag){0}, &s), -EPERM);
	}
}

static int full_disk(void)
{
	const struct rlimit limit = {SHM_LEN / 2, SHM_LEN / 2};
	struct diag d = {0};
	struct os_shm s;

	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &limit);
	return os_shm_open("full", SHM_LEN, &d, &s) == -EFBIG && d.text[0] != 0 ? 0 : 1;
}

/* Whoever shrinks the file: we go on with zeros, and know. */
static int shrunk(void)
{
	struct diag d = {0};
	struct os_shm s;

	if (os_shm_open("m2", SHM_LEN, &d, &s) < 0)
		return 1;
	memset(s.p, 1, s.len);
	if (truncate("m2", 4096) < 0 || s.p[0] != 1 || os_shm_shrunk(&s))
		return 2;
	if (((volatile uint8_t *)s.p)[5000] != 0 || !os_shm_shrunk(&s))
		return 3;
	memset(s.p, 2, s.len);
	os_shm_close(&s);
	return 0;
}

/* A fault that is none of ours ends the process as ever. */
static int fault_elsewhere(void)
{
	struct diag d = {0};
	struct os_shm s;
	volatile uint8_t *p;
	int fd = open("other", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (os_shm_open("m2", SHM_LEN, &d, &s) < 0 || ftruncate(fd, 4096) < 0)
		return 1;
	p = mmap(NULL, 8192, PROT_READ, MAP_SHARED, fd, 0);
	return p[5000];
}

static int raised(void)
{
	struct diag d = {0};
	struct os_shm s;

	if (os_shm_open("m2", SHM_LEN, &d, &s) < 0)
		return 1;
	raise(SIGBUS);
	return 0;
}

static void shm_faults(void **state)
{
	(void)state;
	assert_int_equal(in_child(full_disk), 0);
	assert_int_equal(in_child(shrunk), 0);
	assert_int_equal(in_child(fault_elsewhere), 256 + SIGBUS);
	assert_int_equal(in_child(raised), 256 + SIGBUS);
}

static void notified(const char *name, socklen_t len)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int from = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), to;
	char text[64] = {0};

	memcpy(a.sun_path, name, strlen(name));
	if (*name == '@')
		a.sun_path[0] = 0;
	assert_int_equal(bind(from, (struct sockaddr *)&a, len), 0);
	setenv("NOTIFY_SOCKET", name, 1);
	to = os_notify_open();
	assert_true(to >= 0);
	os_notify(to, "READY=1\nSTATUS=x");
	assert_int_equal(recv(from, text, sizeof text, MSG_DONTWAIT), 16);
	assert_string_equal(text, "READY=1\nSTATUS=x");
	close(from);
	os_notify(to, "nobody is there");
	close(to);
}

static void notify(void **state)
{
	char name[64], pid[16];

	(void)state;
	unsetenv("NOTIFY_SOCKET");
	assert_int_equal(os_notify_open(), -ENOENT);
	os_notify(-ENOENT, "READY=1");
	snprintf(name, sizeof name, "%s/n", folder);
	notified(name, sizeof(struct sockaddr_un));
	snprintf(name, sizeof name, "@t_os-%d", (int)getpid());
	notified(name, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name)));
	setenv("NOTIFY_SOCKET", "relative", 1);
	assert_int_equal(os_notify_open(), -EINVAL);
	unsetenv("NOTIFY_SOCKET");

	assert_int_equal(os_listen_fds(), 0);
	setenv("LISTEN_FDS", "2", 1);
	setenv("LISTEN_PID", "1", 1); /* somebody else's */
	assert_int_equal(os_listen_fds(), 0);
	snprintf(pid, sizeof pid, "%d", (int)getpid());
	setenv("LISTEN_PID", pid, 1);
	assert_int_equal(os_listen_fds(), 2);
	setenv("LISTEN_FDS", "-1", 1);
	assert_int_equal(os_listen_fds(), 0);
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_PID");
}

#define SKIPPED 77

static int confined(void)
{
	static const struct os_sandbox_path paths[] = {{"store", OS_SANDBOX_STORE},
						       {"run", OS_SANDBOX_UNLINK},
						       {"/proc", OS_SANDBOX_READ}};
	struct diag d = {0};
	const char *missing;
	uint64_t began;
	int fd;

	if (mkdir("store", 0700) < 0 || mkdir("run", 0700) < 0 ||
	    mkdir("foreign", 0700) < 0 ||
	    close(open("run/socket", O_CREAT | O_WRONLY, 0600)) < 0)
		return 1;
	if (os_sandbox(paths, COUNT(paths), &d, &missing) < 0)
		return SKIPPED;
	fd = open("store/new", O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, "x", 1) != 1 || ftruncate(fd, 0) < 0 ||
	    rename("store/new", "store/json") < 0 || unlink("store/json") < 0)
		return 2;
	fd = open("store", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) < 0)
		return 3;
	if (unlink("run/socket") < 0 || open("run/new", O_CREAT | O_WRONLY, 0600) >= 0)
		return 4;
	if (open("foreign/new", O_CREAT | O_WRONLY, 0600) >= 0 ||
	    open("/etc/passwd", O_RDONLY) >= 0)
		return 5;
	if (!os_process_began_ns(getppid(), &began))
		return 6;
	return execl("/bin/true", "true", (char *)NULL) < 0 ? 0 : 7;
}

static int bad_path(void)
{
	static const struct os_sandbox_path path = {"missing", OS_SANDBOX_STORE};
	struct diag d = {0};
	const char *missing;

	return os_sandbox(&path, 1, &d, &missing) < 0 && d.text[0] != 0 &&
			       open("/etc/passwd", O_RDONLY) >= 0
		       ? 0
		       : 1;
}

static void sandbox(void **state)
{
	int r = in_child(confined);

	(void)state;
	if (r == SKIPPED)
		skip(); /* this kernel has no Landlock */
	assert_int_equal(r, 0);
	assert_int_equal(in_child(bad_path), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(timers),
		cmocka_unit_test(removed_in_dispatch),
		cmocka_unit_test(again_and_full),
		cmocka_unit_test(age),
		cmocka_unit_test(listener),
		cmocka_unit_test(listener_refuses),
		cmocka_unit_test(listener_deep),
		cmocka_unit_test(adopt),
		cmocka_unit_test(shm),
		cmocka_unit_test(shm_faults),
		cmocka_unit_test(notify),
		cmocka_unit_test(sandbox),
	};

	return cmocka_run_group_tests_name("os", tests, enter_folder, leave_folder);
}
