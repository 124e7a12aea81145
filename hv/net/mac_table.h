/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Which address is behind which port of a switch: a hash table of fixed size, four places a bucket. Addresses that are
 * known for good (guests' own) are fixed; the others are learnt, age, and stay within their port's share. Pure. */

#include <hv/types.h>

#define MAC_BUCKETS 512u
#define MAC_WAYS 4u
#define MAC_PORTS_MAX 80u
#define MAC_AGE_SECONDS 300u
#define MAC_NONE 0xffu

/* An address as its six bytes lie in a frame (first byte lowest), the VLAN in bits 63:48. 0 is no address. */
typedef u64 mac_key;

struct mac_entry {
	u32 seen;			/* second */
	u8 port;
	bool fixed;
};

struct mac_table {
	mac_key key[MAC_BUCKETS][MAC_WAYS];
	struct mac_entry entry[MAC_BUCKETS][MAC_WAYS];
	u64 secret;			/* odd; so that nobody can aim at a bucket */
	u16 learnt[MAC_PORTS_MAX];	/* places that a port has, fixed ones not counted */
	u64 refused;			/* addresses that were not learnt: no place */
};

static inline mac_key mac_key_of(const u8 *mac, u32 vlan)
{
	u32 low;
	u16 high;

	__builtin_memcpy(&low, mac, 4);
	__builtin_memcpy(&high, mac + 4, 2);
	return low | (u64)high << 32 | (u64)vlan << 48;
}

void mac_table_init(struct mac_table *t, u64 secret);

/* Its entry; null: unknown, or too old. */
const struct mac_entry *mac_table_find(const struct mac_table *t, mac_key key, u32 second);

/* key was seen at port, which may have up to share places in all and ways of a bucket. Fixed ones stay as they are. */
void mac_table_learn(struct mac_table *t, mac_key key, u32 port, u32 share, u32 ways, u32 second);

/* key is behind port for good. -E_NOMEM: its bucket is full of such. */
int mac_table_fix(struct mac_table *t, mac_key key, u32 port);

/* Nothing is behind port any more. */
void mac_table_forget(struct mac_table *t, u32 port);

/* The next place in use from *cursor on: its key, *cursor behind it; 0: there are no more. */
mac_key mac_table_next(const struct mac_table *t, u32 *cursor, struct mac_entry *entry);
