/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The machine's own PCI functions (segment 0) and the frame for the drivers that drive them. Everything here runs on the
 * boot core or the control core, without locks. What a device or firmware says is checked: lists are walked with a bound,
 * addresses must lie outside of RAM. docs/adding-a-driver.md shows how a driver is made. */

#include <hv/boot_info.h>
#include <hv/types.h>

#define PCI_FUNCTIONS_MAX 512
#define PCI_BARS 6

enum pci_config_reg { PCI_ID = 0x00, PCI_COMMAND = 0x04, PCI_STATUS = 0x06, PCI_CLASS_REV = 0x08, PCI_HEADER = 0x0e,
	PCI_BAR0 = 0x10, PCI_BUSES = 0x18, PCI_SUBSYSTEM = 0x2c, PCI_CAPS = 0x34 };
enum pci_command_bit { PCI_CMD_IO = 1, PCI_CMD_MEMORY = 2, PCI_CMD_MASTER = 4, PCI_CMD_INTX_OFF = 0x400 };
enum pci_cap_id { PCI_CAP_MSI = 0x05, PCI_CAP_EXPRESS = 0x10, PCI_CAP_MSIX = 0x11, PCI_CAP_AF = 0x13 };

/* What the machine's interrupt messages arrive as: one of these vectors, which some devices may share. It wakes the control
 * core and says whose driver is to look. */
#define PCI_MESSAGE_VECTOR 0xe0
#define PCI_MESSAGES 16u

#define PCI_DEVICE(vendor, device) ((u32)(device) << 16 | (vendor))

struct host_driver;

struct pci_bar {
	u64 base, size;			/* size 0: there is none */
	bool io, wide;			/* ports; takes two registers */
};

struct host_pci {
	u16 bdf;			/* bus << 8 | device << 3 | function */
	u16 vendor, device, subvendor, subdevice;
	u32 class_rev;			/* class code in bits 31:8, revision in 7:0 */
	u8 header;			/* type, without the multi-function bit */
	u8 message_kind;		/* PCI_CAP_MSI or PCI_CAP_MSIX once switched on; 0: none */
	bool sized;			/* bar[] is filled */
	struct pci_bar bar[PCI_BARS];
	volatile u32 *msix_table;	/* mapped by pci_prepare_messages() */
	u32 msix_entries;
	const struct host_driver *driver;	/* who drives it; null: nobody */
	void *state;			/* the driver's */
	char why[56];			/* in words: why its driver did not take it */
};

/* Which of the PCI_MESSAGES is p's. */
static inline u32 pci_message(const struct host_pci *p)
{
	return (p->bdf >> 3 ^ p->bdf) % PCI_MESSAGES;
}

/* A kind of hardware that we drive; all of them stand in one array in drivers/host/drivers.c. */
struct host_driver {
	const char *name;
	u32 class_code, class_mask;	/* 24 bits: matches when (code & mask) == class_code; mask 0: by id alone */
	u16 vendor, device;		/* both 0: by class alone */
	const u32 *ids;			/* or any of these: PCI_DEVICE(vendor, device), 0 ends; null: see above */
	/* Take the function: map BARs, get memory, reset it; waits are bounded. Boot core, before the seal: the last moment for
	 * mmio_map(). 0: it is ours from now on; else give back nothing, say why in p->why. */
	int (*probe)(struct host_pci *p);
	/* Hot plug, null where a driver knows none. Memory for a function that may come to bdf: what p->state will be; boot core,
	 * before the seal; null: none. Then, control core: take p, whose state that is, or what probe() made for the function that
	 * was in this slot before; as probe(), but nothing is allocated and nothing waits. And: whoever was there is gone, and the
	 * driver has let go of it, so that plug() may come. */
	void *(*reserve)(u16 bdf);
	int (*plug)(struct host_pci *p);
	bool (*is_free)(const void *state);
	/* The event loop begins: messages may be switched on. Control core. Null: nothing to do. */
	void (*start)(struct host_pci *p);
	/* One round of the event loop (at least every 5 ms, and when its message came): look, act, return at once. Control
	 * core. Null: nothing to do, or it has a struct control_work of its own. */
	void (*poll)(struct host_pci *p, u64 now);
	/* The machine is switched off or reset at once: bring the device to rest, within a few seconds. Control core, guests are
	 * off. Null: nothing to do. */
	void (*stop)(struct host_pci *p);
	/* State in words for `devices`. Control core. */
	void (*describe)(const struct host_pci *p, char *to, size_t size);
};

/* Find all functions and give them to their drivers. Boot core, after devices were silenced, before the seal. */
void pci_init(const struct boot_acpi *acpi);
void drivers_probe(void);

/* See struct host_driver; from then on each poll() is a struct control_work. Drivers that know when there is more to do add
 * their own instead (hv/control_work.h). Control core. */
void drivers_start(void);
void drivers_stop(void);

/* What was found, in the order of the walk; and how many more did not fit. */
u32 pci_count(void);
struct host_pci *pci_at(u32 index);
u32 pci_lost(void);

/* "ECAM at 0xe0000000, buses 0-255", "ports CF8H and CFCH", "not looked at". */
void pci_describe(char *to, size_t size);

/* Class code in words: "USB controller (xHCI)". Pure. */
const char *pci_class_words(u32 class_rev);

/* The config space of a function: off below 4096, aligned to size 1, 2 or 4. Beyond what can be reached: ones, dropped. */
void pci_config_init(const struct boot_acpi *acpi);
u32 pci_read(u16 bdf, u32 off, u32 size);
void pci_write(u16 bdf, u32 off, u32 size, u32 val);
u32 pci_last_bus(void);

/* Offset of a capability; 0: it has none. A list that loops ends after as many as fit. */
u32 pci_find_cap(const struct host_pci *p, u8 id);

/* Sizes of the BARs, once; the function decodes nothing meanwhile. */
void pci_size_bars(struct host_pci *p);

/* Map a memory BAR uncached, at least need bytes of it; null: none, too small, no address, or inside of RAM. Before the
 * seal. */
void *pci_map_bar(struct host_pci *p, u32 bar, u64 need);

/* Decode memory BARs and let it be bus master, or not any more. */
void pci_set_master(struct host_pci *p, bool on);

/* Map what interrupt messages need (before the seal); then send message 0 to this core as PCI_MESSAGE_VECTOR + pci_message().
 * false: it has neither MSI-X nor MSI, or the core's APIC id does not fit. */
void pci_prepare_messages(struct host_pci *p);
bool pci_messages_on(struct host_pci *p, u32 apic_id);

/* Function-level reset (PCI Express or Advanced Features), BARs and command restored. Waits 100 ms and more. -E_NODEV: it
 * has none; -E_TIMEOUT: it did not come back. */
int pci_reset_function(struct host_pci *p);

/* Wait by the TSC: for boot and tests. drivers/host/wait.c. */
void wait_us(u32 us);
