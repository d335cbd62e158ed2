#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Secure boot from setup mode to user mode and back, in a real guest whose variables are on the host.

Keys are made now, by openssl; efitools make and sign the signature lists, and sbsign signs the
kernel. Linux writes PK, KEK, db and dbx through efivarfs.
"""
import struct
import subprocess
import sys
import uuid

import vm

GLOBAL = '8be4df61-93ca-11d2-aa0d-00e098032b8c'
SECURITY = 'd719b2cb-3d3a-4596-a3bc-dad00e67656f'
OWNER = '77fa9abd-0359-4d32-bd60-28f4e78f784b'
SHA256 = 'c1c41626-504c-4092-aca9-41f936934328'
PK, KEK, DB, DBX = 'PK-' + GLOBAL, 'KEK-' + GLOBAL, 'db-' + SECURITY, 'dbx-' + SECURITY
STORED = 0x27  # non-volatile, boot and run time, signed with a time
CHUNK = 1000   # bytes on one line of the console


def tool(*args):
    vm.need_program(args[0])
    done = subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        raise vm.Failure('%s: %s' % (' '.join(args), done.stdout.decode(errors='replace')))


def certificate(name):
    tool('openssl', 'req', '-new', '-x509', '-newkey', 'rsa:2048', '-nodes', '-sha256', '-days', '3650',
         '-subj', '/CN=%s/' % name, '-keyout', name + '.key', '-out', name + '.crt')
    tool('cert-to-efi-sig-list', '-g', OWNER, name + '.crt', name + '.esl')


def signed(var, signer, esl, second, append=False):
    """A write of @esl to @var as the tools make it: descriptor, signature, lists."""
    tool('sign-efi-sig-list', '-g', SECURITY if var.startswith('db') else GLOBAL, *(['-a'] if append else []),
         '-t', '2026-01-01 00:00:%02d' % second, '-k', signer + '.key', '-c', signer + '.crt',
         var, esl, 'write.auth')
    return read('write.auth')


def read(path):
    with open(path, 'rb') as f:
        return f.read()


def put(guest, name, attributes, data):
    guest.run('v=')
    text = data.hex()
    for at in range(0, len(text), CHUNK):
        guest.run('v=${v}' + text[at:at + CHUNK])
    return guest.agent('set', name, '%#x' % attributes, 'hex:${v}')


def modes(guest):
    """SetupMode and SecureBoot, as the guest sees them."""
    return [guest.run('tail -c 1 /sys/firmware/efi/efivars/%s-%s | hexdump -e \'1/1 "%%d"\'' % (name, GLOBAL))[1]
            for name in ('SetupMode', 'SecureBoot')]


def test(bench):
    for name in ('PK', 'KEK', 'db', 'stranger'):
        certificate(name)
    kernel = vm.need(vm.LINUX + '/amd64/vmlinuz', 'no Linux guest (tools/guest-linux)')
    tool('sbsign', '--key', 'db.key', '--cert', 'db.crt', '--output', 'vmlinuz', kernel)
    digest = bytes(range(32))
    with open('dbx.esl', 'wb') as f:
        f.write(uuid.UUID(SHA256).bytes_le + struct.pack('<III', 28 + 48, 0, 48) +
                uuid.UUID(OWNER).bytes_le + digest)
    with open('none.esl', 'wb'):
        pass

    daemon = vm.Daemon(bench, qmp=True, options=('--sandbox', 'auto'))
    guest = vm.Vm(bench, qmp=True, kernel='vmlinuz')
    guest.wait_linux()
    bench.equal(modes(guest), ['1', '0'], 'at first: setup mode')
    bench.equal([n for n in (PK, KEK, DB) if n in vm.store()], [], 'and no keys on the host')

    bench.equal(put(guest, DB, STORED, signed('db', 'KEK', 'db.esl', 1)), 'set ok', 'db is written')
    bench.equal(put(guest, KEK, STORED, signed('KEK', 'PK', 'KEK.esl', 1)), 'set ok', 'KEK is written')
    bench.equal(modes(guest), ['1', '0'], 'still setup mode')
    bench.equal(put(guest, PK, STORED, signed('PK', 'PK', 'PK.esl', 1)), 'set ok', 'PK is written')
    bench.equal(modes(guest)[0], '0', 'user mode at once')
    bench.equal([vm.store().get(n) for n in (PK, KEK, DB)],
                [(STORED, read(n + '.esl')) for n in ('PK', 'KEK', 'db')],
                'the host\'s file has the lists, without signatures')

    guest.reboot()
    guest.wait_linux()
    bench.equal(modes(guest), ['0', '1'], 'after a reboot: user mode, secure boot')
    bench.ok('Secure boot enabled' in guest.run('dmesg | grep -i "secure boot"')[1],
             'the kernel, signed for db, was told so by the firmware')

    before = vm.store()
    unsigned = struct.pack('<HBBBBBxIhBxIHH', 2026, 1, 1, 0, 0, 9, 0, 0, 0, 24, 0x200, 0xef1) + \
        uuid.UUID('4aafd29d-68df-49ee-8aa9-347d375665a7').bytes_le
    for name, what, data, attributes in (
            (DB, 'db, no signature', unsigned + read('db.esl'), STORED),
            (DB, 'db, signed by a stranger', signed('db', 'stranger', 'db.esl', 9), STORED),
            (DBX, 'dbx, appended by a stranger', signed('dbx', 'stranger', 'dbx.esl', 9, True), STORED | 0x40),
            (PK, 'PK, signed by the owner of KEK', signed('PK', 'KEK', 'stranger.esl', 9), STORED),
            (PK, 'PK away, signed by a stranger', signed('PK', 'stranger', 'none.esl', 9), STORED),
            (KEK, 'KEK, by PK, but not newer', signed('KEK', 'PK', 'stranger.esl', 1), STORED)):
        bench.equal(put(guest, name, attributes, data), 'set EACCES', 'refused: ' + what)
    bench.ok(guest.agent('delete', DB) != 'delete ok', 'refused: deleting db')
    bench.ok(put(guest, DB, 7, read('db.esl')) != 'set ok', 'refused: db as an ordinary variable')
    bench.equal(vm.store(), before, 'none of this has changed the host\'s file')

    bench.equal(put(guest, DBX, STORED | 0x40, signed('dbx', 'KEK', 'dbx.esl', 2, True)), 'set ok',
                'dbx is appended to by the owner of KEK')
    bench.ok(vm.store().get(DBX) == (STORED, read('dbx.esl')), 'it is in the host\'s file')

    bench.equal(put(guest, PK, STORED, signed('PK', 'PK', 'none.esl', 3)), 'set ok',
                'PK is taken away by its owner')
    bench.equal(modes(guest)[0], '1', 'setup mode at once')
    bench.ok(PK not in vm.store() and KEK in vm.store(), 'PK has left the host\'s file, KEK has not')
    guest.reboot()
    guest.wait_linux()
    bench.equal(modes(guest), ['1', '0'], 'after a reboot: setup mode, no secure boot')
    bench.equal(guest.kernel_warnings(), '', 'no warnings from the kernel')
    guest.power_off()
    bench.equal(daemon.stop(), 0, 'the daemon ends well')


sys.exit(vm.main('secureboot', test))
