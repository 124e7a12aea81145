/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A guest's memory as its own cores reach it: everything a guest says about an address passes through here once.
 * Own core only; no lock: the contents may change under the reader, so copy first, then check the copy. */

#include <hv/guest.h>

/* Host pointer to [gpa, gpa+len) if all of it is RAM of the guest, else null. len > 0. */
void *gmem_ptr(const struct guest *g, gpa_t gpa, u64 len);

/* The same for reading only, also where memory of a device (flash) can be read without an exit. */
const void *gmem_read_ptr(const struct guest *g, gpa_t gpa, u64 len);

/* A piece of guest RAM that gmem_ptr() has passed. */
struct gmem_piece {
	u8 *at;
	u32 len;
};

/* Copy out of (flash too) / into / clear guest RAM. false, and nothing done, when any byte is outside. */
bool gmem_read(const struct guest *g, gpa_t gpa, void *to, u64 len);
bool gmem_write(const struct guest *g, gpa_t gpa, const void *from, u64 len);
bool gmem_zero(const struct guest *g, gpa_t gpa, u64 len);

enum gmem_access { GMEM_READ = 0, GMEM_WRITE = 1, GMEM_EXEC = 2, GMEM_USER = 4 };	/* bits */

/* Walk the guest's page tables for linear address va (none, 32-bit, PAE, 4- and 5-level by s: STATE_MODE valid), as the
 * processor would, without setting accessed/dirty bits. true and *gpa; false and *fault = the #PF (or #GP for a
 * non-canonical address) to inject. SDM 3A "Paging". */
bool gmem_walk(const struct guest *g, const struct cpu_state *s, u64 va, u32 access, gpa_t *gpa, struct event *fault);

/* Fetch up to max instruction bytes at CS:rip (segment base and limits applied). Returns the count that could be had,
 * 0 with *fault filled when not even the first. */
u32 gmem_fetch(const struct guest *g, const struct cpu_state *s, u64 rip, u8 *to, u32 max, struct event *fault);
