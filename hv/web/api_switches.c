/* SPDX-License-Identifier: Apache-2.0 */
/* GET /v1/switches: the networks and who is on them. */
#include "answer.h"
#include "web_int.h"

#include "hv/net/switch.h"

#include <hv/lib.h>
#include <hv/net_text.h>

static u64 dropped(const struct net_port_stats *s)
{
	u64 n = 0;

	for (u32 i = 0; i < NET_DROPS; i++)
		n += s->drop_in[i] + s->drop_out[i];
	return n;
}

static void put_port(struct out *o, const struct port_state *st)
{
	static const char *const kind[] = { [NET_PORT_GUEST] = "guest", [NET_PORT_UPLINK] = "uplink", [NET_PORT_HOST] = "host",
		[NET_PORT_NAT] = "nat" };
	const struct net_port *p = st->port;
	char mac[MAC_TEXT];

	json_open(o, NULL, '{');
	json_text(o, "name", p->name);
	json_text(o, "kind", kind[p->kind]);
	json_bool(o, "up", p->up);
	json_u64(o, "vlan", p->vlan);
	json_bool(o, "trunk", p->trunk);
	if (p->kind != NET_PORT_UPLINK)
		json_text(o, "mac", mac_format(mac, p->mac));
	json_u64(o, "in_frames", p->stats.in_frames);
	json_u64(o, "in_bytes", p->stats.in_bytes);
	json_u64(o, "out_frames", p->stats.out_frames);
	json_u64(o, "out_bytes", p->stats.out_bytes);
	json_u64(o, "dropped", dropped(&p->stats));
	json_close(o, '}');
}

static void put_uplink(struct out *o, const struct netdev *card)
{
	char text[MAC_TEXT];

	if (!card) {
		json_null(o, "uplink");
		return;
	}
	json_open(o, "uplink", '{');
	json_text(o, "name", card->name);
	json_text(o, "kind", card->kind);
	json_text(o, "mac", mac_format(text, card->mac));
	json_bool(o, "link", card->link);
	json_u64(o, "mbit", card->mbit);
	json_close(o, '}');
}

void api_switches(struct answer *a)
{
	struct out *o = &a->body;

	json_open(o, NULL, '[');
	for (u32 i = 0; i < net_switch_count(); i++) {
		const struct net_switch *s = net_switch_at(i);

		json_open(o, NULL, '{');
		json_text(o, "name", s->name);
		json_bool(o, "nat", s->plan && s->plan->nat);
		put_uplink(o, s->card);
		json_open(o, "ports", '[');
		for (u32 k = 0; k < s->ports; k++)
			if (!port_is_nobody(&s->port[k]))
				put_port(o, &s->port[k]);
		json_close(o, ']');
		json_close(o, '}');
	}
	json_close(o, ']');
}
