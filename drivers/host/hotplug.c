/* SPDX-License-Identifier: Apache-2.0 */
/* Slots whose devices come and go while the machine runs: PCI Express ports that say so. Nothing interrupts us for it; each
 * port is looked at four times a second. Firmware has given each port a window of addresses, empty or not; it is mapped at
 * boot, and what comes into the slot gets its addresses from there. PCI Express Base "PCI Express Capability Structure" (7.5.3),
 * "PCI Express Hot-Plug Support" (6.7). */
#include "hotplug.h"

#include <hv/control_work.h>
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/time.h>

#define PORTS_MAX 16u
#define TAKERS_MAX 4u			/* drivers whose devices come and go */
#define WINDOW_MAX (64 * MiB)		/* of what firmware gave it, so much is mapped */
#define LOOK_NS 250000000ul
#define SETTLE_NS 1000000000ul		/* "Conventional Reset": what was switched on may be asked after that */
#define BRIDGE_MEMORY 0x20u		/* base and limit of the window, in MiB steps of 16 bits */
enum { CAP_FLAGS = 0x02, CAP_SLOT = 0x14, CAP_SLOT_CONTROL = 0x18, CAP_SLOT_STATUS = 0x1a };
#define FLAGS_SLOT 0x100u
#define TYPE_ROOT 4u
#define TYPE_DOWNSTREAM 6u
#define SLOT_POWER 0x02u		/* it has a power controller */
#define SLOT_HOTPLUG 0x40u
#define CONTROL_INDICATORS 0x3c0u
#define CONTROL_LIGHTS_ON 0x1c0u	/* attention off, power on */
#define CONTROL_OFF 0x400u		/* the power is off */
#define STATUS_PRESENT 0x40u
#define FOREIGN "no driver for what comes while the machine runs"

enum port_state { PORT_EMPTY, PORT_SETTLES, PORT_USED, PORT_LEFT };

/* A driver that waits for what comes, and its memory for that. */
struct taker {
	const struct host_driver *driver;
	void *kept;
};

struct port {
	u16 bdf;			/* the port's own */
	u16 slot;			/* the function behind it: device 0 of its bus */
	u32 cap;			/* of PCI Express */
	u64 base, size;			/* its window */
	u8 state;			/* enum port_state */
	u64 until;			/* TSC: it has settled */
	u32 bar, bar_value;		/* a register as firmware or we have left it: another value, another device */
	struct taker taker[TAKERS_MAX];
	u32 takers;
	const struct taker *used_by;	/* whose device is in it; null: nobody's */
};

static struct port port[PORTS_MAX];
static u32 ports;
static u64 next_look;

static u32 slot_id(const struct port *s)
{
	return pci_read(s->slot, PCI_ID, 4);
}

/* Vendor 1 stands for "ask again". */
static bool is_there(const struct port *s)
{
	u32 vendor = slot_id(s) & 0xffff;

	return vendor > 1 && vendor != 0xffff;
}

static struct host_pci *function_at(u16 bdf)
{
	for (u32 i = 0; i < pci_count(); i++)
		if (pci_at(i)->bdf == bdf)
			return pci_at(i);
	return NULL;
}

static bool is_hotplug_port(const struct host_pci *p, u32 cap)
{
	u32 flags = cap ? pci_read(p->bdf, cap + CAP_FLAGS, 2) : 0, type = flags >> 4 & 15;

	return p->header == 1 && flags & FLAGS_SLOT && (type == TYPE_ROOT || type == TYPE_DOWNSTREAM) &&
		pci_read(p->bdf, cap + CAP_SLOT, 4) & SLOT_HOTPLUG;
}

static void port_add(const struct host_pci *p)
{
	u32 cap = pci_find_cap(p, PCI_CAP_EXPRESS), bus = pci_read(p->bdf, PCI_BUSES + 1, 1);
	u32 window = pci_read(p->bdf, BRIDGE_MEMORY, 4);
	u64 base = (u64)(window & 0xfff0) << 16, end = (u64)(window & 0xfff00000) + MiB;

	if (!is_hotplug_port(p, cap) || !bus || bus > pci_last_bus() || ports == PORTS_MAX)
		return;
	if (!base || end <= base || !pci_window_map(base, MIN(end - base, (u64)WINDOW_MAX)))
		return;
	port[ports++] = (struct port){ .bdf = p->bdf, .slot = (u16)(bus << 8), .cap = cap, .base = base,
		.size = MIN(end - base, (u64)WINDOW_MAX) };
}

void hotplug_find(void)
{
	ports = 0;
	for (u32 i = 0; i < pci_count(); i++)
		port_add(pci_at(i));
}

/* The first register that holds the address of memory. */
static void remember_bar(struct port *s)
{
	for (u32 n = 0; n < PCI_BARS; n++) {
		s->bar = PCI_BAR0 + 4 * n;
		s->bar_value = pci_read(s->slot, s->bar, 4);
		if (s->bar_value & ~15u && !(s->bar_value & 1))
			return;
	}
}

