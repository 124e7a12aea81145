#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""profile.py vmx|zambezi SYMBOL [STEPS]: where the instructions of one exit go. Bochs' debugger stops at a handler of the
hypervisor (exit_cpuid, exit_pio, emulate_mmio, exit_msr, exit_hypercall) while exitbench runs, then traces STEPS instructions
(200000). Printed by function: the instructions between two visits of the handler, of the most frequent turn in the trace, the
guest's own included."""
import bisect
import collections
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, f'{ROOT}/tests/boot')
import matrix  # noqa: E402
import plans  # noqa: E402
from machine import Bochs, Timeout  # noqa: E402

OUT = 'build/bench/profile'
HV = 0xffffffff80000000
# Which test of exitbench makes the exit at hand, so that nothing else comes before it.
ONLY = {'exit_cpuid': 'cpuid', 'exit_pio': 'pio_uart_lsr', 'exit_msr': 'rdmsr_apicbase', 'exit_hypercall': 'hypercall',
        'emulate_mmio': 'mmio_lapic_id'}


def addresses():
    out = subprocess.run(['nm', '-n', 'build/hv.elf'], capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in out.splitlines()]
    return [(int(r[0], 16), r[2]) for r in rows if len(r) == 3 and r[1] in 'tT']


def trace(cpu, symbol, at, steps, only):
    """Everything that Bochs traced. It misses breakpoints in a busy guest, so it is told to stop only once."""
    text = plans.elf_guest('bench', 'exitbench', cmdline=f'n=400 only={only}', memory='16MiB')
    plan = plans.Plan(f'profile-{symbol}', text, {'exitbench.elf': f'{plans.GUEST}/exitbench.elf'})
    script = f'lb {at:#x}\nc\nd 1\nset $cpu = 1\ntrace on\ns all {steps}\ntrace off\nc\n'
    with Bochs(matrix.image(plan), ips=400000000, cores=2, memory=1024, cpu=cpu, commands=script) as m:
        try:
            m.expect(r'guest bench: (ended|killed)', 240)
        except Timeout as e:
            print(f'profile: {e}', file=sys.stderr)
        return open(f'{m.dir}/out', errors='replace').read()


def main():
    os.chdir(ROOT)
    os.makedirs(OUT, exist_ok=True)
    matrix.OUT = OUT
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    cpu = {'vmx': 'corei7_skylake_x'}.get(sys.argv[1], sys.argv[1])
    symbol, steps = sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 200000
    known = addresses()
    at = dict((n, a) for a, n in known)[symbol]
    text = trace(cpu, symbol, at, steps, ONLY.get(symbol, symbol))
    # The guest core is 1: "(1).[123456] [0x0000...] 0008:ffffffff8001b230 (unk. ctxt): mov ..."
    lines = [(int(where, 16), insn) for where, insn in
             re.findall(r'^\(1\)\S* \[0x[0-9a-f]+\] [0-9a-f]{4}:([0-9a-f]+) \([^)]*\): (.*)$', text, re.M)]
    visits = [i for i, (a, _) in enumerate(lines) if a == at]
    if len(visits) < 3:
        sys.exit(f'profile: {symbol} came {len(visits)} times in {len(lines)} traced instructions')
    turns = [t for t in zip(visits, visits[1:]) if t[1] - t[0] > 1]     # a stop is shown twice
    usual = collections.Counter(b - a for a, b in turns).most_common(1)[0][0]
    begin, end = [t for t in turns if t[1] - t[0] == usual][-1]
    starts, seen, listing = [a for a, _ in known], collections.Counter(), []
    for a, insn in lines[begin:end]:
        name = known[bisect.bisect_right(starts, a) - 1][1] if a >= HV else '(guest)'
        seen[name] += 1
        listing.append(f'{a:016x} {name:24} {insn}')
    open(f'{OUT}/{sys.argv[1]}-{symbol}.txt', 'w').write('\n'.join(listing))
    for name, n in seen.most_common():
        print(f'{n:6} {name}')
    print(f'{sum(seen.values()):6} in all; every instruction: {OUT}/{sys.argv[1]}-{symbol}.txt')


main()
