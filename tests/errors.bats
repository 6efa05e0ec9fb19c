#!/usr/bin/env bats
# What is wrong gets its exit code and one clear line, at once; what was accepted before it is not lost; secrets stay so.
# shellcheck disable=SC2154 # status, output, stderr are bats's
# shellcheck disable=SC2030,SC2031,SC2153 # each test is a subshell, and sets what it reads; ROOM is the helper's
# shellcheck disable=SC2016 # what is in single quotes is for another shell

load helper

# The file has two servers: one that asks for a password, over TCP, and one that does not.
setup_file() {
	export SECRET='s3cr3t @:/?#%&'
	export SECRET_ENCODED='s3cr3t%20%40%3a%2F%3f%23%25%26'
	start_server_tcp --requirepass "$SECRET"
	export LOCKED=$SOCK
	REDISCLI_AUTH=$SECRET cli acl setuser marry on ">$SECRET" '~*' '&*' +@all >/dev/null
	start_server
}
teardown_file() { stop_servers; }
setup() { trace_less; }
teardown() { stop_jobs; }

# locked [argument ...]: redis-cli on the server that asks for a password.
locked() { REDISCLI_AUTH=$SECRET "$CLI" -s "$LOCKED" "$@"; }

# listener KIND: something on 127.0.0.1 that is no chat server, at $port: `silent` takes connections and says nothing,
# `full` takes none, `http`, `ssh` and `tls` speak another language, `hasty` closes at once; `stalled` answers chat-tail until it
# has its first XREAD.
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

# hold_input: a pipe to write to through descriptor 7, while its reader, started with <"$pipe", goes on.
hold_input() {
	pipe=$BATS_TEST_TMPDIR/pipe
	mkfifo "$pipe"
	exec 7<>"$pipe"
}

# --- usage: 2, before any connection ---------------------------------------------------------------------------------

@test "unknown options are named" {
	fails 2 '--nosuch' chat-send --nosuch room
	fails 2 '--nosuch' chat-tail --nosuch=5 room
	fails 2 'y' chat-send -y room
	fails 2 'y' chat-tail -tyx name room
	fails 2 --replicas chat-tail --replicas 1 room
	fails 2 --replicas chat-send --replicas 0 room word
}

@test "a missing value, and one too many, are named" {
	fails 2 '-n|--name' chat-send room -n
	fails 2 '--maxlen' chat-send room --maxlen
	fails 2 '-F|--format' chat-tail room -F
	fails 2 '-U|--until' chat-tail room --until
	fails 2 '-0|--null' chat-send --null=yes room
	fails 2 '-e|--exit' chat-tail --exit=yes room
}

@test "numbers and durations out of range are named" {
	for given in '--retry x' '--retry -1' '--retry 5M' '--retry 1m1h' '--retry 1.5m' '--retry 1e3' '--retry Forever' '-p 0' '-p 65536' '-p x' '-p -1' '--db -1' '--db x' '--db 99999999999999999999' '--maxlen x' '--maxlen -1' \
		'--maxlen 99999999999999999999' '--maxage 5' '--maxage x' '--maxage -1s' '--maxage 99999999999999999999w' '--maxage 1y' \
		'--max-message x' '--max-message -1' '--max-message 1k'; do
		read -ra arguments <<<"$given"
		fails 2 "${arguments[0]}" chat-send -n jhon "${arguments[@]}" room word
	done
	for given in '--retry x' '-p 0' '-p 65536' '-p x' '--db -1'; do
		read -ra arguments <<<"$given"
		fails 2 "${arguments[0]}" chat-tail -e "${arguments[@]}" room
	done
}

@test "a bad URI ends with 2, and its password is not shown" {
	for uri in '' nonsense http://host redis:/host redis://:hush@host:99999 redis://:hush@host:x redis://:hush@host/db redis://:hush@host/-1 \
		'redis://u:hush%zz@host' 'redis://u:hush%4@host' redisss://:hush@host redis+sentinel://:hush@host redis+sentinel://:hush@host,:1/m \
		sentinel://:hush@host/m 'redis://:hush@[::1' 'redis://:hush@[::1]x' unix:// 'unix://:hush@/sock?db=x' 'redis://:hush%00@host' \
		'redis://:hush@host:1/2/3'; do
		fails 2 'URI' chat-send -n jhon -u "$uri" room word
		[[ $stderr != *hush* ]]
		fails 2 'URI' chat-tail -e "--uri=$uri" room
		[[ $stderr != *hush* ]]
		[[ ! $uri ]] || REDIS_URL=$uri fails 2 'REDIS_URL' chat-tail -e room
		[[ $stderr != *hush* ]]
	done
}

