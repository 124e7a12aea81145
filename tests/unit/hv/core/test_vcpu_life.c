/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: tests/unit/hv/core/vcpu_fake.c tests/fake/fake_virt.c tests/fake/fake_core.c tests/unit/hv/core/exit_on_fake_clock.c hv/core/guest.c hv/core/guest_call.c hv/core/bus.c hv/core/sync.c hv/core/message.c hv/core/vlapic.c hv/core/vlapic_own.c tests/fake/fake_own_apic.c hv/core/vlapic_reg.c hv/core/vlapic_ipi.c hv/core/vlapic_timer.c hv/lib/format.c hv/lib/string.c */
/* A vcpu's life: starting, sleeping, waking, deadlines, doorbells that come in between, parking, and its books. */
#include "vcpu_fake.h"

#include "fake/fake_clock.h"

#include "../../../../hv/core/vcpu.c"

static void ring_park(void)
{
	others_ask(REQ_PARK);
}

/* Parking */

static void test_parked_before_it_starts(void **state)
{
	others_ask(REQ_PARK | REQ_NMI | REQ_INIT);
	play(STEP(OPEN));
	assert_int_equal(fake.entries, 0);
	assert_int_equal(fake.count[FAKE_RUN], 0);
	assert_int_equal(v->pub->requests, 0);
}

static void park(struct vcpu *t)
{
	others_ask(REQ_PARK);
}

static void test_parked_while_it_runs(void **state)
{
	play(STEP(OPEN), STEP_DO(park, OPEN));
	assert_int_equal(fake.entries, 2);
}

static void test_kill_ends_the_loop(void **state)
{
	play(STEP(OPEN), { .exit = { .kind = VMEXIT_TRIPLE_FAULT, .rip = 0x1234, OPEN } }, STEP(OPEN));
	assert_int_equal(fake.entries, 2);
	assert_string_equal(g->record.id, "GUEST-TRIPLE-FAULT");
	assert_int_equal(g->vcpu[1].requests, REQ_PARK);
	assert_int_equal(fake_core.rings[1], 1);
}

static void test_failed_entry_ends_the_guest_not_the_core(void **state)
{
	play({ .exit = { .kind = VMEXIT_ENTRY_FAILED, .rip = 0x1234, CLOSED, .failed = { "CR0.PG without CR0.PE" } } });
	assert_string_equal(g->record.id, "GUEST-ENTRY-FAILED");
	assert_non_null(strstr(g->record.reason, "CR0.PG without CR0.PE"));
}

/* Books */

static void test_exits_are_counted(void **state)
{
	const struct exit_stat *s = &v->pub->stat[VMEXIT_CPUID];

	pc_fake.handler_ticks = 50;
	play(STEP(OPEN), STEP(OPEN), STEP(OPEN));
	assert_int_equal(s->count, 3);
	assert_int_equal(s->cycles, 150);
	assert_int_equal(s->worst, 50);
	assert_int_equal(v->pub->stat[VMEXIT_MSR].count, 0);
}

static void slow_once(void)
{
	fake_core.now += fake.step == 2 ? 700 : 30;
}

static void test_worst_is_kept(void **state)
{
	pc_fake.handler = slow_once;
	play(STEP(OPEN), STEP(OPEN), STEP(OPEN));
	assert_int_equal(v->pub->stat[VMEXIT_CPUID].worst, 700);
	assert_int_equal(v->pub->stat[VMEXIT_CPUID].cycles, 760);
}

/* HLT */

static void wake_40(u64 deadline)
{
	fake_core.now += 500;
	others_post(0x40);
}

static void test_hlt_until_an_interrupt(void **state)
{
	fake_core.asleep = wake_40;
	play(STEP_HLT(OPEN), STEP(CLOSED));
	got(0x40);
	assert_int_equal(fake_core.idles, 1);
	assert_true(fake_core.idle_until == U64_MAX);
	assert_int_equal(fake_core.taken, 2);	/* behind the sleep, and for the exit that ends the script */
	assert_int_equal(v->pub->halted_cycles, 500);
	assert_int_equal(fake.call[1].kind, FAKE_SET_RIP);
	assert_int_equal(fake.call[1].arg[0], 0x2001);
}

