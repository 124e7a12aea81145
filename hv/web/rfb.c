/* SPDX-License-Identifier: Apache-2.0 */
/* What the client says. RFC 6143 "Handshake Messages", "Client-to-Server Messages". */
#include "rfb.h"

#include <hv/lib.h>

#define WIDTH_DEFAULT 640u
#define HEIGHT_DEFAULT 480u
#define SECURITY_NONE 1

enum client_message { SET_PIXEL_FORMAT = 0, SET_ENCODINGS = 2, UPDATE_REQUEST = 3, KEY_EVENT = 4, POINTER_EVENT = 5,
	CUT_TEXT = 6, QEMU_MESSAGE = 255 };
enum { BELL = 2, QEMU_KEY = 0 };

static u32 get16(const u8 *p)
{
	return (u32)p[0] << 8 | p[1];
}

static u32 get32(const u8 *p)
{
	return get16(p) << 16 | get16(p + 2);
}

/* Handshakes and bells: few bytes, each at most once. */
static void reply(struct rfb *r, const void *bytes, u32 n)
{
	assert(n <= RFB_REPLY_MAX - r->reply_length);
	memcpy(r->reply + r->reply_length, bytes, n);
	r->reply_length += n;
}

static void expect(struct rfb *r, enum rfb_phase phase, u8 bytes)
{
	r->phase = phase;
	r->need = bytes;
}

void rfb_begin(struct rfb *r, const char *name, const struct picture *picture, u64 interval)
{
	static const struct picture none = { NULL, WIDTH_DEFAULT, HEIGHT_DEFAULT, 0 };

	str_copy(r->name, sizeof(r->name), name);
	r->format = rfb_format_own;
	r->interval = interval;
	rfb_resize(r, picture ? picture : &none);
	reply(r, "RFB 003.008\n", 12);
	expect(r, RFB_VERSION, 12);
}

void rfb_bell(struct rfb *r)
{
	static const u8 bell[] = { BELL };

	if (r->phase == RFB_MESSAGES && !r->reply_length)
		reply(r, bell, sizeof(bell));
}

/* --- the handshake ----------------------------------------------------------------------------------------------------------- */

/* "ServerInit": the screen's size, our pixels, its name. */
static void reply_init(struct rfb *r)
{
	const struct rfb_format *f = &rfb_format_own;
	u8 init[24] = { [4] = f->bits, f->depth, f->big_endian, true };
	u32 n = (u32)strlen(r->name);

	rfb_put16(init, r->width);
	rfb_put16(init + 2, r->height);
	for (u32 i = 0; i < 3; i++) {
		rfb_put16(init + 8 + 2 * i, f->max[i]);
		init[14 + i] = f->shift[i];
	}
	rfb_put32(init + 20, n);
	reply(r, init, sizeof(init));
	reply(r, r->name, n);
}

/* Who knows neither 3.7 nor 3.8 is told, not asked. */
static void take_version(struct rfb *r)
{
	static const u8 told[4] = { 0, 0, 0, SECURITY_NONE }, asked[2] = { 1, SECURITY_NONE };
	u32 number[2] = { 0, 0 };

	for (u32 i = 0; i < 6; i++) {
		u8 digit = (u8)(r->in[4 + i + i / 3] - '0');

		if (digit > 9)
			r->error = RFB_BAD;
		number[i / 3] = 10 * number[i / 3] + digit;
	}
	if (memcmp(r->in, "RFB ", 4) || r->in[7] != '.' || r->in[11] != '\n' || number[0] < 3)
		r->error = RFB_BAD;
	if (r->error)
		return;
	r->minor = number[0] > 3 || number[1] >= 8 ? 8 : number[1] == 7 ? 7 : 3;
	if (r->minor == 3)
		reply(r, told, sizeof(told));
	else
		reply(r, asked, sizeof(asked));
	expect(r, r->minor == 3 ? RFB_INIT : RFB_SECURITY, 1);
}

static void take_security(struct rfb *r)
{
	static const u8 ok[4];

	if (r->in[0] != SECURITY_NONE) {
		r->error = RFB_NOT_HERE;
		return;
	}
	if (r->minor == 8)
		reply(r, ok, sizeof(ok));
	expect(r, RFB_INIT, 1);
}

/* --- messages ---------------------------------------------------------------------------------------------------------------- */

