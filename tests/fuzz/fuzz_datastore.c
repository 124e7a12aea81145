/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/storage/media.c hv/storage/datastore_fs.c hv/storage/littlefs.c hv/lib/format.c */
/* The datastore's partition with anything in it: a good image, changed where the input says. Checksums of metadata are made
 * right again, so that changes are looked at instead of being refused. Every call ends, nothing outside is touched; when littlefs
 * finds a contradiction there is a sentence for it. */
#include <stdlib.h>
#include <string.h>

#include <hv/lib.h>
#include <hv/pool.h>
#include <hv/time.h>
#undef assert

#include <hv/storage/datastore_fs.h>
#include <hv/storage/littlefs_port.h>

#define IMAGE (256 * KiB)

struct timebase timebase = { .tsc_hz = 1000000000 };
static struct media media;
static u8 *good;

u64 mul_div(u64 ticks, u64 num, u64 den) { return (u64)((unsigned __int128)ticks * num / den); }
void storage_submit(struct storage_client *c, struct storage_request *rq) { abort(); }
struct storage_piece storage_pool_piece(void *p, u32 len) { return (struct storage_piece){ p, 0, len }; }
void *pool_alloc(u64 count, enum pool_owner owner) { return calloc(count, PAGE_SIZE); }
void pool_free(void *p, u64 count) { free(p); }

size_t str_copy(char *to, size_t size, const char *from)
{
	size_t n = strlen(from), k = n < size ? n : size - 1;

	memcpy(to, from, k);
	to[k] = 0;
	return n;
}

/* Nothing is carried anywhere: the log is always empty. */
static void forget_log(void)
{
	media.taken = media.put;
	media.out = media.in;
}

static void fill(u32 rounds)
{
	static u8 bytes[20000];
	char path[FS_PATH_MAX];

	for (u32 i = 0; i < rounds; i++) {
		memset(bytes, (int)i, sizeof(bytes));
		fmt_print(path, sizeof(path), "vars/guest%u", i % 4);
		if (!fs_begin(path)) {
			fs_more(bytes, 1 + i * 1711 % 16000);
			forget_log();
			fs_commit();
		}
		forget_log();
		fs_append("log/0", bytes, 80);
		forget_log();
		fs_rename("log/0", i % 7 ? "log/0" : "log/1");
		forget_log();
	}
}

static void make_good(void)
{
	if (!media_init(&media))
		abort();
	media_blank(&media, IMAGE, MEDIA_WRITE);
	if (fs_format(&media) || fs_mkdir("vars") || fs_mkdir("log") || fs_mkdir("crash"))
		abort();
	fill(30);
	good = malloc(IMAGE);
	memcpy(good, media.image, IMAGE);
}

/* littlefs' "SPEC.md": a block of metadata is a revision and commits; tags are in big endian, each xored with the one before;
 * a commit ends with a tag of type 5xxH and a checksum. */
static void repair(u8 *block)
{
	u32 crc = lfs2_crc(~0u, block, 4), before = ~0u, off = 4;

	while (off + 4 <= MEDIA_BLOCK) {
		u32 raw = (u32)block[off] << 24 | block[off + 1] << 16 | block[off + 2] << 8 | block[off + 3], tag = raw ^ before;
		u32 size = (tag & 0x3ff) == 0x3ff ? 0 : tag & 0x3ff;

		if (tag >> 31 || off + 4 + size > MEDIA_BLOCK)
			return;
		crc = lfs2_crc(crc, block + off, 4);
		before = tag;
		if ((tag & 0x78000000) >> 20 == 0x500 && size >= 4) {
			memcpy(block + off + 4, &crc, 4);
			before ^= (tag >> 20 & 1) << 31;
			crc = ~0u;
		} else {
			crc = lfs2_crc(crc, block + off + 4, size);
		}
		off += 4 + size;
	}
}

/* Pieces of five bytes: where, in the first blocks more often, and what. */
static void change(const u8 *data, size_t size)
{
	for (; size >= 5; data += 5, size -= 5) {
		u32 at = (u32)(data[0] | data[1] << 8 | (data[2] & 3) << 16);

		if (data[2] & 0x80)
			at &= 0x3fff;
		if (data[2] & 0x40)
			memset(media.image + (at & ~511u) % IMAGE, data[3], 512);
		media.image[at % IMAGE] = data[3];
		media.image[(at + 1) % IMAGE] ^= data[4];
		if (!(data[2] & 0x20))
			repair(media.image + at % IMAGE / MEDIA_BLOCK * MEDIA_BLOCK);
	}
}

static void use_all(void)
{
	static const char *const dir[] = { "vars", "log", "crash" };
	static u8 bytes[4096];
	char name[FS_PATH_MAX], path[2 * FS_PATH_MAX];

	fs_used();
	for (u32 d = 0; d < 3; d++)
		for (u32 i = 0; i < 20 && fs_list(dir[d], i, name) >= 0; i++) {
			if (strlen(name) >= FS_PATH_MAX)
				abort();
			fmt_print(path, sizeof(path), "%s/%s", dir[d], name);
			for (u32 at = 0; at < 40000 && fs_read(path, at, bytes, sizeof(bytes)) > 0; at += sizeof(bytes))
				;
		}
	fill(3);
	fs_remove("vars/guest1");
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	if (!good)
		make_good();
	media_blank(&media, IMAGE, MEDIA_WRITE);
	memcpy(media.image, good, IMAGE);
	change(data, size);
	if (!fs_mount(&media))
		use_all();
	else if (!fs_broken_why()[0])
		abort();
	if (fs_broken() && !fs_broken_why()[0])
		abort();
	return 0;
}
