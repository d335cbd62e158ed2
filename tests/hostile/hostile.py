#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""`run` on drivers that misbehave, and on images that are broken: it ends in time with one of its exit statuses, prints a
document or one line, and nothing of theirs; what is wrong is never a clean bill.

usage: hostile.py RUNTSERV HOSTILE.EFI CLEAN.EFI [none]     TAP; the last word is meson's b_sanitize
"""
import json
import os
import random
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

MARK, CASE_LEN = b'hostile case:', 64
LIMIT_S = 60

# where:what, and then the findings as rule:phase, in any order; '-': none, and the phase virtual is reached. '?': any finding,
# or no result; '*': whatever it is, it is told well, for what was hit is chance.
CASES = '''
entry:none -
entry:host_exit wild-access:entry
entry:host_exit_thread wild-access:entry
entry:host_stdout -
entry:host_stderr -
entry:host_files -
entry:loop hang:entry
entry:host_futex hang:entry
entry:host_sigreturn wild-access:entry
entry:host_no_stack null-pointer:entry
entry:host_unmap wild-access:entry
entry:host_kill privileged-instruction:entry
entry:host_jump ?
entry:host_scribble *
entry:host_scribble_ones *
entry:host_scribble_zeros *
entry:flag_direction -
entry:flag_alignment -
entry:flag_trap privileged-instruction:entry
entry:flag_nested -
entry:float_control -
entry:segment_fs wild-access:entry
entry:base_fs ?
entry:code_32 privileged-instruction:entry
entry:stack_null wild-access:entry
entry:stack_host wild-access:entry
entry:stack_high wild-access:entry
entry:stack_return null-pointer:entry
entry:halt privileged-instruction:entry
entry:interrupt_80 privileged-instruction:entry
entry:interrupt_ff privileged-instruction:entry
entry:undefined privileged-instruction:entry
entry:divide wild-access:entry
entry:event_again hang:entry
entry:event_deeper stack-overflow:entry
entry:event_pending tpl-violation:entry hang:entry
ready-again:none hang:ready-to-boot
ready-after:none tpl-violation:ready-to-boot hang:ready-to-boot
entry:pool_storm ?
entry:pool_churn hang:entry
entry:pool_many -
entry:pool_mixed -
entry:pages_mixed -
entry:pages_holes -
boot:pool_many -
entry:protocol_storm -
entry:event_storm -
entry:need_storm -
entry:locate_bogus wild-access:entry
entry:locate_high wild-access:entry
entry:install_endless ?
entry:copy_huge write-to-code:entry
entry:crc_huge wild-access:entry
entry:stall_long -
entry:timer_zero -
entry:wait_never hang:entry
ready:exit_services tpl-violation:ready-to-boot tpl-violation:ready-to-boot
entry:virtual_map -
runtime:virtual_map wild-access:runtime
entry:virtual_refused convert-failed:convert
entry:convert convert-outside-event:entry convert-outside-event:entry wild-access:entry
entry:reset unmet-dependency:entry
ready:reset_port unmet-dependency:ready-to-boot
exit:reset unmet-dependency:exit
boot:reset unmet-dependency:boot
runtime:reset_port unmet-dependency:runtime
convert:reset_port unmet-dependency:convert
virtual:reset unmet-dependency:virtual
entry:leave -
entry:leave_wrong -
entry:flood tpl-violation:entry
entry:flood_places ?
entry:console_flood wild-access:entry
entry:table_system -
entry:table_header -
entry:tables_ones ?
entry:services_null ?
entry:services_wild ?
entry:services_host ?
entry:memory_all wild-access:entry
virtual:memory_all wild-access:virtual
entry:memory_high wild-access:entry
entry:stub_page ?
entry:stub_page_move ?
failed:none leaked-on-failure:entry
'''

# Each image is cut and changed in so many places, the same every time.
CUTS, FLIPS, SEED = 40, 160, 20261121
# Without an address sanitizer only: these fill its memory, look for ours in its, or take its stacks and its thread area
# away; and it has standard error for itself.
PLAIN = ('host_scribble', 'host_unmap', 'host_stderr', 'host_no_stack', 'stack_return', 'event_deeper', 'pool_', 'pages_',
         'memory_high', 'segment_fs', 'base_fs')


def run(runtserv, path):
    """(exit status, the report or None, what is wrong with how it was told)"""
    try:
        done = subprocess.run([runtserv, 'run', '--json', '--timeout', '1', path], capture_output=True, timeout=LIMIT_S,
                              check=False)
    except subprocess.TimeoutExpired:
        return None, None, [f'takes longer than {LIMIT_S} s']
    out, err = done.stdout, done.stderr
    wrong = []
    if any(c < 0x20 and c != 10 or c == 0x7f for c in out + err):
        wrong.append('control characters in what is printed')
    if done.returncode == 2:
        if out or err.count(b'\n') != 1:
            wrong.append(f'exit 2 with {len(out)} bytes on stdout: {err!r}')
        return 2, None, wrong
    if done.returncode not in (0, 1) or err:
        return done.returncode, None, wrong + [f'exit {done.returncode}: {err!r}']
    try:
        report = json.loads(out)
    except ValueError as error:
        return done.returncode, None, wrong + [f'stdout is no document: {error}']
    if done.returncode != bool(report['findings']):
        wrong.append(f'exit {done.returncode} with {len(report["findings"])} findings')
    started = [d for d in report['drivers'] if d['status'] == 'ok']
    if not report['findings'] and started and report['phases'][-1]['name'] != 'virtual':
        wrong.append(f'a clean bill, and the run ended in {report["phases"][-1]["name"]}')
    return done.returncode, report, wrong


def case(runtserv, folder, image, line):
    name, *want = line.split()
    path = Path(folder) / (name.replace(':', '-') + '.efi')
    at = image.index(MARK + b'none:none')
    path.write_bytes(image[:at] + (MARK + name.encode()).ljust(CASE_LEN, b'\0') + image[at + CASE_LEN:])
    status, report, wrong = run(runtserv, str(path))
    got = sorted(f'{f["rule"]}:{f["phase"]}' for f in report['findings']) if report else []
    if want in (['?'], ['*']):
        if status == 0 and want == ['?']:
            wrong.append('exit 0')
    elif status == 2 or got != sorted(w for w in want if w != '-'):
        wrong.append(f'exit {status}: {" ".join(got)}')
    return wrong


def broken(runtserv, folder, tag, data):
    path = Path(folder) / f'{tag}.efi'
    path.write_bytes(data)
    wrong = [f'{tag}: {w}' for w in run(runtserv, str(path))[2]]
    path.unlink()
    return wrong


def mutations(image):
    chance = random.Random(SEED)
    for i in range(CUTS):
        at = len(image) * i // CUTS + chance.randrange(len(image) // CUTS)
        yield f'cut-{at:#x}', image[:at]
    for _ in range(FLIPS):
        # every other one in the headers
        at, bit = chance.randrange(chance.choice([0x300, len(image)])), chance.randrange(8)
        yield f'flip-{at:#x}.{bit}', image[:at] + bytes([image[at] ^ 1 << bit]) + image[at + 1:]


def all_broken(runtserv, folder, image):
    return sum((broken(runtserv, folder, tag, data) for tag, data in mutations(image)), [])


def main():
    runtserv, hostile, clean, *sanitizers = sys.argv[1:]
    image, good = Path(hostile).read_bytes(), Path(clean).read_bytes()
    sanitized = any('address' in word for word in sanitizers)
    lines = CASES.split('\n')[1:-1]
    print(f'1..{len(lines) + 1}')
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(os.cpu_count()) as pool:
        mutants = pool.submit(all_broken, runtserv, folder, good)
        left_out = [sanitized and any(word in line for word in PLAIN) for line in lines]
        done = [None if out else pool.submit(case, runtserv, folder, image, line) for line, out in zip(lines, left_out)]
        for i, (line, result) in enumerate(zip(lines, done), 1):
            wrong = result.result() if result is not None else []
            print(f'{"not ok" if wrong else "ok"} {i} - {line}{" # SKIP with a sanitizer" if result is None else ""}',
                  flush=True)
            for text in wrong:
                print('#', text)
        wrong = mutants.result()
        print(f'{"not ok" if wrong else "ok"} {len(lines) + 1} - {CUTS} images cut short, {FLIPS} with one bit changed')
        for text in wrong:
            print('#', text)


if __name__ == '__main__':
    main()
