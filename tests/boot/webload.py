# SPDX-License-Identifier: Apache-2.0
"""As many clients of the HTTPS server as it has places for, at once: viewers of a console, and clients of the API that keep their
connections."""
import http.client
import json
import re
import select
import ssl
import time
from concurrent.futures import ThreadPoolExecutor

from scenarios import linux_boots, shell, view
from screenrows import WebSocket
import webrows

VIEWERS, CLIENTS = 64, 32
IDLE_MIB, BUSY_MIB = 16, 48
UNIT = {'B': 1, 'KiB': 1 << 10, 'MiB': 1 << 20, 'GiB': 1 << 30}


def size_of(m, what):
    number, unit = m.expect(rf'\n  +{what} +([0-9.]+) (B|KiB|MiB|GiB) ', 20).groups()
    return float(number) * UNIT[unit]


def hypervisor_memory(m):
    """(MiB set aside, MiB in use): the image, and the pool with and without what of it is free."""
    shell(m, 'web', r'stack \d+ of \d+ bytes', 60)     # the view has shown its past by then
    m.at = len(m.text)
    m.type('memory\r')
    image, pool, free = size_of(m, 'image'), size_of(m, 'pool'), size_of(m, 'free')
    m.expect(r'Audit: every frame has one owner', 20)
    return (image + pool) / (1 << 20), (image + pool - free) / (1 << 20)


class Client:
    """One of the API that keeps its connection."""

    def __init__(self, api, token):
        context = ssl.create_default_context(cafile=api.ca)
        context.check_hostname = False
        self.c = http.client.HTTPSConnection('127.0.0.1', api.port, timeout=60, context=context)
        self.headers = {'Authorization': f'Bearer {token}'}
        self.connects = 0
        self.c.connect = self.connect

    def connect(self):
        self.connects += 1
        assert self.connects == 1, 'the server has ended a connection'
        http.client.HTTPSConnection.connect(self.c)

    def get(self, path):
        self.c.request('GET', path, headers=self.headers)
        r = self.c.getresponse()
        text = r.read()
        assert r.status == 200, f'{path}: {r.status}: {text[:300]}'
        return text.decode()


def all_see(viewers, what, seconds):
    """Each of them gets this text, in as many messages as it takes."""
    seen = {v: b'' for v in viewers}
    left, until = set(viewers), time.time() + seconds
    while left:
        assert time.time() < until, f'{len(left)} of {len(viewers)} viewers have not seen {what}'
        for v in [v for v in left if v.s.pending()] or select.select([v.s for v in left], [], [], 1)[0]:
            v = v if isinstance(v, WebSocket) else next(o for o in left if o.s is v)
            data = v.message()
            assert data is not None, f'closed: {v.closed}'
            seen[v] = (seen[v] + data)[-70000:]
            if what in seen[v]:
                left.discard(v)


def gauge(text, name):
    return int(re.search(rf'^bulkhead_{name} (\d+)$', text, re.M).group(1))


def many(m, _plan):
    """64 viewers of a console and 32 clients of the API at once: all get what they should, memory comes and goes."""
    linux_boots(m, ('left', 'right'))
    view(m, '0')
    aside, idle = hypervisor_memory(m)
    m.at = 0
    api = webrows.enter(m)
    token = api.get('/v1/tokens', {'name': 'many', 'role': 'operator'}, want=201)['token']
    start = time.time()
    with ThreadPoolExecutor(4) as few:
        viewers = list(few.map(lambda _: WebSocket(api, '/v1/guests/left/console', token=token), range(VIEWERS)))
        clients = list(few.map(lambda _: Client(api, token), range(CLIENTS)))
        for c in few.map(lambda c: c.get('/v1/guests'), clients):
            assert [g['name'] for g in json.loads(c)] == ['left', 'right'], c
    opened = time.time() - start
    all_see(viewers, b'left: shell ready', 120)
    viewers[VIEWERS // 2].write(b'\recho all-$((40+2))-see\r')
    start = time.time()
    all_see(viewers, b'all-42-see', 60)
    seen = time.time() - start
    metrics = clients[0].get('/metrics')
    connections = gauge(metrics, 'web_connections')
    assert connections >= VIEWERS + CLIENTS, metrics
    most_aside, busy = hypervisor_memory(m)
    for c in clients:
        assert '"left"' in c.get('/v1/guests')
    said = shell(m, 'web', r'accepted \d+, refused (\d+), pushed out (\d+)').groups()
    assert said == ('0', '0'), f'refused, pushed out: {said}'
    for v in viewers:
        v.frame(8, b'\x03\xe8')
    for c in clients:
        c.c.close()
    for v in viewers:
        v.s.close()
    gone = time.time() + 60
    while gauge(api.get('/metrics'), 'web_connections') > 2:
        assert time.time() < gone, 'connections that have ended are still there'
        time.sleep(1)
    time.sleep(2)
    after = hypervisor_memory(m)[1]
    what = (f'{idle:.1f} MiB in use idle ({aside:.1f} set aside), {busy:.1f} ({most_aside:.1f}) with {connections} connections, {after:.1f} after; '
            f'connected in {opened:.0f} s, a line seen by all in {seen:.1f} s')
    assert idle < IDLE_MIB and most_aside < BUSY_MIB and after - idle < 1.5, what
    return what
