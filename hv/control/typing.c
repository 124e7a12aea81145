/* SPDX-License-Identifier: Apache-2.0 */
#include "typing.h"

#include "hub.h"

#include <hv/lib.h>
#include <hv/time.h>
#include <hv/us_layout.h>

#define REPEAT_AFTER_NS 500000000ul
#define REPEAT_EVERY_NS 33000000ul
#define ESC 0x1b
#define ESCAPE 0x01		/* Ctrl-A */

enum { KEY_CTRL = 0x1d, KEY_A = 0x1e, KEY_SHIFT_LEFT = 0x2a, KEY_SHIFT_RIGHT = 0x36, KEY_ALT = 0x38, KEY_CAPS = 0x3a,
	KEY_NUM = 0x45, KEY_CTRL_RIGHT = 0xe01d, KEY_ALT_RIGHT = 0xe038, KEY_ENTER_PAD = 0xe01c, KEY_SLASH_PAD = 0xe035 };

static const char pad[] = "789-456+1230.";		/* 47H .. 53H */

/* What a VT100 or xterm sends. */
static const struct {
	u16 key;
	const char *text;
} sequence[] = {
	{ 0xe048, "\x1b[A" }, { 0xe050, "\x1b[B" }, { 0xe04d, "\x1b[C" }, { 0xe04b, "\x1b[D" }, { 0xe047, "\x1b[H" },
	{ 0xe04f, "\x1b[F" }, { 0xe052, "\x1b[2~" }, { 0xe053, "\x1b[3~" }, { 0xe049, "\x1b[5~" }, { 0xe051, "\x1b[6~" },
	{ 0x48, "\x1b[A" }, { 0x50, "\x1b[B" }, { 0x4d, "\x1b[C" }, { 0x4b, "\x1b[D" }, { 0x47, "\x1b[H" },
	{ 0x4f, "\x1b[F" }, { 0x52, "\x1b[2~" }, { 0x53, "\x1b[3~" }, { 0x49, "\x1b[5~" }, { 0x51, "\x1b[6~" },
	{ 0x3b, "\x1bOP" }, { 0x3c, "\x1bOQ" }, { 0x3d, "\x1bOR" }, { 0x3e, "\x1bOS" }, { 0x3f, "\x1b[15~" },
	{ 0x40, "\x1b[17~" }, { 0x41, "\x1b[18~" }, { 0x42, "\x1b[19~" }, { 0x43, "\x1b[20~" }, { 0x44, "\x1b[21~" },
	{ 0x57, "\x1b[23~" }, { 0x58, "\x1b[24~" },
};

static struct {
	bool shift[2], ctrl[2], alt[2];		/* left, right */
	bool caps, num_off;
	bool escape;				/* Ctrl-A came before, while a guest's screen is shown */
	u16 held;				/* the key that repeats; 0: none */
	u64 repeat_at;
} typing;

void typing_init(void)
{
	memset(&typing, 0, sizeof(typing));
}

static bool *modifier_of(u16 key)
{
	switch (key) {
	case KEY_SHIFT_LEFT:	return &typing.shift[0];
	case KEY_SHIFT_RIGHT:	return &typing.shift[1];
	case KEY_CTRL:		return &typing.ctrl[0];
	case KEY_CTRL_RIGHT:	return &typing.ctrl[1];
	case KEY_ALT:		return &typing.alt[0];
	case KEY_ALT_RIGHT:	return &typing.alt[1];
	default:		return NULL;
	}
}

/* The character of a key with shift and caps lock; 0: none. */
static char character(u16 key)
{
	bool shift = typing.shift[0] || typing.shift[1];
	char c;

	if (key == KEY_ENTER_PAD)
		return '\r';
	if (key == KEY_SLASH_PAD)
		return '/';
	if (key == 0x4a || key == 0x4e)
		return key == 0x4a ? '-' : '+';
	if (key >= 0x47 && key <= 0x53)
		return typing.num_off ? 0 : pad[key - 0x47];
	if (key == 0x56)
		return shift ? '|' : '\\';
	if (key >= sizeof(us_shifted))
		return 0;
	c = us_plain[key];
	if (c >= 'a' && c <= 'z')
		return shift != typing.caps ? us_shifted[key] : c;
	return shift ? us_shifted[key] : c;
}

static void send_sequence(u16 key)
{
	for (u32 i = 0; i < ARRAY_COUNT(sequence); i++) {
		if (sequence[i].key != key)
			continue;
		for (const char *c = sequence[i].text; *c; c++)
			hub_input((u8)*c);
		return;
	}
}

static void send_key(u16 key)
{
	bool ctrl = typing.ctrl[0] || typing.ctrl[1];
	char c = character(key);

	if (!c) {
		send_sequence(key);
		return;
	}
	if (typing.alt[0] || typing.alt[1])
		hub_input(ESC);
	if (ctrl && c == ' ')
		c = 0;
	else if (ctrl && ((c >= '@' && c <= '_') || (c >= 'a' && c <= 'z')))
		c &= 0x1f;
	hub_input((u8)c);
}

/* While a guest's screen is shown its own keyboard gets every key, but what follows Ctrl-A is for us. The guest has seen
 * the control key go down: it is let go there, as its release may be typed into another view. Ctrl-A twice gives it one. */
static void to_guest(u16 key)
{
	bool ctrl_a = key == KEY_A && (typing.ctrl[0] || typing.ctrl[1]);

	if (typing.escape && ctrl_a) {
		hub_key(KEY_CTRL, true);
		hub_key(KEY_A, true);
		hub_key(KEY_A, false);
		hub_key(KEY_CTRL, false);
	} else if (typing.escape) {
		hub_input(ESCAPE);
		send_key(key);
	} else if (ctrl_a) {
		hub_key(KEY_CTRL, false);
		hub_key(KEY_CTRL_RIGHT, false);
	} else {
		hub_key(key, true);
	}
	typing.escape = ctrl_a && !typing.escape;
}

static void press(u16 key)
{
	if (hub_screen_guest())
		to_guest(key);
	else
		send_key(key);
}

/* Keyboards that repeat by themselves send a key down again: that is not new. */
void typing_key(const struct key_event *event, u64 now)
{
	bool *modifier = modifier_of(event->key);

	if (modifier) {
		*modifier = event->down;
		if (!typing.escape)
			hub_key(event->key, event->down);
		return;
	}
	if (!event->down) {
		hub_key(event->key, false);
		typing.held = event->key == typing.held ? 0 : typing.held;
		return;
	}
	if (event->key == typing.held)
		return;
	typing.held = event->key;
	typing.repeat_at = now + ns_to_ticks(REPEAT_AFTER_NS);
	if (event->key == KEY_CAPS)
		typing.caps = !typing.caps;
	if (event->key == KEY_NUM)
		typing.num_off = !typing.num_off;
	press(event->key);
}

bool typing_tick(u64 now)
{
	if (!typing.held)
		return false;
	if (now >= typing.repeat_at && typing.held != KEY_CAPS && typing.held != KEY_NUM) {
		typing.repeat_at = now + ns_to_ticks(REPEAT_EVERY_NS);
		press(typing.held);
	}
	return true;
}
