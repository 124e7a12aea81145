#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""pcap.py CONSOLE.TXT [FOLDER]: take captures (`net capture PORT serial`) out of what a terminal recorded, as PORT-N.pcap in
FOLDER (default: here), for Wireshark, tshark, tcpdump. One that Ctrl-C ended has no end mark: it is taken as far as it goes.
Lines of the log that came in between are left out."""
import base64
import os
import re
import struct
import sys

MARK = re.compile(r'-----(BEGIN|END) PCAP (\S+)(?: frames=\d+ lost=\d+)?-----')
DATA = re.compile(r'[A-Za-z0-9+/]{1,76}={0,2}')


def whole_records(data):
    """data up to the last record that is all there."""
    at = 24
    while at + 16 <= len(data):
        kept = struct.unpack_from('<I', data, at + 8)[0]
        if at + 16 + kept > len(data):
            break
        at += 16 + kept
    return data[:at]


def captures(text):
    """[(port, bytes of the pcap)]; what a view shows again when it comes back is not taken twice"""
    found, port, data = [], None, b''

    def end():
        if port and len(data) >= 24 and (port, whole_records(data)) not in found:
            found.append((port, whole_records(data)))

    for line in re.split(r'[\r\n]+', text):
        mark = MARK.search(line)
        if mark:
            end()
            port, data = (mark.group(2), b'') if mark.group(1) == 'BEGIN' else (None, b'')
        elif port and DATA.fullmatch(line) and len(line) % 4 == 0:
            data += base64.b64decode(line)
        elif port and '^C' in line:
            end()
            port = None
    end()
    return found


def frames(data):
    """[(time in seconds, bytes kept, length on the wire)] of a pcap."""
    magic, = struct.unpack_from('<I', data)
    assert magic == 0xa1b23c4d, 'no pcap of nanoseconds'
    at, out = 24, []
    while at + 16 <= len(data):
        seconds, ns, kept, whole = struct.unpack_from('<IIII', data, at)
        out.append((seconds + ns / 1e9, data[at + 16:at + 16 + kept], whole))
        at += 16 + kept
    return out


def main():
    if len(sys.argv) not in (2, 3):
        print(__doc__, file=sys.stderr)
        return 2
    folder = sys.argv[2] if len(sys.argv) > 2 else '.'
    all_of_them = captures(open(sys.argv[1], errors='replace').read())
    for i, (port, data) in enumerate(all_of_them):
        name = os.path.join(folder, f'{re.sub("[^a-z0-9.-]", "_", port)}-{i}.pcap')
        open(name, 'wb').write(data)
        print(f'{name}: {len(frames(data))} frames')
    return 0 if all_of_them else 1


if __name__ == '__main__':
    sys.exit(main())
