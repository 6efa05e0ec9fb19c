#!/usr/bin/env bats
# Which rooms are read: -l, -m; and from where: -C.
# shellcheck disable=SC2154 # status, output, stderr are bats's
# shellcheck disable=SC2030,SC2031,SC2153 # each test is a subshell, and sets what it reads; ROOM is the helper's

load helper

setup() {
	trace_less
	start_server
	cursor=$BATS_TEST_TMPDIR/cursor
}
teardown() { stop_all; }

@test "-l lists the rooms that match, sorted, with their size and last time; other keys are not listed" {
	cli xadd ops 1751392920000-0 db1 one >/dev/null
	cli xadd ops 1751393100000-5 db1 two >/dev/null
	cli xadd $'a\tb' 1751392920000-0 x y >/dev/null
	cli xgroup create empty g 0 mkstream >/dev/null
	cli set key value >/dev/null
	prints chat-tail -l <<<$'a\\tb\t1\t2025-07-01T18:02:00+00:00\nempty\t0\t\nops\t2\t2025-07-01T18:05:00+00:00'
	prints chat-tail -l 'o*' 'x*' 'o[p]s' <<<$'ops\t2\t2025-07-01T18:05:00+00:00'
	prints chat-tail -l nothing </dev/null
	for n in {1..3000}; do echo "many-$n	-	jhon	hi"; done | send -t
	assert_equal "$(show -l 'many-*' | wc -l)" 3000
}

@test "-m reads each room that matches, sorted, after those named, and can be repeated" {
	for room in b a c x-2 x-1; do send -n jhon "$room" "in $room"; done
	prints chat-tail -r -e -m 'x-*' -m 'a*' c <<<$'c [jhon]: in c\na [jhon]: in a\nx-1 [jhon]: in x-1\nx-2 [jhon]: in x-2'
	prints chat-tail -r -e -m 'none*' </dev/null
	prints chat-tail -r -m 'a*' -U 0s <<<'a [jhon]: in a'
}

@test "-m adds rooms created later at the next scan, from their first message; the others are read on" {
	send -n jhon old before
	spawn chat-tail -r -m '*' >"$BATS_TEST_TMPDIR/live" 2>"$BATS_TEST_TMPDIR/live.err" </dev/null
	wait_readers 1
	send -n jhon old after
	seq 3 | send -n jhon new
	wait_until 8 has_lines "$BATS_TEST_TMPDIR/live" 4
	seq 4 5 | send -n jhon new
	wait_until 8 has_lines "$BATS_TEST_TMPDIR/live" 6
	assert_equal "$(<"$BATS_TEST_TMPDIR/live")" "old [jhon]: after
$(seq -f 'new [jhon]: %.0f' 5)"
	assert_equal "$(<"$BATS_TEST_TMPDIR/live.err")" ''
}

@test "-m waits without spinning while the server is away, and resumes; a room without a name is skipped, with one notice" {
	send -n jhon one hi
	follow -r -m '*'
	local reader=$PID before
	kill -KILL "$SERVER_PID"
	wait_until 5 grep -q 'trying again' "$live.err"
	before=$(ticks "$reader")
	sleep 6 # over the time when it would look for rooms again
	(($(ticks "$reader") - before < 30))
	start_server
	kill "$reader"
	wait_end 5 "$reader"
	cli xadd '' '*' jhon nameless >/dev/null
	send -n jhon two hi
	run --separate-stderr show -r -e -n +1 -m '*' -m 't*' -m '*'
	assert_status 0
	assert_output 'two [jhon]: hi'
	assert_equal "$stderr" 'chat-tail: skipping a room whose name is empty: no option can name it'
	prints chat-tail -q -r -e -n +1 -m '*' <<<'two [jhon]: hi'
	prints chat-tail -r -e -n +1 -m 't*' <<<'two [jhon]: hi'
	assert_equal "$(show -l | cut -f 1,2)" $'\t1\ntwo\t1'
}
ticks() { awk '{ print $14 + $15 }' "/proc/$1/stat"; }

