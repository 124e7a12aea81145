/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: */
/* Switching off IOMMUs, against units that obey, that lag, that never do, and that are not there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../../../hv/x86/x86.h"

#include <hv/boot_info.h>
#include <hv/log.h>
#include <hv/time.h>

/* The units' registers are functions. */
#define mmio_read32 fake_read
#define mmio_write32 fake_write
static u32 fake_read(const volatile void *p);
static void fake_write(volatile void *p, u32 val);

#include "../../../../hv/x86/iommu.c"

#define UNITS 4
#define TE VTD_TRANSLATION
#define QIE VTD_QUEUE
#define IRE VTD_REMAPPING
#define ROOT_SET BIT32(30)		/* a status bit that must not be written back */
#define CFI BIT32(23)			/* an enable that is none of our business */

struct unit {
	u8 page[AMD_SIZE];		/* only its addresses are used */
	bool amd;
	u32 status, cap, protected, control, run, head, tail;
	u32 stuck;			/* bits that never go off */
	u32 lag;			/* reads until a change shows */
	u32 pending, wait;		/* what shows then */
	u32 writes;
	u32 order[8];			/* what went off, one after the other */
};

static struct unit unit[UNITS];
static struct boot_info info;
static struct host_dma dma;
static u32 mapped;
static bool map_fails;
const struct boot_info *boot_info = &info;
struct timebase timebase;

static struct unit *unit_of(const volatile void *p, u32 *at)
{
	for (u32 i = 0; i < UNITS; i++) {
		if ((const volatile u8 *)p >= unit[i].page && (const volatile u8 *)p < unit[i].page + AMD_SIZE) {
			*at = (u32)((const volatile u8 *)p - unit[i].page);
			return &unit[i];
		}
	}
	fail();
	return NULL;
}

static u32 vtd_read(struct unit *u, u32 at)
{
	switch (at) {
	case VTD_VERSION:	return 0x10;
	case VTD_CAP:		return u->cap;
	case VTD_STATUS:
		if (u->wait && !--u->wait)
			u->status = u->pending;
		return u->status;
	case VTD_PROTECTED:	return u->protected;
	case VTD_QUEUE_HEAD:	return u->head < u->tail ? u->head++ : u->head;
	case VTD_QUEUE_TAIL:	return u->tail;
	default:
		fail();
		return 0;
	}
}

static u32 fake_read(const volatile void *p)
{
	u32 at;
	struct unit *u = unit_of(p, &at);

	if (u->cap == ~0u)
		return ~0u;
	if (!u->amd)
		return vtd_read(u, at);
	assert_true(at == AMD_CONTROL || at == AMD_STATUS);
	return at == AMD_CONTROL ? u->control : u->run;
}

static void vtd_command(struct unit *u, u32 val)
{
	u32 off = u->status & 0x96ffffff & ~val;

	assert_int_equal(val & ~0x96ffffffu, 0);
	assert_int_equal(val & ~u->status, 0);			/* nothing is switched on */
	assert_true(off && !(off & (off - 1)));			/* one at a time */
	assert_int_equal(u->wait, 0);				/* and the one before was waited for */
	assert_true(off == TE || !(u->status & TE));
	assert_true(off != QIE || u->head == u->tail);
	u->order[u->writes++] = off;
	u->pending = u->status & ~(off & ~u->stuck);
	u->wait = u->lag + 1;
}

static void amd_write(struct unit *u, u32 at, u32 val)
{
	assert_int_equal(at, AMD_CONTROL);
	assert_int_equal(val & ~u->control, 0);
	u->order[u->writes++] = u->control & ~val;
	assert_true(!(u->control & ~val & AMD_CONTROL_ON) || !(u->control & AMD_CONTROL_QUEUES));	/* the unit goes last */
	u->control = val | (u->control & u->stuck);
	if (!(u->stuck & BIT32(4)))
		u->run = 0;
}

static void fake_write(volatile void *p, u32 val)
{
	u32 at;
	struct unit *u = unit_of(p, &at);

	if (u->amd)
		return amd_write(u, at, val);
	if (at == VTD_COMMAND)
		return vtd_command(u, val);
	assert_int_equal(at, VTD_PROTECTED);
	assert_int_equal(u->status & TE, 0);
	u->writes++;
	u->protected = u->stuck & 1 ? val : val & ~VTD_PROTECTED_STATUS;
}

void *mmio_map(hpa_t base, u64 size, enum cache cache)
{
	assert_int_equal(cache, CACHE_UNCACHED);
	assert_true(size <= AMD_SIZE && size > AMD_STATUS * (size != VTD_SIZE));
	mapped++;
	return map_fails ? NULL : unit[base.v >> 16 & 3].page;
}

void log_write(enum log_level level, const char *fmt, ...)
{
}

static struct unit *add(bool amd, u32 status)
{
	u32 i = info.acpi.iommu_count++;

	info.acpi.iommus[i] = (struct boot_iommu){ .base = 0xfe000000 + 0x10000 * i,
		.kind = amd ? BOOT_IOMMU_AMD : BOOT_IOMMU_VTD };
	unit[i].amd = amd;
	unit[i].status = unit[i].control = status;
	return &unit[i];
}

static int setup(void **state)
{
	memset(unit, 0, sizeof(unit));
	memset(&info, 0, sizeof(info));
	memset(&dma, 0, sizeof(dma));
	mapped = 0;
	map_fails = false;
	timebase.tsc_hz = 20000000;	/* 100 ms are 2 million ticks */
	return 0;
}

