# SPDX-License-Identifier: Apache-2.0
"""Guests that are a whole PC: Debian behind OVMF and GRUB, the installer's CD, memtest86+, and kernels that are no Linux.
Their files come from the recipes in guests/."""
import os
import re
import subprocess
import time

import pc
import plans
import screentext
from scenarios import picture, ready, shell, view
from volumes import change, check_ext4, host_parts

# What stock kernels say about these emulated processors, with and without us; and where an emulator is slow (docs/caveats.md).
KNOWN = re.compile(r'hrtimer: interrupt took|Speculative Return Stack Overflow|IMA_DISABLE_HTABLE|hpet: Lost \d+ RTC interrupts|TSC doesn\'t count|^\s*$')


class RecipePlan(plans.Plan):
    """A folder of guests/. change: text of its plan -> text. extra: name of a file -> name of the recipe's file."""

    def __init__(self, recipe, name=None, change=None, extra=None):
        super().__init__(name or recipe, '', {})
        self.recipe, self.change, self.extra = recipe, change or (lambda text: text), extra or {}

    def folder(self):
        return os.path.abspath(f'build/guests/{self.recipe}')

    def make(self):
        subprocess.run([f'guests/{self.recipe}/recipe.sh', self.folder()], check=True, stdout=subprocess.DEVNULL)

    def write(self, folder):
        self.make()
        self.text = self.change(open(f'{self.folder()}/bulkhead.toml').read())
        names = {n: n for n in os.listdir(self.folder()) if n[0] != '.' and n not in ('versions.txt', 'bulkhead.toml')}
        super().write(folder)
        for name, source in (names | self.extra).items():       # no copies: the medium's maker follows links
            os.symlink(f'{self.folder()}/{source}', f'{folder}/{name}')


def two(text):
    """Two Debians, each with its own disk, beside a kernel without firmware."""
    text = text.replace('cores = 2', 'cores = 1')
    second = text[text.index('[guest'):].replace('guest.debian', 'guest.second').replace('debian.img', 'second.img')
    return f'{text}\n{second}\n' + plans.elf_guest('tick', cmdline='n=0')


debian = RecipePlan('debian')
two_debians = RecipePlan('debian', 'two-debians', two, {'second.img': 'debian.img'})
two_debians.files['tick.elf'] = f'{plans.GUEST}/tick.elf'
# Two empty disks beside Debian's own: one with packed rings, one without.
rings = RecipePlan('debian', 'debian-rings', lambda text: text.replace('"debian.img" }', '"debian.img" }, { image = "b.img" }, '
                                                                       '{ image = "c.img", ring = "split" }'))
rings.files |= {'b.img': bytes(48 << 20), 'c.img': bytes(48 << 20)}
# A disk of the machine's beside Debian's own.
on_disk = RecipePlan('debian', 'debian-volume', lambda text: '[machine]\ndisks = ["LASTING", "ide1"]\n' + text.replace(
    '"debian.img" }', '"debian.img" }, { volume = "fio" }').replace('cores = 2\n', 'cores = 2\nautostart = false\n'))
# Debian's disk is a volume, filled with the recipe's image.
on_volume = RecipePlan('debian', 'debian-system', lambda text: '[machine]\ndisks = ["LASTING"]\nimport = ["debian.img"]\n' + text.replace(
    'image = "debian.img" }', 'volume = "system" }').replace('cores = 2\n', 'cores = 2\nautostart = false\n'))
installer = RecipePlan('installer')
memtest = RecipePlan('memtest')
mach = RecipePlan('mach')
xen = RecipePlan('xen')


# -- Debian ----------------------------------------------------------------------

def grub(m, digit):
    view(m, digit)
    m.expect(r'GNU GRUB', 90 * m.patience)


def login(m):
    m.expect(r'debian login: ', 240 * m.patience)
    m.type('root\r')
    m.expect(r'Password: ', 60 * m.patience)
    m.type('bulkhead\r')
    m.expect(r'root@debian:~# ', 90 * m.patience)
    m.type('stty cols 500\r')       # no echo that is broken into lines
    m.expect(r'root@debian:~# ', 30 * m.patience)


