/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * edk2's variable flash (OVMF_VARS.fd, AAVMF_VARS.fd): a firmware volume that holds a log
 * of variables, a queue of fault-tolerant writes and their spare area. What edk2 would see
 * at its next boot is what is read here.
 */
#include "store/store_flash.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/crc32.h"
#include "base/guid.h"
#include "base/ucs2.h"
#include "store/store_var.h"
#include "uefi/flash.h"
#include "uefi/fv.h"
#include "uefi/guids.h"

#define FV_HEADER  0x48U /* with the block map */
#define FIRST      (FV_HEADER + (uint32_t)sizeof(VARIABLE_STORE_HEADER))
#define ALIGNED(n) (((n) + 3) & ~(uint64_t)3)

static const EFI_GUID nv_data = EFI_SYSTEM_NV_DATA_FV_GUID,
		      authenticated = EFI_AUTHENTICATED_VARIABLE_GUID,
		      plain = EFI_VARIABLE_GUID, cert_db = EFI_CERT_DB_GUID,
		      working = EDKII_WORKING_BLOCK_SIGNATURE_GUID;

/* Where things lie, in bytes. */
static const struct layout {
	const char *name;
	uint32_t file; /* of a new one */
	uint32_t volume, attributes, blocks, block;
	uint32_t region; /* of variables, with the headers before them */
	uint32_t work, work_len;
	uint32_t spare;
} layouts[] = {
	{"4m", 0x84000, 0x84000, 0x4feff, 0x84, 0x1000, 0x40000, 0x41000, 0x1000, 0x42000},
	{"2m", 0x20000, 0x20000, 0x4feff, 0x20, 0x1000, 0xe000, 0xf000, 0x1000, 0x10000},
	{"aavmf", 0x4000000, 0xc0000, 0xe36, 0x100, 0x40000, 0x40000, 0x40000, 0x40000,
	 0x80000},
};
#define LAYOUTS (sizeof layouts / sizeof *layouts)

static const struct layout *layout_named(const char *name)
{
	for (size_t i = 0; i < LAYOUTS; i++)
		if (strcmp(layouts[i].name, name) == 0)
			return &layouts[i];
	return NULL;
}

bool store_flash_layout(const char *name)
{
	return layout_named(name) != NULL;
}

/* By its volume's length; by the file's, where the volume's header is not there. */
static const struct layout *layout_of(struct bytes image)
{
	EFI_FIRMWARE_VOLUME_HEADER fv;

	for (size_t i = 0; i < LAYOUTS; i++)
		if (image.n >= layouts[i].volume && bytes_read(image, 0, &fv, sizeof fv) &&
		    fv.Signature == EFI_FVH_SIGNATURE && fv.FvLength == layouts[i].volume)
			return &layouts[i];
	for (size_t i = 0; i < LAYOUTS; i++)
		if (image.n == layouts[i].file)
			return &layouts[i];
	return NULL;
}

static uint64_t volume_len(struct bytes image)
{
	EFI_FIRMWARE_VOLUME_HEADER fv;

	return bytes_read(image, 0, &fv, sizeof fv) ? fv.FvLength : 0;
}

bool store_flash_is(const void *head, size_t n, uint64_t size)
{
	const uint8_t *p = head;

	if (n >= STORE_FLASH_HEAD && memcmp(p + 0x28, "_FVH", 4) == 0)
		return true;
	for (size_t i = 0; i < LAYOUTS; i++)
		if (size == layouts[i].file && n > 0 && (p[0] == 0 || p[0] == 0xff))
			return true;
	return false;
}

static bool all_are(const uint8_t *p, size_t n, uint8_t value)
{
	return n == 0 || (p[0] == value && memcmp(p, p + 1, n - 1) == 0);
}

static bool is_blank(struct bytes b)
{
	return all_are(b.p, b.n, 0xff) || all_are(b.p, b.n, 0);
}

static uint16_t sum16(const uint8_t *p, size_t n)
{
	uint16_t sum = 0, word;

	for (size_t i = 0; i + 1 < n; i += 2) {
		memcpy(&word, p + i, sizeof word);
		sum = (uint16_t)(sum + word);
	}
	return sum;
}

