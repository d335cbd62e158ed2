#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# tools/count-tests adds up what passed, failed and was skipped, whatever a failing test has printed.
# usage: tests/count-tests.sh TOP
set -u
count=$1/tools/count-tests
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
n=0

# says NAME STATUS LAST-LINE ARG...
says()
{
	n=$((n + 1))
	name=$1
	status=$2
	line=$3
	shift 3
	"$count" "$@" >out 2>&1
	[ $? = "$status" ] && [ "$(tail -n 1 out)" = "$line" ] && echo "ok $n - $name" && return
	echo "not ok $n - $name"
	sed 's/^/# /' out
}

cat >good.json <<'END'
{"name": "p / one", "result": "OK"}
{"name": "p / plain", "result": "OK"}
END
cat >good.junit.xml <<'END'
<testsuites><testsuite name="p.p / one"><testcase/><testcase/><testcase><skipped/></testcase></testsuite></testsuites>
END
cat >bad.json <<'END'
{"name": "p / two", "result": "ERROR"}
{"name": "p / gone", "result": "TIMEOUT"}
END
printf '<testsuites><testsuite name="p.p / two"><testcase/><system-out>\033[2J\001\377</system-out></testsuite></testsuites>' \
	>bad.junit.xml
says 'results of TAP, programs, and what was skipped' 0 '3 passed, 0 failed, 1 skipped' good.json
says 'a program that ended badly is a failure, and so is a test that ran out of time' 1 '1 passed, 2 failed' bad.json
says 'all together, with steps that failed' 1 '4 passed, 5 failed, 1 skipped' --failed 3 good.json bad.json
says 'a log that is not there' 1 '3 passed, 1 failed, 1 skipped' good.json none.json
says 'nothing' 1 '0 passed, 0 failed'
echo "1..$n"
