#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Boot entries that Linux makes with efibootmgr, and a firmware that obeys them at its next start.

The disk holds Debian's kernel as the EFI program that it is. Entries differ in their command line
only, so each boot tells which entry started it.
"""
import os
import re
import sys

import vm

GLOBAL = '-8be4df61-93ca-11d2-aa0d-00e098032b8c'
LOAD = 'initrd=\\initrd ' + vm.command_line('amd64') + ' entry='


def booted_by(guest):
    """Waits for Linux; returns the entry that started it."""
    guest.wait_linux()
    return re.search(r' entry=(\w+)', guest.run('cat /proc/cmdline')[1])[1]


def boot_order():
    """BootOrder in the host's file, as efibootmgr prints it."""
    data = vm.store()['BootOrder' + GLOBAL][1]
    return ','.join('%02X%02X' % (data[i + 1], data[i]) for i in range(0, len(data), 2))


def make_entry(guest, name):
    """Creates a boot entry in front of the others; returns its number."""
    status, said = guest.run("efibootmgr -q -c -d /dev/vda -p 1 -L '%s' -l '\\vmlinuz' -u '%s%s' && "
                             "efibootmgr" % (name, LOAD, name))
    found = re.search(r'^Boot([0-9A-F]{4})\* %s\b' % name, said, re.M)
    if status != 0 or not found:
        raise vm.Failure('efibootmgr: ' + said)
    return found[1]


def test(bench):
    folder = os.path.join(vm.LINUX, 'amd64')
    os.mkdir('esp')
    for name in ('vmlinuz', 'initrd'):
        os.link(vm.need(os.path.join(folder, name), 'no Linux guest (tools/guest-linux)'), 'esp/' + name)
    with open('esp/startup.nsh', 'w', encoding='ascii') as f:
        f.write('fs0:\\vmlinuz %sshell\r\n' % LOAD)
    daemon = vm.Daemon(bench)
    guest = vm.Vm(bench, linux=False, disk='esp')
    bench.equal(booted_by(guest), 'shell', 'first boot: from the shell\'s script')

    blue = make_entry(guest, 'blue')
    red = make_entry(guest, 'red')
    bench.ok(boot_order().startswith(red + ',' + blue), 'efibootmgr creates entries', boot_order())
    bench.ok('Boot' + red + GLOBAL in vm.store(), 'an entry is in the host\'s file')
    others = [n for n in boot_order().split(',') if n not in (red, blue)]
    order = ','.join([blue, red] + others)
    guest.run('efibootmgr -q -o ' + order)
    bench.equal(boot_order(), order, 'efibootmgr reorders them')
    guest.run('efibootmgr -q -n ' + red)
    said = guest.run('efibootmgr')[1]
    bench.ok('BootNext: ' + red in said and 'BootOrder: ' + order in said, 'efibootmgr lists them', said)

    guest.reboot()
    bench.equal(booted_by(guest), 'red', 'second boot: the firmware obeys BootNext')
    said = guest.run('efibootmgr')[1]
    bench.ok('BootNext' not in said, 'BootNext is gone', said)
    bench.ok('BootNext' + GLOBAL not in vm.store(), 'BootNext has left the host\'s file')
    bench.ok('BootCurrent: ' + red in said, 'BootCurrent tells of it', said)
    bench.ok('BootOrder: ' + order in said, 'BootOrder is as it was', said)

    guest.reboot()
    bench.equal(booted_by(guest), 'blue', 'third boot: the firmware obeys BootOrder')
    bench.equal(guest.kernel_warnings(), '', 'no warnings from the kernel')
    guest.power_off()
    bench.equal(daemon.stop(), 0, 'the daemon ends well')


sys.exit(vm.main('bootorder', test))
