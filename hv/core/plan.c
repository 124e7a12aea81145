/* SPDX-License-Identifier: Apache-2.0 */
/* The schema of the plan: every key that is reserved, what it may be, and where it goes. docs/plan.md says the same. */

#include <hv/lib.h>

#include "plan_schema.h"

static bool is_name_char(char c, bool capitals)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
	       (capitals && ((c >= 'A' && c <= 'Z') || c == '.'));
}

bool plan_is_name(const char *s, bool capitals)
{
	size_t length = strlen(s);

	for (size_t i = 0; i < length; i++)
		if (!is_name_char(s[i], capitals))
			return false;
	return length > 0 && length < PLAN_NAME_SIZE;
}

/* [machine] */

static void read_machine_name(struct plan_reader *r, void *object, const struct toml_node *n)
{
	struct plan_machine *m = object;

	if (plan_is_name(n->text, true))
		str_copy(m->name, sizeof(m->name), n->text);
	else
		plan_bad(r, "PLAN-VALUE", n, "1 to 31 letters, digits, '-', '_' or '.'");
}

static void read_control(struct plan_reader *r, void *object, const struct toml_node *n)
{
	if (n->integer >= 0 && n->integer < PLAN_CORES_MAX)
		((struct plan_machine *)object)->control = (u32)n->integer;
	else
		plan_bad(r, "PLAN-VALUE", n, "the index of a core, 0 to %d", PLAN_CORES_MAX - 1);
}

static void read_serial(struct plan_reader *r, void *object, const struct toml_node *n)
{
	static const char *const words[] = { "auto", "com1", "com2", "none" };
	int found = plan_read_word(r, n, words, ARRAY_COUNT(words));

	if (found >= 0)
		((struct plan_machine *)object)->serial = (enum plan_serial)found;
}

/* A 16550 divides 115200 by a whole number. */
static void read_serial_baud(struct plan_reader *r, void *object, const struct toml_node *n)
{
	if (n->integer >= 300 && n->integer <= 115200 && 115200 % n->integer == 0)
		((struct plan_machine *)object)->serial_baud = (u32)n->integer;
	else
		plan_bad(r, "PLAN-VALUE", n, "a rate that divides 115200, such as 115200, 57600, 38400, 19200, 9600");
}

static void read_screen(struct plan_reader *r, void *object, const struct toml_node *n)
{
	(void)r;
	((struct plan_machine *)object)->screen = n->boolean;
}

static void read_log(struct plan_reader *r, void *object, const struct toml_node *n)
{
	static const char *const words[] = {
		[LOG_ERROR] = "error", [LOG_NOTICE] = "notice", [LOG_INFO] = "info", [LOG_DEBUG] = "debug",
	};
	int found = plan_read_word(r, n, words, ARRAY_COUNT(words));

	if (found >= 0)
		((struct plan_machine *)object)->log = (enum log_level)found;
}

/* Disks that may be written: "all", or each by its name, serial number or PCI address. */
static void read_machine_disks(struct plan_reader *r, void *object, const struct toml_node *n)
{
	struct plan_machine *m = object;

	if (n->type == TOML_STRING) {
		m->all_disks = strcmp(n->text, "all") == 0;
		if (!m->all_disks)
			plan_bad(r, "PLAN-VALUE", n, "\"all\", or a list of disks");
		return;
	}
	for (const struct toml_node *d = n->first; d; d = d->next) {
		if (!plan_check_type(r, d, TYPE(STRING)))
			continue;
		if (!d->length || d->length >= PLAN_DISK_NAME_SIZE || m->disk_count == PLAN_MACHINE_DISKS_MAX)
			plan_bad(r, "PLAN-VALUE", d, "at most %d disks, each by its name, serial number or PCI address as "
				 "`disks` prints them", PLAN_MACHINE_DISKS_MAX);
		else
			str_copy(m->disk[m->disk_count++], PLAN_DISK_NAME_SIZE, d->text);
	}
}

/* Files that are loaded although no guest has them: for volumes. */
static void read_import(struct plan_reader *r, void *object, const struct toml_node *n)
{
	struct plan_machine *m = object;

	for (const struct toml_node *f = n->first; f; f = f->next) {
		if (m->import_count == PLAN_IMPORTS_MAX)
			plan_bad(r, "PLAN-VALUE", f, "at most %d files", PLAN_IMPORTS_MAX);
		else if (plan_check_type(r, f, TYPE(STRING)) && plan_read_path(r, f, m->import[m->import_count]))
			m->import_count++;
	}
}

