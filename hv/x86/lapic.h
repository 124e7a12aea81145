/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The machine's own local APICs, as the hypervisor uses them: doorbells, starting cores, one wake-up timer. */

#include <hv/types.h>

/* Choose x2APIC or xAPIC for all cores (x2_allowed false: firmware opted out) and map the registers. Boot core, once. */
int lapic_init(bool x2_allowed);

/* Switch this core's APIC on in the chosen mode, everything masked. */
void lapic_enable(void);

/* Measure how fast the timer counts against the TSC. Boot core, after lapic_enable(). */
void lapic_timer_measure(void);

u32 lapic_id(void);
void lapic_eoi(void);

/* ICR write: low is delivery mode and vector bits (SDM 3A "Interrupt Command Register (ICR)"). */
#define ICR_FIXED 0x4000u
#define ICR_NMI 0x4400u
#define ICR_INIT 0x4500u
#define ICR_INIT_DEASSERT 0x8500u
#define ICR_STARTUP 0x4600u
void lapic_send(u32 apic_id, u32 low);

/* An interrupt at VECTOR_TIMER once the TSC passes deadline; ~0: none. */
void lapic_timer_arm(u64 deadline);

bool lapic_is_x2(void);

/* The timer has the TSC-deadline mode / counts this often a second, undivided. */
bool lapic_has_deadline(void);
u64 lapic_timer_hz(void);

/* This core's registers as lapic_enable() leaves them. Own core. */
void lapic_reset(void);

/* Firmware's thermal entry again, after the APIC was disabled by software. Own core, APIC enabled. */
void lapic_thermal(void);

/* vector is in service on this core. */
bool lapic_in_service(u8 vector);