/* STI; HLT: the shadow ends with the HLT. */
static void test_hlt_in_the_shadow_of_sti(void **state)
{
	fake_core.asleep = wake_40;
	play(STEP_HLT(OPEN, .shadow = 1), STEP(CLOSED));
	got(0x40);
	assert_int_equal(fake.count[FAKE_WINDOW], 0);
}

static void wake_40_then_park(u64 deadline)
{
	if (fake_core.idles == 1)
		others_post(0x40);
	else
		others_ask(REQ_PARK);
}

static void test_hlt_with_if_clear_sleeps_on(void **state)
{
	fake_core.asleep = wake_40_then_park;
	play(STEP_HLT(CLOSED), STEP(CLOSED));
	assert_int_equal(fake_core.idles, 2);
	assert_int_equal(fake.entries, 1);
}

static void test_hlt_below_the_task_priority_sleeps_on(void **state)
{
	vlapic_set_cr8(v, 8);
	fake_core.asleep = wake_40_then_park;
	play(STEP_HLT(OPEN), STEP(CLOSED));
	assert_int_equal(fake_core.idles, 2);
	assert_int_equal(fake.entries, 1);
}

static void wake_nmi(u64 deadline)
{
	others_ask(fake_core.idles == 1 ? REQ_NMI : REQ_PARK);
}

static void test_hlt_until_an_nmi(void **state)
{
	fake_core.asleep = wake_nmi;
	play(STEP_HLT(CLOSED), STEP(CLOSED));
	got(VEC_NMI);
}

/* In a handler of an NMI the next one waits for IRET, and so does HLT. */
static void test_hlt_with_nmis_blocked_sleeps_on(void **state)
{
	fake_core.asleep = wake_nmi;
	play(STEP_HLT(CLOSED, .nmi_blocked = 1), STEP(CLOSED));
	assert_int_equal(fake_core.idles, 2);
	assert_int_equal(fake.entries, 1);
}

static void wake_pic(u64 deadline)
{
	pic_wants(0x30);
	others_ask(REQ_PIC);
}

static void test_hlt_until_the_pic(void **state)
{
	fake_core.asleep = wake_pic;
	play(STEP_HLT(OPEN), STEP(CLOSED));
	got(0x30);
}

static void own_40(struct vcpu *t)
{
	vlapic_set_irr(v, 0x40, false);
}

static void test_hlt_with_something_waiting_does_not_sleep(void **state)
{
	struct fake_step hlt = STEP_HLT(OPEN);

	hlt.meanwhile = own_40;
	play(hlt, STEP(CLOSED));
	got(0x40);
	assert_int_equal(fake_core.idles, 0);
}

static void wake_for_nothing(u64 deadline)
{
	if (fake_core.idles == 5)
		others_post(0x40);
	fake_core.now += 10;
}

static void test_hlt_survives_wake_ups_for_nothing(void **state)
{
	fake_core.asleep = wake_for_nothing;
	play(STEP_HLT(OPEN), STEP(CLOSED));
	got(0x40);
	assert_int_equal(fake_core.idles, 5);
	assert_int_equal(v->pub->halted_cycles, 50);
}

static void test_hlt_for_ever_can_be_parked(void **state)
{
	play(STEP_HLT(CLOSED), STEP(CLOSED));
	assert_int_equal(fake_core.stuck, 1);
	assert_int_equal(fake.entries, 1);
}

/* Time */

static void start_timer(struct vcpu *t)
{
	timer_start(0x41, 1000);
}

static void test_timer_interrupts_a_busy_guest(void **state)
{
	struct fake_step busy = STEP(OPEN);
	u64 armed;

	busy.ticks = 100000;
	fake.state.rflags = v->exit.rflags = RFLAGS_FIXED | IF;
	armed = fake_core.now + 100;
	play(STEP_DO(start_timer, OPEN), busy);
	got(0x41);
	/* It came at its time, not with the end of the step. */
	assert_int_equal(v->pub->stat[VMEXIT_EVENT].count, 2);
	assert_true(fake_core.now == armed + 100000);
}

static void test_timer_wakes_from_hlt(void **state)
{
	struct fake_step hlt = STEP_HLT(OPEN);

	hlt.meanwhile = start_timer;
	play(hlt, STEP(CLOSED));
	got(0x41);
	assert_true(fake_core.idle_until == 1000 + 100 + 1000);
	assert_int_equal(v->pub->halted_cycles, 1000);
}

