/* SPDX-License-Identifier: Apache-2.0 */
/* Into the guest and back, again and again. HOST_RSP is v->gpr, so that an exit stores the guest's registers without
 * needing one of its own; the host's RSP waits in the slot of RSP. Nothing may fault on that "stack" (NMI and #MC have
 * their own). The registers that a C function has to keep are saved once for many exits. */

	.section .text, "ax", @progbits

#define GPR(n) (8 * (n))
#define RSP_SLOT GPR(4)
#define INSN_ERROR 0x4400		/* vmcs.h */
#define EXIT_REASON 0x4402
#define NOT_LAUNCHED 5			/* SDM 3C "VM Instruction Error Numbers" */
#define VMX_FAIL_INVALID 0x10000	/* vmx.h */
#define VMX_FAIL_VALID 0x20000

/* void vmx_enter(u64 *gpr) */
	.globl vmx_enter
	.type vmx_enter, @function
vmx_enter:
	push	%rbp
	push	%rbx
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	push	%rdi			/* keeps the stack on 16 bytes at the call */
	mov	%rdi, %rax

enter:	mov	%rsp, RSP_SLOT(%rax)
	mov	GPR(1)(%rax), %rcx
	mov	GPR(2)(%rax), %rdx
	mov	GPR(3)(%rax), %rbx
	mov	GPR(5)(%rax), %rbp
	mov	GPR(6)(%rax), %rsi
	mov	GPR(7)(%rax), %rdi
	mov	GPR(8)(%rax), %r8
	mov	GPR(9)(%rax), %r9
	mov	GPR(10)(%rax), %r10
	mov	GPR(11)(%rax), %r11
	mov	GPR(12)(%rax), %r12
	mov	GPR(13)(%rax), %r13
	mov	GPR(14)(%rax), %r14
	mov	GPR(15)(%rax), %r15
	mov	GPR(0)(%rax), %rax
	vmresume

/* Not entered; registers are the guest's, the stack is the host's. CF: VMfailInvalid, else VMfailValid. SDM 3C
 * "Conventions". The first entry of a control structure has to be a VMLAUNCH. */
	jc	fail_invalid
	push	%rax
	mov	$INSN_ERROR, %eax
	vmread	%rax, %rax
	cmp	$NOT_LAUNCHED, %eax
	pop	%rax
	jne	fail_valid
	vmlaunch
	jc	fail_invalid
fail_valid:
	mov	$VMX_FAIL_VALID, %edi
	jmp	judge
fail_invalid:
	mov	$VMX_FAIL_INVALID, %edi
	jmp	judge

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
	vmread	%rax, %rdi
judge:	call	vmx_exit
	test	%rax, %rax
	jnz	enter
	pop	%rdi
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbx
	pop	%rbp
	ret
	.size vmx_enter, . - vmx_enter

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
