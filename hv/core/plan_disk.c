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

static const struct plan_rule disk_rules[] = {
	{ "image",    TYPE(STRING),  read_image,    0, NULL },
	{ "readonly", TYPE(BOOLEAN), read_readonly, 0, NULL },
	{ "ring",     TYPE(STRING),  read_ring,     0, NULL },
	{ "volume",   TYPE(STRING),  NULL,          0, "volumes for guests" },
};

static void read_disk(struct plan_reader *r, struct plan_guest *g, const struct toml_node *n)
{
	struct plan_disk *d;

	if (!plan_check_type(r, n, TYPE(TABLE)))
		return;
	if (g->disk_count == PLAN_DISKS_MAX) {
		plan_bad(r, "PLAN-VALUE", n, "at most %d disks", PLAN_DISKS_MAX);
		return;
	}
	d = &g->disk[g->disk_count++];
	d->line = n->line;
	plan_read_table(r, n, disk_rules, ARRAY_COUNT(disk_rules), d, NULL);
	if (!toml_get(n, "volume"))
		plan_require(r, n, "image", "the file name of a disk image");
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
