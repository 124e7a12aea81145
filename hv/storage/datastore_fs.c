/* SPDX-License-Identifier: Apache-2.0 */
#include "datastore_fs.h"

#include <hv/lib.h>
#undef assert	/* littlefs' own header asks for the C library's */

#include "littlefs_port.h"

#define READS_MAX 200000u		/* of one call: a mount of a full file system needs some thousands */
#define LIST_MAX 128u			/* names of a directory that are looked at; we make 30 at most. Each look begins anew */
#define BLOCKS_A_CYCLE (-1)		/* disks level their wear themselves */

static struct {
	struct media *media;
	lfs2_t fs;
	struct lfs2_config config;
	struct lfs2_file_config file_config, job_config;
	lfs2_file_t file, job;
	char job_path[FS_PATH_MAX], job_new[FS_PATH_MAX];
	bool job_open, mounted, broken;
	char why[80];
	u32 reads;
	u8 read_cache[MEDIA_BLOCK], write_cache[MEDIA_BLOCK], file_cache[MEDIA_BLOCK], job_cache[MEDIA_BLOCK];
	u32 lookahead[MEDIA_BYTES_MAX / MEDIA_BLOCK / 32];
} s;

/* --- leaving littlefs ----------------------------------------------------------------------------------------------- */

struct call {
	int (*fn)(const struct call *c);
	const char *path, *other;
	const void *data;
	void *to;
	u32 len, offset;
};

static void *escape[5];

_Noreturn void littlefs_failed(int line)
{
	fmt_print(s.why, sizeof(s.why), "its contents contradict themselves (littlefs, line %d)", line);
	__builtin_longjmp(escape, 1);
}

static int error_of(int lfs)
{
	switch (lfs) {
	case LFS2_ERR_NOENT:	return -E_NOENT;
	case LFS2_ERR_NOSPC:	return -E_NOSPC;
	default:		return lfs < 0 ? -E_INVAL : lfs;
	}
}

/* Not inlined: a function that is returned to twice keeps nothing in registers. */
static NOINLINE int enter(const struct call *c)
{
	if (__builtin_setjmp(escape)) {
		s.broken = true;
		s.mounted = s.job_open = false;
		return -E_INVAL;
	}
	return error_of(c->fn(c));
}

static int call(const struct call *c)
{
	s.reads = 0;
	return s.mounted ? enter(c) : -E_INVAL;
}

/* --- what littlefs lies on ------------------------------------------------------------------------------------------ */

static int port_read(const struct lfs2_config *c, lfs2_block_t block, lfs2_off_t off, void *to, lfs2_size_t size)
{
	(void)c;
	if (++s.reads > READS_MAX) {
		str_copy(s.why, sizeof(s.why), "its contents lead in circles");
		__builtin_longjmp(escape, 1);
	}
	return media_read(s.media, (u64)block * MEDIA_BLOCK + off, to, size) ? 0 : LFS2_ERR_CORRUPT;
}

static int port_write(const struct lfs2_config *c, lfs2_block_t block, lfs2_off_t off, const void *from, lfs2_size_t size)
{
	(void)c;
	return media_write(s.media, (u64)block * MEDIA_BLOCK + off, from, size) ? 0 : LFS2_ERR_IO;
}

/* A disk needs no erasing. */
static int port_erase(const struct lfs2_config *c, lfs2_block_t block)
{
	(void)c;
	(void)block;
	return 0;
}

static int port_sync(const struct lfs2_config *c)
{
	(void)c;
	return media_mark(s.media) ? 0 : LFS2_ERR_IO;
}

static void configure(struct media *m)
{
	s.media = m;
	s.mounted = s.broken = s.job_open = false;
	s.reads = 0;
	s.config = (struct lfs2_config){ .read = port_read, .prog = port_write, .erase = port_erase, .sync = port_sync,
		.read_size = MEDIA_WRITE, .prog_size = m->write_size, .block_size = MEDIA_BLOCK,
		.block_count = (lfs2_size_t)(m->size / MEDIA_BLOCK), .block_cycles = BLOCKS_A_CYCLE,
		.cache_size = MEDIA_BLOCK, .lookahead_size = sizeof(s.lookahead), .read_buffer = s.read_cache,
		.prog_buffer = s.write_cache, .lookahead_buffer = s.lookahead };
	s.file_config = (struct lfs2_file_config){ .buffer = s.file_cache };
	s.job_config = (struct lfs2_file_config){ .buffer = s.job_cache };
}

/* --- calls ---------------------------------------------------------------------------------------------------------- */

static int do_mount(const struct call *c)
{
	int err = lfs2_mount(&s.fs, &s.config);

	(void)c;
	s.mounted = !err;
	return err;
}

static int do_format(const struct call *c)
{
	(void)c;
	return lfs2_format(&s.fs, &s.config);
}

int fs_mount(struct media *m)
{
	configure(m);
	str_copy(s.why, sizeof(s.why), "there is no file system of ours in it");
	return enter(&(struct call){ .fn = do_mount });
}

int fs_format(struct media *m)
{
	int err;

	configure(m);
	err = enter(&(struct call){ .fn = do_format });
	return err ? err : fs_mount(m);
}

