/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The runtime images that are loaded (UEFI 2.10 §9.1): the boot services keep a handle for
 * each. Device paths are memory of others: nodes are copied and bounded, never trusted.
 */
#include "base/mem.h"
#include "base/ucs2.h"
#include "inventory.h"
#include "uefi/fv.h"
#include "uefi/protocols.h"

#define PATH_MAX_LEN 65536U
#define NAME_MAX_LEN 1024U /* characters */

/* The length of the node at @p, when it is not the last one and has no more than @left
 * bytes; else 0. */
static size_t node_len(const EFI_DEVICE_PATH_PROTOCOL *p, size_t left)
{
	size_t len = (size_t)(p->Length[0] | p->Length[1] << 8);

	if (p->Type == END_DEVICE_PATH_TYPE || len < sizeof *p || len > left)
		return 0;
	return len;
}

/* A name in the text of @n characters at @p, which may be unaligned; a copy. Of a path, the
 * last part. */
static void take_name(const struct inventory *v, struct inventory_image *im, const void *p,
		      size_t n, bool is_path)
{
	size_t from = 0;
	CHAR16 *copy;

	if (n > NAME_MAX_LEN)
		n = NAME_MAX_LEN;
	copy = inventory_allocate(v, (n + 1) * sizeof *copy);
	if (copy == NULL)
		return;
	memcpy(copy, p, n * sizeof *copy);
	n = ucs2_len(copy, n);
	for (size_t i = 0; is_path && i < n; i++)
		if (copy[i] == '\\')
			from = i + 1;
	im->name = from < n ? copy + from : NULL;
	im->name_len = n - from;
}

/* The UI section of the file in its firmware volume. */
static void take_ui_name(const struct inventory *v, struct inventory_image *im,
			 EFI_HANDLE volume)
{
	static const EFI_GUID fv2 = EFI_FIRMWARE_VOLUME2_PROTOCOL_GUID;
	const EFI_FIRMWARE_VOLUME2_PROTOCOL *fv = inventory_protocol(v, volume, &fv2);
	void *text = NULL;
	UINTN len = 0;
	uint32_t authentication;

	if (fv == NULL || fv->ReadSection(fv, &im->guid, EFI_SECTION_USER_INTERFACE, 0,
					  &text, &len, &authentication) != EFI_SUCCESS)
		return;
	take_name(v, im, text, len / sizeof(CHAR16), false);
	(void)v->bs->FreePool(text);
}

/* Name and GUID from the image's file path: a file in a firmware volume, or one on a disk.
 */
static void take_file_path(const struct inventory *v, struct inventory_image *im,
			   const EFI_LOADED_IMAGE_PROTOCOL *image)
{
	const EFI_DEVICE_PATH_PROTOCOL *p = image->FilePath;
	size_t left = PATH_MAX_LEN, len;

	for (; p != NULL && (len = node_len(p, left)) != 0; left -= len) {
		const uint8_t *body = (const uint8_t *)(p + 1);

		if (p->Type == MEDIA_DEVICE_PATH && p->SubType == MEDIA_PIWG_FW_FILE_DP &&
		    len >= sizeof *p + sizeof im->guid) {
			memcpy(&im->guid, body, sizeof im->guid);
			im->has_guid = true;
			take_ui_name(v, im, image->DeviceHandle);
		} else if (p->Type == MEDIA_DEVICE_PATH &&
			   p->SubType == MEDIA_FILEPATH_DP) {
			take_name(v, im, body, (len - sizeof *p) / sizeof(CHAR16), true);
		}
		p = (const EFI_DEVICE_PATH_PROTOCOL *)((const uint8_t *)p + len);
	}
}

static void take_image(struct inventory *v, const EFI_LOADED_IMAGE_PROTOCOL *image,
		       const EFI_DEVICE_PATH_TO_TEXT_PROTOCOL *to_text)
{
	static const EFI_GUID device_path = EFI_DEVICE_PATH_PROTOCOL_GUID;
	const EFI_DEVICE_PATH_PROTOCOL *device =
		inventory_protocol(v, image->DeviceHandle, &device_path);
	struct inventory_image im = {.base = (uintptr_t)image->ImageBase,
				     .size = image->ImageSize,
				     .code_type = image->ImageCodeType};
	size_t at = v->image_count;

	take_file_path(v, &im, image);
	if (to_text != NULL && device != NULL)
		im.device = to_text->ConvertDevicePathToText(device, false, false);
	if (to_text != NULL && image->FilePath != NULL)
		im.file = to_text->ConvertDevicePathToText(image->FilePath, false, false);
	for (; at > 0 && v->images[at - 1].base > im.base; at--)
		v->images[at] = v->images[at - 1];
	v->images[at] = im;
	v->image_count++;
}

EFI_STATUS inventory_find_images(struct inventory *v)
{
	static const EFI_GUID loaded = EFI_LOADED_IMAGE_PROTOCOL_GUID;
	static const EFI_GUID path_text = EFI_DEVICE_PATH_TO_TEXT_PROTOCOL_GUID;
	void *to_text = NULL;
	EFI_HANDLE *handles = NULL;
	UINTN n = 0;
	EFI_STATUS status =
		v->bs->LocateHandleBuffer(ByProtocol, &loaded, NULL, &n, &handles);

	if (status != EFI_SUCCESS)
		return status == EFI_NOT_FOUND ? EFI_SUCCESS : status;
	if (v->bs->LocateProtocol(&path_text, NULL, &to_text) != EFI_SUCCESS)
		to_text = NULL;
	v->images = inventory_allocate(v, n * sizeof *v->images);
	if (v->images == NULL)
		return EFI_OUT_OF_RESOURCES;
	for (UINTN i = 0; i < n; i++) {
		const EFI_LOADED_IMAGE_PROTOCOL *image =
			inventory_protocol(v, handles[i], &loaded);

		if (image != NULL && image->ImageCodeType == EfiRuntimeServicesCode)
			take_image(v, image, to_text);
	}
	(void)v->bs->FreePool(handles);
	return EFI_SUCCESS;
}
