/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What hv/core asks of the processor layer (hv/x86) at boot and on guest cores. */

#include <hv/boot_info.h>
#include <hv/guest.h>

/* Own GDT, IDT, page tables and stack on the boot core, then go on in next(0), for good. */
NORETURN void host_enter(const struct boot_info *info, void (*next)(u64));

/* Local APIC timer's rate against the TSC. */
void host_timers(void);

/* Silence every device that firmware left running. */
void host_quiesce(void);

/* Start the other cores; each enters core_main(). Returns how many are up. */
u32 host_start_cores(u64 trampoline);

/* Make page tables and sealed data read-only. */
void host_seal(void);

/* Nested tables and the host mapping for g's cores. -E_NOMEM. */
int host_build_guest(struct guest *g);

/* Let this core read the boot files at file_ptr(). */
int host_map_files(const struct boot_info *info);
const void *host_file_ptr(u64 hpa);

/* Physical address that g's nested tables give for gpa; ~0: none. For the audit. */
u64 host_guest_hpa(const struct guest *g, u64 gpa);

/* Leaves of g's table for devices that do not lead into its own device RAM; 0 is right. For the audit. */
u64 host_count_foreign(const struct guest *g);

/* Take over what the control core changed in this core's tables. */
void host_reload_tables(void);

/* Local APIC and the like of the core that calls; before anything else there. */
void host_prepare_core(void);

/* Leaves of this core's address space that can be written and executed; 0 is right. */
u64 host_count_wx(void);