static uint32_t work_crc(EFI_FAULT_TOLERANT_WORKING_BLOCK_HEADER h)
{
	h.Crc = UINT32_MAX;
	h.State = 0xff;
	return crc32_update(0, &h, sizeof h);
}

/* An image as the firmware would find it after its own recovery. */
struct image {
	const char *label;
	struct bytes file;
	const struct layout *layout;
	uint8_t *region; /* a copy, layout->region bytes */
	bool replayed;   /* it is the spare's */
	bool pending;    /* a write is in the queue that is not completed */
	bool blank;      /* no headers */
	bool plain;
	struct diag *d;
};

static void image_fini(struct image *m)
{
	free(m->region);
}

#define bad(m, ...) diag((m)->d, -EINVAL, __VA_ARGS__)

/* Looks for a write that is in the spare area and may not be in its target yet: 1; 0 where
 * there is none. */
static int queue_read(struct image *m, EFI_FAULT_TOLERANT_WRITE_RECORD *ret,
		      uint64_t *ret_at)
{
	const struct layout *l = m->layout;
	EFI_FAULT_TOLERANT_WORKING_BLOCK_HEADER work;
	EFI_FAULT_TOLERANT_WRITE_HEADER head;
	struct bytes queue;
	uint64_t at = sizeof work, size, step = 0;

	if (!bytes_sub(m->file, l->work, l->work_len, &queue) ||
	    !bytes_read(queue, 0, &work, sizeof work) ||
	    !guid_eq(&work.Signature, &working) || work.Crc != work_crc(work) ||
	    (work.State & FTW_BLOCK_STATE) != FTW_BLOCK_VALID)
		return 0; /* the firmware makes a new one */
	while (bytes_read(queue, at, &head, sizeof head)) {
		if ((head.State & FTW_HEADER_ALLOCATED) != 0)
			return 0; /* free from here on */
		if ((head.State & FTW_WRITES_ALLOCATED) != 0 &&
		    (head.State & FTW_COMPLETE) != 0) {
			m->pending = true; /* its numbers may not be whole */
			return 0;
		}
		if (head.NumberOfWrites == 0 || head.NumberOfWrites > l->work_len ||
		    head.PrivateDataSize > l->work_len)
			return bad(
				m,
				"%s: queue of writes: %llu writes with %llu bytes each at "
				"%#llx",
				m->label, (unsigned long long)head.NumberOfWrites,
				(unsigned long long)head.PrivateDataSize,
				(unsigned long long)(l->work + at));
		step = sizeof *ret + head.PrivateDataSize;
		size = head.NumberOfWrites * step;
		at += sizeof head;
		if (at + size > queue.n)
			return bad(m,
				   "%s: queue of writes: %#llx bytes at %#llx do not fit",
				   m->label, (unsigned long long)size,
				   (unsigned long long)(l->work + at));
		if ((head.State & FTW_COMPLETE) != 0)
			break;
		at += size;
	}
	if (at + sizeof *ret > queue.n)
		return 0;
	m->pending = true;
	for (uint64_t i = 0; i < head.NumberOfWrites; i++, at += step) {
		bytes_read(queue, at, ret, sizeof *ret);
		if ((ret->State & FTW_DESTINATION_COMPLETE) != 0) {
			*ret_at = l->work + at;
			return (ret->State & FTW_SPARE_COMPLETE) == 0;
		}
	}
	return 0;
}

/* Whole blocks of the spare area go to the target, whatever part of them is new. */
static int replay(struct image *m, const EFI_FAULT_TOLERANT_WRITE_RECORD *r, uint64_t at)
{
	const struct layout *l = m->layout;
	const uint64_t room = l->volume - l->spare;
	uint64_t from, len;
	struct bytes spare;

	/* each is far below 2^32 before they are added */
	bool fits = r->Lba <= l->volume / l->block && r->Offset < l->volume &&
		    r->Length <= room && r->Length > 0;

	from = fits ? r->Lba * l->block : 0;
	len = fits ? (r->Offset + r->Length + l->block - 1) / l->block * l->block : 0;
	if (!fits || len > room || from + len > l->spare ||
	    !bytes_sub(m->file, l->spare, len, &spare))
		return bad(m,
			   "%s: queue of writes: block %#llx, %#llx bytes from %#llx, at "
			   "%#llx",
			   m->label, (unsigned long long)r->Lba,
			   (unsigned long long)r->Length, (unsigned long long)r->Offset,
			   (unsigned long long)at);
	if (from < l->region) {
		memcpy(m->region + from, spare.p,
		       len < l->region - from ? len : l->region - from);
		m->replayed = true;
	}
	return 0;
}

