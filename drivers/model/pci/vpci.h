/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* PCI inside a guest: one bus, functions with a type 0 header, config space through CF8H/CFCH and ECAM, BARs that the
 * guest sizes and moves, INTx, MSI and MSI-X. A device model brings a struct vpci_desc (constant) and embeds a struct
 * vpci_function; it hears of accesses to its BARs and raises interrupts, the rest is done here. PCI Local Bus
 * Specification 3.0 "Configuration Space", "Message Signaled Interrupts".
 * Unless said otherwise: one of the guest's own cores, device lock held. */

#include <hv/bus.h>
#include <hv/types.h>

struct guest;
struct vpci_function;

#define VPCI_SLOTS 32
#define VPCI_BARS 6
#define VPCI_CONFIG_SIZE 256
#define VPCI_CAPS_AT 0x40u		/* where vpci_desc.caps begins in config space */
#define VPCI_MSIX_MAX 128
#define VPCI_MSIX_BAR_SIZE 0x1000u	/* table at 0, pending bits at VPCI_MSIX_PBA */
#define VPCI_MSIX_PBA 0x800u
#define VPCI_PIRQS 8u			/* PCI's interrupt wires, shared by slots: GSI 16 to 23 */
#define VPCI_GSI_BASE 16u

enum vpci_reg_at { VPCI_VENDOR = 0x00, VPCI_COMMAND = 0x04, VPCI_STATUS = 0x06, VPCI_CLASS_REV = 0x08,
	VPCI_CACHE_LINE = 0x0c, VPCI_HEADER_TYPE = 0x0e, VPCI_BAR0 = 0x10, VPCI_SUBSYSTEM = 0x2c, VPCI_CAPS = 0x34,
	VPCI_INTR_LINE = 0x3c, VPCI_INTR_PIN = 0x3d };
enum vpci_command { VPCI_CMD_IO = 1, VPCI_CMD_MEMORY = 2, VPCI_CMD_MASTER = 4, VPCI_CMD_PARITY = 0x40,
	VPCI_CMD_SERR = 0x100, VPCI_CMD_INTX_OFF = 0x400 };
enum vpci_cap_id { VPCI_CAP_MSI = 0x05, VPCI_CAP_VENDOR = 0x09, VPCI_CAP_MSIX = 0x11, VPCI_CAP_SATA = 0x12 };

enum vpci_bar_kind { VPCI_BAR_NONE, VPCI_BAR_IO, VPCI_BAR_MEM32, VPCI_BAR_MEM64 };

/* fn gets the device of vpci_add(), io->off from the BAR's start. A MEM64 BAR takes its own place and the next one,
 * whose kind is NONE. bar[msix_bar] has no fn and VPCI_MSIX_BAR_SIZE bytes: vpci answers there. */
struct vpci_bar_desc {
	u64 size;			/* a power of two: at least 16, IO at least 4 and at most 256 */
	u8 kind;			/* enum vpci_bar_kind */
	bool prefetch;
	io_fn *fn;
};

/* Registers of this device in config space besides the header: what they are after reset, which bits can be written.
 * */
struct vpci_reg {
	u8 off, size;			/* size 1, 2, 4 */
	u32 reset, mask;
};

/* Called before a read (write = false) and after a write of config space that touches [off, off + size): may look at
 * and change f->config. Not called for pure header accesses below VPCI_CAPS_AT. */
typedef void vpci_config_fn(struct vpci_function *f, u32 off, u32 size, bool write);

struct vpci_desc {
	const char *name;		/* for `devices GUEST` */
	u16 vendor, device, subvendor, subdevice;
	u32 class_rev;			/* as the dword at 08H: class code in bits 31:8, revision in 7:0 */
	u8 msix_entries, msix_bar;	/* 0 entries: no MSI-X */
	bool msi;			/* one message, 64-bit address, maskable */
	bool intx;			/* has pin A */
	bool multifunction;		/* header type bit 7 */
	struct vpci_bar_desc bar[VPCI_BARS];
	/* Capabilities one after another at VPCI_CAPS_AT, each a multiple of 4 bytes: id, then ITS OWN LENGTH where the
	 * pointer to the next one goes (vpci links them), then its body. Read-only unless a vpci_reg opens bits. */
	const u8 *caps;
	u32 caps_size;
	const struct vpci_reg *reg;
	u32 reg_count;
	vpci_config_fn *config;		/* null: nothing to hear */
	ring_fn *ring;			/* of BARs of ports: bus_ring(); null: none */
	/* vpci_msix_route() may say something else from now on; null: nobody asks it. */
	void (*routes)(struct vpci_function *f);
	/* Lines about driver state and counters for the shell, between them '\n'; null: none. CONTROL core, no lock: reads only. */
	void (*describe)(const void *device, char *to, size_t size);
};

struct vpci_msix_entry {
	u64 address;
	u32 data, control;		/* bit 0: masked */
};

