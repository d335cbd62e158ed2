/* SPDX-License-Identifier: BSD-2-Clause */
/* Images (UEFI 2.10 §7.4): placing them, starting drivers as their dependency expressions
 * allow (PI 1.8 vol 2 §10.7), applications. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/guid.h"
#include "runtime/rt_priv.h"

#define PAGE      4096U
#define DEPEX_MAX 256U

static uint32_t code_type(uint16_t subsystem)
{
	return subsystem == PE_SUBSYSTEM_RUNTIME_DRIVER        ? EfiRuntimeServicesCode
	       : subsystem == PE_SUBSYSTEM_BOOT_SERVICE_DRIVER ? EfiBootServicesCode
							       : EfiLoaderCode;
}

/* Sections with their own rights, where they have pages of their own; headers can be read.
 */
void rt_image_protect(struct rt *rt, unsigned i, uint64_t at)
{
	const struct rts_pe_image *pe = &rt->loaded[i].pe;
	const uint64_t end = (pe->size + PAGE - 1) & ~(uint64_t)(PAGE - 1);
	const bool apart = pe->section_align % PAGE == 0 && pe->section_align != 0;
	struct rts_pe_section s;

	mprotect((void *)at, end, apart ? PROT_READ : PROT_READ | PROT_WRITE | PROT_EXEC);
	for (unsigned k = 0; apart && rts_pe_image_section(pe, k, &s); k++)
		if (s.size != 0)
			mprotect((void *)(at + s.start), (s.size + PAGE - 1) & ~(PAGE - 1U),
				 PROT_READ | (s.write ? PROT_WRITE : 0) |
					 (s.execute ? PROT_EXEC : 0));
}

/* RuntimeDxe relocates what is in its list, by the values that each fixup had after
 * loading. */
static void link_image(struct rt *rt, unsigned i)
{
	struct rt_loaded *l = &rt->loaded[i];
	EFI_RUNTIME_ARCH_PROTOCOL *arch;
	EFI_RUNTIME_IMAGE_ENTRY *entry;
	LIST_ENTRY *last;
	uint64_t data, link;

	if (rt->arch == 0 || l->entry != 0 ||
	    l->pe.subsystem != PE_SUBSYSTEM_RUNTIME_DRIVER)
		return;
	l->entry = rt_table_new(rt, sizeof *entry, EfiRuntimeServicesData,
				"EFI_RUNTIME_IMAGE_ENTRY");
	data = rt_table_new(rt, l->log_count * 8 + 8, EfiRuntimeServicesData,
			    "relocation data");
	memcpy(rt_ram(rt, data, l->log_count * 8), l->log, l->log_count * 8);
	arch = rt_ram(rt, rt->arch, sizeof *arch);
	entry = rt_ram(rt, l->entry, sizeof *entry);
	link = l->entry + offsetof(EFI_RUNTIME_IMAGE_ENTRY, Link);
	last = rt_ram(rt, arch->ImageHead.BackLink, sizeof *last);
	if (last == NULL)
		return;
	*entry = (EFI_RUNTIME_IMAGE_ENTRY){rt->shared->images[i].physical,
					   rt->shared->images[i].size,
					   data,
					   RT_HANDLE_BASE + l->handle * 16ULL,
					   {rt->arch, arch->ImageHead.BackLink}};
	last->ForwardLink = link;
	arch->ImageHead.BackLink = link;
}

void rt_images_link(struct rt *rt)
{
	for (unsigned i = 0; i < atomic_load(&rt->shared->images_count); i++)
		link_image(rt, i);
}

