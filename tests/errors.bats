#!/usr/bin/env bats
# What goes wrong gets its exit status and one clear line, at once; what was accepted before it is not lost.
# shellcheck disable=SC2154 # status, output, stderr are bats's
# shellcheck disable=SC2030,SC2031,SC2153 # each test is a subshell, and sets what it reads; ROOM is the helper's
# shellcheck disable=SC2016 # what is in single quotes is for another shell

load helper

setup_file() { start_server; }
teardown_file() { stop_servers; }
setup() { trace_less; }
teardown() { stop_jobs; }

# listener KIND: something at $port of 127.0.0.1 that is not Redis: `silent` accepts connections and says nothing, `full`
# accepts none, `http`, `ssh` and `tls` speak another protocol, `hasty` closes at once, and `stalled` answers chat-tail until
# the first XREAD.
listener() {
	rm -f "$BATS_TEST_TMPDIR/port"
	spawn "$PYTHON" - "$1" "$BATS_TEST_TMPDIR/port" <<-'END'
		import os, socket, sys
		kind, path = sys.argv[1:]
		s = socket.socket()
		s.bind(('127.0.0.1', 0))
		s.listen(0 if kind == 'full' else 9)
		held = []
		for _ in range(4 if kind == 'full' else 0):
		    c = socket.socket()
		    c.setblocking(False)
		    c.connect_ex(s.getsockname())
		    held.append(c)
		with open(path + '.new', 'w') as f:
		    f.write(str(s.getsockname()[1]))
		os.rename(path + '.new', path)
		while kind == 'full':
		    socket.socketpair()[0].recv(1)
		while True:
		    c, _ = s.accept()
		    if kind == 'tls':
		        c.sendall(bytes([21, 3, 3, 0, 2, 2, 70]))
		    elif kind == 'ssh':
		        c.sendall(b'SSH-2.0-OpenSSH_9.2\r\n')
		    elif kind == 'http':
		        c.recv(1000)
		        c.sendall(b'HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n')
		    elif kind == 'hasty':
		        c.close()
		    elif kind == 'stalled':
		        answers = [(b'TIME', b'*2\r\n$10\r\n2000000000\r\n$1\r\n0\r\n'), (b'HELLO', b'*0\r\n'),
		                   (b'XINFO', b'-ERR no such key\r\n')]
		        while b'XREAD' not in (command := c.recv(1000)) and command:
		            c.sendall(b''.join(answer for word, answer in answers if word in command))
		        open(path + '.stalled', 'w').close()
		    held.append(c)
	END
	wait_until 5 test -s "$BATS_TEST_TMPDIR/port"
	port=$(<"$BATS_TEST_TMPDIR/port")
}

# --- no connection: 3 ------------------------------------------------------------------------------------------------

@test "no such host" {
	fails 3 'nosuchhost.invalid' chat-send -h nosuchhost.invalid -n jhon room word
	fails 3 'nosuchhost.invalid' chat-tail -u redis://nosuchhost.invalid:6379 -e room
}

@test "a refused connection, no socket, not a socket" {
	local port
	port=$(free_port)
	fails 3 "127.0.0.1:$port" chat-send -p "$port" -n jhon room word
	fails 3 "127.0.0.1:$port" chat-tail -u "redis://127.0.0.1:$port" room
	fails 3 "$BATS_TEST_TMPDIR/none" chat-send -s "$BATS_TEST_TMPDIR/none" -n jhon room word
	touch "$BATS_TEST_TMPDIR/file"
	fails 3 "$BATS_TEST_TMPDIR/file" chat-tail -s "$BATS_TEST_TMPDIR/file" room
	fails 3 '' chat-tail -s "/$(printf '%0200d' 0)" room
}

@test "no server at the default address: it says how to start one; elsewhere, how to name another" {
	fails 3 '/none: No such file or directory; see -h, -p, -s and -u in --help$' chat-tail -s "$BATS_TEST_TMPDIR/none" room
	! (: <>/dev/tcp/127.0.0.1/6379) 2>/dev/null || skip 'there is one here'
	unset REDIS_URL
	for given in '' '-h localhost' '-u redis://localhost'; do
		read -ra arguments <<<"$given"
		fails 3 'refused; start a server there \(redis-server\), or name another with -h, -p, -s or -u$' chat-send "${arguments[@]}" room hi
	done
}

@test "a server that closes at once" {
	listener hasty
	fails 3 "127.0.0.1:$port lost: .*; a TLS port needs --tls$" chat-send -p "$port" -n jhon room word
	fails 3 "127.0.0.1:$port lost: .*; a TLS port needs --tls$" chat-tail -p "$port" -e room
	fails 3 "; a TLS port needs --tls; gave up after 0.1 s$" chat-tail -q --retry 0.1 -p "$port" -e room
}

