# SPDX-License-Identifier: BSD-2-Clause
# bash completion for runtserv(1): verbs, forms, options and their words are those that --help tells of.

_runtserv()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command=("${COMP_WORDS[0]}") help arg= words=

	# the verb and its form, where they stand before this word
	[[ COMP_CWORD -gt 1 && ${COMP_WORDS[1]} != -* ]] && command+=("${COMP_WORDS[1]}")
	[[ COMP_CWORD -gt 2 && ${COMP_WORDS[2]} != -* ]] && command+=("${COMP_WORDS[2]}")
	help=$("${command[@]}" --help 2>/dev/null)
	[[ $prev =~ ^--[a-z-]+$ ]] && arg=$(sed -n "s/^  $prev \([^ ]*\).*/\1/p" <<<"$help")
	case $arg:$cur in
	:-*) words=$(sed -n 's/^  \(--[a-z-]*\).*/\1/p' <<<"$help") ;;
	:*)
		case ${#command[@]}:$COMP_CWORD in
		1:1) words=$(sed -n '/^Verbs:/,/^$/s/^  \([a-z]*\) .*/\1/p' <<<"$help") ;;
		2:2) words=$(sed -n "s/^.* runtserv ${command[1]} \([a-z]*\) .*/\1/p" <<<"$help") ;;
		esac
		;;
	[a-z0-9]*'|'*) words=${arg//|/ } ;;
	FILE* | DIR:* | DISK:* | FD:* | PATH:* | SOCKET:* | STORE:*) ;;
	*) return ;;
	esac
	if [[ -n $words ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
	else
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
	fi
}

complete -F _runtserv runtserv
