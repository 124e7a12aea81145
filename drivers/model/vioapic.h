/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* An IOAPIC of version 20H with 24 pins and an EOI register. 82093AA "IOAPIC Registers"; the EOI register is the one of
 * Intel's later I/O hubs. Destinations have 15 bits (KVM's MSI_EXT_DEST_ID). Device lock held. */

#include <hv/bus.h>
#include <hv/irq.h>

#define VIOAPIC_ADDRESS 0xfec00000ul
#define VIOAPIC_PINS IRQ_LINES

struct vioapic {
	struct guest *g;
	u32 id;				/* bits 27:24 */
	u8 select;			/* index of the register behind the window */
	u32 pins;			/* level of each pin */
	u64 redirection[VIOAPIC_PINS];
};

void vioapic_reset(struct vioapic *a);
enum io_result vioapic_io(void *self, struct io *io);
void vioapic_set_pin(struct vioapic *a, u32 pin, bool level);

/* A local APIC has ended vector: pins that wait for it may send again. */
void vioapic_eoi(struct vioapic *a, u8 vector);
