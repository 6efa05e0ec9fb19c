#!/usr/bin/env bats
# What comes in never disturbs the line that is being typed: real key presses, in tmux and in GNU screen.
# shellcheck disable=SC2154 # status, output, stderr are bats's
# shellcheck disable=SC2030,SC2031,SC2153 # each test is a subshell, and sets what it reads; ROOM is the helper's
# shellcheck disable=SC2032,SC2033 # chat is a function, and a word

load helper

setup_file() { start_server; }
teardown_file() { stop_servers; }
setup() { trace_less; }
teardown() {
	in_screen quit >/dev/null 2>&1 || true
	in_tmux kill-server 2>/dev/null || true
	wait_until 5 alone || true # the programs in the windows have ended, before their server does
	stop_jobs
}
alone() { [[ $(cli client list | wc -l) == 1 ]]; }

# As in terminal.bats: the search for leaks stands still when a window closes.
export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0

# --- terminals -------------------------------------------------------------------------------------------------------

columns=40 rows=12

# terminal tmux|screen: a window with a shell in it, which the functions below then mean. GNU screen is in a window of
# tmux's, since by itself it can tell the bytes only of what it shows.
terminal() {
	local command=(sh)
	kind=$1
	if [[ $kind == screen ]]; then
		mkdir -m 700 "$BATS_TEST_TMPDIR/screen"
		printf '%s\n' 'defscrollback 2000' 'defutf8 on' 'startup_message off' 'altscreen off' >"$BATS_TEST_TMPDIR/screenrc"
		command=(env SCREENDIR="$BATS_TEST_TMPDIR/screen" screen -U -c "$BATS_TEST_TMPDIR/screenrc" -m -S chat sh)
	fi
	spawn env -u ENV -u STY TERM=xterm-256color SHELL=/bin/sh tmux -S "$BATS_TEST_TMPDIR/tmux" -f /dev/null \
		new-session -d -x $columns -y $rows "${command[@]}"
	sees '[$#]$'
	enter "PS1='\$ '; stty iutf8"
	sees $'iutf8\n[$]$'
}
in_tmux() { tmux -S "$BATS_TEST_TMPDIR/tmux" "$@"; }
in_screen() { SCREENDIR=$BATS_TEST_TMPDIR/screen screen -S chat -p 0 -X "$@"; }

# keys BYTES: as they are typed. enter TEXT: and return.
keys() { in_tmux send-keys -l -- "$1"; }
enter() { keys "$1"$'\r'; }

# shown, history: what is to be seen, and what has scrolled off before it; without blanks and lines at the end.
shown() { in_tmux capture-pane -p | trimmed; }
history() {
	if [[ $kind == tmux ]]; then
		in_tmux capture-pane -p -S -
	else
		rm -f "$BATS_TEST_TMPDIR"/hardcopy*
		in_screen hardcopy -h "$BATS_TEST_TMPDIR/hardcopy"
		in_screen hardcopy "$BATS_TEST_TMPDIR/hardcopy-2" # begun when the first is whole
		wait_until 5 test -e "$BATS_TEST_TMPDIR/hardcopy-2"
		cat "$BATS_TEST_TMPDIR/hardcopy"
	fi | trimmed
}
trimmed() { sed 's/ *$//' | sed -e :a -e '/^\n*$/{$d;N;ba' -e '}'; }

# sees REGEX: until the screen has that (its last line is matched by a $). says: the same, with broken lines whole again.
sees() {
	wait_until 10 seen "$1" && return
	shown >&2
	return 1
}
says() {
	wait_until 10 said "$1" && return
	shown >&2
	return 1
}
said() { [[ $(shown | sed -e :a -e '$!N;s/\n    //;ta' -e 'P;D') =~ $1 ]]; }
seen() { [[ $(shown) =~ $1 ]]; }

