/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The hypervisor's shell: edits a line, finds its command in one table, runs it. Commands return at once; long output
 * is produced piece by piece as the serial port takes it. Control core. */

#include <hv/guest.h>

struct command {
	const char *name;
	const char *args;		/* as help shows them */
	const char *help;
	void (*run)(int argc, char **argv);
	bool takes_guest;		/* first argument: completed from the guests' names */
};

extern const struct command shell_command[];
extern const u32 shell_command_count;

void shell_init(void);
void shell_input(u8 byte);

/* Go on with long output. true: there is more. */
bool shell_poll(void);

/* Prompt and line again after something else was printed; nothing while output is under way. */
void shell_redraw(void);

/* For commands: formatted text (up to 400 bytes; "\n" becomes a line end), a whole line. */
void shell_print(const char *fmt, ...) PRINTF_LIKE(1, 2);
void shell_line(const char *text);

/* Call more(&cursor) as long as it returns true, each time with room for some lines. */
void shell_stream(bool (*more)(u64 *cursor), u64 cursor);

/* Wait for an answer: as long output, which shell_forget() does not end. A guest goes: long output that may be about it ends. */
void shell_await(bool (*more)(u64 *cursor));
void shell_forget(void);

/* Lines go to take() from now on, not to commands; null: to commands again. take(null): Ctrl-C, give up. */
void shell_take_lines(void (*take)(const char *text));

/* What was typed behind so many words of the command under way, as it was typed. */
const char *shell_rest(int words);

/* The guest that word names, by name or number; null after saying what is wrong. */
struct guest *shell_find_guest(const char *word);

/* word as a number up to max; false: it is none. */
bool shell_number(const char *word, u64 max, u64 *value);

/* Commands, by file. shell_guests.c: */
void shell_guests(int argc, char **argv);
void shell_start(int argc, char **argv);
void shell_stop(int argc, char **argv);
void shell_balloon(int argc, char **argv);
void shell_reset(int argc, char **argv);
void shell_kill(int argc, char **argv);
void shell_console(int argc, char **argv);
void shell_devices(int argc, char **argv);
/* shell_life.c: */
void shell_create(int argc, char **argv);
void shell_set(int argc, char **argv);
void shell_delete(int argc, char **argv);
void shell_pause(int argc, char **argv);
void shell_resume(int argc, char **argv);
/* shell_datastore.c: */
void shell_datastore(int argc, char **argv);
/* shell_stats.c: */
void shell_stats(int argc, char **argv);
/* shell_machine.c: */
void shell_plan(int argc, char **argv);
void shell_cores(int argc, char **argv);
void shell_memory(int argc, char **argv);
void shell_log(int argc, char **argv);
void shell_check(int argc, char **argv);
void shell_poweroff(int argc, char **argv);
void shell_reboot(int argc, char **argv);
void shell_version(int argc, char **argv);
/* shell_net.c; the port of that name, or null after saying so */
struct port_state;
void shell_net(int argc, char **argv);
struct port_state *shell_find_port(const char *name);
/* shell_capture.c: */
void shell_net_capture(int argc, char **argv);
/* shell_web.c: */
void shell_web(int argc, char **argv);
void shell_web_init(void);
/* shell_shot.c: */
void shell_shot(int argc, char **argv);
/* shell_devices.c: `devices` without a guest */
void shell_devices_host(void);
/* shell_storage.c: */
void shell_disks(int argc, char **argv);
void shell_disk(int argc, char **argv);
void shell_volumes(int argc, char **argv);
void shell_volume(int argc, char **argv);
/* shell_host.c: `ping`; `net host`, `net nat` */
void shell_ping(int argc, char **argv);
void shell_net_host(void);
void shell_net_nat(void);
/* shell.c: */
void shell_help(int argc, char **argv);
