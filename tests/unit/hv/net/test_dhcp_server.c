/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/net/dhcp_server.c hv/lib/string.c */
/* DHCP: guests keep their addresses whatever strangers do; messages that lie about themselves are not answered. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#include <hv/lib.h>

#include "hv/net/dhcp_server.h"
#include "hv/net/inet.h"

#define GATEWAY 0x0a4d0001u
#define WEB 0x0a4d000au
enum { DISCOVER = 1, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE, INFORM };

static struct dhcp_server s;
static struct dhcp_answer a;
static u8 message[600];
static u32 length;
static u64 now;
static const u8 web[6] = { 0x42, 1, 2, 3, 4, 5 }, db[6] = { 0x42, 1, 2, 3, 4, 6 };

static int setup(void **state)
{
	dhcp_init(&s, GATEWAY, 0xffffff00, 1500, "bulkhead");
	assert_int_equal(dhcp_bind(&s, web, "web"), WEB);
	assert_int_equal(dhcp_bind(&s, db, "db"), WEB + 1);
	now = 1000;
	return 0;
}

static void option(u8 code, u32 n, const void *value)
{
	message[length++] = code;
	message[length++] = (u8)n;
	memcpy(message + length, value, n);
	length += n;
}

static void number(u8 code, u32 v)
{
	u8 b[4];

	put32(b, v);
	option(code, 4, b);
}

static void make(u8 type, const u8 mac[6])
{
	memset(message, 0, sizeof(message));
	message[0] = 1;
	message[1] = 1;
	message[2] = 6;
	put32(message + 4, 0xdeadbeef);
	memcpy(message + 28, mac, 6);
	put32(message + 236, 0x63825363);
	length = 240;
	option(53, 1, &type);
}

static bool serve(const u8 mac[6])
{
	return dhcp_serve(&s, message, length, mac, now, &a);
}

static const u8 *find(u8 code)
{
	for (u32 i = 240; i < a.length && a.message[i] != 255; i += 2u + a.message[i + 1])
		if (a.message[i] == code)
			return a.message + i + 1;
	return NULL;
}

static u8 type_of(void)
{
	assert_non_null(find(53));
	return find(53)[1];
}

static u32 lease(const u8 mac[6])
{
	u32 address;

	make(DISCOVER, mac);
	if (!serve(mac))
		return 0;
	assert_int_equal(type_of(), OFFER);
	address = get32(a.message + 16);
	make(REQUEST, mac);
	number(50, address);
	number(54, GATEWAY);
	assert_true(serve(mac));
	assert_int_equal(type_of(), ACK);
	assert_non_null(a.given);
	return address;
}

static void test_guest(void **state)
{
	assert_int_equal(lease(web), WEB);
	assert_int_equal(get32(a.message + 4), 0xdeadbeef);
	assert_int_equal(get32(find(1) + 1), 0xffffff00);
	assert_int_equal(get32(find(3) + 1), GATEWAY);
	assert_int_equal(get32(find(6) + 1), GATEWAY);
	assert_memory_equal(find(15) + 1, "bulkhead", 8);
	assert_memory_equal(find(12) + 1, "web", 3);
	assert_int_equal(a.to, WEB);
	/* The same for ever. */
	now += 100000000;
	assert_int_equal(lease(web), WEB);
	assert_ptr_equal(dhcp_find(&s, web, now), a.given);
}

static void test_renewal(void **state)
{
	lease(web);
	make(REQUEST, web);
	put32(message + 12, WEB);
	assert_true(serve(web));
	assert_int_equal(type_of(), ACK);
	assert_int_equal(a.to, WEB);
	/* After a restart of the guest: it asks for what it had. */
	make(REQUEST, web);
	number(50, WEB);
	message[10] = 0x80;
	assert_true(serve(web));
	assert_int_equal(a.to, 0xffffffff);
}

static void test_not_its_address(void **state)
{
	make(REQUEST, web);
	number(50, WEB + 1);
	assert_true(serve(web));
	assert_int_equal(type_of(), NAK);
	assert_int_equal(a.to, 0xffffffff);
	assert_int_equal(get32(a.message + 16), 0);
	assert_null(a.given);
	/* Of another server: silence. */
	make(REQUEST, web);
	number(50, WEB);
	number(54, GATEWAY + 1);
	assert_false(serve(web));
}

static void stranger(u32 i, u8 mac[6])
{
	memcpy(mac, (u8[6]){ 2, 9, 9, 9, (u8)(i >> 8), (u8)i }, 6);
}

