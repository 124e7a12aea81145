/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Keys and moves into a guest's own keyboard and mouse, from whoever has them: the machine's keyboard, a viewer of its screen. */

#include <hv/guest.h>
#include <hv/mouse.h>

/* A key (named as in hv/keys.h) goes down or up. false: no room, it is lost. The last places are kept for keys that go up, so that
 * none stays down. Control core. */
bool guest_input_key(struct guest *g, u16 key, bool down);

/* The mouse moved. false: no room now, try again later. Control core. */
bool guest_input_mouse(struct guest *g, const struct mouse_event *event);
