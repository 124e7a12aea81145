/* SPDX-License-Identifier: Apache-2.0 */
#include "vrtc.h"

#include <hv/guest.h>
#include <hv/lib.h>
#include <hv/time.h>

#include "calendar.h"
#include "models.h"

#define NEVER UINT64_MAX
#define WALL_UNKNOWN 946684800		/* 2000-01-01, when the machine's own clock could not be read */
#define DAY_SECONDS 86400

enum rtc_reg { RTC_SECOND, RTC_SECOND_ALARM, RTC_MINUTE, RTC_MINUTE_ALARM, RTC_HOUR, RTC_HOUR_ALARM, RTC_WEEKDAY,
	RTC_DAY, RTC_MONTH, RTC_YEAR, RTC_A, RTC_B, RTC_C, RTC_D, RTC_CENTURY = 0x32 };

#define A_UPDATING 0x80
#define A_RATE 0x0f
#define B_SET 0x80
#define B_PERIODIC 0x40
#define B_ALARM 0x20
#define B_UPDATE 0x10
#define B_BINARY 0x04
#define B_24H 0x02
#define C_IRQ 0x80
#define C_FLAGS (B_PERIODIC | B_ALARM | B_UPDATE)	/* a flag stands where its enable bit does */
#define D_VALID 0x80
#define HOUR_PM 0x80
#define ALARM_ANY 0xc0
#define UPDATE_SHARE 4096	/* "update in progress" is up for 1/4096 s, 244 us, before the second */

/* The machine's clock. */

static u64 since_wall(u64 now)
{
	return now > timebase.wall_tsc ? now - timebase.wall_tsc : 0;
}

static s64 machine_second(u64 now)
{
	s64 added = wall_offset() / (s64)NS_PER_S;	/* whole seconds: when a second begins stays as it was */
	u64 base = timebase.wall_seconds || added ? timebase.wall_seconds : WALL_UNKNOWN;

	return (s64)(base + since_wall(now) / timebase.tsc_hz) + added;
}

static s64 guest_second(const struct vrtc *r, u64 now)
{
	return machine_second(now) + r->distance;
}

/* Host TSC at which the guest's clock will show a second. */
static u64 tsc_of_second(u64 now, s64 from_now)
{
	u64 second = since_wall(now) / timebase.tsc_hz;

	return timebase.wall_tsc + (second + (u64)from_now) * timebase.tsc_hz;
}

/* Registers and numbers. */

static u8 encode(const struct vrtc *r, u32 n)
{
	return (u8)(r->ram[RTC_B] & B_BINARY ? n : n / 10 % 10 << 4 | n % 10);
}

static u32 decode(const struct vrtc *r, u8 reg)
{
	return r->ram[RTC_B] & B_BINARY ? reg : (reg >> 4) * 10u + (reg & 15);
}

static u8 encode_hour(const struct vrtc *r, u32 hour)
{
	if (r->ram[RTC_B] & B_24H)
		return encode(r, hour);
	return encode(r, hour % 12 ? hour % 12 : 12) | (hour >= 12 ? HOUR_PM : 0);
}

static u32 decode_hour(const struct vrtc *r, u8 reg)
{
	if (r->ram[RTC_B] & B_24H)
		return decode(r, reg);
	return decode(r, reg & (u8)~HOUR_PM) % 12 + (reg & HOUR_PM ? 12 : 0);
}

/* Kernels read all registers one by one, often within one second: the calendar is asked once for it. */
static void time_to_ram(struct vrtc *r, u64 now)
{
	s64 second = guest_second(r, now);
	struct date d;

	if (r->shown_valid && r->shown == second)
		return;
	r->shown = second;
	r->shown_valid = true;
	d = calendar_date(second);
	r->ram[RTC_SECOND] = encode(r, d.second);
	r->ram[RTC_MINUTE] = encode(r, d.minute);
	r->ram[RTC_HOUR] = encode_hour(r, d.hour);
	r->ram[RTC_WEEKDAY] = encode(r, d.weekday);
	r->ram[RTC_DAY] = encode(r, d.day);
	r->ram[RTC_MONTH] = encode(r, d.month);
	r->ram[RTC_YEAR] = encode(r, (u32)(d.year % 100));
	r->ram[RTC_CENTURY] = encode(r, (u32)(d.year / 100));
}

