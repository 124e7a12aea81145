/* SPDX-License-Identifier: Apache-2.0 */
#include "vioapic.h"

#include <hv/lib.h>

#define OFF_SELECT 0x00
#define OFF_WINDOW 0x10
#define OFF_EOI 0x40

#define REG_ID 0x00
#define REG_VERSION 0x01
#define REG_ARBITRATION 0x02
#define REG_REDIRECTION 0x10

#define VERSION (0x20u | (VIOAPIC_PINS - 1) << 16)

#define RED_LOGICAL BIT(11)
#define RED_REMOTE_IRR BIT(14)
#define RED_LEVEL BIT(15)
#define RED_MASKED BIT(16)
#define RED_WRITABLE_LOW 0x1afffu	/* not delivery status, not remote IRR */
#define RED_WRITABLE_HIGH 0xfffe0000u	/* destination 63:56 and its extension 55:49 */

void vioapic_reset(struct vioapic *a)
{
	a->id = 0;
	a->select = 0;
	a->pins = 0;
	for (u32 i = 0; i < VIOAPIC_PINS; i++)
		a->redirection[i] = RED_MASKED;
}

static bool pin_is_high(const struct vioapic *a, u32 pin)
{
	return a->pins >> pin & 1;
}

/* Level-triggered vectors wait for their EOI before they are sent again; NMI and the like have none to wait for. */
static void vioapic_send(struct vioapic *a, u32 pin)
{
	u64 r = a->redirection[pin];
	u8 delivery = r >> 8 & 7;
	struct irq_message m = {
		.dest = (u32)(r >> 56 | (r >> 49 & 0x7f) << 8),
		.logical = r & RED_LOGICAL,
		.delivery = delivery,
		.vector = (u8)r,
		.level = (r & RED_LEVEL) && delivery <= DELIVER_LOWEST,
	};

	if (r & RED_MASKED || (m.level && r & RED_REMOTE_IRR))
		return;
	if (irq_message_send(a->g, &m) && m.level)
		a->redirection[pin] |= RED_REMOTE_IRR;
}

/* A rising edge is sent or lost; a level is looked at again whenever something changes. */
void vioapic_set_pin(struct vioapic *a, u32 pin, bool level)
{
	bool was = pin_is_high(a, pin);

	assert(pin < VIOAPIC_PINS);
	if (level == was)
		return;
	a->pins ^= BIT32(pin);
	if (level)
		vioapic_send(a, pin);
}

static void pin_look_again(struct vioapic *a, u32 pin)
{
	if ((a->redirection[pin] & RED_LEVEL) && pin_is_high(a, pin))
		vioapic_send(a, pin);
}

void vioapic_eoi(struct vioapic *a, u8 vector)
{
	for (u32 pin = 0; pin < VIOAPIC_PINS; pin++) {
		u64 *r = &a->redirection[pin];

		if ((u8)*r != vector || !(*r & RED_REMOTE_IRR))
			continue;
		*r &= ~RED_REMOTE_IRR;
		pin_look_again(a, pin);
	}
}

static u32 vioapic_read(const struct vioapic *a)
{
	u32 pin = (a->select - REG_REDIRECTION) / 2u;

	switch (a->select) {
	case REG_ID:
	case REG_ARBITRATION:	return a->id;
	case REG_VERSION:	return VERSION;
	default:		break;
	}
	if (a->select < REG_REDIRECTION || pin >= VIOAPIC_PINS)
		return ~0u;
	return (u32)(a->redirection[pin] >> (a->select & 1) * 32);
}

/* Going to edge clears remote IRR: kernels do so to free a pin whose EOI got lost. */
static void redirection_write(struct vioapic *a, u32 pin, bool high, u32 val)
{
	u64 *r = &a->redirection[pin];

	if (high) {
		*r = (u64)(val & RED_WRITABLE_HIGH) << 32 | (u32)*r;
		return;
	}
	*r = (*r & ~(u64)RED_WRITABLE_LOW) | (val & RED_WRITABLE_LOW);
	if (!(*r & RED_LEVEL))
		*r &= ~RED_REMOTE_IRR;
	pin_look_again(a, pin);
}

static void vioapic_write(struct vioapic *a, u32 val)
{
	u32 pin = (a->select - REG_REDIRECTION) / 2u;

	if (a->select == REG_ID)
		a->id = val & 0x0f000000;
	else if (a->select >= REG_REDIRECTION && pin < VIOAPIC_PINS)
		redirection_write(a, pin, a->select & 1, val);
}

static enum io_result window_io(struct vioapic *a, struct io *io)
{
	if (io->write)
		vioapic_write(a, (u32)io->val);
	else
		io->val = vioapic_read(a);
	return IO_DONE;
}

/* The index may be written in any width, the other registers are 32 bits wide. */
enum io_result vioapic_io(void *self, struct io *io)
{
	struct vioapic *a = self;

	if (io->off == OFF_SELECT && io->write) {
		a->select = (u8)io->val;
		return IO_DONE;
	}
	if (io->off == OFF_SELECT) {
		io->val = a->select;
		return IO_DONE;
	}
	if (io->size != 4)
		return IO_REFUSED;
	if (io->off == OFF_WINDOW)
		return window_io(a, io);
	if (io->off != OFF_EOI || !io->write)
		return IO_REFUSED;
	vioapic_eoi(a, (u8)io->val);
	return IO_DONE;
}
