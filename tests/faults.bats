#!/usr/bin/env bats
# Connections that are cut, at any byte and at any time, fall silent, or deliver what they held too late.
# shellcheck disable=SC2154 # status, output, stderr are bats's
# shellcheck disable=SC2030,SC2031,SC2153 # each test is a subshell, and sets what it reads; ROOM is the helper's

load helper

setup() { start_server; }
teardown() {
	stop_jobs
	stop_servers
}

@test "cut at every byte of a short exchange, up and down: nothing lost, nothing twice, what receipts are left expire" {
	run faults each-byte "$SOCK"
	counted
	assert_status 0
	assert_match "$output" '^[0-9]+ cuts, of [0-9]+ bytes up and [0-9]+ down: 0 lost, doubled or out of order'
}

@test "the same with --maxage, for which a script is needed" {
	run faults each-byte "$SOCK" 2 5 cut --maxage 1d
	counted
	assert_status 0
	assert_match "$output" '^[0-9]+ cuts, of [0-9]+ bytes up and [0-9]+ down: 0 lost, doubled or out of order'
}

@test "four senders of one name, cut at random, late bytes and silence: nothing lost, nothing twice, each ID printed once" {
	run faults random "$SOCK" 1 300 2
	counted
	assert_status 0
	assert_match "$output" '300 cuts, .* 0 lost, 0 doubled, 0 out of order, 0 IDs printed twice'
}

# cut_before_the_answer: sets $relay, a socket whose first connection is cut when the server has done what is sent with
# `jhon` in it, and none of its answer has come back.
cut_before_the_answer() {
	relay=$BATS_TEST_TMPDIR/relay
	spawn "$PYTHON" "$REPO/tests/faults" relay "$relay" "$SOCK" jhon
	wait_until 5 test -S "$relay"
}

@test "echo hi | chat-send, cut between the sending and the answer: once in the room, and the receipt stays and expires" {
	cut_before_the_answer
	spawn "$CLI" -s "$SOCK" monitor >"$BATS_TEST_TMPDIR/monitor"
	wait_until 5 test -s "$BATS_TEST_TMPDIR/monitor"
	echo hi | send -i -n jhon -s "$relay" "$ROOM" >"$BATS_TEST_TMPDIR/ids" 2>"$BATS_TEST_TMPDIR/err"
	assert_match "$(<"$BATS_TEST_TMPDIR/err")" 'trying again for 60 s.*going on'
	assert_equal "$(messages "$ROOM")" 'jhon: hi'
	assert_equal "$(<"$BATS_TEST_TMPDIR/ids")" "$(show -F '%i' -e "$ROOM")"
	assert_equal "$(grep -c '"XADD"' "$BATS_TEST_TMPDIR/monitor")" 1
	assert_equal "$(grep -c "EVAL.*\"$ROOM\" .* \"jhon\" \"hi\"" "$BATS_TEST_TMPDIR/monitor")" 2
	local receipt
	receipt=$(cli keys '*:chat-send:*')
	assert_match "$receipt" "^\{$ROOM\}:chat-send:[0-9a-f]{32}$"
	(($(cli pttl "$receipt") > 3500000 && $(cli pttl "$receipt") <= 3600000))
	# A copy of the first batch that comes late does nothing.
	"$PYTHON" - "$SOCK" "$BATS_TEST_TMPDIR/monitor" <<-'END'
		import ast, re, socket, sys
		line = [l for l in open(sys.argv[2]) if '"EVAL"' in l and '"hi"' in l][0]
		words = [ast.literal_eval('b' + w) for w in re.findall(r'"(?:[^"\\]|\\.)*"', line)]
		s = socket.socket(socket.AF_UNIX)
		s.connect(sys.argv[1])
		s.sendall(b'*%d\r\n' % len(words) + b''.join(b'$%d\r\n%s\r\n' % (len(w), w) for w in words))
		assert s.recv(1000).startswith(b'*2'), 'not acknowledged'
	END
	assert_equal "$(messages "$ROOM")" 'jhon: hi'
}


@test "a receipt that is evicted between the cut and the next attempt doubles nothing: 1, and it says what is not known" {
	# Take it away as soon as it is there with the message: between the cut and the reconnect are 50 ms at least.
	spawn bash -c 'until [[ $("$0" -s "$1" xlen "$2") == 1 ]]; do :; done; "$0" -s "$1" --raw keys "*:chat-send:*" |
		xargs "$0" -s "$1" del' "$CLI" "$SOCK" "$ROOM" >"$BATS_TEST_TMPDIR/deleted"
	local evictor=$PID
	cut_before_the_answer
	echo hi | {
		status=0
		send -n jhon -s "$relay" "$ROOM" 2>"$BATS_TEST_TMPDIR/err" || status=$?
		assert_status 1
	}
	wait_end 5 "$evictor"
	assert_equal "$(<"$BATS_TEST_TMPDIR/deleted")" 1
	assert_match "$(tail -n 1 "$BATS_TEST_TMPDIR/err")" \
		"^chat-send: $ROOM: lines 1 and after may be in or not: .*receipt.* was evicted or has expired; 0 messages delivered$"
	assert_equal "$(messages "$ROOM")" 'jhon: hi'
}
