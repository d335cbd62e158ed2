#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""`run` on every runtime driver of the distribution's OVMF images: none breaks a rule, all that can start do, and
what they offer is called before and after ExitBootServices and SetVirtualAddressMap.

usage: run_stock.py RUNTSERV [none]     TAP; skips where the images are not installed. The second word is meson's
       b_sanitize: an address sanitizer's shadow lies where the machine has its PCI configuration space and its flash
"""
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

OVMF, AAVMF = '/usr/share/OVMF/', '/usr/share/AAVMF/AAVMF_CODE.fd'
IMAGES = {'flash': OVMF + 'OVMF_CODE_4M.fd', 'smm': OVMF + 'OVMF_CODE_4M.secboot.fd'}
SMALL_IMAGES = {'flash': OVMF + 'OVMF_CODE.fd', 'smm': OVMF + 'OVMF_CODE.secboot.fd'}
PHASES = ['entry', 'boot', 'ready-to-boot', 'exit', 'runtime', 'convert', 'virtual']

VARIABLES = ['GetVariable', 'GetNextVariableName', 'SetVariable', 'QueryVariableInfo']
FVB = ['Fvb.GetAttributes', 'Fvb.GetPhysicalAddress', 'Fvb.GetBlockSize', 'Fvb.Read']
ALL = ('boot', 'runtime', 'virtual')
# Each driver: what it offers and has to be called for, in which phases, and where it is. RuntimeDxe's two
# services are not the battery's to call. A reset is the end of a run, so it is the last call of its last phase.
DRIVERS = {
    'ReportStatusCodeRouterRuntimeDxe': (['StatusCode.ReportStatusCode'], ALL, ('flash', 'smm')),
    'StatusCodeHandlerRuntimeDxe': ([], ALL, ('flash', 'smm')),
    'RuntimeDxe': ([], (), ('flash', 'smm')),
    'ResetSystemRuntimeDxe': (['ResetSystem'], ('virtual',), ('flash', 'smm')),
    'PcRtc': (['GetTime', 'SetTime', 'GetWakeupTime', 'SetWakeupTime'], ALL, ('flash', 'smm')),
    'MonotonicCounterRuntimeDxe': (['GetNextHighMonotonicCount'], ALL, ('flash', 'smm')),
    'CapsuleRuntimeDxe': (['UpdateCapsule', 'QueryCapsuleCapabilities'], ALL, ('flash', 'smm')),
    'FvbServicesRuntimeDxe': (FVB, ALL, ('flash',)),
    'EmuVariableFvbRuntimeDxe': (FVB, ALL, ('flash',)),
    'VariableRuntimeDxe': (VARIABLES, ALL, ('flash',)),
    'SmmControl2Dxe': (['SmmControl2.Trigger'], ALL, ('smm',)),
    'PiSmmIpl': ([], (), ('smm',)),
    'VariableSmmRuntimeDxe': (VARIABLES, ALL, ('smm',)),
}

# What is beyond a process: the driver would copy the SMM core out of a firmware volume into SMRAM and start it there.
IPL = 'PiSmmIpl'
IPL_MISSES = ('in the entry point: returned EFI_UNSUPPORTED; it had asked for '
              'EFI_MM_CONFIGURATION_PROTOCOL (26eeb3de-b689-492e-80f0-be8bd7da4ba7), '
              'EFI_CPU_ARCH_PROTOCOL (26baccb1-6f42-11d4-bce7-0080c73c8881), '
              'EFI_FIRMWARE_VOLUME2_PROTOCOL (220e73b6-6bdb-4413-8405-b974b108619a), which nothing here provides')
# Those that use no device in memory.
NO_DEVICE = ['RuntimeDxe', 'MonotonicCounterRuntimeDxe', 'CapsuleRuntimeDxe', 'EmuVariableFvbRuntimeDxe', 'VariableSmmRuntimeDxe']
# It stands back where there is a real flash.
EMULATION = 'EmuVariableFvbRuntimeDxe'


def run(runtserv, image, drivers, options):
    """(exit status, the report or None, what was said)"""
    done = subprocess.run([runtserv, 'run', '--json', *options, '--firmware', image, *drivers], capture_output=True,
                          text=True, timeout=300, check=False)
    return done.returncode, json.loads(done.stdout) if done.stdout else None, done.stderr.strip()


def check_services(report, name, other_owner):
    """A service of @name's is its own, or with others in the run one of theirs, and was called."""
    offered, wanted = DRIVERS[name][:2]
    services = {s['name']: s for s in report['services']}
    phases = {p['name']: p['calls'] for p in report['phases']}
    wrong = []
    for service in offered:
        s = services.get(service)
        if s is None or (s['owner'] != name and not other_owner):
            wrong.append(f'{service} is {s and s["owner"]}\'s')
        elif s['calls'] < min(2, len(wanted)) and 'virtual' in phases:
            wrong.append(f'{service}: {s["calls"]} calls')
    return wrong + [f'no call in phase {p}' for p in wanted if phases.get(p, 1) == 0]


