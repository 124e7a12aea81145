/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/control/shell.c hv/control/shell_datastore.c hv/control/shell_guests.c hv/control/shell_life.c hv/control/requests.c hv/core/plan_guest.c hv/core/plan_boot.c hv/core/plan_schema.c hv/core/plan_errors.c hv/core/plan_disk.c hv/core/plan_console.c hv/core/plan_net.c hv/lib/toml.c hv/lib/toml_value.c hv/lib/net_text.c hv/control/shell_devices.c hv/control/shell_shot.c hv/control/shell_host.c hv/control/shell_web.c hv/lib/png.c hv/lib/deflate.c hv/control/shell_stats.c hv/control/shell_machine.c hv/control/shutdown.c hv/control/report.c hv/control/loop.c hv/control/work.c hv/control/typing.c hv/control/line.c hv/control/hub.c hv/control/guest_input.c hv/control/lifecycle.c hv/control/life_table.c hv/control/life_delete.c hv/control/life_pause.c hv/control/ending.c hv/control/restart.c hv/control/text.c hv/core/console_ring.c hv/core/message.c hv/core/log.c hv/lib/format.c hv/lib/string.c tests/unit/hv/control/fake_machine.c hv/x86/copy_wide.c */
/* The event loop and the shell on top of everything but hardware: an operator types, the test reads the serial port. */
#include "fake_machine.h"

#include "../../../../hv/control/hub.h"
#include "../../../../hv/control/lifecycle.h"
#include "../../../../hv/control/loop.h"
#include "../../../../hv/control/shell.h"
#include "../../../../hv/control/shutdown.h"

#include <hv/host_net.h>
#include <hv/control_work.h>
#include <hv/log.h>
#include <hv/pc.h>

static u64 now;		/* begins at the real TSC, which commands read, and runs ahead of it */

static void turn(void)
{
	loop_turn(now);
	now += HZ / 100;
}

static int setup(void **state)
{
	fake_machine_init();
	now = tsc_now();
	loop_init();
	turn();
	fake_serial_clear();
	return 0;
}

static void type(const char *text)
{
	for (; *text; text++)
		hub_input((u8)*text);
	turn();
}

static bool ends_with_prompt(void)
{
	size_t n = strlen(fake_serial);

	return n >= 12 && !strcmp(fake_serial + n - 12, "\r\nbulkhead> ");
}

static void expect(const char *command, const char *part)
{
	fake_serial_clear();
	type(command);
	type("\r");
	for (u32 i = 0; i < 50 && !ends_with_prompt(); i++)
		turn();
	if (!fake_has(part))
		fail_msg("%s: \"%s\" is not in:\n%s", command, part, fake_serial);
	assert_true(ends_with_prompt());
}

static void run_guest(u32 i)
{
	struct message m;

	while (fake_core_get(1 + 2 * i, &m) || fake_core_get(2 + 2 * i, &m))
		;
	fake_core_put(1 + 2 * i, MSG_STARTED, &fake_guest[i], 0);
	turn();
	assert_int_equal(fake_guest[i].state, GUEST_RUNNING);
}

static void park_guest(u32 i)
{
	fake_core_put(1 + 2 * i, MSG_PARKED, &fake_guest[i], 0);
	fake_core_put(2 + 2 * i, MSG_PARKED, &fake_guest[i], 1);
	turn();
}

/* ping prints as answers come; Ctrl-C gives the prompt back at once. */
static struct ping_user pinger;
static u32 ping_stops;

int host_ping(const char *host, u32 count, const struct ping_user *user)
{
	if (!strcmp(host, "nowhere"))
		return -E_NOENT;
	pinger = *user;
	user->say("ping begins");
	if (strcmp(host, "there"))
		user->done();
	else
		assert_int_equal(count, 4);
	return 0;
}

void host_ping_stop(void)
{
	ping_stops++;
}

void host_net_show(void (*print)(const char *fmt, ...))
{
	print("an address\n");
}

void host_nat_show(void (*print)(const char *fmt, ...))
{
	print("a table\n");
}

