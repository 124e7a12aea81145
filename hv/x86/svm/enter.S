/* SPDX-License-Identifier: Apache-2.0 */
/* Into the guest and back, again and again. VMRUN keeps RAX, RSP, RIP, RFLAGS, segments and control registers of both
 * sides; the other general registers and what VMLOAD/VMSAVE move are ours to switch. */
#include "enter.h"

/* This core's struct core has one address on every core, so neither side needs a register that points to it. */
#define AT(off) core_private + (off)(%rip)
#define GPR(n) AT(CORE_GPR + 8 * (n))		/* order: enum gpr */

	.text
	.globl svm_enter
	.type svm_enter, @function

/* void svm_enter(void). The registers that a C function has to keep are saved once for many exits. */
svm_enter:
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	sub	$8, %rsp		/* on 16 bytes at the call */
again:
	/* A host interrupt ends the guest only if RFLAGS.IF is set at VMRUN: APM 2 "Virtualizing APIC.TPR" and
	 * V_INTR_MASKING. GIF is clear, so nothing comes before; and the shadow of STI is over long before VMRUN. */
	sti
	mov	AT(CORE_VMCB_HPA), %rax
	mov	GPR(1), %rcx
	mov	GPR(2), %rdx
	mov	GPR(3), %rbx
	mov	GPR(5), %rbp
	mov	GPR(6), %rsi
	mov	GPR(7), %rdi
	mov	GPR(8), %r8
	mov	GPR(9), %r9
	mov	GPR(10), %r10
	mov	GPR(11), %r11
	mov	GPR(12), %r12
	mov	GPR(13), %r13
	mov	GPR(14), %r14
	mov	GPR(15), %r15

	vmload	%rax
	vmrun	%rax
	vmsave	%rax		/* RAX is the host's again: vmcb_hpa */

	/* The host's TR, for the stacks of its interrupt handlers, before the first one can run. */
	add	$0x1000, %rax		/* PAGE_HOST lies behind PAGE_VMCB */
	vmload	%rax
	mov	%rcx, GPR(1)
	mov	%rdx, GPR(2)
	mov	%rbx, GPR(3)
	mov	%rbp, GPR(5)
	mov	%rsi, GPR(6)
	mov	%rdi, GPR(7)
	mov	%r8, GPR(8)
	mov	%r9, GPR(9)
	mov	%r10, GPR(10)
	mov	%r11, GPR(11)
	mov	%r12, GPR(12)
	mov	%r13, GPR(13)
	mov	%r14, GPR(14)
	mov	%r15, GPR(15)
	/* The NMI that ended the guest was held and comes at STGI; maskable interrupts wait for the host's own time. */
	cli
	stgi
	call	svm_exited
	test	%al, %al
	jnz	again
	add	$8, %rsp
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret
	.size svm_enter, . - svm_enter

	.section .note.GNU-stack, "", @progbits
