#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The whole test run: test.py ci|all [WORD ...]. Unit tests, style and arrows, both compilers, then the table of
emulator x cpu x cores x scenario of matrix.py, two at a time. With WORDs only rows whose text contains one of them.
Prints a row each, PASS|FAIL|SKIP emulator/cpu/cores/scenario seconds [why], and one closing line."""
import concurrent.futures
import os
import re
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)
os.environ['PATH'] += ':/usr/sbin:/sbin'     # users of Debian have neither: mkfs.vfat, sgdisk
import matrix  # noqa: E402
from machine import Timeout  # noqa: E402

total = {'passed': 0, 'failed': 0, 'skipped': 0}
lock = threading.Lock()


def count(passed=0, failed=0, skipped=0):
    with lock:
        total['passed'] += passed
        total['failed'] += failed
        total['skipped'] += skipped


def row(verdict, name, seconds, why=''):
    with lock:
        print(f'{verdict} {name} {seconds:.0f} s' + (f' [{why}]' if why else ''), flush=True)


def command(name, argv, counts=False):
    """One row for a command that must succeed; counts: its closing line says how many tests it ran."""
    start = time.time()
    r = subprocess.run(argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    out = r.stdout.decode(errors='replace')
    line = re.findall(r'^(\d+) passed, (\d+) failed, (\d+) skipped', out, re.M) if counts else []
    if line:
        count(*map(int, line[-1]))
    if not line:
        count(passed=r.returncode == 0, failed=r.returncode != 0)
    row('FAIL' if r.returncode else 'PASS', name, time.time() - start)
    if r.returncode:
        print(out[-8000:], flush=True)
    return r.returncode == 0


def scenario(s):
    start = time.time()
    try:
        why = s.run()
    except matrix.Skip as e:
        count(skipped=1)
        return row('SKIP', s.name, time.time() - start, str(e))
    except (Timeout, AssertionError, OSError, subprocess.SubprocessError) as e:
        count(failed=1)
        row('FAIL', s.name, time.time() - start, str(e).replace('\n', ' ')[:300])
        return s.show_tail(print)
    count(passed=1)
    row('PASS', s.name, time.time() - start, why or '')


def main():
    words = sys.argv[2:]
    os.chdir(ROOT)
    if not words:
        command('host/gcc/-/build', ['make', '-j2', 'all'])
        command('host/clang/-/build', ['make', '-j2', 'CC=clang', 'BUILD=build/clang', 'build/clang/bulkhead.efi'])
        command('host/-/-/style', ['tests/tools/style.py'])
        command('host/-/-/unit', ['make', '-j2', 'check'], counts=True)
    elif not command('host/gcc/-/build', ['make', '-j2', 'all']):
        return 1
    rows = [s for s in matrix.rows(sys.argv[1] if len(sys.argv) > 1 else 'ci')
            if not words or any(w in s.name for w in words)]
    matrix.prepare(rows)
    with concurrent.futures.ThreadPoolExecutor(max_workers=int(os.environ.get('JOBS', 2))) as pool:
        list(pool.map(scenario, rows))
    print('%(passed)d passed, %(failed)d failed, %(skipped)d skipped' % total)
    return 1 if total['failed'] or not total['passed'] else 0


sys.exit(main())
