/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/x86/svm/event.c */
/* Injection, windows, NMI masking: what the next entry would see, exit by exit. */

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "../../../../../hv/x86/svm/svm.h"

struct core core_private;
static u64 timer;
static struct vmcb *b;
static struct svm_vcpu *s;
static struct vcpu v;
static struct vmexit x;

void core_timer_set(u64 deadline)
{
	timer = deadline;
}

static int setup(void **state)
{
	(void)state;
	memset(&core_private, 0, sizeof(core_private));
	memset(&x, 0, sizeof(x));
	b = svm_vmcb();
	s = svm_state();
	b->clean = CLEAN_ALL;
	b->vintr = V_INTR_MASKING;
	s->inject_virtual = true;
	b->rip = 0x1000;
	b->rflags = RFLAGS_FIXED | RFLAGS_IF;
	timer = ~0ul;
	return 0;
}

/* One entry and exit as hardware does it. The machine's own interrupt goes before a virtual one. */
static void run(u64 code, u64 rip, u64 exitintinfo)
{
	if (s->special)
		svm_event_prepare();
	b->eventinj = 0;
	if (code != EXIT_INTR)
		b->vintr &= ~V_IRQ;
	b->exitcode = code;
	b->rip = rip;
	b->exitintinfo = exitintinfo;
	x = (struct vmexit){ .kind = VMEXIT_EVENT, .rflags = b->rflags };
	if (code == EXIT_EXCEPTION + VEC_DB) {
		x.kind = VMEXIT_EXCEPTION;
		x.exception.vector = VEC_DB;
		x.exception.dr6 = b->dr6;
	}
	if (s->special | b->exitintinfo | b->shadow | (b->vintr & V_IRQ))
		svm_event_finish(&x);
}

static void inject(u8 type, u8 vector)
{
	svm_inject(&v, &(struct event){ .type = type, .vector = vector });
}

#define VIRQ(vector) (V_INTR_MASKING | V_IRQ | V_PRIO_MAX | V_IGNORE_TPR | (u64)(vector) << 32)

static void words(void **state)
{
	(void)state;
	inject(EVENT_INTERRUPT, 0x31);
	assert_int_equal(b->eventinj, 0);
	assert_int_equal(b->vintr, VIRQ(0x31));
	assert_int_equal(b->clean, CLEAN_ALL & ~CLEAN_VINTR);
	b->clean = CLEAN_ALL;
	svm_inject(&v, &(struct event){ .type = EVENT_EXCEPTION, .vector = VEC_PF, .has_code = true, .code = 0xffffffff,
		.cr2 = 0xdead });
	assert_int_equal(b->eventinj, 0xffffffff80000b0e);
	assert_int_equal(b->cr2, 0xdead);
	assert_int_equal(b->clean, CLEAN_ALL & ~CLEAN_CR2);
	inject(EVENT_EXCEPTION, VEC_UD);
	assert_int_equal(b->eventinj, 0x80000306);
	b->dr7 = 0x2400;
	inject(EVENT_EXCEPTION, VEC_DB);
	assert_int_equal(b->dr7, 0x400);
	inject(EVENT_SOFT_INTERRUPT, 0x80);
	assert_int_equal(b->eventinj, 0x80000480);
}

/* Never as type 2: a guest without IRET would keep the machine's NMIs masked. */
static void nmi_is_an_interrupt(void **state)
{
	(void)state;
	inject(EVENT_NMI, VEC_NMI);
	assert_int_equal(b->eventinj, 0x80000002);
	assert_true(b->intercept1 & INTERCEPT1_IRET);
	run(EXIT_CPUID, 0x2000, 0);
	assert_int_equal(x.nmi_blocked, 1);
	run(EXIT_IRET, 0x2010, 0);
	assert_int_equal(x.nmi_blocked, 1);
	assert_false(b->intercept1 & INTERCEPT1_IRET);
	run(EXIT_INTR, 0x2010, 0);		/* before the IRET ran */
	assert_int_equal(x.nmi_blocked, 1);
	run(EXIT_CPUID, 0x1000, 0);
	assert_int_equal(x.nmi_blocked, 0);
	assert_int_equal(s->special, 0);
}

