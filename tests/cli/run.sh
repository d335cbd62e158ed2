#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The run verb as far as nothing has to be run: help, options, and what cannot be done. tests/cli/run_rules.py runs drivers.
# usage: run.sh PROGRAM
set -u
program=$(realpath "$1")
verb=run
. "${0%/*}/tap.sh"

dd if="$top/fuzz/corpus/rom/two" of=x64.efi bs=64 skip=1 count=16 2>/dev/null
"$top/tests/cli/run_make.py" x64.efi . || exit 1

ok 'no driver' fails "wants a DRIVER; see 'runtserv run --help'"
ok 'behind -- there are only drivers' fails "--json: no such file" -- --json
# shellcheck disable=SC2046  # words
ok 'too many drivers' fails 'x64.efi: not expected' $(yes x64.efi | head -n 33)

ok 'the real engine without firmware' fails '--engine edk2: RuntimeDxe comes from --firmware' --engine edk2 x64.efi
for t in 0 3601; do
	ok "time limit '$t'" fails "--timeout $t: not a number from 1 to 3600" --timeout "$t" x64.efi
done
ok 'a stack of half a unit' fails '--runtime-stack 510: not a multiple of 4' --runtime-stack 510 x64.efi
for k in 0 3 513 516; do
	ok "stack '$k'" fails "--runtime-stack $k: not a number from 4 to 512" --runtime-stack "$k" x64.efi
done
for s in -1 18446744073709551616; do
	ok "seed '$s'" fails "--seed $s: not a number from 0 to" --seed "$s" x64.efi
done
for p in 5 5= =5 5=6=7 a=1 4294967296=1 1=18446744073709551616; do
	ok "pcd '$p'" fails "--pcd $p: not TOKEN=VALUE" --pcd "$p" x64.efi
done
# shellcheck disable=SC2046
ok 'too many pcds' fails '--pcd 1=2: more than 64 of them' $(yes -- '--pcd 1=2' | head -n 65) x64.efi

ok 'no such file' fails 'Nothing: no such file; a driver'"'"'s name needs --firmware' Nothing
ok 'no such path' fails './none.efi: No such file or directory' ./none.efi
ok 'a folder' fails '/: Is a directory' /
ok 'not an image' fails 'not a PE image' "$top/tests/cli/run.sh"
dd if="$top/fuzz/corpus/rom/two" of=aa64.efi bs=64 skip=25 2>/dev/null
ok 'another machine' fails 'aa64.efi: machine 0xaa64; only x64 images (0x8664) can run' aa64.efi
ok 'a machine of 32 bits' fails 'ia32.efi: ' ia32.efi
ok 'another subsystem' fails 'subsystem.efi: subsystem 3; not an EFI image' subsystem.efi
: >empty
ok 'an empty file' fails 'empty: ' empty

ok 'no such firmware' fails 'none.fd: No such file or directory' --firmware none.fd Twice
ok 'not a firmware image' fails 'x64.efi: ' --firmware x64.efi Twice
ok 'a name of two' fails 'Twice: the name of 2 drivers; say which by its GUID: 00000000-0000-0000-0000-000000000002, 00000000-0000-0000-0000-000000000003' \
	--firmware fd Twice
ok 'an image that cannot run' fails 'earlydriver: file type 0x06; only DXE drivers and applications run' --firmware fd earlydriver
ok 'a broken image' fails 'Broken: ' --firmware fd Broken
ok 'a name with one letter less' fails 'FrstDriver: no file, and no driver of that name in fd; perhaps FirstDriver' \
	--firmware fd FrstDriver
ok 'part of a name' fails 'perhaps FirstDriver or SecondDriver or evil?[31mDriver' --firmware fd Driver
ok 'a name like no other' fails 'Quux: no file, and no driver of that name in fd' --firmware fd Quux
! grep -q perhaps err
ok 'and no advice' $?
ok 'a GUID that is not there' fails '00000000-0000-0000-0000-0000000000FF: no file' \
	--firmware fd 00000000-0000-0000-0000-0000000000FF
ok 'with a slash it is a file' fails './FirstDriver: No such file' --firmware fd ./FirstDriver

ok 'no such script' fails 'none: No such file or directory' --calls none x64.efi
printf 'a\0b' >script
ok 'a script with a NUL' fails 'script: a NUL in it' --calls script x64.efi
head -c 1048577 /dev/zero >long
ok 'too long a script' fails 'long: longer than 1048576 bytes' --calls long x64.efi
ok 'no such flash' fails 'none: No such file or directory' --flash none x64.efi
ok 'too long a flash' fails 'long: longer than 540672 bytes' --flash long x64.efi
ok 'one driver that is wrong' fails 'subsystem 3' --firmware fd FirstDriver 00000000-0000-0000-0000-000000000003 subsystem.efi
echo "1..$n"
