/* SPDX-License-Identifier: Apache-2.0 */
#include "x86_support.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <hv/core.h>
#include <hv/exit_cpu.h>
#include <hv/log.h>
#include <hv/time.h>

struct world *w;
struct timebase timebase = { .tsc_hz = 2400000000ul };

u64 rnd(void)
{
	static u64 x = 0x9e3779b97f4a7c15ul;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x * 0x2545f4914f6cdd1dul;
}

static void copy_mode(struct cpu_state *to, const struct cpu_state *from)
{
	to->cr0 = from->cr0;
	to->cr3 = from->cr3;
	to->cr4 = from->cr4;
	to->efer = from->efer;
	to->rflags = from->rflags;
	to->seg[SEG_CS] = from->seg[SEG_CS];
	to->seg[SEG_SS] = from->seg[SEG_SS];
}

static void copy_rest(struct cpu_state *to, const struct cpu_state *from)
{
	to->cr2 = from->cr2;
	to->dr6 = from->dr6;
	to->dr7 = from->dr7;
	to->pat = from->pat;
	to->star = from->star;
	to->lstar = from->lstar;
	to->cstar = from->cstar;
	to->sfmask = from->sfmask;
	to->kernel_gs_base = from->kernel_gs_base;
	to->sysenter_cs = from->sysenter_cs;
	to->sysenter_esp = from->sysenter_esp;
	to->sysenter_eip = from->sysenter_eip;
}

static void copy_state(struct cpu_state *to, const struct cpu_state *from, u32 parts)
{
	if (parts & STATE_FLAGS)
		to->rflags = from->rflags;
	if (parts & STATE_MODE)
		copy_mode(to, from);
	if (parts & STATE_SEGS)
		memcpy(to->seg, from->seg, sizeof(to->seg));
	if (parts & STATE_REGS) {
		memcpy(to->gpr, from->gpr, sizeof(to->gpr));
		to->rip = from->rip;
	}
	if (parts & STATE_REST)
		copy_rest(to, from);
}

static void fake_get(struct vcpu *v, struct cpu_state *s, u32 parts)
{
	memcpy(w->s.gpr, v->gpr, sizeof(v->gpr));
	copy_state(s, &w->s, parts);
}

static void fake_set(struct vcpu *v, const struct cpu_state *s, u32 parts)
{
	copy_state(&w->s, s, parts);
	if (parts & STATE_REGS)
		memcpy(v->gpr, s->gpr, sizeof(v->gpr));
}

static void fake_code_key(struct vcpu *v, struct code_key *k)
{
	const struct cpu_state *s = &w->s;

	if (s->efer & EFER_LMA && s->seg[SEG_CS].attr & SEG_ATTR_L)
		*k = (struct code_key){ v->exit.rip, s->cr3, CODE_64BIT | s->cr4 << CODE_CR4_SHIFT };
	else
		*k = code_key_short(v->exit.rip, s->cr0, s->cr3, s->cr4, s->efer, s->seg[SEG_CS].base,
			s->seg[SEG_CS].attr & SEG_ATTR_DB);
}

static void fake_flush(struct vcpu *v)
{
}

static void fake_trap_msr(struct vcpu *v, u32 msr, bool on_read, bool on_write)
{
	w->trap_calls++;
}

static const struct virt_ops fake_ops = {
	.name = "fake", .get_state = fake_get, .set_state = fake_set, .code_key = fake_code_key, .flush = fake_flush, .trap_msr = fake_trap_msr,
};
const struct virt_ops *virt = &fake_ops;

enum verdict vcpu_fault(struct vcpu *v, enum vector vector, int code)
{
	v->fault = (struct event){ .type = EVENT_EXCEPTION, .vector = (u8)vector, .has_code = code >= 0,
		.code = code >= 0 ? (u32)code : 0 };
	return FAULT;
}

void vcpu_set_dr6(struct vcpu *v, u64 causes)
{
	w->s.dr6 |= causes;
}

void xmm_read(u32 n, void *to)
{
	memcpy(to, w->xmm[n], 16);
}

void xmm_write(u32 n, const void *from)
{
	memcpy(w->xmm[n], from, 16);
}

void ymm_read(u32 n, void *to)
{
	memcpy(to, w->xmm[n], 32);
}

void ymm_write(u32 n, const void *from)
{
	memcpy(w->xmm[n], from, 32);
}

__attribute__((weak)) u64 xcr0_read(void)
{
	return w->v.xcr0;
}

u32 pkru_read(void)
{
	return w->pkru;
}

void guest_kill(struct vcpu *v, const char *id, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	snprintf(w->killed, sizeof(w->killed), "%s", id);
	vsnprintf(w->reason, sizeof(w->reason), fmt, ap);
	va_end(ap);
}

void log_write(enum log_level level, const char *fmt, ...)
{
}

u64 mul_div(u64 ticks, u64 num, u64 den)
{
	unsigned __int128 r = (unsigned __int128)ticks * num / den;

	return r >> 64 ? ~0ul : (u64)r;
}

__attribute__((weak)) void *pool_alloc(u64 count, int owner)
{
	return calloc(count, PAGE_SIZE);
}

bool mmio_access(struct vcpu *v, u64 gpa, struct io *io)
{
	u64 off = gpa - DEVICE_GPA;

	w->last_size = io->size;
	w->biggest = MAX(w->biggest, io->size);
	if (off >= DEVICE_SIZE || io->size > DEVICE_SIZE - off) {
		w->unclaimed++;
		io->val = ~0ul;
		return false;
	}
	if (io->write) {
		w->device_writes++;
		memcpy(w->device + off, &io->val, io->size);
	} else {
		w->device_reads++;
		io->val = 0;
		memcpy(&io->val, w->device + off, io->size);
	}
	return true;
}

