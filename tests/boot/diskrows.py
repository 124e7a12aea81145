# SPDX-License-Identifier: Apache-2.0
"""Disks of the machine's at NVMe and AHCI controllers: found, read, left alone, pulled out."""
import hashlib
import os
import re
import struct
import time
import uuid
import zlib

from scenarios import ready, shell

OUT = 'build/test'


def table(sectors, size, here, other, entries_at, entries):
    head = struct.pack('<8sIIII QQQQ 16s QIII', b'EFI PART', 0x10000, 92, 0, 0, here, other, 34, sectors - 34,
                       uuid.UUID(int=7).bytes_le, entries_at, 128, 128, zlib.crc32(entries))
    head = head[:16] + struct.pack('<I', zlib.crc32(head)) + head[20:]
    return head.ljust(size, b'\0')


def make_disk(name, mib=32, size=512):
    """A disk with one partition, which is called something else in the second copy of its table: whoever reads both has
    something to say. (A damaged copy would be repaired by firmware before we come.)"""
    path = os.path.abspath(f'{OUT}/{name}.disk')
    os.makedirs(OUT, exist_ok=True)
    sectors = mib * (1 << 20) // size
    def entries(word):
        return (uuid.UUID(int=8).bytes_le + uuid.UUID(int=9).bytes_le + struct.pack('<QQQ', 2048, 4095, 0) +
                word.encode('utf-16le').ljust(72, b'\0')).ljust(128 * 128, b'\0')
    one, two = entries('work'), entries('play')
    long = len(one) // size
    mbr = b'\0' * 446 + struct.pack('<B3sB3sII', 0, b'\0\2\0', 0xee, b'\xff' * 3, 1, sectors - 1) + b'\0' * 48 + b'\x55\xaa'
    with open(path, 'wb') as f:
        f.truncate(sectors * size)
        f.write(mbr.ljust(size, b'\0') + table(sectors, size, 1, sectors - 1, 2, one) + one)
        f.seek((sectors - 1 - long) * size)
        f.write(two + table(sectors, size, sectors - 1, 1, sectors - 1 - long, two))
    return path


def drive(name, **kw):
    return ['-drive', f'file={make_disk(name, **kw)},format=raw,if=none,id={name}']


def nvme_two():
    """One controller, two namespaces: sectors of 512 and of 4096 bytes."""
    return drive('nvme-a') + drive('nvme-b', size=4096) + [
        '-device', 'nvme,id=nv,serial=NV-1', '-device', 'nvme-ns,drive=nvme-a,bus=nv,nsid=1',
        '-device', 'nvme-ns,drive=nvme-b,bus=nv,nsid=7,logical_block_size=4096,physical_block_size=4096']


def ahci_disk_and_cd():
    return drive('ahci-a') + ['-device', 'ide-hd,drive=ahci-a,bus=ide.2,serial=AH-1',
                              '-drive', f'file={make_disk("ahci-cd")},format=raw,if=none,id=cd,media=cdrom,readonly=on',
                              '-device', 'ide-cd,drive=cd,bus=ide.3']


def nvme_behind_port():
    return drive('nvme-c') + ['-device', 'pcie-root-port,id=rp4,addr=4,chassis=1',
                              '-device', 'nvme,id=nv,serial=NV-2,drive=nvme-c,bus=rp4']


def bad_disk(name, device):
    """Each read of it fails in the emulator."""
    return ['-blockdev', f'driver=blkdebug,node-name={name},image.driver=file,image.filename={make_disk(name)},'
            'inject-error.0.event=none,inject-error.0.iotype=read,inject-error.0.errno=5', '-device', f'{device},drive={name}']


def sums(names):
    return {n: hashlib.sha256(open(f'{OUT}/{n}.disk', 'rb').read()).hexdigest() for n in names}


def found(m, names, files, line):
    """Each disk is read (the two copies of its partition table differ) and, as no plan names it, not written."""
    before = sums(files)
    ready(m)
    m.expect(r'guest hello: ended result=0', 60 * m.patience)
    text = shell(m, 'devices', rf'{line}[^\n]*').group(0)
    log = shell(m, 'log', r'guest hello: ended result=0[\s\S]*?bulkhead> ').group(0) and m.text
    for n in names:
        assert n in text, f'no {n} in: {text}'
        for want in (rf'disk {n}: the second copy of its partition table is another than the first', rf'disk {n}: not repaired'):
            assert re.search(want, log), f'no "{want}"'
    assert sums(files) == before, 'a disk was written that no plan names'


def nvme(m, plan):
    found(m, ['nvme0n1', 'nvme0n7'], ['nvme-a', 'nvme-b'], r'nvme: runs; QEMU NVMe Ctrl, MSI-X, ')


def ahci(m, plan):
    found(m, ['sata2'], ['ahci-a', 'ahci-cd'], r'ahci: runs, MSI; .*sata3: QEMU DVD-ROM, runs')


def bad_reads(m, plan):
    """The machine comes up, and says what it met."""
    ready(m)
    m.expect(r'guest hello: ended result=0', 60 * m.patience)
    shell(m, 'log', r'disk (nvme0n1|sata2): read of \d+ sectors at \d+: (medium error|failed)')
    shell(m, 'devices', r'nvme: runs|sata2: QEMU HARDDISK, runs')


def power_down(m, port=4, device='nv'):
    """The root port's slot loses its power, as when a card is pulled: QEMU takes the device away at once."""
    def config(off):
        m.monitor(f'o /xw 0xcf8 {0x80000000 | port << 11 | off:#x}')
        return int(re.findall(r'= *(0x[0-9a-f]+)', m.monitor('i /xw 0xcfc'))[-1], 16)
    cap = config(0x34) & 0xfc
    while config(cap) & 0xff != 0x10:
        cap = config(cap) >> 8 & 0xfc
        assert cap, 'the root port has no PCI Express capability'
    control = config(cap + 0x18) & 0xffff
    m.monitor(f'device_del {device}')
    m.monitor(f'o /xw 0xcf8 {0x80000000 | port << 11 | cap + 0x18:#x}')
    m.monitor(f'o /xh 0xcfc {control | 0x700:#x}')      # power controller and indicator off


def nvme_unplug(m, plan):
    ready(m)
    m.expect(r'guest hello: ended result=0', 60 * m.patience)
    shell(m, 'devices', r'nvme: runs; QEMU NVMe Ctrl, MSI-X, nvme0n1')
    power_down(m)
    m.expect(r'nvme0: given up: it is not there any more', 10 * m.patience)
    m.expect(r'disk nvme0n1 is gone', 10 * m.patience)
    shell(m, 'devices', r'nvme: given up: it is not there any more')
    shell(m, 'start hello', r'guest hello: ended result=0', 30)
    time.sleep(1)
    assert m.running()
