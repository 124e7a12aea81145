/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_machine.h"

#include <hv/change.h>
#include <hv/datastore.h>
#include <hv/keys.h>
#include <hv/pc.h>
#include <hv/pci.h>
#include <hv/storage.h>
#include <hv/web.h>

#include "../../../../hv/control/plan_store.h"
#include "../../../../hv/control/shell.h"
#include <hv/pool.h>
#include <hv/storage.h>

#define WEAK __attribute__((weak))

struct guest fake_guest[2];
char fake_serial[1 << 20];
u32 fake_serial_room;
u32 fake_requests[2][2];
u32 fake_doorbells[8];
char fake_screen[1 << 16];
bool fake_no_serial, fake_volumes_open;
char fake_input[4096];
bool fake_button;
int fake_poweroffs, fake_reboots;
jmp_buf fake_halt;

u32 fake_announced;

static size_t serial_length, input_at;
static struct plan_guest plan_guest[2];
static struct console_ring console[2];
static struct input_ring input[2];
static struct boot_info info;

WEAK struct core_public core_table[CORES_LIMIT];
WEAK u32 core_count, control_core;
WEAK struct core core_private;
WEAK struct guest *guests[PLAN_GUESTS_MAX];
WEAK u32 guest_count;
WEAK const struct boot_info *boot_info;
WEAK struct host_dma host_dma;
WEAK const struct plan *machine_plan;
WEAK const struct resolved_plan *machine_resolved;
WEAK const struct virt_report *machine_report;
WEAK const struct virt_ops *virt;
WEAK u64 guest_due = ~0ul;
WEAK u64 guest_due_call(u64 now) { return guest_due; }
WEAK const char build_version[] = "test";
WEAK struct timebase timebase = { .tsc_hz = HZ };

WEAK void net_announce_guest(struct guest *g)
{
	fake_announced += BIT32(8 * (g - fake_guest));
}

void fake_machine_init(void)
{
	fake_lends = false;
	static const char *const name[] = { "web", "database" };

	memset(core_table, 0, sizeof(core_table));
	memset(fake_guest, 0, sizeof(fake_guest));
	memset(console, 0, sizeof(console));
	memset(input, 0, sizeof(input));
	memset(fake_requests, 0, sizeof(fake_requests));
	memset(fake_doorbells, 0, sizeof(fake_doorbells));
	memset(fake_input, 0, sizeof(fake_input));
	fake_screen[0] = 0;
	fake_button = fake_no_serial = false;
	fake_poweroffs = fake_reboots = 0;
	input_at = 0;
	fake_serial_clear();
	fake_serial_room = UINT32_MAX;
	boot_info = &info;
	core_count = 5;
	for (u32 i = 0; i < core_count; i++) {
		core_table[i].index = i;
		core_table[i].apic_id = 2 * i;
		core_table[i].state = i ? CORE_IDLE : CORE_CONTROL;
	}
	guest_count = 2;
	for (u32 i = 0; i < 2; i++) {
		struct guest *g = &fake_guest[i];

		plan_guest[i] = (struct plan_guest){ .memory = 512 * MiB, .autostart = true,
						     .restart = PLAN_RESTART_ON_FAILURE };
		str_copy(plan_guest[i].name, PLAN_NAME_SIZE, name[i]);
		g->index = i;
		g->name = name[i];
		g->plan = &plan_guest[i];
		g->vcpu_count = 2;
		g->core_of[0] = (u16)(1 + 2 * i);
		g->core_of[1] = (u16)(2 + 2 * i);
		g->console = &console[i];
		g->input = &input[i];
		guests[i] = g;
	}
}

void fake_serial_clear(void)
{
	serial_length = 0;
	fake_serial[0] = 0;
}

bool fake_has(const char *part)
{
	return strstr(fake_serial, part) != NULL;
}

bool fake_core_get(u32 core, struct message *m)
{
	return message_get(&core_table[core].to_core, m);
}

void fake_core_put(u32 core, enum message_type type, const struct guest *g, u64 vcpu)
{
	struct message m = { .type = type, .arg = { (u64)g, vcpu } };

	assert_true(message_put(&core_table[core].from_core, &m));
}

WEAK bool mouse_peek(struct mouse_event *event)
{
	(void)event;
	return false;
}

WEAK void mouse_drop(void)
{
}

