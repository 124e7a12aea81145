/* SPDX-License-Identifier: Apache-2.0 */
#include "snap_map.h"

#include <hv/lib.h>

#define END UINT32_MAX

static u32 buckets(u32 chunks)
{
	u32 n = 16;

	while (n < chunks)
		n *= 2;
	return n;
}

u64 snap_map_bytes(const struct snap_super *s)
{
	return s->chunks * sizeof(struct snap_chunk) + buckets(s->chunks) * sizeof(u32);
}

void snap_map_init(struct snap_map *m, const struct snap_super *s, void *memory)
{
	*m = (struct snap_map){ .extents = snap_extents(s), .chunks = s->chunks, .mask = buckets(s->chunks) - 1, .chunk = memory,
		.newest = SNAP_NONE, .rollback = SNAP_NONE };
	m->bucket = (u32 *)(void *)(m->chunk + m->chunks);
	memset(m->chunk, 0, m->chunks * sizeof(*m->chunk));
	for (u32 i = 0; i <= m->mask; i++)
		m->bucket[i] = END;
}

/* --- layers --------------------------------------------------------------------------------------------------------- */

bool snap_map_is_live(const struct snap_map *m, u8 layer)
{
	return layer < SNAP_LAYERS && m->layer[layer].used && !m->layer[layer].dying;
}

static bool is_snapshot(const struct snap_map *m, u32 i)
{
	return m->layer[i].used && m->layer[i].kind == SNAP_SNAPSHOT;
}

u32 snap_map_clones(const struct snap_map *m, u8 layer)
{
	u32 n = 0;

	for (u8 i = 0; i < SNAP_LAYERS; i++)
		n += snap_map_is_live(m, i) && m->layer[i].kind == SNAP_CLONE && m->layer[i].base == layer;
	return n;
}

u32 snap_map_live(const struct snap_map *m)
{
	u32 n = 0;

	for (u8 i = 0; i < SNAP_LAYERS; i++)
		n += snap_map_is_live(m, i);
	return n;
}

bool snap_map_dying(const struct snap_map *m)
{
	for (u8 i = 0; i < SNAP_LAYERS; i++)
		if (m->layer[i].used && m->layer[i].dying)
			return true;
	return false;
}

/* The live snapshot with the lowest, or the highest, order. */
static u8 at_end(const struct snap_map *m, bool youngest)
{
	u8 found = SNAP_NONE;

	for (u8 i = 0; i < SNAP_LAYERS; i++)
		if (is_snapshot(m, i) && !m->layer[i].dying &&
		    (found == SNAP_NONE || (m->layer[i].order > m->layer[found].order) == youngest))
			found = i;
	return found;
}

u8 snap_map_oldest(const struct snap_map *m)
{
	return at_end(m, false);
}

u8 snap_map_place(const struct snap_map *m, u8 but)
{
	for (u8 i = 0; i < SNAP_LAYERS; i++)
		if (!m->layer[i].used && i != but)
			return i;
	return SNAP_NONE;
}

/* The next older snapshot, dying or not. */
static u8 older(const struct snap_map *m, u8 layer)
{
	u8 found = SNAP_NONE;

	for (u8 i = 0; i < SNAP_LAYERS; i++)
		if (is_snapshot(m, i) && m->layer[i].order < m->layer[layer].order &&
		    (found == SNAP_NONE || m->layer[i].order > m->layer[found].order))
			found = i;
	return found;
}

static int add_layer(struct snap_map *m, const struct snap_record *r)
{
	struct snap_layer *l = &m->layer[r->layer < SNAP_LAYERS ? r->layer : 0];

	if (r->layer >= SNAP_LAYERS || l->used || r->extent <= m->order || !snap_name_ok(r->name))
		return -E_INVAL;
	if (r->kind != SNAP_SNAPSHOT && r->kind != SNAP_CLONE)
		return -E_INVAL;
	if (r->kind == SNAP_CLONE && (!snap_map_is_live(m, r->base) || m->layer[r->base].kind != SNAP_SNAPSHOT))
		return -E_INVAL;
	for (u8 i = 0; i < SNAP_LAYERS; i++)
		if (snap_map_is_live(m, i) && !strcmp(m->layer[i].name, r->name))
			return -E_INVAL;
	*l = (struct snap_layer){ .used = true, .kind = r->kind, .base = r->kind == SNAP_CLONE ? r->base : SNAP_NONE,
		.order = r->extent, .taken = r->taken, .goes_with_clone = r->chunk & 1, .first = END };
	memcpy(l->guid, r->guid, sizeof(l->guid));
	memcpy(l->name, r->name, sizeof(l->name));
	m->order = r->extent;
	m->newest = at_end(m, true);
	return 0;
}

