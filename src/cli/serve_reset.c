/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Resets, and whom to believe about them. The guest's driver says INIT when the firmware
 * starts it, and so could the guest's operating system, to get boot-time rights back. With
 * --qmp only QEMU's word counts: its RESET event, the end of its monitor, or a new QEMU on
 * the doorbell socket.
 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "cli/serve.h"
#include "os/os_clock.h"
#include "uefi/guest_page.h"

EFI_STATUS serve_reset(struct serve *s, const char *why)
{
	EFI_STATUS status;

	/* What the old machine has said counts as said before its reset. */
	if (s->ivshmem != NULL && !s->in_init)
		link_ivshmem_flush(s->ivshmem);
	/* Whatever it has done to the page must not keep the next boot's driver from us. */
	if (s->ivshmem != NULL)
		link_ivshmem_repair(s->ivshmem);
	status = rts_vars_reset(s->vars);
	if (EFI_ERROR(status))
		serve_log(s, RTS_LOG_ERROR, "machine reset: the store did not take it");
	else
		link_say(&(struct link_log){serve_log, s}, RTS_LOG_INFO,
			 "machine reset: %s", why);
	return status;
}

/*
 * The RESET event is sent before the machine runs again, so it is in the socket before any
 * INIT of the boot that follows: taking it out first keeps the order.
 */
static bool may_init(void *ctx)
{
	struct serve *s = ctx;

	link_ivshmem_charge(s->ivshmem);
	if (s->qmp != NULL) {
		s->in_init = true;
		link_qmp_drain(s->qmp);
		s->in_init = false;
		if (rts_vars_phase(s->vars).runtime) {
			serve_log(s, RTS_LOG_WARNING,
				  "guest driver: INIT refused: an operating system runs, "
				  "and QEMU has "
				  "reported no reset");
			return false;
		}
	}
	s->known_ns = os_boot_ns();
	serve_log(s, RTS_LOG_INFO, "guest driver: started");
	return true;
}

static void report(void *ctx, uint32_t what)
{
	switch (what) {
	case GUEST_DRIVER_REPORT_ATTACHED:
		serve_log(ctx, RTS_LOG_INFO,
			  "guest driver: attached; variables are served from here on");
		break;
	case GUEST_DRIVER_REPORT_NOT_EXECUTABLE:
		serve_log(ctx, RTS_LOG_ERROR,
			  "guest driver: the firmware marks it not executable; it gave the "
			  "services "
			  "back, and the guest uses the firmware's own variables");
		break;
	default:
		link_say(&(struct link_log){serve_log, ctx}, RTS_LOG_WARNING,
			 "guest driver: unknown report %u", what);
	}
}

const struct rts_wire_guest_ops serve_guest_ops = {may_init, report};

/* A QEMU that began after the last sign of the machine we know is another machine. */
static void qmp_connected(void *ctx, pid_t peer)
{
	struct serve *s = ctx;
	uint64_t began, known = store_run_written_ns(s->store);

	link_say(&(struct link_log){serve_log, s}, RTS_LOG_INFO,
		 "%s: connected, process %d", s->o.qmp, (int)peer);
	if (known < s->known_ns)
		known = s->known_ns;
	if (peer > 0 && os_process_began_ns(peer, &began) && began > known)
		(void)serve_reset(s, "QEMU is younger than what we know of the machine");
}

static void qmp_line(void *ctx, const char *text, size_t len)
{
	struct serve *s = ctx;
	json_error_t error;
	json_t *line = json_loadb(text, len, 0, &error);
	const char *event;

	if (line == NULL) {
		link_say(&(struct link_log){serve_log, s}, RTS_LOG_WARNING,
			 "%s: not JSON: %s", s->o.qmp, error.text);
		return;
	}
	event = json_string_value(json_object_get(line, "event"));
	if (json_object_get(line, "QMP") != NULL)
		link_qmp_send(s->qmp, "{\"execute\": \"qmp_capabilities\"}\n");
	else if (json_object_get(line, "error") != NULL)
		link_say(&(struct link_log){serve_log, s}, RTS_LOG_WARNING, "%s: %s",
			 s->o.qmp, text);
	else if (event != NULL && strcmp(event, "RESET") == 0)
		(void)serve_reset(s, "QEMU says so");
	else if (event != NULL && strcmp(event, "RESUME") == 0)
		link_ivshmem_resumed(s->ivshmem);
	json_decref(line);
}

static void qmp_gone(void *ctx)
{
	struct serve *s = ctx;

	(void)serve_reset(s, "QEMU's monitor has gone");
	if (s->o.terminate)
		os_loop_stop(&s->loop, 0);
}

int serve_qmp_start(struct serve *s)
{
	const struct link_qmp_config config = {
		&s->loop, s->o.qmp, {serve_log, s}, qmp_connected, qmp_line, qmp_gone, s};

	return link_qmp_new(&config, &s->qmp);
}
