/* SPDX-License-Identifier: Apache-2.0 */
/* Admission of switches with nat: their networks, where they lead, what is forwarded, and how many of all that there can be. */

#include <hv/lib.h>

#include "admission.h"

#define NAT_FIRST 0x0a4d0001u		/* 10.77.0.1, the next has 10.77.1.1 */
#define NAT_PREFIX 24

static bool same_network(const struct resolved_switch *a, const struct resolved_switch *b)
{
	u32 mask = ~(0xffffffffu >> MIN(a->prefix, b->prefix));

	return (a->address & mask) == (b->address & mask);
}

static void check_networks(struct admission *a, u32 index)
{
	const struct resolved_switch *s = &a->resolved->sw[index];
	char key[64];

	for (u32 i = 0; i < a->plan->switch_count; i++) {
		const struct resolved_switch *o = &a->resolved->sw[i];

		if (i == index || !o->plan->nat || !o->prefix || !same_network(s, o))
			continue;
		plan_error_add(a->errors, "PLAN-SWITCH", s->plan->line_address ? s->plan->line_address : s->plan->line,
			       admission_switch_key(key, sizeof(key), s->plan, "address"),
			       "a network of its own: switch.%s has the same or a part of it", o->plan->name);
		return;
	}
}

static void admit_nat_outside(struct admission *a, struct resolved_switch *s)
{
	char key[64];
	u32 found = a->resolved->outside;

	if (*s->plan->outside) {
		found = admission_find_switch(a->resolved, s->plan->outside);
		if (found == NO_CARD || (a->resolved->sw[found].plan && a->resolved->sw[found].plan->nat)) {
			plan_error_add(a->errors, "PLAN-SWITCH", s->plan->line_outside,
				       admission_switch_key(key, sizeof(key), s->plan, "outside"),
				       "another switch without nat; \"%.31s\" is none", s->plan->outside);
			return;
		}
	}
	if (found != NO_CARD && a->resolved->sw[found].plan && a->resolved->sw[found].plan->nat)
		found = NO_CARD;
	s->outside = found;
}

static u32 devices_on(const struct plan *plan, const struct plan_switch *s)
{
	u32 count = 0;

	for (u32 i = 0; i < plan->guest_count; i++)
		for (u32 k = 0; k < plan->guest[i].net_count; k++)
			count += strcmp(plan->guest[i].net[k].sw, s->name) == 0;
	return count;
}

/* Each has an address, beside the gateway's. */
static void check_devices(struct admission *a, const struct resolved_switch *s)
{
	u32 most = MIN((u32)PLAN_NAT_DEVICES, (1u << (32 - s->prefix)) - 3), count = devices_on(a->plan, s->plan);
	char key[64];

	if (count > most)
		plan_error_add(a->errors, "PLAN-LIMIT", s->plan->line, admission_switch_key(key, sizeof(key), s->plan, "address"),
			       "at most %u network devices on a switch with nat, of a prefix of %u; there are %u", most, s->prefix,
			       count);
}

/* Places outside where the hypervisor has an address: its own, and those that NAT leads to. */
static void check_outsides(struct admission *a)
{
	const struct resolved_plan *rp = a->resolved;
	u32 seen = rp->host == NO_CARD ? 0 : BIT32(rp->host), count = rp->host != NO_CARD, most = PLAN_NATS_MAX;
	char key[64];

	for (u32 i = 0; i < a->plan->switch_count; i++)
		if (rp->sw[i].plan->nat && rp->sw[i].outside == NO_CARD)
			most = PLAN_NATS_MAX - 1;	/* the last one stands for nowhere */
	for (u32 i = 0; i < a->plan->switch_count; i++) {
		const struct resolved_switch *s = &rp->sw[i];

		if (!s->plan->nat || s->outside == NO_CARD || seen >> s->outside & 1)
			continue;
		seen |= BIT32(s->outside);
		if (count++ == most)
			plan_error_add(a->errors, "PLAN-LIMIT", s->plan->line,
				       admission_switch_key(key, sizeof(key), s->plan, "outside"),
				       "at most %u switches outside, the hypervisor's own among them", most);
	}
}

