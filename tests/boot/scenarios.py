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
import screentext
import shot as shots
from machine import Timeout

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


def ask_why(m):
    """Into the log of a row that failed: how guests that panicked or were killed came to that, and their last lines."""
    names = dict.fromkeys(re.findall(r'guest (\S+): (?:panicked|killed)', m.text))
    try:
        for name in names:
            view(m, '0')
            time.sleep(1)
            m.at = len(m.text)
            shell(m, f'guests {name}', r'\sguests [\s\S]*bulkhead> ')
    except (Timeout, OSError):
        pass


# -- two Linux guests ----------------------------------------------------------

def linux_sees_what_it_owns(m, digit, name, cores, mib):
    view(m, digit)
    m.type('\r')
    m.expect(rf'{name}# ', 30 * m.patience)
    m.type('hash\r')
    sums = dict(m.expect(r'HASH (cpu\d+) (\w{64})', 60 * m.patience).groups() for _ in range(cores))
    assert sums == {f'cpu{i}': HASH for i in range(cores)}, f'{name}: hashes {sums}, want {HASH} of {cores} vcpus'
    m.expect('HASH done', 20 * m.patience)
    m.type('vectors\r')
    wrong = m.expect(r'VECTORS done bits=\d+ wrong=(\d+)\s', 60 * m.patience).group(1)
    assert wrong == '0', f'{name}: {wrong} vector registers changed while their process waited'
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


def linux_boots(m, names, seconds=150):
    ready(m)
    started = m.at
    for name in names:
        m.at = started
        m.expect(rf'guest {name}: running', 30 * m.patience)
    for i, name in enumerate(names, 1):
        view(m, str(i))
        m.expect(rf'{name}: shell ready', seconds * m.patience)


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
        queue = shell(m, 'devices left', r'virtio-blk [\s\S]*queue 0: packed with events of 1024, \d+ requests[^\n]*').group(0)
        assert 'NEEDS-RESET' not in queue and '0 errors' in queue, queue
        if not start:
            shell(m, 'reset left', r'guest left: running', 60)
            view(m, '1')
            m.expect(r'left: shell ready', 150 * m.patience)
    view(m, '2')
    in_guest(m, '2', 'right', 'disks', rf'DISK vda holds {hashlib.sha256(files["b.img"]).hexdigest()}')
    m.expect(r'DISK vda cannot be written', 30 * m.patience)
    m.expect(r'DISK done', 60 * m.patience)
    # The virtio console beside the UART: a shell on it gets what is typed, as it wrote last.
    in_guest(m, '2', 'right', 'insmod /lib/modules/virtio_console.ko; sleep 1; sh -c "PS1=hvc\\"> \\" exec sh -i" '
             '</dev/hvc0 >/dev/hvc0 2>&1', r'hvc> ')
    m.type('tty; seq 1 2000 | tail -n 1\r')
    m.expect(r'/dev/hvc0\s+2000\s', 30 * m.patience)
    m.type('exit\r')
    m.expect(r'right# ', 30 * m.patience)
    ports(m)
    balloon(m)
    view(m, '0')
    shell(m, 'memory', r'Audit: every frame has one owner')


def ports(m):
    """Named ports of the second guest's virtio console: written before they are looked at, and typed into."""
    in_guest(m, '2', 'right', 'ports', r'PORT vport\dp1 log\s+PORT vport\dp2 agent\s+PORT done')
    in_guest(m, '2', 'right', 'seq 1 300 | sed "s/^/entry /" >/dev/virtio-ports/log; echo written $?', r'written 0')
    in_guest(m, '2', 'right', '(read a; echo "answer to $a" >&0; echo "AGENT HEARD $a") <>/dev/virtio-ports/agent & sleep 2; echo here', r'[\r\n]here')
    view(m, '0')
    shell(m, 'devices right', r'port 1 "log": closed, 2892 bytes written, 0 typed[\s\S]*port 2 "agent": open, 0 bytes')
    shell(m, 'console right log', r'--- guest 2: right, port log, running[^\n]*\s+entry 27[\s\S]*entry 300\s')
    m.send('\x01p')
    m.expect(r'--- guest 2: right, port agent', 10 * m.patience)
    m.type('who are you\n')
    m.expect(r'answer to who are you', 20 * m.patience)
    view(m, '2')
    m.expect(r'AGENT HEARD who are you', 10 * m.patience)
    view(m, '0')
    shell(m, 'console right log log 3', r'\] entry 298\s+\[[^\n]*\] entry 299\s+\[[^\n]*\] entry 300\s')
    text = shell(m, 'devices right', r'(\d+) control messages, (\d+) of them wrong')
    assert int(text.group(1)) >= 8 and text.group(2) == '0', text.group(0)


