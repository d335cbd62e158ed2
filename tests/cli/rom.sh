#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# `rom pack` and `rom show`: exit statuses, both outputs, and that a refused pack leaves no file behind.
#
# usage: rom.sh TOP PROGRAM [rom]
set -u
top=$1
shift
program=$*
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
n=0

# ok DESCRIPTION COMMAND...: the command succeeds
ok()
{
	n=$((n + 1))
	what=$1
	shift
	if "$@"; then echo "ok $n - $what"; else echo "not ok $n - $what"; fi
}

# rom STATUS ARGUMENT...: the verb exits with STATUS; output in $dir/out and $dir/err
rom()
{
	want=$1
	shift
	$program "$@" >"$dir/out" 2>"$dir/err"
	[ $? -eq "$want" ]
}

golden()
{
	[ "${UPDATE_GOLDEN:-}" != 1 ] || cp "$dir/out" "$top/tests/golden/$1"
	diff "$top/tests/golden/$1" "$dir/out"
}

two=$top/fuzz/corpus/rom/two
ok 'show' rom 0 show "$two"
ok 'its text' golden rom-show.txt
ok 'show --json' rom 0 show --json "$two"
ok 'its document' golden rom-show.json
ok 'an image whose PE header is broken' rom 1 show "$top/fuzz/corpus/rom/compressed"
ok 'its text' golden rom-show-broken.txt
ok 'not a ROM' rom 2 show "$0"
ok 'names the file' grep -q "^runtserv rom: $0: offset 0x0: signature" "$dir/err"
ok 'nothing on stdout' [ ! -s "$dir/out" ]
ok 'no such file' rom 2 show "$dir/none"

# The x64 image of the ROM, and the same with base relocations.
dd if="$two" of="$dir/x64.efi" bs=64 skip=1 count=16 2>/dev/null
cp "$dir/x64.efi" "$dir/reloc.efi"
printf '\014' | dd of="$dir/reloc.efi" bs=1 seek=244 conv=notrunc 2>/dev/null
ok 'pack' rom 0 pack --check-driver "$dir/rom" "$dir/x64.efi"
ok 'what was packed' rom 0 show "$dir/rom"
ok 'pack for another device' rom 0 pack --vendor 0x1234 --device 0x5678 --class 0x028000 "$dir/rom" \
	"$dir/reloc.efi" "$dir/x64.efi"
ok 'show that' rom 0 show "$dir/rom"
ok 'its text' golden rom-show-other.txt
cp "$dir/rom" "$dir/before"
ok 'a driver with relocations is refused' rom 1 pack --check-driver "$dir/rom" "$dir/reloc.efi"
ok 'says why' grep -q '12 bytes of base relocations' "$dir/err"
ok 'not an image' rom 2 pack "$dir/rom" "$0"
ok 'the ROM is as it was' cmp "$dir/before" "$dir/rom"
ok 'a number out of range' rom 2 pack --vendor 0x10000 "$dir/rom" "$dir/x64.efi"
ok 'not a number' rom 2 pack --class ram "$dir/rom" "$dir/x64.efi"
ok 'no image' rom 2 pack "$dir/rom"
ok 'no folder' rom 2 pack "$dir/none/rom" "$dir/x64.efi"
ok 'no temporary file is left' [ -z "$(find "$dir" -name 'rom.*')" ]
echo "1..$n"
