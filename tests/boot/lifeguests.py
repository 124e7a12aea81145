# SPDX-License-Identifier: Apache-2.0
"""Guests that come, change and go while others run."""
import os
import re
import time

import lasting
import plans
from scenarios import ready, shell, view

CYCLES = int(os.environ.get('CYCLES', 1000))

# Two guests that run all the time, and files for others: one with everything that a guest can have of its own.
two = plans.elf_plan('life', [('tick', dict(cmdline='n=0')), ('storm', dict(cmdline='n=0'))])
two.text = ('[machine]\nimport = ["hello.elf", "idle.elf", "disk.img"]\n[switch.lan]\nnat = true\n' + two.text)
two.files |= {'hello.elf': f'{plans.GUEST}/hello.elf', 'idle.elf': f'{plans.GUEST}/idle.elf', 'disk.img': bytes(1 << 20)}


locked = plans.elf_plan('locked', [('tick', dict(cmdline='n=0')), ('storm', dict(cmdline='n=0', extra='locked = true'))])


kept = plans.Plan('life-kept', two.text.replace('[machine]\n', lasting.MACHINE), two.files)


def create(m, *lines):
    shell(m, 'create', r'a line with a dot alone ends them')
    for line in lines:
        m.type(line + '\r')
    m.type('.\r')


THIRD = ('[guest.third]', 'cores = 1', 'memory = "32MiB"', 'boot = { type = "elf", file = "hello.elf" }', 'test_device = true',
         'restart = "never"', 'net = [{ switch = "lan" }, { switch = "lan", model = "e1000e" }]', 'display = true',
         'disk = [{ image = "disk.img" }]', 'virtio_console = { ports = ["log"] }')


def audit(m):
    """The pool's pages by owner, when the audit is clean."""
    text = shell(m, 'memory', r'page tables +(\S+ \S+)[\s\S]*?guests +(\S+ \S+)  dev[\s\S]*?free +(\S+ \S+)[\s\S]*?(Audit: [^\n]*)\n')
    assert 'every frame has one owner' in text.group(4), text.group(0)
    return text.group(1), text.group(2), text.group(3)


def create_delete(m, plan):
    """A third guest is made, runs to its end, goes; again and again: nothing is left of it."""
    ready(m)
    m.expect(r'guest storm: running', 30 * m.patience)
    view(m, '0')
    before = None
    rounds = 20 if m.patience == 1 else 3
    for i in range(rounds):
        create(m, *THIRD)
        m.expect(r'guest third: created', 30 * m.patience)
        shell(m, 'start third', r'guest third: ended result=0', 60)
        if i == 0:
            shell(m, 'net', r'third\.0 [\s\S]*third\.1 ')
            shell(m, 'net nat', r'third +\S+ 10\.77\.0\.10 [\s\S]*third +\S+ 10\.77\.0\.11 ')
            audit(m)
        shell(m, 'delete third', r'guest third: deleted\s+bulkhead> ', 60)
        now = audit(m)
        before = before or now
        assert now == before, f'round {i}: {now}, after the first one {before}'
    shell(m, 'guests', r'tick +running[\s\S]*storm +running')
    assert 'third' not in shell(m, 'net nat', r'gateway [\s\S]*?bulkhead>').group(0)
    shell(m, 'cores', r'\n +3 [^\n]*idle +0 +-')
    return f'{rounds} times'


def cycles(m, plan):
    """Create, start, stop, delete, a thousand times beside two guests that run."""
    ready(m)
    m.expect(r'guest storm: running', 30 * m.patience)
    view(m, '0')
    before = None
    for i in range(CYCLES):
        shell(m, 'create copy from tick', r'guest copy: created\s+bulk', 60)
        shell(m, 'start copy', r'guest copy: running', 60)
        shell(m, 'kill copy', r'guest copy: killed', 60)
        shell(m, 'delete copy', r'guest copy: deleted\s+bulk', 60)
        if i % 50 == 49 or not i:
            now = audit(m)
            before = before or now
            assert now == before, f'round {i}: {now}, after the first one {before}'
    shell(m, 'guests', r'tick +running[\s\S]*storm +running')
    return f'{CYCLES} times'


