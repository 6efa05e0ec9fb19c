#!/usr/bin/env bats
# A server that closes connections without a word because they take too much of its memory.
# shellcheck disable=SC2154 # status, stderr are bats's
# shellcheck disable=SC2030,SC2031,SC2153 # each test is a subshell, and sets what it reads; ROOM is the helper's

load helper

setup() { trace_less && start_server; }
teardown() { stop_all; }

# limit NAME: sets that limit of the server to a mebibyte.
limit() {
	limit=$1
	cli config set "$limit" 1mb >/dev/null || skip "this server has no $limit"
}

# long_lines N: N lines of 100 KB each.
long_lines() { seq "$1" | awk '{ printf "%d %0100000d\n", $1, 0 }'; }

# far_away: sets $far, a socket through which the server looks far away, so that batches are larger.
far_away() {
	far=$BATS_TEST_TMPDIR/far
	spawn "$PYTHON" "$REPO/tests/faults" far "$far" "$SOCK" 20
	wait_until 5 test -S "$far"
}

# closed: how many connections the server has closed because of their size.
closed() {
	case $limit in
	maxmemory-clients) cli info stats | sed -n 's/^evicted_clients:\([0-9]*\).*/\1/p' ;;
	*) grep -c 'max query buffer length' "$SERVER_DIR/log" ;;
	esac
}

# all_in FILE: its lines are in the room, once and in order.
all_in() { cmp <(messages "$ROOM") <(sed 's/^/jhon: /' "$1"); }

# unlimited: lifts the limit for readers, whose replies are large too.
unlimited() { [[ $limit != maxmemory-clients ]] || cli config set "$limit" 0 >/dev/null; }

# goes [argument ...]: chat-send delivers standard input.
goes() {
	cat >"$BATS_TEST_TMPDIR/lines"
	send -q -n jhon "$@" "$ROOM" <"$BATS_TEST_TMPDIR/lines" 2>"$BATS_TEST_TMPDIR/err"
	assert_equal "$(<"$BATS_TEST_TMPDIR/err")" ''
	unlimited
	all_in "$BATS_TEST_TMPDIR/lines"
	cli del "$ROOM" >/dev/null
	limit "$limit"
}

# floods [argument ...]: sends floods of lines, of long ones, and of both; again, if the server kept up with them.
floods() {
	for _ in {1..5}; do
		seq -f '%062.0f' 100000 | goes "$@"
		long_lines 100 | goes "$@"
		{ seq -f '%062.0f' 20000 && long_lines 30 && seq -f '%062.0f' 20000; } | goes "$@"
		(($(closed) == 0)) || break
	done
	echo "# $(closed) connections closed" >&3
}

@test "maxmemory-clients: a flood of lines, of long ones, and of both" {
	limit maxmemory-clients
	floods
	(($(closed) > 0))
}

@test "maxmemory-clients: the same from far away" {
	limit maxmemory-clients
	far_away
	floods -s "$far"
	(($(closed) > 0))
}

# Some servers count what is queued behind MULTI, others only what is not a whole command yet.
@test "client-query-buffer-limit: a flood of lines from far away, of long ones, and of both" {
	limit client-query-buffer-limit
	far_away
	floods -s "$far"
}

# rows_go CHECK [argument ...]: $rows are delivered, each time while the server closes a connection; if it kept up with
# them, once more.
rows_go() {
	local check=$1
	for _ in {1..20}; do
		cli flushall >/dev/null
		cli config resetstat >/dev/null
		limit maxmemory-clients
		send -q "${@:2}" <"$rows"
		unlimited
		"$check"
		(($(closed) == 0)) || return 0
	done
	return 1
}
all_rows() { for n in {0..5}; do show -t -e "$ROOM-$n"; done | sort -t '	' -k 2n | cmp - <(sort -t '	' -k 2n "$rows"); }
all_texts() {
	for n in {0..5}; do cmp <(show -t -e "$ROOM-$n" | cut -f 4) <(awk -F '\t' -v n="$n" 'NR % 6 == n { print $4 }' "$rows"); done
}

@test "maxmemory-clients: rows of six rooms, interleaved, with IDs and without" {
	limit maxmemory-clients
	local n rows=$BATS_TEST_TMPDIR/rows
	long_lines 60 | awk -v room="$ROOM" '{ printf "%s-%d\t%d-1\tjhon\t%s\n", room, NR % 6, NR, $0 }' >"$rows"
	rows_go all_rows -t -k
	rows_go all_texts -t
}

@test "an entry too large to send: after three connections it is refused with its line, and what came before it is delivered" {
	limit client-query-buffer-limit
	{ printf 'one\ntwo\n' && head -c 3000000 /dev/zero | tr '\0' x && printf '\nfour\n'; } |
		fails 1 "line 3.* too large; 2 messages delivered" chat-send -q -n jhon "$ROOM"
	assert_equal "$(messages "$ROOM")" $'jhon: one\njhon: two'
	assert_equal "$(closed)" 3
}

@test "an entry too large to send, with -k: the same" {
	limit client-query-buffer-limit
	{
		printf '%s\t1-1\tjhon\tone\n%s\t2-1\tjhon\ttwo\n%s\t3-1\tjhon\t' "$ROOM" "$ROOM" "$ROOM"
		head -c 3000000 /dev/zero | tr '\0' x
		printf '\n%s\t4-1\tjhon\tfour\n' "$ROOM"
	} | fails 1 "line 3.* too large; 2 messages delivered" chat-send -q -t -k
	assert_equal "$(messages "$ROOM")" $'jhon: one\njhon: two'
}
