#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make bench-io [ONLY=ram,nvme,net,outside,exits] [PROFILE=ID]: what disk and network requests of a Linux guest cost, in executed instructions (of all
cores, and those of the hypervisor alone) and in exits, in QEMU 10 with the plugin iomarks.c, beside the peers' figures and the
budgets of docs/bench.md. Minima, as peers' were taken. The guest is the example guest's Linux with tests/bench/ioload.c; scheduler none,
mitigations as they come. QEMU 10 cannot count with icount and several cores at once: loops that wait for a time differ a little."""
import bisect
import collections
import contextlib
import ctypes
import os
import re
import socket
import subprocess
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, f'{ROOT}/tests/boot')
import matrix  # noqa: E402
import netlab  # noqa: E402
import plans  # noqa: E402
from machine import Bochs, Qemu10, Timeout  # noqa: E402

OUT = 'build/bench'
CPU = os.environ.get('CPU', 'EPYC-Rome,+svm,+npt,+x2apic')   # without the last: guests cannot own their local APICs
MIB = 16
IPS = 400000000         # Bochs: instructions of each core in a second of its time
READ, WRITE, BATCH_READ, BATCH_WRITE, TCP, UDP, TCP_IN, FLOOD = 1, 2, 3, 4, 5, 6, 7, 8
FLOOD_FRAMES = 5000
WARM_UP = 100           # requests of ioload blk before its first sample
MIB_FRAMES = (1 << 20) / 1500       # what a MiB counts as where large frames are not cut
MIB_OUTSIDE = 4


# begin WHAT: drivers, and for disks no scheduler
BEGIN = '''#!/bin/sh
for m in virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci virtio_blk failover net_failover virtio_net; do
	[ ! -e /lib/modules/$m.ko ] || insmod /lib/modules/$m.ko
done
for q in /sys/block/vd*/queue/scheduler; do [ ! -e $q ] || echo none > $q; done
true
'''


def build():
    """The plugin, and an initrd with ioload in it: a second archive behind the example guest's."""
    os.makedirs(f'{OUT}/ioload/bin', exist_ok=True)
    subprocess.run(['gcc', '-shared', '-fPIC', '-O2', '-Wall', '-Wextra', '-o', f'{OUT}/iomarks.so', 'tests/bench/iomarks.c'], check=True)
    subprocess.run(['gcc', '-static', '-O2', '-Wall', '-Wextra', '-o', f'{OUT}/ioload/bin/ioload', 'tests/bench/ioload.c'], check=True)
    open(f'{OUT}/ioload/bin/begin', 'w').write(BEGIN)
    os.chmod(f'{OUT}/ioload/bin/begin', 0o755)
    subprocess.run(['guests/linux/recipe.sh', plans.LINUX], check=True)
    more = subprocess.run('find . | cpio -o -H newc -R 0:0 --quiet | gzip -1', shell=True, check=True, capture_output=True,
                          cwd=f'{OUT}/ioload').stdout
    open(f'{OUT}/io-initrd.img', 'wb').write(open(f'{plans.LINUX}/initrd.img', 'rb').read() + more)


def guest(name, extra=''):
    return plans.linux_guest(name, 1, '192MiB', cmdline='nokaslr', extra=extra).replace('initrd.img', 'io.img')


def plan(name, text, files):
    return plans.Plan(f'bench-io-{name}', text, files | {'io.img': f'{OUT}/io-initrd.img', 'vmlinuz': f'{plans.LINUX}/vmlinuz'})


def functions():
    """Of the hypervisor: (address, name), in order."""
    rows = [line.split() for line in subprocess.run(['nm', '-n', 'build/hv.elf'], capture_output=True, text=True, check=True).stdout.splitlines()]
    return [(int(r[0], 16), r[2]) for r in rows if len(r) == 3 and r[1] in 'tT']


