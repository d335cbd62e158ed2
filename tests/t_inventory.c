/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The inventory application as a program of this machine, in a firmware of our own that can
 * be as odd as real ones: maps that grow under its hands, descriptors of any size, images
 * with hostile names and paths, options of every kind, disks that are full.
 */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../guest/say.h"
#include "base/guid.h"
#include "cli/memmap.h"
#include "uefi/fv.h"
#include "uefi/protocols.h"

EFI_STATUS EFIAPI efi_main(EFI_HANDLE ImageHandle, EFI_SYSTEM_TABLE *SystemTable);

#define PAGE(type, start, pages)                                     \
	{                                                            \
		type, start, 0, pages, EFI_MEMORY_WB | EFI_MEMORY_UC \
	}
#define RUNTIME_IMAGES 6U

struct handle {
	EFI_LOADED_IMAGE_PROTOCOL image;
	EFI_SHELL_PARAMETERS_PROTOCOL *shell;
	uint8_t path[256]; /* of its file */
};

/* One firmware at a time. */
static struct {
	EFI_BOOT_SERVICES bs;
	EFI_SYSTEM_TABLE st;
	char said[65536];
	size_t said_len;

	void *pool[1024]; /* given out; what the application keeps goes with it */
	size_t pool_n;

	EFI_MEMORY_DESCRIPTOR map[64];
	size_t map_n,
		map_grows; /* by so many with each allocation, until it has all of map[] */
	UINTN descriptor_size;
	uint32_t version;
	unsigned map_calls;

	struct handle self, images[RUNTIME_IMAGES];
	size_t image_count;
	bool no_text_protocol, no_file_system;

	/* the file */
	char name[256];
	uint8_t *data;
	size_t len, room;
	bool exists, read_only, cannot_flush;
} fw;

static int volume; /* its address is a handle */

void say(EFI_SYSTEM_TABLE *st, const char *fmt, ...)
{
	char line[512];
	va_list ap;
	size_t n;

	assert_ptr_equal(st, &fw.st);
	va_start(ap, fmt);
	n = fmt_text(line, sizeof line, fmt, ap);
	va_end(ap);
	assert_true(n < sizeof line && fw.said_len + n + 2 < sizeof fw.said);
	for (size_t i = 0; i < n; i++)
		assert_true(line[i] >= ' ' && line[i] <= '~');
	fw.said_len += (size_t)sprintf(fw.said + fw.said_len, "%s\n", line);
}

static void *give(size_t n)
{
	void *p = malloc(n + 1);

	assert_non_null(p);

	assert_true(fw.pool_n < COUNT(fw.pool));
	fw.pool[fw.pool_n++] = p;
	return p;
}

static EFI_STATUS EFIAPI allocate_pool(EFI_MEMORY_TYPE type, UINTN size, void **ret)
{
	assert_int_equal(type, EfiLoaderData);
	*ret = give(size);
	fw.map_n += fw.map_grows;
	if (fw.map_n > COUNT(fw.map))
		fw.map_n = COUNT(fw.map);
	return EFI_SUCCESS;
}

static EFI_STATUS EFIAPI free_pool(void *p)
{
	size_t i = 0;

	while (i < fw.pool_n && fw.pool[i] != p)
		i++;
	assert_true(i < fw.pool_n);
	fw.pool[i] = fw.pool[--fw.pool_n];
	free(p);
	return EFI_SUCCESS;
}

static EFI_STATUS EFIAPI get_memory_map(UINTN *len, EFI_MEMORY_DESCRIPTOR *map, UINTN *key,
					UINTN *size, uint32_t *version)
{
	const UINTN need = fw.map_n * fw.descriptor_size;
	const bool fits = *len >= need;

	fw.map_calls++;
	*len = need;
	*key = fw.map_calls;
	*size = fw.descriptor_size;
	*version = fw.version;
	if (!fits)
		return EFI_BUFFER_TOO_SMALL;
	for (size_t i = 0; i < fw.map_n; i++) {
		uint8_t *at = (uint8_t *)map + i * fw.descriptor_size;

		memset(at, 0xee, fw.descriptor_size);
		memcpy(at, &fw.map[i], sizeof fw.map[i]);
	}
	return EFI_SUCCESS;
}

