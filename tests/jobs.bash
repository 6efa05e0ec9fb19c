# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # some variables are read by the tests only, some are those of helper.bash
#
# What the bats files about jobs (-g --ack) share: a room with jobs, and readers whose worker is the test. A file loads it
# after helper.bash; its setup is begin_jobs.

begin_jobs() {
	trace_less
	out=$BATS_TEST_TMPDIR/out err=$BATS_TEST_TMPDIR/err
	declare -gA pids=() answers=()
}

# add N ...: $ROOM has these jobs, with the IDs N-1, and the group. jobs_in ROOM N ...: the same, in that room.
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

# resumed NAME: a reader has come through an outage.
resumed() { grep -q 'resumed' "$err.$1"; }

# pending_is N [ROOM]: so many jobs were given out and not acknowledged. pending [ROOM]: a line
# for each of them: its ID, how often it was given, and `back` if it was handed back.
pending_is() { [[ $(cli xpending "${2-$ROOM}" w | head -n 1) == "$1" ]]; }
pending() { cli xpending "${1-$ROOM}" w - + 100 | paste -d ' ' - - - - | awk '{ print $1, $4 ($3 > 1e9 ? " back" : "") }'; }
