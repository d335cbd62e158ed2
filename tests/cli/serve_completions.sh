#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Shell completions know the verbs and options that the program has, no more and no fewer.
# usage: serve_completions.sh RUNTSERV COMPLETIONS
set -u
runtserv=$1
dir=$2
n=0

# same NAME EXPECTED GOT
same()
{
	n=$((n + 1))
	if [ "$2" = "$3" ]; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		diff <(echo "$2") <(echo "$3") | sed 's/^/# /'
	fi
}

sorted() { tr -s ' \t' '\n' | grep . | sort -u; }
long_options() { grep -o -- '--[a-z][a-z-]*' | sorted; }

verbs=$("$runtserv" --help | sed -n '/^Verbs:/,/^$/s/^  \([a-z]*\) .*/\1/p' | sorted)
same 'bash: verbs' "$verbs" "$(sed -n "s/.*local verbs='\([^']*\)'.*/\1/p" "$dir/runtserv.bash" | sorted)"
same 'zsh: verbs' "$verbs" "$(sed -n "/local -a verbs/,/)/s/.*'\([a-z]*\):.*/\1/p" "$dir/_runtserv" | sorted)"
same 'fish: verbs' "$verbs" \
	"$(sed -n 's/.*__fish_use_subcommand -f -a \([a-z]*\) .*/\1/p' "$dir/runtserv.fish" | sorted)"

options=$("$runtserv" serve --help | sed -n 's/^  \(--[a-z-]*\).*/\1/p' | sorted)
same 'bash: options of serve' "$options" \
	"$(sed -n "/\*:serve)/,/2:rom)/p" "$dir/runtserv.bash" | long_options)"
same 'zsh: options of serve' "$options" "$(sed -n '/^		serve)/,/;;/p' "$dir/_runtserv" | long_options)"
same 'fish: options of serve' "$options" \
	"$(grep -- '-n $serve ' "$dir/runtserv.fish" | sed -n 's/.* -l \([a-z-]*\) .*/--\1/p' | sorted)"

# bash can be asked; the answer depends on where one is
words()
{
	bash -c 'compopt() { :; }; . "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _runtserv
		printf "%s\n" "${COMPREPLY[@]}"' bash "$dir/runtserv.bash" "$@" | sorted
}
same 'bash: completes a verb' serve "$(words runtserv se)"
same 'bash: completes a word of an option' "$(printf 'off\non')" "$(words runtserv serve --sandbox o)"
same 'bash: completes an option' --log-level "$(words runtserv serve --store s.json --l)"
echo "1..$n"
