/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/net/dns_names.c hv/net/inet.c hv/lib/net_text.c hv/lib/string.c hv/lib/format.c */
/* Guests' names: answered here, others not; questions that lie are void. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#include <hv/lib.h>

#include "hv/net/dns_names.h"
#include "hv/net/inet.h"

#define WEB 0x0a4d000au

static u8 query[600], reply[DNS_MESSAGE_MAX];
static u32 length, got;

static u32 address(void *context, const char *name)
{
	return strcmp(name, "web") ? 0 : WEB;
}

static const char *name(void *context, u32 a, bool *mine)
{
	*mine = a >> 8 == WEB >> 8;
	return a == WEB ? "web" : NULL;
}

static const struct dns_names names = { .address = address, .name = name };

static void ask(const char *text, u16 type)
{
	memset(query, 0, sizeof(query));
	put16(query, 0xabcd);
	query[2] = 1;
	put16(query + 4, 1);
	length = 12;
	while (*text) {
		u32 n = (u32)strcspn(text, ".");

		query[length++] = (u8)n;
		memcpy(query + length, text, n);
		length += n;
		text += n + (text[n] == '.');
	}
	query[length++] = 0;
	put16(query + length, type);
	put16(query + length + 2, 1);
	length += 4;
}

static enum dns_verdict serve(void)
{
	u8 *exact = memcpy(test_malloc(length ? length : 1), query, length);	/* ASan sees the end */
	enum dns_verdict v;

	got = 0;
	v = dns_serve(&names, exact, length, reply, &got);
	test_free(exact);
	return v;
}

static void test_guest(void **state)
{
	static const char *const spelt[] = { "web", "web.bulkhead", "WEB.Bulkhead" };

	for (u32 i = 0; i < ARRAY_COUNT(spelt); i++) {
		ask(spelt[i], 1);
		assert_int_equal(serve(), DNS_ANSWER);
		assert_int_equal(get16(reply), 0xabcd);
		assert_int_equal(reply[3] & 15, 0);
		assert_int_equal(get16(reply + 6), 1);
		assert_int_equal(got, length + 16);
		assert_int_equal(get32(reply + got - 4), WEB);
	}
}

static void test_no_ipv6_address(void **state)
{
	ask("web.bulkhead", 28);
	assert_int_equal(serve(), DNS_ANSWER);
	assert_int_equal(reply[3] & 15, 0);
	assert_int_equal(get16(reply + 6), 0);
}

static void test_unknown(void **state)
{
	ask("nobody.bulkhead", 1);
	assert_int_equal(serve(), DNS_ANSWER);
	assert_int_equal(reply[3] & 15, 3);
	ask("nobody", 1);
	assert_int_equal(serve(), DNS_FORWARD);
	ask("www.example.org", 1);
	assert_int_equal(serve(), DNS_FORWARD);
	ask("bulkhead", 1);
	assert_int_equal(serve(), DNS_FORWARD);
	ask("web.notbulkhead", 1);
	assert_int_equal(serve(), DNS_FORWARD);
}

static void test_reverse(void **state)
{
	ask("10.0.77.10.in-addr.arpa", 12);
	assert_int_equal(serve(), DNS_ANSWER);
	assert_memory_equal(reply + got - 14, "\3web\10bulkhead", 14);
	ask("11.0.77.10.in-addr.arpa", 12);
	assert_int_equal(serve(), DNS_ANSWER);
	assert_int_equal(reply[3] & 15, 3);
	ask("8.8.8.8.in-addr.arpa", 12);
	assert_int_equal(serve(), DNS_FORWARD);
	ask("300.0.77.10.in-addr.arpa", 12);
	assert_int_equal(serve(), DNS_FORWARD);
	ask("in-addr.arpa", 12);
	assert_int_equal(serve(), DNS_FORWARD);
}

static void test_failure(void **state)
{
	ask("www.example.org", 1);
	assert_int_equal(dns_fail(query, length, reply), length);
	assert_int_equal(reply[3] & 15, 2);
}

static void test_hostile(void **state)
{
	ask("web.bulkhead", 1);
	for (u32 n = length; n-- > 0;) {
		length = n;
		assert_int_equal(serve(), DNS_DROP);
	}
	/* A name that points to itself. */
	ask("web", 1);
	put16(query + 12, 0xc00c);
	assert_int_equal(serve(), DNS_DROP);
	/* An answer, another operation, two questions, records where none belong. */
	ask("web", 1);
	query[2] |= 0x80;
	assert_int_equal(serve(), DNS_DROP);
	ask("web", 1);
	query[2] = 0x28;
	assert_int_equal(serve(), DNS_DROP);
	ask("web", 1);
	put16(query + 4, 2);
	assert_int_equal(serve(), DNS_DROP);
	ask("web", 1);
	put16(query + 6, 1);
	assert_int_equal(serve(), DNS_DROP);
	/* Dots and NULs inside of labels. */
	ask("web.bulkhead", 1);
	query[13] = '.';
	assert_int_equal(serve(), DNS_DROP);
	ask("web.bulkhead", 1);
	query[13] = 0;
	assert_int_equal(serve(), DNS_DROP);
	/* Longer than names may be. */
	ask("", 1);
	length = 12;
	for (u32 i = 0; i < 5; i++) {
		query[length] = 63;
		memset(query + length + 1, 'a', 63);
		length += 64;
	}
	query[length] = 0;
	length += 5;
	assert_int_equal(serve(), DNS_DROP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_guest), cmocka_unit_test(test_no_ipv6_address), cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_reverse), cmocka_unit_test(test_failure), cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