# at top|middle|bottom: clears the screen, and puts the shell's prompt there.
at() {
	local down
	case $1 in top) down=0 ;; middle) down=$((rows / 2)) ;; bottom) down=$rows ;; esac
	enter "clear; yes '' | head -n $down; echo at $1"
	sees "(^|"$'\n'")at $1"$'\n[$]$'
	if [[ $kind == tmux ]]; then
		in_tmux clear-history
	else
		in_screen scrollback 0
		in_screen scrollback 2000
	fi
}

# chat: both programs, the one in the background, and the prompt of the other. leave ends them.
chat() {
	cli xgroup create "$ROOM" nobody '$' mkstream >/dev/null 2>&1 || true # it exists
	enter "chat-tail --color=never -x jhon $ROOM & chat-send -n jhon $ROOM"
	sees 'jhon>$'
	wait_readers 1
}
leave() {
	keys $'\x04'
	sees $'\n[$]$'
	enter 'kill $!; wait'
	wait_readers 0
	sees 'wait[^$]*[$]$'
}

# texts N: of one row and of three, in turn. rows_of: the rows that lines of standard input take.
texts() { awk -v n="$1" 'BEGIN { for (i = 1; i <= n; i++) print i, i % 2 ? "short" : sprintf("%90s", i) }' | sed 's/  / ./g'; }
rows_of() {
	awk -v w=$columns '{
		print substr($0, 1, w)
		for (rest = substr($0, w + 1); rest != ""; rest = substr(rest, w - 3)) print "    " substr(rest, 1, w - 4)
	}' | sed 's/ *$//'
}

# comes_in N: so many messages, to the end. has_come N [LINE]: they are all there, in order and once, in their rows, and
# behind them the line that is being typed, and nothing else.
comes_in() { texts "$1" | send -n marry "$ROOM"; }
has_come() {
	sees "(marry\]: $1 short|[. ]$1)"$'\n'"jhon>${2:+ $2}\$" || return
	diff -u --label expected --label "$kind" <(texts "$1" | sed 's/^/[marry]: /' | rows_of) \
		<(history | sed -n '/^\[marry\]: 1 short/,$p' | sed '$d') >"$BATS_TEST_TMPDIR/diff" || { head -n 30 "$BATS_TEST_TMPDIR/diff" >&2 && return 1; }
}

# --- tests -----------------------------------------------------------------------------------------------------------

# stays: a half-typed line stays where it is while 300 messages come in; what is typed then goes on with it.
stays() {
	local place text
	terminal "$1"
	while read -r place text; do
		ROOM=room-$BATS_TEST_NUMBER-$place
		at "$place"
		chat
		keys "$text"
		sees "jhon> $text\$"
		comes_in 300
		has_come 300 "$text"
		keys ' and more!'
		keys $'\x7f'
		sees "jhon> $text and more\$"
		enter ''
		wait_until 5 room_has "$ROOM" 301
		assert_equal "$(messages "$ROOM" | tail -n 1)" "jhon: $text and more"
		leave
	done <<-'END'
		top half a line
		middle hälf 你好
		bottom 🎉 hälf
	END
}

@test "tmux: a half-typed line stays whole, at the top, in the middle and at the bottom" { stays tmux; }
@test "GNU screen: a half-typed line stays whole, at the top, in the middle and at the bottom" { stays screen; }

# Whatever is pressed among what comes in, just what was meant is sent.
presses() {
	terminal "$1"
	at bottom
	chat
	keys 'all of this is wrong'
	sees 'wrong$'
	comes_in 20
	has_come 20 'all of this is wrong'
	keys $'\x15'
	has_come 20 ''
	keys 'half'
	sees 'jhon> half$'
	keys $'\x12' # shown again, in a row of its own
	sees $'jhon> half\\^R\nhalf$'
	send -n marry "$ROOM" more
	sees $'jhon> half\\^R\n\\[marry\\]: more\nhalf$'
	enter ' a line'
	wait_until 5 room_has "$ROOM" 22
	sees $'half a line\njhon>$'
	assert_equal "$(messages "$ROOM" | tail -n 1)" 'jhon: half a line'
	# Keys between messages, as many as both come.
	comes_in 60 >"$BATS_TEST_TMPDIR/none" &
	for letter in {a..z}; do keys "$letter"; done
	wait $!
	sees 'jhon> abcdefghijklmnopqrstuvwxyz$'
	enter ''
	wait_until 5 room_has "$ROOM" 83
	holds "$ROOM" < <(
		texts 20 | sed 's/^/marry: /'
		echo 'marry: more'
		echo 'jhon: half a line'
		texts 60 | sed 's/^/marry: /'
		echo "jhon: $(printf %s {a..z})"
	)
}

