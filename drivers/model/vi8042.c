/* SPDX-License-Identifier: Apache-2.0 */
/* The controller between the two ports and the two devices. */
#include "vi8042.h"

#include <hv/core.h>
#include <hv/lib.h>

#include "vi8042_int.h"

#define STATUS_OUT 0x01		/* a byte waits at port 60H */
#define STATUS_SYSTEM 0x04
#define STATUS_COMMAND 0x08	/* the last write went to port 64H */
#define STATUS_UNLOCKED 0x10
#define STATUS_MOUSE 0x20	/* the byte is the mouse's */

#define CONFIG_KBD_INT 0x01
#define CONFIG_MOUSE_INT 0x02
#define CONFIG_SYSTEM 0x04
#define CONFIG_KBD_OFF 0x10
#define CONFIG_MOUSE_OFF 0x20
#define CONFIG_TRANSLATE 0x40
#define CONFIG_WRITABLE 0x77

#define OUTPUT_PORT 0x03	/* not in reset, A20 open */
#define SELF_TEST_PASSED 0x55

enum command { READ_CONFIG = 0x20, WRITE_CONFIG = 0x60, MOUSE_OFF = 0xa7, MOUSE_ON = 0xa8, TEST_MOUSE = 0xa9,
	SELF_TEST = 0xaa, TEST_KBD = 0xab, KBD_OFF = 0xad, KBD_ON = 0xae, READ_INPUT = 0xc0, READ_OUTPUT = 0xd0,
	WRITE_OUTPUT = 0xd1, WRITE_KBD_OUT = 0xd2, WRITE_MOUSE_OUT = 0xd3, WRITE_MOUSE = 0xd4, PULSE = 0xf0 };

bool vi8042_room(const struct vi8042_fifo *f, u32 bytes)
{
	return VI8042_FIFO - f->count >= bytes;
}

void vi8042_put(struct vi8042_fifo *f, u8 byte)
{
	if (!vi8042_room(f, 1))
		return;
	f->byte[(f->head + f->count++) % VI8042_FIFO] = byte;
}

static u8 fifo_get(struct vi8042_fifo *f)
{
	u8 byte = f->byte[f->head];

	f->head = (u8)((f->head + 1) % VI8042_FIFO);
	f->count--;
	return byte;
}

void vi8042_reset(struct vi8042 *k)
{
	struct guest *g = k->g;

	*k = (struct vi8042){ .g = g, .status = STATUS_UNLOCKED, .config = CONFIG_TRANSLATE };
	vi8042_kbd_defaults(k);
	vi8042_mouse_defaults(k);
}

/* The lines are edges for the PIC: each byte raises its own. */
static void set_lines(struct vi8042 *k)
{
	bool full = k->status & STATUS_OUT, mouse = k->status & STATUS_MOUSE;

	irq_set(k->g, IRQ_KEYBOARD, full && !mouse && (k->config & CONFIG_KBD_INT));
	irq_set(k->g, IRQ_MOUSE, full && mouse && (k->config & CONFIG_MOUSE_INT));
}

static void present(struct vi8042 *k, u8 byte, bool mouse)
{
	k->out = byte;
	k->status = (u8)((k->status & ~STATUS_MOUSE) | STATUS_OUT | (mouse ? STATUS_MOUSE : 0));
}

/* One byte of the keyboard through the translation; false: it was F0H and only marks the next one. */
static bool translate(struct vi8042 *k, u8 *byte)
{
	if (!(k->config & CONFIG_TRANSLATE))
		return true;
	if (*byte == 0xf0) {
		k->break_next = true;
		return false;
	}
	*byte = (u8)(vi8042_to_set1(*byte) | (k->break_next ? 0x80 : 0));
	k->break_next = false;
	return true;
}

/* The next byte for port 60H when that is free: the controller's own first, also those that it passes off as the mouse's,
 * then keyboard and mouse unless switched off. */
