#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The SSE seam (docs/design.md): seam.py BUILD OBJECT...
1. Vector and x87 registers appear only in the web server's third-party objects, where a guest's are read and written, and in the
   copy of frames.
2. What those third-party objects define is called by hv/web alone, so that it runs nowhere but in the web fiber; the copy of frames
   by those who run on the control core alone.
Prints each offender; exit 1 if there is one."""
import glob
import re
import subprocess
import sys

VECTOR = re.compile(r'%([xyz]mm\d|mm\d|st\b|k[0-7]\b)|^(f(n?init|ld|st|x?save|x?rstor)\w*|x(save|rstor)\w*|emms|vzero\w+)\b')
# Where a guest's registers are read, written and reset, on its own core.
ALLOWED = ('/hv/x86/live.S.o', '/hv/x86/svm/svm.o', '/hv/x86/vmx/enter.S.o', '/hv/x86/xsavec.o')
# Moves frames on the control core, for these.
COPY, COPIERS = '/hv/x86/copy_wide.o', ('/drivers/model/virtio/vnet_rx.o',)
THIRD = '/third_party/obj/web/'


def vector_instruction(path):
    out = subprocess.run(['objdump', '-d', '--no-show-raw-insn', path], capture_output=True, text=True, check=True).stdout
    for line in out.splitlines():
        address, tab, text = line.partition(':\t')
        if tab and VECTOR.search(text):
            return text
    return None


def symbols(paths, *flags):
    out = subprocess.run(['nm', *flags, *paths], capture_output=True, text=True, check=True).stdout
    return {line.split()[-1] for line in out.splitlines() if line.strip() and not line.endswith(':')}


def main(build, objects):
    bad = []
    third = sorted(glob.glob(f'{build}{THIRD}**/*.o', recursive=True))
    theirs = symbols(third, '-g', '--defined-only')
    for o in objects:
        if not o.endswith('.o') or THIRD in o:
            continue
        found = None if o.endswith(ALLOWED + (COPY,)) else vector_instruction(o)
        if found:
            bad.append(f'{o}: vector or x87 register outside of the seam: {found}')
        wants = symbols([o], '-u')
        if 'copy_wide' in wants and not o.endswith(COPIERS):
            bad.append(f'{o}: copies by vector registers, and is not known to run on the control core alone')
        calls = set() if '/hv/web/' in o else wants & theirs
        if calls:
            bad.append(f'{o}: calls into the seam from outside of hv/web: {", ".join(sorted(calls))}')
    print('\n'.join(bad) or f'seam: {len(objects)} objects are right')
    return 1 if bad or not third else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1], sys.argv[2:]))
