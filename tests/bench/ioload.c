/* SPDX-License-Identifier: Apache-2.0 */
/* What the I/O benchmark runs in a Linux guest; markers are tests/bench/iomarks.c's.
 *	ioload blk DEVICE REQUESTS ID [w]	4 KiB O_DIRECT at random places, one at a time: a sample each
 *	ioload batch DEVICE REQUESTS ID [w]	the same, 32 in flight: one sample for all of them
 *	ioload sink PORT | source ADDRESS PORT MIB ID [RUNS]	TCP, 64 KiB writes: a sample for each run (4) but the first
 *	ioload drain ADDRESS PORT RUNS ID		TCP, as much as comes until the other end closes: a sample for each run but the first
 *	ioload echo PORT | ping ADDRESS PORT N ID	UDP round trips of 64 bytes: a sample each
 *	ioload swallow PORT | flood ADDRESS PORT N ID	UDP, N full frames one way, until the last was heard of: a sample for each of four runs */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#define BLOCK 4096u
#define DEPTH 32
#define CHUNK 65536u
#define DATAGRAM 64
#define FULL 1472		/* bytes of a datagram that fills a frame of 1,514 */
#define LAST 'e'
#define MARK(kind, id) __asm__ volatile("nopl 0x4d4b0000+%c0(%%rax)" :: "i"((kind) << 8 | (id)) : "memory")
#define CASE(kind, id) case id: MARK(kind, id); break;
#define CASES(kind) CASE(kind, 1) CASE(kind, 2) CASE(kind, 3) CASE(kind, 4) CASE(kind, 5) CASE(kind, 6) CASE(kind, 7) CASE(kind, 8)

static void begin(int id)
{
	switch (id) { CASES(1) }
}

static void end(int id)
{
	switch (id) { CASES(2) }
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static uint64_t next_place(uint64_t blocks)
{
	static uint64_t state = 1;

	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (state >> 20) % blocks * BLOCK;
}

static int open_disk(const char *name, int write, uint64_t *blocks)
{
	int fd = open(name, (write ? O_RDWR : O_RDONLY) | O_DIRECT);

	if (fd < 0)
		die(name);
	*blocks = (uint64_t)lseek(fd, 0, SEEK_END) / BLOCK;
	return fd;
}

static void *buffer(size_t n)
{
	void *p;

	if (posix_memalign(&p, BLOCK, n))
		die("memory");
	memset(p, 1, n);
	return p;
}

/* The first hundred warm up. */
static void one_by_one(const char *name, int n, int id, int write)
{
	uint64_t blocks;
	int fd = open_disk(name, write, &blocks);
	void *b = buffer(BLOCK);

	for (int i = -100; i < n; i++) {
		uint64_t at = next_place(blocks);
		ssize_t got;

		if (i >= 0)
			begin(id);
		got = write ? pwrite(fd, b, BLOCK, (off_t)at) : pread(fd, b, BLOCK, (off_t)at);
		if (i >= 0)
			end(id);
		if (got != BLOCK)
			die("request");
	}
}

static void submit(aio_context_t context, int fd, uint64_t blocks, void *b, int write, int count)
{
	struct iocb cb[DEPTH], *list[DEPTH];

	for (int i = 0; i < count; i++) {
		cb[i] = (struct iocb){ .aio_lio_opcode = write ? IOCB_CMD_PWRITE : IOCB_CMD_PREAD, .aio_fildes = (uint32_t)fd,
			.aio_buf = (uint64_t)b + (uint64_t)i * BLOCK, .aio_nbytes = BLOCK, .aio_offset = (int64_t)next_place(blocks) };
		list[i] = &cb[i];
	}
	if (syscall(SYS_io_submit, context, count, list) != count)
		die("io_submit");
}

static void in_batches(const char *name, int n, int id, int write)
{
	uint64_t blocks;
	int fd = open_disk(name, write, &blocks), left = n, under_way = 0;
	void *b = buffer(DEPTH * BLOCK);
	aio_context_t context = 0;

	if (syscall(SYS_io_setup, DEPTH, &context))
		die("io_setup");
	begin(id);
	while (left || under_way) {
		struct io_event event[DEPTH];
		int fresh = left < DEPTH - under_way ? left : DEPTH - under_way, got;

		if (fresh)
			submit(context, fd, blocks, b, write, fresh);
		left -= fresh;
		under_way += fresh;
		got = (int)syscall(SYS_io_getevents, context, under_way < DEPTH / 2 ? under_way : DEPTH / 2, DEPTH, event, NULL);
		for (int i = 0; i < got; i++)
			if (event[i].res != BLOCK)
				die("request");
		if (got <= 0)
			die("io_getevents");
		under_way -= got;
	}
	end(id);
}

static struct sockaddr_in address(const char *host, const char *port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)),
		.sin_addr.s_addr = host ? inet_addr(host) : INADDR_ANY };
}

