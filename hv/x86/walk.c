/* SPDX-License-Identifier: Apache-2.0 */
/* Page-table walks of a guest, in all five paging modes. Each entry is read once and atomically; the number of reads is
 * bounded by the mode. SDM 3A "Paging". */

#include "walk.h"

#define PTE_P BIT(0)
#define PTE_W BIT(1)
#define PTE_U BIT(2)
#define PTE_PS BIT(7)
#define PTE_NX BIT(63)
#define PF_P BIT32(0)
#define PF_W BIT32(1)
#define PF_U BIT32(2)
#define PF_RSVD BIT32(3)
#define PF_ID BIT32(4)
#define PF_PK BIT32(5)

#define BITS_RANGE(from, to) ((~0ul >> (63 - (to))) & ~(BIT(from) - 1))	/* bits from..to, both included */
#define ADDRESS_MASK BITS_RANGE(12, 51)

/* One paging mode as data. */
struct paging_mode {
	u8 levels;
	u8 va_bits;		/* 32: wraps; 48, 57: canonical or #GP */
	u8 index_bits;
	u8 entry_size;
	u8 large_levels;	/* bit n: an entry of level n (1 = PTE) may map a page by PS */
	bool root_plain;	/* PAE: the top level has no access rights */
};

static const struct paging_mode mode_32bit = { 2, 32, 10, 4, BIT(2), false };
static const struct paging_mode mode_pae = { 3, 32, 9, 8, BIT(2), true };
static const struct paging_mode mode_4level = { 4, 48, 9, 8, BIT(2) | BIT(3), false };
static const struct paging_mode mode_5level = { 5, 57, 9, 8, BIT(2) | BIT(3), false };

static struct walk_limits walk_limits __attribute__((section(".sealed"))) = { .phys_bits = 52, .page_1g = true };

void walk_limits_set(struct walk_limits limits)
{
	assert(limits.phys_bits >= 32 && limits.phys_bits <= 52);
	/* Guests that are made behind the seal all have those of the first. */
	if (limits.phys_bits != walk_limits.phys_bits || limits.page_1g != walk_limits.page_1g)
		walk_limits = limits;
}

struct walk_limits walk_limits_get(void)
{
	return walk_limits;
}

static const struct paging_mode *paging_mode_of(const struct cpu_state *s)
{
	if (!(s->cr4 & CR4_PAE))
		return &mode_32bit;
	if (!(s->efer & EFER_LMA))
		return &mode_pae;
	return s->cr4 & CR4_LA57 ? &mode_5level : &mode_4level;
}

static u64 table_root(const struct paging_mode *m, u64 cr3)
{
	if (m == &mode_32bit)
		return cr3 & 0xfffff000u;
	if (m == &mode_pae)
		return cr3 & 0xffffffe0u;
	return cr3 & ADDRESS_MASK & (BIT(walk_limits.phys_bits) - 1);
}

static bool is_canonical(u64 va, u32 bits)
{
	s64 high = (s64)va >> (bits - 1);

	return high == 0 || high == -1;
}

/* Read one entry; memory that is not RAM reads as all ones. */
static u64 entry_read(const struct guest *g, const struct paging_mode *m, u64 gpa, struct walk_trace *trace)
{
	const void *p = gmem_read_ptr(g, GPA(gpa), m->entry_size);
	u64 e = m->entry_size == 4 ? 0xffffffffu : ~0ul;

	if (p)
		e = m->entry_size == 4 ? load_relaxed((const u32 *)p) : load_relaxed((const u64 *)p);
	if (trace) {
		trace->narrow = m->entry_size == 4;
		trace->step[trace->count++] = (struct walk_step){ p, e };
	}
	return e;
}

static bool entry_is_leaf(const struct paging_mode *m, const struct cpu_state *s, u32 level, u64 e)
{
	if (level == 1)
		return true;
	if (!(e & PTE_PS) || !(m->large_levels >> level & 1))
		return false;
	if (m == &mode_32bit)
		return s->cr4 & CR4_PSE;
	return level == 2 || walk_limits.page_1g;
}

/* PSE-36: bits 13..20 of a 4 MiB entry are address bits 32..39, those above MAXPHYADDR and bit 21 are reserved.
 * SDM 3A "32-Bit Paging". */
static u64 reserved_bits_32bit(bool large)
{
	u32 width = MIN(walk_limits.phys_bits, 40u);

	return large ? BIT(21) | (BITS_RANGE(13, 20) & ~(BIT(13 + (width - 32)) - 1)) : 0;
}

/* Bits that must be zero in a present entry. SDM 3A "Reserved bits" of each paging mode's tables. */
static u64 reserved_bits(const struct paging_mode *m, const struct cpu_state *s, u32 level, bool leaf)
{
	u64 r = ADDRESS_MASK & ~(BIT(walk_limits.phys_bits) - 1);

	if (m == &mode_32bit)
		return reserved_bits_32bit(leaf && level == 2);
	if (m == &mode_pae && level == 3)
		return r | BITS_RANGE(52, 63) | BITS_RANGE(5, 8) | BITS_RANGE(1, 2);
	if (m == &mode_pae)
		r |= BITS_RANGE(52, 62);
	if (!(s->efer & EFER_NXE))
		r |= PTE_NX;
	if (leaf && level > 1)
		r |= BITS_RANGE(13, 12 + 9 * (level - 1) - 1);
	else if (level > 3 || (level == 3 && !walk_limits.page_1g))
		r |= PTE_PS;
	return r;
}

