/* SPDX-License-Identifier: Apache-2.0 */
/* exitbench: what a VM exit costs, seen from inside the guest.
 *
 * Every number is a difference of two RDTSC readings less the cost of the
 * empty measurement.  In Bochs (sync=none) and QEMU TCG (-icount shift=0)
 * one TSC tick is one executed instruction, host and guest together.
 *
 * Output, on COM1 (or on port 0xE9 where no UART answers):
 *   BENCH <name> <mean> <min> med=<median> max=<max> n=<samples>
 *   SKIP  <name> <why>
 *   INFO  ...
 * and BENCH-DONE at the end; then a write of 0 to port 0xF4 and a halt.
 *
 * Command line words: skip=<name> (repeatable), only=<name>, n=<samples>, batch=<operations a sample>. */

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;
typedef long s64;

extern volatile u64 entry_tsc, irq_tsc, eoi_tsc, recover_rip;
extern volatile u32 boot_magic, boot_info, irq_seen, spurious_seen, recovered_vec;
extern void isr_xapic(void), isr_x2apic(void), isr_spurious(void);
extern u64 exc_table[];

#define VEC_TIMER 0x40
#define VEC_IPI   0x41
#define VEC_SPUR  0xFF
#define PORT_FREE 0x2F0		/* nothing on a PC answers here */
#define MMIO_FREE 0xFED50000u	/* nor here */
#define TOUCH_BASE (32ul << 20)
#define TOUCH_SIZE (64ul << 20)
#define TIMER_DELAY 100000

/* ---- primitives ------------------------------------------------------- */
static inline u64 rdtsc(void)
{
	u32 a, d;
	asm volatile("rdtsc" : "=a"(a), "=d"(d) :: "memory");
	return (u64)d << 32 | a;
}
static inline void outb(u16 p, u8 v) { asm volatile("outb %0,%1" :: "a"(v), "Nd"(p)); }
static inline u8 inb(u16 p) { u8 v; asm volatile("inb %1,%0" : "=a"(v) : "Nd"(p)); return v; }
static inline u64 rdmsr(u32 m)
{
	u32 a, d;
	asm volatile("rdmsr" : "=a"(a), "=d"(d) : "c"(m) : "memory");
	return (u64)d << 32 | a;
}
static inline void wrmsr(u32 m, u64 v)
{
	asm volatile("wrmsr" :: "c"(m), "a"((u32)v), "d"((u32)(v >> 32)) : "memory");
}
static inline void cpuid(u32 l, u32 s, u32 *r)
{
	asm volatile("cpuid" : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3]) : "a"(l), "c"(s));
}
static inline void cli(void) { asm volatile("cli" ::: "memory"); }
static inline void sti(void) { asm volatile("sti" ::: "memory"); }
static inline u32 mmio_r(u32 a) { return *(volatile u32 *)(u64)a; }
static inline void mmio_w(u32 a, u32 v) { *(volatile u32 *)(u64)a = v; }

/* ---- output ------------------------------------------------------------ */
static int use_e9;
static void putch(char c)
{
	if (use_e9) {
		outb(0xE9, c);
		return;
	}
	for (int i = 0; i < 100000 && !(inb(0x3FD) & 0x20); i++)
		;
	outb(0x3F8, c);
}
static void puts_(const char *s) { while (*s) putch(*s++); }
static void putu(u64 v)
{
	char b[24]; int i = 0;
	do b[i++] = '0' + v % 10; while (v /= 10);
	while (i) putch(b[--i]);
}
static void putd(s64 v) { if (v < 0) { putch('-'); v = -v; } putu(v); }
static void puthex(u64 v)
{
	puts_("0x");
	for (int i = 60, on = 0; i >= 0; i -= 4) {
		u32 n = v >> i & 15;
		if (n || on || !i) { putch("0123456789abcdef"[n]); on = 1; }
	}
}
static void kv(const char *k, u64 v) { putch(' '); puts_(k); putch('='); puthex(v); }
static void finish(void)
{
	cli();
	puts_("BENCH-DONE\n");
	outb(0xF4, 0);
	for (;;)
		asm volatile("cli; hlt");
}
void fatal_exception(u64 *f)
{
	puts_("FATAL exception");
	kv("vec", f[0]); kv("err", f[1]); kv("rip", f[2]);
	u64 cr2;
	asm volatile("mov %%cr2,%0" : "=r"(cr2));
	kv("cr2", cr2);
	puts_("\n");
	finish();
}

