#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Our TOML reader against python3's tomllib: what we accept, tomllib accepts with an equal value; what tomllib accepts
and lies in our subset, we accept. Thousands of generated and mutated files from a fixed seed.
Usage: toml_oracle.py build/host [COUNT [SEED]]"""

import datetime
import json
import os
import random
import struct
import subprocess
import sys
import tomllib

SOURCES = ["tests/tools/toml_dump.c", "hv/lib/toml.c", "hv/lib/toml_value.c"]

SEEDS = [
    '[machine]\nname = "rack7"\ncontrol = 0\nserial = "auto" # a comment\nscreen = true\n\n[guest.web]\n'
    'cores = [1, 2,\n  3, # three\n]\nmemory = "4GiB"\n'
    'boot = { type = "linux", kernel = "vmlinuz", cmdline = \'console=ttyS0 "x"\' }\n',
    '[a]\nx = 1\n[a.b]\ny = -2\n[a.b.c]\n"quoted key" = +3\n\'lit\' = 0x7fff_ffff\n[d]\n1 = 0o17\n-_ = 0b1_0\n',
    '[x.y]\nk = 1\n[x]\nz = [[1, 2], ["a", {b = true}], []]\ne = {}\nf = { a = { b = [ 1,\n2 ] } }\n',
    's = "tab\\t nl\\n q\\" b\\\\ u\\u00e9 U\\U0001F600"\nl = \'C:\\dir\'\ne = ""\nm = \'\'\nutf = "\u00fc\u20ac\U0001f600"\n',
    'i = 9223372036854775807\nj = -9223372036854775808\nk = 0\nl = -0\nm = +1_000_000\nn=0xDEAD_beef\r\no=false\r\n',
    '# only comments\n\n\t \n#\n',
    'f = 1.5\n', 'd = 1979-05-27\n', 't = 07:32:00\n', 'i = inf\n', 'e = 1e5\n', 'a.b = 1\n', '[[t]]\nx = 1\n',
    's = """multi\nline"""\n', "s = '''x'''\n", 'n = 9223372036854775808\n', 'z = 01\n', 'u = 1__0\n', 'v = 1_\n',
    'd = 1\nd = 2\n', '[a]\n[a]\n', 'a = {b = 1}\n[a.c]\n', '[a.b]\n[a]\nb = 1\n', 'a = [1 2]\n', 'a = {b = 1,}\n',
    's = "\\u0000"\n', 's = "\\ud800"\n', 's = "\\x41"\n', 'a = [[[[[[[[[[1]]]]]]]]]]\n', '[a.b.c.d.e.f.g.h.i]\n',
    'k = "open\n', 'k =\n', '= 1\n', '[]\n', '[a\n', '[a.]\n', '[ a . "b" ]\nx=1', 'x = 1 y = 2\n', 'x = tru\n', 'x = +0x1\n',
]

TOKENS = ['"', "'", '[', ']', '{', '}', '=', ',', '.', '#', '\n', '\r\n', '\r', ' ', '\t', '_', '-', '+', '0', '1', '9', '0x',
          '0b', '0o', 'true', 'false', '\\', '\\u00e9', '\\n', '[[', ']]', '"""', "'''", 'a', 'key', '[a]\n', 'a = 1\n', 'e5',
          'inf', 'nan', '\x00', '\x1f', '\x7f', '\x80', '\ufeff', '\u00fc', '1979-05-27', '{a = 1}', '[1, 2]', 'a.b', '""', "''"]


def random_string(rng):
    body = ''.join(rng.choice('abc XYZ09_-#=[]{}.,\u00e9\u4e2d\U0001f600') for _ in range(rng.randrange(8)))
    if rng.random() < 0.4:
        return "'" + body + "'"
    escapes = ''.join(rng.choice(['\\t', '\\n', '\\"', '\\\\', '\\u20AC', '\\U0001F600', '\\b', '\\f', '\\r'])
                      for _ in range(rng.randrange(3)))
    return '"' + body + escapes + '"'


def random_integer(rng):
    n = rng.choice([0, 1, 7, 42, 2**31, 2**63 - 1, rng.randrange(2**63)])
    form = rng.randrange(6)
    if form == 0:
        return hex(n)
    if form == 1:
        return oct(n)
    if form == 2:
        return bin(n)
    if form == 3:
        return '{:_}'.format(n)
    return rng.choice(['', '+', '-']) + str(n)


def random_key(rng):
    if rng.random() < 0.15:
        return random_string(rng)
    return ''.join(rng.choice('abcdeK_-019') for _ in range(rng.randrange(1, 4)))


def random_value(rng, depth, inline):
    kind = rng.randrange(7 if depth < 4 else 4)
    gap = lambda: rng.choice(['', ' ', '  ', '\t'] + ([] if inline == 'line' else ['\n', ' # c\n', '\r\n']))
    if kind <= 1:
        return random_string(rng)
    if kind == 2:
        return random_integer(rng)
    if kind == 3:
        return rng.choice(['true', 'false'])
    if kind <= 5:
        inline = None       # line ends are allowed in a list, also inside of { }
        items = [gap() + random_value(rng, depth + 1, inline) + gap() for _ in range(rng.randrange(4))]
        return '[' + ','.join(items) + (',' if items and rng.random() < 0.3 else '') + gap() + ']'
    pairs = {random_key(rng): random_value(rng, depth + 1, 'line') for _ in range(rng.randrange(4))}
    return '{' + ', '.join(f' {k} = {v}' for k, v in pairs.items()) + ' }'


