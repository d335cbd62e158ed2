#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""`runtserv scan --qmp` and a real QEMU: whatever happens, a guest that ran runs again.

Also when the scan is killed, when QEMU's dump fails, and when nobody waits for its end. What the
scan says of the guest is the matter of t_scan.py.
"""
import json
import os
import re
import resource
import select
import signal
import subprocess
import sys
import time

import vm

MEGABYTES = 512
FIRMWARE = '/usr/share/ovmf/OVMF.fd'


class Monitor:
    """The test's own, beside that of the scan."""

    def __init__(self, name):
        channel = vm.Channel(name)
        self.channel = channel
        self.events = []

    def begin(self):
        self.channel.accept()
        self.file = self.channel.socket.makefile('rw', encoding='utf-8')
        self.file.readline()
        self.command('qmp_capabilities')

    def line(self):
        line = self.file.readline()
        if not line:
            raise vm.Failure('QEMU has gone')
        said = json.loads(line)
        if 'event' in said:
            self.events.append(said['event'])
        return said

    def command(self, name, **arguments):
        self.file.write(json.dumps({'execute': name, 'arguments': arguments}) + '\n')
        self.file.flush()
        while True:
            said = self.line()
            if 'error' in said:
                raise vm.Failure('%s: %s' % (name, said['error']['desc']))
            if 'return' in said:
                return said['return']

    def status(self):
        return self.command('query-status')['status']

    def wait_event(self, name, timeout=60):
        end = time.monotonic() + timeout
        while name not in self.events:
            if not select.select([self.channel.socket], [], [], max(0, end - time.monotonic()))[0]:
                raise vm.Failure('no event %s in %d s, but %s' % (name, timeout, self.events))
            self.line()


class Guest:
    def __init__(self, bench, *options, arch='x86_64', limit=None, memory=MEGABYTES):
        def begin():
            vm.die_with_parent()
            if limit:  # a disk that is full, for QEMU
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

        self.monitor = Monitor('test.qmp')
        if os.path.exists('scan.qmp'):
            os.unlink('scan.qmp')
        args = [vm.need_program('qemu-system-' + arch), '-machine',
                'virt,accel=tcg' if arch == 'aarch64' else 'q35,accel=tcg', '-m', str(memory),
                '-nodefaults', '-display', 'none',
                '-chardev', 'socket,id=scan,path=scan.qmp,server=on,wait=off',
                '-mon', 'chardev=scan,mode=control',
                '-chardev', 'socket,id=test,path=test.qmp', '-mon', 'chardev=test,mode=control',
                '-net', 'none', *options]
        if arch == 'x86_64':
            args += ['-bios', vm.need(FIRMWARE, 'firmware')]
        with open('qemu.log', 'ab') as log:
            self.process = subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            preexec_fn=begin)
        bench.processes.append(self.process)
        self.monitor.begin()

    def wait_long_mode(self):
        """Firmware is there after some milliseconds."""
        for _ in range(600):
            said = self.monitor.command('human-monitor-command', **{'command-line': 'info registers'})
            if int(re.search(r'EFER=([0-9a-f]+)', said)[1], 16) & 0x400:
                return
            time.sleep(0.1)
        raise vm.Failure('the guest does not enter long mode')

    def end(self):
        self.monitor.file.write('{"execute": "quit"}\n')
        self.monitor.file.flush()
        self.process.wait(20)


def start(**env):
    program = vm.need(os.path.join(vm.BUILD, 'src', 'runtserv'), 'the program')
    return subprocess.Popen([program, 'scan', '--json', '--qmp', 'scan.qmp'], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, env={**os.environ, 'TMPDIR': os.getcwd(), **env})


def finish(process):
    out, said = process.communicate(timeout=120)
    return process.returncode, out.decode(), said.decode()


def check_well(bench, guest, state, what):
    status, out, said = finish(start())
    image = json.loads(out)['image'] if out else None
    # 1: the firmware has not come far
    bench.ok(status in (0, 1) and image['format'] == 'elf-core' and image['bytes'] >= MEGABYTES << 20,
             what + ': is scanned', (status, image, said))
    bench.equal(said, '', what + ': without a word')
    bench.equal(guest.monitor.status(), state, what + ': is left so')


