# SPDX-License-Identifier: Apache-2.0
"""Two guests on a LAN through a card of Intel's on a tap of the test's own, in one boot that Bochs (VMX) can do, too: in small numbers of
bytes what net-lan and net-hostile do with QEMU's virtio card. Bochs cannot take the link of its e1000 away, so it is the wire behind that
breaks."""
import hashlib
import json
import os
import random
import re
import subprocess
import sys
import time

from netlab import FAR, HOST, LEFT, MACHINE, PEER, SCAPY, THIRD, drops, isolated, link, mac_of, record, recorded, report, wait
from pcguests import RecipePlan
from scenarios import linux_boots, shell, view

MIB = 1 << 20
GUESTS = ('left', 'third')
FORWARDS = 'nat = true\nforward = ["2201:left:22", "8081:third:80"]'


def two(text):
    """Left and third of the lab's three, both held to their addresses, some ports that lead to them."""
    at = text.index('[guest.right]')
    text = text[:at] + text[text.index('[guest.third]'):]
    return text.replace('nat = true', FORWARDS).replace('00:0c" }', f'00:0c", address = ["{THIRD}", "fd99::c"] }}')


lab = RecipePlan('netlab', 'net-bochs', two)


def serve(m, name, size):
    """A file on the build host's web server: its sum."""
    data = random.Random(name).randbytes(size)
    with open(f'{m.dir}/www/{name}', 'wb') as f:
        f.write(data)
    return hashlib.sha256(data).hexdigest()


def beside(m, *words):
    """A command beside the machine, which must succeed: what it prints."""
    return subprocess.run([*m.inside(), *words], check=True, stdout=subprocess.PIPE, text=True, timeout=60 * m.patience).stdout


def brought(m):
    """Bytes that the tap took for the machine."""
    return json.loads(beside(m, 'ip', '-s', '-j', 'link', 'show', 'tap0'))[0]['stats64']['tx']['bytes']


def up(m):
    log, clock = m.peer(sys.executable, PEER, 'syslog'), m.peer(sys.executable, PEER, 'sntp', '86400')
    os.mkdir(f'{m.dir}/www')
    m.peer(sys.executable, '-m', 'http.server', '8000', '--directory', f'{m.dir}/www')
    m.peer('iperf3', '-s')
    linux_boots(m, GUESTS)
    for name in GUESTS:
        wait(lambda: m.ssh(name, 'ip -4 addr show eth1; true').count('10.77.0.'), f'{name}: no address by DHCP', 120)
        m.ssh(name, f'ip -6 addr add fd99::{"ac"[name == "third"]}/64 dev eth0; iperf3 -s -D >/dev/null 2>&1')
    wait(lambda: 'answered' in open(clock).read(), 'the time server was not asked')
    tomorrow = time.strftime('%Y-%m-%d', time.gmtime(time.time() + 86400))
    wait(lambda: re.search(rf'<\d+>1 {tomorrow}T', open(log).read()), 'the time was not set: ' + open(log).read()[-300:])
    view(m, '0')
    m.at = len(m.text)


def pings(m):
    """Guest to guest, to the outside, the hypervisor both ways; IPv4 and IPv6."""
    for name, other in (('left', THIRD), ('third', HOST)):
        assert '3 packets received' in m.ssh(name, f'ping -c 3 {other}'), f'{name} does not reach {other}'
    for name, other in (('left', 'fd99::c'), ('third', 'fd99::1'), ('left', 'fd99::2')):
        said = m.ssh(name, f'sleep 2; ping6 -c 3 {other}')
        assert '3 packets received' in said, f'{name} does not reach {other}: {said}'
    for address in (MACHINE, LEFT, THIRD):
        mac_of(m, address)
    for address in (HOST, 'fd99::1'):
        m.at = len(m.text)
        shell(m, f'ping {address} 2', r'2 sent, 2 answered, 0 lost', 30)


def streams(m):
    """TCP by iperf3, 1 MiB each; the last two at once."""
    for what in (f'-c {THIRD}', f'-c {THIRD} -R', f'-c {HOST}', f'-c {HOST} -R', '-6 -c fd99::1', '-6 -c fd99::c'):
        whole(m.ssh('left', f'iperf3 -J -n 1M {what}', 120), what)
    both = [m.begin(name, f'iperf3 -J -n 1M -c {to}') for name, to in (('left', HOST), ('third', LEFT))]
    for p in both:
        whole(m.end(p, 120), 'two at once')


def whole(said, what):
    """A server counts what it has read when its client is at the end: the last part may be missing."""
    sent, received = (report(said)['end'][f'sum_{way}']['bytes'] for way in ('sent', 'received'))
    assert sent >= MIB and received >= (MIB if '-R' in what else 1), f'{what}: {sent} bytes sent, {received} received'


