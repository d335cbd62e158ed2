#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The vars verb on real stores: what it prints, what it changes, and what it refuses.
# usage: vars.sh PROGRAM MM_CLIENT
set -u
program=$(realpath "$1")
client=$(realpath "$2")
verb=vars
. "${0%/*}/tap.sh"
runtserv=$program
sample=$top/tests/data/qemu-10.0.2-vars.json

# shows NAME STATUS ARG...: what the golden file says, and nothing else
shows()
{
	shown=$1
	shift
	run "$@" && silent err && golden "$shown"
}

fresh() { cp "$sample" s.json && rm -f s.json.*; }
same() { cmp -s "$sample" s.json; }

# showing
shows vars-list.txt 0 list "$sample"
ok 'list' $?
shows vars-list.json 0 list --json "$sample" 'Boot*' db SecureBootEnable
ok 'list as JSON, by pattern' $?
shows vars-get-db.txt 0 get "$sample" db
ok 'get decodes a signature list' $?
shows vars-get-plain.txt 0 get "$sample" Plain-11111111-2222-3333-4444-555555555555
ok 'get with a GUID' $?
fails 'there is Plain-5f3c6b1e-7f0a-4c0e-9d3b-0c1d2e3f4a5b and Plain-11111111-2222-3333-4444-555555555555' \
	get "$sample" Plain
ok 'get without a GUID that is needed' $?
run 0 get --raw "$sample" BootOrder && [ "$(od -An -tx1 <out | tr -d ' \n')" = 00000100 ]
ok 'get raw' $?
run 0 get --output f "$sample" BootOrder && [ ! -s out ] && [ "$(od -An -tx1 <f | tr -d ' \n')" = 00000100 ]
ok 'get into a file' $?
run 1 get "$sample" Nope && [ ! -s out ] && grep -q 'no variable Nope' err
ok 'get of what is not there' $?
run 1 list "$sample" 'x*' && [ ! -s out ]
ok 'list of what is not there' $?
fails 'No such file' list nope.json
ok 'list of no store' $?
echo '{' >bad.json && fails 'bad.json' list bad.json
ok 'list of a broken store' $?
[ ! -e "$sample.lock" ] && [ ! -e nope.json.lock ] && [ ! -e nope.json ]
ok 'reading leaves nothing behind' $?

run 0 get --extract certs "$sample" db && [ "$(cat out)" = certs/db-db.der ] && [ ! -s err ] &&
	tail -c +45 <("$runtserv" vars get --raw "$sample" db) | cmp - certs/db-db.der && fails 'no signature lists' get --extract no "$sample" BootOrder && [ ! -e no ]
ok 'get: certificates into a folder' $?

# errors of the command line
fails 'wants' list && fails 'wants' get "$sample" &&
	fails 'wants' set s.json BootNext && fails 'wants' delete s.json
ok 'operands that are missing' $?
# changing
fresh
quiet 0 set --data 0100 s.json BootNext && run 0 list s.json BootNext &&
	grep -q '^NV+BS+RT  *2  BootNext-8be4df61-93ca-11d2-aa0d-00e098032b8c  Boot0001$' out
ok 'set makes a variable of a known namespace' $?
quiet 0 delete s.json BootNext && same
ok 'delete, and the store is as it was, byte for byte' $?
printf 'value' >v && quiet 0 set --file v s.json Mine-5f3c6b1e-7f0a-4c0e-9d3b-0c1d2e3f4a5b &&
	run 0 get --raw s.json Mine && [ "$(cat out)" = value ] &&
	quiet 0 set --text 'other' --attributes NV+BS s.json Mine && run 0 list s.json Mine && grep -q '^NV+BS  .*"other"$' out
ok 'set from a file and from text, with attributes' $?
fresh
quiet 0 set --time 2026-01-02T03:04:05 --file <("$runtserv" vars get --raw s.json KEK) s.json db &&
	run 0 get s.json db && grep -q 'written 2026-01-02T03:04:05Z' out && grep -q 'certificate CN=KEK' out