def balloon(m):
    """The second guest's: 32 MiB set aside, told of in statistics, taken back."""
    in_guest(m, '2', 'right', 'insmod /lib/modules/virtio_balloon.ko; echo loaded $?', r'loaded 0')
    view(m, '0')
    for mib in (32, 0):
        shell(m, f'balloon right {mib}', rf'guest right: {mib} MiB asked for')
        for _ in range(20):
            text = shell(m, 'devices right', r'balloon: [\s\S]*?statistics of [^\n]*told \d+ times').group(0)
            if re.search(rf'balloon: {mib} (MiB|B) asked for, {mib} (MiB|B) in it \(its driver says {mib} (MiB|B)\)', text):
                break
        else:
            raise AssertionError(text)
        assert re.search(r'in all 1\d\d(\.\d)? MiB', text), text
    assert '8192 pages in, 8192 out' in text, text


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
    if m.name == 'bochs':
        m.expect(r'2 of 2 vcpus own their local APIC', 20 * m.patience)
    shell(m, 'memory', r'Audit: every frame has one owner')
    in_guest(m, '2', 'right', 'ticks > /dev/ttyS0 &', r'TICKS second=\d')
    in_guest(m, '1', 'left', 'poweroff -f', r'guest left: powered off')
    view(m, '0')
    shell(m, 'start left', r'guest left: running', 30)
    view(m, '1')
    m.expect(r'left: shell ready', 150 * m.patience)
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
    m.expect(r'left: shell ready', 150 * m.patience)
    view(m, '0')
    shell(m, 'kill left', r'guest left: killed GUEST-KILLED: by the operator \(rip=0x\w{6,} exit=\w+')
    shell(m, 'start left', r'guest left: running')


def hyperv_linux(m, plan):
    """Linux takes the hypervisor with the highest leaves: KVM, behind Hyper-V as in front of nothing."""
    linux_boots(m, ['left'])
    linux_sees_what_it_owns(m, '1', 'left', 2, 192)
    in_guest(m, '1', 'left', 'cat /sys/devices/system/clocksource/clocksource0/current_clocksource', r'\nkvm-clock')


# -- small guests --------------------------------------------------------------

def one_guest(m, plan):
    ready(m)
    m.expect(r'guest hello: ended result=0', 30 * m.patience)


def iommu_taken(m, plan):
    """Firmware left the IOMMU on, with tables in RAM that guests get."""
    m.expect(r'iommuon: all on', BOOT * m.patience)
    line = m.expect(r'iommu: (VT-d|AMD-Vi) at 0x\w+ was left on by firmware: switched off', BOOT * m.patience).group(0)
    one_guest(m, plan)
    shell(m, 'check', r'IOMMU +1 described by firmware, not used; .*now off: 1')
    return line


def iommu_stuck(m, plan):
    """An IOMMU that does not let itself be switched off: nothing starts, and the report says why."""
    m.expect(r'iommuon: all on', BOOT * m.patience)
    line = m.expect(r'error FW-IOMMU-ON: 1 of 1 IOMMUs cannot be switched off at 0x\w+: .*', BOOT * m.patience).group(0)
    m.expect(r'IOMMU +1 described by firmware, 1 cannot be switched off: FW-IOMMU-ON', 20 * m.patience)
    nothing_started(m)
    shell(m, 'version', r'(?i)bulkhead')
    return line.strip()


