#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""edk2's variable stack (VariableRuntimeDxe, FvbServicesRuntimeDxe, FaultTolerantWriteDxe) over the emulated flash: what
calls wrote is in the flash, in edk2's format, read by the tests' own reader; nothing else changed there; and a machine that
starts from that flash has the variables.

usage: flash_stack.py RUNTSERV [none]    TAP. The second word is meson's b_sanitize: an address sanitizer leaves no room for
       the flash
"""
import json
import os
import subprocess
import sys
import tempfile

import flash
from script import (APPEND, BS, FLASH_CODE, GUIDS, MS_VARS, NV, RT, SMALL_CODE, SMALL_VARS, SMM_CODE, TEST, VARS, RandomScript,
                    Script, Tap, contents, edk2, missing, quoted, traced)

# What edk2 keeps in the flash for itself: name, attributes, length.
OWN = {('CustomMode', 3, 1), ('certdb', 0x27, 4), ('VendorKeysNv', 0x23, 1), ('VarErrorFlag', 7, 1)}
# What the battery leaves there.
BATTERY = {(TEST, 'RuntservKept'): (NV | BS | RT, b'kept for the operating system'),
           (TEST, 'RuntservBoot'): (NV | BS, b'\x00\xff')}


def read(path):
    with open(path, 'rb') as f:
        return f.read()


def variables(f, ours=True):
    """{(GUID, name): (attributes, data)} of live records, in the scripts' namespaces or in the others."""
    return {key: (r.attributes, r.data) for key, r in flash.live(f).items() if (r.guid in GUIDS) == ours}


def check_flash(path, want, writes=0):
    """A flash that is sound, and has exactly these variables and edk2's own. Blocks were written @writes times."""
    f, wrong = read(path), []
    try:
        flash.check_volume(f)
        got = variables(f)
        wrong += [f'{quoted(key[1])} {key[0]}: {got.get(key)}, not {want.get(key)}'[:300]
                  for key in sorted(got.keys() | want.keys()) if got.get(key) != want.get(key)]
        own = {(name, a, len(data)) for (_, name), (a, data) in variables(f, False).items()}
        if own != OWN:
            wrong.append(f'others: {sorted(own ^ OWN)}')
        for r in flash.records(f):
            if (r.key, r.count, set(r.time)) != (0, 0, {0}):
                wrong.append(f'{r}: key, count or time of an unsigned variable')
            if r.attributes & NV == 0 or r.attributes & APPEND:
                wrong.append(f'{r}: attributes {r.attributes:#x}')
        if flash.check_rest(f) != writes:
            wrong.append(f'blocks were written {flash.check_rest(f)} times, not {writes}')
    except flash.Wrong as e:
        wrong.append(str(e))
    return wrong


def battery(runtserv, options, driver='VariableRuntimeDxe', firmware=FLASH_CODE):
    """The usual calls; lines that are wrong, the phases' names."""
    done = subprocess.run([runtserv, 'run', '--json', '--firmware', firmware, *options, driver], capture_output=True, text=True,
                          timeout=300, check=False)
    if done.returncode != 0:
        return [done.stdout, done.stderr], []
    phases = json.loads(done.stdout)['phases']
    wrong = [f'phase {p["name"]}: {p["failed"]} of {p["calls"]} calls' for p in phases if p['failed']]
    return wrong, [p['name'] for p in phases]


