/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory of a QEMU guest, by its monitor. QEMU itself stops a running guest for
 * dump-guest-memory and lets it go on at the end, whatever the end is: so we never send
 * "stop", and a guest cannot stay stopped because we died. That it runs again is looked
 * after all the same. The dump goes to a file without a name, whose descriptor is passed:
 * a confined QEMU could open no path of ours.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/statvfs.h>

#include "base/cleanup.h"
#include "cli/cli.h"
#include "cli/scan_input.h"
#include "cli/scan_progress.h"
#include "os/os_clock.h"
#include "os/os_file.h"
#include "os/os_socket.h"

#define MS      1000000ULL
#define FD_NAME "runtserv-scan"
#define GONE    "QEMU has closed the connection"

/* Tests have less patience. */
#ifndef QMP_ANSWER_MS
#define QMP_ANSWER_MS 30000U /* for an answer: QEMU may have its hands full */
#define QMP_GREET_MS  10000U /* for the first word */
#define QMP_STALL_MS  60000U /* for a dump that does not grow */
#define QMP_RESUME_MS 30000U /* for the guest to run again, and of it */
#define QMP_GRACE_MS  2000U  /* ... QEMU's own time to see to that */
#define QMP_POLL_MS   100U
#endif
#define LINE_MAX_ 262144U

struct monitor {
	const char *path;
	int fd;
	unsigned id;
	bool broken;        /* nothing more can be said */
	bool resumed;       /* the guest ran again after the dump */
	struct diag failed; /* why the dump did, as the event says */
	size_t n;
	char buf[LINE_MAX_];
};

/* Text of somebody else's in a message. */
static int say(struct diag *d, int r, const char *what, const char *text)
{
	cleanup(freep) char *safe = NULL;
	size_t n;
	FILE *f = open_memstream(&safe, &n);

	if (f != NULL) {
		cli_print_text(f, text != NULL ? text : "no reason given");
		fclose(f);
	}
	return diag(d, r, "%s: %s", what, safe != NULL ? safe : strerror(ENOMEM));
}

/* Takes the first line out of the buffer; NULL: there is no whole one. */
static char *line_take(struct monitor *m)
{
	char *end = memchr(m->buf, '\n', m->n), *line;
	size_t len;

	if (end == NULL)
		return NULL;
	len = (size_t)(end - m->buf);
	line = strndup(m->buf, len);
	m->n -= len + 1;
	memmove(m->buf, end + 1, m->n);
	return line;
}

/* The next thing that QEMU says, before @deadline. */
static int hear_one(struct monitor *m, uint64_t deadline, struct diag *d, json_t **ret)
{
	for (;;) {
		const uint64_t now = os_now_ns();
		struct pollfd p = {.fd = m->fd, .events = POLLIN};
		cleanup(freep) char *line = NULL;
		ssize_t n;

		if (now >= deadline) /* however much it says */
			return diag(d, -ETIMEDOUT, "QEMU does not answer");
		line = line_take(m);
		if (line != NULL) {
			*ret = json_loads(line, 0, NULL);
			return *ret != NULL ? 0
					    : diag(d, -EPROTO,
						   "what answers is no QMP monitor "
						   "(mode=control): a line is not JSON");
		}
		if (m->n == sizeof m->buf)
			return diag(d, -EPROTO, "a line longer than %u bytes", LINE_MAX_);
		if (poll(&p, 1, (int)((deadline - now) / MS) + 1) <= 0)
			continue;
		n = recv(m->fd, m->buf + m->n, sizeof m->buf - m->n, MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n <= 0)
			return diag(d, -ECONNRESET, GONE);
		m->n += (size_t)n;
	}
}

static int hear(struct monitor *m, uint64_t deadline, struct diag *d, json_t **ret)
{
	const int r = hear_one(m, deadline, d, ret);

	m->broken = r < 0;
	return r;
}

