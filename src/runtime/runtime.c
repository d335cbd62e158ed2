/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The parent: runs the drivers in children until all is known. A child ends at the first
 * fault; the next one does the same again, the same addresses included, but leaves that
 * call out. Helpers for what a driver needs are found by trying those drivers of the
 * firmware that know the GUID.
 */
#include "runtime/runtime.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/guid.h"
#include "runtime/rt_judge.h"
#include "runtime/rt_priv.h"
#include "runtime/rt_script.h"

#define RUNS_MAX   64U  /* of the whole sequence */
#define TRIALS_MAX 256U /* of entry points, in search of helpers */
#define DEPTH_MAX  4U   /* helpers of helpers */
#define QUIET_MS   2000U
#define STEP_MS    250U
#define DRIVER     0x07U /* EFI_FV_FILETYPE_DRIVER */

struct session {
	const struct runtime_config *config;
	struct rt_script *script;
	struct rt_shared *shared; /* as the last child left it */
	const struct runtime_driver *drivers[RT_IMAGES_MAX];
	bool dead[RT_IMAGES_MAX];
	uint8_t first[RT_IMAGES_MAX]; /* as in struct rt_plan */
	size_t count;
	int32_t skip[RT_SKIP_MAX];
	size_t skip_count;
	unsigned trials, runs, full_runs;
	struct runtime_driver *files; /* drivers of the firmware */
	struct rt_pcd *pcds;          /* and its PCDs */
	size_t pcd_count;
	size_t file_count;
	const struct rt_flash_layout *flash;
	int ram_fd, ecam_fd, flash_fd;
	char *trace; /* shared with the child; NULL: not asked for */
	bool deaf;   /* a driver that was asked for had to be killed: once is enough */
	struct diag *d;
};

static void session_fini(struct session *s)
{
	rt_script_free(s->script);
	if (s->shared != NULL)
		munmap(s->shared, sizeof *s->shared);
	if (s->trace != NULL)
		munmap(s->trace, RT_TRACE_MAX);
	free(s->files);
	free(s->pcds);
	closep(&s->ram_fd);
	closep(&s->ecam_fd);
	closep(&s->flash_fd);
}

