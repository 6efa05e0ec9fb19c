#!/usr/bin/env bats
# chat-send and servers that die, stand still, are full or refuse for a while: nothing is lost or doubled, order is kept.
# shellcheck disable=SC2154 # status, output, stderr are bats's
# shellcheck disable=SC2030,SC2031,SC2153 # each test is a subshell, and sets what it reads; ROOM is the helper's

load helper

setup() { begin_outages; }
teardown() { stop_all; }

# one_outage REGEX: there were two notices: that an outage for that reason began, and that it was over.
one_outage() {
	assert_match "$(head -n 1 "$err")" "^chat-send: .*$1.*; trying again for 60 s$"
	assert_match "$(tail -n 1 "$err")" '^chat-send: resumed after an outage of [0-9.]+ s$'
	assert_equal "$(wc -l <"$err")" 2
}

# --- servers that die ------------------------------------------------------------------------------------------------

@test "a server with a synced log, killed twelve times under a steady stream: sender and reader carry on, 0 lost, 0 doubled" {
	local log=(--appendonly yes --appendfsync always)
	stop_server
	restart_server "${log[@]}"
	follow "$ROOM"
	local reader=$PID kills sent
	spawn chat-send -n jhon -T "$ROOM" < <(feed "$out.stop") >"$out" 2>"$err"
	sender=$PID
	for ((kills = 0; kills < 12; kills++)); do
		wait_until 20 has_lines "$out" $((kills * 230 + 50))
		kill_server
		restart_server "${log[@]}"
	done
	touch "$out.stop"
	wait_end 30 "$sender"
	assert_status 0
	sent=$(wc -l <"$out")
	cmp "$out" <(seq "$sent")
	cmp <(messages "$ROOM") <(seq -f 'jhon: %.0f' "$sent")
	wait_until 10 has_lines "$live" "$sent"
	kill "$reader"
	cmp "$live" <(seq -f '[jhon]: %.0f' "$sent")
	grep -q 'trying again' "$live.err"
	assert_equal "$(grep -Ev 'trying again|resumed' "$live.err" "$err")" ''
}

@test "a server that is away for a while: one notice when it begins, one when it is over; -q says nothing" {
	sending "$ROOM"
	echo one >&7
	wait_until 5 room_has "$ROOM" 1
	spawn chat-send -q -n quiet "$ROOM" < <(echo two && sleep 3 && echo three) 2>"$err.quiet"
	local quiet=$PID
	wait_until 5 room_has "$ROOM" 2
	cli save >/dev/null
	kill_server
	echo late >&7
	wait_until 5 said 'trying again'
	restart_server --dbfilename dump.rdb
	wait_until 10 said 'resumed'
	finish
	wait_end 10 "$quiet"
	assert_status 0
	one_outage "cannot connect to $SOCK"
	assert_equal "$(<"$err.quiet")" ''
	assert_equal "$(messages "$ROOM" | sort)" $'jhon: late\njhon: one\nquiet: three\nquiet: two'
}

@test "--retry: gives up on a server that is away with exit status 3, and says how many were delivered and which line was not" {
	sending --retry 0.5 "$ROOM"
	printf 'one\n\ntwo\n' >&7
	wait_until 5 room_has "$ROOM" 2
	kill_server
	echo three >&7
	wait_until 5 said 'trying again for 0.5 s'
	wait_end 10 "$sender"
	assert_status 3
	assert_match "$(tail -n 1 "$err")" "^chat-send: .*$SOCK.*; gave up after 0.5 s; 2 messages delivered, line 4 was not$"
	assert_equal "$(wc -l <"$err")" 2
	run --separate-stderr timeout 120 chat-tail --retry 0.3 "$ROOM"
	assert_status 3
	assert_match "${stderr_lines[-1]}" 'gave up after 0.3 s'
}

@test "--retry applies to the first connection too; without it, that fails at once" {
	stop_server
	spawn chat-send --retry forever -n jhon "$ROOM" hi 2>"$err"
	wait_until 5 said 'cannot connect.*; trying again$'
	fails 3 "$SOCK" chat-send -n jhon "$ROOM" hi
	local sender=$PID
	restart_server
	wait_end 10 "$sender"
	assert_status 0
	assert_match "$(tail -n 1 "$err")" 'resumed'
	assert_equal "$(messages "$ROOM")" 'jhon: hi'
}

