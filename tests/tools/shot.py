#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Pictures that `shot GUEST` printed on the serial console: shot.py CONSOLE.TXT [FOLDER] writes each as GUEST-N.png.
For tests: --check PNG, --compare PNG RAW WIDTH HEIGHT (32 bits a pixel, blue first). Needs no library of pictures."""
import base64
import os
import re
import struct
import sys
import zlib

SIGNATURE = b'\x89PNG\r\n\x1a\n'


def find(text):
    """-> [(guest, PNG bytes)] of a console's text; lines of other origin in between are left out."""
    out = []
    for name, size, body in re.findall(r'-----BEGIN PNG (\S+) (\d+x\d+)-----\r?\n(.*?)-----END PNG \1-----', text, re.S):
        lines = [line.strip() for line in body.splitlines()]
        data = ''.join(line for line in lines if re.fullmatch(r'(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2,3}={0,2})?', line))
        out.append((name, base64.b64decode(data)))
    return out


def chunks(png):
    at = len(SIGNATURE)
    assert png[:at] == SIGNATURE, 'no PNG'
    while at < len(png):
        length, kind = struct.unpack('>I4s', png[at:at + 8])
        data = png[at + 8:at + 8 + length]
        crc = struct.unpack('>I', png[at + 8 + length:at + 12 + length])[0]
        assert crc == zlib.crc32(kind + data), f'wrong CRC of {kind}'
        yield kind, data
        at += length + 12
    assert kind == b'IEND' and at == len(png)


def decode(png):
    """-> width, height, bytes of red, green, blue. 8 bits, palette or RGB, filters None and Up."""
    palette, data, width, height, colour = b'', b'', 0, 0, 0
    for kind, body in chunks(png):
        if kind == b'IHDR':
            width, height, depth, colour = struct.unpack('>IIBB', body[:10])
            assert depth == 8 and colour in (2, 3) and body[10:] == b'\0\0\0', 'an unknown form'
        elif kind == b'PLTE':
            palette = body
        elif kind == b'IDAT':
            data += body
    size = width * (1 if colour == 3 else 3)
    z = zlib.decompressobj()
    raw = z.decompress(data)
    assert z.eof and not z.unused_data and len(raw) == (size + 1) * height, 'image data of the wrong length'
    rows, above = [], bytes(size)
    for y in range(height):
        kind, line = raw[y * (size + 1)], raw[y * (size + 1) + 1:(y + 1) * (size + 1)]
        assert kind in (0, 2), f'filter {kind}'
        above = bytes((a + b) & 255 for a, b in zip(line, above)) if kind else line
        rows.append(above)
    if colour == 2:
        return width, height, b''.join(rows)
    return width, height, b''.join(b''.join(palette[3 * i:3 * i + 3] for i in row) for row in rows)


def main(argv):
    if argv[0] == '--check':
        decode(open(argv[1], 'rb').read())
    elif argv[0] == '--compare':
        width, height, rgb = decode(open(argv[1], 'rb').read())
        raw = open(argv[2], 'rb').read()
        want = bytearray(width * height * 3)
        want[0::3], want[1::3], want[2::3] = raw[2::4], raw[1::4], raw[0::4]
        if (width, height) != (int(argv[3]), int(argv[4])) or rgb != want:
            sys.exit('the picture is another one')
    else:
        folder = argv[1] if len(argv) > 1 else '.'
        for n, (name, png) in enumerate(find(open(argv[0], errors='replace').read()), 1):
            decode(png)
            path = os.path.join(folder, f'{name}-{n}.png')
            open(path, 'wb').write(png)
            print(path)


if __name__ == '__main__':
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(sys.argv[1:])
