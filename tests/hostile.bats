#!/usr/bin/env bats
# Servers that answer with nonsense: tests/hostile says what must not happen.
# shellcheck disable=SC2154 # output is bats's

load helper

@test "500 hostile servers: each program exits or waits, without a crash, a control byte or its password" {
	# The programs are built with sanitizers where the compiler has them.
	[[ ! -x $REPO/build/address-undefined/chat-tail ]] || PATH=$REPO/build/address-undefined:$PATH
	run timeout 1200 "$PYTHON" "$REPO/tests/hostile" 1 500
	counted
	assert_status 0
	assert_match "$output" '^500 hostile servers .*, 0 failed$'
}
