#!/usr/bin/env bats
# chat-send: what goes in, and what a room holds after it. The server is asked by redis-cli.
# shellcheck disable=SC2154 # status, output, stderr are bats's

load helper

setup_file() { start_server; }
teardown_file() { stop_servers; }
setup() { trace_less; }
teardown() { stop_jobs; }

# hold_input: a pipe to write to through descriptor 7, while its reader, started with <"$pipe", goes on.
hold_input() {
	pipe=$BATS_TEST_TMPDIR/pipe
	mkfifo "$pipe"
	exec 7<>"$pipe"
}

# rows LINE ...: each with `|` for tabs, and the test's room for R at its beginning.
rows() {
	local line
	for line in "$@"; do
		line=${line//|/$'\t'}
		printf '%s\n' "${line/#R/$ROOM}"
	done
}

# tees FILE [argument ...]: with -T, the file as input comes out as it is.
tees() { cmp <(send -T "${@:2}" <"$1") "$1"; }

input() { # TEXT: the file $input holds this, backslash escapes undone
	input=$BATS_TEST_TMPDIR/input
	printf '%b' "$1" >"$input"
}

# --- lines -----------------------------------------------------------------------------------------------------------

@test "each line becomes one message, an entry {name: text} and nothing else" {
	printf 'hello world\n  two  blanks \nthird\n' | send -n jhon "$ROOM"
	holds "$ROOM" <<-'END'
		jhon: hello world
		jhon:   two  blanks 
		jhon: third
	END
	assert_equal "$(cli --no-raw xrange "$ROOM" - + count 1 | tail -n 2 | tr -d ' ')" $'2)1)"jhon"\n2)"helloworld"'
}

@test "an unterminated last line counts, and sending prints nothing" {
	run --separate-stderr send -n jhon "$ROOM" < <(printf 'one\ntwo')
	assert_status 0
	assert_equal "$output$stderr" ''
	holds "$ROOM" <<<$'jhon: one\njhon: two'
}

@test "empty standard input ends at once, with success, and makes no room" {
	run --separate-stderr send -n jhon "$ROOM" </dev/null
	assert_status 0
	assert_equal "$output$stderr" ''
	assert_equal "$(cli exists "$ROOM")" 0
}

@test "a carriage return is data" {
	printf 'dos\r\n\r\nunix\n' | send -n jhon "$ROOM"
	assert_equal "$(show -t -e "$ROOM" | cut -f 4)" $'dos\\r\n\\r\nunix'
}

@test "a NUL in a line is data" {
	printf 'a\0b\n\0\nc\0' | send -n jhon "$ROOM"
	assert_equal "$(length "$ROOM")" 3
	assert_equal "$(cli --no-raw xrange "$ROOM" - + | grep -c -e '"a\\x00b"' -e '2) "\\x00"' -e '"c\\x00"')" 3
}

@test "a thousand times a thousand bytes arrive in order, without a gap" {
	seq -f '%01000.0f' 1000 | send -n jhon "$ROOM"
	cmp <(messages "$ROOM") <(seq -f 'jhon: %01000.0f' 1000)
}

@test "fifty thousand lines of a flood arrive in order, without a gap" {
	seq 50000 | send -n jhon "$ROOM"
	cmp <(messages "$ROOM") <(seq -f 'jhon: %.0f' 50000)
}

@test "two senders at once: both whole, each in its order" {
	spawn chat-send -n a "$ROOM" < <(seq 20000)
	local other=$PID
	seq 20000 | send -n b "$ROOM"
	wait_end 20 "$other"
	assert_status 0
	cmp <(messages "$ROOM" | grep ^a) <(seq -f 'a: %.0f' 20000)
	cmp <(messages "$ROOM" | grep ^b) <(seq -f 'b: %.0f' 20000)
}

@test "a lone line is in the room at once, while standard input stays open" {
	hold_input
	spawn chat-send -n jhon "$ROOM" <"$pipe"
	echo one >&7
	wait_until 5 room_has "$ROOM" 1
	echo two >&7
	wait_until 5 room_has "$ROOM" 2
	kill -0 "$PID"
	holds "$ROOM" <<<$'jhon: one\njhon: two'
}

@test "half a line waits for its other half" {
	hold_input
	spawn chat-send -n jhon "$ROOM" <"$pipe"
	printf 'first\nsec' >&7
	wait_until 5 room_has "$ROOM" 1
	echo ond >&7
	wait_until 5 room_has "$ROOM" 2
	holds "$ROOM" <<<$'jhon: first\njhon: second'
}

@test "standard input is read no faster than the server takes it" {
	start_server
	hold_input
	spawn chat-send -n jhon "$ROOM" <"$pipe"
	echo first >&7
	wait_until 5 room_has "$ROOM" 1
	kill -STOP "$SERVER_PID"
	head -c 64M /dev/zero | tr '\0' x | fold -w 1000 >"$BATS_TEST_TMPDIR/lines"
	spawn cat <"$BATS_TEST_TMPDIR/lines" >"$pipe"
	wait_until 10 stands_still "$PID"
	(($(place "$PID") < 16000000))
}

# place PID: how far it has read its standard input, a file. stands_still: not farther after a while.
place() { awk '/^pos:/ { print $2 }' "/proc/$1/fdinfo/0"; }
stands_still() {
	local before
	before=$(place "$1")
	sleep 0.3
	((before > 0 && before == $(place "$1")))
}

# --- empty lines -----------------------------------------------------------------------------------------------------

@test "an empty line of chat is not sent" {
	printf '\none\n\n\ntwo\n\n' | send -n jhon "$ROOM"
	holds "$ROOM" <<<$'jhon: one\njhon: two'
}

@test "nothing but empty lines: success, and no room" {
	assert_equal "$(printf '\n\n\n' | send -v -n jhon "$ROOM" 2>&1 | tail -n 1 | cut -d , -f 1)" 'chat-send: 0 messages'
	assert_equal "$(cli exists "$ROOM")" 0
}

@test "-E sends empty lines too" {
	printf '\none\n\n' | send -E -n jhon "$ROOM"
	holds "$ROOM" <<<$'jhon: \njhon: one\njhon: '
	printf '\n' | send --empty -n jhon "$ROOM"
	assert_equal "$(length "$ROOM")" 4
}

# --- words -----------------------------------------------------------------------------------------------------------

@test "words are joined by one space and sent as one message" {
	send -n jhon "$ROOM" hello 'wide  world' again
	holds "$ROOM" <<<'jhon: hello wide  world again'
}

@test "an empty word is sent as it is" {
	send -n jhon "$ROOM" ''
	send -n jhon "$ROOM" a '' b
	holds "$ROOM" <<<$'jhon: \njhon: a  b'
}

@test "words may hold newlines and any bytes" {
	send -n jhon "$ROOM" $'two\nlines \xff'
	assert_equal "$(show -t -e "$ROOM" | cut -f 4)" 'two\nlines \xff'
}

@test "options stand before the message, from whose first word on all is text; -- ends them, and POSIXLY_CORRECT nothing" {
	export CHAT_NAME=marry
	for environment in --unset=POSIXLY_CORRECT POSIXLY_CORRECT=1; do
		env "$environment" timeout 120 chat-send "$ROOM" run it with -v 2>"$BATS_TEST_TMPDIR/err"
		[[ ! -s $BATS_TEST_TMPDIR/err ]]
		env "$environment" timeout 120 chat-send "$ROOM" try -n 5 -- --zzz
		env "$environment" timeout 120 chat-send "$ROOM" -n jhon hi
		env "$environment" timeout 120 chat-send -n jhon -- "$ROOM" -n is text
		env "$environment" timeout 120 chat-send "$ROOM" --name=jhon -- --name
		env "$environment" timeout 120 chat-send "$ROOM" - -n
		holds "$ROOM" <<-'END'
			marry: run it with -v
			marry: try -n 5 -- --zzz
			jhon: hi
			jhon: -n is text
			jhon: --name
			marry: - -n
		END
		prints env "$environment" chat-tail -n 1 "$ROOM" -e <<<'[marry]: - -n'
		cli del "$ROOM" >/dev/null
	done
}

@test "words leave standard input to the loop that calls it" {
	printf 'a\nb\nc\n' | while read -r line; do
		send -n jhon "$ROOM" "got $line"
	done
	holds "$ROOM" <<<$'jhon: got a\njhon: got b\njhon: got c'
}

@test "words do not wait for standard input" {
	hold_input
	timeout 120 chat-send -n jhon "$ROOM" now <"$pipe"
	holds "$ROOM" <<<'jhon: now'
}

# --- names -----------------------------------------------------------------------------------------------------------

@test "the name is -n, else CHAT_NAME, else the login name" {
	CHAT_NAME=marry send -n jhon "$ROOM" one
	CHAT_NAME=marry send "$ROOM" two
	CHAT_NAME='' send "$ROOM" three
	send "$ROOM" four </dev/null
	echo five | LOGNAME=nobody USER=nobody send "$ROOM"
	local me
	me=$(id -un)
	holds "$ROOM" <<-END
		jhon: one
		marry: two
		$me: three
		$me: four
		$me: five
	END
}

@test "the last -n counts, and a name may be any bytes but none" {
	echo text | send -n first --name $'\xfe ]: \t' "$ROOM"
	assert_equal "$(show -t -e "$ROOM" | cut -f 3)" '\xfe ]: \t'
	fails 2 name chat-send -n '' "$ROOM" </dev/null
}

@test "a room's name may be any bytes" {
	local room=$ROOM$' \t[\xff]\n*?{}'
	send -n jhon "$room" hi
	assert_equal "$(cli exists "$room")" 1
	assert_equal "$(show -F '%r' -e "$room")" "$room"
}

# --- -0 and -w -------------------------------------------------------------------------------------------------------

@test "-0: NUL ends a message, a newline is data, no record is passed over" {
	printf 'two\nlines\0\0\n\0last' | send -0 -n jhon "$ROOM"
	assert_equal "$(show -t -e "$ROOM" | cut -f 4)" $'two\\nlines\n\n\\n\nlast'
}

@test "--null: a NUL at the end ends the last message and begins none" {
	printf 'one\0two\0' | send --null -n jhon "$ROOM"
	holds "$ROOM" <<<$'jhon: one\njhon: two'
}

@test "-w: all of standard input is one message" {
	printf '\n\nlines\0\r\n\n' | send -w -n jhon "$ROOM"
	assert_equal "$(show -t -e "$ROOM" | cut -f 4)" '\n\nlines\x00\r\n\n'
	assert_equal "$(length "$ROOM")" 1
}

@test "--whole of nothing is an empty message" {
	send --whole -n jhon "$ROOM" </dev/null
	holds "$ROOM" <<<'jhon: '
}

# --- -t --------------------------------------------------------------------------------------------------------------

@test "-t: room, name and text come from the row, the ID is not looked at" {
	rows 'R-b|5-1|marry|hi' 'R|1-1|jhon|hello' 'R|1-1|jhon|again' 'R-b|*|x|not an ID' 'R|||' | send -t
	holds "$ROOM" <<<$'jhon: hello\njhon: again\n: '
	holds "$ROOM-b" <<<$'marry: hi\nx: not an ID'
	assert_equal "$(cli xrange "$ROOM" 1-1 1-1)" ''
}

@test "-t: a room given replaces the rows', a name given theirs" {
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

# malformed ROW [option ...]: three good rows, then this one, then a good one: the three are in.
malformed() {
	local ROOM=$ROOM-$((++malformed))
	fails 1 'line 4([^0-9]|$)' chat-send -t "${@:2}" < <(rows 'R|1-1|a|1' 'R|2-1|a|2' 'R|3-1|a|3' "$1" 'R|5-1|a|5')
	holds "$ROOM" <<<$'a: 1\na: 2\na: 3'
}

@test "-t: a malformed row ends the program, is named, and what came before it is in" {
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

@test "-t: a byte order mark before the first row is malformed; behind it, it is a room's name" {
	for with in -t '-t -k' "-t $ROOM"; do
		read -ra options <<<"$with"
		fails 1 'line 1 is malformed.*byte order mark' chat-send "${options[@]}" < <(
			printf '\xef\xbb\xbf'
			rows 'R|1-1|jhon|hi'
		)
		assert_equal "$(cli keys "*$ROOM*")" ''
	done
	# Written as rows write it, and in later rows, it is part of a room's name.
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

# whole ROOM: all that the server has of a room, IDs too.
whole() { cli --no-raw xrange "$1" - +; }

# entries: what the test's room holds, IDs too, in one line.
entries() { cli --raw xrange "$ROOM" - + | tr '\n' ' '; }

@test "-k keeps the IDs, and done twice does no harm" {
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

@test "-k can go on after having been cut off at any row" {
	seq 5000 | awk -v room="$ROOM" '{ printf "%s\t%d-7\tjhon\t%d\n", room, $1, $1 }' >"$BATS_TEST_TMPDIR/rows"
	for n in 1 1024 3000; do
		head -n "$n" "$BATS_TEST_TMPDIR/rows" | send -t -k
		assert_equal "$(length "$ROOM")" "$n"
	done
	send -t -k <"$BATS_TEST_TMPDIR/rows"
	cmp <(show -t -e "$ROOM") "$BATS_TEST_TMPDIR/rows"
}

@test "-k: rows whose ID ends in + and the row behind them are one entry" {
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

@test "-k: no pause ends an entry, nor does one in the middle of a row; its last row does at once" {
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

@test "-k: a trickle of rows is the room that it came from" {
	seq 100 | awk -v room="$ROOM" '{
		for (n = $1 % 7; n >= 0; n--) printf "%s\t%d-1%s\tname%d\ttext %d\n", room, $1, n ? "+" : "", n, $1
	}' >"$BATS_TEST_TMPDIR/rows"
	# Each write waits until all before it was read, so that pieces of any length come by themselves.
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

@test "-k: a reader of -T that stands still, time and again, cuts no entry" {
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

@test "-k: an entry that a signal may have cut is not sent, and the same again is sent whole" {
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

# cut_off LINE NOT: the rows of standard input, the last of which, at that line, is cut off or does not follow: what is
# before its entry, which begins in line NOT, is in, and nothing of that one.
cut_off() {
	local ROOM=$ROOM-$((++cut))
	fails 1 "line $1 is (cut off|not part of|malformed).*; 1 message delivered, line $2 was not\$" chat-send -t -k < <(sed "s/^R/$ROOM/")
	assert_equal "$(entries)" '1-1 a one '
}

@test "-k: an entry that is cut off, by the end of the input or by a row that is none of it, is not sent" {
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

@test "-k: a last row without its newline is cut off, though it looks whole: nothing of its entry is sent" {
	fails 1 'line 2 is cut off.*; 1 message delivered' chat-send -t -k < <(rows 'R|1-1|a|one' 'R|2-1|a|two' | head -c -1)
	assert_equal "$(entries)" '1-1 a one '
	fails 1 'line 1 is cut off.*; 0 messages delivered' chat-send -t -k < <(rows 'R-b|2-1|a|two' | head -c -1)
	assert_equal "$(cli exists "$ROOM-b")" 0
}

@test "-k: a file that was cut within a text, and then whole" {
	printf 'r\t1-1\tjhon\tHello, world\n' >"$BATS_TEST_TMPDIR/rows"
	cli del r >/dev/null
	head -c 17 "$BATS_TEST_TMPDIR/rows" | fails 1 'line 1 is cut off' chat-send -t -k
	assert_equal "$(cli exists r)" 0
	send -t -k <"$BATS_TEST_TMPDIR/rows"
	assert_equal "$(show -t -e r)" "$(<"$BATS_TEST_TMPDIR/rows")"
}

# other_fields ROW ...: rows for the ID 5-1, which the room holds as `a one` and `b two`: they are refused.
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

@test "--maxage of nothing ends with 2" {
	fails 2 '--maxage' chat-send --maxage 0s "$ROOM" hi
}

@test "-k with several rooms, interleaved" {
	seq 300 | awk -v room="$ROOM" '{ printf "%s-%d\t%d-1\tjhon\t%d\n", room, $1 % 3, $1, $1 }' >"$BATS_TEST_TMPDIR/rows"
	send -t -k <"$BATS_TEST_TMPDIR/rows"
	send -t -k <"$BATS_TEST_TMPDIR/rows"
	cmp <(show -t -e "$ROOM"-{0,1,2} | sort -t $'\t' -k 4n) "$BATS_TEST_TMPDIR/rows"
}

@test "-k: a room and a name given replace the rows', the IDs stay" {
	rows 'x|1-1|jhon|a' 'x|2-1|jhon|b' | send -t -k -n bridge "$ROOM"
	assert_equal "$(show -t -e "$ROOM")" "$(rows 'R|1-1|bridge|a' 'R|2-1|bridge|b')"
}

@test "-k: an ID below the room's last that it does not hold ends the program and is named" {
	cli xadd "$ROOM" 5-0 jhon five >/dev/null
	cli xadd "$ROOM" 7-0 jhon seven >/dev/null
	fails 1 'line 3|3.*line' chat-send -t -k < <(rows 'R|5-0|jhon|five' 'R|7-0|jhon|seven' 'R|6-0|jhon|six' 'R|8-0|jhon|eight')
	# Of what comes after it nothing is promised.
	assert_equal "$(messages "$ROOM" | head -n 2)" $'jhon: five\njhon: seven'
	cli xdel "$ROOM" 7-0 >/dev/null
	fails 1 'line 2' chat-send -t -k < <(rows 'R|5-0|jhon|five' 'R|7-0|jhon|seven')
}

@test "-k: what came before an ID that cannot be kept is in" {
	cli xadd "$ROOM" 5-0 jhon five >/dev/null
	fails 1 'line 3' chat-send -t -k < <(rows 'R|6-0|jhon|six' 'R|7-0|jhon|seven' 'R|4-0|jhon|four' 'R|8-0|jhon|eight')
	# Of what comes after it nothing is promised.
	assert_equal "$(messages "$ROOM" | head -n 3)" $'jhon: five\njhon: six\njhon: seven'
}

@test "-k: an ID of 0-0 ends the program" {
	fails 1 'line 2' chat-send -t -k < <(rows 'R|0-1|a|first' 'R-b|0-0|a|none')
	holds "$ROOM" <<<'a: first'
	assert_equal "$(cli exists "$ROOM-b")" 0
}

@test "-k with --maxlen or --maxage: what was trimmed is passed over" {
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

@test "-k: a malformed row of the entry being put together: the entry is not sent, and the mended file can be" {
	fails 1 'line 3.*1 message.* delivered, line 2 was not' chat-send -t -k < <(rows 'R|1-1|a|one' 'R|2-1+|a|two' 'R|2-1|b|bad \q')
	holds "$ROOM" <<<'a: one'
	rows 'R|1-1|a|one' 'R|2-1+|a|two' 'R|2-1|b|good' | send -t -k
	assert_equal "$(cli xrange "$ROOM" 2-1 2-1 | tr '\n' ' ')" '2-1 a two b good '
}

@test "-k: a malformed row of another entry: the one before it is sent" {
	fails 1 'line 3' chat-send -t -k < <(rows 'R|1-1|a|one' 'R|2-1|a|two' 'R|3-1|b|bad \q')
	holds "$ROOM" <<<$'a: one\na: two'
}

# --- -T and -i -------------------------------------------------------------------------------------------------------

@test "-T copies the input as it was, empty lines and the missing last newline too" {
	input '\none\r\n\n\ntwo\0\xff\n\nthree'
	tees "$input" -n jhon "$ROOM"
	assert_equal "$(length "$ROOM")" 3
}

@test "--tee of nothing but empty lines" {
	input '\n\n'
	tees "$input" -n jhon "$ROOM"
	tees /dev/null -n jhon "$ROOM"
}

@test "-T of a flood" {
	input "$(seq 50000)"
	tees "$input" -n jhon "$ROOM"
	assert_equal "$(length "$ROOM")" 50000
}

@test "-T copies records of -0, all of -w and rows of -t as they were" {
	for text in 'one\0\ntwo\0\0' 'one\0two' ''; do
		input "$text"
		tees "$input" -0 -n jhon "$ROOM"
		tees "$input" -w -n jhon "$ROOM"
	done
	rows 'R|1-1|jhon|a\tb' 'R|*|x|' >"$input"
	tees "$input" -t
	tees "$input" -t -n other "$ROOM"
}

@test "-T -k copies the rows that the room held already too" {
	rows 'R|1-1+|jhon|a' 'R|1-1|marry|b' 'R|2-1|jhon|c' >"$BATS_TEST_TMPDIR/rows"
	tees "$BATS_TEST_TMPDIR/rows" -t -k
	tees "$BATS_TEST_TMPDIR/rows" -t -k
}

@test "-T: a lone line comes out once the server has it, while standard input stays open" {
	hold_input
	spawn chat-send -T -n jhon "$ROOM" <"$pipe" >"$BATS_TEST_TMPDIR/output"
	echo one >&7
	wait_until 5 has_lines "$BATS_TEST_TMPDIR/output" 1
	assert_equal "$(length "$ROOM")" 1
	echo >&7
	wait_until 5 has_lines "$BATS_TEST_TMPDIR/output" 2
	kill -0 "$PID"
}

@test "-T prints no line before the server has it" {
	start_server
	hold_input
	spawn chat-send -T -n jhon "$ROOM" <"$pipe" >"$BATS_TEST_TMPDIR/output"
	echo one >&7
	wait_until 5 has_lines "$BATS_TEST_TMPDIR/output" 1
	kill -STOP "$SERVER_PID"
	echo two >&7
	wait_until 5 has_read "$PID"
	assert_equal "$(<"$BATS_TEST_TMPDIR/output")" one
	kill -CONT "$SERVER_PID"
	wait_until 5 has_lines "$BATS_TEST_TMPDIR/output" 2
	assert_equal "$(<"$BATS_TEST_TMPDIR/output")" $'one\ntwo'
}

# has_read PID: it has emptied the pipe of hold_input and sleeps.
has_read() { ! read -r -t 0 -u 7 && [[ $(cut -d ' ' -f 3 "/proc/$1/stat") == S ]]; }

@test "-i prints each message's ID" {
	run --separate-stderr send -i -n jhon "$ROOM" < <(printf 'one\n\ntwo\nthree')
	assert_status 0
	assert_equal "$stderr" ''
	assert_output "$(cli --raw xrange "$ROOM" - + | awk 'NR % 3 == 1')"
	assert_equal "${#lines[@]}" 3
}

@test "--ids with words, records and rows" {
	assert_equal "$(send --ids -n jhon "$ROOM" some words)" "$(show -F '%i' -e "$ROOM")"
	assert_equal "$(printf 'a\0\0b' | send -0i -n jhon "$ROOM")" "$(show -F '%i\n' -n 3 -e "$ROOM")"
	assert_equal "$(rows 'R|1-1|x|a' 'R|1-1|x|b' | send -ti)" "$(show -F '%i\n' -n 2 -e "$ROOM")"
	assert_equal "$(rows 'R-k|1-1|x|a' 'R-k|2-1|x|b' | send -tki)" $'1-1\n2-1'
}

@test "-i of a flood: all of them, in order" {
	seq 20000 | send -i -n jhon "$ROOM" >"$BATS_TEST_TMPDIR/ids"
	cmp "$BATS_TEST_TMPDIR/ids" <(show -F '%i\n' -e "$ROOM")
	assert_equal "$(wc -l <"$BATS_TEST_TMPDIR/ids")" 20000
}

@test "-T -i prints ID, tab, text for each message sent" {
	printf '\none\ntwo words\n\n' | send -T -i -n jhon "$ROOM" >"$BATS_TEST_TMPDIR/output"
	cmp "$BATS_TEST_TMPDIR/output" <(show -F '%i\t%t\n' -e "$ROOM")
	assert_equal "$(length "$ROOM")" 2
}

# --- trimming and limits ---------------------------------------------------------------------------------------------

@test "--maxlen keeps at least that many, and not many more" {
	seq 10000 | send --maxlen 150 -n jhon "$ROOM"
	local n
	n=$(length "$ROOM")
	((n >= 150 && n <= 400)) || { echo "holds $n" && return 1; }
	cmp <(messages "$ROOM") <(seq -f 'jhon: %.0f' $((10001 - n)) 10000)
}

@test "--maxlen with words, rows and records" {
	cli config set stream-node-max-entries 10 >/dev/null
	for i in {1..30}; do echo "xadd $ROOM * a $i"; done | cli >/dev/null
	send --maxlen 5 -n jhon "$ROOM" word
	(($(length "$ROOM") <= 15))
	rows R\|{1..100}-0\|a\|text | send -t --maxlen=5
	(($(length "$ROOM") >= 5 && $(length "$ROOM") <= 20))
	cli config set stream-node-max-entries 100 >/dev/null
}

@test "--maxage trims what is older, by the IDs that the server gives" {
	for i in {1..200}; do echo "xadd $ROOM $i-0 old $i"; done | cli >/dev/null
	printf 'new\nnewer\n' | send --maxage 1h -n jhon "$ROOM"
	assert_match "$(messages "$ROOM" | tail -n 2 | tr '\n' ' ')" '^jhon: new jhon: newer $'
	(($(length "$ROOM") <= 102)) # whole nodes of 100 entries are trimmed
}

@test "--maxage keeps what is younger" {
	seq 500 | send -n jhon "$ROOM"
	send --maxage 1w -n jhon "$ROOM" last
	send --maxage 10m -n jhon "$ROOM" last
	assert_equal "$(length "$ROOM")" 502
}

@test "--max-message: a line of just that length is taken" {
	printf '0123456789\n0123456789' | send --max-message 10 -n jhon "$ROOM"
	holds "$ROOM" <<<$'jhon: 0123456789\njhon: 0123456789'
}

@test "--max-message: a longer line is named, and what came before it is in" {
	fails 1 'line 3' chat-send --max-message 10 -n jhon "$ROOM" < <(printf 'one\n\n01234567890\nfour\n')
	holds "$ROOM" <<<'jhon: one'
	fails 1 'line 2' chat-send --max-message 10 -n jhon "$ROOM" < <(printf 'two\n01234567890')
	fails 1 '' chat-send --max-message=10 -0 -n jhon "$ROOM" < <(printf 'three\0%s' 12345678901)
	holds "$ROOM" <<<$'jhon: one\njhon: two\njhon: three'
}

@test "--max-message: a line that is too long ends the program before it ends" {
	hold_input
	spawn chat-send --max-message 1000 -n jhon "$ROOM" <"$pipe" 2>"$BATS_TEST_TMPDIR/err"
	printf 'first\n%02000d' 0 >&7
	wait_end 5 "$PID"
	assert_status 1
	assert_match "$(<"$BATS_TEST_TMPDIR/err")" 'line 2'
	holds "$ROOM" <<<'jhon: first'
}

@test "--max-message holds for words and for all of -w too" {
	fails 1 '' chat-send --max-message 10 -n jhon "$ROOM" hello world
	fails 1 '' chat-send --max-message 10 -w -n jhon "$ROOM" <<<'0123456789'
	assert_equal "$(cli exists "$ROOM")" 0
	send --max-message 11 -n jhon "$ROOM" hello world
	printf 0123456789 | send --max-message 10 -w -n jhon "$ROOM"
	holds "$ROOM" <<<$'jhon: hello world\njhon: 0123456789'
}

# --- what it tells ---------------------------------------------------------------------------------------------------

@test "without -v nothing is said; -v tells of the connection and sums up, on stderr" {
	run --separate-stderr send -v -n jhon "$ROOM" < <(printf 'one\n\nthree\n')
	assert_status 0
	assert_output ''
	assert_match "${stderr_lines[0]}" "^chat-send: .*$SOCK"
	assert_match "${stderr_lines[-1]}" '^chat-send: 2 messages, 8 bytes, [0-9.]+ s'
}

@test "-q still tells of errors" {
	run --separate-stderr send --quiet -n jhon "$ROOM" text
	assert_status 0
	assert_equal "$output$stderr" ''
	cli set "$ROOM-s" string >/dev/null
	fails 4 WRONGTYPE chat-send -q -n jhon "$ROOM-s" text
}

@test "--progress rewrites one line on stderr each second, ended by a newline, and leaves stdout alone" {
	hold_input
	spawn chat-send --progress -n jhon "$ROOM" <"$pipe" >"$BATS_TEST_TMPDIR/output" 2>"$BATS_TEST_TMPDIR/err"
	seq 123 >&7
	wait_until 5 grep -aq $'\rchat-send: 123 messages' "$BATS_TEST_TMPDIR/err"
	seq 77 >&7
	wait_until 5 grep -aq $'\rchat-send: 200 messages' "$BATS_TEST_TMPDIR/err"
	exec 7>&-
	wait_end 5 "$PID"
	assert_status 0
	assert_equal "$(wc -l <"$BATS_TEST_TMPDIR/err")" 1
	assert_equal "$(<"$BATS_TEST_TMPDIR/output")" ''
}

@test "--progress says how many in the end, also when it took less than a second" {
	run --separate-stderr send --progress -n jhon "$ROOM" < <(seq 321)
	assert_status 0
	assert_output ''
	assert_match "$stderr" '321 messages'
}

# --- contradictions and operands -------------------------------------------------------------------------------------

@test "options that contradict each other end with 2, before any connection" {
	export REDIS_URL=unix:///nowhere/at/all
	for given in '-0 room word' '-w room word' '-E room word' '-t room word' '-w -0 room' '-w -t' '-0 -t' '-k room' \
		'-k -0 room' '-t -k --at-least-once' '--maxlen 5 --maxage 1h room'; do
		read -ra arguments <<<"$given"
		fails 2 '' chat-send -n jhon "${arguments[@]}" <<<text
		assert_output ''
	done
}

@test "no room, or one without a name, ends with 2" {
	fails 2 room chat-send -n jhon <<<text
	fails 2 room chat-send -n jhon '' <<<text
	fails 2 room chat-send -n jhon '' word
	fails 2 room chat-send -k -t '' </dev/null
}
