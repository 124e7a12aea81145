/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/web/rfb.c hv/web/rfb_frame.c hv/web/rfb_tile.c hv/web/rfb_keys.c hv/lib/deflate.c hv/lib/string.c hv/lib/format.c */
/* RFB on known bytes; what a viewer would see is decoded by tests/tools/rfb.py, which shares no code. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "hv/web/rfb.h"
#include "hv/web/rfb_keys.h"

#define INTERVAL 100ul

static struct rfb rfb;
static struct picture picture;
static u64 now;
static u8 to[RFB_SEND_MAX];
static u8 sent[1 << 22];
static u32 sent_length;
static char events[2000];
static char folder[] = "/tmp/test_rfb_XXXXXX";

static void on_key(void *arg, u32 keysym, u16 key, bool down)
{
	snprintf(events + strlen(events), sizeof(events) - strlen(events), "k%x,%x,%u ", keysym, key, down);
}

static void on_pointer(void *arg, u8 buttons, u16 x, u16 y)
{
	snprintf(events + strlen(events), sizeof(events) - strlen(events), "p%u,%u,%u ", buttons, x, y);
}

static const struct rfb_user user = { on_key, on_pointer };

static void say(const void *bytes, u32 n)
{
	u8 *copy = malloc(n);		/* the sanitizer sees the end */

	memcpy(copy, bytes, n);
	rfb_take(&rfb, copy, n, &user, NULL);
	free(copy);
}
#define SAY(text) say(text, sizeof(text) - 1)

/* A picture in memory that ends where its last pixel does. */
static void draw(u32 width, u32 height, u32 pitch, u32 (*colour)(u32 x, u32 y))
{
	u64 size = (u64)pitch * (height - 1) + 4ul * width;
	u8 *pixels;

	free((void *)picture.pixels);
	pixels = malloc(size);
	memset(pixels, 0x55, size);
	for (u32 y = 0; y < height; y++)
		for (u32 x = 0; x < width; x++) {
			u32 val = colour(x, y) | 0xab000000;

			memcpy(pixels + (u64)y * pitch + 4 * x, &val, 4);
		}
	picture = (struct picture){ pixels, width, height, pitch };
}

static u32 plain_colour(u32 x, u32 y) { return 0x123456; }
static u32 text_like(u32 x, u32 y) { return (x / 3 * 7 + y / 2 * 5) % 11 < 3 ? 0xffffff : 0x000080; }
static u32 few(u32 x, u32 y) { return ((x / 5 + y / 7) % 4) * 0x3f1f0f; }
static u32 sixteen(u32 x, u32 y) { return ((x + y) % 16) * 0x0f0e0d; }
static u32 greys(u32 x, u32 y) { return ((x * 3 + y) & 127) * 0x010101; }
static u32 noise(u32 x, u32 y) { return (x * 2654435761u ^ y * 40503u * 65537u) & 0xffffff; }

static u32 mixed(u32 x, u32 y)
{
	static u32 (*const kind[])(u32, u32) = { plain_colour, text_like, few, sixteen, greys, noise };

	return kind[(x / 64 + y / 64 * 5) % 6](x, y);
}

/* All that goes out now. */
static u32 run(const struct picture *p)
{
	u32 before = sent_length, idle = 0, calls = 0;
	bool again;

	while (idle < 2) {
		u32 n = rfb_send(&rfb, p, now, to, &again);

		assert_true(n <= sizeof(to) && ++calls < 5000);
		memcpy(sent + sent_length, to, n);
		sent_length += n;
		idle = n || again ? 0 : idle + 1;
	}
	return sent_length - before;
}

static int setup(void **state)
{
	memset(&rfb, 0, sizeof(rfb));
	now = 1000;
	sent_length = 0;
	events[0] = 0;
	draw(200, 150, 208 * 4, mixed);
	return 0;
}

static void begin(void)
{
	rfb_begin(&rfb, "pc", &picture, INTERVAL);
	run(&picture);
	SAY("RFB 003.008\n\1\1");
	run(&picture);
}

static void ask(bool incremental)
{
	u8 message[10] = { 3, incremental, 0, 0, 0, 0, (u8)(rfb.width >> 8), (u8)rfb.width, (u8)(rfb.height >> 8), (u8)rfb.height };

	say(message, sizeof(message));
}

static void list(s32 a, s32 b, s32 c)
{
	u8 message[16] = { 2, 0, 0, 3 };
	s32 all[3] = { a, b, c };

	for (u32 i = 0; i < 3; i++)
		rfb_put32(message + 4 + 4 * i, (u32)all[i]);
	say(message, sizeof(message));
}

