/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A second way to the guest's console: virtio-console with one port. What it writes is recorded where the UART's bytes
 * are, a buffer for one exit instead of a byte; what is typed goes to the one of the two that wrote last. VIRTIO 1.2
 * "Console Device". */

#include "virtio.h"

struct vconsole {
	struct virtio_device d;
	bool wrote_last;		/* of the two: typed bytes are for this one */
	u64 in_bytes, out_bytes;
};

/* Control core, when the guest is built. */
int vconsole_add(struct guest *g, struct vconsole *c);

/* Bytes wait in the guest's input ring. */
void vconsole_receive(struct vconsole *c);

/* Are typed bytes for this console (else the UART's)? */
bool vconsole_has_input(const struct vconsole *c);
