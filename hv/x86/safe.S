/* SPDX-License-Identifier: Apache-2.0 */
/* MSR accesses that may fault: the #GP handler looks up the faulting RIP in .fixup and goes on at the partner. */

	.macro FIXUP from to
	.pushsection .fixup, "a"
	.quad \from, \to
	.popsection
	.endm

	.text
	/* bool rdmsr_safe(u32 msr, u64 *val) */
	.globl rdmsr_safe
rdmsr_safe:
	movl %edi, %ecx
1:	rdmsr
	shlq $32, %rdx
	orq %rdx, %rax
	movq %rax, (%rsi)
	movl $1, %eax
	ret
	FIXUP 1b msr_faulted

	/* bool wrmsr_safe(u32 msr, u64 val) */
	.globl wrmsr_safe
wrmsr_safe:
	movl %edi, %ecx
	movl %esi, %eax
	movq %rsi, %rdx
	shrq $32, %rdx
2:	wrmsr
	movl $1, %eax
	ret
	FIXUP 2b msr_faulted

msr_faulted:
	xorl %eax, %eax
	ret

	.section .note.GNU-stack, "", @progbits
