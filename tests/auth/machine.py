# SPDX-License-Identifier: BSD-2-Clause
"""A machine whose variables `runtserv serve` keeps, spoken to through the MM socket; keys, and writes signed with them."""
import os
import socket
import struct
import subprocess
import time
import uuid

NV, BS, RT, AT, APPEND = 1, 2, 4, 0x20, 0x40
KEYS = NV | BS | RT | AT  # what PK, KEK, db, dbx and dbt have
GLOBAL = '8be4df61-93ca-11d2-aa0d-00e098032b8c'
IMAGES = 'd719b2cb-3d3a-4596-a3bc-dad00e67656f'
ENABLE = 'f0a30bc7-af08-4556-99c4-001009c93a44'
CUSTOM = 'c076ec0c-7028-4399-a072-71ee5c448b9f'
VENDOR = '9073e4e0-60ec-4b6e-9903-4c223c260f3c'
OWNER = '3e9b06b1-7d04-4f6c-9a52-c81d77e02b35'
X509, SHA256 = 'a5c059a1-94e4-4aa7-87b5-ab155c2bf072', 'c1c41626-504c-4092-aca9-41f936934328'
SHA384, SHA1 = 'ff3e5307-9fd0-48c9-85f1-8ad56c701e01', '826ca512-cf10-4ac9-b187-be01496631bd'

VARIABLE = 'ed32d533-99e6-4209-9cc0-2d72cdd998a7'
END_OF_DXE = '02ce967a-dd7e-4ffc-9ee7-810cf0470880'
GET, NEXT, SET, READY_TO_BOOT, EXIT_BOOT_SERVICES = 1, 2, 3, 5, 6
RESET, MM, MACHINE_RESET = 1, 2, 0x100

STATUS = {0: 'SUCCESS', 2: 'INVALID_PARAMETER', 3: 'UNSUPPORTED', 5: 'BUFFER_TOO_SMALL', 7: 'DEVICE_ERROR', 8: 'WRITE_PROTECTED',
          9: 'OUT_OF_RESOURCES', 14: 'NOT_FOUND', 15: 'ACCESS_DENIED', 26: 'SECURITY_VIOLATION'}


def guid(text):
    return uuid.UUID(text).bytes_le


def efi_time(seconds, year=2024):
    """An EFI_TIME; @seconds may also be the sixteen bytes."""
    if isinstance(seconds, bytes):
        return seconds
    minutes, hours = seconds // 60, seconds // 3600
    return struct.pack('<HBBBBBBIhBB', year, 1, 1 + hours // 24, hours % 24, minutes % 60, seconds % 60, 0, 0, 0, 0, 0)


def siglist(kind, *entries, owner=OWNER, header=b''):
    """An EFI_SIGNATURE_LIST of entries, all of one length."""
    size = 16 + len(entries[0])
    body = b''.join(guid(owner) + e for e in entries)
    return guid(kind) + struct.pack('<III', 28 + len(header) + len(body), len(header), size) + header + body


class Signer:
    """Keys by name, made for this object, and what SetVariable() is given for writes that they sign."""

    def __init__(self, program, folder):
        self.folder = folder
        self.child = subprocess.Popen([program, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self.child.stdout.readline() != 'ready\n':
            raise RuntimeError('no keys')

    def der(self, name):
        with open(os.path.join(self.folder, name + '.der'), 'rb') as f:
            return f.read()

    def cert(self, *names):
        """A list for each of them."""
        return b''.join(siglist(X509, self.der(name)) for name in names)

    def write(self, signer, name, namespace, attributes, when, payload, more='-', how='-'):
        """@signer: None for a descriptor without signature."""
        words = [signer or '-', more, how] + [b.hex() or '-' for b in (
            name.encode('utf-16-le'), guid(namespace), struct.pack('<I', attributes), efi_time(when), payload)]
        self.child.stdin.write(' '.join(words) + '\n')
        self.child.stdin.flush()
        return bytes.fromhex(self.child.stdout.readline())

    def close(self):
        self.child.stdin.close()
        self.child.wait()


class Machine:
    """`serve` on a store, and a client of its socket. Statuses are their names without EFI_."""

    def __init__(self, runtserv, store, *options):
        self.path = store + '.sock'
        self.log = store + '.log'
        with open(self.log, 'ab') as log:
            self.child = subprocess.Popen([runtserv, 'serve', '--store', store, '--socket', self.path, '--log-level', 'debug',
                                           *options], stderr=log)
        for _ in range(1000):
            self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                self.socket.connect(self.path)
                return
            except OSError:
                self.socket.close()
                if self.child.poll() is not None:
                    break
                time.sleep(0.02)
        raise RuntimeError('serve does not answer: ' + self.said())

    def said(self):
        with open(self.log, encoding='utf-8') as f:
            return f.read()

    def stop(self):
        self.socket.close()
        self.child.terminate()
        return self.child.wait()

    def receive(self, count):
        data = b''
        while len(data) < count:
            more = self.socket.recv(count - len(data))
            if not more:
                raise RuntimeError('the connection ended')
            data += more
        return data

    def frame(self, command, payload=b''):
        self.socket.sendall(struct.pack('<II', command, len(payload)) + payload)
        status, length = struct.unpack('<II', self.receive(8))
        reply = self.receive(length)
        if status != 0:
            raise RuntimeError(f'device status {status:#x}')
        return reply

    def message(self, handler, data):
        return self.frame(MM, guid(handler) + struct.pack('<Q', len(data)) + data)[24:]

    def call(self, function, payload=b''):
        reply = self.message(VARIABLE, struct.pack('<QQ', function, 0) + payload)
        status = struct.unpack_from('<Q', reply, 8)[0] & 0xffffffff
        return STATUS.get(status, hex(status)), reply[16:]

    def end_of_dxe(self):
        self.message(END_OF_DXE, b'\0')

    def ready_to_boot(self):
        return self.call(READY_TO_BOOT)[0]

    def exit_boot_services(self):
        return self.call(EXIT_BOOT_SERVICES)[0]

    def reset(self):
        self.frame(MACHINE_RESET)

    @staticmethod
    def access(name, namespace, attributes, data, room=None):
        raw = name.encode('utf-16-le') + b'\0\0'
        return guid(namespace) + struct.pack('<QQI', len(data) if room is None else room, len(raw), attributes) + raw + data

    def set(self, name, namespace, attributes, data):
        return self.call(SET, self.access(name, namespace, attributes, data))[0]

    def get(self, name, namespace):
        """(attributes, data), or the status."""
        room = 65000 - 2 * len(name)
        status, reply = self.call(GET, self.access(name, namespace, 0, bytes(room), room))
        if status != 'SUCCESS':
            return status
        size, name_size, attributes = struct.unpack_from('<QQI', reply, 16)
        return attributes, reply[36 + name_size:36 + name_size + size]

    def byte(self, name, namespace):
        """The value of a variable of one byte, or the status."""
        got = self.get(name, namespace)
        return got if isinstance(got, str) else got[1][0]

    def modes(self):
        return {name: self.byte(name, namespace) for name, namespace in (
            ('SetupMode', GLOBAL), ('SecureBoot', GLOBAL), ('SecureBootEnable', ENABLE), ('CustomMode', CUSTOM),
            ('VendorKeys', GLOBAL), ('VendorKeysNv', VENDOR))}