static int check_volume(struct image *m)
{
	const struct bytes region = {m->region, m->layout->region};
	const char *where = m->replayed ? " (in the spare area)" : "";
	EFI_FIRMWARE_VOLUME_HEADER fv;

	bytes_read(region, 0, &fv, sizeof fv);
	if (fv.Signature != EFI_FVH_SIGNATURE)
		return bad(m, "%s: no firmware volume: signature %#x at 0x28%s", m->label,
			   fv.Signature, where);
	if (!guid_eq(&fv.FileSystemGuid, &nv_data))
		return bad(m, "%s: the volume is not one of variables: GUID at 0x10%s",
			   m->label, where);
	if (fv.FvLength != m->layout->volume)
		return bad(m, "%s: a volume of %#llx bytes at 0x20%s, of %#x expected",
			   m->label, (unsigned long long)fv.FvLength, where,
			   m->layout->volume);
	if (fv.HeaderLength != FV_HEADER)
		return bad(m, "%s: volume header of %#x bytes at 0x30%s, of 0x48 expected",
			   m->label, fv.HeaderLength, where);
	if (sum16(m->region, FV_HEADER) != 0)
		return bad(m, "%s: wrong checksum %#x at 0x32%s", m->label, fv.Checksum,
			   where);
	return 0;
}

static int check_store(struct image *m)
{
	const struct bytes region = {m->region, m->layout->region};
	VARIABLE_STORE_HEADER h;

	bytes_read(region, FV_HEADER, &h, sizeof h);
	if (all_are(m->region + FV_HEADER, sizeof h, 0xff)) {
		m->blank = true;
		return 0;
	}
	m->plain = guid_eq(&h.Signature, &plain);
	if (!m->plain && !guid_eq(&h.Signature, &authenticated))
		return bad(m, "%s: no store of variables: GUID at 0x48", m->label);
	if (h.Size != m->layout->region - FV_HEADER)
		return bad(m, "%s: a store of %#x bytes at 0x58, of %#x expected", m->label,
			   h.Size, m->layout->region - FV_HEADER);
	if (h.Format != VARIABLE_STORE_FORMATTED || h.State != VARIABLE_STORE_HEALTHY)
		return bad(m,
			   "%s: the store is not formatted and healthy: %#x %#x at 0x5c, "
			   "must be 0x5a 0xfe",
			   m->label, h.Format, h.State);
	return 0;
}

static int image_read(struct image *m)
{
	EFI_FAULT_TOLERANT_WRITE_RECORD record;
	uint64_t at = 0;
	int r;

	m->layout = layout_of(m->file);
	if (m->layout == NULL)
		return bad(m,
			   "%s: %#zx bytes, a volume of %#llx at 0x20: cut, or none of the "
			   "layouts 4m, 2m, aavmf",
			   m->label, m->file.n, (unsigned long long)volume_len(m->file));
	m->region = malloc(m->layout->region);
	if (m->region == NULL)
		return diag(m->d, -ENOMEM, "%s: out of memory", m->label);
	memcpy(m->region, m->file.p, m->layout->region);
	r = queue_read(m, &record, &at);
	if (r > 0)
		r = replay(m, &record, at);
	if (r < 0)
		return r;
	if (is_blank((struct bytes){m->file.p, m->layout->volume})) {
		m->blank = true;
		return 0;
	}
	r = check_volume(m);
	return r < 0 ? r : check_store(m);
}

bool store_flash_is_plain(struct bytes file)
{
	struct image m = {.label = "", .file = file};
	const bool yes = image_read(&m) == 0 && m.plain;

	image_fini(&m);
	return yes;
}

