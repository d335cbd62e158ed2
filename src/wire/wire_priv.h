/* SPDX-License-Identifier: BSD-2-Clause */
/* Handlers of this room: @p, @n is the private copy of what follows the communicate header.
 */
#pragma once

#include "base/bytes.h"
#include "runtserv/wire.h"

uint32_t wire_policy(struct rts_wire *w, uint8_t *p, size_t n);
uint32_t wire_guest(struct rts_wire *w, uint8_t *p, size_t n);

/* Takes an access message apart. False: too short for its fixed part. *ret_status
 * EFI_ACCESS_DENIED: its sizes do not fit, or the name does not end. */
bool wire_access(struct bytes payload, SMM_VARIABLE_COMMUNICATE_ACCESS_VARIABLE *ret,
		 const CHAR16 **ret_name, struct bytes *ret_data, EFI_STATUS *ret_status);
