/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The hypervisor's own address spaces: one root a core, shared parts, private halves. Control core, at boot, until
 * space_seal(). */

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

/* Let the control core see all boot files, read-only, at GUEST_IMAGES_VA + their physical address. */
int space_map_files(const struct boot_info *bi);

/* A root below 4 GiB that also maps the trampoline page where it is, for starting cores; 0: none. */
u64 space_start_root(u64 trampoline);

/* Take a page of the pool out of what cores see: a guard. Before the seal. -E_NOMEM. */
int space_hide_page(void *page);

/* From now on tables and sealed data are read-only on every core. */
void space_seal(void);

/* For W^X tests and the audit: how many leaves of the calling core's space are both writable and executable. */
u64 space_count_wx(void);