erases_tabs() {
	local text
	terminal "$1"
	at middle
	chat
	for text in x xy 你好 hälf; do
		send -n marry "$ROOM" "$text"
		sees "$text"$'\njhon>$'
		keys $'a\tb'
		sees 'jhon> a[[:blank:]]b$'
		send -n marry "$ROOM" "$text again"
		sees "$text again"$'\njhon> a[[:blank:]]b$'
		keys $'\x7f\x7f'
		sees 'jhon> a$'
		keys 'Z'
		sees 'jhon> aZ$'
		keys $'\x15'
		sees 'jhon>$'
	done
}

@test "tmux: a tab that was typed is erased whatever came in" { erases_tabs tmux; }
@test "GNU screen: a tab that was typed is erased whatever came in" { erases_tabs screen; }

@test "tmux: ^U, ^R and letters among messages: what was meant is sent" { presses tmux; }
@test "GNU screen: ^U, ^R and letters among messages: what was meant is sent" { presses screen; }

# resizes: rows are as wide as the window is when they are written.
resizes() {
	terminal "$1"
	at middle
	chat
	keys 'half'
	sees 'jhon> half$'
	comes_in 6
	has_come 6 half
	for columns in 70 25; do
		in_tmux resize-window -x $columns -y $((rows + 4))
		wait_until 5 is_wide
		printf '%090d\n' $columns | send -n marry "$ROOM"
		sees "$columns"$'\n+jhon> half$'
		diff -u --label expected --label "$kind" <(printf '[marry]: %090d\n' $columns | rows_of && echo 'jhon> half') \
			<(shown | sed -n '/: 000/,$p' | tail -n $(((90 + 9 + columns - 9) / (columns - 4) + 1)) | grep .) >&2
	done
	enter ' a line'
	wait_until 5 room_has "$ROOM" 9
	assert_equal "$(messages "$ROOM" | tail -n 1)" 'jhon: half a line'
}
# is_wide: what runs in the window knows how wide it is.
is_wide() { [[ $(stty -F "$(in_tmux display-message -p '#{pane_tty}')" size) == *" $columns" ]]; }

@test "tmux: the window is resized while a line is half typed" { resizes tmux; }

@test "a window that is smaller than the program knows, as while it is resized" {
	terminal tmux
	at middle
	enter 'stty rows 60'
	sees $'60\n[$]$'
	chat
	keys half
	sees 'jhon> half$'
	comes_in 60
	has_come 60 half
}

second_reader() {
	terminal "$1"
	at middle
	cli xgroup create "$ROOM-2" nobody '$' mkstream >/dev/null
	enter "chat-tail --color=never $ROOM-2 &"
	wait_readers 1
	enter "chat-tail --color=never -x jhon $ROOM & chat-send -n jhon $ROOM"
	sees 'jhon>$'
	wait_readers 2
	keys 'half'
	sees 'jhon> half$'
	texts 150 | sed 's/^/a/' | send -n eve "$ROOM-2" &
	comes_in 150
	wait $!
	wait_until 10 has_both
	sees 'jhon> half$'
	history | grep -c 'jhon> half' | grep -qx 1
	for name in marry eve; do
		assert_equal "$(history | grep -o "^\\[$name\\]: a*[0-9]*" | tr -dc '0-9\n')" "$(seq 150)"
	done
}
has_both() { (($(history | grep -cE '^\[(eve|marry)\]: a*[0-9]') == 300)); }

