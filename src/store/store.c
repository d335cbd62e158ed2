/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A store on disk: naming, locking, and the commit. What was acknowledged last is kept as
 * text, so that it can be written again where the outcome of a change is unknown, and be
 * told from somebody else's edit.
 */
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#include "base/cleanup.h"
#include "os/os_clock.h"
#include "os/os_file.h"
#include "store/store_flash.h"
#include "store/store_folder.h"
#include "store/store_priv.h"

#define LABEL_MAX 100U /* of a path, its end, in messages */

struct store {
	struct store_config config; /* .word is ours */
	const char *label;
	enum store_kind kind;
	char *folder, *name, *run_name, *lock_name, *orig_name;
	int dir, lock;
	char boot_id[STORE_BOOT_ID + 1];
	struct rts_vars *vars; /* NULL: not loaded, and nothing may be written */

	struct store_text acked;  /* the file, as it should be */
	struct store_text next;   /* what is being written, or was last */
	struct os_file_id id;     /* the file, as we last saw it */
	bool unknown;             /* the file may be other than @acked: write that first */
	bool lossy;               /* it has members that we would lose: keep it first */
	struct store_text certdb; /* of a flash image */

	struct store_text run;
	bool had_run;
	uint64_t run_written_ns;
};

static void say(const struct store *s, enum rts_log level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void say(const struct store *s, enum rts_log level, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	if (s->config.log == NULL)
		return;
	va_start(ap, fmt);
	fmt_text(text, sizeof text, fmt, ap);
	va_end(ap);
	s->config.log(s->config.log_ctx, level, text);
}

static char *joined(const char *a, const char *b)
{
	char *p = NULL;

	return asprintf(&p, "%s%s", a, b) < 0 ? NULL : p;
}

static int refuse_folder(const struct store *s, struct diag *d)
{
	return diag(d, -EISDIR,
		    "%s: a folder; make a JSON store of it with 'runtserv vars convert'",
		    s->label);
}

static bool ends_with(const char *s, const char *end)
{
	const size_t n = strlen(s), k = strlen(end);

	return n > k && strcmp(s + n - k, end) == 0;
}

/* What a daemon cannot do with what is there or would be new. */
static int check_serve(const struct store *s, bool is_new, struct diag *d)
{
	if (s->kind == STORE_FOLDER)
		return refuse_folder(s, d);
	if (is_new && (s->kind != STORE_JSON))
		return diag(d, -EINVAL,
			    "%s: a new store for 'serve' is a JSON file, its name ends in "
			    ".json "
			    "(or it is memory:)",
			    s->label);
	if (s->kind == STORE_FLASH)
		return diag(
			d, -EINVAL,
			"%s: an edk2 flash image; make a JSON store of it with 'runtserv "
			"vars convert'",
			s->label);
	return 0;
}

/* QEMU locks the image of a machine that runs. */
static int check_unused(const struct store *s, int fd, struct diag *d)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	if (s->config.use != STORE_EDIT || s->kind != STORE_FLASH ||
	    fcntl(fd, F_OFD_GETLK, &lock) < 0 || lock.l_type == F_UNLCK)
		return 0;
	return diag(d, -EBUSY, "%s: locked by another process: a machine that runs?",
		    s->label);
}

static bool begins_as_text(char c)
{
	return (c >= 0x20 && c < 0x7f) || c == '\t' || c == '\n' || c == '\r';
}

