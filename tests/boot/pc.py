#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The disks and CDs of guests/ on a plain emulated PC, without Bulkhead: OVMF, and each image behind virtio-blk as a guest has
it. What does not boot here cannot boot in Bulkhead. pc.py debian|installer|memtest|mach|xen|... runs one row and says how long."""
import os
import shutil
import sys
import time

from machine import Qemu, Qemu10

CODE, VARS = '/usr/share/OVMF/OVMF_CODE_4M.fd', '/usr/share/OVMF/OVMF_VARS_4M.fd'


def blk(path, n, readonly=False):
    keep = 'readonly=on' if readonly else 'snapshot=on'
    return ['-drive', f'file={os.path.abspath(path)},format=raw,if=none,id=d{n},{keep}', '-device', f'virtio-blk-pci,drive=d{n}']


class Pc(Qemu):
    """disks: images, CDs among them by their name."""
    name = 'pc'

    def __init__(self, disks, memory=512, cores=1, cpu='EPYC', **kw):
        super().__init__(disks[0], memory=memory, cores=cores, cpu=cpu, **kw)
        self.disks = disks

    def command(self):
        vars_ = f'{self.dir}/vars.fd'
        shutil.copy(VARS, vars_)
        c = [*self.binary, '-nodefaults', '-machine', self.machine, '-accel', self.accel, '-cpu', self.cpu,
             '-smp', str(self.cores), '-m', str(self.memory), '-display', 'none', '-vga', 'std' if self.screen else 'none',
             '-drive', f'if=pflash,format=raw,readonly=on,file={CODE}', '-drive', f'if=pflash,format=raw,file={vars_}', '-no-reboot',
             '-monitor', f'unix:{self.dir}/monitor,server=on,wait=off',
             '-chardev', f'socket,id=con,path={self.dir}/serial,server=on,wait=on', '-serial', 'chardev:con']
        for n, path in enumerate(self.disks):
            c += blk(path, n, path.endswith('.iso'))
        return c + self.extra
