#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The run verb as far as nothing has to be run: help, options, and what cannot be done. tests/cli/run_rules.py runs drivers.
# usage: run.sh TOP RUNTSERV
set -u
top=$(realpath "$1")
shift
runtserv=$(realpath "$1")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
n=0

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

# run STATUS ARG...
run()
{
	want=$1
	shift
	timeout 60 "$runtserv" run "$@" >out 2>err
	[ $? = "$want" ]
}

# fails NAME WORDS ARG...: exit 2, nothing on stdout, one line on stderr that holds the words
fails()
{
	name=$1
	words=$2
	shift 2
	run 2 "$@" && [ ! -s out ] && [ "$(wc -l <err)" = 1 ] && grep -qF -- "$words" err
	ok "$name" $?
}

dd if="$top/fuzz/corpus/rom/two" of=x64.efi bs=64 skip=1 count=16 2>/dev/null
"$top/tests/cli/run_make.py" x64.efi . || exit 1

run 0 --help && [ ! -s err ] && grep -q '^Usage: runtserv run ' out
ok 'help' $?
missing=
for o in json firmware engine no-virtual timeout runtime-stack calls trace flash save-flash save-map pcd seed head-guard verbose; do
	grep -q -- "^  --$o" out || missing="$missing $o"
done
[ -z "$missing" ]
ok 'each option is explained' $?
# same NAME FILE...: what is left of the completions has the options of --help, no more and no fewer
options=$(sed -n 's/^  \(--[a-z-]*\).*/\1/p' out | sort)
same()
{
	got=$(grep -o -- '--[a-z][a-z-]*' | sort -u)
	[ "$got" = "$options" ]
	ok "completions of $1" $?
}
same bash < <(sed -n '/^	\*:run)/,/^		;;/p' "$top/data/completions/runtserv.bash")
same zsh < <(sed -n '/^		run)/,/;;/p' "$top/data/completions/_runtserv")
# shellcheck disable=SC2016  # fish's
same fish < <(sed -n 's/.* -n $run -l \([a-z-]*\) .*/--\1/p' "$top/data/completions/runtserv.fish")
run 0 x64.efi --help && [ ! -s err ]
ok 'options may follow drivers' $?

fails 'no driver' "no DRIVER; see 'runtserv run --help'"
fails 'unknown option' 'unknown or ambiguous option --frobnicate' --frobnicate
fails 'unknown option behind a driver' 'option --frobnicate' x64.efi --frobnicate
fails 'an option without its argument' 'missing after --calls' x64.efi --calls
fails 'behind -- there are only drivers' "--json: no such file" -- --json
# shellcheck disable=SC2046  # words
fails 'too many drivers' 'x64.efi: more than 32 drivers' $(yes x64.efi | head -n 33)

fails 'an engine that is none' '--engine qemu: own or edk2' --engine qemu x64.efi
fails 'the real engine without firmware' '--engine edk2: RuntimeDxe comes from --firmware' --engine edk2 x64.efi
for t in 0 3601 -1 5s '' 1e3 99999999999999999999; do
	fails "time limit '$t'" "--timeout $t: not a number of seconds, 1 to 3600" --timeout "$t" x64.efi
done
for k in 0 3 513 516 4k ''; do
	fails "stack '$k'" "--runtime-stack $k: not a multiple of 4, from 4 to 512" --runtime-stack "$k" x64.efi
done
for s in -1 x 18446744073709551616 ' 1'; do
	fails "seed '$s'" "--seed $s: not a number" --seed "$s" x64.efi
done
for p in 5 5= =5 5=6=7 a=1 4294967296=1 1=18446744073709551616; do
	fails "pcd '$p'" "--pcd $p: not TOKEN=VALUE" --pcd "$p" x64.efi
done
# shellcheck disable=SC2046
fails 'too many pcds' '--pcd 1=2: more than 64 of them' $(yes -- '--pcd 1=2' | head -n 65) x64.efi

fails 'no such file' 'Nothing: no such file; a driver'"'"'s name needs --firmware' Nothing
fails 'no such path' './none.efi: No such file or directory' ./none.efi
fails 'a folder' '/: Is a directory' /
fails 'not an image' 'not a PE image' "$top/tests/cli/run.sh"
dd if="$top/fuzz/corpus/rom/two" of=aa64.efi bs=64 skip=25 2>/dev/null
fails 'another machine' 'aa64.efi: machine 0xaa64; only x64 images (0x8664) can run' aa64.efi
fails 'a machine of 32 bits' 'ia32.efi: ' ia32.efi
fails 'another subsystem' 'subsystem.efi: subsystem 3; not an EFI image' subsystem.efi
: >empty
fails 'an empty file' 'empty: ' empty

fails 'no such firmware' 'none.fd: No such file or directory' --firmware none.fd Twice
fails 'not a firmware image' 'x64.efi: ' --firmware x64.efi Twice
fails 'a name of two' 'Twice: the name of 2 drivers; say which by its GUID: 00000000-0000-0000-0000-000000000002, 00000000-0000-0000-0000-000000000003' \
	--firmware fd Twice
fails 'an image that cannot run' 'earlydriver: file type 0x06; only DXE drivers and applications run' --firmware fd earlydriver
fails 'a broken image' 'Broken: ' --firmware fd Broken
fails 'a name with one letter less' 'FrstDriver: no file, and no driver of that name in fd; perhaps FirstDriver' \
	--firmware fd FrstDriver
fails 'part of a name' 'perhaps FirstDriver or SecondDriver or evil?[31mDriver' --firmware fd Driver
fails 'a name like no other' 'Quux: no file, and no driver of that name in fd' --firmware fd Quux
! grep -q perhaps err
ok 'and no advice' $?
fails 'a GUID that is not there' '00000000-0000-0000-0000-0000000000FF: no file' \
	--firmware fd 00000000-0000-0000-0000-0000000000FF
fails 'with a slash it is a file' './FirstDriver: No such file' --firmware fd ./FirstDriver

fails 'no such script' 'none: No such file or directory' --calls none x64.efi
printf 'a\0b' >script
fails 'a script with a NUL' 'script: a NUL in it' --calls script x64.efi
head -c 1048577 /dev/zero >long
fails 'too long a script' 'long: longer than 1048576 bytes' --calls long x64.efi
fails 'no such flash' 'none: No such file or directory' --flash none x64.efi
fails 'too long a flash' 'long: longer than 540672 bytes' --flash long x64.efi
fails 'one driver that is wrong' 'subsystem 3' --firmware fd FirstDriver 00000000-0000-0000-0000-000000000003 subsystem.efi
echo "1..$n"
