#!/usr/bin/env bats
# -g --ack: jobs that the worker behind chat-tail acknowledges, so that none is lost, whatever dies.
# shellcheck disable=SC2154 # status, output, stderr are bats's
# shellcheck disable=SC2030,SC2031,SC2153 # each test is a subshell, and sets what it reads; ROOM is the helper's

load helper
load jobs

setup_file() { start_server; }
teardown_file() { stop_servers; }
setup() { begin_jobs; }
teardown() { stop_jobs; }

# --- answers ---------------------------------------------------------------------------------------------------------

@test "an ID, a room and an ID, and the row itself each acknowledge; an ID with a + does not" {
	add 1 2 3
	cli xadd "$ROOM" 4-1 jhon 'job 4' marry 'and more' >/dev/null
	reader a --prefetch 10 "$ROOM"
	given a 'job '{1..4} 'and more'
	answer a 1-1
	wait_until 5 pending_is 3
	answer a "$ROOM"$'\t'2-1
	wait_until 5 pending_is 2
	answer a "$(sed -n 4p "$out.a")" "$(sed -n 3p "$out.a")"
	wait_until 5 pending_is 1
	assert_equal "$(pending)" '4-1 1'
	printf '%s\t4' "$ROOM" >&"${answers[a]}" # an answer that comes in two halves
	printf -- '-1\tmarry\tand more\n' >&"${answers[a]}"
	wait_until 5 pending_is 0
	silent a
}

@test "other formats that show an ID: the worker answers in the same way" {
	add 1 2 3
	local format n=0
	# shellcheck disable=SC2034 # reader uses it
	for format in -j -J '-F%i\n'; do
		((++n))
		reader "$n" -c 1 "$ROOM"
		wait_until 5 has_lines "$out.$n" 1
		answer "$n" "$n-1"
		leaves "$n" 0
		silent "$n"
	done
	pending_is 0
}

@test "several rooms: each answer counts for the job of its own room" {
	jobs_in "$ROOM-a" 1 2
	jobs_in "$ROOM-b" 1 2
	reader a --prefetch 4 "$ROOM-a" "$ROOM-b"
	wait_until 5 has_lines "$out.a" 4
	answer a "$ROOM-b"$'\t'1-1 "$ROOM-a"$'\t-'2-1
	wait_until 5 eval '[[ $(pending "$ROOM-a") == *back ]]'
	assert_equal "$(pending "$ROOM-a")" $'1-1 1\n2-1 1 back'
	assert_equal "$(pending "$ROOM-b")" '2-1 1'
	silent a
}

@test "several rooms: a bare ID is no answer, whatever follows it" {
	jobs_in "$ROOM-a" 1
	jobs_in "$ROOM-b" 1
	reader a --prefetch 4 "$ROOM-a" "$ROOM-b"
	wait_until 5 has_lines "$out.a" 2
	answer a 1-1 $'1-1\tand more+'
	wait_until 5 has_lines "$err.a" 2
	assert_equal "$(sort -u "$err.a")" 'chat-tail: standard input: 1-1 was not given out, or was already answered'
	assert_equal "$(pending "$ROOM-a") $(pending "$ROOM-b")" '1-1 1 1-1 1'
}

@test "a job that failed comes back after the new ones; another answer for the same delivery is ignored" {
	add 1 2 3
	reader a "$ROOM"
	given a 'job 1'
	answer a -1-1 1-1 -1-1
	given a 'job 1' 'job 2'
	answer a 2-1
	given a 'job 1' 'job 2' 'job 3'
	answer a "$ROOM"$'\t'3-1
	given a 'job 1' 'job 2' 'job 3' 'job 1'
	assert_equal "$(pending)" '1-1 2'
	answer a "$ROOM"$'\t-'1-1
	given a 'job 1' 'job 2' 'job 3' 'job 1' 'job 1'
	answer a 1-1
	wait_until 5 pending_is 0
	silent a
}

