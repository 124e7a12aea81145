/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Between memory.c and leave.c only. */

#include "boot.h"

/* One GetMemoryMap into the buffer that memory_read_map() made, without any allocation, as ExitBootServices asks. */
EFI_STATUS memory_get_map(struct map_input *map, UINTN *key);