/* Access rights that all entries together give; U/S, R/W and XD combine. SDM 3A "Determination of Access Rights". */
static bool access_allowed(const struct cpu_state *s, u32 access, u64 rights, bool nx)
{
	bool user_page = rights & PTE_U, writable = rights & PTE_W;

	if ((access & GMEM_EXEC) && nx)
		return false;
	if (access & GMEM_USER)
		return user_page && (writable || !(access & GMEM_WRITE));
	if (access & GMEM_EXEC)
		return !(user_page && (s->cr4 & CR4_SMEP));
	if (user_page && (s->cr4 & CR4_SMAP) && !(s->rflags & RFLAGS_AC))
		return false;
	return writable || !(access & GMEM_WRITE) || !(s->cr0 & CR0_WP);
}

/* What PKRU forbids on a user page with this leaf entry. SDM 3A "Protection Keys" */
static bool key_forbids(const struct paging_mode *m, const struct cpu_state *s, u32 access, u64 rights, u64 leaf)
{
	bool write = access & GMEM_WRITE && (access & GMEM_USER || s->cr0 & CR0_WP);

	if (!(s->cr4 & CR4_PKE) || m->levels < 4 || access & GMEM_EXEC || !(rights & PTE_U))
		return false;
	return pkru_read() >> 2 * (leaf >> 59 & 15) & (write ? 3 : 1);
}

/* SDM 3A "Page-Fault Exceptions": I/D is only reported when execution can be forbidden at all. */
static bool page_fault(const struct cpu_state *s, u64 va, u32 access, u32 cause, struct event *fault)
{
	u32 code = cause;

	if (access & GMEM_WRITE)
		code |= PF_W;
	if (access & GMEM_USER)
		code |= PF_U;
	if ((access & GMEM_EXEC) && ((s->cr4 & CR4_SMEP) || ((s->cr4 & CR4_PAE) && (s->efer & EFER_NXE))))
		code |= PF_ID;
	*fault = (struct event){ .type = EVENT_EXCEPTION, .vector = VEC_PF, .has_code = true, .code = code, .cr2 = va };
	return false;
}

/* Where in the mapped page, and where that page is. */
static u64 leaf_address(const struct paging_mode *m, u32 level, u64 e, u64 va)
{
	u32 shift = 12 + m->index_bits * (level - 1);
	u64 inside = va & (BIT(shift) - 1);

	if (m == &mode_32bit && level == 2)
		return (e & BITS_RANGE(22, 31)) | (e & BITS_RANGE(13, 20)) << 19 | inside;
	if (m == &mode_32bit)
		return (e & BITS_RANGE(12, 31)) | inside;
	return (e & ADDRESS_MASK & ~(BIT(shift) - 1)) | inside;
}

static bool walk_tables(const struct guest *g, const struct cpu_state *s, const struct paging_mode *m, u64 va, u32 access,
			gpa_t *gpa, struct event *fault, struct walk_trace *trace)
{
	u64 table = table_root(m, s->cr3), rights = PTE_W | PTE_U;
	u32 level = m->levels, forbidden;
	bool nx = false, leaf = false;
	u64 e;

	for (; !leaf; level--) {
		u32 shift = 12 + m->index_bits * (level - 1);
		u64 index = va >> shift & (BIT(m->index_bits) - 1);

		e = entry_read(g, m, table + index * m->entry_size, trace);
		leaf = entry_is_leaf(m, s, level, e);
		if (!(e & PTE_P))
			return page_fault(s, va, access, 0, fault);
		if (e & reserved_bits(m, s, level, leaf))
			return page_fault(s, va, access, PF_P | PF_RSVD, fault);
		if (!(m->root_plain && level == m->levels)) {
			rights &= e;
			nx |= m->entry_size == 8 && (e & PTE_NX);
		}
		table = leaf ? leaf_address(m, level, e, va) :
			       e & (m->entry_size == 4 ? BITS_RANGE(12, 31) : ADDRESS_MASK);
	}
	forbidden = key_forbids(m, s, access, rights, e) ? PF_PK : 0;
	if (forbidden || !access_allowed(s, access, rights, nx))
		return page_fault(s, va, access, PF_P | forbidden, fault);
	*gpa = GPA(table);
	return true;
}

bool gmem_walk_traced(const struct guest *g, const struct cpu_state *s, u64 va, u32 access, gpa_t *gpa,
		      struct event *fault, struct walk_trace *trace)
{
	const struct paging_mode *m;

	if (trace) {
		trace->count = 0;
		trace->narrow = false;
	}
	if (!(s->cr0 & CR0_PG)) {
		*gpa = GPA((u32)va);
		return true;
	}
	m = paging_mode_of(s);
	if (m->va_bits == 32)
		va = (u32)va;
	else if (!is_canonical(va, m->va_bits)) {
		*fault = (struct event){ .type = EVENT_EXCEPTION, .vector = VEC_GP, .has_code = true };
		return false;
	}
	return walk_tables(g, s, m, va, access, gpa, fault, trace);
}

bool gmem_walk(const struct guest *g, const struct cpu_state *s, u64 va, u32 access, gpa_t *gpa, struct event *fault)
{
	return gmem_walk_traced(g, s, va, access, gpa, fault, NULL);
}