@test "two readers: a job that fails is given again soon, to one of them, without end" {
	add 1
	reader a "$ROOM"
	reader b "$ROOM"
	local n name
	local -A answered=([a]=0 [b]=0)
	for n in {1..5}; do
		wait_until 20 one_has_a_job
		answered[$name]=$((answered[$name] + 1))
		answer "$name" -1-1
	done
	wait_until 20 eval '(($(cat "$out".[ab] | wc -l) == 6))'
	assert_equal "$(pending)" '1-1 6'
	silent a
	silent b
}

# one_has_a_job: a condition: a reader, whose name it leaves in $name, has given out a job.
one_has_a_job() { for name in a b; do ! has_lines "$out.$name" $((answered[$name] + 1)) || return 0; done && false; }

@test "lines that make no sense, and IDs that were not given: one notice each, and nothing else" {
	add 1 2
	reader a "$ROOM"
	given a 'job 1'
	local lines=(abc 1 1- 1-1-1 -- --1-1 1-1x ' 1-1' "$ROOM"$'\t' $'\t1-1' $'\t' "other"$'\t1-1' '2-1' '-2-1' 9-9
		99999999999999999999-0 1-99999999999999999999 $'\e[2J' $'\xff\xfe' "$(printf '%0200000d' 1)")
	answer a "${lines[@]}" 1-1
	given a 'job 1' 'job 2'
	assert_equal "$(pending)" '2-1 1'
	assert_equal "$(wc -l <"$err.a")" "${#lines[@]}"
	local said='not an answer: write ID, -ID, or a room, a tab and one of these|[0-9-]+ was not given out, or was already answered'
	assert_equal "$(grep -Evc "^chat-tail: standard input: ($said)\$" "$err.a")" 0
	assert_equal "$(LC_ALL=C grep -c '[^[:print:]]' "$err.a")" 0
	assert_equal "$(awk 'length > 300' "$err.a")" ''
	answer a 2-1
	wait_until 5 pending_is 0
}

@test "answers of random bytes crash nothing and acknowledge nothing" {
	add 1
	reader a -q "$ROOM"
	given a 'job 1'
	head -c 300000 /dev/urandom | tr -d 1 >&"${answers[a]}"
	answer a '' 1-1
	wait_until 10 pending_is 0
	no_more_answers a
	wait_until 5 ended "${pids[a]}"
}

# --- what is given ---------------------------------------------------------------------------------------------------

@test "never more than --prefetch jobs are given and not answered" {
	add {1..30}
	reader a --prefetch 3 "$ROOM"
	local n
	for n in {1..27}; do
		wait_until 5 has_lines "$out.a" $((n + 2))
		assert_equal "$(wc -l <"$out.a")" $((n + 2))
		answer a "$n-1"
	done
	given a 'job '{1..30}
	wait_until 5 pending_is 3
}

@test "no worker waits while there is work that nobody has begun" {
	add {1..40}
	reader slow "$ROOM"
	reader slower "$ROOM"
	wait_until 5 has_lines "$out.slow" 1
	wait_until 5 has_lines "$out.slower" 1
	reader fast "$ROOM"
	local n
	for n in {1..38}; do # all but the one that each of the others does not get done
		wait_until 5 has_lines "$out.fast" "$n"
		answer fast "$(tail -n 1 "$out.fast")"
	done
	wait_until 5 pending_is 2
	assert_equal "$(cat "$out".* | cut -f 4 | sort -V)" "$(printf 'job %s\n' {1..40})"
	assert_equal "$(wc -l <"$out.slow") $(wc -l <"$out.slower")" '1 1'
}

@test "an entry that -x hides wholly is acknowledged by the reader; of another, the row that is left is answered" {
	add 1
	cli xadd "$ROOM" 2-1 marry hidden >/dev/null
	cli xadd "$ROOM" 3-1 jhon 'job 3' marry hidden >/dev/null
	reader a --prefetch 3 -x marry "$ROOM"
	given a 'job 1' 'job 3'
	wait_until 5 pending_is 2
	assert_equal "$(pending)" $'1-1 1\n3-1 1'
	answer a "$(tail -n 1 "$out.a")"
	wait_until 5 pending_is 1
	silent a
}

