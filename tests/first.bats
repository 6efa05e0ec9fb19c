#!/usr/bin/env bats
# The first five minutes: what the README shows, in real terminals (tmux's), and in the shells that people use.
# shellcheck disable=SC2154 # status, output, stderr are bats's
# shellcheck disable=SC2030,SC2031,SC2153 # each test is a subshell, and sets what it reads; ROOM is the helper's
# shellcheck disable=SC2016 # what is in single quotes is for another shell

load helper

setup_file() { start_server; }
teardown_file() { stop_servers; }
setup() {
	trace_less
	sed -n '/^chat() (/,/^)/p; /^panes() (/,/^)/p' "$REPO/README.md" >"$BATS_TEST_TMPDIR/functions"
}
teardown() {
	for socket in "$BATS_TEST_TMPDIR"/*.tmux "$BATS_TEST_TMPDIR"/tmux-*/chat*; do
		tmux -S "$socket" kill-server 2>/dev/null || true
	done
	family | cut -d ' ' -f 1 | xargs -r kill # those of a test that failed
	stop_jobs
}

# The sanitizers' search for leaks, at a program's end, stands still for ever when the signals of a closing window come
# into it; all else is searched in the other files.
export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0

# open_shell COMMAND: in a terminal of its own, with the README's functions; its prompt is P$.
open_shell() {
	socket=$BATS_TEST_TMPDIR/$((++opened)).tmux
	spawn env -u ENV -u TMUX TERM=xterm-256color FIRST="$BATS_TEST_TMPDIR" TMUX_TMPDIR="$BATS_TEST_TMPDIR" tmux -S "$socket" -f /dev/null \
		new-session -d -x 100 -y 30 "$1"
	sees '[#$%]$'
	enter ". $BATS_TEST_TMPDIR/functions; PS1='P\$ '; clear"
	sees '^P\$$'
}
enter() {
	tmux -S "$socket" send-keys -l -- "$1"
	tmux -S "$socket" send-keys Enter
}
press() { tmux -S "$socket" send-keys "$@"; }
screen() { tmux -S "$socket" capture-pane -p | sed 's/ *$//; /^$/d'; }

# sees REGEX: until the screen has that (its last line is matched by a $).
sees() {
	wait_until 10 seen "$1" && return
	screen >&2
	return 1
}
seen() { [[ $(screen) =~ $1 ]]; }

# family: the process IDs of both programs on this test's terminal, and of the shell around them.
family() {
	local process
	grep -lszxF "FIRST=$BATS_TEST_TMPDIR" /proc/[0-9]*/environ | cut -d / -f 3 | while read -r process; do
		[[ $(cat "/proc/$process/comm" 2>/dev/null) != chat-@(send|tail) ]] ||
			echo "$process $(cut -d ' ' -f 4 "/proc/$process/stat")"
	done
}

# chat_as_jhon: in a room without messages; leaves the programs' process IDs in $processes.
chat_as_jhon() {
	enter "$1 jhon $ROOM"
	sees 'jhon>$'
	wait_readers 1
	processes=$(family)
	assert_equal "$(wc -l <<<"$processes")" 2
}
# One that its shell has not asked about yet has ended, too: bash forgets to, now and then, after ^Z and kill.
all_ended() {
	local process
	for process in $processes; do
		ended "$process" || grep -q '^State:[[:space:]]*Z' "/proc/$process/status" || return
	done
}
nothing_left() { wait_until 10 all_ended && wait_readers 0 && assert_equal "$(family)" ''; }

shells=('bash --norc' 'zsh -f' dash)

# --- chat() ----------------------------------------------------------------------------------------------------------

@test "chat: begins with the last ten messages, sends what is typed, and ^D leaves nothing running" {
	for shell in "${shells[@]}"; do
		ROOM=$ROOM+
		seq 12 | send -n marry "$ROOM"
		open_shell "$shell"
		enter "chat jhon $ROOM"
		sees '\[marry\]: 12'
		[[ $(screen) == *'[marry]: 3'* && $(screen) != *'[marry]: 2'* ]]
		wait_readers 1
		processes=$(family)
		enter "hello from $shell"
		wait_until 10 says_last "jhon: hello from $shell"
		press C-d
		sees $'\nP\\$$'
		nothing_left
	done
}
says_last() { assert_equal "$(messages "$ROOM" | tail -n 1)" "$1"; }

