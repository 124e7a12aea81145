/* SPDX-License-Identifier: Apache-2.0 */
/* Disks, volumes and the datastore: what the shell's `disks`, `volume` and `datastore` show and do, by the same functions
 * (hv/include/hv/storage.h). Changes are answered when they have ended, but for those that copy or erase: their progress is in
 * GET /v1/volumes, their end in the log. */
#include "answer.h"
#include "ticket.h"
#include "web_int.h"

#include <hv/datastore.h>
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/storage.h>

/* --- what there is ------------------------------------------------------------------------------------------- */

static void put_disk(struct out *o, const struct storage_disk *s)
{
	const struct disk *d = storage_disk_hardware(s);
	const struct storage_stats *st = storage_disk_stats(s);
	char table[96];

	json_open(o, NULL, '{');
	json_text(o, "name", d->name);
	json_text(o, "model", d->model);
	json_text(o, "serial", d->serial);
	json_u64(o, "bytes", d->sectors * BLOCK_SECTOR);
	storage_disk_describe(s, table, sizeof(table));
	json_text(o, "table", table);
	json_bool(o, "granted", storage_disk_granted(s));
	json_bool(o, "readonly", d->readonly);
	json_u64(o, "largest_gap_bytes", volume_largest_gap(s));
	json_u64(o, "read_bytes", st->read_bytes);
	json_u64(o, "written_bytes", st->written_bytes);
	json_u64(o, "errors", st->errors);
	if (d->health.known)
		json_bool(o, "failing", d->health.failing);
	json_close(o, '}');
}

void api_disks(struct answer *a)
{
	json_open(&a->body, NULL, '[');
	for (u32 i = 0; i < DISKS_MAX; i++)
		if (storage_disk_at(i))
			put_disk(&a->body, storage_disk_at(i));
	json_close(&a->body, ']');
}

static void put_progress(struct out *o, u64 done, u64 all)
{
	json_u64(o, "filled_bytes", done);
	json_u64(o, "fill_bytes", all);
}

static void put_volume(struct out *o, const struct volume *v)
{
	static const char *const kind[] = { [VOLUME_OTHER] = "partition", [VOLUME_OURS] = "volume",
		[VOLUME_DATASTORE] = "datastore", [VOLUME_STORE] = "snapshots", [VOLUME_SNAPSHOT] = "snapshot",
		[VOLUME_CLONE] = "clone", [VOLUME_UNFINISHED] = "unfinished" };
	char guid[40];
	u64 done, all;

	json_open(o, NULL, '{');
	json_text(o, "name", v->name);
	json_text(o, "kind", kind[v->type]);
	json_u64(o, "bytes", v->sectors * BLOCK_SECTOR);
	json_text(o, "disk", storage_disk_hardware(v->disk)->name);
	json_text(o, "guid", storage_guid_words(&v->guid, guid, sizeof(guid)));
	json_bool(o, "in_use", v->users);
	json_bool(o, "written", v->writers);
	if (volume_progress(v, &done, &all))
		put_progress(o, done, all);
	json_close(o, '}');
}

/* No partition yet: what there will be. */
static void put_coming(struct out *o, const struct volume_coming *c)
{
	const struct disk *d = storage_disk_hardware(c->disk);

	json_open(o, NULL, '{');
	json_text(o, "name", c->name);
	json_text(o, "kind", "new");
	json_u64(o, "bytes", c->bytes);
	json_text(o, "disk", d ? d->name : "");
	json_text(o, "guid", "");
	json_bool(o, "in_use", false);
	json_bool(o, "written", false);
	put_progress(o, c->done, c->bytes);
	json_close(o, '}');
}

void api_volumes(struct answer *a)
{
	struct volume_coming coming;

	json_open(&a->body, NULL, '[');
	for (u32 i = 0; i < VOLUMES_COMING_MAX; i++)
		if (volume_coming_at(i, &coming) && !coming.unfinished)
			put_coming(&a->body, &coming);
	for (u32 i = 0; i < VOLUMES_MAX; i++)
		if (volume_at(i)->disk)
			put_volume(&a->body, volume_at(i));
	json_close(&a->body, ']');
}

/* One that comes is found by the name that it will have. */
void api_volume(struct answer *a)
{
	struct volume_coming coming;
	struct volume *v;
	char why[160];

	for (u32 i = 0; i < VOLUMES_COMING_MAX; i++)
		if (volume_coming_at(i, &coming) && !strcmp(coming.name, a->param[0])) {
			put_coming(&a->body, &coming);
			return;
		}
	v = volume_find(a->param[0], why, sizeof(why));
	if (v)
		put_volume(&a->body, v);
	else
		answer_problem(a, 404, NULL, "%s", why);
}

