/* SPDX-License-Identifier: Apache-2.0 */
/* Commands about the machine. */
#include "lifecycle.h"
#include "plan_store.h"
#include "shell.h"
#include "shutdown.h"
#include "text.h"

#include <hv/control.h>
#include <hv/core.h>
#include <hv/datastore.h>
#include <hv/log.h>
#include <hv/machine.h>
#include <hv/time.h>

static void plan_piece(void *context, const char *text)
{
	(void)context;
	for (const char *end; *text; text = end) {
		end = strchr(text, '\n');
		end = end ? end + 1 : text + strlen(text);
		shell_print("%.*s", (int)MIN((size_t)(end - text), (size_t)390), text);
	}
}

static void show_plan(void)
{
	if (machine_plan && machine_resolved)
		resolved_plan_show(machine_plan, machine_resolved, plan_piece, NULL);
	else
		shell_line("there is no plan");
}

static void list_saved(void)
{
	u32 n = 0;

	for (u32 number; (number = plan_store_nth(n)); n++)
		shell_print("%s%u", n ? ", " : "saved plans: ", number);
	shell_line(n ? "" : "none is saved");
}

static void save_plan(void)
{
	const char *why = plan_store_save();

	if (!why)
		return;
	shell_print("plan: %s\n", why);
	if (datastore_state() != DATASTORE_READY)
		show_plan();
}

static void roll_back(const char *word)
{
	const char *why;
	u64 number = 0;

	if (word && !shell_number(word, 99999999, &number)) {
		shell_print("\"%s\" is not the number of a saved plan: `plan list` has them\n", word);
		return;
	}
	why = plan_store_rollback((u32)number);
	if (why)
		shell_print("plan: %s\n", why);
}

void shell_plan(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : "show", *why;

	if (!strcmp(word, "show")) {
		show_plan();
	} else if (!strcmp(word, "save")) {
		save_plan();
	} else if (!strcmp(word, "list")) {
		list_saved();
	} else if (!strcmp(word, "rollback")) {
		roll_back(argc > 2 ? argv[2] : NULL);
	} else if (!strcmp(word, "forget")) {
		why = plan_store_forget();
		if (why)
			shell_print("plan: %s\n", why);
	} else {
		shell_line("usage: plan [show], plan save, plan list, plan rollback [NUMBER], plan forget");
	}
}

static const char *core_state_word(u32 state)
{
	static const char *const word[] = { [CORE_ABSENT] = "absent", [CORE_STARTING] = "starting", [CORE_IDLE] = "idle",
		[CORE_GUEST] = "guest", [CORE_CONTROL] = "control", [CORE_FAILED] = "failed" };

	return state < ARRAY_COUNT(word) ? word[state] : "unknown";
}

static void core_row(const struct core_public *c)
{
	u32 state = load_acquire(&c->state);
	const struct guest *g = c->guest;
	char what[128] = "-";

	if (state == CORE_FAILED)
		str_copy(what, sizeof(what), c->why);
	else if (state == CORE_CONTROL)
		str_copy(what, sizeof(what), "the hypervisor's own work");
	else if (g)
		fmt_print(what, sizeof(what), "guest %s, vcpu %u", g->name, c->vcpu);
	shell_print("%4u  %7u  %7u  %-8s  %9lu  %s\n", c->index, c->apic_id, c->package, core_state_word(state),
		    load_relaxed(&c->nmi_unexpected), what);
}

void shell_cores(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	shell_print("%4s  %7s  %7s  %-8s  %9s  %s\n", "CORE", "APIC ID", "PACKAGE", "STATE", "ALIEN NMI", "FOR");
	for (u32 i = 0; i < core_count; i++)
		core_row(&core_table[i]);
}

void shell_memory(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	memory_report(shell_line);
}

static const char *const level_word[] = { [LOG_ERROR] = "error", [LOG_NOTICE] = "notice", [LOG_INFO] = "info",
	[LOG_DEBUG] = "debug" };

static u64 log_until;

static bool log_more(u64 *cursor)
{
	struct log_line l;
	char when[24];

	if (*cursor >= log_until)
		return false;
	if (!log_read((*cursor)++, &l))
		shell_print("[%s] core%u %-6s %s\n", text_stamp(when, sizeof(when), l.tsc), l.core,
			    l.level < ARRAY_COUNT(level_word) ? level_word[l.level] : "?", l.text);
	return true;
}

static void set_level(const char *word)
{
	for (u32 i = 0; i < ARRAY_COUNT(level_word); i++) {
		if (strcmp(level_word[i], word))
			continue;
		log_set_level((enum log_level)i);
		shell_print("lines of level %s and above are recorded\n", word);
		return;
	}
	shell_print("\"%s\" is not a level: error, notice, info, debug\n", word);
}

void shell_log(int argc, char **argv)
{
	u64 lines = 40;

	if (argc > 2 && !strcmp(argv[1], "level")) {
		set_level(argv[2]);
		return;
	}
	if (argc > 1 && !shell_number(argv[1], LOG_LINES, &lines)) {
		shell_print("usage: log [LINES], at most %u, or log level error|notice|info|debug\n", LOG_LINES);
		return;
	}
	log_until = log_end();
	if (!log_until)
		shell_line("nothing was recorded yet");
	shell_stream(log_more, log_until - MIN(lines, log_until));
}

void shell_check(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	report_print(machine_report, shell_line);
}

static void go_down(enum shutdown_kind kind, int argc, char **argv)
{
	u64 seconds = STOP_SECONDS_DEFAULT;

	if (argc > 1 && !strcmp(argv[1], "now"))
		seconds = 0;
	else if (argc > 1 && !shell_number(argv[1], STOP_SECONDS_MAX, &seconds)) {
		shell_print("\"%s\" is not a time: whole seconds for each guest, at most %u, or now\n", argv[1],
			    STOP_SECONDS_MAX);
		return;
	}
	shutdown_begin(kind, (u32)seconds, tsc_now());
}

void shell_poweroff(int argc, char **argv)
{
	go_down(SHUTDOWN_POWEROFF, argc, argv);
}

void shell_reboot(int argc, char **argv)
{
	go_down(SHUTDOWN_REBOOT, argc, argv);
}

void shell_version(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	shell_print("bulkhead %s, %s\n", build_version, virt ? virt->name : "no virtualisation");
}
