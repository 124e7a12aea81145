/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Disks behind a PCI IDE controller with bus mastering: Intel's PIIX and ICH, and what imitates them. "AT Attachment with
 * Packet Interface - 6" (ATA), "Programming Interface for Bus Master IDE Controller" (SFF-8038i); cited by title. A channel
 * has two drives and works on one request at a time; there are no messages, so completion is polled, by the drive's status
 * and the controller's. Data moves by DMA only. Boot core in probe(), then control core; nothing waits but ide_open(). */

#include <hv/disk.h>
#include <hv/pci.h>

#define IDE_BYTES_MAX (128u * 1024)	/* of a request: 256 sectors, what a command of 28 bits takes */
#define IDE_TRIES 3u
#define IDE_WORDS 256u			/* of what a drive says of itself */

/* Offsets from the command block. ATA "I/O registers". */
enum ide_register { IDE_DATA, IDE_ERROR, IDE_COUNT, IDE_LBA_LOW, IDE_LBA_MID, IDE_LBA_HIGH, IDE_DEVICE, IDE_STATUS,
	IDE_FEATURES = IDE_ERROR, IDE_COMMAND = IDE_STATUS };
enum ide_status { IDE_ERR = 0x01, IDE_DRQ = 0x08, IDE_FAULT = 0x20, IDE_READY = 0x40, IDE_BSY = 0x80 };
enum ide_error { IDE_ABRT = 0x04, IDE_IDNF = 0x10, IDE_UNC = 0x40, IDE_ICRC = 0x80 };
enum ide_command { IDE_CMD_READ_EXT = 0x25, IDE_CMD_WRITE_EXT = 0x35, IDE_CMD_IDENTIFY_PACKET = 0xa1, IDE_CMD_READ = 0xc8,
	IDE_CMD_WRITE = 0xca, IDE_CMD_FLUSH = 0xe7, IDE_CMD_FLUSH_EXT = 0xea, IDE_CMD_IDENTIFY = 0xec,
	IDE_CMD_SET_FEATURES = 0xef };
enum ide_control { IDE_SRST = 0x04 };

/* Offsets from a channel's half of BAR 4. SFF-8038i "Bus Master IDE Register Description". */
enum ide_master { BM_COMMAND = 0, BM_STATUS = 2, BM_TABLE = 4 };
enum { BM_START = 0x01, BM_TO_MEMORY = 0x08 };
enum { BM_ACTIVE = 0x01, BM_ERROR = 0x02, BM_INTERRUPT = 0x04, BM_KEEP = 0x60 };

/* "Physical Region Descriptor": even address and count, not across 64 KiB; a count of 0 is 64 KiB. */
struct ide_prd {
	u32 address;
	u16 count, last;
};
#define IDE_PRD_LAST 0x8000u
#define IDE_PRDS (PAGE_SIZE / sizeof(struct ide_prd))

enum ide_kind { IDE_NOTHING, IDE_DISK, IDE_PACKET, IDE_REFUSED };

struct ide_channel;

struct ide_drive {
	struct disk disk;
	struct ide_channel *channel;
	u8 number;			/* 0, 1 on its channel */
	u8 kind;			/* enum ide_kind */
	u8 tries;			/* of the request */
	bool wide;			/* 48-bit addresses */
	u8 flush;			/* its command; 0: it has none */
	u8 set_mode;			/* transfer mode to switch on; 0: one is on */
	const char *why;		/* it is refused */
	struct disk_request *request;	/* given, not answered yet; null: none */
};

enum ide_step { IDE_FREE, IDE_WORKS, IDE_RESET_HELD, IDE_RESET_WAITS, IDE_DEAD };

struct ide_channel {
	u16 command, control, master;	/* ports; command 0: there is no such channel */
	u8 step;			/* enum ide_step */
	bool dma;			/* the command under way moves data */
	struct ide_prd *prd;
	u64 prd_hpa;
	struct ide_drive drive[2];
	struct ide_drive *at;		/* whose request is under way; null: nobody's */
	u8 turn;			/* which drive comes next */
	u64 since, until;		/* TSC: of a command's begin; of the step's end */
};

struct ide {
	struct host_pci *pci;
	struct ide_channel channel[2];
};

/* Find the drives: reset, ask each what it is. Boot core; waits are bounded. Returns how many answered. */
u32 ide_open_channel(struct ide_channel *c);

/* What a drive says, into d: kind, disk, commands. words: its answer to IDENTIFY. Pure. */
void ide_identify(struct ide_drive *d, const u16 words[IDE_WORDS]);
void ide_identify_packet(struct ide_drive *d, const u16 words[IDE_WORDS]);

/* The operations of a disk of a channel; a turn of it, true: an answer is likely soon, do not sleep. Control core. */
extern const struct disk_ops ide_disk_ops;
bool ide_poll_channel(struct ide_channel *c, u64 now);

/* Some 400 ns, which a drive may take until its status is true: ATA "Status register". Returns the status then. */
u8 ide_settle(const struct ide_channel *c);
void ide_select(const struct ide_channel *c, u32 number, u8 bits);
