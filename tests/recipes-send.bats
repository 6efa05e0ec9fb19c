#!/usr/bin/env bats
# chat-send(1): each recipe, and each example that takes what others wrote, does what the manual says. The commands are
# those of the manual's text, and they are given hostile input.
# shellcheck disable=SC2016 # what is in single quotes is for another shell
# shellcheck disable=SC2030,SC2031,SC2153 # each test is a subshell, and sets what it reads; PID is the helper's
# shellcheck disable=SC2154 # status is bats's

load helper
load manual

setup_file() {
	start_server
	export REMOTE=$SOCK # the mirror's other end
	start_server
	export STUBS=$BATS_FILE_TMPDIR/bin
	mkdir "$STUBS"
	stub "$STUBS/hostname" 'echo web1'
	stub "$STUBS/journalctl" 'cat journal'
	export PATH=$STUBS:$PATH
}
teardown_file() { stop_servers; }
setup() {
	trace_less
	cli flushall >/dev/null
	"$CLI" -s "$REMOTE" flushall >/dev/null
	mkdir "$BATS_TEST_TMPDIR/here"
	cd "$BATS_TEST_TMPDIR/here" || return
}
teardown() {
	stop_jobs
	[[ ! -e pwned ]] || { echo 'a text was run as a command' >&2 && return 1; }
}

# --- the manual's text -----------------------------------------------------------------------------------------------

# recipe TITLE NUMBER: what is typed there, or a file as it stands. example TEXT: what is typed in the example with this text.
recipe() { pick "$1 $2"$'\n' ''; }
example() { pick EXAMPLES "$1"; }
pick() { # BEGINNING TEXT
	local block
	while IFS= read -r -d '' block; do
		[[ $block != "$1"*"$2"* ]] || commands <<<"${block#*$'\n'}" | grep .
	done < <(titled_blocks "$(manual chat-send)")
}

@test "each recipe of the manual is run here" {
	diff <(titled_blocks "$(manual chat-send)" | tr '\0' '\n' | grep -aE '^[A-Z][A-Za-z ]+ [0-9]+$' | grep -v ^EXAMPLES | sort) \
		<(sed -nE "s/^[^#@]*recipe '?([A-Z][A-Za-z ]*)'? ([0-9]).*/\1 \2/p" "$BATS_TEST_FILENAME" | sort -u)
}

# --- what is fed to them ---------------------------------------------------------------------------------------------

# hostile: lines that a shell, a terminal, printf, an option parser or a reader of rows might take for something else.
hostile() {
	printf '%s\n' -n -- --help '$(touch pwned)' '`touch pwned`' '; touch pwned' "it's \"so\"" 'a && b & c' '%s %n %d' '*' '~root' \
		'  two  blanks  ' $'a\ttab\t' $'back\\slash \\t \\n \\x41 \\' $'\e]0;title\a\e[2J' $'cr\r' $'\xff\xfe not utf-8' $'\u202e\u2028\u0085' '+' '1-1'
}
# hostile_null: the same, each ended by NUL, and texts that are no lines.
hostile_null() {
	hostile | tr '\n' '\0'
	printf '%s\0' $'two\nlines' $'\n' ''
}

# lines_in ROOM: each text and a newline. texts_null ROOM: each text and a NUL.
lines_in() { show -F '%t\n' -e "$1"; }
texts_null() { show -0 -e "$1"; }
has_at_least() { (($(length "$1") >= $2)); }

# --- the recipes -----------------------------------------------------------------------------------------------------

@test "a room, a name and a text from variables, whatever they are" {
	local script room name text
	script=$(recipe Variables 1)
	while IFS= read -r -d '' text; do
		room=${text:-room} name=${text:-jhon}
		env room="$room" name="$name" text="$text" sh -c "$script" || { echo "failed: $text" && false; }
		prints chat-tail -F '%n|%t|%r' -e -n 1 -- "$room" < <(printf '%s|%s|%s' "$name" "$text" "$room")
	done < <(hostile_null)
}

# comes_back FILE NAME: sent under that name and fetched as the script says, the file and its name are as they were.
comes_back() {
	cp -- "$1" "$PWD/$2"
	timeout 120 env file="$2" sh -c "$script" && cmp -- "$1" copy && rm -- copy "$PWD/$2" || return
	assert_equal "$(show -F '%n' -n 1 -e files)" "$2"
}

@test "a file comes back byte for byte, whatever is in it and in its name" {
	local script name
	script=$(recipe Files 1)
	hostile >bytes
	for byte in {0..255}; do printf '%b' "\\x$(printf %x "$byte")"; done >>bytes
	head -c 300000 /dev/urandom >>bytes
	: >empty
	echo >newline
	while IFS= read -r name; do
		comes_back bytes "${name//\//_}"
	done < <(hostile)
	comes_back empty -n
	comes_back newline -n
}

