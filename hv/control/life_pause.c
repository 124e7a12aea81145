/* SPDX-License-Identifier: Apache-2.0 */
/* A guest is held still: its vcpus stay out of it, its devices and its RAM are as they were. Time goes on. */
#include "lifecycle.h"

#include <hv/log.h>
#include <hv/net_build.h>

const char *life_pause(struct guest *g)
{
	struct life *l = life_of(g);
	const char *why = life_held() ? "the machine is going down" : life_refusal(g, LIFE_PAUSE);

	if (why)
		return why;
	store_release(&g->paused, 1u);
	for (u32 i = 0; i < g->vcpu_count; i++)
		vcpu_request(g, i, REQ_PAUSE);
	l->pausing = true;
	return NULL;
}

const char *life_resume(struct guest *g)
{
	const char *why = life_refusal(g, LIFE_RESUME);

	if (why)
		return why;
	life_of(g)->pausing = false;
	store_release(&g->paused, 0u);
	for (u32 i = 0; i < g->vcpu_count; i++)
		vcpu_kick(g, i);
	net_announce_guest(g);
	log_notice("guest %s: goes on", g->name);
	return NULL;
}

void life_pause_step(struct life *l)
{
	const struct guest *g = l->guest;

	for (u32 i = 0; i < g->vcpu_count; i++)
		if (!load_acquire(&g->vcpu[i].paused))
			return;
	l->pausing = false;
	log_notice("guest %s: paused", g->name);
}
