/* SPDX-License-Identifier: Apache-2.0 */
#include "bus_int.h"

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

	if (range.size == 0 || range.size > BUS_SIZE_MAX || last < range.base)
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

bool bus_access_nobody(struct bus *bus, enum bus_space space, struct io *io)
{
	bus->unclaimed[space]++;
	if (!io->write)
		io->val = ~0ul;
	return false;
}

bool bus_access(struct bus *bus, enum bus_space space, u64 addr, struct io *io)
{
	if (space == BUS_PORT)
		return addr < PORT_COUNT ? bus_access_port(bus, (u16)addr, io) : bus_access_nobody(bus, space, io);
	for (u32 i = 0; i < bus->memory_count; i++) {
		struct bus_claim *c = &bus->claim[bus->memory[i]];

		if (addr - c->range.base < c->range.size && bus_claim_answers(c, addr, io))
			return true;
	}
	return bus_access_nobody(bus, BUS_MEMORY, io);
}