static void test_ping(void **state)
{
	expect("ping", "usage: ping HOST");
	expect("ping a 0", "usage: ping HOST");
	expect("ping a 101", "usage: ping HOST");
	expect("ping nowhere", "the hypervisor has no network");
	fake_serial_clear();
	type("ping there\r");
	assert_true(fake_has("ping begins"));
	assert_false(ends_with_prompt());
	pinger.say("an answer");
	turn();
	assert_true(fake_has("an answer"));
	pinger.done();
	turn();
	assert_true(ends_with_prompt());
	type("ping there\r\x03");
	turn();
	assert_true(ends_with_prompt());
}

static void test_unknown(void **state)
{
	expect("frobnicate", "there is no command \"frobnicate\"; `help` lists them");
	expect("", "bulkhead> ");
	expect("start", "usage: start GUEST");
	expect("start nobody", "no guest is called \"nobody\"");
	expect("start 0", "no guest is called");
	expect("start 3", "no guest is called");
	expect("start 99999999999999999999", "no guest is called");
	expect("stop web soon", "not a time");
	expect("stop web 3601", "not a time");
	expect("log level loud", "not a level");
	expect("log many", "usage: log");
	expect("console web lag", "usage: console");
	expect("help nothing", "there is no command \"nothing\"");
	expect("a b c d e f g h i j k l", "there is no command");
}

static void test_help_names_every_command(void **state)
{
	expect("help", "Ctrl-A ?");
	for (u32 i = 0; i < shell_command_count; i++) {
		assert_true(fake_has(shell_command[i].name));
		assert_true(fake_has(shell_command[i].help));
	}
	expect("help stop", "GUEST [SECONDS]");
	expect("help net", "PORT|host|nat|");
	assert_false(fake_has("reboot"));
}

static void test_balloon(void **state)
{
	expect("balloon web 10", "guest web has no balloon: balloon = true");
	((struct plan_guest *)fake_guest[0].plan)->balloon = true;
	expect("balloon web 512", "\"512\" is not an amount: whole MiB, less than its 512");
	expect("balloon web some", "is not an amount");
	assert_int_equal(fake_guest[0].balloon_pages, 0);
	expect("balloon web 100", "guest web: 100 MiB asked for; `devices web`");
	assert_int_equal(fake_guest[0].balloon_pages, 25600);
	type("start web\r");
	run_guest(0);
	fake_guest[0].events = fake_requests[0][0] = 0;
	expect("balloon web", "100 MiB asked for");
	assert_int_equal(fake_guest[0].events, GUEST_EVENT_BALLOON);
	assert_int_equal(fake_requests[0][0], REQ_EVENTS);
	expect("balloon web 0", "0 MiB asked for");
	assert_int_equal(fake_guest[0].balloon_pages, 0);
}

static void test_pause(void **state)
{
	expect("pause web", "guest web: it does not run");
	type("start web\r");
	run_guest(0);
	expect("resume web", "guest web: it is not paused");
	type("pause web\r");
	assert_int_equal(fake_guest[0].paused, 1);
	expect("stop web", "it is paused: `resume` it first, or `kill` it");
	type("resume web\r");
	assert_int_equal(fake_guest[0].paused, 0);
}

/* Every word that would change it, and the log has each attempt. */
static void test_locked(void **state)
{
	static const char *const word[] = { "start web", "stop web", "reset web", "kill web", "pause web", "resume web", "delete web",
		"set web memory=64MiB", "balloon web 10" };
	struct plan_guest *plan = (struct plan_guest *)fake_guest[0].plan;

	plan->locked = plan->balloon = true;
	for (u32 i = 0; i < ARRAY_COUNT(word); i++) {
		u64 from = log_end();
		struct log_line l = { 0 };

		fake_serial_clear();
		type(word[i]);
		type("\r");
		for (u32 k = 0; k < 5; k++)
			turn();
		if (!fake_has("guest web: it is locked"))
			fail_msg("%s: %s", word[i], fake_serial);
		while (from < log_end() && (log_read(from, &l) || !strstr(l.text, "was refused: it is locked")))
			from++;
		if (from == log_end())
			fail_msg("%s is not in the log", word[i]);
	}
	assert_int_equal(fake_guest[0].balloon_pages, 0);
	assert_int_equal(fake_guest[0].state, GUEST_OFF);
	plan->locked = false;
	type("start web\r");
	assert_int_equal(fake_guest[0].state, GUEST_STARTING);
}

