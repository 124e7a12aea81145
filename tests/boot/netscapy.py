#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Frames that no LAN should carry, by scapy (Debian's python3-scapy, so Debian's interpreter): netscapy.py DEVICE MAC ADDRESS ADDRESS6 ROUNDS.
MAC, addresses: whom they are for. Prints "SCAPY N sent". The same ones each time, but for what scapy itself draws."""
import random
import sys

from scapy.all import (ARP, BOOTP, DHCP, DNS, DNSQR, DNSRR, ICMP, IP, TCP, UDP, Dot1AD, Dot1Q, Ether, ICMPv6EchoRequest, ICMPv6ND_NA,
                       ICMPv6ND_NS, ICMPv6ND_RA, ICMPv6NDOptPrefixInfo, IPOption, IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment,
                       IPv6ExtHdrHopByHop, IPv6ExtHdrRouting, NTP, Padding, RandMAC, Raw, conf, fragment, fuzz)

FRAME_MAX = 1514


def ethernet(mac):
    """Lengths, types, tags in tags."""
    to = Ether(dst=mac)
    yield Ether(dst=mac, type=0x0800)
    yield Ether(dst=mac, src='ff:ff:ff:ff:ff:ff') / IP()
    yield Ether(dst=mac, src='00:00:00:00:00:00') / IP()
    yield to / Dot1Q(vlan=4095) / IP()
    yield to / Dot1Q(vlan=10) / Dot1Q(vlan=20) / IP()
    yield to / Dot1AD(vlan=10) / Dot1Q(vlan=10) / IP()
    yield to / Dot1Q(vlan=10)
    yield Ether(dst='01:80:c2:00:00:00') / Raw(b'\x42\x42\x03' + bytes(35))
    yield Ether(dst=mac, type=0x88cc) / Raw(b'\xff' * 40)
    yield Ether(dst=mac, src=str(RandMAC()), type=46) / Raw(bytes(10))


def ip4(mac, address):
    """Headers and lengths that lie, options, fragments that overlap, come twice, never end."""
    to, peer = Ether(dst=mac), dict(src='10.99.0.1', dst=address)
    for words in (dict(ihl=0), dict(ihl=15), dict(len=0), dict(len=65535), dict(len=20), dict(version=6), dict(ttl=0), dict(frag=8191),
                  dict(flags='MF', frag=1), dict(proto=255), dict(chksum=1)):
        yield to / IP(**peer, **words) / UDP(sport=53, dport=68) / Raw(b'x' * 40)
    for source in (address, '127.0.0.1', '255.255.255.255', '224.0.0.1', '0.0.0.0'):
        yield to / IP(src=source, dst=address) / ICMP()
    yield to / IP(**peer, options=[IPOption(b'\x83\x07\x04\x0a\x63\x00\x01')]) / ICMP()
    yield to / IP(**peer, options=[IPOption(b'\x44\xff\xff\xff')]) / ICMP()
    yield from fragment(to / IP(**peer, id=7) / ICMP() / Raw(b'y' * 3000), 500)[1:]
    for at in (0, 1, 2, 1, 0, 8000):
        yield to / IP(**peer, id=8, flags='MF', frag=at) / Raw(b'z' * 24)


def transport(mac, address):
    """TCP, UDP, ICMP with fields that do not fit."""
    to = Ether(dst=mac) / IP(src='10.99.0.1', dst=address)
    for words in (dict(dataofs=0), dict(dataofs=15), dict(flags='SF'), dict(flags=''), dict(flags='SRFPAUEC'), dict(urgptr=65535, flags='U'),
                  dict(options=[('MSS', 0)]), dict(options=[('MSS', 1), ('WScale', 255)]), dict(sport=0), dict(chksum=7)):
        yield to / TCP(**({'sport': 4000, 'dport': 443, 'flags': 'S'} | words))
    for words in (dict(len=0), dict(len=7), dict(len=65535), dict(chksum=1), dict(dport=0)):
        yield to / UDP(**({'sport': 123, 'dport': 123} | words)) / Raw(b'u' * 30)
    for kind, code in ((3, 4), (5, 1), (11, 0), (12, 0), (13, 0), (255, 255)):
        yield to / ICMP(type=kind, code=code, nexthopmtu=0) / IP(src=address, dst='10.99.0.1') / UDP(sport=0x8001, dport=53)


def services(mac, address):
    """ARP, DHCP, DNS, SNTP, mDNS: answers that nobody asked for."""
    to = Ether(dst=mac)
    yield to / ARP(op=2, psrc=address, hwsrc=mac, pdst=address)
    yield to / ARP(op=1, psrc='10.99.0.1', pdst=address, hwlen=0, plen=255)
    yield Ether(dst='ff:ff:ff:ff:ff:ff') / ARP(op=2, psrc='0.0.0.0', pdst='255.255.255.255')
    server = to / IP(src='10.99.0.1', dst=address)
    for options in ([('message-type', 'offer')], [('message-type', 'ack'), ('lease_time', 0), 'end'],
                    [('message-type', 5), (3, b'\x01'), (6, b''), (43, b'\xff' * 200)], ['pad'] * 200):
        yield server / UDP(sport=67, dport=68) / BOOTP(op=2, yiaddr='255.255.255.255', chaddr=bytes.fromhex(mac.replace(':', ''))) / \
            DHCP(options=options)
    yield server / UDP(sport=53, dport=0xc001) / DNS(qr=1, qdcount=65535, ancount=65535, qd=DNSQR(qname='a' * 60), an=DNSRR(rrname='b'))
    yield server / UDP(sport=53, dport=0x8001) / Raw(b'\0\1\x80\0\0\1\0\0\0\0\0\0\xc0\x0c\0\1\0\1')
    yield Ether(dst='01:00:5e:00:00:fb') / IP(src='10.99.0.1', dst='224.0.0.251') / UDP(sport=5353, dport=5353) / Raw(b'\0' * 4 + b'\xff\xff' * 4 + b'\xc0\x0c')
    yield server / UDP(sport=123, dport=123) / NTP(leap=3, stratum=0, mode=4)


def ip6(mac, address):
    """Chains of extension headers, fragments, neighbour discovery by strangers."""
    to = Ether(dst=mac) / IPv6(src='fd99::1', dst=address)
    head = to
    for _ in range(30):
        head = head / IPv6ExtHdrDestOpt()
    yield head / ICMPv6EchoRequest()
    yield to / IPv6ExtHdrHopByHop(len=255) / Raw(b'h' * 8)
    yield to / IPv6ExtHdrRouting(type=0, segleft=9, addresses=[address] * 9) / ICMPv6EchoRequest()
    yield to / IPv6ExtHdrFragment(offset=8191, m=1) / Raw(b'f' * 8)
    yield to / IPv6ExtHdrFragment(offset=0, m=1) / ICMPv6ND_NA(tgt=address)
    yield Ether(dst=mac) / IPv6(src='ff02::1', dst=address) / ICMPv6EchoRequest()
    yield Ether(dst=mac) / IPv6(src='fd99::1', dst=address, plen=65535) / UDP()
    yield to / ICMPv6ND_NS(tgt='ff02::1')
    yield to / ICMPv6ND_NA(tgt=address, S=1, O=1)
    yield Ether(dst='33:33:00:00:00:01') / IPv6(src='fd99::1', dst='ff02::1', hlim=255) / ICMPv6ND_RA(routerlifetime=65535) / \
        ICMPv6NDOptPrefixInfo(prefixlen=129, prefix='fe80::')


def drawn(mac, address, address6):
    """Every field of these is scapy's choice, but for what leads it to us."""
    to, to6 = Ether(dst=mac) / fuzz(IP(dst=address, src='10.99.0.1')), Ether(dst=mac) / fuzz(IPv6(dst=address6))
    for layer in (TCP(), UDP(), ICMP(), UDP(dport=68) / BOOTP() / DHCP(), UDP(sport=53) / DNS()):
        yield to / fuzz(layer)
    for layer in (TCP(), UDP(), ICMPv6EchoRequest(), ICMPv6ND_NS(), ICMPv6ND_RA()):
        yield to6 / fuzz(layer)
    yield Ether(dst=mac) / fuzz(ARP())
    yield Ether(dst=mac) / Padding(random.randbytes(random.randrange(0, 200)))


def frames(mac, address, address6):
    for made in (ethernet(mac), ip4(mac, address), transport(mac, address), services(mac, address), ip6(mac, address6),
                 drawn(mac, address, address6)):
        for f in made:
            data = bytes(f)[:FRAME_MAX]
            yield data
            yield data[:random.randrange(14, len(data))] if len(data) > 14 else data     # cut off somewhere


def main():
    device, mac, address, address6, rounds = sys.argv[1:]
    random.seed(1)
    sent = 0
    s = conf.L2socket(iface=device)
    for _ in range(int(rounds)):
        for data in frames(mac, address, address6):
            s.send(Raw(data))
            sent += 1
    print('SCAPY', sent, 'sent', flush=True)


if __name__ == '__main__':
    main()
