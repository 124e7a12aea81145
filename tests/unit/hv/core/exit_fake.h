/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What surrounds vcpu_turn() in its tests: handlers of other files that answer as told, a device on ports and
 * memory, a local APIC that notes its accesses. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fake/fake_virt.h"

#include <hv/emulate.h>
#include <hv/guest.h>
#include <hv/lib.h>

#define RIP 0x1234567890ul
#define PORT 0x510
#define DEVICE 0xd0000000ul

extern struct guest *g;
extern struct vcpu *v;
extern u32 length;		/* what insn_length() finds */
extern u32 length_asked;
extern enum verdict answer;	/* of the handlers in other files */
extern const char *asked;	/* which of them was called last */
extern struct io last_io;
extern u64 io_result;
extern u32 io_count;
extern u32 apic_off, apic_val, apic_reads, apic_writes;
extern u64 dr6_causes;

/* A guest of two vcpus; vcpu 0 is here. */
int setup(void **state);
int teardown(void **state);

/* An exit at RIP behind an instruction of two bytes; let it be judged. */
struct vmexit an_exit(enum vmexit_kind kind);
void judge(struct vmexit x);

/* Where the guest goes on. */
u64 rip(void);

/* The guest was killed with that id: it parks, nothing was injected and RIP stands where it was; or nothing ended. */
void killed_as(const char *id);
void alive(void);

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
