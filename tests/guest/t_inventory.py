#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""guest/inventory.c in stock firmware: what it prints, what it saves, and what the host makes of that.

Every byte of the memory that QEMU was given is in the map, or is missing for a reason written here.
The table and the sums that the guest prints are, line for line, those of `runtserv memmap` for the
saved file; the shell keeps them in a file, for a slow reader of the serial console loses characters.
The runtime images are the firmware's runtime drivers, as `runtserv fw` finds them in its image.

usage: t_inventory.py 256M|2G|arm64|driver
    256M    also: the application as a boot option, errors
    driver  with our own driver in its option ROM
"""
import json
import os
import re
import struct
import subprocess
import sys
import time

import vm

KIB, MIB = 1 << 10, 1 << 20
IMAGE_SIZE = 48 * MIB

# Runtime drivers that OVMF_CODE_4M.fd and AAVMF_CODE.fd load; the images hold others, too.
DRIVERS = {
    'amd64': {'CapsuleRuntimeDxe', 'FvbServicesRuntimeDxe', 'MonotonicCounterRuntimeDxe', 'PcRtc',
              'ReportStatusCodeRouterRuntimeDxe', 'ResetSystemRuntimeDxe', 'RuntimeDxe',
              'StatusCodeHandlerRuntimeDxe', 'VariableRuntimeDxe'},
    'arm64': {'CapsuleRuntimeDxe', 'MonotonicCounterRuntimeDxe', 'RealTimeClock',
              'ReportStatusCodeRouterRuntimeDxe', 'ResetSystemRuntimeDxe', 'RuntimeDxe',
              'VariableRuntimeDxe', 'VirtNorFlashDxe'},
}
CODE = {'amd64': '/usr/share/OVMF/OVMF_CODE_4M.fd', 'arm64': '/usr/share/AAVMF/AAVMF_CODE.fd'}

# Where RAM begins; what of it no descriptor mentions; what else the map mentions.
RAM_START = {'amd64': 0, 'arm64': 0x40000000}
HOLES = {
    # the VGA window and the shadow of option ROMs and BIOS, which QEMU backs with RAM
    'amd64': [(0xa0000, 384 * KIB)],
    'arm64': [],
}
OTHERS = {
    'amd64': [('EfiReservedMemoryType', 0xb0000000, 256 * MIB),  # PCI Express configuration space
              ('EfiMemoryMappedIO', 0xffc00000, 4 * MIB)],       # the flash, with its variables
    'arm64': [('EfiMemoryMappedIO', 0x4000000, 64 * MIB),        # the second flash
              ('EfiMemoryMappedIO', 0x9010000, 4 * KIB)],        # the clock
}

SCRIPT = '''@echo -off
fs0:
inventory.efi -o inv.json >a printed
echo status of the first: %lasterror%
inventory.efi -o fs0:other.json
echo status of the second: %lasterror%
inventory.efi --elephant
echo status of the third: %lasterror%
mkdir sub
setvar Boot0077 -guid {guid} -nv -bs -rt ={option}
setvar BootNext -guid {guid} -nv -bs -rt =7700
echo script ends
'''


def boot_option():
    """An EFI_LOAD_OPTION (UEFI 2.10 §3.1.3) with text behind it that has no end; from any volume."""
    name, end = '\\inventory.efi\0'.encode('utf-16-le'), bytes((0x7f, 0xff, 4, 0))
    path = struct.pack('<BBH', 4, 4, 4 + len(name)) + name + end
    return (struct.pack('<IH', 1, len(path)) + 'Inventory\0'.encode('utf-16-le') + path +
            '-o "sub/boot.json"'.encode('utf-16-le'))


GLOBAL_VARIABLE = '8be4df61-93ca-11d2-aa0d-00e098032b8c'


def mtools(tool, *args):
    return subprocess.run([vm.need_program(tool), '-i', 'esp.img', *args], check=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          env={**os.environ, 'MTOOLS_SKIP_CHECK': '1'}).stdout


def make_image(app):
    """A disk with the application, a script, and a file that is longer than what will replace it."""
    with open('esp.img', 'wb') as f:
        f.truncate(IMAGE_SIZE)
    mtools('mformat', '-T', str(IMAGE_SIZE // 512), '-h', '16', '-s', '63', '::')
    with open('startup.nsh', 'w', encoding='ascii') as f:
        f.write(SCRIPT.format(guid=GLOBAL_VARIABLE, option=boot_option().hex()).replace('\n', '\r\n'))
    with open('inv.json', 'w', encoding='ascii') as f:
        f.write('x' * MIB)
    mtools('mcopy', vm.need(app, 'the application'), '::inventory.efi')
    mtools('mcopy', 'startup.nsh', 'inv.json', '::')


def take_file(name):
    with open(os.path.basename(name), 'wb') as f:
        f.write(mtools('mtype', '::' + name))
    return os.path.basename(name)


def complete(name):
    """True when the file is there, while the guest may be writing to the disk."""
    try:
        with open(take_file(name), encoding='utf-8') as f:
            return 'schema' in json.load(f)
    except (subprocess.SubprocessError, ValueError):
        return False


def memmap(*args):
    program = vm.need(os.path.join(vm.BUILD, 'src', 'runtserv'), 'the program')
    done = subprocess.run([program, 'memmap', *args], stdout=subprocess.PIPE, check=False)
    return done.returncode, done.stdout.decode()


def ranges(descriptors):
    return sorted((int(d['start'], 16), d['pages'] * 4096, d['type'], int(d['attributes'], 16))
                  for d in descriptors)


def device_regions(guest):
    """What our driver has mapped for run time: the registers and the memory of the ivshmem device."""
    for bus in guest.qmp('query-pci'):
        for device in bus['devices']:
            if (device['id']['vendor'], device['id']['device']) == (0x1af4, 0x1110):
                return [('EfiMemoryMappedIO', r['address'], max(r['size'], 4 * KIB))
                        for r in device['regions'] if r['bar'] in (0, 2)]
    return []


def check_ram(bench, arch, document, size, others):
    """Every byte of RAM."""
    start = RAM_START[arch]
    everything = ranges(document['descriptors'])
    ram = [r for r in everything if start <= r[0] < start + size]
    holes, at = [], start
    for base, length, _, _ in ram:
        if base > at:
            holes.append((at, base - at))
        at = base + length
    if at != start + size:
        holes.append((at, start + size - at))
    bench.equal(holes, HOLES[arch], 'RAM that the map leaves out')
    missing = sum(length for _, length in HOLES[arch])
    bench.equal(sum(r[1] for r in ram), size - missing,
                'its sum is %d MiB less the %d bytes left out' % (size // MIB, missing))
    bench.equal([(r[2], r[0], r[1]) for r in everything if r not in ram],
                sorted(OTHERS[arch] + others, key=lambda r: r[1]),
                'and nothing else but what is known')
    summary = document['summary']
    kept = sum(r[1] for r in ram if r[2] in ('EfiReservedMemoryType', 'EfiACPIReclaimMemory',
                                             'EfiACPIMemoryNVS', 'EfiUnusableMemory'))
    bench.equal(summary['usable'] + summary['runtime_reserved'] + kept, size - missing,
                'usable, runtime-reserved and the rest are all of it')
    bench.equal(sum(summary['by_type'].values()), sum(r[1] for r in everything),
                'the sums by type are all of the map')


def check_images(bench, arch, document, own):
    images = document['images']
    names = {i['name'] for i in images if i['name']}
    bench.equal(names, DRIVERS[arch], 'the runtime drivers, by name')
    bench.equal(len(images), len(DRIVERS[arch]) + own, 'and no image else')
    program = os.path.join(vm.BUILD, 'src', 'runtserv')
    files = json.loads(subprocess.run([program, 'fw', 'list', '--json', CODE[arch]], check=True,
                                      stdout=subprocess.PIPE).stdout)['files']
    known = {(f['name'], f['guid'], f['size']) for f in files if f['subsystem'] == 'runtime-driver'}
    for image in images:
        base, size = int(image['base'], 16), image['size']
        inside = [r for r in ranges(document['descriptors']) if r[0] <= base and
                  base + size <= r[0] + r[1] and r[2] == 'EfiRuntimeServicesCode']
        bench.ok(len(inside) == 1 and size > 0 and image['code_type'] == 'EfiRuntimeServicesCode',
                 '%s lies in runtime code' % image['name'], image)
        if image['name']:
            bench.ok((image['name'], image['guid']) in {(k[0], k[1]) for k in known},
                     '%s is that driver of the image' % image['name'], known)
            bench.ok(image['path'].lower().endswith('/fvfile(%s)' % image['guid']),
                     'its path ends in its GUID', image['path'])
        else:
            bench.ok(image['guid'] is None and re.search(r'/Pci\(.*Offset\(', image['path']),
                     'our driver comes from an option ROM', image['path'])


def check_printed(bench, text, printed, descriptors):
    table, sums = text.split('\n\n')[:2]
    bench.ok(table in printed and table.count('\n') == descriptors, 'the guest has printed the same table',
             table + '\nprinted:\n' + printed)
    bench.ok(sums in printed, 'and the same sums', sums + '\nprinted:\n' + printed)


def check_file(bench, arch, name, size, others=()):
    with open(name, encoding='utf-8') as f:
        saved = json.load(f)
    bench.equal(saved['schema'], 'runtserv.inventory/1', '%s: its schema' % name)
    status, text = memmap(name)
    bench.equal(status, 0, 'the host reads it, and the map breaks no rule')
    if name == 'inv.json':
        with open(take_file('printed'), encoding='ascii') as f:
            check_printed(bench, text, f.read(), len(saved['map']['descriptors']))
    status, text = memmap('--json', name)
    document = json.loads(text)
    bench.equal(saved['map']['summary'], document['summary'], 'and it has saved them')
    bench.equal(saved['images'], document['images'], 'the images are those of the file')
    check_ram(bench, arch, document, size, list(others))
    check_images(bench, arch, document, bool(others))


def start_by_option(bench, guest, arch, size):
    """No shell: the words come as load options. After it firmware shows its menu."""
    guest.type('reset\r')
    end = time.monotonic() + vm.BOOT_TIMEOUT
    while not complete('sub/boot.json'):
        if time.monotonic() > end:
            raise vm.Failure('no complete sub/boot.json')
        guest.serial.read(1)
    guest.qmp('quit')
    guest.wait_end()
    check_file(bench, arch, take_file('sub/boot.json'), size)


def test(bench):
    kind = sys.argv[1]
    arch = 'arm64' if kind == 'arm64' else 'amd64'
    megabytes = {'256M': 256, '2G': 2048}.get(kind, 512)
    app = os.path.join(vm.BUILD, 'guest', 'inventory-%s.efi' % {'amd64': 'x64', 'arm64': 'aa64'}[arch])
    make_image(app)
    own = kind == 'driver'
    if own:
        vm.Daemon(bench)
    guest = vm.Vm(bench, arch=arch, linux=False, image='esp.img', memory=megabytes, device=own)
    size = guest.qmp('query-memory-size-summary')['base-memory']
    bench.equal(size, megabytes * MIB, 'what QEMU was given')
    first = guest.wait_for(r'^status of the first: (\S+)\n', vm.BOOT_TIMEOUT)
    second = guest.wait_for(r'^(inventory: fs0:.*)\nstatus of the second: (\S+)\n', 60)
    third = guest.wait_for(r'^(Usage: .*\n(?:.*\n)*)status of the third: (\S+)\n', 60)
    guest.wait_for('^script ends', 60)
    others = device_regions(guest)
    bench.equal(len(others), 2 * own, 'the device, as QEMU sees it')
    bench.equal(first[1], '0x0', 'the application ends well')
    bench.equal((second[1], second[2]),
                ('inventory: fs0:other.json: names a volume; wanted is a file on ours',
                 '0x2'), 'another volume is refused')
    bench.equal(third[2], '0x2', 'so is an unknown option')
    if kind == '256M':
        start_by_option(bench, guest, arch, size)
    else:
        guest.type('reset -s\r')
        guest.wait_end()
    check_file(bench, arch, take_file('inv.json'), size, others)


sys.exit(vm.main('inventory-' + sys.argv[1], test))
