#!/usr/bin/env bats
# Both programs with others: the pipelines that they are made for, signals, and other clients of the same rooms.
# shellcheck disable=SC2154 # status, output, stderr are bats's
# shellcheck disable=SC2030,SC2031,SC2153 # each test is a subshell, and sets what it reads; ROOM is the helper's
# shellcheck disable=SC2016 # what is in single quotes is for another shell

load helper

setup_file() { start_server; }
teardown_file() { stop_servers; }
setup() { trace_less; }
teardown() { stop_jobs; }

# --- pipelines -------------------------------------------------------------------------------------------------------

@test "echo hi | chat-send -n jhon room; chat-tail room | grep hi" {
	local out=$BATS_TEST_TMPDIR/out
	pipeline 'chat-tail "$1" | grep --line-buffered hi >"$2"' "$ROOM" "$out"
	wait_readers 1
	echo ho | send -n jhon "$ROOM"
	echo hi | send -n jhon "$ROOM"
	wait_until 5 has_lines "$out" 1
	assert_equal "$(<"$out")" '[jhon]: hi'
}

@test "make 2>&1 | chat-send -T -n ci build | tail -1" {
	run --separate-stderr bash -c '{ seq 999; echo "make: *** Error 1" >&2; } 2>&1 | timeout 120 chat-send -T -n ci "$0" | tail -1' "$ROOM"
	assert_status 0
	assert_equal "$stderr" ''
	assert_output 'make: *** Error 1'
	assert_equal "$(length "$ROOM")" 1000
}

@test "a bridge: chat-tail -t a | chat-send -t b" {
	pipeline 'chat-tail -t "$1" | chat-send -t "$2"' "$ROOM-a" "$ROOM-b"
	wait_readers 1
	send -n jhon "$ROOM-a" $'tab\tand\nline'
	wait_until 5 room_has "$ROOM-b" 1
	send -n marry "$ROOM-a" two
	wait_until 5 room_has "$ROOM-b" 2
	cmp <(show -F '%n %t\n' -e "$ROOM-a") <(show -F '%n %t\n' -e "$ROOM-b")
}

@test "a restore: chat-tail -t -n +1 -e a > a.tsv; chat-send -t -k b < a.tsv, twice" {
	seq 100 | send -n jhon "$ROOM-a"
	cli xadd "$ROOM-a" '*' jhon one marry two jhon three >/dev/null
	cd "$BATS_TEST_TMPDIR"
	show -t -n +1 -e "$ROOM-a" >a.tsv
	for _ in first second; do
		send -t -k "$ROOM-b" <a.tsv
		assert_equal "$(cli xrange "$ROOM-b" - +)" "$(cli xrange "$ROOM-a" - +)"
	done
}

@test "a mirror: chat-tail -t -n +1 -h A room | chat-send -t -k -h B, stopped and started again" {
	local there=$SOCK here
	start_server
	here=$SOCK SOCK=$there
	seq 500 | send -s "$there" -n jhon "$ROOM"
	for round in 1 2; do
		pipeline 'chat-tail -t -n +1 -s "$1" "$3" | chat-send -t -k -s "$2"' "$there" "$here" "$ROOM"
		cli xadd "$ROOM" '*' jhon a marry b >/dev/null
		seq "$round" | send -s "$there" -n jhon "$ROOM"
		wait_until 5 mirrored "$there" "$here"
		cli xadd "$ROOM" '*' jhon c marry d >/dev/null
		wait_until 5 mirrored "$there" "$here"
		kill -TERM -- "-$PID"
		wait_until 5 readers_are 0
	done
	assert_equal "$(length "$ROOM")" 507
}

mirrored() { [[ $(cli -s "$1" xrange "$ROOM" - +) == "$(cli -s "$2" xrange "$ROOM" - +)" ]]; }

@test "a bot: chat-tail -x bot room | ./answer | chat-send -n bot room" {
	cat >"$BATS_TEST_TMPDIR/answer" <<-'END'
		#!/bin/sh
		while read -r name text; do
			case $text in ping*) echo "pong, $name" ;; esac
		done
	END
	chmod +x "$BATS_TEST_TMPDIR/answer"
	pipeline 'cd "$2" && chat-tail -x bot "$1" | ./answer | chat-send -n bot "$1"' "$ROOM" "$BATS_TEST_TMPDIR"
	wait_readers 1
	send -n jhon "$ROOM" ping
	wait_until 5 room_has "$ROOM" 2
	send -n marry "$ROOM" 'ping again'
	wait_until 5 room_has "$ROOM" 4
	holds "$ROOM" <<-'END'
		jhon: ping
		bot: pong, [jhon]:
		marry: ping again
		bot: pong, [marry]:
	END
}

