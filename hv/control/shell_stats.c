/* SPDX-License-Identifier: Apache-2.0 */
/* `stats`: what guests cost. Counters belong to the guests' cores, which go on writing them. */
#include "shell.h"
#include "text.h"

#include <hv/lib.h>
#include <hv/machine.h>
#include <hv/time.h>

#define COLUMNS 6u		/* vcpus side by side */

/* Ticks that v was halted up to now, the halt under way included: its core adds to the sum first, then clears the
 * beginning, so while the sum stands still the two belong together. */
static u64 vcpu_halted(const struct vcpu_public *v, u64 now)
{
	for (u32 i = 0; i < 10; i++) {
		u64 sum = load_acquire(&v->halted_cycles), since = load_acquire(&v->halted_since);

		if (load_acquire(&v->halted_cycles) == sum)
			return sum + (since && now > since ? now - since : 0);
	}
	return load_relaxed(&v->halted_cycles);
}

static u64 exit_count(const struct guest *g, u32 kind)
{
	u64 count = 0;

	for (u32 v = 0; v < g->vcpu_count; v++)
		count += load_relaxed(&g->vcpu[v].stat[kind].count);
	return count;
}

static void sum_row(const struct guest *g, u32 kind)
{
	u64 count = exit_count(g, kind), cycles = 0, worst = 0;

	for (u32 v = 0; v < g->vcpu_count; v++) {
		cycles += load_relaxed(&g->vcpu[v].stat[kind].cycles);
		worst = MAX(worst, load_relaxed(&g->vcpu[v].stat[kind].worst));
	}
	if (count)
		shell_print("  %-14s %14lu %16lu %16lu\n", vmexit_name((enum vmexit_kind)kind), count, cycles / count, worst);
}

/* Such a vcpu takes its interrupts and halts without us. */
static bool owns_apic(const struct vcpu_public *v)
{
	return load_relaxed(&v->apic_enabled) & VLAPIC_PUB_OWNED;
}

static void sums_of(const struct guest *g)
{
	u64 injected = 0, halted = 0, owned = 0, now = tsc_now();
	char idle[24];

	shell_print("guest %s\n  %-14s %14s %16s %16s\n", g->name, "EXIT", "COUNT", "MEAN CYCLES", "WORST CYCLES");
	for (u32 k = 0; k < VMEXIT_KINDS; k++)
		sum_row(g, k);
	for (u32 v = 0; v < g->vcpu_count; v++) {
		injected += load_relaxed(&g->vcpu[v].injected);
		halted += vcpu_halted(&g->vcpu[v], now);
		owned += owns_apic(&g->vcpu[v]);
	}
	shell_print("  interrupts delivered %lu, all vcpus together halted %s\n", injected,
		    text_duration(idle, sizeof(idle), halted));
	if (owned)
		shell_print("  %lu of %u vcpus own their local APIC: interrupts and HLT without an exit, and not counted here\n",
			    owned, g->vcpu_count);
	if (load_acquire(&g->vcpu[0].running))
		shell_print("  since its start: %lu ms\n",
			    ticks_to_ns(now - g->tsc_start) / 1000000);
}

/* A row of the table by vcpu: name, then one cell for each of the vcpus from first on. */
typedef void cell_fn(char *to, size_t size, const struct vcpu_public *v, u64 arg);

static void vcpu_row(const struct guest *g, u32 first, const char *name, cell_fn *cell, u64 arg)
{
	char row[32 + 16 * COLUMNS], value[24];
	size_t at = (size_t)fmt_print(row, sizeof(row), "  %-14s", name);

	for (u32 v = first; v < MIN(first + COLUMNS, g->vcpu_count); v++) {
		cell(value, sizeof(value), &g->vcpu[v], arg);
		at += (size_t)fmt_print(row + at, sizeof(row) - at, " %14s", value);
	}
	shell_line(row);
}

static void cell_title(char *to, size_t size, const struct vcpu_public *v, u64 arg)
{
	fmt_print(to, size, "VCPU %ld", v - (const struct vcpu_public *)arg);
}

static void cell_count(char *to, size_t size, const struct vcpu_public *v, u64 arg)
{
	fmt_print(to, size, "%lu", load_relaxed(&v->stat[arg].count));
}

static void cell_injected(char *to, size_t size, const struct vcpu_public *v, u64 arg)
{
	(void)arg;
	fmt_print(to, size, "%lu", load_relaxed(&v->injected));
}

static void cell_apic(char *to, size_t size, const struct vcpu_public *v, u64 arg)
{
	(void)arg;
	fmt_print(to, size, "%s", owns_apic(v) ? "owned" : "virtual");
}

static void cell_halted(char *to, size_t size, const struct vcpu_public *v, u64 arg)
{
	text_duration(to, size, vcpu_halted(v, arg));
}

static void vcpus_of(const struct guest *g)
{
	u64 now = tsc_now();

	for (u32 first = 0; first < g->vcpu_count; first += COLUMNS) {
		vcpu_row(g, first, "EXIT", cell_title, (u64)g->vcpu);
		for (u32 k = 0; k < VMEXIT_KINDS; k++) {
			if (exit_count(g, k))
				vcpu_row(g, first, vmexit_name((enum vmexit_kind)k), cell_count, k);
		}
		vcpu_row(g, first, "local APIC", cell_apic, 0);
		vcpu_row(g, first, "interrupts", cell_injected, 0);
		vcpu_row(g, first, "halted", cell_halted, now);
	}
}

void shell_stats(int argc, char **argv)
{
	struct guest *g = argc > 1 ? shell_find_guest(argv[1]) : NULL;

	if (g) {
		sums_of(g);
		vcpus_of(g);
		return;
	}
	for (const struct guest *each = guest_next(NULL); argc == 1 && each; each = guest_next(each))
		sums_of(each);
}