def pause(m, plan):
    """One is held still while the other's clock goes on; then it counts from where it was."""
    ready(m)
    m.expect(r'guest storm: running', 30 * m.patience)
    view(m, '1')
    m.expect(r'TICKS second=\d+ ', 20 * m.patience)
    view(m, '0')
    shell(m, 'pause tick', r'guest tick: paused')
    shell(m, 'guests', r'tick +paused')
    shell(m, 'stop tick', r'it is paused: `resume` it first')
    time.sleep(4 * m.patience)
    shell(m, 'resume tick', r'guest tick: goes on')
    view(m, '1')
    gap = int(m.expect(r'TICKS second=\d+ count=\d+ max_us=([2-9]\d{6})', 20 * m.patience).group(1))
    m.expect(r'TICKS second=\d+ count=\d+ max_us=\d{1,6}\s', 20 * m.patience)
    view(m, '0')
    shell(m, 'pause tick', r'guest tick: paused')
    shell(m, 'kill tick', r'guest tick: killed')
    for word in ('start', 'kill', 'pause', 'delete', 'set'):
        shell(m, f'{word} storm' + (' memory=32MiB' if word == 'set' else ''), r'guest storm: it is locked')
    shell(m, 'log', r'guest storm: set by the shell was refused: it is locked')
    shell(m, 'guests', r'storm +running')
    audit(m)
    return f'{gap / 1e6:.1f} s'


def plan_lasts(m, plan):
    """What was made at run time is there again after a power cut, and can be taken back."""
    ready(m)
    shell(m, 'plan save', r'plan: there is no datastore[\s\S]*\[guest.tick\]', 30)
    lasting.make(m)
    create(m, *THIRD)
    m.expect(r'guest third: created', 30 * m.patience)
    shell(m, 'set third memory=48MiB', r'guest third: changed', 30)
    time.sleep(3)
    kept = max(int(n) for n in shell(m, 'plan list', r'saved plans: ([\d, ]+)').group(1).split(','))
    for _ in range(20):
        if ' 0 B wait' in shell(m, 'datastore', r'([\d.]+ \w+) wait', 30).group(0):
            break
        time.sleep(1)
    m.again()
    m.expect(rf'plan: number {kept} is in force: 0 guests went or changed, 1 came', 90 * m.patience)
    m.expect(r'guest third: ended result=0', 60 * m.patience)
    shell(m, 'plan', r'\[guest.third\]\s+cores = \[\d\]\s+memory = "48MiB"', 30)
    shell(m, 'delete third', r'guest third: deleted', 30)
    m.expect(rf'plan: kept as number {kept + 1}', 30)
    shell(m, 'plan rollback 77', r'plan: it is not whole')
    shell(m, 'plan rollback', rf'plan: number {kept} is in force: 0 guests went or changed, 1 came', 30)
    shell(m, 'guests', r'third +off')
    shell(m, 'start third', r'guest third: ended result=0', 60)
    shell(m, 'start third', r'guest third: running', 60)
    audit(m)


ROOM_MIB = 40       # that no guest has: for two or three more


