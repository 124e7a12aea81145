/* SPDX-License-Identifier: Apache-2.0 */
/* From boot/'s hand-over to the event loop, in the order of docs/design.md "Start". */
#include <hv/control.h>
#include <hv/core.h>
#include <hv/datastore.h>
#include <hv/host.h>
#include <hv/host_net.h>
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/machine.h>
#include <hv/net_build.h>
#include <hv/pci.h>
#include <hv/pool.h>
#include <hv/time.h>
#include <hv/web.h>

#include "build.h"
#include "guest_core.h"

#define SEALED __attribute__((section(".sealed")))

static struct boot_info info SEALED;
const struct boot_info *boot_info SEALED;
const struct virt_report *machine_report SEALED;
static struct virt_report report SEALED;
static s64 clock_offset;	/* timebase.wall_offset */

void hv_main(const struct boot_info *bi);
static NORETURN void main_on_own_tables(u64 index);

static void fill_core_table(void)
{
	core_count = MIN(info.core_count, CORES_LIMIT);
	control_core = 0;
	for (u32 i = 0; i < core_count; i++) {
		core_table[i].index = i;
		core_table[i].apic_id = info.cores[i].apic_id;
		core_table[i].package = info.cores[i].package;
	}
	core_table[0].state = CORE_CONTROL;
}

/* First C code, on boot's page tables: nothing here can speak yet, so there is little of it. */
void hv_main(const struct boot_info *bi)
{
	if (bi->magic != BOOT_INFO_MAGIC || bi->size != sizeof(*bi))
		machine_halt();
	info = *bi;
	boot_info = &info;
	timebase = (struct timebase){ info.clock.tsc_hz, info.clock.wall_seconds, info.clock.wall_tsc,
				      &clock_offset };
	pool_init(HPA(info.pool_base), info.pool_size, info.pool_tables);
	fill_core_table();
	host_enter(&info, main_on_own_tables);
}

/* Words for the first lines of every console. */
static void greet(void)
{
	char text[160];

	fmt_print(text, sizeof(text), "Bulkhead %s: %u cores, %s, TSC %lu.%03lu MHz (%s)", build_version, core_count,
		info.firmware, timebase.tsc_hz / 1000000, timebase.tsc_hz / 1000 % 1000, info.clock.method);
	sink_line(text);
}

/* Every needed feature that is missing, with its id. */
static void say_missing(void)
{
	char text[256];

	for (u32 i = 0; i < report.count; i++) {
		const struct virt_feature *f = &report.feature[i];

		if (!f->id || f->state == FEATURE_PRESENT)
			continue;
		fmt_print(text, sizeof(text), "error %s: %s is %s: %s", f->id, f->name,
			f->state == FEATURE_OFF_IN_FIRMWARE ? "switched off in the firmware settings" : "absent", f->lost);
		sink_line(text);
	}
}

/* Find the vendor's virtualisation and switch it on here. */
static bool choose_virt(void)
{
	static const struct virt_ops *const all[] = { &vmx_ops, &svm_ops };
	bool found = false;

	for (u32 i = 0; i < ARRAY_COUNT(all) && !found; i++) {
		memset(&report, 0, sizeof(report));
		found = all[i]->probe(&report);
		virt = all[i];
	}
	machine_report = &report;
	if (!found)
		sink_line("error CPU-NO-VIRT: this processor has neither VMX nor SVM: no guest can run on it");
	else if (!report.usable)
		say_missing();
	else if (!virt->core_enable())
		return true;
	else
		sink_line("error FW-VIRT-OFF: the processor refuses to switch virtualisation on: "
			"look for VMX, VT-x or SVM in the firmware settings");
	return false;
}

/* No guest may have RAM that an IOMMU still reads its tables from. */
static bool quiesce(void)
{
	char text[256], where[32] = "";

	if (!host_quiesce())
		return true;
	if (host_dma.stubborn_base)
		fmt_print(where, sizeof(where), " at 0x%lx", host_dma.stubborn_base);
	fmt_print(text, sizeof(text), "error FW-IOMMU-ON: %u of %u IOMMUs cannot be switched off%s: %s; switch VT-d, AMD-Vi or "
		"\"DMA protection\" off in the firmware settings", host_dma.stubborn, host_dma.units, where,
		host_dma.stubborn_why);
	sink_line(text);
	return false;
}

static void start_cores(void)
{
	char text[160];
	u32 up = host_start_cores(info.trampoline);

	fmt_print(text, sizeof(text), "cores: %u of %u are up, %s on each", up + 1, core_count, virt->name);
	sink_line(text);
	for (u32 i = 0; i < core_count; i++)
		if (core_table[i].state == CORE_FAILED) {
			fmt_print(text, sizeof(text), "error CORE-LOST: core %u (APIC id %u) is left out: %s", i,
				core_table[i].apic_id, core_table[i].why);
			sink_line(text);
		}
}

/* The load option's first word, in any case, as boot/ reads it; "checkout.toml" is a plan. */
static bool is_check(const char *options)
{
	static const char word[] = "check";
	u32 i = 0;

	while (word[i] && (options[i] | 0x20) == word[i])
		i++;
	return !word[i] && (!options[i] || options[i] == ' ');
}

static bool build_networks(void)
{
	if (!net_build(machine_resolved) && !host_net_build(machine_plan, machine_resolved) && !web_build(machine_plan))
		return true;
	sink_line("error HV-NO-MEMORY: the hypervisor's own memory is too small for this plan's networks");
	guest_count = 0;
	return false;
}

/* Everything that must hold before a guest may start. false: said why; the shell still runs, without guests. */
static bool bring_up(void)
{
	bool check_only = is_check(info.options), quiet;

	if (!timebase.tsc_hz) {
		sink_line("error HV-NO-CLOCK: no timer of this machine could tell how fast the TSC runs");
		return false;
	}
	host_timers();
	quiet = quiesce();
	pci_init(&info.acpi);
	drivers_probe();
	if (!choose_virt() || check_only || !quiet) {
		report_print(&report, sink_line);
		if (check_only)
			sink_line("check: the report is complete; no guest was started");
		return false;
	}
	start_cores();
	return machine_build(&info) == 0 && build_networks();
}

/* On the boot core's own tables and stack. */
static void main_on_own_tables(u64 index)
{
	(void)index;
	power_init(&info);
	sinks_init(&info);
	greet();
	if (!bring_up())
		sink_line("bulkhead: no guest is started; the shell is here to look around, `reboot` and `poweroff` work");
	datastore_init();
	pool_give_back();
	host_seal();
	if (control_core == this_core()->index)
		control_run();
	core_hand_control();
	core_serve();
}
