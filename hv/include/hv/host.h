/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What hv/core asks of the processor layer (hv/x86) at boot and on guest cores. */

#include <hv/boot_info.h>
#include <hv/guest.h>

/* Own GDT, IDT, page tables and stack on the boot core, then go on in next(0), for good. */
NORETURN void host_enter(const struct boot_info *info, void (*next)(u64));

/* Local APIC timer's rate against the TSC. */
void host_timers(void);

/* What became of the machine's DMA at boot. Sealed. */
#define HOST_SPARED_MAX 64
struct host_dma {
	u32 units;		/* IOMMUs that firmware describes */
	u32 taken;		/* of them were on, and are off now */
	u32 silent;		/* of them: nothing answers */
	u32 stubborn;		/* could not be switched off, or not be looked at: no guest may start */
	u64 stubborn_base;	/* the first of these, 0: no one in particular; and what is wrong with it */
	const char *stubborn_why;
	u32 spared_count;	/* PCI functions that keep mastering the bus, as firmware asks; more are not in the list */
	u16 spared[HOST_SPARED_MAX];	/* bus << 8 | device << 3 | function */
};
extern struct host_dma host_dma;

/* Silence every device that firmware left running, and switch IOMMUs off. -E_TIMEOUT: host_dma says which one goes on. */
int host_quiesce(void);

/* Start the other cores; each enters core_main(). Returns how many are up. */
u32 host_start_cores(u64 trampoline);

/* Touching this page of the pool is a fault from now on. Before the seal. -E_NOMEM. */
int host_guard_page(void *page);

/* Map size bytes more behind the pool's end, or unmap what lay behind it; other cores still see the latter until they have done
 * host_reload_tables(). Before the seal, or behind it, whether it is open or not. -E_NOMEM. */
int host_add_pool(hpa_t base, u64 size);
int host_cut_pool(u64 size);

/* Make page tables and sealed data read-only. */
void host_seal(void);

/* Between the two this core, and no other, may write what the seal protects: to make and drop guests. Not one inside of the
 * other; nothing else happens between them. Control core, interrupts off. */
void host_open_seal(void);
void host_close_seal(void);

/* Nested tables and the host mapping for g's cores. -E_NOMEM: what there is of them is for the next two. */
int host_build_guest(struct guest *g);

/* The guest goes: nobody finds its RAM in a page table any more. Then, when its cores have done host_reload_tables(), its
 * tables go back to the pool. Both also for what host_build_guest() left half done. */
void host_hide_guest(struct guest *g);
void host_free_guest(struct guest *g);

/* Is RAM of a guest in core's page tables? For the audit. */
bool host_sees_guests(u32 core);

/* Let core read the boot files at file_ptr(). */
int host_map_files(const struct boot_info *info, u32 core);
const void *host_file_ptr(u64 hpa);

/* Let the control core write a file that comes later, at host_file_ptr(base); or not see it any more. Whole blocks. Control core,
 * interrupts off. -E_NOMEM. */
int host_map_file(u64 base, u64 size, bool there);

/* The first guest-physical address of this range of g's RAM that its nested tables do not lead to where it belongs;
 * ~0: none. For the audit. */
u64 host_guest_other(const struct guest *g, u32 range);

/* May gpa be executed, as memory of a device (flash) that is mapped at this moment? Own cores. */
bool host_device_executable(const struct guest *g, u64 gpa);

/* Leaves of g's table for devices that do not lead into its own device RAM; 0 is right. For the audit. */
u64 host_count_foreign(const struct guest *g);

/* Take over what the control core changed in this core's tables. */
void host_reload_tables(void);

/* Local APIC and the like of the core that calls; before anything else there. */
void host_prepare_core(void);

/* Leaves of this core's address space that can be written and executed; 0 is right. */
u64 host_count_wx(void);
