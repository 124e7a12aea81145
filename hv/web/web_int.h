/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Between files of hv/web. */

#include <hv/types.h>

/* tsc_now(), but in tests. */
u64 web_now(void);

/* "192.0.2.1", "2001:db8::1" of a wire's address. */
void web_address_text(const u8 from[16], char to[48]);

/* Handlers by file. api_guests.c: */
struct answer;
void api_guests(struct answer *a);
void api_guest(struct answer *a);
void api_guest_start(struct answer *a);
void api_guest_stop(struct answer *a);
void api_guest_reset(struct answer *a);
void api_guest_kill(struct answer *a);
void api_guest_pause(struct answer *a);
void api_guest_resume(struct answer *a);
/* api_life.c: */
struct guest;
struct out;
void api_guest_create(struct answer *a);
void api_guest_replace(struct answer *a);
void api_guest_delete(struct answer *a);
void api_guest_plan(struct out *o, const struct guest *g);	/* member "plan": what PUT takes */
u64 api_guest_tag(const struct guest *g);			/* of its plan */
u64 api_plan_tag(void);
/* api_machine.c: */
void api_machine(struct answer *a);
void api_log(struct answer *a);
void api_audit(struct answer *a);
void api_metrics(struct answer *a);
void api_openapi(struct answer *a);
/* api_page.c: */
void api_root(struct answer *a);
void api_page(struct answer *a);
/* api_switches.c, api_storage.c: */
void api_switches(struct answer *a);
void api_disks(struct answer *a);
void api_volumes(struct answer *a);
void api_volume(struct answer *a);
void api_datastore(struct answer *a);
/* api_kept.c: */
void api_datastore_file(struct answer *a);
void api_volume_create(struct answer *a);
void api_volume_delete(struct answer *a);
void api_volume_rename(struct answer *a);
void api_volume_grow(struct answer *a);
void api_volume_snapshot(struct answer *a);
void api_volume_rollback(struct answer *a);
/* api_plan.c: */
void api_plan(struct answer *a);
void api_plan_put(struct answer *a);
void api_plan_history(struct answer *a);
void api_plan_rollback(struct answer *a);
/* upload.c: */
void api_file_put(struct answer *a);
void api_files(struct answer *a);
void api_file(struct answer *a);
void api_file_delete(struct answer *a);
/* api_accounts.c: */
void api_enrol(struct answer *a);
void api_login(struct answer *a);
void api_logout(struct answer *a);
void api_session(struct answer *a);
void api_users(struct answer *a);
void api_user_add(struct answer *a);
void api_user_remove(struct answer *a);
void api_user_rights(struct answer *a);
void api_token_rights(struct answer *a);
void api_password(struct answer *a);
void api_tokens(struct answer *a);
void api_token_add(struct answer *a);
void api_token_remove(struct answer *a);
/* api_events.c, api_console.c, api_screen.c: */
void api_events(struct answer *a);
void api_console(struct answer *a);
void api_record(struct answer *a);
void api_screen(struct answer *a);
