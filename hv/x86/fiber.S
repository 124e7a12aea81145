/* SPDX-License-Identifier: Apache-2.0 */
/* Changing stacks between the event loop and the web fiber. Vector registers are not saved: the fiber is left
 * by calls of functions only, across which System V keeps none (docs/design.md, "The SSE seam"). */

	.text
	/* void fiber_switch(u64 *leave, u64 enter): go on where `enter` was left. System V ABI: these registers are
	 * the callee's. */
	.globl fiber_switch
fiber_switch:
	pushq %rbx
	pushq %rbp
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	movq %rsp, (%rdi)
	movq %rsi, %rsp
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbp
	popq %rbx
	ret

	/* The first instruction of a fiber: fiber_switch() returns here, RSP on 16 bytes. MXCSR as after a reset:
	 * whatever firmware left there, no exception, rounding to nearest. SDM 1 "MXCSR Control and Status Register" */
	.globl fiber_begin
fiber_begin:
	xorl %ebp, %ebp
	pushq $0x1f80
	ldmxcsr (%rsp)
	addq $8, %rsp
	call fiber_main
	ud2

	.section .note.GNU-stack, "", @progbits