/* Image @i of the plan, into memory and into the list. 0 or -errno with a text. */
int rt_image_load(struct rt *rt, unsigned i, struct diag *d)
{
	static const EFI_GUID loaded_image = EFI_LOADED_IMAGE_PROTOCOL_GUID;
	const struct runtime_driver *driver = rt->plan->drivers[i];
	struct rt_loaded *l = &rt->loaded[i];
	struct rt_image *img = &rt->shared->images[i];
	EFI_LOADED_IMAGE_PROTOCOL *p;
	EFI_PHYSICAL_ADDRESS at = 0;
	struct rt_place by = {(uint16_t)i, 0};
	uint64_t pages;

	strncpy(img->name, driver->name, sizeof img->name - 1);
	img->guid = driver->guid;
	img->has_guid = driver->has_guid;
	img->role = i < rt->plan->subject_count ? RT_ROLE_SUBJECT : RT_ROLE_HELPER;
	l->driver = driver;
	if (rt->plan->dead[i]) {
		img->started = 1;
		img->status = RT_STATUS_FAULTED;
		atomic_store(&rt->shared->images_count, i + 1);
		return 0;
	}
	if (rts_pe_image_read(driver->image, d, &l->pe) != EFI_SUCCESS)
		return -1;
	pages = (l->pe.size + PAGE - 1) / PAGE;
	if (l->pe.machine != PE_MACHINE_X64)
		return diag(d, -1, "built for machine %#x, not for x86-64", l->pe.machine);
	/* an image that cannot be moved lies where it was linked to, or nowhere */
	at = l->pe.image_base;
	if (rts_mem_allocate_pages(rt->mem,
				   l->pe.fixed ? AllocateAddress : AllocateAnyPages,
				   code_type(l->pe.subsystem), pages, &at) != EFI_SUCCESS)
		return diag(d, -1, "no memory for its %llu pages%s",
			    (unsigned long long)pages,
			    l->pe.fixed ? " at the only address where it runs" : "");
	if (rts_pe_image_place(&l->pe, rt_ram(rt, at, pages * PAGE), at, d) != EFI_SUCCESS)
		return -1;
	l->log_count = rts_pe_image_log(&l->pe, rt_ram(rt, at, l->pe.size), NULL, 0);
	l->log = calloc(l->log_count + 1, sizeof *l->log);
	if (l->log == NULL)
		return diag(d, -1, "out of memory");
	rts_pe_image_log(&l->pe, rt_ram(rt, at, l->pe.size), l->log, l->log_count);

	img->subsystem = l->pe.subsystem;
	img->physical = at;
	img->size = pages * PAGE;
	atomic_store(&rt->shared->images_count, i + 1);
	l->block = (uint32_t)(rt_block_add(rt, at, pages * PAGE, code_type(l->pe.subsystem),
					   RT_BLOCK_IMAGE, &by, NULL) -
			      rt->shared->blocks);
	rt_image_protect(rt, i, at);

	l->protocol = rt_table_new(rt, sizeof *p, EfiBootServicesData,
				   "EFI_LOADED_IMAGE_PROTOCOL");
	p = rt_ram(rt, l->protocol, sizeof *p);
	*p = (EFI_LOADED_IMAGE_PROTOCOL){
		.Revision = EFI_LOADED_IMAGE_PROTOCOL_REVISION,
		.ParentHandle = (EFI_HANDLE)rt->own_handle,
		/* where the firmware volume would be: what is looked for there is missing
		 */
		.DeviceHandle = driver->has_guid ? (EFI_HANDLE)rt->own_handle : NULL,
		.SystemTable = (EFI_SYSTEM_TABLE *)rt->st,
		.ImageBase = (void *)at,
		.ImageSize = l->pe.size,
		.ImageCodeType = code_type(l->pe.subsystem),
		.ImageDataType = code_type(l->pe.subsystem) + 1,
	};
	rt_protocol_install(rt, &l->handle, &loaded_image, l->protocol);
	link_image(rt, i);
	return 0;
}

/* PI 1.8 vol 2 §10.7. What is malformed is false; @ret_missing gets the first protocol that
 * is not there. */
