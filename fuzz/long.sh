#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Runs a fuzzer for some minutes. New inputs, and one that ends it, stay in FOUND.
# usage: long.sh FUZZER MINUTES FOUND CORPUS
set -eu
mkdir -p "$3"
exec "$1" -max_total_time=$(($2 * 60)) -timeout=30 -rss_limit_mb=4096 -print_final_stats=1 \
	-artifact_prefix="$3/" "$3" "$4"
