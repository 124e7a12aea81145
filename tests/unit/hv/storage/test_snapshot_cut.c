/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/storage/client.c hv/storage/cut.c hv/storage/depth.c hv/storage/queue.c hv/storage/disks.c hv/storage/volume.c hv/storage/gpt.c hv/storage/gpt_edit.c hv/storage/gpt_job.c hv/storage/gpt_change.c hv/storage/wipe.c hv/storage/snap_format.c hv/storage/snap_map.c hv/storage/snap_store.c hv/storage/snap_load.c hv/storage/snap_log.c hv/storage/snap_gate.c hv/storage/snap_change.c hv/storage/snap_rollback.c hv/lib/format.c hv/lib/string.c */
/* Power cuts in a random life of writes, snapshots, clones, rollbacks and deletions, against a plain model: the disk after EVERY prefix of
 * what was written, with the next sector torn, and with any part of what no flush stands behind. It opens; each volume, snapshot
 * and clone is what it was before the step that was cut, or after it. */
#define DISK_BYTES (16 * MiB)
#include "snap_fixture.h"

#define SECTORS 512u			/* of "web": 4 extents */
#define LIVES 8u			/* names that layers have: "l0" and so on */
#define ORIGIN LIVES
#define STEPS_MAX 64u

enum step_kind { WROTE, TOOK, CLONED, DELETED, ROLLED, REWROTE };

/* What all of it holds after a step. */
struct model {
	bool there[LIVES + 1], clone[LIVES + 1];
	u32 base[LIVES + 1];
	u32 sector[LIVES + 1][SECTORS];
};

static struct model model[STEPS_MAX + 1];
static enum step_kind kind[STEPS_MAX];
static u32 begin_of[STEPS_MAX + 1], steps, version;
static u64 store_first, store_data;	/* sectors of the disk */
static u8 *base_image;

static const char *name_of(u32 i)
{
	static char name[LIVES][8];

	if (i == ORIGIN)
		return "web";
	snprintf(name[i], sizeof(name[i]), "l%u", i);
	return name[i];
}

/* A few writes at once, by whoever writes this volume; often the same extents, sometimes many. */
static void write_some(struct model *m, u32 which)
{
	struct storage_client c = { .name = "writer" };
	struct ask a[3];
	u32 count = 1 + noise() % 3;

	assert_int_equal(volume_open(&c, vol(name_of(which))), 0);
	for (u32 i = 0; i < count; i++) {
		u32 len = 1 + noise() % (noise() % 4 ? 20 : 150), at = i * (SECTORS / 3) + noise() % (SECTORS / 3 - MIN(len, 160u));

		for (u32 s = at; s < at + len; s++)
			m->sector[which][s] = version + 1;
		ask_begin(&a[i], &c, BLOCK_WRITE, at, len, ++version);
	}
	settle();
	for (u32 i = 0; i < count; i++)
		assert_int_equal(ask_end(&a[i]), BLOCK_OK);
	ask_begin(&a[0], &c, BLOCK_FLUSH, 0, 0, 0);
	settle();
	assert_int_equal(ask_end(&a[0]), BLOCK_OK);
	assert_int_equal(volume_close(&c), 0);
}

static u32 some(const struct model *m, bool there, bool clones)
{
	for (u32 n = 0; n < 20; n++) {
		u32 i = noise() % LIVES;

		if (m->there[i] == there && (!there || m->clone[i] == clones))
			return i;
	}
	return LIVES;
}

static bool has_clones(const struct model *m, u32 which)
{
	for (u32 i = 0; i < LIVES; i++)
		if (m->there[i] && m->clone[i] && m->base[i] == which)
			return true;
	return false;
}

static void make_layer(struct model *m, u32 new, u32 from, bool is_clone)
{
	m->there[new] = true;
	m->clone[new] = is_clone;
	m->base[new] = from;
	memcpy(m->sector[new], m->sector[from], sizeof(m->sector[new]));
}

/* What it kept is still being merged when the next thing happens. */
static void delete_and_go_on(const char *name)
{
	u32 before = change_seen.ended;

	assert_null(volume_delete(vol(name), change_ended, NULL));
	while (change_seen.ended == before)
		if (!storage_poll(0) && !fake_answer() && change_seen.ended == before)
			fail_msg("it never ends");
	WELL(change_seen.why);
}

