/* SPDX-License-Identifier: Apache-2.0 */
#include "websocket.h"

#include "tls.h"

#include <hv/lib.h>

#include <mbedtls/base64.h>

#define FINAL 0x80u
#define RESERVED 0x70u
#define MASKED 0x80u

static bool is_control(u8 opcode)
{
	return opcode & 8;
}

static u64 length_of(const struct ws_reader *w)
{
	u32 bytes = (w->head[1] & 0x7f) == 126 ? 2 : (w->head[1] & 0x7f) == 127 ? 8 : 0;
	u64 n = bytes ? 0 : w->head[1] & 0x7f;

	for (u32 i = 0; i < bytes; i++)
		n = n << 8 | w->head[2 + i];
	return n;
}

/* The first two bytes are there: how long is the head, and is it one? RFC 6455 "Base Framing Protocol" */
static void judge_start(struct ws_reader *w)
{
	u8 opcode = w->head[0] & 15, size = w->head[1] & 0x7f;

	w->need = (u8)(2 + (size == 126 ? 2 : size == 127 ? 8 : 0) + 4);
	if (w->head[0] & RESERVED || !(w->head[1] & MASKED))
		w->error = WS_PROTOCOL;
	else if (is_control(opcode) && (opcode > WS_PONG || size > WS_CONTROL_MAX || !(w->head[0] & FINAL)))
		w->error = WS_PROTOCOL;
	else if (!is_control(opcode) && (opcode > WS_BINARY || (opcode == WS_CONTINUATION) != w->in_message))
		w->error = WS_PROTOCOL;
}

static void begin_payload(struct ws_reader *w)
{
	w->left = length_of(w);
	w->at = 0;
	w->opcode = w->head[0] & 15;
	memcpy(w->mask, w->head + w->need - 4, 4);
	if (!is_control(w->opcode))
		w->in_message = !(w->head[0] & FINAL);
	if (w->left > WS_FRAME_MAX)
		w->error = WS_TOO_BIG;
	w->in_payload = true;
	w->have = 0;
	w->need = 2;
}

static u32 read_head(struct ws_reader *w, const u8 *bytes, u32 n)
{
	u32 used = 0;

	if (!w->need)
		w->need = 2;
	while (used < n && w->have < w->need && !w->error) {
		w->head[w->have++] = bytes[used++];
		if (w->have == 2)
			judge_start(w);
	}
	if (w->have == w->need && !w->error)
		begin_payload(w);
	return used;
}

static u32 read_control(struct ws_reader *w, const u8 *bytes, u32 n, const struct ws_user *user, void *arg)
{
	n = (u32)MIN((u64)n, w->left);
	for (u32 i = 0; i < n; i++, w->at++)
		w->control[w->at] = bytes[i] ^ w->mask[w->at % 4];
	w->left -= n;
	if (w->left)
		return n;
	w->in_payload = false;
	user->control(arg, (enum ws_opcode)w->opcode, w->control, (u32)w->at);
	return n;
}

/* What is not taken now is masked again: it comes here once more. */
static u32 read_data(struct ws_reader *w, u8 *bytes, u32 n, const struct ws_user *user, void *arg)
{
	u32 taken = 0;

	n = (u32)MIN((u64)n, w->left);
	for (u32 i = 0; i < n; i++)
		bytes[i] ^= w->mask[(w->at + i) % 4];
	if (n)
		taken = user->data(arg, bytes, n);
	assert(taken <= n);
	for (u32 i = taken; i < n; i++)
		bytes[i] ^= w->mask[(w->at + i) % 4];
	w->at += taken;
	w->left -= taken;
	w->in_payload = w->left != 0;
	return taken;
}

u32 ws_read(struct ws_reader *w, u8 *bytes, u32 n, const struct ws_user *user, void *arg)
{
	u32 used = 0;

	while (!w->error) {
		u32 part;

		if (!w->in_payload && used == n)
			break;
		if (!w->in_payload)
			part = read_head(w, bytes + used, n - used);
		else if (is_control(w->opcode))
			part = read_control(w, bytes + used, n - used, user, arg);
		else
			part = read_data(w, bytes + used, n - used, user, arg);
		used += part;
		if (!part && w->in_payload)
			break;		/* there is no more, or it is not wanted now */
	}
	return used;
}

u32 ws_head(u8 to[10], enum ws_opcode opcode, u64 n)
{
	to[0] = (u8)(FINAL | (u32)opcode);
	if (n < 126) {
		to[1] = (u8)n;
		return 2;
	}
	to[1] = n < 65536 ? 126 : 127;
	for (u32 i = 0, bytes = n < 65536 ? 2 : 8; i < bytes; i++)
		to[2 + i] = (u8)(n >> 8 * (bytes - 1 - i));
	return n < 65536 ? 4 : 10;
}

/* RFC 6455 "Defined Status Codes", "Reserved Status Code Ranges" */
bool ws_close_code(const u8 *bytes, u32 n, u16 *code)
{
	*code = WS_NORMAL;
	if (n < 2)
		return !n;
	*code = (u16)(bytes[0] << 8 | bytes[1]);
	return (*code >= 1000 && *code <= 1003) || (*code >= 1007 && *code <= 1014) || (*code >= 3000 && *code <= 4999);
}

bool ws_accept(const char *key, char to[WS_ACCEPT])
{
	static const char magic[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
	u8 raw[18], sum[20];
	char text[24 + sizeof(magic)];
	size_t n = 0;

	if (strlen(key) != 24 || mbedtls_base64_decode(raw, sizeof(raw), &n, (const u8 *)key, 24) || n != 16)
		return false;
	fmt_print(text, sizeof(text), "%s%s", key, magic);
	tls_sha1(text, strlen(text), sum);
	return !mbedtls_base64_encode((u8 *)to, WS_ACCEPT, &n, sum, sizeof(sum));
}
