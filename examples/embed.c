/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The variable service embedded in another program, a VMM say: answers one communicate
 * buffer that reads a variable. Build: cc embed.c $(pkg-config --cflags --libs runtserv)
 */
#include <runtserv/vars.h>
#include <runtserv/wire.h>
#include <stdio.h>
#include <string.h>

/* Where variables rest is the embedder's business: this one only counts what it was asked
 * to keep. */
static EFI_STATUS keep(void *ctx, const struct rts_vars_view *view, unsigned parts)
{
	struct rts_vars_cursor cursor = {0};
	const struct rts_var *var;
	unsigned *kept = ctx;

	(void)parts;
	for (*kept = 0; rts_vars_view_next(view, &cursor, &var);)
		++*kept;
	return EFI_SUCCESS;
}

int main(void)
{
	static const EFI_GUID ns = {
		0x5f3c6b1e, 0x7f0a, 0x4c0e, {0x9d, 0x3b, 0x0c, 0x1d, 2, 3, 4, 5}};
	static const EFI_GUID handler = {0xed32d533,
					 0x99e6,
					 0x4209,
					 {0x9c, 0xc0, 0x2d, 0x72, 0xcd, 0xd9, 0x98, 0xa7}};
	static const struct rts_var_store_ops store = {keep};
	_Alignas(8) uint8_t buf[24 + 16 + 36 + 12 + 5] = {0};
	const uint64_t message[] = {sizeof buf - 24, SMM_VARIABLE_FUNCTION_GET_VARIABLE};
	const uint64_t sizes[] = {5, 12}; /* room for the data, bytes of the name */
	const CHAR16 name[] = u"Hello";
	unsigned kept = 0;
	const struct rts_vars_config config = {.store = &store, .store_ctx = &kept};
	struct rts_wire wire = {0};
	size_t reply_len;

	if (EFI_ERROR(rts_vars_new(&config, &wire.vars)) ||
	    EFI_ERROR(rts_vars_start(wire.vars)))
		return 2;
	rts_vars_set(wire.vars, name, sizeof name, &ns, 7, "world", 5);

	memcpy(buf, &handler, 16); /* as a guest would send it: uefi/mm.h has the layouts */
	memcpy(buf + 16, message, 16);
	memcpy(buf + 40, &ns, 16);
	memcpy(buf + 56, sizes, 16);
	memcpy(buf + 76, name, sizeof name);
	uint32_t status = rts_wire_mm(&wire, buf, sizeof buf, &reply_len);
	printf("device status %u, %zu bytes back, value \"%.5s\", %u kept\n", status,
	       reply_len, buf + 88, kept);
	rts_vars_free(wire.vars);
	return status != UEFI_VARS_STS_SUCCESS;
}
