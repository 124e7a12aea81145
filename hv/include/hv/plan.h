/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The plan (bulkhead.toml) and the resolved plan: who owns which cores and RAM on this machine. Everything here is
 * pure: the same code runs at boot before anything is mapped, in `make check-plan` and in unit tests. Any one core. */

#include <hv/device_ram.h>
#include <hv/log.h>
#include <hv/toml.h>
#include <hv/types.h>

#define PLAN_FILE_SIZE_MAX (1 * MiB)
#define PLAN_CORES_MAX 256		/* core indexes are below this */
#define PLAN_GUESTS_MAX 16
#define PLAN_VCPUS_MAX 64		/* cores of one guest */
#define PLAN_MODULES_MAX 8
#define PLAN_DISKS_MAX 4		/* of one guest, without its CD-ROM */
#define PLAN_PORTS_MAX 4		/* of one guest's virtio console, beside the console itself */
#define PLAN_RANGES_MAX 8		/* pieces of RAM of one guest */
#define PLAN_NAME_SIZE 32
#define PLAN_PATH_SIZE 128		/* a file name, with its NUL */
#define PLAN_CMDLINE_SIZE 2048		/* what Linux takes, with its NUL */
#define PLAN_LOW_MAX (3 * GiB)		/* RAM below 4 GiB; the rest begins at 4 GiB */
#define PLAN_HIGH_BASE (4 * GiB)
#define PLAN_MEMORY_MIN (16 * MiB)

/* Errors. Each is one line: "error ID: FILE:LINE: KEY: what was expected"; all ids are in docs/errors.md. */

#define PLAN_ERRORS_MAX 32

struct plan_error {
	char id[24];
	u32 line;
	char text[256];			/* the whole line without newline, printable ASCII */
};

struct plan_errors {
	char file[PLAN_PATH_SIZE];	/* the plan's name, for the texts */
	u32 count;			/* in error[] */
	u32 lost;			/* more than fit */
	struct plan_error error[PLAN_ERRORS_MAX];
};

/* Empty the collector; file is how the operator knows the plan ("bulkhead.toml"). */
void plan_errors_init(struct plan_errors *errors, const char *file);

/* Add one line. key is "guest.web.cores" or the like. Bytes that are not printable ASCII become '?'. */
void plan_error_add(struct plan_errors *errors, const char *id, u32 line, const char *key, const char *fmt, ...)
	PRINTF_LIKE(5, 6);

/* The plan as written. */

/* Keys whose line is kept; KEY_SELF is the header. */
enum plan_key {
	PLAN_KEY_SELF, PLAN_KEY_NAME, PLAN_KEY_CONTROL, PLAN_KEY_SERIAL, PLAN_KEY_SERIAL_BAUD, PLAN_KEY_SCREEN,
	PLAN_KEY_LOG, PLAN_KEY_CORES, PLAN_KEY_MEMORY, PLAN_KEY_BOOT, PLAN_KEY_TYPE, PLAN_KEY_KERNEL, PLAN_KEY_INITRD,
	PLAN_KEY_CMDLINE, PLAN_KEY_MODULES, PLAN_KEY_AUTOSTART, PLAN_KEY_RESTART, PLAN_KEY_TEST_DEVICE, PLAN_KEY_APIC,
	PLAN_KEY_DISPLAY,
	PLAN_KEY_CDROM,
	PLAN_KEYS
};

enum plan_serial { PLAN_SERIAL_AUTO, PLAN_SERIAL_COM1, PLAN_SERIAL_COM2, PLAN_SERIAL_NONE };
enum plan_restart { PLAN_RESTART_NEVER, PLAN_RESTART_ON_FAILURE, PLAN_RESTART_ALWAYS };
enum plan_apic { PLAN_APIC_OWNED, PLAN_APIC_VIRTUAL };
enum boot_type { BOOT_LINUX, BOOT_ELF, BOOT_UEFI, BOOT_UEFI_VARS /* of check_image only */ };

struct plan_machine {
	char name[PLAN_NAME_SIZE];	/* "": none given */
	u32 control;			/* core index; default 0 */
	enum plan_serial serial;	/* default auto */
	u32 serial_baud;		/* default 115200 */
	bool screen;			/* default true */
	enum log_level log;		/* default info */
	u32 line[PLAN_KEYS];		/* 0: not in the file */
};

struct plan_cores {
	bool is_list;			/* index[] is given; else any count cores */
	u32 count;
	u16 index[PLAN_VCPUS_MAX];	/* in vcpu order */
};

struct plan_boot {
	enum boot_type type;
	char kernel[PLAN_PATH_SIZE];	/* linux: kernel; elf: file; uefi: firmware */
	char initrd[PLAN_PATH_SIZE];	/* "": none; uefi: vars */
	char cmdline[PLAN_CMDLINE_SIZE];
	u32 module_count;
	char module[PLAN_MODULES_MAX][PLAN_PATH_SIZE];
	u32 module_line[PLAN_MODULES_MAX];
};

struct plan_disk {
	char image[PLAN_PATH_SIZE];
	bool readonly;			/* default false */
	bool split;			/* no packed rings; default false */
	u32 line;
};

struct plan_guest {
	char name[PLAN_NAME_SIZE];	/* a-z 0-9 - _ */
	struct plan_cores cores;
	u64 memory;			/* bytes, whole blocks, at least PLAN_MEMORY_MIN */
	struct plan_boot boot;
	bool autostart;			/* default true */
	enum plan_restart restart;	/* default on-failure */
	bool test_device;		/* default false */
	bool hyperv;			/* default false */
	enum plan_apic apic;		/* virtual */
	bool virtio_console;		/* default false */
	u32 port_count;			/* ports beside the console */
	char port[PLAN_PORTS_MAX][PLAN_NAME_SIZE];
	bool balloon;			/* default false */
	bool display;			/* default false */
	u32 disk_count;
	struct plan_disk disk[PLAN_DISKS_MAX];
	char cdrom[PLAN_PATH_SIZE];	/* "": none */
	u32 line[PLAN_KEYS];
};

