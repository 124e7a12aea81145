/* SPDX-License-Identifier: Apache-2.0 */
#include "exit_fake.h"

#include <hv/exit_cpu.h>
#include <hv/policy.h>

struct guest *g;
struct vcpu *v;
u32 length;		/* what insn_length() finds */
u32 length_asked;
enum verdict answer;	/* of the handlers in other files */
const char *asked;	/* which of them was called last */
struct io last_io;
u64 io_result;
u32 io_count;
u32 apic_off, apic_val, apic_reads, apic_writes;
u64 dr6_causes;

u32 insn_length(struct vcpu *t)
{
	assert_ptr_equal(t, v);
	length_asked++;
	return length;
}

static enum verdict elsewhere(struct vcpu *t, const char *who)
{
	asked = who;
	if (answer == FAULT)
		return vcpu_fault(t, VEC_GP, 0);
	return answer;
}

enum verdict emulate_mmio(struct vcpu *t)
{
	return elsewhere(t, "mmio");
}

enum verdict emulate_string_io(struct vcpu *t)
{
	return elsewhere(t, "string");
}

enum verdict hyperv_hypercall(struct vcpu *t)
{
	return elsewhere(t, "hyperv");
}

enum verdict exit_cpuid(struct vcpu *t)
{
	return elsewhere(t, "cpuid");
}

enum verdict exit_msr(struct vcpu *t)
{
	return elsewhere(t, "msr");
}

enum verdict exit_cr(struct vcpu *t)
{
	return elsewhere(t, "cr");
}

enum verdict exit_xsetbv(struct vcpu *t)
{
	return elsewhere(t, "xsetbv");
}

enum verdict exit_machine_check(struct vcpu *t)
{
	return elsewhere(t, "machine check");
}

void vcpu_set_dr6(struct vcpu *t, u64 causes)
{
	dr6_causes = causes;
}

u32 vlapic_mmio_read(struct vcpu *t, u32 off)
{
	apic_reads++;
	apic_off = off;
	return 0x600d0000 + off;
}

void vlapic_mmio_write(struct vcpu *t, u32 off, u32 val)
{
	apic_writes++;
	apic_off = off;
	apic_val = val;
}

static enum io_result device(void *self, struct io *io)
{
	assert_int_not_equal(g->device_lock.held, 0);
	io_count++;
	last_io = *io;
	if (!io->write)
		io->val = io_result;
	return IO_DONE;
}

int setup(void **state)
{
	g = fake_guest_new(2);
	v = &core_private.vcpu;
	bus_init(&g->bus);
	assert_int_equal(bus_claim(&g->bus, (struct bus_range){ BUS_PORT, PORT, 4 }, device, NULL, "port"), 0);
	assert_int_equal(bus_claim(&g->bus, (struct bus_range){ BUS_MEMORY, DEVICE, 4096 }, device, NULL, "memory"), 0);
	length = 3;
	length_asked = 0;
	answer = NEXT;
	asked = "";
	io_count = apic_reads = apic_writes = 0;
	io_result = 0;
	dr6_causes = 0;
	return 0;
}

int teardown(void **state)
{
	fake_guest_free(g);
	return 0;
}

struct vmexit an_exit(enum vmexit_kind kind)
{
	return (struct vmexit){ .kind = kind, .rip = RIP, .len = 2, .rflags = RFLAGS_FIXED, .cpl = 0xff };
}

void judge(struct vmexit x)
{
	fake_exit(v, &x);
	(void)vcpu_turn();
}

u64 rip(void)
{
	return fake.state.rip;
}

void killed_as(const char *id)
{
	assert_int_equal(g->record.ready, 1);
	assert_int_equal(g->record.end, END_KILLED);
	assert_string_equal(g->record.id, id);
	assert_true(g->record.rip == RIP);
	assert_int_equal(g->record.exit_kind, v->exit.kind);
	assert_true(v->pub->requests & REQ_PARK);
	assert_int_equal(fake.count[FAKE_INJECT], 0);
	assert_true(rip() == RIP);
	assert_int_equal(fake.count[FAKE_SET_RIP], 0);
}

void alive(void)
{
	assert_int_equal(g->record.claimed, 0);
	assert_false(v->pub->requests & REQ_PARK);
}
