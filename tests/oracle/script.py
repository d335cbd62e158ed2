# SPDX-License-Identifier: BSD-2-Clause
"""Random call scripts for `runtserv run`, and what calls answered."""
import os
import random
import re
import subprocess
import zlib

OVMF = '/usr/share/OVMF/'
FLASH_CODE, SMM_CODE = OVMF + 'OVMF_CODE_4M.fd', OVMF + 'OVMF_CODE_4M.secboot.fd'
VARS, MS_VARS = OVMF + 'OVMF_VARS_4M.fd', OVMF + 'OVMF_VARS_4M.ms.fd'
SMALL_CODE, SMALL_VARS = OVMF + 'OVMF_CODE.fd', OVMF + 'OVMF_VARS.fd'

NV, BS, RT, HR, AW, AT, APPEND = 1, 2, 4, 8, 0x10, 0x20, 0x40
PHASES = ('boot', 'ready-to-boot', 'runtime', 'virtual')
CALLS = {'boot': 1000, 'ready-to-boot': 300, 'runtime': 700, 'virtual': 700}

# How much of the flash the calls of a phase may write: dead records are gathered at boot only, so what follows must fit
# behind them. edk2 has 262044 bytes for everything.
FLASH_SHARE = {'boot': 110000, 'ready-to-boot': 20000, 'runtime': 45000, 'virtual': 45000}
RECORD_LEN = 60
# Names and data: the most that edk2 takes of a non-volatile variable in OVMF, and that our service takes.
EDK2_MAX, OUR_MAX = 33732, 65460

# The script's own namespace, and two that differ from it in one bit.
TEST = '3e9b06b1-7d04-4f6c-9a52-c81d77e02b35'
GUIDS = (TEST, '3e9b06b1-7d04-4f6c-9a52-c81d77e02b34', 'be9b06b1-7d04-4f6c-9a52-c81d77e02b35')

# Alike but for one character, case, blanks or length; characters that are special to somebody; the ends of UCS-2's
# ranges (a surrogate is a deviation of its own); names that mean something elsewhere.
NAMES = ('A', 'a', 'AA', 'A ', ' A', 'Boot0000', 'Boot000A', 'Boot####', 'PK', 'SetupMode', '0', '#', '"', '\\', '%s%n', '../x',
         '\x01', '\x7f', '\u0080', '\u00e9', '\u3042', '\ud7ff', '\ue000', '\ufffe', '\uffff', 'x' * 63, 'x' * 64)
RARE_NAMES = ('y' * 500, 'z' * 1024)
BIG_NAMES = ('Big', 'Big2')


def quoted(name):
    """A name as scripts and traces spell it."""
    return '"' + ''.join(chr(b) if 32 <= b < 127 and b not in b'"\\' else f'\\x{b:02x}' for b in name.encode()) + '"'


def traced(data):
    """A value as traces tell it."""
    return f'{len(data)} {data.hex() or "-"}' if len(data) <= 64 else f'{len(data)} crc32:{zlib.crc32(data):08x}'


class Script:
    """A script, line by line; @writes has what its calls of SetVariable pass."""

    def __init__(self):
        self.lines = []
        self.writes = {}  # line: (append, name, GUID, attributes, data or None)

    def phase(self, *names):
        self.lines.append('phase ' + ' '.join(names))

    def add(self, line):
        self.lines.append(line + ' -> any')

    def write(self, name, guid, attributes, data, verb='set'):
        """@data may also be a number: NULL, and that many bytes."""
        append = verb == 'append' or attributes & APPEND != 0
        if isinstance(data, int):
            text = f'{data}*null'
        elif data and data.count(data[0]) == len(data):
            text = f'{len(data)}*{data[0]:02x}'
        else:
            text = data.hex() or '""'
        if verb == 'delete':
            self.add(f'delete {quoted(name)} {guid}')
        else:
            self.add(f'{verb} {quoted(name)} {guid} {attributes:#x} {text}')
        self.writes[len(self.lines)] = (append, name, guid, attributes, b'' if isinstance(data, int) else data)

    def text(self):
        return ''.join(line + '\n' for line in self.lines)


