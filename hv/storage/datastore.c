/* SPDX-License-Identifier: Apache-2.0 */
/* The datastore's life: its partition is looked for, read into RAM, mounted; what other parts want to keep is written step by
 * step. A disk that fails or goes is looked for again, and what it lacks is written then. */
#include "datastore_int.h"

#include <hv/control_work.h>
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/time.h>

#define LOOK_NS NS_PER_S
#define LOST_NS (10 * NS_PER_S)

static struct {
	enum datastore_state state;
	char why[100];
	bool begun;
	bool looked;			/* it is known whether there is one */
	bool open;			/* the media's client */
	bool to_format;
	u64 next;			/* TSC of the next look */
	struct media media;
	int used;			/* bytes; counted anew after each step */
	bool said;
} d;

static void enter(enum datastore_state state, const char *why)
{
	d.state = state;
	str_copy(d.why, sizeof(d.why), why);
}

static u32 work_id;

static void heard(void)
{
	control_work_wake(work_id);
}

static bool work(void *arg, u64 now)
{
	(void)arg;
	return datastore_poll(now);
}

void datastore_init(void)
{
	memset(&d, 0, sizeof(d));
	enter(DATASTORE_NONE, "no disk has a partition for it");
	control_work_add(&(struct control_work){ .name = "datastore", .poll = work, .when = WORK_ON_CALL, .id = &work_id });
	d.media.heard = heard;
	str_copy(d.media.client.name, sizeof(d.media.client.name), "datastore");
	vars_init();
	log_file_init();
	keep_init();
}

void datastore_begin(void)
{
	d.begun = true;
}

/* Some 5 MiB, which a machine without a datastore keeps: taken once, when there is one. */
static bool has_memory(void)
{
	if (!d.media.log && (!media_init(&d.media) || !vars_memory()))
		enter(DATASTORE_OFF, "there is no memory for it");
	return d.state != DATASTORE_OFF;
}

enum datastore_state datastore_state(void)
{
	return d.state;
}

const char *datastore_why(void)
{
	return d.why;
}

bool datastore_may_write(void)
{
	return d.state == DATASTORE_READY && media_has_room(&d.media);
}

bool datastore_settled(const struct guest *g)
{
	if (d.state == DATASTORE_READY)
		return vars_settled(g);
	return d.state != DATASTORE_LOADING && (d.looked || d.state == DATASTORE_OFF);
}

bool datastore_decided(void)
{
	return d.state != DATASTORE_LOADING && (d.looked || d.state == DATASTORE_OFF);
}

void datastore_add(const struct guest *g)
{
	vars_add(g);
}

void datastore_drop(const struct guest *g)
{
	vars_drop(g);
}

bool datastore_clean(void)
{
	return d.state != DATASTORE_READY || (vars_is_saved() && log_file_is_saved() && keep_is_saved() &&
					       media_is_clean(&d.media));
}

/* A full file system is said once, until something could be written again. */
void datastore_say(const char *what, int err)
{
	if (!err) {
		d.said = false;
		return;
	}
	if (!d.said && !fs_broken())
		log_error("error DATASTORE-FULL: %s: not kept: %s", what,
			  err == -E_NOSPC ? "the datastore is full" : "it cannot be written");
	d.said = true;
}

/* --- finding and reading it ----------------------------------------------------------------------------------------- */

static void close_media(void)
{
	if (d.open)
		volume_close(&d.media.client);
	d.open = false;
}

static void unreadable(const char *why)
{
	enter(DATASTORE_UNREADABLE, why);
	log_error("error DATASTORE-UNREADABLE: the datastore: %s; nothing is kept (`datastore format` makes it new)", why);
}

static void open_volume(struct volume *v)
{
	u32 sector_size = storage_disk_hardware(v->disk)->sector_size;
	int err = volume_open(&d.media.client, v);
	u64 size;

	if (err) {
		enter(DATASTORE_NONE, err == -E_NODEV ? "its disk cannot be written, or the plan does not name it" :
		      "its partition is in use");
		return;
	}
	d.open = true;
	size = ALIGN_DOWN(MIN(d.media.client.sectors * 512, MEDIA_BYTES_MAX), MEDIA_BLOCK);
	if (size < MEDIA_BYTES_MIN) {
		unreadable("its partition is too small");
		return;
	}
	if (d.to_format)
		media_blank(&d.media, size, sector_size);
	else
		media_load(&d.media, size, sector_size);
	enter(DATASTORE_LOADING, "it is being read");
}

static void look(u64 now)
{
	struct volume *v = volume_datastore();

	d.next = now + ns_to_ticks(LOOK_NS);
	if (v && has_memory())
		open_volume(v);
	d.looked = true;
}

