# SPDX-License-Identifier: Apache-2.0
"""Machines with a disk that outlives them, and what the datastore keeps on it: started, killed at some moment, started again."""
import os
import random
import signal
import time

from machine import LIVE, Bochs, Qemu, bochs_disk
from plans import GUEST, Plan
from scenarios import VARIABLE, ready, shell, view

KILLS = int(os.environ.get('KILLS', 25))
SECTORS = 32 * 16 * 63          # 32 cylinders of Bochs: 15.75 MiB


class Lasting:
    """A second disk, empty at first, and again(): the same machine after a power cut."""
    disk_name = None
    sectors = SECTORS

    def disk_file(self):
        return f'{self.dir}/lasting.img'

    def host_file(self):
        """The disk as a raw image."""
        return self.disk_file()

    def start(self):
        if not os.path.exists(self.disk_file()):
            with open(self.disk_file(), 'wb') as f:
                f.truncate(self.sectors * 512)
            self.extra = self.extra + self.disk_words()
        super().start()

    def die(self):
        """-> all that the console said until then"""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        LIVE.discard(self.process.pid)
        self.reader.join(30)        # it has seen the port's end: all that was said is here
        self.serial.close()
        return self.text

    def again(self):
        if self.running():
            self.die()
        for name in ('lasting.img.lock', 'disk.img.lock', 'serial', 'monitor'):
            if os.path.exists(f'{self.dir}/{name}'):
                os.remove(f'{self.dir}/{name}')
        self.text, self.at = '', 0
        self.start()


class QemuVirtio(Lasting, Qemu):
    disk_name = 'vd0'

    def disk_words(self):
        return ['-drive', f'file={self.disk_file()},format=raw,if=none,id=lasting',
                '-device', 'virtio-blk-pci,drive=lasting,serial=LASTING']


class QemuIde(Lasting, Qemu):
    """i440FX: its PIIX3, the disk is the slave of the first channel."""
    disk_name = 'ide1'

    def disk_words(self):
        return ['-drive', f'file={self.disk_file()},format=raw,if=ide,index=1']


class BochsIde(Lasting, Bochs):
    disk_name = 'ide1'

    def disk_words(self):
        return [bochs_disk(self.disk_file())]


MACHINE = '[machine]\ndisks = ["vd0", "ide1"]\n'
firmware = Plan('datastore', MACHINE + '[guest.fw]\ncores = 1\nmemory = "256MiB"\nboot = { type = "uefi" }\n')
# A guest that fails as often as it may: lines of the log and records of kills all the time.
failing = Plan('datastore-kills', MACHINE + ''.join(
    f'[guest.{n}]\ncores = 1\nmemory = "16MiB"\nboot = {{ type = "elf", file = "triple.elf" }}\nrestart = "always"\n'
    for n in ('one', 'two')), {'triple.elf': f'{GUEST}/triple.elf'})


def make(m):
    shell(m, 'datastore', r'datastore: none[\s\S]*will not last', 30)
    m.type(f'datastore init on {m.disk_name}\r')
    m.expect(r'bulkhead: datastore: it is made', 30 * m.patience)
    for _ in range(10):             # opening it comes after that
        if shell(m, 'datastore', r'datastore: (ready|[^\n]*)', 30).group(1) == 'ready':
            return
        time.sleep(m.patience)
    raise AssertionError('the datastore that was made is not ready')


def set_variable(m, value):
    m.type(f'{VARIABLE} -bs -nv =0x{value:04x}\r')
    m.expect(r'Shell> ', 40 * m.patience)
    has_variable(m, value)


def has_variable(m, value):
    shell(m, VARIABLE, f'(?i){value & 255:02x} {value >> 8:02x}', 30)


def firmware_shell(m):
    view(m, '1')
    m.expect(r'Shell> ', 150 * m.patience)


def datastore(m, plan):
    """A variable of a guest's firmware outlives a power cut and a power-off; so does the log."""
    ready(m)
    m.expect(r'guest fw: running', 30 * m.patience)
    shell(m, 'datastore', r'fw: its firmware variables', 30)
    make(m)
    firmware_shell(m)
    set_variable(m, 0x1234)
    view(m, '0')
    time.sleep(2 * m.patience)
    shell(m, 'datastore', r' 0 B wait[\s\S]*vars/fw', 30)
    m.again()
    m.expect(r'guest fw: running', 60 * m.patience)
    firmware_shell(m)
    has_variable(m, 0x1234)
    set_variable(m, 0x5678)
    view(m, '0')
    m.type('poweroff now\r')
    m.expect(r'powering off', 30 * m.patience)
    m.again()
    m.expect(r'guest fw: running', 60 * m.patience)
    shell(m, 'datastore read log/0', r'begins to write[\s\S]*begins to write[\s\S]*power-off[\s\S]*begins to write', 30)
    firmware_shell(m)
    has_variable(m, 0x5678)
    view(m, '0')
    shell(m, 'memory', r'Audit: every frame has one owner', 30)


def datastore_kills(m, plan):
    """Killed at any moment while it writes, it is there again, with what was there before."""
    ready(m)
    make(m)
    seed = random.randrange(1 << 30)
    random.seed(seed)
    newest = 0
    for n in range(KILLS):
        time.sleep(random.random() * 6 * m.patience)
        m.again()
        m.expect(r'bulkhead: ready', 90 * m.patience)
        shell(m, 'datastore', r'datastore: ready[\s\S]*log/0[\s\S]*will not last', 30)
        if 'DATASTORE-' in m.text:
            raise AssertionError(f'kill {n}, seed {seed}: ' + m.text[m.text.index('DATASTORE-'):][:200])
        found = [int(line.split('crash/')[1][:5]) for line in m.text.splitlines() if 'crash/' in line]
        assert not newest or found and max(found) >= newest, f'kill {n}, seed {seed}: records {found}, had {newest}'
        newest = max(found, default=0)
    assert newest, 'no record of a kill was kept'
