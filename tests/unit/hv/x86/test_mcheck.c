/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/x86/mcheck.c hv/lib/format.c hv/lib/string.c */
/* A machine check in a guest: which error is told, that the banks and the mark are free for the next one, that the guest
 * ends and its hardware is marked, and that a core without its state ends the machine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <hv/exit_cpu.h>
#include <hv/guest.h>
#include <hv/lib.h>
#include <hv/panic.h>

#include "../../../../hv/x86/mcheck.h"
#include "../../../../hv/x86/x86.h"

#define VALID BIT(63)
#define UC BIT(61)
#define ADDR BIT(58)
#define PCC BIT(57)
#define BANKS 40u

static u64 cap, mcg_status, status[BANKS], addr[BANKS];
static u32 mcg_cleared_with;	/* banks that still reported when the mark went */
static struct guest guest;
static struct vcpu vcpu = { .guest = &guest, .index = 3 };
static char killed[32], reason[160], last_words[200];
static jmp_buf end_of_machine;

bool rdmsr_safe(u32 msr, u64 *val)
{
	u32 bank = (msr - 0x400) / 4;

	if (msr == 0x179)
		*val = cap;
	else if (msr >= 0x400 && bank < (cap & 0xff) && msr % 4 == 1)
		*val = status[bank];
	else if (msr >= 0x400 && bank < (cap & 0xff) && msr % 4 == 2 && status[bank] & ADDR)
		*val = addr[bank];
	else
		return false;
	return true;
}

/* Hardware takes nothing but zeros there. */
bool wrmsr_safe(u32 msr, u64 val)
{
	u32 bank = (msr - 0x400) / 4;

	assert_int_equal(val, 0);
	if (msr == 0x17a) {
		mcg_status = 0;
		mcg_cleared_with = 0;
		for (u32 i = 0; i < BANKS; i++)
			mcg_cleared_with += (status[i] & VALID) != 0;
		return true;
	}
	assert_true(msr >= 0x400 && bank < (cap & 0xff) && msr % 4 == 1);
	status[bank] = 0;
	return true;
}

void guest_kill(struct vcpu *v, const char *id, const char *fmt, ...)
{
	va_list ap;

	assert_int_equal(v->guest->broken, 1);	/* known before the end is */
	str_copy(killed, sizeof(killed), id);
	va_start(ap, fmt);
	fmt_vprint(reason, sizeof(reason), fmt, ap);
	va_end(ap);
}

void panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fmt_vprint(last_words, sizeof(last_words), fmt, ap);
	va_end(ap);
	longjmp(end_of_machine, 1);
}

void assert_failed(const char *what, const char *file, int line)
{
	fail_msg("%s at %s:%d", what, file, line);
	longjmp(end_of_machine, 2);
}

static int setup(void **state)
{
	memset(status, 0, sizeof(status));
	memset(addr, 0, sizeof(addr));
	guest = (struct guest){ .name = "web" };
	cap = 10;
	mcg_status = 5;
	mcg_cleared_with = BANKS;
	killed[0] = reason[0] = last_words[0] = 0;
	return 0;
}

static void all_clear(void)
{
	for (u32 i = 0; i < (cap & 0xff); i++)
		assert_false(status[i] & VALID);
	assert_int_equal(mcg_status, 0);
	assert_int_equal(mcg_cleared_with, 0);
}

static void test_one_error(void **state)
{
	struct mcheck m;

	status[7] = VALID | UC | ADDR | 0x134;
	addr[7] = 0x12345040;
	mcheck_take(&m);
	assert_int_equal(m.bank, 7);
	assert_true(m.status == (VALID | UC | ADDR | 0x134));
	assert_int_equal(m.addr, 0x12345040);
	assert_false(m.fatal);
	all_clear();
}

/* The worst is told, whichever bank it is in; all are cleared. */
static void test_worst_first(void **state)
{
	struct mcheck m;

	status[0] = VALID;
	status[3] = VALID | UC;
	status[9] = VALID;
	mcheck_take(&m);
	assert_int_equal(m.bank, 3);
	all_clear();
	status[1] = VALID | UC;
	status[2] = VALID | UC | PCC;
	status[4] = VALID | UC;
	mcheck_take(&m);
	assert_int_equal(m.bank, 2);
	assert_true(m.fatal);
	all_clear();
}

/* What a bank holds without its valid bit is nothing. */
static void test_no_bank(void **state)
{
	struct mcheck m;

	status[5] = UC | PCC | ADDR;
	mcheck_take(&m);
	assert_int_equal(m.bank, MCHECK_NO_BANK);
	assert_false(m.fatal);
	assert_int_equal(mcg_status, 0);
	cap = 0;
	mcheck_take(&m);
	assert_int_equal(m.bank, MCHECK_NO_BANK);
}

/* Above 32 banks the registers would be others. */
static void test_many_banks(void **state)
{
	struct mcheck m;

	cap = BANKS;
	status[31] = VALID;
	mcheck_take(&m);
	assert_int_equal(m.bank, 31);
	all_clear();
}

static void test_the_guest_ends(void **state)
{
	status[1] = VALID | UC | ADDR;
	addr[1] = 0xabc000;
	assert_int_equal(exit_machine_check(&vcpu), KILL);
	assert_string_equal(killed, "GUEST-MACHINE-CHECK");
	assert_non_null(strstr(reason, "bank 1"));
	assert_non_null(strstr(reason, "0xabc000"));
	assert_true(strlen(reason) < sizeof(guest.record.reason));
	all_clear();
	killed[0] = 0;
	assert_int_equal(exit_machine_check(&vcpu), KILL);
	assert_string_equal(killed, "GUEST-MACHINE-CHECK");
	assert_non_null(strstr(reason, "no bank"));
}

static void test_lost_context_ends_the_machine(void **state)
{
	status[1] = VALID | UC | PCC;
	if (!setjmp(end_of_machine)) {
		(void)exit_machine_check(&vcpu);
		fail();
	}
	assert_non_null(strstr(last_words, "guest web"));
	assert_string_equal(killed, "");
}

#define T(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_one_error), T(test_worst_first), T(test_no_bank), T(test_many_banks), T(test_the_guest_ends),
		T(test_lost_context_ends_the_machine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
