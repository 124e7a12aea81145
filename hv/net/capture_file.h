/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A capture that goes into a file of the datastore, "capture/NAME": what the ring of capture.h holds is added to the file, some KiB
 * at a time. It ends by itself when the file is full. Control core; nothing waits. */

#include "capture.h"

#define CAPTURE_FILE_NAME 32u		/* with the terminator */
#define CAPTURE_FILE_MAX (512 * KiB)	/* of one file */
#define CAPTURE_FILES_MAX (1 * MiB)	/* of all of them */

/* May name be one: letters, digits, '-', '_', '.', no dot first. */
bool capture_file_name_ok(const char *name);

/* Begin at st. Null, or why not. */
const char *capture_file_begin(struct port_state *st, const struct capture_filter *filter, const char *name);

/* Take in no more; what is in the ring is still written. false: none is under way. */
bool capture_file_stop(void);

/* The file that is being written; null: none. */
const char *capture_file_running(void);

/* Bytes of a file from offset: how many, or less than 0. Null, or why it is not deleted. */
int capture_file_read(const char *name, u32 offset, void *to, u32 size);
const char *capture_file_delete(const char *name);

/* A round of the event loop; true: something was written. */
bool capture_file_poll(u64 now);
