#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The page's files as part of the hypervisor: embed.py FOLDER FILE ... compresses each FILE of FOLDER that gains by it and writes table.c (the
table of hv/web/page.h) and bytes.S there. Says what all of it weighs, and refuses more than the page may weigh."""
import hashlib
import os
import subprocess
import sys

TYPES = {'html': 'text/html; charset=utf-8', 'js': 'text/javascript; charset=utf-8', 'css': 'text/css; charset=utf-8',
         'svg': 'image/svg+xml'}
WIRE_MAX = 250_000
PLAIN_MAX = 1024     # smaller ones stay as they are

folder, names = sys.argv[1], sys.argv[2:]
table = ['/* SPDX-License-Identifier: Apache-2.0 */', '/* Made by hv/web/page/embed.py. */', '#include "hv/web/page.h"', '']
rows, code, total = [], ['/* Made by hv/web/page/embed.py. */', '.section .rodata.page, "a"'], 0
for i, name in enumerate(names):
    path = os.path.abspath(os.path.join(folder, name))
    subprocess.run(['gzip', '-9nkf', path], check=True)
    packed = os.path.getsize(path) > PLAIN_MAX
    path += '.gz' if packed else ''
    with open(path, 'rb') as f:
        data = f.read()
    total += len(data)
    tag = hashlib.sha256(data).hexdigest()[:16]
    table.append(f'extern const u8 page_bytes_{i}[];')
    rows.append(f'\t{{ "{name}", "{TYPES[name.rsplit(".", 1)[1]]}", "\\"{tag}\\"", page_bytes_{i}, {len(data)}, {str(packed).lower()} }},')
    code += ['.balign 16', f'.globl page_bytes_{i}', f'page_bytes_{i}: .incbin "{path}"']
table += ['', 'const struct page_file page_files[] = {', *rows, '};', f'const u32 page_file_count = {len(names)};']
code.append('.section .note.GNU-stack, "", @progbits')
if total > WIRE_MAX:
    sys.exit(f'embed.py: the page has {total} bytes compressed, more than {WIRE_MAX}')
for name, lines in (('table.c', table), ('bytes.S', code)):
    with open(os.path.join(folder, name), 'w') as f:
        f.write('\n'.join(lines) + '\n')
print(f'  page: {total} bytes, compressed')
