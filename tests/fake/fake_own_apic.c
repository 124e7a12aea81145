/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_own_apic.h"

#include <hv/lib.h>
#include <hv/virt.h>

struct fake_own_apic fake_own_apic;
#define fake fake_own_apic

/* Where no fake processor is linked nobody gives an APIC away. */
__attribute__((weak)) const struct virt_ops *virt;

bool own_apic_possible(void)
{
	return fake.possible;
}

bool own_apic_has_deadline(void)
{
	return fake.has_deadline;
}

void own_apic_give(const struct own_apic *a)
{
	assert(!fake.given);
	fake.given = true;
	fake.state = *a;
	fake.deadline = a->deadline;
	fake.svr = a->svr;
}

void own_apic_take(void)
{
	assert(fake.given);
	fake.given = false;
	for (u32 i = 0; i < 4; i++)
		fake.irr[i] = fake.isr[i] = 0;
}

void own_apic_drain(void)
{
	fake.drains++;
}

void own_apic_raise(u8 vector)
{
	assert(fake.given && vector >= 16);
	fake.irr[vector >> 6] |= BIT(vector & 63);
}

void own_apic_send(u32 core, u8 vector)
{
	assert(vector >= OWN_APIC_VECTOR_MIN);
	fake.sent_core = core;
	fake.sent_vector = vector;
	fake.sent++;
}

u8 own_apic_eoi(void)
{
	for (u32 i = 4; i-- > 0; )
		if (fake.isr[i]) {
			u32 bit = 63 - (u32)__builtin_clzll(fake.isr[i]);

			fake.isr[i] &= ~BIT(bit);
			return (u8)(i * 64 + bit);
		}
	return 0;
}

void own_apic_set_svr(u32 svr)
{
	fake.svr = svr;
}

u64 own_apic_deadline(void)
{
	return fake.deadline;
}

void own_apic_set_deadline(u64 tsc)
{
	fake.deadline = tsc;
}

void own_apic_idle(void)
{
	fake.idles++;
}

void fake_own_apic_accept(u8 vector)
{
	assert(fake.irr[vector >> 6] >> (vector & 63) & 1);
	fake.irr[vector >> 6] &= ~BIT(vector & 63);
	fake.isr[vector >> 6] |= BIT(vector & 63);
}
