# SPDX-License-Identifier: Apache-2.0
"""Emulated machines for tests: start one on a disk image, talk to its serial console, end it by its process id."""
import atexit
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

OVMF = '/usr/share/ovmf/OVMF.fd'


LIVE = set()        # process ids of emulators; none may outlive us


def end_all(*_):
    for pid in list(LIVE):
        try:
            os.killpg(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    LIVE.clear()
    if _:
        os._exit(143)


atexit.register(end_all)
signal.signal(signal.SIGTERM, end_all)


class Timeout(Exception):
    pass


class Machine:
    """One emulator process and the text of its serial port."""
    slow = 1            # every time limit is stretched by this

    def __init__(self, image, cores=1, memory=1024, cpu=None, extra=(), keep=None, ports=()):
        """ports: TCP ports of the hypervisor's own address that a port of this machine leads to (self.ports)."""
        self.image, self.cores, self.memory, self.cpu, self.extra = image, cores, memory, cpu, list(extra)
        self.dir = tempfile.mkdtemp(prefix='bulkhead-')
        self.ports = {port: free_port() for port in ports}
        self.keep = keep            # where the console text is left for the reader
        self.text, self.at = '', 0
        self.process = self.serial = None
        self.lock = threading.Condition()

    # -- life -------------------------------------------------------------
    def spawn(self, command, **kw):
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True, cwd=self.dir,
                                        stdout=open(f'{self.dir}/out', 'wb'), stderr=subprocess.STDOUT, **kw)
        self.live()

    def live(self):
        LIVE.add(self.process.pid)

    def connect(self, family, address, seconds=30):
        end = time.time() + seconds
        while True:
            s = socket.socket(family, socket.SOCK_STREAM)
            try:
                s.connect(address)
                break
            except OSError:
                s.close()
                if time.time() > end or self.process.poll() is not None:
                    raise Timeout('the emulator offers no console: ' + self.last_words())
                time.sleep(0.1)
        self.listen(s)

    def listen(self, serial):
        self.serial = serial
        self.reader = threading.Thread(target=self.read, args=(serial,), daemon=True)
        self.reader.start()

    def read(self, serial):
        """Until its end: the next start of the machine has another port, and another reader."""
        while True:
            try:
                data = serial.recv(65536)
            except OSError:
                data = b''
            with self.lock:
                self.text += data.decode('latin-1')
                if not data:
                    self.serial_closed = True
                self.lock.notify_all()
            if not data:
                return

    def last_words(self):
        """What the emulator itself said, at its end: why it did not start, for one."""
        with open(f'{self.dir}/out', errors='replace') as f:
            return f.read()[-500:].strip() or 'it said nothing'

    def running(self):
        return self.process.poll() is None

    def stop(self):
        if self.process and self.running():
            try:
                os.killpg(self.process.pid, signal.SIGTERM)
                self.process.wait(5)
            except (subprocess.TimeoutExpired, ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        if self.process:
            LIVE.discard(self.process.pid)
        if self.serial:
            self.serial.close()
        if self.keep:
            os.makedirs(os.path.dirname(self.keep), exist_ok=True)
            open(self.keep, 'w').write(self.text)
        shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *a):
        self.stop()

    # -- talk -------------------------------------------------------------
    def send(self, text):
        self.serial.sendall(text.encode('latin-1'))

    def type(self, text, pause=0.03):
        """As a person types: our UART is polled and has 16 bytes."""
        for i in range(0, len(text), 8):
            self.send(text[i:i + 8])
            time.sleep(pause)

    def expect(self, pattern, seconds):
        """Wait for a regular expression behind what was matched before; move behind it; -> match."""
        end, regex = time.time() + seconds, re.compile(pattern, re.M)
        with self.lock:
            while True:
                m = regex.search(self.text, self.at)
                if m:
                    self.at = m.end()
                    return m
                left = end - time.time()
                if left <= 0 or not self.running():
                    raise Timeout(f'no {pattern!r} within {seconds} s' +
                                  ('' if self.running() else f' (the emulator ended: {self.last_words()})'))
                self.lock.wait(min(left, 0.5))

    def wait_end(self, seconds):
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Timeout(f'the machine still runs after {seconds} s')


