#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Small inputs for run.sh: a firmware volume with several files of one image, and that image in wrong versions.

usage: run_make.py X64.efi FOLDER
"""
import struct
import sys
import uuid
from pathlib import Path

FFS2 = uuid.UUID('8c8ce578-8a3d-4f1c-9935-896185c32dd3')


def section(kind, body):
    data = struct.pack('<I', 4 + len(body) | kind << 24) + body
    return data + bytes(-len(data) % 4)


def file(number, kind, name, image):
    guid = uuid.UUID(int=number)
    body = section(0x10, image) + section(0x15, name.encode('utf-16-le') + b'\0\0')
    size = 24 + len(body)
    head = bytearray(guid.bytes_le + struct.pack('<BBBB', 0, 0, kind, 0) + struct.pack('<I', size)[:3] + b'\0')
    head[16] = -sum(head) & 0xff  # State and the file's checksum count as 0
    head[17] = 0xaa
    head[23] = 0xf8
    data = bytes(head) + body
    return data + b'\xff' * (-len(data) % 8)


def volume(files):
    length = 0x4000
    head = bytearray(bytes(16) + FFS2.bytes_le + struct.pack('<Q4sIHHHBB', length, b'_FVH', 0x800, 72, 0, 0, 0, 2)
                     + struct.pack('<IIII', length // 0x1000, 0x1000, 0, 0))
    struct.pack_into('<H', head, 50, -sum(struct.unpack('<36H', head)) & 0xffff)
    data = bytes(head) + b''.join(files)
    return data + b'\xff' * (length - len(data))


def main():
    x64, folder = Path(sys.argv[1]).read_bytes(), Path(sys.argv[2])
    (folder / 'fd').write_bytes(volume([
        file(1, 7, 'FirstDriver', x64),
        file(2, 7, 'Twice', x64),
        file(3, 7, 'Twice', x64),
        file(4, 6, 'EarlyDriver', x64),
        file(5, 9, 'SecondDriver', x64),
        file(6, 7, 'Broken', x64[:60]),
        file(7, 7, 'evil\x1b[31mDriver', x64),
    ]))
    nt = struct.unpack_from('<I', x64, 0x3c)[0]
    for name, offset, value in (('subsystem.efi', nt + 24 + 68, 3), ('ia32.efi', nt + 4, 0x14c)):
        data = bytearray(x64)
        struct.pack_into('<H', data, offset, value)
        (folder / name).write_bytes(data)


main()
