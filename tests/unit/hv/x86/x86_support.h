/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A guest with one vcpu for the tests of hv/x86: RAM, page tables, a device, and a backend that only keeps state. */

#include <hv/emulate.h>
#include <hv/gmem.h>
#include <hv/virt.h>

#define RAM_LOW (16 * MiB)
#define RAM_HIGH (8 * MiB)
#define HIGH_BASE (4 * GiB)
#define DEVICE_GPA 0xd0000000ul		/* two pages of plain bytes behind mmio_access() */
#define DEVICE_SIZE 8192u
#define ROOT_GPA 0x100000ul		/* the page tables that world_map() builds */

struct world {
	struct guest g;
	struct vcpu v;
	struct cpu_state s;		/* what the backend holds */
	u8 device[DEVICE_SIZE];
	u32 device_reads, device_writes, unclaimed;
	u32 last_size, biggest;		/* bytes of device accesses */
	u8 xmm[16][32];			/* 16 bytes of XMM, 32 of YMM */
	u32 pkru;
	u8 port_out[256];
	u32 port_out_count, port_in_count;
	u16 last_port;
	char killed[32];		/* id of the last guest_kill() */
	char reason[160];
	u64 next_table;
	u32 trap_calls;
	bool vlapic_ok;			/* what the local APIC's MSRs answer */
	u32 vlapic_calls, tsc_moves;
	u32 apic_reg, apic_val;		/* the last write to the xAPIC page */
	u32 *eoi_word;
	u32 panics;
	struct plan_guest plan;
};
extern struct world *w;

/* A fresh world in 64-bit mode, CPL 0, paging on with an identity map of the low RAM, writable, supervisor. */
void world_reset(void);

/* Map va to gpa with flags (low bits and NX) in 4-level tables; replaces what was there. */
void world_map(u64 va, u64 gpa, u64 flags);
/* The leaf entry that maps va. */
u64 *world_pte(u64 va);

/* Write code at guest address gpa and let the vcpu exit there as kind. */
void world_code(u64 gpa, const void *code, u32 len, enum vmexit_kind kind);

/* A repeatable random number. */
u64 rnd(void);
