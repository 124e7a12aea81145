/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/x86/gmem.c hv/core/bus.c hv/x86/walk.c tests/unit/hv/x86/x86_support.c */
/* Bounds of guest memory, page walks in every mode against a model written the other way round, fetching. */
#include "x86_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

#include "walk.h"

#define P 1u
#define W 2u
#define U 4u
#define PS 0x80u
#define NX BIT(63)

static int setup(void **state)
{
	world_reset();
	walk_limits_set((struct walk_limits){ 52, true });
	return 0;
}

static void ram_bounds(void **state)
{
	const struct guest *g = &w->g;
	u8 b[8];

	assert_ptr_equal(gmem_ptr(g, GPA(0), RAM_LOW), g->ram);
	assert_null(gmem_ptr(g, GPA(0), RAM_LOW + 1));
	assert_non_null(gmem_ptr(g, GPA(RAM_LOW - 1), 1));
	assert_null(gmem_ptr(g, GPA(RAM_LOW - 1), 2));
	assert_null(gmem_ptr(g, GPA(RAM_LOW), 1));
	assert_null(gmem_ptr(g, GPA(HIGH_BASE - 1), 1));
	assert_null(gmem_ptr(g, GPA(HIGH_BASE - 1), 2));
	assert_ptr_equal(gmem_ptr(g, GPA(HIGH_BASE), RAM_HIGH), g->ram + HIGH_BASE);
	assert_null(gmem_ptr(g, GPA(HIGH_BASE + RAM_HIGH), 1));
	assert_null(gmem_ptr(g, GPA(~0ul), 1));
	assert_null(gmem_ptr(g, GPA(1), ~0ul));
	assert_null(gmem_ptr(g, GPA(HIGH_BASE + 1), ~0ul));
	assert_true(gmem_write(g, GPA(RAM_LOW - 4), "abcd", 4));
	assert_true(gmem_read(g, GPA(RAM_LOW - 4), b, 4));
	assert_memory_equal(b, "abcd", 4);
	assert_false(gmem_write(g, GPA(RAM_LOW - 3), "wxyz", 4));
	assert_memory_equal(g->ram + RAM_LOW - 4, "abcd", 4);
	assert_false(gmem_zero(g, GPA(RAM_LOW - 3), 4));
	assert_true(gmem_zero(g, GPA(RAM_LOW - 4), 4));
	assert_memory_equal(g->ram + RAM_LOW - 4, "\0\0\0\0", 4);
}

/* --- An independent model: gather all entries first, then judge, one table per mode written out. --- */

struct model { bool ok; u64 gpa; u32 vector, code; };

static u64 entry_at(u64 gpa, u32 size)
{
	u64 e = 0;

	if (!((gpa + size <= RAM_LOW) || (gpa >= HIGH_BASE && gpa + size <= HIGH_BASE + RAM_HIGH)))
		return size == 8 ? ~0ul : 0xffffffff;
	memcpy(&e, w->g.ram + gpa, size);
	return e;
}

static struct model model_fault(const struct cpu_state *s, u32 access, bool present, bool rsvd)
{
	bool id = (access & GMEM_EXEC) && ((s->cr4 & CR4_SMEP) || ((s->cr4 & CR4_PAE) && (s->efer & EFER_NXE)));

	return (struct model){ false, 0, VEC_PF, (present ? 1 : 0) | (access & GMEM_WRITE ? 2 : 0) |
		(access & GMEM_USER ? 4 : 0) | (rsvd ? 8 : 0) | (id ? 16 : 0) };
}

static bool model_rights(const struct cpu_state *s, u32 access, bool w_all, bool u_all, bool nx_any)
{
	if (access & GMEM_USER) {
		if (!u_all || ((access & GMEM_WRITE) && !w_all))
			return false;
	} else {
		if ((access & GMEM_WRITE) && !w_all && (s->cr0 & CR0_WP))
			return false;
		if (u_all && !(access & GMEM_EXEC) && (s->cr4 & CR4_SMAP) && !(s->rflags & RFLAGS_AC))
			return false;
		if (u_all && (access & GMEM_EXEC) && (s->cr4 & CR4_SMEP))
			return false;
	}
	return !((access & GMEM_EXEC) && nx_any);
}

