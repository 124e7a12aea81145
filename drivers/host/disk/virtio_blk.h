/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A virtio disk of the machine's: one queue, requests in indirect tables where the device takes them. "Block Device" (5.2) of
 * VIRTIO 1.2. Boot core in probe(), then control core; nothing waits but the probe. */

#include <hv/disk.h>

#include "../virtio/vio.h"

#define VBLK_DEPTH 32u
#define VBLK_QUEUE_MAX 64u
#define VBLK_QUEUE_MIN 4u
#define VBLK_BYTES_MAX (1u << 20)
#define VBLK_TRIES 2u
#define VBLK_HEAD_AND_STATUS 2u		/* pieces of a request beside its data */

/* "Feature bits" (5.2.3). */
enum { VBLK_F_SEG_MAX = 1 << 2, VBLK_F_RO = 1 << 5, VBLK_F_BLK_SIZE = 1 << 6, VBLK_F_FLUSH = 1 << 9,
	VBLK_F_TOPOLOGY = 1 << 10, VBLK_F_DISCARD = 1 << 13, VBLK_F_WRITE_ZEROES = 1 << 14 };
#define VBLK_FEATURES ((u64)(VBLK_F_SEG_MAX | VBLK_F_RO | VBLK_F_BLK_SIZE | VBLK_F_FLUSH | VBLK_F_TOPOLOGY | VBLK_F_DISCARD | \
			     VBLK_F_WRITE_ZEROES) | VIO_F_INDIRECT | VIO_F_EVENT_IDX)

/* "Device configuration layout" (5.2.4). */
enum { VBLK_CAPACITY = 0, VBLK_SEG_MAX = 12, VBLK_BLK_SIZE = 20, VBLK_PHYSICAL_SHIFT = 24, VBLK_DISCARD_MAX = 36,
	VBLK_ZERO_MAX = 48 };

/* "Device Operation" (5.2.6). */
enum { VBLK_IN = 0, VBLK_OUT = 1, VBLK_FLUSH = 4, VBLK_GET_ID = 8, VBLK_DISCARD = 11, VBLK_WRITE_ZEROES = 13 };
enum { VBLK_OK, VBLK_IOERR, VBLK_UNSUPP, VBLK_NO_STATUS = 0xff };
#define VBLK_ID_BYTES 20u

/* What the device reads and writes of a request, beside its data: in a page of the pool. */
struct vblk_shared {
	u32 type, reserved;
	u64 sector;
	u64 range_sector;		/* DISCARD, WRITE_ZEROES: "struct virtio_blk_discard_write_zeroes" */
	u32 range_count, range_flags;
	u8 id[VBLK_ID_BYTES];
	u8 status;
	u8 pad[11];
};

struct vblk_slot {
	struct disk_request *request;	/* null: free */
	u64 since;			/* TSC: given to the device */
	u8 tries;
	bool given;			/* the device has it */
};

/* What comes while the machine runs is reset, then asked for its serial number. */
enum vblk_state { VBLK_RUNS, VBLK_RESETS, VBLK_COMES, VBLK_ASKED, VBLK_DEAD };

struct vblk_disk {
	struct disk disk;
	struct vio vio;
	struct vio_queue queue;
	struct vblk_shared *shared;	/* one a slot */
	u64 shared_hpa;
	struct vblk_slot slot[VBLK_DEPTH];
	u32 used;			/* slots */
	u32 hold_back;			/* slots whose request has not been given to the device: after a reset, or wrong */
	u8 state;			/* enum vblk_state */
	u64 until;			/* TSC: a reset must be over */
	u64 look_next;			/* TSC: of the next look at its status and its size */
	u64 discard_max, zero_max;	/* sectors */
	const char *why;		/* VBLK_DEAD: in words */
};

extern const struct disk_ops vblk_disk_ops;

/* Everything that stands in features and config, into the disk. Null, or why it cannot be used. */
const char *vblk_read_config(struct vblk_disk *b);

/* Its serial number, as it lies in slot 0's memory now that the device has answered. */
void vblk_take_id(struct vblk_disk *b);

/* A name that no other has, unless it has one. */
void vblk_name(struct vblk_disk *b);

/* Hot plug, as struct host_driver says; and a turn of one that comes. virtio_blk_plug.c */
void *vblk_reserve(u16 bdf);
int vblk_plug(struct host_pci *p);
bool vblk_is_free(const void *state);
void vblk_come_turn(struct vblk_disk *b, u64 now);

/* Memory that device and driver share, for all slots. -E_NOMEM. Boot core. */
int vblk_get_memory(struct vblk_disk *b);

/* Be part of the event loop: woken by messages of p. -E_NOMEM. Boot core, control core. */
int vblk_work_add(struct vblk_disk *b, const struct host_pci *p);

/* A chain for the request of slot i, or the device's id (request null). -E_NOSPC: no room. */
int vblk_put(struct vblk_disk *b, u32 i);

/* A turn; true: something was answered. */
bool vblk_turn(struct vblk_disk *b, u64 now);
