load helper

setup() {
	tmp=$BATS_TEST_TMPDIR/tmp bin=$BATS_TEST_TMPDIR/bin out=$BATS_TEST_TMPDIR/out
	mkdir "$tmp" "$bin"
	ln -s "$CHAT_BUILD"/chat-{send,tail} "$bin"
}

# demo: starts it in the background, on the programs in $bin, with a TMPDIR of its own by which to find what it leaves.
demo() { spawn env TMPDIR="$tmp" "$REPO/tests/demo" "$bin" >"$out" 2>&1; }

# instead PROGRAM SCRIPT: this script takes the program's place.
instead() {
	rm "$bin/$1"
	printf '#!/bin/bash\n%s\n' "$2" >"$bin/$1"
	chmod +x "$bin/$1"
}

assert_nothing_left() {
	wait_until 5 none_running
	assert_equal "$(ls -A "$tmp")" ''
}
# A server overwrites its environment, but its working directory, even a deleted one, tells whose it is.
none_running() {
	! grep -lszxF "TMPDIR=$tmp" /proc/[0-9]*/environ && ! find /proc/[0-9]*/cwd -lname "$tmp/*" 2>/dev/null | grep .
}

@test "demo: the conversation and the pipelines fit on one screen, and nothing is left running" {
	demo
	wait_end 60 "$PID"
	cat "$out"
	assert_status 0
	grep -Fx '  > hello everyone' "$out"
	grep -Ex ' {40}\[jhon\]: hello everyone' "$out"
	grep -Ex ' {40}> hi jhon, how are you\?' "$out"
	grep -Fx '  [marry]: hi jhon, how are you?' "$out"
	grep -Fx '[marry]: hi jhon, how are you?' "$out"
	grep -Ex ' +3 jhon' "$out"
	grep -E '^\{"room":"room",.*"name":"jhon","text":"hello everyone"\}$' "$out"
	(($(wc -l <"$out") <= 40))
	assert_equal "$(awk 'length > 80 && !/^\{/' "$out" | grep -vF "$bin")" ''
	assert_nothing_left
}

@test "demo: it fails when a reader shows its own messages" {
	instead chat-tail "[[ \$1 != -x ]] || shift 2; exec '$CHAT_BUILD/chat-tail' \"\$@\""
	demo
	wait_end 60 "$PID"
	assert_status 1
	grep -F 'jhon.saw should be' "$out"
	assert_nothing_left
}

@test "demo: it fails when a program does not start" {
	instead chat-tail 'echo broken >&2; exit 1'
	demo
	wait_end 60 "$PID"
	assert_status 1
	grep -Fx broken "$out"
	assert_nothing_left
}

@test "demo: INT, TERM and HUP in the middle leave nothing running" {
	instead chat-send 'exec cat >/dev/null' # what is typed is never seen, so the demo waits
	for signal in INT TERM HUP; do
		demo
		wait_until 10 grep -F '> hello everyone' "$out"
		kill -"$signal" "$PID"
		wait_end 10 "$PID"
		assert_status $((128 + $(kill -l "$signal")))
		assert_nothing_left
	done
}

@test "demo: a closed standard output ends it, and nothing is left running" {
	spawn bash -c "TMPDIR='$tmp' '$REPO/tests/demo' '$bin' 2>&1 | head -n 1" >"$out"
	wait_end 30 "$PID"
	assert_nothing_left
}
