/* SPDX-License-Identifier: Apache-2.0 */
/* Where a core begins after SIPI: real mode at the start of a page below 1 MiB that boot/ set aside. Copied there by
 * smp.c, which fills in trampoline_page and trampoline_cr3; position: CS = page >> 4, IP = 0. */

	.section .rodata
	.balign 16
	.globl trampoline_start, trampoline_end, trampoline_page, trampoline_cr3
	.code16
trampoline_start:
	cli
	cld
	movw %cs, %ax
	movw %ax, %ds
	/* linear address of this page */
	movl (trampoline_page - trampoline_start), %ebx
	leal (gdt - trampoline_start)(%ebx), %eax
	movl %eax, (gdtr - trampoline_start + 2)
	lgdtl (gdtr - trampoline_start)
	leal (mode32 - trampoline_start)(%ebx), %eax
	movl %eax, (far32 - trampoline_start)
	leal (mode64 - trampoline_start)(%ebx), %eax
	movl %eax, (far64 - trampoline_start)
	movl %cr0, %eax
	orl $1, %eax
	movl %eax, %cr0
	ljmpl *(far32 - trampoline_start)

	.code32
mode32:
	movw $0x10, %ax
	movw %ax, %ds
	movw %ax, %ss
	movl %cr4, %eax
	orl $0x20, %eax			/* PAE */
	movl %eax, %cr4
	movl (trampoline_cr3 - trampoline_start)(%ebx), %eax
	movl %eax, %cr3
	movl $0xc0000080, %ecx
	rdmsr
	orl $0x900, %eax		/* LME, NXE: the tables use no-execute */
	wrmsr
	movl %cr0, %eax
	andl $0x9fffffff, %eax		/* caches on: INIT leaves CD and NW set */
	orl $0x80010001, %eax		/* PG, WP, PE */
	movl %eax, %cr0
	ljmpl *(far64 - trampoline_start)(%ebx)

	.code64
mode64:
	movw $0x10, %ax
	movw %ax, %ds
	movw %ax, %es
	movw %ax, %ss
	movabsq $ap_entry, %rax
	jmp *%rax

	.balign 8
gdt:	.quad 0
	.quad 0x00af9b000000ffff	/* 08: 64-bit code */
	.quad 0x00cf93000000ffff	/* 10: data */
	.quad 0x00cf9b000000ffff	/* 18: 32-bit code */
gdtr:	.word gdtr - gdt - 1
	.long 0
far32:	.long 0
	.word 0x18
far64:	.long 0
	.word 0x08
	.balign 4
trampoline_page: .long 0
trampoline_cr3:	.long 0
trampoline_end:

	.section .note.GNU-stack, "", @progbits
