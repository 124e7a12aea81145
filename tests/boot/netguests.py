# SPDX-License-Identifier: Apache-2.0
"""Guests on a virtual switch: they talk, VLANs keep apart, spoofing is refused, captures open."""
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'tools'))

import pcap
from pcguests import RecipePlan
from scenarios import in_guest, linux_boots, shell, view

two = RecipePlan('switch')


def on_cloud(text):
    """Both with two vcpus and one card, so with two pairs of queues, on the cloud kernel: the installer's takes Bochs some ten minutes
    to unpack."""
    return text.replace('cores = 1', 'cores = 2').replace(', { switch = "inside", vlan = 20 }', '').replace('"linux", initrd', '"vmlinuz", initrd')


pairs = RecipePlan('switch', 'switch-pairs', on_cloud, {'vmlinuz': '.base/vmlinuz'})
MODULES = ('e1000e virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci failover net_failover '
           'virtio_net')
CLOUD = MODULES.replace('e1000e ', '')
LEFT, RIGHT = '10.0.0.1', '10.0.0.2'


# What is waited for must be new: the last lines of a console are shown again when it comes into view.
def run(m, digit, name, command, expect, seconds=60):
    return in_guest(m, digit, name, command, expect, seconds)


def up(m):
    linux_boots(m, ('left', 'right'))
    for digit, name, cards in (('1', 'left', ((0, LEFT), (1, '10.0.0.5'))), ('2', 'right', ((0, RIGHT),))):
        run(m, digit, name, f'for m in {MODULES}; do insmod /lib/net/$m.ko; done; echo loaded=$?', r'loaded=0', 60)
        for i, address in cards:
            run(m, digit, name, f'ifconfig eth{i} {address} up; sleep 3; cat /sys/class/net/eth{i}/operstate', r'\nup\r', 60)


marks = iter(range(1000))


def counter(m, port, words):
    """How many frames the shell says were dropped for these reasons. A word that no command has marks the end of what is new."""
    mark = f'mark{next(marks)}'
    view(m, '0')
    m.type(f'net {port}\r{mark}\r')
    m.expect(f'there is no command "{mark}"', 30 * m.patience)
    text = m.text[:m.at]
    n = re.search(rf'(\d+) {words}', text[text.rindex(f'port {port} of switch'):])
    return int(n.group(1)) if n else 0


def switch(m, plan):
    up(m)
    run(m, '1', 'left', f'ping -c 3 {RIGHT}', r'3 packets received', 60)
    # 4 MiB by TCP, and their sum at the other end.
    run(m, '2', 'right', 'nc -l -p 99 | sha256sum &', r'right# ')
    size = 4 << 20
    m.at = len(m.text)
    want = run(m, '1', 'left', f'yes bulkhead | head -c {size} | tee /tmp/data | sha256sum', r'([0-9a-f]{64})', 90).group(1)
    run(m, '1', 'left', f'nc {RIGHT} 99 </tmp/data; echo sent=$?', r'sent=0', 180)
    view(m, '2')
    m.expect(want, 60)
    return 'pings, 4 MiB by TCP'


def switch_guards(m, plan):
    up(m)
    run(m, '1', 'left', f'ping -c 1 {RIGHT}', r'1 packets received', 60)
    # VLAN 20 does not reach VLAN 10, not even when it says so itself.
    run(m, '1', 'left', f'ip route flush dev eth0; ping -c 3 -I eth1 {RIGHT}; echo vlan=$?', r'vlan=1', 60)
    run(m, '1', 'left', 'ifconfig eth1 down; ifconfig eth0 10.0.0.1 up; sleep 3; echo again=$?', r'again=0', 60)
    # Another's MAC address.
    before = counter(m, 'left.0', 'from a MAC address that is not its own')
    run(m, '1', 'left', 'ifconfig eth0 down; ip link set eth0 address 52:54:00:00:00:77; ifconfig eth0 10.0.0.1 up; sleep 3; '
        f'ping -c 3 {RIGHT}; echo mac=$?', r'mac=1', 90)
    assert counter(m, 'left.0', 'from a MAC address that is not its own') > before, 'a foreign MAC address was not refused'
    # Another's IP address, where the plan says the own one: by ARP and in packets.
    run(m, '2', 'right', 'ifconfig eth0 10.0.0.3; ping -c 2 10.0.0.9; arping -c 2 -I eth0 -U 10.0.0.1; echo arp=$?', r'arp=\d', 90)
    assert counter(m, 'right.0', 'claiming another') > 0, 'ARP for a foreign address was not refused'
    return 'VLANs, MAC, ARP'


