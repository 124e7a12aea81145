/* SPDX-License-Identifier: Apache-2.0 */
/* Disks that are files in RAM: every request is a copy, done at once on the core that asks. */
#include <hv/block.h>
#include <hv/lib.h>

static void image_copy(const struct block_request *rq, u8 *at)
{
	for (u32 i = 0; i < rq->pieces; i++) {
		if (rq->op == BLOCK_READ)
			memcpy(rq->piece[i].at, at, rq->piece[i].len);
		else
			memcpy(at, rq->piece[i].at, rq->piece[i].len);
		at += rq->piece[i].len;
	}
}

/* A discarded sector reads as zeros: nothing is gained by keeping it, and guests may rely on either. */
static void image_submit(struct block_store *s, struct block_request *rq)
{
	u8 *at = (u8 *)s->bytes + rq->sector * BLOCK_SECTOR;

	assert(rq->sector <= s->sectors && rq->sectors <= s->sectors - rq->sector);
	switch (rq->op) {
	case BLOCK_READ:
	case BLOCK_WRITE:
		image_copy(rq, at);
		break;
	case BLOCK_DISCARD:
	case BLOCK_ZERO:
		memset(at, 0, rq->sectors * BLOCK_SECTOR);
		break;
	case BLOCK_FLUSH:
		break;
	}
	rq->done(rq, BLOCK_OK);
}

static const struct block_ops image_ops = { .submit = image_submit };

void block_image_init(struct block_store *s, void *bytes, u64 size, bool readonly, const char *serial)
{
	*s = (struct block_store){ .ops = &image_ops, .bytes = bytes, .sectors = size / BLOCK_SECTOR,
		.readonly = readonly, .physical_shift = 3 };
	str_copy(s->serial, sizeof(s->serial), serial);
}