static struct model model_32(const struct cpu_state *s, u32 va, u32 access)
{
	u32 pde = (u32)entry_at((s->cr3 & 0xfffff000) + (va >> 22) * 4, 4), pte;

	if (!(pde & P))
		return model_fault(s, access, false, false);
	if ((pde & PS) && (s->cr4 & CR4_PSE)) {
		if (pde & BIT(21))
			return model_fault(s, access, true, true);
		if (!model_rights(s, access, pde & W, pde & U, false))
			return model_fault(s, access, true, false);
		return (struct model){ true, ((u64)(pde >> 13 & 0xff) << 32) + (pde & 0xffc00000) + (va & 0x3fffff), 0, 0 };
	}
	pte = (u32)entry_at((pde & 0xfffff000) + (va >> 12 & 1023) * 4, 4);
	if (!(pte & P))
		return model_fault(s, access, false, false);
	if (!model_rights(s, access, pde & pte & W, pde & pte & U, false))
		return model_fault(s, access, true, false);
	return (struct model){ true, (pte & 0xfffff000) + (va & 0xfff), 0, 0 };
}

static struct model model_64(const struct cpu_state *s, u64 va, u32 access, int levels)
{
	static const u64 size[] = { 0, 0x1000, 0x200000, 0x40000000 };
	bool nxe = s->efer & EFER_NXE, w_all = true, u_all = true, nx = false;
	u64 at = levels == 3 ? s->cr3 & 0xffffffe0 : s->cr3 & 0xffffffffff000;

	if (levels > 3) {
		u64 top = va >> (levels == 4 ? 47 : 56);

		if (top != 0 && top != (levels == 4 ? 0x1ffff : 0xff))
			return (struct model){ false, 0, VEC_GP, 0 };
	}
	for (int level = levels; level >= 1; level--) {
		u64 e = entry_at(at + (va >> (12 + 9 * (level - 1)) & 511) * 8, 8), bad = nxe ? 0 : NX;
		bool leaf = level == 1 || ((e & PS) && (level == 2 || (level == 3 && levels > 3)));

		if (!(e & P))
			return model_fault(s, access, false, false);
		if (levels == 3)
			bad |= 0x7ff0000000000000;
		if (levels == 3 && level == 3)
			bad = 0xfff00000000001e6;
		if (level > 3)
			bad |= PS;
		if (leaf && level == 2)
			bad |= 0x1fe000;
		if (leaf && level == 3)
			bad |= 0x3fffe000;
		if (e & bad)
			return model_fault(s, access, true, true);
		if (!(levels == 3 && level == 3)) {
			w_all = w_all && (e & W);
			u_all = u_all && (e & U);
			nx = nx || (e & NX);
		}
		at = e & 0xffffffffff000;
		if (leaf) {
			if (!model_rights(s, access, w_all, u_all, nx))
				return model_fault(s, access, true, false);
			return (struct model){ true, (at & ~(size[level] - 1)) + (va & (size[level] - 1)), 0, 0 };
		}
	}
	return (struct model){ 0 };
}

static struct model model_walk(const struct cpu_state *s, u64 va, u32 access)
{
	if (!(s->cr0 & CR0_PG))
		return (struct model){ true, (u32)va, 0, 0 };
	if (!(s->cr4 & CR4_PAE))
		return model_32(s, (u32)va, access);
	if (!(s->efer & EFER_LMA))
		return model_64(s, (u32)va, access, 3);
	return model_64(s, va, access, s->cr4 & CR4_LA57 ? 5 : 4);
}

/* What random walks came to, so that the comparison cannot pass by never getting anywhere. */
static u32 seen_ok, seen_code[32], seen_gp;

