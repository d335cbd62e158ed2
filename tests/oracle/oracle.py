#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The oracle: one long random sequence of variable calls, in all phases, goes to edk2's VariableRuntimeDxe (in flash, out of
the distribution's firmware), to our service, and to our service behind edk2's VariableSmmRuntimeDxe. Every status,
attribute, size and value is compared. What is forgiven is in this file, and in doc/deviations.md with its reason.

Left to other tests: secure boot's variables and signed writes; names of EFI_GLOBAL_VARIABLE (defined.py); names with surrogates.

usage: oracle.py RUNTSERV [none]    TAP. The second word is meson's b_sanitize: an address sanitizer leaves no room for the flash
       ORACLE_SEEDS=N in the environment: N seeds, from 1 on
       ORACLE_SEED=N: this one
"""
import os
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

from script import (APPEND, AT, AW, BS, EDK2_MAX, GUIDS, HR, NV, OUR_MAX, PHASES, RT, TEST, RandomScript, Script, Tap, behind,
                    contents, edk2, missing, ours, quoted, traced)

SEEDS = 3

# What both compute beside the script's variables.
GLOBAL, CERT = '8be4df61-93ca-11d2-aa0d-00e098032b8c', 'd9bee56e-75dc-49d9-b4d7-b534210f637a'
COMPUTED = {f'"{name}" {GLOBAL}' for name in ('SetupMode', 'SecureBoot', 'SignatureSupport', 'VendorKeys')}
# Those without RT are gone at run time.
COMPUTED_BOOT = {'"CustomMode" c076ec0c-7028-4399-a072-71ee5c448b9f', '"VendorKeysNv" 9073e4e0-60ec-4b6e-9903-4c223c260f3c'}
# edk2's own bookkeeping.
EDK2_RUNTIME = {f'"certdb" {CERT}', f'"certdbv" {CERT}', '"VarErrorFlag" 04b37fe8-f6ae-480b-bdd5-37d98c5e89aa'}


class Checks(list):
    """What one job found: names, and for each the lines that are wrong."""

    def check(self, name, wrong):
        self.append((name, wrong))


def others(answer):
    """What an enumeration shows of other namespaces than the script's."""
    return {f for f in answer.found if f.split(' ')[-1] not in GUIDS}


def others_of_ours(phase):
    return COMPUTED | (COMPUTED_BOOT if phase in PHASES[:2] else set())


def others_of_edk2(phase):
    return others_of_ours(phase) | EDK2_RUNTIME


def normal(a, line, attributes):
    """What must be the same, although stores differ in the order of variables and in what they cost."""
    status, values, found = a.status, a.values, sorted(f for f in a.found if f.split(' ')[-1] in GUIDS)
    if a.verb in ('set', 'append') and attributes & ~APPEND == NV | AW and '*null' not in line:
        # a deprecated attribute, and no BS: newer edk2 answers by the former, that of 2022.11 by the latter
        status = {'EFI_INVALID_PARAMETER': 'EFI_UNSUPPORTED'}.get(status, status)
    elif a.verb == 'query':
        # there is no storage for hardware error records, which edk2 does not say where AT is asked for, too
        none = attributes & (HR | AT) == HR | AT and (status, values) == ('EFI_SUCCESS', ['0', '0', '0'])
        status, values = 'EFI_UNSUPPORTED' if none else status, []
    elif a.verb == 'next from' and status in ('EFI_SUCCESS', 'EFI_NOT_FOUND', 'EFI_BUFFER_TOO_SMALL'):
        status, values = 'known', []
    return status, values, found


def told(a):
    return ' '.join([a.status, *a.values, *a.found])[:400]


def compare(script, one, other, same):
    """Where the answers of two runs are not the same, as lines."""
    wrong = [f'{len(one)} and {len(other)} answers'] if len(one) != len(other) else []
    for a, b in zip(one, other):
        line = script.lines[a.line - 1]
        if (a.line, a.phase) != (b.line, b.phase) or not same(a, b, line):
            wrong += [f'line {a.line}, {a.phase}: {line[:160]}', f'   {told(a)}', f'   {told(b)}']
    return wrong


