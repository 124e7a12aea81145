#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make bench [ONLY=vmx,vmx-virtual,zambezi,svm,svm-x2apic] [DOCS=1]: instruction counts of exitbench under Bulkhead beside KVM's and Xen's, one
Markdown table for each emulator and CPU model, and the budgets of docs/bench.md with PASS or OVER. Written to stdout and to
build/bench/*.md, with DOCS=1 also into docs/bench.md. Whatever could not be measured or read is said and makes the exit status 1."""
import concurrent.futures
import os
import re
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, f'{ROOT}/tests/boot')
import matrix  # noqa: E402
import plans  # noqa: E402
import tables  # noqa: E402
from machine import Bochs, Qemu10, Timeout  # noqa: E402

OUT = 'build/bench'
IPS = 400000000         # Bochs: what the peers were measured with
CORES = 3               # control core, exitbench, and one that is halted until the idle guest is started
MADE = {'large': 128, 'small': 16}     # guests that are made at run time: MiB of RAM


class Target:
    def __init__(self, name, title, heading, plain, budget, bochs, apic='auto', **kw):
        self.name, self.title, self.heading, self.plain, self.budget = name, title, heading, plain, budget
        self.bochs, self.apic, self.kw = bochs, apic, kw
        self.image = None

    def plan(self):
        how = 'n=100 batch=100' if self.bochs else 'n=1000'
        apic = f'apic = "{self.apic}"'
        text = plans.elf_guest('bench', 'exitbench', cmdline=how, memory='128MiB', extra=apic) + \
            plans.elf_guest('idle', 'idle', memory='16MiB', test=False, extra=f'autostart = false\n{apic}')
        return plans.Plan(f'bench-{self.name}', text, {f'{n}.elf': f'{plans.GUEST}/{n}.elf' for n in ('exitbench', 'idle')})

    def prepare(self):
        self.image = matrix.image(self.plan())

    def machine(self):
        kw = dict(cores=CORES, memory=1024, keep=f'{OUT}/log/{self.name}.txt') | self.kw
        if self.bochs:
            return Bochs(self.image, ips=IPS, **kw)
        return Qemu10(self.image, icount=True, **kw)


TARGETS = [
    Target('vmx', 'VMX: Bochs, corei7_skylake_x', 'Intel VMX (Bochs)', 'vmx-plain', 150, True, cpu='corei7_skylake_x'),
    Target('vmx-virtual', 'VMX: the same, apic = "virtual"', 'Intel VMX (Bochs)', 'vmx-plain', 150, True, 'virtual', cpu='corei7_skylake_x'),
    Target('zambezi', 'SVM with NRIPS: Bochs, zambezi', 'AMD SVM (Bochs zambezi', 'zam-plain', 150, True, cpu='zambezi'),
    Target('svm', 'SVM without NRIPS: QEMU 10, EPYC-Rome', 'AMD SVM (QEMU TCG', 'svm-plain', 330, False, cpu='EPYC-Rome,+svm,+npt'),
    Target('svm-x2apic', 'SVM without NRIPS: QEMU 10, EPYC-Rome with x2APIC', 'AMD SVM (QEMU TCG', 'svm-plain', 330, False,
           cpu='EPYC-Rome,+svm,+npt,+x2apic'),
]


class Result:
    """Everything one machine told."""

    def __init__(self, target):
        self.target, self.errors = target, []
        self.bench, self.skip = {}, {}      # name -> (mean or median, min); name -> why
        self.memory = {}
        self.made = {}          # name of a guest that was made at run time -> (ticks to make it, its TSC at its first instruction)
        self.idle = self.ready = None
        self.seconds = 0


def ask(m, command, until, seconds=60):
    """A shell command and everything it printed. until: what its last line holds."""
    m.at = len(m.text)
    start = m.at
    m.type(command + '\r')
    m.expect(until, seconds)
    m.expect(r'bulkhead> ', seconds)
    return m.text[start:m.at]


def read_exitbench(r, text):
    """Under icount all cores share one clock: what the control core does meanwhile (a screen that it draws: millions) is in a mean."""
    for name, mean, least, median in re.findall(r'BENCH (\S+) (-?\d+) (-?\d+) med=(-?\d+)', text):
        r.bench[name] = (int(mean if r.target.bochs else median), int(least))
    r.skip = dict(re.findall(r'SKIP (\S+) (\S+)', text))
    if 'BENCH-DONE' not in text:
        r.errors.append('exitbench did not print BENCH-DONE')
    if not r.bench:
        r.errors.append('no line of exitbench could be read')


def exits_of(text):
    """`stats GUEST` -> kind: count, and 250 Hz ticks since its start."""
    rows = {k: int(n) for k, n in re.findall(r'^  ([\w-]+) +(\d+) +\d+ +\d+\r?$', text, re.M)}
    since = re.search(r'since its start: (\d+) ms', text)
    return rows, int(since.group(1)) // 4 if since else None


def first_words(m, r, name):
    """Of a guest that was just started: its TSC at its first instruction."""
    for _ in range(30):
        entry = re.search(r'IDLE entry=(\d+)', ask(m, f'console {name} log', r'.'))
        if entry:
            return int(entry.group(1))
        time.sleep(1)
    r.errors.append(f'the guest {name} did not get to its ticks')
    return None


def measure_idle(m, r):
    """Exits of a guest that sleeps between 250 Hz ticks: two looks at its counters, scaled by the time in between."""
    ask(m, 'start idle', r'guest idle: running')
    if first_words(m, r, 'idle') is None:
        return
    before, n0 = exits_of(ask(m, 'stats idle', r'since its start'))
    for _ in range(20):
        time.sleep(1)
        after, n1 = exits_of(ask(m, 'stats idle', r'since its start'))
        if None not in (n0, n1) and n1 - n0 >= 250:
            r.idle = {k: round((after[k] - before.get(k, 0)) * 2500 / (n1 - n0)) for k in after if after[k] != before.get(k, 0)}
            return
    r.errors.append(f'the idle guest had no 250 ticks in 20 s: {n0} {n1}')


def measure_made(m, r):
    """Guests are made at run time, one after the other, on a core that a third one left: instructions of the control core, and the
    guest's TSC at its first instruction. That one begins at 0 only where the local APIC is virtual: who owns his has the machine's."""
    ask(m, 'log level debug', r'are recorded')
    ask(m, 'delete bench', r'guest bench: deleted')
    ask(m, 'kill idle', r'guest idle: killed')
    for name, mib in MADE.items():
        ask(m, f'create {name} from idle memory={mib}MiB apic=virtual', rf'guest {name}: created')
        said = rf'guest {name}: that took (\d+) ticks'
        ticks = int(re.search(said, ask(m, 'log 30', said)).group(1))
        ask(m, f'start {name}', rf'guest {name}: running')
        entry = first_words(m, r, name)
        if entry is not None:
            r.made[name] = ticks, entry
        ask(m, f'kill {name}', rf'guest {name}: killed')
        ask(m, f'delete {name}', rf'guest {name}: deleted')


def read_ready(r, text):
    """Milliseconds from the first line of the log to the event loop: stamps have no finer step."""
    stamps = re.findall(r'^\[ *(\d+)\.(\d{3})\] core0 \w+ +(.*)$', text, re.M)
    ready = [int(s) * 1000 + int(ms) for s, ms, what in stamps if what.startswith('ready')]
    if not ready:
        r.errors.append('the log has no line "ready"')
        return
    r.ready = ready[0] - int(stamps[0][0]) * 1000 - int(stamps[0][1])


def read_memory(r, text):
    unit = {'B': 1, 'bytes': 1, 'KiB': 1 << 10, 'MiB': 1 << 20, 'GiB': 1 << 30}
    for who, n, u in re.findall(r'^  (\S[\w ]*?|  \S[\w ]*?) +([\d.]+) (\w+)  ', text, re.M):
        if u in unit:
            r.memory[who.strip()] = float(n) * unit[u]
    missing = {'image', 'pool', 'page tables', 'guests'} - set(r.memory)
    if missing:
        r.errors.append(f'`memory` lacks {", ".join(sorted(missing))}')


def run(target):
    r, start = Result(target), time.time()
    print(f'bench: {target.title} ...', file=sys.stderr, flush=True)
    if not target.bochs and not Qemu10.available():
        r.errors.append('QEMU 10 could not be had here (tests/tools/qemu10.sh)')
        return r
    try:
        with target.machine() as m:
            m.expect(r'bulkhead: ready', 240)
            end = m.expect(r'guest bench: (ended result=(\d+)|killed [^\r\n]*)', 240)
            if end.group(2) != '0':
                r.errors.append(end.group(0))
            time.sleep(0.5)
            read_exitbench(r, ask(m, 'console bench log', r'BENCH-DONE'))
            read_memory(r, ask(m, 'memory', r'Audit: [^\r\n]*'))
            if 'Audit: FAILED' in m.text:
                r.errors.append('the audit of frames failed')
            read_ready(r, ask(m, 'log', r'guest bench: ended'))
            measure_idle(m, r)
            measure_made(m, r)
    except (Timeout, OSError, subprocess.SubprocessError) as e:
        r.errors.append(str(e).replace('\n', ' ')[:300])
    r.seconds = time.time() - start
    print(f'bench: {target.title}: {r.seconds:.0f} s' + ''.join(f'; {e}' for e in r.errors), file=sys.stderr, flush=True)
    return r


def into_docs(text):
    """Everything behind "## Latest figures" anew. The version is the one that the measured file was built from."""
    path, version = 'docs/bench.md', re.search(r'"(.*)"', open('build/version.c').read()).group(1)
    head = open(path).read().split('## Latest figures', 1)[0]
    open(path, 'w').write(f'{head}## Latest figures\n{time.strftime("%Y-%m-%d")}, version {version}.\n\n{text}')


def told(r, peers):
    """Of one machine, also as a file: whoever is interrupted has those that came before."""
    text = tables.target(r, peers) + '\n' + tables.budgets(r, peers, MADE)
    text += ''.join(f'\n**Not measured or wrong:** {e}\n' for e in r.errors)
    open(f'{OUT}/{r.target.name}.md', 'w').write(text)
    return text


def main():
    os.chdir(ROOT)
    os.makedirs(OUT, exist_ok=True)
    matrix.OUT = OUT
    only = [w for w in os.environ.get('ONLY', '').replace(',', ' ').split()]
    unknown = set(only) - {t.name for t in TARGETS}
    if unknown:
        print(f'bench: ONLY={",".join(only)}: there are {", ".join(t.name for t in TARGETS)}', file=sys.stderr)
        return 2
    chosen = [t for t in TARGETS if not only or t.name in only]
    subprocess.run(['make', '-s', 'test-guests'], check=True)
    if any(not t.bochs for t in chosen) and not Qemu10.available():
        subprocess.run(['tests/tools/qemu10.sh'], check=False)
    peers = tables.Peers(open('docs/peers.md').read())
    for t in chosen:
        t.prepare()
    failed, text = False, []
    with concurrent.futures.ThreadPoolExecutor(max_workers=int(os.environ.get('JOBS', 2))) as pool:
        for r in pool.map(run, chosen):
            text.append(told(r, peers))
            failed |= bool(r.errors)
    print('\n'.join(text))
    if os.environ.get('DOCS') and not failed and not only:
        into_docs('\n'.join(text))
    return 1 if failed else 0


sys.exit(main())