@test "a server that does not answer the login, or answers with a TLS alert" {
	listener silent
	fails 3 'no answer; a TLS port needs --tls; gave up after 0.1 s$' chat-send -q --retry 0.1 -p "$port" -n jhon room word
	listener tls
	fails 4 '127.0.0.1.* does not speak the Redis protocol: .*; a TLS port needs --tls$' chat-tail -p "$port" -e room
	listener ssh
	fails 4 'does not speak the Redis protocol: [^;]*$' chat-tail -p "$port" -e room
}

@test "-U: a signal, or -W, while the server does not answer the last request" {
	listener stalled
	spawn chat-tail -p "$port" -U 1h room
	wait_until 5 test -e "$BATS_TEST_TMPDIR/port.stalled"
	kill -TERM "$PID"
	wait_end 2 "$PID"
	assert_status 143
	listener stalled
	run timeout 120 chat-tail -p "$port" -U 1h -W 0.2 room
	assert_status 5
}

@test "no answer within ten seconds, to a connection or on it, is exit status 3; a slow reader of our output is not" {
	local send tail slow
	# A reader of our output that stalls in the middle of a reply, for longer than that.
	start_server
	seq -f '%0200.0f' 50000 | send -n jhon "$ROOM"
	hold_input
	spawn chat-tail -e "$ROOM" >"$pipe" 2>"$BATS_TEST_TMPDIR/slow"
	slow=$PID
	head -c 3000000 <&7 >/dev/null
	listener full
	spawn chat-tail -p "$port" -e room 2>"$BATS_TEST_TMPDIR/tail"
	tail=$PID
	listener silent
	spawn chat-send -p "$port" -n jhon room word 2>"$BATS_TEST_TMPDIR/send"
	send=$PID
	wait_end 15 "$tail"
	assert_status 3
	wait_end 5 "$send"
	assert_status 3
	one_line "$BATS_TEST_TMPDIR/tail"
	one_line "$BATS_TEST_TMPDIR/send"
	assert_match "$(<"$BATS_TEST_TMPDIR/send")" "^chat-send: .*127.0.0.1:$port"
	# When it reads on, the server must be asked for the rest, and takes a moment.
	kill -STOP "$SERVER_PID"
	spawn cat <"$pipe" >"$BATS_TEST_TMPDIR/rest"
	exec 7>&-
	wait_until 5 idle "$slow"
	kill -CONT "$SERVER_PID"
	wait_end 10 "$slow"
	assert_status 0
	assert_equal "$(<"$BATS_TEST_TMPDIR/slow")" ''
	wait_end 5 "$PID"
	assert_equal "$(tail -n 1 "$BATS_TEST_TMPDIR/rest")" "[jhon]: $(printf '%0200d' 50000)"
}

@test "Ctrl-C acts at once while the server does not answer" {
	for kind in silent full; do
		listener "$kind"
		for program in chat-send chat-tail; do
			spawn "$program" -p "$port" room <>/dev/zero
			wait_until 5 has_socket "$PID"
			kill -INT "$PID"
			wait_end 2 "$PID"
			assert_status 130
		done
	done
}

# --- refused for good: 4 ---------------------------------------------------------------------------------------------

@test "no permission: for the command, or for the room" {
	export REDISCLI_AUTH=pw
	cli acl setuser reader on '>pw' '~allowed*' -@all +xread '+xinfo|stream' >/dev/null
	cli acl setuser writer on '>pw' '~allowed*' -@all +xadd >/dev/null
	fails 4 NOPERM chat-send --user reader -n jhon allowed word
	fails 4 NOPERM chat-tail --user writer allowed
	fails 4 NOPERM chat-send --user writer -n jhon "$ROOM" word
	fails 4 NOPERM chat-tail --user reader -e "$ROOM"
	printf 'one\n\ntwo\n' | fails 4 'NOPERM.*line 1([^0-9]|$)' chat-send --user writer -n jhon "$ROOM"
}

@test "a key that is not a stream" {
	cli set "$ROOM" string >/dev/null
	fails 4 WRONGTYPE chat-send -n jhon "$ROOM" word
	fails 4 WRONGTYPE chat-send -n jhon "$ROOM" <<<'one'
	fails 4 "$ROOM.*WRONGTYPE|WRONGTYPE.*$ROOM" chat-tail -e "$ROOM"
	fails 4 WRONGTYPE chat-tail -n 5 "$ROOM"
	fails 4 WRONGTYPE chat-tail -S 5s "$ROOM"
	fails 4 WRONGTYPE chat-tail "$ROOM-other" "$ROOM"
}

