#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make bench-web: what the HTTPS server costs, in executed instructions, in QEMU 10 with the plugin iomarks.c, beside the limits of its
issue: a handshake (and the same mbedTLS as a process of a Linux guest on the same machine, tlsload.c), a list of 16 guests, a guest made
and started by the API, bytes of the page, image and memory. Prints a Markdown table; OVER is an exit status of 1. QEMU 10
cannot count with icount and several cores at once: means differ a little from run to run."""
import bisect
import collections
import os
import re
import socket
import ssl
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, f'{ROOT}/tests/boot')
import matrix  # noqa: E402
import plans  # noqa: E402
import webrows  # noqa: E402
from machine import Qemu10, Timeout  # noqa: E402

OUT = 'build/bench'
GUESTS = 14             # beside the Linux guest and one that is made: 16
HANDSHAKES, LISTS, MADE = 40, 200, 8
STEP_1, STEP_2, SHAKE, LIST, MAKE = 1, 2, 10, 11, 12        # samples
BEGIN, END, LAP = 1, 2, 3
PATIENCE = 6            # QEMU with a plugin
PAGE = ['/', *(f'/page/{f}' for f in ('app.js', 'app.css', 'terminal.js', 'terminal.css', 'screen.js', 'icon.svg'))]
CORES = GUESTS + 3
MADE_KEYS = {'name': 'made', 'cores': 1, 'memory': '128MiB', 'restart': 'never', 'boot': {'type': 'elf', 'file': 'idle.elf'}}
BRING = '#!/bin/sh\nset -e\ntlsload both %d\necho tls-done\n' % HANDSHAKES
RESIDENT = (16 << 20, 256 << 10, 1 << 20)       # of the hypervisor itself, a core, a guest


def functions():
    """Of the hypervisor: (address, name), in order."""
    rows = [line.split() for line in subprocess.run(['nm', '-n', 'build/hv.elf'], capture_output=True, text=True, check=True).stdout.splitlines()]
    return [(int(r[0], 16), r[2]) for r in rows if len(r) == 3 and r[1] in 'tT']


def defined_in(*folders):
    """Names of the functions of these objects."""
    files = [f'{d}/{f}' for top in folders for d, _, names in os.walk(top) for f in names if f.endswith('.o')]
    rows = subprocess.run(['nm', *files], capture_output=True, text=True, check=True).stdout.splitlines()
    return {r.split()[-1] for r in rows if re.search(r' [tT] ', r)}


def build():
    os.makedirs(f'{OUT}/web/bin', exist_ok=True)
    subprocess.run(['gcc', '-shared', '-fPIC', '-O2', '-Wall', '-Wextra', '-o', f'{OUT}/iomarks.so', 'tests/bench/iomarks.c'], check=True)
    subprocess.run(['make', '-s', 'test-guests', f'{OUT}/tlsload'], check=True)
    subprocess.run(['cp', f'{OUT}/tlsload', f'{OUT}/web/bin/'], check=True)
    open(f'{OUT}/web/bin/tlsall', 'w').write(BRING)
    os.chmod(f'{OUT}/web/bin/tlsall', 0o755)
    subprocess.run(['guests/linux/recipe.sh', plans.LINUX], check=True)
    more = subprocess.run('find . | cpio -o -H newc -R 0:0 --quiet | gzip -1', shell=True, check=True, capture_output=True, cwd=f'{OUT}/web').stdout
    open(f'{OUT}/web-initrd.img', 'wb').write(open(f'{plans.LINUX}/initrd.img', 'rb').read() + more)


def plan():
    """14 guests that sleep for ever, a Linux guest, one core for whoever is made later."""
    text = '[machine]\nimport = ["idle.elf"]\n' + plans.linux_guest('linux', 1, '192MiB', cmdline='nokaslr').replace('initrd.img', 'web.img')
    text += ''.join(plans.elf_guest(f'still{i}', 'hltforever', test=False) for i in range(GUESTS))
    files = {f'{n}.elf': f'{plans.GUEST}/{n}.elf' for n in ('hltforever', 'idle')}
    return plans.Plan('bench-web', text, files | {'web.img': f'{OUT}/web-initrd.img', 'vmlinuz': f'{plans.LINUX}/vmlinuz'})


def machine(marks):
    """Markers: a handshake's first and last function, the answer to a list, from making a guest to what it executes first."""
    at = {name: f'{address:x}' for address, name in functions()}
    entry = re.search(r'Entry point address: +0x(\w+)', subprocess.run(['readelf', '-h', f'{plans.GUEST}/idle.elf'], capture_output=True,
                                                                       text=True, check=True).stdout).group(1)
    places = [(at['tls_open'], BEGIN, SHAKE), (at['mbedtls_ssl_tls13_handshake_wrapup'], END, SHAKE), (at['api_guests'], LAP, LIST), (at['api_files'], END, LIST),
              (at['api_guest_create'], BEGIN, MAKE), (entry, END, MAKE)]
    words = [f'at={a}:{kind}:{number}' for a, kind, number in places] + [f'profile={n}' for n in (SHAKE, LIST)]
    plugin = ','.join([f'{os.path.abspath(OUT)}/iomarks.so', f'out={marks}', f'round={at["loop_round"]}', f'vain={at["control_work_lingers"]}', *words])
    return Qemu10(matrix.image(plan()), cores=CORES, memory=1536, cpu='EPYC-Rome,+svm,+npt', screen=False, card='virtio-net-pci',
                  ports=(443,), keep=f'{OUT}/log/web.txt', extra=['-plugin', plugin])


