# SPDX-License-Identifier: Apache-2.0
"""The HTTPS server inside the hypervisor, as curl and Python's TLS see it from the build host."""
import hashlib
import http.client
import json
import os
import re
import socket
import ssl
import subprocess
import tempfile
import time

import lifeguests
import plans
import screenrows
from scenarios import linux_boots, ready, shell, view

CYCLES = int(os.environ.get('CYCLES', 1000))
PASSWORD = 'correct horse battery'


class Api:
    """curl with a certificate that was compared by its fingerprint, a cookie jar and the session's token."""

    patience = 1        # every time limit is stretched by this

    def __init__(self, port, fingerprint, patience=1):
        self.port, self.patience = port, patience
        pem = ssl.get_server_certificate(('127.0.0.1', port), timeout=60 * patience)
        seen = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()
        assert seen == fingerprint.replace(':', '').lower(), f'certificate {seen}, console says {fingerprint}'
        self.folder = tempfile.TemporaryDirectory()
        self.ca = f'{self.folder.name}/ca.pem'
        self.jar = f'{self.folder.name}/jar'
        with open(self.ca, 'w') as f:
            f.write(pem)
        self.headers = []

    def ask(self, path, body=None, method=None, *more):
        """(status, body) of a request."""
        command = ['curl', '-sS', '--max-time', str(60 * self.patience), '--cacert', self.ca, '-b', self.jar, '-c', self.jar, '-w', '\n%{http_code}']
        for h in self.headers:
            command += ['-H', h]
        if body is not None:
            command += ['-H', 'Content-Type: application/json', '-d', json.dumps(body)]
        if method:
            command += ['-X', method]
        out = subprocess.run([*command, *more, f'https://127.0.0.1:{self.port}{path}'], capture_output=True, text=True, timeout=90 * self.patience)
        assert out.returncode == 0, f'{path}: curl {out.returncode}: {out.stderr}'
        text, status = out.stdout.rsplit('\n', 1)
        return int(status), text

    def tag(self, path):
        """The version of what is there, for If-Match."""
        status, head = self.ask(path, None, None, '-D', '-', '-o', '/dev/null')
        assert status == 200, f'{path}: {status}'
        return re.search(r'etag: ("[0-9a-f]{16}")', head).group(1)

    def until(self, path, want, method='POST', tries=100):
        """Ask again while the answer is: not yet."""
        for _ in range(tries):
            status, text = self.ask(path, method=method)
            if status == want:
                return
            assert status == 409, f'{path}: {status}: {text}'
            time.sleep(0.2)
        raise AssertionError(f'{path}: {text}')

    def get(self, path, body=None, method=None, want=200, more=()):
        status, text = self.ask(path, body, method, *more)
        assert status == want, f'{path}: {status}: {text}'
        return text if path in ('/v1/plan', '/metrics') or not text else json.loads(text)


class Client:
    """One connection that stays, with a token."""

    def __init__(self, api, token):
        self.context = ssl.create_default_context(cafile=api.ca)
        self.context.check_hostname = False
        self.http = http.client.HTTPSConnection('127.0.0.1', api.port, timeout=600, context=self.context)
        self.headers = {'Authorization': f'Bearer {token}', 'Content-Type': 'application/json'}

    def ask(self, method, path, body=None, want=200):
        self.http.request(method, path, json.dumps(body) if body else None, self.headers)
        answer = self.http.getresponse()
        text = answer.read()
        assert answer.status == want, f'{method} {path}: {answer.status} {text[:300]}'
        return json.loads(text) if text else None

    def until(self, method, path, want):
        for _ in range(200):
            try:
                return self.ask(method, path, None, want)
            except AssertionError as e:
                last = e
                time.sleep(0.1)
        raise last


def enter(m):
    """Enrol by the console's code, log in."""
    fingerprint = m.expect(r"certificate's SHA-256 ([0-9A-F:]{95})", 120 * m.patience).group(1)
    view(m, '0')
    m.at = len(m.text)
    code = shell(m, 'web', r'enrolment code ([A-Z2-9-]{19})', 60).group(1)
    api = Api(m.ports[443], fingerprint, m.patience)
    assert api.ask('/v1/guests')[0] == 401
    api.get('/v1/enrol', {'code': code, 'user': 'root', 'password': PASSWORD}, want=201)
    assert api.ask('/v1/enrol', {'code': code, 'user': 'two', 'password': PASSWORD})[0] == 403
    assert api.ask('/v1/login', {'user': 'root', 'password': 'wrong password'})[0] == 401
    api.headers = ['X-CSRF-Token: ' + api.get('/v1/login', {'user': 'root', 'password': PASSWORD})['csrf']]
    return api


def old_tls_is_refused(port):
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers('ALL:@SECLEVEL=0')
    try:
        with socket.create_connection(('127.0.0.1', port), timeout=30) as s, context.wrap_socket(s):
            raise AssertionError('TLS 1.1 was taken')
    except (ssl.SSLError, ConnectionError):
        pass


