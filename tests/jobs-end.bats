#!/usr/bin/env bats
# -g --ack: how a reader of jobs exits, and what becomes of the jobs that its worker has not answered, and of its consumer.
# shellcheck disable=SC2154 # status, output, stderr are bats's
# shellcheck disable=SC2030,SC2031,SC2153 # each test is a subshell, and sets what it reads; ROOM is the helper's

load helper
load jobs

setup_file() { start_server; }
teardown_file() { stop_servers; }
setup() { begin_jobs; }
teardown() { stop_jobs; }

# --- the end ---------------------------------------------------------------------------------------------------------

# soon_again TEXT ...: another reader is given what was handed back, long before --claim.
soon_again() {
	reader heir --prefetch 10 "${room-$ROOM}"
	given heir "$@"
}

@test "the worker dies, and standard input ends: the rest is handed back, and each counts as a try" {
	add 1 2 3
	reader a --prefetch 3 "$ROOM"
	given a 'job '{1..3}
	answer a 2-1
	wait_until 5 pending_is 2
	no_more_answers a
	wait_until 10 ended "${pids[a]}"
	assert_equal "$(<"$err.a")" 'chat-tail: standard input ended; handing back 2 unanswered entries'
	assert_equal "$(pending)" $'1-1 1 back\n3-1 1 back'
	soon_again 'job 1' 'job 3'
}

@test "the worker closes standard output: the rest is handed back, and each counts as a try" {
	add 1 2
	mkfifo "$out.answers"
	exec 7<>"$out.answers"
	pipeline 'chat-tail -t -g w --ack --claim 1h --prefetch 2 "$1" <"$2" 2>"$3" | { read -r && read -r; }' \
		"$ROOM" "$out.answers" "$err"
	wait_end 10 "$PID"
	assert_equal "$(pending)" $'1-1 1 back\n2-1 1 back'
	soon_again 'job 1' 'job 2'
}

@test "-c, and the server is away when the last answers come: they are sent once it is back" {
	start_server --appendonly yes --appendfsync always
	add 1
	reader a -c 1 --retry 1h "$ROOM"
	given a 'job 1'
	closed a
	kill_server
	answer a 1-1
	no_more_answers a
	wait_until 20 grep -q 'trying again' "$err.a"
	restart_server --appendonly yes
	ends a 0
	pending_is 0
	stop_server
}

@test "TERM: no more jobs are given, answers are read to the end, and the rest is handed back without counting as a try" {
	add 1 2
	reader a --prefetch 2 "$ROOM"
	given a 'job 1' 'job 2'
	kill -TERM "${pids[a]}"
	closed a
	add 3
	answer a 1-1
	wait_until 5 eval '[[ $(pending) != *1-1* ]]'
	runs a
	no_more_answers a
	ends a 143
	given a 'job 1' 'job 2'
	assert_equal "$(pending)" '2-1 0 back'
	silent a
	soon_again 'job 3' 'job 2'
}

@test "a second signal ends it at once" {
	add 1
	reader a "$ROOM"
	given a 'job 1'
	kill -TERM "${pids[a]}"
	closed a
	runs a
	kill -TERM "${pids[a]}"
	ends a 143
}

@test "-c: that many jobs are given, answers are read to the end, and the rest is handed back without counting as a try" {
	add {1..5}
	reader a -c 2 --prefetch 4 "$ROOM"
	given a 'job 1' 'job 2'
	answer a 1-1
	wait_until 5 eval '[[ $(pending) != "1-1 "* ]]'
	runs a
	leaves a 0
	given a 'job 1' 'job 2'
	assert_equal "$(pending | grep -v ' 0 back$')" ''
	assert_equal "$(pending | head -n 1)" '2-1 0 back'
	silent a
}

@test "-U: what comes after it is handed back, and so is what was not answered, without counting as a try" {
	add 1 2 9
	reader a -U 5-5 --prefetch 4 "$ROOM"
	given a 'job 1' 'job 2'
	answer a 2-1
	wait_until 5 eval '[[ $(pending) != *2-1* ]]'
	leaves a 0
	given a 'job 1' 'job 2'
	assert_equal "$(pending | grep -v '^[19]-1 0 back$')" ''
	silent a
	soon_again 'job 1' 'job 9' || given heir 'job 9' 'job 1'
}

