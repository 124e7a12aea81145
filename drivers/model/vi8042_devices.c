/* SPDX-License-Identifier: Apache-2.0 */
/* The keyboard and the mouse behind the 8042. IBM PS/2 Hardware Interface Technical Reference "Keyboard", "Mouse". */
#include <hv/lib.h>

#include "vi8042_int.h"

#define ACK 0xfa
#define RESEND 0xfe
#define SELF_TEST_PASSED 0xaa
#define COUNTER_MAX 20000	/* of a mouse that nobody reads */
#define ANSWER 4u		/* bytes of the longest answer: room that moves leave */

/* Codes of set 2 by their codes of set 1; 0: no such key. */
static const u8 set2[] = {
	0x00, 0x76, 0x16, 0x1e, 0x26, 0x25, 0x2e, 0x36, 0x3d, 0x3e, 0x46, 0x45, 0x4e, 0x55, 0x66, 0x0d, /* Esc .. Tab */
	0x15, 0x1d, 0x24, 0x2d, 0x2c, 0x35, 0x3c, 0x43, 0x44, 0x4d, 0x54, 0x5b, 0x5a, 0x14, 0x1c, 0x1b, /* Q .. S */
	0x23, 0x2b, 0x34, 0x33, 0x3b, 0x42, 0x4b, 0x4c, 0x52, 0x0e, 0x12, 0x5d, 0x1a, 0x22, 0x21, 0x2a, /* D .. V */
	0x32, 0x31, 0x3a, 0x41, 0x49, 0x4a, 0x59, 0x7c, 0x11, 0x29, 0x58, 0x05, 0x06, 0x04, 0x0c, 0x03, /* B .. F5 */
	0x0b, 0x83, 0x0a, 0x01, 0x09, 0x77, 0x7e, 0x6c, 0x75, 0x7d, 0x7b, 0x6b, 0x73, 0x74, 0x79, 0x69, /* F6 .. 1 */
	0x72, 0x7a, 0x70, 0x71, 0x84, 0x60, 0x61, 0x78, 0x07, 0x0f, 0x17, 0x1f, 0x27, 0x2f, 0x37, 0x3f, /* 2 .. */
};

u8 vi8042_to_set1(u8 byte)
{
	for (u32 i = 1; i < ARRAY_COUNT(set2); i++)
		if (set2[i] == byte)
			return (u8)i;
	return byte;
}

/* Keyboard */

enum kbd_command { KBD_LEDS = 0xed, KBD_ECHO = 0xee, KBD_SET = 0xf0, KBD_IDENTIFY = 0xf2, KBD_RATE = 0xf3,
	KBD_ENABLE = 0xf4, KBD_DISABLE = 0xf5, KBD_DEFAULTS = 0xf6, KBD_RESEND = 0xfe, KBD_RESET = 0xff };

void vi8042_kbd_defaults(struct vi8042 *k)
{
	k->kbd_command = 0;
	k->kbd_set = 2;
	k->kbd_leds = 0;
	k->kbd_scanning = true;
}

/* The byte behind a command. A set that it does not have is refused. */
static void kbd_parameter(struct vi8042 *k, u8 command, u8 val)
{
	if (command == KBD_SET && val > 2) {
		vi8042_put(&k->kbd, RESEND);
		return;
	}
	vi8042_put(&k->kbd, ACK);
	if (command == KBD_LEDS)
		k->kbd_leds = val & 7;
	else if (command == KBD_SET && val)
		k->kbd_set = val;
	else if (command == KBD_SET)
		vi8042_put(&k->kbd, k->kbd_set);
}

static void kbd_command(struct vi8042 *k, u8 val)
{
	k->break_next = false;
	k->kbd.count = 0;	/* a command ends whatever it was sending */
	vi8042_put(&k->kbd, val == KBD_ECHO ? KBD_ECHO : val < KBD_LEDS || val == 0xf1 ? RESEND : ACK);
	switch (val) {
	case KBD_LEDS:
	case KBD_SET:
	case KBD_RATE:
		k->kbd_command = val;
		break;
	case KBD_IDENTIFY:
		vi8042_put(&k->kbd, 0xab);
		vi8042_put(&k->kbd, 0x83);
		break;
	case KBD_ENABLE:
		k->kbd_scanning = true;
		break;
	case KBD_DISABLE:
	case KBD_DEFAULTS:
	case KBD_RESET:
		vi8042_kbd_defaults(k);
		k->kbd_scanning = val != KBD_DISABLE;
		if (val == KBD_RESET)
			vi8042_put(&k->kbd, SELF_TEST_PASSED);
		break;
	default:
		break;
	}
}

void vi8042_kbd_write(struct vi8042 *k, u8 val)
{
	u8 command = k->kbd_command;

	k->kbd_command = 0;
	if (command && val < KBD_LEDS)
		kbd_parameter(k, command, val);
	else
		kbd_command(k, val);
}