def iommu_was_off(m, plan):
    one_guest(m, plan)
    assert 'was left on by firmware' not in m.text, 'the IOMMU was not on'
    shell(m, 'check', r'IOMMU +1 described by firmware, not used; .*now off: 0')


def held_memory(m, plan):
    """RAM that ACPI gives to devices, and those devices: the one is not given out, the others keep the bus."""
    one_guest(m, plan)
    free = m.at
    shell(m, 'memory', r'Audit: every frame has one owner')
    spans = [int(a, 16) for a in re.findall(r'guest \w+ -> machine (0x\w+)', m.text[free:])]
    assert spans and not any(plans.HELD[0] <= a < plans.HELD[1] for a in spans), f'held memory was given out: {spans}'
    shell(m, 'check', r'held memory +992 MiB')
    shell(m, 'devices', r'00:1f.2 keeps bus mastering')
    m.expect(r'01:05.0 keeps bus mastering', 5)
    assert 'malformed' in m.text, 'the rubbish at the end of the table was not said'


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
        end = m.expect(rf'guest {name}: (ended result=(\d+)\s|killed ([\w-]+):)', 120 * m.patience)
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


def local_apics(m, plan):
    """Guests with their cores' own local APICs and one without; cores on which such a guest left interrupts pending run the next."""
    test_guests(m, plan)
    for _ in range(2):
        shell(m, 'start strays', r'guest strays: ended result=0\s', 120)
    shell(m, 'start virtual', r'guest virtual: ended result=0\s', 120)
    shell(m, 'cores', r'control')


def hyperv(m, plan):
    """The crash parameters of a guest are told at once, and stand in its end."""
    test_guests(m, plan)
    told = '0xb0 0xb1 0xb2 0xb3 0xb4'
    assert f' crash parameters {told}' in m.text, 'the crash was not told'
    assert f'killed GUEST-PANIC: its kernel panicked: {told} (rip=' in m.text, 'the end does not have the parameters'
    shell(m, 'guests hvcrash', rf'reason: +GUEST-PANIC: its kernel panicked: {told}')


def exitbench(m, plan):
    ready(m)
    m.expect(r'guest exitbench: ended result=0', 120 * m.patience)


# -- firmware ------------------------------------------------------------------

VARIABLE = 'setvar bulkhead -guid 11111111-2222-3333-4444-555555555555'


def ovmf_shell(m, plan):
    """Unmodified OVMF to its own shell on the serial console: what it knows of this PC; variables that outlive a reset and a
    power-off; processors that answer; both ends from inside."""
    ready(m)
    m.expect(r'guest fw: running', 30 * m.patience)
    view(m, '1')
    m.expect(r'Shell> ', 120 * m.patience)
    for command, expect in (('pci', r'8086 Device 29C0[\s\S]*8086 Device 2918'), ('smbiosview -t 1', r'SerialNumber: fw'),
                            ('mm 0xb0000000 -w 4 -n', r'(?i)29C08086'),
                            (VARIABLE + ' -bs -nv =0x1234', r'Shell> '), (VARIABLE, r'(?i)34 12')):
        shell(m, command, expect, 40)
    m.type('reset\r')
    m.expect(r'guest fw: rebooting', 30 * m.patience)
    m.expect(r'Shell> ', 120 * m.patience)
    shell(m, VARIABLE, r'(?i)34 12', 40)
    m.type('reset -s\r')
    m.expect(r'guest fw: powered off', 30 * m.patience)
    view(m, '0')
    shell(m, 'memory', r'flash +-> machine[\s\S]*Audit: every frame has one owner')
    shell(m, 'start fw', r'guest fw: running', 40)
    view(m, '1')
    m.expect(r'Shell> ', 120 * m.patience)
    shell(m, VARIABLE, r'(?i)34 12', 40)
    view(m, '0')
    shell(m, 'devices fw', r'flash-vars +memory +0xffc00000-0xffc83fff')


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


