#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The vars verb on real stores: what it prints, what it changes, and what it refuses.
# usage: vars.sh SOURCE_ROOT RUNTSERV MM_CLIENT
set -u
root=$(realpath "$1")
runtserv=$(realpath "$2")
client=$(realpath "$3")
golden=$root/tests/golden
sample=$root/tests/data/qemu-10.0.2-vars.json
dir=$(mktemp -d)
cd "$dir" || exit 1
pid=
n=0
trap '[ -z "$pid" ] || kill -9 $pid 2>/dev/null; rm -rf "$dir"' EXIT

# ok NAME STATUS
ok()
{
	n=$((n + 1))
	if [ "$2" = 0 ]; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		sed 's/^/# /' out err 2>/dev/null
	fi
}

# run STATUS ARG...: vars ends with that status
run()
{
	want=$1
	shift
	timeout 20 "$runtserv" vars "$@" >out 2>err
	[ $? = "$want" ]
}

# quiet STATUS ARG...: and prints nothing
quiet() { run "$@" && [ ! -s out ] && [ ! -s err ]; }

# fails WORDS ARG...: exit 2, nothing on stdout, one line on stderr that holds the words
fails()
{
	words=$1
	shift
	run 2 "$@" && [ ! -s out ] && [ "$(wc -l <err)" = 1 ] && grep -qF -- "$words" err
}

# golden NAME STATUS ARG...: prints what the golden file says
golden()
{
	file=$golden/$1
	shift
	run "$@" && [ ! -s err ] || return 1
	[ -z "${UPDATE_GOLDEN:-}" ] || cp out "$file"
	diff "$file" out >diff.out && return 0
	mv diff.out out
	return 1
}

fresh() { cp "$sample" s.json && rm -f s.json.*; }
same() { cmp -s "$sample" s.json; }

# showing
golden vars-list.txt 0 list "$sample"
ok 'list' $?
golden vars-list.json 0 list --json "$sample" 'Boot*' db SecureBootEnable
ok 'list as JSON, by pattern' $?
golden vars-get-db.txt 0 get "$sample" db
ok 'get decodes a signature list' $?
golden vars-get-plain.txt 0 get "$sample" Plain-11111111-2222-3333-4444-555555555555
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

# errors of the command line
fails 'see' && fails 'frobnicate' frobnicate && fails 'wants' list && fails 'wants' get "$sample" &&
	fails 'wants' set s.json BootNext && fails 'wants' delete s.json
ok 'operands that are missing' $?
run 0 --help && [ ! -s err ] && grep -q 'vars list' out
ok 'help' $?
for form in $(sed -n 's/.* runtserv vars \([a-z]*\) .*/\1/p' out); do
	run 0 "$form" --help && [ ! -s err ] && grep -q "^Usage: runtserv vars $form" out || break
done
ok 'help of every form' $?

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
fails 'known namespace' set --data 00 s.json Mine && same
ok 'set: unknown namespace' $?
fails 'not what a guest could have written' set --data ff s.json PK && same
ok 'set: keys that are none' $?
fails 'not what a guest could have written' set --data 00 --attributes BS s.json Boot0000 && same
ok 'set: attributes that no store has' $?
fails 'computed' set --data 00 s.json SetupMode-8be4df61-93ca-11d2-aa0d-00e098032b8c && same
ok 'set: what is computed' $?
fails 'hexadecimal' set --data 0 s.json BootNext && fails 'hexadecimal' set --data xx s.json BootNext &&
	fails 'at least one byte' set --text '' s.json BootNext && fails 'one value' set --text a --data 00 s.json BootNext &&
	fails '--attributes' set --text a --attributes QQ s.json BootNext && same
ok 'set: values that are none' $?
head -c 70000 /dev/zero >big && fails 'not what a guest could' set --file big s.json BootNext && same
ok 'set: a value that is too long' $?
head -c 5000 /dev/zero >big && fails 'no room' set --quota 8000 --file big s.json BootNext && same
ok 'set: over quota' $?
run 1 delete s.json BootOrder Nope && same
ok 'delete: all or nothing' $?
fails 'not what a guest' delete s.json BootOrder BootOrder && same
ok 'delete: the same twice' $?
[ "$(echo s.json*)" = 's.json s.json.lock' ]
ok 'no other file is left' $?

# boot entries
fresh
efi='\EFI\debian\shimx64.efi'
quiet 0 boot --add Debian --file "$efi" s.json && quiet 0 boot --add Net --uri http://a/b.efi --args 'x=1' --first s.json &&
	quiet 0 boot --add Raw --device-path 02010c00d041030a000000007fff0400 s.json &&
	quiet 0 boot --next 3 s.json && quiet 0 boot --disable Boot0002 s.json &&
	golden vars-boot.txt 0 boot s.json
ok 'boot: entries are made, and shown in their order' $?
golden vars-boot.json 0 boot --json s.json
ok 'boot: as JSON' $?
golden vars-boot-get.txt 0 get s.json Boot0003
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
	fails '--add: not' boot --add A --device-path 0g s.json && quiet 0 boot --next none s.json && same
ok 'boot: what is no entry, and what is no change' $?

# two stores
quiet 0 diff "$sample" s.json
ok 'diff: none' $?
"$runtserv" vars set --data 0a00 s.json BootOrder && "$runtserv" vars delete s.json Zero &&
	"$runtserv" vars set --text new --attributes NV+BS s.json New-5f3c6b1e-7f0a-4c0e-9d3b-0c1d2e3f4a5b
golden vars-diff.txt 1 diff "$sample" s.json
ok 'diff' $?
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
run 1 convert "$sample" d.fd && grep -q '^runtserv vars: lost: Priv-' err && [ ! -e d.fd ]
ok 'convert says what would be lost, and does nothing' $?
fails 'c.fd' convert p.json c.fd && quiet 0 convert --force p.json c.fd && [ -e c.fd.bak ]
ok 'convert does not replace a store by itself' $?

# hostile text
printf '{"version":2,"variables":[{"guid":"8be4df61-93ca-11d2-aa0d-00e098032b8c","name":"Boot0000","attr":7,
"data":"01000000040041001b005b0032004a0000007fff0400"},{"guid":"8be4df61-93ca-11d2-aa0d-00e098032b8c",
"name":"e\\u001b[2J","attr":7,"data":"1b5b324a"}]}' >h.json
run 0 list h.json && ! grep -q $'\x1b' out && grep -q 'A?\[2J' out && grep -q 'e?\[2J' out &&
	run 0 list --json h.json && ! grep -q $'\x1b' out && run 0 get h.json Boot0000 && ! grep -q $'\x1b' out
ok 'no escape sequence reaches the terminal' $?

# a store that a machine uses
fresh
"$runtserv" serve --store s.json --socket mm.sock --sandbox off 2>log &
pid=$!
for _ in $(seq 200); do
	grep -q 'serve: serving' log && break
	sleep 0.05
done
fails "in use by process $pid" set --data 0100 s.json BootNext && fails 'in use' delete s.json BootOrder && same
ok 'a store in use is not written' $?
golden vars-list.txt 0 list s.json
ok 'a store in use is read' $?
kill $pid
wait $pid
pid=
quiet 0 set --text changed s.json Zero
ok 'and written when it is free' $?
echo "1..$n"
