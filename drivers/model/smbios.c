/* SPDX-License-Identifier: Apache-2.0 */
#include "smbios.h"

#include <hv/guest.h>
#include <hv/lib.h>

#define MAKER "Bulkhead"

struct smbios {
	u8 *to;
	u32 size, used, largest;
	u16 handle;
};

struct head { u8 type, length; u16 handle; } PACKED;

enum handle { HANDLE_ARRAY = 0x1000 };

/* One structure: its formatted part (without the head), then strings, then the end. */
static void put(struct smbios *s, u8 type, u16 handle, const void *body, u8 size, const char *const *text, u32 texts)
{
	struct head h = { type, (u8)(size + sizeof(h)), handle };
	u32 start = s->used;

	assert(s->used + sizeof(h) + size <= s->size);
	memcpy(s->to + s->used, &h, sizeof(h));
	memcpy(s->to + s->used + sizeof(h), body, size);
	s->used += (u32)sizeof(h) + size;
	for (u32 i = 0; i < texts; i++) {
		u32 n = (u32)strlen(text[i]) + 1;

		assert(s->used + n <= s->size);
		memcpy(s->to + s->used, text[i], n);
		s->used += n;
	}
	assert(s->used + 2 <= s->size);
	s->to[s->used++] = 0;
	if (!texts)
		s->to[s->used++] = 0;
	s->largest = MAX(s->largest, s->used - start);
}

static u64 mix(const char *name, u64 seed)
{
	u64 h = seed;

	for (; *name; name++)
		h = (h ^ (u8)*name) * 0x100000001b3ul;	/* FNV-1a */
	h ^= h >> 33;
	h *= 0xff51afd7ed558ccdul;
	return h ^ h >> 33;
}

void smbios_uuid(const char *name, u8 uuid[16])
{
	u64 half[2] = { mix(name, 0xcbf29ce484222325ul), mix(name, 0x42554c4b48454144ul) };

	memcpy(uuid, half, sizeof(half));
	uuid[7] = 0x80 | (uuid[7] & 0x0f);	/* version 8; SMBIOS keeps the first three fields little endian */
	uuid[8] = 0x80 | (uuid[8] & 0x3f);
}

/* Type 1: who this is. */
static void put_system(struct smbios *s, const struct guest *g)
{
	struct { u8 maker, product, version, serial, uuid[16], wake, sku, family; } PACKED b =
		{ .maker = 1, .product = 2, .version = 3, .serial = 4, .wake = 6, .family = 1 };
	const char *const text[] = { MAKER, "Guest", "1", g->name };

	smbios_uuid(g->name, b.uuid);
	put(s, 1, 0x0100, &b, sizeof(b), text, ARRAY_COUNT(text));
}

/* Type 3: there is no case to open. */
static void put_chassis(struct smbios *s, const struct guest *g)
{
	const struct { u8 maker, type, version, serial, tag, boot, power, thermal, security; u32 oem; u8 height, cords,
		contained, record_length, sku; } PACKED b =
		{ .maker = 1, .type = 1, .version = 2, .serial = 3, .boot = 3, .power = 3, .thermal = 3, .security = 2 };
	const char *const text[] = { MAKER, "1", g->name };

	put(s, 3, 0x0300, &b, sizeof(b), text, ARRAY_COUNT(text));
}

/* Type 4: one package with a core for each vcpu, as CPUID has it. */
static void put_processor(struct smbios *s, const struct guest *g)
{
	u8 count = (u8)g->vcpu_count;
	const struct { u8 socket, type, family, maker; u64 id; u8 version, voltage; u16 clock, max, now; u8 status, upgrade;
		u16 l1, l2, l3; u8 serial, tag, part, cores, enabled, threads; u16 characteristics, family2; } PACKED b =
		{ .socket = 1, .type = 3, .family = 1, .maker = 2, .status = 0x41, .upgrade = 1, .l1 = 0xffff, .l2 = 0xffff,
		  .l3 = 0xffff, .cores = count, .enabled = count, .threads = count, .characteristics = 4, .family2 = 1 };
	const char *const text[] = { "CPU 0", MAKER };

	put(s, 4, 0x0400, &b, sizeof(b), text, ARRAY_COUNT(text));
}

static void put_range(struct smbios *s, u16 handle, u64 base, u64 size)
{
	struct { u32 first, last; u16 array; u8 width; u64 first64, last64; } PACKED b =
		{ .first = (u32)(base / KiB), .last = (u32)((base + size) / KiB - 1), .array = HANDLE_ARRAY, .width = 1 };

	if ((base + size) / KiB > UINT32_MAX) {
		b.first = b.last = UINT32_MAX;
		b.first64 = base;
		b.last64 = base + size - 1;
	}
	if (size)
		put(s, 19, handle, &b, sizeof(b), NULL, 0);
}

/* Types 16, 17, 19: one module of all RAM, and where it is. */
static void put_memory(struct smbios *s, const struct guest *g)
{
	u64 ram = g->ram_low + g->ram_high;
	bool large = ram / MiB >= 0x7fff;
	const struct { u8 where, use, correction; u32 max; u16 error; u16 slots; u64 max64; } PACKED array =
		{ 1, 3, 2, 0x80000000, 0xfffe, 1, ram };
	const struct { u16 array, error, width, data, size; u8 form, set, locator, bank, type; u16 detail, speed; u8 maker,
		serial, tag, part, rank; u32 size32; u16 speed_now, low, high, volt; } PACKED module =
		{ .array = HANDLE_ARRAY, .error = 0xfffe, .width = 0xffff, .data = 0xffff,
		  .size = (u16)(large ? 0x7fff : ram / MiB), .form = 9, .locator = 1, .type = 7, .detail = 2, .maker = 2,
		  .size32 = large ? (u32)(ram / MiB) : 0 };
	const char *const text[] = { "DIMM 0", MAKER };

	put(s, 16, HANDLE_ARRAY, &array, sizeof(array), NULL, 0);
	put(s, 17, 0x1100, &module, sizeof(module), text, ARRAY_COUNT(text));
	put_range(s, 0x1300, 0, g->ram_low);
	put_range(s, 0x1301, 4 * GiB, g->ram_high);
}

static void put_anchor(u8 anchor[SMBIOS_ANCHOR_SIZE], u32 used)
{
	u8 sum = 0;

	memset(anchor, 0, SMBIOS_ANCHOR_SIZE);
	memcpy(anchor, "_SM3_", 5);
	anchor[6] = SMBIOS_ANCHOR_SIZE;
	anchor[7] = 3;			/* version 3.0 */
	anchor[10] = 1;			/* revision of this entry point */
	memcpy(anchor + 12, &used, sizeof(used));
	for (u32 i = 0; i < SMBIOS_ANCHOR_SIZE; i++)
		sum = (u8)(sum + anchor[i]);
	anchor[5] = (u8)-sum;
}

u32 smbios_build(const struct guest *g, u8 *to, u32 size, u8 anchor[SMBIOS_ANCHOR_SIZE])
{
	struct smbios s = { .to = to, .size = size };
	const struct { u8 status; u8 reserved[6]; } boot = { 0, { 0 } };

	put_system(&s, g);
	put_chassis(&s, g);
	put_processor(&s, g);
	put_memory(&s, g);
	put(&s, 32, 0x2000, (const u8[7]){ 0 }, 7, NULL, 0);
	put(&s, 127, 0x7f00, &boot, 0, NULL, 0);
	put_anchor(anchor, s.used);
	return s.used;
}