static void nmi_window_after_iret(void **state)
{
	(void)state;
	inject(EVENT_NMI, VEC_NMI);
	run(EXIT_CPUID, 0x2000, 0);
	svm_want_window(&v, WINDOW_NMI);
	run(EXIT_IRET, 0x2010, 0);
	assert_false(b->rflags & RFLAGS_TF);
	/* The IRET runs under our TF, loads the guest's flags, and #DB comes behind it. */
	svm_event_prepare();
	assert_true(b->rflags & RFLAGS_TF);
	b->dr6 = 0xffff4ff0;
	s->step_dr6 = 0xffff0ff0;
	b->rflags = RFLAGS_FIXED | RFLAGS_IF;
	b->exitcode = EXIT_EXCEPTION + VEC_DB;
	b->rip = 0x1000;
	x = (struct vmexit){ .kind = VMEXIT_EXCEPTION, .exception = { .vector = VEC_DB, .dr6 = b->dr6 } };
	svm_event_finish(&x);
	assert_int_equal(x.kind, VMEXIT_WINDOW);
	assert_int_equal(x.nmi_blocked, 0);
	assert_int_equal(b->dr6, 0xffff0ff0);
	assert_int_equal(s->special, SPECIAL_WINDOW_NMI);
}

static void nmi_window_in_shadow(void **state)
{
	(void)state;
	b->shadow = 1;
	svm_want_window(&v, WINDOW_NMI);
	svm_event_prepare();
	assert_true(b->rflags & RFLAGS_TF);
	/* Another exit first: the guest must not see our TF. */
	b->exitcode = EXIT_INTR;
	x = (struct vmexit){ .kind = VMEXIT_EVENT };
	svm_event_finish(&x);
	assert_false(b->rflags & RFLAGS_TF);
	assert_false(s->special & SPECIAL_STEP);
	/* Then the step, which also hits a breakpoint of the guest: #DB is the guest's, without BS. */
	svm_event_prepare();
	b->dr6 = DR6_BS | 1;
	b->exitcode = EXIT_EXCEPTION + VEC_DB;
	b->rip = 0x1003;
	x = (struct vmexit){ .kind = VMEXIT_EXCEPTION, .exception = { .vector = VEC_DB, .dr6 = b->dr6 } };
	svm_event_finish(&x);
	assert_int_equal(x.kind, VMEXIT_EXCEPTION);
	assert_int_equal(x.exception.dr6, 1);
	assert_false(b->rflags & RFLAGS_TF);
}

/* A shadow alone brings the exit here, and what stands in EXITINTINFO without its valid bit means nothing. */
static void shadow_is_told(void **state)
{
	(void)state;
	b->shadow = 1;
	run(EXIT_HLT, 0x1000, 0);
	assert_int_equal(x.shadow, 1);
	b->shadow = 2;
	run(EXIT_HLT, 0x1000, 0x7f);
	assert_int_equal(x.shadow, 0);
	assert_int_equal(x.event_queued, 0);
	assert_int_equal(b->eventinj, 0);
}

static void nmi_window_behind_an_event(void **state)
{
	(void)state;
	inject(EVENT_INTERRUPT, 0x30);
	svm_want_window(&v, WINDOW_NMI);
	svm_event_prepare();
	assert_int_equal(timer, 1);
	assert_false(b->rflags & RFLAGS_TF);
	/* The interrupt that ends the guest at once would go before a virtual one, again and again. */
	assert_int_equal(b->eventinj, 0x80000030);
	assert_int_equal(b->vintr, V_INTR_MASKING);
}

