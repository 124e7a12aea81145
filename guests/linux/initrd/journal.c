/* SPDX-License-Identifier: Apache-2.0 */
/* journal DEVICE: a journal that tells whether a disk keeps what it was told to keep. Says how many records the first half
 * of the device holds ("JOURNAL holds N": 1 to N are whole), then appends more for ever: writes one, and "flushed N" is
 * printed only after fsync() of it. Between them the second half is written here and there, so that much is under way. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RECORD 4096
#define WORDS (RECORD / sizeof(uint64_t))
#define LOAD (64 * 1024)
#define LOADS 4

static uint64_t record[WORDS], seen[WORDS];
static char load[LOAD];

/* Every word depends on the number: half a record, or a record in a wrong place, is none. */
static void make(uint64_t n)
{
	uint64_t x = n;

	for (size_t i = 0; i < WORDS; i++) {
		x = x * 6364136223846793005u + 1442695040888963407u;
		record[i] = x ^ n;
	}
	record[0] = n;
}

static _Noreturn void fail(const char *what)
{
	fflush(stdout);
	perror(what);
	exit(1);
}

int main(int argc, char **argv)
{
	int fd = argc == 2 ? open(argv[1], O_RDWR) : -1;
	off_t half = fd < 0 ? 0 : lseek(fd, 0, SEEK_END) / 2 / LOAD * LOAD;
	uint64_t most = (uint64_t)half / RECORD, n = 1;

	if (!half)
		fail("JOURNAL failed: open");
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (; n <= most; n++) {
		make(n);
		if (pread(fd, seen, RECORD, (off_t)(n - 1) * RECORD) != RECORD)
			fail("JOURNAL failed: read");
		if (memcmp(seen, record, RECORD))
			break;
	}
	printf("JOURNAL holds %llu\n", (unsigned long long)n - 1);
	for (; n <= most; n++) {
		make(n);
		if (pwrite(fd, record, RECORD, (off_t)(n - 1) * RECORD) != RECORD || fsync(fd))
			fail("JOURNAL failed: write");
		printf("flushed %llu\n", (unsigned long long)n);
		memset(load, (int)n, sizeof(load));
		for (int i = 0; i < LOADS; i++)
			if (pwrite(fd, load, LOAD, half + random() % (half / LOAD) * LOAD) != LOAD)
				fail("JOURNAL failed: load");
	}
	printf("JOURNAL full\n");
	return 0;
}
