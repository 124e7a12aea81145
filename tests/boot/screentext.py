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
