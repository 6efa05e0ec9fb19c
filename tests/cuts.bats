#!/usr/bin/env bats
# The exchange of each kind of sending, cut at each byte from the first entry on, up and down. What comes before is the same
# for all, and is cut in faults.bats. With -t it is cut at each fifth byte: only the last reply is shorter than that.
# shellcheck disable=SC2154 # status, output are bats's
# shellcheck disable=SC2030,SC2031,SC2153 # each test is a subshell, and sets what it reads; ROOM is the helper's

load helper

setup_file() { start_server; }
teardown_file() { stop_servers; }
setup() { trace_less; }
teardown() { stop_jobs; }

@test "-i: each ID is printed once, and belongs to its line" { cuts ids; }

@test "-t: rows of six rooms, interleaved" { cuts rows 7 5; }

@test "-t: the next connection is cut as well" { cuts rows 7 11 again; }

@test "-t -i: rows of six rooms, interleaved, and their IDs" { cuts row-ids 7 7; }

@test "-t -i: the next connection is cut as well" { cuts row-ids 7 19 again; }

@test "-t -k: entries of one to three fields: the rooms become identical to the rows" { cuts entries 6 5; }

@test "-t -k: the next connection is cut as well" { cuts entries 6 11 again; }

@test "the room is a string: exit 4, and the line" { cuts string; }

@test "the room's IDs are exhausted: exit 4, and the line" { cuts exhausted; }

@test "one of six rooms is a string: exit 4, the line, and of the other rooms once what is said to be delivered" {
	cuts string-rows 7 5
}

@test "the IDs of one of six rooms are exhausted: exit 4, the line, and of the other rooms once what is said to be delivered" {
	cuts exhausted-rows 7 5
}

@test "one of six rooms is a string, and the next connection is cut as well" { cuts string-rows 7 11 again; }

@test "-t -i: the ID in one room is found although another room's IDs are higher" {
	cli xadd "$ROOM-a" 99999999999999-0 some body >/dev/null
	cut_at jhon EXEC jhon EXEC
	printf '%s\t-\tjhon\thi\n' "$ROOM-a" "$ROOM-b" | send -q -t -i -s "$relay" >"$BATS_TEST_TMPDIR/ids" 2>"$BATS_TEST_TMPDIR/err"
	assert_equal "$(<"$BATS_TEST_TMPDIR/err")" ''
	assert_equal "$(<"$BATS_TEST_TMPDIR/ids")" "99999999999999-1"$'\n'"$(show -F '%i' -e "$ROOM-b")"
}

@test "-t -k: one of six rooms is a string, or exhausted: exit 4 or 1, the line, and of the other rooms what is said to be delivered" {
	cuts string-entries 7 5
	cli flushall >/dev/null
	cuts exhausted-entries 7 5
}