void vi8042_kbd_key(struct vi8042 *k, u16 key, bool down)
{
	u8 code = key & 0x7f;

	if (!k->kbd_scanning || code >= ARRAY_COUNT(set2) || !set2[code])
		return;
	if (!vi8042_room(&k->kbd, 3)) {
		k->lost++;
		return;
	}
	if (key >> 8 == 0xe0)
		vi8042_put(&k->kbd, 0xe0);
	if (k->kbd_set == 1) {
		vi8042_put(&k->kbd, (u8)(code | (down ? 0 : 0x80)));
		return;
	}
	if (!down)
		vi8042_put(&k->kbd, 0xf0);
	vi8042_put(&k->kbd, set2[code]);
}

/* Mouse */

enum mouse_command { MOUSE_SCALE1 = 0xe6, MOUSE_SCALE2 = 0xe7, MOUSE_RESOLUTION = 0xe8, MOUSE_STATUS = 0xe9,
	MOUSE_STREAM = 0xea, MOUSE_READ = 0xeb, MOUSE_REMOTE = 0xf0, MOUSE_IDENTIFY = 0xf2, MOUSE_RATE = 0xf3,
	MOUSE_ENABLE = 0xf4, MOUSE_DISABLE = 0xf5, MOUSE_DEFAULTS = 0xf6, MOUSE_RESET = 0xff };

void vi8042_mouse_defaults(struct vi8042 *k)
{
	k->mouse_command = 0;
	k->mouse_rate = 100;
	k->mouse_resolution = 2;
	k->mouse_reporting = k->mouse_scale2 = k->mouse_remote = k->mouse_moved = false;
	k->mouse_dx = k->mouse_dy = 0;
}

static int clamp(int n, int max)
{
	return n > max ? max : n < -max ? -max : n;
}

/* What its counters hold; more than fits into a packet stays for the next one. */
static void mouse_packet(struct vi8042 *k)
{
	int dx = clamp(k->mouse_dx, 255), dy = clamp(k->mouse_dy, 255);

	k->mouse_dx -= dx;
	k->mouse_dy -= dy;
	k->mouse_moved = k->mouse_dx || k->mouse_dy;
	vi8042_put(&k->mouse, (u8)(0x08 | k->mouse_buttons | (dx < 0 ? 0x10 : 0) | (dy < 0 ? 0x20 : 0)));
	vi8042_put(&k->mouse, (u8)dx);
	vi8042_put(&k->mouse, (u8)dy);
}

void vi8042_mouse_moved(struct vi8042 *k, int dx, int dy, u8 buttons)
{
	k->mouse_buttons = buttons & 7;
	if (!k->mouse_reporting && !k->mouse_remote)
		return;
	k->mouse_moved = true;
	k->mouse_dx = clamp(k->mouse_dx + dx, COUNTER_MAX);
	k->mouse_dy = clamp(k->mouse_dy + dy, COUNTER_MAX);
}

void vi8042_mouse_report(struct vi8042 *k)
{
	while (k->mouse_moved && k->mouse_reporting && !k->mouse_remote && !k->mouse_command && vi8042_room(&k->mouse, 3 + ANSWER))
		mouse_packet(k);
}

static void mouse_status(struct vi8042 *k)
{
	int mode = (k->mouse_remote ? 0x40 : 0) | (k->mouse_reporting ? 0x20 : 0) | (k->mouse_scale2 ? 0x10 : 0);

	vi8042_put(&k->mouse, (u8)(mode | (k->mouse_buttons & 1) << 2 | (k->mouse_buttons & 2) >> 1));
	vi8042_put(&k->mouse, k->mouse_resolution);
	vi8042_put(&k->mouse, k->mouse_rate);
}

static void mouse_command(struct vi8042 *k, u8 val)
{
	k->mouse.count = 0;
	vi8042_put(&k->mouse, ACK);
	switch (val) {
	case MOUSE_SCALE1:
	case MOUSE_SCALE2:	k->mouse_scale2 = val == MOUSE_SCALE2; break;
	case MOUSE_RESOLUTION:
	case MOUSE_RATE:	k->mouse_command = val; break;
	case MOUSE_STATUS:	mouse_status(k); break;
	case MOUSE_STREAM:
	case MOUSE_REMOTE:	k->mouse_remote = val == MOUSE_REMOTE; break;
	case MOUSE_READ:	mouse_packet(k); break;
	case MOUSE_IDENTIFY:	vi8042_put(&k->mouse, 0); break;
	case MOUSE_ENABLE:
	case MOUSE_DISABLE:	k->mouse_reporting = val == MOUSE_ENABLE; break;
	case MOUSE_RESET:
		vi8042_put(&k->mouse, SELF_TEST_PASSED);
		vi8042_put(&k->mouse, 0);
		vi8042_mouse_defaults(k);
		break;
	case MOUSE_DEFAULTS:	vi8042_mouse_defaults(k); break;
	default:
		k->mouse.count = 0;
		vi8042_put(&k->mouse, RESEND);
		break;
	}
}

void vi8042_mouse_write(struct vi8042 *k, u8 val)
{
	u8 command = k->mouse_command;

	k->mouse_command = 0;
	if (!command) {
		mouse_command(k, val);
		return;
	}
	vi8042_put(&k->mouse, ACK);
	if (command == MOUSE_RATE)
		k->mouse_rate = val;
	else
		k->mouse_resolution = val & 3;
}
