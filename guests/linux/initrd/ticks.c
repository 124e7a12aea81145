/* SPDX-License-Identifier: Apache-2.0 */
/* ticks [SECONDS]: a 250 Hz log of time. Wakes every 4 ms and prints once a second how many ticks passed and the longest
 * gap between two; a gap of more than two ticks means that somebody disturbed this guest. 0 or nothing: for ever. */

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define TICK_NS 4000000ll
#define SECOND_NS 1000000000ll

static long long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * SECOND_NS + t.tv_nsec;
}

static void sleep_until(long long at)
{
	struct timespec t = { .tv_sec = at / SECOND_NS, .tv_nsec = at % SECOND_NS };

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

int main(int argc, char **argv)
{
	long seconds = argc > 1 ? atol(argv[1]) : 0;
	long long last = now(), next = last + TICK_NS, worst = 0;

	for (long s = 1; !seconds || s <= seconds; s++) {
		long long end = last + SECOND_NS, longest = 0;
		int count = 0;

		while (last < end) {
			long long before = last;

			sleep_until(next);
			last = now();
			while (next <= last)
				next += TICK_NS;
			count++;
			if (last - before > longest)
				longest = last - before;
		}
		if (longest > worst)
			worst = longest;
		printf("TICKS second=%ld count=%d max_us=%lld\n", s, count, longest / 1000);
		fflush(stdout);
	}
	printf("TICKS end worst_us=%lld\n", worst / 1000);
	return 0;
}