static void start_periodic(struct vcpu *t)
{
	timer_start(0x41, 200000);
	vlapic_mmio_write(v, 0x320, 0x20041);
	vlapic_mmio_write(v, 0x380, 200000);
}

static void eoi(void)
{
	if (v->lapic.isrv)
		guest_eoi();
}

static void test_periodic_timer_goes_on(void **state)
{
	struct fake_step hlt = STEP_HLT(OPEN), first = hlt;

	pc_fake.handler = eoi;
	first.meanwhile = start_periodic;
	play(first, STEP(OPEN), hlt, STEP(OPEN), hlt, STEP(OPEN));
	got(0x41, 0x41, 0x41);
	assert_int_equal(fake_core.idles, 3);
}

static void test_no_timer_no_deadline(void **state)
{
	play(STEP(OPEN), STEP(OPEN));
	assert_true(v->deadline == U64_MAX);
	assert_int_equal(pc_fake.runs, 0);
}

static void test_models_run_at_their_deadline(void **state)
{
	struct fake_step busy = STEP(CLOSED);

	busy.ticks = 100000;
	g->device_deadline = 5000;
	pc_fake.next_deadline = 9000;
	play(busy);
	assert_int_equal(pc_fake.runs, 2);
	assert_true(pc_fake.ran_at == 9000);
	assert_int_equal(g->device_lock.held, 0);
	assert_int_equal(fake.entries, 3);
}

static void raise_pic(void)
{
	pic_wants(0x30);
}

static void test_models_may_raise_the_pic(void **state)
{
	g->device_deadline = 5000;
	pc_fake.on_run = raise_pic;
	play(STEP_HLT(OPEN), STEP(CLOSED));
	got(0x30);
	assert_true(fake_core.idle_until == 5000);
}

static void move_device_deadline(struct vcpu *t)
{
	g->device_deadline = fake_core.now + 10;
	others_ask(REQ_DEADLINE);
}

static void test_deadline_moved_by_others(void **state)
{
	struct fake_step busy = STEP(CLOSED);

	busy.ticks = 100000;
	play(STEP_DO(move_device_deadline, CLOSED), busy);
	assert_int_equal(pc_fake.runs, 1);
	assert_true(pc_fake.ran_at == 1000 + 100 + 10);
}

static void test_models_are_vcpu_0s(void **state)
{
	struct fake_step busy = STEP(CLOSED);

	v->activity = VCPU_RUNNABLE;
	busy.ticks = 100000;
	g->device_deadline = 500;
	play(busy);
	assert_int_equal(pc_fake.runs, 0);
	assert_int_equal(fake.entries, 1);
}

/* Doorbells: who rings after the requests were looked at is heard before the guest runs */

static void ask_late(void)
{
	if (pc_fake.runs == 1)
		others_ask(REQ_NMI);
}

static void test_request_between_look_and_entry(void **state)
{
	g->device_deadline = 0;
	pc_fake.on_run = ask_late;
	play(STEP(CLOSED), STEP(CLOSED));
	assert_true(fake.entries >= 1);
	/* The first entry into the guest carried it. */
	assert_int_equal(fake.call[0].kind, FAKE_RUN);
	assert_int_equal(fake.call[0].arg[0], 0);
	assert_int_equal(fake.call[1].kind, FAKE_INJECT);
	assert_int_equal(fake.call[2].arg[0], 1);
	got(VEC_NMI);
	assert_int_equal(core_table[0].doorbell, 0);
}

/* The same while it is about to sleep: core_idle() must find the word set. */
static void test_request_between_look_and_sleep(void **state)
{
	pc_fake.on_run = ask_late;
	g->device_deadline = 1100;
	play(STEP_HLT(CLOSED), STEP(CLOSED));
	got(VEC_NMI);
	assert_int_equal(fake_core.stuck, 0);
}

static void test_park_between_look_and_entry(void **state)
{
	g->device_deadline = 0;
	pc_fake.on_run = ring_park;
	play(STEP(CLOSED));
	assert_int_equal(fake.entries, 0);
}

/* A doorbell that only the word tells of, without a request: one look, and on. */
static void test_bare_doorbell(void **state)
{
	store_release(&core_table[0].doorbell, 1);
	play(STEP(CLOSED), STEP(CLOSED));
	assert_int_equal(fake.entries, 2);
	assert_int_equal(core_table[0].doorbell, 0);
}

