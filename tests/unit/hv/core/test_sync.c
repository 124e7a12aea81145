/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: */
/* The spin lock with cores that are threads, and ticks * num / den against 128-bit arithmetic. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>

#include <hv/core.h>

/* Each thread is a core of its own. */
static _Thread_local struct { u32 index; } thread_core;
#undef this_core
#define this_core() (&thread_core)

#include "../../../../hv/core/sync.c"

#define THREADS 4
#define TURNS 200000

void assert_failed(const char *what, const char *file, int line)
{
	mock_assert(0, what, file, line);
	__builtin_unreachable();
}

static struct spinlock lock;
static u64 counted;		/* plain: only the lock makes the sum right */
static u32 inside, most_inside;
static pthread_barrier_t begin;

static void *count(void *index)
{
	thread_core.index = (u32)(uintptr_t)index;
	pthread_barrier_wait(&begin);
	for (u32 i = 0; i < TURNS; i++) {
		u32 n;

		spin_lock(&lock);
		n = __atomic_add_fetch(&inside, 1, __ATOMIC_RELAXED);
		if (n > __atomic_load_n(&most_inside, __ATOMIC_RELAXED))
			__atomic_store_n(&most_inside, n, __ATOMIC_RELAXED);
		counted++;
		__atomic_sub_fetch(&inside, 1, __ATOMIC_RELAXED);
		spin_unlock(&lock);
	}
	return NULL;
}

static void test_lock_excludes(void **state)
{
	pthread_t t[THREADS];

	lock = (struct spinlock){ 0 };
	pthread_barrier_init(&begin, NULL, THREADS);
	for (u32 i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&t[i], NULL, count, (void *)(uintptr_t)i), 0);
	for (u32 i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	assert_int_equal(most_inside, 1);
	assert_int_equal(counted, (u64)THREADS * TURNS);
	assert_int_equal(lock.held, 0);
}

static void twice_on(u32 core)
{
	lock = (struct spinlock){ 0 };
	thread_core.index = core;
	spin_lock(&lock);
	expect_assert_failure(spin_lock(&lock));
	spin_unlock(&lock);
}

/* Core 0 counts too: its holder is not the 0 of a free lock. */
static void test_lock_twice_is_an_assertion(void **state)
{
	twice_on(0);
	twice_on(1);
	twice_on(255);
}

static void test_unlock_of_others_is_an_assertion(void **state)
{
	lock = (struct spinlock){ 0 };
	thread_core.index = 1;
	expect_assert_failure(spin_unlock(&lock));
	spin_lock(&lock);
	thread_core.index = 2;
	expect_assert_failure(spin_unlock(&lock));
	thread_core.index = 1;
	spin_unlock(&lock);
}

static u64 reference(u64 ticks, u64 num, u64 den)
{
	unsigned __int128 q = (unsigned __int128)ticks * num / den;

	return q > UINT64_MAX ? UINT64_MAX : (u64)q;
}

static u64 noise(void)
{
	static u64 x = 88172645463325252ul;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x;
}

static void check(u64 ticks, u64 num, u64 den)
{
	assert_true(mul_div(ticks, num, den) == reference(ticks, num, den));
}

static void test_mul_div_edges(void **state)
{
	static const u64 edge[] = { 0, 1, 2, 3, 999999999, 1000000000, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000,
		0x7fffffffffffffff, 0x8000000000000000, 0xfffffffffffffffe, 0xffffffffffffffff };

	for (u32 a = 0; a < ARRAY_COUNT(edge); a++)
		for (u32 b = 0; b < ARRAY_COUNT(edge); b++)
			for (u32 c = 1; c < ARRAY_COUNT(edge); c++)
				check(edge[a], edge[b], edge[c]);
}

static void test_mul_div_random(void **state)
{
	for (u32 i = 0; i < 200000; i++)
		check(noise() >> noise() % 64, noise() >> noise() % 64, (noise() >> noise() % 64) | 1);
}

/* The last quotient that fits and the first that does not. */
static void test_mul_div_saturates(void **state)
{
	assert_true(mul_div(U64_MAX, 7, 7) == U64_MAX);
	assert_true(mul_div(U64_MAX - 1, 7, 7) == U64_MAX - 1);
	assert_true(mul_div(1ul << 63, 2, 1) == U64_MAX);
	assert_true(mul_div(1ul << 62, 2, 1) == 1ul << 63);
	assert_true(mul_div(U64_MAX, U64_MAX, U64_MAX - 1) == U64_MAX);
	/* A rate that is not known yet ends nothing. */
	assert_true(mul_div(5, 5, 0) == U64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lock_excludes),
		cmocka_unit_test(test_lock_twice_is_an_assertion),
		cmocka_unit_test(test_unlock_of_others_is_an_assertion),
		cmocka_unit_test(test_mul_div_edges), cmocka_unit_test(test_mul_div_random),
		cmocka_unit_test(test_mul_div_saturates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
