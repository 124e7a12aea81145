/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/storage/client.c hv/storage/cut.c hv/storage/depth.c hv/storage/queue.c hv/storage/disks.c hv/storage/volume.c hv/storage/gpt.c hv/storage/gpt_edit.c hv/storage/gpt_job.c hv/storage/gpt_change.c hv/storage/wipe.c hv/storage/snap_format.c hv/storage/snap_map.c hv/storage/snap_store.c hv/storage/snap_load.c hv/storage/snap_log.c hv/storage/snap_gate.c hv/storage/snap_change.c hv/storage/snap_rollback.c hv/lib/format.c */
/* Any bytes where a store of snapshots has its superblocks and its log: a good one, changed where the input says, with the
 * checksums made right. It is read, what it shows is read and written, and life goes on: nothing outside of the two partitions is
 * touched, and every request ends. */
#define DISK_BYTES (12 * MiB)
#include "../unit/hv/storage/snap_fixture.h"

#include "../../hv/storage/gpt_layout.h"

#define EDIT 4u
#define LOG_BLOCKS 24u

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

size_t str_copy(char *to, size_t size, const char *from)
{
	size_t n = strlen(from), k = n < size ? n : size - 1;

	memcpy(to, from, k);
	to[k] = 0;
	return n;
}

static u8 *good;
static u64 first, end, web_first, web_end;

/* What was written since the good one is put back: sectors. */
static u8 changed[DISK_BYTES / 512];

static void put_back(void)
{
	for (u64 i = 0; i < sizeof(changed); i++)
		if (changed[i])
			memcpy(fake.bytes + i * 512, good + i * 512, 512);
	memset(changed, 0, sizeof(changed));
}

static void inside_only(const struct disk_request *rq)
{
	bool in_store = rq->sector >= first && rq->sector + rq->sectors <= end;
	bool in_web = rq->sector >= web_first && rq->sector + rq->sectors <= web_end;

	if (!in_store && !in_web && rq->sector > 40 && rq->sector < fake.d.sectors - 40)
		abort();
	memset(changed + rq->sector, 1, rq->sectors);
}

static void make_good(void)
{
	struct storage_client c = { .name = "maker" };

	make_disk(2 * MiB);
	snapshot("web", "one", 0);
	volume_open(&c, vol("web"));
	for (u32 i = 0; i < 6; i++) {
		char name[8];

		put(&c, i * 300, 200, i);
		snprintf(name, sizeof(name), "s%u", i);
		snapshot("web", name, 0);
	}
	clone("s2", "copy");
	clone("web", "two");
	delete("s4");
	put(&c, 100, 2000, 9);
	volume_close(&c);
	first = snap_of(vol("web"))->first;
	end = first + snap_of(vol("web"))->sectors;
	web_first = vol("web")->first;
	web_end = web_first + vol("web")->sectors;
	unplug();
	good = malloc(DISK_BYTES);
	memcpy(good, fake.bytes, DISK_BYTES);
}

/* Blocks 0 to 3, then the first ones of the half that holds: the first superblock written makes it the second. */
static u8 *block_at(u32 i)
{
	const u8 *super = good + first * 512;
	u64 seq = MAX(gpt_get(super + 64, 8), gpt_get(super + SNAP_BLOCK + 64, 8));
	u32 half = (u32)gpt_get(super + (seq & 1) * SNAP_BLOCK + 84, 4);

	return fake.bytes + first * 512 + (u64)SNAP_BLOCK * (i < SNAP_HEAD_BLOCKS ? i : i + (seq & 1) * half);
}

static void right(u8 *block, bool head)
{
	u32 used = (u32)gpt_get(block + 28, 4);
	u32 crc = head ? gpt_crc(block + 16, 80) : used >= 8 && used <= SNAP_BLOCK ? gpt_crc(block + 8, used - 8) : 0;

	memcpy(block + (head ? 8 : 4), &crc, 4);
}

static void use_all(void)
{
	for (u32 i = 0; i < VOLUMES_MAX; i++) {
		struct volume *v = volume_at(i);
		struct storage_client c = { .name = "user", .readonly = v->type == VOLUME_SNAPSHOT };
		struct ask a;

		if (!v->disk || v->type == VOLUME_STORE || volume_open(&c, v))
			continue;
		ask_begin(&a, &c, BLOCK_READ, v->sectors / 2, MIN(200ul, v->sectors / 2), 0);
		settle();
		ask_end(&a);
		if (!c.readonly)
			put(&c, noise() % (v->sectors - 4), 4, i);
		if (volume_close(&c))
			abort();
	}
	if (vol("web"))
		end_of(volume_snapshot(vol("web"), "new", 0, change_ended, NULL));
	if (vol("web") && vol("s1"))
		end_of(volume_rollback(vol("web"), vol("s1"), change_ended, NULL));
	if (vol("s3"))
		end_of(volume_delete(vol("s3"), change_ended, NULL));
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	if (!good)
		make_good();
	noise_state = 1;
	put_back();
	for (; size >= EDIT; data += EDIT, size -= EDIT) {
		u32 i = data[0] % (SNAP_HEAD_BLOCKS + LOG_BLOCKS), at = (data[1] | (u32)data[2] << 8) % SNAP_BLOCK;
		u8 *block = block_at(i);

		memset(changed + (block - fake.bytes) / 512, 1, SNAP_BLOCK / 512);
		block[data[0] & 0x80 ? at % 128 : at] = data[3];
		if (!(data[2] & 0x40))
			right(block, i < SNAP_HEAD_BLOCKS);
	}
	before_write = inside_only;
	plug();
	use_all();
	unplug();
	before_write = NULL;
	return 0;
}
