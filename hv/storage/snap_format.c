/* SPDX-License-Identifier: Apache-2.0 */
#include "snap_format.h"

#include <hv/lib.h>

#include "gpt.h"
#include "gpt_layout.h"

#define SECTORS_A_BLOCK (SNAP_BLOCK / 512u)
#define SUPER_MAGIC 0x31736e6170756c62ul	/* "blupans1" */
#define TOMB_MAGIC 0x31626d6f746e7362ul
#define BLOCK_MAGIC 0x676c6e73u
#define SHORT 12u				/* bytes of a record; of LAYER: */
#define LONG (SHORT + 8 + 16 + SNAP_NAME_SIZE)

enum super_at { S_MAGIC = 0, S_CRC = 8, S_ID = 16, S_STORE = 24, S_ORIGIN = 40, S_SECTORS = 56, S_SEQ = 64, S_BEGIN = 72,
	S_SHIFT = 76, S_CHUNKS = 80, S_HALF = 84, S_DATA = 88, S_END = 96 };
enum block_at { B_MAGIC = 0, B_CRC = 4, B_ID = 8, B_SEQ = 16, B_INDEX = 24, B_USED = 28 };

static void put(u8 *to, u64 val, u32 bytes)
{
	memcpy(to, &val, bytes);
}

/* --- layout --------------------------------------------------------------------------------------------------------- */

u32 snap_extents(const struct snap_super *s)
{
	u64 per = BIT(s->shift) / 512;

	return (u32)((s->sectors + per - 1) / per);
}

/* Blocks of a checkpoint at its longest. */
static u32 checkpoint_blocks(u32 chunks)
{
	u32 per = (SNAP_BLOCK - SNAP_BLOCK_HEAD) / SHORT, layers = SNAP_LAYERS * LONG + SHORT;

	return (chunks + per - 1) / per + layers / (SNAP_BLOCK - SNAP_BLOCK_HEAD - LONG) + 1;
}

static u32 half_blocks(u32 chunks)
{
	return checkpoint_blocks(chunks) + MIN(MAX(chunks / 8, SNAP_LOG_BLOCKS_MIN), SNAP_LOG_BLOCKS_MAX);
}

static u64 data_at(const struct snap_super *s)
{
	return ALIGN_UP((SNAP_HEAD_BLOCKS + 2ul * s->half) * SECTORS_A_BLOCK, BIT(s->shift) / 512);
}

int snap_layout(struct snap_super *s, u64 sectors, u64 origin_sectors)
{
	u64 chunks;

	s->sectors = origin_sectors;
	for (s->shift = SNAP_SHIFT_MIN; s->shift < SNAP_SHIFT_MAX; s->shift++)
		if (sectors / (BIT(s->shift) / 512) <= SNAP_CHUNKS_MAX)
			break;
	if (!origin_sectors || origin_sectors / (BIT(s->shift) / 512) >= UINT32_MAX)
		return -E_RANGE;
	for (chunks = MIN(sectors / (BIT(s->shift) / 512), (u64)SNAP_CHUNKS_MAX); chunks >= SNAP_CHUNKS_MIN; chunks--) {
		s->chunks = (u32)chunks;
		s->half = half_blocks(s->chunks);
		s->data = data_at(s);
		if (s->data + chunks * (BIT(s->shift) / 512) <= sectors)
			return 0;
		/* What the logs take is known to be too much: no need to try each number. */
		chunks -= MIN((s->data + chunks * (BIT(s->shift) / 512) - sectors) / (2 * (BIT(s->shift) / 512)), chunks - 1);
	}
	return -E_NOSPC;
}

/* --- superblocks ---------------------------------------------------------------------------------------------------- */

void snap_super_write(const struct snap_super *s, u8 *block)
{
	memset(block, 0, SNAP_BLOCK);
	put(block + S_MAGIC, SUPER_MAGIC, 8);
	put(block + S_ID, s->id, 8);
	memcpy(block + S_STORE, s->store, 16);
	memcpy(block + S_ORIGIN, s->origin, 16);
	put(block + S_SECTORS, s->sectors, 8);
	put(block + S_SEQ, s->seq, 8);
	put(block + S_BEGIN, s->begin, 4);
	put(block + S_SHIFT, s->shift, 4);
	put(block + S_CHUNKS, s->chunks, 4);
	put(block + S_HALF, s->half, 4);
	put(block + S_DATA, s->data, 8);
	put(block + S_CRC, gpt_crc(block + S_ID, S_END - S_ID), 4);
}

static bool geometry_ok(const struct snap_super *s, u64 sectors)
{
	if (s->shift < SNAP_SHIFT_MIN || s->shift > SNAP_SHIFT_MAX || s->chunks < SNAP_CHUNKS_MIN ||
	    s->chunks > SNAP_CHUNKS_MAX)
		return false;
	if (!s->sectors || s->sectors > BIT(55) || s->sectors / (BIT(s->shift) / 512) >= UINT32_MAX)
		return false;
	if (s->half != half_blocks(s->chunks) || s->begin > checkpoint_blocks(s->chunks) || s->data != data_at(s))
		return false;
	return s->data + s->chunks * (BIT(s->shift) / 512) <= sectors;
}

