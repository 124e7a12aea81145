/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Names of the guests: questions for them are answered here, all others are none of ours (NAT leads them to a name server
 * of the outside). Only questions are read, and a question has no compressed name: there is no pointer to follow. Pure. */

#include <hv/types.h>

#define DNS_MESSAGE_MAX 512u

struct dns_names {
	void *context;
	/* The address of a guest; 0: none is called so. The name is in small letters. */
	u32 (*address)(void *context, const char *name);
	/* The name at an address; null: nobody's. mine: it is in our network, so nobody else knows it either. */
	const char *(*name)(void *context, u32 address, bool *mine);
};

#define DNS_DOMAIN "bulkhead"

/* ANSWER: reply has reply_length bytes. FORWARD: not a name of ours. DROP: not a question. */
enum dns_verdict { DNS_ANSWER, DNS_FORWARD, DNS_DROP };
enum dns_verdict dns_serve(const struct dns_names *names, const u8 *query, u32 length, u8 reply[DNS_MESSAGE_MAX],
			   u32 *reply_length);

/* "The server cannot answer", for a query that nobody else can be asked. Returns the length; 0: it is no query. */
u32 dns_fail(const u8 *query, u32 length, u8 reply[DNS_MESSAGE_MAX]);
