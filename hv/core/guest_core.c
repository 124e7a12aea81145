/* SPDX-License-Identifier: Apache-2.0 */
/* What a guest core does: wait for messages, prepare a guest's RAM, run the one vcpu that it was given, wait again. */
#include <hv/control.h>
#include <hv/core.h>
#include <hv/datastore.h>
#include <hv/emulate.h>
#include <hv/gmem.h>
#include <hv/host.h>
#include <hv/load.h>
#include <hv/lock.h>
#include <hv/log.h>
#include <hv/own_apic.h>
#include <hv/pc.h>
#include <hv/policy.h>
#include <hv/time.h>
#include <hv/virt.h>

#include "guest_core.h"
#include "vcpu_loop.h"

static void tell_control(enum message_type type, const struct guest *g, u64 arg)
{
	struct message m = { .type = type, .arg = { (u64)g, arg } };

	while (!message_put(&this_core()->pub->from_core, &m))
		cpu_relax();
	core_ring_doorbell(control_core);
}

/* Why clearing may stop between two pieces: v is asked to park (UNTIL_PARK); a message waits that makes it useless, as the
 * guest starts (and is cleared then), or the machine goes down (UNTIL_MESSAGE). */
enum zero_until { UNTIL_DONE, UNTIL_PARK, UNTIL_MESSAGE };

static bool must_stop(enum zero_until until, const struct vcpu *v)
{
	if (until == UNTIL_PARK)
		return load_relaxed(&v->pub->requests) & REQ_PARK;
	return until == UNTIL_MESSAGE && message_waits(&this_core()->pub->to_core);
}

/* Clear all of g's RAM, in pieces. false: stopped. */
static bool zero_ram(struct guest *g, enum zero_until until, const struct vcpu *v)
{
	for (u32 i = 0; i < g->range_count; i++)
		for (u64 off = 0; off < g->range[i].size; off += BLOCK_SIZE) {
			if (must_stop(until, v))
				return false;
			gmem_zero(g, GPA(g->range[i].gpa + off), BLOCK_SIZE);
		}
	return true;
}

/* Once, before devices put anything into it; what they keep there outlives starts of the guest. Flash that got its variables
 * back was zeroed for that. */
static void zero_device_ram(struct guest *g)
{
	for (u32 i = 0; i < DEVICE_RAM_KINDS && !g->device_ram_zeroed; i++)
		if (g->device_ram[i].size && (i != DEVICE_RAM_FLASH || flash_vars_untouched(g)))
			memset(g->device_ram[i].at, 0, g->device_ram[i].size);
	g->device_ram_zeroed = true;
}

/* The other vcpus' local APICs must be there before the first one sends them anything. They come up in moments; a
 * core that cannot ends the guest, which parks us. */
static bool wait_for_vcpus(const struct guest *g, const struct vcpu *v)
{
	for (u32 i = 1; i < g->vcpu_count; i++)
		while (!load_acquire(&g->vcpu[i].running)) {
			if (load_relaxed(&v->pub->requests) & REQ_PARK)
				return false;
			cpu_relax();
		}
	return true;
}

/* RAM, models, tables and kernel of a guest that starts; vcpu 0's core. false: the guest ends here. */
static bool prepare_guest(struct guest *g, struct vcpu *v)
{
	struct cpu_state start = { 0 };
	char why[120];

	if (!zero_ram(g, UNTIL_PARK, v) || !wait_for_vcpus(g, v))
		return false;
	zero_device_ram(g);
	spin_lock(&g->device_lock);
	pc_reset(g);
	spin_unlock(&g->device_lock);
	if (pc_firmware_tables(g) || load_guest(g, &start, why, sizeof(why))) {
		guest_kill(v, "GUEST-LOAD", "the boot image does not start: %s", why);
		return false;
	}
	virt->set_state(v, &start, STATE_ALL);
	v->exit.rflags = start.rflags;
	tell_control(MSG_STARTED, g, v->index);
	return true;
}

