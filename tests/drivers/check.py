#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# A compiler may fold a seeded mistake away, and a test of it would then pass for nothing. So objects.txt says, for each
# pair of twins, what only one of the two objects may have; this looks for it in what llvm-objdump prints.
#
# usage: check.py OBJDUMP FOLDER       FOLDER has NAME.obj and NAME_clean.obj; TAP on stdout
#        check.py OBJDUMP FOLDER NAME  prints what there is to match, of both
import re
import subprocess
import sys
from pathlib import Path


def functions(objdump, obj):
    """{function: text}, text being one line: instructions without addresses, relocations as `-> symbol`, `; ` between."""
    out = subprocess.run([objdump, '-dr', '--no-show-raw-insn', '--no-leading-addr', obj],
                         check=True, capture_output=True, text=True).stdout
    found, parts = {}, None
    for line in out.splitlines():
        line = line.split('#')[0].strip()
        if m := re.fullmatch(r'<(\w+)>:', line):
            parts = found.setdefault(m[1], [])
        elif m := re.match(r'[0-9a-f]+:\s+IMAGE_REL_\w+\s+(\S+)', line):
            parts[-1] += ' -> ' + m[1]
        elif parts is not None and line and not line.startswith('nop'):
            line = re.sub(r'^((?:j|call)\w*) 0x[0-9a-f]+.*', r'\1', ' '.join(line.split()))
            parts.append(line)
    return {name: '; '.join(parts) for name, parts in found.items()}


def sections(objdump, obj):
    """{symbol: section}"""
    out = subprocess.run([objdump, '-ht', obj], check=True, capture_output=True, text=True).stdout
    names = re.findall(r'^\s*\d+ (\.\S+)', out, re.M)
    return {name: names[int(number) - 1] for number, name in re.findall(r'^\[\s*\d+\]\(sec\s+(\d+)\).* (\w+)$', out, re.M)
            if number != '0'}


def table(path):
    for line in path.read_text().splitlines():
        if line and not line.startswith('#'):
            yield line.split(None, 3)


def what(objdump, obj, place):
    if place.startswith('section:'):
        return sections(objdump, obj).get(place[8:], '')
    return functions(objdump, obj).get(place, '')


def main():
    objdump, folder = sys.argv[1], Path(sys.argv[2])
    here = Path(__file__).parent
    if len(sys.argv) > 3:
        for end in '', '_clean':
            obj = folder / (sys.argv[3] + end + '.obj')
            for name, text in functions(objdump, obj).items():
                print(f'{obj.stem}: {name}: {text}')
            print(f'{obj.stem}: {sections(objdump, obj)}')
        return
    rows = list(table(here / 'objects.txt'))
    pairs = {p.stem for p in here.glob('*.c') if not p.stem.startswith('clean')} - {'driver'}
    print(f'1..{len(rows) + 1}')
    for i, (name, place, who, pattern) in enumerate(rows, 1):
        texts = [what(objdump, folder / (name + end + '.obj'), place) for end in ('', '_clean')]
        has = [re.search(pattern, text) is not None for text in texts]
        good = has == [who == 'seeded', who == 'clean'] and who in ('seeded', 'clean')
        print(f'{"ok" if good else "not ok"} {i} - {name}: {place}: only the {who} one has {pattern}')
        if not good:
            for text in texts:
                print(f'# {text}')
    missing = pairs ^ {row[0] for row in rows}
    print(f'{"not ok" if missing else "ok"} {len(rows) + 1} - every pair has a line {" ".join(sorted(missing))}')


main()
