/* SPDX-License-Identifier: Apache-2.0 */
/* The control core's side: which queues are ours, who is looked at, who is interrupted when. */
#include "virtio_remote.h"

#include <hv/guest.h>
#include <hv/lib.h>
#include <hv/time.h>

#define LINGER_NS 500000ul		/* who has had work twice within this time is looked at for as long before the core halts */
#define BULK_LINGER_NS 2000000ul	/* ... whose work brought so much that its guest may take longer until the next */
#define BULK_LINGER_BYTES 16384u
#define ROUTE_TRIES 2u
#define CLOSE_LOOK_NS 100000ul		/* are memory and requests of queues that were asked back done with? */
#define LAZY_MANY 16u			/* buffers: no longer a reason to be late */
#define BULK 16u			/* buffers between two interrupts: who gets so many can do with fewer */
#define BULK_BYTES 65536u

/* --- whose queues ------------------------------------------------------------------------------------------------- */

static void take(struct virtio_remote *r, u32 queue)
{
	if (!r->lent) {
		r->stopped = false;
		r->usual_linger = ns_to_ticks(LINGER_NS);
		r->bulk_linger = ns_to_ticks(BULK_LINGER_NS);
	}
	r->lent |= BIT32(queue);
	r->pace[queue] = (struct virtio_pace){ .gap = r->kind->gap_ns, .told_bytes = r->d->bytes };
	virtio_remote_wake(r, queue);
	if (r->kind->taken)
		r->kind->taken(r->d, queue);
}

static void give_back(struct virtio_remote *r, u32 queue)
{
	u32 bit = BIT32(queue);

	r->lent &= ~bit;
	r->closing &= ~bit;
	store_release(&r->d->queue[queue].owner, VIRTQ_OWN);
	guest_call(r->d->f.g, 0, r->call);
}

static void take_changes(struct virtio_remote *r)
{
	for (u32 left = r->mask & (u32)(BIT(r->d->queue_count) - 1); left; left &= left - 1) {
		u32 queue = (u32)__builtin_ctz(left), bit = BIT32(queue);
		u32 owner = load_acquire(&r->d->queue[queue].owner);

		if (owner == VIRTQ_LENT && !(r->lent & bit)) {
			take(r, queue);
		} else if (owner == VIRTQ_RECALLED) {
			r->awake &= ~bit;
			r->wanted &= ~bit;
			if (r->lent & bit)
				r->closing |= bit;
			else
				give_back(r, queue);
		}
	}
	for (u32 left = r->lent & ~r->closing; left; left &= left - 1)
		virtio_remote_wake(r, (u32)__builtin_ctz(left));
}

static void close_recalled(struct virtio_remote *r)
{
	for (u32 left = r->closing; left; left &= left - 1) {
		u32 queue = (u32)__builtin_ctz(left);

		if (!r->kind->drop || r->kind->drop(r->d, queue))
			give_back(r, queue);
	}
}

/* --- who is looked at --------------------------------------------------------------------------------------------- */

void virtio_remote_wake(struct virtio_remote *r, u32 queue)
{
	if (r->awake >> queue & 1)
		return;
	r->awake |= BIT32(queue);
	virtq_quiet(&r->d->queue[queue]);
}

void virtio_remote_rest(struct virtio_remote *r, u32 queue)
{
	r->awake &= ~BIT32(queue);
}

/* Without bus mastering a device looks at nothing. The byte is a guest's core's to write; when it changes we are called. */
static bool may_look(const struct virtio_remote *r)
{
	return !r->stopped && (load_relaxed(&r->d->f.config[VPCI_COMMAND]) & VPCI_CMD_MASTER);
}

/* Work that comes again and again is worth waiting for: no halt, no notification, no doorbell. */
static void linger(struct virtio_remote *r, u64 now)
{
	bool bulk = r->d->bytes - r->worked_bytes >= BULK_LINGER_BYTES;
	u64 time = bulk ? r->bulk_linger : r->usual_linger;

	if (now - r->worked < time)
		control_work_linger(now + time);
	r->worked = now;
	r->worked_bytes = r->d->bytes;
}

/* Owners that changed, and memory of queues that were asked back. */
static NOINLINE void see_to_owners(struct virtio_remote *r, u64 now)
{
	if (load_relaxed(&r->changed) && exchange(&r->changed, 0u))
		take_changes(r);
	if (!r->closing)
		return;
	close_recalled(r);
	control_work_by(now + ns_to_ticks(CLOSE_LOOK_NS));
}

static NOINLINE void take_kicks(struct virtio_remote *r)
{
	for (u32 left = exchange(&r->kicked, 0u) & r->lent & ~r->closing; left; left &= left - 1)
		virtio_remote_wake(r, (u32)__builtin_ctz(left));
}

