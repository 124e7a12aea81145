/* SPDX-License-Identifier: Apache-2.0 */
/* A port: from whatever state to a disk that runs, back after errors, and what happens when something is plugged in or out.
 * "Port Initialization", "Error Reporting and Recovery", "Native Hot Plug Support". */
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/time.h>

#include "ahci.h"

#define MS 1000000ul			/* in ns */
#define STOP_NS (600 * MS)
#define RESET_NS (2 * MS)		/* COMRESET lasts a millisecond at least */
#define LINK_NS (200 * MS)		/* until something answers */
#define PRESENT_NS (20 * MS)		/* a device that is there shows up within 10 ms of a reset */
#define LINK_MORE_NS (1000 * MS)	/* once something has */
#define READY_NS (20000 * MS)		/* a disk's motor may have to start */
#define OWN_NS (5000 * MS)
#define MEDIUM_NS (2000 * MS)
#define LOOK_NS (100 * MS)
#define PEACE_NS (60000 * MS)
#define FALLS_MAX 4u
#define SENSES_MAX 4u			/* in a row: what an optical drive had to tell first */

#define CMD_SPIN_UP 2u
#define CMD_POWER_ON 4u
#define CMD_FIS 0x10u
#define CMD_FIS_RUNNING BIT32(14)
#define CMD_ATAPI BIT32(24)
#define CMD_ACTIVE (1u << 28)		/* "Interface Communication Control" */
#define DET_MASK 15u
#define DET_PRESENT 1u
#define DET_UP 3u
#define SCTL_RESET 0x301u		/* and no power saving of the link's own */
#define SCTL_NONE 0x300u
#define IS_ERRORS 0x78000000u		/* TFES, HBFS, HBDS, IFS */
#define IS_TASK_FILE BIT32(30)
#define IS_LINK 0x00400040u		/* PRCS, PCS */
#define IE_ALL 0x7840004fu		/* these, and what tells of an end */
#define SIGNATURE_DISK 0x00000101u
#define SIGNATURE_PACKET 0xeb140101u

enum { SMART_DATA = 0xd0, SMART_STATUS = 0xda };
#define SMART_LBA 0xc24f00u
#define SMART_FAILING 0x2cf4u		/* what the command makes of LBA 23:8 then */
#define FIS_REGISTER 0x40u		/* of "Received FIS Structure" */
#define LOG_NCQ_ERROR 0x10u
enum { PACKET_SENSE = 0x03, PACKET_CAPACITY = 0x25 };
#define SENSE_NO_MEDIUM 2u

static void go(struct ahci_port *p, enum ahci_port_state to, u64 limit_ns)
{
	p->state = (u8)to;
	p->until = p->a->now + ns_to_ticks(limit_ns);
}

static u32 link(const struct ahci_port *p)
{
	return ahci_read(p->reg, PX_SSTS) & DET_MASK;
}

static void command_bits(struct ahci_port *p, u32 set, u32 clear)
{
	ahci_write(p->reg, PX_CMD, (ahci_read(p->reg, PX_CMD) & ~clear) | set);
}

static void say(const struct ahci_port *p, const char *what)
{
	log_notice("sata%u: %s", p->a->first + p->nr, what);
}

void ahci_port_gone(struct ahci_port *p)
{
	if (!p->offered) {
		ahci_end_all(p, DISK_GONE);
		return;
	}
	p->offered = false;
	p->d->gone = true;
	ahci_end_all(p, DISK_GONE);
	disk_gone(p->d);
}

void ahci_port_begin(struct ahci_port *p, const char *why)
{
	if (why) {
		p->falls++;
		log_notice("sata%u: %s: the port is reset", p->a->first + p->nr, why);
		if (p->offered)
			p->d->resets++;
	}
	p->stopping = false;
	command_bits(p, 0, CMD_START);
	go(p, PORT_STOP, STOP_NS);
}

static void fail(struct ahci_port *p, const char *why)
{
	p->why = why;
	p->state = PORT_FAILED;
	say(p, why);
	ahci_port_gone(p);
}

static void write_wide(volatile u8 *base, u32 off, u64 val)
{
	ahci_write(base, off, (u32)val);
	ahci_write(base, off + 4, (u32)(val >> 32));
}

static void clear_errors(struct ahci_port *p)
{
	ahci_write(p->reg, PX_SERR, ~0u);
	ahci_write(p->reg, PX_IS, ~0u);
}

