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
#define PLAN_VOLUME_SIZE 37		/* a partition's name or GUID */
#define PLAN_MACHINE_DISKS_MAX 16
#define PLAN_IMPORTS_MAX 8
#define PLAN_DISK_NAME_SIZE 41
#define PLAN_WEIGHT_MAX 1000
#define PLAN_PORTS_MAX 4		/* of one guest's virtio console, beside the console itself */
#define PLAN_NETS_MAX 4			/* network devices of one guest */
#define PLAN_ADDRESSES_MAX 4		/* of one network device */
#define PLAN_VLANS_MAX 16		/* of one trunk */
#define PLAN_SWITCHES_MAX 8
#define PLAN_FORWARDS_MAX 32		/* of one switch */
#define PLAN_FORWARDS_ALL 64		/* of all */
#define PLAN_NATS_MAX 4			/* switches with nat; likewise networks outside that they and the hypervisor are in */
#define PLAN_NAT_DEVICES 32		/* guests' devices on one of them */
#define PLAN_RANGES_MAX 8		/* pieces of RAM of one guest */
#define PLAN_SERVERS_MAX 3		/* of names, of time */
#define PLAN_SERVER_SIZE 64		/* a name, with its NUL */
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
	PLAN_KEY_CDROM, PLAN_KEY_IMPORT,
	PLAN_KEYS
};

enum plan_serial { PLAN_SERIAL_AUTO, PLAN_SERIAL_COM1, PLAN_SERIAL_COM2, PLAN_SERIAL_NONE };
enum plan_restart { PLAN_RESTART_NEVER, PLAN_RESTART_ON_FAILURE, PLAN_RESTART_ALWAYS };
enum plan_apic { PLAN_APIC_AUTO, PLAN_APIC_OWNED, PLAN_APIC_VIRTUAL };	/* auto: owned where that is possible */
enum boot_type { BOOT_LINUX, BOOT_ELF, BOOT_UEFI, BOOT_UEFI_VARS /* of check_image only */ };

/* An IP address: what a guest's port is held to, servers of ours. */
struct plan_address {
	bool v6;
	u32 ip4;			/* host order */
	u8 ip6[16];
};

/* The hypervisor's own address: net = { ... } of [machine]. */
enum plan_host_how { HOST_NET_DHCP, HOST_NET_STATIC, HOST_NET_OFF };
enum plan_host_ipv6 { HOST_IPV6_AUTO, HOST_IPV6_STATIC, HOST_IPV6_OFF };
struct plan_host_net {
	char sw[PLAN_NAME_SIZE];	/* the switch's name; "": net_outside() */
	u16 vlan;			/* 0: untagged */
	enum plan_host_how how;
	u32 address, gateway;		/* host order; gateway 0: none */
	u8 prefix;
	u32 dns_count;
	struct plan_address dns[PLAN_SERVERS_MAX];
	enum plan_host_ipv6 ipv6;
	u8 address6[16], prefix6;
	bool ntp_given;			/* also when the list is empty: no time is asked for */
	u32 ntp_count;
	char ntp[PLAN_SERVERS_MAX][PLAN_SERVER_SIZE];
	bool syslog_given, syslog_tcp, syslog_consoles;
	struct plan_address syslog;
	u16 syslog_port;
	u32 line, line_gateway;
};

struct plan_https {
	u16 port;			/* default 443; 0: no server */
	char certificate[PLAN_PATH_SIZE], key[PLAN_PATH_SIZE];	/* "": its own */
	u32 line;
};

struct plan_machine {
	char name[PLAN_NAME_SIZE];	/* "": none given */
	u32 control;			/* core index; default 0 */
	enum plan_serial serial;	/* default auto */
	u32 serial_baud;		/* default 115200 */
	bool screen;			/* default true */
	enum log_level log;		/* default info */
	u32 import_count;
	char import[PLAN_IMPORTS_MAX][PLAN_PATH_SIZE];	/* files for `volume import` */
	bool all_disks;			/* disks = "all" */
	u32 disk_count;
	char disk[PLAN_MACHINE_DISKS_MAX][PLAN_DISK_NAME_SIZE];	/* name, serial number or PCI address */
	struct plan_host_net net;
	struct plan_https https;
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
	char image[PLAN_PATH_SIZE];	/* "": it is a volume */
	char volume[PLAN_VOLUME_SIZE];
	u32 weight;			/* of a volume: default 100 */
	u32 iops;			/* requests a second; 0: no limit */
	u64 bandwidth;			/* bytes a second; 0: no limit */
	bool readonly;			/* default false */
	bool split;			/* no packed rings; default false */
	bool optional;			/* of a volume: without it the disk is empty; default false */
	u32 line;
};

