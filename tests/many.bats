#!/usr/bin/env bats
# Thousands of rooms, and rooms that are deleted, come back or may no longer be read while -m follows them.
# shellcheck disable=SC2154 # status, output, stderr are bats's
# shellcheck disable=SC2030,SC2031,SC2153 # each test is a subshell, and sets what it reads; ROOM is the helper's

load helper

# The reader of one huge message starts here and is checked in the last test: it needs time in which nothing happens.
setup_file() {
	start_server
	head -c 8388608 /dev/zero | tr '\0' x | cli -x xadd huge 1-0 jhon >/dev/null
	cli config resetstat >/dev/null
	spawn chat-tail huge >"$BATS_FILE_TMPDIR/huge" 2>&1 </dev/null
	export HUGE_READER=$PID HUGE_SERVER=$SERVER_PID HUGE_SOCK=$SOCK SERVERS=''
}
teardown_file() {
	kill -KILL "$HUGE_READER"
	stop_server "$HUGE_SERVER"
}
setup() {
	trace_less
	live=$BATS_TEST_TMPDIR/live
}
teardown() { stop_all; }

# reading [argument ...]: chat-tail in the background, a line `room text` for each message, in $live; its notices are in
# $live.err. Sets PID.
reading() { spawn chat-tail -F '%r %t\n' "$@" >"$live" 2>"$live.err" </dev/null; }

# make_rooms PREFIX N [TEXT ...]: PREFIX00001 and so on, each with these messages, by one command.
make_rooms() {
	cli eval 'for n = 1, ARGV[2] do for i = 3, #ARGV do
		redis.call("xadd", string.format("%s%05d", ARGV[1], n), i - 2 .. "-0", "jhon", ARGV[i]) end end' 0 "$@" >/dev/null
}
# names PREFIX N [TEXT ...]: what reading prints of them, sorted.
names() {
	awk 'BEGIN { for (n = 1; n <= ARGV[2]; n++) for (i = 3; i < ARGC; i++) printf "%s%05d %s\n", ARGV[1], n, ARGV[i] }' "$@"
}

# printed LINE: a condition for wait_until.
printed() { grep -Fqx -e "$1" "$live"; }

# follows: waits until the reader waits for news. With many rooms it may use several connections; the first of them that
# waits means that it has found its place in all rooms.
follows() { wait_until 30 any_reader; }
any_reader() { [[ $(cli info clients) == *blocked_clients:[1-9]* ]]; }

# watch: from here on, $monitor has what the server is asked for. looked ROOM: a condition: that room was looked at.
watch() {
	monitor=$BATS_TEST_TMPDIR/monitor
	spawn "$CLI" -s "$SOCK" monitor >"$monitor" 2>/dev/null
	wait_until 5 test -s "$monitor"
}
looked() { grep -Fiq "\"xinfo\" \"stream\" \"$1\"" "$monitor"; }

# deleted: how many rooms are reported as deleted.
deleted() {
	awk '/: deleted; no longer reading it$/ { n++ } /: [0-9]+ rooms were deleted; no longer reading them$/ { n += $2 }
		END { print n + 0 }' "$live.err"
}
deleted_are() { [[ $(deleted) == "$1" ]]; }

@test "-m: rooms deleted, expired, renamed, made a string or forbidden: a notice each, and the others are read on" {
	local room reader
	start_server
	for room in deleted expired renamed retyped forbidden other; do echo "xadd $room 1-0 jhon old"; done | cli >/dev/null
	cli acl setuser me on '>pw' '~*' -@all +xread '+xinfo|stream' +scan >/dev/null
	REDISCLI_AUTH=pw reading --user me -m '*'
	reader=$PID
	follows
	cli <<-'END' >/dev/null
		del deleted
		pexpire expired 1
		rename renamed anew
		set retyped x
		acl setuser me resetkeys ~[^f]*
		xadd forbidden 2-0 jhon secret
		xadd other 2-0 jhon two
	END
	wait_until 20 printed 'other two'
	wait_until 20 printed 'anew old'
	wait_until 20 deleted_are 3
	wait_until 20 noticed 2 'it is left out$'
	watch
	wait_until 20 looked other
	cli xadd other 3-0 jhon three >/dev/null
	cli xadd anew 3-0 jhon three >/dev/null
	wait_until 20 printed 'other three'
	wait_until 20 printed 'anew three'
	kill -0 "$reader"
	# A message that arrived just before its room was forbidden may have been read.
	assert_equal "$(grep -v '^forbidden secret' "$live" | sort)" $'anew old\nanew three\nother three\nother two'
	assert_equal "$(grep -c '^chat-tail: retyped: WRONGTYPE .*; it is left out$' "$live.err")" 1
	assert_equal "$(grep -c '^chat-tail: forbidden: NOPERM .*; it is left out$' "$live.err")" 1
	assert_equal "$(deleted)" 3
	assert_equal "$(grep -Ev 'left out|deleted' "$live.err")" ''
}