static bool depex_true(struct rt *rt, struct bytes depex, unsigned image, bool note)
{
	bool stack[DEPEX_MAX];
	size_t n = 0;
	uint64_t at = 0;

	for (uint8_t op; bytes_read(depex, at, &op, 1);) {
		EFI_GUID guid;

		at++;
		switch (op) {
		case EFI_DEP_SOR:
			break;
		case EFI_DEP_BEFORE: /* an order, not a need */
		case EFI_DEP_AFTER:
			return true;
		case EFI_DEP_PUSH:
			if (n == DEPEX_MAX || !bytes_read(depex, at, &guid, sizeof guid))
				return false;
			at += sizeof guid;
			stack[n] = rt_protocol_find(rt, &guid) != NULL;
			if (!stack[n] && note)
				rt_need(rt, &guid, RT_NEED_DEPEX, (uint16_t)image);
			n++;
			break;
		case EFI_DEP_TRUE:
		case EFI_DEP_FALSE:
			if (n == DEPEX_MAX)
				return false;
			stack[n++] = op == EFI_DEP_TRUE;
			break;
		case EFI_DEP_AND:
		case EFI_DEP_OR:
			if (n < 2)
				return false;
			n--;
			stack[n - 1] = op == EFI_DEP_AND ? stack[n - 1] && stack[n]
							 : stack[n - 1] || stack[n];
			break;
		case EFI_DEP_NOT:
			if (n < 1)
				return false;
			stack[n - 1] = !stack[n - 1];
			break;
		case EFI_DEP_END:
			return n == 1 && stack[0];
		default:
			return false;
		}
	}
	return false;
}

/* "2 events", behind what @text has. */
static void add_count(char *text, size_t cap, unsigned n, const char *what)
{
	const size_t len = strlen(text);

	if (n != 0)
		snprintf(text + len, cap - len, "%s%u %s%s", len != 0 ? ", " : "", n, what,
			 n != 1 ? "s" : "");
}

/* What a driver whose entry point failed has left behind. */
static void check_leaks(struct rt *rt, unsigned i)
{
	const uint64_t status = rt->shared->images[i].entry_status;
	const char *name = runtime_status_name(status);
	unsigned blocks = 0, events = 0, protocols = 0, hooks = 0;
	const struct rt_block *block = NULL;
	uint64_t *services = rt_runtime_table(rt);
	struct rt_place at = {(uint16_t)i, 0};
	char what[100] = "", number[24];

	for (uint32_t k = 0; k < atomic_load(&rt->shared->blocks_count); k++) {
		const struct rt_block *b = &rt->shared->blocks[k];

		if (b->freed || b->owner != i ||
		    (b->kind != RT_BLOCK_POOL && b->kind != RT_BLOCK_PAGES))
			continue;
		at.offset = b->site;
		block = b;
		blocks++;
	}
	for (size_t k = 0; k < RT_EVENTS_MAX; k++)
		if (rt->events[k].used && rt->events[k].owner == i) {
			at.offset = rt->events[k].site;
			events++;
			rt->events[k].used = false;
		}
	for (size_t k = 0; k < RT_PROTOCOLS_MAX; k++)
		if (rt->protocols[k].used && rt->protocols[k].owner == i) {
			at.offset = rt->protocols[k].site;
			protocols++;
			rt->protocols[k].used = false;
		}
	for (size_t k = 0; k < RT_RUNTIME_SERVICES; k++)
		if (rt_place_of(rt, services[k]).image == i) {
			at.offset = rt_place_of(rt, services[k]).offset;
			hooks++;
			services[k] = rt_stub(rt, RT_STUB_RUNTIME + (unsigned)k);
		}
	if (blocks + events + protocols + hooks == 0)
		return;
	add_count(what, sizeof what, blocks, "memory block");
	add_count(what, sizeof what, events, "event");
	add_count(what, sizeof what, protocols, "protocol");
	add_count(what, sizeof what, hooks, "runtime service");
	snprintf(number, sizeof number, "%#llx", (unsigned long long)status);
	rt_find(rt, RT_LEAKED_ON_FAILURE, at, 0, "returned %s and left behind: %s",
		name != NULL ? name : number, what);
	if (block != NULL && events + protocols + hooks == 0)
		rt_record_block(rt, block);
}

