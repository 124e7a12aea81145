/* SPDX-License-Identifier: Apache-2.0 */
/* The machine's disks as their drivers come with them, and the turns of the block layer. */
#include "snapshot.h"
#include "wipe.h"

#include <hv/control_work.h>
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/pci.h>
#include <hv/pool.h>
#include <hv/time.h>

#define LOOK_NS 5000000ul	/* no disk waits longer for a turn, if anybody has one */
#define SECTORS_MAX (1ul << 55)	/* bytes fit into 64 bits */
#define ROUNDS_MAX 16u		/* of one turn: answers bring new requests */

struct storage_disk storage_disk_table[DISKS_MAX];
static bool (*is_granted)(const struct disk *d);
/* Places of the table, a bit each: those that have a turn; when time has passed; when a bounce buffer is free; with disks that have
 * no interrupt. */
static u32 awake, limited, starved, polled;
static bool in_turn;		/* storage_poll() looks by itself */
static bool again;		/* storage_again() was called */
static u32 work_id;
static u64 look_at;		/* TSC: all have a turn, whoever may have been overlooked */
static bool interrupts_on;	/* whether a disk has one can be told from then on */

/* A slot's memory stays with its place in the table, for the next disk that comes there. */
static int place_init(struct storage_disk *s)
{
	u64 pages = ALIGN_UP(SLOTS_MAX * sizeof(struct storage_slot), PAGE_SIZE) / PAGE_SIZE;

	if (!s->slot)
		s->slot = pool_alloc(pages, POOL_OTHER);
	return s->slot ? gpt_job_init(s) : -E_NOMEM;
}

static bool has_interrupt(u16 bdf)
{
	for (u32 i = 0; i < pci_count(); i++)
		if (pci_at(i)->bdf == bdf)
			return pci_at(i)->message_kind;
	return false;
}

static void say_found(const struct storage_disk *s)
{
	const struct disk *d = s->d;
	char size[24];

	log_notice("disk %s: %s, %s, serial %s%s", d->name, *d->model ? d->model : "no model name",
		   fmt_bytes(size, sizeof(size), d->sectors * BLOCK_SECTOR), *d->serial ? d->serial : "unknown",
		   s->granted ? "" : "; the plan does not name it: it is left alone");
}

/* What else stands on: cutting requests, tables' memory. A driver that offers anything else is refused with its disk. */
static bool limits_ok(const struct disk *d)
{
	return d->sector_size >= BLOCK_SECTOR && d->sector_size <= 4096 && !(d->sector_size & (d->sector_size - 1)) &&
		d->sectors <= SECTORS_MAX && !(d->sectors % (d->sector_size / BLOCK_SECTOR)) && d->pieces_max &&
		d->bytes_max >= d->sector_size && d->dma_align <= BLOCK_SECTOR && !(d->dma_align & (d->dma_align - 1)) &&
		bounce_reach() <= (d->dma_end ? d->dma_end : U64_MAX);
}

int disk_add(struct disk *d)
{
	if (bounce_init())
		return -E_NOMEM;
	if (!limits_ok(d)) {
		log_notice("disk %s: not used: its driver's limits make no sense, or it does not reach our memory", d->name);
		return -E_INVAL;
	}
	for (u32 i = 0; i < DISKS_MAX; i++) {
		struct storage_disk *s = &storage_disk_table[i];
		struct storage_slot *slot = s->slot;
		struct gpt_job *gpt = s->gpt;

		if (s->d)
			continue;
		*s = (struct storage_disk){ .d = d, .index = i, .slot = slot, .gpt = gpt };
		if (place_init(s)) {
			s->d = NULL;
			return -E_NOMEM;
		}
		polled &= ~BIT32(i);
		s->slots = MAX(MIN(d->depth, SLOTS_MAX), 1u);
		s->free = BIT(s->slots) - 1;
		s->granted = is_granted && is_granted(d);
		if (interrupts_on && !has_interrupt(d->bdf))
			polled |= BIT32(i);
		d->owner = s;
		if (is_granted)
			say_found(s);
		gpt_job_read(s);
		return 0;
	}
	return -E_NOMEM;
}

/* Who used it hears of it by errors; its driver has answered all that it had. */
void disk_gone(struct disk *d)
{
	struct storage_disk *s = d->owner;

	if (!s)
		return;
	log_notice("disk %s is gone", d->name);
	s->gone = true;
	storage_wake(s);
	gpt_job_forget(s);
	volumes_update(s, NULL, NULL);
	for (u32 i = 0; i < STORAGE_CLIENTS_MAX; i++)
		if (storage_client_table[i] && storage_client_table[i]->disk == s)
			storage_bind(storage_client_table[i], NULL, 0, 0);
	while (s->flush_head) {
		struct storage_request *rq = s->flush_head;

		s->flush_head = rq->next;
		storage_answer(rq, BLOCK_FAILED);
	}
}

void disk_changed(struct disk *d)
{
	if (d->owner)
		gpt_job_read(d->owner);
}

void storage_grant(bool (*granted)(const struct disk *d))
{
	is_granted = granted;
	for (u32 i = 0; i < DISKS_MAX; i++) {
		struct storage_disk *s = &storage_disk_table[i];

		if (!s->d)
			continue;
		s->granted = granted(s->d);
		say_found(s);
		snap_look(s);
	}
}

