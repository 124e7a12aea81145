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
intel = RecipePlan('switch', 'switch-intel', lambda text: text.replace('vlan = 10 }, { switch = "inside", vlan = 20 }', 'vlan = 10, model = "e1000e" }'))
MODULES = ('e1000e virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci failover net_failover '
           'virtio_net')
CLOUD = MODULES.replace('e1000e ', '')
LEFT, RIGHT = '10.0.0.1', '10.0.0.2'


# What is waited for must be new: the last lines of a console are shown again when it comes into view.
def run(m, digit, name, command, expect, seconds=60):
    return in_guest(m, digit, name, command, expect, seconds)


def up(m, left=((0, LEFT), (1, '10.0.0.5')), seconds=150):
    linux_boots(m, ('left', 'right'), seconds)
    for digit, name, cards in (('1', 'left', left), ('2', 'right', ((0, RIGHT),))):
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


def carries(m, size, sender, receiver):
    """Bytes by TCP, and their sum at the other end. Each a digit, a name, an address."""
    run(m, *receiver[:2], 'nc -l -p 99 | sha256sum &', rf'{receiver[1]}# ')
    m.at = len(m.text)
    want = run(m, *sender[:2], f'yes {sender[1]} | head -c {size} | tee /tmp/data | sha256sum', r'([0-9a-f]{64})', 90).group(1)
    run(m, *sender[:2], f'nc {receiver[2]} 99 </tmp/data; echo sent=$?', r'sent=0', 180)
    view(m, receiver[0])
    m.expect(want, 60 * m.patience)


def comes_and_goes(m, digit, name, address, folder, module):
    """The driver of a card leaves while the other guest floods it, and comes again."""
    sender = ('2', 'right') if name == 'left' else ('1', 'left')
    run(m, *sender, f'while :; do nc -w 1 {address} 98 </tmp/data; done >/dev/null 2>&1 & ping -q {address} >/dev/null & echo flood=on', r'flood=on', 30)
    for i in range(3):
        run(m, digit, name, f'nc -l -p 98 >/dev/null & sleep 1; rmmod {module} && insmod /lib/{folder}/{module}.ko && '
            f'ifconfig eth0 {address} up; echo again{i}=$?', rf'again{i}=0', 60)
    run(m, *sender, f'kill %1 %2; sleep 4; ping -c 3 {address}; echo end', r'[1-3] packets received[\s\S]*end', 90)


def switch(m, plan):
    up(m)
    run(m, '1', 'left', f'ping -c 3 {RIGHT}', r'3 packets received', 60)
    carries(m, 4 << 20, ('1', 'left', LEFT), ('2', 'right', RIGHT))
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
    carries(m, size, ('1', 'left', LEFT), ('2', 'right', RIGHT))
    comes_and_goes(m, '2', 'right', RIGHT, 'modules', 'virtio_net')
    return f'packed, two pairs, {size >> 20} MiB by TCP, a driver that is gone and back'


def switch_intel(m, plan):
    """A guest with an 82574L, Linux' own driver, towards one with a virtio card: whose frames are cut and summed on their way."""
    # On Bochs this kernel takes minutes to unpack itself.
    up(m, ((0, LEFT),), 400)
    run(m, '1', 'left', 'basename $(readlink /sys/class/net/eth0/device/driver)', r'[\r\n]e1000e[\r\n]')
    run(m, '1', 'left', f'ping -c 3 {RIGHT}; ping -c 1 -s 3000 {RIGHT}', r'3 packets received[\s\S]*1 packets received', 60)
    size = (1 if m.name == 'bochs' else 4) << 20
    ends = ('1', 'left', LEFT), ('2', 'right', RIGHT)
    carries(m, size, *ends)
    carries(m, size, *reversed(ends))
    comes_and_goes(m, '1', 'left', LEFT, 'net', 'e1000e')
    return f'{size >> 20} MiB each way by TCP, a driver that is gone and back'
