#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The library as an embedder gets it: installs into a folder, builds the example from the installed headers and
# pkg-config file alone, in C and (the headers) in C++, and runs it. usage: embed.sh BUILD SOURCE
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
if command -v c++ >/dev/null; then
	printf '#include <runtserv/wire.h>\n#include <runtserv/mem.h>\n#include <runtserv/pe.h>\n#include <runtserv/fv.h>\n' >x.cc
	# shellcheck disable=SC2046
	c++ -std=c++17 -Wall -Wextra -Werror -fsyntax-only x.cc $(flags --cflags)
fi