class Run:
    """One machine; shells of its guests by their number."""

    def __init__(self, name, the_plan, cores, extra=(), bochs=False, card=None):
        """card: on a tap. bochs: instructions are time there, and nothing is counted by the plugin."""
        self.commands, self.owned = 0, False
        self.marks = os.path.abspath(f'{OUT}/io-{name}.marks')
        kw = dict(cores=cores, keep=f'{OUT}/log/io-{name}.txt')
        profile = f',profile={os.environ["PROFILE"]}' if os.environ.get('PROFILE') else ''
        at = {name: f'{address:x}' for address, name in functions()}
        plugin = ['-plugin', f'{os.path.abspath(OUT)}/iomarks.so,out={self.marks}{profile},round={at["loop_round"]},vain={at["control_work_lingers"]}']
        self.m = Bochs(matrix.image(the_plan), ips=IPS, memory=1024, **kw) if bochs else \
            (netlab.Qemu10Tap if card else Qemu10)(matrix.image(the_plan), memory=1536, cpu=CPU, screen=False, card=card, extra=[*plugin, *extra], **kw)

    def __enter__(self):
        self.m.start()
        self.m.expect('bulkhead: ready', 300 * self.m.slow)
        return self

    def __exit__(self, *a):
        self.m.stop()       # asked to end, QEMU lets the plugin speak
        if os.environ.get('PROFILE'):
            self.profile()

    def view(self, number):
        self.m.send(f'\x01{number}')

    def shell(self, command, seconds=300):
        """A number in the answer, as a change of view repeats old lines."""
        self.commands += 1
        self.m.at = len(self.m.text)
        self.m.type(f'{command} && echo all""right-{self.commands} || echo wr""ong-{self.commands}\r')
        if 'all' not in self.m.expect(f'(allright|wrong)-{self.commands}\\b', seconds * self.m.slow).group(0):
            raise Timeout(f'{command}: {self.m.text[-300:]}')

    def mark(self):
        """The hypervisor's shell; a word that no command has marks the end of what was said before."""
        self.view(0)
        self.commands += 1
        self.m.type(f'mark{self.commands}\r')
        self.m.expect(f'there is no command "mark{self.commands}"', 60 * self.m.slow)

    def exits(self, guest_name):
        self.mark()
        start = self.m.at
        self.m.type(f'stats {guest_name}\r')
        self.m.expect('interrupts delivered', 60 * self.m.slow)
        self.m.expect('bulkhead> ', 60 * self.m.slow)
        rows = re.findall(r'^  ([\w-]+) +(\d+) +\d+ +\d+\r?$', self.m.text[start:], re.M)
        self.owned = 'own their local APIC' in self.m.text[start:]
        return {k: int(n) for k, n in rows} | {'notification': self.notifications(guest_name)}

    def notifications(self, guest_name):
        """Of queues: exits for ports, as those of the serial port, which are no request's."""
        start = self.m.at
        self.m.type(f'devices {guest_name}\r')
        self.m.expect('isa-bridge', 60 * self.m.slow)
        self.m.expect('bulkhead> ', 60 * self.m.slow)
        return sum(map(int, re.findall(r'(\d+) kicks,', self.m.text[start:])))

    def profile(self):
        """Functions of the hypervisor, by instructions while a sample was open."""
        known = functions()
        seen, starts = collections.Counter(), [a for a, _ in known]
        for at, n in re.findall(r'PROFILE \d+ ([0-9a-f]+) (\d+)', open(self.marks).read()):
            seen[known[bisect.bisect_right(starts, int(at, 16) + 15) - 1][1]] += int(n)
        for name, n in seen.most_common(int(os.environ.get("TOP", 40))):
            print(f'{n:12,} {name}', file=sys.stderr)

    def samples(self):
        found = re.findall(r'SAMPLE id=(\d+) n=(\d+) all=(\d+)/(\d+) hv=(\d+)/(\d+) own=(\d+)/(\d+) ownhv=\d+/\d+ ownlow=\d+/\d+ busy=(\d+)/(\d+)', open(self.marks).read())
        names = ('n', 'all', 'all_med', 'hv', 'hv_med', 'own', 'own_med', 'busy', 'busy_med')
        return {int(f[0]): dict(zip(names, map(int, f[1:]))) for f in found}


def ticks(r):
    r.shell('grep LOC /proc/interrupts')
    return int(re.findall(r'LOC: +(\d+)', r.m.text)[-1])