struct vpci_function {
	struct guest *g;
	const struct vpci_desc *desc;
	void *device;
	u8 slot;
	u8 msi_cap, msix_cap;		/* where in config space; 0: none */
	bool intx_level;		/* what the device asks for; the wire also depends on the command register */
	u8 config[VPCI_CONFIG_SIZE];
	u8 mask[VPCI_CONFIG_SIZE];	/* bits that a guest can write */
	s16 claim[VPCI_BARS];		/* on the bus; -1: none */
	u64 interrupts;			/* messages sent and rising edges of the wire */
	u64 pending[VPCI_MSIX_MAX / 64];
	struct vpci_msix_entry msix[VPCI_MSIX_MAX];
};

/* The bus of one guest; in struct pc. */
struct vpci {
	struct vpci_function *function[VPCI_SLOTS];	/* function 0 of each; null: nothing there */
	u32 address;			/* CONFIG_ADDRESS */
	u32 ecam_claim;
	u32 pirq_slots[VPCI_PIRQS];	/* slots that assert this wire, a bit each */
};

/* Where BARs go, as the DSDT says it. Below 4 GiB between the most RAM that a guest has there and the devices with
 * fixed addresses; above it behind all RAM. */
#define VPCI_WINDOW32 0xc0000000ul
#define VPCI_WINDOW32_SIZE 0x20000000ul
#define VPCI_WINDOW64_SIZE (16 * GiB)
#define VPCI_ECAM 0xe0000000ul
#define VPCI_ECAM_SIZE 0x10000000ul
#define VPCI_IO_WINDOW 0xc000u

/* The window above 4 GiB: behind all RAM, or around the BARs that firmware has put there. */
u64 vpci_window64(const struct guest *g, u64 *size);

/* The empty bus with its doors. Control core, when the guest is built, before anything is added. */
int vpci_build(struct guest *g);

/* All functions as after power-on: nothing decoded, nothing pending. */
void vpci_reset(struct guest *g);

/* What firmware does for a guest that has none: BARs get places, decoding is on, interrupt lines are told. */
void vpci_assign(struct guest *g);

/* The configuration mechanism's second door covers [base, base + size); size 0: closed. */
void vpci_move_ecam(struct guest *g, u64 base, u64 size);

/* Where it is now; while it is closed: where we would put it. */
struct bus_range vpci_ecam(const struct guest *g);

/* One line of text after another about every function. CONTROL core, no lock: what it says may be a moment old. */
void vpci_list(const struct guest *g, void (*line)(const char *text));

/* Put a function into slot (device number 1..30, function 0). Control core, when the guest is built; d and device
 * live as long as the guest. -E_BUSY: the slot is taken; -E_NOSPC: the bus's table of claims is full. */
int vpci_add(struct guest *g, struct vpci_function *f, const struct vpci_desc *d, void *device, u8 slot);

/* Entry of the MSI-X table: sent now, or pending while the entry, the function or bus mastering says no. Nothing
 * happens while MSI-X is off, which is false. entry beyond the table: ignored. */
bool vpci_msix_raise(struct vpci_function *f, u32 entry);
bool vpci_msix_enabled(const struct vpci_function *f);

/* Where an entry's message goes by now, in one word that another core can read at any time; 0: only vpci_msix_raise() knows.
 * Fixed or lowest priority, to the local APICs, by an edge or a level. */
#define VPCI_ROUTE_SENDS BIT(63)	/* a message, and that is its address and data; without it: to nobody */
#define VPCI_ROUTE_KNOWN BIT(62)
u64 vpci_msix_route(const struct vpci_function *f, u32 entry);

/* Send it. Any of the guest's cores, and the control core; no lock. */
void vpci_route_send(struct guest *g, u64 route);

/* The vcpu that gets it: the first of them; -1: none. Likewise. */
s32 vpci_route_vcpu(const struct guest *g, u64 route);

/* The one message of MSI, likewise. */
void vpci_msi_raise(struct vpci_function *f);
bool vpci_msi_enabled(const struct vpci_function *f);

/* The device's INTx level; reaches the wire while INTx is not disabled and neither MSI nor MSI-X is on. Idempotent.
 * */
void vpci_intx_set(struct vpci_function *f, bool level);

/* May the device touch the guest's memory? */
static inline bool vpci_bus_master(const struct vpci_function *f)
{
	return f->config[VPCI_COMMAND] & VPCI_CMD_MASTER;
}

/* The wire that INTA of a slot ends on. Pure. */
static inline u32 vpci_pirq_of(u32 slot)
{
	return slot % VPCI_PIRQS;
}

/* Little-endian access to f->config without masks: for a device's own registers. size 1, 2, 4. */
u32 vpci_config_get(const struct vpci_function *f, u32 off, u32 size);
void vpci_config_set(struct vpci_function *f, u32 off, u32 size, u32 val);
