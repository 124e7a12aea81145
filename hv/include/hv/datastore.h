/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What lasts of the hypervisor's own: firmware variables of guests, the log, records of crashes. All of it lies in a small
 * partition (littlefs); without one everything works, and is gone with the machine's next reset: datastore_lasting() says
 * so. docs/storage.md "Datastore". Control core; boot core in datastore_init(). Nothing waits. */

#include <hv/guest.h>

enum datastore_state {
	DATASTORE_OFF,			/* no memory for it */
	DATASTORE_NONE,			/* no disk has one */
	DATASTORE_LOADING,
	DATASTORE_READY,
	DATASTORE_UNREADABLE,		/* what is on the disk makes no sense */
	DATASTORE_LOST,			/* its disk does not take writes any more, or is gone */
};

/* Before the event loop, after the guests are built. Memory is taken when there is one: some 5 MiB of the pool. */
void datastore_init(void);

/* The disks' partition tables have been read, as far as disks answer: it may be looked for. Before guests start. */
void datastore_begin(void);

/* A round of the event loop, of which datastore_init() makes it a part. true: something was done, look again. */
bool datastore_poll(u64 now);

/* A guest is made while others run; one goes: its flash is not looked at any more. What was kept of it stays, for the next
 * guest of its name. */
void datastore_add(const struct guest *g);
void datastore_drop(const struct guest *g);

/* May g start? Not before it is known whether there is something to put back into its flash, and that is done. */
bool datastore_settled(const struct guest *g);

/* All that is to be kept is on the disk, or cannot be kept: the machine may go down. */
bool datastore_clean(void);

enum datastore_state datastore_state(void);

/* Why not, or what is the matter, in words; "" when all is well. */
const char *datastore_why(void);

/* Keep text (cut at DATASTORE_CRASH_MAX) as a record of a guest's end; the oldest ones make room. */
#define DATASTORE_CRASH_MAX 8192u
void datastore_crash(const char *guest, const char *text, size_t n);

/* Keep a small file whole ("web/tls"); the newest contents count, and wait here until there is a datastore. false: too large, or
 * there are too many of them. datastore_read() has what was kept, once it is known whether there is a datastore: decided. */
#define DATASTORE_KEEP_MAX 16384u
bool datastore_keep(const char *path, const void *data, u32 n);
bool datastore_decided(void);

/* Bytes: of the file system, in use, waiting to be written. Files in "vars", "log", "crash", "capture": the nth; false: no more. */
struct datastore_use {
	u64 size, used, waiting, written, flushes, errors;
	const char *disk;		/* "" : none */
};
struct datastore_file {
	char path[64];
	u32 size;
};
void datastore_use(struct datastore_use *use);
bool datastore_file(u32 n, struct datastore_file *f);

/* Up to size bytes of a file from offset; how many, or -E_NOENT, -E_BUSY (not ready). */
int datastore_read(const char *path, u32 offset, void *to, u32 size);

/* Add to a file's end, or make it; remove it. 0, -E_BUSY (not now: not ready, or too much waits to be written), -E_NOENT, -E_NOSPC,
 * -E_INVAL. */
int datastore_append(const char *path, const void *data, u32 len);
int datastore_remove(const char *path);

/* Make the partition's file system new: all that it held is gone. Null, or why not. */
const char *datastore_format(void);

/* --- what it keeps of a guest's flash: drivers/model/vflash.c ------------------------------------------------------- */

/* Bytes of variables; 0: it has none. How often they were changed. Where they are (the guest may write there). */
u64 flash_vars_size(const struct guest *g);
u64 flash_vars_changes(const struct guest *g);
const u8 *flash_vars(const struct guest *g);

/* Nothing has been put into it yet: the guest was never started. Then these bytes (flash_vars_size()) instead of its file's. */
bool flash_vars_untouched(const struct guest *g);
u8 *flash_vars_restore(struct guest *g);
