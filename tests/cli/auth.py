#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Secure boot's keys through the MM socket: from setup mode to user mode and back, over starts of the machine and of the daemon;
what the JSON store keeps, and that QEMU's device would know it; the host's options; and writes that efitools and sbsigntool
signed, where those are installed.

usage: auth.py SOURCE RUNTSERV SIGN    TAP
"""
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, 'auth'))
# pylint: disable=wrong-import-position
from machine import (APPEND, CUSTOM, ENABLE, GLOBAL, IMAGES, KEYS, NV, BS, OWNER, SHA256, Machine, Signer, siglist)

OK, NO = 'SUCCESS', 'SECURITY_VIOLATION'
SETUP = {'SetupMode': 1, 'SecureBoot': 0, 'SecureBootEnable': 'NOT_FOUND', 'CustomMode': 0, 'VendorKeys': 1, 'VendorKeysNv': 1}
USER = {**SETUP, 'SetupMode': 0, 'SecureBoot': 1, 'SecureBootEnable': 1}
RUNTIME = {'SecureBootEnable': 'NOT_FOUND', 'CustomMode': 'NOT_FOUND', 'VendorKeysNv': 'NOT_FOUND'}


class Checks:
    """Prints TAP."""

    def __init__(self):
        self.count = 0

    def same(self, name, got, want):
        self.count += 1
        print('ok' if got == want else 'not ok', self.count, '-', name)
        if got != want:
            print(f'# {str(got)[:600]}\n# not {str(want)[:600]}')

    def skip(self, name, why):
        self.count += 1
        print('ok', self.count, '-', name, '# SKIP', why)


def stored(path):
    with open(path, encoding='utf-8') as f:
        return {v['name']: v for v in json.load(f)['variables']}


def owner_digest(name, top):
    """By whom a private variable was signed, as QEMU's device writes it down."""
    return hashlib.sha256(name.encode() + hashlib.sha256(top).digest()).hexdigest()


def lifecycle(t, runtserv, signer, folder):
    store = os.path.join(folder, 'life.json')
    m = Machine(runtserv, store)

    def set_(name, space, payload, by, when, attributes=KEYS, **more):
        return m.set(name, space, attributes, signer.write(by, name, space, attributes, when, payload, **more))

    one, two = siglist(SHA256, b'1' * 32), siglist(SHA256, b'2' * 32)
    t.same('a new machine is in setup mode', m.modes(), SETUP)
    t.same('a start writes nothing', os.path.exists(store), False)
    t.same('KEK without signature', set_('KEK', GLOBAL, signer.cert('kek', 'ca'), None, 1), OK)
    t.same('PK without signature', set_('PK', GLOBAL, signer.cert('pk'), None, 1), OK)
    t.same('user mode', m.modes(), USER)
    t.same('db without signature', set_('db', IMAGES, one, None, 2), NO)
    t.same('db by a stranger', set_('db', IMAGES, one, 'stranger', 2), NO)
    t.same('db by one of the authority in KEK', set_('db', IMAGES, one, 'leaf', 2, more='middle'), OK)
    t.same('dbx by KEK', set_('dbx', IMAGES, one, 'kek', 2), OK)
    t.same('dbx, appended', set_('dbx', IMAGES, one + two, 'kek', 2, KEYS | APPEND), OK)
    t.same('has each once', m.get('dbx', IMAGES), (KEYS, one + two))
    t.same('a private variable', set_('Mine', OWNER, b'mine', 'leaf', 3, more='ca,middle'), OK)

    m.child.send_signal(signal.SIGKILL)
    m.stop()
    m = Machine(runtserv, store)
    t.same('after the daemon was killed: the modes', m.modes(), USER)
    t.same('dbx', m.get('dbx', IMAGES), (KEYS, one + two))
    t.same('an old time', set_('dbx', IMAGES, one, 'kek', 2), NO)
    t.same('the private variable, by another', set_('Mine', OWNER, b'theirs', 'kek', 4), NO)
    t.same('by its owner', set_('Mine', OWNER, b'more', 'leaf', 4, more='middle,ca'), OK)
    kept = stored(store)
    t.same('the store knows the owner', kept['Mine']['digest'], owner_digest('leaf', signer.der('ca')))
    t.same('and the time', kept['Mine']['time'], 'e8070101000004000000000000000000')
    t.same('what is computed is not in it', sorted(kept), ['KEK', 'Mine', 'PK', 'SecureBootEnable', 'db', 'dbx'])

    m.end_of_dxe()
    m.ready_to_boot()
    m.exit_boot_services()
    t.same('at run time', m.modes(), {**USER, **RUNTIME})
    t.same('PK deleted by a stranger', set_('PK', GLOBAL, b'', 'stranger', 9), NO)
    t.same('PK deleted by itself', set_('PK', GLOBAL, b'', 'pk', 9), OK)
    t.same('setup mode at once, SecureBoot later', m.modes(), {**SETUP, **RUNTIME, 'SecureBoot': 1})
    m.reset()
    t.same('after a reset', m.modes(), {**SETUP, 'SecureBootEnable': 1})
    t.same('keys without signature again', set_('db', IMAGES, two, None, 1), OK)
    t.same('PK again', set_('PK', GLOBAL, signer.cert('pk2'), None, 1), OK)
    t.same('user mode again', m.modes(), USER)
    t.same('PK by the one before', set_('PK', GLOBAL, b'', 'pk', 20), NO)
    t.same('nothing was said to be wrong', [line for line in m.said().splitlines() if 'error' in line], [])
    m.stop()