@test "tmux: two readers print above the same line" { second_reader tmux; }
@test "GNU screen: two readers print above the same line" { second_reader screen; }

@test "^Z and fg of chat-send while messages come in" {
	terminal tmux
	at middle
	chat
	keys 'dropped'
	sees 'jhon> dropped$'
	keys $'\x1a' # the driver drops what was typed
	sees '[$]$'
	comes_in 4
	sees $'\n[$]$'
	keys 'fg'
	sees '[$] fg$'
	send -n marry "$ROOM" before
	sees $'\\[marry\\]: before\n[$] fg$'
	enter ''
	sees $'[$] fg\n.*chat-send.*\njhon>$'
	send -n marry "$ROOM" after
	sees $'\n\\[marry\\]: after\njhon>$'
	enter 'a line'
	wait_until 5 room_has "$ROOM" 7
	sees 'jhon>$'
	assert_equal "$(messages "$ROOM" | tail -n 1)" 'jhon: a line'
}

@test "in the foreground, with --above=never, for a dumb terminal and with -r and -F lines are written as they are" {
	terminal tmux
	for given in '' "TERM=dumb chat-tail -x jhon" "TERM= chat-tail -x jhon" "chat-tail --above=never -x jhon" "chat-tail -r -x jhon" \
		"chat-tail -F '[%n]: %t\\n' -x jhon"; do
		at top
		cli xgroup create "$ROOM" nobody '$' mkstream >/dev/null 2>&1 || true
		enter "${given:-chat-tail}${given:+ --color=never} $ROOM ${given:+& chat-send -n jhon $ROOM}"
		wait_readers 1
		[[ ! $given ]] || sees 'jhon>$'
		keys half
		sees 'half$'
		send -n marry "$ROOM" hi
		sees $'half\\[marry\\]: hi$'
		if [[ $given ]]; then
			leave_torn
		else
			keys $'\x03'
			sees '[$]$'
		fi
	done
}
leave_torn() {
	keys $'\x15\x04'
	sees $'\n[$]$'
	enter 'kill $!; wait'
	wait_readers 0
	sees 'wait[^$]*[$]$'
}

@test "chat-tail asks again who reads: ^Z, bg and fg" {
	terminal tmux
	at middle
	cli xgroup create "$ROOM" nobody '$' mkstream >/dev/null
	enter "chat-tail --color=never $ROOM"
	wait_readers 1
	keys $'\x1a'
	sees '[$]$'
	enter bg
	sees $'bg\n.*[$]$'
	keys half
	sees '[$] half$'
	send -n marry "$ROOM" one
	sees $'\\[marry\\]: one\n[$] half$'
	keys $'\x15'
	enter fg
	sees $'[$] fg\n.*chat-tail[^\n]*(\n[^$]*)?$'
	keys half
	sees $'\nhalf$'
	send -n marry "$ROOM" two
	sees $'half\\[marry\\]: two$'
}

@test "--above=always is above in the foreground too, and so is auto without a terminal to read from" {
	terminal tmux
	cli xgroup create "$ROOM" nobody '$' mkstream >/dev/null
	for given in '--above=always' '--above </dev/null' '--above=auto -t </dev/null' '--above=always -j'; do
		at middle
		enter "chat-tail --color=never $ROOM $given"
		wait_readers 1
		keys half
		sees 'half$'
		send -n marry "$ROOM" hi
		sees $'hi[^\n]*\n+half$'
		keys $'\x03'
		sees '[$]$'
	done
}

@test "in a pipe lines are as ever, whatever --above says" {
	send -n marry "$ROOM" hi
	for when in '' =auto =always =never; do
		TERM=xterm prints chat-tail "--above$when" -e "$ROOM" <<<'[marry]: hi'
	done
}

@test "--above that cannot be is refused" {
	export REDIS_URL=unix:///nowhere/at/all
	fails 2 above chat-tail --above=sometimes room
	for given in -r -0 -F%t; do
		fails 2 above chat-tail --above=always "$given" room
	done
	fails 2 'above' chat-tail --above -l
}

