/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/web/websocket.c hv/lib/format.c hv/lib/string.c web */
/* WebSocket's frames, without a connection. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <hv/lib.h>

#include "hv/web/tls.h"
#include "hv/web/websocket.h"

#include <mbedtls/platform_util.h>
#include <mbedtls/sha1.h>

void mbedtls_platform_zeroize(void *at, size_t n) { memset(at, 0, n); }

void tls_sha1(const void *bytes, size_t n, u8 to[20])
{
	mbedtls_sha1(bytes, n, to);
}

static u8 got[70000];
static u32 got_length, controls;

static u32 keep(void *arg, const u8 *bytes, u32 n)
{
	memcpy(got + got_length, bytes, n);
	got_length += n;
	return n;
}

static void count(void *arg, enum ws_opcode opcode, const u8 *bytes, u32 n)
{
	controls++;
}

static u16 reads(const void *bytes, u32 n)
{
	static const struct ws_user user = { keep, count };
	static u8 copy[70000];
	struct ws_reader w = { 0 };

	got_length = controls = 0;
	memcpy(copy, bytes, n);
	for (u32 i = 0; i < n && !w.error; i++)
		assert_true(ws_read(&w, copy + i, 1, &user, NULL) == 1 || w.error);
	return w.error;
}

static void frames(void **state)
{
	static u8 large[70000] = { 0x82, 0x80 | 126, 0x01, 0x00, 0, 0, 0, 0 };

	assert_int_equal(reads("\x81\x82\x01\x02\x03\x04\x60\x60", 8), 0);
	assert_memory_equal(got, "ab", 2);
	assert_int_equal(reads(large, 8 + 256), 0);
	assert_int_equal(got_length, 256);
	assert_int_equal(reads("\x89\x80" "aaaa" "\x8a\x80" "aaaa", 12), 0);
	assert_int_equal(controls, 2);
	assert_int_equal(reads("\x81\x02" "ab", 4), WS_PROTOCOL);		/* not masked */
	assert_int_equal(reads("\xc1\x80", 2), WS_PROTOCOL);			/* reserved bit */
	assert_int_equal(reads("\x83\x80", 2), WS_PROTOCOL);			/* no such opcode */
	assert_int_equal(reads("\x8b\x80", 2), WS_PROTOCOL);
	assert_int_equal(reads("\x09\x80", 2), WS_PROTOCOL);			/* control in pieces */
	assert_int_equal(reads("\x89\xfe\x00\x7e", 4), WS_PROTOCOL);		/* control too long */
	assert_int_equal(reads("\x80\x80", 2), WS_PROTOCOL);			/* goes on with nothing */
	assert_int_equal(reads("\x01\x80" "aaaa" "\x81\x80", 8), WS_PROTOCOL);	/* begins in the middle */
	assert_int_equal(reads("\x82\xff\x00\x00\x00\x00\x00\x01\x00\x01" "aaaa", 14), WS_TOO_BIG);
	assert_int_equal(reads("\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff" "aaaa", 14), WS_TOO_BIG);
}

/* What is not taken comes again, the same; a frame without anything in it is none. */
static u32 room;

static u32 keep_some(void *arg, const u8 *bytes, u32 n)
{
	u32 part = MIN(n, room);

	room -= part;
	return keep(arg, bytes, part);
}

static void taken_in_part(void **state)
{
	static const struct ws_user user = { keep_some, count };
	u8 bytes[6 + 26 + 6 + 6 + 4] = { 0x02, 0x80 | 26, 0x11, 0x22, 0x33, 0x44 };
	u32 used = 0, rounds = 0;
	struct ws_reader w = { 0 };

	for (u32 i = 0; i < 26; i++)
		bytes[6 + i] = (u8)('a' + i) ^ bytes[2 + i % 4];
	memcpy(bytes + 32, "\x00\x80" "mask" "\x80\x84" "\0\0\0\0" "last", 16);
	got_length = 0;
	while (used < sizeof(bytes) && rounds++ < 20) {
		u32 part;

		room = 7;
		part = ws_read(&w, bytes + used, sizeof(bytes) - used, &user, NULL);
		assert_true(part <= sizeof(bytes) - used && !w.error);
		used += part;
	}
	assert_int_equal(used, sizeof(bytes));
	assert_int_equal(rounds, 5);
	assert_int_equal(got_length, 30);
	assert_memory_equal(got, "abcdefghijklmnopqrstuvwxyzlast", 30);
	assert_false(w.in_message || w.in_payload);
}

static void heads(void **state)
{
	static const struct { u64 n; const char *bytes; u32 length; } head[] = {
		{ 0, "\x82\x00", 2 }, { 125, "\x82\x7d", 2 }, { 126, "\x82\x7e\x00\x7e", 4 }, { 65535, "\x82\x7e\xff\xff", 4 },
		{ 65536, "\x82\x7f\0\0\0\0\0\1\0\0", 10 }, { 1ul << 40, "\x82\x7f\0\0\1\0\0\0\0\0", 10 },
	};
	u8 to[10];

	for (u32 i = 0; i < ARRAY_COUNT(head); i++) {
		assert_int_equal(ws_head(to, WS_BINARY, head[i].n), head[i].length);
		assert_memory_equal(to, head[i].bytes, head[i].length);
	}
	ws_head(to, WS_PING, 0);
	assert_memory_equal(to, "\x89\x00", 2);
}

static void keys(void **state)
{
	static const char *const wrong[] = { "", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZQ===", "dGhlIHNhbXBsZSBub25jZQAA",
		"dGhlIHNhbXBsZSBub25j====", "!GhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ==dGhlIHNhbXBsZSBub25jZQ==" };
	char to[WS_ACCEPT];

	assert_true(ws_accept("dGhlIHNhbXBsZSBub25jZQ==", to));
	assert_string_equal(to, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");	/* RFC 6455's example */
	for (u32 i = 0; i < ARRAY_COUNT(wrong); i++)
		assert_false(ws_accept(wrong[i], to));
}

static void close_codes(void **state)
{
	static const u16 right[] = { 1000, 1001, 1002, 1003, 1007, 1011, 1014, 3000, 4999 };
	static const u16 wrong[] = { 0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535 };
	u16 code;

	for (u32 i = 0; i < ARRAY_COUNT(right); i++) {
		assert_true(ws_close_code((const u8[]){ (u8)(right[i] >> 8), (u8)right[i] }, 2, &code));
		assert_int_equal(code, right[i]);
	}
	for (u32 i = 0; i < ARRAY_COUNT(wrong); i++)
		assert_false(ws_close_code((const u8[]){ (u8)(wrong[i] >> 8), (u8)wrong[i] }, 2, &code));
	assert_true(ws_close_code(NULL, 0, &code));
	assert_int_equal(code, WS_NORMAL);
	assert_false(ws_close_code((const u8[]){ 3 }, 1, &code));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames), cmocka_unit_test(taken_in_part), cmocka_unit_test(heads), cmocka_unit_test(keys),
		cmocka_unit_test(close_codes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
