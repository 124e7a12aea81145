/* SPDX-License-Identifier: Apache-2.0 */
/* A guest goes for good: its cores, which are nobody else's until then, clear what it had, forget its page tables, and are
 * free; so is its RAM. */
#include "lifecycle.h"

#include <hv/core.h>
#include <hv/machine.h>
#include <hv/storage.h>

const char *life_delete(struct guest *g, const struct life_end *ends)
{
	struct life *l = life_of(g);
	const char *why = life_held() ? "the machine is going down" : life_refusal(g, ends->event);

	if (why)
		return why;
	if (load_acquire(&g->broken))
		return "the machine's hardware failed under it: its RAM and cores are nobody's until the machine is reset";
	if (!guest_volumes_closed(g))
		return "a disk still works for it: try again when that is over";
	l->deleting = DELETE_CLEAR;
	l->ends = ends;
	return NULL;
}

static bool has_device_ram(const struct guest *g)
{
	for (u32 i = 0; i < DEVICE_RAM_KINDS; i++)
		if (g->device_ram[i].size)
			return true;
	return false;
}

static void hide(struct life *l)
{
	struct guest *g = l->guest;

	l->ends->hide(g);
	l->deleting = DELETE_RELOAD;
	l->to_reload = g->vcpu_count == 64 ? ~0ul : BIT(g->vcpu_count) - 1;
}

/* What was asked for when it came to rest may have stopped half-way, for it might have started again. */
static void clear(struct life *l)
{
	u16 core = l->guest->core_of[0];
	struct message m = { .type = MSG_ZERO, .arg = { (u64)l->guest, 1 } };

	if (l->clearing || l->to_clear)
		return;
	if (l->clean && !has_device_ram(l->guest)) {
		hide(l);
		return;
	}
	if (!message_put(&core_table[core].to_core, &m))
		return;
	l->clearing++;
	l->deleting = DELETE_CLEARING;
	core_ring_doorbell(core);
}

static void reload(struct life *l)
{
	for (u32 i = 0; i < l->guest->vcpu_count; i++) {
		u16 core = l->guest->core_of[i];
		struct message m = { .type = MSG_RELOAD, .arg = { (u64)l->guest, i } };

		if (!(l->to_reload & BIT(i)) || !message_put(&core_table[core].to_core, &m))
			continue;
		l->to_reload &= ~BIT(i);
		l->reloading |= BIT(i);
		core_ring_doorbell(core);
	}
}

bool life_delete_step(struct life *l)
{
	const struct life_end *ends;
	struct guest *g;

	if (l->deleting == DELETE_CLEAR)
		clear(l);
	else if (l->deleting == DELETE_CLEARING && !l->clearing)
		hide(l);
	if (l->deleting != DELETE_RELOAD)
		return false;
	reload(l);
	if (l->to_reload || l->reloading)
		return false;
	ends = l->ends;
	g = l->guest;
	memset(l, 0, sizeof(*l));
	ends->end(g);
	return true;
}
