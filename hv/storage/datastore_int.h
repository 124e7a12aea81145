/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Between the files of the datastore. Control core. */

#include <hv/datastore.h>

#include "datastore_fs.h"

/* One step of work that writes may be done now: the file system is there, the log has room. Ask before each. */
bool datastore_may_write(void);

/* Work is late, what was wrong with a call; the first of its kind is said. */
void datastore_say(const char *what, int err);

/* Firmware variables: datastore_vars.c. Memory for a copy (false: there is none); the file system is there (again); a turn,
 * true: it did something. */
void vars_init(void);
bool vars_memory(void);
void vars_add(const struct guest *g);
void vars_drop(const struct guest *g);
void vars_mounted(void);
bool vars_poll(u64 now);
bool vars_settled(const struct guest *g);
bool vars_is_saved(void);

/* A file of variables is half written. */
bool vars_is_writing(void);

/* Small files of other parts: datastore_keep.c. */
void keep_init(void);
bool keep_poll(void);
bool keep_is_saved(void);

/* Log and crashes: datastore_log.c. */
void log_file_init(void);
void log_file_mounted(void);
bool log_file_poll(u64 now);
bool log_file_is_saved(void);