/* --- chunks --------------------------------------------------------------------------------------------------------- */

/* Does what this chunk keeps count as layer's own? What a dying younger snapshot keeps, is about to be. */
static bool counts(const struct snap_map *m, const struct snap_chunk *c, u8 layer)
{
	const struct snap_layer *l = &m->layer[layer], *its = &m->layer[c->layer];

	return c->layer == layer || (layer == m->newest && l->kind == SNAP_SNAPSHOT && its->kind == SNAP_SNAPSHOT &&
		its->order > l->order);
}

bool snap_map_has(const struct snap_map *m, u8 layer, u32 extent)
{
	for (u32 i = m->bucket[extent & m->mask]; i != END; i = m->chunk[i].next_same)
		if (m->chunk[i].extent == extent && counts(m, &m->chunk[i], layer))
			return true;
	return false;
}

static bool has_own(const struct snap_map *m, u8 layer, u32 extent)
{
	for (u32 i = m->bucket[extent & m->mask]; i != END; i = m->chunk[i].next_same)
		if (m->chunk[i].extent == extent && m->chunk[i].layer == layer)
			return true;
	return false;
}

u32 snap_map_find(const struct snap_map *m, u8 layer, u32 extent)
{
	const struct snap_layer *l = &m->layer[layer];
	u32 from = l->kind == SNAP_CLONE ? m->layer[l->base].order : l->order, best = SNAP_AT_ORIGIN;

	for (u32 i = m->bucket[extent & m->mask]; i != END; i = m->chunk[i].next_same) {
		const struct snap_layer *its = &m->layer[m->chunk[i].layer];

		if (m->chunk[i].extent != extent)
			continue;
		if (m->chunk[i].layer == layer)
			return i;
		if (its->kind == SNAP_SNAPSHOT && its->order >= from &&
		    (best == SNAP_AT_ORIGIN || its->order < m->layer[m->chunk[best].layer].order))
			best = i;
	}
	return best;
}

static void list_add(struct snap_map *m, u8 layer, u32 chunk)
{
	m->chunk[chunk].layer = layer;
	m->chunk[chunk].next = m->layer[layer].first;
	m->layer[layer].first = chunk;
	m->layer[layer].count++;
}

static int map_chunk(struct snap_map *m, const struct snap_record *r)
{
	u8 expected = m->live ? CHUNK_TAKEN : CHUNK_FREE;
	struct snap_chunk *c;

	if (!snap_map_is_live(m, r->layer) || r->extent >= m->extents || r->chunk >= m->chunks ||
	    m->chunk[r->chunk].state != expected || has_own(m, r->layer, r->extent))
		return -E_INVAL;
	c = &m->chunk[r->chunk];
	c->state = CHUNK_USED;
	c->extent = r->extent;
	c->next_same = m->bucket[r->extent & m->mask];
	m->bucket[r->extent & m->mask] = r->chunk;
	list_add(m, r->layer, r->chunk);
	return 0;
}

void snap_map_give(struct snap_map *m, u32 chunk)
{
	m->chunk[chunk].state = CHUNK_FREE;
	if (!m->live)
		return;
	m->chunk[chunk].next = m->free_first;
	m->free_first = chunk;
	m->free++;
}

int snap_map_take(struct snap_map *m, u32 *chunk)
{
	if (!m->free)
		return -E_NOSPC;
	*chunk = m->free_first;
	m->free_first = m->chunk[*chunk].next;
	m->free--;
	m->chunk[*chunk].state = CHUNK_TAKEN;
	return 0;
}