def options(t, runtserv, signer, folder):
    store = os.path.join(folder, 'options.json')
    m = Machine(runtserv, store, '--force-secure-boot')
    t.same('--force-secure-boot without PK is told', '--force-secure-boot, but the store has no PK' in m.said(), True)
    t.same('PK', m.set('PK', GLOBAL, KEYS, signer.write(None, 'PK', GLOBAL, KEYS, 1, signer.cert('pk'))), OK)
    t.same('it cannot be deleted', m.set('PK', GLOBAL, KEYS, signer.write('pk', 'PK', GLOBAL, KEYS, 2, b'')), 'WRITE_PROTECTED')
    t.same('nobody is present', m.set('CustomMode', CUSTOM, NV | BS, b'\1'), NO)
    m.stop()
    m = Machine(runtserv, store, '--physical-presence')
    t.same('SecureBootEnable, by who is present', m.set('SecureBootEnable', ENABLE, NV | BS, b'\0'), OK)
    t.same('CustomMode, too', m.set('CustomMode', CUSTOM, NV | BS, b'\1'), OK)
    db = siglist(SHA256, bytes(32))
    t.same('db without signature', m.set('db', IMAGES, KEYS, signer.write(None, 'db', IMAGES, KEYS, 1, db)), OK)
    changed = {**USER, 'VendorKeys': 0, 'VendorKeysNv': 0}
    t.same('vendor keys are changed', m.modes(), {**changed, 'SecureBootEnable': 0, 'CustomMode': 1})
    m.stop()
    m = Machine(runtserv, store, '--physical-presence', '--no-custom-mode')
    t.same('the next start', m.modes(), {**changed, 'SecureBoot': 0, 'SecureBootEnable': 0})
    t.same('--no-custom-mode', m.set('CustomMode', CUSTOM, NV | BS, b'\1'), 'WRITE_PROTECTED')
    m.stop()
    m = Machine(runtserv, store, '--physical-presence', '--force-secure-boot')
    t.same('--force-secure-boot', m.modes(), {**changed, 'SecureBootEnable': 0})
    t.same('stays', m.set('SecureBootEnable', ENABLE, NV | BS, b'\0'), 'WRITE_PROTECTED')
    m.stop()


