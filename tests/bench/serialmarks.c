/* SPDX-License-Identifier: Apache-2.0 */
/* A plugin for QEMU 10's TCG that counts executed instructions (halted time costs nothing) and says how many there were when
 * a text went out through COM1, or a core began at the reset vector:
 *	MARK <text> cpu=<n> own=<instructions of that core> all=<of all cores>
 * It looks at OUT DX,AL itself, before it takes effect, so it sees the same text whether the instruction is intercepted or
 * not. Arguments: out=FILE, mark=TEXT (several; "+" stands for a space). QEMU's "TCG Plugins" documentation, API version 4; the few
 * declarations are made here, so that no header is wanted. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define PUB __attribute__((visibility("default")))
#define CPUS 16
#define MARKS 8
#define RESET_VECTOR 0xfffffff0u
#define COM1 0x3f8

struct tb;
struct insn;
struct reg;
struct reg_descriptor { struct reg *handle; const char *name, *feature; };
struct g_array { struct reg_descriptor *data; unsigned len; };
struct g_bytes { uint8_t *data; unsigned len; };
struct u64 { void *score; size_t offset; };
typedef uint64_t plugin_id;

extern size_t qemu_plugin_tb_n_insns(const struct tb *tb);
extern struct insn *qemu_plugin_tb_get_insn(const struct tb *tb, size_t i);
extern size_t qemu_plugin_insn_size(const struct insn *insn);
extern size_t qemu_plugin_insn_data(const struct insn *insn, void *to, size_t size);
extern uint64_t qemu_plugin_insn_vaddr(const struct insn *insn);
extern void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id, void (*fn)(plugin_id, struct tb *));
extern void qemu_plugin_register_vcpu_init_cb(plugin_id id, void (*fn)(plugin_id, unsigned));
extern void qemu_plugin_register_vcpu_insn_exec_cb(struct insn *insn, void (*fn)(unsigned, void *), int flags, void *context);
extern void qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(struct insn *insn, int op, struct u64 entry, uint64_t value);
extern void *qemu_plugin_scoreboard_new(size_t size);
extern uint64_t qemu_plugin_u64_get(struct u64 entry, unsigned cpu);
extern uint64_t qemu_plugin_u64_sum(struct u64 entry);
extern struct g_array *qemu_plugin_get_registers(void);
extern int qemu_plugin_read_register(struct reg *handle, struct g_bytes *to);
extern struct g_bytes *g_byte_array_new(void);
extern uint8_t *g_byte_array_free(struct g_bytes *bytes, int with_data);

PUB int qemu_plugin_version = 4;
PUB int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv);

static struct u64 count;
static struct reg *rax[CPUS], *rdx[CPUS];
static char tail[CPUS][64];
static char mark[MARKS][64];
static int marks;
static FILE *out;

static void tell(const char *what, unsigned cpu)
{
	fprintf(out, "MARK %s cpu=%u own=%llu all=%llu\n", what, cpu, (unsigned long long)qemu_plugin_u64_get(count, cpu),
		(unsigned long long)qemu_plugin_u64_sum(count));
	fflush(out);
}

static void on_cpu(plugin_id id, unsigned cpu)
{
	struct g_array *all = qemu_plugin_get_registers();

	(void)id;
	for (unsigned i = 0; cpu < CPUS && i < all->len; i++) {
		if (!strcmp(all->data[i].name, "rax"))
			rax[cpu] = all->data[i].handle;
		if (!strcmp(all->data[i].name, "rdx"))
			rdx[cpu] = all->data[i].handle;
	}
}

static unsigned read_low(struct reg *r)
{
	struct g_bytes *b = g_byte_array_new();
	unsigned value = qemu_plugin_read_register(r, b) >= 2 ? b->data[0] | (unsigned)b->data[1] << 8 : 0;

	g_byte_array_free(b, 1);
	return value;
}

static void on_out(unsigned cpu, void *context)
{
	char *t;

	(void)context;
	if (cpu >= CPUS || !rax[cpu] || !rdx[cpu] || read_low(rdx[cpu]) != COM1)
		return;
	t = tail[cpu];
	memmove(t, t + 1, sizeof(tail[0]) - 1);
	t[sizeof(tail[0]) - 1] = (char)read_low(rax[cpu]);
	for (int i = 0; i < marks; i++) {
		size_t n = strlen(mark[i]);

		if (!memcmp(t + sizeof(tail[0]) - n, mark[i], n))
			tell(mark[i], cpu);
	}
}

static void on_reset(unsigned cpu, void *context)
{
	(void)context;
	tell("reset", cpu);
}

static void on_block(plugin_id id, struct tb *tb)
{
	uint8_t byte;

	(void)id;
	for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
		struct insn *insn = qemu_plugin_tb_get_insn(tb, i);

		qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(insn, 0, count, 1);
		if (qemu_plugin_insn_vaddr(insn) == RESET_VECTOR)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, on_reset, 0, NULL);
		if (qemu_plugin_insn_size(insn) == 1 && qemu_plugin_insn_data(insn, &byte, 1) == 1 && byte == 0xee)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, on_out, 1, NULL);	/* 1: reads registers */
	}
}

PUB int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv)
{
	(void)info;
	out = stderr;
	for (int i = 0; i < argc; i++) {
		if (!strncmp(argv[i], "out=", 4)) {
			out = fopen(argv[i] + 4, "w");
		} else if (!strncmp(argv[i], "mark=", 5) && marks < MARKS) {
			snprintf(mark[marks], sizeof(mark[0]), "%s", argv[i] + 5);
			for (char *c = mark[marks++]; *c; c++)
				*c = *c == '+' ? ' ' : *c;
		}
	}
	if (!out)
		return -1;
	count = (struct u64){ qemu_plugin_scoreboard_new(8), 0 };
	qemu_plugin_register_vcpu_init_cb(id, on_cpu);
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_block);
	return 0;
}