@test "a password as an option, or in another option, is refused and not repeated" {
	local program
	for given in '-a hush' -ahush -qahush '--pass hush' --pass=hush '--password hush' --password=hush '--passw hush' '--pas hush' \
		--pas=hush '-h redis://u:hush@h' -hredis://u:hush@h '--host=u:hush@h' '-s redis://u:hush@h' '-u u:hush@h' '-u redis://u:hush' '--auth hush' \
		'-p redis://u:hush@h' '--db=redis://u:hush@h/0' '--retry redis://u:hush@h'; do
		read -ra arguments <<<"$given"
		for program in chat-send chat-tail; do
			fails 2 '' "$program" "${arguments[@]}" room word
			[[ $stderr != *hush* ]]
		done
	done
	for option in -a --pass --password; do fails 2 "$option: .*--askpass, --pass-file" chat-tail "$option" hush room; done
	fails 2 '-h: .*-u' chat-tail -h redis://u:hush@h room
	for option in -n -S -U --color --claim; do
		fails 2 "$option: needs [^;]*; for a URI use -u$" chat-tail "$option$([[ $option != --* ]] || echo =)redis://u:hush@h" room
		[[ $stderr != *hush* ]]
	done
	[[ $(chat-tail --help) != *PASSWORD* ]]
}

@test "contradictions about the server" {
	for given in '-h localhost' '-p 6379' '-s /sock' '--host=localhost' '--port=6379' '--socket=/sock'; do
		read -ra arguments <<<"$given"
		fails 2 '' chat-send -u redis://localhost "${arguments[@]}" room word
		fails 2 '' chat-tail -e "${arguments[@]}" -u unix:///sock room
	done
	fails 2 '' chat-tail --askpass --pass-file /dev/null -e room
}

@test "--help and --version go to stdout, with 0" {
	for program in chat-send chat-tail; do
		for option in --help --version -V; do
			run --separate-stderr timeout 120 "$program" "$option"
			assert_status 0
			assert_equal "$stderr" ''
			assert_match "${lines[0]}" "$program"
		done
		assert_match "$("$program" --help | head -n 1)" "^usage: $program \[options\] room"
		fails 1 '' bash -c 'exec "$0" --help >/dev/full' "$program"
	done
}

# --- no connection: 3 ------------------------------------------------------------------------------------------------

@test "no such host" {
	fails 3 'nosuchhost.invalid' chat-send -h nosuchhost.invalid -n jhon room word
	fails 3 'nosuchhost.invalid' chat-tail -u redis://nosuchhost.invalid:6379 -e room
}

@test "refused, no socket, not a socket" {
	local port
	port=$(free_port)
	fails 3 "127.0.0.1:$port" chat-send -p "$port" -n jhon room word
	fails 3 "127.0.0.1:$port" chat-tail -u "redis://127.0.0.1:$port" room
	fails 3 "$BATS_TEST_TMPDIR/none" chat-send -s "$BATS_TEST_TMPDIR/none" -n jhon room word
	touch "$BATS_TEST_TMPDIR/file"
	fails 3 "$BATS_TEST_TMPDIR/file" chat-tail -s "$BATS_TEST_TMPDIR/file" room
	fails 3 '' chat-tail -s "/$(printf '%0200d' 0)" room
}

@test "no server on the default address: how to start one; elsewhere: how to name another" {
	fails 3 '/none: No such file or directory; see -h, -p, -s and -u in --help$' chat-tail -s "$BATS_TEST_TMPDIR/none" room
	! (: <>/dev/tcp/127.0.0.1/6379) 2>/dev/null || skip 'there is one here'
	unset REDIS_URL
	for given in '' '-h localhost' '-u redis://localhost'; do
		read -ra arguments <<<"$given"
		fails 3 'refused; start a server there \(redis-server\), or name another with -h, -p, -s or -u$' chat-send "${arguments[@]}" room hi
	done
}