@test "memory stays flat while the server is away: standard input is no longer read" {
	sending "$ROOM"
	echo one >&7
	wait_until 5 room_has "$ROOM" 1
	kill_server
	echo two >&7
	wait_until 5 said 'trying again'
	if grep -q asan "/proc/$sender/maps"; then
		skip 'the sanitizer takes memory of its own'
	fi
	spawn bash -c 'yes "a line of some length, to be sent later" | head -c 200000000' >"$pipe"
	local flood=$PID before
	for _ in 1 2 3; do
		before=$(rss "$sender")
		sleep 0.5
	done
	(($(rss "$sender") < 20000)) || { echo "$(rss "$sender") kB" && false; }
	assert_equal "$(rss "$sender")" "$before"
	kill -0 "$flood"
}
rss() { awk '/^VmRSS/ { print $2 }' "/proc/$1/status"; }

@test "a server that closes idle connections: no notice, even with --retry 0; the next line, or the end of input, connects again" {
	cli config set timeout 1 >/dev/null
	first_line --retry 0
	wait_until 10 hung_up "$sender"
	seq 2 1000 >&7
	wait_until 5 has_lines "$out" 1000
	wait_until 10 hung_up "$sender"
	finish
	assert_equal "$(<"$err")" ''
	cmp <(messages "$ROOM") <(seq -f 'jhon: %.0f' 1000)
	assert_equal "$(receipts)" ''
}

@test "a server that died and came back empty while nothing was sent: at the end, what it had acknowledged is reported lost" {
	first_line --retry 0
	kill_server
	wait_until 5 hung_up "$sender"
	nap 0.5 # in which it would have found nobody there, had it tried
	kill -0 "$sender"
	restart_server
	finish 1
	assert_match "$(<"$err")" "^chat-send: $ROOM: the server lost a message that it had acknowledged, line 1"
	assert_equal "$(wc -l <"$err")" 2
}

# --- servers that stand still ----------------------------------------------------------------------------------------

@test "a server stopped for 11 s, and asleep in DEBUG SLEEP: an outage, not an error; nothing lost, all in order" {
	follow "$ROOM"
	local reader=$PID
	sending -T "$ROOM"
	echo 0 >&7
	wait_until 5 has_lines "$out" 1
	kill -STOP "$SERVER_PID"
	seq 3000 >&7
	wait_until 20 said 'no answer; trying again'
	kill -CONT "$SERVER_PID"
	wait_until 10 has_lines "$out" 3001
	spawn "$CLI" -s "$SOCK" debug sleep 3
	seq 3001 4000 >&7
	wait_until 10 has_lines "$out" 4001
	finish
	one_outage 'no answer'
	cmp <(messages "$ROOM") <(seq -f 'jhon: %.0f' 0 4000)
	wait_until 10 has_lines "$live" 4001
	kill "$reader"
	cmp "$live" <(seq -f '[jhon]: %.0f' 0 4000)
}

@test "LOADING is an outage" {
	sending "$ROOM"
	echo one >&7
	wait_until 5 room_has "$ROOM" 1
	for i in {1..20}; do cli set "key-$i" x >/dev/null; done
	cli save >/dev/null
	kill_server
	echo two >&7
	wait_until 5 said 'trying again'
	spawn "$REPO/tests/server" --port 0 --unixsocket "$SOCK" --dir "$SERVER_DIR" --save '' --key-load-delay 60000 \
		--loading-process-events-interval-bytes 1024 >>"$SERVER_DIR/log" 2>&1 </dev/null
	SERVER_PID=$PID SERVERS="${SERVERS-} $PID"
	wait_until 15 room_has "$ROOM" 2
	finish
	assert_match "$(tail -n 1 "$err")" 'resumed'
	assert_equal "$(messages "$ROOM")" $'jhon: one\njhon: two'
}

# --- servers that refuse for a while ---------------------------------------------------------------------------------

# refused_for_a_while WORD UNDO ...: after first_line, the server refuses with that word until the command UNDO.
refused_for_a_while() {
	seq 2 3000 >&7
	wait_until 5 said "$1"
	sleep 0.3
	"${@:2}" >/dev/null
	wait_until 10 has_lines "$out" 3000
	finish
	one_outage "$1"
	cmp <(messages "$ROOM") <(seq -f 'jhon: %.0f' 3000)
	cmp "$out" <(seq 3000)
	assert_equal "$(receipts)" ''
}

@test "a temporary OOM is an outage: nothing lost, all in order, no receipt left" {
	first_line
	cli config set maxmemory 1 >/dev/null
	refused_for_a_while OOM cli config set maxmemory 0
}

