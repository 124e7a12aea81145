# SPDX-License-Identifier: Apache-2.0
"""The plans that scenarios boot: text and files."""
import os
import shutil

LINUX = 'build/guests/two-linux'
GUEST = 'build/guest'


class Plan:
    def __init__(self, name, text, files=None, linux=False, option=None, before='', expect=None):
        self.name, self.text, self.files, self.linux = name, text, files or {}, linux
        self.option = option        # load option, through a startup.nsh
        self.before = before        # what the UEFI shell runs first
        self.expect = expect        # bad plans: error id
        self.made = False

    def write(self, folder):
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        open(f'{folder}/bulkhead.toml', 'w').write(self.text or '# taken away again by matrix.image()\n')
        for name, source in self.files.items():
            if isinstance(source, bytes):
                open(f'{folder}/{name}', 'wb').write(source)
            else:
                shutil.copy(source, f'{folder}/{name}')
        if self.linux:
            shutil.copy(f'{LINUX}/vmlinuz', folder)
            shutil.copy(f'{LINUX}/initrd.img', folder)


def elf_guest(name, file=None, cores=1, cmdline='', memory='16MiB', test=True, extra=''):
    return (f'[guest.{name}]\ncores = {cores}\nmemory = "{memory}"\n'
            f'boot = {{ type = "elf", file = "{file or name}.elf", cmdline = "{cmdline}" }}\n'
            f'test_device = {"true" if test else "false"}\nrestart = "never"\n{extra}\n')


def elf_plan(name, guests, **kw):
    """guests: (name, keywords of elf_guest)"""
    text = ''.join(elf_guest(n, **k) for n, k in guests)
    files = {f'{k.get("file", n)}.elf': f'{GUEST}/{k.get("file", n)}.elf' for n, k in guests}
    p = Plan(name, text, files, **kw)
    p.guests = guests
    return p


def linux_guest(name, cores, memory, cmdline='', extra='', panic='panic=1 '):
    return (f'[guest.{name}]\ncores = {cores}\nmemory = "{memory}"\n'
            f'boot = {{ type = "linux", kernel = "vmlinuz", initrd = "initrd.img", '
            f'cmdline = "console=ttyS0 quiet {panic}bulkhead.name={name} {cmdline}" }}\n{extra}\n')


two_linux = Plan('two-linux', linux_guest('left', 2, '192MiB') + linux_guest('right', 2, '192MiB'), linux=True)
three_cores = Plan('three-cores', linux_guest('left', 1, '160MiB') + linux_guest('right', 1, '160MiB'), linux=True)
panic = Plan('panic', linux_guest('left', 1, '128MiB', extra='restart = "on-failure"', panic=''), linux=True)

# RAM disks: of one guest's own, shared but read-only, and an ISO in the place of a CD-ROM (any bytes will do here).
disks = Plan('disks', linux_guest('left', 2, '192MiB', extra='disk = [{ image = "a.img" }, { image = "b.img", readonly = '
                                  'true }, { image = "c.img", ring = "split" }]\ncdrom = "cd.iso"')
             + linux_guest('right', 1, '160MiB', extra='disk = [{ image = "b.img", readonly = true }]'),
             {'a.img': bytes(4 << 20), 'b.img': b'bulkhead\n' * 512, 'c.img': bytes(2 << 20), 'cd.iso': b'CD' * 2048},
             linux=True)

hello = elf_plan('hello', [('hello', {})])
two_hello = elf_plan('two-hello', [('tick', dict(cmdline='n=0')), ('storm', dict(cmdline='n=0'))])
console = elf_plan('console', [('tick', dict(cmdline='n=0')), ('tightloop', {})])
exitbench = elf_plan('exitbench', [('exitbench', dict(memory='128MiB', cmdline='n=100 batch=100'))])

# hello and the load option "check": firmware's shell is not asked, the option comes from a file beside the .efi.
hello_check = elf_plan('hello-check', [('hello', {})], option='check')
vmx_locked = elf_plan('vmx-locked', [('hello', {})], option='', before='lockvmx.efi\r\n')
vmx_locked.files['lockvmx.efi'] = 'build/test/lockvmx.efi'
OVMF = '/usr/share/OVMF'
display = Plan('display', '[guest.pc]\ncores = 1\nmemory = "256MiB"\nboot = { type = "uefi" }\ndisplay = true\n',
               {f: f'{OVMF}/{f}' for f in ('OVMF_CODE_4M.fd', 'OVMF_VARS_4M.fd')})
hello_screen = elf_plan('hello-screen', [('hello', {})])