def same_as_edk2(script):
    def same(a, b, line):
        attributes = script.writes[a.line][3] if a.line in script.writes else 0
        if a.verb == 'query':
            attributes = int(line.split(' ')[1], 16)
        return normal(a, line, attributes) == normal(b, line, attributes)
    return same


def same_as_ours(a, b, line):
    """edk2's front end tells size and attributes, too, when Data is NULL and must not be; order and quota are our own."""
    if '*null' in line and a.status == b.status == 'EFI_INVALID_PARAMETER':
        return a.verb in ('get', 'set', 'append')
    return a.key() == b.key()


def check_enumerations(run, others_wanted):
    """None shows a variable twice, and of other namespaces each shows what it has to."""
    wrong = []
    for a in run.answers:
        if a.verb == 'next' and len(set(a.found)) != len(a.found):
            wrong.append(f'line {a.line}, {a.phase}: twice in {a.found}')
        if a.verb == 'next' and others(a) != others_wanted(a.phase):
            wrong.append(f'line {a.line}, {a.phase}: {sorted(others(a) ^ others_wanted(a.phase))}')
    return wrong


def check_coverage(answers):
    """The sequence is worth something: each service succeeded and failed in several ways, before and after boot."""
    seen = {}
    for a in answers:
        seen.setdefault((a.phase in PHASES[2:], a.verb), set()).add(a.status)
    wrong = []
    for late in (False, True):
        for verb, statuses in {
                'set': ['SUCCESS', 'INVALID_PARAMETER', 'UNSUPPORTED', 'SECURITY_VIOLATION', 'NOT_FOUND'] +
                       ['WRITE_PROTECTED'] * late,
                'append': ['SUCCESS', 'INVALID_PARAMETER'] + ['WRITE_PROTECTED'] * late,
                'delete': ['SUCCESS', 'NOT_FOUND'] + ['WRITE_PROTECTED'] * late,
                'get': ['SUCCESS', 'NOT_FOUND', 'BUFFER_TOO_SMALL', 'INVALID_PARAMETER'],
                'next': ['SUCCESS'],
                'next from': ['SUCCESS', 'INVALID_PARAMETER'],
                'query': ['SUCCESS', 'INVALID_PARAMETER', 'UNSUPPORTED']}.items():
            lacks = {'EFI_' + s for s in statuses} - seen.get((late, verb), set())
            if lacks:
                wrong.append(f'{"after" if late else "at"} boot, {verb}: never {sorted(lacks)}')
    if len(answers) < 2000:
        wrong.append(f'{len(answers)} calls')
    return wrong


def trouble(*runs):
    return [line for run in runs if not run.well for line in ['a run did not end well', *run.said.splitlines()]]


def check_seed(runtserv, folder, seed):
    tap = Checks()
    script = RandomScript(seed)
    flash, own, front = (which(runtserv, folder, script) for which in (edk2, ours, behind))
    tap.check(f'seed {seed}: {len(flash.answers)} calls, three times',
              trouble(flash, own, front) or check_coverage(flash.answers))
    tap.check(f'seed {seed}: edk2 and our service', compare(script, flash.answers, own.answers, same_as_edk2(script)))
    tap.check(f'seed {seed}: our service, by itself and behind edk2\'s front end',
              compare(script, own.answers, front.answers, same_as_ours))
    tap.check(f'seed {seed}: enumerations',
              check_enumerations(flash, others_of_edk2) + check_enumerations(own, others_of_ours))
    return tap


def limits_script(most):
    """Values of all lengths around @most bytes of name and data, of each kind, and what one costs."""
    script = Script()
    script.phase('boot')
    for name, attributes in (('L', NV | BS | RT), ('L' * 100, NV | BS)):
        room = most - 2 * len(name) - 2
        for size in (room + 1, room):
            script.write(name, TEST, attributes, b'\x01' * size)
            script.add(f'get {quoted(name)} {TEST}')
        script.write(name, TEST, attributes, b'\x02', 'append')
        script.write(name, TEST, attributes, b'\x03' * (room - 1))
        script.write(name, TEST, attributes, b'\x02', 'append')
        script.write(name, TEST, attributes, b'\x02', 'append')
        script.add(f'get {quoted(name)} {TEST}')
        script.write(name, TEST, 0, b'', 'delete')
    script.add('query 7')
    script.write('Cost', TEST, NV | BS | RT, bytes(33))
    script.add('query 7')
    script.phase('runtime')
    script.write('L', TEST, NV | BS | RT, b'\x01' * (most - 3))
    script.write('L', TEST, NV | BS | RT, b'\x01' * (most - 4))
    script.add(f'get "L" {TEST}')
    return script


