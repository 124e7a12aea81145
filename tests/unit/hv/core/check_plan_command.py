#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The command check-plan: its exit codes, its lines, and that every plan in guests/ is one.
Usage: check_plan_command.py build/host"""

import glob
import os
import subprocess
import sys
import tempfile

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), '../../../..'))
# multiboot1: magic, flags 0, checksum; in an ELF it would have to be loaded as the ELF says, so this one is not an ELF
# but says itself where to load: flags bit 16, header at 1 MiB, load all of it there, enter behind the header.
MULTIBOOT = b''.join(v.to_bytes(4, 'little') for v in
                     [0x1BADB002, 0x10000, (-(0x1BADB002 + 0x10000)) & 0xffffffff, 0x100000, 0x100000, 0, 0, 0x100020])
MULTIBOOT += b'\xf4' * 4096

GOOD = '[guest.a]\ncores = 2\nmemory = "64MiB"\nboot = { type = "elf", file = "k" }\n'

CASES = [
    # plan, arguments, files, exit code, what stands in the output
    (GOOD, [], {'k': MULTIBOOT}, 0, 'the plan holds on a machine with 256 cores and 1024GiB, control core 0'),
    (GOOD, ['--cores', '3', '--memory', '256MiB'], {'k': MULTIBOOT}, 0, 'a                    elf    64MiB    1      1,2'),
    (GOOD, ['--show'], {'k': MULTIBOOT}, 0, '[guest.a]\ncores = [1, 2]\nmemory = "64MiB"\n'),
    (GOOD, ['--images'], {}, 0, 'k\n'),
    (GOOD, ['--cores', '2'], {'k': MULTIBOOT}, 1, 'error PLAN-CORES: bulkhead.toml:2: guest.a.cores: '),
    (GOOD, ['--cores', '1'], {'k': MULTIBOOT}, 1, 'error MACHINE-ONE-CORE: bulkhead.toml:2: guest.a.cores: '),
    (GOOD, ['--memory', '100MiB'], {'k': MULTIBOOT}, 1, 'error PLAN-MEMORY: bulkhead.toml:3: guest.a.memory: '),
    (GOOD, [], {}, 1, 'error IMAGE-MISSING: bulkhead.toml:4: guest.a.boot.file: '),
    (GOOD, [], {'k': b''}, 1, 'error IMAGE-TRUNCATED: bulkhead.toml:4: guest.a.boot.file: '),
    (GOOD, [], {'k': b'nothing to boot'}, 1, 'error IMAGE-FORMAT: bulkhead.toml:4: guest.a.boot.file: '),
    (GOOD, [], {'k': MULTIBOOT + bytes(64 << 20)}, 1, 'error IMAGE-TOO-BIG: bulkhead.toml:3: guest.a.memory: '),
    (GOOD.replace('memory', 'memroy'), [], {}, 1, 'PLAN-UNKNOWN-KEY: bulkhead.toml:3: guest.a.memroy: a known key; did you'),
    ('\x00', [], {}, 1, 'error PLAN-TEXT: bulkhead.toml:1: -: '),
    ('', [], {}, 1, 'error PLAN-NO-GUEST: bulkhead.toml:1: guest: '),
    (None, [], {}, 1, 'error PLAN-MISSING: bulkhead.toml:0: -: '),
    (GOOD, ['--cores', '0'], {}, 2, '--cores: 1 to 256 cores, not "0"'),
    (GOOD, ['--cores', '3x'], {}, 2, '--cores: 1 to 256 cores, not "3x"'),
    (GOOD, ['--cores', '257'], {}, 2, '--cores: 1 to 256 cores, not "257"'),
    (GOOD, ['--memory', '8'], {}, 2, '--memory: a size such as 512MiB or 8GiB, not "8"'),
    (GOOD, ['--memory', '8G'], {}, 2, '--memory: a size such as 512MiB or 8GiB, not "8G"'),
    (GOOD, ['--memory'], {}, 2, 'not ""'),
    (GOOD, ['--what'], {}, 2, '--what: an option of these was expected\nusage: '),
]


def run(program, args):
    r = subprocess.run([program] + args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
    return r.returncode, r.stdout


def run_case(program, plan, args, files):
    with tempfile.TemporaryDirectory() as folder:
        if plan is not None:
            files = dict(files, **{'bulkhead.toml': plan.encode()})
        for name, data in files.items():
            with open(os.path.join(folder, name), 'wb') as f:
                f.write(data)
        return run(program, [folder] + args)


def main():
    out = os.path.relpath(os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else 'build/host'), ROOT)
    program = os.path.join(ROOT, out, 'check-plan')
    passed = failed = 0

    subprocess.run(['make', '-s', '--no-print-directory', os.path.join(out, 'check-plan')], cwd=ROOT, check=True,
                   stdout=subprocess.DEVNULL, env={k: v for k, v in os.environ.items() if not k.startswith('MAKE')})
    for plan, args, files, code, text in CASES:
        got, output = run_case(program, plan, args, files)
        if got == code and text in output:
            passed += 1
            continue
        failed += 1
        print(f'FAIL check_plan_command: {args} {plan!r}: {got}, wanted {code} and {text!r}\n{output}')
    for folder in sorted(os.path.dirname(p) for p in glob.glob(os.path.join(ROOT, 'guests/*/bulkhead.toml'))):
        got, output = run(program, [folder, '--images'])
        if got == 0:
            passed += 1
            continue
        failed += 1
        print(f'FAIL check_plan_command: {folder} is not a good plan\n{output}')
    print(f'{passed} passed, {failed} failed')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