WEAK void core_ring_doorbell(u32 index)
{
	fake_doorbells[index]++;
}

WEAK void vcpu_request(struct guest *g, u32 vcpu, u32 requests)
{
	fake_requests[g->index][vcpu] |= requests;
	fetch_or(&g->vcpu[vcpu].requests, requests);
}

bool serial_alive(void);
u32 serial_room(void);
u32 serial_waiting(void);
bool serial_put(u8 byte);
bool serial_poll(void);
int serial_get(void);
void serial_flush(void);
void screen_say(const char *line);
bool screen_poll(void);
void sinks_describe_serial(char *to, size_t size);
void sinks_describe_screen(char *to, size_t size);
void sink_line(const char *text);
bool sinks_next_log(u32 sink, char *to, size_t size);
void serial_say_now(const char *line);
void screen_put(const u8 *bytes, size_t n);
bool screen_alive(void);
u32 screen_lines(void);
void shell_redraw(void);
void shell_input(u8 byte);

WEAK bool serial_alive(void)
{
	return !fake_no_serial;
}

WEAK u32 serial_room(void)
{
	return fake_no_serial ? 0 : fake_serial_room;
}

WEAK u32 serial_waiting(void)
{
	return fake_serial_room == UINT32_MAX ? 0 : 16384 - fake_serial_room;
}

WEAK bool serial_put(u8 byte)
{
	if (!fake_serial_room || serial_length + 1 >= sizeof(fake_serial))
		return false;
	if (fake_serial_room != UINT32_MAX)
		fake_serial_room--;
	fake_serial[serial_length++] = (char)byte;
	fake_serial[serial_length] = 0;
	return true;
}

WEAK bool serial_poll(void)
{
	return false;
}

WEAK int serial_get(void)
{
	return fake_input[input_at] ? (u8)fake_input[input_at++] : -1;
}

WEAK void serial_flush(void)
{
}

WEAK void serial_say_now(const char *line)
{
	while (*line)
		serial_put((u8)*line++);
	serial_put('\n');
}

WEAK void screen_say(const char *line)
{
	strncat(fake_screen, line, sizeof(fake_screen) - strlen(fake_screen) - 2);
	strcat(fake_screen, "\n");
}

WEAK void screen_put(const u8 *bytes, size_t n)
{
	size_t at = strlen(fake_screen);

	for (size_t i = 0; i < n && at + 1 < sizeof(fake_screen); i++)
		fake_screen[at++] = (char)bytes[i];
	fake_screen[at] = 0;
}

WEAK bool screen_alive(void)
{
	return true;
}

WEAK u32 screen_lines(void)
{
	return 25;
}

WEAK bool screen_poll(void)
{
	return false;
}

WEAK void sinks_describe_serial(char *to, size_t size)
{
	str_copy(to, size, "port 0x3f8, fake");
}

WEAK void sinks_describe_screen(char *to, size_t size)
{
	str_copy(to, size, "none");
}

WEAK void sink_line(const char *text)
{
	while (*text)
		serial_put((u8)*text++);
	serial_put('\n');
}

static u64 log_seen[2];

WEAK bool sinks_next_log(u32 sink, char *to, size_t size)
{
	struct log_line l;

	while (log_seen[sink] < log_end()) {
		if (!log_read(log_seen[sink]++, &l) && l.level <= LOG_NOTICE) {
			str_copy(to, size, l.text);
			return true;
		}
	}
	return false;
}

WEAK void shell_redraw(void)
{
	const char *text = "REDRAW";

	while (*text)
		serial_put((u8)*text++);
}

static char typed[256];

WEAK void shell_input(u8 byte)
{
	size_t n = strlen(typed);

	typed[n] = (char)byte;
}

WEAK const char *vmexit_name(enum vmexit_kind kind)
{
	return kind == VMEXIT_TRIPLE_FAULT ? "triple-fault" : kind == VMEXIT_PIO ? "pio" : "none";
}

WEAK bool power_button_pressed(void)
{
	bool was = fake_button;

	fake_button = false;
	return was;
}

WEAK void machine_poweroff(void)
{
	fake_poweroffs++;
}

WEAK void machine_reboot(void)
{
	fake_reboots++;
}

WEAK void machine_halt(void)
{
	longjmp(fake_halt, 1);
}

