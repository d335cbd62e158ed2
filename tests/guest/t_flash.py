#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A flash image of ours under stock OVMF: it finds our variables there, and we find its own.

The firmware keeps its variables itself; neither the daemon nor our driver has a part in this.
"""
import json
import os
import subprocess
import sys
import time
import zlib

import vm

GUID = '3a5a6c2d-1f9b-4c5e-9d53-6f1c2b8a7e04'
GLOBAL = '8be4df61-93ca-11d2-aa0d-00e098032b8c'
CONVERT = os.path.join(vm.BUILD, 'tests', 'guest', 'store_convert')
BIG = bytes((i * 7 + (i >> 8)) & 255 for i in range(20000))  # as the agent's fill:20000


def variable(name, data, attr=7):
    return {'name': name, 'guid': GUID, 'attr': attr, 'data': data.hex()}


def write(name, variables):
    with open(name, 'w', encoding='utf-8') as f:
        json.dump({'version': 2, 'variables': variables}, f)


def read(name):
    with open(name, encoding='utf-8') as f:
        return {v['name'] + '-' + v['guid']: (v['attr'], bytes.fromhex(v['data']))
                for v in json.load(f)['variables']}


def convert(*args):
    subprocess.run([vm.need(CONVERT, 'the converter'), *args], check=True)


# Firmware that starts with an image and without an operating system.
MACHINES = {
    '2m': ['qemu-system-x86_64', '-machine', 'pc,accel=tcg', '-m', '256',
           '/usr/share/OVMF/OVMF_CODE.fd'],
    'aavmf': ['qemu-system-aarch64', '-machine', 'virt,accel=tcg', '-cpu', 'cortex-a57', '-m', '256',
              '/usr/share/AAVMF/AAVMF_CODE.fd'],
}


def firmware_only(bench, layout):
    """Ends QEMU in the middle of its writing, as a loss of power would."""
    *args, code = MACHINES[layout]
    if not os.path.exists(code):
        bench.say('no ' + code)
        return
    image = layout + '.fd'
    convert('ours.json', image, layout)
    args += ['-display', 'none', '-nic', 'none', '-nodefaults',
             '-drive', 'if=pflash,format=raw,unit=0,readonly=on,file=' + code,
             '-drive', 'if=pflash,format=raw,unit=1,file=' + image]
    vm.need_program(args[0])
    with open('qemu.log', 'ab') as log:
        qemu = bench.spawn(args, stdout=log, stderr=log)
    found, end = {}, time.monotonic() + vm.BOOT_TIMEOUT
    while 'BootOrder-' + GLOBAL not in found and time.monotonic() < end:
        time.sleep(0.3)
        # read while it is written, it may be torn; then it is read again
        if subprocess.run([CONVERT, image, 'now.json'], stderr=subprocess.DEVNULL,
                          check=False).returncode == 0:
            found = read('now.json')
    refused = subprocess.run([CONVERT, 'ours.json', image], capture_output=True, check=False)
    bench.ok(b'locked by another process' in refused.stderr,
             layout + ': not written while QEMU has it', refused.stderr)
    # AAVMF's driver erases a block and writes it again in place: what is lost there, it would miss itself
    while layout == 'aavmf' and time.time() - os.stat(image).st_mtime < 4 and time.monotonic() < end:
        time.sleep(0.3)
    qemu.kill()
    qemu.wait()
    convert(image, 'now.json')
    found = read('now.json')
    bench.ok('BootOrder-' + GLOBAL in found, layout + ': the firmware writes its own', found.keys())
    bench.equal([n for n, v in read('ours.json').items() if found.get(n) != v], [],
                layout + ': and keeps ours')


def boot_entry(bench):
    """An entry for a file on a partition, made of the disk's table alone: the firmware starts it."""
    *args, code = MACHINES['2m']
    if not os.path.exists(code):
        bench.say('no ' + code)
        return
    for tool in (args[0], 'mformat', 'mcopy'):
        vm.need_program(tool)
    runtserv = vm.need(os.path.join(vm.BUILD, 'src', 'runtserv'), 'the program')
    app = vm.need(os.path.join(vm.BUILD, 'guest', 'inventory-x64.efi'), 'the application')
    subprocess.run([sys.executable, os.path.join(vm.TOP, 'tests', 'cli', 'vars_disk.py'), 'disk.raw', 'blocks=8192'],
                   check=True)
    for tool in (['mformat', '-T', str(8192 - 48 - 64), '-h', '16', '-s', '63', '::'], ['mcopy', app, '::app.efi']):
        subprocess.run([tool[0], '-i', 'disk.raw@@32768', *tool[1:]], check=True,
                       env={**os.environ, 'MTOOLS_SKIP_CHECK': '1'})
    convert('ours.json', 'boot.fd', '2m')
    subprocess.run([runtserv, 'vars', 'boot', '--add', 'From disk', '--disk', 'disk.raw', '--file', '/app.efi', 'boot.fd'],
                   check=True)
    with open('qemu.log', 'ab') as log:
        qemu = bench.spawn(args + ['-display', 'none', '-nic', 'none', '-nodefaults', '-serial', 'file:serial.log',
                                   '-drive', 'if=pflash,format=raw,unit=0,readonly=on,file=' + code,
                                   '-drive', 'if=pflash,format=raw,unit=1,file=boot.fd',
                                   '-drive', 'if=virtio,format=raw,file=disk.raw'], stdout=log, stderr=log)
    said, end = b'', time.monotonic() + vm.BOOT_TIMEOUT
    while b'ConventionalMemory' not in said and time.monotonic() < end:
        time.sleep(0.3)
        with open('serial.log', 'rb') as f:
            said = f.read()
    qemu.kill()
    qemu.wait()
    bench.ok(b'"From disk" from HD(2,GPT,11111111-2222-3333-4444-000000000002,' in said.replace(b'\0', b''),
             'the firmware follows an entry to its partition', said[:500])
    bench.ok(b'ConventionalMemory' in said, 'and starts what is there', said[-500:])