static bool serve_awake(struct virtio_remote *r)
{
	struct virtio_device *d = r->d;
	bool any = false;

	for (u32 left = r->awake; left; left &= left - 1) {
		u32 queue = (u32)__builtin_ctz(left);

		if (r->awake >> queue & 1 && (r->eager >> queue & 1 || virtq_waits(&d->queue[queue])))
			any |= r->kind->serve(d, queue);
	}
	return any;
}

bool virtio_remote_poll(void *remote, u64 now)
{
	struct virtio_remote *r = remote;
	bool any;

	if (UNLIKELY(load_relaxed(&r->changed) | r->closing))
		see_to_owners(r, now);
	if (!r->lent || !may_look(r))
		return false;
	if (r->kind->look)
		r->kind->look(r->d, now);
	if (load_relaxed(&r->kicked))
		take_kicks(r);
	any = serve_awake(r);
	if (any)
		linger(r, now);
	if (r->wanted)
		virtio_remote_tell(r, now);
	if (r->awake && r->kind->when == WORK_ON_CALL)
		control_work_stay(r->work, r->linger);
	return any;
}

bool virtio_remote_listen(void *remote)
{
	struct virtio_remote *r = remote;
	bool any = load_relaxed(&r->changed);

	if (!r->awake || !may_look(r))
		return any;
	for (u32 left = r->awake; left; left &= left - 1) {
		u32 queue = (u32)__builtin_ctz(left);

		if (virtq_await(&r->d->queue[queue]))
			any = true;
		else
			r->awake &= ~BIT32(queue);
	}
	return any;
}

/* Queues that are asked back stay readable until they have been given back. */
bool virtio_remote_peek(void *remote)
{
	const struct virtio_remote *r = remote;

	for (u32 left = r->awake; left; left &= left - 1)
		if (virtq_waits(&r->d->queue[__builtin_ctz(left)]))
			return true;
	return false;
}

/* --- interrupts --------------------------------------------------------------------------------------------------- */

void virtio_remote_flush(struct virtio_remote *r, u32 queue)
{
	virtq_publish(&r->d->queue[queue]);
	r->wanted |= BIT32(queue);
}

/* The driver may move or mask a message at any time. Where it does so while we send, the message may have gone where nobody
 * looks any more: it is sent again, and after that by those who know for sure. */
static void interrupt(struct virtio_remote *r, u32 queue)
{
	struct virtq *q = &r->d->queue[queue];

	q->interrupts++;
	for (u32 i = 0; i < ROUTE_TRIES; i++) {
		u64 route = load_acquire(&q->route);

		if (!route)
			break;
		vpci_route_send(q->g, route);
		fence_full();
		if (load_relaxed(&q->route) == route)
			return;
	}
	r->slow_interrupts++;
	fetch_or(&r->slow, BIT32(queue));
	guest_call(q->g, 0, r->call);
}

/* In the hypervisor, waiting: a doorbell costs it no exit. */
static bool is_halted(const struct guest *g, u64 route)
{
	s32 vcpu = vpci_route_vcpu(g, route);

	return vcpu < 0 || load_relaxed(&g->vcpu[vcpu].halted_since);
}

/* Of a lazy queue. A vcpu that runs frees buffers when it adds some; one that halts may wait for just these. */
static void pace_lazy(struct virtio_remote *r, struct virtio_pace *p, u64 now, bool halted)
{
	if (!p->since)
		p->since = now;
	p->early = p->since + ns_to_ticks(halted ? r->kind->lazy_ns : MAX(r->kind->lazy_ns, r->kind->gap_max_ns));
}

/* How long the vcpu that it goes to is left alone, and what ends that. */
static NOINLINE void set_pace(struct virtio_remote *r, u32 queue, u64 now)
{
	const struct virtq *q = &r->d->queue[queue];
	struct virtio_pace *p = &r->pace[queue];
	bool lazy = r->lazy >> queue & 1, halted;
	u16 half = q->size / 2;
	s32 vcpu;

	p->route = load_relaxed(&q->route);
	vcpu = vpci_route_vcpu(q->g, p->route);
	p->halts = vcpu < 0 ? NULL : &q->g->vcpu[vcpu].halted_since;
	halted = !p->halts || load_relaxed(p->halts);
	/* Who owns its local APIC does not tell when it halts: it may for want of just the buffers of a lazy queue. */
	if (lazy && !halted && load_relaxed(&q->g->vcpu[vcpu].apic_enabled) & VLAPIC_PUB_OWNED)
		halted = true;
	if (halted)
		p->halts = NULL;
	p->enough = (u16)(halted ? LAZY_MANY : MAX(LAZY_MANY, half));
	if (lazy && q->given < p->enough) {
		pace_lazy(r, p, now, halted);
		return;
	}
	p->enough = q->given < half ? half : (u16)~0u;
	p->early = halted ? 0 : p->told + ns_to_ticks(q->given < half ? p->gap : r->kind->gap_ns);
	if (now < p->early)
		control_work_linger(p->early);	/* it may halt before */
}

