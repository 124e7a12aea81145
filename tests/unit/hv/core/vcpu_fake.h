/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What surrounds vcpu_loop() in its tests: a PIC that is a list of vectors, models with one deadline, other cores that
 * ask, and a guest of scripted steps. Its local APIC is the real one. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fake/fake_virt.h"

#include <hv/guest.h>

#define IF RFLAGS_IF

struct pc_fake {
	u8 pic[64];		/* vectors that the PIC wants delivered */
	u32 pic_count, pic_next;
	u32 runs, inputs, buttons, balloons, pauses;
	u64 ran_at;
	void (*on_run)(void);	/* in pc_run(), after the requests of this turn were taken */
	u64 next_deadline;	/* what pc_run() leaves, once */
	void (*handler)(void);	/* in the handler of VMEXIT_CPUID */
	u64 handler_ticks;	/* how long it takes */
	u64 told_due;		/* by guest_due_tell() */
};
extern struct pc_fake pc_fake;
extern struct guest *g;
extern struct vcpu *v;

/* Vcpu 0 or 1 of a guest of two, APIC as firmware leaves it. */
int setup(void **state);
int setup_second(void **state);
int teardown(void **state);

/* As another core does it. */
void others_ask(u32 requests);
void others_post(u8 vector);

void pic_wants(u8 vector);
void guest_eoi(void);
void timer_start(u8 vector, u32 ticks);

/* Run the loop over these steps, until it parks. */
#define play(...) play_steps((const struct fake_step[]){ __VA_ARGS__ }, \
	sizeof((const struct fake_step[]){ __VA_ARGS__ }) / sizeof(struct fake_step))
void play_steps(const struct fake_step *steps, u32 count);

/* A step that ends in CPUID, with the flags in force there. */
#define STEP(...) { .ticks = 100, .exit = { .kind = VMEXIT_CPUID, .len = 2, .rip = 0x1000, .cpl = 0xff, __VA_ARGS__ } }
#define STEP_DO(fn, ...) { .ticks = 100, .meanwhile = fn, \
	.exit = { .kind = VMEXIT_CPUID, .len = 2, .rip = 0x1000, .cpl = 0xff, __VA_ARGS__ } }
#define STEP_HLT(...) { .ticks = 100, \
	.exit = { .kind = VMEXIT_HLT, .len = 1, .rip = 0x2000, .cpl = 0xff, __VA_ARGS__ } }
#define OPEN .rflags = RFLAGS_FIXED | IF
#define CLOSED .rflags = RFLAGS_FIXED

/* Delivered to the guest: exactly these vectors, in this order. */
#define got(...) got_vectors((const u8[]){ __VA_ARGS__ }, sizeof((const u8[]){ __VA_ARGS__ }))
void got_vectors(const u8 *vectors, u32 count);
