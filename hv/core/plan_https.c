/* SPDX-License-Identifier: Apache-2.0 */
/* https = { ... } of [machine]: the server for API and web page. */

#include <hv/lib.h>

#include "plan_schema.h"

static void read_port(struct plan_reader *r, void *object, const struct toml_node *n)
{
	if (n->integer >= 0 && n->integer <= 65535)
		((struct plan_https *)object)->port = (u16)n->integer;
	else
		plan_bad(r, "PLAN-VALUE", n, "a port from 1 to 65535, or 0: no server");
}

static void read_certificate(struct plan_reader *r, void *object, const struct toml_node *n)
{
	plan_read_path(r, n, ((struct plan_https *)object)->certificate);
}

static void read_key_file(struct plan_reader *r, void *object, const struct toml_node *n)
{
	plan_read_path(r, n, ((struct plan_https *)object)->key);
}

static const struct plan_rule rules[] = {
	{ "port",        TYPE(INTEGER), read_port,        0, NULL },
	{ "certificate", TYPE(STRING),  read_certificate, 0, NULL },
	{ "key",         TYPE(STRING),  read_key_file,    0, NULL },
};

void plan_read_https(struct plan_reader *r, void *machine, const struct toml_node *n)
{
	struct plan_https *h = &((struct plan_machine *)machine)->https;

	plan_read_table(r, n, rules, ARRAY_COUNT(rules), h, NULL);
	h->line = n->line;
	if (*h->certificate && !*h->key)
		plan_bad_key(r, "PLAN-MISSING-KEY", n, "key", "the certificate's private key, as a file");
	if (*h->key && !*h->certificate)
		plan_bad_key(r, "PLAN-MISSING-KEY", n, "certificate", "the key's certificate, as a file");
}