static void sink(const char *port)
{
	struct sockaddr_in a = address(NULL, port);
	int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1, fd;
	char *b = buffer(1 << 20);

	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, (void *)&a, sizeof(a)) || listen(listener, 4))
		die("listen");
	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		while (read(fd, b, CHUNK) > 0)
			;
		if (write(fd, "x", 1) != 1)
			die("answer");
		close(fd);
	}
}

static void source(const char *host, const char *port, long mib, int id, int runs)
{
	struct sockaddr_in a = address(host, port);
	char *b = buffer(CHUNK);

	for (int run = -1; run < runs; run++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		if (connect(fd, (void *)&a, sizeof(a)))
			die("connect");
		if (run >= 0)
			begin(id);
		for (long left = mib << 20; left > 0;) {
			ssize_t n = write(fd, b, left < (long)CHUNK ? (size_t)left : CHUNK);

			if (n < 0)
				die("write");
			left -= n;
		}
		shutdown(fd, SHUT_WR);
		if (read(fd, b, 1) != 1)
			die("answer");
		if (run >= 0)
			end(id);
		close(fd);
	}
}

static void drain(const char *host, const char *port, int runs, int id)
{
	struct sockaddr_in a = address(host, port);
	char *b = buffer(CHUNK);

	for (int run = 0; run < runs; run++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		if (connect(fd, (void *)&a, sizeof(a)))
			die("connect");
		if (run)
			begin(id);
		while (read(fd, b, CHUNK) > 0)
			;
		if (run)
			end(id);
		close(fd);
	}
}

/* all: every datagram comes back; else only that of who says that he is done. */
static void echo(const char *port, int all)
{
	struct sockaddr_in a = address(NULL, port);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	char b[2048];

	if (bind(fd, (void *)&a, sizeof(a)))
		die("bind");
	for (;;) {
		socklen_t size = sizeof(a);
		ssize_t n = recvfrom(fd, b, sizeof(b), 0, (void *)&a, &size);

		if (n < 0 || ((all || b[0] == LAST) && sendto(fd, b, (size_t)n, 0, (void *)&a, size) != n))
			die("echo");
	}
}

static void ping(const char *host, const char *port, int n, int id)
{
	struct sockaddr_in a = address(host, port);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	char b[2048] = { 0 };

	if (connect(fd, (void *)&a, sizeof(a)))
		die("connect");
	for (int i = -50; i < n; i++) {
		if (i >= 0)
			begin(id);
		if (send(fd, b, DATAGRAM, 0) != DATAGRAM || recv(fd, b, sizeof(b), 0) != DATAGRAM)
			die("ping");
		if (i >= 0)
			end(id);
	}
}

/* What the receiver had no room for is lost; the last one is said until it is heard. */
static void flood(const char *host, const char *port, int n, int id)
{
	struct sockaddr_in a = address(host, port);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct timeval patience = { .tv_usec = 200000 };
	char b[2048] = { 0 };

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (connect(fd, (void *)&a, sizeof(a)))
		die("connect");
	for (int run = -1; run < 4; run++) {
		if (run >= 0)
			begin(id);
		b[0] = 0;
		for (int i = 0; i < n; i++)
			if (send(fd, b, FULL, 0) != FULL)
				die("flood");
		b[0] = LAST;
		do {
			if (send(fd, b, 1, 0) != 1)
				die("flood");
		} while (recv(fd, b + 1, sizeof(b) - 1, 0) != 1);
		if (run >= 0)
			end(id);
		while (recv(fd, b + 1, sizeof(b) - 1, MSG_DONTWAIT) > 0)
			;
	}
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[1] : "";

	if (!strcmp(what, "blk") && argc >= 5)
		one_by_one(argv[2], atoi(argv[3]), atoi(argv[4]), argc > 5);
	else if (!strcmp(what, "batch") && argc >= 5)
		in_batches(argv[2], atoi(argv[3]), atoi(argv[4]), argc > 5);
	else if (!strcmp(what, "sink"))
		sink(argv[2]);
	else if (!strcmp(what, "source") && argc >= 6)
		source(argv[2], argv[3], atol(argv[4]), atoi(argv[5]), argc > 6 ? atoi(argv[6]) : 4);
	else if (!strcmp(what, "drain") && argc == 6)
		drain(argv[2], argv[3], atoi(argv[4]), atoi(argv[5]));
	else if (!strcmp(what, "echo"))
		echo(argv[2], 1);
	else if (!strcmp(what, "ping") && argc == 6)
		ping(argv[2], argv[3], atoi(argv[4]), atoi(argv[5]));
	else if (!strcmp(what, "swallow"))
		echo(argv[2], 0);
	else if (!strcmp(what, "flood") && argc == 6)
		flood(argv[2], argv[3], atoi(argv[4]), atoi(argv[5]));
	else
		return 2;
	printf("ioload: %s done\n", what);
	return 0;
}