@test "a named room that becomes a string: exit status 4 with the server's words, with -m too" {
	start_server
	cli xadd one 1-0 jhon old >/dev/null
	reading -m '*' one
	follows
	printf '%s\n' multi 'del one' 'set one x' exec | cli >/dev/null
	wait_end 20 "$PID"
	assert_status 4
	assert_match "$(<"$live.err")" '^chat-tail: one: WRONGTYPE [^;]*$'
}

@test "-m: 2,000 deleted rooms are one notice, and forgotten until created again; one that is also named is waited for" {
	local room
	start_server
	make_rooms r- 2000 old
	for room in named kept one; do echo "xadd $room 5-0 jhon old"; done | cli >/dev/null
	reading -m '*' named
	follows
	{ echo multi && seq -f 'r-%05.0f' 2000 | xargs echo del named && echo exec; } | cli >/dev/null
	wait_until 20 deleted_are 2000
	wait_until 20 noticed 1 'waiting until it'
	assert_equal "$(grep -v 'rooms were deleted' "$live.err")" 'chat-tail: named: deleted; waiting until it is created again'
	# A second one if they were deleted while it was looking.
	(($(grep -c 'rooms were deleted; no longer reading them$' "$live.err") <= 2)) || { cat "$live.err" && false; }
	watch
	cli <<-'END' >/dev/null
		del one
		xadd named 1-0 jhon first
		xadd r-00007 1-0 jhon first
		xadd new 1-0 jhon first
		xadd kept 6-0 jhon six
		xadd named 2-0 jhon second
	END
	wait_until 20 has_lines "$live" 5
	wait_until 20 deleted_are 2001
	assert_equal "$(sort "$live")" $'kept six\nnamed first\nnamed second\nnew first\nr-00007 first'
	assert_equal "$(grep -v 'rooms were deleted' "$live.err" | sort)" 'chat-tail: named: deleted; waiting until it is created again
chat-tail: one: deleted; no longer reading it'
	wait_until 20 looked kept
	assert_equal "$(grep -i '"xinfo" "stream" "r-' "$monitor" | grep -v r-00007)" ''
}

# looks: the most rooms that one connection looked at between two XREADs; the number of looks since the first XREAD, on all
# connections; and the number of XREADs.
looks() {
	awk '{ word = toupper($4) } word == "\"XREAD\"" { reads++; reads_of[$3]++; n[$3] = 0 }
		word == "\"XINFO\"" && reads { all++; if (reads_of[$3] && ++n[$3] > most) most = n[$3] }
		END { print most + 0, all + 0, reads + 0 }' "$monitor"
}
looks_are() { # N
	local most all reads
	read -r most all reads < <(looks)
	((all >= $1))
}

@test "-m: 3,000 rooms are checked in small steps, and messages are read in between" {
	local most all reads
	start_server_tcp # so that a monitor can tell connections apart
	make_rooms r- 3000 old
	watch
	reading -m '*'
	follows
	cli xadd r-00009 2-0 jhon live >/dev/null
	wait_until 20 has_lines "$live" 1
	wait_until 30 looks_are 3000
	cli xadd r-02999 2-0 jhon live >/dev/null
	wait_until 20 has_lines "$live" 2
	read -r most all reads < <(looks)
	echo "# $all times XINFO, $reads times XREAD, at most $most between two" >&3
	((most <= 300)) || false
	assert_equal "$(<"$live.err")" ''
}

