/* SPDX-License-Identifier: Apache-2.0 */
/* The plan becomes guests: read, admit, build. Nothing is built unless all of it holds. */
#include "build.h"

#include <hv/control.h>
#include <hv/core.h>
#include <hv/host.h>
#include <hv/lib.h>
#include <hv/load.h>
#include <hv/log.h>
#include <hv/own_apic.h>
#include <hv/machine.h>
#include <hv/net.h>
#include <hv/pool.h>
#include <hv/storage.h>

#define SEALED __attribute__((section(".sealed")))

struct guest *guests[PLAN_GUESTS_MAX] SEALED;
u32 guest_count SEALED;
const struct plan *machine_plan SEALED;
const struct resolved_plan *machine_resolved SEALED;
const struct machine_facts *machine_facts SEALED;

static u64 pages_of(u64 bytes)
{
	return ALIGN_UP(bytes, PAGE_SIZE) / PAGE_SIZE;
}

static void say_errors(const struct plan_errors *e)
{
	char text[64];

	for (u32 i = 0; i < e->count; i++)
		sink_line(e->error[i].text);
	if (!e->lost)
		return;
	fmt_print(text, sizeof(text), "... and %u more errors", e->lost);
	sink_line(text);
}

static int no_memory(const char *what)
{
	char text[160];

	fmt_print(text, sizeof(text), "error HV-NO-MEMORY: the hypervisor's own memory (%lu MiB) is too small for %s",
		pool_total() * PAGE_SIZE / MiB, what);
	sink_line(text);
	return -E_NOMEM;
}

/* Facts */

static void facts_cores(struct machine_facts *f)
{
	f->core_count = core_count;
	f->x2apic = own_apic_possible();
	for (u32 i = 0; i < core_count; i++)
		f->core_usable[i] = i == this_core()->index || core_table[i].state == CORE_IDLE;
}

static void facts_ram(struct machine_facts *f, const struct boot_info *info)
{
	for (u32 i = 0; i < info->range_count && f->ram_count < FACTS_RAM_MAX; i++)
		if (info->ranges[i].kind == BOOT_RAM)
			f->ram[f->ram_count++] = (struct facts_ram){ HPA(info->ranges[i].base), info->ranges[i].size };
}

/* What boot/ could not find at all is missing; anything else that went wrong cut the file short. */
static enum image_status file_status(const struct boot_file *file)
{
	const u64 efi_not_found = 0x800000000000000eul;

	if (!file->status)
		return IMAGE_WHOLE;
	return file->status == efi_not_found ? IMAGE_ABSENT : IMAGE_CUT;
}

static void facts_cards(struct machine_facts *f)
{
	for (u32 i = 0; i < netdev_count() && f->card_count < FACTS_CARDS_MAX; i++) {
		const struct netdev *n = netdev_at(i);
		struct facts_card *c = &f->card[f->card_count++];

		*c = (struct facts_card){ .bdf = n->bdf, .vendor = n->vendor, .device = n->device, .mtu_max = n->mtu_max };
		str_copy(c->name, sizeof(c->name), n->name);
		memcpy(c->mac, n->mac, sizeof(c->mac));
	}
}

static void facts_images(struct machine_facts *f, const struct boot_info *info)
{
	for (u32 i = 1; i < info->file_count && f->image_count < FACTS_IMAGES_MAX; i++) {
		const struct boot_file *file = &info->files[i];

		f->image[f->image_count++] = (struct facts_image){
			.name = file->name, .size = file->size, .bytes = host_file_ptr(file->base),
			.status = file_status(file) };
	}
	f->check_image = load_check;
}

/* Guests */

static int build_guests(const struct resolved_plan *r)
{
	for (u32 i = 0; i < r->guest_count; i++) {
		const char *lacking;

		guests[i] = guest_build(i, &r->guest[i], &lacking);
		guest_count = guests[i] ? i + 1 : 0;
		if (!guests[i])
			return no_memory(lacking);
	}
	return 0;
}

/* The plan */

static int read_plan(struct plan *plan, const struct boot_info *info, struct plan_errors *errors)
{
	struct plan_work *work = pool_alloc(pages_of(sizeof(*work)), POOL_OTHER);
	int err;

	if (!work)
		return no_memory("reading the plan");
	plan_errors_init(errors, info->files[0].name);
	err = plan_read(plan, host_file_ptr(info->files[0].base), info->files[0].size, work, errors);
	pool_free(work, pages_of(sizeof(*work)));
	return err;
}

static const struct plan_machine *granting;

static bool plan_names(const struct disk *d)
{
	for (u32 i = 0; i < granting->disk_count; i++)
		if (storage_is_called(d, granting->disk[i]))
			return true;
	return granting->all_disks;
}

static void apply_machine(const struct plan *plan)
{
	granting = &plan->machine;
	storage_grant(plan_names);
	log_set_level(plan->machine.log);
	sinks_configure(&plan->machine);
}

static int admit(const struct plan *plan, const struct boot_info *info, struct plan_errors *errors)
{
	struct machine_facts *facts = pool_alloc(pages_of(sizeof(*facts)), POOL_OTHER);
	struct resolved_plan *resolved = pool_alloc(pages_of(sizeof(*resolved)), POOL_OTHER);

	if (!facts || !resolved)
		return no_memory("admission");
	facts_cores(facts);
	facts_ram(facts, info);
	facts_images(facts, info);
	facts_cards(facts);
	if (plan_admit(plan, facts, resolved, errors))
		return -E_INVAL;
	machine_facts = facts;
	machine_plan = plan;
	machine_resolved = resolved;
	control_core = resolved->control;
	pool_grow_init();
	return change_init();
}

int machine_build(const struct boot_info *info)
{
	struct plan *plan = pool_alloc(pages_of(sizeof(*plan)), POOL_OTHER);
	struct plan_errors *errors = pool_alloc(pages_of(sizeof(*errors)), POOL_OTHER);

	if (!plan || !errors || host_map_files(info, this_core()->index))
		return no_memory("the plan");
	if (!info->file_count) {
		sink_line("error PLAN-MISSING: bulkhead.toml:0: -: "
			"a plan named bulkhead.toml was expected beside bulkhead.efi or in the root of its volume");
		return -E_NOENT;
	}
	if (read_plan(plan, info, errors) || (apply_machine(plan), admit(plan, info, errors))) {
		say_errors(errors);
		return -E_INVAL;
	}
	/* Guests that are made later need them, too. */
	if (control_core != this_core()->index && host_map_files(info, control_core))
		return no_memory("the files of the plan");
	return build_guests(machine_resolved);
}
