/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * UEFI application: the variable services through the runtime services table, as any
 * program uses them, and the driver's own promises (write-through, the table's checksum).
 * Prints "selftest: N passed, N failed".
 */
#include "base/crc32.h"
#include "base/mem.h"
#include "say.h"
#include "uefi/guest_page.h"
#include "uefi/guids.h"

#define NV_BS_RT                                                       \
	(EFI_VARIABLE_NON_VOLATILE | EFI_VARIABLE_BOOTSERVICE_ACCESS | \
	 EFI_VARIABLE_RUNTIME_ACCESS)
#define BS_RT     (EFI_VARIABLE_BOOTSERVICE_ACCESS | EFI_VARIABLE_RUNTIME_ACCESS)
#define LARGE_LEN 60000U

struct test {
	EFI_SYSTEM_TABLE *st;
	EFI_RUNTIME_SERVICES *rt;
	EFI_BOOT_SERVICES *bs;
	EFI_GUID guid;
	unsigned passed;
	unsigned failed;
};

static void check(struct test *t, bool ok, const char *what)
{
	if (ok) {
		t->passed++;
	} else {
		t->failed++;
		say(t->st, "selftest: failed: %s", what);
	}
}

static void check_status(struct test *t, EFI_STATUS got, EFI_STATUS want, const char *what)
{
	if (got != want)
		say(t->st, "selftest: %s: status %#llx, want %#llx", what,
		    (unsigned long long)got, (unsigned long long)want);
	check(t, got == want, what);
}

static bool is(struct test *t, CHAR16 *name, uint32_t attributes, const void *data,
	       UINTN len)
{
	uint8_t got[64];
	uint32_t got_attributes = 0;
	UINTN got_len = sizeof got;

	return t->rt->GetVariable(name, &t->guid, &got_attributes, &got_len, got) ==
		       EFI_SUCCESS &&
	       got_attributes == attributes && got_len == len &&
	       memcmp(got, data, len) == 0;
}

static void test_values(struct test *t)
{
	CHAR16 *name = u"SelfTest";
	UINTN len = 2;
	uint32_t attributes = 0;
	uint8_t got[8];

	check_status(t, t->rt->SetVariable(name, &t->guid, NV_BS_RT, 3, "abc"), EFI_SUCCESS,
		     "create");
	check(t, is(t, name, NV_BS_RT, "abc", 3), "value after create");
	check_status(t, t->rt->SetVariable(name, &t->guid, NV_BS_RT, 4, "wxyz"),
		     EFI_SUCCESS, "overwrite");
	check(t, is(t, name, NV_BS_RT, "wxyz", 4), "value after overwrite");
	check_status(t,
		     t->rt->SetVariable(name, &t->guid,
					NV_BS_RT | EFI_VARIABLE_APPEND_WRITE, 2, "12"),
		     EFI_SUCCESS, "append");
	check(t, is(t, name, NV_BS_RT, "wxyz12", 6), "value after append");
	check_status(t, t->rt->GetVariable(name, &t->guid, &attributes, &len, got),
		     EFI_BUFFER_TOO_SMALL, "get with a small buffer");
	check(t, len == 6, "needed length");
	len = 0;
	check_status(t, t->rt->GetVariable(name, &t->guid, NULL, &len, NULL),
		     EFI_BUFFER_TOO_SMALL, "get the length");
	check(t, len == 6, "needed length again");
	check_status(t, t->rt->SetVariable(name, &t->guid, BS_RT, 1, "a"),
		     EFI_INVALID_PARAMETER, "change attributes");
	check_status(t, t->rt->SetVariable(name, &t->guid, 0, 0, NULL), EFI_SUCCESS,
		     "delete");
	len = sizeof got;
	check_status(t, t->rt->GetVariable(name, &t->guid, NULL, &len, got), EFI_NOT_FOUND,
		     "get after delete");
	check_status(t, t->rt->SetVariable(name, &t->guid, 0, 0, NULL), EFI_NOT_FOUND,
		     "delete again");
	check_status(t, t->rt->SetVariable(u"", &t->guid, NV_BS_RT, 1, "a"),
		     EFI_INVALID_PARAMETER, "empty name");
	check_status(t, t->rt->SetVariable(name, &t->guid, NV_BS_RT, 1, NULL),
		     EFI_INVALID_PARAMETER, "no data");
	check_status(t, t->rt->GetVariable(name, NULL, NULL, &len, got),
		     EFI_INVALID_PARAMETER, "no GUID");
	check_status(t, t->rt->GetVariable(name, &t->guid, NULL, NULL, NULL),
		     EFI_INVALID_PARAMETER, "no length");
}