@test "chat-tail -j | jq" {
	local out=$BATS_TEST_TMPDIR/out
	pipeline 'chat-tail -j "$1" | jq --unbuffered -r "select(.name == \"deploy\") | .text" >"$2"' "$ROOM" "$out"
	wait_readers 1
	send -n jhon "$ROOM" no
	send -n deploy "$ROOM" 'say "yes"'
	wait_until 5 has_lines "$out" 1
	assert_equal "$(<"$out")" 'say "yes"'
}

@test "chat-tail -t room | while IFS=tab read -r room id name text" {
	local out=$BATS_TEST_TMPDIR/out
	pipeline "chat-tail -t \"\$1\" | sh -c 'while IFS=\$(printf \"\\t\") read -r room id name text; do echo \"\$name said \$text in \$room\"; done' >\"\$2\"" "$ROOM" "$out"
	wait_readers 1
	send -n 'jhon  doe' "$ROOM" '  two  blanks'
	wait_until 5 has_lines "$out" 1
	assert_equal "$(<"$out")" "jhon  doe said   two  blanks in $ROOM"
}

@test "chat-tail -0 | xargs -0, xargs chat-send, cut, sort and uniq" {
	printf 'a b\0c\nd\0' | send -0 -n jhon "$ROOM"
	assert_equal "$(show -0 -e "$ROOM" | xargs -0 printf '<%s>')" $'<a b><c\nd>'
	seq 3 | xargs -I{} timeout 120 chat-send -n xargs "$ROOM" 'number {}'
	assert_equal "$(show -t -e "$ROOM" | cut -f 3 | sort | uniq -c | tr -s ' ')" $' 2 jhon\n 3 xargs'
}

@test "jq makes rows for chat-send" {
	jq -rn --arg room "$ROOM" '{name: "jhon", lines: ["a\tb", "c\nd"]} | .name as $n | .lines[] | [$room, "", $n, .] | @tsv' | send -t
	assert_equal "$(show -j -e "$ROOM" | jq -c '[.name, .text]')" $'["jhon","a\\tb"]\n["jhon","c\\nd"]'
}

@test "a flood through three programs of ours arrives whole and in order" {
	pipeline 'seq 20000 | chat-send -T -n jhon "$1-a" | chat-send -T -n jhon "$1-b" | chat-send -n jhon "$1-c"' "$ROOM"
	wait_end 20 "$PID"
	assert_status 0
	for room in a b c; do cmp <(messages "$ROOM-$room") <(seq -f 'jhon: %.0f' 20000); done
}

@test "chat-send -T or -i into head dies of SIGPIPE, quietly" {
	for option in -T -i; do
		{
			seq 100000 | send "$option" -n jhon "$ROOM" 2>"$BATS_TEST_TMPDIR/err" || echo "$?" >"$BATS_TEST_TMPDIR/status"
		} | head -n 1 >/dev/null
		assert_equal "$(<"$BATS_TEST_TMPDIR/status")" 141
		assert_equal "$(<"$BATS_TEST_TMPDIR/err")" ''
		rm "$BATS_TEST_TMPDIR/status"
	done
}

@test "where SIGPIPE is ignored, they exit all the same when the reader goes away" {
	seq 50000 | send -n jhon "$ROOM"
	run timeout 120 env --ignore-signal=PIPE bash -c 'chat-tail -n +1 "$0" 2>/dev/null | head -n 1' "$ROOM"
	assert_status 0
	assert_output '[jhon]: 1'
	run timeout 120 env --ignore-signal=PIPE bash -c 'seq 50000 2>/dev/null | chat-send -T -n jhon "$0" 2>/dev/null | head -n 1' "$ROOM"
	assert_status 0
	assert_output 1
}

# --- signals ---------------------------------------------------------------------------------------------------------

