/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Two cascaded 8259A interrupt controllers with edge/level control registers. Device lock held. */

#include <hv/bus.h>
#include <hv/irq.h>

#define VPIC_LINES 16

enum vpic_expect { EXPECT_NONE, EXPECT_ICW2, EXPECT_ICW3, EXPECT_ICW4 };

struct vpic_chip {
	u8 lines;		/* level of each input */
	u8 edges;		/* edge-triggered requests that wait */
	u8 imr, isr;
	u8 elcr;		/* 1: this input is level triggered */
	u8 elcr_writable;
	u8 vector_base;
	u8 lowest;		/* the input with the lowest priority; 7 unless rotated */
	u8 expect;		/* enum vpic_expect: what a write to the odd port is */
	bool icw4_follows, single;
	bool auto_eoi, rotate_on_auto_eoi, special_mask, nested_fully;
	bool read_isr, poll;
};

struct vpic {
	struct guest *g;
	struct vpic_chip chip[2];	/* master, slave */
	bool told;			/* what irq_pic_output() heard last */
};

void vpic_reset(struct vpic *p);
enum io_result vpic_master_io(void *self, struct io *io);
enum io_result vpic_slave_io(void *self, struct io *io);
enum io_result vpic_elcr_io(void *self, struct io *io);
void vpic_set_line(struct vpic *p, u32 line, bool level);

/* INTR, derived from the registers. */
bool vpic_output(const struct vpic *p);

/* What the processor's INTA cycles do: the vector; a spurious one when nothing waits any more. */
u8 vpic_acknowledge(struct vpic *p);
