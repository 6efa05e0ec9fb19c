#!/usr/bin/env bats
# -g --ack: jobs that fail again and again, and groups, rooms, jobs and rights that go away while a worker has a job.
# shellcheck disable=SC2154 # status, output, stderr are bats's
# shellcheck disable=SC2030,SC2031,SC2153 # each test is a subshell, and sets what it reads; ROOM is the helper's

load helper
load jobs

setup_file() { start_server; }
teardown_file() { stop_servers; }
setup() { begin_jobs; }
teardown() { stop_jobs; }

# --- jobs that fail again and again ----------------------------------------------------------------------------------

@test "--tries and --dead: a job that failed that often is moved as it was, once, with one notice" {
	local room='a\b '$ROOM dead=$ROOM-dead
	cli xgroup create "$room" w 0 mkstream >/dev/null
	cli xadd "$room" 1-1 jhon $'bad\tjob' jhon again '' $'\xff' >/dev/null
	jobs_in "$room" 2
	reader a --prefetch 2 --tries 2 --dead "$dead" "$room"
	wait_until 10 has_lines "$out.a" 4
	answer a $'a\\\\b '"$ROOM"$'\t-1-1' $'a\\\\b '"$ROOM"$'\t2-1'
	wait_until 20 has_lines "$out.a" 7
	assert_equal "$(length "$dead")" 0
	answer a $'a\\\\b '"$ROOM"$'\t-1-1'
	wait_until 20 room_has "$dead" 1
	wait_until 5 pending_is 0 "$room"
	assert_equal "$(cli xrange "$dead" - + | tail -n +2)" "$(printf '%s\n' jhon $'bad\tjob' jhon again '' $'\xff' \
		chat-tail:dead $'a\\\\b '"$ROOM"$'\t1-1')"
	one_line "$err.a"
	assert_match "$stderr" ": 1-1 was given out 2 times but never acknowledged; moved to $dead\$"
	jobs_in "$room" 3
	wait_until 10 has_lines "$out.a" 8
	assert_equal "$(tail -n 1 "$out.a" | cut -f 4)" 'job 3'
}

@test "--dead with -m: the dead room is not read" {
	add 1
	reader a --tries 1 --dead "$ROOM-dead" -m "$ROOM*"
	given a 'job 1'
	answer a "$ROOM"$'\t-'1-1
	wait_until 20 room_has "$ROOM-dead" 1
	local before
	before=$(calls scan)
	wait_until 20 called scan $((before + 2)) # it has looked for rooms since
	jobs_in "$ROOM-more" 1
	wait_until 20 has_lines "$out.a" 2
	assert_equal "$(cut -f 1 "$out.a")" "$ROOM"$'\n'"$ROOM-more"
	assert_equal "$(cli xinfo groups "$ROOM-dead")" ''
}

@test "a job that kills its worker is dead after --tries, and its neighbours are done" {
	add 1 2 3
	mkfifo "$BATS_TEST_TMPDIR/done"
	for _ in {1..4}; do
		room_has "$ROOM-dead" 0
		pipeline 'chat-tail -t -e -g w --ack --claim 1h --tries 3 --dead "$1-dead" "$1" <"$2" 2>>"$4" |
			while IFS= read -r row; do
				echo "$row" >>"$3"
				[[ $row != *"job 2" ]] || exit
				echo "$row"
			done >"$2"; exit "${PIPESTATUS[0]}"' "$ROOM" "$BATS_TEST_TMPDIR/done" "$out" "$err"
		wait_end 20 "$PID"
	done
	assert_status 0
	room_has "$ROOM-dead" 1
	pending_is 0
	assert_equal "$(cut -f 4 "$out" | sort | uniq -c | tr -s ' ')" $' 1 job 1\n 3 job 2\n 1 job 3'
}

# --- what changes in the middle --------------------------------------------------------------------------------------

@test "the group is deleted while a job is unanswered: one line, and all jobs come again" {
	add 1 2
	reader a "$ROOM"
	given a 'job 1'
	cli xgroup destroy "$ROOM" w >/dev/null
	answer a 1-1
	wait_until 20 eval '[[ $(tail -n +2 "$out.a" | head -n 1 | cut -f 4) == "job 1" ]]'
	answer a 1-1
	given a 'job 1' 'job 1' 'job 2'
	answer a 2-1
	wait_until 5 pending_is 0
	one_line "$err.a"
	assert_match "$stderr" "$ROOM: .*group"
}

@test "the room is deleted while a job is unanswered: one line, and the new room is read" {
	add 1
	reader a "$ROOM"
	given a 'job 1'
	cli del "$ROOM" >/dev/null
	answer a 1-1
	wait_until 20 eval '[[ $(cli exists "$ROOM") == 1 ]]'
	cli xadd "$ROOM" 2-1 jhon 'job 2' >/dev/null
	given a 'job 1' 'job 2'
	answer a 2-1
	wait_until 5 pending_is 0
	one_line "$err.a"
	assert_match "$stderr" "$ROOM: .*"
}

@test "jobs trimmed while pending are acknowledged and counted in one notice; one that a worker has is done as usual" {
	add 1 2 3 4
	reader a --prefetch 3 "$ROOM"
	given a 'job '{1..3}
	kill -KILL "${pids[a]}"
	reader b "$ROOM"
	given b 'job 4'
	cli xtrim "$ROOM" maxlen 0 >/dev/null
	answer b 4-1
	wait_until 5 pending_is 3
	kill -TERM "${pids[b]}"
	leaves b 143
	silent b
	reader c --claim 1s "$ROOM"
	wait_until 20 pending_is 0
	wait_until 5 has_lines "$err.c" 1
	one_line "$err.c"
	assert_match "$stderr" "$ROOM: .*3 "
	add 5
	given c 'job 5'
}

