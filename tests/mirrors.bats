#!/usr/bin/env bats
# A tree of mirrors: a pipeline from server to server keeps the IDs, so that a reader with -C moves from one server of the
# tree to another, or back to the source, without losing a message or printing one twice.

load helper

setup() {
	trace_less
	dir=$BATS_TEST_TMPDIR
	start_server && source=$SOCK
	start_server && first=$SOCK first_pid=$SERVER_PID
	start_server && second=$SOCK
	SOCK=$source
}
teardown() { stop_all; }

# mirror FROM TO: two rooms, until stop_mirror; sets MIRROR.
mirror() {
	pipeline 'chat-tail -q -t -n +1 -s "$1" hall lobby | chat-send -q -t -k -s "$2"' "$1" "$2"
	MIRROR=$PID
}
# What rides out the end of its server is not waited for.
stop_mirror() {
	kill -TERM -- "-$1" && wait_until 10 ended "$1"
	kill -KILL -- "-$1" 2>/dev/null || :
}

# reader NAME SERVER: prints both rooms to the file NAME, and resumes where its cursor file says. Sets PID.
reader() {
	spawn chat-tail -s "$2" -C "$dir/$1.cursor" -n +1 -F '%r %t\n' hall lobby >>"$dir/$1" 2>>"$dir/$1.err" </dev/null
}

# say_numbers FROM TO: sends those numbers to both rooms of the source.
say_numbers() {
	local room
	for room in hall lobby; do seq "$1" "$2" | send -s "$source" -n jhon "$room"; done
}

# heard NAME N: a condition for wait_until. Once it holds, exactly_once NAME N: each number up to N once, in order.
heard() { has_lines "$dir/$1" $((2 * $2)); }
exactly_once() {
	local room
	wait_until 20 heard "$@"
	for room in hall lobby; do
		assert_equal "$(sed -n "s/^$room //p" "$dir/$1")" "$(seq "$2")"
	done
}

same() { [[ $(cli -s "$1" xrange "$3" - +) == "$(cli -s "$2" xrange "$3" - +)" ]]; }

@test "three servers in two levels, and the one between is killed: its reader moves to another, the one below continues" {
	local above below mover stayer
	mirror "$source" "$first" && above=$MIRROR
	mirror "$first" "$second" && below=$MIRROR
	reader mover "$first" && mover=$PID
	reader stayer "$second" && stayer=$PID
	say_numbers 1 500
	wait_until 20 heard mover 500
	say_numbers 501 1000 & # the server dies at any moment of it
	wait_until 20 heard mover 510
	kill -KILL "$first_pid"
	wait_until 10 ended "$first_pid"
	kill -TERM "$mover"
	wait_end 10 "$mover"
	stop_mirror "$above"
	stop_mirror "$below"

	mirror "$source" "$second" # from its first message on: what is there is skipped
	reader mover "$second" && mover=$PID
	say_numbers 1001 1500 &
	exactly_once stayer 1500 && wait_until 10 ended "$!"
	exactly_once mover 1500

	kill -TERM "$mover" && wait_end 10 "$mover"
	stop_mirror "$MIRROR"
	say_numbers 1501 1600
	reader mover "$source" # ahead of the mirror
	exactly_once mover 1600
	kill -0 "$stayer"
	mirror "$source" "$second"
	exactly_once stayer 1600
	for room in hall lobby; do same "$source" "$second" "$room"; done
}

@test "a reader that moves to a mirror that is behind says so, and prints nothing twice" {
	mirror "$source" "$first"
	say_numbers 1 100
	reader mover "$first"
	exactly_once mover 100
	kill -TERM "$PID" && wait_end 10 "$PID"
	show -s "$source" -t -n +1 -e hall lobby | head -n 120 | send -t -k -s "$second"
	reader mover "$second"
	wait_until 10 has_lines "$dir/mover.err" 1
	assert_match "$(<"$dir/mover.err")" 'lobby: ends at .* printing only what comes after'
	mirror "$source" "$second"
	say_numbers 101 200
	exactly_once mover 200
}

@test "a mirror that was trimmed continues from what it still holds, and not from the beginning" {
	local id
	say_numbers 1 100
	show -s "$source" -t -n +1 -e hall lobby | send -t -k -s "$first"
	for room in hall lobby; do cli -s "$first" xtrim "$room" maxlen 10; done
	say_numbers 101 110
	run -1 send -t -k -s "$first" < <(show -s "$source" -t -n +1 -e hall lobby)
	assert_match "$output" 'line 1: ID .* is below the last ID of hall, which does not hold it'
	for room in hall lobby; do
		id=$(show -s "$source" -t -n 15 -e "$room" | cut -f 2 | head -n 1)
		show -s "$source" -t -S "$id" -e "$room" | send -t -k -s "$first"
		assert_equal "$(show -s "$first" -F '%t\n' -n +1 -e "$room")" "$(seq 91 110)"
	done
}
