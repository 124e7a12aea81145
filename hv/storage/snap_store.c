/* SPDX-License-Identifier: Apache-2.0 */
/* Stores of snapshots as they come and go with their disks, their layers as volumes, and who may open what. */
#include "snapshot.h"

#include <hv/lib.h>
#include <hv/log.h>
#include <hv/pool.h>

struct snap_store snap_table[SNAP_STORES_MAX];
u32 snap_places;

_Static_assert(VOLUME_STORES_MAX == SNAP_STORES_MAX && VOLUME_LAYERS_MAX == SNAP_LAYERS, "what the shell can list");

/* --- where things are ----------------------------------------------------------------------------------------------- */

struct volume *snap_origin(const struct snap_store *t)
{
	for (u32 i = 0; i < VOLUMES_MAX; i++) {
		struct volume *v = volume_at(i);

		if (v->disk && v->disk == t->disk && !v->snap && v != t->volume && !memcmp(v->guid.byte, t->super.origin, 16))
			return v;
	}
	return NULL;
}

u64 snap_chunk_at(const struct snap_store *t, u32 chunk)
{
	assert(chunk < t->map.chunks);
	return t->first + t->super.data + chunk * snap_extent_sectors(t);
}

u64 snap_block_at(const struct snap_store *t, u64 block)
{
	return t->first + block * (SNAP_BLOCK / BLOCK_SECTOR);
}

u64 snap_log_at(const struct snap_store *t, u64 seq, u32 index)
{
	assert(index < t->super.half);
	return snap_block_at(t, SNAP_HEAD_BLOCKS + (seq & 1) * t->super.half + index);
}

u64 snap_length(const struct snap_store *t, u32 extent)
{
	return MIN(snap_extent_sectors(t), t->super.sectors - extent * snap_extent_sectors(t));
}

u64 snap_source(const struct snap_store *t, u8 layer, u32 extent)
{
	u32 chunk = snap_map_find(&t->map, layer, extent);

	return chunk == SNAP_AT_ORIGIN ? t->origin_first + extent * snap_extent_sectors(t) : snap_chunk_at(t, chunk);
}

void snap_ask(struct snap_store *t, struct storage_request *rq, struct storage_piece *piece, struct snap_ask what)
{
	*piece = storage_pool_piece(what.bytes ? what.bytes : t->buffer, what.len);
	*rq = (struct storage_request){ .op = what.op, .fua = what.fua, .sector = what.sector, .sectors = what.len / BLOCK_SECTOR,
		.piece = piece, .pieces = what.len ? 1 : 0, .done = what.done };
	storage_submit(&t->io, rq);
}

/* --- finding them --------------------------------------------------------------------------------------------------- */

struct snap_store *snap_on(const struct volume *partition)
{
	for (u32 i = 0; i < snap_places; i++)
		if (snap_table[i].state && snap_table[i].state != SNAP_CLOSING && snap_table[i].volume == partition)
			return &snap_table[i];
	return NULL;
}

void snap_store_name(const struct volume *origin, char to[SNAP_STORE_NAME])
{
	char guid[40];

	storage_guid_words(&origin->guid, guid, sizeof(guid));
	guid[8] = 0;
	fmt_print(to, SNAP_STORE_NAME, "snapshots-%s", guid);
}

/* Of a store whose head cannot be read only the name tells. */
static bool is_origin(const struct snap_store *t, const struct volume *v)
{
	char name[SNAP_STORE_NAME];

	if (t->state != SNAP_BROKEN || t->head_known)
		return snap_origin(t) == v;
	snap_store_name(v, name);
	return !strcmp(t->volume->name, name);
}

/* One that was given up counts only where there is no other. */
struct snap_store *snap_of(const struct volume *origin)
{
	struct snap_store *empty = NULL;

	for (u32 i = 0; i < snap_places; i++) {
		struct snap_store *t = &snap_table[i];

		if ((t->state != SNAP_READY && t->state != SNAP_BROKEN && t->state != SNAP_EMPTY) || t->disk != origin->disk ||
		    !is_origin(t, origin))
			continue;
		if (t->state != SNAP_EMPTY)
			return t;
		empty = t;
	}
	return empty;
}

