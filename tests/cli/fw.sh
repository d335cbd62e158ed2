#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# `fw list` and `fw extract`: exit statuses, outputs, names from hostile images; and that UEFIExtract, where it
# is installed, finds the same files, the same names and the same images, in our own images and in stock ones.
#
# usage: fw.sh PROGRAM FV_MAKE
set -u
program=$(realpath "$1")
make=$(realpath "$2")
verb=fw
. "${0%/*}/tap.sh"

from_stdin() { "$program" fw list - <fd/nested | diff "$top/tests/golden/fw-list.txt" -; }

mkdir fd
ok 'images are made' "$make" fd

ok 'list' run 0 list fd/nested
ok 'its text' golden fw-list.txt
ok 'list --json' run 0 list --json fd/nested
ok 'its document' golden fw-list.json
ok 'list from standard input' from_stdin
ok 'a wrong checksum' run 1 list fd/broken
ok 'its text' golden fw-list-broken.txt
ok 'a driver that is no image' run 1 list --json fd/bad_image
ok 'its document' golden fw-list-bad.json
echo 'no firmware' >text
ok 'not firmware' run 2 list text
ok 'names the file' says 'text: no firmware volume begins anywhere in 12 bytes'
ok 'nothing on stdout' silent out
ok 'no such file' run 2 list none
ok 'a folder' run 2 list fd
ok 'two files' run 2 list fd/plain fd/nested
ok 'no form' run 2
ok 'an unknown form' run 2 show fd/plain

# A link and a file are there already, under names that will be written.
mkdir drivers
echo precious >precious
ln -s ../precious drivers/10000006-1234-5678-0102-030405060708-Same.efi
echo old >drivers/10000002-1234-5678-0102-030405060708-Peim.te
ok 'extract' run 0 extract --output drivers fd/nested
ok 'its text' golden fw-extract.txt
listed() { ls -d drivers/* | sort | diff - "$1"; }
sort out >paths
ok 'wrote what it printed, and nothing else' listed paths
ok 'a link was not followed' grep -q precious precious
ok 'but replaced' [ ! -L drivers/10000006-1234-5678-0102-030405060708-Same.efi ]
ok 'a file was replaced' [ "$(wc -c <drivers/10000002-1234-5678-0102-030405060708-Peim.te)" -eq 736 ]

ok 'extract into the default folder' run 0 extract fd/plain
# depex section, and a header, before the image
dd if=fd/plain of=want bs=4 skip=27 count=256 2>/dev/null
ok 'the bytes of the image' cmp want plain.drivers/10000001-1234-5678-0102-030405060708-Plain.efi
ok 'extract by name and by GUID' run 0 extract --json --output two fd/nested Peim 10000006-1234-5678-0102-030405060708
ok 'its document' golden fw-extract.json
ok 'a name that is not there' run 1 extract --output none fd/nested Nobody
ok 'says so' says 'no driver Nobody in the image'
ok 'no folder is made for it' [ ! -e none ]
ok 'one of two names' run 1 extract --output three fd/nested Nobody Peim
ok 'the other is there' [ -e three/10000002-1234-5678-0102-030405060708-Peim.te ]
ok 'a file without an image' run 1 extract fd/nested 10000004-1234-5678-0102-030405060708
ok 'a broken image is extracted' run 1 extract --output four fd/broken
ok 'both drivers of it' [ "$(ls four | wc -l)" -eq 2 ]
ok 'a folder that cannot be made' run 2 extract --output none/deep fd/plain
ok 'a file in place of the folder' run 2 extract --output precious fd/plain
ok 'no FD' run 2 extract

# What UEFIExtract's report says: GUID and name of each file, pad files left out. It has names of its own for some
# files; those count that come from a user interface section. "-" is no name.
report_rows()
{
	awk -F '|' '
	function clean(s) { gsub(/^[ \t]+|[ \t]+$/, "", s); return s }
	{ kind = clean($1); sub_kind = clean($2); text = clean($6); match(text, /^-*/); depth = RLENGTH }
	{ for (d in at) if (d + 0 >= depth) delete at[d] }
	kind == "File" {
		if (sub_kind ~ /[Pp]ad/) next
		guid[++count] = tolower(substr(text, depth + 2, 36))
		label[count] = clean($7)
		at[depth] = count
	}
	kind == "Section" && sub_kind == "UI" {
		best = -1
		for (d in at) if (d + 0 > best) best = d + 0
		if (best >= 0) named[at[best]] = 1
	}
	END { for (i = 1; i <= count; i++) print guid[i], named[i] ? label[i] : "-" }' "$1"
}

list_rows() { "$program" fw list "$1" | awk 'NR > 1 { print $1, substr($0, 79) }'; }

same_files()
{
	report_rows "$1.report.txt" | tr -c '[:print:]\n' '?' >want
	list_rows "$1" >got
	[ "$(wc -l <want)" -ge "$2" ] && diff want got
}

hashes() { find "$@" -exec sha256sum {} + | cut -c 1-64 | sort; }

same_images()
{
	hashes "$1.dump" -name body.bin \( -path '*/[0-9]* PE32 image section/*' -o -path '*/[0-9]* TE image section/*' \) >want
	rm -rf images
	"$program" fw extract --output images "$1" >/dev/null && hashes images -type f >got &&
		[ "$(wc -l <want)" -ge "$2" ] && diff want got
}

# against DESCRIPTION FD FILES IMAGES: at least so many
against()
{
	if ! command -v UEFIExtract >/dev/null; then
		skip "$1: the files that UEFIExtract finds" 'no UEFIExtract (apt-get install uefitool-cli)'
		skip "$1: the images that UEFIExtract finds" 'no UEFIExtract (apt-get install uefitool-cli)'
	elif [ ! -e "$2" ]; then
		skip "$1: the files that UEFIExtract finds" "no $2"
		skip "$1: the images that UEFIExtract finds" "no $2"
	else
		cp "$2" fd/image
		chmod u+w fd/image
		rm -rf fd/image.dump
		UEFIExtract fd/image report >/dev/null 2>&1
		UEFIExtract fd/image dump >/dev/null 2>&1
		ok "$1: the files that UEFIExtract finds" same_files fd/image "$3"
		ok "$1: the images that UEFIExtract finds" same_images fd/image "$4"
		rm -rf fd/image*
	fi
}

for kind in plain lzma lzma_x86 uefi tiano crc32 stored; do
	against "ours, $kind" "fd/$kind" 1 1
done
against 'ours, nested' fd/nested 6 4
against OVMF_CODE_4M.fd /usr/share/OVMF/OVMF_CODE_4M.fd 120 100
against OVMF_CODE_4M.secboot.fd /usr/share/OVMF/OVMF_CODE_4M.secboot.fd 120 100
against OVMF_CODE.fd /usr/share/OVMF/OVMF_CODE.fd 120 100
against OVMF.fd /usr/share/ovmf/OVMF.fd 120 100
against AAVMF_CODE.fd /usr/share/AAVMF/AAVMF_CODE.fd 100 90
echo "1..$n"
