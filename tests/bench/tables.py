# SPDX-License-Identifier: Apache-2.0
"""The tables that make bench prints: ours beside bare metal and the best peer, and the budgets. Pure text work."""
import os
import re

DASH = '-'


class Peers:
    """The exit tables of docs/peers.md: heading -> row -> column -> (mean, min)."""

    def __init__(self, text):
        self.table = {}
        for part in re.split(r'^## ', text, flags=re.M)[1:]:
            heading, rows = part.split('\n', 1)[0], [line for line in part.splitlines() if line.startswith('| ')]
            if not rows or not rows[0].startswith('| test |'):
                continue
            names = [c.strip() for c in rows[0].strip('|').split('|')][1:]
            self.table[heading] = {}
            for line in rows[1:]:
                first, *cells = [c.strip() for c in line.strip('|').split('|')]
                values = {n: self.cell(c) for n, c in zip(names, cells)}
                self.table[heading][first] = {n: v for n, v in values.items() if v}

    @staticmethod
    def cell(text):
        m = re.fullmatch(r'(-?\d+) / (-?\d+)', text)
        return (int(m[1]), int(m[2])) if m else None

    def of(self, heading):
        for h, table in self.table.items():
            if h.startswith(heading):
                return table
        return {}


def whole(n):
    return f'{n:,}'


def why_skipped(skip, name):
    """exitbench skips a whole group by one word: x2apic, tscdl, xapic."""
    for word, why in sorted(skip.items(), key=lambda s: -len(s[0])):
        if name == word or name.startswith(word + '_') or (word == 'x2apic' and name.startswith('x2_')) or \
                (word == 'tscdl' and name.startswith(('tscdl_', 'x2_tscdl_'))):
            return why
    return None


def row(r, name, known):
    """One line of a target's table; complains where exitbench said nothing about a test that the peers have."""
    plain = known.pop(r.target.plain, None)
    bare = plain[0] if plain else 0
    best = min(((v[1] - bare, who) for who, v in known.items()), default=None)
    peer = f'{whole(best[0])} | {who(best[1])}' if best else f'{DASH} | {DASH}'
    if name not in r.bench:
        why = why_skipped(r.skip, name)
        if not why:
            r.errors.append(f'exitbench printed no line {name}')
        return f'| {name} | {DASH} | {DASH} | {peer} | {why or "missing"} |'
    mean = r.bench[name][0]
    ours = mean - bare
    ratio = f'{mean / bare:,.1f}' if bare > 0 else DASH
    against = f'{max(ours, 0) / best[0]:.2f}' if best and best[0] > 0 else DASH
    return f'| {name} | {whole(ours)} | {ratio} | {peer} | {against} |'


def who(column):
    return column.split('-', 1)[1]


def target(r, peers):
    table = peers.of(r.target.heading)
    lines = [f'### {r.target.title}', '', '| test | ours | x bare metal | best peer | which | ours / peer |',
             '|---|---:|---:|---:|---|---:|']
    if not table:
        r.errors.append(f'docs/peers.md has no table "{r.target.heading}"')
    names = [n for n in table if n != 'empty'] + [n for n in r.bench if n not in table]
    if r.bench:
        lines += [row(r, n, dict(table.get(n, {}))) for n in names if n != 'empty']
    return '\n'.join(lines) + '\n'


def mark(value, limit):
    return f'{whole(round(value))} | {whole(round(limit))} | {"PASS" if value <= limit else "OVER"} |'


def bare(r, name, peers):
    plain = peers.of(r.target.heading).get(name, {}).get(r.target.plain)
    return plain[0] if plain else 0


def exit_budgets(r, peers):
    rows, table = [], [
        ('CPUID exit, round trip', ['cpuid'], r.target.budget),
        ('port I/O exit to a model register', ['pio_uart_lsr'], 250),
        ('local-APIC exit, plain MOV, repeated RIP', ['mmio_lapic_id', 'mmio_lapic_tpr_write'], 500),
        ('other MMIO exit, plain MOV, repeated RIP', ['mmio_read_unclaimed'], 500),
    ]
    for what, names, limit in table:
        for n in names:
            if n in r.bench:
                rows.append(f'| {what} ({n}) | {mark(r.bench[n][0] - bare(r, n, peers), limit)}')
            elif r.bench:
                rows.append(f'| {what} ({n}) | not measured | {limit} | {DASH} |')
    return rows


def idle_budget(r):
    if r.idle is None:
        return [f'| exits of an idle guest in 10 s at 250 Hz | not measured | 0 | {DASH} |']
    kinds = ', '.join(f'{k} {n}' for k, n in sorted(r.idle.items(), key=lambda i: -i[1]))
    total = sum(r.idle.values())
    return [f'| exits of an idle guest in 10 s at 250 Hz ({kinds or "none"}) | {mark(total, 0)}']


def memory_budgets(r, guests=2, cores=3):
    m, rows = r.memory, []
    if 'image' in m and 'pool' in m:
        rows.append(f'| resident: image and whole pool, KiB | {mark((m["image"] + m["pool"]) / 1024, 16384 + 256 * cores)}')
    if 'guests' in m and 'page tables' in m:
        rows.append(f'| extra memory a guest, at most (all page tables counted), KiB | '
                    f'{mark((m["guests"] + m["page tables"]) / guests / 1024, 1024)}')
    return rows


def start_budget(r, sizes):
    """Of the two guests that were made, the guest's own TSC, which counts from its start; their sizes of RAM (MiB) tell the zeroing
    from the rest. Only in Bochs: under icount the cores take turns and all of their instructions move one clock."""
    if not r.target.bochs:
        return []
    if set(r.made) != set(sizes):
        return [f'| start of a guest to its first instruction | not measured | 5,000,000 | {DASH} |']
    (made, large), (_, small) = r.made['large'], r.made['small']
    mib = (large - small) / (sizes['large'] - sizes['small'])
    rest = small - sizes['small'] * mib
    if mib <= 0 or rest <= 0:
        r.errors.append(f'the TSCs of the guests that were made did not begin at their starts: {large} and {small}')
    return [f'| start of a guest to its first instruction, without zeroing | {mark(rest, 5000000)}',
            f'| zeroing of guest RAM, a MiB | {whole(round(mib))} | | |',
            f'| a guest of {sizes["large"]} MiB made at run time and started, to its first instruction, without zeroing its RAM | '
            f'{mark(made + rest, 3000000)}', f'| of it: making the guest | {whole(made)} | | |']


def ready_budget(r):
    if r.ready is None:
        return []
    return [f'| first log line to event loop, with the waits for SIPIs and for the serial line, ms | {r.ready} | | |']


def budgets(r, peers, sizes):
    size = os.path.getsize('build/bulkhead.efi')
    rows = exit_budgets(r, peers) + idle_budget(r) + [f'| bulkhead.efi on disk, bytes | {mark(size, 2 << 20)}'] + \
        memory_budgets(r) + start_budget(r, sizes) + ready_budget(r)
    return '\n'.join(['| budget | measured | limit | |', '|---|---:|---:|---|', *rows]) + '\n'