static const struct plan_rule machine_rules[] = {
	{ "name",        TYPE(STRING),  read_machine_name, PLAN_KEY_NAME,        NULL },
	{ "control",     TYPE(INTEGER), read_control,      PLAN_KEY_CONTROL,     NULL },
	{ "serial",      TYPE(STRING),  read_serial,       PLAN_KEY_SERIAL,      NULL },
	{ "serial_baud", TYPE(INTEGER), read_serial_baud,  PLAN_KEY_SERIAL_BAUD, NULL },
	{ "screen",      TYPE(BOOLEAN), read_screen,       PLAN_KEY_SCREEN,      NULL },
	{ "log",         TYPE(STRING),  read_log,          PLAN_KEY_LOG,         NULL },
	{ "disks",       TYPE(STRING) | TYPE(ARRAY), read_machine_disks, 0,      NULL },
	{ "import",      TYPE(ARRAY),   read_import,       0,                    NULL },
	{ "net",         TYPE(TABLE),   plan_read_host_net, 0,                   NULL },
	{ "https",       TYPE(TABLE),   plan_read_https,   0,                    NULL },
};

static void read_machine(struct plan_reader *r, void *object, const struct toml_node *n)
{
	struct plan_machine *m = &((struct plan *)object)->machine;

	m->line[PLAN_KEY_SELF] = n->line;
	plan_read_table(r, n, machine_rules, ARRAY_COUNT(machine_rules), m, m->line);
}

/* [guest.NAME] */

static bool has_core(const struct plan_cores *cores, s64 index)
{
	for (u32 i = 0; i < cores->count; i++)
		if (cores->index[i] == index)
			return true;
	return false;
}

static void read_core_list(struct plan_reader *r, struct plan_cores *cores, const struct toml_node *n)
{
	if (n->count < 1 || n->count > PLAN_VCPUS_MAX) {
		plan_bad(r, "PLAN-VALUE", n, "1 to %d cores, not %u", PLAN_VCPUS_MAX, n->count);
		return;
	}
	cores->is_list = true;
	for (const struct toml_node *c = n->first; c; c = c->next) {
		if (!plan_check_type(r, c, TYPE(INTEGER)))
			continue;
		if (c->integer < 0 || c->integer >= PLAN_CORES_MAX)
			plan_bad(r, "PLAN-VALUE", c, "indexes of cores, 0 to %d, not %ld", PLAN_CORES_MAX - 1,
				 (long)c->integer);
		else if (has_core(cores, c->integer))
			plan_bad(r, "PLAN-VALUE", c, "each core once in the list: core %ld is there already",
				 (long)c->integer);
		else
			cores->index[cores->count++] = (u16)c->integer;
	}
}

static void read_cores(struct plan_reader *r, void *object, const struct toml_node *n)
{
	struct plan_cores *cores = &((struct plan_guest *)object)->cores;

	if (n->type == TOML_ARRAY)
		read_core_list(r, cores, n);
	else if (n->integer >= 1 && n->integer <= PLAN_VCPUS_MAX)
		cores->count = (u32)n->integer;
	else
		plan_bad(r, "PLAN-VALUE", n, "1 to %d cores, not %ld", PLAN_VCPUS_MAX, (long)n->integer);
}

u64 plan_parse_size(const char *s)
{
	u64 value = 0, unit;

	if (*s < '1' || *s > '9')
		return 0;
	for (; *s >= '0' && *s <= '9'; s++) {
		value = value * 10 + (u64)(*s - '0');
		if (value > BIT(52) / MiB)
			return 0;
	}
	unit = strcmp(s, "MiB") == 0 ? MiB : strcmp(s, "GiB") == 0 ? GiB : 0;
	return value * unit < BIT(52) ? value * unit : 0;
}

static void read_memory(struct plan_reader *r, void *object, const struct toml_node *n)
{
	u64 bytes = plan_parse_size(n->text);

	if (!bytes)
		plan_bad(r, "PLAN-VALUE", n, "a size such as \"512MiB\" or \"4GiB\", not \"%.40s\"", n->text);
	else if (!IS_ALIGNED(bytes, BLOCK_SIZE))
		plan_bad(r, "PLAN-VALUE", n, "a multiple of 2MiB, not \"%.40s\"", n->text);
	else if (bytes < PLAN_MEMORY_MIN)
		plan_bad(r, "PLAN-VALUE", n, "at least 16MiB, not \"%.40s\"", n->text);
	else
		((struct plan_guest *)object)->memory = bytes;
}