/* The engine stands: its memory, then COMRESET. */
static void link_reset(struct ahci_port *p)
{
	write_wide(p->reg, PX_CLB, p->memory_hpa + offsetof(struct ahci_memory, header));
	write_wide(p->reg, PX_FB, p->memory_hpa + offsetof(struct ahci_memory, fis));
	clear_errors(p);
	ahci_write(p->reg, PX_IE, IE_ALL);
	command_bits(p, CMD_FIS | CMD_SPIN_UP | CMD_POWER_ON | CMD_ACTIVE, CMD_ATAPI | 0xf0000000u);
	ahci_write(p->reg, PX_SCTL, SCTL_RESET);
	go(p, PORT_RESET, RESET_NS);
}

void ahci_port_fresh(struct ahci_port *p)
{
	ahci_stopped(p, true);
	link_reset(p);
}

static void turn_stop(struct ahci_port *p)
{
	u32 cmd = ahci_read(p->reg, PX_CMD);

	if (!(cmd & (CMD_RUNNING | CMD_FIS_RUNNING))) {
		ahci_stopped(p, true);
		if (p->falls > FALLS_MAX)
			fail(p, "it fails again and again");
		else
			link_reset(p);
	} else if (p->a->now >= p->until) {
		ahci_reset(p->a, "a port cannot be stopped");
	} else if (!(cmd & CMD_RUNNING)) {
		command_bits(p, 0, CMD_FIS);
	}
}

static void turn_link(struct ahci_port *p)
{
	u32 det = link(p);

	if (det == DET_UP) {
		clear_errors(p);
		go(p, PORT_READY, READY_NS);
	} else if (p->a->now >= p->until + (det == DET_PRESENT ? ns_to_ticks(LINK_MORE_NS) : 0)) {
		ahci_port_gone(p);	/* the engine stands since PORT_STOP */
		go(p, PORT_EMPTY, 0);
		p->falls = 0;
	}
}

static void turn_ready(struct ahci_port *p)
{
	u32 signature;

	command_bits(p, CMD_FIS, 0);	/* QEMU's disks tell of themselves only when this is written after a reset */
	if (link(p) != DET_UP) {
		go(p, PORT_LINK, LINK_NS);
	} else if (!(ahci_read(p->reg, PX_TFD) & (TFD_BSY | TFD_DRQ))) {
		signature = ahci_read(p->reg, PX_SIG);
		p->atapi = signature == SIGNATURE_PACKET;
		if (!p->atapi && signature != SIGNATURE_DISK) {
			ahci_port_gone(p);
			p->state = PORT_OTHER;
			return;
		}
		clear_errors(p);
		command_bits(p, CMD_START | (p->atapi ? CMD_ATAPI : 0), 0);
		go(p, PORT_IDENTIFY, OWN_NS);
		ahci_own(p, &(struct ahci_fis){ .command = p->atapi ? ATA_IDENTIFY_PACKET : ATA_IDENTIFY }, 512, OWN_NS);
	} else if (p->a->now >= p->until) {
		ahci_port_begin(p, "it does not get ready");
	}
}

/* Up: what waited goes on, if it is the disk that it was. */
static void runs(struct ahci_port *p)
{
	if (p->other)
		ahci_port_gone(p);
	p->state = PORT_RUNS;
	p->senses = 0;
	p->since = p->a->now;
	if (!p->offered)
		ahci_offer(p);
	ahci_issue(p, true);
}

static void ask_capacity(struct ahci_port *p)
{
	static const u8 packet[16] = { PACKET_CAPACITY };

	go(p, PORT_CAPACITY, OWN_NS);
	ahci_own_packet(p, packet, 8, OWN_NS);
}

static void ask_sense(struct ahci_port *p)
{
	static const u8 packet[16] = { PACKET_SENSE, [4] = 18 };

	go(p, PORT_SENSE, OWN_NS);
	ahci_own_packet(p, packet, 18, OWN_NS);
}

static void no_medium(struct ahci_port *p)
{
	ahci_port_gone(p);
	p->falls = 0;
	go(p, PORT_NO_MEDIUM, MEDIUM_NS);
}

/* Nothing else goes meanwhile. */
static void ask_health(struct ahci_port *p)
{
	p->want_health = false;
	if (!p->smart)
		return;
	go(p, PORT_STATUS, OWN_NS);
	ahci_own(p, &(struct ahci_fis){ .command = ATA_SMART, .feature = SMART_STATUS, .lba = SMART_LBA }, 0, OWN_NS);
}

