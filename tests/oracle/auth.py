#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The oracle for signed writes: random sequences over several lives of a machine, with real keys and signatures, go to edk2's
VariableRuntimeDxe with its AuthVariableLib and its own OpenSSL, out of the distribution's firmware, and to our service through
the MM socket. Every status and every value is compared, and the modes after every write. Our service goes first, and what it has
decides what comes next; so where the two are known to differ (doc/deviations.md), such a write does not come.

The OVMF of Debian 12 is of 2022: it takes SHA-256 without ContentInfo only, and a PK in setup mode that signed itself.

usage: auth.py RUNTSERV SIGN [none]    TAP. The third word is meson's b_sanitize
       ORACLE_SEEDS=N in the environment: N seeds, from 1 on;  ORACLE_SEED=N: this one
"""
import os
import random
import struct
import sys
import tempfile

from script import Script, Tap, edk2, missing, quoted, traced

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, 'auth'))
# pylint: disable=wrong-import-position
from machine import (APPEND, AT, BS, CUSTOM, ENABLE, GLOBAL, IMAGES, KEYS, NV, OWNER, RT, SHA1, SHA256, SHA384, VENDOR, X509,
                     Machine, Signer, efi_time, siglist)

SEEDS = 2
STACK = ('--runtime-stack', '64')  # edk2 needs more than 4 KiB to verify a signature
LIVES = 4
WRITES = {'boot': 45, 'ready-to-boot': 10, 'runtime': 30}
PRIVATE = ('Mine', 'Yours', 'B')
SPACES = {'PK': GLOBAL, 'KEK': GLOBAL, 'db': IMAGES, 'dbx': IMAGES, 'dbt': IMAGES}
MODES = (('SetupMode', GLOBAL), ('SecureBoot', GLOBAL), ('SecureBootEnable', ENABLE), ('CustomMode', CUSTOM), ('VendorKeys', GLOBAL),
         ('VendorKeysNv', VENDOR))
# Signers, and what their messages have beside their own certificate.
SIGNERS = {'pk': '-', 'pk2': '-', 'below': 'pk', 'kek': '-', 'kek2': '-', 'leaf': 'middle,ca', 'stranger': '-'}


class Lives:
    """A sequence, made while our service answers it. @scripts: for each life, what edk2 is asked; @answers: what ours said."""

    def __init__(self, seed, machine, signer):
        self.random, self.machine, self.signer = random.Random(seed), machine, signer
        self.clock = 0
        self.owners = {}  # of private variables: who signed first
        self.scripts, self.answers = [], []

    # what is there

    def has(self, name):
        return not isinstance(self.machine.get(name, SPACES.get(name, OWNER)), str)

    def setup(self):
        return self.machine.byte('SetupMode', GLOBAL) == 1

    def custom(self):
        return self.machine.byte('CustomMode', CUSTOM) == 1

    # one call

    def note(self, line, answer):
        self.scripts[-1].add(line)
        self.answers[-1].append(answer)

    def look(self, name, namespace):
        got = self.machine.get(name, namespace)
        self.note(f'get {quoted(name)} {namespace}',
                  'EFI_' + got if isinstance(got, str) else f'EFI_SUCCESS {got[0]:#x} {traced(got[1])}')

    def set(self, name, namespace, attributes, data):
        script = self.scripts[-1]
        script.write(name, namespace, attributes, data)
        self.answers[-1].append('EFI_' + self.machine.set(name, namespace, attributes, data))

    # what is written

    def lists(self, name):
        """Signature lists, mostly sound."""
        r, roll = self.random, self.random.random()
        if name == 'PK':
            if roll < 0.9:
                return self.signer.cert(r.choice(('pk', 'pk', 'pk2')))
            return self.signer.cert('pk', 'pk2') if roll < 0.95 else self.broken()
        if roll < 0.12:
            return self.broken()
        if name == 'KEK' and roll < 0.7:
            return self.signer.cert(*r.sample(('kek', 'kek2', 'ca', 'middle'), r.randrange(1, 4)))
        data = b''
        for _ in range(r.randrange(1, 4)):
            kind, size = r.choice(((SHA256, 32), (SHA256, 32), (SHA384, 48), (SHA1, 20)))
            data += siglist(kind, *(bytes([r.randrange(12)]) * size for _ in range(r.randrange(1, 5))),
                            owner=r.choice((OWNER, OWNER, GLOBAL)))
        return data + (self.signer.cert(r.choice(('kek', 'ca'))) if roll < 0.3 else b'')

    def broken(self):
        good = siglist(SHA256, bytes(32), bytes([1]) * 32)
        return self.random.choice((
            good[:-1],
            good + bytes(28),
            siglist(SHA256, bytes(33)),
            siglist(SHA384, bytes(32)),
            siglist(SHA256, bytes(32), header=b'\0'),
            siglist(OWNER, bytes(32)),
            siglist(X509, bytes(600)),
            good[:16] + struct.pack('<I', len(good) - 1) + good[20:],
        ))

    def when(self):
        """Mostly a new time; else an old one, the latest again, or one with parts that must be 0."""
        roll = self.random.random()
        if roll < 0.78:
            self.clock += 1
            return efi_time(self.clock)
        if roll < 0.9:
            return efi_time(self.random.choice((self.clock, self.clock, max(self.clock - 3, 0), 0)))
        raw = bytearray(efi_time(self.clock + 1))
        raw[self.random.randrange(7, 16)] = 1
        return bytes(raw)

    def keys(self):
        """A write of PK, KEK, db, dbx or dbt."""
        r = self.random
        name = r.choice(('PK', 'KEK', 'KEK', 'db', 'db', 'dbx', 'dbx', 'dbt'))
        setup, there = self.setup(), self.has(name)
        free = setup or self.custom()
        right = ['pk'] if name in ('PK', 'KEK') else ['pk', 'kek', 'kek2', 'leaf']
        signer = r.choice(right) if r.random() < 0.75 else r.choice([*SIGNERS, None])
        attributes = KEYS
        if there and name != 'PK' and r.random() < 0.4:
            attributes |= APPEND  # one that creates has no time in edk2, and PK takes a second key there
        roll = r.random()
        if roll < 0.05:
            attributes = r.choice((NV | BS | RT, BS | RT | AT, 0))
        payload = b'' if r.random() < (0.25 if there else 0.1) else self.lists(name)
        if name == 'PK' and setup:
            if self.custom() or not payload:
                return  # 2022: counts as a change of vendor keys; reads behind the data
            signer = 'pk2' if payload == self.signer.cert('pk2') else 'pk'
        how = '-'
        if signer is not None and not free and r.random() < 0.08:
            how = 'SHA1'
        self.write(name, SPACES[name], attributes, payload, signer, how, sound=name == 'PK' and setup)

    def write(self, name, namespace, attributes, payload, signer, how='-', sound=False):
        r, when = self.random, self.when()
        if sound:
            self.clock += 1
            when = efi_time(self.clock)
        if attributes & AT == 0:
            self.set(name, namespace, attributes, payload)
            return
        if signer is None and len(payload) < 32 and (name in PRIVATE or self.signed(name)):
            return  # edk2 looks for a message there
        data = self.signer.write(signer, name, namespace, attributes, when, payload, SIGNERS.get(signer, '-'), how)
        roll = 1 if sound else r.random()
        if roll < 0.03:
            data = data[:r.choice((0, 1, 39))]
        elif roll < 0.12 and signer is not None:
            # the digest of a private variable's owner covers less of a certificate in edk2
            end = len(data) - len(payload)
            at = r.randrange(end - 250 if name in PRIVATE else 40, end)
            data = data[:at] + bytes([data[at] ^ 1 << r.randrange(8)]) + data[at + 1:]
        elif roll < 0.14 and payload and (self.signed(name) or name in PRIVATE):
            at = len(data) - r.randrange(1, len(payload) + 1)
            data = data[:at] + bytes([data[at] ^ 1 << r.randrange(8)]) + data[at + 1:]
        elif roll < 0.15:
            at = r.choice((16, 17, 18, 19, 22, 23, *range(24, 40)))
            if self.signed(name) or name in PRIVATE or at < 20:
                # a length that is shorter leaves parts of the message to the payload
                data = data[:at] + bytes([data[at] ^ 0x80]) + data[at + 1:]
        self.set(name, namespace, attributes, data)

    def signed(self, name):
        return name in SPACES and not self.setup() and not self.custom()

    def private(self, late):
        r = self.random
        name = r.choice(PRIVATE)
        there, home = self.has(name), (NV | BS | AT if name == 'B' else KEYS)
        if late and name == 'B':
            return  # edk2 would note its signer before it is refused
        signer = self.owners[name] if there and r.random() < 0.7 else r.choice((*SIGNERS, None))
        attributes = home
        if there and r.random() < 0.3:
            attributes |= APPEND
        elif r.random() < 0.1:
            attributes = r.choice((NV | BS | RT, BS | AT, 0))
            if not there and attributes & AT:
                attributes = home
        payload = b'' if r.random() < 0.25 else bytes([r.randrange(4)]) * r.randrange(1, 60)
        if attributes & AT == 0 and not there and payload:
            return  # an ordinary variable of that name: the other oracle's
        delete = there and attributes == home and not payload
        if delete and signer != self.owners[name]:
            return  # with a person at hand edk2 asks nobody
        self.write(name, OWNER, attributes, payload, signer, sound=delete)
        if not there:
            self.owners[name] = signer

    def switch(self):
        """SecureBootEnable and CustomMode, by somebody who is present."""
        name, namespace = self.random.choice((('CustomMode', CUSTOM), ('CustomMode', CUSTOM), ('SecureBootEnable', ENABLE)))
        if name == 'SecureBootEnable' and self.setup():
            return
        self.set(name, namespace, NV | BS, bytes([self.random.choice((0, 0, 1))]))

    def life(self, number):
        self.scripts.append(Script())
        self.answers.append([])
        if number > 0:
            self.machine.reset()
        for phase, count in WRITES.items():
            self.scripts[-1].phase(phase)
            if phase == 'boot':
                self.machine.end_of_dxe()
            elif phase == 'ready-to-boot':
                self.machine.ready_to_boot()
            elif phase == 'runtime':
                self.machine.exit_boot_services()
            late = phase == 'runtime'
            for mode in MODES:
                self.look(*mode)
            for _ in range(count):
                roll = self.random.random()
                if roll < 0.68:
                    self.keys()
                elif roll < 0.9 or late:
                    self.private(late)
                else:
                    self.switch()
                for mode in MODES[:5]:
                    self.look(*mode)
            for name in (*SPACES, *PRIVATE):
                self.look(name, SPACES.get(name, OWNER))


def forgiven(line, theirs, own):
    """Both refuse, with other words: a db without KEK, and what is not right in a db that PK signed: edk2 tries KEK then; a PK in
    setup mode that is not even one."""
    name = line.split('"')[1] if line.startswith('set') else ''
    known = {'PK': {('INVALID_PARAMETER', 'SECURITY_VIOLATION')}}
    known['db'] = known['dbx'] = known['dbt'] = {('SECURITY_VIOLATION', 'NOT_FOUND'), ('INVALID_PARAMETER', 'SECURITY_VIOLATION'),
                                                 ('INVALID_PARAMETER', 'NOT_FOUND'), ('NOT_FOUND', 'SECURITY_VIOLATION')}
    return (own.removeprefix('EFI_'), theirs.removeprefix('EFI_')) in known.get(name, ())


def compare(script, answers, run):
    wrong = [] if run.well else ['a run did not end well', *run.said.splitlines()]
    if len(run.answers) != len(answers):
        wrong.append(f'{len(run.answers)} and {len(answers)} answers')
    for theirs, own in zip(run.answers, answers):
        line = script.lines[theirs.line - 1]
        told = ' '.join([theirs.status, *(theirs.values if theirs.status == 'EFI_SUCCESS' else ())])
        if told != own and not forgiven(line, told, own):
            wrong += [f'line {theirs.line}, {theirs.phase}: {line[:100]}', f'   edk2 {told[:200]}', f'   ours {own[:200]}']
    return wrong


def note_coverage(seen, lives):
    """Adds to @seen which answers writes got, by variable and phase."""
    for script, answers in zip(lives.scripts, lives.answers):
        late, calls = False, iter(answers)
        for line in script.lines:
            if line.startswith('phase'):
                late = line == 'phase runtime'
                continue
            answer = next(calls)
            if line.startswith('set'):
                name = line.split('"')[1]
                seen.setdefault((name if name in SPACES else 'private', late), set()).add(answer)
            elif 'SetupMode' in line:
                seen.setdefault(('SetupMode', late), set()).add(answer)


def check_coverage(seen):
    """Signed writes succeeded and were refused, in both modes, before and at run time."""
    wrong = []
    for late in (False, True):
        for name in (*SPACES, 'private'):
            lacks = {'EFI_SUCCESS', 'EFI_SECURITY_VIOLATION'} - seen.get((name, late), set())
            if lacks:
                wrong.append(f'{name}, {"run time" if late else "boot"}: never {sorted(lacks)}')
        if len(seen.get(('SetupMode', late), ())) != 2:
            wrong.append(f'SetupMode: {seen.get(("SetupMode", late))}')
    return wrong


def check_seed(tap, runtserv, program, folder, seed, seen):
    folder = tempfile.mkdtemp(dir=folder)
    signer = Signer(program, folder)
    machine = Machine(runtserv, os.path.join(folder, 'vars.json'), '--physical-presence')
    lives = Lives(seed, machine, signer)
    try:
        for number in range(LIVES):
            lives.life(number)
    finally:
        signer.close()
        machine.stop()
    note_coverage(seen, lives)
    options = []
    for number, (script, answers) in enumerate(zip(lives.scripts, lives.answers)):
        saved = os.path.join(folder, f'flash{number}')
        run = edk2(runtserv, folder, script, *STACK, *options, '--save-flash', saved)
        tap.check(f'seed {seed}, life {number + 1}: {len(answers)} answers', compare(script, answers, run))
        options = ['--flash', saved]


def known(signer):
    """What doc/deviations.md says: phase, what it is, the write, edk2's answer and ours; None: a step between."""
    clock = iter(range(1, 1000))

    def write(name, payload, by, more='-', how='-', attributes=KEYS, when=None):
        space = SPACES.get(name, OWNER)
        when = next(clock) if when is None else when
        return name, space, attributes, signer.write(by, name, space, attributes, when, payload, more, how)

    pk, good = signer.cert('pk'), siglist(SHA256, bytes(32))
    ok, no, bad = 'SUCCESS', 'SECURITY_VIOLATION', 'INVALID_PARAMETER'
    boot = [
        ('2022: a PK in setup mode that did not sign itself', write('PK', pk, None), no, ok),
        (None, write('PK', pk, 'pk'), ok, ok),
        ('no KEK', write('db', good, 'kek'), 'NOT_FOUND', no),
        (None, write('KEK', signer.cert('kek'), 'pk'), ok, ok),
        ('malformed, but signed by PK', write('db', good[:-1], 'pk'), no, bad),
        ('nothing to delete, but signed by PK', write('db', b'', 'pk'), no, 'NOT_FOUND'),
        ('2022: ContentInfo', write('db', good, 'pk', how='info'), no, ok),
        ('2022: SHA-384', write('db', good, 'kek', how='SHA384'), no, ok),
        ('a certificate with a curve', write('KEK', signer.cert('curve'), 'pk'), bad, ok),
        (None, write('KEK', signer.cert('kek'), 'pk'), ok, ok),
        ('a byte behind a certificate', write('dbt', siglist(X509, signer.der('kek') + b'\0'), 'pk'), ok, bad),
        ('two signers', write('dbt', good, 'pk', how='with=pk'), ok, no),
        ('a second key appended to PK', write('PK', signer.cert('pk2'), 'pk', attributes=KEYS | APPEND), ok, bad),
        ('an append that creates', write('dbx', good, 'kek', attributes=KEYS | APPEND, when=500), ok, ok),
        ('its time again', write('dbx', good, 'kek', when=500), ok, no),
        (None, write('Mine', b'a', 'leaf', 'middle,ca'), ok, ok),
        ('the signer without his authority', write('Mine', b'b', 'leaf'), ok, no),
        ('an unsigned delete', write('Mine', b'', None), ok, no),
    ]
    late = [('a volatile authenticated variable at run time', write('New', b'a', 'kek', attributes=BS | RT | AT), no, bad)]
    return {'boot': boot, 'runtime': late}


