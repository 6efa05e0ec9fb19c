#!/usr/bin/env bats
# -g --ack: jobs that the program behind acknowledges, so that none is lost, whatever dies.
# shellcheck disable=SC2154 # status, output, stderr are bats's
# shellcheck disable=SC2030,SC2031,SC2153 # each test is a subshell, and sets what it reads; ROOM is the helper's

load helper

setup_file() { start_server; }
teardown_file() { stop_servers; }
setup() {
	trace_less
	out=$BATS_TEST_TMPDIR/out err=$BATS_TEST_TMPDIR/err
	declare -gA pids=() answers=()
}
teardown() { stop_jobs; }

# --- a room with jobs, and readers whose worker is the test ----------------------------------------------------------

# add N ...: $ROOM has these jobs, with the IDs N-1, and the group. jobs_in ROOM N ...: that room.
jobs_in() {
	local n
	cli xgroup create "$1" w 0 mkstream >/dev/null 2>&1
	for n in "${@:2}"; do cli xadd "$1" "$n-1" jhon "job $n"; done >/dev/null
}
add() { jobs_in "$ROOM" "$@"; }

# reader NAME [argument ...]: in the background, a pipe each way; its rows come into $out.NAME, its errors into $err.NAME,
# and $out.NAME.end is there once it closed its output. The time after which others claim is so long that it plays no
# part, unless one is given. The format is -t, or $format.
reader() {
	local fd pipes=$BATS_TEST_TMPDIR/pipes.$1
	mkdir "$pipes"
	mkfifo "$pipes/rows" "$pipes/answers"
	spawn sh -c 'cat <"$1" >"$2"; : >"$2.end"' sh "$pipes/rows" "$out.$1"
	exec {fd}<>"$pipes/answers"
	spawn chat-tail "${format--t}" -g w --ack --claim 1h "${@:2}" <"$pipes/answers" >"$pipes/rows" 2>"$err.$1"
	pids[$1]=$PID answers[$1]=$fd
}

# answer NAME LINE ...: what the worker says. no_more_answers NAME: it closed its output.
answer() { printf '%s\n' "${@:2}" >&"${answers[$1]}"; }
no_more_answers() {
	local fd=${answers[$1]}
	exec {fd}>&-
}

# runs NAME: a reader has not ended. closed NAME: its worker got all that there was, as at the end of a file.
runs() { ! ended "${pids[$1]}"; }
closed() { wait_until 15 test -e "$out.$1.end"; }

