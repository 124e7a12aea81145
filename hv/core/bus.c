/* SPDX-License-Identifier: Apache-2.0 */
#include <hv/bus.h>

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

int bus_claim(struct bus *bus, struct bus_range range, io_fn *fn, void *device, const char *name)
{
	u64 last = range.base + range.size - 1;
	struct bus_claim *c;

	if (range.size == 0 || last < range.base)
		return -E_RANGE;
	if (range.space == BUS_PORT && last >= PORT_COUNT)
		return -E_RANGE;
	for (u32 i = 0; i < bus->claim_count; i++)
		if (range_overlaps(&bus->claim[i].range, &range))
			return -E_BUSY;
	if (bus->claim_count == BUS_CLAIMS_MAX)
		return -E_NOSPC;

	if (range.space == BUS_MEMORY)
		bus->memory[bus->memory_count++] = (u8)bus->claim_count;
	c = &bus->claim[bus->claim_count++];
	*c = (struct bus_claim){ .range = range, .fn = fn, .device = device, .name = name };
	if (range.space == BUS_PORT)
		memset(&bus->port_owner[range.base], (int)bus->claim_count, range.size);
	return 0;
}

/* Nobody answers. */
static bool access_nobody(struct bus *bus, enum bus_space space, struct io *io)
{
	bus->unclaimed[space]++;
	if (!io->write)
		io->val = ~0ul;
	return false;
}

static inline bool access_claim(struct bus *bus, enum bus_space space, struct bus_claim *c, u64 addr, struct io *io)
{
	io->off = addr - c->range.base;
	if (io->size > c->range.size - io->off)
		return access_nobody(bus, space, io);
	c->accesses++;
	if (c->fn(c->device, io) == IO_DONE)
		return true;
	return access_nobody(bus, space, io);
}

bool bus_access_port(struct bus *bus, u64 port, struct io *io)
{
	u64 owner = port < PORT_COUNT ? bus->port_owner[port] : 0;

	if (!owner)
		return access_nobody(bus, BUS_PORT, io);
	return access_claim(bus, BUS_PORT, &bus->claim[owner - 1], port, io);
}

bool bus_access_memory(struct bus *bus, u64 gpa, struct io *io)
{
	for (u32 i = 0; i < bus->memory_count; i++) {
		struct bus_claim *c = &bus->claim[bus->memory[i]];

		if (gpa - c->range.base < c->range.size)
			return access_claim(bus, BUS_MEMORY, c, gpa, io);
	}
	return access_nobody(bus, BUS_MEMORY, io);
}
