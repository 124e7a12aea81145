/* SPDX-License-Identifier: Apache-2.0 */
/* Every exit of every guest: who decides, who acts, where RIP moves. docs/adding-an-exit.md. */
#include <hv/vcpu.h>

#include <hv/core.h>
#include <hv/emulate.h>
#include <hv/exit_cpu.h>
#include <hv/guest.h>
#include <hv/host.h>
#include <hv/lock.h>
#include <hv/policy.h>
#include <hv/time.h>
#include <hv/virt.h>

#include "bus_int.h"
#include "vcpu_loop.h"

typedef enum verdict exit_fn(struct vcpu *v);

/* An exception that keeps hitting the delivery of another never ends by itself; XSA-156. */
#define EXCEPTION_STREAK_MAX 1000
#define KVM_ENOSYS 1000

static const char *const kind_name[VMEXIT_KINDS] = {
	[VMEXIT_NONE] = "none", [VMEXIT_EVENT] = "event", [VMEXIT_WINDOW] = "window", [VMEXIT_PIO] = "pio",
	[VMEXIT_MMIO] = "mmio", [VMEXIT_CPUID] = "cpuid", [VMEXIT_MSR] = "msr", [VMEXIT_CR] = "cr", [VMEXIT_DR] = "dr",
	[VMEXIT_HLT] = "hlt", [VMEXIT_PAUSE] = "pause", [VMEXIT_HYPERCALL] = "hypercall", [VMEXIT_XSETBV] = "xsetbv",
	[VMEXIT_CACHE] = "cache", [VMEXIT_MONITOR] = "monitor", [VMEXIT_UNDEFINED] = "undefined",
	[VMEXIT_PRIVILEGED] = "privileged", [VMEXIT_EXCEPTION] = "exception", [VMEXIT_TRIPLE_FAULT] = "triple-fault",
	[VMEXIT_SHUTDOWN] = "shutdown", [VMEXIT_ENTRY_FAILED] = "entry-failed", [VMEXIT_NESTED_BROKEN] = "nested-broken",
	[VMEXIT_UNKNOWN] = "unknown",
};

const char *vmexit_name(enum vmexit_kind kind)
{
	return kind < VMEXIT_KINDS && kind_name[kind] ? kind_name[kind] : "?";
}

static enum verdict exit_event(struct vcpu *v)
{
	if (!v->lapic.owned)	/* else they are the guest's */
		core_take_interrupts();
	v->look = true;
	return AGAIN;
}

static enum verdict exit_window(struct vcpu *v)
{
	(void)v;
	return AGAIN;	/* the loop delivers */
}

/* Ports */

bool pio_access(struct vcpu *v, struct io *io, u16 port)
{
	struct guest *g = v->guest;
	bool answered;

	spin_lock(&g->device_lock);
	answered = bus_access_port(&g->bus, port, io);
	spin_unlock(&g->device_lock);
	return answered;
}

/* SDM 2A "IN": a 32-bit result clears the upper half of RAX, the shorter ones leave the rest. */
static inline void port_result(u64 *rax, u32 size, u64 val)
{
	if (size == 1)
		*rax = (*rax & ~0xfful) | (u8)val;
	else if (size == 2)
		*rax = (*rax & ~0xfffful) | (u16)val;
	else
		*rax = (u32)val;
}

static NOINLINE enum verdict pio_one(struct vcpu *v)
{
	const struct vmexit *x = &v->exit;
	struct io io = { .size = x->pio.size, .write = !x->pio.in };
	struct guest *g = v->guest;

	if (io.write)
		io.val = v->gpr[RAX] & (BIT(io.size * 8) - 1);
	spin_lock(&g->device_lock);
	bus_access_port(&g->bus, x->pio.port, &io);
	spin_unlock(&g->device_lock);
	if (x->pio.in)
		port_result(&v->gpr[RAX], x->pio.size, io.val);
	return NEXT;
}

static enum verdict exit_pio(struct vcpu *v)
{
	const struct vmexit *x = &v->exit;

	if (x->pio.string)
		return emulate_string_io(v);
	if (!x->pio.in && bus_ring_port(&v->guest->bus, x->pio.port))
		return NEXT;
	return pio_one(v);
}

/* Memory that is not RAM */

static bool lapic_access(struct vcpu *v, u64 off, struct io *io)
{
	/* SDM 3A "Local APIC Register Address Map": registers are 32 bits wide on 16-byte boundaries. */
	if (io->size != 4 || (off & 15)) {
		io->val = ~0ul;
		return false;
	}
	if (io->write)
		vlapic_mmio_write(v, (u32)off, (u32)io->val);
	else
		io->val = vlapic_mmio_read(v, (u32)off);
	return true;
}

