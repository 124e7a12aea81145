# SPDX-License-Identifier: Apache-2.0
"""`make run` as a user has it: tests/tools/run.sh, the plan of guests/two-linux, a disk that lasts."""
import os
import re
import signal
import socket
import subprocess

from lasting import Lasting
from machine import Machine
from plans import Plan
from scenarios import in_guest, ready, shell, view
from volumes import check_ext4, host_parts

PLAN = 'guests/two-linux/bulkhead.toml'
two = Plan('make-run', open(os.path.join(os.path.dirname(__file__), '../..', PLAN)).read(), linux=True)
DATASTORE = 'bulkhead-datastore'


class Run(Lasting, Machine):
    """The machine's console is the standard input and output of run.sh."""
    name = 'qemu'
    emulator = 'qemu'
    disk = None             # what DISK= says; None: a file of this row's own

    def pid_file(self):
        """Of this row's own: the same row may run in another emulator at the same time."""
        return os.path.abspath(f'{self.dir}/run.pid')

    def start(self):
        image = os.path.abspath(self.image)
        ours, theirs = socket.socketpair()
        os.makedirs(self.dir, exist_ok=True)
        env = os.environ | {'DISK': self.disk or self.disk_file(), 'CHECK_PLAN': os.path.abspath('build/host/check-plan'),
                            'CORES': str(self.cores), 'PIDFILE': self.pid_file()}
        self.process = subprocess.Popen([os.path.abspath('tests/tools/run.sh'), self.emulator, image, image[:-4]], stdin=theirs,
                                        stdout=theirs, stderr=open(f'{self.dir}/out', 'ab'), start_new_session=True, env=env)
        self.live()
        theirs.close()
        self.listen(ours)


class RunBochs(Run):
    name = emulator = 'bochs'
    slow = 4

    def die(self):
        """Bochs is not of run.sh's process group."""
        os.kill(int(open(self.pid_file()).read()), signal.SIGKILL)
        return super().die()


def written(m, digit, name):
    """A file in the guest's /data that was flushed, and much behind it that was not. -> its sum"""
    m.at = len(m.text)
    total = in_guest(m, digit, name, 'dd if=/dev/urandom of=/data/file bs=1M count=8 conv=fsync; sha256sum /data/file',
                     r'([0-9a-f]{64})  /data/file').group(1)
    in_guest(m, digit, name, '(while :; do dd if=/dev/urandom of=/data/load bs=64k count=400; done) 2>/dev/null & echo going',
             r'[\r\n]going')
    return total


def started(m, number):
    ready(m)
    for digit, name in (('1', 'left'), ('2', 'right')):
        view(m, digit)
        m.expect(rf'{name}: /data lasts \(256 MiB\): start number {number}\s', 150 * m.patience)
        m.expect(rf'{name}: shell ready', 30 * m.patience)
    view(m, '0')
    shell(m, 'datastore', r'datastore: ready')


def check_file_systems(m):
    assert set(host_parts(m)) == {'left', 'right', DATASTORE}
    for name in ('left', 'right'):
        check_ext4(m, name)


def make_run(m, plan):
    """Started, written, killed, started: /data is there, and what was flushed to it; without the disk the guests start as well."""
    started(m, 1)
    total = {name: written(m, digit, name) for digit, name in (('1', 'left'), ('2', 'right'))}
    m.again()
    started(m, 2)
    for digit, name in (('1', 'left'), ('2', 'right')):
        at = m.at = len(m.text)
        found = in_guest(m, digit, name, 'sha256sum /data/file', r'([0-9a-f]{64})  /data/file').group(1)
        assert found == total[name], f'{name}: {m.text[at:]}'
        written(m, digit, name)
    m.die()
    check_file_systems(m)
    m.disk = 'none'
    m.again()
    ready(m)
    view(m, '1')
    m.expect(r'left: no disk for /data', 150 * m.patience)
    m.expect(r'left: shell ready', 30 * m.patience)
    said = open(f'{m.dir}/out').read()
    assert re.search(r'what lasts is in .*lasting.img', said), said


def make_run_short(m, plan):
    """The same with one file of one guest."""
    started(m, 1)
    sum_of = r'([0-9a-f]{64})  /data/file'
    write = 'dd if=/dev/urandom of=/data/file bs=64k count=8 conv=fsync; sha256sum /data/file'
    total = in_guest(m, '2', 'right', write, sum_of, 120).group(1)
    m.again()
    started(m, 2)
    in_guest(m, '2', 'right', 'sha256sum /data/file', f'{total}  /data/file', 60)
    m.die()
    check_file_systems(m)