static void check_walk(const struct cpu_state *s, u64 va, u32 access)
{
	struct model m = model_walk(s, va, access);
	struct event fault = { 0 };
	gpa_t gpa = GPA(0);
	bool ok = gmem_walk(&w->g, s, va, access, &gpa, &fault);

	assert_int_equal(ok, m.ok);
	if (ok) {
		assert_int_equal(gpa.v, m.gpa);
		seen_ok++;
		return;
	}
	assert_int_equal(fault.vector, m.vector);
	seen_code[m.code]++;
	seen_gp += m.vector == VEC_GP;
	assert_true(fault.has_code);
	assert_int_equal(fault.code, m.code);
	if (fault.vector == VEC_PF)
		assert_int_equal(fault.cr2, s->cr4 & CR4_PAE && s->efer & EFER_LMA ? va : (u32)va);
}

/* Tables full of random entries that mostly point at each other. */
static void fill_tables(bool wide)
{
	for (u32 at = 0; at < 64 * KiB; at += 8) {
		u64 e = 0x200000 + (rnd() % 16) * PAGE_SIZE, r = rnd();

		e |= r % 16 ? P : 0;
		e |= (r >> 4) % 4 ? W : 0;
		e |= (r >> 8) % 4 ? U : 0;
		e |= (r >> 12) % 4 ? 0 : PS;
		e |= r & 0x60;
		if (wide)
			e |= (r >> 16) % 16 ? 0 : BIT(12 + (r >> 24) % 52);
		else
			e |= (e & ~0xfful) << 32 | (e & 0xff) << 32 | ((r >> 16) % 8 ? 0 : BIT(12 + (r >> 24) % 20));
		memcpy(w->g.ram + 0x200000 + at, &e, 8);
	}
}

static void random_state(struct cpu_state *s, u32 mode)
{
	s->cr0 = CR0_PE | CR0_PG | (rnd() & CR0_WP);
	s->cr4 = rnd() & (CR4_SMEP | CR4_SMAP | CR4_PSE);
	s->efer = rnd() & EFER_NXE;
	s->rflags = rnd() & RFLAGS_AC;
	s->cr3 = 0x200000 + rnd() % 16 * PAGE_SIZE;
	if (mode >= 1)
		s->cr4 |= CR4_PAE;
	if (mode >= 2)
		s->efer |= EFER_LMA | EFER_LME;
	if (mode == 3)
		s->cr4 |= CR4_LA57;
}

static void walks_agree_with_model(void **state)
{
	static const u32 accesses[] = { 0, GMEM_WRITE, GMEM_EXEC, GMEM_USER, GMEM_USER | GMEM_WRITE, GMEM_USER | GMEM_EXEC };
	struct cpu_state s = w->s;

	for (u32 mode = 0; mode < 4; mode++) {
		seen_ok = seen_gp = 0;
		memset(seen_code, 0, sizeof(seen_code));
		for (u32 round = 0; round < 40; round++) {
			fill_tables(mode > 0);
			for (u32 n = 0; n < 4000; n++) {
				u64 va = rnd();

				if (mode == 2 && n % 16)
					va = (u64)((s64)(va << 16) >> 16);
				if (mode == 3 && n % 16)
					va = (u64)((s64)(va << 7) >> 7);
				random_state(&s, mode);
				check_walk(&s, va, accesses[rnd() % 6]);
			}
		}
		assert_true(seen_ok > 500 && seen_code[0] > 100 && seen_code[7] > 100 && seen_code[1] > 20);
		assert_true(seen_code[9] > 100 && seen_code[15] > 100 && (mode < 2 || seen_gp > 1000));
		assert_true(seen_code[20] > 100 && seen_code[21] > 40 && seen_code[29] > 100);
	}
}

static void no_paging_is_identity(void **state)
{
	struct cpu_state s = w->s;
	struct event fault;
	gpa_t gpa;

	s.cr0 &= ~CR0_PG;
	assert_true(gmem_walk(&w->g, &s, 0x123456789, GMEM_WRITE, &gpa, &fault));
	assert_int_equal(gpa.v, 0x23456789);
}

/* Self-referencing tables end after as many steps as there are levels. */
static void recursive_tables_are_bounded(void **state)
{
	struct cpu_state s = w->s;
	struct event fault;
	gpa_t gpa;

	s.cr3 = 0x300000;
	*(u64 *)(w->g.ram + 0x300000) = 0x300000 | P | W;
	assert_true(gmem_walk(&w->g, &s, 0x123, 0, &gpa, &fault));
	assert_int_equal(gpa.v, 0x300123);
}

