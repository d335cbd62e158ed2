#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""`runtserv scan` on the memory of real guests: stock OVMF, with Linux on top of it or not.

Clean guests raise nothing, and every runtime driver has its name; hooked ones (tests/scan/hooks)
raise exactly what is written here. One state of a guest gives one report however its memory was
taken: by four kinds of file, through the monitor of a running guest, or inside the guest itself.

usage: t_scan.py linux|la57|noruntime|secboot|serve|hooks-1|hooks-2
"""
import os
import re
import sys

import scan_guest as sg
import vm

# Runtime drivers that firmware loads; its image holds others, too.
COMMON = ['CapsuleRuntimeDxe', 'MonotonicCounterRuntimeDxe', 'PcRtc', 'ReportStatusCodeRouterRuntimeDxe',
          'ResetSystemRuntimeDxe', 'RuntimeDxe', 'StatusCodeHandlerRuntimeDxe']
DRIVERS = COMMON + ['FvbServicesRuntimeDxe', 'VariableRuntimeDxe']
SECBOOT_DRIVERS = COMMON + ['PiSmmIpl', 'SmmControl2Dxe', 'VariableSmmRuntimeDxe']

INVENTORY = os.path.join(vm.BUILD, 'guest', 'inventory-x64.efi')


# ---- clean guests ----

def check_clean(bench, report, what, drivers=DRIVERS, verdict='clean'):
    bench.equal((report.status, report.said), (0, ''), what + ': all is well')
    bench.equal(report.serious(), [], what + ': nothing above info')
    bench.equal(report.verdicts(), dict.fromkeys(report.verdicts(), verdict),
                what + ': every service is ' + verdict)
    bench.equal(len(report.verdicts()), 14, what + ': all of them')
    if verdict == 'clean':
        bench.equal(report.drivers(), [(d, 'exact') for d in sorted(drivers)],
                    what + ': every driver has its name')


def check_wrong_firmware(bench, elf):
    other = sg.scan('--firmware', sg.OTHER, elf)
    bench.equal((other.status, other.findings()), (1, [('firmware-mismatch', None)]),
                'by the 2 MiB firmware: it is another one')
    # all but the variable driver, with its four services and four events, and that below it, with two
    relative = sg.scan('--firmware', sg.SECBOOT, elf)
    bench.equal((relative.status, [rule for rule, _ in relative.findings()]),
                (1, ['service-pointer-foreign'] * 4 + ['event-foreign'] * 6 + ['driver-unknown'] * 2),
                'by secure boot\'s firmware, which has most of the drivers: the others are foreign')


def kinds_of_file(bench, guest):
    """One stopped state, taken in four ways. Returns its report."""
    guest.qmp('stop')
    with sg.dumped(bench, guest, 'linux.elf') as elf:
        report = sg.scan('--firmware', sg.CODE, elf)
        check_clean(bench, report, 'Linux')
        check_clean(bench, sg.scan('--inventory', 'inv.json', '--firmware', sg.CODE, elf),
                    'Linux, with an inventory')
        check_clean(bench, sg.scan(elf), 'Linux, without firmware', verdict='not checked')
        check_wrong_firmware(bench, elf)
    for name, how in (('linux.raw', {}), ('linux.kdump', {'format': 'kdump-zlib'})):
        with sg.dumped(bench, guest, name, **how) as other:
            bench.equal(sg.scan('--firmware', sg.CODE, other).all_but_image(), report.all_but_image(),
                        'the same report from ' + name)
    with sg.dumped(bench, guest, 'linux.paging', paging=True) as other:
        lacking = sg.scan('--firmware', sg.CODE, other)
        bench.equal((lacking.status, lacking.findings(), lacking.document['drivers']), (1, [], []),
                    'with paging, QEMU leaves out what Linux has not mapped: nothing is found')
        bench.equal(set(lacking.verdicts().values()), {'not in image'}, 'and it says why')
    guest.qmp('cont')
    return report


def by_monitor(bench, guest, report):
    """The monitor is that of the daemon, which is not here."""
    bench.equal(sg.scan('--firmware', sg.CODE, '--qmp', 'daemon.qmp').essence(), report.essence(),
                'the same report by the monitor')
    bench.equal(guest.qmp('query-status')['status'], 'running', 'the guest runs on')
    bench.equal(guest.run('echo well'), (0, 'well'), 'and is well')
    guest.qmp('stop')
    bench.equal(sg.scan('--firmware', sg.CODE, '--qmp', 'daemon.qmp').essence(), report.essence(),
                'and of a guest that was stopped')
    bench.equal(guest.qmp('query-status')['status'], 'paused', 'which stays so')
    guest.qmp('cont')


def inside(bench, guest, runtserv, report):
    own = sg.live(guest, runtserv, '--firmware', sg.CODE_INSIDE, '--save', 'evidence')
    check_clean(bench, own, 'inside')
    bench.equal(own.essence(), report.essence(), 'the same report inside the guest')
    saved = sg.scan('--firmware', sg.CODE, 'out/evidence')
    bench.equal(saved.essence(), report.essence(), 'and of what it saved, outside')
    bench.equal(saved.document['image']['format'], 'elf-core', 'which is an ELF core')


def locked_down(bench, guest, runtserv):
    guest.run('mount -t securityfs securityfs /sys/kernel/security')
    bench.equal(guest.run('echo integrity >/sys/kernel/security/lockdown'), (0, ''), 'lockdown')
    refused = sg.live(guest, runtserv)
    bench.ok(refused.status == 2 and not refused.printed and
             re.search('runtserv scan: --live: .*locked down', refused.said),
             'locked down: refused, with the reason', (refused.status, refused.said))


def save_inventory(guest):
    guest.type('fs0:inventory.efi -o inv.json\r')
    guest.wait_for('Shell> ', 60)
    guest.qmp('stop')  # and all is written out
    sg.file_of_disk('inv.json')
    guest.qmp('cont')


def linux(bench):
    runtserv = sg.initrd()
    sg.disk({'vmlinuz': sg.linux_file('vmlinuz'), 'initrd': 'initrd', 'inventory.efi': INVENTORY,
             'linux.nsh': sg.boot_line() + '\n'})
    guest = vm.Vm(bench, linux=False, image='disk.qcow2', device=False, memory=sg.MEMORY, smp=1, qmp=True)
    sg.wait_shell(guest)
    save_inventory(guest)
    with sg.dumped(bench, guest, 'shell.elf') as elf:
        check_clean(bench, sg.scan('--firmware', sg.CODE, '--inventory', 'inv.json', elf), 'the shell')
    guest.type('fs0:linux.nsh\r')
    guest.wait_linux()
    report = kinds_of_file(bench, guest)
    by_monitor(bench, guest, report)
    inside(bench, guest, runtserv, report)
    guest.run('mount -t tmpfs -o size=100%,nr_inodes=0 t /tmp')
    guest.run('dd if=/dev/zero of=/tmp/x bs=1M count=$(awk '
              '\'/^MemAvailable/ { print int($2 / 1024) - 8 }\' /proc/meminfo) 2>/dev/null', 120)
    with sg.dumped(bench, guest, 'filled.elf') as elf:
        filled = sg.scan('--firmware', sg.CODE, elf)
        check_clean(bench, filled, 'RAM filled')
        bench.equal(filled.essence(), report.essence(), 'the same report')
    guest.run('rm /tmp/x')
    locked_down(bench, guest, runtserv)
    guest.qmp('quit')
    guest.wait_end()


def one(bench, code=sg.CODE, drivers=DRIVERS, **machine):
    """A guest with one image of its memory. Returns the guest and the report."""
    guest = vm.Vm(bench, memory=sg.MEMORY, smp=1, **machine)
    guest.wait_linux()
    with sg.dumped(bench, guest, 'linux.elf') as elf:
        report = sg.scan('--firmware', code, elf)
        check_clean(bench, report, 'Linux', drivers)
    return guest, report


def la57(bench):
    guest, report = one(bench, cpu='qemu64,la57=on', device=False)
    registers = guest.qmp('human-monitor-command', **{'command-line': 'info registers'})
    bench.ok(int(re.search(r'CR4=([0-9a-f]+)', registers)[1], 16) & 1 << 12, 'five levels of page tables')
    bench.equal(report.document['mapping']['paging_levels'], 5, 'and it says so')


def noruntime(bench):
    runtserv = sg.initrd()
    sg.empty_disk()
    guest, report = one(bench, append='efi=noruntime', device=False, initrd='initrd', image='disk.qcow2')
    bench.equal(report.document['mapping']['virtual'], False, 'Linux has not mapped the firmware')
    inside(bench, guest, runtserv, report)


def secboot(bench):
    one(bench, code=sg.SECBOOT, drivers=SECBOOT_DRIVERS, smm=True, device=False)


def serve(bench):
    vm.Daemon(bench)
    one(bench, drivers=DRIVERS + [sg.OWN])


# ---- hooked guests ----

STRANGER = '?'  # a driver without a name
LATE = ('not-in-attributes-table', STRANGER)  # for information: it came after EndOfDxe

# tests/scan/hooks: what each raises with the firmware's image to compare with, and what without.
# 'load' a driver or 'run' a program; Linux is started then, or the shell's memory is taken.
HOOKS = {
    'hooks-1': {
        'pointer': ('load', True,
                    [('service-pointer-foreign', STRANGER), ('event-foreign', STRANGER),
                     ('driver-unknown', STRANGER), LATE],
                    [('service-pointer-foreign', STRANGER), LATE]),
        'inline_jump': ('load', True,
                        [('service-trampoline', 'ResetSystemRuntimeDxe'), ('header-wiped', STRANGER),
                         ('driver-unknown', STRANGER), LATE],
                        [('service-trampoline', STRANGER), ('header-wiped', STRANGER), LATE]),
        'convert_pointer': ('load', True,
                            [('service-pointer-foreign', STRANGER), ('driver-unknown', STRANGER), LATE],
                            [('table-pointer-disagrees', None), LATE]),
        'trampolines': ('load', True,
                        [('service-trampoline', 'CapsuleRuntimeDxe'),
                         ('service-trampoline', 'MonotonicCounterRuntimeDxe'),
                         ('service-trampoline', 'PcRtc'), ('driver-unknown', STRANGER), LATE],
                        [('service-trampoline', STRANGER)] * 3 + [LATE]),
        'stranger': ('load', True, [('driver-unknown', STRANGER), LATE], [LATE]),
        'boot_driver': ('load', True,
                        [('service-pointer-foreign', STRANGER), ('hidden-driver', STRANGER),
                         ('driver-in-os-memory', STRANGER), ('driver-unknown', STRANGER)],
                        [('service-pointer-foreign', STRANGER), ('hidden-driver', STRANGER),
                         ('driver-in-os-memory', STRANGER)]),
        'table_crc': ('run', False, [('table-crc-bad', None)], [('table-crc-bad', None)]),
    },
    'hooks-2': {
        'stub': ('run', True, [('service-pointer-foreign', None)], [('service-pointer-foreign', None)]),
        'event_stub': ('run', True, [('event-foreign', None)], [('event-foreign', None)]),
        'service_body': ('run', True, [('service-code-modified', 'PcRtc')], []),
        'driver_body': ('run', True, [('driver-code-modified', 'StatusCodeHandlerRuntimeDxe')], []),
        'stranger_wiped': ('load', True,
                           [('header-wiped', STRANGER), ('driver-unknown', STRANGER), LATE],
                           [('header-wiped', STRANGER), LATE]),
        'stranger_unlisted': ('load', True,
                              [('hidden-driver', STRANGER), ('driver-unknown', STRANGER)],
                              [('hidden-driver', STRANGER)]),
        'table_copy': ('run', True,
                       [('service-pointer-foreign', None), ('table-pointer-disagrees', None)],
                       [('service-pointer-foreign', None), ('table-pointer-disagrees', None)]),
        'pointer_unsealed': ('load', False,
                             [('service-pointer-foreign', STRANGER), ('event-foreign', STRANGER),
                              ('driver-unknown', STRANGER), ('table-crc-bad', None), LATE],
                             [('service-pointer-foreign', STRANGER), ('table-crc-bad', None), LATE]),
    },
}


def check_findings(bench, report, what, findings):
    serious = [f for f in findings if f != LATE]
    bench.equal((report.status, report.said), (1 if serious else 0, ''), what + ': exit status')
    bench.equal(report.findings(), findings, what + ': findings')
    bench.equal(len(report.serious()), len(serious), what + ': above info')


def check_hooked(bench, name, elf, with_firmware, without):
    check_findings(bench, sg.scan('--firmware', sg.CODE, elf), name, with_firmware)
    check_findings(bench, sg.scan(elf), name + ', without firmware', without)


def check_stranger(bench, elf):
    """A driver that hooks nothing, with what else may be known of it."""
    check_findings(bench, sg.scan('--firmware', sg.CODE, '--firmware', os.path.join(sg.HOOKS, 'stranger.efi'),
                                  elf), 'stranger, known', [])
    check_findings(bench, sg.scan('--inventory', 'inv.json', elf), 'stranger, not in the inventory',
                   [('inventory-disagrees', STRANGER), LATE])


def hooks(bench):
    cases = HOOKS[sys.argv[1]]
    files = {n: sg.linux_file(n) for n in ('vmlinuz', 'initrd')}
    files['inventory.efi'] = INVENTORY
    for name, (how, boots, _, _) in cases.items():
        files[name + '.efi'] = vm.need(os.path.join(sg.HOOKS, name + '.efi'), 'the hooks')
        files[name + '.nsh'] = '%sfs0:%s.efi\necho loaded: %%lasterror%%\n%s\n' % (
            'load ' if how == 'load' else '', name, sg.boot_line() if boots else '')
    sg.disk(files)
    guest = vm.Vm(bench, linux=False, image='disk.qcow2', device=False, memory=sg.MEMORY, smp=1,
                  snapshots=True)
    sg.wait_shell(guest)
    if 'stranger' in cases:
        save_inventory(guest)
    guest.hmp('savevm shell')
    for name, (_, boots, with_firmware, without) in cases.items():
        guest.hmp('loadvm shell')
        guest.type('fs0:%s.nsh\r' % name)
        bench.equal(guest.wait_for(r'loaded: (0x\w+)\n', 60)[1], '0x0', name + ': loaded')
        if boots:
            guest.wait_linux()
        else:
            guest.wait_for('Shell> ', 60)
        with sg.dumped(bench, guest, name + '.elf') as elf:
            check_hooked(bench, name, elf, with_firmware, without)
            if name == 'stranger':
                check_stranger(bench, elf)
    guest.qmp('quit')
    guest.wait_end()


TESTS = {'linux': linux, 'la57': la57, 'noruntime': noruntime, 'secboot': secboot, 'serve': serve,
         'hooks-1': hooks, 'hooks-2': hooks}


def test(bench):
    TESTS[sys.argv[1]](bench)
    if not bench.failed:
        sg.remove_large_files()


sys.exit(vm.main('scan-' + sys.argv[1], test))