static void test_none(void **state)
{
	assert_int_equal(iommus_switch_off(&dma), 0);
	assert_int_equal(dma.units, 0);
	assert_int_equal(mapped, 0);
}

static void test_was_off(void **state)
{
	struct unit *u = add(false, ROOT_SET | CFI), *a = add(true, 0x402);

	assert_int_equal(iommus_switch_off(&dma), 0);
	assert_int_equal(u->writes + a->writes, 0);
	assert_int_equal(dma.units, 2);
	assert_int_equal(dma.taken, 0);
}

static void test_vtd_obeys(void **state)
{
	struct unit *u = add(false, TE | IRE | QIE | ROOT_SET | CFI);

	u->cap = BIT32(6);
	u->protected = VTD_PROTECTED_ON | VTD_PROTECTED_STATUS;
	u->lag = 50;
	u->tail = 7;		/* commands that are still under way */
	assert_int_equal(iommus_switch_off(&dma), 0);
	assert_int_equal(u->status, ROOT_SET | CFI);
	assert_int_equal(u->protected, 0);
	assert_int_equal(u->order[0], TE);
	assert_int_equal(u->order[1], IRE);
	assert_int_equal(u->order[2], QIE);
	assert_int_equal(dma.taken, 1);
}

static void test_vtd_parts(void **state)
{
	struct unit *remap = add(false, IRE), *queue = add(false, QIE), *guard = add(false, 0), *none = add(false, 0);

	guard->cap = BIT32(5);
	guard->protected = VTD_PROTECTED_ON | VTD_PROTECTED_STATUS;
	none->protected = ~0u;	/* a register that this one does not have */
	assert_int_equal(iommus_switch_off(&dma), 0);
	assert_int_equal(remap->status | queue->status, 0);
	assert_int_equal(guard->protected, 0);
	assert_int_equal(none->writes, 0);
	assert_int_equal(dma.taken, 3);
}

static void stuck_case(bool amd, u32 status, u32 stuck, const char *why)
{
	struct unit *u, *other;

	setup(NULL);
	u = add(amd, status);
	other = add(false, TE);
	u->stuck = stuck;
	u->run = amd ? BIT32(4) : 0;
	u->cap = BIT32(5);
	u->protected = VTD_PROTECTED_STATUS | VTD_PROTECTED_ON;
	assert_int_equal(iommus_switch_off(&dma), -E_TIMEOUT);
	assert_int_equal(dma.stubborn, 1);
	assert_int_equal(dma.stubborn_base, 0xfe000000);
	assert_non_null(strstr(dma.stubborn_why, why));
	assert_int_equal(other->status, 0);	/* the others are seen to all the same */
	assert_int_equal(dma.taken, 1);
}

static void test_never_obeys(void **state)
{
	stuck_case(false, TE, TE, "translation stays on");
	stuck_case(false, TE | IRE, IRE, "interrupt remapping");
	stuck_case(false, TE | QIE, QIE, "queue");
	stuck_case(false, TE, 1, "protected memory");
	stuck_case(true, 1, 1, "stays on");
	stuck_case(true, 1 | BIT32(12), BIT32(4), "queue");
}

static void test_amd_obeys(void **state)
{
	struct unit *u = add(true, 0x402 | AMD_CONTROL_ON | AMD_CONTROL_QUEUES), *logs = add(true, BIT32(2));

	u->run = AMD_STATUS_RUNS;
	assert_int_equal(iommus_switch_off(&dma), 0);
	assert_int_equal(u->control, 0x402);
	assert_int_equal(u->order[0], AMD_CONTROL_QUEUES);
	assert_int_equal(u->order[1], AMD_CONTROL_ON);
	assert_int_equal(logs->control, 0);
	assert_int_equal(dma.taken, 2);
}

static void test_not_there(void **state)
{
	add(false, 0)->cap = ~0u;
	add(true, 0)->cap = ~0u;
	assert_int_equal(iommus_switch_off(&dma), 0);
	assert_int_equal(dma.silent, 2);
	assert_int_equal(dma.taken, 0);
}

static void test_out_of_reach(void **state)
{
	struct unit *u = add(false, TE);

	map_fails = true;
	assert_int_equal(iommus_switch_off(&dma), -E_TIMEOUT);
	assert_non_null(strstr(dma.stubborn_why, "cannot be reached"));
	setup(NULL);
	u = add(false, TE);
	info.range_count = 2;
	info.ranges[0] = (struct boot_range){ 0xfd000000, 0x4000000, BOOT_RESERVED, 0, 0 };
	info.ranges[1] = (struct boot_range){ 0xfe000fff, 1, BOOT_RAM, 0, 0 };
	assert_int_equal(iommus_switch_off(&dma), -E_TIMEOUT);
	assert_int_equal(mapped, 0);
	assert_int_equal(u->writes, 0);
	info.ranges[1].base = 0xfe001000;
	memset(&dma, 0, sizeof(dma));
	assert_int_equal(iommus_switch_off(&dma), 0);
}

static void test_too_many(void **state)
{
	add(false, 0);
	info.acpi.iommu_lost = 2;
	assert_int_equal(iommus_switch_off(&dma), -E_TIMEOUT);
	assert_int_equal(dma.units, 3);
	assert_int_equal(dma.stubborn_base, 0);
	assert_non_null(strstr(dma.stubborn_why, "more of them"));
}

#define T(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_none), T(test_was_off), T(test_vtd_obeys), T(test_vtd_parts), T(test_never_obeys), T(test_amd_obeys),
		T(test_not_there), T(test_out_of_reach), T(test_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
