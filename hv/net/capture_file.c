/* SPDX-License-Identifier: Apache-2.0 */
#include "capture_file.h"

#include <hv/control_work.h>
#include <hv/datastore.h>
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/time.h>

#include "switch.h"

#define STEP_BYTES (8 * KiB)
#define STEP_NS (NS_PER_S / 2)		/* what came in for so long is written together */
#define FOLDER "capture/"
#define ROOM_MIN 1024u

static struct {
	char path[sizeof(FOLDER) + CAPTURE_FILE_NAME];	/* "": none is being written */
	u8 step[STEP_BYTES];
	u32 len;
	u64 due;			/* TSC */
	u64 size;
} file;

static const char *name_of(const char *path)
{
	return path + strlen(FOLDER);
}

static void path_of(char to[sizeof(file.path)], const char *name)
{
	fmt_print(to, sizeof(file.path), FOLDER "%s", name);
}

bool capture_file_name_ok(const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < n; i++) {
		char c = name[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
		      (c == '.' && i)))
			return false;
	}
	return n && n < CAPTURE_FILE_NAME;
}

const char *capture_file_running(void)
{
	return *file.path ? name_of(file.path) : NULL;
}

/* What all captures take; *there: one of them is path. */
static u64 bytes_in_all(const char *path, bool *there)
{
	struct datastore_file f;
	u64 bytes = 0;

	*there = false;
	for (u32 i = 0; datastore_file(i, &f); i++) {
		if (strncmp(f.path, FOLDER, strlen(FOLDER)) != 0)
			continue;
		bytes += f.size;
		*there |= strcmp(f.path, path) == 0;
	}
	return bytes;
}

const char *capture_file_begin(struct port_state *st, const struct capture_filter *filter, const char *name)
{
	struct capture_filter w = *filter;
	char path[sizeof(file.path)];
	u64 used;
	bool there;
	int err;

	if (datastore_state() != DATASTORE_READY)
		return "there is no datastore to keep it in (`datastore` says why)";
	path_of(path, name);
	used = bytes_in_all(path, &there);
	if (there)
		return "there is a file of that name: `net capture delete` removes it";
	if (used + ROOM_MIN > CAPTURE_FILES_MAX)
		return "captures take 1 MiB already: `net capture delete` removes one";
	w.bytes = MIN(CAPTURE_FILE_MAX, CAPTURE_FILES_MAX - used);
	err = capture_begin(st, &w);
	if (err)
		return err == -E_BUSY ? "one is under way" : "the hypervisor has no memory left for it";
	str_copy(file.path, sizeof(file.path), path);
	file.len = 0;
	file.size = 0;
	file.due = 0;
	return NULL;
}

bool capture_file_stop(void)
{
	if (!*file.path)
		return false;
	capture_stop();
	file.due = 0;
	return true;
}

int capture_file_read(const char *name, u32 offset, void *to, u32 size)
{
	char path[sizeof(file.path)];

	path_of(path, name);
	return datastore_read(path, offset, to, size);
}

const char *capture_file_delete(const char *name)
{
	char path[sizeof(file.path)];
	int err;

	path_of(path, name);
	if (!strcmp(path, file.path))
		return "it is being written: `net capture stop` first";
	err = datastore_remove(path);
	return !err ? NULL : err == -E_NOENT ? "there is no such capture" : err == -E_BUSY ? "the datastore is not ready" :
	       "the datastore does not take it";
}

static void end(const char *why)
{
	u64 taken, lost;

	capture_counts(&taken, &lost);
	log_notice("capture %s: %lu frames, %lu lost, %lu bytes%s%s", name_of(file.path), taken, lost, file.size,
		   *why ? ": " : "", why);
	capture_free();
	*file.path = 0;
}

/* false: not at the moment. */
static bool write_step(void)
{
	int err = datastore_append(file.path, file.step, file.len);

	if (err == -E_BUSY && datastore_state() == DATASTORE_READY)
		return false;
	if (err) {
		end(err == -E_NOSPC ? "the datastore is full" : "the datastore does not take it");
		return false;
	}
	file.size += file.len;
	file.len = 0;
	return true;
}

bool capture_file_poll(u64 now)
{
	bool ended;

	if (!*file.path)
		return false;
	file.len += capture_read(file.step + file.len, STEP_BYTES - file.len);
	ended = !capture_running();
	if (file.len < STEP_BYTES && now < file.due && !ended) {
		control_work_by(file.due);
		return false;
	}
	file.due = now + ns_to_ticks(STEP_NS);
	control_work_by(file.due);
	if (file.len)
		return write_step();
	if (ended)
		end("");
	return false;
}
