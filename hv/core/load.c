/* SPDX-License-Identifier: Apache-2.0 */
/* Guest boot protocols: the common part. */

#include "load_int.h"

int load_refuse(struct load *l, int error, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fmt_vprint(l->why, l->why_size, fmt, ap);
	va_end(ap);
	return error;
}

bool load_inside(const struct load *l, u64 off, u64 size)
{
	return off <= l->size && size <= l->size - off;
}

bool load_read(const struct load *l, u64 off, void *to, u64 size)
{
	if (!load_inside(l, off, size))
		return false;
	memcpy(to, l->bytes + off, size);
	return true;
}

u32 e820_build(u64 ram_low, u64 ram_high, struct e820_entry map[E820_ENTRIES_MAX])
{
	const struct e820_entry all[] = {
		{ 0, GUEST_LOW_END, E820_USABLE },
		{ GUEST_LOW_END, MiB - GUEST_LOW_END, E820_RESERVED },
		{ MiB, ram_low - MiB, E820_USABLE },
		{ 0xe0000000, 0x10000000, E820_RESERVED },	/* PCI's configuration window (ECAM) */
		{ 0xfec00000, PAGE_SIZE, E820_RESERVED },	/* IOAPIC */
		{ 0xfee00000, PAGE_SIZE, E820_RESERVED },	/* local APIC */
		{ 4 * GiB, ram_high, E820_USABLE },
	};
	u32 count = 0;

	assert(ram_low >= BLOCK_SIZE && ram_low <= 0xe0000000);
	for (size_t i = 0; i < ARRAY_COUNT(all); i++)
		if (all[i].size)
			map[count++] = all[i];
	return count;
}

static const struct load_region *load_overlap(const struct load *l, u64 base, u64 end)
{
	for (u32 i = 0; i < l->count; i++)
		if (base < l->region[i].end && end > l->region[i].base)
			return &l->region[i];
	return NULL;
}

int load_claim(struct load *l, u64 base, u64 size, const char *what)
{
	const struct load_region *other;

	if (!size)
		return 0;
	if (base >= l->g->ram_low || size > l->g->ram_low - base)
		return load_refuse(l, -E_NOSPC, "%s wants memory at 0x%llx, 0x%llx bytes; the guest has 0x%llx below 4 GiB",
				   what, (unsigned long long)base, (unsigned long long)size,
				   (unsigned long long)l->g->ram_low);
	other = load_overlap(l, base, base + size);
	if (other)
		return load_refuse(l, -E_INVAL, "%s at 0x%llx (0x%llx bytes) overlaps %s at 0x%llx", what,
				   (unsigned long long)base, (unsigned long long)size, other->what,
				   (unsigned long long)other->base);
	if (l->count == LOAD_REGIONS_MAX)
		return load_refuse(l, -E_INVAL, "more than %d pieces to load", LOAD_REGIONS_MAX);
	l->region[l->count++] = (struct load_region){ base, base + size, what };
	return 0;
}

/* Step over regions upwards (or downwards) until nothing overlaps; each step passes a whole region, so it ends. */
static bool load_search(const struct load *l, u64 size, u64 align, u64 min, u64 max, enum load_end end, u64 *base)
{
	const struct load_region *r;
	u64 at = end == LOAD_LOWEST ? ALIGN_UP(min, align) : ALIGN_DOWN(max - size, align);

	while (at >= min && at <= max - size) {
		r = load_overlap(l, at, at + size);
		if (!r) {
			*base = at;
			return true;
		}
		if (end == LOAD_LOWEST)
			at = ALIGN_UP(r->end, align);
		else if (r->base < size)
			return false;
		else
			at = ALIGN_DOWN(r->base - size, align);
	}
	return false;
}

int load_place(struct load *l, u64 size, u64 align, u64 min, u64 max, enum load_end end, const char *what, u64 *base)
{
	max = MIN(max, l->g->ram_low);
	if (!size || min >= max || size > max - min || !load_search(l, size, align, min, max, end, base))
		return load_refuse(l, -E_NOSPC, "no room for %s: 0x%llx bytes between 0x%llx and 0x%llx", what,
				   (unsigned long long)size, (unsigned long long)min, (unsigned long long)max);
	return load_claim(l, *base, size, what);
}

void load_put(const struct load *l, u64 gpa, const void *from, u64 size)
{
	bool done = !size || gmem_write(l->g, GPA(gpa), from, size);

	assert(done);
}