@test "standard input is left alone when there is no server, or none that lets us in" {
	printf 'one\ntwo\n' >"$BATS_TEST_TMPDIR/lines"
	{
		fails 3 '' chat-send -s "$BATS_TEST_TMPDIR/none" -n jhon room
		fails 4 '' chat-send -s "$LOCKED" -n jhon room
		assert_equal "$(cat)" $'one\ntwo'
	} <"$BATS_TEST_TMPDIR/lines"
}

@test "a server that closes at once" {
	listener hasty
	fails 3 "127.0.0.1:$port lost: .*; a TLS port needs --tls$" chat-send -p "$port" -n jhon room word
	fails 3 "127.0.0.1:$port lost: .*; a TLS port needs --tls$" chat-tail -p "$port" -e room
	fails 3 "; a TLS port needs --tls; gave up after 0.1 s$" chat-tail -q --retry 0.1 -p "$port" -e room
}

@test "a server that does not answer the login, or answers with an alert of TLS" {
	listener silent
	fails 3 'no answer; a TLS port needs --tls; gave up after 0.1 s$' chat-send -q --retry 0.1 -p "$port" -n jhon room word
	listener tls
	fails 4 '127.0.0.1.* does not speak the Redis protocol: .*; a TLS port needs --tls$' chat-tail -p "$port" -e room
	listener ssh
	fails 4 'does not speak the Redis protocol: [^;]*$' chat-tail -p "$port" -e room
}