/* ---- command line ------------------------------------------------------ */
static const char *cmdline = "";
static int word(const char *s, const char *w)	/* is w the word at s? */
{
	while (*w && *s == *w) s++, w++;
	return !*w && (!*s || *s == ' ');
}
static int opt(const char *key, const char *val)
{
	for (const char *s = cmdline; *s; s++) {
		if (s != cmdline && s[-1] != ' ')
			continue;
		const char *k = key, *p = s;
		while (*k && *p == *k) p++, k++;
		if (!*k && word(p, val))
			return 1;
	}
	return 0;
}
static int has(const char *key)
{
	for (const char *s = cmdline; *s; s++) {
		const char *k = key, *p = s;
		while (*k && *p == *k) p++, k++;
		if (!*k && (s == cmdline || s[-1] == ' '))
			return p - cmdline;
	}
	return 0;
}
static int wanted(const char *name)
{
	if (has("only="))
		return opt("only=", name);
	return !opt("skip=", name);
}

/* ---- statistics -------------------------------------------------------- */
#define MAXN 16384
static s64 sample[MAXN];
static u32 ns, N = 1000;
static s64 empty_cost;

static void sort(s64 *a, u32 n)
{
	for (u32 g = n / 2; g; g /= 2)
		for (u32 i = g; i < n; i++) {
			s64 t = a[i]; u32 j = i;
			for (; j >= g && a[j - g] > t; j -= g)
				a[j] = a[j - g];
			a[j] = t;
		}
}
static inline void add(s64 v) { if (ns < MAXN) sample[ns++] = v - empty_cost; }
static void report(const char *name)
{
	if (!ns)
		return;
	s64 sum = 0;
	for (u32 i = 0; i < ns; i++)
		sum += sample[i];
	sort(sample, ns);
	puts_("BENCH "); puts_(name);
	putch(' '); putd((sum + (sum >= 0 ? ns / 2 : 0)) / (s64)ns);
	putch(' '); putd(sample[0]);
	puts_(" med="); putd(sample[ns / 2]);
	puts_(" max="); putd(sample[ns - 1]);
	puts_(" n="); putu(ns);
	puts_("\n");
	ns = 0;
}
static void skip(const char *name, const char *why)
{
	if (has("only=") && why[0] == 'b')
		return;
	puts_("SKIP "); puts_(name); putch(' '); puts_(why); puts_("\n");
}
/* Time STMT N times after a short warm-up. With batch=K each sample is K times STMT between two RDTSCs, divided
 * by K, the cost of an empty batch taken off: for emulators whose TSC moves in steps (Bochs with several cores). */
static u32 batch = 1;
static s64 empty_batch;
#define BATCH(STMT) ({ \
	u64 a_ = rdtsc(); \
	for (u32 k_ = 0; k_ < batch; k_++) { STMT; asm volatile("" ::: "memory"); } \
	(s64)(rdtsc() - a_); \
})
#define MEASURE(name, count, STMT) do { \
	if (!wanted(name)) { skip(name, "by-option"); break; } \
	ns = 0; \
	for (u32 i_ = 0; i_ < (count) + 4; i_++) { \
		s64 v_; \
		if (batch > 1) { \
			v_ = (BATCH(STMT) - empty_batch + batch / 2) / (s64)batch + empty_cost; \
		} else { \
			u64 a_ = rdtsc(); \
			STMT; \
			v_ = rdtsc() - a_; \
		} \
		if (i_ >= 4) add(v_); \
	} \
	report(name); \
} while (0)

