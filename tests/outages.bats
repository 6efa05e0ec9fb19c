#!/usr/bin/env bats
# Servers that die, stand still, are full or refuse for a while: nothing is lost, nothing comes twice, order is kept.
# shellcheck disable=SC2154 # status, output, stderr are bats's
# shellcheck disable=SC2030,SC2031,SC2153 # each test is a subshell, and sets what it reads; ROOM is the helper's

load helper

setup() {
	trace_less
	out=$BATS_TEST_TMPDIR/out err=$BATS_TEST_TMPDIR/err
	start_server --enable-debug-command yes --enable-protected-configs yes
}
teardown() {
	stop_jobs
	stop_servers
}

# hold_input: a pipe to write to through descriptor 7, while its reader, started with <"$pipe", goes on.
hold_input() {
	pipe=$BATS_TEST_TMPDIR/pipe
	mkfifo "$pipe"
	exec 7<>"$pipe"
}

# sending [argument ...]: chat-send in the background, reading from descriptor 7; $out is what it prints, $err its notices.
sending() {
	[[ ${pipe-} ]] || hold_input
	spawn chat-send -n jhon "$@" <"$pipe" >"$out" 2>"$err"
	sender=$PID
}

said() { grep -Eq "$1" "$err"; }
receipts() { cli keys '*:chat-send:*'; }

# finish [STATUS]: the input ends, and so does the sender.
finish() {
	exec 7>&-
	wait_end 30 "$sender"
	assert_status "${1:-0}"
}

# one_outage: what was said is that it began and that it was over, a line each.
one_outage() {
	assert_match "$(head -n 1 "$err")" "^chat-send: .*$1.*; trying again for 60 s$"
	assert_match "$(tail -n 1 "$err")" '^chat-send: resumed after an outage of [0-9.]+ s$'
	assert_equal "$(wc -l <"$err")" 2
}

# --- servers that die ------------------------------------------------------------------------------------------------