/* Tables where there is no RAM read as ones: present, with reserved bits. */
static void tables_outside_ram(void **state)
{
	struct cpu_state s = w->s;
	struct event fault;
	gpa_t gpa;

	walk_limits_set((struct walk_limits){ 40, true });
	s.cr3 = RAM_LOW;
	assert_false(gmem_walk(&w->g, &s, 0, GMEM_WRITE, &gpa, &fault));
	assert_int_equal(fault.code, 1 | 2 | 8);
	s.cr3 = ~0ul;
	assert_false(gmem_walk(&w->g, &s, 0, 0, &gpa, &fault));
	assert_int_equal(fault.code, 1 | 8);
}

static void narrow_machines_reserve_more(void **state)
{
	struct event fault;
	gpa_t gpa;

	world_map(0x5000, BIT(40) | 0x5000, 3);
	assert_true(gmem_walk(&w->g, &w->s, 0x5000, 0, &gpa, &fault));
	walk_limits_set((struct walk_limits){ 40, false });
	assert_false(gmem_walk(&w->g, &w->s, 0x5000, 0, &gpa, &fault));
	assert_int_equal(fault.code, 9);
	assert_true(gmem_walk(&w->g, &w->s, 0x6000, 0, &gpa, &fault));
	((u64 *)(w->g.ram + (*(u64 *)(w->g.ram + ROOT_GPA) & ~0xffful)))[0] |= PS;
	assert_false(gmem_walk(&w->g, &w->s, 0x6000, 0, &gpa, &fault));
	assert_int_equal(fault.code, 9);
}

static void pse36_reaches_above_4g(void **state)
{
	struct cpu_state s = w->s;
	struct event fault;
	gpa_t gpa;

	s.cr4 = CR4_PSE;
	s.efer = 0;
	s.cr3 = 0x300000;
	*(u32 *)(w->g.ram + 0x300000 + 4) = 0x00400000 | 1u << 13 | PS | P;
	assert_true(gmem_walk(&w->g, &s, 0x412345, 0, &gpa, &fault));
	assert_int_equal(gpa.v, 0x100412345);
	walk_limits_set((struct walk_limits){ 32, true });
	assert_false(gmem_walk(&w->g, &s, 0x412345, 0, &gpa, &fault));
	assert_int_equal(fault.code, 9);
}

static void trace_tells_the_way(void **state)
{
	struct walk_trace t;
	struct event fault;
	gpa_t gpa;

	assert_true(gmem_walk_traced(&w->g, &w->s, 0x7000, 0, &gpa, &fault, &t));
	assert_int_equal(t.count, 4);
	assert_false(t.narrow);
	assert_ptr_equal(t.step[0].entry, w->g.ram + ROOT_GPA);
	assert_ptr_equal(t.step[3].entry, world_pte(0x7000));
	assert_int_equal(t.step[3].value, *world_pte(0x7000));
}

/* Key 5 on a user page: AD is bit 10, WD bit 11 of PKRU. */
static void protection_keys(void **state)
{
	static const struct { u32 pkru, access; bool wp; u32 code; } table[] = {
		{ 0, GMEM_USER | GMEM_WRITE, true, 0 }, { ~(3u << 10), GMEM_USER | GMEM_WRITE, true, 0 },
		{ 1u << 10, GMEM_USER, true, 0x25 }, { 1u << 10, 0, true, 0x21 },
		{ 1u << 10, GMEM_WRITE, false, 0x23 }, { 1u << 10, GMEM_USER | GMEM_EXEC, true, 0 },
		{ 2u << 10, GMEM_USER, true, 0 }, { 2u << 10, GMEM_USER | GMEM_WRITE, true, 0x27 },
		{ 2u << 10, GMEM_USER | GMEM_WRITE, false, 0x27 }, { 2u << 10, GMEM_WRITE, true, 0x23 },
		{ 2u << 10, GMEM_WRITE, false, 0 },
	};
	struct event fault;
	gpa_t gpa;

	world_map(0x40000000, 0x7000, 7 | 5ul << 59);
	for (u32 i = 0; i < ARRAY_COUNT(table); i++) {
		w->pkru = table[i].pkru;
		w->s.cr0 = (w->s.cr0 & ~CR0_WP) | (table[i].wp ? CR0_WP : 0);
		w->s.cr4 |= CR4_PKE;
		fault.code = 0;
		assert_int_equal(gmem_walk(&w->g, &w->s, 0x40000000, table[i].access, &gpa, &fault), !table[i].code);
		assert_int_equal(fault.code, table[i].code);
		w->s.cr4 &= ~CR4_PKE;
		assert_true(gmem_walk(&w->g, &w->s, 0x40000000, table[i].access, &gpa, &fault));
	}
	/* Supervisor pages have no keys. */
	world_map(0x40000000, 0x7000, 3 | 5ul << 59);
	w->pkru = ~0u;
	w->s.cr4 |= CR4_PKE;
	assert_true(gmem_walk(&w->g, &w->s, 0x40000000, GMEM_WRITE, &gpa, &fault));
}

