#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""vblk.py [vmx] [svm]: what a request to a virtio disk in RAM costs: exits, and instructions of the hypervisor. The guest
tests/guest/vblkbench.c in QEMU 10 with icount (SVM) and in Bochs (VMX), where one tick of the TSC is one instruction; exits are
those of a guest that makes the requests less those of one that makes none. Prints a Markdown table; OVER is an exit status of 1."""
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, f'{ROOT}/tests/boot')
import matrix  # noqa: E402
import plans  # noqa: E402
from machine import Bochs, Qemu10, Timeout  # noqa: E402

OUT = 'build/bench'
IPS = 400000000
GUESTS = {'none': 'mode=none', 'one-packed': 'mode=one all', 'one-split': 'mode=one split', 'batch-packed': 'mode=batch',
          'batch-split': 'mode=batch split'}
LIMITS = {'one': (1.0, 1500), 'batch': (0.1, 1500)}       # exits, instructions a request


def plan():
    text = ''.join(plans.elf_guest(name, 'vblkbench', cmdline=words, extra=f'autostart = false\napic = "virtual"\ndisk = [{{ image = "{name}.img" }}]')
                   for name, words in GUESTS.items())
    return plans.Plan('bench-vblk', text, {'vblkbench.elf': f'{plans.GUEST}/vblkbench.elf'} | {f'{n}.img': bytes(65536) for n in GUESTS})


def machine(which, image):
    kw = dict(cores=1 + len(GUESTS), memory=1024, keep=f'{OUT}/log/vblk-{which}.txt')
    if which == 'vmx':
        return Bochs(image, ips=IPS, cpu='corei7_skylake_x', **kw)
    return Qemu10(image, icount=True, cpu='EPYC-Rome,+svm,+npt', **kw)


def ask(m, command, until, seconds=120):
    m.at = start = len(m.text)
    m.type(command + '\r')
    m.expect(until, seconds)
    m.expect(r'bulkhead> ', seconds)
    return m.text[start:m.at]


def exits(m, name):
    """Of all kinds; of port I/O, which the guest's own report costs, too, notifications of queues alone."""
    text = ask(m, f'stats {name}', r'interrupts delivered')
    rows = {k: int(n) for k, n in re.findall(r'^  ([\w-]+) +(\d+) +\d+ +\d+\r?$', text, re.M) if k != 'pio'}
    kicks = re.findall(r'(\d+) kicks,', ask(m, f'devices {name}', r'isa-bridge'))
    return rows | {'notification': sum(map(int, kicks))}


def run(which, image):
    """-> name of a guest: (median instructions a request, requests, exits by kind)"""
    results = {}
    with machine(which, image) as m:
        m.expect(r'bulkhead: ready', 240)
        for name in GUESTS:
            m.type(f'start {name}\r')
            end = m.expect(rf'guest {name}: (ended result=(\d+)|killed [^\r\n]*)', 240)
            text = ask(m, f'console {name} log', r'VBLK|FAIL')
            line = re.search(r'VBLK (\d+) (\d+) (\d+) (\d+) n=(\d+) own=(\d+)', text)
            assert end.group(2) == '0' and line, f'{which}, {name}: {end.group(0)}: {text}'
            results[name] = int(line.group(1)), int(line.group(5)), exits(m, name)
    return results


def row(which, name, results):
    cost, requests, own = results[name]
    nothing = results['none'][2]
    more = {k: n - nothing.get(k, 0) for k, n in own.items()}
    each = sum(more.values()) / requests
    limit = LIMITS[name.split('-')[0]]
    # Two requests of set-up are in all of them; a stray exit by a clock or by the control core is no request's.
    over = each > limit[0] + 0.02 or cost > limit[1]
    kinds = ', '.join(f'{k} {n}' for k, n in more.items() if n)
    return f'| {which} | {name} | {requests:,} | {each:.3f} ({kinds}) | {limit[0]} | {cost:,} | {limit[1]:,} | {"OVER" if over else "PASS"} |', over


def main():
    os.chdir(ROOT)
    os.makedirs(f'{OUT}/log', exist_ok=True)
    matrix.OUT = OUT
    subprocess.run(['make', '-s', 'test-guests'], check=True)
    image, bad = matrix.image(plan()), False
    print('| machine | requests | count | exits each | limit | hypervisor instructions each | limit | |\n|---|---|---:|---|---:|---:|---:|---|')
    for which in sys.argv[1:] or ['svm', 'vmx']:
        if which == 'svm' and not Qemu10.available():
            print('vblk: QEMU 10 could not be had here (tests/tools/qemu10.sh)', file=sys.stderr)
            bad = True
            continue
        try:
            results = run(which, image)
        except (Timeout, AssertionError) as e:
            print(f'vblk: {which}: {e}', file=sys.stderr)
            bad = True
            continue
        for name in list(GUESTS)[1:]:
            text, over = row(which, name, results)
            print(text, flush=True)
            bad |= over
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main())
