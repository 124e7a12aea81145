/* SPDX-License-Identifier: Apache-2.0 */
#include "guest_ram.h"

#include <stdlib.h>
#include <string.h>

struct guest *guest_ram_new(u64 ram, u32 vcpus)
{
	struct guest *g = calloc(1, sizeof(*g));
	struct plan_guest *plan = calloc(1, sizeof(*plan));

	g->ram = calloc(1, ram);
	g->window = g->ram;
	g->ram_low = ram;
	g->range_count = 1;
	g->range[0].size = ram;
	g->vcpu_count = vcpus;
	g->name = "test";
	g->plan = plan;
	return g;
}

void guest_ram_free(struct guest *g)
{
	free(guest_ram_plan(g));
	free(g->ram);
	free(g);
}

struct plan_guest *guest_ram_plan(struct guest *g)
{
	return (struct plan_guest *)(uintptr_t)g->plan;
}

void *gmem_ptr(const struct guest *g, gpa_t gpa, u64 len)
{
	if (!len || gpa.v >= g->ram_low || len > g->ram_low - gpa.v)
		return NULL;
	return g->ram + gpa.v;
}

bool gmem_read(const struct guest *g, gpa_t gpa, void *to, u64 len)
{
	void *p = gmem_ptr(g, gpa, len);

	return p && memcpy(to, p, len);
}

bool gmem_write(const struct guest *g, gpa_t gpa, const void *from, u64 len)
{
	void *p = gmem_ptr(g, gpa, len);

	return p && memcpy(p, from, len);
}

bool gmem_zero(const struct guest *g, gpa_t gpa, u64 len)
{
	void *p = gmem_ptr(g, gpa, len);

	return p && memset(p, 0, len);
}
