#!/usr/bin/env bats
# A server's rooms, restored on another one, are identical, whatever their bytes and whatever is killed meanwhile.
# shellcheck disable=SC2154 # status, output, lines are bats's
# shellcheck disable=SC2030,SC2031,SC2153 # each test is a subshell, and sets what it reads; ROOM is the helper's

load helper

setup() {
	trace_less
	start_server
	from=$SOCK
	start_server
}
teardown() { stop_all; }

@test "chat-tail -t | chat-send -t -k of 100 rooms of any bytes: identical, also when either is killed 20 times" {
	run faults restore "$from" "$SOCK" 1 20
	counted
	assert_status 0
	assert_match "$output" '^100 rooms, [0-9]+ entries: identical; and killed 20 times, .*: identical$'
}

@test "rows through a slow pipe: no entry is sent before it is complete" {
	run faults drip "$from" "$SOCK" 2
	counted
	assert_status 0
}

# row ID TEXT: of $ROOM.
row() { printf '%s\t%s\tjhon\t%s\n' "$ROOM" "$1" "$2"; }

# cut_off FROM TO: the first so many bytes of $rows are refused.
cut_off() {
	local n
	for ((n = $1; n <= $2; n++)); do
		head -c "$n" "$rows" | fails 1 'line [123]' chat-send -t -k
	done
}

@test "neither a row nor an entry that is cut off is sent; started again with all rows, the room is restored" {
	local rows=$BATS_TEST_TMPDIR/rows first
	row 1-1 'Hello, world' >"$rows"
	first=$(wc -c <"$rows")
	row 1-2+ one >>"$rows"
	row 1-2 two >>"$rows"
	cut_off 1 $((first - 1))
	assert_equal "$(length "$ROOM")" 0
	cut_off $((first + 1)) $(($(wc -c <"$rows") - 1))
	assert_equal "$(length "$ROOM")" 1
	send -t -k <"$rows"
	prints chat-tail -t -e "$ROOM" <"$rows"
}

@test "an ID that the room has with another text, or with fewer or more fields, is an error that names the line" {
	row 1-1 one | send -t -k
	row 1-1 one | send -t -k
	{ row 1-1 one; row 1-1 two; } | fails 1 'line 2' chat-send -t -k
	row 1-1 two | fails 1 'line 1: ID 1-1 is already in' chat-send -t -k
	{ row 1-1+ one; row 1-1 two; } | fails 1 'line 1' chat-send -t -k
	assert_equal "$(messages "$ROOM")" 'jhon: one'
}
