# SPDX-License-Identifier: Apache-2.0
"""Guests behind NAT, and the hypervisor's own address: QEMU's user network (10.0.2.0/24) is the outside."""
import os
import socket
import subprocess
import sys
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'tools'))

import pcap
from pcguests import RecipePlan
from scenarios import in_guest, linux_boots, shell, view

plan = RecipePlan('nat')
on_disk = RecipePlan('nat', 'nat-disk', lambda text: text.replace('name = "example"', 'name = "example"\ndisks = ["LASTING"]'))
two_linux = RecipePlan('two-linux', 'guests-ssh')

def page(m, port):
    """The page behind a port of the hypervisor's, from the build host. The first SYN may come before the guest is there."""
    for i in range(10):
        try:
            return urllib.request.urlopen(f'http://127.0.0.1:{m.ports[port]}/', timeout=10).read().decode()
        except OSError as e:
            why = e
    raise AssertionError(f'port {port}: {why}')


def host_address(m, _plan):
    """The hypervisor alone: an address by DHCP and by router advertisement, ping out."""
    m.expect(r'host address 10\.0\.2\.15/24 \(DHCP\)', 90)
    m.expect(r'host address fec0::\S+/64 \(IPv6 auto\)', 30)
    m.at = len(m.text)
    shell(m, 'ping 10.0.2.2 2', r'2 sent, 2 answered, 0 lost', 30)
    shell(m, 'net host', r'gateway 10\.0\.2\.2')
    return 'DHCP, IPv6, ping'


def address(m, digit, name):
    return in_guest(m, digit, name, 'ip -4 addr show eth0', r'inet (10\.77\.0\.\d+)/24', 60).group(1)


def nat(m, _plan):
    """Guests get their addresses, reach the router, each other by name, the outside; the outside reaches them."""
    linux_boots(m, ('left', 'right'))
    for digit, name in (('1', 'left'), ('2', 'right')):
        in_guest(m, digit, name, 'until ip -4 addr show eth0 | grep -q inet; do sleep 1; done; echo have=$?', r'have=0', 90)
    assert address(m, '1', 'left') == '10.77.0.10' and address(m, '2', 'right') == '10.77.0.11'
    in_guest(m, '1', 'left', 'ping -c 2 10.77.0.1', r'2 packets received', 30)
    in_guest(m, '1', 'left', 'ping -c 2 10.0.2.2', r'2 packets received', 30)
    in_guest(m, '1', 'left', 'wget -q -O - http://right.bulkhead/', r'hello from right', 30)
    # The forwarded port of the hypervisor's own address, from inside.
    in_guest(m, '1', 'left', 'wget -q -O - http://10.0.2.15:8082/', r'hello from right', 30)
    for port, name in ((8081, 'left'), (8082, 'right')):
        said = page(m, port)
        assert said == f'hello from {name}\n', f'port {port}: {said!r}'
    # TCP outwards, to a server on the build host.
    with socket.create_server(('127.0.0.1', 0)) as server:
        server.settimeout(30)
        in_guest(m, '2', 'right', f'echo out-of-right | nc -w 5 10.0.2.2 {server.getsockname()[1]} &', r'right# ', 20)
        got = server.accept()[0].makefile().readline()
    assert got == 'out-of-right\n', got
    # IPv6: an address of their own by the gateway's advertisements, hidden behind the hypervisor's.
    in_guest(m, '1', 'left', 'until ip -6 addr show eth0 | grep -q "inet6 fd"; do sleep 1; done; ping6 -c 2 fec0::2; echo six=$?',
             r'[\r\n]six=0', 60)
    view(m, '0')
    m.at = len(m.text)
    shell(m, 'net nat', r'IPv6 fd\S+/64, outside up; [1-9]\d* packets out, [1-9]\d* in')
    m.at = len(m.text)
    out, back = (int(n) for n in shell(m, 'net nat', r'[\r\n](\d+) packets out, (\d+) in;').groups())
    assert out > 10 and back > 10, (out, back)
    return 'DHCP, names, NAT both ways, hairpin'


