# SPDX-License-Identifier: Apache-2.0
"""The web page of the hypervisor in Debian's Chromium, driven by Playwright (tests/page). Pictures: build/test/pictures."""
import glob
import os
import re
import shutil
import subprocess

from plans import FatDisk, Plan, linux_guest
from scenarios import linux_boots, ready, shell, view
from volumes import change

TOOLS = 'build/third_party/page-tests'
PICTURES = 'build/test/pictures'


# Two guests on a switch, one core and files for a third, another switch to move it to.
plan = Plan('page', '[machine]\nimport = ["disk.img", "cd.iso"]\n[switch.lan]\n[switch.other]\n'
            + linux_guest('left', 2, '192MiB', extra='net = [{ switch = "lan" }]') + linux_guest('right', 2, '192MiB', extra='net = [{ switch = "lan" }]'),
            {'disk.img': bytes(4 << 20), 'cd.iso': b'CD' * 2048}, linux=True)


# A disk for volumes, a guest that is off (so UEFI's firmware is there), a core more.
more = Plan('page-more', '[machine]\ndisks = ["LASTING"]\n[switch.lan]\n[switch.other]\n'
            + linux_guest('left', 1, '192MiB', extra='net = [{ switch = "lan" }]')
            + '[guest.fw]\ncores = 1\nmemory = "64MiB"\nboot = { type = "uefi" }\nautostart = false\n', linux=True)


def iso():
    """A medium from which UEFI's shell runs a script: its partition lies behind the ISO's own files."""
    out = os.path.abspath('build/test/disc.iso')
    esp = FatDisk('disc.img', {'startup.nsh': b'echo this is the disc\r\n'}, 34)
    os.makedirs('build/test/disc', exist_ok=True)
    subprocess.run(['xorriso', '-as', 'mkisofs', '-quiet', '-o', out, '-V', 'DISC', '-r', '-J', '-partition_offset', '16', '-append_partition', '2',
                    '0xef', os.fspath(esp), '-appended_part_as_gpt', '-e', '--interval:appended_partition_2:all::', '-no-emul-boot',
                    '-boot-load-size', '1', 'build/test/disc'], check=True, capture_output=True)
    return out


def large():
    path = os.path.abspath('build/test/large.img')
    with open(path, 'wb') as f:
        f.write(os.urandom(48 << 20))
    return path


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
    why = re.findall(r'^\w*Error: [^\n]*(?:\n(?!    at )[^\n]*){0,4}', r.stderr, re.M) or [r.stderr[-300:]]
    assert r.returncode == 0, f'{script}: {why[0]}'
    return r.stdout.strip().splitlines()[-1]


def page(m, _plan):
    """Enrol, log in, type in a console, kill, start, look at everything, wide and narrow, by mouse and by keyboard."""
    linux_boots(m, ('left', 'right'))
    m.at = 0
    return browse(m, 'page')


def page_more(m, _plan):
    """Volumes, uploads, a guest from an ISO, disks, switches, the plan; ten tasks in four clicks each."""
    ready(m)
    change(m, f'disk init {m.disk_name}')
    m.at = 0
    return browse(m, 'more', iso(), large())


def page_screen(m, _plan):
    """A guest's screen by noVNC, typed into; its firmware's log."""
    return browse(m, 'screen')