static void fetch_across_pages(void **state)
{
	struct event fault;
	u8 b[15];

	for (u32 i = 0; i < 15; i++)
		w->g.ram[i < 5 ? 0x8ffb + i : 0xa000 - 5 + i] = (u8)(i + 1);
	world_map(0x9000, 0xa000, 1);
	assert_int_equal(gmem_fetch(&w->g, &w->s, 0x8ffb, b, 15, &fault), 15);
	for (u32 i = 0; i < 15; i++)
		assert_int_equal(b[i], i + 1);
	world_map(0x9000, 0xa000, 0);
	assert_int_equal(gmem_fetch(&w->g, &w->s, 0x8ffb, b, 15, &fault), 5);
	assert_int_equal(gmem_fetch(&w->g, &w->s, 0x9000, b, 15, &fault), 0);
	assert_int_equal(fault.vector, VEC_PF);
	assert_int_equal(fault.cr2, 0x9000);
	assert_int_equal(fault.code, 16);
	world_map(0x9000, DEVICE_GPA, 1);
	assert_int_equal(gmem_fetch(&w->g, &w->s, 0x9000, b, 15, &fault), 0);
	assert_int_equal(fault.vector, VEC_UD);
	assert_int_equal(gmem_fetch(&w->g, &w->s, 0x800000000000, b, 15, &fault), 0);
	assert_int_equal(fault.vector, VEC_GP);
}

static void fetch_obeys_segment_limit(void **state)
{
	struct event fault;
	u8 b[15];

	w->s.efer = 0;
	w->s.cr0 = CR0_PE;
	w->s.seg[SEG_CS] = (struct segment){ .attr = 0x409b, .limit = 0x1003, .base = 0x20000 };
	memcpy(w->g.ram + 0x21000, "\1\2\3\4\5", 5);
	assert_int_equal(gmem_fetch(&w->g, &w->s, 0x1000, b, 15, &fault), 4);
	assert_memory_equal(b, "\1\2\3\4", 4);
	assert_int_equal(gmem_fetch(&w->g, &w->s, 0x1004, b, 15, &fault), 0);
	assert_int_equal(fault.vector, VEC_GP);
	w->s.seg[SEG_CS].limit = ~0u;
	w->s.seg[SEG_CS].base = 0xffff0000;	/* wraps at 4 GiB */
	assert_int_equal(gmem_fetch(&w->g, &w->s, 0x31000, b, 2, &fault), 2);
	assert_memory_equal(b, "\1\2", 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(ram_bounds, setup),
		cmocka_unit_test_setup(walks_agree_with_model, setup),
		cmocka_unit_test_setup(no_paging_is_identity, setup),
		cmocka_unit_test_setup(recursive_tables_are_bounded, setup),
		cmocka_unit_test_setup(tables_outside_ram, setup),
		cmocka_unit_test_setup(narrow_machines_reserve_more, setup),
		cmocka_unit_test_setup(pse36_reaches_above_4g, setup),
		cmocka_unit_test_setup(trace_tells_the_way, setup),
		cmocka_unit_test_setup(protection_keys, setup),
		cmocka_unit_test_setup(fetch_across_pages, setup),
		cmocka_unit_test_setup(fetch_obeys_segment_limit, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
