# SPDX-License-Identifier: Apache-2.0
"""What is done with a machine and what must come of it. Each function gets a started machine and its plan; it fails by
AssertionError or Timeout, and may return a remark."""
import hashlib
import os
import re
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'tools'))

import plans
import shot as shots

HASH = hashlib.sha256((b'bulkhead\n' * (2097152 // 9 + 1))[:2097152]).hexdigest()
BOOT = 60       # seconds from power-on to the event loop


def ready(m):
    m.expect(r'bulkhead: ready', BOOT * m.patience)


def view(m, digit):
    m.send('\x01' + digit)


def shell(m, command, expect, seconds=20):
    """Type a command in the hypervisor's shell; wait for what it must print."""
    m.type(command + '\r')
    return m.expect(expect, seconds * m.patience)


# -- two Linux guests ----------------------------------------------------------

def linux_sees_what_it_owns(m, digit, name, cores, mib):
    view(m, digit)
    m.type('\r')
    m.expect(rf'{name}# ', 30 * m.patience)
    m.type('hash\r')
    sums = dict(m.expect(r'HASH (cpu\d+) (\w{64})', 60 * m.patience).groups() for _ in range(cores))
    assert sums == {f'cpu{i}': HASH for i in range(cores)}, f'{name}: hashes {sums}, want {HASH} of {cores} vcpus'
    m.expect('HASH done', 20 * m.patience)
    m.type('e820\r')
    ram = int(m.expect(r'E820 usable=\d+ ram=(\d+)\s', 30 * m.patience).group(1))
    assert ram == mib << 20, f'{name}: firmware map has {ram} bytes of RAM, the plan says {mib << 20}'
    m.type('ipi\r')
    for kind in ('LOC',) + (('RES', 'CAL') if cores > 1 else ()):
        row = m.expect(rf'IPI +{kind}:((?: +\d+){{{cores}}})\s', 30 * m.patience).group(1).split()
        assert len(row) == cores, f'{name}: {len(row)} columns of {kind}'
        assert all(int(n) > 0 for n in row) or kind == 'RES', f'{name}: {kind} interrupts {row}'
    m.expect('IPI done', 20 * m.patience)
    m.type('pci\r')
    seen = m.expect(r'PCI (0000:00:00.0 0x8086:0x29c0 [\s\S]*?)PCI done', 30 * m.patience).group(1)
    assert '0000:00:1f.0 0x8086:0x2918' in seen, f'{name}: no LPC bridge: {seen}'
    assert 'COMPLAINT' not in seen, f'{name}: the kernel complains: {seen}'


def linux_boots(m, names):
    ready(m)
    started = m.at
    for name in names:
        m.at = started
        m.expect(rf'guest {name}: running', 30 * m.patience)
    for i, name in enumerate(names, 1):
        view(m, str(i))
        m.expect(rf'{name}: shell ready', 90 * m.patience)


def in_guest(m, digit, name, command, expect, seconds=60):
    view(m, digit)
    m.type('\r')
    m.expect(rf'{name}# ', 30 * m.patience)
    m.type(command + '\r')
    return m.expect(expect, seconds * m.patience)


def two_linux_short(m, plan):
    cores = 2 if '\ncores = 2' in plan.text else 1
    mib = int(re.search(r'memory = "(\d+)MiB"', plan.text).group(1))
    linux_boots(m, ['left', 'right'])
    linux_sees_what_it_owns(m, '1', 'left', cores, mib)
    linux_sees_what_it_owns(m, '2', 'right', cores, mib)
    view(m, '0')
    shell(m, 'memory', r'Audit: every frame has one owner')
    shell(m, 'kill left', r'guest left: killed')


def disks(m, plan):
    """RAM disks behind virtio-blk: written, read back, kept over a restart of the guest; random numbers."""
    files = plan.files
    linux_boots(m, ['left', 'right'])
    for start in range(2):
        view(m, '1')
        m.type('\r')
        m.expect(r'left# ', 30 * m.patience)
        m.type(f'disks {start}\r')
        text = m.expect(rf'DISK begin {start}[\s\S]*?DISK done {start}', 120 * m.patience).group(0)
        for name, serial, file, ro, queues in (('vda', 'disk0', 'a.img', 0, 2), ('vdb', 'disk1', 'b.img', 1, 2),
                                               ('vdc', 'disk2', 'c.img', 0, 2), ('vdd', 'cdrom', 'cd.iso', 1, 2)):
            data = files[file]
            if start and not ro:    # what the first run left
                data = (b'bulkhead\n' * (1 << 20))[:1 << 20] + bytes(len(data) - (1 << 20))
            for want in (f'{name} serial={serial} sectors={len(data) // 512} ro={ro} queues={queues} ',
                         f'{name} holds {hashlib.sha256(data).hexdigest()}') + \
                        ((f'{name} cannot be written',) if ro else
                         (f'{name} 4096 ok', f'{name} 65536 ok', f'{name} 1048576 ok', f'{name} zeros=0')):
                assert f'DISK {want}' in text, f'no "DISK {want}" in: {text}'
        assert 'RNG virtio_rng.0 256 bytes' in text, text
        view(m, '0')
        queue = shell(m, 'devices left', r'virtio-blk [\s\S]*queue 0: packed with events of 128, \d+ requests[^\n]*').group(0)
        assert 'NEEDS-RESET' not in queue and '0 errors' in queue, queue
        if not start:
            shell(m, 'reset left', r'guest left: running', 60)
            view(m, '1')
            m.expect(r'left: shell ready', 90 * m.patience)
    view(m, '2')
    in_guest(m, '2', 'right', 'disks', rf'DISK vda holds {hashlib.sha256(files["b.img"]).hexdigest()}')
    m.expect(r'DISK vda cannot be written', 30 * m.patience)
    view(m, '0')
    shell(m, 'memory', r'Audit: every frame has one owner')


def gap_of_ticks(m, digit, name):
    """Longest gap in ms that the tick log shows since it was started."""
    view(m, '0')
    m.type(f'console {name} log\r')
    time.sleep(2 * m.patience)
    gaps = [int(g) for g in re.findall(r'TICKS second=\d+ count=\d+ max_us=(\d+)', m.text)]
    assert gaps, f'{name} wrote no tick log'
    return max(gaps) / 1000


def two_linux(m, plan):
    """Everything that a guest can do to itself, while its neighbour's clock is watched."""
    two = ['left', 'right']
    linux_boots(m, two)
    linux_sees_what_it_owns(m, '1', 'left', 2, 192)
    linux_sees_what_it_owns(m, '2', 'right', 2, 192)
    view(m, '0')
    shell(m, 'guests', r'left .*running')
    shell(m, 'stats left', r'cpuid +\d+')
    shell(m, 'memory', r'Audit: every frame has one owner')
    in_guest(m, '2', 'right', 'ticks > /dev/ttyS0 &', r'TICKS second=\d')
    in_guest(m, '1', 'left', 'poweroff -f', r'guest left: powered off')
    view(m, '0')
    shell(m, 'start left', r'guest left: running', 30)
    view(m, '1')
    m.expect(r'left: shell ready', 90 * m.patience)
    in_guest(m, '1', 'left', 'reboot -f', r'guest left: rebooting')
    m.expect(r'left: shell ready', 120 * m.patience)
    in_guest(m, '1', 'left', 'panic', r'guest left: rebooting')
    m.expect(r'left: shell ready', 120 * m.patience)
    in_guest(m, '1', 'left', 'triple', r'guest left: killed GUEST-TRIPLE-FAULT: .*rip=')
    m.expect(r'left: shell ready', 120 * m.patience)
    view(m, '0')
    shell(m, 'stop left', r'guest left: powered off', 40)
    remark = ''
    if m.name == 'bochs':
        gap = gap_of_ticks(m, '2', 'right')
        assert gap <= 8.0, f'the neighbour missed ticks: longest gap {gap} ms of 4'
        remark = f'longest tick gap of the neighbour {gap:.1f} ms'
    view(m, '0')
    m.type('poweroff\r')
    m.expect(r'guest right: powered off', 60 * m.patience)
    m.wait_end(30 * m.patience)
    return remark


def panic(m, plan):
    """A Linux that neither ends nor reboots after its panic: recorded, ended, started again; then ended for good."""
    linux_boots(m, ['left'])
    rip = in_guest(m, '1', 'left', 'panic', r'guest left: panicked \(rip=(0xffffffff\w{8}) vcpu=0\)').group(1)
    m.expect(r'guest left: killed GUEST-PANIC: .*rip=' + rip + r' exit=pio:', 20 * m.patience)
    view(m, '0')
    shell(m, 'guests left', r'reason: +GUEST-PANIC')
    m.expect(r'Kernel panic - not syncing', 10 * m.patience)
    m.expect(r'guest left: running', 20 * m.patience)
    view(m, '1')
    m.expect(r'left: shell ready', 90 * m.patience)
    view(m, '0')
    shell(m, 'kill left', r'guest left: killed GUEST-KILLED: by the operator \(rip=0x\w{6,} exit=(hlt|event)')
    shell(m, 'start left', r'guest left: running')


# -- small guests --------------------------------------------------------------

def one_guest(m, plan):
    ready(m)
    m.expect(r'guest hello: ended result=0', 30 * m.patience)


def one_core(m, plan):
    m.expect(r'error MACHINE-ONE-CORE: ', BOOT * m.patience)
    nothing_started(m)


def nothing_started(m):
    time.sleep(1)
    assert not re.search(r'^guest \w+: running', m.text, re.M), 'a guest was started all the same'


def refused(m, plan):
    line = m.expect(rf'error {plan.expect}: [^:\n]+:\d+: \S+: .+', BOOT * m.patience).group(0)
    nothing_started(m)
    return line.strip()[:100]


def test_guests(m, plan):
    """All of them at once; each must end as its subject says, whatever its neighbours do."""
    ready(m)
    start, bad = m.at, []
    for name, how in plan.guests:
        if how.get('cmdline') == 'n=0':
            continue                # runs for ever, to disturb the others
        m.at = start
        end = m.expect(rf'guest {name}: (ended result=(\d+)|killed ([\w-]+))', 120 * m.patience)
        want = plans.KILLED.get(name)
        if (want and end.group(3) != want) or (not want and end.group(2) != '0'):
            bad.append(f'{end.group(0)}, expected {want or "result=0"}')
    view(m, '0')
    if bad:
        for i in range(len(plan.guests)):
            view(m, str(i + 1))
            time.sleep(0.5)
    assert not bad, '; '.join(bad)
    shell(m, 'memory', r'Audit: every frame has one owner')


def exitbench(m, plan):
    ready(m)
    m.expect(r'guest exitbench: ended result=0', 120 * m.patience)


# -- the operator --------------------------------------------------------------

def console(m, plan):
    """Views, escape key, history, line editing, refusals of the shell; a guest that never exits can be killed."""
    ready(m)
    m.expect(r'guest tick: running', 20 * m.patience)
    view(m, '1')
    m.expect(r'--- guest 1: tick', 10 * m.patience)
    m.expect(r'(?i)tick.*\d', 20 * m.patience)
    on_screen(m, r'(?i)--- guest 1: tick[^\n]*\n(.*\n)*.*tick.*\d', 20)
    view(m, '0')
    shell(m, 'frobnicate', r'(?i)help')
    shell(m, 'help', r'poweroff')
    shell(m, 'guests', r'tightloop.*')
    shell(m, 'gusets\x1b[D\x1b[D\x1b[D\x1b[D\x1b[D\x1b[3~\x1b[Cu\x7f', r'.')
    m.type('\x15')
    for command, expect in (('cores', r'control'), ('plan', r'\[guest\.tick\]'), ('devices tick', r'3f8'), ('log', r'lapic'),
                            ('check', r'(?i)nested'), ('version', r'(?i)bulkhead'), ('console tick log', r'TEST|TICK|tick')):
        shell(m, command, expect)
    on_screen(m, r'bulkhead> version\nbulkhead [^\n]*\nbulkhead> console tick log', 20)
    shell(m, 'stats tick', r'EXIT +VCPU 0')
    m.expect(r'halted +00:00:\d\d', 5)
    shell(m, 'kill tightloop', r'guest tightloop: killed')
    shell(m, 'start tightloop', r'guest tightloop: running')
    shell(m, 'reset tick', r'guest tick: running')
    shell(m, 'start nobody', r'(?i)no guest')
    m.type('reboot 2\r')
    m.wait_end(60 * m.patience)     # QEMU was told to end instead of a reboot


KEYS = {' ': 'spc', '\r': 'ret', '-': 'minus', '.': 'dot', '_': 'shift-minus', '?': 'shift-slash'}


def press(m, text, pause=0.15):
    """On the machine's own keyboard; each key is held for 100 ms."""
    for c in text:
        key = f'ctrl-{chr(ord(c) + 96)}' if '\x01' <= c <= '\x0c' else KEYS.get(c, f'shift-{c.lower()}' if c.isupper() else c)
        m.monitor(f'sendkey {key}')
        time.sleep(pause)


def host_keyboard(m, plan):
    """A keyboard of the machine types into the shell and into the view that is shown, and switches views; with USB, one
    that is pulled out and another that is plugged in."""
    ready(m)
    m.expect(r'guest tick: running', 20 * m.patience)
    usb = any('usb-kbd' in x for x in m.extra)
    time.sleep(2)
    wanted = r'xhci: .*; port \d+: keyboard' if usb else r'keyboard +at the PS/2 controller'
    shell(m, 'devices', wanted)
    time.sleep(1)
    press(m, 'version\r')
    m.expect(r'version\r\nbulkhead [^\n]*SVM', 10)
    on_screen(m, r'bulkhead> version\nbulkhead [^\n]*SVM', 10)
    press(m, 'Version_?\x08\r')
    m.expect(r'no command "Version_', 10)
    m.monitor('sendkey up')         # from the line's history
    press(m, '\x01' + '1')
    m.expect(r'--- guest 1: tick', 10)
    press(m, '\x01' + '0')
    m.expect(r'--- shell', 10)
    if not usb:
        return
    m.monitor('device_del kbd')
    time.sleep(1)
    shell(m, '\x03devices', r'xhci: 8 ports, runs, MSI-X; port 5: no keyboard\s')
    m.monitor('device_add usb-kbd,bus=xhci.0,id=second,port=3')
    time.sleep(2)
    shell(m, 'devices', wanted)
    time.sleep(0.5)
    press(m, 'version\r')
    m.expect(r'version\r\nbulkhead [^\n]*SVM', 10)


def display(m, plan):
    """A UEFI guest with a screen and nothing to boot: firmware's own shell comes up there; the machine's keyboard types into
    it; `shot` takes the same picture that stands on the machine's screen; Ctrl-A d and Ctrl-A 0 lead back to text."""
    ready(m)
    m.expect(r'guest pc: running', 20 * m.patience)
    view(m, '1')
    view(m, 'd')
    m.expect(r'Shell>', 120 * m.patience)
    time.sleep(1)
    press(m, 'ver\r')
    m.expect(r'UEFI Interactive Shell[\s\S]*Shell>', 20 * m.patience)
    view(m, '0')
    shell(m, 'devices pc', r'1234:1111 [\s\S]*BAR0 memory 0x\w+-0x\w+, 0 accesses[\s\S]*\d+ x \d+ pixels')
    on_screen(m, r'bulkhead> devices pc', 20)
    start = m.at
    begun = time.time()
    shell(m, 'shot pc', r'-----END PNG pc-----', 120)
    took = time.time() - begun
    (_, png), = shots.find(m.text[start:])
    width, height, rgb = shots.decode(png)
    view(m, '1')
    time.sleep(2)
    m.monitor(f'screendump {m.dir}/s.ppm')
    head, size, _, pixels = open(f'{m.dir}/s.ppm', 'rb').read().split(b'\n', 3)
    outer, lines = map(int, size.split())
    left, top = (outer - width) // 2, (lines - height) // 2
    same = sum(pixels[((top + y) * outer + left) * 3:][:3 * width] == rgb[y * width * 3:(y + 1) * width * 3]
               for y in range(height))
    # the cursor may blink
    assert height - same <= 4, f'{height - same} lines of the picture are not what the screen shows'
    assert any(rgb), 'the picture is black'
    view(m, 'd')
    on_screen(m, r'Shell> ver', 20)
    view(m, '0')
    shell(m, 'memory', r'Audit: every frame has one owner')
    return f'shot of {width}x{height}: {len(png)} bytes in {took:.1f} s'


def power_button(m, plan):
    ready(m)
    m.expect(r'guest tick: running', 20 * m.patience)
    m.monitor('system_powerdown')
    m.expect(r'(?i)power button', 20 * m.patience)
    m.wait_end(120 * m.patience)    # these guests do not listen: the time-out, then force


def check_report(m, plan):
    m.expect(r'check: the report is complete', BOOT * m.patience)
    assert re.search(r'(?i)nested|EPT', m.text) and re.search(r'(?i)microcode', m.text), 'the report lacks features'
    nothing_started(m)


def no_svm(m, plan):
    m.expect(r'error CPU-NO-\w+: ', BOOT * m.patience)
    nothing_started(m)


def vmx_locked(m, plan):
    m.expect(r'error FW-VMX-LOCKED: .*firmware', BOOT * m.patience)
    nothing_started(m)


def no_ug(m, plan):
    m.expect(r'error CPU-NO-UG: ', BOOT * m.patience)
    nothing_started(m)


def no_ept(m, plan):
    m.expect(r'error CPU-NO-EPT: ', BOOT * m.patience)
    nothing_started(m)


def screen_only(m, plan):
    """No serial port: everything must be on the screen. Read by comparing it with what it was before."""
    on_screen(m, r'hello: ended result=0\n(.*\n)*bulkhead>', BOOT)


def on_screen(m, pattern, seconds):
    """Wait until the screen shows what the pattern matches; QEMU only."""
    end, text = time.time() + seconds, ''
    while time.time() < end:
        m.monitor(f'screendump {m.dir}/s.ppm')
        text = read_screen(f'{m.dir}/s.ppm')
        if re.search(pattern, text):
            return
        time.sleep(1)
    raise AssertionError(f'the screen never showed {pattern!r}: {text.strip()[-300:]}')


def read_screen(path):
    """Text on a screen picture, by our own font (drivers/host/font.c)."""
    import screentext
    return screentext.read(path)
