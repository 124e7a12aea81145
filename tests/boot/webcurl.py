# SPDX-License-Identifier: Apache-2.0
"""The lines of docs/web.md, "By curl and jq", as they stand there."""
import os
import re
import shutil
import subprocess
import tempfile

import plans
import webrows
from scenarios import linux_boots, view
from volumes import change


def lines():
    text = open('docs/web.md').read()
    block = re.search(r'^## By curl and jq\n.*?^```sh\n(.*?)^```', text, re.M | re.S).group(1).splitlines()
    assert block[0].startswith('api() {') and len(block) > 30, block[:2]
    return block[0], [line for line in block[1:] if not line.startswith('#')]


def there(api):
    return {what: [x['name'] for x in api.get(f'/v1/{what}')] for what in ('guests', 'volumes', 'files', 'users', 'tokens')}


def curl(m, _plan):
    """Each line by itself does what it says: it ends without an error, and leaves nothing."""
    linux_boots(m, ('left',))
    view(m, '0')
    change(m, f'disk init {m.disk_name}')
    m.at = 0
    api = webrows.enter(m)
    token = api.get('/v1/tokens', {'name': 'curl', 'role': 'admin'}, want=201)['token']
    before = there(api)
    function, commands = lines()
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(f'{plans.GUEST}/hello.elf', folder)
        for line in commands:
            r = subprocess.run(['bash', '-o', 'pipefail', '-c', f'{function}\n{line}'], cwd=folder, capture_output=True, text=True, timeout=120,
                               env=os.environ | {'H': f'https://127.0.0.1:{m.ports[443]}', 'TOKEN': token})
            assert r.returncode == 0, f'{line}: {r.returncode}: {r.stdout[-500:]} {r.stderr[-300:]}'
            assert r.stdout or any(w in line for w in ('DELETE', 'timeout', '/v1/users', 'plan.toml', '"error"', '/stop', '-X POST')), f'{line}: says nothing'
    assert there(api) == before, f'{there(api)}, before {before}'
    return f'{len(commands)} lines'