def nat(m):
    """Out through NAT, with a download compared; in by forwarded ports: a page, ssh."""
    want = serve(m, 'nat', MIB)
    assert want in m.ssh('left', f'wget -q -O - http://{FAR}:8000/nat | sha256sum', 120), 'the download by NAT differs'
    whole(m.ssh('third', f'iperf3 -J -n 1M -c {FAR}', 120), 'out by NAT')
    want = m.ssh('third', f'yes bulkhead | head -c {MIB} | tee /www/big | sha256sum').split()[0]
    page = beside(m, 'curl', '-s', '--max-time', str(30 * m.patience), '--interface', FAR, f'http://{MACHINE}:8081/big')
    assert hashlib.sha256(page.encode()).hexdigest() == want, f'the forwarded page has {len(page)} bytes, and differs'
    said = m.end(m.begin('left', 'hostname', '-o', f'HostName={MACHINE}', '-p', '2201', '-b', FAR), 60)
    assert said.startswith('left'), said


SPOOFS = {'mac': 'MAC address that is not its own', 'arpspoof': 'claiming another', 'ip': 'IP address that is not its own', 'ra': 'as a router'}


def spoofs(m):
    """Refused, counted, and not one of them on the wire."""
    wire, before = record(m, 'spoofed'), drops(m, 'third.0')
    said = m.ssh('third', 'for kind in ' + ' '.join(SPOOFS) + '; do frames $kind eth0 50; done')
    assert said.count('50 sent') == len(SPOOFS), said
    after = drops(m, 'third.0')
    for kind, words in SPOOFS.items():
        more = [n - before.get(w, 0) for w, n in after.items() if words in w]
        assert sum(more) >= 50, f'{kind}: {after}'
    m.ssh('third', f'ping -c 1 {HOST}')
    wait(lambda: recorded(wire, f'icmp && ip.src == {THIRD}'), 'the wire was not recorded')
    count = recorded(wire, 'eth.src == 52:54:00:00:00:77 || arp.src.proto_ipv4 == 10.99.0.11 || ip.src == 10.99.0.11 || '
                     '(icmpv6.type == 134 && eth.src == 52:54:00:00:00:0c)')
    assert not count, f'{count} spoofed frames on the wire'


def download(m, name, size, disturb):
    """A file over the LAN, compared; in the midst of it something happens."""
    size *= 1 if m.name == 'bochs' else 48
    want, before = serve(m, name, size), brought(m)
    p = m.begin('left', f'wget -q -O - http://{HOST}:8000/{name} | sha256sum')
    wait(lambda: brought(m) - before > size // 4, f'{name}: nothing comes', 60 * m.patience, 0.1)
    came = brought(m) - before
    assert came < size * 3 // 4, f'{name}: {came} of {size} bytes are here before anything happens'
    disturb()
    said = m.end(p, 180)
    assert want in said, f'{name}: the download differs: {said}'


def floods(m):
    """Scapy's frames at the hypervisor and at a guest, then a guest's own, while another downloads."""
    def strangers():
        for address, address6 in ((MACHINE, 'fd99::2'), (THIRD, 'fd99::c')):
            said = m.peer('/usr/bin/python3', SCAPY, 'tap0', macs[address], address, address6, '1')
            wait(lambda: 'SCAPY' in open(said).read(), f'scapy came to no end: {open(said).read()[-300:]}', 60 * m.patience)

    def guest():
        said = m.ssh('third', 'for kind in storm unknown arp syn vlan; do frames $kind eth0 1000; done', 120)
        assert said.count('FRAMES') == 5, said

    macs = {a: mac_of(m, a) for a in (MACHINE, THIRD)}
    download(m, 'scapy', 2 * MIB, strangers)
    download(m, 'flood', 2 * MIB, guest)
    for address in macs:
        mac_of(m, address)
    why = drops(m, 'third.0')
    assert any('too many to everybody' in w for w in why), f'no storm was limited: {why}'


def breaks(m):
    """The machine's card begins anew, the wire, or the link, is gone for some seconds: each in the midst of a download."""
    def reset():
        m.at = len(m.text)
        shell(m, 'net reset net0', r'net0 is being reset')
        m.expect(r'net0: reset: it was asked for', 20 * m.patience)

    def wire():
        beside(m, 'ip', 'link', 'set', 'tap0', 'carrier', 'off')
        time.sleep(4)
        beside(m, 'ip', 'link', 'set', 'tap0', 'carrier', 'on')

    def flap():
        for state, way in (('off', 'down'), ('on', 'up')):
            m.monitor(f'set_link n0 {state}')
            wait(lambda: link(m) == way, f'the link is not {way}')
            time.sleep(2)

    view(m, '0')
    download(m, 'reset', 2 * MIB, reset)
    download(m, 'wire', 2 * MIB, wire)
    if m.name != 'bochs':
        download(m, 'flap', 2 * MIB, flap)
    shell(m, 'memory', r'Audit: every frame has one owner')


def lan(m, _plan):
    seen, start = [], time.time()
    for part in (up, pings, streams, nat, isolated, spoofs, floods, breaks):
        part(m)
        seen.append(f'{part.__name__} {time.time() - start:.0f} s')
        start = time.time()
    return ', '.join(seen)