struct snap_store *snap_twin(const struct snap_store *t)
{
	const struct volume *v = snap_origin(t);

	for (u32 i = 0; v && i < snap_places; i++) {
		struct snap_store *o = &snap_table[i];

		if (o != t && o->disk == t->disk && (o->state == SNAP_READY || (o->state == SNAP_BROKEN && o->head_known)) &&
		    snap_origin(o) == v)
			return o;
	}
	return NULL;
}

bool snap_loading(const struct storage_disk *s)
{
	for (u32 i = 0; i < snap_places; i++)
		if (snap_table[i].state == SNAP_LOADING && snap_table[i].disk == s)
			return true;
	return false;
}

struct storage_client *snap_writer(const struct snap_store *t)
{
	for (u32 i = 0; i < storage_clients_end; i++) {
		struct storage_client *c = storage_client_table[i];

		if (c && c->snap == t && c->layer == SNAP_ORIGIN)
			return c;
	}
	return NULL;
}

bool snap_memory(struct snap_store *t)
{
	u64 map = ALIGN_UP(snap_map_bytes(&t->super), PAGE_SIZE), extent = BIT(t->super.shift);

	if (t->memory)
		pool_free(t->memory, t->pages);
	t->pages = (map + SNAP_JOBS * extent + 2 * SNAP_BLOCK) / PAGE_SIZE;
	t->memory = pool_alloc(t->pages, POOL_OTHER);
	if (!t->memory)
		return false;
	snap_map_init(&t->map, &t->super, t->memory);
	for (u32 i = 0; i < SNAP_JOBS; i++)
		t->job[i] = (struct snap_job){ .buffer = t->memory + map + i * extent };
	t->warned = 100;
	t->doomed = 0;			/* of layers of a store that was given up */
	return !snap_log_init(t, t->memory + map + SNAP_JOBS * extent);
}

static void attach(struct storage_disk *s, struct volume *v)
{
	for (u32 i = 0; i < SNAP_STORES_MAX; i++) {
		struct snap_store *t = &snap_table[i];
		u8 *buffer = t->buffer;

		if (t->state)
			continue;
		*t = (struct snap_store){ .volume = v, .disk = s, .buffer = buffer, .first = v->first, .sectors = v->sectors };
		fmt_print(t->io.name, sizeof(t->io.name), "%.40s", v->name);
		if (!t->buffer)
			t->buffer = pool_alloc(SNAP_BUFFER / PAGE_SIZE, POOL_OTHER);
		if (!t->buffer || storage_open(&t->io, s, 0, s->d->sectors))
			break;
		snap_places = MAX(snap_places, i + 1);
		snap_load(t);
		return;
	}
	log_notice("%s on disk %s cannot be used: too many snapshots' partitions, or no memory", v->name, s->d->name);
}

/* What it was is over; what flies comes back first. If it was in the midst of keeping snapshots, the origin must not be
 * written without. */
static void detach(struct snap_store *t)
{
	bool keeps = t->state == SNAP_LOADING || (t->state == SNAP_READY && t->map.newest != SNAP_NONE);

	for (u8 i = 0; i < SNAP_LAYERS; i++)
		if (t->map.layer[i].used)
			snap_hide_layer(t, i);
	for (u32 i = 0; i < storage_clients_end; i++) {
		struct storage_client *c = storage_client_table[i];

		if (!c || c->snap != t)
			continue;
		snap_fail_held(c);
		if (c->layer == SNAP_ORIGIN && keeps)
			storage_bind(c, NULL, 0, 0);
		if (c->layer == SNAP_ORIGIN)
			c->snap = NULL;
	}
	t->state = SNAP_CLOSING;
	storage_bind(&t->io, NULL, 0, 0);
	storage_again();
}

static bool closing_run(struct snap_store *t)
{
	if (!storage_idle(&t->io) || t->busy || t->views || storage_close(&t->io))
		return false;
	if (t->memory)
		pool_free(t->memory, t->pages);
	t->memory = NULL;
	t->state = SNAP_OFF;
	return true;
}