static void read_boot(struct plan_reader *r, void *object, const struct toml_node *n)
{
	struct plan_guest *g = object;

	plan_read_boot(r, n, &g->boot, g->line);
}

static void read_autostart(struct plan_reader *r, void *object, const struct toml_node *n)
{
	(void)r;
	((struct plan_guest *)object)->autostart = n->boolean;
}

static void read_restart(struct plan_reader *r, void *object, const struct toml_node *n)
{
	static const char *const words[] = { "never", "on-failure", "always" };
	int found = plan_read_word(r, n, words, ARRAY_COUNT(words));

	if (found >= 0)
		((struct plan_guest *)object)->restart = (enum plan_restart)found;
}

static void read_test_device(struct plan_reader *r, void *object, const struct toml_node *n)
{
	(void)r;
	((struct plan_guest *)object)->test_device = n->boolean;
}

static void read_display(struct plan_reader *r, void *object, const struct toml_node *n)
{
	(void)r;
	((struct plan_guest *)object)->display = n->boolean;
}

static void read_hyperv(struct plan_reader *r, void *object, const struct toml_node *n)
{
	(void)r;
	((struct plan_guest *)object)->hyperv = n->boolean;
}

static void read_balloon(struct plan_reader *r, void *object, const struct toml_node *n)
{
	(void)r;
	((struct plan_guest *)object)->balloon = n->boolean;
}

static void read_apic(struct plan_reader *r, void *object, const struct toml_node *n)
{
	static const char *const words[] = { "owned", "virtual" };
	int found = plan_read_word(r, n, words, ARRAY_COUNT(words));

	(void)object;	/* read_guest() set the only mode that there is */
	if (found == PLAN_APIC_OWNED)
		plan_bad(r, "PLAN-NOT-YET", n, "\"virtual\": this version has no local APIC owned by guests yet");
}

static const struct plan_rule guest_rules[] = {
	{ "cores",       TYPE(INTEGER) | TYPE(ARRAY), read_cores, PLAN_KEY_CORES,       NULL },
	{ "memory",      TYPE(STRING),  read_memory,              PLAN_KEY_MEMORY,      NULL },
	{ "boot",        TYPE(TABLE),   read_boot,                PLAN_KEY_BOOT,        NULL },
	{ "autostart",   TYPE(BOOLEAN), read_autostart,           PLAN_KEY_AUTOSTART,   NULL },
	{ "restart",     TYPE(STRING),  read_restart,             PLAN_KEY_RESTART,     NULL },
	{ "test_device", TYPE(BOOLEAN), read_test_device,         PLAN_KEY_TEST_DEVICE, NULL },
	{ "hyperv",      TYPE(BOOLEAN), read_hyperv,              0,                    NULL },
	{ "apic",        TYPE(STRING),  read_apic,                PLAN_KEY_APIC,        NULL },
	{ "locked",      TYPE(BOOLEAN), NULL,         0, "locking of guests" },
	{ "display",     TYPE(BOOLEAN), read_display,             PLAN_KEY_DISPLAY,     NULL },
	{ "cdrom",       TYPE(STRING),  plan_read_cdrom,          PLAN_KEY_CDROM,       NULL },
	{ "virtio_console", TYPE(BOOLEAN) | TYPE(TABLE), plan_read_virtio_console, 0,   NULL },
	{ "balloon",     TYPE(BOOLEAN), read_balloon,             0,                    NULL },
	{ "disk",        TYPE(ARRAY),   plan_read_disks,          0,                    NULL },
	{ "net",         TYPE(ARRAY),   plan_read_nets,           0,                    NULL },
};

static void read_guest(struct plan_reader *r, struct plan *plan, const struct toml_node *n)
{
	struct plan_guest *g;

	if (!plan_check_type(r, n, TYPE(TABLE)))
		return;
	if (!plan_is_name(n->key, false))
		plan_bad(r, "PLAN-VALUE", n, "a guest name of 1 to 31 characters a-z, 0-9, '-' and '_'");
	if (plan->guest_count == PLAN_GUESTS_MAX) {
		plan_bad(r, "PLAN-LIMIT", n, "at most %d guests", PLAN_GUESTS_MAX);
		return;
	}
	g = &plan->guest[plan->guest_count++];
	str_copy(g->name, sizeof(g->name), n->key);
	g->line[PLAN_KEY_SELF] = n->line;
	g->autostart = true;
	g->restart = PLAN_RESTART_ON_FAILURE;
	g->apic = PLAN_APIC_VIRTUAL;
	plan_read_table(r, n, guest_rules, ARRAY_COUNT(guest_rules), g, g->line);
	plan_require(r, n, "cores", "a number of cores, or a list of their indexes");
	plan_require(r, n, "memory", "a size such as \"512MiB\"");
	plan_require(r, n, "boot",
		     "what to boot: { type = \"linux\", kernel = \"...\" } or { type = \"elf\", file = \"...\" }");
}