def over_the_wire(api):
    """Bytes that come for the whole page over one TLS connection, its handshake included."""
    context = ssl.create_default_context(cafile=api.ca)
    context.check_hostname = False
    incoming, outgoing, got = ssl.MemoryBIO(), ssl.MemoryBIO(), 0
    with socket.create_connection(('127.0.0.1', api.port), timeout=600) as s:
        tls = context.wrap_bio(incoming, outgoing)

        def step(act, *arguments):
            nonlocal got
            while True:
                try:
                    result = act(*arguments)
                    s.sendall(outgoing.read())
                    return result
                except ssl.SSLWantReadError:
                    s.sendall(outgoing.read())
                    data = s.recv(65536)
                    assert data, 'the connection ended'
                    got += len(data)
                    incoming.write(data)
        step(tls.do_handshake)
        for path in PAGE:
            step(tls.write, f'GET {path} HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n'.encode())
            text = b''
            while b'\r\n\r\n' not in text:
                text += step(tls.read, 16384)
            head, body = text.split(b'\r\n\r\n', 1)
            assert head.startswith(b'HTTP/1.1 200 '), head
            left = int(re.search(rb'content-length: (\d+)', head).group(1)) - len(body)
            while left:
                left -= len(step(tls.read, min(left, 16384)))
    return got


def make_and_start(client):
    """A guest of 128 MiB, ended and deleted again."""
    for _ in range(MADE):
        client.ask('POST', '/v1/guests', MADE_KEYS, 201)
        client.ask('POST', '/v1/guests/made/start', None, 202)
        while client.ask('GET', '/v1/guests/made')['state'] != 'running':
            time.sleep(0.1)
        time.sleep(2)
        client.ask('POST', '/v1/guests/made/kill', None, 202)
        client.until('DELETE', '/v1/guests/made', 200)
        time.sleep(3)           # what it leaves is cleared


def drive(m):
    """-> what is not counted by the plugin"""
    m.expect(r'bulkhead: ready', 600)
    webrows.view(m, '0')
    time.sleep(20)
    m.at = len(m.text)
    start = m.at
    m.type('memory\r')
    m.expect(r'Audit: [^\r\n]*', 120)
    found = {k: bytes_of(v) for k, v in re.findall(r'^ +(\S[\w ]*?) +([\d.]+ \w+)  ', m.text[start:].split('Hypervisor:')[1], re.M)}
    m.at = 0
    api = webrows.enter(m)
    token = api.get('/v1/tokens', {'name': 'bench', 'role': 'admin'}, want=201)['token']
    subprocess.run([f'{OUT}/tlsload', 'connect', '127.0.0.1', str(m.ports[443]), str(HANDSHAKES)], check=True, timeout=1800)
    client = webrows.Client(api, token)
    client.ask('POST', '/v1/guests', MADE_KEYS, 201)
    for _ in range(LISTS + 1):
        assert len(client.ask('GET', '/v1/guests')) == GUESTS + 2
    client.ask('GET', '/v1/files')
    client.until('DELETE', '/v1/guests/made', 200)
    make_and_start(client)
    wire = over_the_wire(api)
    webrows.view(m, '1')
    m.type('\r')
    m.expect('linux# ', 300)
    m.type('tlsall\r')
    m.expect(r'[\r\n]tls-done', 1800)
    return wire, found