/* Power-on state of the vcpu; everything that a former run left is gone. */
static void reset_vcpu(struct vcpu *v, struct guest *g, u32 index)
{
	memset(v, 0, sizeof(*v));
	v->guest = g;
	v->index = index;
	v->pub = &g->vcpu[index];
	v->decode = g->decode[index];
	v->tsc_offset = g->apic_owned ? 0 : 0 - g->tsc_start;	/* the TSC deadline runs natively only without one */
	v->exit.rflags = RFLAGS_FIXED;
	v->activity = index ? VCPU_WAIT_SIPI : VCPU_RUNNABLE;
	v->xcr0 = 1;
	v->cr4_allowed = policy_cr4_allowed(v);
	policy_reset(v);
	decode_cache_reset(v);
	vlapic_reset(v, false);
}

static void run_guest(struct guest *g, u32 index)
{
	struct vcpu *v = &this_core()->vcpu;
	struct core_public *me = this_core()->pub;

	host_reload_tables();	/* the control core changed which guest this core sees, and sealed the rest */
	own_apic_drain();	/* of what a former guest sent late */
	reset_vcpu(v, g, index);
	store_release(&me->state, CORE_GUEST);
	store_release(&v->pub->running, 1);
	if (virt->vcpu_init(v)) {
		guest_kill(v, "GUEST-CORE", "core %u could not set up its vcpu", this_core()->index);
	} else {
		virt->vcpu_reset(v);
		policy_trap(v);
		if (index != 0 || prepare_guest(g, v)) {
			vcpu_loop(v);
			if (index == 0)
				guest_record_parked(v);
		}
	}
	core_timer_set(~0ul);
	store_release(&v->pub->running, 0);
	store_release(&me->state, CORE_IDLE);
	tell_control(MSG_PARKED, g, index);
}

/* Nothing of the guest stays in RAM once it is gone; and before others get that RAM, nothing in that of its devices either. */
static void clear_guest(struct guest *g, bool for_others)
{
	struct core_public *me = this_core()->pub;
	bool all;

	host_reload_tables();	/* this core may never have run the guest */
	store_release(&me->state, CORE_GUEST);
	all = zero_ram(g, for_others ? UNTIL_DONE : UNTIL_MESSAGE, NULL);
	for (u32 i = 0; for_others && i < DEVICE_RAM_KINDS; i++)
		if (g->device_ram[i].size)
			memset(g->device_ram[i].at, 0, g->device_ram[i].size);
	store_release(&me->state, CORE_IDLE);
	tell_control(MSG_ZEROED, g, all);
}

/* Its tables are about to be used for something else. */
static void forget_guest(struct guest *g, u64 vcpu)
{
	host_reload_tables();
	tell_control(MSG_RELOADED, g, vcpu);
}

static void stop_core(void)
{
	virt->core_disable();
	store_release(&this_core()->pub->state, CORE_ABSENT);
	for (;;)
		__asm__ volatile("cli; hlt");
}

static void handle(const struct message *m)
{
	switch (m->type) {
	case MSG_RUN:
		run_guest((struct guest *)m->arg[0], (u32)m->arg[1]);
		break;
	case MSG_ZERO:
		clear_guest((struct guest *)m->arg[0], m->arg[1]);
		break;
	case MSG_RELOAD:
		forget_guest((struct guest *)m->arg[0], m->arg[1]);
		break;
	case MSG_CONTROL:
		host_reload_tables();	/* the boot core sealed them: no older translation may write */
		store_release(&this_core()->pub->state, CORE_CONTROL);
		control_run();
	case MSG_STOP:
		stop_core();
		break;
	default:
		log_error("guest core: message %lu is not for a core", m->type);
	}
}

void core_serve(void)
{
	struct core_public *me = this_core()->pub;
	struct message m;

	store_release(&me->state, CORE_IDLE);
	for (;;) {
		store_relaxed(&me->doorbell, 0);
		fence_full();
		while (message_get(&me->to_core, &m))
			handle(&m);
		core_idle(~0ul);
		core_take_interrupts();
	}
}

void core_hand_control(void)
{
	struct message m = { .type = MSG_CONTROL };

	this_core()->is_control = false;
	while (!message_put(&core_table[control_core].to_core, &m))
		cpu_relax();
	core_ring_doorbell(control_core);
}

void core_main(void)
{
	struct core_public *me = this_core()->pub;

	host_prepare_core();
	if (virt->core_enable()) {
		str_copy(me->why, sizeof(me->why), "virtualisation could not be switched on");
		store_release(&me->state, CORE_FAILED);
		for (;;)
			__asm__ volatile("cli; hlt");
	}
	core_serve();
}