/* An existing store is known by its content, a new one by its name. */
static int find_kind(struct store *s, struct diag *d)
{
	char head[STORE_FLASH_HEAD];
	struct stat st = {0};
	ssize_t n = 0;
	cleanup(closep) int fd =
		*s->name != 0 ? os_file_open(s->dir, s->name, O_RDONLY, &st) : -EISDIR;

	if (fd >= 0) {
		n = OS_RETRY(read(fd, head, sizeof head));
		if (n < 0)
			return diag(d, -errno, "%s: %s", s->label, strerror(errno));
	} else if (fd != -EISDIR &&
		   (fd != -ENOENT || s->config.use == STORE_READ || s->config.must_exist)) {
		return diag(d, fd, "%s: %s", s->label,
			    fd == -EINVAL ? "not a regular file" : strerror(-fd));
	}
	if (n >= 4 && memcmp(head, "QFI\xfb", 4) == 0)
		return diag(d, -EINVAL,
			    "%s: a qcow2 image; make it raw with 'qemu-img convert -O raw' "
			    "first",
			    s->label);
	if (fd == -EISDIR || (fd < 0 && ends_with(s->config.word, "/")))
		s->kind = STORE_FOLDER;
	else if (n == 0 ? ends_with(s->name, ".fd")
			: store_flash_is(head, (size_t)n, (uint64_t)st.st_size))
		s->kind = STORE_FLASH;
	else if (n > 0 && !begins_as_text(head[0]))
		return diag(d, -EINVAL,
			    "%s: byte %#x at 0x0: neither JSON nor an edk2 flash image",
			    s->label, (unsigned)(uint8_t)head[0]);
	else if (fd >= 0 || ends_with(s->name, ".json"))
		s->kind = STORE_JSON;
	else
		s->kind = STORE_MEMORY; /* no name of a store */
	if (s->config.use == STORE_SERVE)
		return check_serve(s, n == 0, d);
	if (s->kind == STORE_MEMORY || *s->name == 0)
		return diag(d, -EINVAL,
			    "%s: the name of a new store ends in .json, .fd or /",
			    s->label);
	return check_unused(s, fd, d);
}

/* The folder and the name behind @word. A link is followed now, so that what is replaced is
 * its target. */
static int resolve(struct store *s, struct diag *d)
{
	const char *word = s->config.word;
	cleanup(freep) char *real = realpath(word, NULL);
	cleanup(freep) char *parent = NULL, *bare = NULL;
	const char *slash;
	struct stat st;

	if (real == NULL && errno != ENOENT)
		return diag(d, -errno, "%s: %s", s->label, strerror(errno));
	if (real == NULL && s->config.use == STORE_SERVE && ends_with(word, "/"))
		return refuse_folder(s, d);
	if (real == NULL && lstat(word, &st) == 0)
		return diag(d, -ENOENT, "%s: a symbolic link to nothing", s->label);
	bare = strdup(word);
	if (bare == NULL)
		return diag(d, -ENOMEM, "%s: out of memory", s->label);
	for (size_t n = strlen(bare); n > 1 && bare[n - 1] == '/'; n--)
		bare[n - 1] = 0;
	word = bare;
	slash = strrchr(real != NULL ? real : word, '/');
	if (real != NULL) {
		s->name = strdup(slash + 1);
		parent = strndup(real, slash == real ? 1 : (size_t)(slash - real));
	} else {
		s->name = strdup(slash != NULL ? slash + 1 : word);
		parent = slash == NULL   ? strdup(".")
			 : slash == word ? strdup("/")
					 : strndup(word, (size_t)(slash - word));
	}
	if (s->name == NULL || parent == NULL)
		return diag(d, -ENOMEM, "%s: out of memory", s->label);
	s->folder = realpath(parent, NULL);
	if (s->folder != NULL)
		s->dir = open(s->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dir < 0)
		return diag(d, -errno, "%s: %s", s->label, strerror(errno));
	if (strlen(s->name) + strlen(".orig.tmp") > NAME_MAX)
		return diag(d, -ENAMETOOLONG, "%s: too long a name for the files beside it",
			    s->label);
	s->run_name = joined(s->name, ".run");
	s->lock_name = joined(s->name, ".lock");
	s->orig_name = joined(s->name, ".orig");
	if (s->run_name == NULL || s->lock_name == NULL || s->orig_name == NULL)
		return diag(d, -ENOMEM, "%s: out of memory", s->label);
	return 0;
}

/* The first line of a small file, or "". */
static void first_line(int dir, const char *name, char *ret, size_t cap)
{
	struct stat st;
	cleanup(closep) int fd = os_file_open(dir, name, O_RDONLY, &st);
	ssize_t n = fd >= 0 ? OS_RETRY(read(fd, ret, cap - 1)) : 0;

	ret[n > 0 ? n : 0] = 0;
	ret[strcspn(ret, "\n")] = 0;
}

