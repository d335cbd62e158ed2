/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What Microsoft's calling convention lets a driver keep over a call stays as it was:
 * integer registers, xmm6 to xmm15, the way that SSE and x87 round; and MMX state is
 * nobody's concern but the driver's. Whether a service is called, or notifications run
 * within it.
 */
#include "driver.h"

static EFI_EVENT event;
static volatile unsigned told;

/* Everything that a called function need not keep is changed. */
static void EFIAPI on_event(EFI_EVENT Event, void *Context)
{
	(void)Event;
	(void)Context;
	told++;
	__asm__ volatile("pcmpeqd %xmm0, %xmm0\n"
			 "movaps %xmm0, %xmm1\n"
			 "movaps %xmm0, %xmm2\n"
			 "movaps %xmm0, %xmm3\n"
			 "movaps %xmm0, %xmm4\n"
			 "movaps %xmm0, %xmm5\n"
			 "pcmpeqd %mm0, %mm0\n"
			 "pcmpeqd %mm7, %mm7\n");
}

/* bool survives(uint64_t (EFIAPI *fn)(uint64_t), uint64_t argument): calls @fn with a
 * pattern in each register that it must keep. */
bool EFIAPI survives(void *fn, void *argument);
__asm__(".text\n"
	".globl survives\n"
	"survives:\n"
	"	pushq %rbp\n"
	"	pushq %rbx\n"
	"	pushq %rsi\n"
	"	pushq %rdi\n"
	"	pushq %r12\n"
	"	pushq %r13\n"
	"	pushq %r14\n"
	"	pushq %r15\n"
	"	subq $88, %rsp\n"
	"	movups %xmm6, 32(%rsp)\n"
	"	movups %xmm15, 48(%rsp)\n"
	"	stmxcsr 64(%rsp)\n"
	"	fnstcw 68(%rsp)\n"
	"	movl $0x7f80, 72(%rsp)\n" /* toward zero, all exceptions masked */
	"	ldmxcsr 72(%rsp)\n"
	"	movl $0x0f7f, 76(%rsp)\n"
	"	fldcw 76(%rsp)\n"
	"	movq %rcx, %rax\n"
	"	movq %rdx, %rcx\n"
	"	movabsq $0x1111111111111111, %rbx\n"
	"	leaq (%rbx,%rbx), %rbp\n"
	"	leaq (%rbx,%rbp), %rsi\n"
	"	leaq (%rbx,%rsi), %rdi\n"
	"	leaq (%rbx,%rdi), %r12\n"
	"	leaq (%rbx,%r12), %r13\n"
	"	leaq (%rbx,%r13), %r14\n"
	"	leaq (%rbx,%r14), %r15\n"
	"	movq %r15, %xmm6\n"
	"	movq %r14, %xmm15\n"
	"	movq %r13, %mm3\n"
	"	callq *%rax\n"
	"	emms\n"
	"	xorl %eax, %eax\n"
	"	movq %xmm6, %rcx\n"
	"	movq %xmm15, %rdx\n"
	"	subq %r15, %rcx\n"
	"	subq %r14, %rdx\n"
	"	orq %rdx, %rcx\n"
	"	subq %rbx, %r15\n"
	"	subq %r14, %r15\n"
	"	orq %r15, %rcx\n"
	"	subq %rbx, %r14\n"
	"	subq %r13, %r14\n"
	"	orq %r14, %rcx\n"
	"	subq %rbx, %r13\n"
	"	subq %r12, %r13\n"
	"	orq %r13, %rcx\n"
	"	subq %rbx, %r12\n"
	"	subq %rdi, %r12\n"
	"	orq %r12, %rcx\n"
	"	subq %rbx, %rdi\n"
	"	subq %rsi, %rdi\n"
	"	orq %rdi, %rcx\n"
	"	subq %rbx, %rsi\n"
	"	subq %rbp, %rsi\n"
	"	orq %rsi, %rcx\n"
	"	subq %rbx, %rbp\n"
	"	subq %rbx, %rbp\n"
	"	orq %rbp, %rcx\n"
	"	movabsq $0x1111111111111111, %rbp\n"
	"	subq %rbp, %rbx\n"
	"	orq %rbx, %rcx\n"
	"	stmxcsr 80(%rsp)\n"
	"	movl 80(%rsp), %edx\n"
	"	andl $0xffc0, %edx\n"
	"	subl $0x7f80, %edx\n"
	"	orq %rdx, %rcx\n"
	"	fnstcw 80(%rsp)\n"
	"	movzwl 80(%rsp), %edx\n"
	"	subl $0x0f7f, %edx\n"
	"	orq %rdx, %rcx\n"
	"	sete %al\n"
	"	ldmxcsr 64(%rsp)\n"
	"	fldcw 68(%rsp)\n"
	"	movups 32(%rsp), %xmm6\n"
	"	movups 48(%rsp), %xmm15\n"
	"	addq $88, %rsp\n"
	"	popq %r15\n"
	"	popq %r14\n"
	"	popq %r13\n"
	"	popq %r12\n"
	"	popq %rdi\n"
	"	popq %rsi\n"
	"	popq %rbx\n"
	"	popq %rbp\n"
	"	retq\n");

static EFI_STATUS EFIAPI get_time(EFI_TIME *Time, EFI_TIME_CAPABILITIES *Capabilities)
{
	uint32_t count;

	if (!survives((void *)gRT->GetNextHighMonotonicCount, &count))
		return EFI_DEVICE_ERROR;
	return driver_time(Time, Capabilities);
}

EFI_STATUS driver_main(void)
{
	void *block;
	EFI_STATUS status = driver_start(NULL, NULL);

	if (status == EFI_SUCCESS)
		status = gBS->CreateEvent(EVT_NOTIFY_SIGNAL, TPL_CALLBACK, on_event, NULL,
					  &event);
	if (status == EFI_SUCCESS)
		status = gBS->AllocatePool(EfiBootServicesData, 100, &block);
	if (status != EFI_SUCCESS)
		return status;
	if (!survives((void *)gBS->SignalEvent, event) || told != 1 ||
	    !survives((void *)gBS->FreePool, block))
		return EFI_DEVICE_ERROR;
	gRT->GetTime = get_time;
	return driver_seal();
}
