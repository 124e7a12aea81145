/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: tests/fake/fake_virt.c tests/fake/fake_core.c hv/core/guest.c hv/core/message.c hv/lib/format.c hv/lib/string.c */
/* How a guest ends when several of its vcpus want it at once, what the record says, and who is called. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>

#include "fake/fake_virt.h"

#include <hv/guest.h>
#include <hv/lib.h>

#define VCPUS 4u
#define ROUNDS 4000

static struct guest *g;
static struct vcpu vcpu[VCPUS];

const char *vmexit_name(enum vmexit_kind kind)
{
	return kind == VMEXIT_TRIPLE_FAULT ? "triple-fault" : "other";
}

static int setup(void **state)
{
	g = fake_guest_new(VCPUS);
	for (u32 i = 0; i < VCPUS; i++)
		vcpu[i] = (struct vcpu){ .guest = g, .index = i, .pub = &g->vcpu[i],
			.exit = { .kind = VMEXIT_TRIPLE_FAULT, .rip = 0x1000 + i, .reason = 0x200 + i,
				.qual1 = 0x300 + i, .qual2 = 0x400 + i } };
	return 0;
}

static int teardown(void **state)
{
	fake_guest_free(g);
	return 0;
}

/* What the control core finds in this core's ring; 1 message at most. */
static void one_message(enum message_type type)
{
	struct message m;

	assert_true(message_get(&core_private.pub->from_core, &m));
	assert_int_equal(m.type, type);
	assert_ptr_equal(m.arg[0], g);
	assert_false(message_get(&core_private.pub->from_core, &m));
}

static void record_is_of(u32 i)
{
	const struct guest_end_record *r = &g->record;

	assert_int_equal(r->ready, 1);
	assert_int_equal(r->vcpu, i);
	assert_int_equal(r->rip, 0x1000 + i);
	assert_int_equal(r->exit_kind, VMEXIT_TRIPLE_FAULT);
	assert_int_equal(r->exit_reason, 0x200 + i);
	assert_int_equal(r->qual1, 0x300 + i);
	assert_int_equal(r->qual2, 0x400 + i);
}

static void all_park(void)
{
	for (u32 i = 0; i < VCPUS; i++)
		assert_true(g->vcpu[i].requests & REQ_PARK);
}

static void test_end(void **state)
{
	guest_end(g, &vcpu[2], END_RESULT, 42);
	assert_int_equal(g->record.end, END_RESULT);
	assert_int_equal(g->record.result, 42);
	assert_string_equal(g->record.id, "");
	record_is_of(2);
	all_park();
	one_message(MSG_ENDED);
}

/* The other vcpus' cores are rung and the control core; not the own one, which looks before it enters again. */
static void test_end_rings(void **state)
{
	guest_end(g, &vcpu[0], END_POWEROFF, 0);
	assert_int_equal(fake_core.rings[0], 0);
	for (u32 i = 1; i < VCPUS; i++)
		assert_int_equal(fake_core.rings[i], 1);
	for (u32 i = VCPUS; i < FAKE_CONTROL; i++)
		assert_int_equal(fake_core.rings[i], 0);
	assert_int_equal(fake_core.rings[FAKE_CONTROL], 1);
}

static void test_kill(void **state)
{
	guest_kill(&vcpu[1], "GUEST-TEST", "address %#lx of vcpu %u", 0x1234ul, 1u);
	assert_int_equal(g->record.end, END_KILLED);
	assert_string_equal(g->record.id, "GUEST-TEST");
	assert_string_equal(g->record.reason, "address 0x1234 of vcpu 1");
	record_is_of(1);
	all_park();
	one_message(MSG_ENDED);
}

static void test_kill_shows_registers(void **state)
{
	for (u32 i = 0; i < GPR_COUNT; i++)
		vcpu[0].gpr[i] = 0xa000 + i;
	guest_kill(&vcpu[0], "GUEST-TEST", "why");
	assert_non_null(strstr(g->record.dump, "rax=a000 rcx=a001 rdx=a002 rbx=a003\n"));
	assert_non_null(strstr(g->record.dump, "r12=a00c r13=a00d r14=a00e r15=a00f\n"));
	assert_non_null(strstr(g->record.dump, "fake backend, exit triple-fault\n"));
	assert_int_equal(fake.count[FAKE_DUMP], 1);
	assert_true(fake_last(FAKE_DUMP)->arg[0] < sizeof(g->record.dump));
}