def command(m, line, seconds=60):
    """Run a line in the login's shell -> what it printed. The echo of the line has quotes where the end has none."""
    m.type(f'{line}; echo EN""D\r')
    text = m.expect(r'EN""D\s([\s\S]*?)[\r\n]END\s', seconds * m.patience).group(1)
    m.expect(r'root@debian:~# ', 30 * m.patience)
    return re.sub(r'\x1b\[[0-9;?]*[A-Za-z]', '', text)


def quiet(m):
    said = [line for line in command(m, 'dmesg --level=emerg,alert,crit,err,warn').splitlines() if not KNOWN.search(line)]
    assert not said, f'the kernel complains: {said}'
    assert '0 loaded units' in command(m, 'systemctl --failed --no-pager'), 'units failed'


def ovmf(m, plan):
    """OVMF, GRUB, a login, and off."""
    ready(m)
    m.expect(r'guest debian: running', 60 * m.patience)
    grub(m, '1')
    login(m)
    quiet(m)
    m.type('systemctl poweroff\r')
    m.expect(r'guest debian: powered off', 90 * m.patience)


def devices(m):
    pci = command(m, 'lspci -vv', 90)
    for what in ('00:00.0 Host bridge: Intel', 'ISA bridge: Intel', 'Virtio 1.0 block device', 'Kernel driver in use: virtio-pci'):
        assert what in pci, f'lspci has no {what!r}: {pci}'
    assert '!!!' not in pci and '<MAbort+' not in pci and 'SERR+ <PERR+' not in pci, pci
    # Each clock times a sleep; the RTC ticks beside it.
    for clock in ('hpet', 'acpi_pm'):
        text = command(m, f'echo {clock} > /sys/devices/system/clocksource/clocksource0/current_clocksource; '
                          'cat /sys/devices/system/clocksource/clocksource0/current_clocksource; c=/sys/class/rtc/rtc0/since_epoch; '
                          'a=$(date +%s); r=$(cat $c); sleep 5; echo $(($(date +%s) - a)) $(($(cat $c) - r))')
        took = re.search(rf'{clock}\s+(\d+) (\d+)', text)
        assert took and 5 <= int(took[1]) <= 8 and abs(int(took[1]) - int(took[2])) <= 1, f'clocks differ: {text}'


VERIFY = '--ioengine=libaio --direct=1 --verify=crc32c --verify_fatal=1'


def fio_run(m, options, jobs=1, seconds=300):
    text = command(m, f'fio --name=v {VERIFY} {options}', seconds * m.patience)
    assert len(re.findall(r'err= 0', text)) == jobs and 'verify:' not in text, text


def fio(m):
    """On a RAM disk inside (processor and memory alone), and on a file of the virtual disk."""
    command(m, 'modprobe brd rd_nr=1 rd_size=16384')
    for where in ('--filename=/dev/ram0 --size=8m', '--filename=/root/fio.tmp --size=16m'):
        fio_run(m, f'--rw=randrw --bs=4k --iodepth=8 {where}')


