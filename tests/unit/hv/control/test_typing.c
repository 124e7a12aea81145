/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/control/typing.c hv/lib/string.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <hv/control/typing.h>
#include <hv/time.h>

#define MS 1000000ul

struct timebase timebase = { .tsc_hz = 1000000000 };
static u8 typed[256];
static u32 count;
static u64 now;

u64 mul_div(u64 ticks, u64 num, u64 den)
{
	return (u64)((unsigned __int128)ticks * num / den);
}

void hub_input(u8 byte)
{
	assert_true(count < sizeof(typed));
	typed[count++] = byte;
}

/* A guest's screen is shown: keys go here. */
static bool graphic;
static u16 keys[64];
static u32 key_count;

struct guest *hub_screen_guest(void)
{
	return graphic ? (struct guest *)keys : NULL;
}

void hub_key(u16 code, bool down)
{
	if (graphic)
		keys[key_count++ % 64] = (u16)(code | (down ? 0 : 0x80));
}

static int fresh(void **state)
{
	typing_init();
	count = key_count = 0;
	graphic = false;
	now = 1;
	return 0;
}

static void key(u16 code, bool down)
{
	struct key_event e = { code, down };

	typing_key(&e, now);
}

static void tap(u16 code)
{
	key(code, true);
	key(code, false);
}

static void expect(const char *text, u32 n)
{
	assert_int_equal(count, n);
	assert_memory_equal(typed, text, n);
	count = 0;
}

static void letters_and_modifiers(void **state)
{
	tap(0x1e);
	key(0x2a, true);
	tap(0x1e);
	tap(0x02);
	tap(0x2b);
	key(0x36, true);
	key(0x2a, false);
	tap(0x35);
	key(0x36, false);
	tap(0x35);
	expect("aA!|?/", 6);
	key(0x1d, true);
	tap(0x1e);
	tap(0x39);
	tap(0x1a);
	key(0x1d, false);
	expect("\x01\0\x1b", 3);
	key(0x38, true);
	tap(0x30);
	key(0x38, false);
	expect("\x1b" "b", 2);
	tap(0x1c);
	tap(0x0e);
	tap(0x0f);
	tap(0x01);
	tap(0xe01c);
	expect("\r\x7f\t\x1b\r", 5);
}

static void caps_lock_is_for_letters(void **state)
{
	tap(0x3a);
	tap(0x1e);
	tap(0x02);
	key(0x2a, true);
	tap(0x1e);
	key(0x2a, false);
	tap(0x3a);
	tap(0x1e);
	expect("A1aa", 4);
}

static void cursor_keys_and_pad(void **state)
{
	tap(0xe048);
	tap(0xe053);
	tap(0x3b);
	expect("\x1b[A\x1b[3~\x1bOP", 10);
	tap(0x47);
	tap(0x53);
	tap(0x4a);
	tap(0xe035);
	expect("7.-/", 4);
	tap(0x45);
	tap(0x47);
	expect("\x1b[H", 3);
}

static void what_is_no_key_sends_nothing(void **state)
{
	for (u32 code = 0; code < 0x10000; code++) {
		if ((code & 0xff) < 0x5f && (code >> 8 == 0 || code >> 8 == 0xe0))
			continue;
		tap((u16)code);
	}
	assert_int_equal(count, 0);
}

static void a_held_key_repeats(void **state)
{
	key(0x1e, true);
	assert_true(typing_tick(now));
	key(0x1e, true);		/* the keyboard's own repetition */
	expect("a", 1);
	now += 499 * MS;
	typing_tick(now);
	expect("", 0);
	now += 2 * MS;
	typing_tick(now);
	typing_tick(now);
	expect("a", 1);
	now += 34 * MS;
	typing_tick(now);
	expect("a", 1);
	key(0x30, true);		/* the newer one repeats */
	key(0x1e, false);
	now += 600 * MS;
	typing_tick(now);
	expect("bb", 2);
	key(0x30, false);
	assert_false(typing_tick(now + 1000 * MS));
	expect("", 0);
}

static void expect_keys(const u16 *want, u32 n)
{
	assert_int_equal(key_count, n);
	assert_memory_equal(keys, want, n * sizeof(*want));
	key_count = 0;
}

static void a_guests_keyboard(void **state)
{
	static const u16 plain[] = { 0x2a, 0x1e, 0x9e, 0xaa, 0xe048, 0xe0c8, 0x3a, 0xba };
	static const u16 escaped[] = { 0x1d, 0x9d, 0xe09d, 0x9e, 0x9d, 0x82 };
	static const u16 twice[] = { 0x1d, 0x9d, 0xe09d, 0x9e, 0x1d, 0x1e, 0x9e, 0x9d, 0x9e, 0x9d };

	graphic = true;
	key(0x2a, true);
	tap(0x1e);
	key(0x2a, false);
	tap(0xe048);
	tap(0x3a);
	expect_keys(plain, 8);
	tap(0x3a);
	key_count = 0;
	key(0x1d, true);
	tap(0x1e);
	key(0x1d, false);
	tap(0x02);
	expect("\x01" "1", 2);
	assert_int_equal(keys[0], escaped[0]);
	assert_int_equal(keys[1], escaped[1]);
	assert_int_equal(keys[2], escaped[2]);
	for (u32 i = 0; i < key_count; i++)
		assert_true(i == 0 || keys[i] & 0x80);		/* nothing but releases reach the guest */
	key_count = 0;
	key(0x1d, true);
	tap(0x1e);
	tap(0x1e);
	key(0x1d, false);
	expect("", 0);
	expect_keys(twice, 10);
	tap(0x02);
	expect("", 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(letters_and_modifiers, fresh),
		cmocka_unit_test_setup(caps_lock_is_for_letters, fresh),
		cmocka_unit_test_setup(cursor_keys_and_pad, fresh),
		cmocka_unit_test_setup(what_is_no_key_sends_nothing, fresh),
		cmocka_unit_test_setup(a_held_key_repeats, fresh),
		cmocka_unit_test_setup(a_guests_keyboard, fresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