@test "killed twelve times under a steady stream, the log synced always: sender and reader carry on, 0 lost, 0 doubled" {
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

@test "--retry: gives up on a server that is away with 3, and says how many were delivered and which line was not" {
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

@test "--retry holds for the first connection too; without it that fails at once" {
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

@test "memory stays flat while the server is away: standard input is not read on" {
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

@test "a server that closes idle connections: no word, also with --retry 0; the next line, or the end, connects again" {
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

@test "a server that died and came back empty while nothing was sent: what was acknowledged is missed in the end" {
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

@test "stopped for 11 s, and asleep in DEBUG SLEEP: an outage, no error; no gap, no disorder" {
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

# refused_for_a_while WORD UNDO ...: a server that has begun to refuse with that word, until the command.
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

first_line() {
	sending -T "$@" "$ROOM"
	echo 1 >&7
	wait_until 5 has_lines "$out" 1
}

@test "OOM that goes away is an outage: no gap, no disorder, no receipt left" {
	first_line
	cli config set maxmemory 1 >/dev/null
	refused_for_a_while OOM cli config set maxmemory 0
}

@test "NOREPLICAS and READONLY that go away" {
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

@test "MISCONF that goes away" {
	mkdir "$SERVER_DIR/folder"
	first_line
	cli config set save '1 1' dbfilename folder >/dev/null
	cli bgsave >/dev/null
	wait_until 5 bgsave_failed
	refused_for_a_while MISCONF cli config set stop-writes-on-bgsave-error no
}
bgsave_failed() { [[ $(cli info persistence) == *rdb_last_bgsave_status:err* ]]; }

@test "BUSY in another client's script, until that is killed" {
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

@test "too many clients, until one leaves" {
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

@test "a server that stays full: 1, its words, the right line, and what was delivered is in, exactly" {
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

# --- permissions -----------------------------------------------------------------------------------------------------

# the_writer RULE ...: a user who may do just that, with the password of $REDISCLI_AUTH.
the_writer() {
	export REDISCLI_AUTH=pw
	cli --no-auth-warning acl setuser writer reset on '>pw' -@all "$@" >/dev/null 2>&1
	assert_match "$(cli acl list 2>/dev/null)" 'user writer '
}

# sends_without_the_promise: the writer sends, and it is said once what is no longer promised.
sends_without_the_promise() {
	cli del "$ROOM" >/dev/null 2>&1
	seq 5000 | send -T --user writer -n jhon "$ROOM" 2>"$err" >"$out"
	assert_match "$(<"$err")" '^chat-send: .*NOPERM.*; sending without receipts, so a lost connection may double messages$'
	assert_equal "$(wc -l <"$err")" 1
	cmp "$out" <(seq 5000)
	cmp <(messages "$ROOM" 2>/dev/null) <(seq -f 'jhon: %.0f' 5000)
	assert_equal "$(receipts 2>/dev/null)" ''
}

@test "no permission for transactions or receipts: it works, and says once what is no longer promised" {
	local may=(+xadd)
	for more in +multi +exec +watch +get +eval; do
		the_writer '~*' "${may[@]}"
		sends_without_the_promise
		may+=("$more")
	done
	the_writer "~$ROOM" +@all # the receipt's key is not allowed
	sends_without_the_promise
	the_writer "~$ROOM" +xadd "(~{$ROOM}:chat-send:other:* +watch +get +set +del)" +multi +exec # another's is
	sends_without_the_promise
}

@test "permissions for a transaction and one's own receipts: nothing is said" {
	the_writer +multi +exec +discard "(+xadd ~$ROOM)" "(+watch +get +set +del +pexpire ~{$ROOM}:chat-send:writer:*)"
	cli acl log reset >/dev/null 2>&1
	prints chat-send --user writer -n jhon "$ROOM" all is well </dev/null
	run --separate-stderr send --user writer -n jhon "$ROOM" < <(seq 5000)
	assert_status 0
	assert_equal "$output$stderr" ''
	assert_equal "$(cli acl log 2>/dev/null | grep -c client-info)" 0
	assert_equal "$(receipts 2>/dev/null)" ''
}

@test "no permission for XADD, with or without transactions: 4, and nothing is sent" {
	for rules in '+multi +exec +discard +watch +get +set +del +pexpire' '+get' '+multi +exec'; do
		read -ra may <<<"$rules"
		the_writer '~*' "${may[@]}"
		fails 4 'NOPERM.*xadd' chat-send --user writer -n jhon "$ROOM" word
		fails 4 "NOPERM.*xadd.*; 0 messages delivered, line 1 was not\$" chat-send --user writer -n jhon "$ROOM" <<<word
	done
	assert_equal "$(cli keys '*' 2>/dev/null)" ''
}

@test "-k needs MULTI and EXEC, and no receipt; without them it is 4, and nothing is sent" {
	seq 3000 | awk -v room="$ROOM" '{ printf "%s\t%d-1\tjhon\t%d\n", room, $1, $1 }' >"$BATS_TEST_TMPDIR/rows"
	for rules in '+xadd' '+xadd +xrange +watch +get +set +del +eval' '+xadd +xrange +multi'; do
		read -ra may <<<"$rules"
		the_writer '~*' "${may[@]}"
		fails 4 'NOPERM.*; 0 messages delivered, line 1 was not$' chat-send -t -k --user writer <"$BATS_TEST_TMPDIR/rows"
		assert_equal "$(cli exists "$ROOM" 2>/dev/null)" 0
	done
	the_writer "~$ROOM" +xadd +multi +exec
	send -t -k --user writer <"$BATS_TEST_TMPDIR/rows"
	cmp <(show --user default -t -e "$ROOM") "$BATS_TEST_TMPDIR/rows"
	the_writer "~$ROOM" +xadd +multi +exec +discard
	fails 4 'NOPERM.*xrange.*line 1 was not$' chat-send -t -k --user writer <"$BATS_TEST_TMPDIR/rows"
	the_writer "~$ROOM" +xadd +multi +exec +discard +xrange
	send -t -k --user writer <"$BATS_TEST_TMPDIR/rows"
	cmp <(show --user default -t -e "$ROOM") "$BATS_TEST_TMPDIR/rows"
}

@test "without transactions no message is lost: a refusal that passes, and a connection that dies" {
	the_writer '~*' +xadd
	first_line --user writer
	cli config set maxmemory 1 >/dev/null
	seq 2 3000 >&7
	wait_until 5 said OOM
	cli config set maxmemory 0 >/dev/null
	wait_until 10 has_lines "$out" 3000
	cli client kill user writer >/dev/null
	seq 3001 4000 >&7
	wait_until 10 has_lines "$out" 4000
	finish
	diff <(messages "$ROOM" | sort -u) <(seq -f 'jhon: %.0f' 4000 | sort)
}

@test "--at-least-once: plain XADD, without a notice, a transaction or a receipt" {
	seq 3000 | send --at-least-once -n jhon "$ROOM" 2>"$err"
	send --at-least-once -n jhon "$ROOM" 3001 2>>"$err"
	printf '%s\t\tjhon\t3002\n' "$ROOM" | send -t --at-least-once 2>>"$err"
	assert_equal "$(<"$err")" ''
	cmp <(messages "$ROOM") <(seq -f 'jhon: %.0f' 3002)
	assert_equal "$(calls xadd)" 3002
	for command in multi exec discard watch get set del eval pexpire; do
		assert_equal "$command $(calls "$command")" "$command 0"
	done
}

@test "a flood goes in transactions of many lines, without scripts, also when the server stood still at first" {
	hold_input
	kill -STOP "$SERVER_PID"
	sending "$ROOM"
	seq 20000 >&7 &
	wait_until 5 connecting "$sender"
	kill -CONT "$SERVER_PID"
	wait_until 20 room_has "$ROOM" 20000
	finish
	assert_equal "$(calls xadd) $(calls eval) $(calls evalsha)" '20000 0 0'
	(($(calls exec) < 200)) || { calls exec && false; }
	assert_equal "$(<"$err")" ''
}
connecting() { [[ $(readlink "/proc/$1/fd/"*) == *socket:* && $(cut -d ' ' -f 3 "/proc/$1/stat") == S ]]; }

@test "rows of a hundred rooms, interleaved, take no more transactions than rows of one" {
	seq 20000 | awk -v room="$ROOM" '{ printf "%s-%d\t*\tjhon\t%d\n", room, $1 % 100, $1 }' | send -t
	local interleaved
	interleaved=$(calls exec)
	((interleaved < 100)) || { echo "$interleaved" && false; }
	for room in 0 7 99; do
		cmp <(messages "$ROOM-$room") <(seq 20000 | awk -v n=$room '$1 % 100 == n { print "jhon: " $1 }')
	done
	assert_equal "$(for n in {0..99}; do echo "xlen $ROOM-$n"; done | cli | sort -u)" 200
}

@test "a server that closes connections for the size of what they send gets less at a time" {
	cli config set maxmemory-clients 1mb >/dev/null || skip 'no maxmemory-clients here'
	seq -f '%01000.0f' 5000 | send -n jhon "$ROOM" 2>"$err"
	cli config set maxmemory-clients 0 >/dev/null
	cmp <(messages "$ROOM") <(seq -f 'jhon: %01000.0f' 5000)
	assert_equal "$(receipts)" ''
}

# --- receipts --------------------------------------------------------------------------------------------------------

# open_receipt PATTERN [argument ...]: while it sends to that room, its one receipt is that, and none when it has ended.
open_receipt() {
	sending -T "${@:2}"
	echo hi >&7
	wait_until 5 has_lines "$out" 1
	assert_match "$(receipts)" "^$1:[0-9a-f]{32}\$"
	(($(cli pttl "$(receipts)") > 3500000))
	kill "$sender"
	wait_end 5 "$sender"
	assert_equal "$(receipts)" ''
	rm "$pipe"
	unset pipe
}

@test "a receipt lies beside the room, in its hash slot, under the user's name" {
	open_receipt "\\{$ROOM\\}:chat-send:default" "$ROOM"
	open_receipt "a\\{$ROOM\\}b:chat-send:default" "a{$ROOM}b"
	open_receipt "\\{\\{$ROOM\\}:chat-send:default" "{$ROOM"
	cli acl setuser 'b:o*b%' on nopass '~*' +@all >/dev/null
	REDISCLI_AUTH=any open_receipt "\\{$ROOM\\}:chat-send:b%3Ao%2Ab%25" --user 'b:o*b%' "$ROOM"
	export REDIS_URL
	for user in bob b.o_b-2; do
		cli acl setuser "$user" on nopass '~*' +@all >/dev/null
		REDISCLI_AUTH=any open_receipt "\\{$ROOM\\}:chat-send:$user" --user "$user" "$ROOM"
	done
}

@test "two senders to one room have a receipt each" {
	sending "$ROOM"
	echo hi >&7
	wait_until 5 room_has "$ROOM" 1
	local first=$sender
	spawn chat-send -n marry "$ROOM" < <(exec 7>&- && echo hi && cat "$pipe") 2>>"$err"
	sender=$PID
	wait_until 5 room_has "$ROOM" 2
	assert_equal "$(receipts | sort -u | wc -l)" 2
	exec 7>&-
	wait_end 5 "$first"
	wait_end 5 "$sender"
	assert_equal "$(receipts)" ''
}

@test "no key but the room is left behind after an end without a cut" {
	seq 3000 | send -i -n jhon "$ROOM" >/dev/null
	send -n jhon "$ROOM" word
	send -n jhon "a{b}$ROOM" word
	printf '%s\t\tjhon\tx\n' "$ROOM-a" "$ROOM-b" "$ROOM-a" | send -t
	printf '%s\t%s\tjhon\tx\n' "$ROOM-a" 99999999999999-1 "$ROOM-b" 99999999999999-1 | send -t -k
	cli set "$ROOM-s" string >/dev/null
	fails 4 WRONGTYPE chat-send -n jhon "$ROOM-s" word
	fails 4 WRONGTYPE chat-send -t < <(printf '%s\t\tjhon\tx\n' "$ROOM-a" "$ROOM-s" "$ROOM-b")
	fails 1 'line 2' chat-send --max-message 10 -n jhon "$ROOM" < <(printf 'short\n%020d\n' 0)
	fails 1 'line 2' chat-send -t < <(printf '%s\t\tjhon\tx\nmalformed\n' "$ROOM-a")
	fails 1 'space|full' bash -c 'exec chat-send -T -n jhon "$0" >/dev/full' "$ROOM" <<<text
	send -n jhon "$ROOM" </dev/null
	assert_equal "$(cli keys '*' | sort)" "$(printf '%s\n' "a{b}$ROOM" "$ROOM"{,-a,-b,-s} | sort)"
}

@test "a receipt that was evicted doubles nothing: between lines, a new one is begun" {
	first_line
	cli del "$(receipts)" >/dev/null
	echo 2 >&7
	wait_until 5 has_lines "$out" 2
	seq 3 5 >&7
	wait_until 5 has_lines "$out" 5
	finish
	assert_equal "$(<"$err")" ''
	assert_equal "$(messages "$ROOM")" "$(seq -f 'jhon: %.0f' 5)"
	assert_equal "$(receipts)" ''
}

@test "the server forgets everything: what was acknowledged and is gone is counted, and told by 1" {
	sending -T "$ROOM"
	printf '1\n\n3\n4\n' >&7
	wait_until 5 has_lines "$out" 4
	kill_server
	echo 5 >&7
	wait_until 5 said 'trying again'
	restart_server
	wait_until 10 said 'resumed'
	echo 6 >&7
	wait_until 5 has_lines "$out" 6
	finish 1
	grep -qx "chat-send: $ROOM: the server lost 3 messages that it had acknowledged, lines 1 to 4" "$err"
	assert_match "$(tail -n 1 "$err")" '^chat-send: 3 messages that the server had acknowledged were lost; 2 messages delivered$'
	assert_equal "$(messages "$ROOM")" $'jhon: 5\njhon: 6'
}

@test "the server goes back to what it had saved: the lines that it lost are named" {
	first_line
	printf '2\n3\n' >&7
	wait_until 5 has_lines "$out" 3
	cli save >/dev/null
	printf '4\n\n' >&7
	wait_until 5 has_lines "$out" 5
	printf '6\n' >&7
	wait_until 5 has_lines "$out" 6
	kill_server
	echo 7 >&7
	wait_until 5 said 'trying again'
	restart_server
	wait_until 10 said 'resumed'
	wait_until 5 has_lines "$out" 7
	finish 1
	grep -qx "chat-send: $ROOM: the server lost 2 messages that it had acknowledged, lines 4 to 6" "$err"
	assert_equal "$(messages "$ROOM" | tr '\n' ' ')" 'jhon: 1 jhon: 2 jhon: 3 jhon: 7 '
}

# --- signals ---------------------------------------------------------------------------------------------------------

@test "TERM and INT while the server is away: what was read is delivered when it is back, then the signal; a second kills" {
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

# has_read PID: it has emptied the pipe of hold_input and sleeps. no_signal_pending PID: what was sent to it was taken.
has_read() { ! read -r -t 0 -u 7 && [[ $(cut -d ' ' -f 3 "/proc/$1/stat") == S ]]; }
no_signal_pending() {
	grep -q '^ShdPnd:[[:space:]]*0*$' "/proc/$1/status" && [[ $(cut -d ' ' -f 3 "/proc/$1/stat") == S ]]
}

@test "TERM and INT in the middle of a flood and of a trickle: each whole line that was read is in, in order" {
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

@test "-t -k through OOM that comes and goes, and connections that die: the same room, IDs and all" {
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

# --- chat-tail -------------------------------------------------------------------------------------------------------

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

@test "a trickle reader that is killed and started again with -S of the last ID it printed loses and doubles nothing" {
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

@test "a room that is deleted and made anew is read from its beginning, small IDs and all; one notice" {
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

@test "a room that did not exist, and one that is seen to be gone, are read from their first entry" {
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

@test "a server that goes back to what it had saved: reading goes on behind it; one notice" {
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
	# What was read before it was trimmed is none of them.
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

# pretender NAME: a server on the unix socket $pretender that answers as a script of Python has it: for each connection, a
# list of (word, answer): the answer goes out when the word has come; None closes the connection, and before the word GO
# comes a file named $pretender.go.
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

@test "an entry that was cut in the middle is counted once: by -c, by -n +N, and in the sum of -v" {
	for case in '-c 3:a1 a2 b1 ' '-n +2:a2 b1 c1 ' '-v:a1 a2 b1 c1 '; do
		pretender partial
		read -ra options <<<"${case%%:*}"
		assert_equal "$(show -F '%t ' -s "$pretender" -e "${options[@]}" room 2>"$err")" "${case#*:}"
		rm "$pretender"
	done
	assert_match "$(tail -n 1 "$err")" '4 messages, 8 bytes'
}

@test "-t: an entry that was cut in the middle is printed once, and whole; so is one that comes in two pieces" {
	local whole=$'1-0+ a1\n1-0 a2\n2-0 b1\n3-0 c1'
	for case in "-n +1:$whole" "-n +2:$whole" $'-n +3:2-0 b1\n3-0 c1'; do
		pretender partial
		read -ra options <<<"${case%%:*}"
		assert_equal "$(show -t -s "$pretender" -e "${options[@]}" room 2>"$err" | cut -f 2,4 | tr '\t' ' ')" "${case#*:}"
		rm "$pretender"
	done
	# What is whole is written before the second piece comes, and the rest moves to the head of the buffer.
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

@test "an outage that was overcome leaves no trace in what is said of a later failure" {
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

@test "a line whose answer was lost, when it gives up, is not said to be missing for certain" {
	first_line --retry 1
	kill -STOP "$SERVER_PID"
	echo 2 >&7
	wait_end 20 "$sender"
	assert_status 3
	assert_match "$(tail -n 1 "$err")" '; 1 message delivered, line 2 was not, or only its reply was lost$'
	kill -CONT "$SERVER_PID"
}

@test "a server that evicts receipts because it is full: 1 after --retry, and what was delivered is in" {
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

# restarted_behind [argument ...]: the server is killed and started again while chat-tail's own reader stands still; then
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

@test "a room that goes back while the reader is behind: what it had is read" {
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

@test "a server that lost the last entries while the reader looked for its last two messages: the others are not read" {
	local server=$BATS_TEST_TMPDIR/server relay=$BATS_TEST_TMPDIR/relay first=$SERVER_PID
	numbered 1 110
	ln -s "$SOCK" "$server"
	start_server
	numbered 1 100
	spawn "$PYTHON" "$REPO/tests/faults" relay "$relay" "$server" XREVRANGE
	wait_until 5 test -S "$relay"
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
# is_waited_for SOCKET: somebody connected, and was not taken yet.
is_waited_for() { grep -q " 0001 02 .* $(readlink "$1")\$" /proc/net/unix; }

@test "a server that lost the last entries soon after the reader began: the old ones are not read again" {
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
