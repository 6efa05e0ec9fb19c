#!/usr/bin/env bats
# chat-send -t and -k: rows as chat-tail -t prints them, and their IDs if they are kept.
# shellcheck disable=SC2153,SC2154 # status, output, stderr are bats's, and ROOM is the helper's

load helper

setup_file() { start_server; }
teardown_file() { stop_servers; }
setup() { trace_less; }
teardown() { stop_jobs; }

# --- -t --------------------------------------------------------------------------------------------------------------

@test "-t: room, name and text come from the row, the ID is ignored" {
	rows 'R-b|5-1|marry|hi' 'R|1-1|jhon|hello' 'R|1-1|jhon|again' 'R-b|*|x|not an ID' 'R|||' | send -t
	holds "$ROOM" <<<$'jhon: hello\njhon: again\n: '
	holds "$ROOM-b" <<<$'marry: hi\nx: not an ID'
	assert_equal "$(cli xrange "$ROOM" 1-1 1-1)" ''
}

@test "-t: a room given replaces that of the rows, and so does a name" {
	rows 'a|1-1|jhon|one' 'b|1-1|marry|two' | send -t "$ROOM"
	rows 'R-n|1-1|jhon|three' | send -t -n bridge
	rows 'c|1-1|jhon|four' | send --tsv -n bridge "$ROOM"
	holds "$ROOM" <<<$'jhon: one\nmarry: two\nbridge: four'
	holds "$ROOM-n" <<<'bridge: three'
	assert_equal "$(cli exists a b c)" 0
}

@test "-t: CHAT_NAME replaces no row's name" {
	rows 'R|1-1|jhon|one' | CHAT_NAME=other send -t
	holds "$ROOM" <<<'jhon: one'
}

@test "-t undoes its escapes, and takes raw control bytes and a final CR as they are" {
	{
		rows 'R|1-1|n\x5d\\|tab\t nl\n cr\r bs\\n nul\0 \x00\xff\xfe'
		rows $'R|1-1|raw|\e[1m \x01\xff \r'
	} | send -t
	assert_equal "$(show -F '%n|%t|' -e "$ROOM" | od -An -c | tr -d ' \n')" \
		"$(printf 'n]\\|tab\t nl\n cr\r bs\\n nul\0 \0\377\376|raw|\e[1m \1\377 \r|' | od -An -c | tr -d ' \n')"
}

@test "-t: rows as jq's @tsv prints them" {
	jq -rn --arg room "$ROOM" '[$room, "", "jhon", "tab\tnl\ncr\rbs\\ \\n é"] | @tsv' | send -t
	assert_equal "$(show -j -e "$ROOM" | jq -c .text)" '"tab\tnl\ncr\rbs\\ \\n é"'
}

@test "-t: empty texts are sent, an unterminated last row counts" {
	rows 'R|1-1|jhon|' 'R|1-1|jhon|end' | head -c -1 | send -t
	holds "$ROOM" <<<$'jhon: \njhon: end'
}

@test "-t: ten thousand rows over rooms that change, each room in its order" {
	seq 10000 | awk -v room="$ROOM" '{ printf "%s-%d\t1-1\tjhon\t%d\n", room, int($1 / 7) % 3, $1 }' | send -t
	for i in 0 1 2; do
		cmp <(messages "$ROOM-$i") <(seq 10000 | awk -v i=$i 'int($1 / 7) % 3 == i { print "jhon: " $1 }')
	done
}

# malformed ROW [option ...]: three good rows, then this one, then a good one: the first three are delivered.
malformed() {
	local ROOM=$ROOM-$((++malformed))
	fails 1 'line 4([^0-9]|$)' chat-send -t "${@:2}" < <(rows 'R|1-1|a|1' 'R|2-1|a|2' 'R|3-1|a|3' "$1" 'R|5-1|a|5')
	holds "$ROOM" <<<$'a: 1\na: 2\na: 3'
}

@test "-t: a malformed row ends the program and is named, and what came before it is delivered" {
	malformed 'R|4-1|only three'
	malformed 'R|4-1|a|five|columns'
	malformed ''
	malformed 'R|4-1|a|bad \q escape'
	malformed 'R|4-1|a|bad \x4g escape'
	malformed 'R|4-1|a|cut \x4'
	malformed "R|4-1|a|lone \\"
	malformed 'R|4-1|na\me|text'
	malformed '|4-1|a|no room'
}

