/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The drivers that drivers.c lists. */

#include <hv/pci.h>

extern const struct host_driver xhci_driver;	/* usb/xhci.c */
extern const struct host_driver ide_driver;	/* disk/ide.c */
extern const struct host_driver virtio_blk_driver;	/* disk/virtio_blk.c */
extern const struct host_driver intel_driver;	/* net/intel.c */
extern const struct host_driver vionet_driver;	/* net/vionet.c */
extern const struct host_driver nvme_driver;	/* disk/nvme.c */
extern const struct host_driver ahci_driver;	/* disk/ahci.c */
