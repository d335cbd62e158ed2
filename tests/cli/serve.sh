#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The serve verb as a process: help, errors, life and death, and what survives it.
# usage: serve.sh PROGRAM MM_CLIENT
set -u
program=$(realpath "$1")
client=$(realpath "$2")
verb=
. "${0%/*}/tap.sh"
# a leak checker reads files that the sandbox forbids; one start below has neither sandbox nor this
export ASAN_OPTIONS=detect_leaks=0

# start ARG...: a daemon in the background that answers on its socket or has said that it serves
start()
{
	: >log
	"$program" serve "$@" >log.out 2>log &
	pid=$!
	for _ in $(seq 400); do
		grep -q 'serve: serving' log && return 0
		kill -0 $pid 2>/dev/null || break
		sleep 0.05
	done
	cat log >err
	return 1
}

# gone STATUS: the daemon ends by itself, and soon
gone()
{
	for _ in $(seq 400); do
		kill -0 $pid 2>/dev/null || break
		sleep 0.05
	done
	kill -0 $pid 2>/dev/null && return 1
	wait $pid
	rc=$?
	pid=
	[ $rc = "$1" ]
}

get() { [ "$("$client" mm.sock get "$1")" = "$2" ]; }

run 0 --version && [ ! -s err ] && grep -q '^runtserv [0-9]' out
ok 'version' $?
run 0 serve --nonsense --print-capabilities --store && [ ! -s err ] &&
	grep -q '"schema": "runtserv.capabilities/1"' out && grep -q '"ivshmem"' out && grep -q '"secure-boot"' out
ok 'capabilities, whatever else is said' $?

# errors that come before anything is touched
run 2 && [ ! -s out ]
ok 'no verb' $?
fails 'unknown verb frobnicate' frobnicate
ok 'unknown verb' $?
fails 'wants --store' serve --socket mm.sock
ok 'no store' $?
fails 'nothing to serve on' serve --store s.json
ok 'nothing to serve on' $?
[ ! -e s.json ] && [ ! -e s.json.lock ]
ok 'and nothing made' $?
fails 'extra: not expected' serve --store s.json --socket mm.sock extra
ok 'operand' $?
fails '--quota 0: not' serve --store s.json --socket mm.sock --quota 0
ok 'no room' $?
fails 'descriptor 77' serve --store memory: --fd 77
ok 'bad descriptor' $?
fails '--qmp is for --ivshmem' serve --store memory: --socket mm.sock --qmp q
ok 'monitor without a page' $?

# places that will not do
touch file
fails 'file: exists and is not a socket' serve --store memory: --socket file && [ -f file ]
ok 'a file where the socket should be' $?
fails 'no/such/folder' serve --store memory: --socket no/such/folder/mm.sock
ok 'no folder for the socket' $?
fails 'the name is too long for a socket' serve --store memory: --socket "$(printf '%0150d' 0)"
ok 'too long a name' $?
fails '/proc/mm.sock' serve --store memory: --socket /proc/mm.sock
ok 'folder that is not writable' $?
fails '/proc/s.json' serve --store /proc/s.json --socket mm.sock
ok 'store in a folder that is not writable' $?
fails '/proc/page' serve --store memory: --ivshmem /proc/page
ok 'page in a folder that is not writable' $?
echo '{"version": 2, "variables": [' >bad.json
cp bad.json bad.copy
fails 'bad.json' serve --store bad.json --socket mm.sock && cmp -s bad.json bad.copy
ok 'broken store is left alone' $?
(ulimit -f 512 && fails 'page.shm' serve --store memory: --ivshmem page)
ok 'no room for the page' $?
rm -f page*

# life
start --store s.json --socket mm.sock --ivshmem page
ok 'starts' $?
[ ! -s log.out ] && [ "$(stat -c %a mm.sock page page.shm)" = "$(printf '600\n600\n600')" ] &&
	[ "$(stat -c %s page.shm)" = 1048576 ]
ok 'sockets and memory are private' $?
grep -q "without --qmp a reset of the machine is taken on the guest's word" log
ok 'says whose word it takes' $?
"$client" mm.sock set Durable one && "$client" mm.sock setv Volatile two && get Durable one &&
	get Volatile two
ok 'serves' $?
fails "in use by process $pid" serve --store s.json --socket other.sock
ok 'a second daemon for the store' $?
fails 'mm.sock: another process answers there' serve --store memory: --socket mm.sock
ok 'a second daemon for the socket' $?
fails 'page.shm: another process serves it' serve --store memory: --ivshmem page
ok 'a second daemon for the page' $?
get Durable one
ok 'the first still serves' $?

# death
kill -9 $pid
wait $pid 2>/dev/null
[ -S mm.sock ] && start --store s.json --socket mm.sock --ivshmem page && get Durable one &&
	get Volatile two
ok 'killed and started again: everything is there' $?
"$client" mm.sock reset && get Durable one && ! get Volatile two
ok 'reset of the machine' $?
kill -TERM $pid
gone 0
ok 'SIGTERM: exit 0' $?
[ ! -e mm.sock ] && [ ! -e page ] && [ -e page.shm ] && [ ! -e s.json.tmp ]
ok 'sockets are removed, the memory stays' $?
unset ASAN_OPTIONS
start --store s.json --socket mm.sock --ivshmem page --sandbox off && get Durable one && kill -INT $pid &&
	gone 0 && ! grep -q LeakSanitizer log
