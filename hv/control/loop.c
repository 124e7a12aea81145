/* SPDX-License-Identifier: Apache-2.0 */
/* The event loop of the control core. Everything in it returns at once; what cannot go on waits for a later turn. */
#include "loop.h"

#include "hub.h"
#include "lifecycle.h"
#include "plan_store.h"
#include "requests.h"
#include "shell.h"
#include "shutdown.h"
#include "sinks.h"
#include "typing.h"

#include <hv/control.h>
#include <hv/control_work.h>
#include <hv/copy_wide.h>
#include <hv/core.h>
#include <hv/datastore.h>
#include <hv/keys.h>
#include <hv/log.h>
#include <hv/machine.h>
#include <hv/mouse.h>
#include <hv/pci.h>
#include <hv/storage.h>
#include <hv/time.h>

/* The serial port has no interrupt: a FIFO of 16 bytes lasts 1.4 ms at 115200 baud. Nobody types that fast, but a
 * script does: for a while after a byte came in, and while bytes go out, we look more often. */
#define POLL_NS 5000000ul
#define POLL_BUSY_NS 1000000ul
#define POLL_BUSY_FOR_NS 200000000ul
#define BUTTON_NS 50000000ul
#define SETTLE_NS 10000000000ul	/* for partition tables to be read before guests start */
#define INPUT_BYTES_MAX 64u
#define OUTPUT_ROUNDS 8u

static u64 typed_at;		/* TSC of the last byte */
static u64 button_next;		/* TSC of the next look */
static u32 to_start;		/* guests that the plan starts, and that still wait for what the datastore has of them */
static bool to_choose;		/* these are not known yet */
static u64 log_shown;		/* end of the log when the last turn ended */
static u64 turn_next;		/* TSC of the next turn */

void loop_init(void)
{
	log_set_console(NULL);
	typed_at = button_next = log_shown = turn_next = 0;
	life_init();
	requests_init();
	plan_store_init();
	shutdown_init();
	hub_init();
	typing_init();
	shell_init();
	shell_web_init();
}

/* The guests of the plan, which may be a saved one: first it must be known which. */
static void choose_starts(u64 now)
{
	if (!plan_store_settled(now))
		return;
	to_choose = false;
	for (const struct guest *g = guest_next(NULL); g; g = guest_next(g))
		if (g->plan->autostart)
			to_start |= BIT32(g->index);
}

static void start_waiting(u64 now)
{
	if (to_choose)
		choose_starts(now);
	for (struct guest *g = guest_next(NULL); g && to_start; g = guest_next(g)) {
		const char *why;

		if (!(to_start & BIT32(g->index)) || !datastore_settled(g))
			continue;
		to_start &= ~BIT32(g->index);
		why = life_start(g, now);
		if (why)
			log_error("guest %s: not started: %s", g->name, why);
	}
}

void loop_autostart(u64 now)
{
	to_start = 0;
	to_choose = true;
	start_waiting(now);
}

void loop_forget(const struct guest *g)
{
	to_start &= ~BIT32(g->index);
}

static void take_messages(u64 now)
{
	struct message m;

	store_relaxed(&core_table[control_core].doorbell, 0u);
	fence_full();	/* who rings after this is seen by core_idle() */
	for (u32 i = 0; i < core_count; i++) {
		for (u32 n = 0; n < MESSAGE_RING_SLOTS && message_get(&core_table[i].from_core, &m); n++)
			life_message(&m, now);
	}
}

static void take_input(u64 now)
{
	for (u32 i = 0; i < INPUT_BYTES_MAX; i++) {
		int byte = serial_get();

		if (byte < 0)
			return;
		typed_at = now;
		hub_input((u8)byte);
	}
}

static void take_keys(u64 now)
{
	struct key_event event;

	while (keys_get(&event)) {
		typed_at = now;
		typing_key(&event, now);
	}
	if (typing_tick(now))
		typed_at = now;
}

/* A guest that does not read its mouse stops nothing here: its moves add up. */
static void take_mouse(u64 now)
{
	struct mouse_event event;

	while (mouse_peek(&event)) {
		typed_at = now;
		if (!hub_mouse(&event))
			return;
		mouse_drop();
	}
}

