# SPDX-License-Identifier: Apache-2.0
"""Snapshots of a volume that a guest writes meanwhile, a clone that boots beside its origin, and the way back."""
import time

import volumes
from plans import Plan
from scenarios import ready, shell, view

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