/* Any bytes are taken: nonsense is a strange date, never an error. A century before 19 means a guest that does not know
 * the register. */
static void ram_to_time(struct vrtc *r, u64 now)
{
	u32 century = decode(r, r->ram[RTC_CENTURY]);
	struct date d = {
		.year = (century < 19 ? 20 : century) * 100 + decode(r, r->ram[RTC_YEAR]),
		.month = decode(r, r->ram[RTC_MONTH]), .day = decode(r, r->ram[RTC_DAY]),
		.hour = decode_hour(r, r->ram[RTC_HOUR]), .minute = decode(r, r->ram[RTC_MINUTE]),
		.second = decode(r, r->ram[RTC_SECOND]),
	};

	r->distance = calendar_seconds(&d) - machine_second(now);
	r->seen = guest_second(r, now);
}

static bool is_stopped(const struct vrtc *r)
{
	return r->ram[RTC_B] & B_SET;
}

static bool is_time(u8 reg)
{
	return reg == RTC_CENTURY || (reg <= RTC_YEAR && reg != RTC_SECOND_ALARM && reg != RTC_MINUTE_ALARM &&
				      reg != RTC_HOUR_ALARM);
}

/* Events. */

/* Host ticks of one period; 0: none. MC146818 "Periodic Interrupt Rate": 122 us is the shortest there is. */
static u64 period_ticks(const struct vrtc *r)
{
	u32 rate = r->ram[RTC_A] & A_RATE;

	if (rate == 0)
		return 0;
	return MAX((timebase.tsc_hz << ((rate < 3 ? rate + 7 : rate) - 1)) / 32768, 1ul);
}

static bool alarm_any(u8 reg)
{
	return (reg & ALARM_ANY) == ALARM_ANY;
}

/* Seconds from second-of-day `from` to the next alarm, 1..86400; 0: it never comes, also because no clock ever shows what
 * the guest wrote. Skips whole hours and minutes that do not match, so it takes some 150 steps at most. */
static u32 alarm_delay(const struct vrtc *r, u32 from)
{
	const u8 *ram = r->ram;
	u32 second = decode(r, ram[RTC_SECOND_ALARM]), minute = decode(r, ram[RTC_MINUTE_ALARM]);
	u32 hour = decode_hour(r, ram[RTC_HOUR_ALARM]), t = from + 1;

	if ((!alarm_any(ram[RTC_SECOND_ALARM]) && second > 59) || (!alarm_any(ram[RTC_MINUTE_ALARM]) && minute > 59) ||
	    (!alarm_any(ram[RTC_HOUR_ALARM]) && hour > 23))
		return 0;
	while (t <= from + DAY_SECONDS) {
		u32 s = t % DAY_SECONDS;

		if (!alarm_any(ram[RTC_HOUR_ALARM]) && s / 3600 != hour)
			t += 3600 - s % 3600;
		else if (!alarm_any(ram[RTC_MINUTE_ALARM]) && s / 60 % 60 != minute)
			t += 60 - s % 60;
		else if (!alarm_any(ram[RTC_SECOND_ALARM]) && s % 60 != second)
			t++;
		else
			return t - from;
	}
	return 0;
}

static u32 second_of_day(s64 seconds)
{
	s64 rest = seconds % DAY_SECONDS;

	return (u32)(rest < 0 ? rest + DAY_SECONDS : rest);
}

