/* SPDX-License-Identifier: Apache-2.0 */
/* The schema of the plan: every key that is reserved, what it may be, and where it goes. docs/plan.md says the same. */

#include <hv/lib.h>

#include "plan_schema.h"

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
	{ "import",      TYPE(ARRAY),   read_import,       PLAN_KEY_IMPORT,      NULL },
	{ "net",         TYPE(TABLE),   plan_read_host_net, 0,                   NULL },
	{ "https",       TYPE(TABLE),   plan_read_https,   0,                    NULL },
};

static void read_machine(struct plan_reader *r, void *object, const struct toml_node *n)
{
	struct plan_machine *m = &((struct plan *)object)->machine;

	m->line[PLAN_KEY_SELF] = n->line;
	plan_read_table(r, n, machine_rules, ARRAY_COUNT(machine_rules), m, m->line);
}

/* All guests. */

static void read_guests(struct plan_reader *r, void *object, const struct toml_node *n)
{
	struct plan *plan = object;

	for (const struct toml_node *g = n->first; g; g = g->next) {
		if (!plan_check_type(r, g, TYPE(TABLE)))
			continue;
		if (plan->guest_count == PLAN_GUESTS_MAX)
			plan_bad(r, "PLAN-LIMIT", g, "at most %d guests", PLAN_GUESTS_MAX);
		else
			plan_read_guest_table(r, &plan->guest[plan->guest_count++], g);
	}
}

/* The file. */

static const struct plan_rule top_rules[] = {
	{ "machine", TYPE(TABLE), read_machine,  0, NULL },
	{ "guest",   TYPE(TABLE), read_guests,   0, NULL },
	{ "switch",  TYPE(TABLE), plan_read_switches, 0, NULL },
};

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
			  .text_max = sizeof(work->text), .on_error = plan_report_toml, .context = &r };

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
