/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/storage/snap_map.c hv/storage/snap_format.c hv/storage/gpt.c hv/storage/gpt_edit.c hv/lib/string.c */
/* What a store keeps, in memory and as bytes: a random life against a plain model, with deletions that are merged chunk
 * by chunk while it goes on; what is read from a disk is refused where it contradicts itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../../../hv/storage/snap_map.h"

#include <hv/lib.h>

#define EXTENTS 24u
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

static struct snap_super super;
static struct snap_map map;
static void *memory;

/* What each layer, and the origin, holds of each extent; what lies in each chunk. */
static u32 holds[SNAP_LAYERS][EXTENTS], origin[EXTENTS], in_chunk[512], version, layers_made;

static u32 noise(u32 below)
{
	static u64 state = 3;

	state = state * 6364136223846793005ul + 1442695040888963407ul;
	return (u32)(state >> 33) % below;
}

static int setup(void **state)
{
	super = (struct snap_super){ .id = 7 };
	assert_int_equal(snap_layout(&super, 32768, EXTENTS * 128 - 60), 0);
	super.seq = 1;
	memory = malloc(snap_map_bytes(&super));
	snap_map_init(&map, &super, memory);
	snap_map_ready(&map);
	memset(origin, 0, sizeof(origin));
	layers_made = version = 0;
	return 0;
}

static int teardown(void **state)
{
	free(memory);
	return 0;
}

static int apply(enum snap_op op, u8 layer, u32 extent, u32 chunk)
{
	return snap_map_apply(&map, &(struct snap_record){ .op = (u8)op, .layer = layer, .extent = extent, .chunk = chunk });
}

static int add(u8 layer, enum snap_kind kind, u8 base, u32 order)
{
	struct snap_record r = { .op = SNAP_LAYER, .layer = layer, .kind = (u8)kind, .base = base, .extent = order };

	strcpy(r.name, "l00000");
	for (u32 i = 5, n = layers_made; i && n; i--, n /= 10)
		r.name[i] = (char)('0' + n % 10);
	layers_made++;
	return snap_map_apply(&map, &r);
}

static u32 read_at(u8 layer, u32 extent)
{
	u32 chunk = snap_map_find(&map, layer, extent);

	return chunk == SNAP_AT_ORIGIN ? origin[extent] : in_chunk[chunk];
}

static void check_all(void)
{
	for (u8 i = 0; i < SNAP_LAYERS; i++)
		for (u32 e = 0; snap_map_is_live(&map, i) && e < EXTENTS; e++)
			assert_int_equal(read_at(i, e), holds[i][e]);
}

static void keep_for(u8 layer, u32 extent)
{
	u32 old = read_at(layer, extent), chunk;

	assert_int_equal(snap_map_take(&map, &chunk), 0);
	in_chunk[chunk] = old;
	assert_int_equal(apply(SNAP_MAP, layer, extent, chunk), 0);
}

static void write_origin(void)
{
	u32 e = noise(EXTENTS);

	if (map.newest != SNAP_NONE && !snap_map_has(&map, map.newest, e))
		keep_for(map.newest, e);
	origin[e] = ++version;
}

static void write_clone(u8 layer)
{
	u32 e = noise(EXTENTS);

	if (!snap_map_has(&map, layer, e))
		keep_for(layer, e);
	in_chunk[snap_map_find(&map, layer, e)] = holds[layer][e] = ++version;
}

static void add_some(u8 from)
{
	u8 new = snap_map_place(&map, SNAP_NONE);
	bool clone = from != SNAP_NONE;

	if (new == SNAP_NONE)
		return;
	assert_int_equal(add(new, clone ? SNAP_CLONE : SNAP_SNAPSHOT, clone ? from : SNAP_NONE, map.order + 1), 0);
	memcpy(holds[new], clone ? holds[from] : origin, sizeof(origin));
}

/* From the records that make this state, the same state. */
static void reload(void)
{
	struct snap_map other;
	void *more = malloc(snap_map_bytes(&super));
	struct snap_record r;

	if (snap_map_dying(&map)) {
		free(more);
		return;
	}
	snap_map_init(&other, &super, more);
	other.mask = map.mask;
	for (u32 k = 0; snap_map_record(&map, &k, &r);)
		assert_int_equal(snap_map_apply(&other, &r), 0);
	snap_map_ready(&other);
	assert_int_equal(other.free, map.free);
	free(memory);
	memory = more;
	map = other;
}

