#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# `scan`: exit statuses and outputs on images of small machines, which the test makes; what reports look like, from
# reports that were made by hand; pages in a browser where one is installed.
#
# usage: scan.sh PROGRAM SCAN_REPORT SCAN_IMAGE
set -u
program=$(realpath "$1")
report=$(realpath "$2")
image=$(realpath "$3")
verb=scan
. "${0%/*}/tap.sh"

# How many drivers an image has.
json_count() { "$program" scan --json "$1" | python3 -c 'import json, sys; print(len(json.load(sys.stdin)["drivers"]))'; }

ok 'images are made' "$image" .

# The command line.
usage="wants one of IMAGE, --live and --qmp SOCKET; see 'runtserv scan --help'"
ok 'no image' run 2
ok 'says so' says "$usage"
ok 'an image and --live' run 2 --live clean.raw
ok 'says so' says "$usage"
ok '--live and --qmp' run 2 --live --qmp none
ok 'says so' says "$usage"
ok '--save without --live' run 2 --save saved clean.raw
ok 'says so' says '--save: only with --live'
ok 'two answers on stdout' run 2 --json --html - clean.raw
ok 'is refused' says 'only one of --json, --html - and --svg - can have the standard output'
ok 'no such image' run 2 none.raw
ok 'says so' says 'none.raw: No such file or directory'
ok 'a file that is no known image' run 2 --firmware err clean.raw
ok 'says which' grep -q '^runtserv scan: err: neither a firmware image nor an EFI file nor an option ROM$' err
ok 'no such known image' run 2 --firmware none clean.raw
ok 'an inventory that is none' run 2 --inventory firmware.fd clean.raw
ok 'nothing on stdout' [ ! -s out ]
head -c 3000 firmware.fd >broken.fd
ok 'broken firmware' run 2 --firmware broken.fd clean.raw
ok 'is named' grep -q '^runtserv scan: broken.fd: ' err
ok 'another machine' run 2 aarch64.elf
ok 'says so' says 'aarch64.elf: the image is of a machine of kind aarch64; only x86-64 is known here'
ok 'a monitor that is not there' run 2 --qmp none.sock
ok 'nothing on stdout' [ ! -s out ]

# A clean machine.
ok 'a clean machine' run 0 --firmware firmware.fd clean.raw
ok 'nothing on stderr' [ ! -s err ]
cp out clean.txt
ok 'all services are clean' eval '[ "$(grep -c "  clean  " out)" = 14 ]'
ok 'and the verdict' eval 'tail -4 out | tr -s "\n " " " | grep -q "^verdict: no findings. All 14 services "'
ok 'options behind the image' run 0 clean.raw --firmware firmware.fd
ok 'the same text' cmp out clean.txt
ok 'behind --' run 0 --firmware firmware.fd -- clean.raw
ok 'one thread' run 0 --threads 1 --firmware firmware.fd clean.raw
ok 'the same text' cmp out clean.txt
ok 'as LiME' run 0 --firmware firmware.fd clean.lime
ok 'the same services' eval 'diff <(sed -n "/^SERVICE/,/^$/p" out) <(sed -n "/^SERVICE/,/^$/p" clean.txt)'
ok 'with its inventory' run 0 --firmware firmware.fd --inventory inventory.json clean.raw
ok 'as a document' run 0 --json --firmware firmware.fd clean.raw
ok 'of the right schema' json 'd["schema"] == "runtserv.scan/1" and len(d["services"]) == 14 and
	all(s["verdict"] == "clean" for s in d["services"]) and not d["findings"] and
	all(x["match"] == "exact" and x["matched_with"] == "firmware.fd" for x in d["drivers"])'
ok 'nothing to compare with' run 0 --json clean.raw
ok 'is not called clean' json 'all(s["verdict"] == "not checked" for s in d["services"]) and
	d["firmware"] == {"given": False, "applies": None}'
ok 'a driver alone' run 0 --json --firmware hook.efi clean.raw
ok 'firmware and a driver' run 0 --firmware firmware.fd --firmware hook.efi clean.raw
ok 'memory without the drivers' eval 'run 0 --firmware firmware.fd cut.raw || run 1 --firmware firmware.fd cut.raw'
ok 'is not called clean' eval '! grep -q "  clean  " out'

# A hooked one.
ok 'a hooked machine' run 1 --firmware firmware.fd hooked.raw
ok 'its finding' grep -q '^high    service-pointer-foreign' out
ok 'and the verdict' grep -q '^verdict: [0-9]* findings*: ' out
ok 'as a document' run 1 --json --firmware firmware.fd hooked.raw
ok 'SetVariable is foreign' json '[s["name"] for s in d["services"] if s["verdict"] == "foreign"] == ["SetVariable"] and
	d["findings"][0]["rule"] == "service-pointer-foreign" and d["findings"][0]["innocent_if"]'
