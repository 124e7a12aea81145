/* SPDX-License-Identifier: Apache-2.0 */
/* The machine's network cards, in the order of their PCI functions. */
#include <hv/lib.h>
#include <hv/net.h>

static struct netdev *card[NETDEVS_MAX];
static u32 cards;

int netdev_add(struct netdev *n)
{
	assert(n->ops && n->ops->send && n->ops->kick && n->ops->promiscuous && n->kind);
	if (cards == NETDEVS_MAX)
		return -E_NOMEM;
	fmt_print(n->name, sizeof(n->name), "net%u", cards);
	card[cards++] = n;
	return 0;
}

u32 netdev_count(void)
{
	return cards;
}

struct netdev *netdev_at(u32 index)
{
	assert(index < cards);
	return card[index];
}
