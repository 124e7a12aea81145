/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/net/dhcp_server.c */
/* DHCP messages from two guests and many strangers. The guests' addresses stay theirs. */
#include <stdlib.h>
#include <string.h>

#include <hv/lib.h>

#include "hv/net/dhcp_server.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

/* hv/lib/string.c would take the place of the fuzzer's own memmove. */
size_t str_copy(char *to, size_t size, const char *s)
{
	strncpy(to, s, size - 1);
	return strlen(s);
}

static const u8 guest[6] = { 0x42, 1, 2, 3, 4, 5 };

static void check(const struct dhcp_server *s, const struct dhcp_answer *a)
{
	const struct dhcp_binding *b = dhcp_find(s, guest, 0);

	if (a->length < 240 || a->length > DHCP_MESSAGE_MAX || !b || b->address != 0x0a4d000a)
		abort();
	for (u32 i = 0; i < DHCP_BINDINGS; i++)
		for (u32 k = 0; k < i; k++)
			if (s->binding[i].used && s->binding[k].used && s->binding[i].address == s->binding[k].address)
				abort();
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct dhcp_server s;
	struct dhcp_answer a;
	u64 now = 0;

	dhcp_init(&s, 0x0a4d0001, 0xffffff00, 1500, "bulkhead");
	dhcp_bind(&s, guest, "web");
	while (size > 4) {
		u32 n = MIN((u32)(data[0] | (data[1] & 1) << 8), (u32)size - 4);
		u8 *message = malloc(n ? n : 1), mac[6] = { 2, 0, 0, 0, 0, data[2] };

		memcpy(message, data + 4, n);
		now += (u64)data[3] * 1000;
		if (data[1] & 2)
			memcpy(mac, guest, 6);
		if (n >= 240 && data[1] & 4) {	/* what every message has, so that the rest is reached */
			memcpy(message, "\1\1\6\0", 4);
			memset(message + 24, 0, 4);
			memcpy(message + 28, mac, 6);
			memcpy(message + 236, "\x63\x82\x53\x63", 4);
		}
		if (dhcp_serve(&s, message, n, mac, now, &a))
			check(&s, &a);
		free(message);
		data += 4 + n;
		size -= 4 + n;
	}
	return 0;
}
