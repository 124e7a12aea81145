/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/net/dns_names.c hv/net/inet.c hv/lib/net_text.c hv/lib/format.c */
/* Questions of guests for names. */
#include <stdlib.h>
#include <string.h>

#include <hv/lib.h>

#include "hv/net/dns_names.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static u32 address(void *context, const char *name)
{
	return strlen(name) > 255 ? (abort(), 0) : !strcmp(name, "web") ? 0x0a4d000a : 0;
}

static const char *name(void *context, u32 a, bool *mine)
{
	*mine = a >> 8 == 0x0a4d00;
	return a == 0x0a4d000a ? "web" : NULL;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const struct dns_names names = { .address = address, .name = name };
	u8 *reply = malloc(DNS_MESSAGE_MAX);
	u32 n = 0;

	if (dns_serve(&names, data, (u32)size, reply, &n) == DNS_ANSWER && (n < 12 || n > DNS_MESSAGE_MAX || !(reply[2] & 0x80)))
		abort();
	if (dns_fail(data, (u32)size, reply) > DNS_MESSAGE_MAX)
		abort();
	free(reply);
	return 0;
}