def no_memory(m, plan):
    """Guests are made until memory gives out, at a place that is a little different each time: what was begun goes back. The
    hypervisor's own grows into what no guest has, so a large guest takes nearly all of that first."""
    ready(m)
    m.expect(r'guest storm: running', 30 * m.patience)
    view(m, '0')
    text = shell(m, 'memory', r'for guests +[\s\S]*?guest[\s\S]*?bulkhead>').group(0)
    ram, each, *_ = [float(n) * (1024 if unit == 'G' else 1) for n, unit in re.findall(r'(?:for guests|tick) +([\d.]+) ([MG])iB', text)]
    free = ram - 2 * each
    create(m, '[guest.large]', 'cores = 1', f'memory = "{int(free - ROOM_MIB) // 2 * 2}MiB"', 'boot = { type = "elf", file = "hello.elf" }')
    m.expect(r'guest large: created', 30 * m.patience)
    audit(m)
    refused = 0
    for extra in range(5):
        net = ', '.join(['{ switch = "lan", model = "e1000e" }'] * (4 - extra // 2))
        last = -1
        for i in range(4):
            create(m, f'[guest.g{i}]', 'cores = 1', 'memory = "16MiB"', 'boot = { type = "elf", file = "hello.elf" }', f'net = [{net}]',
                   'display = true', 'virtio_console = { ports = ["a", "b", "c"] }' if extra % 2 else 'balloon = true')
            m.expect(rf'guest g{i}: created\s+bulk|error (HV-NO|PLAN)-MEMORY: create:\d: guest.g{i}[\s\S]*nothing was changed', 30)
            if f'guest g{i}: created\r' in m.text[m.at - 60:m.at]:
                last = i
                continue
            refused += 1
            break
        audit(m)
        for i in range(last + 1):
            shell(m, f'delete g{i}', rf'guest g{i}: deleted', 30)
        audit(m)
    assert refused >= 3, f'{refused} of 5 rounds came to the end of the memory'
    shell(m, 'guests', r'tick +running[\s\S]*storm +running')


def changes(m, plan):
    """Refusals name the key; copies, changes; the audit stays clean."""
    ready(m)
    m.expect(r'guest storm: running', 30 * m.patience)
    view(m, '0')
    create(m, '[guest.x]', 'cores = 9', 'memory = "33MiB"', 'boot = { type = "elf", file = "none.elf" }')
    m.expect(r'error PLAN-VALUE: create:3: guest.x.memory: a multiple of 2MiB[\s\S]*nothing was changed', 20 * m.patience)
    create(m, '[guest.x]', 'cores = [1]', 'memory = "32MiB"', 'boot = { type = "elf", file = "none.elf" }')
    m.expect(r'error PLAN-OVERLAP: create:2: guest.x.cores: cores of its own: core 1 is also in guest.tick.cores', 20 * m.patience)
    m.expect(r'error IMAGE-MISSING: create:4: guest.x.boot.file[\s\S]*nothing was changed', 20 * m.patience)
    create(m, '[guest.tick]', 'cores = 1', 'memory = "32MiB"', 'boot = { type = "elf", file = "hello.elf" }')
    m.expect(r'error PLAN-DUPLICATE: create:1: guest.tick: a name of its own', 20 * m.patience)
    create(m, '[machine]', 'name = "x"')
    m.expect(r'one table \[guest.NAME\], and nothing besides', 20 * m.patience)
    shell(m, 'create copy from tick boot.file=hello.elf memory=64MiB', r'guest copy: created')
    shell(m, 'start copy', r'guest copy: ended result=0', 60)
    shell(m, 'create more from tick', r'error PLAN-CORES: create:\d+: guest.more.cores: the plan wants 4 guest cores')
    shell(m, 'set copy memory=48MiB display=true', r'guest copy: changed', 30)
    shell(m, 'plan', r'\[guest.copy\]\s+cores = \[3\]\s+memory = "48MiB"[\s\S]*display = true')
    shell(m, 'start copy', r'guest copy: ended result=0', 60)
    shell(m, 'set copy memory=1000GiB', r'error PLAN-MEMORY: set:\d+: guest.copy.memory: the plan wants')
    shell(m, 'set tick memory=64MiB', r'guest tick: it runs: `stop` or `kill` it first')
    shell(m, 'delete tick', r'guest tick: it runs')
    shell(m, 'delete nobody', r'no guest is called "nobody"')
    audit(m)
    shell(m, 'kill tick', r'guest tick: killed')
    shell(m, 'delete tick', r'guest tick: deleted', 30)
    shell(m, 'create other from copy cores=[1] boot.file=idle.elf', r'guest other: created')
    shell(m, 'start other', r'guest other: running', 60)
    audit(m)
    shell(m, 'kill other', r'guest other: killed')
    shell(m, 'delete other', r'guest other: deleted', 30)
    shell(m, 'delete copy', r'guest copy: deleted', 30)
    audit(m)
