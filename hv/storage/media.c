/* SPDX-License-Identifier: Apache-2.0 */
#include "media.h"

#include <hv/lib.h>
#include <hv/pool.h>
#include <hv/time.h>

#define REQUEST_BYTES (64 * KiB)
#define RETRY_NS (2 * NS_PER_S)

bool media_init(struct media *m)
{
	m->image = pool_alloc(MEDIA_BYTES_MAX / PAGE_SIZE, POOL_OTHER);
	m->log = m->image ? pool_alloc(MEDIA_LOG_BYTES / PAGE_SIZE, POOL_OTHER) : NULL;
	if (m->image && !m->log)
		pool_free(m->image, MEDIA_BYTES_MAX / PAGE_SIZE);
	return m->log;
}

static void start(struct media *m, u64 size, u32 write_size, bool loading)
{
	assert(!m->busy && size <= MEDIA_BYTES_MAX && IS_ALIGNED(size, MEDIA_BLOCK));
	m->size = size;
	m->write_size = write_size;
	m->put = m->taken = m->in = m->out = 0;
	m->overflow = m->failed = m->unflushed = m->wrong = false;
	m->tries = 0;
	m->loaded = m->going = m->retry = 0;
	m->loading = loading;
	if (!loading)
		memset(m->image, 0xff, size);
}

void media_load(struct media *m, u64 size, u32 write_size)
{
	start(m, size, write_size, true);
}

void media_blank(struct media *m, u64 size, u32 write_size)
{
	start(m, size, write_size, false);
}

bool media_is_empty(const struct media *m)
{
	return !m->size || (!m->image[0] && !memcmp(m->image, m->image + 1, m->size - 1));
}

/* --- for littlefs --------------------------------------------------------------------------------------------------- */

static bool inside(const struct media *m, u64 at, u32 len)
{
	return at <= m->size && len <= m->size - at;
}

bool media_read(const struct media *m, u64 from, void *to, u32 len)
{
	if (!inside(m, from, len))
		return false;
	memcpy(to, m->image + from, len);
	return true;
}

/* A piece of the log in one piece of memory: what is left before its end is skipped. ~0: no room. */
static u64 find_room(const struct media *m, u32 len)
{
	u64 at = m->in, over = at % MEDIA_LOG_BYTES + len;

	if (over > MEDIA_LOG_BYTES)
		at = ALIGN_UP(at, MEDIA_LOG_BYTES);
	return at + len - m->out > MEDIA_LOG_BYTES ? ~0ul : at;
}

static bool put_entry(struct media *m, const struct media_entry *e)
{
	if (m->put - m->taken == MEDIA_ENTRIES) {
		m->overflow = true;
		return false;
	}
	m->entry[m->put++ % MEDIA_ENTRIES] = *e;
	return true;
}

bool media_write(struct media *m, u64 to, const void *from, u32 len)
{
	u64 at = find_room(m, len);

	if (!inside(m, to, len))
		return false;
	if (at == ~0ul || !put_entry(m, &(struct media_entry){ at, to, len, MEDIA_DATA })) {
		m->overflow = true;
		return false;
	}
	m->in = at + len;
	memcpy(m->log + at % MEDIA_LOG_BYTES, from, len);
	memcpy(m->image + to, from, len);
	return true;
}

/* What is written last before a mark is a piece of metadata, in one block, and may name blocks of data written before: a drive
 * that holds both back could lose these and keep that. littlefs does not ask for a mark between them, so it gets one. */
static bool part_last_block(struct media *m)
{
	u64 n = m->put, block;

	if (n == m->taken)
		return true;
	block = m->entry[(n - 1) % MEDIA_ENTRIES].to / MEDIA_BLOCK;
	for (; n > m->taken; n--) {
		const struct media_entry *e = &m->entry[(n - 1) % MEDIA_ENTRIES];

		if (e->kind != MEDIA_DATA || e->to / MEDIA_BLOCK != block)
			break;
	}
	/* What is written already needs a flush behind it, too. */
	if (n < m->taken + (m->busy ? m->going : 0) || (n > m->taken && m->entry[(n - 1) % MEDIA_ENTRIES].kind == MEDIA_MARK))
		return true;
	if (!put_entry(m, &m->entry[(m->put - 1) % MEDIA_ENTRIES]))
		return false;
	for (u64 i = m->put - 1; i > n; i--)
		m->entry[i % MEDIA_ENTRIES] = m->entry[(i - 1) % MEDIA_ENTRIES];
	m->entry[n % MEDIA_ENTRIES] = (struct media_entry){ m->entry[(n + 1) % MEDIA_ENTRIES].at, 0, 0, MEDIA_MARK };
	return true;
}

