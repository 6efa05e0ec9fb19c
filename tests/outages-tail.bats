#!/usr/bin/env bats
# chat-tail and servers that die, go back to what they had saved, or lose a room: it reads on, and says what is missing.
# shellcheck disable=SC2154 # status, output, stderr are bats's
# shellcheck disable=SC2030,SC2031,SC2153 # each test is a subshell, and sets what it reads; ROOM is the helper's

load helper

setup() { begin_outages; }
teardown() { stop_all; }

# --- outages, and rooms that go and come back ------------------------------------------------------------------------

@test "chat-tail -c, -e and -W across an outage" {
	seq 10 | send -n jhon "$ROOM"
	cli save >/dev/null
	live=$BATS_TEST_TMPDIR/live
	spawn chat-tail -n +1 -c 13 "$ROOM" >"$live.c" 2>"$err"
	local count=$PID
	spawn chat-tail -n 2 -W 3 "$ROOM" >"$live.W" 2>"$err.W"
	local timed=$PID
	spawn chat-tail -n 1 -W 0.7 "$ROOM" >"$live.w" 2>"$err.w"
	local timed_out=$PID
	wait_readers 3
	kill_server
	wait_until 5 said 'trying again'
	wait_end 5 "$timed_out"
	assert_status 5
	spawn chat-tail --retry 20 -e "$ROOM" >"$live.e" 2>"$err.e"
	local end=$PID
	wait_until 5 grep -q 'trying again' "$err.e"
	restart_server
	seq 11 20 | send -n jhon "$ROOM"
	wait_end 10 "$count"
	assert_status 0
	assert_match "$(tail -n 1 "$err")" 'resumed'
	cmp "$live.c" <(seq -f '[jhon]: %.0f' 13)
	wait_end 10 "$end"
	assert_status 0
	cmp <(head -n 10 "$live.e") <(seq -f '[jhon]: %.0f' 10)
	wait_end 10 "$timed"
	assert_status 5
	cmp "$live.W" <(seq -f '[jhon]: %.0f' 9 20)
}

@test "a reader killed again and again, and started with -S of the last ID it printed, loses and doubles nothing" {
	live=$BATS_TEST_TMPDIR/live
	: >"$live"
	spawn chat-send -n jhon "$ROOM" < <(for ((i = 1; i <= 600; i++)); do echo "$i" && nap 0.005; done)
	sender=$PID
	local last=0-0
	for round in {1..8}; do
		spawn chat-tail -t -S "$last" "$ROOM" >"$live.part"
		wait_until 10 has_lines "$live.part" $((round * 5))
		kill -KILL "$PID"
		wait_end 5 "$PID" 2>/dev/null
		cat "$live.part" >>"$live"
		last=$(tail -n 1 "$live" | cut -f 2)
	done
	wait_end 20 "$sender"
	show -t -e -S "$last" "$ROOM" >>"$live"
	cmp <(cut -f 4 "$live") <(seq 600)
}

@test "a room that is deleted and created again is read from its beginning, although its IDs are smaller; one notice" {
	live=$BATS_TEST_TMPDIR/live
	seq 5 | send -n jhon "$ROOM"
	follow "$ROOM"
	send -n jhon "$ROOM" six
	wait_until 5 has_lines "$live" 1
	cli del "$ROOM" >/dev/null
	printf '%s\t1-%d\tjhon\tnew %d\n' "$ROOM" 1 1 "$ROOM" 2 2 | send -t -k
	wait_until 10 has_lines "$live" 3
	send -n jhon "$ROOM" later
	wait_until 5 has_lines "$live" 4
	assert_equal "$(cut -d ' ' -f 2- "$live" | tr '\n' ' ')" 'six new 1 new 2 later '
	assert_match "$(<"$live.err")" "^chat-tail: $ROOM: deleted and created again; reading it from its beginning$"
}

@test "a room that did not exist, and one that was found deleted, are read from their first entry" {
	follow "$ROOM" "$ROOM-b"
	printf '%s\t5-1\tjhon\tone\n%s\t5-2\tjhon\ttwo\n' "$ROOM" "$ROOM" | send -t -k
	wait_until 5 has_lines "$live" 2
	cli del "$ROOM" >/dev/null
	wait_until 10 grep -q 'deleted; waiting' "$live.err"
	printf '%s\t1-1\tjhon\tthree\n' "$ROOM" | send -t -k
	wait_until 10 has_lines "$live" 3
	assert_equal "$(cut -d ' ' -f 3- "$live" | tr '\n' ' ')" 'one two three '
	assert_equal "$(wc -l <"$live.err")" 1
}

