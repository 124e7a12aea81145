#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Instructions from reset to GRUB's menu and from there to a login, for the disk of guests/debian: on QEMU 10's own machine (q35,
virtio-blk, one core) and as a guest of Bulkhead with one core on the same machine. Counted by serialmarks.c: executed ones, of
all cores together, so the control core's work is in. Both with the same OVMF (Debian 13's). Prints a Markdown table.
With more than one core QEMU 10 crashes when it has both a plugin and icount, so these two run without icount: loops that wait for a
time differ from run to run by some per cent. "icount" is the plain machine with it, the same every time.
pcboot.py [icount] [plain] [bulkhead]"""
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, f'{ROOT}/tests/boot')
import matrix  # noqa: E402
import pc  # noqa: E402
import pcguests  # noqa: E402
from machine import Qemu10  # noqa: E402

OUT = 'build/bench'
MARKS = ['GNU GRUB', 'Booting', 'login: ']
LIMITS = {'reset to menu': 1.3, 'menu to login': 1.15}


def one_core(text):
    return text.replace('cores = 2', 'cores = 1').replace('display = true', 'display = false')


def plugin(name):
    so = os.path.abspath(f'{OUT}/serialmarks.so')
    subprocess.run(['gcc', '-shared', '-fPIC', '-O2', '-Wall', '-Wextra', '-o', so, 'tests/bench/serialmarks.c'], check=True)
    out = os.path.abspath(f'{OUT}/{name}.marks')
    return out, ['-plugin', ','.join([so, f'out={out}'] + ['mark=' + m.replace(' ', '+') for m in MARKS])]


class PlainPc(pc.Pc, Qemu10):
    """The PC of tests/boot/pc.py in QEMU 10, with its firmware and icount."""
    name = 'plain'

    def command(self):
        c = super().command()
        part = f'if=pflash,format=raw,file={self.tree}/usr/share/OVMF/OVMF'
        c[c.index('-drive') + 1] = f'{part}_CODE_4M.fd,readonly=on'
        c[c.index('-drive', c.index('-drive') + 1) + 1] = f'{part}_VARS_4M.fd,snapshot=on'
        return c + (['-icount', 'shift=0,sleep=off', '-rtc', 'base=2026-01-01,clock=vm', '-seed', '1'] if self.icount else [])


def read(path):
    """-> steps. The last start at the reset vector before the menu is the one of the machine or guest that is measured."""
    at = {}
    for text, count in re.findall(r'^MARK (.*) cpu=\d+ own=\d+ all=(\d+)$', open(path).read(), re.M):
        if text == 'reset' and 'GNU GRUB' in at:
            continue
        if text == 'reset' or text not in at:
            at[text] = int(count)
    return {'reset to menu': at['GNU GRUB'] - at['reset'], 'menu to login': at['login: '] - at['Booting']}


def measure(name, machine, seconds):
    with machine as m:
        m.expect('GNU GRUB', seconds)
        m.expect('login: ', seconds)
    return read(f'{OUT}/{name}.marks')


def plain(name='plain'):
    pcguests.debian.make()
    _, extra = plugin(name)
    return measure(name, PlainPc([f'{pcguests.debian.folder()}/debian.img'], memory=512, cpu='EPYC-Rome', screen=False,
                                 icount=name == 'icount', extra=extra, keep=f'{OUT}/log/{name}.txt'), 900)


def bulkhead():
    plan = pcguests.RecipePlan('debian', 'bench-debian', one_core)
    image, firmware = matrix.image(plan), f'{Qemu10.tree}/usr/share/OVMF'
    for part in ('CODE', 'VARS'):
        subprocess.run(['mcopy', '-o', '-i', f'{image}@@1M', f'{firmware}/OVMF_{part}_4M.fd', f'::OVMF_{part}_4M.fd'], check=True)
    _, extra = plugin('bulkhead')
    m = Qemu10(image, cores=2, memory=2560, cpu='EPYC-Rome,+svm,+npt', screen=False, extra=extra,
               keep=f'{OUT}/log/bulkhead-debian.txt')
    m.start()
    try:
        m.expect('guest debian: running', 900)
        m.send('\x011')
        m.expect('login: ', 1800)
    finally:
        m.stop()
    return read(f'{OUT}/bulkhead.marks')


def main():
    os.chdir(ROOT)
    os.makedirs(f'{OUT}/log', exist_ok=True)
    matrix.OUT = OUT
    if not Qemu10.available():
        print('pcboot: QEMU 10 could not be had here (tests/tools/qemu10.sh)', file=sys.stderr)
        return 1
    which = sys.argv[1:] or ['icount', 'plain', 'bulkhead']
    result = {w: {'icount': lambda: plain('icount'), 'plain': plain, 'bulkhead': bulkhead}[w]() for w in which}
    print('| step | ' + ' | '.join(f'{w}, M instructions' for w in which) + ' | ratio | limit | |')
    print('|---|' + '---:|' * (len(which) + 2) + '---|')
    over = False
    for step, limit in LIMITS.items():
        values = [result[w][step] for w in which]
        ratio = values[-1] / values[-2] if which[-2:] == ['plain', 'bulkhead'] else None
        verdict = '-' if ratio is None else 'PASS' if ratio <= limit else 'OVER'
        over |= verdict == 'OVER'
        print(f'| {step} | ' + ' | '.join(f'{v / 1e6:,.1f}' for v in values) +
              f' | {"-" if ratio is None else f"{ratio:.2f}"} | {limit} | {verdict} |')
    return 1 if over else 0


if __name__ == '__main__':
    sys.exit(main())
