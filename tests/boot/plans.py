# SPDX-License-Identifier: Apache-2.0
"""The plans that scenarios boot: text and files."""
import os
import shutil
import struct
import subprocess

LINUX = 'build/guests/linux'
GUEST = 'build/guest'
FULL = 'build/guests/full-linux'


class Plan:
    def __init__(self, name, text, files=None, linux=False, option=None, before='', expect=None):
        self.name, self.text, self.files, self.linux = name, text, files or {}, linux
        self.option = option        # load option, through a startup.nsh
        self.before = before        # what the UEFI shell runs first
        self.expect = expect        # bad plans: error id
        self.made = False
        self.needs_linux = linux    # the files of the Linux guests must be there

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


# One guest with its cores' own local APICs where that can be, one without.
two_linux = Plan('two-linux', linux_guest('left', 2, '192MiB') + linux_guest('right', 2, '192MiB', extra='apic = "virtual"'), linux=True)
three_cores = Plan('three-cores', linux_guest('left', 1, '160MiB') + linux_guest('right', 1, '160MiB'), linux=True)
panic = Plan('panic', linux_guest('left', 1, '128MiB', extra='restart = "on-failure"', panic=''), linux=True)

# RAM disks: of one guest's own, shared but read-only, and an ISO in the place of a CD-ROM (any bytes will do here).
disks = Plan('disks', linux_guest('left', 2, '192MiB', extra='disk = [{ image = "a.img" }, { image = "b.img", readonly = '
                                  'true }, { image = "c.img", ring = "split" }]\ncdrom = "cd.iso"')
             + linux_guest('right', 1, '160MiB', extra='virtio_console = { ports = ["log", "agent"] }\nballoon = true\ndisk = [{ image = "b.img", readonly = true }]'),
             {'a.img': bytes(4 << 20), 'b.img': b'bulkhead\n' * 512, 'c.img': bytes(2 << 20), 'cd.iso': b'CD' * 2048},
             linux=True)
hyperv_linux = Plan('hyperv-linux', linux_guest('left', 2, '192MiB', extra='hyperv = true'), linux=True)

# Firmware alone, no disks: mkesp.sh brings Debian's OVMF.
ovmf_shell = Plan('ovmf-shell', '[guest.fw]\ncores = 2\nmemory = "256MiB"\nboot = { type = "uefi" }\nrestart = "on-failure"\n')

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


class FatDisk(os.PathLike):
    """A FAT image with these files; made when the plan is written. name in the image -> path or bytes"""
    def __init__(self, name, files, mib=48):
        self.name, self.files, self.mib = name, files, mib

    def __fspath__(self):
        out = f'build/test/{self.name}'
        os.makedirs('build/test', exist_ok=True)
        open(out, 'wb').truncate(self.mib << 20)
        subprocess.run(['mformat', '-i', out, '-F', '::'], check=True)
        for name, source in self.files.items():
            data = source if isinstance(source, bytes) else open(source, 'rb').read()
            subprocess.run(['mcopy', '-i', out, '-', f'::{name}'], input=data, check=True)
        return out


# Firmware's shell starts Linux by its EFI stub, without a boot loader: efifb on the screen, the console's shell on tty1.
display_linux = Plan('display-linux', '[guest.pc]\ncores = 1\nmemory = "384MiB"\nboot = { type = "uefi" }\ndisplay = true\n'
                     'disk = [{ image = "esp.img" }]\n',
                     dict(display.files) | {'esp.img': FatDisk('esp.img', {
                         'vmlinuz.efi': f'{LINUX}/vmlinuz', 'initrd.img': f'{LINUX}/initrd.img', 'startup.nsh':
                         b'fs0:\r\nvmlinuz.efi initrd=\\initrd.img bulkhead.name=pc console=ttyS0 console=tty0\r\n'})})
display_linux.needs_linux = True