static void done_status(struct ahci_port *p)
{
	const volatile u8 *fis = p->memory->fis + FIS_REGISTER;

	p->health = (struct disk_health){ .known = true, .celsius = -1000, .percent_used = 255, .power_on_hours = ~0ul,
		.media_errors = ~0ul, .unsafe_shutdowns = ~0ul };
	p->health.failing = !p->failed_own && (fis[5] | (u32)fis[6] << 8) == SMART_FAILING;
	go(p, PORT_SMART, OWN_NS);
	ahci_own(p, &(struct ahci_fis){ .command = ATA_SMART, .feature = SMART_DATA, .lba = SMART_LBA, .count = 1 }, 512, OWN_NS);
}

static void done_smart(struct ahci_port *p)
{
	if (!p->failed_own)
		ahci_smart(p);
	if (p->health.failing && !p->d->health.failing)
		say(p, "it says that it is failing (SMART)");
	p->d->health = p->health;
	p->state = PORT_RUNS;
}

/* Which of the queued commands it was. If the disk does not tell, each goes again alone. */
static void done_log(struct ahci_port *p)
{
	u32 slot, status;

	if (!p->failed_own && ahci_log_slot(p, &slot, &status))
		p->slot[slot].bad = status;
	else
		for (u32 i = 0; i < AHCI_SLOTS; i++)
			p->slot[i].alone |= p->error_flying >> i & 1;
	p->state = PORT_RUNS;
}

/* A command of our own has ended. */
static void own_done(struct ahci_port *p)
{
	bool good = !p->failed_own;

	switch ((enum ahci_port_state)p->state) {
	case PORT_IDENTIFY:
		if (!good)
			ahci_port_begin(p, "it does not say what it is");
		else if (!ahci_identify(p))
			fail(p, p->why);
		else if (p->atapi)
			ask_capacity(p);
		else
			runs(p);
		break;
	case PORT_CAPACITY:
		if (!good)
			ask_sense(p);
		else if (ahci_capacity(p))
			runs(p);
		else
			no_medium(p);
		break;
	case PORT_SENSE:
		if (!good)
			ahci_port_begin(p, "it does not say what it lacks");
		else if ((p->memory->data[2] & 15) == SENSE_NO_MEDIUM || p->senses++ > SENSES_MAX)
			no_medium(p);
		else
			ask_capacity(p);
		break;
	case PORT_STATUS:
		done_status(p);
		break;
	case PORT_SMART:
		done_smart(p);
		break;
	case PORT_LOG:
		done_log(p);
		break;
	case PORT_FLUSH:
		go(p, PORT_STANDBY, OWN_NS);
		ahci_own(p, &(struct ahci_fis){ .command = ATA_STANDBY }, 0, OWN_NS);
		break;
	case PORT_STANDBY:
		p->state = PORT_FAILED;
		p->why = "the machine goes down";
		break;
	default:
		break;
	}
}

/* The engine is to stand so that what it was stopped by can be looked at; it goes on in after_error(). */
static void error(struct ahci_port *p)
{
	if (p->state == PORT_RUNS) {
		p->error_status = ahci_read(p->reg, PX_TFD);
		p->error_flying = p->flying;
		p->error_queued = p->queued;
	}
	p->stopping = true;
	p->stop_until = p->a->now + ns_to_ticks(STOP_NS);
	if (p->state == PORT_RUNS)
		p->state = PORT_ERROR;
	command_bits(p, 0, CMD_START);
}

static void after_error(struct ahci_port *p)
{
	p->stopping = false;
	if (ahci_read(p->reg, PX_TFD) & (TFD_BSY | TFD_DRQ)) {
		ahci_port_begin(p, "it is busy after an error");
		return;
	}
	clear_errors(p);
	command_bits(p, CMD_START, 0);
	if (p->state != PORT_ERROR) {		/* a command of our own */
		p->own = false;
		p->failed_own = true;
		own_done(p);
		return;
	}
	ahci_stopped(p, false);
	if (p->error_queued) {
		go(p, PORT_LOG, OWN_NS);
		ahci_own(p, &(struct ahci_fis){ .command = ATA_READ_LOG, .device = 0x40, .lba = LOG_NCQ_ERROR, .count = 1 }, 512,
			 OWN_NS);
		return;
	}
	if (p->error_flying)
		p->slot[__builtin_ctz(p->error_flying)].bad = p->error_status | TFD_ERR;
	if (p->atapi)
		ask_sense(p);
	else
		p->state = PORT_RUNS;
}

static void turn_stopping(struct ahci_port *p)
{
	if (!(ahci_read(p->reg, PX_CMD) & CMD_RUNNING))
		after_error(p);
	else if (p->a->now >= p->stop_until)
		ahci_reset(p->a, "a port cannot be stopped");
}

