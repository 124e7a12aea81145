/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/storage/snap_format.c hv/storage/gpt.c hv/storage/gpt_edit.c hv/lib/string.c */
/* Stores of snapshots as bytes: right sums, and yet wrong; each limit from both sides; the format as disks have it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../../../hv/storage/gpt.h"
#include "../../../../hv/storage/gpt_layout.h"
#include "../../../../hv/storage/snap_format.h"

#include <hv/lib.h>

#define PER 128u			/* sectors of an extent of 64 KiB */
#define LARGE (1ul << 50)

static const u8 store[16] = "0123456789abcde";
static u8 *block;			/* of malloc: a byte behind it is seen */

static int setup(void **state)
{
	block = malloc(SNAP_BLOCK);
	return block ? 0 : -1;
}

static int teardown(void **state)
{
	free(block);
	return 0;
}

static struct snap_super good(u64 sectors)
{
	struct snap_super s = { .id = 7, .seq = 1, .begin = 1 };

	memcpy(s.store, store, 16);
	memset(s.origin, 0x5a, 16);
	assert_int_equal(snap_layout(&s, sectors, 4096), 0);
	return s;
}

static bool is_read(const struct snap_super *s, u64 sectors)
{
	struct snap_super back;

	snap_super_write(s, block);
	return snap_super_read(&back, block, sectors, store);
}

/* Where its chunks begin, after something before them was changed. */
static void move_data(struct snap_super *s)
{
	s->data = ALIGN_UP((SNAP_HEAD_BLOCKS + 2ul * s->half) * 8, BIT(s->shift) / 512);
}

#define BUT(change) do { struct snap_super s = good(65536); change; move_data(&s); assert_false(is_read(&s, LARGE)); } while (0)
#define ALSO(change) do { struct snap_super s = good(65536); change; move_data(&s); assert_true(is_read(&s, LARGE)); } while (0)

static void test_geometry(void **state)
{
	struct snap_super few = good(65536), s = few;

	BUT(s.shift = SNAP_SHIFT_MIN - 1);
	ALSO(s.shift = SNAP_SHIFT_MAX);
	BUT(s.shift = SNAP_SHIFT_MAX + 1);
	s.shift = 64;
	assert_false(is_read(&s, LARGE));
	s = few;
	BUT(s.half++);
	BUT(s.sectors = 0);
	ALSO(s.sectors = (u64)UINT32_MAX * PER - 1);
	BUT(s.sectors = (u64)UINT32_MAX * PER);
	BUT(s.sectors = ~0ul);
	BUT(s.seq = 0);
	ALSO(s.seq = BIT(62) - 1);
	BUT(s.seq = BIT(62));
	BUT(s.store[15]++);
	ALSO(s.begin = s.half - SNAP_LOG_BLOCKS_MIN);
	BUT(s.begin = s.half - SNAP_LOG_BLOCKS_MIN + 1);
	s.data += PER;
	assert_false(is_read(&s, LARGE));
	s = few;
	s.data -= PER;
	assert_false(is_read(&s, LARGE));
	assert_true(is_read(&few, few.data + few.chunks * PER));
	assert_false(is_read(&few, few.data + few.chunks * PER - 1));
}

/* As many chunks as can be, as few, and one more and less, for which logs of the same length would do. */
static void test_chunks(void **state)
{
	struct snap_super s = good(65536);
	u64 least;

	s = good((u64)SNAP_CHUNKS_MAX * BIT(SNAP_SHIFT_MAX) / 512 * 2);
	assert_int_equal(s.chunks, SNAP_CHUNKS_MAX);
	assert_true(is_read(&s, LARGE));
	s.chunks++;
	assert_false(is_read(&s, LARGE));
	for (least = 8; snap_layout(&s, least, 4096); least++)
		assert_true(least < 65536);
	s = good(least);
	assert_int_equal(s.chunks, SNAP_CHUNKS_MIN);
	assert_int_equal(s.data + s.chunks * PER, least);
	s.chunks--;
	assert_false(is_read(&s, LARGE));
}

static void test_layout_limits(void **state)
{
	struct snap_super s;

	assert_int_equal(snap_layout(&s, 65536, 0), -E_RANGE);
	assert_int_equal(snap_layout(&s, 65536, (u64)UINT32_MAX * PER), -E_RANGE);
	assert_int_equal(snap_layout(&s, 65536, (u64)UINT32_MAX * PER - 1), 0);
	assert_int_equal(snap_extents(&s), UINT32_MAX);
	assert_int_equal(good((u64)SNAP_CHUNKS_MAX * PER).shift, 16);
	assert_int_equal(good((SNAP_CHUNKS_MAX + 1ul) * PER - 1).shift, 16);
	assert_int_equal(good((SNAP_CHUNKS_MAX + 1ul) * PER).shift, 17);
	s = good(65536);
	for (s.sectors = 2 * PER - 1; s.sectors <= 2 * PER + 1; s.sectors++)
		assert_int_equal(snap_extents(&s), s.sectors > 2 * PER ? 3 : 2);
}

/* What older builds have written must be read: these numbers may not change. */
static void test_format_is_what_it_was(void **state)
{
	struct snap_super s = good(65536), back;

	assert_int_equal(s.chunks, 503);
	assert_int_equal(s.half, 67);
	assert_int_equal(s.data, 1152);
	s = good(1ul << 25);
	assert_int_equal(s.chunks, 261918);
	assert_int_equal(s.half, 1800);
	snap_super_write(&s, block);
	assert_memory_equal(block, "blupans1", 8);
	assert_true(snap_super_read(&back, block, 1ul << 25, store));
	assert_memory_equal(&back, &s, sizeof(s));
	for (u32 i = 96; i < SNAP_BLOCK; i++)
		assert_int_equal(block[i], 0);
}