static void looks_no_more(void)
{
	assert_false(vcpu_needs_service(v));
}

static void test_nothing_waits_nothing_is_looked_at(void **state)
{
	pc_fake.handler = looks_no_more;
	play(STEP(OPEN), STEP(OPEN));
	assert_int_equal(v->pub->stat[VMEXIT_CPUID].count, 2);
}

static void test_busy_doorbell_does_not_stop_the_guest(void **state)
{
	play(STEP_DO(move_device_deadline, CLOSED), STEP_DO(move_device_deadline, CLOSED), STEP(CLOSED));
	assert_int_equal(v->pub->stat[VMEXIT_CPUID].count, 3);
}

/* What the control core sends */

static void send_events(struct vcpu *t)
{
	fetch_or(&g->events, GUEST_EVENT_INPUT | GUEST_EVENT_POWER_BUTTON | GUEST_EVENT_BALLOON);
	others_ask(REQ_EVENTS);
}

static void send_input(struct vcpu *t)
{
	fetch_or(&g->events, GUEST_EVENT_INPUT);
	others_ask(REQ_EVENTS);
}

static void test_guest_events(void **state)
{
	play(STEP_DO(send_events, CLOSED), STEP_DO(send_input, CLOSED), STEP(CLOSED));
	assert_int_equal(pc_fake.inputs, 2);
	assert_int_equal(pc_fake.buttons, 1);
	assert_int_equal(pc_fake.balloons, 1);
	assert_int_equal(g->events, 0);
	assert_int_equal(g->device_lock.held, 0);
}

/* INIT and SIPI */

static void sipi(u64 deadline)
{
	vcpu_request_start(g, v->index, 0x9a);
	others_ask(0);
}

static void test_second_vcpu_waits_for_sipi(void **state)
{
	fake_core.asleep = sipi;
	play(STEP(CLOSED));
	assert_int_equal(fake_core.idles, 1);
	assert_true(fake_core.idle_until == U64_MAX);
	assert_int_equal(fake.entries, 1);
	assert_int_equal(fake.state.seg[SEG_CS].sel, 0x9a00);
	assert_int_equal(fake.state.seg[SEG_CS].base, 0x9a000);
	assert_int_equal(fake.state.seg[SEG_CS].limit, 0xffff);
	assert_int_equal(v->activity, VCPU_RUNNABLE);
}

static void test_sipi_starts_at_zero(void **state)
{
	fake_core.asleep = sipi;
	play({ .ticks = 10, .exit = { .kind = VMEXIT_CPUID, .len = 2, CLOSED } });
	assert_int_equal(fake_last(FAKE_SET_RIP)->arg[0], 2);
}

static void sipi_page_ff(u64 deadline)
{
	vcpu_request_start(g, v->index, 0xff);
	others_ask(0);
}

static void test_sipi_is_one_byte(void **state)
{
	fake_core.asleep = sipi_page_ff;
	play(STEP(CLOSED));
	assert_int_equal(fake.state.seg[SEG_CS].base, 0xff000);
}

static void everything_but_sipi(u64 deadline)
{
	assert_true(deadline == U64_MAX);
	if (fake_core.idles == 1)
		others_post(0x40);
	else if (fake_core.idles == 2)
		others_ask(REQ_NMI);
	else
		others_ask(REQ_PARK);
}

static void test_only_sipi_starts_it(void **state)
{
	fake_core.asleep = everything_but_sipi;
	fake.state.rflags = v->exit.rflags = RFLAGS_FIXED | IF;
	play(STEP(CLOSED));
	assert_int_equal(fake_core.idles, 3);
	assert_int_equal(fake.entries, 0);
}

static void sipi_meanwhile(struct vcpu *t)
{
	sipi(0);
}

static void test_second_sipi_is_ignored(void **state)
{
	v->activity = VCPU_RUNNABLE;
	play(STEP_DO(sipi_meanwhile, CLOSED), STEP(CLOSED));
	assert_int_equal(fake.state.seg[SEG_CS].sel, 0xf000);
	assert_int_equal(fake.count[FAKE_SET_STATE], 0);
	assert_int_equal(fake.entries, 2);
}

static void init_meanwhile(struct vcpu *t)
{
	v->nmi_pending = true;
	vlapic_set_irr(v, 0x40, false);
	others_ask(REQ_INIT);
}