static void judge_second(struct vrtc *r, u64 now)
{
	s64 second = guest_second(r, now), passed = second - r->seen;
	u32 delay;

	if (passed <= 0 || is_stopped(r))
		return;
	delay = alarm_delay(r, second_of_day(r->seen));
	r->ram[RTC_C] |= B_UPDATE;
	if (delay && delay <= passed)
		r->ram[RTC_C] |= B_ALARM;
	r->seen = second;
}

/* A guest that takes these interrupts gets all of them: those that it was too late for come in between later ones, at twice the
 * rate, but never more than a second's worth. */
static void judge_period(struct vrtc *r, u64 now)
{
	u64 period = period_ticks(r), n, passed;

	if (!(r->ram[RTC_B] & B_PERIODIC))
		r->owed = 0;
	if (period == 0)
		return;
	n = (now - r->periodic_start) / period;
	passed = n - r->periodic_seen;
	r->periodic_seen = n;
	if (r->ram[RTC_B] & B_PERIODIC)
		r->owed = MIN(r->owed + passed, timebase.tsc_hz / period);
	if (r->ram[RTC_C] & B_PERIODIC)
		return;
	if (!passed && !(r->owed && now >= r->owed_at))
		return;
	r->ram[RTC_C] |= B_PERIODIC;
	r->owed -= r->owed ? 1 : 0;
	r->owed_at = now + (passed ? period / 2 : period);	/* one of them between two others */
}

/* A flag that is up already needs no time: nothing more happens until C is read. */
static u64 next_due(const struct vrtc *r, u64 now)
{
	u8 waits = r->ram[RTC_B] & (u8)~r->ram[RTC_C] & C_FLAGS;
	u64 due = NEVER, period = period_ticks(r);

	if ((waits & B_PERIODIC) && period)
		due = r->periodic_start + (r->periodic_seen + 1) * period;
	if ((waits & B_PERIODIC) && r->owed)
		due = MIN(due, MAX(r->owed_at, now));
	if (is_stopped(r))
		return due;
	if (waits & B_UPDATE)
		due = MIN(due, tsc_of_second(now, 1));
	if (waits & B_ALARM) {
		u32 delay = alarm_delay(r, second_of_day(r->seen));

		if (delay)
			due = MIN(due, tsc_of_second(now, delay));
	}
	return due;
}

static bool irq_level(const struct vrtc *r)
{
	return r->ram[RTC_B] & r->ram[RTC_C] & C_FLAGS;
}

void vrtc_run(struct vrtc *r, u64 now)
{
	judge_second(r, now);
	judge_period(r, now);
	r->due = next_due(r, now);
	irq_set(r->g, IRQ_RTC, irq_level(r));
}

/* NVRAM, as SeaBIOS and others expect the sizes of RAM in it. */

static void put16(struct vrtc *r, u32 at, u64 val)
{
	u64 capped = MIN(val, 0xfffful);

	r->ram[at] = (u8)capped;
	r->ram[at + 1] = (u8)(capped >> 8);
}

static void put_memory_sizes(struct vrtc *r)
{
	u64 low = r->g->ram_low, high = r->g->ram_high / (64 * KiB);

	put16(r, 0x15, 640);
	put16(r, 0x17, low > MiB ? (low - MiB) / KiB : 0);
	put16(r, 0x30, low > MiB ? (low - MiB) / KiB : 0);
	put16(r, 0x34, low > 16 * MiB ? (low - 16 * MiB) / (64 * KiB) : 0);
	r->ram[0x5b] = (u8)high;
	r->ram[0x5c] = (u8)(high >> 8);
	r->ram[0x5d] = (u8)(high >> 16);
	r->ram[0x5f] = (u8)(r->g->vcpu_count - 1);
}

