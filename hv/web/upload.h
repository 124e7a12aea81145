/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Bodies that are larger than a request: files (hv/files.h) and the text of a plan. Web fiber. */

#include "answer.h"

/* The head of a request for a route with BODY_FILE, BODY_PLAN: its body's place; or the answer, with a status. */
void upload_begin_file(struct answer *a);
void upload_begin_text(struct answer *a);

/* The request is over, or its connection: what was not finished goes. */
void upload_end(struct web_conn *c);