static void take_button(u64 now)
{
	if (now < button_next)
		return;
	button_next = now + ns_to_ticks(BUTTON_NS);
	if (!power_button_pressed() || shutdown_active())
		return;
	log_notice("the power button was pressed");
	shutdown_begin(SHUTDOWN_POWEROFF, STOP_SECONDS_DEFAULT, now);
}

/* Each sink has its own place in the log: a full queue or a port that has stopped delays its own lines only. */
static void show_log(void)
{
	char text[LOG_TEXT_MAX + 16];
	bool any = false;

	while (sinks_next_log(SINK_SCREEN, text, sizeof(text))) {
		screen_say(text);
		any = true;
	}
	while (hub_port_has_room() && sinks_next_log(SINK_SERIAL, text, sizeof(text))) {
		hub_announce(text);
		any = true;
	}
	if (any)
		hub_redraw();
}

/* Fill the port's queue and empty it, as long as both go on: a real port ends this at its 16 bytes, an emulated one
 * may take all at once, and a guest may write for ever. */
static void show_output(void)
{
	for (u32 i = 0; i < OUTPUT_ROUNDS; i++) {
		bool more = hub_output();

		if (!serial_poll() || (!more && !serial_waiting()))
			return;
	}
}

/* Something a turn should not come late for. The doorbell's word first: who rings after that is seen by core_idle(). */
static bool turn_is_wanted(void)
{
	u32 *doorbell = &core_table[control_core].doorbell;

	if (keys_waiting() || log_end() != log_shown)
		return true;
	if (!load_relaxed(doorbell))
		return false;
	exchange(doorbell, 0u);
	for (u32 i = 0; i < core_count; i++)
		if (message_waits(&core_table[i].from_core))
			return true;
	return false;
}

u64 loop_turn(u64 now)
{
	u64 until, poll;
	bool more;

	take_messages(now);
	ps2_poll();
	start_waiting(now);
	take_input(now);
	take_keys(now);
	take_mouse(now);
	take_button(now);
	more = requests_serve();
	more |= plan_store_step(now);
	until = life_tick(now);
	shutdown_tick(now);
	shell_poll();
	show_output();
	log_shown = log_end();
	show_log();
	show_output();
	more |= hub_show(now);
	if (more || (!hub_screen_guest() && screen_poll()))
		return now;
	poll = serial_waiting() || now - typed_at < ns_to_ticks(POLL_BUSY_FOR_NS) ? POLL_BUSY_NS : POLL_NS;
	return MIN(until, now + ns_to_ticks(poll));
}

static inline u64 guests_due(u64 now)
{
	u64 due = load_relaxed(&guest_due);

	return UNLIKELY(due <= now) ? guest_due_call(now) : due;
}

/* Work that has a reason on every round; all of it, and the rest, which costs some thousand instructions, when its time has
 * come. */
bool loop_round(u64 now, u64 *until)
{
	bool all = now >= turn_next, any;
	u64 deadline, due;

	if (all)
		control_work_look_all();
	any = control_work_poll(now);
	if (all || turn_is_wanted())
		turn_next = loop_turn(now);
	deadline = control_work_deadline();
	due = guests_due(now);
	deadline = MIN(deadline, due);
	*until = MIN(turn_next, deadline);
	return any;
}

void control_run(void)
{
	loop_init();
	copy_wide_begin(core_take_avx());
	if (storage_init())		/* behind the guests' disks in each round: what they ask goes out in the same one */
		log_error("storage: no place in the event loop: disks of this machine cannot be used");
	drivers_start();
	if (!storage_settle(SETTLE_NS))
		log_notice("storage: a disk has not answered yet; guests that use it may have to be started by hand");
	datastore_begin();
	loop_autostart(tsc_now());
	log_notice("ready");
	for (;;) {
		u64 until;

		if (!loop_round(tsc_now(), &until) && !control_work_lingers(tsc_now()) && until > tsc_now() &&
		    !control_work_listen())
			core_idle(until);
		core_take_interrupts();
	}
}
