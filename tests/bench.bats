#!/usr/bin/env bats
# The benchmark counts only what was really done. How long that takes is not tested.
# shellcheck disable=SC2154 # status, output are bats's
# shellcheck disable=SC2030,SC2031 # each test is a subshell

load helper

# A copy of the build, in which a test may replace a program.
setup() {
	trace_less
	build=$BATS_TEST_TMPDIR/build
	mkdir -p "$build/tests/bench"
	ln -s "$CHAT_BUILD"/chat-* "$build"
	ln -s "$CHAT_BUILD"/tests/bench/{bare,hiredis,relay} "$build/tests/bench"
	export LINES=2000 ROOMS=100 LIVE=20 PAIRS=1 STARTS=5 GIANT=524288 READERS=10 SENDERS=4
}
teardown() { stop_jobs; }

# instead PROGRAM SCRIPT: this script takes the program's place; in it, "$real" is the real one.
instead() {
	rm "$build/$1"
	printf '#!/bin/bash\nreal=%q\n%s\n' "$CHAT_BUILD/$1" "$2" >"$build/$1"
	chmod +x "$build/$1"
}

# three_children PID: it has that many, which are left in started. Another one, such as one that asks for a version, may
# still be about to exit.
three_children() {
	mapfile -t started < <(children_of "$1")
	((${#started[@]} == 3))
}

children_of() { # PID
	awk -v parent="$1" '{ sub(/.*\) /, ""); if ($2 == parent) { split(FILENAME, a, "/"); print a[3] } }' /proc/[0-9]*/stat 2>/dev/null
}

bench() { run --separate-stderr timeout 120 "$PYTHON" "$REPO/tests/bench/run" "$build" "$@"; }

@test "bench: each part prints its rows, and writes them down" {
	bench bulk start latency memory
	assert_status 0
	assert_match "$output" 'processors, (redis|valkey) [0-9.]+, 1 pairs, 2,000 lines'
	for row in 'chat-send +redis-cli --pipe' 'chat-send --at-least-once +redis-cli --pipe' 'chat-send +a hiredis loop' \
		'chat-tail -t +a bare loop' 'chat-tail -t +a hiredis loop' 'chat-tail -t +redis-cli --csv XRANGE' \
		'chat-tail +chat-tail -t' 'chat-tail -j +chat-tail -t' 'chat-send, 40 lines +a redis-py loop' \
		'chat-tail -t, 40 lines +a redis-py loop' 'chat-send room hi +redis-cli xadd'; do
		assert_match "$output" "$row +[0-9.]+ m?s +[0-9.]+ m?s +[0-9.]+ +[0-9.]+-[0-9.]+"
	done
	assert_match "$output" 'a line from stdin to stdout, median +PING +[0-9.]+ [mu]s +[0-9.]+ [mu]s'
	for row in 'chat-send, 50 ms away +redis-cli --pipe' 'chat-send -t, 1,000 rooms +one room' 'chat-send +redis-cli --pipe'; do
		assert_match "$output" "memory of $row +[0-9.]+ MB +[0-9.]+ MB +[0-9.]+"
	done
	assert_match "$output" 'memory of chat-send, 20 messages of 0.5 MiB +[0-9.]+ MB'
	assert_equal "$(wc -l <"$build/bench.tsv")" "$(sed '1,/^what/d' <<<"$output" | wc -l | awk '{ print $1 + 1 }')"
	assert_equal "$(awk -F '\t' 'NF != 8' "$build/bench.tsv")" ''
}

@test "bench: from far away, to many rooms, and to a cluster" {
	bench far rooms
	assert_status 0
	for row in 'chat-send, 50 ms away +redis-cli --pipe' 'chat-send --at-least-once, 50 ms away +redis-cli --pipe' \
		'chat-send, 10 ms away +redis-cli --pipe' 'chat-tail -t, 50 ms away +near' 'chat-send -t, 100 rooms +one room' \
		'chat-send -t -k, 100 rooms +one room' 'chat-send -t, 100 rooms in a cluster +one room in it'; do
		assert_match "$output" "$row +[0-9.]+ m?s +[0-9.]+ m?s +[0-9.]+ +[0-9.]+-[0-9.]+"
	done
	assert_match "$output" 'memory of chat-tail -t, 50 ms away +[0-9.]+ MB +32.0 MB!?'
	assert_match "$output" 'a plain GET of 0.3 MB, 50 ms away +near +[0-9.]+ ms +[0-9.]+ [mu]s +[0-9.]+'
}

@test "bench: many rooms, live lines, and a large message that is not text" {
	bench many live json
	assert_status 0
	# A figure with a limit shows it, with a mark if it is exceeded.
	while IFS='|' read -r row limit; do
		assert_match "$output" "$row +[0-9.]+ m?s +[0-9.]+ m?s +[0-9.]+ +[0-9.]+-[0-9.]+ .* $limit!?"
	done <<-'END'
		chat-tail -l, 100 rooms +redis-cli SCAN, XINFO|0.50 s!?, 2.00
		chat-tail -e -n \+1 -m '\*', 200 rooms +100 rooms|2.20
		chat-tail -e -n \+1 -m '\*' -C, 50 rooms +without -C|1.50
		chat-tail -j, 4 MiB not of UTF-8 +the same of ASCII|10.00
	END
	for row in 'a live line, 100 rooms' 'a live line, 5,000 other keys'; do
		assert_match "$output" "$row, median +[0-9.]+ [mu]?s"
		assert_match "$output" "$row, 99 of 100 +[0-9.]+ [mu]?s +0.10 s!?"
	done
	assert_match "$output" "chat-tail -e -n \\+1 -m '\*', 100 rooms +[0-9.]+ m?s +1.50 s!?"
	assert_match "$output" 'memory of a room, of 100 +-?[0-9,]+ B +1,024 B!?'
}

@test "bench: readers that share a room" {
	bench groups
	assert_status 0
	assert_match "$output" 'chat-tail -g, 200 lines +a redis-py consumer +[0-9.]+ m?s +[0-9.]+ m?s +.* 0.30!?'
	assert_match "$output" 'chat-tail -g --ack --prefetch 100 and cut +a redis-py consumer +[0-9.]+ m?s .* 0.60!?'
	assert_match "$output" 'a live line, 600 pending for another, 99 of 100 +[0-9.]+ [mu]?s +0.10 s!?'
}

@test "bench: what one server carries" {
	bench scale
	assert_status 0
	for row in 'all listening' 'the last has 1 message' 'the last has 200 messages'; do
		assert_match "$output" "10 readers of a room, $row after +[0-9.]+ [mu]?s"
	done
	for row in '1 message' '200 messages'; do
		assert_match "$output" "10 readers of a room, server CPU of each line, $row +[0-9.]+ us"
	done
	for row in 'with its part of what is shared' 'at the server'; do
		assert_match "$output" "10 readers of a room, memory of each,? $row +[0-9.]+ [KM]B"
	done
	assert_match "$output" '4 chat-send at once, 2,000 lines in all +one chat-send +[0-9.]+ [mu]?s +[0-9.]+ [mu]?s'
	for row in 'message of 62 bytes' 'room of one message'; do
		assert_match "$output" "memory of a $row at the server +[0-9,]+ B"
	done
}

@test "bench: one of many readers that prints something else, and one of many senders that leaves out a line, are errors" {
	instead chat-tail '"$real" "$@" | sed -u s/jhon/jhan/'
	bench scale
	assert_status 1
	assert_match "$stderr" '0 of 2010 lines came'
	instead chat-tail '"$real" "$@" | sed -u "201s/$/ and more/"'
	bench scale
	assert_status 1
	assert_match "$stderr" 'a reader printed more than was sent'
	ln -sf "$CHAT_BUILD/chat-tail" "$build/chat-tail"
	instead chat-send '[[ $(readlink -f /dev/stdin) != */share ]] || exec "$real" "$@" < <(sed 7d)
		exec "$real" "$@"'
	bench scale
	assert_status 1
	assert_match "$stderr" 'chat-send: 1996 of 2000 lines are in the room'
	[[ ! -e $build/bench.tsv ]]
}

# fake_mosquitto [NAME=VALUE ...]: replaces mosquitto by one that loses and doubles what these variables say; see
# tests/bench/fake-mosquitto.
fake_mosquitto() {
	local name
	mkdir -p "$BATS_TEST_TMPDIR/bin"
	for name in mosquitto mosquitto_pub mosquitto_sub; do
		ln -sf "$REPO/tests/bench/fake-mosquitto" "$BATS_TEST_TMPDIR/bin/$name"
	done
	[[ $PATH == "$BATS_TEST_TMPDIR/bin:"* ]] || PATH=$BATS_TEST_TMPDIR/bin:$PATH
	unset LOSE DOUBLE TIMES
	# shellcheck disable=SC2163 # each argument is NAME=VALUE
	(($# == 0)) || export "$@"
}

# Each of four peers has a row for each figure of the day, and one for what was lost and doubled.
assert_day() { # LOST_AND_DOUBLED of mosquitto
	local peer row lost=$1
	for peer in 'mosquitto, QoS 1' 'mosquitto, QoS 2' 'redis-cli, PUBLISH and SUBSCRIBE' 'redis-py, XADD and XREAD'; do
		for row in median '99 of 100' 'the worst'; do
			assert_match "$output" "a day, 2 send to 8: a line, $row +$peer +[0-9.]+ [mu]?s +[0-9.]+ [mu]?s +[0-9.]+"
		done
		[[ $peer == mosquitto* ]] || lost='0, 0'
		assert_match "$output" "a day, 2 send to 8: lines lost, doubled +$peer +0, 0 of [0-9,]+ +$lost of [0-9,]+"
	done
}

@test "bench: brokers, and a day" {
	fake_mosquitto
	LINES=2000 DAY=1 CROWD=10 bench brokers day
	assert_status 0
	assert_day '0, 0'
	for n in 100 200; do
		for qos in 1 2; do
			assert_match "$output" "chat-send \| chat-tail, $n lines +mosquitto, QoS $qos +[0-9.]+ m?s +[0-9.]+ m?s +[0-9.]+ +[0-9.]+-[0-9.]+"
			assert_match "$output" "lost, doubled of $n lines at worst +mosquitto, QoS $qos +0, 0 +0, 0"
		done
	done
	assert_match "$output" 'nats is not compared: '
	assert_equal "$(awk -F '\t' 'NF != 8' "$build/bench.tsv")" ''
	assert_equal "$(wc -l <"$build/bench.tsv")" 29
}

@test "bench: the real mosquitto, if there is one" {
	type -P mosquitto_pub mosquitto_sub && PATH=$PATH:/usr/sbin:/usr/local/sbin type -P mosquitto || skip 'no mosquitto here'
	DAY=1 CROWD=10 bench brokers day
	assert_status 0
	assert_match "$output" 'lost, doubled of 200 lines at worst +mosquitto, QoS 2 +0, 0 +[0-9,]+, [0-9,]+'
	assert_day '[0-9,]+, [0-9,]+'
}

@test "bench: without mosquitto it is left out, and the report says so" {
	mkdir "$BATS_TEST_TMPDIR/few"
	for tool in "$CLI" "$(type -P redis-server || type -P redis-check-rdb || type -P valkey-server || type -P valkey-check-rdb)" \
		"$(type -P time)" "$(type -P timeout)" "$(type -P bash)"; do
		ln -s "$(type -P "$tool")" "$BATS_TEST_TMPDIR/few"
	done
	run --separate-stderr env PATH="$BATS_TEST_TMPDIR/few" timeout 120 "$PYTHON" "$REPO/tests/bench/run" "$build" brokers bulk
	assert_status 0
	assert_match "$output" 'mosquitto is not compared: it is not installed'
	assert_match "$output" 'chat-send +redis-cli --pipe'
	run ! grep mosquitto "$build/bench.tsv"
}

@test "bench: what a peer loses or doubles is in the table, without a ratio; the last line is sent until it arrives" {
	fake_mosquitto LOSE='^00000000[67]' TIMES=2
	bench brokers
	assert_status 0
	assert_match "$output" 'lost, doubled of 100 lines at worst +mosquitto, QoS 1 +0, 0 +2, 0'
	assert_match "$output" 'chat-send \| chat-tail, 100 lines +mosquitto, QoS 1 +[0-9.]+ m?s +[0-9.]+ m?s( +[0-9]+%)?'$'\n'
	assert_match "$output" 'lost, doubled of 200 lines at worst +mosquitto, QoS 1 +0, 0 +0, 0'
	fake_mosquitto DOUBLE='^000000007' LOSE='^@end' TIMES=2
	bench brokers
	assert_status 0
	assert_match "$output" 'lost, doubled of 100 lines at worst +mosquitto, QoS 1 +0, 0 +0, 1'
	fake_mosquitto DOUBLE=' 0 1[0-9] ' LOSE=' 0 2[0-9] '
	DAY=1 CROWD=10 bench day
	assert_status 0
	assert_day '[1-9][0-9]*, [1-9][0-9]*'
}

@test "bench: a line that our programs lose or double, or that nobody sent, is an error" {
	fake_mosquitto
	instead chat-tail '"$real" "$@" | sed -u "/^000000007/d"'
	bench brokers
	assert_status 1
	assert_match "$stderr" 'chat-send, chat-tail: 1 lines are lost, 0 are doubled'
	instead chat-tail '"$real" "$@" | sed -u "/^000000007/p"'
	bench brokers
	assert_status 1
	assert_match "$stderr" 'chat-send, chat-tail: 0 lines are lost, 1 are doubled'
	instead chat-tail '"$real" "$@" | sed -u "s/^00/01/"'
	bench brokers
	assert_status 1
	assert_match "$stderr" 'chat-send, chat-tail: what came was not sent'
	instead chat-tail '"$real" "$@" | sed -u "/ 0 3 [0-9]* /d"'
	DAY=1 CROWD=10 bench day
	assert_status 1
	assert_match "$stderr" 'chat-tail: of [0-9]+ lines [1-9] are lost, 0 are doubled'
	instead chat-tail '"$real" "$@" | sed -u "/ 0 3 [0-9]* /p"'
	DAY=1 CROWD=10 bench day
	assert_status 1
	assert_match "$stderr" 'chat-tail: of [0-9]+ lines 0 are lost, [1-9] are doubled'
	instead chat-tail '"$real" "$@" | sed -u "s/@room-3 0 3/@room-9 0 3/"'
	DAY=1 CROWD=10 bench day
	assert_status 1
	assert_match "$stderr" 'a line came to another room'
	[[ ! -e $build/bench.tsv ]]
}

@test "bench: lines that come in above the one being typed" {
	bench terminal
	assert_status 0
	for row in processor 'the last is late by'; do
		assert_match "$output" "chat-tail --above, 100 lines on a terminal, $row +without it +[0-9.]+ [mu]?s +[0-9.]+ [mu]?s +[0-9.]+ +[0-9.]+-[0-9.]+"
	done
	assert_match "$output" 'chat-tail --above, 100 lines on a terminal, came in a second +without it +[0-9,]+ +[0-9,]+'
}

@test "bench: a line missing from the terminal, or there twice, and a typed line that gets lost are errors" {
	instead chat-tail '"$real" "$@" | sed -u 7d'
	bench terminal
	assert_status 1
	assert_match "$stderr" '99 of 100 lines are on the terminal'
	instead chat-tail '"$real" "$@" | sed -u 7p'
	bench terminal
	assert_status 1
	assert_match "$stderr" '101 of 100 lines are on the terminal'
	instead chat-tail '"$real" "$@" | sed -u "100s/line/lion/"'
	bench terminal
	assert_status 1
	assert_match "$stderr" 'chat-tail exited with 0: .*lion'
	instead chat-tail '"$real" "$@" && "$PYTHON" -c "import termios; termios.tcflush(1, termios.TCIFLUSH)"'
	bench terminal
	assert_status 1
	assert_match "$stderr" 'what was typed is not what the terminal has'
	[[ ! -e $build/bench.tsv ]]
}

@test "bench: a run that did not send or print everything is not counted" {
	instead chat-send 'head -n 1999 | "$real" "$@"'
	bench bulk
	assert_status 1
	assert_match "$stderr" 'chat-send: 1999 of 2000 lines are in the room'
	ln -sf "$CHAT_BUILD/chat-send" "$build/chat-send"
	rm "$build/tests/bench/bare"
	printf '#!/bin/sh\nexec echo nothing\n' >"$build/tests/bench/bare"
	chmod +x "$build/tests/bench/bare"
	bench bulk
	assert_status 1
	assert_match "$stderr" 'bare did not print what tsv holds'
	[[ ! -e $build/bench.tsv ]]
}

@test "bench: a row missing from its room is noticed, in a cluster too" {
	instead chat-send 'sed 7d | "$real" "$@"'
	bench rooms
	assert_status 1
	assert_match "$stderr" 'chat-send: 399 of 400 rows are in the rooms; 1 of 100 rooms have too few or too many'
	instead chat-send 'sed "7s/^room-6/room-5/" | "$real" "$@"'
	bench rooms
	assert_status 1
	assert_match "$stderr" 'chat-send: 400 of 400 rows are in the rooms; 2 of 100 rooms have too few or too many'
	instead chat-send '[[ $("$CLI" -p "$2" info cluster) != *cluster_enabled:1* ]] || exec "$real" "$@" < <(sed 7d)
		exec "$real" "$@"'
	bench rooms
	assert_status 1
	assert_match "$stderr" $'^\\.\\.\n.*399 of 400 rows are in the rooms; 1 of 100 rooms' # two comparisons were right
	[[ ! -e $build/bench.tsv ]]
}

@test "bench: what a reader leaves out, changes or prints twice is not counted" {
	instead chat-tail '"$real" "$@" | sed 7d'
	bench far
	assert_status 1
	assert_match "$stderr" 'chat-tail did not print what tsv holds'
	bench many
	assert_status 1
	assert_match "$stderr" 'chat-tail: of 100 rows 1 are missing, 0 are too many'
	instead chat-tail '"$real" "$@"; [[ $* != *" -C "* ]] || sed -i 7d "${@: -1}"'
	bench many
	assert_status 1
	assert_match "$stderr" 'the cursor file does not hold where each room ends'
	instead chat-tail '"$real" "$@" | sed s/255/254/'
	bench json
	assert_status 1
	assert_match "$stderr" 'chat-tail did not print what bytes holds'
	instead chat-tail '[[ $* != *" --ack "* ]] || set -- -c 150 "$@"; exec "$real" "$@"'
	bench groups
	assert_status 1
	assert_match "$stderr" '150 of 200 entries are acknowledged'
	for change in p s/jhon/jhan/ 's/room:/&0/' s/$/0/ 's/.*//'; do
		instead chat-tail '"$real" "$@" | sed -u '"'$change'"
		bench live
		assert_status 1
		assert_match "$stderr" 'chat-tail printed what was not sent, or twice'
	done
	[[ ! -e $build/bench.tsv ]]
}

@test "bench: stopped by a signal, it leaves nothing running" {
	local pids=$BATS_TEST_TMPDIR/pids pid
	# A sender that starts a process of its own, which must be stopped too.
	instead chat-send 'sleep 100 & echo $$ $! >>"$PIDS"; wait'
	PIDS=$pids spawn "$PYTHON" "$REPO/tests/bench/run" "$build" far 2>/dev/null
	wait_until 40 has_lines "$pids" 1
	wait_until 10 three_children "$PID" # the server, the relay, and the sender
	kill -TERM "$PID"
	wait_end 20 "$PID"
	assert_status 143
	for pid in $(cat "$pids") "${started[@]}"; do
		wait_until 5 ended "$pid"
	done
}

@test "bench: the relay delays each byte, not each round, and loses none" {
	timeout 120 "$PYTHON" - "$CHAT_BUILD/tests/bench/relay" <<-'END'
	import os, socket, subprocess, sys, time

	DELAY = 0.1
	listener = socket.create_server(('127.0.0.1', 0))


	def start():
	    relay = subprocess.Popen([sys.argv[1], str(listener.getsockname()[1]), str(int(DELAY * 1000))],
	                             stdin=subprocess.PIPE, stdout=subprocess.PIPE)
	    return relay, int(relay.stdout.readline())


	def connect(port):
	    near = socket.create_connection(('127.0.0.1', port))
	    far, _ = listener.accept()
	    for end in near, far:
	        end.settimeout(20)
	    return near, far


	def receive(end, n):
	    data = bytearray()
	    while len(data) < n:
	        more = end.recv(n - len(data))
	        assert more, f'{len(data)} of {n} bytes came'
	        data += more
	    return bytes(data)


	relay, port = start()
	near, far = connect(port)
	data = os.urandom(16 * 1024 * 1024)
	for source, sink in (near, far), (far, near):
	    # Many are in flight at once, and none arrives early because another one was due.
	    sent = []
	    for i in range(20):
	        sent.append(time.monotonic())
	        source.sendall(b'%08d' % i)
	        time.sleep(0.003)
	    for i in range(20):
	        assert receive(sink, 8) == b'%08d' % i
	        assert time.monotonic() - sent[i] >= DELAY
	    # It accepts what comes, even while nobody reads from it.
	    source.sendall(data)
	    assert receive(sink, len(data)) == data

	# The end of the stream is delayed like a byte, and concerns one direction.
	ended = time.monotonic()
	near.shutdown(socket.SHUT_WR)
	assert far.recv(1) == b'' and time.monotonic() - ended >= DELAY
	far.sendall(data)
	far.close()
	assert receive(near, len(data)) == data
	assert near.recv(1) == b''

	# What is in flight arrives, even if its sender has gone.
	near, far = connect(port)
	near.sendall(data)
	near.close()
	assert receive(far, len(data)) == data
	assert far.recv(1) == b''

	relay.stdin.close()
	assert relay.wait(20) == 0
	relay, port = start()
	relay.terminate()
	assert relay.wait(20) == -15
	END
}