/* false: there is nothing of the kind to do. */
static bool try_step(struct model *m, enum step_kind k)
{
	u32 old = some(m, true, k == REWROTE || (k == DELETED && noise() % 2)), new = some(m, false, false);

	switch (k) {
	case WROTE:
		write_some(m, ORIGIN);
		return true;
	case TOOK:
		if (new == LIVES)
			return false;
		make_layer(m, new, ORIGIN, false);
		WELL(snapshot("web", name_of(new), 0));
		return true;
	case CLONED:
		if (new == LIVES || old == LIVES)
			return false;
		make_layer(m, new, old, true);
		WELL(clone(name_of(old), name_of(new)));
		return true;
	case DELETED:
		if (old == LIVES || has_clones(m, old))
			return false;
		m->there[old] = false;
		delete_and_go_on(name_of(old));
		return true;
	case ROLLED:
		if (old == LIVES)
			return false;
		memcpy(m->sector[ORIGIN], m->sector[old], sizeof(m->sector[old]));
		WELL(rollback("web", name_of(old)));
		return true;
	case REWROTE:
		if (old == LIVES)
			return false;
		write_some(m, old);
		return true;
	}
	return false;
}

static void live(u32 count)
{
	static const enum step_kind often[] = { WROTE, WROTE, WROTE, WROTE, TOOK, TOOK, CLONED, DELETED, DELETED, ROLLED, REWROTE,
		REWROTE };

	for (steps = 0; steps < count; steps++) {
		begin_of[steps] = written_count;
		model[steps + 1] = model[steps];
		do
			kind[steps] = often[noise() % ARRAY_COUNT(often)];
		while (!try_step(&model[steps + 1], kind[steps]));
	}
	begin_of[steps] = written_count;
}

/* --- after a cut ---------------------------------------------------------------------------------------------------- */

/* Volume i as it is between models a and b: each sector as in one of them; all from one if it is to be whole. */
static void check_volume(u32 i, const struct model *a, const struct model *b, bool whole)
{
	static u32 got[SECTORS];
	bool is_a = true, is_b = true;

	read_volume(name_of(i), got, SECTORS);
	for (u32 s = 0; s < SECTORS; s++) {
		is_a &= got[s] == a->sector[i][s];
		is_b &= got[s] == b->sector[i][s];
		if (got[s] != a->sector[i][s] && got[s] != b->sector[i][s])
			fail_msg("%s: sector %u is %u, neither %u nor %u", name_of(i), s, got[s], a->sector[i][s], b->sector[i][s]);
	}
	if (whole && !is_a && !is_b)
		fail_msg("%s is a mixture", name_of(i));
}

static void check(u32 n)
{
	const struct model *a = &model[n], *b = &model[MIN(n + 1, steps)];

	for (u32 i = 0; i < LIVES; i++) {
		bool there = vol(name_of(i));

		if (a->there[i] == b->there[i])
			assert_int_equal(there, a->there[i]);
		if (there)
			check_volume(i, a->there[i] ? a : b, b->there[i] ? b : a, kind[MIN(n, steps - 1)] != REWROTE);
	}
	check_volume(ORIGIN, a, b, kind[MIN(n, steps - 1)] == ROLLED);
}

static u32 step_of(u32 sectors)
{
	u32 n = 0;

	while (n < steps && begin_of[n + 1] <= sectors)
		n++;
	return n;
}

/* --- the disk as a cut left it: what is tried on it is taken back ------------------------------------------------------ */

static struct { u32 sector; u8 bytes[512]; } *undo;
static u32 undo_count, undo_max;

static void save(u64 sector)
{
	if (undo_count == undo_max) {
		undo_max = undo_max ? 2 * undo_max : 4096;
		undo = realloc(undo, undo_max * sizeof(*undo));
	}
	undo[undo_count].sector = (u32)sector;
	memcpy(undo[undo_count++].bytes, fake.bytes + sector * 512, 512);
}

static void save_all(const struct disk_request *rq)
{
	for (u64 s = rq->sector; s < rq->sector + rq->sectors; s++)
		save(s);
}

static void take_back(void)
{
	while (undo_count) {
		undo_count--;
		memcpy(fake.bytes + undo[undo_count].sector * 512ul, undo[undo_count].bytes, 512);
	}
}

static void apply(u32 i)
{
	memcpy(fake.bytes + written[i].sector * 512ul, written[i].bytes, 512);
}

/* Start from the disk as it is, and look. */
static void look(u32 k)
{
	before_write = save_all;
	plug();
	check(step_of(k));
	unplug();
	before_write = NULL;
	take_back();
}

