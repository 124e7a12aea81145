/* SPDX-License-Identifier: Apache-2.0 */
#include "vpit.h"

#include <hv/lib.h>
#include <hv/time.h>

#include "models.h"

#define NEVER UINT64_MAX
#define EDGE_MIN_NS 100000	/* channel 0 interrupts at most this often, whatever its count is */
#define REFRESH_CLOCKS 18	/* the refresh bit of port 61H toggles each 15 us */

#define ACCESS_LATCH 0
#define ACCESS_BOTH 3
#define SELECT_READ_BACK 3
#define READ_BACK_NO_COUNT 0x20
#define READ_BACK_NO_STATUS 0x10
#define STATUS_OUT 0x80
#define STATUS_NULL 0x40	/* the count is not loaded yet */

#define PORT61_GATE 0x01
#define PORT61_SPEAKER 0x02
#define PORT61_REFRESH 0x10
#define PORT61_OUT2 0x20

void vpit_reset(struct vpit *p)
{
	struct guest *g = p->g;

	*p = (struct vpit){ .g = g, .due = NEVER };
	for (u32 i = 0; i < 3; i++) {
		p->channel[i].access = ACCESS_BOTH;
		p->channel[i].gate = i != 2;
	}
}

static u64 clocks_of(u64 ticks)
{
	return mul_div(ticks, VPIT_HZ, timebase.tsc_hz);
}

static u64 ticks_of(u64 clocks)
{
	return mul_div(clocks, timebase.tsc_hz, VPIT_HZ);
}

/* 8254 data sheet, "Gate Pin Operations Summary": in these modes the gate restarts the count, in the others it is
 * counted while the gate is high. */
static bool is_one_shot(const struct vpit_channel *c)
{
	return c->mode == 1 || c->mode == 5;
}

static bool is_periodic(const struct vpit_channel *c)
{
	return c->mode == 2 || c->mode == 3;
}

static u64 channel_clocks(const struct vpit_channel *c, u64 now)
{
	return !c->gate && !is_one_shot(c) ? c->frozen : clocks_of(now - c->start);
}

static bool is_counting(const struct vpit_channel *c)
{
	return c->count != 0 && (!is_one_shot(c) || c->triggered);
}

static u32 to_bcd(u32 n)
{
	return n / 1000 % 10 << 12 | n / 100 % 10 << 8 | n / 10 % 10 << 4 | n % 10;
}

static u32 from_bcd(u32 n)
{
	return (n >> 12 & 15) * 1000 + (n >> 8 & 15) * 100 + (n >> 4 & 15) * 10 + (n & 15);
}

static u16 channel_value(const struct vpit_channel *c, u64 now)
{
	u32 modulus = c->bcd ? 10000 : 65536, left;
	u64 clocks;

	if (!is_counting(c))
		return (u16)(c->bcd ? to_bcd(c->count) : c->count);
	clocks = channel_clocks(c, now);
	if (c->mode == 2)
		left = c->count - (u32)(clocks % c->count);
	else if (c->mode == 3)		/* down by two, twice a period */
		left = c->count - (u32)(clocks * 2 % c->count);
	else
		left = (c->count + modulus - (u32)(clocks % modulus)) % modulus;
	return (u16)(c->bcd ? to_bcd(left) : left);
}

static bool channel_out(const struct vpit_channel *c, u64 now)
{
	u64 clocks;

	if (!is_counting(c) || (is_periodic(c) && !c->gate))
		return c->mode != 0;
	clocks = channel_clocks(c, now);
	switch (c->mode) {
	case 0:
	case 1:		return clocks >= c->count;
	case 2:		return clocks % c->count != c->count - 1;
	case 3:		return clocks % c->count < (c->count + 1) / 2;
	default:	return clocks != c->count;
	}
}

/* Channel 0's next rising edge. Its gate is always high, so modes 1 and 5 never run. */
static void vpit_find_due(struct vpit *p)
{
	const struct vpit_channel *c = &p->channel[0];
	u64 due;

	p->due = NEVER;
	if (!is_counting(c) || (!is_periodic(c) && p->edges))
		return;
	due = c->start + ticks_of((p->edges + 1) * c->count) + 1;
	p->due = p->last_edge ? MAX(due, p->last_edge + ns_to_ticks(EDGE_MIN_NS)) : due;
}

/* Edges that were missed are one interrupt: the phase is kept, the backlog is not. */
void vpit_run(struct vpit *p, u64 now)
{
	const struct vpit_channel *c = &p->channel[0];

	if (now < p->due)
		return;
	p->edges = is_periodic(c) ? channel_clocks(c, now) / c->count : 1;
	p->last_edge = now;
	vpit_find_due(p);
	irq_set(p->g, IRQ_PIT, true);
	irq_set(p->g, IRQ_PIT, false);
}