def seen_again(runtserv, folder, path, want):
    """A machine that starts from this flash has the variables, and no volatile one; afterwards they are there still."""
    script = Script()
    script.phase('boot')
    script.add('next')
    for guid, name in want:
        script.add(f'get {quoted(name)} {guid}')
    script.phase('virtual')
    script.add('next')
    for guid, name in want:
        script.add(f'get {quoted(name)} {guid}')
    after = path + '.again'
    run = edk2(runtserv, folder, script, '--flash', path, '--save-flash', after)
    wrong = [] if run.well else run.said.splitlines()
    for a in run.answers:
        late = a.phase == 'virtual'
        visible = {key: value for key, value in want.items() if not late or value[0] & RT}
        if a.verb == 'next':
            found = {f for f in a.found if f.split(' ')[-1] in GUIDS}
            names = {f'{quoted(name)} {guid}' for guid, name in visible}
            wrong += [f'{a.phase}: {f}' for f in sorted(found ^ names)]
            continue
        key = list(want)[(a.line - 3) % (len(want) + 2)]
        told = ' '.join([a.status, *a.values])
        if key in visible and told != f'EFI_SUCCESS {want[key][0]:#x} {traced(want[key][1])}':
            wrong.append(f'{a.phase}, {quoted(key[1])}: {told}')
        if key not in visible and a.status != 'EFI_NOT_FOUND':
            wrong.append(f'{a.phase}, {quoted(key[1])}: {told}')
    return wrong + check_flash(after, want, flash.check_rest(read(path)))


def check_reader(tap, path):
    """The reader sees a wrong byte, wherever it counts."""
    right, bad = read(path), path + '.bad'
    kept = flash.live(right)[(TEST, 'RuntservKept')]
    dead = next(r for r in flash.records(right) if r.state not in (flash.LIVE, flash.DYING))
    last = flash.records(right)[-1]
    unseen = []
    for at in (0, 0x10, 0x20, 0x28, 0x32, 0x37, 0x38, flash.STORE, flash.STORE + 17, flash.STORE + 20,
               *(kept.at + i for i in (0, 2, 4, 8, 16, 32, 36, 40, 44, 60)), kept.end - 4, dead.at + 2, last.end,
               flash.LOG - 1, flash.LOG, *(flash.WORKING + i for i in (0, 16, 20, 24, 32)),
               flash.SPARE - 1, flash.SPARE, flash.LEN - 1):
        with open(bad, 'wb') as f:
            f.write(right[:at] + bytes([right[at] ^ 0x40]) + right[at + 1:])
        if not check_flash(bad, BATTERY):
            unseen.append(f'{at:#x}')
    tap.check('a wrong byte is seen', unseen)


def check_battery(tap, runtserv, folder):
    saved = {engine: os.path.join(folder, engine) for engine in ('own', 'edk2', 'again', 'empty')}
    for engine in ('own', 'edk2'):
        wrong, phases = battery(runtserv, ['--engine', engine, '--flash', VARS, '--save-flash', saved[engine]])
        tap.check(f'battery, engine {engine}', wrong or ([] if 'virtual' in phases else phases))
        tap.check(f'the flash after it, engine {engine}', check_flash(saved[engine], BATTERY))
    tap.check('our service behind MM communication passes the same battery',
              battery(runtserv, [], 'VariableSmmRuntimeDxe', SMM_CODE)[0])
    tap.check('both engines leave the same flash', [] if read(saved['own']) == read(saved['edk2']) else ['they differ'])
    check_reader(tap, saved['own'])
    tap.check('a machine that starts from it', seen_again(runtserv, folder, saved['own'], BATTERY))
    wrong, _ = battery(runtserv, ['--flash', saved['own'], '--save-flash', saved['again'], '--seed', '5'])
    tap.check('battery again, on its flash', wrong + check_flash(saved['again'], BATTERY))
    wrong, _ = battery(runtserv, ['--save-flash', saved['empty']], 'MonotonicCounterRuntimeDxe')
    tap.check('a new machine\'s flash is the distribution\'s',
              wrong or ([] if read(saved['empty']) == read(VARS) else ['they differ']))
    wrong, _ = battery(runtserv, ['--save-flash', saved['empty']], 'MonotonicCounterRuntimeDxe', SMALL_CODE)
    tap.check('the same with firmware of 2 MiB', wrong or ([] if read(saved['empty']) == read(SMALL_VARS) else ['they differ']))


