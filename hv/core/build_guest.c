/* SPDX-License-Identifier: Apache-2.0 */
/* One guest, of what admission gave it: all of its objects are in an arena of the pool of its own, so that they go as a whole
 * when it is deleted. */
#include "build.h"

#include <hv/control.h>
#include <hv/control_work.h>
#include <hv/core.h>
#include <hv/emulate.h>
#include <hv/host.h>
#include <hv/host_net.h>
#include <hv/lib.h>
#include <hv/own_apic.h>
#include <hv/machine.h>
#include <hv/net_build.h>
#include <hv/pc.h>
#include <hv/policy.h>
#include <hv/pool.h>
#include <hv/storage.h>

static u64 pages_of(u64 bytes)
{
	return ALIGN_UP(bytes, PAGE_SIZE) / PAGE_SIZE;
}

static u32 arena_of(const struct guest *g)
{
	return g->index + 1;
}

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
	for (u32 i = 0; i < g->plan->disk_count; i++)
		(r->disk[i] ? add_disk(g, r->disk[i], g->plan->disk[i].readonly, &next) : add_volume(g, &g->plan->disk[i]))->split =
			g->plan->disk[i].split;
	if (r->cdrom)
		str_copy(add_disk(g, r->cdrom, true, &next)->serial, sizeof(g->disk[0].serial), "cdrom");
}

static void set_nets(struct guest *g, const struct resolved_guest *r)
{
	g->net_count = g->plan->net_count;
	for (u32 i = 0; i < g->net_count; i++) {
		memcpy(g->net[i].mac, r->net[i].mac, sizeof(g->net[i].mac));
		g->net[i].mtu = g->plan->net[i].mtu;
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

static bool alloc_parts(struct guest *g)
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
	return g->cpuid;
}

static const char *build_parts(struct guest *g, const struct resolved_guest *r)
{
	set_cores(g, r);
	set_ram(g, r);
	set_device_ram(g, r);
	set_images(g, r);
	set_nets(g, r);
	if (!alloc_parts(g))
		return "a guest";
	bus_init(&g->bus);
	if (pc_build(g, g->pc))
		return "the devices of a guest";
	return host_build_guest(g) ? "the page tables of a guest" : NULL;
}

static bool apic_is_owned(const struct plan_guest *plan)
{
	return plan->apic == PLAN_APIC_OWNED || (plan->apic == PLAN_APIC_AUTO && own_apic_possible() && !plan->hyperv);
}

/* Its own copy of what the plan says: the plan changes while it is there. */
static struct guest *alloc_guest(u32 slot, const struct plan_guest *plan)
{
	struct guest *g = pool_alloc(pages_of(sizeof(*g)), POOL_GUEST);
	struct plan_guest *own = pool_alloc(pages_of(sizeof(*own)), POOL_GUEST);

	if (!g || !own)
		return NULL;
	*own = *plan;
	g->index = slot;
	g->plan = own;
	g->name = own->name;
	g->device_deadline = ~0ul;
	g->apic_owned = apic_is_owned(own);
	return g;
}

struct guest *guest_build(u32 slot, const struct resolved_guest *r, const char **lacking)
{
	u32 was = pool_arena(slot + 1);
	struct guest *g = alloc_guest(slot, r->plan);

	*lacking = g ? build_parts(g, r) : "a guest";
	pool_arena(was);
	if (g && *lacking) {
		guest_unhook(g);
		guest_release(g);
	} else if (!g) {
		pool_arena_free(slot + 1);
	}
	return *lacking ? NULL : g;
}

void guest_unhook(struct guest *g)
{
	host_net_drop_guest(g);
	net_drop_guest(g);
	guest_volumes_forget(g);
	control_work_forget(pool_in_arena, arena_of(g));
	for (u32 i = 0; i < g->vcpu_count; i++)
		if (core_table[g->core_of[i]].guest == g)
			core_table[g->core_of[i]].guest = NULL;
	host_hide_guest(g);
}

void guest_release(struct guest *g)
{
	host_free_guest(g);
	pool_arena_free(arena_of(g));
}
