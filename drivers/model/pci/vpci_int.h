/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the files of guest PCI share among themselves. One of the guest's cores, device lock held. */

#include "vpci.h"

/* An access to config space as the guest makes it: any offset below 4096, size 1 to 8. Beyond the 256 bytes: ones. */
u64 vpci_config_read(struct vpci_function *f, u32 off, u32 size);
void vpci_config_write(struct vpci_function *f, u32 off, u32 size, u64 val);

/* Reset values and write masks of everything in config space. build fills the masks, at build; reset the registers.
 * */
void vpci_config_build(struct vpci_function *f);
void vpci_config_reset(struct vpci_function *f);

/* Claims for the BARs, at build; and what the registers now say applied to the bus. */
int vpci_bar_build(struct vpci_function *f);
void vpci_bar_apply(struct vpci_function *f);
/* Where BAR nr is; 0: nowhere. The low type bits are not part of it. */
u64 vpci_bar_base(const struct vpci_function *f, u32 nr);
bool vpci_bar_decoded(const struct vpci_function *f, u32 nr);

enum io_result vpci_msix_io(void *function, struct io *io);
void vpci_msix_reset(struct vpci_function *f);
/* A mask was lifted, perhaps: send what is pending and may go. */
void vpci_message_flush(struct vpci_function *f);
/* The wire of INTx follows its registers. */
void vpci_intx_apply(struct vpci_function *f);
