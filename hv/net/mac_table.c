/* SPDX-License-Identifier: Apache-2.0 */
#include "mac_table.h"

#include <hv/lib.h>

static u32 bucket_of(const struct mac_table *t, mac_key key)
{
	u64 h = key * t->secret;

	return (u32)(h >> 55) ^ ((u32)(h >> 40) & (MAC_BUCKETS - 1));
}

static bool is_old(const struct mac_entry *e, u32 second)
{
	return !e->fixed && second - e->seen > MAC_AGE_SECONDS;
}

void mac_table_init(struct mac_table *t, u64 secret)
{
	memset(t, 0, sizeof(*t));
	t->secret = secret | 1;
}

const struct mac_entry *mac_table_find(const struct mac_table *t, mac_key key, u32 second)
{
	u32 b = bucket_of(t, key);

	for (u32 i = 0; i < MAC_WAYS; i++)
		if (t->key[b][i] == key)
			return is_old(&t->entry[b][i], second) ? NULL : &t->entry[b][i];
	return NULL;
}

static void give_up(struct mac_table *t, u32 b, u32 way)
{
	if (t->key[b][way] && !t->entry[b][way].fixed)
		t->learnt[t->entry[b][way].port]--;
	t->key[b][way] = 0;
}

static void take(struct mac_table *t, u32 b, u32 way, mac_key key, u32 port, u32 second)
{
	give_up(t, b, way);
	t->key[b][way] = key;
	t->entry[b][way] = (struct mac_entry){ .seen = second, .port = (u8)port };
	t->learnt[port]++;
}

/* A place for one more of port's addresses in bucket b: an empty one or one that is too old, within its share; else its own
 * oldest. Never another port's. */
static u32 find_place(const struct mac_table *t, u32 b, u32 port, u32 share, u32 ways, u32 second)
{
	u32 own = 0, oldest = MAC_NONE, empty = MAC_NONE;

	for (u32 i = 0; i < MAC_WAYS; i++) {
		const struct mac_entry *e = &t->entry[b][i];

		if (!t->key[b][i] || is_old(e, second)) {
			empty = i;
		} else if (!e->fixed && e->port == port) {
			own++;
			if (oldest == MAC_NONE || second - e->seen > second - t->entry[b][oldest].seen)
				oldest = i;
		}
	}
	return empty != MAC_NONE && own < ways && t->learnt[port] < share ? empty : oldest;
}

void mac_table_learn(struct mac_table *t, mac_key key, u32 port, u32 share, u32 ways, u32 second)
{
	u32 b = bucket_of(t, key), place;

	for (u32 i = 0; i < MAC_WAYS; i++) {
		struct mac_entry *e = &t->entry[b][i];

		if (t->key[b][i] != key)
			continue;
		if (!e->fixed && e->port != port && t->learnt[port] < share)
			take(t, b, i, key, port, second);
		else if (!e->fixed && e->port == port)
			e->seen = second;
		return;
	}
	place = find_place(t, b, port, share, ways, second);
	if (place == MAC_NONE)
		t->refused++;
	else
		take(t, b, place, key, port, second);
}

int mac_table_fix(struct mac_table *t, mac_key key, u32 port)
{
	u32 b = bucket_of(t, key), place = MAC_NONE;

	for (u32 i = MAC_WAYS; i-- > 0;)
		if (!t->key[b][i] || !t->entry[b][i].fixed)
			place = i;
	for (u32 i = 0; i < MAC_WAYS; i++)
		if (t->key[b][i] == key)
			place = i;
	if (place == MAC_NONE)
		return -E_NOMEM;
	give_up(t, b, place);
	t->key[b][place] = key;
	t->entry[b][place] = (struct mac_entry){ .port = (u8)port, .fixed = true };
	return 0;
}

void mac_table_forget(struct mac_table *t, u32 port)
{
	for (u32 b = 0; b < MAC_BUCKETS; b++)
		for (u32 i = 0; i < MAC_WAYS; i++)
			if (t->key[b][i] && t->entry[b][i].port == port)
				give_up(t, b, i);
}

mac_key mac_table_next(const struct mac_table *t, u32 *cursor, struct mac_entry *entry)
{
	for (; *cursor < MAC_BUCKETS * MAC_WAYS; (*cursor)++) {
		mac_key key = t->key[*cursor / MAC_WAYS][*cursor % MAC_WAYS];

		if (!key)
			continue;
		*entry = t->entry[*cursor / MAC_WAYS][*cursor % MAC_WAYS];
		(*cursor)++;
		return key;
	}
	return 0;
}
