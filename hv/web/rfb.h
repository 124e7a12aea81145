/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* RFB 3.8, the server's end: what a viewer of a guest's screen says and is sent. RFC 6143. Bytes come and go as they may, in any
 * pieces; a viewer costs this structure and no more. Pure: the picture and the time are given. */

#include "rfb_tile.h"

#define RFB_TILES_MAX 1280u		/* 4 Mi pixels, however they lie */
#define RFB_SIDE_MAX 8192u
#define RFB_CUT_TEXT_MAX (256 * KiB)
#define RFB_REPLY_MAX 128u
#define RFB_NAME_MAX 64u
#define RFB_SEND_MAX (RFB_RECT_MAX + 4096u)	/* of one rfb_send() */

enum rfb_phase { RFB_VERSION, RFB_SECURITY, RFB_INIT, RFB_MESSAGES };
enum rfb_frame { RFB_REST, RFB_SCAN, RFB_SEND };
enum rfb_error { RFB_FINE,
	RFB_BAD,			/* no RFB */
	RFB_TOO_LONG,			/* more text than anybody pastes */
	RFB_NOT_HERE };			/* what we have not */

struct rfb_region {
	u16 x0, y0, x1, y1;		/* of tiles; x1, y1 are outside */
};

struct rfb {
	enum rfb_phase phase;
	enum rfb_error error;
	u8 minor;			/* of the version: 3, 7, 8 */
	u8 in[20], have, need;		/* the message that is being read */
	u32 skip;			/* bytes to come that nobody wants */
	u32 list_left;			/* encodings to come of a list */
	u8 reply[RFB_REPLY_MAX];
	u32 reply_length;
	char name[RFB_NAME_MAX];

	struct rfb_format format, format_now;	/* asked for; of the frame that is being sent */
	enum rfb_encoding encoding, encoding_now;
	bool encoding_chosen, resizes, extended_keys, extended_told;
	struct rfb_streams streams;

	u32 width, height, columns, rows;	/* what the client holds */
	bool wanted;			/* an update was asked for */
	struct rfb_region region, scanned;
	enum rfb_frame frame;
	u32 at, changed;		/* tile; how many are to be sent */
	u64 interval, began, spent, next;	/* TSC: of a frame, work on it, when another may begin */
	u64 hash[RFB_TILES_MAX];	/* of what was sent */
	u8 state[RFB_TILES_MAX];	/* see rfb_frame.c */
};

struct rfb_user {
	void (*key)(void *arg, u32 keysym, u16 key, bool down);	/* key: as in hv/keys.h, 0: not told */
	void (*pointer)(void *arg, u8 buttons, u16 x, u16 y);
};

/* A new viewer; picture may be null. interval: TSC ticks between two frames at least. r is zeroed. */
void rfb_begin(struct rfb *r, const char *name, const struct picture *picture, u64 interval);

/* Bytes from the viewer. All are used, or r->error is set. */
void rfb_take(struct rfb *r, const u8 *bytes, u32 n, const struct rfb_user *user, void *arg);

/* What goes out now, into to[RFB_SEND_MAX]; how many bytes. A bounded piece of work: *again: there is more of it to be done at
 * once. The caller adds to r->spent what the call took. */
u32 rfb_send(struct rfb *r, const struct picture *picture, u64 now, u8 *to, bool *again);

/* A sign that something was refused. */
void rfb_bell(struct rfb *r);

/* rfb_frame.c, for rfb.c: all is to be sent whatever the client has; it holds another size from now on; an update was asked for. */
void rfb_force_all(struct rfb *r);
void rfb_resize(struct rfb *r, const struct picture *picture);
void rfb_want(struct rfb *r, bool all, u32 x, u32 y, u32 w, u32 h);
