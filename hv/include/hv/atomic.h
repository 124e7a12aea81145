/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Named helpers for data that two cores share. Acquire pairs with release; nothing else synchronises. */

#include <hv/types.h>

#define load_acquire(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define load_relaxed(p) __atomic_load_n((p), __ATOMIC_RELAXED)
#define store_release(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)
#define store_relaxed(p, v) __atomic_store_n((p), (v), __ATOMIC_RELAXED)
#define fetch_or(p, v) __atomic_fetch_or((p), (v), __ATOMIC_ACQ_REL)
#define fetch_and(p, v) __atomic_fetch_and((p), (v), __ATOMIC_ACQ_REL)
#define fetch_add(p, v) __atomic_fetch_add((p), (v), __ATOMIC_ACQ_REL)
#define exchange(p, v) __atomic_exchange_n((p), (v), __ATOMIC_ACQ_REL)
#define fence_full() __atomic_thread_fence(__ATOMIC_SEQ_CST)

/* Used through hv/lock.h. Knows its holder: taking it twice on one core is an assertion, not a hang. */
struct spinlock {
	u32 held;	/* 0 free, else the holder's core index + 1 */
};
static inline void cpu_relax(void) { __asm__ volatile("pause" ::: "memory"); }
