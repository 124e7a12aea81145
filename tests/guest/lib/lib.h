/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the tiny guests share. Each is one file with a test_main(); it prints lines "TEST name PASS|FAIL detail" on COM1
 * and ends through the test device, port F4H: 0 when nothing failed, else 1. */

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

extern const char test_name[];	/* defined by each guest */
void test_main(void);		/* defined by each guest */

/* --- instructions --- */
static inline void outb(u16 port, u8 v) { __asm__ volatile("outb %0, %1" :: "a"(v), "Nd"(port)); }
static inline void outw(u16 port, u16 v) { __asm__ volatile("outw %0, %1" :: "a"(v), "Nd"(port)); }
static inline void outl(u16 port, u32 v) { __asm__ volatile("outl %0, %1" :: "a"(v), "Nd"(port)); }
static inline u8 inb(u16 port) { u8 v; __asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port)); return v; }
static inline u16 inw(u16 port) { u16 v; __asm__ volatile("inw %1, %0" : "=a"(v) : "Nd"(port)); return v; }
static inline u32 inl(u16 port) { u32 v; __asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port)); return v; }
static inline u64 rdtsc(void)
{
	u32 lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi) :: "memory");
	return (u64)hi << 32 | lo;
}
static inline u64 rdmsr(u32 msr)
{
	u32 lo, hi;

	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr) : "memory");
	return (u64)hi << 32 | lo;
}
static inline void wrmsr(u32 msr, u64 v)
{
	__asm__ volatile("wrmsr" :: "c"(msr), "a"((u32)v), "d"((u32)(v >> 32)) : "memory");
}
static inline void cpuid(u32 leaf, u32 sub, u32 r[4])
{
	__asm__ volatile("cpuid" : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3]) : "a"(leaf), "c"(sub));
}
static inline void sti(void) { __asm__ volatile("sti" ::: "memory"); }
static inline void cli(void) { __asm__ volatile("cli" ::: "memory"); }
static inline void pause(void) { __asm__ volatile("pause" ::: "memory"); }

/* --- text --- */
/* %d %u %x %s %c, l for 64 bits, widths with leading zeros. */
void print(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* One line "TEST <guest> PASS|FAIL what"; counts failures. */
void check(bool ok, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Ends the guest. finish(): result 0 or 1 by what check() saw. */
__attribute__((noreturn)) void finish(void);
__attribute__((noreturn)) void finish_with(u32 result);

/* --- what the boot loader told --- */
const char *boot_cmdline(void);			/* never null */
bool boot_word(const char *word);		/* is it on the command line? */
u64 boot_number(const char *key, u64 otherwise);	/* "n=" */
bool boot_is_pvh(void);
/* Memory map entries; false: no more. */
struct boot_memory { u64 base, size; u32 type; };
bool boot_memory(u32 i, struct boot_memory *m);
u64 boot_ram_end(void);				/* end of usable RAM below 4 GiB */
u32 boot_modules(void);
const char *boot_module(u32 i, u64 *base, u64 *size);	/* its string */
bool under_hypervisor(void);			/* CPUID says KVM-like leaves exist */

/* --- traps --- */
struct trap {
	u64 r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
	u64 vector, code, rip, cs, rflags, rsp, ss;
};
typedef void trap_fn(struct trap *t);
void trap_set(u8 vector, trap_fn *fn);
/* Call fn(arg); -1, or the vector of the exception that ended it. First processor only. */
int trap_try(void (*fn)(u64), u64 arg);
extern u64 trap_last_code;

/* --- local APIC, by MMIO or (after apic_use_x2()) by MSR --- */
enum { APIC_ID = 0x20, APIC_VERSION = 0x30, APIC_TPR = 0x80, APIC_EOI = 0xb0, APIC_SVR = 0xf0, APIC_ICR = 0x300,
	APIC_ICR_HIGH = 0x310, APIC_TIMER = 0x320, APIC_LINT0 = 0x350, APIC_LINT1 = 0x360, APIC_INITIAL = 0x380,
	APIC_CURRENT = 0x390, APIC_DIVIDE = 0x3e0 };
u32 apic_read(u32 reg);
void apic_write(u32 reg, u32 v);
void apic_enable(void);			/* software enable, all LVTs masked */
bool apic_has_x2(void);
void apic_use_x2(void);
u32 apic_id(void);
void apic_eoi(void);
/* low: delivery mode, vector, shorthand as in the ICR. */
void apic_send(u32 dest, u32 low);

/* --- time --- */
#define PM_TIMER_HZ 3579545u
u32 pm_timer(void);			/* 24 bits */
void delay_us(u32 us);			/* by the PM timer */
u64 tsc_hz(void);			/* measured once */

/* --- other processors --- */
u32 cpu_count(void);			/* by the MADT; 1 without */
u32 cpu_apic_id(u32 i);
u32 cpu_index(void);			/* which of the MADT's processors runs this */
/* Start processor i, which runs fn(i) and then halts with interrupts on. false: did not come within 1 s. */
bool cpu_start(u32 i, void (*fn)(u32 i));
extern volatile u32 cpus_up;
extern const volatile u8 *ap_report(void);	/* what the real-mode code of the last start left */

/* Map the 2 MiB around physical address pa at a fixed window; the pointer to pa. */
volatile void *window_map(u64 pa);
