/* SPDX-License-Identifier: Apache-2.0 */
/* void handover_jump(cr3 RDI, entry RSI, info RDX, stack RCX, gdt R8): into the hypervisor, for good.
 * Firmware's and our page tables both map this code at its physical address, so CR3 may change under it. */

	.text
	.globl handover_jump
handover_jump:
	cli
	cld
	mov	%rcx, %rsp
	mov	%cr4, %rax
	and	$~((1 << 23) | (1 << 17) | (1 << 7)), %rax	/* CET, PCIDE, PGE: nothing of firmware's stays cached */
	mov	%rax, %cr4
	mov	%rdi, %cr3

	sub	$16, %rsp
	movw	$(3 * 8 - 1), 6(%rsp)
	mov	%r8, 8(%rsp)
	lgdt	6(%rsp)
	add	$16, %rsp
	pushq	$8
	lea	1f(%rip), %rax
	push	%rax
	lretq
1:	mov	$16, %eax
	mov	%eax, %ss
	mov	%eax, %ds
	mov	%eax, %es
	xor	%eax, %eax
	mov	%eax, %fs
	mov	%eax, %gs
	lldt	%ax

	mov	%rdx, %rdi
	xor	%ebp, %ebp
	jmp	*%rsi

	.section .note.GNU-stack, "", @progbits