/* Every command answers, with and without arguments, without a guest running. */
static void test_every_command(void **state)
{
	for (u32 i = 0; i < shell_command_count; i++) {
		char text[64];

		if (!strcmp(shell_command[i].name, "poweroff") || !strcmp(shell_command[i].name, "reboot"))
			continue;
		fake_serial_clear();
		type(shell_command[i].name);
		type("\r");
		type("\x03");	/* what asks for lines gets none */
		if (!strchr(strchr(fake_serial, '\n') + 1, '\n'))
			fail_msg("%s says nothing", shell_command[i].name);
		snprintf(text, sizeof(text), "%s web\r", shell_command[i].name);
		type(text);
		type("\x01" "0");
	}
}

static void test_guests(void **state)
{
	fake_guest[0].vcpu[1].stat[VMEXIT_PIO] = (struct exit_stat){ .count = 10, .cycles = 5000, .worst = 900 };
	expect("guests", " 1  web              off       1-2           512 MiB            -             10       0\r\n");
	assert_true(fake_has(" 2  database         off       3-4"));
	expect("stats web", "  pio                        10              500              900\r\n");
	assert_false(fake_has("guest database"));
	expect("stats", "guest database");
	assert_false(fake_has("VCPU"));
	expect("guests web", "it has not ended yet");
	expect("start web", "");
	run_guest(0);
	assert_true(fake_has("guest web: running\r\n"));
	expect("guests", "running   1-2");
	expect("start 1", "guest web: it runs already");
	expect("kill web", "");
	park_guest(0);
	assert_true(fake_has("\nguest web: killed GUEST-KILLED: by the operator"));
	expect("guests web", "reason:    GUEST-KILLED: by the operator");
}

/* The sum, then a column for each vcpu; a halt under way counts. */
static void test_stats(void **state)
{
	struct guest *g = &fake_guest[0];

	g->vcpu[0].stat[VMEXIT_PIO] = (struct exit_stat){ .count = 4, .cycles = 1000, .worst = 800 };
	g->vcpu[1].stat[VMEXIT_PIO] = (struct exit_stat){ .count = 6, .cycles = 4000, .worst = 900 };
	g->vcpu[1].stat[VMEXIT_TRIPLE_FAULT].count = 1;
	g->vcpu[0].injected = 7;
	g->vcpu[0].halted_cycles = 2 * HZ;
	g->vcpu[1].halted_cycles = 3600 * HZ;
	g->vcpu[1].halted_since = tsc_now() - 600 * HZ;
	expect("stats web", "  pio                        10              500              900\r\n");
	assert_true(fake_has("interrupts delivered 7, all vcpus together halted 01:10:0"));
	assert_true(fake_has("  EXIT                   VCPU 0         VCPU 1\r\n"));
	assert_true(fake_has("  pio                         4              6\r\n"));
	assert_true(fake_has("  triple-fault                0              1\r\n"));
	assert_true(fake_has("  interrupts                  7              0\r\n"));
	assert_true(fake_has("  halted               00:00:02       01:10:0"));
	g->vcpu[1].halted_since = U64_MAX;	/* began after we looked at the clock */
	expect("stats web", "  halted               00:00:02       01:00:00\r\n");
	expect("stats", "guest database");
	assert_false(fake_has("VCPU"));
}

static void test_stats_of_many_vcpus(void **state)
{
	fake_guest[0].vcpu_count = GUEST_VCPUS_MAX;
	for (u32 k = 0; k < VMEXIT_KINDS; k++)
		fake_guest[0].vcpu[63].stat[k].count = U64_MAX;
	expect("stats web", "  EXIT                   VCPU 0         VCPU 1         VCPU 2         VCPU 3         VCPU 4         "
			    "VCPU 5\r\n");
	assert_true(fake_has("        VCPU 60        VCPU 61        VCPU 62        VCPU 63\r\n"));
	assert_true(fake_has(" 18446744073709551615\r\n"));
}

static void test_panic_is_shown(void **state)
{
	struct guest *g = &fake_guest[0];

	expect("start web", "");
	run_guest(0);
	for (const char *c = "Kernel panic\r\n"; *c; c++)
		console_ring_put(g->console, (u8)*c, 0);
	g->panic.rip = 0x5678;
	strcpy(g->panic.dump, "rax=77");
	g->panic.ready = 1;
	fake_core_put(1, MSG_PANICKED, g, GUEST_PANICKED);
	turn();
	expect("guests", "panicked  1-2");
	g->record.end = END_REBOOT;
	g->record.ready = 1;
	fake_core_put(1, MSG_ENDED, g, 0);
	park_guest(0);
	expect("guests web", "it asked for a reboot");
	assert_true(fake_has(" s, vcpu 0, rip=0x5678\r\n  | rax=77\r\nits console showed:\r\n  | Kernel panic\r\n"));
}