def ssh(m, name, port, command, data=b'', seconds=60):
    """Over the build host's way in, which the recipe has made: what it prints."""
    config = f'{two_linux.folder()}/.ssh/config'
    r = subprocess.run(['ssh', '-F', config, '-o', 'ConnectTimeout=60', '-p', str(m.ports[port]), name, command], input=data,
                       timeout=seconds, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert r.returncode == 0, f'ssh {name}: {r.returncode} {r.stderr.decode(errors="replace")[-300:]}'
    return r.stdout


def guests_ssh(m, _plan):
    """What `make run` boots: both guests reach the outside and each other by name, ssh from the build host reaches them."""
    linux_boots(m, ('left', 'right'))
    for digit, name in (('1', 'left'), ('2', 'right')):
        in_guest(m, digit, name, 'until ip -4 addr show eth0 | grep -q inet; do sleep 1; done; echo have=$?', r'have=0', 90)
    for name, port, other in (('left', 2201, 'right'), ('right', 2202, 'left')):
        said = ssh(m, name, port, f'hostname; ping -c 2 10.0.2.2; wget -q -O - http://{other}/', seconds=90 * m.patience).decode()
        assert said.startswith(f'{name}\n') and '2 packets received' in said and f'hello from {other}' in said, said
    size = (1 << 20) * (4 if m.patience == 1 else 1)
    got = ssh(m, 'left', 2201, 'cat', b'bulkhead' * (size // 8), 120 * m.patience)
    assert got == b'bulkhead' * (size // 8), f'{len(got)} of {size} bytes came back'
    assert ssh(m, 'right', 2202, 'tty; echo $?') == b'not a tty\n1\n'
    return f'names, outside, ssh, {size >> 20} MiB to and fro'


def without_card(m, _plan):
    """The same plan on a machine without a network card: a private network, and the log says so."""
    m.expect(r'switch nat: no network card leads outside: its guests reach each other only', 60 * m.patience)
    linux_boots(m, ('left', 'right'))
    in_guest(m, '2', 'right', 'until ip -4 addr show eth0 | grep -q inet; do sleep 1; done; echo have=$?', r'have=0', 90)
    in_guest(m, '1', 'left', 'until ip -4 addr show eth0 | grep -q inet; do sleep 1; done; echo have=$?', r'have=0', 90)
    in_guest(m, '1', 'left', 'wget -q -O - http://right/', r'hello from right', 30)
    in_guest(m, '1', 'left', 'ping -c 1 -W 3 10.0.2.2', r'0 packets received', 30)
    view(m, '0')
    shell(m, 'net nat', r'outside down')


def tshark(name, data, *words):
    """What tshark says about a pcap, or None where it is not installed."""
    path = f'build/test/{name}'
    open(path, 'wb').write(data)
    if not any(os.access(f'{d}/tshark', os.X_OK) for d in os.environ['PATH'].split(':')):
        return None
    r = subprocess.run(['tshark', '-r', path, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert r.returncode == 0, r.stderr
    return r.stdout


def capture_file(m, _plan):
    """A capture into the datastore, kept over a restart of the machine, printed and opened."""
    linux_boots(m, ('left', 'right'))
    for digit, name in (('1', 'left'), ('2', 'right')):
        in_guest(m, digit, name, 'until ip -4 addr show eth0 | grep -q inet; do sleep 1; done; echo have=$?', r'have=0', 90)
    view(m, '0')
    shell(m, f'datastore init on {m.disk_name}', r'datastore: it is made')
    shell(m, 'net capture left.0 web.pcap port 80 snap 2000', r'goes to the datastore')
    in_guest(m, '1', 'left', 'wget -q -O - http://right.bulkhead/; ping -c 1 right', r'1 packets received', 30)
    view(m, '0')
    shell(m, 'net capture stop', r'capture: it ends')
    frames = int(m.expect(r'capture web\.pcap: (\d+) frames, 0 lost', 20 * m.patience).group(1))
    assert frames >= 10, frames
    shell(m, 'datastore', r'capture/web\.pcap')
    m.again()
    linux_boots(m, ('left', 'right'))
    view(m, '0')
    m.at = len(m.text)
    shell(m, 'net capture get web.pcap', r'-----END PCAP web\.pcap-----')
    (name, data), = pcap.captures(m.text)
    assert name == 'web.pcap' and len(pcap.frames(data)) == frames, (name, len(pcap.frames(data)), frames)
    said = tshark('web.pcap', data)
    shell(m, 'net capture delete web.pcap', r'deleted')
    if said is None:
        return f'{frames} frames; tshark is not installed'
    assert 'GET / HTTP/1.1' in said and 'ICMP' not in said, said
    return f'{frames} frames over a power cut, tshark reads them'


def crowd(number):
    guest = ('[guest.g{0}]\ncores = 1\nmemory = "96MiB"\nboot = {{ type = "linux", kernel = "vmlinuz", initrd = "initrd.img", '
             'cmdline = "console=ttyS0 quiet bulkhead.name=g{0} bulkhead.net=dhcp" }}\nnet = [{{ switch = "nat" }}]\n')
    return '[switch.nat]\nnat = true\n' + ''.join(guest.format(i) for i in range(1, number + 1))


eight = RecipePlan('two-linux', 'eight', lambda _text: crowd(8))
four = RecipePlan('two-linux', 'four', lambda _text: crowd(4))


def many_guests(m, plan):
    """Many guests at once: each fetches pages of 1 MiB from the next one and compares them, and a line goes out to a server."""
    names = [f'g{i}' for i in range(1, plan.text.count('[guest.') + 1)]
    linux_boots(m, names)
    for i, name in enumerate(names, 1):
        in_guest(m, str(i), name, 'until ip -4 addr show eth0 | grep -q inet; do sleep 1; done; yes bulkhead | head -c 1048576 >/www/big; echo have=$?',
                 r'have=0', 120)
    with socket.create_server(('127.0.0.1', 0)) as server:
        server.settimeout(300 * m.patience)
        for i, name in enumerate(names, 1):
            in_guest(m, str(i), name, f'(n=0; for i in 1 2 3 4; do wget -q -O - http://g{i % len(names) + 1}/big | cmp - /www/big && n=$((n+1)); done; '
                     f'echo "{name} $n" | nc 10.0.2.2 {server.getsockname()[1]}) >/dev/null 2>&1 & echo go=$?', r'go=0', 60)
        heard = sorted(server.accept()[0].makefile().readline().strip() for _ in names)
    assert heard == [f'{n} 4' for n in names], heard
    view(m, '0')
    shell(m, 'memory', r'Audit: every frame has one owner')
    return f'{4 * len(names)} MiB between {len(names)} guests'
