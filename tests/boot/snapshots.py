# SPDX-License-Identifier: Apache-2.0
"""Snapshots of a volume that a guest writes meanwhile, a clone that boots beside its origin, and the way back."""
import os
import random
import time

import volumes
from plans import Plan
from scenarios import ready, shell, view

ROUNDS = int(os.environ.get('SNAPSHOT_CUTS', 6))

plan = Plan('volume-snapshot', volumes.MACHINE + volumes.journal_guest('left', 1, '160MiB', 'web') +
            volumes.journal_guest('right', 1, '160MiB', 'copy'), linux=True)


def seen(m, at):
    return volumes.records(m.text[at:])


def between(what, low, held, high):
    assert low <= held <= high, f'{what} holds {held} records, not {low} to {high}'


def running(m, name, digit, more):
    """-> how many records the guest's disk held at its start. More than the 24 lines that a view shows again, before another start."""
    view(m, '0')
    shell(m, f'start {name}', rf'guest {name}: running', 30)
    return volumes.journal(m, digit, 0, more)


def off(m, name):
    view(m, '0')
    m.type(f'kill {name}\r')
    m.expect(rf'guest {name}: killed', 30 * m.patience)
    time.sleep(0.5)


def snapshot_while_it_writes(m, name):
    """-> (flushed before, flushed after): between these the snapshot lies"""
    at = m.text.rfind('JOURNAL holds')
    low = seen(m, at)
    view(m, '0')
    volumes.change(m, f'volume snapshot web as {name} 96MiB' if name == 'one' else f'volume snapshot web as {name}')
    view(m, '1')
    time.sleep(1)
    return low, seen(m, at) + 1


def snapshot(m, _):
    ready(m)
    volumes.change(m, f'disk init {m.disk_name}')
    volumes.change(m, 'volume create web 20MiB')
    assert running(m, 'left', '1', 10) == 0, 'a new volume holds a journal'
    one = snapshot_while_it_writes(m, 'one')
    m.expect(rf'flushed {one[1] + 20}\s', 60 * m.patience)
    two = snapshot_while_it_writes(m, 'two')
    m.expect(rf'flushed {two[1] + 20}\s', 60 * m.patience)
    view(m, '0')
    shell(m, 'volume snapshots', r'one +snapshot +of web[\s\S]*two +snapshot +of web')
    shell(m, 'volume rollback web to one', r'volume rollback web: it is in use')
    m.type('volume clone one copy cow\r')
    m.expect(r'volume clone copy: done', 30 * m.patience)
    copy = running(m, 'right', '2', 5)          # beside its origin, which writes on
    between('the clone', one[0], copy, one[1])
    view(m, '0')
    shell(m, 'volume snapshots', r'copy +clone +of one[^\n]*in use')
    last = volumes.cut(m)                       # the power goes, in the midst of all that
    assert set(volumes.host_parts(m)) >= {'web'}, 'the volume is no partition'
    ready(m)
    newest = running(m, 'left', '1', 30)
    assert newest >= two[0], f'the origin holds {newest}'
    off(m, 'left')
    volumes.change(m, 'volume rollback web to one')
    between('the volume rolled back', one[0], running(m, 'left', '1', 30), one[1])
    off(m, 'left')
    volumes.change(m, 'volume rollback web to two')
    between('the volume rolled back to the younger one', two[0], running(m, 'left', '1', 30), two[1])
    off(m, 'left')
    again = running(m, 'right', '2', 30)
    assert again >= copy, f'the clone holds {again}, held {copy}'
    off(m, 'right')
    for name in ('copy', 'one', 'two'):
        volumes.change(m, f'volume delete {name}')
    m.again()
    volumes.host_parts(m)
    ready(m)
    assert running(m, 'left', '1', 1) >= two[0]
    return f'snapshots at {one} and {two} records, {last} flushed, clone {copy} then {again}'


def snapshot_short(m, _):
    """Where a guest takes minutes to start: a snapshot while it writes, and the way back to it."""
    ready(m)
    volumes.change(m, f'disk init {m.disk_name}')
    volumes.change(m, 'volume create web 20MiB')
    assert running(m, 'left', '1', 5) == 0, 'a new volume holds a journal'
    one = snapshot_while_it_writes(m, 'one')
    m.expect(rf'flushed {one[1] + 20}\s', 60 * m.patience)
    off(m, 'left')
    volumes.change(m, 'volume rollback web to one')
    held = running(m, 'left', '1', 1)
    between('the volume rolled back', one[0], held, one[1])
    return f'a snapshot at {one} records, {held} found'


def snapshot_cut(m, _):
    """Killed at any moment after a snapshot was begun, while the guest writes: it is not there, or is what it was to be."""
    seed = random.randrange(1 << 30)
    chance = random.Random(seed)
    ready(m)
    volumes.change(m, f'disk init {m.disk_name}')
    volumes.change(m, 'volume create web 20MiB')
    volumes.change(m, 'volume snapshot web as first 96MiB')
    last, found = 0, 0
    for n in range(ROUNDS):
        view(m, '0')
        shell(m, 'start left', r'guest left: running', 30)
        volumes.journal(m, '1', last, 30)
        low = volumes.records(m.text)
        view(m, '0')
        m.type('volume snapshot web as now\r')
        time.sleep(chance.random() * m.patience)
        if n % 2:                   # a look at the console: later records are seen, the snapshot is older than those
            view(m, '1')
            time.sleep(0.5)
        last = volumes.cut(m)
        ready(m)
        shell(m, 'volume snapshots', r'first +snapshot +of web')
        m.type('volume clone now copy cow\r')
        if m.expect(r'(volume clone copy: done)|no disk that the plan names has a volume', 30 * m.patience).group(1):
            found += 1
            held = running(m, 'right', '2', 1)
            assert held >= low, f'cut {n}, seed {seed}: {low} were flushed when it was begun, the snapshot holds {held}'
            off(m, 'right')
            volumes.change(m, 'volume delete copy')
            volumes.change(m, 'volume delete now')
    volumes.cut(m)
    ready(m)
    m.type('volume clone first copy cow\r')
    m.expect(r'volume clone copy: done', 30 * m.patience)
    between('the first snapshot', 0, running(m, 'right', '2', 1), 0)
    volumes.cut(m)
    return f'{ROUNDS} cuts, seed {seed}, {found} snapshots found, {last} records'
