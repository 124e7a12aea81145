/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A controller by "Serial ATA AHCI 1.3.1" and what is at its ports: disks, and optical drives to read from. Names are those
 * of AHCI and of "ATA/ATAPI Command Set - 3" (ACS-3); sections are cited by title. Boot core, then control core.
 *
 * Commands without a queue of their own (flush, trim, disks without NCQ, optical drives, our own) go alone: they wait until
 * nothing else is at the disk, and then nothing else goes. So what the port's registers say is about them.
 *
 * Memory that the controller reaches is the pool's and never given back, or a request's; a request is answered only when it
 * is done, the port's engine stands (PxCMD.CR), the controller was reset, or it was cut off from memory. */

#include <hv/disk.h>
#include <hv/pci.h>
#include <hv/types.h>

#define AHCI_PORTS 32u
#define AHCI_SLOTS 32u
#define AHCI_BYTES_MAX (512u * (u32)KiB)

/* "Command List Structure". */
struct ahci_header {
	u32 flags, bytes, table, table_high, unused[4];
};
_Static_assert(sizeof(struct ahci_header) == 32, "Command Header");

/* "Physical Region Descriptor Table". */
struct ahci_prd {
	u32 base, base_high, unused, bytes;	/* bytes: less one, even */
};

/* "Command Table". */
struct ahci_table {
	u8 fis[64], packet[16], unused[48];
	struct ahci_prd prd[DISK_PIECES_MAX];
	u8 align[112];			/* the next one begins at a multiple of 128 */
};
_Static_assert(sizeof(struct ahci_table) == 1280, "Command Table");

/* What the controller reaches, in pages of the pool. */
struct ahci_memory {
	struct ahci_header header[AHCI_SLOTS];
	u8 fis[256];			/* "Received FIS Structure" */
	u8 unused[768];
	u8 data[2048];			/* of commands of our own, and of a trim */
	struct ahci_table table[AHCI_SLOTS + 1];	/* the last: of commands of our own */
};

enum ahci_slot_state { AHCI_FREE, AHCI_WAITING, AHCI_FLYING };

struct ahci_slot {
	u8 state;			/* enum ahci_slot_state */
	u8 tries;
	bool alone;			/* not through the disk's queue any more */
	u32 bad;			/* it was this one that failed: PxTFD; 0: it was not */
	struct disk_request *rq;
	u64 until;			/* TSC: late after it */
	u64 given, asked;		/* sectors that are done, and that this command is about */
};

/* A register FIS: "Register - Host to Device". */
struct ahci_fis {
	u8 command, device;
	u16 feature, count;
	u64 lba;
};

enum ahci_port_state {
	PORT_NONE,			/* there is none, or no memory for it */
	PORT_EMPTY, PORT_STOP, PORT_RESET, PORT_LINK, PORT_READY,	/* on its way up */
	PORT_IDENTIFY, PORT_SENSE, PORT_CAPACITY, PORT_NO_MEDIUM,
	PORT_RUNS, PORT_ERROR, PORT_LOG, PORT_STATUS, PORT_SMART, PORT_FLUSH, PORT_STANDBY,	/* with a disk */
	PORT_OTHER, PORT_FAILED,
};

struct ahci;

struct ahci_port {
	struct ahci *a;
	volatile u8 *reg;
	struct ahci_memory *memory;
	u64 memory_hpa;
	u8 nr, state, falls, senses;	/* falls: resets since something went well */
	bool own;			/* a command of our own is under way */
	bool failed_own;		/* it failed */
	bool offered, want_health;
	bool told;			/* HBA's IS names it in this turn */
	bool stopping;			/* after an error, until stop_until */
	u64 stop_until;
	u64 until;			/* TSC: of the state */
	u64 look;
	u64 since;
	const char *why;		/* it has failed */

	struct ahci_slot slot[AHCI_SLOTS];
	u32 free, flying, queued, ring;	/* slots, a bit each: queued through the disk's queue; not yet told to the port */
	u8 fifo[AHCI_SLOTS], fifo_at, fifo_count;	/* those that wait, in their order */
	u32 error_status;		/* PxTFD and what was flying, when it said so */
	u32 error_flying;
	bool error_queued;

	/* What it says it is. */
	bool atapi, packet_direction, ncq, flush48, smart, other;
	u8 shift, depth;
	u64 sectors;
	u32 physical;
	bool fua, trim, cache, rotational;
	char model[41], serial[21], firmware[9];
	struct disk_health health;
	struct disk *d;			/* one of disk[]: who comes after one that is gone is another */
	struct disk disk[2];
};