@test "an upload that was killed in the middle is started again: each line is there once" {
	recipe 'Restartable upload' 1 >script
	{ hostile && printf 'nul\0 in it\n\n' && seq 60000; } >lines
	mkfifo log.txt
	exec 7<>log.txt
	spawn cat lines >log.txt # more than any awk reads ahead; and no end, since descriptor 7 is open
	pipeline 'exec sh script'
	wait_until 20 has_at_least upload 1
	kill -KILL -- "-$PID"
	wait_until 5 ended "$PID"
	exec 7>&-
	rm log.txt
	(($(length upload) < $(wc -l <lines))) # it was not over
	for more in '' again 'and a line more'; do
		echo "$more" >>lines
		cp lines log.txt
		timeout 120 sh script
		cmp <(lines_in upload) log.txt
		assert_equal "$(show -F '%i\n' -e upload)" "$(seq -f 1-%.0f "$(wc -l <lines)")"
	done
}

@test "a log file that is rotated: what is added is sent, byte for byte" {
	recipe 'Log file' 1 >script
	echo 'before it began' >app.log
	pipeline 'exec sh script'
	wait_until 20 eval 'echo begin >>app.log && has_at_least log 1'
	hostile >>app.log
	wait_until 20 eval 'lines_in log | grep -qx 1-1'
	mv app.log app.log.1
	hostile >app.log
	wait_until 20 eval '(($(lines_in log | grep -cx 1-1) == 2))'
	cmp <(lines_in log | grep -avx begin) <(hostile && hostile)
	assert_equal "$(show -F '%n\n' -e log | sort -u)" web1
}

@test "a FIFO outlives its writers, and keeps what is written while chat-send is stopped" {
	recipe 'FIFO that outlives its writers' 1 >script
	sed -i 's/^chat-send .*/for run in 1 2; do & \& echo $! >pid; wait $!; done/' script
	pipeline 'exec bash script' # it is the user's shell, which starts chat-send twice
	wait_until 5 test -s pid
	for writer in 1 2; do
		hostile >log.fifo
		wait_until 20 room_has log "$((writer * $(hostile | wc -l)))"
	done
	local first
	first=$(<pid)
	kill -STOP "$first"
	wait_until 5 grep -q '^State:.T' "/proc/$first/status"
	hostile >log.fifo # it waits in the FIFO
	kill -TERM "$first"
	kill -KILL "$first"
	wait_until 20 room_has log "$((3 * $(hostile | wc -l)))"
	cmp <(lines_in log) <(hostile && hostile && hostile)
}

@test "a service: systemd finds no fault with its file, and what it starts sends the journal" {
	recipe 'Service that sends the journal' 1 >chat-log.service
	hostile >journal
	mkdir credentials
	echo anything >credentials/password # the server asks for none, so any will do
	# A backslash at the end joins a line, with a blank, to the next one; %d and %H are systemd's.
	sed -nE '/^ExecStart=/{:more;/\\$/{N;s/\\\n/ /;b more};s/^ExecStart=//p}' chat-log.service |
		sed "s,%d,$PWD/credentials,; s,%H,web1,; s,/bin/sh,sh," >start
	timeout 120 bash start
	cmp <(lines_in log) <(hostile)
	assert_equal "$(show -F '%n\n' -e log | sort -u)" web1
	command -v systemd-analyze >/dev/null || skip 'its command works; systemd-analyze is not here'
	assert_equal "$(systemd-analyze verify --man=no ./chat-log.service 2>&1 | grep -F chat-log)" ''
	sed -i s/^Restart=/Restrat=/ chat-log.service
	assert_match "$(systemd-analyze verify --man=no ./chat-log.service 2>&1)" 'chat-log.*Restrat'
}

# can_encrypt: whether OpenSSL has what version 3 has.
can_encrypt() { [[ $(openssl version) == 'OpenSSL '[3-9]* ]] || skip 'OpenSSL 3 is not here'; }

# alter OFFSET FILE: changes 16 bytes from there on.
alter() {
	head -c "$1" "$2"
	tail -c +"$(($1 + 1))" "$2" | head -c 16 | LC_ALL=C tr '\0-\377' '\1-\377\0'
	tail -c +"$(($1 + 17))" "$2"
}

@test "an encrypted file comes back byte for byte, the room does not show it, and one that was altered is refused" {
	can_encrypt
	recipe Encryption 1 | sh 2>/dev/null
	recipe Encryption 2 >script
	local name=-n
	for size in 0 1 300000; do
		yes 'secret text' | head -c "$size" >./-n
		timeout 120 env file="$name" sh script
		cmp ./-n copy
		[[ $(lines_in vault) != *secret* ]]
	done
	show -e -n 1 -F %t vault >sent
	alter 150000 sent | send -w -n jhon vault
	run sh -c "$(sed 1,2d script)"
	assert_match "$output" [Ee]rror
	[[ ! -e copy ]]
}