/* What was sent makes the picture that there is. */
static void compare(const struct rfb_format *f)
{
	char path[64], command[300];
	FILE *file;

	snprintf(path, sizeof(path), "%s/stream", folder);
	file = fopen(path, "wb");
	assert_int_equal(fwrite(sent, 1, sent_length, file), sent_length);
	fclose(file);
	snprintf(path, sizeof(path), "%s/raw", folder);
	file = fopen(path, "wb");
	for (u32 y = 0; y < picture.height; y++)
		assert_int_equal(fwrite(picture.pixels + (u64)y * picture.pitch, 4, picture.width, file), picture.width);
	fclose(file);
	snprintf(command, sizeof(command), "tests/tools/rfb.py --compare %s/stream %s/raw %u %u %u %u %u %u %u %u %u", folder, folder,
		 f->bits, f->depth, f->big_endian, f->shift[0], f->shift[1], f->shift[2], f->max[0], f->max[1], f->max[2]);
	assert_int_equal(system(command), 0);
}

/* --- the handshake ----------------------------------------------------------------------------------------------------------- */

static void handshake(void **state)
{
	static const char init[] = "\0\xc8\0\x96\x20\x18\0\1\0\xff\0\xff\0\xff\x10\x08\0\0\0\0\0\0\0\2pc";

	rfb_begin(&rfb, "pc", &picture, INTERVAL);
	assert_int_equal(run(&picture), 12);
	assert_memory_equal(sent, "RFB 003.008\n", 12);
	SAY("RFB 003.0");
	assert_int_equal(run(&picture), 0);
	SAY("08\n");
	assert_int_equal(run(&picture), 2);
	assert_memory_equal(sent + 12, "\1\1", 2);
	SAY("\1");
	assert_int_equal(run(&picture), 4);
	assert_memory_equal(sent + 14, "\0\0\0\0", 4);
	SAY("\1");
	assert_int_equal(run(&picture), sizeof(init) - 1);
	assert_memory_equal(sent + 18, init, sizeof(init) - 1);
	assert_int_equal(rfb.error, RFB_FINE);
}

static void older_versions(void **state)
{
	rfb_begin(&rfb, "pc", NULL, INTERVAL);
	SAY("RFB 003.007\n\1\0");
	assert_int_equal(run(NULL), 12 + 2 + 26);
	assert_memory_equal(sent + 14, "\x02\x80\x01\xe0", 4);	/* nothing on the screen: 640 x 480 */
	setup(state);
	rfb_begin(&rfb, "pc", &picture, INTERVAL);
	SAY("RFB 003.003\n\0");
	assert_int_equal(run(&picture), 12 + 4 + 26);
	assert_memory_equal(sent + 12, "\0\0\0\1\0\xc8", 6);
}

static void refuses(const char *bytes, u32 n, enum rfb_error error)
{
	memset(&rfb, 0, sizeof(rfb));
	sent_length = 0;
	rfb_begin(&rfb, "pc", &picture, INTERVAL);
	say(bytes, n);
	assert_int_equal(rfb.error, error);
	say(bytes, n);			/* nothing is taken after that */
	assert_int_equal(rfb.error, error);
	run(&picture);
}
#define REFUSES(text, error) refuses(text, sizeof(text) - 1, error)
#define HELLO "RFB 003.008\n\1\1"

static void what_is_no_rfb(void **state)
{
	REFUSES("GET / HTTP/1.1\r\n", RFB_BAD);
	REFUSES("RFB 00a.008\n", RFB_BAD);
	REFUSES("RFB 003.008 ", RFB_BAD);
	REFUSES("RFB 002.008\n", RFB_BAD);
	REFUSES("RFB 003.008\n\2", RFB_NOT_HERE);
	REFUSES(HELLO "\1", RFB_BAD);
	REFUSES(HELLO "\x99", RFB_BAD);
	REFUSES(HELLO "\xff\1", RFB_BAD);
	REFUSES(HELLO "\6\0\0\0\xff\xff\xff\xff", RFB_TOO_LONG);
	REFUSES(HELLO "\6\0\0\0\0\4\0\1", RFB_TOO_LONG);
	REFUSES(HELLO "\6\0\0\0\0\4\0\0", RFB_FINE);
	REFUSES(HELLO "\0\0\0\0\x20\x18\0\0\0\xff\0\xff\0\xff\x10\x08\0\0\0\0", RFB_NOT_HERE);	/* colour map */
	REFUSES(HELLO "\0\0\0\0\x18\x18\0\1\0\xff\0\xff\0\xff\x10\x08\0\0\0\0", RFB_NOT_HERE);	/* 24 bits */
	REFUSES(HELLO "\0\0\0\0\x10\x18\0\1\0\xff\0\xff\0\xff\x10\x08\0\0\0\0", RFB_NOT_HERE);	/* they do not fit */
	REFUSES(HELLO "\0\0\0\0\x20\x18\0\1\0\xff\0\xff\0\xff\xff\x08\0\0\0\0", RFB_NOT_HERE);
	REFUSES(HELLO "\0\0\0\0\x20\x18\0\1\0\xff\0\0\0\xff\x10\x08\0\0\0\0", RFB_NOT_HERE);
}

