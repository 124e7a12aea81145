/* SPDX-License-Identifier: Apache-2.0 */
#include <hv/block_remote.h>

#include <hv/control_work.h>
#include <hv/core.h>
#include <hv/lib.h>
#include <hv/time.h>

/* While a guest has many requests under way, answers wait for others so that one call of its core serves them all. */
#define HOLD_NS 20000ul

static u32 slot_of(u32 at)
{
	return at % BLOCK_REMOTE_SLOTS;
}

/* The guest's side */

static void remote_submit(struct block_store *s, struct block_request *rq)
{
	struct block_remote *r = s->backend;

	assert(r->open < BLOCK_REMOTE_SLOTS);
	r->open++;
	rq->vcpu = this_core()->vcpu.index;
	r->asked[slot_of(r->asked_head)] = rq;
	store_release(&r->asked_head, r->asked_head + 1);	/* pairs with the acquire in take() */
	control_work_call(r->work);
}

static bool remote_idle(const struct block_store *s)
{
	return !((const struct block_remote *)s->backend)->open;
}

static const struct block_ops remote_ops = { .submit = remote_submit, .idle = remote_idle };

/* On one of the guest's cores, device lock held: whatever has been answered, whoever asked. */
static void collect(struct guest *g, void *arg)
{
	struct block_remote *r = arg;
	u32 head = load_acquire(&r->done_head);		/* pairs with the release in block_remote_done() */

	(void)g;
	r->store->burst = true;
	for (; r->done_tail != head; r->done_tail++) {
		struct block_remote_entry e = r->done[slot_of(r->done_tail)];

		r->open--;
		e.rq->done(e.rq, e.result);
	}
	r->store->burst = false;
	if (r->store->settled)
		r->store->settled(r->store);
}

/* The control core's side */

static void take(struct block_remote *r)
{
	u32 head = load_acquire(&r->asked_head);

	r->full = false;
	while (r->asked_tail != head) {
		r->in_flight++;
		if (!r->backend->serve(r, r->asked[slot_of(r->asked_tail)])) {
			r->in_flight--;
			r->full = true;
			break;
		}
		r->asked_tail++;
		r->requests++;
	}
}

static void call(struct block_remote *r)
{
	for (u64 left = r->vcpus; left; left &= left - 1)
		guest_call(r->g, (u32)__builtin_ctzl(left), r->call);
	r->vcpus = 0;
	r->held = 0;
	r->held_since = 0;
	r->calls++;
}

/* Alone, or as many as are still to come, or long enough: call. */
static void call_if_due(struct block_remote *r, u64 now)
{
	u64 until;

	if (!r->held)
		return;
	if (!r->held_since)
		r->held_since = now;
	until = r->held_since + ns_to_ticks(HOLD_NS);
	if (r->held >= r->in_flight || now >= until) {
		call(r);
		return;
	}
	control_work_by(until);
}

static bool poll(void *arg, u64 now)
{
	struct block_remote *r = arg;

	take(r);		/* the block layer's turn comes later in this round */
	call_if_due(r, now);
	return false;		/* who asks or answers calls us again */
}

void block_remote_done(struct block_remote *r, struct block_request *rq, enum block_result result)
{
	assert(r->in_flight);
	r->in_flight--;
	r->held++;
	r->vcpus |= BIT(rq->vcpu);
	r->done[slot_of(r->done_head)] = (struct block_remote_entry){ rq, result };
	store_release(&r->done_head, r->done_head + 1);
	control_work_wake(r->work);
}

/* All vcpus are parked: what was not begun is forgotten, answers too; rings begin anew when the hardware is done. */
static bool let_go(struct guest *g, void *arg)
{
	struct block_remote *r = arg;

	(void)g;
	r->asked_tail = r->asked_head;
	if (r->in_flight && !r->cancelled && r->backend->cancel) {
		r->cancelled = true;
		r->backend->cancel(r);
	}
	if (r->in_flight)
		return false;
	r->asked_head = r->asked_tail = r->done_head = r->done_tail = r->open = r->held = 0;
	r->vcpus = r->held_since = 0;
	r->full = r->cancelled = false;
	return true;
}

int block_remote_init(struct block_remote *r, struct guest *g, struct block_store *s, const struct block_backend *backend,
		      void *arg)
{
	int id = guest_call_add(g, collect, r);

	if (id < 0)
		return id;
	memset(r, 0, sizeof(*r));
	r->g = g;
	r->store = s;
	r->backend = backend;
	r->arg = arg;
	r->call = (u32)id;
	s->ops = &remote_ops;
	s->backend = r;
	s->bursts = true;
	id = guest_lender_add(g, let_go, r);
	return id ? id : control_work_add(&(struct control_work){ .name = "disk", .poll = poll, .arg = r, .when = WORK_ON_CALL,
								.id = &r->work });
}

/* Pieces are what gmem_ptr() gave the model: an address in the guest's RAM as its cores see it. */
static gpa_t gpa_of(const struct block_remote *r, const struct gmem_piece *p)
{
	return GPA((u64)p->at - (u64)r->g->ram);
}

u8 *block_remote_ptr(const struct block_remote *r, const struct gmem_piece *p)
{
	return window_ptr(r->g, gpa_of(r, p), p->len);
}

static bool append(struct dma_piece *to, u32 *n, u32 max, struct dma_piece p)
{
	struct dma_piece *last = *n ? &to[*n - 1] : NULL;

	if (last && last->hpa + last->len == p.hpa && (u64)last->len + p.len <= UINT32_MAX) {
		last->len += p.len;
		return true;
	}
	if (*n == max)
		return false;
	to[(*n)++] = p;
	return true;
}

u32 block_remote_dma(const struct block_remote *r, const struct block_request *rq, struct dma_piece *to, u32 max)
{
	struct dma_piece part[GUEST_RANGES_MAX];
	u32 n = 0;

	for (u32 i = 0; i < rq->pieces; i++) {
		u32 parts = window_dma(r->g, gpa_of(r, &rq->piece[i]), rq->piece[i].len, part, ARRAY_COUNT(part));

		for (u32 k = 0; k < parts; k++)
			if (!append(to, &n, max, part[k]))
				return 0;
		if (!parts)
			return 0;
	}
	return n;
}
