/* SPDX-License-Identifier: Apache-2.0 */
/* What an ATA drive says of itself: ATA-6 "IDENTIFY DEVICE", "IDENTIFY PACKET DEVICE". Whatever stands there is judged; text
 * is made printable. */
#include <hv/lib.h>

#include "ide.h"
#include "text.h"

enum word { W_SERIAL = 10, W_FIRMWARE = 23, W_MODEL = 27, W_CAPABLE = 49, W_SECTORS = 60, W_MULTIWORD = 63, W_SETS = 82,
	W_SETS2 = 83, W_ULTRA = 88, W_SECTORS_WIDE = 100, W_SECTOR_SIZE = 106, W_SECURITY = 128, W_ROTATION = 217 };

#define CAPABLE_DMA 0x100u
#define CAPABLE_LBA 0x200u
#define SETS2_WIDE 0x400u
#define SETS2_FLUSH 0x1000u
#define SETS2_FLUSH_EXT 0x2000u
#define SECTOR_LONG 0x1000u		/* logical sectors of more than 512 bytes */
#define SECTOR_MANY 0x2000u		/* several logical ones in a physical one: 2^(bits 3:0) */
#define SECURITY_LOCKED 4u
#define MODE_MULTIWORD 0x20u		/* SET FEATURES "transfer mode", and the mode's number */
#define SECTORS_28 (1ul << 28)
#define SECTORS_48 (1ul << 48)

static void text(char *to, const u16 *words, u32 count)
{
	memcpy(to, words, 2 * count);
	disk_text(to, 2 * count, true);
}

/* Words 83, 106 hold something if their upper bits are 01. */
static u32 marked(u16 word)
{
	return (word & 0xc000) == 0x4000 ? word : 0;
}

static void say_texts(struct ide_drive *d, const u16 *words)
{
	text(d->disk.serial, words + W_SERIAL, 10);
	text(d->disk.firmware, words + W_FIRMWARE, 4);
	text(d->disk.model, words + W_MODEL, 20);
}

static u64 count_sectors(const u16 *words, bool wide)
{
	u64 n = words[W_SECTORS] | (u64)words[W_SECTORS + 1] << 16;

	if (wide) {
		u64 more = 0;

		memcpy(&more, words + W_SECTORS_WIDE, 8);
		n = more < SECTORS_48 ? MAX(n, more) : 0;
	}
	return wide || n < SECTORS_28 ? n : SECTORS_28 - 1;
}

/* The fastest multiword mode that the drive has, unless some DMA mode is on already: firmware set the controller to it. */
static u8 mode_to_set(const u16 *words)
{
	u32 has = words[W_MULTIWORD] & 7;

	if (words[W_MULTIWORD] & 0x700 || words[W_ULTRA] & 0x7f00 || !has)
		return 0;
	return (u8)(MODE_MULTIWORD | (has & 4 ? 2 : has & 2 ? 1 : 0));
}

static const char *refusal(const u16 *words, u64 sectors)
{
	if (!(words[W_CAPABLE] & CAPABLE_LBA) || !sectors)
		return "it has no block addresses";
	if (!(words[W_CAPABLE] & CAPABLE_DMA))
		return "it has no DMA";
	if (marked(words[W_SECTOR_SIZE]) & SECTOR_LONG)
		return "its sectors are longer than 512 bytes";
	if (words[W_SECURITY] != 0xffff && words[W_SECURITY] & SECURITY_LOCKED)
		return "it is locked by a password";
	return NULL;
}

void ide_identify(struct ide_drive *d, const u16 words[IDE_WORDS])
{
	u32 sets = marked(words[W_SETS2]), size = marked(words[W_SECTOR_SIZE]);
	struct disk *disk = &d->disk;

	say_texts(d, words);
	d->wide = sets & SETS2_WIDE;
	d->flush = d->wide && sets & SETS2_FLUSH_EXT ? IDE_CMD_FLUSH_EXT : sets & SETS2_FLUSH ? IDE_CMD_FLUSH : 0;
	d->set_mode = mode_to_set(words);
	disk->sectors = count_sectors(words, d->wide);
	disk->sector_size = 512;
	disk->physical_size = size & SECTOR_MANY && (size & 15) <= 3 ? 512u << (size & 15) : 512;
	disk->rotational = words[W_ROTATION] != 1;
	disk->write_cache = d->flush;
	disk->depth = 1;
	disk->pieces_max = DISK_PIECES_MAX;
	disk->bytes_max = IDE_BYTES_MAX;
	disk->dma_align = 4;
	disk->dma_end = 4 * GiB;
	disk->health = (struct disk_health){ .celsius = -1000, .percent_used = 255, .power_on_hours = ~0ul,
		.media_errors = ~0ul, .unsafe_shutdowns = ~0ul };
	d->why = refusal(words, disk->sectors);
	d->kind = d->why ? IDE_REFUSED : IDE_DISK;
}

void ide_identify_packet(struct ide_drive *d, const u16 words[IDE_WORDS])
{
	say_texts(d, words);
	d->kind = IDE_PACKET;
}