struct record {
	uint32_t at;
	uint8_t state;
	struct rts_var var; /* borrows from the image */
};

static bool is_live(uint8_t state)
{
	return state == VAR_ADDED || state == (VAR_ADDED & VAR_IN_DELETED_TRANSITION);
}

/* What is at @at: *ret_next is where the next record is; 0: the log ends here. */
static int record_read(const struct image *m, uint32_t at, struct record *ret,
		       uint32_t *ret_next)
{
	const struct bytes region = {m->region, m->layout->region};
	const uint32_t head =
		m->plain ? sizeof(VARIABLE_HEADER) : sizeof(AUTHENTICATED_VARIABLE_HEADER);
	AUTHENTICATED_VARIABLE_HEADER h = {0};
	uint64_t end;

	*ret_next = 0;
	if (m->plain) {
		VARIABLE_HEADER p = {0};

		if (!bytes_read(region, at, &p, sizeof p))
			return 0;
		h.StartId = p.StartId;
		h.State = p.State;
		h.Attributes = p.Attributes;
		h.NameSize = p.NameSize;
		h.DataSize = p.DataSize;
		h.VendorGuid = p.VendorGuid;
	} else if (!bytes_read(region, at, &h, sizeof h)) {
		return 0;
	}
	if (h.StartId != VARIABLE_DATA)
		return 0;
	*ret = (struct record){.at = at, .state = h.State};
	if (h.State == VAR_ERASED) { /* nothing behind the state can be trusted */
		*ret_next = (uint32_t)ALIGNED(at + head);
		return 0;
	}
	end = (uint64_t)at + head + h.NameSize + h.DataSize;
	if (end > region.n)
		return bad(m,
			   "%s: variable at %#x: %#x bytes of name and %#x of data do not "
			   "fit",
			   m->label, at, h.NameSize, h.DataSize);
	*ret_next = (uint32_t)ALIGNED(end);
	if (!is_live(h.State))
		return 0;
	if (h.NameSize < 4 || h.NameSize % 2 != 0)
		return bad(m, "%s: variable at %#x: a name of %#x bytes", m->label, at,
			   h.NameSize);
	ret->var = (struct rts_var){
		.guid = h.VendorGuid,
		.attr = h.Attributes,
		.name_len = h.NameSize,
		.data_len = h.DataSize,
		.time = h.TimeStamp,
		.name = (const CHAR16 *)(const void *)(m->region + at + head),
		.data = m->region + at + head + h.NameSize};
	if (ucs2_len(ret->var.name, h.NameSize / 2) != h.NameSize / 2 - 1 ||
	    !ucs2_valid(ret->var.name, h.NameSize / 2))
		return bad(m,
			   "%s: variable at %#x: the name is not UCS-2 that ends with its "
			   "only NUL",
			   m->label, at);
	return 0;
}

static bool same_name(const struct rts_var *a, const struct rts_var *b)
{
	return guid_eq(&a->guid, &b->guid) && a->name_len == b->name_len &&
	       memcmp(a->name, b->name, a->name_len) == 0;
}

/* A variable in deleted transition lives as long as its successor is not there; of two the
 * later one, as edk2 has it. */
static bool is_superseded(const struct record *records, size_t count, size_t i)
{
	if (records[i].state == VAR_ADDED)
		return false;
	for (size_t k = 0; k < count; k++)
		if ((records[k].state == VAR_ADDED || k > i) &&
		    same_name(&records[k].var, &records[i].var))
			return true;
	return false;
}

/* 1, 2 for certdb and certdbv, else 0. */
static int which_certdb(const struct rts_var *var)
{
	static const CHAR16 name[] = u"certdbv";

	if (!guid_eq(&var->guid, &cert_db))
		return 0;
	if (var->name_len == sizeof name)
		return memcmp(var->name, name, sizeof name) == 0 ? 2 : 0;
	return var->name_len == sizeof name - 2 &&
			       memcmp(var->name, name, sizeof name - 4) == 0
		       ? 1
		       : 0;
}