def whole_plan(api):
    """What GET gives is no change; each change of it is said by key, and what only a start changes is refused."""
    plan = api.get('/v1/plan')
    assert '[guest.third]' in plan

    def put(text, path='/v1/plan?dry_run', *more):
        status, answer = api.ask(path, None, 'PUT', '-H', 'Content-Type: application/toml', '--data-binary', text, *more)
        return status, json.loads(answer)
    assert put(plan) == (200, {'dry_run': True, 'lasting': False, 'changes': []})
    status, wrong = put(plan.replace('log = "info"', 'log = "debug"'))
    assert (status, wrong['key']) == (422, 'machine.log'), wrong
    assert put(plan + '\n[guest.more]\ncores = 1\n')[0] == 422
    status, _ = put(plan, '/v1/plan')
    assert status == 428
    tag = ('-H', 'If-Match: ' + api.tag('/v1/plan'))
    assert put(plan, '/v1/plan', *tag)[0] == 202
    without = plan[:plan.index('[guest.third]')]
    status, wrong = put(without, '/v1/plan', *tag)
    assert status == 409 and 'third' in wrong['detail'], wrong     # it runs
    assert api.get('/v1/plan/history') == {'lasting': False, 'newest': 0, 'kept': []}


def come_and_go(m, api):
    """One goes, another one with its cores comes, is changed; mistakes are answered by key."""
    keys = api.get('/v1/guests/right')['plan']
    assert keys['memory'] == '192MiB' and keys['boot']['type'] == 'linux', keys
    assert api.ask('/v1/guests', {**keys, 'name': 'third', 'memory': '64 MB'})[0] == 422
    wrong = json.loads(api.ask('/v1/guests', {**keys, 'name': 'third', 'cores': 2})[1])
    assert wrong['key'] == 'cores' and wrong['errors'], wrong
    api.get('/v1/guests/right/kill', method='POST', want=202)
    api.until('/v1/guests/right', 200, 'DELETE')
    third = api.get('/v1/guests', {**keys, 'name': 'third', 'cores': 1}, want=201)
    assert third['state'] == 'off', third
    assert api.ask('/v1/guests/third', {**keys, 'cores': 2}, 'PUT')[0] == 428
    seen = ('-H', 'If-Match: ' + api.tag('/v1/guests/third'))
    api.get('/v1/guests/third', {**keys, 'cores': 2}, 'PUT', more=seen)
    api.get('/v1/guests/third', {**keys, 'cores': 1}, 'PUT', want=412, more=seen)
    api.until('/v1/guests/third/start', 202)
    m.expect(r'guest third: running', 60)
    whole_plan(api)


def upload(api, name, data, want=201, *more):
    """PUT a file; (status, answer)."""
    with tempfile.NamedTemporaryFile() as f:
        f.write(data)
        f.flush()
        status, text = api.ask(f'/v1/files/{name}', None, None, '-T', f.name, *more)
    assert status == want, f'{name}: {status}: {text}'
    return json.loads(text)


def uploads(m, _plan):
    """A kernel sent whole and in pieces boots a guest made with it; what is cut leaves nothing; its RAM comes back."""
    ready(m)
    api = enter(m)
    with open(f'{plans.GUEST}/hello.elf', 'rb') as f:
        kernel = f.read()
    before = lifeguests.audit(m)
    free = sum(r['bytes'] for r in api.get('/v1/machine')['memory'] if r['what'] == 'free')
    assert upload(api, 'up.elf', kernel)['whole']
    half = len(kernel) // 2
    piece = [f'Content-Range: bytes 0-{half - 1}/{len(kernel)}', f'Content-Range: bytes {half}-{len(kernel) - 1}/{len(kernel)}']
    assert upload(api, 'two.elf', kernel[:half], 202, '-H', piece[0])['received'] == half
    upload(api, 'two.elf', kernel[:half], 416, '-H', f'Content-Range: bytes 7-{half + 6}/{len(kernel)}')
    assert api.get('/v1/files/two.elf')['received'] == half
    assert upload(api, 'two.elf', kernel[half:], 201, '-H', piece[1])['whole']
    upload(api, 'up.elf', kernel, 409)
    upload(api, 'hello.elf', kernel, 409)
    upload(api, '.hidden', kernel, 422)
    upload(api, 'big', b'x', 400, '-H', 'Content-Range: bytes 0-8/9000')
    for name in ('up.elf', 'two.elf'):
        api.get('/v1/guests', {'name': 'copy', 'cores': 1, 'memory': '32MiB', 'test_device': True, 'restart': 'never',
                               'boot': {'type': 'elf', 'file': name}}, want=201)
        assert api.ask(f'/v1/files/{name}', method='DELETE')[0] == 409
        api.until('/v1/guests/copy/start', 202)
        m.expect(r'guest copy: ended result=0', 60)
        api.until('/v1/guests/copy', 200, 'DELETE')
        api.get(f'/v1/files/{name}', method='DELETE', want=204)
    cut(api, 'cut.iso')
    data = os.urandom(11 << 20)      # in chunks: it moves three times
    assert upload(api, 'chunks', data, 201, '-H', 'Transfer-Encoding: chunked')['bytes'] == len(data)
    api.get('/v1/files/chunks', method='DELETE', want=204)
    parts(api)
    upload(api, 'large', os.urandom(24 << 20), 201)
    lifeguests.audit(m)
    api.get('/v1/files/large', method='DELETE', want=204)
    assert [f['name'] for f in api.get('/v1/files') if not f['loaded']] == []
    lost = free - sum(r['bytes'] for r in api.get('/v1/machine')['memory'] if r['what'] == 'free')
    assert 0 <= lost <= 8 << 20, f'{lost} bytes are not free again'     # the pool may have grown
    after = lifeguests.audit(m)
    return f'{before} before, {after} after'


