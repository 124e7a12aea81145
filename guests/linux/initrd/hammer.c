/* SPDX-License-Identifier: Apache-2.0 */
/* hammer DEVICE JOBS SECONDS: write and read a disk past the cache, JOBS processes at once, each in a part of its own, and say each
 * second what came of it: requests that went well, that failed, answers that were wrong, the longest wait. Every block tells its
 * place and how often it was written. A write that fails leaves a block that nothing is known of until it is written anew. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define BLOCK 4096
#define BLOCKS 256		/* of a job */
#define FLUSH_EVERY 32
#define JOBS_MAX 16

static struct counts {
	volatile uint64_t ok, failed, wrong, worst_us;
	volatile int error;
} *counts;

static uint64_t us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void fill(uint64_t *block, uint64_t place, uint64_t turn)
{
	for (size_t i = 0; i < BLOCK / 8; i++)
		block[i] = (place << 32 ^ turn) * 6364136223846793005u + i;
}

static void job(const char *device, uint64_t nr, struct counts *c)
{
	static uint64_t turn[BLOCKS], want[BLOCK / 8];
	int fd = open(device, O_RDWR | O_DIRECT);
	uint64_t *block = aligned_alloc(BLOCK, BLOCK);

	if (fd < 0 || !block) {
		perror("HAMMER open");
		exit(1);
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	srandom((unsigned)nr);
	for (uint64_t n = 1;; n++) {
		uint64_t b = (uint64_t)random() % BLOCKS, began, took;
		off_t at = (off_t)(nr * BLOCKS + b) * BLOCK;
		int writes = !turn[b] || random() & 1, flushes = n % FLUSH_EVERY == 0;
		ssize_t done;

		if (writes)
			fill(block, (uint64_t)at, n);
		began = us();
		if (flushes)
			done = fsync(fd) ? -1 : BLOCK;
		else
			done = writes ? pwrite(fd, block, BLOCK, at) : pread(fd, block, BLOCK, at);
		took = us() - began;
		if (took > c->worst_us)
			c->worst_us = took;
		if (done != BLOCK)
			c->error = errno;
		c->failed += done != BLOCK;
		c->ok += done == BLOCK;
		if (flushes)
			continue;
		if (writes)
			turn[b] = done == BLOCK ? n : 0;
		fill(want, (uint64_t)at, turn[b]);
		if (!writes && done == BLOCK && memcmp(block, want, BLOCK))
			c->wrong++;
	}
}

int main(int argc, char **argv)
{
	uint64_t begun;
	int jobs = argc == 4 ? atoi(argv[2]) : 0, seconds = argc == 4 ? atoi(argv[3]) : 0;

	counts = mmap(NULL, JOBS_MAX * sizeof(*counts), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (jobs < 1 || jobs > JOBS_MAX || counts == MAP_FAILED) {
		fprintf(stderr, "hammer DEVICE JOBS(1-%d) SECONDS\n", JOBS_MAX);
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	begun = us();
	for (int i = 0; i < jobs; i++)
		if (!fork())
			job(argv[1], (uint64_t)i, &counts[i]);
	for (int t = 1; t <= seconds; t++) {
		struct counts sum = { 0 };

		sleep(1);
		for (int i = 0; i < jobs; i++) {
			sum.ok += counts[i].ok;
			sum.failed += counts[i].failed;
			sum.wrong += counts[i].wrong;
			sum.worst_us = counts[i].worst_us > sum.worst_us ? counts[i].worst_us : sum.worst_us;
			sum.error = counts[i].error ? counts[i].error : sum.error;
			counts[i].worst_us = 0;
		}
		printf("HAMMER %d ms=%llu ok=%llu failed=%llu wrong=%llu worst=%llu us %s\n", t,
		       (unsigned long long)(us() - begun) / 1000, (unsigned long long)sum.ok, (unsigned long long)sum.failed,
		       (unsigned long long)sum.wrong, (unsigned long long)sum.worst_us, sum.error ? strerror(sum.error) : "none");
	}
	return 0;
}
