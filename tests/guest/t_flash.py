#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A flash image of ours under stock OVMF: it finds our variables there, and we find its own.

The firmware keeps its variables itself; neither the daemon nor our driver has a part in this.
"""
import json
import os
import subprocess
import sys
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


def convert(source, target):
    subprocess.run([vm.need(CONVERT, 'the converter'), source, target], check=True)


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


sys.exit(vm.main('flash', test))