bool fs_broken(void)
{
	return s.broken;
}

const char *fs_broken_why(void)
{
	return s.why;
}

static int do_used(const struct call *c)
{
	(void)c;
	return lfs2_fs_size(&s.fs);
}

int fs_used(void)
{
	int blocks = call(&(struct call){ .fn = do_used });

	return blocks < 0 ? blocks : blocks * (int)MEDIA_BLOCK;
}

static int do_append(const struct call *c)
{
	int err = lfs2_file_opencfg(&s.fs, &s.file, c->path, LFS2_O_WRONLY | LFS2_O_CREAT | LFS2_O_APPEND, &s.file_config), end;

	if (err)
		return err;
	err = lfs2_file_write(&s.fs, &s.file, c->data, c->len);
	end = lfs2_file_close(&s.fs, &s.file);
	return err < 0 ? err : end;
}

int fs_append(const char *path, const void *data, u32 len)
{
	return call(&(struct call){ .fn = do_append, .path = path, .data = data, .len = len });
}

static int do_begin(const struct call *c)
{
	return lfs2_file_opencfg(&s.fs, &s.job, c->path, LFS2_O_WRONLY | LFS2_O_CREAT | LFS2_O_TRUNC, &s.job_config);
}

int fs_begin(const char *path)
{
	int err;

	fs_abandon();
	str_copy(s.job_path, sizeof(s.job_path), path);
	fmt_print(s.job_new, sizeof(s.job_new), "%s.new", path);
	err = call(&(struct call){ .fn = do_begin, .path = s.job_new });
	s.job_open = !err;
	return err;
}

static int do_more(const struct call *c)
{
	int n = lfs2_file_write(&s.fs, &s.job, c->data, c->len);

	return n < 0 ? n : 0;
}

int fs_more(const void *data, u32 len)
{
	return s.job_open ? call(&(struct call){ .fn = do_more, .data = data, .len = len }) : -E_INVAL;
}

static int do_close(const struct call *c)
{
	(void)c;
	s.job_open = false;
	return lfs2_file_close(&s.fs, &s.job);
}

int fs_commit(void)
{
	int err = s.job_open ? call(&(struct call){ .fn = do_close }) : -E_INVAL;

	return err ? err : fs_rename(s.job_new, s.job_path);
}

void fs_abandon(void)
{
	if (!s.job_open)
		return;
	call(&(struct call){ .fn = do_close });
	fs_remove(s.job_new);
}

static int do_read(const struct call *c)
{
	int n = lfs2_file_opencfg(&s.fs, &s.file, c->path, LFS2_O_RDONLY, &s.file_config);

	if (n)
		return n;
	n = lfs2_file_seek(&s.fs, &s.file, (lfs2_soff_t)c->offset, LFS2_SEEK_SET);
	if (n >= 0)
		n = lfs2_file_read(&s.fs, &s.file, c->to, c->len);
	lfs2_file_close(&s.fs, &s.file);
	return n;
}

int fs_read(const char *path, u32 offset, void *to, u32 size)
{
	return call(&(struct call){ .fn = do_read, .path = path, .to = to, .len = size, .offset = offset });
}

static int do_size(const struct call *c)
{
	struct lfs2_info info;
	int err = lfs2_stat(&s.fs, c->path, &info);

	return err ? err : info.size > INT32_MAX ? LFS2_ERR_CORRUPT : (int)info.size;
}

int fs_size(const char *path)
{
	return call(&(struct call){ .fn = do_size, .path = path });
}

static int do_remove(const struct call *c)
{
	return lfs2_remove(&s.fs, c->path);
}

int fs_remove(const char *path)
{
	return call(&(struct call){ .fn = do_remove, .path = path });
}

static int do_rename(const struct call *c)
{
	return lfs2_rename(&s.fs, c->path, c->other);
}

int fs_rename(const char *from, const char *to)
{
	return call(&(struct call){ .fn = do_rename, .path = from, .other = to });
}

static int do_mkdir(const struct call *c)
{
	int err = lfs2_mkdir(&s.fs, c->path);

	return err == LFS2_ERR_EXIST ? 0 : err;
}

int fs_mkdir(const char *path)
{
	return call(&(struct call){ .fn = do_mkdir, .path = path });
}

static int do_list(const struct call *c)
{
	struct lfs2_info info;
	lfs2_dir_t dir;
	u32 n = 0;
	int err = lfs2_dir_open(&s.fs, &dir, c->path);

	if (err)
		return err;
	for (u32 seen = 0; (err = seen < LIST_MAX ? lfs2_dir_read(&s.fs, &dir, &info) : 0) > 0; seen++)
		if (info.type == LFS2_TYPE_REG && n++ == c->len)
			break;
	lfs2_dir_close(&s.fs, &dir);
	if (err <= 0)
		return err ? err : LFS2_ERR_NOENT;
	str_copy(c->to, FS_PATH_MAX, info.name);
	return info.size > INT32_MAX ? LFS2_ERR_CORRUPT : (int)info.size;
}

int fs_list(const char *dir, u32 n, char *name)
{
	return call(&(struct call){ .fn = do_list, .path = dir, .to = name, .len = n });
}
