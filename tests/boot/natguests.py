# SPDX-License-Identifier: Apache-2.0
"""Guests behind NAT, and the hypervisor's own address: QEMU's user network (10.0.2.0/24) is the outside."""
import socket
import urllib.request

from pcguests import RecipePlan
from scenarios import in_guest, linux_boots, shell, view

plan = RecipePlan('nat')


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


PORTS = {8081: free_port(), 8082: free_port()}


def card(model):
    """QEMU's options: one card; the build host's ports lead to the hypervisor's."""
    forwards = ''.join(f',hostfwd=tcp:127.0.0.1:{host}-:{port}' for port, host in PORTS.items())
    return ['-netdev', f'user,id=n0{forwards}', '-device', f'{model},netdev=n0']


def page(port):
    """The page behind a port of the hypervisor's, from the build host. The first SYN may come before the guest is there."""
    for i in range(10):
        try:
            return urllib.request.urlopen(f'http://127.0.0.1:{PORTS[port]}/', timeout=10).read().decode()
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
        assert page(port) == f'hello from {name}\n', f'port {port}: {page(port)!r}'
    # TCP outwards, to a server on the build host.
    with socket.create_server(('127.0.0.1', 0)) as server:
        server.settimeout(30)
        in_guest(m, '2', 'right', f'echo out-of-right | nc -w 5 10.0.2.2 {server.getsockname()[1]} &', r'right# ', 20)
        got = server.accept()[0].makefile().readline()
    assert got == 'out-of-right\n', got
    view(m, '0')
    m.at = len(m.text)
    out, back = (int(n) for n in shell(m, 'net nat', r'(\d+) packets out, (\d+) in').groups())
    assert out > 10 and back > 10, (out, back)
    return 'DHCP, names, NAT both ways, hairpin'
