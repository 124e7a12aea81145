#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks of form that a reader relies on: the one-way arrows of the architecture, one SPDX line a file, headers that
compile alone, lengths, unfinished words. Prints each offender; exit 1 if there is one."""
import re
import subprocess
import sys

bad = []


def files(*patterns):
    out = subprocess.run(['git', 'ls-files', '-co', '--exclude-standard', *patterns], capture_output=True, text=True)
    return out.stdout.split()


def grep(regex, names, why, allow=lambda f: False):
    for f in names:
        if allow(f):
            continue
        for n, line in enumerate(open(f, errors='replace'), 1):
            if re.search(regex, line):
                bad.append(f'{f}:{n}: {why}')


code = files('*.c', '*.h', '*.S')
hv = [f for f in code if f.startswith(('hv/', 'drivers/', 'boot/'))]
vendor = ('hv/x86/vmx/', 'hv/x86/svm/')

# One-way arrows (docs/design.md)
grep(r'\b(vmcs|vmcb)', hv, 'vmcs/vmcb outside of its vendor folder', lambda f: f.startswith(vendor))
grep(r'#include [<"].*drivers/', [f for f in code if f.startswith('hv/core/')], 'hv/core includes drivers/')
grep(r'#include <efi', [f for f in hv if not f.startswith('boot/')], 'firmware header outside of boot/')
grep(r'\b(rdmsr|wrmsr|inb|outb|inl|outl|cpuid)\(', [f for f in code if f.startswith('hv/lib/')], 'hardware access in hv/lib')
grep(r'#include [<"](hv|x86|core)(?!/(boot_info)\.h)', [f for f in code if f.startswith('boot/')], 'boot/ includes more than hv/boot_info.h')
grep(r'#include "(vmx|svm|vmcs|vmcb)', [f for f in hv if not f.startswith(vendor)], 'vendor header outside of its folder')

# Form
page = files('hv/web/page/*.ts', 'hv/web/page/*.css', 'hv/web/page/*.html', 'tests/page/*.mjs', 'tests/unit/*.ts')
for f in code + page + files('*.py', '*.sh', '*.mk', '*.ld', 'Makefile'):
    head = open(f, errors='replace').read(300)
    if 'SPDX-License-Identifier: Apache-2.0' not in head:
        bad.append(f'{f}:1: no SPDX line')
grep(r'\b(TODO|FIXME|XXX|HACK)\b', code + page, 'unfinished work')
for f in hv:
    lines = open(f, errors='replace').read().split('\n')
    if len(lines) > 800:
        bad.append(f'{f}: {len(lines)} lines: two subjects in one file')
    for n, line in enumerate(lines, 1):
        if len(line.expandtabs(8)) > 132:
            bad.append(f'{f}:{n}: {len(line.expandtabs(8))} columns')

# Headers compile alone
flags = ['-std=gnu11', '-ffreestanding', '-fsyntax-only', '-Ihv/include', '-Ihv/x86', '-I.', '-isystem',
         'build/third_party/zydis/include', '-isystem', 'build/third_party/zycore-c/include', '-Ihv/net/lwip', '-isystem',
         'build/third_party/lwip/src/include', '-isystem', 'build/third_party/littlefs', '-DZYAN_NO_LIBC', '-isystem',
         'build/third_party/mbedtls/include', '-isystem', 'build/third_party/http-parser', '-isystem', 'build/third_party/yyjson/src',
         '-DMBEDTLS_CONFIG_FILE="hv/web/mbedtls_config.h"', '-x', 'c']
for f in files('hv/*.h', 'drivers/*.h'):
    r = subprocess.run(['gcc', *flags, f], capture_output=True, text=True)
    if r.returncode:
        bad.append(f'{f}: does not compile alone: {r.stderr.splitlines()[0] if r.stderr else ""}')

print('\n'.join(bad) or 'style: nothing to say')
sys.exit(1 if bad else 0)
