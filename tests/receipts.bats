#!/usr/bin/env bats
# The transactions and receipts by which chat-send loses and doubles nothing, and what it says where it may not use them.
# shellcheck disable=SC2154 # status, output, stderr are bats's
# shellcheck disable=SC2030,SC2031,SC2153 # each test is a subshell, and sets what it reads; ROOM is the helper's

load helper

setup() { begin_outages; }
teardown() { stop_all; }

# --- what it may do, and what it promises then -----------------------------------------------------------------------

# the_writer RULE ...: a user with just these permissions, with the password of $REDISCLI_AUTH.
the_writer() {
	export REDISCLI_AUTH=pw
	cli --no-auth-warning acl setuser writer reset on '>pw' -@all "$@" >/dev/null 2>&1
	assert_match "$(cli acl list 2>/dev/null)" 'user writer '
}

# sends_without_the_promise: the writer sends, and chat-send says once what is no longer promised.
sends_without_the_promise() {
	cli del "$ROOM" >/dev/null 2>&1
	seq 5000 | send -T --user writer -n jhon "$ROOM" 2>"$err" >"$out"
	assert_match "$(<"$err")" '^chat-send: .*NOPERM.*; sending without receipts, so a lost connection may double messages$'
	assert_equal "$(wc -l <"$err")" 1
	cmp "$out" <(seq 5000)
	cmp <(messages "$ROOM" 2>/dev/null) <(seq -f 'jhon: %.0f' 5000)
	assert_equal "$(receipts 2>/dev/null)" ''
}

@test "no permission for transactions or receipts: it sends, and says once what is no longer promised" {
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

@test "permissions for a transaction and the user's own receipts: no notice" {
	the_writer +multi +exec +discard "(+xadd ~$ROOM)" "(+watch +get +set +del +pexpire ~{$ROOM}:chat-send:writer:*)"
	cli acl log reset >/dev/null 2>&1
	prints chat-send --user writer -n jhon "$ROOM" all is well </dev/null
	run --separate-stderr send --user writer -n jhon "$ROOM" < <(seq 5000)
	assert_status 0
	assert_equal "$output$stderr" ''
	assert_equal "$(cli acl log 2>/dev/null | grep -c client-info)" 0
	assert_equal "$(receipts 2>/dev/null)" ''
}

@test "no permission for XADD, with or without transactions: exit status 4, and nothing is sent" {
	for rules in '+multi +exec +discard +watch +get +set +del +pexpire' '+get' '+multi +exec'; do
		read -ra may <<<"$rules"
		the_writer '~*' "${may[@]}"
		fails 4 'NOPERM.*xadd' chat-send --user writer -n jhon "$ROOM" word
		fails 4 "NOPERM.*xadd.*; 0 messages delivered, line 1 was not\$" chat-send --user writer -n jhon "$ROOM" <<<word
	done
	assert_equal "$(cli keys '*' 2>/dev/null)" ''
}

@test "-k needs MULTI and EXEC, and no receipt; without them: exit status 4, and nothing is sent" {
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

@test "without transactions no message is lost in a temporary refusal, nor when a connection dies" {
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

# --- transactions ----------------------------------------------------------------------------------------------------

@test "a flood is sent in transactions of many lines, without scripts, also when the server stood still at first" {
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
connecting() { has_socket "$1" && sleeps "$1"; }

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

@test "a server that closes connections because they send too much gets less at a time" {
	cli config set maxmemory-clients 1mb >/dev/null || skip 'no maxmemory-clients here'
	seq -f '%01000.0f' 5000 | send -n jhon "$ROOM" 2>"$err"
	cli config set maxmemory-clients 0 >/dev/null
	cmp <(messages "$ROOM") <(seq -f 'jhon: %01000.0f' 5000)
	assert_equal "$(receipts)" ''
}

# --- receipts --------------------------------------------------------------------------------------------------------

# open_receipt PATTERN [argument ...]: while chat-send sends with these arguments, its one receipt matches; after its exit
# there is none.
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

@test "a receipt is kept beside the room, in its hash slot, under the user's name" {
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

@test "no key but the room is left behind when no connection was cut" {
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

@test "an evicted receipt doubles nothing: between lines, a new one is begun" {
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

@test "the server forgets everything: what it had acknowledged is counted as lost, exit status 1" {
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
