#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The UEFI shell runs guest/selftest.c: the variable services as boot-time programs see them.

The shell also makes a volatile variable, which only a boot-time program can, and resets the machine:
the script then finds the non-volatile one and not the other.

usage: t_shell.py amd64|arm64
"""
import os
import shutil
import sys

import vm

GUID = '3a5a6c2d-1f9b-4c5e-9d53-6f1c2b8a7e04'
SCRIPT = '''@echo -off
fs0:
setvar Kept -guid {0}
if %lasterror% == 0 then
  echo found: kept
  setvar Volatile -guid {0}
  if %lasterror% == 0 then
    echo found: volatile
  endif
  echo script ends
  reset -s
endif
selftest.efi
setvar Kept -guid {0} -nv -bs -rt =01020304
setvar Volatile -guid {0} -bs -rt =05
setvar Volatile -guid {0}
if %lasterror% == 0 then
  echo found: volatile, before the reset
endif
reset
'''.format(GUID)


def without_daemon(bench, arch):
    """Nobody writes the header: after two seconds the driver leaves the firmware's services alone."""
    before = vm.store()
    os.unlink('vars.sock.shm')
    guest = vm.Vm(bench, arch=arch, doorbell=False, linux=False, disk='esp')
    guest.wait_for('^found: kept', 2 * vm.BOOT_TIMEOUT)  # after a reset: it is in the flash
    guest.wait_for('^script ends', 60)
    guest.wait_end()
    bench.ok(True, 'no daemon: the firmware keeps its own variables')
    bench.equal(vm.store(), before, 'no daemon: the host\'s file is as it was')


def test(bench):
    arch = sys.argv[1]
    efi = os.path.join(vm.BUILD, 'guest', 'selftest-%s.efi' % {'amd64': 'x64', 'arm64': 'aa64'}[arch])
    os.mkdir('esp')
    shutil.copy(vm.need(efi, 'the self-test'), 'esp/selftest.efi')
    with open('esp/startup.nsh', 'w', encoding='ascii') as f:
        f.write(SCRIPT.replace('\n', '\r\n'))
    daemon = vm.Daemon(bench)
    guest = vm.Vm(bench, arch=arch, linux=False, disk='esp')
    verdict = guest.wait_for(r'selftest: (\d+) passed, (\d+) failed', vm.BOOT_TIMEOUT)
    bench.ok(int(verdict[1]) > 0 and int(verdict[2]) == 0, 'in the shell: ' + verdict[0])
    guest.wait_for('^found: volatile, before the reset', 60)
    kept = guest.wait_for('^found: kept', vm.BOOT_TIMEOUT).end()
    end = guest.wait_for('^script ends', 60).start()
    bench.ok('volatile' not in guest.text[kept:end], 'reset: the volatile variable is gone')
    guest.wait_end()
    bench.equal(vm.store().get('Kept-' + GUID), (7, b'\1\2\3\4'), 'setvar reaches the host\'s file')
    bench.ok('Volatile-' + GUID not in vm.store(), 'a volatile variable does not')
    bench.equal(daemon.stop(), 0, 'the daemon ends well')
    without_daemon(bench, arch)


sys.exit(vm.main('shell-' + sys.argv[1], test))