def check_states(bench):
    guest = Guest(bench, '-S')
    status, out, said = finish(start())
    bench.ok(status == 2 and out == '' and 'not in 64-bit mode' in said, 'not yet started: says so', said)
    bench.equal(guest.monitor.status(), 'prelaunch', 'not yet started: is left so')
    guest.monitor.command('cont')
    guest.wait_long_mode()
    check_well(bench, guest, 'running', 'running')
    check_well(bench, guest, 'running', 'running, again')
    bench.ok('STOP' in guest.monitor.events and 'RESUME' in guest.monitor.events,
             'it was stopped meanwhile', guest.monitor.events)
    guest.monitor.command('stop')
    check_well(bench, guest, 'paused', 'paused')
    guest.monitor.command('cont')
    return guest


def check_signals(bench, guest):
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        guest.monitor.events.clear()
        process = start()
        guest.monitor.wait_event('STOP')
        bench.equal(guest.monitor.status(), 'save-vm', '%s: while it is stopped' % number.name)
        process.send_signal(number)
        status, out, said = finish(process)
        bench.equal((status, out, said), (-number, '', ''), '%s: ends the scan' % number.name)
        bench.equal(guest.monitor.status(), 'running', '%s: when the guest runs again' % number.name)
    guest.monitor.events.clear()
    process = start()
    guest.monitor.wait_event('STOP')
    process.kill()
    finish(process)
    guest.monitor.wait_event('RESUME')
    bench.equal(guest.monitor.status(), 'running', 'SIGKILL: QEMU itself lets the guest go on')
    check_well(bench, guest, 'running', 'afterwards')


def check_full(bench):
    guest = Guest(bench, limit=64 << 20)
    status, out, said = finish(start())
    bench.ok(status == 2 and out == '' and said.startswith('runtserv scan: scan.qmp: dump-guest-memory: ')
             and said.count('\n') == 1, 'a disk that is full: an error', (status, out, said))
    bench.equal(guest.monitor.status(), 'running', 'and the guest runs on')
    guest.end()


def check_gone(bench):
    guest = Guest(bench)
    process = start()
    guest.monitor.wait_event('STOP')
    guest.process.kill()
    guest.process.wait()
    status, out, said = finish(process)
    bench.ok(status == 2 and out == '' and said.count('\n') == 2 and 'closed the connection' in said,
             'QEMU is killed: an error', (status, out, said))


def test(bench):
    vm.need_program('qemu-system-x86_64')
    guest = check_states(bench)
    check_signals(bench, guest)
    status, out, said = finish(start(TMPDIR='/nonexistent'))
    bench.ok(status == 2 and out == '' and '/nonexistent' in said, 'no place for the dump: an error', said)
    busy = start_client()
    status, out, said = finish(start())
    bench.ok(status == 2 and out == '' and 'nobody greets' in said, 'a monitor that is in use: an error', said)
    busy.close()
    bench.equal(guest.monitor.status(), 'running', 'and the guest has run all the time')
    guest.end()
    check_full(bench)
    check_gone(bench)
    if vm.shutil.which('qemu-system-aarch64'):
        guest = Guest(bench, '-S', arch='aarch64', memory=64)
        status, out, said = finish(start())
        bench.equal((status, out, said), (2, '', 'runtserv scan: scan.qmp: only x86_64 guests are '
                                                 'understood; this one is: aarch64\n'), 'another machine')
        guest.end()
    bench.equal([f for f in os.listdir('.') if not f.endswith(('.qmp', '.log'))], [], 'no file is left')


def start_client():
    client = vm.socket.socket(vm.socket.AF_UNIX)
    client.connect('scan.qmp')
    client.recv(4096)
    return client


signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whoever started us may ignore it, and scan would, too
sys.exit(vm.main('scan-qmp', test))
