/* SPDX-License-Identifier: Apache-2.0 */
#include "vhpet.h"

#include <hv/lib.h>
#include <hv/time.h>

#include "models.h"

#define NEVER UINT64_MAX
#define FIRE_MIN_NS 100000	/* it interrupts at most this often, as the PIT does */

#define REG_ID 0x000
#define REG_CONFIG 0x010
#define REG_STATUS 0x020
#define REG_COUNTER 0x0f0
#define REG_TIMER0 0x100	/* each 20H: configuration, comparator, FSB route */

#define PERIOD_FS (1000000000000000ul / VHPET_HZ)

#define CONFIG_ENABLE 1u
#define CONFIG_LEGACY 2u

#define TIMER_LEVEL 0x0002u
#define TIMER_INT 0x0004u
#define TIMER_PERIODIC 0x0008u
#define TIMER_SET 0x0040u	/* the next comparator write sets the comparator of a periodic timer */
#define TIMER_32BIT 0x0100u
#define TIMER_ROUTE(c) ((c) >> 9 & 31)
#define TIMER_WRITABLE 0x3f4eu	/* with the five bits of the route */
#define TIMER_CAPS 0x0030u	/* periodic, 64 bits */
#define ROUTES 0x00f00000u	/* IOAPIC pins 20 to 23 */

void vhpet_reset(struct vhpet *h)
{
	struct guest *g = h->g;

	*h = (struct vhpet){ .g = g, .due = NEVER };
	for (u32 i = 0; i < VHPET_TIMERS; i++)
		h->timer[i].comparator = ~0ul;
}

bool vhpet_replaces_legacy(const struct vhpet *h)
{
	return (h->config & (CONFIG_ENABLE | CONFIG_LEGACY)) == (CONFIG_ENABLE | CONFIG_LEGACY);
}

static u64 clocks_of(u64 ticks)
{
	return mul_div(ticks, VHPET_HZ, timebase.tsc_hz);
}

static bool is_running(const struct vhpet *h)
{
	return h->config & CONFIG_ENABLE;
}

static u64 counter(const struct vhpet *h, u64 now)
{
	return is_running(h) ? clocks_of(now) + h->offset : h->halted_at;
}

/* A timer's line: 0 and 8 by legacy replacement, else the pin that it is routed to; -1: none. */
static int timer_line(const struct vhpet *h, u32 i)
{
	u32 pin = TIMER_ROUTE(h->timer[i].config);

	if ((h->config & CONFIG_LEGACY) && i < 2)
		return i ? IRQ_RTC : IRQ_PIT;
	return ROUTES >> pin & 1 ? (int)pin : -1;
}

/* Level-triggered timers hold their line while their status bit stands. Several may share a pin. */
static void update_lines(struct vhpet *h)
{
	u32 high = 0;

	for (u32 i = 0; i < VHPET_TIMERS; i++)
		if ((h->status >> i & 1) && (h->timer[i].config & TIMER_INT) && timer_line(h, i) >= 0)
			high |= BIT32(timer_line(h, i));
	irq_set_hpet(h->g, high);
}

static void fire(struct vhpet *h, u32 i)
{
	const struct vhpet_timer *t = &h->timer[i];
	int line = timer_line(h, i);

	if (t->config & TIMER_LEVEL) {
		h->status |= BIT32(i);
		update_lines(h);
	} else if ((t->config & TIMER_INT) && line >= 0) {
		irq_set_hpet(h->g, h->g->pc->hpet_lines | BIT32(line));
		update_lines(h);
	}
}

/* When the counter next equals the comparator, after `count`. With 32 bits that comes again and again; with 64 bits a
 * comparator in the past is as good as never. */
static void arm(struct vhpet_timer *t, u64 count)
{
	if (t->config & TIMER_32BIT)
		t->target = count + (u32)((u32)t->comparator - (u32)count);
	else
		t->target = t->comparator;
	t->armed = t->target >= count;
	t->owed = 0;
}

static u64 period_of(const struct vhpet_timer *t)
{
	if (!(t->config & TIMER_PERIODIC))
		return 0;
	return t->config & TIMER_32BIT ? (u32)t->period : t->period;
}

/* Interrupts that somebody was too late for come in between later ones, at twice the rate, but never more than a second's
 * worth. */
static void owe(struct vhpet_timer *t, u64 count, u64 missed)
{
	u64 period = period_of(t);

	t->owed = MIN(t->owed + missed, VHPET_HZ / period);
	t->owed_at = count + period / 2;
}

/* After it has fired: a periodic timer keeps its phase. */
static void rearm(struct vhpet_timer *t, u64 count)
{
	u64 period = period_of(t), missed;

	if (!period) {
		t->armed = t->config & TIMER_32BIT;
		t->target += BIT(32);
		return;
	}
	missed = (count - t->target) / period;
	t->target += (missed + 1) * period;
	owe(t, count, missed);
	t->armed = t->target > count;	/* or it is beyond the end of the counter */
	t->comparator = t->config & TIMER_32BIT ? (u32)t->target : t->target;
}