class RandomScript(Script):
    """Thousands of calls in all phases; the same seed makes the same script."""

    def __init__(self, seed, scale=1.0):
        super().__init__()
        self.random = random.Random(seed)
        self.longest = {}  # of each variable's value: at most this
        for phase in PHASES:
            self.phase(phase)
            self.room = FLASH_SHARE[phase] * min(scale, 1)
            for _ in range(int(CALLS[phase] * scale)):
                self.call(phase)
            self.add('next')

    def variable(self):
        r = self.random
        name = r.choice(NAMES) if r.random() < 0.98 else r.choice(RARE_NAMES)
        return name, TEST if r.random() < 0.7 else r.choice(GUIDS)

    @staticmethod
    def home(name, guid):
        """The attributes that a variable mostly has."""
        kinds = (NV | BS | RT, NV | BS | RT, NV | BS, BS | RT, BS)
        return kinds[(sum(map(ord, name)) + GUIDS.index(guid)) % len(kinds)]

    def attributes(self, name, guid):
        r = self.random
        roll = r.random()
        if roll < 0.74:
            return self.home(name, guid)
        if roll < 0.82:
            return r.choice((BS, BS | RT, NV | BS, NV | BS | RT))
        if roll < 0.86:
            return 0
        if roll < 0.97:
            return r.randrange(0x80)
        return r.randrange(0x80) | 1 << r.randrange(7, 32)

    def data(self):
        r = self.random
        roll = r.random()
        if roll < 0.08:
            size = 0
        elif roll < 0.55:
            size = r.choice((1, 2, 3, 4, 8, 39, 40))
        elif roll < 0.92:
            size = r.randrange(1, 120)
        else:
            size = r.randrange(120, 700)
        if size <= 8 and r.random() < 0.5:
            return r.randbytes(size)
        return bytes([r.choice((0, 1, 0x5a, 0xff))]) * size  # often what is there already

    def afford(self, name, attributes, length):
        """Whether there is room in the flash, if this is a record for it."""
        if attributes & ~APPEND not in (NV | BS, NV | BS | RT) or length + 2 * len(name) + 2 > EDK2_MAX:
            return True
        cost = RECORD_LEN + 2 * len(name) + 2 + length + 3
        if cost > self.room:
            return False
        self.room -= cost
        return True

    def set(self):
        r = self.random
        name, guid = self.variable()
        attributes, data = self.attributes(name, guid), self.data()
        verb = 'append' if r.random() < 0.25 else 'set'
        append = verb == 'append' or attributes & APPEND != 0
        longest = self.longest.get((name, guid), 0) + len(data) if append else max(len(data), self.longest.get((name, guid), 0))
        if longest <= 3000 and self.afford(name, attributes, longest):
            self.longest[(name, guid)] = longest
            self.write(name, guid, attributes, data, verb)

    def set_big(self):
        """Just below what edk2 takes of a non-volatile variable, or more than either takes."""
        r = self.random
        name, attributes = r.choice(BIG_NAMES), r.choice((NV | BS | RT, NV | BS, BS, BS | RT))
        size = EDK2_MAX - 2 * len(name) - 2
        if attributes & NV and r.random() < 0.7:
            size = 65536
        if self.afford(name, attributes, size):
            self.write(name, TEST, attributes, bytes([r.randrange(256)]) * size)

    def call(self, phase):
        r = self.random
        name, guid = self.variable()
        if r.random() < 0.01:
            name, guid = r.choice(BIG_NAMES), TEST
        where = f'{quoted(name)} {guid}'
        roll = r.random()
        if roll < 0.44:
            self.set()
        elif roll < 0.45 and phase == 'boot':
            self.set_big()
        elif roll < 0.46:
            self.write(name, guid, self.attributes(name, guid), r.choice((0, 1, 4, 700)), r.choice(('set', 'append')))
        elif roll < 0.51:
            self.write(name, guid, 0, b'', 'delete')
        elif roll < 0.68:
            self.add(f'get {where}')
        elif roll < 0.80:
            self.add(f'get {where} {r.choice((0, 1, 2, 3, 4, 8, 39, 40, 41, 119, 700, 65536))}')
        elif roll < 0.83:
            self.add(f'get {where} {r.choice((0, 1, 4, 700, 65536))}*null')
        elif roll < 0.85:
            self.add(f'get "" {guid}')
        elif roll < 0.87:
            self.write('', guid, self.home(name, guid), b'1')
        elif roll < 0.91:
            self.add('next')
        elif roll < 0.95:
            self.add(f'next from {where}{r.choice(("", " 0", " 1", " 2", " 3", " 4", " 5", " 16", " 64", " 2050"))}')
        else:
            attributes = r.randrange(r.choice((8, 0x80))) | (0 if r.random() < 0.8 else 1 << r.randrange(7, 32))
            self.add(f'query {attributes:#x}')


