/* SPDX-License-Identifier: Apache-2.0 */
/* One guest of the plan, its keys by their rules: as a table of the file, alone, or as changes of what is there. */

#include <hv/lib.h>

#include "plan_schema.h"

void plan_report_toml(void *context, const struct toml_error *e)
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

static void read_locked(struct plan_reader *r, void *object, const struct toml_node *n)
{
	(void)r;
	((struct plan_guest *)object)->locked = n->boolean;
}

static void read_balloon(struct plan_reader *r, void *object, const struct toml_node *n)
{
	(void)r;
	((struct plan_guest *)object)->balloon = n->boolean;
}

static void read_apic(struct plan_reader *r, void *object, const struct toml_node *n)
{
	static const char *const words[] = { "auto", "owned", "virtual" };
	struct plan_guest *g = object;
	int found = plan_read_word(r, n, words, ARRAY_COUNT(words));

	if (found >= 0)
		g->apic = (enum plan_apic)found;
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
	{ "locked",      TYPE(BOOLEAN), read_locked,              0,                    NULL },
	{ "display",     TYPE(BOOLEAN), read_display,             PLAN_KEY_DISPLAY,     NULL },
	{ "cdrom",       TYPE(STRING),  plan_read_cdrom,          PLAN_KEY_CDROM,       NULL },
	{ "virtio_console", TYPE(BOOLEAN) | TYPE(TABLE), plan_read_virtio_console, 0,   NULL },
	{ "balloon",     TYPE(BOOLEAN), read_balloon,             0,                    NULL },
	{ "disk",        TYPE(ARRAY),   plan_read_disks,          0,                    NULL },
	{ "net",         TYPE(ARRAY),   plan_read_nets,           0,                    NULL },
};

const char *plan_guest_key(u32 nr, u32 *types, bool *required)
{
	if (nr >= ARRAY_COUNT(guest_rules))
		return NULL;
	*types = guest_rules[nr].types;
	*required = nr < 3;	/* plan_read_guest_table() */
	return guest_rules[nr].name;
}

void plan_read_guest_table(struct plan_reader *r, struct plan_guest *g, const struct toml_node *n)
{
	if (!plan_is_name(n->key, false))
		plan_bad(r, "PLAN-VALUE", n, "a guest name of 1 to 31 characters a-z, 0-9, '-' and '_'");
	str_copy(g->name, sizeof(g->name), n->key);
	g->line[PLAN_KEY_SELF] = n->line;
	g->autostart = true;
	g->restart = PLAN_RESTART_ON_FAILURE;
	plan_read_table(r, n, guest_rules, ARRAY_COUNT(guest_rules), g, g->line);
	plan_require(r, n, "cores", "a number of cores, or a list of their indexes");
	plan_require(r, n, "memory", "a size such as \"512MiB\"");
	plan_require(r, n, "boot",
		     "what to boot: { type = \"linux\", kernel = \"...\" } or { type = \"elf\", file = \"...\" }");
}

/* A text of one table [guest.NAME], with what is below it. */

static void report_alone(struct plan_reader *r, u32 line)
{
	plan_error_add(r->errors, "PLAN-VALUE", line, "guest", "one table [guest.NAME], and nothing besides");
}

/* Its node; null: reported. */
static const struct toml_node *read_alone(struct plan_reader *r, const void *bytes, u64 size, struct plan_table_work *work)
{
	struct toml t = { .node = work->node, .node_max = ARRAY_COUNT(work->node), .text = work->text,
			  .text_max = sizeof(work->text), .on_error = plan_report_toml, .context = r };
	const struct toml_node *all;

	if (size > PLAN_TABLE_SIZE_MAX) {
		plan_error_add(r->errors, "PLAN-TEXT", 1, "-", "at most %u bytes", PLAN_TABLE_SIZE_MAX);
		return NULL;
	}
	if (toml_read(&t, bytes, size) || !t.root)
		return NULL;
	all = toml_get(t.root, "guest");
	if (!all || t.root->count != 1 || all->type != TOML_TABLE || all->count != 1 || all->first->type != TOML_TABLE) {
		report_alone(r, t.root->first ? t.root->first->line : 1);
		return NULL;
	}
	return all->first;
}

int plan_read_guest(struct plan_guest *g, const void *bytes, u64 size, struct plan_table_work *work,
		    struct plan_errors *errors)
{
	struct plan_reader r = { .errors = errors };
	const struct toml_node *n = read_alone(&r, bytes, size, work);

	memset(g, 0, sizeof(*g));
	if (n)
		plan_read_guest_table(&r, g, n);
	if (errors->count == 0)
		return 0;
	memset(g, 0, sizeof(*g));
	return -E_INVAL;
}

/* Keys whose values would be added to what is there. */
static void forget_value(struct plan_guest *g, const struct toml_node *n)
{
	if (!strcmp(n->key, "cores"))
		memset(&g->cores, 0, sizeof(g->cores));
	else if (!strcmp(n->key, "disk"))
		memset(g->disk, 0, sizeof(g->disk)), g->disk_count = 0;
	else if (!strcmp(n->key, "net"))
		memset(g->net, 0, sizeof(g->net)), g->net_count = 0;
	else if (!strcmp(n->key, "virtio_console"))
		memset(g->port, 0, sizeof(g->port)), g->port_count = 0;
	else if (!strcmp(n->key, "boot") && n->type == TOML_TABLE && toml_get(n, "type"))
		memset(&g->boot, 0, sizeof(g->boot)), g->line[PLAN_KEY_KERNEL] = g->line[PLAN_KEY_INITRD] = 0;
}

int plan_change_guest(struct plan_guest *g, const void *bytes, u64 size, struct plan_table_work *work,
		      struct plan_errors *errors)
{
	struct plan_reader r = { .errors = errors, .change = true };
	const struct toml_node *n = read_alone(&r, bytes, size, work);

	work->trial = *g;
	for (const struct toml_node *key = n ? n->first : NULL; key; key = key->next)
		forget_value(&work->trial, key);
	if (n)
		plan_read_table(&r, n, guest_rules, ARRAY_COUNT(guest_rules), &work->trial, work->trial.line);
	if (errors->count)
		return -E_INVAL;
	*g = work->trial;
	return 0;
}
