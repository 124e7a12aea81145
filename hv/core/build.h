/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <hv/boot_info.h>
#include <hv/guest.h>

/* What admission knows of the machine. Set at boot, then constant. */
extern const struct machine_facts *machine_facts;

/* Read the plan, admit it on this machine, build every guest of it. 0; else everything that is wrong was said on all
 * consoles and no guest exists. Boot core, other cores up. */
int machine_build(const struct boot_info *info);

/* A guest of that place in guests[], of what admission gave it, off, its RAM mapped; not on its switches yet. Null: nothing is
 * left of it, *lacking says for what the pool is too small. Boot core, or control core. */
struct guest *guest_build(u32 slot, const struct resolved_guest *r, const char **lacking);

/* A guest goes, in two steps, off and cleared: it is taken out of every list and page table; then, when its cores have done
 * host_reload_tables(), all that it was goes back to the pool. Control core. */
void guest_unhook(struct guest *g);
void guest_release(struct guest *g);

/* Room for what hv/change.h does. -E_NOMEM. Boot core. */
int change_init(void);

/* From now on the pool grows, by what no guest has. Boot core, when the plan is admitted. */
void pool_grow_init(void);

/* While guests of a plan are built that is not in force: what they are to have is not free either. null: over. */
void pool_grow_beside(struct resolved_plan *rp);

/* Whole blocks of RAM that no guest has, in one piece: not for guests any more (0: there is no such piece), and again for
 * guests. No change of the plan is under way. Control core. */
u64 ram_take(u64 size);
void ram_give(u64 base, u64 size);
