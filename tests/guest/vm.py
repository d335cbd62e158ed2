# SPDX-License-Identifier: BSD-2-Clause
"""Harness for guests under QEMU: the daemon, the machine, its console, and TAP results.

A test is a function that takes a Bench and is given to main(). Everything it starts lives in one
work folder and ends with it. TCG only: KVM would be faster, but is not everywhere.
Environment: RUNTSERV_BUILD, the build folder; RUNTSERV_LINUX, the folder of tools/guest-linux.
"""
import ctypes
import json
import os
import queue
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get('RUNTSERV_BUILD') or os.path.join(TOP, 'build'))
LINUX = os.path.abspath(os.environ.get('RUNTSERV_LINUX') or os.path.join(TOP, 'build-linux'))
ROM = os.path.join(BUILD, 'guest', 'runtserv.rom')

BOOT_TIMEOUT = 150  # a guest takes about 8 s on an idle machine
TROUBLE = re.compile(r'Kernel panic|Oops|BUG:|Unable to handle|general protection|X64 Exception')
WARNINGS = r'WARNING:|BUG:|Oops|Call Trace|Firmware Bug|Firmware Warn|soft lockup|page fault|' \
           r'efi.*(fail|error|invalid)|runtime service'
INCOMPLETE = re.compile(r'\x1b[\[(;=?0-9]*$')  # the rest comes with the next characters
COLOURS = re.compile(r'\x1b\[[0-9;=?]*[A-Za-z]|\x1b[()][A-Z0-9]')


class Skip(Exception):
    """This machine lacks something that the test needs."""


class Failure(Exception):
    """The test cannot go on."""


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def need(path, what):
    if not os.path.exists(path):
        raise Skip('%s: no %s' % (what, path))
    return path


def need_program(name):
    found = shutil.which(name)
    if not found:
        raise Skip('no ' + name)
    return found