def check_random(tap, runtserv, folder, seed):
    """Thousands of calls: what they were told has been done is in the flash."""
    path, script = os.path.join(folder, f'random{seed}'), RandomScript(seed, 0.5)
    run = edk2(runtserv, folder, script, '--flash', VARS, '--save-flash', path)
    want = contents(script, run.answers)
    kept = {key: value for key, value in want.items() if value[0] & NV}
    enough = len(kept) > 20 and len(want) > len(kept) + 5
    tap.check(f'{len(run.answers)} random calls, seed {seed}',
              ([] if run.well else run.said.splitlines()) + ([] if enough else [str(want)]))
    tap.check(f'{len(kept)} of the {len(want)} variables they made are in the flash', check_flash(path, kept))
    tap.check('a machine that starts from it', seen_again(runtserv, folder, path, kept))


def check_gathered(tap, runtserv, folder):
    """The store is filled, and written anew through the spare block, the fault tolerant way."""
    path, script = os.path.join(folder, 'gathered'), Script()
    script.phase('boot')
    script.write('Stays', TEST, NV | BS, b'stays')
    for i in range(8):
        script.write('Grows', TEST, NV | BS | RT, bytes([i + 1]) * 33000)
    script.phase('runtime')
    script.write('Late', TEST, NV | BS | RT, b'late')
    run = edk2(runtserv, folder, script, '--flash', VARS, '--save-flash', path)
    want = contents(script, run.answers)
    tap.check('fill the store', [] if run.well and len(want) == 3 else [str(want), *run.said.splitlines()])
    tap.check('it was gathered, and all is there', check_flash(path, want, 1))
    records = flash.records(read(path))
    tap.check('without the dead', [] if sum(r.end - r.at for r in records) < 40000 else [str(r) for r in records])
    tap.check('a machine that starts from it', seen_again(runtserv, folder, path, want))


def check_reset(tap, runtserv, folder):
    """A reset at boot: what was written is there, and no more."""
    path, script = os.path.join(folder, 'reset'), Script()
    script.phase('boot')
    script.write('Reset', TEST, NV | BS | RT, b'one')
    script.write('Reset', TEST, NV | BS | RT, b'two', 'append')
    script.write('Volatile', TEST, BS | RT, b'gone')
    script.lines.append('reset cold')
    run = edk2(runtserv, folder, script, '--flash', VARS, '--save-flash', path)
    tap.check('reset at boot', [] if run.well and {a.phase for a in run.answers} == {'boot'} else run.said.splitlines())
    want = {(TEST, 'Reset'): (NV | BS | RT, b'onetwo')}
    tap.check('the flash after it', check_flash(path, want))
    tap.check('a machine that starts from it', seen_again(runtserv, folder, path, want))


def check_used(tap, runtserv, folder):
    """A store that a real machine has used, with secure boot's keys in it: they stay, to the byte."""
    path = os.path.join(folder, 'used')
    before = variables(read(MS_VARS), False)
    wrong, _ = battery(runtserv, ['--flash', MS_VARS, '--save-flash', path])
    after = read(path)
    lost = [f'{name}: {variables(after, False).get((guid, name))}'[:200] for (guid, name), value in before.items()
            if variables(after, False).get((guid, name)) != value]
    tap.check('battery on a store with keys', wrong)
    tap.check(f'its {len(before)} variables stay', lost if len(before) > 20 else ['it had none'])
    tap.check('and the new ones join them', [] if variables(after) == BATTERY else [str(variables(after))])
    flash.check_volume(after)
    flash.check_rest(after)


def main():
    lacks = missing()
    if lacks is not None or 'address' in ''.join(sys.argv[2:]):
        print('1..0 # SKIP', f'{lacks} is not installed' if lacks else 'the flash lies in the sanitizer\'s shadow')
        return
    runtserv, tap = os.path.abspath(sys.argv[1]), Tap()
    before = read(VARS), read(MS_VARS)
    with tempfile.TemporaryDirectory() as folder:
        check_battery(tap, runtserv, folder)
        check_random(tap, runtserv, folder, 101)
        check_gathered(tap, runtserv, folder)
        check_reset(tap, runtserv, folder)
        check_used(tap, runtserv, folder)
    tap.check('the files that were given are as they were', [] if (read(VARS), read(MS_VARS)) == before else ['they changed'])
    tap.end()


if __name__ == '__main__':
    main()
