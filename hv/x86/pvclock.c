/* SPDX-License-Identifier: Apache-2.0 */
/* KVM's paravirtual clock. All vcpus of a guest publish the same straight line from TSC to nanoseconds, so it is monotonic
 * across them. Linux Documentation/virt/kvm/x86/msr.rst. */

#include <hv/gmem.h>
#include <hv/time.h>

#include "policy.h"

#define PVCLOCK_ENABLE 1ul
#define PVCLOCK_TSC_STABLE 1u
#define PVCLOCK_GUEST_STOPPED 2u	/* the guest takes it away */

struct pvclock_time {
	u32 version;		/* odd while it is being written */
	u32 pad0;
	u64 tsc_timestamp;
	u64 system_time;	/* ns at tsc_timestamp */
	u32 mul;		/* ns = (ticks << shift) * mul >> 32 */
	s8 shift;
	u8 flags;
	u8 pad[2];
};
_Static_assert(sizeof(struct pvclock_time) == 32, "struct pvclock_vcpu_time_info");

struct pvclock_wall {
	u32 version;
	u32 sec, nsec;		/* UTC when system_time was 0 */
};
_Static_assert(sizeof(struct pvclock_wall) == 12, "struct pvclock_wall_clock");

/* The factor from ticks to ns as a 32-bit fraction in [1/2, 1) and a power of two. */
static void scale_set(u64 hz, struct pvclock_time *t)
{
	s8 shift = 0;

	assert(hz);

	for (; hz > 2 * NS_PER_S; shift--)
		hz = (hz + 1) / 2;
	for (; hz <= NS_PER_S; shift++)
		hz *= 2;
	t->mul = (u32)((NS_PER_S << 32) / hz);
	t->shift = shift;
}

/* Both structures begin with the version: make it odd, fill, make it even again. */
static void publish(void *to, u32 *version, const void *from, size_t size)
{
	u32 *live = to;
	u32 v = (load_relaxed(live) | 1) + (load_relaxed(live) & 1 ? 2 : 0);

	store_relaxed(live, v);
	fence_full();
	memcpy(live + 1, (const u8 *)from + 4, size - 4);
	fence_full();
	*version = v + 1;
	store_relaxed(live, *version);
}

void pvclock_update(struct vcpu *v)
{
	struct pvclock_time t = { .flags = PVCLOCK_TSC_STABLE };
	void *to;

	if (!(v->pvclock_msr & PVCLOCK_ENABLE))
		return;
	to = gmem_ptr(v->guest, GPA(v->pvclock_msr & ~PVCLOCK_ENABLE), sizeof(t));
	if (!to)
		return;
	t.tsc_timestamp = v->guest->tsc_start + v->tsc_offset;
	scale_set(timebase.tsc_hz, &t);
	publish(to, &t.version, &t, sizeof(t));
}

void policy_was_paused(struct vcpu *v)
{
	struct pvclock_time *t;

	if (!(v->pvclock_msr & PVCLOCK_ENABLE))
		return;
	t = gmem_ptr(v->guest, GPA(v->pvclock_msr & ~PVCLOCK_ENABLE), sizeof(*t));
	if (t)
		fetch_or(&t->flags, (u8)PVCLOCK_GUEST_STOPPED);
}

bool pvclock_write_system(struct vcpu *v, u64 val)
{
	u64 at = val & ~PVCLOCK_ENABLE;

	if ((val & PVCLOCK_ENABLE) && ((at & 3) || !gmem_ptr(v->guest, GPA(at), sizeof(struct pvclock_time))))
		return false;
	v->pvclock_msr = val;
	pvclock_update(v);
	return true;
}

/* UTC at the host TSC that the guest's time 0 stands for. */
static struct pvclock_wall wall_at_start(const struct guest *g)
{
	s64 ticks = (s64)(g->tsc_start - timebase.wall_tsc), offset = wall_offset();
	u64 since = ticks_to_ns((u64)(ticks < 0 ? -ticks : ticks)), ns;

	if (!timebase.wall_seconds && !offset)
		return (struct pvclock_wall){ 0 };
	ns = timebase.wall_seconds * NS_PER_S + (ticks < 0 ? (u64)0 - since : since) + (u64)offset;
	return (struct pvclock_wall){ .sec = (u32)(ns / NS_PER_S), .nsec = (u32)(ns % NS_PER_S) };
}

bool pvclock_write_wall(struct vcpu *v, u64 val)
{
	struct pvclock_wall w = wall_at_start(v->guest);
	void *to = gmem_ptr(v->guest, GPA(val), sizeof(w));

	if ((val & 3) || !to)
		return false;
	v->wall_msr = val;
	publish(to, &w.version, &w, sizeof(w));
	return true;
}