static int take_certdb(const struct image *m, const struct record *record,
		       struct store_text *certdb)
{
	const struct bytes value = {record->var.data, record->var.data_len};
	struct certdb_node node;
	struct bytes rest;
	bool good = certdb_first(value, &rest);

	while (good && certdb_next(&rest, &node))
		;
	if (!good || rest.n > 0)
		return bad(m, "%s: certdb at %#x is malformed at byte %#zx", m->label,
			   record->at, good ? value.n - rest.n : 0);
	certdb->n = 0;
	if (!store_text_reserve(certdb, value.n))
		return diag(m->d, -ENOMEM, "%s: out of memory", m->label);
	store_text_put(certdb, (const char *)value.p, value.n);
	return 0;
}

static int load(const struct image *m, const struct record *record, struct rts_vars *v,
		uint64_t *cost, bool *ret_full)
{
	const struct rts_var *var = &record->var;
	const bool nv = (var->attr & EFI_VARIABLE_NON_VOLATILE) != 0;
	struct store_name text;

	*cost += (uint64_t)RTS_VARS_OVERHEAD + var->name_len + var->data_len;
	switch (nv ? rts_vars_load(v, var) : EFI_INVALID_PARAMETER) {
	case EFI_SUCCESS:
		return 0;
	case EFI_OUT_OF_RESOURCES:
		*ret_full = true;
		return 0;
	case EFI_ALREADY_STARTED:
		return bad(m, "%s: variable at %#x: %s a second time", m->label, record->at,
			   store_name(&text, var));
	default:
		return bad(m,
			   "%s: variable at %#x: %s cannot be one: attributes %#x, %u "
			   "bytes of "
			   "data",
			   m->label, record->at, store_name(&text, var), var->attr,
			   var->data_len);
	}
}

static int load_all(const struct image *m, struct rts_vars *v, struct store_text *certdb)
{
	const uint32_t least =
		m->plain ? sizeof(VARIABLE_HEADER) : sizeof(AUTHENTICATED_VARIABLE_HEADER);
	cleanup(freep) struct record *records =
		calloc(m->layout->region / least + 1, sizeof *records);
	bool is_full = false;
	uint64_t cost = 0;
	size_t count = 0;
	int r = 0;

	if (records == NULL)
		return diag(m->d, -ENOMEM, "%s: out of memory", m->label);
	for (uint32_t at = FIRST, next; r == 0; at = next) {
		r = record_read(m, at, &records[count], &next);
		if (next == 0)
			break;
		count += is_live(records[count].state);
	}
	for (size_t i = 0; i < count && r == 0; i++) {
		const int is_certdb = which_certdb(&records[i].var);

		if (is_superseded(records, count, i))
			continue;
		if (is_certdb == 1)
			r = take_certdb(m, &records[i], certdb);
		else if (is_certdb == 0)
			r = load(m, &records[i], v, &cost, &is_full);
	}
	return r == 0 && is_full ? store_over_quota(m->label, v, cost, m->d) : r;
}

int store_flash_parse(const struct store_source *in, struct rts_vars *v,
		      struct store_text *certdb, struct diag *d)
{
	struct image m = {
		.label = in->label, .file = {(const uint8_t *)in->text, in->len}, .d = d};
	int r = in->len > 0 ? image_read(&m) : 0;

	certdb->n = 0;
	if (r == 0 && in->len > 0 && !m.blank)
		r = load_all(&m, v, certdb);
	image_fini(&m);
	return r;
}

bool certdb_first(struct bytes value, struct bytes *ret_rest)
{
	uint32_t size;

	return bytes_read(value, 0, &size, sizeof size) && size == value.n &&
	       bytes_sub(value, sizeof size, value.n - sizeof size, ret_rest);
}

bool certdb_next(struct bytes *rest, struct certdb_node *ret)
{
	AUTH_CERT_DB_DATA h;

	if (!bytes_read(*rest, 0, &h, sizeof h) ||
	    sizeof h + 2 * (uint64_t)h.NameSize + h.CertDataSize != h.CertNodeSize ||
	    !bytes_sub(*rest, 0, h.CertNodeSize, &ret->all))
		return false;
	ret->guid = h.VendorGuid;
	bytes_sub(ret->all, sizeof h, 2 * (uint64_t)h.NameSize, &ret->name);
	return bytes_sub(*rest, h.CertNodeSize, rest->n - h.CertNodeSize, rest);
}

