/* SPDX-License-Identifier: Apache-2.0 */
/* The plan and the files that it names, from the volume that this .efi was started from. */

#include "boot.h"
#include "options.h"
#include "scan.h"

#define PLAN_NAME "bulkhead.toml"
#define PLAN_MAX (1ull << 20)
#define PATH_MAX 512u
#define STRINGS_MAX 4096u		/* of a plan that are tried as names */
#define CHUNK (1ull << 20)
#define BIG (8ull << 20)		/* from here on the progress line shows quarters */
#define BLOCK (2ull << 20)
#define MEDIA_PATH 4
#define MEDIA_FILE_PATH 4

struct volume {
	EFI_FILE_HANDLE root;
	char folder[PATH_MAX];		/* of this .efi: "\EFI\BOOT\" */
	char plan_folder[PATH_MAX];
};

/* Our own path, out of the file nodes of the device path. UEFI 2.10 "File Path Media Device Path" (10.3.5.4). */
static void find_own_folder(struct volume *v)
{
	const uint8_t *node = (const uint8_t *)fw.loaded->FilePath;
	size_t used = 0;

	v->folder[0] = '\0';
	for (unsigned int i = 0; node && i < 64 && (node[0] & 0x7f) != END_DEVICE_PATH_TYPE; i++) {
		uint16_t text[PATH_MAX];
		uint32_t length = (uint32_t)(node[2] | node[3] << 8), units = (length - 4) / 2;

		if (length < 4)
			break;
		if (node[0] == MEDIA_PATH && node[1] == MEDIA_FILE_PATH && units < PATH_MAX && used + 2 < PATH_MAX) {
			memcpy(text, node + 4, units * 2);
			if (text[0] != '\\' && (!used || v->folder[used - 1] != '\\'))
				v->folder[used++] = '\\';
			if (text_from_ucs2(v->folder + used, PATH_MAX - used, text, units))
				break;
			used += text_length(v->folder + used);
		}
		node += length;
	}
	options_cut_to_folder(v->folder);
	if (!v->folder[0])
		text_copy(v->folder, PATH_MAX, "\\");
}

static bool open_volume(struct volume *v)
{
	EFI_GUID guid = EFI_SIMPLE_FILE_SYSTEM_PROTOCOL_GUID;
	EFI_FILE_IO_INTERFACE *system;

	find_own_folder(v);
	return fw.loaded->DeviceHandle &&
	       fw.boot->HandleProtocol(fw.loaded->DeviceHandle, &guid, (VOID **)&system) == EFI_SUCCESS &&
	       system->OpenVolume(system, &v->root) == EFI_SUCCESS;
}

/* Size of an open regular file. False: it is a folder, or firmware cannot say. */
static bool file_size(EFI_FILE_HANDLE file, uint64_t *size)
{
	EFI_GUID guid = EFI_FILE_INFO_ID;
	union {
		EFI_FILE_INFO info;
		uint8_t bytes[sizeof(EFI_FILE_INFO) + 2 * PATH_MAX];
	} u;
	UINTN bytes = sizeof(u);

	if (file->GetInfo(file, &guid, &bytes, &u) != EFI_SUCCESS || u.info.Attribute & EFI_FILE_DIRECTORY)
		return false;
	*size = u.info.FileSize;
	return true;
}

/* Opens a regular file. EFI_NOT_FOUND also when the name is a folder or cannot be a name there. */
static EFI_STATUS file_open(struct volume *v, const char *folder, const char *name, EFI_FILE_HANDLE *file,
			    uint64_t *size)
{
	char path[PATH_MAX];
	uint16_t wide[PATH_MAX];
	EFI_STATUS status;

	if (text_format(path, sizeof(path), "%s%s", folder, name) + 1 >= sizeof(path))
		return EFI_NOT_FOUND;
	for (char *p = path; *p; p++)
		if (*p == '/')
			*p = '\\';
	if (text_to_ucs2(wide, PATH_MAX, path))
		return EFI_NOT_FOUND;
	status = v->root->Open(v->root, file, (CHAR16 *)wide, EFI_FILE_MODE_READ, 0);
	if (status == EFI_INVALID_PARAMETER || status == EFI_UNSUPPORTED)
		return EFI_NOT_FOUND;	/* no name for this file system */
	if (status != EFI_SUCCESS)
		return status;
	if (file_size(*file, size))
		return EFI_SUCCESS;
	(*file)->Close(*file);
	return EFI_NOT_FOUND;
}

static EFI_STATUS read_chunks(EFI_FILE_HANDLE file, uint64_t to, uint64_t size)
{
	uint64_t quarter = 1;

	for (uint64_t at = 0; at < size;) {
		UINTN bytes = size - at < CHUNK ? size - at : CHUNK;
		EFI_STATUS status = file->Read(file, &bytes, (VOID *)(to + at));

		if (status != EFI_SUCCESS)
			return status;
		if (!bytes)
			return EFI_END_OF_FILE;
		at += bytes;
		clock_poll();
		for (; size >= BIG && at / 4 >= size / 16 * quarter && quarter <= 4; quarter++)
			console_print(" %lu%%", quarter * 25);
	}
	return EFI_SUCCESS;
}

