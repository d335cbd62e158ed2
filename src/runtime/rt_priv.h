/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The child's side of a run: one struct rt, the hosted machine. Drivers run natively at
 * their "physical" addresses, which are addresses of this process; services are reached
 * through stubs that change to our own stack, so that a driver's stack holds nothing of
 * ours.
 */
#pragma once

#include <signal.h>
#include <sys/mman.h>
#include <sys/types.h>

#include "base/bytes.h"
#include "runtime/rt_device.h"
#include "runtime/runtime.h"
#include "runtserv/mem.h"
#include "runtserv/pe.h"
#include "runtserv/wire.h"
#include "uefi/guids.h"
#include "uefi/pi.h"

/*
 * The address plan. RAM and devices lie below 4 GiB, where 32-bit PCDs can name them and a
 * sanitizer's shadow is not; virtual addresses and what belongs to the operating system far
 * above.
 */
#define RT_RAM_BASE     0x20000000ULL
#define RT_RAM_LEN      0x20000000ULL
#define RT_ECAM_BASE    0xb0000000ULL
#define RT_ECAM_LEN     0x00100000ULL /* bus 0 */
#define RT_OS_BASE      0x280000000000ULL
#define RT_OS_LEN       0x01000000ULL
#define RT_VIRTUAL_BASE 0x300000000000ULL

#define RT_BOOT_STACK    (128U << 10) /* UEFI 2.10 §2.3.4: at least this */
#define RT_RUNTIME_STACK 4096U        /* the same: what a runtime service may count on */
/* Below either: what jumps past a guard page shall meet nothing. */
#define RT_STACK_GAP     (1U << 20)
#define RT_CANARY        0xa7

/* A driver that calls no service for so many ticks of 20 ms may be waiting for a timer's
 * notification; and the time that passes then, in 100 ns. */
#define RT_QUIET_TICKS   5U
#define RT_INTERRUPT     (RT_QUIET_TICKS * 200000ULL)
#define RT_BLOCKS_SPARE  4096U /* for the calls' arguments, when others are recycled */
#define RT_EVENTS_MAX    512U
#define RT_HANDLES_MAX   512U
#define RT_PROTOCOLS_MAX 1024U
#define RT_NOTIFIES_MAX  256U
#define RT_CONFIG_MAX    32U
#define RT_PCDS_MAX      4096U
#define RT_SKIP_MAX      4096U
#define RT_MMIO_MAX      4U
#define RT_READERS_MAX   64U
#define RT_FIRST_MAX     64U

/* OVMF's flash ends at 4 GiB. It begins with variables, event log, working and spare block,
 * which is what is modelled of it. */
struct rt_flash_layout {
	uint64_t base;
	uint32_t len, store_len; /* of all, and of the variables */
};

struct rt;
struct rt_script;

/* A service: @a are the driver's arguments, which Microsoft's calling convention lets us
 * have as one array. */
typedef uint64_t (*rt_service_fn)(struct rt *rt, const uint64_t *a);
struct rt_service_def {
	const char *name;
	rt_service_fn fn;
	uint8_t max_tpl; /* the highest TPL it may be called at; 0: any */
};

/* Services by stub number: boot services, then those that outlive boot. */
enum {
	RT_STUB_BOOT = 0,      /* in table order, 44 */
	RT_STUB_DXE = 44,      /* DXE services, 18 */
	RT_STUB_PCD = 62,      /* PCD protocol, native tokens, 31 */
	RT_STUB_EFI_PCD = 93,  /* EFI_PCD_PROTOCOL, 18 */
	RT_STUB_CONSOLE = 111, /* text output 9, input 2 */
	RT_STUB_BOOT_END = 128,
	RT_STUB_RUNTIME = 128, /* in table order, 14 */
	RT_STUB_MM = 142,      /* MM_COMMUNICATION2 */
	RT_STUB_END = 160,
};
#define RT_STUB_LEN 16U

