/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* USB keyboards and mice in their boot protocols: eight bytes say which keys are down; three, how far it moved and which buttons
 * are down. HID 1.11 "Boot Interface Descriptors" (appendix B). Control core. */

#include <hv/types.h>

#define HID_REPORT 8u
#define HID_MOUSE_REPORT 3u

struct hid_keyboard {
	u8 last[HID_REPORT];
};

/* A report of length bytes as it came, copied before: what changed becomes key events. Too short ones change nothing. */
void hid_report(struct hid_keyboard *k, const u8 *report, u32 length);

/* The same of a mouse. */
void hid_mouse_report(const u8 *report, u32 length);

/* It is gone: let go of what it held. */
void hid_release(struct hid_keyboard *k);

/* What a configuration descriptor says about the keyboard or mouse in it; all from the device, checked. */
struct hid_found {
	u8 config, interface, endpoint, interval;	/* endpoint: its number, 1..15 */
	u16 packet;					/* bytes */
	bool mouse;					/* it is one, and no keyboard */
	bool hub;					/* it is a hub instead */
};

/* Look through the first length bytes of a configuration descriptor for a boot keyboard with an interrupt endpoint, or else for a
 * mouse. Pure. */
bool hid_find(const u8 *bytes, u32 length, struct hid_found *found);