@test "-m and -U: it exits when nothing matches, or when all that matches is past" {
	cli xadd r1 5-1 jhon in >/dev/null
	cli xadd r1 6-1 jhon out >/dev/null
	prints chat-tail -r -m 'r*' -U 5-5 <<<'r1 [jhon]: in'
	prints chat-tail -m 'none*' -U 5-5 </dev/null
	timeout 120 chat-tail -m 'none*' -U "@$(($(date +%s) + 2))"
}

@test "rooms that may not be read are skipped by -l, reported by -m, and an error when named" {
	send -n jhon mine hi
	send -n jhon other hi
	cli acl setuser me on '>pw' '~mine' -@all +xread '+xinfo|stream' +scan >/dev/null
	run --separate-stderr show --user me --pass-file <(echo pw) -e -n +1 -m '*'
	assert_equal "$output" 'mine [jhon]: hi'
	assert_match "$stderr" '^chat-tail: other: NOPERM .*; it is left out$'
	run --separate-stderr show --user me --pass-file <(echo pw) -l
	assert_match "$output" '^mine	1	[^ ]*$'
	REDISCLI_AUTH=pw fails 4 'other: NOPERM' chat-tail --user me -e other
}

@test "-C resumes each room where it was; the lines of other rooms stay; -n applies to new ones" {
	seq 3 | send -n jhon one
	seq 2 | send -n jhon two
	prints chat-tail -r -e -n +1 -C "$cursor" one <<<$'[jhon]: 1\n[jhon]: 2\n[jhon]: 3'
	assert_match "$(<"$cursor")" '^one	[0-9]+-[0-9]+	3$'
	prints chat-tail -r -e -n 1 -C "$cursor" one two <<<'two [jhon]: 2'
	seq 4 5 | send -n jhon one
	prints chat-tail -r -e -C "$cursor" two </dev/null
	prints chat-tail -r -e -C "$cursor" one <<<$'[jhon]: 4\n[jhon]: 5'
	assert_equal "$(cut -f 1 "$cursor")" $'one\ntwo'
	send -n jhon $'a\tb\\' x
	prints chat-tail -r -e -C "$cursor" $'a\tb\\' <<<'[jhon]: x'
	assert_equal "$(tail -n 1 "$cursor" | cut -f 1)" "a\\tb\\\\"
	prints chat-tail -r -e -C "$cursor" $'a\tb\\' </dev/null
}

@test "-C: the file is written at the start and after each output; a reader that is killed resumes from there" {
	send -n jhon "$ROOM" old
	follow -r -C "$cursor" "$ROOM"
	local reader=$PID
	wait_until 5 test -s "$cursor"
	send -n jhon "$ROOM" one
	wait_until 5 has_lines "$live" 1
	wait_until 5 eval '[[ $(cut -f 2 "$cursor") == $(cli --raw xrevrange "$ROOM" + - count 1 | head -n 1) ]]'
	kill -KILL "$reader"
	wait_until 5 ended "$reader"
	send -n jhon "$ROOM" two
	prints chat-tail -r -e -C "$cursor" "$ROOM" <<<'[jhon]: two'
}

@test "-C: killed at random while it reads: nothing is missing, and each start resumes right after what the file says" {
	local n noted run=$BATS_TEST_TMPDIR/run
	seq 200000 | send -n jhon "$ROOM"
	for n in 1 2 3 4 5 6 7 8; do
		noted=$(last_noted)
		timeout -s KILL "0.0$((n * 7 % 10 + 2))" chat-tail -F '%t\n' -e -n +1 -C "$cursor" "$ROOM" >"$run" || true
		# Killed while it writes, it may leave half a line, which is not in the cursor file.
		[[ -z $(tail -c 1 "$run") ]] || sed -i '$d' "$run"
		[[ ! -s $run ]] || assert_equal "$(head -n 1 "$run")" $((noted + 1))
		cat "$run" >>"$run.all"
	done
	show -F '%t\n' -e -n +1 -C "$cursor" "$ROOM" >>"$run.all"
	sort -nu "$run.all" | cmp - <(seq 200000)
	assert_equal "$(last_noted)" 200000
}
# last_noted: the text of the last entry printed, according to the cursor file; 0 if there is none.
last_noted() {
	local id
	id=$(cut -f 2 "$cursor" 2>/dev/null) && [[ $id ]] || id=0-0
	cli --raw xrange "$ROOM" "$id" "$id" | tail -n 1 | grep . || echo 0
}