def counted(r, name, number, command, requests):
    """Exits of one guest during a command in its shell, a request. HLT is the guest's own idling and told apart; ports (its
    console) and MSRs (its timer) have nothing to do with it, and a tick, where it is an exit, is one that is not the request's."""
    r.view(number)
    first = ticks(r)
    before = r.exits(name)
    r.view(number)
    r.shell(command + ' > /dev/null')
    after = r.exits(name)
    r.view(number)
    idle_ticks = 0 if r.owned else ticks(r) - first
    news = {k: after[k] - before.get(k, 0) for k in after}
    own = sum(news[k] for k in news if k not in ('hlt', 'pio', 'msr')) - idle_ticks
    return max(0, own) / requests, news.get('hlt', 0) / requests


def news(before, after):
    return {k: after[k] - before.get(k, 0) for k in after if after[k] != before.get(k, 0)}


def less(a, b):
    return {k: max(0, n - b.get(k, 0)) for k, n in a.items()}


def disk(kind, extra_plan, extra_qemu, device, n=6000, prepare=None):
    p = plan(kind, guest('io', extra_plan[0]) + extra_plan[1], extra_plan[2])
    with Run(kind, p, 2, extra_qemu) as r:
        if prepare:
            prepare(r)
        r.m.expect('guest io: running', 120)
        r.view(1)
        r.m.expect('io: shell ready', 300)
        r.shell('begin', 120)
        result = {}
        for what, how, ident, write in (('read', 'blk', READ, ''), ('write', 'blk', WRITE, ' w'), ('batch read', 'batch', BATCH_READ, ''),
                                        ('batch write', 'batch', BATCH_WRITE, ' w')):
            count = n if how == 'blk' else 10 * n
            result[what] = [ident, count, *counted(r, 'io', 1, f'ioload {how} /dev/{device} {count} {ident}{write}',
                                                   count + (WARM_UP if how == 'blk' else 0))]
    for row in result.values():
        s = r.samples()[row[0]]
        per = row[1] if row[0] in (BATCH_READ, BATCH_WRITE) else 1
        row += [s[k] / per for k in ('all', 'hv', 'own')]
    return result


def ram():
    return disk('ram', ('disk = [{ image = "ram.img" }]', '', {'ram.img': bytes(32 << 20)}), [], 'vda')


def net_shells(r):
    """Both guests with an address; the first serves."""
    for _ in range(2):
        r.m.expect('guest (io|peer): running', 120 * r.m.slow)
    for number, name in ((1, 'io'), (2, 'peer')):
        r.view(number)
        r.m.expect(f'{name}: shell ready', 300 * r.m.slow)
        r.shell(f'begin && ifconfig eth0 10.0.0.{number} up', 300)
    r.view(1)
    r.shell('(ioload sink 5000 & ioload echo 5001 & ioload swallow 5002 &) ; true')


def frames(r, number):
    r.view(number)
    r.shell('cat /sys/class/net/eth0/statistics/[rt]x_packets')
    return sum(int(n) for n in re.findall(r'^(\d+)\r?$', r.m.text[r.m.text.rindex('x_packets'):], re.M))


def net():
    text = guest('io', 'net = [{ switch = "inside" }]') + guest('peer', 'net = [{ switch = "inside" }]') + '[switch.inside]\n'
    with Run('net', plan('net', text, {}), 3) as r:
        net_shells(r)
        result = {}
        for what, ident, n, command in (('TCP, a MiB', TCP, 12 * MIB, f'ioload source 10.0.0.1 5000 {MIB} {TCP} 12'),
                                        ('UDP, a round trip', UDP, 6000, f'ioload ping 10.0.0.1 5001 6000 {UDP}'),
                                        ('UDP, a frame of 1,514 bytes', FLOOD, 5 * FLOOD_FRAMES,
                                         f'ioload flood 10.0.0.1 5002 {FLOOD_FRAMES} {FLOOD}')):
            before, seen = r.exits('io'), frames(r, 2)
            exits, idle = counted(r, 'peer', 2, command, n)
            more, after = frames(r, 2), r.exits('io')
            other = sum(after[k] - before.get(k, 0) for k in after if k != 'hlt')
            result[what] = [ident, {TCP: MIB, UDP: 1, FLOOD: FLOOD_FRAMES}[ident], (exits * n + other) * 1000 / max(1, 2 * (more - seen)), idle]
    for row in result.values():
        s = r.samples()[row[0]]
        row += [s[k] / row[1] for k in ('all', 'hv', 'busy')]
    return result


