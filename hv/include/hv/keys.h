/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Keys of the machine's own keyboards, from their drivers to the event loop. A key is named by its scan code of set 1 when
 * pressed, with E000H for the extended ones (E048H: cursor up), as drivers/model/vi8042.h takes it. Control core. */

#include <hv/types.h>

struct key_event {
	u16 key;
	bool down;
};

/* A key went down or up; drivers call it. What nobody takes in time is dropped, but never a release. */
void keys_put(u16 key, bool down);

/* The next event; false: none. */
bool keys_get(struct key_event *event);
bool keys_waiting(void);

/* The PS/2 keyboard: look for the controller (boot core, bounded waits); take what came (control core, each turn). */
void ps2_init(void);
void ps2_poll(void);

/* "at the PS/2 controller", "none": for `devices`. */
void ps2_describe(char *to, size_t size);
