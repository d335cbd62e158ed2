/* SPDX-License-Identifier: BSD-2-Clause */
/* The envelope of edk2's variable policy handler; no command is served yet, and each says
 * so. */
#include "wire/wire_priv.h"

#include <string.h>

uint32_t wire_policy(struct rts_wire *w, uint8_t *p, size_t n)
{
	struct {
		uint32_t Signature, Revision;
	} h;
	EFI_STATUS result = EFI_UNSUPPORTED;

	(void)w;
	if (n < VAR_CHECK_POLICY_COMM_HEADER_SIZE ||
	    n > VAR_CHECK_POLICY_MM_COMM_BUFFER_SIZE)
		return UEFI_VARS_STS_ERR_BAD_BUFFER_SIZE;
	memcpy(&h, p, sizeof h);
	if (h.Signature != VAR_CHECK_POLICY_COMM_SIG ||
	    h.Revision != VAR_CHECK_POLICY_COMM_REVISION)
		result = EFI_INVALID_PARAMETER;
	memcpy(p + VAR_CHECK_POLICY_COMM_RESULT, &result, sizeof result);
	return UEFI_VARS_STS_SUCCESS;
}