@test "a server that goes back to what it had saved: the reader continues after that; one notice" {
	seq 3 | send -n jhon "$ROOM"
	cli save >/dev/null
	follow "$ROOM"
	seq 4 6 | send -n jhon "$ROOM"
	wait_until 5 has_lines "$live" 3
	printf '%s\t%s-0\tjhon\tfuture\n' "$ROOM" $(($(date +%s%3N) + 3600000)) | send -t -k
	wait_until 5 has_lines "$live" 4
	kill_server
	restart_server
	seq 7 8 | send -n jhon "$ROOM"
	wait_until 15 grep -q 'lost its last entries' "$live.err"
	seq 9 10 | send -n jhon "$ROOM"
	wait_until 5 has_line "$live" '10$'
	assert_equal "$(grep -c 'lost its last entries' "$live.err")" 1
	assert_equal "$(sort "$live" | uniq -d)" ''
}
has_line() { grep -q "$2" "$1"; }

@test "messages that were trimmed before they could be read are counted" {
	follow "$ROOM"
	send -n jhon "$ROOM" one
	wait_until 5 has_lines "$live" 1
	kill -STOP "$PID"
	seq 2 100 | send -n jhon "$ROOM"
	cli xtrim "$ROOM" maxlen 10 >/dev/null
	cli client kill type normal skipme yes >/dev/null
	kill -CONT "$PID"
	wait_until 10 grep -q trimmed "$live.err"
	wait_until 5 has_line "$live" ' 100$'
	local n # some may have been on their way when the reader stopped
	n=$(wc -l <"$live")
	((n >= 11 && n < 50))
	assert_equal "$(grep trimmed "$live.err")" "chat-tail: $ROOM: $((100 - n)) messages were trimmed before they could be read"
	# What was read before it was trimmed is not counted.
	cli xtrim "$ROOM" maxlen 0 >/dev/null
	seq 101 105 | send -n jhon "$ROOM"
	wait_until 5 has_lines "$live" $((n + 5))
	cli client kill type normal skipme yes >/dev/null
	wait_readers 1
	send -n jhon "$ROOM" last
	wait_until 10 has_lines "$live" $((n + 6))
	assert_equal "$(grep -c trimmed "$live.err")" 1
}

# --- outages in the middle of something ------------------------------------------------------------------------------

# pretender NAME: a server on the unix socket $pretender that follows a script below: for each connection a list of (word,
# answer). The answer is sent once the word has come; None closes the connection, and GO waits for a file $pretender.go.
pretender() {
	pretender=$BATS_TEST_TMPDIR/pretender
	spawn "$PYTHON" - "$pretender" "$1" <<-'END'
		import os, socket, sys, time
		hello, end = ('HELLO', '*0\r\n'), (None, None)
		def entry(n, *fields):
		    words = ''.join('$%d\r\n%s\r\n' % (len(f), f) for f in fields)
		    return '*2\r\n$3\r\n%d-0\r\n*%d\r\n%s' % (n, len(fields), words)
		def xread(*entries):
		    return '*1\r\n*2\r\n$4\r\nroom\r\n*%d\r\n%s' % (len(entries), ''.join(entries))
		info = '*6\r\n$17\r\nlast-generated-id\r\n$3\r\n3-0\r\n$6\r\nlength\r\n:3\r\n$13\r\nentries-added\r\n:3\r\n'
		a, b, c = entry(1, 'j', 'a1', 'j', 'a2'), entry(2, 'j', 'b1'), entry(3, 'j', 'c1')
		first, rest = xread(a, entry(2, 'j', 'd1', 'j', 'd2', 'j', 'd3'), c).split('d3')
		scripts = {
		    'partial': [[hello, ('XINFO', info), ('XREAD', xread(a, b, c).split('a1')[0] + 'a1\r\n'), end],
		                [hello, ('XINFO', info), ('XREAD', xread(a, b, c)), ('XREAD', '*-1\r\n')]],
		    'pieces': [[hello, ('XINFO', info), ('XREAD', first), ('GO', 'd3' + rest), ('XREAD', '*-1\r\n')]],
		    'loading': [[hello, ('XINFO', '-LOADING the dataset\r\n'), end],
		                [hello, ('XINFO', info), ('XREAD', xread(a, b, c)), ('XREAD', '*-1\r\n')]],
		}
		s = socket.socket(socket.AF_UNIX)
		s.bind(sys.argv[1] + '.new')
		s.listen(9)
		os.rename(sys.argv[1] + '.new', sys.argv[1])  # it is there only once it listens
		for script in scripts[sys.argv[2]]:
		    c, _ = s.accept()
		    for word, answer in script:
		        while word == 'GO' and not os.path.exists(sys.argv[1] + '.go'):
		            time.sleep(0.02)
		        while word not in (None, 'GO') and word.encode() not in (got := c.recv(10000)) and got:
		            pass
		        if answer is None:
		            c.close()
		        else:
		            c.sendall(answer.encode())
		c.recv(1)
	END
	wait_until 5 test -S "$pretender"
}