/* Events that matter here. */
static void event(struct monitor *m, const json_t *o)
{
	const char *name = json_string_value(json_object_get(o, "event"));
	const char *error =
		json_string_value(json_object_get(json_object_get(o, "data"), "error"));

	if (name != NULL && strcmp(name, "RESUME") == 0)
		m->resumed = true;
	if (name != NULL && strcmp(name, "DUMP_COMPLETED") == 0 && error != NULL)
		(void)say(&m->failed, 0, "QEMU", error);
}

/* Executes a command, takes over @args, and passes @pass unless it is -1. 0 and what QEMU
 * returned, or -errno: it reports an error, or the connection is @broken. */
static int command(struct monitor *m, const char *name, json_t *args, int pass,
		   struct diag *d, json_t **ret)
{
	const uint64_t deadline = os_now_ns() + QMP_ANSWER_MS * MS;
	const unsigned id = ++m->id;
	json_t *o = args != NULL ? json_pack("{s:s, s:o, s:i}", "execute", name,
					     "arguments", args, "id", (int)id)
				 : json_pack("{s:s, s:i}", "execute", name, "id", (int)id);
	char *text = o != NULL ? json_dumps(o, JSON_COMPACT) : NULL, *line = NULL;
	int r = -ENOMEM;

	if (text != NULL && asprintf(&line, "%s\n", text) > 0)
		r = os_socket_send_fd(m->fd, line, strlen(line), pass);
	json_decref(o);
	free(text);
	free(line);
	if (r < 0) {
		m->broken = true;
		return diag(d, r, "%s: %s", name, r == -EPIPE ? GONE : strerror(-r));
	}
	for (;;) {
		json_t *answer, *value;

		r = hear(m, deadline, d, &answer);
		if (r < 0)
			return r;
		event(m, answer);
		value = json_object_get(answer, "id");
		/* an error in the command's form comes without its id */
		if (value == NULL || json_integer_value(value) == (json_int_t)id) {
			if ((value = json_object_get(answer, "error")) != NULL)
				r = say(d, -EIO, name,
					json_string_value(json_object_get(value, "desc")));
			else if ((value = json_object_get(answer, "return")) != NULL)
				*ret = json_incref(value);
			if (value != NULL) {
				json_decref(answer);
				return r;
			}
		}
		json_decref(answer);
	}
}

/* A command of which only the success matters. */
static int order(struct monitor *m, const char *name, json_t *args, int pass,
		 struct diag *d)
{
	json_t *value = NULL;
	const int r = command(m, name, args, pass, d, &value);

	json_decref(value);
	return r;
}

static int greet(struct monitor *m, struct diag *d)
{
	json_t *o = NULL;
	int r;

	m->n = 0;
	m->fd = os_socket_connect(m->path);
	m->broken = m->fd < 0;
	if (m->broken)
		return diag(d, m->fd, "%s%s", strerror(-m->fd),
			    m->fd == -ECONNREFUSED ? ": no QEMU listens there" : "");
	r = hear(m, os_now_ns() + QMP_GREET_MS * MS, d, &o);
	if (r == -ETIMEDOUT) {
		*d = (struct diag){0};
		return diag(d, r,
			    "nobody greets: a QMP monitor has one client at a time, and "
			    "somebody else, such as libvirt, may be it");
	}
	if (r == 0 && json_object_get(o, "QMP") == NULL)
		r = diag(d, -EPROTO, "what answers is no QMP monitor (mode=control)");
	json_decref(o);
	return r < 0 ? r : order(m, "qmp_capabilities", NULL, -1, d);
}

/* ---- the guest ---- */

struct guest {
	bool running;
	char status[32];
};

static int guest_state(struct monitor *m, struct diag *d, struct guest *ret)
{
	json_t *o = NULL;
	const int r = command(m, "query-status", NULL, -1, d, &o);
	const char *status = json_string_value(json_object_get(o, "status"));
	size_t n = 0;

	*ret = (struct guest){.running = json_is_true(json_object_get(o, "running"))};
	for (; status != NULL && status[n] != 0 && n + 1 < sizeof ret->status; n++)
		ret->status[n] = status[n] > ' ' && status[n] <= '~' ? status[n] : '?';
	json_decref(o);
	return r;
}

