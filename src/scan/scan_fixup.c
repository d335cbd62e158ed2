/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fixups of images in memory. A loader gives each the address that it had; a call of
 * SetVirtualAddressMap() gives it another (PI 1.8 vol 2 §12.6.2), but for those that the
 * driver changed itself. So the majority says where the image is mapped, and what agrees
 * with neither address is the driver's own, or somebody else's.
 */
#include <stdlib.h>
#include <string.h>

#include "scan/scan_priv.h"

bool rts_scan_spend(struct scan *s, uint64_t bytes)
{
	if (bytes > SCAN_WORK_MAX - s->work) {
		rts_scan_note(s,
			      "comparing images with known ones was given up after "
			      "%llu bytes: what came later counts as unknown",
			      SCAN_WORK_MAX);
		s->work = SCAN_WORK_MAX;
		return false;
	}
	s->work += bytes;
	return true;
}

/* The difference that more than half of those fixups have that pointed into the image when
 * it was loaded, and that are in memory. False: there is none. */
static bool vote(const struct scan_image *img, const uint64_t *loaded, const uint64_t *now,
		 size_t count, uint64_t *ret)
{
	uint64_t delta = 0;
	size_t lead = 0, voters = 0, votes = 0;

	for (unsigned round = 0; round < 2; round++)
		for (size_t i = 0; i < count; i++) {
			const uint64_t mine = now[i] - loaded[i];

			if (loaded[i] - img->base > img->len ||
			    (img->missing != 0 && now[i] == 0))
				continue;
			if (round == 1) {
				voters++;
				votes += mine == delta;
			} else if (lead == 0) {
				delta = mine;
				lead = 1;
			} else {
				lead = mine == delta ? lead + 1 : lead - 1;
			}
		}
	*ret = delta;
	return votes > voters / 2 && delta % EFI_PAGE_SIZE == 0;
}

/* What the fixups were when the image was loaded. False: there is nobody to tell; then
 * those that point into it are taken to be unchanged. */
static bool loaded_values(struct scan *s, const struct scan_image *img, uint64_t log,
			  const uint64_t *now, struct scan_fixups *f)
{
	if (f->want != NULL) {
		(void)rts_pe_image_log(f->pe, f->want, f->loaded, f->count);
		return true;
	}
	if (log != 0 &&
	    rts_dump_read_all(s->dump, log, f->loaded, f->count * sizeof *f->loaded))
		return true;
	for (size_t i = 0; i < f->count; i++)
		f->loaded[i] = now[i] - img->base <= img->len ? now[i] : ~now[i];
	return false;
}

static unsigned bytes_differ(uint64_t a, uint64_t b)
{
	unsigned n = 0;

	for (a ^= b; a != 0; a >>= 8)
		n += (a & 0xff) != 0;
	return n;
}

/* Gives each fixup of @f->want the address of the two that the one in memory is nearer to.
 * Spoils @now. */
static void want_moved(const struct scan_image *img, struct scan_fixups *f, uint64_t *now)
{
	for (size_t i = 0; i < f->count; i++) {
		const uint64_t moved = f->loaded[i] + f->delta;
		const bool is_moved =
			bytes_differ(now[i], moved) < bytes_differ(now[i], f->loaded[i]);

		now[i] = is_moved ? f->loaded[i] : ~f->loaded[i];
	}
	(void)rts_pe_image_move(f->pe, f->want, img->base, img->base + f->delta, now, NULL);
}

static EFI_STATUS fixups_read(struct scan *s, const struct scan_image *img, uint64_t log,
			      const struct scan_known_image *known, struct scan_fixups *f)
{
	uint64_t *now;

	f->mem = calloc(1, f->len);
	f->want = known != NULL ? calloc(1, f->len) : NULL;
	if (f->mem == NULL || (known != NULL && f->want == NULL))
		return EFI_OUT_OF_RESOURCES;
	memcpy(f->mem, img->file, img->len);
	if (known != NULL)
		(void)rts_pe_image_place(
			f->pe, f->want, f->pe->fixed ? f->pe->image_base : img->base, NULL);
	f->count = rts_pe_image_log(f->pe, f->mem, NULL, 0);
	f->loaded = calloc(f->count + 1, sizeof *f->loaded);
	now = calloc(f->count + 1, sizeof *now);
	if (f->loaded != NULL && now != NULL) {
		(void)rts_pe_image_log(f->pe, f->mem, now, f->count);
		f->voted = loaded_values(s, img, log, now, f) &&
			   vote(img, f->loaded, now, f->count, &f->delta);
		if (f->voted && f->delta != 0 && known != NULL)
			want_moved(img, f, now);
	}
	free(now);
	return f->loaded != NULL && now != NULL ? EFI_SUCCESS : EFI_OUT_OF_RESOURCES;
}

EFI_STATUS rts_scan_fixups(struct scan *s, const struct scan_image *img, uint64_t log,
			   const struct scan_known_image *known, struct scan_fixups *ret)
{
	struct scan_fixups f = {.pe = known != NULL ? &known->pe : &img->pe};
	EFI_STATUS status;

	if (img->file == NULL || (known == NULL && !img->header))
		return EFI_NOT_FOUND;
	f.len = img->len > f.pe->size ? img->len : f.pe->size;
	if (!rts_scan_spend(s, 4 * (uint64_t)f.len))
		return EFI_NOT_FOUND;
	status = fixups_read(s, img, log, known, &f);
	s->no_memory |= status == EFI_OUT_OF_RESOURCES; /* not all who ask have a status */
	if (status != EFI_SUCCESS)
		rts_scan_fixups_fini(&f);
	else
		*ret = f;
	return status;
}

void rts_scan_fixups_move(struct scan_fixups *f, uint64_t base, uint64_t to)
{
	if (f->voted && f->delta != 0) {
		for (size_t i = 0; i < f->count; i++)
			f->loaded[i] += f->delta;
		(void)rts_pe_image_move(f->pe, f->mem, base + f->delta, base, f->loaded,
					NULL);
		for (size_t i = 0; i < f->count; i++)
			f->loaded[i] -= f->delta;
	}
	if (!f->pe->fixed)
		(void)rts_pe_image_move(f->pe, f->mem, base, to, f->loaded, NULL);
}

void rts_scan_fixups_fini(struct scan_fixups *f)
{
	free(f->mem);
	free(f->want);
	free(f->loaded);
	*f = (struct scan_fixups){0};
}

static bool base_by(struct scan *s, const struct scan_image *img, uint64_t log,
		    const struct scan_known_image *known, uint64_t *ret)
{
	struct scan_fixups f;
	bool voted;

	if (rts_scan_fixups(s, img, log, known, &f) != EFI_SUCCESS)
		return false;
	voted = f.voted;
	*ret = img->base + f.delta;
	rts_scan_fixups_fini(&f);
	return voted;
}

bool rts_scan_fixup_base(struct scan *s, const struct scan_image *img, uint64_t log,
			 const struct scan_known_image *known, uint64_t *ret_virtual)
{
	uint64_t base;

	if (!(log != 0 && base_by(s, img, log, NULL, &base)) &&
	    !(known != NULL && rts_scan_is(s, img, known) &&
	      base_by(s, img, 0, known, &base)))
		return false;
	*ret_virtual = base;
	return true;
}
