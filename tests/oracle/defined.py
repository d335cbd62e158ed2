#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Variables that the specification defines, before and after EndOfDxe: edk2's VariableRuntimeDxe, run on its own flash, and our
service get the same calls and answer alike. Names, attributes, lengths and contents are right and wrong in turn; Lang and
PlatformLang follow each other; names of no namespace of the specification are anybody's.

usage: defined.py RUNTSERV [none]    TAP; as oracle.py
       ORACLE_SEEDS=N in the environment: N seeds, from 1 on
"""
import os
import random
import struct
import sys
import tempfile

from oracle import Checks, compare, same_as_edk2, trouble
from script import AT, BS, HR, NV, PHASES, RT, TEST, Script, Tap, edk2, missing, ours, quoted

GLOBAL = '8be4df61-93ca-11d2-aa0d-00e098032b8c'
SECURITY = 'd719b2cb-3d3a-4596-a3bc-dad00e67656f'
HW_ERROR = '414e6bdd-e47b-47cc-b244-bb61020cf516'

NAMES = [(name, GLOBAL) for name in (
    'LangCodes', 'Lang', 'Timeout', 'PlatformLangCodes', 'PlatformLang', 'ConIn', 'ConOut', 'ErrOut', 'ConInDev', 'ConOutDev',
    'ErrOutDev', 'BootOrder', 'BootNext', 'BootCurrent', 'BootOptionSupport', 'DriverOrder', 'SysPrepOrder', 'HwErrRecSupport',
    'OsIndicationsSupported', 'OsIndications', 'SetupMode', 'SecureBoot', 'VendorKeys', 'PKDefault',
    'KEKDefault', 'dbDefault', 'dbxDefault', 'dbtDefault', 'Boot0000', 'Boot00AF', 'Driver0001', 'SysPrep0001', 'Key0000',
    'PlatformRecovery0000', 'KEK', 'Boot00af', 'Boot000', 'Boot00000', 'boot0000', 'Bootorder', 'Nobody', 'AuditMode',
    'DeployedMode', 'HwErrRec0000')] + [('db', SECURITY), ('dbx', SECURITY), ('dbr', SECURITY), ('PK', SECURITY),
                                        ('HwErrRec0000', HW_ERROR), ('HwErrRec000g', HW_ERROR), ('Other', HW_ERROR),
                                        ('BootOrder', TEST), ('Lang', TEST), ('HwErrRec0001', TEST)]
ATTRIBUTES = (NV | BS | RT, NV | BS | RT, NV | BS | RT, BS | RT, BS | RT, NV | BS, BS, NV | BS | RT | HR, 0, NV | BS | RT | AT)

END = bytes((0x7f, 0xff, 4, 0))


def node(kind, sub, data):
    return struct.pack('<BBH', kind, sub, 4 + len(data)) + data


def option(path, length=None, name='N'):
    return struct.pack('<IH', 1, len(path) if length is None else length) + (name + '\0').encode('utf-16-le') + path


FILE = node(4, 4, '\\x\0'.encode('utf-16-le'))
PATHS = (END, FILE + END, node(1, 1, b'\0\1') + FILE + END, FILE, b'', END[:3], node(4, 4, 'xx'.encode('utf-16-le')) + END,
         struct.pack('<BBH', 1, 1, 3) + END, struct.pack('<BBH', 1, 1, 0xffff) + END, END + b'behind', bytes((0x7f, 0xff, 5, 0, 0)),
         bytes((0x7f, 1, 4, 0)) + END)
OPTIONS = [option(p) for p in PATHS] + [option(END, 0), option(END, 3), option(END, 5), option(END) + b'data',
                                        option(END, name='')[:8], struct.pack('<IH', 1, 4), struct.pack('<IH', 1, 4) + b'N\0' * 9,
                                        option(END, name='Odd') + b'\0']
TEXTS = (b'en', b'en\0', b'en\0x', b'\0', b'eng\0', b'engfra\0', b'en-US;fr-FR\0', b'x')
PLAIN = (b'', b'\1', b'\1\0', b'\1\0\0', bytes(4), bytes(6), bytes(7), bytes(8), bytes(9), bytes(12), bytes(16), bytes(20),
         bytes(24), bytes(25), bytes(28), bytes(32))
# what some names hold is tried more often there
LIKELY = {'Con': PATHS, 'Err': PATHS, 'Boot0': OPTIONS, 'Driver0': OPTIONS, 'SysPrep0': OPTIONS, 'PlatformR': OPTIONS, 'Lang': TEXTS,
          'PlatformL': TEXTS}


def names_script(seed):
    r = random.Random(seed)
    script = Script()
    for phase in PHASES:
        script.phase(phase)
        for _ in range(600 if phase != 'boot' else 150):
            name, guid = r.choice(NAMES)
            if 'Lang' in name and (phase == 'boot' or not name.endswith('Codes')):
                continue  # edk2 reads on behind the end of languages without NUL
            data = next((d for start, d in LIKELY.items() if name.startswith(start)), PLAIN)
            data = r.choice(data if r.random() < 0.7 else (*PLAIN, *PATHS, *OPTIONS, *TEXTS))
            if 'LangCodes' in name:  # no lists, so that nothing follows here
                data = r.choice((b'en', b'x', b'', b'eng'))
            verb = r.choice(('set', 'set', 'set', 'set', 'append', 'delete'))
            attributes = r.choice(ATTRIBUTES)
            if attributes & AT and guid != TEST and name in ('KEK', 'db', 'dbx', 'PK'):
                attributes = NV | BS | RT  # signed writes have a test of their own
            script.write(name, guid, attributes, b'' if verb == 'delete' else data, verb)
            script.add(f'get {quoted(name)} {guid}')
    return script


# as many languages in each list: edk2 reads on behind the end of the shorter one
CODES = (b'engfrager\0', b'fragerita\0', b'gerfraeng\0')
PLATFORM_CODES = (b'en;fr;de\0', b'en-US;fr-FR;de\0', b'fr-CA;en;de-CH-1996\0', b'de-AT;en;fr\0')
LANGS = (b'eng\0', b'fra\0', b'ger\0', b'xx\0', b'en\0', b'fr\0')
PLATFORM_LANGS = (b'en\0', b'en-US\0', b'en-GB\0', b'fr-FR-x\0', b'de\0', b'e\0', b'', b'fr;en\0', b'fr-FR\0')


def languages_script(seed):
    r = random.Random(seed)
    script = Script()
    for phase in PHASES:
        script.phase(phase)
        for _ in range(120):
            name, attributes, values = r.choice((
                ('LangCodes', BS | RT, CODES), ('PlatformLangCodes', BS | RT, PLATFORM_CODES), ('Lang', NV | BS | RT, LANGS),
                ('PlatformLang', NV | BS | RT, PLATFORM_LANGS)))
            script.write(name, GLOBAL, attributes, r.choice(values))
            for asked in ('Lang', 'PlatformLang'):
                script.add(f'get "{asked}" {GLOBAL}')
    return script


def coverage(answers):
    """Of each status there are many."""
    statuses = [a.status for a in answers if a.verb in ('set', 'append', 'delete')]
    return [f'{s}: {statuses.count(s)}' for s in ('EFI_SUCCESS', 'EFI_INVALID_PARAMETER', 'EFI_WRITE_PROTECTED', 'EFI_NOT_FOUND')
            if statuses.count(s) < 20]


def without_faults(script, flash, own):
    """The calls that edk2 ends with a fault of its own, for it reads on behind the end of what it was given, are left out."""
    answered = {a.line for a in flash.answers}
    lost = [a for a in own.answers if a.line not in answered]
    own.answers = [a for a in own.answers if a.line in answered]
    return [f'line {a.line}: {script.lines[a.line - 1][:160]}' for a in lost] if len(lost) > 12 else []


def main():
    lacks = missing()
    if lacks is not None or 'address' in ''.join(sys.argv[2:]):
        print('1..0 # SKIP', f'{lacks} is not installed' if lacks else 'the flash lies in the sanitizer\'s shadow')
        return 0
    tap, checks = Tap(), Checks()
    for seed in range(1, int(os.environ.get('ORACLE_SEEDS', '2')) + 1):
        for what, script in (('names', names_script(seed)), ('languages', languages_script(seed))):
            with tempfile.TemporaryDirectory() as folder:
                flash, own = edk2(sys.argv[1], folder, script), ours(sys.argv[1], folder, script)
            checks.check(f'seed {seed}, {what}: {len(flash.answers)} calls, twice',
                         trouble(own) or without_faults(script, flash, own) or
                         (coverage(flash.answers) if what == 'names' else []))
            checks.check(f'seed {seed}, {what}: edk2 and our service',
                         compare(script, flash.answers, own.answers, same_as_edk2(script)))
    for name, wrong in checks:
        tap.check(name, wrong)
    tap.end()
    return 1 if tap.failed else 0


if __name__ == '__main__':
    sys.exit(main())
