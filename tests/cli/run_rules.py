#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""`run` on every seeded driver and on its clean twin: the whole list of findings, compared with run_rules.txt.

A finding is compared as rule@function:phase. The function is the one of the linker's map that the offset lies in, so
that a test does not depend on what a compiler makes of it. A twin has no findings, and no suspects.

usage: run_rules.py PROGRAM DRIVERS [ENGINE-OPTION...]        TAP; each driver with several seeds
       run_rules.py --doc PROGRAM DRIVERS RULES.md [--update] TAP; the reports in the documentation are real ones
"""
import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

TABLE = Path(__file__).with_name('run_rules.txt')
SEEDS = ['1', '2', '77777']
# A firmware's own RuntimeDxe costs more time, and changes nothing but SetVirtualAddressMap: one seed, and these drivers.
CONVERTS = ('clean', 'boot_service_after_exit_virtual', 'convert_', 'double_', 'unconverted_', 'virtual_', 'wrong_')


def symbols(path):
    """[(offset in the image, name)], sorted."""
    text = path.read_text()
    base = int(re.search(r'Preferred load address is ([0-9a-f]+)', text)[1], 16)
    found = re.findall(r'^ [0-9a-f]{4}:[0-9a-f]{8}\s+(\S+)\s+([0-9a-f]{16})\s', text, re.M)
    return sorted((int(address, 16) - base, name) for name, address in found)


def function(finding, folder):
    if finding['offset'] is None:
        return '-'
    path = folder / ((finding['driver'] or '').removesuffix('.efi') + '.map')
    name = '?'
    for offset, symbol in symbols(path) if path.exists() else []:
        if offset <= int(finding['offset'], 16):
            name = symbol
    return name


def run(program, folder, drivers, options):
    """(exit status, findings as rule@function:phase, the report or None, what went wrong)"""
    done = subprocess.run([*program, 'run', '--json', *options, *[d + '.efi' for d in drivers]], cwd=folder,
                          capture_output=True, text=True, timeout=300)
    if done.returncode == 2 or not done.stdout:
        return done.returncode, [], None, done.stderr.strip()
    report = json.loads(done.stdout)
    seen = [f'{f["rule"]}@{function(f, folder)}:{f["phase"]}' for f in report['findings']]
    return done.returncode, seen, report, done.stderr.strip()


def table(engine):
    """[(driver, options, exit status, findings)]; a line that names an engine is for that one, in place of the others."""
    rows = {}
    for line in TABLE.read_text().splitlines():
        if not line or line.startswith('#'):
            continue
        driver, options, status, *findings = line.split()
        words = [] if options == '-' else options.split(',')
        only = [w.removeprefix('engine:') for w in words if w.startswith('engine:')]
        words = [w for w in words if not w.startswith('engine:')]
        key = (driver, tuple(words))
        if only == [engine] or (not only and key not in rows):
            rows[key] = (driver, words, int(status), [] if findings == ['-'] else findings)
    return list(rows.values())


def check(program, folder, row, engine_options):
    """What is wrong, as lines."""
    driver, options, status, findings = row
    wrong = []
    slow = engine_options or any(w.startswith('--timeout') for w in options)
    for seed in SEEDS[:1] if slow else SEEDS:
        got = run(program, folder, [driver], ['--seed', seed, *engine_options, *[part for w in options for part in w.split('=')]])
        if got[:2] != (status, findings):
            wrong += [f'seed {seed}: exit {got[0]}, {" ".join(got[1]) or "no finding"}', got[3]]
            wrong += [f'  {f["rule"]} {f["driver"]}+{f["offset"]} {f["phase"]}: {f["text"]}'
                      for f in (got[2] or {'findings': []})['findings']]
        elif not findings:
            wrong += [f'seed {seed}: {line}' for line in unclean(driver, got[2])]
    return [line for line in wrong if line]


def together(program, folder, rows, options):
    """Drivers that go wrong in their entry points, in one run: each gets its own findings."""
    rows = [r for r in rows if r[3] and all(f.endswith(':entry') for f in r[3]) and not r[1] and
            'unmet-dependency' not in ' '.join(r[3]) and r[0] != 'wild_access_host'][:32]
    status, seen, report, wrong = run(program, folder, [r[0] for r in rows], options)
    if report is None:
        return [f'exit {status}', wrong]
    got = {r[0]: [] for r in rows}
    for finding, line in zip(report['findings'], seen):
        got.setdefault((finding['driver'] or '?').removesuffix('.efi'), []).append(line)
    want = {r[0]: r[3] for r in rows}
    return [f'{name}: {" ".join(got[name])}' for name in got if got[name] != want.get(name, [])]


def unclean(driver, report):
    """What a report without findings may say all the same."""
    own = [d for d in report['drivers'] if d['role'] == 'subject']
    suspects = [s for s in report['suspects'] if s['driver'] == driver + '.efi']
    if suspects:
        yield f'suspects: {suspects}'
    if driver.startswith('clean') and [d['status'] for d in own] != ['ok']:
        yield f'status: {own}'
    if driver.startswith('clean') and any(p['failed'] for p in report['phases']):
        yield f'failed calls: {report["phases"]}'


def rules(program, folder, engine_options):
    engine = engine_options[engine_options.index('--engine') + 1] if '--engine' in engine_options else 'own'
    rows = table(engine)
    there = {p.stem for p in folder.glob('*.efi')}
    listed = {row[0] for row in rows}
    # a twin breaks no rule; where one needs another line, the table has it
    twins = {d for d in there - listed if d.startswith('clean') or d.removesuffix('_clean') in listed}
    named = listed | twins
    rows += [(d, [], 0, []) for d in sorted(twins)]
    rows = [row for row in rows if engine == 'own' or row[0].startswith(CONVERTS)]
    print(f'1..{len(rows) + 3}')
    print(f'{"ok" if named == there else "not ok"} 1 - every driver has a line {" ".join(sorted(named ^ there))}')
    ruled = {f.split('@')[0] for row in rows for f in row[3]}
    rules = (TABLE.parent / '../../doc/rules.md').read_text().split('# The rules of `scan`')[0]
    every = set(re.findall(r'^## (\S+)$', rules, re.M))
    missing = sorted(every - ruled) if engine == 'own' else []
    print(f'{"not ok" if missing else "ok"} 2 - every rule has a driver {" ".join(missing)}')
    result(3, 'many drivers in one run', together(program, folder, rows, engine_options))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = pool.map(lambda row: check(program, folder, row, engine_options), rows)
        for i, (row, wrong) in enumerate(zip(rows, results), 4):
            result(i, f'{" ".join([row[0], *row[1]])}: {" ".join(row[3]) or "nothing"}', wrong)


def result(number, name, wrong):
    print(f'{"not ok" if wrong else "ok"} {number} - {name}', flush=True)
    for line in wrong:
        print('# ' + line)


def shown(program, folder, words):
    """The findings, as a person sees them."""
    done = subprocess.run([*program, 'run', '--seed', '1', *words[1:], words[0] + '.efi'], cwd=folder,
                          capture_output=True, text=True, timeout=300)
    lines = re.findall(r'^[a-z-]+  \S+  .*$', done.stdout, re.M)
    return '\n'.join([f'$ runtserv run {" ".join([*words[1:], words[0] + ".efi"])}', *lines, ''])


def doc(program, folder, path, update):
    text = path.read_text()
    parts = re.split(r'(<!-- report: (?:[^>]+) -->\n)(```\n(?:.*?)```\n)?', text, flags=re.S)
    out, results = parts[0], []
    for marker, block, rest in zip(parts[1::3], parts[2::3], parts[3::3]):
        words = marker.split()[2:-1]
        want = shown(program, folder, words)
        same = block is not None and blur(block) == blur(f'```\n{want}```\n')
        results.append((' '.join(words), same, want))
        out += marker + f'```\n{want}```\n' + rest
    if update:
        path.write_text(out)
        return
    print(f'1..{len(results)}')
    for i, (name, same, want) in enumerate(results, 1):
        print(f'{"ok" if same else "not ok"} {i} - report of {name}')
        if not same:
            print('# ' + want.replace('\n', '\n# '))


def blur(text):
    """Without the numbers that a compiler chooses."""
    return re.sub(r'0x[0-9a-f]+', '0x', text)


def main():
    argv = sys.argv[1:]
    if argv[0] == '--doc':
        doc([os.path.realpath(argv[1])], Path(argv[2]), Path(argv[3]), '--update' in argv)
    else:
        firmware = argv[argv.index('--firmware') + 1] if '--firmware' in argv else None
        if firmware and not Path(firmware).exists():
            print(f'1..0 # SKIP no {firmware}')
        else:
            rules([str(Path(argv[0]).resolve())], Path(argv[1]), argv[2:])


main()
