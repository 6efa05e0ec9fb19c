#!/usr/bin/env bats
# chat-tail's formats and colours: what a message looks like, whatever is in it.
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

# --- formats ---------------------------------------------------------------------------------------------------------

# odd: one entry, every part of which needs escapes.
odd() {
	room="$ROOM [x]"$'\t'
	seed <<-END
		xadd "$ROOM [x]\t" 1795454520123-4 "na]me\t\n" "a\tb\n\rc\\\\ \x00\x1b[1m\x7f \xc3\xa9 \xc2\x9b \xff \xe2\x80\xae"
	END
}

@test "plain: control bytes, bidirectional controls and what is not UTF-8 are shown escaped" {
	odd
	prints chat-tail -e "$room" <<-'END'
		[na\x5dme	\n]: a	b\n\rc\ \x00\x1b[1m\x7f é \xc2\x9b \xff \xe2\x80\xae
	END
	prints chat-tail -e "$room" "$room" <<-END
		$ROOM\\x20\\x5bx]	 [na\\x5dme	\\n]: a	b\\n\\rc\\ \\x00\\x1b[1m\\x7f é \\xc2\\x9b \\xff \\xe2\\x80\\xae
	END
}

@test "plain: empty names and texts from other clients" {
	seed <<<"xadd $ROOM 1-1 \"\" \"\" jhon \"\" \"\" text"
	prints chat-tail -e "$ROOM" <<<$'[]: \n[jhon]: \n[]: text'
}

@test "-t: room, ID, name and text, each escaped" {
	odd
	prints chat-tail -t -e "$room" <<<"$ROOM [x]\\t	1795454520123-4	na]me\\t\\n	a\\tb\\n\\rc\\\\ \\x00\\x1b[1m\\x7f é \\xc2\\x9b \\xff \\xe2\\x80\\xae"
	talk
	prints chat-tail --tsv -n 1 -e "$ROOM" <<<"$ROOM	4-1	marry	later"
}

@test "-j: one object per line" {
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

@test "-J: one object per entry, its fields in order, repeated ones and odd bytes too" {
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

@test "a malformed -F: exit status 2" {
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

@test "one line per message: an entry of many fields is many lines with one ID" {
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

@test "in a pipe there are no colours without --color=always, which NO_COLOR does not override" {
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
