#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The tree keeps its own rules, and tools/check-rooms notices each way of breaking them.
# usage: tests/check-rooms.sh TOP
set -u
top=$1
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
n=0

# ok NAME STATUS
ok()
{
	n=$((n + 1))
	[ "$2" = 0 ] && echo "ok $n - $1" || echo "not ok $n - $1"
}

# bad NAME FILE LINE EXPECTED: a tree in which only FILE breaks a rule, with LINE as its second.
bad()
{
	rm -rf "$tmp/src" "$tmp/include"
	mkdir -p "$tmp/src/pe" "$tmp/src/vars" "$tmp/src/attic" "$tmp/include/runtserv"
	cp "$top/src/ROOMS" "$tmp/src/ROOMS"
	printf '#include <stdint.h>\n#include "base/bytes.h"\n#include "pe_priv.h"\n' >"$tmp/src/pe/good.c"
	printf '/* a file */\n%s\n' "$3" >"$tmp/$2"
	out=$("$top/tools/check-rooms" "$tmp")
	rc=$?
	[ $rc = 1 ] && [ "$out" = "$4" ]
	ok "$1" $?
	[ "$out" = "$4" ] || printf '# expected: %s\n# printed: %s\n' "$4" "$out"
}

out=$("$top/tools/check-rooms" "$top")
ok 'this tree' $?
[ -z "$out" ] || echo "$out" | sed 's/^/# /'
bad 'room that is not allowed' src/pe/pe.c '#include "cli/cli.h"' 'pe/pe.c:2: pe may not use cli'
bad 'public header of a room' src/pe/pe.c '#include "runtserv/vars.h"' 'pe/pe.c:2: pe may not use vars'
bad 'inside a public header' include/runtserv/vars.h '# include "store/store.h"' \
	'include/runtserv/vars.h:2: vars may not use store'
bad 'unknown room' src/pe/pe.c '#include "misc/misc.h"' 'pe/pe.c:2: src/ROOMS does not know misc'
bad 'folder without a row' src/attic/a.c 'int a;' 'attic/a.c:1: src/ROOMS does not know attic'
bad 'hosted header in a freestanding room' src/pe/pe.c '#include <string.h>' \
	'pe/pe.c:2: pe is freestanding and may not use <string.h>'
bad 'hosted header of ours in a freestanding room' src/pe/pe.c '#include "base/cleanup.h"' \
	'pe/pe.c:2: pe is freestanding and may not use base/cleanup.h'
bad 'system call header in a pure room' src/vars/v.c '#include <unistd.h>' \
	'vars/v.c:2: vars makes no system calls and may not use <unistd.h>'
bad 'library in a wrong room' src/vars/v.c '#include <jansson.h>' \
	'vars/v.c:2: vars may not use <jansson.h>'
echo "1..$n"