def from_qemu(t, source, runtserv, signer, folder):
    """A store that QEMU 10.0.2 wrote: its "Priv" was signed with the key of its db."""
    origin, store = os.path.join(source, 'tests', 'data', 'qemu-10.0.2-vars.json'), os.path.join(folder, 'qemu.json')
    shutil.copy(origin, store)
    before = stored(origin)
    der = bytes.fromhex(before['db']['data'])[28 + 16:]
    t.same('QEMU computes the same owner', before['Priv']['digest'], owner_digest('db', der))
    m = Machine(runtserv, store)
    t.same('its modes', m.modes(), USER)
    t.same('its db', m.get('db', IMAGES), (KEYS, bytes.fromhex(before['db']['data'])))
    t.same('which a stranger cannot write', m.set('db', IMAGES, KEYS, signer.write('kek', 'db', IMAGES, KEYS, 999, b'')), NO)
    t.same('nor its private variable', m.set('Priv', before['Priv']['guid'], KEYS, signer.write(
        'kek', 'Priv', before['Priv']['guid'], KEYS, 999, b'')), NO)
    t.same('a change', m.set('Ours', OWNER, NV | BS, b'x'), OK)
    m.stop()
    after = stored(store)
    del after['Ours']
    t.same('and all else is as it was', after, before)


def efitools(t, runtserv, signer, folder):
    """cert-to-efi-sig-list and sign-efi-sig-list make what firmware gets; sbvarsign and sbsiglist, too."""
    lacks = [tool for tool in ('cert-to-efi-sig-list', 'sign-efi-sig-list', 'sbvarsign', 'sbsiglist') if shutil.which(tool) is None]
    if lacks:
        t.skip('efitools and sbsigntool', f'{lacks[0]} is not installed')
        return
    m = Machine(runtserv, os.path.join(folder, 'efitools.json'))

    def run(*words):
        subprocess.run(words, cwd=folder, check=True, capture_output=True)

    def read(name):
        with open(os.path.join(folder, name), 'rb') as f:
            return f.read()

    def signed(name, by, second, lists, *words):
        run('sign-efi-sig-list', *words, '-t', f'2024-02-01 00:00:{second:02}', '-k', by + '.pem', '-c', by + '.pem', name, lists,
            name + '.auth')
        return read(name + '.auth')

    for key in ('pk', 'kek', 'stranger'):
        run('cert-to-efi-sig-list', '-g', OWNER, key + '.pem', key + '.esl')
        t.same(f'{key}.esl is what we make of it', read(key + '.esl'), signer.cert(key))
    with open(os.path.join(folder, 'empty.esl'), 'wb'):
        pass
    with open(os.path.join(folder, 'hash'), 'wb') as f:
        f.write(b'h' * 32)
    run('sbsiglist', '--owner', OWNER, '--type', 'sha256', '--output', 'hash.esl', 'hash')
    db, hashes = read('kek.esl'), read('hash.esl')
    t.same('efitools: db, before there is a PK', m.set('db', IMAGES, KEYS, signed('db', 'kek', 1, 'stranger.esl')), OK)
    t.same('efitools: KEK', m.set('KEK', GLOBAL, KEYS, signed('KEK', 'pk', 1, 'kek.esl')), OK)
    t.same('efitools: PK', m.set('PK', GLOBAL, KEYS, signed('PK', 'pk', 1, 'pk.esl')), OK)
    t.same('user mode', m.modes(), USER)
    t.same('efitools: db by a stranger', m.set('db', IMAGES, KEYS, signed('db', 'stranger', 2, 'kek.esl')), NO)
    t.same('efitools: db by KEK', m.set('db', IMAGES, KEYS, signed('db', 'kek', 2, 'kek.esl')), OK)
    t.same('is that', m.get('db', IMAGES), (KEYS, db))
    append = signed('db', 'kek', 3, 'hash.esl', '-a')
    t.same('efitools: appended', m.set('db', IMAGES, KEYS | APPEND, append), OK)
    t.same('and again', m.set('db', IMAGES, KEYS | APPEND, append), OK)
    t.same('is both', m.get('db', IMAGES), (KEYS, db + hashes))
    t.same('efitools: an append is not a write', m.set('db', IMAGES, KEYS, append), NO)
    run('sbvarsign', '--key', 'kek.pem', '--cert', 'kek.pem', '--output', 'dbx.auth', 'dbx', 'hash.esl',
        '--attr', 'NON_VOLATILE,BOOTSERVICE_ACCESS,RUNTIME_ACCESS,TIME_BASED_AUTHENTICATED_WRITE_ACCESS')
    t.same('sbsigntool: dbx by KEK', m.set('dbx', IMAGES, KEYS, read('dbx.auth')), OK)
    t.same('is that', m.get('dbx', IMAGES), (KEYS, hashes))
    t.same('efitools: PK deleted', m.set('PK', GLOBAL, KEYS, signed('PK', 'pk', 4, 'empty.esl')), OK)
    t.same('setup mode', m.modes(), SETUP)
    m.stop()


