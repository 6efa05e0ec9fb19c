#!/usr/bin/env bats
# chat-tail: what comes out, and when. The rooms are made by redis-cli.
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

# seed: does what standard input says in redis-cli's words; "\xHH" within double quotes are bytes.
seed() {
	local answers
	answers=$(cli)
	[[ $answers != *ERR* && $answers != *WRONG* ]] || { echo "$answers" >&2 && return 1; }
}

# talk: the conversation most tests read.
talk() {
	seed <<-END
		xadd $ROOM 1-1 jhon "hello marry"
		xadd $ROOM 2-1 marry "hello jhon"
		xadd $ROOM 3-1 jhon "lunch?"
		xadd $ROOM 4-1 marry later
	END
}

# texts [argument ...]: the texts that chat-tail shows, on one line.
texts() { show -F '%t ' "$@"; }

# followed N: once the reader of follow() has printed N lines, nothing more and no error.
followed() {
	wait_until 10 has_lines "$live" "$1"
	assert_equal "$(wc -l <"$live")" "$1"
	assert_equal "$(<"$live.err")" ''
}

# --- new messages ----------------------------------------------------------------------------------------------------

@test "by default only what is new is shown, as it comes" {
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

@test "nothing is lost between two reads while writers never rest" {
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

@test "-e alone: all there is, and the end" {
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

@test "-n N goes on with what is new" {
	talk
	follow -n 2 "$ROOM"
	followed 2
	send -n jhon "$ROOM" new
	followed 3
	assert_equal "$(<"$live")" $'[jhon]: lunch?\n[marry]: later\n[jhon]: new'
}

@test "-n +N of a room with fewer counts on with what is new" {
	talk
	follow -n +6 "$ROOM"
	printf '5\n6\n7\n' | send -n jhon "$ROOM"
	followed 2
	assert_equal "$(<"$live")" $'[jhon]: 6\n[jhon]: 7'
}

@test "-n is for each room, the past is printed room by room in the order given" {
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

@test "-n of many, hidden ones among them" {
	seq 5000 | awk -v room="$ROOM" '{ print "xadd", room, $1 "-0", ($1 % 5 ? "bot" : "jhon"), $1 }' | seed
	assert_equal "$(texts -e -x bot -n 600 "$ROOM")" "$(seq 2005 5 5000 | tr '\n' ' ')"
	assert_equal "$(texts -e -n 3000 "$ROOM")" "$(seq 2001 5000 | tr '\n' ' ')"
}

@test "a room named twice is read once, and plain lines bear it" {
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

@test "--exit ends at what was there when it began, although writers never rest" {
	talk
	spawn chat-send -n jhon "$ROOM" < <(while echo more; do :; done)
	wait_until 5 grown 1000
	show -e "$ROOM" >"$BATS_TEST_TMPDIR/out"
	kill -0 "$PID"
	assert_equal "$(head -n 1 "$BATS_TEST_TMPDIR/out")" '[jhon]: hello marry'
}

grown() { (($(length "$ROOM") > $1)); }

@test "-e of rooms some of which do not exist: a line each, the others, and 1" {
	talk
	run --separate-stderr show -e "$ROOM-x" "$ROOM" "$ROOM-y"
	assert_status 1
	assert_equal "${#lines[@]}" 4
	assert_equal "$stderr" "chat-tail: $ROOM-x: no such room
chat-tail: $ROOM-y: no such room"
}

@test "-e of a room that is empty, or was emptied: nothing, and 0" {
	talk
	seed <<-END
		xtrim $ROOM maxlen 0
		xgroup create $ROOM-new g $ mkstream
	END
	prints chat-tail -e "$ROOM" "$ROOM-new" </dev/null
	prints chat-tail -e -n 5 "$ROOM" "$ROOM-new" </dev/null
}

@test "-e of a room whose last messages were deleted" {
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

# --- -S and -U -------------------------------------------------------------------------------------------------------

# years: messages around a billion seconds after 1970, 2001-09-09T01:46:40Z.
years() {
	seed <<-END
		xadd $ROOM 999999999999-5 jhon before
		xadd $ROOM 1000000000000-0 jhon at
		xadd $ROOM 1000000000000-7 jhon too
		xadd $ROOM 1000000000500-0 jhon half
		xadd $ROOM 1000000001000-0 jhon second
		xadd $ROOM 1000000060000-0 jhon minute
	END
}

@test "-S: an ID is passed, a time is not" {
	years
	assert_equal "$(texts -e -S 1000000000000-0 "$ROOM")" 'too half second minute '
	assert_equal "$(texts -e -S 1000000000000-6 "$ROOM")" 'too half second minute '
	assert_equal "$(texts -e -S 1000000000000 "$ROOM")" 'at too half second minute '
	assert_equal "$(texts -e --since=1000000000001 "$ROOM")" 'half second minute '
	assert_equal "$(texts -e -S 0-0 "$ROOM" | wc -w)" 6
	assert_equal "$(texts -e -S 9000000000000 "$ROOM")" ''
}

@test "-S: seconds since 1970" {
	years
	assert_equal "$(texts -e -S @1000000000 "$ROOM")" 'at too half second minute '
	assert_equal "$(texts -e -S @1000000000.5 "$ROOM")" 'half second minute '
	assert_equal "$(texts -e -S @1000000001 "$ROOM")" 'second minute '
	assert_equal "$(texts -e -S @0 "$ROOM" | wc -w)" 6
}

@test "-S: ISO 8601, with offset, with Z, or local" {
	years
	for when in 2001-09-09T01:46:40Z 2001-09-09T03:46:40+02:00 2001-09-08T20:16:40-05:30 2001-09-09T01:46:40 \
		2001-09-09T01:46:40.000Z; do
		assert_equal "$when: $(texts -e -S "$when" "$ROOM")" "$when: at too half second minute "
	done
	assert_equal "$(texts -e -S 2001-09-09T01:46:40.5Z "$ROOM")" 'half second minute '
	assert_equal "$(texts -e -S 2001-09-09T01:47 "$ROOM")" 'minute '
	assert_equal "$(texts -e -S 2001-09-09 "$ROOM" | wc -w)" 6
	assert_equal "$(texts -e -S 2001-09-10 "$ROOM")" ''
	assert_equal "$(TZ=EST5 texts -e -S 2001-09-08T20:46:40 "$ROOM")" 'at too half second minute '
	assert_equal "$(TZ=EST5 texts -e -S 2001-09-09 "$ROOM")" ''
	assert_equal "$(TZ=EST5 texts -e -S 2001-09-09T01:46:40Z "$ROOM")" 'at too half second minute '
}

# ages: messages of each age, by the server's clock.
ages() {
	local now
	now=$(cli time | head -n 1)
	for age in 16d 216h 36h 90m 90s 0s; do
		local seconds=${age%?}
		case $age in
		*d) seconds=$((seconds * 86400)) ;;
		*h) seconds=$((seconds * 3600)) ;;
		*m) seconds=$((seconds * 60)) ;;
		esac
		echo "xadd $ROOM $((now - seconds))000-0 jhon $age"
	done | seed
}

@test "-S: a time ago, by the server's clock" {
	ages
	assert_equal "$(texts -e -S 60s "$ROOM")" '0s '
	assert_equal "$(texts -e -S 2m "$ROOM")" '90s 0s '
	assert_equal "$(texts -e -S 2h "$ROOM")" '90m 90s 0s '
	assert_equal "$(texts -e -S 2d "$ROOM")" '36h 90m 90s 0s '
	assert_equal "$(texts -e -S 2w "$ROOM")" '216h 36h 90m 90s 0s '
	assert_equal "$(texts -e -S 5200w "$ROOM")" '16d 216h 36h 90m 90s 0s '
}

@test "-U: what is older, and the end" {
	ages
	assert_equal "$(texts -U 60s "$ROOM")" '16d 216h 36h 90m 90s '
	assert_equal "$(texts --until 2h "$ROOM")" '16d 216h 36h '
	assert_equal "$(texts -S 10d -U 1d "$ROOM")" '216h 36h '
	assert_equal "$(texts -U 1d -n 1 "$ROOM")" '36h '
}

@test "-U is inclusive, of an ID and of a whole millisecond" {
	years
	assert_equal "$(texts -U 1000000000000-0 "$ROOM")" 'before at '
	assert_equal "$(texts -U 1000000000000-6 "$ROOM")" 'before at '
	assert_equal "$(texts -U 1000000000000 "$ROOM")" 'before at too '
	assert_equal "$(texts -U @1000000000.0 "$ROOM")" 'before at too '
	assert_equal "$(texts -U 2001-09-09T01:46:40.000Z "$ROOM")" 'before at too '
	assert_equal "$(texts -U 2001-09-09 "$ROOM")" ''
	assert_equal "$(texts -U 999999999999-4 "$ROOM")" ''
}

@test "-U of a second without a fraction takes all of it: a time copied from --time has its message" {
	years
	for when in @1000000000 2001-09-09T01:46:40 2001-09-09T03:46:40+02:00 "$(show --time -n 3 -e "$ROOM" | head -n 1 | cut -d ' ' -f 1)"; do
		assert_equal "$when: $(texts -U "$when" "$ROOM")" "$when: before at too half "
	done
	assert_equal "$(texts -U 2001-09-09T01:46 "$ROOM")" ''
	assert_equal "$(texts -U 2001-09-09T01:47 "$ROOM")" 'before at too half second '
	assert_equal "$(texts -S 2001-09-09T01:46:40 -U 2001-09-09T01:46:40 "$ROOM")" 'at too half '
}

@test "-S and -U: what date prints, a clock time, today, yesterday, several units" {
	ages
	# In this zone it is between six and seven in the morning.
	local now zone
	now=$(cli time | head -n 1)
	zone=$(((now % 86400) / 3600 - 6))
	export TZ="<TST>$zone"
	assert_equal "$(texts -e -S "$(date -Ins -d "@$((now - 100))")" "$ROOM")" '90s 0s '
	assert_equal "$(texts -e -S "$(date -Is -d "@$((now - 6000))")" "$ROOM")" '90m 90s 0s '
	assert_equal "$(texts -e -S "$(date --rfc-3339=ns -d "@$((now - 6000))")" "$ROOM")" '90m 90s 0s '
	assert_equal "$(texts -e -S "$(date +%H:%M:%S -d "@$((now - 100))")" "$ROOM")" '90s 0s '
	assert_equal "$(texts -e -S "$(date +%H:%M -d "@$((now - 6000))")" "$ROOM")" '90m 90s 0s '
	assert_equal "$(texts -e -S "$(date +%H:%M -d "@$((now + 3600))")" "$ROOM")" '90m 90s 0s '
	assert_equal "$(texts -e -S today "$ROOM")" '90m 90s 0s '
	assert_equal "$(texts -e -S yesterday "$ROOM")" "$(texts -e -S "$(date +%F -d yesterday)" "$ROOM")"
	assert_equal "$(texts -U yesterday "$ROOM")" "$(texts -U "$(date +%F -d yesterday)" "$ROOM")"
	assert_equal "$(texts -U today "$ROOM")" '16d 216h 36h '
	assert_equal "$(texts -e -S 1h29m "$ROOM")" '90s 0s '
	assert_equal "$(texts -e -S 1h30m30s "$ROOM")" '90m 90s 0s '
	assert_equal "$(texts -e -S 1w1d23h "$ROOM")" '36h 90m 90s 0s '
	assert_equal "$(texts -e -S 1w2d1h "$ROOM")" '216h 36h 90m 90s 0s '
	TZ=Europe/Berlin texts -e -S 1970-01-01 "$ROOM" | grep -q 16d
}

@test "-S and -U: what is likely to mean something else is refused, and what it might mean is said" {
	fails 2 '-S: .10. might be 10s \(ago\), @10 ' chat-tail -e -S 10 "$ROOM"
	fails 2 '-U: .1751390520. might be .*@1751390520' chat-tail -U 1751390520 "$ROOM"
	fails 2 '-S: .20251123. might be a date: write 2025-11-23' chat-tail -S 20251123 "$ROOM"
	fails 2 '-S: .2025-07. looks like a month: write 2025-07-01' chat-tail -S 2025-07 "$ROOM"
	fails 2 '-U: .5-1\+. .*leave out the \+' chat-tail -U 5-1+ "$ROOM"
	years
	assert_equal "$(texts -e -S 0 "$ROOM" | wc -w)" 6
	assert_equal "$(texts -e -S 2025-7 "$ROOM" | wc -w)" 6
	chat-tail --help | grep -A 2 -e --until | grep -q 'today or yesterday (at 00:00)'
}

@test "-S and -U together, and -n within them" {
	years
	assert_equal "$(texts -S 1000000000000 -U 1000000001000 "$ROOM")" 'at too half second '
	assert_equal "$(texts -n 2 -S 1000000000000 -U 1000000001000 "$ROOM")" 'half second '
	assert_equal "$(texts -n 3 -U 1000000000000-0 "$ROOM")" 'before at '
	assert_equal "$(texts -e -n 9 -S 1000000000000-7 "$ROOM")" 'half second minute '
	assert_equal "$(texts -e -n 2 -S 1000000000000-7 "$ROOM")" 'second minute '
	assert_equal "$(texts -S 1000000001000 -U 1000000000000 "$ROOM")" ''
}

@test "-S without -e goes on, and a time to come holds back what is before it" {
	seed <<<"xadd $ROOM 5-1 jhon 5"
	follow -S 8-0 "$ROOM"
	seed <<-END
		xadd $ROOM 7-1 jhon 7
		xadd $ROOM 8-0 jhon 8
		xadd $ROOM 9-1 jhon 9
		xadd $ROOM 10-1 jhon 10
	END
	followed 2
	assert_equal "$(<"$live")" $'[jhon]: 9\n[jhon]: 10'
}

@test "-U ends once an entry has passed it" {
	local future
	future=$(($(cli time | head -n 1) + 3600))000
	follow -U "$future-5" "$ROOM"
	seed <<-END
		xadd $ROOM 1-1 jhon one
		xadd $ROOM $future-5 jhon just
		xadd $ROOM $future-6 jhon more
	END
	wait_end 5 "$PID"
	assert_status 0
	assert_equal "$(<"$live")" $'[jhon]: one\n[jhon]: just'
}

@test "-U ends once the server's clock has passed it, in an idle room" {
	talk
	local now
	now=$(cli time | head -n 1)
	run --separate-stderr show -U @$((now + 2)) "$ROOM"
	assert_status 0
	assert_equal "${#lines[@]}" 4
	assert_equal "$stderr" ''
	(($(cli time | head -n 1) >= now + 2))
}

@test "-U of several rooms: all of them up to it" {
	seed <<-END
		xadd $ROOM-a 1-1 jhon a1
		xadd $ROOM-a 9-1 jhon a9
		xadd $ROOM-b 2-1 jhon b2
		xadd $ROOM-b 3-1 jhon b3
		xadd $ROOM-c 9-1 jhon c9
	END
	assert_equal "$(texts -U 3-1 "$ROOM-a" "$ROOM-b" "$ROOM-c")" 'a1 b2 b3 '
}

@test "a WHEN that is none ends with 2" {
	for when in abc 10x 10mm m -1 1m1h 1h1h 1.5h 1h30 now tomorrow 24:00 7:22 '17:22:07,' 5 100000000000 2025-07 5-1+ '' @ @x 1- 1-2-3 1-x 2001-13-01 2001-02-30 2001-09-09T25:00 2001-09-09T01:60 2001-9-9 \
		2001-09-09T 2001-09-09T01:46:40+25:00x 18446744073709551616-0 99999999999999999999 ' 5' '5 '; do
		fails 2 "-S: " chat-tail -e -S "$when" "$ROOM"
		fails 2 "-U: " chat-tail -U "$when" "$ROOM"
	done
}

# --- -c, -W, -x ------------------------------------------------------------------------------------------------------

@test "-c: after that many messages the end, over all rooms" {
	talk
	seed <<<"xadd $ROOM-b 1-1 jhon b"
	assert_equal "$(texts -c 1 -n +1 "$ROOM")" 'hello marry '
	assert_equal "$(texts -e -c 5 "$ROOM" "$ROOM-b")" 'hello marry hello jhon lunch? later b '
	assert_equal "$(texts -n +1 --count=5 "$ROOM-b" "$ROOM")" 'b hello marry hello jhon lunch? later '
	assert_equal "$(texts -e -c 99 "$ROOM-b")" 'b '
}

@test "-c waits for what is new, and ends when it came" {
	follow -c 2 "$ROOM"
	send -n jhon "$ROOM" one
	wait_until 5 has_lines "$live" 1
	kill -0 "$PID"
	send -n jhon "$ROOM" two
	wait_end 5 "$PID"
	assert_status 0
	assert_equal "$(<"$live")" $'[jhon]: one\n[jhon]: two'
}

@test "-c: an entry is printed whole, and what is hidden does not count" {
	seed <<-END
		xadd $ROOM 1-1 bot 0
		xadd $ROOM 2-1 jhon 1 bot 2 marry 3 jhon 4
		xadd $ROOM 3-1 marry 5
	END
	assert_equal "$(texts -c 1 -n +1 -x bot "$ROOM")" '1 3 4 '
	assert_equal "$(texts -c 3 -n +1 -x bot "$ROOM")" '1 3 4 '
	assert_equal "$(texts -c 4 -n +1 -x bot "$ROOM")" '1 3 4 5 '
	assert_equal "$(texts -c 1 -n +1 "$ROOM")" '0 '
}

@test "-W: nothing printed for that long ends with 5" {
	talk
	run show -W 0.2 "$ROOM"
	assert_status 5
	run --separate-stderr show --timeout 1 -n 1 "$ROOM"
	assert_status 5
	assert_output '[marry]: later'
}

@test "-W -c 1: wait for one message, and tell by the status whether it came" {
	follow -W 10 -c 1 "$ROOM"
	send -n jhon "$ROOM" hi
	wait_end 5 "$PID"
	assert_status 0
	run show -W 0.1 -c 1 "$ROOM"
	assert_status 5
}

@test "-W: what is printed starts the time anew, what is hidden does not" {
	spawn chat-send -n bot "$ROOM" < <(while nap 0.1 && echo noise; do :; done)
	run show -W 0.5 -x bot "$ROOM"
	assert_status 5
	kill -0 "$PID"
	spawn chat-tail -W 0.5 "$ROOM" >"$BATS_TEST_TMPDIR/out"
	wait_until 5 has_lines "$BATS_TEST_TMPDIR/out" 9
	kill -0 "$PID"
}

@test "-W waits for what is there already, and takes a fraction alone" {
	talk
	for _ in 1 2 3 4 5 6 7 8; do
		run --separate-stderr show -W 0 -n 1 "$ROOM"
		assert_status 5
		assert_output '[marry]: later'
	done
	run show -W .1 "$ROOM"
	assert_status 5
	fails 2 '-W: ' chat-tail -W 0x10 "$ROOM"
}

@test "-x of no name at all" {
	cli xadd "$ROOM" 1-1 '' nobody jhon somebody >/dev/null
	assert_equal "$(texts -e -x '' "$ROOM")" 'somebody '
}

@test "-x hides names, a field at a time, as often as it is given" {
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

# --- formats ---------------------------------------------------------------------------------------------------------

# odd: one entry, all of whose parts need care.
odd() {
	room="$ROOM [x]"$'\t'
	seed <<-END
		xadd "$ROOM [x]\t" 1795454520123-4 "na]me\t\n" "a\tb\n\rc\\\\ \x00\x1b[1m\x7f \xc3\xa9 \xc2\x9b \xff \xe2\x80\xae"
	END
}

@test "plain: control bytes, bidirectional controls and what is not UTF-8 are shown, not done" {
	odd
	prints chat-tail -e "$room" <<-'END'
		[na\x5dme	\n]: a	b\n\rc\ \x00\x1b[1m\x7f é \xc2\x9b \xff \xe2\x80\xae
	END
	prints chat-tail -e "$room" "$room" <<-END
		$ROOM\\x20\\x5bx]	 [na\\x5dme	\\n]: a	b\\n\\rc\\ \\x00\\x1b[1m\\x7f é \\xc2\\x9b \\xff \\xe2\\x80\\xae
	END
}

@test "plain: empty names and texts, of other clients" {
	seed <<<"xadd $ROOM 1-1 \"\" \"\" jhon \"\" \"\" text"
	prints chat-tail -e "$ROOM" <<<$'[]: \n[jhon]: \n[]: text'
}

@test "-t: room, ID, name, text, each with its escapes" {
	odd
	prints chat-tail -t -e "$room" <<<"$ROOM [x]\\t	1795454520123-4	na]me\\t\\n	a\\tb\\n\\rc\\\\ \\x00\\x1b[1m\\x7f é \\xc2\\x9b \\xff \\xe2\\x80\\xae"
	talk
	prints chat-tail --tsv -n 1 -e "$ROOM" <<<"$ROOM	4-1	marry	later"
}

@test "-j: an object a line" {
	seed <<<"xadd $ROOM 1795454520123-4 \"m\\\"y\\\\\" \"h\\xc3\\xa9 \\t\\n/\\x1b\\x7f\\xc2\\x85\\xe2\\x80\\xae\\xe2\\x80\\xa8\""
	prints chat-tail -j -e "$ROOM" <<<'{"room":"'"$ROOM"'","id":"1795454520123-4","time":"2026-11-23T17:22:00.123Z","name":"m\"y\\","text":"hé \u0009\u000a/\u001b\u007f\u0085\u202e\u2028"}'
}

@test "-j: the time is null beyond the year 9999, and for IDs in microseconds" {
	seed <<-END
		xadd $ROOM 253402300799999-0 jhon last
		xadd $ROOM 253402300800000-0 jhon first
		xadd $ROOM 1690000000000000-0 jhon micro
		xadd $ROOM 18446744073709551615-0 jhon end
	END
	assert_equal "$(show -j -e "$ROOM" | jq -c '[.text, .time]')" '["last","9999-12-31T23:59:59.999Z"]
["first",null]
["micro",null]
["end",null]'
	assert_equal "$(show -J -e "$ROOM" | jq -c .time | uniq -c | tr -s ' ')" ' 1 "9999-12-31T23:59:59.999Z"
 3 null'
}

@test "-J: an object an entry, its fields in their order, repeats and odd bytes too" {
	seed <<-END
		xadd $ROOM 1795454520123-4 jhon hi marry "" jhon hi "" "a\\n\\xff"
		xadd $ROOM 5795454520123-0 "\\xe2\\x80\\xa8" one
	END
	prints chat-tail -J -e "$ROOM" <<-END
		{"room":"$ROOM","id":"1795454520123-4","time":"2026-11-23T17:22:00.123Z","fields":[["jhon","hi"],["marry",""],["jhon","hi"],["",[97,10,255]]]}
		{"room":"$ROOM","id":"5795454520123-0","time":"2153-08-26T00:28:40.123Z","fields":[["\\u2028","one"]]}
	END
	assert_equal "$(show --json-entries -e "$ROOM" | jq -c '.fields | map(.[0]) | length')" $'4\n1'
}

@test "-j: a string that is not UTF-8 is an array of its bytes" {
	seed <<<"xadd $ROOM 5-1 \"\\xff\" \"a\\xc3(\" b \"\""
	prints chat-tail --json -e "$ROOM" <<-END
		{"room":"$ROOM","id":"5-1","time":"1970-01-01T00:00:00.005Z","name":[255],"text":[97,195,40]}
		{"room":"$ROOM","id":"5-1","time":"1970-01-01T00:00:00.005Z","name":"b","text":""}
	END
}

@test "-r: the bytes as they are" {
	odd
	printf '[na]me\t\n]: a\tb\n\rc\\ \0\e[1m\x7f é \xc2\x9b \xff \xe2\x80\xae\n' | prints chat-tail -r -e "$room"
	talk
	prints chat-tail --raw -e -n 1 "$ROOM" "$ROOM" <<<"$ROOM [marry]: later"
}

@test "-0: the texts as they are, each ended by NUL" {
	odd
	printf 'a\tb\n\rc\\ \0\e[1m\x7f é \xc2\x9b \xff \xe2\x80\xae\0' | prints chat-tail -0 -e "$room"
	seed <<<"xadd $ROOM 1-1 a 1 b \"\" c 3"
	printf '1\0\0003\0' | prints chat-tail --null -e "$ROOM"
}

@test "-F: each directive and each escape, data raw, nothing appended" {
	odd
	printf '%s [x]\t|1795454520123-4|na]me\t\n|1795454520123|2026-11-23T17:22:00+00:00|%%\n\t\r\0\\\xff\x0a' "$ROOM" |
		prints chat-tail -F '%r|%i|%n|%s|%T|%%\n\t\r\0\\\xff\x0a' -e "$room"
	printf 'a\tb\n\rc\\ \0\e[1m\x7f é \xc2\x9b \xff \xe2\x80\xae' | prints chat-tail --format=%t -e "$room"
	talk
	printf -- ---- | prints chat-tail -F - -e "$ROOM"
}

@test "-F that is wrong ends with 2" {
	for format in '' % '%x' 'text %' '\x' "\\" 'text \q' '\x4' '\xgg' '%t %Z' '%5t'; do
		fails 2 "-F: " chat-tail -e -F "$format" "$ROOM"
	done
}

@test "--time: when each message was sent, before each plain line" {
	seed <<<"xadd $ROOM 1795454520123-4 jhon hi"
	prints chat-tail --time -e "$ROOM" <<<'2026-11-23T17:22:00+00:00 [jhon]: hi'
	TZ=CET-1 prints chat-tail --time -e "$ROOM" <<<'2026-11-23T18:22:00+01:00 [jhon]: hi'
	TZ=XYZ3:30 prints chat-tail --time -e "$ROOM" "$ROOM" <<<"2026-11-23T13:52:00-03:30 $ROOM [jhon]: hi"
	prints chat-tail --time='%H:%M:%S on %d.%m.' -e "$ROOM" <<<'17:22:00 on 23.11. [jhon]: hi'
	prints chat-tail --time=%s -r -e "$ROOM" <<<'1795454520 [jhon]: hi'
	prints chat-tail --time=%Y -F '%T %t\n' -e "$ROOM" <<<'2026 hi'
}

@test "one line a message: an entry of many fields is many lines with one ID" {
	seed <<<"xadd $ROOM 1-1 $(for i in {1..300}; do printf 'n%d t%d ' "$i" "$i"; done)"
	prints chat-tail -F '%i %n %t\n' -e "$ROOM" < <(for i in {1..300}; do echo "1-1 n$i t$i"; done)
}

@test "options after operands, and -- ends the options" {
	talk
	seed <<<"xadd -e 1-1 jhon odd"
	prints chat-tail "$ROOM" -e -n 1 --tsv <<<"$ROOM	4-1	marry	later"
	prints chat-tail -n 1 -t -e -- -e <<<'-e	1-1	jhon	odd'
}

# --- colours ---------------------------------------------------------------------------------------------------------

@test "--color=always: each name in a colour of its own, and nothing else" {
	talk
	show --color=always -e "$ROOM" >"$BATS_TEST_TMPDIR/out"
	assert_equal "$(sed 's/\x1b\[[0-9;]*m//g' "$BATS_TEST_TMPDIR/out")" "$(show -e "$ROOM")"
	local jhon marry
	# Within the brackets or around them; what follows the colon is plain.
	assert_equal "$(grep -aEc $'^(\\[)?\e\\[[0-9;]+m(\\[)?(jhon|marry)(\\])?\e\\[0?m(\\])?: [^\e]*$' "$BATS_TEST_TMPDIR/out")" 4
	jhon=$(grep -ao $'^[^m]*m' "$BATS_TEST_TMPDIR/out" | sed -n '1p;3p' | uniq)
	marry=$(grep -ao $'^[^m]*m' "$BATS_TEST_TMPDIR/out" | sed -n '2p;4p' | uniq)
	assert_equal "$(wc -l <<<"$jhon") $(wc -l <<<"$marry")" '1 1'
	[[ $jhon != "$marry" ]]
}

@test "in a pipe there are no colours unless always; NO_COLOR does not set always aside" {
	talk
	local escape=$'\e'
	for option in --color --color=auto --color=never; do
		[[ $(show "$option" -e "$ROOM") != *"$escape"* ]]
	done
	[[ $(NO_COLOR=1 show --color=always -e "$ROOM") == *"$escape"* ]]
	[[ $(show --color=always -r -e "$ROOM") == *"$escape"* ]]
	[[ $(show --color=always --time -e "$ROOM" "$ROOM") == *"$escape"* ]]
	for format in -t -j -0 -F%n; do
		[[ $(show --color=always "$format" -e "$ROOM" | tr -d '\0') != *"$escape"* ]]
	done
	fails 2 color chat-tail --color=sometimes -e "$ROOM"
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

@test "| head -1 ends with an idle room, quietly" {
	local out=$BATS_TEST_TMPDIR/headed
	pipeline 'chat-tail "$1" 2>"$2.err" | head -n 1 >"$2"; echo "${PIPESTATUS[0]}" >>"$2"' "$ROOM" "$out"
	wait_readers 1
	send -n jhon "$ROOM" hi
	wait_end 3 "$PID"
	assert_equal "$(<"$out")" $'[jhon]: hi\n141'
	assert_equal "$(<"$out.err")" ''
}

@test "a reader that never reads ends it too" {
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
	# The server did not have to put many together, nor did we.
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

@test "-v tells of the connection and sums up, on stderr; -q does not silence errors" {
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

@test "--progress: one line on stderr, rewritten, ended by a newline" {
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

@test "options that contradict each other end with 2, before any connection" {
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

@test "numbers out of range end with 2" {
	export REDIS_URL=unix:///nowhere/at/all
	for given in '-n x' '-n -1' '-n +' '-n 1x' '-n 99999999999999999999' '-n ++1' '-c x' '-c -1' '-c 1.5' '-c 99999999999999999999' \
		'-W x' '-W -1' '-W 1x' '-W 1.5m' '-W 1m1h' '-W 99999999999999999999' '-W nan'; do
		read -ra arguments <<<"$given"
		fails 2 "${arguments[0]}: " chat-tail "${arguments[@]}" room
	done
}

# far_server MILLISECONDS: $REDIS_URL leads to the server through a relay that delays each direction so long.
far_server() {
	local port=$BATS_TEST_TMPDIR/port
	mkfifo "$BATS_TEST_TMPDIR/relay"
	exec 8<>"$BATS_TEST_TMPDIR/relay" # it exits when its standard input ends
	spawn "$CHAT_BUILD/tests/bench/relay" "$PORT" "$1" <&8 >"$port"
	wait_until 10 test -s "$port"
	REDIS_URL=redis://127.0.0.1:$(<"$port")
	export REDIS_URL
}

@test "far away, where answers are read ahead of: each message once, in order, however unevenly they came" {
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