@test "-t: a room that is empty, as jq's null is, is malformed; one that is given replaces it" {
	for with in -t '-t -k'; do
		read -ra options <<<"$with"
		fails 1 'line 1 is malformed.*room' chat-send "${options[@]}" < <(jq -rn '[null, "5-1", "jhon", "hi"] | @tsv')
		assert_equal "$(cli exists '')" 0
	done
	rows '|1-1|jhon|hi' | send -t "$ROOM"
	holds "$ROOM" <<<'jhon: hi'
}

@test "-t: a byte order mark before the first row is malformed; elsewhere it is part of a room's name" {
	for with in -t '-t -k' "-t $ROOM"; do
		read -ra options <<<"$with"
		fails 1 'line 1 is malformed.*byte order mark' chat-send "${options[@]}" < <(
			printf '\xef\xbb\xbf'
			rows 'R|1-1|jhon|hi'
		)
		assert_equal "$(cli keys "*$ROOM*")" ''
	done
	# Escaped, or in later rows, it is part of a room's name.
	{
		printf '\\xef\\xbb\\xbf%s\t1-1\tjhon\tone\n' "$ROOM"
		printf '\xef\xbb\xbf%s\t2-1\tjhon\ttwo\n' "$ROOM"
	} | send -t
	holds $'\xef\xbb\xbf'"$ROOM" <<<$'jhon: one\njhon: two'
	assert_equal "$(cli exists "$ROOM")" 0
}

@test "-t -k: a row without a whole ID is malformed" {
	for id in '' abc '*' '4-*' -4-1 4-1-1 18446744073709551616-0 ' 4-1' + 4-1++ '4-1 +' +4-1 0-0 0-0+; do
		malformed "R|$id|a|text" -k
	done
}

# --- -k --------------------------------------------------------------------------------------------------------------

# whole ROOM: everything that the server has of a room, including IDs.
whole() { cli --no-raw xrange "$1" - +; }

# entries: the entries of the test's room, with their IDs, in one line.
entries() { cli --raw xrange "$ROOM" - + | tr '\n' ' '; }

@test "-k keeps the IDs, and sending twice does no harm" {
	rows 'R|1-1|jhon|one' 'R|1-2|marry|two' 'R|1700000000000-0|jhon|three' >"$BATS_TEST_TMPDIR/rows"
	send -t -k <"$BATS_TEST_TMPDIR/rows"
	assert_equal "$(show -t -e "$ROOM")" "$(<"$BATS_TEST_TMPDIR/rows")"
	local before
	before=$(whole "$ROOM")
	run --separate-stderr send --tsv --keep-ids <"$BATS_TEST_TMPDIR/rows"
	assert_status 0
	assert_equal "$output$stderr" ''
	assert_equal "$(whole "$ROOM")" "$before"
}

@test "-k can resume after it was cut off at any row" {
	seq 5000 | awk -v room="$ROOM" '{ printf "%s\t%d-7\tjhon\t%d\n", room, $1, $1 }' >"$BATS_TEST_TMPDIR/rows"
	for n in 1 1024 3000; do
		head -n "$n" "$BATS_TEST_TMPDIR/rows" | send -t -k
		assert_equal "$(length "$ROOM")" "$n"
	done
	send -t -k <"$BATS_TEST_TMPDIR/rows"
	cmp <(show -t -e "$ROOM") "$BATS_TEST_TMPDIR/rows"
}

@test "-k: rows whose ID ends in + and the row after them are one entry" {
	rows 'R|1-1+|jhon|a' 'R|1-1+|marry|b' 'R|1-1|jhon|c' 'R|1-2|x|d' 'R-b|1-2|x|e' >"$BATS_TEST_TMPDIR/rows"
	for _ in first second; do
		run --separate-stderr send -t -k <"$BATS_TEST_TMPDIR/rows"
		assert_status 0
		assert_equal "$output$stderr" ''
		assert_equal "$(length "$ROOM") $(length "$ROOM-b")" '2 1'
		assert_equal "$(entries)" '1-1 jhon a marry b jhon c 1-2 x d '
		assert_equal "$(show -t -e "$ROOM" "$ROOM-b")" "$(<"$BATS_TEST_TMPDIR/rows")"
	done
}

@test "-k: rows of one room and ID without a + are two entries, the second of which is refused" {
	fails 1 'line 2: ID 1-1 .*other fields; .*line 2 was not$' chat-send -t -k < <(rows 'R|1-1|a|1' 'R|1-1|b|2')
	assert_equal "$(entries)" '1-1 a 1 '
	fails 1 'line 2: ID 2-1 .*other fields; .*line 2 was not$' chat-send -t -k < <(rows 'R|2-1|a|1' 'R|2-1+|a|1' 'R|2-1|b|2')
	assert_equal "$(entries)" '1-1 a 1 2-1 a 1 '
	rows 'R|3-1|a|1' 'R|3-1|a|1' | send -t -k # the same again is there already
	assert_equal "$(entries)" '1-1 a 1 2-1 a 1 3-1 a 1 '
}

