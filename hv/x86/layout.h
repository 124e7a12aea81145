/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Where things are in the hypervisor's address space; docs/memory-map.md shows it as a picture. */

#include <hv/types.h>

#define IMAGE_VA	0xffffffff80000000ul	/* text, rodata, data: linker/hv.ld */
#define PRIVATE_VA	0xffffffffc0000000ul	/* struct core; each core's own */
#define ARCH_VA		0xffffffffc0080000ul	/* struct core_arch; each core's own */
#define STACK_VA	0xffffffffc0100000ul	/* stacks, each at the end of a slot whose rest is the guard */
#define STACK_SLOT	0x10000ul
#define POOL_VA		0xffffff0000000000ul	/* shared */
#define MMIO_VA		0xffffff4000000000ul	/* shared */
#define MMIO_SIZE	(64 * GiB)
#define SLOT_TOP	511			/* image and private half */
#define SLOT_SHARED	510			/* pool and devices */
#define SLOT_BYTES	(512 * GiB)
#define SLOT_GUEST	256			/* GUEST_RAM_VA; on the control core one window a guest */
#define SLOT_IMAGES	384			/* GUEST_IMAGES_VA; on the control core all boot files */
#define SLOT_DEVICES	448			/* GUEST_DEVICE_VA */

enum stack { STACK_MAIN, STACK_NMI, STACK_DF, STACK_MC, STACK_COUNT };
#define STACK_TOP(n) (STACK_VA + ((u64)(n) + 1) * STACK_SLOT)