@test "a temporary NOREPLICAS or READONLY is an outage" {
	first_line
	cli config set min-replicas-to-write 1 >/dev/null
	refused_for_a_while NOREPLICAS cli config set min-replicas-to-write 0
	rm "$pipe"
	unset pipe
	cli del "$ROOM" >/dev/null
	first_line
	cli replicaof 127.0.0.1 1 >/dev/null
	refused_for_a_while READONLY cli replicaof no one
}

@test "a temporary MISCONF is an outage" {
	mkdir "$SERVER_DIR/folder"
	first_line
	cli config set save '1 1' dbfilename folder >/dev/null
	cli bgsave >/dev/null
	wait_until 5 bgsave_failed
	refused_for_a_while MISCONF cli config set stop-writes-on-bgsave-error no
}
bgsave_failed() { [[ $(cli info persistence) == *rdb_last_bgsave_status:err* ]]; }

@test "BUSY in another client's script is an outage, until the script is killed" {
	first_line
	follow "$ROOM"
	cli config set busy-reply-threshold 100 >/dev/null
	spawn "$CLI" -s "$SOCK" eval 'while true do end' 0
	wait_until 5 eval '[[ $(cli ping 2>&1) == BUSY* ]]'
	echo 2 >&7
	wait_until 5 said 'BUSY .*; trying again'
	cli script kill >/dev/null
	wait_until 10 has_lines "$out" 2
	finish
	one_outage BUSY
	wait_until 10 has_lines "$live" 1
	assert_equal "$(<"$live")" '[jhon]: 2'
}

@test "too many clients is an outage with --retry, until one leaves" {
	spawn chat-tail "$ROOM"
	local guest=$PID
	wait_readers 1
	cli config set maxclients 1 >/dev/null
	wait_until 5 only_one_is_let_in
	sending --retry 20 "$ROOM"
	wait_until 5 said 'max number of clients.*; trying again for 20 s'
	echo hi >&7
	kill "$guest"
	finish
	assert_match "$(tail -n 1 "$err")" 'resumed'
	assert_equal "$(show -e "$ROOM")" '[jhon]: hi'
}
only_one_is_let_in() { [[ $(cli ping 2>&1) == *'max number of clients'* ]]; }

@test "a server that stays full: exit status 1, its words, the right line, and exactly what was delivered is in the room" {
	first_line --retry 1
	cli config set maxmemory 1 >/dev/null
	printf '2\n\n4\n' >&7
	wait_end 10 "$sender"
	assert_status 1
	assert_match "$(tail -n 1 "$err")" '^chat-send: .*OOM .*; gave up after 1 s; 1 message delivered, line 2 was not$'
	assert_equal "$(messages "$ROOM")" 'jhon: 1'
	cli config set maxmemory 0 >/dev/null
	spawn chat-send --retry 1 -n jhon -T "$ROOM-b" < <(yes 'fill it up' | cat -n) >"$out" 2>"$err"
	sender=$PID
	wait_until 5 has_lines "$out" 5000
	cli config set maxmemory 1 >/dev/null
	wait_end 10 "$sender"
	assert_status 1
	local n
	n=$(length "$ROOM-b")
	assert_match "$(tail -n 1 "$err")" "; $n messages delivered, line $((n + 1)) was not$"
	cmp <(show -F '%t\n' -e "$ROOM-b") <(yes 'fill it up' | cat -n | head -n "$n")
}

@test "an outage that is over leaves no trace in the report of a later failure" {
	first_line --max-message 10
	cli config set maxmemory 1 >/dev/null
	echo 2 >&7
	wait_until 5 said OOM
	cli config set maxmemory 0 >/dev/null
	wait_until 5 has_lines "$out" 2
	printf '3\n%020d\n' 0 >&7
	wait_end 5 "$sender"
	assert_status 1
	assert_match "$(tail -n 1 "$err")" 'line 4 is too long; see --max-message; 3 messages delivered$'
}

@test "a line whose reply was lost when it gave up is not reported as missing for certain" {
	first_line --retry 1
	kill -STOP "$SERVER_PID"
	echo 2 >&7
	wait_end 20 "$sender"
	assert_status 3
	assert_match "$(tail -n 1 "$err")" '; 1 message delivered, line 2 was not, or only its reply was lost$'
	kill -CONT "$SERVER_PID"
}