bool media_mark(struct media *m)
{
	/* Two marks in a row are one. */
	if (m->put != m->taken && m->entry[(m->put - 1) % MEDIA_ENTRIES].kind == MEDIA_MARK)
		return true;
	return part_last_block(m) && put_entry(m, &(struct media_entry){ m->in, 0, 0, MEDIA_MARK });
}

bool media_has_room(const struct media *m)
{
	return !m->failed && MEDIA_LOG_BYTES - (m->in - m->out) >= 2 * MEDIA_STEP_BYTES &&
		MEDIA_ENTRIES - (m->put - m->taken) >= MEDIA_STEP_ENTRIES;
}

u64 media_waiting(const struct media *m)
{
	return m->in - m->out;
}

/* --- the job -------------------------------------------------------------------------------------------------------- */

static void heard(struct storage_request *rq, enum block_result result)
{
	struct media *m = container_of(rq, struct media, request);

	m->busy = false;
	m->wrong = result != BLOCK_OK;
	if (m->heard)
		m->heard();
}

static void ask(struct media *m, enum block_op op, u64 at, u8 *bytes, u32 len)
{
	m->request = (struct storage_request){ .op = op, .sector = at / 512, .sectors = len / 512, .piece = &m->piece,
		.pieces = len ? 1 : 0, .done = heard };
	if (len)
		m->piece = storage_pool_piece(bytes, len);
	m->busy = true;
	storage_submit(&m->client, &m->request);
}

static bool load_more(struct media *m)
{
	m->loaded += m->going;
	m->going = MIN(m->size - m->loaded, REQUEST_BYTES);
	if (m->going)
		ask(m, BLOCK_READ, m->loaded, m->image + m->loaded, (u32)m->going);
	else
		m->loading = false;
	return true;
}

/* Entries that are done leave the log. */
static void drop(struct media *m, u64 count)
{
	for (u64 i = 0; i < count; i++) {
		const struct media_entry *e = &m->entry[m->taken++ % MEDIA_ENTRIES];

		m->out = e->at + e->len;
		m->bytes += e->len;
		if (e->kind == MEDIA_MARK)
			m->unflushed = false;
	}
	if (m->taken == m->put)
		m->out = m->in;
}

/* As many entries as lie behind one another, both on the medium and in the log, up to a mark. */
static u32 gather(struct media *m, const struct media_entry *first)
{
	u32 len = first->len;

	for (m->going = 1; m->taken + m->going < m->put; m->going++) {
		const struct media_entry *e = &m->entry[(m->taken + m->going) % MEDIA_ENTRIES];

		if (e->kind != MEDIA_DATA || e->to != first->to + len || e->at != first->at + len ||
		    e->at % MEDIA_LOG_BYTES == 0 || len + e->len > REQUEST_BYTES)
			break;
		len += e->len;
	}
	return len;
}

static void write_more(struct media *m)
{
	const struct media_entry *e = &m->entry[m->taken % MEDIA_ENTRIES];

	m->going = 1;
	if (e->kind == MEDIA_DATA) {
		u32 len = gather(m, e);

		m->unflushed = true;
		m->writes++;
		ask(m, BLOCK_WRITE, e->to, m->log + e->at % MEDIA_LOG_BYTES, len);
	} else if (m->unflushed) {
		m->flushes++;
		ask(m, BLOCK_FLUSH, 0, NULL, 0);
	}
}

/* Was the last request answered well? What was not is asked for again, some times. */
static bool failing(struct media *m, u64 now)
{
	if (!m->wrong) {
		if (m->going)
			m->tries = 0;
		return false;
	}
	if (!m->retry) {
		m->errors++;
		m->retry = now + ns_to_ticks(RETRY_NS);
		m->failed = ++m->tries >= MEDIA_TRIES;
	}
	if (m->failed || now < m->retry)
		return true;
	m->retry = 0;
	m->wrong = false;
	m->going = 0;
	return false;
}

bool media_poll(struct media *m, u64 now)
{
	if (m->busy || m->failed || failing(m, now))
		return false;
	if (m->loading)
		return load_more(m);
	drop(m, m->going);
	m->going = 0;
	if (m->put == m->taken)
		return false;
	write_more(m);
	return true;
}
