# SPDX-License-Identifier: Apache-2.0
"""The API against its own description: is that OpenAPI, are answers as it says, whatever is asked. And /metrics by promtool."""
import collections
import http.client
import json
import os
import ssl
import subprocess

import lifeguests
import openapi
import webrows
from scenarios import ready

REQUESTS = int(os.environ.get('REQUESTS', 3000))
SEED = int(os.environ.get('SEED', 1))
# They answer with a stream, or take the session of whoever asks.
SKIP = ('/v1/events', '/v1/logout')
GUEST = {'name': 'copy', 'cores': 1, 'memory': '32MiB', 'restart': 'never', 'boot': {'type': 'elf', 'file': 'hello.elf'}}
NAMES = ('one', 'two', 'tick', 'storm', 'copy', 'hello.elf')


class Asker:
    """A connection that lasts as long as the server lets it."""

    def __init__(self, api):
        context = ssl.create_default_context(cafile=api.ca)
        context.check_hostname = False
        self.c = http.client.HTTPSConnection('127.0.0.1', api.port, timeout=60, context=context)

    def ask(self, method, path, headers, body):
        """(status, type, bytes). A connection that ends while a body is on its way is an answer, too: status 0."""
        try:
            self.c.request(method, path, body, headers)
            r = self.c.getresponse()
            return r.status, (r.getheader('Content-Type') or '').split(';')[0], r.read()
        except (ConnectionError, http.client.HTTPException, ssl.SSLError):
            self.c.close()
            return 0, '', b''


def metrics(api):
    """promtool has nothing to say; OpenMetrics for who asks for it."""
    text = api.ask('/metrics')[1]
    r = subprocess.run(['promtool', 'check', 'metrics'], input=text, capture_output=True, text=True, timeout=60)
    assert r.returncode == 0 and not r.stdout + r.stderr, f'promtool: {(r.stdout + r.stderr)[:600]}'
    status, text = api.ask('/metrics', None, None, '-D', '-', '-H', 'Accept: application/openmetrics-text;version=1.0.0,*/*;q=0.1')
    assert status == 200 and 'application/openmetrics-text; version=1.0.0' in text and text.endswith('# EOF\n'), text[:400]
    assert '\n# TYPE bulkhead_guest_exits counter\n' in text


def judge(doc, op, method, path, said):
    status, kind, body = said
    where = f'{method} {path}: {status} {body[:300]}'
    assert status < 500 or status in (501, 503, 507), where
    listed = op['responses'].get(str(status))
    assert listed or status >= 400, f'{where}: the description has no such answer'
    content = (listed or op['responses']['default']).get('content')
    empty = kind == 'application/octet-stream' and not body         # a console that has said nothing yet
    assert bool(content) == bool(body) or status == 304 or empty, where
    if not content or not body:
        return
    assert kind in content or '*/*' in content, f'{where}: it says {list(content)}, it is {kind}'
    if kind.endswith('json'):
        try:
            openapi.check(doc, content.get(kind, {}).get('schema', {}), json.loads(body))
        except openapi.Misfit as e:
            raise AssertionError(f'{where}: {e}') from None


def flood(api, doc, tokens):
    """Requests made at random; returns how many of each status there were."""
    maker = openapi.Maker(doc, SEED, NAMES, GUEST)
    asker, seen = Asker(api), collections.Counter()
    while sum(seen.values()) < REQUESTS:
        method, path, headers, body, op = maker.make()
        if path.split('?')[0] in SKIP:
            continue
        role = maker.r.choices(list(tokens), (1, 1, 2, 12))[0]
        if tokens[role]:
            headers['Authorization'] = f'Bearer {tokens[role]}'
        said = asker.ask(method, path, headers, body)
        seen[said[0]] += 1
        if said[0]:
            judge(doc, op, method, path, said)
    return seen


def what_is_there(api):
    return (sorted(g['name'] for g in api.get('/v1/guests')), sorted(f['name'] for f in api.get('/v1/files')),
            sorted(u['name'] for u in api.get('/v1/users')))


def clear_up(api, before):
    """All that was made is whole: it can be seen, and deleted."""
    for name in set(what_is_there(api)[0]) - set(before[0]):
        assert api.get(f'/v1/guests/{name}')['plan'], name
        api.ask(f'/v1/guests/{name}/kill', method='POST')
        api.until(f'/v1/guests/{name}', 200, 'DELETE')
    for name in set(what_is_there(api)[1]) - set(before[1]):
        api.get(f'/v1/files/{name}', method='DELETE', want=204)
    for name in set(what_is_there(api)[2]) - set(before[2]):
        api.get(f'/v1/users/{name}', method='DELETE', want=204)
    for token in api.get('/v1/tokens'):
        api.get(f'/v1/tokens/{token["name"]}', method='DELETE', want=204)


def schema(m, _plan):
    """The description is OpenAPI, thousands of requests made of it are answered as it says, nothing is left behind."""
    ready(m)
    api = webrows.enter(m)
    doc = openapi.is_openapi(api.ask('/openapi.json')[1])
    metrics(api)
    before = what_is_there(api)
    tokens = {'nobody': None} | {role: api.get('/v1/tokens', {'name': f'all.{role}', 'role': role}, want=201)['token']
                                 for role in ('viewer', 'operator', 'admin')}
    for name in ('tick', 'storm'):
        api.get(f'/v1/guests/{name}/kill', method='POST', want=202)
    frames = lifeguests.audit(m)
    seen = flood(api, doc, tokens)
    assert seen[200] > REQUESTS // 20 and seen[0] < REQUESTS // 10, f'{seen}'
    clear_up(api, before)
    missing = set(before[0]) - set(what_is_there(api)[0])
    after = lifeguests.audit(m)
    return f'{sum(seen.values())} requests with seed {SEED}: {dict(sorted(seen.items()))}; deleted {sorted(missing)}; {frames}, then {after}'
