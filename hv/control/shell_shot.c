/* SPDX-License-Identifier: Apache-2.0 */
/* `shot GUEST`: a picture of its screen, as lines of text. First the whole file is made in memory, some lines of it a turn of the
 * event loop, so that it shows one moment as nearly as may be; then it leaves as fast as the port takes it. */
#include "shell.h"

#include <hv/lib.h>
#include <hv/pc.h>
#include <hv/png.h>
#include <hv/pool.h>

#define LINES_A_CALL 16u
#define BYTES_A_LINE 57u		/* 76 characters */
#define OUT_MAX (4 * MiB)
#define OUT_MIN (64 * KiB)

static struct {
	struct png *png;
	u8 *out;
	u64 pages, sent;
	const struct guest *guest;
	bool made;
} shot;

static u64 pages_of(u64 bytes)
{
	return ALIGN_UP(bytes, PAGE_SIZE) / PAGE_SIZE;
}

static void shot_free(void)
{
	if (shot.out)
		pool_free(shot.out, shot.pages);
	if (shot.png)
		pool_free(shot.png, pages_of(sizeof(*shot.png)));
	memset(&shot, 0, sizeof(shot));
}

/* As much as it can need, or as much as there is. */
static bool shot_alloc(u64 bound)
{
	shot.png = pool_alloc(pages_of(sizeof(*shot.png)), POOL_OTHER);
	for (u64 size = MIN(MAX(bound, OUT_MIN), OUT_MAX); shot.png && !shot.out && size >= OUT_MIN; size /= 2) {
		shot.pages = pages_of(size);
		shot.out = pool_alloc(shot.pages, POOL_OTHER);
	}
	return shot.out;
}

/* The guest may switch its screen off, or to another mode, before all lines are taken. */
static bool shot_make(void)
{
	struct picture p;

	for (u32 i = 0; i < LINES_A_CALL; i++) {
		if (!pc_picture(shot.guest, &p) || p.width != shot.png->width || p.height != shot.png->height) {
			shell_line("the screen changed its mode meanwhile: try again");
			return false;
		}
		if (png_line(shot.png, &p))
			continue;
		if (shot.png->to.full) {
			shell_print("the picture takes more than the %lu KiB that there are for it\n", shot.pages * 4);
			return false;
		}
		shot.made = true;
		shell_print("-----BEGIN PNG %s %ux%u-----\n", shot.guest->name, p.width, p.height);
		return true;
	}
	return true;
}

static bool shot_more(u64 *cursor)
{
	char text[4 * BYTES_A_LINE / 3 + 2];
	u32 n;

	(void)cursor;
	if (!shot.made && shot_make())
		return true;
	if (!shot.made) {
		shot_free();
		return false;
	}
	n = (u32)MIN((u64)BYTES_A_LINE, shot.png->to.used - shot.sent);
	base64_write(text, shot.out + shot.sent, n);
	shell_line(text);
	shot.sent += n;
	if (shot.sent < shot.png->to.used)
		return true;
	shell_print("-----END PNG %s-----\n", shot.guest->name);
	shot_free();
	return false;
}

void shell_shot(int argc, char **argv)
{
	const struct guest *g = shell_find_guest(argv[1]);
	struct picture p;

	(void)argc;
	shot_free();			/* Ctrl-C may have ended the last one */
	if (!g)
		return;
	if (!g->plan->display) {
		shell_print("guest %s has no screen: display = true in the plan gives it one\n", g->name);
	} else if (!pc_picture(g, &p)) {
		shell_print("nothing is on the screen of guest %s\n", g->name);
	} else if (p.width > PNG_WIDTH_MAX || !shot_alloc(png_bound(p.width, p.height))) {
		shell_line("the hypervisor has no memory left for a picture");
		shot_free();
	} else {
		shot.guest = g;
		png_begin(shot.png, &p, shot.out, shot.pages * PAGE_SIZE);
		shell_stream(shot_more, 0);
	}
}
