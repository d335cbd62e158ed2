#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The library as an embedder gets it: installs into a folder, builds the example from the installed headers and
# pkg-config file alone, and runs it; each public header by itself in C, and all in C++. usage: embed.sh BUILD SOURCE
set -eu
build=$1
source=$2
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

meson install -C "$build" --no-rebuild --destdir "$dir" >"$dir/log" 2>&1 || { cat "$dir/log"; exit 1; }
pc=$(find "$dir" -name runtserv.pc)
lib=$(dirname "$(find "$dir" -name libruntserv.so | head -n 1)")

# flags OPTION...: what pkg-config says of the installed library
flags()
{
	PKG_CONFIG_PATH=$(dirname "$pc") PKG_CONFIG_SYSROOT_DIR=$dir pkg-config "$@" runtserv
}

cp "$source/examples/embed.c" "$dir"
cd "$dir"
# shellcheck disable=SC2046  # flags are words
cc -std=gnu17 -Wall -Wextra -Werror embed.c -o embed $(flags --cflags --libs)
got=$(LD_LIBRARY_PATH=$lib ./embed)
want='device status 0, 93 bytes back, value "world", 1 kept'
[ "$got" = "$want" ] || { echo "got: $got"; echo "want: $want"; exit 1; }
for h in "$source"/include/runtserv/*.h; do
	echo "#include <runtserv/$(basename "$h")>" | tee -a all.cc >x.c
	# shellcheck disable=SC2046
	cc -std=gnu17 -Wall -Wextra -Werror -fsyntax-only x.c $(flags --cflags)
done
if command -v c++ >/dev/null; then
	# shellcheck disable=SC2046
	c++ -std=c++17 -Wall -Wextra -Werror -fsyntax-only all.cc $(flags --cflags)
fi
for f in $(grep -oh '/doc/runtserv/[a-z-]*\.md' "$source"/man/*.scd); do
	find "$dir" -path "*$f" | grep -q . || { echo "a manual page names $f, which is not installed"; exit 1; }
done