static void test_crash_is_shown(void **state)
{
	struct guest *g = &fake_guest[0];

	expect("start web", "");
	run_guest(0);
	for (const char *c = "panic: \x1b[2Jno init\r\n"; *c; c++)
		console_ring_put(g->console, (u8)*c, 0);
	g->record.end = END_KILLED;
	g->record.rip = 0x1234;
	g->record.exit_kind = VMEXIT_TRIPLE_FAULT;
	strcpy(g->record.id, "GUEST-TRIPLE-FAULT");
	strcpy(g->record.reason, "triple fault");
	strcpy(g->record.dump, "rax=1 rbx=2\ncr0=11");
	g->record.ready = 1;
	fake_core_put(1, MSG_ENDED, g, 0);
	park_guest(0);
	expect("guests web", "reason:    GUEST-TRIPLE-FAULT: triple fault\r\n");
	assert_true(fake_has("rip=0x1234 exit=triple-fault"));
	assert_true(fake_has("  | rax=1 rbx=2\r\n  | cr0=11\r\n"));
	assert_true(fake_has("  | panic: no init\r\n"));
}

static void test_completion(void **state)
{
	fake_serial_clear();
	type("ver\t");
	assert_true(fake_has("version "));
	type("\x15" "re\t");
	assert_true(fake_has("reset  "));
	assert_true(fake_has("reboot  "));
	type("\x15" "stop d\t\r");
	assert_true(fake_has("guest database: it does not run"));
	fake_serial_clear();
	type("log w\t");
	assert_string_equal(fake_serial, "log w");
	type("\x15" "zzz\t");
	type("\x15" "stop web \t");
}

static void test_machine_commands(void **state)
{
	static struct virt_report report = { .vendor = "VMX", .count = 3, .usable = false, .feature = {
		{ "Extended page tables (EPT)", "guests' memory cannot be kept apart", "CPU-NO-EPT", FEATURE_ABSENT },
		{ "VMX", "nothing works without it", "FW-VMX-LOCKED", FEATURE_OFF_IN_FIRMWARE },
		{ "Virtual-processor identifiers", "slower switches", NULL, FEATURE_PRESENT } } };
	struct plan plan;
	struct resolved_plan resolved;

	expect("plan", "there is no plan");
	machine_plan = &plan;
	machine_resolved = &resolved;
	expect("plan", "[guest.web]\r\ncores = [1, 2]\r\n");
	machine_plan = NULL;
	expect("memory", "memory of a test\r\n");
	expect("version", "bulkhead test");
	strcpy(core_table[4].why, "it did not answer");
	core_table[4].state = CORE_FAILED;
	expect("cores", "   4        8        0  failed            0  it did not answer\r\n");
	expect("check", "neither VMX nor SVM");
	machine_report = &report;
	expect("check", "Extended page tables (EPT)                   absent\r\n      needed, CPU-NO-EPT: guests' memory");
	assert_true(fake_has("switched off in firmware"));
	assert_true(fake_has("Fake CPU at 1 GHz"));
	assert_true(fake_has("revision 0x42"));
	assert_true(fake_has("This machine cannot run guests"));
	machine_report = NULL;
}

/* Has its own tests. */
void shell_net(int argc, char **argv)
{
	(void)argc, (void)argv;
	shell_line("switches");
}

void pc_list(const struct guest *g, void (*line)(const char *text))
{
	line(g->name);
}

static void test_devices(void **state)
{
	struct bus *bus = &fake_guest[0].bus;

	bus->claim_count = 1;
	bus->claim[0] = (struct bus_claim){ .range = { BUS_PORT, 0x3f8, 8 }, .name = "vuart", .accesses = 77 };
	bus->unclaimed[BUS_PORT] = 5;
	expect("devices web", "  vuart            port    0x3f8-0x3ff                         77\r\n");
	assert_true(fake_has("nobody answered: 5 ports, 0 addresses"));
	expect("devices", "port 0x3f8, fake");
	expect("devices", "  00:1f.0  8086:2918  ISA bridge                 no driver\r\n");
	expect("devices", "  03:02.0  1b36:000d  USB controller (xHCI)      fake-usb: two keyboards\r\n");
}

