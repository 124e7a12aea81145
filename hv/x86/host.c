/* SPDX-License-Identifier: Apache-2.0 */
/* The processor layer as hv/core sees it. */
#include <hv/host.h>

#include <hv/core.h>
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/machine.h>
#include <hv/paging.h>
#include <hv/panic.h>
#include <hv/pool.h>
#include <hv/virt.h>

#include "core_arch.h"
#include "device_map.h"
#include "iommu.h"
#include "lapic.h"
#include "quiesce.h"
#include "smp.h"
#include "space.h"
#include "x86.h"

static struct {
	const struct boot_info *info;
	void (*next)(u64);
} enter;

struct host_dma host_dma __attribute__((section(".sealed")));
static u64 boot_tsc_adjust __attribute__((section(".sealed")));

static u64 tsc_adjust_read(void)
{
	u64 val = 0;

	if (cpuid(0, 0).eax >= 7 && cpuid(7, 0).ebx & BIT32(1))
		rdmsr_safe(MSR_TSC_ADJUST, &val);
	return val;
}

static void enter_own(u64 index)
{
	struct core *c = this_core();

	c->index = (u32)index;
	c->pub = &core_table[index];
	c->is_control = true;
	pool_move(HVA(POOL_VA));
	space_moved();
	gdt_load();
	idt_load();
	core_protect();
	boot_tsc_adjust = tsc_adjust_read();
	if (lapic_init(!(enter.info->acpi.dmar_flags & 2)))
		machine_halt();
	lapic_enable();
	enter.next(index);
}

void host_enter(const struct boot_info *info, void (*next)(u64))
{
	int err;

	enter.info = info;
	enter.next = next;
	idt_init();
	/* The boot tables map everything executable and writable; NX is used in ours. */
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_NXE);
	err = space_init(info);
	for (u32 i = 0; i < core_count && !err; i++)
		err = space_add_core(i);
	if (err)
		machine_halt();
	core_switch(core_table[0].root.v, STACK_TOP(STACK_MAIN), enter_own, 0);
}

void host_timers(void)
{
	lapic_timer_measure();
}

int host_quiesce(void)
{
	quiesce_devices(&host_dma);
	return iommus_switch_off(&host_dma);
}

u32 host_start_cores(u64 trampoline)
{
	void *page = mmio_map(HPA(trampoline), PAGE_SIZE, CACHE_BACK);

	return page && core_count > 1 ? smp_start(trampoline, page) : 0;
}

int host_guard_page(void *page)
{
	return space_hide_page(page);
}

int host_add_pool(hpa_t base, u64 size)
{
	u64 cr0 = read_cr0();
	int err;

	write_cr0(cr0 & ~CR0_WP);
	err = space_add_pool(base, size);
	write_cr0(cr0);
	return err;
}

int host_cut_pool(u64 size)
{
	u64 cr0 = read_cr0();
	int err;

	write_cr0(cr0 & ~CR0_WP);
	err = space_cut_pool(size);
	write_cr0(cr0);
	host_reload_tables();
	return err;
}

void host_seal(void)
{
	space_seal();
}

static u64 *nested_alloc(void)
{
	return pool_alloc(1, POOL_TABLE);
}

static u64 nested_hpa(const void *p)
{
	return pool_hpa(p).v;
}

static u64 *nested_ptr(u64 hpa)
{
	return pool_ptr(HPA(hpa));
}

static struct pagetable nested_table(u64 *root)
{
	return (struct pagetable){ .format = virt->nested, .root = root, .max_leaf = virt->nested_max_leaf(),
		.alloc = nested_alloc, .to_hpa = nested_hpa, .to_ptr = nested_ptr };
}

/* CR0.WP rules what this core's own writes may do, translations that are cached included: SDM 3A "Access Rights". */
void host_open_seal(void)
{
	write_cr0(read_cr0() & ~CR0_WP);
}

void host_close_seal(void)
{
	write_cr0(read_cr0() | CR0_WP);
}

static int build_tables(struct guest *g)
{
	u64 *root = nested_alloc();
	struct pagetable pt;
	int err = root ? 0 : -E_NOMEM;

	if (err)
		return err;
	pt = nested_table(root);
	g->ept_root = nested_hpa(root);
	for (u32 i = 0; i < g->range_count && !err; i++)
		err = pt_map(&pt, g->range[i].gpa, g->range[i].hpa.v, g->range[i].size, PT_READ | PT_WRITE | PT_EXEC);
	g->ram = (u8 *)GUEST_RAM_VA;
	err = err ? err : device_map_build(g, &pt);
	return err ? err : space_add_guest(g);
}

int host_build_guest(struct guest *g)
{
	int err;

	host_open_seal();
	err = build_tables(g);
	host_close_seal();
	return err;
}

void host_hide_guest(struct guest *g)
{
	host_open_seal();
	space_hide_guest(g);
	host_close_seal();
	host_reload_tables();
}

void host_free_guest(struct guest *g)
{
	struct pagetable pt;

	host_open_seal();
	space_free_guest(g);
	if (g->ept_root) {
		pt = nested_table(nested_ptr(g->ept_root));
		pt_free(&pt, pt.root, 4, space_is_table, space_give_back);
		g->ept_root = 0;
	}
	host_close_seal();
}

bool host_sees_guests(u32 core)
{
	return space_sees_guests(core);
}

int host_map_files(const struct boot_info *info, u32 core)
{
	return space_map_files(info, core);
}

int host_map_file(u64 base, u64 size, bool there)
{
	int err;

	host_open_seal();
	err = space_map_file(base, size, there);
	if (err && there)
		space_map_file(base, size, false);
	host_close_seal();
	host_reload_tables();
	return err;
}

const void *host_file_ptr(u64 hpa)
{
	return (const void *)(GUEST_IMAGES_VA + hpa);
}

u64 host_guest_other(const struct guest *g, u32 range)
{
	struct pagetable pt = nested_table(pool_ptr(HPA(g->ept_root)));
	const struct ram_range *r = &g->range[range];
	u64 at = pt_find_other(&pt, r->gpa, r->hpa.v, r->size);

	return at == r->gpa + r->size ? ~0ul : at;
}

void host_reload_tables(void)
{
	write_cr3(read_cr3());
}

/* SDM 3B "IA32_TSC_ADJUST": firmware that wrote a core's TSC shows here. All cores of a package count from one reset, so
 * they must agree; across packages the difference may be right, and is said. */
static void adjust_tsc(const struct core_public *me)
{
	u64 mine = tsc_adjust_read();

	if (mine == boot_tsc_adjust)
		return;
	log_notice("core %u: its TSC is off by %ld ticks from the boot core's (TSC_ADJUST)%s", me->index,
		(long)(mine - boot_tsc_adjust), me->package == core_table[0].package ? ": set right" : "");
	if (me->package == core_table[0].package)
		wrmsr_safe(MSR_TSC_ADJUST, boot_tsc_adjust);
}

void host_prepare_core(void)
{
	lapic_enable();
	adjust_tsc(this_core()->pub);
}

u64 host_count_wx(void)
{
	return space_count_wx();
}
