/* SPDX-License-Identifier: Apache-2.0 */
/* A table of fixed size. When it is full, who waits least makes room: whoever fills it by many names does not free a name
 * that they guessed at before. */
#include "attempts.h"

#include "tls.h"

#include <hv/lib.h>
#include <hv/time.h>

#define RECORDS 128u
#define FREE_HERE 4u			/* wrong passwords in a row that cost nothing; each further doubles the wait */
#define FREE_EVERYWHERE 19u		/* the same, of all addresses together */
#define LOCK_S 15ul
#define LOCK_S_MAX 900ul
#define FORGET_S 3600ul			/* after the last one */

#define ANY 0ul				/* any name, any source */

static struct attempt {
	u64 name, source;
	u64 at, until;			/* TSC: of the last one; no log-in before */
	u32 failures;			/* 0: free */
} table[RECORDS];

void attempts_init(void)
{
	memset(table, 0, sizeof(table));
}

u64 attempts_source(const u8 from[16])
{
	static const u8 mapped[12] = { [10] = 0xff, [11] = 0xff };
	u64 source;

	memcpy(&source, memcmp(from, mapped, sizeof(mapped)) ? from : from + 8, sizeof(source));
	return source;
}

static u64 key_of(const char *name)
{
	u8 sum[32];
	u64 key;

	tls_sha256(name, strlen(name), sum);
	memcpy(&key, sum, sizeof(key));
	return key;
}

static bool is_old(const struct attempt *t, u64 now)
{
	return now >= t->until && now - MIN(t->at, now) > FORGET_S * timebase.tsc_hz;
}

static struct attempt *find(u64 name, u64 source, u64 now)
{
	for (u32 i = 0; i < RECORDS; i++)
		if (table[i].failures && table[i].name == name && table[i].source == source)
			return is_old(&table[i], now) ? NULL : &table[i];
	return NULL;
}

/* An old one of the same key comes first, so that there are never two. */
static struct attempt *take(u64 name, u64 source, u64 now)
{
	struct attempt *t = &table[0];

	for (u32 i = 0; i < RECORDS; i++) {
		struct attempt *other = &table[i];

		if (other->failures && other->name == name && other->source == source) {
			t = other;
			break;
		}
		if (!t->failures)
			continue;
		if (!other->failures || other->until < t->until || (other->until == t->until && other->at < t->at))
			t = other;
	}
	*t = (struct attempt){ .name = name, .source = source, .at = now };
	return t;
}

static u64 count(u64 name, u64 source, u32 free, u64 now)
{
	struct attempt *t = find(name, source, now);
	u64 wait = LOCK_S;

	if (!t)
		t = take(name, source, now);
	t->at = now;
	t->failures += t->failures < UINT32_MAX;
	if (t->failures <= free)
		return 0;
	wait <<= MIN(t->failures - free - 1, 6u);
	wait = MIN(wait, LOCK_S_MAX);
	t->until = now + wait * timebase.tsc_hz;
	return wait;
}

static bool is_locked(u64 name, u64 source, u64 now)
{
	const struct attempt *t = find(name, source, now);

	return t && now < t->until;
}

bool attempts_locked(const char *name, u64 source, u64 now)
{
	u64 key = key_of(name);

	return is_locked(key, source, now) || is_locked(key, ANY, now);
}

bool attempts_locked_everywhere(const char *name, u64 now)
{
	return is_locked(key_of(name), ANY, now);
}

bool attempts_suspect(u64 source, u64 now)
{
	const struct attempt *t = find(ANY, source, now);

	return t && t->failures >= FREE_HERE;
}

u64 attempts_failed(const char *name, u64 source, u64 now)
{
	u64 key = key_of(name), here, everywhere;

	count(ANY, source, UINT32_MAX, now);
	here = count(key, source, FREE_HERE, now);
	everywhere = count(key, ANY, FREE_EVERYWHERE, now);
	return MAX(here, everywhere);
}

static void forget(u64 name, u64 source)
{
	for (u32 i = 0; i < RECORDS; i++)
		if (table[i].name == name && table[i].source == source)
			table[i] = (struct attempt){ 0 };
}

void attempts_forget(const char *name, u64 source)
{
	forget(key_of(name), source);
	forget(key_of(name), ANY);
}

void attempts_forget_name(const char *name)
{
	u64 key = key_of(name);

	for (u32 i = 0; i < RECORDS; i++)
		if (table[i].name == key)
			table[i] = (struct attempt){ 0 };
}
