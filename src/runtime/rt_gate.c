/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between our stack and the drivers': the gate calls a driver's function on its stack; the
 * common end of all stubs comes back to ours for the length of a service. Microsoft's
 * convention on the drivers' side (UEFI 2.10 §2.3.4): four register arguments whose homes
 * lie just above the return address, so that stores into them make one array of all.
 */
#include "runtime/rt_priv.h"

/* Our stack pointer while a driver runs: where services begin, and where the gate goes on.
 */
uint64_t rt_host_sp;

__asm__(".text\n"
	".globl rt_gate\n"
	".type rt_gate, @function\n"
	"rt_gate:\n" /* fn, args, count, sp */
	"	pushq %rbp\n"
	"	pushq %rbx\n"
	"	pushq %r12\n"
	"	pushq %r13\n"
	"	pushq %r14\n"
	"	pushq %r15\n"
	"	pushq rt_host_sp(%rip)\n"
	"	subq $8, %rsp\n"
	"	stmxcsr (%rsp)\n"
	"	fnstcw 4(%rsp)\n"
	"	movq %rsp, rt_host_sp(%rip)\n"
	"	movq %rdi, %rax\n"
	"	movq %rcx, %rsp\n"
	"	andq $-16, %rsp\n"
	"	movq %rdx, %r8\n"
	"	cmpq $4, %r8\n"
	"	jae 1f\n"
	"	movl $4, %r8d\n"
	"1:	incq %r8\n"
	"	andq $-2, %r8\n"
	"	shlq $3, %r8\n"
	"	subq %r8, %rsp\n"
	"	xorl %ecx, %ecx\n"
	"2:	cmpq %rdx, %rcx\n"
	"	jae 3f\n"
	"	movq (%rsi,%rcx,8), %r9\n"
	"	movq %r9, (%rsp,%rcx,8)\n"
	"	incq %rcx\n"
	"	jmp 2b\n"
	"3:	movq (%rsp), %rcx\n"
	"	movq 8(%rsp), %rdx\n"
	"	movq 16(%rsp), %r8\n"
	"	movq 24(%rsp), %r9\n"
	/* what a driver finds in other registers is the same in every run */
	"	xorl %ebx, %ebx\n"
	"	xorl %ebp, %ebp\n"
	"	xorl %esi, %esi\n"
	"	xorl %edi, %edi\n"
	"	xorl %r10d, %r10d\n"
	"	xorl %r11d, %r11d\n"
	"	xorl %r12d, %r12d\n"
	"	xorl %r13d, %r13d\n"
	"	xorl %r14d, %r14d\n"
	"	xorl %r15d, %r15d\n"
	"	cld\n"
	"	call *%rax\n"
	".globl rt_gate_resume\n"
	"rt_gate_resume:\n"
	"	cld\n"
	"	emms\n"
	"	movq rt_host_sp(%rip), %rsp\n"
	"	pushq $2\n" /* no flag that a driver has set */
	"	popfq\n"
	"	ldmxcsr (%rsp)\n"
	"	fldcw 4(%rsp)\n"
	"	addq $8, %rsp\n"
	"	popq rt_host_sp(%rip)\n"
	"	popq %r15\n"
	"	popq %r14\n"
	"	popq %r13\n"
	"	popq %r12\n"
	"	popq %rbx\n"
	"	popq %rbp\n"
	"	ret\n"
	".size rt_gate, .-rt_gate\n"

	".globl rt_gate_unwind\n"
	"rt_gate_unwind:\n" /* host_sp, value */
	"	movq %rdi, rt_host_sp(%rip)\n"
	"	movq %rsi, %rax\n"
	"	jmp rt_gate_resume\n"

	/* eax: number of the stub */
	".globl rt_stub_common\n"
	"rt_stub_common:\n"
	"	movq %rcx, 8(%rsp)\n"
	"	movq %rdx, 16(%rsp)\n"
	"	movq %r8, 24(%rsp)\n"
	"	movq %r9, 32(%rsp)\n"
	"	movq %rsp, %r10\n"
	"	movq rt_host_sp(%rip), %rsp\n"
	"	andq $-16, %rsp\n"
	"	pushq %r10\n"
	"	pushq %rbp\n"
	"	pushq %rdi\n"
	"	pushq %rsi\n"
	"	pushq $2\n"
	"	popfq\n"
	"	subq $160, %rsp\n"
	"	movups %xmm6, (%rsp)\n"
	"	movups %xmm7, 16(%rsp)\n"
	"	movups %xmm8, 32(%rsp)\n"
	"	movups %xmm9, 48(%rsp)\n"
	"	movups %xmm10, 64(%rsp)\n"
	"	movups %xmm11, 80(%rsp)\n"
	"	movups %xmm12, 96(%rsp)\n"
	"	movups %xmm13, 112(%rsp)\n"
	"	movups %xmm14, 128(%rsp)\n"
	"	movups %xmm15, 144(%rsp)\n"
	"	cld\n"
	"	movl %eax, %edi\n"
	"	leaq 8(%r10), %rsi\n"
	"	movq (%r10), %rdx\n"
	"	movq %r10, %rcx\n"
	"	call rt_service@PLT\n"
	"	movups (%rsp), %xmm6\n"
	"	movups 16(%rsp), %xmm7\n"
	"	movups 32(%rsp), %xmm8\n"
	"	movups 48(%rsp), %xmm9\n"
	"	movups 64(%rsp), %xmm10\n"
	"	movups 80(%rsp), %xmm11\n"
	"	movups 96(%rsp), %xmm12\n"
	"	movups 112(%rsp), %xmm13\n"
	"	movups 128(%rsp), %xmm14\n"
	"	movups 144(%rsp), %xmm15\n"
	"	addq $160, %rsp\n"
	"	popq %rsi\n"
	"	popq %rdi\n"
	"	popq %rbp\n"
	"	popq %rsp\n"
	"	xorl %ecx, %ecx\n"
	"	xorl %edx, %edx\n"
	"	xorl %r8d, %r8d\n"
	"	xorl %r9d, %r9d\n"
	"	xorl %r10d, %r10d\n"
	"	xorl %r11d, %r11d\n"
	"	ret\n"

	/* As an interrupt's handler: nothing changes. */
	".globl rt_interrupted\n"
	"rt_interrupted:\n"
	"	pushfq\n"
	"	cld\n"
	"	pushq %rax\n"
	"	pushq %rcx\n"
	"	pushq %rdx\n"
	"	pushq %rbx\n"
	"	pushq %rbp\n"
	"	pushq %rsi\n"
	"	pushq %rdi\n"
	"	pushq %r8\n"
	"	pushq %r9\n"
	"	pushq %r10\n"
	"	pushq %r11\n"
	"	pushq %r12\n"
	"	pushq %r13\n"
	"	pushq %r14\n"
	"	pushq %r15\n"
	"	movq %rsp, %rbx\n"
	"	movq rt_host_sp(%rip), %rsp\n"
	"	andq $-64, %rsp\n"
	"	subq $512, %rsp\n"
	"	fxsave64 (%rsp)\n"
	"	movq %rbx, %rdi\n"
	"	movq 128(%rbx), %rsi\n"
	"	call rt_interrupt@PLT\n"
	"	fxrstor64 (%rsp)\n"
	"	movq %rbx, %rsp\n"
	"	popq %r15\n"
	"	popq %r14\n"
	"	popq %r13\n"
	"	popq %r12\n"
	"	popq %r11\n"
	"	popq %r10\n"
	"	popq %r9\n"
	"	popq %r8\n"
	"	popq %rdi\n"
	"	popq %rsi\n"
	"	popq %rbp\n"
	"	popq %rbx\n"
	"	popq %rdx\n"
	"	popq %rcx\n"
	"	popq %rax\n"
	"	popfq\n"
	"	ret\n");

