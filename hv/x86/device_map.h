/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Memory of devices in a guest's nested tables, where bus_back() says. */

#include <hv/guest.h>
#include <hv/paging.h>

/* Make g's table for devices, hang it into its nested tables, map what is claimed; from now on the bus keeps it right.
 * Control core, at build. -E_NOMEM. */
int device_map_build(struct guest *g, struct pagetable *nested);
