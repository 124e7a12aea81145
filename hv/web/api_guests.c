/* SPDX-License-Identifier: Apache-2.0 */
/* Guests: what the shell shows and does, by the same functions (hv/control/lifecycle.h). */
#include "answer.h"
#include "facts.h"
#include "web_int.h"

#include "hv/control/lifecycle.h"
#include "hv/control/requests.h"
#include "hv/control/text.h"

#include <hv/lib.h>
#include <hv/machine.h>
#include <hv/time.h>

/* --- reading ------------------------------------------------------------------------------------------------- */

static void put_cores(struct out *o, const struct guest *g)
{
	json_open(o, "cores", '[');
	for (u32 i = 0; i < g->vcpu_count; i++)
		json_u64(o, NULL, g->core_of[i]);
	json_close(o, ']');
}

static void put_brief(struct out *o, const struct guest *g, u64 now)
{
	const struct life *l = life_of(g);
	struct guest_facts f;

	facts_of(g, now, &f);
	json_text(o, "name", g->name);
	json_text(o, "state", life_state_word(g));
	put_cores(o, g);
	json_u64(o, "memory", g->ram_low + g->ram_high);
	json_bool(o, "locked", g->plan->locked);
	json_bool(o, "display", g->plan->display);
	json_u64(o, "starts", l->starts);
	json_u64(o, "uptime_ms", l->started && l->out ? ticks_to_ns(now - l->started) / 1000000 : 0);
	json_u64(o, "exits", f.exits);
	json_u64(o, "interrupts", f.interrupts);
	json_u64(o, "halted_ms", ticks_to_ns(f.halted) / 1000000);
	json_u64(o, "owned_apics", f.owned_apics);
	json_u64(o, "network_in_bytes", f.net_in);
	json_u64(o, "network_out_bytes", f.net_out);
	json_u64(o, "disk_read_bytes", f.disk_read);
	json_u64(o, "disk_written_bytes", f.disk_written);
}

void api_guests(struct answer *a)
{
	json_open(&a->body, NULL, '[');
	for (const struct guest *g = guest_next(NULL); g; g = guest_next(g)) {
		if (!accounts_is_for(&a->who, g->name))
			continue;
		json_open(&a->body, NULL, '{');
		put_brief(&a->body, g, a->now);
		json_close(&a->body, '}');
	}
	json_close(&a->body, ']');
}

static void put_exits(struct out *o, const struct guest *g)
{
	json_open(o, "exits_by_kind", '{');
	for (u32 k = 0; k < VMEXIT_KINDS; k++) {
		u64 count = facts_exits(g, k);

		if (count)
			json_u64(o, vmexit_name((enum vmexit_kind)k), count);
	}
	json_close(o, '}');
}

static const char *end_word(enum guest_end end)
{
	static const char *const word[] = { [END_NONE] = "none", [END_RESULT] = "result", [END_POWEROFF] = "poweroff",
		[END_REBOOT] = "reboot", [END_KILLED] = "killed", [END_STOPPED] = "stopped" };

	return (u32)end < ARRAY_COUNT(word) ? word[end] : "unknown";
}

static void put_last_end(struct out *o, const struct life *l)
{
	char when[WALL_TEXT];

	if (l->last.end == END_NONE) {
		json_null(o, "last_end");
		return;
	}
	json_open(o, "last_end", '{');
	json_text(o, "how", end_word(l->last.end));
	json_text(o, "time", wall_format(when, wall_ns(l->last_tsc)));
	if (l->last.end == END_RESULT)
		json_u64(o, "result", l->last.result);
	if (l->last.id[0])
		json_text(o, "id", l->last.id);
	if (l->last.reason[0])
		json_text(o, "reason", l->last.reason);
	if (l->last.end == END_KILLED) {
		json_u64(o, "vcpu", l->last.vcpu);
		json_text(o, "registers", l->last.dump);
	}
	json_text(o, "console", l->last_lines);
	json_close(o, '}');
}

void api_guest(struct answer *a)
{
	struct guest *g = answer_guest(a);

	if (!g)
		return;
	json_open(&a->body, NULL, '{');
	put_brief(&a->body, g, a->now);
	json_bool(&a->body, "autostart", g->plan->autostart);
	json_bool(&a->body, "firmware_log", g->firmware_log != NULL);
	json_open(&a->body, "ports", '[');
	for (u32 i = 0; i < g->port_count; i++)
		json_text(&a->body, NULL, g->port[i].name);
	json_close(&a->body, ']');
	put_exits(&a->body, g);
	put_last_end(&a->body, life_of(g));
	api_guest_plan(&a->body, g);
	json_close(&a->body, '}');
	answer_tag(a, api_guest_tag(g));
}

/* --- changing ------------------------------------------------------------------------------------------------ */

/* Begun: what comes of it is seen in the state, and among the events. */
static void act(struct answer *a, enum life_event event, u32 seconds)
{
	struct guest *g = answer_guest(a);
	const char *why;
	char who[48];

	if (!g)
		return;
	fmt_print(who, sizeof(who), "API (%.31s)", a->who.name);
	why = request_now(g, event, seconds, who, a->now);
	if (why) {
		answer_problem(a, g->plan->locked ? 403 : 409, NULL, "guest %s: %s", g->name, why);
		return;
	}
	answer_json(a, 202);
	json_open(&a->body, NULL, '{');
	json_text(&a->body, "name", g->name);
	json_text(&a->body, "state", life_state_word(g));
	json_close(&a->body, '}');
}

void api_guest_start(struct answer *a)
{
	act(a, LIFE_START, 0);
}

void api_guest_stop(struct answer *a)
{
	const char *text = answer_member(a, "seconds");
	u32 seconds = 0;

	for (const char *c = text; *c; c++) {
		if (*c < '0' || *c > '9' || (seconds = seconds * 10 + (u32)(*c - '0')) > STOP_SECONDS_MAX) {
			answer_problem(a, 422, "seconds", "seconds: a whole number, at most %u", STOP_SECONDS_MAX);
			return;
		}
	}
	act(a, LIFE_STOP, *text ? seconds : STOP_SECONDS_DEFAULT);
}

void api_guest_reset(struct answer *a)
{
	act(a, LIFE_RESET, 0);
}

void api_guest_kill(struct answer *a)
{
	act(a, LIFE_KILL, 0);
}

void api_guest_pause(struct answer *a)
{
	act(a, LIFE_PAUSE, 0);
}

void api_guest_resume(struct answer *a)
{
	act(a, LIFE_RESUME, 0);
}
