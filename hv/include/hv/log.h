/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The hypervisor's log: a ring of lines that any core writes without a lock and that the control core prints and
 * keeps for `log`. No line at error level may be reachable by a guest alone. */

#include <hv/lib.h>

enum log_level { LOG_ERROR, LOG_NOTICE, LOG_INFO, LOG_DEBUG };

#define LOG_TEXT_MAX 264

struct log_line {
	u64 tsc;		/* when */
	u32 core;		/* who */
	u32 level;		/* enum log_level */
	char text[LOG_TEXT_MAX];
};

/* Add one line ("vuart: text", without a newline); longer text is cut. Any core, any context but NMI. Never blocks;
 * when the reader is late the oldest lines are lost and counted. */
void log_write(enum log_level level, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Copy line number seq (0 = first ever). Returns 0; -E_NOENT: not written yet; -E_RANGE: lost already. Control core. */
int log_read(u64 seq, struct log_line *line);

/* Number of the line that will be written next; lines [end-capacity, end) can be read. */
u64 log_end(void);
#define LOG_LINES 1024

/* Lines above this level are not recorded. Set from the plan. */
void log_set_level(enum log_level level);

/* Call print after each recorded line, on the core that sets it; null: nobody prints, the event loop looks by itself.
 * Boot core. */
void log_set_console(void (*print)(void));

/* From now on each core's private half is mapped where it runs: lines carry its index. Before: 0. Boot core, once. */
void log_set_cores_known(void);

#define log_error(...) log_write(LOG_ERROR, __VA_ARGS__)
#define log_notice(...) log_write(LOG_NOTICE, __VA_ARGS__)
#define log_info(...) log_write(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_DEBUG, __VA_ARGS__)