static void step(void)
{
	u8 i = (u8)noise(SNAP_LAYERS);
	bool live = snap_map_is_live(&map, i);

	switch (noise(12)) {
	case 0:
		add_some(SNAP_NONE);
		break;
	case 1:
		if (live && map.layer[i].kind == SNAP_SNAPSHOT)
			add_some(i);
		break;
	case 2:
		if (live)
			assert_int_equal(apply(SNAP_DELETE, i, 0, 0), snap_map_clones(&map, i) ? -E_INVAL : 0);
		break;
	case 3:
		if (!live && map.layer[i].used)
			snap_map_merge(&map, i, 1 + noise(3));
		break;
	case 4:
		if (live && map.layer[i].kind == SNAP_CLONE)
			write_clone(i);
		break;
	case 5:
		reload();
		break;
	default:
		write_origin();
		break;
	}
}

static void test_a_life(void **state)
{
	for (u32 n = 0; n < 40000; n++) {
		if (map.free < 4)
			for (u8 i = SNAP_LAYERS; i; i--)
				if (map.layer[i - 1].used && (map.layer[i - 1].dying || !apply(SNAP_DELETE, (u8)(i - 1), 0, 0)))
					snap_map_merge(&map, (u8)(i - 1), 1000);
		step();
		if (n % 7 == 0)
			check_all();
	}
	assert_true(layers_made > 500);
	for (u32 n = 0; n < 3; n++)
		for (u8 i = 0; i < SNAP_LAYERS; i++)
			if (map.layer[i].used && (map.layer[i].dying || !apply(SNAP_DELETE, i, 0, 0)))
				snap_map_merge(&map, i, 1000);
	assert_int_equal(map.free, map.chunks);
}

/* The same with several extents in each place of the table. */
static void test_a_crowded_life(void **state)
{
	map.mask = 3;
	test_a_life(state);
}

static void test_contradictions(void **state)
{
	struct snap_record bad = { .op = SNAP_LAYER, .layer = 4, .kind = SNAP_SNAPSHOT, .base = SNAP_NONE, .extent = 100, .name = "a/b" };
	u32 chunk;

	map.live = false;			/* as it is while a log is read */
	assert_int_equal(add(0, SNAP_CLONE, 0, 1), -E_INVAL);
	assert_int_equal(add(0, 9, SNAP_NONE, 1), -E_INVAL);
	assert_int_equal(add(SNAP_LAYERS, SNAP_SNAPSHOT, SNAP_NONE, 1), -E_INVAL);
	assert_int_equal(add(0, SNAP_SNAPSHOT, SNAP_NONE, 5), 0);
	layers_made--;
	assert_int_equal(add(1, SNAP_SNAPSHOT, SNAP_NONE, 6), -E_INVAL);	/* its name is there */
	assert_int_equal(add(1, SNAP_SNAPSHOT, SNAP_NONE, 5), -E_INVAL);
	assert_int_equal(add(0, SNAP_SNAPSHOT, SNAP_NONE, 7), -E_INVAL);
	assert_int_equal(add(1, SNAP_CLONE, 0, 7), 0);
	assert_int_equal(add(2, SNAP_CLONE, 1, 8), -E_INVAL);
	assert_int_equal(add(2, SNAP_CLONE, 200, 8), -E_INVAL);
	assert_int_equal(apply(SNAP_MAP, 0, EXTENTS, 0), -E_INVAL);
	assert_int_equal(apply(SNAP_MAP, 0, 0, map.chunks), -E_INVAL);
	assert_int_equal(apply(SNAP_MAP, 0, 0, ~0u), -E_INVAL);
	assert_int_equal(apply(SNAP_MAP, 2, 0, 0), -E_INVAL);
	assert_int_equal(apply(SNAP_MAP, 0, EXTENTS - 1, map.chunks - 1), 0);
	assert_int_equal(apply(SNAP_MAP, 0, EXTENTS - 1, 0), -E_INVAL);
	assert_int_equal(apply(SNAP_MAP, 1, 0, map.chunks - 1), -E_INVAL);
	assert_int_equal(apply(SNAP_DELETE, 0, 0, 0), -E_INVAL);		/* a clone lies over it */
	assert_int_equal(apply(SNAP_ROLLBACK, 1, 0, 0), -E_INVAL);
	assert_int_equal(apply(SNAP_ROLLBACK, 77, 0, 0), -E_INVAL);
	assert_int_equal(add(3, SNAP_SNAPSHOT, SNAP_NONE, 50), 0);
	assert_int_equal(apply(SNAP_DELETE, 3, 0, 0), 0);
	assert_int_equal(apply(SNAP_ROLLBACK, 3, 0, 0), -E_INVAL);		/* deleted before */
	assert_int_equal(snap_map_apply(&map, &bad), -E_INVAL);
	strcpy(bad.name, "ab");
	assert_int_equal(snap_map_apply(&map, &bad), 0);
	assert_int_equal(apply(SNAP_DELETE, 4, 0, 0), 0);
	assert_int_equal(apply(SNAP_ROLLBACK, 0, 0, 0), 0);
	assert_int_equal(apply(SNAP_DELETE, 1, 0, 0), 0);
	assert_int_equal(apply(SNAP_DELETE, 0, 0, 0), -E_INVAL);		/* the origin is on its way to it */
	assert_int_equal(apply(SNAP_DELETE, 77, 0, 0), -E_INVAL);
	assert_int_equal(apply(SNAP_DELETE, SNAP_LAYERS, 0, 0), -E_INVAL);
	assert_int_equal(apply(99, 0, 0, 0), -E_INVAL);
	snap_map_ready(&map);
	assert_int_equal(map.free, map.chunks - 1);
	while (!snap_map_take(&map, &chunk))
		assert_true(chunk < map.chunks - 1);
}

