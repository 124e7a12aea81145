/* SPDX-License-Identifier: Apache-2.0 */
/* The controller as a whole, and the driver as drivers.c sees it. "System Software Rules" of AHCI, "HBA Reset". Disks that are
 * not up a second after boot began with them come later, as if they had been plugged in. */
#include <hv/control_work.h>
#include <hv/core.h>
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/pool.h>
#include <hv/time.h>

#include "../drivers.h"
#include "ahci.h"

#define MS 1000000ul			/* in ns */
#define RESET_NS (1000 * MS)
#define LOOK_NS (100 * MS)
#define PROBE_STEP_US 100u
#define PROBE_STEPS 10000u
#define STOP_STEPS 5000u
#define STOP_STEP_US 1000u
#define STEP_LOOK_NS (1 * MS)		/* while ports are on their way up */
#define CALM_NS 1000000ul			/* with nothing to do it costs nothing for so long, whatever others do */
#define BUSY_LOOK_NS 50000ul		/* without messages, while requests are under way */
#define FALLS_MAX 3u
#define BAR 5u
#define REGISTERS 0x100u
#define PORT_REGISTERS 0x80u

enum { HBA_CAP = 0x00, HBA_GHC = 0x04, HBA_IS = 0x08, HBA_PI = 0x0c, HBA_CAP2 = 0x24, HBA_BOHC = 0x28 };
#define GHC_RESET 1u
#define GHC_INTERRUPTS 2u
#define GHC_AHCI BIT32(31)
#define CAP2_HANDOFF 1u
#define BOHC_FIRMWARE 1u
#define BOHC_OURS 2u

static void die(struct ahci *a, const char *why)
{
	a->state = AHCI_DEAD;
	a->why = why;
	pci_set_master(a->pci, false);
	log_notice("ahci: %02x:%02x.%u: given up: %s", a->pci->bdf >> 8, a->pci->bdf >> 3 & 31, a->pci->bdf & 7, why);
	for (u32 i = 0; i < AHCI_PORTS; i++) {
		if (a->port[i].state == PORT_NONE)
			continue;
		a->port[i].state = PORT_FAILED;
		ahci_port_gone(&a->port[i]);
	}
}

void ahci_reset(struct ahci *a, const char *why)
{
	a->resets++;
	a->why = why;
	log_notice("ahci: %02x:%02x.%u: %s: it is reset", a->pci->bdf >> 8, a->pci->bdf >> 3 & 31, a->pci->bdf & 7, why);
	for (u32 i = 0; i < AHCI_PORTS; i++)
		if (a->port[i].offered)
			a->port[i].d->resets++;
	if (a->falls++ >= FALLS_MAX) {
		die(a, why);
		return;
	}
	a->state = AHCI_RESET;
	a->until = a->now + ns_to_ticks(RESET_NS);
	ahci_write(a->reg, HBA_GHC, GHC_AHCI | GHC_RESET);
}

/* Afterwards nothing of ours is known to it. */
static void reset_turn(struct ahci *a)
{
	if (ahci_read(a->reg, HBA_GHC) & GHC_RESET) {
		if (a->now >= a->until)
			die(a, "it does not reset");
		return;
	}
	ahci_write(a->reg, HBA_GHC, GHC_AHCI);
	ahci_write(a->reg, HBA_GHC, GHC_AHCI | GHC_INTERRUPTS);
	a->state = AHCI_RUNS;
	for (u32 i = 0; i < AHCI_PORTS; i++)
		if (a->port[i].state != PORT_NONE)
			ahci_port_fresh(&a->port[i]);
}

/* Firmware that still uses it is asked to let go, for as long as a quarter of a second; the reset ends what it does. */
static void take_from_firmware(const struct ahci *a)
{
	if (!(ahci_read(a->reg, HBA_CAP2) & CAP2_HANDOFF))
		return;
	ahci_write(a->reg, HBA_BOHC, ahci_read(a->reg, HBA_BOHC) | BOHC_OURS);
	for (u32 i = 0; i < 250 && ahci_read(a->reg, HBA_BOHC) & BOHC_FIRMWARE; i++)
		wait_us(1000);
}