static void test_init_stops_the_second(void **state)
{
	v->activity = VCPU_RUNNABLE;
	v->gpr[RBX] = 7;
	vlapic_mmio_write(v, 0xf0, 0x1ff);
	fake_core.asleep = sipi;
	play(STEP_DO(init_meanwhile, OPEN), STEP(OPEN), STEP(OPEN));
	assert_int_equal(fake.count[FAKE_RESET], 1);
	assert_int_equal(fake_core.idles, 1);
	assert_int_equal(v->gpr[RBX], 0);
	/* What waited for it is gone. */
	got_vectors(NULL, 0);
	assert_int_equal(v->lapic.irrv, 0);
	assert_int_equal(v->lapic.svr, 0xff);
}

static void init_and_nmi(struct vcpu *t)
{
	others_ask(REQ_INIT | REQ_NMI);
}

/* What held events back before INIT holds nothing back behind it. */
static void test_init_forgets_the_last_exit(void **state)
{
	play(STEP_DO(init_and_nmi, OPEN, .nmi_blocked = 1), STEP(CLOSED));
	got(VEC_NMI);
	assert_int_equal(fake.count[FAKE_WINDOW], 0);
}

static void init_and_sipi(struct vcpu *t)
{
	others_ask(REQ_INIT);
	sipi(0);
}

static void sipi_and_init(struct vcpu *t)
{
	sipi(0);
	vcpu_request_start(g, v->index, -1);
}

static void nmi_then_sipi(u64 deadline)
{
	if (fake_core.idles == 1)
		others_ask(REQ_NMI);
	else
		sipi(0);
}

/* The other way round: the SIPI found nobody waiting, so that the vcpu waits for the next. */
static void test_sipi_then_init_waits(void **state)
{
	v->activity = VCPU_RUNNABLE;
	fake_core.asleep = nmi_then_sipi;
	play(STEP_DO(sipi_and_init, OPEN), STEP(OPEN));
	assert_int_equal(fake.count[FAKE_RESET], 1);
	assert_int_equal(fake_core.idles, 2);
	assert_int_equal(fake.state.seg[SEG_CS].sel, 0x9a00);
}

static void two_sipis(struct vcpu *t)
{
	vcpu_request_start(g, v->index, -1);
	vcpu_request_start(g, v->index, 0x12);
	sipi(0);
}

/* The first starts it; there is nobody left for the second. */
static void test_the_first_sipi_counts(void **state)
{
	v->activity = VCPU_RUNNABLE;
	play(STEP_DO(two_sipis, OPEN), STEP(OPEN));
	assert_int_equal(fake_core.idles, 0);
	assert_int_equal(fake.state.seg[SEG_CS].sel, 0x1200);
}

static void init_between(struct vcpu *t)
{
	vcpu_request_start(g, v->index, 0x12);
	vcpu_request_start(g, v->index, -1);
	sipi(0);
}

static void test_init_takes_the_page_back(void **state)
{
	v->activity = VCPU_RUNNABLE;
	play(STEP_DO(init_between, OPEN), STEP(OPEN));
	assert_int_equal(fake.state.seg[SEG_CS].sel, 0x9a00);
}

/* Both seen in one look: INIT is first, or the vcpu would wait for ever. */
static void test_init_and_sipi_at_once(void **state)
{
	v->activity = VCPU_RUNNABLE;
	play(STEP_DO(init_and_sipi, OPEN), STEP(OPEN));
	assert_int_equal(fake_core.idles, 0);
	assert_int_equal(fake.entries, 2);
	assert_int_equal(fake.state.seg[SEG_CS].sel, 0x9a00);
}

static void test_init_restarts_the_first(void **state)
{
	play(STEP_DO(init_meanwhile, OPEN), { .exit = { .kind = VMEXIT_CPUID, .len = 2, CLOSED } });
	assert_int_equal(fake.count[FAKE_RESET], 1);
	assert_int_equal(fake.entries, 2);
	assert_int_equal(fake_last(FAKE_SET_RIP)->arg[0], 0xfff2);
	got_vectors(NULL, 0);
}

static void init_wakes(u64 deadline)
{
	others_ask(fake_core.idles == 1 ? REQ_INIT : REQ_PARK);
}