WEAK void memory_report(void (*line)(const char *text))
{
	line("memory of a test");
}

WEAK int frames_audit(void (*line)(const char *text))
{
	return 0;
}

WEAK void cpu_facts_read(struct cpu_facts *facts)
{
	*facts = (struct cpu_facts){ .vendor = "GenuineFake", .brand = "Fake CPU at 1 GHz", .family = 6, .microcode = 0x42 };
}

WEAK void core_idle(u64 deadline)
{
}

WEAK bool core_take_avx(void)
{
	return false;
}

WEAK void core_take_interrupts(void)
{
}

WEAK void resolved_plan_show(const struct plan *plan, const struct resolved_plan *resolved, plan_print_fn *print,
			     void *context)
{
	print(context, "[guest.web]\ncores = [1, 2]\n");
}

WEAK u64 mul_div(u64 ticks, u64 num, u64 den)
{
	return (u64)((unsigned __int128)ticks * num / den);
}

WEAK void assert_failed(const char *what, const char *file, int line)
{
	fail_msg("%s at %s:%d", what, file, line);
	abort();
}

/* PCI: two functions, one of them driven. */
static void fake_describe(const struct host_pci *p, char *to, size_t size)
{
	fmt_print(to, size, "two keyboards");
}

static const struct host_driver fake_driver = { .name = "fake-usb", .describe = fake_describe };
static struct host_pci fake_function[2] = {
	{ .bdf = 0x00f8, .vendor = 0x8086, .device = 0x2918, .class_rev = 0x06010002 },
	{ .bdf = 0x0310, .vendor = 0x1b36, .device = 0x000d, .class_rev = 0x0c033001, .driver = &fake_driver },
};

WEAK u32 pci_count(void)
{
	return 2;
}

WEAK u32 pci_lost(void)
{
	return 0;
}

WEAK struct host_pci *pci_at(u32 index)
{
	return &fake_function[index];
}

WEAK void pci_describe(char *to, size_t size)
{
	str_copy(to, size, "ports CF8H and CFCH");
}

WEAK const char *pci_class_words(u32 class_rev)
{
	return class_rev >> 16 == 0x0601 ? "ISA bridge" : "USB controller (xHCI)";
}

WEAK void ps2_poll(void)
{
}

WEAK void drivers_stop(void)
{
}

WEAK void shell_line(const char *text)
{
}

WEAK void shell_disks(int argc, char **argv)
{
	shell_line("disks");
}

WEAK void shell_disk(int argc, char **argv)
{
	shell_line("disk");
}

WEAK void shell_volumes(int argc, char **argv)
{
	shell_line("volumes");
}

WEAK void shell_volume(int argc, char **argv)
{
	shell_line("volume");
}

WEAK void plan_store_init(void) { }
WEAK const char *plan_store_save(void) { return "there is no datastore"; }
WEAK const char *plan_store_rollback(u32 number) { return "there is no datastore"; }
WEAK const char *plan_store_forget(void) { return "there is no datastore"; }
WEAK bool plan_store_step(u64 now) { return false; }
WEAK bool plan_store_settled(u64 now) { return true; }
WEAK u32 plan_store_nth(u32 n) { return 0; }
WEAK bool plan_store_lasts(void) { return false; }
WEAK void plan_store_changed(void) { }

WEAK void vcpu_kick(struct guest *g, u32 vcpu)
{
	core_ring_doorbell(g->core_of[vcpu]);
}

WEAK bool guest_volumes_closed(const struct guest *g)
{
	return !fake_volumes_open;
}

WEAK const char *guest_volumes_open(const struct guest *g)
{
	return NULL;
}

WEAK void guest_volumes_close(const struct guest *g)
{
}

WEAK int storage_init(void)
{
	return 0;
}

WEAK bool storage_settle(u64 max_ns)
{
	return true;
}

WEAK void drivers_start(void)
{
}

WEAK void ps2_describe(char *to, size_t size)
{
	str_copy(to, size, "none");
}

/* Who works in a guest's RAM from outside. */
bool fake_lends;

WEAK bool guest_let_go(struct guest *g)
{
	return !fake_lends;
}

/* What keys_get() hands out. */
struct key_event fake_key[64];
u32 fake_keys;

