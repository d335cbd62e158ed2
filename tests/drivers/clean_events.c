/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Events as drivers use them: notifications that interrupt each other by priority, or wait
 * for each other; timers that fire while time passes, and not while the priority is too
 * high; a loop around CheckEvent, and one that waits for what a timer's notification
 * leaves behind.
 */
#include "driver.h"

#define EXPECT(what)                                                       \
	do {                                                               \
		if (!(what))                                               \
			return (EFI_STATUS)(1ULL << 63 | (UINTN)__LINE__); \
	} while (0)

static const EFI_GUID group = {
	0x52ab6c10, 0x93d7, 0x4e08, {0xa1, 0x5d, 0x7b, 0x20, 0xf4, 0x69, 0xce, 0x35}};

static EFI_EVENT low, high, also_low;
static char order[16];
static unsigned steps;
static volatile unsigned fired;

static void step(char c)
{
	if (steps < sizeof order)
		order[steps++] = c;
}

static bool was(const char *what)
{
	unsigned n = 0;

	while (n < steps && what[n] == order[n])
		n++;
	return n == steps && what[n] == 0;
}

static void EFIAPI on_high(EFI_EVENT Event, void *Context)
{
	(void)Event;
	step('h');
	(void)gBS->SignalEvent(*(EFI_EVENT *)Context);
	step('H');
}

static void EFIAPI on_low(EFI_EVENT Event, void *Context)
{
	(void)Event;
	(void)Context;
	step('l');
	(void)gBS->SignalEvent(high);
	step('L');
}

static void EFIAPI on_also_low(EFI_EVENT Event, void *Context)
{
	(void)Event;
	(void)Context;
	step('a');
}

static void EFIAPI on_timer(EFI_EVENT Event, void *Context)
{
	(void)Event;
	(void)Context;
	fired++;
}

/* @low runs, @high interrupts it, @also_low waits for both. */
static EFI_STATUS nested(void)
{
	EFI_TPL old;

	EXPECT(gBS->CreateEvent(EVT_NOTIFY_SIGNAL, TPL_CALLBACK, on_low, NULL, &low) ==
	       EFI_SUCCESS);
	EXPECT(gBS->CreateEvent(EVT_NOTIFY_SIGNAL, TPL_NOTIFY, on_high, &also_low, &high) ==
	       EFI_SUCCESS);
	EXPECT(gBS->CreateEvent(EVT_NOTIFY_SIGNAL, TPL_CALLBACK, on_also_low, NULL,
				&also_low) == EFI_SUCCESS);
	EXPECT(gBS->SignalEvent(low) == EFI_SUCCESS);
	EXPECT(was("lhHLa"));
	steps = 0;
	old = gBS->RaiseTPL(TPL_CALLBACK);
	EXPECT(old == TPL_APPLICATION && gBS->SignalEvent(low) == EFI_SUCCESS && was(""));
	EXPECT(gBS->SignalEvent(high) == EFI_SUCCESS && was("hH"));
	gBS->RestoreTPL(old);
	EXPECT(was("hHlhHLa") || was("hHalhHLa"));
	EXPECT(gBS->CloseEvent(low) == EFI_SUCCESS &&
	       gBS->CloseEvent(high) == EFI_SUCCESS &&
	       gBS->CloseEvent(also_low) == EFI_SUCCESS);
	return EFI_SUCCESS;
}

/* Two members of a group; whoever signals one signals both. */
static EFI_STATUS grouped(void)
{
	EFI_EVENT first, second;

	steps = 0;
	EXPECT(gBS->CreateEventEx(EVT_NOTIFY_SIGNAL, TPL_CALLBACK, on_also_low, NULL,
				  &group, &first) == EFI_SUCCESS);
	EXPECT(gBS->CreateEventEx(EVT_NOTIFY_SIGNAL, TPL_NOTIFY, on_also_low, NULL, &group,
				  &second) == EFI_SUCCESS);
	EXPECT(gBS->SignalEvent(second) == EFI_SUCCESS && was("aa"));
	EXPECT(gBS->CloseEvent(first) == EFI_SUCCESS &&
	       gBS->CloseEvent(second) == EFI_SUCCESS);
	return EFI_SUCCESS;
}

static EFI_STATUS timed(void)
{
	EFI_EVENT timer, deadline;
	UINTN index;
	EFI_TPL old;

	EXPECT(gBS->CreateEvent(EVT_TIMER | EVT_NOTIFY_SIGNAL, TPL_CALLBACK, on_timer, NULL,
				&timer) == EFI_SUCCESS);
	EXPECT(gBS->CreateEvent(EVT_TIMER, 0, NULL, NULL, &deadline) == EFI_SUCCESS);
	EXPECT(gBS->SetTimer(timer, TimerRelative, 10000) == EFI_SUCCESS);
	old = gBS->RaiseTPL(TPL_NOTIFY);
	EXPECT(gBS->Stall(2000) == EFI_SUCCESS && fired == 0);
	gBS->RestoreTPL(old);
	EXPECT(fired == 1 && gBS->Stall(2000) == EFI_SUCCESS && fired == 1);

	EXPECT(gBS->SetTimer(deadline, TimerRelative, 100000) == EFI_SUCCESS);
	while (gBS->CheckEvent(deadline) == EFI_NOT_READY)
		__asm__ volatile("pause");
	EXPECT(gBS->SetTimer(deadline, TimerRelative, 100000) == EFI_SUCCESS);
	EXPECT(gBS->WaitForEvent(1, &deadline, &index) == EFI_SUCCESS && index == 0);

	/* no service is called: the timer's interrupt alone ends this */
	EXPECT(gBS->SetTimer(timer, TimerRelative, 100000) == EFI_SUCCESS);
	while (fired == 1)
		__asm__ volatile("pause");
	EXPECT(gBS->CloseEvent(timer) == EFI_SUCCESS &&
	       gBS->CloseEvent(deadline) == EFI_SUCCESS);
	return EFI_SUCCESS;
}

EFI_STATUS driver_main(void)
{
	EFI_STATUS status = nested();

	if (status == EFI_SUCCESS)
		status = grouped();
	return status == EFI_SUCCESS ? timed() : status;
}
