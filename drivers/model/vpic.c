/* SPDX-License-Identifier: Apache-2.0 */
#include "vpic.h"

#include <hv/lib.h>

#define CASCADE 2u		/* the master's input that the slave drives */
#define SPURIOUS 7u
#define NONE (-1)

/* 8259A data sheet, "Initialization Command Words", "Operation Command Words". Even port. */
#define ICW1 0x10
#define ICW1_IC4 0x01
#define ICW1_SINGLE 0x02
#define ICW4_AUTO_EOI 0x02
#define ICW4_NESTED_FULLY 0x10
#define OCW3 0x08
#define OCW3_READ_ISR 0x01
#define OCW3_READ 0x02
#define OCW3_POLL 0x04
#define OCW3_SPECIAL 0x20
#define OCW3_SET_SPECIAL 0x40
#define OCW2_ROTATE 0x80
#define OCW2_SPECIFIC 0x40
#define OCW2_EOI 0x20
#define POLL_FOUND 0x80

static u8 bit(u32 n)
{
	return (u8)(1u << n);
}

static bool is_slave(const struct vpic *p, const struct vpic_chip *c)
{
	return c == &p->chip[1];
}

/* IRR as software reads it: waiting edges, and level inputs as they are now. */
static u8 chip_irr(const struct vpic_chip *c)
{
	return c->edges | (c->lines & c->elcr);
}

/* The input of set with the highest priority, which is the one behind `lowest`. */
static int first_in(const struct vpic_chip *c, u8 set)
{
	for (u32 i = 1; i <= 8; i++)
		if (set & bit((c->lowest + i) & 7))
			return (int)((c->lowest + i) & 7);
	return NONE;
}

static u32 rank(const struct vpic_chip *c, int input)
{
	return input == NONE ? 8 : ((u32)input - c->lowest - 1) & 7;
}

/* What this chip would interrupt with: an unmasked request above everything in service. Special mask mode ignores
 * masked ones in service; the special fully nested master lets its slave interrupt its slave. */
static int chip_request(const struct vpic *p, const struct vpic_chip *c)
{
	u8 service = c->isr;
	int input;

	if (!chip_irr(c))
		return NONE;
	if (c->special_mask)
		service &= (u8)~c->imr;
	if (c->nested_fully && !is_slave(p, c))
		service &= (u8)~bit(CASCADE);
	input = first_in(c, chip_irr(c) & (u8)~c->imr);
	return rank(c, input) < rank(c, first_in(c, service)) ? input : NONE;
}

bool vpic_output(const struct vpic *p)
{
	return chip_request(p, &p->chip[0]) != NONE;
}

static void chip_set_line(struct vpic_chip *c, u32 input, bool level)
{
	if (level && !(c->lines & bit(input)))
		c->edges |= bit(input) & (u8)~c->elcr;
	c->lines = level ? c->lines | bit(input) : c->lines & (u8)~bit(input);
}

/* The slave's output is the master's input 2, the master's output is INTR. */
static void vpic_update(struct vpic *p)
{
	bool out;

	chip_set_line(&p->chip[0], CASCADE, chip_request(p, &p->chip[1]) != NONE);
	if (!(p->chip[0].lines & bit(CASCADE)))
		p->chip[0].edges &= (u8)~bit(CASCADE);
	out = vpic_output(p);
	if (out != p->told) {
		p->told = out;
		irq_pic_output(p->g, out);
	}
}

void vpic_set_line(struct vpic *p, u32 line, bool level)
{
	assert(line < VPIC_LINES);
	chip_set_line(&p->chip[line >> 3], line & 7, level);
	vpic_update(p);
}

/* Everything is masked, and the SCI is level triggered, as firmware leaves it. */
void vpic_reset(struct vpic *p)
{
	for (u32 i = 0; i < 2; i++)
		p->chip[i] = (struct vpic_chip){ .imr = 0xff, .lowest = 7 };
	p->chip[0].elcr_writable = 0xf8;	/* timer, keyboard and cascade are edges for ever */
	p->chip[1].elcr_writable = 0xde;	/* so are RTC and coprocessor */
	p->chip[1].elcr = bit(IRQ_SCI & 7);
	p->told = false;
}

static void chip_acknowledge(struct vpic_chip *c, u32 input)
{
	c->edges &= (u8)~bit(input);
	if (!c->auto_eoi)
		c->isr |= bit(input);
	else if (c->rotate_on_auto_eoi)
		c->lowest = (u8)input;
}

/* INTA of one chip: the input, or 7 without a bit in service when the request has gone. */
static u32 chip_take(const struct vpic *p, struct vpic_chip *c)
{
	int input = chip_request(p, c);

	if (input == NONE)
		return SPURIOUS;
	chip_acknowledge(c, (u32)input);
	return (u32)input;
}