static int check_target(struct monitor *m, struct diag *d)
{
	json_t *o = NULL;
	int r = command(m, "query-target", NULL, -1, d, &o);
	const char *arch = json_string_value(json_object_get(o, "arch"));

	if (r == 0 && (arch == NULL || strcmp(arch, "x86_64") != 0))
		r = say(d, -ENOTSUP, "only x86_64 guests are understood; this one is",
			arch != NULL ? arch : "unknown");
	json_decref(o);
	return r;
}

static void nap(void)
{
	(void)poll(NULL, 0, QMP_POLL_MS);
}

/* A guest that ran runs again, unless somebody else has stopped it since. */
static int guest_resumes(struct monitor *m, struct diag *d)
{
	const uint64_t begun = os_now_ns();
	struct guest g = {.status = "unknown"};

	for (;;) {
		struct diag nothing = {0};
		const int r = guest_state(m, &nothing, &g);
		const uint64_t waited = os_now_ns() - begun;

		if (m->broken)
			return diag(d, r, "%s", nothing.text);
		if (g.running || m->resumed)
			return 0;
		if (waited >= QMP_RESUME_MS * MS)
			return diag(d, -ETIMEDOUT,
				    "the guest is in state %s and does not go on: give its "
				    "monitor the command 'cont'",
				    g.status);
		/* refused while the dump goes on */
		if (waited >= QMP_GRACE_MS * MS || strcmp(g.status, "paused") == 0)
			(void)order(m, "cont", NULL, -1, &nothing);
		nap();
	}
}

/* ---- the dump ---- */

static int temporary(struct diag *d)
{
	const char *dir = getenv("TMPDIR");
	cleanup(freep) char *name = NULL;
	int fd;

	/* on a disk: in memory it would take as much as the guest has */
	if (dir == NULL || *dir == 0)
		dir = "/var/tmp";
	fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL) &&
	    asprintf(&name, "%s/runtserv-scan.XXXXXX", dir) > 0) {
		fd = mkostemp(name, O_CLOEXEC);
		if (fd >= 0)
			(void)unlink(name);
	}
	return fd < 0 ? diag(d, -errno, "a file for the dump, in %s: %s", dir,
			     strerror(errno))
		      : fd;
}

/* Before anything is stopped: is there room? A QEMU that cannot tell its size is tried. */
static int check_room(struct monitor *m, int fd, struct diag *d)
{
	struct diag nothing = {0};
	struct statvfs fs;
	json_t *o = NULL;
	uint64_t need;
	const int r = command(m, "query-memory-size-summary", NULL, -1, &nothing, &o);

	need = (uint64_t)json_integer_value(json_object_get(o, "base-memory"));
	need += (uint64_t)json_integer_value(json_object_get(o, "plugged-memory"));
	json_decref(o);
	if (m->broken)
		return diag(d, r, "%s", nothing.text);
	if (r < 0 || fstatvfs(fd, &fs) < 0 || fs.f_frsize == 0 ||
	    need / fs.f_frsize < fs.f_bavail)
		return 0;
	return diag(
		d, -ENOSPC,
		"the dump needs %llu MiB, and %s has %llu: name a folder with more room in "
		"TMPDIR",
		(unsigned long long)(need >> 20),
		getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/var/tmp",
		(unsigned long long)fs.f_bavail * fs.f_frsize >> 20);
}

