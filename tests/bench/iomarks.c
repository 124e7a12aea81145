/* SPDX-License-Identifier: Apache-2.0 */
/* A plugin for QEMU 10's TCG that counts executed instructions (halted time costs nothing) between two markers, which the
 * measured program executes:  nopl 0x4d4b0000 + kind << 8 + id (%rax);  kind 1 begins, 2 ends a sample of id.
 * It tells apart what runs in the hypervisor: its code lies in the 16 MiB from 0xffffffff80000000, where no guest's kernel has
 * code (Linux without KASLR begins behind them). One line an id:
 *	SAMPLE id=<n> n=<samples> all=<min>/<median> hv=<min>/<median> own=<min>/<median> ownhv=<min>/<median> busy=<min>/<median> ...
 * all: every core; hv: in the hypervisor, every core; own: everything on the core that executed the markers; ownhv: the hypervisor
 * there; ownlow: on that core below 128 TiB, where Linux has its processes; busy: hv less those rounds of the control core's loop that found nothing to do, where round= and vain= give the addresses of
 * what begins a round and of what is called in a round only when it had nothing. Minima come from different samples, so a line
 * BEST <id> by=<what> has all of the sample that is best in one. QEMU's "TCG Plugins"
 * documentation, API version 4; the few declarations are made here, so that no header is wanted. Arguments: out=FILE; profile=on adds
 * a line PROFILE 0 <address> <instructions> for each 16 bytes of the hypervisor, executed while a sample was open; profile=<id>, up to
 * four times: one of this id, PROFILE <id> ...; at=<address>:<kind>:<id>: what is executed there is a marker, too; kind 3 ends one
 * sample and begins the next. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PUB __attribute__((visibility("default")))
#define IDS 256
#define SAMPLES 8192
#define HV_BASE 0xffffffff80000000ul
#define HV_SIZE 0x1000000ul
#define STEP 16u
#define BEGIN 1
#define END 2
#define LAP 3
#define PROFILES 4
#define PLACES 16
#define PROCESSES_END 0x800000000000ul
#define MEM_READ 1
#define MEM_WRITE 2

struct tb;
struct insn;
struct u64 { void *score; size_t offset; };
typedef uint64_t plugin_id;

extern size_t qemu_plugin_tb_n_insns(const struct tb *tb);
extern struct insn *qemu_plugin_tb_get_insn(const struct tb *tb, size_t i);
extern size_t qemu_plugin_insn_size(const struct insn *insn);
extern size_t qemu_plugin_insn_data(const struct insn *insn, void *to, size_t size);
extern uint64_t qemu_plugin_insn_vaddr(const struct insn *insn);
extern void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id, void (*fn)(plugin_id, struct tb *));
extern void qemu_plugin_register_atexit_cb(plugin_id id, void (*fn)(plugin_id, void *), void *context);
extern void qemu_plugin_register_vcpu_tb_exec_cb(struct tb *tb, void (*fn)(unsigned, void *), int flags, void *context);
extern uint64_t qemu_plugin_tb_vaddr(const struct tb *tb);
extern void qemu_plugin_register_vcpu_insn_exec_cb(struct insn *insn, void (*fn)(unsigned, void *), int flags, void *context);
extern void qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(struct insn *insn, int op, struct u64 entry, uint64_t value);
extern void qemu_plugin_register_vcpu_mem_inline_per_vcpu(struct insn *insn, int rw, int op, struct u64 entry, uint64_t value);
extern void *qemu_plugin_scoreboard_new(size_t size);
extern uint64_t qemu_plugin_u64_get(struct u64 entry, unsigned cpu);
extern uint64_t qemu_plugin_u64_sum(struct u64 entry);

PUB int qemu_plugin_version = 4;
PUB int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv);

enum what { ALL, HV, OWN, OWN_HV, OWN_LOW, BUSY, WHATS };

static struct u64 all, hv, low;
static struct {
	uint64_t from[WHATS], *value[WHATS];
	int open, count;
} sample[IDS];
static FILE *out;
static struct {
	unsigned id;			/* 0: all */
	int open;
	uint64_t executed[HV_SIZE / STEP];
} profile[PROFILES];
static int profiles, places;
static struct { uint64_t at; unsigned mark; } place[PLACES];
static uint64_t round_at, vain_at;	/* addresses */
static uint64_t round_begin, vain;	/* instructions of that core */
static unsigned round_cpu;
static int in_vain;