static void test_tombs(void **state)
{
	struct snap_super s = good(65536), other = s;
	u32 sum;

	snap_tomb_write(&s, block);
	assert_true(snap_tomb_is(&s, block));
	block[0]++;
	assert_false(snap_tomb_is(&s, block));
	block[0]--;
	block[8]++;
	assert_false(snap_tomb_is(&s, block));
	block[8]--;
	assert_true(snap_tomb_is(&s, block));
	other.store[0]++;
	snap_tomb_write(&other, block);
	assert_true(snap_tomb_is(&other, block));
	assert_false(snap_tomb_is(&s, block));
	memcpy(&sum, block + 8, 4);
	assert_int_equal(sum, gpt_crc(block + 16, 24));
	for (u32 i = 40; i < SNAP_BLOCK; i++)
		assert_int_equal(block[i], 0);
}

static void set_used(u32 used, u32 counted)
{
	u32 sum;

	memcpy(block + 28, &used, 4);
	sum = gpt_crc(block + 8, counted - 8);
	memcpy(block + 4, &sum, 4);
}

static void test_used(void **state)
{
	struct snap_super s = good(65536);
	struct snap_record r;
	u32 used, at = SNAP_BLOCK_HEAD;

	snap_block_begin(block, &used);
	snap_block_seal(block, used, &s, 3);
	assert_int_equal(snap_block_check(block, &s, 3), SNAP_BLOCK_HEAD);
	assert_int_equal(snap_block_next(block, SNAP_BLOCK_HEAD, &at, &r), 0);
	for (used = 8; used < SNAP_BLOCK_HEAD; used++) {
		set_used(used, used);
		assert_int_equal(snap_block_check(block, &s, 3), 0);
	}
	set_used(0, 8);
	assert_int_equal(snap_block_check(block, &s, 3), 0);
	set_used(SNAP_BLOCK, SNAP_BLOCK);
	assert_int_equal(snap_block_check(block, &s, 3), SNAP_BLOCK);
	set_used(SNAP_BLOCK + 1, SNAP_BLOCK);
	assert_int_equal(snap_block_check(block, &s, 3), 0);
	block[0]++;
	set_used(SNAP_BLOCK, SNAP_BLOCK);
	assert_int_equal(snap_block_check(block, &s, 3), 0);
}

/* All but the hole in the structure. */
static void assert_same(const struct snap_record *r, const struct snap_record *other)
{
	assert_memory_equal(r, other, offsetof(struct snap_record, chunk) + sizeof(r->chunk));
	assert_int_equal(r->taken, other->taken);
	assert_memory_equal(r->guid, other->guid, sizeof(r->guid) + sizeof(r->name));
}

/* Two records of 76 bytes and 326 of 12 fill a block to its last byte. */
static void test_full_block(void **state)
{
	struct snap_record layer = { .op = SNAP_LAYER, .layer = 3, .kind = SNAP_CLONE, .base = 9, .extent = 0x11223344, .chunk = 1,
		.taken = 0x123456789aul, .guid = "guid of a layer", .name = "before" };
	struct snap_record map = { .op = SNAP_MAP, .layer = 30, .extent = 0x55667788, .chunk = 0xaabb }, back;
	u32 used, at = SNAP_BLOCK_HEAD;

	snap_block_begin(block, &used);
	for (u32 i = 0; i < 328; i++)
		assert_true(snap_block_put(block, &used, i < 2 ? &layer : &map));
	assert_int_equal(used, SNAP_BLOCK);
	assert_false(snap_block_put(block, &used, &map));
	assert_int_equal(used, SNAP_BLOCK);
	for (u32 i = 0; i < 328; i++) {
		assert_int_equal(snap_block_next(block, used, &at, &back), 1);
		assert_same(&back, i < 2 ? &layer : &map);
	}
	assert_int_equal(snap_block_next(block, used, &at, &back), 0);
	assert_int_equal(at, SNAP_BLOCK);
	snap_block_begin(block, &used);
	for (u32 i = 0; i < SNAP_BLOCK; i++)
		assert_int_equal(block[i], 0);
}

/* The last record is cut by the end of what is used. */
static void test_cut_records(void **state)
{
	struct snap_record r = { .op = SNAP_LAYER, .name = "x" }, back;
	u32 used, at;

	snap_block_begin(block, &used);
	assert_true(snap_block_put(block, &used, &r));
	for (u32 cut = 1; cut < used - SNAP_BLOCK_HEAD; cut++) {
		at = SNAP_BLOCK_HEAD;
		assert_int_equal(snap_block_next(block, used - cut, &at, &back), -E_INVAL);
		assert_int_equal(at, SNAP_BLOCK_HEAD);
	}
	at = SNAP_BLOCK_HEAD;
	assert_int_equal(snap_block_next(block, used, &at, &back), 1);
}

static void test_names(void **state)
{
	char *name = malloc(SNAP_NAME_SIZE);

	memset(name, 'a', SNAP_NAME_SIZE);
	assert_false(snap_name_ok(name));
	name[36] = 0;
	assert_true(snap_name_ok(name));
	name[1] = '/';
	assert_false(snap_name_ok(name));
	name[0] = 0;
	assert_false(snap_name_ok(name));
	free(name);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = { T(test_geometry), T(test_chunks), T(test_layout_limits), T(test_format_is_what_it_was),
		T(test_tombs), T(test_used), T(test_full_block), T(test_cut_records), T(test_names) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
