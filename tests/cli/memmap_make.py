#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Writes the maps that memmap.sh shows, as files in a folder, and two trees like Linux's sysfs.

usage: memmap_make.py DIR
"""
import os
import struct
import sys

WB, RT = 0xf, 1 << 63
PAGE = 4096

# type, start, virtual start, pages, attributes; in the order of edk2, which is nearly sorted
MAP = [
    (7, 0x0, 0, 0xa0, WB),
    (7, 0x100000, 0, 0x700, WB),
    (10, 0x800000, 0, 0x8, WB),
    (4, 0x808000, 0, 0xf8, WB),
    (7, 0x900000, 0, 0x6500, WB),
    (1, 0x6e00000, 0, 0x100, WB),
    (2, 0x6f00000, 0, 0x80, WB),
    (3, 0x6f80000, 0, 0x280, WB),
    (5, 0x7200000, 0, 0x100, WB | RT),
    (6, 0x7300000, 0, 0x180, WB | RT),
    (9, 0x7480000, 0, 0x12, WB),
    (0x70000001, 0x7492000, 0, 0x10, WB),
    (0x80000005, 0x74a2000, 0, 0x5e, WB),
    (7, 0x100000000, 0, 0x80000, WB | 1 << 16),
    (0, 0xb0000000, 0, 0x10000, 1),
    (11, 0xffc00000, 0, 0x400, 1 | RT),
]


def changed(index, **fields):
    names = ('type', 'start', 'virtual', 'pages', 'attributes')
    new = dict(zip(names, MAP[index]), **fields)
    return [tuple(new.values()) if i == index else d for i, d in enumerate(MAP)]


def binary(descriptors, size=48):
    """What follows a descriptor in its @size bytes is not for us to look at."""
    return b''.join(struct.pack('<IIQQQQ', d[0], 0, *d[1:]) + b'\xa5' * (size - 40)
                    for d in descriptors)


def inventory():
    """What a firmware with odd names might say; the JSON text as it comes."""
    return '''{"schema": "runtserv.inventory/1",
 "map": {"descriptors": [
  {"type": "EfiRuntimeServicesCode", "start": "0x7200000", "pages": 256, "attributes": "0x800000000000000f"},
  {"type": "0x70000001", "start": "0x7492000", "pages": 16, "attributes": null},
  {"type": "EfiConventionalMemory", "start": "0x0", "pages": 160, "attributes": "0xf"}],
  "summary": {}},
 "images": [
  {"name": "RuntimeDxe", "guid": "b601f8c4-43b7-4784-95b1-f4226cb40cee",
   "path": "Fv(7CB8BDC9-F8EB-4F34-AAEA-3EE4AF6516A1)/FvFile(B601F8C4-43B7-4784-95B1-F4226CB40CEE)",
   "base": "0x7210000", "size": 16384, "code_type": "EfiRuntimeServicesCode"},
  {"name": null, "guid": null, "path": null, "base": "0x7220000", "size": 4096,
   "code_type": "EfiRuntimeServicesCode"},
  {"name": "\\u001b[2J\\ud83d\\ude00\\u0084\\u001b]0;owned\\u0007 \\"n\\u00e4me\\u202e\\\\", "guid": null,
   "path": "\\u009b31m", "base": "0xffffffffffffffff", "size": 9223372036854775807,
   "code_type": "0x70000001"}]}
'''


def put(name, data):
    os.makedirs(os.path.dirname(name), exist_ok=True)
    with open(name, 'wb') as f:
        f.write(data if isinstance(data, bytes) else data.encode())


def sysfs(top, memory, runtime):
    for i, (start, end, kind) in enumerate(memory):
        for name, value in (('start', hex(start)), ('end', hex(end)), ('type', kind)):
            put('%s/firmware/memmap/%d/%s' % (top, i, name), value + '\n')
    for i, (kind, start, virtual, pages, attributes) in enumerate(runtime):
        for name, value in (('type', kind), ('phys_addr', start), ('virt_addr', virtual),
                            ('num_pages', pages), ('attribute', attributes)):
            put('%s/firmware/efi/runtime-map/%d/%s' % (top, i, name), hex(value) + '\n')


def main(folder):
    os.chdir(folder)
    for size in (40, 48, 56, 64, 1024):
        put('./map%d' % size, binary(MAP, size))
    put('./cut', binary(MAP)[:-3])
    put('./overlap', binary(changed(3, start=0x807000)))
    put('./unaligned', binary(changed(3, start=0x808800, pages=1)))
    put('./none', binary(changed(9, pages=0)))
    put('./wraps', binary(changed(13, pages=2**64 - 1)))
    put('./type', binary(changed(11, type=0x6fffffff)))
    put('./all-bad', binary([(16, 1, 1, 0, 0)] * 8 + [(7, 0, 0, 1, WB)] * 7))
    put('./many-bad', binary([(7, 0, 0, 1, WB)] * 1000))
    put('./zeros', bytes(480))
    put('./empty', b'')
    put('./large', b'\0' * ((16 << 20) + 1))
    put('./rows', binary([(7, i * 2 * PAGE, 0, 1, WB) for i in range(5001)]))
    put('./inventory', inventory())
    memory = [(0x0, 0x9fbff, 'System RAM'), (0x9fc00, 0x9ffff, 'Reserved'),
              (0x100000, 0x71fffff, 'System RAM'), (0x7200000, 0x747ffff, 'Reserved'),
              (0x7480000, 0x7491fff, 'ACPI Tables'),
              (0x7492000, 0x7499fff, 'ACPI Non-volatile Storage'),
              (0x749a000, 0x749afff, 'Unusable memory'),
              (0x749b000, 0x749bfff, 'Persistent Memory'),
              (0x749c000, 0x749cfff, 'Soft Reserved'), (0x749d000, 0x749dfff, 'Something new'),
              (0x749e000, 0x749efff, 'Persistent Memory (legacy)'),
              (0x100000000, 0x17fffffff, 'System RAM')]
    runtime = [(5, 0x7210000, 0xfffffffeff000000, 0x10, WB | RT),
               (6, 0x7240000, 0xfffffffefec00000, 0x40, WB | RT),
               (11, 0xffc00000, 0xfffffffefe800000, 0x400, 1 | RT)]
    sysfs('both', memory, runtime)
    sysfs('runtime-only', [], runtime)
    sysfs('memory-only', memory, [])
    sysfs('bad-number', memory, [])
    put('bad-number/firmware/memmap/10/start', 'elephant\n')
    sysfs('bad-order', memory, [])
    put('bad-order/firmware/memmap/10/end', '0x0\n')
    sysfs('long', memory, [])
    put('long/firmware/memmap/10/type', 'x' * 64)
    os.makedirs('nothing/firmware/efi')


main(sys.argv[1])
