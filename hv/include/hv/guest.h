/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A guest: what all its vcpus share. Built by the control core before the guest starts; while it runs each group of
 * fields belongs to whoever its legend names:
 *   (b) set when built, then constant   (c) control core   (d) under the device lock, guest's cores
 *   (a) atomic, any core of this guest and the control core */

#include <hv/atomic.h>
#include <hv/bus.h>
#include <hv/console_ring.h>
#include <hv/control_work.h>
#include <hv/irq.h>
#include <hv/key_ring.h>
#include <hv/mouse.h>
#include <hv/plan.h>
#include <hv/vcpu.h>

#define GUEST_VCPUS_MAX 64
#define GUEST_RANGES_MAX 8

#define DEVICE_TABLE_BASE (3 * GiB)	/* of a guest's addresses, GiB: where memory of devices is mapped */
#define DEVICE_PAGE_TABLES 8u

/* Where device RAM is seen: its physical address + this; on its guest's cores, some on the control core. */
#define GUEST_DEVICE_VA 0xffffe00000000000ul
#define GUEST_DEVICE_VA_SIZE (16384 * GiB)

/* Where a guest's core sees the RAM of its guest: gpa + this. See docs/memory-map.md. */
#define GUEST_RAM_VA 0xffff800000000000ul
/* ... and the boot images of its guest, read-only, one after another. */
#define GUEST_IMAGES_VA 0xffffc00000000000ul

enum guest_state { GUEST_OFF, GUEST_STARTING, GUEST_RUNNING, GUEST_STOPPING, GUEST_ENDED, GUEST_KILLED };

/* Why a guest's last run ended. */
enum guest_end { END_NONE, END_RESULT, END_POWEROFF, END_REBOOT, END_KILLED, END_STOPPED };

/* What a guest's cores ask of the control core, once a run: first one wins. */
struct guest_end_record {
	u32 claimed;			/* (a) exchange from 0 to 1 before filling the rest */
	u32 ready;			/* (a) store_release after filling */
	enum guest_end end;
	u32 result;			/* END_RESULT: what was written to port 0xF4 */
	u32 vcpu;
	char id[32];			/* "GUEST-TRIPLE-FAULT", ... ; see docs/errors.md */
	char reason[120];		/* in words */
	enum vmexit_kind exit_kind;
	u64 rip, exit_reason, qual1, qual2;
	char dump[768];			/* state of the vcpu in words, several lines */
};

/* What a guest says of itself through the panic device; QEMU "PVPANIC DEVICE". */
enum guest_panic_event {
	GUEST_PANICKED = 1,
	GUEST_CRASH_KERNEL = 2,		/* it panicked and a crash kernel of its own takes over */
};

/* What Hyper-V's MSRs hold of the whole guest; hv/x86/hyperv.c. */
struct guest_hyperv {
	u64 os_id, hypercall, reference_tsc;
	u64 crash[5];
	bool tsc_moved;			/* the TSC of some vcpu, by itself */
};

/* One boot file as the guest's cores see it. */
struct image_mapping {
	u64 va;				/* page aligned */
	hpa_t hpa;
	u64 size;			/* whole pages */
	bool writable;			/* a disk that the guest may write: of no other guest */
};
#define GUEST_IMAGES_MAX (2 + PLAN_MODULES_MAX + GUEST_DISKS_MAX)
#define GUEST_DISKS_MAX (PLAN_DISKS_MAX + 1)	/* the CD-ROM comes last */

struct guest_image {
	const char *name;
	const void *bytes;		/* on the guest's cores; on the control core see window.h */
	u64 size;
};

/* A disk: bytes in RAM, or a volume. */
struct guest_disk {
	const struct plan_disk *volume;	/* null: bytes */
	void *bytes;			/* on the guest's cores */
	u64 size;			/* whole sectors */
	bool readonly;
	bool split;			/* packed rings are not offered */
	char serial[8];			/* "disk0", "cdrom" */
};

/* A network device that the plan gives it. */
struct guest_net {
	u8 mac[6];
	u16 mtu;
};

/* A port of the virtio console beside the console itself: as console and input below. */
struct guest_port {
	const char *name;
	struct console_ring *record;
	struct input_ring *input;
};

struct pc;				/* the models of this guest, drivers/model/models.h */
struct ept;

struct guest {
	u32 index;			/* (b) position in the plan, 0.. ; the operator counts from 1 */
	const char *name;		/* (b) */
	const struct plan_guest *plan;	/* (b) */
	u32 vcpu_count;			/* (b) */
	u16 core_of[GUEST_VCPUS_MAX];	/* (b) core index of each vcpu */
	u32 range_count;		/* (b) */
	struct ram_range range[GUEST_RANGES_MAX];	/* (b) sorted by gpa */
	u64 ram_low, ram_high;		/* (b) bytes of RAM from 0, and from 4 GiB */
	u8 *ram;			/* (b) GUEST_RAM_VA; a test's own memory in unit tests */
	u8 *window;			/* (b) where the control core sees gpa 0: hv/window.h; the same memory in unit tests */
	u64 ept_root;			/* (b) hpa of the EPT/NPT root table */
	u64 host_root;			/* (b) hpa of the table that holds what its cores' roots have of it; 0: none yet */
	struct device_ram device_ram[DEVICE_RAM_KINDS];	/* (b) */
	bool device_ram_zeroed;		/* vcpu 0's core */
	u64 *device_table;		/* (b) nested table of 3 to 4 GiB, one entry a block; null: no device RAM */
	u64 *device_pages;		/* (b) tables of 4 KiB pages of its last DEVICE_PAGE_TABLES blocks; (d) contents of both */

