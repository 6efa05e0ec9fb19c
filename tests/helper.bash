# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # variables that bats sets, and some that only the tests read
#
# What the bats files share. Loading it puts the programs under test first in PATH and cleans the environment.
# One server per test:
#
#     load helper
#     setup() { trace_less && start_server; }
#     teardown() { stop_all; }
#
# or one per file, by start_server in setup_file and stop_servers in teardown_file. The tests of a file then use rooms of
# their own, $ROOM. Nothing here just sleeps and hopes: everything waits for a condition, with a time limit.

bats_require_minimum_version 1.5.0

# bats sources a file once for the file and once for each test: cleaning twice would lose what setup_file exported.
if [[ ${HELPER_CLEANED-} != "$BATS_RUN_TMPDIR" ]]; then
	export HELPER_CLEANED=$BATS_RUN_TMPDIR
	unset REDIS_URL REDISCLI_AUTH CHAT_NAME NO_COLOR CLICOLOR CLICOLOR_FORCE SERVERS SOCK
	export TZ=UTC LC_ALL=C.UTF-8 TERM=dumb
	# The address sanitizer keeps what was freed for a while, up to 256 MB: little of it, for the tests that measure.
	export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}quarantine_size_mb=1
	REPO=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
	export REPO CHAT_BUILD=${CHAT_BUILD:-$REPO/build}
	export PATH=$CHAT_BUILD:$PATH
	# The client that comes with the server under test: that of $SERVER, or of this machine.
	: "${CLI:=$(command -v "${SERVER:+${SERVER%-server}-cli}" || command -v redis-cli || command -v valkey-cli || echo redis-cli)}"
	# The system's own python3 is the one that its packages, such as python3-redis, are for.
	: "${PYTHON:=$([[ -x /usr/bin/python3 ]] && echo /usr/bin/python3 || echo python3)}"
	export CLI PYTHON
fi

ROOM=room-${BATS_TEST_NUMBER-0}

# trace_less: for setup. Before each command, bats notes where it is, for the line that it shows when one fails, and that
# costs more than most commands do. From here on it does so in the test itself only, not in functions and subshells; a failed
# assertion says itself where in a function it is.
trace_less() { set +T; }

