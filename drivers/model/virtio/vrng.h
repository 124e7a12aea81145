/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A source of random numbers: virtio's entropy device. VIRTIO 1.2 "Entropy Device". */

#include <hv/random.h>

#include "virtio.h"

struct vrng {
	struct virtio_device d;
	struct random random;
};

int vrng_add(struct guest *g, struct vrng *r);