/* ---- interrupts -------------------------------------------------------- */
static struct { u16 lo, sel; u8 ist, attr; u16 mid; u32 hi, rsv; } __attribute__((packed)) idt[256];
static void gate(int v, u64 f)
{
	idt[v].lo = f; idt[v].sel = 8; idt[v].ist = 0; idt[v].attr = 0x8E;
	idt[v].mid = f >> 16; idt[v].hi = f >> 32; idt[v].rsv = 0;
}
static int x2;
static void apic_w(u32 reg, u64 v)
{
	if (x2) wrmsr(0x800 + (reg >> 4), v);
	else mmio_w(0xFEE00000u + reg, v);
}
static u32 apic_r(u32 reg)
{
	return x2 ? (u32)rdmsr(0x800 + (reg >> 4)) : mmio_r(0xFEE00000u + reg);
}
static void apic_setup(void)
{
	u64 isr = x2 ? (u64)isr_x2apic : (u64)isr_xapic;
	gate(VEC_TIMER, isr);
	gate(VEC_IPI, isr);
	apic_w(0x80, 0);		/* TPR */
	apic_w(0xF0, 0x100 | VEC_SPUR);	/* software enable */
	apic_w(0x3E0, 0xB);		/* timer divide by 1 */
	apic_w(0x320, 0x10000);		/* timer masked */
	apic_w(0x350, 0x10000);		/* LINT0/1 masked */
	apic_w(0x360, 0x10000);
}
/* wait for the interrupt flagged after PREV; bounded */
static int await(u32 prev, u64 limit)
{
	u64 t = rdtsc();
	while (irq_seen == prev)
		if (rdtsc() - t > limit)
			return 0;
	return 1;
}

/* An instruction that may be refused with an exception: measured if it works. */
static u32 hc_rax, hc_rdi;
static int amd;
static u64 hc_ret;
static inline __attribute__((always_inline)) void hypercall(void)
{
	u64 a = hc_rax, d = hc_rdi, b = 0, c = 0, dx = 0, s = 0;
	if (amd)
		asm volatile("vmmcall" : "+a"(a), "+D"(d), "+b"(b), "+c"(c), "+d"(dx), "+S"(s) :: "memory", "r8", "r9", "r10", "r11");
	else
		asm volatile("vmcall" : "+a"(a), "+D"(d), "+b"(b), "+c"(c), "+d"(dx), "+S"(s) :: "memory", "r8", "r9", "r10", "r11");
	hc_ret = a;
}
static __attribute__((noinline)) int try_hypercall(void)
{
	recovered_vec = 0xFFFF;
	asm volatile("leaq 1f(%%rip),%%rax; movq %%rax,recover_rip" ::: "rax", "memory");
	hypercall();
	asm volatile("1: nop" ::: "memory", "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15");
	recover_rip = 0;
	return recovered_vec;
}
static __attribute__((noinline)) int try_rdmsr(u32 m)
{
	recovered_vec = 0xFFFF;
	asm volatile("leaq 1f(%%rip),%%rax; movq %%rax,recover_rip; rdmsr; 1: nop"
		: "+c"(m) :: "rax", "rdx", "memory");
	recover_rip = 0;
	return recovered_vec;
}

