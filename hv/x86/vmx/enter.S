/* SPDX-License-Identifier: Apache-2.0 */
/* Into the guest and back. HOST_RSP is v->gpr, so that an exit stores the guest's registers without needing one of its
 * own; the host's RSP waits in the slot of RSP. Nothing may fault on that "stack" (NMI and #MC have their own). */

	.section .text, "ax", @progbits

#define GPR(n) (8 * (n))
#define RSP_SLOT GPR(4)
#define EXIT_REASON 0x4402		/* vmcs.h */
#define VMX_FAIL_INVALID 0x10000	/* vmx.h */
#define VMX_FAIL_VALID 0x20000

/* u64 vmx_resume(u64 *gpr), u64 vmx_launch(u64 *gpr) */
	.macro enter name, instruction
	.globl \name
	.type \name, @function
\name:
	push	%rbp
	push	%rbx
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rsp, RSP_SLOT(%rdi)
	mov	GPR(0)(%rdi), %rax
	mov	GPR(1)(%rdi), %rcx
	mov	GPR(2)(%rdi), %rdx
	mov	GPR(3)(%rdi), %rbx
	mov	GPR(5)(%rdi), %rbp
	mov	GPR(6)(%rdi), %rsi
	mov	GPR(8)(%rdi), %r8
	mov	GPR(9)(%rdi), %r9
	mov	GPR(10)(%rdi), %r10
	mov	GPR(11)(%rdi), %r11
	mov	GPR(12)(%rdi), %r12
	mov	GPR(13)(%rdi), %r13
	mov	GPR(14)(%rdi), %r14
	mov	GPR(15)(%rdi), %r15
	mov	GPR(7)(%rdi), %rdi
	\instruction
	jmp	not_entered
	.size \name, . - \name
	.endm

	enter	vmx_resume, vmresume
	enter	vmx_launch, vmlaunch

/* The stack is still the host's. CF: VMfailInvalid, else VMfailValid. SDM 3C "Conventions" */
not_entered:
	mov	$VMX_FAIL_VALID, %eax
	mov	$VMX_FAIL_INVALID, %ecx
	cmovc	%ecx, %eax
	jmp	back

	.globl vmx_exit_entry
vmx_exit_entry:
	mov	%rax, GPR(0)(%rsp)
	mov	%rcx, GPR(1)(%rsp)
	mov	%rdx, GPR(2)(%rsp)
	mov	%rbx, GPR(3)(%rsp)
	mov	%rbp, GPR(5)(%rsp)
	mov	%rsi, GPR(6)(%rsp)
	mov	%rdi, GPR(7)(%rsp)
	mov	%r8, GPR(8)(%rsp)
	mov	%r9, GPR(9)(%rsp)
	mov	%r10, GPR(10)(%rsp)
	mov	%r11, GPR(11)(%rsp)
	mov	%r12, GPR(12)(%rsp)
	mov	%r13, GPR(13)(%rsp)
	mov	%r14, GPR(14)(%rsp)
	mov	%r15, GPR(15)(%rsp)
	mov	RSP_SLOT(%rsp), %rsp
	mov	$EXIT_REASON, %eax
	vmread	%rax, %rax
back:	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbx
	pop	%rbp
	ret
	.size vmx_exit_entry, . - vmx_exit_entry

/* void vmx_fpu_reset_xrstor(const void *image): all components of XCR0 to their initial state, as XSTATE_BV is 0 */
	.globl vmx_fpu_reset_xrstor
	.type vmx_fpu_reset_xrstor, @function
vmx_fpu_reset_xrstor:
	mov	$-1, %eax
	mov	$-1, %edx
	xrstor64 (%rdi)
	ret
	.size vmx_fpu_reset_xrstor, . - vmx_fpu_reset_xrstor

/* void vmx_fpu_reset_fxrstor(const void *image): the same where XSAVE does not exist */
	.globl vmx_fpu_reset_fxrstor
	.type vmx_fpu_reset_fxrstor, @function
vmx_fpu_reset_fxrstor:
	fxrstor64 (%rdi)
	ret
	.size vmx_fpu_reset_fxrstor, . - vmx_fpu_reset_fxrstor

	.section .note.GNU-stack, "", @progbits