static void virtual_interrupt_waits(void **state)
{
	(void)state;
	b->vintr = V_INTR_MASKING | 5;
	inject(EVENT_INTERRUPT, 0x31);
	run(EXIT_INTR, 0x1000, 0);
	assert_int_equal(x.event_queued, 1);
	assert_int_equal(b->vintr, 5 | VIRQ(0x31));
	svm_event_step();		/* and its trap waits behind it */
	assert_int_equal(b->eventinj, 0);
	run(EXIT_CPUID, 0x2000, 0);
	assert_int_equal(b->vintr & V_IRQ, 0);
	assert_int_equal(b->eventinj, 0);
	inject(EVENT_INTERRUPT, 0x32);
	assert_int_equal(b->vintr, 5 | VIRQ(0x32));
	svm_event_reset();
	assert_int_equal(b->vintr, V_INTR_MASKING | 5);
}

/* The gate was not present: the guest's handler of that exception runs, and must not get the interrupt from us. */
static void failed_delivery_is_over(void **state)
{
	(void)state;
	inject(EVENT_INTERRUPT, 0x31);
	b->rflags &= ~RFLAGS_IF;
	run(EXIT_INTR, 0x1000, 0);
	assert_int_equal(x.event_queued, 0);
	assert_int_equal(b->vintr, V_INTR_MASKING);
	b->rflags |= RFLAGS_IF;
	inject(EVENT_INTERRUPT, 0x32);
	run(EXIT_INTR, 0x5000, 0);	/* through a trap gate */
	assert_int_equal(x.event_queued, 0);
	assert_int_equal(b->vintr, V_INTR_MASKING);
	assert_int_equal(b->eventinj, 0);
}

static void others_get_eventinj(void **state)
{
	(void)state;
	s->owned = true;
	inject(EVENT_INTERRUPT, 0x31);
	assert_int_equal(b->eventinj, 0x80000031);
	s->owned = s->inject_virtual = false;
	inject(EVENT_INTERRUPT, 0x32);
	assert_int_equal(b->eventinj, 0x80000032);
	assert_int_equal(b->vintr, V_INTR_MASKING);
}

/* A window needs V_IRQ for itself: what is queued moves, and back. */
static void virtual_interrupt_and_window(void **state)
{
	(void)state;
	inject(EVENT_INTERRUPT, 0x31);
	svm_want_window(&v, WINDOW_INTERRUPT);
	assert_int_equal(b->eventinj, 0x80000031);
	assert_int_equal(b->vintr, VIRQ(0));
	svm_want_window(&v, WINDOW_NONE);
	assert_int_equal(b->eventinj, 0);
	assert_int_equal(b->vintr, VIRQ(0x31));
	assert_false(b->intercept1 & INTERCEPT1_VINTR);
	run(EXIT_CPUID, 0x2000, 0);

	svm_want_window(&v, WINDOW_INTERRUPT);
	run(EXIT_INTR, 0x2000, 0);
	assert_int_equal(x.event_queued, 0);
	inject(EVENT_INTERRUPT, 0x41);
	assert_int_equal(b->eventinj, 0x80000041);
	assert_int_equal(b->vintr, VIRQ(0));
	svm_want_window(&v, WINDOW_NONE);
	assert_int_equal(b->vintr, VIRQ(0x41));
	run(EXIT_CPUID, 0x2000, 0);

	svm_want_window(&v, WINDOW_INTERRUPT);
	inject(EVENT_NMI, VEC_NMI);	/* not for RFLAGS.IF to mask */
	svm_want_window(&v, WINDOW_NONE);
	assert_int_equal(b->eventinj, 0x80000002);
	assert_int_equal(b->vintr, V_INTR_MASKING);
	b->eventinj = 0x0000000480000b0d;
	svm_want_window(&v, WINDOW_INTERRUPT);
	svm_want_window(&v, WINDOW_NONE);
	assert_int_equal(b->eventinj, 0x0000000480000b0d);
	assert_int_equal(b->vintr, V_INTR_MASKING);
}