static void irq_tests(const char *ipi, const char *eoi, const char *arm, const char *late, const char *hlt)
{
	u32 n = N < 200 ? N : 200;
	static s64 eois[MAXN];
	/* self-IPI, from before the ICR write to the first line of the handler */
	if (wanted(ipi)) {
		u32 ne = 0;
		sti();
		for (u32 i = 0; i < N + 4; i++) {
			u32 p = irq_seen;
			u64 a = rdtsc();
			apic_w(0x300, 0x40000 | VEC_IPI);
			if (!await(p, 50000000)) { skip(ipi, "no-interrupt"); break; }
			if (i < 4) continue;
			add(irq_tsc - a);
			eois[ne++] = eoi_tsc - irq_tsc;
		}
		cli();
		report(ipi);
		for (u32 i = 0; i < ne; i++) add(eois[i]);
		report(eoi);
	} else
		skip(ipi, "by-option");

	/* how many timer counts per 2^20 TSC ticks */
	apic_w(0x320, 0x10000 | VEC_TIMER);
	apic_w(0x380, 0xFFFFFFFFu);
	u64 t0 = rdtsc(); u32 c0 = apic_r(0x390);
	while (rdtsc() - t0 < 4000000) ;
	u64 t1 = rdtsc(); u32 c1 = apic_r(0x390);
	apic_w(0x380, 0);
	u64 ratio = t1 != t0 ? (((u64)(c0 - c1)) << 20) / (t1 - t0) : 0;
	puts_("INFO timer counts per Mi tsc "); putu(ratio); puts_("\n");
	if (!ratio) { skip(arm, "timer-does-not-count"); return; }
	u32 count = (u64)TIMER_DELAY * ratio >> 20;
	if (!count) count = 1;
	u64 ticks = ((u64)count << 20) / ratio;
	apic_w(0x320, VEC_TIMER);	/* one-shot */
	if (wanted(late)) {
		u32 ne = 0;
		sti();
		for (u32 i = 0; i < n + 4; i++) {
			u32 p = irq_seen;
			u64 a = rdtsc();
			apic_w(0x380, count);
			u64 b = rdtsc();
			if (!await(p, 1000000000)) { skip(late, "no-interrupt"); break; }
			if (i < 4) continue;
			add((s64)(irq_tsc - a) - (s64)ticks);
			eois[ne++] = b - a;
		}
		cli();
		report(late);
		for (u32 i = 0; i < ne; i++) add(eois[i]);
		report(arm);
	} else
		skip(late, "by-option");
	/* the same, but halted while waiting */
	if (wanted(hlt)) {
		for (u32 i = 0; i < n + 4; i++) {
			u32 p = irq_seen;
			u64 a = rdtsc();
			apic_w(0x380, count);
			while (irq_seen == p)
				asm volatile("sti; hlt; cli" ::: "memory");
			if (i < 4) continue;
			add((s64)(irq_tsc - a) - (s64)ticks);
		}
		report(hlt);
	} else
		skip(hlt, "by-option");
	apic_w(0x320, 0x10000);
}

static void deadline_tests(const char *arm, const char *late, const char *hlt)
{
	u32 n = N < 200 ? N : 200, ne = 0;
	static s64 arms[MAXN];
	if (!wanted(late)) { skip(late, "by-option"); return; }
	apic_w(0x320, 0x40000 | VEC_TIMER);
	sti();
	for (u32 i = 0; i < n + 4; i++) {
		u32 p = irq_seen;
		u64 a = rdtsc(), dl = a + TIMER_DELAY;
		wrmsr(0x6E0, dl);
		u64 b = rdtsc();
		if (!await(p, 1000000000)) { skip(late, "no-interrupt"); break; }
		if (i < 4) continue;
		add((s64)irq_tsc - (s64)dl);
		arms[ne++] = b - a;
	}
	cli();
	report(late);
	for (u32 i = 0; i < ne; i++) add(arms[i]);
	report(arm);
	for (u32 i = 0; i < n + 4; i++) {
		u32 p = irq_seen;
		u64 dl = rdtsc() + TIMER_DELAY;
		wrmsr(0x6E0, dl);
		while (irq_seen == p)
			asm volatile("sti; hlt; cli" ::: "memory");
		if (i < 4) continue;
		add((s64)irq_tsc - (s64)dl);
	}
	report(hlt);
	apic_w(0x320, 0x10000);
}