def fio_rings(m, plan):
    """Linux' own driver on a disk with a packed ring and on one with a split ring: several jobs with queues of several depths,
    blocks of several sizes, each sector checked when it is read."""
    ready(m)
    m.expect(r'guest debian: running', 60 * m.patience)
    view(m, '1')
    login(m)
    used = {'vdb': 'packed', 'vdc': 'split'}
    for disk, ring in used.items():
        packed = command(m, f'cut -c 35 /sys/block/{disk}/device/features').strip()     # bit 34
        assert packed == str(int(ring == 'packed')), f'{disk}: feature bit 34 is {packed}'
        for jobs, depth, block, rw in ((1, 1, '4k', 'randrw'), (4, 32, '4k', 'randrw'), (2, 64, '512', 'randwrite'),
                                       (2, 8, '64k', 'rw'), (3, 16, '4k-256k', 'randrw'), (1, 4, '1m', 'write')):
            fio_run(m, f'--filename=/dev/{disk} --numjobs={jobs} --size={48 // jobs}m --offset_increment={48 // jobs}m --rw={rw} '
                       f'--iodepth={depth} --bs{"range" if "-" in block else ""}={block} '
                       + ('--io_size=4m' if block == '512' else ''), jobs)
        command(m, f'mkfs.ext4 -q /dev/{disk} && mount /dev/{disk} /mnt')
        fio_run(m, '--directory=/mnt --numjobs=2 --size=16m --rw=randrw --bs=4k --iodepth=16 --fsync=32', 2)
        assert command(m, f'umount /mnt && e2fsck -fn /dev/{disk} >/dev/null 2>&1; echo check $?').strip() == 'check 0', disk
        assert command(m, f'blkdiscard -f /dev/{disk} 2>/dev/null; tr -d "\\0" </dev/{disk} | wc -c').strip() == '0', f'{disk}: discarded is not zero'
    quiet(m)
    view(m, '0')
    text = shell(m, 'devices debian', r'(?s)disk "disk1".*disk "disk2".*?queue 1: [^\n]*\n').group(0)
    for words in (r'disk "disk1"[\s\S]*?queue 0: packed with events', r'disk "disk2"[\s\S]*?queue 0: split with events'):
        assert re.search(words, text), text
    assert 'NEEDS-RESET' not in text and 'broken' not in text and ' 0 errors' in text, text
    requests = sum(int(n) for n in re.findall(r', (\d+) requests', text))
    view(m, '1')
    m.type('systemctl poweroff\r')
    m.expect(r'guest debian: powered off', 90 * m.patience)
    return f'{requests} requests'


def fio_volume(m, plan):
    """A volume behind one of our drivers: written, read back and compared by fio, as a raw disk and with ext4 on it."""
    m.expect(r'bulkhead: leaving firmware', 300 * m.patience)       # which reads a large file, in small pieces from an IDE disk
    ready(m)
    change(m, f'disk init {m.disk_name}')
    change(m, 'volume create fio 240MiB')
    shell(m, 'start debian', r'guest debian: running', 60)
    view(m, '1')
    login(m)
    assert command(m, 'blockdev --getss /dev/vdb').strip() == str(getattr(m, 'sector_size', 512))
    for jobs, depth, block, rw in ((1, 1, '4k', 'randrw'), (4, 32, '4k', 'randrw'), (2, 16, '4k-256k', 'randrw'), (1, 4, '1m', 'write')):
        fio_run(m, f'--filename=/dev/vdb --numjobs={jobs} --size={48 // jobs}m --offset_increment={48 // jobs}m --rw={rw} '
                   f'--iodepth={depth} --bs{"range" if "-" in block else ""}={block} --fsync=64 '
                   + ('--io_size=8m' if depth == 1 else ''), jobs)
    command(m, 'mkfs.ext4 -q /dev/vdb && mount /dev/vdb /mnt')
    fio_run(m, '--directory=/mnt --numjobs=2 --size=16m --rw=randrw --bs=4k --iodepth=16 --fsync=32', 2)
    assert command(m, 'umount /mnt && e2fsck -fn /dev/vdb >/dev/null 2>&1; echo check $?').strip() == 'check 0'
    quiet(m)
    view(m, '0')
    text = shell(m, f'disks {m.disk_name}', r'[\s\S]*?bulkhead> ').group(0)
    view(m, '1')
    m.type('systemctl poweroff\r')
    m.expect(r'guest debian: powered off', 90 * m.patience)
    m.die()
    check_ext4(m, 'fio')
    return ', '.join(re.findall(r'\d+ (?:reads|writes|flushes|errors|merged)', text))


