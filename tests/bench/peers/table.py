#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# table.py result.txt... : median (min) per test, one column per file, from the
# first BENCH line of each name; markdown on stdout.
import re, sys, os
cols, names = [], []
for f in sys.argv[1:]:
    d = {}
    for l in open(f, errors='replace'):
        m = re.search(r'BENCH (\S+) (-?\d+) (-?\d+) med=(-?\d+)', l)
        if m and m[1] not in d:
            d[m[1]] = (int(m[2]), int(m[3]), int(m[4]))
            if m[1] not in names: names.append(m[1])
    cols.append((os.path.basename(f).replace('.txt', ''), d))
print('| test | ' + ' | '.join(c for c, _ in cols) + ' |')
print('|---|' + '---:|' * len(cols))
for n in names:
    print(f'| {n} | ' + ' | '.join(f'{d[n][0]} / {d[n][1]}' if n in d else '-' for _, d in cols) + ' |')