void api_datastore(struct answer *a)
{
	static const char *const state[] = { [DATASTORE_OFF] = "off", [DATASTORE_NONE] = "none", [DATASTORE_LOADING] = "loading",
		[DATASTORE_READY] = "ready", [DATASTORE_UNREADABLE] = "unreadable", [DATASTORE_LOST] = "lost" };
	struct datastore_file f;
	struct datastore_use use = { 0 };

	datastore_use(&use);
	json_open(&a->body, NULL, '{');
	json_text(&a->body, "state", state[datastore_state()]);
	json_text(&a->body, "why", datastore_why());
	json_text(&a->body, "disk", use.disk ? use.disk : "");
	json_u64(&a->body, "bytes", use.size);
	json_u64(&a->body, "used_bytes", use.used);
	json_u64(&a->body, "waiting_bytes", use.waiting);
	json_open(&a->body, "files", '[');
	for (u32 i = 0; datastore_file(i, &f); i++) {
		json_open(&a->body, NULL, '{');
		json_text(&a->body, "path", f.path);
		json_u64(&a->body, "bytes", f.size);
		json_close(&a->body, '}');
	}
	json_close(&a->body, ']');
	json_close(&a->body, '}');
}

/* --- changes ------------------------------------------------------------------------------------------------- */

static void ended(struct answer *a, const struct ticket *t)
{
	answer_json(a, 200);
	json_open(&a->body, NULL, '{');
	json_text(&a->body, "name", t->guest);
	json_close(&a->body, '}');
}

/* The ticket on which the end of a change of this volume will stand; null: said so. */
static struct ticket *begin(struct answer *a, const char *name)
{
	struct ticket *t = ticket_take(a->who.name);

	if (!t) {
		answer_problem(a, 503, NULL, "too many requests wait already: try again");
		return NULL;
	}
	t->finish = ended;
	str_copy(t->guest, sizeof(t->guest), name);
	return t;
}

/* The change was begun, or why tells why not. */
static void begun(struct answer *a, struct ticket *t, const char *why)
{
	if (!why) {
		answer_later(a, t);
		return;
	}
	ticket_drop(t);
	answer_problem(a, 409, NULL, "%s", why);
}

static struct volume *find(struct answer *a, const char *name, u16 status, const char *member)
{
	char why[160];
	struct volume *v = volume_find(name, why, sizeof(why));

	if (!v)
		answer_problem(a, status, member, "%s", why);
	return v;
}

static bool read_size(struct answer *a, u64 *bytes, bool must)
{
	const char *text = answer_member(a, "size");

	*bytes = size_of_words(text);
	if (*bytes || (!*text && !must))
		return true;
	answer_problem(a, 422, "size", "size: such as 512MiB, 20GiB");
	return false;
}

/* The disk that the body names, or the one that the plan names with most room. */
static struct storage_disk *choose_disk(struct answer *a)
{
	const char *name = answer_member(a, "disk");
	struct storage_disk *best = *name ? storage_disk_named(name) : NULL;

	for (u32 i = 0; i < DISKS_MAX && !*name; i++) {
		struct storage_disk *s = storage_disk_at(i);

		if (s && storage_disk_granted(s) && (!best || volume_largest_gap(s) > volume_largest_gap(best)))
			best = s;
	}
	if (!best)
		answer_problem(a, 422, "disk", *name ? "disk: there is none of this name: GET /v1/disks lists them" :
			       "disk: the plan names no disk for volumes (key `disks` of [machine])");
	return best;
}

/* What copies or erases takes long, one of each disk and one copy at a time: the log says how it ended. */
static struct job {
	char what[120];			/* "": free */
} jobs[VOLUMES_COMING_MAX];

static void job_ended(void *arg, const char *why)
{
	struct job *j = arg;

	log_notice("%s: %s%s", j->what, why ? "failed: " : "done", why ? why : "");
	j->what[0] = 0;
}

/* Null: said that there are too many. */
static struct job *begin_job(struct answer *a, const char *name, const char *what)
{
	for (u32 i = 0; i < ARRAY_COUNT(jobs); i++) {
		if (jobs[i].what[0])
			continue;
		fmt_print(jobs[i].what, sizeof(jobs[i].what), "volume %.36s: %s by the API (%.31s)", name, what, a->who.name);
		return &jobs[i];
	}
	answer_problem(a, 503, NULL, "too many volumes are being made: try again");
	return NULL;
}

