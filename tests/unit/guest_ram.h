/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A guest in the build host's memory, for tests of what writes into guest RAM: its RAM is one malloc()ed block below
 * 4 GiB, so ASan sees every access beyond it. Implements gmem_ptr, gmem_read, gmem_write, gmem_zero. */

#include <hv/gmem.h>

/* A guest with ram bytes from address 0, an empty plan and vcpus vcpus. */
struct guest *guest_ram_new(u64 ram, u32 vcpus);
void guest_ram_free(struct guest *g);

/* The plan of that guest, to be filled by the test. */
struct plan_guest *guest_ram_plan(struct guest *g);
