# SPDX-License-Identifier: Apache-2.0
"""Disks that fail under guests that write: errors, slow ones, ones that do not answer, pulled ones. Two guests hammer a disk each
(guests/linux/initrd/hammer.c); what happens to one's disk is that guest's trouble alone, and over when the disk is well again."""
import hashlib
import re
import subprocess
import time

from diskrows import power_down
from lasting import BochsIde, Lasting
from machine import Qemu, Qemu10
from plans import GUEST, Plan, elf_guest, linux_guest
from scenarios import ready, shell, view
from volumes import SGDISK, change, host_parts

SECONDS = 400
OURS = 'b01cead0-766f-4c75-8d65-000000000001'


def bad(name, kind, errno):
    return ['-blockdev', f'driver=blkdebug,image=well,node-name={name},inject-error.0.event=none,inject-error.0.iotype={kind},'
            f'inject-error.0.errno={errno}']


class Faulty(Lasting, Qemu):
    """The disk of the left guest behind a driver of QEMU's whose node is changed while it runs."""
    sectors = 64 * 2048
    disk_name = 'nvme0n1'
    device = 'nvme,id=sick,serial=SICK'
    nodes = 'bad-read', 'bad-write', 'bad-flush', 'full', 'slow'
    dead_seconds = 25       # longer than the driver waits, then it resets the controller
    bus = []

    def disk_words(self):
        other = f'{self.dir}/other.img'
        open(other, 'wb').truncate(self.sectors * 512)
        return [*self.bus, '-object', 'throttle-group,id=some,x-iops-total=40', '-object', 'throttle-group,id=none,x-bps-total=1',
                '-blockdev', f'driver=file,filename={self.disk_file()},node-name=well',
                *bad('bad-read', 'read', 5), *bad('bad-write', 'write', 5), *bad('bad-flush', 'flush', 5), *bad('full', 'write', 28),
                '-blockdev', 'driver=throttle,throttle-group=some,file=well,node-name=slow',
                '-blockdev', 'driver=throttle,throttle-group=none,file=well,node-name=dead',
                '-device', f'{self.device},drive=well',
                '-drive', f'file={other},format=raw,if=none,id=other', '-device', 'virtio-blk-pci,drive=other,serial=OTHER,addr=7']

    def become(self, node):
        said = self.monitor(f'qom-set /machine/peripheral/sick drive {node}')
        assert 'Error' not in said, said


class FaultyAhci(Faulty):
    disk_name = 'sata2'
    nodes = 'slow',         # with an error while several requests are under way QEMU 7.2's AHCI ends with a fault of its own
    dead_seconds = 0        # QEMU's AHCI waits for the request itself when it is reset: nothing would go on
    device = 'ide-hd,id=sick,serial=SICK,bus=ide.2,werror=report'


class FaultyAhci10(FaultyAhci, Qemu10):
    """QEMU 10's survives errors."""
    nodes = Faulty.nodes


class BochsIdeLarge(BochsIde):
    sectors = 300 * 16 * 63


class FaultyVirtio(Faulty):
    disk_name = 'vd0'
    dead_seconds = 40
    device = 'virtio-blk-pci,id=sick,serial=SICK,addr=2,werror=report'


class Pulled(Faulty):
    """In a slot that can be switched off; `nv` is what power_down() calls it. The slot itself tells who comes and goes, not ACPI."""
    bus = ['-global', 'ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off', '-device', 'pcie-root-port,id=rp4,addr=4,chassis=1',
           '-device', 'pcie-root-port,id=rp5,addr=5,chassis=2', '-blockdev', 'driver=null-co,node-name=zeros,size=67108864,read-zeroes=on']
    device = 'nvme,id=nv,serial=SICK,bus=rp4'
    driver, model = 'nvme', 'QEMU NVMe Ctrl'


