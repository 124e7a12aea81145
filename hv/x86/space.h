/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The hypervisor's own address spaces: one root a core, shared parts, private halves. Control core; behind space_seal() only
 * what concerns guests, with the seal open (hv/host.h). */

#include <hv/boot_info.h>
#include <hv/core.h>
#include <hv/guest.h>

/* Build the shared parts; the pool must be initialised. -E_NOMEM. */
int space_init(const struct boot_info *bi);

/* The pool is reached at its own address from now on. */
void space_moved(void);

/* Give core index its private memory and a root. -E_NOMEM. */
int space_add_core(u32 index);

/* Map a guest's RAM and boot images for the cores of that guest. -E_NOMEM. */
int space_add_guest(struct guest *g);

/* The guest goes, or could not be built: its cores and the control core see nothing of it any more, once they have loaded
 * their roots anew. Then its tables can be freed. */
void space_hide_guest(struct guest *g);
void space_free_guest(struct guest *g);

/* Is it one of the pool's tables? Give it back. For pt_free(). */
bool space_is_table(u64 *table);
bool space_give_back(u64 *table);

/* Does core see RAM of any guest? For the audit. */
bool space_sees_guests(u32 core);

/* Let core see all boot files, read-only, at GUEST_IMAGES_VA + their physical address. */
int space_map_file(u64 base, u64 size, bool there);	/* on the control core; seal open */
int space_map_files(const struct boot_info *bi, u32 core);

/* A root below 4 GiB that also maps the trampoline page where it is, for starting cores; 0: none. */
u64 space_start_root(u64 trampoline);

/* Take a page of the pool out of what cores see: a guard. Before the seal. -E_NOMEM. */
int space_hide_page(void *page);

/* size bytes behind the pool's end: map them, unmap them. -E_NOMEM. */
int space_add_pool(hpa_t base, u64 size);
int space_cut_pool(u64 size);

/* From now on tables and sealed data are read-only on every core. */
void space_seal(void);

/* For W^X tests and the audit: how many leaves of the calling core's space are both writable and executable. */
u64 space_count_wx(void);