@test "-k: no pause ends an entry, not even one within a row; its last row does, at once" {
	hold_input
	spawn chat-send -t -k <"$pipe"
	rows 'R|1-1|jhon|zero' >&7
	wait_until 5 room_has "$ROOM" 1
	for piece in "${ROOM::2}" "${ROOM:2}"$'\t' 2-1 $'+\tjh' $'on\ta\n' "$ROOM"$'\t2-1+\tmarry\tb\n' "$ROOM"$'\t2-1\tji' $'m\tc'; do
		printf '%s' "$piece" >&7
		wait_until 5 has_read "$PID"
		assert_equal "$(entries)" '1-1 jhon zero '
	done
	printf '\n' >&7
	wait_until 5 room_has "$ROOM" 2
	rows 'R|3-1|jhon|d' >&7
	wait_until 5 room_has "$ROOM" 3
	kill -0 "$PID"
	assert_equal "$(entries)" '1-1 jhon zero 2-1 jhon a marry b jim c 3-1 jhon d '
}

@test "-k: a trickle of rows restores the room that it came from" {
	seq 100 | awk -v room="$ROOM" '{
		for (n = $1 % 7; n >= 0; n--) printf "%s\t%d-1%s\tname%d\ttext %d\n", room, $1, n ? "+" : "", n, $1
	}' >"$BATS_TEST_TMPDIR/rows"
	# Each write waits until the one before it was read, so that pieces of any length arrive separately.
	hold_input
	spawn chat-send -t -k <"$pipe"
	local text piece
	text=$(<"$BATS_TEST_TMPDIR/rows")$'\n'
	while [[ $text ]]; do
		piece=${text::RANDOM % 700 + 1}
		text=${text:${#piece}}
		printf '%s' "$piece" >&7
		wait_until 5 has_read "$PID"
	done
	exec 7>&-
	wait_end 5 "$PID"
	assert_status 0
	cmp <(show -t -e "$ROOM") "$BATS_TEST_TMPDIR/rows"
}

@test "-k: a reader of -T that stalls again and again cuts no entry" {
	{
		seq 3000 | awk -v room="$ROOM" '{ printf "%s\t%d-1\tjhon\t%0100d\n", room, $1, $1 }'
		seq 10000 | awk -v room="$ROOM" '{ printf "%s\t9999-1%s\tname%d\t%d\n", room, $1 < 10000 ? "+" : "", $1, $1 }'
	} >"$BATS_TEST_TMPDIR/rows"
	hold_input
	spawn chat-send -t -k -T <"$BATS_TEST_TMPDIR/rows" >"$pipe"
	while wait_until 5 stands_or_ended "$PID" && read -r -t 0 -u 7; do
		dd bs=65536 count=1 status=none <&7 >>"$BATS_TEST_TMPDIR/out"
	done
	wait_end 5 "$PID"
	assert_status 0
	cmp "$BATS_TEST_TMPDIR/rows" "$BATS_TEST_TMPDIR/out"
	cmp <(show -t -e "$ROOM") "$BATS_TEST_TMPDIR/rows"
}

# stands_or_ended PID: it has written to the pipe of hold_input, and sleeps; or it is no more.
stands_or_ended() {
	ended "$1" || { read -r -t 0 -u 7 && [[ $(cut -d ' ' -f 3 "/proc/$1/stat") == S ]]; }
}

@test "-k: an entry that a signal may have cut is not sent, and is sent whole the next time" {
	hold_input
	spawn chat-send -t -k <"$pipe"
	rows 'R|1-1|a|one' 'R|2-1+|a|two' >&7
	wait_until 5 room_has "$ROOM" 1
	kill -TERM "$PID"
	wait_end 5 "$PID"
	assert_status 143
	assert_equal "$(entries)" '1-1 a one '
	rows 'R|1-1|a|one' 'R|2-1+|a|two' 'R|2-1|b|more' | send -t -k
	assert_equal "$(entries)" '1-1 a one 2-1 a two b more '
}

# cut_off LINE NOT: in the rows of standard input, line LINE is cut off or does not follow. What is before its entry, which
# begins in line NOT, is delivered, and nothing of that entry.
cut_off() {
	local ROOM=$ROOM-$((++cut))
	fails 1 "line $1 is (cut off|not part of|malformed).*; 1 message delivered, line $2 was not\$" chat-send -t -k < <(sed "s/^R/$ROOM/")
	assert_equal "$(entries)" '1-1 a one '
}

@test "-k: an entry that is cut off, by the end of the input or by a row that is not part of it, is not sent" {
	cut=0
	cut_off 2 2 < <(printf 'R\t1-1\ta\tone\nR\t2-1+\ta\ttwo\n')
	cut_off 3 2 < <(printf 'R\t1-1\ta\tone\nR\t2-1+\ta\ttwo\nR\t2-1+\tb\tthree\n')
	cut_off 3 2 < <(printf 'R\t1-1\ta\tone\nR\t2-1+\ta\ttwo\nR\t2-1\tb\tthr')       # perhaps "three"
	cut_off 3 2 < <(printf 'R\t1-1\ta\tone\nR\t2-1+\ta\ttwo\nR\t2')                 # perhaps 2-1
	cut_off 3 2 < <(printf 'R\t1-1\ta\tone\nR\t2-1+\ta\ttwo\nR\t2-2\tb\tthree\n')   # another ID
	cut_off 3 2 < <(printf 'R\t1-1\ta\tone\nR\t2-1+\ta\ttwo\nR\t3-1+\tb\tthree\n')  # that goes on itself
	cut_off 3 2 < <(printf 'R\t1-1\ta\tone\nR\t2-1+\ta\ttwo\nR-b\t2-1\tb\tthree\n') # another room
	cut_off 3 2 < <(printf 'R\t1-1\ta\tone\nR\t2-1+\ta\ttwo\n\nR\t2-1\tb\tthree\n') # an empty line
}

@test "-k: a last row without its newline counts as cut off, although it looks whole: nothing of its entry is sent" {
	fails 1 'line 2 is cut off.*; 1 message delivered' chat-send -t -k < <(rows 'R|1-1|a|one' 'R|2-1|a|two' | head -c -1)
	assert_equal "$(entries)" '1-1 a one '
	fails 1 'line 1 is cut off.*; 0 messages delivered' chat-send -t -k < <(rows 'R-b|2-1|a|two' | head -c -1)
	assert_equal "$(cli exists "$ROOM-b")" 0
}

@test "-k: a file that was cut within a text is refused, and then sent whole" {
	printf 'r\t1-1\tjhon\tHello, world\n' >"$BATS_TEST_TMPDIR/rows"
	cli del r >/dev/null
	head -c 17 "$BATS_TEST_TMPDIR/rows" | fails 1 'line 1 is cut off' chat-send -t -k
	assert_equal "$(cli exists r)" 0
	send -t -k <"$BATS_TEST_TMPDIR/rows"
	assert_equal "$(show -t -e r)" "$(<"$BATS_TEST_TMPDIR/rows")"
}

# other_fields ROW ...: rows for the ID 5-1, which the room has as `a one` and `b two`, are refused.
other_fields() {
	fails 1 "line 2: ID 5-1 .*$ROOM.*other fields; .*line 2 was not\$" chat-send -t -k < <(rows 'R|4-1|a|four' "$@")
	assert_equal "$(entries)" '4-1 a four 5-1 a one b two 6-1 a six '
}

@test "-k: an ID that the room holds with other fields ends the program and is named" {
	rows 'R|4-1|a|four' 'R|5-1+|a|one' 'R|5-1|b|two' 'R|6-1|a|six' | send -t -k
	rows 'R|5-1+|a|one' 'R|5-1|b|two' | send -t -k
	other_fields 'R|5-1+|a|one' 'R|5-1|b|TWO'
	other_fields 'R|5-1+|a|one' 'R|5-1|B|two'
	other_fields 'R|5-1+|a|One' 'R|5-1|b|two'
	other_fields 'R|5-1|a|one'
	other_fields 'R|5-1|b|two'
	other_fields 'R|5-1+|b|two' 'R|5-1|a|one'
	other_fields 'R|5-1+|a|one' 'R|5-1+|b|two' 'R|5-1|c|'
	other_fields 'R|5-1+|a|one' 'R|5-1|b|two\n'
	other_fields 'R|5-1+|a|one' 'R|5-1|b|two\0'
	other_fields 'R|5-1+|a|one' 'R|5-1|b|'
}

@test "-k: an over-long row of the entry being put together: the entry is not sent" {
	fails 1 'line 2 is too long.*line 1 was not' chat-send -t -k --max-message 10 < <(
		rows 'R|1-1+|a|one'
		printf '%s\t1-1\tb\t' "$ROOM"
		head -c 2000000 /dev/zero | tr '\0' x
	)
	assert_equal "$(cli exists "$ROOM")" 0
}

@test "-k -i: an ID for each message of an entry" {
	for _ in first second; do
		run send -t -k -i < <(rows 'R|1-1+|a|one' 'R|1-1|b|two' 'R|2-1|a|three')
		assert_status 0
		assert_output $'1-1\n1-1\n2-1'
	done
}

@test "-k with several rooms, interleaved" {
	seq 300 | awk -v room="$ROOM" '{ printf "%s-%d\t%d-1\tjhon\t%d\n", room, $1 % 3, $1, $1 }' >"$BATS_TEST_TMPDIR/rows"
	send -t -k <"$BATS_TEST_TMPDIR/rows"
	send -t -k <"$BATS_TEST_TMPDIR/rows"
	cmp <(show -t -e "$ROOM"-{0,1,2} | sort -t $'\t' -k 4n) "$BATS_TEST_TMPDIR/rows"
}

@test "-k: a room and a name given replace those of the rows, the IDs stay" {
	rows 'x|1-1|jhon|a' 'x|2-1|jhon|b' | send -t -k -n bridge "$ROOM"
	assert_equal "$(show -t -e "$ROOM")" "$(rows 'R|1-1|bridge|a' 'R|2-1|bridge|b')"
}

@test "-k: an ID below the room's last that it does not hold ends the program and is named" {
	cli xadd "$ROOM" 5-0 jhon five >/dev/null
	cli xadd "$ROOM" 7-0 jhon seven >/dev/null
	fails 1 'line 3|3.*line' chat-send -t -k < <(rows 'R|5-0|jhon|five' 'R|7-0|jhon|seven' 'R|6-0|jhon|six' 'R|8-0|jhon|eight')
	# Nothing is promised about what comes after it.
	assert_equal "$(messages "$ROOM" | head -n 2)" $'jhon: five\njhon: seven'
	cli xdel "$ROOM" 7-0 >/dev/null
	fails 1 'line 2' chat-send -t -k < <(rows 'R|5-0|jhon|five' 'R|7-0|jhon|seven')
}

@test "-k: what came before an ID that cannot be kept is delivered" {
	cli xadd "$ROOM" 5-0 jhon five >/dev/null
	fails 1 'line 3' chat-send -t -k < <(rows 'R|6-0|jhon|six' 'R|7-0|jhon|seven' 'R|4-0|jhon|four' 'R|8-0|jhon|eight')
	# Nothing is promised about what comes after it.
	assert_equal "$(messages "$ROOM" | head -n 3)" $'jhon: five\njhon: six\njhon: seven'
}

@test "-k: an ID of 0-0 ends the program" {
	fails 1 'line 2' chat-send -t -k < <(rows 'R|0-1|a|first' 'R-b|0-0|a|none')
	holds "$ROOM" <<<'a: first'
	assert_equal "$(cli exists "$ROOM-b")" 0
}

@test "-k with --maxlen or --maxage: what was trimmed is skipped" {
	seq 3000 | awk -v room="$ROOM" '{ printf "%s\t%d-0\tjhon\t%d\n", room, $1, $1 }' >"$BATS_TEST_TMPDIR/rows"
	send -t -k --maxlen 100 <"$BATS_TEST_TMPDIR/rows"
	local before
	before=$(length "$ROOM")
	((before >= 100 && before < 1000))
	send -t -k --maxlen 100 <"$BATS_TEST_TMPDIR/rows"
	assert_equal "$(length "$ROOM")" "$before"
	send -t -k --maxage 5000w <"$BATS_TEST_TMPDIR/rows"
	fails 1 'line 1[^0-9]' chat-send -t -k <"$BATS_TEST_TMPDIR/rows"
}

@test "-k: a malformed row of the entry being put together: the entry is not sent, and the corrected file can be" {
	fails 1 'line 3.*1 message.* delivered, line 2 was not' chat-send -t -k < <(rows 'R|1-1|a|one' 'R|2-1+|a|two' 'R|2-1|b|bad \q')
	holds "$ROOM" <<<'a: one'
	rows 'R|1-1|a|one' 'R|2-1+|a|two' 'R|2-1|b|good' | send -t -k
	assert_equal "$(cli xrange "$ROOM" 2-1 2-1 | tr '\n' ' ')" '2-1 a two b good '
}

@test "-k: a malformed row of another entry: the one before it is sent" {
	fails 1 'line 3' chat-send -t -k < <(rows 'R|1-1|a|one' 'R|2-1|a|two' 'R|3-1|b|bad \q')
	holds "$ROOM" <<<$'a: one\na: two'
}