static void admit_nat(struct admission *a)
{
	u32 count = 0, all = 0;
	char key[64];

	for (u32 i = 0; i < a->plan->switch_count; i++) {
		struct resolved_switch *s = &a->resolved->sw[i];

		if (!s->plan->nat)
			continue;
		if (all++ == PLAN_NATS_MAX)
			plan_error_add(a->errors, "PLAN-LIMIT", s->plan->line,
				       admission_switch_key(key, sizeof(key), s->plan, "nat"),
				       "at most %u switches with nat", PLAN_NATS_MAX);
		s->address = s->plan->address_given ? s->plan->address : NAT_FIRST + (count++ << 8);
		s->prefix = s->plan->address_given ? s->plan->prefix : NAT_PREFIX;
		admit_nat_outside(a, s);
		check_networks(a, i);
		check_devices(a, s);
	}
	check_outsides(a);
}

static const struct plan_guest *guest_find(const struct plan *plan, const char *name)
{
	for (u32 i = 0; i < plan->guest_count; i++)
		if (strcmp(plan->guest[i].name, name) == 0)
			return &plan->guest[i];
	return NULL;
}

static bool guest_is_on(const struct plan_guest *g, const struct plan_switch *s)
{
	for (u32 i = 0; i < g->net_count; i++)
		if (strcmp(g->net[i].sw, s->name) == 0)
			return true;
	return false;
}

/* TCP's port of the API, where the hypervisor's own address is the one that is forwarded: nobody would reach the API any more. */
static bool is_api_port(const struct admission *a, const struct plan_switch *s, const struct plan_forward *f)
{
	u32 outside = a->resolved->sw[s - a->plan->sw].outside;

	return !f->udp && f->port == a->plan->machine.https.port && outside != NO_CARD && outside == a->resolved->host;
}

/* The line of an earlier forward of the same port; 0: there is none. */
static u32 forward_before(const struct plan *plan, const struct plan_forward *f)
{
	for (u32 i = 0; i < plan->switch_count; i++)
		for (u32 k = 0; k < plan->sw[i].forward_count; k++) {
			const struct plan_forward *o = &plan->sw[i].forward[k];

			if (o == f)
				return 0;
			if (o->port == f->port && o->udp == f->udp)
				return o->line;
		}
	return 0;
}

static void admit_forwards(struct admission *a, const struct plan_switch *s, u32 *all)
{
	char key[64];

	admission_switch_key(key, sizeof(key), s, "forward");
	if (*all <= PLAN_FORWARDS_ALL && *all + s->forward_count > PLAN_FORWARDS_ALL)
		plan_error_add(a->errors, "PLAN-LIMIT", s->line, key, "at most %u forwards in all", PLAN_FORWARDS_ALL);
	*all += s->forward_count;
	for (u32 i = 0; i < s->forward_count; i++) {
		const struct plan_forward *f = &s->forward[i];
		const struct plan_guest *g = guest_find(a->plan, f->guest);
		u32 before = forward_before(a->plan, f);

		if (!g || !guest_is_on(g, s))
			plan_error_add(a->errors, "PLAN-FORWARD", f->line, key,
				       "a guest with a network device on this switch; \"%.31s\" is %s", f->guest,
				       g ? "not on it" : "no guest");
		if (is_api_port(a, s, f))
			plan_error_add(a->errors, "PLAN-FORWARD", f->line, key,
				       "another port than %u, which is the API's; [machine] https = { port = .. } moves that",
				       f->port);
		if (before)
			plan_error_add(a->errors, "PLAN-FORWARD", f->line, key,
				       "each port once: %s port %u is forwarded in line %u already",
				       f->udp ? "UDP" : "TCP", f->port, before);
	}
}

void admit_nats(struct admission *a)
{
	u32 forwards = 0;

	admit_nat(a);
	for (u32 i = 0; i < a->plan->switch_count; i++)
		admit_forwards(a, &a->plan->sw[i], &forwards);
}