static void test_layout(void **state)
{
	struct snap_super s = { 0 }, back;
	u8 block[SNAP_BLOCK];

	for (u64 sectors = 8; sectors < 1ul << 34; sectors += 1 + sectors / 3) {
		if (snap_layout(&s, sectors, 4096))
			continue;
		s.id = 1;
		s.seq = 1;
		snap_super_write(&s, block);
		assert_true(snap_super_read(&back, block, sectors, s.store));
		assert_true(s.data + s.chunks * (BIT(s.shift) / 512) <= sectors);
		assert_true(sectors < 65536 || s.chunks * (BIT(s.shift) / 512) > sectors / 10 * 9 || s.chunks == SNAP_CHUNKS_MAX);
		assert_false(snap_super_read(&back, block, s.data + s.chunks * (BIT(s.shift) / 512) - 1, s.store));
	}
	assert_int_equal(snap_layout(&s, 512, 4096), -E_NOSPC);
	assert_int_equal(snap_layout(&s, 65536, 1ul << 50), -E_RANGE);
}

/* Each bit of it counts. */
static void test_bytes(void **state)
{
	struct snap_record r = { .op = SNAP_MAP, .extent = 3 }, back;
	struct snap_super other = super;
	u8 block[SNAP_BLOCK], tomb[SNAP_BLOCK];
	u32 used, at = SNAP_BLOCK_HEAD;

	snap_super_write(&super, block);
	for (u32 bit = 0; bit < 96 * 8; bit++) {
		block[bit / 8] ^= (u8)(1u << bit % 8);
		if (bit / 8 < 8 || bit / 8 >= 12)
			assert_true(!snap_super_read(&other, block, 32768, super.store) || (bit / 8 >= 12 && bit / 8 < 16));
		block[bit / 8] ^= (u8)(1u << bit % 8);
	}
	snap_tomb_write(&super, tomb);
	assert_true(snap_tomb_is(&super, tomb));
	other = super;
	other.id++;
	assert_false(snap_tomb_is(&other, tomb));
	assert_false(snap_tomb_is(&super, block));
	snap_block_begin(block, &used);
	assert_true(snap_block_put(block, &used, &r));
	snap_block_seal(block, used, &super, 4);
	assert_int_equal(snap_block_check(block, &super, 4), used);
	assert_int_equal(snap_block_check(block, &super, 5), 0);
	assert_int_equal(snap_block_check(block, &other, 4), 0);
	other = super;
	other.seq++;
	assert_int_equal(snap_block_check(block, &other, 4), 0);
	for (u32 bit = 0; bit < used * 8; bit++) {
		block[bit / 8] ^= (u8)(1u << bit % 8);
		assert_int_equal(snap_block_check(block, &super, 4), 0);
		block[bit / 8] ^= (u8)(1u << bit % 8);
	}
	assert_int_equal(snap_block_next(block, used - 1, &at, &back), -E_INVAL);
	assert_int_equal(snap_block_next(block, used, &at, &back), 1);
	assert_int_equal(back.extent, 3);
	assert_int_equal(snap_block_next(block, used, &at, &back), 0);
	at = SNAP_BLOCK_HEAD;
	block[at] = SNAP_LAYER;			/* longer than what is there */
	assert_int_equal(snap_block_next(block, used, &at, &back), -E_INVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = { T(test_a_life), T(test_a_crowded_life), T(test_contradictions), T(test_layout), T(test_bytes) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
