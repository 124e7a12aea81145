# SPDX-License-Identifier: Apache-2.0
"""The web page of the hypervisor in Debian's Chromium, driven by Playwright (tests/page). Pictures: build/test/pictures."""
import glob
import os
import re
import shutil
import subprocess

from plans import Plan, linux_guest
from scenarios import linux_boots, shell, view

TOOLS = 'build/third_party/page-tests'
PICTURES = 'build/test/pictures'


# Two guests on a switch, one core and files for a third, another switch to move it to.
plan = Plan('page', '[machine]\nimport = ["disk.img", "cd.iso"]\n[switch.lan]\n[switch.other]\n'
            + linux_guest('left', 2, '192MiB', extra='net = [{ switch = "lan" }]') + linux_guest('right', 2, '192MiB', extra='net = [{ switch = "lan" }]'),
            {'disk.img': bytes(4 << 20), 'cd.iso': b'CD' * 2048}, linux=True)


def tools():
    """Playwright, by npm, with the tests beside it: modules look for others above themselves."""
    subprocess.run(['tests/tools/npm.sh', 'tests/page', TOOLS], check=True)
    for f in glob.glob('tests/page/*.mjs'):
        shutil.copy(f, TOOLS)


def browse(m, script, *arguments):
    """A script of tests/page with the page's address and the console's code; -> its last line."""
    tools()
    m.expect(r"certificate's SHA-256", 120)
    view(m, '0')
    m.at = len(m.text)
    code = shell(m, 'web', r'enrolment code ([A-Z2-9-]{19})', 60).group(1)
    r = subprocess.run(['node', f'{TOOLS}/{script}.mjs', f'https://127.0.0.1:{m.ports[443]}', code, os.path.abspath(PICTURES), *arguments],
                       capture_output=True, text=True, timeout=900)
    assert r.returncode == 0, f'{script}: {(re.findall(r"Error.*", r.stderr) or [r.stderr[-300:]])[0]}'
    return r.stdout.strip().splitlines()[-1]


def page(m, _plan):
    """Enrol, log in, type in a console, kill, start, look at everything, wide and narrow, by mouse and by keyboard."""
    linux_boots(m, ('left', 'right'))
    m.at = 0
    return browse(m, 'page')


def page_screen(m, _plan):
    """A guest's screen by noVNC, typed into; its firmware's log."""
    return browse(m, 'screen')
