#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A small RFB client, RFC 6143: handshake, Raw, Tight and ZRLE, another size. For tests of the build host, and by hand:
rfb.py --compare STREAM RAW BITS DEPTH BIG SHIFT..: what the server sent (the handshake, then updates) must make the picture
RAW (32 bits a pixel, blue first)."""
import io
import struct
import sys
import zlib

RAW, TIGHT, ZRLE, DESKTOP_SIZE, EXTENDED_KEY = 0, 7, 16, -223, -258


class Client:
    def __init__(self, read, write=lambda data: None):
        """read(n): exactly n bytes of the server's."""
        self.read, self.write = read, write
        self.width = self.height = 0
        self.name, self.pixels = '', []
        self.zlib = {TIGHT: zlib.decompressobj(), ZRLE: zlib.decompressobj()}
        self.extended_keys, self.bells, self.rects = False, 0, []
        self.format(32, 24, 0, (16, 8, 0))

    def format(self, bits, depth, big, shift, most=(255, 255, 255)):
        self.bits, self.depth, self.big, self.shift, self.most = bits, depth, big, shift, most
        return struct.pack('>B3xBBBBHHHBBB3x', 0, bits, depth, big, 1, *most, *shift)

    def handshake(self):
        assert self.read(12) == b'RFB 003.008\n'
        self.write(b'RFB 003.008\n')
        assert self.read(2) == b'\1\1', 'security types'
        self.write(b'\1')
        assert self.read(4) == bytes(4), 'security result'
        self.write(b'\1')
        self.width, self.height = struct.unpack('>HH', self.read(4))
        assert struct.unpack('>BBBBHHHBBB3x', self.read(16)) == (32, 24, 0, 1, 255, 255, 255, 16, 8, 0)
        self.name = self.read(struct.unpack('>I', self.read(4))[0]).decode()
        self.pixels = [0] * (self.width * self.height)

    def encodings(self, *which):
        self.write(struct.pack(f'>BxH{len(which)}i', 2, len(which), *which))

    def request(self, incremental):
        self.write(struct.pack('>BBHHHH', 3, incremental, 0, 0, self.width, self.height))

    def key(self, keysym, down):
        self.write(struct.pack('>BBHI', 4, down, 0, keysym))

    def scan_code(self, code, down, keysym=0):
        self.write(struct.pack('>BBHII', 255, 0, down, keysym, code))

    def pointer(self, x, y, buttons=0):
        self.write(struct.pack('>BBHH', 5, buttons, x, y))

    def message(self):
        """The next message; an update is drawn, and the encodings of its rectangles returned; None: a bell."""
        kind = self.read(1)[0]
        if kind == 2:
            self.bells += 1
            return None
        assert kind == 0, f'message {kind}'
        seen = []
        for _ in range(struct.unpack('>xH', self.read(3))[0]):
            x, y, w, h, encoding = struct.unpack('>HHHHi', self.read(12))
            seen.append(encoding)
            if encoding == DESKTOP_SIZE:
                self.width, self.height, self.pixels = w, h, [0] * (w * h)
                continue
            if encoding == EXTENDED_KEY:
                self.extended_keys = True
                continue
            assert x + w <= self.width and y + h <= self.height, f'{w}x{h} at {x},{y}'
            pixels = {RAW: self.raw, TIGHT: self.tight, ZRLE: self.zrle}[encoding](w, h)
            assert len(pixels) == w * h
            for row in range(h):
                at = (y + row) * self.width + x
                self.pixels[at:at + w] = pixels[row * w:(row + 1) * w]
        return seen

    # -- pixels: 0xRRGGBB ----------------------------------------------------------

    def colour(self, data, low=0):
        n = int.from_bytes(data, 'big' if self.big else 'little') << low
        out = 0
        for shift, most in zip(self.shift, self.most):
            out = out << 8 | ((n >> shift & most) * 255 + most // 2) // most
        return out

    def colours(self, data, size, low=0, true=False):
        known = {}
        for i in range(0, len(data), size):
            piece = data[i:i + size]
            if piece not in known:
                known[piece] = int.from_bytes(piece, 'big') if true else self.colour(piece, low)
            yield known[piece]

    def raw(self, w, h):
        size = self.bits // 8
        return list(self.colours(self.read(w * h * size), size))

    def tpixels(self, data):
        true = (self.bits, self.depth, self.most) == (32, 24, (255, 255, 255))
        return list(self.colours(data, 3 if true else self.bits // 8, true=true))

    @property
    def tpixel(self):
        return 3 if (self.bits, self.depth, self.most) == (32, 24, (255, 255, 255)) else self.bits // 8

    def tight_data(self, n):
        if n < 12:
            return self.read(n)
        length = shift = 0
        while True:
            byte = self.read(1)[0]
            length |= (byte & 127 if shift < 14 else byte) << shift
            shift += 7
            if byte < 128 or shift > 14:
                break
        data = self.zlib[TIGHT].decompress(self.read(length))
        assert len(data) == n, f'{len(data)} bytes, not {n}'
        return data

    def tight(self, w, h):
        control = self.read(1)[0]
        assert control in (0x00, 0x40, 0x80), f'{control:x}'
        if control == 0x80:
            return self.tpixels(self.read(self.tpixel)) * (w * h)
        if not control:
            return self.tpixels(self.tight_data(w * h * self.tpixel))
        kind, n = self.read(2)
        assert kind == 1
        palette = self.tpixels(self.read((n + 1) * self.tpixel))
        if n > 1:
            return [palette[i] for i in self.tight_data(w * h)]
        return [palette[i] for i in self.unpack(self.tight_data((w + 7) // 8 * h), w, 1)]

    @staticmethod
    def unpack(data, w, bits):
        line = (w * bits + 7) // 8
        for at in range(0, len(data), line):
            for x in range(w):
                yield data[at + x * bits // 8] >> (8 - bits - x * bits % 8) & (1 << bits) - 1

    def zrle(self, w, h):
        assert w <= 64 and h <= 64, 'one tile'
        data = self.zlib[ZRLE].decompress(self.read(struct.unpack('>I', self.read(4))[0]))
        size, low = self.bits // 8, 0
        if self.bits == 32 and self.depth <= 24:
            if all(m << s < 1 << 24 for m, s in zip(self.most, self.shift)):
                size = 3
            elif all(s >= 8 for s in self.shift):
                size, low = 3, 8
        kind = data[0]
        assert kind <= 16, kind
        palette = list(self.colours(data[1:1 + kind * size], size, low))
        if kind == 1:
            assert len(data) == 1 + size
            return palette * (w * h)
        if kind:
            bits = 1 if kind == 2 else 2 if kind <= 4 else 4
            assert len(data) == 1 + kind * size + (w * bits + 7) // 8 * h
            return [palette[i] for i in self.unpack(data[1 + kind * size:], w, bits)]
        assert len(data) == 1 + w * h * size
        return list(self.colours(data[1:], size, low))


def rough(colour, most):
    """The colour that is left of one with so few bits."""
    out = 0
    for i, m in enumerate(most):
        part = ((colour >> (16 - 8 * i) & 255) * m + 127) // 255
        out = out << 8 | (part * 255 + m // 2) // m
    return out


def compare(argv):
    stream = io.BytesIO(open(argv[0], 'rb').read())
    raw = open(argv[1], 'rb').read()
    bits, depth, big, *numbers = map(int, argv[2:])

    def read(n):
        data = stream.read(n)
        assert len(data) == n, 'the stream ends early'
        return data
    client = Client(read)
    client.handshake()
    client.format(bits, depth, big, tuple(numbers[:3]), tuple(numbers[3:]))
    while stream.tell() < len(stream.getbuffer()):
        client.message()
    want = [rough(raw[i] | raw[i + 1] << 8 | raw[i + 2] << 16, client.most) for i in range(0, len(raw), 4)]
    if client.pixels != want:
        at = next((i for i, (a, b) in enumerate(zip(client.pixels, want)) if a != b), -1)
        sys.exit(f'the picture is another one: {len(client.pixels)} pixels, {len(want)}; pixel {at}')


if __name__ == '__main__':
    assert sys.argv[1] == '--compare'
    compare(sys.argv[2:])