/* --- input ------------------------------------------------------------------------------------------------------------------- */

static void messages_in_pieces(void **state)
{
	static const char all[] = "\4\1\0\0\0\0\0\x61" "\5\1\1\2\0\3" "\6\0\0\0\0\0\0\5hello" "\2\0\0\0"
		"\xff\0\0\1\0\0\xff\x1b\0\0\0\1" "\xff\0\0\0\0\0\xff\x52\0\0\0\xc8" "\xff\0\0\1\0\0\0\x62\0\0\1\1" "\4\0\0\0\0\0\0\x61";

	for (u32 piece = 1; piece < sizeof(all); piece++) {
		setup(state);
		begin();
		for (u32 i = 0; i < sizeof(all) - 1; i += piece)
			say(all + i, piece < sizeof(all) - 1 - i ? piece : (u32)sizeof(all) - 1 - i);
		assert_string_equal(events, "k61,0,1 p1,258,3 kff1b,1,1 kff52,e048,0 k62,0,1 k61,0,0 ");
		assert_int_equal(rfb.error, RFB_FINE);
	}
}

static char keys[400];

static void put(void *arg, u16 key, bool down)
{
	snprintf(keys + strlen(keys), sizeof(keys) - strlen(keys), "%s%x ", down ? "" : "-", key);
}

static const char *presses(struct rfb_keys *k, u32 keysym, u16 key, bool down)
{
	keys[0] = 0;
	rfb_key(k, keysym, key, down, put, NULL);
	return keys;
}

static void keysyms(void **state)
{
	struct rfb_keys k = { 0 };

	assert_string_equal(presses(&k, 'a', 0, true), "1e ");
	assert_string_equal(presses(&k, 'a', 0, false), "-1e ");
	assert_string_equal(presses(&k, 'A', 0, true), "2a 1e -2a ");	/* no shift was told */
	assert_string_equal(presses(&k, 'A', 0, false), "-1e ");
	assert_string_equal(presses(&k, '!', 0, true), "2a 2 -2a ");
	assert_string_equal(presses(&k, '7', 0, true), "8 ");
	assert_string_equal(presses(&k, '-', 0, true), "c ");
	assert_string_equal(presses(&k, '*', 0, true), "2a 9 -2a ");
	assert_string_equal(presses(&k, ' ', 0, true), "39 ");
	assert_string_equal(presses(&k, '~', 0, true), "2a 29 -2a ");
	assert_string_equal(presses(&k, 0xffe2, 0, true), "36 ");		/* right shift */
	assert_string_equal(presses(&k, 'A', 0, true), "1e ");
	assert_string_equal(presses(&k, '/', 0, true), "-36 35 36 ");		/* a layout that has it on shift-7 */
	assert_string_equal(presses(&k, 0xffe2, 0, false), "-36 ");
	assert_string_equal(presses(&k, 0xffe5, 0, true), "3a ");		/* caps lock: letters come as capitals */
	assert_string_equal(presses(&k, 'A', 0, true), "1e ");
	assert_string_equal(presses(&k, 'a', 0, true), "2a 1e -2a ");
	assert_string_equal(presses(&k, '1', 0, true), "2 ");
	assert_string_equal(presses(&k, 0xff52, 0, true), "e048 ");
	assert_string_equal(presses(&k, 0xffc9, 0, true), "58 ");
	assert_string_equal(presses(&k, 0xff8d, 0, true), "e01c ");
	assert_string_equal(presses(&k, 0xfe03, 0, true), "");
	assert_string_equal(presses(&k, 0x1000000, 0, true), "");
	assert_string_equal(presses(&k, 0xffffffff, 0, true), "");
	/* The key is told: whatever the character is. */
	assert_string_equal(presses(&k, 'z', 0x15, true), "15 ");
	assert_string_equal(presses(&k, 0, 0x2a, true), "2a ");
	assert_string_equal(presses(&k, '!', 0x02, true), "2 ");
}

/* --- pictures ---------------------------------------------------------------------------------------------------------------- */

