#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""One guest's memory in each format that QEMU writes: they hold the same, and what they say is so.

The guest is Linux where it is there (then a dump with paging has more segments than an ELF header can
count), otherwise the firmware.
"""
import os
import re
import struct
import subprocess
import sys

import vm

CAT = os.path.join(vm.BUILD, 'tests', 'guest', 'dump_cat')
MEMORY = 256  # MiB
FORMATS = {'elf': 'elf-core', 'kdump-zlib': 'kdump', 'kdump-raw-zlib': 'kdump'}


def cat(*args):
    """Runs dump_cat; returns its status and its lines as (first word, rest)."""
    done = subprocess.run([CAT, *args], stdout=subprocess.PIPE, check=False, timeout=120)
    lines = done.stdout.decode().splitlines()
    return done.returncode, [tuple(line.split(' ', 1)) for line in lines]


def save(guest, fmt, paging):
    path = os.path.abspath('%s%s.dump' % (fmt, '-paging' if paging else ''))
    arguments = {} if paging else {'format': fmt}  # QEMU takes one or the other
    guest.qmp('dump-guest-memory', paging=paging, protocol='file:' + path, **arguments)
    return path


def registers(guest):
    """CR3 and CR4 of each processor, as the monitor tells them."""
    said = guest.qmp('human-monitor-command', **{'command-line': 'info registers -a'})
    return [(int(cr3, 16), int(cr4, 16)) for cr3, cr4 in
            re.findall(r'CR3=([0-9a-f]+) CR4=([0-9a-f]+)', said)]


def check_dump(bench, path, fmt, cpus, least=MEMORY << 20):
    status, lines = cat('show', path)
    fields = dict(lines)
    name = os.path.basename(path)
    if not bench.ok(status == 0 and fields['format'] == fmt, name + ': is recognised', lines):
        return
    bench.equal((fields['machine'], fields['problem']), ('x86-64', '-'), name + ': whole, of x86-64')
    bench.equal([rest for word, rest in lines if word == 'cpu'],
                ['cr3=%#x cr4=%#x' % cpu for cpu in cpus], name + ': the processors\' registers')
    bench.ok(int(fields['bytes']) >= least, name + ': has the memory', fields)


def check_same(bench, first, second, least):
    status, lines = cat('compare', first, second)
    same = int(dict(lines).get('same', 0))
    bench.ok(status == 0 and same >= least, '%s is %s: %d bytes' % (
        os.path.basename(second), os.path.basename(first), same), lines)


def test(bench):
    vm.need(CAT, 'the reader')
    linux = os.path.exists(os.path.join(vm.LINUX, 'amd64', 'vmlinuz'))
    guest = vm.Vm(bench, linux=linux, device=False, memory=MEMORY)
    if linux:
        guest.wait_linux()
    else:
        guest.wait_for('BdsDxe|UEFI', vm.BOOT_TIMEOUT)
    guest.qmp('stop')
    bench.say(guest.version() + (', Linux' if linux else ', firmware'))
    cpus = registers(guest)
    bench.equal(len(cpus), 2, 'the monitor tells the registers of both processors')

    dumps = []
    offered = guest.qmp('query-dump-guest-memory-capability')['formats']
    for fmt in FORMATS:
        if fmt in offered:
            dumps.append(save(guest, fmt, False))
            check_dump(bench, dumps[-1], FORMATS[fmt], cpus)
    paged = save(guest, 'elf', True)
    # Under Linux, what the processor has not mapped is not in it: the firmware's memory. Under the
    # firmware, of a page of 1 GiB only the first block of memory is.
    least = MEMORY << 19 if linux else 1 << 19
    check_dump(bench, paged, 'elf-core', cpus, least)
    raw = os.path.abspath('raw.dump')
    guest.qmp('pmemsave', val=0, size=MEMORY << 20, filename=raw)
    bench.equal(cat('show', raw), (0, [
        ('format', 'raw'), ('machine', '-'), ('bytes', str(MEMORY << 20)), ('problem', '-'),
        ('range', '0 %#x' % (MEMORY << 20))]), 'raw.dump: one range')

    for other in dumps[1:] + [raw]:
        check_same(bench, dumps[0], other, MEMORY << 20)
        check_same(bench, other, dumps[0], MEMORY << 20)
    check_same(bench, dumps[0], paged, least)
    check_same(bench, paged, dumps[0], least)
    virtual = [rest for word, rest in cat('show', paged)[1]
               if word == 'range' and ' 0xffff' in rest]
    if linux:
        with open(paged, 'rb') as f:
            header = f.read(64)
        bench.equal(struct.unpack_from('<H', header, 56)[0], 0xffff,
                    'the dump with paging has too many segments for its header')
        bench.ok(virtual, 'and says where Linux has mapped memory')
    else:
        bench.equal(virtual, [], 'the lower half is not taken for the upper one')
    status, lines = cat('walk', dumps[0])
    bench.ok(status == 0 and (linux or int(dict(lines)['identity']) >= MEMORY << 20),
             'the page tables can be walked', lines)
    for path in dumps + [paged, raw]:
        os.unlink(path)
    guest.qmp('quit')


sys.exit(vm.main('dump-qemu', test))