bool mmio_access(struct vcpu *v, u64 gpa, struct io *io)
{
	struct guest *g = v->guest;
	u64 off = gpa - VLAPIC_ADDRESS;
	bool answered;

	if (off < PAGE_SIZE && (v->lapic.base & (APIC_BASE_ENABLE | APIC_BASE_X2)) == APIC_BASE_ENABLE)
		return lapic_access(v, off, io);
	spin_lock(&g->device_lock);
	answered = bus_access(&g->bus, BUS_MEMORY, gpa, io);
	spin_unlock(&g->device_lock);
	return answered;
}

static enum verdict exit_mmio(struct vcpu *v)
{
	u64 gpa = v->exit.mmio.gpa.v;

	if (v->exit.mmio.fetch && host_device_executable(v->guest, gpa))
		return AGAIN;	/* mapped since, by another vcpu */
	if (v->exit.mmio.fetch) {
		guest_kill(v, "GUEST-FETCH", "instruction fetch from %#lx, where there is no memory", gpa);
		return KILL;
	}
	if (v->exit.mmio.in_walk) {
		guest_kill(v, "GUEST-TABLES", "page tables at %#lx, where there is no memory", gpa);
		return KILL;
	}
	if (v->exit.event_queued) {
		guest_kill(v, "GUEST-STACK", "an interrupt was delivered through %#lx, where there is no memory", gpa);
		return KILL;
	}
	return emulate_mmio(v);
}

/* Instructions */

static enum verdict exit_hlt(struct vcpu *v)
{
	v->activity = VCPU_HALTED;
	return NEXT;
}

static enum verdict exit_skip(struct vcpu *v)
{
	(void)v;
	return NEXT;
}

static enum verdict exit_hypercall(struct vcpu *v)
{
	if (v->guest->hyperv.os_id)
		return hyperv_hypercall(v);
	v->gpr[RAX] = (u64)-KVM_ENOSYS;
	return NEXT;
}

static enum verdict exit_undefined(struct vcpu *v)
{
	return vcpu_fault(v, VEC_UD, -1);
}

static enum verdict exit_privileged(struct vcpu *v)
{
	return vcpu_fault(v, VEC_GP, 0);
}

/* #DB and #AC are intercepted so that a guest cannot loop in their delivery for ever; they go on to the guest. #MC is the
 * machine's: the guest has no banks to ask, and what is broken is in its hands. */
static enum verdict exit_exception(struct vcpu *v)
{
	const struct vmexit *x = &v->exit;

	if (x->exception.vector == VEC_MC)
		return exit_machine_check(v);
	v->exception_streak = x->event_queued ? v->exception_streak + 1 : 0;
	if (v->exception_streak > EXCEPTION_STREAK_MAX) {
		guest_kill(v, "GUEST-EXCEPTION-LOOP", "exception %u keeps hitting the delivery of an exception",
			x->exception.vector);
		return KILL;
	}
	if (x->exception.vector == VEC_DB)
		vcpu_set_dr6(v, x->exception.dr6);
	return vcpu_fault(v, (enum vector)x->exception.vector, x->exception.has_code ? (int)x->exception.code : -1);
}

/* Ends */

static enum verdict exit_triple_fault(struct vcpu *v)
{
	guest_kill(v, "GUEST-TRIPLE-FAULT", "vcpu %u had a triple fault", v->index);
	return KILL;
}

static enum verdict exit_shutdown(struct vcpu *v)
{
	guest_kill(v, "GUEST-SHUTDOWN", "vcpu %u was shut down by the processor", v->index);
	return KILL;
}

static enum verdict exit_entry_failed(struct vcpu *v)
{
	guest_kill(v, "GUEST-ENTRY-FAILED", "the processor refuses the state of vcpu %u: %s", v->index,
		v->exit.failed.words ? v->exit.failed.words : "reason unknown");
	return KILL;
}

static enum verdict exit_nested_broken(struct vcpu *v)
{
	guest_kill(v, "GUEST-NESTED", "the nested page tables have a broken entry");
	return KILL;
}

/* A reason that means nothing here ends the guest, never the core. */
static enum verdict exit_unknown(struct vcpu *v)
{
	guest_kill(v, "GUEST-UNKNOWN-EXIT", "an exit that has no meaning here (%s, hardware reason %#lx)",
		vmexit_name(v->exit.kind), v->exit.reason);
	return KILL;
}