KEYS = {' ': 'spc', '\r': 'ret', '-': 'minus', '.': 'dot', '_': 'shift-minus', '?': 'shift-slash', '/': 'slash',
        '>': 'shift-dot'}


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


def display_linux(m, plan):
    """Linux on a guest's screen: it takes the framebuffer that firmware set up, keyboard and mouse; no complaint of it."""
    ready(m)
    m.expect(r'guest pc: running', 20 * m.patience)
    view(m, '1')
    view(m, 'd')
    m.expect(r'serio: i8042 AUX port at', 180 * m.patience)
    m.expect(r'input: AT Translated Set 2 keyboard', 60 * m.patience)
    m.expect(r'\[drm\] Initialized simpledrm' if 'drm' in plan.name else r'efifb: mode is \d+x\d+x32', 60 * m.patience)
    m.expect(r'Run /init', 60 * m.patience)
    time.sleep(8)           # the shell is on tty1: nothing tells the serial port
    press(m, 'echo typed here >/dev/ttyS0\r')
    m.expect(r'typed here', 20)
    press(m, 'dmesg -c >/dev/ttyS0\r')
    m.expect(r'Linux version', 20)
    time.sleep(2)
    bad = re.findall(r'^.*(?:i8042|efifb|simpledrm|atkbd|BAR \d).*(?:fail|error|invalid|can.t).*$', m.text, re.M | re.I)
    assert not bad, bad
    view(m, '0')
    shell(m, 'shot pc', r'-----END PNG pc-----', 120)
    (_, png), = shots.find(m.text)
    width, height, rgb = shots.decode(png)
    open(f'build/test/{plan.name}.png', 'wb').write(png)
    assert len(set(zip(rgb[0::3], rgb[1::3], rgb[2::3]))) > 1, 'one colour only'
    return f'{width}x{height}, {len(png)} bytes'


def small_uefi(m, plan):
    """Firmware, GRUB, Linux and a login, all from one virtio disk, and the end of the kernel's log on the screen."""
    begun, steps = time.time(), []

    def reached(pattern, seconds):
        match = m.expect(pattern, seconds * m.patience)
        steps.append(f'{time.time() - begun:.0f} s')
        return match
    ready(m)
    m.expect(r'guest pc: running', 180 * m.patience)     # much RAM is cleared first
    view(m, '1')
    reached(r'GNU GRUB', 200)
    reached(r'Run /init', 300)
    reached(r'pc login: ', 200)
    m.type('root\r')
    m.expect(r'Password: ', 30 * m.patience)
    m.type('bulkhead\r')
    m.expect(r'pc# ', 60 * m.patience)
    m.type('for m in virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_blk; do '
           'insmod /lib/modules/$m.ko; done; dd if=/dev/vda bs=1M count=16 | sha256sum\r')
    image = open(f'build/test/{plan.name}/grub.img', 'rb').read(16 << 20)
    m.expect(hashlib.sha256(image).hexdigest(), 60 * m.patience)
    mib = int(re.search(r'memory = "(\d+)MiB"', plan.text).group(1))
    m.type('head -n 1 /proc/meminfo; grep "System RAM" /proc/iomem\r')
    total = int(m.expect(r'MemTotal: +(\d+) kB', 30 * m.patience).group(1)) >> 10
    assert mib * 0.97 - 96 < total < mib, f'{total} MiB of {mib} are there'
    if mib > 2048:
        m.expect(r'100000000-\w+ : System RAM', 30 * m.patience)
        m.type(f'mount -t tmpfs -o size={mib - 500}m none /tmp; dd if=/dev/zero of=/tmp/all bs=1M count={mib - 600}; ls -l /tmp/all\r')
        m.expect(rf' {mib - 600 << 20} ', 300 * m.patience)
    view(m, '0')
    log = [line for line in re.findall(r'^(\[ +\d+\.\d+\] [^\r\n]{10,110})\r?$', m.text, re.M)]
    screentext.Picture(*picture(m, 'pc')).learn(log[-12:-4])
    steps.append(f'{time.time() - begun:.0f} s')
    view(m, '1')
    m.type('poweroff -f\r')
    m.expect(r'guest pc: powered off', 60 * m.patience)
    return 'GRUB, Linux, login, shot at ' + ', '.join(steps)


