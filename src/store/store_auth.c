/* SPDX-License-Identifier: BSD-2-Clause */
/* .auth (UEFI 2.10 §8.2.6). What a signature is worth is not asked here. */
#include "store/store_auth.h"

#include <errno.h>
#include <string.h>

#include "base/guid.h"
#include "uefi/guids.h"

#define REVISION 0x0200U

int store_auth_parse(const char *label, struct bytes file, struct store_auth *ret,
		     struct diag *d)
{
	static const EFI_GUID pkcs7 = EFI_CERT_TYPE_PKCS7_GUID;
	static const EFI_TIME none;
	const uint32_t head = sizeof(EFI_VARIABLE_AUTHENTICATION_2_HEADER);
	const uint32_t info = head - (uint32_t)sizeof(EFI_TIME);
	EFI_VARIABLE_AUTHENTICATION_2_HEADER h;
	struct store_auth auth;

	if (!bytes_read(file, 0, &h, sizeof h))
		return diag(d, -EINVAL,
			    "%s: %zu bytes, an authentication descriptor has 40", label,
			    file.n);
	auth.time = h.TimeStamp;
	if (h.AuthInfo.wCertificateType != WIN_CERT_TYPE_EFI_GUID ||
	    h.AuthInfo.wRevision != REVISION)
		return diag(
			d, -EINVAL,
			"%s: no authentication descriptor: revision %#x, type %#x at 0x14, "
			"must be 0x200, 0xef1",
			label, h.AuthInfo.wRevision, h.AuthInfo.wCertificateType);
	if (!guid_eq(&h.AuthInfo.CertType, &pkcs7))
		return diag(d, -EINVAL, "%s: the signature is not PKCS#7: GUID at 0x18",
			    label);
	if (auth.time.Pad1 != 0 || auth.time.Nanosecond != 0 || auth.time.TimeZone != 0 ||
	    auth.time.Daylight != 0 || auth.time.Pad2 != 0)
		return diag(
			d, -EINVAL,
			"%s: the time at 0x0 has more than year to second, and no service "
			"takes that",
			label);
	/* all zero is what unsigned writes in setup mode may have */
	if (memcmp(&auth.time, &none, sizeof none) != 0 &&
	    (auth.time.Month < 1 || auth.time.Month > 12 || auth.time.Day < 1 ||
	     auth.time.Day > 31 || auth.time.Hour > 23 || auth.time.Minute > 59 ||
	     auth.time.Second > 59))
		return diag(d, -EINVAL, "%s: no such time: %u-%u-%u %u:%u:%u at 0x0", label,
			    auth.time.Year, auth.time.Month, auth.time.Day, auth.time.Hour,
			    auth.time.Minute, auth.time.Second);
	if (h.AuthInfo.dwLength < info ||
	    !bytes_sub(file, head, h.AuthInfo.dwLength - info, &auth.signature))
		return diag(d, -EINVAL,
			    "%s: a signature of %#x bytes at 0x10, of a file of %#zx",
			    label, h.AuthInfo.dwLength, file.n);
	bytes_sub(file, head + (uint64_t)auth.signature.n, file.n - head - auth.signature.n,
		  &auth.payload);
	*ret = auth;
	return 0;
}