/* Waits for the end of the dump. */
static int dump_wait(struct monitor *m, struct diag *d)
{
	uint64_t last = 0, since = os_now_ns();
	struct scan_progress bar;
	int r = 0;

	scan_progress_begin(&bar, "dumping", true);
	for (;;) {
		json_t *o = NULL;
		char status[16];
		uint64_t done;

		r = command(m, "query-dump", NULL, -1, d, &o);
		if (r < 0)
			break;
		const char *text = json_string_value(json_object_get(o, "status"));

		snprintf(status, sizeof status, "%s", text != NULL ? text : "");
		done = (uint64_t)json_integer_value(json_object_get(o, "completed"));
		scan_progress_show(
			&bar, done,
			(uint64_t)json_integer_value(json_object_get(o, "total")));
		json_decref(o);
		if (strcmp(status, "completed") == 0)
			break;
		if (strcmp(status, "active") != 0) {
			r = diag(d, -EIO, "dump-guest-memory: %s",
				 m->failed.text[0] != 0 ? m->failed.text
							: "it did not end well");
			break;
		}
		if (done != last) {
			last = done;
			since = os_now_ns();
		} else if (os_now_ns() - since > QMP_STALL_MS * MS) {
			r = diag(d, -ETIMEDOUT, "the dump does not grow any more");
			break;
		}
		nap();
	}
	scan_progress_end(&bar);
	return r;
}

/* From here on the guest may be stopped. @d: what is wrong with the dump; @ret_resume: with
 * the guest. */
static int dump_take(struct monitor *m, bool running, struct diag *d, struct diag *resume)
{
	struct diag nothing = {0};
	int again = 0, r;

	m->resumed = false;
	r = order(m, "dump-guest-memory",
		  json_pack("{s:b, s:s, s:b}", "paging", 0, "protocol", "fd:" FD_NAME,
			    "detach", 1),
		  -1, d);
	if (r == 0)
		r = dump_wait(m, d);
	else if (!m->broken) /* QEMU may still have the descriptor */
		(void)order(m, "closefd", json_pack("{s:s}", "fdname", FD_NAME), -1,
			    &nothing);
	if (running && m->broken) {
		close(take_fd(&m->fd));
		again = greet(m, resume);
	}
	if (running && again == 0)
		again = guest_resumes(m, resume);
	return r < 0 ? r : again;
}

static int talk(struct monitor *m, int fd, struct scan_input *notes, struct diag *d,
		struct diag *resume)
{
	sigset_t ends, before;
	struct guest g;
	int r = greet(m, d);

	if (r == 0)
		r = check_target(m, d);
	if (r == 0)
		r = guest_state(m, d, &g);
	if (r == 0)
		r = check_room(m, fd, d);
	if (r == 0)
		r = order(m, "getfd", json_pack("{s:s}", "fdname", FD_NAME), fd, d);
	if (r < 0)
		return r;
	if (!g.running)
		scan_input_note(notes, "the guest was not running (%s), and is left so",
				g.status);
	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGHUP);
	(void)pthread_sigmask(SIG_BLOCK, &ends, &before);
	r = dump_take(m, g.running, d, resume);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL); /* one that came ends us here */
	return r;
}

int scan_open_qmp(const char *path, struct scan_input *ret)
{
	struct diag d = {0}, resume = {0};
	struct scan_input notes = {0};
	cleanup(closep) int fd = temporary(&d);
	struct monitor *m = calloc(1, sizeof *m);
	int r = EXIT_TROUBLE;

	if (fd >= 0 && m == NULL)
		(void)diag(&d, -ENOMEM, "%s", strerror(ENOMEM));
	if (fd >= 0 && m != NULL) {
		m->path = path;
		m->fd = -1;
		r = talk(m, fd, &notes, &d, &resume) == 0 ? EXIT_WELL : EXIT_TROUBLE;
		closep(&m->fd);
	}
	free(m);
	if (d.text[0] != 0)
		cli_error("scan", "%s: %s", path, d.text);
	if (resume.text[0] != 0)
		cli_error("scan", "%s: after the dump: %s", path, resume.text);
	if (r == EXIT_WELL)
		r = scan_open_fd(path, fd, ret);
	/* QEMU calls it what its processor is just then */
	if (r == EXIT_WELL && !rts_dump_info(ret->dump)->x86_64) {
		scan_input_fini(ret);
		r = cli_error(
			"scan",
			"%s: the guest's processor is not in 64-bit mode, so no 64-bit "
			"UEFI has begun yet",
			path);
	}
	for (size_t i = 0; r == EXIT_WELL && i < notes.note_count; i++)
		scan_input_note(ret, "%s", notes.notes[i]);
	scan_input_fini(&notes);
	return r;
}