def told(t, runtserv, folder):
    """--log-level debug: one line for each request; a refusal says whose variable, when, what, and by which rule."""
    m = Machine(runtserv, os.path.join(folder, 'told.json'))
    m.get('Nobody', OWNER)
    m.set('Mine', OWNER, BS, b'x')
    m.get('Mine', OWNER)
    m.set('Mine', OWNER, BS | 0x80, b'x')
    m.set('SetupMode', GLOBAL, BS, b'\1')
    m.end_of_dxe()
    m.set('Nobody', GLOBAL, BS, b'x')
    m.ready_to_boot()
    m.exit_boot_services()
    m.set('Mine', OWNER, BS, b'y')
    m.call(99)
    lines = [line.removeprefix('runtserv serve: ') for line in m.said().splitlines() if '): ' in line]
    t.same('each request has its line', lines, [
        f'debug: GetVariable Nobody-{OWNER} (boot): NOT_FOUND: no such variable (UEFI 2.10 8.2.1)',
        f'debug: SetVariable Mine-{OWNER} (boot): SUCCESS: done',
        f'debug: GetVariable Mine-{OWNER} (boot): SUCCESS: done',
        f'SetVariable Mine-{OWNER} (boot): INVALID_PARAMETER: reserved attribute bits (UEFI 2.10 8.2.3)',
        f'SetVariable SetupMode-{GLOBAL} (boot): WRITE_PROTECTED: read-only: the firmware\'s own (UEFI 2.10 3.3)',
        'debug: EndOfDxe (boot, after EndOfDxe): SUCCESS: done',
        f'SetVariable Nobody-{GLOBAL} (boot, after EndOfDxe): INVALID_PARAMETER: no such name in the specification\'s namespace '
        '(UEFI 2.10 3.3)',
        'debug: ReadyToBoot (boot, after EndOfDxe): SUCCESS: done',
        'debug: ExitBootServices (run time): SUCCESS: done',
        f'SetVariable Mine-{OWNER} (run time): WRITE_PROTECTED: a boot services variable, at run time (UEFI 2.10 8.2.3)',
        'SMM variable message (run time): UNSUPPORTED: no function of this service (edk2 VariableSmm)',
    ])
    m.stop()


def main():
    source, runtserv, program = (os.path.abspath(word) for word in sys.argv[1:4])
    t = Checks()
    with tempfile.TemporaryDirectory() as folder:
        signer = Signer(program, folder)
        lifecycle(t, runtserv, signer, folder)
        options(t, runtserv, signer, folder)
        from_qemu(t, source, runtserv, signer, folder)
        efitools(t, runtserv, signer, folder)
        told(t, runtserv, folder)
        signer.close()
    print(f'1..{t.count}')


if __name__ == '__main__':
    main()