static bool wait_reset(struct ahci *a)
{
	for (u32 i = 0; i < PROBE_STEPS && a->state == AHCI_RESET; i++) {
		if (!(ahci_read(a->reg, HBA_GHC) & GHC_RESET))
			return true;
		wait_us(PROBE_STEP_US);
	}
	return false;
}

static bool reaches(const struct ahci *a, u64 hpa)
{
	return a->caps & CAP_WIDE || hpa + sizeof(struct ahci_memory) <= 4 * GiB;
}

/* Ports that get no memory are not used. */
static void ports_init(struct ahci *a)
{
	for (u32 i = 0; i < AHCI_PORTS; i++) {
		struct ahci_port *p = &a->port[i];

		p->a = a;
		p->nr = (u8)i;
		p->reg = a->reg + REGISTERS + i * PORT_REGISTERS;
		p->free = (u32)(BIT(a->slots) - 1);
		if (!(a->implemented >> i & 1))
			continue;
		p->memory = pool_alloc(ALIGN_UP(sizeof(*p->memory), PAGE_SIZE) / PAGE_SIZE, POOL_OTHER);
		if (!p->memory) {
			log_notice("ahci: no memory for port %u", i);
			continue;
		}
		p->memory_hpa = pool_hpa(p->memory).v;
		if (!reaches(a, p->memory_hpa)) {
			log_notice("ahci: port %u is not used: it reaches only memory below 4 GiB, and ours is above", i);
			continue;
		}
		p->state = PORT_EMPTY;
	}
}

static bool ahci_open(struct ahci *a, const char **why)
{
	u32 last;

	a->caps = ahci_read(a->reg, HBA_CAP);
	a->implemented = ahci_read(a->reg, HBA_PI);
	a->slots = (a->caps >> 8 & 31) + 1;
	last = a->implemented ? 31 - (u32)__builtin_clz(a->implemented) : 0;
	*why = "its registers make no sense";
	if (a->caps == ~0u || !a->implemented || REGISTERS + (last + 1) * PORT_REGISTERS > a->pci->bar[BAR].size)
		return false;
	take_from_firmware(a);
	ahci_write(a->reg, HBA_GHC, GHC_AHCI);
	ahci_write(a->reg, HBA_GHC, GHC_AHCI | GHC_RESET);
	a->state = AHCI_RESET;
	*why = "it does not reset";
	if (!wait_reset(a))
		return false;
	ports_init(a);
	return true;
}

/* No port is on its way up. */
static bool settled(const struct ahci *a)
{
	for (u32 i = 0; i < AHCI_PORTS; i++)
		if (ahci_port_busy(&a->port[i]))
			return false;
	return true;
}

/* Its messages wake the core when something is done; what has none is looked at by the clock. */
static bool ahci_work(void *arg, u64 now)
{
	struct ahci *a = arg;
	bool any, busy = false, rests;

	if (now < a->calm_until)
		return false;
	any = ahci_turn(a, now);
	rests = a->state != AHCI_RESET && settled(a);
	for (u32 i = 0; i < AHCI_PORTS; i++)
		busy |= a->port[i].flying || a->port[i].own;
	if (!rests)
		control_work_by(now + ns_to_ticks(STEP_LOOK_NS));
	if (rests && !any && !busy)
		a->calm_until = now + ns_to_ticks(CALM_NS);
	if (busy && !a->pci->message_kind && a->state == AHCI_RUNS)
		control_work_by(now + ns_to_ticks(BUSY_LOOK_NS));
	return any;
}

static int ahci_probe(struct host_pci *p)
{
	static u32 first;
	u64 pages = ALIGN_UP(sizeof(struct ahci), PAGE_SIZE) / PAGE_SIZE;
	struct ahci *a = pool_alloc(pages, POOL_OTHER);
	const char *why = "no memory for it";

	if (a) {
		why = "its registers cannot be mapped";
		a->pci = p;
		a->reg = pci_map_bar(p, BAR, REGISTERS + PORT_REGISTERS);
		pci_set_master(p, false);
	}
	if (!a || !a->reg || !ahci_open(a, &why)) {
		str_copy(p->why, sizeof(p->why), why);
		if (a)
			pool_free(a, pages);
		return -E_NODEV;
	}
	a->first = first;
	first += 32 - (u32)__builtin_clz(a->implemented);
	pci_prepare_messages(p);
	pci_set_master(p, true);
	for (u32 i = 0; i < PROBE_STEPS && (!i || !settled(a)); i++) {
		ahci_turn(a, tsc_now());
		wait_us(PROBE_STEP_US);
	}
	p->state = a;
	if (control_work_add(&(struct control_work){ .name = "ahci", .poll = ahci_work, .arg = a, .when = WORK_ON_MESSAGE,
						  .message = pci_message(p) }))
		log_error("ahci: more drivers than the event loop has places for");
	return 0;
}

