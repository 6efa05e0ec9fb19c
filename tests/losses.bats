#!/usr/bin/env bats
# Messages that were trimmed or deleted before they could be read are counted: what a reader printed, and what it reports as
# trimmed, are together all that was sent.
# shellcheck disable=SC2154 # status, output, stderr are bats's
# shellcheck disable=SC2030,SC2031,SC2153 # each test is a subshell, and sets what it reads; ROOM is the helper's

load helper

setup() {
	trace_less
	dir=$BATS_TEST_TMPDIR cursor=$BATS_TEST_TMPDIR/cursor
}
teardown() { stop_all; }

# reading NAME [argument ...]: chat-tail in the background, a line `room text` for each message; what it prints is in
# $dir/NAME, its notices in $dir/NAME.err. Sets PID.
reading() { spawn chat-tail -F '%r %t\n' "${@:2}" >"$dir/$1" 2>"$dir/$1.err" </dev/null; }

# account ROOM NAME ...: how many of the room's messages these readers have printed, and how many they say were trimmed.
account() {
	local files=() name
	for name in "${@:2}"; do files+=("$dir/$name" "$dir/$name.err"); done
	awk -v room="$1" '$1 == room { printed++ }
		$2 == room ":" && /: [1-9][0-9]* messages? (was|were) trimmed before (it|they) could be read$/ { trimmed += $3 }
		END { print printed + 0, trimmed + 0 }' "${files[@]}"
}

# all_of N ROOM NAME ...: the two numbers soon add up to N; and not everything was printed.
all_of() {
	local printed trimmed n=$1
	shift
	wait_until 20 adds_up "$n" "$@" || { echo "of $n in $1, printed and trimmed: $(account "$@")" >&2 && return 1; }
	read -r printed trimmed < <(account "$@")
	((trimmed > 0)) || { echo "nothing was trimmed of $1: printed $printed" >&2 && return 1; }
}
adds_up() {
	local printed trimmed
	read -r printed trimmed < <(account "${@:2}")
	((printed + trimmed == $1))
}

# in_order ROOM NAME ...: what they printed of the numbers that were sent is ascending, so none came twice.
in_order() { (cd "$dir" && awk -v room="$1" '$1 == room { print $2 }' "${@:2}") | sort -c -n -u; }

# only_losses NAME: each of its notices is about trimmed messages.
only_losses() {
	local one=': 1 message was trimmed before it could be read'
	local many=': ([2-9]|[1-9][0-9]+) messages were trimmed before they could be read'
	assert_equal "$(grep -Ev "^chat-tail: [^ ]+($one|$many)$" "$dir/$1.err")" ''
}

# flood FROM TO ROOM: numbers, to a room that is trimmed as it grows.
flood() { seq "$1" "$2" | send -n jhon --maxlen 1 "$3"; }

# printed NAME LINE: a condition for wait_until.
printed() { grep -Fqx -e "$2" "$dir/$1"; }

# looked N: a condition: since `config resetstat`, rooms were looked at that often.
looked() { (($(calls 'xinfo|stream') >= $1)); }

# entries ROOM FROM TO: with IDs 1-0, 2-0 and so on, for redis-cli.
entries() { seq "$2" "$3" | awk -v room="$1" '{ print "xadd", room, $1 "-0 jhon", $1 }'; }

@test "5,000 messages sent with --maxlen 1 and read live: new rooms, several rooms, and older losses" {
	local room
	start_server
	entries c 1 200 | cli >/dev/null
	cli xtrim c maxlen 10 >/dev/null
	reading new a
	reading first -n +1 b
	reading several a b c
	reading rest c
	wait_readers 4
	for room in a b c; do flood 1 5000 "$room" & done
	all_of 5000 a new
	all_of 5000 b first
	for room in a b c; do all_of 5000 "$room" several; done
	all_of 5000 c rest
	cli config resetstat >/dev/null
	wait_until 20 looked 6 # the four readers have looked again
	assert_equal "$(account a new | awk '{ print $1 + $2 }') $(account b first | awk '{ print $1 + $2 }')" '5000 5000'
	for room in a b c; do in_order "$room" several; done
	for room in new first several rest; do only_losses "$room"; done
}

