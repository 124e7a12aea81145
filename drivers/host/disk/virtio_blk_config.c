/* SPDX-License-Identifier: Apache-2.0 */
/* What a virtio disk says of itself, judged. VIRTIO 1.2 "Device configuration layout" (5.2.4). */
#include "virtio_blk.h"

#include <hv/lib.h>

#define LIMIT_MIN 256u			/* sectors: who discards less at a time is not asked to */

static u32 pieces_max(const struct vblk_disk *b)
{
	u32 room = b->queue.table ? b->queue.table_pieces : b->queue.size, max, said;

	max = MIN(room - VBLK_HEAD_AND_STATUS, (u32)DISK_PIECES_MAX);
	said = b->vio.features & VBLK_F_SEG_MAX ? (u32)vio_config_get(&b->vio, VBLK_SEG_MAX, 4) : max;
	return MIN(max, said);
}

static u64 limit(const struct vblk_disk *b, u64 feature, u32 off)
{
	u64 max = b->vio.features & feature ? vio_config_get(&b->vio, off, 4) : 0;

	return max >= LIMIT_MIN ? max : 0;
}

const char *vblk_read_config(struct vblk_disk *b)
{
	struct disk *d = &b->disk;
	u64 features = b->vio.features;
	u32 shift = features & VBLK_F_TOPOLOGY ? (u32)vio_config_get(&b->vio, VBLK_PHYSICAL_SHIFT, 1) : 0;

	d->sectors = vio_config_get(&b->vio, VBLK_CAPACITY, 8);
	d->sector_size = features & VBLK_F_BLK_SIZE ? (u32)vio_config_get(&b->vio, VBLK_BLK_SIZE, 4) : 512;
	d->physical_size = shift <= 3 && d->sector_size << shift <= 4096 ? d->sector_size << shift : d->sector_size;
	d->pieces_max = pieces_max(b);
	d->bytes_max = VBLK_BYTES_MAX;
	d->dma_align = 1;
	d->depth = VBLK_DEPTH;
	d->readonly = features & VBLK_F_RO;
	d->write_cache = features & VBLK_F_FLUSH;
	b->discard_max = limit(b, VBLK_F_DISCARD, VBLK_DISCARD_MAX);
	b->zero_max = limit(b, VBLK_F_WRITE_ZEROES, VBLK_ZERO_MAX);
	d->discard = b->discard_max;
	d->zero = b->zero_max;
	if (b->discard_max)
		d->bytes_max = (u32)MIN(d->bytes_max, b->discard_max * 512);
	if (b->zero_max)
		d->bytes_max = (u32)MIN(d->bytes_max, b->zero_max * 512);
	d->bytes_max &= ~4095u;
	d->health = (struct disk_health){ .celsius = -1000, .percent_used = 255, .power_on_hours = ~0ul,
		.media_errors = ~0ul, .unsafe_shutdowns = ~0ul };
	str_copy(d->model, sizeof(d->model), "virtio-blk");
	if (d->sector_size != 512 && d->sector_size != 4096)
		return "its sectors have neither 512 nor 4096 bytes";
	if (!d->sectors || d->sectors > 1ul << 55)
		return "its size makes no sense";
	d->sectors &= ~(u64)(d->sector_size / 512 - 1);
	return d->pieces_max < 1 ? "it takes no data" : NULL;
}