/* One core only comes here, the control core. */
static void on_round(unsigned cpu, void *context)
{
	uint64_t now = qemu_plugin_u64_get(hv, cpu);

	(void)context;
	if (in_vain)
		__atomic_fetch_add(&vain, now - __atomic_load_n(&round_begin, __ATOMIC_RELAXED), __ATOMIC_RELAXED);
	__atomic_store_n(&round_begin, now, __ATOMIC_RELAXED);
	round_cpu = cpu;
	in_vain = 0;
}

static void on_vain(unsigned cpu, void *context)
{
	(void)cpu;
	(void)context;
	in_vain = 1;
}

static void read_now(unsigned cpu, uint64_t now[WHATS])
{
	now[ALL] = qemu_plugin_u64_sum(all);
	now[HV] = qemu_plugin_u64_sum(hv);
	now[OWN] = qemu_plugin_u64_get(all, cpu);
	now[OWN_HV] = qemu_plugin_u64_get(hv, cpu);
	now[OWN_LOW] = qemu_plugin_u64_get(low, cpu);
	now[BUSY] = now[HV] - __atomic_load_n(&vain, __ATOMIC_RELAXED);
}

static void set_open(unsigned id, int open)
{
	for (int i = 0; i < profiles; i++)
		if (!profile[i].id || profile[i].id == id)
			profile[i].open += open - sample[id].open;
	sample[id].open = open;
}

/* Of a round that is under way only what comes from here on may turn out to be in vain: the rest is not the sample's. */
static void begin(unsigned id, const uint64_t now[WHATS])
{
	__atomic_store_n(&round_begin, qemu_plugin_u64_get(hv, round_cpu), __ATOMIC_RELAXED);
	memcpy(sample[id].from, now, sizeof(sample[id].from));
	set_open(id, 1);
}

static void end(unsigned id, const uint64_t now[WHATS])
{
	if (!sample[id].open || sample[id].count == SAMPLES)
		return;
	set_open(id, 0);
	for (int w = 0; w < WHATS; w++) {
		if (!sample[id].value[w])
			sample[id].value[w] = calloc(SAMPLES, sizeof(uint64_t));
		sample[id].value[w][sample[id].count] = now[w] - sample[id].from[w];
	}
	sample[id].count++;
}

static void on_mark(unsigned cpu, void *context)
{
	unsigned mark = (unsigned)(uintptr_t)context, kind = mark >> 8 & 255;
	uint64_t now[WHATS];

	read_now(cpu, now);
	if (kind & END)
		end(mark & 255, now);
	if (kind & BEGIN)
		begin(mark & 255, now);
}

static int is_marker(const struct insn *insn, unsigned *mark)
{
	unsigned char b[7];

	if (qemu_plugin_insn_size(insn) != sizeof(b))
		return 0;
	qemu_plugin_insn_data(insn, b, sizeof(b));
	memcpy(mark, b + 3, sizeof(*mark));
	return b[0] == 0x0f && b[1] == 0x1f && b[2] == 0x80 && *mark >> 16 == 0x4d4b;
}

/* A block's instructions count where it begins. */
static void on_block(unsigned cpu, void *context)
{
	uint64_t what = (uint64_t)(uintptr_t)context;

	(void)cpu;
	for (int i = 0; i < profiles; i++)
		if (profile[i].open)
			__atomic_fetch_add(&profile[i].executed[(what & (HV_SIZE - 1)) / STEP], what >> 32, __ATOMIC_RELAXED);
}

static void on_places(struct insn *insn)
{
	for (int i = 0; i < places; i++)
		if (qemu_plugin_insn_vaddr(insn) == place[i].at)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, on_mark, 0, (void *)(uintptr_t)place[i].mark);
}

/* The access that each iteration of REP MOVS, STOS, LODS and SCAS makes once; 0: it is none of them. QEMU 10 executes all iterations
 * as one instruction; peers' were counted one by one. */
static int access_of_each(const struct insn *insn)
{
	unsigned char b[16] = { 0 };
	size_t n = qemu_plugin_insn_size(insn), i = 0;
	int rep = 0;

	qemu_plugin_insn_data(insn, b, n < sizeof(b) ? n : sizeof(b));
	for (; i < 4 && (b[i] == 0xf2 || b[i] == 0xf3 || b[i] == 0x66 || b[i] == 0x67); i++)
		rep |= b[i] >= 0xf2;
	i += (b[i] & 0xf0) == 0x40;	/* REX */
	if (!rep)
		return 0;
	if (b[i] == 0xa4 || b[i] == 0xa5 || b[i] == 0xaa || b[i] == 0xab)
		return MEM_WRITE;
	return b[i] == 0xac || b[i] == 0xad || b[i] == 0xae || b[i] == 0xaf ? MEM_READ : 0;
}