def check(runtserv, image, drivers, options):
    """What is wrong, as lines."""
    status, report, said = run(runtserv, image, drivers, options)
    if report is None:
        return [f'exit {status}: {said}']
    wrong = []
    findings = [(f['rule'], f['driver'], f['text']) for f in report['findings']]
    want = [('unmet-dependency', IPL, IPL_MISSES)] if IPL in drivers else []
    if findings != want:
        wrong += [f'{f["rule"]} {f["driver"]}+{f["offset"]} {f["phase"]}: {f["text"]}' for f in report['findings']] or ['no finding']
    if status != (1 if want else 0):
        wrong.append(f'exit {status}')
    if [d['name'] for d in report['drivers'] if d['role'] == 'subject'] != drivers:
        wrong.append('other subjects than were asked for')
    not_ok = [d['name'] for d in report['drivers'] if d['status'] != 'ok']
    failing = [d for d in drivers if d == IPL or (d == EMULATION and len(drivers) > 1)]
    if not_ok != failing:
        wrong.append(f'not ok: {not_ok}')
    last = 'runtime' if '--no-virtual' in options else 'virtual'
    if [p['name'] for p in report['phases']] != PHASES[:PHASES.index(last) + 1]:
        wrong.append(f'phases: {[p["name"] for p in report["phases"]]}')
    for p in report['phases']:
        if p['failed'] != (len(failing) if p['name'] == 'entry' else 0):
            wrong.append(f'{p["failed"]} calls in phase {p["name"]} did not answer as expected')
    for name in drivers:
        wrong += check_services(report, name, len(drivers) > 1)
    return wrong


def listed(runtserv, kind):
    """The table above has every runtime driver of the image, and no other."""
    done = subprocess.run([runtserv, 'fw', 'list', '--json', IMAGES[kind]], capture_output=True, text=True, timeout=60, check=True)
    names = {f['name'] for f in json.loads(done.stdout)['files'] if f['subsystem'] == 'runtime-driver'}
    return sorted(names ^ {name for name, row in DRIVERS.items() if kind in row[2]})


def other_flash(runtserv):
    """Variables in another layout than the firmware's are refused."""
    status, report, said = run(runtserv, SMALL_IMAGES['flash'], ['PcRtc'], ['--flash', OVMF + 'OVMF_VARS_4M.fd'])
    if (status, report) == (2, None) and said.endswith('540672 bytes for the variable flash, of which this firmware has 131072'):
        return []
    return [f'exit {status}: {said}']


def other_machine(runtserv):
    """AAVMF's drivers are refused in one line, and nothing is run."""
    status, report, said = run(runtserv, AAVMF, ['VariableRuntimeDxe'], [])
    if (status, report) == (2, None) and 'machine 0xaa64' in said and '\n' not in said:
        return []
    return [f'exit {status}: {said}']


def jobs(runtserv):
    """(name, function, arguments)"""
    for kind in IMAGES:
        yield f'the table has the drivers of the {kind} image', listed, (runtserv, kind)
    for name, (_, _, kinds) in DRIVERS.items():
        for options in (['--seed', '1'], ['--seed', '18446744073709551615', '--engine', 'edk2']):
            # seven are the same file in both images
            for kind in kinds if options == ['--seed', '1'] else kinds[-1:]:
                yield f'{name} of the {kind} image, {" ".join(options)}', check, (runtserv, IMAGES[kind], [name], options)
    for kind in IMAGES:
        together = [name for name, row in DRIVERS.items() if kind in row[2]]
        for options in ([], ['--engine', 'edk2'], ['--head-guard', '--seed', '4'], ['--no-virtual', '--seed', '5']):
            yield f'all drivers of the {kind} image at once {" ".join(options)}', check, (runtserv, IMAGES[kind], together, options)
        yield f'all at once, the last first, {kind} image', check, (runtserv, IMAGES[kind], together[::-1], ['--seed', '6'])
        for options in ([], ['--engine', 'edk2']):
            name = f'all drivers of the {kind} image of 2 MiB {" ".join(options)}'
            yield name, check, (runtserv, SMALL_IMAGES[kind], together, options)
    yield 'the flash of another build', other_flash, (runtserv,)
    yield 'drivers of another machine', other_machine, (runtserv,)


def needs_device(arguments):
    """Of a job; the other functions' arguments are shorter."""
    return len(arguments) > 2 and not set(arguments[2]) <= set(NO_DEVICE)


def main():
    runtserv = sys.argv[1]
    missing = [path for path in (*IMAGES.values(), *SMALL_IMAGES.values(), AAVMF) if not os.path.exists(path)]
    if missing:
        print(f'1..0 # SKIP {missing[0]} is not installed')
        return
    sanitized = 'address' in ''.join(sys.argv[2:])
    todo = list(jobs(runtserv))
    print(f'1..{len(todo)}')
    with ThreadPoolExecutor(2) as pool:
        done = [None if sanitized and needs_device(arguments) else pool.submit(function, *arguments)
                for _, function, arguments in todo]
        for i, (name, _, _) in enumerate(todo, 1):
            if done[i - 1] is None:
                print(f'ok {i} - {name} # SKIP a device lies in the sanitizer\'s shadow')
                continue
            wrong = done[i - 1].result()
            print('ok' if not wrong else 'not ok', i, '-', name)
            for line in wrong:
                print('#', line)


if __name__ == '__main__':
    main()