static int busy(const struct store *s, struct diag *d)
{
	char pid[16], path[40], comm[32];

	first_line(s->dir, s->lock_name, pid, sizeof pid);
	if (*pid == 0 || strspn(pid, "0123456789") != strlen(pid))
		return diag(d, -EBUSY, "%s: in use by another process", s->label);
	snprintf(path, sizeof path, "/proc/%s/comm", pid);
	first_line(AT_FDCWD, path, comm, sizeof comm);
	for (char *c = comm; *c != 0; c++)
		if (*c < 0x20 || *c == 0x7f)
			*c = '?';
	return diag(d, -EBUSY, "%s: in use by process %s%s%s%s", s->label, pid,
		    *comm != 0 ? " (" : "", comm, *comm != 0 ? ")" : "");
}

/* A file that may not be written is not replaced either. */
static int check_writable(const struct store *s, struct diag *d)
{
	if (faccessat(s->dir, s->name, W_OK, AT_EACCESS) < 0 && errno != ENOENT)
		return diag(d, -errno, "%s: %s", s->label, strerror(errno));
	return 0;
}

static int take_lock(struct store *s, struct diag *d)
{
	struct stat st;
	char pid[16];

	s->lock = os_file_open(s->dir, s->lock_name, O_RDWR | O_CREAT, &st);
	if (s->lock < 0)
		return diag(d, s->lock, "%s.lock: %s", s->label,
			    s->lock == -EINVAL ? "not a regular file" : strerror(-s->lock));
	if (OS_RETRY(flock(s->lock, LOCK_EX | LOCK_NB)) < 0)
		return errno == EWOULDBLOCK
			       ? busy(s, d)
			       : diag(d, -errno, "%s.lock: %s", s->label, strerror(errno));
	/* the number is for people; without it the lock is as good */
	snprintf(pid, sizeof pid, "%d\n", (int)getpid());
	if (ftruncate(s->lock, 0) == 0)
		(void)!pwrite(s->lock, pid, strlen(pid), 0);
	return 0;
}

int store_open(const struct store_config *config, struct diag *d, struct store **ret)
{
	struct store *s = calloc(1, sizeof *s);
	size_t len = strlen(config->word);
	int r = 0;

	if (s == NULL)
		return diag(d, -ENOMEM, "%s: out of memory", config->word);
	s->dir = s->lock = -1;
	s->config = *config;
	s->config.word = strdup(config->word);
	if (s->config.word == NULL) {
		store_close(s);
		return diag(d, -ENOMEM, "%s: out of memory", config->word);
	}
	s->label = s->config.word + (len > LABEL_MAX ? len - LABEL_MAX : 0);
	if (strcmp(s->config.word, "memory:") != 0) {
		r = resolve(s, d);
		if (r == 0)
			r = find_kind(s, d);
		if (r == 0 && s->config.use != STORE_READ)
			r = check_writable(s, d);
		if (r == 0 && s->config.use != STORE_READ)
			r = take_lock(s, d);
		first_line(AT_FDCWD, "/proc/sys/kernel/random/boot_id", s->boot_id,
			   sizeof s->boot_id);
	}
	if (r < 0)
		store_close(s);
	else
		*ret = s;
	return r;
}

void store_close(struct store *s)
{
	if (s == NULL)
		return;
	closep(&s->dir);
	closep(&s->lock);
	store_text_fini(&s->acked);
	store_text_fini(&s->next);
	store_text_fini(&s->run);
	store_text_fini(&s->certdb);
	free(s->folder);
	free(s->name);
	free(s->run_name);
	free(s->lock_name);
	free(s->orig_name);
	free((char *)s->config.word);
	free(s);
}

const char *store_folder(const struct store *s)
{
	return s->folder;
}

bool store_had_run(const struct store *s)
{
	return s->had_run;
}

uint64_t store_run_written_ns(const struct store *s)
{
	return s->run_written_ns;
}

