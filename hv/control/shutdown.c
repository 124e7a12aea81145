/* SPDX-License-Identifier: Apache-2.0 */
#include "shutdown.h"

#include "lifecycle.h"
#include "sinks.h"

#include <hv/control.h>
#include <hv/core.h>
#include <hv/datastore.h>
#include <hv/log.h>
#include <hv/machine.h>
#include <hv/pci.h>
#include <hv/time.h>

#define CORES_STOP_MS 100u
#define PARK_PATIENCE_SECONDS 10u	/* for a guest that was ended by force; then the machine goes down anyway */

#define KEEP_NS (10 * NS_PER_S)		/* for what the datastore still has to write */

static struct {
	bool active;
	enum shutdown_kind kind;
	u32 seconds;
	u32 left;		/* guests [0, left) were not looked at yet; left - 1 is the one that stops now */
	bool asked;		/* the guest left - 1 was told */
	u64 give_up;		/* TSC at which we no longer wait for it */
	u64 keep_until;		/* TSC at which we no longer wait for the datastore; 0: guests come first */
} down;

void shutdown_init(void)
{
	down.active = false;
}

bool shutdown_active(void)
{
	return down.active;
}

void shutdown_begin(enum shutdown_kind kind, u32 seconds, u64 now)
{
	log_notice("%s: guests stop first, up to %u s each", kind == SHUTDOWN_REBOOT ? "reboot" : "power-off", seconds);
	if (!down.active)
		down.left = guest_count;
	down.active = true;
	down.keep_until = 0;
	down.kind = kind;
	down.seconds = seconds;
	down.asked = false;
	life_hold();
	shutdown_tick(now);
}

/* true: nothing more is to be expected of the guest left - 1. */
static bool guest_is_done(u64 now)
{
	struct guest *g = guest_at(down.left - 1);

	if (!g || life_is_over(g))
		return true;
	if (!down.asked) {
		down.asked = true;
		down.give_up = now + (down.seconds + PARK_PATIENCE_SECONDS) * timebase.tsc_hz;
		if (life_phase(g) == PHASE_PAUSED)
			life_resume(g);
		if (down.seconds)
			life_stop(g, down.seconds, now);
		else
			life_kill(g, now);
		return life_is_over(g);
	}
	if (now < down.give_up)
		return false;
	log_error("guest %s: does not stop, the machine goes down without it", g->name);
	return true;
}

static void cores_stop(void)
{
	struct message m = { .type = MSG_STOP };
	u64 until;

	for (u32 i = 0; i < core_count; i++) {
		if (i == control_core || load_acquire(&core_table[i].state) < CORE_IDLE)
			continue;
		message_put(&core_table[i].to_core, &m);
		core_ring_doorbell(i);
	}
	for (until = tsc_now() + ns_to_ticks(CORES_STOP_MS * 1000000ul); tsc_now() < until;)
		cpu_relax();
}

/* The loop ends here: what follows may wait. */
static void machine_down(void)
{
	char line[300];

	while (sinks_next_log(SINK_SCREEN, line, sizeof(line)))
		screen_say(line);
	while (serial_alive() && sinks_next_log(SINK_SERIAL, line, sizeof(line)))
		serial_say_now(line);
	serial_flush();
	sink_line(down.kind == SHUTDOWN_REBOOT ? "bulkhead: rebooting" : "bulkhead: powering off");
	drivers_stop();
	cores_stop();
	if (down.kind == SHUTDOWN_REBOOT)
		machine_reboot();
	else
		machine_poweroff();
	sink_line("bulkhead: this machine does not do that by itself: all guests are off, the power may be cut now");
	machine_halt();
}

/* What guests and the log left for the datastore is on its disk, or that takes too long. */
static bool is_kept(u64 now)
{
	if (!down.keep_until)
		down.keep_until = now + ns_to_ticks(KEEP_NS);
	return datastore_clean() || now >= down.keep_until;
}

void shutdown_tick(u64 now)
{
	if (!down.active)
		return;
	while (down.left && guest_is_done(now)) {
		down.left--;
		down.asked = false;
	}
	if (!down.left && is_kept(now))
		machine_down();
}
