/* SPDX-License-Identifier: Apache-2.0 */
#include "shell.h"

#include "hub.h"
#include "lifecycle.h"
#include "line.h"

#include <hv/lib.h>
#include <hv/machine.h>

#define PROMPT "bulkhead> "
#define PROMPT_MORE "> "
#define ARGS_MAX 12
#define TYPED_AHEAD 256u
#define BACKLOG_MAX 8192u	/* long output pauses while so much of it has not left the serial port */
#define PIECES_A_TURN 64u	/* that say little or nothing take time all the same */
#define CTRL_C 0x03

const struct command shell_command[] = {
	{ "help",	"[COMMAND]",		"this list",					shell_help,	false },
	{ "guests",	"[GUEST]",		"all guests, or one and how it last ended",	shell_guests,	true },
	{ "start",	"GUEST",		"power a guest on",				shell_start,	true },
	{ "stop",	"GUEST [SECONDS]",	"press its power button; after 30 s end it",	shell_stop,	true },
	{ "create",	"[NAME from GUEST [KEY=VALUE ..]]",
	  "a guest, from the lines that follow or like another",	shell_create,	false },
	{ "set",	"GUEST KEY=VALUE ..",	"change a guest that does not run",		shell_set,	true },
	{ "delete",	"GUEST",		"it goes, its cores and RAM are free",		shell_delete,	true },
	{ "pause",	"GUEST",		"hold it still",				shell_pause,	true },
	{ "resume",	"GUEST",		"let it go on",					shell_resume,	true },
	{ "reset",	"GUEST",		"end it and start it at once",			shell_reset,	true },
	{ "kill",	"GUEST",		"end it at once",				shell_kill,	true },
	{ "console",	"GUEST [PORT] [log|firmware [LINES]]",
	  "its console or a port of it; its record, its firmware's, with times",	shell_console,	true },
	{ "shot",	"GUEST",		"a picture of its screen: PNG in base64",	shell_shot,	true },
	{ "balloon",	"GUEST [MIB]",		"how much it is to set aside; new statistics",	shell_balloon,	true },
	{ "stats",	"[GUEST]",		"exits by kind: count, cycles; by vcpu",	shell_stats,	true },
	{ "plan",	"[show|save|list|rollback [N]|forget]",
	  "who got which cores and RAM, as a plan; keep it",	shell_plan,	false },
	{ "cores",	"",			"the machine's cores and what runs there",	shell_cores,	false },
	{ "memory",	"",			"who owns the machine's memory",		shell_memory,	false },
	{ "devices",	"[GUEST]",		"the host's devices, or those of a guest",	shell_devices,	true },
	{ "disks",	"",			"the machine's disks, their health and times",	shell_disks,	false },
	{ "disk",	"init DISK [force]",	"an empty partition table on a disk",		shell_disk,	false },
	{ "volumes",	"",			"partitions that guests can have as disks",	shell_volumes,	false },
	{ "volume",	"create|delete|rename|grow|import|clone|snapshot|rollback|snapshots ...",
	  "change them; `volume` says how",	shell_volume,	false },
	{ "net",	"[PORT|host|nat|capture ..|mirror ..|reset PORT]",
	  "switches and ports; copies of what passes",	shell_net,	false },
	{ "ping",	"HOST [COUNT]",		"is it there, and how far away",		shell_ping,	false },
	{ "datastore",	"[read FILE|format|init on DISK]",
	  "what lasts of log, crashes, firmware variables",	shell_datastore, false },
	{ "web",	"[enrol]",		"the HTTPS server; a new one-time code",	shell_web,	false },
	{ "log",	"[LINES|level LEVEL]",	"the last lines; what is recorded",		shell_log,	false },
	{ "check",	"",			"hardware report",				shell_check,	false },
	{ "poweroff",	"[SECONDS|now]",	"stop all guests, switch the machine off",	shell_poweroff,	false },
	{ "reboot",	"[SECONDS|now]",	"stop all guests, reset the machine",		shell_reboot,	false },
	{ "version",	"",			"of this hypervisor",				shell_version,	false },
};
const u32 shell_command_count = ARRAY_COUNT(shell_command);