/* A call that is under way from a driver into a service of ours. */
struct rt_call {
	struct rt_call *outer;
	uint64_t driver_sp; /* of the driver's frame before this one */
	unsigned stub;      /* RT_STUB_END: none, the driver was interrupted */
	uint64_t from;      /* return address */
	bool seen;          /* reading a watched memory map */
};

struct rt_event {
	bool used, group_set, signaled, pending;
	uint32_t type;
	EFI_TPL tpl;
	uint64_t notify, context;
	EFI_GUID group;
	uint16_t owner;
	uint64_t site;
	uint64_t due, period; /* 100 ns; 0: no timer */
	uint64_t entry;       /* physical: its EFI_RUNTIME_EVENT_ENTRY, for RuntimeDxe */
};

struct rt_protocol {
	bool used;
	uint32_t handle; /* number, from 1 */
	EFI_GUID guid;
	uint64_t interface;
	uint16_t owner;
	uint64_t site;
	uint32_t age; /* counts installations */
};

struct rt_notify {
	bool used;
	EFI_GUID guid;
	uint32_t event; /* index */
	uint32_t seen;  /* age of the last protocol that it told */
};

struct rt_pcd {
	uint64_t token;
	EFI_GUID space;
	uint64_t value;
	uint64_t pointer; /* physical, for GetPtr */
	bool set;         /* by a driver or by the user */
	uint32_t size;
};

/* Memory behind which a model sits: every access is stepped through. */
struct rt_mmio {
	uint64_t base, size, virtual_;
	int fd; /* backing */
	uint64_t fd_offset;
	uint8_t *host; /* our own view of the backing */
	bool open;     /* readable as it is */
	void (*before)(struct rt *rt, struct rt_mmio *m,
		       uint64_t offset); /* fills what a read shall see */
	void (*write)(struct rt *rt, struct rt_mmio *m, uint64_t offset, unsigned width,
		      uint64_t value);
};

/* One image, beside its public record. */
struct rt_loaded {
	const struct runtime_driver *driver;
	struct rts_pe_image pe;
	uint32_t handle;
	uint32_t block;
	uint64_t *log; /* of fixups */
	size_t log_count;
	uint64_t protocol; /* physical: its EFI_LOADED_IMAGE_PROTOCOL */
	uint64_t entry;    /* physical: its EFI_RUNTIME_IMAGE_ENTRY */
	bool has_missing;
	EFI_GUID missing;
	uint64_t missing_entry; /* counts entries into drivers */
	uint32_t exit_failures; /* of ExitBootServices, since it last succeeded */
};

/* rt_pcd.c: the numbers in the PCD data bases of a firmware image, which may be NULL; at
 * most @cap. */
size_t rt_pcd_defaults(const struct rts_fv *fv, struct rt_pcd *ret, size_t cap);

/* What one run of the child is to do. */
struct rt_plan {
	const struct runtime_config *config;
	const struct runtime_driver *const *drivers; /* subjects, then helpers */
	const bool *dead; /* drivers that faulted in an earlier run: they are named, and not
			     loaded */
	/* drivers that start before all others, whatever they depend on: 1, 2, ... in this
	 * order; 0: the others */
	const uint8_t *first;
	size_t count, subject_count;
	const struct rt_script *script; /* the battery, or the user's */
	const struct rt_flash_layout *flash;
	const struct rt_pcd *pcds; /* what the firmware image was built with */
	size_t pcd_count;
	bool dispatch_only;
	bool console;        /* this run's output is for people */
	char *trace;         /* RT_TRACE_MAX bytes, or NULL */
	const int32_t *skip; /* calls to leave out */
	size_t skip_count;
};

struct rt {
	struct rt_shared *shared;
	const struct rt_plan *plan;
	const struct runtime_config *config;
	const struct rt_script *script;
	uint64_t random;

