# SPDX-License-Identifier: BSD-2-Clause
# What the shell tests begin with: a folder of their own, which they are in, and TAP. They set program, and verb: the
# words that are always behind it.
: "${program:?}" "${verb?}"
top=$(realpath "${0%/*}/../..")
n=0
pid= # of a daemon that is not to outlive the test
dir=$(mktemp -d)
trap '[ -z "$pid" ] || kill -9 "$pid" 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir" || exit 1
export LC_ALL=C PYTHONDONTWRITEBYTECODE=1

# ok NAME COMMAND...: the command succeeds. ok NAME STATUS: so did what came before, whose status that is.
ok()
{
	n=$((n + 1))
	tap_name=$1
	shift
	tap_status=$1
	case $1 in
	*[!0-9]*)
		"$@" >tap.log 2>&1
		tap_status=$?
		;;
	esac
	if [ "$tap_status" = 0 ]; then
		echo "ok $n - $tap_name"
	else
		echo "not ok $n - $tap_name"
		cat tap.log err 2>/dev/null | sed 's/^/# /'
	fi
	: >tap.log
}

# skip NAME WHY
skip()
{
	n=$((n + 1))
	echo "ok $n - $1 # SKIP $2"
}

# run STATUS ARG...: the program exits with that status; what it says is in out and err
run()
{
	tap_want=$1
	shift
	# shellcheck disable=SC2086  # words
	timeout 100 "$program" $verb "$@" >out 2>err
	tap_got=$?
	[ $tap_got = "$tap_want" ] || { echo "exit status $tap_got" >>tap.log; false; }
}

# fails WORDS ARG...: exit 2, nothing on stdout, one line on stderr that holds the words
fails()
{
	tap_words=$1
	shift
	run 2 "$@" && silent out && [ "$(wc -l <err)" = 1 ] && grep -qF -- "$tap_words" err
}

# says TEXT: exactly that one line on stderr
says() { [ "$(cat err)" = "runtserv $verb: $1" ]; }

# silent FILE: out or err is empty
silent() { [ ! -s "$1" ]; }

# quiet STATUS ARG...: and says nothing at all
quiet() { run "$@" && silent out && silent err; }

# golden NAME [FILE]: out, or that file, is what it was when somebody last looked at it
golden()
{
	[ -z "${UPDATE_GOLDEN:-}" ] || cp "${2:-out}" "$top/tests/golden/$1"
	diff "$top/tests/golden/$1" "${2:-out}" >>tap.log
}

# json [FILE] EXPRESSION: true of the document d in out, or in that file
json()
{
	[ $# = 2 ] || set -- out "$1"
	python3 -c 'import json, sys; d = json.load(open(sys.argv[1])); sys.exit(not eval("(" + sys.argv[2] + ")"))' "$@"
}