def disturbed(r):
    """A guest that only computes, on a core of its own, while the others' load runs: (mean, worst) of its samples, in instructions."""
    r.view(0)
    r.m.type('start loop\r')
    for _ in range(200):
        r.m.type('console loop log\r')
        r.m.expect('bulkhead> ', 60 * r.m.slow)
        found = re.search(r'BENCH cpu_loop_20k_insn (-?\d+) (-?\d+) med=-?\d+ max=(-?\d+)', r.m.text)
        if found:
            return int(found[1]), int(found[3])
        time.sleep(2)
    raise Timeout('the computing guest did not come to its end')


def exits():
    """Where time passes with the instructions (Bochs): exits of both guests by kind, what the third one notices of them."""
    text = guest('io', 'net = [{ switch = "inside" }]') + guest('peer', 'net = [{ switch = "inside" }]') + '[switch.inside]\n' + \
        plans.elf_guest('loop', 'exitbench', cmdline='n=4000 only=cpu_loop_20k_insn', extra='autostart = false')
    with Run('exits', plan('exits', text, {'exitbench.elf': f'{plans.GUEST}/exitbench.elf'}), 4, bochs=True) as r:
        net_shells(r)
        quiet, result = disturbed(r), {}
        for what, command in (('TCP, 64 KiB writes', f'ioload source 10.0.0.1 5000 4 {TCP}'),
                              ('UDP, round trips', f'ioload ping 10.0.0.1 5001 500 {UDP}')):
            r.view(2)
            r.shell(f'({command} > /dev/null 2>&1; true)', 600)     # first interrupts: Linux sets up where they go
            counts, seen = [], frames(r, 2)
            for each in (command.replace('ioload ', 'ioload no', 1), command):     # what typing and starting it costs is not the network's
                counts.append({name: r.exits(name) for name in ('io', 'peer')})
                r.view(2)
                r.shell(f'({each} > /dev/null 2>&1; true)', 600)
            counts.append({name: r.exits(name) for name in ('io', 'peer')})
            result[what] = [frames(r, 2) - seen, {name: less(news(counts[1][name], counts[2][name]), news(counts[0][name], counts[1][name]))
                                                  for name in counts[0]}]
        r.view(2)
        r.shell(f'(ioload source 10.0.0.1 5000 64 {TCP} > /dev/null &) ; true')
        seen = frames(r, 2)
        result['loop'] = [quiet, disturbed(r), frames(r, 2) - seen]
    return result


def exits_table(result):
    quiet, loaded, seen = result.pop('loop')
    lines = [f'**{TITLES["exits"]}**', '', '| what | frames | of | exits for 1,000 frames | and HLT | by kind |', '|---|---:|---|---:|---:|---|']
    for what, (count, guests) in result.items():
        for name, kinds in guests.items():
            own = sum(n for k, n in kinds.items() if k not in ('hlt', 'pio', 'msr'))
            text = ', '.join(f'{k} {n:,}' for k, n in kinds.items() if k != 'hlt')
            lines.append(f'| {what} | {count:,} | {name} | ' + verdict('exits', what, 'exits', own * 1000 / max(1, count)) +
                         f' | {kinds.get("hlt", 0) * 1000 / max(1, count):,.0f} | {text} |')
    lines += ['', f'A loop of 20,000 instructions on a third core takes {quiet[0]:,} ticks (worst {quiet[1]:,}) alone, {loaded[0]:,} '
              f'(worst {loaded[1]:,}) while {seen:,} frames passed between the others.']
    return '\n'.join(lines) + '\n'


def net_table(result):
    lines = [f'**{TITLES["net"]}**', '', '| what | in all | hypervisor | not looking in vain | for each 1,500 bytes | exits a 1,000 frames |',
             '|---|---:|---:|---:|---:|---:|']
    for what, (ident, _, exits, _, everything, hv, busy) in result.items():
        each = '-' if ident == UDP else verdict('net', what, 'busy', busy / (MIB_FRAMES if ident == TCP else 1))
        cells = [verdict('net', what, c, v) for c, v in (('all', everything), ('hv', hv), ('', busy))]
        lines.append(f'| {what} | ' + ' | '.join(cells) + f' | {each} | {exits:,.0f} |')
    return '\n'.join(lines) + '\n'