/* RAM of this guest below 4 GiB. Firmware of guests has PCI's configuration window at 2.75 GiB (OVMF up to 2024), so its RAM
 * ends at 2 GiB there, as on the PC that it knows. */
static inline u64 plan_low_max(const struct plan_guest *g)
{
	return g->boot.type == BOOT_UEFI ? 2 * GiB : PLAN_LOW_MAX;
}

struct plan {
	char file[PLAN_PATH_SIZE];
	struct plan_machine machine;
	u32 guest_count;
	struct plan_guest guest[PLAN_GUESTS_MAX];
};

/* Scratch space of plan_read(); free for other use afterwards. */
#define PLAN_NODES_MAX 4096
struct plan_work {
	struct toml_node node[PLAN_NODES_MAX];
	char text[256 * KiB];
};

/* Read a plan from the bytes of its file. errors was initialised by the caller. Returns 0; -E_INVAL: errors has the
 * reasons and plan is all zero. The plan keeps no pointer to bytes or work. */
int plan_read(struct plan *plan, const void *bytes, u64 size, struct plan_work *work, struct plan_errors *errors);

/* Call fn once for each file name in the plan, guest by guest; a file that is named twice comes twice. */
typedef void plan_image_fn(void *context, const char *name);
void plan_each_image(const struct plan *plan, plan_image_fn *fn, void *context);

/* The machine, as admission sees it. */

#define FACTS_RAM_MAX 512
#define FACTS_IMAGES_MAX 64

struct facts_ram {
	hpa_t base;
	u64 size;
};

enum image_status { IMAGE_WHOLE, IMAGE_ABSENT, IMAGE_CUT };

struct facts_image {
	const char *name;		/* as the plan spells it */
	enum image_status status;
	u64 size;
	const void *bytes;		/* readable where plan_admit() runs */
};

/* Look at the first bytes of what boots a guest. Returns 0; else why says in words what is wrong. */
typedef int image_check_fn(enum boot_type type, const void *bytes, u64 size, char *why, size_t why_size);

struct machine_facts {
	u32 core_count;			/* indexes 0.. that the machine lists */
	bool core_usable[PLAN_CORES_MAX];
	u32 ram_count;			/* sorted, disjoint: what is left for guests */
	struct facts_ram ram[FACTS_RAM_MAX];
	u32 image_count;
	struct facts_image image[FACTS_IMAGES_MAX];
	image_check_fn *check_image;	/* null: contents are not looked at */
};

/* The resolved plan. */

struct ram_range {
	u64 gpa;
	hpa_t hpa;
	u64 size;			/* all three in whole blocks */
};

struct resolved_guest {
	const struct plan_guest *plan;
	u32 core_count;
	u16 core[PLAN_VCPUS_MAX];	/* core index of each vcpu */
	u32 range_count;
	struct ram_range range[PLAN_RANGES_MAX];	/* sorted by gpa; 0 .. at most 3 GiB, then from 4 GiB */
	const struct facts_image *kernel, *initrd;	/* initrd null: none */
	u32 module_count;
	const struct facts_image *module[PLAN_MODULES_MAX];
	struct facts_ram device[DEVICE_RAM_KINDS];	/* RAM of its devices beside its own; size 0: none */
	const struct facts_image *disk[PLAN_DISKS_MAX];	/* plan->disk_count of them */
	const struct facts_image *cdrom;	/* null: none */
};

/* Who owns a core: a guest's position in the plan, or one of these. */
#define OWNER_ABSENT 0xfd		/* not there, or not usable */
#define OWNER_CONTROL 0xfe
#define OWNER_FREE 0xff

#define RESOLVED_FREE_MAX (FACTS_RAM_MAX + PLAN_GUESTS_MAX * PLAN_RANGES_MAX)

struct resolved_plan {
	u32 control;
	u8 core_owner[PLAN_CORES_MAX];
	u32 guest_count;
	struct resolved_guest guest[PLAN_GUESTS_MAX];	/* same positions as in the plan */
	u32 free_count;
	struct facts_ram free[RESOLVED_FREE_MAX];	/* whole blocks that no guest got; sorted */
};

/* Give each guest its cores and RAM on this machine, and find its images. Deterministic. Returns 0; -E_INVAL: errors
 * has every reason and resolved is all zero. resolved points into plan and facts, which must outlive it. */
int plan_admit(const struct plan *plan, const struct machine_facts *facts, struct resolved_plan *resolved,
	       struct plan_errors *errors);

/* Every core owned once and usable, none the control core; RAM in whole blocks inside of facts, no block owned twice,
 * laid out as the guest expects. Returns 0; -E_INVAL: why says which is broken. The seed of the frame audit. */
int resolved_plan_verify(const struct plan *plan, const struct machine_facts *facts,
			 const struct resolved_plan *resolved, char *why, size_t why_size);

/* Write the resolved plan as TOML, with what admission added in comments; what is written is a plan again. print gets
 * pieces of text, lines end with '\n'. */
typedef void plan_print_fn(void *context, const char *text);
void resolved_plan_show(const struct plan *plan, const struct resolved_plan *resolved, plan_print_fn *print,
			void *context);

/* "512MiB", "4GiB": bytes as a plan spells them. Returns buf. */
char *plan_format_memory(char *buf, size_t size, u64 bytes);
