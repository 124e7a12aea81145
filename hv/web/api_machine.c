/* SPDX-License-Identifier: Apache-2.0 */
/* The machine and the hypervisor: cores, RAM, devices, log, audit. */
#include "answer.h"
#include "fiber.h"
#include "web_int.h"

#include "hv/control/lifecycle.h"

#include <hv/core.h>
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/machine.h>
#include <hv/pci.h>
#include <hv/pool.h>
#include <hv/time.h>

#define LOG_LINES_MAX 500u

static const char *core_word(u32 state)
{
	static const char *const word[] = { [CORE_ABSENT] = "absent", [CORE_STARTING] = "starting",
		[CORE_IDLE] = "idle",
		[CORE_GUEST] = "guest", [CORE_CONTROL] = "control", [CORE_FAILED] = "failed" };

	return state < ARRAY_COUNT(word) ? word[state] : "unknown";
}

static const char *core_owner(u32 core)
{
	u8 owner = machine_resolved && core < PLAN_CORES_MAX ? machine_resolved->core_owner[core] : OWNER_FREE;

	if (owner < PLAN_GUESTS_MAX)
		return machine_resolved->guest[owner].plan->name;
	return owner == OWNER_CONTROL ? "(hypervisor)" : owner == OWNER_ABSENT ? "(absent)" : "";
}

/* The first core of the same kind names it: those that share it have the same number. */
static void put_topology(struct out *o, const struct core_public *c, const struct cpu_facts *cpu)
{
	bool one_l3 = cpu->l3_shift > 31;

	json_u64(o, "socket", c->package);
	json_u64(o, "l3", one_l3 ? c->package : c->apic_id >> cpu->l3_shift);
	json_u64(o, "smt_core", c->apic_id >> cpu->smt_shift);
	json_u64(o, "thread", c->apic_id & (BIT(cpu->smt_shift) - 1));
	json_text(o, "owner", core_owner(c->index));
}

static void put_cores(struct out *o, const struct cpu_facts *cpu)
{
	json_open(o, "cores", '[');
	for (u32 i = 0; i < core_count; i++) {
		const struct core_public *c = &core_table[i];

		json_open(o, NULL, '{');
		json_u64(o, "index", c->index);
		json_u64(o, "apic_id", c->apic_id);
		json_u64(o, "package", c->package);
		json_text(o, "state", core_word(load_acquire(&c->state)));
		put_topology(o, c, cpu);
		if (c->guest) {
			json_text(o, "guest", c->guest->name);
			json_u64(o, "vcpu", c->vcpu);
		}
		json_close(o, '}');
	}
	json_close(o, ']');
}

static void put_range(struct out *o, const char *owner, const char *what, u64 base, u64 size)
{
	if (!size)
		return;
	json_open(o, NULL, '{');
	json_text(o, "owner", owner);
	json_text(o, "what", what);
	json_u64(o, "base", base);
	json_u64(o, "bytes", size);
	json_close(o, '}');
}

static void put_guest_memory(struct out *o, const struct guest *g)
{
	static const char *const kind[DEVICE_RAM_KINDS] = { "flash", "screen" };

	for (u32 i = 0; i < g->range_count; i++)
		put_range(o, g->name, "RAM", g->range[i].hpa.v, g->range[i].size);
	for (u32 i = 0; i < DEVICE_RAM_KINDS; i++)
		put_range(o, g->name, kind[i], g->device_ram[i].hpa.v, g->device_ram[i].size);
}

/* Who has which RAM; where nobody has it, "". */
static void put_memory(struct out *o)
{
	json_open(o, "memory", '[');
	for (const struct guest *g = guest_next(NULL); g; g = guest_next(g))
		put_guest_memory(o, g);
	for (u32 i = 0; machine_resolved && i < machine_resolved->free_count; i++)
		put_range(o, "", "free", machine_resolved->free[i].base.v, machine_resolved->free[i].size);
	for (u32 i = 0; i < boot_info->range_count; i++)
		if (boot_info->ranges[i].kind == BOOT_HYPERVISOR)
			put_range(o, "(hypervisor)", "hypervisor", boot_info->ranges[i].base, boot_info->ranges[i].size);
		else if (boot_info->ranges[i].kind == BOOT_FILE)
			put_range(o, "(files)", "boot file", boot_info->ranges[i].base, boot_info->ranges[i].size);
	json_close(o, ']');
}