@test "-C: a damaged file, one in use, one that cannot be written: an error that names it, and nothing is read" {
	seq 3 | send -n jhon "$ROOM"
	for text in 'no tab' $'room\tx' $'room\t1-1\nroom\t2-1' $'room\t1-1\nhalf' $'ro\\qom\t1-1'; do
		printf '%s' "$text" >"$cursor"
		[[ $text == *half ]] || echo >>"$cursor"
		fails 1 "$cursor is damaged: line" chat-tail -e -n +1 -C "$cursor" "$ROOM"
		assert_equal "$output" ''
	done
	: >"$cursor"
	fails 1 "$cursor is damaged: it is empty" chat-tail -e -n +1 -C "$cursor" "$ROOM"
	rm "$cursor"
	fails 1 'cannot write .*/none/file: No such file' chat-tail -e -C "$BATS_TEST_TMPDIR/none/file" "$ROOM"
	fails 1 'not a regular file' chat-tail -e -C /dev/null "$ROOM"
	fails 3 'cannot connect' chat-tail -s /nonexistent -C "$cursor" "$ROOM"
	[[ ! -e $cursor ]]
	follow -C "$cursor" "$ROOM"
	fails 1 "$cursor is in use by another reader" chat-tail -e -C "$cursor" "$ROOM"
	send -n jhon "$ROOM" more
	wait_until 5 has_lines "$live" 1
	fails 1 "$cursor is in use by another reader" chat-tail -e -C "$cursor" "$ROOM"
}

@test "-C: a start that is interrupted leaves no file; a symbolic link stays one" {
	run timeout 1 chat-tail -C "$cursor" --retry 10 -s /nonexistent "$ROOM"
	[[ ! -e $cursor ]]
	send -n jhon "$ROOM" hi
	prints chat-tail -r -e -n +1 -C "$BATS_TEST_TMPDIR/real" "$ROOM" <<<'[jhon]: hi'
	ln -s "$BATS_TEST_TMPDIR/real" "$cursor"
	prints chat-tail -r -e -n +1 -C "$cursor" "$ROOM" </dev/null
	send -n jhon "$ROOM" there
	prints chat-tail -r -e -C "$cursor" "$ROOM" <<<'[jhon]: there'
	prints chat-tail -r -e -C "$BATS_TEST_TMPDIR/real" "$ROOM" </dev/null
	[[ -L $cursor ]]
	assert_match "$(<"$BATS_TEST_TMPDIR/real")" "^$ROOM	"
}

@test "-C: a room that was created again, or lost its last entries, in the meantime" {
	cli xadd "$ROOM" 5-0 jhon five >/dev/null
	cli xadd "$ROOM" 9-0 jhon nine >/dev/null
	show -e -n +1 -C "$cursor" "$ROOM"
	cli del "$ROOM" >/dev/null
	cli xadd "$ROOM" 5-0 jhon five >/dev/null
	run --separate-stderr show -e -C "$cursor" "$ROOM"
	assert_match "$stderr" "$ROOM: ends at 5-0, before the ID in the file of -C; printing only what comes after that ID"
	cli xadd "$ROOM" 6-0 jhon six >/dev/null
	cli xadd "$ROOM" 9-1 jhon ten >/dev/null
	prints chat-tail -r -e -C "$cursor" "$ROOM" <<<'[jhon]: ten'
}

@test "-C and -m: a room that is deleted and created again, with smaller IDs, is read from its first message" {
	cli xadd one 5-1 jhon old >/dev/null
	follow -r -n +1 -m '*' -C "$cursor"
	cli del one >/dev/null
	wait_until 20 grep -q 'one: deleted; no longer reading it$' "$live.err"
	cli xadd one 1-1 jhon new >/dev/null
	wait_until 20 has_lines "$live" 2
	assert_equal "$(<"$live")" $'one [jhon]: old\none [jhon]: new'
	wait_until 10 grep -qx $'one\t1-1\t1' "$cursor"
}
