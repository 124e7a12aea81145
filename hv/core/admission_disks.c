/* SPDX-License-Identifier: Apache-2.0 */
/* Admission of disks: each is a whole file of whole sectors, and what a guest can write nobody else reads. */

#include <hv/block.h>
#include <hv/lib.h>

#include "admission.h"

/* One more use of a file in the plan. */
struct use {
	const struct plan_guest *g;
	const char *what, *name;
	u32 line;
	bool writes;
	bool volume;		/* a partition, not a file */
};

static u32 add_use(struct use *use, u32 count, const struct plan_guest *g, const char *what, const char *name, u32 line,
		   bool writes)
{
	if (!*name)
		return count;
	use[count] = (struct use){ .g = g, .what = what, .name = name, .line = line, .writes = writes };
	return count + 1;
}

/* Every file that g names, the disks first. */
#define USES_MAX (PLAN_DISKS_MAX + 1 + 2 + PLAN_MODULES_MAX)
static u32 list_uses(const struct plan_guest *g, struct use use[USES_MAX])
{
	const struct plan_boot *b = &g->boot;
	u32 n = 0;

	for (u32 i = 0; i < g->disk_count; i++) {
		const struct plan_disk *d = &g->disk[i];

		n = add_use(use, n, g, "disk", *d->volume ? d->volume : d->image, d->line, !d->readonly);
		if (n)
			use[n - 1].volume = *d->volume;
	}
	n = add_use(use, n, g, "cdrom", g->cdrom, g->line[PLAN_KEY_CDROM], false);
	n = add_use(use, n, g, "boot", b->kernel, g->line[PLAN_KEY_KERNEL], false);
	n = add_use(use, n, g, "boot", b->initrd, g->line[PLAN_KEY_INITRD], false);
	for (u32 i = 0; i < b->module_count; i++)
		n = add_use(use, n, g, "boot", b->module[i], b->module_line[i], false);
	return n;
}

/* A file that is written has one use. Reported where the later of the two stands. */
static void check_pair(struct admission *a, const struct use *one, const struct use *two)
{
	const struct use *first = one->line <= two->line ? one : two, *last = first == one ? two : one;
	char key[64], other[64];

	if ((!one->writes && !two->writes) || one->volume != two->volume || strcmp(one->name, two->name) != 0)
		return;
	plan_error_add(a->errors, "IMAGE-SHARED", last->line, admission_key(key, sizeof(key), last->g, last->what),
		       "a %s of its own, or readonly = true at both: \"%.40s\" is also in %s (line %u)",
		       last->volume ? "volume" : "file", last->name,
		       admission_key(other, sizeof(other), first->g, first->what), first->line);
}

static void check_shared(struct admission *a)
{
	struct use mine[USES_MAX], theirs[USES_MAX];

	for (u32 i = 0; i < a->plan->guest_count; i++) {
		u32 count = list_uses(&a->plan->guest[i], mine);

		for (u32 m = 1; m < count; m++)
			for (u32 t = 0; t < m; t++)
				check_pair(a, &mine[t], &mine[m]);
		for (u32 k = 0; k < i; k++) {
			u32 others = list_uses(&a->plan->guest[k], theirs);

			for (u32 m = 0; m < count; m++)
				for (u32 t = 0; t < others; t++)
					check_pair(a, &theirs[t], &mine[m]);
		}
	}
}

static const struct facts_image *admit_disk(struct admission *a, const struct plan_guest *g, const char *what,
					    const char *name, u32 line)
{
	const struct facts_image *image = admit_image(a, g, what, name, line);
	char key[64];

	if (image && image->size % BLOCK_SECTOR)
		plan_error_add(a->errors, "IMAGE-SECTORS", line, admission_key(key, sizeof(key), g, what),
			       "a raw image, a multiple of 512 bytes; \"%.40s\" has %lu bytes, %lu too many", name,
			       image->size, image->size % BLOCK_SECTOR);
	return image;
}

void admit_disks(struct admission *a)
{
	for (u32 i = 0; i < a->plan->guest_count; i++) {
		const struct plan_guest *g = &a->plan->guest[i];
		struct resolved_guest *rg = &a->resolved->guest[i];

		for (u32 d = 0; d < g->disk_count; d++)
			rg->disk[d] = *g->disk[d].volume ? NULL : admit_disk(a, g, "disk", g->disk[d].image, g->disk[d].line);
		if (*g->cdrom)
			rg->cdrom = admit_disk(a, g, "cdrom", g->cdrom, g->line[PLAN_KEY_CDROM]);
	}
	check_shared(a);
}
