# SPDX-License-Identifier: Apache-2.0
"""Bulkhead's own metadata: QEMU records every write (blklogwrites), the power may go after each of them, and within it."""
import re
import subprocess

from plans import GUEST, Plan
from scenarios import ready, shell
from volumes import MACHINE, QemuNvme, change

# Guests that fail all the time: the datastore has to keep a record of each.
plan = Plan('write-log', MACHINE + ''.join(f'[guest.{n}]\ncores = 1\nmemory = "16MiB"\nboot = {{ type = "elf", file = "triple.elf" }}\n'
            'restart = "always"\n' for n in ('one', 'two')), {'triple.elf': f'{GUEST}/triple.elf'})


class QemuLogged(QemuNvme):
    sectors = 32 * 2048

    def log_file(self):
        return f'{self.dir}/writes.log'

    def start(self):
        open(self.log_file(), 'wb').close()
        super().start()

    def disk_words(self):
        return ['-blockdev', f'driver=file,filename={self.disk_file()},node-name=plain',
                '-blockdev', f'driver=file,filename={self.log_file()},node-name=log',
                '-blockdev', 'driver=blklogwrites,file=plain,log=log,node-name=logged',
                '-device', 'nvme,drive=logged,serial=LASTING']


def states(said, word):
    return [line[len(word) + 1:] for line in said.splitlines() if line.startswith(word)]


def write_log(m, plan):
    """Volumes made, renamed, grown, deleted, snapshots and a clone taken and deleted, a datastore made and used. At each cut there is
    the table before or the one after; the snapshots before or after each change of theirs; the datastore, once it is made, opens, and its
    log is a beginning of what it became."""
    ready(m)
    change(m, f'disk init {m.disk_name}')
    for command in ('volume create a 4MiB', 'volume create b 2MiB', 'volume rename b c', 'volume grow c 3MiB', 'volume delete a'):
        change(m, command)
    change(m, 'volume snapshot c as one 8MiB')
    change(m, 'volume snapshot c as two')
    m.type('volume clone one copy cow\r')
    m.expect(r'volume clone copy: done', 30 * m.patience)
    for name in ('two', 'copy', 'one'):
        change(m, f'volume delete {name}')
    shell(m, f'datastore init on {m.disk_name}', r'bulkhead: datastore: it is made', 30)
    shell(m, 'datastore', r'datastore: ready', 30)
    m.expect(r'guest one: [\s\S]*?guest one: [\s\S]*?guest one: ', 60 * m.patience)
    m.type('poweroff now\r')
    m.wait_end(60 * m.patience)
    r = subprocess.run(['build/host/replay', m.log_file(), str(m.sectors)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said = r.stdout.decode(errors='replace')
    assert r.returncode == 0, said[-1000:]
    tables = [' '.join(sorted(re.sub(r'(-\w{8})?:\d+\+', ':', t).split())) for t in states(said, 'TABLE')]
    tables = [re.sub(r':(\d+)', lambda t: f' {int(t.group(1)) // 2048}', t) for t in tables]
    assert len(tables) == 9 and tables[:8] == ['none', '', 'a 4', 'a 4 b 2', 'a 4 c 2', 'a 4 c 3', 'c 3', 'c 3 snapshots 8'], tables
    assert re.fullmatch(r'bulkhead-datastore \d+ c 3 snapshots 8', tables[8]), tables
    snaps = states(said, 'SNAPS')
    assert snaps == ['none', 'empty', '', 'one', 'one two', 'one two copy', 'one copy', 'one', ''], snaps
    store = states(said, 'STORE')
    assert store[-1] == 'ready' and store.count('ready') == 1 and not any(s.startswith('wrong') for s in store), store
    writes, cuts = map(int, re.search(r'REPLAYED (\d+) writes, (\d+) cuts, [1-9]', said).groups())
    assert writes > 50 and cuts > writes, said[-200:]
    return f'{writes} writes, {cuts} cuts'
