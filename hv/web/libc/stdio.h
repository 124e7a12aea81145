/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* yyjson reads and writes files with it, mbedTLS prints: neither is used. */
#include <stddef.h>
typedef struct web_no_file FILE;
#define SEEK_SET 0
#define SEEK_END 2
#define EOF (-1)
FILE *fopen(const char *path, const char *mode);
int fclose(FILE *f);
size_t fread(void *to, size_t size, size_t n, FILE *f);
size_t fwrite(const void *from, size_t size, size_t n, FILE *f);
int fseek(FILE *f, long at, int whence);
long ftell(FILE *f);
