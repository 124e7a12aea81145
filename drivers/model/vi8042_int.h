/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Between the 8042 and the devices behind it. Device lock held. */

#include "vi8042.h"

bool vi8042_room(const struct vi8042_fifo *f, u32 bytes);
void vi8042_put(struct vi8042_fifo *f, u8 byte);	/* lost when there is no room */

/* A byte of scan code set 2 as the controller translates it to set 1; what is no key stays. Pure. */
u8 vi8042_to_set1(u8 byte);

void vi8042_kbd_defaults(struct vi8042 *k);
void vi8042_kbd_write(struct vi8042 *k, u8 val);
void vi8042_kbd_key(struct vi8042 *k, u16 key, bool down);

void vi8042_mouse_defaults(struct vi8042 *k);
void vi8042_mouse_write(struct vi8042 *k, u8 val);
void vi8042_mouse_moved(struct vi8042 *k, int dx, int dy, u8 buttons);

/* Report what was not reported yet, as far as there is room. */
void vi8042_mouse_report(struct vi8042 *k);
