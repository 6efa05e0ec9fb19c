#!/usr/bin/env bats
# chat-tail: which messages come out, and when. redis-cli makes the rooms.
# shellcheck disable=SC2154 # status, output, stderr are bats's
# shellcheck disable=SC2030,SC2031,SC2153 # each test is a subshell, and sets what it reads; ROOM is the helper's
# shellcheck disable=SC2016 # what is in single quotes is for another shell

load helper

setup_file() {
	start_server
	export FILE_SOCK=$SOCK
}
teardown_file() { stop_servers; }
setup() { trace_less; }
teardown() {
	stop_jobs
	SOCK=$FILE_SOCK wait_readers 0
}

# --- new messages ----------------------------------------------------------------------------------------------------

@test "by default only new messages are shown, as they come" {
	talk
	follow "$ROOM"
	send -n jhon "$ROOM" new
	wait_until 5 has_lines "$live" 1
	send -n marry "$ROOM" newer
	followed 2
	assert_equal "$(<"$live")" $'[jhon]: new\n[marry]: newer'
	kill -0 "$PID"
}

@test "-f and --follow change nothing" {
	talk
	follow -f --follow "$ROOM"
	send -n jhon "$ROOM" new
	followed 1
}

@test "a room that does not exist yet is waited for" {
	follow "$ROOM"
	send -n jhon "$ROOM" first
	followed 1
	assert_equal "$(<"$live")" '[jhon]: first'
}

@test "a room that does not exist yet, and one that does, with -n" {
	talk
	follow -n 1 "$ROOM" "$ROOM-later"
	send -n jhon "$ROOM-later" first
	send -n jhon "$ROOM" next
	followed 3
	assert_equal "$(<"$live")" "$ROOM [marry]: later
$ROOM-later [jhon]: first
$ROOM [jhon]: next"
}

@test "several rooms: each message once, with its room, and in each room's order" {
	follow "$ROOM-a" "$ROOM-b" "$ROOM-c"
	for i in {1..5}; do
		for room in a b c; do
			printf '%s\n' "$i" "$i+" | send -n jhon "$ROOM-$room"
		done
	done
	followed 30
	for room in a b c; do
		assert_equal "$(sed -n "s/^$ROOM-$room .jhon.: //p" "$live" | tr '\n' ' ')" '1 1+ 2 2+ 3 3+ 4 4+ 5 5+ '
	done
}

@test "nothing is lost between two reads while writers never pause" {
	follow "$ROOM"
	for writer in a b; do
		spawn chat-send -n "$writer" "$ROOM" < <(for i in {1..3000}; do echo "$i"; done)
	done
	for i in {1..100}; do echo "xadd $ROOM * cli $i"; done | seed
	followed 6100
	for writer in a b; do
		cmp <(grep "^.$writer" "$live") <(seq -f "[$writer]: %.0f" 3000)
	done
	cmp <(grep '^.cli' "$live") <(seq -f '[cli]: %.0f' 100)
}

@test "nothing is lost or doubled where the past meets the present" {
	for room in a b; do
		seq 3000 | send -n jhon "$ROOM-$room"
		spawn chat-send -n jhon "$ROOM-$room" < <(for i in {3001..6000}; do echo "$i"; done)
	done
	live=$BATS_TEST_TMPDIR/live
	spawn chat-tail -n +1 "$ROOM-a" "$ROOM-b" >"$live"
	wait_until 10 has_lines "$live" 12000
	for room in a b; do
		cmp <(grep "^$ROOM-$room " "$live") <(seq -f "$ROOM-$room [jhon]: %.0f" 6000)
	done
}

@test "a message that is written while another is being read is not lost" {
	follow -n +1 "$ROOM"
	for i in {1..100}; do
		echo "xadd $ROOM * jhon $i"
		nap 0.02
	done | seed
	followed 100
	cmp "$live" <(seq -f '[jhon]: %.0f' 100)
}

# --- the past --------------------------------------------------------------------------------------------------------

@test "-e alone prints all there is, and exits" {
	talk
	prints chat-tail -e "$ROOM" <<-'END'
		[jhon]: hello marry
		[marry]: hello jhon
		[jhon]: lunch?
		[marry]: later
	END
}

@test "-n N: the last N, none, or as many as there are" {
	talk
	assert_equal "$(texts -e -n 2 "$ROOM")" 'lunch? later '
	assert_equal "$(texts --exit --lines=1 "$ROOM")" 'later '
	assert_equal "$(texts -e -n 0 "$ROOM")" ''
	assert_equal "$(texts -e -n 4 "$ROOM" | wc -w)" 6
	assert_equal "$(texts -e -n 9999999 "$ROOM" | wc -w)" 6
}

