/* SPDX-License-Identifier: BSD-2-Clause */
/* The child's life: the hosted machine is built, drivers start, and then boot, exit,
 * runtime and virtual phase follow. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/os_seccomp.h"
#include "runtime/rt_priv.h"
#include "runtime/rt_script.h"

/* Sanitizers have reports of their own to write. */
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#define SANITIZED \
	(__has_feature(address_sanitizer) || __has_feature(undefined_behavior_sanitizer))
#else
#define SANITIZED 0
#endif

static bool copy_from(void *ctx, void *to, uint64_t from, size_t n)
{
	const void *p = rt_ram(ctx, from, n);

	if (p != NULL)
		memcpy(to, p, n);
	return p != NULL;
}

static bool copy_to(void *ctx, uint64_t to, const void *from, size_t n)
{
	void *p = rt_ram(ctx, to, n);

	if (p != NULL)
		memcpy(p, from, n);
	return p != NULL;
}

/* The handler of the port access sees to the rest. */
static void machine_reset(void *ctx, const char *how)
{
	struct rt *rt = ctx;

	(void)how;
	rt_reset(rt, rt->at_port);
}

static const struct rt_machine_ops machine_ops = {
	.copy_from = copy_from, .copy_to = copy_to, .reset = machine_reset};

/* Of the files that the parent has open none is the drivers' business: only the memory that
 * is mapped again later, and standard error, where people are to see what drivers print. */
static void close_files(const struct rt *rt, int ecam_fd, int flash_fd)
{
	const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int last = STDERR_FILENO;

	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO && null >= 0; fd++)
		if (fd != STDERR_FILENO || !(rt->plan->console || SANITIZED))
			dup2(null, fd);
	for (int fd = last + 1; fd <= rt->ram_fd || fd <= ecam_fd || fd <= flash_fd;
	     last = fd++)
		if (fd != rt->ram_fd && fd != ecam_fd && fd != flash_fd)
			close(fd);
	syscall(SYS_close_range, last + 1, ~0U, 0);
}

/* All that a run does after this point. What the C library may want for memory, too. */
static int confine(struct diag *d)
{
	static const int calls[] = {
		SYS_mmap,          SYS_munmap, SYS_mprotect,       SYS_madvise,
		SYS_brk,           SYS_exit,   SYS_exit_group,     SYS_rt_sigreturn,
		SYS_clock_gettime, SYS_write, /* to what close_files() left */
		SYS_mremap,        SYS_futex,  SYS_rt_sigprocmask, SYS_getrandom,
		SYS_sigaltstack /* sanitizers ask, before what does not return */};
	const struct rlimit none = {0, 0};
	int r;

	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	r = os_seccomp_allow(calls, sizeof calls / sizeof *calls, d);
	return r == -ENOSYS ? 0 : r; /* a fence, not a wall: without it all works as well */
}

static void stacks_new(struct rt *rt)
{
	EFI_PHYSICAL_ADDRESS at;

	if (rts_mem_allocate_pages(rt->mem, AllocateAnyPages, EfiBootServicesData,
				   (RT_STACK_GAP + RT_BOOT_STACK) / 4096 + 1,
				   &at) != EFI_SUCCESS)
		rt_trouble(rt, "no memory for a stack");
	at += RT_STACK_GAP;
	rt_block_add(rt, at, RT_BOOT_STACK + 4096, EfiBootServicesData, RT_BLOCK_STACK,
		     NULL, "stack");
	rt->boot_stack = at + RT_BOOT_STACK;
	rt->os_next -= 4096; /* a guard at the end */
	rt->runtime_stack_len = rt->config->runtime_stack != 0 ? rt->config->runtime_stack
							       : RT_RUNTIME_STACK;
	rt->os_next -= rt->runtime_stack_len + 4096;
	rt_block_add(rt, rt->os_next, rt->runtime_stack_len + 4096, EfiMaxMemoryType,
		     RT_BLOCK_STACK, NULL, "runtime stack");
	rt->runtime_stack = rt->os_next + rt->runtime_stack_len;
	rt->os_next -= RT_STACK_GAP;
}