@test "-U: a signal, or -W, while the server does not answer the last look" {
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

@test "--help of which nobody wants to read more ends as filters do" {
	hold_input
	exec 8>"$pipe"
	exec 7<&-
	for program in chat-send chat-tail; do
		run --separate-stderr bash -c '"$0" --help >&8 2>"$1"' "$program" "$BATS_TEST_TMPDIR/err"
		assert_status 141
		assert_equal "$(<"$BATS_TEST_TMPDIR/err")" ''
	done
}

@test "no answer within ten seconds: to a connection, or on it; a slow reader is another matter" {
	local send tail slow
	# A reader of ours that stands still in the middle of a reply, for longer than that.
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
	# When it goes on, the server has to be asked for the rest, which takes a moment.
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

# idle PID: it has ended, or waits for something and has had no time on a processor for a while.
idle() {
	ended "$1" && return
	local before
	before=$(cut -d ' ' -f 14,15 "/proc/$1/stat")
	sleep 0.2
	[[ $(cut -d ' ' -f 14,15 "/proc/$1/stat") == "$before" ]]
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

has_socket() { [[ $(readlink "/proc/$1/fd/"*) == *socket:* ]]; }

# --- refused for good: 4 ---------------------------------------------------------------------------------------------

@test "a wrong password, none, an unknown user: the server's own words" {
	local hint='; see --askpass, --pass-file and \$REDISCLI_AUTH$'
	export REDIS_URL=unix://$LOCKED
	REDISCLI_AUTH=wrong fails 4 "WRONGPASS.*$hint" chat-send -n jhon "$ROOM" word
	REDISCLI_AUTH=wrong fails 4 "WRONGPASS.*$hint" chat-tail -e "$ROOM"
	fails 4 "NOAUTH.*at the same time[^;]*$hint" chat-send -n jhon "$ROOM" word
	fails 4 "NOAUTH.*$hint" chat-tail -e "$ROOM"
	REDISCLI_AUTH=$SECRET fails 4 "WRONGPASS.*$hint" chat-tail --user nobody -e "$ROOM"
	REDISCLI_AUTH=$SECRET show -e "$ROOM" 2>/dev/null || assert_equal $? 1
}

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

# permissions PROGRAM: the rules that its manual gives to a user of a name and password.
permissions() {
	sed -nE 's/^ACL SETUSER [a-z]+ on >password //p' "$REPO/cmd/$1.1" | sed 's/\\(ti/~/g; s/\\-/-/g'
}

@test "the permissions that chat-tail's manual gives suffice" {
	local -a rules
	export REDISCLI_AUTH=pw
	read -ra rules <<<"$(permissions chat-tail)"
	cli acl setuser reader reset on '>pw' "${rules[@]}" >/dev/null
	printf 'one\ntwo\nthree\n' | send --user default -n jhon "$ROOM"
	assert_equal "$(show --user reader -F '%t ' -e "$ROOM")" 'one two three '
	assert_equal "$(show --user reader -F '%t ' -n +2 -e "$ROOM")" 'two three '
	assert_equal "$(show --user reader -F '%t ' -S 0 -e "$ROOM")" 'one two three '
	fails 4 NOPERM chat-tail --user reader -e -n 1 "$ROOM"
	cli acl setuser reader +xrevrange +time >/dev/null
	assert_equal "$(show --user reader -F '%t ' -e -n 1 "$ROOM")" 'three '
	assert_equal "$(show --user reader -F '%t ' -e -S 1h "$ROOM")" 'one two three '
	cli acl setuser reader +scan >/dev/null
	assert_equal "$(show --user reader -l "$ROOM*" | cut -f 1,2)" "$ROOM	3"
	assert_equal "$(show --user reader -F '%t ' -e -n +1 -m "$ROOM")" 'one two three '
	cli acl setuser worker reset on '>pw' '~*' -@all +xreadgroup +xack +xautoclaim +xpending '+xgroup|create' '+xgroup|delconsumer' >/dev/null
	for rule in +xreadgroup +xack +xautoclaim +xpending '+xgroup|create' '+xgroup|delconsumer' +scan '+cluster|slots' +asking; do
		render "$REPO/cmd/chat-tail.1" PERMISSIONS | grep -qF -e "$rule"
	done
	fails 4 NOPERM chat-tail --user worker -g g -S 1h -e "$ROOM"
	cli acl setuser worker +time >/dev/null
	assert_equal "$(show --user worker -F '%t ' -g g -S 1h -e "$ROOM")" 'one two three '
	assert_match "$(cli xinfo groups "$ROOM" | paste -sd' ')" 'consumers 0 pending 0 '
}

# the_sender RULE ...: a user who may send to the test's room and write receipts of their own, and this.
the_sender() {
	cli acl setuser sender reset on '>pw' -@all +multi +exec +discard "(+xadd ~$ROOM)" \
		"(+watch +get +set +del +pexpire ~{$ROOM}:chat-send:sender:*)" "$@" >/dev/null
	cli acl log reset >/dev/null
}

# denied: how often the server has refused a command or a key since the_sender.
denied() { cli acl log | grep -c client-info; }

@test "a sender needs no more than XADD of the room, receipts of their own, and transactions" {
	export REDISCLI_AUTH=pw
	the_sender
	printf 'one\ntwo\n' | prints_nothing send --user sender -n jhon "$ROOM"
	prints_nothing send --user sender --maxlen 1000 -n jhon "$ROOM" three
	prints_nothing send --user sender --at-least-once -n jhon "$ROOM" four
	printf '%s\t\tjhon\tfive\n' "$ROOM" | prints_nothing send --user sender -t
	the_sender "(+xrange ~$ROOM)"
	show -t -e "$ROOM" | prints_nothing send --user sender -t -k
	the_sender "(+xtrim ~$ROOM)"
	prints_nothing send --user sender --maxage 1h -n jhon "$ROOM" six
	the_sender "(+eval ~$ROOM ~{$ROOM}:chat-send:sender:*)" "(+xrevrange ~$ROOM)"
	assert_equal "$(printf 'seven\neight\n' | send --user sender -i -n jhon "$ROOM" 2>&1)" "$(show -F '%i\n' -n 2 -e "$ROOM")"
	assert_equal "$(denied)" 0
	holds "$ROOM" < <(printf 'jhon: %s\n' one two three four five six seven eight)
	assert_equal "$(cli keys '*:chat-send:*')" ''
}

@test "a sender with these permissions can not read, delete or replace the room, run a script, or touch others' receipts" {
	export REDISCLI_AUTH=pw
	send --user default -n jhon "$ROOM" one
	cli set "{$ROOM}:chat-send:sender2:0123" '3 3' >/dev/null
	the_sender
	for command in "del $ROOM" "unlink $ROOM" "set $ROOM spam" "rename $ROOM other" "xtrim $ROOM maxlen 0" "xdel $ROOM 1-1" \
		"xrange $ROOM - +" "xread streams $ROOM 0" "get $ROOM" "eval 'while true do end' 0" "xadd other * a b" 'keys *' 'scan 0' \
		"set {$ROOM}:chat-send:sender2:0123 '9 9 666-1'" "get {$ROOM}:chat-send:sender2:0123" "del {$ROOM}:chat-send:sender2:0123" \
		"set {$ROOM}:chat-send:sender%3A2:0 '9 9'" 'flushall' 'acl list' 'config get *'; do
		assert_match "$(cli --user sender --pass pw --no-auth-warning <<<"$command")" '^(\(error\) )?NOPERM'
	done
	assert_equal "$(cli get "{$ROOM}:chat-send:sender2:0123")" '3 3'
	holds "$ROOM" <<<'jhon: one'
	cli del "{$ROOM}:chat-send:sender2:0123" >/dev/null
}

@test "chat-send's manual names each permission that it may need" {
	for rule in +xadd +multi +exec +discard +watch +get +set +del +pexpire +xrange +xtrim +wait +eval +xrevrange +select +asking '+cluster|slots'; do
		render "$REPO/cmd/chat-send.1" PERMISSIONS | grep -qF -e "$rule" || { echo "not $rule" && false; }
	done
}

render() { mandoc -T ascii -O width=1000 "$1" | sed $'s/.\b//g' | awk -v title="$2" '/^[A-Z]/ { on = $0 == title; next } on'; }
prints_nothing() { assert_equal "$("$@" 2>&1)" ''; }

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

@test "a message for which there is no memory: ours to blame, not the server" {
	! grep -q __asan_init "$(command -v chat-tail)" || skip 'the sanitizer takes memory of its own'
	head -c 60000000 /dev/zero | send -w -n jhon "$ROOM"
	fails 1 'out of memory' bash -c 'ulimit -v 40000 && exec chat-tail -e -n 1 "$0"' "$ROOM"
	cli del "$ROOM" >/dev/null
}

@test "what is there is not Redis" {
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

@test "who does not need standard input does not mind that it is closed" {
	bash -c 'exec timeout 120 chat-send -n jhon "$0" word <&-' "$ROOM"
	assert_equal "$(bash -c 'exec timeout 120 chat-tail -e "$0" <&-' "$ROOM")" '[jhon]: word'
}

@test "/dev/full" {
	send -n jhon "$ROOM" word
	for format in -t -j -r -0 --time; do
		fails 1 'space|full' bash -c 'exec chat-tail -e "$@" >/dev/full' - "$format" "$ROOM"
	done
	fails 1 'space|full' bash -c 'exec chat-send -T -n jhon "$0" >/dev/full' "$ROOM-t" < <(printf 'one\ntwo\n')
	holds "$ROOM-t" <<<$'jhon: one\njhon: two'
	fails 1 'space|full' bash -c 'exec chat-send -i -n jhon "$0" >/dev/full' "$ROOM-i" < <(printf 'one\ntwo\n')
	holds "$ROOM-i" <<<$'jhon: one\njhon: two'
}

@test "/dev/full, with an idle room after it" {
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

@test "--retry 0: the server dies while chat-send sends: 3, how many were delivered, and which line was not" {
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

@test "--retry 0: the server dies while chat-send waits for input: 3, at the next line" {
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

@test "--retry 0: a connection that is cut while chat-send floods: what it says is delivered is, in order" {
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

@test "--retry 0: the server dies, or shuts down, while chat-tail waits: 3, and it says so" {
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

@test "--retry 0: a server that is out of memory: 1, its words, and every line up to the one it did not take is in" {
	start_server --maxmemory 4mb --maxmemory-policy noeviction
	fails 1 'OOM.* [0-9]+ messages delivered, line [0-9]+ was not' chat-send --retry 0 -T -n jhon "$ROOM" < <(seq -f '%0100.0f' 200000)
	local n
	n=$(length "$ROOM")
	((n > 100))
	assert_match "$stderr" " $n messages delivered, line $((n + 1)) was not"
	assert_equal "$output" "$(seq -f '%0100.0f' "$n")"
	cmp <(messages "$ROOM") <(seq -f 'jhon: %0100.0f' "$n")
}

@test "--retry 0: a replica takes no messages: 1 and its words" {
	start_server --replicaof 127.0.0.1 "$(free_port)"
	fails 1 READONLY chat-send --retry 0 -n jhon "$ROOM" word
	cli config set replica-serve-stale-data no >/dev/null
	fails 1 MASTERDOWN chat-tail --retry 0 -e "$ROOM"
}

@test "too many clients: 1 and the server's words" {
	start_server
	follow "$ROOM"
	cli config set maxclients 1 >/dev/null
	fails 1 'max number of clients' chat-send -n jhon "$ROOM" word
	fails 1 'max number of clients' chat-tail -e "$ROOM"
}

# --- where to and as whom --------------------------------------------------------------------------------------------

# local_name: of 127.0.0.1; a bare root file system knows none.
local_name() {
	if getent hosts localhost >/dev/null; then echo localhost; else echo 127.0.0.1; fi
}

# at URI ROOM: sends and reads there, without $REDIS_URL; the room then holds one message.
at() {
	local -
	set -e
	env -u REDIS_URL timeout 120 chat-send -u "$1" -n jhon "$2" hi
	assert_equal "$(env -u REDIS_URL timeout 120 chat-tail --uri "$1" -e "$2")" '[jhon]: hi'
	locked del "$2" >/dev/null
}

@test "passwords in URIs, percent-encoded; users; valkey; databases" {
	at "redis://:$SECRET_ENCODED@127.0.0.1:$PORT" "$ROOM"
	at "redis://$SECRET_ENCODED@127.0.0.1:$PORT" "$ROOM"
	at "redis://marry:$SECRET_ENCODED@127.0.0.1:$PORT/" "$ROOM"
	at "valkey://default:$SECRET_ENCODED@$(local_name):$PORT/0" "$ROOM"
	at "unix://:$SECRET_ENCODED@$LOCKED" "$ROOM"
	at "unix://marry:$SECRET_ENCODED@$LOCKED?db=0" "$ROOM"
	timeout 120 chat-send -u "redis://:$SECRET_ENCODED@127.0.0.1:$PORT/3" -n jhon "$ROOM" three
	timeout 120 chat-send -u "unix://:$SECRET_ENCODED@$LOCKED?db=3" -n jhon "$ROOM" three
	assert_equal "$(locked -n 3 xlen "$ROOM")" 2
	timeout 120 chat-send --db 4 -u "redis://:$SECRET_ENCODED@127.0.0.1:$PORT/3" -n jhon "$ROOM" four
	assert_equal "$(locked -n 4 xlen "$ROOM") $(locked xlen "$ROOM")" '1 0'
}

@test "-h, -p and -s" {
	export REDISCLI_AUTH=$SECRET
	send -h 127.0.0.1 -p "$PORT" -n jhon "$ROOM" one
	send --host="$(local_name)" --port="$PORT" -n jhon "$ROOM" two
	send -p "$PORT" -n jhon "$ROOM" three
	send -s "$LOCKED" -n jhon "$ROOM" four
	assert_equal "$(show --socket="$LOCKED" -F '%t ' -e "$ROOM")" 'one two three four '
	send -s "$LOCKED" --db 5 -n jhon "$ROOM" five
	assert_equal "$(show -p "$PORT" --db=5 -F '%t ' -e "$ROOM")" 'five '
}

@test "-h, -p or -s set REDIS_URL aside: its password goes to nobody else, its database neither" {
	export REDIS_URL="redis://:$SECRET_ENCODED@127.0.0.1:1/7"
	fails 4 NOAUTH chat-tail -s "$LOCKED" -e "$ROOM"
	fails 4 NOAUTH chat-tail -h 127.0.0.1 -p "$PORT" -e "$ROOM"
	fails 4 NOAUTH chat-send -p "$PORT" -n jhon "$ROOM" word
	send -s "$SOCK" -n jhon "$ROOM" here
	assert_equal "$(cli xlen "$ROOM")" 1
	REDIS_URL=nonsense show -s "$SOCK" -e "$ROOM"
}

@test "-u goes before REDIS_URL, a URI's password before REDISCLI_AUTH" {
	REDIS_URL=nonsense send -u "unix://$SOCK" -n jhon "$ROOM" one
	REDIS_URL="redis://127.0.0.1:$PORT" REDISCLI_AUTH=$SECRET send -n jhon "$ROOM" two
	REDIS_URL="redis://:$SECRET_ENCODED@127.0.0.1:$PORT" REDISCLI_AUTH=wrong send -n jhon "$ROOM" three
	REDISCLI_AUTH=$SECRET fails 4 WRONGPASS chat-tail -u "redis://:wrong@127.0.0.1:$PORT" -e "$ROOM"
	assert_equal "$(messages "$ROOM") $(locked xlen "$ROOM")" 'jhon: one 2'
}

@test "--pass-file is standard input only where that is not read for messages" {
	local file=$BATS_TEST_TMPDIR/pass
	printf '%s\n1\n2\n' "$SECRET" >"$file"
	for option in '' -0 -w -t; do
		# shellcheck disable=SC2086 # no option is no word
		fails 2 '--pass-file: standard input' chat-send -s "$LOCKED" --pass-file /dev/stdin $option "$ROOM" < <(cat "$file")
		# shellcheck disable=SC2086
		fails 2 '--pass-file: standard input' chat-send -s "$LOCKED" --pass-file /dev/stdin $option "$ROOM" <"$file"
	done
	# shellcheck disable=SC2094 # it is only read
	fails 2 '--pass-file: standard input' chat-send -s "$LOCKED" --pass-file "$file" "$ROOM" <"$file"
	assert_equal "$(locked xlen "$ROOM")" 0
	send -s "$LOCKED" --pass-file /dev/stdin -n jhon "$ROOM" hi < <(cat "$file")
	send -s "$LOCKED" --pass-file /dev/stdin -n jhon "$ROOM" hi <"$file"
	output=$(show -s "$LOCKED" --pass-file /dev/stdin -e "$ROOM" < <(cat "$file"))
	assert_output $'[jhon]: hi\n[jhon]: hi'
}

@test "a URI's query is passed over, but for db" {
	send -u "unix://:$SECRET_ENCODED@$LOCKED?protocol=3&db=2&x" -n jhon "$ROOM" hi
	assert_equal "$(locked -n 2 xlen "$ROOM")" 1
	REDIS_URL="redis://:$SECRET_ENCODED@127.0.0.1:$PORT/2?protocol=3" prints chat-tail -e "$ROOM" <<<'[jhon]: hi'
}

@test "--user and --pass-file override the URI's" {
	printf '%s\nsecond line\n' "$SECRET" >"$BATS_TEST_TMPDIR/pass"
	printf '%s' "$SECRET" >"$BATS_TEST_TMPDIR/pass2"
	send -s "$LOCKED" --pass-file "$BATS_TEST_TMPDIR/pass" -n jhon "$ROOM" one
	REDISCLI_AUTH=wrong send -s "$LOCKED" --pass-file "$BATS_TEST_TMPDIR/pass2" --user marry -n jhon "$ROOM" two
	send -u "unix://nobody:wrong@$LOCKED" --pass-file="$BATS_TEST_TMPDIR/pass" --user=marry -n jhon "$ROOM" three
	assert_equal "$(locked xlen "$ROOM")" 3
	fails 4 WRONGPASS chat-tail -u "unix://marry:$SECRET_ENCODED@$LOCKED" --user nobody -e "$ROOM"
	fails 2 "$BATS_TEST_TMPDIR/none" chat-tail --pass-file "$BATS_TEST_TMPDIR/none" -e "$ROOM"
	: >"$BATS_TEST_TMPDIR/empty"
	fails 2 "$BATS_TEST_TMPDIR/empty" chat-tail --pass-file "$BATS_TEST_TMPDIR/empty" -e "$ROOM"
}

# terminal SECRET COMMAND ...: runs the command on a terminal of its own, types the secret once it is asked for, and
# prints what the terminal showed; exits as the command did.
terminal() {
	"$PYTHON" - "$@" <<-'END'
		import os, pty, sys
		secret, command = sys.argv[1], sys.argv[2:]
		pid, fd = pty.fork()
		if pid == 0:
		    os.execvp(command[0], command)
		shown = b''
		typed = False
		while True:
		    try:
		        got = os.read(fd, 1000)
		    except OSError:
		        break
		    if not got:
		        break
		    shown += got
		    if not typed and b'assword' in shown:
		        os.write(fd, secret.encode() + b'\r')
		        typed = True
		sys.stdout.buffer.write(shown)
		sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
	END
}

@test "--askpass asks on the terminal and does not show what is typed" {
	run timeout 120 bash -c "$(declare -f terminal); terminal \"\$@\"" - "$SECRET" chat-send --askpass -s "$LOCKED" -n jhon "$ROOM" hi
	assert_status 0
	[[ $output != *s3cr3t* ]]
	assert_equal "$(locked xlen "$ROOM")" 1
	run timeout 120 bash -c "$(declare -f terminal); terminal \"\$@\"" - wrong chat-tail --askpass -s "$LOCKED" -e "$ROOM"
	assert_status 4
	assert_match "$output" WRONGPASS
}

@test "--askpass leaves standard input to the messages, and without a terminal it says so" {
	printf 'one\ntwo\n' >"$BATS_TEST_TMPDIR/lines"
	run timeout 120 bash -c "$(declare -f terminal); terminal \"\$@\"" - "$SECRET" \
		bash -c 'chat-send --askpass -s "$1" -n jhon "$2" <"$3"' - "$LOCKED" "$ROOM" "$BATS_TEST_TMPDIR/lines"
	assert_status 0
	assert_equal "$(locked --raw xrange "$ROOM" - + | grep -cx 'one\|two')" 2
	fails 2 terminal setsid -w chat-tail --askpass -s "$LOCKED" -e "$ROOM" </dev/null
}

@test "IPv6" {
	grep -q '^0*1 ' /proc/net/if_inet6 || skip 'no IPv6 here'
	local port
	port=$(free_port)
	server_launch --bind ::1 --port "$port"
	send -h ::1 -p "$port" -n jhon "$ROOM" one
	send -u "redis://[::1]:$port/0" -n jhon "$ROOM" two
	REDIS_URL="redis://[::1]:$port" send -n jhon "$ROOM" three
	assert_equal "$(show -u "valkey://[::1]:$port" -F '%t ' -e "$ROOM")" 'one two three '
	fails 3 '' chat-tail -u 'redis://[::1]:1' -e "$ROOM"
}

# --- secrets ---------------------------------------------------------------------------------------------------------

@test "a URI's password is not in the argument list of a running program" {
	hold_input
	local uri="redis://marry:$SECRET_ENCODED@127.0.0.1:$PORT"
	for argument in "-u$uri" "--uri=$uri" "-vu$uri"; do
		spawn chat-tail "$argument" "$ROOM" 2>"$BATS_TEST_TMPDIR/err"
		wait_until 5 readers_of "$LOCKED" 1
		grep -aq chat-tail "/proc/$PID/cmdline"
		assert_equal "$(grep -ac s3cr3t "/proc/$PID/cmdline" "$BATS_TEST_TMPDIR/err" | grep -v ':0$' || true)" ''
		kill "$PID"
		wait_until 5 readers_of "$LOCKED" 0
	done
	spawn chat-send -v -n jhon -u "$uri" "$ROOM" <"$pipe" 2>"$BATS_TEST_TMPDIR/err"
	echo hi >&7
	wait_until 5 grep -q connected "$BATS_TEST_TMPDIR/err"
	assert_equal "$(grep -ac s3cr3t "/proc/$PID/cmdline" "$BATS_TEST_TMPDIR/err" | grep -v ':0$' || true)" ''
}

readers_of() { [[ $(locked info clients) == *blocked_clients:"$2"$'\r'* ]]; }

@test "a password is in no error, and not in what -v says" {
	local uri="redis://marry:s3cr3t-wrong@127.0.0.1:$PORT"
	fails 4 WRONGPASS chat-tail -u "$uri" -e "$ROOM"
	[[ $stderr != *s3cr3t* ]]
	fails 3 '' chat-tail -u "redis://:s3cr3t@127.0.0.1:1" -e "$ROOM"
	[[ $stderr != *s3cr3t* ]]
	fails 2 '' chat-tail -u "redis://:s3cr3t@127.0.0.1:$PORT" -h host "$ROOM"
	[[ $stderr != *s3cr3t* ]]
	fails 2 '' chat-tail -S x -u "redis://:s3cr3t@127.0.0.1:$PORT" "$ROOM"
	[[ $stderr != *s3cr3t* ]]
	run --separate-stderr show -v -u "redis://:$SECRET_ENCODED@127.0.0.1:$PORT" -U @1 "$ROOM"
	assert_status 0
	assert_match "$stderr" "127.0.0.1:$PORT"
	[[ $stderr != *s3cr3t* ]]
}
