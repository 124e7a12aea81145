# SPDX-License-Identifier: Apache-2.0
"""Guests that come, change and go while others run."""
import plans
from scenarios import ready, shell, view

# Two guests that run all the time, and files for others: one with everything that a guest can have of its own.
two = plans.elf_plan('life', [('tick', dict(cmdline='n=0')), ('storm', dict(cmdline='n=0'))])
two.text = ('[machine]\nimport = ["hello.elf", "idle.elf", "disk.img"]\n[switch.lan]\n' + two.text)
two.files |= {'hello.elf': f'{plans.GUEST}/hello.elf', 'idle.elf': f'{plans.GUEST}/idle.elf', 'disk.img': bytes(1 << 20)}


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
    for i in range(m.rounds if hasattr(m, 'rounds') else 20):
        create(m, *THIRD)
        m.expect(r'guest third: created', 30 * m.patience)
        shell(m, 'start third', r'guest third: ended result=0', 60)
        if i == 0:
            shell(m, 'net', r'third\.0 [\s\S]*third\.1 ')
            audit(m)
        shell(m, 'delete third', r'guest third: deleted\s+bulkhead> ', 60)
        now = audit(m)
        before = before or now
        assert now == before, f'round {i}: {now}, after the first one {before}'
    shell(m, 'guests', r'tick +running[\s\S]*storm +running')
    shell(m, 'cores', r'\n +3 [^\n]*idle +0 +-')
    return '20 times'


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
