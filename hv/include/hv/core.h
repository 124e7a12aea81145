/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A physical core. struct core is its private half: mapped at one fixed address on its own core and nowhere else;
 * struct core_public is what others may see. */

#include <hv/message.h>
#include <hv/vcpu.h>

#define CORES_LIMIT 256
#define VIRT_PAGES 10
#define CORE_STACK_SIZE (16 * KiB)

enum core_state { CORE_ABSENT, CORE_STARTING, CORE_IDLE, CORE_GUEST, CORE_CONTROL, CORE_FAILED };

/* Arrays of these are in shared memory. */
struct core_public {
	u32 index;
	u32 apic_id;
	u32 state;			/* (a) enum core_state */
	u32 doorbell;			/* (a) 1: rung, cleared by the owner when it looks */
	hpa_t private_hpa;		/* start of its struct core; set before the core starts */
	hpa_t root;			/* its page-table root */
	u32 package;
	struct message_ring to_core;	/* control core -> this core */
	struct message_ring from_core;	/* this core -> control core */
	u32 nmi_expected;		/* (a) a doorbell NMI is on its way */
	u64 nmi_unexpected;		/* NMIs without a doorbell: the hardware's */
	const struct guest *guest;	/* (c) whose vcpu it runs; null: free */
	u32 vcpu;
	char why[96];			/* CORE_FAILED: in words */
} __attribute__((aligned(64)));

struct core_arch;			/* hv/x86/core_arch.h: GDT, TSS, stacks */

struct core {
	struct core_public *pub;
	u32 index;
	bool is_control;
	bool x2apic;			/* this core's own local APIC mode */
	u64 *guest_pml4_slots;
	u8 virt_page[VIRT_PAGES][PAGE_SIZE] PAGE_ALIGNED;	/* the vendor's: control structures, bitmaps */
	struct vcpu vcpu;		/* the one that lives here */
	u64 idle_cycles;
	u32 messages;			/* those of devices that came and were not looked at yet, a bit each */
	u64 timer_armed;		/* host TSC for which the local APIC timer is set; U64_MAX none */
};

/* Placed by linker/hv.ld at the fixed private address; a plain variable in unit tests. */
extern struct core core_private;
#define this_core() (&core_private)

extern struct core_public core_table[CORES_LIMIT];
extern u32 core_count;			/* set at boot, sealed */
extern u32 control_core;		/* index; set at boot, sealed */

/* Physical address of something inside this core's struct core. Own core only. */
hpa_t core_private_hpa(const void *p);

/* Ring core's doorbell: word, then NMI. Any core. Returns at once. */
void core_ring_doorbell(u32 index);

/* An NMI to this core, without ringing. Own core. */
void core_nmi_self(void);

/* Halt this core until its doorbell rings, a host interrupt comes, or the TSC passes deadline (U64_MAX: no limit).
 * Returns at once if the doorbell word is set already. Own core, interrupts off. */
void core_idle(u64 deadline);

/* Switch AVX on for this core's own code. false: the processor has none. Control core, which runs no guest whose XCR0
 * that would be. SDM 1 "Detection of AVX Instructions". */
bool core_take_avx(void);

/* Let pending host interrupts and NMIs in for a moment. Own core, interrupts off before and after. */
void core_take_interrupts(void);

/* Arm this core's local APIC timer so that a host interrupt comes at TSC deadline (U64_MAX: disarm). Cheap when the
 * deadline did not change. SVM's run() and core_idle() use it; the interrupt only wakes. */
void core_timer_set(u64 deadline);