class Daemon:
    """`runtserv serve` on store.json, on vars.sock and vars.sock.shm."""

    def __init__(self, bench, qmp=False, options=()):
        self.args = [need(os.path.join(BUILD, 'src', 'runtserv'), 'the program'), 'serve',
                     '--store', 'store.json', '--ivshmem', 'vars.sock', *options]
        if qmp:
            self.args += ['--qmp', 'daemon.qmp']
        self.bench = bench
        self.start()

    def start(self):
        """Starts it and waits until it says READY=1 as it does to a service manager."""
        name = 'runtserv-test-%d-%d' % (os.getpid(), time.monotonic_ns())
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.bind('\0' + name)
            notify.settimeout(10)
            with open('daemon.log', 'ab') as log:
                self.process = self.bench.spawn(self.args, stderr=log, stdout=log,
                                                env={**os.environ, 'NOTIFY_SOCKET': '@' + name})
            try:
                while b'READY=1' not in notify.recv(4096):
                    pass
            except socket.timeout:
                raise Failure('the daemon does not become ready: ' + self.log()) from None

    def kill(self):
        """kill -9"""
        self.process.kill()
        self.process.wait()

    def stop(self):
        """SIGTERM. Returns the exit status."""
        self.process.terminate()
        return self.process.wait(10)

    def cpu_seconds(self):
        with open('/proc/%d/stat' % self.process.pid, encoding='ascii') as stat:
            fields = stat.read().rsplit(')', 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')

    @staticmethod
    def log():
        with open('daemon.log', encoding='utf-8', errors='replace') as log:
            return log.read()


def store():
    """The variables of store.json: "Name-guid" -> (attributes, data)."""
    with open('store.json', encoding='utf-8') as f:
        text = f.read()
    return {v['name'] + '-' + v['guid']: (v['attr'], bytes.fromhex(v['data']))
            for v in (json.loads(text)['variables'] if text else [])}


class Channel:
    """The end of a Unix socket that QEMU connects to."""

    def __init__(self, name):
        if os.path.exists(name):
            os.unlink(name)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(name)
        self.listener.listen(1)
        self.listener.settimeout(20)
        self.socket = None

    def accept(self):
        try:
            self.socket = self.listener.accept()[0]
        except socket.timeout:
            raise Failure('QEMU does not start') from None
        self.listener.close()

    def read(self, timeout):
        """What has come, b'' when it has closed, None when nothing came in time."""
        if not select.select([self.socket], [], [], timeout)[0]:
            return None
        try:
            return self.socket.recv(65536)
        except ConnectionError:
            return b''


class Console(Channel):
    """A serial port. A thread takes what it says: a socket is full after some 300 unread characters,
    for QEMU sends each by itself, and the firmware's shell ends where it cannot clear its screen."""

    def accept(self):
        super().accept()
        self.said = queue.SimpleQueue()
        threading.Thread(target=self.drain, daemon=True).start()

    def drain(self):
        while True:
            got = super().read(None)
            self.said.put(got)
            if not got:
                return

    def read(self, timeout):
        try:
            got = self.said.get(timeout=timeout)
        except queue.Empty:
            return None
        if not got:
            self.said.put(got)  # for the next one, too
        return got


class Vm:
    """A QEMU with stock firmware and our option ROM.

    arch      'amd64' or 'arm64'
    machine   'q35' or 'pc' ('virt' for arm64)
    smm       firmware that keeps its own variables behind SMM (q35 only)
    doorbell  ivshmem-doorbell; otherwise ivshmem-plain, which the daemon polls
    linux     boot Debian's kernel directly; otherwise the firmware chooses
    append    more of the kernel's command line
    disk      a folder to show as a FAT disk
    image     a disk image that the guest may write: raw, or NAME.qcow2
    memory    of the machine, in MiB
    device    the ivshmem device with our option ROM
    qmp       a monitor for the daemon, too
    snapshots the firmware's own variables in qcow2, so that savevm works
    cpu       its model, where that is not QEMU's own choice
    smp       how many of them
    initrd    another one than that of tools/guest-linux
    kernel    the same
    """

    def __init__(self, bench, arch='amd64', machine='q35', smm=False, doorbell=True, linux=True,
                 append='', disk=None, qmp=False, snapshots=False, kvm=False, image=None,
                 memory=512, device=True, cpu=None, smp=2, initrd=None,
                 kernel=None):
        self.bench = bench
        self.arch = arch
        self.text = ''   # all that the console said
        self.seen = 0    # how far wait_for() has come
        self.held = ''   # the beginning of an escape sequence
        args = [need_program('qemu-system-' + {'amd64': 'x86_64', 'arm64': 'aarch64'}[arch])]
        args += self.machine_args(machine, smm, snapshots, kvm, smp) + ['-m', str(memory)]
        if cpu:
            args += ['-cpu', cpu]
        if linux:
            args += self.linux_args(append, initrd, kernel)
        if disk:
            args += ['-drive', 'file=fat:%s,format=raw,if=none,id=esp,readonly=on' % disk,
                     '-device', 'virtio-blk-pci,drive=esp']
        if image:
            kind = 'qcow2' if image.endswith('.qcow2') else 'raw'
            args += ['-drive', 'file=%s,format=%s,if=none,id=image' % (image, kind),
                     '-device', 'virtio-blk-pci,drive=image']
        if device:
            need(ROM, 'the option ROM')
        if device and doorbell:
            args += ['-chardev', 'socket,path=vars.sock,id=vars', '-device',
                     'ivshmem-doorbell,vectors=1,chardev=vars,master=on,romfile=' + ROM]
        elif device:
            args += ['-object',
                     'memory-backend-file,id=vars,share=on,mem-path=vars.sock.shm,size=1M',
                     '-device', 'ivshmem-plain,memdev=vars,master=on,romfile=' + ROM]
        if qmp:
            args += ['-chardev', 'socket,id=daemon,path=daemon.qmp,server=on,wait=off',
                     '-mon', 'chardev=daemon,mode=control']
        args += ['-chardev', 'socket,id=monitor,path=monitor.sock', '-mon',
                 'chardev=monitor,mode=control', '-chardev',
                 'socket,id=serial,path=serial.sock,logfile=serial.log,logappend=on',
                 '-serial', 'chardev:serial']
        monitor, self.serial = Channel('monitor.sock'), Console('serial.sock')
        with open('qemu.log', 'ab') as log:
            log.write((' '.join(args) + '\n').encode())
            log.flush()
            self.process = bench.spawn(args, stdout=log, stderr=log)
        monitor.accept()
        self.serial.accept()
        self.monitor = monitor.socket.makefile('rw', encoding='utf-8')
        self.monitor.readline()
        self.qmp('qmp_capabilities')

    def machine_args(self, machine, smm, snapshots, kvm, smp):
        if self.arch == 'arm64':
            code, own = '/usr/share/AAVMF/AAVMF_CODE.fd', '/usr/share/AAVMF/AAVMF_VARS.fd'
            args = ['-machine', 'virt,accel=tcg', '-cpu', 'cortex-a57', '-smp', '1']
        else:
            code = '/usr/share/OVMF/OVMF_CODE_4M%s.fd' % ('.secboot' if smm else '')
            own = '/usr/share/OVMF/OVMF_VARS_4M.fd'
            args = ['-machine', '%s,accel=%s%s' % (machine, 'kvm' if kvm else 'tcg',
                                                   ',smm=on' if smm else ''), '-smp', str(smp)]
            if smm:
                args += ['-global', 'driver=cfi.pflash01,property=secure,value=on']
        need(code, 'firmware')
        need(own, 'firmware')
        kind = 'qcow2' if snapshots else 'raw'
        if not os.path.exists('firmware-vars'):
            if snapshots:
                subprocess.run([need_program('qemu-img'), 'convert', '-q', '-f', 'raw', '-O',
                                'qcow2', own, 'firmware-vars'], check=True)
            else:
                shutil.copyfile(own, 'firmware-vars')
        return args + [
            '-display', 'none', '-nic', 'none', '-nodefaults',
            '-drive', 'if=pflash,format=raw,unit=0,readonly=on,file=' + code,
            '-drive', 'if=pflash,format=%s,unit=1,file=firmware-vars' % kind]

    def linux_args(self, append, initrd, kernel):
        folder = os.path.join(LINUX, self.arch)
        return ['-kernel', need(kernel or folder + '/vmlinuz', 'no Linux guest (tools/guest-linux)'),
                '-initrd', need(initrd or folder + '/initrd', 'no Linux guest (tools/guest-linux)'),
                '-append', command_line(self.arch) + ' ' + append]

    def version(self):
        return 'QEMU %(major)d.%(minor)d.%(micro)d' % self.qmp('query-version')['qemu']

    def qmp(self, command, **arguments):
        """Executes a monitor command and returns its answer; events are not kept."""
        self.monitor.write(json.dumps({'execute': command, 'arguments': arguments}) + '\n')
        self.monitor.flush()
        for line in self.monitor:
            answer = json.loads(line)
            if 'error' in answer:
                raise Failure('%s: %s' % (command, answer['error']['desc']))
            if 'return' in answer:
                return answer['return']
        raise Failure('QEMU has gone')

    def hmp(self, line):
        said = self.qmp('human-monitor-command', **{'command-line': line})
        if said.strip():
            raise Failure('%s: %s' % (line, said.strip()))

    def wait_for(self, pattern, timeout):
        """Waits until the console has said something that matches; returns the match."""
        end = time.monotonic() + timeout
        pattern = re.compile(pattern, re.M)
        while True:
            match = pattern.search(self.text, self.seen)
            if match:
                self.seen = match.end()
                return match
            trouble = TROUBLE.search(self.text, self.seen)
            if trouble:
                raise Failure('the guest says "%s"' % trouble[0])
            left = end - time.monotonic()
            got = self.serial.read(left) if left > 0 else None
            if got is None:
                raise Failure('the guest does not say /%s/ in %d s' % (pattern.pattern, timeout))
            if not got:
                raise Failure('QEMU has ended, before /%s/' % pattern.pattern)
            text = self.held + got.decode('utf-8', 'replace')
            cut = INCOMPLETE.search(text)
            self.held = cut[0] if cut else ''
            self.text += COLOURS.sub('', text[:cut.start() if cut else None]).replace('\r', '')

    def wait_linux(self):
        """Waits for the first process of the test guest; returns the kernel's version."""
        return self.wait_for(r'^.*@@ ready (\S+) \S+\n', BOOT_TIMEOUT)[1]

    def type(self, text):
        self.serial.socket.sendall(text.encode())

    def run(self, command, timeout=60):
        """Runs a line in the guest's shell; returns its status and what it printed."""
        start = self.seen
        self.type(command + '\n')
        match = self.wait_for(r'@@ (\d+)\n', timeout)
        return int(match[1]), self.text[start:match.start()].strip()

    def agent(self, *args, timeout=60):
        """tests/guest/agent.c in the guest; returns what it printed."""
        return self.run('agent ' + ' '.join(args), timeout)[1]

    def kernel_warnings(self):
        """Lines of the kernel's log that should not be there."""
        return self.run("dmesg | grep -E '%s'" % WARNINGS)[1]

    def reboot(self):
        self.type('reboot -f\n')

    def power_off(self):
        self.type('poweroff -f\n')
        self.wait_end()

    def wait_end(self, timeout=60):
        end = time.monotonic() + timeout
        while self.process.poll() is None:
            if time.monotonic() > end:
                raise Failure('QEMU does not end')
            if not self.serial.read(0.1):
                time.sleep(0.02)


def command_line(arch):
    console = {'amd64': 'ttyS0,115200', 'arm64': 'ttyAMA0'}[arch]
    return 'console=%s rdinit=/init quiet oops=panic' % console


class Bench:
    """Results, processes and the work folder of one test."""

    def __init__(self, name):
        self.count = 0
        self.failed = 0
        self.processes = []
        self.folder = os.path.join(BUILD, 'guest-tests', name)
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        os.chdir(self.folder)  # sockets have short names there

    def spawn(self, args, **options):
        process = subprocess.Popen(args, stdin=subprocess.DEVNULL, preexec_fn=die_with_parent,
                                   **options)
        self.processes.append(process)
        return process

    def ok(self, good, name, detail=''):
        """One TAP result."""
        self.count += 1
        self.failed += not good
        print('%sok %d - %s' % ('' if good else 'not ', self.count, name), flush=True)
        if not good and detail != '':
            self.say(str(detail))
        return good

    def equal(self, got, want, name):
        return self.ok(got == want, name, 'got:  %r\nwant: %r' % (got, want))

    @staticmethod
    def say(text):
        print('\n'.join('# ' + line for line in text.splitlines()), flush=True)

    def tails(self):
        for name in ('serial.log', 'daemon.log', 'qemu.log'):
            if os.path.exists(name):
                with open(name, 'rb') as f:
                    text = COLOURS.sub('', f.read().decode('utf-8', 'replace'))
                self.say('last lines of %s/%s:' % (self.folder, name))
                self.say('\n'.join(text.splitlines()[-25:]))

    def clean(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()


def main(name, test):
    """Runs a test and prints TAP. Exit status 0 unless something failed."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    bench = Bench(name)
    started = time.monotonic()
    try:
        test(bench)
        bench.say('%.1f s' % (time.monotonic() - started))
    except Skip as reason:
        if bench.count:
            bench.ok(False, 'runs to its end', 'cannot go on: %s' % reason)
        else:
            print('1..0 # SKIP %s' % reason)
            return 0
    except (Failure, subprocess.SubprocessError, OSError) as reason:
        bench.ok(False, 'runs to its end', '%s: %s' % (type(reason).__name__, reason))
    finally:
        bench.clean()
    if bench.failed:
        bench.tails()
    print('1..%d' % bench.count)
    return 1 if bench.failed else 0