WEAK bool keys_get(struct key_event *event)
{
	if (!fake_keys)
		return false;
	*event = fake_key[0];
	memmove(fake_key, fake_key + 1, --fake_keys * sizeof(fake_key[0]));
	return true;
}

WEAK bool keys_waiting(void)
{
	return fake_keys != 0;
}

/* Pictures: what was shown last. */
u32 fake_pictures, fake_black, fake_anew;
struct picture fake_picture;
bool fake_has_picture;

WEAK bool screen_show(const struct picture *p, u64 now)
{
	if (p)
		fake_pictures++;
	else
		fake_black++;
	return false;
}

WEAK void screen_anew(void)
{
	fake_anew++;
}

WEAK bool pc_picture(const struct guest *g, struct picture *p)
{
	*p = fake_picture;
	return fake_has_picture;
}

/* The pool: the build host's memory; fake_pool_used tells what was not given back. */
u64 fake_pool_used;
bool fake_pool_empty;

WEAK void *pool_alloc(u64 count, enum pool_owner owner)
{
	if (fake_pool_empty)
		return NULL;
	fake_pool_used += count;
	return calloc(count, PAGE_SIZE);
}

WEAK void pool_free(void *p, u64 count)
{
	fake_pool_used -= count;
	free(p);
}

WEAK u32 pool_arena(u32 arena) { return 0; }

/* No datastore. */
WEAK bool datastore_settled(const struct guest *g) { return true; }
WEAK void datastore_add(const struct guest *g) { }
WEAK void datastore_drop(const struct guest *g) { }
WEAK struct guest *change_add(const struct plan_guest *wanted, struct plan_errors *errors) { return NULL; }
WEAK int change_may_drop(const struct guest *g, struct plan_errors *errors) { return 0; }
WEAK int change_may_set(const struct guest *g, const struct plan_guest *wanted, struct plan_errors *errors) { return 0; }
WEAK const struct resolved_plan *change_imagine(const struct plan *p, struct plan_errors *errors) { return machine_resolved; }
WEAK int change_may_apply(struct plan *p, struct plan_errors *errors) { return 0; }
WEAK void change_drop_begin(struct guest *g) { }
WEAK void change_drop_end(struct guest *g) { guests[g->index] = NULL; }
WEAK struct guest *change_set_end(struct guest *g, const struct plan_guest *wanted, struct plan_errors *errors) { return g; }
WEAK bool datastore_poll(u64 now) { return false; }
WEAK bool datastore_clean(void) { return true; }
WEAK enum datastore_state datastore_state(void) { return DATASTORE_NONE; }
WEAK const char *datastore_why(void) { return "no disk has a partition for it"; }
WEAK void datastore_use(struct datastore_use *use) { }
WEAK bool datastore_file(u32 n, struct datastore_file *f) { return false; }
WEAK int datastore_read(const char *path, u32 offset, void *to, u32 size) { return -E_BUSY; }
WEAK int datastore_append(const char *path, const void *data, u32 len) { return -E_BUSY; }
WEAK int datastore_remove(const char *path) { return -E_BUSY; }
WEAK const char *datastore_format(void) { return "there is no partition for it"; }
WEAK void datastore_crash(const char *guest, const char *text, size_t n) { }
WEAK u64 flash_vars_size(const struct guest *g) { return 0; }
WEAK struct volume *volume_datastore(void) { return NULL; }
WEAK struct volume *volume_at(u32 index)
{
	static struct volume none;

	return &none;
}

WEAK struct storage_disk *storage_disk_at(u32 index) { return NULL; }
WEAK struct storage_disk *storage_disk_named(const char *word) { return NULL; }
WEAK const struct disk *storage_disk_hardware(const struct storage_disk *s) { return NULL; }
WEAK u64 volume_largest_gap(const struct storage_disk *s) { return 0; }
WEAK const char *volume_create(struct storage_disk *s, const char *name, u64 bytes, enum volume_type type, volume_ended_fn *ended,
			       void *arg)
{
	return "no";
}
WEAK const char *volume_init_disk(struct storage_disk *s, bool force, volume_ended_fn *ended, void *arg) { return "no"; }
WEAK void datastore_begin(void) { }

/* No web server. */
WEAK void (*web_say)(const char *line);
WEAK void web_show(void (*print)(const char *fmt, ...)) { print("https: off\n"); }
WEAK const char *web_enrol(void) { return "the server does not run"; }