static inline bool is_left_alone(const struct virtio_pace *p, const struct virtq *q, u64 now)
{
	return now < p->early && q->given < p->enough && load_relaxed(&q->route) == p->route &&
	       !(p->halts && load_relaxed(p->halts));
}

/* How soon the next one may come: who runs while much passes is interrupted ever less. */
static void set_gap(struct virtio_remote *r, u32 queue, u64 now)
{
	const struct virtq *q = &r->d->queue[queue];
	struct virtio_pace *p = &r->pace[queue];
	bool bulk = q->given >= BULK || r->d->bytes - p->told_bytes >= BULK_BYTES;

	if (!r->kind->gap_ns)
		return;
	p->told = now;
	if (bulk && is_halted(q->g, load_relaxed(&q->route)))
		bulk = false;
	p->gap = bulk ? MIN(p->gap * 2, MAX(r->kind->gap_max_ns, r->kind->gap_ns)) : r->kind->gap_ns;
	p->told_bytes = r->d->bytes;
}

static void told(struct virtio_remote *r, u32 queue)
{
	virtq_told(&r->d->queue[queue]);
	r->pace[queue].since = r->pace[queue].early = 0;
	r->wanted &= ~BIT32(queue);
}

static void tell(struct virtio_remote *r, u32 queue, u64 now)
{
	if (!virtq_wants(&r->d->queue[queue])) {
		told(r, queue);
		return;
	}
	if (r->kind->gap_ns)
		set_pace(r, queue, now);
	if (now < r->pace[queue].early)
		return;
	set_gap(r, queue, now);
	interrupt(r, queue);
	told(r, queue);
}

/* Who is not told yet lets us come again in time, whether we linger until then or not. */
void virtio_remote_tell(struct virtio_remote *r, u64 now)
{
	for (u32 left = r->wanted; left; left &= left - 1) {
		u32 queue = (u32)__builtin_ctz(left);

		if (!is_left_alone(&r->pace[queue], &r->d->queue[queue], now))
			tell(r, queue, now);
		if (r->wanted & BIT32(queue))
			control_work_by(r->pace[queue].early);
	}
}

void virtio_remote_fail(struct virtio_remote *r, u32 queue)
{
	r->stopped = true;
	r->awake = r->wanted = 0;
	fetch_or(&r->failed, BIT32(queue));
	guest_call(r->d->f.g, 0, r->call);
}

void virtio_remote_config_changed(struct virtio_remote *r)
{
	exchange(&r->config, 1u);
	guest_call(r->d->f.g, 0, r->call);
}

/* --- life ------------------------------------------------------------------------------------------------------- */

/* All vcpus are parked: whatever they had lent or asked for. */
static bool let_go(struct guest *g, void *arg)
{
	struct virtio_remote *r = arg;
	bool all = true;

	(void)g;
	r->closing = r->lent;
	r->awake = r->wanted = 0;
	for (u32 left = r->lent; left; left &= left - 1) {
		u32 queue = (u32)__builtin_ctz(left);

		if (r->kind->drop && !r->kind->drop(r->d, queue))
			all = false;
		else
			r->lent &= ~BIT32(queue);
	}
	r->closing = r->lent;
	if (!all)
		return false;
	for (u32 i = 0; i < r->d->queue_count; i++)
		store_release(&r->d->queue[i].owner, VIRTQ_OWN);
	store_relaxed(&r->changed, 0u);
	virtio_remote_clear(r);
	return true;
}

int virtio_remote_init(struct virtio_remote *r, struct guest *g, struct virtio_device *d, const struct virtio_remote_kind *kind,
		       u32 mask)
{
	int id = guest_call_add(g, virtio_remote_called, r), err;

	if (id < 0)
		return id;
	memset(r, 0, sizeof(*r));
	r->d = d;
	r->kind = kind;
	r->mask = mask;
	r->call = (u32)id;
	d->remote = r;
	err = guest_lender_add(g, let_go, r);
	return err ? err : control_work_add(&(struct control_work){ .name = kind->name, .poll = virtio_remote_poll,
		.listen = virtio_remote_listen, .peek = virtio_remote_peek, .arg = r, .when = kind->when, .id = &r->work });
}
