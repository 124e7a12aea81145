/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The tables that the processor itself reads on one core, and who sets them up. Own core. */

#include <hv/core.h>

#include "layout.h"

struct PACKED tss {
	u32 reserved0;
	u64 rsp[3];
	u64 reserved1;
	u64 ist[7];		/* ist[0] is IST1 */
	u64 reserved2;
	u16 reserved3, io_map;
};

enum ist { IST_NMI = 1, IST_DF = 2, IST_MC = 3 };

struct core_arch {
	u64 gdt[8];
	struct tss tss;
};
_Static_assert(sizeof(struct core_arch) <= PAGE_SIZE, "one page is mapped for it");

#define this_arch() ((struct core_arch *)ARCH_VA)

/* Build and load this core's GDT, TSS and the common IDT. */
void gdt_load(void);
void idt_load(void);

/* Use the table in which all vectors that a local APIC can deliver are ended and forgotten; NMIs and faults are as usual. */
#define VECTOR_NOT_SENT 15u	/* the highest that no local APIC delivers, and no exception: in that table it is ended too */
void idt_load_stray(void);
/* Fill the common IDT; once, boot core. */
void idt_init(void);

/* Control registers, EFER, PAT and protections as every core of ours runs. */
void core_protect(void);

/* First C code of a core on its own stack and tables; does not return. */
NORETURN void core_start(u64 index);

/* Change to own tables and stack, call fn(arg) there; does not return. hv/x86/entry.S */
NORETURN void core_switch(u64 cr3, u64 rsp, void (*fn)(u64), u64 arg);
