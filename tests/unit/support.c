/* SPDX-License-Identifier: Apache-2.0 */
/* What every unit test links: a broken invariant ends the program, so a test that reaches one fails. A test that
 * expects one brings its own assert_failed(). */
#include <stdio.h>
#include <stdlib.h>

void assert_failed(const char *what, const char *file, int line);

__attribute__((weak)) void assert_failed(const char *what, const char *file, int line)
{
	fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, what);
	abort();
}
