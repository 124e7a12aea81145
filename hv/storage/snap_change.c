/* SPDX-License-Identifier: Apache-2.0 */
/* What the operator does with snapshots, one thing at a time: take one (with a partition for it, where there is none),
 * clone, delete. */
#include "snapshot.h"

#include <hv/lib.h>
#include <hv/log.h>
#include <hv/random.h>
#include <hv/time.h>

#include "gpt.h"

#define STORE_MIN (8 * MiB)
#define ALIGN_STORE (1 * MiB)

enum change_state { CHANGE_NONE, CHANGE_PARTITION, CHANGE_LOAD, CHANGE_FORMAT, CHANGE_FREEZE, CHANGE_COMMIT };

static struct {
	enum change_state at;
	struct storage_guid origin;	/* whose snapshots are changed, on: */
	struct storage_disk *disk;
	struct snap_store *store;
	char store_name[SNAP_STORE_NAME];
	char snapshot[VOLUME_NAME_SIZE], clone[VOLUME_NAME_SIZE];	/* "": none */
	u8 base;			/* of the clone; SNAP_NONE: the snapshot that is taken with it */
	u64 commit;
	volume_ended_fn *ended;
	void *arg;
} change;

static void change_end(const char *why)
{
	volume_ended_fn *ended = change.ended;

	if (change.store)
		change.store->frozen = false;
	if (change.store)
		change.store->look = true;
	change.at = CHANGE_NONE;
	change.store = NULL;
	change.ended = NULL;
	storage_again();
	if (ended)
		ended(change.arg, why);
}

static struct volume *origin(void)
{
	for (u32 i = 0; i < VOLUMES_MAX; i++) {
		struct volume *v = volume_at(i);

		if (v->disk && v->disk == change.disk && !v->snap && !memcmp(&v->guid, &change.origin, sizeof(v->guid)))
			return v;
	}
	return NULL;
}

static struct volume *store_partition(const struct storage_disk *s, const char *name)
{
	for (u32 i = 0; i < VOLUMES_MAX; i++)
		if (volume_at(i)->disk == s && volume_at(i)->type == VOLUME_STORE && !strcmp(volume_at(i)->name, name))
			return volume_at(i);
	return NULL;
}

/* --- a store -------------------------------------------------------------------------------------------------------- */

static void partition_made(void *arg, const char *why)
{
	(void)arg;
	if (why)
		change_end(why);
	else
		change.at = CHANGE_LOAD;
	storage_again();
}

static const char *make_partition(const struct volume *v, u64 bytes)
{
	u64 most = volume_largest_gap(v->disk);

	if (!bytes)
		bytes = MIN(MAX(ALIGN_UP(v->sectors * BLOCK_SECTOR / 4, ALIGN_STORE), STORE_MIN), most);
	if (bytes < STORE_MIN)
		return bytes == most ? "there is no room on its disk for what snapshots keep (8 MiB at least)" :
			"what keeps snapshots has at least 8 MiB";
	change.at = CHANGE_PARTITION;
	return volume_create(v->disk, change.store_name, bytes, VOLUME_STORE, partition_made, NULL);
}

static const char *format(struct snap_store *t, const struct volume *v)
{
	struct snap_super s = { 0 };
	struct storage_guid id;

	if (snap_layout(&s, t->sectors, v->sectors))
		return "the partition for snapshots is too small for this volume, or the volume is too large";
	storage_guid_make(&id);
	memcpy(&s.id, id.byte, sizeof(s.id));
	memcpy(s.store, t->volume->guid.byte, 16);
	memcpy(s.origin, v->guid.byte, 16);
	t->super = s;
	t->head_known = true;
	t->origin_first = v->first;
	if (!snap_memory(t))
		return "there is no memory for it";
	snap_map_ready(&t->map);
	*t->why = 0;
	t->state = SNAP_READY;
	snap_log_format(t);
	return NULL;
}

/* The store is there: is it made, and for this volume as it is? */
static void have_store(struct snap_store *t)
{
	struct volume *v = origin();
	const char *why = NULL;
	bool usable = t->state == SNAP_READY && t->super.sectors == v->sectors;

	change.store = t;
	if (t->state == SNAP_LOADING)
		return;
	if (t->state == SNAP_BROKEN)
		why = "what keeps its snapshots cannot be used: `volume snapshots` says why";
	else if (!usable && (!snap_gate_idle(t) || !snap_log_idle(t) || !storage_idle(&t->io)))
		return;
	else if (!usable && t->state == SNAP_READY && snap_map_live(&t->map) + snap_map_dying(&t->map))
		why = "it was grown while snapshots of it are being deleted: try again";
	else if (!usable)
		why = format(t, v);
	change.at = usable ? CHANGE_FREEZE : CHANGE_FORMAT;
	if (why)
		change_end(why);
}

