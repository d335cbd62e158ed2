/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the ways to get memory for a scan. */
#pragma once

#include "cli/scan.h"

/* An image in @fd, which may be closed afterwards; @name is for messages, and borrowed. -1:
 * in the file of that name. EXIT_WELL, or EXIT_TROUBLE after a message. */
int scan_open_fd(const char *name, int fd, struct scan_input *ret);