static void find_due(struct vhpet *h)
{
	u64 due = NEVER;

	for (u32 i = 0; i < VHPET_TIMERS && is_running(h); i++)
		if (h->timer[i].armed && (h->timer[i].config & (TIMER_INT | TIMER_LEVEL))) {
			const struct vhpet_timer *t = &h->timer[i];
			u64 next = t->owed && !(h->status >> i & 1) ? MIN(t->target, t->owed_at) : t->target;
			u64 at = mul_div(next - h->offset, timebase.tsc_hz, VHPET_HZ);

			due = MIN(due, at == NEVER ? at : at + 1);
		}
	h->due = h->last_fired && due != NEVER ? MAX(due, h->last_fired + ns_to_ticks(FIRE_MIN_NS)) : due;
}

/* A level that still stands was not seen to: one more cannot be told now. */
static void run_timer(struct vhpet *h, u32 i, u64 count, u64 now)
{
	struct vhpet_timer *t = &h->timer[i];
	bool stands = h->status >> i & 1, due = t->armed && t->target <= count;

	if (due) {
		fire(h, i);
		rearm(t, count);
		if (stands && period_of(t))
			owe(t, count, 1);
		h->last_fired = now;
	} else if (t->armed && t->owed && t->owed_at <= count && !stands && period_of(t)) {
		fire(h, i);
		t->owed--;
		t->owed_at = count + period_of(t);	/* one of them between two others */
		h->last_fired = now;
	}
}

void vhpet_run(struct vhpet *h, u64 now)
{
	u64 count = counter(h, now);

	if (now < h->due)
		return;
	for (u32 i = 0; i < VHPET_TIMERS; i++)
		run_timer(h, i, count, now);
	find_due(h);
}

static u64 timer_read(const struct vhpet_timer *t, u32 reg)
{
	if (reg == 0)
		return t->config | TIMER_CAPS | (u64)ROUTES << 32;
	return reg == 8 ? t->comparator : 0;
}

static u64 vhpet_read(const struct vhpet *h, u32 reg)
{
	switch (reg) {
	case REG_ID:	  return VHPET_ID | PERIOD_FS << 32;
	case REG_CONFIG:  return h->config;
	case REG_STATUS:  return h->status;
	case REG_COUNTER: return counter(h, pc_now());
	default:	  break;
	}
	if (reg >= REG_TIMER0 && reg < REG_TIMER0 + 0x20 * VHPET_TIMERS)
		return timer_read(&h->timer[(reg - REG_TIMER0) / 0x20], reg & 0x1f);
	return 0;
}

/* Of a periodic timer the comparator is set only when TIMER_SET asks for it; the period always. */
static void comparator_write(struct vhpet_timer *t, u64 val, u64 mask, u64 count)
{
	if (t->config & TIMER_32BIT)
		mask = (u32)mask;
	if (t->config & TIMER_PERIODIC)
		t->period = (t->period & ~mask) | (val & mask);
	if (!(t->config & TIMER_PERIODIC) || (t->config & TIMER_SET)) {
		t->comparator = (t->comparator & ~mask) | (val & mask);
		arm(t, count);
	}
	t->config &= ~TIMER_SET;
}

static void timer_write(struct vhpet *h, u32 i, u32 reg, u64 val, u64 mask)
{
	struct vhpet_timer *t = &h->timer[i];
	u64 count = counter(h, pc_now());

	if (reg == 8) {
		comparator_write(t, val, mask, count);
	} else if (reg == 0 && (u32)mask) {
		t->config = (u32)val & TIMER_WRITABLE;
		if (!(t->config & TIMER_LEVEL))
			h->status &= ~BIT32(i);
		arm(t, count);
	}
}

static void config_write(struct vhpet *h, u32 val)
{
	u64 now = pc_now(), count = counter(h, now);

	h->config = val & (CONFIG_ENABLE | CONFIG_LEGACY);
	h->halted_at = count;
	h->offset = count - clocks_of(now);
	irq_settle_legacy(h->g);
}

static void counter_write(struct vhpet *h, u64 val, u64 mask)
{
	u64 now = pc_now();

	val = (counter(h, now) & ~mask) | (val & mask);
	h->halted_at = val;
	h->offset = val - clocks_of(now);
	for (u32 i = 0; i < VHPET_TIMERS; i++)
		arm(&h->timer[i], val);
}

/* mask: which half of the register is written, or both. */
static void vhpet_write(struct vhpet *h, u32 reg, u64 val, u64 mask)
{
	if (reg == REG_CONFIG && (u32)mask)
		config_write(h, (u32)val);
	else if (reg == REG_STATUS)
		h->status &= ~(u32)(val & mask);
	else if (reg == REG_COUNTER)
		counter_write(h, val, mask);
	else if (reg >= REG_TIMER0 && reg < REG_TIMER0 + 0x20 * VHPET_TIMERS)
		timer_write(h, (reg - REG_TIMER0) / 0x20, reg & 0x1f, val, mask);
	update_lines(h);
	find_due(h);
	pc_rearm(h->g);
}

/* Registers are 64 bits wide and may be reached by halves. */
enum io_result vhpet_io(void *self, struct io *io)
{
	struct vhpet *h = self;
	u32 reg = io->off & ~7u, shift = (io->off & 4) * 8;
	u64 mask = (io->size == 8 ? ~0ul : 0xfffffffful) << shift;

	if (io->size < 4 || !IS_ALIGNED(io->off, io->size))
		return IO_REFUSED;
	if (io->write)
		vhpet_write(h, reg, io->val << shift, mask);
	else
		io->val = vhpet_read(h, reg) >> shift;
	return IO_DONE;
}