static void forget_chunk(struct snap_map *m, u32 chunk)
{
	u32 *link = &m->bucket[m->chunk[chunk].extent & m->mask];

	while (*link != chunk)
		link = &m->chunk[*link].next_same;
	*link = m->chunk[chunk].next_same;
	snap_map_give(m, chunk);
}

bool snap_map_merge(struct snap_map *m, u8 layer, u32 n)
{
	struct snap_layer *l = &m->layer[layer];
	u8 to = l->kind == SNAP_SNAPSHOT ? older(m, layer) : SNAP_NONE;

	for (; n && l->count; n--) {
		u32 chunk = l->first;

		l->first = m->chunk[chunk].next;
		l->count--;
		l->merged++;
		if (to != SNAP_NONE && !has_own(m, to, m->chunk[chunk].extent))
			list_add(m, to, chunk);
		else
			forget_chunk(m, chunk);
	}
	if (l->count)
		return false;
	l->used = false;
	return true;
}

static int delete_layer(struct snap_map *m, u8 layer)
{
	if (!snap_map_is_live(m, layer) || snap_map_clones(m, layer) || m->rollback == layer)
		return -E_INVAL;
	m->layer[layer].dying = true;
	m->newest = at_end(m, true);
	if (!m->live)
		snap_map_merge(m, layer, END);
	return 0;
}

/* --- records -------------------------------------------------------------------------------------------------------- */

int snap_map_apply(struct snap_map *m, const struct snap_record *r)
{
	switch (r->op) {
	case SNAP_MAP:
		return map_chunk(m, r);
	case SNAP_LAYER:
		return add_layer(m, r);
	case SNAP_DELETE:
		return delete_layer(m, r->layer);
	case SNAP_ROLLBACK:
		if (r->layer != SNAP_NONE && (!snap_map_is_live(m, r->layer) || m->layer[r->layer].kind != SNAP_SNAPSHOT))
			return -E_INVAL;
		m->rollback = r->layer;
		return 0;
	default:
		return -E_INVAL;
	}
}

void snap_map_ready(struct snap_map *m)
{
	m->live = true;
	m->free = 0;
	m->free_first = END;
	for (u32 i = m->chunks; i; i--)
		if (m->chunk[i - 1].state == CHUNK_FREE)
			snap_map_give(m, i - 1);
}

/* The live layer that stands k-th by its order; SNAP_NONE. */
static u8 by_order(const struct snap_map *m, u32 k)
{
	for (u8 i = 0; i < SNAP_LAYERS; i++) {
		u32 before = 0;

		for (u8 j = 0; j < SNAP_LAYERS; j++)
			before += m->layer[j].used && m->layer[j].order < m->layer[i].order;
		if (m->layer[i].used && before == k)
			return i;
	}
	return SNAP_NONE;
}

static void layer_record(const struct snap_map *m, u8 i, struct snap_record *r)
{
	const struct snap_layer *l = &m->layer[i];

	*r = (struct snap_record){ .op = SNAP_LAYER, .layer = i, .kind = l->kind, .base = l->base, .extent = l->order,
		.chunk = l->goes_with_clone, .taken = l->taken };
	memcpy(r->guid, l->guid, sizeof(r->guid));
	memcpy(r->name, l->name, sizeof(r->name));
}

bool snap_map_record(const struct snap_map *m, u32 *k, struct snap_record *r)
{
	u8 layer = *k < SNAP_LAYERS ? by_order(m, *k) : SNAP_NONE;

	if (layer != SNAP_NONE) {
		layer_record(m, layer, r);
		++*k;
		return true;
	}
	if (*k <= SNAP_LAYERS) {
		*k = SNAP_LAYERS + 1;
		*r = (struct snap_record){ .op = SNAP_ROLLBACK, .layer = m->rollback };
		return true;
	}
	for (u32 i = *k - SNAP_LAYERS - 1; i < m->chunks; i++) {
		if (m->chunk[i].state != CHUNK_USED)
			continue;
		*k = i + SNAP_LAYERS + 2;
		*r = (struct snap_record){ .op = SNAP_MAP, .layer = m->chunk[i].layer, .extent = m->chunk[i].extent, .chunk = i };
		return true;
	}
	return false;
}