def volume_moves(m, plan):
    """A whole Debian on a volume; the volume, copied off the disk, boots on a plain PC, and what was written is there."""
    ready(m)
    change(m, f'disk init {m.disk_name}')
    m.type('volume import debian.img system\r')
    m.expect(r'volume import system: done', 300 * m.patience)
    shell(m, 'start debian', r'guest debian: running', 60)
    view(m, '1')
    login(m)
    command(m, 'echo moved-here > /root/mark; dd if=/dev/urandom of=/root/much bs=1M count=8 2>/dev/null')
    total = command(m, 'sha256sum < /root/much').split()[0]
    m.type('systemctl poweroff\r')
    m.expect(r'guest debian: powered off', 90 * m.patience)
    m.die()
    first, sectors = host_parts(m)['system']
    copy = f'{m.dir}/system.img'
    subprocess.run(['dd', f'if={m.disk_file()}', f'of={copy}', 'bs=1M', f'skip={first // 2048}', f'count={sectors // 2048}',
                    'conv=sparse', 'status=none'], check=True)
    with pc.Pc([copy], keep='build/test/log/volume-moves-pc.txt') as plain:
        plain.patience = 1
        login(plain)
        assert command(plain, 'cat /root/mark').strip() == 'moved-here'
        assert command(plain, 'sha256sum < /root/much').split()[0] == total


def debian_all(m, plan):
    """What a user does with it: looks, writes, reboots, switches off."""
    ready(m)
    m.expect(r'guest debian: running', 60 * m.patience)
    grub(m, '1')
    login(m)
    quiet(m)
    devices(m)
    fio(m)
    command(m, 'rm -f /root/fio.tmp; echo kept > /root/mark; sync')
    m.type('systemctl reboot\r')
    m.expect(r'guest debian: rebooting', 90 * m.patience)
    m.expect(r'GNU GRUB', 120 * m.patience)
    login(m)
    assert 'kept' in command(m, 'cat /root/mark'), 'the disk lost a file over a reboot'
    quiet(m)
    m.type('systemctl poweroff\r')
    m.expect(r'guest debian: powered off', 90 * m.patience)
    view(m, '0')
    shell(m, 'memory', r'Audit: every frame has one owner')


def debians(m, plan):
    ready(m)
    start = m.at
    for name in ('debian', 'second', 'tick'):
        m.at = start
        m.expect(rf'guest {name}: running', 90 * m.patience)
    for digit in '12':
        view(m, digit)
        login(m)
        quiet(m)
    for digit, name in (('1', 'debian'), ('2', 'second')):
        view(m, digit)
        m.type('systemctl poweroff\r')
        m.expect(rf'guest {name}: powered off', 90 * m.patience)
    view(m, '0')
    shell(m, 'guests', r'tick +running')
    shell(m, 'memory', r'Audit: every frame has one owner')


# -- other payloads --------------------------------------------------------------

# The installer's first screen: text by rows, the column where it begins to the first block's, and colours of cells.
INSTALLER_TEXT = [
    (['Choose the language to be used for the installation process. The selected language will also be the default language',
      'for the installed system.'], 0, 0),
    (['[!!] Select a language'], -2, 48),
    (['Language:'], 3, 0),
    ([f'{a:22} -  {b}' for a, b in (('Danish', 'Dansk'), ('Dutch', 'Nederlands'), ('English', 'English'), ('Esperanto', 'Esperanto'),
                                   ('Estonian', 'Eesti'), ('Finnish', 'Suomi'))], 18, 35),
    (['<Go Back>'], 40, 4),
    (['<Tab> moves; <Space> selects; <Enter> activates buttons'], 44, -4),
]
BLUE, GREY, RED = (0, 0, 170), (170, 170, 170), (170, 0, 0)
INSTALLER_COLOURS = [(0, 0, GREY), (-3, -4, BLUE), (44, 100, BLUE), (20, 35, RED), (20, 79, RED), (19, 40, GREY), (21, 40, GREY)]


