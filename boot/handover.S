/* SPDX-License-Identifier: Apache-2.0 */
/* void handover_jump(const struct handover *h), RDI: into the hypervisor, for good. boot.h describes the fields.
 *
 * Firmware's and our page tables both map this code at its physical address, so CR3 may change under it. Where firmware
 * runs with 5-level paging, our root of five levels is loaded first, then long mode is left through code below 4 GiB
 * (SDM 3A "5-Level Paging" (4.5.1.2): CR4.LA57 cannot be changed in 64-bit mode) and entered again with four. */

#define H_ROOT 0
#define H_ROOT5 8
#define H_ENTRY 16
#define H_INFO 24
#define H_STACK 32
#define H_GDT 40
#define H_LOW_PAGE 48

#define CODE64 8
#define DATA 16
#define CODE32 24

#define CR0_PG 0x80000000
#define CR4_PGE (1 << 7)
#define CR4_LA57 (1 << 12)
#define CR4_PCIDE (1 << 17)
#define CR4_CET (1 << 23)

	.text
	.globl handover_jump
handover_jump:
	cli
	cld
	mov	H_STACK(%rdi), %rsp
	mov	%cr4, %rax
	and	$~(CR4_CET | CR4_PCIDE | CR4_PGE), %rax	/* nothing of firmware's stays cached */
	mov	%rax, %cr4
	mov	H_ROOT(%rdi), %rcx
	bt	$12, %rax
	jnc	1f
	mov	H_ROOT5(%rdi), %rcx
1:	mov	%rcx, %cr3

	mov	H_GDT(%rdi), %rcx
	sub	$16, %rsp
	movw	$(4 * 8 - 1), 6(%rsp)
	mov	%rcx, 8(%rsp)
	lgdt	6(%rsp)
	add	$16, %rsp
	mov	$DATA, %ecx
	mov	%ecx, %ss
	mov	%ecx, %ds
	mov	%ecx, %es

	pushq	H_ENTRY(%rdi)
	pushq	H_INFO(%rdi)
	bt	$12, %rax
	jc	leave_five_levels
	pushq	$CODE64
	lea	enter_hypervisor(%rip), %rax
	push	%rax
	lretq

/* Upper register halves may be lost outside of long mode: what is needed after it lies on the stack. All addresses
 * here are below 4 GiB: leave.c refuses otherwise. */
leave_five_levels:
	mov	H_ROOT(%rdi), %rdx
	mov	H_LOW_PAGE(%rdi), %rbx
	mov	%rbx, %rdi
	lea	switch_levels(%rip), %rsi
	mov	$(switch_levels_end - switch_levels), %ecx
	rep movsb
	sub	$8, %rsp
	lea	(enter_from_low - switch_levels)(%rbx), %rax
	mov	%eax, (%rsp)			/* a far pointer: offset and selector */
	movl	$CODE64, 4(%rsp)
	mov	%esp, %ebp
	pushq	$CODE32
	push	%rbx
	lretq

/* From here on a copy runs, in the low page. */
	.code32
switch_levels:
	mov	%cr0, %eax
	and	$~CR0_PG, %eax
	mov	%eax, %cr0
	mov	%cr4, %eax
	and	$~CR4_LA57, %eax
	mov	%eax, %cr4
	mov	%edx, %cr3
	mov	%cr0, %eax
	or	$CR0_PG, %eax
	mov	%eax, %cr0
	ljmp	*(%ebp)

	.code64
enter_from_low:
	mov	%ebp, %esp
	add	$8, %rsp
enter_hypervisor:
	xor	%eax, %eax
	mov	%eax, %fs
	mov	%eax, %gs
	lldt	%ax
	pop	%rdi
	pop	%rsi
	xor	%ebp, %ebp
	jmp	*%rsi
switch_levels_end:

	.section .note.GNU-stack, "", @progbits