static bool same(const EFI_GUID *a, EFI_GUID b)
{
	return guid_eq(a, &b);
}

static EFI_STATUS EFIAPI read_section(const EFI_FIRMWARE_VOLUME2_PROTOCOL *this,
				      const EFI_GUID *name, uint8_t type, UINTN instance,
				      void **ret, UINTN *ret_len, uint32_t *authentication)
{
	/* a name that would end a JSON string, move a cursor, or turn text around; no NUL
	 */
	static const CHAR16 hostile[] = {'"',    '\\',   0x1b, '[',  'm',
					 0xd800, 0x202e, '\n', 0xe4, 'x'};

	(void)this;
	(void)authentication;
	assert_int_equal(type, EFI_SECTION_USER_INTERFACE);
	assert_int_equal(instance, 0);
	if (name->Data1 != 1)
		return EFI_NOT_FOUND;
	*ret = give(sizeof hostile);
	memcpy(*ret, hostile, sizeof hostile);
	*ret_len = sizeof hostile;
	return EFI_SUCCESS;
}

static EFI_STATUS EFIAPI file_close(EFI_FILE_PROTOCOL *this)
{
	(void)this;
	return EFI_SUCCESS;
}

static EFI_STATUS EFIAPI file_delete(EFI_FILE_PROTOCOL *this)
{
	(void)this;
	fw.exists = false;
	return EFI_SUCCESS;
}

static EFI_STATUS EFIAPI file_write(EFI_FILE_PROTOCOL *this, UINTN *len, void *p)
{
	(void)this;
	assert_true(fw.exists && fw.len == 0);
	if (*len > fw.room)
		*len = fw.room; /* SUCCESS with less, as some file systems say it */
	fw.data = give(*len);
	memcpy(fw.data, p, *len);
	fw.len = *len;
	return EFI_SUCCESS;
}

static EFI_STATUS EFIAPI file_flush(EFI_FILE_PROTOCOL *this)
{
	(void)this;
	return fw.cannot_flush ? EFI_DEVICE_ERROR : EFI_SUCCESS;
}

static EFI_STATUS EFIAPI file_open(EFI_FILE_PROTOCOL *this, EFI_FILE_PROTOCOL **ret,
				   CHAR16 *name, uint64_t mode, uint64_t attributes)
{
	static EFI_FILE_PROTOCOL file = {.Close = file_close,
					 .Delete = file_delete,
					 .Write = file_write,
					 .Flush = file_flush};
	const bool create = (mode & EFI_FILE_MODE_CREATE) != 0;
	size_t n = 0;

	(void)this;
	(void)attributes;
	for (; name[n] != 0; n++)
		fw.name[n] = (char)name[n];
	fw.name[n] = 0;
	if (create && fw.read_only)
		return EFI_WRITE_PROTECTED;
	if (!create && !fw.exists)
		return EFI_NOT_FOUND;
	assert_false(create && fw.exists);
	fw.exists = true;
	*ret = &file;
	return EFI_SUCCESS;
}

static EFI_STATUS EFIAPI open_volume(EFI_SIMPLE_FILE_SYSTEM_PROTOCOL *this,
				     EFI_FILE_PROTOCOL **ret)
{
	static EFI_FILE_PROTOCOL root = {.Open = file_open, .Close = file_close};

	(void)this;
	*ret = &root;
	return EFI_SUCCESS;
}