/* Do both partitions lie where they lay? */
static bool holds(const struct snap_store *t)
{
	const struct volume *v = t->volume, *origin = t->state == SNAP_READY ? snap_origin(t) : NULL;

	if (v->disk != t->disk || v->type != VOLUME_STORE || v->first != t->first || v->sectors != t->sectors)
		return false;
	return t->state != SNAP_READY || (origin && origin->first == t->origin_first && origin->sectors >= t->super.sectors &&
		(origin->sectors == t->super.sectors || t->map.newest == SNAP_NONE));
}

void snap_look(struct storage_disk *s)
{
	for (u32 i = 0; i < snap_places; i++) {
		struct snap_store *t = &snap_table[i];

		/* Of two that are of one volume another one may be deleted by now. */
		if (t->disk == s && t->state && t->state != SNAP_CLOSING && (!holds(t) || t->twin))
			detach(t);
	}
	for (u32 i = 0; i < VOLUMES_MAX && s->granted && !s->gone && !s->d->readonly; i++)
		if (volume_at(i)->disk == s && volume_at(i)->type == VOLUME_STORE && !snap_on(volume_at(i)))
			attach(s, volume_at(i));
	if (!snap_loading(s))
		volumes_rejoin(s);
}

/* --- states --------------------------------------------------------------------------------------------------------- */

/* Whoever has one of its layers open, or waits for what it keeps, hears of it. */
static void layers_gone(struct snap_store *t)
{
	for (u8 i = 0; i < SNAP_LAYERS; i++)
		if (t->map.layer[i].used)
			snap_hide_layer(t, i);
	t->look = true;
	storage_again();
}

void snap_broken(struct snap_store *t, const char *why)
{
	log_notice("%s: %s", t->volume->name, why);
	str_copy(t->why, sizeof(t->why), why);
	layers_gone(t);
	t->state = SNAP_BROKEN;
}

void snap_empty(struct snap_store *t, const char *why)
{
	str_copy(t->why, sizeof(t->why), why);
	layers_gone(t);
	t->map.newest = SNAP_NONE;
	for (u8 i = 0; i < SNAP_LAYERS; i++)
		t->map.layer[i].used = false;
	t->state = SNAP_EMPTY;
}

/* --- layers as volumes ---------------------------------------------------------------------------------------------- */

struct volume *snap_volume_of(const struct snap_store *t, u8 layer)
{
	for (u32 i = 0; i < VOLUMES_MAX; i++)
		if (volume_at(i)->disk && volume_at(i)->snap == t && volume_at(i)->layer == layer)
			return volume_at(i);
	return NULL;
}

static void show_layer(struct snap_store *t, u8 layer)
{
	const struct snap_layer *l = &t->map.layer[layer];
	struct volume *v = volume_place();

	if (!v) {
		log_notice("snapshot %s is not shown: there are too many volumes", l->name);
		return;
	}
	*v = (struct volume){ .disk = t->disk, .entry = ~0u, .snap = t, .layer = layer, .plain = true, .sectors = t->super.sectors,
		.type = l->kind == SNAP_CLONE ? VOLUME_CLONE : VOLUME_SNAPSHOT };
	str_copy(v->name, sizeof(v->name), l->name);
	memcpy(v->guid.byte, l->guid, 16);
}

void snap_show_layers(struct snap_store *t)
{
	for (u8 i = 0; i < SNAP_LAYERS; i++)
		if (snap_map_is_live(&t->map, i) && !(t->doomed >> i & 1) && !snap_volume_of(t, i))
			show_layer(t, i);
}

void snap_hide_layer(struct snap_store *t, u8 layer)
{
	struct volume *v = snap_volume_of(t, layer);

	if (v)
		volume_lose(v);
}

/* --- who may open them ---------------------------------------------------------------------------------------------- */

