#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Every verb and form: help, errors of its command line, and that manual pages and completions know just the options
# that it has.
# usage: options.sh PROGRAM
set -u
program=$(realpath "$1")
verb=
. "${0%/*}/tap.sh"
mkdir bin
ln -s "$program" bin/runtserv
: >x.png
: >x.svg
PATH=$dir/bin:$PATH

sorted() { tr -s ' \t' '\n' | grep . | sort -u; }
# same EXPECTED: the lines on stdin are those words
same() { diff <(echo "$1" | sorted) <(sorted); }
options_of() { sed -n 's/^  \(--[a-z-]*\).*/\1/p' "$1"; }
# documented PAGE PATTERN: the options in the manual that the pattern finds
documented() { grep -o -- "$2\*--[a-z][a-z-]*" "$top/man/runtserv-$1.1.scd" | grep -o -- '--.*' | sort -u; }

# bash_words WORD...: what bash offers in place of the last one
bash_words()
{
	bash -c 'compopt() { :; }; . "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _runtserv
		printf "%s\n" "${COMPREPLY[@]}"' bash "$top/data/completions/runtserv.bash" "$@"
}

# zsh_words WORD...: what zsh is told to offer; its functions are our own
zsh_words()
{
	# shellcheck disable=SC2016  # zsh's
	zsh -fc 'typeset -a words=("${@:2}"); typeset -i CURRENT=$#words
		_arguments() { print -rl -- "${@%%\[*}" }
		_describe() { print -rl -- "${(@P)2%%:*}" }
		source $1' zsh "$top/data/completions/_runtserv" "$@" | sed 's/^\*--/--/; /^\*:/d'
}

fish_words()
{
	fish --no-config -c 'source $argv[1]; complete -C "$argv[2]"' "$top/data/completions/runtserv.fish" "$*" | cut -f 1
}

# offers WORDS LINE...: each shell that is here offers those words at the end of that line
offers()
{
	offered=$1
	shift
	ok "bash after $*" same "$offered" < <(bash_words "$@")
	for shell in $shells; do
		ok "$shell after $*" same "$offered" < <(${shell}_words "$@")
	done
}
shells=
for shell in zsh fish; do
	if command -v $shell >/dev/null; then
		shells="$shells $shell"
	else
		skip "completions of $shell" "no $shell"
	fi
done

ok 'help' eval 'run 0 --help && silent err'
verbs=$(sed -n '/^Verbs:/,/^$/s/^  \([a-z]*\) .*/\1/p' out)
ok 'verbs' [ "$(echo "$verbs" | wc -w)" = 7 ]
offers "$verbs" runtserv ''
offers '--help --version' runtserv -
ok 'a page for each' eval 'for v in $verbs; do [ -e "$top/man/runtserv-$v.1.scd" ] || exit 1; done'
for v in $verbs; do
	run 0 "$v" --help
	forms=$(sed -n "s/^.* runtserv $v \([a-z]*\) .*/\1/p" out)
	[ -z "$forms" ] || offers "$forms" runtserv "$v" ''
	: >"$v.options"
	for f in ${forms:-.}; do
		words=$v
		[ "$f" = . ] || words="$v $f"
		# shellcheck disable=SC2086  # words, from here on
		ok "$words: help" eval "run 0 $words --help && silent err && grep -q '^Usage: runtserv $words ' out && cp out help"
		options_of help >>"$v.options"
		ok "$words: -h" eval "run 0 $words -h && cmp out help"
		ok "$words: --help behind an operand" eval "run 0 $words x --help && cmp out help"
		ok "$words: an unknown option" fails "unknown or ambiguous option --frobnicate; see 'runtserv $words --help'" \
			$words --frobnicate
		ok "$words: an unknown letter" fails "unknown option -x; see 'runtserv $words --help'" $words -xh
		offers "$(options_of help)" runtserv $words -
		while read -r o arg; do
			if [ -n "$arg" ]; then
				ok "$words $o without $arg" fails "missing after $o; see" $words $o
			else
				ok "$words $o with an argument" fails "there is no argument to $o; see" $words $o=x
			fi
		done < <(sed -n 's/^  \(--[a-z-]*\) \{0,1\}\([^ ]*\).*/\1 \2/p' help)
	done
	ok "$v: the manual has its options" eval "sort -u $v.options | grep -vx -e --help | comm -23 - <(documented $v '') | same ''"
	ok "$v: and no others" same '' < <(documented "$v" '^' | comm -23 - <(sort -u "$v.options"))
done
sort -u ./*.options >all.options
for v in $verbs; do
	ok "$v: none in its manual that no verb has" same '' < <(documented "$v" '' | comm -23 - all.options)
done

# The rest is the same for all; a verb that shows it best tells.
shells=${shells/zsh/} # it does that by what it was told above
offers 'auto on log off' runtserv serve --sandbox ''
offers '4m 2m aavmf' runtserv vars convert --layout ''
offers '' runtserv serve --quota ''
offers 'x.png x.svg' runtserv memmap --svg x
offers 'x.png x.svg' runtserv memmap x
ok 'a word of several' fails '--sandbox perhaps: not one of auto|on|log|off' serve --sandbox perhaps
ok 'the beginning of a word' fails '--sandbox o: not one of' serve --sandbox o
ok 'an argument behind =' fails '--sandbox perhaps: not one of' serve --sandbox=perhaps
ok 'an abbreviation' fails '--threads x: not a number' scan --thr x
ok 'one of two' fails 'unknown or ambiguous option --s;' scan --s x
ok 'the last one counts' fails 'two: No such file' memmap --json --svg - --svg=x two
ok 'a number that is none' fails '--threads 0: not a number from 1 to 64' scan --threads 0 x
for number in '' ' 1' 1x 0x 0xg -1 +1 1.0 1e3 65 0x41 18446744073709551617; do
	ok "number '$number'" fails "--threads $number: not a number from 1 to 64" scan --threads "$number" x
done
for number in 1 64 064 0x40 0X1f; do
	ok "number $number" fails 'x: No such file' scan --threads "$number" x
done
ok 'operands behind --' fails '--html: No such file' scan -- --html
ok 'too many' fails "b: not expected; see 'runtserv scan --help'" scan a b
ok 'too few' fails "wants a STORE and a NAME; see 'runtserv vars get --help'" vars get a
ok 'no form' fails "nothing is no form of this verb; see 'runtserv fw --help'" fw
ok 'an unknown form' fails "frobnicate is no form of this verb; see 'runtserv rom --help'" rom frobnicate
echo "1..$n"