@test "-n +N: from the Nth on" {
	talk
	assert_equal "$(texts -e -n +1 "$ROOM" | wc -w)" 6
	assert_equal "$(texts -e -n +3 "$ROOM")" 'lunch? later '
	assert_equal "$(texts -e -n +4 "$ROOM")" 'later '
	assert_equal "$(texts -e -n +5 "$ROOM")" ''
	assert_equal "$(texts -e -n +99 "$ROOM")" ''
}

@test "-n N continues with what is new" {
	talk
	follow -n 2 "$ROOM"
	followed 2
	send -n jhon "$ROOM" new
	followed 3
	assert_equal "$(<"$live")" $'[jhon]: lunch?\n[marry]: later\n[jhon]: new'
}

@test "-n +N of a room with fewer messages counts on with the new ones" {
	talk
	follow -n +6 "$ROOM"
	printf '5\n6\n7\n' | send -n jhon "$ROOM"
	followed 2
	assert_equal "$(<"$live")" $'[jhon]: 6\n[jhon]: 7'
}

@test "-n applies to each room, and the past is printed room by room in the order given" {
	seed <<-END
		xadd $ROOM-b 1-1 jhon b1
		xadd $ROOM-a 2-1 jhon a2
		xadd $ROOM-b 3-1 jhon b3
		xadd $ROOM-a 4-1 jhon a4
		xadd $ROOM-b 5-1 jhon b5
	END
	assert_equal "$(texts -e "$ROOM-b" "$ROOM-a")" 'b1 b3 b5 a2 a4 '
	assert_equal "$(texts -e -n 2 "$ROOM-a" "$ROOM-b")" 'a2 a4 b3 b5 '
	assert_equal "$(texts -e -n +2 "$ROOM-b" "$ROOM-a")" 'b3 b5 a4 '
}

@test "-n counts messages, not entries, and cuts the first entry" {
	seed <<-END
		xadd $ROOM 1-1 a 1 b 2 c 3
		xadd $ROOM 2-1 a 4
		xadd $ROOM 3-1 a 5 b 6
	END
	assert_equal "$(texts -e -n 1 "$ROOM")" '6 '
	assert_equal "$(texts -e -n 4 "$ROOM")" '3 4 5 6 '
	assert_equal "$(texts -e -n 5 "$ROOM")" '2 3 4 5 6 '
	assert_equal "$(texts -e -n +3 "$ROOM")" '3 4 5 6 '
	assert_equal "$(texts -e -n +6 "$ROOM")" '6 '
}

@test "-n counts only what is shown" {
	seed <<-END
		xadd $ROOM 1-1 jhon 1 marry 2
		xadd $ROOM 2-1 jhon 3 marry 4 jhon 5
		xadd $ROOM 3-1 marry 6
		xadd $ROOM 4-1 marry 7
	END
	assert_equal "$(texts -e -x marry -n 2 "$ROOM")" '3 5 '
	assert_equal "$(texts -e -x jhon -n 3 "$ROOM")" '4 6 7 '
	assert_equal "$(texts -e -x marry -n +2 "$ROOM")" '3 5 '
	assert_equal "$(texts -e -x jhon -x marry -n 2 "$ROOM")" ''
}

@test "-n of many messages, some of them hidden" {
	seq 5000 | awk -v room="$ROOM" '{ print "xadd", room, $1 "-0", ($1 % 5 ? "bot" : "jhon"), $1 }' | seed
	assert_equal "$(texts -e -x bot -n 600 "$ROOM")" "$(seq 2005 5 5000 | tr '\n' ' ')"
	assert_equal "$(texts -e -n 3000 "$ROOM")" "$(seq 2001 5000 | tr '\n' ' ')"
}

@test "a room named twice is read once, and plain lines show its name" {
	talk
	prints chat-tail -e -n 1 "$ROOM" "$ROOM" <<<"$ROOM [marry]: later"
}

@test "twenty thousand messages are replayed whole, and in large writes" {
	seq 20000 | send -n jhon "$ROOM"
	follow -n +1 "$ROOM"
	followed 20000
	cmp "$live" <(seq -f '[jhon]: %.0f' 20000)
	(($(awk '/^syscw/ { print $2 }' "/proc/$PID/io") < 500))
	assert_equal "$(texts -e -n 12345 "$ROOM")" "$(seq 7656 20000 | tr '\n' ' ')"
}

