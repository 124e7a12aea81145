/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* SMBIOS of a guest: which machine it is, by name and UUID, its processors and memory. DMTF DSP0134 3.0. Pure. */

#include <hv/types.h>

#define SMBIOS_ANCHOR_SIZE 24u		/* the 64-bit entry point */

struct guest;

/* The same name gives the same UUID on every machine and at every start. RFC 9562 "UUID Version 8". */
void smbios_uuid(const char *name, u8 uuid[16]);

/* All structures one after another into to; the entry point, whose address firmware fills in, into anchor. Returns the
 * bytes used; assertion: size is too small. */
u32 smbios_build(const struct guest *g, u8 *to, u32 size, u8 anchor[SMBIOS_ANCHOR_SIZE]);
