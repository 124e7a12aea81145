/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: tests/fuzz/support.c tests/fuzz/web_support.c hv/web/json_in.c hv/web/json_plan.c hv/web/out.c hv/core/plan.c hv/core/plan_guest.c hv/core/plan_boot.c hv/core/plan_disk.c hv/core/plan_console.c hv/core/plan_net.c hv/core/plan_switch.c hv/core/plan_host.c hv/core/plan_https.c hv/core/plan_errors.c hv/core/plan_schema.c hv/lib/toml.c hv/lib/toml_value.c hv/lib/net_text.c hv/lib/format.c web */
/* Bodies of requests: members by name; a guest as JSON, which becomes a piece of a plan: one guest of that name and nothing else,
 * whatever stands in its texts. And any bytes as a plan. */
#include <stdlib.h>
#include <string.h>

#include "support.h"

#include "hv/web/json_in.h"
#include "hv/web/json_plan.h"
#include "hv/web/out.h"

#include <hv/lib.h>
#include <hv/plan.h>
#include <psa/crypto.h>

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static u8 room[256 * KiB] __attribute__((aligned(16)));
static char text[16 * KiB];


static void members(const u8 *data, size_t size)
{
	static struct json_body body;
	char member[24];

	if (json_read(data, size, "!name !password role days", &body, member, room, sizeof(room))) {
		must(memchr(member, 0, sizeof(member)));
		return;
	}
	must(body.count <= 4 && *json_get(&body, "name") && *json_get(&body, "password"));
	for (u32 i = 0; i < body.count; i++)
		must(memchr(body.member[i].text, 0, JSON_TEXT) && memchr(body.member[i].name, 0, sizeof(body.member[i].name)));
}

static void guest(const u8 *data, size_t size, const char *name)
{
	static struct toml_node node[1024];
	static char words[16 * KiB], back[64 * KiB];
	static struct plan_table_work work;
	static struct plan_errors errors;
	static struct plan_guest g;
	struct toml t = { .node = node, .node_max = ARRAY_COUNT(node), .text = words, .text_max = sizeof(words) };
	struct json_plan p;
	struct out o, j;

	out_init(&o, text, sizeof(text));
	if (json_to_plan(data, size, name, &p, &o, room, sizeof(room))) {
		must(memchr(p.member, 0, sizeof(p.member)));
		return;
	}
	must(!o.cut && (!name || !strcmp(name, p.name)));
	if (!toml_read(&t, text, o.at)) {
		const struct toml_node *guests = toml_get(t.root, "guest");

		must(guests && t.root->first == guests && !guests->next);
		must(guests->first && !guests->first->next && !strcmp(guests->first->key, p.name));
		out_init(&j, back, sizeof(back));
		json_node(&j, NULL, guests->first);
	}
	plan_errors_init(&errors, "fuzz");
	if (o.at <= PLAN_TABLE_SIZE_MAX && !plan_read_guest(&g, text, o.at, &work, &errors))
		must(!strcmp(g.name, p.name));
}

static void whole_plan(const u8 *data, size_t size)
{
	static struct plan plan;
	static struct plan_work work;
	static struct plan_errors errors;

	plan_errors_init(&errors, "fuzz");
	plan_read(&plan, data, size, &work, &errors);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	if (!size)
		return 0;
	if (data[0] % 4 == 3)
		whole_plan(data + 1, size - 1);
	else if (data[0] % 4 == 2)
		members(data + 1, size - 1);
	else
		guest(data + 1, size - 1, data[0] & 1 ? "web" : NULL);
	return 0;
}