static void count(struct insn *insn, struct u64 where)
{
	int each = access_of_each(insn);

	if (each)
		qemu_plugin_register_vcpu_mem_inline_per_vcpu(insn, each, 0, where, 1);
	else
		qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(insn, 0, where, 1);
}

static void on_translation(plugin_id id, struct tb *tb)
{
	uint64_t at = qemu_plugin_tb_vaddr(tb) - HV_BASE;

	(void)id;
	if (profiles && at < HV_SIZE)
		qemu_plugin_register_vcpu_tb_exec_cb(tb, on_block, 0, (void *)(uintptr_t)(qemu_plugin_tb_n_insns(tb) << 32 | at));
	for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
		struct insn *insn = qemu_plugin_tb_get_insn(tb, i);
		unsigned mark;

		count(insn, all);
		if (qemu_plugin_insn_vaddr(insn) - HV_BASE < HV_SIZE)
			count(insn, hv);
		if (qemu_plugin_insn_vaddr(insn) < PROCESSES_END)
			count(insn, low);
		if (qemu_plugin_insn_vaddr(insn) == round_at)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, on_round, 0, NULL);
		if (qemu_plugin_insn_vaddr(insn) == vain_at)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, on_vain, 0, NULL);
		if (is_marker(insn, &mark))
			qemu_plugin_register_vcpu_insn_exec_cb(insn, on_mark, 0, (void *)(uintptr_t)mark);
		on_places(insn);
	}
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Before the values are sorted, each for itself. */
static void tell_best(int id, const char *const name[WHATS])
{
	for (int by = 0; by < WHATS; by++) {
		int best = 0;

		for (int i = 1; i < sample[id].count; i++)
			if (sample[id].value[by][i] < sample[id].value[by][best])
				best = i;
		fprintf(out, "BEST %d by=%s", id, name[by]);
		for (int w = 0; w < WHATS; w++)
			fprintf(out, " %s=%llu", name[w], (unsigned long long)sample[id].value[w][best]);
		fprintf(out, "\n");
	}
}

static void on_exit_tell(plugin_id plugin, void *context)
{
	static const char *const name[WHATS] = { "all", "hv", "own", "ownhv", "ownlow", "busy" };

	(void)plugin;
	(void)context;
	for (int id = 0; id < IDS; id++) {
		int n = sample[id].count;

		if (!n)
			continue;
		tell_best(id, name);
		fprintf(out, "SAMPLE id=%d n=%d", id, n);
		for (int w = 0; w < WHATS; w++) {
			qsort(sample[id].value[w], (size_t)n, sizeof(uint64_t), compare);
			fprintf(out, " %s=%llu/%llu", name[w], (unsigned long long)sample[id].value[w][0],
				(unsigned long long)sample[id].value[w][n / 2]);
		}
		fprintf(out, "\n");
	}
	for (int p = 0; p < profiles; p++)
		for (uint64_t i = 0; i < HV_SIZE / STEP; i++)
			if (profile[p].executed[i])
				fprintf(out, "PROFILE %u %llx %llu\n", profile[p].id, (unsigned long long)(HV_BASE + i * STEP),
					(unsigned long long)profile[p].executed[i]);
	fflush(out);
}

static void take_place(const char *text)
{
	unsigned long long at;
	unsigned kind, id;

	if (places < PLACES && sscanf(text, "%llx:%u:%u", &at, &kind, &id) == 3) {
		place[places].at = at;
		place[places++].mark = kind << 8 | (id & 255);
	}
}

int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv)
{
	(void)info;
	out = stderr;
	for (int i = 0; i < argc; i++) {
		if (!strncmp(argv[i], "profile=", 8) && profiles < PROFILES)
			profile[profiles++].id = (unsigned)atoi(argv[i] + 8);
		if (!strncmp(argv[i], "at=", 3))
			take_place(argv[i] + 3);
		if (!strncmp(argv[i], "round=", 6))
			round_at = strtoull(argv[i] + 6, NULL, 16);
		if (!strncmp(argv[i], "vain=", 5))
			vain_at = strtoull(argv[i] + 5, NULL, 16);
		if (!strncmp(argv[i], "out=", 4) && !(out = fopen(argv[i] + 4, "w")))
			return -1;
	}
	all.score = qemu_plugin_scoreboard_new(sizeof(uint64_t));
	hv.score = qemu_plugin_scoreboard_new(sizeof(uint64_t));
	low.score = qemu_plugin_scoreboard_new(sizeof(uint64_t));
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
	qemu_plugin_register_atexit_cb(id, on_exit_tell, NULL);
	return 0;
}
