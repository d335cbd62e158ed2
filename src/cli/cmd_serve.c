/* SPDX-License-Identifier: BSD-2-Clause */
/* runtserv serve: options, start and stop. One process serves one machine, in the
 * foreground. */
#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/signalfd.h>

#include "cli/cli.h"
#include "cli/serve.h"
#include "crypto/crypto_pkcs7.h"
#include "os/os_clock.h"
#include "os/os_notify.h"
#include "os/os_socket.h"
#include "uefi/guids.h"

/* As JSON it is up to three times as long, and that still is less than what a store may be.
 */
#define QUOTA_MAX (5U << 20)

static int add_fd(void *to, const struct cli_option *option, const char *arg)
{
	struct serve_options *o = to;
	uint64_t n = 0;
	bool ok = o->fd_count < SERVE_FDS && cli_number(arg, strlen(arg), 0, INT_MAX, &n);

	for (size_t i = 0; ok && i < o->fd_count; i++)
		ok = o->fds[i] != (int)n;
	if (!ok)
		return cli_error(
			"serve",
			"--%s %s: not a descriptor, or given before, or more than %u",
			option->name, arg, SERVE_FDS);
	o->fds[o->fd_count++] = (int)n;
	return EXIT_WELL;
}

/* clang-format off */
static const struct cli_option options[] = {
	{"store", "STORE", "where the variables are kept: a JSON file, or memory:", CLI_TEXT(struct serve_options, store)},
	{"quota", "BYTES", "room for non-volatile and for volatile variables, each\n(default 262144, at most 5242880)", CLI_NUMBER(struct serve_options, quota, 1, QUOTA_MAX)},
	{"hw-error-quota", "BYTES", "room for hardware error records (default 0: none are taken,\nat most 5242880)", CLI_NUMBER(struct serve_options, hw_error_quota, 0, QUOTA_MAX)},
	{"allow-policy-disable", NULL, "the firmware may switch variable policies off, before\nEndOfDxe", CLI_FLAG(struct serve_options, allow_policy_disable)},
	{"socket", "PATH", "serve MM communicate buffers on this Unix socket", CLI_TEXT(struct serve_options, socket)},
	{"fd", "N", "the same on descriptor N, a listening or connected socket;\nmay be repeated", CLI_CALL(add_fd)},
	{"ivshmem", "PATH", "serve the guest driver: socket PATH for ivshmem-doorbell,\nmemory PATH.shm for that and for ivshmem-plain", CLI_TEXT(struct serve_options, ivshmem)},
	{"qmp", "PATH", "QEMU's monitor: believe it about resets, and not the guest", CLI_TEXT(struct serve_options, qmp)},
	{"physical-presence", NULL, "the guest may change SecureBootEnable and CustomMode", CLI_FLAG(struct serve_options, physical_presence)},
	{"no-custom-mode", NULL, "but not CustomMode", CLI_FLAG(struct serve_options, no_custom_mode)},
	{"force-secure-boot", NULL, "secure boot cannot be switched off", CLI_FLAG(struct serve_options, force_secure_boot)},
	{"sandbox", "auto|on|log|off", "auto (default): as far as the kernel can; on: all of it, or no\nstart; log: only says what it would forbid; off", CLI_WORD(struct serve_options, sandbox)},
	{"log-level", "error|warning|info|debug", "the least important that it says (default info)", CLI_WORD(struct serve_options, log_level)},
	{"terminate", NULL, "end when the machine's last connection does", CLI_FLAG(struct serve_options, terminate)},
	{"print-capabilities", NULL, "print what this program offers, as JSON, and exit", CLI_FLAG(struct serve_options, capabilities)},
	{0},
};
/* clang-format on */

static const struct cli_command command = {
	"serve",
	"--store STORE [--socket PATH] [--ivshmem PATH] [OPTION]...",
	"Gives one virtual machine its UEFI variables. Runs in the foreground until "
	"SIGTERM.\n"
	"At least one of --socket, --ivshmem, --fd, or sockets of a service manager, is "
	"needed.",
	options,
	0,
	0,
	"--store STORE",
};

/* Every word of this is for programs: names stay, more may come. */
static int print_capabilities(void)
{
	return cli_json_print("serve",
			      json_pack("{s:s, s:s, s:[s,s,s,s,s,s], s:[s,s]}", "schema",
					"runtserv.capabilities/1", "version",
					RUNTSERV_VERSION, "features", "socket", "fd",
					"ivshmem", "qmp", "sandbox-landlock", "secure-boot",
					"stores", "json", "memory"));
}

