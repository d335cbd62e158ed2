#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A real Linux on aarch64 with its variables on the host."""
import sys

import vm

NAME = 'Arm-3a5a6c2d-1f9b-4c5e-9d53-6f1c2b8a7e04'


def test(bench):
    daemon = vm.Daemon(bench)
    guest = vm.Vm(bench, arch='arm64', machine='virt')
    bench.ok(True, 'boots Linux ' + guest.wait_linux())
    bench.ok('guest driver: attached' in daemon.log(), 'the driver in the option ROM has attached')
    listed = guest.agent('list')
    bench.ok('list ok' in listed and 'unreadable=0' in listed, 'efivarfs lists and reads all',
             listed)
    bench.equal(guest.agent('set', NAME, '7', 'text:first'), 'set ok', 'create')
    bench.equal(guest.agent('set', NAME, '7', 'text:other'), 'set ok', 'overwrite')
    bench.equal(guest.agent('set', NAME, '0x47', 'text:-more'), 'set ok', 'append')
    bench.equal(vm.store().get(NAME), (7, b'other-more'), 'it is in the host\'s file')
    bench.equal(guest.agent('set', NAME, '6', 'text:x'), 'set EINVAL', 'other attributes')
    bench.equal(guest.kernel_warnings(), '', 'no warnings from the kernel')
    guest.reboot()
    guest.wait_linux()
    bench.ok('size=10 ' in guest.agent('get', NAME), 'reboot: it is still there')
    bench.equal(guest.agent('delete', NAME), 'delete ok', 'delete')
    bench.ok(NAME not in vm.store(), 'it has left the host\'s file')
    bench.equal(guest.kernel_warnings(), '', 'no warnings from the kernel after all')
    guest.power_off()
    bench.equal(daemon.stop(), 0, 'the daemon ends well')


sys.exit(vm.main('aarch64', test))
