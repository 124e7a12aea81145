/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Types that everything uses: sized integers, the three kinds of address that do not mix, small helpers.
 * Pure definitions; any core, also on the build host in unit tests. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;

typedef struct { u64 v; } hpa_t;	/* physical address of the machine */
typedef struct { u64 v; } gpa_t;	/* "physical" address as a guest sees it */
typedef struct { u64 v; } hva_t;	/* virtual address of the hypervisor */

#define HPA(x) ((hpa_t){ (u64)(x) })
#define GPA(x) ((gpa_t){ (u64)(x) })
#define HVA(x) ((hva_t){ (u64)(x) })

#define PAGE_SIZE 4096ul
#define KiB (1ul << 10)
#define MiB (1ul << 20)
#define GiB (1ul << 30)
#define BLOCK_SIZE (2 * MiB)		/* what the plan hands out */

#define U64_MAX UINT64_MAX
#define BIT(n) (1ul << (n))
#define BIT32(n) (1u << (n))
#define ARRAY_COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define ALIGN_UP(x, a) (((x) + ((a) - 1)) & ~((u64)(a) - 1))
#define ALIGN_DOWN(x, a) ((x) & ~((u64)(a) - 1))
#define IS_ALIGNED(x, a) (((x) & ((u64)(a) - 1)) == 0)
#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr) - offsetof(type, member)))

#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))
#define NOINLINE __attribute__((noinline))
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)
#define NORETURN __attribute__((noreturn))
#define PACKED __attribute__((packed))
#define PAGE_ALIGNED __attribute__((aligned(4096)))

/* Errors: functions return 0 or one of these, negated. */
enum error {
	E_INVAL = 1,	/* the caller or the input is wrong */
	E_NOMEM,	/* a bounded pool is empty */
	E_NOENT,	/* no such thing */
	E_BUSY,		/* in the wrong state for this */
	E_RANGE,	/* outside of what is allowed */
	E_NODEV,	/* the machine lacks it */
	E_TIMEOUT,
	E_NOSPC,	/* the destination is too small */
	E_AGAIN,	/* there is no room at this moment: try again */
};