bool snap_super_read(struct snap_super *s, const u8 *block, u64 sectors, const u8 store[16])
{
	if (gpt_get(block + S_MAGIC, 8) != SUPER_MAGIC || gpt_crc(block + S_ID, S_END - S_ID) != gpt_get(block + S_CRC, 4))
		return false;
	*s = (struct snap_super){ .id = gpt_get(block + S_ID, 8), .sectors = gpt_get(block + S_SECTORS, 8),
		.seq = gpt_get(block + S_SEQ, 8), .begin = (u32)gpt_get(block + S_BEGIN, 4),
		.shift = (u32)gpt_get(block + S_SHIFT, 4), .chunks = (u32)gpt_get(block + S_CHUNKS, 4),
		.half = (u32)gpt_get(block + S_HALF, 4), .data = gpt_get(block + S_DATA, 8) };
	memcpy(s->store, block + S_STORE, 16);
	memcpy(s->origin, block + S_ORIGIN, 16);
	return !memcmp(s->store, store, 16) && s->seq && s->seq < BIT(62) && geometry_ok(s, sectors);
}

void snap_tomb_write(const struct snap_super *s, u8 *block)
{
	memset(block, 0, SNAP_BLOCK);
	put(block + S_MAGIC, TOMB_MAGIC, 8);
	put(block + S_ID, s->id, 8);
	memcpy(block + S_STORE, s->store, 16);
	put(block + S_CRC, gpt_crc(block + S_ID, S_ORIGIN - S_ID), 4);
}

bool snap_tomb_is(const struct snap_super *s, const u8 *block)
{
	return gpt_get(block + S_MAGIC, 8) == TOMB_MAGIC && gpt_get(block + S_ID, 8) == s->id &&
		!memcmp(block + S_STORE, s->store, 16) && gpt_crc(block + S_ID, S_ORIGIN - S_ID) == gpt_get(block + S_CRC, 4);
}

/* --- the log -------------------------------------------------------------------------------------------------------- */

void snap_block_begin(u8 *block, u32 *used)
{
	memset(block, 0, SNAP_BLOCK);
	*used = SNAP_BLOCK_HEAD;
}

bool snap_block_put(u8 *block, u32 *used, const struct snap_record *r)
{
	u8 *at = block + *used;
	u32 len = r->op == SNAP_LAYER ? LONG : SHORT;

	if (len > SNAP_BLOCK - *used)
		return false;
	at[0] = r->op;
	at[1] = r->layer;
	at[2] = r->kind;
	at[3] = r->base;
	put(at + 4, r->extent, 4);
	put(at + 8, r->chunk, 4);
	if (r->op == SNAP_LAYER) {
		put(at + SHORT, r->taken, 8);
		memcpy(at + SHORT + 8, r->guid, 16);
		memcpy(at + SHORT + 24, r->name, SNAP_NAME_SIZE);
	}
	*used += len;
	return true;
}

void snap_block_seal(u8 *block, u32 used, const struct snap_super *s, u32 index)
{
	put(block + B_MAGIC, BLOCK_MAGIC, 4);
	put(block + B_ID, s->id, 8);
	put(block + B_SEQ, s->seq, 8);
	put(block + B_INDEX, index, 4);
	put(block + B_USED, used, 4);
	put(block + B_CRC, gpt_crc(block + B_ID, used - B_ID), 4);
}

u32 snap_block_check(const u8 *block, const struct snap_super *s, u32 index)
{
	u32 used = (u32)gpt_get(block + B_USED, 4);

	if (gpt_get(block + B_MAGIC, 4) != BLOCK_MAGIC || gpt_get(block + B_ID, 8) != s->id ||
	    gpt_get(block + B_SEQ, 8) != s->seq || gpt_get(block + B_INDEX, 4) != index || used < SNAP_BLOCK_HEAD ||
	    used > SNAP_BLOCK)
		return 0;
	return gpt_crc(block + B_ID, used - B_ID) == gpt_get(block + B_CRC, 4) ? used : 0;
}

int snap_block_next(const u8 *block, u32 used, u32 *at, struct snap_record *r)
{
	const u8 *from = block + *at;

	if (*at == used)
		return 0;
	if (used - *at < SHORT || (from[0] == SNAP_LAYER && used - *at < LONG))
		return -E_INVAL;
	*r = (struct snap_record){ .op = from[0], .layer = from[1], .kind = from[2], .base = from[3],
		.extent = (u32)gpt_get(from + 4, 4), .chunk = (u32)gpt_get(from + 8, 4) };
	if (r->op == SNAP_LAYER) {
		r->taken = gpt_get(from + SHORT, 8);
		memcpy(r->guid, from + SHORT + 8, 16);
		memcpy(r->name, from + SHORT + 24, SNAP_NAME_SIZE);
	}
	*at += r->op == SNAP_LAYER ? LONG : SHORT;
	return 1;
}

bool snap_name_ok(const char name[SNAP_NAME_SIZE])
{
	return memchr(name, 0, SNAP_NAME_SIZE) && gpt_name_ok(name);
}
