/* SPDX-License-Identifier: Apache-2.0 */
/* virtio_console = true, or { ports = ["log", ...] }: the console, and ports beside it. */

#include <hv/lib.h>

#include "plan_schema.h"

static const char *port_fault(const struct plan_guest *g, const char *name)
{
	size_t length = strlen(name);

	for (size_t i = 0; i < length; i++)
		if (!(name[i] >= 'a' && name[i] <= 'z') && !(i && name[i] >= '0' && name[i] <= '9') &&
		    !(i && strchr("-_.", name[i])))
			return "names of a-z 0-9 - _ . that begin with a letter";
	if (!length || length >= PLAN_NAME_SIZE)
		return "names of 1 to 31 characters";
	for (u32 i = 0; i < g->port_count; i++)
		if (!strcmp(g->port[i], name))
			return "each name once";
	return NULL;
}

static void read_ports(struct plan_reader *r, void *guest, const struct toml_node *n)
{
	struct plan_guest *g = guest;

	for (const struct toml_node *e = n->first; e; e = e->next) {
		const char *fault;

		if (!plan_check_type(r, e, TYPE(STRING)))
			continue;
		fault = port_fault(g, e->text);
		if (!fault && g->port_count == PLAN_PORTS_MAX) {
			plan_bad(r, "PLAN-VALUE", e, "at most %d ports", PLAN_PORTS_MAX);
			return;
		}
		if (fault)
			plan_bad(r, "PLAN-VALUE", e, "%s, not \"%.40s\"", fault, e->text);
		else
			str_copy(g->port[g->port_count++], PLAN_NAME_SIZE, e->text);
	}
}

static const struct plan_rule console_rules[] = {
	{ "ports", TYPE(ARRAY), read_ports, 0, NULL },
};

void plan_read_virtio_console(struct plan_reader *r, void *guest, const struct toml_node *n)
{
	struct plan_guest *g = guest;

	g->virtio_console = n->type == TOML_TABLE || n->boolean;
	if (n->type == TOML_TABLE)
		plan_read_table(r, n, console_rules, ARRAY_COUNT(console_rules), g, NULL);
}