ok 'the hook is known' run 0 --json --firmware firmware.fd --firmware hook.efi hooked.raw
ok 'and clean' json 'all(s["verdict"] == "clean" for s in d["services"])'
ok 'an inventory without it' run 1 --json --firmware firmware.fd --inventory inventory.json hooked.raw
ok 'tells of it' json '"inventory-disagrees" in [f["rule"] for f in d["findings"]]'

# doc/rules.md shows what is reported, but for addresses.
blurred() { sed 's/0x[0-9a-f]*/0x/g' "$@"; }
# in_doc RULE: that finding of out is an example there
in_doc()
{
	blurred out | awk -v rule="$1" 'BEGIN { RS = "" } $2 == rule || $2 == rule "," { print; exit }' >example
	[ -s example ] && python3 -c 'import sys; sys.exit(open("example").read().strip() not in sys.stdin.read())' \
		< <(blurred "$top/doc/rules.md")
}
ok 'the hooked one with an inventory' run 1 --firmware firmware.fd --inventory inventory.json hooked.raw
for rule in service-pointer-foreign driver-unknown inventory-disagrees not-in-attributes-table; do
	ok "the example of $rule" in_doc $rule
done
ok "Windows' copy" run 1 --firmware firmware.fd windows.raw
ok 'the example of windows-copy-disagrees' in_doc windows-copy-disagrees
ok 'how it was found' grep -q "^Windows' copy of the services: at 0x[0-9a-f]*, found by its pointers and by the" out
rules=$(sed -n '/^# RULES/,/^# WHAT/p' "$top/man/runtserv-scan.1.scd" | grep -o '\*[a-z]*-[a-z-]*\*' | tr -d '*')
ok 'the manual has 15 rules' [ "$(echo "$rules" | wc -l)" = 15 ]
for rule in $rules; do
	ok "a section about $rule" eval 'grep -q "^## $rule$" "$top/doc/rules.md" && grep -q "](#$rule)" "$top/doc/rules.md" &&
		grep -q "\"$rule\"" "$top/src/scan/scan_judge.c"'
done

# Nothing of UEFI.
ok 'nothing of UEFI' run 1 zeros
ok 'is told' grep -q '^verdict: nothing of UEFI. ' out
ok 'as a document' run 1 --json zeros
ok 'with 14 services' json 'len(d["services"]) == 14 and not d["drivers"] and d["notes"]'
ok 'as a page' run 1 --html page.html zeros
ok 'in order' eval '"$program" scan --json zeros >d.json; python3 "$top/tests/cli/scan_page.py" page.html d.json'
ok 'nothing to extract' run 1 --extract none zeros
ok 'is told' grep -q '^runtserv scan: no driver could be extracted$' err
ok 'and no folder is made' [ ! -e none ]

# Extraction.
ok 'extract' run 0 --extract drivers --firmware firmware.fd clean.raw
drivers=$(json_count clean.raw)
ok 'is told' grep -q "^extracted: $drivers drivers and hashes.json, to drivers\$" out
ok 'a file for each, and their hashes' eval '[ "$drivers" -gt 5 ] && [ "$(ls drivers | wc -l)" = $((drivers + 1)) ]'
ok 'hashes are those of the files' python3 - <<-'END'
	import hashlib, json
	d = json.load(open('drivers/hashes.json'))
	assert d['schema'] == 'runtserv.scan-extract/1' and len(d['files']) > 5
	for f in d['files']:
	    raw = open('drivers/' + f['file'], 'rb').read()
	    assert hashlib.sha256(raw).hexdigest() == f['sha256'] and len(raw) == f['size']
	    assert raw[:2] == b'MZ' and f['file'] == f['guid'] + '-' + f['name'] + '.efi'