@test "a server that evicts receipts because it is full: exit status 1 after --retry, and what was delivered is in the room" {
	cli config set maxmemory-policy volatile-lru maxmemory 4mb >/dev/null
	fails_within 20 chat-send -T --retry 2 -n jhon "$ROOM" < <(seq -f '%0100.0f' 200000)
	assert_status 1
	local n
	n=$(wc -l <"$out")
	assert_match "$(tail -n 1 "$err")" "gave up after 2 s; $n messages delivered"
	cli config set maxmemory 0 >/dev/null
	cmp <(show -F '%t\n' -e "$ROOM" | head -n "$n") "$out"
	(($(length "$ROOM") <= n + 1024))
}
fails_within() {
	status=0
	timeout "$@" >"$out" 2>"$err" || status=$?
}

# --- signals ---------------------------------------------------------------------------------------------------------

@test "TERM and INT while the server is away: what was read is delivered once it is back, then it dies; a second signal kills" {
	for signal in TERM:143 INT:130; do
		first_line
		cli save >/dev/null
		kill_server
		echo 2 >&7
		wait_until 5 said 'trying again'
		seq 3 50 >&7
		wait_until 5 has_read "$sender"
		kill "-${signal%:*}" "$sender"
		wait_until 5 no_signal_pending "$sender"
		kill -0 "$sender"
		restart_server
		wait_end 10 "$sender"
		assert_status "${signal#*:}"
		cmp <(messages "$ROOM") <(seq -f 'jhon: %.0f' 50)
		cli del "$ROOM" >/dev/null
	done
	first_line
	kill_server
	echo 2 >&7
	wait_until 5 said 'trying again'
	echo 3 >&7
	wait_until 5 has_read "$sender"
	kill "$sender"
	wait_until 5 no_signal_pending "$sender"
	kill "$sender"
	wait_end 2 "$sender"
	assert_status 143
	for program in "chat-send -n jhon --retry forever" "chat-tail --retry forever"; do
		read -ra words <<<"$program"
		spawn "${words[@]}" "$ROOM" <"$pipe" 2>"$err"
		wait_until 5 said 'trying again'
		kill "$PID"
		wait_end 2 "$PID"
		assert_status 143
	done
}

@test "TERM and INT in the middle of a flood and of a trickle: each whole line that was read is in the room, in order" {
	for signal in TERM:143 INT:130; do
		spawn chat-send -T -n jhon "$ROOM" < <(yes line | cat -n) >"$out" 2>"$err"
		wait_until 5 has_lines "$out" 3000
		kill "-${signal%:*}" "$PID"
		wait_end 10 "$PID"
		assert_status "${signal#*:}"
		cmp <(show -F '%t\n' -e "$ROOM") "$out"
		cli del "$ROOM" >/dev/null
		first_line
		for i in {2..9}; do echo "$i" >&7; done
		wait_until 5 has_read "$sender"
		kill "-${signal%:*}" "$sender"
		wait_end 10 "$sender"
		assert_status "${signal#*:}"
		assert_equal "$(messages "$ROOM")" "$(seq -f 'jhon: %.0f' 9)"
		assert_equal "$(receipts)$(<"$err")" ''
		cli del "$ROOM" >/dev/null
	done
}

# --- -t -k -----------------------------------------------------------------------------------------------------------

@test "-t -k through OOM that comes and goes, and connections that die: the same room, including its IDs" {
	seq 20000 | awk -v room="$ROOM" '{ printf "%s\t%d-%d\tjhon\t%d\n", room, $1 / 3 + 1, $1, $1 }' >"$BATS_TEST_TMPDIR/rows"
	hold_input
	spawn chat-send -t -k <"$pipe" 2>"$err"
	sender=$PID
	for i in 1 2 3 4 5; do
		some_rows $((i * 4000 - 3999)) 2500 # in flight while memory runs out
		wait_until 10 longer_than $((i * 4000 - 4000))
		cli config set maxmemory 1 >/dev/null
		some_rows $((i * 4000 - 1499)) 1500
		wait_until 10 said_times OOM "$i"
		cli config set maxmemory 0 >/dev/null
		cli client kill type normal skipme yes >/dev/null
		wait_until 10 room_has "$ROOM" $((i * 4000))
	done
	finish
	cmp <(show -t -e "$ROOM") "$BATS_TEST_TMPDIR/rows"
	fails 1 'line 2: ID 1-0 .*1 message delivered, line 2 was not' chat-send -t -k < <(printf '%s\t99999-1\tj\tx\n%s\t1-0\tj\ty\n' "$ROOM" "$ROOM")
}
some_rows() { sed -n "$1,$(($1 + $2 - 1))p" "$BATS_TEST_TMPDIR/rows" >&7; } # FIRST COUNT
longer_than() { (($(length "$ROOM") > $1)); }
said_times() { (($(grep -c "$1" "$err") >= $2)); }