def socket_inside(m, kind):
    """A socket in the network namespace of a machine: the thread that makes it goes there."""
    made = []

    def make():
        with open(f'/proc/{m.holder.pid}/ns/net') as ns:
            if ctypes.CDLL(None).setns(ns.fileno(), 0):
                raise OSError('setns')
        made.append(socket.socket(socket.AF_INET, kind))
    t = threading.Thread(target=make)
    t.start()
    t.join()
    return made[0]


def serve(m, kind, answer):
    """A server at the other end of the machine's tap. -> its port"""
    s = socket_inside(m, kind)
    s.bind((netlab.HOST, 0))

    def run():
        if kind == socket.SOCK_DGRAM:
            while True:
                s.sendto(*s.recvfrom(2048))
        s.listen()
        while True:
            answer(s.accept()[0])
    threading.Thread(target=run, daemon=True).start()
    return s.getsockname()[1]


def sink(c):
    while c.recv(1 << 20):
        pass
    c.sendall(b'x')
    c.close()


def source(c):
    c.sendall(bytes(MIB_OUTSIDE << 20))
    c.close()


def card_frames(r):
    """In and out by the machine's card."""
    r.view(0)
    r.m.type('net\r')
    r.mark()
    row = re.findall(r'net0 +up +\S+ +\S+ +(\d+) +\S+ \S+/s +(\d+) ', r.m.text)[-1]
    return int(row[0]) + int(row[1])


def outside():
    """A guest on the machine's own network, each card on a tap: the hypervisor's part of each frame that the card sent or got. A card
    that cuts large frames and makes sums (virtio-net), one that has to be given frames as they are, and one that makes sums."""
    result = {}
    for card in ('virtio-net-pci', 'virtio-net-pci,csum=off,host_tso4=off,host_tso6=off,host_ecn=off', 'e1000e'):
        text = guest('io', 'net = [{ switch = "outside" }]') + '[machine]\nnet = { address = "off" }\n'
        card_name = card.replace('-pci', '').replace(',csum', ' without offloads,').split(',')[0]
        with Run('outside-' + card_name.replace(' ', '-'), plan('outside', text, {}), 2, card=card) as r:
            r.m.expect('guest io: running', 120)
            r.view(1)
            r.m.expect('io: shell ready', 300)
            r.shell(f'begin && ifconfig eth0 {netlab.LEFT} up', 300)
            for what, ident, runs, command in (
                    ('TCP out', TCP, 5, f'source {netlab.HOST} {serve(r.m, socket.SOCK_STREAM, sink)} {MIB_OUTSIDE} {TCP}'),
                    ('TCP in', TCP_IN, 5, f'drain {netlab.HOST} {serve(r.m, socket.SOCK_STREAM, source)} 5 {TCP_IN}'),
                    ('UDP round trip', UDP, 550, f'ping {netlab.HOST} {serve(r.m, socket.SOCK_DGRAM, None)} 500 {UDP}')):
                before = card_frames(r)
                r.view(1)
                r.shell(f'ioload {command} >/dev/null', 600)
                seen = (card_frames(r) - before) / runs     # one that the card cuts counts as what it is cut into
                result[f'{what}, {card_name}'] = [ident, seen if ident == UDP else max(seen, (MIB_OUTSIDE << 20) / 1448)]
        for row in [v for k, v in result.items() if k.endswith(f', {card_name}')]:
            s = r.samples()[row[0]]
            row += [s[k] / max(1, row[1]) for k in ('all', 'hv', 'busy')]
    return result


def outside_table(result):
    lines = [f'**{TITLES["outside"]}**', '', '| what | frames | in all | hypervisor | not looking in vain |', '|---|---:|---:|---:|---:|']
    for what, (_, frames_each, everything, hv, busy) in result.items():
        lines.append(f'| {what} | {frames_each:,.0f} | {everything:,.0f} | {hv:,.0f} | ' + verdict('outside', what.split(',')[0], 'busy', busy) + ' |')
    return '\n'.join(lines) + '\n'


@contextlib.contextmanager
def busy_host():
    """On a quiet build host the emulated drive answers so late that a guest really halts in each sample, for some 6,000 instructions
    more; peers' minima are of samples where it does not. Those come when the host's cores have other things to do."""
    others = [subprocess.Popen([sys.executable, '-c', 'while True: pass']) for _ in range((os.cpu_count() or 1) + 1)]
    try:
        yield
    finally:
        for p in others:
            p.kill()
            p.wait()


