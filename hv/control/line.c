/* SPDX-License-Identifier: Apache-2.0 */
#include "line.h"

#include <hv/lib.h>

#define CTRL(c) ((c) & 0x1f)
#define ESC 0x1b
#define DELETE 0x7f

enum { ESCAPE_NONE, ESCAPE_BEGUN, ESCAPE_CSI };

void line_init(struct line *l, const char *prompt, void (*emit)(const char *text, size_t n))
{
	memset(l, 0, sizeof(*l));
	l->prompt = prompt;
	l->emit = emit;
}

static void emit_text(const struct line *l, const char *text)
{
	l->emit(text, strlen(text));
}

void line_begin(struct line *l)
{
	l->length = l->cursor = l->history_back = 0;
	l->text[0] = 0;
	emit_text(l, l->prompt);
}

/* ECMA-48: EL erases to the end of the line, CUB moves left. */
void line_redraw(struct line *l)
{
	char left[16];

	emit_text(l, "\r");
	emit_text(l, l->prompt);
	l->emit(l->text, l->length);
	emit_text(l, "\x1b[K");
	if (l->cursor < l->length) {
		fmt_print(left, sizeof(left), "\x1b[%uD", l->length - l->cursor);
		emit_text(l, left);
	}
}

static void line_put(struct line *l, char c)
{
	if (l->length + 1 >= LINE_BYTES)
		return;
	memmove(l->text + l->cursor + 1, l->text + l->cursor, l->length - l->cursor + 1);
	l->text[l->cursor++] = c;
	l->length++;
	if (l->cursor == l->length)
		l->emit(&c, 1);		/* the usual case keeps transcripts readable */
	else
		line_redraw(l);
}

void line_insert(struct line *l, const char *text)
{
	while (*text)
		line_put(l, *text++);
}

/* Remove [from, to) of the line; the cursor goes to from. */
static void line_cut(struct line *l, u32 from, u32 to)
{
	if (from >= to)
		return;
	memmove(l->text + from, l->text + to, l->length - to + 1);
	l->length -= to - from;
	l->cursor = from;
	line_redraw(l);
}

static void line_move(struct line *l, u32 to)
{
	l->cursor = MIN(to, l->length);
	line_redraw(l);
}

static u32 word_start(const struct line *l)
{
	u32 at = l->cursor;

	while (at && l->text[at - 1] == ' ')
		at--;
	while (at && l->text[at - 1] != ' ')
		at--;
	return at;
}

static void line_set(struct line *l, const char *text)
{
	str_copy(l->text, sizeof(l->text), text);
	l->length = l->cursor = (u32)strlen(l->text);
	line_redraw(l);
}

static void history_add(struct line *l)
{
	if (!l->length)
		return;
	if (l->history_count && !strcmp(l->history[(l->history_count - 1) % LINE_HISTORY], l->text))
		return;
	str_copy(l->history[l->history_count++ % LINE_HISTORY], LINE_BYTES, l->text);
}

static void history_go(struct line *l, u32 back)
{
	if (back > MIN(l->history_count, LINE_HISTORY) || back == l->history_back)
		return;
	if (!l->history_back)
		str_copy(l->kept, sizeof(l->kept), l->text);
	l->history_back = back;
	line_set(l, back ? l->history[(l->history_count - back) % LINE_HISTORY] : l->kept);
}

static void history_up(struct line *l)
{
	history_go(l, l->history_back + 1);
}

static void history_down(struct line *l)
{
	if (l->history_back)
		history_go(l, l->history_back - 1);
}

static void line_delete(struct line *l)
{
	if (l->cursor < l->length)
		line_cut(l, l->cursor, l->cursor + 1);
}

static void line_backspace(struct line *l)
{
	if (!l->cursor)
		return;
	if (l->cursor < l->length) {
		line_cut(l, l->cursor - 1, l->cursor);
		return;
	}
	l->text[--l->length] = 0;
	l->cursor--;
	emit_text(l, "\b \b");
}

static void escape_finish(struct line *l, u8 byte)
{
	switch (byte) {
	case 'A':	history_up(l);				break;
	case 'B':	history_down(l);			break;
	case 'C':	line_move(l, l->cursor + 1);		break;
	case 'D':	line_move(l, l->cursor - (l->cursor > 0));	break;
	case 'H':	line_move(l, 0);			break;
	case 'F':	line_move(l, l->length);		break;
	case '~':
		if (l->parameter == 1 || l->parameter == 7)
			line_move(l, 0);
		else if (l->parameter == 4 || l->parameter == 8)
			line_move(l, l->length);
		else if (l->parameter == 3)
			line_delete(l);
		break;
	default:	/* a key that we do not know: swallowed whole */
		break;
	}
}

static void escape_input(struct line *l, u8 byte)
{
	if (l->escape == ESCAPE_BEGUN) {
		l->escape = byte == '[' || byte == 'O' ? ESCAPE_CSI : ESCAPE_NONE;
		l->parameter = 0;
		return;
	}
	if (byte >= '0' && byte <= '9') {
		l->parameter = (l->parameter * 10 + (u32)(byte - '0')) % 1000;
		return;
	}
	if (byte >= 0x20 && byte < 0x40)
		return;		/* further parameters */
	l->escape = ESCAPE_NONE;
	escape_finish(l, byte);
}

static void line_control(struct line *l, u8 byte)
{
	switch (byte) {
	case CTRL('A'):	line_move(l, 0);			break;
	case CTRL('E'):	line_move(l, l->length);		break;
	case CTRL('B'):	line_move(l, l->cursor - (l->cursor > 0));	break;
	case CTRL('F'):	line_move(l, l->cursor + 1);		break;
	case CTRL('P'):	history_up(l);				break;
	case CTRL('N'):	history_down(l);			break;
	case CTRL('D'):	line_delete(l);				break;
	case CTRL('K'):
		line_cut(l, l->cursor, l->length);
		break;
	case CTRL('U'):	line_cut(l, 0, l->cursor);		break;
	case CTRL('W'):	line_cut(l, word_start(l), l->cursor);	break;
	case CTRL('L'):
		emit_text(l, "\x1b[H\x1b[2J");
		line_redraw(l);
		break;
	case CTRL('H'):
	case DELETE:	line_backspace(l);			break;
	case ESC:	l->escape = ESCAPE_BEGUN;		break;
	default:	break;
	}
}

enum line_event line_input(struct line *l, u8 byte)
{
	bool newline_of_return = byte == '\n' && l->after_return;

	l->after_return = byte == '\r';
	if (newline_of_return)
		return LINE_MORE;
	if (l->escape && byte != ESC && byte != '\r') {
		escape_input(l, byte);
		return LINE_MORE;
	}
	l->escape = ESCAPE_NONE;
	switch (byte) {
	case '\r':
	case '\n':
		emit_text(l, "\r\n");
		history_add(l);
		return LINE_DONE;
	case CTRL('C'):
		emit_text(l, "^C\r\n");
		return LINE_CANCELLED;
	case '\t':
		return LINE_TAB;
	default:
		if (byte >= ' ' && byte <= '~')
			line_put(l, (char)byte);
		else
			line_control(l, byte);
		return LINE_MORE;
	}
}
