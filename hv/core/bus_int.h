/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The way to a port's model, in line in the exit that needs it most. The guest's device lock is held. */

#include <hv/atomic.h>
#include <hv/bus.h>

#define BUS_SIZE_MAX BIT(63)	/* of a claim */

/* Nobody answers: count it; a read gives ones. Returns false. */
bool bus_access_nobody(struct bus *bus, enum bus_space space, struct io *io);

static inline bool bus_claim_answers(struct bus_claim *c, u64 addr, struct io *io)
{
	io->off = addr - c->range.base;
	if (io->off + io->size > c->range.size)		/* no wrap: BUS_SIZE_MAX */
		return false;
	c->accesses++;
	return c->fn(c->device, io) == IO_DONE;
}

/* A write that needs no lock; false: it is none. Not the device lock: the claim may move meanwhile, what it calls does not. */
static inline bool bus_ring_port(struct bus *bus, u16 port)
{
	u64 owner = load_relaxed(&bus->port_owner[port]);
	struct bus_claim *c;

	if (!owner)
		return false;
	c = &bus->claim[owner - 1];
	if (!c->ring)
		return false;
	store_relaxed(&c->accesses, load_relaxed(&c->accesses) + 1);
	c->ring(c->device, port - load_relaxed(&c->range.base));
	return true;
}

static inline bool bus_access_port(struct bus *bus, u16 port, struct io *io)
{
	u64 owner = bus->port_owner[port];

	if (LIKELY(owner && bus_claim_answers(&bus->claim[owner - 1], port, io)))
		return true;
	return bus_access_nobody(bus, BUS_PORT, io);
}