static void channel_restarted(struct vpit *p, const struct vpit_channel *c)
{
	if (c != &p->channel[0])
		return;
	p->edges = 0;
	vpit_find_due(p);
	pc_rearm(p->g);
}

static void channel_load(struct vpit *p, struct vpit_channel *c, u32 raw)
{
	u32 count = c->bcd ? from_bcd(raw) : raw;

	c->count = count ? count : c->bcd ? 10000 : 65536;	/* never zero: it is a divisor */
	c->start = pc_now();
	c->frozen = 0;
	c->triggered = false;
	channel_restarted(p, c);
}

static void channel_write(struct vpit *p, struct vpit_channel *c, u8 val)
{
	if (c->access == ACCESS_BOTH && !c->write_high) {
		c->write_low = val;
		c->write_high = true;
		return;
	}
	if (c->access == ACCESS_BOTH) {
		c->write_high = false;
		channel_load(p, c, (u32)val << 8 | c->write_low);
	} else {
		channel_load(p, c, c->access == 2 ? (u32)val << 8 : val);
	}
}

static void channel_latch(struct vpit_channel *c)
{
	if (c->latch_bytes)
		return;		/* a latch that was not read yet stays */
	c->latch = channel_value(c, pc_now());
	c->latch_bytes = c->access == ACCESS_BOTH ? 2 : 1;
}

static u8 channel_read(struct vpit_channel *c)
{
	bool high = c->access == 2;
	u16 value;

	if (c->status_latched) {
		c->status_latched = false;
		return c->status;
	}
	value = c->latch_bytes ? c->latch : channel_value(c, pc_now());
	if (c->latch_bytes)
		c->latch_bytes--;
	if (c->access == ACCESS_BOTH) {
		high = c->read_high;
		c->read_high = !c->read_high;
	}
	return (u8)(high ? value >> 8 : value);
}

static void latch_status(struct vpit_channel *c)
{
	if (c->status_latched)
		return;
	c->status = (u8)((channel_out(c, pc_now()) ? STATUS_OUT : 0) | (c->count ? 0 : STATUS_NULL) |
			 c->access << 4 | c->mode << 1 | c->bcd);
	c->status_latched = true;
}

static void write_read_back(struct vpit *p, u8 val)
{
	for (u32 i = 0; i < 3; i++) {
		if (!(val >> (i + 1) & 1))
			continue;
		if (!(val & READ_BACK_NO_COUNT))
			channel_latch(&p->channel[i]);
		if (!(val & READ_BACK_NO_STATUS))
			latch_status(&p->channel[i]);
	}
}

static void write_control(struct vpit *p, u8 val)
{
	u8 select = val >> 6, access = val >> 4 & 3, mode = val >> 1 & 7;
	struct vpit_channel *c;

	if (select == SELECT_READ_BACK) {
		write_read_back(p, val);
		return;
	}
	c = &p->channel[select];
	if (access == ACCESS_LATCH) {
		channel_latch(c);
		return;
	}
	*c = (struct vpit_channel){ .gate = c->gate, .access = access, .bcd = val & 1,
		.mode = mode > 5 ? mode & 3 : mode };	/* 6 and 7 are 2 and 3 */
	channel_restarted(p, c);
}

enum io_result vpit_io(void *self, struct io *io)
{
	struct vpit *p = self;
	u32 reg = io->off & 3;

	if (io->size != 1)
		return IO_REFUSED;
	if (reg == 3) {
		if (io->write)
			write_control(p, (u8)io->val);
		else
			io->val = 0xff;		/* the control word cannot be read */
	} else if (io->write) {
		channel_write(p, &p->channel[reg], (u8)io->val);
	} else {
		io->val = channel_read(&p->channel[reg]);
	}
	return IO_DONE;
}

static void gate_write(struct vpit_channel *c, bool gate)
{
	u64 now = pc_now();

	if (gate == c->gate)
		return;
	if (!gate) {
		c->frozen = channel_clocks(c, now);
	} else if (is_one_shot(c) || is_periodic(c)) {
		c->start = now;
		c->triggered = true;
	} else {
		c->start = now - ticks_of(c->frozen);
	}
	c->gate = gate;
}

enum io_result vpit_speaker_io(void *self, struct io *io)
{
	struct vpit *p = self;
	struct vpit_channel *c = &p->channel[2];

	if (io->write) {
		gate_write(c, io->val & PORT61_GATE);
		p->speaker = io->val & PORT61_SPEAKER;
		return IO_DONE;
	}
	io->val = (c->gate ? PORT61_GATE : 0) | (p->speaker ? PORT61_SPEAKER : 0) |
		(channel_out(c, pc_now()) ? PORT61_OUT2 : 0) |
		(clocks_of(pc_now()) / REFRESH_CLOCKS & 1 ? PORT61_REFRESH : 0);
	return IO_DONE;
}
