/* SPDX-License-Identifier: Apache-2.0 */
/* Commands about guests. */
#include "hub.h"
#include "lifecycle.h"
#include "requests.h"
#include "shell.h"
#include "shutdown.h"
#include "sinks.h"
#include "text.h"

#include <hv/host.h>
#include <hv/lib.h>
#include <hv/machine.h>
#include <hv/pc.h>
#include <hv/time.h>

static u64 guest_exits(const struct guest *g)
{
	u64 sum = 0;

	for (u32 v = 0; v < g->vcpu_count; v++) {
		for (u32 k = 0; k < VMEXIT_KINDS; k++)
			sum += load_relaxed(&g->vcpu[v].stat[k].count);
	}
	return sum;
}

static void guest_row(const struct guest *g)
{
	const struct life *l = life_of(g);
	char cores[40], ram[24], up[24] = "-";

	if (!life_is_quiet(g) && l->started)
		text_duration(up, sizeof(up), tsc_now() - l->started);
	text_cores(cores, sizeof(cores), g->core_of, g->vcpu_count);
	fmt_bytes(ram, sizeof(ram), g->plan->memory);
	shell_print("%2u  %-16s %-9s %-10s %10s %12s %14lu %7lu\n", g->index + 1, g->name, life_state_word(g), cores, ram,
		    up, guest_exits(g), l->starts);
}

static void show_lines(const char *text)
{
	char row[160];

	while (*text) {
		const char *end = strchr(text, '\n');
		size_t n = end ? (size_t)(end - text) : strlen(text);

		fmt_print(row, sizeof(row), "  | %.*s", (int)MIN(n, (size_t)150), text);
		shell_line(row);
		text += n + (end ? 1 : 0);
	}
}

/* The last panic, unless the guest was ended for it: then it is the last end. */
static void show_last_panic(const struct life *l)
{
	const struct guest_end_record *r = &l->panic;
	char when[24];

	if (!l->panic_tsc || (!strcmp(l->last.id, "GUEST-PANIC") && l->last.rip == r->rip && l->last_tsc > l->panic_tsc))
		return;
	shell_print("panicked:  at %s s, vcpu %u, rip=0x%lx\n", text_stamp(when, sizeof(when), l->panic_tsc), r->vcpu, r->rip);
	if (r->reason[0])
		shell_print("told:      %s\n", r->reason);
	show_lines(r->dump);
	shell_line("its console showed:");
	show_lines(l->panic_lines);
}

static void show_last_end(const struct life *l)
{
	static const char *const how[] = { [END_NONE] = "", [END_RESULT] = "it ended with a result",
		[END_POWEROFF] = "it powered off", [END_REBOOT] = "it asked for a reboot", [END_KILLED] = "it was killed",
		[END_STOPPED] = "it was reset by the operator" };
	const struct guest_end_record *r = &l->last;
	char when[24];

	if (r->end == END_NONE) {
		shell_line("it has not ended yet");
		return;
	}
	shell_print("last end:  at %s s, %s\n", text_stamp(when, sizeof(when), l->last_tsc), how[r->end]);
	if (r->end == END_RESULT)
		shell_print("result:    %u\n", r->result);
	if (r->end == END_KILLED)
		shell_print("reason:    %s: %s\n", r->id, r->reason);
	if (r->rip || r->exit_reason)
		shell_print("vcpu %u:    rip=0x%lx exit=%s:0x%lx qualification=0x%lx,0x%lx\n", r->vcpu, r->rip,
			    vmexit_name(r->exit_kind), r->exit_reason, r->qual1, r->qual2);
	show_lines(r->dump);
	shell_line("its console showed:");
	show_lines(l->last_lines);
}

void shell_guests(int argc, char **argv)
{
	struct guest *g = NULL;

	if (argc > 1) {
		g = shell_find_guest(argv[1]);
		if (!g)
			return;
	}
	if (!guest_count) {
		shell_line("there are no guests");
		return;
	}
	shell_print("%2s  %-16s %-9s %-10s %10s %12s %14s %7s\n", "#", "NAME", "STATE", "CORES", "RAM", "UPTIME", "EXITS",
		    "STARTS");
	for (const struct guest *each = guest_next(NULL); each; each = guest_next(each)) {
		if (!g || g == each)
			guest_row(each);
	}
	if (!g)
		return;
	show_last_end(life_of(g));
	show_last_panic(life_of(g));
}

static void report(const struct guest *g, const char *refused)
{
	if (refused)
		shell_print("guest %s: %s\n", g->name, refused);
}

void shell_start(int argc, char **argv)
{
	struct guest *g = shell_find_guest(argv[1]);

	(void)argc;
	if (g)
		report(g, request_now(g, LIFE_START, 0, "shell", tsc_now()));
}

void shell_stop(int argc, char **argv)
{
	struct guest *g = shell_find_guest(argv[1]);
	u64 seconds = STOP_SECONDS_DEFAULT;

	if (!g)
		return;
	if (argc > 2 && !shell_number(argv[2], STOP_SECONDS_MAX, &seconds))
		shell_print("\"%s\" is not a time: whole seconds, at most %u\n", argv[2], STOP_SECONDS_MAX);
	else
		report(g, request_now(g, LIFE_STOP, (u32)seconds, "shell", tsc_now()));
}

void shell_reset(int argc, char **argv)
{
	struct guest *g = shell_find_guest(argv[1]);

	(void)argc;
	if (g)
		report(g, request_now(g, LIFE_RESET, 0, "shell", tsc_now()));
}

void shell_kill(int argc, char **argv)
{
	struct guest *g = shell_find_guest(argv[1]);

	(void)argc;
	if (g)
		report(g, request_now(g, LIFE_KILL, 0, "shell", tsc_now()));
}