def check_known(tap, runtserv, program, folder):
    folder = tempfile.mkdtemp(dir=folder)
    signer = Signer(program, folder)
    machine = Machine(runtserv, os.path.join(folder, 'vars.json'), '--physical-presence')
    script, cases = Script(), []
    try:
        for phase, rows in known(signer).items():
            script.phase(phase)
            if phase == 'runtime':
                machine.exit_boot_services()
            for what, write, theirs, own in rows:
                script.write(*write)
                cases.append((what, theirs, own, machine.set(*write)))
    finally:
        signer.close()
        machine.stop()
    run = edk2(runtserv, folder, script, *STACK)
    tap.check('known differences: a run', [] if run.well and len(run.answers) == len(cases) else run.said.splitlines())
    for (what, theirs, own, got), answer in zip(cases, run.answers):
        tap.check(f'known: {what or "a step between"}', [] if (answer.status, got) == ('EFI_' + theirs, own) else
                  [f'edk2 {answer.status}, not {theirs}; ours {got}, not {own}'])


def main():
    lacks = missing()
    if lacks is not None or 'address' in ''.join(sys.argv[3:]):
        print('1..0 # SKIP', f'{lacks} is not installed' if lacks else 'the flash lies in the sanitizer\'s shadow')
        return
    tap = Tap()
    seeds = range(1, int(os.environ.get('ORACLE_SEEDS', SEEDS)) + 1)
    if 'ORACLE_SEED' in os.environ:
        seeds = [int(os.environ['ORACLE_SEED'])]
    runtserv, program, seen = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]), {}
    with tempfile.TemporaryDirectory() as folder:
        check_known(tap, runtserv, program, folder)
        for seed in seeds:
            check_seed(tap, runtserv, program, folder, seed, seen)
    if len(seeds) > 1:
        tap.check('all sorts of writes', check_coverage(seen))
    tap.end()


if __name__ == '__main__':
    main()