# where: prints on stderr the functions and lines that led to an assertion, except the test's own.
where() {
	local i
	for ((i = 2; i < ${#FUNCNAME[@]}; i++)); do
		[[ ${FUNCNAME[i]} != "${BATS_TEST_NAME-}" ]] || return 0
		[[ ${BASH_SOURCE[i]} == */helper.bash ]] || echo "in ${FUNCNAME[i]}, line ${BASH_LINENO[i - 1]}" >&2
	done
}

# --- servers ---------------------------------------------------------------------------------------------------------

# start_server [argument ...]: a private server on a unix socket, with nothing kept on disk. Sets SOCK, REDIS_URL,
# SERVER_DIR (its log is there) and SERVER_PID; a second call starts a second server beside the first.
start_server() {
	server_launch --port 0 "$@" || return
	export REDIS_URL=unix://$SOCK
}

# start_server_tcp [argument ...]: the same, on 127.0.0.1 as well, at a free port; sets HOST and PORT.
# Somebody may take the port before the server does: then another one is tried.
start_server_tcp() {
	local try
	for try in 1 2 3 4 5; do
		export HOST=127.0.0.1 PORT
		PORT=$(free_port)
		server_launch --bind "$HOST" --port "$PORT" "$@" || continue
		export REDIS_URL=redis://$HOST:$PORT
		return
	done
	return 1
}

server_launch() {
	SERVER_DIR=$(mktemp -d "${BATS_TEST_TMPDIR:-$BATS_FILE_TMPDIR}/redis.XXXXXX")
	export SERVER_DIR SERVER_PID SOCK=$SERVER_DIR/sock
	spawn "$REPO/tests/server" --unixsocket "$SOCK" --dir "$SERVER_DIR" --save '' --appendonly no --daemonize no "$@" \
		>"$SERVER_DIR/log" 2>&1 </dev/null
	SERVER_PID=$PID
	export SERVERS="${SERVERS-} $SERVER_PID"
	wait_until 10 server_settled
	! ended "$SERVER_PID" || { cat "$SERVER_DIR/log" >&2 && return 1; }
}

# Its log says that it accepts connections; or it has ended.
server_settled() {
	local log=''
	IFS='' read -r -d '' log <"$SERVER_DIR/log"
	[[ $log == *'eady to accept connections'* ]] || ended "$SERVER_PID"
}

# A server that asks for a password has answered too.
server_answers() { [[ -S $SOCK && $(cli ping 2>&1) == @(PONG|NOAUTH*) ]]; }

# restart_server [argument ...]: starts the last one again, in the same place, once it has ended.
restart_server() {
	spawn "$REPO/tests/server" --port 0 --unixsocket "$SOCK" --dir "$SERVER_DIR" --save '' --daemonize no "$@" \
		>>"$SERVER_DIR/log" 2>&1 </dev/null
	SERVER_PID=$PID
	export SERVERS="${SERVERS-} $SERVER_PID"
	wait_until 10 server_answers
}

# kill_server: kills the last one, with SIGKILL.
kill_server() {
	kill -KILL "$SERVER_PID"
	wait_until 5 ended "$SERVER_PID"
}

# stop_server [PID]: stops the last server, or that one, and waits for its end. One that is suspended (SIGSTOP) or busy in a
# script does not see TERM.
stop_server() {
	local pid=${1:-$SERVER_PID}
	kill -TERM "$pid" 2>/dev/null && kill -CONT "$pid" 2>/dev/null
	wait_until 5 ended "$pid" || { kill -KILL "$pid" && wait_until 5 ended "$pid"; }
	export SERVERS="${SERVERS/ $pid/}"
}

# stop_servers: all that were started.
stop_servers() {
	local pid
	for pid in ${SERVERS-}; do
		stop_server "$pid"
	done
}

# cli [argument ...]: redis-cli on the last server started.
cli() { "$CLI" -s "$SOCK" "$@"; }

# hear PORT COMMAND ...: sets heard to what a server at that port of 127.0.0.1 answers to those commands. It starts no
# process, for what is asked again and again.
hear() {
	local port=$1 connection line=''
	shift
	heard=''
	{ exec {connection}<>"/dev/tcp/127.0.0.1/$port"; } 2>/dev/null || return
	printf '%s\r\n' "$@" ping >&"$connection"
	while [[ $line != @(+PONG|-NOAUTH*) ]] && IFS=$'\r' read -r -t 5 -u "$connection" line; do
		heard+=$line$'\n'
	done
	exec {connection}>&-
	[[ $line == +PONG ]]
}

# calls COMMAND: how often the server has been asked for it. called COMMAND N: a condition for wait_until.
calls() { cli info commandstats | sed -n "s/^cmdstat_$1:calls=\([0-9]*\),.*/\1/p" | grep . || echo 0; }
called() { (($(calls "$1") >= $2)); }

# wait_readers N: until N clients of the server are blocked in a read, that is, have found their place and wait.
wait_readers() { wait_until 10 readers_are "$1"; }
readers_are() { [[ $(cli info clients) == *blocked_clients:"$1"$'\r'* ]]; }

# free_port: prints a port of 127.0.0.1 where nobody listens just now. It is below those that the kernel gives to outgoing
# connections, so that none of these takes it.
free_port() {
	local port
	while port=$((10240 + RANDOM % 22000)) && (: <>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do :; done
	echo "$port"
}

# --- processes and waiting -------------------------------------------------------------------------------------------

# spawn COMMAND ...: in the background, with redirections as given; sets PID. Bats waits for whoever holds its
# descriptors, so all but the first three are closed; and a shell starts what is in the background with INT and QUIT
# ignored, which is not how people start programs.
spawn() {
	(
		for fd in /proc/self/fd/*; do
			fd=${fd##*/}
			((fd < 3)) || eval "exec $fd>&-"
		done
		exec env --default-signal=INT,QUIT "$@"
	) <&0 &
	PID=$!
}

# wait_until SECONDS COMMAND ...: until the command succeeds; fails with a line when it has not in time. A busy machine gets
# four times as long: a deadline only ends what hangs.
wait_until() {
	local deadline=$((${EPOCHREALTIME//[.,]/} + $1 * 4000000)) pause=10
	shift
	until "$@" >/dev/null 2>&1; do
		if ((${EPOCHREALTIME//[.,]/} > deadline)); then
			echo "waited in vain for: $*" >&2
			where
			return 1
		fi
		nap "0.0$((pause += pause < 90 ? 10 : 0))"
	done
}

# nap SECONDS: sleeps without a process, which would cost more than most of what is waited for.
nap() {
	[[ ${nothing-} ]] || exec {nothing}<> <(:)
	read -r -t "$1" -u "$nothing" || :
}

# ended PID: a process is gone.
ended() { ! kill -0 "$1" 2>/dev/null; }

# wait_end SECONDS PID: until a child started by spawn has ended; its exit status is left in $status.
wait_end() {
	wait_until "$1" ended "$2" || return
	status=0
	wait "$2" || status=$?
}

# has_socket PID, hung_up PID: a process has a connection, or none, for wait_until.
has_socket() { [[ $(readlink "/proc/$1/fd/"*) == *socket:* ]]; }
hung_up() { ! has_socket "$1"; }

# idle PID: it has ended, or has had no time on a processor for a while. stuck PID: it has filled the pipe of descriptor 7,
# and waits.
idle() {
	local before
	ended "$1" && return
	before=$(cut -d ' ' -f 14,15 "/proc/$1/stat")
	sleep 0.3
	[[ $(cut -d ' ' -f 14,15 "/proc/$1/stat") == "$before" ]]
}
stuck() {
	local waits_in=0
	{ IFS='' read -r -d '' waits_in <"/proc/$1/wchan" || :; } 2>/dev/null
	case $waits_in in
	0 | '') read -r -t 0 -u 7 && idle "$1" ;; # a kernel that does not say
	*) [[ $waits_in == *pipe_write* ]] ;;
	esac
}

# sleeps PID: it waits for something. no_signal_pending PID: the signals that it was sent have been taken, and it sleeps.
sleeps() { [[ $(cut -d ' ' -f 3 "/proc/$1/stat") == S ]]; }
no_signal_pending() { grep -q '^ShdPnd:[[:space:]]*0*$' "/proc/$1/status" && sleeps "$1"; }

# hold_input: makes a pipe, $pipe, that stays open: what is written to descriptor 7 is read by a program started with
# <"$pipe", and the other way round. has_read PID: that program has emptied the pipe, and sleeps.
hold_input() {
	pipe=$BATS_TEST_TMPDIR/pipe
	[[ -p $pipe ]] || mkfifo "$pipe"
	exec 7<>"$pipe"
}
has_read() { ! read -r -t 0 -u 7 && sleeps "$1"; }

# has_lines FILE N: a condition for wait_until.
has_lines() { (($(wc -l <"$1") >= $2)); }

# slow_names FILE: sets names, words to put before a program: the names that it asks for are not answered while the file is
# there. looks_up PID: that program waits for a name, in its second thread.
slow_names() {
	[[ -e $CHAT_BUILD/tests/preload/names.so ]] || skip 'tests/preload is not built'
	# Before a sanitizer's own library, which minds if it is not told.
	names=(env LD_PRELOAD="$CHAT_BUILD/tests/preload/names.so" NAMES_SLOW="$1"
		ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0")
}
looks_up() { [[ $(echo "/proc/$1/task/"*) == *' '* ]]; }

# stub FILE SCRIPT: a program for sh, to be found in the place of another one.
stub() {
	printf '#!/bin/sh\n%s\n' "$2" >"$1"
	chmod +x "$1"
}

# --- assertions: each says what it expected and what it got ----------------------------------------------------------

assert_equal() { # GOT EXPECTED
	[[ $1 == "$2" ]] && return 0
	printf 'expected: %q\ngot:      %q\n' "$2" "$1" >&2
	where
	return 1
}

assert_match() { # TEXT REGEX
	[[ $1 =~ $2 ]] && return 0
	printf 'expected a match of: %s\ngot: %s\n' "$2" "$1" >&2
	where
	return 1
}

assert_status() { # EXPECTED, after run or wait_end
	[[ $status == "$1" ]] && return 0
	printf 'expected exit status %s, got %s\nstdout: %s\nstderr: %s\n' "$1" "$status" "${output-}" "${stderr-}" >&2
	where
	return 1
}

assert_output() { assert_equal "$output" "$1"; } # EXPECTED

# --- the programs under test -----------------------------------------------------------------------------------------

# send, show: chat-send and chat-tail, with a time limit.
send() { timeout 120 chat-send "$@"; }
show() { timeout 120 chat-tail "$@"; }

# messages ROOM: what the server has, a line `name: text` for each entry of one field and one line.
messages() { cli --raw xrange "$1" - + | awk 'NR % 3 == 2 { name = $0 } NR % 3 == 0 { print name ": " $0 }'; }

# rows LINE ...: rows for chat-send -t, each written with `|` for tabs, and with R at its beginning for the test's room.
rows() {
	local line
	for line in "$@"; do
		line=${line//|/$'\t'}
		printf '%s\n' "${line/#R/$ROOM}"
	done
}

# seed: does what standard input says in redis-cli's words; "\xHH" within double quotes are bytes.
seed() {
	local answers
	answers=$(cli)
	[[ $answers != *ERR* && $answers != *WRONG* ]] || { echo "$answers" >&2 && return 1; }
}

# talk: the conversation that most tests of chat-tail read. texts [argument ...]: the texts that it shows, on one line.
talk() {
	seed <<-END
		xadd $ROOM 1-1 jhon "hello marry"
		xadd $ROOM 2-1 marry "hello jhon"
		xadd $ROOM 3-1 jhon "lunch?"
		xadd $ROOM 4-1 marry later
	END
}
texts() { show -F '%t ' "$@"; }

# faults SCENARIO ...: tests/faults, after run; counted: shows what it counted, in the report too.
faults() { timeout 450 "$PYTHON" "$REPO/tests/faults" "$@"; }
counted() { echo "# $output" >&3; }

# cut_at WORD ...: sets $relay, a socket before the last server, whose first connection is cut when the server answers what
# has these words, one behind the other: it has done that, and none of the answer comes back.
cut_at() {
	relay=$BATS_TEST_TMPDIR/relay
	spawn "$PYTHON" "$REPO/tests/faults" relay "$relay" "$SOCK" "$@"
	wait_until 5 test -S "$relay"
}

# cuts [SHAPE argument ...]: cuts connections at each byte, see tests/faults: nothing is lost, doubled or out of order, and
# nothing that failed is reported as delivered.
cuts() {
	run faults each-byte "$SOCK" "$@"
	counted
	assert_status 0
	assert_match "$output" '^[0-9]+ cuts, of [0-9]+ bytes up and [0-9]+ down: 0 lost, doubled or out of order'
}

# feed FILE: prints numbers from 1 on, ten at a time, until there is such a file. feed_rows FILE ROOM ...: the same, as rows
# of those rooms in turn. Both need a process of their own: < <(feed ...)
feed() {
	exec bash -c 'exec 9<> <(:); for ((i = 1; ; i++)); do echo $i
		((i % 10)) || read -r -t 0.02 -u 9; [[ ! -e $1 ]] || exit 0; done' bash "$1"
}
feed_rows() {
	exec bash -c 'exec 9<> <(:); for ((i = 1; ; i++)); do printf "%s\t-\tjhon\t%s\n" "${@:2 + (i - 1) % ($# - 1):1}" "$i"
		((i % 10)) || read -r -t 0.02 -u 9; [[ ! -e $1 ]] || exit 0; done' bash "$@"
}

# length ROOM, room_has ROOM N: how many entries there are, and as a condition for wait_until.
length() { cli xlen "$1"; }
room_has() { [[ $(length "$1") == "$2" ]]; }

# holds ROOM: the room's messages are exactly the lines of standard input, as messages() prints them.
holds() { diff -u --label expected --label "$1" - <(messages "$1") >&2; }

# prints COMMAND ...: it exits with 0, prints nothing on stderr, and its output is, byte for byte, our standard input.
prints() {
	timeout 120 "$@" >"$BATS_TEST_TMPDIR/prints.out" 2>"$BATS_TEST_TMPDIR/prints.err" </dev/null ||
		{ echo "exit status $?: $*" >&2 && cat "$BATS_TEST_TMPDIR/prints.err" >&2 && return 1; }
	diff -au --label expected --label "$*" - "$BATS_TEST_TMPDIR/prints.out" >&2 || return
	[[ ! -s $BATS_TEST_TMPDIR/prints.err ]] || diff -u --label 'no errors' --label "$*" /dev/null "$BATS_TEST_TMPDIR/prints.err" >&2
}

# fails STATUS REGEX COMMAND ...: the command, its standard input as given, ends with that status and says why in one
# line of readable text, `chat-...: ...`, that matches (letters of either case). Leaves its output in $output.
fails() {
	local expected=$1 regex=$2 err=$BATS_TEST_TMPDIR/fails.err
	shift 2
	status=0
	timeout 120 "$@" >"$BATS_TEST_TMPDIR/fails.out" 2>"$err" || status=$?
	output='' stderr=''
	[[ ! -s $BATS_TEST_TMPDIR/fails.out ]] || output=$(tr -d '\0' <"$BATS_TEST_TMPDIR/fails.out")
	one_line "$err" && assert_status "$expected" && matches_anycase "$stderr" "^chat-(send|tail): .*($regex)" && return
	printf 'expected one line that matches: %s\nexit status %s, stderr: %s\n' "$regex" "$status" "$stderr" >&2
	where
	return 1
}

# one_line FILE: it has exactly one line, of UTF-8 and without control bytes, which is left in $stderr. This avoids starting
# processes where it can: hundreds of tests end here.
one_line() {
	local LC_ALL=C
	! IFS='' read -r -d '' stderr <"$1" || return # up to a NUL
	[[ $stderr == *$'\n' ]] || return
	stderr=${stderr%$'\n'}
	[[ $stderr != *[[:cntrl:]]* ]] || return
	[[ $stderr != *[!\ -~]* ]] || iconv -f utf-8 -t utf-8 "$1" >/dev/null
}

matches_anycase() { # TEXT REGEX
	local found=0
	shopt -s nocasematch
	[[ $1 =~ $2 ]] || found=1
	shopt -u nocasematch
	return "$found"
}

# sending [argument ...]: chat-send in the background, with -n jhon; it reads what is written to descriptor 7, and $out is
# what it prints, $err its notices. first_line [argument ...]: the same with -T, in $ROOM, which has the line `1` then.
sending() {
	[[ ${pipe-} ]] || hold_input
	spawn chat-send -n jhon "$@" <"$pipe" >"$out" 2>"$err"
	sender=$PID
}
first_line() {
	sending -T "$@" "$ROOM"
	echo 1 >&7
	wait_until 5 has_lines "$out" 1
}

# begin_outages: for setup: a server for the test alone, which lets itself be put to sleep, and $out and $err.
begin_outages() {
	trace_less
	out=$BATS_TEST_TMPDIR/out err=$BATS_TEST_TMPDIR/err
	start_server --enable-debug-command yes --enable-protected-configs yes
}

# said REGEX [FILE]: a condition: one of the notices in $err matches. receipts: those that there are.
said() { grep -Eq "$1" "${2-$err}"; }
receipts() { cli --raw keys '*chat-send*'; }

# finish [STATUS]: the input of sending ends, and so does the program.
finish() {
	exec 7>&-
	wait_end 30 "$sender"
	assert_status "${1:-0}"
}

# follow [argument ...]: chat-tail in the background, its output in the file $live, its errors in $live.err; returns once
# it waits for news. One at a time; stop_jobs ends it.
follow() {
	live=$BATS_TEST_TMPDIR/live
	spawn chat-tail "$@" >"$live" 2>"$live.err" </dev/null
	wait_readers 1 || { cat "$live.err" >&2 && return 1; }
}

# followed N: once the reader of follow has printed N lines, nothing more and no error.
followed() {
	wait_until 10 has_lines "$live" "$1"
	assert_equal "$(wc -l <"$live")" "$1"
	assert_equal "$(<"$live.err")" ''
}

# noticed N REGEX: a condition: so many of its errors match.
noticed() { (($(grep -c "$2" "$live.err") >= $1)); }

# pipeline SCRIPT [argument ...]: bash runs it in the background, in a process group of its own, so that stop_jobs finds all
# of it; the arguments are $1, $2, ...
pipeline() { spawn setsid bash -c "$1" bash "${@:2}"; }

# stop_jobs: for teardown: kills what a test has started in the background.
stop_jobs() {
	local pid
	for pid in $(jobs -p); do
		kill -KILL "$pid" -- "-$pid" 2>/dev/null && kill -CONT "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
	done
	return 0
}

# stop_all: for teardown: the same, and stops all servers.
stop_all() {
	stop_jobs
	stop_servers
}