class Qemu(Machine):
    name = 'qemu'
    binary = ['qemu-system-x86_64']

    def __init__(self, image, machine='q35', icount=False, firmware=OVMF, screen=True, serial=True, card=None, **kw):
        """card: the model of a network card on QEMU's user network (10.0.2.0/24)."""
        super().__init__(image, **kw)
        self.card = card
        self.machine, self.icount, self.firmware, self.screen, self.has_serial = machine, icount, firmware, screen, serial

    accel = 'tcg'

    def flash(self):
        return ['-bios', self.firmware]

    def network(self):
        if not self.card:
            return []
        forwards = ''.join(f',hostfwd=tcp:127.0.0.1:{here}-:{there}' for there, here in self.ports.items())
        return ['-netdev', f'user,id=n0{forwards}', '-device', f'{self.card},netdev=n0']

    def command(self):
        c = list(self.binary) + ['-machine', self.machine, '-accel', self.accel, '-cpu', self.cpu or 'EPYC,+svm,+npt',
                                 '-smp', str(self.cores), '-m', str(self.memory), '-display', 'none', '-nic', 'none',
                                 *self.flash(), '-no-reboot',
                                 '-drive', f'file={self.image},format=raw,if=ide,snapshot=on',
                                 '-vga', 'std' if self.screen else 'none',
                                 '-monitor', f'unix:{self.dir}/monitor,server=on,wait=off',
                                 '-chardev', f'socket,id=con,path={self.dir}/serial,server=on,wait=on']
        c += ['-serial', 'chardev:con'] if self.has_serial else ['-debugcon', 'chardev:con', '-serial', 'none']
        if self.icount:
            c += ['-icount', 'shift=0,sleep=off', '-rtc', 'base=2026-01-01,clock=vm', '-seed', '1']
        return c + self.network() + self.extra

    def start(self):
        self.image = os.path.abspath(self.image)
        self.spawn(self.command())
        self.connect(socket.AF_UNIX, f'{self.dir}/serial')

    def monitor(self, command):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        s.connect(f'{self.dir}/monitor')
        s.settimeout(5)
        out = ''

        def prompt():
            nonlocal out
            while not out.endswith('(qemu) '):
                out += s.recv(65536).decode(errors='replace')
        prompt()
        out = ''
        s.sendall(command.encode() + b'\n')
        prompt()
        s.close()
        return out


class Qemu10(Qemu):
    """Debian 13's QEMU in a tree of its own (tests/tools/qemu10.sh makes it)."""
    name = 'qemu10'
    tree = os.path.expanduser('~/.cache/bulkhead/qemu10')

    @property
    def binary(self):
        lib = f'{self.tree}/usr/lib/x86_64-linux-gnu'
        return [f'{lib}/ld-linux-x86-64.so.2', '--library-path', lib, f'{self.tree}/usr/bin/qemu-system-x86_64',
                '-L', f'{self.tree}/usr/share/qemu', '-L', f'{self.tree}/usr/share/seabios']

    # Debian 12's OVMF does not come up under QEMU 10 with icount; the tree has its own.
    def flash(self):
        part = f'if=pflash,format=raw,file={self.tree}/usr/share/OVMF/OVMF'
        return ['-drive', f'{part}_CODE_4M.fd,readonly=on', '-drive', f'{part}_VARS_4M.fd,snapshot=on']

    # RDMSR of the x2APIC's current count ends QEMU 10 with "Bad icount read" unless it is a block of its own.
    @property
    def accel(self):
        return 'tcg,one-insn-per-tb=on' if self.icount and '+x2apic' in (self.cpu or '') else 'tcg'

    @classmethod
    def available(cls):
        return os.path.exists(f'{cls.tree}/usr/bin/qemu-system-x86_64')


