/* SPDX-License-Identifier: Apache-2.0 */
/* The plan becomes guests: read, admit, build. Nothing is built unless all of it holds. */
#include "build.h"

#include <hv/control.h>
#include <hv/core.h>
#include <hv/emulate.h>
#include <hv/host.h>
#include <hv/load.h>
#include <hv/log.h>
#include <hv/machine.h>
#include <hv/net.h>
#include <hv/pc.h>
#include <hv/policy.h>
#include <hv/pool.h>
#include <hv/storage.h>

#define SEALED __attribute__((section(".sealed")))

struct guest *guests[PLAN_GUESTS_MAX] SEALED;
u32 guest_count SEALED;
const struct plan *machine_plan SEALED;
const struct resolved_plan *machine_resolved SEALED;
static const struct machine_facts *machine_facts SEALED;

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

/* Building one guest */

/* Where the guest's cores find one of its files; the same file twice is mapped twice. */
static void *map_image(struct guest *g, const struct facts_image *from, bool writable, u64 *next)
{
	struct image_mapping *m = &g->image_map[g->image_count++];

	*m = (struct image_mapping){ .va = *next, .hpa = HPA((u64)from->bytes - (u64)host_file_ptr(0)),
		.size = ALIGN_UP(from->size, PAGE_SIZE), .writable = writable };
	*next = ALIGN_UP(*next + m->size + PAGE_SIZE, BLOCK_SIZE);
	return (void *)m->va;
}

static void add_image(struct guest *g, struct guest_image *to, const struct facts_image *from, u64 *next)
{
	*to = (struct guest_image){ .name = from->name, .bytes = map_image(g, from, false, next), .size = from->size };
}

static struct guest_disk *add_disk(struct guest *g, const struct facts_image *from, bool readonly, u64 *next)
{
	u32 nr = g->disk_count++;
	struct guest_disk *d = &g->disk[nr];

	*d = (struct guest_disk){ .bytes = map_image(g, from, !readonly, next), .size = from->size,
		.readonly = readonly };
	fmt_print(d->serial, sizeof(d->serial), "disk%u", nr);
	return d;
}

static struct guest_disk *add_volume(struct guest *g, const struct plan_disk *plan)
{
	u32 nr = g->disk_count++;
	struct guest_disk *d = &g->disk[nr];

	*d = (struct guest_disk){ .volume = plan, .readonly = plan->readonly };
	fmt_print(d->serial, sizeof(d->serial), "disk%u", nr);
	return d;
}

static void set_images(struct guest *g, const struct resolved_guest *r)
{
	u64 next = GUEST_IMAGES_VA;

	add_image(g, &g->kernel, r->kernel, &next);
	if (r->initrd)
		add_image(g, &g->initrd, r->initrd, &next);
	g->module_count = r->module_count;
	for (u32 i = 0; i < r->module_count; i++)
		add_image(g, &g->module[i], r->module[i], &next);
	for (u32 i = 0; i < r->plan->disk_count; i++)
		(r->disk[i] ? add_disk(g, r->disk[i], r->plan->disk[i].readonly, &next) : add_volume(g, &r->plan->disk[i]))->split =
			r->plan->disk[i].split;
	if (r->cdrom)
		str_copy(add_disk(g, r->cdrom, true, &next)->serial, sizeof(g->disk[0].serial), "cdrom");
}

static void set_nets(struct guest *g, const struct resolved_guest *r)
{
	g->net_count = r->plan->net_count;
	for (u32 i = 0; i < g->net_count; i++) {
		memcpy(g->net[i].mac, r->net[i].mac, sizeof(g->net[i].mac));
		g->net[i].mtu = r->plan->net[i].mtu;
	}
}

static void set_ram(struct guest *g, const struct resolved_guest *r)
{
	g->range_count = r->range_count;
	for (u32 i = 0; i < r->range_count; i++) {
		g->range[i] = r->range[i];
		if (r->range[i].gpa < PLAN_HIGH_BASE)
			g->ram_low += r->range[i].size;
		else
			g->ram_high += r->range[i].size;
	}
}

static void set_device_ram(struct guest *g, const struct resolved_guest *r)
{
	for (u32 i = 0; i < DEVICE_RAM_KINDS; i++)
		if (r->device[i].size)
			g->device_ram[i] = (struct device_ram){ .at = (u8 *)(GUEST_DEVICE_VA + r->device[i].base.v),
				.hpa = r->device[i].base, .size = r->device[i].size };
}