@test "-W does not run while a job is unanswered" {
	add
	reader a -W 4 "$ROOM"
	wait_readers 1
	add 1
	given a 'job 1'
	sleep 6
	[[ ! -e $out.a.end ]]
	answer a 1-1
	leaves a 5
	pending_is 0
}

@test "-e waits until nothing is pending, for other readers too" {
	add 1 2
	reader a "$ROOM"
	given a 'job 1'
	reader b -e "$ROOM"
	given b 'job 2'
	answer b 2-1
	wait_until 5 pending_is 1
	sleep 3
	runs b
	(($(cut -d ' ' -f 14,15 "/proc/${pids[b]}/stat" | tr ' ' +) < 100)) # hundredths of a second: it waits and does not spin
	answer a -1-1
	wait_until 20 eval '(($(cat "$out".[ab] | wc -l) == 3))'
	runs b
	answer a 1-1
	answer b 1-1 # one of the two has it
	leaves b 0
	pending_is 0
}

@test "standard input that ends at once: one line, exit status 1, and nothing is lost" {
	cli xgroup create "$ROOM" w 0 mkstream >/dev/null
	fails 1 'standard input' chat-tail -t -g w --ack "$ROOM" </dev/null
	fails 1 'ended before anything was given out; --ack reads the answers there$' chat-tail -t -e -g w --ack "$ROOM" </dev/null
	add 1
	fails 1 'standard input' chat-tail -t -g w --ack "$ROOM" </dev/null
	soon_again 'job 1'
}

# --- consumers -------------------------------------------------------------------------------------------------------

# consumers ROOM: the names of those in the group, one a line.
consumers() { cli xinfo consumers "$1" w | awk 'last == "name" { print } { last = $0 }'; }

@test "each reader has a name of its own: host, process ID and random digits" {
	add 1 2
	reader a "$ROOM"
	reader b "$ROOM"
	wait_until 10 eval '(($(consumers "$ROOM" | wc -l) == 2))'
	local name host rest=()
	host=$(uname -n)
	for name in $(consumers "$ROOM"); do
		assert_match "$name" "^$host:(${pids[a]}|${pids[b]})[:-]([0-9a-f]{4,})$"
		rest+=("${BASH_REMATCH[2]}")
	done
	[[ ${rest[0]} != "${rest[1]}" ]]
}

@test "consumers leave each room, however the reader ends, unless they were given a name" {
	local room=$ROOM
	for how in 1 2 3; do
		jobs_in "$ROOM-a" "$how"
		jobs_in "$ROOM-b"
		case $how in
		1) reader 1 -c 1 "$ROOM-a" "$ROOM-b" ;;
		2) reader 2 -e "$ROOM-a" "$ROOM-b" ;;
		*) reader 3 "$ROOM-a" "$ROOM-b" ;;
		esac
		given "$how" "job $how"
		answer "$how" "$(<"$out.$how")"
		wait_until 5 pending_is 0 "$ROOM-a"
		((how < 3)) || kill -TERM "${pids[3]}"
		leaves "$how" $((how < 3 ? 0 : 143))
		assert_equal "$(consumers "$ROOM-a")$(consumers "$ROOM-b")" ''
		silent "$how"
	done
	jobs_in "$ROOM-a" 4
	reader named -e --consumer me "$ROOM-a"
	given named 'job 4'
	answer named 4-1
	leaves named 0
	assert_equal "$(consumers "$ROOM-a")" me
	prints chat-tail -r -e -g w "$ROOM-a" "$ROOM-b" </dev/null
	assert_equal "$(consumers "$ROOM-b")" ''
}

@test "a reader that hands jobs back deletes its consumer, and the jobs are not lost with it" {
	add 1 2
	reader a -c 1 --prefetch 2 "$ROOM"
	given a 'job 1'
	leaves a 0
	soon_again 'job 1' 'job 2' || given heir 'job 2' 'job 1'
}

@test "a reader whose connection died leaves its consumer, for a late command may still give it a job" {
	add 1
	reader a --prefetch 2 "$ROOM"
	given a 'job 1'
	cli client kill type normal skipme yes >/dev/null
	wait_until 10 resumed a
	answer a 1-1
	wait_until 10 pending_is 0
	kill -TERM "${pids[a]}"
	leaves a 143
	assert_equal "$(consumers "$ROOM" | wc -l)" 1
}