BOCHSRC = '''config_interface: textconfig
display_library: rfb, options="timeout=0"
cpu: model={cpu}, count={cores}, ips={ips}, reset_on_triple_fault=1
memory: guest={memory}, host={memory}
romimage: file=/usr/share/ovmf/OVMF.fd, address=0xffe00000
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
boot: disk
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=disk, path={image}, mode=flat, cylinders={cylinders}, heads=16, spt=63
com1: enabled=1, mode=socket-server, dev=127.0.0.1:{port}
clock: sync=none, time0=1700000000
pci: enabled=1, chipset=i440fx, slot1=pcivga
vga: extension=vbe, update_freq=5
speaker: enabled=0
sound: driver=dummy
error: action=report
info: action=ignore
panic: action=fatal
log: {dir}/bochs.log
'''


def bochs_disk(path):
    """A line of bochsrc: path as the slave of the first channel. Whole cylinders, or the end of it is not seen."""
    cylinders = os.path.getsize(path) // (16 * 63 * 512)
    return f'ata0-slave: type=disk, path={os.path.abspath(path)}, mode=flat, cylinders={cylinders}, heads=16, spt=63\n'


given = set()


def free_port():
    """A port of this machine that nobody has and nobody gets by accident until an emulator listens there: outside of the range
    (32768 and up) that the kernel takes ports of connections from, and never the same twice."""
    while True:
        port = random.randrange(20000, 32768)
        with socket.socket() as s:
            try:
                s.bind(('127.0.0.1', port))
            except OSError:
                continue
        if port not in given:
            given.add(port)
            return port


class Bochs(Machine):
    name = 'bochs'
    slow = 4            # it runs some tens of times slower than QEMU

    def __init__(self, image, ips=100000000, commands='c\n', forward=None, **kw):
        """commands: what Bochs' debugger is told. forward: an e1000 on Bochs' user network (10.0.2.0/24), and the ports of this
        machine, as (protocol, port, the hypervisor's port), that lead there."""
        super().__init__(image, **kw)
        self.ips, self.commands, self.forward = ips, commands, forward
        if self.ports:
            self.forward = [('tcp', here, there) for there, here in self.ports.items()]

    def card(self):
        if self.forward is None:
            return []
        with open(f'{self.dir}/slirp.conf', 'w') as f:
            f.write('# slirp config\n')
            f.writelines(f'hostfwd = {proto}:127.0.0.1:{here}-10.0.2.15:{there}\n' for proto, here, there in self.forward)
        return [f'e1000: enabled=1, mac=52:54:00:12:34:56, ethmod=slirp, script={self.dir}/slirp.conf']

    def start(self):
        copy = f'{self.dir}/disk.img'     # Bochs locks its disk: each run has its own
        subprocess.run(['cp', '--reflink=auto', '--sparse=always', self.image, copy], check=True)
        size, unit = os.path.getsize(copy), 16 * 63 * 512
        cylinders = -(-size // unit)
        os.truncate(copy, cylinders * unit)
        port = free_port()
        with open(f'{self.dir}/bochsrc', 'w') as f:
            f.write(BOCHSRC.format(cpu=self.cpu or 'corei7_skylake_x', cores=self.cores, ips=self.ips, memory=self.memory,
                                   image=copy, cylinders=cylinders, port=port, dir=self.dir))
            f.write('\n'.join(self.extra + self.card()))
        with open(f'{self.dir}/cmds', 'w') as f:
            f.write(self.commands)
        self.spawn(['stdbuf', '-oL', 'bochs-bin', '-q', '-f', 'bochsrc', '-rc', 'cmds'])
        self.connect(socket.AF_INET, ('127.0.0.1', port))

    def stop(self):
        log = f'{self.dir}/bochs.log'
        if self.keep and os.path.exists(log):
            os.makedirs(os.path.dirname(self.keep), exist_ok=True)
            shutil.copy(log, self.keep + '.bochs')
        super().stop()
