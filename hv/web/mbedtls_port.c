/* SPDX-License-Identifier: Apache-2.0 */
/* What mbedTLS asks of its platform: memory, random numbers, formatted text. Memory is asked for at least once in
 * every step of
 * its arithmetic with large numbers: there the fiber looks whether its time is over. */
#include "entropy.h"
#include "fiber.h"
#include "heap.h"

#include <hv/lib.h>

#include <mbedtls/platform_util.h>
#include <psa/crypto.h>

void *web_calloc(size_t count, size_t size)
{
	size_t whole;

	fiber_breathe();
	if (__builtin_mul_overflow(count, size, &whole))
		return NULL;
	return heap_alloc(whole);
}

void web_free(void *p)
{
	heap_free(p);
}

int web_snprintf(char *to, size_t size, const char *format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = fmt_vprint(to, size, format, ap);
	va_end(ap);
	return n;
}

void mbedtls_platform_zeroize(void *p, size_t n)
{
	memset(p, 0, n);
	__asm__ volatile("" : : "r"(p) : "memory");
}

psa_status_t mbedtls_psa_external_get_random(mbedtls_psa_external_random_context_t *context, uint8_t *to, size_t size,
	size_t *length)
{
	(void)context;
	entropy_fill(to, size);
	*length = size;
	return PSA_SUCCESS;
}