	/* space */
	uint8_t *ram; /* our own, always writable view of RAM */
	uint64_t os_next, virtual_next;
	struct rts_mem *mem;
	uint32_t page_block[RT_RAM_LEN / EFI_PAGE_SIZE]; /* 1 + the newest block there; 0:
							     none */
	int ram_fd;
	uint32_t oldest; /* where to look for a freed block whose place is needed */
	bool virtual_done, runtime, exiting, exit_events, in_convert;
	bool os_converts;          /* it is the run that calls SetVirtualAddressMap */
	uint64_t firmware_convert; /* a driver's ConvertPointer, behind ours; or 0 */

	/* running drivers */
	uint64_t boot_stack, runtime_stack; /* top addresses */
	uint64_t runtime_stack_len;
	uint64_t driver_sp; /* of the innermost driver frame; 0: none is running */
	uint64_t outer_sp;  /* rt_host_sp of the outermost gate, while one of our services
			       runs */
	uint64_t entries;   /* into drivers, counted at the outermost gate */
	uint64_t deadline_ticks, timeout_ticks;
	_Atomic uint64_t ticks;
	uint32_t quiet_ticks; /* since a driver last called a service */
	struct rt_call *call;
	uint16_t current;     /* image whose code we entered last, or RT_NOBODY */
	int32_t battery_call; /* -1: none */
	bool reset, reset_wanted, trace_full;

	/* fault handling */
	bool in_host; /* our code runs, not a driver's */
	bool interrupts_off;
	bool faulting; /* the end of this run is being recorded */
	bool stepping;
	uint32_t found;          /* the record that the last finding went to */
	struct rt_place at_port; /* the last instruction that used one */
	struct rt_mmio *step_mmio;
	uint64_t step_address;
	uint64_t step_saved[23];
	uint8_t step_first[16], step_kept[16];
	int step_pass;
	bool step_write, non_canonical;
	unsigned timeout_ms;

	/* a memory map that an application is walking */
	uint64_t watch_base, watch_len;
	int watch_rights;
	struct rt_reader {
		uint64_t by; /* an instruction, or where a service was called */
		uint32_t offset;
	} watch_readers[RT_READERS_MAX];
	uint32_t watch_next, watch_right, watch_wrong; /* steps */
	bool watch_open;
	struct rt_place watch_from;

	/* boot services */
	EFI_TPL tpl;
	uint32_t notified; /* notifications in one go, as long as no driver waits for them
			    */
	uint64_t now;      /* 100 ns since start, as the drivers' clock goes */
	uint64_t monotonic;
	uint64_t high_count; /* what GetNextHighMonotonicCount must not be below */
	struct rt_event events[RT_EVENTS_MAX];
	struct rt_protocol protocols[RT_PROTOCOLS_MAX];
	struct rt_notify notifies[RT_NOTIFIES_MAX];
	uint32_t handle_count, age;
	struct rt_pcd pcds[RT_PCDS_MAX];
	size_t pcd_count;
	EFI_GCD_MEMORY_SPACE_DESCRIPTOR gcd[64];
	size_t gcd_count;

	/* tables, physical addresses */
	uint64_t st, bs, rs, config_table, dxe, hob, arch, own_arch, mm;
	uint64_t boot_stubs, runtime_stubs;
	uint64_t own_handle;

	struct rt_loaded loaded[RT_IMAGES_MAX];
	struct rt_mmio mmio[RT_MMIO_MAX];
	size_t mmio_count;
	struct rt_machine *machine;
	struct rt_flash flash;
	struct rts_vars *vars;
	struct rts_wire wire;
};

/* The one machine of this process: signal handlers and stubs get no argument. */
extern struct rt *rt_self;

/* rt_gate.c */
/* Calls a driver's function on the stack that ends at @sp. */
uint64_t rt_gate(uint64_t fn, const uint64_t *args, size_t count, uint64_t sp);
/* Leaves everything that is under way, back to the gate whose rt_host_sp was @host_sp,
 * which returns @value. */