static EFI_STATUS EFIAPI handle_protocol(EFI_HANDLE handle, const EFI_GUID *guid,
					 void **ret)
{
	static EFI_FIRMWARE_VOLUME2_PROTOCOL fv = {.ReadSection = read_section};
	static EFI_SIMPLE_FILE_SYSTEM_PROTOCOL fs = {.OpenVolume = open_volume};
	static EFI_DEVICE_PATH_PROTOCOL path = {END_DEVICE_PATH_TYPE, 0xff, {4, 0}};

	*ret = NULL;
	if (handle == &volume && same(guid, (EFI_GUID)EFI_FIRMWARE_VOLUME2_PROTOCOL_GUID))
		*ret = &fv;
	else if (handle == &volume && same(guid, (EFI_GUID)EFI_DEVICE_PATH_PROTOCOL_GUID))
		*ret = &path;
	else if (handle == &volume && !fw.no_file_system &&
		 same(guid, (EFI_GUID)EFI_SIMPLE_FILE_SYSTEM_PROTOCOL_GUID))
		*ret = &fs;
	else if (handle != &volume && same(guid, (EFI_GUID)EFI_LOADED_IMAGE_PROTOCOL_GUID))
		*ret = &((struct handle *)handle)->image;
	else if (handle == &fw.self &&
		 same(guid, (EFI_GUID)EFI_SHELL_PARAMETERS_PROTOCOL_GUID))
		*ret = fw.self.shell;
	return *ret != NULL ? EFI_SUCCESS : EFI_UNSUPPORTED;
}

static EFI_STATUS EFIAPI locate_handle_buffer(EFI_LOCATE_SEARCH_TYPE type,
					      const EFI_GUID *guid, void *key, UINTN *ret_n,
					      EFI_HANDLE **ret)
{
	(void)key;
	assert_int_equal(type, ByProtocol);
	assert_true(same(guid, (EFI_GUID)EFI_LOADED_IMAGE_PROTOCOL_GUID));
	if (fw.image_count == 0)
		return EFI_NOT_FOUND;
	*ret = give(fw.image_count * sizeof **ret);
	for (size_t i = 0; i < fw.image_count; i++)
		(*ret)[i] = &fw.images[i];
	*ret_n = fw.image_count;
	return EFI_SUCCESS;
}

static CHAR16 *EFIAPI path_to_text(const EFI_DEVICE_PATH_PROTOCOL *path, BOOLEAN display,
				   BOOLEAN shortcuts)
{
	static const CHAR16 device[] = u"Fv(\"\\)", file[] = u"File";
	CHAR16 *text = give(sizeof device);

	(void)display;
	(void)shortcuts;
	if (path->Type == END_DEVICE_PATH_TYPE)
		memcpy(text, device, sizeof device);
	else
		memcpy(text, file, sizeof file);
	return text;
}

static EFI_STATUS EFIAPI locate_protocol(const EFI_GUID *guid, void *registration,
					 void **ret)
{
	static EFI_DEVICE_PATH_TO_TEXT_PROTOCOL to_text = {.ConvertDevicePathToText =
								   path_to_text};

	(void)registration;
	if (fw.no_text_protocol ||
	    !same(guid, (EFI_GUID)EFI_DEVICE_PATH_TO_TEXT_PROTOCOL_GUID))
		return EFI_NOT_FOUND;
	*ret = &to_text;
	return EFI_SUCCESS;
}

/* A node of a device path; its Length may lie. */
static size_t put_node(uint8_t *at, uint8_t type, uint8_t sub_type, uint16_t length,
		       const void *body, size_t n)
{
	const uint8_t head[4] = {type, sub_type, (uint8_t)length, (uint8_t)(length >> 8)};

	memcpy(at, head, sizeof head);
	if (n != 0)
		memcpy(at + sizeof head, body, n);
	return sizeof head + n;
}

static struct handle *add_image(uint64_t base)
{
	struct handle *h = &fw.images[fw.image_count++];

	assert_true(fw.image_count <= RUNTIME_IMAGES);
	*h = (struct handle){.image = {.DeviceHandle = &volume,
				       .FilePath = (EFI_DEVICE_PATH_PROTOCOL *)h->path,
				       .ImageBase = (void *)(uintptr_t)base,
				       .ImageSize = 0x1000,
				       .ImageCodeType = EfiRuntimeServicesCode}};
	return h;
}

