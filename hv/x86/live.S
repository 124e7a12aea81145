/* SPDX-License-Identifier: Apache-2.0 */
/* What of a guest lives in the processor itself while its core runs the host: vector registers and PKRU. The host's own
 * code on guests' cores uses general registers only, so this is the one place there that names them.
 * hv/x86/operand.h, hv/x86/walk.h */

	.text
	.macro XMM_ROW insn
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	.balign 8
	\insn \n
	ret
	.endr
	.endm
	.macro STORE n
	movups %xmm\n, (%rsi)
	.endm
	.macro LOAD n
	movups (%rsi), %xmm\n
	.endm
	.macro WIDE_STORE n
	vmovups %ymm\n, (%rsi)
	.endm
	.macro WIDE_LOAD n
	vmovups (%rsi), %ymm\n
	.endm
	.macro JUMP_ROW table
	andl $15, %edi
	leaq \table(%rip), %rax
	leaq (%rax,%rdi,8), %rax
	jmp *%rax
	.balign 8
	.endm

	/* u64 xcr0_read(void) */
	.globl xcr0_read
xcr0_read:
	xorl %ecx, %ecx
	xgetbv
	shlq $32, %rdx
	orq %rdx, %rax
	ret

	/* void xmm_read(u32 n, void *to) */
	.globl xmm_read
xmm_read:
	JUMP_ROW xmm_stores
xmm_stores:
	XMM_ROW STORE

	/* void xmm_write(u32 n, const void *from) */
	.globl xmm_write
xmm_write:
	JUMP_ROW xmm_loads
xmm_loads:
	XMM_ROW LOAD

	/* void ymm_read(u32 n, void *to) */
	.globl ymm_read
ymm_read:
	JUMP_ROW ymm_stores
ymm_stores:
	XMM_ROW WIDE_STORE

	/* void ymm_write(u32 n, const void *from) */
	.globl ymm_write
ymm_write:
	JUMP_ROW ymm_loads
ymm_loads:
	XMM_ROW WIDE_LOAD

	/* u32 pkru_read(void): RDPKRU wants CR4.PKE, which the host leaves off. Interrupts are off; an NMI's handler takes no
	 * notice of the bit, as the host has no user pages. */
	.globl pkru_read
pkru_read:
	movq %cr4, %rsi
	movq %rsi, %rdi
	btsq $22, %rdi
	movq %rdi, %cr4
	xorl %ecx, %ecx
	rdpkru
	movq %rsi, %cr4
	ret

	.section .note.GNU-stack, "", @progbits
