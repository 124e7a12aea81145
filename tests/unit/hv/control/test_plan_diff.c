/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/control/plan_diff.c hv/lib/format.c hv/lib/string.c */
/* What differs between two plans' texts: keys that changed, came, went; lists over several lines; texts that are cut anywhere. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>

#include "hv/control/plan_diff.h"

#include <hv/lib.h>

static char told[1000];

static void tell(void *arg, const struct plan_change *c)
{
	size_t n = strlen(told);

	snprintf(told + n, sizeof(told) - n, "%s.%s: %.*s > %.*s\n", c->table, c->key, (int)c->from_size, c->from ? c->from : "-",
		 (int)c->to_size, c->to ? c->to : "-");
}

static u32 diff(const char *from, const char *to, const char *table)
{
	told[0] = 0;
	return plan_diff(from, (u32)strlen(from), to, (u32)strlen(to), table, tell, NULL);
}

static void differences(void **state)
{
	static const char one[] = "[machine]\n# a = 1\nname = \"x\"\nlog = \"info\"\n\n[guest.web]\ncores = [1]\n"
				  "net = [{ switch = \"a\" },\n\t{ switch = \"b\" }]\ndisplay = true\n[switch.a]\nnat = true\n";
	static const char two[] = "[machine]\n# a = 2\nname = \"x\"\nlog = \"debug\"\nscreen = true\n[guest.web]\ncores = [1]\n"
				  "net = [{ switch = \"a\" },\n\t{ switch = \"c\" }]\n[switch.b]\nnat = true\n";

	assert_int_equal(diff(one, one, NULL), 0);
	assert_int_equal(diff(one, two, NULL), 4);
	assert_string_equal(told, "machine.log: \"info\" > \"debug\"\nswitch.a.nat: true > \nmachine.screen:  > true\n"
			    "switch.b.nat:  > true\n");
	assert_int_equal(diff(one, two, "guest.web"), 2);
	assert_string_equal(told, "guest.web.net: [{ switch = \"a\" },\n\t{ switch = \"b\" }] > [{ switch = \"a\" },\n\t{ switch = \"c\" }]\n"
			    "guest.web.display: true > \n");
	assert_int_equal(diff(one, two, "guest.none"), 0);
	assert_int_equal(diff("", "", NULL), 0);
}

/* Whatever stands there, nothing outside of it is read. */
static void cut_anywhere(void **state)
{
	static const char whole[] = "[a]\nk = 1\n\tx\n=\n[\nlong = [\n\t2]\n[b\n\n = 3\nq =\n";

	for (u32 n = 0; n < sizeof(whole); n++) {
		char *cut = malloc(n + 1);

		memcpy(cut, whole, n);
		plan_diff(cut, n, whole, sizeof(whole) - 1, NULL, tell, NULL);
		told[0] = 0;
		free(cut);
		cut = malloc(n ? n : 1);
		memcpy(cut, whole, n);
		plan_diff(whole, sizeof(whole) - 1, cut, n, NULL, tell, NULL);
		told[0] = 0;
		free(cut);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(differences), cmocka_unit_test(cut_anywhere) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