@test "--exit stops at what was there when it began, although writers never pause" {
	talk
	spawn chat-send -n jhon "$ROOM" < <(while echo more; do :; done)
	wait_until 5 grown 1000
	show -e "$ROOM" >"$BATS_TEST_TMPDIR/out"
	kill -0 "$PID"
	assert_equal "$(head -n 1 "$BATS_TEST_TMPDIR/out")" '[jhon]: hello marry'
}

grown() { (($(length "$ROOM") > $1)); }

@test "-e of several rooms, some of which do not exist: a line for each of those, the others, and exit status 1" {
	talk
	run --separate-stderr show -e "$ROOM-x" "$ROOM" "$ROOM-y"
	assert_status 1
	assert_equal "${#lines[@]}" 4
	assert_equal "$stderr" "chat-tail: $ROOM-x: no such room
chat-tail: $ROOM-y: no such room"
}

@test "-e of a room that is empty, or was emptied: no output, exit status 0" {
	talk
	seed <<-END
		xtrim $ROOM maxlen 0
		xgroup create $ROOM-new g $ mkstream
	END
	prints chat-tail -e "$ROOM" "$ROOM-new" </dev/null
	prints chat-tail -e -n 5 "$ROOM" "$ROOM-new" </dev/null
}

@test "-e of a room whose last messages were deleted prints the others" {
	talk
	seed <<-END
		xdel $ROOM 3-1 4-1
	END
	assert_equal "$(texts -e "$ROOM")" 'hello marry hello jhon '
	assert_equal "$(texts -e -n 1 "$ROOM")" 'hello jhon '
	follow -n 1 "$ROOM"
	seed <<<"xadd $ROOM 5-1 jhon new"
	followed 2
	assert_equal "$(<"$live")" $'[marry]: hello jhon\n[jhon]: new'
}

@test "the largest and the smallest ID" {
	seed <<-END
		xadd $ROOM 0-1 jhon first
		xadd $ROOM 18446744073709551615-18446744073709551615 jhon last
	END
	assert_equal "$(texts -e "$ROOM")" 'first last '
	assert_equal "$(texts -e -n 1 "$ROOM")" 'last '
	assert_equal "$(texts -e -S 0-1 "$ROOM")" 'last '
	assert_equal "$(texts -e -S 18446744073709551615-18446744073709551615 "$ROOM")" ''
	assert_equal "$(texts -U 0-1 "$ROOM")" 'first '
	assert_equal "$(show -j -e "$ROOM" | jq -r .id)" $'0-1\n18446744073709551615-18446744073709551615'
	assert_equal "$(show --time -e "$ROOM" | grep -c 'jhon')" 2
	follow "$ROOM"
	kill -0 "$PID"
}

# --- -x --------------------------------------------------------------------------------------------------------------

@test "-x of an empty name hides messages without a name" {
	cli xadd "$ROOM" 1-1 '' nobody jhon somebody >/dev/null
	assert_equal "$(texts -e -x '' "$ROOM")" 'somebody '
}

@test "-x hides names field by field, and can be repeated" {
	seed <<-END
		xadd $ROOM 1-1 jhon 1 marry 2 jhon 3
		xadd $ROOM 2-1 jhon 4
		xadd $ROOM 3-1 jho 5 jhonny 6 Jhon 7 "" 8
	END
	assert_equal "$(texts -e -x jhon "$ROOM")" '2 5 6 7 8 '
	assert_equal "$(texts -e -x jhon --exclude=marry -x jho "$ROOM")" '6 7 8 '
	assert_equal "$(texts -e -x nobody "$ROOM")" '1 2 3 4 5 6 7 8 '
}

@test "-x of a name that is not UTF-8" {
	seed <<<"xadd $ROOM 1-1 \"\\xff\\xfe\" 1 \"\\xff\" 2 \"\\xff\\x00\" 3"
	assert_equal "$(texts -e -x $'\xff' "$ROOM")" '1 3 '
}

# --- pipes -----------------------------------------------------------------------------------------------------------

@test "a line goes through a pipe at once" {
	follow "$ROOM"
	local out=$BATS_TEST_TMPDIR/grepped
	pipeline 'chat-tail "$1" | grep --line-buffered hi >"$2"' "$ROOM" "$out"
	wait_readers 2
	printf 'no\nhi one\n' | send -n jhon "$ROOM"
	wait_until 5 has_lines "$out" 1
	send -n jhon "$ROOM" hi two
	wait_until 5 has_lines "$out" 2
	assert_equal "$(<"$out")" $'[jhon]: hi one\n[jhon]: hi two'
	kill -0 "$PID"
}