static const s32 encodings[] = { RFB_RAW, RFB_TIGHT, RFB_ZRLE };

static void all_encodings(void **state)
{
	static const struct rfb_format format[] = {
		{ 32, 24, false, { 255, 255, 255 }, { 16, 8, 0 } }, { 32, 24, false, { 255, 255, 255 }, { 0, 8, 16 } },
		{ 32, 24, true, { 255, 255, 255 }, { 24, 16, 8 } }, { 32, 24, true, { 255, 255, 255 }, { 16, 8, 0 } },
		{ 32, 32, false, { 255, 255, 255 }, { 24, 0, 8 } }, { 32, 30, false, { 1023, 1023, 1023 }, { 20, 10, 0 } },
		{ 16, 16, false, { 31, 63, 31 }, { 11, 5, 0 } }, { 16, 15, true, { 31, 31, 31 }, { 10, 5, 0 } },
		{ 8, 8, false, { 7, 7, 3 }, { 0, 3, 6 } },
	};

	for (u32 i = 0; i < ARRAY_COUNT(format) * 3; i++) {
		const struct rfb_format *f = &format[i / 3];
		u8 set[20] = { 0, 0, 0, 0, f->bits, f->depth, f->big_endian, 1 };

		setup(state);
		begin();
		for (u32 k = 0; k < 3; k++) {
			rfb_put16(set + 8 + 2 * k, f->max[k]);
			set[14 + k] = f->shift[k];
		}
		say(set, sizeof(set));
		list(encodings[i % 3], 5, RFB_RAW);
		ask(false);
		assert_true(run(&picture) > 1000);
		compare(f);
	}
}

static u32 size_of(s32 encoding, u32 (*colour)(u32, u32))
{
	setup(NULL);
	draw(640, 400, 640 * 4, colour);
	begin();
	list(encoding, 5, 6);
	ask(false);
	return run(&picture);
}

static void compressed(void **state)
{
	u32 raw = size_of(RFB_RAW, text_like);

	assert_true(raw > 640 * 400 * 4);
	assert_true(size_of(RFB_TIGHT, text_like) < raw / 50);
	assert_true(size_of(RFB_ZRLE, text_like) < raw / 50);
	assert_true(size_of(RFB_TIGHT, plain_colour) < 2000);
	assert_true(size_of(RFB_TIGHT, noise) < raw * 4 / 5);
	assert_true(size_of(RFB_ZRLE, noise) < raw * 4 / 5);
}

static void pixel(u32 x, u32 y, u32 colour)
{
	memcpy((u8 *)(uintptr_t)picture.pixels + (u64)y * picture.pitch + 4ul * x, &colour, 4);
}

static void only_what_changed(void **state)
{
	begin();
	ask(false);
	run(&picture);
	ask(true);
	now += INTERVAL;
	assert_int_equal(run(&picture), 0);			/* nothing has changed: the request waits */
	pixel(199, 149, 0x424242);				/* the last one */
	assert_int_equal(run(&picture), 0);			/* not yet time to look */
	now += INTERVAL;
	assert_int_equal(run(&picture), 4 + 12 + 8 * 22 * 4);
	now += INTERVAL;
	pixel(0, 0, 1);
	assert_int_equal(run(&picture), 0);			/* was not asked for */
	pixel(70, 0, 0xff000000 | (picture_pixel(&picture, 70, 0)));	/* the unused byte is no change */
	ask(true);
	assert_int_equal(run(&picture), 4 + 12 + 64 * 64 * 4);
	compare(&rfb_format_own);
	/* A part of it: tiles of the first column only. */
	now += INTERVAL;
	SAY("\3\0\0\0\0\0\0\1\0\1");
	assert_int_equal(run(&picture), 4 + 12 + 64 * 64 * 4);
	now += INTERVAL;
	SAY("\3\0\xff\xff\xff\xff\xff\xff\xff\xff" "\3\0\0\0\0\0\0\0\0\0");	/* nowhere, and nothing */
	assert_int_equal(run(&picture), 0);
	now += INTERVAL;
	SAY("\3\1\0\x80\0\0\xff\xff\xff\xff");
	pixel(0, 0, 77);
	assert_int_equal(run(&picture), 0);			/* beside it */
	pixel(150, 100, 77);
	now += INTERVAL;
	assert_int_equal(run(&picture), 4 + 12 + 64 * 64 * 4);
}