@test "-C: stopped in the middle and started again when there is more: both runs together account for all" {
	start_server
	reading one -n +1 -C "$cursor" a
	local reader=$PID
	wait_readers 1
	flood 1 2500 a
	wait_until 20 printed one 'a 2500'
	kill -TERM "$reader"
	wait_end 10 "$reader"
	only_losses one
	assert_match "$(<"$cursor")" $'^a\t[0-9]+-[0-9]+\t[0-9]+$'
	cp "$cursor" "$cursor.copy"
	flood 2501 5000 a
	reading two -C "$cursor" a
	reader=$PID
	all_of 5000 a one two
	in_order a one two
	only_losses two
	kill -TERM "$reader"
	wait_end 10 "$reader"
	# What was reported is noted too. And a reader that exits by itself counts like one that goes on.
	prints chat-tail -e -C "$cursor" a </dev/null
	reading end -e -C "$cursor.copy" a
	wait_end 20 "$PID"
	assert_status 0
	all_of 5000 a one end
	only_losses end
}

@test "-C: a reader that is killed before it reports what was trimmed does so in its next run" {
	start_server
	entries a 1 3 | cli >/dev/null
	chat-tail -e -n +1 -C "$cursor" a >"$dir/read"
	assert_equal "$(<"$cursor")" $'a\t3-0\t3'
	entries a 4 20 | cli >/dev/null
	cli xtrim a maxlen 7 >/dev/null
	run --separate-stderr show -F '%t ' -e -C "$cursor" a
	assert_status 0
	assert_output '14 15 16 17 18 19 20 '
	assert_equal "$stderr" 'chat-tail: a: 10 messages were trimmed before they could be read'
	assert_equal "$(<"$cursor")" $'a\t20-0\t20'
}

@test "-C: a file of two columns is accepted: nothing was trimmed, or it is not known how much; then it has three" {
	start_server
	entries a 1 10 | cli >/dev/null
	printf 'a\t4-0\n' >"$cursor"
	prints chat-tail -F '%t ' -e -C "$cursor" a < <(printf '5 6 7 8 9 10 ')
	assert_equal "$(<"$cursor")" $'a\t10-0\t10'
	printf 'a\t4-0\n' >"$cursor"
	cli xtrim a maxlen 3 >/dev/null
	run --separate-stderr show -F '%t ' -e -C "$cursor" a
	assert_status 0
	assert_output '8 9 10 '
	assert_equal "$stderr" 'chat-tail: a: messages may have been trimmed before they could be read'
}

@test "-C on a mirror with the same IDs and another count of entries: nothing is reported as trimmed" {
	local room
	start_server
	entries a 1 100 | cli >/dev/null
	cli xtrim a maxlen 50 >/dev/null
	chat-tail -e -n +1 -C "$cursor" a >"$dir/read"
	chat-tail -t -e -n +1 a >"$dir/rows"
	start_server
	for room in less more; do
		sed "s/^a/$room/" "$dir/rows" | send -t -k
		sed "s/^a/$room/" "$cursor" >>"$cursor.mirror"
	done
	cli xsetid more 100-0 entriesadded 5000 maxdeleteid 50-0 >/dev/null
	reading mirror -C "$cursor.mirror" less more
	wait_readers 1
	for room in less more; do entries "$room" 101 103 | cli >/dev/null; done
	wait_until 10 has_lines "$dir/mirror" 6
	cli config resetstat >/dev/null
	wait_until 20 looked 2
	assert_equal "$(<"$dir/mirror.err")" ''
	assert_equal "$(sort "$dir/mirror")" "$(printf '%s\n' {less,more}\ {101,102,103})"
}

@test "-C: a room whose last ID is below the file's: one notice, and only what is above the file's is printed" {
	start_server
	entries a 1 5 | cli >/dev/null
	printf 'a\t9-0\t9\n' >"$cursor"
	reading back -C "$cursor" a
	wait_readers 1
	entries a 6 12 | cli >/dev/null
	wait_until 10 printed back 'a 12'
	cli config resetstat >/dev/null
	wait_until 20 looked 1
	assert_equal "$(<"$dir/back")" "$(printf 'a %s\n' 10 11 12)"
	assert_equal "$(<"$dir/back.err")" 'chat-tail: a: ends at 5-0, before the ID in the file of -C; printing only what comes after that ID'
}

