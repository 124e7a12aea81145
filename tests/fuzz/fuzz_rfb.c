/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/web/rfb.c hv/web/rfb_frame.c hv/web/rfb_tile.c hv/web/rfb_keys.c hv/web/websocket.c hv/lib/deflate.c hv/lib/format.c web */
/* A viewer of a screen that says anything, in any pieces, with WebSocket's frames around it or without, while the screen changes
 * and changes its mode. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hv/lib.h>

#include "hv/web/rfb.h"
#include "hv/web/rfb_keys.h"
#include "hv/web/websocket.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

size_t str_copy(char *to, size_t size, const char *s)
{
	return (size_t)snprintf(to, size, "%s", s);
}

void tls_sha1(const void *text, size_t n, u8 sum[20]);
void tls_sha1(const void *text, size_t n, u8 sum[20]) { memset(sum, 0, 20); }

static struct rfb rfb;
static struct rfb_keys keys;
static u32 pixels[150 * 140];
static u8 to[RFB_SEND_MAX];
static u32 bells;

static void put(void *arg, u16 key, bool down)
{
	if (!(key & 0x7f) || key & 0x1f80)
		abort();
}

static void on_key(void *arg, u32 keysym, u16 key, bool down)
{
	rfb_key(&keys, keysym, key, down, put, NULL);
}

static void on_pointer(void *arg, u8 buttons, u16 x, u16 y)
{
	if (bells++ % 3 == 0)
		rfb_bell(&rfb);
}

static const struct rfb_user user = { on_key, on_pointer };

static u32 message(void *arg, const u8 *bytes, u32 n)
{
	rfb_take(&rfb, bytes, n, &user, NULL);
	return n;
}

static void control(void *arg, enum ws_opcode opcode, const u8 *bytes, u32 n)
{
	u16 code;

	if (n > WS_CONTROL_MAX || (ws_close_code(bytes, n, &code) && (code < 1000 || code > 4999)))
		abort();
}

/* A piece in memory of its own: the sanitizer sees its end. */
static void take(struct ws_reader *ws, bool framed, const u8 *bytes, u32 n)
{
	static const struct ws_user ws_user = { message, control };
	u8 *copy = malloc(n);

	memcpy(copy, bytes, n);
	if (!framed)
		rfb_take(&rfb, copy, n, &user, NULL);
	else if (ws_read(ws, copy, n, &ws_user, NULL) > n)
		abort();
	free(copy);
}

static void send(const struct picture *p, u64 now)
{
	bool again = true;

	for (u32 i = 0; i < 6 && again; i++)
		if (rfb_send(&rfb, p, now, to, &again) > sizeof(to))
			abort();
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct picture p = { (const u8 *)pixels, 150, 140, 600 };
	struct ws_reader ws = { 0 };
	bool framed = size && data[0] & 1;
	u64 now = 0;

	memset(&rfb, 0, sizeof(rfb));
	memset(&keys, 0, sizeof(keys));
	rfb_begin(&rfb, "fuzz", size && data[0] & 2 ? &p : NULL, 10);
	for (size_t at = 1; at < size;) {
		u8 op = data[at++];
		u32 n = (u32)MIN((size_t)op, size - at);

		if (op < 0x80) {
			take(&ws, framed, data + at, n);
			at += n;
		} else if (op < 0xc0) {
			now += op & 15;
			send(op & 0x10 ? NULL : &p, now);
		} else if (op < 0xe0) {
			pixels[(op * 997u + (u32)at * 31) % ARRAY_COUNT(pixels)] = op * 2654435761u;
		} else {
			p.width = 1 + (op & 15) * 9;
			p.height = 140 - (op & 15);
			p.pixels = (const u8 *)(pixels + (op & 15));
			p.pitch = 4 * (p.width + (op & 16 ? 10 : 0));
		}
	}
	return 0;
}