static void test_starvation(void **state)
{
	u32 got = 0;
	u8 mac[6];

	for (u32 i = 0; i < 1000; i++) {
		stranger(i, mac);
		got += lease(mac) != 0;
	}
	assert_int_equal(got, DHCP_LEASES);
	assert_true(s.stats.exhausted > 0);
	assert_int_equal(lease(web), WEB);
	assert_int_equal(lease(db), WEB + 1);
	/* Leases end. */
	now += DHCP_LEASE_S * 1000 + 1;
	stranger(5000, mac);
	assert_int_not_equal(lease(mac), 0);
}

/* Offers that nobody takes are free again soon. */
static void test_offers(void **state)
{
	u8 mac[6];

	for (u32 i = 0; i < 100; i++) {
		stranger(i, mac);
		make(DISCOVER, mac);
		serve(mac);
	}
	stranger(500, mac);
	assert_int_equal(lease(mac), 0);
	now += 30001;
	assert_int_not_equal(lease(mac), 0);
}

static void test_strangers_get_no_guests_address(void **state)
{
	u8 mac[6];
	u32 address;

	for (u32 i = 0; i < DHCP_LEASES; i++) {
		stranger(i, mac);
		address = lease(mac);
		assert_true(address > WEB + 1 && address < 0x0a4d00ff);
		for (u32 k = 0; k < i; k++) {
			stranger(k, mac);
			assert_int_not_equal(dhcp_find(&s, mac, now)->address, address);
		}
	}
}

static void test_decline_and_release(void **state)
{
	u8 mac[6];
	u32 address;

	stranger(1, mac);
	address = lease(mac);
	make(DECLINE, mac);
	number(50, address);
	assert_false(serve(mac));
	assert_null(dhcp_find(&s, mac, now));
	assert_int_not_equal(lease(mac), address);
	/* A guest that declines its own keeps it: the switch guards it. */
	make(DECLINE, web);
	number(50, WEB);
	assert_false(serve(web));
	assert_int_equal(lease(web), WEB);
	/* Releasing another one's does nothing. */
	make(RELEASE, db);
	put32(message + 12, WEB);
	assert_false(serve(db));
	assert_true(dhcp_find(&s, web, now)->active);
}

static void test_inform(void **state)
{
	make(INFORM, web);
	put32(message + 12, WEB);
	assert_true(serve(web));
	assert_int_equal(type_of(), ACK);
	assert_int_equal(get32(a.message + 16), 0);
	assert_null(find(51));
}

static void refused(void)
{
	u64 before = s.stats.malformed;

	assert_false(serve(web));
	assert_int_equal(s.stats.malformed, before + 1);
}

static void test_hostile(void **state)
{
	for (u32 n = 0; n < 243; n++) {
		make(DISCOVER, web);
		length = n;
		refused();
	}
	make(DISCOVER, web);
	message[length++] = 50;
	message[length++] = 200;
	refused();
	make(DISCOVER, web);
	message[length++] = 50;
	refused();
	make(DISCOVER, web);
	message[0] = 2;
	refused();
	make(DISCOVER, web);
	message[2] = 16;
	refused();
	make(DISCOVER, web);
	put32(message + 24, 1);
	refused();
	make(DISCOVER, web);
	put32(message + 236, 0);
	refused();
	make(0, web);
	refused();
	make(9, web);
	refused();
	/* In the name of another card. */
	make(DISCOVER, db);
	refused();
}

static void test_small_network(void **state)
{
	u8 mac[6];
	u32 bound = 0;

	dhcp_init(&s, 0x0a000001, 0xfffffff0, 1500, "bulkhead");
	for (u32 i = 0; i < 20; i++) {
		stranger(i, mac);
		bound += dhcp_bind(&s, mac, "g") != 0;
	}
	assert_int_equal(bound, 13);
	stranger(100, mac);
	assert_int_equal(lease(mac), 0);
}

/* A guest that is deleted: its address is the next one's, the others keep theirs. */
static void test_unbind(void **state)
{
	static const u8 next[6] = { 0x42, 1, 2, 3, 4, 9 };

	dhcp_unbind(&s, web);
	assert_null(dhcp_find(&s, web, now));
	dhcp_unbind(&s, web);
	assert_int_equal(dhcp_find(&s, db, now)->address, WEB + 1);
	assert_int_equal(dhcp_bind(&s, next, "next"), WEB);
	assert_int_equal(dhcp_bind(&s, web, "web"), WEB + 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup(f, setup)
		TEST(test_guest), TEST(test_renewal), TEST(test_not_its_address), TEST(test_starvation), TEST(test_offers),
		TEST(test_strangers_get_no_guests_address), TEST(test_decline_and_release), TEST(test_inform), TEST(test_hostile),
		TEST(test_small_network), TEST(test_unbind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
