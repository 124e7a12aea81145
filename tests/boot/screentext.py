# SPDX-License-Identifier: Apache-2.0
"""The text on a picture of the machine's screen, by the hypervisor's own font (drivers/host/font.c)."""
import os
import re

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
WIDTH, HEIGHT = 8, 16


def glyphs():
    """What 8 x 16 cells look like -> character. Each font line is drawn twice, shifted left by two."""
    text = open(f'{ROOT}/drivers/host/font.c').read()
    rows = re.findall(r'\{ ((?:0x[0-9a-f]{2}, ){7}0x[0-9a-f]{2}) \}', text)
    table = {}
    for n, row in enumerate(rows):
        lines = [int(b, 16) << 2 for b in row.split(', ')]
        table.setdefault(tuple(b for line in lines for b in (line, line)), chr(32 + n))
    return table


def read(path):
    try:
        data = open(path, 'rb').read()
    except OSError:
        return ''
    head = re.match(rb'P6\s+(\d+)\s+(\d+)\s+255\s', data)
    if not head:
        return ''
    width, height, at, font = int(head.group(1)), int(head.group(2)), head.end(), glyphs()
    out = []
    for row in range(height // HEIGHT):
        line = ''
        for col in range(width // WIDTH):
            cell = []
            for y in range(HEIGHT):
                p = at + ((row * HEIGHT + y) * width + col * WIDTH) * 3
                bits = 0
                for x in range(WIDTH):
                    bits = bits << 1 | (data[p + 3 * x] > 0x40)
                cell.append(bits)
            line += font.get(tuple(cell), '?')
        out.append(line.rstrip())
    return '\n'.join(out)


# Text in a font that nobody told us: where the same letter always looks the same, and no two look alike.

def cells(width, height, rgb):
    """Rows of 8 x 16 cells, each as the places where it is not the colour of its first pixel."""
    out = []
    for row in range(height // HEIGHT):
        line = []
        for col in range(width // WIDTH):
            first, cell = None, []
            for y in range(HEIGHT):
                at = ((row * HEIGHT + y) * width + col * WIDTH) * 3
                pixels = rgb[at:at + 3 * WIDTH]
                first = first or pixels[:3]
                cell.append(bytes(pixels[3 * x:3 * x + 3] != first for x in range(WIDTH)))
            line.append(b''.join(cell))
        out.append(line)
    return out


def stands_at(grid, row, col, lines, alphabet):
    """Do these lines stand there, in this alphabet (letter -> glyph)? -> the alphabet with what they add, or None."""
    glyph, letter = dict(alphabet), {g: c for c, g in alphabet.items()}
    for n, text in enumerate(lines):
        if row + n >= len(grid) or col + len(text) > len(grid[row + n]):
            return None
        for c, cell in zip(text, grid[row + n][col:]):
            if glyph.setdefault(c, cell) != cell or letter.setdefault(cell, c) != c:
                return None
    return glyph


class Missing(AssertionError):
    pass


class Picture:
    """A picture of a text console, 8 x 16 pixels a cell, and the alphabet that was learnt from what was found on it."""

    def __init__(self, width, height, rgb):
        self.width, self.height, self.rgb, self.alphabet = width, height, rgb, {}
        self.grid = cells(width, height, rgb)

    def find(self, lines):
        """-> row, column of these lines, one below the other."""
        for row in range(len(self.grid)):
            for col in range(len(self.grid[0])):
                alphabet = stands_at(self.grid, row, col, lines, self.alphabet)
                if alphabet:
                    self.alphabet = alphabet
                    return row, col
        raise Missing(f'the picture does not show {lines}')

    def learn(self, lines):
        """The first text to look for: enough different letters, so that it is not found by chance."""
        assert len(set(''.join(lines))) >= 12 and sum(map(len, lines)) >= 40, f'too little text to learn from: {lines}'
        return self.find(lines)

    def background(self, row, col):
        """The most frequent colour of a cell."""
        pixels = [self.rgb[((row * HEIGHT + y) * self.width + col * WIDTH + x) * 3:][:3] for y in range(HEIGHT) for x in range(WIDTH)]
        return tuple(max(set(pixels), key=pixels.count))
