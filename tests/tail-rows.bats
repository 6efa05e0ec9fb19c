#!/usr/bin/env bats
# chat-tail -t and -J of entries of several fields show what belongs together.
# shellcheck disable=SC2154 # status, output, stderr are bats's
# shellcheck disable=SC2030,SC2031,SC2153 # each test is a subshell, and sets what it reads; ROOM is the helper's

load helper

setup_file() { start_server; }
teardown_file() { stop_servers; }
setup() { trace_less; }
teardown() { stop_jobs; }

# add ID NAME TEXT ...: an entry of $ROOM.
add() { cli xadd "$ROOM" "$@" >/dev/null; }

# fields [argument ...]: the objects that chat-tail -J prints: `ID name text name text;`.
fields() { show -J "$@" | jq -j '.id, (.fields[][] | " ", .), ";"'; }

# without_room [argument ...]: the rows that chat-tail -t prints, without the room: `ID name text`, each followed by `;`.
without_room() { show -t "$@" | cut -f 2- | tr '\t\n' ' ;'; }

@test "in all rows of an entry but its last, the ID ends in +" {
	local n fields='' rows=$BATS_TEST_TMPDIR/rows
	for n in {1..9}; do
		fields+=" n$n t$n"
		echo "xadd $ROOM $n-0$fields"
	done | cli >/dev/null
	awk -v room="$ROOM" 'BEGIN { for (n = 1; n <= 9; n++) for (i = 1; i <= n; i++)
		printf "%s\t%d-0%s\tn%d\tt%d\n", room, n, i < n ? "+" : "", i, i }' >"$rows"
	prints chat-tail -t -e "$ROOM" <"$rows"
	prints chat-tail -t -e -n +1 -m "$ROOM" <"$rows"
	prints chat-tail -t -e -n 9 "$ROOM" < <(tail -n 9 "$rows")
	prints chat-tail -t -S 7-0 -U 8-0 "$ROOM" < <(tail -n 17 "$rows" | head -n 8)
}

@test "live: entries of two rooms, each as it comes" {
	local n
	follow -t "$ROOM" "$ROOM-b"
	for n in 1 2 3; do
		add "$n-0" a 1 b 2 c 3
		cli xadd "$ROOM-b" "$n-0" a 1 b 2 >/dev/null
		wait_until 5 has_lines "$live" $((n * 5))
	done
	assert_equal "$(grep "^$ROOM	" "$live" | cut -f 2- | tr '\t\n' ' ;')" \
		"$(printf '%d-0+ a 1;%d-0+ b 2;%d-0 c 3;' 1 1 1 2 2 2 3 3 3)"
	assert_equal "$(grep "^$ROOM-b	" "$live" | cut -f 2- | tr '\t\n' ' ;')" \
		"$(printf '%d-0+ a 1;%d-0 b 2;' 1 1 2 2 3 3)"
}

@test "no other format has a +, nor does a cursor file" {
	add 5-1 a 1 b 2
	assert_equal "$(show -j -e "$ROOM" | jq -r .id)" $'5-1\n5-1'
	assert_equal "$(fields -e "$ROOM")" '5-1 a 1 b 2;'
	prints chat-tail -F '%i %t\n' -e "$ROOM" <<<$'5-1 1\n5-1 2'
	prints chat-tail -e "$ROOM" <<<$'[a]: 1\n[b]: 2'
	prints chat-tail -r -e "$ROOM" <<<$'[a]: 1\n[b]: 2'
	printf '1\0002\0' | prints chat-tail -0 -e "$ROOM"
	show -t -e -n +1 -C "$BATS_TEST_TMPDIR/cursor" "$ROOM"
	assert_equal "$(<"$BATS_TEST_TMPDIR/cursor")" "$ROOM	5-1	1"
}

@test "-S and -U refuse an ID with a +" {
	fails 2 "-S: .*'5-1\+'" chat-tail -e -S 5-1+ "$ROOM"
	fails 2 "-U: .*'5-1\+'" chat-tail -U 5-1+ "$ROOM"
}

@test "the + is about the rows that are printed: -x hides the first, the last, those between, all" {
	add 1-0 a 1 b 2 c 3
	add 2-0 b 4
	add 3-0 a 5 c 6
	assert_equal "$(without_room -e -x a "$ROOM")" '1-0+ b 2;1-0 c 3;2-0 b 4;3-0 c 6;'
	assert_equal "$(without_room -e -x b "$ROOM")" '1-0+ a 1;1-0 c 3;3-0+ a 5;3-0 c 6;'
	assert_equal "$(without_room -e -x c "$ROOM")" '1-0+ a 1;1-0 b 2;2-0 b 4;3-0 a 5;'
	assert_equal "$(without_room -e -x b -x c "$ROOM")" '1-0 a 1;3-0 a 5;'
	assert_equal "$(without_room -e -x a -x c "$ROOM")" '1-0 b 2;2-0 b 4;'
	assert_equal "$(without_room -e -x a -x b -x c "$ROOM")" ''
}