struct bytes store_certdb(const struct store *s)
{
	return (struct bytes){(const uint8_t *)s->certdb.p, s->certdb.n};
}

enum store_kind store_kind(const struct store *s)
{
	return s->kind;
}

struct bytes store_content(const struct store *s)
{
	return (struct bytes){(const uint8_t *)s->acked.p, s->acked.n};
}

bool store_has_unknown(const struct store *s)
{
	return s->lossy;
}

static size_t length_max(const struct store *s)
{
	return s->kind == STORE_FLASH ? STORE_FLASH_MAX : STORE_FILE_MAX;
}

/* All that is there, as it is; where nothing is: 0 bytes and !ret_id->exists. 0 or -errno
 * with a text. */
static int read_whole(const struct store *s, struct store_text *ret,
		      struct os_file_id *ret_id, struct diag *d)
{
	char *text = NULL;
	size_t len = 0;
	int r;

	*ret_id = (struct os_file_id){0};
	if (s->kind == STORE_FOLDER) {
		r = store_folder_read(s->dir, s->name, s->label, ret, d);
		ret_id->exists = r == 0;
		return r == -ENOENT ? 0 : r;
	}
	r = os_file_read(s->dir, s->name, length_max(s), &text, &len, ret_id);
	if (r == -ENOENT)
		return 0;
	if (r == -EFBIG)
		return diag(d, r, "%s: longer than %zu bytes", s->label, length_max(s));
	if (r < 0)
		return diag(d, r, "%s: %s", s->label, strerror(-r));
	store_text_fini(ret);
	*ret = (struct store_text){.p = text, .n = len, .cap = len};
	return 0;
}

static int load_durable(struct store *s, struct rts_vars *v, struct diag *d)
{
	struct store_source in = {s->label, NULL, 0, s->config.log, s->config.log_ctx};
	int r = read_whole(s, &s->acked, &s->id, d);

	if (r < 0 || !s->id.exists)
		return r;
	in.text = s->acked.p;
	in.len = s->acked.n;
	if (s->kind == STORE_FLASH)
		return store_flash_parse(&in, v, &s->certdb, d);
	if (s->kind == STORE_FOLDER)
		return store_folder_parse(&in, v, d);
	return store_json_parse(&in, v, &s->lossy, d);
}

/* One that cannot be read is no error: without it the machine is as after a reset. */
static int load_run(struct store *s, struct rts_vars *v)
{
	cleanup(freep) char *text = NULL;
	cleanup(freep) char *label = joined(s->label, ".run");
	struct store_source in = {label, NULL, 0, s->config.log, s->config.log_ctx};
	struct os_file_id id;
	int r = os_file_read(s->dir, s->run_name, STORE_FILE_MAX, &text, &in.len, &id);

	if (r == -ENOENT)
		return 0;
	if (label == NULL)
		return -ENOMEM;
	if (r == -ENOMEM || r == -EISDIR) /* a folder could never be replaced */
		return r;
	if (r < 0) {
		say(s, RTS_LOG_WARNING, "%s: %s; ignored", label, strerror(-r));
		return 0;
	}
	in.text = text;
	return store_run_parse(&in, s->boot_id, v, &s->had_run, &s->run_written_ns);
}

int store_load(struct store *s, struct rts_vars *v, struct diag *d)
{
	int r;

	if (s->kind != STORE_MEMORY) {
		r = load_durable(s, v, d);
		if (r < 0)
			return r;
		r = s->config.use == STORE_SERVE ? load_run(s, v) : 0;
		if (r < 0)
			return diag(d, r, "%s.run: %s", s->label, strerror(-r));
	}
	s->vars = v;
	return 0;
}

static bool is_text(const struct store_text *t, const char *text, size_t len)
{
	return len == t->n && (len == 0 || memcmp(text, t->p, len) == 0);
}

/* 0: the store holds what we last made it hold, whoever touched it, and that is put into
 * @ret; -ESTALE: it does not; or -errno with a text. */