def test(bench):
    many = [variable('Many%03d' % i, bytes([i]) * i) for i in range(1, 200)]
    write('ours.json', [variable('Ours', b'from the host'), variable('Big', BIG),
                        variable('Boot only', b'x', attr=3)] + many)
    convert('ours.json', 'new.fd')
    os.rename('new.fd', 'firmware-vars')  # what the harness boots with

    guest = vm.Vm(bench, device=False, machine='q35')
    guest.wait_linux()
    listed = guest.agent('list')
    bench.ok('list ok' in listed and 'unreadable=0' in listed, 'efivarfs lists and reads all',
             listed)
    bench.ok('attributes=0x7 size=13 crc=%08x ' % zlib.crc32(b'from the host')
             in guest.agent('get', 'Ours-' + GUID), 'the guest has our variable')
    bench.ok('size=20000 crc=%08x ' % zlib.crc32(BIG) in guest.agent('get', 'Big-' + GUID),
             'and a large one')
    missing = [v['name'] for v in many if 'var %s-%s size=%d' % (
        v['name'], GUID, len(v['data']) // 2) not in listed]
    bench.equal(missing, [], 'and 199 small ones')
    bench.ok('var Boot only' not in listed, 'not what is for boot time only')
    for i in range(20):
        guest.agent('set', 'Guest-' + GUID, '7', 'text:value-%d' % i)
    bench.equal(guest.agent('delete', 'Many007-' + GUID), 'delete ok', 'the guest deletes one')
    guest.power_off()

    convert('firmware-vars', 'after.json')
    after, before = read('after.json'), read('ours.json')
    bench.equal(after.get('Guest-' + GUID), (7, b'value-19'), 'we find what the guest wrote')
    gone = [n for n in before if after.get(n) != before[n]]
    bench.equal(gone, ['Many007-' + GUID], 'ours are as they were, but for what was deleted')
    for name in ('BootOrder', 'ConOut', 'PlatformLang'):
        bench.ok('%s-%s' % (name, GLOBAL) in after, 'we find the firmware\'s ' + name)

    # over the image that the firmware has used
    rest = json.load(open('after.json', encoding='utf-8'))['variables']
    write('edited.json', rest + [variable('Second', b'of two')])
    convert('edited.json', 'firmware-vars')
    guest = vm.Vm(bench, device=False, machine='q35')
    guest.wait_linux()
    for name, value in (('Second', b'of two'), ('Guest', b'value-19')):
        bench.ok('attributes=0x7 size=%d crc=%08x ' % (len(value), zlib.crc32(value))
                 in guest.agent('get', '%s-%s' % (name, GUID)), 'the second boot has ' + name)
    guest.power_off()
    convert('firmware-vars', 'last.json')
    last = read('last.json')
    bench.equal([n for n in read('edited.json') if n not in last], [], 'nothing is lost')
    for layout in MACHINES:
        firmware_only(bench, layout)
    boot_entry(bench)


sys.exit(vm.main('flash', test))