END
ok 'extracted drivers are known images' run 0 --json \
	$(for f in drivers/*.efi; do echo "--firmware $f"; done) --firmware firmware.fd clean.raw
ok 'and the same ones' json 'all(x["match"] == "exact" for x in d["drivers"])'
ok 'extract a driver without a GUID' run 1 --json --extract hooked --firmware firmware.fd hooked.raw
ok 'its path is in the document' eval 'ls hooked/unknown-0x*.efi && json "[x[\"extracted\"] for x in d[\"drivers\"]
	if x[\"match\"] == \"unknown\"] == [\"$(ls hooked/unknown-0x*.efi)\"]"'
ok 'a folder that cannot be made' run 2 --extract none/deep --firmware firmware.fd clean.raw
ok 'nothing on stdout' [ ! -s out ]

# Page and picture.
ok 'page, picture and text' run 1 --html page.html --svg picture.svg --firmware firmware.fd hooked.raw
ok 'the text is there' grep -q '^verdict: ' out
"$program" scan --json --firmware firmware.fd hooked.raw >d.json
ok 'the page is in order' python3 "$top/tests/cli/scan_page.py" page.html d.json
ok 'the picture is in order' python3 "$top/tests/cli/scan_page.py" picture.svg d.json
ok 'a page on stdout' run 1 --html - --firmware firmware.fd hooked.raw
ok 'is the same' cmp out page.html
ok 'a picture on stdout' run 1 --svg - --firmware firmware.fd hooked.raw
ok 'is the same' cmp out picture.svg
ok 'a page that cannot be written' run 2 --html none/page.html --firmware firmware.fd hooked.raw
ok 'says so' says 'none/page.html: No such file or directory'
ok 'a full disk' run 2 --html /dev/full --firmware firmware.fd hooked.raw
ok 'says so' says '/dev/full: No space left on device'
for form in --json '--html -' '--svg -' ''; do
	# shellcheck disable=SC2086
	"$program" scan $form hooked.raw >/dev/full 2>err
	ok "a full disk, of stdout $form" [ $? -eq 2 ]
	ok 'says so, and nothing else' [ "$(cat err)" = 'runtserv: standard output: No space left on device' ]
done

# What reports look like. The picture's bar of memory has what the test's dump has.
for kind in empty clean hooked hostile spread many; do
	"$report" $kind text >$kind.txt && "$report" $kind json >$kind.json && "$report" $kind html >$kind.html &&
		"$report" $kind svg >$kind.svg
	ok "the page of a report: $kind" python3 "$top/tests/cli/scan_page.py" $kind.html $kind.json
	ok "the picture of a report: $kind" python3 "$top/tests/cli/scan_page.py" $kind.svg $kind.json
	"$report" $kind html >again
	ok "the same page again: $kind" cmp $kind.html again
	ok "no control characters in the text: $kind" eval '! grep -q "[[:cntrl:]]" $kind.txt'
	if [ $kind != many ]; then
		ok "the text of a report: $kind" golden scan-$kind.txt $kind.txt
		ok "the document of a report: $kind" golden scan-$kind.json $kind.json
	fi
done
ok 'the page' golden scan-hooked.html hooked.html
ok 'the picture' golden scan-hooked.svg hooked.svg

# In a browser. It draws what nobody but us wrote: it needs no sandbox of its own.
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome)
browse()
{
	timeout 100 "$browser" --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --hide-scrollbars \
		--user-data-dir="$dir/browser" --window-size=1240,1000 "$@" 2>browser.log
}
if [ -z "$browser" ]; then
	skip 'pages in a browser' 'no Chromium (apt-get install chromium)'
elif ! browse --dump-dom about:blank | grep -q '<html>'; then
	skip 'pages in a browser' "$browser does not run here"
else
	for kind in clean hooked hostile spread many; do
		python3 "$top/tests/cli/scan_page.py" --harness $kind.html harness.html
		browse --blink-settings=preferredColorScheme=1 --dump-dom "file://$dir/harness.html" >dom.html
		ok "in a browser, texts stay in their places: $kind" eval \
			'[ "$(python3 "$top/tests/cli/scan_page.py" --measured dom.html)" = "False rgb(255, 255, 255)" ]'
	done
	browse --blink-settings=preferredColorScheme=0 --dump-dom "file://$dir/harness.html" >dom.html
	ok 'on a dark screen, it is dark' eval \
		'[ "$(python3 "$top/tests/cli/scan_page.py" --measured dom.html)" = "True rgb(17, 22, 28)" ]'
	browse --screenshot="$dir/shot.png" "file://$dir/hooked.html"
	ok 'a screenshot' python3 - <<-'END'
		import struct, zlib
		raw = open('shot.png', 'rb').read()
		width, height, depth, kind = struct.unpack('>IIBB', raw[16:26])
		data, at = b'', 8
		while at < len(raw):
		    n, name = struct.unpack('>I4s', raw[at:at + 8])
		    data += raw[at + 8:at + 8 + n] if name == b'IDAT' else b''
		    at += n + 12
		pixels = zlib.decompress(data)
		assert (width, height) == (1240, 1000) and len(set(pixels)) > 50, (width, height)
	END
fi
echo "1..$n"
