/* SPDX-License-Identifier: Apache-2.0 */
/* tscapp.c: a UEFI application of one job: the time stamp counter and a plugin
 * marker at its first instruction, both printed; then power off. No headers. */
typedef unsigned long long u64; typedef unsigned short c16;
#define API __attribute__((ms_abi))
struct out { void *reset; u64 (API *puts)(struct out *, const c16 *); };
struct rt { char h[24]; void *f[10]; void (API *reset)(int, u64, u64, void *); };
struct st { char h[24]; c16 *vendor; unsigned rev; void *ih, *in, *oh; struct out *out; void *eh, *err; struct rt *rt; };
API u64 efi_main(void *h, struct st *st)
{
	unsigned a, d; c16 b[40]; int n = 0; const char *s = "TSCAPP tsc="; (void)h;
	__asm__ volatile("nopl 0x4d4b033e(%%rax); rdtsc" : "=a"(a), "=d"(d));	/* kind 3, id 62 */
	u64 t = (u64)d << 32 | a, p = 1000000000000000ull;
	while (*s) b[n++] = *s++;
	for (; p > 1 && t / p == 0; p /= 10);
	for (; p; p /= 10) b[n++] = '0' + t / p % 10;
	b[n++] = '\r'; b[n++] = '\n'; b[n] = 0;
	st->out->puts(st->out, b);
	st->rt->reset(2, 0, 0, 0);
	for (;;) ;
}
