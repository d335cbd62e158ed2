#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A real Linux with its variables on the host, through efivarfs, in one of a few guests.

usage: t_linux.py GUEST

The guests are chosen so that each pair of {pc, q35}, {firmware with SMM, without} and {doorbell,
plain} occurs; except pc with SMM, which OVMF does not start on (its SMM needs q35's chipset).
Each goes through the same course; the table says what one does besides.
"""
import sys
import time
import zlib

import vm

GUID = '3a5a6c2d-1f9b-4c5e-9d53-6f1c2b8a7e04'
CON_OUT_DEV = 'ConOutDev-8be4df61-93ca-11d2-aa0d-00e098032b8c'  # volatile
NV, BS_RT = '7', '6'  # attributes: non-volatile, boot-time and run-time access; the latter two


def var(name):
    return '%s-%s' % (name, GUID)


def course(bench, guest):
    """What every guest does: each kind of change, and each kind of refusal."""
    listed = guest.agent('list')
    bench.ok('list ok' in listed and 'unreadable=0' in listed, 'efivarfs lists and reads all',
             listed)
    for name in ('SecureBoot', 'SetupMode', 'BootOrder', 'Boot0000', 'PlatformLang', 'ConOutDev'):
        bench.ok('var %s-8be4df61-93ca-11d2-aa0d-00e098032b8c size=' % name in listed,
                 'has the firmware\'s ' + name)

    bench.equal(guest.agent('set', var('One'), NV, 'text:first'), 'set ok', 'create')
    bench.ok('attributes=0x7 size=5 ' in guest.agent('get', var('One')), 'it reads back')
    bench.equal(vm.store().get(var('One')), (7, b'first'), 'it is in the host\'s file')
    bench.equal(guest.agent('set', var('One'), NV, 'text:other'), 'set ok', 'overwrite')
    bench.equal(vm.store().get(var('One')), (7, b'other'), 'new value in the host\'s file')
    bench.equal(guest.agent('set', var('One'), '0x47', 'text:-and-more'), 'set ok', 'append')
    bench.equal(vm.store().get(var('One')), (7, b'other-and-more'), 'longer in the file')

    bench.equal(guest.agent('set', var('Gone'), NV, 'text:x'), 'set ok', 'create another')
    bench.ok(var('Gone') in vm.store(), 'it is in the host\'s file')
    bench.equal(guest.agent('delete', var('Gone')), 'delete ok', 'delete it')
    bench.ok(var('Gone') not in vm.store(), 'it has left the host\'s file')

    large = bytes((i * 7 + (i >> 8)) & 255 for i in range(60000))
    bench.equal(guest.agent('set', var('Large'), NV, 'fill:60000'), 'set ok', 'create 60000 bytes')
    bench.equal(vm.store().get(var('Large')), (7, large), 'they are in the host\'s file')
    bench.ok('size=60000 crc=%08x ' % zlib.crc32(large) in guest.agent('get', var('Large')),
             'they read back')
    bench.equal(guest.agent('delete', var('Large')), 'delete ok', 'delete them')

    before = vm.store()
    bench.equal(guest.agent('set', var('One'), BS_RT, 'text:x'), 'set EINVAL',
                'other attributes for a variable that exists')
    bench.equal(guest.agent('set', var('Bad'), '3', 'text:x'), 'set EINVAL',
                'boot-time variable at run time')
    bench.equal(guest.agent('set', var('Bad'), '4', 'text:x'), 'set EINVAL',
                'run-time access without boot-time access')
    bench.equal(guest.agent('set', var('Bad'), NV, 'fill:70000'), 'set EINVAL',
                'more than a message carries')
    bench.equal(guest.agent('set', var('Bad'), BS_RT, 'text:x'), 'set EINVAL',
                'new volatile variable at run time')
    bench.equal(vm.store(), before, 'refusals change nothing on the host')

    said = [guest.agent('set', var('Fill%d' % i), NV, 'fill:60000') for i in range(5)]
    bench.equal(said, ['set ok'] * 4 + ['set ENOSPC'], 'fill the store up')
    said = [guest.agent('delete', var('Fill%d' % i)) for i in range(4)]
    bench.equal(said, ['delete ok'] * 4, 'and empty it')
    bench.equal(vm.store(), before, 'the host\'s file is as before')
    bench.say(guest.agent('time', var('One'), '200'))


def reboot(bench, guest, daemon, qmp):
    if qmp:  # the host learns of the reset, and puts right what root has done to the page
        bench.equal(guest.agent('spoil'), 'spoil ok', 'root spoils the header of the page')
    guest.reboot()
    guest.wait_linux()
    bench.equal(daemon.log().count('guest driver: attached'), 2, 'reboot: the driver attaches again')
    bench.ok('size=14 ' in guest.agent('get', var('One')), 'reboot: the variable is still there')
    bench.equal(vm.store().get(var('One')), (7, b'other-and-more'), 'reboot: as in the host\'s file')


def kill(bench, guest, daemon):
    """kill -9 of the daemon: between two writes, and during one."""
    bench.equal(guest.agent('set', var('Kill1'), NV, 'text:1'), 'set ok', 'kill -9: write before')
    volatile = guest.agent('get', CON_OUT_DEV)
    daemon.kill()
    daemon.start()
    bench.equal(guest.agent('set', var('Kill2'), NV, 'text:2'), 'set ok',
                'kill -9, restart: write goes on')
    bench.ok('size=1 ' in guest.agent('get', var('Kill1')), 'kill -9, restart: the first is there')
    bench.equal(guest.agent('get', CON_OUT_DEV), volatile, 'kill -9, restart: so is a volatile one')
    bench.equal(guest.agent('set', var('Bad'), '3', 'text:x'), 'set EINVAL',
                'kill -9, restart: it is still run time')

    daemon.kill()
    bench.equal(guest.agent('set', var('Kill3'), NV, 'text:3'), 'set EIO',
                'no daemon: a write fails')
    bench.equal(guest.agent('get', var('Kill1')), 'get EIO', 'no daemon: a read fails')
    daemon.start()
    for _ in range(20):
        said = guest.agent('set', var('Kill4'), NV, 'text:4')
        if said != 'set EIO':
            break
        time.sleep(0.1)
    bench.equal(said, 'set ok', 'daemon again: writes go on')
    bench.ok(var('Kill3') not in vm.store(), 'the write that failed has not happened')
    bench.ok({var('Kill1'), var('Kill2'), var('Kill4')} <= set(vm.store()),
             'all others are in the host\'s file')


def snapshot(bench, guest):
    guest.hmp('savevm before')
    bench.equal(guest.agent('set', var('After'), NV, 'text:a'), 'set ok', 'write after savevm')
    guest.hmp('loadvm before')
    bench.equal(guest.agent('set', var('Loaded'), NV, 'text:l'), 'set ok', 'write after loadvm')
    bench.ok({var('After'), var('Loaded')} <= set(vm.store()), 'both are in the host\'s file')


def forge(bench, guest, daemon):
    """Root in the guest claims that the firmware starts again."""
    said = guest.agent('forge')
    bench.ok('status=0x800000000000000f' in said, 'forged INIT is refused', said)
    bench.ok('INIT refused' in daemon.log(), 'forged INIT is in the log')
    bench.equal(guest.agent('set', var('Honest'), NV, 'text:h'), 'set ok', 'forged INIT: life goes on')


def idle(bench, daemon):
    time.sleep(1)
    before = daemon.cpu_seconds()
    time.sleep(4)
    used = daemon.cpu_seconds() - before
    bench.ok(used <= 0.02, 'daemon rests while the guest does', '%.2f s of CPU in 4 s' % used)


GUESTS = {
    #                  machine  smm    doorbell  besides
    'pc-doorbell':     ('pc', False, True, {'forge'}),
    'pc-plain':        ('pc', False, False, {'kill'}),
    'q35-doorbell':    ('q35', False, True, {'kill', 'idle'}),
    'q35-plain':       ('q35', False, False, {'snapshot'}),
    'q35-smm-doorbell': ('q35', True, True, {'snapshot'}),
    'q35-smm-plain':   ('q35', True, False, {'forge'}),
}


def test(bench):
    machine, smm, doorbell, besides = GUESTS[sys.argv[1]]
    qmp = doorbell or 'forge' in besides
    daemon = vm.Daemon(bench, qmp=qmp)
    guest = vm.Vm(bench, machine=machine, smm=smm, doorbell=doorbell, qmp=qmp,
                  snapshots='snapshot' in besides)
    bench.ok(True, 'boots Linux ' + guest.wait_linux())
    bench.ok('guest driver: attached' in daemon.log(), 'the driver in the option ROM has attached')
    course(bench, guest)
    if 'idle' in besides:
        idle(bench, daemon)
    if 'snapshot' in besides:
        snapshot(bench, guest)
    if 'kill' in besides:
        kill(bench, guest, daemon)
    bench.equal(guest.kernel_warnings(), '', 'no warnings from the kernel')
    reboot(bench, guest, daemon, qmp)
    if 'forge' in besides:
        forge(bench, guest, daemon)
    bench.equal(guest.kernel_warnings(), '', 'no warnings from the kernel after all')
    guest.power_off()
    bench.equal(daemon.stop(), 0, 'the daemon ends well')


sys.exit(vm.main(sys.argv[1], test))
