/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/net/netdev.c hv/net/frame.c hv/lib/format.c hv/lib/string.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <hv/net.h>

static enum net_verdict send_nothing(struct netdev *n, struct net_frame *f)
{
	return NET_DOWN;
}

static void kick(struct netdev *n)
{
}

static void promiscuous(struct netdev *n, bool on)
{
}

static const struct netdev_ops ops = { .send = send_nothing, .kick = kick, .promiscuous = promiscuous };
static struct netdev dev[NETDEVS_MAX + 1];

static void cards_are_numbered_until_the_table_is_full(void **state)
{
	assert_int_equal(netdev_count(), 0);
	for (u32 i = 0; i <= NETDEVS_MAX; i++) {
		dev[i].ops = &ops;
		dev[i].kind = "test";
		assert_int_equal(netdev_add(&dev[i]), i == NETDEVS_MAX ? -E_NOMEM : 0);
	}
	assert_int_equal(netdev_count(), NETDEVS_MAX);
	assert_ptr_equal(netdev_at(0), &dev[0]);
	assert_string_equal(netdev_at(0)->name, "net0");
	assert_string_equal(netdev_at(15)->name, "net15");
}

static void pieces_are_copied_from_any_byte(void **state)
{
	static const u8 bytes[] = "abcdefghij";
	const struct net_piece piece[] = { { bytes, 0, 3 }, { bytes + 3, 0, 0 }, { bytes + 3, 0, 1 }, { bytes + 4, 0, 6 } };
	const struct net_frame f = { .piece = piece, .pieces = 4, .len = 10 };

	for (u32 skip = 0; skip <= 12; skip++)
		for (u32 n = 0; n <= 12; n++) {
			u32 want = skip >= 10 ? 0 : MIN(n, 10 - skip);
			u8 to[16];

			memset(to, '#', sizeof(to));
			assert_int_equal(net_copy(&f, skip, to, n), want);
			assert_memory_equal(to, bytes + MIN(skip, 10u), want);
			assert_int_equal(to[want], '#');
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cards_are_numbered_until_the_table_is_full),
		cmocka_unit_test(pieces_are_copied_from_any_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