enum plan_net_model { NET_MODEL_VIRTIO, NET_MODEL_E1000E };

/* One of net = [{ ... }]. */
struct plan_net {
	enum plan_net_model model;	/* default virtio */
	char sw[PLAN_NAME_SIZE];	/* the switch's name */
	u8 mac[6];			/* all 0: admission makes one of the names */
	u16 vlan;			/* 1-4094; 0: untagged */
	bool trunk;			/* tagged frames pass, of vlans[] or, where there are none, of all */
	u32 vlan_count;
	u16 vlans[PLAN_VLANS_MAX];
	bool isolated;			/* default false */
	bool guard;			/* default true */
	u16 mtu;			/* default 1500 */
	u64 rate;			/* bytes a second; 0: no limit */
	u32 address_count;
	struct plan_address address[PLAN_ADDRESSES_MAX];
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
	bool locked;			/* no operator changes it until the machine's next start; default false */
	bool display;			/* default false */
	u32 disk_count;
	struct plan_disk disk[PLAN_DISKS_MAX];
	char cdrom[PLAN_PATH_SIZE];	/* "": none */
	u32 net_count;
	struct plan_net net[PLAN_NETS_MAX];
	u32 line[PLAN_KEYS];
};

/* Which network card: by PCI id, by its own address, or by where it is. */
enum plan_uplink_by { UPLINK_NONE, UPLINK_ID, UPLINK_MAC, UPLINK_SLOT };
struct plan_uplink {
	enum plan_uplink_by by;
	u16 vendor, device;
	u8 mac[6];
	u16 bdf;			/* bus << 8 | device << 3 | function */
	u32 line;
};

/* One of forward = ["2201:web:22", "5353:dns:53/udp"]. */
struct plan_forward {
	u16 port;			/* of the hypervisor's address */
	bool udp;
	char guest[PLAN_NAME_SIZE];
	u16 guest_port;
	u32 line;
};

