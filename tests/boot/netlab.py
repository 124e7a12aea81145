# SPDX-License-Identifier: Apache-2.0
"""Guests on a real LAN: a network namespace with a tap, which the test makes (root), is what the machine's card leads to. The build
host talks to the guests from there: ssh, iperf3, time and log servers, a router."""
import ctypes
import json
import os
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'tools'))

import pcap
from machine import LIVE, Bochs, Qemu, Qemu10
from pcguests import RecipePlan
from scenarios import linux_boots, shell, view

HOST, MACHINE, LEFT, RIGHT, THIRD = '10.99.0.1', '10.99.0.2', '10.99.0.10', '10.99.0.11', '10.99.0.12'
FAR = '10.99.1.1'       # the build host's, too; guests have no route there but NAT's
NAMES = ('left', 'right', 'third')
WHERE = {'left': LEFT, 'right': RIGHT, 'third': THIRD}
SCAPY = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'netscapy.py')
PEER = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'netpeer.py')

lab = RecipePlan('netlab')
tcp_syslog = RecipePlan('netlab', 'netlab-hostile', lambda text: text.replace('"udp:', '"tcp:'))


class OnTap:
    """In a network namespace of its own: tap0 there has 10.99.0.1. pairs: of queues of a virtio card."""
    pairs = 1

    def network(self):
        many = (f',queues={self.pairs}', ',mq=on') if self.pairs > 1 else ('', '')
        return ['-netdev', f'tap,id=n0,ifname=tap0,script=no,downscript=no{many[0]}', '-device', f'{self.card or "virtio-net-pci"},netdev=n0{many[1]}']

    def start(self):
        self.holder = subprocess.Popen(['unshare', '-n', 'sh', '-c', 'echo made; exec sleep infinity'], stdout=subprocess.PIPE, start_new_session=True)
        LIVE.add(self.holder.pid)
        self.holder.stdout.readline()
        for words in ('link set lo up', 'tuntap add tap0 mode tap' + (' multi_queue' if self.pairs > 1 else ''), 'link set tap0 up', f'addr add {HOST}/24 dev tap0', f'addr add {FAR}/32 dev lo',
                      '-6 addr add fd99::1/64 dev tap0 nodad'):
            subprocess.run([*self.inside(), 'ip', *words.split()], check=True)
        self.peers = []
        super().start()

    def inside(self):
        return ['nsenter', '-t', str(self.holder.pid), '-n']

    def command(self):
        return self.inside() + super().command()

    def peer(self, *words):
        """A program beside the machine; its output is a file's."""
        path = f'{self.dir}/peer{len(self.peers)}'
        p = subprocess.Popen([*self.inside(), *words], stdout=open(path, 'wb'), stderr=subprocess.STDOUT, start_new_session=True)
        self.peers.append(p)
        LIVE.add(p.pid)
        return path

    def stop(self):
        for p in self.peers:
            if p.poll() is None:
                os.killpg(p.pid, signal.SIGKILL)
            p.wait()
            LIVE.discard(p.pid)
        super().stop()
        self.holder.kill()
        self.holder.wait()
        LIVE.discard(self.holder.pid)

    def ssh(self, name, command, seconds=60):
        return self.end(self.begin(name, command), seconds)

    def begin(self, name, command, *options):
        """options: of ssh, instead of the guest's own address and port 22."""
        config = os.path.abspath('build/guests/netlab/.base/.ssh/config')
        return subprocess.Popen([*self.inside(), 'ssh', '-F', config, *options, '-o', f'HostName={WHERE[name]}', '-o', 'ServerAliveInterval=5',
                                 '-p', '22', f'{name}', command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def end(self, p, seconds=60):
        try:
            said = p.communicate(timeout=seconds * self.patience)[0]
        except subprocess.TimeoutExpired:
            p.kill()
            raise AssertionError(f'{p.args[-2:]}: no end within {seconds} s')
        assert p.returncode == 0, f'{p.args[-2:]}: {p.returncode} {said[-300:]}'
        return said


class QemuTap(OnTap, Qemu):
    """Without card: a virtio one of four pairs of queues."""
    def __init__(self, *args, **kw):
        super().__init__(*args, **kw)
        self.pairs = 1 if self.card else 4


class Qemu10Tap(OnTap, Qemu10):
    pass


class BochsTap(OnTap, Bochs):
    """Bochs' e1000 on the tap. Its console is a TCP port, so that is in the namespace, too."""
    def card(self):
        return ['e1000: enabled=1, mac=52:54:00:12:34:56, ethmod=tuntap, ethdev=/dev/net/tun:tap0, script=none']

    def spawn(self, command, **kw):
        super().spawn(self.inside() + command, **kw)

    def connect(self, family, address, seconds=30):
        here, there = (os.open(f'/proc/{who}/ns/net', os.O_RDONLY) for who in ('thread-self', self.holder.pid))
        try:
            enter(there)
            super().connect(family, address, seconds)
        finally:
            enter(here)
            os.close(here)
            os.close(there)


def enter(namespace):
    """This thread makes its sockets there from now on."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(namespace, 0x40000000):       # CLONE_NEWNET
        raise OSError(ctypes.get_errno(), 'setns')


def wait(what, why, seconds=60, pause=0.5):
    end = time.time() + seconds
    while True:
        got = what()
        if got:
            return got
        assert time.time() < end, why
        time.sleep(pause)


def up(m):
    linux_boots(m, NAMES)
    for name in NAMES:
        wait(lambda: m.ssh(name, 'ip -4 addr show eth1; true').count('10.77.0.'), f'{name}: no address by DHCP')
        m.ssh(name, 'iperf3 -s -D >/dev/null 2>&1')
    view(m, '0')
    m.at = len(m.text)


def report(said):
    """What iperf3 -J says; other words may stand before and behind."""
    return json.JSONDecoder().raw_decode(said[said.index('{'):])[0]


def rate(said):
    """Bits a second that arrived, of iperf3 -J."""
    end = report(said)['end']
    if 'sum_received' in end and end['sum_received']['bytes']:
        return end['sum_received']['bits_per_second']
    s = end['sum']
    return s['bits_per_second'] * (1 - s['lost_percent'] / 100)


def transfers(m):
    """TCP both ways guest to guest and guest to the outside, UDP; each in Mbit/s."""
    m.peer('iperf3', '-s')
    m.ssh('left', 'ip -6 addr add fd99::a/64 dev eth0; ping -c 1 ' + RIGHT)
    m.ssh('right', 'ip -6 addr add fd99::b/64 dev eth0; sleep 3')
    seen = {}
    for what, words in (('guests', f'-c {RIGHT}'), ('guests back', f'-c {RIGHT} -R'), ('out', f'-c {HOST}'), ('in', f'-c {HOST} -R'),
                        ('IPv6', '-6 -c fd99::b'), ('IPv6 out', '-6 -c fd99::1'),
                        ('UDP', f'-c {RIGHT} -u -b 2M -l 1000'), ('UDP out', f'-c {HOST} -u -b 2M -l 1000')):
        seen[what] = rate(m.ssh('left', f'iperf3 -J -t 2 {words}', 90)) / 1e6
        assert seen[what] > 1, f'{what}: {seen[what]} Mbit/s'
    return ', '.join(f'{k} {v:.0f}' for k, v in seen.items())


def link(m):
    m.at = len(m.text)
    return shell(m, 'net', r'net0 +(up|down) ').group(1)


def card_reset(m):
    """The machine's card begins anew in the middle of a transfer, which goes on."""
    out = m.begin('left', f'iperf3 -J -t 12 -c {HOST}')
    time.sleep(3)
    m.at = len(m.text)
    shell(m, 'net reset net0', r'net0 is being reset')
    m.expect(r'net0: reset: it was asked for', 20 * m.patience)
    said = m.end(out, 90)
    steps = [s['sum']['bytes'] for s in report(said)['intervals']]
    assert sum(steps[-4:]) > 100000, f'the card was reset: {steps}'


def flap(m):
    """The machine's link goes in the middle of a transfer to the outside, and a guest's card in one between guests: both go on."""
    out = m.begin('left', f'iperf3 -J -t 14 -c {HOST}')
    time.sleep(3)
    m.monitor('set_link n0 off')
    wait(lambda: link(m) == 'down', 'the link is still up')
    time.sleep(2)
    m.monitor('set_link n0 on')
    wait(lambda: link(m) == 'up', 'the link does not come back')
    said = m.end(out, 90)
    steps = [s['sum']['bytes'] for s in report(said)['intervals']]
    assert any(b == 0 for b in steps[2:]) and sum(steps[-4:]) > 100000, f'the link went: {steps}'
    card_reset(m)
    inside = m.begin('left', f'iperf3 -J -t 14 -c {RIGHT}')
    time.sleep(3)
    m.ssh('right', 'cd /sys/class/net/eth0/device/driver; d=$(basename $(readlink /sys/class/net/eth0/device)); (sleep 1; echo $d >unbind; '
          f'sleep 1; echo $d >bind; ip link set eth0 up; ip addr add {RIGHT}/24 dev eth0) >/dev/null 2>&1 </dev/null &')
    said = m.end(inside, 90)
    steps = [s['sum']['bytes'] for s in report(said)['intervals']]
    assert sum(steps[-4:]) > 100000, f"the guest's card was reset: {steps}"


def record(m, name):
    """All that passes at the tap from now on: the name of a file."""
    wire = f'{m.dir}/{name}.pcap'
    m.peer('tshark', '-i', 'tap0', '-w', wire)
    time.sleep(3)
    return wire


def recorded(wire, what):
    """How many frames of a kind there are by now. The file may end within one."""
    out = subprocess.run(['tshark', '-r', wire, '-Y', what], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    return len(out.splitlines())


def announced(m):
    """Who goes on after a pause says where it is."""
    wire = record(m, 'announced')
    view(m, '0')
    m.at = len(m.text)
    shell(m, 'pause right', r'guest right: paused')
    shell(m, 'resume right', r'guest right: goes on')
    wait(lambda: recorded(wire, f'arp.isgratuitous && arp.src.proto_ipv4 == {RIGHT}'), 'right did not announce itself after its pause')


def lan(m, _plan):
    """Time, log, ssh, IPv4 and IPv6, TCP and UDP, links that go and come."""
    log, clock = m.peer(sys.executable, PEER, 'syslog'), m.peer(sys.executable, PEER, 'sntp', '86400')
    up(m)
    shell(m, 'devices', rf'{m.pairs} pairs of queues')
    wait(lambda: 'answered' in open(clock).read(), 'the time server was not asked')
    wait(lambda: re.search(r'<\d+>1 \d{4}-\d\d-\d\dT\S+Z? \S+ bulkhead \S+ \S+ - \S*bulkhead: ready|ready', open(log).read()), 'no syslog')
    tomorrow = time.strftime('%Y-%m-%d', time.gmtime(time.time() + 86400))
    wait(lambda: re.search(rf'<\d+>1 {tomorrow}T', open(log).read()), 'the time was not set: ' + open(log).read()[-300:])
    m.peer(sys.executable, PEER, 'ra', 'tap0', 'fd99:1::')
    wait(lambda: 'fd99:1::' in m.ssh('third', 'ip -6 addr show eth0'), 'no address by router advertisement')
    m.ssh('third', 'ping6 -c 2 fd99::1 || ping -6 -c 2 fd99::1')
    seen = transfers(m)
    # By NAT: what the other end sees is the hypervisor's address.
    m.ssh('third', 'until ip -6 route show default | grep eth1 >/tmp/r; do sleep 1; done; '
          "ip -6 route add fd99::1 via $(sed -n '1s/.*via \\([^ ]*\\).*/\\1/p' /tmp/r) dev eth1")
    nat6 = m.ssh('third', 'iperf3 -6 -J -t 2 -c fd99::1; ping6 -c 2 -s 3000 fd99::1 >&2')
    seen += f', IPv6 by NAT {rate(nat6) / 1e6:.0f}'
    assert 'remote_host": "fd99::1"' in nat6.replace('\t', ' ') and '2 packets received' in nat6, nat6[-500:]
    for what, words in (('NAT out', ''), ('NAT in', '-R')):
        seen += f", {what} {rate(m.ssh('third', f'iperf3 -J -t 2 {words} -c {FAR}', 90)) / 1e6:.0f}"
    announced(m)
    flap(m)
    shell(m, 'devices', rf'{m.pairs} pairs of queues')      # after a reset of the card, too
    shell(m, 'memory', r'Audit: every frame has one owner')
    return f'Mbit/s: {seen}; link and card went and came'


def drops(m, port):
    """{reason: frames} of a port, dropped on their way in or out."""
    m.at = len(m.text)
    m.type(f'net {port}\r')
    m.expect(rf'port {port} of switch', 20 * m.patience)
    time.sleep(1.5 * m.patience)
    return {w.strip(): int(n) for n, w in re.findall(r'dropped [\w ]+: (\d+) ([^\r\n]+)', m.text[m.at:])}


ATTACKS = (('storm', 'eth0', 20000), ('unknown', 'eth0', 20000), ('arp', 'eth0', 20000), ('syn', 'eth0', 20000), ('dhcp', 'eth1', 5000),
           ('mac', 'eth0', 5000), ('arpspoof', 'eth0', 2000), ('ip', 'eth0', 2000), ('ra', 'eth0', 2000), ('vlan', 'eth0', 2000))


def mac_of(m, address):
    """As the build host knows it, who has just had an answer from there."""
    subprocess.run([*m.inside(), sys.executable, PEER, 'ping', address, str(20 * m.patience)], check=True, stdout=subprocess.DEVNULL)
    said = subprocess.run([*m.inside(), 'ip', 'neigh', 'show', address], check=True, stdout=subprocess.PIPE, text=True).stdout
    return re.search(r'lladdr (\S+)', said).group(1)


def strangers(m, stream, alone):
    """Malformed frames out of the LAN, to the hypervisor itself and to a guest: both answer afterwards, the stream between others
    keeps nine tenths."""
    for address, address6 in ((MACHINE, 'fd99::2'), (THIRD, 'fd99::c')):
        mac, share = mac_of(m, address), 0
        for _ in range(3):
            said = m.peer('/usr/bin/python3', SCAPY, 'tap0', mac, address, address6, '20')
            share = max(share, rate(m.ssh('left', stream, 90)) / alone)
            wait(lambda: 'SCAPY' in open(said).read(), f'scapy came to no end: {open(said).read()[-300:]}', 120 * m.patience)
            if share >= 0.9:
                break
        assert share >= 0.9, f'scapy at {address}: the stream between others had {share:.2f} of its rate'
        mac_of(m, address)


def hostile(m, _plan):
    """One guest sends what it should not: refused, counted, and the others' stream keeps nine tenths of its rate."""
    log = m.peer(sys.executable, PEER, 'syslog')
    up(m)
    wait(lambda: re.search(r'\d+ <\d+>1 .* bulkhead', open(log).read()), 'no syslog by TCP')
    stream = f'iperf3 -J -t 4 -b 2M -c {RIGHT}'
    alone = rate(m.ssh('left', stream))
    worst = 1.0
    for kind, device, count in ATTACKS:
        share = 0
        for _ in range(3):      # the build host may have had other work
            attack = m.begin('third', f'frames {kind} {device} {count}')
            share = max(share, rate(m.ssh('left', stream, 90)) / alone)
            assert f'FRAMES {kind}' in m.end(attack, 90)
            if share >= 0.9:
                break
        assert share >= 0.9, f'{kind}: the stream between others had {share:.2f} of its rate'
        worst = min(worst, share)
    assert m.ssh('right', 'ip addr flush dev eth1; udhcpc -n -q -t 5 -i eth1 -s /etc/udhcpc; ip -4 addr show eth1').count('10.77.0.11'), 'DHCP starved'
    m.ssh('left', f'ping -c 2 {THIRD}; ping -c 2 {RIGHT}')
    why = drops(m, 'third.0')
    for what in ('MAC address that is not its own', 'claiming another', 'as a router', 'too many to everybody'):
        assert any(what in w for w in why), f'nothing was dropped for "{what}": {why}'
    strangers(m, stream, alone)
    isolated(m)
    return f'stream at {worst:.2f} or more; dropped: ' + ', '.join(f'{n} {w}' for w, n in why.items() if n)


def isolated(m):
    """What the third guest says in VLAN 20 is on the wire with its tag, and not at the first one's port; it is answered there."""
    m.peer(sys.executable, PEER, 'tagged', 'tap0', '20', '10.99.20.1')
    said = m.ssh('third', 'ip link set eth2 up; ip addr add 10.99.20.2/24 dev eth2; ping -c 3 10.99.20.1')
    assert '3 packets received' in said, f'VLAN 20 does not reach the wire and back: {said}'
    wire = record(m, 'wire')
    view(m, '0')
    shell(m, 'net capture left.0 serial count 4 snap 100', r'BEGIN PCAP left\.0')
    assert '50 sent' in m.ssh('third', 'frames storm eth2 50 100')
    # ssh to the third guest is not for the first one: what its port sees is this.
    m.ssh('left', f'ping -c 4 {HOST}')
    m.expect(r'END PCAP left\.0 frames=4', 30 * m.patience)
    (_, data), = pcap.captures(m.text)[-1:]
    types = {f[12:14].hex() for _, f, _ in pcap.frames(data)}
    assert '88b5' not in types and '8100' not in types, f'VLAN 20 was heard in no VLAN: {types}'
    time.sleep(1)
    count = recorded(wire, 'vlan.id == 20 && eth.dst == ff:ff:ff:ff:ff:ff')
    assert count >= 50, f'{count} frames of VLAN 20 on the wire'