ok 'set of keys, with a time' $?
fresh
quiet 0 set --data 01 s.json CustomMode && run 0 list s.json CustomMode && grep -q '  on$' out && cp s.json on.json &&
	quiet 0 set --data 0100 s.json BootNext && quiet 0 delete s.json BootNext && cmp s.json on.json
ok 'set of what a machine forgets at its start: it does, and nobody else' $?
fresh
fails 'known namespace' set --data 00 s.json Mine && same
ok 'set: unknown namespace' $?
fails 'not what a guest could have written: not well-formed signature lists' set --data ff s.json PK &&
	fails 'attributes are not NV+BS+RT+AT' set --data ff --attributes NV+BS+RT s.json PK && fails 'not one byte' set --data 0001 s.json SecureBootEnable &&
	fails 'not one byte' set --data 01 --attributes NV+BS+RT s.json SecureBootEnable && same
ok 'set: keys that are none' $?
fails 'are not NV+BS, with' set --data 00 --attributes BS s.json Boot0000 && fails 'are not NV+BS, with' set --data 00 --attributes 0x47 s.json Boot0000 && same
ok 'set: attributes that no store has' $?
fails 'computed' set --data 00 s.json SetupMode-8be4df61-93ca-11d2-aa0d-00e098032b8c && same
ok 'set: what is computed' $?
fails 'hexadecimal' set --data 0 s.json BootNext && fails 'hexadecimal' set --data xx s.json BootNext &&
	fails 'at least one byte' set --text '' s.json BootNext && fails 'one value' set --text a --data 00 s.json BootNext &&
	fails '--attributes' set --text a --attributes QQ s.json BootNext && same
ok 'set: values that are none' $?
head -c 70000 /dev/zero >big && fails 'longer than a message' set --file big s.json BootNext && same
ok 'set: a value that is too long' $?
head -c 5000 /dev/zero >big && fails 'bytes are left (see --quota)' set --quota 8000 --file big s.json BootNext && same
ok 'set: over quota' $?
run 1 delete s.json BootOrder Nope && same
ok 'delete: all or nothing' $?
fails 'it comes twice' delete s.json BootOrder BootOrder && same
ok 'delete: the same twice' $?
fails 'No such file' delete none.json BootNext && fails 'No such file' boot --next none none.json && [ ! -e none.json ] && [ ! -e none.json.lock ]
ok 'a store that is not there' $?
run 2 list "$(printf 'no\033[2Jthing\n')" && ! grep -q "$(printf '\033')" err && [ "$(wc -l <err)" -eq 1 ]
ok 'a name that would move the cursor' $?
[ "$(echo s.json*)" = 's.json s.json.lock' ]
ok 'no other file is left' $?

# boot entries
fresh
efi='\EFI\debian\shimx64.efi'
quiet 0 boot --add Debian --file "$efi" s.json && quiet 0 boot --add Net --uri http://a/b.efi --args 'x=1' --first s.json &&
	quiet 0 boot --add Raw --device-path 02010c00d041030a000000007fff0400 s.json &&
	quiet 0 boot --next 3 s.json && quiet 0 boot --disable Boot0002 s.json &&
	shows vars-boot.txt 0 boot s.json
ok 'boot: entries are made, and shown in their order' $?
shows vars-boot.json 0 boot --json s.json
ok 'boot: as JSON' $?
shows vars-boot-get.txt 0 get s.json Boot0003
ok 'boot: one entry' $?
fails 'comes twice' boot --order 4,4 s.json && quiet 0 boot --enable 2 s.json && quiet 0 boot --order 4,2 s.json && run 0 boot s.json &&
	[ "$(sed 's/  */ /g' out | cut -c1-12)" = "$(printf 'next Boot000\n 1 Boot0004 \n 2 Boot0002 \n - Boot0003 ')" ]
