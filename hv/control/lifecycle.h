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

/* The operator's commands. Null when it was begun, else why not, in words. */
const char *life_start(struct guest *g, u64 now);
const char *life_stop(struct guest *g, u32 seconds, u64 now);
const char *life_kill(struct guest *g, u64 now);
const char *life_reset(struct guest *g, u64 now);

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
