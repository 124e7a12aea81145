#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A machine in Bochs (VMX) live on this terminal: bochs.py --live [--cores N] [--memory MIB] [--cpu MODEL] IMAGE."""
import argparse
import os
import select
import sys
import termios
import tty

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from machine import Bochs  # noqa: E402


def shovel(m):
    """Terminal to machine and back until the machine ends; the reader thread gathers the machine's text."""
    shown = 0
    while m.running():
        if shown < len(m.text):
            new = m.text[shown:]
            shown += len(new)
            os.write(1, new.encode('latin-1'))
        if select.select([0], [], [], 0.05)[0]:
            data = os.read(0, 1024)
            if data:
                m.serial.sendall(data)


def main():
    p = argparse.ArgumentParser()
    p.add_argument('--live', action='store_true')
    p.add_argument('--cores', type=int, default=5)
    p.add_argument('--memory', type=int, default=1536)
    p.add_argument('--cpu', default='corei7_skylake_x')
    p.add_argument('image')
    a = p.parse_args()
    print(f'run: Bochs, {a.cpu}, {a.cores} cores, {a.memory} MiB; its firmware takes 15-30 s before the first line', flush=True)
    old = termios.tcgetattr(0) if os.isatty(0) else None
    try:
        with Bochs(a.image, cores=a.cores, memory=a.memory, cpu=a.cpu) as m:
            if old:
                tty.setraw(0)
            shovel(m)
    except KeyboardInterrupt:
        pass
    finally:
        if old:
            termios.tcsetattr(0, termios.TCSADRAIN, old)


main()
