/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Ports and memory addresses of one guest, and who answers there. Models claim ranges when their guest is built, on
 * the control core. Fixed claims stay as they are; movable ones (PCI) the guest moves and switches while it runs.
 * Accesses come from the guest's own cores, and every model runs under its guest's device lock, which the callers of
 * bus_access() take: a model needs no lock of its own. */

#include <hv/device_ram.h>
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

/* A write that only says "look": without the device lock, from several of the guest's cores at once. off may be anything while the
 * claim moves. */
typedef void ring_fn(void *device, u64 off);

#define BUS_CLAIMS_MAX 128
#define BUS_BACKED_MAX 8

enum bus_memory_prot { BUS_READ = 1, BUS_WRITE = 2, BUS_EXEC = 4 };	/* as enum pt_prot */

struct bus_claim {
	struct bus_range range;	/* of a movable claim: written under the device lock */
	bool on;		/* answers at all */
	bool movable;
	bool first;		/* of memory, on, and no earlier one answers anywhere in it */
	io_fn *fn;
	ring_fn *ring;		/* of ports: gets single writes, in place of fn; null: none */
	void *device;
	const char *name;
	u64 accesses;		/* written under the device lock */
	struct device_ram backing;	/* memory behind the claim, from its start; size 0: none */
	u32 prot;		/* enum bus_memory_prot bits: what goes to it without an exit */
} __attribute__((aligned(64)));

struct bus {
	u32 claim_count, memory_count;
	u32 recent;		/* claim of memory that answered last: most accesses are to the same one */
	u8 memory[BUS_CLAIMS_MAX];	/* claims of memory that are on, in the order in which they are asked */
	struct bus_claim claim[BUS_CLAIMS_MAX];
	void (*remap)(struct bus *bus, u32 claim);	/* null: nobody maps. BUS_CLAIMS_MAX: look at all claims */
	u32 backed_count;
	u8 backed[BUS_BACKED_MAX];	/* claims with memory behind them */
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

/* Single writes to this claim of ports go to ring. fn answers the rest. Control core, before the guest runs. */
void bus_ring(struct bus *bus, u32 claim, ring_fn *ring);

/* The claim answers for [base, base + size) from now on; size 0: nowhere. May overlap others: the earlier claim
 * answers, and this one where they leave room. A range that wraps or lies above the ports answers nowhere. O(size)
 * for ports. The caller holds the guest's device lock, perhaps inside of bus_access(). */
void bus_move(struct bus *bus, u32 claim, u64 base, u64 size);

/* Memory behind a claim of memory: m (or a part of what guest_device_ram() gave) is as large as the claim will ever be, and
 * never goes away. What prot (enum bus_memory_prot) allows then reaches it without an exit
 * where
 *   - the claim lies between 3 and 4 GiB,
 *   - m->hpa is 2 MiB aligned and the claim too (a BAR of a power of two of at least 2 MiB is), or it lies in the last
 *     16 MiB (flash: pages of 4 KiB),
 *   - no other claim answers in that 2 MiB block (page): an earlier claim keeps its registers, a later one gives way.
 * Everything else still comes to fn, which must therefore answer for all of it, from the same memory; so mapping is
 * only about speed - but for execution, which works in the last 16 MiB only. Call it again to change prot (0: every
 * access exits) or m; it holds for all cores of the guest when the calling one enters it again. -E_NOSPC: more than
 * BUS_BACKED_MAX. At build on the control core, later under the device lock on one of the guest's cores, perhaps inside
 * of bus_access(). Costs an NMI to each other core of the guest where something was taken away. */
int bus_back(struct bus *bus, u32 claim, const struct device_ram *m, u32 prot);

/* Physical address and, in *prot, the rights of [base, base + size) where a mapping may stand for it, as said above; ~0:
 * every access there must exit. Device lock. */
u64 bus_mappable(const struct bus *bus, u64 base, u64 size, u32 *prot);

/* Where [gpa, gpa + len) can be read, when it is memory behind one claim that reads without an exit; else null. len > 0.
 * One of the guest's cores; without the device lock the answer may be a moment old, the memory never goes away. */
const u8 *bus_memory(const struct bus *bus, u64 gpa, u64 len);

/* Perform one access at addr. What nobody claims, or what crosses the end of a claim, reads ones and drops writes.
 * The caller holds the guest's device lock. Returns false when nobody answered. */
bool bus_access(struct bus *bus, enum bus_space space, u64 addr, struct io *io);
