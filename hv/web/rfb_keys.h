/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Keys of a viewer as keys of a PC's keyboard. A viewer that tells which key it was (QEMU's extended key event) has any layout; of
 * others only the character is known, and it is typed as on a US keyboard, shift put right where it must be. Pure. */

#include <hv/types.h>

struct rfb_keys {
	bool shift[2], caps;		/* as the viewer has them: left, right */
};

/* keysym: X11's; key: named as in hv/keys.h, 0: not told. put() gets what the guest's keyboard does. */
void rfb_key(struct rfb_keys *k, u32 keysym, u16 key, bool down, void (*put)(void *arg, u16 key, bool down), void *arg);