static int same_content(struct store *s, struct store_text *ret, struct diag *d)
{
	struct os_file_id id;
	int r = read_whole(s, ret, &id, d);

	if (r < 0)
		return r;
	if ((id.exists != s->id.exists || !is_text(&s->acked, ret->p, ret->n)) &&
	    (!id.exists || !s->unknown || !is_text(&s->next, ret->p, ret->n)))
		return -ESTALE;
	s->id = id;
	return 0;
}

static int replace_folder(struct store *s, const struct store_text *text, bool *ret_renamed,
			  struct diag *d)
{
	cleanup(store_text_fini) struct store_text now = {0};
	int r = same_content(s, &now, d);

	*ret_renamed = false;
	if (r == 0)
		r = store_folder_replace(s->dir, s->name, s->id.exists ? &now : NULL, text,
					 ret_renamed, d);
	if (*ret_renamed)
		s->id.exists = true;
	return r;
}

static int replace_file(struct store *s, const struct store_text *text, bool *ret_renamed,
			struct diag *d)
{
	const struct os_file_new w = {s->dir, s->name, text->p, text->n, true, &s->id};
	cleanup(store_text_fini) struct store_text now = {0};
	int r = os_file_replace(&w, ret_renamed, d);

	if (r != -ESTALE)
		return r;
	r = same_content(s, &now, d);
	return r == 0 ? os_file_replace(&w, ret_renamed, d) : r;
}

static int replace(struct store *s, const struct store_text *text, struct diag *d)
{
	bool renamed;
	int r = s->kind == STORE_FOLDER ? replace_folder(s, text, &renamed, d)
					: replace_file(s, text, &renamed, d);

	if (r == -ESTALE)
		diag_set(d, "changed by somebody else, and not overwritten; start again to "
			    "take it "
			    "as it is");
	if (renamed)
		s->unknown = r < 0;
	return r;
}

/* Keeps the file as it is under another name, once, for it has what a rewrite would lose.
 */
static int keep_original(struct store *s, struct diag *d)
{
	struct os_file_id none = {0};
	const struct os_file_new w = {s->dir,     s->orig_name, s->acked.p,
				      s->acked.n, true,         &none};
	cleanup(freep) char *text = NULL;
	bool renamed;
	size_t len;
	int r = os_file_replace(&w, &renamed, d);

	if (r == -ESTALE) { /* there is one; the same, if we were killed after making it */
		r = os_file_read(s->dir, s->orig_name, STORE_FILE_MAX, &text, &len, &none);
		if (r < 0 || !is_text(&s->acked, text, len))
			return diag(
				d, -EEXIST,
				"%s is in the way of keeping the original: move it away",
				s->orig_name);
	}
	if (r == 0) {
		s->lossy = false;
		say(s, RTS_LOG_INFO, "%s: kept as %s before the first change", s->label,
		    s->orig_name);
	}
	return r;
}

/* Puts into s->next what the store is to be. */
static int write_next(struct store *s, const struct rts_vars_view *view, struct diag *d)
{
	const struct store_flash_new image = {view, store_content(s), s->config.layout,
					      store_certdb(s)};
	int r;

	if (s->kind == STORE_FLASH)
		r = store_flash_write(&image, s->label, &s->next, d);
	else if (s->kind == STORE_FOLDER)
		r = store_folder_write(view, s->label, &s->next, d);
	else
		r = store_json_write(view, &s->acked, &s->next);
	if (r == 0 && s->next.n > length_max(s))
		r = -EFBIG;
	return r < 0 ? diag(d, r, "%s", strerror(-r)) : 0;
}

static int commit_durable(struct store *s, const struct rts_vars_view *view, struct diag *d)
{
	struct store_text text;
	int r = s->lossy ? keep_original(s, d) : 0;

	if (r == 0 && s->unknown)
		r = replace(s, &s->acked, d);
	if (r < 0)
		return r;
	r = write_next(s, view, d);
	if (r < 0)
		return r;
	r = replace(s, &s->next, d);
	if (r == 0) {
		text = s->acked;
		s->acked = s->next;
		s->next = text;
	}
	return r;
}

