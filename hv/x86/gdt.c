/* SPDX-License-Identifier: Apache-2.0 */
#include "core_arch.h"
#include "host_state.h"
#include "x86.h"

struct PACKED table_register {
	u16 limit;
	u64 base;
};

struct PACKED idt_gate {
	u16 offset_low, selector;
	u8 ist, type;
	u16 offset_mid;
	u32 offset_high, reserved;
};

extern const u64 trap_entry[256];
extern const u8 stray_entry[];
static struct idt_gate idt[256] __attribute__((section(".sealed")));
static struct idt_gate idt_stray[256] __attribute__((section(".sealed")));

#define GATE_INTERRUPT 0x8e	/* present, DPL 0, 64-bit interrupt gate */
#define TSS_AVAILABLE 0x89ul

static void gdt_set_tss(struct core_arch *a)
{
	u64 base = (u64)&a->tss, limit = sizeof(a->tss) - 1;

	a->gdt[3] = limit | (base & 0xffffff) << 16 | TSS_AVAILABLE << 40 | (base >> 24 & 0xff) << 56;
	a->gdt[4] = base >> 32;
}

void gdt_load(void)
{
	struct core_arch *a = this_arch();
	struct table_register gdtr = { sizeof(a->gdt) - 1, (u64)a->gdt };

	a->gdt[1] = 0x00af9b000000ffff;	/* HOST_CS: 64-bit code, DPL 0, accessed */
	a->gdt[2] = 0x00cf93000000ffff;	/* HOST_DS */
	a->tss.ist[IST_NMI - 1] = STACK_TOP(STACK_NMI);
	a->tss.ist[IST_DF - 1] = STACK_TOP(STACK_DF);
	a->tss.ist[IST_MC - 1] = STACK_TOP(STACK_MC);
	a->tss.io_map = sizeof(a->tss);
	gdt_set_tss(a);
	__asm__ volatile("lgdt %0\n\t"
		"pushq %1\n\t"
		"leaq 1f(%%rip), %%rax\n\t"
		"pushq %%rax\n\t"
		"lretq\n"
		"1:\n\t"
		"movl %2, %%eax\n\t"
		"movl %%eax, %%ds\n\tmovl %%eax, %%es\n\tmovl %%eax, %%ss\n\t"
		"xorl %%eax, %%eax\n\tmovl %%eax, %%fs\n\tmovl %%eax, %%gs\n\t"
		"lldt %%ax\n\t"
		"movl %3, %%eax\n\tltr %%ax"
		:: "m"(gdtr), "i"(HOST_CS), "i"(HOST_DS), "i"(HOST_TSS) : "rax", "memory");
}

static struct idt_gate gate_to(u64 f)
{
	return (struct idt_gate){ .offset_low = (u16)f, .selector = HOST_CS, .type = GATE_INTERRUPT,
		.offset_mid = (u16)(f >> 16), .offset_high = (u32)(f >> 32) };
}

void idt_init(void)
{
	for (unsigned int v = 0; v < 256; v++)
		idt[v] = gate_to(trap_entry[v]);
	idt[VEC_NMI].ist = IST_NMI;
	idt[VEC_DF].ist = IST_DF;
	idt[VEC_MC].ist = IST_MC;
	for (unsigned int v = 0; v < 256; v++)
		idt_stray[v] = v < VECTOR_NOT_SENT ? idt[v] : gate_to((u64)stray_entry);
}

static void idt_use(const struct idt_gate *table)
{
	struct table_register idtr = { sizeof(idt) - 1, (u64)table };

	__asm__ volatile("lidt %0" :: "m"(idtr));
}

void idt_load(void)
{
	idt_use(idt);
}

void idt_load_stray(void)
{
	idt_use(idt_stray);
}

void host_state_get(struct host_state *h)
{
	*h = (struct host_state){
		.cr0 = read_cr0(), .cr3 = read_cr3(), .cr4 = read_cr4(), .efer = rdmsr(MSR_EFER), .pat = rdmsr(MSR_PAT),
		.tss_base = (u64)&this_arch()->tss, .gdt_base = (u64)this_arch()->gdt, .idt_base = (u64)idt,
	};
}