static void test_log(void **state)
{
	log_info("vuart: a line");
	expect("log 1", "core0 info   vuart: a line\r\n");
	expect("log level notice", "level notice and above");
	log_info("vuart: unseen");
	expect("log 1", "core0 info   vuart: a line\r\n");
	assert_false(fake_has("unseen"));
	log_set_level(LOG_DEBUG);
	log_notice("guest web: something");
	fake_serial_clear();
	turn();
	assert_true(fake_has("\r\nguest web: something\r\n\rbulkhead> "));
	assert_non_null(strstr(fake_screen, "guest web: something\n"));
}

/* Announcements wait for a port that is full; the screen has them at once. */
static void test_announcements_wait(void **state)
{
	char text[40];

	fake_serial_room = 100;
	for (u32 i = 0; i < 200; i++)
		log_notice("guest web: number %u", i);
	turn();
	assert_false(fake_has("number"));
	assert_non_null(strstr(fake_screen, "guest web: number 199\n"));
	for (u32 i = 0; i < 200 && !fake_has("number 199\r\n"); i++) {
		fake_serial_room = 700;
		turn();
	}
	for (u32 i = 0; i < 200; i++) {
		snprintf(text, sizeof(text), "guest web: number %u\r\n", i);
		assert_true(fake_has(text));
	}
}

static void test_screen_shows_the_shell(void **state)
{
	type("version\r");
	assert_non_null(strstr(fake_screen, "bulkhead> version"));
	assert_non_null(strstr(fake_screen, "bulkhead test"));
	fake_screen[0] = 0;
	fake_no_serial = true;
	log_notice("guest web: running");
	turn();
	assert_string_equal(fake_screen, "guest web: running\n\rbulkhead> \x1b[K");
}

static void test_console(void **state)
{
	char text[40];

	for (u32 i = 0; i < 2000; i++) {
		snprintf(text, sizeof(text), "line %u\x1b[K\r\n", i);
		for (const char *c = text; *c; c++)
			console_ring_put(fake_guest[0].console, (u8)*c, i * HZ);
	}
	expect("console web log 2", "[  1998.000] line 1998\r\n[  1999.000] line 1999\r\n");
	assert_false(fake_has("line 1997"));
	expect("console web log", "] line 1999\r\n");
	assert_true(fake_has("] line 977\r\n"));
	assert_false(fake_has("] line 976\r\n"));
	type("console web\r");
	assert_int_equal(hub_view(), 1);
}

/* Long output waits for the port; keys typed meanwhile come after it, Ctrl-C ends it. */
static void test_long_output(void **state)
{
	for (u32 i = 0; i < 900; i++)
		log_info("test: a rather long line, so that all of them are much more than the port takes, %u", i);
	fake_serial_room = 16384;
	type("log 900\r");
	type("version\r");
	for (u32 i = 0; i < 1000 && !fake_has("bulkhead test"); i++) {
		fake_serial_room = 16384;
		turn();
	}
	assert_true(fake_has("takes, 0\r\n"));
	assert_true(fake_has("takes, 899\r\nbulkhead> version\r\nbulkhead test"));
	fake_serial_clear();
	fake_serial_room = 16384;
	type("log 900\r");
	type("\x03");
	fake_serial_room = UINT32_MAX;
	turn();
	assert_true(fake_has("^C\r\nbulkhead> "));
	assert_false(fake_has("takes, 899"));
}

static void test_autostart(void **state)
{
	((struct plan_guest *)fake_guest[1].plan)->autostart = false;
	loop_autostart(now);
	assert_int_equal(fake_guest[0].state, GUEST_STARTING);
	assert_int_equal(fake_guest[1].state, GUEST_OFF);
}

static void test_typed_on_serial(void **state)
{
	strcpy(fake_input, "version\r");
	turn();
	assert_true(fake_has("bulkhead test"));
	assert_true(loop_turn(now) <= now + HZ / 100);
}

