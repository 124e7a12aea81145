/* SPDX-License-Identifier: Apache-2.0 */
#include "bus_int.h"

#include <hv/atomic.h>
#include <hv/lib.h>

#define PORT_COUNT 65536ul

_Static_assert(BUS_CLAIMS_MAX < 256, "port_owner holds a claim index + 1 in a byte");

void bus_init(struct bus *bus)
{
	memset(bus, 0, sizeof(*bus));
}

/* Neither range wraps, so one of them starts inside the other or they are apart. */
static bool range_overlaps(const struct bus_range *a, const struct bus_range *b)
{
	return a->space == b->space && (a->base - b->base < b->size || b->base - a->base < a->size);
}

static bool range_holds(const struct bus_range *r, enum bus_space space, u64 addr)
{
	return r->space == space && addr - r->base < r->size;
}

static int bus_add(struct bus *bus, const struct bus_claim *c)
{
	if (bus->claim_count == BUS_CLAIMS_MAX)
		return -E_NOSPC;
	bus->claim[bus->claim_count] = *c;
	return (int)bus->claim_count++;
}

/* Claims of memory that are on, earliest first. */
static void bus_list_memory(struct bus *bus)
{
	bus->memory_count = 0;
	for (u32 i = 0; i < bus->claim_count; i++) {
		struct bus_claim *c = &bus->claim[i];

		c->first = c->on && c->range.space == BUS_MEMORY;
		for (u32 k = 0; k < bus->memory_count && c->first; k++)
			c->first = !range_overlaps(&bus->claim[bus->memory[k]].range, &c->range);
		if (c->on && c->range.space == BUS_MEMORY)
			bus->memory[bus->memory_count++] = (u8)i;
	}
	if (bus->backed_count && bus->remap)
		bus->remap(bus, BUS_CLAIMS_MAX);
}

/* Who answers at port now: the earliest claim that is on and holds it. */
static u8 port_find_owner(const struct bus *bus, u64 port)
{
	for (u32 i = 0; i < bus->claim_count; i++)
		if (bus->claim[i].on && range_holds(&bus->claim[i].range, BUS_PORT, port))
			return (u8)(i + 1);
	return 0;
}

static void bus_settle_ports(struct bus *bus, const struct bus_range *r)
{
	for (u64 port = r->base; port - r->base < r->size; port++)
		bus->port_owner[port] = port_find_owner(bus, port);
}

int bus_claim(struct bus *bus, struct bus_range range, io_fn *fn, void *device, const char *name)
{
	u64 last = range.base + range.size - 1;
	int nr;

	if (range.size == 0 || range.size > BUS_SIZE_MAX || last < range.base)
		return -E_RANGE;
	if (range.space == BUS_PORT && last >= PORT_COUNT)
		return -E_RANGE;
	for (u32 i = 0; i < bus->claim_count; i++)
		if (bus->claim[i].on && range_overlaps(&bus->claim[i].range, &range))
			return -E_BUSY;
	nr = bus_add(bus, &(struct bus_claim){ .range = range, .on = true, .fn = fn, .device = device, .name = name });
	if (nr < 0)
		return nr;
	if (range.space == BUS_PORT)
		memset(&bus->port_owner[range.base], nr + 1, range.size);
	else
		bus_list_memory(bus);
	return 0;
}

int bus_claim_movable(struct bus *bus, enum bus_space space, io_fn *fn, void *device, const char *name)
{
	return bus_add(bus, &(struct bus_claim){ .range.space = space, .movable = true, .fn = fn, .device = device,
		.name = name });
}

void bus_ring(struct bus *bus, u32 claim, ring_fn *ring)
{
	assert(bus->claim[claim].range.space == BUS_PORT);
	bus->claim[claim].ring = ring;
}

void bus_move(struct bus *bus, u32 claim, u64 base, u64 size)
{
	struct bus_claim *c = &bus->claim[claim];
	struct bus_range was = c->range, now = { was.space, base, size };
	bool on = size && size <= BUS_SIZE_MAX && base + (size - 1) >= base &&
		(now.space != BUS_PORT || base + (size - 1) < PORT_COUNT);

	assert(c->movable);
	if (!on)
		now.base = now.size = 0;
	if (on == c->on && now.base == was.base && now.size == was.size)
		return;
	c->on = on;
	c->range = now;
	if (now.space == BUS_MEMORY) {
		bus_list_memory(bus);
		return;
	}
	bus_settle_ports(bus, &was);
	bus_settle_ports(bus, &now);
}

bool bus_access_nobody(struct bus *bus, enum bus_space space, struct io *io)
{
	bus->unclaimed[space]++;
	if (!io->write)
		io->val = ~0ul;
	return false;
}

bool bus_access(struct bus *bus, enum bus_space space, u64 addr, struct io *io)
{
	struct bus_claim *c = &bus->claim[bus->recent];
	u32 i = 0;

	if (space == BUS_PORT)
		return addr < PORT_COUNT ? bus_access_port(bus, (u16)addr, io) : bus_access_nobody(bus, space, io);
	if (UNLIKELY(!c->first || addr - c->range.base >= c->range.size)) {
		do {
			if (i == bus->memory_count)
				return bus_access_nobody(bus, BUS_MEMORY, io);
			bus->recent = bus->memory[i++];
			c = &bus->claim[bus->recent];
		} while (addr - c->range.base >= c->range.size);
	}
	return bus_claim_answers(c, addr, io) || bus_access_nobody(bus, BUS_MEMORY, io);
}

/* Memory behind claims. */

int bus_back(struct bus *bus, u32 claim, const struct device_ram *m, u32 prot)
{
	struct bus_claim *c = &bus->claim[claim];
	u32 i = 0;

	while (i < bus->backed_count && bus->backed[i] != claim)
		i++;
	if (i == BUS_BACKED_MAX)
		return -E_NOSPC;
	bus->backed[i] = (u8)claim;
	c->backing = *m;
	c->prot = prot;
	if (i == bus->backed_count)
		store_release(&bus->backed_count, i + 1);	/* pairs with bus_memory() */
	if (bus->remap)
		bus->remap(bus, claim);
	return 0;
}

/* Only the first claim that has a part of the range may be asked there: it must have all of it. */
u64 bus_mappable(const struct bus *bus, u64 base, u64 size, u32 *prot)
{
	const struct bus_range want = { BUS_MEMORY, base, size };

	for (u32 i = 0; i < bus->memory_count; i++) {
		const struct bus_claim *c = &bus->claim[bus->memory[i]];
		u64 off = base - c->range.base;

		if (!range_overlaps(&c->range, &want))
			continue;
		if (off >= c->range.size || size > c->range.size - off || off > c->backing.size ||
		    size > c->backing.size - off || !c->prot || !IS_ALIGNED(c->backing.hpa.v + off, size))
			return ~0ul;
		*prot = c->prot;
		return c->backing.hpa.v + off;
	}
	return ~0ul;
}

/* Other cores may move the claim meanwhile: whatever is read, nothing outside of the backing is named. */
const u8 *bus_memory(const struct bus *bus, u64 gpa, u64 len)
{
	for (u32 i = 0; i < load_acquire(&bus->backed_count); i++) {
		const struct bus_claim *c = &bus->claim[bus->backed[i]];
		u64 off = gpa - load_relaxed(&c->range.base), claimed = load_relaxed(&c->range.size);
		u64 size = MIN(claimed, c->backing.size);

		if (load_relaxed(&c->prot) & BUS_READ && off < size && len <= size - off)
			return c->backing.at + off;
	}
	return NULL;
}
