#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What a GetVariable costs inside a guest (TCG): ours by doorbell and by polling, beside the firmware's own service
measured in the same boot; and the daemon's CPU time while the guest is idle. Exits 1 when the
firmware's own is faster, or a doorbell guest costs something while it is idle.

usage: RUNTSERV_BUILD=build bench/guest.py
"""
import os
import re
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'tests', 'guest'))
import vm  # noqa: E402

IDLE_SECONDS = 5


def measure(bench, doorbell, smm):
    os.makedirs('esp', exist_ok=True)
    shutil.copy(os.path.join(vm.BUILD, 'guest', 'bench-x64.efi'), 'esp/bench.efi')
    with open('esp/startup.nsh', 'w', encoding='ascii') as script:
        script.write('fs0:\r\nbench.efi\r\n')
    for name in ('store.json', 'store.json.run', 'firmware-vars'):
        if os.path.exists(name):
            os.unlink(name)
    daemon = vm.Daemon(bench)
    guest = vm.Vm(bench, smm=smm, doorbell=doorbell, linux=False, disk='esp')
    line = guest.wait_for(r'bench get (ours_ns=.*calls=\d+)\n', vm.BOOT_TIMEOUT)[1]
    figures = {k: int(v) for k, v in re.findall(r'(\w+)=(\d+)', line)}
    vm.time.sleep(2)  # the shell's prompt
    before = daemon.cpu_seconds()
    vm.time.sleep(IDLE_SECONDS)
    idle = (daemon.cpu_seconds() - before) / IDLE_SECONDS
    guest.process.kill()
    guest.process.wait()
    daemon.stop()
    slow = figures['ours_ns'] >= figures['firmware_ns'] or (doorbell and idle > 0.001)
    print('%-26s %-10s %10d %10d %9.2fx %11.2f %%%s' % (
        'OVMF with SMM' if smm else 'OVMF', 'doorbell' if doorbell else 'plain', figures['ours_ns'],
        figures['firmware_ns'], figures['ours_ns'] / figures['firmware_ns'], idle * 100,
        '  MISSED' if slow else ''), flush=True)
    return slow


def main():
    bench = vm.Bench('bench')
    print('%-26s %-10s %10s %10s %10s %13s' % ('GetVariable in the guest', 'transport', 'ours, ns',
                                               'own, ns', 'ratio', 'idle host CPU'))
    missed = 0
    try:
        for smm in (False, True):
            for doorbell in (True, False):
                missed += measure(bench, doorbell, smm)
    finally:
        bench.clean()
    return 1 if missed else 0


sys.exit(main())
