/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The datastore's file system: calls into littlefs, each of which ends whatever the medium holds. One that finds a
 * contradiction, or does not come to an end, leaves the file system for good: fs_broken() is true then, until it is mounted
 * or formatted again. All return 0 or more, or -E_NOENT, -E_NOSPC (full), -E_INVAL (everything else). */

#include "media.h"

#define FS_PATH_MAX 64u

/* m: loaded or blank. */
int fs_mount(struct media *m);
int fs_format(struct media *m);
bool fs_broken(void);
const char *fs_broken_why(void);

/* Bytes in use. */
int fs_used(void);

/* Add to a file's end; it is made if need be. On the medium when it returns, as far as littlefs is concerned. */
int fs_append(const char *path, const void *data, u32 len);

/* A new file in steps: it is "path.new" until fs_commit() makes it path in one go. One at a time. */
int fs_begin(const char *path);
int fs_more(const void *data, u32 len);
int fs_commit(void);
void fs_abandon(void);

/* Returns how many bytes there were. */
int fs_read(const char *path, u32 offset, void *to, u32 size);
int fs_size(const char *path);
int fs_remove(const char *path);
int fs_rename(const char *from, const char *to);
int fs_mkdir(const char *path);

/* The nth file of a directory, its name into name[FS_PATH_MAX]. Returns its size; of more than 128 names the first count. */
int fs_list(const char *dir, u32 n, char *name);
