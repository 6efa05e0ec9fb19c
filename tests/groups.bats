#!/usr/bin/env bats
# -g: readers that share the messages of a room.
# shellcheck disable=SC2154 # status, output, stderr are bats's
# shellcheck disable=SC2030,SC2031,SC2153 # each test is a subshell, and sets what it reads; ROOM is the helper's

load helper

setup_file() { start_server; }
teardown_file() { stop_servers; }
setup() { trace_less && out=$BATS_TEST_TMPDIR/out err=$BATS_TEST_TMPDIR/err; }
teardown() { stop_jobs; }

# worker N [argument ...]: a reader in the background, its output in $out.N.
worker() {
	spawn chat-tail -r -g workers --consumer "w$1" "${@:2}" "$ROOM" >"$out.$1" 2>"$err.$1" </dev/null
	pids[$1]=$PID
}
group() { cli xinfo groups "$ROOM" | paste -sd' '; }
pending_is() { [[ $(cli xpending "$ROOM" workers | head -n 1) == "$1" ]]; }
has_group() { [[ $(group) == *workers* ]]; }
all_out() { sort -V "$out".*; }

@test "each message goes to one of the readers, and the work spreads" {
	local pids=()
	for n in 1 2 3; do worker "$n"; done
	wait_readers 3
	for ((sent = 0; sent < 6000; sent += 600)); do # more, while one of them was kept waiting for its turn
		seq $((sent + 1)) $((sent + 600)) | send -n jhon "$ROOM"
		wait_until 10 eval '(($(cat "$out".* | wc -l) == sent + 600))'
		! spreads || break
	done
	cmp <(all_out) <(seq -f '[jhon]: %.0f' $((sent + 600)))
	spreads
	wait_until 5 pending_is 0
}
spreads() { (($(wc -l <"$out.1") > 60 && $(wc -l <"$out.2") > 60 && $(wc -l <"$out.3") > 60)); }

@test "readers killed and replaced: nothing is lost, and what they left is claimed" {
	local pids=() n
	for n in 1 2 3; do worker "$n" --claim 1s; done
	wait_readers 3
	spawn chat-send -n jhon "$ROOM" < <(for ((i = 1; i <= 2000; i++)); do echo "$i"; ((i % 20)) || nap 0.02; done)
	local sender=$PID
	for n in 4 5 6 7 8; do
		sleep 0.3
		kill -KILL "${pids[n - 3]}"
		worker "$n" --claim 1s
	done
	wait_end 30 "$sender"
	wait_until 20 pending_is 0
	wait_until 10 eval '(($(all_out | sort -u | wc -l) == 2000))'
	cmp <(all_out | sort -Vu) <(seq -f '[jhon]: %.0f' 2000)
	echo "# 5 readers killed, 2000 messages: $(($(all_out | wc -l) - 2000)) came twice" >&3
}

@test "what is pending for a consumer is read first when it comes back, and what others left after --claim" {
	cli xgroup create "$ROOM" workers 0 mkstream
	seq 4 | send -n jhon "$ROOM"
	cli xreadgroup group workers w1 count 2 streams "$ROOM" '>' >/dev/null
	cli xreadgroup group workers dead count 1 streams "$ROOM" '>' >/dev/null
	prints chat-tail -r -e -g workers --consumer w1 "$ROOM" <<<$'[jhon]: 1\n[jhon]: 2\n[jhon]: 4'
	pending_is 1
	run timeout 120 chat-tail -r -g workers --claim 1s -W 2 "$ROOM"
	assert_status 5
	assert_output '[jhon]: 3'
	pending_is 0
}

@test "what is claimed in one of several rooms is shown and acknowledged as of that room" {
	for room in "$ROOM-a" "$ROOM-b"; do cli xgroup create "$room" workers 0 mkstream; done
	send -n jhon "$ROOM-a" left
	cli xreadgroup group workers dead count 1 streams "$ROOM-a" '>' >/dev/null
	spawn chat-tail -F '%r %t\n' -g workers --claim 2s -W 4 "$ROOM-a" "$ROOM-b" >"$out" 2>"$err" </dev/null
	wait_readers 1
	send -n jhon "$ROOM-b" new
	wait_end 15 "$PID"
	assert_status 5
	assert_equal "$(<"$out")" "$ROOM-b new
$ROOM-a left"
	assert_equal "$(cli xpending "$ROOM-a" workers | head -n 1)" 0
	assert_match "$(cli xinfo groups "$ROOM-b" | paste -sd' ')" 'consumers 0 pending 0 '
}

@test "-e and -U exit without rooms, with -m too; a room that we may not share is skipped" {
	prints chat-tail -g g -m 'none*' -e </dev/null
	send -n jhon "$ROOM" one
	prints chat-tail -r -g g -S 1h -e -U 2099-01-01 "$ROOM" <<<'[jhon]: one'
	prints chat-tail -g g -m "$ROOM" -U 5-5 </dev/null
	prints chat-tail -m 'none*' -U 5-5 </dev/null
	cli acl setuser some on '>pw' "~$ROOM" -@all +scan +xreadgroup +xack +xautoclaim +xpending '+xgroup|create' '+xgroup|delconsumer' >/dev/null
	cli xadd "$ROOM-secret" '*' jhon hush >/dev/null
	REDISCLI_AUTH=pw prints chat-tail --user some -g h -m "$ROOM*" -e </dev/null
}

@test "deleted while pending, and hidden by -x: acknowledged all the same" {
	cli xgroup create "$ROOM" workers 0 mkstream
	local id
	id=$(cli xadd "$ROOM" '*' jhon 1)
	seq 2 3 | send -n marry "$ROOM"
	cli xreadgroup group workers w1 count 1 streams "$ROOM" '>' >/dev/null
	cli xdel "$ROOM" "$id"
	run --separate-stderr show -e -x marry -g workers --consumer w1 "$ROOM"
	assert_status 0
	assert_output ''
	assert_equal "$stderr" "chat-tail: $ROOM: 1 entry was deleted before it was done; skipped"
	pending_is 0
	[[ $(group) == *' pending 0 '*' lag 0' ]]
}

