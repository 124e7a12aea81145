/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/lib/net_text.c hv/lib/string.c hv/lib/format.c */

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include <hv/lib.h>
#include <hv/net_text.h>

static void test_mac(void **state)
{
	static const char *const bad[] = { "", "52", "52:54:00:12:34", "52:54:00:12:34:5", "52:54:00:12:34:567", "52-54-00-12-34-56",
		"52:54:00:12:34:5g", ":52:54:00:12:34:56", "52:54:00:12:34:56:", "525400123456" };
	char text[MAC_TEXT];
	u8 mac[6];

	(void)state;
	assert_true(mac_parse("52:54:00:aB:Cd:eF", mac));
	assert_string_equal(mac_format(text, mac), "52:54:00:ab:cd:ef");
	for (u32 i = 0; i < ARRAY_COUNT(bad); i++)
		if (mac_parse(bad[i], mac))
			fail_msg("%s", bad[i]);
}

static void test_ip4(void **state)
{
	static const char *const bad[] = { "", "1", "1.2.3", "1.2.3.", "1.2.3.4.", "1.2.3.256", "1.2.3.4 ", "-1.2.3.4", "1..2.3",
		"1.2.3.99999999999999999999", "a.b.c.d" };
	static const char *const bad_prefix[] = { "10.0.0.1", "10.0.0.1/", "10.0.0.1/33", "10.0.0.1/8x", "/8" };
	char text[IP4_TEXT];
	u32 a;
	u8 prefix;

	(void)state;
	assert_true(ip4_parse("192.0.2.255", &a));
	assert_int_equal(a, 0xc00002ff);
	assert_string_equal(ip4_format(text, a), "192.0.2.255");
	assert_true(ip4_parse_prefix("10.0.0.1/0", &a, &prefix) && prefix == 0);
	assert_true(ip4_parse_prefix("10.0.0.1/32", &a, &prefix) && prefix == 32 && a == 0x0a000001);
	for (u32 i = 0; i < ARRAY_COUNT(bad); i++)
		if (ip4_parse(bad[i], &a))
			fail_msg("%s", bad[i]);
	for (u32 i = 0; i < ARRAY_COUNT(bad_prefix); i++)
		if (ip4_parse_prefix(bad_prefix[i], &a, &prefix))
			fail_msg("%s", bad_prefix[i]);
}

static void test_ip6(void **state)
{
	/* What is read, and how RFC 5952 writes it. */
	static const char *const good[][2] = { { "::", "::" }, { "::1", "::1" }, { "1::", "1::" },
		{ "2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1" }, { "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1" },
		{ "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8" }, { "0001::0008", "1::8" }, { "fe80::5054:ff:fe12:3456", "fe80::5054:ff:fe12:3456" },
		{ "1:0:0:0:5:0:0:0", "1::5:0:0:0" }, { "1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0" }, { "::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8" } };
	static const char *const bad[] = { "", ":", "1", "1:2", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3", "12345::", ":::", "1:::2",
		":1::2", "1::2:", "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", "g::", "::1.2.3.4", "fe80::1%1", " ::1", "1:2:3:4:5:6:7:" };
	char text[IP6_TEXT];
	u8 a[16], prefix;

	(void)state;
	for (u32 i = 0; i < ARRAY_COUNT(good); i++) {
		if (!ip6_parse(good[i][0], a))
			fail_msg("%s", good[i][0]);
		assert_string_equal(ip6_format(text, a), good[i][1]);
	}
	for (u32 i = 0; i < ARRAY_COUNT(bad); i++)
		if (ip6_parse(bad[i], a))
			fail_msg("%s", bad[i]);
	assert_true(ip6_parse_prefix("2001:db8::5/64", a, &prefix) && prefix == 64 && a[15] == 5);
	assert_true(ip6_parse_prefix("::/0", a, &prefix) && prefix == 0);
	assert_false(ip6_parse_prefix("::1/129", a, &prefix));
	assert_false(ip6_parse_prefix("::1", a, &prefix));
}

/* Whatever is written can be read again, with the same meaning. */
static void test_round_trip(void **state)
{
	char text[IP6_TEXT];
	u64 seed = 1;
	u8 a[16], b[16];

	(void)state;
	for (u32 i = 0; i < 20000; i++) {
		for (u32 k = 0; k < 16; k++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			a[k] = seed >> 60 < 10 ? 0 : (u8)(seed >> 33);
		}
		assert_true(ip6_parse(ip6_format(text, a), b));
		assert_memory_equal(a, b, 16);
	}
}

static void test_number(void **state)
{
	const char *at = "65535x";
	u32 v;

	(void)state;
	assert_true(number_parse(&at, 65535, &v));
	assert_int_equal(v, 65535);
	assert_string_equal(at, "x");
	at = "65536";
	assert_false(number_parse(&at, 65535, &v));
	at = "";
	assert_false(number_parse(&at, 65535, &v));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mac), cmocka_unit_test(test_ip4), cmocka_unit_test(test_ip6), cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