static void reset(void)
{
	static const EFI_MEMORY_DESCRIPTOR map[] = {
		PAGE(EfiConventionalMemory, 0x100000, 256),
		PAGE(EfiLoaderData, 0, 160),
		PAGE(EfiRuntimeServicesCode, 0x200000, 16),
	};

	while (fw.pool_n > 0)
		free(fw.pool[--fw.pool_n]);
	memset(&fw, 0, sizeof fw);
	memcpy(fw.map, map, sizeof map);
	for (size_t i = COUNT(map); i < COUNT(fw.map); i++)
		fw.map[i] = (EFI_MEMORY_DESCRIPTOR)PAGE(EfiBootServicesData, i << 24, 1);
	fw.map_n = COUNT(map);
	fw.descriptor_size = 48;
	fw.version = 1;
	fw.room = 1U << 20;
	fw.bs = (EFI_BOOT_SERVICES){.AllocatePool = allocate_pool,
				    .FreePool = free_pool,
				    .GetMemoryMap = get_memory_map,
				    .HandleProtocol = handle_protocol,
				    .LocateHandleBuffer = locate_handle_buffer,
				    .LocateProtocol = locate_protocol};
	fw.st.BootServices = &fw.bs;
	fw.self.image.DeviceHandle = &volume;
}

/* With these load options; @n characters, no NUL of their own. */
static EFI_STATUS start(const CHAR16 *options, size_t n)
{
	fw.self.image.LoadOptions = (void *)(uintptr_t)options;
	fw.self.image.LoadOptionsSize = (uint32_t)(n * sizeof *options);
	return efi_main(&fw.self, &fw.st);
}
#define START(literal) start(u"" literal, COUNT(u"" literal) - 1)

/* What was saved, as the host reads it. */
static struct memmap saved(void)
{
	struct memmap m = {0};
	struct diag d = {0};

	assert_true(fw.exists);
	if (memmap_read((struct bytes){fw.data, fw.len}, 0, &m, &d) != 0)
		fail_msg("%s", d.text);
	assert_string_equal(m.source, "inventory");
	return m;
}

static void t_map(void **state)
{
	static const UINTN sizes[] = {40, 48, 56, 4096};

	(void)state;
	for (size_t s = 0; s < COUNT(sizes); s++) {
		struct memmap m;

		reset();
		fw.descriptor_size = sizes[s];
		assert_int_equal(START("-o x"), EFI_SUCCESS);
		m = saved();
		assert_int_equal(m.map.n, 3);
		for (size_t i = 0; i < m.map.n; i++)
			assert_memory_equal(&m.map.d[i].PhysicalStart,
					    &fw.map[i].PhysicalStart, 32);
		assert_non_null(strstr(
			fw.said, "00000000-0009ffff      160    640 KiB  LoaderData"));
		assert_non_null(strstr(fw.said, "0 runtime images\n"));
		memmap_fini(&m);
	}
}

static void t_map_grows(void **state)
{
	struct memmap m;

	(void)state;
	reset();
	fw.map_grows = 9; /* one more than the slack that is asked for */
	assert_int_equal(START("-o x"), EFI_SUCCESS);
	assert_true(fw.map_calls > 4);
	m = saved();
	assert_int_equal(m.map.n, COUNT(fw.map));
	memmap_fini(&m);
}

static void t_map_unknown(void **state)
{
	(void)state;
	reset();
	fw.descriptor_size = 39;
	assert_int_equal(START("-o x"), EFI_UNSUPPORTED);
	assert_non_null(strstr(fw.said, "descriptors of 39 bytes, version 1: not known\n"));
	reset();
	fw.version = 2;
	assert_int_equal(START(""), EFI_UNSUPPORTED);
	reset();
	fw.map[1].PhysicalStart = 0x101000;
	assert_int_equal(START(""), EFI_SUCCESS);
	assert_non_null(strstr(fw.said, "problem: descriptor 1: 0x101000-0x1a0fff overlaps "
					"descriptor 0, 0x100000-0x1fffff\n"));
	assert_false(fw.exists);
}

static const char *image_text(const struct memmap *m, size_t i, const char *member)
{
	return json_string_value(json_object_get(json_array_get(m->images, i), member));
}