@test "the first signal ends an idle chat-tail at once" {
	for signal in INT:130 TERM:143 HUP:129; do
		follow "$ROOM"
		kill "-${signal%:*}" "$PID"
		wait_end 2 "$PID"
		assert_status "${signal#*:}"
		assert_equal "$(<"$live.err")" ''
	done
	follow "$ROOM"
	send -n jhon "$ROOM" hi
	wait_until 5 has_lines "$live" 1
	kill "$PID"
	wait_end 2 "$PID"
	assert_status 143
	assert_equal "$(<"$live")" '[jhon]: hi'
}

@test "the first signal ends an idle chat-send at once; each whole line is in the room, half a line is not" {
	hold_input
	for signal in INT:130 TERM:143 HUP:129; do
		spawn chat-send -n "${signal%:*}" "$ROOM" <"$pipe"
		printf 'one\ntwo\n' >&7
		wait_until 5 has_read "$PID"
		printf 'hal' >&7
		wait_until 5 has_read "$PID"
		kill "-${signal%:*}" "$PID"
		wait_end 2 "$PID"
		assert_status "${signal#*:}"
	done
	holds "$ROOM" <<<$'INT: one\nINT: two\nTERM: one\nTERM: two\nHUP: one\nHUP: two'
}

@test "a signal before anything is read acts at once" {
	hold_input
	for signal in INT:130 TERM:143 HUP:129; do
		spawn chat-send -v -n jhon "$ROOM" <"$pipe" 2>"$BATS_TEST_TMPDIR/err"
		wait_until 5 grep -q connected "$BATS_TEST_TMPDIR/err"
		kill "-${signal%:*}" "$PID"
		wait_end 2 "$PID"
		assert_status "${signal#*:}"
	done
}

@test "the first signal waits for the server to take what was read" {
	start_server
	hold_input
	spawn chat-send -T -n jhon "$ROOM" <"$pipe" >"$BATS_TEST_TMPDIR/out"
	echo one >&7
	wait_until 5 has_lines "$BATS_TEST_TMPDIR/out" 1
	kill -STOP "$SERVER_PID"
	seq 2000 >&7
	wait_until 5 has_read "$PID"
	kill -TERM "$PID"
	wait_until 5 no_signal_pending "$PID"
	echo 'too late' >&7
	kill -0 "$PID"
	kill -CONT "$SERVER_PID"
	wait_end 5 "$PID"
	assert_status 143
	cmp <(messages "$ROOM") <(echo jhon: one && seq -f 'jhon: %.0f' 2000)
	cmp "$BATS_TEST_TMPDIR/out" <(echo one && seq 2000)
}

@test "the second signal kills at once" {
	start_server
	hold_input
	for signal in INT:130 TERM:143 HUP:129; do
		spawn chat-send -v -n jhon "$ROOM" <"$pipe" 2>"$BATS_TEST_TMPDIR/err"
		wait_until 5 grep -q connected "$BATS_TEST_TMPDIR/err"
		kill -STOP "$SERVER_PID"
		echo one >&7
		wait_until 5 has_read "$PID"
		kill "-${signal%:*}" "$PID"
		wait_until 5 no_signal_pending "$PID"
		kill -0 "$PID"
		kill "-${signal%:*}" "$PID"
		wait_end 2 "$PID"
		assert_status "${signal#*:}"
		kill -CONT "$SERVER_PID"
	done
}

@test "chat-tail with a slow reader: at the first signal it prints what it has received, in whole lines; the second kills" {
	seq 100000 | send -n jhon "$ROOM"
	hold_input
	spawn chat-tail -n +1 "$ROOM" >"$pipe"
	wait_until 5 stuck "$PID"
	kill -TERM "$PID"
	wait_until 5 no_signal_pending "$PID"
	kill -0 "$PID"
	kill -TERM "$PID"
	wait_end 2 "$PID"
	assert_status 143
	exec 7>&-
	rm "$pipe"
	hold_input
	spawn chat-tail -n +1 "$ROOM" >"$pipe"
	wait_until 5 stuck "$PID"
	kill -TERM "$PID"
	wait_until 5 no_signal_pending "$PID"
	spawn cat <"$pipe" >"$BATS_TEST_TMPDIR/out"
	local cat=$PID
	exec 7>&-
	wait_end 5 "$cat"
	local n
	n=$(wc -l <"$BATS_TEST_TMPDIR/out")
	((n > 1000 && n < 100000))
	cmp "$BATS_TEST_TMPDIR/out" <(seq -f '[jhon]: %.0f' "$n")
}

