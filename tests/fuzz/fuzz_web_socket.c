/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: tests/fuzz/support.c tests/fuzz/web_support.c hv/web/websocket.c hv/lib/format.c web */
/* Frames of a WebSocket's client, cut in two ways, taken by a reader that wants more or less of them: what comes out, and whether
 * it is refused, is the same. */
#include <stdlib.h>
#include <string.h>

#include "support.h"

#include "hv/web/websocket.h"
#include "hv/web/tls.h"

#include <hv/lib.h>

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

struct taken {
	u8 bytes[8192];
	u32 length, most;		/* most: bytes that are wanted at once */
};

void tls_sha1(const void *bytes, size_t n, u8 to[20]) { memset(to, 1, 20); }

static void note(struct taken *t, const u8 *bytes, u32 n)
{
	must(t->length + n <= sizeof(t->bytes));
	memcpy(t->bytes + t->length, bytes, n);
	t->length += n;
}

static u32 data_came(void *arg, const u8 *bytes, u32 n)
{
	struct taken *t = arg;

	n = MIN(n, t->most);
	note(t, bytes, n);
	return n;
}

static void control_came(void *arg, enum ws_opcode opcode, const u8 *bytes, u32 n)
{
	u8 what = (u8)opcode;

	must(n <= WS_CONTROL_MAX && (opcode == WS_CLOSE || opcode == WS_PING || opcode == WS_PONG));
	note(arg, &what, 1);
	note(arg, bytes, n);
}

static u16 reads(struct taken *t, const u8 *data, u32 size, u32 piece, u32 most)
{
	static const struct ws_user user = { data_came, control_came };
	static u8 copy[4096];
	struct ws_reader w = { 0 };

	t->length = 0;
	t->most = most;
	memcpy(copy, data, size);
	for (u32 at = 0, end = MIN(piece, size); at < size && !w.error; end = MIN(end + piece, size))
		while (at < end && !w.error) {
			u32 used = ws_read(&w, copy + at, end - at, &user, t);

			must(used <= end - at && (used || w.error));
			at += used;
		}
	return w.error;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static struct taken a, b;
	u8 head[10];
	u16 error;

	if (size < 3 || size > 4096)
		return 0;
	error = reads(&a, data + 2, (u32)size - 2, (u32)size, 65536);
	must(error == reads(&b, data + 2, (u32)size - 2, 1u + data[0], 1u + data[1]));
	must(error || (a.length == b.length && !memcmp(a.bytes, b.bytes, a.length)));
	must(ws_head(head, WS_BINARY, size) <= sizeof(head));
	return 0;
}
