/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The MC146818 clock and CMOS memory at ports 70h and 71h. The time is the host's plus an
 * offset that a driver's writes make; while register B's SET bit stops the clock, the time
 * registers are plain bytes. No interrupts: register C's flags alone tell of the alarm.
 */
#include "runtime/dev_machine.h"

#define SECONDS       0x00
#define SECONDS_ALARM 0x01
#define MINUTES       0x02
#define MINUTES_ALARM 0x03
#define HOURS         0x04
#define HOURS_ALARM   0x05
#define WEEKDAY       0x06
#define DAY           0x07
#define MONTH         0x08
#define YEAR          0x09
#define REGISTER_A    0x0a
#define REGISTER_B    0x0b
#define REGISTER_C    0x0c
#define REGISTER_D    0x0d
#define CENTURY       0x32

#define A_UIP    0x80
#define B_SET    0x80
#define B_BINARY 0x04
#define B_24H    0x02
#define C_IRQ    0x80
#define C_PF     0x40
#define C_AF     0x20
#define C_UF     0x10
#define D_VALID  0x80

#define HOUR_PM     0x80
#define ALARM_ANY   0xc0 /* an alarm register with both bits set matches everything */
#define NS          1000000000ULL
#define UIP_EVERY   64U /* reads of register A, of which one finds an update under way */
#define DAY_SECONDS 86400

static const uint8_t month_days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

