/* SPDX-License-Identifier: Apache-2.0 */
/* icmark.c: a TCG plugin that counts executed instructions exactly (idle time
 * costs nothing) and takes its time stamps from marker instructions:
 *	nopl IMM32(%rax), IMM32 = 0x4d4b0000 | kind << 8 | id
 *	kind 1 begin, 2 end (a sample of id), 3 print the absolute count
 * Any code may execute a marker: a host's user space, a nested guest, firmware.
 * The few declarations needed are made here, so that no header is wanted.
 * API 1: QEMU up to 8; API 4 (-DAPI=4): QEMU 10. */
#include <stdint.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifndef API
#define API 1
#endif
#define PUB __attribute__((visibility("default")))
PUB int qemu_plugin_version = API;
typedef uint64_t id_t_;
struct tb; struct insn;
extern size_t qemu_plugin_tb_n_insns(const struct tb *);
extern struct insn *qemu_plugin_tb_get_insn(const struct tb *, size_t);
extern size_t qemu_plugin_insn_size(const struct insn *);
extern void qemu_plugin_register_vcpu_tb_trans_cb(id_t_, void (*)(id_t_, struct tb *));
extern void qemu_plugin_register_vcpu_insn_exec_cb(struct insn *, void (*)(unsigned, void *), int, void *);
extern void qemu_plugin_register_atexit_cb(id_t_, void (*)(id_t_, void *), void *);
#if API == 1
extern const void *qemu_plugin_insn_data(const struct insn *);
extern void qemu_plugin_register_vcpu_insn_exec_inline(struct insn *, int, void *, uint64_t);
static uint64_t cnt;
static void count1(struct insn *i) { qemu_plugin_register_vcpu_insn_exec_inline(i, 0, &cnt, 1); }
static uint64_t now(void) { return cnt; }
#else
extern size_t qemu_plugin_insn_data(const struct insn *, void *, size_t);
struct u64 { void *score; size_t offset; };
extern void *qemu_plugin_scoreboard_new(size_t);
extern uint64_t qemu_plugin_u64_sum(struct u64);
extern void qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(struct insn *, int, struct u64, uint64_t);
static struct u64 ctr;
static void count1(struct insn *i) { qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(i, 0, ctr, 1); }
static uint64_t now(void) { return qemu_plugin_u64_sum(ctr); }
#endif
#define MAX 65536
static struct { uint64_t t0; uint32_t n, *v; uint64_t big; } s[256];
static FILE *out;
static void mark(unsigned cpu, void *u)
{
	uint32_t m = (uintptr_t)u; unsigned k = m >> 8 & 255, id = m & 255; uint64_t t = now();
	(void)cpu;
	if (k == 1) s[id].t0 = t;
	else if (k == 2 && s[id].t0) {
		uint64_t d = t - s[id].t0; s[id].t0 = 0;
		if (!s[id].v) s[id].v = malloc(MAX * 4);
		if (s[id].n < MAX) s[id].v[s[id].n++] = d > 0xffffffff ? 0xffffffff : d;
		if (d > s[id].big) s[id].big = d;
	} else if (k == 3) { fprintf(out, "COUNT id=%u at=%llu\n", id, (unsigned long long)t); fflush(out); }
}
static void trans(id_t_ p, struct tb *tb)
{
	size_t n = qemu_plugin_tb_n_insns(tb); (void)p;
	for (size_t i = 0; i < n; i++) {
		struct insn *in = qemu_plugin_tb_get_insn(tb, i); unsigned char b[16]; uint32_t m;
		count1(in);
		if (qemu_plugin_insn_size(in) != 7) continue;
#if API == 1
		memcpy(b, qemu_plugin_insn_data(in), 7);
#else
		qemu_plugin_insn_data(in, b, 7);
#endif
		memcpy(&m, b + 3, 4);
		if (b[0] == 0x0f && b[1] == 0x1f && b[2] == 0x80 && m >> 16 == 0x4d4b)
			qemu_plugin_register_vcpu_insn_exec_cb(in, mark, 0, (void *)(uintptr_t)m);
	}
}
static int cmp(const void *a, const void *b) { uint32_t x = *(uint32_t *)a, y = *(uint32_t *)b; return x < y ? -1 : x > y; }
static void fini(id_t_ p, void *u)
{
	(void)p; (void)u;
	for (int i = 0; i < 256; i++) if (s[i].n) {
		double sum = 0; uint32_t n = s[i].n;
		for (uint32_t j = 0; j < n; j++) sum += s[i].v[j];
		qsort(s[i].v, n, 4, cmp);
		fprintf(out, "SAMPLE id=%d n=%u min=%u med=%u p90=%u max=%llu mean=%.0f\n", i, n, s[i].v[0], s[i].v[n/2], s[i].v[n*9/10], (unsigned long long)s[i].big, sum / n);
	}
	fprintf(out, "TOTAL %llu\n", (unsigned long long)now()); fflush(out);
}
PUB int qemu_plugin_install(id_t_ p, const void *info, int argc, char **argv)
{
	(void)info; out = stderr;
	for (int i = 0; i < argc; i++) if (!strncmp(argv[i], "out=", 4)) { out = fopen(argv[i] + 4, "w"); if (!out) return -1; }
#if API != 1
	ctr.score = qemu_plugin_scoreboard_new(8); ctr.offset = 0;
#endif
	qemu_plugin_register_vcpu_tb_trans_cb(p, trans);
	qemu_plugin_register_atexit_cb(p, fini, 0);
	return 0;
}
