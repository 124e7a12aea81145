/* SPDX-License-Identifier: Apache-2.0 */
/* disk = [{ ... }] and cdrom = "..." of a guest. */

#include <hv/lib.h>

#include "plan_schema.h"

static void read_image(struct plan_reader *r, void *object, const struct toml_node *n)
{
	plan_read_path(r, n, ((struct plan_disk *)object)->image);
}

static void read_readonly(struct plan_reader *r, void *object, const struct toml_node *n)
{
	(void)r;
	((struct plan_disk *)object)->readonly = n->boolean;
}

static void read_ring(struct plan_reader *r, void *object, const struct toml_node *n)
{
	static const char *const words[] = { "packed", "split" };
	int found = plan_read_word(r, n, words, ARRAY_COUNT(words));

	if (found >= 0)
		((struct plan_disk *)object)->split = found;
}

static void read_volume(struct plan_reader *r, void *object, const struct toml_node *n)
{
	if (n->length && n->length < PLAN_VOLUME_SIZE)
		str_copy(((struct plan_disk *)object)->volume, PLAN_VOLUME_SIZE, n->text);
	else
		plan_bad(r, "PLAN-VALUE", n, "the name of a partition, 1 to 36 characters, or its GUID");
}

static void read_iops(struct plan_reader *r, void *object, const struct toml_node *n)
{
	if (n->integer >= 1 && n->integer <= 100000000)
		((struct plan_disk *)object)->iops = (u32)n->integer;
	else
		plan_bad(r, "PLAN-VALUE", n, "requests a second, 1 to 100000000; without the key there is no limit");
}

static void read_bandwidth(struct plan_reader *r, void *object, const struct toml_node *n)
{
	u64 bytes = plan_parse_size(n->text);

	if (bytes)
		((struct plan_disk *)object)->bandwidth = bytes;
	else
		plan_bad(r, "PLAN-VALUE", n, "bytes a second such as \"100MiB\", not \"%.40s\"", n->text);
}

static void read_weight(struct plan_reader *r, void *object, const struct toml_node *n)
{
	if (n->integer >= 1 && n->integer <= PLAN_WEIGHT_MAX)
		((struct plan_disk *)object)->weight = (u32)n->integer;
	else
		plan_bad(r, "PLAN-VALUE", n, "a share, 1 to %d; 100 is usual", PLAN_WEIGHT_MAX);
}

static void read_optional(struct plan_reader *r, void *object, const struct toml_node *n)
{
	(void)r;
	((struct plan_disk *)object)->optional = n->boolean;
}

static const struct plan_rule disk_rules[] = {
	{ "image",    TYPE(STRING),  read_image,    0, NULL },
	{ "readonly", TYPE(BOOLEAN), read_readonly, 0, NULL },
	{ "ring",     TYPE(STRING),  read_ring,     0, NULL },
	{ "volume",   TYPE(STRING),  read_volume,   0, NULL },
	{ "iops",     TYPE(INTEGER), read_iops,     0, NULL },
	{ "bandwidth", TYPE(STRING), read_bandwidth, 0, NULL },
	{ "weight",   TYPE(INTEGER), read_weight,   0, NULL },
	{ "optional", TYPE(BOOLEAN), read_optional, 0, NULL },
};

static void read_disk(struct plan_reader *r, struct plan_guest *g, const struct toml_node *n)
{
	static const char *const limits[] = { "iops", "bandwidth", "weight", "optional" };
	struct plan_disk *d;

	if (!plan_check_type(r, n, TYPE(TABLE)))
		return;
	if (g->disk_count == PLAN_DISKS_MAX) {
		plan_bad(r, "PLAN-VALUE", n, "at most %d disks", PLAN_DISKS_MAX);
		return;
	}
	d = &g->disk[g->disk_count++];
	d->line = n->line;
	d->weight = 100;
	plan_read_table(r, n, disk_rules, ARRAY_COUNT(disk_rules), d, NULL);
	if (!toml_get(n, "volume"))
		plan_require(r, n, "image", "the file name of a disk image (or `volume`)");
	else if (toml_get(n, "image"))
		plan_bad_key(r, "PLAN-VALUE", n, "image", "either an image in RAM or a volume");
	for (u32 i = 0; i < ARRAY_COUNT(limits) && !*d->volume; i++)
		if (toml_get(n, limits[i]))
			plan_bad_key(r, "PLAN-VALUE", n, limits[i], "only beside `volume`, not for an image in RAM");
}

void plan_read_disks(struct plan_reader *r, void *guest, const struct toml_node *n)
{
	for (const struct toml_node *e = n->first; e; e = e->next)
		read_disk(r, guest, e);
}

void plan_read_cdrom(struct plan_reader *r, void *guest, const struct toml_node *n)
{
	plan_read_path(r, n, ((struct plan_guest *)guest)->cdrom);
}