enum ahci_state { AHCI_RUNS, AHCI_RESET, AHCI_DEAD };

struct ahci {
	struct host_pci *pci;
	volatile u8 *reg;
	u32 first;			/* "sata3" is port 3 - first */
	u32 caps, slots, implemented;
	u8 state;			/* enum ahci_state */
	const char *why;
	u32 falls;
	u64 until, now, look;		/* TSC */
	u64 calm_until;			/* nothing to look at before */
	u64 resets;
	struct ahci_port port[AHCI_PORTS];
};

/* Registers: ahci_reg.c. */
u32 ahci_read(const volatile u8 *base, u32 off);
void ahci_write(volatile u8 *base, u32 off, u32 val);

#define CAP_WIDE BIT32(31)		/* HBA capabilities: 64-bit addresses */

/* "Port Registers". */
enum { PX_CLB = 0x00, PX_FB = 0x08, PX_IS = 0x10, PX_IE = 0x14, PX_CMD = 0x18, PX_TFD = 0x20, PX_SIG = 0x24, PX_SSTS = 0x28,
	PX_SCTL = 0x2c, PX_SERR = 0x30, PX_SACT = 0x34, PX_CI = 0x38 };
#define CMD_START 1u
#define CMD_RUNNING BIT32(15)
#define TFD_ERR 0x01u
#define TFD_DRQ 0x08u
#define TFD_FAULT 0x20u
#define TFD_BSY 0x80u

enum { ATA_DATASET = 0x06, ATA_READ = 0x25, ATA_READ_LOG = 0x2f, ATA_WRITE = 0x35, ATA_WRITE_FUA = 0x3d, ATA_READ_QUEUED = 0x60,
	ATA_WRITE_QUEUED = 0x61, ATA_PACKET = 0xa0, ATA_IDENTIFY_PACKET = 0xa1, ATA_SMART = 0xb0,
	ATA_STANDBY = 0xe0, ATA_FLUSH = 0xe7,
	ATA_FLUSH_EXT = 0xea, ATA_IDENTIFY = 0xec };

/* ahci_command.c */
extern const struct disk_ops ahci_disk_ops;
/* A command of our own, bytes of whose data come into memory->data; nothing else is at the port. */
void ahci_own(struct ahci_port *p, const struct ahci_fis *fis, u32 bytes, u64 limit_ns);
void ahci_own_packet(struct ahci_port *p, const u8 *packet, u32 bytes, u64 limit_ns);
/* Of those that wait, whatever may go now. may_end: done() may be called. */
void ahci_issue(struct ahci_port *p, bool may_end);
/* Take what is done. */
void ahci_take(struct ahci_port *p);
void ahci_finish(struct ahci_port *p, struct ahci_slot *s, enum disk_result result);
/* The engine stands: what it had waits again, counted as a try or not. */
void ahci_stopped(struct ahci_port *p, bool counts);
void ahci_end_all(struct ahci_port *p, enum disk_result result);
/* The command that the port was stopped by is known: status is what PxTFD was. */
void ahci_failed(struct ahci_port *p, u32 slot, u32 status);
bool ahci_late(const struct ahci_port *p, u64 now);

/* ahci_port.c: from whatever state up again (why null: it was just plugged in); a turn. */
void ahci_port_begin(struct ahci_port *p, const char *why);
void ahci_port_turn(struct ahci_port *p);
/* On its way up, and there is something at it. */
bool ahci_port_busy(const struct ahci_port *p);
/* The disk is gone: all of its requests are answered. The engine must stand. */
void ahci_port_gone(struct ahci_port *p);
/* The machine goes down: once all is answered, a step towards a disk with its cache written and its motor off. true: there
 * is more to do. */
bool ahci_port_rest(struct ahci_port *p);
/* The registers as after a reset of the controller. */
void ahci_port_fresh(struct ahci_port *p);

/* ahci_identify.c. What memory->data says. False: not usable, p->why says why. */
bool ahci_identify(struct ahci_port *p);
bool ahci_capacity(struct ahci_port *p);
void ahci_smart(struct ahci_port *p);
void ahci_offer(struct ahci_port *p);
bool ahci_log_slot(const struct ahci_port *p, u32 *slot, u32 *status);

/* ahci.c: the controller as a whole needs a reset; a turn without the frame around it, true: it had
 * something to tell. */
void ahci_reset(struct ahci *a, const char *why);
bool ahci_turn(struct ahci *a, u64 now);