/* Rounds are many, turns few: when their time has come, or something waits for one. */
static void test_rounds_and_turns(void **state)
{
	struct message m = { .type = MSG_STARTED, .arg = { (u64)&fake_guest[0] } };
	u64 until, second;

	assert_false(loop_round(now, &until));
	assert_true(until > now && until <= now + HZ / 100);
	fake_serial_clear();
	strcpy(fake_input, "version\r");
	assert_false(loop_round(now + 1, &second));
	assert_true(until == second);			/* the turn was not repeated ... */
	assert_false(fake_has("bulkhead test"));
	loop_round(until, &second);			/* ... until now */
	assert_true(fake_has("bulkhead test"));
	now = until;
	message_put(&core_table[1].from_core, &m);	/* without its doorbell nobody looks */
	loop_round(now + 1, &until);
	assert_int_not_equal(core_table[1].from_core.head, core_table[1].from_core.tail);
	core_table[control_core].doorbell = 1;
	loop_round(now + 2, &until);
	assert_int_equal(core_table[1].from_core.head, core_table[1].from_core.tail);
	assert_int_equal(core_table[control_core].doorbell, 0);
	log_notice("something new");
	loop_round(now + 3, &until);
	assert_true(fake_has("something new"));
	for (u32 i = 4; i < 9; i++)
		loop_round(now + i, &until);
	assert_true(until > now + 100);
	control_work_by(now + 100);
	loop_round(now + 9, &until);
	assert_true(until == now + 100);
}

/* Guests stop from the last one on; then the machine is switched off, and when that fails, told so. */
static void test_poweroff(void **state)
{
	struct message m;

	loop_autostart(now);
	run_guest(0);
	run_guest(1);
	type("poweroff\r");
	assert_int_equal(fake_guest[1].events, GUEST_EVENT_POWER_BUTTON);
	assert_int_equal(fake_guest[0].events, 0);
	fake_guest[1].record.end = END_POWEROFF;
	fake_guest[1].record.ready = 1;
	fake_core_put(3, MSG_ENDED, &fake_guest[1], 0);
	park_guest(1);
	assert_int_equal(fake_guest[0].events, GUEST_EVENT_POWER_BUTTON);
	expect("start database", "the machine is going down");
	now += 31 * HZ;		/* web does not listen */
	turn();
	assert_int_equal(fake_requests[0][0] & REQ_PARK, REQ_PARK);
	assert_int_equal(fake_poweroffs, 0);
	if (!setjmp(fake_halt))
		park_guest(0);
	assert_int_equal(fake_poweroffs, 1);
	assert_int_equal(fake_reboots, 0);
	assert_true(fake_has("bulkhead: powering off\n"));
	assert_true(fake_has("the power may be cut now"));
	for (u32 i = 1; i < 5; i++) {
		assert_true(fake_core_get(i, &m));
		assert_int_equal(m.type, MSG_STOP);
	}
}

static void test_reboot_now(void **state)
{
	loop_autostart(now);
	run_guest(0);
	run_guest(1);
	type("reboot now\r");
	park_guest(1);
	if (!setjmp(fake_halt))
		park_guest(0);
	assert_int_equal(fake_reboots, 1);
}

/* A core that never comes back does not keep the machine up. */
static void test_poweroff_of_a_dead_guest(void **state)
{
	loop_autostart(now);
	run_guest(0);
	type("poweroff 5\r");
	for (u32 i = 0; i < 100 && !fake_poweroffs; i++) {
		now += HZ;
		if (!setjmp(fake_halt))
			turn();
	}
	assert_int_equal(fake_poweroffs, 1);
}

static void test_power_button(void **state)
{
	loop_autostart(now);
	run_guest(0);
	run_guest(1);
	fake_button = true;
	now += HZ;
	turn();
	assert_true(shutdown_active());
	turn();
	assert_true(fake_has("the power button was pressed"));
	assert_int_equal(fake_guest[1].events, GUEST_EVENT_POWER_BUTTON);
}

static void test_typed_on_a_keyboard(void **state)
{
	static const u16 keys[] = { 0x2f, 0x12, 0x13, 0x1f, 0x17, 0x18, 0x31, 0x1c };	/* "version", return */

	fake_serial_clear();
	for (u32 i = 0; i < ARRAY_COUNT(keys); i++) {
		fake_key[fake_keys++] = (struct key_event){ keys[i], true };
		fake_key[fake_keys++] = (struct key_event){ keys[i], false };
	}
	turn();
	turn();
	assert_true(fake_has("version\r\nbulkhead test"));
}

