#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Run unit-test programs and scripts, add up what they ran: check.py PROGRAM|SCRIPT.py ...
A program that runs no test, or dies, has failed. Ends with one line: N passed, N failed, N skipped."""
import concurrent.futures
import os
import re
import subprocess
import sys


def run(path):
    """-> (passed, failed, skipped, output)"""
    cmd = [sys.executable, path, 'build/host'] if path.endswith('.py') else [path]
    env = dict(os.environ, ASAN_OPTIONS='detect_leaks=0:abort_on_error=0', UBSAN_OPTIONS='print_stacktrace=1')
    try:
        r = subprocess.run(cmd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300, env=env)
        out, code = r.stdout.decode(errors='replace'), r.returncode
    except subprocess.TimeoutExpired as e:
        return 0, 1, 0, f'{path}: no end within 300 s\n{(e.stdout or b"").decode(errors="replace")[-2000:]}'
    passed = sum(int(n) for n in re.findall(r'\[  PASSED  \] (\d+) test', out))
    failed = sum(int(n) for n in re.findall(r'\[  FAILED  \] (\d+) test', out))
    skipped = sum(int(n) for n in re.findall(r'\[  SKIPPED \] (\d+) test', out))
    line = re.findall(r'^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?', out, re.M)
    if line:
        passed, failed, skipped = int(line[-1][0]), int(line[-1][1]), int(line[-1][2] or 0)
    if (code and not failed) or not passed + failed + skipped:
        failed += 1
    return passed, failed, skipped, out


def main():
    total = [0, 0, 0]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(run, sys.argv[1:]))
    for path, (passed, failed, skipped, out) in zip(sys.argv[1:], results):
        total = [total[0] + passed, total[1] + failed, total[2] + skipped]
        name = re.sub(r'^(build/host/)?tests/unit/', '', path)
        print(f'{"FAIL" if failed else "PASS"} unit/{name} {passed} passed' + (f', {failed} failed' if failed else ''))
        if failed:
            print(out[-6000:])
    print('%d passed, %d failed, %d skipped' % tuple(total))
    return 1 if total[1] or not total[0] else 0


sys.exit(main())