static void advance(struct vi8042 *k)
{
	vi8042_mouse_report(k);
	while (!(k->status & STATUS_OUT)) {
		u8 byte;

		if (k->reply.count) {
			present(k, fifo_get(&k->reply), false);
		} else if (k->loop.count) {
			present(k, fifo_get(&k->loop), true);
		} else if (k->kbd.count && !(k->config & CONFIG_KBD_OFF)) {
			byte = fifo_get(&k->kbd);
			if (translate(k, &byte))
				present(k, byte, false);
		} else if (k->mouse.count && !(k->config & CONFIG_MOUSE_OFF)) {
			present(k, fifo_get(&k->mouse), true);
		} else {
			break;
		}
	}
	set_lines(k);
}

void vi8042_key(struct vi8042 *k, u16 key, bool down)
{
	vi8042_kbd_key(k, key, down);
	advance(k);
}

void vi8042_mouse(struct vi8042 *k, int dx, int dy, u8 buttons)
{
	vi8042_mouse_moved(k, dx, dy, buttons);
	advance(k);
}

static void reboot(struct vi8042 *k)
{
	guest_end(k->g, &this_core()->vcpu, END_REBOOT, 0);
}

/* The second byte of a command, at port 60H. */
static void command_data(struct vi8042 *k, u8 command, u8 val)
{
	switch (command) {
	case WRITE_CONFIG:
		k->config = val & CONFIG_WRITABLE;
		k->status = (u8)((k->status & ~STATUS_SYSTEM) | (val & CONFIG_SYSTEM));	/* the same bit */
		break;
	case WRITE_OUTPUT:
		if (!(val & 1))
			reboot(k);
		break;
	case WRITE_KBD_OUT:
		vi8042_put(&k->reply, val);
		break;
	case WRITE_MOUSE_OUT:
		vi8042_put(&k->loop, val);
		break;
	default:
		k->config &= (u8)~CONFIG_MOUSE_OFF;
		vi8042_mouse_write(k, val);
		break;
	}
}

static void command_write(struct vi8042 *k, u8 command)
{
	k->command = 0;
	switch (command) {
	case READ_CONFIG:	vi8042_put(&k->reply, k->config); break;
	case MOUSE_OFF:		k->config |= CONFIG_MOUSE_OFF; break;
	case MOUSE_ON:		k->config &= (u8)~CONFIG_MOUSE_OFF; break;
	case SELF_TEST:
		k->status |= STATUS_SYSTEM;
		k->config |= CONFIG_SYSTEM | CONFIG_KBD_OFF | CONFIG_MOUSE_OFF;
		vi8042_put(&k->reply, SELF_TEST_PASSED);
		break;
	case TEST_MOUSE:
	case TEST_KBD:
	case READ_INPUT:	vi8042_put(&k->reply, 0); break;
	case KBD_OFF:		k->config |= CONFIG_KBD_OFF; break;
	case KBD_ON:		k->config &= (u8)~CONFIG_KBD_OFF; break;
	case READ_OUTPUT:	vi8042_put(&k->reply, OUTPUT_PORT); break;
	case WRITE_CONFIG:
	case WRITE_OUTPUT:
	case WRITE_KBD_OUT:
	case WRITE_MOUSE_OUT:
	case WRITE_MOUSE:	k->command = command; break;
	default:
		if (command >= PULSE && !(command & 1))
			reboot(k);	/* bit 0 of the output port is the reset line */
		break;
	}
}

enum io_result vi8042_command_io(void *self, struct io *io)
{
	struct vi8042 *k = self;

	if (!io->write) {
		io->val = k->status;
		return IO_DONE;
	}
	k->status |= STATUS_COMMAND;
	command_write(k, (u8)io->val);
	advance(k);
	return IO_DONE;
}

/* A byte that goes to the keyboard switches it on. */
enum io_result vi8042_data_io(void *self, struct io *io)
{
	struct vi8042 *k = self;
	u8 command = k->command, val = (u8)io->val;

	if (!io->write) {
		io->val = k->out;
		k->status &= (u8)~(STATUS_OUT | STATUS_MOUSE);
		set_lines(k);
		advance(k);
		return IO_DONE;
	}
	k->status &= (u8)~STATUS_COMMAND;
	k->command = 0;
	if (command) {
		command_data(k, command, val);
	} else {
		k->config &= (u8)~CONFIG_KBD_OFF;
		vi8042_kbd_write(k, val);
	}
	advance(k);
	return IO_DONE;
}