class Answer:
    """To one call. @found: of an enumeration, 'NAME GUID' in its order."""

    def __init__(self, line, phase, verb, rest, found):
        self.line, self.phase, self.verb, self.found = line, phase, verb, found
        self.status, *self.values = rest.split(' ')

    def key(self):
        return self.line, self.phase, self.verb, self.status, self.values, self.found


class Run:
    """`runtserv run` with a script. @well: no findings; @answers in the order of the calls."""

    def __init__(self, runtserv, folder, script, arguments):
        calls, trace = os.path.join(folder, 'calls'), os.path.join(folder, 'trace')
        if os.path.exists(trace):
            os.unlink(trace)
        with open(calls, 'w', encoding='ascii') as f:
            f.write(script.text())
        done = subprocess.run([runtserv, 'run', '--calls', calls, '--trace', trace, *arguments], capture_output=True, text=True,
                              timeout=600, check=False)
        self.well = done.returncode == 0
        self.said = done.stdout + done.stderr
        self.answers = []
        if os.path.exists(trace):
            with open(trace, encoding='ascii') as f:
                self.read(f)

    def read(self, f):
        found = []
        for text in f:
            m = re.fullmatch(r'(\d+) (\S+) (next from|\S+) (.*)\n', text)
            line, phase, verb, rest = int(m[1]), m[2], m[3], m[4]
            if verb == 'next' and rest.startswith('"'):
                found.append(rest)
            else:
                self.answers.append(Answer(line, phase, verb, rest, found))
                found = []


def edk2(runtserv, folder, script, *options):
    """edk2's variable driver on its own flash."""
    options = options if '--flash' in options else (*options, '--flash', VARS)
    return Run(runtserv, folder, script, ['--firmware', FLASH_CODE, *options, 'VariableRuntimeDxe'])


def ours(runtserv, folder, script):
    """Our service: the environment's own, where no driver puts another in its place."""
    return Run(runtserv, folder, script, ['--firmware', SMM_CODE, 'CapsuleRuntimeDxe'])


def behind(runtserv, folder, script):
    """Our service behind edk2's front end for a service that runs elsewhere."""
    return Run(runtserv, folder, script, ['--firmware', SMM_CODE, 'VariableSmmRuntimeDxe'])


def contents(script, answers):
    """{(GUID, name): (attributes, data)}: what there must be after these answers, if what succeeded was done."""
    ret = {}
    for a in answers:
        if a.line not in script.writes or a.status != 'EFI_SUCCESS':
            continue
        append, name, guid, attributes, data = script.writes[a.line]
        old = ret.get((guid, name), (0, b''))[1]
        if attributes & (BS | RT) == 0 or (not data and not append):
            ret.pop((guid, name), None)
        elif data or not append:
            ret[(guid, name)] = (attributes & ~APPEND, old + data if append else data)
    return ret


def missing():
    """The first file that a test needs and that is not installed, or None."""
    return next((path for path in (FLASH_CODE, SMM_CODE, VARS, MS_VARS, SMALL_CODE, SMALL_VARS) if not os.path.exists(path)), None)


class Tap:
    """Prints what passed and what did not."""

    def __init__(self):
        self.count, self.failed = 0, 0

    def check(self, name, wrong):
        """@wrong: lines, none of them where all is well."""
        self.count += 1
        self.failed += bool(wrong)
        print('not ok' if wrong else 'ok', self.count, '-', name)
        for line in wrong[:40]:
            print('#', line)
        if len(wrong) > 40:
            print(f'# and {len(wrong) - 40} lines more')

    def end(self):
        print(f'1..{self.count}')