static void read_guests(struct plan_reader *r, void *object, const struct toml_node *n)
{
	for (const struct toml_node *g = n->first; g; g = g->next)
		read_guest(r, object, g);
}

/* The file. */

static const struct plan_rule top_rules[] = {
	{ "machine", TYPE(TABLE), read_machine,  0, NULL },
	{ "guest",   TYPE(TABLE), read_guests,   0, NULL },
	{ "switch",  TYPE(TABLE), plan_read_switches, 0, NULL },
};

static void report_toml(void *context, const struct toml_error *e)
{
	static const char *const ids[] = {
		[TOML_BAD_SYNTAX] = "PLAN-SYNTAX",	[TOML_BAD_DUPLICATE] = "PLAN-DUPLICATE",
		[TOML_BAD_TEXT] = "PLAN-TEXT",		[TOML_BAD_LIMIT] = "PLAN-LIMIT",
	};
	struct plan_reader *r = context;
	char path[PLAN_PATH_SIZE], other[40] = "";

	if (e->fault != TOML_BAD_DUPLICATE)
		r->broken = true;
	toml_path(e->table, e->key, path, sizeof(path));
	if (e->other_line)
		fmt_print(other, sizeof(other), " (it is in line %u already)", e->other_line);
	plan_error_add(r->errors, ids[e->fault], e->line, *path ? path : "-", "%s%s", e->words, other);
}

static void read_root(struct plan_reader *r, struct plan *plan, const struct toml_node *root)
{
	plan_read_table(r, root, top_rules, ARRAY_COUNT(top_rules), plan, NULL);
	if (plan->guest_count == 0 && r->errors->count == 0)
		plan_error_add(r->errors, "PLAN-NO-GUEST", root->line, "guest", "at least one table [guest.NAME]");
}

int plan_read(struct plan *plan, const void *bytes, u64 size, struct plan_work *work, struct plan_errors *errors)
{
	struct plan_reader r = { .errors = errors };
	struct toml t = { .node = work->node, .node_max = PLAN_NODES_MAX, .text = work->text,
			  .text_max = sizeof(work->text), .on_error = report_toml, .context = &r };

	memset(plan, 0, sizeof(*plan));
	str_copy(plan->file, sizeof(plan->file), errors->file);
	plan->machine.serial_baud = 115200;
	plan->machine.screen = true;
	plan->machine.log = LOG_INFO;
	plan->machine.https.port = 443;

	if (size > PLAN_FILE_SIZE_MAX)
		plan_error_add(errors, "PLAN-TEXT", 1, "-", "a file of at most 1MiB, not %lu bytes",
			       (unsigned long)size);
	else if (toml_read(&t, bytes, size) == 0 || t.root)
		read_root(&r, plan, t.root);

	if (errors->count == 0)
		return 0;
	memset(plan, 0, sizeof(*plan));
	return -E_INVAL;
}

void plan_each_image(const struct plan *plan, plan_image_fn *fn, void *context)
{
	for (u32 i = 0; i < plan->machine.import_count; i++)
		fn(context, plan->machine.import[i]);
	if (*plan->machine.https.certificate) {
		fn(context, plan->machine.https.certificate);
		fn(context, plan->machine.https.key);
	}
	for (u32 i = 0; i < plan->guest_count; i++) {
		const struct plan_boot *boot = &plan->guest[i].boot;

		fn(context, boot->kernel);
		if (*boot->initrd)
			fn(context, boot->initrd);
		for (u32 m = 0; m < boot->module_count; m++)
			fn(context, boot->module[m]);
		for (u32 d = 0; d < plan->guest[i].disk_count; d++)
			if (*plan->guest[i].disk[d].image)
				fn(context, plan->guest[i].disk[d].image);
		if (*plan->guest[i].cdrom)
			fn(context, plan->guest[i].cdrom);
	}
}