static void test_long_words_are_cut(void **state)
{
	char words[400];

	memset(words, 'w', sizeof(words));
	words[sizeof(words) - 1] = 0;
	guest_kill(&vcpu[0], words, "%s", words);
	assert_int_equal(strlen(g->record.id), sizeof(g->record.id) - 1);
	assert_int_equal(strlen(g->record.reason), sizeof(g->record.reason) - 1);
	assert_int_equal(g->record.end, END_KILLED);
}

static void test_first_wins(void **state)
{
	guest_kill(&vcpu[1], "GUEST-FIRST", "first");
	guest_kill(&vcpu[2], "GUEST-SECOND", "second");
	guest_end(g, &vcpu[3], END_RESULT, 7);
	assert_string_equal(g->record.id, "GUEST-FIRST");
	assert_string_equal(g->record.reason, "first");
	assert_int_equal(g->record.end, END_KILLED);
	assert_int_equal(g->record.result, 0);
	record_is_of(1);
	one_message(MSG_ENDED);
	assert_int_equal(fake_core.rings[FAKE_CONTROL], 1);
}

/* A guest that ended properly is not made a killed one by what its other vcpus do last. */
static void test_end_before_kill(void **state)
{
	guest_end(g, &vcpu[0], END_REBOOT, 0);
	guest_kill(&vcpu[1], "GUEST-LATE", "late");
	assert_int_equal(g->record.end, END_REBOOT);
	assert_string_equal(g->record.id, "");
	assert_string_equal(g->record.reason, "");
	one_message(MSG_ENDED);
}

/* While another vcpu fills the record this one adds nothing: neither words nor a second message. */
static void test_loser_touches_nothing(void **state)
{
	struct guest_end_record before;

	g->record.claimed = 1;
	before = g->record;
	guest_kill(&vcpu[0], "GUEST-LATE", "late");
	guest_end(g, &vcpu[1], END_RESULT, 9);
	assert_memory_equal(&before, &g->record, sizeof(before));
	for (u32 i = 0; i < VCPUS; i++)
		assert_int_equal(g->vcpu[i].requests, 0);
	assert_int_equal(core_private.pub->from_core.head, 0);
}

/* Races */

static pthread_barrier_t start;

/* Two cores meet here; on a busy machine they give way to each other. */
static void meet(u32 *count, u32 until)
{
	fetch_add(count, 1);
	for (u32 spins = 0; load_acquire(count) < until; spins++)
		if (spins > 2000)
			sched_yield();
}

static u32 prepared, met;

static void end_it(struct vcpu *v, u32 round)
{
	char id[16];

	fmt_print(id, sizeof(id), "ID-%u", v->index);
	meet(&met, 4 * round + 2);
	if (v->index & 1)
		guest_kill(v, id, "by vcpu %u", v->index);
	else
		guest_end(g, v, END_RESULT, v->index);
	meet(&met, 4 * round + 4);
}

static void *other_core(void *arg)
{
	for (u32 round = 0; round < ROUNDS; round++) {
		meet(&prepared, 2 * round + 2);
		end_it(&vcpu[2 + round % 2], round);
	}
	return NULL;
}

static void record_is_of_one(void)
{
	u32 who = g->record.vcpu;
	char id[16] = "", reason[32] = "";

	record_is_of(who);
	if (who & 1) {
		fmt_print(id, sizeof(id), "ID-%u", who);
		fmt_print(reason, sizeof(reason), "by vcpu %u", who);
	}
	assert_string_equal(g->record.id, id);
	assert_string_equal(g->record.reason, reason);
	assert_int_equal(g->record.end, who & 1 ? END_KILLED : END_RESULT);
	assert_int_equal(g->record.result, who & 1 ? 0 : who);
}

static void test_race(void **state)
{
	pthread_t other;

	prepared = met = 0;
	assert_int_equal(pthread_create(&other, NULL, other_core, NULL), 0);
	for (u32 round = 0; round < ROUNDS; round++) {
		fake_guest_free(g);
		setup(state);
		meet(&prepared, 2 * round + 2);
		end_it(&vcpu[1], round);
		record_is_of_one();
		all_park();
		one_message(MSG_ENDED);
	}
	pthread_join(other, NULL);
}

static void *empty_the_ring(void *got)
{
	struct message m;

	for (u32 n = 0; n <= MESSAGE_RING_SLOTS; n++) {
		while (!message_get(&core_private.pub->from_core, &m))
			sched_yield();
		*(struct message *)got = m;
	}
	return NULL;
}