/* The target holds over restarts. Statistics come a moment later: `devices GUEST` has them. */
void shell_balloon(int argc, char **argv)
{
	struct guest *g = shell_find_guest(argv[1]);
	u64 mib;

	if (!g)
		return;
	if (!g->plan->balloon) {
		shell_print("guest %s has no balloon: balloon = true in the plan gives it one\n", g->name);
		return;
	}
	if (argc > 2 && !shell_number(argv[2], g->plan->memory / MiB - 1, &mib)) {
		shell_print("\"%s\" is not an amount: whole MiB, less than its %lu\n", argv[2], g->plan->memory / MiB);
		return;
	}
	if (argc > 2 && request_now(g, LIFE_BALLOON, 0, "shell", tsc_now())) {
		report(g, "it is locked: nothing changes it until the machine's next start");
		return;
	}
	if (argc > 2)
		store_relaxed(&g->balloon_pages, (u32)(mib * MiB / PAGE_SIZE));
	shell_print("guest %s: %lu MiB asked for; `devices %s` shows its answer\n", g->name,
		    (u64)g->balloon_pages * PAGE_SIZE / MiB, g->name);
	if (life_is_quiet(g))
		return;
	fetch_or(&g->events, (u32)GUEST_EVENT_BALLOON);
	vcpu_request(g, 0, REQ_EVENTS);
}

/* The record of a console, line by line: cursor counts lines since power-on. */

static const struct console_ring *log_ring;
static u64 log_line_end;

static bool console_log_more(u64 *cursor)
{
	const struct console_ring *r = log_ring;
	const struct console_stamp *stamp = &r->stamp[*cursor % CONSOLE_STAMPS];
	u64 at = stamp->position, end = load_acquire(&r->head);
	char text[161], when[24];
	u8 bytes[160];
	size_t n;

	if (*cursor >= log_line_end)
		return false;
	if (*cursor + 1 < load_acquire(&r->stamp_head))
		end = r->stamp[(*cursor + 1) % CONSOLE_STAMPS].position;
	++*cursor;
	if (end - at > CONSOLE_RING_BYTES || load_acquire(&r->head) - at >= CONSOLE_RING_BYTES)
		return true;	/* overwritten meanwhile */
	n = console_ring_read(r, &at, bytes, MIN((size_t)(end - at), sizeof(bytes)));
	while (n && (bytes[n - 1] == '\n' || bytes[n - 1] == '\r'))
		n--;
	shell_print("[%s] %s\n", text_stamp(when, sizeof(when), stamp->tsc), text_neutralise(text, sizeof(text), bytes, n));
	return true;
}

static void console_log(const struct console_ring *r, u64 lines)
{
	if (!r) {
		shell_line("it has no firmware of its own");
		return;
	}
	log_ring = r;
	log_line_end = load_acquire(&r->stamp_head);
	if (!log_line_end)
		shell_line("nothing has been written there yet");
	shell_stream(console_log_more, log_line_end - MIN(lines, log_line_end));
}

/* A port of the guest's virtio console by its name, or by its number; 0 is the console itself. -1: none. */
static int find_port(const struct guest *g, const char *word)
{
	u64 number;

	for (u32 i = 0; i < g->port_count; i++)
		if (!strcmp(g->port[i].name, word))
			return (int)i + 1;
	return shell_number(word, g->port_count, &number) ? (int)number : -1;
}

/* A port's name comes before the words of the command: who calls a port "log" wants that. */
void shell_console(int argc, char **argv)
{
	struct guest *g = shell_find_guest(argv[1]);
	u64 lines = CONSOLE_STAMPS - 1;
	int port = g && argc > 2 ? find_port(g, argv[2]) : -1, at = port < 0 ? 2 : 3;
	bool firmware = argc > at && port < 0 && !strcmp(argv[at], "firmware");

	if (!g)
		return;
	if (argc == at)
		hub_switch(g->index + 1, (u32)MAX(port, 0));
	else if ((!firmware && strcmp(argv[at], "log")) || argc > at + 2 ||
		 (argc == at + 2 && !shell_number(argv[at + 1], CONSOLE_STAMPS - 1, &lines)))
		shell_print("usage: console GUEST [PORT] [log|firmware [LINES]], LINES at most %u; ports: %s%u\n",
			    CONSOLE_STAMPS - 1, g->port_count ? "0.." : "", g->port_count);
	else
		console_log(firmware ? g->firmware_log : port > 0 ? g->port[port - 1].record : g->console, lines);
}

static void devices_of(const struct guest *g)
{
	shell_print("guest %s\n  %-16s %-7s %-25s %12s\n", g->name, "DEVICE", "SPACE", "RANGE", "ACCESSES");
	for (u32 i = 0; i < MIN(g->bus.claim_count, (u32)BUS_CLAIMS_MAX); i++) {
		const struct bus_claim *c = &g->bus.claim[i];
		char range[48];

		if (c->movable)
			continue;	/* shown by its owner */
		fmt_print(range, sizeof(range), "0x%lx-0x%lx", c->range.base, c->range.base + c->range.size - 1);
		shell_print("  %-16s %-7s %-25s %12lu\n", c->name, c->range.space == BUS_PORT ? "port" : "memory", range,
			    load_relaxed(&c->accesses));
	}
	pc_list(g, shell_line);
	shell_print("  nobody answered: %lu ports, %lu addresses\n", load_relaxed(&g->bus.unclaimed[BUS_PORT]),
		    load_relaxed(&g->bus.unclaimed[BUS_MEMORY]));
}

void shell_devices(int argc, char **argv)
{
	struct guest *g;

	if (argc == 1) {
		shell_devices_host();
		return;
	}
	g = shell_find_guest(argv[1]);
	if (g)
		devices_of(g);
}