/* Reads the open file into memory of its own. On an error no memory stays taken. */
static EFI_STATUS file_read(EFI_FILE_HANDLE file, uint64_t size, uint64_t *base)
{
	EFI_STATUS status;

	*base = 0;
	if (!size)
		return EFI_SUCCESS;
	if (size >= BLOCK)
		*base = memory_allocate(size, BLOCK, BOOT_FILE);
	if (!*base)
		*base = memory_allocate(size, 4096, BOOT_FILE);
	if (!*base)
		return EFI_OUT_OF_RESOURCES;
	status = read_chunks(file, *base, size);
	if (status != EFI_SUCCESS) {
		memory_release(*base);
		*base = 0;
	}
	return status;
}

static void print_size(uint64_t size)
{
	if (size >= 1 << 20)
		console_print(" %lu.%lu MiB", size >> 20, (size & 0xfffff) * 10 >> 20);
	else
		console_print(" %lu KiB", (size + 1023) >> 10);
}

/* Takes the open file into the list and closes it. */
static struct boot_file *load(struct boot_info *info, EFI_FILE_HANDLE file, const char *name, uint64_t size,
			      uint64_t limit)
{
	struct boot_file *f = &info->files[info->file_count++];

	text_copy(f->name, sizeof(f->name), name);
	console_print("  file     %s", name);
	print_size(size);
	f->status = size > limit ? EFI_BAD_BUFFER_SIZE : file_read(file, size, &f->base);
	f->size = f->status ? 0 : size;
	file->Close(file);
	if (f->status)
		console_print(": could not be read: %s", console_status(f->status));
	console_print("\n");
	return f;
}

/* Looks in the three places and loads what is found as files[0]. */
static bool load_plan(struct boot_info *info, struct volume *v, const char *name)
{
	const char *const folders[] = { v->folder, "\\", "\\EFI\\BULKHEAD\\" };
	bool absolute = name[0] == '\\' || name[0] == '/';
	EFI_FILE_HANDLE file;
	uint64_t size;

	for (unsigned int i = 0; i < 3; i++) {
		const char *folder = absolute ? "" : folders[i];

		if (file_open(v, folder, name, &file, &size) != EFI_SUCCESS)
			continue;
		text_format(v->plan_folder, PATH_MAX, "%s%s", folder, name);
		options_cut_to_folder(v->plan_folder);
		load(info, file, name, size, PLAN_MAX);
		return true;
	}
	return false;
}

static bool is_loaded(const struct boot_info *info, const char *name)
{
	for (uint32_t i = 0; i < info->file_count; i++)
		if (text_equal(info->files[i].name, name))
			return true;
	return false;
}

static void load_if_file(struct boot_info *info, struct volume *v, const char *name)
{
	EFI_FILE_HANDLE file;
	uint64_t size;

	if (!scan_is_file_name(name) || is_loaded(info, name) ||
	    file_open(v, v->plan_folder, name, &file, &size) != EFI_SUCCESS)
		return;
	if (info->file_count < BOOT_FILES_MAX) {
		load(info, file, name, size, ~0ull);
	} else {
		info->file_lost++;
		file->Close(file);
	}
}

static void load_named_files(struct boot_info *info, struct volume *v)
{
	struct scan scan = { (const char *)info->files[0].base, info->files[0].size, 0 };
	char name[BOOT_TEXT_MAX];

	for (unsigned int i = 0; i < STRINGS_MAX && scan_next_string(&scan, name, sizeof(name)); i++) {
		load_if_file(info, v, name);
		if (!text_equal(name, BOOT_UEFI_WORD))
			continue;
		load_if_file(info, v, BOOT_UEFI_CODE_NAME);
		load_if_file(info, v, BOOT_UEFI_VARS_NAME);
	}
}

void files_load(struct boot_info *info)
{
	static struct volume v;
	char word[BOOT_TEXT_MAX];
	bool found;

	if (!open_volume(&v)) {
		console_print("  plan     none: the volume that this was started from cannot be read\n");
		return;
	}
	options_plan_word(word, sizeof(word), info->options);
	found = word[0] && load_plan(info, &v, word);
	if (!found && !options_is_file_word(word)) {
		text_copy(word, sizeof(word), PLAN_NAME);
		found = load_plan(info, &v, word);
	}
	if (!found)
		console_print("  plan     no %s in %s, \\ or \\EFI\\BULKHEAD\n", word, v.folder);
	else
		load_named_files(info, &v);
	v.root->Close(v.root);
}
