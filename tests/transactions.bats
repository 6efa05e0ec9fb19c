#!/usr/bin/env bats
# Batches that are sent as transactions: cut, late, refused in the middle, not allowed.
# shellcheck disable=SC2154 # status, output are bats's
# shellcheck disable=SC2030,SC2031,SC2153 # each test is a subshell, and sets what it reads; ROOM is the helper's

load helper

setup() { start_server; }
teardown() {
	stop_jobs
	stop_servers
}

# calls COMMAND: how often it was called.
calls() { cli info commandstats | sed -n "s/^cmdstat_$1:calls=\([0-9]*\),.*/\1/p" | grep . || echo 0; }

@test "cut in the middle of a transaction, and what it held comes late: nothing lost, nothing twice" {
	run faults each-byte "$SOCK" 100 11 late
	counted
	assert_status 0
	assert_match "$output" '^[0-9]+ cuts, of [0-9]+ bytes up and [0-9]+ down: 0 lost, doubled or out of order'
	# They did go as transactions: each connection asks with one EXEC and one DISCARD whether it may.
	(($(calls exec) > $(calls discard) + 300))
}

@test "writes are refused for just a few commands: nothing lost, nothing twice" {
	run faults refusals "$SOCK" 2 150
	counted
	assert_status 0
	assert_match "$output" '^150 times writes were refused .*: 0 lost, doubled or out of order'
}

@test "where transactions are not allowed, scripts do it, without a word: by permission, or renamed away" {
	export REDISCLI_AUTH=pw
	for command in watch multi exec discard; do
		cli acl setuser writer reset on '>pw' '~*' +@all "-$command" >/dev/null
		seq 3000 | send --user writer -n jhon "$ROOM-$command" 2>"$BATS_TEST_TMPDIR/err"
		assert_equal "$(<"$BATS_TEST_TMPDIR/err")" ''
		cmp <(messages "$ROOM-$command") <(seq -f 'jhon: %.0f' 3000)
	done
	unset REDISCLI_AUTH
	for command in watch multi exec discard; do
		start_server --rename-command "$command" ''
		seq 3000 | send -n jhon "$ROOM" 2>"$BATS_TEST_TMPDIR/err"
		assert_equal "$(<"$BATS_TEST_TMPDIR/err")" ''
		cmp <(messages "$ROOM") <(seq -f 'jhon: %.0f' 3000)
	done
}

@test "permission for transactions is taken away: it goes on with scripts, and asks no more" {
	export REDISCLI_AUTH=pw
	mkfifo "$BATS_TEST_TMPDIR/pipe"
	exec 7<>"$BATS_TEST_TMPDIR/pipe"
	for command in watch multi exec discard; do
		cli acl setuser writer reset on '>pw' '~*' +@all >/dev/null
		cli config resetstat >/dev/null
		spawn chat-send --user writer -n jhon "$ROOM-$command" <"$BATS_TEST_TMPDIR/pipe"
		seq 1000 >&7
		wait_until 10 room_has "$ROOM-$command" 1000
		(($(calls exec) > 1))
		cli acl setuser writer "-$command" >/dev/null
		seq 1001 9000 >&7
		wait_until 10 room_has "$ROOM-$command" 9000
		kill "$PID"
		wait_end 5 "$PID"
		cmp <(messages "$ROOM-$command") <(seq -f 'jhon: %.0f' 9000)
		(($(cli info commandstats | sed -n "s/^cmdstat_$command:.*rejected_calls=\([0-9]*\).*/\1/p") <= 4))
	done
}

@test "a flood goes in full batches, though it is read in other portions" {
	seq -f '%062.0f' 20480 >"$BATS_TEST_TMPDIR/lines" # 64 KiB hold 1,040 of them, a batch 1,024
	cli config resetstat >/dev/null
	send -n jhon "$ROOM" <"$BATS_TEST_TMPDIR/lines"
	assert_equal "$(length "$ROOM")" 20480
	(($(calls exec) - $(calls discard) <= 21 && $(calls eval) <= 2)) # the receipt is opened by a script
}