class PulledVirtio(Pulled):
    disk_name = 'vd1'       # bus 0 is looked at first
    device = 'virtio-blk-pci,id=nv,serial=SICK,bus=rp4'
    driver, model = 'virtio-blk', 'virtio-blk'


MACHINE = '[machine]\ndisks = ["SICK", "OTHER"]\n'
two = Plan('faults', MACHINE + ''.join(linux_guest(name, 1, '160MiB', cmdline='bulkhead.do=blk', extra='autostart = false\n'
           f'restart = "never"\ndisk = [{{ volume = "{volume}" }}]') for name, volume in (('left', 'web'), ('right', 'db'))), linux=True)


checking = Plan('checked', '[machine]\ndisks = ["ide1"]\n' + linux_guest('left', 1, '160MiB', cmdline='bulkhead.do=blk',
                extra='autostart = false\nrestart = "never"\ndisk = [{ volume = "web" }]'), linux=True)


class ReadOnly(Faulty):
    """A disk with volumes, made by other tools, that takes no writes."""
    disk_name = 'vd0'

    def disk_words(self):
        words = []
        for name, volume in (('SICK', 'web'), ('OTHER', 'db')):
            file = f'{self.dir}/{name}.img'
            open(file, 'wb').truncate(self.sectors * 512)
            subprocess.run([SGDISK, '-n', '0:0:+32M', '-t', f'0:{OURS}', '-c', f'0:{volume}', file], check=True, stdout=subprocess.DEVNULL)
            words += ['-drive', f'file={file},format=raw,if=none,id={name},readonly=on', '-device', f'virtio-blk-pci,drive={name},serial={name}']
        return words


class Slow(Faulty):
    """As many requests a second as a cheap drive has, whoever asks."""
    iops = 200

    def disk_words(self):
        return ['-drive', f'file={self.disk_file()},format=raw,if=none,id=slow,throttling.iops-total={self.iops}',
                '-device', 'nvme,drive=slow,serial=SICK']


class SlowCopies(Slow):
    """1 MiB a second."""
    def disk_words(self):
        return [w.replace(f'iops-total={self.iops}', f'bps-total={1 << 20}') for w in super().disk_words()]


reading = Plan('read-only', two.text.replace('volume = "db" }', 'volume = "db", readonly = true }'), linux=True)
importing = Plan('import-cut', MACHINE + 'import = ["data.img"]\n' + elf_guest('hello'),
                 {'hello.elf': f'{GUEST}/hello.elf', 'data.img': bytes(range(256)) * (12 << 12)})


