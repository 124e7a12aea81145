/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/web/http.c hv/lib/format.c hv/lib/string.c web */
/* Requests as clients, and those who mean no good, send them: whole, byte by byte, two in one piece. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "hv/web/http.h"

#include <hv/lib.h>

void *web_calloc(size_t count, size_t size) { return calloc(count, size); }
void web_free(void *p) { free(p); }
int web_snprintf(char *to, size_t size, const char *format, ...) { return 0; }

static struct http_request r;
static char text[100000];

/* In pieces of `piece` bytes; returns how many bytes were used. */
static size_t feed(const char *bytes, size_t piece)
{
	size_t n = strlen(bytes), at = 0;

	http_begin(&r);
	while (at < n && !r.complete && !r.status) {
		size_t part = MIN(piece, n - at), used = http_feed(&r, bytes + at, part);

		at += used;
		if (used < part)
			break;
	}
	return at;
}

static void is_refused(const char *bytes, u16 status)
{
	for (size_t piece = 1; piece < 20000; piece = piece * 9 + 1) {
		feed(bytes, piece);
		if (r.status != status || (r.complete && r.status == 0))
			fail_msg("%u, not %u, for %.80s", r.status, status, bytes);
	}
}

static void a_request(void **state)
{
	const char *get = "GET /v1/guests?from=12&x=%20 HTTP/1.1\r\nHost: a\r\nCookie: x=1; __Host-session=abc; y=2\r\n"
			  "X-Unknown-With-A-Very-Long-Name-That-Does-Not-Fit-Anywhere: 1\r\nAUTHORIZATION: Bearer t\r\n\r\nGET /next";
	char value[8], path[40];
	u64 n = 0;

	for (size_t piece = 1; piece < 400; piece += 7) {
		assert_int_equal(feed(get, piece), strlen(get) - 9);
		assert_true(r.complete && r.keep_alive && !r.status && !r.wants_upgrade);
		assert_int_equal(r.method, HTTP_GET);
		assert_string_equal(r.host, "a");
		assert_string_equal(r.authorization, "Bearer t");
		assert_true(http_cookie(&r, "__Host-session", value, sizeof(value)));
		assert_string_equal(value, "abc");
		assert_false(http_cookie(&r, "session", value, sizeof(value)));
		assert_false(http_cookie(&r, "__Host-session", value, 3));
		assert_true(http_path(&r, path, sizeof(path)));
		assert_string_equal(path, "/v1/guests");
		assert_true(http_query_number(&r, "from", 100, &n) && n == 12);
		assert_false(http_query_number(&r, "from", 11, &n));
		assert_false(http_query_number(&r, "x", 100, &n));
		assert_true(http_query_number(&r, "none", 1, &n) && n == 12);
	}
}

