/* SPDX-License-Identifier: Apache-2.0 */
/* Volumes: partitions by their names, and who uses them. */
#include "storage.h"

#include <hv/lib.h>
#include <hv/log.h>

#include "gpt.h"
#include "snapshot.h"

static struct volume table[VOLUMES_MAX];

/* On the disk the first three fields are little-endian. Ours: b01cead0-766f-4c75-8d65-000000000001, ...2, ...3 and ...4. */
static const struct storage_guid kinds[] = {
	[VOLUME_OURS] = { { 0xd0, 0xea, 0x1c, 0xb0, 0x6f, 0x76, 0x75, 0x4c, 0x8d, 0x65, 0, 0, 0, 0, 0, 1 } },
	[VOLUME_DATASTORE] = { { 0xd0, 0xea, 0x1c, 0xb0, 0x6f, 0x76, 0x75, 0x4c, 0x8d, 0x65, 0, 0, 0, 0, 0, 2 } },
	[VOLUME_STORE] = { { 0xd0, 0xea, 0x1c, 0xb0, 0x6f, 0x76, 0x75, 0x4c, 0x8d, 0x65, 0, 0, 0, 0, 0, 3 } },
	[VOLUME_UNFINISHED] = { { 0xd0, 0xea, 0x1c, 0xb0, 0x6f, 0x76, 0x75, 0x4c, 0x8d, 0x65, 0, 0, 0, 0, 0, 4 } },
};

/* Where each byte of the written form lies on the disk. */
static const u8 guid_order[16] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15 };

const struct storage_guid *volume_kind(enum volume_type type)
{
	return &kinds[type];
}