static void start(struct rt *rt, unsigned i)
{
	struct rt_image *img = &rt->shared->images[i];
	struct rt_loaded *l = &rt->loaded[i];
	const uint64_t args[2] = {RT_HANDLE_BASE + l->handle * 16ULL, rt->st};
	const EFI_TPL tpl = rt->tpl;
	const struct rt_place entry = {(uint16_t)i, l->pe.entry};

	img->started = 1;
	img->status = RT_STATUS_FAULTED; /* until it returns */
	img->entry_status = rt_enter(rt, img->physical + l->pe.entry, args, 2);
	rt_watch_end(rt);
	img->status = EFI_ERROR(img->entry_status) ? RT_STATUS_FAILED : RT_STATUS_OK;
	rt->shared->phases[RT_PHASE_ENTRY].calls++;
	rt->shared->phases[RT_PHASE_ENTRY].failed += img->status == RT_STATUS_FAILED;
	if (rt->tpl != tpl && !rt->runtime)
		rt_find(rt, RT_TPL_VIOLATION, entry, rt->tpl,
			"the entry point returns at TPL %u; it was called at %u",
			(unsigned)rt->tpl, (unsigned)tpl);
	rt->tpl = tpl;
	if (l->exit_failures != 0)
		rt_find(rt, RT_STALE_MAP_KEY, entry, 0,
			"ExitBootServices was refused because the map had changed, and was "
			"not tried again");
	if (rt->runtime) {
		rt_space_exit(rt); /* now its stack can go, too */
		return;
	}
	rt_dispatch_events(rt);
	if (img->status == RT_STATUS_FAILED && img->subsystem != PE_SUBSYSTEM_APPLICATION)
		check_leaks(rt, i);
}

static bool is_driver(const struct rt_image *img)
{
	return img->subsystem != PE_SUBSYSTEM_APPLICATION;
}

/* Drivers in rounds, until nothing more can start. A driver without an expression waits for
 * the others (PI: all architectural protocols). */
void rt_images_dispatch(struct rt *rt)
{
	const unsigned n = atomic_load(&rt->shared->images_count);
	bool progress;

	for (unsigned rank = 1; rank <= RT_FIRST_MAX; rank++)
		for (unsigned i = 0; i < n; i++)
			if (rt->plan->first[i] == rank && !rt->shared->images[i].started)
				start(rt, i);
	for (int late = 0; late < 2; late++)
		do {
			progress = false;
			for (unsigned i = 0; i < n; i++) {
				const struct rt_image *img = &rt->shared->images[i];
				const struct bytes depex = rt->loaded[i].driver->depex;

				if (img->started || !is_driver(img) ||
				    (depex.n == 0 ? late == 0
						  : !depex_true(rt, depex, i, false)))
					continue;
				start(rt, i);
				progress = true;
			}
		} while (progress);
	for (unsigned i = 0; i < n; i++)
		if (!rt->shared->images[i].started && is_driver(&rt->shared->images[i]))
			depex_true(rt, rt->loaded[i].driver->depex, i, true);
}

void rt_images_start_applications(struct rt *rt)
{
	for (unsigned i = 0; i < atomic_load(&rt->shared->images_count); i++)
		if (!is_driver(&rt->shared->images[i]) && !rt->runtime)
			start(rt, i);
}

/* Only what the user named runs here. */
uint64_t svc_load_image(struct rt *rt, const uint64_t *a)
{
	(void)rt;
	(void)a;
	return EFI_NOT_FOUND;
}

uint64_t svc_start_image(struct rt *rt, const uint64_t *a)
{
	(void)rt;
	(void)a;
	return EFI_INVALID_PARAMETER;
}

uint64_t svc_unload_image(struct rt *rt, const uint64_t *a)
{
	(void)rt;
	(void)a;
	return EFI_UNSUPPORTED;
}

/* Back to where the image was started, past everything between; only from the image's own
 * code, not from within a notification. */
uint64_t svc_exit(struct rt *rt, const uint64_t *a)
{
	if (rt->call->outer != NULL || rt->current >= RT_IMAGES_MAX ||
	    a[0] != RT_HANDLE_BASE + rt->loaded[rt->current].handle * 16ULL)
		return EFI_INVALID_PARAMETER;
	rt_gate_unwind(rt_host_sp, a[1]);
}