@test "-n, -n + and -c cut no entry: the one that holds the first message is printed whole" {
	add 1-0 a 1 b 2 c 3
	add 2-0 a 4
	add 3-0 a 5 b 6
	local last='3-0+ a 5;3-0 b 6;'
	local first="1-0+ a 1;1-0+ b 2;1-0 c 3;2-0 a 4;$last"
	for n in 0: 1:"$last" 2:"$last" 3:"2-0 a 4;$last" 4:"$first" 5:"$first" 6:"$first" 7:"$first" \
		+0:"$first" +1:"$first" +2:"$first" +3:"$first" +4:"2-0 a 4;$last" +5:"$last" +6:"$last" +7:; do
		echo "-n $n"
		assert_equal "$(without_room -e -n "${n%%:*}" "$ROOM")" "${n#*:}"
	done
	assert_equal "$(without_room -c 1 -n +2 "$ROOM")" '1-0+ a 1;1-0+ b 2;1-0 c 3;'
	assert_equal "$(without_room -c 4 -n +1 "$ROOM")" '1-0+ a 1;1-0+ b 2;1-0 c 3;2-0 a 4;'
	run --separate-stderr show -v -t -e -n +3 "$ROOM"
	assert_match "${stderr_lines[-1]}" '^chat-tail: 6 messages, 6 bytes'
	run --separate-stderr show -v -t -e -n +4 "$ROOM"
	assert_match "${stderr_lines[-1]}" '^chat-tail: 3 messages, 3 bytes'
}

@test "-J: -n, -n + and -c cut no entry, and -x hides a field at a time" {
	add 1-0 a 1 b 2 c 3
	add 2-0 a 4
	add 3-0 a 5 b 6 a 7
	local last='3-0 a 5 b 6 a 7;'
	local first="1-0 a 1 b 2 c 3;2-0 a 4;$last"
	for n in 0: 1:"$last" 3:"$last" 4:"2-0 a 4;$last" 5:"$first" 9:"$first" +1:"$first" +3:"$first" +4:"2-0 a 4;$last" +7:"$last" +8:; do
		echo "-n $n"
		assert_equal "$(fields -e -n "${n%%:*}" "$ROOM")" "${n#*:}"
	done
	assert_equal "$(fields -c 1 -n +2 "$ROOM")" '1-0 a 1 b 2 c 3;'
	assert_equal "$(fields -e -x a "$ROOM")" '1-0 b 2 c 3;3-0 b 6;'
	assert_equal "$(fields -e -x b -x c "$ROOM")" '1-0 a 1;2-0 a 4;3-0 a 5 a 7;'
	assert_equal "$(fields -e -x a -x b -x c "$ROOM")" ''
	run --separate-stderr show -v -J -e -n +4 "$ROOM"
	assert_match "${stderr_lines[-1]}" '^chat-tail: 4 messages, 4 bytes'
}

@test "-J: live, of two rooms, and shared by a group" {
	local n
	follow -J "$ROOM" "$ROOM-b"
	for n in 1 2 3; do
		add "$n-0" a 1 b 2 c 3
		cli xadd "$ROOM-b" "$n-0" a 1 b 2 >/dev/null
		wait_until 5 has_lines "$live" $((n * 2))
	done
	assert_equal "$(jq -cs 'group_by(.room) | map(map([.id, .fields]))' "$live")" "$(printf '[[%s],[%s]]' \
		"$(printf '["%d-0",[["a","1"],["b","2"],["c","3"]]]\n' 1 2 3 | paste -sd,)" \
		"$(printf '["%d-0",[["a","1"],["b","2"]]]\n' 1 2 3 | paste -sd,)")"
	cli xgroup create "$ROOM" workers 0 >/dev/null
	assert_equal "$(fields -e -x b -g workers "$ROOM")" '1-0 a 1 c 3;2-0 a 1 c 3;3-0 a 1 c 3;'
}