static void bodies(void **state)
{
	for (size_t piece = 1; piece < 200; piece += 3) {
		feed("POST /x HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 5\r\n\r\nhello", piece);
		assert_true(r.complete && r.body_length == 5 && !memcmp(r.body, "hello", 5));
		feed("POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;ext=1\r\nlo\r\n0\r\n\r\n", piece);
		assert_true(r.complete && r.body_length == 5 && !memcmp(r.body, "hello", 5));
	}
	feed("GET / HTTP/1.0\r\nHost: a\r\n\r\n", 1000);
	assert_true(r.complete && !r.keep_alive);
	feed("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 1000);
	assert_true(r.complete && !r.keep_alive);
	feed("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n\r\n", 1000);
	assert_true(r.complete && r.wants_upgrade);
	assert_string_equal(r.upgrade, "websocket");
}

static void head(const char *line, const char *after)
{
	snprintf(text, sizeof(text), "POST / HTTP/1.1\r\nHost: a\r\n%s\r\n\r\n%s", line, after);
}

/* What smugglers and fools send. */
static void what_is_refused(void **state)
{
	is_refused("GET / HTTP/1.1\r\n\r\n", 400);
	is_refused("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400);
	is_refused("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505);
	is_refused("BREW / HTTP/1.1\r\nHost: a\r\n\r\n", 501);
	is_refused("\x16\x03\x01 hello this is TLS\r\n\r\n", 501);
	is_refused("CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 405);
	head("Content-Length: 5\r\nTransfer-Encoding: chunked", "0\r\n\r\n");
	is_refused(text, 400);
	head("Content-Length: 5\r\nContent-Length: 6", "hello");
	is_refused(text, 400);
	head("Content-Length: -1", "");
	is_refused(text, 400);
	head("Content-Length: 99999999999999999999999", "");
	is_refused(text, 400);
	head("Content-Length: 8193", "");
	is_refused(text, 413);
	head("Transfer-Encoding: gzip", "");
	is_refused(text, 400);
	head("Transfer-Encoding: gzip, chunked\r\nContent-Encoding: gzip", "0\r\n\r\n");
	is_refused(text, 415);
	head("Transfer-Encoding: gzip, chunked", "0\r\n\r\n");
	is_refused(text, 501);
	head("Transfer-Encoding: chunked, chunked", "0\r\n\r\n");
	is_refused(text, 400);
	head("Transfer-Encoding: chunked", "ffffffffffffffff\r\n");
	is_refused(text, 400);
	head("Transfer-Encoding: chunked", "1\r\na\r\n0\r\nAuthorization: Bearer x\r\n\r\n");
	is_refused(text, 400);
	head("Authorization: a\r\nAuthorization: b", "");
	is_refused(text, 400);
	head("A b: c", "");
	is_refused(text, 400);
}

static void what_is_too_large(void **state)
{
	size_t at;

	memset(text, 'a', sizeof(text));
	memcpy(text, "GET /", 5);
	text[5 + HTTP_TARGET_MAX] = 0;
	strcat(text, " HTTP/1.1\r\nHost: a\r\n\r\n");
	is_refused(text, 414);
	at = (size_t)sprintf(text, "GET / HTTP/1.1\r\nHost: a\r\n");
	for (u32 i = 0; i < HTTP_HEADERS_MAX; i++)
		at += (size_t)sprintf(text + at, "x%u: 1\r\n", i);
	strcpy(text + at, "\r\n");
	is_refused(text, 431);
	at = (size_t)sprintf(text, "GET / HTTP/1.1\r\nHost: a\r\nX: ");
	memset(text + at, 'x', HTTP_HEAD_MAX);
	text[at + HTTP_HEAD_MAX] = 0;
	is_refused(text, 431);
	at = (size_t)sprintf(text, "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: ");
	memset(text + at, 'x', 192);
	strcpy(text + at + 192, "\r\n\r\n");
	is_refused(text, 431);
	at = (size_t)sprintf(text, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
	for (u32 i = 0; i < 3; i++) {
		at += (size_t)sprintf(text + at, "1000\r\n");
		memset(text + at, 'x', 4096);
		at += 4096;
		at += (size_t)sprintf(text + at, "\r\n");
	}
	text[at] = 0;
	is_refused(text, 413);
}

static bool path_of(const char *target)
{
	char path[64];

	http_begin(&r);
	str_copy(r.target, sizeof(r.target), target);
	return http_path(&r, path, sizeof(path));
}

static void paths(void **state)
{
	assert_true(path_of("/") && path_of("/a%2db?x=/../") && path_of("/...") && path_of("/.a"));
	assert_false(path_of("") || path_of("*") || path_of("http://a/") || path_of("/..") || path_of("/../a") || path_of("/a/..") ||
		     path_of("/a/./b") || path_of("//") || path_of("/a//b") || path_of("/%2e%2e/a") || path_of("/a%2fb") || path_of("/%00") ||
		     path_of("/%") || path_of("/%4") || path_of("/%zz") || path_of("/a\\b") || path_of("/%c3%a4"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request), cmocka_unit_test(bodies), cmocka_unit_test(what_is_refused),
		cmocka_unit_test(what_is_too_large), cmocka_unit_test(paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
