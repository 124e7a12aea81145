# SPDX-License-Identifier: Apache-2.0
"""A guest's screen and console in the browser, as WebSocket clients of the build host see them."""
import base64
import hashlib
import os
import re
import socket
import ssl
import struct
import time

import rfb
import shot as shots
import webrows
from scenarios import shell


class WebSocket:
    """RFC 6455, the client's end, over TLS."""

    def __init__(self, api, path, protocols='binary', token=None):
        context = ssl.create_default_context(cafile=api.ca)
        context.check_hostname = False
        self.at = b''
        self.closed = None
        self.pings = 0
        raw = socket.create_connection(('127.0.0.1', api.port), timeout=60 * api.patience)
        self.s = context.wrap_socket(raw)
        key = base64.b64encode(os.urandom(16)).decode()
        who = [f'Authorization: Bearer {token}'] if token else [f'Cookie: {self.cookie(api.jar)}', f'Origin: https://127.0.0.1:{api.port}']
        self.s.sendall('\r\n'.join([f'GET {path} HTTP/1.1', f'Host: 127.0.0.1:{api.port}', 'Connection: keep-alive, Upgrade',
                                    'Upgrade: websocket', 'Sec-WebSocket-Version: 13', f'Sec-WebSocket-Key: {key}',
                                    *([f'Sec-WebSocket-Protocol: {protocols}'] if protocols else []), *who, '', '']).encode())
        head = b''
        while b'\r\n\r\n' not in head:
            data = self.s.recv(1)
            assert data, head
            head += data
        self.head = head.decode()
        assert self.head.startswith('HTTP/1.1 101 '), self.head
        want = base64.b64encode(hashlib.sha1((key + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').encode()).digest()).decode()
        assert f'sec-websocket-accept: {want}\r\n' in self.head, self.head
        assert not protocols or f'sec-websocket-protocol: {protocols}\r\n' in self.head, self.head

    @staticmethod
    def cookie(jar):
        for line in open(jar):
            part = line.removeprefix('#HttpOnly_').rstrip('\n').split('\t')
            if len(part) == 7 and part[5] == '__Host-session':
                return f'{part[5]}={part[6]}'
        raise AssertionError('no session')

    def frame(self, opcode, data):
        mask = os.urandom(4)
        size = bytes([0x80 | len(data)]) if len(data) < 126 else b'\xfe' + struct.pack('>H', len(data))
        self.s.sendall(bytes([0x80 | opcode]) + size + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(data)))

    def write(self, data):
        self.frame(2, data)

    def exactly(self, n):
        data = b''
        while len(data) < n:
            part = self.s.recv(n - len(data))
            assert part, 'the connection ended without a close frame'
            data += part
        return data

    def message(self):
        """The next piece of data; pings are answered. None: closed, with self.closed = (code, why)."""
        while True:
            first, size = self.exactly(2)
            assert size < 128, 'a masked frame'
            size = struct.unpack('>H', self.exactly(2))[0] if size == 126 else struct.unpack('>Q', self.exactly(8))[0] if size == 127 else size
            data = self.exactly(size)
            if first == 0x89:
                self.pings += 1
                self.frame(10, data)
            elif first == 0x88:
                self.closed = struct.unpack('>H', data[:2])[0], data[2:].decode()
                self.frame(8, data[:2])
                return None
            else:
                assert first in (0x81, 0x82), f'frame {first:x}'
                return data

    def read(self, n):
        while len(self.at) < n:
            data = self.message()
            assert data is not None, f'closed: {self.closed}'
            self.at += data
        out, self.at = self.at[:n], self.at[n:]
        return out

    def leave(self):
        self.frame(8, struct.pack('>H', 1000))
        while self.message() is not None:
            pass
        assert self.closed[0] == 1000, self.closed
        self.s.close()


class Console:
    """A guest's console without what only moves the cursor, from power-on."""

    def __init__(self, api, name):
        self.ws = WebSocket(api, f'/v1/guests/{name}/console', protocols=None)
        self.text, self.at = b'', 0

    def expect(self, pattern, seconds):
        end = time.time() + seconds
        while time.time() < end:
            plain = re.sub(r'\x1b\[[0-9;=]*[A-Za-z]', '', self.text.decode('latin-1'))
            match = re.compile(pattern).search(plain, self.at)
            if match:
                self.at = match.end()
                return
            self.text += self.ws.message()
        raise AssertionError(f'the console never said {pattern!r}: {plain[-300:]!r}')


def type_in_console(m, api, name):
    """A Linux guest's record, and what its shell answers to a line."""
    console = Console(api, name)
    console.expect(rf'{name}: shell ready[\s\S]*{name}# ', 60 * m.patience)
    console.ws.write(b'echo sum-$((40+2))\r')
    console.expect(r'\ssum-42\s', 60 * m.patience)
    console.ws.leave()


def viewer(api, name, *encodings, token=None):
    """A viewer of that guest's screen that has its picture."""
    ws = WebSocket(api, f'/v1/guests/{name}/screen', token=token)
    c = rfb.Client(ws.read, ws.write)
    c.ws = ws
    c.handshake()
    assert c.name == name, c.name
    c.encodings(*encodings, rfb.DESKTOP_SIZE, rfb.EXTENDED_KEY)
    whole(c)
    return c


def whole(c):
    """All of the picture, at once. The first update may be of a request before."""
    for _ in range(2):
        c.request(0)
        got = c.message()
        while got in (None, [rfb.DESKTOP_SIZE]):
            if got:
                c.request(0)
            got = c.message()


def lines_that_differ(c, width, height, rgb):
    assert (c.width, c.height) == (width, height), f'{c.width}x{c.height}, shot has {width}x{height}'
    want = [rgb[i] << 16 | rgb[i + 1] << 8 | rgb[i + 2] for i in range(0, len(rgb), 3)]
    return sum(c.pixels[y * width:(y + 1) * width] != want[y * width:(y + 1) * width] for y in range(height))


def same_as_shot(m, clients):
    """The cursor may blink between two pictures."""
    for _ in range(5):
        start = m.at
        shell(m, 'shot pc', r'-----END PNG pc-----', 120)
        (_, png), = shots.find(m.text[start:])
        for c in clients:
            whole(c)
        differ = [lines_that_differ(c, *shots.decode(png)) for c in clients]
        if max(differ) <= 4:
            return png
    raise AssertionError(f'{differ} lines of the picture are not what shot shows')


def until_changed(c, before, seconds):
    """Updates as they come until more than a cursor is another; how many tiles came."""
    end, tiles = time.time() + seconds, 0
    while time.time() < end:
        c.request(1)
        tiles += len(c.message() or [])
        if sum(a != b for a, b in zip(c.pixels, before)) > 300:
            return tiles
    raise AssertionError('the picture did not change')


def type_keys(c, text):
    for ch in text:
        keysym = 0xff0d if ch == '\r' else ord(ch)
        c.key(keysym, 1)
        time.sleep(0.05)
        c.key(keysym, 0)
        time.sleep(0.1)


def screen(m, _plan):
    """Firmware's shell on a guest's screen, by RFB: each encoding shows what `shot` shows; keys typed there arrive; a viewer may
    look, not type; mode changes and the guest's end are told; its console has its record from power-on."""
    m.at = 0
    api = webrows.enter(m)
    m.at = 0
    m.expect(r'guest pc: running', 60 * m.patience)
    console = Console(api, 'pc')
    console.expect(r'BdsDxe: loading[\s\S]*Shell>', 120 * m.patience)
    time.sleep(1)
    token = api.get('/v1/tokens', {'name': 'see', 'role': 'viewer'}, want=201)['token']
    clients = [viewer(api, 'pc', e) for e in (rfb.TIGHT, rfb.ZRLE, rfb.RAW)]
    looks = viewer(api, 'pc', rfb.TIGHT, token=token)
    png = same_as_shot(m, [*clients, looks])
    tight, zrle, raw = clients
    assert all(c.extended_keys for c in clients)
    before = list(tight.pixels)
    looks.key(ord('x'), 1)
    looks.key(ord('x'), 0)
    while not looks.bells:
        looks.request(1)
        looks.message()
    type_keys(tight, 'ver\r')
    tiles = until_changed(tight, before, 30 * m.patience)
    console.expect(r' ver\s+UEFI Interactive Shell[\s\S]*Shell>', 20 * m.patience)
    for down in (1, 0):
        tight.key(0xffe1, down)
    time.sleep(0.5)
    raw.scan_code(0x2a, 1)      # who has the writer's place keeps it for ten seconds
    raw.request(0)
    while not raw.bells:
        raw.message()
    time.sleep(11)
    for code in (0x20, 0x1e, 0x14, 0x12, 0x1c):         # d, a, t, e, Enter by their places on the keyboard
        raw.scan_code(code, 1)
        time.sleep(0.1)
        raw.scan_code(code, 0)
        time.sleep(0.1)
    console.expect(r' date\s+\d\d/\d\d/\d{4}', 20 * m.patience)
    raw.pointer(100, 100)
    raw.pointer(120, 90, 1)
    raw.pointer(120, 90, 0)
    same_as_shot(m, clients)
    looks.ws.leave()
    # It is started anew while they look.
    before = list(tight.pixels)
    api.get('/v1/guests/pc/reset', method='POST', want=202)
    until_changed(tight, before, 60 * m.patience)
    console.expect(r'BdsDxe: loading[\s\S]*Shell>', 120 * m.patience)
    time.sleep(1)
    same_as_shot(m, clients)
    api.get('/v1/guests/pc/kill', method='POST', want=202)
    m.expect(r'GUEST-KILLED', 30 * m.patience)
    raw.ws.leave()
    shell(m, 'delete pc', r'guest pc: (?:gone|deleted)', 60)
    for ws in (tight.ws, zrle.ws, console.ws):
        while ws.message() is not None:
            pass
        assert ws.closed == (1001, 'the guest is no more'), ws.closed
    shell(m, 'memory', r'Audit: every frame has one owner')
    shell(m, 'web', r'no memory 0 times')
    return f'{tight.width}x{tight.height}; {tiles} tiles for a line typed; {len(png)} bytes of PNG'