static void set_format(struct rfb *r)
{
	struct rfb_format f = { .bits = r->in[4], .depth = r->in[5], .big_endian = r->in[6] };

	for (u32 i = 0; i < 3; i++) {
		f.max[i] = (u16)get16(r->in + 8 + 2 * i);
		f.shift[i] = r->in[14 + i];
	}
	if (!r->in[7] || !rfb_format_valid(&f)) {
		r->error = RFB_NOT_HERE;	/* colour maps */
		return;
	}
	r->format = f;
	rfb_force_all(r);
}

/* Of the list the first that we have; Raw is always allowed. */
static void begin_encodings(struct rfb *r)
{
	r->list_left = get16(r->in + 2);
	r->encoding = RFB_RAW;
	r->encoding_chosen = r->resizes = r->extended_keys = false;
}

static void take_encoding(struct rfb *r)
{
	s32 encoding = (s32)get32(r->in);

	r->list_left--;
	switch (encoding) {
	case RFB_RAW:
	case RFB_TIGHT:
	case RFB_ZRLE:
		if (!r->encoding_chosen)
			r->encoding = (enum rfb_encoding)encoding;
		r->encoding_chosen = true;
		break;
	case RFB_DESKTOP_SIZE:
		r->resizes = true;
		break;
	case RFB_EXTENDED_KEY:
		r->extended_keys = true;
		break;
	default:
		break;
	}
}

static void begin_cut_text(struct rfb *r)
{
	r->skip = get32(r->in + 4);
	if (r->skip > RFB_CUT_TEXT_MAX)
		r->error = RFB_TOO_LONG;
}

/* QEMU's extended key event: a scan code of set 1, bit 7 for the extended ones. */
static void extended_key(const struct rfb *r, const struct rfb_user *user, void *arg)
{
	u32 code = get32(r->in + 8), key = code & 0x7f;

	if (key && code < 0x100)
		user->key(arg, get32(r->in + 4), (u16)(code & 0x80 ? 0xe000 | key : key), get16(r->in + 2));
	else
		user->key(arg, get32(r->in + 4), 0, get16(r->in + 2));
}

static void take_message(struct rfb *r, const struct rfb_user *user, void *arg)
{
	const u8 *in = r->in;

	switch (in[0]) {
	case SET_PIXEL_FORMAT:	set_format(r); break;
	case SET_ENCODINGS:	begin_encodings(r); break;
	case UPDATE_REQUEST:	rfb_want(r, !in[1], get16(in + 2), get16(in + 4), get16(in + 6), get16(in + 8)); break;
	case KEY_EVENT:		user->key(arg, get32(in + 4), 0, in[1]); break;
	case POINTER_EVENT:	user->pointer(arg, in[1], (u16)get16(in + 2), (u16)get16(in + 4)); break;
	case CUT_TEXT:		begin_cut_text(r); break;
	default:		extended_key(r, user, arg); break;
	}
}

/* Bytes of the message that begins with in[0]; 0: there is none. */
static u8 message_size(const struct rfb *r)
{
	switch (r->in[0]) {
	case SET_PIXEL_FORMAT:	return 20;
	case SET_ENCODINGS:	return 4;
	case UPDATE_REQUEST:	return 10;
	case KEY_EVENT:		return 8;
	case POINTER_EVENT:	return 6;
	case CUT_TEXT:		return 8;
	case QEMU_MESSAGE:	return r->have < 2 ? 2 : r->in[1] == QEMU_KEY ? 12 : 0;
	default:		return 0;
	}
}

/* r->need bytes are there. */
static void take_whole(struct rfb *r, const struct rfb_user *user, void *arg)
{
	switch (r->phase) {
	case RFB_VERSION:
		take_version(r);
		break;
	case RFB_SECURITY:
		take_security(r);
		break;
	case RFB_INIT:
		reply_init(r);
		expect(r, RFB_MESSAGES, 1);
		break;
	default:
		if (r->list_left) {
			take_encoding(r);
		} else {
			r->need = message_size(r);
			if (!r->need)
				r->error = RFB_BAD;
			if (!r->need || r->have < r->need)
				return;
			take_message(r, user, arg);
		}
		r->need = r->list_left ? 4 : 1;
	}
	r->have = 0;
}

void rfb_take(struct rfb *r, const u8 *bytes, u32 n, const struct rfb_user *user, void *arg)
{
	while (n && !r->error) {
		u32 part = MIN(n, r->skip ? r->skip : (u32)(r->need - r->have));

		if (r->skip) {
			r->skip -= part;
		} else {
			memcpy(r->in + r->have, bytes, part);
			r->have = (u8)(r->have + part);
			if (r->have == r->need)
				take_whole(r, user, arg);
		}
		bytes += part;
		n -= part;
	}
}
