#!/usr/bin/env bats
# The protocol of chat-send, checked in a model: all its interleavings are right, and each of its rules is needed.
# shellcheck disable=SC2154 # output is bats's

load helper

model() { timeout 120 "$PYTHON" "$REPO/tests/model" "$@"; }

# breaks NAME REGEX: without that rule the model finds damage of that kind, and shows the steps that lead to it.
breaks() {
	run model "$1"
	assert_status 0
	assert_match "$output" "^[a-z, ]+: ($2)"$'\n'
	assert_match "$output" $'\n  connects; sends .*\n.* in: '
}

@test "cuts, late bytes, refusals, lost receipts and failovers: nothing twice, and what is lost is reported" {
	run model
	assert_status 0
	assert_match "$output" '^cuts +[0-9]+ states'
	[[ $output != *': '* ]]
}

@test "breaks if WATCH is left out" {
	breaks no-watch 'twice, or out of order'
}

@test "breaks if the answer to GET is not compared" {
	breaks no-get 'twice, or out of order'
}

@test "breaks if EXEC does not wait for the guard" {
	breaks early 'twice, or out of order'
}

@test "breaks if the guard goes before another part's EXEC, which clears it" {
	breaks before 'twice, or out of order'
}

@test "breaks if the transaction does not set the receipt" {
	breaks no-set 'reported lost, but it is in'
}

@test "breaks if a batch in doubt is sent again without asking" {
	breaks no-question 'twice, or out of order'
}

@test "breaks if the wrong batch is not discarded" {
	breaks no-discard 'twice, or out of order'
}

@test "breaks if an opening is repeated under the same name" {
	breaks reopen 'reported lost, but it is in'
}

@test "breaks if a lost receipt is taken for a batch that did not run" {
	breaks absent 'twice, or out of order'
}

@test "breaks if a batch is no longer in doubt once GET said that it did not run" {
	breaks no-doubt 'in, but reported as not sent'
}

@test "breaks if a new connection does not ask for the receipts of the other parts" {
	breaks no-ask 'lost without a word'
}

@test "breaks if a lost receipt is taken for an eviction without a look at the room" {
	breaks no-look 'lost without a word'
}

@test "breaks if an opening counts before the look at the room is answered" {
	breaks hasty 'lost without a word'
}

@test "each break of the model has a test here" {
	diff <(model breaks | cut -d ' ' -f 1 | sort) <(sed -n 's/^\tbreaks \([^ ]*\) .*/\1/p' "$BATS_TEST_FILENAME" | sort)
}
