/* SPDX-License-Identifier: Apache-2.0 */
#include "files_fake.h"

#include <stdlib.h>

#include <hv/control_work.h>
#include <hv/lib.h>

struct fake_files files;

void fake_files_reset(enum datastore_state state)
{
	for (u32 i = 0; i < files.count; i++)
		free(files.file[i].bytes);
	files = (struct fake_files){ .state = state };
}

enum datastore_state datastore_state(void)
{
	return files.state;
}

bool datastore_file(u32 n, struct datastore_file *f)
{
	if (n >= files.count)
		return false;
	str_copy(f->path, sizeof(f->path), files.file[n].path);
	f->size = files.file[n].size;
	return true;
}

static int find(const char *path)
{
	for (u32 i = 0; i < files.count; i++)
		if (!strcmp(files.file[i].path, path))
			return (int)i;
	return -E_NOENT;
}

int datastore_read(const char *path, u32 offset, void *to, u32 size)
{
	int i = find(path);

	if (i < 0)
		return i;
	size = offset < files.file[i].size ? MIN(size, files.file[i].size - offset) : 0;
	memcpy(to, files.file[i].bytes + offset, size);
	return (int)size;
}

int datastore_append(const char *path, const void *data, u32 len)
{
	int i = find(path);

	files.appends++;
	if (files.error)
		return files.error;
	if (i < 0) {
		if (files.count == 8)
			return -E_NOSPC;
		i = (int)files.count++;
		files.file[i].bytes = NULL;
		files.file[i].size = 0;
		str_copy(files.file[i].path, sizeof(files.file[i].path), path);
	}
	files.file[i].bytes = realloc(files.file[i].bytes, files.file[i].size + len);
	memcpy(files.file[i].bytes + files.file[i].size, data, len);
	files.file[i].size += len;
	return 0;
}

int datastore_remove(const char *path)
{
	int i = find(path);

	if (files.error || i < 0)
		return files.error ? files.error : i;
	free(files.file[i].bytes);
	files.file[i] = files.file[--files.count];
	return 0;
}

__attribute__((weak)) void control_work_by(u64 tsc)
{
	(void)tsc;
}