def parts(api):
    """A console's record in two parts is the record."""
    whole = api.ask('/v1/guests/tick/record')[1]
    tag = api.tag('/v1/guests/tick/record')
    first = api.ask('/v1/guests/tick/record', None, None, '-H', 'Range: bytes=0-9')
    rest = api.ask('/v1/guests/tick/record', None, None, '-H', 'Range: bytes=10-', '-H', f'If-Range: {tag}')
    assert first == (206, whole[:10]) and rest[0] in (200, 206), f'{first} {rest[0]}'
    assert rest[1].startswith(whole[10:] if rest[0] == 206 else whole), 'another record'     # it may have grown
    assert api.ask('/v1/guests/tick/record', None, None, '-H', 'Range: bytes=999999-')[0] == 416


def cut(api, name):
    """A connection that ends in the middle of its file."""
    context = ssl.create_default_context(cafile=api.ca)
    context.check_hostname = False
    cookie = re.search(r'__Host-session\s+(\S+)', open(api.jar).read()).group(1)
    with socket.create_connection(('127.0.0.1', api.port), timeout=30) as s, context.wrap_socket(s) as t:
        t.sendall((f'PUT /v1/files/{name} HTTP/1.1\r\nHost: a\r\nCookie: __Host-session={cookie}\r\n{api.headers[0]}\r\n'
                   'Content-Length: 5000000\r\n\r\n').encode() + bytes(100000))
        for _ in range(100):
            if api.ask(f'/v1/files/{name}')[0] == 200:
                break
    for _ in range(100):
        if api.ask(f'/v1/files/{name}')[0] == 404:
            return
        time.sleep(0.2)
    raise AssertionError('a file that was cut is still there')


def cycles(m, _plan):
    """A thousand guests made, started, ended and deleted through the API; nothing is left of them."""
    ready(m)
    api = enter(m)
    guest = {'name': 'copy', 'cores': 1, 'memory': '32MiB', 'test_device': True, 'restart': 'never',
             'boot': {'type': 'elf', 'file': 'hello.elf'}, 'net': [{'switch': 'lan'}], 'display': True}
    client = Client(api, api.get('/v1/tokens', {'name': 'cycles', 'role': 'admin'}, want=201)['token'])
    before = None
    for i in range(CYCLES):
        client.ask('POST', '/v1/guests', guest, 201)
        client.until('POST', '/v1/guests/copy/start', 202)
        while client.ask('GET', '/v1/guests/copy')['state'] not in ('ended', 'clearing'):
            time.sleep(0.05)
        client.until('DELETE', '/v1/guests/copy', 200)
        if not i or i % 50 == 49:
            now = lifeguests.audit(m)
            before = before or now
            assert now == before, f'round {i}: {now}, after the first one {before}'
    return f'{CYCLES} times'


def web(m, _plan):
    """Enrol, log in, list, type in a console, stop and start a guest, a token, metrics."""
    linux_boots(m, ('left', 'right'))
    m.at = 0
    api = enter(m)
    guests = api.get('/v1/guests')
    assert [g['name'] for g in guests] == ['left', 'right'] and all(g['state'] == 'running' for g in guests), guests
    assert api.get('/v1/guests/left')['exits'] > 100
    old_tls_is_refused(api.port)
    screenrows.type_in_console(m, api, 'left')
    api.get('/v1/guests/right/kill', method='POST', want=202)
    m.expect(r'GUEST-KILLED', 30)
    assert api.get('/v1/guests/right')['last_end']['id'] == 'GUEST-KILLED'
    api.until('/v1/guests/right/start', 202)
    m.expect(r'guest right: running', 60)
    come_and_go(m, api)
    token = api.get('/v1/tokens', {'name': 'ci', 'role': 'viewer'}, want=201)['token']
    viewer = Api.__new__(Api)
    viewer.port, viewer.ca, viewer.jar, viewer.headers = api.port, api.ca, '/dev/null', [f'Authorization: Bearer {token}']
    assert viewer.get('/metrics').endswith('# EOF\n')
    assert viewer.ask('/v1/guests/left/kill', method='POST')[0] == 403
    assert 'memory = "192MiB"' in viewer.get('/v1/plan')
    described = viewer.get('/openapi.json')['paths']
    assert '/v1/guests/{name}/start' in described
    assert [r['result'] for r in api.get('/v1/audit')].count('refused') >= 3
    return 'TLS 1.2 and 1.3, enrolment, session, token, API'