ok 'boot: the order' $?
quiet 0 boot --remove 3 s.json && run 1 list s.json BootNext && run 1 list s.json Boot0003 &&
	quiet 0 boot --remove 2 s.json && quiet 0 boot --remove 4 s.json && run 1 list s.json BootOrder
ok 'boot: removing takes it out of everything' $?
fresh
run 1 boot --remove 7 s.json && grep -q 'there is no Boot0007' err && run 1 boot --next 7 s.json && run 1 boot --enable 7 s.json && same &&
	fails 'not the number' boot --next xyz s.json && fails 'not numbers' boot --order ,1 s.json &&
	fails 'one change' boot --next 1 --remove 1 s.json && fails 'wants one of' boot --add A s.json &&
	fails 'wants one of' boot --add A --file a --uri b s.json && fails 'go with' boot --file a s.json &&
	fails 'hexadecimal at 0' boot --add A --device-path 0g s.json && fails 'do not end' boot --add A --device-path 02010c00 s.json &&
	fails '--args' boot --add A --file a --args $'\xff' s.json && fails '--uri' boot --add A --uri 'http://a b' s.json &&
	fails 'too long' boot --add A --file "$(printf %03000d 0)" s.json && quiet 0 boot --next none s.json && same
ok 'boot: what is no entry, and what is no change' $?

fresh
quiet 0 boot --add A --file a s.json && quiet 0 set --data 020001 s.json BootOrder && cp s.json half.json && run 0 boot s.json &&
	fails 'half a number' boot --add B --file a s.json && fails 'half a number' boot --remove 2 s.json && cmp s.json half.json &&
	quiet 0 boot --disable 2 s.json && quiet 0 boot --order 2 s.json && quiet 0 boot --remove 2 s.json
ok 'boot: an order that ends in half a number is not made one' $?

# an entry that leads to a partition
disk() { python3 "$top/tests/cli/vars_disk.py" "$@"; }
esp=11111111-2222-3333-4444-000000000002
disk disk.raw
fresh
quiet 0 boot --add D --disk disk.raw --file 'EFI/d.efi' s.json && quiet 0 boot --add P --partition "1,$esp" --file "$efi" --once s.json &&
	quiet 0 boot --add N --disk disk.raw --partition 1 --file a s.json && quiet 0 boot --add G --partition "2,$esp,64,0x10" --file a s.json &&
	shows vars-boot-disk.txt 0 boot s.json
ok 'boot: a file on a partition, by disk, number, GUID' $?
disk disk.raw 4096 && fresh && quiet 0 boot --add D --disk disk.raw --file a s.json && run 0 get s.json Boot0002 &&
	grep -q "HD(2,GPT,$esp,0x40,0x10)/a" out
ok 'boot: a disk with blocks of 4096 bytes' $?
disk disk.raw first && fresh && run 0 boot --add D --disk disk.raw --file a s.json && grep -q 'checksum.*the copy at the end' err &&
	run 0 get s.json Boot0002 && grep -q "HD(2,GPT,$esp,0x40,0x10)/a" out
