/* SPDX-License-Identifier: Apache-2.0 */
/* iobench.c: the measured programs (static, for an initramfs).
 *	iobench blk DEV N ID [w]   N random 4 KiB O_DIRECT reads (writes), depth 1; markers ID
 *	iobench null ID            what a sample costs by itself
 *	iobench sink PORT | source IP PORT MIB ID [CHUNK]   TCP bulk
 *	iobench echo PORT | ping IP PORT N ID [SIZE]        UDP round trips
 *	iobench offload DEV 0|1    TSO, GSO, GRO, checksumming
 *	iobench hold               stay in a fresh network namespace
 *	iobench mark ID            print the absolute count
 * Every sample is also taken with RDTSC (guest time; idle included). */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <arpa/inet.h>
#include <net/if.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <linux/fs.h>
#define MK(k, id) __asm__ volatile("nopl 0x4d4b0000+%c0(%%rax)" :: "i"((k) << 8 | (id)) : "memory")
static inline uint64_t tsc(void) { uint32_t a, d; __asm__ volatile("rdtsc" : "=a"(a), "=d"(d) :: "memory"); return (uint64_t)d << 32 | a; }
#define C8(M, k, b) case b: M(k, b); break; case b+1: M(k, b+1); break; case b+2: M(k, b+2); break; case b+3: M(k, b+3); break; \
	case b+4: M(k, b+4); break; case b+5: M(k, b+5); break; case b+6: M(k, b+6); break; case b+7: M(k, b+7); break;