@test "chat: what others say leaves the line being typed alone" {
	for shell in "${shells[@]}"; do
		open_shell "$shell"
		chat_as_jhon chat
		tmux -S "$socket" send-keys -l 'hello fr'
		sees 'jhon> hello fr$'
		send -n marry "$ROOM" "can you hear me in $shell?"
		sees "\\[marry\\]: can you hear me in $shell\\?"$'\njhon> hello fr$'
		enter "om $shell"
		wait_until 10 says_last "jhon: hello from $shell"
		press C-d
		sees $'\nP\\$$'
		nothing_left
	done
}

@test "chat: ^C leaves nothing running" {
	for shell in "${shells[@]}"; do
		open_shell "$shell"
		chat_as_jhon chat
		press C-c
		sees '\^C.*P\$$'
		nothing_left
	done
}

@test "chat: ^Z stops it, fg resumes it; nothing is left running" {
	for shell in "${shells[@]}"; do
		open_shell "$shell"
		chat_as_jhon chat
		press C-z
		sees 'P\$$'
		enter fg
		sees $'\njhon>$'
		enter "again in $shell"
		wait_until 10 says_last "jhon: again in $shell"
		press C-d
		sees $'\nP\\$$'
		nothing_left
	done
}

@test "chat: ^Z and kill leave nothing running" {
	for shell in 'bash --norc' 'zsh -f'; do # dash's kill leaves stopped jobs stopped
		open_shell "$shell"
		chat_as_jhon chat
		press C-z
		sees 'P\$$'
		enter 'kill %1'
		nothing_left
	done
}

@test "chat: closing the terminal leaves nothing running, stopped or not" {
	for shell in "${shells[@]}"; do
		for key in '' C-z; do
			open_shell "$shell"
			chat_as_jhon chat
			[[ ! $key ]] || { press C-z && sees 'P\$$'; }
			tmux -S "$socket" kill-pane
			nothing_left
		done
	done
}

@test "chat: says why when no server answers, and ends" {
	for shell in "${shells[@]}"; do
		open_shell "$shell"
		enter "REDIS_URL=unix://$BATS_TEST_TMPDIR/none; export REDIS_URL; chat jhon $ROOM; echo then \$?"
		sees $'then 3\nP\\$$'
		assert_match "$(screen)" 'chat-send: .*(connect|none)'
		[[ $(screen) != *'kill:'* ]]
	done
}

# --- panes() ---------------------------------------------------------------------------------------------------------

# outside: the shell is told that it is in no tmux.
outside() {
	enter 'unset TMUX; clear'
	sees '^P\$$'
}
# in_panes COMMAND ...: of the tmux that has the panes. above: into the upper one.
in_panes() {
	local panes
	for panes in "$BATS_TEST_TMPDIR"/tmux-*/chat*; do
		! tmux -S "$panes" has-session 2>/dev/null || tmux -S "$panes" "$@"
	done
}
above() { in_panes select-pane -U; }

@test "panes: inside and outside of tmux, ^D or ^C in either pane ends both" {
	for shell in 'bash --norc' 'zsh -f'; do
		for where in true outside; do
			for keys in C-d C-c 'C-c above'; do
				open_shell "$shell"
				"$where"
				send -n marry "$ROOM" before
				enter "panes jhon '$ROOM'"
				sees 'jhon>'
				wait_readers 1
				processes=$(family)
				tmux -S "$socket" send-keys -l "$shell $keys" ';' send-keys Enter
				wait_until 10 says_last "jhon: $shell $keys"
				[[ $keys != *above ]] || above
				press "${keys%% *}"
				sees 'P\$$'
				nothing_left
			done
		done
	done
}

@test "panes: closing either pane ends both" {
	for where in true outside; do
		for pane in true above; do
			open_shell bash --norc
			"$where"
			enter "panes jhon '$ROOM'"
			sees 'jhon>'
			wait_readers 1
			processes=$(family)
			assert_equal "$(wc -l <<<"$processes")" 2
			"$pane"
			in_panes kill-pane
			sees 'P\$$'
			nothing_left
		done
	done
}

