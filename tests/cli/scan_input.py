#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""`runtserv scan` and where its memory comes from: the whole program, and what it does not take.

usage: scan_input.py RUNTSERV
"""
import os
import shutil
import subprocess
import sys
import tempfile
import time

PROGRAM = sys.argv[1]
LARGE = 2 << 30
count = failed = 0


def ok(good, what, detail=''):
    global count, failed
    count += 1
    failed += not good
    print('%sok %d - %s' % ('' if good else 'not ', count, what), flush=True)
    if not good:
        print('# %r' % (detail,), flush=True)


def refused(args, part, what, before=(), **options):
    """Exit 2, nothing on stdout, one line on stderr with these words in it."""
    done = subprocess.run([*before, PROGRAM, 'scan', *args], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False, **options)
    said = done.stderr.decode()
    ok(done.returncode == 2 and not done.stdout and said.startswith('runtserv scan: ') and
       said.count('\n') == 1 and part in said, what, (done.returncode, done.stdout, said))


def large(name):
    """As large as a machine's memory; it takes no room on the disk."""
    with open(name, 'wb') as f:
        f.truncate(LARGE)


def peak_of(args):
    """Exit status, and the most memory that the process had at once."""
    with subprocess.Popen([PROGRAM, *args], stdout=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, usage.ru_maxrss * 1024


def cut_while_read():
    large('cut')
    with subprocess.Popen([PROGRAM, 'scan', 'cut'], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as process:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            with open('/proc/%d/maps' % process.pid, encoding='utf-8') as maps:
                if '/cut\n' in maps.read():
                    break
        os.truncate('cut', 4096)
        out, said = process.communicate()
    ok((process.returncode, out, said) == (2, b'', b'runtserv scan: cut: was cut short while it was read\n'),
       'an image that is cut while it is read', (process.returncode, out, said))


def main():
    refused(['-'], 'must be a file', 'a pipe', input=b'x' * 100000)
    refused(['/dev/null'], 'cannot be mapped', 'a device')
    refused(['.'], 'Is a directory', 'a folder')
    refused(['missing'], 'No such file', 'no file')
    with open('disk', 'wb') as f:
        f.write(b'QFI\xfb' + bytes(100000))
    refused(['disk'], 'disk: qcow2, a disk image', 'a disk image')
    refused(['--qmp', 'missing'], 'missing: No such file', 'no monitor')
    if shutil.which('setarch'):
        refused(['--live'], 'this machine is i686', 'another machine', before=('setarch', 'i686'))
    if os.geteuid() != 0 or not os.path.exists('/sys/firmware/efi'):
        refused(['--live'], '--live: ', 'a machine that cannot be looked at')
    large('large')
    status, peak = peak_of(['scan', 'large'])
    ok(status == 1, 'a large image without UEFI', status)
    ok(peak < LARGE // 8, 'is not in memory at once', peak)
    cut_while_read()


with tempfile.TemporaryDirectory() as folder:
    PROGRAM = os.path.abspath(PROGRAM)
    os.chdir(folder)
    main()
    os.chdir('/')
print('1..%d' % count)
sys.exit(failed != 0)
