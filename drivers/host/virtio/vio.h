/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Virtio devices of the machine's (we may run nested), as their drivers use them: modern interface over PCI, split rings.
 * "Virtual I/O Device (VIRTIO) Version 1.2", cited by title. All memory is from the pool, taken in probe() and never given
 * back; what the device says (indices, ids, lengths, offsets) is read once and checked against what we know ourselves: a
 * device that breaks the rules is marked broken, its driver resets it. Boot core in probe(), then control core; nothing
 * waits but vio_open(). */

#include <hv/pci.h>
#include <hv/window.h>

#define VIO_QUEUE_MAX 256u

/* Feature bits of every device. "Reserved Feature Bits" (6). */
#define VIO_F_INDIRECT BIT(28)
#define VIO_F_EVENT_IDX BIT(29)
#define VIO_F_VERSION_1 BIT(32)
#define VIO_F_ACCESS_PLATFORM BIT(33)
#define VIO_F_ORDER_PLATFORM BIT(36)

struct vio {
	struct host_pci *pci;
	volatile u8 *common, *notify, *config;	/* config may be null: the device has none */
	u32 notify_size, notify_multiplier, config_size;
	u64 wanted, features;		/* asked for; agreed on */
	u16 vector;			/* of the config and all queues: 0, or 0xffff: no MSI-X */
	const char *broken;		/* which rule it broke; null: none. Cleared by vio_restart() */
	void *bar[PCI_BARS];		/* mapped so far */
};

struct vio_desc {
	u64 address;
	u32 len;
	u16 flags, next;
};

/* A chain that the device has: what it may answer for. */
struct vio_chain {
	void *token;			/* the driver's; null: the device has no such chain */
	u32 writable;			/* bytes that the device may write */
	u16 count;			/* descriptors of the ring */
};

struct vio_queue {
	struct vio *v;
	u16 index, size;
	u16 free, free_count;		/* first free descriptor, how many; linked through next[] */
	u16 avail_at, kicked_at, used_at;
	u16 in_flight;			/* chains */
	struct vio_desc *desc;
	u16 *avail;			/* flags, index, ring, used_event */
	u8 *used;			/* flags, index, ring of (id, len), avail_event */
	struct vio_desc *table;		/* indirect tables, one for each descriptor; null: not agreed on */
	u16 table_pieces;
	u16 room, room_pieces;		/* what there is memory for, whatever the device agrees to */
	struct vio_desc *room_table;
	volatile u16 *bell;
	u16 next[VIO_QUEUE_MAX];	/* our own: what lies in desc[] the device could change */
	struct vio_chain chain[VIO_QUEUE_MAX];
};

/* Find the device's registers, reset it, agree on features (wanted; VERSION_1 always, ACCESS_PLATFORM and ORDER_PLATFORM
 * where offered). Queues come next, then vio_ready(). Boot core; waits at most a second. 0, or -E_NODEV: p->why says it. */
int vio_open(struct vio *v, struct host_pci *p, u64 wanted);

/* The same in two steps that do not wait, for a device that comes while the machine runs: between them vio_reset_done() must
 * have said yes. Control core. */
int vio_open_begin(struct vio *v, struct host_pci *p, u64 wanted);
int vio_open_end(struct vio *v);

/* Memory for a queue of at most max entries (a power of two, at most VIO_QUEUE_MAX; the device may want fewer), and tell the
 * device. pieces: of an indirect table (0: none), used where the device agreed. v stays put. Boot core. 0; -E_NOMEM;
 * -E_NODEV: the device has no such queue, or its numbers make no sense. */
int vio_queue_open(struct vio *v, struct vio_queue *q, u16 index, u16 max, u16 pieces);

/* The same in two steps: memory (boot core; -E_NOMEM), which may serve one device after the other; then, control core too,
 * the queue of this device, as large as both have room for, empty (-E_NODEV). */
int vio_queue_reserve(struct vio_queue *q, u16 room, u16 pieces);
int vio_queue_setup(struct vio *v, struct vio_queue *q, u16 index);

/* Everything is set: the device may begin. */
void vio_ready(struct vio *v);

/* A field of the device's own config, size 1, 2, 4 or 8, naturally aligned; 0 beyond its end. 8: of one moment. */
u64 vio_config_get(const struct vio *v, u32 off, u32 size);

/* How it is: one register read. Call it now and then, not for every request. */
enum vio_health { VIO_WELL, VIO_NEEDS_RESET, VIO_GONE };
enum vio_health vio_health(const struct vio *v);

/* Recovery, in steps that do not wait: begin (from then on it has no way to our memory), done() on a later turn says that the
 * device has obeyed, then restart agrees on the same features, each queue is restarted empty, and vio_ready(). What was in
 * flight is lost: its owner answers for it. Restarts return 0 or -E_NODEV. */
void vio_reset_begin(struct vio *v);
bool vio_reset_done(const struct vio *v);
int vio_restart(struct vio *v);
int vio_queue_restart(struct vio_queue *q);

/* --- queues: vio_ring.c ------------------------------------------------------------------------------------------ */

/* Empty it, for the device has been reset. */
void vio_queue_clear(struct vio_queue *q);

/* Put a chain: out pieces that the device reads, then in pieces that it writes. token, not null, comes back from
 * vio_queue_get(). -E_NOSPC: not enough descriptors are free. */
int vio_queue_put(struct vio_queue *q, const struct dma_piece *piece, u32 out, u32 in, void *token);

/* Would a chain of so many pieces find room? */
bool vio_queue_has_room(const struct vio_queue *q, u32 pieces);

/* The next chain that the device is done with: its token, and how many bytes it says it wrote (checked against what it was
 * given). Null: none, or the device is broken (v->broken). */
void *vio_queue_get(struct vio_queue *q, u32 *len);

/* Tell the device of what was put since, if it asked to be told. */
void vio_queue_kick(struct vio_queue *q);

/* Ask for an interrupt when the next chain is done; true: one is done already. Or not to be told. */
bool vio_queue_listen(struct vio_queue *q);
void vio_queue_quiet(struct vio_queue *q);
