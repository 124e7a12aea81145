/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* How guests' cores and the control core hand work to each other without a lock: memory first (rings with one writer and
 * one reader, atomic words), then a call. Both calls say only "look": what there is to do stands in the caller's own
 * structures, and many calls may be seen as one. */

#include <hv/types.h>

struct guest;

/* When the control core looks at it. All: when it was called or woken, when its own poll() or listen() said true, when the time
 * has come that it named by control_work_by(), and a few hundred times a second in any case, so limits of time need no more. */
enum control_when {
	WORK_ALWAYS,			/* and in every round: somebody's, whatever he came for */
	WORK_ON_CALL,
	WORK_ON_MESSAGE,		/* a driver: and when its device has sent a message */
};

/* Something that the control core looks at: a backend's queues, a driver. */
#define CONTROL_WORK_MAX 256
struct control_work {
	const char *name;
	/* Look, do a bounded piece of work, return at once. true: something was done, so look again before halting. */
	bool (*poll)(void *arg, u64 now);
	/* The core is about to halt: ask to be called (queue notifications on). true: something came in meanwhile, do not
	 * halt. Null: nothing to ask. */
	bool (*listen)(void *arg);
	/* Asked again and again while it has control_work_stay(): is there something to look at? A few instructions, nothing
	 * changes. Null: seen in a round only. */
	bool (*peek)(void *arg);
	void *arg;
	enum control_when when;
	u32 message;			/* WORK_ON_MESSAGE: pci_message() of the device */
	u32 *id;			/* where its number is put; null: nobody calls it by that */
};

/* Control core or boot core; never out of a poll(). -E_NOMEM: CONTROL_WORK_MAX are there. */
int control_work_add(const struct control_work *w);

/* Forget all work whose arg is gone: a guest's models, when it is deleted. Control core, never out of a poll(). */
void control_work_forget(bool (*is_gone)(const void *arg, u32 arena), u32 arena);

/* One round over all that have a reason; true: something was done. Then, before halting; true: do not halt. Control core. */
bool control_work_poll(u64 now);
bool control_work_listen(void);

/* The next round is over all of it. Control core. */
void control_work_look_all(void);

/* Do not halt beyond TSC: poll() is called then, or earlier. Holds until poll() is called next; by nobody's poll(): for the next
 * time that the core halts. Control core. */
void control_work_by(u64 tsc);
u64 control_work_deadline(void);	/* U64_MAX: nobody asked */

/* Go on until TSC without asking anybody to ring: more work is on its way. Where nothing has come for 50 us, the core looks by the
 * clock, every 15 us, and at what interrupts it. Control core. */
void control_work_linger(u64 tsc);

/* Look at work id in every round until listen() is called; that is not before TSC, as far as it is concerned, which what it
 * says later replaces. Control core. */
void control_work_stay(u32 id, u64 tsc);

/* Is anybody waiting so? Then a moment passes first, less when somebody rings or what is waited for has come. Control core. */
bool control_work_lingers(u64 now);

/* Work id is to be looked at in this round, or the next. Control core. */
void control_work_wake(u32 id);

/* The same from any core; a doorbell only if the control core halts or is about to. And: to those that are looked at in every
 * round. */
void control_work_call(u32 id);
void control_work_ring(void);

/* Work for a guest's core on behalf of a device: fn runs with the device lock held, on the core of the vcpu that was
 * asked. Devices register theirs when the guest is built (control core); the id is the bit of guest_call(). */
#define GUEST_CALLS_MAX 64
struct guest_call {
	void (*fn)(struct guest *g, void *arg);
	void *arg;
};

/* -E_NOMEM: GUEST_CALLS_MAX are there. Else the id. */
int guest_call_add(struct guest *g, void (*fn)(struct guest *g, void *arg), void *arg);

/* Have call id run soon on vcpu's core: a doorbell when it is not asked already. Harmless for a guest that is off: calls
 * that nobody took are forgotten when it starts. Control core. */
void guest_call(struct guest *g, u32 vcpu, u32 id);

/* Whoever lets something outside of the guest's cores work in the guest's RAM: a disk's DMA, a frame that a card sends.
 * let_go() is called when all vcpus are parked, again and again: forget what they asked for and was not begun; true when
 * nothing uses the RAM any more and everything is as before the guest's first start. Control core. */
#define GUEST_LENDERS_MAX 32
struct guest_lender {
	bool (*let_go)(struct guest *g, void *arg);
	void *arg;
};

/* When the guest is built. -E_NOMEM: GUEST_LENDERS_MAX are there. */
int guest_lender_add(struct guest *g, bool (*let_go)(struct guest *g, void *arg), void *arg);

/* Ask all of them. All vcpus parked. Control core. */
bool guest_let_go(struct guest *g);

/* Run what was asked of v. v's core, no lock held. */
void guest_take_calls(struct guest *g, u64 *asked);
