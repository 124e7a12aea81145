/* SPDX-License-Identifier: Apache-2.0 */
/* GET /metrics: OpenMetrics 1.0 for whoever asks for it, else the text format that Prometheus began with (0.0.4). They differ in
 * how a family of counters is called: with _total or without. docs/grafana.json shows all of them. */
#include "answer.h"
#include "facts.h"
#include "heap.h"
#include "server.h"
#include "web_int.h"

#include "hv/control/lifecycle.h"

#include <hv/lib.h>
#include <hv/machine.h>
#include <hv/pool.h>
#include <hv/time.h>

#define OPEN "application/openmetrics-text"

struct text {
	struct out *o;
	bool open;
};

static bool has_word(const char *text, const char *word)
{
	for (size_t n = strlen(word); *text; text++)
		if (!strncmp(text, word, n))
			return true;
	return false;
}

static void put_family(struct text *t, const char *name, bool counts, const char *help)
{
	const char *end = counts && !t->open ? "_total" : "";

	out_print(t->o, "# HELP bulkhead_%s%s %s\n# TYPE bulkhead_%s%s %s\n", name, end, help, name, end,
		counts ? "counter" : "gauge");
}

/* --- of each guest ----------------------------------------------------------------------------------------------- */

#define FACT(member) offsetof(struct guest_facts, member)
static const struct metric {
	const char *name, *help;
	size_t offset;
	bool ticks;			/* shown in seconds */
} guest_metrics[] = {
	{ "guest_interrupts", "Interrupts delivered.", FACT(interrupts), false },
	{ "guest_halted_seconds", "Time that its processors were halted, added up.", FACT(halted), true },
	{ "guest_network_received_bytes", "Bytes that its network cards received.", FACT(net_in), false },
	{ "guest_network_sent_bytes", "Bytes that its network cards sent.", FACT(net_out), false },
	{ "guest_disk_read_bytes", "Bytes read from volumes.", FACT(disk_read), false },
	{ "guest_disk_written_bytes", "Bytes written to volumes.", FACT(disk_written), false },
};

static void put_metric(struct text *t, const struct metric *m, u64 now)
{
	struct guest_facts f;

	put_family(t, m->name, true, m->help);
	for (const struct guest *g = guest_next(NULL); g; g = guest_next(g)) {
		u64 v;

		facts_of(g, now, &f);
		v = *(const u64 *)((const char *)&f + m->offset);
		if (m->ticks)
			out_print(t->o, "bulkhead_%s_total{guest=\"%s\"} %lu.%03lu\n", m->name, g->name,
				  ticks_to_ns(v) / NS_PER_S, ticks_to_ns(v) / 1000000 % 1000);
		else
			out_print(t->o, "bulkhead_%s_total{guest=\"%s\"} %lu\n", m->name, g->name, v);
	}
}

static void put_exits(struct text *t, const struct guest *g)
{
	for (u32 k = 0; k < VMEXIT_KINDS; k++)
		if (facts_exits(g, k))
			out_print(t->o, "bulkhead_guest_exits_total{guest=\"%s\",kind=\"%s\"} %lu\n", g->name,
				  vmexit_name((enum vmexit_kind)k), facts_exits(g, k));
}

static void put_guests(struct text *t, u64 now)
{
	put_family(t, "guest_running", false, "Whether it runs.");
	for (const struct guest *g = guest_next(NULL); g; g = guest_next(g))
		out_print(t->o, "bulkhead_guest_running{guest=\"%s\"} %u\n", g->name, g->state == GUEST_RUNNING);
	put_family(t, "guest_cores", false, "Cores that are its own.");
	for (const struct guest *g = guest_next(NULL); g; g = guest_next(g))
		out_print(t->o, "bulkhead_guest_cores{guest=\"%s\"} %u\n", g->name, g->vcpu_count);
	put_family(t, "guest_memory_bytes", false, "RAM that is its own.");
	for (const struct guest *g = guest_next(NULL); g; g = guest_next(g))
		out_print(t->o, "bulkhead_guest_memory_bytes{guest=\"%s\"} %lu\n", g->name, g->ram_low + g->ram_high);
	put_family(t, "guest_starts", true, "How often it was started.");
	for (const struct guest *g = guest_next(NULL); g; g = guest_next(g))
		out_print(t->o, "bulkhead_guest_starts_total{guest=\"%s\"} %lu\n", g->name, (u64)life_of(g)->starts);
	put_family(t, "guest_exits", true, "Exits to the hypervisor.");
	for (const struct guest *g = guest_next(NULL); g; g = guest_next(g))
		put_exits(t, g);
	for (u32 i = 0; i < ARRAY_COUNT(guest_metrics); i++)
		put_metric(t, &guest_metrics[i], now);
}

/* --- of the machine ---------------------------------------------------------------------------------------------- */

static void put_gauge(struct text *t, const char *name, const char *help, u64 v)
{
	put_family(t, name, false, help);
	out_print(t->o, "bulkhead_%s %lu\n", name, v);
}

static void put_counter(struct text *t, const char *name, const char *help, u64 v)
{
	put_family(t, name, true, help);
	out_print(t->o, "bulkhead_%s_total %lu\n", name, v);
}

static void put_machine(struct text *t, u64 now)
{
	put_gauge(t, "uptime_seconds", "Since the machine's start.", ticks_to_ns(now - boot_info->tsc_at_entry) / NS_PER_S);
	put_gauge(t, "image_bytes", "The hypervisor's code and data.", boot_info->image_size);
	put_gauge(t, "pool_bytes", "The hypervisor's own memory beside that.", pool_total() * PAGE_SIZE);
	put_gauge(t, "pool_free_bytes", "Of it, what nobody has.", pool_pages(POOL_FREE) * PAGE_SIZE);
}

static void put_web(struct text *t)
{
	const struct server_counts *s = &server_counts;

	put_gauge(t, "web_connections", "Connections of the web server.", s->open);
	put_gauge(t, "web_streams", "Of them, consoles, screens and events.", s->streams);
	put_gauge(t, "web_heap_bytes", "Memory that TLS and answers use.", heap_use.used);
	put_gauge(t, "web_heap_held_bytes", "Memory that is held for them.", heap_use.held);
	put_counter(t, "web_accepted", "Connections taken.", s->accepted);
	put_counter(t, "web_refused", "Connections refused for want of a place.", s->refused);
	put_counter(t, "web_pushed_out", "Connections that made room for others.", s->pushed_out);
	put_counter(t, "web_timeouts", "Connections and requests that took too long.", s->timeouts);
	put_counter(t, "web_no_memory", "Connections and answers for which there was no memory.", s->no_memory);
	put_counter(t, "web_handshakes", "TLS handshakes.", s->handshakes);
	put_counter(t, "web_handshake_errors", "TLS handshakes that failed.", s->handshake_errors);
	put_counter(t, "web_requests", "Requests answered.", s->requests);
}

void api_metrics(struct answer *a)
{
	struct text t = { .o = &a->body, .open = has_word(a->r->accept, OPEN) };

	a->type = t.open ? OPEN "; version=1.0.0; charset=utf-8" : "text/plain; version=0.0.4; charset=utf-8";
	out_text(&a->head, "vary: accept\r\n");
	put_guests(&t, a->now);
	put_machine(&t, a->now);
	put_web(&t);
	out_text(t.o, "# EOF\n");	/* a comment in the older format */
}
