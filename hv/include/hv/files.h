/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Files that come while the machine runs: kernels, initrds, ISOs and disk images for guests that are made then, or to be imported
 * into volumes. They lie in RAM that no guest has, in one piece of whole blocks, until they are removed or the machine is reset;
 * admission finds them like those that were loaded at the start. Control core, while no change of the plan is under way. */

#include <hv/types.h>

#define FILES_MAX 16u
#define FILE_NAME_SIZE 64u
#define FILE_SIZE_MAX (16 * GiB)

struct stored_file {
	char name[FILE_NAME_SIZE];	/* "": free */
	u64 base, room;			/* RAM, whole blocks */
	u64 size, total;		/* came; will be (0: nobody knows yet) */
	bool whole;			/* all of it came: guests may use it */
	bool open;			/* somebody writes it */
	u64 touched;			/* TSC of the last byte */
};

/* A new file of total bytes. Null: why says in words; *status is what HTTP calls it. */
struct stored_file *file_begin(const char *name, u64 total, u64 now, const char **why, u16 *status);

/* The same for a file whose length nobody knows: it moves to a larger place when it has to, for which there must be room beside the
 * old one, and has as much as it needs when file_close() says that it is all. */
struct stored_file *file_begin_open(const char *name, u64 now, const char **why, u16 *status);
void file_close(struct stored_file *f);

/* Called now and then while a file moves, for others: null does nothing. */
extern void (*files_breathe)(void);

/* n bytes more. false: more than were announced, or than there is room for. */
bool file_append(struct stored_file *f, const void *bytes, size_t n, u64 now);

/* All of it came: guests may have it from now on. false: there is no room in the list. */
bool file_end(struct stored_file *f);

/* Nobody has it in use. */
void file_drop(struct stored_file *f);

/* What was begun and not gone on with for FILE_PATIENCE_S is dropped. */
#define FILE_PATIENCE_S 300u
void files_tick(u64 now);

struct stored_file *file_find(const char *name);
struct stored_file *file_at(u32 index);		/* below FILES_MAX; null: none at this place */

/* Bytes of a whole file of that name, be it a loaded one. Null: there is none. */
const u8 *file_bytes(const char *name, u64 *size);

/* The guest that has it, by the plan in force; null: nobody. */
const char *file_user(const struct stored_file *f);