	struct guest_image kernel, initrd, module[PLAN_MODULES_MAX];	/* (b) kernel: also the ELF */
	u32 module_count, disk_count;	/* (b) */
	struct guest_disk disk[GUEST_DISKS_MAX];	/* (b) contents: (d) */
	u32 net_count;			/* (b) */
	struct guest_net net[PLAN_NETS_MAX];	/* (b) */
	u32 image_count;		/* (b) */
	struct image_mapping image_map[GUEST_IMAGES_MAX];	/* (b) */

	struct decode_cache *decode[GUEST_VCPUS_MAX];	/* (b) one a vcpu, used by its core only */
	const struct cpuid_table *cpuid;	/* (b) */

	struct spinlock device_lock;
	struct bus bus;			/* (d) */
	struct pc *pc;			/* (d) */
	struct console_ring *console;	/* (a) single producer (device lock), the control core reads */
	struct console_ring *firmware_log;	/* (a) the same; null: no firmware that keeps one */
	struct input_ring *input;	/* (a) the control core writes, the guest reads under the device lock */
	u32 port_count;			/* (b) */
	struct guest_port port[PLAN_PORTS_MAX];	/* (b) */

	u32 broken;			/* (a) its hardware failed: RAM or cores are not to be touched again; never cleared */

	u32 call_count;			/* (b) */
	struct guest_call call[GUEST_CALLS_MAX];	/* (b) what guest_call() runs */
	u32 lender_count;		/* (b) */
	struct guest_lender lender[GUEST_LENDERS_MAX];	/* (b) who works in its RAM from outside */

	struct guest_hyperv hyperv;	/* (d) */
	u32 events;			/* (a) enum guest_event bits from the control core for vcpu 0 */
	u32 paused;			/* (a) the control core wants all vcpus to stay out of the guest */
	u32 balloon_pages;		/* (a) of 4 KiB, that the control core wants in its balloon */
	bool apic_owned;		/* (b) its vcpus get their cores' local APICs; then its TSC is the host's */
	u64 tsc_start;			/* (b) host TSC that the guest's TSC 0, and its clocks' 0, stand for */
	u64 device_deadline;		/* (d) next TSC at which models want attention; U64_MAX none */

	struct guest_end_record record;	/* see above */
	u32 panic_events;		/* (d) what this run has said; each event is told once */
	struct guest_end_record panic;	/* where its first panic was; written before MSG_PANICKED, then constant */
	struct guest_end_record parked;	/* where vcpu 0 was when it was parked by force; before its MSG_PARKED */

	struct vcpu_public vcpu[GUEST_VCPUS_MAX];	/* (a) */

	struct key_ring keys;		/* (a) the control core writes, the guest reads under the device lock */
	struct mouse_ring mouse;	/* (a) likewise */

	enum guest_state state;		/* (c) */
};

/* The models' deadlines of guests whose vcpu 0 cannot keep them (virt_ops.deadline_by_apic): host TSC at which the control
 * core has to call one of them, U64_MAX none. guest_due_tell(): due may be earlier; on vcpu 0's core. guest_due_call(): call
 * those whose time has come; the next one. Control core. */
extern u64 guest_due;
void guest_due_tell(u64 due);
u64 guest_due_call(u64 now);

enum guest_event {
	GUEST_EVENT_INPUT = 1,		/* bytes wait in the input ring */
	GUEST_EVENT_POWER_BUTTON = 2,
	GUEST_EVENT_KEYS = 4,		/* keys wait in the key ring, or moves in the mouse's */
	GUEST_EVENT_BALLOON = 8,	/* balloon_pages has changed, or statistics are wanted */
};

/* The guest ends now, by its own doing or by a kill; callable on any of its cores, never on others. The first caller
 * wins, all vcpus park, the control core is told. Does not return an error; the caller goes on to its next park check. */
void guest_end(struct guest *g, struct vcpu *v, enum guest_end end, u32 result);

/* The guest's kernel has panicked and goes on: record where, tell the control core; each event once a run. Device lock
 * held, v's core. */
void guest_panicked(struct guest *g, struct vcpu *v, u32 events);

/* Record where v is in g->parked: nobody but the control core ends this guest. Its core, outside of the guest. */
void guest_record_parked(struct vcpu *v);

/* As guest_end with END_KILLED: id is stable and listed in docs/errors.md, reason in plain words. */
void guest_kill(struct vcpu *v, const char *id, const char *reason_fmt, ...) PRINTF_LIKE(3, 4);
