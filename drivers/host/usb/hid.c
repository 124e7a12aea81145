/* SPDX-License-Identifier: Apache-2.0 */
#include "hid.h"

#include <hv/keys.h>
#include <hv/lib.h>
#include <hv/mouse.h>

#define USAGE_MODIFIER 0xe0u
#define USAGE_FIRST 4u		/* below: none, roll-over, errors */

/* HID Usage Tables "Keyboard/Keypad Page" (07H) -> scan code of set 1. */
static const u16 set1[] = {
	0, 0, 0, 0,
	0x1e, 0x30, 0x2e, 0x20, 0x12, 0x21, 0x22, 0x23, 0x17, 0x24, 0x25, 0x26, 0x32,		/* A .. M */
	0x31, 0x18, 0x19, 0x10, 0x13, 0x1f, 0x14, 0x16, 0x2f, 0x11, 0x2d, 0x15, 0x2c,		/* N .. Z */
	0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b,				/* 1 .. 0 */
	0x1c, 0x01, 0x0e, 0x0f, 0x39, 0x0c, 0x0d, 0x1a, 0x1b, 0x2b, 0x2b, 0x27, 0x28, 0x29,	/* Enter .. ` */
	0x33, 0x34, 0x35, 0x3a,									/* , . / Caps */
	0x3b, 0x3c, 0x3d, 0x3e, 0x3f, 0x40, 0x41, 0x42, 0x43, 0x44, 0x57, 0x58,			/* F1 .. F12 */
	0xe037, 0x46, 0, 0xe052, 0xe047, 0xe049, 0xe053, 0xe04f, 0xe051,			/* PrtSc .. PgDn */
	0xe04d, 0xe04b, 0xe050, 0xe048,								/* right, left, down, up */
	0x45, 0xe035, 0x37, 0x4a, 0x4e, 0xe01c,							/* NumLock / * - + Enter */
	0x4f, 0x50, 0x51, 0x4b, 0x4c, 0x4d, 0x47, 0x48, 0x49, 0x52, 0x53,			/* keypad 1 .. 9 0 . */
	0x56, 0xe05d,
};
static const u16 modifier[8] = { 0x1d, 0x2a, 0x38, 0xe05b, 0xe01d, 0x36, 0xe038, 0xe05c };

static void key_changed(u8 usage, bool down)
{
	if (usage < ARRAY_COUNT(set1) && set1[usage])
		keys_put(set1[usage], down);
}

static bool holds(const u8 *report, u8 usage)
{
	return memchr(report + 2, usage, HID_REPORT - 2) != NULL;
}

/* Releases first: who types fast has one key down before the other is up, and the order within a report is lost. */
void hid_report(struct hid_keyboard *k, const u8 *report, u32 length)
{
	u8 changed;

	if (length < HID_REPORT || holds(report, 1))
		return;		/* 1: more keys are down than it can tell of */
	changed = report[0] ^ k->last[0];
	for (u32 i = 2; i < HID_REPORT; i++)
		if (k->last[i] >= USAGE_FIRST && !holds(report, k->last[i]))
			key_changed(k->last[i], false);
	for (u32 i = 0; i < 8; i++)
		if (changed & BIT32(i))
			keys_put(modifier[i], report[0] & BIT32(i));
	for (u32 i = 2; i < HID_REPORT; i++)
		if (report[i] >= USAGE_FIRST && !holds(k->last, report[i]))
			key_changed(report[i], true);
	memcpy(k->last, report, HID_REPORT);
}

void hid_release(struct hid_keyboard *k)
{
	static const u8 nothing[HID_REPORT];

	hid_report(k, nothing, HID_REPORT);
}

/* Downwards is positive there. */
void hid_mouse_report(const u8 *report, u32 length)
{
	if (length >= HID_MOUSE_REPORT)
		mouse_put((signed char)report[1], -(signed char)report[2], report[0] & 7);
}

/* USB 2.0 "Configuration", "Interface", "Endpoint" (9.6.3, 9.6.5, 9.6.6). */
enum { DESC_CONFIG = 2, DESC_INTERFACE = 4, DESC_ENDPOINT = 5 };
#define CLASS_HID 3
#define CLASS_HUB 9
#define BOOT(d) ((d)[5] == CLASS_HID && (d)[6] == 1)

enum { PROTOCOL_NONE, PROTOCOL_KEYBOARD, PROTOCOL_MOUSE };

static u8 protocol_of(const u8 *d)
{
	return BOOT(d) && !d[3] && d[7] <= PROTOCOL_MOUSE ? d[7] : PROTOCOL_NONE;
}

/* An interrupt endpoint towards us. */
static bool is_interrupt_in(const u8 *d)
{
	return d[1] == DESC_ENDPOINT && d[0] >= 7 && d[2] & 0x80 && (d[3] & 3) == 3 && d[2] & 15;
}

bool hid_find(const u8 *bytes, u32 length, struct hid_found *found)
{
	u8 protocol = PROTOCOL_NONE, interface = 0;
	u32 total;

	memset(found, 0, sizeof(*found));
	if (length < 9 || bytes[1] != DESC_CONFIG)
		return false;
	total = MIN((u32)(bytes[2] | bytes[3] << 8), length);
	found->config = bytes[5];
	for (u32 at = 0; at + 2 <= total && bytes[at] >= 2 && at + bytes[at] <= total; at += bytes[at]) {
		const u8 *d = bytes + at;
		u16 packet;

		if (d[1] == DESC_INTERFACE && d[0] >= 9) {
			protocol = protocol_of(d);
			interface = d[2];
			found->hub = found->hub || d[5] == CLASS_HUB;
		}
		if (protocol == PROTOCOL_NONE || !is_interrupt_in(d))
			continue;
		packet = (u16)((d[4] | d[5] << 8) & 0x7ff);
		if (packet < (protocol == PROTOCOL_MOUSE ? HID_MOUSE_REPORT : HID_REPORT))
			continue;
		if (protocol == PROTOCOL_MOUSE && found->endpoint)
			continue;
		found->mouse = protocol == PROTOCOL_MOUSE;
		found->interface = interface;
		found->endpoint = d[2] & 15;
		found->packet = packet;
		found->interval = d[6];
		if (!found->mouse)
			return true;
	}
	return found->endpoint;
}