/* What the port tells: ends first, as those came before an error. */
static void take(struct ahci_port *p, bool look)
{
	u32 is = ahci_read(p->reg, PX_IS);
	bool own = p->own;

	if (is)
		ahci_write(p->reg, PX_IS, is);
	if (p->stopping)
		return;
	if (p->own || p->flying)
		ahci_take(p);
	if (is & IS_LINK || (look && link(p) != DET_UP)) {
		ahci_port_begin(p, "the link was lost");
	} else if (is & IS_ERRORS & ~IS_TASK_FILE) {
		ahci_port_begin(p, "an error of the link or of the controller");
	} else if (is & IS_TASK_FILE && (own || p->flying)) {
		error(p);
	} else if (own && !p->own) {
		p->failed_own = ahci_read(p->reg, PX_TFD) & (TFD_ERR | TFD_FAULT);
		own_done(p);
	}
}

/* With a disk, or about to have one. */
static void turn_up(struct ahci_port *p)
{
	u64 now = p->a->now;

	if (now >= p->look) {
		p->look = now + ns_to_ticks(LOOK_NS);
		take(p, true);
	} else if (p->told) {
		take(p, false);
	}
	if (p->state < PORT_IDENTIFY || p->state == PORT_NO_MEDIUM || p->a->state != AHCI_RUNS)
		return;
	if (p->stopping) {
		turn_stopping(p);
	} else if (p->own ? now >= p->until : ahci_late(p, now)) {
		if (p->offered)
			p->d->timeouts++;
		ahci_port_begin(p, "it does not answer");
	} else if (p->state == PORT_RUNS) {
		if (now - p->since >= ns_to_ticks(PEACE_NS))
			p->a->falls = p->falls = 0;
		if (p->want_health && !p->flying)
			ask_health(p);
		ahci_issue(p, true);
	}
}

/* Nothing there, or nothing for us: has that changed? */
static void turn_idle(struct ahci_port *p)
{
	u64 now = p->a->now;
	u32 det;

	if (p->told) {		/* something was plugged, or firmware left it so: unless it is cleared, it is told for ever */
		ahci_write(p->reg, PX_SERR, ahci_read(p->reg, PX_SERR));
		ahci_write(p->reg, PX_IS, ahci_read(p->reg, PX_IS));
		p->look = 0;
	}
	if (now < p->look)
		return;
	p->look = now + ns_to_ticks(LOOK_NS);
	det = link(p);
	if (p->state != PORT_EMPTY && det != DET_UP) {
		p->falls = 0;
		p->state = PORT_EMPTY;
	} else if (p->state == PORT_EMPTY && (det == DET_UP || det == DET_PRESENT)) {
		ahci_port_begin(p, NULL);
	} else if (p->state == PORT_NO_MEDIUM && now >= p->until) {
		ask_capacity(p);
	}
}

bool ahci_port_rest(struct ahci_port *p)
{
	if (p->state == PORT_FLUSH || p->state == PORT_STANDBY)
		return true;
	if (!p->offered || p->atapi || p->state != PORT_RUNS)
		return p->offered && p->state > PORT_EMPTY && p->state < PORT_OTHER && !p->atapi;
	if (p->free != (u32)(BIT(p->a->slots) - 1))
		return true;
	go(p, PORT_FLUSH, OWN_NS);
	ahci_own(p, &(struct ahci_fis){ .command = p->flush48 ? ATA_FLUSH_EXT : ATA_FLUSH, .device = 0x40 }, 0, OWN_NS);
	return true;
}

bool ahci_port_busy(const struct ahci_port *p)
{
	if (p->state == PORT_LINK && link(p) == 0 && p->until - p->a->now < ns_to_ticks(LINK_NS - PRESENT_NS))
		return false;
	return p->state > PORT_EMPTY && p->state < PORT_NO_MEDIUM;
}

void ahci_port_turn(struct ahci_port *p)
{
	switch ((enum ahci_port_state)p->state) {
	case PORT_NONE:
		break;
	case PORT_STOP:
		turn_stop(p);
		break;
	case PORT_RESET:
		if (p->a->now < p->until)
			break;
		ahci_write(p->reg, PX_SCTL, SCTL_NONE);
		go(p, PORT_LINK, LINK_NS);
		break;
	case PORT_LINK:
		turn_link(p);
		break;
	case PORT_READY:
		turn_ready(p);
		break;
	case PORT_EMPTY:
	case PORT_NO_MEDIUM:
	case PORT_OTHER:
	case PORT_FAILED:
		turn_idle(p);
		break;
	default:
		turn_up(p);
		break;
	}
	p->told = false;
}
