/* SPDX-License-Identifier: Apache-2.0 */
#include "api_schema.h"

#include "out.h"

#include <hv/lib.h>

#define GUEST "name:s state:s cores:[i memory:i locked:b display:b starts:i uptime_ms:i exits:i interrupts:i halted_ms:i " \
	"owned_apics:i network_in_bytes:i network_out_bytes:i disk_read_bytes:i disk_written_bytes:i"

static const struct { const char *name, *members; } schemas[] = {
	{ "Problem", "title:s status:i detail:s key?:s errors?:[Mistake" },
	{ "Mistake", "id:s key:s detail:s line?:i" },
	{ "Empty", "" },
	{ "Name", "name:s" },
	{ "Session", "user:s role:s guests:s csrf:s" },
	{ "GuestState", GUEST },
	{ "GuestDetails", GUEST " autostart:b firmware_log:b ports:[s exits_by_kind:{i last_end:~GuestEnd plan:~o" },
	{ "GuestEnd", "how:s time:s result?:i id?:s reason?:s vcpu?:i registers?:s console:s" },
	{ "GuestAct", "name:s state:s" },
	{ "GuestChange", "name:s state:s lasting:b" },
	{ "PlanChanges", "dry_run:b lasting:b changes:[PlanChange" },
	{ "PlanChange", "guest:s what:s key?:s from?:~s to?:~s" },
	{ "PlanHistory", "lasting:b newest:i kept:[i" },
	{ "Machine", "name:s version:s processor:s virtualisation:s time:s uptime_ms:i cores:[Core memory:[Memory devices:[Device "
	  "hypervisor_pool_bytes:i hypervisor_pool_free_bytes:i" },
	{ "Core", "index:i apic_id:i package:i state:s socket:i l3:i smt_core:i thread:i owner:s guest?:s vcpu?:i" },
	{ "Memory", "owner:s what:s base:i bytes:i" },
	{ "Device", "at:s id:s class:s driver:s owner:s state:s" },
	{ "Switch", "name:s nat:b uplink:~Uplink ports:[SwitchPort" },
	{ "Uplink", "name:s kind:s mac:s link:b mbit:i" },
	{ "SwitchPort", "name:s kind:s up:b vlan:i trunk:b mac?:s in_frames:i in_bytes:i out_frames:i out_bytes:i dropped:i" },
	{ "Disk", "name:s model:s serial:s bytes:i table:s granted:b readonly:b largest_gap_bytes:i read_bytes:i written_bytes:i "
	  "errors:i failing?:b" },
	{ "Volume", "name:s kind:s bytes:i disk:s guid:s in_use:b written:b filled_bytes?:i fill_bytes?:i" },
	{ "Datastore", "state:s why:s disk:s bytes:i used_bytes:i waiting_bytes:i files:[KeptFile" },
	{ "KeptFile", "path:s bytes:i" },
	{ "File", "name:s bytes:i received:i whole:b loaded:b used_by?:s" },
	{ "FileSent", "name:s bytes:i received:i whole:b" },
	{ "Log", "next:i lines:[LogLine" },
	{ "LogLine", "number:i time:s core:i level:s text:s" },
	{ "AuditRecord", "number:i time:s who:s from:s what:s result:s status:i" },
	{ "User", "name:s role:s locked:b guests:s" },
	{ "Token", "name:s role:s guests:s owner:s expires?:s" },
	{ "NewToken", "name:s token:s" },
};

static size_t length_to(const char *s, char end)
{
	size_t n = 0;

	while (s[n] && s[n] != ' ' && s[n] != end)
		n++;
	return n;
}

static const char *basic(char letter)
{
	return letter == 's' ? "{\"type\":\"string\"}" : letter == 'i' ? "{\"type\":\"integer\"}" :
	       letter == 'b' ? "{\"type\":\"boolean\"}" : "{\"type\":\"object\"}";
}

static void put_plain(struct out *o, const char *type)
{
	if (*type >= 'A' && *type <= 'Z')
		out_print(o, "{\"$ref\":\"#/components/schemas/%.*s\"}", (int)length_to(type, ' '), type);
	else
		out_text(o, basic(*type));
}

void schema_put_type(struct out *o, const char *type)
{
	switch (*type) {
	case '[':
		out_text(o, "{\"type\":\"array\",\"items\":");
		break;
	case '{':
		out_text(o, "{\"type\":\"object\",\"additionalProperties\":");
		break;
	case '~':			/* null goes with a type, which a reference has none of: OpenAPI 3.0.3 "nullable" */
		if (type[1] == 's' || type[1] == 'o') {
			out_print(o, "{\"nullable\":true,\"type\":\"%s\"}", type[1] == 's' ? "string" : "object");
			return;
		}
		out_text(o, "{\"anyOf\":[");
		put_plain(o, type + 1);
		out_text(o, ",{\"nullable\":true,\"type\":\"object\",\"enum\":[null]}]}");
		return;
	default:
		put_plain(o, type);
		return;
	}
	put_plain(o, type + 1);
	out_text(o, "}");
}

/* Past the member and the blank behind it. */
static const char *next(const char *at)
{
	at += length_to(at, ' ');
	return at + (*at == ' ');
}

static void put_members(struct out *o, const char *members)
{
	bool any = false;

	out_text(o, "{\"type\":\"object\",\"properties\":{");
	for (const char *at = members; *at; at = next(at)) {
		size_t n = length_to(at, ':');

		out_print(o, "%s\"%.*s\":", at == members ? "" : ",", (int)(n - (at[n - 1] == '?')), at);
		schema_put_type(o, at + n + 1);
	}
	out_text(o, "}");
	for (const char *at = members; *at; at = next(at)) {
		size_t n = length_to(at, ':');

		if (at[n - 1] == '?')
			continue;
		out_print(o, "%s\"%.*s\"", any ? "," : ",\"required\":[", (int)n, at);
		any = true;
	}
	out_text(o, any ? "]}" : "}");
}

void schema_put_all(struct out *o)
{
	for (u32 i = 0; i < ARRAY_COUNT(schemas); i++) {
		out_print(o, "%s\"%s\":", i ? "," : "", schemas[i].name);
		put_members(o, schemas[i].members);
	}
}