@test "-n and -n + count what -x shows, and print no more than that" {
	add 1-0 a 1 b 2 a 3
	add 2-0 b 4 b 5
	add 3-0 a 6 b 7 a 8
	assert_equal "$(without_room -e -x b -n 1 "$ROOM")" '3-0+ a 6;3-0 a 8;'
	assert_equal "$(without_room -e -x b -n 3 "$ROOM")" '1-0+ a 1;1-0 a 3;3-0+ a 6;3-0 a 8;'
	assert_equal "$(without_room -e -x b -n +2 "$ROOM")" '1-0+ a 1;1-0 a 3;3-0+ a 6;3-0 a 8;'
	assert_equal "$(without_room -e -x b -n +3 "$ROOM")" '3-0+ a 6;3-0 a 8;'
	assert_equal "$(without_room -e -x b -n +5 "$ROOM")" ''
}

@test "-n +N that is not reached counts on with what is new, by whole entries" {
	add 1-0 a 1 b 2
	follow -t -n +6 "$ROOM"
	add 2-0 a 3 b 4
	add 3-0 a 5 b 6
	add 4-0 a 7
	wait_until 5 has_lines "$live" 3
	assert_equal "$(cut -f 2- "$live" | tr '\t\n' ' ;')" '3-0+ a 5;3-0 b 6;4-0 a 7;'
}

@test "-n of many rows, in many replies" {
	local n
	for n in {1..3000}; do echo "xadd $ROOM $n-0 a $n b $n c $n"; done | cli >/dev/null
	show -t -e -n +1 "$ROOM" >"$BATS_TEST_TMPDIR/all"
	assert_equal "$(grep -c '0+	' "$BATS_TEST_TMPDIR/all") $(grep -c '0	' "$BATS_TEST_TMPDIR/all")" '6000 3000'
	cmp <(show -t -e -n +4502 "$ROOM") <(tail -n 4500 "$BATS_TEST_TMPDIR/all")
	cmp <(show -t -e -n 4498 "$ROOM") <(tail -n 4500 "$BATS_TEST_TMPDIR/all")
}

@test "-g: new entries, those that were pending, and those that are claimed" {
	cli xgroup create "$ROOM" workers 0 mkstream >/dev/null
	for n in {1..4}; do add "$n-0" a 1 b 2 a 3; done
	cli xreadgroup group workers w1 count 1 streams "$ROOM" '>' >/dev/null
	cli xreadgroup group workers dead count 1 streams "$ROOM" '>' >/dev/null
	assert_equal "$(without_room -e -g workers --consumer w1 "$ROOM")" \
		"$(printf '%d-0+ a 1;%d-0+ b 2;%d-0 a 3;' 1 1 1 3 3 3 4 4 4)"
	assert_equal "$(without_room -W 2 -x b -g workers --claim 1s "$ROOM")" '2-0+ a 1;2-0 a 3;'
}

@test "huge entries of two rooms, which come in many pieces" {
	local room n
	for room in a b; do
		for n in 1 2 3; do echo "xadd $ROOM-$room $n-0 x $(printf %0900000d 1) y $(printf %0900000d 2) z 3"; done
	done | cli >/dev/null
	show -t -e "$ROOM-a" "$ROOM-b" | sed 's/0000*//' | diff - <(
		for room in a b; do
			for n in 1 2 3; do printf "$ROOM-$room\t$n-0%s\n" $'+\tx\t1' $'+\ty\t2' $'\tz\t3'; done
		done
	)
}

@test "a room whose name begins with U+FEFF: its rows do not begin with what looks like a byte order mark" {
	local room=$'\ufeff'"$ROOM"$'\ufeff'
	cli xadd "$room" 1-0 $'\ufeffa' $'\ufeff1' b 2 >/dev/null
	prints chat-tail -t -e "$room" <<-END
		\xef\xbb\xbf$ROOM$(printf '\ufeff')	1-0+	$(printf '\ufeff')a	$(printf '\ufeff')1
		\xef\xbb\xbf$ROOM$(printf '\ufeff')	1-0	b	2
	END
	assert_equal "$(show -l "$room" | cut -f 1,2)" "\\xef\\xbb\\xbf$ROOM"$'\ufeff\t1'
	show -e -n +1 -C "$BATS_TEST_TMPDIR/cursor" "$room" >/dev/null
	assert_equal "$(cut -f 1 "$BATS_TEST_TMPDIR/cursor")" "\\xef\\xbb\\xbf$ROOM"$'\ufeff'
	prints chat-tail -e -C "$BATS_TEST_TMPDIR/cursor" "$room" </dev/null
	show -t -e "$room" | send -t
	assert_equal "$(length "$room")" 3
}