static void t_images(void **state)
{
	static const EFI_GUID one = {1, 2, 3, {4}}, two = {2, 2, 3, {4}};
	struct handle *h;
	struct memmap m;
	size_t n;

	(void)state;
	reset();
	h = add_image(0x205000); /* a file of a volume, with a name for its worst */
	n = put_node(h->path, 4, 6, 20, &one, sizeof one);
	put_node(h->path + n, 0x7f, 0xff, 4, NULL, 0);
	h = add_image(0x201000); /* one without a name */
	n = put_node(h->path, 4, 6, 20, &two, sizeof two);
	put_node(h->path + n, 0x7f, 0xff, 4, NULL, 0);
	h = add_image(0x203000); /* a file on a disk */
	n = put_node(h->path, 4, 4, 4 + 14, u"\\a\\b.x", 14);
	put_node(h->path + n, 0x7f, 0xff, 4, NULL, 0);
	h = add_image(0x204000); /* not a runtime driver */
	h->image.ImageCodeType = EfiBootServicesCode;
	h = add_image(0x202000); /* no path at all */
	h->image.FilePath = NULL;
	h->image.DeviceHandle = NULL;
	assert_int_equal(START("-o x"), EFI_SUCCESS);
	assert_non_null(strstr(fw.said, "4 runtime images\n"));
	assert_non_null(strstr(fw.said, "0x00205000     4096  \"\\?[m???\?x\n"));
	assert_non_null(strstr(fw.said, "0x00203000     4096  b.x\n"));
	m = saved();
	assert_int_equal(json_array_size(m.images), 4);
	assert_string_equal(image_text(&m, 0, "base"), "0x201000");
	assert_null(image_text(&m, 0, "name"));
	assert_string_equal(image_text(&m, 0, "guid"),
			    "00000002-0002-0003-0400-000000000000");
	assert_string_equal(image_text(&m, 0, "path"), "Fv(\"\\)/File");
	assert_string_equal(image_text(&m, 1, "base"), "0x202000");
	assert_null(image_text(&m, 1, "path"));
	assert_null(image_text(&m, 1, "guid"));
	assert_string_equal(image_text(&m, 2, "name"), "b.x");
	assert_string_equal(image_text(&m, 3, "name"),
			    "\"\\\x1b[m\xef\xbf\xbd\xe2\x80\xae\n\xc3\xa4x");
	assert_string_equal(image_text(&m, 3, "code_type"), "EfiRuntimeServicesCode");
	memmap_fini(&m);
}

/* Nodes whose length is a lie: nothing past them is looked at (a sanitizer would tell). */
static void t_broken_paths(void **state)
{
	static const struct {
		uint8_t type, sub_type;
		uint16_t length;
	} cases[] = {
		{4, 6, 0}, {4, 6, 3}, {4, 6, 4}, {4, 6, 19},
		{4, 4, 4}, {4, 4, 5}, {1, 1, 0},
	};

	(void)state;
	for (size_t c = 0; c < COUNT(cases); c++) {
		struct handle *h;
		struct memmap m;
		size_t n;

		reset();
		fw.no_text_protocol = true;
		h = add_image(0x201000);
		n = put_node(h->path, cases[c].type, cases[c].sub_type, cases[c].length,
			     NULL, 0);
		if (cases[c].length > n)
			n = cases[c].length;
		put_node(h->path + n, 0x7f, 0xff, 4, NULL, 0);
		assert_int_equal(START("-o x"), EFI_SUCCESS);
		m = saved();
		assert_int_equal(json_array_size(m.images), 1);
		assert_null(image_text(&m, 0, "name"));
		assert_null(image_text(&m, 0, "guid"));
		assert_null(image_text(&m, 0, "path"));
		memmap_fini(&m);
	}
}

