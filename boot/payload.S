/* SPDX-License-Identifier: Apache-2.0 */
/* The hypervisor proper, as linker/hv.ld made it, without its symbols. HV_ELF comes from boot.mk. */

	.section .payload, "a", @progbits
	.globl payload_start, payload_end
	.hidden payload_start, payload_end
	.balign 4096
payload_start:
	.incbin HV_ELF
payload_end:
	.byte 0

	.section .note.GNU-stack, "", @progbits