@test "the group is created at the end of the room, or at -S, with a new room at its start, and again from the start if it vanishes" {
	seq 3 | send -n jhon "$ROOM"
	prints chat-tail -r -e -g workers "$ROOM" </dev/null
	prints chat-tail -r -e -g others -S 1h "$ROOM" <<<$'[jhon]: 1\n[jhon]: 2\n[jhon]: 3'
	local pids=()
	worker 1
	wait_readers 1
	cli del "$ROOM" >/dev/null
	wait_until 5 has_group
	send -n jhon "$ROOM" anew
	wait_until 5 has_lines "$out.1" 1
	assert_equal "$(<"$out.1")" '[jhon]: anew'
	assert_match "$(<"$err.1")" "^chat-tail: $ROOM: the group workers was deleted; created again from the room's beginning\$"
	cli xgroup destroy "$ROOM" workers >/dev/null
	wait_until 10 has_lines "$out.1" 2
}

@test "-c, or a signal: what was printed is acknowledged; the consumer is deleted, unless it was given a name" {
	seq 5 | send -n jhon "$ROOM"
	prints chat-tail -r -c 2 -g workers -S 1h "$ROOM" <<<$'[jhon]: 1\n[jhon]: 2'
	[[ $(group) == *' consumers 0 pending 0 '* ]] || { group >&2 && false; }
	local pids=()
	worker 1
	wait_until 5 has_lines "$out.1" 3
	wait_readers 1
	kill -TERM "${pids[1]}"
	wait_end 5 "${pids[1]}"
	assert_status 143
	[[ $(group) == *' consumers 1 pending 0 '* ]] || { group >&2 && false; }
}

@test "nothing is acknowledged that was not written: the reader of the pipe goes away" {
	seq 50 | send -n jhon "$ROOM"
	cli xgroup create "$ROOM" workers 0 >/dev/null
	run bash -c 'timeout 120 chat-tail -r -g workers --consumer w1 "$1" | head -n 1; exit "${PIPESTATUS[0]}"' bash "$ROOM"
	assert_status 141
	assert_output '[jhon]: 1'
	local given pending
	given=$(cli xinfo groups "$ROOM" | awk 'last == "entries-read" { print } { last = $0 }')
	pending=$(cli xpending "$ROOM" workers | head -n 1)
	show -r -e -g workers --consumer w1 "$ROOM" | cmp - <(seq -f '[jhon]: %.0f' $((given - pending + 1)) 50)
}

@test "several rooms, and one connection that is lost while the server lives: each message once" {
	local pids=() id
	spawn chat-tail -t -g workers "$ROOM" "$ROOM-2" >"$out" 2>"$err" </dev/null
	wait_readers 1
	for n in {1..10}; do
		send -n jhon "$ROOM" "$n"
		send -n jhon "$ROOM-2" "$n"
		cli client kill type normal skipme yes >/dev/null
	done
	wait_until 20 has_lines "$out" 20
	for room in "$ROOM" "$ROOM-2"; do
		awk -F '\t' -v room="$room" '$1 == room { print $4 }' "$out" | cmp - <(seq 10)
	done
}

@test "options that cannot be used with -g are refused" {
	fails 2 '-g and -n cannot be used together' chat-tail -g g -n 5 room
	fails 2 '-g and -C cannot be used together' chat-tail -g g -C f room
	fails 2 '--claim needs -g' chat-tail --claim 5s room
	fails 2 '--consumer needs -g' chat-tail --consumer c room
	fails 2 '--claim.* needs a duration' chat-tail -g g --claim 5 room
	cli set "$ROOM" x >/dev/null
	fails 4 WRONGTYPE chat-tail -g g "$ROOM"
}

# --- what newer servers have -----------------------------------------------------------------------------------------

knows() { [[ $(cli --raw command info "$1") ]] || skip "this server has no $1"; }

@test "a job that the worker acknowledges and deletes itself (XACKDEL, Redis 8.2) and answers too: no notice" {
	knows xackdel
	export CLI SOCK ROOM
	pipeline 'mkfifo "$1/done" && chat-tail -g workers --ack -t --since 0 "$ROOM" <"$1/done" 2>"$1/err" | while IFS="	" read -r _ id _; do
			"$CLI" -s "$SOCK" xackdel "$ROOM" workers ids 1 "$id" >>"$1/deleted"
			echo "$id"
		done >"$1/done"' "$BATS_TEST_TMPDIR"
	seq 5 | send -n jhon "$ROOM"
	wait_until 20 has_lines "$BATS_TEST_TMPDIR/deleted" 5
	wait_until 20 pending_is 0
	assert_equal "$(length "$ROOM")" 0
	assert_equal "$(<"$BATS_TEST_TMPDIR/err")" ''
}

@test "a producer that adds the same entry twice (XADD IDMP, Redis 8.6): read once, and XINFO's new fields do no harm" {
	[[ $(cli xadd probe idmp p i '*' a b 2>&1) == *-* ]] || skip 'this server has no XADD IDMP'
	for n in 1 1 2; do cli xadd "$ROOM" idmp me "$n" '*' jhon "text $n" >/dev/null; done
	prints chat-tail -e -n +1 "$ROOM" <<<$'[jhon]: text 1\n[jhon]: text 2'
	prints chat-tail -e -n 1 "$ROOM" <<<'[jhon]: text 2'
	assert_equal "$(show -l "$ROOM" | cut -f 2)" 2
}
