# SPDX-License-Identifier: Apache-2.0
"""`make run` as a user has it: tests/tools/run.sh, the plan of guests/two-linux, a disk that lasts."""
import os
import re
import socket
import subprocess
import threading

from lasting import Lasting
from machine import Machine
from plans import Plan
from scenarios import in_guest, ready, shell, view
from volumes import host_parts

PLAN = 'guests/two-linux/bulkhead.toml'
two = Plan('make-run', open(os.path.join(os.path.dirname(__file__), '../..', PLAN)).read(), linux=True)
DATASTORE = 'bulkhead-datastore'


class Run(Lasting, Machine):
    """The machine's console is the standard input and output of run.sh."""
    name = 'qemu'
    disk = None             # what DISK= says; None: a file of this row's own

    def start(self):
        image = os.path.abspath(self.image)
        ours, theirs = socket.socketpair()
        os.makedirs(self.dir, exist_ok=True)
        env = os.environ | {'DISK': self.disk or self.disk_file(), 'CHECK_PLAN': os.path.abspath('build/host/check-plan'),
                            'CORES': str(self.cores)}
        self.process = subprocess.Popen([os.path.abspath('tests/tools/run.sh'), 'qemu', image, image[:-4]], stdin=theirs,
                                        stdout=theirs, stderr=open(f'{self.dir}/out', 'ab'), start_new_session=True, env=env)
        self.live()
        theirs.close()
        self.serial = ours
        threading.Thread(target=self.read, daemon=True).start()


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
    """As a rescue system would: the journal is played, then not one error is left."""
    parts = host_parts(m)
    assert set(parts) == {'left', 'right', DATASTORE}, parts
    for name in ('left', 'right'):
        first, sectors = parts[name]
        copy = f'{m.dir}/{name}.part'
        subprocess.run(['dd', f'if={m.disk_file()}', f'of={copy}', 'bs=512', f'skip={first}', f'count={sectors}', 'conv=sparse',
                        'status=none'], check=True)
        subprocess.run(['/sbin/e2fsck', '-p', copy], stdout=subprocess.DEVNULL)
        r = subprocess.run(['/sbin/e2fsck', '-fn', copy], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert r.returncode == 0, f'{name}: {r.stdout.decode()}'
        os.remove(copy)


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