static void load_run(void)
{
	struct volume *partition = store_partition(change.disk, change.store_name);
	struct snap_store *t = partition ? snap_on(partition) : NULL;

	if (!origin() || !t)
		change_end("the disk, or the partition for snapshots, is gone");
	else
		have_store(t);
}

/* --- taking one ----------------------------------------------------------------------------------------------------- */

static void record_name(struct snap_record *r, const char *name)
{
	struct storage_guid guid;

	storage_guid_make(&guid);
	memcpy(r->guid, guid.byte, sizeof(r->guid));
	str_copy(r->name, sizeof(r->name), name);
	r->taken = wall_ns(tsc_now()) / NS_PER_S;
}

/* Of what was asked before, nothing is under way: now. */
static void take(struct snap_store *t)
{
	struct snap_record r = { .op = SNAP_LAYER, .layer = SNAP_NONE };
	u32 order = t->map.order;

	if (*change.snapshot) {
		r.layer = snap_map_place(&t->map, SNAP_NONE);
		r.kind = SNAP_SNAPSHOT;
		r.base = SNAP_NONE;
		r.extent = ++order;
		r.chunk = *change.clone != 0;
		record_name(&r, change.snapshot);
		change.commit = snap_log_put(t, &r);
	}
	if (*change.clone) {
		r.base = *change.snapshot ? r.layer : change.base;
		r.layer = snap_map_place(&t->map, *change.snapshot ? r.layer : SNAP_NONE);
		r.kind = SNAP_CLONE;
		r.extent = ++order;
		r.chunk = 0;
		record_name(&r, change.clone);
		change.commit = snap_log_put(t, &r);
	}
	change.at = CHANGE_COMMIT;
}

static u32 places_left(const struct snap_store *t)
{
	u32 n = 0;

	for (u32 i = 0; i < SNAP_LAYERS; i++)
		n += !t->map.layer[i].used;
	return n;
}

/* The writer joins the gate when its volume's first snapshot is taken. All that it asked for before must have ended. */
static bool writer_waits(struct snap_store *t)
{
	struct volume *v = origin();

	for (u32 i = 0; i < storage_clients_end; i++) {
		struct storage_client *c = storage_client_table[i];

		if (!c || c->volume != v || !c->writes)
			continue;
		if (!c->snap)
			snap_opened(c, v);
		if (c->snap == t && c->queued != c->held)
			return false;
	}
	return true;
}

/* Also one that no place was left to show. */
static bool has_name(const struct snap_store *t, const char *name)
{
	for (u8 i = 0; i < SNAP_LAYERS; i++)
		if (snap_map_is_live(&t->map, i) && !(t->doomed >> i & 1) && !strcmp(t->map.layer[i].name, name))
			return true;
	return false;
}

static void freeze_run(struct snap_store *t)
{
	u32 want = (*change.snapshot ? 1u : 0u) + (*change.clone ? 1u : 0u);

	if (places_left(t) < want)
		change_end("there are 32 snapshots and clones of it, no more can be kept");
	else if (has_name(t, change.snapshot) || has_name(t, change.clone))
		change_end("it has a snapshot or a clone of this name, which is not shown as there are too many volumes");
	else if (*change.clone && !*change.snapshot && (!snap_map_is_live(&t->map, change.base) || t->doomed >> change.base & 1))
		change_end("the snapshot is gone");
	else {
		t->frozen = *change.snapshot != 0;
		if (!t->frozen || writer_waits(t))
			take(t);
	}
}

static void commit_run(struct snap_store *t)
{
	if (t->log.committed < change.commit)
		return;
	snap_show_layers(t);
	change_end(NULL);
}

bool snap_changing(void)
{
	return change.at != CHANGE_NONE;
}

bool snap_layer_comes(const struct snap_store *t)
{
	return change.at == CHANGE_COMMIT && change.store == t && (*change.snapshot || *change.clone) &&
		t->log.committed < change.commit;
}

bool snap_change_run(void)
{
	struct snap_store *t = change.store;
	enum change_state at = change.at;

	if (snap_rollback_run())
		return true;
	if (at == CHANGE_NONE || at == CHANGE_PARTITION)
		return false;
	if (at == CHANGE_LOAD) {
		load_run();
		return change.at != at;
	}
	if (t->state != SNAP_READY || !origin()) {
		change_end("the disk is gone, or has failed");
		return true;
	}
	if (at == CHANGE_FORMAT && snap_log_idle(t))
		change.at = CHANGE_FREEZE;
	else if (at == CHANGE_FREEZE)
		freeze_run(t);
	else if (at == CHANGE_COMMIT)
		commit_run(t);
	return change.at != at;
}

/* --- asked for ------------------------------------------------------------------------------------------------------ */

