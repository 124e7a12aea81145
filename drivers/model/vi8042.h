/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The keyboard controller of a PC (8042) with a PS/2 keyboard and mouse. IBM PS/2 Hardware Interface Technical
 * Reference "Keyboard and Auxiliary Device Controller", "Keyboard". Device lock held. */

#include <hv/bus.h>
#include <hv/guest.h>
#include <hv/irq.h>

#define VI8042_FIFO 32u

struct vi8042_fifo {
	u8 byte[VI8042_FIFO];
	u8 head, count;
};

struct vi8042 {
	struct guest *g;
	u8 status, config, out;
	u8 command;			/* waits for its data byte; 0: none */
	bool break_next;		/* translation has swallowed F0H */
	struct vi8042_fifo reply, loop, kbd, mouse;	/* loop: of command D3H */
	u8 kbd_command, kbd_set, kbd_leds;
	bool kbd_scanning;
	u8 mouse_command, mouse_rate, mouse_resolution, mouse_buttons;
	bool mouse_reporting, mouse_scale2, mouse_remote;
	bool mouse_moved;		/* there is something to report */
	int mouse_dx, mouse_dy;		/* what was not reported yet */
	u32 lost;			/* keys for which there was no room */
};

/* Does this guest have one? A guest that has none keeps the reset pulse at port 64H (vreset.h). Pure. */
static inline bool vi8042_wanted(const struct guest *g)
{
	return g->plan->boot.type == BOOT_UEFI || g->plan->display;
}

void vi8042_reset(struct vi8042 *k);
enum io_result vi8042_data_io(void *self, struct io *io);	/* port 60H */
enum io_result vi8042_command_io(void *self, struct io *io);	/* port 64H */

/* A key goes down or up. key: its scan code of set 1 when pressed, with E000H for the extended ones (E048H: cursor
 * up). A key that does not fit is lost whole. */
void vi8042_key(struct vi8042 *k, u16 key, bool down);

/* The mouse moved (right and up are positive); buttons: bit 0 left, 1 right, 2 middle. */
void vi8042_mouse(struct vi8042 *k, int dx, int dy, u8 buttons);
