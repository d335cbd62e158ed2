/* SPDX-License-Identifier: BSD-2-Clause */
/* What the service manager expects: sd_notify(3) messages and sd_listen_fds(3) descriptors.
 */
#pragma once

/* Connects to $NOTIFY_SOCKET before a sandbox forbids it. Returns a descriptor, or -errno;
 * -ENOENT: not wanted. */
int os_notify_open(void);

/* Sends "READY=1" and the like, several separated by newlines. What goes wrong is ignored.
 */
void os_notify(int fd, const char *text);

/* Descriptors that a service manager passed to this very process begin at 3; returns how
 * many. */
int os_listen_fds(void);
