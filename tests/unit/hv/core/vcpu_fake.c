/* SPDX-License-Identifier: Apache-2.0 */
#include "vcpu_fake.h"

#include <hv/emulate.h>
#include <hv/exit_cpu.h>
#include <hv/pc.h>
#include <hv/policy.h>

#include "../../../../hv/core/vcpu_loop.h"

struct pc_fake pc_fake;
struct guest *g;
struct vcpu *v;

/* Handlers and models that the loop reaches */

void guest_due_tell(u64 due)
{
	pc_fake.told_due = due;
}

u32 insn_length(struct vcpu *t)
{
	return 2;
}

enum verdict emulate_mmio(struct vcpu *t)
{
	return NEXT;
}

enum verdict emulate_string_io(struct vcpu *t)
{
	return NEXT;
}

enum verdict hyperv_hypercall(struct vcpu *t)
{
	return NEXT;
}

enum verdict exit_cpuid(struct vcpu *t)
{
	assert_ptr_equal(t, v);
	fake_core.now += pc_fake.handler_ticks;
	if (pc_fake.handler)
		pc_fake.handler();
	return NEXT;
}

enum verdict exit_msr(struct vcpu *t)
{
	return vcpu_fault(t, VEC_GP, 0);
}

enum verdict exit_cr(struct vcpu *t)
{
	return NEXT;
}

enum verdict exit_machine_check(struct vcpu *t)
{
	return KILL;
}

enum verdict exit_xsetbv(struct vcpu *t)
{
	return NEXT;
}

void vcpu_set_dr6(struct vcpu *t, u64 causes)
{
}

u64 vlapic_now(void)
{
	return fake_core.now;
}

void irq_eoi_broadcast(struct guest *t, u8 vector)
{
}

bool irq_message_send(struct guest *t, const struct irq_message *m)
{
	return false;
}

static void locked(void)
{
	assert_int_not_equal(g->device_lock.held, 0);
}

void pc_run(struct guest *t, u64 now)
{
	locked();
	assert_true(now == fake_core.now);
	pc_fake.runs++;
	pc_fake.ran_at = now;
	g->device_deadline = pc_fake.next_deadline;
	pc_fake.next_deadline = U64_MAX;
	if (pc_fake.on_run)
		pc_fake.on_run();
}

void pc_event_input(struct guest *t)
{
	locked();
	pc_fake.inputs++;
}

void pc_event_keys(struct guest *g)
{
}

void policy_was_paused(struct vcpu *t)
{
	pc_fake.pauses++;
}

void pc_event_balloon(struct guest *t)
{
	locked();
	pc_fake.balloons++;
}

void pc_event_power_button(struct guest *t)
{
	locked();
	pc_fake.buttons++;
}

bool pc_pic_output(const struct guest *t)
{
	return pc_fake.pic_next < pc_fake.pic_count;
}

u8 pc_pic_acknowledge(struct guest *t)
{
	locked();
	assert_true(pc_pic_output(t));
	return pc_fake.pic[pc_fake.pic_next++];
}

/* The guest */

static void setup_vcpu(u32 index)
{
	g = fake_guest_new(2);
	v = &core_private.vcpu;
	memset(&pc_fake, 0, sizeof(pc_fake));
	pc_fake.next_deadline = U64_MAX;
	v->index = index;
	v->pub = &g->vcpu[index];
	g->core_of[index] = 0;
	g->core_of[!index] = 1;
	bus_init(&g->bus);
	vlapic_reset(v, false);
	if (index == 0)
		vlapic_wire_as_firmware(v);
	v->deadline = 0;
}

int setup(void **state)
{
	setup_vcpu(0);
	return 0;
}

int setup_second(void **state)
{
	setup_vcpu(1);
	v->activity = VCPU_WAIT_SIPI;
	return 0;
}

int teardown(void **state)
{
	fake_guest_free(g);
	return 0;
}

void others_ask(u32 requests)
{
	fetch_or(&v->pub->requests, requests);
	store_release(&core_table[0].doorbell, 1);
}

void others_post(u8 vector)
{
	fetch_or(&v->pub->posted[vector >> 6], BIT(vector & 63));
	others_ask(REQ_POSTED);
}

void pic_wants(u8 vector)
{
	pc_fake.pic[pc_fake.pic_count++] = vector;
}

void guest_eoi(void)
{
	vlapic_mmio_write(v, 0xb0, 0);
}

void timer_start(u8 vector, u32 ticks)
{
	vlapic_mmio_write(v, 0x3e0, 0xb);
	vlapic_mmio_write(v, 0x320, vector);
	vlapic_mmio_write(v, 0x380, ticks);
}

void play_steps(const struct fake_step *steps, u32 count)
{
	fake_play_count(steps, count);
	vcpu_loop(v);
}

void got_vectors(const u8 *vectors, u32 count)
{
	for (u32 i = 0; i < count && i < fake.delivered_count; i++)
		assert_int_equal(fake.delivered[i].vector, vectors[i]);
	assert_int_equal(fake.delivered_count, count);
}
