#!/usr/bin/env bats
# Connections that are cut, at any byte and at any time, fall silent, or deliver their bytes too late.
# shellcheck disable=SC2154 # status, output, stderr are bats's
# shellcheck disable=SC2030,SC2031,SC2153 # each test is a subshell, and sets what it reads; ROOM is the helper's

load helper

setup() { trace_less && start_server; }
teardown() { stop_all; }

@test "cut at every byte of a short exchange, up and down: nothing lost, nothing twice, and receipts that are left expire" {
	cuts
}

@test "the same with --maxage" {
	cuts lines 2 5 cut --maxage 1d
}

@test "four senders of one name, cut at random, late bytes and silence: nothing lost, nothing twice, each ID printed once" {
	run faults random "$SOCK" 1 300 2
	counted
	assert_status 0
	assert_match "$output" '3[0-9][0-9] cuts, .* 0 lost, 0 doubled, 0 out of order, 0 IDs printed twice'
}

@test "four senders of one name, whose rows of six rooms are interleaved: nothing lost, nothing twice, in order in each room" {
	run faults random "$SOCK" 1 300 1 six
	counted
	assert_status 0
	assert_match "$output" '3[0-9][0-9] cuts, .* 0 lost, 0 doubled, 0 out of order; a reader: 0 lost, 0 doubled'
}

@test "echo hi | chat-send, cut between the sending and the answer: once in the room, and no receipt is left" {
	cut_at jhon EXEC
	spawn "$CLI" -s "$SOCK" monitor >"$BATS_TEST_TMPDIR/monitor"
	wait_until 5 test -s "$BATS_TEST_TMPDIR/monitor"
	echo hi | send -i -n jhon -s "$relay" "$ROOM" >"$BATS_TEST_TMPDIR/ids" 2>"$BATS_TEST_TMPDIR/err"
	assert_match "$(<"$BATS_TEST_TMPDIR/err")" 'trying again for 60 s.*resumed'
	assert_equal "$(messages "$ROOM")" 'jhon: hi'
	assert_equal "$(<"$BATS_TEST_TMPDIR/ids")" "$(show -F '%i' -e "$ROOM")"
	assert_equal "$(grep -c '"XADD".*"hi"' "$BATS_TEST_TMPDIR/monitor")" 1
	assert_equal "$(cli keys '*:chat-send:*')" ''
	wait_until 5 grep -q '"DEL"' "$BATS_TEST_TMPDIR/monitor"
	assert_match "$(grep '"DEL"' "$BATS_TEST_TMPDIR/monitor")" "\"\{$ROOM\}:chat-send:default:[0-9a-f]{32}\"\$"
}

# evicted SCENARIO: all lines are in the room, and the last line of the output says what is not known.
evicted() {
	run faults "$1" "$SOCK"
	counted
	assert_status 0
	assert_match "${lines[1]}" '^chat-send: room: line 1 and later may or may not be in: .*receipt.* was evicted or has expired; 0 messages delivered$'
}

@test "a receipt evicted between the cut and the next attempt doubles nothing: exit status 1, and it says what is not known" {
	evicted evicted
}

@test "the same, and a late opening that was not waited for: it brings nothing back" { evicted opening; }
