#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The page's pure modules by node's own test runner, its types, and that what is built for the same sources is the same."""
import json
import os
import re
import subprocess
import sys

host = sys.argv[1] if len(sys.argv) > 1 else 'build/host'
npm = os.path.join(os.path.dirname(host), 'third_party/page/node_modules')
esbuild = f'{npm}/@esbuild/linux-x64/bin/esbuild'
out = f'{host}/page'


def bundle(source, to, *more):
    subprocess.run([esbuild, '--log-level=warning', '--bundle', '--format=esm', *more, f'--outfile={to}', source], check=True,
                   env=os.environ | {'NODE_PATH': npm})


def types_are_right():
    """All of the page's sources, strictly. The libraries lie where the bundler finds them, not above the sources."""
    options = {'paths': {'*': [f'{os.path.abspath(npm)}/*']}, 'typeRoots': []}
    with open(f'{out}/tsconfig.json', 'w') as f:
        json.dump({'extends': os.path.abspath('hv/web/page/tsconfig.json'), 'compilerOptions': options, 'include': [os.path.abspath('hv/web/page/src')]}, f)
    r = subprocess.run(['node', f'{npm}/typescript/bin/tsc', '-p', f'{out}/tsconfig.json'], capture_output=True, text=True)
    if r.returncode:
        print(r.stdout[-4000:], r.stderr[-2000:])
    return r.returncode == 0


os.makedirs(out, exist_ok=True)
bundle('tests/unit/hv/web/page/page.test.ts', f'{out}/page.test.mjs', '--platform=node')
r = subprocess.run(['node', '--test', '--test-reporter=tap', f'{out}/page.test.mjs'], capture_output=True, text=True)
passed, failed = (int(re.search(rf'^# {w} (\d+)', r.stdout, re.M).group(1)) for w in ('pass', 'fail'))
if failed or r.returncode:
    print(r.stdout[-4000:], r.stderr[-2000:])
for i in (1, 2):
    bundle('hv/web/page/src/app.ts', f'{out}/app{i}.js', '--minify')
with open(f'{out}/app1.js', 'rb') as a, open(f'{out}/app2.js', 'rb') as b:
    same = a.read() == b.read()
right = types_are_right()
print(f'{passed + same + right} passed, {failed + (not same) + (not right)} failed')
sys.exit(1 if failed or not same or not right else 0)