@test "a message of several lines, and one larger than the screen" {
	terminal tmux
	at middle
	chat
	keys half
	sees 'jhon> half$'
	printf 'one\n\ntwo\n' | send -w -n marry "$ROOM"
	sees $'\\[marry\\]: one\n\n    two\njhon> half$'
	seq 30 | send -w -n marry "$ROOM"
	sees $'    29\n    30\njhon> half$'
	diff -u <(echo '[marry]: 1' && seq 2 30 | sed 's/^/    /') <(history | sed -n '/marry.: 1$/,/30$/p') >&2
	printf '%01000d\n' 7 | send -n marry "$ROOM"
	sees $'0007\njhon> half$'
	assert_equal "$(history | sed -n '/marry.: 0/,/7$/p' | tr -d ' \n')" "[marry]:$(printf '%01000d' 7)"
}

# notices: what chat-send and chat-tail say about an outage goes above the line too.
notices() {
	start_server # of its own
	terminal "$1"
	at middle
	chat
	keys half
	sees 'jhon> half$'
	stop_server
	says $'chat-tail: [^\n]*trying again\njhon> half$'
	enter ' a line'
	says $'\njhon> half a line\n.*chat-send: [^\n]*trying again for 60 s\njhon>$'
	keys 'next'
	sees 'jhon> next$'
	restart_server
	says $'chat-tail: resumed[^>]*\njhon> next$'
	says $'chat-send: resumed[^>]*\njhon> next$'
	wait_until 5 room_has "$ROOM" 1
	enter ' one'
	wait_until 5 room_has "$ROOM" 2
	sees $'jhon> next one\njhon>$'
	leave
	holds "$ROOM" <<<$'jhon: half a line\njhon: next one'
}

@test "tmux: notices leave the line alone" { notices tmux; }
@test "GNU screen: notices leave the line alone" { notices screen; }

@test "TERM=dumb: a notice ends the line, and the prompt comes again" {
	start_server
	columns=160
	terminal tmux
	enter "TERM=dumb chat-send -n jhon $ROOM"
	sees 'jhon>$'
	enter one
	sees $'one\njhon>$'
	stop_server
	enter two
	says $'two\nchat-send: [^\n]*trying again for 60 s$'
	restart_server
	says $'resumed after [^\n]*\njhon>$'
	keys $'\x04'
	sees $'\n[$]$'
}

@test "a room that was named and does not exist is reported, once, where somebody sees it" {
	columns=160
	terminal tmux
	send -n jhon "$ROOM" hi
	enter "chat-tail -n 1 --color=never $ROOM $ROOM-none $ROOM-nil"
	says "$ROOM \[jhon\]: hi"$'\n'"chat-tail: $ROOM-none: no such room yet; waiting for its first message"$'\n'"chat-tail: $ROOM-nil: [^:]*\$"
	send -n marry "$ROOM-none" first
	sees $'\\[marry\\]: first$'
	[[ $(shown | grep -c 'no such') == 2 ]]
	keys $'\x03'
	for given in "$ROOM" "-q $ROOM-nil" "-m $ROOM-ni* $ROOM" "2>$BATS_TEST_TMPDIR/err $ROOM-nil"; do
		sees '[$]$'
		enter "clear; chat-tail --color=never $given"
		wait_readers 1
		send -n jhon "$ROOM" again
		send -n jhon "$ROOM-nil" again
		sees 'jhon.: again$'
		[[ $(shown) != *such* ]]
		cli del "$ROOM-nil" >/dev/null
		keys $'\x03'
	done
	[[ ! -s $BATS_TEST_TMPDIR/err ]]
	sees '[$]$'
	enter "clear; chat-tail $(printf "$ROOM-%d " 1 2 3 4 5)"
	says $'-3: no such room yet; [^\n]*\nchat-tail: 2 more rooms do not exist yet$'
}

