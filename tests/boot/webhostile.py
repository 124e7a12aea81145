# SPDX-License-Identifier: Apache-2.0
"""The HTTPS server among clients that mean it no good: on a network of its own (netlab.QemuTap), each attacker with an address."""
import json
import os
import subprocess
import sys

import netlab
import plans
from scenarios import shell, view

SERVER, ADMIN = '10.99.0.5', '10.99.0.2'
WITHIN = 5      # seconds in which an administrator is in
PEER = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'webpeer.py')

plan = plans.elf_plan('web-hostile', [('tightloop', {})])
plan.text = f'[machine]\nnet = {{ address = "{SERVER}/24", ipv6 = "off" }}\n' + plan.text


def run(m, *words):
    r = subprocess.run([*m.inside(), sys.executable, PEER, *words], capture_output=True, text=True, timeout=250)
    assert r.returncode == 0, f'{words}: {r.stderr[-500:]}'
    return r.stdout


def exits(m):
    m.at = len(m.text)
    return int(shell(m, 'guests', r'tightloop +running +\S+ +\S+ \S+ +[^\n]*? (\d+) +\d+\r?\n').group(1))


def logs_in(m, source):
    said = json.loads(run(m, 'login', source, SERVER))
    assert said['status'] == 200 and '"tightloop"' in said['text'], f'{source}: {said}'
    return said['seconds']


def hostile(m, _plan):
    """Slow clients, half-open connections, guessed passwords, wrong requests: an administrator comes in, a guest does not notice."""
    for what in (r'guest tightloop: running', r"certificate's SHA-256"):
        m.at = 0
        m.expect(what, 120)
    view(m, '0')
    m.at = len(m.text)
    code = shell(m, 'web', r'enrolment code ([A-Z2-9-]{19})', 60).group(1)
    for i in (2, 3, 4, *range(20, 26)):
        subprocess.run([*m.inside(), 'ip', 'addr', 'add', f'10.99.0.{i}/24', 'dev', 'tap0'], check=True)
    assert run(m, 'enrol', ADMIN, SERVER, code).startswith('201'), 'enrolment'
    before = exits(m)
    quiet = logs_in(m, ADMIN)
    worst, seen = 0, []
    for i, attack in enumerate(('slow', 'syn', 'brute', 'requests')):
        said = m.peer(sys.executable, PEER, attack, f'10.99.0.{3 + i % 2}', SERVER)
        # From the address of the last administrator, and from one that was never seen.
        took = [logs_in(m, ADMIN), logs_in(m, f'10.99.0.{20 + i}')]
        assert m.peers[-1].poll() is None, f'{attack}: {open(said).read()[-500:]}'
        assert 'TAKEN' not in open(said).read(), open(said).read()[-1000:]
        os.killpg(m.peers[-1].pid, 9)
        seen.append(f'{attack} {max(took):.1f} s')
        worst = max(worst, *took)
    # A build host that is slow for everybody is no fault of the server's: three logs-in one after the other.
    print(f'alone {quiet:.1f} s; {seen}', file=sys.stderr)
    assert worst <= max(WITHIN, 3 * quiet), f'alone {quiet:.1f} s; {seen}'
    assert exits(m) == before, f'the guest left its loop {exits(m) - before} times'
    shell(m, 'memory', r'Audit: every frame has one owner')
    return f'log-in alone {quiet:.1f} s; ' + ', '.join(seen)
