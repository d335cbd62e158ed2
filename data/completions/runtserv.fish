# SPDX-License-Identifier: BSD-2-Clause
# fish completion for runtserv(1): verbs, forms, options and their words are those that --help tells of.

# The help of the verb and its form, where they stand before this word.
function __runtserv_help
	set -l before (commandline -opc)
	set -l command $before[1]
	for word in $before[2..3]
		string match -q -- '-*' $word; or set -a command $word
	end
	$command --help 2>/dev/null
end

# What the option before this word takes; nothing: it takes none, or is no option.
function __runtserv_arg
	set -l option (commandline -opc)[-1]
	string match -qr -- '^--[a-z-]+$' $option
	and __runtserv_help | string replace -rf -- "^  $option (\S+).*" '$1'
end

function __runtserv_words
	set -l before (commandline -opc)
	set -l arg (__runtserv_arg)
	if string match -qr -- '^[a-z0-9].*\|' "$arg"
		string split '|' $arg
	else if test -z "$arg"; and string match -q -- '-*' (commandline -ct)
		__runtserv_help | string replace -rf '^  (--[a-z-]+)( \S+)? *(.*)' '$1\t$3'
	else if test -z "$arg"; and test (count $before) = 1
		__runtserv_help | string replace -rf '^  ([a-z]+) +(.*)' '$1\t$2'
	else if test -z "$arg"; and test (count $before) = 2
		__runtserv_help | string replace -rf "^.* runtserv $before[2] ([a-z]+) (.*)" '$1\t$2'
	end
end

function __runtserv_takes_files
	set -l arg (__runtserv_arg)
	if test -n "$arg"
		string match -qr '^(FILE.*|DIR|DISK|FD|PATH|SOCKET|STORE)$' $arg
	else
		test -z (__runtserv_words | string collect)
	end
end

complete -c runtserv -f
complete -c runtserv -n __runtserv_takes_files -F
complete -c runtserv -a '(__runtserv_words)'
