/* SPDX-License-Identifier: Apache-2.0 */
/* What the API offers: one line a function. The web page uses nothing else. /openapi.json is made of this table. */
#include "answer.h"
#include "web_int.h"

#include <hv/lib.h>

const struct api_route api_route[] = {
	{ HTTP_GET, "/", ROLE_NONE, api_root, "What this is", NULL, false },
	{ HTTP_GET, "/openapi.json", ROLE_NONE, api_openapi, "This description", NULL, false },
	{ HTTP_POST, "/v1/enrol", ROLE_NONE, api_enrol, "The first administrator, by the console's one-time code",
		"!code !user !password",
	  true },
	{ HTTP_POST, "/v1/login", ROLE_NONE, api_login, "Begin a session: a cookie, and the token for X-CSRF-Token",
		"!user !password",
	  true },
	{ HTTP_GET, "/v1/session", ROLE_VIEWER, api_session, "Who asks, with which role", NULL, false },
	{ HTTP_POST, "/v1/logout", ROLE_VIEWER, api_logout, "End the session", "", true },
	{ HTTP_GET, "/v1/guests", ROLE_VIEWER, api_guests, "All guests", NULL, false },
	{ HTTP_GET, "/v1/guests/*", ROLE_VIEWER, api_guest,
		"A guest: state, exits, what it sends and receives, how it last ended", NULL,
	  false },
	{ HTTP_POST, "/v1/guests/*/start", ROLE_OPERATOR, api_guest_start, "Power a guest on", "", true },
	{ HTTP_POST, "/v1/guests/*/stop", ROLE_OPERATOR, api_guest_stop,
		"Press its power button; after `seconds` (30) end it",
	  "seconds", true },
	{ HTTP_POST, "/v1/guests/*/reset", ROLE_OPERATOR, api_guest_reset, "End it and start it at once", "", true },
	{ HTTP_POST, "/v1/guests/*/kill", ROLE_OPERATOR, api_guest_kill, "End it at once", "", true },
	{ HTTP_GET, "/v1/guests/*/console", ROLE_VIEWER, api_console,
		"A WebSocket: the console's record, then as it goes on; operators may type; ?port=", NULL, false },
	{ HTTP_GET, "/v1/guests/*/screen", ROLE_VIEWER, api_screen,
		"A WebSocket: the screen by RFB (RFC 6143), security type None; operators may type", NULL, false },
	{ HTTP_GET, "/v1/events", ROLE_VIEWER, api_events, "Server-Sent Events: guest, log", NULL, false },
	{ HTTP_GET, "/v1/plan", ROLE_VIEWER, api_plan, "Who got which cores and RAM, as a plan file", NULL, false },
	{ HTTP_GET, "/v1/machine", ROLE_VIEWER, api_machine, "The machine, its cores, the hypervisor", NULL, false },
	{ HTTP_GET, "/v1/log", ROLE_VIEWER, api_log, "Lines of the log, ?from=NUMBER", NULL, false },
	{ HTTP_GET, "/v1/audit", ROLE_ADMIN, api_audit, "Who changed what, ?from=NUMBER", NULL, false },
	{ HTTP_GET, "/v1/users", ROLE_ADMIN, api_users, "All users", NULL, false },
	{ HTTP_POST, "/v1/users", ROLE_ADMIN, api_user_add, "A new user; role: viewer, operator, admin",
		"!name !password !role", true },
	{ HTTP_DELETE, "/v1/users/*", ROLE_ADMIN, api_user_remove, "Remove a user, their sessions and tokens", "",
		true },
	{ HTTP_PUT, "/v1/users/*/password", ROLE_VIEWER, api_password, "A new password; one's own needs the old one",
		"old !password",
	  true },
	{ HTTP_GET, "/v1/tokens", ROLE_ADMIN, api_tokens, "All API tokens", NULL, false },
	{ HTTP_POST, "/v1/tokens", ROLE_ADMIN, api_token_add, "A new token, shown once; days: until it expires",
		"!name !role days", true },
	{ HTTP_DELETE, "/v1/tokens/*", ROLE_ADMIN, api_token_remove, "Remove a token", "", true },
	{ HTTP_GET, "/metrics", ROLE_VIEWER, api_metrics, "OpenMetrics", NULL, false },
};
const u32 api_route_count = ARRAY_COUNT(api_route);
