/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The machine as the control core runs it: what boot found, the resolved plan, its guests, and the ways to end it all.
 * Sealed: set at boot and by hv/change.h (the guests' own fields have their own legend). Control core. */

#include <hv/boot_info.h>
#include <hv/guest.h>
#include <hv/plan.h>
#include <hv/virt.h>

/* At boot in the order of the plan. A guest keeps its place, and so its number; one that is deleted leaves a hole, which a new
 * one may fill. guest_count: places up to the last guest. */
extern struct guest *guests[PLAN_GUESTS_MAX];
extern u32 guest_count;

/* The guest in that place; null: there is none. */
static inline struct guest *guest_at(u32 place)
{
	return place < guest_count ? guests[place] : NULL;
}

/* The one after g, the first one after null; null: there are no more. */
static inline struct guest *guest_next(const struct guest *g)
{
	u32 i = g ? g->index + 1 : 0;

	while (i < guest_count && !guests[i])
		i++;
	return guest_at(i);
}

extern const struct boot_info *boot_info;	/* our own copy */
extern const struct plan *machine_plan;		/* null: none was usable */
extern const struct resolved_plan *machine_resolved;
extern const struct virt_report *machine_report;	/* what the boot core's probe found */

extern const char build_version[];

/* Who owns the machine's memory, in lines for the operator, the audit's result among them; and the audit of every frame:
 * each has exactly one owner. The audit returns 0, or -E_INVAL after a line for each offender. */
void memory_report(void (*line)(const char *text));
int frames_audit(void (*line)(const char *text));

/* Everything is built: what is left of the hypervisor's own memory is free for guests. Before the seal. */
void pool_give_back(void);

/* The processor in words: hv/x86/cpu_facts.c. Any core, about itself. */
struct cpu_facts {
	char vendor[13];		/* "GenuineIntel" */
	char brand[49];			/* "" when the CPU has none */
	u32 family, model, stepping;
	u32 microcode;			/* revision; 0: not told (under another hypervisor) */
	bool hypervisor;		/* we run under one */
	u32 smt_shift, l3_shift;	/* APIC ids that are alike above so many bits: threads of a core, sharers of an L3 */
};
void cpu_facts_read(struct cpu_facts *facts);

/* Remember how this machine is switched off and reset, map what that needs, switch ACPI mode on and look after the
 * power button. Before the seal; drivers/host/power.c. */
void power_init(const struct boot_info *info);

/* The power button was pressed since the last call. Cheap: one port read; false without ACPI. */
bool power_button_pressed(void);

/* Try every known way in order, bounded each. They return only when none worked. Control core, guest cores stopped. */
void machine_poweroff(void);
void machine_reboot(void);

/* Stop this core for ever; reset the machine by a fault that nobody can handle: drivers/host/halt.c. */
NORETURN void machine_halt(void);
void machine_triple_fault(void);
