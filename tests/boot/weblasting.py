# SPDX-License-Identifier: Apache-2.0
"""The HTTPS server on a slow machine, and what of it outlives a restart of the machine."""
import re
import time

import lasting
import lifeguests
import screenrows
import webrows
from plans import GUEST, Plan, elf_guest, linux_guest
from scenarios import linux_boots, ready, shell, view

one_linux = Plan('web-short', linux_guest('left', 1, '160MiB') + elf_guest('tick', cmdline='n=0'), {'tick.elf': f'{GUEST}/tick.elf'},
                 linux=True)


def web_short(m, _plan):
    """What an administrator does first: enrol, log in, list, look into a console and type there."""
    linux_boots(m, ('left',))
    m.at = 0
    began = time.time()
    api = webrows.enter(m)
    entered = time.time() - began
    guests = api.get('/v1/guests')
    assert [(g['name'], g['state']) for g in guests] == [('left', 'running'), ('tick', 'running')], guests
    assert all(g['exits'] > 10 for g in guests), guests
    screenrows.type_in_console(m, api, 'left')
    api.get('/v1/guests/tick/kill', method='POST', want=202)
    view(m, '0')
    m.expect(r'GUEST-KILLED', 30 * m.patience)
    assert api.get('/v1/guests/tick')['last_end']['id'] == 'GUEST-KILLED'
    shell(m, 'web', r'no memory 0 times')
    return f'TLS, list, console; enrolled and logged in within {entered:.0f} s'


def until_written(m):
    """What the server has to keep is with the disk."""
    for _ in range(30):
        if shell(m, 'datastore', r'([\d.]+ \w+) wait[\s\S]*web/accounts', 30).group(1) == '0 B':
            return
        time.sleep(1)
    raise AssertionError('the datastore still has something to write')


def web_lasts(m, _plan):
    """Certificate, users, tokens and a guest made by the API are there again after a power cut; a session is not. The datastore
    itself is made while the server runs."""
    ready(m)
    lasting.make(m)
    m.at = 0
    api = webrows.enter(m)
    fingerprint = re.search(r"certificate's SHA-256 ([0-9A-F:]{95})", m.text).group(1)
    token = api.get('/v1/tokens', {'name': 'lasting', 'role': 'operator'}, want=201)['token']
    api.get('/v1/users', {'name': 'guard', 'role': 'viewer', 'password': webrows.PASSWORD, 'guests': 'tick'}, want=201)
    made = api.get('/v1/guests', {'name': 'third', 'cores': 1, 'memory': '32MiB', 'test_device': True, 'restart': 'never',
                                  'autostart': False, 'boot': {'type': 'elf', 'file': 'hello.elf'}}, want=201)
    assert made['state'] == 'off', made
    time.sleep(2)
    view(m, '0')
    until_written(m)
    m.again()
    ready(m)
    assert m.expect(r"certificate's SHA-256 ([0-9A-F:]{95})", 120 * m.patience).group(1) == fingerprint, 'another certificate'
    assert 'enrolment code' not in m.text[:m.at + 200], 'a code is offered although there is an administrator'
    assert api.ask('/v1/guests')[0] == 401, 'a session outlived the machine'
    keep, api.headers = api.headers, [f'Authorization: Bearer {token}']
    assert [g['name'] for g in api.get('/v1/guests')] == ['tick', 'storm', 'third']
    api.until('/v1/guests/third/start', 202)
    m.expect(r'guest third: ended result=0', 60 * m.patience)
    api.headers = keep
    api.headers = ['X-CSRF-Token: ' + api.get('/v1/login', {'user': 'root', 'password': webrows.PASSWORD})['csrf']]
    assert [u['name'] for u in api.get('/v1/users')] == ['root', 'guard']
    assert [t['name'] for t in api.get('/v1/tokens')] == ['lasting']
    api.get('/v1/login', {'user': 'guard', 'password': webrows.PASSWORD})
    assert [g['name'] for g in api.get('/v1/guests')] == ['tick'] and api.ask('/v1/log')[0] == 403
    view(m, '0')
    m.at = len(m.text)
    shell(m, 'datastore read log/0', r'audit: [^\n]*/v1/guests[\s\S]*begins to write', 30)
    return 'certificate, users, token, guest, audit in the log'
