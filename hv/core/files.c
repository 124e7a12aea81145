/* SPDX-License-Identifier: Apache-2.0 */
#include <hv/files.h>

#include <hv/host.h>
#include <hv/lib.h>
#include <hv/machine.h>
#include <hv/time.h>

#include "build.h"

#define COPY_STEP (32 * KiB)

static struct stored_file files[FILES_MAX];
void (*files_breathe)(void);

/* One part of a path, as any file system would take it. */
static bool is_name(const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < n; i++) {
		char c = name[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
		      (c == '.' && i)))
			return false;
	}
	return n > 0 && n < FILE_NAME_SIZE;
}

static struct machine_facts *facts(void)
{
	return (struct machine_facts *)machine_facts;
}

/* Its place in admission's list; null: it is not there. */
static struct facts_image *image_of(const char *name)
{
	for (u32 i = 0; i < facts()->image_count; i++)
		if (!strcmp(facts()->image[i].name, name))
			return &facts()->image[i];
	return NULL;
}

/* "" is the name of nobody's place. */
static struct facts_image *free_image(void)
{
	struct facts_image *image = image_of("");

	if (!image && facts()->image_count < FACTS_IMAGES_MAX)
		image = &facts()->image[facts()->image_count++];
	return image;
}

struct stored_file *file_find(const char *name)
{
	for (u32 i = 0; *name && i < FILES_MAX; i++)
		if (!strcmp(files[i].name, name))
			return &files[i];
	return NULL;
}

struct stored_file *file_at(u32 index)
{
	return files[index].name[0] ? &files[index] : NULL;
}

static struct stored_file *free_place(void)
{
	for (u32 i = 0; i < FILES_MAX; i++)
		if (!files[i].name[0])
			return &files[i];
	return NULL;
}

static const char *refusal(const char *name, u64 total, u16 *status)
{
	const struct facts_image *image;

	*status = 422;
	if (!machine_facts)
		return *status = 409, "this machine has no plan in force";
	if (!is_name(name))
		return "a file's name has 1 to 63 characters A-Z, a-z, 0-9, '-', '_' and '.', and does not begin with '.'";
	if (!total || total > FILE_SIZE_MAX)
		return *status = 413, "a file has 1 byte to 16 GiB";
	image = image_of(name);
	*status = 409;
	if (file_find(name))
		return "there is a file of this name: delete it first";
	return image && image->status != IMAGE_ABSENT ? "a file of this name was loaded when the machine started" : NULL;
}

/* RAM in one piece, which the control core sees. 0: there is none. */
static u64 take(u64 room)
{
	u64 base = ram_take(room);

	if (base && host_map_file(base, room, true)) {
		ram_give(base, room);
		return 0;
	}
	return base;
}

static void give(u64 base, u64 room)
{
	host_map_file(base, room, false);
	ram_give(base, room);
}

static struct stored_file *begin(const char *name, u64 total, u64 room, u64 now, const char **why, u16 *status)
{
	struct stored_file *f = free_place();
	u64 base;

	*why = refusal(name, room, status);
	if (*why)
		return NULL;
	*status = 507;
	*why = "at most 16 files can be kept";
	if (!f)
		return NULL;
	*why = "no RAM is left for it that no guest has, in one piece";
	room = ALIGN_UP(room, BLOCK_SIZE);
	base = take(room);
	if (!base)
		return NULL;
	*f = (struct stored_file){ .base = base, .room = room, .total = total, .touched = now, .open = true };
	str_copy(f->name, sizeof(f->name), name);
	return f;
}

struct stored_file *file_begin(const char *name, u64 total, u64 now, const char **why, u16 *status)
{
	return begin(name, total, total, now, why, status);
}

struct stored_file *file_begin_open(const char *name, u64 now, const char **why, u16 *status)
{
	return begin(name, 0, BLOCK_SIZE, now, why, status);
}

static u8 *bytes_of(const struct stored_file *f)
{
	return (u8 *)(size_t)host_file_ptr(f->base);
}

/* To where there is room for `need` bytes: twice as much as now, or else a little more than it takes. */
static bool move(struct stored_file *f, u64 need)
{
	u64 room = ALIGN_UP(MIN(MAX(need, 2 * f->room), FILE_SIZE_MAX), BLOCK_SIZE), base;

	if (need > FILE_SIZE_MAX)
		return false;
	base = take(room);
	if (!base) {
		room = ALIGN_UP(need + need / 8, BLOCK_SIZE);
		base = take(room);
	}
	if (!base)
		return false;
	for (u64 at = 0; at < f->size; at += COPY_STEP) {
		memcpy((u8 *)(size_t)host_file_ptr(base) + at, bytes_of(f) + at, MIN(COPY_STEP, f->size - at));
		if (files_breathe)
			files_breathe();
	}
	give(f->base, f->room);
	f->base = base;
	f->room = room;
	return true;
}

void file_close(struct stored_file *f)
{
	u64 used = MAX(ALIGN_UP(f->size, BLOCK_SIZE), BLOCK_SIZE);

	f->total = f->size;
	if (used == f->room)
		return;
	give(f->base + used, f->room - used);
	f->room = used;
}

bool file_append(struct stored_file *f, const void *bytes, size_t n, u64 now)
{
	if (f->total ? n > f->total - f->size : n > f->room - f->size && !move(f, f->size + n))
		return false;
	memcpy(bytes_of(f) + f->size, bytes, n);
	f->size += n;
	f->touched = now;
	return true;
}

/* A guest sees whole pages: of what was there before nothing stays behind the file's end. */
bool file_end(struct stored_file *f)
{
	struct facts_image *image = image_of(f->name);

	assert(f->size == f->total);
	image = image ? image : free_image();
	if (!image)
		return false;
	memset(bytes_of(f) + f->size, 0, ALIGN_UP(f->size, PAGE_SIZE) - f->size);
	*image = (struct facts_image){ .name = f->name, .status = IMAGE_WHOLE, .size = f->size, .bytes = bytes_of(f) };
	f->whole = true;
	f->open = false;
	return true;
}

void file_drop(struct stored_file *f)
{
	struct facts_image *image = f->whole ? image_of(f->name) : NULL;

	if (image)
		*image = (struct facts_image){ .name = "", .status = IMAGE_ABSENT };
	give(f->base, f->room);
	memset(f, 0, sizeof(*f));
}

void files_tick(u64 now)
{
	for (u32 i = 0; i < FILES_MAX; i++) {
		struct stored_file *f = file_at(i);

		if (f && !f->whole && !f->open && now - f->touched > FILE_PATIENCE_S * timebase.tsc_hz)
			file_drop(f);
	}
}

const u8 *file_bytes(const char *name, u64 *size)
{
	const struct facts_image *image = machine_facts && *name ? image_of(name) : NULL;

	if (!image || image->status != IMAGE_WHOLE)
		return NULL;
	*size = image->size;
	return image->bytes;
}

static bool uses(const struct resolved_guest *r, const struct facts_image *image)
{
	bool any = r->kernel == image || r->initrd == image || r->cdrom == image;

	for (u32 i = 0; i < r->module_count; i++)
		any |= r->module[i] == image;
	for (u32 i = 0; i < r->plan->disk_count; i++)
		any |= r->disk[i] == image;
	return any;
}

const char *file_user(const struct stored_file *f)
{
	const struct facts_image *image = f->whole ? image_of(f->name) : NULL;

	for (u32 i = 0; image && machine_resolved && i < machine_resolved->guest_count; i++)
		if (uses(&machine_resolved->guest[i], image))
			return machine_resolved->guest[i].plan->name;
	return NULL;
}
