#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tests/tools/run.sh beside itself, with emulators that only say what they were told: nobody gets another one's port or process id."""
import contextlib
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, f'{HERE}/..')
import checks  # noqa: E402

ROOT = f'{HERE}/../../..'
FAKE = '#!/bin/bash\necho "TOLD $*"\nread -r _\n'     # lives until its standard input ends
PLAN = '# forward = ["47203:left:22"]\n[switch.nat]\nforward = ["47201:left:22",\n\t"47202:left:53/udp",\n]\n'
LOGIN = 'Host left\n\tHostName 127.0.0.1\n\tPort 47201\nHost right\n\tPort 47203\nHost *\n\tUser root\n'


class Run:
    def __init__(self, folder, emulator):
        env = os.environ | {'PATH': f'{folder}:{os.environ["PATH"]}', 'DISK': 'none'}
        self.process = subprocess.Popen([f'{ROOT}/tests/tools/run.sh', emulator, f'{folder}/plan.img', f'{folder}/plan'], env=env, text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.text = ''
        while 'TOLD' not in self.text:
            line = self.process.stdout.readline()
            assert line, f'the emulator was not started: {self.text}'
            self.text += line
        self.told = self.text.split('TOLD', 1)[1]

    def end(self):
        self.process.communicate('\n', timeout=30)

    def pid_file(self):
        return re.search(r'-?-pid(?:file)? (\S+)', self.told)[1]

    def port(self, forward):
        """Where the API is: what the user is told, and the emulator."""
        said = re.search(r'https://127\.0\.0\.1:(\d+)', self.text)[1]
        assert forward % said in self.told, f'the emulator does not know of port {said}: {self.told}'
        return said


@contextlib.contextmanager
def folder_of_a_plan():
    with tempfile.TemporaryDirectory(prefix='bulkhead-run-') as folder:
        os.mkdir(f'{folder}/plan')
        open(f'{folder}/plan/bulkhead.toml', 'w').write(PLAN)
        os.mkdir(f'{folder}/plan/.ssh')
        open(f'{folder}/plan/.ssh/config', 'w').write(LOGIN)
        for name in ('qemu-system-x86_64', 'python3'):
            open(f'{folder}/{name}', 'w').write(FAKE)
            os.chmod(f'{folder}/{name}', 0o755)
        yield folder


@contextlib.contextmanager
def running(*emulators):
    """One after the other, all at once."""
    with folder_of_a_plan() as folder, contextlib.ExitStack() as stack:
        runs = []
        for emulator in emulators:
            runs.append(Run(folder, emulator))
            stack.callback(runs[-1].end)
        yield runs


def side_by_side():
    with running('qemu', 'bochs', 'qemu') as runs:
        assert len({r.pid_file() for r in runs}) == 3, [r.pid_file() for r in runs]
        ports = [r.port('--forward tcp:%s:443' if '--live' in r.told else 'hostfwd=tcp:127.0.0.1:%s-:443') for r in runs]
        assert len(set(ports)) == 3, ports
        assert 'tcp:127.0.0.1:47201-:47201' in runs[0].told and 'udp:127.0.0.1:47202-:47202' in runs[0].told, runs[0].told
        assert re.search(r'run: ssh -F \S+/plan/\.ssh/config left\n', runs[0].text), runs[0].text
        assert '47203' not in runs[0].told and 'config right' not in runs[0].text, runs[0].text
        for later in runs[1:]:
            assert 'run: ssh' not in later.text, later.text
            assert '47201' not in later.told and 'port 47201 is in use' in later.text, later.text


def one_after_the_other():
    """Whoever ends gives his ports back."""
    with folder_of_a_plan() as folder:
        for emulator, forward in (('bochs', '--forward tcp:47201:47201'), ('qemu', 'hostfwd=tcp:127.0.0.1:47201-:47201')):
            r = Run(folder, emulator)
            r.end()
            assert forward in r.told, r.told


if __name__ == '__main__':
    sys.exit(checks.run(side_by_side, one_after_the_other))