def installer_shown(shown):
    """Fails unless the picture is that of the first screen; where and in which font is learnt from it."""
    p = screentext.Picture(*shown)
    top, left = p.learn(INSTALLER_TEXT[0][0])
    for lines, row, col in INSTALLER_TEXT:
        at = p.find(lines)
        if at != (top + row, left + col):
            raise screentext.Missing(f'{lines} stands at {at}, not at {(top + row, left + col)}')
    for row, col, colour in INSTALLER_COLOURS:
        got = p.background(top + row, left + col)
        if got != colour:
            raise screentext.Missing(f'cell {row}, {col} is {got}, not {colour}')
    return top, left


def installer_differs(shown, change):
    """The same picture with one thing wrong must not pass."""
    width, height, rgb = shown
    rgb = bytearray(rgb)
    change(rgb, width)
    try:
        installer_shown((width, height, bytes(rgb)))
    except screentext.Missing:
        return
    raise AssertionError('a picture with a fault was taken for the right one')


def installer_faults(shown):
    top, left = installer_shown(shown)

    def cell(row, col, width):
        return [((row + top) * 16 + y) * width * 3 + (col + left) * 24 for y in range(16)]

    def other_letter(rgb, width):       # "Dutch" begins with the letter of "English"
        for to, source in zip(cell(19, 35, width), cell(20, 35, width)):
            rgb[to:to + 24] = rgb[source:source + 24]

    def one_pixel(rgb, width):
        at = cell(0, 5, width)[7]
        rgb[at:at + 24] = bytes(255 - b for b in rgb[at:at + 24])

    def no_bar(rgb, width):
        for row in cell(20, 35, width):
            for at in range(row, row + 45 * 24, 3):
                if tuple(rgb[at:at + 3]) == RED:
                    rgb[at:at + 3] = bytes(GREY)

    def moved(rgb, width):              # two lines up
        rgb[:] = rgb[width * 6:] + rgb[:width * 6]
    for change in (other_letter, one_pixel, no_bar, moved):
        installer_differs(shown, change)


def installer_screen(m, plan):
    ready(m)
    m.expect(r'guest installer: running', 60 * m.patience)
    grub(m, '1')
    m.expect(r'Select a language', 400 * m.patience)
    m.expect(r'English', 60 * m.patience)
    view(m, '0')
    for _ in range(8):                  # the screen is painted some time after the serial console
        time.sleep(5)
        shown = picture(m, 'installer')
        try:
            installer_shown(shown)
            break
        except screentext.Missing:
            continue
    installer_faults(shown)


def memtest_pass(m, plan):
    """One pass without an error over the guest's RAM: all but what firmware keeps of it."""
    ready(m)
    m.expect(r'guest memtest: running', 60 * m.patience)
    view(m, '1')
    m.expect(r'Memtest86\+', 120 * m.patience)
    mib = int(re.search(r'memory = "(\d+)MiB"', plan.text).group(1))
    found = int(m.expect(r'\[\d+MB of (\d+)MB\]', 120 * m.patience).group(1))
    assert mib - 16 <= found <= mib, f'memtest86+ found {found} MB of {mib}'
    m.expect(r'Pass:\s+1\s+Errors: 0', 900 * m.patience)
    return f'{found} of {mib} MB'


def payload_mach(m, plan):
    ready(m)
    m.expect(r'guest mach: running', 60 * m.patience)
    view(m, '1')
    m.expect(r'GNU Mach 1\.8', 60 * m.patience)
    m.expect(r'biosmem: physical memory map:', 30 * m.patience)
    m.expect(r'RTC time is 20\d\d-', 60 * m.patience)
    m.expect(r'No bootstrap code loaded with the kernel!', 60 * m.patience)


def payload_xen(m, plan):
    ready(m)
    m.expect(r'guest xen: running', 60 * m.patience)
    view(m, '1')
    m.expect(r'\(XEN\) Xen version 4\.17', 60 * m.patience)
    m.expect(r'dom0: shell ready', 300 * m.patience)
