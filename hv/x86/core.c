/* SPDX-License-Identifier: Apache-2.0 */
/* A physical core: how it sleeps, is woken, and protects itself. */
#include <hv/core.h>

#include <hv/pool.h>
#include <hv/time.h>
#include <hv/virt.h>

#include "core_arch.h"
#include "lapic.h"
#include "x86.h"

struct core_public core_table[CORES_LIMIT];
u32 core_count __attribute__((section(".sealed")));
u32 control_core __attribute__((section(".sealed")));
struct timebase timebase __attribute__((section(".sealed")));

void idle_wait(const u32 *doorbell);

hpa_t core_private_hpa(const void *p)
{
	u64 off = (u64)p - PRIVATE_VA;

	assert(off < sizeof(struct core));
	return HPA(this_core()->pub->private_hpa.v + off);
}

void core_ring_doorbell(u32 index)
{
	struct core_public *c = &core_table[index];

	if (exchange(&c->doorbell, 1))
		return;		/* rung and not looked at yet: whatever was stored before is seen then */
	store_release(&c->nmi_expected, 1);
	lapic_send(c->apic_id, ICR_NMI);
}

void core_nmi_self(void)
{
	struct core_public *c = this_core()->pub;

	store_release(&c->nmi_expected, 1);
	lapic_send(c->apic_id, ICR_NMI);
}

bool doorbell_pending(void)
{
	return load_relaxed(&this_core()->pub->doorbell) != 0;
}

void core_timer_set(u64 deadline)
{
	struct core *c = this_core();

	if (c->timer_armed == deadline)
		return;
	c->timer_armed = deadline;
	lapic_timer_arm(deadline);
}

void core_idle(u64 deadline)
{
	struct core *c = this_core();
	u64 begin = tsc_now();

	if (begin >= deadline)
		return;
	core_timer_set(deadline);
	idle_wait(&c->pub->doorbell);
	c->idle_cycles += tsc_now() - begin;
}

void core_take_interrupts(void)
{
	__asm__ volatile("sti; nop; nop; cli" ::: "memory");
}

#define CPUID_XSAVE_AVX (BIT32(26) | BIT32(28))
#define XCR0_X87_SSE_AVX 7u

bool core_take_avx(void)
{
	if ((cpuid(1, 0).ecx & CPUID_XSAVE_AVX) != CPUID_XSAVE_AVX ||
	    (cpuid(0xd, 0).eax & XCR0_X87_SSE_AVX) != XCR0_X87_SSE_AVX)
		return false;
	xsetbv(0, XCR0_X87_SSE_AVX);
	return true;
}

/* Page attributes: 0 WB, 1 WC, 2 UC-, 3 UC, 4 WB, 5 WP, 6 UC-, 7 WT. The same on all cores, as the manual demands. */
#define HOST_PAT 0x0407050600070106ul

void core_protect(void)
{
	struct cpuid_regs f = cpuid(7, 0);
	u64 cr4 = CR4_PAE | CR4_MCE | CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_DE;

	if (cpuid(0, 0).eax < 7)
		f = (struct cpuid_regs){ 0 };
	cr4 |= f.ebx & BIT32(7) ? CR4_SMEP : 0;
	cr4 |= f.ecx & BIT32(2) ? CR4_UMIP : 0;
	cr4 |= f.ebx & BIT32(20) ? CR4_SMAP : 0;
	cr4 |= cpuid(1, 0).ecx & BIT32(26) ? CR4_OSXSAVE : 0;
	wrmsr(MSR_EFER, (rdmsr(MSR_EFER) & (EFER_LME | EFER_LMA | EFER_SVME)) | EFER_NXE);
	write_cr0(CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_PG);
	write_cr4(cr4);
	wrmsr(MSR_PAT, HOST_PAT);
}

/* Known to hv/core, which starts what a core is for. */
NORETURN void core_main(void);

void core_start(u64 index)
{
	struct core *c = this_core();

	c->index = (u32)index;
	c->pub = &core_table[index];
	gdt_load();
	idt_load();
	core_protect();
	write_cr3(read_cr3());
	core_main();
}