static void interrupt_window(void **state)
{
	(void)state;
	svm_want_window(&v, WINDOW_INTERRUPT);
	assert_int_equal(b->vintr, VIRQ(0));
	assert_true(b->intercept1 & INTERCEPT1_VINTR);
	assert_int_equal(b->clean, CLEAN_ALL & ~(CLEAN_INTERCEPTS | CLEAN_VINTR));
	b->clean = CLEAN_ALL;
	svm_want_window(&v, WINDOW_INTERRUPT);
	svm_event_prepare();
	assert_int_equal(b->clean, CLEAN_ALL);
	b->vintr &= ~V_IRQ;		/* an exit took it: it stays wanted */
	svm_event_prepare();
	assert_true(b->vintr & V_IRQ);
	svm_want_window(&v, WINDOW_NONE);
	assert_int_equal(b->vintr, V_INTR_MASKING);
	assert_false(b->intercept1 & INTERCEPT1_VINTR);
	assert_int_equal(s->special, 0);
}

static void interrupted_delivery(void **state)
{
	(void)state;
	inject(EVENT_INTERRUPT, 0x40);
	b->exitintinfo = 0x80000340;	/* QEMU leaves V_IRQ set then, and takes it for an exception */
	x = (struct vmexit){ .kind = VMEXIT_EVENT };
	svm_event_finish(&x);
	assert_int_equal(b->eventinj, 0x80000040);
	assert_int_equal(b->vintr, V_INTR_MASKING);
	run(EXIT_NPF, 0x1000, 0x80000040);
	assert_int_equal(x.event_queued, 1);
	assert_int_equal(b->eventinj, 0x80000040);
	run(EXIT_CPUID, 0x3000, 0);
	assert_int_equal(b->eventinj, 0);

	/* The guest's own exception with its code: again. */
	run(EXIT_NPF, 0x1000, 0x0000000480000b0d);
	assert_int_equal(b->eventinj, 0x0000000480000b0d);
	/* Its own INT n and INT3 run again by themselves. */
	b->eventinj = 0;
	run(EXIT_NPF, 0x1000, 0x80000480);
	assert_int_equal(b->eventinj, 0);
	assert_int_equal(x.event_queued, 0);
	run(EXIT_NPF, 0x1000, 0x80000303);
	assert_int_equal(b->eventinj, 0);
	/* One that we injected does not. */
	inject(EVENT_SOFT_INTERRUPT, 0x80);
	run(EXIT_NPF, 0x1000, 0x80000480);
	assert_int_equal(b->eventinj, 0x80000480);
	run(EXIT_CPUID, 0x1000, 0);
	assert_int_equal(s->special, 0);
}

static void single_step_of_the_guest(void **state)
{
	(void)state;
	b->dr6 = 0xffff0ff0;
	svm_event_step();
	assert_int_equal(b->eventinj, 0x80000301);
	assert_int_equal(b->dr6, 0xffff4ff0);
	b->eventinj = 0x80000306;
	svm_event_step();
	assert_int_equal(b->eventinj, 0x80000306);
}

static void reset_forgets(void **state)
{
	(void)state;
	svm_want_window(&v, WINDOW_INTERRUPT);
	inject(EVENT_NMI, VEC_NMI);
	b->shadow = 1;
	svm_event_reset();
	assert_int_equal(b->eventinj, 0);
	assert_int_equal(b->shadow, 0);
	assert_false(b->intercept1 & INTERCEPT1_IRET);
	assert_int_equal(s->special, SPECIAL_WINDOW_INTERRUPT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(words, setup),
		cmocka_unit_test_setup(nmi_is_an_interrupt, setup),
		cmocka_unit_test_setup(nmi_window_after_iret, setup),
		cmocka_unit_test_setup(nmi_window_in_shadow, setup),
		cmocka_unit_test_setup(shadow_is_told, setup),
		cmocka_unit_test_setup(nmi_window_behind_an_event, setup),
		cmocka_unit_test_setup(virtual_interrupt_waits, setup),
		cmocka_unit_test_setup(failed_delivery_is_over, setup),
		cmocka_unit_test_setup(others_get_eventinj, setup),
		cmocka_unit_test_setup(virtual_interrupt_and_window, setup),
		cmocka_unit_test_setup(interrupt_window, setup),
		cmocka_unit_test_setup(interrupted_delivery, setup),
		cmocka_unit_test_setup(single_step_of_the_guest, setup),
		cmocka_unit_test_setup(reset_forgets, setup),
	};

	return cmocka_run_group_tests_name("svm event", tests, NULL, NULL);
}