static exit_fn *const exit_handler[] = {
	[VMEXIT_NONE] = exit_unknown,
	[VMEXIT_EVENT] = exit_event,
	[VMEXIT_WINDOW] = exit_window,
	[VMEXIT_PIO] = exit_pio,
	[VMEXIT_MMIO] = exit_mmio,
	[VMEXIT_CPUID] = exit_cpuid,
	[VMEXIT_MSR] = exit_msr,
	[VMEXIT_CR] = exit_cr,
	[VMEXIT_DR] = exit_unknown,
	[VMEXIT_HLT] = exit_hlt,
	[VMEXIT_PAUSE] = exit_skip,
	[VMEXIT_HYPERCALL] = exit_hypercall,
	[VMEXIT_XSETBV] = exit_xsetbv,
	[VMEXIT_CACHE] = exit_skip,	/* caches of other guests are at stake; our RAM is coherent */
	[VMEXIT_MONITOR] = exit_undefined,
	[VMEXIT_UNDEFINED] = exit_undefined,
	[VMEXIT_PRIVILEGED] = exit_privileged,
	[VMEXIT_EXCEPTION] = exit_exception,
	[VMEXIT_TRIPLE_FAULT] = exit_triple_fault,
	[VMEXIT_SHUTDOWN] = exit_shutdown,
	[VMEXIT_ENTRY_FAILED] = exit_entry_failed,
	[VMEXIT_NESTED_BROKEN] = exit_nested_broken,
	[VMEXIT_UNKNOWN] = exit_unknown,
};
_Static_assert(ARRAY_COUNT(exit_handler) == VMEXIT_KINDS, "every kind has a handler");

/* A carry out of the low half: outside of 64-bit code the instruction pointer has 32 bits, and an entry with more would be
 * refused. It has them in 16-bit code too: what goes over FFFFH there is the limit's to judge. */
static NOINLINE u64 rip_wrapped(struct vcpu *v, u64 rip)
{
	struct code_key k;

	virt->code_key(v, &k);
	return (k.mode & CODE_SIZE) == 8 ? rip : (u32)rip;
}

/* Where the guest goes on. */
static inline u64 rip_behind(struct vcpu *v, u32 len)
{
	u64 rip = v->exit.rip + len;

	return UNLIKELY((u32)rip < len) ? rip_wrapped(v, rip) : rip;
}

/* The processor gave no length: it is in the bytes. RIP moves here and in exit_dispatch(), nowhere else. */
static NOINLINE void advance(struct vcpu *v)
{
	struct vmexit *x = &v->exit;
	u32 len = insn_length(v);

	if (!len) {
		guest_kill(v, "GUEST-DECODE", "the instruction at %#lx is not what the exit (%s) said", x->rip,
			vmexit_name(x->kind));
		return;
	}
	virt->set_rip(v, rip_behind(v, len));
}

/* What is not simply done. */
static NOINLINE void act(struct vcpu *v, enum verdict verdict)
{
	switch (verdict) {
	case NEXT:
		advance(v);
		return;
	case AGAIN:
		return;
	case FAULT:
		virt->inject(v, &v->fault);
		v->exit.event_queued = 1;
		return;
	case KILL:
		/* The handler said why; the first record wins. */
		guest_kill(v, "GUEST-UNKNOWN-EXIT", "an exit that was refused (%s)", vmexit_name(v->exit.kind));
		return;
	}
}

/* Judge one exit. Handlers only judge. */
static inline void exit_dispatch(struct vcpu *v)
{
	const struct vmexit *x = &v->exit;
	enum verdict verdict = exit_handler[x->kind](v);

	if (LIKELY(verdict == NEXT && x->len)) {
		u64 rip = rip_behind(v, x->len);	/* first, so that nothing lives across the rare call in it */

		virt->set_rip(v, rip);
	} else {
		act(v, verdict);
	}
}

static void count_exit(struct vcpu *v)
{
	struct exit_stat *s = &v->pub->stat[v->exit.kind];
	u64 cycles = tsc_now() - v->exit_tsc;

	s->count++;
	s->cycles += cycles;
	if (UNLIKELY(cycles > s->worst))
		s->worst = cycles;
}

/* v is a constant here: nothing has to be kept in a register while the handler runs. */
bool vcpu_turn(void)
{
	struct vcpu *v = &this_core()->vcpu;

	v->exit_tsc = tsc_now();
	exit_dispatch(v);
	count_exit(v);
	return !vcpu_needs_service(v);
}