static void put_devices(struct out *o)
{
	char text[192];

	json_open(o, "devices", '[');
	for (u32 i = 0; i < pci_count(); i++) {
		const struct host_pci *p = pci_at(i);

		json_open(o, NULL, '{');
		fmt_print(text, sizeof(text), "%02x:%02x.%u", p->bdf >> 8, p->bdf >> 3 & 31, p->bdf & 7);
		json_text(o, "at", text);
		fmt_print(text, sizeof(text), "%04x:%04x", p->vendor, p->device);
		json_text(o, "id", text);
		json_text(o, "class", pci_class_words(p->class_rev));
		json_text(o, "driver", p->driver ? p->driver->name : "");
		json_text(o, "owner", p->driver ? "(hypervisor)" : "");
		text[0] = 0;
		if (p->driver && p->driver->describe)
			p->driver->describe(p, text, sizeof(text));
		json_text(o, "state", text[0] ? text : p->why);
		json_close(o, '}');
	}
	json_close(o, ']');
}

void api_machine(struct answer *a)
{
	struct out *o = &a->body;
	struct cpu_facts cpu;
	char when[WALL_TEXT];

	cpu_facts_read(&cpu);
	json_open(o, NULL, '{');
	json_text(o, "name", machine_plan ? machine_plan->machine.name : "");
	json_text(o, "version", build_version);
	json_text(o, "processor", cpu.brand[0] ? cpu.brand : cpu.vendor);
	json_text(o, "virtualisation", virt ? virt->name : "none");
	json_text(o, "time", wall_format(when, wall_ns(a->now)));
	json_u64(o, "uptime_ms", ticks_to_ns(a->now - boot_info->tsc_at_entry) / 1000000);
	put_cores(o, &cpu);
	put_memory(o);
	put_devices(o);
	json_u64(o, "hypervisor_pool_bytes", pool_total() * PAGE_SIZE);
	json_u64(o, "hypervisor_pool_free_bytes", pool_pages(POOL_FREE) * PAGE_SIZE);
	json_close(o, '}');
}

void api_log(struct answer *a)
{
	static const char *const level[] = { [LOG_ERROR] = "error", [LOG_NOTICE] = "notice", [LOG_INFO] = "info",
		[LOG_DEBUG] = "debug" };
	u64 end = log_end(), from = end > 100 ? end - 100 : 0, last;
	struct log_line line;
	char when[WALL_TEXT];

	if (!http_query_number(a->r, "from", ~0ul >> 8, &from)) {
		answer_problem(a, 400, "from", "from: the number of a line");
		return;
	}
	if (end > LOG_LINES && from < end - LOG_LINES)
		from = end - LOG_LINES;
	last = MIN(end, from + LOG_LINES_MAX);
	json_open(&a->body, NULL, '{');
	json_u64(&a->body, "next", MAX(last, MIN(from, end)));
	json_open(&a->body, "lines", '[');
	for (u64 i = from; i < last; i++) {
		fiber_breathe();	/* nothing of a guest's is held here */
		if (log_read(i, &line))
			continue;
		json_open(&a->body, NULL, '{');
		json_u64(&a->body, "number", i);
		json_text(&a->body, "time", wall_format(when, wall_ns(line.tsc)));
		json_u64(&a->body, "core", line.core);
		json_text(&a->body, "level", line.level < ARRAY_COUNT(level) ? level[line.level] : "?");
		json_text(&a->body, "text", line.text);
		json_close(&a->body, '}');
	}
	json_close(&a->body, ']');
	json_close(&a->body, '}');
}

void api_audit(struct answer *a)
{
	u64 from = 0;

	if (!http_query_number(a->r, "from", ~0ul >> 8, &from)) {
		answer_problem(a, 400, "from", "from: the number of a record");
		return;
	}
	json_open(&a->body, NULL, '[');
	audit_show(&a->body, from);
	json_close(&a->body, ']');
}