u8 vpic_acknowledge(struct vpic *p)
{
	struct vpic_chip *master = &p->chip[0], *slave = &p->chip[1];
	u32 input = chip_take(p, master);
	u8 vector = (u8)(master->vector_base + input);

	if (input == CASCADE) {
		vector = (u8)(slave->vector_base + chip_take(p, slave));
		chip_set_line(master, CASCADE, false);	/* INT goes low during INTA: the next one is an edge */
	}
	vpic_update(p);
	return vector;
}

static void write_icw1(struct vpic_chip *c, u8 val)
{
	c->edges = c->imr = c->isr = 0;
	c->lowest = 7;
	c->special_mask = c->read_isr = c->poll = false;
	c->auto_eoi = c->rotate_on_auto_eoi = c->nested_fully = false;
	c->icw4_follows = val & ICW1_IC4;
	c->single = val & ICW1_SINGLE;
	c->expect = EXPECT_ICW2;
}

static void write_ocw3(struct vpic_chip *c, u8 val)
{
	if (val & OCW3_POLL)
		c->poll = true;
	if (val & OCW3_READ)
		c->read_isr = val & OCW3_READ_ISR;
	if (val & OCW3_SET_SPECIAL)
		c->special_mask = val & OCW3_SPECIAL;
}

/* End of interrupt and rotation. The non-specific forms end what has the highest priority in service. */
static void write_ocw2(struct vpic_chip *c, u8 val)
{
	int input = val & OCW2_SPECIFIC ? val & 7 : first_in(c, c->isr);

	if (!(val & OCW2_EOI)) {
		if (!(val & OCW2_SPECIFIC))
			c->rotate_on_auto_eoi = val & OCW2_ROTATE;
		else if (val & OCW2_ROTATE)
			c->lowest = val & 7;
		return;
	}
	if (input == NONE)
		return;
	c->isr &= (u8)~bit((u32)input);
	if (val & OCW2_ROTATE)
		c->lowest = (u8)input;
}

static void write_icw4(struct vpic_chip *c, u8 val)
{
	c->auto_eoi = val & ICW4_AUTO_EOI;
	c->nested_fully = val & ICW4_NESTED_FULLY;
	c->expect = EXPECT_NONE;
}

static void write_odd(struct vpic_chip *c, u8 val)
{
	switch ((enum vpic_expect)c->expect) {
	case EXPECT_NONE:
		c->imr = val;
		break;
	case EXPECT_ICW2:
		c->vector_base = val & 0xf8;
		c->expect = c->single ? (c->icw4_follows ? EXPECT_ICW4 : EXPECT_NONE) : EXPECT_ICW3;
		break;
	case EXPECT_ICW3:	/* the cascade is wired, not programmed */
		c->expect = c->icw4_follows ? EXPECT_ICW4 : EXPECT_NONE;
		break;
	case EXPECT_ICW4:
		write_icw4(c, val);
		break;
	}
}

static void chip_write(struct vpic_chip *c, bool odd, u8 val)
{
	if (odd)
		write_odd(c, val);
	else if (val & ICW1)
		write_icw1(c, val);
	else if (val & OCW3)
		write_ocw3(c, val);
	else
		write_ocw2(c, val);
}

/* A read after a poll command is an INTA without a vector. */
static u8 chip_read(const struct vpic *p, struct vpic_chip *c, bool odd)
{
	int input;

	if (c->poll) {
		c->poll = false;
		input = chip_request(p, c);
		if (input == NONE)
			return 0;
		chip_acknowledge(c, (u32)input);
		return (u8)(POLL_FOUND | (u32)input);
	}
	if (odd)
		return c->imr;
	return c->read_isr ? c->isr : chip_irr(c);
}

static enum io_result chip_io(struct vpic *p, struct vpic_chip *c, struct io *io)
{
	if (io->size != 1)
		return IO_REFUSED;
	if (io->write)
		chip_write(c, io->off, (u8)io->val);
	else
		io->val = chip_read(p, c, io->off);
	vpic_update(p);
	return IO_DONE;
}

enum io_result vpic_master_io(void *self, struct io *io)
{
	struct vpic *p = self;

	return chip_io(p, &p->chip[0], io);
}

enum io_result vpic_slave_io(void *self, struct io *io)
{
	struct vpic *p = self;

	return chip_io(p, &p->chip[1], io);
}

enum io_result vpic_elcr_io(void *self, struct io *io)
{
	struct vpic *p = self;
	struct vpic_chip *c = &p->chip[io->off & 1];

	if (io->size != 1)
		return IO_REFUSED;
	if (io->write)
		c->elcr = (u8)io->val & c->elcr_writable;
	else
		io->val = c->elcr;
	vpic_update(p);
	return IO_DONE;
}