/* The control core is late: the word is kept until there is room. */
static void test_full_ring_waits(void **state)
{
	struct message filler = { .type = MSG_READY }, last = { 0 };
	pthread_t reader;

	while (message_put(&core_private.pub->from_core, &filler))
		;
	assert_int_equal(pthread_create(&reader, NULL, empty_the_ring, &last), 0);
	guest_end(g, &vcpu[0], END_POWEROFF, 0);
	pthread_join(reader, NULL);
	assert_int_equal(last.type, MSG_ENDED);
	assert_ptr_equal(last.arg[0], g);
}

/* Requests */

static void test_request_kicks_once(void **state)
{
	vcpu_request(g, 1, REQ_NMI);
	vcpu_request(g, 1, REQ_NMI);
	assert_int_equal(fake_core.rings[1], 1);
	vcpu_request(g, 1, REQ_POSTED);
	assert_int_equal(fake_core.rings[1], 2);
	/* One new bit of two is news. */
	vcpu_request(g, 1, REQ_NMI | REQ_INIT);
	assert_int_equal(fake_core.rings[1], 3);
	assert_int_equal(g->vcpu[1].requests, REQ_NMI | REQ_POSTED | REQ_INIT);
}

/* One word holds what the order of INIT and SIPI leaves, whatever else is in it. */
static void test_request_start(void **state)
{
	u32 *word = &g->vcpu[1].requests;

	vcpu_request(g, 1, REQ_NMI);
	vcpu_request_start(g, 1, 0xfe);
	assert_int_equal(*word, REQ_NMI | REQ_SIPI | 0xfe000000);
	assert_int_equal(fake_core.rings[1], 2);
	vcpu_request_start(g, 1, 0x01);
	assert_int_equal(REQ_SIPI_PAGE(*word), 0xfe);
	assert_int_equal(fake_core.rings[1], 2);
	vcpu_request_start(g, 1, -1);
	assert_int_equal(*word, REQ_NMI | REQ_INIT);
	assert_int_equal(fake_core.rings[1], 3);
	vcpu_request_start(g, 1, -1);
	assert_int_equal(fake_core.rings[1], 3);
	vcpu_request_start(g, 1, 0);
	assert_int_equal(*word, REQ_NMI | REQ_INIT | REQ_SIPI);
	vcpu_request(g, 1, REQ_POSTED);
	vcpu_request_start(g, 1, -1);
	assert_int_equal(*word, REQ_NMI | REQ_INIT | REQ_POSTED);
}

static void test_request_to_own_core(void **state)
{
	vcpu_request(g, 0, REQ_NMI);
	assert_int_equal(g->vcpu[0].requests, REQ_NMI);
	assert_int_equal(fake_core.rings[0], 0);
}

/* The vcpu's core, not the vcpu's number. */
static void test_kick_goes_to_the_core(void **state)
{
	g->core_of[1] = 5;
	g->core_of[2] = 0;
	vcpu_request(g, 1, REQ_NMI);
	vcpu_request(g, 2, REQ_NMI);
	vcpu_kick(g, 3);
	assert_int_equal(fake_core.rings[5], 1);
	assert_int_equal(fake_core.rings[1], 0);
	assert_int_equal(fake_core.rings[0], 0);
	assert_int_equal(fake_core.rings[3], 1);
}

static void *request_bits(void *shift)
{
	pthread_barrier_wait(&start);
	for (u32 i = 0; i < 5000; i++)
		vcpu_request(g, 1, 1u << (uintptr_t)shift);
	return NULL;
}

/* Each bit that was asked for is seen, with a doorbell behind the last look. */
static void test_requests_from_many(void **state)
{
	pthread_t t[VCPUS];
	u32 seen = 0;

	pthread_barrier_init(&start, NULL, VCPUS + 1);
	for (uintptr_t i = 0; i < VCPUS; i++)
		assert_int_equal(pthread_create(&t[i], NULL, request_bits, (void *)i), 0);
	pthread_barrier_wait(&start);
	for (u32 i = 0; i < 20000; i++) {
		store_relaxed(&core_table[1].doorbell, 0);
		fence_full();
		seen |= exchange(&g->vcpu[1].requests, 0);
	}
	for (u32 i = 0; i < VCPUS; i++)
		pthread_join(t[i], NULL);
	assert_true(!g->vcpu[1].requests || core_table[1].doorbell);
	assert_int_equal(seen | g->vcpu[1].requests, 0xf);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_end), T(test_end_rings), T(test_kill), T(test_kill_shows_registers), T(test_long_words_are_cut),
		T(test_first_wins), T(test_end_before_kill), T(test_loser_touches_nothing), T(test_race),
		T(test_full_ring_waits), T(test_request_kicks_once), T(test_request_start), T(test_request_to_own_core),
		T(test_kick_goes_to_the_core), T(test_requests_from_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
