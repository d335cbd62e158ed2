#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# `memmap`: binary maps of any descriptor size, inventories, trees like sysfs; text, JSON, picture; what
# breaks the rules and what is no map.
#
# usage: memmap.sh PROGRAM
set -u
program=$(realpath "$1")
verb=memmap
. "${0%/*}/tap.sh"

python3 "$top/tests/cli/memmap_make.py" . || exit 1

ok 'a map with descriptors of 48 bytes' run 0 map48
ok 'its text' golden memmap.txt
ok 'nothing on stderr' silent err
cp out text48
ok 'its document' run 0 --json map48
ok 'as expected' golden memmap.json
ok 'the sums of the document are those of the maker' json 'd["summary"]["usable"] == 4096 *
	(0xa0 + 0x700 + 0xf8 + 0x6500 + 0x100 + 0x80 + 0x280 + 0x80000) and
	d["summary"]["runtime_reserved"] == 4096 * 0x280 and
	d["summary"]["largest_free_run"] == 0x80000 * 4096'
for size in 40 56 64; do
	ok "descriptors of $size bytes are found out" run 0 map$size
	ok 'the same text' cmp -s out text48
	ok 'with a note' says "note: taken for descriptors of $size bytes"
	ok 'or told' run 0 map$size --descriptor-size $size
	ok 'the same text' cmp -s out text48
	ok 'without a note' silent err
done
ok 'descriptors of 1024 bytes must be told' run 0 --descriptor-size=1024 map1024
ok 'the same text' cmp -s out text48
ok 'the wrong size' run 2 --descriptor-size 40 map48
ok 'says so' says 'map48: 768 bytes are not a whole number of descriptors of 40 bytes'
ok 'a wrong size that divides the file' run 2 --descriptor-size 64 map48
ok 'names offset and value' says \
	'map48: not a memory map: offset 0x40: start 0x700 is not on a page'
for size in 8 39 44 4104 0 -48 x 18446744073709551664; do
	ok "a descriptor size of $size" run 2 map48 --descriptor-size $size
	ok 'says nothing on stdout' silent out
done
ok 'from stdin' eval 'run 0 - <map48'
ok 'the same text' cmp -s out text48
ok 'a FILE behind --' run 0 --json -- map48
ok 'options behind the FILE' run 0 map48 --json
ok 'read again, our own document' eval '"$program" memmap --json map48 | run 0 -'
ok 'the same text' cmp -s out text48

# The rules.
while read -r name text; do
	ok "a map that breaks a rule: $name" run 1 $name
	ok 'says which' eval '[ "$(grep ^problem: out)" = "problem: descriptor $text" ]'
	ok "also as a document" run 1 --json $name
	ok 'with its index' json 'len(d["problems"]) == 1 and d["problems"][0]["descriptor"] == '"${text%% *}"
	ok 'and as a picture' run 1 --svg - $name
done <<-END
	overlap 3 at offset 0x90: 0x807000-0x8fefff overlaps descriptor 2, 0x800000-0x807fff
	unaligned 3 at offset 0x90: start 0x808800 is not on a page
	none 9 at offset 0x1b0: 0 pages at 0x7300000
	wraps 13 at offset 0x270: 18446744073709551615 pages at 0x100000000 reach past the end of all addresses
	type 11 at offset 0x210: type 0x6fffffff is none
END
ok 'more problems than one reads' run 1 many-bad
ok 'the first hundred' eval '[ "$(grep -c ^problem: out)" = 101 ] && grep -q "^problem: and 899 more$" out'
ok 'pages past what JSON holds' run 1 --json wraps
ok 'are as many as it holds' json 'd["descriptors"][13]["pages"] == 2**63 - 1'

# No map.
while read -r name text; do
	ok "not a map: $name" run 2 "$name"
	ok 'says why' says "$name: $text"
	ok 'nothing on stdout' silent out
done <<-END
	empty not a memory map: 0 bytes
	zeros not a memory map: offset 0x0: 0 pages at 0x0
	cut not a memory map: 765 bytes are not a whole number of descriptors of 48 bytes, nor of any other usual size
	all-bad not a memory map: offset 0x0: type 0x10 is none
	large File too large
	none-such No such file or directory
END
ok 'a folder' run 2 .

# Inventories.
ok 'an inventory' run 0 inventory
ok 'its text, without what could move a cursor' golden memmap-inventory.txt
ok 'its document' run 0 --json inventory
ok 'has map and images' json 'd["source"] == "inventory" and d["descriptor_size"] is None and
	len(d["images"]) == 3 and d["descriptors"][1]["attributes"] is None'
while read -r change text; do
	sed "$change" inventory >changed
	ok "an inventory with $change" run 2 changed
	ok 'says why' says "changed: $text"
