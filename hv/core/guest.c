/* SPDX-License-Identifier: Apache-2.0 */
/* How a guest ends, and how its vcpus are called. */
#include <hv/guest.h>

#include <hv/core.h>
#include <hv/lib.h>
#include <hv/virt.h>

const struct device_ram *guest_device_ram(const struct guest *g, enum device_ram_kind kind)
{
	return &g->device_ram[kind];
}

void vcpu_kick(struct guest *g, u32 vcpu)
{
	u32 core = g->core_of[vcpu];

	if (core != this_core()->index)
		core_ring_doorbell(core);
}

void vcpu_request(struct guest *g, u32 vcpu, u32 requests)
{
	u32 old = fetch_or(&g->vcpu[vcpu].requests, requests);

	if ((old & requests) != requests)
		vcpu_kick(g, vcpu);
}

/* Registers and the vendor's view in words, for the operator. */
static void record_dump(struct vcpu *v, struct guest_end_record *r)
{
	static const char *const name[GPR_COUNT] = { "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9",
		"r10", "r11", "r12", "r13", "r14", "r15" };
	size_t at = 0;

	for (u32 i = 0; i < GPR_COUNT && at < sizeof(r->dump); i++)
		at += (size_t)fmt_print(r->dump + at, sizeof(r->dump) - at, "%s=%lx%c", name[i], v->gpr[i],
			i % 4 == 3 ? '\n' : ' ');
	if (at < sizeof(r->dump))
		virt->dump(v, r->dump + at, sizeof(r->dump) - at);
}

static void record_where(const struct vcpu *v, struct guest_end_record *r)
{
	r->vcpu = v->index;
	r->rip = v->exit.rip;
	r->exit_kind = v->exit.kind;
	r->exit_reason = v->exit.reason;
	r->qual1 = v->exit.qual1;
	r->qual2 = v->exit.qual2;
}

/* Claim the record for this end; false when the guest is ending already. */
static bool claim_record(struct guest *g, struct vcpu *v, enum guest_end end)
{
	struct guest_end_record *r = &g->record;

	if (exchange(&r->claimed, 1))
		return false;
	r->end = end;
	record_where(v, r);
	return true;
}

static void tell_control(enum message_type type, const struct guest *g, u64 arg)
{
	struct message m = { .type = type, .arg = { (u64)g, arg } };

	while (!message_put(&this_core()->pub->from_core, &m))
		cpu_relax();	/* the control core empties the ring on every turn of its loop */
	core_ring_doorbell(control_core);
}

/* Everything is recorded: all vcpus park, the control core hears of it. */
static void publish_record(struct guest *g)
{
	store_release(&g->record.ready, 1);
	for (u32 i = 0; i < g->vcpu_count; i++)
		vcpu_request(g, i, REQ_PARK);
	tell_control(MSG_ENDED, g, 0);
}

void guest_panicked(struct guest *g, struct vcpu *v, u32 events)
{
	struct guest_end_record *r = &g->panic;
	u32 news = events & ~g->panic_events;

	if (!news)
		return;
	g->panic_events |= news;
	if (!exchange(&r->claimed, 1)) {
		record_where(v, r);
		record_dump(v, r);
		store_release(&r->ready, 1);
	}
	tell_control(MSG_PANICKED, g, news);
}

void guest_record_parked(struct vcpu *v)
{
	struct guest_end_record *r = &v->guest->parked;

	if (load_relaxed(&v->guest->record.claimed) || exchange(&r->claimed, 1))
		return;
	record_where(v, r);
	record_dump(v, r);
	store_release(&r->ready, 1);
}

void guest_end(struct guest *g, struct vcpu *v, enum guest_end end, u32 result)
{
	if (!claim_record(g, v, end))
		return;
	g->record.result = result;
	publish_record(g);
}

void guest_kill(struct vcpu *v, const char *id, const char *reason_fmt, ...)
{
	struct guest *g = v->guest;
	va_list ap;

	if (!claim_record(g, v, END_KILLED))
		return;
	str_copy(g->record.id, sizeof(g->record.id), id);
	va_start(ap, reason_fmt);
	fmt_vprint(g->record.reason, sizeof(g->record.reason), reason_fmt, ap);
	va_end(ap);
	record_dump(v, &g->record);
	publish_record(g);
}
