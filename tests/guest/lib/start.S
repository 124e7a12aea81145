/* SPDX-License-Identifier: Apache-2.0 */
/* Ways into a tiny guest: multiboot1 (EAX 2BADB002H, EBX information), PVH (EBX start info), both in flat 32-bit mode;
 * and the start-up IPI of further processors, in real mode. All end in 64-bit mode with 4 GiB mapped one to one. */

	.set STACK_SIZE, 16384
	.set AP_PAGE, 0x8000
	.set CODE32, 0x18

	.section .multiboot, "a"
	.balign 4
	.long 0x1badb002, 3, -(0x1badb002 + 3)

	.section .note.pvh, "a", @note
	.balign 4
	.long 4, 4, 18			/* XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz "Xen"
	.long start32

	.text
	.code32
	.globl start32
start32:
	cld
	cli
	movl %eax, %esi
	movl $bss_start, %edi
	movl $bss_end, %ecx
	subl %edi, %ecx
	shrl $2, %ecx
	xorl %eax, %eax
	rep stosl
	movl %esi, boot_magic
	movl %ebx, boot_info
	movl $stack_top, %esp

	/* 0..4 GiB in 2 MiB pages, the fourth GiB uncached; the fifth is a window for window_map() */
	movl $pdpt + 3, pml4
	movl $pd + 3, %eax
	movl $pdpt, %edi
	movl $5, %ecx
1:	movl %eax, (%edi)
	addl $0x1000, %eax
	addl $8, %edi
	loop 1b
	movl $pd, %edi
	movl $0x83, %eax
	movl $2048, %ecx
2:	movl %eax, %edx
	cmpl $0xc0000000, %eax
	jb 3f
	orl $0x18, %edx
3:	movl %edx, (%edi)
	addl $0x200000, %eax
	addl $8, %edi
	loop 2b

	lgdt gdtr
	call long_mode_on
	ljmp $8, $start64

/* Switch paging and long mode on; returns in 32-bit compatibility. */
long_mode_on:
	movl $0x20, %eax		/* CR4.PAE */
	movl %eax, %cr4
	movl $pml4, %eax
	movl %eax, %cr3
	movl $0xc0000080, %ecx		/* EFER.LME */
	rdmsr
	orl $0x100, %eax
	wrmsr
	movl $0x80000011, %eax		/* PG, ET, PE */
	movl %eax, %cr0
	ret

	.code64
start64:
	call load_data_segments
	movl $stack_top, %esp
	xorl %ebp, %ebp
	call guest_main
9:	cli
	hlt
	jmp 9b

load_data_segments:
	movl $16, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	movl %eax, %fs
	movl %eax, %gs
	ret

/* ---- further processors: copied to AP_PAGE, runs in real mode there ------------------------------------------- */
	.globl ap_code, ap_code_end, ap_real_report
	.code16
ap_code:
	cli
	cld
	movw %cs, %ax
	movw %ax, %ds
	movw %ax, %ss
	movw $0x0f00, %sp
	/* what tests/guest/realmode.c looks at: CS, an interrupt through the table at 0, port I/O, CPUID */
	movw %cs, (ap_real_report - ap_code)
	int $0x40
	movw %ax, (ap_real_report - ap_code + 2)
	outb %al, $0x80
	xorl %eax, %eax
	cpuid
	movl %ebx, (ap_real_report - ap_code + 4)
	/* big real mode: a segment with a 4 GiB limit survives the way back */
	lgdtl (ap_gdtr - ap_code)
	movl %cr0, %eax
	orb $1, %al
	movl %eax, %cr0
	jmp 1f
1:	movw $16, %bx
	movw %bx, %es
	andb $0xfe, %al
	movl %eax, %cr0
	jmp 2f
2:	xorw %bx, %bx
	movw %bx, %es
	movl $ap_big_real, %ebx
	addr32 movl $0x600df00d, %es:(%ebx)
	/* and on to long mode */
	movl %cr0, %eax
	orb $1, %al
	movl %eax, %cr0
	ljmpl $CODE32, $ap_32
	.balign 4
ap_gdtr:
	.word gdt_end - gdt - 1
	.long gdt
ap_real_report:
	.skip 8
ap_code_end:

	.code32
ap_32:
	movl $16, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	movl ap_stack, %esp
	call long_mode_on
	ljmp $8, $ap_64
	.code64
ap_64:
	movl ap_stack, %ebx
	call load_data_segments
	movl %ebx, %esp
	xorl %ebp, %ebp
	call ap_main
9:	cli
	hlt
	jmp 9b

/* The real-mode handler of interrupt 40H; its segment is that of AP_PAGE's copy. */
	.globl ap_int40, ap_int40_end
	.code16
ap_int40:
	movw $0x4040, %ax
	iret
ap_int40_end:
	.code64

/* ---- exceptions and interrupts ------------------------------------------------------------------------------- */
	.globl trap_stubs
	.balign 16
trap_stubs:				/* 256 stubs of 16 bytes */
	.set vector, 0
	.rept 256
	.balign 16
	.if vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21
	.else
	pushq $0
	.endif
	pushq $vector
	jmp trap_common
	.set vector, vector + 1
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
	movq %rsp, %rdi
	movq %rsp, %rbp
	andq $-16, %rsp
	call trap_handle		/* returns non-zero: give up what trap_try() called */
	movq %rbp, %rsp
	testl %eax, %eax
	jnz trap_give_up
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

/* int trap_try(void (*fn)(u64), u64 arg): call fn(arg); -1, or the vector of the exception that ended it. */
	.globl trap_try
trap_try:
	pushq %rbx
	pushq %rbp
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	subq $8, %rsp
	movq %rsp, trap_resume_rsp
	movq %rdi, %rax
	movq %rsi, %rdi
	call *%rax
	movl $-1, %eax
	jmp 1f
trap_give_up:
	decl %eax			/* vector + 1 */
	movq trap_resume_rsp, %rsp
1:	movq $0, trap_resume_rsp
	addq $8, %rsp
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbp
	popq %rbx
	ret

	.data
	.balign 8
gdt:	.quad 0
	.quad 0x00af9b000000ffff	/* 08H: 64-bit code */
	.quad 0x00cf93000000ffff	/* 10H: data */
	.quad 0x00cf9b000000ffff	/* 18H: 32-bit code */
gdt_end:
gdtr:	.word gdt_end - gdt - 1
	.long gdt
	.long 0

	.bss
	.balign 4096
	.globl pd_window
pml4:	.skip 4096
pdpt:	.skip 4096
pd:	.skip 16384
pd_window: .skip 4096
	.skip STACK_SIZE
stack_top:
	.globl boot_magic, boot_info, ap_stack, ap_big_real, trap_resume_rsp
trap_resume_rsp: .skip 8
boot_magic: .skip 4
boot_info: .skip 4
ap_stack: .skip 4
ap_big_real: .skip 4
	.section .note.GNU-stack, "", @progbits
