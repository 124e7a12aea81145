/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* One edited line with history, on a VT100-like terminal. Knows nothing of commands: bytes in, a finished line out,
 * what to show through emit(). Pure. */

#include <hv/types.h>

#define LINE_BYTES 256u
#define LINE_HISTORY 32u

enum line_event { LINE_MORE, LINE_DONE, LINE_CANCELLED, LINE_TAB };

struct line {
	const char *prompt;
	void (*emit)(const char *text, size_t n);

	char text[LINE_BYTES];		/* always ends with NUL */
	u32 length, cursor;

	u8 escape;			/* bytes of an escape sequence so far: 0, ESC seen, ESC [ seen */
	u32 parameter;
	bool after_return;		/* a newline right after a return is the same key */

	char history[LINE_HISTORY][LINE_BYTES];
	u32 history_count;		/* lines ever kept */
	u32 history_back;		/* how far up we are; 0: the new line */
	char kept[LINE_BYTES];		/* the new line while we are up there */
};

void line_init(struct line *l, const char *prompt, void (*emit)(const char *text, size_t n));

/* Show the prompt and an empty line to edit. */
void line_begin(struct line *l);

/* Show prompt and line again, the cursor where it was: after something else was printed. */
void line_redraw(struct line *l);

/* One typed byte. LINE_DONE: text[] is the line (kept in the history unless empty or repeated); call line_begin() for
 * the next one. LINE_CANCELLED: Ctrl-C. LINE_TAB: the caller may line_insert(). */
enum line_event line_input(struct line *l, u8 byte);

/* Insert text at the cursor, as if typed. What does not fit is dropped. */
void line_insert(struct line *l, const char *text);
