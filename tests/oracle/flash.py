# SPDX-License-Identifier: BSD-2-Clause
"""Reads a variable flash as edk2 keeps it (OVMF's 4M layout): the tests' own reader, written from the layout alone.
Firmware volume header, store header, authenticated variable records, event log, and the fault tolerant write areas."""
import struct
import uuid
import zlib

LEN = 0x84000
STORE, LOG, WORKING, SPARE = 0x48, 0x40000, 0x41000, 0x42000
FIRST = STORE + 0x1c

VOLUME_GUID = uuid.UUID('fff12b8d-7696-4c8b-a985-2747075b4f50')
STORE_GUID = uuid.UUID('aaf32c78-947b-439a-a180-2e144ec37792')
WORKING_GUID = uuid.UUID('9e58292b-7c68-497d-a0ce-6500fd9f1b95')

LIVE, DYING, DELETED = 0x3f, 0x3e, (0x3c, 0x3d)
RECORD = struct.Struct('<HBBIQ16sIII16s')


class Wrong(Exception):
    """The flash is not as it has to be."""


def need(condition, text):
    if not condition:
        raise Wrong(text)


class Record:
    """One variable record, whatever its state."""

    def __init__(self, flash, at):
        (self.start, self.state, _, self.attributes, self.count, time, self.key, name_len, data_len,
         guid) = RECORD.unpack_from(flash, at)
        need(name_len % 2 == 0 and 4 <= name_len <= LOG and data_len <= LOG, f'record {at:#x}: sizes {name_len}, {data_len}')
        self.at, self.end = at, (at + RECORD.size + name_len + data_len + 3) & ~3
        need(self.end <= LOG, f'record {at:#x} ends behind the store, at {self.end:#x}')
        name = flash[at + RECORD.size:at + RECORD.size + name_len]
        need(name[-2:] == b'\0\0', f'record {at:#x}: a name without its end')
        self.name = name[:-2].decode('utf-16-le', 'surrogatepass')
        self.data = bytes(flash[at + RECORD.size + name_len:at + RECORD.size + name_len + data_len])
        self.guid = str(uuid.UUID(bytes_le=guid))
        self.time = time

    def __str__(self):
        return f'{self.name}-{self.guid} at {self.at:#x}, state {self.state:#x}'


def check_volume(f):
    """The firmware volume's header (PI 1.8 vol 3 §3.2.1)."""
    need(f[:16] == bytes(16), 'zero vector')
    need(uuid.UUID(bytes_le=f[16:32]) == VOLUME_GUID, 'file system GUID')
    length, signature, _, header_len, _, extended, _, revision = struct.unpack_from('<Q4sIHHHBB', f, 0x20)
    need((length, signature, header_len, extended, revision) == (LEN, b'_FVH', 0x48, 0, 2), 'volume header')
    need(sum(struct.unpack_from('<36H', f)) & 0xffff == 0, 'checksum of the volume header')
    need(struct.unpack_from('<4I', f, 0x38) == (LEN // 0x1000, 0x1000, 0, 0), 'block map')


def records(f):
    """All records, in their order. Behind them the store is erased."""
    need(uuid.UUID(bytes_le=f[STORE:STORE + 16]) == STORE_GUID, 'store GUID')
    need(struct.unpack_from('<IBBHI', f, STORE + 16) == (LOG - STORE, 0x5a, 0xfe, 0, 0), 'store header')
    ret, at = [], FIRST
    while at + RECORD.size <= LOG and f[at:at + 2] == b'\xaa\x55':
        ret.append(Record(f, at))
        written = at + RECORD.size + 2 * len(ret[-1].name) + 2 + len(ret[-1].data)
        need(set(f[written:ret[-1].end]) <= {0xff}, f'padding of {ret[-1]}')
        at = ret[-1].end
    need(set(f[at:LOG]) <= {0xff}, f'bytes behind the last record, at {at:#x}')
    return ret


def live(f):
    """{(GUID, name): record}: what a reader of the store sees."""
    ret, dying = {}, []
    for r in records(f):
        need(r.state in (LIVE, DYING, *DELETED), f'{r}: no state that a finished write leaves')
        if r.state == DYING:
            dying.append(r)
        elif r.state == LIVE:
            need((r.guid, r.name) not in ret, f'two of {r}')
            ret[(r.guid, r.name)] = r
    for r in dying:
        ret.setdefault((r.guid, r.name), r)
    return ret


def check_rest(f):
    """Event log, working block and spare block. How many writes of blocks the working block tells of."""
    need(set(f[LOG:WORKING]) == {0xff}, 'event log')
    need(set(f[SPARE:]) == {0xff}, 'spare block is in use')
    header = bytearray(f[WORKING:WORKING + 32])
    need(uuid.UUID(bytes_le=bytes(header[:16])) == WORKING_GUID, 'GUID of the working block')
    crc, valid, size = struct.unpack_from('<IB3xQ', header, 16)
    need((valid, size) == (0xfe, 0x1000 - 32), 'working block header')
    header[16:21] = b'\xff' * 5
    need(crc == zlib.crc32(header), 'checksum of the working block')
    return writes(f)


def writes(f):
    """The queue: a header for each write, then one record for each of its blocks. A bit that is done is 0."""
    n, at = 0, WORKING + 32
    while at + 80 <= SPARE and f[at] != 0xff:
        done, count, private = struct.unpack_from('<B23xQQ', f, at)
        need(done & 7 == 0, f'a write that was not completed, at {at:#x}')
        need(count == 1, f'a write of {count} blocks, at {at:#x}')
        at += 40
        done = f[at]
        need(done & 7 in (0, 1), f'a block that was not written, at {at:#x}: {done:#x}')
        at += 40 + private
        n += 1
    need(set(f[at:SPARE]) <= {0xff}, f'bytes behind the queue, at {at:#x}')
    return n
