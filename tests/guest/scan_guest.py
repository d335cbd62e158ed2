# SPDX-License-Identifier: BSD-2-Clause
"""What t_scan.py needs of a guest: a disk with programs, the shell before its countdown ends, an
initramfs with `runtserv` in it, images of memory; and of a report: the parts that are compared.
"""
import contextlib
import functools
import json
import os
import re
import shutil
import subprocess

import vm

MIB = 1 << 20
MEMORY = 256  # MiB: what Linux needs
DISK_SIZE = 48 * MIB
CODE = '/usr/share/OVMF/OVMF_CODE_4M.fd'
SECBOOT = '/usr/share/OVMF/OVMF_CODE_4M.secboot.fd'
OTHER = '/usr/share/OVMF/OVMF_CODE.fd'
HOOKS = os.path.join(vm.BUILD, 'tests', 'scan', 'hooks')
# where the initramfs has `runtserv`, its libraries, and CODE
HOST = '/host'
CODE_INSIDE = HOST + '/' + os.path.basename(CODE)
OWN = 'our own'  # the guest driver, which has no name of its own


def program():
    return vm.need(os.path.join(vm.BUILD, 'src', 'runtserv'), 'the program')


# ---- guests ----

def disk(files):
    """disk.qcow2: a FAT volume that the guest may write to and snapshots include. @files: name ->
    path, or text of a script."""
    def mtools(tool, *args):
        subprocess.run([vm.need_program(tool), '-i', 'disk.raw', *args], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                       env={**os.environ, 'MTOOLS_SKIP_CHECK': '1'})
    with open('disk.raw', 'wb') as f:
        f.truncate(DISK_SIZE)
    mtools('mformat', '-T', str(DISK_SIZE // 512), '-h', '16', '-s', '63', '::')
    for name, what in files.items():
        if '\n' in what:
            with open(name, 'w', encoding='ascii') as f:
                f.write(what.replace('\n', '\r\n'))
            what = name
        mtools('mcopy', what, '::' + name)
    subprocess.run([vm.need_program('qemu-img'), 'convert', '-q', '-O', 'qcow2', 'disk.raw',
                    'disk.qcow2'], check=True)
    os.unlink('disk.raw')


def empty_disk():
    subprocess.run([vm.need_program('qemu-img'), 'create', '-q', '-f', 'qcow2', 'disk.qcow2',
                    str(DISK_SIZE)], check=True, stdout=subprocess.DEVNULL)


@contextlib.contextmanager
def disk_raw():
    """The disk of a guest that runs, as far as it has written it out; raw."""
    subprocess.run(['qemu-img', 'convert', '-q', '-U', '-O', 'raw', 'disk.qcow2', 'disk.raw'],
                   check=True)
    yield 'disk.raw'
    os.unlink('disk.raw')


def file_of_disk(name):
    with disk_raw() as raw, open(name, 'wb') as f:
        subprocess.run(['mtype', '-i', raw, '::' + name], check=True, stdout=f,
                       env={**os.environ, 'MTOOLS_SKIP_CHECK': '1'})
    return name


def initrd():
    """The test guest's initramfs with an archive behind it: the program, its libraries and CODE. It
    does not use the guest's own libraries, which may be of another Debian."""
    os.makedirs('tree' + HOST)
    said = subprocess.run(['ldd', program()], check=True, stdout=subprocess.PIPE).stdout.decode()
    libraries = re.findall(r'(/\S+) \(0x', said)
    for path in [program(), vm.need(CODE, 'firmware')] + libraries:
        shutil.copy(path, 'tree' + HOST)
    with open('extra', 'wb') as f:
        subprocess.run('find . | ' + vm.need_program('cpio') + ' --quiet -o -H newc -R 0:0',
                       shell=True, cwd='tree', stdout=f, check=True)
    loader = next(os.path.basename(p) for p in libraries if '/ld-linux' in p)
    with open('initrd', 'wb') as to:
        for part in (linux_file('initrd'), 'extra'):
            with open(part, 'rb') as f:
                shutil.copyfileobj(f, to)
            to.write(bytes(-to.tell() % 512))
    shutil.rmtree('tree')
    os.unlink('extra')
    return '%s/%s --library-path %s %s/runtserv' % (HOST, loader, HOST, HOST)


def linux_file(name):
    return vm.need(os.path.join(vm.LINUX, 'amd64', name), 'no Linux guest (tools/guest-linux)')


def boot_line():
    """A line of the shell's that starts Linux from the disk."""
    return 'fs0:\\vmlinuz initrd=\\initrd ' + vm.command_line('amd64')


def wait_shell(guest):
    """Cuts the shell's countdown short and waits for its prompt."""
    guest.wait_for('seconds to skip', vm.BOOT_TIMEOUT)
    guest.type(' ')
    guest.wait_for('Shell> ', 60)


def live(guest, runtserv, *args):
    """`scan --live` inside the guest; what it saves is ./evidence then. Its words come by the disk,
    which they overwrite: a slow reader of the serial console loses characters."""
    os.makedirs('out', exist_ok=True)
    guest.run('rm -rf /out; mkdir /out; cd /out; %s scan --live --json %s >printed 2>said; '
              'echo $? >status; tar c * | dd of=/dev/vda bs=1M conv=fsync 2>/dev/null; cd /' %
              (runtserv, ' '.join(args)), 120)
    with disk_raw() as raw:
        subprocess.run(['tar', 'xf', raw, '-C', 'out'], check=True)
    words = {}
    for name in ('status', 'printed', 'said'):
        with open('out/' + name, encoding='utf-8') as f:
            words[name] = f.read()
    return Report(int(words['status']), words['printed'], words['said'])


# ---- images of memory ----

@contextlib.contextmanager
def dumped(bench, guest, name, **how):
    """An image of the guest's memory; it stays when a check of it fails."""
    failed = bench.failed
    path = os.path.abspath(name)
    if name.endswith('.raw'):
        guest.qmp('pmemsave', val=0, size=MEMORY * MIB, filename=path)
    else:
        guest.qmp('dump-guest-memory', **{'paging': False, **how}, protocol='file:' + path)
    yield name
    if bench.failed == failed:
        os.unlink(name)


def remove_large_files():
    for name in os.listdir('.'):
        if os.path.isfile(name) and os.path.getsize(name) > 4 * MIB:
            os.unlink(name)


# ---- reports ----

class Report:
    """What `runtserv scan --json` says."""

    def __init__(self, status, text, said=''):
        self.status = status
        self.said = said
        self.printed = text

    @functools.cached_property
    def document(self):
        try:
            return json.loads(self.printed)
        except ValueError:
            raise vm.Failure('no report: exit status %d, %s' % (self.status, self.said)) from None

    def driver(self, index):
        return None if index is None else label(self.document['drivers'][index])

    def findings(self):
        return [(f['rule'], self.driver(f['driver'])) for f in self.document['findings']]

    def serious(self):
        return [f for f in self.document['findings'] if f['severity'] != 'info']

    def verdicts(self):
        return {s['name']: s['verdict'] for s in self.document['services']}

    def drivers(self):
        """Those that are runtime drivers of the firmware, or whatever else was found."""
        return sorted((label(d), d['match']) for d in self.document['drivers'])

    def essence(self):
        """What does not depend on how the memory was taken."""
        return {
            'services': [(s['name'], s['pointer'], s['physical'], self.driver(s['driver']), s['verdict'])
                         for s in self.document['services']],
            'drivers': [(d['base'], d['size'], d['guid'], d['name'], d['match'], d['code_sha256'],
                         d['virtual_base']) for d in self.document['drivers']],
            'findings': self.findings(),
        }

    def all_but_image(self):
        return {k: v for k, v in self.document.items() if k != 'image'}


def label(driver):
    return OWN if driver['own'] else driver['name'] or '?'


def scan(*args):
    done = subprocess.run([program(), 'scan', '--json', *args], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False)
    return Report(done.returncode, done.stdout.decode(), done.stderr.decode())