def moves(text):
    """What /dev/input/mice gave -> sum of dx, sum of dy (up), buttons that were seen down."""
    packets = [[int(b, 16) for b in p.split()] for p in re.findall(r'MICE (\w\w \w\w \w\w)', text)]
    return (sum(x - (256 if f & 0x10 else 0) for f, x, _ in packets), sum(y - (256 if f & 0x20 else 0) for f, _, y in packets),
            {f & 7 for f, _, _ in packets})


def screen(m, plan):
    """Linux' own drivers of the screen (bochs-drm) and of the mouse. The machine's mouse moves the guest's while its screen is
    shown, and only then; its keyboard, behind a hub perhaps, types into it."""
    ready(m)
    m.expect(r'guest pc: running', 30 * m.patience)
    view(m, '1')
    m.expect(r'pc: shell ready', 300 * m.patience)
    usb = any('usb-mouse' in x for x in m.extra)
    view(m, '0')
    time.sleep(1)
    shell(m, 'devices', r'port 5: hub; port 5\.1: keyboard; port 5\.2: mouse' if usb else r'at the PS/2 controller; mouse there too')
    if usb:
        index = re.search(r'Mouse #(\d+): QEMU HID Mouse', m.monitor('info mice')).group(1)
        m.monitor(f'mouse_set {index}')
    in_guest(m, '1', 'pc', 'screen', r'SCREEN 0 bochs-drmdrmfb, .*Mouse', 120)
    m.expect(r'SCREEN done', 60 * m.patience)
    view(m, 'd')
    m.type('dmesg -c >/dev/null; mice 8\r')
    time.sleep(2)
    for dx, dy in ((30, 20), (-100, 5), (2, -50)):
        m.monitor(f'mouse_move {dx} {dy}')
        time.sleep(0.2)
    m.monitor('mouse_button 1')
    time.sleep(0.2)
    m.monitor('mouse_button 0')
    text = m.expect(r'(MICE [\s\S]*)MICE done', 60 * m.patience).group(1)
    dx, dy, buttons = moves(text)
    assert (dx, dy) == (-68, 25) and buttons == {0, 1}, f'the guest saw {dx}, {dy}, {buttons}: {text}'
    press(m, 'echo typed >/dev/ttyS0\r')         # the shell is on the serial port: nobody reads the keyboard but the console
    in_guest(m, '1', 'pc', 'for i in 1 2 3 4 5 6 7 8 9; do echo "the quick brown fox jumps over $i lazy dogs" >/dev/tty0; done; '
             'echo said', r'[\r\n]said')
    view(m, '0')
    screentext.Picture(*picture(m, 'pc')).learn([f'the quick brown fox jumps over {i} lazy dogs' for i in range(1, 10)])
    view(m, '1')
    m.type('mice 6\r')
    time.sleep(2)
    view(m, '0')
    m.monitor('mouse_move 50 50')                # the shell is shown: not for the guest
    time.sleep(1)
    start = len(m.text)
    view(m, '1')
    m.expect(r'MICE done', 30 * m.patience)
    assert moves(m.text[start:]) == (0, 0, set()), 'a move that was not for the guest came there'
    bad = re.findall(r'^.*(?:bochs|drm|psmouse|i8042).*(?:fail|error|invalid|can.t|WARN).*$', m.text, re.M | re.I)
    assert not bad, bad
    in_guest(m, '1', 'pc', 'dmesg | grep -iE "bochs|drm.*(error|warn)"; echo seen', r'[\r\n]seen')


def picture(m, name):
    """`shot` of a guest -> width, height, pixels."""
    start = m.at
    shell(m, f'shot {name}', rf'-----END PNG {name}-----', 120)
    (_, png), = shots.find(m.text[start:])
    open(f'build/test/{name}-{m.name}.png', 'wb').write(png)
    return shots.decode(png)


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