/* CLI_GO, or how to exit. */
static int parse(struct serve_options *o, int argc, char **argv)
{
	int status;

	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--print-capabilities") == 0)
			return print_capabilities();
	status = cli_parse(&command, &argc, &argv, o);
	if (status != CLI_GO)
		return status;
	if (o->capabilities)
		return print_capabilities();
	for (int i = 0, n = os_listen_fds(); i < n && o->fd_count < SERVE_FDS; i++)
		o->fds[o->fd_count++] = 3 + i;
	if (o->store == NULL)
		return cli_usage(&command);
	if (o->socket == NULL && o->ivshmem == NULL && o->fd_count == 0)
		return cli_error("serve",
				 "nothing to serve on: give --socket, --ivshmem or --fd");
	if (o->qmp != NULL && o->ivshmem == NULL)
		return cli_error("serve", "--qmp is for --ivshmem: on the MM socket the "
					  "VMM says MACHINE_RESET itself");
	return CLI_GO;
}

static uint32_t machine_reset(void *ctx)
{
	EFI_STATUS status = serve_reset(ctx, "asked for on the MM socket");

	return EFI_ERROR(status) ? UEFI_VARS_STS_ERR_UNKNOWN : UEFI_VARS_STS_SUCCESS;
}

static void mm_gone(void *ctx, size_t left, bool spoke)
{
	struct serve *s = ctx;

	if (left == 0 && ((s->o.terminate && spoke) || !s->reachable))
		os_loop_stop(&s->loop, EXIT_WELL);
}

static void client_connected(void *ctx)
{
	struct serve *s = ctx;

	(void)serve_reset(s, "a new QEMU has connected");
	s->known_ns = os_boot_ns();
	os_notify(s->notify_fd, "STATUS=Serving a machine that rings.");
}

static void client_gone(void *ctx)
{
	struct serve *s = ctx;

	os_notify(s->notify_fd, "STATUS=Polling for a machine.");
	if (s->o.terminate)
		os_loop_stop(&s->loop, EXIT_WELL);
}

static void on_signal(void *ctx, short revents)
{
	struct serve *s = ctx;

	(void)revents;
	os_loop_stop(&s->loop, EXIT_WELL);
}

/* Forced or not, there is no secure boot without a platform key. */
static void look_for_pk(struct serve *s)
{
	static const CHAR16 name[] = u"SetupMode";
	static const EFI_GUID global = EFI_GLOBAL_VARIABLE_GUID;
	uint8_t setup = 0;
	uint64_t len = sizeof setup;
	uint32_t attr;

	if (s->o.force_secure_boot &&
	    !EFI_ERROR(rts_vars_get(s->vars, name, sizeof name, &global, &attr, &len,
				    &setup)) &&
	    setup != 0)
		serve_log(
			s, RTS_LOG_WARNING,
			"--force-secure-boot, but the store has no PK: secure boot is off "
			"until there is one");
}

/* The variables as the store has them, and the page if there is one. */
static int start_vars(struct serve *s, struct diag *d)
{
	const struct store_config store = {
		.word = s->o.store, .log = serve_log, .log_ctx = s};
	struct rts_vars_config vars = {.store = &store_ops,
				       .log = serve_log,
				       .log_ctx = s,
				       .log_level = s->o.log_level,
				       .quota_nv = s->o.quota,
				       .quota_volatile = s->o.quota,
				       .quota_hw_error = s->o.hw_error_quota,
				       .policy_can_end = s->o.allow_policy_disable,
				       .crypto = &crypto_vars,
				       .physical_presence = s->o.physical_presence,
				       .no_custom_mode = s->o.no_custom_mode,
				       .force_secure_boot = s->o.force_secure_boot};
	const struct link_ivshmem_config page = {.loop = &s->loop,
						 .path = s->o.ivshmem,
						 .wire = &s->guest_wire,
						 .log = {serve_log, s},
						 .connected = client_connected,
						 .gone = client_gone,
						 .ctx = s};
	int r = store_open(&store, d, &s->store);

	if (r < 0)
		return r;
	r = crypto_new(&s->crypto);
	if (r < 0)
		return diag(d, r, "OpenSSL: %s", strerror(-r));
	vars.store_ctx = s->store;
	vars.crypto_ctx = s->crypto;
	(void)!getrandom(&vars.hash_seed, sizeof vars.hash_seed, GRND_NONBLOCK);
	if (EFI_ERROR(rts_vars_new(&vars, &s->vars)))
		return diag(d, -ENOMEM, "out of memory");
	s->mm_wire.vars = s->guest_wire.vars = s->vars;
	s->guest_wire.guest = &serve_guest_ops;
	s->guest_wire.guest_ctx = s;
	r = store_load(s->store, s->vars, d);
	if (r == 0 && s->o.ivshmem != NULL)
		r = link_ivshmem_new(&page, d, &s->ivshmem);
	if (r < 0)
		return r;
	if (s->ivshmem != NULL && link_ivshmem_in_use(s->ivshmem) &&
	    !store_had_run(s->store)) {
		rts_vars_load_phase(s->vars, &(struct rts_vars_phase){true, true, true});
		/* only a QEMU that is younger than we are is certainly another machine */
		s->known_ns = os_boot_ns();
		serve_log(s, RTS_LOG_INFO,
			  "the shared page was in use and its history is lost: assuming "
			  "that an "
			  "operating system runs");
	}
	if (EFI_ERROR(rts_vars_start(s->vars)))
		return diag(d, -ENOMEM, "out of memory");
	look_for_pk(s);
	return 0;
}