ok 'boot: the second table where the first is broken' $?
fresh
while read -r flaws words; do
	disk disk.raw ${flaws//,/ }
	fails "disk.raw: $words" boot --add D --disk disk.raw --file a s.json && same || break
done <<'END'
first,last partitions at 0x400: checksum
head partition table at 0x200: checksum
self partition table at 0x200: it says block 0x2
many partition table at 0x200: 16777216 entries
range partition 2: blocks 0x40 to 0x12c, of 0x22 to 0x5d
wiped no GUID partition table
mbr no protective MBR at 0x0
two 1 and 2 are EFI system partitions
none no EFI system partition
cut ends at 0x400
END
ok 'boot: disks whose table is no good' $?
disk disk.raw
printf 'QFI\xfb' >disk.qcow2
fails 'qcow2' boot --add D --disk disk.qcow2 --file a s.json && fails 'no partition 3' boot --add D --disk disk.raw --partition 3 --file a s.json &&
	fails 'which disk' boot --add D --partition 2 --file a s.json && fails 'go with --file' boot --add D --partition 2 --uri a s.json &&
	fails 'no other' boot --add D --disk disk.raw --partition "2,$esp" --file a s.json && fails 'not both' boot --add D --first --once --file a s.json &&
	fails 'not N' boot --add D --partition 0 --file a s.json && fails 'not N' boot --add D --partition "1,$esp,5" --file a s.json &&
	fails 'No such file' boot --add D --disk nope --file a s.json && fails 'ends at 0x0' boot --add D --disk /dev/null --file a s.json && same
ok 'boot: what is no disk, and what is no partition' $?

# keys
fresh
quiet 0 secureboot s.json off && run 1 status s.json && quiet 0 secureboot s.json on && run 0 status s.json && quiet 0 delete s.json PK &&
	run 1 secureboot s.json on && grep -q 'no platform key' err && fails 'on' secureboot s.json maybe
ok 'secureboot: on and off' $?
printf 'sbat,1,2024010900\nshim,4\n' >sbat.csv
fresh
quiet 0 enroll --sbat sbat.csv s.json && run 0 get --raw s.json SbatLevel && cmp out sbat.csv && run 0 list s.json SbatLevel &&
	grep -q '^NV+BS  ' out && fails 'no SBAT level' enroll --sbat "$sample" s.json
ok "enroll: shim's SbatLevel" $?
fresh
shows vars-status.txt 0 status "$sample"
ok 'status: on' $?
quiet 0 set --data 00 s.json SecureBootEnable && run 1 status s.json && grep -q '^SecureBoot  off: SecureBootEnable is off$' out
ok 'status: switched off' $?
quiet 0 delete s.json PK && run 1 status --json s.json && grep -q '"setup_mode": true' out && grep -q 'there is no platform key' out
ok 'status: setup mode' $?
shows vars-audit.txt 0 audit --date 2027-01-01 "$sample"
ok 'audit: nothing to say' $?
shows vars-audit.json 1 audit --json --date 2040-01-01 "$sample"
ok 'audit: expired' $?
ms=/usr/share/OVMF/OVMF_VARS_4M.ms.fd
if [ -e $ms ]; then
	run 1 audit --json --date 2026-01-01 $ms && [ "$(grep -c '"generation": "2011"' out)" = 3 ] && ! grep -q '"expired": true' out &&
		run 1 audit --json --date 2040-01-01 $ms && [ "$(grep -c '"expired": true' out)" = 5 ]
	ok "audit: Microsoft's of 2011" $?
fi
"$runtserv" vars get --output db.esl "$sample" db
tail -c +45 db.esl >db.der
pem() { echo '-----BEGIN CERTIFICATE-----'; base64 -w64 "$1"; echo '-----END CERTIFICATE-----'; }
{ echo noise; pem db.der; } >db.pem
hash=$(printf %064d 7)
cp "$sample" m.json && quiet 0 enroll --mok db.pem --mokx "sha256:$hash" m.json && run 0 audit --date 2027-01-01 m.json &&
	grep -q '^MokList CN=db$' out && grep -q '^MokListX 1 hash$' out && run 0 status m.json && grep -q '^MokListX    1 hash$' out &&
	run 1 audit --date 2040-01-01 m.json && grep -q '^! MokList: expired' out
ok "audit: shim's lists" $?
mine=5f3c6b1e-7f0a-4c0e-9d3b-0c1d2e3f4a5b
quiet 0 enroll --owner $mine --pk db.der --kek db.pem --db db.esl --dbx "sha256:$hash" --mok db.pem --time 2026-01-01 new.json &&
	run 0 list new.json && [ "$(wc -l <out)" = 6 ] && run 0 get --raw new.json KEK && cmp out db.esl &&
	run 0 get --raw new.json PK && cmp out db.esl && run 0 get --raw new.json db && cmp out db.esl &&
	run 0 get new.json dbx && grep -q "^owner $mine  SHA-256 $hash$" out && grep -q 'written 2026-01-01T00:00:00Z' out &&
	run 0 list new.json MokList && grep -q '^NV+BS  ' out
ok 'enroll: certificates as DER, PEM and list, and a hash, into a new store' $?
cp new.json before.json
quiet 0 enroll --owner $mine --kek db.der --db db.der --dbx "sha256:$hash" new.json && cmp new.json before.json &&
	quiet 0 enroll --owner $mine --kek db.der --kek db.pem --db db.pem --db db.esl --dbx "sha256:$hash" --dbx "sha256:$hash" twice.json &&
	for name in KEK db dbx; do cmp <("$runtserv" vars get --raw new.json $name) <("$runtserv" vars get --raw twice.json $name) || break; done
ok 'enroll: what is there already is not added again' $?
quiet 0 enroll --dbx "sha256:$(printf %064d 8)" new.json && run 0 list new.json dbx && grep -q '2 hashes$' out &&
	quiet 0 enroll --replace --dbx "sha256:$hash" new.json && run 0 list new.json dbx && grep -q '1 hash$' out
ok 'enroll: adds, or replaces' $?
quiet 0 enroll --generate-pk pk.pem --db db.der made.json && [ "$(stat -c %a pk.pem)" = 600 ] && grep -q 'PRIVATE KEY' pk.pem &&
	run 0 status made.json && grep -q '^PK  *Platform Key$' out
ok 'enroll: makes a platform key' $?
cp pk.pem pk.was && fails 'File exists' enroll --generate-pk pk.pem made.json && cmp pk.pem pk.was
ok 'enroll: a key that is there is not overwritten' $?
ln -s pk.pem link.pem && fails 'File exists' enroll --generate-pk link.pem made.json && fails 'No such file' enroll --generate-pk no/pk.pem made.json &&
	fails 'Is a directory' enroll --generate-pk ./ made.json && cp made.json sub.json && mkdir sub && quiet 0 enroll --generate-pk sub/pk.pem sub.json &&
	[ "$(ls sub)" = pk.pem ] && cmp pk.pem pk.was
ok 'enroll: where a key is kept' $?
fails 'no certificate' enroll --db "$sample" made.json && fails 'not a hash' enroll --pk "sha256:$hash" made.json &&
	fails '64 hexadecimal' enroll --db sha256:00 made.json && fails '--owner' enroll --owner x --db db.der made.json &&
	fails 'something to enroll' enroll made.json && fails 'No such file' enroll --db nope made.json &&
	cat db.der db.der >two.der && fails 'no certificate' enroll --db two.der made.json &&
	sed 's/^MII/MIX/' db.pem >broken.pem && fails 'broken' enroll --db broken.pem made.json
ok 'enroll: what is no key' $?
"$runtserv" vars get --extract . "$sample" KEK >/dev/null && { cat db.pem; pem KEK-KEK.der; } >two.pem &&
	fails 'more than one signature' enroll --pk two.pem two.json && [ ! -e two.json ]
ok 'enroll: one platform key' $?
cp "$sample" a.json
run 1 audit --dbx db.esl a.json && grep -q '^! dbx: 1 of 1 entries of the update are missing$' out &&
	quiet 0 enroll --dbx db.esl a.json && run 0 audit --dbx db.esl a.json && fails 'neither' audit --dbx db.der a.json
ok 'audit: what dbx lacks' $?

# an update by the rules: time, WIN_CERTIFICATE_UEFI_GUID, PKCS#7, value
hexof() { od -An -v -tx1 "$1" | tr -d ' \n'; }
bytes() { printf "$(sed 's/../\\x&/g')"; }
guid_pkcs7=9dd2af4adf68ee498aa9347d375665a7
# auth HEXTIME SIGNATURE VALUE: on standard output
auth()
{
	len=$(printf %08x $((24 + $(stat -c %s "$2"))))
	echo "$1${len:6:2}${len:4:2}${len:2:2}${len:0:2}0002f10e$guid_pkcs7$(hexof "$2")" | bytes
	cat "$3"
}
time=eb070101000000000000000000000000 # 2027-01-01
: >none
: >empty.json
auth $time none db.esl >unsigned.auth
quiet 0 apply empty.json KEK unsigned.auth && run 0 list empty.json KEK && grep -q ' KEK-.*  db$' out
ok 'apply: unsigned in setup mode' $?
run 1 apply made.json KEK unsigned.auth && [ ! -s out ] && grep -q 'SetVariable KEK-.*SECURITY_VIOLATION' err &&
	run 1 get made.json KEK
ok 'apply: refused in user mode, and the reason is told' $?
if command -v openssl >/dev/null; then
	{ echo 4b0045004b0061dfe48bca93d211aa0d00e098032b8c27000000$time | bytes; cat db.esl; } >tbs
	openssl smime -sign -binary -noattr -md sha256 -signer pk.pem -inkey pk.pem -outform DER -in tbs -out sig
	auth $time sig db.esl >signed.auth
	quiet 0 apply made.json KEK signed.auth && run 0 get made.json KEK && grep -q 'written 2027-01-01T00:00:00Z' out &&
		run 1 apply made.json KEK signed.auth
	ok 'apply: signed by the key that was made, once' $?
	quiet 0 enroll --replace --kek signed.auth made.json && run 0 get --raw made.json KEK && cmp out db.esl
	ok 'enroll: what an update holds' $?
else
	skip 'apply: signed by the key that was made, once' 'no openssl'
	skip 'enroll: what an update holds' 'no openssl'
fi
fails 'wants' apply made.json KEK && fails 'known namespace' apply made.json Foo unsigned.auth &&
	run 1 apply empty.json db db.esl
ok 'apply: what is no update' $?

# two stores
fresh
quiet 0 diff "$sample" s.json
ok 'diff: none' $?
"$runtserv" vars set --data 0a00 s.json BootOrder && "$runtserv" vars delete s.json Zero &&
	"$runtserv" vars set --text new --attributes NV+BS s.json New-5f3c6b1e-7f0a-4c0e-9d3b-0c1d2e3f4a5b
shows vars-diff.txt 1 diff "$sample" s.json
ok 'diff' $?
sed 's/"digest": "../"digest": "00/; s/"data": "\(a159c0a5[0-9a-f]*\)..",*$/"data": "\1ff"/' "$sample" >d.json
run 1 diff "$sample" d.json && grep -c '^[-+].*  belongs to ' out | grep -qx 2 && [ "$(grep -c '^  their data differ from byte 0x32a on' out)" = 2 ]
ok 'diff tells what its lines are too short for' $?
run 1 diff --json "$sample" s.json && python3 -c 'import json, sys
d = json.load(open("out"))["differences"]
sys.exit([(x["a"] and x["a"]["name"], x["b"] and x["b"]["name"]) for x in d] !=
	[("Zero", None), ("BootOrder", "BootOrder"), (None, "New")])'
ok 'diff as JSON' $?
quiet 0 merge s.json "$sample" && quiet 0 delete s.json New && quiet 0 diff "$sample" s.json
ok 'merge puts back what differs' $?
quiet 0 merge --delete s.json "$sample" && run 0 list s.json && [ ! -s out ]
ok 'merge can delete' $?
quiet 0 merge s.json "$sample" && quiet 0 diff "$sample" s.json
ok 'merge keeps times and owners' $?
cp "$sample" p.json && quiet 0 delete p.json Priv && quiet 0 convert p.json c.fd && quiet 0 convert c.fd c.json && cmp p.json c.json
ok 'convert, there and back: the same bytes' $?
run 0 list c.fd && grep -q 'Boot0000 Boot0001' out && quiet 0 set --data 0500 c.fd Timeout && run 0 get c.fd Timeout && grep -qx 5 out
ok 'a flash image is a store, too' $?
quiet 0 convert --layout 2m p.json small.fd && cp small.fd was.fd && head -c 60000 /dev/zero >big &&
	fails 'vars: small.fd: the variables take' set --file big small.fd BootNext && cmp small.fd was.fd
ok 'a flash image has just so much room' $?
run 1 convert "$sample" d.fd && grep -q '^runtserv vars: lost: Priv-' err && grep -q '^runtserv vars: d.fd: not written, .*--lossy' err && [ ! -e d.fd ]
ok 'convert says what would be lost, and does nothing' $?
fails 'c.fd' convert p.json c.fd && quiet 0 convert --force p.json c.fd && [ -e c.fd.bak ]
ok 'convert does not replace a store by itself' $?

# a folder, as efivarfs is one
mkdir efi && printf '\6\0\0\0\2\0' >efi/BootCurrent-8be4df61-93ca-11d2-aa0d-00e098032b8c &&
	printf '\7\0\0\0\5\0' >efi/Timeout-8be4df61-93ca-11d2-aa0d-00e098032b8c && run 0 list efi && [ "$(wc -l <out)" = 3 ] &&
	grep -q '^BS+RT  *2  BootCurrent-.*  Boot0002$' out && run 0 get efi BootCurrent && grep -qx Boot0002 out &&
	fails 'are not NV+BS' set --data 0300 efi BootCurrent && fails 'machine' delete efi BootCurrent && quiet 0 set --data 0600 efi Timeout && run 0 get efi BootCurrent &&
	quiet 0 merge merged.json efi && run 0 list merged.json && [ "$(wc -l <out)" = 2 ]
ok 'a folder: volatile variables are shown, and stay' $?

# hostile text
printf '{"version":2,"variables":[{"guid":"8be4df61-93ca-11d2-aa0d-00e098032b8c","name":"Boot0000","attr":7,
"data":"01000000040041001b005b0032004a0000007fff0400"},{"guid":"8be4df61-93ca-11d2-aa0d-00e098032b8c",
"name":"e\\u001b[2J","attr":7,"data":"1b5b324a"}]}' >h.json
run 0 list h.json && ! grep -q $'\x1b' out && grep -q 'A?\[2J' out && grep -q 'e?\[2J' out &&
	run 0 list --json h.json && ! grep -q $'\x1b' out && run 0 get h.json Boot0000 && ! grep -q $'\x1b' out
ok 'no escape sequence reaches the terminal' $?
sed -i 's/e.u001b.2J/e\\u001b[2J\\u202e\\u009b\\u00fc/' h.json
run 0 list --json h.json && ! LC_ALL=C grep -q '[^ -~]' out && json '[v["name"] for v in d["variables"]] == ["Boot0000", "e\33[2J\u202e\u009b\xfc"] and
	d["variables"][0]["load_option"]["description"] == "A\33[2J"' && run 0 list h.json && ! grep -q $'\x1b\|\xc2\x9b\|\u202e' out
ok 'names in JSON are what they are, in ASCII' $?

# a store that a machine uses
fresh
: >log
"$runtserv" serve --store s.json --socket mm.sock --sandbox off 2>log &
pid=$!
for _ in $(seq 200); do
	grep -q 'serve: serving' log && break
	sleep 0.05
done
fails "in use by process $pid" set --data 0100 s.json BootNext && fails 'in use' delete s.json BootOrder && same
ok 'a store in use is not written' $?
shows vars-list.txt 0 list s.json
ok 'a store in use is read' $?
kill $pid
wait $pid
pid=
quiet 0 set --text changed s.json Zero
ok 'and written when it is free' $?
echo "1..$n"
