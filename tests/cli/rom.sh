#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# `rom pack` and `rom show`: exit statuses, both outputs, and that a refused pack leaves no file behind.
#
# usage: rom.sh PROGRAM
set -u
program=$(realpath "$1")
verb=rom
. "${0%/*}/tap.sh"

two=$top/fuzz/corpus/rom/two
ok 'show' run 0 show "$two"
ok 'its text' golden rom-show.txt
ok 'show --json' run 0 show --json "$two"
ok 'its document' golden rom-show.json
ok 'an image whose PE header is broken' run 1 show "$top/fuzz/corpus/rom/compressed"
ok 'its text' golden rom-show-broken.txt
ok 'not a ROM' run 2 show "$0"
ok 'names the file' grep -q "^runtserv rom: $0: offset 0x0: signature" err
ok 'nothing on stdout' [ ! -s out ]
ok 'no such file' run 2 show none

# The x64 image of the ROM, and the same with base relocations.
dd if="$two" of=x64.efi bs=64 skip=1 count=16 2>/dev/null
cp x64.efi reloc.efi
printf '\014' | dd of=reloc.efi bs=1 seek=244 conv=notrunc 2>/dev/null
ok 'pack' run 0 pack --check-driver rom x64.efi
ok 'what was packed' run 0 show rom
ok 'pack for another device' run 0 pack --vendor 0x1234 --device 0x5678 --class 0x028000 rom \
	reloc.efi x64.efi
ok 'show that' run 0 show rom
ok 'its text' golden rom-show-other.txt
cp rom before
ok 'a driver with relocations is refused' run 1 pack --check-driver rom reloc.efi
ok 'says why' grep -q '12 bytes of base relocations' err
ok 'not an image' run 2 pack rom "$0"
ok 'the ROM is as it was' cmp before rom
ok 'a number out of range' run 2 pack --vendor 0x10000 rom x64.efi
ok 'not a number' run 2 pack --class ram rom x64.efi
ok 'no image' run 2 pack rom
ok 'no folder' run 2 pack none/rom x64.efi
ok 'no temporary file is left' [ -z "$(find "$dir" -name 'rom.*')" ]
echo "1..$n"
