/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The PC of pc_fake.h for a guest that boots firmware: with flash in malloc()ed memory of exactly its size, and RAM that
 * fake gmem functions reach. */

#include "pc_fake.h"

#define UEFI_VARS_SIZE (8 * VFLASH_BLOCK)
#define UEFI_CODE_SIZE (2 * VFLASH_BLOCK)
#define UEFI_RAM (2 * MiB)
#define UEFI_CODE (4 * GiB - UEFI_CODE_SIZE)
#define UEFI_VARS (UEFI_CODE - UEFI_VARS_SIZE)

struct guest *uefi_guest_new(void);
void uefi_guest_free(struct guest *g);
int uefi_setup(void **state);
int uefi_teardown(void **state);

/* One access to memory through the bus. */
u64 mem_read(struct guest *g, u64 gpa, u8 size);
void mem_write(struct guest *g, u64 gpa, u64 val, u8 size);