@test "a server that closes connections on large replies: all 20,000 lines are printed, with few notices" {
	local n args
	start_server
	seq -f '%060.0f' 20000 | send -n jhon "$ROOM"
	cli config set client-output-buffer-limit 'normal 262144 0 0' >/dev/null
	for args in -e '-c 20000'; do
		# shellcheck disable=SC2086 # words
		timeout 120 chat-tail -F '%t\n' -n +1 $args "$ROOM" >"$live" 2>"$live.err"
		cmp "$live" <(seq -f '%060.0f' 20000)
		n=$(wc -l <"$live.err")
		echo "# $n lines on stderr" >&3
		((n <= 30)) || false
	done
}

@test "a server that closes connections on large replies, while a reader waits: what came in one transaction is printed" {
	local n
	start_server --client-output-buffer-limit 'normal 262144 0 0'
	spawn chat-tail -F '%t\n' "$ROOM" >"$live" 2>"$live.err" </dev/null
	follows
	for n in {1..5}; do # short ones first, so that it asks for many
		add_at_once 2000 x
		wait_until 20 has_lines "$live" $((n * 2000))
	done
	add_at_once 6000 "$(printf '%0100d' 0)"
	wait_until 40 has_lines "$live" 16000
	assert_equal "$(wc -l <"$live")" 16000
}
add_at_once() { # N TEXT
	cli eval 'for n = 1, ARGV[1] do redis.call("xadd", KEYS[1], "*", "jhon", ARGV[2]) end' 1 "$ROOM" "$@" >/dev/null
}

@test "20,000 rooms: listed, printed whole or their last message, sorted, and with as many commands as rooms" {
	local args
	start_server
	make_rooms r- 20000 one two
	cli config resetstat >/dev/null
	show -l | cut -f 1,2 | cmp - <(names r- 20000 2 | tr ' ' '\t')
	few 'xinfo|stream' 22000
	for args in '-n +1' '-n 1'; do
		cli config resetstat >/dev/null
		# shellcheck disable=SC2086 # words
		show -F '%r %t\n' -e $args -m '*' >"$live"
		cmp "$live" <(if [[ $args == *+1 ]]; then names r- 20000 one two; else names r- 20000 two; fi)
		few 'xinfo|stream' 22000
		few xrevrange 22000
		few xrange 22000
		few xread 5000
	done
}
few() { # COMMAND N: it was asked for at most N times
	local n
	n=$(calls "$1")
	((n <= $2)) || { echo "$1: $n times, expected at most $2" >&2 && where && return 1; }
}

@test "20,000 rooms are followed: each message comes, and -C keeps all their places" {
	local cursor=$BATS_TEST_TMPDIR/cursor
	start_server
	make_rooms r- 20000 one
	show -F '%r %t\n' -e -n +1 -C "$cursor" -m '*' | cmp - <(names r- 20000 one)
	sort "$cursor" | cmp - <(names r- 20000 "1-0	1" | tr ' ' '\t')
	reading -C "$cursor" -m '*'
	local reader=$PID
	follows
	make_rooms s- 1 one
	cli xadd r-00001 2-0 jhon two >/dev/null
	cli xadd r-20000 2-0 jhon two >/dev/null
	wait_until 30 has_lines "$live" 3
	kill -TERM "$reader"
	wait_end 20 "$reader"
	assert_equal "$(sort "$live")" $'r-00001 two\nr-20000 two\ns-00001 one'
	prints chat-tail -e -C "$cursor" -m '*' </dev/null
	assert_equal "$(grep -E '^(r-00001|r-20000|s-00001|r-00002)	' "$cursor" | sort)" "r-00001	2-0	2
r-00002	1-0	1
r-20000	2-0	2
s-00001	1-0	1"
}

# Each look at a room fetches its first and its last message whole.
@test "an idle reader of a room with a message of 8 MiB does not fetch it again and again" {
	SOCK=$HUGE_SOCK
	wait_until 30 two_heartbeats
	kill -0 "$HUGE_READER"
	(($(calls 'xinfo|stream') <= 2)) || { calls 'xinfo|stream' && false; }
	assert_equal "$(<"$BATS_FILE_TMPDIR/huge")" ''
}
two_heartbeats() { (($(calls xread) >= 3)); }
