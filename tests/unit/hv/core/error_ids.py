#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every error id in the sources has a row in docs/errors.md, and every id there is in the sources.
Usage: error_ids.py build/host"""

import os
import re
import sys

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), '../../../..'))
FAMILIES = 'GUEST|CPU|FW|MACHINE|IMAGE|PLAN|HV|CORE|MEDIA|WEB'
# As a text of its own ("PLAN-CORES"), or in a line that is printed ("error HV-PANIC: ...").
IN_SOURCE = re.compile(r'"(?:\\n)?(?:error )?((?:%s)-[A-Z][A-Z0-9-]+)[": ]' % FAMILIES)
IN_DOCS = re.compile(r'`((?:%s)-[A-Z][A-Z0-9-]+)`' % FAMILIES)


def main():
    used = {}
    for folder in ('hv', 'boot', 'drivers', 'tests/tools'):
        for path, _, names in os.walk(os.path.join(ROOT, folder)):
            for name in names:
                if not name.endswith(('.c', '.sh')):
                    continue
                with open(os.path.join(path, name), encoding='utf-8') as f:
                    for word in IN_SOURCE.findall(f.read()):
                        used.setdefault(word, os.path.relpath(os.path.join(path, name), ROOT))
    with open(os.path.join(ROOT, 'docs/errors.md'), encoding='utf-8') as f:
        rows = [line for line in f if line.startswith('| `')]
    listed = {word for row in rows for word in IN_DOCS.findall(row.split('|')[1])}
    wrong = [f'{w} of {used[w]} is not in docs/errors.md' for w in sorted(used) if w not in listed]
    wrong += [f'{w} of docs/errors.md is in no source' for w in sorted(listed) if w not in used]
    if len(used) < 20:
        wrong.append('hardly any id found: this test reads the sources wrongly')
    for line in wrong:
        print('FAIL error_ids: ' + line)
    print(f'{len(used | dict.fromkeys(listed)) - len(wrong)} passed, {len(wrong)} failed')
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