static void set_cores(struct guest *g, const struct resolved_guest *r)
{
	g->vcpu_count = r->core_count;
	for (u32 i = 0; i < r->core_count; i++) {
		g->core_of[i] = r->core[i];
		core_table[r->core[i]].guest = g;
		core_table[r->core[i]].vcpu = i;
	}
}

static bool alloc_ports(struct guest *g)
{
	for (u32 i = 0; i < g->plan->port_count; i++) {
		struct guest_port *p = &g->port[g->port_count++];

		p->name = g->plan->port[i];
		p->record = pool_alloc(pages_of(sizeof(*p->record)), POOL_GUEST);
		p->input = pool_alloc(pages_of(sizeof(*p->input)), POOL_GUEST);
		if (!p->record || !p->input)
			return false;
	}
	return true;
}

static int alloc_parts(struct guest *g)
{
	bool ok;

	g->console = pool_alloc(pages_of(sizeof(*g->console)), POOL_GUEST);
	g->input = pool_alloc(pages_of(sizeof(*g->input)), POOL_GUEST);
	g->pc = pool_alloc(pages_of(pc_size()), POOL_GUEST);
	if (g->plan->boot.type == BOOT_UEFI)
		g->firmware_log = pool_alloc(pages_of(sizeof(*g->firmware_log)), POOL_GUEST);
	ok = g->console && g->input && g->pc && (g->firmware_log || g->plan->boot.type != BOOT_UEFI) && alloc_ports(g);
	for (u32 i = 0; i < g->vcpu_count && ok; i++) {
		g->decode[i] = pool_alloc(pages_of(decode_cache_size()), POOL_GUEST);
		ok = g->decode[i];
	}
	g->cpuid = ok ? policy_build_cpuid(g) : NULL;
	return g->cpuid ? 0 : no_memory("the guests of this plan");
}

static int build_guest(u32 index, const struct resolved_guest *r)
{
	struct guest *g = pool_alloc(pages_of(sizeof(*g)), POOL_GUEST);

	if (!g)
		return no_memory("the guests of this plan");
	g->index = index;
	g->plan = r->plan;
	g->name = r->plan->name;
	g->device_deadline = ~0ul;
	set_cores(g, r);
	set_ram(g, r);
	set_device_ram(g, r);
	set_images(g, r);
	set_nets(g, r);
	if (alloc_parts(g))
		return -E_NOMEM;
	bus_init(&g->bus);
	if (pc_build(g, g->pc))
		return no_memory("the devices of a guest");
	if (host_build_guest(g))
		return no_memory("page tables of this plan's guests");
	guests[guest_count++] = g;
	return 0;
}

static int build_guests(const struct resolved_plan *r)
{
	for (u32 i = 0; i < r->guest_count; i++)
		if (build_guest(i, &r->guest[i])) {
			guest_count = 0;
			return -E_NOMEM;
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
	return 0;
}

int machine_build(const struct boot_info *info)
{
	struct plan *plan = pool_alloc(pages_of(sizeof(*plan)), POOL_OTHER);
	struct plan_errors *errors = pool_alloc(pages_of(sizeof(*errors)), POOL_OTHER);

	if (!plan || !errors || host_map_files(info))
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
	return build_guests(machine_resolved);
}

/* Ask whether everything still is as admitted: `memory` in the shell, tests. */
int frames_audit(void (*line)(const char *text))
{
	char text[200] = "no plan is in force";
	u64 wx = host_count_wx();
	int bad = 0;

	if (!machine_resolved || resolved_plan_verify(machine_plan, machine_facts, machine_resolved, text, sizeof(text))) {
		line(text);
		bad = machine_resolved ? -E_INVAL : 0;
	}
	for (u32 i = 0; i < guest_count; i++)
		for (u32 r = 0; r < guests[i]->range_count; r++) {
			u64 gpa = host_guest_other(guests[i], r);

			if (gpa == ~0ul)
				continue;
			fmt_print(text, sizeof(text), "audit: guest %s: its nested tables do not lead from %#lx to its own RAM",
				guests[i]->name, gpa);
			line(text);
			bad = -E_INVAL;
		}
	for (u32 i = 0; i < guest_count; i++) {
		u64 foreign = host_count_foreign(guests[i]);

		if (!foreign)
			continue;
		fmt_print(text, sizeof(text), "audit: guest %s: %lu pages of its devices lead elsewhere", guests[i]->name,
			foreign);
		line(text);
		bad = -E_INVAL;
	}
	if (wx) {
		fmt_print(text, sizeof(text), "audit: %lu pages of the hypervisor are writable and executable", wx);
		line(text);
		bad = -E_INVAL;
	}
	return bad;
}
