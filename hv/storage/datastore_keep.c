/* SPDX-License-Identifier: Apache-2.0 */
/* Small files that other parts keep whole: the newest contents of each wait here until they can be written, in one go. */
#include "datastore_int.h"

#include <hv/lib.h>

#define FILES 4u

static struct keep {
	char path[FS_PATH_MAX];
	u8 data[DATASTORE_KEEP_MAX];
	u32 length;
	bool waits;
} keep[FILES];

void keep_init(void)
{
	memset(keep, 0, sizeof(keep));
}

bool datastore_keep(const char *path, const void *data, u32 n)
{
	struct keep *k = NULL;

	for (u32 i = 0; i < FILES && !k; i++)
		if (!keep[i].path[0] || !strcmp(keep[i].path, path))
			k = &keep[i];
	if (!k || n > sizeof(k->data) || strlen(path) >= sizeof(k->path))
		return false;
	str_copy(k->path, sizeof(k->path), path);
	memcpy(k->data, data, n);
	k->length = n;
	k->waits = true;
	return true;
}

static bool write_file(struct keep *k)
{
	int err = fs_begin(k->path);

	err = err < 0 ? err : fs_more(k->data, k->length);
	err = err < 0 ? err : fs_commit();
	if (err < 0)
		fs_abandon();
	datastore_say(k->path, err < 0 ? err : 0);
	return err >= 0;
}

bool keep_poll(void)
{
	for (u32 i = 0; i < FILES; i++) {
		if (!keep[i].waits || !datastore_may_write() || vars_is_writing())
			continue;
		/* One that cannot be written waits for its next change: whoever changes it is told by the log. */
		write_file(&keep[i]);
		keep[i].waits = false;
		return true;
	}
	return false;
}

bool keep_is_saved(void)
{
	for (u32 i = 0; i < FILES; i++)
		if (keep[i].waits)
			return false;
	return true;
}