guests_a = elf_plan('guests-a', [
    ('hello', {}), ('badinsn', {}), ('wildmsr', {}), ('wildport', {}), ('wildmem', {}), ('wildfetch', {}), ('triple', {}),
])
guests_b = elf_plan('guests-b', [
    ('realmode', dict(cores=2)), ('smp', dict(cores=2)), ('multiboot', {}), ('wildcross', {}),
])
# Time is judged only where it is exact: Bochs, and QEMU 10 with icount.
guests_time = elf_plan('guests-time', [('timer', {}), ('tick', dict(cmdline='n=2')), ('storm', dict(cmdline='n=0'))])
guests_small = elf_plan('guests-small', [('badinsn', {}), ('timer', {})])

# What a test guest's end must look like: result of the test device, or the id of the kill.
KILLED = {'wildfetch': 'GUEST-FETCH', 'triple': 'GUEST-TRIPLE-FAULT'}


def truncated(path, size):
    """The first bytes of a file that exists only when the plan is written."""
    class Cut(os.PathLike):
        def __fspath__(self):
            out = f'build/test/cut-{os.path.basename(path)}-{size}'
            os.makedirs('build/test', exist_ok=True)
            open(out, 'wb').write(open(path, 'rb').read()[:size])
            return out
    return Cut()


_kernel = 'boot = { type = "linux", kernel = "vmlinuz" }\n'
bad = [
    Plan('no-plan', None, expect='PLAN-MISSING'),
    Plan('syntax', '[guest.a\ncores = 1\n', expect='PLAN-SYNTAX'),
    Plan('unknown-key', '[guest.a]\ncores = 1\nmemory = "64MiB"\nmemroy = 1\n' + _kernel, expect='PLAN-UNKNOWN-KEY'),
    Plan('overlap', '[guest.a]\ncores = [1]\nmemory = "64MiB"\n' + _kernel + '[guest.b]\ncores = [1]\nmemory = "64MiB"\n'
         + _kernel, {'vmlinuz': f'{GUEST}/hello.elf'}, expect='PLAN-OVERLAP'),
    Plan('cores', '[guest.a]\ncores = 7\nmemory = "64MiB"\n' + _kernel, {'vmlinuz': f'{GUEST}/hello.elf'}, expect='PLAN-CORES'),
    Plan('memory', '[guest.a]\ncores = 1\nmemory = "64GiB"\n' + _kernel, {'vmlinuz': f'{GUEST}/hello.elf'}, expect='PLAN-MEMORY'),
    Plan('image-missing', '[guest.a]\ncores = 1\nmemory = "64MiB"\n' + _kernel, expect='IMAGE-MISSING'),
    Plan('kernel-truncated', '[guest.a]\ncores = 1\nmemory = "64MiB"\n' + _kernel,
         {'vmlinuz': truncated(f'{LINUX}/vmlinuz', 100000)}, expect='IMAGE-FORMAT'),
    Plan('kernel-no-kernel', '[guest.a]\ncores = 1\nmemory = "64MiB"\n' + _kernel,
         {'vmlinuz': b'#!/bin/sh\necho this is no kernel\n' * 100}, expect='IMAGE-FORMAT'),
    Plan('elf-truncated', elf_guest('a', 'hello'), {'hello.elf': truncated(f'{GUEST}/hello.elf', 60)}, expect='IMAGE-FORMAT'),
    Plan('disk-shared', '[guest.a]\ncores = 1\nmemory = "64MiB"\ndisk = [{ image = "x.img" }]\n' + _kernel
         + '[guest.b]\ncores = 1\nmemory = "64MiB"\ndisk = [{ image = "x.img", readonly = true }]\n' + _kernel,
         {'vmlinuz': f'{GUEST}/hello.elf', 'x.img': bytes(512)}, expect='IMAGE-SHARED'),
    Plan('disk-sectors', '[guest.a]\ncores = 1\nmemory = "64MiB"\ndisk = [{ image = "x.img" }]\n' + _kernel,
         {'vmlinuz': f'{GUEST}/hello.elf', 'x.img': bytes(1000)}, expect='IMAGE-SECTORS'),
    Plan('disk-missing', '[guest.a]\ncores = 1\nmemory = "64MiB"\ncdrom = "x.iso"\n' + _kernel,
         {'vmlinuz': f'{GUEST}/hello.elf'}, expect='IMAGE-MISSING'),
    Plan('image-too-big', '[guest.a]\ncores = 1\nmemory = "16MiB"\nboot = { type = "linux", kernel = "vmlinuz", '
         'initrd = "initrd.img" }\n', linux=True, expect='IMAGE-TOO-BIG'),
]