@test "a long name does not hide what was wrong" {
	local room
	room=$(printf '%0800d' 0)
	cli set "$room" string >/dev/null
	fails 4 WRONGTYPE chat-send -n jhon "$room" word
	fails 4 'WRONGTYPE.*0 messages delivered, line 1 was not' chat-send -n jhon "$room" <<<'one'
	fails 4 WRONGTYPE chat-tail "$room"
	fails 1 'no such room' chat-tail -e "$room-none"
}

@test "-t: a row whose room is no stream is named, and what came before it is in" {
	cli set "$ROOM-s" string >/dev/null
	fails 4 'WRONGTYPE.*line 3([^0-9]|$)' chat-send -t < <(printf '%s\t1-1\tjhon\t%s\n' "$ROOM" one "$ROOM" two "$ROOM-s" three "$ROOM" four)
	assert_equal "$(messages "$ROOM" | head -n 2)" $'jhon: one\njhon: two'
}

@test "a database that the server does not have" {
	fails 4 'DB index|out of range' chat-send --db 99 -n jhon "$ROOM" word
	fails 4 'DB index|out of range' chat-tail -u "unix://$SOCK?db=99" "$ROOM"
}

@test "a message too large for our memory: out of memory is reported as ours, not the server's" {
	! grep -q __asan_init "$(command -v chat-tail)" || skip 'the sanitizer takes memory of its own'
	head -c 60000000 /dev/zero | send -w -n jhon "$ROOM"
	fails 1 'out of memory' bash -c 'ulimit -v 40000 && exec chat-tail -e -n 1 "$0"' "$ROOM"
	cli del "$ROOM" >/dev/null
}

@test "a server that is not Redis" {
	for kind in http ssh; do
		listener "$kind"
		fails 4 'protocol|not.*redis' chat-send -p "$port" -n jhon room word
		fails 4 'protocol|not.*redis' chat-tail -p "$port" room
	done
}

# --- input and output ------------------------------------------------------------------------------------------------

@test "closed or unreadable standard input" {
	fails 1 'standard input|stdin' bash -c 'exec chat-send -n jhon "$0" <&-' "$ROOM"
	fails 1 'directory' chat-send -n jhon "$ROOM" </
	fails 1 'standard input|stdin' chat-send -n jhon "$ROOM" 0>"$BATS_TEST_TMPDIR/file"
	fails 1 'directory' chat-send -w -n jhon "$ROOM" </
	assert_equal "$(cli exists "$ROOM")" 0
}

@test "a closed standard input does no harm where it is not needed" {
	bash -c 'exec timeout 120 chat-send -n jhon "$0" word <&-' "$ROOM"
	assert_equal "$(bash -c 'exec timeout 120 chat-tail -e "$0" <&-' "$ROOM")" '[jhon]: word'
}

@test "a full device as standard output" {
	send -n jhon "$ROOM" word
	for format in -t -j -r -0 --time; do
		fails 1 'space|full' bash -c 'exec chat-tail -e "$@" >/dev/full' - "$format" "$ROOM"
	done
	fails 1 'space|full' bash -c 'exec chat-send -T -n jhon "$0" >/dev/full' "$ROOM-t" < <(printf 'one\ntwo\n')
	holds "$ROOM-t" <<<$'jhon: one\njhon: two'
	fails 1 'space|full' bash -c 'exec chat-send -i -n jhon "$0" >/dev/full' "$ROOM-i" < <(printf 'one\ntwo\n')
	holds "$ROOM-i" <<<$'jhon: one\njhon: two'
}

@test "a full device as standard output, with an idle room after it" {
	spawn chat-tail "$ROOM" >/dev/full 2>"$BATS_TEST_TMPDIR/err"
	wait_readers 1
	send -n jhon "$ROOM" word
	wait_end 5 "$PID"
	assert_status 1
	one_line "$BATS_TEST_TMPDIR/err"
}

@test "closed standard output" {
	send -n jhon "$ROOM" word
	fails 1 'standard output|stdout' bash -c 'exec chat-tail -e "$0" >&-' "$ROOM"
	fails 1 'standard output|stdout' bash -c 'exec chat-send -T -n jhon "$0" >&-' "$ROOM" <<<'one'
	fails 1 'standard output|stdout' bash -c 'exec chat-send -i -n jhon "$0" >&-' "$ROOM" <<<'one'
	fails 1 'standard output|stdout' bash -c 'exec chat-tail --help >&-'
	bash -c 'exec timeout 120 chat-send -n jhon "$0" no output needed >&-' "$ROOM"
	bash -c 'exec timeout 120 chat-send -n jhon "$0" nor this >&- 2>&- <&-' "$ROOM"
	assert_equal "$(messages "$ROOM" | tail -n 2)" $'jhon: no output needed\njhon: nor this'
}