@test "panes: they talk to the server that REDIS_URL of this shell names, also if tmux runs already" {
	tmux_server=$REDIS_URL
	start_server
	for shell in 'bash --norc' 'zsh -f' dash; do
		for where in true outside; do
			REDIS_URL=$tmux_server open_shell "$shell"
			"$where"
			enter "REDIS_URL=$REDIS_URL; export REDIS_URL; clear; panes jhon $ROOM"
			sees 'jhon>'
			wait_readers 1
			enter "$shell $where"
			wait_until 10 says_last "jhon: $shell $where"
			press C-d
			sees 'P\$$'
			wait_readers 0
		done
	done
}

@test "panes: says why when no server answers, until Enter is pressed" {
	for where in true outside; do
		open_shell bash --norc
		"$where"
		tmux -S "$socket" set-environment -g REDIS_URL "unix://$BATS_TEST_TMPDIR/none"
		enter "export REDIS_URL=unix://$BATS_TEST_TMPDIR/none; clear; panes jhon $ROOM"
		sees 'chat-send: .*none'
		press Enter
		sees 'P\$$'
		assert_equal "$(family)" ''
	done
}

# --- the README ------------------------------------------------------------------------------------------------------

@test "README.md: its picture is what the programs show" {
	diff -u <(sed -n '/^┌/,/^└/p' "$REPO/README.md") <("$REPO/tests/picture")
}

# checkout: a copy of this one, with its programs built, and the home of somebody new. On this machine nothing is
# installed: apt-get only says what it was asked for.
checkout() {
	HOME=$BATS_TEST_TMPDIR/home
	mkdir "$HOME" "$BATS_TEST_TMPDIR/src" "$BATS_TEST_TMPDIR/bin" "$BATS_TEST_TMPDIR/src/build"
	tar -C "$REPO" --exclude=./build --exclude=./.git -cf - . | tar -C "$BATS_TEST_TMPDIR/src" -xf -
	cp -a "$CHAT_BUILD"/{chat-send,chat-tail,cmd,common} "$BATS_TEST_TMPDIR/src/build"
	printf '#!/bin/sh\necho apt-get "$@"\n' >"$BATS_TEST_TMPDIR/bin/apt-get"
	chmod +x "$BATS_TEST_TMPDIR/bin/apt-get"
	PATH=$BATS_TEST_TMPDIR/bin:/usr/local/bin:/usr/bin:/bin
	cd "$BATS_TEST_TMPDIR/src" || return
}

@test "README.md: each command works, word by word and in the order given, in bash and zsh" {
	alone=tests/alone
	"$REPO/tests/alone" true 2>/dev/null || alone=''
	for shell in 'bash --norc' 'zsh -f'; do
		rm -rf "${BATS_TEST_TMPDIR:?}"/{home,src,bin}
		checkout
		if [[ ! $alone ]]; then # port 6379 may be somebody's: use this file's server
			sed -i '2i [[ ${1-} != start ]] || exit 0' tests/server
			printf '#!/bin/sh\n[ "$1" = shutdown ] || exec "%s" -s "%s" "$@"\n' "$CLI" "$SOCK" >"$BATS_TEST_TMPDIR/bin/redis-cli"
			chmod +x "$BATS_TEST_TMPDIR/bin/redis-cli"
		else
			unset REDIS_URL
		fi
		NEWCOMER_SECONDS=60 run ${alone:+"$alone"} tests/newcomer bash -c "exec $shell"
		echo "$output"
		assert_status 0
		assert_match "$output" '[1-9][0-9]* passed, 0 failed$'
	done
}

@test "tests/server start: starts one where none answers, and leaves another alone" {
	"$REPO/tests/alone" true 2>/dev/null || skip 'no network of its own here'
	unset REDIS_URL
	run "$REPO/tests/alone" bash -c 'cd "$REPO" && tests/server start && chat-send -n jhon room hi && tests/server start &&
		chat-tail -e room'
	assert_status 0
	assert_match "$output" $'^Started a server on .*\nA server answers already.*\n\[jhon\]: hi$'
	run "$REPO/tests/alone" "$PYTHON" -c 'import os, socket, subprocess, sys
taken = socket.create_server(("127.0.0.1", 6379))
sys.exit(subprocess.call([os.environ["REPO"] + "/tests/server", "start"], env=dict(os.environ)))'
	assert_status 1
	assert_match "$output" 'does another program use that port'
}
