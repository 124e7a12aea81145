/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Instructions on device memory and string I/O, done in software. Own core, on the exit that is at hand. */

#include <hv/bus.h>
#include <hv/vcpu.h>

/* VMEXIT_MMIO on data: decode the instruction at RIP, do it through mmio_access(). NEXT, FAULT or KILL. */
enum verdict emulate_mmio(struct vcpu *v);

/* VMEXIT_PIO with pio.string: INS, OUTS, with REP a bounded number of times. NEXT, AGAIN, FAULT or KILL. */
enum verdict emulate_string_io(struct vcpu *v);

/* One access, by hv/core/exit.c: the local APIC or the guest's bus. False: nobody answered, io->val is all ones. */
bool mmio_access(struct vcpu *v, u64 gpa, struct io *io);
bool pio_access(struct vcpu *v, struct io *io, u16 port);

/* Bytes of one vcpu's decode cache; empty it. */
size_t decode_cache_size(void);
void decode_cache_reset(struct vcpu *v);