static bool leap(int year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int days_of(int year, int month)
{
	return month_days[month] + (month == 1 && leap(year) ? 1 : 0);
}

/* Values that have two forms: decimal digits or binary. */
static uint8_t encode(const struct dev_rtc *r, int v)
{
	return (uint8_t)((r->cmos[REGISTER_B] & B_BINARY) != 0 ? v : v / 10 << 4 | v % 10);
}

static int decode(const struct dev_rtc *r, uint8_t v)
{
	return (r->cmos[REGISTER_B] & B_BINARY) != 0 ? v : (v >> 4) * 10 + (v & 15);
}

static uint8_t encode_hour(const struct dev_rtc *r, int hour)
{
	if ((r->cmos[REGISTER_B] & B_24H) != 0)
		return encode(r, hour);
	return (uint8_t)(encode(r, hour % 12 == 0 ? 12 : hour % 12) |
			 (hour >= 12 ? HOUR_PM : 0));
}

static int decode_hour(const struct dev_rtc *r, uint8_t v)
{
	if ((r->cmos[REGISTER_B] & B_24H) != 0)
		return decode(r, v);
	return decode(r, v & 0x7f) % 12 + ((v & HOUR_PM) != 0 ? 12 : 0);
}

/* This clock's time in seconds since 1970; never negative. */
static int64_t now_s(struct rt_machine *m)
{
	const int64_t s = (int64_t)(dev_clock_ns(m, CLOCK_REALTIME) / NS) + m->rtc.offset;

	return s > 0 ? s : 0;
}

/* Fills the time registers for @s. */
static void registers_set(struct dev_rtc *r, int64_t s)
{
	int64_t days = s / DAY_SECONDS;
	const int rest = (int)(s % DAY_SECONDS);
	int year = 1970, month = 0;

	r->cmos[WEEKDAY] = encode(r, (int)((days + 4) % 7) + 1); /* 1970 began on day 5 */
	for (; days >= 365 + leap(year); year++)
		days -= 365 + leap(year);
	for (; days >= days_of(year, month); month++)
		days -= days_of(year, month);
	r->cmos[SECONDS] = encode(r, rest % 60);
	r->cmos[MINUTES] = encode(r, rest / 60 % 60);
	r->cmos[HOURS] = encode_hour(r, rest / 3600);
	r->cmos[DAY] = encode(r, (int)days + 1);
	r->cmos[MONTH] = encode(r, month + 1);
	r->cmos[YEAR] = encode(r, year % 100);
	r->cmos[CENTURY] = encode(r, year / 100 % 100);
}

/* The time that the registers hold. What is no date is the nearest that is one. */
static int64_t registers_get(const struct dev_rtc *r)
{
	int year = decode(r, r->cmos[CENTURY]) * 100 + decode(r, r->cmos[YEAR]);
	int month = decode(r, r->cmos[MONTH]), day = decode(r, r->cmos[DAY]);
	int64_t days = 0;

	year = year < 1970 ? 1970 : year > 9999 ? 9999 : year;
	month = month < 1 ? 1 : month > 12 ? 12 : month;
	day = day < 1 ? 1 : day > days_of(year, month - 1) ? days_of(year, month - 1) : day;
	for (int y = 1970; y < year; y++)
		days += 365 + leap(y);
	for (int i = 0; i < month - 1; i++)
		days += days_of(year, i);
	const int64_t hours = (days + day - 1) * 24 + decode_hour(r, r->cmos[HOURS]);

	return (hours * 60 + decode(r, r->cmos[MINUTES])) * 60 +
	       decode(r, r->cmos[SECONDS]);
}

static bool is_time(uint8_t index)
{
	return index == SECONDS || index == MINUTES || index == HOURS || index == CENTURY ||
	       (index >= WEEKDAY && index <= YEAR);
}

/* The clock goes on from what the registers hold. */
static void restart(struct rt_machine *m)
{
	struct dev_rtc *r = &m->rtc;

	r->offset = registers_get(r) - (int64_t)(dev_clock_ns(m, CLOCK_REALTIME) / NS);
}

static bool alarm_field(const struct dev_rtc *r, uint8_t index, int v)
{
	const uint8_t a = r->cmos[index];

	return (a & ALARM_ANY) == ALARM_ANY ||
	       (index == HOURS_ALARM ? decode_hour(r, a) : decode(r, a)) == v;
}

/* Did the alarm go off in (@from, @to]? The last day of it tells. */
static bool alarm_between(const struct dev_rtc *r, int64_t from, int64_t to)
{
	if (to - from > DAY_SECONDS)
		from = to - DAY_SECONDS;
	for (int64_t s = from + 1; s <= to; s++)
		if (alarm_field(r, SECONDS_ALARM, (int)(s % 60)) &&
		    alarm_field(r, MINUTES_ALARM, (int)(s / 60 % 60)) &&
		    alarm_field(r, HOURS_ALARM, (int)(s / 3600 % 24)))
			return true;
	return false;
}

/* Register C: what happened since it was last read. */
static uint8_t flags(struct rt_machine *m)
{
	struct dev_rtc *r = &m->rtc;
	const uint64_t host = dev_clock_ns(m, CLOCK_REALTIME);
	const int64_t now = now_s(m);
	const unsigned rate = r->cmos[REGISTER_A] & 15;
	uint8_t c = 0;

	/* rates 1 and 2 are those of 8 and 9, from 32768 Hz */
	if (rate != 0 &&
	    host - r->flags_host >= (NS << ((rate < 3 ? rate + 7 : rate) - 1)) >> 15)
		c |= C_PF;
	if ((r->cmos[REGISTER_B] & B_SET) == 0) {
		c |= now != r->flags_s ? C_UF : 0;
		c |= alarm_between(r, r->flags_s, now) ? C_AF : 0;
	}
	r->flags_host = host;
	r->flags_s = now;
	if ((c & r->cmos[REGISTER_B]) != 0)
		c |= C_IRQ;
	return c;
}

static uint8_t cmos_read(struct rt_machine *m)
{
	struct dev_rtc *r = &m->rtc;
	const bool stopped = (r->cmos[REGISTER_B] & B_SET) != 0;

	if (is_time(r->index) && !stopped)
		registers_set(r, now_s(m));
	switch (r->index) {
	case REGISTER_A:
		/* Counted, not timed: a run shall go the same way again. Waiting for
		 * either edge comes to an end. */
		if (!stopped && ++r->a_reads % UIP_EVERY == 0)
			return r->cmos[REGISTER_A] | A_UIP;
		return r->cmos[REGISTER_A];
	case REGISTER_C:
		return flags(m);
	default:
		return r->cmos[r->index];
	}
}

static void cmos_write(struct rt_machine *m, uint8_t value)
{
	struct dev_rtc *r = &m->rtc;
	const bool stopped = (r->cmos[REGISTER_B] & B_SET) != 0;

	switch (r->index) {
	case REGISTER_A:
		r->cmos[REGISTER_A] = value & (uint8_t)~A_UIP;
		return;
	case REGISTER_B:
		/* The registers keep their bytes while the clock is stopped, whatever the
		 * new format: the driver writes them in the format it asked for. */
		if (!stopped && (value & B_SET) != 0)
			registers_set(r, now_s(m));
		r->cmos[REGISTER_B] = value;
		if (stopped && (value & B_SET) == 0)
			restart(m);
		return;
	case REGISTER_C:
	case REGISTER_D:
		return;
	default:
		break;
	}
	if (!is_time(r->index) || stopped) {
		r->cmos[r->index] = value;
		return;
	}
	registers_set(r, now_s(m));
	r->cmos[r->index] = value;
	restart(m);
}

static void rtc_init(struct rt_machine *m)
{
	/* below 1 MiB in KiB; 1 MiB to 64 MiB in KiB; above 16 MiB in 64 KiB */
	static const struct {
		uint8_t index;
		uint16_t value;
	} memory[] = {
		{0x15, 640},
		{0x17, 0xfc00},
		{0x30, 0xfc00},
		{0x34, (RT_MACHINE_RAM_TOP - (16U << 20)) >> 16},
	};
	uint8_t *c = m->rtc.cmos;

	c[REGISTER_A] = 0x26; /* 32768 Hz crystal, 1024 Hz periodic rate */
	c[REGISTER_B] = B_24H;
	c[REGISTER_D] = D_VALID;
	for (size_t i = 0; i < sizeof memory / sizeof *memory; i++) {
		c[memory[i].index] = (uint8_t)memory[i].value;
		c[memory[i].index + 1] = (uint8_t)(memory[i].value >> 8);
	}
	/* 5bh to 5dh, memory above 4 GiB, and 5fh, processors besides the first: none */
	m->rtc.flags_host = dev_clock_ns(m, CLOCK_REALTIME);
	m->rtc.flags_s = now_s(m);
}

static uint32_t rtc_in(struct rt_machine *m, uint16_t port, unsigned width)
{
	(void)width;
	return port == 0x70 ? 0xff : cmos_read(m); /* the index cannot be read back */
}

static void rtc_out(struct rt_machine *m, uint16_t port, unsigned width, uint32_t value)
{
	(void)width;
	if (port == 0x70)
		m->rtc.index = value & 0x7f; /* bit 7 masks NMIs, of which there are none */
	else
		cmos_write(m, (uint8_t)value);
}

const struct rt_device_ops dev_rtc_ops = {
	.name = "rtc",
	.ports = {{0x70, 0x71}},
	.widest = 1,
	.init = rtc_init,
	.in = rtc_in,
	.out = rtc_out,
};
