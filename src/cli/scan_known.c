/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a scan compares memory with: files of --firmware, and our own driver. A file is
 * looked at before memory is, so that nothing is stopped or dumped for a mistyped name.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/cli.h"
#include "cli/scan.h"
#include "pe/pe_rom.h"
#include "runtserv/pe.h"

#define VERB     "scan"
#define FILE_MAX ((size_t)512 << 20)

static bool check_pe(struct bytes file, struct diag *d)
{
	struct rts_pe_image img;

	if (rts_pe_image_read(file, d, &img) != EFI_SUCCESS)
		return false;
	if (img.machine == PE_MACHINE_X64)
		return true;
	return diag(d, false, "machine %#x; only x64 images (%#x) can be compared",
		    img.machine, PE_MACHINE_X64);
}

static bool check_rom(struct bytes file, struct diag *d)
{
	struct rts_pe_rom_image img;
	uint64_t at = 0;
	EFI_STATUS status;
	bool any = false;

	while ((status = rts_pe_rom_next(file, &at, d, &img)) == EFI_SUCCESS)
		any |= img.code_type == PCI_ROM_CODE_TYPE_EFI &&
		       img.machine == PE_MACHINE_X64;
	if (status != EFI_NOT_FOUND)
		return false;
	return any || diag(d, false, "an option ROM without an EFI image for x64");
}

/* The same first two bytes tell rts_scan_run() what to read. */
static bool recognise(struct bytes file, struct diag *d, enum rts_scan_known_kind *ret)
{
	uint16_t signature = 0;

	(void)bytes_read(file, 0, &signature, sizeof signature);
	*ret = RTS_SCAN_KNOWN_FILE;
	if (signature == PE_DOS_SIGNATURE || signature == EFI_TE_IMAGE_HEADER_SIGNATURE)
		return check_pe(file, d);
	if (signature == PCI_ROM_SIGNATURE)
		return check_rom(file, d);
	*ret = RTS_SCAN_KNOWN_FIRMWARE;
	return (file.n != 0 && memmem(file.p, file.n, "_FVH", 4) != NULL) ||
	       diag(d, false, "neither a firmware image nor an EFI file nor an option ROM");
}

/* Owns @bytes from then on, when it is well. */
static int add(struct scan_known *k, enum rts_scan_known_kind kind, const char *name,
	       struct bytes bytes)
{
	struct rts_scan_known *more = reallocarray(k->list, k->count + 1, sizeof *more);

	if (more == NULL)
		return cli_error(VERB, "%s: %s", name, strerror(ENOMEM));
	k->list = more;
	k->list[k->count++] = (struct rts_scan_known){kind, name, bytes};
	return EXIT_WELL;
}

int scan_known_add(struct scan_known *k, const char *path)
{
	const char *slash = strrchr(path, '/');
	cleanup(freep) uint8_t *p = NULL;
	enum rts_scan_known_kind kind;
	struct diag d = {0};
	size_t n = 0;
	int r = cli_file_read(path, FILE_MAX, &p, &n);

	if (r < 0)
		return cli_error(VERB, "%s: %s", path, strerror(-r));
	if (!recognise((struct bytes){p, n}, &d, &kind))
		return cli_error(VERB, "%s: %s", path, d.text);
	r = add(k, kind, slash != NULL && slash[1] != 0 ? slash + 1 : path,
		(struct bytes){p, n});
	if (r == EXIT_WELL)
		p = NULL;
	return r;
}

int scan_known_add_own(struct scan_known *k)
{
	const struct bytes own = scan_own_driver();

	return own.n == 0 ? EXIT_WELL
			  : add(k, RTS_SCAN_KNOWN_OWN, "runtserv's guest driver", own);
}

void scan_known_fini(struct scan_known *k)
{
	for (size_t i = 0; i < k->count; i++)
		if (k->list[i].kind != RTS_SCAN_KNOWN_OWN)
			free((void *)k->list[i].bytes.p);
	free(k->list);
	*k = (struct scan_known){0};
}
