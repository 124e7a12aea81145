#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tests/bench/tables.py: what make bench makes of the numbers that it read."""
import os
import sys
import types

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [f'{HERE}/..', f'{HERE}/../../bench']
import checks  # noqa: E402
import tables  # noqa: E402

SIZES = {'large': 128, 'small': 16}
PEERS = tables.Peers('## AMD\n\n| test | p-plain | p-kvm | p-xen |\n|---|---:|---:|---:|\n| eoi | 7 / 7 | 1700 / 1607 | 907 / 807 |\n'
                     '| nop | 3 / 3 | 3 / 3 | - |\n')


def result(bochs=True, made=None, bench=None):
    target = types.SimpleNamespace(bochs=bochs, plain='p-plain', heading='AMD', title='AMD', budget=150)
    return types.SimpleNamespace(target=target, made=made or {}, bench=bench or {}, skip={}, errors=[])


def start_of_guests():
    """400,000 ticks, 1,000 for each MiB; 300,000 to make the large one."""
    r = result(made={'large': (300000, 528000), 'small': (200000, 416000)})
    rows = tables.start_budget(r, SIZES)
    assert rows[0].endswith('| 400,000 | 5,000,000 | PASS |'), rows
    assert rows[1].endswith('| 1,000 | | |'), rows
    assert rows[2].endswith('| 700,000 | 3,000,000 | PASS |'), rows
    assert not r.errors, r.errors


def clocks_of_the_machine():
    """The later guest has the larger TSC, whatever its size: no start of a guest can be told from that."""
    r = result(made={'large': (300000, 1536000000), 'small': (200000, 1600000000)})
    tables.start_budget(r, SIZES)
    assert len(r.errors) == 1, r.errors
    r = result(made={'large': (300000, 1600000000), 'small': (200000, 16000)})
    tables.start_budget(r, SIZES)
    assert len(r.errors) == 1, r.errors


def nothing_made():
    rows = tables.start_budget(result(made={'small': (1, 2)}), SIZES)
    assert len(rows) == 1 and 'not measured' in rows[0], rows
    assert tables.start_budget(result(bochs=False), SIZES) == []


def beside_peers():
    r = result(bench={'eoi': (407, 400), 'nop': (2, 2)})
    text = tables.target(r, PEERS)
    assert '| eoi | 400 | 58.1 | 800 | xen | 0.50 |' in text, text
    assert '| nop | -1 | 0.7 | 0 | kvm | - |' in text, text
    r = result(bench={'eoi': (4, 4), 'nop': (3, 3)})
    assert '| eoi | -3 | 0.6 | 800 | xen | 0.00 |' in tables.target(r, PEERS)
    r = result(bench={'nop': (3, 3)})
    tables.target(r, PEERS)
    assert r.errors == ['exitbench printed no line eoi'], r.errors


if __name__ == '__main__':
    sys.exit(checks.run(start_of_guests, clocks_of_the_machine, nothing_made, beside_peers))