@test "encrypted lines: each comes back, what others send to the room does no harm, and a terminal is safe" {
	can_encrypt
	recipe Encryption 1 | sh 2>/dev/null
	recipe Encryption 3 >encrypt
	recipe Encryption 4 >decrypt
	pipeline 'exec bash decrypt >out 2>err'
	wait_readers 1
	{ hostile && echo; } | timeout 120 sh encrypt
	[[ $(lines_in vault) != *touch* ]]
	hostile_null | send -0 -E -n evil vault
	cli xadd vault '*' '' '' $'-n\e[2J' "$(show -F '%t' -n 1 -e vault)" >/dev/null
	echo end | timeout 120 sh encrypt
	wait_until 60 grep -qx end out
	cmp out <({ hostile && echo && echo end; } | cat -v)
	assert_equal "$(LC_ALL=C tr -d '\t\n -~' <out | wc -c)" 0
	# A message whose last bytes were altered.
	show -F '%t' -n 1 -e vault | base64 -d >last
	alter "$(($(wc -c <last) - 16))" last | base64 -w 0 >altered
	echo >>altered
	run sh -c "$(sed 's/^chat-tail .* | while/while/; $s/$/ <altered/' decrypt)"
	assert_match "$output" [Ee]rror
	assert_equal "$(grep -c end <<<"$output")" 0
}

# --- the examples that copy what others wrote ------------------------------------------------------------------------

# fill ROOM: entries of one field and of several, with hostile names and texts.
fill() {
	local text before=none
	while IFS= read -r -d '' text; do
		cli xadd "$1" '*' "$text" "$before" >/dev/null
		cli xadd "$1" '*' "$before" "$text" "$text" "$text" jhon '' >/dev/null
		before=$text
	done < <(hostile_null)
	printf 'a\0b' | send -w -n $'\xc3' "$1"
}
same_rooms() { cmp <(show -J -e "$1") <(show -J -s "$2" -e "$1"); }

@test "the example of a mirror: any names and texts, also when it is started again" {
	example '-h beta' | sed "s, -h alpha , -s $SOCK ,; s, -h beta, -s $REMOTE," >script
	for _ in 1 2; do
		fill room
		pipeline 'exec sh script'
		wait_until 20 same_rooms room "$REMOTE"
		kill -KILL -- "-$PID"
		wait_until 5 readers_are 0
	done
}

@test "the examples of a bridge, and of a backup that is restored under another name" {
	example 'chat-send -t lobby' >bridge
	pipeline 'exec sh bridge'
	wait_readers 1
	fill room
	wait_until 20 eval 'cmp <(show -F "%n|%t|" -e room) <(show -F "%n|%t|" -e lobby)'
	example 'chat-send -t -k copy' >backup
	timeout 120 sh backup
	cmp <(show -F '%i %n %t|' -e room) <(show -F '%i %n %t|' -e copy)
	assert_equal "$(LC_ALL=C tr -d '\t\n -~' <room.tsv | LC_ALL=C tr -d '\200-\377' | wc -c)" 0 # the file drives no terminal
}

@test "the example of jq: any names and texts that JSON can hold" {
	local rows
	"$PYTHON" - >log.json <<-'END'
		import json
		texts = ['', '-n', '$(touch pwned)', '\t', 'a\tb\\t', '\n', 'x\n\nops\t1-1\tevil\tspoofed', '\0', '\r', '\x1b[2J', '\u202e', "'\"", '%s', '\ufeff']
		for text in texts:
		    for pair in ({'host': text, 'message': 'm'}, {'host': 'h', 'message': text}, {'host': text, 'message': text}):
		        print(json.dumps(pair))
	END
	example '@tsv' | timeout 120 sh
	rows=$(wc -l <log.json)
	assert_equal "$(length ops)" "$rows"
	cmp <(show -j -e ops | jq -c '[.name, .text]') <(jq -c '[.host, .message]' log.json)
}

@test "the example of a bot: it answers each message once, in one line" {
	printf '#!/bin/sh\nwhile IFS= read -r line; do printf "%%s\\n" "$line"; done\n' >answer
	chmod +x answer
	example ./answer >script
	pipeline 'exec sh script'
	wait_readers 1
	local n
	n=$(hostile_null | tr -cd '\0' | wc -c)
	hostile_null | send -0 -n marry room
	wait_until 20 room_has room "$((2 * n))"
	cmp <(show -F '%t\n' -x marry -e room) <(show -x bot -e room)
}