def switch_capture(m, plan):
    up(m)
    view(m, '0')
    shell(m, 'net capture right.0 serial count 6 snap 100', r'BEGIN PCAP right\.0')
    run(m, '1', 'left', f'ping -c 4 {RIGHT}', r'4 packets received', 60)
    view(m, '0')
    m.expect(r'END PCAP right\.0 frames=6 lost=0', 60)
    (port, data), = pcap.captures(m.text)
    assert port == 'right.0' and len(pcap.frames(data)) == 6, f'{port}: {len(data)} bytes'
    name = 'build/test/right.pcap'
    open(name, 'wb').write(data)
    if not any(os.access(f'{d}/tshark', os.X_OK) for d in os.environ['PATH'].split(':')):
        return '6 frames; tshark is not installed'
    out = subprocess.run(['tshark', '-r', name], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout
    assert 'Echo (ping) request' in out, out
    return '6 frames, tshark reads them'


def switch_pairs(m, plan):
    """Pairs of queues, packed; a driver that goes and comes again while frames arrive."""
    linux_boots(m, ('left', 'right'))
    for digit, name, address in (('1', 'left', LEFT), ('2', 'right', RIGHT)):
        run(m, digit, name, f'for m in {CLOUD}; do insmod /lib/modules/$m.ko; done; echo loaded=$?', r'loaded=0', 60)
        run(m, digit, name, f'ifconfig eth0 {address} up; sleep 1; cat /sys/class/net/eth0/operstate', r'\nup\r', 60)
    run(m, '1', 'left', f'ping -c 3 {RIGHT}', r'3 packets received', 60)
    view(m, '0')
    text = shell(m, 'devices right', r'virtio-net [\s\S]*?queue 4: [^\n]*').group(0)
    for words in ('queue 0: packed with events of 256', 'queue 2: packed', 'queue 3: packed', 'commands, 0 of them wrong'):
        assert words in text, f'{words}: {text}'
    size = (1 if m.name == 'bochs' else 8) << 20
    run(m, '2', 'right', 'nc -l -p 99 | sha256sum &', r'right# ')
    want = run(m, '1', 'left', f'yes bulkhead | head -c {size} | tee /tmp/data | sha256sum', r'([0-9a-f]{64})', 90).group(1)
    run(m, '1', 'left', f'nc {RIGHT} 99 </tmp/data; echo sent=$?', r'sent=0', 180)
    view(m, '2')
    m.expect(want, 60 * m.patience)
    # Its driver leaves while the other one floods it, and comes again.
    run(m, '1', 'left', f'while :; do nc -w 1 {RIGHT} 98 </tmp/data; done >/dev/null 2>&1 & ping -q {RIGHT} >/dev/null & echo flood=on', r'flood=on', 30)
    for i in range(3):
        run(m, '2', 'right', f'nc -l -p 98 >/dev/null & sleep 1; rmmod virtio_net && insmod /lib/modules/virtio_net.ko && '
            f'ifconfig eth0 {RIGHT} up; echo again{i}=$?', rf'again{i}=0', 60)
    run(m, '1', 'left', f'kill %1 %2; sleep 2; ping -c 3 {RIGHT}; echo end', r'[1-3] packets received[\s\S]*end', 90)
    return f'packed, two pairs, {size >> 20} MiB by TCP, a driver that is gone and back'