def random_file(rng):
    out = []
    for _ in range(rng.randrange(1, 8)):
        if rng.random() < 0.3:
            out.append('[' + rng.choice(['.', ' . ']).join(random_key(rng) for _ in range(rng.randrange(1, 4))) + ']')
        else:
            out.append(rng.choice(['', ' ']) + random_key(rng) + rng.choice(['=', ' = ']) + random_value(rng, 1, None))
        if rng.random() < 0.2:
            out[-1] += ' # comment \u00e9'
    return rng.choice(['\n', '\n', '\r\n']).join(out) + rng.choice(['', '\n'])


def mutate(rng, data):
    data = bytearray(data)
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(data) + 1)
        kind = rng.randrange(6)
        if kind == 0 and data:
            data[min(at, len(data) - 1)] = rng.randrange(256)
        elif kind == 1:
            del data[at:at + rng.randrange(1, 5)]
        elif kind in (2, 3):
            data[at:at] = rng.choice(TOKENS).encode('utf-8', 'surrogatepass')
        elif kind == 4:
            end = min(len(data), at + rng.randrange(1, 20))
            data[at:at] = data[at:end]
        else:
            del data[at:]
    return bytes(data)


def oracle(data):
    try:
        return tomllib.loads(data.decode('utf-8'))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError, ValueError):
        return None


def leaves(value):
    if isinstance(value, dict):
        for k, v in value.items():
            yield k
            yield from leaves(v)
    elif isinstance(value, list):
        for v in value:
            yield from leaves(v)
    else:
        yield value


def outside_subset(data, value, words):
    """Is the reason that we gave for refusing a difference of the languages, and a true one?"""
    text = data.decode('utf-8')
    all_leaves = list(leaves(value))
    if 'dotted keys' in words:
        return '.' in text
    if '[[ ]]' in words:
        return '[[' in text
    if 'multi-line strings' in words:
        return '"""' in text or "'''" in text
    if 'floats' in words:
        return any(isinstance(v, float) for v in all_leaves)
    if 'dates' in words or 'zeros in front' in words:
        return any(isinstance(v, (datetime.date, datetime.time, datetime.datetime)) for v in all_leaves)
    if '64 bits' in words:
        return any(isinstance(v, int) and not -2**63 <= v < 2**63 for v in all_leaves) or \
            any(isinstance(v, float) for v in all_leaves)
    if 'without NUL' in words:
        return any(isinstance(v, str) and '\0' in v for v in all_leaves)
    if 'inside each other' in words:
        return text.count('[') + text.count('{') > 8
    if 'names in a header' in words:
        return text.count('.') >= 8
    return False


def judge(data, ours):
    """None: as it should be; else what is wrong."""
    theirs = oracle(data)
    if 'value' in ours:
        if theirs is None:
            return 'we accept, tomllib does not'
        # The order of keys differs where tables are opened out of order; compare without.
        return None if json.dumps(ours['value'], sort_keys=True) == json.dumps(theirs, sort_keys=True) else 'values differ'
    if not ours['faults']:
        return 'refused without a reason'
    lines = data.count(b'\n') + 1
    if any(not 1 <= line <= lines for line, _ in ours['faults']):
        return 'a line that the file does not have'
    if theirs is not None and not outside_subset(data, theirs, ours['faults'][0][1]):
        return 'tomllib accepts, we do not: ' + ours['faults'][0][1]
    return None


def build(out):
    program = os.path.join(out, 'toml-dump')
    os.makedirs(out, exist_ok=True)
    subprocess.run(['gcc', '-std=gnu11', '-O1', '-g', '-fsanitize=address,undefined', '-fno-sanitize-recover=all', '-Wall',
                    '-Wextra', '-Ihv/include', '-o', program] + SOURCES, check=True)
    return program


def main():
    out = sys.argv[1] if len(sys.argv) > 1 else 'build/host'
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 6000
    rng = random.Random(int(sys.argv[3]) if len(sys.argv) > 3 else 20261120)
    root = os.path.abspath(os.path.join(os.path.dirname(__file__), '../../../..'))
    out = os.path.abspath(out)
    os.chdir(root)

    files = [s.encode() for s in SEEDS]
    for i in range(count):
        base = rng.choice(SEEDS) if i % 3 == 0 else random_file(rng)
        base = base.encode('utf-8')
        files.append(base if i % 3 == 1 else mutate(rng, base))

    request = b''.join(struct.pack('<I', len(f)) + f for f in files)
    run = subprocess.run([build(out)], input=request, stdout=subprocess.PIPE, timeout=120)
    answers = run.stdout.decode('utf-8').split('\n')[:-1]
    failed = 0
    if run.returncode != 0 or len(answers) != len(files):
        print(f'toml-dump ended with {run.returncode} after {len(answers)} of {len(files)} files')
        failed += 1
    accepted = 0
    for data, answer in zip(files, answers):
        ours = json.loads(answer)
        accepted += 'value' in ours
        wrong = judge(data, ours)
        if wrong:
            failed += 1
            if failed <= 10:
                print(f'FAIL toml_oracle: {wrong}\n  file: {data!r}\n  ours: {answer[:300]}')
    if not 0.2 * len(files) < accepted < 0.9 * len(files):
        print(f'FAIL toml_oracle: {accepted} of {len(files)} files accepted: the mix tests little')
        failed += 1
    print(f'toml_oracle: {len(files)} files, {accepted} accepted by both')
    print(f'{len(files) + 1 - failed} passed, {failed} failed')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