static u32 shot_pixels[3000 * 40];

static void test_shot(void **state)
{
	fake_pool_used = 0;
	fake_pool_empty = false;
	expect("shot", "usage: shot GUEST");
	expect("shot web", "guest web has no screen: display = true");
	((struct plan_guest *)(uintptr_t)fake_guest[0].plan)->display = true;
	fake_has_picture = false;
	expect("shot web", "nothing is on the screen of guest web");
	fake_has_picture = true;
	fake_picture = (struct picture){ (const u8 *)shot_pixels, 2, 3, 8 };
	expect("shot web", "-----BEGIN PNG web 2x3-----\r\niVBORw0KGgoAAAANSUhEUgAAAAIAAAADCAMAAA");
	assert_true(fake_has("=\r\n-----END PNG web-----\r\n") || fake_has("\r\n-----END PNG web-----\r\n"));
	assert_int_equal(fake_pool_used, 0);
	fake_pool_empty = true;
	expect("shot web", "no memory left");
	fake_pool_empty = false;
}

/* A large one takes many turns; Ctrl-C ends it, a mode change too, and nothing is left. */
static void test_shot_ended(void **state)
{
	((struct plan_guest *)(uintptr_t)fake_guest[0].plan)->display = true;
	fake_has_picture = true;
	fake_pool_used = 0;
	for (u32 i = 0; i < ARRAY_COUNT(shot_pixels); i++)
		shot_pixels[i] = i * 2654435761u;
	fake_picture = (struct picture){ (const u8 *)shot_pixels, 3000, 40, 12000 };
	type("shot web\r");
	turn();
	turn();
	assert_true(fake_has("-----BEGIN PNG web 3000x40-----"));
	type("\x03");
	fake_serial_clear();
	turn();
	assert_false(fake_has("END PNG"));
	fake_picture = (struct picture){ (const u8 *)shot_pixels, 2, 3, 8 };
	expect("shot web", "-----END PNG web-----");
	assert_int_equal(fake_pool_used, 0);
	fake_picture = (struct picture){ (const u8 *)shot_pixels, 1, 40000, 4 };
	fake_serial_clear();
	type("shot web\r");
	fake_picture.width = 2;
	turn();
	assert_true(fake_has("changed its mode meanwhile"));
	turn();
	assert_true(ends_with_prompt());
	assert_int_equal(fake_pool_used, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_unknown, setup),
		cmocka_unit_test_setup(test_help_names_every_command, setup),
		cmocka_unit_test_setup(test_ping, setup),
		cmocka_unit_test_setup(test_balloon, setup),
		cmocka_unit_test_setup(test_pause, setup),
		cmocka_unit_test_setup(test_locked, setup),
		cmocka_unit_test_setup(test_every_command, setup),
		cmocka_unit_test_setup(test_guests, setup),
		cmocka_unit_test_setup(test_stats, setup),
		cmocka_unit_test_setup(test_stats_of_many_vcpus, setup),
		cmocka_unit_test_setup(test_panic_is_shown, setup),
		cmocka_unit_test_setup(test_crash_is_shown, setup),
		cmocka_unit_test_setup(test_completion, setup),
		cmocka_unit_test_setup(test_machine_commands, setup),
		cmocka_unit_test_setup(test_devices, setup),
		cmocka_unit_test_setup(test_log, setup),
		cmocka_unit_test_setup(test_announcements_wait, setup),
		cmocka_unit_test_setup(test_screen_shows_the_shell, setup),
		cmocka_unit_test_setup(test_console, setup),
		cmocka_unit_test_setup(test_long_output, setup),
		cmocka_unit_test_setup(test_autostart, setup),
		cmocka_unit_test_setup(test_typed_on_serial, setup),
		cmocka_unit_test_setup(test_rounds_and_turns, setup),
		cmocka_unit_test_setup(test_poweroff, setup),
		cmocka_unit_test_setup(test_reboot_now, setup),
		cmocka_unit_test_setup(test_poweroff_of_a_dead_guest, setup),
		cmocka_unit_test_setup(test_power_button, setup),
		cmocka_unit_test_setup(test_typed_on_a_keyboard, setup),
		cmocka_unit_test_setup(test_shot, setup),
		cmocka_unit_test_setup(test_shot_ended, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
