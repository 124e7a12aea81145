/* SPDX-License-Identifier: Apache-2.0 */
/* Into the guest and back. VMRUN keeps RAX, RSP, RIP, RFLAGS, segments and control registers of both sides; the other
 * general registers and what VMLOAD/VMSAVE move are ours to switch. */

	.text
	.globl svm_enter
	.type svm_enter, @function

/* void svm_enter(u64 *gpr, u64 vmcb_hpa); order of gpr[]: enum gpr */
svm_enter:
	/* A host interrupt ends the guest only if RFLAGS.IF is set at VMRUN: APM 2 "Virtualizing APIC.TPR" and
	 * V_INTR_MASKING. GIF is clear, so nothing comes before; and the shadow of STI is over long before VMRUN. */
	sti
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	push	%rdi
	mov	%rsi, %rax
	mov	0x08(%rdi), %rcx
	mov	0x10(%rdi), %rdx
	mov	0x18(%rdi), %rbx
	mov	0x28(%rdi), %rbp
	mov	0x30(%rdi), %rsi
	mov	0x40(%rdi), %r8
	mov	0x48(%rdi), %r9
	mov	0x50(%rdi), %r10
	mov	0x58(%rdi), %r11
	mov	0x60(%rdi), %r12
	mov	0x68(%rdi), %r13
	mov	0x70(%rdi), %r14
	mov	0x78(%rdi), %r15
	mov	0x38(%rdi), %rdi

	vmload	%rax
	vmrun	%rax
	vmsave	%rax		/* RAX is the host's again: vmcb_hpa */

	/* The host's TR, for the stacks of its interrupt handlers, before the first one can run. */
	add	$0x1000, %rax		/* PAGE_HOST lies behind PAGE_VMCB */
	vmload	%rax
	pop	%rax
	mov	%rcx, 0x08(%rax)
	mov	%rdx, 0x10(%rax)
	mov	%rbx, 0x18(%rax)
	mov	%rbp, 0x28(%rax)
	mov	%rsi, 0x30(%rax)
	mov	%rdi, 0x38(%rax)
	mov	%r8, 0x40(%rax)
	mov	%r9, 0x48(%rax)
	mov	%r10, 0x50(%rax)
	mov	%r11, 0x58(%rax)
	mov	%r12, 0x60(%rax)
	mov	%r13, 0x68(%rax)
	mov	%r14, 0x70(%rax)
	mov	%r15, 0x78(%rax)
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	/* The NMI that ended the guest was held and comes at STGI; maskable interrupts wait for the host's own time. */
	cli
	stgi
	ret
	.size svm_enter, . - svm_enter

	.section .note.GNU-stack, "", @progbits
