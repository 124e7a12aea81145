# SPDX-License-Identifier: Apache-2.0
"""Volumes of guests on disks that outlive the machine: what a guest flushed is there after a power cut (SIGKILL to the emulator)."""
import hashlib
import os
import random
import re
import shutil
import struct
import subprocess
import time
import zlib

import lasting
from machine import Qemu
from plans import GUEST, Plan, elf_guest, linux_guest
from scenarios import ready, shell, view

SGDISK = shutil.which('sgdisk', path=os.environ['PATH'] + ':/usr/sbin:/sbin')
CUTS = int(os.environ.get('CUTS', 50))


class QemuNvme(lasting.Lasting, Qemu):
    disk_name = 'nvme0n1'

    def disk_words(self):
        return ['-drive', f'file={self.disk_file()},format=raw,if=none,id=lasting', '-device', 'nvme,drive=lasting,serial=LASTING']


class QemuNvmeLarge(QemuNvme):
    sectors = 1 << 20


class QemuNvme4k(QemuNvmeLarge):
    """Sectors of 4 KiB, and nothing smaller."""
    sector_size = 4096

    def disk_words(self):
        return [w + ',logical_block_size=4096,physical_block_size=4096' if w.startswith('nvme') else w for w in super().disk_words()]


class QemuNvmeSystem(QemuNvme):
    sectors = 700 * 2048


class QemuAhci(lasting.Lasting, Qemu):
    disk_name = 'sata2'

    def disk_words(self):
        return ['-drive', f'file={self.disk_file()},format=raw,if=none,id=lasting',
                '-device', 'ide-hd,drive=lasting,bus=ide.2,serial=LASTING']


class QemuAhciLarge(QemuAhci):
    sectors = 1 << 20


class QemuVirtioLarge(lasting.QemuVirtio):
    sectors = 1 << 20


class QemuIdeLarge(lasting.QemuIde):
    sectors = 1 << 20


class QemuCached(QemuNvme):
    """A disk that really loses what was not flushed: an empty qcow2 whose tables QEMU keeps in its own memory until a flush,
    so a killed QEMU takes every cluster with it that was written for the first time since."""
    def start(self):
        if not os.path.exists(self.disk_file()):
            make_qcow2(self.disk_file(), 512 << 20)
            self.extra = self.extra + self.disk_words()
        Qemu.start(self)

    def disk_words(self):
        return [w.replace('format=raw', 'format=qcow2') for w in super().disk_words()]

    def host_file(self):
        raw = f'{self.dir}/lasting.raw'
        read_qcow2(self.disk_file(), raw)
        return raw


def make_qcow2(path, size):
    """Clusters of 4 KiB: the header, a table of reference counts and one block of them, the first table of clusters."""
    bits, cluster = 12, 4096
    head = struct.pack('>4sIQIIQIIQQIIQ', b'QFI\xfb', 2, 0, 0, bits, size, 0, size >> (2 * bits - 3), 3 * cluster, cluster, 1, 0, 0)
    with open(path, 'wb') as f:
        for part in (head, struct.pack('>Q', 2 * cluster), struct.pack('>4H', 1, 1, 1, 1), b''):
            f.write(part.ljust(cluster, b'\0'))


