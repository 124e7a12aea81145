#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A server beside an emulated machine, on its network: netpeer.py syslog | sntp SECONDS_AHEAD | ra DEVICE PREFIX | ping ADDRESS SECONDS |
tagged DEVICE VLAN ADDRESS."""
import socket
import struct
import sys
import threading
import time


def say(*words):
    print(*words, flush=True)


def syslog():
    """Port 514: datagrams, and connections with octet counting (RFC 5425), as they come."""
    def stream():
        with socket.create_server(('0.0.0.0', 514)) as server:
            while True:
                c = server.accept()[0]
                while data := c.recv(65536):
                    say(data.decode(errors='replace'))
    threading.Thread(target=stream, daemon=True).start()
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(('0.0.0.0', 514))
    while True:
        say(s.recv(65536).decode(errors='replace'))


def sntp(ahead):
    """RFC 4330: this machine's time, so many seconds ahead."""
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(('0.0.0.0', 123))
    while True:
        data, who = s.recvfrom(1024)
        now = time.time() + int(ahead) + 2208988800
        stamp = struct.pack('>II', int(now), int(now % 1 * (1 << 32)))
        s.sendto(struct.pack('>BBbb11s', 0x24, 1, 6, -20, b'\0' * 8 + b'LOC')[:15] + b'L' + stamp + data[40:48] + stamp + stamp, who)
        say('answered', who)


def ra(device, prefix):
    """Router advertisements (RFC 4861, 4.2) every two seconds: our address, a prefix of 64 bits to make addresses of."""
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x86dd))
    s.bind((device, 0x86dd))
    mac = s.getsockname()[4]
    source, target = (socket.inet_pton(socket.AF_INET6, a) for a in ('fe80::1', 'ff02::1'))
    body = struct.pack('>BBHBBHII', 134, 0, 0, 64, 0, 1800, 0, 0) + b'\1\1' + mac
    body += struct.pack('>BBBBIII', 3, 4, 64, 0xc0, 86400, 14400, 0) + socket.inet_pton(socket.AF_INET6, prefix)
    data = source + target + struct.pack('>II', len(body), 58) + body
    total = sum(struct.unpack(f'>{len(data) // 2}H', data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    body = body[:2] + struct.pack('>H', ~total & 0xffff) + body[4:]
    frame = b'\x33\x33\0\0\0\1' + mac + b'\x86\xdd' + struct.pack('>IHBB', 6 << 28, len(body), 58, 255) + source + target + body
    while True:
        s.send(frame)
        say('sent')
        time.sleep(2)


def ping(address, seconds):
    """ICMP echo until one is answered."""
    s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    s.settimeout(1)
    for n in range(int(seconds)):
        body = struct.pack('>BBHHH', 8, 0, 0, 77, n)
        s.sendto(body[:2] + struct.pack('>H', ~(0x0800 + 77 + n) & 0xffff) + body[4:], (address, 0))
        try:
            while True:
                data, who = s.recvfrom(2048)
                if who[0] == address and data[20] == 0:
                    return say('answered')
        except TimeoutError:
            pass
    sys.exit(f'{address} does not answer')


def tagged(device, vlan, address):
    """Answers ARP and ICMP echo for an address in a VLAN, with its tag; the kernel here may know nothing of VLANs."""
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    s.setsockopt(263, 8, 1)         # SOL_PACKET, PACKET_AUXDATA: the tag, which the kernel takes out of the frame
    s.bind((device, 3))
    mac, own = s.getsockname()[4], socket.inet_aton(address)
    while True:
        data, control, _, who = s.recvmsg(2048, 64)
        tags = [struct.unpack('IIIHHHH', d)[5] & 0xfff for _, _, d in control]
        if who[2] == socket.PACKET_OUTGOING or tags != [int(vlan)]:
            continue
        head, body = data[6:12] + mac + struct.pack('>HH', 0x8100, int(vlan)), b''
        if data[12:14] == b'\x08\x06' and data[20:22] == b'\0\1' and data[38:42] == own:
            body = data[12:20] + b'\0\2' + mac + own + data[22:32]
        if data[12:14] == b'\x08\0' and data[23] == 1 and data[30:34] == own and data[34] == 8:
            total = int.from_bytes(data[36:38], 'big') + 0x0800         # RFC 1624, the type was 8
            body = data[12:26] + own + data[26:30] + b'\0\0' + struct.pack('>H', (total & 0xffff) + (total >> 16)) + data[38:]
        if body:
            s.send(head + body)
            say('answered')


{'syslog': syslog, 'sntp': sntp, 'ra': ra, 'ping': ping, 'tagged': tagged}[sys.argv[1]](*sys.argv[2:])