static int memory_file(const char *name, off_t len)
{
	int fd = memfd_create(name, MFD_CLOEXEC);

	if (fd >= 0 && ftruncate(fd, len) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static int flash_fill(const struct session *s)
{
	const uint32_t len = s->flash->len;
	uint8_t *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, s->flash_fd, 0);
	const struct bytes from = s->config->flash;

	if (p == MAP_FAILED)
		return -errno;
	rt_flash_empty(p, s->flash);
	if (from.n != 0)
		memcpy(p, from.p, from.n < len ? from.n : len);
	munmap(p, len);
	return 0;
}

/* Memory that is fresh for every child. */
static int fresh(struct session *s)
{
	if (s->shared != NULL)
		munmap(s->shared, sizeof *s->shared);
	closep(&s->ram_fd);
	closep(&s->ecam_fd);
	s->ram_fd = memory_file("ram", (off_t)RT_RAM_LEN);
	s->ecam_fd = memory_file("ecam", (off_t)RT_ECAM_LEN);
	s->shared = mmap(NULL, sizeof *s->shared, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (s->shared == MAP_FAILED)
		s->shared = NULL;
	if (s->shared == NULL || s->ram_fd < 0 || s->ecam_fd < 0 || flash_fill(s) < 0)
		return diag(s->d, -ENOMEM, "no memory for the hosted machine: %s",
			    strerror(errno));
	return 0;
}

/* What the child itself could not tell: it is gone, or would not end. */
static void lost(struct session *s, int status)
{
	struct rt_shared *sh = s->shared;
	const uint32_t n = atomic_load(&sh->records_count);
	const uint32_t phase = atomic_load(&sh->phase);
	struct rt_record *r;

	if (n >= RT_RECORDS_MAX)
		return;
	r = &sh->records[n];
	*r = (struct rt_record){.rule = RT_WILD_ACCESS,
				.phase = (uint8_t)phase,
				.at = sh->entered,
				.block = -1,
				.call = sh->call,
				.service = RT_SERVICE_NONE};
	if (WIFSIGNALED(status))
		snprintf(r->text, sizeof r->text,
			 "the process that ran the drivers ended by signal %d",
			 WTERMSIG(status));
	else
		snprintf(r->text, sizeof r->text, "the process that ran the drivers ended");
	atomic_store(&sh->records_count, n + 1);
	atomic_store(&sh->faulted, 1);
}

/* The records are as the child writes them, as far as that can be seen. */
static bool is_sound(const struct session *s)
{
	const struct rt_shared *sh = s->shared;

	return (atomic_load(&sh->images_count) == s->count || sh->trouble == 1) &&
	       atomic_load(&sh->blocks_count) <= RT_BLOCKS_MAX &&
	       atomic_load(&sh->records_count) <= RT_RECORDS_MAX &&
	       atomic_load(&sh->suspects_count) <= RT_SUSPECTS_MAX &&
	       atomic_load(&sh->needs_count) <= RT_NEEDS_MAX &&
	       atomic_load(&sh->misses_count) <= RT_MISSES_MAX &&
	       atomic_load(&sh->phase) < RT_PHASE_COUNT &&
	       atomic_load(&sh->arch) <= s->count && atomic_load(&sh->finished) <= 1 &&
	       atomic_load(&sh->faulted) <= 1 && atomic_load(&sh->trouble) <= 1 &&
	       sh->map_len <= sizeof sh->map;
}

/* What is left when a driver has written over them: which ones ran. */
static void scribbled(struct session *s)
{
	struct rt_shared *sh = s->shared;
	struct rt_record *const r = &sh->records[0];

	memset(sh, 0, sizeof *sh);
	for (size_t i = 0; i < s->count; i++) {
		struct rt_image *img = &sh->images[i];

		snprintf(img->name, sizeof img->name, "%s", s->drivers[i]->name);
		img->guid = s->drivers[i]->guid;
		img->has_guid = s->drivers[i]->has_guid;
		img->role = i < s->config->subject_count ? RT_ROLE_SUBJECT : RT_ROLE_HELPER;
		img->started = 1;
		img->status = RT_STATUS_FAULTED;
	}
	*r = (struct rt_record){.rule = RT_WILD_ACCESS,
				.at = {s->count == 1 ? 0 : RT_NOBODY, 0},
				.block = -1,
				.call = -1,
				.service = RT_SERVICE_NONE};
	snprintf(r->text, sizeof r->text, "writes over the records of the run itself");
	sh->phases[RT_PHASE_ENTRY].reached = 1;
	atomic_store(&sh->images_count, (uint32_t)s->count);
	atomic_store(&sh->records_count, 1);
	atomic_store(&sh->faulted, 1);
}

/* Waits for the child to end. It watches its own time; the limit here is for one that no
 * longer can: whose calls into drivers do not go on. */
static void watch(struct session *s, struct pollfd *p, pid_t pid)
{
	const unsigned timeout = s->config->timeout_ms != 0 ? s->config->timeout_ms : 5000;
	const unsigned limit = timeout * 4 + 60000;
	unsigned ms = 0, step = QUIET_MS, since = 0;
	uint64_t seen = 0;

	s->runs++;
	for (; poll(p, 1, (int)step) == 0; step = STEP_MS) {
		const uint64_t entries = atomic_load(&s->shared->entries);

		ms += step;
		if (entries != seen)
			since = ms;
		seen = entries;
		if (s->config->progress != NULL)
			s->config->progress(s->config->progress_ctx, s->runs, ms);
		if (ms - since >= limit) {
			kill(pid, SIGKILL);
			s->deaf = s->shared->entered.image < s->config->subject_count;
			return;
		}
	}
}

/* One child, to its end. */
static int run_once(struct session *s, bool dispatch_only)
{
	const struct rt_plan plan = {.config = s->config,
				     .drivers = s->drivers,
				     .dead = s->dead,
				     .first = s->first,
				     .count = s->count,
				     .subject_count = s->config->subject_count,
				     .script = s->script,
				     .flash = s->flash,
				     .pcds = s->pcds,
				     .pcd_count = s->pcd_count,
				     .dispatch_only = dispatch_only,
				     .console = s->config->console && !dispatch_only &&
						s->full_runs++ == 0,
				     .trace = s->trace,
				     .skip = s->skip,
				     .skip_count = s->skip_count};
	struct pollfd p = {.events = POLLIN};
	cleanup(closep) int fd = -1;
	int status = 0, r;
	pid_t pid;

	if (s->deaf)
		return 0; /* what the last run left tells enough */
	r = fresh(s);
	if (r < 0)
		return r;
	pid = fork();
	if (pid < 0)
		return diag(s->d, -errno, "fork: %s", strerror(errno));
	if (pid == 0)
		rt_child(&plan, s->shared, s->ram_fd, s->ecam_fd, s->flash_fd);
	fd = (int)syscall(SYS_pidfd_open, pid, 0);
	p.fd = fd;
	if (fd >= 0)
		watch(s, &p, pid);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!is_sound(s))
		scribbled(s);
	if (atomic_load(&s->shared->trouble) == 1) {
		rt_clean(s->shared->trouble_text, sizeof s->shared->trouble_text);
		return diag(s->d, -EIO, "%s", s->shared->trouble_text);
	}
	if (atomic_load(&s->shared->finished) == 0 && atomic_load(&s->shared->faulted) == 0)
		lost(s, status);
	return 0;
}

/* The record that ended a run; NULL: it came to its end. */
static const struct rt_record *fatal(const struct session *s)
{
	const uint32_t n = atomic_load(&s->shared->records_count);

	if (atomic_load(&s->shared->faulted) == 0 || n == 0 || n > RT_RECORDS_MAX)
		return NULL;
	return &s->shared->records[n - 1];
}

/* Helpers. */

static bool contains(struct bytes hay, const EFI_GUID *guid)
{
	return hay.n != 0 && memmem(hay.p, hay.n, guid, sizeof *guid) != NULL;
}

static bool is_met(const struct session *s, const EFI_GUID *guid)
{
	static const EFI_GUID arch = EFI_RUNTIME_ARCH_PROTOCOL_GUID;
	const uint32_t n = atomic_load(&s->shared->needs_count);

	for (uint32_t i = 0; i < n && i < RT_NEEDS_MAX; i++)
		if (guid_eq(&s->shared->needs[i].guid, guid) && !s->shared->needs[i].met)
			return false;
	/* the one that nobody but the user asks for */
	return !guid_eq(guid, &arch) || atomic_load(&s->shared->arch) != 0;
}

/* @f is one of the firmware's. */
static bool same_driver(const struct runtime_driver *d, const struct runtime_driver *f)
{
	return d == f || (d->has_guid && guid_eq(&d->guid, &f->guid));
}

static bool in_use(const struct session *s, const struct runtime_driver *f)
{
	for (size_t i = 0; i < s->count; i++)
		if (same_driver(s->drivers[i], f))
			return true;
	return false;
}

/* Driver @i started well; and it does not take SetVirtualAddressMap into its hands, unless
 * that is wanted. */
static bool helps(const struct session *s, size_t i)
{
	return s->shared->images[i].status == RT_STATUS_OK &&
	       (s->config->engine == RUNTIME_ENGINE_EDK2 ||
		atomic_load(&s->shared->arch) != i + 1);
}

static bool was_started(const struct session *s, size_t i)
{
	return s->shared != NULL && s->shared->images[i].started != 0;
}

static int resolve(struct session *s, const EFI_GUID *guid, unsigned depth);

/* What driver @i waits for, one after the other. */
static int resolve_depex(struct session *s, size_t i, unsigned depth)
{
	for (unsigned round = 0; round < 8; round++) {
		const uint32_t n = atomic_load(&s->shared->needs_count);
		EFI_GUID want;
		bool found = false;
		int r;

		for (uint32_t k = 0; k < n && k < RT_NEEDS_MAX && !found; k++) {
			const struct rt_need *need = &s->shared->needs[k];

			found = need->kind == RT_NEED_DEPEX && need->image == i &&
				!need->met;
			want = need->guid;
		}
		if (!found)
			return 1;
		r = resolve(s, &want, depth);
		if (r <= 0)
			return r;
	}
	return 0;
}

/* 1: some driver of the firmware was added that installs @guid; 0: none does; or -errno. */
static int resolve(struct session *s, const EFI_GUID *guid, unsigned depth)
{
	if (depth > DEPTH_MAX)
		return 0;
	for (size_t i = 0; i < s->file_count && s->trials < TRIALS_MAX; i++) {
		const struct runtime_driver *f = &s->files[i];
		const size_t before = s->count;
		int r;

		if (s->count == RT_IMAGES_MAX || in_use(s, f) ||
		    !contains(f->image, guid) || contains(f->depex, guid))
			continue;
		s->drivers[s->count++] = f;
		s->trials++;
		r = run_once(s, true);
		if (r == 0 && fatal(s) == NULL && !was_started(s, before)) {
			r = resolve_depex(s, before, depth + 1);
			if (r > 0) {
				s->trials++;
				r = run_once(s, true);
			} else if (r == 0) {
				s->count = before;
				continue;
			}
		}
		if (r < 0)
			return r;
		/* that another driver goes wrong for want of something else is not this
		 * one's fault */
		if (is_met(s, guid) && helps(s, before))
			return 1;
		s->count = before;
	}
	return 0;
}

/* A need that is worth a helper: what keeps a driver from starting, or what it waits for.
 * What it merely looked up counts only where the driver went wrong. */
static bool wants_helper(const struct session *s, const struct rt_need *n)
{
	const struct rt_record *f = fatal(s);

	if (n->met || n->image >= s->count)
		return false;
	if (n->kind != RT_NEED_LOCATE)
		return true;
	return s->shared->images[n->image].status == RT_STATUS_FAILED ||
	       (f != NULL && f->at.image == n->image);
}

/* Driver @f of the firmware has this place in its list, if it runs by itself. */
static int start_first(struct session *s, const struct runtime_driver *f, uint8_t rank)
{
	const size_t before = s->count;
	int r;

	for (size_t i = 0; i < s->count; i++)
		if (same_driver(s->drivers[i], f)) {
			s->first[i] = rank;
			return 0;
		}
	if (s->count == RT_IMAGES_MAX)
		return 0;
	s->drivers[s->count++] = f;
	s->first[before] = rank;
	r = run_once(s, true);
	if (r == 0 && !helps(s, before)) {
		s->count = before;
		s->first[before] = 0;
	}
	return r;
}

/* PI 1.8 vol 2 §10.3: a firmware's own list of what starts first. Its order stands for
 * dependencies that no expression tells. */
static int a_priori(struct session *s)
{
	static const EFI_GUID list_guid = EFI_APRIORI_GUID;
	uint8_t rank = 0;
	const size_t n =
		s->config->firmware != NULL ? rts_fv_file_count(s->config->firmware) : 0;

	for (size_t i = 0; i < n; i++) {
		const struct rts_fv_file *f = rts_fv_file(s->config->firmware, i);
		EFI_GUID guid;

		if (!guid_eq(&f->guid, &list_guid))
			continue;
		for (uint64_t at = 4; bytes_read(f->body, at, &guid, sizeof guid);
		     at += sizeof guid)
			for (size_t k = 0; k < s->file_count; k++) {
				int r = 0;

				if (guid_eq(&s->files[k].guid, &guid) &&
				    rank < RT_FIRST_MAX)
					r = start_first(s, &s->files[k], ++rank);
				if (r < 0)
					return r;
			}
	}
	return 0;
}

static int add_helpers(struct session *s)
{
	EFI_GUID tried[RT_NEEDS_MAX];
	size_t tried_count = 0;
	bool listed = false;

	for (;;) {
		int r = run_once(s, true);
		bool found = false;
		EFI_GUID want;

		if (r < 0)
			return r;
		for (uint32_t i = 0;
		     i < atomic_load(&s->shared->needs_count) && i < RT_NEEDS_MAX && !found;
		     i++) {
			const struct rt_need *n = &s->shared->needs[i];
			bool again = false;

			for (size_t k = 0; k < tried_count; k++)
				again = again || guid_eq(&tried[k], &n->guid);
			found = !again && wants_helper(s, n);
			want = n->guid;
		}
		if (!found && fatal(s) != NULL && !listed && s->file_count != 0) {
			listed = true;
			r = a_priori(s);
			if (r < 0)
				return r;
			continue;
		}
		if (!found || tried_count == RT_NEEDS_MAX || s->file_count == 0)
			return 0;
		tried[tried_count++] = want;
		r = resolve(s, &want, 0);
		if (r < 0)
			return r;
	}
}

/* A driver that was asked for, and may itself wait for a helper. */
static bool is_subjects(const struct session *s, const EFI_GUID *guid)
{
	for (size_t i = 0; i < s->config->subject_count; i++)
		if (contains(s->drivers[i]->image, guid) &&
		    !contains(s->drivers[i]->depex, guid))
			return true;
	return false;
}

static int find_helpers(struct session *s)
{
	static const EFI_GUID arch = EFI_RUNTIME_ARCH_PROTOCOL_GUID;
	const bool edk2 = s->config->engine == RUNTIME_ENGINE_EDK2;
	int r = run_once(s, true);

	if (r == 0 && edk2 && atomic_load(&s->shared->arch) == 0 &&
	    !is_subjects(s, &arch)) {
		/* by itself: what the others do without their helpers is of no interest yet
		 */
		memset(s->dead, true, s->count);
		r = resolve(s, &arch, 0);
		memset(s->dead, false, s->count);
	}
	if (r >= 0)
		r = add_helpers(s);
	if (r == 0 && edk2 && atomic_load(&s->shared->arch) == 0)
		return diag(s->d, -ENOENT,
			    "no driver for --engine=edk2: the firmware has no RuntimeDxe "
			    "that runs");
	return r;
}

static int firmware_drivers(struct session *s)
{
	const size_t n =
		s->config->firmware != NULL ? rts_fv_file_count(s->config->firmware) : 0;

	s->files = calloc(n + 1, sizeof *s->files);
	s->pcds = calloc(RT_PCDS_MAX / 2, sizeof *s->pcds);
	if (s->files == NULL || s->pcds == NULL)
		return diag(s->d, -ENOMEM, "out of memory");
	s->pcd_count = rt_pcd_defaults(s->config->firmware, s->pcds, RT_PCDS_MAX / 2);
	for (size_t i = 0; i < n; i++) {
		const struct rts_fv_file *f = rts_fv_file(s->config->firmware, i);

		if (f->type == DRIVER && f->image.n != 0 && !f->te)
			s->files[s->file_count++] = (struct runtime_driver){
				.name = f->name != NULL ? f->name : "?",
				.path = s->config->firmware_path,
				.image = f->image,
				.depex = f->depex,
				.has_guid = true,
				.guid = f->guid};
	}
	return 0;
}

/* A private copy, and what it says in the end. */
static int report_add(struct session *s, struct runtime_report *ret)
{
	void *ram = mmap(NULL, RT_RAM_LEN, PROT_READ, MAP_SHARED, s->ram_fd, 0);
	int r;

	if (ram == MAP_FAILED)
		return diag(s->d, -errno, "the run's memory: %s", strerror(errno));
	r = rt_judge(s->config, s->shared, (struct bytes){ram, RT_RAM_LEN}, RT_RAM_BASE,
		     ret);
	munmap(ram, RT_RAM_LEN);
	return r < 0 ? diag(s->d, r, "out of memory") : 0;
}

static bool subjects_left(const struct session *s)
{
	for (size_t i = 0; i < s->config->subject_count; i++)
		if (!s->dead[i])
			return true;
	return false;
}

/* The call that ended a run is left out of the next; after one that did not come back, so
 * are those like it in that phase, which would cost as much time again. False: it was no
 * call, or there is no more room. */
static bool leave_out(struct session *s, const struct rt_record *f)
{
	const size_t phase = (size_t)f->call / RT_SCRIPT_CALLS_MAX,
		     first = (size_t)f->call % RT_SCRIPT_CALLS_MAX;
	const struct rt_script_call *calls = s->script->calls;

	if (f->call < 0 || first >= s->script->count || s->skip_count == RT_SKIP_MAX)
		return false;
	s->skip[s->skip_count++] = f->call;
	for (size_t i = first + 1;
	     f->rule == RT_HANG && i < s->script->count && s->skip_count < RT_SKIP_MAX; i++)
		if (calls[i].verb == calls[first].verb)
			s->skip[s->skip_count++] =
				(int32_t)(phase * RT_SCRIPT_CALLS_MAX + i);
	return true;
}

static int run_all(struct session *s, struct runtime_report *ret)
{
	for (unsigned run = 0; run < RUNS_MAX; run++) {
		const struct rt_record *f;
		int r = run_once(s, false);

		if (r == 0)
			r = report_add(s, ret);
		f = fatal(s);
		if (r < 0 || f == NULL || s->deaf)
			return r;
		if (!leave_out(s, f)) {
			if (f->at.image >= s->count || s->dead[f->at.image])
				return 0;
			s->dead[f->at.image] = true;
		}
		if (!subjects_left(s))
			return 0;
	}
	return 0;
}

static int flash_keep(const struct session *s)
{
	const uint32_t len = s->flash->len;
	uint8_t *p;

	if (s->config->flash_after == NULL)
		return 0;
	p = malloc(len);
	if (p == NULL || pread(s->flash_fd, p, len, 0) != (ssize_t)len) {
		free(p);
		return diag(s->d, -ENOMEM, "the flash could not be read back");
	}
	*s->config->flash_after = (struct bytes){p, len};
	return 0;
}

static int trace_new(struct session *s)
{
	void *p;

	if (s->config->trace == NULL)
		return 0;
	p = mmap(NULL, RT_TRACE_MAX, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return diag(s->d, -ENOMEM, "no memory for the answers");
	s->trace = p;
	return 0;
}

static int trace_keep(const struct session *s)
{
	if (s->trace == NULL || rt_trace_keep(s->trace, atomic_load(&s->shared->trace_len),
					      s->config->trace) == 0)
		return 0;
	return diag(s->d, -ENOMEM, "no memory for the answers");
}

int runtime_run(const struct runtime_config *config, struct diag *d,
		struct runtime_report *ret)
{
	cleanup(session_fini) struct session s = {
		.config = config, .ram_fd = -1, .ecam_fd = -1, .flash_fd = -1, .d = d};
	int r;

	*ret = (struct runtime_report){0};
	if (config->subject_count > RT_IMAGES_MAX / 2)
		return diag(d, -EINVAL, "%zu drivers, more than %u", config->subject_count,
			    RT_IMAGES_MAX / 2);
	r = rt_script_new(config->calls != NULL ? config->calls : rt_battery, d, &s.script);
	if (r < 0)
		return r;
	for (; s.count < config->subject_count; s.count++)
		s.drivers[s.count] = &config->subjects[s.count];
	s.flash = rt_flash_layout(config->firmware_len);
	if (config->flash.n > s.flash->len)
		return diag(
			d, -EINVAL,
			"%zu bytes for the variable flash, of which this firmware has %u",
			config->flash.n, s.flash->len);
	s.flash_fd = memory_file("flash", (off_t)s.flash->len);
	if (s.flash_fd < 0)
		return diag(d, -ENOMEM, "no memory for the hosted machine");
	r = firmware_drivers(&s);
	if (r == 0)
		r = trace_new(&s);
	if (r == 0)
		r = find_helpers(&s);
	if (r == 0)
		r = run_all(&s, ret);
	if (r == 0)
		r = flash_keep(&s);
	if (r == 0)
		r = trace_keep(&s);
	for (size_t i = 0; i < s.count; i++)
		ret->paths[i] = s.drivers[i]->path;
	return r;
}