class Simpledrm(os.PathLike):
    """A kernel whose only driver of screens is simpledrm: none of Debian's has it."""
    def __fspath__(self):
        return subprocess.run(['tests/tools/simpledrm.sh'], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


display_simpledrm = Plan('display-simpledrm', display_linux.text, dict(display_linux.files) | {'esp.img': FatDisk('esp-drm.img', {
    'vmlinuz.efi': Simpledrm(), **{f: data for f, data in display_linux.files['esp.img'].files.items() if f != 'vmlinuz.efi'}})})
display_simpledrm.needs_linux = True


class GrubDisk(os.PathLike):
    """A GPT disk with Debian's GRUB, this menu, and these files beside it; made when the plan is written."""
    def __init__(self, name, menu, files):
        self.name, self.menu, self.files = name, menu, files

    def __fspath__(self):
        work = os.path.abspath(f'build/test/{self.name}.files')
        shutil.rmtree(work, ignore_errors=True)
        os.makedirs(work)
        for name, source in self.files.items():
            os.symlink(os.path.abspath(source), f'{work}/{name}')
        open(f'{work}.cfg', 'w').write(self.menu)
        out = os.path.abspath(f'build/test/{self.name}')
        subprocess.run(['guests/lib/espdisk.sh', out, work, f'{work}.cfg'], check=True)
        return out


# The smallest whole PC: OVMF, GRUB from a virtio disk, Linux with its console on the screen too, a login.
small_uefi = Plan('small-uefi', '[guest.pc]\ncores = 1\nmemory = "320MiB"\nboot = { type = "uefi" }\ndisplay = true\n'
                  'disk = [{ image = "grub.img" }]\n',
                  dict(display.files) | {'grub.img': GrubDisk('grub.img', 'set timeout=1\nmenuentry Linux {\n'
                       '\tlinux /vmlinuz console=tty0 console=ttyS0 bulkhead.name=pc bulkhead.login=1\n\tinitrd /initrd.img\n}\n',
                       {f: f'{LINUX}/{f}' for f in ('vmlinuz', 'initrd.img')})})
small_uefi.needs_linux = True
# RAM beyond 4 GiB: firmware has 2 GiB below.
large_uefi = Plan('large-uefi', small_uefi.text.replace('320MiB', '5120MiB'), small_uefi.files, linux=False)
large_uefi.needs_linux = True


class FullLinux(Plan):
    """The same with Debian's kernel for real machines: bochs-drm, psmouse."""
    def write(self, folder):
        subprocess.run(['guests/linux/recipe.sh', FULL], check=True, env=os.environ | {'KERNEL': 'full'}, stdout=subprocess.DEVNULL)
        super().write(folder)


screen = FullLinux('screen', small_uefi.text.replace('cores = 1', 'cores = 2').replace('320MiB', '512MiB'),
                   dict(display.files) | {'grub.img': GrubDisk('full.img', small_uefi.files['grub.img'].menu.replace(
                       ' bulkhead.login=1', ''), {f: f'{FULL}/{f}' for f in ('vmlinuz', 'initrd.img')})})
iommu_on = elf_plan('iommu-on', [('hello', {})], option='', before='iommuon.efi\r\n')
iommu_on.files['iommuon.efi'] = 'build/test/iommuon.efi'
iommu_stuck = elf_plan('iommu-stuck', [('hello', {})], option='', before='iommuon.efi stuck\r\n')
iommu_stuck.files['iommuon.efi'] = 'build/test/iommuon.efi'
iommu_off = elf_plan('iommu-off', [('hello', {})])
held = elf_plan('held', [('hello', {})])
hello_screen = elf_plan('hello-screen', [('hello', {})])

guests_a = elf_plan('guests-a', [
    ('hello', {}), ('badinsn', {}), ('wildmsr', {}), ('wildport', {}), ('wildmem', {}), ('wildfetch', {}), ('triple', {}),
])
guests_b = elf_plan('guests-b', [
    ('realmode', dict(cores=2)), ('smp', dict(cores=2)), ('multiboot', {}), ('wildcross', {}), ('devinsn', {}),
])
hyperv = elf_plan('hyperv', [
    ('hyperv', dict(cores=2, extra='hyperv = true')),
    ('hvcrash', dict(file='hyperv', cmdline='crash', extra='hyperv = true')),
])
# Both ways to have a local APIC, side by side.
guests_apic = elf_plan('guests-apic', [
    ('strays', dict(cores=2)), ('smp', dict(cores=2)), ('virtual', dict(file='smp', cores=2, extra='apic = "virtual"')),
])
# Time is judged only where it is exact: Bochs, and QEMU 10 with icount.
guests_time = elf_plan('guests-time', [('timer', {}), ('tick', dict(cmdline='n=2')), ('storm', dict(cmdline='n=0'))])
guests_retire = elf_plan('guests-retire', [('retire', dict(cores=2, cmdline='n=16 us=100'))])
guests_small = elf_plan('guests-small', [('badinsn', {}), ('timer', dict(extra='apic = "virtual"'))])

# What a test guest's end must look like: result of the test device, or the id of the kill.
KILLED = {'wildfetch': 'GUEST-FETCH', 'triple': 'GUEST-TRIPLE-FAULT', 'hvcrash': 'GUEST-PANIC'}


def truncated(path, size):
    """The first bytes of a file that exists only when the plan is written."""
    class Cut(os.PathLike):
        def __fspath__(self):
            out = f'build/test/cut-{os.path.basename(path)}-{size}'
            os.makedirs('build/test', exist_ok=True)
            open(out, 'wb').write(open(path, 'rb').read()[:size])
            return out
    return Cut()


HELD = (0x2000000, 0x40000000)      # most of 1536 MiB, which the memory map calls usable


def held_dmar():
    """Body of a DMAR without units: memory that the disk controller and one behind a bridge use for good, and rubbish."""
    scopes = b''.join(struct.pack('<BBHBB', 1, 6 + len(path), 0, 0, 0) + path for path in (b'\x1f\x02', b'\x04\0\x05\0'))
    os.makedirs('build/test', exist_ok=True)
    path = os.path.abspath('build/test/held.dmar')
    open(path, 'wb').write(struct.pack('<BB10x', 38, 0) + struct.pack('<HHHHQQ', 1, 24 + len(scopes), 0, 0, HELD[0], HELD[1] - 1)
                           + scopes + struct.pack('<HH', 1, 0))
    return ['-acpitable', f'sig=DMAR,rev=1,data={path}', '-device', 'pci-bridge,id=br,chassis_nr=1,addr=4',
            '-device', 'ich9-ahci,bus=br,addr=5']


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
    Plan('firmware-missing', '[guest.a]\ncores = 1\nmemory = "64MiB"\nboot = { type = "uefi", firmware = "none.fd" }\n',
         expect='IMAGE-MISSING'),
    Plan('firmware-is-none', '[guest.a]\ncores = 1\nmemory = "64MiB"\nboot = { type = "uefi", firmware = "hello.elf" }\n',
         {'hello.elf': f'{GUEST}/hello.elf'}, expect='IMAGE-FORMAT'),
    Plan('image-too-big', '[guest.a]\ncores = 1\nmemory = "16MiB"\nboot = { type = "linux", kernel = "vmlinuz", '
         'initrd = "initrd.img" }\n', linux=True, expect='IMAGE-TOO-BIG'),
]
