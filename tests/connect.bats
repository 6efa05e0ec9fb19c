#!/usr/bin/env bats
# Names that are not resolved, addresses that are silent, sockets that are full: no program waits longer than --retry.
# shellcheck disable=SC2154 # status, output, stderr are bats's
# shellcheck disable=SC2030,SC2031,SC2153 # each test is a subshell, and sets what it reads; ROOM is the helper's

load helper

setup() {
	trace_less
	slow=$BATS_TEST_TMPDIR/slow out=$BATS_TEST_TMPDIR/out err=$BATS_TEST_TMPDIR/err
	slow_names "$slow"
}
teardown() { stop_all; }

# full ADDRESS: fills the backlog of a listener there: that of an existing unix socket, or one that it makes at a host and
# port. Sets filler, which stop_jobs ends.
full() {
	spawn "$PYTHON" - "$1" "$BATS_TEST_TMPDIR/full" <<-'END'
		import os, signal, socket, sys
		address, path = sys.argv[1:]
		host, _, port = address.rpartition(':')
		held = []
		if port.isdigit():
		    listener = socket.socket()
		    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
		    listener.bind((host, int(port)))
		    listener.listen(0)
		    address = listener.getsockname()
		for _ in range(64):
		    held.append(socket.socket(socket.AF_INET if port.isdigit() else socket.AF_UNIX))
		    held[-1].setblocking(False)
		    if held[-1].connect_ex(address) == 11:
		        break
		open(path, 'w').close()
		signal.pause()
	END
	filler=$PID
	wait_until 10 test -e "$BATS_TEST_TMPDIR/full"
}

@test "a name server that does not answer: it gives up after --retry, and says why" {
	touch "$slow"
	fails 3 "cannot find host 'slow.test': no answer; gave up after 1 s" \
		"${names[@]}" chat-send --retry 1 -h slow.test -n jhon "$ROOM" hi
	fails 3 "cannot find host 'slow.test': no answer; gave up after 1 s" "${names[@]}" chat-tail --retry 1 -h slow.test "$ROOM"
	fails 3 "cannot find host 'slow.test': no answer; gave up after 1 s" \
		"${names[@]}" chat-tail -q --retry 1 -u redis+sentinel://slow.test/chat "$ROOM"
}

@test "a name server that stops answering: TERM ends chat-tail at once, chat-send the second time" {
	local reader sender
	start_server_tcp
	hold_input
	spawn "${names[@]}" chat-tail -h slow.test -p "$PORT" "$ROOM" >"$out" 2>"$err" </dev/null
	reader=$PID
	wait_readers 1
	spawn "${names[@]}" chat-send -h slow.test -p "$PORT" -n jhon "$ROOM" <"$pipe" 2>>"$err"
	sender=$PID
	echo one >&7
	wait_until 10 has_lines "$out" 1
	touch "$slow"
	stop_server
	echo two >&7
	wait_until 10 looks_up "$reader"
	kill "$reader"
	wait_end 5 "$reader"
	assert_status 143
	wait_until 10 looks_up "$sender"
	kill "$sender"
	wait_until 5 no_signal_pending "$sender"
	kill "$sender"
	wait_end 5 "$sender"
	assert_status 143
}

@test "a host whose first address swallows packets: the second one is used" {
	start_server_tcp
	full "127.0.0.2:$PORT"
	timeout 120 "${names[@]}" chat-send --retry 30 -h two.test -p "$PORT" -n jhon "$ROOM" hi 2>"$err"
	assert_equal "$(<"$err")" ''
	assert_equal "$(messages "$ROOM")" 'jhon: hi'
}

@test "a host none of whose addresses answers: exit status 3, within --retry" {
	local port
	port=$(free_port)
	full "127.0.0.2:$port"
	fails 3 "two.test:$port.*refused.*gave up after 1 s" "${names[@]}" chat-send -q --retry 1 -h two.test -p "$port" -n jhon room hi
}

@test "a unix socket whose backlog is full: exit status 3 within --retry, or it connects once there is room" {
	start_server --tcp-backlog 1
	kill -STOP "$SERVER_PID"
	full "$SOCK"
	fails 3 "cannot connect to $SOCK: no answer; gave up after 1 s" chat-send --retry 1 -n jhon "$ROOM" hi
	spawn chat-send --retry 30 -n jhon "$ROOM" hi 2>"$err"
	wait_until 5 has_socket "$PID"
	kill "$filler"
	kill -CONT "$SERVER_PID"
	wait_end 30 "$PID"
	assert_status 0
	assert_equal "$(<"$err")" ''
	assert_equal "$(messages "$ROOM")" 'jhon: hi'
}
