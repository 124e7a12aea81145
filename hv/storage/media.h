/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the datastore's file system lies on. littlefs is synchronous and the event loop must not wait, so it works on a copy in
 * RAM, and everything that it writes also goes into a log, in its order, with a mark wherever it wants all before it to be on
 * the medium. A job of the loop carries the log to the disk: strictly in that order, one write at a time, a flush at each mark.
 * So at any moment the disk holds what littlefs had written at some moment, as if the power had been cut there: a state that
 * it is made to survive. Control core. */

#include <hv/storage.h>

#define MEDIA_BLOCK 4096u
#define MEDIA_WRITE 512u		/* littlefs writes whole ones of these; the disk's sectors where they are longer */
#define MEDIA_BYTES_MAX (4 * MiB)
#define MEDIA_BYTES_MIN (256 * KiB)
#define MEDIA_LOG_BYTES (1 * MiB)
#define MEDIA_ENTRIES 2048u
#define MEDIA_STEP_BYTES (256 * KiB)	/* what a step of work may write at most */
#define MEDIA_STEP_ENTRIES 512u
#define MEDIA_TRIES 5u

enum media_kind { MEDIA_DATA, MEDIA_MARK };

struct media_entry {
	u64 at;				/* in the log: position since the start */
	u64 to;				/* byte of the image */
	u32 len;
	u8 kind;			/* enum media_kind */
};

struct media {
	u8 *image;			/* the file system, MEDIA_BYTES_MAX of memory */
	u64 size;			/* bytes of it that are used */
	u32 write_size;
	u8 *log;			/* MEDIA_LOG_BYTES */
	struct media_entry entry[MEDIA_ENTRIES];
	u64 put, taken;			/* entries */
	u64 in, out;			/* bytes of the log */
	bool overflow;			/* something found no room: a step wrote more than it may */

	struct storage_client client;
	struct storage_request request;
	struct storage_piece piece;
	bool busy;			/* request is under way */
	bool failed;			/* given up: nothing more is written */
	bool unflushed;			/* something was written since the last flush */
	u64 going;			/* entries that the request stands for; loading: bytes */
	u64 loaded;			/* bytes of the image that have been read */
	bool loading;
	u32 tries;
	u64 retry;			/* TSC */
	bool wrong;			/* the last request was answered so */
	void (*heard)(void);		/* it was answered; null: nobody waits for that */
	u64 writes, flushes, bytes, errors;
};

/* Memory for both. false: there is none. */
bool media_init(struct media *m);

/* The client is open on a range of at least size bytes (whole blocks): read all of it. write_size: 512 or 4096. */
void media_load(struct media *m, u64 size, u32 write_size);
/* The same without reading: it is about to be made new. */
void media_blank(struct media *m, u64 size, u32 write_size);
static inline bool media_is_loaded(const struct media *m) { return !m->loading && !m->failed; }

/* Loaded: does it hold zeros only? */
bool media_is_empty(const struct media *m);

/* Go on with reading or writing. true: something was asked for. */
bool media_poll(struct media *m, u64 now);

/* Is there room for what a step may write? Nothing waits to be written? Bytes that do. */
bool media_has_room(const struct media *m);
static inline bool media_is_clean(const struct media *m) { return m->put == m->taken && !m->busy; }
u64 media_waiting(const struct media *m);

/* For littlefs. false: outside of the image; no room in the log. */
bool media_read(const struct media *m, u64 from, void *to, u32 len);
bool media_write(struct media *m, u64 to, const void *from, u32 len);
bool media_mark(struct media *m);