static const char *name_free(const char *name)
{
	if (!gpt_name_ok(name))
		return "a name has 1 to 36 characters, printable ASCII without quotes and slashes";
	return volume_name_taken(name) ? "there is a volume of this name" : NULL;
}

static const char *may_begin(const struct volume *v)
{
	if (change.at != CHANGE_NONE || snap_rollback_busy(NULL))
		return "another change of snapshots is under way";
	if (!v->disk || !v->disk->granted)
		return "its disk is gone";
	if (v->disk->d->readonly)
		return "its disk takes no writes";
	return v->changing ? "something is being done with it" : NULL;
}

static const char *begin(struct volume *v, const char *snapshot, const char *clone, u64 bytes, volume_ended_fn *ended, void *arg)
{
	struct volume *partition;
	const char *why = NULL;

	memset(&change, 0, sizeof(change));
	change.disk = v->disk;
	change.origin = v->guid;
	change.base = SNAP_NONE;
	str_copy(change.snapshot, sizeof(change.snapshot), snapshot);
	str_copy(change.clone, sizeof(change.clone), clone);
	change.ended = ended;
	change.arg = arg;
	snap_store_name(v, change.store_name);
	partition = snap_of(v) ? snap_of(v)->volume : store_partition(v->disk, change.store_name);
	if (partition && bytes)
		return "it has a partition for its snapshots: a size is for the first one only";
	if (partition)
		str_copy(change.store_name, sizeof(change.store_name), partition->name);
	change.at = CHANGE_LOAD;
	if (!partition)
		why = make_partition(v, bytes);
	if (why)
		change.at = CHANGE_NONE;
	storage_again();
	return why;
}

const char *volume_snapshot(struct volume *v, const char *name, u64 bytes, volume_ended_fn *ended, void *arg)
{
	const char *why = may_begin(v);

	why = why ? why : name_free(name);
	if (!why && v->snap)
		why = "of a snapshot or a clone there are no snapshots";
	if (!why && v->type != VOLUME_OURS && v->type != VOLUME_OTHER)
		why = "it is no volume of a guest's";
	return why ? why : begin(v, name, "", bytes, ended, arg);
}

const char *volume_clone_cow(struct volume *v, const char *name, volume_ended_fn *ended, void *arg)
{
	const char *why = may_begin(v);
	char base[VOLUME_NAME_SIZE + 8];
	struct volume *below;

	why = why ? why : name_free(name);
	if (why)
		return why;
	fmt_print(base, sizeof(base), "%s.base", name);
	if (v->type == VOLUME_CLONE)
		return "a clone has no clones: without `cow` it is copied";
	if (v->type == VOLUME_STORE || v->type == VOLUME_DATASTORE || v->type == VOLUME_UNFINISHED)
		return "it is no volume of a guest's";
	if (!v->snap)
		return name_free(base) ? "NAME.base cannot be used for the snapshot below it" : begin(v, base, name, 0, ended, arg);
	below = snap_origin(v->snap);
	if (!below)
		return "the volume that it is of is gone";
	why = begin(below, "", name, 0, ended, arg);
	change.base = v->layer;
	return why;
}

/* --- deleting ------------------------------------------------------------------------------------------------------- */

/* Durable, it is hidden; what it keeps is merged in the background. */
const char *volume_delete_layer(struct volume *v, volume_ended_fn *ended, void *arg)
{
	struct snap_store *t = v->snap;
	const struct snap_layer *l = &t->map.layer[v->layer], *base = l->kind == SNAP_CLONE ? &t->map.layer[l->base] : NULL;
	const char *why = may_begin(v);

	if (!why && snap_map_clones(&t->map, v->layer))
		why = "there are clones over it: delete those first";
	if (!why && t->map.rollback == v->layer)
		why = "a rollback to it is not finished";
	if (!why && t->doomed >> v->layer & 1)
		why = "it is lost already";
	if (why)
		return why;
	memset(&change, 0, sizeof(change));
	change.disk = t->disk;
	memcpy(change.origin.byte, t->super.origin, 16);
	change.store = t;
	change.ended = ended;
	change.arg = arg;
	change.commit = snap_log_put(t, &(struct snap_record){ .op = SNAP_DELETE, .layer = v->layer });
	snap_hide_layer(t, v->layer);
	if (base && base->goes_with_clone && snap_map_clones(&t->map, l->base) == 1 && t->map.rollback != l->base) {
		u8 below = l->base;

		if (!snap_volume_of(t, below) || !snap_volume_of(t, below)->users) {
			snap_hide_layer(t, below);
			change.commit = snap_log_put(t, &(struct snap_record){ .op = SNAP_DELETE, .layer = below });
		}
	}
	change.at = CHANGE_COMMIT;
	return NULL;
}