@test "a job that takes three times --claim, beside an idle reader, is given once" {
	add 1
	reader a --claim 3s "$ROOM"
	given a 'job 1'
	reader b --claim 3s "$ROOM"
	wait_readers 1
	sleep 9
	assert_equal "$(pending)" '1-1 1'
	answer a 1-1
	wait_until 5 pending_is 0
	assert_equal "$(cat "$out.a" "$out.b" | wc -l)" 1
	silent b
}

@test "a reader that was killed: its jobs are claimed after --claim" {
	add 1 2
	reader a --prefetch 2 "$ROOM"
	given a 'job 1' 'job 2'
	kill -KILL "${pids[a]}"
	reader b --prefetch 2 --claim 1s "$ROOM"
	given b 'job 1' 'job 2'
	assert_equal "$(pending)" $'1-1 2\n2-1 2'
}

@test "rows of 1 MB that are echoed whole as answers: neither side blocks" {
	head -c 1000000 /dev/zero | tr '\0' x >"$out"
	cli xgroup create "$ROOM" w 0 mkstream >/dev/null
	for n in {1..8}; do cli -x xadd "$ROOM" '*' jhon <"$out" >/dev/null; done
	mkfifo "$BATS_TEST_TMPDIR/done"
	for prefetch in 1 5; do
		pipeline 'chat-tail -t -e -g w --ack --prefetch "$1" "$2" <"$3" 2>"$5" | tee "$4" >"$3"; exit "${PIPESTATUS[0]}"' \
			"$prefetch" "$ROOM" "$BATS_TEST_TMPDIR/done" "$out.$prefetch" "$err"
		wait_end 40 "$PID"
		assert_equal "$status $(<"$err")" '0 '
		pending_is 0
		assert_equal "$(wc -l <"$out.$prefetch")" 8
		cli xgroup setid "$ROOM" w 0 >/dev/null
	done
}

@test "lost connections: a job stays with its reader, and that does not count as a try" {
	add 1
	reader a --prefetch 2 "$ROOM" # it asks for another one meanwhile
	given a 'job 1'
	local n
	for n in {1..4}; do
		cli client kill type normal skipme yes >/dev/null
		wait_until 10 eval '(($(grep -c "resumed" "$err.a") == n))'
	done
	assert_equal "$(pending)" '1-1 1'
	cli client kill type normal skipme yes >/dev/null
	answer a 1-1
	wait_until 10 pending_is 0
	given a 'job 1'
}

@test "the reply that brings a job is lost: the reader gets it all the same, and that does not count as a try" {
	add 1
	cut_at XREADGROUP
	reader a -s "$relay" "$ROOM"
	given a 'job 1'
	resumed a
	assert_equal "$(pending)" '1-1 1'
	answer a 1-1
	wait_until 5 pending_is 0
}

@test "the reply to an acknowledgement is lost: the job is done, once" {
	add 1 2
	cut_at XACK
	reader a -s "$relay" "$ROOM"
	given a 'job 1'
	answer a 1-1
	given a 'job 1' 'job 2'
	resumed a
	assert_equal "$(pending)" '2-1 1'
	answer a 2-1
	wait_until 5 pending_is 0
}

@test "the reply to the move of a dead job is lost: it is in the dead room once" {
	add 1
	cut_at chat-tail:dead
	reader a -e -s "$relay" --tries 1 --dead "$ROOM-dead" "$ROOM"
	given a 'job 1'
	answer a -1-1
	leaves a 0
	resumed a
	room_has "$ROOM-dead" 1
	pending_is 0
}

# --- jobs that others claim ------------------------------------------------------------------------------------------

@test "a job that another reader has claimed meanwhile is not taken back from it" {
	add 1 2
	reader a --prefetch 2 "$ROOM"
	given a 'job 1' 'job 2'
	kill -STOP "${pids[a]}"
	reader b --claim 1s "$ROOM"
	given b 'job 1'
	no_more_answers a
	kill -CONT "${pids[a]}"
	wait_until 10 ended "${pids[a]}"
	assert_equal "$(pending)" $'1-1 2\n2-1 1 back'
	answer b 1-1
	given b 'job 1' 'job 2'
}

