# SPDX-License-Identifier: Apache-2.0
"""The one table of emulator x cpu x cores x scenario. A scenario is a function of scenarios.py; a plan is the text of a
bulkhead.toml and the files that it names. `ci` rows run in make test, all of them in make test-all."""
import os
import subprocess
import threading

import lasting
from machine import Bochs, Qemu, Qemu10, Timeout
import diskrows
import faultrows
import lifeguests
import makerun
import natguests
import netbochs
import netguests
import netlab
import pagerows
import pcguests
import plans
import scenarios
import screenrows
import snapshots
import volumes
import webcurl
import webhostile
import weblasting
import webload
import webrows
import webschema
import webtools
import writelog

OUT = 'build/test'


class Skip(Exception):
    pass


class Row:
    def __init__(self, emulator, cpu, cores, scenario, plan, ci=True, name=None, **kw):
        self.emulator, self.cpu, self.cores, self.scenario, self.plan, self.ci = emulator, cpu, cores, scenario, plan, ci
        self.kw = kw
        what = name or scenario.__name__.replace('_', '-')
        self.name = f'{emulator.name}/{kw.get("machine", "q35") + "+" if emulator.slow == 1 else ""}' \
                    f'{(cpu or "EPYC").split(",")[0]}/{cores}/{what}'
        self.log = f'{OUT}/log/{self.name.replace("/", "-")}.txt'

    def run(self):
        if issubclass(self.emulator, Qemu10) and not Qemu10.available():
            raise Skip('QEMU 10 could not be had here')
        if issubclass(self.emulator, netlab.OnTap) and os.geteuid():
            raise Skip('a network namespace with a tap needs root')
        kw = dict(cores=self.cores, memory=1536, cpu=self.cpu, keep=self.log) | self.kw
        with self.emulator(image(self.plan), **kw) as m:
            m.patience = self.emulator.slow
            try:
                return self.scenario(m, self.plan)
            except (Timeout, AssertionError):
                scenarios.ask_why(m)
                raise

    def show_tail(self, out):
        try:
            text = open(self.log).read()
        except OSError:
            return
        out('    ' + '\n    '.join(text[-2500:].splitlines()))


USB = ['-device', 'pcie-root-port,id=behind', '-device', 'qemu-xhci,id=xhci,bus=behind', '-device', 'usb-tablet,bus=xhci.0,port=1',
       '-device', 'usb-kbd,bus=xhci.0,id=kbd,port=2']

HUB = ['-device', 'qemu-xhci,id=xhci', '-device', 'usb-hub,bus=xhci.0,port=1', '-device', 'usb-kbd,bus=xhci.0,port=1.1',
       '-device', 'usb-mouse,bus=xhci.0,port=1.2']