static void t_options(void **state)
{
	static const struct {
		const CHAR16 *text;
		size_t n;
		const char *name; /* of the file that is saved; NULL: none */
		EFI_STATUS status;
	} cases[] = {
#define CASE(text, name, status) {u"" text, COUNT(u"" text) - 1, name, status}
		CASE("", NULL, EFI_SUCCESS),
		CASE("-o a/b", "a\\b", EFI_SUCCESS),
		CASE("-o a\0rest", "a", EFI_SUCCESS),
		CASE("inventory.efi -o \"with space\"  ", "with space", EFI_SUCCESS),
		CASE("inventory.efi", NULL, EFI_SUCCESS),
		CASE("\"my inventory.efi\" -o x", "x", EFI_SUCCESS),
		CASE("-o", NULL, EFI_INVALID_PARAMETER),
		CASE("-o \"\"", NULL, EFI_INVALID_PARAMETER),
		CASE("-o fs0:x", NULL, EFI_INVALID_PARAMETER),
		CASE("-o x y", NULL, EFI_INVALID_PARAMETER),
		CASE("-h", NULL, EFI_SUCCESS),
		CASE("a b c d e f g h i j", NULL, EFI_INVALID_PARAMETER),
		CASE("-\"", NULL, EFI_INVALID_PARAMETER),
		CASE("\1\2\3-o x", NULL, EFI_SUCCESS), /* a boot manager's own mark */
#undef CASE
	};
	static CHAR16 word[150] = u"-o ", *argv[] = {u"inventory", u"-o", u"said", u"more"};
	EFI_SHELL_PARAMETERS_PROTOCOL shell = {.Argv = argv, .Argc = 3};

	(void)state;
	for (size_t c = 0; c < COUNT(cases); c++) {
		reset();
		print_message("# case %zu\n", c);
		assert_int_equal(start(cases[c].text, cases[c].n), cases[c].status);
		assert_int_equal(fw.exists, cases[c].name != NULL);
		if (cases[c].name != NULL)
			assert_string_equal(fw.name, cases[c].name);
	}
	for (size_t i = 3; i < COUNT(word); i++)
		word[i] = 'w';
	reset();
	assert_int_equal(start(word, 3 + 143), EFI_SUCCESS);
	assert_int_equal(strlen(fw.name), 143);
	reset();
	assert_int_equal(start(word, 3 + 144), EFI_INVALID_PARAMETER);
	reset(); /* the shell's words win */
	fw.self.shell = &shell;
	assert_int_equal(START("-o x"), EFI_SUCCESS);
	assert_string_equal(fw.name, "said");
	reset();
	shell.Argc = 4;
	fw.self.shell = &shell;
	assert_int_equal(START(""), EFI_INVALID_PARAMETER);
}

static void t_save(void **state)
{
	struct memmap m;

	(void)state;
	reset();
	fw.exists = true; /* and is replaced */
	assert_int_equal(START("-o x"), EFI_SUCCESS);
	m = saved();
	memmap_fini(&m);
	reset();
	fw.room = 100;
	assert_int_equal(START("-o x"), EFI_VOLUME_FULL);
	assert_false(fw.exists);
	assert_non_null(strstr(fw.said, "inventory: x: status 0x800000000000000b\n"));
	reset();
	fw.cannot_flush = true;
	assert_int_equal(START("-o x"), EFI_DEVICE_ERROR);
	assert_false(fw.exists);
	reset();
	fw.read_only = true;
	assert_int_equal(START("-o x"), EFI_WRITE_PROTECTED);
	reset();
	fw.no_file_system = true;
	assert_int_equal(START("-o x"), EFI_NOT_FOUND);
	assert_non_null(strstr(fw.said, "inventory: x: we were not started from a volume"));
	assert_null(strstr(fw.said, "saved:"));
}

static int tear_down(void **state)
{
	(void)state;
	reset();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(t_map, tear_down),
		cmocka_unit_test_teardown(t_map_grows, tear_down),
		cmocka_unit_test_teardown(t_map_unknown, tear_down),
		cmocka_unit_test_teardown(t_images, tear_down),
		cmocka_unit_test_teardown(t_broken_paths, tear_down),
		cmocka_unit_test_teardown(t_options, tear_down),
		cmocka_unit_test_teardown(t_save, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
