/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: tests/fuzz/support.c hv/core/admission.c hv/core/admission_memory.c hv/core/admission_disks.c hv/core/admission_net.c hv/core/admission_nat.c hv/core/admission_devices.c hv/core/resolved_plan.c hv/core/plan_guest.c hv/core/plan_boot.c hv/core/plan_disk.c hv/core/plan_console.c hv/core/plan_net.c hv/core/plan_errors.c hv/core/plan_schema.c hv/lib/toml.c hv/lib/toml_value.c hv/lib/net_text.c hv/lib/format.c */
/* `create` and `set` with any text: read, changed, admitted beside two guests. What is admitted is sound, and nobody who is there
 * is moved. */
#include <stdlib.h>

#include "support.h"

#include <hv/lib.h>
#include <hv/plan.h>

static struct machine_facts facts;
static struct plan now_plan, next;
static struct resolved_plan now, resolved;
static struct plan_table_work work;
static struct plan_errors errors;
static struct plan_guest wanted;

static void read_into(struct plan_guest *g, const char *text)
{
	plan_errors_init(&errors, "fuzz");
	must(!plan_read_guest(g, text, strlen(text), &work, &errors));
}

static void begin(void)
{
	facts.core_count = 8;
	for (u32 i = 0; i < 8; i++)
		facts.core_usable[i] = true;
	facts.ram[0] = (struct facts_ram){ HPA(64 * MiB), 2 * GiB };
	facts.ram[1] = (struct facts_ram){ HPA(4 * GiB), 3 * GiB };
	facts.ram_count = 2;
	facts.image[0] = (struct facts_image){ "k", IMAGE_WHOLE, MiB, "bytes" };
	facts.image_count = 1;
	now_plan.switch_count = 1;
	str_copy(now_plan.sw[0].name, PLAN_NAME_SIZE, "lan");
	read_into(&now_plan.guest[0], "[guest.a]\ncores = [2]\nmemory = \"512MiB\"\nboot = { type = \"elf\", file = \"k\" }\n"
		  "net = [{ switch = \"lan\" }]\n");
	read_into(&now_plan.guest[1], "[guest.b]\ncores = 2\nmemory = \"1GiB\"\nboot = { type = \"elf\", file = \"k\" }\ndisplay = true\n");
	now_plan.guest_count = 2;
	plan_errors_init(&errors, "fuzz");
	must(!plan_admit_beside(&now_plan, &facts, &resolved, NULL, &now, &errors));
}

static void admit(const char *moved)
{
	char why[160];

	plan_errors_init(&errors, "fuzz");
	if (plan_admit_beside(&next, &facts, &now, moved, &resolved, &errors)) {
		must(errors.count);
		return;
	}
	must(!resolved_plan_verify(&next, &facts, &resolved, why, sizeof(why)));
	for (u32 i = 0; i < 2; i++) {
		if (moved && !strcmp(moved, now.guest[i].plan->name))
			continue;
		must(!memcmp(resolved.guest[i].core, now.guest[i].core, sizeof(now.guest[i].core)));
		must(resolved.guest[i].range[0].hpa.v == now.guest[i].range[0].hpa.v);
		must(!memcmp(resolved.guest[i].net, now.guest[i].net, sizeof(now.guest[i].net)));
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);
int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	if (!now_plan.guest_count)
		begin();
	plan_errors_init(&errors, "fuzz");
	if (!plan_read_guest(&wanted, data, size, &work, &errors) && strcmp(wanted.name, "a") && strcmp(wanted.name, "b")) {
		next = now_plan;
		next.guest[next.guest_count++] = wanted;
		admit(NULL);
	}
	plan_errors_init(&errors, "fuzz");
	wanted = now_plan.guest[0];
	if (!plan_change_guest(&wanted, data, size, &work, &errors)) {
		must(!strcmp(wanted.name, "a"));
		next = now_plan;
		next.guest[0] = wanted;
		admit("a");
	}
	return 0;
}