ok 'SIGINT: exit 0' $?
export ASAN_OPTIONS=detect_leaks=0
start --store memory: --socket mm.sock && rm mm.sock && mkdir mm.sock && kill -TERM $pid && gone 0 &&
	[ -d mm.sock ]
ok 'does not remove what is not its own' $?
rmdir mm.sock
start --store memory: --socket mm.sock --terminate && "$client" mm.sock set Var x && gone 0
ok '--terminate' $?

# what a full disk does (a file that may not grow stands in for it)
start --store full.json --socket mm.sock && "$client" mm.sock set Small x && kill -TERM $pid && gone 0
(
	ulimit -f 20
	start --store full.json --socket mm.sock --sandbox off || exit 1
	"$client" mm.sock fill Big 30000 >answer
	[ $? = 1 ] && grep -q 0x8000000000000007 answer && get Small x &&
		"$client" mm.sock set Small y && get Small y
	rc=$?
	kill -TERM $pid
	gone 0 && exit $rc
)
ok 'full disk: EFI_DEVICE_ERROR, and the rest goes on' $?
pid=
start --store full.json --socket mm.sock && get Small y && kill -TERM $pid && gone 0
ok 'and nothing is lost' $?

# the memory shrinks under a running daemon
start --store memory: --ivshmem page
truncate -s 0 page.shm
gone 2 && grep -q 'page.shm: somebody has shrunk the file' log && [ ! -e page ]
ok 'shrunk memory: exit 2 with a reason' $?

# sandbox
# boxed SECCOMP NNP: what the kernel says of the daemon
boxed() { grep -q "^Seccomp:.$1" /proc/$pid/status && grep -q "^NoNewPrivs:.$2" /proc/$pid/status; }
if ! start --store s.json --socket mm.sock --ivshmem page --qmp none.qmp --sandbox on &&
	grep -E 'sandbox: .*(Landlock|libseccomp|seccomp filter)' log >out; then
	skip sandbox "$(sed 's/.*sandbox: //' out)"
else
	boxed 2 1 && ! grep -q sandbox: log
	ok 'sandbox: system calls are filtered, privileges cannot be gained' $?
	"$client" mm.sock set Boxed 1 && "$client" mm.sock setv Boxed2 2 && "$client" mm.sock reset && get Boxed 1 &&
		! get Boxed2 2
	ok 'sandbox: variables come and go' $?
	sed 's/"data": *"31"/"data": "32"/' s.json >s.new && mv s.new s.json && "$client" mm.sock set Boxed3 3 >answer
	[ $? = 1 ] && grep -q 0x8000000000000007 answer && kill -0 $pid && get Boxed 1 && boxed 2 1
	ok 'sandbox: somebody else edits the store, and neither edit nor daemon is lost' $?
	kill -TERM $pid && gone 0 && [ ! -e mm.sock ] && [ ! -e page ]
	ok 'sandbox: it ends as it should' $?
	start --store full.json --socket mm.sock --sandbox on && chmod 640 full.json &&
		"$client" mm.sock set Small z && [ "$(stat -c %a full.json)" = 640 ]
	rc=$?
	kill -TERM $pid && gone 0 && [ $rc = 0 ]
	ok 'sandbox: the mode of the store is kept' $?
	start --store memory: --ivshmem page --sandbox on && truncate -s 0 page.shm && gone 2 &&
		grep -q 'page.shm: somebody has shrunk the file' log
	ok 'sandbox: shrunk memory' $?
fi
start --store s.json --socket mm.sock --sandbox log && grep -q 'nothing is enforced' log &&
	"$client" mm.sock set Logged 1 && kill -TERM $pid && gone 0
ok 'sandbox that only logs says so, and everything works' $?
start --store s.json --socket mm.sock --sandbox off && boxed 0 0 && kill -TERM $pid && gone 0
ok 'no sandbox' $?

# descriptors from a service manager, and what it is told
if command -v python3 >/dev/null; then
	python3 - "$program" "$client" >out 2>err <<'EOF'
import os, socket, subprocess, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind('fd.sock')
listener.listen()
manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
manager.bind('notify.sock')
manager.settimeout(20)
def child():
    os.dup2(listener.fileno(), 3)
    os.set_inheritable(3, True)
    os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid()), NOTIFY_SOCKET=os.path.abspath('notify.sock'))
pid = os.fork()
if pid == 0:
    child()
    os.execl(sys.argv[1], 'runtserv', 'serve', '--store', 'memory:')
assert b'READY=1' in manager.recv(1000)
assert subprocess.call([sys.argv[2], 'fd.sock', 'set', 'Var', 'x']) == 0
os.kill(pid, 15)
assert manager.recv(1000) == b'STOPPING=1'
assert os.waitpid(pid, 0)[1] == 0
assert os.path.exists('fd.sock')

# a connected descriptor: when it ends, nobody can come any more
ours, theirs = socket.socketpair()
child = subprocess.Popen([sys.argv[1], 'serve', '--store', 'memory:', '--fd', str(theirs.fileno())],
                         pass_fds=[theirs.fileno()])
theirs.close()
ours.sendall(bytes([1, 0, 0, 0, 0, 0, 0, 0]))
assert ours.recv(100) == bytes(8)
ours.close()
assert child.wait(20) == 0
EOF
	ok 'passed descriptors and notification' $?
else
	skip 'passed descriptors and notification' 'no python3'
fi
echo "1..$n"
