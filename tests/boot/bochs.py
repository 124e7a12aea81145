#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A machine in Bochs (VMX) live on this terminal: bochs.py --live [--cores N] [--memory MIB] [--cpu MODEL] [--pid FILE] [--disk FILE] IMAGE."""
import argparse
import os
import select
import signal
import sys
import termios
import time
import tty

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from machine import Bochs, bochs_disk  # noqa: E402


def show(m, shown):
    """What is new since `shown` characters; -> how many are shown now."""
    new = m.text[shown:]
    sys.stdout.buffer.write(new.encode('latin-1'))
    sys.stdout.buffer.flush()
    return shown + len(new)


def shovel(m):
    """Terminal to machine and back until the machine ends; the reader thread gathers the machine's text."""
    shown, inputs = 0, [0]
    while m.running():
        shown = show(m, shown)
        if not select.select(inputs, [], [], 0.05)[0]:
            time.sleep(0 if inputs else 0.05)
            continue
        data = os.read(0, 1024)
        if not data:
            inputs = []         # no terminal: go on showing
        try:
            m.serial.sendall(data)
        except OSError:
            pass                # the machine has just ended
    time.sleep(0.2)
    show(m, shown)


def main():
    p = argparse.ArgumentParser()
    p.add_argument('--live', action='store_true')
    p.add_argument('--cores', type=int, default=5)
    p.add_argument('--memory', type=int, default=1536)
    p.add_argument('--cpu', default='corei7_skylake_x')
    p.add_argument('--pid', help='file for the process id of the emulator')
    p.add_argument('--net', action='store_true', help="an e1000 on Bochs' user network")
    p.add_argument('--forward', action='append', default=[], metavar='PROTOCOL:PORT:THERE',
                   help='a port of this machine that leads to that one of the hypervisor')
    p.add_argument('--disk', help='a second disk, which lasts')
    p.add_argument('image')
    a = p.parse_args()
    # A closed terminal must not leave an emulator behind.
    for s in (signal.SIGHUP, signal.SIGTERM):
        signal.signal(s, lambda *_: sys.exit(1))
    extra = []
    if a.disk:
        extra.append(bochs_disk(a.disk))
        if os.path.exists(a.disk + '.lock'):
            os.remove(a.disk + '.lock')      # of a Bochs that was killed
    old = termios.tcgetattr(0) if os.isatty(0) else None
    try:
        forward = [tuple(f.split(':')) for f in a.forward] if a.net else None
        with Bochs(a.image, cores=a.cores, memory=a.memory, cpu=a.cpu, extra=extra, forward=forward) as m:
            if a.pid:
                open(a.pid, 'w').write(f'{m.process.pid}\n')
            if old:
                tty.setraw(0)
            shovel(m)
    except KeyboardInterrupt:
        pass
    finally:
        if old:
            termios.tcsetattr(0, termios.TCSADRAIN, old)
        if a.pid and os.path.exists(a.pid):
            os.remove(a.pid)


main()