bool pio_access(struct vcpu *v, struct io *io, u16 port)
{
	w->last_port = port;
	w->last_size = io->size;
	if (io->write) {
		if (w->port_out_count + io->size <= sizeof(w->port_out))
			memcpy(w->port_out + w->port_out_count, &io->val, io->size);
		w->port_out_count += io->size;
	} else {
		io->val = 0x5a5a5a00u + w->port_in_count++;
	}
	return true;
}

bool vlapic_msr_read(struct vcpu *v, u32 msr, u64 *val)
{
	w->vlapic_calls++;
	*val = msr;
	return w->vlapic_ok;
}

bool vlapic_msr_write(struct vcpu *v, u32 msr, u64 val)
{
	w->vlapic_calls++;
	return w->vlapic_ok;
}

bool own_apic_has_deadline(void)
{
	return false;
}

void vlapic_tsc_moved(struct vcpu *v, u64 by)
{
	w->tsc_moves++;
}

void vlapic_set_eoi_word(struct vcpu *v, u32 *word)
{
	w->eoi_word = word;
}

u32 vlapic_mmio_read(struct vcpu *v, u32 off)
{
	w->vlapic_calls++;
	return off;
}

void vlapic_mmio_write(struct vcpu *v, u32 off, u32 val)
{
	w->vlapic_calls++;
	w->apic_reg = off;
	w->apic_val = val;
}

/* There is one core, so every lock is free. */
__attribute__((weak)) struct core core_private;

__attribute__((weak)) void spin_wait(struct spinlock *l, u32 me)
{
	abort();
}

void guest_panicked(struct guest *g, struct vcpu *v, u32 events)
{
	if (!g->device_lock.held)
		abort();
	w->panics++;
}

static void world_alloc(void)
{
	u8 *ram;

	w = calloc(1, sizeof(*w));
	ram = mmap(NULL, HIGH_BASE + RAM_HIGH, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (!w || ram == MAP_FAILED || mprotect(ram, RAM_LOW, PROT_READ | PROT_WRITE) ||
	    mprotect(ram + HIGH_BASE, RAM_HIGH, PROT_READ | PROT_WRITE))
		abort();
	w->g.ram = ram;
	w->v.decode = calloc(1, decode_cache_size());
}

/* Programs without the decoder have no cache. */
__attribute__((weak)) size_t decode_cache_size(void)
{
	return 1;
}

__attribute__((weak)) void decode_cache_reset(struct vcpu *v)
{
}

static void world_state(struct cpu_state *s)
{
	struct segment flat = { .sel = 0x10, .attr = 0xc093, .limit = ~0u };

	s->cr0 = CR0_PE | CR0_PG | CR0_WP | CR0_ET;
	s->cr4 = CR4_PAE;
	s->cr3 = ROOT_GPA;
	s->efer = EFER_LME | EFER_LMA | EFER_NXE;
	s->rflags = RFLAGS_FIXED;
	for (u32 i = SEG_ES; i <= SEG_GS; i++)
		s->seg[i] = flat;
	s->seg[SEG_CS] = (struct segment){ .sel = 8, .attr = 0xa09b, .limit = ~0u };
}

u64 *world_pte(u64 va)
{
	u64 table = ROOT_GPA;

	for (u32 shift = 39; shift > 12; shift -= 9) {
		u64 *e = (u64 *)(w->g.ram + table) + (va >> shift & 511);

		if (!(*e & 1)) {
			*e = w->next_table | 7;
			memset(w->g.ram + w->next_table, 0, PAGE_SIZE);
			w->next_table += PAGE_SIZE;
		}
		table = *e & 0xffffffffff000ul;
	}
	return (u64 *)(w->g.ram + table) + (va >> 12 & 511);
}

void world_map(u64 va, u64 gpa, u64 flags)
{
	*world_pte(va) = gpa | flags;
}

void world_reset(void)
{
	u8 *ram;
	struct decode_cache *decode;

	if (!w)
		world_alloc();
	ram = w->g.ram;
	decode = w->v.decode;
	memset(w, 0, sizeof(*w));
	madvise(ram, RAM_LOW, MADV_DONTNEED);
	madvise(ram + HIGH_BASE, RAM_HIGH, MADV_DONTNEED);
	w->g.ram = ram;
	w->g.ram_low = RAM_LOW;
	w->g.ram_high = RAM_HIGH;
	w->g.vcpu_count = 1;
	w->g.plan = &w->plan;
	w->v.guest = &w->g;
	w->v.pub = &w->g.vcpu[0];
	w->v.decode = decode;
	decode_cache_reset(&w->v);
	w->next_table = ROOT_GPA + PAGE_SIZE;
	w->vlapic_ok = true;
	world_state(&w->s);
	for (u64 at = 0; at < RAM_LOW; at += PAGE_SIZE)
		world_map(at, at, 3);
}

void world_code(u64 gpa, const void *code, u32 len, enum vmexit_kind kind)
{
	memcpy(w->g.ram + gpa, code, len);
	w->v.exit = (struct vmexit){ .kind = kind, .rip = gpa, .rflags = w->s.rflags, .cpl = 0xff };
	w->s.rip = gpa;
	w->killed[0] = 0;
}