def check_limits(runtserv, folder):
    """Both take a variable of just as many bytes as they say, and not one more; only the number differs."""
    tap = Checks()
    runs = [which(runtserv, folder, limits_script(most))
            for which, most in ((edk2, EDK2_MAX), (ours, OUR_MAX), (behind, OUR_MAX))]
    tap.check('runs at the limits', trouble(*runs))
    statuses = [[(a.line, a.status) for a in run.answers] for run in runs]
    tap.check('the limits are where they are said to be, and all answer alike there',
              [f'{a} {b} {c}' for a, b, c in zip(*statuses) if not a == b == c])
    costs = []
    for run in runs:
        before, after = (a.values for a in run.answers if a.verb == 'query')
        costs.append((int(before[1]) - int(after[1]), int(after[2])))
    want = [((60 + 10 + 33 + 3) & ~3, EDK2_MAX), (96 + 10 + 33, OUR_MAX), (96 + 10 + 33, OUR_MAX)]
    tap.check('what a variable costs, and the largest one', [f'{got}, not {w}' for got, w in zip(costs, want) if got != w])
    return tap


def full_script():
    """More than fits: both stores hold eight of these and not a ninth; then there is room again."""
    script = Script()
    script.phase('boot')
    for i in range(9):
        script.write(f'Full{i}', TEST, NV | BS | RT, bytes([i + 1]) * 30000)
    script.add('next')
    script.write('Full2', TEST, 0, b'', 'delete')
    script.write('Full8', TEST, NV | BS | RT, b'\x08' * 30000)
    script.write('Full9', TEST, NV | BS | RT, b'\x09' * 30000)
    script.write('Small', TEST, NV | BS, b'small')
    script.phase(*PHASES[1:])
    for i in range(10):
        script.add(f'get "Full{i}" {TEST}')
    script.add('next')
    script.write('Full9', TEST, NV | BS | RT, b'\x09' * 30000)
    return script


def check_full(runtserv, folder):
    script, tap = full_script(), Checks()
    flash, own = edk2(runtserv, folder, script), ours(runtserv, folder, script)
    tap.check('runs with a full store', trouble(flash, own))
    tap.check('a full store: edk2 and our service', compare(script, flash.answers, own.answers, same_as_edk2(script)))
    full = [a.line for a in flash.answers if a.status == 'EFI_OUT_OF_RESOURCES']
    tap.check('a full store is told', [] if len(full) == 5 else [f'in lines {full}'])
    left = {f'get {quoted(name)} {guid} -> any': traced(data)
            for (guid, name), (_, data) in contents(script, own.answers).items()}
    tap.check('and keeps what it had', [
        f'line {a.line}, {a.phase}: {told(a)}' for a in own.answers if a.verb == 'get' and
        left.get(script.lines[a.line - 1]) != (' '.join(a.values[1:]) if a.status == 'EFI_SUCCESS' else None)])
    return tap


def main():
    lacks = missing()
    if lacks is not None or 'address' in ''.join(sys.argv[2:]):
        print('1..0 # SKIP', f'{lacks} is not installed' if lacks else 'the flash lies in the sanitizer\'s shadow')
        return
    runtserv, tap = os.path.abspath(sys.argv[1]), Tap()
    seeds = range(1, int(os.environ.get('ORACLE_SEEDS', SEEDS)) + 1)
    if 'ORACLE_SEED' in os.environ:
        seeds = [int(os.environ['ORACLE_SEED'])]
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as pool:
        done = [pool.submit(check, runtserv, tempfile.mkdtemp(dir=folder), *more) for check, *more in
                [(check_full,), (check_limits,), *((check_seed, seed) for seed in seeds)]]
        for job in done:
            for name, wrong in job.result():
                tap.check(name, wrong)
    tap.end()


if __name__ == '__main__':
    main()