def read_marks(path):
    """Samples by their number, and of each profile: functions -> instructions a sample."""
    text, known = open(path).read(), functions()
    starts = [a for a, _ in known]
    samples = {int(n): {'n': int(count), **{k: (int(low), int(mid)) for k, low, mid in re.findall(r' (\w+)=(\d+)/(\d+)', rest)}}
               for n, count, rest in re.findall(r'^SAMPLE id=(\d+) n=(\d+)(.*)$', text, re.M)}
    profiles = collections.defaultdict(collections.Counter)
    for number, at, n in re.findall(r'PROFILE (\d+) ([0-9a-f]+) (\d+)', text):
        name = known[bisect.bisect_right(starts, int(at, 16) + 15) - 1][1]
        profiles[int(number)][name] += int(n) / samples[int(number)]['n']
    return samples, profiles


def bytes_of(words):
    n, unit = words.split()
    return float(n) * {'B': 1, 'bytes': 1, 'KiB': 1 << 10, 'MiB': 1 << 20}[unit]


def table(samples, profiles, wire, memory):
    """Rows (what, measured, limit)."""
    library = defined_in('build/third_party/obj/web/mbedtls')
    port = defined_in('build/hv/lib') | {n for f in ('heap', 'entropy', 'mbedtls_port', 'tls', 'fiber', 'wire', 'web_libc')
                                         for n in defined_in_file(f'build/hv/web/{f}.o')}
    shake = sum(n for name, n in profiles[SHAKE].items() if name in library | port)
    linux = samples[STEP_1]['ownlow'][1] + samples[STEP_2]['ownlow'][1]
    # The lap of a list ends with the next one: all that the core did and that was not in vain, TLS taken off by its functions.
    tls = sum(n for name, n in profiles[LIST].items() if name in library)
    used = memory['image'] + memory['pool'] - memory['free']
    itself, core, guest = RESIDENT
    if os.environ.get('PROFILE'):
        for number in (SHAKE, LIST):
            print(number, *(f'{n:.0f} {name}\n' for name, n in profiles[number].most_common(40)), file=sys.stderr)
    return [('a TLS 1.3 handshake, instructions of mbedTLS and what it calls', shake, 1.1 * linux),
            ('the same in a Linux process', linux, None),
            (f'`GET /v1/guests` with {GUESTS + 2} guests, beyond TLS', samples[LIST]['busy'][1] - tls, 300_000),
            ('of it TLS, not counted', tls, None),
            ('a guest of 128 MiB made and started by the API, to its first instruction', samples[MAKE]['busy'][1], 3_000_000),
            ('the page, all of its files, bytes over the wire', wire, 250_000),
            ('bulkhead.efi, bytes', os.path.getsize('build/bulkhead.efi'), 2 << 20),
            (f'memory in use at rest: image and pool, without what {GUESTS + 1} guests and {CORES} cores have in it, bytes',
             used - memory['guests'] - memory['cores'], itself),
            ('image and all of the pool, bytes', memory['image'] + memory['pool'], itself + core * CORES + guest * (GUESTS + 1))]


def defined_in_file(path):
    rows = subprocess.run(['nm', path], capture_output=True, text=True, check=True).stdout.splitlines()
    return {r.split()[-1] for r in rows if re.search(r' [tT] ', r)}


def main():
    os.chdir(ROOT)
    os.makedirs(f'{OUT}/log', exist_ok=True)
    matrix.OUT = OUT
    if not Qemu10.available():
        print('bench-web: QEMU 10 could not be had here (tests/tools/qemu10.sh)', file=sys.stderr)
        return 1
    build()
    marks = os.path.abspath(f'{OUT}/web.marks')
    try:
        with machine(marks) as m:
            m.patience = PATIENCE
            wire, memory = drive(m)
    except (Timeout, AssertionError, OSError) as e:
        print(f'bench-web: {e}', file=sys.stderr)
        return 1
    rows, bad = table(*read_marks(marks), wire, memory), False
    print('| what | measured | limit | |\n|---|---:|---:|---|')
    for what, n, limit in rows:
        over = limit is not None and n > limit
        bad |= over
        print(f'| {what} | {n:,.0f} | {f"{limit:,.0f}" if limit else "-"} | {"OVER" if over else "PASS" if limit else ""} |')
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main())