@test "the exit code does not need standard error" {
	status=0
	bash -c 'exec timeout 120 chat-tail -e "$0" 2>&-' "$ROOM-none" || status=$?
	assert_status 1
	status=0
	bash -c 'exec timeout 120 chat-tail -S nonsense "$0" 2>/dev/full' "$ROOM" || status=$?
	assert_status 2
}

# --- a server that goes away, or cannot take more --------------------------------------------------------------------

@test "--retry 0: the server dies while chat-send sends: exit status 3, how many were delivered, and which line was not" {
	start_server
	hold_input
	spawn chat-send --retry 0 -T -n jhon "$ROOM" <"$pipe" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err"
	{
		seq 50
		echo
		seq 51 100
	} >&7
	wait_until 5 has_lines "$BATS_TEST_TMPDIR/out" 101
	kill -STOP "$SERVER_PID"
	seq 101 5000 >&7
	kill -KILL "$SERVER_PID"
	wait_end 5 "$PID"
	assert_status 3
	one_line "$BATS_TEST_TMPDIR/err"
	assert_match "$(<"$BATS_TEST_TMPDIR/err")" '^chat-send: .*100 messages delivered, line 102 was not'
	cmp "$BATS_TEST_TMPDIR/out" <(seq 50 && echo && seq 51 100)
}

@test "--retry 0: the server dies while chat-send waits for input: exit status 3 at the next line" {
	for signal in KILL TERM; do
		start_server
		hold_input
		spawn chat-send --retry=0 -T -n jhon "$ROOM" <"$pipe" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err"
		echo one >&7
		wait_until 5 has_lines "$BATS_TEST_TMPDIR/out" 1
		kill "-$signal" "$SERVER_PID"
		wait_until 5 hung_up "$PID"
		echo two >&7
		wait_end 5 "$PID"
		assert_status 3
		one_line "$BATS_TEST_TMPDIR/err"
		assert_match "$(<"$BATS_TEST_TMPDIR/err")" '^chat-send: .* 1 message delivered, line 2 was not'
		rm "$pipe"
	done
}

@test "--retry 0: a connection is cut during a flood: what chat-send reports as delivered is, in order" {
	spawn chat-send --retry 0 -T -n jhon "$ROOM" < <(yes line | cat -n) >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err"
	wait_until 5 has_lines "$BATS_TEST_TMPDIR/out" 3000
	cli client kill type normal skipme yes >/dev/null
	wait_end 5 "$PID"
	assert_status 3
	one_line "$BATS_TEST_TMPDIR/err"
	local n
	n=$(wc -l <"$BATS_TEST_TMPDIR/out")
	assert_match "$(<"$BATS_TEST_TMPDIR/err")" " $n messages delivered, line $((n + 1)) was not"
	(($(length "$ROOM") >= n))
	cmp <(show -F '%t\n' -e -c "$n" "$ROOM") "$BATS_TEST_TMPDIR/out"
}

@test "--retry 0: the server dies, or shuts down, while chat-tail waits: exit status 3, and it says so" {
	for signal in KILL TERM; do
		start_server
		follow --retry 0 "$ROOM"
		printf 'one\ntwo\n' | send -n jhon "$ROOM"
		wait_until 5 has_lines "$live" 2
		kill "-$signal" "$SERVER_PID"
		wait_end 5 "$PID"
		assert_status 3
		one_line "$live.err"
		assert_match "$(<"$live.err")" "^chat-tail: .*$SOCK"
		assert_equal "$(<"$live")" $'[jhon]: one\n[jhon]: two'
	done
}

@test "--retry 0: a server out of memory: exit status 1, its words, and every line before the one it refused is delivered" {
	start_server --maxmemory 4mb --maxmemory-policy noeviction
	fails 1 'OOM.* [0-9]+ messages delivered, line [0-9]+ was not' chat-send --retry 0 -T -n jhon "$ROOM" < <(seq -f '%0100.0f' 200000)
	local n
	n=$(length "$ROOM")
	((n > 100))
	assert_match "$stderr" " $n messages delivered, line $((n + 1)) was not"
	assert_equal "$output" "$(seq -f '%0100.0f' "$n")"
	cmp <(messages "$ROOM") <(seq -f 'jhon: %0100.0f' "$n")
}

@test "--retry 0: a replica takes no messages: exit status 1 and its words" {
	start_server --replicaof 127.0.0.1 "$(free_port)"
	fails 1 READONLY chat-send --retry 0 -n jhon "$ROOM" word
	cli config set replica-serve-stale-data no >/dev/null
	fails 1 MASTERDOWN chat-tail --retry 0 -e "$ROOM"
}

@test "too many clients: exit status 1 and the server's words" {
	start_server
	follow "$ROOM"
	cli config set maxclients 1 >/dev/null
	fails 1 'max number of clients' chat-send -n jhon "$ROOM" word
	fails 1 'max number of clients' chat-tail -e "$ROOM"
}