# rarely_renewed COMMAND ...: runs it and waits for five more renewals; with --claim 2s, each of at most two jobs was renewed
# no more often than every 667 ms since then.
rarely_renewed() {
	local calls since=${EPOCHREALTIME//[.,]/} before
	before=$(calls xclaim)
	"$@"
	wait_until 20 called xclaim $((before + 5))
	calls=$(($(calls xclaim) - before))
	((calls <= 2 * (${EPOCHREALTIME//[.,]/} - since) / 667000 + 4)) || { echo "$calls renewals" >&2 && return 1; }
}

@test "an unanswered job that was deleted, or claimed by another reader: it is not renewed all the time" {
	add 1
	reader a --claim 2s "$ROOM"
	given a 'job 1'
	rarely_renewed cli xdel "$ROOM" 1-1
	answer a 1-1
	add 2
	given a 'job 1' 'job 2'
	cli xclaim "$ROOM" w somebody 0 2-1 >/dev/null
	rarely_renewed kept_by somebody
	answer a 2-1
	wait_until 5 pending_is 0
	silent a
}

# kept_by CONSUMER: it claims the pending job again, four times.
kept_by() { for _ in 1 2 3 4; do cli xclaim "$ROOM" w "$1" 0 2-1 justid; done >/dev/null; }

@test "a job that came while its reader was stopped, and that another one claimed: neither given again nor taken back" {
	reader a --claim 2s "$ROOM"
	stopped_with_a_job
	reader b --claim 2s "$ROOM"
	given b "job $job"
	kill -CONT "${pids[a]}"
	add 1000
	wait_until 20 grep -q 'job 1000$' "$out.a"
	assert_equal "$(cli xpending "$ROOM" w - + 1 | sed -n 4p)" 2
	answer a 1000-1
	answer b "$job-1"
	wait_until 5 pending_is 0
	assert_equal "$(grep -c "job $job\$" "$out.a")" 0
	silent a
}

@test "a job that came while its reader was stopped, and that nobody claimed: given, and it counts once" {
	reader a --claim 2s "$ROOM"
	stopped_with_a_job
	wait_until 10 idle_for 1500
	kill -CONT "${pids[a]}"
	wait_until 20 grep -q "job $job\$" "$out.a"
	assert_equal "$(pending)" "$job-1 1"
	answer a "$job-1"
	wait_until 5 pending_is 0
	silent a
}

# stopped_with_a_job: stops reader a (SIGSTOP) while it waits, so that the server then gives it job number $job. If it was
# not waiting just then, and does not get the job, it is tried again with the next one.
stopped_with_a_job() {
	job=0
	while wait_readers 1 && kill -STOP "${pids[a]}" && add $((++job)) && ! pending_is 1; do
		kill -CONT "${pids[a]}"
		wait_until 20 has_lines "$out.a" "$job"
		answer a "$job-1"
		wait_until 5 pending_is 0
	done
}

# idle_for MS: the pending job has been so for longer than that.
idle_for() { (($(cli xpending "$ROOM" w - + 1 | sed -n 3p) > $1)); }

# --- whatever dies ---------------------------------------------------------------------------------------------------

@test "10,000 jobs, readers and workers killed 30 times, the server twice: all done, none acknowledged before it is" {
	run faults jobs "$RANDOM" 10000 30 2
	counted
	assert_status 0
	assert_match "$output" '^seed [0-9]+: 30 kills, the server 2 times; 10000 jobs: 0 lost, 0 acknowledged before .* 0 dead$'
}

@test "the same with jobs that always fail: they alone are in the dead room, once each, as they were" {
	run faults jobs "$RANDOM" 4000 12 1 3
	counted
	assert_status 0
	assert_match "$output" '^seed [0-9]+: 12 kills, the server 1 times; 4000 jobs: 0 lost, 0 acknowledged before .* 40 dead$'
}