/* A partition of this type with nothing but zeros was made by somebody for us: there is nothing to lose in it. */
static void mounted(void)
{
	bool empty = !d.to_format && media_is_empty(&d.media);
	int err = d.to_format || empty ? fs_format(&d.media) : fs_mount(&d.media);

	d.to_format = false;
	if (!err)
		err = fs_mkdir("vars") | fs_mkdir("log") | fs_mkdir("crash") | fs_mkdir("capture") | fs_mkdir("plan") |
		      fs_mkdir("web");
	if (err) {
		unreadable(fs_broken_why());
		return;
	}
	if (empty)
		log_info("datastore: its partition was empty: it is made");
	enter(DATASTORE_READY, "");
	d.used = fs_used();
	log_info("datastore: %lu KiB, %d KiB in use", d.media.size / KiB, d.used / (int)KiB);
	vars_mounted();
	log_file_mounted();
}

static void lose(u64 now)
{
	fs_abandon();
	enter(DATASTORE_LOST, "its disk fails or is gone");
	log_error("error DATASTORE-LOST: the datastore's disk fails or is gone: nothing is kept until it is back");
	d.next = now + ns_to_ticks(LOST_NS);
}

/* --- turns ---------------------------------------------------------------------------------------------------------- */

static bool ready(u64 now)
{
	bool did;

	if (d.media.failed) {
		lose(now);
		return false;
	}
	did = vars_poll(now);
	did |= log_file_poll(now);
	did |= keep_poll();
	if (did)
		d.used = fs_used();
	if (fs_broken())
		unreadable(fs_broken_why());
	return did;
}

static void begin_format(void)
{
	close_media();
	enter(DATASTORE_NONE, "it is being made");
}

bool datastore_poll(u64 now)
{
	bool busy;

	if (d.state == DATASTORE_OFF || !d.begun)
		return false;
	busy = d.open && media_poll(&d.media, now);
	if (d.to_format && d.state != DATASTORE_NONE && d.state != DATASTORE_LOADING && !d.media.busy)
		begin_format();
	switch (d.state) {
	case DATASTORE_NONE:
		if (now >= d.next || d.to_format)
			look(now);
		break;
	case DATASTORE_LOADING:
		if (d.media.failed)
			lose(now);
		else if (media_is_loaded(&d.media))
			mounted();
		break;
	case DATASTORE_READY:
		busy |= ready(now);
		break;
	case DATASTORE_LOST:
		if (now >= d.next && !d.media.busy) {
			close_media();
			enter(DATASTORE_NONE, "its disk failed or went");
			look(now);
		}
		break;
	default:
		break;
	}
	return busy;
}

/* --- for the operator ----------------------------------------------------------------------------------------------- */

const char *datastore_format(void)
{
	if (d.state == DATASTORE_OFF)
		return d.why;
	if (!volume_datastore())
		return "there is no partition for it: `datastore init on DISK` makes one";
	d.to_format = true;
	return NULL;
}

void datastore_use(struct datastore_use *use)
{
	const struct media *m = &d.media;

	*use = (struct datastore_use){ .size = d.open ? m->size : 0, .used = (u64)MAX(d.used, 0), .waiting = media_waiting(m),
		.written = m->bytes, .flushes = m->flushes, .errors = m->errors };
}

bool datastore_file(u32 n, struct datastore_file *f)
{
	static const char *const dir[] = { "vars", "log", "crash", "capture", "plan", "web" };
	char name[FS_PATH_MAX];

	for (u32 i = 0; d.state == DATASTORE_READY && i < ARRAY_COUNT(dir); i++) {
		u32 k = 0;
		int size;

		for (; (size = fs_list(dir[i], k, name)) >= 0; k++) {
			if (n--)
				continue;
			fmt_print(f->path, sizeof(f->path), "%s/%s", dir[i], name);
			f->size = (u32)size;
			return true;
		}
	}
	return false;
}

int datastore_read(const char *path, u32 offset, void *to, u32 size)
{
	return d.state == DATASTORE_READY ? fs_read(path, offset, to, size) : -E_BUSY;
}

int datastore_append(const char *path, const void *data, u32 len)
{
	int err = datastore_may_write() ? fs_append(path, data, len) : -E_BUSY;

	d.used = d.state == DATASTORE_READY ? fs_used() : d.used;
	return err;
}

int datastore_remove(const char *path)
{
	int err = datastore_may_write() ? fs_remove(path) : -E_BUSY;

	d.used = d.state == DATASTORE_READY ? fs_used() : d.used;
	return err;
}