static void phase(struct rt *rt, enum rt_phase p)
{
	atomic_store(&rt->shared->phase, p);
	rt->shared->phases[p].reached = 1;
}

static void machine_new(struct rt *rt, int ecam_fd, int flash_fd, struct diag *d)
{
	const struct rts_vars_config vars = {.hash_seed = rt_random(rt)};

	if (rt_space_init(rt, d) < 0)
		rt_trouble(rt, "%s", d->text);
	rt->machine = calloc(1, rt_machine_size());
	if (rt->machine == NULL || rts_vars_new(&vars, &rt->vars) != EFI_SUCCESS ||
	    rts_vars_start(rt->vars) != EFI_SUCCESS)
		rt_trouble(rt, "out of memory");
	rt->wire.vars = rt->vars;
	rt_machine_init(rt->machine, &machine_ops, rt);
	rt->tpl = TPL_APPLICATION;
	stacks_new(rt);
	rt_tables_new(rt);
	rt_devices_new(rt, ecam_fd, flash_fd);
	rt_platform_init(rt);
}

static void finish(struct rt *rt)
{
	rt_canaries_check_all(rt, "the end");
	atomic_store(&rt->shared->finished, 1);
	_exit(0);
}

static void boot(struct rt *rt)
{
	static const EFI_GUID end_of_dxe = EFI_END_OF_DXE_EVENT_GROUP_GUID,
			      ready_to_boot = EFI_EVENT_GROUP_READY_TO_BOOT_GUID;

	phase(rt, RT_PHASE_ENTRY);
	rt_images_dispatch(rt);
	if (rt->plan->dispatch_only)
		finish(rt);
	rt_signal_group(rt, &end_of_dxe);
	rts_vars_end_of_dxe(rt->vars);
	phase(rt, RT_PHASE_BOOT);
	rt_services_owners(rt);
	rt_calls_run(rt, RT_PHASE_BOOT);
	if (rt->reset)
		finish(rt);
	phase(rt, RT_PHASE_READY_TO_BOOT);
	rt_signal_group(rt, &ready_to_boot);
	if (!rt->runtime)
		rts_vars_ready_to_boot(rt->vars);
	rt_calls_run(rt, RT_PHASE_READY_TO_BOOT);
	if (rt->reset)
		finish(rt);
	rt_images_start_applications(rt);
}

void rt_child(const struct rt_plan *plan, struct rt_shared *shared, int ram_fd, int ecam_fd,
	      int flash_fd)
{
	struct rt *rt = calloc(1, sizeof *rt);
	struct diag d = {0};

	if (rt == NULL)
		_exit(2);
	rt->shared = shared;
	rt->plan = plan;
	rt->config = plan->config;
	rt->script = plan->script;
	rt->random = plan->config->seed;
	rt->ram_fd = ram_fd;
	rt->in_host = true;
	rt->current = shared->entered.image = RT_NOBODY;
	rt->battery_call = -1;
	rt_self = rt;
	close_files(rt, ecam_fd, flash_fd);
	machine_new(rt, ecam_fd, flash_fd, &d);
	for (unsigned i = 0; i < plan->count; i++)
		if (rt_image_load(rt, i, &d) < 0)
			rt_trouble(rt, "%s: %s", plan->drivers[i]->name, d.text);
	if (rt_fault_init(rt, &d) < 0 || confine(&d) < 0)
		rt_trouble(rt, "%s", d.text);

	boot(rt);
	if (!rt->runtime && rt_exit_boot_services(rt, 0, false) != EFI_SUCCESS)
		rt_trouble(rt, "ExitBootServices of our own failed");
	phase(rt, RT_PHASE_RUNTIME);
	rt_services_owners(rt);
	rt_calls_run(rt, RT_PHASE_RUNTIME);
	if (rt->reset || rt->config->no_virtual)
		finish(rt);
	if (rt_go_virtual(rt) != EFI_SUCCESS)
		finish(rt);
	phase(rt, RT_PHASE_VIRTUAL);
	rt_services_owners(rt);
	rt_calls_run(rt, RT_PHASE_VIRTUAL);
	finish(rt);
	_exit(0);
}