void vrtc_reset(struct vrtc *r, u64 now)
{
	r->index = 0;
	r->shown_valid = false;
	memset(r->ram, 0, sizeof(r->ram));
	r->ram[RTC_A] = 0x26;		/* 32.768 kHz time base, 1024 Hz */
	r->ram[RTC_B] = B_24H;
	r->ram[RTC_D] = D_VALID;
	r->ram[0x14] = 0x02;		/* equipment: a coprocessor, no floppy drives */
	put_memory_sizes(r);
	r->seen = guest_second(r, now);
	r->periodic_start = now;
	r->periodic_seen = r->owed = r->owed_at = 0;
	r->due = NEVER;
}

/* Registers. */

static u8 read_a(const struct vrtc *r, u64 now)
{
	u64 hz = timebase.tsc_hz, in_second = since_wall(now) % hz;
	bool updating = !is_stopped(r) && in_second >= hz - hz / UPDATE_SHARE;

	return r->ram[RTC_A] | (updating ? A_UPDATING : 0);
}

/* Reading C acknowledges all flags. */
static u8 read_c(struct vrtc *r)
{
	u8 c = r->ram[RTC_C] | (irq_level(r) ? C_IRQ : 0);

	r->ram[RTC_C] = 0;
	return c;
}

/* Only C depends on what has happened since somebody looked last. */
static u8 vrtc_read(struct vrtc *r, u64 now)
{
	u8 c;

	if (is_time(r->index) && !is_stopped(r))
		time_to_ram(r, now);
	switch (r->index) {
	case RTC_A:
		return read_a(r, now);
	case RTC_C:
		vrtc_run(r, now);
		c = read_c(r);
		vrtc_run(r, now);
		pc_rearm(r->g);
		return c;
	default:
		return r->ram[r->index];
	}
}

static void write_a(struct vrtc *r, u8 val, u64 now)
{
	if ((val ^ r->ram[RTC_A]) & A_RATE) {
		r->periodic_start = now;
		r->periodic_seen = r->owed = 0;
	}
	r->ram[RTC_A] = val & (u8)~A_UPDATING;
}

/* SET stops the clock's registers, and ends interrupts of its updates; taking it away starts from what they hold. */
static void write_b(struct vrtc *r, u8 val, u64 now)
{
	bool was = is_stopped(r), will = val & B_SET;

	if (will && !was)
		time_to_ram(r, now);
	r->ram[RTC_B] = will ? val & (u8)~B_UPDATE : val;
	if (was && !will)
		ram_to_time(r, now);
}

static void write_time(struct vrtc *r, u8 val, u64 now)
{
	if (!is_stopped(r))
		time_to_ram(r, now);
	r->ram[r->index] = val;
	if (!is_stopped(r))
		ram_to_time(r, now);
}

static void write_register(struct vrtc *r, u8 val, u64 now)
{
	if (is_time(r->index)) {
		write_time(r, val, now);
		return;
	}
	switch (r->index) {
	case RTC_A:	write_a(r, val, now);		break;
	case RTC_B:	write_b(r, val, now);		break;
	case RTC_C:
	case RTC_D:	break;				/* read-only */
	default:	r->ram[r->index] = val;		break;
	}
}

static void vrtc_write(struct vrtc *r, u8 val, u64 now)
{
	vrtc_run(r, now);
	write_register(r, val, now);
	r->shown_valid = false;
	vrtc_run(r, now);
	pc_rearm(r->g);
}

/* The index cannot be read back; its top bit would mask NMIs, of which this PC has none. */
static enum io_result index_io(struct vrtc *r, struct io *io)
{
	if (io->write)
		r->index = io->val & 0x7f;
	else
		io->val = 0xff;
	return IO_DONE;
}

enum io_result vrtc_io(void *self, struct io *io)
{
	struct vrtc *r = self;

	if (io->size != 1)
		return IO_REFUSED;
	if (io->off == 0)
		return index_io(r, io);
	if (io->write)
		vrtc_write(r, (u8)io->val, pc_now());
	else
		io->val = vrtc_read(r, pc_now());
	return IO_DONE;
}