@test "--progress is refused where lines are typed, and only there" {
	columns=160
	terminal tmux
	enter "chat-send --progress $ROOM; echo status \$?"
	says $'chat-send: --progress would [^\n]*terminal\nstatus 2'
	enter "clear; chat-send --progress $ROOM </dev/tty; echo status \$?"
	says $'chat-send: --progress would [^\n]*terminal\nstatus 2'
	enter "clear; chat-send --progress -n jhon $ROOM 2>$BATS_TEST_TMPDIR/err"
	wait_until 5 grep -q 'jhon> ' "$BATS_TEST_TMPDIR/err"
	enter hi
	keys $'\x04'
	sees '[$]$'
	grep -q '1 message' "$BATS_TEST_TMPDIR/err"
}

@test "^C twice in a flood leaves a terminal that wraps lines" {
	printf %0100000d 7 | send -n marry "$ROOM"
	TERM=xterm run timeout 40 "$PYTHON" - "$ROOM" <<-'END'
		import os, pty, select, sys, time
		child, terminal = pty.fork()
		if child == 0:
		    os.execvp("chat-tail", ["chat-tail", "--above=always", "-n", "1", sys.argv[1]])
		def written():
		    return [line for line in open(f"/proc/{child}/io") if line.startswith(("wchar", "syscw"))]
		def is_stuck(): # nobody reads what it writes
		    before = written()
		    time.sleep(0.1)
		    return "(chat-tail) S" in open(f"/proc/{child}/stat").read() and written() == before
		while select.select([terminal], [], [], 0.1)[0] == [] or not is_stuck():
		    pass
		os.write(terminal, b"\3")
		while not is_stuck():
		    pass
		os.write(terminal, b"\3")
		shown = b""
		try:
		    while more := os.read(terminal, 65536):
		        shown += more
		except OSError:
		    pass # it ended
		assert os.waitpid(child, 0)[1] == 2
		off, on = shown.rfind(b"\33[?7l"), shown.rfind(b"\33[?7h")
		print("wraps" if 0 < off < on else f"does not wrap: {shown[-200:]}")
	END
	assert_output wraps
}

@test "--progress of a reader leaves the line alone that is being typed, and shows the total above it" {
	columns=80
	terminal tmux
	at middle
	cli xgroup create "$ROOM" nobody '$' mkstream >/dev/null
	enter "chat-tail --progress -W 2 $ROOM & chat-send -n jhon $ROOM"
	sees 'jhon>$'
	keys half
	sees $'chat-tail: 0 messages, 0/s\n(.*\n)?jhon> half$'
}

@test "^D^D within a line sends it, and ends the row" {
	terminal tmux
	enter "chat-send -n jhon $ROOM"
	sees 'jhon>$'
	keys half
	sees 'jhon> half$'
	keys $'\x04\x04'
	sees $'jhon> half\n[$]$'
	holds "$ROOM" <<<'jhon: half'
}

@test "a line that the terminal cut is sent, and reported; ^L is not sent" {
	terminal tmux
	chat
	enter one
	sees $'one\njhon>$'
	enter "$(printf '%06003d' 7)"
	wait_until 5 room_has "$ROOM" 2
	says $'\nchat-send: line 2 was cut: [^\n]*4095 bytes[^\n]*\njhon>$'
	assert_equal "$(messages "$ROOM" | tail -n 1 | wc -c)" $((4095 + 7))
	enter "$(printf '%04094d' 7)"
	wait_until 5 room_has "$ROOM" 3
	enter $'\f'
	enter $'\fthr\fee\f\f'
	wait_until 5 room_has "$ROOM" 4
	sees $'thr\\^Lee\\^L\\^L\njhon>$'
	assert_equal "$(messages "$ROOM" | tail -n 1)" 'jhon: three'
	[[ $(shown) != *'line 3'* ]]
	# A name is a typed line too.
	leave
	enter "chat-send $ROOM"
	sees 'name .*:$'
	enter $'\feve'
	sees 'eve>$'
}
