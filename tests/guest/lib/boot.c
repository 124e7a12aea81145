/* SPDX-License-Identifier: Apache-2.0 */
/* What the boot loader told: PVH start info or multiboot information. */

#include "lib.h"

extern u32 boot_magic, boot_info;

static u32 at32(u64 a) { return *(volatile u32 *)a; }
static u64 at64(u64 a) { return *(volatile u64 *)a; }

bool boot_is_pvh(void)
{
	return boot_magic != 0x2badb002 && boot_info && at32(boot_info) == 0x336ec578;
}

static bool boot_is_multiboot(void)
{
	return boot_magic == 0x2badb002;
}

const char *boot_cmdline(void)
{
	u64 at = 0;

	if (boot_is_pvh())
		at = at64(boot_info + 24ul);
	else if (boot_is_multiboot() && at32(boot_info) & 4)
		at = at32(boot_info + 16ul);
	return at ? (const char *)at : "";
}

/* Where `key` starts a word of the command line; behind it, or null. */
static const char *boot_find(const char *key)
{
	const char *line = boot_cmdline();

	for (const char *s = line; *s; s++) {
		const char *k = key, *p = s;

		if (s != line && s[-1] != ' ')
			continue;
		while (*k && *p == *k)
			p++, k++;
		if (!*k)
			return p;
	}
	return 0;
}

bool boot_word(const char *word)
{
	const char *p = boot_find(word);

	return p && (!*p || *p == ' ');
}

u64 boot_number(const char *key, u64 otherwise)
{
	const char *p = boot_find(key);
	u64 v = 0;

	if (!p || *p < '0' || *p > '9')
		return otherwise;
	while (*p >= '0' && *p <= '9')
		v = v * 10 + (u64)(*p++ - '0');
	return v;
}

static bool boot_memory_pvh(u32 i, struct boot_memory *m)
{
	u64 e = at64(boot_info + 40ul) + i * 24ul;

	if (at32(boot_info + 4ul) < 1 || i >= at32(boot_info + 48ul))
		return false;
	*m = (struct boot_memory){ at64(e), at64(e + 8), at32(e + 16) };
	return true;
}

static bool boot_memory_multiboot(u32 i, struct boot_memory *m)
{
	u64 at = at32(boot_info + 48ul), end = at + at32(boot_info + 44ul);

	if (!(at32(boot_info) & 64))
		return false;
	while (i-- && at < end)
		at += at32(at) + 4ul;
	if (at >= end)
		return false;
	*m = (struct boot_memory){ at64(at + 4), at64(at + 12), at32(at + 20) };
	return true;
}

bool boot_memory(u32 i, struct boot_memory *m)
{
	if (boot_is_pvh())
		return boot_memory_pvh(i, m);
	return boot_is_multiboot() && boot_memory_multiboot(i, m);
}

u64 boot_ram_end(void)
{
	struct boot_memory m;
	u64 end = 0;

	for (u32 i = 0; boot_memory(i, &m); i++)
		if (m.type == 1 && m.base < 0xffffffff && m.base + m.size > end)
			end = m.base + m.size;
	return end;
}

u32 boot_modules(void)
{
	if (boot_is_pvh())
		return at32(boot_info + 12ul);
	return boot_is_multiboot() && at32(boot_info) & 8 ? at32(boot_info + 20ul) : 0;
}

const char *boot_module(u32 i, u64 *base, u64 *size)
{
	u64 e, string;

	if (boot_is_pvh()) {
		e = at64(boot_info + 16ul) + i * 32ul;
		*base = at64(e);
		*size = at64(e + 8);
		string = at64(e + 16);
	} else {
		e = at32(boot_info + 24ul) + i * 16ul;
		*base = at32(e);
		*size = at32(e + 4) - *base;
		string = at32(e + 8);
	}
	return string ? (const char *)string : "";
}

bool under_hypervisor(void)
{
	u32 r[4];

	cpuid(1, 0, r);
	if (!(r[2] >> 31))
		return false;
	cpuid(0x40000000, 0, r);
	return r[1] == 0x4b4d564b;	/* "KVMK" */
}