static void test_large(struct test *t)
{
	CHAR16 *name = u"SelfTestLarge";
	uint8_t *p;
	UINTN len = 2 * LARGE_LEN;
	bool same = true;

	if (t->bs->AllocatePool(EfiBootServicesData, len, (void **)&p) != EFI_SUCCESS) {
		check(t, false, "memory for a large value");
		return;
	}
	for (UINTN i = 0; i < LARGE_LEN; i++)
		p[i] = (uint8_t)(i * 7 + i / 256);
	check_status(t, t->rt->SetVariable(name, &t->guid, BS_RT, LARGE_LEN, p),
		     EFI_SUCCESS, "set 60000 bytes");
	memset(p, 0, len);
	check_status(t, t->rt->GetVariable(name, &t->guid, NULL, &len, p), EFI_SUCCESS,
		     "get 60000 bytes");
	for (UINTN i = 0; i < LARGE_LEN; i++)
		same = same && p[i] == (uint8_t)(i * 7 + i / 256);
	check(t, len == LARGE_LEN && same, "60000 bytes unchanged");
	check_status(t, t->rt->SetVariable(name, &t->guid, BS_RT, 2 * LARGE_LEN, p),
		     EFI_INVALID_PARAMETER, "set too much");
	check_status(t, t->rt->SetVariable(name, &t->guid, 0, 0, NULL), EFI_SUCCESS,
		     "delete 60000 bytes");
	t->bs->FreePool(p);
}

/* True when the name is listed exactly @times; @ret_all counts all variables. */
static unsigned listed(struct test *t, const CHAR16 *want, UINTN want_len,
		       unsigned *ret_all)
{
	CHAR16 name[512] = {0};
	EFI_GUID guid = {0};
	unsigned n = 0;

	for (*ret_all = 0; *ret_all < 1000; ++*ret_all) {
		UINTN len = sizeof name;
		EFI_STATUS status = t->rt->GetNextVariableName(&len, name, &guid);

		if (status == EFI_NOT_FOUND)
			return n;
		if (status != EFI_SUCCESS)
			return 1000;
		if (len == want_len && memcmp(name, want, want_len) == 0 &&
		    memcmp(&guid, &t->guid, sizeof guid) == 0)
			n++;
	}
	return 1000;
}

static void test_names(struct test *t)
{
	static const CHAR16 mine[] = u"SelfTestListed";
	CHAR16 *name = u"SelfTestListed", small[2] = {0};
	UINTN len = sizeof small;
	EFI_GUID guid = {0};
	unsigned before, after;

	check(t, listed(t, mine, sizeof mine, &before) == 0, "not listed before it exists");
	check_status(t, t->rt->SetVariable(name, &t->guid, BS_RT, 1, "a"), EFI_SUCCESS,
		     "create one to list");
	check(t, listed(t, mine, sizeof mine, &after) == 1, "listed once");
	check(t, after == before + 1, "one more variable than before");
	check_status(t, t->rt->GetNextVariableName(&len, small, &guid),
		     EFI_BUFFER_TOO_SMALL, "next name with a small buffer");
	check(t, len > sizeof small, "needed length of a name");
	small[0] = small[1] = 'x';
	len = sizeof small;
	check_status(t, t->rt->GetNextVariableName(&len, small, &guid),
		     EFI_INVALID_PARAMETER, "a name without its end");
	check_status(t, t->rt->SetVariable(name, &t->guid, 0, 0, NULL), EFI_SUCCESS,
		     "delete the listed one");
}

