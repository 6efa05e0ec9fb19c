#!/usr/bin/env bats
# A connection dies, and its bytes reach the server late: before the next connection sends the same again, or after that.
# shellcheck disable=SC2154 # status, output are bats's
# shellcheck disable=SC2030,SC2031 # each test is a subshell

load helper

setup() { trace_less && start_server; }
teardown() { stop_all; }

@test "cut in the middle of a transaction, whose bytes arrive late: nothing lost, nothing twice" {
	cuts lines 100 11 late
	# They were sent as transactions, each after the one that opened its receipt.
	(($(calls exec) > 1600))
}

# late SHAPE: some transactions ran before they were sent again, and some came after that.
late() {
	run faults late "$SOCK" "$1"
	counted
	assert_status 0
	assert_match "$output" '[0-9][0-9] before its retry, and ran'
	assert_match "$output" "[0-9]+ after its retry, and $2"
	assert_match "$output" '; 0 lost, doubled or out of order'
}

@test "transactions of one room: those that come after their retry fail" { late lines failed; }

@test "transactions of six rooms: those that come after their retry fail" { late rows failed; }

@test "-k: transactions that come after their retry add nothing" { late entries ran; }