class Hammer:
    """The load of one guest: what its lines say."""
    def __init__(self, m, digit, name):
        self.m, self.digit, self.name = m, digit, name
        self.looks = 0
        self.lines = {}         # what a line of the hypervisor's has cut in two is not there

    def command(self, text, expect, seconds=30):
        view(self.m, self.digit)
        time.sleep(0.3)
        self.m.at = len(self.m.text)
        self.m.type(text + '\r')
        return self.m.expect(expect, seconds * self.m.patience)

    def start(self, jobs=4):
        self.command(f'dmesg -n 1; hammer /dev/vda {jobs} {SECONDS} >/tmp/h 2>&1 & echo go""ing', r'going')

    def look(self):
        """-> (second, ok, failed, wrong, worst ms, last error, ms) of each second since the start. Only the new ones are asked for."""
        begun = len(self.m.text)
        self.looks += 1         # what the console had before is shown again
        self.command(f'tail -n +{max(self.lines, default=0) + 1} /tmp/h; echo EN""D{self.looks}', rf'[\r\n]END{self.looks}\s', 60)
        text = self.m.text[begun:self.m.at]
        for t, ms, ok, failed, wrong, worst, error in re.findall(
                r'HAMMER (\d+) ms=(\d+) ok=(\d+) failed=(\d+) wrong=(\d+) worst=(\d+) us ([^\r\n]*)', text):
            self.lines[int(t)] = (int(t), int(ok), int(failed), int(wrong), int(worst) // 1000, error, int(ms))
        assert self.lines, text
        return [self.lines[t] for t in sorted(self.lines)]


def rates(lines, begun, ended):
    """Requests a second that went well in (begun, ended]"""
    return [(b[1] - a[1]) * 1000 / (b[6] - a[6]) for a, b in zip(lines, lines[1:]) if begun < b[0] <= ended]


def middle(values):
    assert values, 'too short to judge'
    return sorted(values)[len(values) // 2]


def hammers(m, jobs=(4, 4)):
    """Both guests run, and write and read their disks."""
    load = []
    for (digit, name), n in zip((('1', 'left'), ('2', 'right')), jobs):
        view(m, '0')
        shell(m, f'start {name}', rf'guest {name}: running', 30)
        view(m, digit)
        m.expect(rf'{name}: shell ready', 150 * m.patience)
        load.append(Hammer(m, digit, name))
        m.expect(rf'{name}# ', 30 * m.patience)
        load[-1].start(n)
    time.sleep(8)
    return load


def begin(m):
    ready(m)
    for disk, name in ((m.disk_name, 'web'), ('vd1' if m.disk_name == 'vd0' else 'vd0', 'db')):
        change(m, f'disk init {disk}')
        m.type(f'volume create {name} 32MiB on {disk}\r')
        m.expect(rf'volume create {name}: done', 30 * m.patience)
    return hammers(m)


def fault(m, load, node, seconds):
    """Its disk is so for a while. -> lines of both guests, first and last second of the fault"""
    left, right = load
    begun = left.look()[-1][0], right.look()[-1][0]
    m.become(node)
    time.sleep(seconds)
    m.become('well')
    ended = left.look()[-1][0], right.look()[-1][0]
    time.sleep(4)
    return left.look(), right.look(), begun, ended


def judge(what, result, error):
    """The left guest has seen the error, or none, and goes on; the right one has hardly noticed. -> a remark"""
    left, right, begun, ended = result
    assert not left[-1][3] and not right[-1][3], f'{what}: wrong data: {left[-1]}, {right[-1]}'
    assert right[-1][2] == 0, f'{what}: the other guest has errors: {right[-1]}'
    before = next(line for line in left if line[0] >= begun[0])
    assert (left[-1][2] > before[2]) == bool(error), f'{what}: {before} -> {left[-1]}'
    assert not error or left[-1][5] == error, f'{what}: {left[-1]}'
    after = rates(left, ended[0] + 1, left[-1][0])
    assert after and max(after[-2:]) > 0, f'{what}: the guest does not go on: {left}'
    failed = [b[2] - a[2] for a, b in zip(left, left[1:]) if b[0] > ended[0] + 1]
    assert not any(failed), f'{what}: errors go on: {left}'
    usual = min(middle(rates(right, begun[1] - 12, begun[1])), middle(rates(right, ended[1] + 1, right[-1][0])))     # the host may be busy
    during = middle(rates(right, begun[1] + 1, ended[1]))
    assert during * 2 > usual, f'{what}: the other guest had {usual:.0f} requests a second, then {during:.0f}'
    return f'{what} {during * 100 / usual:.0f} %'


def faults(m, plan):
    """Errors of reads, writes, flushes, a full backing file, a slow disk, one that does not answer."""
    load = begin(m)
    eio = 'Input/output error'       # a virtio disk has no other
    remarks = [judge(node, fault(m, load, node, 6), None if node == 'slow' else eio) for node in m.nodes]
    if m.dead_seconds:
        remarks.append(judge('dead', fault(m, load, 'dead', m.dead_seconds), None))
    view(m, '0')
    shell(m, 'volume delete web', r'volume delete web: it is in use')
    shell(m, 'kill left', r'guest left: killed')
    change(m, 'volume delete web')
    shell(m, 'memory', r'Audit: every frame has one owner')
    return 'rate of the other guest: ' + ', '.join(remarks)


def put_back(m):
    """The drive is back in its slot, with all that it held."""
    for _ in range(20):
        said = m.monitor(f'device_add {m.device},drive=well')
        if 'Error' not in said:
            return
        time.sleep(0.5)     # QEMU has not yet taken apart the one that was pulled
    raise AssertionError(said[-200:])


def pulled(m, plan):
    """The drive is pulled under the guest: its requests fail, both guests run on. It comes back: the guest's requests go well
    again, without a word from anybody. Once more, and a guest that is started meanwhile is refused, and starts when it is back."""
    left, right = begin(m)
    begun = right.look()[-1][0]
    power_down(m)
    time.sleep(6)
    lines, others = left.look(), right.look()
    assert lines[-1][2] > lines[0][2] and lines[-1][3] == 0, lines
    assert others[-1][2] == others[-1][3] == 0, others
    gone = others[-1][0]
    view(m, '0')
    shell(m, 'log', rf'disk {m.disk_name} is gone')
    put_back(m)
    m.expect(rf'{m.driver} takes what came', 20 * m.patience)
    m.expect(rf'disk {m.disk_name}: {m.model}', 20 * m.patience)
    time.sleep(3)
    back = left.look()
    time.sleep(6)
    ended = left.look()
    others = right.look()
    usual = min(middle(rates(others, 0, begun)), middle(rates(others, gone + 5, others[-1][0])))     # the host may be busy
    assert middle(rates(others, begun + 1, gone)) * 2 > usual, (begun, gone, others)
    assert ended[-1][1] > back[-1][1] + 20 and ended[-1][2] == back[-1][2] and ended[-1][3] == 0, (lines[-1], back[-1], ended[-1])
    power_down(m)
    time.sleep(3)           # it is looked at twice a second
    view(m, '0')
    m.expect(rf'disk {m.disk_name} is gone', 20 * m.patience)
    shell(m, 'kill left', r'guest left: killed')
    shell(m, 'start left', r'no disk that the plan names has a volume "web"')
    put_back(m)
    m.expect(rf'disk {m.disk_name}: {m.model}', 20 * m.patience)
    time.sleep(2)
    shell(m, 'start left', r'guest left: running', 30)
    for what in ('nvme', 'virtio-blk-pci') if m.driver == 'nvme' else ('virtio-blk-pci', 'nvme'):
        into_empty_slot(m, what)
    shell(m, 'memory', r'Audit: every frame has one owner')
    others = right.look()
    assert others[-1][2] == others[-1][3] == 0, others


def into_empty_slot(m, what):
    """A drive comes into a slot that was empty at boot, or had one of the other kind, and goes."""
    word = what.removesuffix('-pci')
    said = m.monitor(f'device_add {what},id=fresh,serial=FRESH,bus=rp5,drive=zeros')
    assert 'Error' not in said, said[-200:]
    m.expect(rf'{word} takes what came', 20 * m.patience)
    name = m.expect(r'disk ([a-z0-9]+): [^\n]*64 MiB, serial FRESH', 20 * m.patience).group(1)
    power_down(m, 5, 'fresh')
    m.expect(rf'disk {name} is gone', 20 * m.patience)
    time.sleep(2)


def checked(m, plan):
    """Where fio is too big: the guest writes and compares by itself, past its cache; then what it has flushed is in the file."""
    ready(m)
    change(m, f'disk init {m.disk_name}')
    change(m, 'volume create web 32MiB')
    shell(m, 'start left', r'guest left: running', 30)
    view(m, '1')
    m.expect(r'left: shell ready', 150 * m.patience)
    load = Hammer(m, '1', 'left')
    m.expect(r'left# ', 30 * m.patience)
    said = load.command('dmesg -n 1; hammer /dev/vda 4 12', r'HAMMER 12 ms=\d+ ok=(\d+) failed=0 wrong=0 ', 300)
    assert int(said.group(1)) > 50, said.group(0)
    total = load.command('dd if=/dev/urandom of=/dev/vda bs=64k count=64 seek=128 conv=fsync 2>/dev/null; echo 3 >/proc/sys/vm/drop_caches; '
                         'dd if=/dev/vda bs=64k skip=128 count=64 2>/dev/null | sha256sum', r'[\r\n]([0-9a-f]{64}) ', 120).group(1)
    m.die()
    first, _ = host_parts(m)['web']
    with open(m.disk_file(), 'rb') as f:
        f.seek((first + 128 * 128) * 512)
        assert hashlib.sha256(f.read(64 << 16)).hexdigest() == total, 'the file holds something else'
    return f'{said.group(1)} requests'


def read_only(m, plan):
    """A disk that takes no writes: whoever wants to write does not start, who only reads does; the table is not changed."""
    ready(m)
    shell(m, 'start left', r'volume "web" cannot be opened for writing: its disk takes no writes')
    shell(m, 'volume create more 1MiB on vd0', r'(?i)volume create more: [^\n]*(?:read-only|takes no|cannot be written)')
    shell(m, 'start right', r'guest right: running', 30)
    view(m, '2')
    m.expect(r'right: shell ready', 150 * m.patience)
    load = Hammer(m, '2', 'right')
    load.command('cat /sys/block/vda/ro; dd if=/dev/vda of=/dev/null bs=1M count=4 2>&1; echo read $?', r'1\s[\s\S]*read 0')
    load.command('dd if=/dev/zero of=/dev/vda bs=4k count=1 conv=fsync 2>/dev/null; echo wrote $?', r'wrote 1')
    view(m, '0')
    shell(m, 'memory', r'Audit: every frame has one owner')


def import_cut(m, plan):
    """The power goes while a file is imported: no half volume under its name, and what is left can be deleted."""
    ready(m)
    change(m, f'disk init {m.disk_name}')
    m.type('volume import data.img first\r')
    time.sleep(5 * m.patience)
    m.again()
    assert set(host_parts(m)) == {'first.new'}, host_parts(m)
    ready(m)
    change(m, 'volume delete first.new')
    m.type('volume import data.img first\r')
    m.expect(r'volume import first: done', 120 * m.patience)
    m.die()
    first, sectors = host_parts(m)['first']
    data = open(m.disk_file(), 'rb').read()[first * 512:(first + sectors) * 512]
    want = plan.files['data.img']
    assert data[:len(want)] == want, 'the volume is not the file'


def fair(m, plan):
    """Two guests on a disk that is the bottleneck: the same share, within 10 %; also when one of them has four times as much to ask."""
    ready(m)
    change(m, f'disk init {m.disk_name}')
    for name in ('web', 'db'):
        change(m, f'volume create {name} 24MiB')
    remarks = []
    for jobs in (8, 8), (16, 4):
        load = hammers(m, jobs)
        begun = [x.look()[-1] for x in load]
        time.sleep(40)
        lines = [x.look() for x in load]
        ended = [x[-1] for x in lines]
        assert not any(x[2] or x[3] for x in ended), ended
        mean = [(b[1] - a[1]) * 1000 / (b[6] - a[6]) for a, b in zip(begun, ended)]
        # In its middle second: where the build host is busy, one guest's core may stand still for a moment, and the other has it all.
        left, right = (middle(rates(x, a[0], b[0])) for x, a, b in zip(lines, begun, ended))
        remarks.append(f'{jobs[0]} and {jobs[1]} at once: {left:.0f} and {right:.0f} a second (mean: {mean[0]:.0f} and {mean[1]:.0f})')
        assert 0.9 < left / right < 1.1, remarks
        if jobs == (8, 8):
            m.again()
            ready(m)
    return ', '.join(remarks)
