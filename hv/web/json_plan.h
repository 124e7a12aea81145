/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Between JSON and the plan: a guest's keys in JSON become the text of a table that the plan's own reader takes, so that names,
 * checks and words of errors are those of bulkhead.toml; and back. Pure. Web fiber. */

#include "out.h"

#include <hv/plan.h>
#include <hv/toml.h>

struct json_plan {
	char name[PLAN_NAME_SIZE];	/* member "name"; "": there is none */
	char member[64];		/* of an error: which one; "": all of it */
};

/* {"name": "web", "cores": 2, ...} into "[guest.NAME]\ncores = 2\n...": name is the one to take where the body has none
 * (null: it must have one). room: memory on 16 bytes for yyjson. Null, or what is wrong, in words. */
const char *json_to_plan(const void *bytes, size_t n, const char *name, struct json_plan *p, struct out *o, void *room,
			 size_t room_size);

/* A table, list or value as JSON; key null: a value of its own. */
void json_node(struct out *o, const char *key, const struct toml_node *n);