done <<-'END'
	s/inventory.1/inventory#2/ a JSON document, but its schema is neither runtserv.inventory/1 nor runtserv.memmap/1
	s/"0x7200000"/119537664/ descriptor 0: start: no address 0x...
	s/"0x7492000"/"7492000"/ descriptor 1: start: no address 0x...
	s/EfiConventionalMemory/ConventionalMemory/ descriptor 2: type: no name of a memory type, and no number 0x...
	s/"0x70000001",.*"start"/"0x170000001","start"/ descriptor 1: type: no name of a memory type, and no number 0x...
	s/160/-160/ descriptor 2: pages: no whole number
	s/160/1.5/ descriptor 2: pages: no whole number
	s/"0xf"/"0xfg"/ descriptor 2: attributes: no number 0x...
	s/"descriptors"/"Descriptors"/ no list of descriptors
	s/b601f8c4-/b601f8c4/ image 0: guid: no GUID
	s/"0x7220000"/null/ image 1: base: no address 0x...
	s/4096/"4096"/ image 1: size: no whole number
	s/"RuntimeDxe"/7/ image 0: name: no text
END
head -c 500 inventory >changed
ok 'half an inventory' run 2 changed
ok 'says where it ends' grep -q '^runtserv memmap: changed: line 9, column [0-9]*: ' err
printf '{"schema": "\033[2J"}' >changed
ok 'a document with a control character' run 2 changed
ok 'whose message has none' eval '! grep -q "$(printf "\033")" err'

# The picture.
for name in map48 overlap none wraps inventory rows; do
	[ $name != rows ] || head -c $((5000 * 48)) rows >rows2 && [ $name != rows ] || name=rows2
	"$program" memmap --json $name >document.json
	ok "the picture of $name" eval '"$program" memmap --svg picture.svg $name >text; [ $? -le 1 ]'
	ok 'is in order' python3 "$top/tests/cli/memmap_svg.py" picture.svg document.json
done
ok 'the text is there, too' run 0 --svg picture.svg map48
ok 'as always' cmp -s out text48
ok 'a picture on stdout' run 0 --svg - map48
ok 'is the same' cmp -s out picture.svg
ok 'too much for a picture' run 2 --svg picture2.svg rows
ok 'is refused' says 'picture2.svg: 5001 descriptors, and a picture shows 5000'
ok 'and no file is made' [ ! -e picture2.svg ]
ok 'a picture that cannot be written' run 2 --svg none/picture.svg map48
ok 'nothing on stdout' silent out
ok 'a full disk' run 2 --svg /dev/full map48
cp map48 kept && chmod 640 kept
ok 'a file too long' eval "(ulimit -f 1; trap '' XFSZ; fails 'kept: File too large' --svg kept map48)"
ok 'leaves what was there' eval 'cmp map48 kept && [ -z "$(find . -name "kept?*")" ]'
ok 'in its place' eval 'run 0 --svg kept map48 && grep -q "^<svg" kept && [ "$(stat -c %a kept)" = 640 ]'
ln -s kept link
ok 'what a link leads to' eval 'run 0 --svg link map48 && [ -L link ] && grep -q "^<svg" kept'

# A live machine.
ok 'both parts of sysfs' run 0 --live --sysfs both
ok 'its text' golden memmap-live.txt
ok 'its notes' eval 'cp err out; golden memmap-live-notes.txt'
ok 'its document' run 0 --live --sysfs both --json
ok 'has notes, and attributes where they are known' json 'd["source"] == "live" and
	len(d["notes"]) == 2 and d["descriptors"][0]["virtual"] == "0xfffffffeff000000" and
	sum(x["attributes"] is None for x in d["descriptors"]) == len(d["descriptors"]) - 4'
ok 'runtime regions alone' run 0 --live --sysfs runtime-only
ok 'says what is missing' grep -q 'note: no runtime-only/firmware/memmap: ' err
ok 'shows three' [ "$(grep -c '^[0-9a-f]*-[0-9a-f]' out)" = 3 ]
ok 'memory alone' run 0 --live --sysfs memory-only
ok 'says what is missing' grep -q 'note: no memory-only/firmware/efi: ' err
ok 'neither' run 2 --live --sysfs nothing
ok 'says both' grep -q 'nothing/firmware/efi/runtime-map: .*; no nothing/firmware/memmap: ' err
ok 'no such folder' run 2 --live --sysfs none
ok 'a value that is no number' run 2 --live --sysfs bad-number
ok 'is named' says 'firmware/memmap/10/start: no number'
ok 'an end before its start' run 2 --live --sysfs bad-order
ok 'is named' says 'firmware/memmap/10: ends at 0x0, before its start 0x749e000'
ok 'a value without end' run 2 --live --sysfs long
if [ "$(id -u)" = 0 ]; then
	skip 'what only root may read' 'this is root'
else
	chmod 0 both/firmware/efi/runtime-map/1/attribute
	ok 'what only root may read' run 2 --live --sysfs both
	ok 'is named' says 'firmware/efi/runtime-map/1/attribute: Permission denied (only root may read it)'
fi

# The command line.
ok 'neither FILE nor --live' run 2
ok 'two FILEs' run 2 map48 map40
ok 'FILE and --live' run 2 --live map48
ok '--live and a size' run 2 --live --descriptor-size 48
ok 'two answers on stdout' run 2 --json --svg - map48
echo "1..$n"