# given NAME TEXT ...: these are the jobs that a reader gave out, once there are so many.
given() {
	wait_until 20 has_lines "$out.$1" $(($# - 1)) || { cat "$err.$1" >&2 && return 1; }
	assert_equal "$(cut -f 4 "$out.$1")" "$(printf '%s\n' "${@:2}")"
}
silent() { assert_equal "$(<"$err.$1")" ''; } # NAME

# ends NAME STATUS: a reader, by itself. leaves NAME STATUS: the same, with its worker: that ends when it gets no more.
ends() {
	wait_end 15 "${pids[$1]}" || { cat "$err.$1" >&2 && return 1; }
	assert_status "$2"
}
leaves() {
	closed "$1"
	no_more_answers "$1"
	ends "$@"
}

# pending_is N: of $ROOM. pending: a line for each job: its ID, how often it was given, and `back` if it was handed back.
pending_is() { [[ $(cli xpending "${2-$ROOM}" w | head -n 1) == "$1" ]]; }
pending() { cli xpending "${1-$ROOM}" w - + 100 | paste -d ' ' - - - - | awk '{ print $1, $4 ($3 > 1e9 ? " back" : "") }'; }
called() { (($(calls "$1") >= $2)); } # COMMAND N, of the server
consumers() { cli xinfo consumers "$1" w | awk 'last == "name" { print } { last = $0 }'; }

# --- answers ---------------------------------------------------------------------------------------------------------

@test "an ID, a room and an ID, the row as it is: each acknowledges; an ID with a + does not" {
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

@test "other formats with an ID: its worker answers in the same way" {
	add 1 2 3
	local format n=0
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

@test "several rooms: each job is answered as of its room" {
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

@test "a job that failed comes back, after what is new; what else is said of that time is ignored" {
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

@test "two readers: what failed is soon given again, to one of them, and for ever" {
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

# one_has_a_job: sets name, that of a reader.
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

@test "nobody waits while there is work that nobody has begun" {
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

@test "what -x hides whole is acknowledged by the reader; of the rest, the row that is left" {
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

@test "a job that takes three times --claim, beside an idle reader: given once" {
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

@test "rows of 1 MB that are echoed whole as answers: neither stands still" {
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

@test "connections that are lost: a job stays with its reader, and it does not count" {
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

# cut_at WORD: sets $relay, a socket whose first connection is cut when the server answers a command with that word.
cut_at() {
	relay=$BATS_TEST_TMPDIR/relay
	spawn "$PYTHON" "$REPO/tests/faults" relay "$relay" "$SOCK" "$1"
	wait_until 5 test -S "$relay"
}
resumed() { grep -q 'resumed' "$err.$1"; }

@test "the answer that brings a job is lost: the reader gets it all the same, and it does not count" {
	add 1
	cut_at XREADGROUP
	reader a -s "$relay" "$ROOM"
	given a 'job 1'
	resumed a
	assert_equal "$(pending)" '1-1 1'
	answer a 1-1
	wait_until 5 pending_is 0
}

@test "the answer to an acknowledgement is lost: the job is done, once" {
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

@test "the answer to the move of a dead job is lost: it is in the dead room once" {
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

# --- the end ---------------------------------------------------------------------------------------------------------

# soon_again TEXT ...: what was handed back another reader is given, long before --claim.
soon_again() {
	reader heir --prefetch 10 "${room-$ROOM}"
	given heir "$@"
}

@test "its worker died, and standard input ended: the rest is handed back, each as a try" {
	add 1 2 3
	reader a --prefetch 3 "$ROOM"
	given a 'job '{1..3}
	answer a 2-1
	wait_until 5 pending_is 2
	no_more_answers a
	wait_until 10 ended "${pids[a]}"
	assert_equal "$(<"$err.a")" 'chat-tail: standard input ended; handing back 2 unanswered entries'
	assert_equal "$(pending)" $'1-1 1 back\n3-1 1 back'
	soon_again 'job 1' 'job 3'
}

@test "its worker closed standard output: the rest is handed back, each as a try" {
	add 1 2
	mkfifo "$out.answers"
	exec 7<>"$out.answers"
	pipeline 'chat-tail -t -g w --ack --claim 1h --prefetch 2 "$1" <"$2" 2>"$3" | { read -r && read -r; }' \
		"$ROOM" "$out.answers" "$err"
	wait_end 10 "$PID"
	assert_equal "$(pending)" $'1-1 1 back\n2-1 1 back'
	soon_again 'job 1' 'job 2'
}

@test "-c, and the server is away when the last answers come: they are told once it is back" {
	start_server --appendonly yes --appendfsync always
	add 1
	reader a -c 1 --retry 1h "$ROOM"
	given a 'job 1'
	closed a
	kill_server
	answer a 1-1
	no_more_answers a
	wait_until 20 grep -q 'trying again' "$err.a"
	restart_server --appendonly yes
	ends a 0
	pending_is 0
	stop_server
}

@test "TERM: nothing more is given, answers are taken until there are no more, the rest is handed back, and no try" {
	add 1 2
	reader a --prefetch 2 "$ROOM"
	given a 'job 1' 'job 2'
	kill -TERM "${pids[a]}"
	closed a
	add 3
	answer a 1-1
	wait_until 5 eval '[[ $(pending) != *1-1* ]]'
	runs a
	no_more_answers a
	ends a 143
	given a 'job 1' 'job 2'
	assert_equal "$(pending)" '2-1 0 back'
	silent a
	soon_again 'job 3' 'job 2'
}

@test "a second signal ends it at once" {
	add 1
	reader a "$ROOM"
	given a 'job 1'
	kill -TERM "${pids[a]}"
	closed a
	runs a
	kill -TERM "${pids[a]}"
	ends a 143
}

@test "-c: so many are given, answers are taken until there are no more, the rest is handed back, and no try" {
	add {1..5}
	reader a -c 2 --prefetch 4 "$ROOM"
	given a 'job 1' 'job 2'
	answer a 1-1
	wait_until 5 eval '[[ $(pending) != "1-1 "* ]]'
	runs a
	leaves a 0
	given a 'job 1' 'job 2'
	assert_equal "$(pending | grep -v ' 0 back$')" ''
	assert_equal "$(pending | head -n 1)" '2-1 0 back'
	silent a
}

@test "-U: what comes after it is handed back, and so is what was not answered, and no try" {
	add 1 2 9
	reader a -U 5-5 --prefetch 4 "$ROOM"
	given a 'job 1' 'job 2'
	answer a 2-1
	wait_until 5 eval '[[ $(pending) != *2-1* ]]'
	leaves a 0
	given a 'job 1' 'job 2'
	assert_equal "$(pending | grep -v '^[19]-1 0 back$')" ''
	silent a
	soon_again 'job 1' 'job 9' || given heir 'job 9' 'job 1'
}

@test "what another reader has claimed meanwhile is not taken back from it" {
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

# rarely_renewed COMMAND ...: with --claim 2s, once it was tried five more times, the jobs in a worker's hands were
# renewed no more often than each 667 ms, each of them (two, at most), since the command began.
rarely_renewed() {
	local calls since=${EPOCHREALTIME//[.,]/} before
	before=$(calls xclaim)
	"$@"
	wait_until 20 called xclaim $((before + 5))
	calls=$(($(calls xclaim) - before))
	((calls <= 2 * (${EPOCHREALTIME//[.,]/} - since) / 667000 + 4)) || { echo "$calls renewals" >&2 && return 1; }
}

@test "a job that was deleted, or claimed by another reader, while it is not answered: to renew it is not tried all the time" {
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

# kept_by CONSUMER: it makes the job that is pending its own again, four times.
kept_by() { for _ in 1 2 3 4; do cli xclaim "$ROOM" w "$1" 0 2-1 justid; done >/dev/null; }

@test "a job that came while its reader was stopped, and that another has claimed: not given a second time, nor taken back" {
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

@test "a job that came while its reader was stopped, and that nobody has claimed: given, and it counts once" {
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

# stopped_with_a_job: reader a is stopped, and the job number $job was given to it meanwhile; unless it had just stopped
# to wait, and did not get it: then with the next one.
stopped_with_a_job() {
	job=0
	while wait_readers 1 && kill -STOP "${pids[a]}" && add $((++job)) && ! pending_is 1; do
		kill -CONT "${pids[a]}"
		wait_until 20 has_lines "$out.a" "$job"
		answer a "$job-1"
		wait_until 5 pending_is 0
	done
}

# idle_for MS: the job that is pending has been for so long.
idle_for() { (($(cli xpending "$ROOM" w - + 1 | sed -n 3p) > $1)); }

@test "-W does not run while a job is not answered" {
	add
	reader a -W 4 "$ROOM"
	wait_readers 1
	add 1
	given a 'job 1'
	sleep 6
	[[ ! -e $out.a.end ]]
	answer a 1-1
	leaves a 5
	pending_is 0
}

@test "-e waits until nothing is pending, for another reader either" {
	add 1 2
	reader a "$ROOM"
	given a 'job 1'
	reader b -e "$ROOM"
	given b 'job 2'
	answer b 2-1
	wait_until 5 pending_is 1
	sleep 3
	runs b
	(($(cut -d ' ' -f 14,15 "/proc/${pids[b]}/stat" | tr ' ' +) < 100)) # hundredths of a second: it waits and does not spin
	answer a -1-1
	wait_until 20 eval '(($(cat "$out".[ab] | wc -l) == 3))'
	runs b
	answer a 1-1
	answer b 1-1 # one of the two has it
	leaves b 0
	pending_is 0
}

@test "a standard input that ends at once is one line and exit status 1, and nothing is lost" {
	cli xgroup create "$ROOM" w 0 mkstream >/dev/null
	fails 1 'standard input' chat-tail -t -g w --ack "$ROOM" </dev/null
	fails 1 'ended before anything was given out; --ack reads the answers there$' chat-tail -t -e -g w --ack "$ROOM" </dev/null
	add 1
	fails 1 'standard input' chat-tail -t -g w --ack "$ROOM" </dev/null
	soon_again 'job 1'
}

# --- jobs that fail again and again ----------------------------------------------------------------------------------

@test "--tries and --dead: what failed so often is moved, with what it was, once, and one notice" {
	local room='a\b '$ROOM dead=$ROOM-dead
	cli xgroup create "$room" w 0 mkstream >/dev/null
	cli xadd "$room" 1-1 jhon $'bad\tjob' jhon again '' $'\xff' >/dev/null
	jobs_in "$room" 2
	reader a --prefetch 2 --tries 2 --dead "$dead" "$room"
	wait_until 10 has_lines "$out.a" 4
	answer a $'a\\\\b '"$ROOM"$'\t-1-1' $'a\\\\b '"$ROOM"$'\t2-1'
	wait_until 20 has_lines "$out.a" 7
	assert_equal "$(length "$dead")" 0
	answer a $'a\\\\b '"$ROOM"$'\t-1-1'
	wait_until 20 room_has "$dead" 1
	wait_until 5 pending_is 0 "$room"
	assert_equal "$(cli xrange "$dead" - + | tail -n +2)" "$(printf '%s\n' jhon $'bad\tjob' jhon again '' $'\xff' \
		chat-tail:dead $'a\\\\b '"$ROOM"$'\t1-1')"
	one_line "$err.a"
	assert_match "$stderr" ": 1-1 was given out 2 times but never acknowledged; moved to $dead\$"
	jobs_in "$room" 3
	wait_until 10 has_lines "$out.a" 8
	assert_equal "$(tail -n 1 "$out.a" | cut -f 4)" 'job 3'
}

@test "--dead with -m: the dead room is not read" {
	add 1
	reader a --tries 1 --dead "$ROOM-dead" -m "$ROOM*"
	given a 'job 1'
	answer a "$ROOM"$'\t-'1-1
	wait_until 20 room_has "$ROOM-dead" 1
	local before
	before=$(calls scan)
	wait_until 20 called scan $((before + 2)) # it has looked for rooms since
	jobs_in "$ROOM-more" 1
	wait_until 20 has_lines "$out.a" 2
	assert_equal "$(cut -f 1 "$out.a")" "$ROOM"$'\n'"$ROOM-more"
	assert_equal "$(cli xinfo groups "$ROOM-dead")" ''
}

@test "a worker that dies of a job: it is dead after so many of them, and its neighbours are done" {
	add 1 2 3
	mkfifo "$BATS_TEST_TMPDIR/done"
	local n
	for n in {1..4}; do
		room_has "$ROOM-dead" 0
		pipeline 'chat-tail -t -e -g w --ack --claim 1h --tries 3 --dead "$1-dead" "$1" <"$2" 2>>"$4" |
			while IFS= read -r row; do
				echo "$row" >>"$3"
				[[ $row != *"job 2" ]] || exit
				echo "$row"
			done >"$2"; exit "${PIPESTATUS[0]}"' "$ROOM" "$BATS_TEST_TMPDIR/done" "$out" "$err"
		wait_end 20 "$PID"
	done
	assert_status 0
	room_has "$ROOM-dead" 1
	pending_is 0
	assert_equal "$(cut -f 4 "$out" | sort | uniq -c | tr -s ' ')" $' 1 job 1\n 3 job 2\n 1 job 3'
}

# --- what changes in the middle --------------------------------------------------------------------------------------

@test "the group deleted while a job is not answered: one line, and all comes again" {
	add 1 2
	reader a "$ROOM"
	given a 'job 1'
	cli xgroup destroy "$ROOM" w >/dev/null
	answer a 1-1
	wait_until 20 eval '[[ $(tail -n +2 "$out.a" | head -n 1 | cut -f 4) == "job 1" ]]'
	answer a 1-1
	given a 'job 1' 'job 1' 'job 2'
	answer a 2-1
	wait_until 5 pending_is 0
	one_line "$err.a"
	assert_match "$stderr" "$ROOM: .*group"
}

@test "the room deleted while a job is not answered: one line, and on with the new one" {
	add 1
	reader a "$ROOM"
	given a 'job 1'
	cli del "$ROOM" >/dev/null
	answer a 1-1
	wait_until 20 eval '[[ $(cli exists "$ROOM") == 1 ]]'
	cli xadd "$ROOM" 2-1 jhon 'job 2' >/dev/null
	given a 'job 1' 'job 2'
	answer a 2-1
	wait_until 5 pending_is 0
	one_line "$err.a"
	assert_match "$stderr" "$ROOM: .*"
}

@test "trimmed while pending: acknowledged and counted in one notice; in a worker's hands: done as ever" {
	add 1 2 3 4
	reader a --prefetch 3 "$ROOM"
	given a 'job '{1..3}
	kill -KILL "${pids[a]}"
	reader b "$ROOM"
	given b 'job 4'
	cli xtrim "$ROOM" maxlen 0 >/dev/null
	answer b 4-1
	wait_until 5 pending_is 3
	kill -TERM "${pids[b]}"
	leaves b 143
	silent b
	reader c --claim 1s "$ROOM"
	wait_until 20 pending_is 0
	wait_until 5 has_lines "$err.c" 1
	one_line "$err.c"
	assert_match "$stderr" "$ROOM: .*3 "
	add 5
	given c 'job 5'
}

@test "a job that was listed as left undone, and then done by whoever had it: nobody says that it was deleted" {
	add 1
	cli xreadgroup group w somebody streams "$ROOM" '>' >/dev/null
	hold_at XCLAIM
	reader b --claim 1s -s "$relay" "$ROOM"
	wait_until 20 test -e "$relay.held"
	cli xack "$ROOM" w 1-1 >/dev/null
	: >"$relay.go"
	add 2
	given b 'job 2'
	answer b 2-1
	wait_until 5 pending_is 0
	wait_until 20 called xpending $(($(calls xpending) + 3))
	silent b
}

@test "TERM while dead jobs are moved: those that were not are handed back, and the next reader moves them" {
	add 1 2 3
	hold_at MULTI
	reader a --prefetch 3 --tries 1 --dead "$ROOM-dead" -s "$relay" "$ROOM"
	given a 'job '{1..3}
	answer a -1-1 -2-1 -3-1
	wait_until 20 test -e "$relay.held"
	kill -TERM "${pids[a]}"
	closed a
	no_more_answers a
	: >"$relay.go"
	wait_end 15 "${pids[a]}"
	assert_equal "$(pending)" $'2-1 1 back\n3-1 1 back'
	assert_equal "$(length "$ROOM-dead")" 1
	reader b --tries 1 --dead "$ROOM-dead" "$ROOM"
	wait_until 20 room_has "$ROOM-dead" 3
	wait_until 5 pending_is 0
}

# hold_at WORD: sets $relay, a socket whose connections stand still, and $relay.held is there, before the server gets that
# word, until $relay.go is there.
hold_at() {
	relay=$BATS_TEST_TMPDIR/relay
	spawn "$PYTHON" -c '
import os, socket, sys, threading, time
at, to, word = sys.argv[1:]

def way(source, sink, up):
    while data := source.recv(65536):
        if up and word.encode() in data:
            open(at + ".held", "w").close()
            while not os.path.exists(at + ".go"):
                time.sleep(0.01)
        sink.sendall(data)
    sink.shutdown(socket.SHUT_WR)

listener = socket.socket(socket.AF_UNIX)
listener.bind(at)
listener.listen()
while True:
    client, server = listener.accept()[0], socket.socket(socket.AF_UNIX)
    server.connect(to)
    for ends in (client, server, True), (server, client, False):
        threading.Thread(target=way, args=ends, daemon=True).start()
' "$relay" "$SOCK" "$1"
	wait_until 5 test -S "$relay"
}

@test "trimmed while pending, without --ack: the same" {
	add 1 2 3 4
	cli xreadgroup group w dead count 3 streams "$ROOM" '>' >/dev/null
	cli xdel "$ROOM" 1-1 2-1 3-1 >/dev/null
	spawn chat-tail -r -g w --claim 1s "$ROOM" >"$out" 2>"$err" </dev/null
	wait_until 20 pending_is 0
	wait_until 10 has_lines "$err" 1
	one_line "$err"
	assert_match "$stderr" "$ROOM: .*3 "
	assert_equal "$(<"$out")" '[jhon]: job 4'
}

@test "a right taken away in the middle: one line with the server's words, and exit status 4" {
	add 1 2
	cli acl setuser some reset on '>pw' "~$ROOM" '+@all' >/dev/null
	REDISCLI_AUTH=pw reader a --user some "$ROOM"
	given a 'job 1'
	cli acl setuser some -xack -xreadgroup >/dev/null
	answer a 1-1
	ends a 4
	one_line "$err.a"
	assert_match "$stderr" NOPERM
	cli acl setuser some '+@all' >/dev/null
	REDISCLI_AUTH=pw reader b --prefetch 2 --user some "$ROOM"
	wait_until 5 has_lines "$out.b" 1
	cli acl setuser some -@all >/dev/null
	ends b 4
	one_line "$err.b"
	assert_match "$stderr" NOPERM
}

# --- consumers -------------------------------------------------------------------------------------------------------

@test "each reader has a name of its own: host, process ID and random digits" {
	add 1 2
	reader a "$ROOM"
	reader b "$ROOM"
	wait_until 10 eval '(($(consumers "$ROOM" | wc -l) == 2))'
	local name host rest=()
	host=$(uname -n)
	for name in $(consumers "$ROOM"); do
		assert_match "$name" "^$host:(${pids[a]}|${pids[b]})[:-]([0-9a-f]{4,})$"
		rest+=("${BASH_REMATCH[2]}")
	done
	[[ ${rest[0]} != "${rest[1]}" ]]
}

@test "consumers leave each room, however the reader ends, unless they were given a name" {
	local room=$ROOM
	for how in 1 2 3; do
		jobs_in "$ROOM-a" "$how"
		jobs_in "$ROOM-b"
		case $how in
		1) reader 1 -c 1 "$ROOM-a" "$ROOM-b" ;;
		2) reader 2 -e "$ROOM-a" "$ROOM-b" ;;
		*) reader 3 "$ROOM-a" "$ROOM-b" ;;
		esac
		given "$how" "job $how"
		answer "$how" "$(<"$out.$how")"
		wait_until 5 pending_is 0 "$ROOM-a"
		((how < 3)) || kill -TERM "${pids[3]}"
		leaves "$how" $((how < 3 ? 0 : 143))
		assert_equal "$(consumers "$ROOM-a")$(consumers "$ROOM-b")" ''
		silent "$how"
	done
	jobs_in "$ROOM-a" 4
	reader named -e --consumer me "$ROOM-a"
	given named 'job 4'
	answer named 4-1
	leaves named 0
	assert_equal "$(consumers "$ROOM-a")" me
	prints chat-tail -r -e -g w "$ROOM-a" "$ROOM-b" </dev/null
	assert_equal "$(consumers "$ROOM-b")" ''
}

@test "a reader that hands back leaves no consumer that would take it along" {
	add 1 2
	reader a -c 1 --prefetch 2 "$ROOM"
	given a 'job 1'
	leaves a 0
	soon_again 'job 1' 'job 2' || given heir 'job 2' 'job 1'
}

@test "a reader whose connection died leaves its consumer: what is late may still be given to it" {
	add 1
	reader a --prefetch 2 "$ROOM"
	given a 'job 1'
	cli client kill type normal skipme yes >/dev/null
	wait_until 10 resumed a
	answer a 1-1
	wait_until 10 pending_is 0
	kill -TERM "${pids[a]}"
	leaves a 143
	assert_equal "$(consumers "$ROOM" | wc -l)" 1
}

@test "-g with -m: a room that was deleted is dropped, and not made again; others are read on, new ones too" {
	jobs_in "$ROOM-a"
	jobs_in "$ROOM-b"
	reader a -m "$ROOM-*"
	wait_readers 1
	cli del "$ROOM-a" >/dev/null
	wait_until 20 has_lines "$err.a" 1
	local before
	before=$(calls xreadgroup)
	wait_until 30 called xreadgroup $((before + 2))
	assert_equal "$(cli exists "$ROOM-a")" 0
	jobs_in "$ROOM-b" 1
	given a 'job 1'
	answer a "$ROOM-b"$'\t'1-1
	wait_until 5 pending_is 0 "$ROOM-b"
	cli xadd "$ROOM-c" 2-1 jhon 'job 2' >/dev/null
	given a 'job 1' 'job 2'
	answer a "$ROOM-c"$'\t'2-1
	cli xadd "$ROOM-a" 3-1 jhon 'job 3' >/dev/null # it is back, made by somebody else
	given a 'job 1' 'job 2' 'job 3'
	one_line "$err.a"
	assert_match "$stderr" "$ROOM-a"
}

@test "-l -g: a row for each group, with consumers, pending, lag, and the last ID that was given" {
	cli flushall >/dev/null
	jobs_in "$ROOM" 1 2 3
	cli xgroup create "$ROOM" v 2-1 >/dev/null
	jobs_in 'b b'
	reader a "$ROOM"
	given a 'job 1'
	cli xadd none 1-1 jhon hi >/dev/null
	local lag
	lag=$(cli xinfo groups "$ROOM" | sed -n '/^v$/,$p' | sed -n '/^lag$/{n;p;q;}')
	prints chat-tail -l -g '*' < <(printf '%s\t%s\t%s\t%s\t%s\t%s\n' 'b b' w 0 0 0 0-0 "$ROOM" v 0 0 "$lag" 2-1 \
		"$ROOM" w 1 1 2 1-1)
	prints chat-tail -l -g 'v*' < <(printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$ROOM" v 0 0 "$lag" 2-1)
	prints chat-tail -l -g w 'b*' < <(printf '%s\t%s\t%s\t%s\t%s\t%s\n' 'b b' w 0 0 0 0-0)
	prints chat-tail -l -g nobody </dev/null
	cli xdel "$ROOM" 2-1 >/dev/null # now the server does not know
	prints chat-tail -l -g w "$ROOM" < <(printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$ROOM" w 1 1 '' 1-1)
}

# --- permissions, options --------------------------------------------------------------------------------------------

# allow N ...: the user `worker` may do what these lines of the manual's PERMISSIONS say, in $ROOM and $ROOM-dead.
allow() {
	local n rule
	for n; do
		rule=$(mandoc -T ascii -O width=80 "$REPO/cmd/chat-tail.1" | sed $'s/.\b//g' |
			sed -nE '/^PERMISSIONS/,/^[A-Q]/s/^ {11}[$>] //p' | sed -e ':more' -e '/\\$/{N;s/\\\n//;b more' -e '}' |
			grep 'SETUSER worker' | sed -n "${n}p")
		rule=${rule//"~jobs"/"~$ROOM"}
		rule=${rule//"~dead"/"~$ROOM-dead"}
		assert_equal "$(eval "$rule")" OK
	done
}
redis-cli() { cli "$@"; } # for the rules

@test "under the manual's rules: done, failed, claimed, dead, after a lost connection, to the end, without a word" {
	add 1 2
	allow 1
	REDISCLI_AUTH=password reader a --user worker --prefetch 2 "$ROOM"
	given a 'job 1' 'job 2'
	answer a 1-1 -2-1
	given a 'job 1' 'job 2' 'job 2'
	kill -KILL "${pids[a]}"
	REDISCLI_AUTH=password reader b --user worker --claim 1s "$ROOM"
	given b 'job 2'
	kill -TERM "${pids[b]}"
	leaves b 143
	silent b
	REDISCLI_AUTH=password reader c --user worker "$ROOM"
	given c 'job 2'
	cli client kill user worker >/dev/null
	answer c 2-1
	wait_until 10 pending_is 0
	assert_equal "$(grep -vE 'trying again|resumed' "$err.c")" ''
	kill -TERM "${pids[c]}"
	leaves c 143
	allow 1 2
	add 3
	REDISCLI_AUTH=password reader d -e --user worker --tries 1 --dead "$ROOM-dead" "$ROOM"
	given d 'job 3'
	answer d -3-1
	leaves d 0
	room_has "$ROOM-dead" 1
	pending_is 0
	send -n jhon "$ROOM" 'job 4'
	REDISCLI_AUTH=password prints chat-tail -r -e --user worker -g w "$ROOM" <<<'[jhon]: job 4'
	allow 1 3 4
	REDISCLI_AUTH=password prints chat-tail -l --user worker -g w "$ROOM" < <(chat-tail -l -g w "$ROOM")
}

# stays_pending NAME: a reader who may not do what --dead needs says so in the server's words, and the job is not lost.
stays_pending() {
	REDISCLI_AUTH=password reader "$1" --user worker --tries 1 --dead "$ROOM-dead" "$ROOM"
	wait_until 5 has_lines "$out.$1" 1
	answer "$1" -1-1
	ends "$1" 4
	one_line "$err.$1"
	assert_match "$stderr" NOPERM
	assert_equal "$(length "$ROOM-dead")" 0
	pending_is 1
}

@test "without the right to write to the dead room: one line, exit status 4, and the job stays" {
	add 1
	allow 1
	cli acl setuser worker +multi +exec >/dev/null
	stays_pending a
}

@test "without the right to transactions either: the same" {
	add 1
	allow 1
	stays_pending a
}

@test "formats that show no ID, and options that contradict each other: exit status 2, before any connection" {
	unset REDIS_URL
	local format
	for format in '' -r -0 '-F %t' '-F %%i' '-F %r%n'; do
		# shellcheck disable=SC2086 # none or several
		fails 2 '--ack' chat-tail $format -g w --ack -p 1 room
	done
	fails 2 '--ack' chat-tail -t --ack -p 1 room
	fails 2 '--prefetch' chat-tail -t --prefetch 2 -p 1 room
	fails 2 '--tries' chat-tail -t --tries 2 --dead d -p 1 room
	fails 2 '--(dead|tries)' chat-tail -t -g w --ack --dead d -p 1 room
	fails 2 '--(dead|tries)' chat-tail -t -g w --ack --tries 3 -p 1 room
	fails 2 '--(ack|tries)' chat-tail -t -g w --tries 3 --dead d -p 1 room
	fails 2 '--tries' chat-tail -t -g w --ack --tries 0 --dead d -p 1 room
	fails 2 '--tries' chat-tail -t -g w --ack --tries x --dead d -p 1 room
	fails 2 '--dead' chat-tail -t -g w --ack --tries 3 --dead '' -p 1 room
	fails 2 'room' chat-tail -t -g w --ack --tries 3 --dead room -p 1 other room
	for n in 0 10001 -1 x 1.5 ''; do
		fails 2 '--prefetch' chat-tail -t -g w --ack --prefetch "$n" -p 1 room
	done
	fails 2 '-n' chat-tail -t -g w --ack -n 5 -p 1 room
	fails 2 '-C' chat-tail -t -g w --ack -C file -p 1 room
	fails 2 '-f' chat-tail -t -g w --ack -e -f -p 1 room
	fails 2 '-W' chat-tail -t -g w --ack -e -W 5 -p 1 room
	fails 2 '--ack' chat-tail -l -g w --ack -p 1 room
	fails 2 '-l|--ack' chat-tail -l -g w --prefetch 3 -p 1 room
	fails 2 '--pass-file' chat-tail -t -g w --ack --pass-file /dev/stdin -p 1 room <<<secret
	fails 3 'refused' chat-tail -t -g w --ack --prefetch 10000 --tries 1 --dead d -p 1 room
}

# --- whatever dies ---------------------------------------------------------------------------------------------------

@test "10,000 jobs, readers and workers killed 30 times, the server twice: all done, none acknowledged before" {
	run faults jobs "$RANDOM" 10000 30 2
	counted
	assert_status 0
	assert_match "$output" '^seed [0-9]+: 30 kills, the server 2 times; 10000 jobs: 0 lost, 0 acknowledged before .* 0 dead$'
}

@test "the same with jobs that always fail: those are in the dead room, once each, as they were, and no others" {
	run faults jobs "$RANDOM" 4000 12 1 3
	counted
	assert_status 0
	assert_match "$output" '^seed [0-9]+: 12 kills, the server 1 times; 4000 jobs: 0 lost, 0 acknowledged before .* 40 dead$'
}