struct plan_switch {
	char name[PLAN_NAME_SIZE];
	struct plan_uplink uplink;
	bool nat;
	u32 address;			/* nat: of the hypervisor in this network, host order; default 10.77.N.1 (the N-th such) */
	u8 prefix;			/* its length; default 24 */
	bool address_given;
	char outside[PLAN_NAME_SIZE];	/* nat: the switch behind it; "": net_outside() */
	bool storm_given;
	u32 storm;			/* frames to many a second and port; 0: no limit */
	char mirror_from[40], mirror_to[40];	/* names of ports; "": none */
	u32 forward_count;
	struct plan_forward forward[PLAN_FORWARDS_MAX];
	u32 line, line_nat, line_outside, line_mirror, line_address;
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
	u32 switch_count;
	struct plan_switch sw[PLAN_SWITCHES_MAX];
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

/* One guest: the same for a text that is one table [guest.NAME] (with [guest.NAME.boot], where it is apart). plan_change_guest():
 * the keys of the text take the place of what g has, those of boot one by one unless its type is among them; g stays as it is
 * when there are errors, and keeps its name whatever the text calls it. errors is empty. */
#define PLAN_TABLE_SIZE_MAX 8192u
struct plan_table_work {
	struct toml_node node[512];
	char text[PLAN_TABLE_SIZE_MAX];
	struct plan_guest trial;
};
int plan_read_guest(struct plan_guest *g, const void *bytes, u64 size, struct plan_table_work *work, struct plan_errors *errors);
int plan_change_guest(struct plan_guest *g, const void *bytes, u64 size, struct plan_table_work *work,
		      struct plan_errors *errors);

/* The nth key of a guest's table, with BIT32() of the TOML types that it may have; null: there are no more. */
const char *plan_guest_key(u32 nr, u32 *types, bool *required);

/* 1 to 31 of a-z 0-9 - _, as a guest's name must be; with capitals also A-Z and '.'. */
bool plan_is_name(const char *s, bool capitals);

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

#define FACTS_CARDS_MAX 16

/* A network card that we drive. */
struct facts_card {
	char name[12];			/* "net0" */
	u8 mac[6];
	u16 bdf, vendor, device;
	u16 mtu_max;
};

struct machine_facts {
	u32 core_count;			/* indexes 0.. that the machine lists */
	bool core_usable[PLAN_CORES_MAX];
	bool x2apic;			/* its cores run in x2APIC mode */
	u32 ram_count;			/* sorted, disjoint: what is left for guests */
	struct facts_ram ram[FACTS_RAM_MAX];
	u32 image_count;
	struct facts_image image[FACTS_IMAGES_MAX];
	image_check_fn *check_image;	/* null: contents are not looked at */
	bool any_card;			/* imagined: every card that a plan names is there */
	u32 card_count;
	struct facts_card card[FACTS_CARDS_MAX];
};

/* The resolved plan. */

struct ram_range {
	u64 gpa;
	hpa_t hpa;
	u64 size;			/* all three in whole blocks */
};

struct resolved_net {
	u32 sw;				/* index in resolved_plan.sw */
	u8 mac[6];			/* the only one of its kind in the plan */
};

#define NO_CARD 0xffffffffu
#define ANY_CARD 0xfffffffeu		/* machine_facts.any_card */
struct resolved_switch {
	const struct plan_switch *plan;	/* null: the implicit one, "outside" */
	u32 card;			/* index in machine_facts.card; NO_CARD: no uplink */
	u32 outside;			/* nat: index of the switch behind it; NO_CARD: none */
	u32 address;			/* nat: of the hypervisor in this network, host order; with its prefix */
	u8 prefix;
};

#define PLAN_OUTSIDE "outside"		/* the implicit switch's name */
static inline const char *resolved_switch_name(const struct resolved_switch *s)
{
	return s->plan ? s->plan->name : PLAN_OUTSIDE;
}

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
	struct resolved_net net[PLAN_NETS_MAX];	/* plan->net_count of them */
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
	u32 switch_count;		/* the plan's in its order, then the implicit one if there is one */
	struct resolved_switch sw[PLAN_SWITCHES_MAX + 1];
	u32 outside;			/* see net_outside(); NO_CARD: there is none */
	u32 host;			/* switch of the hypervisor's own port; NO_CARD: it has none */
};

/* Give each guest its cores and RAM on this machine, and find its images. Deterministic. Returns 0; -E_INVAL: errors
 * has every reason and resolved is all zero. resolved points into plan and facts, which must outlive it. */
int plan_admit(const struct plan *plan, const struct machine_facts *facts, struct resolved_plan *resolved,
	       struct plan_errors *errors);

/* The machine's RAM has changed (facts->ram), none of it that a guest has: what is free now. */
void plan_free_again(const struct machine_facts *facts, struct resolved_plan *resolved);

/* The same while a plan is in force: every guest of `now` that is in plan too, by its name, keeps its cores, RAM and addresses,
 * but for the one called moved (null: all do); the others get theirs of what is left. A plan without guests holds. resolved
 * is not now. */
int plan_admit_beside(const struct plan *plan, const struct machine_facts *facts, const struct resolved_plan *now,
		      const char *moved, struct resolved_plan *resolved, struct plan_errors *errors);

/* Every core owned once and usable, none the control core; RAM in whole blocks inside of facts, no block owned twice,
 * laid out as the guest expects. Returns 0; -E_INVAL: why says which is broken. The seed of the frame audit. */
int resolved_plan_verify(const struct plan *plan, const struct machine_facts *facts,
			 const struct resolved_plan *resolved, char *why, size_t why_size);

/* Write the resolved plan as TOML, with what admission added in comments; what is written is a plan again. print gets
 * pieces of text, lines end with '\n'. */
typedef void plan_print_fn(void *context, const char *text);
void resolved_plan_show(const struct plan *plan, const struct resolved_plan *resolved, plan_print_fn *print,
			void *context);

/* One guest as it was asked for, without what admission chose: a text that plan_read_guest() takes. */
void plan_guest_show(const struct plan_guest *g, plan_print_fn *print, void *context);

/* "512MiB", "4GiB": bytes as a plan spells them. Returns buf. */
char *plan_format_memory(char *buf, size_t size, u64 bytes);
