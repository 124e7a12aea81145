/* SPDX-License-Identifier: Apache-2.0 */
#include "lib.h"

#define PORT_RESULT 0xf4
#define COM1 0x3f8

void guest_main(void);

static u32 failures;

void *memcpy(void *to, const void *from, size_t n);
void *memset(void *to, int byte, size_t n);

void *memcpy(void *to, const void *from, size_t n)
{
	void *r = to;

	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) :: "memory");
	return r;
}

void *memset(void *to, int byte, size_t n)
{
	void *r = to;

	__asm__ volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(byte) : "memory");
	return r;
}

static void put(char c)
{
	for (int i = 0; i < 1000000 && !(inb(COM1 + 5) & 0x20); i++)
		pause();
	outb(COM1, (u8)c);
}

static void put_number(u64 v, u32 base, int width, char pad, bool negative)
{
	char digits[24];
	int n = 0;

	do
		digits[n++] = "0123456789abcdef"[v % base];
	while (v /= base);
	if (negative)
		put('-');
	for (int i = n; i < width; i++)
		put(pad);
	while (n)
		put(digits[--n]);
}

static void print_one(char c, bool wide, int width, char pad, va_list *ap)
{
	u64 v;

	if (c == 's') {
		for (const char *s = va_arg(*ap, const char *); *s; s++)
			put(*s);
		return;
	}
	v = wide ? va_arg(*ap, u64) : va_arg(*ap, u32);
	if (c == 'c')
		put((char)v);
	else if (c == 'd' && !wide && (int)v < 0)
		put_number((u64)-(long)(int)v, 10, width, pad, true);
	else if (c == 'd' && wide && (long)v < 0)
		put_number(-v, 10, width, pad, true);
	else
		put_number(v, c == 'x' ? 16 : 10, width, pad, false);
}

static void vprint(const char *fmt, va_list *ap)
{
	for (; *fmt; fmt++) {
		char pad = ' ';
		int width = 0;
		bool wide = false;

		if (*fmt != '%') {
			if (*fmt == '\n')
				put('\r');
			put(*fmt);
			continue;
		}
		if (*++fmt == '0')
			pad = *fmt++;
		while (*fmt >= '0' && *fmt <= '9')
			width = width * 10 + *fmt++ - '0';
		while (*fmt == 'l') {
			wide = true;
			fmt++;
		}
		print_one(*fmt, wide, width, pad, ap);
	}
}

void print(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprint(fmt, &ap);
	va_end(ap);
}

void check(bool ok, const char *fmt, ...)
{
	va_list ap;

	failures += !ok;
	print("TEST %s %s ", test_name, ok ? "PASS" : "FAIL");
	va_start(ap, fmt);
	vprint(fmt, &ap);
	va_end(ap);
	print("\n");
}

void finish_with(u32 result)
{
	cli();
	outl(PORT_RESULT, result);
	for (;;)
		__asm__ volatile("cli; hlt");
}

void finish(void)
{
	print("TEST-DONE %s %s\n", test_name, failures ? "FAIL" : "PASS");
	finish_with(failures ? 1 : 0);
}

/* ---- traps ---- */
extern const u8 trap_stubs[];
extern volatile u64 trap_resume_rsp;
int trap_handle(struct trap *t);

struct gate { u16 low, sel; u8 ist, attr; u16 mid; u32 high, reserved; } __attribute__((packed));
static struct gate idt[256];
static trap_fn *trap_fns[256];
u64 trap_last_code;

/* 0: go on; vector + 1: back to trap_try(). */
int trap_handle(struct trap *t)
{
	u64 cr2;

	if (trap_fns[t->vector]) {
		trap_fns[t->vector](t);
		return 0;
	}
	if (t->vector < 32 && trap_resume_rsp) {
		trap_last_code = t->code;
		return (int)t->vector + 1;
	}
	__asm__ volatile("mov %%cr2, %0" : "=r"(cr2));
	check(false, "unexpected vector %lu code %lx rip %lx rsp %lx cr2 %lx", t->vector, t->code, t->rip, t->rsp, cr2);
	finish();
}

void trap_set(u8 vector, trap_fn *fn)
{
	trap_fns[vector] = fn;
}

void idt_load(void);
void idt_load(void)
{
	struct { u16 limit; u64 base; } __attribute__((packed)) idtr = { sizeof(idt) - 1, (u64)idt };

	__asm__ volatile("lidt %0" :: "m"(idtr));
}

static void idt_build(void)
{
	for (int v = 0; v < 256; v++) {
		u64 at = (u64)trap_stubs + (u64)v * 16;

		idt[v] = (struct gate){ (u16)at, 8, 0, 0x8e, (u16)(at >> 16), (u32)(at >> 32), 0 };
	}
	idt_load();
}

static void uart_set_up(void)
{
	outb(COM1 + 1, 0);
	outb(COM1 + 3, 0x80);
	outb(COM1, 1);
	outb(COM1 + 1, 0);
	outb(COM1 + 3, 3);
	outb(COM1 + 2, 7);
	outb(COM1 + 4, 3);
}

void guest_main(void)
{
	idt_build();
	outb(0x21, 0xff);		/* PIC masked */
	outb(0xa1, 0xff);
	uart_set_up();
	print("TEST-START %s by %s, command line \"%s\"\n", test_name, boot_is_pvh() ? "pvh" : "multiboot",
	      boot_cmdline());
	test_main();
	finish();
}