#define ALL(k) C8(MK,k,0) C8(MK,k,8) C8(MK,k,16) C8(MK,k,24) C8(MK,k,32) C8(MK,k,40) C8(MK,k,48) C8(MK,k,56)
static void begin(int id) { switch (id) { ALL(1) } }
static void end(int id) { switch (id) { ALL(2) } }
static void point(int id) { switch (id) { ALL(3) } }
static uint64_t *v; static int nv;
static int cmp(const void *a, const void *b) { uint64_t x = *(uint64_t *)a, y = *(uint64_t *)b; return x < y ? -1 : x > y; }
static void report(const char *what, int id)
{
	double s = 0; for (int i = 0; i < nv; i++) s += v[i];
	qsort(v, nv, 8, cmp);
	printf("IOB %s id=%d n=%d tsc min=%llu med=%llu max=%llu mean=%.0f\n", what, id, nv, (unsigned long long)v[0], (unsigned long long)v[nv/2], (unsigned long long)v[nv-1], s / nv);
	fflush(stdout);
}
static void die(const char *s) { perror(s); exit(1); }
static struct sockaddr_in sa(const char *ip, int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };
	a.sin_addr.s_addr = ip ? inet_addr(ip) : INADDR_ANY; return a;
}
int main(int c, char **a)
{
	if (c < 2) return 2;
	v = calloc(65536, 8); memset(v, 0, 65536 * 8);
	if (!strcmp(a[1], "null")) {
		int id = atoi(a[2]);
		for (nv = 0; nv < 1000; nv++) { uint64_t t = tsc(); begin(id); end(id); v[nv] = tsc() - t; }
		report("null", id);
	} else if (!strcmp(a[1], "mark")) point(atoi(a[2]));
	else if (!strcmp(a[1], "blk")) {
		int n = atoi(a[3]), id = atoi(a[4]), w = c > 5, fd = open(a[2], (w ? O_RDWR : O_RDONLY) | O_DIRECT);
		if (fd < 0) die(a[2]);
		uint64_t sz = lseek(fd, 0, SEEK_END), r = 1; void *buf;
		if (posix_memalign(&buf, 4096, 4096)) return 1;
		memset(buf, 1, 4096);
		for (int i = -100; i < n; i++) {
			r = r * 6364136223846793005ull + 1442695040888963407ull;
			uint64_t off = (r >> 20) % (sz / 4096) * 4096; ssize_t k; uint64_t t = tsc();
			if (i >= 0) begin(id);
			k = w ? pwrite(fd, buf, 4096, off) : pread(fd, buf, 4096, off);
			if (i >= 0) { end(id); v[i] = tsc() - t; }
			if (k != 4096) die("io");
		}
		nv = n; report(w ? "write" : "read", id);
	} else if (!strcmp(a[1], "sink")) {
		int l = socket(AF_INET, SOCK_STREAM, 0), one = 1, fd, k; char *b = malloc(1 << 20); struct sockaddr_in s = sa(0, atoi(a[2]));
		setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
		if (bind(l, (void *)&s, sizeof s) || listen(l, 4)) die("listen");
		while ((fd = accept(l, 0, 0)) >= 0) { while ((k = read(fd, b, 65536)) > 0); if (write(fd, "x", 1) < 0) die("ack"); close(fd); }
	} else if (!strcmp(a[1], "source")) {
		struct sockaddr_in s = sa(a[2], atoi(a[3])); int mib = atoi(a[4]), id = atoi(a[5]), ch = c > 6 ? atoi(a[6]) : 65536; char *b = malloc(1 << 20);
		memset(b, 7, 1 << 20);
		for (nv = 0; nv < 5; nv++) {	/* the first warms up: a separate id would cost more than it tells */
			int fd = socket(AF_INET, SOCK_STREAM, 0);
			if (connect(fd, (void *)&s, sizeof s)) die("connect");
			uint64_t t = tsc(); begin(id);
			for (long left = (long)mib << 20; left > 0; ) { ssize_t k = write(fd, b, left < ch ? left : ch); if (k < 0) die("write"); left -= k; }
			shutdown(fd, SHUT_WR); if (read(fd, b, 1) != 1) die("ack");
			end(id); v[nv] = tsc() - t; close(fd);
		}
		report("tcp", id);
	} else if (!strcmp(a[1], "echo")) {
		int fd = socket(AF_INET, SOCK_DGRAM, 0); char b[2048]; struct sockaddr_in s = sa(0, atoi(a[2]));
		if (bind(fd, (void *)&s, sizeof s)) die("bind");
		for (;;) { socklen_t l = sizeof s; int k = recvfrom(fd, b, sizeof b, 0, (void *)&s, &l); if (k < 0) die("recv"); sendto(fd, b, k, 0, (void *)&s, l); }
	} else if (!strcmp(a[1], "ping")) {
		int fd = socket(AF_INET, SOCK_DGRAM, 0), n = atoi(a[4]), id = atoi(a[5]), sz = c > 6 ? atoi(a[6]) : 64; char b[2048] = { 0 };
		struct sockaddr_in s = sa(a[2], atoi(a[3]));
		if (connect(fd, (void *)&s, sizeof s)) die("connect");
		for (int i = -50; i < n; i++) {
			uint64_t t = tsc();
			if (i >= 0) begin(id);
			if (send(fd, b, sz, 0) != sz || recv(fd, b, sizeof b, 0) != sz) die("ping");
			if (i >= 0) { end(id); v[i] = tsc() - t; }
		}
		nv = n; report("udp", id);
	} else if (!strcmp(a[1], "offload")) {
		int on = atoi(a[3]), fd = socket(AF_INET, SOCK_DGRAM, 0); uint32_t cmd[] = { ETHTOOL_STSO, ETHTOOL_SGSO, ETHTOOL_SGRO, ETHTOOL_STXCSUM };
		for (int i = 0; i < 4; i++) {
			struct ifreq q = { 0 }; struct ethtool_value e = { cmd[i], on }; strncpy(q.ifr_name, a[2], IFNAMSIZ - 1); q.ifr_data = (void *)&e;
			if (ioctl(fd, SIOCETHTOOL, &q)) perror("ethtool");
		}
	} else if (!strcmp(a[1], "hold")) {
		if (unshare(CLONE_NEWNET)) die("unshare");
		pause();
	} else return 2;
	return 0;
}
