/* SPDX-License-Identifier: Apache-2.0 */
/* X11 Protocol "KEYSYM Encoding". */
#include "rfb_keys.h"

#include <hv/us_layout.h>

enum { KEY_SHIFT_LEFT = 0x2a, KEY_SHIFT_RIGHT = 0x36, KEY_CAPS = 0x3a };

/* Those without a character. The third shift key (FE03H, "AltGr") is left out: what it makes comes as a character. */
static const struct {
	u16 keysym, key;
} named[] = {
	{ 0xff08, 0x0e }, { 0xff09, 0x0f }, { 0xfe20, 0x0f }, { 0xff0d, 0x1c }, { 0xff1b, 0x01 }, { 0xffff, 0xe053 },
	/* Home, Left, Up, Right, Down, pages, End, Insert */
	{ 0xff50, 0xe047 }, { 0xff51, 0xe04b }, { 0xff52, 0xe048 }, { 0xff53, 0xe04d }, { 0xff54, 0xe050 },
	{ 0xff55, 0xe049 }, { 0xff56, 0xe051 }, { 0xff57, 0xe04f }, { 0xff63, 0xe052 },
	/* F1 to F12 */
	{ 0xffbe, 0x3b }, { 0xffbf, 0x3c }, { 0xffc0, 0x3d }, { 0xffc1, 0x3e }, { 0xffc2, 0x3f }, { 0xffc3, 0x40 },
	{ 0xffc4, 0x41 }, { 0xffc5, 0x42 }, { 0xffc6, 0x43 }, { 0xffc7, 0x44 }, { 0xffc8, 0x57 }, { 0xffc9, 0x58 },
	{ 0xffe1, KEY_SHIFT_LEFT }, { 0xffe2, KEY_SHIFT_RIGHT }, { 0xffe3, 0x1d }, { 0xffe4, 0xe01d }, { 0xffe5, KEY_CAPS },
	{ 0xffe7, 0xe05b }, { 0xffe8, 0xe05c }, { 0xffe9, 0x38 }, { 0xffea, 0xe038 }, { 0xffeb, 0xe05b }, { 0xffec, 0xe05c },
	/* menu, print, scroll and number lock */
	{ 0xff67, 0xe05d }, { 0xff61, 0xe037 }, { 0xff14, 0x46 }, { 0xff7f, 0x45 },
	/* the pad: Enter, operators, digits, and without number lock */
	{ 0xff8d, 0xe01c }, { 0xffaa, 0x37 }, { 0xffab, 0x4e }, { 0xffad, 0x4a }, { 0xffae, 0x53 }, { 0xffaf, 0xe035 },
	{ 0xffb0, 0x52 }, { 0xffb1, 0x4f }, { 0xffb2, 0x50 }, { 0xffb3, 0x51 }, { 0xffb4, 0x4b }, { 0xffb5, 0x4c },
	{ 0xffb6, 0x4d }, { 0xffb7, 0x47 }, { 0xffb8, 0x48 }, { 0xffb9, 0x49 }, { 0xff95, 0x47 }, { 0xff96, 0x4b },
	{ 0xff97, 0x48 }, { 0xff98, 0x4d }, { 0xff99, 0x50 }, { 0xff9a, 0x49 }, { 0xff9b, 0x51 }, { 0xff9c, 0x4f },
	{ 0xff9d, 0x4c }, { 0xff9e, 0x52 }, { 0xff9f, 0x53 },
};

static u16 named_key(u32 keysym)
{
	for (u32 i = 0; i < ARRAY_COUNT(named); i++)
		if (named[i].keysym == keysym)
			return named[i].key;
	return 0;
}

/* The key of a character, and whether it takes shift. The pad's keys come later in the table than those of the same
 * character. */
static u16 character_key(u32 keysym, bool *shift)
{
	for (u32 key = 2; keysym >= ' ' && keysym <= '~' && key < ARRAY_COUNT(us_plain); key++) {
		*shift = key < ARRAY_COUNT(us_shifted) && us_shifted[key] == (char)keysym && us_plain[key] != (char)keysym;
		if (*shift || us_plain[key] == (char)keysym)
			return (u16)key;
	}
	return 0;
}

static bool is_letter(u32 keysym)
{
	return (keysym | 0x20) >= 'a' && (keysym | 0x20) <= 'z';
}

static void remember(struct rfb_keys *k, u16 key, bool down)
{
	if (key == KEY_SHIFT_LEFT || key == KEY_SHIFT_RIGHT)
		k->shift[key == KEY_SHIFT_RIGHT] = down;
	else if (key == KEY_CAPS && down)
		k->caps = !k->caps;
}

/* The guest's shift keys are let go, or the left one is held, while the key goes down. */
static void put_with_shift(const struct rfb_keys *k, u16 key, bool shift, void (*put)(void *arg, u16 key, bool down), void *arg)
{
	if (shift) {
		put(arg, KEY_SHIFT_LEFT, true);
		put(arg, key, true);
		put(arg, KEY_SHIFT_LEFT, false);
		return;
	}
	for (u32 i = 0; i < 2; i++)
		if (k->shift[i])
			put(arg, i ? KEY_SHIFT_RIGHT : KEY_SHIFT_LEFT, false);
	put(arg, key, true);
	for (u32 i = 0; i < 2; i++)
		if (k->shift[i])
			put(arg, i ? KEY_SHIFT_RIGHT : KEY_SHIFT_LEFT, true);
}

void rfb_key(struct rfb_keys *k, u32 keysym, u16 key, bool down, void (*put)(void *arg, u16 key, bool down), void *arg)
{
	bool held = k->shift[0] || k->shift[1], shift = held;

	if (!key)
		key = named_key(keysym);
	if (!key) {
		key = character_key(keysym, &shift);
		if (is_letter(keysym))
			held = held != k->caps;
	}
	if (!key)
		return;
	remember(k, key, down);
	if (down && shift != held)
		put_with_shift(k, key, !(k->shift[0] || k->shift[1]), put, arg);
	else
		put(arg, key, down);
}
