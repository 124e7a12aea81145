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
	if (!r->lent)
		r->stopped = false;
	r->lent |= BIT32(queue);
	r->told[queue] = r->since[queue] = 0;
	r->gap[queue] = r->kind->gap_ns;
	r->told_bytes[queue] = r->d->bytes;
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
	u64 time = ns_to_ticks(bulk ? BULK_LINGER_NS : LINGER_NS);

	if (now - r->worked < time)
		control_work_linger(now + time);
	r->worked = now;
	r->worked_bytes = r->d->bytes;
}

bool virtio_remote_poll(void *remote, u64 now)
{
	struct virtio_remote *r = remote;
	bool any = false;
	u32 kicked;

	if (UNLIKELY(load_relaxed(&r->changed) && exchange(&r->changed, 0u)))
		take_changes(r);
	if (UNLIKELY(r->closing)) {
		close_recalled(r);
		control_work_by(now + ns_to_ticks(CLOSE_LOOK_NS));
	}
	if (!r->lent || !may_look(r))
		return false;
	if (r->kind->look)
		r->kind->look(r->d, now);
	kicked = load_relaxed(&r->kicked) ? exchange(&r->kicked, 0u) & r->lent & ~r->closing : 0;
	for (; kicked; kicked &= kicked - 1)
		virtio_remote_wake(r, (u32)__builtin_ctz(kicked));
	for (u32 left = r->awake; left; left &= left - 1) {
		u32 queue = (u32)__builtin_ctz(left);

		if (r->awake >> queue & 1 && (r->eager >> queue & 1 || virtq_waits(&r->d->queue[queue])))
			any |= r->kind->serve(r->d, queue);
	}
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

/* It owns its local APIC: it does not tell when it halts. */
static bool is_silent(const struct guest *g, u64 route)
{
	s32 vcpu = vpci_route_vcpu(g, route);

	return vcpu >= 0 && load_relaxed(&g->vcpu[vcpu].apic_enabled) & VLAPIC_PUB_OWNED;
}

/* Of a lazy queue. A vcpu that runs frees buffers when it adds some; one that halts may wait for just these. */
static bool is_early_lazy(struct virtio_remote *r, u32 queue, u64 now, bool halted)
{
	u64 until;

	if (!r->since[queue])
		r->since[queue] = now;
	until = r->since[queue] + ns_to_ticks(halted ? r->kind->lazy_ns : MAX(r->kind->lazy_ns, r->kind->gap_max_ns));
	if (now < until)
		control_work_by(until);
	return now < until;
}

/* Not yet? Then we come again in time. */
static bool is_early(struct virtio_remote *r, u32 queue, u64 now)
{
	const struct virtq *q = &r->d->queue[queue];
	bool lazy = r->lazy >> queue & 1, halted;
	u64 until;

	if (!r->kind->gap_ns)
		return false;
	/* Who is silent may halt for want of just the buffers of a lazy queue. */
	halted = is_halted(q->g, load_relaxed(&q->route)) || (lazy && is_silent(q->g, load_relaxed(&q->route)));
	if (lazy && q->given < (halted ? LAZY_MANY : MAX(LAZY_MANY, q->size / 2u)))
		return is_early_lazy(r, queue, now, halted);
	until = r->told[queue] + ns_to_ticks(q->given < q->size / 2 ? r->gap[queue] : r->kind->gap_ns);
	if (now >= until || halted)
		return false;
	control_work_linger(until);	/* it may halt before */
	return true;
}

/* How soon the next one may come: who runs while much passes is interrupted ever less. */
static void set_gap(struct virtio_remote *r, u32 queue, u64 now)
{
	const struct virtq *q = &r->d->queue[queue];
	bool bulk = q->given >= BULK || r->d->bytes - r->told_bytes[queue] >= BULK_BYTES;

	if (!r->kind->gap_ns)
		return;
	r->told[queue] = now;
	if (is_halted(q->g, load_relaxed(&q->route)))
		bulk = false;
	r->gap[queue] = bulk ? MIN(r->gap[queue] * 2, MAX(r->kind->gap_max_ns, r->kind->gap_ns)) : r->kind->gap_ns;
	r->told_bytes[queue] = r->d->bytes;
}

void virtio_remote_tell(struct virtio_remote *r, u64 now)
{
	for (u32 left = r->wanted; left; left &= left - 1) {
		u32 queue = (u32)__builtin_ctz(left);
		struct virtq *q = &r->d->queue[queue];

		if (virtq_wants(q)) {
			if (is_early(r, queue, now))
				continue;
			set_gap(r, queue, now);
			interrupt(r, queue);
		}
		virtq_told(q);
		r->since[queue] = 0;
		r->wanted &= ~BIT32(queue);
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