static void ahci_start(struct host_pci *p)
{
	pci_messages_on(p, core_table[control_core].apic_id);
}

/* Registers of what was pulled out read as ones, or as anything; its config space as ones. */
static bool still_there(struct ahci *a)
{
	u32 ghc = ahci_read(a->reg, HBA_GHC);

	a->look = a->now + ns_to_ticks(LOOK_NS);
	if (ghc != ~0u && ghc & GHC_AHCI)
		return true;
	if (ghc == ~0u || (pci_read(a->pci->bdf, PCI_ID, 4) & 0xffff) == 0xffff)
		die(a, "it is not there any more");
	else
		ahci_reset(a, "it has lost its mode");
	return false;
}

bool ahci_turn(struct ahci *a, u64 now)
{
	u32 is;

	a->now = now;
	if (a->state == AHCI_DEAD)
		return false;
	if (a->state == AHCI_RESET) {
		reset_turn(a);
		return false;
	}
	is = ahci_read(a->reg, HBA_IS);
	if ((is == ~0u || now >= a->look) && !still_there(a))
		return true;
	for (u32 i = 0; i < AHCI_PORTS && a->state == AHCI_RUNS; i++) {
		if (a->port[i].state == PORT_NONE)
			continue;
		a->port[i].told = is >> i & 1;
		ahci_port_turn(&a->port[i]);
	}
	if (is && a->state == AHCI_RUNS)
		ahci_write(a->reg, HBA_IS, is);
	return is;
}

/* Commands of our own end, and none of a disk that can be put to rest is left. */
static bool at_rest(struct ahci *a)
{
	bool rest = true;

	for (u32 i = 0; i < AHCI_PORTS; i++)
		rest &= !ahci_port_rest(&a->port[i]);
	return rest;
}

/* Disks write their caches and stop their motors. */
static void ahci_stop(struct host_pci *p)
{
	struct ahci *a = p->state;

	for (u32 i = 0; i < STOP_STEPS && a->state == AHCI_RUNS && !at_rest(a); i++) {
		ahci_turn(a, tsc_now());
		wait_us(STOP_STEP_US);
	}
	if (a->state != AHCI_DEAD)
		a->why = "the machine goes down";
	a->state = AHCI_DEAD;
	pci_set_master(p, false);
}

static void ahci_describe(const struct host_pci *p, char *to, size_t size)
{
	static const char *const word[] = { [PORT_RUNS] = "runs", [PORT_NO_MEDIUM] = "no medium", [PORT_OTHER] = "no disk",
		[PORT_FAILED] = "failed", [PORT_STOP] = "being reset" };
	const struct ahci *a = p->state;
	char *end = to + size;

	to += fmt_print(to, size, "%s%s%s", a->state == AHCI_DEAD ? "given up: " : "runs", a->state == AHCI_DEAD ? a->why : "",
			p->message_kind == PCI_CAP_MSIX ? ", MSI-X" : p->message_kind ? ", MSI" : ", polled");
	for (u32 i = 0; i < AHCI_PORTS && to + 64 < end; i++) {
		const struct ahci_port *port = &a->port[i];
		const char *what = port->state < ARRAY_COUNT(word) && word[port->state] ? word[port->state] : "busy";

		if (port->state > PORT_EMPTY)
			to += fmt_print(to, (size_t)(end - to), "; sata%u: %s%s%s", a->first + i, port->model,
					port->model[0] ? ", " : "", what);
	}
}

const struct host_driver ahci_driver = {
	.name = "ahci", .class_code = 0x010601, .class_mask = 0xffffff,
	.probe = ahci_probe, .start = ahci_start, .stop = ahci_stop, .describe = ahci_describe,
};
