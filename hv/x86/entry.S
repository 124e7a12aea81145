/* SPDX-License-Identifier: Apache-2.0 */
/* The first instructions of the hypervisor on the boot core, and of every other core after its trampoline. */

	.section .text.entry, "ax"
	.globl hv_entry
	/* From boot/: RDI = struct boot_info (identity mapped), interrupts off, boot's page tables. */
hv_entry:
	cld
	leaq boot_stack_top(%rip), %rsp
	xorl %ebp, %ebp
	call hv_main
1:	cli
	hlt
	jmp 1b

	/* void core_switch(u64 cr3, u64 rsp, void (*fn)(u64), u64 arg): leave the present stack and address space for
	 * this core's own, for good. */
	.globl core_switch
core_switch:
	movq %rdi, %cr3
	movq %rsi, %rsp
	xorl %ebp, %ebp
	movq %rcx, %rdi
	call *%rdx
2:	cli
	hlt
	jmp 2b

	/* A core comes from the trampoline: 64-bit mode, the start-up page tables, no stack worth the name. The mailbox
	 * (hv/x86/smp.c) says who it is. */
	.globl ap_entry
ap_entry:
	cld
	movq smp_mailbox+0(%rip), %rdi		/* cr3 */
	movq smp_mailbox+8(%rip), %rsi		/* top of the main stack */
	leaq core_start(%rip), %rdx
	movq smp_mailbox+16(%rip), %rcx		/* index */
	jmp core_switch

	/* void idle_wait(const u32 *doorbell): halt unless the doorbell word is set. An NMI or a failed check between
	 * compare and HLT must not be slept through: the NMI handler moves RIP from this window to idle_out. STI
	 * keeps interrupts out until HLT has begun. */
	.globl idle_wait, idle_begin, idle_out, idle_wait_closed
	/* void idle_wait_closed(const u32 *doorbell): the same, and interrupts stay out: only an NMI ends it. */
idle_begin:
idle_wait_closed:
	cmpl $0, (%rdi)
	jne idle_out
	hlt
	jmp idle_out
idle_wait:
	cmpl $0, (%rdi)
	jne idle_out
	sti
	hlt
idle_out:
	cli
	ret

	.bss
	.balign 16
	.skip 32768
boot_stack_top:

	.section .note.GNU-stack, "", @progbits
