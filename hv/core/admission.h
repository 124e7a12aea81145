/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The parts of admission; each reports what it finds and goes on. Between hv/core/admission*.c only. */

#include <hv/plan.h>

struct admission {
	const struct plan *plan;
	const struct machine_facts *facts;
	struct resolved_plan *resolved;
	struct plan_errors *errors;
	const struct resolved_plan *now;	/* in force: its guests keep what they have; null: none is */
	const char *moved;			/* but for the guest of this name; null: no such */
};

/* What a guest of the plan has already, and keeps; null: it gets everything anew. */
const struct resolved_guest *admission_kept(const struct admission *a, u32 guest);

void admit_cores(struct admission *a);
void admit_memory(struct admission *a);
void admit_images(struct admission *a);
void admit_nets(struct admission *a);
void admit_nats(struct admission *a);		/* of admit_nets() */
void admit_devices(struct admission *a);	/* last, and only while there are no errors */

/* Bytes that rg's devices of this kind need, in whole blocks; 0: none. Pure: admission and the audit ask. */
u64 admission_device_ram(const struct resolved_guest *rg, enum device_ram_kind kind);

/* Take size bytes, whole blocks, in one piece out of what is free. false: there is none. */
bool admission_take(struct resolved_plan *rp, u64 size, struct facts_ram *piece);
void admit_disks(struct admission *a);

/* "guest.web.cores" into buf. */
const char *admission_key(char *buf, size_t size, const struct plan_guest *g, const char *key);

/* "switch.lan.nat" into buf; the switch of this name, NO_CARD: there is none. */
const char *admission_switch_key(char *buf, size_t size, const struct plan_switch *s, const char *key);
u32 admission_find_switch(const struct resolved_plan *rp, const char *name);

/* The file name, whole and not empty; else reported, and null. what: the key in g. */
const struct facts_image *admit_image(struct admission *a, const struct plan_guest *g, const char *what,
				      const char *name, u32 line);

/* Whole blocks of RAM that the machine has for guests, sorted, into free[RESOLVED_FREE_MAX]. Returns how many. */
u32 admission_free_ram(const struct machine_facts *facts, struct facts_ram *free);