@test "| head -1 exits quietly, although the room is idle" {
	local out=$BATS_TEST_TMPDIR/headed
	pipeline 'chat-tail "$1" 2>"$2.err" | head -n 1 >"$2"; echo "${PIPESTATUS[0]}" >>"$2"' "$ROOM" "$out"
	wait_readers 1
	send -n jhon "$ROOM" hi
	wait_end 3 "$PID"
	assert_equal "$(<"$out")" $'[jhon]: hi\n141'
	assert_equal "$(<"$out.err")" ''
}

@test "a reader that never reads ends chat-tail too" {
	local out=$BATS_TEST_TMPDIR/status
	pipeline 'chat-tail "$1" 2>"$2.err" | exec true; echo "${PIPESTATUS[0]}" >"$2"' "$ROOM" "$out"
	wait_end 3 "$PID"
	assert_equal "$(<"$out")" 141
	assert_equal "$(<"$out.err")" ''
}

@test "a replay into head dies of SIGPIPE, quietly" {
	seq 20000 | send -n jhon "$ROOM"
	{
		show -n +1 "$ROOM" 2>"$BATS_TEST_TMPDIR/err" || echo $? >"$BATS_TEST_TMPDIR/status"
	} | head -n 2 >"$BATS_TEST_TMPDIR/out"
	assert_equal "$(<"$BATS_TEST_TMPDIR/status")" 141
	assert_equal "$(<"$BATS_TEST_TMPDIR/out")" $'[jhon]: 1\n[jhon]: 2'
	assert_equal "$(<"$BATS_TEST_TMPDIR/err")" ''
}

# --- size ------------------------------------------------------------------------------------------------------------

@test "huge entries: whole, in order, and never many of them at a time" {
	start_server
	yes 0123456789abcde | tr -d '\n' | head -c 4000000 >"$BATS_TEST_TMPDIR/huge"
	for i in {1..20}; do
		echo "$i"
		cat "$BATS_TEST_TMPDIR/huge"
		echo
	done | send -n jhon "$ROOM"
	local before peak
	before=$(cli info memory | awk -F : '/^used_memory:/ { print int($2) }')
	follow -n +1 "$ROOM"
	followed 40
	assert_equal "$(awk '{ print length($0) }' "$live" | uniq | sort -un | tr '\n' ' ')" '9 10 4000008 '
	assert_equal "$(grep -c abcde "$live")" 20
	# Neither the server nor chat-tail had to hold many of them at once.
	peak=$(cli info memory | awk -F : '/^used_memory_peak:/ { print int($2) }')
	echo "server: $before, then $peak; ours: $(grep VmHWM "/proc/$PID/status")"
	((peak - before < 30000000))
	(($(awk '/^VmHWM/ { print $2 }' "/proc/$PID/status") < 32000))
}

@test "small entries among huge ones" {
	{
		seq 3000
		head -c 5000000 /dev/zero | tr '\0' y
		echo
		seq 3001 6000
	} >"$BATS_TEST_TMPDIR/lines"
	send -n jhon "$ROOM" <"$BATS_TEST_TMPDIR/lines"
	show -e -F '%t\n' "$ROOM" | cmp - "$BATS_TEST_TMPDIR/lines"
	show -e -n 3001 -F '%t\n' "$ROOM" | cmp - <(tail -n 3001 "$BATS_TEST_TMPDIR/lines")
}

@test "fifty rooms" {
	local -a rooms=("$ROOM"-{1..50})
	for i in {1..50}; do echo "xadd $ROOM-$i 1-1 jhon $i"; done | seed
	assert_equal "$(texts -e "${rooms[@]}")" "$(seq 50 | tr '\n' ' ')"
	follow "${rooms[@]}"
	for i in {50..1}; do echo "xadd $ROOM-$i * jhon new-$i"; done | seed
	followed 50
	assert_equal "$(sort "$live" | uniq | wc -l)" 50
}

# --- what it tells ---------------------------------------------------------------------------------------------------

