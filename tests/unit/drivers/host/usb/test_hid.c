/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: drivers/host/usb/hid.c drivers/host/keys.c drivers/host/mouse.c hv/lib/string.c */
/* Reports and descriptors of a keyboard, also of one that lies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <drivers/host/usb/hid.h>
#include <hv/keys.h>

static struct hid_keyboard k;

static int fresh(void **state)
{
	struct key_event e;

	memset(&k, 0, sizeof(k));
	while (keys_get(&e))
		;
	return 0;
}

static void report(u8 modifiers, u8 a, u8 b, u8 c)
{
	u8 r[8] = { modifiers, 0, a, b, c };

	hid_report(&k, r, sizeof(r));
}

static void expect(u16 key, bool down)
{
	struct key_event e;

	assert_true(keys_get(&e));
	assert_int_equal(e.key, key);
	assert_int_equal(e.down, down);
}

static void nothing_more(void)
{
	struct key_event e;

	assert_false(keys_get(&e));
}

static void keys_go_down_and_up(void **state)
{
	report(0, 0x04, 0, 0);
	expect(0x1e, true);
	report(0, 0x04, 0x05, 0);
	expect(0x30, true);
	report(0, 0x05, 0, 0);		/* moved to another place: not a change */
	expect(0x1e, false);
	report(0, 0x05, 0, 0);
	nothing_more();
	report(0, 0, 0, 0);
	expect(0x30, false);
	nothing_more();
}

static void modifiers_come_before_keys(void **state)
{
	report(0x02, 0x1e, 0, 0);
	expect(0x2a, true);
	expect(0x02, true);
	report(0x10, 0x52, 0, 0);
	expect(0x02, false);
	expect(0x2a, false);
	expect(0xe01d, true);
	expect(0xe048, true);
	hid_release(&k);
	expect(0xe048, false);
	expect(0xe01d, false);
	nothing_more();
}

static void nonsense_changes_nothing(void **state)
{
	u8 all[8];

	report(0, 0x04, 0, 0);
	expect(0x1e, true);
	report(0xff, 1, 1, 1);		/* roll-over */
	nothing_more();
	memset(all, 0xff, sizeof(all));
	hid_report(&k, all, 7);		/* short */
	nothing_more();
	report(0, 0x04, 0xff, 0x66);	/* usages that no table has */
	nothing_more();
	report(0, 2, 3, 0);		/* error codes */
	expect(0x1e, false);
	nothing_more();
}

static void table_has_every_letter(void **state)
{
	bool seen[128] = { false };
	struct key_event e;

	for (u32 usage = 4; usage < 0x66; usage++) {
		report(0, (u8)usage, 0, 0);
		report(0, 0, 0, 0);
		while (keys_get(&e)) {
			assert_true((e.key & 0x7f) < 0x60);
			if (e.down && e.key < 0x80)
				seen[e.key] = true;
		}
	}
	for (u32 key = 0x01; key <= 0x53; key++)
		assert_true(seen[key] || key == 0x1d || key == 0x2a || key == 0x36 || key == 0x38);
}

static const u8 good[] = {
	9, 2, 59, 0, 2, 1, 0, 0xa0, 50,
	9, 4, 0, 0, 1, 3, 0, 0, 0, 9, 0x21, 0x11, 1, 0, 1, 0x22, 63, 0, 7, 5, 0x82, 3, 4, 0, 10,	/* a mouse first */
	9, 4, 1, 0, 1, 3, 1, 1, 0, 9, 0x21, 0x11, 1, 0, 1, 0x22, 63, 0, 7, 5, 0x81, 3, 8, 0, 10,
};

static void finds_the_keyboard(void **state)
{
	struct hid_found f;

	assert_true(hid_find(good, sizeof(good), &f));
	assert_int_equal(f.config, 1);
	assert_int_equal(f.interface, 1);
	assert_int_equal(f.endpoint, 1);
	assert_int_equal(f.packet, 8);
	assert_int_equal(f.interval, 10);
}

static void refuses_what_is_none(void **state)
{
	struct hid_found f;
	u8 copy[sizeof(good)];

	for (u32 n = 0; n < sizeof(good); n++)
		assert_false(hid_find(good, n, &f));
	memcpy(copy, good, sizeof(good));
	copy[2] = 40;			/* its own length says less */
	assert_false(hid_find(copy, sizeof(copy), &f));
	memcpy(copy, good, sizeof(good));
	copy[9] = 0;			/* a descriptor of no length */
	assert_false(hid_find(copy, sizeof(copy), &f));
	memcpy(copy, good, sizeof(good));
	copy[sizeof(copy) - 5] = 0x80;	/* endpoint 0 */
	assert_false(hid_find(copy, sizeof(copy), &f));
	memcpy(copy, good, sizeof(good));
	copy[sizeof(copy) - 3] = 4;	/* no report fits into a packet */
	assert_false(hid_find(copy, sizeof(copy), &f));
	memcpy(copy, good, sizeof(good));
	copy[14] = 9;
	copy[39] = 9;
	assert_false(hid_find(copy, sizeof(copy), &f));
	assert_true(f.hub);
}

static void random_descriptors(void **state)
{
	struct hid_found f;

	srand(1);
	for (u32 n = 0; n < 200000; n++) {
		size_t size = (size_t)(rand() % 64);
		u8 *bytes = malloc(size + 1), *exact = bytes + 1;

		memcpy(exact, good, size < sizeof(good) ? size : sizeof(good));
		for (u32 i = 0; size && i < 3; i++)
			exact[(u32)rand() % size] = (u8)rand();
		if (hid_find(exact, size < sizeof(good) ? (u32)size : (u32)sizeof(good), &f))
			assert_in_range(f.endpoint, 1, 15);
		free(bytes);
	}
}

static void a_full_queue_keeps_releases(void **state)
{
	struct key_event e;
	u32 downs = 0, ups = 0;

	for (u32 i = 0; i < 200; i++)
		keys_put(0x1e, true);
	for (u32 i = 0; i < 20; i++)
		keys_put(0x1e, false);
	while (keys_get(&e))
		e.down ? downs++ : ups++;
	assert_true(downs > 60 && downs < 128);
	assert_int_equal(ups, 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(keys_go_down_and_up, fresh),
		cmocka_unit_test_setup(modifiers_come_before_keys, fresh),
		cmocka_unit_test_setup(nonsense_changes_nothing, fresh),
		cmocka_unit_test_setup(table_has_every_letter, fresh),
		cmocka_unit_test_setup(finds_the_keyboard, fresh),
		cmocka_unit_test_setup(refuses_what_is_none, fresh),
		cmocka_unit_test_setup(random_descriptors, fresh),
		cmocka_unit_test_setup(a_full_queue_keeps_releases, fresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
