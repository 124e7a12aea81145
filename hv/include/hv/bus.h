/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Ports and memory addresses of one guest, and who answers there. Models claim ranges when their guest is built, on
 * the control core. Fixed claims stay as they are; movable ones (PCI) the guest moves and switches while it runs.
 * Accesses come from the guest's own cores, and every model runs under its guest's device lock, which the callers of
 * bus_access() take: a model needs no lock of its own. */

#include <hv/types.h>

enum bus_space { BUS_PORT, BUS_MEMORY };

struct bus_range {
	enum bus_space space;
	u64 base, size;
};

struct io {
	u64 off;	/* from the start of the claimed range */
	u64 val;	/* read: set by the model; only size bytes count. write: zero-extended */
	u8 size;	/* 1, 2, 4 (ports); 1, 2, 4, 8 (memory) */
	bool write;
};

/* REFUSED: wrong size or offset: reads give all ones, writes are dropped, both are counted as unclaimed. */
enum io_result { IO_DONE, IO_REFUSED };

typedef enum io_result io_fn(void *device, struct io *io);

#define BUS_CLAIMS_MAX 96

struct bus_claim {
	struct bus_range range;	/* of a movable claim: written under the device lock */
	bool on;		/* answers at all */
	bool movable;
	io_fn *fn;
	void *device;
	const char *name;
	u64 accesses;		/* written under the device lock */
} __attribute__((aligned(64)));

struct bus {
	u32 claim_count, memory_count;
	u8 memory[BUS_CLAIMS_MAX];	/* claims of memory that are on, in the order in which they are asked */
	struct bus_claim claim[BUS_CLAIMS_MAX];
	u64 unclaimed[2];	/* accesses that nobody answered, by enum bus_space */
	u8 port_owner[65536];	/* claim index + 1; 0: nobody */
};

/* Empty the bus: nothing is claimed. Control core. */
void bus_init(struct bus *bus);

/* fn answers for range from now on. -E_BUSY: overlaps another claim; -E_NOSPC: table full; -E_RANGE: empty, wraps, or
 * more than half of all addresses.
 * Control core, before the guest runs. */
int bus_claim(struct bus *bus, struct bus_range range, io_fn *fn, void *device, const char *name);

/* fn will answer wherever bus_move() says; nowhere yet. Returns the claim's number, for bus_move(), or -E_NOSPC.
 * Claim what is fixed first: where claims overlap later, the one with the lower number answers. Control core, before
 * the guest runs. */
int bus_claim_movable(struct bus *bus, enum bus_space space, io_fn *fn, void *device, const char *name);

/* The claim answers for [base, base + size) from now on; size 0: nowhere. May overlap others: the earlier claim
 * answers, and this one where they leave room. A range that wraps or lies above the ports answers nowhere. O(size)
 * for ports. The caller holds the guest's device lock, perhaps inside of bus_access(). */
void bus_move(struct bus *bus, u32 claim, u64 base, u64 size);

/* Perform one access at addr. What nobody claims, or what crosses the end of a claim, reads ones and drops writes.
 * The caller holds the guest's device lock. Returns false when nobody answered. */
bool bus_access(struct bus *bus, enum bus_space space, u64 addr, struct io *io);