void main(void)
{
	u32 r[4], l1[4], hv[4] = {0};
	char sig[13], ven[13];

	outb(0x21, 0xFF); outb(0xA1, 0xFF);	/* 8259 off */
	if (inb(0x3FD) == 0xFF)
		use_e9 = 1;
	else {	/* 115200 8N1, no interrupts */
		outb(0x3F9, 0); outb(0x3FB, 0x80); outb(0x3F8, 1); outb(0x3F9, 0);
		outb(0x3FB, 3); outb(0x3FA, 7); outb(0x3FC, 3);
	}
	for (int i = 0; i < 22; i++) gate(i, exc_table[i]);
	for (int i = 22; i < 256; i++) gate(i, (u64)isr_spurious);
	struct { u16 l; u64 b; } __attribute__((packed)) idtr = { sizeof idt - 1, (u64)idt };
	asm volatile("lidt %0" :: "m"(idtr));

	if (boot_magic == 0x2BADB002) {
		u32 *mb = (u32 *)(u64)boot_info;
		if (mb[0] & 4) cmdline = (const char *)(u64)mb[4];
	} else if (boot_info && *(u32 *)(u64)boot_info == 0x336EC578) {
		u64 p = *(u64 *)((u64)boot_info + 24);
		if (p) cmdline = (const char *)p;
	}
	int np = has("n=");
	if (np || (cmdline[0] == 'n' && cmdline[1] == '=')) {
		const char *p = np ? cmdline + np : cmdline + 2;
		for (N = 0; *p >= '0' && *p <= '9'; p++) N = N * 10 + *p - '0';
		if (!N || N > MAXN) N = 1000;
	}
	int bp = has("batch=");
	if (bp) {
		for (batch = 0; cmdline[bp] >= '0' && cmdline[bp] <= '9'; bp++) batch = batch * 10 + cmdline[bp] - '0';
		if (!batch || batch > 10000) batch = 1;
	}

	cpuid(0, 0, r);
	u32 maxleaf = r[0];
	*(u32 *)(ven) = r[1]; *(u32 *)(ven + 4) = r[3]; *(u32 *)(ven + 8) = r[2]; ven[12] = 0;
	amd = r[1] == 0x68747541 || r[1] == 0x6F677948;
	cpuid(1, 0, l1);
	sig[0] = 0;
	if (l1[2] >> 31) {
		cpuid(0x40000000, 0, hv);
		*(u32 *)sig = hv[1]; *(u32 *)(sig + 4) = hv[2]; *(u32 *)(sig + 8) = hv[3]; sig[12] = 0;
	}
	puts_("EXITBENCH 1 via "); puts_(boot_magic == 0x2BADB002 ? "multiboot" : "pvh");
	puts_(" cpu "); puts_(ven); puts_(" hypervisor "); puts_(sig[0] ? sig : "-");
	puts_(" console "); puts_(use_e9 ? "e9" : "uart"); puts_("\n");
	puts_("INFO"); kv("leaf1.eax", l1[0]); kv("leaf1.ecx", l1[2]); kv("maxleaf", maxleaf); puts_("\n");
	puts_("INFO tsc at entry "); putu(entry_tsc); puts_("\n");

	hc_rax = 1; hc_rdi = 0;			/* KVM: VAPIC_POLL_IRQ, a no-op */
	if (hv[1] == 0x566E6558) hc_rax = 17;	/* Xen: xen_version(XENVER_version) */

	/* reference work: no exits expected */
	MEASURE("empty", N, (void)0);
	for (u32 i = 0; i < N; i++) { u64 a = rdtsc(), b = rdtsc(); sample[i] = b - a; }
	sort(sample, N); ns = 0;
	empty_cost = sample[0];
	puts_("INFO empty measurement min "); putu(empty_cost); puts_(" (subtracted below)\n");
	for (u32 i = 0; i < N; i++) sample[i] = BATCH((void)0);
	sort(sample, N);
	empty_batch = sample[N / 2];
	u32 batch_ = batch; batch = 1;
	MEASURE("cpu_loop_20k_insn", 100, { u64 c = 10000; asm volatile("1: dec %0; jnz 1b" : "+r"(c)); });

	batch = batch_;

	/* exits */
	MEASURE("cpuid", N, cpuid(0, 0, r));
	int v = try_hypercall();
	if (v == 0xFFFF) {
		MEASURE("hypercall", N, hypercall());
		puts_("INFO hypercall returned "); puthex(hc_ret); puts_("\n");
	} else
		skip("hypercall", v == 6 ? "#UD" : "exception");
	MEASURE("pio_out_unclaimed", N, outb(PORT_FREE, 0));
	MEASURE("pio_in_unclaimed", N, inb(PORT_FREE));
	MEASURE("pio_uart_lsr", N, inb(0x3FD));
	if (try_rdmsr(0x1B) == 0xFFFF)
		MEASURE("rdmsr_apicbase", N, rdmsr(0x1B));
	else
		skip("rdmsr_apicbase", "exception");
	if (try_rdmsr(0x277) == 0xFFFF)
		MEASURE("rdmsr_pat", N, rdmsr(0x277));
	MEASURE("rdmsr_efer", N, rdmsr(0xC0000080));
	{
		u64 c0;
		asm volatile("mov %%cr0,%0" : "=r"(c0));
		MEASURE("cr0_ts_toggle", N, asm volatile("mov %0,%%cr0; clts" :: "r"(c0 | 8) : "memory"));
		MEASURE("cr3_reload", N, { u64 c3; asm volatile("mov %%cr3,%0; mov %0,%%cr3" : "=r"(c3) :: "memory"); });
		MEASURE("invlpg", N, asm volatile("invlpg (%0)" :: "r"(TOUCH_BASE) : "memory"));
	}

	/* memory: first touch (write, one byte a page), then the same again */
	if (wanted("touch4k_first")) {
		u64 tot = rdtsc();
		for (u64 a = TOUCH_BASE, i = 0; a < TOUCH_BASE + TOUCH_SIZE; a += 4096, i++) {
			u64 t = rdtsc();
			*(volatile u8 *)a = 1;
			u64 e = rdtsc();
			sample[i] = (s64)(e - t) - empty_cost;
		}
		tot = rdtsc() - tot;
		ns = TOUCH_SIZE / 4096;
		u32 slow = 0;
		for (u32 i = 0; i < ns; i++) slow += sample[i] > 100;
		report("touch4k_first");
		puts_("INFO touch4k_first total "); putu(tot); puts_(" pages over 100 ticks "); putu(slow); puts_("\n");
		for (u64 a = TOUCH_BASE, i = 0; a < TOUCH_BASE + TOUCH_SIZE; a += 4096, i++) {
			u64 t = rdtsc();
			*(volatile u8 *)a = 2;
			u64 e = rdtsc();
			sample[i] = (s64)(e - t) - empty_cost;
		}
		ns = TOUCH_SIZE / 4096;
		report("touch4k_again");
	} else
		skip("touch4k_first", "by-option");
	batch = 1;
	MEASURE("mem_walk_16k_lines", 10, { u64 s = 0;
		for (u64 a = TOUCH_BASE; a < TOUCH_BASE + TOUCH_SIZE; a += 4096) s += *(volatile u64 *)a;
		asm volatile("" :: "r"(s)); });
	batch = batch_;

	/* local APIC, xAPIC mode */
	if (!(l1[3] & 1 << 9)) { skip("apic", "no-local-apic"); goto late; }
	if (rdmsr(0x1B) & 0x400) {		/* handed over in x2APIC mode */
		skip("xapic", "already-x2apic");
		goto x2apic;
	}
	MEASURE("mmio_lapic_id", N, mmio_r(0xFEE00020u));
	apic_setup();
	MEASURE("mmio_lapic_tpr_write", N, mmio_w(0xFEE00080u, 0));
	irq_tests("self_ipi", "eoi", "timer_arm", "timer_late", "hlt_wake_late");
	if (l1[2] & 1 << 24)
		deadline_tests("tscdl_arm", "tscdl_late", "tscdl_hlt_late");
	else
		skip("tscdl", "no-tsc-deadline");
x2apic:
	if (!(l1[2] & 1 << 21)) { skip("x2apic", "no-x2apic"); goto late; }
	if (!wanted("x2apic")) { skip("x2apic", "by-option"); goto late; }
	wrmsr(0x1B, rdmsr(0x1B) | 0xC00);
	x2 = 1;
	apic_setup();
	MEASURE("x2apic_id_rdmsr", N, rdmsr(0x802));
	MEASURE("x2apic_tpr_wrmsr", N, wrmsr(0x808, 0));
	irq_tests("x2_self_ipi", "x2_eoi", "x2_timer_arm", "x2_timer_late", "x2_hlt_wake_late");
	if (l1[2] & 1 << 24)
		deadline_tests("x2_tscdl_arm", "x2_tscdl_late", "x2_tscdl_hlt_late");
late:
	/* last, because a strict hypervisor may stop the guest here */
	MEASURE("mmio_read_unclaimed", N, mmio_r(MMIO_FREE));
	puts_("INFO spurious interrupts "); putu(spurious_seen); puts_("\n");
	finish();
}