@test "an entry that was cut in the middle is counted once: by -c, by -n +N, and in the summary of -v" {
	for case in '-c 3:a1 a2 b1 ' '-n +2:a2 b1 c1 ' '-v:a1 a2 b1 c1 '; do
		pretender partial
		read -ra options <<<"${case%%:*}"
		assert_equal "$(show -F '%t ' -s "$pretender" -e "${options[@]}" room 2>"$err")" "${case#*:}"
		rm "$pretender"
	done
	assert_match "$(tail -n 1 "$err")" '4 messages, 8 bytes'
}

@test "-t: an entry that was cut in the middle is printed once, and whole; so is one that arrives in two pieces" {
	local whole=$'1-0+ a1\n1-0 a2\n2-0 b1\n3-0 c1'
	for case in "-n +1:$whole" "-n +2:$whole" $'-n +3:2-0 b1\n3-0 c1'; do
		pretender partial
		read -ra options <<<"${case%%:*}"
		assert_equal "$(show -t -s "$pretender" -e "${options[@]}" room 2>"$err" | cut -f 2,4 | tr '\t' ' ')" "${case#*:}"
		rm "$pretender"
	done
	# What is complete is written before the second piece comes, and the rest moves to the head of the buffer.
	pretender pieces
	spawn chat-tail -t -s "$pretender" -e room >"$out"
	wait_until 5 has_lines "$out" 2
	touch "$pretender.go"
	wait_end 5 "$PID"
	assert_equal "$(cut -f 2,4 "$out" | tr '\t' ' ')" $'1-0+ a1\n1-0 a2\n2-0+ d1\n2-0+ d2\n2-0 d3\n3-0 c1'
}

@test "a server that says LOADING and then dies is waited for" {
	pretender loading
	assert_equal "$(show -F '%t ' -s "$pretender" -e room 2>"$err")" 'a1 a2 b1 c1 '
}

# that reads on, into $out. $reader is chat-tail.
restarted_behind() {
	hold_input
	spawn chat-tail "$@" "$ROOM" >"$pipe" 2>"$err"
	reader=$PID
	wait_until 5 filled
	kill_server
	restart_server
	spawn cat <"$pipe" >"$out"
	exec 7>&-
}

@test "a room that goes back while the reader is behind: what it still has is read" {
	local text
	text=$(printf '%0200d' 0)
	seq 30000 | awk -v room="$ROOM" -v text="$text" '{ printf "%s\t%d-1\t%d\t%s\n", room, $1, $1, text }' | send -t -k
	cli save >/dev/null
	seq 30001 30010 | awk -v room="$ROOM" '{ printf "%s\t%d-1\t%d\tx\n", room, $1, $1 }' | send -t -k
	restarted_behind -t -n +1
	wait_until 20 has_line "$out" $'\t30000\t'
	wait_until 10 said 'lost its last entries'
	kill "$reader"
	cmp <(cut -f 3 "$out" | head -n 30000) <(seq 30000)
}
filled() { read -r -t 0 -u 7; }

@test "a server that lost its last entries while the reader looked for the last two messages: older ones are not read" {
	local server=$BATS_TEST_TMPDIR/server first=$SERVER_PID
	numbered 1 110
	ln -s "$SOCK" "$server"
	start_server
	numbered 1 100
	SOCK=$server cut_at XREVRANGE
	kill -STOP "$first"
	spawn chat-tail -F '%t\n' -n 2 -s "$relay" "$ROOM" >"$out" 2>"$err" </dev/null
	wait_until 10 is_waited_for "$server"
	ln -sfn "$SOCK" "$server" # the next connection goes to one that has less
	kill -CONT "$first"
	wait_readers 1
	cli xadd "$ROOM" 200-0 jhon 200 >/dev/null
	wait_until 10 grep -qx 200 "$out"
	assert_equal "$(<"$out")" $'99\n100\n200'
	assert_match "$(<"$err")" 'lost its last entries; reading on after 100-0$'
}
numbered() { seq "$1" "$2" | awk -v room="$ROOM" '{ printf "%s\t%d-0\tjhon\t%d\n", room, $1, $1 }' | send -t -k; }
# is_waited_for SOCKET: somebody has connected, and was not accepted yet.
is_waited_for() { grep -q " 0001 02 .* $(readlink "$1")\$" /proc/net/unix; }

@test "a server that lost its last entries soon after the reader began: the older ones are not read again" {
	seq 10 | send -n jhon "$ROOM"
	cli save >/dev/null
	seq 11 13 | send -n jhon "$ROOM"
	follow "$ROOM"
	kill_server
	restart_server
	wait_until 15 grep -q 'lost its last entries' "$live.err"
	send -n jhon "$ROOM" new
	wait_until 10 has_lines "$live" 1
	assert_equal "$(<"$live")" '[jhon]: new'
}

@test "-e: a room that vanishes before its end was read is an error" {
	seq -f '%0200.0f' 20000 | send -n jhon "$ROOM"
	restarted_behind -e
	wait_end 20 "$reader"
	assert_status 1
	grep -q 'no such room' "$err"
}
