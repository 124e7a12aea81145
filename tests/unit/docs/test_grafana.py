#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs/grafana.json shows each metric that /metrics has (hv/web/api_metrics.c), and no other."""
import json
import os
import re
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../..')


def offered():
    with open(f'{ROOT}/hv/web/api_metrics.c') as f:
        text = f.read()
    names = {n + '_total' for n in re.findall(r'^\t\{ "(\w+)", "[^"]+", FACT', text, re.M)}
    for what, name, counts in re.findall(r'put_(gauge|counter|family)\(t, "(\w+)"(?:, (true|false))?', text):
        names.add(name + ('_total' if what == 'counter' or counts == 'true' else ''))
    return names


def shown():
    with open(f'{ROOT}/docs/grafana.json') as f:
        board = json.load(f)
    queries = [t['expr'] for p in board['panels'] for t in p['targets']] + [v['query'] for v in board['templating']['list']]
    ids = [p['id'] for p in board['panels']]
    assert len(set(ids)) == len(ids), 'two panels have one number'
    return set(re.findall(r'\bbulkhead_(\w+)', ' '.join(queries)))


def main():
    there, used = offered(), shown()
    assert len(there) > 20, f'only {len(there)} metrics found: is api_metrics.c written another way by now?'
    wrong = [f'{n}: shown, but /metrics has none' for n in sorted(used - there)] + [f'{n}: not shown' for n in sorted(there - used)]
    for w in wrong:
        print(f'docs/grafana.json: bulkhead_{w}')
    print(f'{len(there | used) - len(wrong)} passed, {len(wrong)} failed')
    return bool(wrong)


if __name__ == '__main__':
    sys.exit(main())