def rows(which):
    table = [
        # QEMU: SVM
        Row(Qemu, None, 5, scenarios.two_linux, plans.two_linux),
        Row(Qemu, 'max,+svm,+npt', 3, scenarios.two_linux_short, plans.three_cores, machine='pc'),
        Row(Qemu, None, 2, scenarios.panic, plans.panic),
        Row(Qemu, None, 4, scenarios.disks, plans.disks),
        Row(Qemu, None, 3, netguests.switch, netguests.two),
        Row(Qemu, None, 5, webrows.web, plans.two_linux, card='virtio-net-pci', ports=(443,)),
        Row(Qemu, None, 4, webrows.uploads, lifeguests.two, ci=False, name='web-uploads', card='virtio-net-pci', ports=(443,)),
        Row(Qemu, None, 5, webload.many, plans.two_linux, ci=False, name='web-many', card='virtio-net-pci', ports=(443,)),
        Row(Qemu, None, 4, webschema.schema, lifeguests.two, ci=False, name='web-schema', card='virtio-net-pci', ports=(443,)),
        Row(Qemu, None, 2, webtools.tools, webtools.plan, ci=False, name='tls-tools', card='virtio-net-pci', ports=(443,)),
        Row(Qemu, None, 2, screenrows.screen, plans.display, ci=False, name='web-screen', card='virtio-net-pci', ports=(443,)),
        Row(Qemu, None, 3, pagerows.page_screen, plans.display, card='virtio-net-pci', ports=(443,), ci=False),
        Row(Qemu, None, 6, pagerows.page, pagerows.plan, card='virtio-net-pci', ports=(443,), ci=False),
        Row(volumes.QemuNvmeLarge, None, 5, pagerows.page_more, pagerows.more, card='virtio-net-pci', ports=(443,), ci=False, memory=2560),
        Row(volumes.QemuNvmeLarge, None, 5, webcurl.curl, pagerows.more, card='virtio-net-pci', ports=(443,), ci=False, name='web-curl', memory=2560),
        Row(Qemu, None, 4, webrows.cycles, lifeguests.two, ci=False, name='web-cycles', card='virtio-net-pci', ports=(443,)),
        Row(Qemu, None, 3, weblasting.web_short, weblasting.one_linux, ci=False, card='virtio-net-pci', ports=(443,)),
        Row(lasting.QemuVirtio, None, 4, weblasting.web_lasts, lifeguests.kept, ci=False, card='virtio-net-pci', ports=(443,)),
        Row(Qemu, None, 3, natguests.nat, natguests.plan, card='virtio-net-pci', ports=(8081, 8082)),
        Row(Qemu, None, 5, natguests.guests_ssh, natguests.two_linux, card='virtio-net-pci', ports=(2201, 2202)),
        Row(lasting.QemuVirtio, None, 3, natguests.capture_file, natguests.on_disk, ci=False),
        Row(Qemu, None, 5, natguests.without_card, natguests.two_linux, ci=False),
        *(Row(Qemu, None, 2, natguests.host_address, plans.hello, ci=False, name=f'host-address-{c}', card=c)
          for c in ('virtio-net-pci', 'e1000e', 'e1000')),
        Row(Qemu10, None, 2, natguests.host_address, plans.hello, ci=False, name='host-address-igb', card='igb'),
        Row(Qemu, None, 3, netguests.switch_guards, netguests.two, ci=False),
        Row(Qemu, None, 5, netguests.switch_pairs, netguests.pairs, ci=False),
        Row(Qemu, None, 3, netguests.switch_intel, netguests.intel, ci=False),
        Row(Qemu, None, 3, netguests.switch_capture, netguests.two, ci=False),
        Row(Qemu, None, 4, lifeguests.create_delete, lifeguests.two),
        Row(Qemu, None, 4, lifeguests.changes, lifeguests.two, ci=False, name='life-changes'),
        Row(Qemu, None, 4, lifeguests.cycles, lifeguests.two, ci=False, name='life-cycles'),
        Row(Bochs, 'corei7_skylake_x', 4, lifeguests.create_delete, lifeguests.two, ci=False),
        Row(Qemu, None, 8, lifeguests.no_memory, lifeguests.two, ci=False, name='life-no-memory'),
        Row(lasting.QemuVirtio, None, 4, lifeguests.plan_lasts, lifeguests.kept, ci=False),
        Row(Qemu, None, 3, lifeguests.pause, lifeguests.locked, ci=False, name='life-pause-locked'),
        Row(Qemu, None, 3, scenarios.ovmf_shell, plans.ovmf_shell),
        Row(Qemu, None, 1, scenarios.one_core, plans.hello),
        Row(Qemu, None, 2, scenarios.one_guest, plans.hello),
        Row(Qemu, None, 8, scenarios.test_guests, plans.guests_a, name='test-guests-a'),
        Row(Qemu, None, 8, scenarios.test_guests, plans.guests_b, name='test-guests-b'),
        Row(Qemu, None, 3, scenarios.test_guests, plans.guests_retire, name='test-guests-retire'),
        Row(Qemu, None, 4, scenarios.hyperv, plans.hyperv),
        Row(Qemu, None, 3, scenarios.hyperv_linux, plans.hyperv_linux, ci=False),
        Row(Qemu, None, 3, scenarios.console, plans.console),
        Row(Qemu, None, 3, scenarios.power_button, plans.two_hello),
        Row(Qemu, None, 2, scenarios.check_report, plans.hello_check),
        Row(Qemu, 'EPYC,-svm', 2, scenarios.no_svm, plans.hello, name='no-svm'),
        Row(Qemu, None, 2, scenarios.one_guest, plans.hello, name='no-framebuffer', screen=False),
        Row(Qemu, None, 2, scenarios.iommu_taken, plans.iommu_on, name='intel-iommu-on',
            extra=['-device', 'intel-iommu,intremap=on']),
        Row(Qemu, None, 2, scenarios.iommu_taken, plans.iommu_on, name='amd-iommu-on', extra=['-device', 'amd-iommu']),
        Row(Qemu, None, 2, scenarios.iommu_stuck, plans.iommu_stuck, name='intel-iommu-stuck',
            extra=['-device', 'intel-iommu,intremap=on']),
        Row(Qemu, None, 2, scenarios.iommu_was_off, plans.iommu_off, name='intel-iommu-off',
            extra=['-device', 'intel-iommu,intremap=on']),
        Row(Qemu, None, 2, scenarios.held_memory, plans.held, extra=plans.held_dmar()),
        Row(Qemu, None, 2, scenarios.screen_only, plans.hello_screen, name='no-uart'),
        Row(Qemu, None, 2, scenarios.display, plans.display),
        Row(Qemu, None, 2, scenarios.display_linux, plans.display_linux),
        Row(Qemu, None, 2, scenarios.display_linux, plans.display_simpledrm, ci=False, name='display-simpledrm'),
        Row(Qemu, None, 2, scenarios.small_uefi, plans.small_uefi),
        Row(Qemu, None, 2, scenarios.small_uefi, plans.large_uefi, ci=False, name='large-uefi', memory=7168),
        Row(Qemu, None, 3, scenarios.screen, plans.screen, name='mouse-ps2', ci=False),
        Row(Qemu, None, 3, scenarios.screen, plans.screen, name='mouse-usb-hub', extra=HUB, ci=False),
        Row(Qemu, None, 3, scenarios.host_keyboard, plans.two_hello, name='keyboard-ps2'),
        Row(Qemu, None, 3, scenarios.host_keyboard, plans.two_hello, name='keyboard-usb', extra=USB),
        Row(Qemu, None, 2, diskrows.nvme, plans.hello, extra=diskrows.nvme_two()),
        Row(Qemu, None, 2, diskrows.ahci, plans.hello, ci=False, extra=diskrows.ahci_disk_and_cd()),
        Row(Qemu, None, 2, diskrows.bad_reads, plans.hello, ci=False, name='nvme-bad-reads',
            extra=diskrows.bad_disk('nvme-bad', 'nvme,serial=NV-3')),
        Row(Qemu, None, 2, diskrows.bad_reads, plans.hello, ci=False, name='ahci-bad-reads',
            extra=diskrows.bad_disk('ahci-bad', 'ide-hd,bus=ide.2')),
        Row(Qemu, None, 2, diskrows.nvme_unplug, plans.hello, ci=False, extra=diskrows.nvme_behind_port()),
    ]
    table += [Row(Qemu, None, 3, scenarios.refused, p, name='bad-' + p.name, extra_name=None) for p in plans.bad]
    for r in table:
        r.kw.pop('extra_name', None)
    table += [
        # Bochs: VMX, and SVM with NRIPS
        Row(Bochs, 'corei7_skylake_x', 5, scenarios.two_linux, plans.two_linux),
        Row(Bochs, 'corei7_skylake_x', 7, scenarios.local_apics, plans.guests_apic),
        Row(Qemu10, 'EPYC-Rome,+svm,+npt,+x2apic', 7, scenarios.local_apics, plans.guests_apic, ci=False),
        Row(Bochs, 'corei7_skylake_x', 8, scenarios.test_guests, plans.guests_a, name='test-guests-a'),
        Row(Bochs, 'corei7_skylake_x', 4, scenarios.test_guests, plans.guests_time, name='test-guests-time'),
        Row(Bochs, 'corei7_skylake_x', 4, scenarios.hyperv, plans.hyperv),
        Row(Bochs, 'corei7_skylake_x', 3, scenarios.test_guests, plans.guests_retire, name='test-guests-retire'),
        Row(Bochs, 'corei5_arrandale_m520', 3, scenarios.test_guests, plans.guests_small, name='test-guests'),
        Row(Bochs, 'core2_penryn_t9600', 2, scenarios.no_ept, plans.hello),
        # The first EPT generation has no unrestricted guest: refused in words (docs/caveats.md).
        Row(Bochs, 'corei5_lynnfield_750', 2, scenarios.no_ug, plans.hello),
        Row(Bochs, 'corei7_skylake_x', 2, scenarios.vmx_locked, plans.vmx_locked),
        Row(Bochs, 'zambezi', 2, scenarios.exitbench, plans.exitbench),
        Row(Bochs, 'corei7_skylake_x', 2, scenarios.check_report, plans.hello_check),
        Row(Bochs, 'corei7_skylake_x', 8, scenarios.test_guests, plans.guests_b, ci=False, name='test-guests-b'),
        Row(Bochs, 'corei7_skylake_x', 5, natguests.guests_ssh, natguests.two_linux, ci=False, ports=(2201, 2202)),
        Row(Bochs, 'corei7_skylake_x', 3, weblasting.web_short, weblasting.one_linux, ci=False, name='web-bochs', ports=(443,)),
        Row(Bochs, 'corei7_icelake_u', 3, weblasting.web_short, weblasting.one_linux, ci=False, name='web-bochs-sha', ports=(443,)),
        Row(Bochs, 'corei7_skylake_x', 3, scenarios.ovmf_shell, plans.ovmf_shell, ci=False),
        Row(Bochs, 'corei7_skylake_x', 4, scenarios.disks, plans.disks, ci=False),
        Row(Bochs, 'corei7_skylake_x', 5, netguests.switch_pairs, netguests.pairs, ci=False),
        Row(Bochs, 'corei7_skylake_x', 3, netguests.switch_intel, netguests.intel, ci=False),
        Row(Bochs, 'corei7_skylake_x', 2, scenarios.small_uefi, plans.small_uefi, ci=False),
        Row(Bochs, 'zambezi', 8, scenarios.test_guests, plans.guests_a, ci=False, name='test-guests-a'),
        Row(Bochs, 'corei7_haswell_4770', 3, scenarios.test_guests, plans.guests_small, ci=False, name='test-guests'),
        Row(Bochs, 'corei7_icelake_u', 3, scenarios.test_guests, plans.guests_small, ci=False, name='test-guests'),
        Row(Bochs, 'corei7_sandy_bridge_2600k', 3, scenarios.test_guests, plans.guests_small, ci=False, name='test-guests'),
        Row(Qemu, 'EPYC-Milan,+svm,+npt', 5, scenarios.two_linux_short, plans.two_linux, ci=False),
        Row(Qemu, 'EPYC-Rome,+svm,+npt', 3, scenarios.two_linux_short, plans.three_cores, ci=False),
        # Its one turn for all cores would deliver an interrupt that EVENTINJ injects twice: docs/caveats.md.
        Row(Qemu10, None, 3, scenarios.two_linux_short, plans.three_cores, name='two-linux-icount', icount=True),
        Row(Qemu10, 'EPYC-Rome,+svm,+npt,+x2apic', 3, scenarios.two_linux_short, plans.three_cores, ci=False),
        Row(Qemu10, 'max,+svm,+npt', 8, scenarios.test_guests, plans.guests_a, ci=False, name='test-guests-a'),
    ]
    table += [
        # Disks of the machine's that outlive it: virtio, PIIX IDE.
        Row(lasting.QemuVirtio, None, 2, lasting.datastore, lasting.firmware),
        Row(lasting.QemuIde, None, 2, lasting.datastore, lasting.firmware, ci=False, name='datastore-ide', machine='pc'),
        Row(lasting.QemuVirtio, None, 3, lasting.datastore_kills, lasting.failing, ci=False),
        Row(lasting.BochsIde, 'corei7_skylake_x', 2, lasting.datastore, lasting.firmware, ci=False, name='datastore-ide'),
    ]
    table += [
        Row(Qemu, None, 9, natguests.many_guests, natguests.eight, ci=False, name='eight-guests', card='virtio-net-pci', memory=2048),
        # A LAN of the test's own, in a network namespace: needs root.
        Row(netlab.QemuTap, None, 4, netlab.lan, netlab.lab, ci=False, name='net-lan'),
        Row(netlab.QemuTap, None, 4, netlab.hostile, netlab.tcp_syslog, ci=False, name='net-hostile'),
        Row(netlab.BochsTap, 'corei7_skylake_x', 3, netbochs.lan, netbochs.lab, ci=False, name='net-bochs'),
        *(Row(e, None, 3, netbochs.lan, netbochs.lab, ci=False, name=f'net-{c}', card=c)
          for e, c in ((netlab.QemuTap, 'e1000'), (netlab.QemuTap, 'e1000e'), (netlab.Qemu10Tap, 'igb'))),
        # Four: eight take Bochs more than ten minutes to boot.
        Row(Bochs, 'corei7_skylake_x', 5, natguests.many_guests, natguests.four, ci=False, name='four-guests', forward=()),
        Row(netlab.QemuTap, None, 2, webhostile.hostile, webhostile.plan, ci=False, name='web-hostile'),
    ]
    table += [
        # Whole PCs. The medium is read into RAM: the machine needs its size beside the guests' RAM.
        Row(Qemu, None, 3, pcguests.ovmf, pcguests.debian, memory=2560),
        Row(Qemu, None, 3, pcguests.debian_all, pcguests.debian, ci=False, name='debian', memory=2560),
        Row(Qemu, 'max,+svm,+npt', 3, pcguests.ovmf, pcguests.debian, ci=False, memory=2560),
        Row(Qemu, None, 3, pcguests.fio_rings, pcguests.rings, ci=False, memory=3072),
        Row(Qemu, None, 4, pcguests.debians, pcguests.two_debians, ci=False, name='two-debians', memory=4096),
        Row(Qemu, None, 2, pcguests.installer_screen, pcguests.installer, ci=False, name='installer', memory=2560),
        Row(Qemu, None, 2, pcguests.memtest_pass, pcguests.memtest, ci=False, name='memtest'),
        Row(Qemu, None, 2, pcguests.payload_mach, pcguests.mach, ci=False, name='payload-mach'),
        Row(Qemu, 'EPYC,+svm,+npt,-smap', 2, pcguests.payload_xen, pcguests.xen, ci=False, name='payload-xen'),
    ]
    table += [
        # Volumes of guests on those.
        Row(makerun.Run, None, 5, makerun.make_run, makerun.two),
        Row(makerun.RunBochs, 'corei7_skylake_x', 5, makerun.make_run_short, makerun.two, ci=False, name='make-run'),
        Row(volumes.QemuNvme, None, 2, volumes.volume, volumes.one),
        Row(volumes.QemuAhci, None, 2, volumes.volume, volumes.one, ci=False, name='volume-ahci'),
        Row(lasting.QemuVirtio, None, 2, volumes.volume, volumes.one, ci=False, name='volume-virtio'),
        Row(lasting.QemuIde, None, 2, volumes.volume, volumes.one, ci=False, name='volume-ide', machine='pc'),
        Row(lasting.BochsIde, 'corei7_skylake_x', 2, volumes.volume, volumes.one, ci=False, name='volume-ide'),
        Row(volumes.QemuNvmeLarge, None, 3, volumes.volume_two, volumes.two, ci=False),
        Row(volumes.QemuNvmeLarge, None, 3, snapshots.snapshot, snapshots.plan, ci=False, name='volume-snapshot'),
        Row(faultrows.BochsIdeLarge, 'corei7_skylake_x', 3, snapshots.snapshot_short, snapshots.plan, ci=False, name='volume-snapshot'),
        Row(faultrows.BochsIdeLarge, 'corei7_skylake_x', 2, faultrows.checked, faultrows.checking, ci=False, name='volume-checked'),
        Row(volumes.QemuCached, None, 3, snapshots.snapshot_cut, snapshots.plan, ci=False),
        Row(volumes.QemuNvme, None, 2, volumes.volume_import, volumes.importing, ci=False),
        Row(volumes.QemuCached, None, 2, volumes.power_cut, volumes.cutting, ci=False),
        *(Row(e, None, 3, pcguests.fio_volume, pcguests.on_disk, ci=False, name=f'fio-{what}', memory=3072, **kw)
          for e, what, kw in ((volumes.QemuNvmeLarge, 'nvme', {}), (volumes.QemuAhciLarge, 'ahci', {}),
                              (volumes.QemuVirtioLarge, 'virtio', {}), (volumes.QemuIdeLarge, 'ide', {'machine': 'pc'}),
                              (volumes.QemuNvme4k, '4k', {}))),
        Row(writelog.QemuLogged, None, 3, writelog.write_log, writelog.plan, ci=False),
        # Disks that fail under guests.
        Row(faultrows.Faulty, None, 3, faultrows.faults, faultrows.two, ci=False, name='faults-nvme'),
        Row(faultrows.FaultyAhci, None, 3, faultrows.faults, faultrows.two, ci=False, name='faults-ahci'),
        Row(faultrows.FaultyAhci10, None, 3, faultrows.faults, faultrows.two, ci=False, name='faults-ahci'),
        Row(faultrows.FaultyVirtio, None, 3, faultrows.faults, faultrows.two, ci=False, name='faults-virtio'),
        Row(faultrows.ReadOnly, None, 3, faultrows.read_only, faultrows.reading, ci=False),
        Row(faultrows.SlowCopies, None, 2, faultrows.import_cut, faultrows.importing, ci=False),
        Row(faultrows.Slow, None, 3, faultrows.fair, faultrows.two, ci=False),
        Row(volumes.QemuNvmeSystem, None, 3, pcguests.volume_moves, pcguests.on_volume, ci=False, memory=2560),
        Row(faultrows.Pulled, None, 3, faultrows.pulled, faultrows.two, ci=False, name='fault-pulled'),
        Row(faultrows.PulledVirtio, None, 3, faultrows.pulled, faultrows.two, ci=False, name='fault-pulled-virtio'),
    ]
    # Long ones first: two run at a time.
    chosen = [r for r in table if r.ci or which == 'all']
    return sorted(chosen, key=lambda r: (r.emulator.slow == 1, r.scenario is not scenarios.two_linux))


