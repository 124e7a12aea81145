/* SPDX-License-Identifier: Apache-2.0 */
#include "aml.h"

#include <hv/lib.h>

enum aml_op { AML_ZERO = 0x00, AML_ONE = 0x01, AML_NAME = 0x08, AML_BYTE = 0x0a, AML_WORD = 0x0b, AML_DWORD = 0x0c,
	AML_STRING = 0x0d, AML_QWORD = 0x0e, AML_SCOPE = 0x10, AML_BUFFER = 0x11, AML_PACKAGE = 0x12,
	AML_METHOD = 0x14, AML_IF = 0xa0, AML_ELSE = 0xa1,
	AML_DUAL_NAME = 0x2e, AML_MULTI_NAME = 0x2f, AML_EXT = 0x5b, AML_EXT_DEVICE = 0x82 };

void aml_init(struct aml *a, void *to, size_t size)
{
	memset(a, 0, sizeof(*a));
	a->to = to;
	a->size = size;
}

void aml_raw(struct aml *a, const void *from, size_t n)
{
	if (n > a->size - a->used) {
		a->full = true;
		return;
	}
	memcpy(a->to + a->used, from, n);
	a->used += n;
}

static void aml_byte(struct aml *a, u8 byte)
{
	aml_raw(a, &byte, 1);
}

static void aml_open(struct aml *a)
{
	assert(a->depth < AML_DEPTH_MAX);
	a->open[a->depth++] = a->used;
}

/* PkgLength counts itself. One byte holds up to 63; of more bytes the first holds 4 bits and their count. */
void aml_close(struct aml *a)
{
	size_t at, body, length, extra = 0;
	u8 bytes[4];

	assert(a->depth);
	at = a->open[--a->depth];
	body = a->used - at;
	while (extra < 3 && body + 1 + extra > (extra ? (size_t)0xfff << (8 * (extra - 1)) : 63))
		extra++;
	length = body + 1 + extra;
	bytes[0] = (u8)(extra ? extra << 6 | (length & 15) : length);
	for (size_t i = 1; i <= extra; i++)
		bytes[i] = (u8)(length >> (8 * i - 4));
	if (1 + extra > a->size - a->used) {
		a->full = true;
		return;
	}
	memmove(a->to + at + 1 + extra, a->to + at, body);
	memcpy(a->to + at, bytes, 1 + extra);
	a->used += 1 + extra;
}

/* One segment: four characters, padded with '_'. Returns what follows its dot. */
static const char *aml_segment(struct aml *a, const char *s)
{
	char seg[4];

	for (size_t i = 0; i < sizeof(seg); i++)
		seg[i] = *s && *s != '.' ? *s++ : '_';
	assert(!*s || *s == '.');
	aml_raw(a, seg, sizeof(seg));
	return *s ? s + 1 : s;
}

static void aml_path(struct aml *a, const char *path)
{
	u8 segments = 1;

	if (*path == '\\')
		aml_byte(a, (u8)*path++);
	for (const char *s = path; *s; s++)
		segments = (u8)(segments + (*s == '.'));
	if (segments == 2)
		aml_byte(a, AML_DUAL_NAME);
	if (segments > 2) {
		aml_byte(a, AML_MULTI_NAME);
		aml_byte(a, segments);
	}
	while (segments--)
		path = aml_segment(a, path);
}

void aml_scope(struct aml *a, const char *name)
{
	aml_byte(a, AML_SCOPE);
	aml_open(a);
	aml_path(a, name);
}

void aml_device(struct aml *a, const char *name)
{
	aml_byte(a, AML_EXT);
	aml_byte(a, AML_EXT_DEVICE);
	aml_open(a);
	aml_path(a, name);
}

void aml_package(struct aml *a, u8 count)
{
	aml_byte(a, AML_PACKAGE);
	aml_open(a);
	aml_byte(a, count);
}

/* Bit 3 of the flags: not entered twice at a time, as it creates names. */
void aml_method(struct aml *a, const char *name, u8 args)
{
	aml_byte(a, AML_METHOD);
	aml_open(a);
	aml_path(a, name);
	aml_byte(a, args | 8);
}

void aml_if(struct aml *a)
{
	aml_byte(a, AML_IF);
	aml_open(a);
}

void aml_else(struct aml *a)
{
	aml_byte(a, AML_ELSE);
	aml_open(a);
}

void aml_buffer(struct aml *a, const void *from, size_t n)
{
	aml_byte(a, AML_BUFFER);
	aml_open(a);
	aml_integer(a, n);
	aml_raw(a, from, n);
	aml_close(a);
}

void aml_name(struct aml *a, const char *name)
{
	aml_byte(a, AML_NAME);
	aml_path(a, name);
}

void aml_integer(struct aml *a, u64 value)
{
	static const u8 op[] = { AML_BYTE, AML_WORD, AML_DWORD, AML_QWORD };
	u32 log = 0;

	if (value <= 1) {
		aml_byte(a, value ? AML_ONE : AML_ZERO);
		return;
	}
	while (log < 3 && value >> (8u << log))
		log++;
	aml_byte(a, op[log]);
	aml_raw(a, &value, 1u << log);	/* little endian, as we are */
}

void aml_string(struct aml *a, const char *text)
{
	aml_byte(a, AML_STRING);
	aml_raw(a, text, strlen(text) + 1);
}

static u32 aml_hex(char c)
{
	return c <= '9' ? (u32)(c - '0') : (u32)(c - 'A' + 10);
}

/* ACPI "EISAID Macro": three letters of 5 bits, four hexadecimal digits, big endian. */
void aml_eisa_id(struct aml *a, const char *id)
{
	u32 v = 0;

	assert(strlen(id) == 7);
	for (int i = 0; i < 3; i++)
		v = v << 5 | ((u32)id[i] & 31);
	for (int i = 3; i < 7; i++)
		v = v << 4 | aml_hex(id[i]);
	aml_integer(a, __builtin_bswap32(v));
}

/* ACPI "Small Resource Data Type": an I/O port descriptor (47H), an IRQ descriptor of two bytes (22H), the end tag. */
void aml_resources(struct aml *a, const struct aml_ports *ports, size_t ports_count, int irq)
{
	size_t length = ports_count * 8 + (irq >= 0 ? 3 : 0) + 2;

	assert(length <= 48);
	aml_byte(a, AML_BUFFER);
	aml_open(a);
	aml_integer(a, length);
	for (size_t i = 0; i < ports_count; i++) {
		u8 low = (u8)ports[i].base, high = (u8)(ports[i].base >> 8);

		aml_raw(a, (u8[]){ 0x47, 1, low, high, low, high, 1, ports[i].count }, 8);	/* decodes 16 bits */
	}
	if (irq >= 0)
		aml_raw(a, (u8[]){ 0x22, (u8)(1u << irq), (u8)((1u << irq) >> 8) }, 3);
	aml_raw(a, (u8[]){ 0x79, 0 }, 2);	/* checksum 0: none */
	aml_close(a);
}