@test "a job that was listed as pending and then done by its reader is not reported as deleted" {
	add 1
	cli xreadgroup group w somebody streams "$ROOM" '>' >/dev/null
	hold_at XCLAIM
	reader b --claim 1s -s "$relay" "$ROOM"
	wait_until 20 test -e "$relay.held"
	cli xack "$ROOM" w 1-1 >/dev/null
	: >"$relay.go"
	add 2
	given b 'job 2'
	answer b 2-1
	wait_until 5 pending_is 0
	wait_until 20 called xpending $(($(calls xpending) + 3))
	silent b
}

@test "TERM while dead jobs are moved: those not yet moved are handed back, and the next reader moves them" {
	add 1 2 3
	hold_at MULTI
	reader a --prefetch 3 --tries 1 --dead "$ROOM-dead" -s "$relay" "$ROOM"
	given a 'job '{1..3}
	answer a -1-1 -2-1 -3-1
	wait_until 20 test -e "$relay.held"
	kill -TERM "${pids[a]}"
	closed a
	no_more_answers a
	: >"$relay.go"
	wait_end 15 "${pids[a]}"
	assert_equal "$(pending)" $'2-1 1 back\n3-1 1 back'
	assert_equal "$(length "$ROOM-dead")" 1
	reader b --tries 1 --dead "$ROOM-dead" "$ROOM"
	wait_until 20 room_has "$ROOM-dead" 3
	wait_until 5 pending_is 0
}

# hold_at WORD: sets $relay, a socket in front of the server. What has that word is held back, with the file $relay.held
# made, until there is a file $relay.go.
hold_at() {
	relay=$BATS_TEST_TMPDIR/relay
	spawn "$PYTHON" -c '
import os, socket, sys, threading, time
at, to, word = sys.argv[1:]

def way(source, sink, up):
    while data := source.recv(65536):
        if up and word.encode() in data:
            open(at + ".held", "w").close()
            while not os.path.exists(at + ".go"):
                time.sleep(0.01)
        sink.sendall(data)
    sink.shutdown(socket.SHUT_WR)

listener = socket.socket(socket.AF_UNIX)
listener.bind(at)
listener.listen()
while True:
    client, server = listener.accept()[0], socket.socket(socket.AF_UNIX)
    server.connect(to)
    for ends in (client, server, True), (server, client, False):
        threading.Thread(target=way, args=ends, daemon=True).start()
' "$relay" "$SOCK" "$1"
	wait_until 5 test -S "$relay"
}

@test "the same without --ack: entries trimmed while pending are acknowledged and counted" {
	add 1 2 3 4
	cli xreadgroup group w dead count 3 streams "$ROOM" '>' >/dev/null
	cli xdel "$ROOM" 1-1 2-1 3-1 >/dev/null
	spawn chat-tail -r -g w --claim 1s "$ROOM" >"$out" 2>"$err" </dev/null
	wait_until 20 pending_is 0
	wait_until 10 has_lines "$err" 1
	one_line "$err"
	assert_match "$stderr" "$ROOM: .*3 "
	assert_equal "$(<"$out")" '[jhon]: job 4'
}

@test "a permission withdrawn in the middle: one line with the server's words, and exit status 4" {
	add 1 2
	cli acl setuser some reset on '>pw' "~$ROOM" '+@all' >/dev/null
	REDISCLI_AUTH=pw reader a --user some "$ROOM"
	given a 'job 1'
	cli acl setuser some -xack -xreadgroup >/dev/null
	answer a 1-1
	ends a 4
	one_line "$err.a"
	assert_match "$stderr" NOPERM
	cli acl setuser some '+@all' >/dev/null
	REDISCLI_AUTH=pw reader b --prefetch 2 --user some "$ROOM"
	wait_until 5 has_lines "$out.b" 1
	cli acl setuser some -@all >/dev/null
	ends b 4
	one_line "$err.b"
	assert_match "$stderr" NOPERM
}

@test "-g with -m: a room that was deleted is dropped and not created again; the others are read on, and new ones too" {
	jobs_in "$ROOM-a"
	jobs_in "$ROOM-b"
	reader a -m "$ROOM-*"
	wait_readers 1
	cli del "$ROOM-a" >/dev/null
	wait_until 20 has_lines "$err.a" 1
	local before
	before=$(calls xreadgroup)
	wait_until 30 called xreadgroup $((before + 2))
	assert_equal "$(cli exists "$ROOM-a")" 0
	jobs_in "$ROOM-b" 1
	given a 'job 1'
	answer a "$ROOM-b"$'\t'1-1
	wait_until 5 pending_is 0 "$ROOM-b"
	cli xadd "$ROOM-c" 2-1 jhon 'job 2' >/dev/null
	given a 'job 1' 'job 2'
	answer a "$ROOM-c"$'\t'2-1
	cli xadd "$ROOM-a" 3-1 jhon 'job 3' >/dev/null # it is back, made by somebody else
	given a 'job 1' 'job 2' 'job 3'
	one_line "$err.a"
	assert_match "$stderr" "$ROOM-a"
}
