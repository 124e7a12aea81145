/* SPDX-License-Identifier: Apache-2.0 */
/* One entry for each of the 256 vectors; all end in trap(struct trap_frame *) of traps.c. */

	.text
	.altmacro
	.macro STUB n
trap_\n:
	.if !((\n == 8) || ((\n >= 10) && (\n <= 14)) || (\n == 17) || (\n == 21) || (\n == 29) || (\n == 30))
	pushq $0
	.endif
	pushq $\n
	jmp trap_common
	.endm
	.set i, 0
	.rept 256
	STUB %i
	.set i, i + 1
	.endr

trap_common:
	pushq %rax
	pushq %rcx
	pushq %rdx
	pushq %rbx
	pushq %rbp
	pushq %rsi
	pushq %rdi
	pushq %r8
	pushq %r9
	pushq %r10
	pushq %r11
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	cld
	movq %rsp, %rdi
	call trap
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %r11
	popq %r10
	popq %r9
	popq %r8
	popq %rdi
	popq %rsi
	popq %rbp
	popq %rbx
	popq %rdx
	popq %rcx
	popq %rax
	addq $16, %rsp
	iretq

	/* An interrupt that a guest's APIC left behind: x2APIC mode, so the EOI is MSR 80BH. */
	.globl stray_entry
stray_entry:
	pushq %rax
	pushq %rcx
	pushq %rdx
	movl $0x80b, %ecx
	xorl %eax, %eax
	xorl %edx, %edx
	wrmsr
	popq %rdx
	popq %rcx
	popq %rax
	iretq

	.section .rodata
	.balign 8
	.globl trap_entry
	.macro ENTRY n
	.quad trap_\n
	.endm
trap_entry:
	.set i, 0
	.rept 256
	ENTRY %i
	.set i, i + 1
	.endr

	.section .note.GNU-stack, "", @progbits