uint64_t rt_enter(struct rt *rt, uint64_t fn, const uint64_t *args, size_t count)
{
	const uint64_t sp = rt->driver_sp, outer = rt->outer_sp;
	struct rt_call *const call = rt->call;
	const struct rt_place entered = rt->shared->entered;
	const uint16_t current = rt->current;
	const bool outermost = sp == 0;
	uint64_t at = sp != 0       ? sp
		      : rt->runtime ? rt->runtime_stack
				    : rt->boot_stack,
		 result;

	rt->quiet_ticks = 0;
	if (outermost) {
		/* the arguments lie above what a service may count on */
		at += (count + 1) / 2 * 16 + 32;
		atomic_store_explicit(&rt->shared->entries, ++rt->entries,
				      memory_order_relaxed);
		/* notifications that signal each other without end have one limit together
		 */
		if (rt->notified <= RT_EVENTS_MAX)
			rt->deadline_ticks = atomic_load(&rt->ticks) + rt->timeout_ticks;
	}
	rt->shared->entered = rt_place_of(rt, fn);
	rt->shared->call = rt->battery_call;
	rt->current = rt->shared->entered.image;
	rt->driver_sp = at;
	rt->in_host = false;
	result = rt_gate(fn, args, count, at);
	rt->in_host = true;
	rt->shared->entered = entered;
	rt->driver_sp = sp;
	rt->outer_sp = outer;
	rt->call = call;
	rt->current = current;
	return result;
}