static void test_query(struct test *t)
{
	uint64_t max = 0, left = 0, one = 0;

	check_status(t, t->rt->QueryVariableInfo(NV_BS_RT, &max, &left, &one), EFI_SUCCESS,
		     "query");
	check(t, max != 0 && left <= max && one != 0 && one <= max, "query's numbers");
	check_status(t, t->rt->QueryVariableInfo(0, &max, &left, &one),
		     EFI_INVALID_PARAMETER, "query without attributes");
}

static void test_table(struct test *t)
{
	EFI_RUNTIME_SERVICES copy = *t->rt;

	copy.Hdr.CRC32 = 0;
	check(t, t->rt->Hdr.HeaderSize == sizeof copy, "size of the table");
	check(t, crc32_update(0, &copy, sizeof copy) == t->rt->Hdr.CRC32,
	      "CRC of the table");
}

static void test_driver(struct test *t)
{
	static const EFI_GUID guid = RUNTSERV_GUEST_PROTOCOL_GUID;
	EFI_GUID global = EFI_GLOBAL_VARIABLE_GUID;
	struct runtserv_guest_protocol *p;
	uint16_t got = 0;
	UINTN len = sizeof got;
	EFI_GET_VARIABLE firmware_get;
	uint64_t at = (uintptr_t)t->rt->GetVariable;

	if (t->bs->LocateProtocol(&guid, NULL, (void **)&p) != EFI_SUCCESS) {
		check(t, false, "the driver's protocol");
		return;
	}
	check(t, p->version == 1, "version of the protocol");
	check(t, at >= p->image_base && at < p->image_base + p->image_size,
	      "GetVariable lies in the driver");
	firmware_get = (EFI_GET_VARIABLE)p->get_variable;
	check_status(t, t->rt->SetVariable(u"BootNext", &global, NV_BS_RT, 2, "\x34\x12"),
		     EFI_SUCCESS, "set BootNext");
	check_status(t, firmware_get(u"BootNext", &global, NULL, &len, &got), EFI_SUCCESS,
		     "BootNext in the firmware's store");
	check(t, got == 0x1234, "value of BootNext in the firmware's store");
	check_status(t, t->rt->SetVariable(u"BootNext", &global, 0, 0, NULL), EFI_SUCCESS,
		     "delete BootNext");
	len = sizeof got;
	check_status(t, firmware_get(u"BootNext", &global, NULL, &len, &got), EFI_NOT_FOUND,
		     "BootNext gone from the firmware's store");
	check_status(t, t->rt->SetVariable(u"SelfTest", &t->guid, NV_BS_RT, 1, "a"),
		     EFI_SUCCESS, "set another variable");
	len = sizeof got;
	check_status(t, firmware_get(u"SelfTest", &t->guid, NULL, &len, &got),
		     EFI_NOT_FOUND, "no other variable in the firmware's store");
	check_status(t, t->rt->SetVariable(u"SelfTest", &t->guid, 0, 0, NULL), EFI_SUCCESS,
		     "delete it");
}

EFI_STATUS EFIAPI efi_main(EFI_HANDLE ImageHandle, EFI_SYSTEM_TABLE *SystemTable);

EFI_STATUS EFIAPI efi_main(EFI_HANDLE ImageHandle, EFI_SYSTEM_TABLE *SystemTable)
{
	struct test t = {
		.st = SystemTable,
		.rt = SystemTable->RuntimeServices,
		.bs = SystemTable->BootServices,
		.guid = {0x1d51d1c5,
			 0x5c2a,
			 0x4a52,
			 {0x9b, 0x4e, 0x0c, 0x0f, 0x35, 0x2d, 0x6e, 0x11}},
	};

	(void)ImageHandle;
	test_values(&t);
	test_large(&t);
	test_names(&t);
	test_query(&t);
	test_table(&t);
	test_driver(&t);
	say(t.st, "selftest: %u passed, %u failed", t.passed, t.failed);
	return t.failed == 0 ? EFI_SUCCESS : EFI_ABORTED;
}