/* RFC 3986 "Percent-Encoding" */
static void put_location(struct answer *a, const char *name)
{
	out_text(&a->head, "location: /v1/volumes/");
	for (; *name; name++)
		out_print(&a->head, (*name >= '0' && *name <= '9') || (*name >= 'A' && *name <= 'Z') ||
			  (*name >= 'a' && *name <= 'z') || *name == '-' || *name == '_' || *name == '.' ? "%c" : "%%%02x", *name);
	out_text(&a->head, "\r\n");
}

/* The job was begun, or why tells why not. */
static void job_begun(struct answer *a, struct job *j, const char *name, const char *why)
{
	if (why) {
		j->what[0] = 0;
		answer_problem(a, 409, NULL, "%s", why);
		return;
	}
	answer_json(a, 202);
	put_location(a, name);
	json_open(&a->body, NULL, '{');
	json_text(&a->body, "name", name);
	json_close(&a->body, '}');
}

/* Nothing is said in vain: what has no meaning beside the rest of the body is refused, not left out. */
static bool volume_words_fit(struct answer *a, bool file, bool of, bool cow)
{
	if (file && of)
		answer_problem(a, 422, "file", "file: either a file or a volume to copy (of)");
	else if ((file || of) && *answer_member(a, "size"))
		answer_problem(a, 422, "size", "size: it is that of what is copied; grow the volume afterwards");
	else if (cow && !of)
		answer_problem(a, 422, "cow", "cow: of which volume? (of)");
	else if (cow && *answer_member(a, "disk"))
		answer_problem(a, 422, "disk", "disk: a cow clone lies beside what it is a clone of");
	else
		return true;
	return false;
}

/* {name, size}: empty; {name, file}: with what is in the file; {name, of, cow}: a clone. */
void api_volume_create(struct answer *a)
{
	const char *name = answer_member(a, "name"), *file = answer_member(a, "file"), *of = answer_member(a, "of");
	bool cow = !strcmp(answer_member(a, "cow"), "true");
	struct volume *v = *of ? find(a, of, 422, "of") : NULL;
	struct storage_disk *s;
	struct ticket *t;
	struct job *j;
	u64 bytes;

	if ((*of && !v) || !volume_words_fit(a, *file, *of, cow) || !read_size(a, &bytes, !*of && !*file))
		return;
	if (v && cow) {
		t = begin(a, name);
		if (t)
			begun(a, t, volume_clone_cow(v, name, ticket_ended, t));
		return;
	}
	s = choose_disk(a);
	j = s ? begin_job(a, name, *file ? "import" : v ? "copy" : "creation") : NULL;
	if (j)
		job_begun(a, j, name, *file ? volume_import(s, name, file, job_ended, j) : v ?
			  volume_clone(v, s, name, job_ended, j) : volume_create(s, name, bytes, VOLUME_OURS, job_ended, j));
}

/* What has one volume and one change. */
static void change(struct answer *a, const char *(*what)(struct answer *a, struct volume *v, struct ticket *t))
{
	struct volume *v = find(a, a->param[0], 404, NULL);
	struct ticket *t = v ? begin(a, a->param[0]) : NULL;

	if (t)
		begun(a, t, what(a, v, t));
}

static const char *delete(struct answer *a, struct volume *v, struct ticket *t)
{
	(void)a;
	return volume_delete(v, ticket_ended, t);
}

static const char *rename(struct answer *a, struct volume *v, struct ticket *t)
{
	return volume_rename(v, answer_member(a, "name"), ticket_ended, t);
}

static const char *snapshot(struct answer *a, struct volume *v, struct ticket *t)
{
	return volume_snapshot(v, answer_member(a, "name"), size_of_words(answer_member(a, "size")), ticket_ended, t);
}

static const char *rollback(struct answer *a, struct volume *v, struct ticket *t)
{
	char why[160];
	struct volume *to = volume_find(answer_member(a, "to"), why, sizeof(why));

	return to ? volume_rollback(v, to, ticket_ended, t) : "there is no such snapshot";
}

void api_volume_delete(struct answer *a)
{
	change(a, delete);
}

void api_volume_rename(struct answer *a)
{
	change(a, rename);
}

void api_volume_grow(struct answer *a)
{
	struct volume *v;
	struct job *j;
	u64 bytes;

	if (!read_size(a, &bytes, true))
		return;
	v = find(a, a->param[0], 404, NULL);
	j = v ? begin_job(a, v->name, "growth") : NULL;
	if (j)
		job_begun(a, j, v->name, volume_grow(v, bytes, job_ended, j));
}

void api_volume_snapshot(struct answer *a)
{
	u64 bytes;

	if (read_size(a, &bytes, false))
		change(a, snapshot);
}

void api_volume_rollback(struct answer *a)
{
	change(a, rollback);
}