@test "stopping and continuing a program, and resizing its window, do no harm" {
	hold_input
	follow "$ROOM"
	local reader=$PID
	spawn chat-send -T -n jhon "$ROOM" <"$pipe" >"$BATS_TEST_TMPDIR/out"
	for i in 1 2 3; do
		kill -STOP "$reader" "$PID"
		kill -CONT "$reader" "$PID"
		kill -WINCH "$reader" "$PID"
		echo "$i" >&7
		wait_until 5 has_lines "$live" "$i"
	done
	assert_equal "$(<"$live")" $'[jhon]: 1\n[jhon]: 2\n[jhon]: 3'
	assert_equal "$(<"$live.err")" ''
}

@test "nohup: a signal that is ignored from the start stays ignored" {
	live=$BATS_TEST_TMPDIR/live
	spawn env --ignore-signal=HUP,INT chat-tail "$ROOM" >"$live"
	wait_readers 1
	kill -HUP "$PID"
	kill -INT "$PID"
	send -n jhon "$ROOM" hi
	wait_until 5 has_lines "$live" 1
	kill -0 "$PID"
}

# --- other clients ---------------------------------------------------------------------------------------------------

redis_py() { "$PYTHON" -c 'import redis' 2>/dev/null || skip 'no redis-py here'; }

@test "redis-py's xadd(room, {name: text}) is shown, with one field or several, any bytes" {
	redis_py
	"$PYTHON" - "$SOCK" "$ROOM" <<-'END'
		import redis, sys
		r, room = redis.Redis(unix_socket_path=sys.argv[1]), sys.argv[2]
		r.xadd(room, {'jhon': 'hello é'})
		r.xadd(room, {'jhon': 'one', 'marry': 'two', b'\xff\n': b'\x00\x1b'})
		r.xadd(room, {'n': 4.5, 'empty': ''}, maxlen=100)
	END
	prints chat-tail -e "$ROOM" <<-'END'
		[jhon]: hello é
		[jhon]: one
		[marry]: two
		[\xff\n]: \x00\x1b
		[n]: 4.5
		[empty]: 
	END
	assert_equal "$(show -t -e "$ROOM" | cut -f 2 | tr -d + | uniq -c | awk '{ print $1 }' | tr '\n' ' ')" '1 3 2 '
}

@test "redis-py reads what we write as {name: text} and nothing else" {
	redis_py
	printf 'hello\n\xff\0\r\n' | send -n jhon "$ROOM"
	printf '\n' | send -w -n $'na\nme' "$ROOM"
	printf '%s\t5-5\tmarry\t\n' "$ROOM" | send -t
	"$PYTHON" - "$SOCK" "$ROOM" <<-'END'
		import redis, sys
		r, room = redis.Redis(unix_socket_path=sys.argv[1]), sys.argv[2]
		got = [fields for _, fields in r.xread({room: '0'})[0][1]]
		want = [{b'jhon': b'hello'}, {b'jhon': b'\xff\0\r'}, {b'na\nme': b'\n'}, {b'marry': b''}]
		assert got == want, got
		assert [k for k in r.scan_iter(room.encode() + b'*')] == [room.encode()]
	END
}

@test "entries from redis-cli come at once, and redis-cli reads ours" {
	follow "$ROOM"
	cli xadd "$ROOM" '*' jhon 'by hand' a b >/dev/null
	wait_until 5 has_lines "$live" 2
	assert_equal "$(<"$live")" $'[jhon]: by hand\n[a]: b'
	spawn "$CLI" -s "$SOCK" xread block 5000 streams "$ROOM" '$' >"$BATS_TEST_TMPDIR/out"
	wait_readers 2
	send -n jhon "$ROOM" ours
	wait_end 5 "$PID"
	assert_equal "$(tail -n 2 "$BATS_TEST_TMPDIR/out")" $'jhon\nours'
}

@test "the programs leave no keys, clients or settings behind" {
	start_server
	seq 100 | send -n jhon "$ROOM"
	show -t -e "$ROOM" | send -t -k
	show -n 5 -e "$ROOM" >/dev/null
	assert_equal "$(cli keys '*')" "$ROOM"
	assert_equal "$(cli client list | wc -l)" 1
	assert_equal "$(cli xinfo groups "$ROOM")" ''
}