static struct line line;
static char typed[LINE_BYTES];		/* the command as it was typed */
static struct {
	bool (*more)(u64 *cursor);	/* null: no long output is under way */
	bool waits;			/* it is an answer that is awaited */
	void (*take)(const char *text);	/* lines are for that; null: they are commands */
	u64 cursor;
	u32 ahead_count, ahead_at;	/* typed meanwhile */
	u8 ahead[TYPED_AHEAD];
} shell;

void shell_init(void)
{
	memset(&shell, 0, sizeof(shell));
	line_init(&line, PROMPT, hub_shell_write);
	shell_line("help lists the commands, Ctrl-A ? the keys of the console.");
	line_begin(&line);
}

/* Output. */

void shell_line(const char *text)
{
	hub_shell_write(text, strlen(text));
	hub_shell_write("\r\n", 2);
}

void shell_print(const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	fmt_vprint(text, sizeof(text), fmt, ap);
	va_end(ap);
	for (const char *c = text; *c; c++) {
		if (*c == '\n')
			hub_shell_write("\r", 1);
		hub_shell_write(c, 1);
	}
}

void shell_stream(bool (*more)(u64 *cursor), u64 cursor)
{
	shell.more = more;
	shell.cursor = cursor;
	shell.waits = false;
}

void shell_await(bool (*more)(u64 *cursor))
{
	shell_stream(more, 0);
	shell.waits = true;
}

void shell_take_lines(void (*take)(const char *text))
{
	shell.take = take;
	line.prompt = take ? PROMPT_MORE : PROMPT;
}

const char *shell_rest(int words)
{
	const char *at = typed;

	for (; words >= 0; words--) {
		while (*at == ' ')
			at++;
		while (words && *at && *at != ' ')
			at++;
	}
	return at;
}

void shell_redraw(void)
{
	if (!shell.more)
		line_redraw(&line);
}

/* Arguments. */

struct guest *shell_find_guest(const char *word)
{
	u64 number;

	struct guest *found = life_find(word);

	if (!found && shell_number(word, guest_count, &number) && number)
		found = guest_at((u32)number - 1);
	if (!found)
		shell_print("no guest is called \"%s\"; `guests` lists them\n", word);
	else if (life_phase(found) == PHASE_DELETING)
		shell_print("guest %s: it is being deleted\n", found->name);
	else
		return found;
	return NULL;
}

bool shell_number(const char *word, u64 max, u64 *value)
{
	u64 v = 0;

	if (!*word)
		return false;
	for (; *word; word++) {
		if (*word < '0' || *word > '9')
			return false;
		v = v * 10 + (u64)(*word - '0');
		if (v > max)
			return false;
	}
	*value = v;
	return true;
}

static int split(char *text, char **argv)
{
	int argc = 0;

	while (argc < ARGS_MAX) {
		while (*text == ' ')
			text++;
		if (!*text)
			break;
		argv[argc++] = text;
		while (*text && *text != ' ')
			text++;
		if (*text)
			*text++ = 0;
	}
	return argc;
}

static const struct command *find_command(const char *name)
{
	for (u32 i = 0; i < shell_command_count; i++) {
		if (!strcmp(shell_command[i].name, name))
			return &shell_command[i];
	}
	return NULL;
}

static void help_line(const struct command *c)
{
	shell_print("  %-9s %-20s %s\n", c->name, c->args, c->help);
}

void shell_help(int argc, char **argv)
{
	const struct command *c = argc > 1 ? find_command(argv[1]) : NULL;

	if (c) {
		help_line(c);
		return;
	}
	if (argc > 1)
		shell_print("there is no command \"%s\"\n", argv[1]);
	for (u32 i = 0; i < shell_command_count; i++)
		help_line(&shell_command[i]);
	shell_line("A guest is given by name or number. Tab completes. Ctrl-A ? shows the keys of the console.");
}

