/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Firmware images: whatever the bytes are, what is handed out can be read, limits hold, and
 * an image that cannot be read is told why. Each input is tried as an image, and as the
 * sections of a file in a volume whose headers are right.
 */
#include <stdlib.h>
#include <string.h>

#include "fv_build.h"
#include "runtserv/fv.h"
#include "runtserv/pe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
	if (!ok)
		abort();
}

/* Touches all of it. */
static void read_all(struct bytes b)
{
	volatile uint8_t byte = 0;

	for (size_t i = 0; i < b.n; i++)
		byte = b.p[i];
	(void)byte;
}

static void check_file(const struct rts_fv_file *f)
{
	struct rts_pe_image img;

	read_all(f->body);
	read_all(f->image);
	read_all(f->depex);
	require(f->name == NULL || (*f->name != 0 && strlen(f->name) <= 3 * 255));
	require(f->depex_type != 0 || f->depex.n == 0);
	if (f->image.n != 0)
		(void)rts_pe_image_read(f->image, NULL, &img);
}

static void check_image(struct bytes image)
{
	struct diag d = {0};
	struct rts_fv *fv = NULL;
	EFI_STATUS status = rts_fv_open(image, &d, &fv);

	if (status != EFI_SUCCESS) {
		require(fv == NULL && d.text[0] != 0);
		return;
	}
	require(rts_fv_file_count(fv) <= RTS_FV_FILES_MAX);
	for (size_t i = 0; i < rts_fv_file_count(fv); i++)
		check_file(rts_fv_file(fv, i));
	require(rts_fv_file(fv, rts_fv_file_count(fv)) == NULL);
	require(rts_fv_problem(fv) == NULL || *rts_fv_problem(fv) != 0);
	rts_fv_free(fv);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct blob image;

	check_image((struct bytes){data, size});
	image = fv_volume(true, false, 0,
			  fv_file_of(fv_guid(1), EFI_FV_FILETYPE_DRIVER,
				     FFS_ATTRIB_LARGE_FILE, blob_of(data, size)));
	check_image((struct bytes){image.p, image.n});
	free(image.p);
	return 0;
}