def nvme():
    image = os.path.abspath(f'{OUT}/io-nvme.img')
    open(image, 'wb').truncate(64 << 20)
    subprocess.run(['sgdisk', '-n', '1:1M:+32M', '-c', '1:bench', image], check=True, stdout=subprocess.DEVNULL)
    back = ['-drive', f'file={image},format=raw,if=none,id=n0', '-device', 'nvme,drive=n0,serial=BENCH']
    with busy_host():
        return disk('nvme', ('disk = [{ volume = "bench" }]', '[machine]\ndisks = ["BENCH"]\n', {}), back, 'vda', n=3000)


LIMITS = {  # (row, column) -> (limit, whose)
    ('ram', 'read', 'hv'): 1500, ('ram', 'read', 'exits'): 1, ('ram', 'batch read', 'exits'): 0.1,
    ('ram', 'write', 'hv'): 1500, ('ram', 'write', 'exits'): 1, ('ram', 'batch write', 'exits'): 0.1,
    ('nvme', 'read', 'hv'): 3000, ('nvme', 'read', 'all'): 10500, ('nvme', 'read', 'own'): 7600, ('nvme', 'read', 'exits'): 1,
    ('nvme', 'batch read', 'exits'): 0.1,
    ('exits', 'TCP, 64 KiB writes', 'exits'): 5,
    ('net', 'TCP, a MiB', 'all'): 1.6e6, ('net', 'TCP, a MiB', 'busy'): 400, ('net', 'UDP, a frame of 1,514 bytes', 'busy'): 1500,
    ('outside', 'TCP out', 'busy'): 2500, ('outside', 'TCP in', 'busy'): 2500,
    ('net', 'UDP, a round trip', 'all'): 45000, ('net', 'UDP, a round trip', 'hv'): 12000,
}


def verdict(kind, what, column, value):
    """A stray exit by a clock or by the control core is no request's: exits may be over by 0.02."""
    limit = LIMITS.get((kind, what, column))
    return f'{value:,.2f}' if column == 'exits' and limit is None else f'{value:,.0f}' if limit is None else \
        f'{value:,.{2 if column == "exits" else 0}f} {"PASS" if value <= limit + (0.02 if column == "exits" else 0) else "OVER"} ({limit:,g})'


def disk_table(kind, result):
    lines = [f'**{TITLES[kind]}**, 4 KiB a request', '', '| request | in all | hypervisor | guest\'s core | exits | and HLT |', '|---|---:|---:|---:|---:|---:|']
    for what, (_, _, exits, idle, everything, hv, own) in result.items():
        cells = [verdict(kind, what, c, v) for c, v in (('all', everything), ('hv', hv), ('own', own), ('exits', exits))]
        lines.append(f'| {what} | ' + ' | '.join(cells) + f' | {idle:.2f} |')
    return '\n'.join(lines) + '\n'


TITLES = {'ram': 'virtio-blk on a disk in RAM', 'nvme': 'virtio-blk on a volume on NVMe', 'net': 'virtio-net, guest to guest',
          'outside': 'virtio-net to the outside, a frame of the card', 'exits': 'exits of two guests with virtio-net, Bochs, VMX'}
KINDS = {'ram': ram, 'nvme': nvme, 'net': net, 'outside': outside, 'exits': exits}
TABLES = {'net': net_table, 'exits': exits_table, 'outside': outside_table}


def main():
    os.chdir(ROOT)
    os.makedirs(f'{OUT}/log', exist_ok=True)
    matrix.OUT = OUT
    if not Qemu10.available():
        print('io: QEMU 10 could not be had here (tests/tools/qemu10.sh)', file=sys.stderr)
        return 1
    build()
    over = False
    for kind in os.environ.get('ONLY', ' '.join(KINDS)).replace(',', ' ').split():
        try:
            result = KINDS[kind]()
            text = TABLES[kind](result) if kind in TABLES else disk_table(kind, result)
        except (Timeout, OSError, KeyError) as e:
            text = f'**{kind}: not measured:** {e}\n'
        over |= 'OVER' in text or 'not measured' in text
        open(f'{OUT}/io-{kind}.md', 'w').write(text)
        print(text)
    return 1 if over else 0


if __name__ == '__main__':
    sys.exit(main())