@test "-v reports the connection and a summary, on standard error; -q does not silence errors" {
	talk
	run --separate-stderr show -v -e "$ROOM"
	assert_status 0
	assert_equal "${#lines[@]}" 4
	assert_match "${stderr_lines[0]}" "^chat-tail: .*$SOCK"
	assert_match "${stderr_lines[-1]}" '^chat-tail: 4 messages, [0-9]+ bytes, [0-9.]+ s'
	run --separate-stderr show -q -e "$ROOM" "$ROOM-none"
	assert_status 1
	assert_equal "$stderr" "chat-tail: $ROOM-none: no such room"
}

@test "--progress: one line on standard error, rewritten, ended by a newline" {
	talk
	show --progress -e "$ROOM" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err"
	assert_equal "$(wc -l <"$BATS_TEST_TMPDIR/out") $(wc -l <"$BATS_TEST_TMPDIR/err")" '4 1'
	assert_match "$(<"$BATS_TEST_TMPDIR/err")" $'^\rchat-tail: 4 messages'
	spawn chat-tail --progress "$ROOM" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err"
	wait_readers 1
	send -n jhon "$ROOM" hi
	wait_until 5 grep -aq $'\rchat-tail: 1 message' "$BATS_TEST_TMPDIR/err"
	assert_equal "$(wc -l <"$BATS_TEST_TMPDIR/err")" 0
}

# --- contradictions and numbers --------------------------------------------------------------------------------------

@test "options that cannot be used together: exit status 2, before any connection" {
	export REDIS_URL=unix:///nowhere/at/all
	for given in '-t -j' '-t -F%t' '-t -r' '-t -0' '-j -F%t' '-j -r' '-j -0' '-F%t -r' '-F%t -0' '-r -0' \
		'-J -t' '-J -j' '-J -F%t' '-J -r' '-J -0' '-J -l' '--time -t' '--time -j' '--time -J' '--time -0' '--time=%s -t' '-e -f' '-e -W 1'; do
		read -ra arguments <<<"$given"
		fails 2 '' chat-tail "${arguments[@]}" room
		assert_output ''
	done
	fails 2 room chat-tail
	fails 2 room chat-tail -e
	fails 2 room chat-tail -e room ''
}

@test "numbers out of range: exit status 2" {
	export REDIS_URL=unix:///nowhere/at/all
	for given in '-n x' '-n -1' '-n +' '-n 1x' '-n 99999999999999999999' '-n ++1' '-c x' '-c -1' '-c 1.5' '-c 99999999999999999999' \
		'-W x' '-W -1' '-W 1x' '-W 1.5m' '-W 1m1h' '-W 99999999999999999999' '-W nan'; do
		read -ra arguments <<<"$given"
		fails 2 "${arguments[0]}: " chat-tail "${arguments[@]}" room
	done
}

# far_server MILLISECONDS: $REDIS_URL leads to the server through a relay that delays each direction by that much.
far_server() {
	local port=$BATS_TEST_TMPDIR/port
	mkfifo "$BATS_TEST_TMPDIR/relay"
	exec 8<>"$BATS_TEST_TMPDIR/relay" # it exits when its standard input ends
	spawn "$CHAT_BUILD/tests/bench/relay" "$PORT" "$1" <&8 >"$port"
	wait_until 10 test -s "$port"
	REDIS_URL=redis://127.0.0.1:$(<"$port")
	export REDIS_URL
}

@test "far away, where it reads ahead: each message once, in order, however unevenly they came" {
	local near=$BATS_TEST_TMPDIR/near
	start_server_tcp
	# Sparse, dense, sparse, in bursts within a millisecond, a gap of days, and of very different sizes.
	awk 'function add(ms, seq, text) { print "XADD", "room", ms "-" seq, "jhon", text }
		BEGIN {
			srand(7); ms = 1000; big = sprintf("%2000s", ""); gsub(" ", "x", big)
			for (i = 0; i < 120000; i++) {
				part = int(i / 20000)
				if (part == 0) ms += 50
				else if (part == 1 || i % 500 == 0) ms++
				else if (part == 3) ms += rand() < 0.01 ? 3000 : 0
				else if (part == 4) ms += int(rand() * 20)
				if (i == 90000) ms += 1500000000
				add(ms, i, part == 5 && i % 10 == 0 ? big : i)
			}
		}' | cli >/dev/null
	chat-tail -t -e -n +1 room >"$near"
	assert_equal "$(wc -l <"$near")" 120000
	far_server 15
	chat-tail -t -e -n +1 room | cmp - "$near"
	chat-tail -t -e -S 5000-0 -c 70000 room | cmp - <(awk -F '\t' '{ split($2, id, "-") } id[1] > 5000 || (id[1] == 5000 && id[2] > 0)' "$near" | head -n 70000)
}
