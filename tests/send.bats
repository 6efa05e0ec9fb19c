#!/usr/bin/env bats
# chat-send: its input, and what the room has afterwards, as redis-cli shows it.
# shellcheck disable=SC2153,SC2154 # status, output, stderr are bats's, and ROOM is the helper's

load helper

setup_file() { start_server; }
teardown_file() { stop_servers; }
setup() { trace_less; }
teardown() { stop_jobs; }

# tees FILE [argument ...]: with -T, this input is the output too.
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

@test "empty standard input: exit status 0 at once, and no room" {
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

@test "two senders at once: all messages of both, each in its order" {
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

# place PID: how far it has read its standard input, a file. stands_still PID: no farther after a while.
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

@test "options come before the message, whose words are all text; -- ends them, and POSIXLY_CORRECT changes nothing" {
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

@test "the last -n counts, and a name may be any bytes but not empty" {
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

@test "-0: NUL ends a message, a newline is data, no record is skipped" {
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

@test "--whole of empty input is an empty message" {
	send --whole -n jhon "$ROOM" </dev/null
	holds "$ROOM" <<<'jhon: '
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

@test "-T -k copies also the rows that the room held already" {
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

@test "--maxlen keeps at least that many entries, and not many more" {
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

@test "--maxage 0s: exit status 2" {
	fails 2 '--maxage' chat-send --maxage 0s "$ROOM" hi
}

@test "--max-message: a line of just that length is accepted" {
	printf '0123456789\n0123456789' | send --max-message 10 -n jhon "$ROOM"
	holds "$ROOM" <<<$'jhon: 0123456789\njhon: 0123456789'
}

@test "--max-message: a longer line is named, and what came before it is delivered" {
	fails 1 'line 3' chat-send --max-message 10 -n jhon "$ROOM" < <(printf 'one\n\n01234567890\nfour\n')
	holds "$ROOM" <<<'jhon: one'
	fails 1 'line 2' chat-send --max-message 10 -n jhon "$ROOM" < <(printf 'two\n01234567890')
	fails 1 '' chat-send --max-message=10 -0 -n jhon "$ROOM" < <(printf 'three\0%s' 12345678901)
	holds "$ROOM" <<<$'jhon: one\njhon: two\njhon: three'
}

@test "--max-message: a line that is too long ends the program before the line is complete" {
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

@test "without -v nothing is printed; -v reports the connection and a summary, on standard error" {
	run --separate-stderr send -v -n jhon "$ROOM" < <(printf 'one\n\nthree\n')
	assert_status 0
	assert_output ''
	assert_match "${stderr_lines[0]}" "^chat-send: .*$SOCK"
	assert_match "${stderr_lines[-1]}" '^chat-send: 2 messages, 8 bytes, [0-9.]+ s'
}

@test "-q still reports errors" {
	run --separate-stderr send --quiet -n jhon "$ROOM" text
	assert_status 0
	assert_equal "$output$stderr" ''
	cli set "$ROOM-s" string >/dev/null
	fails 4 WRONGTYPE chat-send -q -n jhon "$ROOM-s" text
}

@test "--progress rewrites one line on standard error each second, ended by a newline, and prints nothing else" {
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

@test "--progress says how many at the end, also when it took less than a second" {
	run --separate-stderr send --progress -n jhon "$ROOM" < <(seq 321)
	assert_status 0
	assert_output ''
	assert_match "$stderr" '321 messages'
}

# --- contradictions and operands -------------------------------------------------------------------------------------

@test "options that cannot be used together: exit status 2, before any connection" {
	export REDIS_URL=unix:///nowhere/at/all
	for given in '-0 room word' '-w room word' '-E room word' '-t room word' '-w -0 room' '-w -t' '-0 -t' '-k room' \
		'-k -0 room' '-t -k --at-least-once' '--maxlen 5 --maxage 1h room'; do
		read -ra arguments <<<"$given"
		fails 2 '' chat-send -n jhon "${arguments[@]}" <<<text
		assert_output ''
	done
}

@test "no room, or one without a name: exit status 2" {
	fails 2 room chat-send -n jhon <<<text
	fails 2 room chat-send -n jhon '' <<<text
	fails 2 room chat-send -n jhon '' word
	fails 2 room chat-send -k -t '' </dev/null
}
