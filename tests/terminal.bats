#!/usr/bin/env bats
# Both programs as people use them: at a shell's prompt, in a real terminal (tmux's).
# shellcheck disable=SC2154 # status, output, stderr are bats's
# shellcheck disable=SC2030,SC2031,SC2153 # each test is a subshell, and sets what it reads; ROOM is the helper's
# shellcheck disable=SC2016 # what is in single quotes is for another shell

load helper

setup_file() {
	start_server
	me=$(id -un)
	export me
}
teardown_file() { stop_servers; }
setup() { trace_less && terminal jhon; }
teardown() {
	for socket in "$BATS_TEST_TMPDIR"/*.tmux; do
		tmux -S "$socket" kill-server 2>/dev/null || true
	done
	stop_jobs
}

# The sanitizers' search for leaks, at a program's end, stands still for ever when the signals of a closing window come
# into it; all else is searched in the other files.
export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0

# terminal NAME: a window of its own with a shell in it, which the functions below then mean; `window NAME` changes to it.
terminal() {
	window "$1"
	spawn env -u ENV TERM=xterm-256color SHELL=/bin/sh tmux -S "$socket" -f /dev/null new-session -d -x 100 -y 30 sh
	sees '[$#]$'
}
window() { socket=$BATS_TEST_TMPDIR/$1.tmux; }

# enter TEXT: types it, and return. press KEY: as tmux names it. screen: what is to be seen, without blanks at the ends.
enter() {
	tmux -S "$socket" send-keys -l -- "$1"
	tmux -S "$socket" send-keys Enter
}
press() { tmux -S "$socket" send-keys "$1"; }
screen() { tmux -S "$socket" capture-pane -p "$@" | sed 's/ *$//; /^$/d'; }

# sees REGEX: until the screen has that (its last line is matched by a $).
sees() {
	wait_until 5 seen "$1" && return
	screen >&2
	return 1
}
seen() { [[ $(screen) =~ $1 ]]; }

# after COMMAND: clears the screen, and returns when the command has ended.
after() {
	enter "clear; $1; echo do''ne $((++commands))"
	sees "done $commands"
}

@test "chat-send asks for the name, prompts, passes over empty lines, and ends at ^D" {
	enter "chat-send $ROOM; echo status \$?"
	sees "name \[$me\]:\$"
	enter jhon
	sees 'jhon>$'
	enter 'hello there'
	wait_until 5 room_has "$ROOM" 1
	sees $'jhon> hello there\njhon>$'
	enter ''
	enter ''
	sees $'jhon>\njhon>\njhon>$'
	enter bye
	wait_until 5 room_has "$ROOM" 2
	press C-d
	sees $'status 0\n[$#]$'
	holds "$ROOM" <<<$'jhon: hello there\njhon: bye'
}

@test "an empty answer is the login name" {
	enter "chat-send $ROOM"
	sees "name \[$me\]:\$"
	enter ''
	sees "$me>\$"
	enter hi
	wait_until 5 room_has "$ROOM" 1
	holds "$ROOM" <<<"$me: hi"
}

@test "a name that is given is not asked for: -n or CHAT_NAME" {
	enter "chat-send -n marry $ROOM"
	sees 'marry>$'
	press C-d
	sees '[$#]$'
	enter "CHAT_NAME=eve chat-send $ROOM"
	sees 'eve>$'
	enter hi
	wait_until 5 room_has "$ROOM" 1
	holds "$ROOM" <<<'eve: hi'
	[[ $(screen) != *name* ]]
}

@test "nobody is asked, and nothing prompts, when words are given or standard input is no terminal" {
	enter "chat-send $ROOM words; echo lines | chat-send $ROOM; chat-send $ROOM </dev/null; echo status \$?"
	sees 'status 0'
	[[ $(screen) != *name* && $(screen) != *'> '* ]]
	holds "$ROOM" <<<"$me: words
$me: lines"
}

@test "the question and the prompt are on standard error" {
	enter "chat-send $ROOM >$BATS_TEST_TMPDIR/out 2>$BATS_TEST_TMPDIR/err"
	wait_until 5 grep -q name "$BATS_TEST_TMPDIR/err"
	enter jhon
	wait_until 5 grep -q 'jhon> ' "$BATS_TEST_TMPDIR/err"
	enter hi
	press C-d
	sees '[$#]$'
	assert_equal "$(<"$BATS_TEST_TMPDIR/out")" ''
	holds "$ROOM" <<<'jhon: hi'
}

@test "^D instead of a name ends too; ^C ends the question and the prompt at once" {
	enter "chat-send $ROOM; echo status \$?"
	sees ']:$'
	press C-d
	sees 'status [0-9]+'
	enter "clear; chat-send $ROOM"
	sees ']:$'
	press C-c
	sees '[$#]$'
	enter 'echo then $?'
	sees 'then 130'
	enter "clear; chat-send -n jhon $ROOM"
	sees 'jhon>$'
	enter hi
	wait_until 5 room_has "$ROOM" 1
	press C-c
	sees '[$#]$'
	enter 'echo then $?'
	sees 'then 130'
	holds "$ROOM" <<<'jhon: hi'
}

@test "a wrong server is told before anything is asked" {
	enter "chat-send -s $BATS_TEST_TMPDIR/none $ROOM; echo status \$?"
	sees 'status 3'
	[[ $(screen) != *"name ["* ]]
}

@test "several lines pasted at the prompt are several messages" {
	enter "chat-send -n jhon $ROOM"
	sees 'jhon>$'
	tmux -S "$socket" send-keys -l $'one\rtwo\rthree\r'
	wait_until 5 room_has "$ROOM" 3
	holds "$ROOM" <<<$'jhon: one\njhon: two\njhon: three'
}

@test "jhon and marry: chat-tail -x jhon room & chat-send -n jhon room" {
	terminal marry
	for name in jhon marry; do
		window "$name"
		enter "chat-tail -x $name $ROOM & chat-send -n $name $ROOM"
		sees "$name>\$"
	done
	wait_readers 2
	window jhon
	enter 'hello marry'
	window marry
	sees '\[jhon\]: hello marry'
	enter 'hello jhon'
	enter 'how are you?'
	window jhon
	sees $'\\[marry\\]: hello jhon\n\\[marry\\]: how are you\\?'
	enter fine
	window marry
	sees '\[jhon\]: fine'
	[[ $(screen) != *'[marry]'* ]]
	window jhon
	[[ $(screen) != *'[jhon]'* ]]
	holds "$ROOM" <<-'END'
		jhon: hello marry
		marry: hello jhon
		marry: how are you?
		jhon: fine
	END
	# The chat goes on for the one when the other leaves.
	window marry
	press C-d
	sees '[$#]$'
	window jhon
	enter 'gone?'
	window marry
	sees '\[jhon\]: gone\?'
}

@test "closing the window ends both" {
	enter "chat-tail -x jhon $ROOM & chat-send -n jhon $ROOM"
	sees 'jhon>$'
	wait_readers 1
	tmux -S "$socket" kill-server
	wait_until 5 readers_are 0
	wait_until 5 alone
}

# alone: the server has no client but who asks.
alone() { [[ $(cli client list | wc -l) == 1 ]]; }

@test "names are in colour on a terminal, each in its own, unless NO_COLOR, never, or a dumb terminal" {
	send -n jhon "$ROOM" hi
	send -n marry "$ROOM" hi
	enter "chat-tail -e $ROOM"
	sees 'marry'
	local jhon marry
	jhon=$(screen -e | grep -ao $'\e\\[[0-9;]*m[^a-z]*jhon' | tr -dc '0-9;m')
	marry=$(screen -e | grep -ao $'\e\\[[0-9;]*m[^a-z]*marry' | tr -dc '0-9;m')
	[[ $jhon && $marry && $jhon != "$marry" ]]
	local escape=$'\e'
	for command in "NO_COLOR=1 chat-tail -e $ROOM" "TERM=dumb chat-tail -e $ROOM" "chat-tail --color=never -e $ROOM" \
		"chat-tail -e $ROOM | cat" "NO_COLOR=1 chat-tail --color -e $ROOM" "chat-tail -t -e $ROOM"; do
		after "$command"
		[[ $(screen) == *marry* ]]
		assert_equal "$(screen -e | grep -ac "$escape" || true)" 0
	done
	for command in "NO_COLOR= chat-tail -e $ROOM" "chat-tail --color=auto -e $ROOM" "chat-tail --color=always -e $ROOM | cat" \
		"chat-tail -r -e $ROOM"; do
		after "$command"
		[[ $(screen) == *marry* ]]
		assert_equal "$(screen -e | grep -ac "$escape")" 2
	done
}

@test "control bytes cannot drive the terminal: not by text, name or room; not in plain, -t, -j or -F" {
	local room=$ROOM$'\e[2Jroom'
	cli >/dev/null <<-END
		xadd "$ROOM\x1b[2Jroom" 1-1 "na\x1b[31mme" "first\x1b[2J\x1b[H"
		xadd "$ROOM\x1b[2Jroom" 2-1 jhon "\x1b]0;owned\x07\x1b]2;owned\x1b\\\\ \x1b[?1049h \x9b31m\xc2\x9b31m \r over \b\b \x0e"
		xadd "$ROOM\x1b[2Jroom" 3-1 jhon "\xe2\x80\xaetxet \x1b[8m last"
	END
	printf '%s\n' "$room" >"$BATS_TEST_TMPDIR/room"
	for format in '' -t -j "-F '%r %n %t\\n'" --time --color=never; do
		after "chat-tail $format -e \"\$(cat $BATS_TEST_TMPDIR/room)\" \"\$(cat $BATS_TEST_TMPDIR/room)\""
		assert_match "$(screen)" 'first\\(x|u00)1b\[2J.*last'
		assert_match "$(tmux -S "$socket" display-message -p '#{alternate_on} #{pane_title}')" '^0 '
		[[ $(tmux -S "$socket" display-message -p '#{pane_title}') != *owned* ]]
	done
}

@test "-F is raw in a pipe and shown as in plain on a terminal, a newline as such" {
	cli xadd "$ROOM" 1-1 jhon $'a\e[31mb\nc' >/dev/null
	enter "chat-tail -e -F '<%t>\\n' $ROOM; chat-tail -e -F '<%t>\\n' $ROOM | od -c"
	sees '<a\\x1b\[31mb\\nc>'
	sees '033 +\[ +3 +1 +m'
}

@test "a message of several lines is shown in its lines, all but the first set in; in a pipe it is one line" {
	cli >/dev/null <<-END
		xadd "$ROOM" 1-1 jhon "one\n[marry]: two\n\n  four\n"
		xadd "$ROOM" 2-1 "na\nme" "last\n"
	END
	after "chat-tail --color=never -e $ROOM"
	assert_equal "$(screen | sed '/^done/,$d')" $'[jhon]: one\n    [marry]: two\n      four\n[na\\nme]: last'
	assert_equal "$(tmux -S "$socket" capture-pane -p | sed 's/ *$//' | sed -n 3p)" ''
	after "chat-tail --time=T -e $ROOM $ROOM | cat"
	assert_equal "$(screen | sed '/^done/,$d')" "T $ROOM [jhon]: one\\n[marry]: two\\n\\n  four\\n
T $ROOM [na\\nme]: last\\n"
	after "chat-tail -t -e $ROOM | cut -f 4; chat-tail -t -e $ROOM; chat-tail -j -e $ROOM"
	assert_equal "$(screen -J | grep -c '^room.*one.n.marry.: two')" 1
	assert_equal "$(screen -J | grep -c '^{.*one.u000a.marry.: two.u000a')" 1
}

@test "^C at the question for the password: the terminal shows again what is typed" {
	enter "chat-tail --askpass -e $ROOM"
	sees 'password:$'
	tmux -S "$socket" send-keys -l secret
	press C-c
	sees '[$#]$'
	enter 'echo then $?'
	sees $'echo then \\$\\?\nthen 130'
	[[ $(screen) != *secret* ]]
}

# asks: chat-tail is at the question for the password; its process ID is in the file pid.
asks() {
	enter "clear; sh -c 'echo \$\$ >$BATS_TEST_TMPDIR/pid; exec chat-tail --user default --askpass -e $ROOM'"
	sees 'password:$'
}
# echoes: back at the shell, the terminal shows what is typed.
echoes() {
	after 'stty -a >"$BATS_TEST_TMPDIR/stty"'
	assert_match "$(<"$BATS_TEST_TMPDIR/stty")" '[^-]echo[; ]'
}

@test "whatever signal ends the question for the password, the terminal shows again what is typed" {
	for signal in ALRM USR1 USR2 XCPU QUIT TERM HUP RTMIN; do
		asks
		kill -"$signal" "$(<"$BATS_TEST_TMPDIR/pid")"
		wait_until 10 ended "$(<"$BATS_TEST_TMPDIR/pid")"
		echoes
	done
}

@test "^Z at the question for the password: the terminal shows what is typed, and fg asks again" {
	send -n jhon "$ROOM" hi
	asks
	tmux -S "$socket" send-keys -l sec
	press C-z
	sees 'Stopped'
	echoes
	enter 'clear; fg'
	sees 'password:$'
	enter ret
	sees '\[jhon\]: hi'
	[[ $(screen) != *@(sec|ret)* ]]
	echoes
}

@test "a signal just when the echo went off is not lost" {
	[[ -e $CHAT_BUILD/tests/preload/echo.so ]] || skip 'tests/preload is not built'
	enter "LD_PRELOAD=$CHAT_BUILD/tests/preload/echo.so ECHO_OFF=15 ASAN_OPTIONS=verify_asan_link_order=0:detect_leaks=0 chat-tail --askpass $ROOM; echo then \$?"
	sees 'then 143'
	echoes
}

@test "^Z and fg: the chat goes on" {
	enter "chat-tail $ROOM"
	wait_readers 1
	press C-z
	sees '[$#]$'
	send -n marry "$ROOM" meanwhile
	enter fg
	sees '\[marry\]: meanwhile'
	press C-c
	sees '[$#]$'
	after "chat-send -n jhon $ROOM </dev/null"
	enter "chat-send -n jhon $ROOM"
	sees 'jhon>$'
	press C-z
	sees '[$#]$'
	enter fg
	enter back
	wait_until 5 room_has "$ROOM" 2
	holds "$ROOM" <<<$'marry: meanwhile\njhon: back'
}

@test "--progress and messages share a terminal" {
	enter "chat-tail --progress -e $ROOM-none; seq 5 | chat-send --progress -n jhon $ROOM; echo status \$?"
	sees '5 messages.*status 0'
	enter "clear; chat-tail --progress -n 1 -c 2 $ROOM; echo status \$?"
	sees $'^\\[jhon\\]: 5\nchat-tail: 1 message'
	send -n marry "$ROOM" hi
	sees $'\nchat-tail: 1 message, [0-9]*/s\n\\[marry\\]: hi\nchat-tail: 2 messages, [0-9]*/s\nstatus 0'
}