bool certdb_names(const struct certdb_node *node, const struct rts_var *var)
{
	return guid_eq(&node->guid, &var->guid) && node->name.n + 2 == var->name_len &&
	       memcmp(node->name.p, var->name, node->name.n) == 0;
}

/* Writing. */

static void put_volume(uint8_t *p, const struct layout *l)
{
	EFI_FIRMWARE_VOLUME_HEADER fv = {.FileSystemGuid = nv_data,
					 .FvLength = l->volume,
					 .Signature = EFI_FVH_SIGNATURE,
					 .Attributes = l->attributes,
					 .HeaderLength = FV_HEADER,
					 .Revision = EFI_FVH_REVISION};
	const EFI_FV_BLOCK_MAP_ENTRY map[] = {{l->blocks, l->block}, {0, 0}};

	memcpy(p + sizeof fv, map, sizeof map);
	memcpy(p, &fv, sizeof fv);
	fv.Checksum = (uint16_t)(0x10000U - sum16(p, FV_HEADER));
	memcpy(p, &fv, sizeof fv);
}

/* An empty queue, and an empty spare area. */
static void put_queue(uint8_t *p, const struct layout *l)
{
	EFI_FAULT_TOLERANT_WORKING_BLOCK_HEADER h = {.Signature = working,
						     .State = 0xfe,
						     .Reserved = {0xff, 0xff, 0xff},
						     .WriteQueueSize =
							     l->work_len - sizeof h};

	h.Crc = work_crc(h);
	memset(p + l->work, 0xff, l->volume - l->work);
	memcpy(p + l->work, &h, sizeof h);
}

struct log {
	uint8_t *p;
	uint64_t at, end; /* goes on to count when it is full */
	bool plain;
};

static void put_record(struct log *log, const struct rts_var *var, struct bytes data)
{
	const AUTHENTICATED_VARIABLE_HEADER h = {.StartId = VARIABLE_DATA,
						 .State = VAR_ADDED,
						 .Attributes = var->attr,
						 .TimeStamp = var->time,
						 .NameSize = var->name_len,
						 .DataSize = (uint32_t)data.n,
						 .VendorGuid = var->guid};
	const VARIABLE_HEADER p = {VARIABLE_DATA, VAR_ADDED,        0,        var->attr,
				   var->name_len, (uint32_t)data.n, var->guid};
	const size_t head = log->plain ? sizeof p : sizeof h;
	const uint64_t next = ALIGNED(log->at + head + var->name_len + data.n);

	if (next <= log->end) {
		memcpy(log->p + log->at, log->plain ? (const void *)&p : &h, head);
		memcpy(log->p + log->at + head, var->name, var->name_len);
		if (data.n > 0)
			memcpy(log->p + log->at + head + var->name_len, data.p, data.n);
	}
	log->at = next;
}

static bool is_there(const struct rts_vars_view *view, const struct certdb_node *node)
{
	struct rts_vars_cursor cursor = {0};
	const struct rts_var *var;

	while (rts_vars_view_next(view, &cursor, &var))
		if (certdb_names(node, var))
			return true;
	return false;
}

static int put_certdb(struct log *log, const struct store_flash_new *w)
{
	const struct rts_var var = {
		.guid = cert_db,
		.attr = EFI_VARIABLE_NON_VOLATILE | EFI_VARIABLE_BOOTSERVICE_ACCESS |
			EFI_VARIABLE_RUNTIME_ACCESS |
			EFI_VARIABLE_TIME_BASED_AUTHENTICATED_WRITE_ACCESS,
		.name_len = sizeof u"certdb",
		.name = u"certdb"};
	struct store_text value = {0};
	struct certdb_node node;
	struct bytes rest;
	uint32_t size = sizeof size;

	if (!certdb_first(w->certdb, &rest))
		return 0; /* the firmware makes one */
	if (!store_text_reserve(&value, w->certdb.n))
		return -ENOMEM;
	store_text_put(&value, (const char *)&size, sizeof size);
	while (certdb_next(&rest, &node))
		if (is_there(w->view, &node))
			store_text_put(&value, (const char *)node.all.p, node.all.n);
	size = (uint32_t)value.n;
	memcpy(value.p, &size, sizeof size);
	put_record(log, &var, (struct bytes){(const uint8_t *)value.p, value.n});
	store_text_fini(&value);
	return 0;
}