static void test_init_wakes_from_hlt(void **state)
{
	fake_core.asleep = init_wakes;
	play(STEP_HLT(CLOSED), STEP(CLOSED));
	assert_int_equal(fake.entries, 2);
	assert_int_equal(fake_core.idles, 1);
}

/* An event that was under way when INIT came is dropped with the rest of the state. */
static void test_init_drops_a_queued_event(void **state)
{
	v->activity = VCPU_RUNNABLE;
	fake.state.rflags = v->exit.rflags = RFLAGS_FIXED | IF;
	vlapic_mmio_write(v, 0xf0, 0x1ff);
	vlapic_set_irr(v, 0x40, false);
	fake_core.asleep = sipi;
	play(STEP_DO(init_meanwhile, OPEN, .event_queued = 1), STEP(CLOSED));
	got_vectors(NULL, 0);
	assert_int_equal(fake.entries, 2);
}

/* What the control core asks of a vcpu runs on its core, device lock held, once for many asks. */
static u32 call_runs[2];
static int call_id[2];

static void on_call(struct guest *t, void *arg)
{
	assert_ptr_equal(t, g);
	assert_int_not_equal(g->device_lock.held, 0);
	++*(u32 *)arg;
}

static void calls_setup(void)
{
	memset(call_runs, 0, sizeof(call_runs));
	for (u32 i = 0; i < 2; i++)
		call_id[i] = guest_call_add(g, on_call, &call_runs[i]);
	assert_int_equal(call_id[1], 1);
}

static void call_meanwhile(struct vcpu *t)
{
	this_core()->index = 5;		/* as another core */
	for (u32 i = 0; i < 3; i++)
		guest_call(g, v->index, (u32)call_id[1]);
	guest_call(g, v->index, (u32)call_id[0]);
	this_core()->index = 0;
}

static void test_calls(void **state)
{
	calls_setup();
	play(STEP_DO(call_meanwhile, CLOSED), STEP(CLOSED));
	assert_int_equal(call_runs[0], 1);
	assert_int_equal(call_runs[1], 1);
	assert_int_equal(fake_core.rings[0], 1);
	assert_int_equal(v->pub->calls, 0);
}

static void call_asleep(u64 deadline)
{
	call_meanwhile(v);
	fake_core.asleep = NULL;
}

static void test_calls_reach_who_sleeps(void **state)
{
	calls_setup();
	fake_core.asleep = call_asleep;
	play(STEP(CLOSED));
	assert_int_equal(call_runs[1], 1);
}

/* A handler that sends its own vcpu an interrupt wakes it from HLT: nobody rings for that. */
static void posts_to_self(struct guest *t, void *arg)
{
	const struct irq_message m = { .delivery = DELIVER_FIXED, .vector = 0x51 };

	vlapic_post(t, v->index, &m);
}

static void ask_asleep(u64 deadline)
{
	this_core()->index = 5;
	guest_call(g, 0, 0);
	this_core()->index = 0;
	fake_core.asleep = NULL;
}

static void test_a_call_interrupts_its_own_vcpu(void **state)
{
	v->activity = VCPU_RUNNABLE;
	fake.state.rflags = v->exit.rflags = RFLAGS_FIXED | IF;
	vlapic_mmio_write(v, 0xf0, 0x1ff);
	guest_call_add(g, posts_to_self, NULL);
	fake_core.asleep = ask_asleep;
	play(STEP_HLT(OPEN), STEP(OPEN));
	got(0x51);
	assert_int_equal(fake_core.stuck, 0);
}

static bool lends;

static bool let_go(struct guest *t, void *arg)
{
	++*(u32 *)arg;
	return !lends;
}

static void test_lenders(void **state)
{
	u32 asked[2] = { 0 };

	assert_true(guest_let_go(g));
	assert_int_equal(guest_lender_add(g, let_go, &asked[0]), 0);
	assert_int_equal(guest_lender_add(g, let_go, &asked[1]), 0);
	lends = true;
	assert_false(guest_let_go(g));
	assert_true(asked[0] == 1 && asked[1] == 1);	/* all are told at once */
	lends = false;
	assert_true(guest_let_go(g));
	for (u32 i = 2; i < GUEST_LENDERS_MAX; i++)
		guest_lender_add(g, let_go, &asked[0]);
	assert_int_equal(guest_lender_add(g, let_go, &asked[0]), -E_NOMEM);
	for (u32 i = 0; i < GUEST_CALLS_MAX; i++)
		assert_int_equal(guest_call_add(g, on_call, NULL), i);
	assert_int_equal(guest_call_add(g, on_call, NULL), -E_NOMEM);
}

