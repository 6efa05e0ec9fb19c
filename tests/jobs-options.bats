#!/usr/bin/env bats
# -g --ack: the rights that it needs, the options that go together, and what -l -g shows of groups.
# shellcheck disable=SC2154 # status, output, stderr are bats's
# shellcheck disable=SC2030,SC2031,SC2153 # each test is a subshell, and sets what it reads; ROOM is the helper's

load helper
load jobs
load manual

setup_file() { start_server; }
teardown_file() { stop_servers; }
setup() { begin_jobs; }
teardown() { stop_jobs; }

@test "-l -g: a row for each group, with consumers, pending, lag, and the last ID given out" {
	cli flushall >/dev/null
	jobs_in "$ROOM" 1 2 3
	cli xgroup create "$ROOM" v 2-1 >/dev/null
	jobs_in 'b b'
	reader a "$ROOM"
	given a 'job 1'
	cli xadd none 1-1 jhon hi >/dev/null
	local lag
	lag=$(cli xinfo groups "$ROOM" | sed -n '/^v$/,$p' | sed -n '/^lag$/{n;p;q;}')
	prints chat-tail -l -g '*' < <(printf '%s\t%s\t%s\t%s\t%s\t%s\n' 'b b' w 0 0 0 0-0 "$ROOM" v 0 0 "$lag" 2-1 \
		"$ROOM" w 1 1 2 1-1)
	prints chat-tail -l -g 'v*' < <(printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$ROOM" v 0 0 "$lag" 2-1)
	prints chat-tail -l -g w 'b*' < <(printf '%s\t%s\t%s\t%s\t%s\t%s\n' 'b b' w 0 0 0 0-0)
	prints chat-tail -l -g nobody </dev/null
	cli xdel "$ROOM" 2-1 >/dev/null # now the server does not know
	prints chat-tail -l -g w "$ROOM" < <(printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$ROOM" w 1 1 '' 1-1)
}

# --- permissions, options --------------------------------------------------------------------------------------------

# allow N ...: the user `worker` may do what these lines of the manual's PERMISSIONS say, in $ROOM and $ROOM-dead.
allow() {
	local n rule
	for n; do
		rule=$(manual_rules chat-tail | grep 'SETUSER worker' | sed -n "${n}p")
		rule=${rule//"~jobs"/"~$ROOM"}
		give_rights "${rule//"~dead"/"~$ROOM-dead"}"
	done
}

@test "the manual's permissions suffice: jobs done, failed, claimed and dead, a lost connection, and the exit, without a notice" {
	add 1 2
	allow 1
	REDISCLI_AUTH=password reader a --user worker --prefetch 2 "$ROOM"
	given a 'job 1' 'job 2'
	answer a 1-1 -2-1
	given a 'job 1' 'job 2' 'job 2'
	kill -KILL "${pids[a]}"
	REDISCLI_AUTH=password reader b --user worker --claim 1s "$ROOM"
	given b 'job 2'
	kill -TERM "${pids[b]}"
	leaves b 143
	silent b
	REDISCLI_AUTH=password reader c --user worker "$ROOM"
	given c 'job 2'
	cli client kill user worker >/dev/null
	answer c 2-1
	wait_until 10 pending_is 0
	assert_equal "$(grep -vE 'trying again|resumed' "$err.c")" ''
	kill -TERM "${pids[c]}"
	leaves c 143
	allow 1 2
	add 3
	REDISCLI_AUTH=password reader d -e --user worker --tries 1 --dead "$ROOM-dead" "$ROOM"
	given d 'job 3'
	answer d -3-1
	leaves d 0
	room_has "$ROOM-dead" 1
	pending_is 0
	send -n jhon "$ROOM" 'job 4'
	REDISCLI_AUTH=password prints chat-tail -r -e --user worker -g w "$ROOM" <<<'[jhon]: job 4'
	allow 1 3 4
	REDISCLI_AUTH=password prints chat-tail -l --user worker -g w "$ROOM" < <(chat-tail -l -g w "$ROOM")
}

# stays_pending NAME: a reader without a permission that --dead needs says so in the server's words, and the job is not lost.
stays_pending() {
	REDISCLI_AUTH=password reader "$1" --user worker --tries 1 --dead "$ROOM-dead" "$ROOM"
	wait_until 5 has_lines "$out.$1" 1
	answer "$1" -1-1
	ends "$1" 4
	one_line "$err.$1"
	assert_match "$stderr" NOPERM
	assert_equal "$(length "$ROOM-dead")" 0
	pending_is 1
}

@test "without permission to write to the dead room: one line, exit status 4, and the job stays" {
	add 1
	allow 1
	cli acl setuser worker +multi +exec >/dev/null
	stays_pending a
}

@test "the same without permission for transactions" {
	add 1
	allow 1
	stays_pending a
}

@test "formats that show no ID, and options that cannot be used together: exit status 2, before any connection" {
	unset REDIS_URL
	local format
	for format in '' -r -0 '-F %t' '-F %%i' '-F %r%n'; do
		# shellcheck disable=SC2086 # none or several
		fails 2 '--ack' chat-tail $format -g w --ack -p 1 room
	done
	fails 2 '--ack' chat-tail -t --ack -p 1 room
	fails 2 '--prefetch' chat-tail -t --prefetch 2 -p 1 room
	fails 2 '--tries' chat-tail -t --tries 2 --dead d -p 1 room
	fails 2 '--(dead|tries)' chat-tail -t -g w --ack --dead d -p 1 room
	fails 2 '--(dead|tries)' chat-tail -t -g w --ack --tries 3 -p 1 room
	fails 2 '--(ack|tries)' chat-tail -t -g w --tries 3 --dead d -p 1 room
	fails 2 '--tries' chat-tail -t -g w --ack --tries 0 --dead d -p 1 room
	fails 2 '--tries' chat-tail -t -g w --ack --tries x --dead d -p 1 room
	fails 2 '--dead' chat-tail -t -g w --ack --tries 3 --dead '' -p 1 room
	fails 2 'room' chat-tail -t -g w --ack --tries 3 --dead room -p 1 other room
	for n in 0 10001 -1 x 1.5 ''; do
		fails 2 '--prefetch' chat-tail -t -g w --ack --prefetch "$n" -p 1 room
	done
	fails 2 '-n' chat-tail -t -g w --ack -n 5 -p 1 room
	fails 2 '-C' chat-tail -t -g w --ack -C file -p 1 room
	fails 2 '-f' chat-tail -t -g w --ack -e -f -p 1 room
	fails 2 '-W' chat-tail -t -g w --ack -e -W 5 -p 1 room
	fails 2 '--ack' chat-tail -l -g w --ack -p 1 room
	fails 2 '-l|--ack' chat-tail -l -g w --prefetch 3 -p 1 room
	fails 2 '--pass-file' chat-tail -t -g w --ack --pass-file /dev/stdin -p 1 room <<<secret
	fails 3 'refused' chat-tail -t -g w --ack --prefetch 10000 --tries 1 --dead d -p 1 room
}