static int put_all(struct log *log, const struct store_flash_new *w, const char *label,
		   struct diag *d)
{
	struct rts_vars_cursor cursor = {0};
	const struct rts_var *var;
	struct store_name text;

	if (!log->plain && put_certdb(log, w) < 0)
		return diag(d, -ENOMEM, "%s: out of memory", label);
	while (rts_vars_view_next(w->view, &cursor, &var)) {
		if ((var->attr & EFI_VARIABLE_NON_VOLATILE) == 0)
			continue;
		if (log->plain &&
		    (var->attr & EFI_VARIABLE_TIME_BASED_AUTHENTICATED_WRITE_ACCESS) != 0)
			return diag(d, -EINVAL,
				    "%s: %s is authenticated, and this image keeps none of "
				    "that kind",
				    label, store_name(&text, var));
		put_record(log, var, (struct bytes){var->data, var->data_len});
	}
	if (log->at > log->end)
		return diag(
			d, -ENOSPC,
			"%s: the variables take %llu bytes, the image has room for %llu",
			label, (unsigned long long)(log->at - FIRST),
			(unsigned long long)(log->end - FIRST));
	return 0;
}

/* What @ret holds before there are variables: the old image, its queue emptied where a
 * write is under way, or a new one. */
static int put_base(const struct image *m, struct store_text *ret)
{
	const struct layout *l = m->layout;
	const size_t n = m->file.n > 0 ? m->file.n : l->file;
	uint8_t *p;

	ret->n = 0;
	if (!store_text_reserve(ret, n))
		return diag(m->d, -ENOMEM, "%s: out of memory", m->label);
	ret->n = n;
	p = (uint8_t *)ret->p;
	if (m->file.n > 0) {
		memcpy(p, m->file.p, n);
	} else {
		memset(p, 0, n);
		memset(p, 0xff, l->volume);
	}
	if (m->replayed)
		memcpy(p, m->region, l->region);
	if (m->blank && is_blank((struct bytes){p, FV_HEADER})) {
		memset(p, 0xff, l->volume);
		put_volume(p, l);
		put_queue(p, l);
	} else if (m->pending) {
		put_queue(p, l);
	}
	return 0;
}

static void put_store(uint8_t *p, const struct image *m)
{
	const VARIABLE_STORE_HEADER h = {.Signature = m->plain ? plain : authenticated,
					 .Size = m->layout->region - FV_HEADER,
					 .Format = VARIABLE_STORE_FORMATTED,
					 .State = VARIABLE_STORE_HEALTHY};

	memset(p + FV_HEADER, 0xff, m->layout->region - FV_HEADER);
	memcpy(p + FV_HEADER, &h, sizeof h);
}

int store_flash_write(const struct store_flash_new *w, const char *label,
		      struct store_text *ret, struct diag *d)
{
	const struct layout *wanted = w->layout != NULL ? layout_named(w->layout) : NULL;
	struct image m = {.label = label, .file = w->base, .d = d};
	struct log log;
	int r = 0;

	if (w->layout != NULL && wanted == NULL)
		return diag(d, -EINVAL, "no layout '%s': 4m, 2m or aavmf", w->layout);
	if (w->base.n > 0 && (wanted == NULL || layout_of(w->base) == wanted)) {
		r = image_read(&m);
	} else {
		m.file = (struct bytes){0};
		m.layout = wanted != NULL ? wanted : layout_named("4m");
		m.blank = true;
	}
	if (r == 0)
		r = put_base(&m, ret);
	if (r == 0) {
		put_store((uint8_t *)ret->p, &m);
		log = (struct log){(uint8_t *)ret->p, FIRST, m.layout->region, m.plain};
		r = put_all(&log, w, label, d);
	}
	image_fini(&m);
	return r;
}