@test "across an outage: what was trimmed while the server or the reader was away is counted, exactly" {
	local log=(--appendonly yes --appendfsync always) stopped reader
	start_server "${log[@]}"
	reading stopped a
	stopped=$PID
	reading live a
	wait_readers 2
	flood 1 2000 a
	wait_until 20 printed stopped 'a 2000'
	kill -STOP "$stopped"
	flood 2001 3000 a
	kill_server
	restart_server "${log[@]}"
	flood 3001 5000 a
	kill -CONT "$stopped"
	all_of 5000 a live
	all_of 5000 a stopped
	in_order a live
	in_order a stopped
	assert_match "$(account a stopped)" ' [34][0-9]{3}$'
	for reader in stopped live; do
		sed -Ei '/trying again|resumed/d' "$dir/$reader.err"
		only_losses "$reader"
	done
}

@test "entries deleted in the middle, trimmed to none or deleted down to one, before and while they are read: each is counted" {
	local stopped
	start_server
	reading all middle nothing one
	reading stopped a
	stopped=$PID
	wait_readers 2
	kill -STOP "$stopped"
	entries a 1 300 | cli >/dev/null
	cli xtrim a maxlen 0 >/dev/null
	# In one transaction, so that nobody sees an intermediate state.
	{
		echo multi
		entries middle 1 10
		echo xdel middle 3-0 5-0 6-0
		entries nothing 1 10
		echo xtrim nothing maxlen 0
		entries one 1 2
		echo xdel one 1-0
		echo exec
	} | cli >/dev/null
	kill -CONT "$stopped"
	wait_until 20 has_lines "$dir/all.err" 3
	assert_equal "$(sort "$dir/all.err")" "chat-tail: middle: 3 messages were trimmed before they could be read
chat-tail: nothing: 10 messages were trimmed before they could be read
chat-tail: one: 1 message was trimmed before it could be read"
	assert_equal "$(sort -V "$dir/all")" "$(printf 'middle %s\n' 1 2 4 7 8 9 10)
one 2"
	all_of 300 a stopped
	entries a 301 303 | cli >/dev/null
	wait_until 10 printed stopped 'a 303'
	all_of 303 a stopped
	only_losses stopped
}

@test "no false report: what was trimmed before the start, and a stop within what was received" {
	local n
	start_server
	entries a 1 300 | cli >/dev/null
	cli xtrim a maxlen 100 >/dev/null
	prints chat-tail -F '%t\n' -e -n +1 a < <(seq 201 300)
	prints chat-tail -F '%t\n' -e -n 3 a < <(seq 298 300)
	prints chat-tail -F '%t\n' -c 10 -n +1 a < <(seq 201 210)
	for n in 1 2 3; do
		prints chat-tail -F '%t\n' -c 10 -n +1 -C "$cursor" a < <(seq $((n * 10 + 191)) $((n * 10 + 200)))
		assert_equal "$(<"$cursor")" "$(printf 'a\t%s-0\t%s' $((n * 10 + 200)) $((n * 10 + 200)))"
	done
	cli xdel a 201-0 210-0 220-0 >/dev/null # which were read
	prints chat-tail -F '%t\n' -e -C "$cursor" a < <(seq 231 300)
	cli xtrim a maxlen 0 >/dev/null
	prints chat-tail -e -C "$cursor" a </dev/null
}

@test "-S of an ID that the room has lost: it is not known how much more is lost; of one that it still has: no notice" {
	local lost
	start_server
	entries a 1 10 | cli >/dev/null
	cli xtrim a maxlen 5 >/dev/null
	for lost in 2-0 5-0; do
		run --separate-stderr show -F '%t ' -e -S "$lost" a
		assert_status 0
		assert_output '6 7 8 9 10 '
		assert_equal "$stderr" 'chat-tail: a: messages may have been trimmed before they could be read'
	done
	prints chat-tail -F '%t ' -e -S 6-0 a < <(printf '7 8 9 10 ')
	prints chat-tail -F '%t ' -e -S 7-5 a < <(printf '8 9 10 ')
	prints chat-tail -e -S 10-0 a </dev/null
	prints chat-tail -e -S 12-0 a </dev/null
}