int snap_may_open(const struct volume *v, const struct storage_client *c)
{
	const struct snap_store *t = v->snap ? v->snap : snap_of(v);

	if (v->snap)
		return c->readonly || v->type == VOLUME_CLONE ? 0 : -E_NODEV;
	if (snap_on(v))
		return -E_BUSY;
	if (c->readonly)
		return t && t->map.rollback != SNAP_NONE ? -E_BUSY : 0;
	if (snap_loading(v->disk))
		return -E_AGAIN;
	if (t && t->state == SNAP_BROKEN)
		return -E_INVAL;
	return t && t->state == SNAP_READY && t->map.rollback != SNAP_NONE && !snap_is_rolling(c) ? -E_BUSY : 0;
}

void snap_opened(struct storage_client *c, struct volume *v)
{
	c->mapped = v->snap;
	c->snap = v->snap ? v->snap : c->readonly ? NULL : snap_of(v);
	c->layer = v->snap ? v->layer : SNAP_ORIGIN;
	c->held = 0;
	if (v->snap)
		v->snap->views++;
}

void snap_closed(struct storage_client *c)
{
	if (c->mapped)
		c->snap->views--;
	c->snap = NULL;
	c->mapped = false;
}

const char *snap_forbids_change(const struct volume *v)
{
	const struct snap_store *t;

	if (v->snap)
		return "it is no partition, but kept by one: it can only be deleted";
	t = snap_on(v);
	if (t && t->state != SNAP_EMPTY && t->state != SNAP_BROKEN && snap_map_live(&t->map) + snap_map_dying(&t->map))
		return "it keeps snapshots: delete those first (`volume snapshots`)";
	if (t && t->state == SNAP_LOADING)
		return "it is being read";
	t = snap_of(v);
	return t && t->state != SNAP_EMPTY && (t->state == SNAP_BROKEN || snap_map_live(&t->map) + snap_map_dying(&t->map)) ?
		"there are snapshots of it: delete those first (`volume snapshots`)" : NULL;
}

bool snap_run(u64 now)
{
	bool any = snap_change_run();

	for (u32 i = 0; i < snap_places; i++) {
		struct snap_store *t = &snap_table[i];

		if (t->state == SNAP_OFF)
			continue;
		if (t->state == SNAP_CLOSING)
			any |= closing_run(t);
		else if (t->state == SNAP_LOADING)
			any |= snap_load_run(t);
		else {
			any |= snap_log_run(t);
			any |= snap_gate_run(t);
			any |= snap_merge_run(t, now);
		}
	}
	return any;
}

/* --- for the operator ----------------------------------------------------------------------------------------------- */

bool volume_store_at(u32 index, struct volume_store *to)
{
	const struct snap_store *t = &snap_table[index];
	static const char *const words[] = { [SNAP_LOADING] = "being read", [SNAP_EMPTY] = "empty", [SNAP_READY] = "in use",
		[SNAP_BROKEN] = "cannot be used" };

	if (index >= snap_places || t->state == SNAP_OFF || t->state == SNAP_CLOSING)
		return false;
	*to = (struct volume_store){ .partition = t->volume, .origin = snap_origin(t) };
	fmt_print(to->state, sizeof(to->state), "%s%s%s", words[t->state], *t->why ? ": " : "", t->why);
	if (t->state != SNAP_READY)
		return true;
	to->extent = BIT(t->super.shift);
	to->bytes = t->map.chunks * to->extent;
	to->free = t->map.free * to->extent;
	to->copies = t->copies;
	to->writes = t->log.writes;
	to->checkpoints = t->log.checkpoints;
	return true;
}

bool volume_layer_at(u32 index, u32 layer, struct volume_layer *to)
{
	const struct snap_store *t = &snap_table[index];
	const struct snap_layer *l = &t->map.layer[layer];

	if (t->state != SNAP_READY || !l->used)
		return false;
	*to = (struct volume_layer){ .volume = snap_volume_of(t, (u8)layer), .taken = l->taken, .deleting = l->dying,
		.bytes = l->count * BIT(t->super.shift), .of = l->kind == SNAP_CLONE ? t->map.layer[l->base].name :
		snap_origin(t) ? snap_origin(t)->name : "?" };
	str_copy(to->name, sizeof(to->name), l->name);
	return true;
}
