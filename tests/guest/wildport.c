/* SPDX-License-Identifier: Apache-2.0 */
/* wildport: all 65,536 ports, in and out, 1, 2 and 4 bytes; those that rightly end or silence this guest excepted. */

#include "lib/lib.h"

const char test_name[] = "wildport";

static const struct { u16 first, last; } spare[] = {
	{ 0x60, 0x64 }, { 0x92, 0x92 }, { 0xb2, 0xb3 }, { 0xf4, 0xf7 }, { 0x3f8, 0x3ff }, { 0x505, 0x505 }, { 0x600, 0x60f },
	{ 0xcf8, 0xcff },
};

static bool may(u32 port, u32 size)
{
	for (u32 i = 0; i < sizeof(spare) / sizeof(spare[0]); i++)
		if (port <= spare[i].last && port + size > spare[i].first)
			return false;
	return true;
}

static u32 answering, accesses;

static void reads(u32 port)
{
	if (may(port, 1))
		answering += inb((u16)port) != 0xff;
	if (may(port, 2))
		inw((u16)port);
	if (may(port, 4))
		inl((u16)port);
	accesses += 3;
}

static void writes(u32 port)
{
	if (may(port, 1))
		outb((u16)port, 0xff);
	if (may(port, 2))
		outw((u16)port, 0xffff);
	if (may(port, 4))
		outl((u16)port, 0xffffffff);
	accesses += 3;
}

static void strings(void)
{
	static u8 buffer[64];
	void *p = buffer;
	u64 n = sizeof(buffer);
	bool ones = true;

	__asm__ volatile("cld; rep insb" : "+D"(p), "+c"(n) : "d"(0x1000) : "memory");
	for (u32 i = 0; i < sizeof(buffer); i++)
		ones = ones && buffer[i] == 0xff;
	check(ones && n == 0 && p == buffer + sizeof(buffer), "rep insb of a port that nobody has reads ones");
	p = buffer;
	n = sizeof(buffer) / 4;
	__asm__ volatile("cld; rep outsl" : "+S"(p), "+c"(n) : "d"(0x1000) : "memory");
	check(n == 0 && p == buffer + sizeof(buffer), "rep outsl to a port that nobody has");
}

void test_main(void)
{
	u32 step = (u32)boot_number("step=", 1);

	check(inb(0x1000) == 0xff && inw(0x1000) == 0xffff && inl(0x1000) == 0xffffffff, "nobody has port 1000H: ones");
	strings();
	for (u32 port = 0; port < 0x10000; port += step)
		reads(port);
	check(true, "%u ports answer something", answering);
	if (!boot_word("nowrite"))
		for (u32 port = 0; port < 0x10000; port += step)
			writes(port);
	check(inb(0x3fd) != 0xff, "%u accesses; the UART still answers", accesses);
}