/* The first word must be a command, and commands that need a guest must get one. */
static void run_line(void)
{
	char *argv[ARGS_MAX + 1] = { NULL };
	const struct command *c;
	int argc;

	str_copy(typed, sizeof(typed), line.text);
	argc = split(line.text, argv);
	if (!argc)
		return;
	c = find_command(argv[0]);
	if (!c)
		shell_print("there is no command \"%s\"; `help` lists them\n", argv[0]);
	else if (argc == 1 && c->takes_guest && c->args[0] != '[')
		shell_print("usage: %s %s\n", c->name, c->args);
	else
		c->run(argc, argv);
}

/* Completion: of the first word from the commands, of the second from the guests where the command takes one. */

struct match {
	const char *stem;
	size_t stem_length;
	u32 count;
	char common[LINE_BYTES];	/* what all matches begin with */
};

static void match_add(struct match *m, const char *name)
{
	size_t n = 0;

	if (strncmp(name, m->stem, m->stem_length))
		return;
	if (!m->count++) {
		str_copy(m->common, sizeof(m->common), name);
		return;
	}
	while (m->common[n] && m->common[n] == name[n])
		n++;
	m->common[n] = 0;
}

static void each_candidate(void (*fn)(struct match *m, const char *name), struct match *m, const struct command *c)
{
	if (!c) {
		for (u32 i = 0; i < shell_command_count; i++)
			fn(m, shell_command[i].name);
	} else if (c->takes_guest) {
		for (const struct guest *g = guest_next(NULL); g; g = guest_next(g))
			fn(m, g->name);
	}
}

static void match_show(struct match *m, const char *name)
{
	if (!strncmp(name, m->stem, m->stem_length))
		shell_print("%s  ", name);
}

static void complete(void)
{
	char *space = strchr(line.text, ' ');
	const struct command *c = NULL;
	struct match m = { .stem = line.text };

	if (line.cursor != line.length)
		return;
	if (space) {
		*space = 0;
		c = find_command(line.text);
		*space = ' ';
		m.stem = space + 1;
		if (!c || strchr(m.stem, ' '))
			return;
	}
	m.stem_length = strlen(m.stem);
	each_candidate(match_add, &m, c);
	if (!m.count)
		return;
	if (m.count > 1 && strlen(m.common) == m.stem_length) {
		hub_shell_write("\r\n", 2);
		each_candidate(match_show, &m, c);
		hub_shell_write("\r\n", 2);
		line_redraw(&line);
		return;
	}
	line_insert(&line, m.common + m.stem_length);
	if (m.count == 1)
		line_insert(&line, " ");
}

/* Input. */

static void shell_take(u8 byte)
{
	switch (line_input(&line, byte)) {
	case LINE_DONE:
		if (shell.take)
			shell.take(line.text);
		else
			run_line();
		line.length = line.cursor = 0;
		line.text[0] = 0;
		if (!shell.more)
			line_begin(&line);
		break;
	case LINE_CANCELLED:
		if (shell.take)
			shell.take(NULL);
		line_begin(&line);
		break;
	case LINE_TAB:
		if (!shell.take)
			complete();
		break;
	default:
		break;
	}
}

static void stream_end(void)
{
	shell.more = NULL;
	line_begin(&line);
	while (!shell.more && shell.ahead_at < shell.ahead_count)
		shell_take(shell.ahead[shell.ahead_at++]);
	if (shell.ahead_at == shell.ahead_count)
		shell.ahead_at = shell.ahead_count = 0;
}

void shell_forget(void)
{
	if (!shell.more || shell.waits)
		return;
	shell_line("(a guest goes: the rest of this is left out)");
	stream_end();
}

void shell_input(u8 byte)
{
	if (!shell.more) {
		shell_take(byte);
	} else if (byte == CTRL_C) {
		shell.ahead_at = shell.ahead_count = 0;
		hub_shell_write("^C\r\n", 4);
		stream_end();
	} else if (shell.ahead_count < TYPED_AHEAD) {
		shell.ahead[shell.ahead_count++] = byte;
	}
}

bool shell_poll(void)
{
	for (u32 i = 0; shell.more && i < PIECES_A_TURN && hub_shell_backlog() < BACKLOG_MAX; i++) {
		if (!shell.more(&shell.cursor))
			stream_end();
	}
	return shell.more != NULL;
}