int load_cmdline(struct load *l, enum load_end end, u64 *gpa, u64 *length)
{
	const char *text = l->g->plan->boot.cmdline;
	int r;

	*length = strlen(text);
	r = load_place(l, *length + 1, 16, PAGE_SIZE, GUEST_LOW_END, end, "the command line", gpa);
	if (!r)
		load_put(l, *gpa, text, *length + 1);
	return r;
}

int load_modules(struct load *l, u64 gpa[PLAN_MODULES_MAX])
{
	int r;

	for (u32 i = 0; i < l->g->module_count; i++) {
		const struct guest_image *m = &l->g->module[i];

		if (!m->size)
			return load_refuse(l, -E_RANGE, "module %s is empty", m->name);
		r = load_place(l, m->size, PAGE_SIZE, MiB, 4 * GiB, LOAD_LOWEST, m->name, &gpa[i]);
		if (r)
			return r;
		load_put(l, gpa[i], m->bytes, m->size);
	}
	return 0;
}

/* SDM 3A "Processor State After Reset", without what the protocols define themselves. */
static void load_state_init(struct cpu_state *s, u64 rip, u32 code_attr)
{
	const struct segment data = { .sel = 0x18, .attr = 0xc093, .limit = 0xffffffff };

	memset(s, 0, sizeof(*s));
	s->rip = rip;
	s->rflags = RFLAGS_FIXED;
	s->cr0 = CR0_PE | CR0_ET;
	for (int i = 0; i < SEG_COUNT; i++)
		s->seg[i] = data;
	s->seg[SEG_CS] = (struct segment){ .sel = 0x10, .attr = code_attr, .limit = 0xffffffff };
	s->seg[SEG_LDTR] = (struct segment){ .attr = SEG_ATTR_UNUSABLE | 0x82 };
	s->seg[SEG_TR] = (struct segment){ .attr = 0x8b, .limit = 0x67 };
	s->dr6 = 0xffff0ff0;
	s->dr7 = 0x400;
	s->pat = 0x0007040600070406;
}

void load_state_flat32(struct cpu_state *s, u64 rip)
{
	load_state_init(s, rip, 0xc09b);
}

void load_state_long(struct cpu_state *s, u64 rip, u64 cr3)
{
	load_state_init(s, rip, 0xa09b);
	s->cr0 |= CR0_PG;
	s->cr3 = cr3;
	s->cr4 = CR4_PAE;
	s->efer = EFER_LME | EFER_LMA;
}

void load_state_reset(struct cpu_state *s)
{
	load_state_init(s, 0xfff0, 0x9b);
	s->cr0 = CR0_ET | CR0_CD | CR0_NW;
	for (int i = SEG_ES; i <= SEG_GS; i++)
		s->seg[i] = (struct segment){ .attr = 0x93, .limit = 0xffff };
	s->seg[SEG_CS] = (struct segment){ .sel = 0xf000, .attr = 0x9b, .limit = 0xffff, .base = 0xffff0000 };
	s->seg[SEG_LDTR] = (struct segment){ .attr = 0x82, .limit = 0xffff };
	s->seg[SEG_TR] = (struct segment){ .attr = 0x8b, .limit = 0xffff };
	s->gdtr.limit = s->idtr.limit = 0xffff;
}

int load_check(enum boot_type type, const void *bytes, u64 size, char *why, size_t why_size)
{
	struct load l = { .bytes = bytes, .size = size, .why = why, .why_size = why_size };

	switch (type) {
	case BOOT_LINUX:	return linux_check(&l);
	case BOOT_ELF:		return elf_check(&l);
	case BOOT_UEFI:		return uefi_check(&l);
	case BOOT_UEFI_VARS:	return uefi_vars_check(&l);
	default:		return load_refuse(&l, -E_INVAL, "a boot type that does not exist");
	}
}

int load_guest(struct guest *g, struct cpu_state *start, char *why, size_t why_size)
{
	struct load l = { .g = g, .bytes = g->kernel.bytes, .size = g->kernel.size, .why = why, .why_size = why_size };
	int r = load_check(g->plan->boot.type, l.bytes, l.size, why, why_size);

	if (r)
		return r;
	if (g->plan->boot.type == BOOT_UEFI) {
		load_state_reset(start);
		return 0;
	}
	r = load_claim(&l, GUEST_LOW_END, MiB - GUEST_LOW_END, "the firmware's tables");
	if (r)
		return r;
	return g->plan->boot.type == BOOT_LINUX ? linux_load(&l, start) : elf_load(&l, start);
}