static int commit_run(struct store *s, const struct rts_vars_view *view, struct diag *d)
{
	const uint64_t now = os_boot_ns();
	struct os_file_new w = {.dir = s->dir, .name = s->run_name};
	bool renamed;
	int r = store_run_write(view, s->boot_id, now, &s->run);

	if (r == 0 && s->run.n > STORE_FILE_MAX)
		r = -EFBIG;
	if (r < 0)
		return diag(d, r, "%s: %s", s->run_name, strerror(-r));
	w.p = s->run.p;
	w.n = s->run.n;
	r = os_file_replace(&w, &renamed, d);
	if (r == 0)
		s->run_written_ns = now;
	return r;
}

static EFI_STATUS commit(void *ctx, const struct rts_vars_view *view, unsigned parts)
{
	struct store *s = ctx;
	struct diag d = {0};
	bool named;
	int r = 0;

	if (s->config.use != STORE_SERVE)
		parts &= ~(unsigned)RTS_VARS_RUN;
	if (s->kind == STORE_MEMORY || parts == 0)
		return EFI_SUCCESS;
	if (s->vars == NULL || s->config.use == STORE_READ) {
		say(s, RTS_LOG_ERROR, "%s: never written %s", s->label,
		    s->vars == NULL ? "before it was read" : "where it is only read");
		return EFI_DEVICE_ERROR;
	}
	if ((parts & RTS_VARS_RUN) != 0)
		r = commit_run(s, view, &d);
	if (r == 0 && (parts & RTS_VARS_DURABLE) != 0) {
		r = commit_durable(s, view, &d);
		if (r < 0 && (parts & RTS_VARS_RUN) != 0) /* both or none */
			(void)commit_run(s, rts_vars_current(s->vars), &d);
	}
	if (r == 0)
		return EFI_SUCCESS;
	named = strncmp(d.text, s->label, strlen(s->label)) == 0;
	say(s, RTS_LOG_ERROR, "%s%s%s; the change is not made%s", named ? "" : s->label,
	    named ? "" : ": ", d.text,
	    s->unknown ? ", and undone on disk before the next one" : "");
	return EFI_DEVICE_ERROR;
}

const struct rts_var_store_ops store_ops = {commit};

/* Keeps what is there as NAME.bak, in place of what that was. */
static int back_up(struct store *s, struct diag *d)
{
	cleanup(freep) char *name = joined(s->name, ".bak");
	struct os_file_new w = {s->dir, name, s->acked.p, s->acked.n, true, NULL};
	bool renamed;
	int r;

	if (name == NULL)
		return diag(d, -ENOMEM, "%s: out of memory", s->label);
	if (s->kind != STORE_FOLDER) {
		r = os_file_replace(&w, &renamed, d);
	} else {
		r = store_folder_remove(s->dir, name);
		r = r < 0 ? diag(d, r, "%s: %s", name, strerror(-r))
			  : store_folder_replace(s->dir, name, NULL, &s->acked, &renamed,
						 d);
	}
	if (r == 0)
		say(s, RTS_LOG_INFO, "%s: kept as %s", s->label, name);
	return r;
}

int store_peek(struct store *s, struct diag *d)
{
	return read_whole(s, &s->acked, &s->id, d);
}

int store_overwrite(struct store *s, const struct rts_vars_view *view, struct bytes certdb,
		    bool force, struct diag *d)
{
	int r = 0;

	if (s->acked.n > 0 && !force)
		return diag(d, -EEXIST,
			    "%s: not empty; use --force, which keeps it as %s.bak",
			    s->label, s->name);
	if (s->acked.n > 0)
		r = back_up(s, d);
	s->certdb.n = 0;
	if (r == 0 && !store_text_reserve(&s->certdb, certdb.n + 1))
		r = diag(d, -ENOMEM, "%s: out of memory", s->label);
	if (r < 0)
		return r;
	if (certdb.n > 0)
		store_text_put(&s->certdb, (const char *)certdb.p, certdb.n);
	r = commit_durable(s, view, d);
	return r < 0 ? diag(d, r, "%s: %s", s->label, strerror(-r)) : 0;
}