void storage_wake(const struct storage_disk *s)
{
	if (s)
		awake |= BIT32(s->index);
	if (!in_turn)
		control_work_wake(work_id);
}

void storage_again(void)
{
	again = true;
	storage_wake(NULL);
}

void storage_wake_starved(void)
{
	if (!starved)
		return;
	awake |= starved;
	starved = 0;
	storage_wake(NULL);
}

/* What its turn has left to do, and when. */
static void note_rest(const struct storage_disk *s)
{
	if (s->starved)
		starved |= BIT32(s->index);
	if (s->limited)
		limited |= BIT32(s->index);
}

static void disk_turn(struct storage_disk *s, u64 now)
{
	gpt_job_run(s);
	if (s->gone) {
		if (!s->flying && !s->flushing) {
			s->d->owner = NULL;
			s->d = NULL;		/* its place is free again */
		}
		return;
	}
	queue_run(s, now);
	note_rest(s);
	queue_kick(s);
}

static void disks_turn(u64 now)
{
	u32 left = awake;

	awake = 0;
	for (; left; left &= left - 1) {
		struct storage_disk *s = &storage_disk_table[__builtin_ctz(left)];

		if (s->d)
			disk_turn(s, now);
	}
}

static bool any_polled(void)
{
	for (u32 left = polled; left; left &= left - 1)
		if (storage_disk_table[__builtin_ctz(left)].flying)
			return true;
	return false;
}

bool storage_poll(u64 now)
{
	bool snapped = true;

	in_turn = true;
	awake |= limited;
	limited = 0;
	if (now >= look_at) {
		look_at = now + ns_to_ticks(LOOK_NS);
		awake = BIT32(DISKS_MAX) - 1;
	}
	for (u32 n = 0; n < ROUNDS_MAX && (snapped || awake || storage_answers); n++) {
		again = false;
		storage_answer_all();
		if (awake)
			disks_turn(now);
		snapped = copy_turn();
		snapped |= wipe_turn();
		snapped |= snap_any() && snap_run(now);
	}
	in_turn = false;
	if (again)
		control_work_wake(work_id);
	return snapped || awake || storage_answers || any_polled();
}

void storage_kick(void)
{
	control_work_ring();
}

static NOINLINE void find_polled(void)
{
	for (u32 i = 0; i < DISKS_MAX; i++)
		if (storage_disk_table[i].d && !has_interrupt(storage_disk_table[i].d->bdf))
			polled |= BIT32(i);
	interrupts_on = true;
}

static bool work_poll(void *arg, u64 now)
{
	(void)arg;
	if (UNLIKELY(!interrupts_on))
		find_polled();
	return storage_poll(now);
}

int storage_init(void)
{
	static const struct control_work work = { .name = "storage", .poll = work_poll, .when = WORK_ON_CALL, .id = &work_id };

	return control_work_add(&work);
}

/* --- before the event loop ------------------------------------------------------------------------------------------ */

static bool all_settled(void)
{
	for (u32 i = 0; i < DISKS_MAX; i++)
		if (storage_disk_table[i].d && (!gpt_job_settled(&storage_disk_table[i]) || snap_loading(&storage_disk_table[i])))
			return false;
	return true;
}

bool storage_settle(u64 max_ns)
{
	u64 end = tsc_now() + ns_to_ticks(max_ns);

	do {
		control_work_look_all();	/* no interrupts are taken yet */
		control_work_poll(tsc_now());
		if (all_settled())
			return true;
	} while (tsc_now() < end);
	return false;
}

static void wait_done(struct storage_request *rq, enum block_result result)
{
	rq->result = (u8)result;
}

enum block_result storage_wait(struct storage_client *c, struct storage_request *rq, u64 max_ns)
{
	u64 end = tsc_now() + ns_to_ticks(max_ns);

	rq->done = wait_done;
	storage_submit(c, rq);
	do {
		control_work_look_all();
		control_work_poll(tsc_now());
		if (rq->state == RQ_FREE)
			return (enum block_result)rq->result;
	} while (tsc_now() < end);
	return BLOCK_FAILED;
}

/* --- for the operator ----------------------------------------------------------------------------------------------- */

bool storage_disk_alive(const struct storage_disk *s)
{
	return s->d && !s->gone;
}

struct storage_disk *storage_disk_at(u32 index)
{
	return storage_disk_alive(&storage_disk_table[index]) ? &storage_disk_table[index] : NULL;
}

const struct disk *storage_disk_hardware(const struct storage_disk *s)
{
	return s->d;
}

const struct storage_stats *storage_disk_stats(const struct storage_disk *s)
{
	return &s->stats;
}

bool storage_disk_granted(const struct storage_disk *s)
{
	return s->granted;
}

bool storage_is_called(const struct disk *d, const char *word)
{
	char bdf[16];

	fmt_print(bdf, sizeof(bdf), "%02x:%02x.%u", d->bdf >> 8, d->bdf >> 3 & 31, d->bdf & 7);
	return *word && (!strcmp(word, d->name) || !strcmp(word, d->serial) || !strcmp(word, bdf));
}

struct storage_disk *storage_disk_named(const char *word)
{
	for (u32 i = 0; i < DISKS_MAX; i++) {
		struct storage_disk *s = storage_disk_at(i);

		if (s && storage_is_called(s->d, word))
			return s;
	}
	return NULL;
}