static void test_fault_words(void **state)
{
	assert_int_equal(vcpu_fault(v, VEC_GP, 0), FAULT);
	assert_true(v->fault.has_code);
	assert_int_equal(v->fault.type, EVENT_EXCEPTION);
	assert_int_equal(vcpu_fault(v, VEC_UD, -1), FAULT);
	assert_false(v->fault.has_code);
	assert_int_equal(v->fault.code, 0);
	vcpu_fault(v, VEC_AC, 0x18);
	assert_int_equal(v->fault.code, 0x18);
	assert_int_equal(v->fault.vector, VEC_AC);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define T2(name) cmocka_unit_test_setup_teardown(name, setup_second, teardown)

/* Held still until the control core lets it go on: what comes meanwhile waits, and nothing of it is lost. */

static void pause_me(struct vcpu *t)
{
	g->paused = 1;
	others_ask(REQ_PAUSE);
}

static void let_go_on(u64 deadline)
{
	assert_true(deadline == U64_MAX);
	assert_int_equal(v->pub->paused, 1);
	others_post(0x40);
	if (fake_core.idles == 2)
		g->paused = 0;
}

static void test_pause(void **state)
{
	fake_core.asleep = let_go_on;
	play(STEP_DO(pause_me, OPEN), STEP(CLOSED));
	got(0x40);
	assert_int_equal(fake_core.idles, 2);
	assert_int_equal(v->pub->paused, 0);
	assert_int_equal(pc_fake.pauses, 1);
}

static void park_meanwhile(u64 deadline)
{
	others_ask(REQ_PARK);
}

static void test_parked_while_paused(void **state)
{
	fake_core.asleep = park_meanwhile;
	play(STEP_DO(pause_me, OPEN));
	assert_int_equal(fake_core.idles, 1);
	assert_int_equal(v->pub->paused, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_parked_before_it_starts), T(test_parked_while_it_runs), T(test_kill_ends_the_loop),
		T(test_failed_entry_ends_the_guest_not_the_core), T(test_exits_are_counted), T(test_worst_is_kept),
		T(test_hlt_until_an_interrupt), T(test_hlt_in_the_shadow_of_sti), T(test_hlt_with_if_clear_sleeps_on),
		T(test_hlt_below_the_task_priority_sleeps_on), T(test_hlt_until_an_nmi),
		T(test_hlt_with_nmis_blocked_sleeps_on), T(test_hlt_until_the_pic),
		T(test_hlt_with_something_waiting_does_not_sleep), T(test_hlt_survives_wake_ups_for_nothing),
		T(test_hlt_for_ever_can_be_parked), T(test_timer_interrupts_a_busy_guest), T(test_timer_wakes_from_hlt),
		T(test_no_timer_no_deadline), T(test_models_run_at_their_deadline), T(test_models_may_raise_the_pic),
		T(test_deadline_moved_by_others), T2(test_models_are_vcpu_0s), T(test_request_between_look_and_entry),
		T(test_request_between_look_and_sleep), T(test_park_between_look_and_entry), T(test_bare_doorbell),
		T(test_nothing_waits_nothing_is_looked_at), T(test_periodic_timer_goes_on),
		T(test_init_forgets_the_last_exit),
		T(test_busy_doorbell_does_not_stop_the_guest), T(test_guest_events),
		T2(test_second_vcpu_waits_for_sipi),
		T2(test_sipi_starts_at_zero), T2(test_sipi_is_one_byte), T2(test_only_sipi_starts_it),
		T2(test_second_sipi_is_ignored), T2(test_init_stops_the_second), T2(test_init_and_sipi_at_once),
		T2(test_sipi_then_init_waits), T2(test_the_first_sipi_counts), T2(test_init_takes_the_page_back),
		T(test_init_restarts_the_first), T(test_init_wakes_from_hlt), T2(test_init_drops_a_queued_event),
		T(test_pause), T(test_parked_while_paused), T(test_calls), T2(test_calls_reach_who_sleeps), T(test_a_call_interrupts_its_own_vcpu), T(test_lenders),
		T(test_fault_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
