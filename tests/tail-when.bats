#!/usr/bin/env bats
# chat-tail -S, -U, -c and -W: where it begins, and when it exits.
# shellcheck disable=SC2154 # status, output, stderr are bats's
# shellcheck disable=SC2030,SC2031,SC2153 # each test is a subshell, and sets what it reads; ROOM is the helper's

load helper

setup_file() { start_server; }
teardown_file() { stop_servers; }
setup() { trace_less; }
teardown() {
	stop_jobs
	wait_readers 0
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

@test "-S excludes an ID, and includes a time" {
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

@test "-U prints what is older, and exits" {
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
	# In this time zone it is between six and seven in the morning.
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

@test "-S and -U: what is likely to mean something else is refused, with what it might mean" {
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

@test "-S without -e goes on, and a time in the future holds back what is before it" {
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

@test "-U exits once an entry is past it" {
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

@test "-U exits once the server's clock is past it, in an idle room" {
	talk
	local now
	now=$(cli time | head -n 1)
	run --separate-stderr show -U @$((now + 2)) "$ROOM"
	assert_status 0
	assert_equal "${#lines[@]}" 4
	assert_equal "$stderr" ''
	(($(cli time | head -n 1) >= now + 2))
}

@test "-U of several rooms prints each of them up to it" {
	seed <<-END
		xadd $ROOM-a 1-1 jhon a1
		xadd $ROOM-a 9-1 jhon a9
		xadd $ROOM-b 2-1 jhon b2
		xadd $ROOM-b 3-1 jhon b3
		xadd $ROOM-c 9-1 jhon c9
	END
	assert_equal "$(texts -U 3-1 "$ROOM-a" "$ROOM-b" "$ROOM-c")" 'a1 b2 b3 '
}

@test "a WHEN that is malformed: exit status 2" {
	for when in abc 10x 10mm m -1 1m1h 1h1h 1.5h 1h30 now tomorrow 24:00 7:22 '17:22:07,' 5 100000000000 2025-07 5-1+ '' @ @x 1- 1-2-3 1-x 2001-13-01 2001-02-30 2001-09-09T25:00 2001-09-09T01:60 2001-9-9 \
		2001-09-09T 2001-09-09T01:46:40+25:00x 18446744073709551616-0 99999999999999999999 ' 5' '5 '; do
		fails 2 "-S: " chat-tail -e -S "$when" "$ROOM"
		fails 2 "-U: " chat-tail -U "$when" "$ROOM"
	done
}

# --- -c and -W -------------------------------------------------------------------------------------------------------

@test "-c: exits after that many messages, counted over all rooms" {
	talk
	seed <<<"xadd $ROOM-b 1-1 jhon b"
	assert_equal "$(texts -c 1 -n +1 "$ROOM")" 'hello marry '
	assert_equal "$(texts -e -c 5 "$ROOM" "$ROOM-b")" 'hello marry hello jhon lunch? later b '
	assert_equal "$(texts -n +1 --count=5 "$ROOM-b" "$ROOM")" 'b hello marry hello jhon lunch? later '
	assert_equal "$(texts -e -c 99 "$ROOM-b")" 'b '
}

@test "-c waits for what is new, and exits when it has come" {
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

@test "-W: nothing printed for that long: exit status 5" {
	talk
	run show -W 0.2 "$ROOM"
	assert_status 5
	run --separate-stderr show --timeout 1 -n 1 "$ROOM"
	assert_status 5
	assert_output '[marry]: later'
}

@test "-W -c 1 waits for one message, and the exit status says whether it came" {
	follow -W 10 -c 1 "$ROOM"
	send -n jhon "$ROOM" hi
	wait_end 5 "$PID"
	assert_status 0
	run show -W 0.1 -c 1 "$ROOM"
	assert_status 5
}

@test "-W: what is printed restarts the time, what is hidden does not" {
	spawn chat-send -n bot "$ROOM" < <(while nap 0.1 && echo noise; do :; done)
	run show -W 0.5 -x bot "$ROOM"
	assert_status 5
	kill -0 "$PID"
	spawn chat-tail -W 0.5 "$ROOM" >"$BATS_TEST_TMPDIR/out"
	wait_until 5 has_lines "$BATS_TEST_TMPDIR/out" 9
	kill -0 "$PID"
}

@test "-W waits for what is there already, and may be a fraction such as .1" {
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