_lock = threading.Lock()


def start_by_shell(path, plan):
    """Firmware finds no boot loader, so its own shell runs startup.nsh, which starts us with the load option."""
    esp = f'{path}@@1M'
    script = f'{path}.nsh'
    open(script, 'w').write(f'fs0:\r\n{plan.before}bulkhead.efi {plan.option}\r\n')
    subprocess.run(['mdel', '-i', esp, '::EFI/BOOT/BOOTX64.EFI'], check=True)
    subprocess.run(['mcopy', '-i', esp, 'build/bulkhead.efi', '::bulkhead.efi'], check=True)
    subprocess.run(['mcopy', '-i', esp, script, '::startup.nsh'], check=True)


def image(plan):
    with _lock:
        path = os.path.abspath(f'{OUT}/{plan.name}.img')
        if not plan.made:
            plan.write(f'{OUT}/{plan.name}')
            subprocess.run(['boot/media/mkimage.sh', path, f'{OUT}/{plan.name}', 'build/bulkhead.efi'],
                           check=True, stdout=subprocess.DEVNULL)
            if plan.text is None:
                subprocess.run(['mdel', '-i', f'{path}@@1M', '::bulkhead.toml'], check=True)
            if plan.option is not None:
                start_by_shell(path, plan)
            plan.made = True
        return path


def prepare(chosen):
    """Guests and images that the rows need."""
    subprocess.run(['make', '-s', 'test-guests', 'host-tools', 'build/host/replay', 'build/test/lockvmx.efi', 'build/test/iommuon.efi'], check=True)
    if any(r.plan.needs_linux for r in chosen):
        subprocess.run(['guests/linux/recipe.sh', plans.LINUX], check=True)
    for r in chosen:
        image(r.plan)
