/* SPDX-License-Identifier: Apache-2.0 */
/* What mbedTLS and yyjson ask of hv/web, from the build host. */
#include <stdlib.h>
#include <string.h>

#include <stddef.h>
#include <stdint.h>

void *web_calloc(size_t count, size_t size) { return calloc(count, size); }
void web_free(void *p) { free(p); }
int web_snprintf(char *to, size_t size, const char *format, ...) { return 0; }
void mbedtls_platform_zeroize(void *p, size_t n) { memset(p, 0, n); }

int32_t mbedtls_psa_external_get_random(void *context, uint8_t *to, size_t size, size_t *length)
{
	return -1;
}
