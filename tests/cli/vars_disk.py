#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A disk image with a GUID partition table: data in partition 1, an EFI system partition from block 64 on in 2.
usage: vars_disk.py FILE [blocks=N] [FLAW]..."""
import struct, sys, uuid, zlib

SYSTEM = 'c12a7328-f81f-11d2-ba4b-00a0c93ec93b'
DATA = '0fc63daf-8483-4772-8e79-3d69d8477de4'
flaws = sys.argv[2:]
size = 4096 if '4096' in flaws else 512
blocks = int(([f[7:] for f in flaws if f.startswith('blocks=')] or ['128'])[0])
count = 1 << 24 if 'many' in flaws else 128


def entry(kind, number, first, last):
    own = uuid.UUID(int=0x11111111222233334444000000000000 + number)
    return uuid.UUID(kind).bytes_le + own.bytes_le + struct.pack('<QQQ', first, last, 0) + b'\0' * 72


parts = entry(SYSTEM if 'two' in flaws else DATA, 1, 40, 63)
parts += entry(DATA if 'none' in flaws else SYSTEM, 2, 64, 300 if 'range' in flaws else blocks - 49)
parts = parts.ljust(128 * 128, b'\0')
image = bytearray(blocks * size)
image[446:462] = bytes((0, 0, 2, 0, 0x83 if 'mbr' in flaws else 0xee, 255, 255, 255)) + struct.pack('<II', 1, blocks - 1)
image[510:512] = b'\x55\xaa'
for lba, other, at, flaw in ((1, blocks - 1, 2, 'first'), (blocks - 1, 1, blocks - 34, 'last')):
    body = bytearray(parts)
    head = struct.pack('<8sIIIIQQQQ16sQIII', b'EFI PART', 0x10000, 92, 0, 0, 2 if 'self' in flaws else lba, other,
                       34, blocks - 35, uuid.UUID(int=1).bytes_le, at, count, 128, zlib.crc32(parts))
    if flaw in flaws:
        body[0x20] ^= 1
    head = head[:16] + struct.pack('<I', zlib.crc32(head) ^ ('head' in flaws)) + head[20:]
    image[lba * size:lba * size + len(head)] = head
    image[at * size:at * size + len(body)] = body
if 'wiped' in flaws:
    image[size:size + 8] = b'\0' * 8
    image[(blocks - 1) * size:(blocks - 1) * size + 8] = b'\0' * 8
open(sys.argv[1], 'wb').write(image[:size * 2] if 'cut' in flaws else image)