static int start_links(struct serve *s, struct os_listener *listener, struct diag *d)
{
	const struct link_mm_config mm = {&s->loop,      &s->mm_wire, {serve_log, s},
					  machine_reset, mm_gone,     s};
	bool listens;
	int r = link_mm_new(&mm, &s->mm);

	s->reachable = s->o.socket != NULL || s->o.ivshmem != NULL;
	if (r == 0 && s->o.socket != NULL) {
		r = os_listener_open(s->o.socket, d, listener);
		if (r == 0)
			r = link_mm_listen(s->mm, listener->fd);
	}
	for (size_t i = 0; r == 0 && i < s->o.fd_count; i++) {
		r = os_socket_adopt(s->o.fds[i], d, &listens);
		if (r == 0)
			r = listens ? link_mm_listen(s->mm, s->o.fds[i])
				    : link_mm_add(s->mm, s->o.fds[i]);
		if (r == 0 && listens)
			s->reachable = true;
	}
	if (r == 0 && s->ivshmem != NULL)
		r = link_ivshmem_start(s->ivshmem, d);
	if (r == 0 && s->o.qmp != NULL)
		r = serve_qmp_start(s);
	if (r < 0)
		return diag(d, r, "%s", strerror(-r));
	return 0;
}

static void announce(struct serve *s)
{
	link_say(&(struct link_log){serve_log, s}, RTS_LOG_INFO, "serving %s%s%s%s%s",
		 s->o.store, s->o.socket != NULL ? " on " : "",
		 s->o.socket != NULL ? s->o.socket : "", s->o.ivshmem != NULL ? " on " : "",
		 s->o.ivshmem != NULL ? s->o.ivshmem : "");
	if (s->ivshmem != NULL && s->o.qmp == NULL)
		serve_log(s, RTS_LOG_INFO,
			  "without --qmp a reset of the machine is taken on the guest's "
			  "word");
}

static void stop(struct serve *s, struct os_listener *listener)
{
	link_qmp_free(s->qmp);
	link_mm_free(s->mm);
	link_ivshmem_free(s->ivshmem);
	os_listener_close(listener);
	rts_vars_free(s->vars);
	crypto_free(s->crypto);
	store_close(s->store);
}

int cmd_serve(int argc, char **argv)
{
	struct serve s = {.o = {.log_level = RTS_LOG_INFO}};
	struct os_listener listener = {.fd = -1};
	struct os_watch signals = {.events = POLLIN, .ready = on_signal, .ctx = &s};
	struct diag d = {0};
	int r = parse(&s.o, argc, argv);

	if (r != CLI_GO)
		return r;
	signals.fd = os_signals_open();
	if (signals.fd < 0 || os_loop_watch(&s.loop, &signals) < 0)
		return cli_error("serve", "signals: %s", strerror(-signals.fd));
	s.notify_fd = os_notify_open();
	r = start_vars(&s, &d);
	if (r == 0)
		r = start_links(&s, &listener, &d);
	if (r == 0)
		r = serve_sandbox(&s, &d);
	if (r < 0) {
		r = cli_error("serve", "%s", d.text);
	} else {
		announce(&s);
		os_notify(s.notify_fd, "READY=1\nSTATUS=Serving.");
		r = os_loop_run(&s.loop);
		os_notify(s.notify_fd, "STOPPING=1");
		if (r < 0)
			r = cli_error("serve", "poll: %s", strerror(-r));
	}
	stop(&s, &listener);
	return r;
}
