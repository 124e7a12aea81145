/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The life of each guest, from the control core's side:
 *
 *   OFF, ENDED, KILLED --start--> STARTING --MSG_STARTED--> RUNNING
 *   STARTING, RUNNING --MSG_ENDED, stop, kill, reset--> STOPPING --all vcpus parked--> OFF, ENDED, KILLED
 *                                                                 (or STARTING again, now or after a delay)
 *   RUNNING --MSG_PANICKED, then PANIC_SECONDS--> STOPPING
 *
 * Between the last park and whatever follows, disks and cards finish what they do in its RAM (guest_let_go()).
 * A guest that rests has its RAM cleared by vcpu 0's core: MSG_ZERO, MSG_ZEROED. A start meanwhile waits behind that.
 * OFF, ENDED, KILLED --delete--> all of its RAM cleared (MSG_ZERO), unmapped, its cores without it (MSG_RELOAD) --> gone.
 * Nothing waits: requests go out as messages and events, answers and time-outs come in through life_message() and
 * life_tick(). Control core. */

#include "restart.h"

#include <hv/guest.h>
#include <hv/message.h>

#define STOP_SECONDS_DEFAULT 30u
#define STOP_SECONDS_MAX 3600u
#define PARK_SECONDS 5u			/* in which every core leaves its guest; later we say so and go on waiting */
#define PANIC_SECONDS 10u		/* in which a guest that panicked ends or reboots by itself */
#define LEND_SECONDS 30u		/* in which disks and cards let go of its RAM; later we say so and go on waiting */
#define CRASH_LINES 20u
#define LIFE_LINES_BYTES 2048u

/* Where a guest is in its life, as far as requests care; and what can be asked of it. life_table.c says what may be asked when,
 * docs/life-cycle.md shows it as a picture. */
enum life_phase { PHASE_OFF, PHASE_STARTING, PHASE_RUNNING, PHASE_PAUSED, PHASE_STOPPING, PHASE_DRAINING, PHASE_WAITING,
	PHASE_DELETING, LIFE_PHASES };
enum life_event { LIFE_START, LIFE_STOP, LIFE_KILL, LIFE_RESET, LIFE_PAUSE, LIFE_RESUME, LIFE_SET, LIFE_DELETE,
	LIFE_BALLOON /* in any phase */, LIFE_EVENTS };

/* How far a guest that is deleted has come. */
enum life_delete { DELETE_NOT, DELETE_CLEAR, DELETE_CLEARING, DELETE_RELOAD };

enum life_intent { INTENT_NONE, INTENT_STOP, INTENT_KILL, INTENT_RESET };

struct life {
	struct guest *guest;
	u64 to_run;			/* vcpus whose MSG_RUN did not fit into the ring yet */
	u64 out;			/* vcpus that were sent to run and have not parked */
	enum life_intent intent;
	bool forced;			/* we asked the vcpus to park */
	bool late;			/* a core did not park in time: said */
	u32 stop_seconds;
	u64 deadline;			/* TSC: of a stop, then of parking; U64_MAX none */
	u64 restart_at;			/* TSC; U64_MAX none */
	bool panicked;			/* in this run */
	u64 panic_deadline;		/* TSC at which it is ended for that; U64_MAX none */
	bool lending;			/* it has parked; disks or cards still work in its RAM */
	u64 lending_since;		/* TSC */
	bool lending_said;
	bool to_clear;			/* MSG_ZERO did not fit into the ring yet */
	u32 clearing;			/* MSG_ZERO sent and not answered */
	bool clean;			/* nothing of it is in its RAM */
	enum life_delete deleting;
	u64 to_reload, reloading;	/* vcpus whose MSG_RELOAD did not fit yet; is sent and not answered */
	const struct life_end *ends;	/* who deletes it */
	bool pausing;			/* vcpus were asked to stay out, and not all do yet */
	u64 started;			/* TSC of the first instruction; 0: not yet */
	u64 starts;
	struct restart restart;

	/* The last end, kept for the operator. */
	struct guest_end_record last;	/* end END_NONE: there was none */
	u64 last_tsc;
	char last_lines[LIFE_LINES_BYTES];	/* what the console showed then, neutralised */

	/* The last panic that its kernel told of. */
	struct guest_end_record panic;
	u64 panic_tsc;			/* 0: there was none */
	char panic_lines[LIFE_LINES_BYTES];
};

void life_init(void);
struct life *life_of(const struct guest *g);

/* The guest of that name; null: there is none. */
struct guest *life_find(const char *name);

/* A guest has been made while others run. */
void life_add(struct guest *g);

/* g goes for good (or to be made anew, changed). Null when that was begun, else why not. */
struct life_end {
	enum life_event event;		/* LIFE_DELETE, LIFE_SET */
	void (*hide)(struct guest *g);	/* nobody may look into its RAM or at its devices any more: change_drop_begin() */
	void (*end)(struct guest *g);	/* its cores have forgotten it: change_drop_end(), change_set_end(). Its life is over */
};
const char *life_delete(struct guest *g, const struct life_end *ends);

/* One more step of that. true: the guest is no more, l is empty. lifecycle.c's. */
bool life_delete_step(struct life *l);

enum life_phase life_phase(const struct guest *g);

/* May that be asked of g now? Null, or why not, in words. */
const char *life_refusal(const struct guest *g, enum life_event event);

/* The machine is going down: nothing may start, come or go. */
bool life_held(void);

/* The operator's commands. Null when it was begun, else why not, in words. */
const char *life_start(struct guest *g, u64 now);
const char *life_stop(struct guest *g, u32 seconds, u64 now);
const char *life_kill(struct guest *g, u64 now);
const char *life_reset(struct guest *g, u64 now);

/* All vcpus stay out of the guest, and go on. Time goes on meanwhile. */
const char *life_pause(struct guest *g);
const char *life_resume(struct guest *g);
void life_pause_step(struct life *l);	/* lifecycle.c's */

/* From now on nothing starts any more, waiting restarts are forgotten: the machine goes down. */
void life_hold(void);

/* A message from a core. */
void life_message(const struct message *m, u64 now);

/* What is due at now: unsent messages, stop and park time-outs, restarts. Returns the TSC of the next. */
u64 life_tick(u64 now);

/* No vcpu of g is out. And: nor does anything else work in its RAM. */
bool life_is_quiet(const struct guest *g);
bool life_is_over(const struct guest *g);

/* It runs, or is about to: what is typed for it may arrive. */
bool life_listens(const struct guest *g);

/* What g does, in one word: its state, or "panicked" (still running), or "clearing" (ended, RAM not cleared yet). */
const char *life_state_word(const struct guest *g);
