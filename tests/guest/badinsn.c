/* SPDX-License-Identifier: Apache-2.0 */
/* badinsn: every instruction of VMX, SVM and SMX, and the bits that would switch them on: #UD and #GP, nothing else. */

#include "lib/lib.h"

const char test_name[] = "badinsn";

static u64 memory[2] __attribute__((aligned(16)));

#define INSN(name, text) static void try_##name(u64 a) { __asm__ volatile(text :: "a"(a), "c"(0), "d"(0) : "memory"); }
INSN(vmxon, "vmxon (%%rax)")
INSN(vmxoff, "vmxoff")
INSN(vmclear, "vmclear (%%rax)")
INSN(vmptrld, "vmptrld (%%rax)")
INSN(vmptrst, "vmptrst (%%rax)")
INSN(vmlaunch, "vmlaunch")
INSN(vmresume, "vmresume")
INSN(vmread, "vmread %%rcx, %%rdx")
INSN(vmwrite, "vmwrite %%rcx, %%rdx")
INSN(invept, "invept (%%rax), %%rcx")
INSN(invvpid, "invvpid (%%rax), %%rcx")
INSN(vmfunc, ".byte 0x0f, 0x01, 0xd4")
INSN(vmrun, "vmrun %%rax")
INSN(vmload, "vmload %%rax")
INSN(vmsave, "vmsave %%rax")
INSN(stgi, "stgi")
INSN(clgi, "clgi")
INSN(skinit, "skinit %%eax")
INSN(invlpga, "invlpga %%rax, %%ecx")
INSN(getsec, "push %%rbx; xor %%eax, %%eax; .byte 0x0f, 0x37; pop %%rbx")
INSN(rsm, "rsm")
INSN(ud2, "ud2")
INSN(lock_nop, ".byte 0xf0, 0x90")
INSN(hypercall_intel, "push %%rbx; vmcall; pop %%rbx")
INSN(hypercall_amd, "push %%rbx; vmmcall; pop %%rbx")

static const struct {
	const char *name;
	void (*fn)(u64);
} undefined[] = {
	{ "vmxon", try_vmxon }, { "vmxoff", try_vmxoff }, { "vmclear", try_vmclear }, { "vmptrld", try_vmptrld },
	{ "vmptrst", try_vmptrst }, { "vmlaunch", try_vmlaunch }, { "vmresume", try_vmresume }, { "vmread", try_vmread },
	{ "vmwrite", try_vmwrite }, { "invept", try_invept }, { "invvpid", try_invvpid }, { "vmfunc", try_vmfunc },
	{ "vmrun", try_vmrun }, { "vmload", try_vmload }, { "vmsave", try_vmsave }, { "stgi", try_stgi },
	{ "clgi", try_clgi }, { "skinit", try_skinit }, { "invlpga", try_invlpga }, { "getsec", try_getsec },
	{ "rsm", try_rsm }, { "ud2", try_ud2 }, { "lock nop", try_lock_nop },
};

static void set_svme(u64 bit)
{
	wrmsr(0xc0000080, rdmsr(0xc0000080) | bit);
}

static void set_cr4(u64 bit)
{
	u64 cr4;

	__asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
	__asm__ volatile("mov %0, %%cr4" :: "r"(cr4 | bit) : "memory");
}

static long kvm_call(u64 nr)
{
	long r = (long)nr;
	u32 v[4];

	cpuid(0, 0, v);
	if (v[1] == 0x756e6547)		/* "Genu": Intel */
		__asm__ volatile("vmcall" : "+a"(r) : "b"(0), "c"(0), "d"(0), "S"(0) : "memory");
	else
		__asm__ volatile("vmmcall" : "+a"(r) : "b"(0), "c"(0), "d"(0), "S"(0) : "memory");
	return r;
}

void test_main(void)
{
	int v;

	for (u32 i = 0; i < sizeof(undefined) / sizeof(undefined[0]); i++) {
		v = trap_try(undefined[i].fn, (u64)memory);
		check(v == 6, "%s: vector %d", undefined[i].name, v);
	}
	if (!under_hypervisor())
		return;		/* its bits may exist here; and QEMU 7.2 never comes back from a wrong CR4 write */
	v = trap_try(set_cr4, 1 << 13);
	check(v == 13, "CR4.VMXE: vector %d", v);
	v = trap_try(set_cr4, 1 << 14);
	check(v == 13, "CR4.SMXE: vector %d", v);
	v = trap_try(set_svme, 1 << 12);
	check(v == 13, "EFER.SVME: vector %d", v);
	/* The foreign vendor's call may be undefined; it must not end the guest. */
	v = trap_try(try_hypercall_intel, 0x7777);
	check(v == -1 || v == 6, "vmcall: vector %d", v);
	v = trap_try(try_hypercall_amd, 0x7777);
	check(v == -1 || v == 6, "vmmcall: vector %d", v);
	check(kvm_call(0x7777) == -1000, "unknown hypercall returns %ld", kvm_call(0x7777));
}