_Noreturn void rt_gate_unwind(uint64_t host_sp, uint64_t value);
extern uint64_t rt_host_sp;
extern const char rt_stub_common[], rt_gate_resume[];
/* Where a driver goes on after it was interrupted: its own place lies on its stack. Time
 * passes, and it continues there as if nothing had been. */
extern const char rt_interrupted[];
void rt_interrupt(uint64_t sp, uint64_t from);
uint64_t rt_service(unsigned stub, const uint64_t *args, uint64_t from, uint64_t sp);
/* A call into a driver from wherever we are, with the current time limit. */
uint64_t rt_enter(struct rt *rt, uint64_t fn, const uint64_t *args, size_t count);

/* rt_space.c */
int rt_space_init(struct rt *rt, struct diag *d);
_Noreturn void rt_trouble(struct rt *rt, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
uint64_t rt_random(struct rt *rt);
/* Our view of @n bytes of RAM at physical @p; NULL where it is not RAM. */
void *rt_ram(struct rt *rt, uint64_t p, uint64_t n);
/* The physical address behind one that drivers use now; 0: none. */
uint64_t rt_physical(struct rt *rt, uint64_t address);
/* The block that has @address (physical, live), or -1. */
int32_t rt_block_find(struct rt *rt, uint64_t address);
const struct rt_block *rt_block_at(struct rt *rt, uint64_t address); /* or NULL */
/* Freed blocks in [@from, @to) are forgotten: that memory was given anew. */
void rt_blocks_forget(struct rt *rt, uint64_t from, uint64_t to);
struct rt_block *rt_block_add(struct rt *rt, uint64_t physical, uint64_t size,
			      uint32_t type, enum rt_block_kind kind,
			      const struct rt_place *by, const char *name);
/* Opens or closes a block's pages to drivers, at the addresses that count now. */
void rt_block_protect(struct rt *rt, const struct rt_block *b, int prot);
/* Memory of ours that drivers see: zeroed; a block of kind TABLE named @name. */
uint64_t rt_table_new(struct rt *rt, uint64_t size, uint32_t type, const char *name);
/* Operating system memory for arguments: ends at a guard page where @align allows. Never
 * freed. */
void *rt_caller_buffer(struct rt *rt, uint64_t size, uint64_t align, const char *name);
void rt_caller_buffers_reset(struct rt *rt);
bool rt_canaries_check(struct rt *rt, const struct rt_block *b, const char *when);
void rt_canaries_check_all(struct rt *rt, const char *when);
void rt_space_exit(struct rt *rt);        /* boot memory goes away */
uint32_t rt_space_virtual(struct rt *rt); /* virtual addresses are chosen; for so many */
void rt_space_switch(struct rt *rt);      /* ... and used, physical ones closed */
void rt_census(struct rt *rt, bool after_virtual);

/* rt_fault.c */
int rt_fault_init(struct rt *rt, struct diag *d);
struct rt_place rt_place_of(struct rt *rt, uint64_t address);
struct rt_place rt_caller(struct rt *rt); /* of the service under way */
/* A finding that needs no fault. */
void rt_find(struct rt *rt, enum rt_rule rule, struct rt_place at, uint64_t address,
	     const char *fmt, ...) __attribute__((format(printf, 5, 6)));
void rt_record_block(struct rt *rt, const struct rt_block *b);
void rt_watch(struct rt *rt, uint64_t base, uint64_t len);
void rt_watch_end(struct rt *rt);

/* rt_event.c */
void rt_signal_group(struct rt *rt, const EFI_GUID *group);
void rt_signal_type(struct rt *rt, uint32_t type, const EFI_GUID *group);
void rt_dispatch_events(struct rt *rt);
void rt_time_passes(struct rt *rt, uint64_t units);
bool rt_timer_armed(const struct rt *rt);
uint32_t rt_event_new(struct rt *rt, uint32_t type, EFI_TPL tpl, uint64_t notify,
		      uint64_t context, const EFI_GUID *group, EFI_STATUS *status);
void rt_events_link(struct rt *rt);
#define RT_EVENT_BASE                                                                   \
	0x7e0000000000ULL /* what drivers get as EFI_EVENT and EFI_HANDLE: numbers, not \
			     addresses */
#define RT_HANDLE_BASE 0x7d0000000000ULL

uint64_t svc_raise_tpl(struct rt *rt, const uint64_t *a);
uint64_t svc_restore_tpl(struct rt *rt, const uint64_t *a);
uint64_t svc_create_event(struct rt *rt, const uint64_t *a);
uint64_t svc_create_event_ex(struct rt *rt, const uint64_t *a);
uint64_t svc_set_timer(struct rt *rt, const uint64_t *a);
uint64_t svc_wait_for_event(struct rt *rt, const uint64_t *a);
uint64_t svc_signal_event(struct rt *rt, const uint64_t *a);
uint64_t svc_close_event(struct rt *rt, const uint64_t *a);
uint64_t svc_check_event(struct rt *rt, const uint64_t *a);
uint64_t svc_stall(struct rt *rt, const uint64_t *a);

/* rt_memory.c */
uint64_t svc_allocate_pages(struct rt *rt, const uint64_t *a);
uint64_t svc_free_pages(struct rt *rt, const uint64_t *a);
uint64_t svc_get_memory_map(struct rt *rt, const uint64_t *a);
uint64_t svc_allocate_pool(struct rt *rt, const uint64_t *a);
uint64_t svc_free_pool(struct rt *rt, const uint64_t *a);
uint64_t svc_exit_boot_services(struct rt *rt, const uint64_t *a);
EFI_STATUS rt_pool_new(struct rt *rt, uint32_t type, uint64_t size, uint64_t *ret);
EFI_STATUS rt_exit_boot_services(struct rt *rt, uint64_t key, bool from_driver);

/* rt_protocol.c */
void rt_protocol_install(struct rt *rt, uint32_t *handle, const EFI_GUID *guid,
			 uint64_t interface);
struct rt_protocol *rt_protocol_find(struct rt *rt, const EFI_GUID *guid);
void rt_need(struct rt *rt, const EFI_GUID *guid, enum rt_need_kind kind, uint16_t image);
EFI_STATUS rt_configuration_table(struct rt *rt, const EFI_GUID *guid, uint64_t table);
uint64_t svc_install_protocol(struct rt *rt, const uint64_t *a);
uint64_t svc_reinstall_protocol(struct rt *rt, const uint64_t *a);
uint64_t svc_uninstall_protocol(struct rt *rt, const uint64_t *a);
uint64_t svc_handle_protocol(struct rt *rt, const uint64_t *a);
uint64_t svc_register_notify(struct rt *rt, const uint64_t *a);
uint64_t svc_locate_handle(struct rt *rt, const uint64_t *a);
uint64_t svc_locate_device_path(struct rt *rt, const uint64_t *a);
uint64_t svc_install_configuration_table(struct rt *rt, const uint64_t *a);
uint64_t svc_open_protocol(struct rt *rt, const uint64_t *a);
uint64_t svc_close_protocol(struct rt *rt, const uint64_t *a);
uint64_t svc_open_protocol_information(struct rt *rt, const uint64_t *a);
uint64_t svc_protocols_per_handle(struct rt *rt, const uint64_t *a);
uint64_t svc_locate_handle_buffer(struct rt *rt, const uint64_t *a);
uint64_t svc_locate_protocol(struct rt *rt, const uint64_t *a);
uint64_t svc_install_multiple(struct rt *rt, const uint64_t *a);
uint64_t svc_uninstall_multiple(struct rt *rt, const uint64_t *a);

/* rt_image.c */
int rt_image_load(struct rt *rt, unsigned i, struct diag *d);
void rt_images_dispatch(struct rt *rt);
void rt_images_start_applications(struct rt *rt);
void rt_image_protect(struct rt *rt, unsigned i, uint64_t at);
void rt_images_link(struct rt *rt); /* tells RuntimeDxe of them */
uint64_t svc_load_image(struct rt *rt, const uint64_t *a);
uint64_t svc_start_image(struct rt *rt, const uint64_t *a);
uint64_t svc_exit(struct rt *rt, const uint64_t *a);
uint64_t svc_unload_image(struct rt *rt, const uint64_t *a);

/* rt_services.c */
#define RT_PROT_CODE (PROT_READ | PROT_EXEC)
const struct rt_service_def *rt_service_def(unsigned stub); /* never NULL */
void rt_tables_new(struct rt *rt);
void rt_table_crc(struct rt *rt, uint64_t table);
uint64_t rt_stub(struct rt *rt, unsigned stub); /* its physical address */
void rt_stubs_fill(struct rt *rt, uint64_t table, unsigned first, unsigned count);

/* rt_runtime.c */
enum { RT_SVC_SET_VIRTUAL = 4, RT_SVC_CONVERT = 5 }; /* in table order */
/* The operating system chooses virtual addresses, calls SetVirtualAddressMap and goes over
 * to them. */
EFI_STATUS rt_go_virtual(struct rt *rt);
/* The machine is reset, by code at @at; where no script asked for it, that is told. */
void rt_reset(struct rt *rt, struct rt_place at);
/* To be called when a driver has put its own into the table. */
void rt_convert_hook(struct rt *rt);
extern const struct rt_service_def rt_runtime_services[RT_RUNTIME_SERVICES];

/* rt_platform.c */
#define RT_HOST_BRIDGE 0x29c0U /* PCI device number of a Q35's host bridge */
void rt_platform_init(struct rt *rt);
void rt_devices_new(struct rt *rt, int ecam_fd, int flash_fd);
#define RT_CONSOLE_SERVICES 11U
extern const struct rt_service_def rt_dxe_services[RT_STUB_PCD - RT_STUB_DXE];
extern const struct rt_service_def rt_pcd_services[RT_STUB_EFI_PCD - RT_STUB_PCD];
extern const struct rt_service_def rt_efi_pcd_services[RT_STUB_CONSOLE - RT_STUB_EFI_PCD];
extern const struct rt_service_def rt_console_services[RT_CONSOLE_SERVICES];
uint64_t svc_mm_communicate(struct rt *rt, const uint64_t *a);

/* rt_calls.c */
/* The battery, or the user's script, as far as it concerns @phase. Counts in shared->phases
 * and ->services. */
void rt_calls_run(struct rt *rt, enum rt_phase phase);
/* Fills shared->services: whose code each runtime service now is. */
void rt_services_owners(struct rt *rt);

/* rt_flash_empty.c */
/* Of a firmware image of @firmware_len bytes, with its variables or without; 0: of none. */
const struct rt_flash_layout *rt_flash_layout(uint64_t firmware_len);
void rt_flash_empty(uint8_t *p, const struct rt_flash_layout *l);

/* rt_trace.c */
#define RT_TRACE_MAX (64U << 20)
void rt_trace(struct rt *rt, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void rt_trace_data(struct rt *rt, const uint8_t *p, uint64_t n);
void rt_trace_name(struct rt *rt, const CHAR16 *name, size_t n); /* quoted, as in scripts */
/* A copy for the caller; -1: no memory. */
int rt_trace_keep(const char *trace, uint64_t len, struct bytes *ret);

/* rt_child.c */
_Noreturn void rt_child(const struct rt_plan *plan, struct rt_shared *shared, int ram_fd,
			int ecam_fd, int flash_fd);

/* The pointers in the runtime services table, as they are now. */
static inline uint64_t *rt_runtime_table(struct rt *rt)
{
	return rt_ram(rt, rt->rs + sizeof(EFI_TABLE_HEADER), RT_RUNTIME_SERVICES * 8ULL);
}