char *storage_guid_words(const struct storage_guid *g, char *to, size_t size)
{
	size_t at = 0;

	for (u32 i = 0; i < 16 && at < size; i++)
		at += (size_t)fmt_print(to + at, size - at, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
					g->byte[guid_order[i]]);
	return to;
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool volume_guid_parse(const char *text, struct storage_guid *to)
{
	u32 at = 0;

	for (u32 i = 0; i < 16; i++) {
		if ((i == 4 || i == 6 || i == 8 || i == 10) && text[at++] != '-')
			return false;
		if (digit(text[at]) < 0 || digit(text[at + 1]) < 0)
			return false;
		to->byte[guid_order[i]] = (u8)(digit(text[at]) << 4 | digit(text[at + 1]));
		at += 2;
	}
	return !text[at];
}

struct volume *volume_at(u32 index)
{
	return &table[index];
}

static struct volume *known(const struct storage_disk *s, const u8 *guid)
{
	for (u32 i = 0; i < VOLUMES_MAX; i++)
		if (table[i].disk == s && !table[i].snap && !memcmp(table[i].guid.byte, guid, sizeof(table[i].guid)))
			return &table[i];
	return NULL;
}

struct volume *volume_place(void)
{
	for (u32 i = 0; i < VOLUMES_MAX; i++)
		if (!table[i].disk && !table[i].users)
			return &table[i];
	return NULL;
}

static enum volume_type type_of(const u8 *kind)
{
	static const enum volume_type ours[] = { VOLUME_OURS, VOLUME_DATASTORE, VOLUME_STORE, VOLUME_UNFINISHED };

	for (u32 i = 0; i < ARRAY_COUNT(ours); i++)
		if (!memcmp(kind, kinds[ours[i]].byte, 16))
			return ours[i];
	return VOLUME_OTHER;
}

/* Whose users wait for it: it was on a disk that went, and this is that disk again. A copy of it on another disk is not. */
static struct volume *awaited(const struct storage_disk *s, const u8 *guid)
{
	for (u32 i = 0; i < VOLUMES_MAX; i++)
		if (!table[i].disk && table[i].users && !table[i].snap && *s->d->serial &&
		    !memcmp(table[i].guid.byte, guid, sizeof(table[i].guid)) && !strcmp(table[i].serial, s->d->serial))
			return &table[i];
	return NULL;
}

/* Its users go on, where it is as large as it was and as they may use it. What the disk had in its cache when it went may be
 * lost, although nobody was told: the next flush says so. */
static void rejoin(struct volume *v)
{
	for (u32 i = 0; i < STORAGE_CLIENTS_MAX; i++) {
		struct storage_client *c = storage_client_table[i];

		if (!c || c->volume != v || c->disk || !v->disk->granted || (c->writes && v->disk->d->readonly) ||
		    snap_may_open(v, c))
			continue;
		snap_opened(c, v);
		c->lost_writes = c->writes;
		if (!storage_bind(c, v->disk, v->first, v->sectors))
			log_notice("disk %s: %s goes on with volume %s", v->disk->d->name, c->name, v->name);
	}
}

static bool fill(struct storage_disk *s, u32 entry, const struct gpt_part *part)
{
	u32 per = s->d->sector_size / BLOCK_SECTOR;
	struct volume *v = known(s, part->guid), *back = v ? NULL : awaited(s, part->guid);
	u64 sectors = (part->last - part->first + 1) * per;

	if (back && back->sectors != sectors)
		back = NULL;
	v = back ? back : v ? v : volume_place();
	if (!v)
		return false;
	v->back |= back != NULL;
	v->disk = s;
	v->snap = NULL;
	v->entry = entry;
	v->type = type_of(part->kind);
	str_copy(v->name, sizeof(v->name), part->name);
	v->plain = part->plain;
	memcpy(v->guid.byte, part->guid, 16);
	memcpy(v->kind.byte, part->kind, 16);
	v->first = part->first * per;
	v->sectors = sectors;
	v->seen = true;
	str_copy(v->serial, sizeof(v->serial), s->d->serial);
	return true;
}

void volumes_rejoin(struct storage_disk *s)
{
	for (u32 i = 0; i < VOLUMES_MAX; i++) {
		if (table[i].disk != s || !table[i].back)
			continue;
		table[i].back = false;
		rejoin(&table[i]);
	}
}

/* Its range is no more: whoever has it open gets errors from now on. */
void volume_lose(struct volume *v)
{
	for (u32 i = 0; i < STORAGE_CLIENTS_MAX; i++)
		if (storage_client_table[i] && storage_client_table[i]->volume == v)
			storage_bind(storage_client_table[i], NULL, 0, 0);
	v->disk = NULL;
}

void volumes_update(struct storage_disk *s, const struct gpt *g, const u8 *entries)
{
	struct gpt_part part;
	u32 lost = 0;

	for (u32 i = 0; i < VOLUMES_MAX; i++)
		table[i].seen = false;
	for (u32 i = 0; g && i < g->count; i++)
		if (gpt_part(g, entries, i, &part))
			lost += !fill(s, i, &part);
	for (u32 i = 0; i < VOLUMES_MAX; i++)
		if (table[i].disk == s && !table[i].seen && !table[i].snap)
			volume_lose(&table[i]);
	if (lost)
		log_notice("disk %s: %u partitions are not shown: there are more than %u in all", s->d->name, lost, VOLUMES_MAX);
	snap_look(s);
}

static bool is_called(const struct volume *v, const char *name, bool is_guid, const struct storage_guid *guid)
{
	if (!v->disk || !v->disk->granted)
		return false;
	return is_guid ? !memcmp(guid, &v->guid, sizeof(*guid)) : v->plain && !strcmp(v->name, name);
}

struct volume *volume_find(const char *name, char *why, size_t size)
{
	struct storage_guid guid;
	bool is_guid = volume_guid_parse(name, &guid);
	struct volume *found = NULL;

	for (u32 i = 0; i < VOLUMES_MAX; i++) {
		struct volume *v = &table[i];

		if (!is_called(v, name, is_guid, &guid))
			continue;
		if (found) {
			fmt_print(why, why ? size : 0, "two partitions are called \"%s\" (on %s and %s): use the GUID", name,
				  found->disk->d->name, v->disk->d->name);
			return NULL;
		}
		found = v;
	}
	if (!found)
		fmt_print(why, why ? size : 0, "no disk that the plan names has a volume \"%s\"", name);
	return found;
}

bool volume_is_there(const char *name)
{
	struct storage_guid guid;
	bool is_guid = volume_guid_parse(name, &guid);

	for (u32 i = 0; i < VOLUMES_MAX; i++)
		if (is_called(&table[i], name, is_guid, &guid))
			return true;
	return false;
}

bool volume_name_taken(const char *name)
{
	for (u32 i = 0; i < VOLUMES_MAX; i++)
		if (table[i].disk && !strcmp(table[i].name, name))
			return true;
	return false;
}

int volume_open(struct storage_client *c, struct volume *v)
{
	int err;

	if (!v->disk || v->changing || v->writers || (!c->readonly && v->users))
		return -E_BUSY;
	if (v->type == VOLUME_UNFINISHED && !c->fills)
		return -E_NOENT;
	if (!c->readonly && (v->disk->d->readonly || !v->disk->granted))
		return -E_NODEV;
	err = snap_may_open(v, c);
	err = err ? err : storage_open(c, v->disk, v->first, v->sectors);
	if (err)
		return err;
	snap_opened(c, v);
	c->volume = v;
	c->writes = !c->readonly;
	v->users++;
	v->writers += c->writes;
	return 0;
}

int volume_close(struct storage_client *c)
{
	struct volume *v = c->volume;
	int err = storage_close(c);

	if (err)
		return err;
	v->users--;
	v->writers -= c->writes;
	snap_closed(c);
	c->volume = NULL;
	return 0;
}

struct volume *volume_datastore(void)
{
	static bool said;		/* until there is one, or none, again */
	struct volume *found = NULL;

	for (u32 i = 0; i < VOLUMES_MAX; i++) {
		struct volume *v = &table[i];

		if (!v->disk || !v->disk->granted || v->type != VOLUME_DATASTORE)
			continue;
		if (found) {
			if (!said)
				log_notice("two datastores, on %s and %s: none is used", found->disk->d->name,
					   v->disk->d->name);
			said = true;
			return NULL;
		}
		found = v;
	}
	said = false;
	return found;
}