static void reserve(struct port *s, const struct host_driver *d)
{
	const struct host_pci *p = function_at(s->slot);
	struct taker *t = &s->taker[s->takers];
	bool used = p && p->driver == d;

	/* Of a driver that does not know of leaving: the slot is that one's. */
	if ((p && p->driver && !p->driver->plug) || s->takers == TAKERS_MAX)
		return;
	*t = (struct taker){ d, used ? p->state : d->reserve(s->slot) };
	if (!t->kept)
		return;
	s->takers++;
	if (used) {
		s->state = PORT_USED;
		s->used_by = t;
	}
}

void hotplug_reserve(const struct host_driver *const *driver, u32 count)
{
	for (u32 i = 0; i < ports; i++) {
		port[i].state = is_there(&port[i]) ? PORT_LEFT : PORT_EMPTY;
		remember_bar(&port[i]);
		for (u32 k = 0; k < count; k++)
			if (driver[k]->plug)
				reserve(&port[i], driver[k]);
	}
	if (ports)
		log_info("pci: %u slots for devices that come and go", ports);
}

/* Its memory BARs, one after the other, where the port leads; others get no address. */
static void place_bars(const struct port *s, struct host_pci *p)
{
	u64 at = s->base;

	pci_size_bars(p);
	for (u32 n = 0; n < PCI_BARS; n++) {
		struct pci_bar *b = &p->bar[n];

		b->base = 0;
		if (!b->size || b->io || b->size > s->size)
			continue;
		at = ALIGN_UP(at, b->size);
		if (at + b->size > s->base + s->size)
			continue;
		b->base = at;
		at += b->size;
		pci_write(p->bdf, PCI_BAR0 + 4 * n, 4, (u32)b->base);
		if (b->wide)
			pci_write(p->bdf, PCI_BAR0 + 4 * n + 4, 4, 0);
	}
}

static void say(const struct port *s, const char *what, const char *why)
{
	log_notice("pci: slot %02x:%02x.%u: %s%s", s->bdf >> 8, s->bdf >> 3 & 31, s->bdf & 7, what, why);
}

static const struct taker *taker_of(const struct port *s, const struct host_pci *p)
{
	for (u32 i = 0; i < s->takers; i++)
		if (driver_matches(s->taker[i].driver, p))
			return &s->taker[i];
	return NULL;
}

static void take(struct port *s)
{
	struct host_pci *p = pci_function_came(s->slot, slot_id(s));
	const struct taker *t = p ? taker_of(s, p) : NULL;
	u32 command = pci_read(s->bdf, PCI_COMMAND, 2);

	s->state = PORT_LEFT;
	s->used_by = t;
	if (!t) {
		remember_bar(s);
		say(s, "something came: ", p ? FOREIGN : "there are too many functions");
		return;
	}
	pci_write(s->bdf, PCI_COMMAND, 2, command | PCI_CMD_MEMORY | PCI_CMD_MASTER);
	place_bars(s, p);
	remember_bar(s);
	p->state = t->kept;
	p->driver = t->driver;		/* which tells of itself from now on, whatever comes of it */
	if (t->driver->plug(p)) {
		say(s, t->driver->name, p->why[0] ? p->why : " does not take it");
		return;
	}
	s->state = PORT_USED;
	say(s, t->driver->name, " takes what came");
}

/* Whoever put a card into a slot that is switched off wants it on. */
static void switch_on(const struct port *s)
{
	u32 control = pci_read(s->bdf, s->cap + CAP_SLOT_CONTROL, 2);

	if (!(pci_read(s->bdf, s->cap + CAP_SLOT, 4) & SLOT_POWER) || !(control & CONTROL_OFF) ||
	    !(pci_read(s->bdf, s->cap + CAP_SLOT_STATUS, 2) & STATUS_PRESENT))
		return;
	say(s, "is switched on", "");
	pci_write(s->bdf, s->cap + CAP_SLOT_CONTROL, 2, (control & ~(CONTROL_INDICATORS | CONTROL_OFF)) | CONTROL_LIGHTS_ON);
}

/* Whoever had it has let go. */
static bool is_free(const struct port *s)
{
	return !s->used_by || s->used_by->driver->is_free(s->used_by->kept);
}

static void look(struct port *s, u64 now)
{
	bool there = is_there(s);

	switch ((enum port_state)s->state) {
	case PORT_EMPTY:
		if (!there) {
			switch_on(s);
			return;
		}
		s->state = PORT_SETTLES;
		s->until = now + ns_to_ticks(SETTLE_NS);
		break;
	case PORT_SETTLES:
		if (!there)
			s->state = PORT_EMPTY;
		else if (now >= s->until)
			take(s);
		break;
	case PORT_USED:
	case PORT_LEFT:
		/* Also one that was changed for another between two looks: it has no address. */
		if ((!there || pci_read(s->slot, s->bar, 4) != s->bar_value) && is_free(s))
			s->state = PORT_EMPTY;
		break;
	}
}

bool hotplug_turn(u64 now)
{
	if (now < next_look)
		return false;
	next_look = now + ns_to_ticks(LOOK_NS);
	for (u32 i = 0; i < ports; i++)
		if (port[i].takers)
			look(&port[i], now);
	return false;
}

static bool poll(void *arg, u64 now)
{
	(void)arg;
	return hotplug_turn(now);
}

void hotplug_start(void)
{
	if (ports && control_work_add(&(struct control_work){ .name = "hot plug", .poll = poll, .when = WORK_ON_CALL }))
		log_error("pci: hot plug: more drivers than the event loop has places for");
}
