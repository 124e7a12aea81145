/* SPDX-License-Identifier: Apache-2.0 */
#include <hv/files.h>

#include <hv/host.h>
#include <hv/lib.h>
#include <hv/machine.h>
#include <hv/time.h>

#include "build.h"

static struct stored_file files[FILES_MAX];

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

struct stored_file *file_begin(const char *name, u64 total, u64 now, const char **why, u16 *status)
{
	struct stored_file *f = free_place();
	u64 room = ALIGN_UP(total, BLOCK_SIZE), base;

	*why = refusal(name, total, status);
	if (*why)
		return NULL;
	*status = 507;
	*why = "at most 16 files can be kept";
	if (!f)
		return NULL;
	*why = "no RAM is left for it that no guest has, in one piece";
	base = ram_take(room);
	if (!base)
		return NULL;
	if (host_map_file(base, room, true)) {
		ram_give(base, room);
		return NULL;
	}
	*f = (struct stored_file){ .base = base, .room = room, .total = total, .touched = now, .open = true };
	str_copy(f->name, sizeof(f->name), name);
	return f;
}

static u8 *bytes_of(const struct stored_file *f)
{
	return (u8 *)(size_t)host_file_ptr(f->base);
}

bool file_append(struct stored_file *f, const void *bytes, size_t n, u64 now)
{
	if (n > f->total - f->size)
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
	host_map_file(f->base, f->room, false);
	ram_give(f->base, f->room);
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