/* Work that takes long leaves the core to others for longer. */
static void rests(void **state)
{
	begin();
	ask(false);
	run(&picture);
	rfb.spent = 1000;
	now += INTERVAL;
	ask(false);
	assert_true(run(&picture) > 0);				/* spent is of the frame that begins */
	rfb.frame = RFB_REST;
	ask(false);
	now += INTERVAL;
	while (rfb.frame != RFB_SEND) {
		bool again;

		sent_length += rfb_send(&rfb, &picture, now, to, &again);
	}
	rfb.spent = 1000;
	run(&picture);
	ask(false);
	now += 4999;
	assert_int_equal(run(&picture), 0);
	now++;
	assert_true(run(&picture) > 0);
}

static void another_mode(void **state)
{
	begin();
	list(RFB_TIGHT, RFB_DESKTOP_SIZE, RFB_EXTENDED_KEY);
	ask(false);
	run(&picture);
	draw(320, 65, 320 * 4, mixed);
	ask(true);
	assert_int_equal(run(&picture), 0);
	now += INTERVAL;
	assert_int_equal(run(&picture), 16);
	assert_memory_equal(sent + sent_length - 16, "\0\0\0\1\0\0\0\0\1\x40\0\x41\xff\xff\xff\x21", 16);
	ask(true);
	now += INTERVAL;
	assert_true(run(&picture) > 100);
	compare(&rfb_format_own);
	/* In the middle of a frame: what was announced comes, black where there is nothing any more. */
	ask(false);
	now += INTERVAL;
	while (rfb.frame != RFB_SEND) {
		bool again;
		u32 n = rfb_send(&rfb, &picture, now, to, &again);

		memcpy(sent + sent_length, to, n);
		sent_length += n;
	}
	draw(10, 10, 40, mixed);
	run(&picture);
	run(NULL);
	ask(true);
	now += INTERVAL;
	assert_int_equal(run(&picture), 16);
	ask(true);
	now += INTERVAL;
	run(&picture);
	compare(&rfb_format_own);
}

/* A viewer that cannot follow sees its part, and black. */
static void a_viewer_of_one_size(void **state)
{
	begin();
	ask(false);
	run(&picture);
	draw(100, 300, 400, mixed);
	ask(true);
	now += INTERVAL;
	assert_true(run(&picture) > 1000);
	now += INTERVAL;
	ask(true);
	assert_true(run(NULL) > 1000);				/* switched off */
	draw(200, 150, 800, mixed);
	ask(true);
	now += INTERVAL;
	run(&picture);
	compare(&rfb_format_own);
}

static u32 black(u32 x, u32 y) { return 0; }

static void largest(void **state)
{
	static const u32 size[][2] = { { 8192, 512 }, { 512, 8192 }, { 8129, 515 }, { 65, 8192 }, { 8192, 1 }, { 1, 8192 }, { 2049, 2046 } };

	for (u32 i = 0; i < ARRAY_COUNT(size); i++) {
		setup(state);
		draw(size[i][0], size[i][1], size[i][0] * 4, black);
		begin();
		list(RFB_TIGHT, 0, 0);
		assert_int_equal(rfb.height, size[i][1]);
		ask(false);
		assert_int_equal(run(&picture), 4 + rfb.columns * rfb.rows * 16);
		assert_true(rfb.columns * rfb.rows <= RFB_TILES_MAX);
	}
	/* More than any guest's memory holds. */
	setup(state);
	picture = (struct picture){ NULL, 65536, 65536, 0 };
	rfb_begin(&rfb, "pc", &picture, INTERVAL);
	assert_true(rfb.columns * rfb.rows <= RFB_TILES_MAX && rfb.width == 8192 && rfb.height <= rfb.rows * 64);
}

static void bells(void **state)
{
	begin();
	rfb_bell(&rfb);
	rfb_bell(&rfb);
	assert_int_equal(run(&picture), 1);
	assert_int_equal(sent[sent_length - 1], 2);
	ask(false);
	while (rfb.frame != RFB_SEND) {
		bool again;

		sent_length += rfb_send(&rfb, &picture, now, to, &again);
	}
	rfb_bell(&rfb);						/* not into the middle of an update */
	run(&picture);
	assert_int_equal(sent[sent_length - 1], 2);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, setup)
	const struct CMUnitTest tests[] = {
		TEST(handshake), TEST(older_versions), TEST(what_is_no_rfb), TEST(messages_in_pieces), TEST(keysyms), TEST(all_encodings),
		TEST(compressed), TEST(only_what_changed), TEST(rests), TEST(another_mode), TEST(a_viewer_of_one_size), TEST(largest),
		TEST(bells),
	};
	char command[64];
	int failed;

	if (!mkdtemp(folder))
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	free((void *)picture.pixels);
	snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command) || failed;
}
