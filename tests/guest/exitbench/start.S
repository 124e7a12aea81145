/* SPDX-License-Identifier: Apache-2.0 */
/* exitbench: entry code.  One file, two ways in:
 *   multiboot1 : EAX=0x2BADB002, EBX=multiboot info
 *   PVH        : EBX=hvm_start_info (Xen ELF note 18, PHYS32_ENTRY)
 * Both arrive in 32-bit flat protected mode, paging off.                 */
	.set STACK_SIZE, 16384

	.section .multiboot, "a"
	.balign 4
	.long 0x1BADB002
	.long 0x00000002                 /* want memory info */
	.long -(0x1BADB002 + 0x00000002)

	.section .note.pvh, "a", @note
	.balign 4
	.long 4, 4, 18                   /* namesz, descsz, XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz "Xen"
	.long start32

	.section .text.boot, "ax"
	.code32
	.globl start32
start32:
	cld
	cli
	movl %eax, %esi
	rdtsc
	movl %eax, entry_tsc             /* in .data: not cleared below */
	movl %edx, entry_tsc+4
	/* clear bss (loaders do it, but do not rely on it) */
	movl $__bss_start, %edi
	movl $__bss_end, %ecx
	subl %edi, %ecx
	xorl %eax, %eax
	shrl $2, %ecx
	rep stosl
	movl %esi, boot_magic
	movl %ebx, boot_info
	movl $stack_top, %esp

	/* identity map 0..4 GiB with 2 MiB pages; 4th GiB uncached */
	movl $pdpt + 3, pml4
	movl $pd + 3, %eax
	movl $pdpt, %edi
	movl $4, %ecx
1:	movl %eax, (%edi)
	addl $0x1000, %eax
	addl $8, %edi
	loop 1b
	movl $pd, %edi
	movl $0x83, %eax
	movl $2048, %ecx
2:	movl %eax, %edx
	cmpl $0xC0000000, %eax
	jb 3f
	orl $0x18, %edx                  /* PCD|PWT */
3:	movl %edx, (%edi)
	addl $0x200000, %eax
	addl $8, %edi
	loop 2b

	movl $0x20, %eax                 /* CR4.PAE */
	movl %eax, %cr4
	movl $pml4, %eax
	movl %eax, %cr3
	movl $0xC0000080, %ecx
	rdmsr
	orl $0x100, %eax                 /* EFER.LME */
	wrmsr
	movl $0x80000011, %eax           /* PG|ET|PE, caches on */
	movl %eax, %cr0
	lgdt gdtr
	ljmp $8, $start64

	.code64
start64:
	movl $16, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	movl %eax, %fs
	movl %eax, %gs
	movq $stack_top, %rsp
	xorl %ebp, %ebp
	call main
9:	cli
	hlt
	jmp 9b

/* ---- interrupt entry points ------------------------------------------ */
	.text
	.macro STAMP where
	rdtsc
	shlq $32, %rdx
	orq %rdx, %rax
	movq %rax, \where
	.endm

	.globl isr_xapic
isr_xapic:
	pushq %rax
	pushq %rdx
	STAMP irq_tsc
	movl $0xFEE000B0, %eax
	movl $0, (%rax)
	STAMP eoi_tsc
	incl irq_seen
	popq %rdx
	popq %rax
	iretq

	.globl isr_x2apic
isr_x2apic:
	pushq %rax
	pushq %rdx
	STAMP irq_tsc
	pushq %rcx
	movl $0x80B, %ecx
	xorl %eax, %eax
	xorl %edx, %edx
	wrmsr
	popq %rcx
	STAMP eoi_tsc
	incl irq_seen
	popq %rdx
	popq %rax
	iretq

	.globl isr_spurious
isr_spurious:
	incl spurious_seen
	iretq

	.macro EXC n err
exc\n:
	.if \err == 0
	pushq $0
	.endif
	pushq $\n
	jmp exc_common
	.endm
	EXC 0 0
	EXC 1 0
	EXC 2 0
	EXC 3 0
	EXC 4 0
	EXC 5 0
	EXC 6 0
	EXC 7 0
	EXC 8 1
	EXC 9 0
	EXC 10 1
	EXC 11 1
	EXC 12 1
	EXC 13 1
	EXC 14 1
	EXC 15 0
	EXC 16 0
	EXC 17 1
	EXC 18 0
	EXC 19 0
	EXC 20 0
	EXC 21 1
exc_common:
	/* stack: vector, error, rip, cs, rflags, rsp, ss */
	pushq %rax
	movq recover_rip, %rax
	testq %rax, %rax
	jz 1f
	movq %rax, 24(%rsp)              /* resume at the recovery address */
	movq 8(%rsp), %rax
	movl %eax, recovered_vec
	popq %rax
	addq $16, %rsp
	iretq
1:	popq %rax
	movq %rsp, %rdi
	call fatal_exception
9:	cli
	hlt
	jmp 9b

	.section .rodata
	.globl exc_table
	.balign 8
exc_table:
	.quad exc0, exc1, exc2, exc3, exc4, exc5, exc6, exc7, exc8, exc9, exc10
	.quad exc11, exc12, exc13, exc14, exc15, exc16, exc17, exc18, exc19, exc20, exc21

	.data
	.balign 8
gdt:	.quad 0
	.quad 0x00AF9B000000FFFF         /* 64-bit code */
	.quad 0x00CF93000000FFFF         /* data */
gdtr:	.word gdtr - gdt - 1
	.long gdt
	.long 0

	.balign 8
entry_tsc: .quad 0

	.bss
	.balign 4096
pml4:	.skip 4096
pdpt:	.skip 4096
pd:	.skip 16384
	.skip STACK_SIZE
stack_top:
	.globl entry_tsc, boot_magic, boot_info, irq_tsc, eoi_tsc, irq_seen
	.globl spurious_seen, recover_rip, recovered_vec
irq_tsc:       .skip 8
eoi_tsc:       .skip 8
recover_rip:   .skip 8
boot_magic:    .skip 4
boot_info:     .skip 4
irq_seen:      .skip 4
spurious_seen: .skip 4
recovered_vec: .skip 4
	.section .note.GNU-stack, "", @progbits