def read_qcow2(path, raw):
    """What the disk holds, as a sparse file. Two levels of tables, nothing compressed."""
    with open(path, 'rb') as f, open(raw, 'wb') as out:
        bits, size, _, first_entries, first = struct.unpack('>20xIQIIQ', f.read(48))
        cluster, mask = 1 << bits, (1 << 56) - 512
        out.truncate(size)
        f.seek(first)
        for i, entry in enumerate(struct.unpack(f'>{first_entries}Q', f.read(8 * first_entries))):
            if not entry & mask:
                continue
            f.seek(entry & mask)
            for k, at in enumerate(struct.unpack(f'>{cluster // 8}Q', f.read(cluster))):
                if at & mask:
                    f.seek(at & mask)
                    out.seek((i * cluster // 8 + k) << bits)
                    out.write(f.read(cluster))


MACHINE = '[machine]\ndisks = ["LASTING", "ide1"]\n'


def journal_guest(name, cores, mib, volume):
    return linux_guest(name, cores, mib, cmdline='bulkhead.do=records',
                       extra=f'autostart = false\nrestart = "never"\ndisk = [{{ volume = "{volume}" }}]')


one = Plan('volume', MACHINE + journal_guest('left', 1, '160MiB', 'web'), linux=True)
two = Plan('volume-two', MACHINE + journal_guest('left', 1, '160MiB', 'web') + journal_guest('right', 1, '160MiB', 'db'), linux=True)
FILE = random.Random(7).randbytes((3 << 20) + 512)
importing = Plan('volume-import', MACHINE + 'import = ["data.img"]\n' + elf_guest('hello'),
                 {'hello.elf': f'{GUEST}/hello.elf', 'data.img': FILE})


def change(m, command):
    """A change of the partition table, and its end."""
    m.type(command + '\r')
    what = ' '.join(command.split()[:3])
    return m.expect(rf'{re.escape(what)}: done', 30 * m.patience)


def records(text):
    return max((int(n) for n in re.findall(r'^flushed (\d+)\r?\n', text, re.M)), default=0)


def cut(m):
    """The power goes, and comes back. -> the last record that the console said was flushed"""
    text = m.die()
    m.again()
    return records(text)


def journal(m, digit, least, more):
    """Start the guest's journal and look at it: it holds `least` records and appends `more`."""
    view(m, digit)
    held = int(m.expect(r'JOURNAL (?:holds (\d+)\s|failed[^\n]*)', 150 * m.patience).group(1) or -1)
    assert held >= least, f'record {least} was flushed, the disk holds {held}'
    m.expect(rf'flushed {held + more}\s', 60 * m.patience)
    return held


def parts_4k(path):
    """As host_parts(), of a disk of 4 KiB sectors, which sgdisk does not see in a file: both copies, and their sums."""
    tables = []
    with open(path, 'rb') as f:
        last = os.path.getsize(path) // 4096 - 1
        for at, other in (1, last), (last, 1):
            f.seek(at * 4096)
            head = f.read(92)
            sign, _, size, crc, _, here, there, _, _, _, entries, count, step, sums = struct.unpack('<8s4I4Q16sQ3I', head[:92])
            assert (sign, size, here, there, step) == (b'EFI PART', 92, at, other, 128), head
            assert crc == zlib.crc32(head[:16] + bytes(4) + head[20:]), 'the sum of a header is wrong'
            f.seek(entries * 4096)
            tables.append(f.read(count * step))
            assert zlib.crc32(tables[-1]) == sums, 'the sum of the entries is wrong'
    assert tables[0] == tables[1], 'the two copies differ'
    parts = {}
    for i in range(0, len(tables[0]), 128):
        first, end = struct.unpack('<QQ', tables[0][i + 32:i + 48])
        if any(tables[0][i:i + 16]):
            parts[tables[0][i + 56:i + 128].decode('utf-16le').rstrip('\0')] = (first * 8, (end - first + 1) * 8)
    return parts


def host_parts(m):
    """The partition table as another program sees it. name -> (first sector, sectors) of 512 bytes"""
    path = m.host_file()
    if getattr(m, 'sector_size', 512) == 4096:
        return parts_4k(path)
    said = subprocess.run([SGDISK, '-v', path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True).stdout.decode()
    assert 'No problems found' in said and 'aution' not in said, said
    out = subprocess.run([SGDISK, '-p', path], stdout=subprocess.PIPE, check=True).stdout.decode()
    return {line.split()[-1]: (int(line.split()[1]), int(line.split()[2]) - int(line.split()[1]) + 1)
            for line in out.splitlines() if re.match(r' +\d+ ', line)}


def volume(m, plan):
    """Made, renamed, deleted; written by a guest, cut off, read again."""
    ready(m)
    shell(m, 'disks', rf'{m.disk_name}  15\.\d MiB[\s\S]*empty')
    change(m, f'disk init {m.disk_name}')
    change(m, 'volume create web 8MiB')
    change(m, 'volume create spare 2MiB')
    change(m, 'volume rename spare other')
    shell(m, 'volumes', r'web +volume +8 MiB[\s\S]*other +volume +2 MiB')
    shell(m, 'start left', r'guest left: running', 30)
    shell(m, 'volumes', r'web [^\n]*in use')
    shell(m, 'volume delete web', r'volume delete web: it is in use')
    change(m, 'volume delete other')
    assert journal(m, '1', 0, 10) == 0, 'a new volume holds a journal'
    last = cut(m)
    assert set(host_parts(m)) == {'web'}
    ready(m)
    shell(m, 'start left', r'guest left: running', 30)
    return f'{last} records flushed, {journal(m, "1", last, 3)} found'


def volume_two(m, plan):
    """Two guests, two volumes of one disk, both at once."""
    ready(m)
    change(m, f'disk init {m.disk_name}')
    for name in ('web', 'db'):
        change(m, f'volume create {name} 200MiB')
    last = [0, 0]
    for _ in range(2):
        for i, name in enumerate(('left', 'right')):    # looked at before the first line has scrolled out of what a view shows
            shell(m, f'start {name}', rf'guest {name}: running', 30)
            at = len(m.text)
            journal(m, str(i + 1), last[i], 10)
            last[i] = records(m.text[at:])
            view(m, '0')
            time.sleep(0.5)
        m.again()
        ready(m)
    parts = host_parts(m)
    assert parts['web'][0] + parts['web'][1] <= parts['db'][0], parts
    return f'records {last}'


def volume_import(m, plan):
    """A file becomes a volume, and that another; both are the file, with zeros behind it."""
    ready(m)
    change(m, f'disk init {m.disk_name}')
    m.type('volume import data.img first\r')
    m.expect(r'volume import first: done', 60 * m.patience)
    m.type('volume clone first second\r')
    m.expect(r'volume clone second: done', 60 * m.patience)
    shell(m, 'volume import data.img first', r'there is a volume of this name')
    m.again()
    parts = host_parts(m)
    assert set(parts) == {'first', 'second'}, parts
    data = open(m.disk_file(), 'rb').read()
    for name, (first, sectors) in parts.items():
        got = data[first * 512:(first + sectors) * 512]
        assert hashlib.sha256(got[:len(FILE)]).digest() == hashlib.sha256(FILE).digest(), f'{name} is not the file'
    ready(m)


def check_ext4(m, name):
    """As a rescue system would: the journal is played, then not one error is left."""
    first, sectors = host_parts(m)[name]
    copy = f'{m.dir}/{name}.part'
    subprocess.run(['dd', f'if={m.host_file()}', f'of={copy}', 'bs=512', f'skip={first}', f'count={sectors}', 'conv=sparse',
                    'status=none'], check=True)
    subprocess.run(['/sbin/e2fsck', '-p', copy], stdout=subprocess.DEVNULL)
    r = subprocess.run(['/sbin/e2fsck', '-fn', copy], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert r.returncode == 0, f'{name}: {r.stdout.decode()}'
    os.remove(copy)


cutting = Plan('power-cut', MACHINE + linux_guest('left', 1, '160MiB', cmdline='bulkhead.data=vdb bulkhead.do=load,records',
               extra='restart = "never"\ndisk = [{ volume = "web" }, { volume = "files" }]'), linux=True)


def comes_up(m, last, starts):
    """The guest's file system and journal are as they were promised to be. -> records found, number of this start"""
    view(m, '1')
    start = int(m.expect(r'left: /data (?:lasts \(\d+ MiB\): start number (\d+)\s|cannot be mounted)', 150 * m.patience).group(1) or -1)
    assert start > starts, f'start {starts} of the guest was told, then came {start}'
    held = int(m.expect(r'JOURNAL (?:holds (\d+)\s|failed[^\n]*)', 60 * m.patience).group(1) or -1)
    assert held >= last, f'record {last} was flushed, the disk holds {held}'
    return held, start


def power_cut(m, plan):
    """Killed at any moment under load, while the guest starts at times: all that was flushed is there, each time."""
    seed = random.randrange(1 << 30)
    chance = random.Random(seed)
    ready(m)
    change(m, f'disk init {m.disk_name}')
    change(m, 'volume create web 200MiB')
    change(m, 'volume create files 100MiB')
    shell(m, 'start left', r'guest left: running', 30)
    last = held = starts = 0
    for n in range(CUTS + 1):
        early = n % 5 == 3 and n < CUTS
        if n and not early:
            ready(m)
        if early:
            time.sleep(chance.random() * 12 * m.patience)
        else:
            held, starts = comes_up(m, last, starts)
            m.expect(rf'flushed {held + 1}\s', 60 * m.patience)
        if n == CUTS:
            break
        time.sleep(0 if early else chance.random() * 4 * m.patience)
        said = m.die()
        last = max(last, records(said))
        starts = max([starts] + [int(s) for s in re.findall(r'start number (\d+)\r?\n', said)])
        assert 'partition table is' not in said, f'cut {n}, seed {seed}: the partition table was hurt though nobody changed it'
        m.again()
        print(f'power-cut {n + 1}: {"early, " if early else ""}held {held}, flushed {last}, start {starts}', flush=True)
    m.die()
    check_ext4(m, 'files')
    return f'{CUTS} cuts, seed {seed}, {last} records, {starts} starts'