/* Only what guests write may be torn: that is the same on any disk. */
static bool may_tear(u32 k)
{
	enum step_kind in = kind[MIN(step_of(k), steps - 1)];

	if (in == REWROTE)
		return written[k].sector >= store_first && written[k].sector < store_data;
	return in != WROTE || written[k].sector >= store_first;
}

static void look_torn(u32 k)
{
	u8 *at = fake.bytes + written[k].sector * 512ul, old[512];

	memcpy(old, at, 512);
	memcpy(at, written[k].bytes, 256);
	look(k);
	memset(at, 0xa5, 512);
	look(k);
	memcpy(at, old, 512);
}

static void record_life(u32 seed, u32 count)
{
	struct snap_store *t;

	noise_state = seed;
	snap_merge_step = 1;
	version = 0;
	written_count = flush_count = 0;
	memset(model, 0, sizeof(model));
	make_disk(SECTORS * 512);
	WELL(snapshot("web", name_of(0), 0));
	model[0].there[0] = true;
	t = snap_of(vol("web"));
	while (t->log.index + 12 < t->super.half) {	/* so that it comes to checkpoints */
		WELL(snapshot("web", "l1", 0));
		WELL(delete("l1"));
	}
	store_first = t->first;
	store_data = t->first + t->super.data;
	memcpy(base_image, fake.bytes, DISK_BYTES);
	recording = true;
	live(count);
	recording = false;
	check(steps);
	assert_true(t->log.checkpoints > 1);
	unplug();
	memcpy(fake.bytes, base_image, DISK_BYTES);
}

/* In the midst of an extent's data nothing new can happen: some sectors of those. */
static bool is_dull(u32 k)
{
	return k && k + 1 < written_count && written[k].sector >= store_data && written[k].sector == written[k - 1].sector + 1 &&
		written[k].sector + 1 == written[k + 1].sector && k % 41;
}

static void every_prefix(void **state)
{
	record_life(1, 28);
	for (u32 k = 0; k < written_count; k++) {
		if (!is_dull(k)) {
			look(k);
			if (may_tear(k))
				look_torn(k);
		}
		apply(k);
	}
	look(written_count);
}

/* A drive may write what it holds in any order until it is told to flush; what has to go through, does. */
static void any_part_between_flushes(void **state)
{
	u32 from = 0;

	for (u32 life = 2; life < 5; life++) {
		record_life(life, 40);
		from = 0;
		for (u32 f = 0; f < flush_count; f++) {
			for (u32 tries = 0; tries < 3 && flush_at[f] > from; tries++) {
				u32 all = flush_at[f] - from, k = from + (tries % 2 ? 1 + noise() % all : all);

				for (u32 i = from; i < k; i++) {
					if (!written[i].fua && noise() & 1)
						continue;
					save(written[i].sector);
					apply(i);
				}
				look(k - 1);
			}
			while (from < flush_at[f])
				apply(from++);
		}
	}
}

/* A state that was cut is not only read: life goes on in it. */
static void life_goes_on_after_a_cut(void **state)
{
	record_life(5, 50);
	for (u32 k = 0; k < written_count; k += 1 + noise() % 200) {
		static struct model now;
		u32 n = step_of(k);

		for (u32 i = 0; i < k; i++)
			apply(i);
		before_write = save_all;
		plug();
		now = model[n];
		for (u32 i = 0; i <= LIVES; i++) {
			now.there[i] = vol(name_of(i));
			if (now.there[i] && i < LIVES)
				now.clone[i] = model[n].there[i] ? model[n].clone[i] : model[n + 1].clone[i];
			if (now.there[i])
				now.base[i] = model[n].there[i] ? model[n].base[i] : model[n + 1].base[i];
			if (now.there[i])
				read_volume(name_of(i), now.sector[i], SECTORS);
		}
		for (u32 i = 0; i < 12; i++)
			try_step(&now, (enum step_kind)(noise() % 6));
		unplug();
		plug();
		for (u32 i = 0; i <= LIVES; i++)
			if (now.there[i])
				check_volume(i, &now, &now, true);
		unplug();
		before_write = NULL;
		take_back();
	}
}

static int prepare(void **state)
{
	base_image = malloc(DISK_BYTES);
	return 0;
}

static int clean(void **state)
{
	free(base_image);
	free(undo);
	free(written);
	free(fake.bytes);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_prefix), cmocka_unit_test(any_part_between_flushes), cmocka_unit_test(life_goes_on_after_a_cut),
	};

	return cmocka_run_group_tests(tests, prepare, clean);
}
