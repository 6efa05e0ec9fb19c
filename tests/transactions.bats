#!/usr/bin/env bats
# Batches that are sent as transactions, when a part is refused, or transactions are not allowed.
# shellcheck disable=SC2154 # status, output are bats's
# shellcheck disable=SC2030,SC2031,SC2153 # each test is a subshell, and sets what it reads; ROOM is the helper's

load helper

setup() { trace_less && start_server; }
teardown() { stop_all; }

@test "a few commands are refused (memory, replicas, a replica, a script): nothing lost, nothing twice" {
	local n pids=()
	for n in 1 2 3; do # side by side, for most of it is waiting
		start_server
		spawn timeout 450 "$PYTHON" "$REPO/tests/faults" refusals "$SOCK" "$n" 50 >"$BATS_TEST_TMPDIR/out.$n" 2>&1
		pids+=("$PID")
	done
	for n in 1 2 3; do
		wait_end 150 "${pids[n - 1]}"
		output=$(<"$BATS_TEST_TMPDIR/out.$n")
		counted
		assert_status 0
		assert_match "$output" '^50 times writes were refused .*: 0 lost, doubled or out of order'
		for word in OOM NOREPLICAS READONLY BUSY; do
			assert_match "$output" "$word seen [1-9][0-9]* times"
		done
	done
}

@test "a permission is withdrawn in the middle of a batch: it goes on without the promise, or exits, and says so" {
	run faults withdrawn "$SOCK" 3 105
	counted
	assert_status 0
	assert_match "$output" '^105 times a right was withdrawn, .*: 0 lost, 0 doubled or out of order without a word'
	assert_match "$output" 'ended without xadd [1-9]'
	assert_match "$output" 'went on without (watch|multi|exec|get|set) [1-9]'
}

without='sending without receipts, so a lost connection may double messages'

# goes_plainly [argument ...]: 3,000 lines are sent to $room all the same, with one notice.
goes_plainly() {
	seq 3000 | send "$@" -n jhon "$room" 2>"$BATS_TEST_TMPDIR/err"
	assert_equal "$(wc -l <"$BATS_TEST_TMPDIR/err")" 1
	assert_match "$(<"$BATS_TEST_TMPDIR/err")" "^chat-send: .*; $without$"
	cmp <(messages "$room") <(seq -f 'jhon: %.0f' 3000)
	assert_equal "$(cli keys '*:chat-send:*')" ''
}

@test "where transactions are forbidden or renamed away, XADDs are sent by themselves, with a notice" {
	local command room
	for command in watch multi exec get set; do
		cli acl setuser writer reset on nopass '~*' +@all "-$command" >/dev/null
		room=$ROOM-$command
		REDISCLI_AUTH=pw goes_plainly --user writer
	done
	for command in watch multi exec; do
		start_server --rename-command "$command" ''
		room=$ROOM goes_plainly
	done
}

@test "DISCARD and DEL are only for failures and for the exit: without them there is no notice" {
	local command
	for command in discard del; do
		cli acl setuser writer reset on nopass '~*' +@all "-$command" >/dev/null
		seq 3000 | REDISCLI_AUTH=pw send --user writer -n jhon "$ROOM-$command" 2>"$BATS_TEST_TMPDIR/err"
		assert_equal "$(<"$BATS_TEST_TMPDIR/err")" ''
		cmp <(messages "$ROOM-$command") <(seq -f 'jhon: %.0f' 3000)
	done
}

@test "permission for transactions is withdrawn between two batches: it goes on without, says so once, and does not try again" {
	local command rejected
	hold_input
	for command in watch multi exec set; do
		cli acl setuser writer reset on nopass '~*' +@all >/dev/null
		cli config resetstat >/dev/null
		REDISCLI_AUTH=pw spawn chat-send --user writer -n jhon "$ROOM-$command" <"$pipe" 2>"$BATS_TEST_TMPDIR/err"
		seq 1000 >&7
		wait_until 10 room_has "$ROOM-$command" 1000
		wait_until 10 watches # the guard of the next batch stands
		cli acl setuser writer "-$command" >/dev/null
		seq 1001 9000 >&7
		wait_until 10 room_has "$ROOM-$command" 9000
		kill "$PID"
		wait_end 5 "$PID"
		cmp <(messages "$ROOM-$command") <(seq -f 'jhon: %.0f' 9000)
		assert_equal "$(grep -c "$without" "$BATS_TEST_TMPDIR/err")" 1
		rejected=$(cli info commandstats | sed -n "s/^cmdstat_$command:.*rejected_calls=\([0-9]*\).*/\1/p")
		((rejected > 0 && rejected <= 4))
	done
}
watches() { [[ $(cli client list) == *'cmd=get '*'user=writer'* ]]; }

@test "a flood is sent in full batches, although it is read in other portions" {
	seq -f '%062.0f' 20480 >"$BATS_TEST_TMPDIR/lines" # 64 KiB hold 1,040 of them, a batch 2,048
	cli config resetstat >/dev/null
	send -n jhon "$ROOM" <"$BATS_TEST_TMPDIR/lines"
	assert_equal "$(length "$ROOM")" 20480
	(($(calls exec) <= 13 && $(calls discard) == 0 && $(calls eval) == 0)) # one more opens the receipt
}

# answers HOW: a server on the unix socket $pretender whose EXEC refuses, the first time, what writes the receipt or the
# second XADD, as when memory runs out at that moment; or whose XADDs answer as if there were no MULTI. It prints the
# texts that it has added.
answers() {
	pretender=$BATS_TEST_TMPDIR/pretender
	spawn "$PYTHON" - "$pretender" "$1" >"$BATS_TEST_TMPDIR/added" <<-'END'
		import os, socket, sys
		how, refused, store, queued, n = sys.argv[2], False, {}, None, 0
		listener = socket.socket(socket.AF_UNIX)
		listener.bind(sys.argv[1] + '.new')
		listener.listen(9)
		os.rename(sys.argv[1] + '.new', sys.argv[1])  # it is there only once it listens
		def bulk(b):
		    return b'$-1\r\n' if b is None else b'$%d\r\n%s\r\n' % (len(b), b)
		def run(words):
		    global refused, n
		    if how == {b'SET': 'receipt', b'XADD': 'entry'}.get(words[0]) and not refused and words[-1] != b'one' and b'0 0' not in words:
		        refused = True
		        return b'-OOM command not allowed\r\n'
		    if words[0] == b'SET':
		        store[words[1]] = words[2]
		        return b'+OK\r\n'
		    n += 1
		    print(words[-1].decode(), flush=True)
		    return bulk(b'%d-1' % n)
		c, _ = listener.accept()
		f = c.makefile('rb')
		while line := f.readline():
		    words = []
		    for _ in range(int(line[1:])):
		        words.append(f.read(int(f.readline()[1:])))
		        f.read(2)
		    if words[0] == b'MULTI':
		        queued, answer = [], b'+OK\r\n'
		    elif words[0] == b'EXEC':
		        answers, queued = [run(w) for w in queued], None
		        answer = b'*%d\r\n' % len(answers) + b''.join(answers)
		    elif queued is not None:
		        queued.append(words)
		        answer = bulk(b'9-1') if how == 'early' and words[0] == b'XADD' else b'+QUEUED\r\n'
		    else:
		        answer = {b'GET': lambda: bulk(store.get(words[1])), b'HELLO': lambda: b'*0\r\n', b'XRANGE': lambda: b'*0\r\n',
		            b'WATCH': lambda: b'+OK\r\n', b'DEL': lambda: b':1\r\n'}[words[0]]()
		    c.sendall(answer)
	END
	wait_until 5 test -S "$pretender"
}

@test "one command of a transaction is refused for a moment: what was added is not sent again, the rest is" {
	for how in receipt entry; do
		answers "$how"
		printf 'one\ntwo\nthree\n' | send -n jhon -s "$pretender" "$ROOM" 2>"$BATS_TEST_TMPDIR/err"
		assert_match "$(<"$BATS_TEST_TMPDIR/err")" 'OOM command not allowed; trying again.*resumed'
		assert_equal "$(sort "$BATS_TEST_TMPDIR/added" | tr '\n' ' ')" 'one three two '
		rm "$pretender"
	done
}

@test "XADDs that answer as if there were no MULTI are a protocol error" {
	answers early
	fails 4 'protocol error' chat-send -n jhon -s "$pretender" "$ROOM" <<<$'one\ntwo'
}

@test "a receipt that somebody else has written, with a count or with anything else: it exits, and sends nothing more" {
	local value receipt
	for value in '99999 7' '1 x' junk ''; do
		hold_input
		spawn chat-send -n jhon "$ROOM" <"$pipe" 2>"$BATS_TEST_TMPDIR/err"
		echo one >&7
		wait_until 10 room_has "$ROOM" 1
		receipt=$(cli keys '*:chat-send:*')
		cli set "$receipt" "$value" >/dev/null
		echo two >&7
		exec 7>&-
		wait_end 10 "$PID"
		assert_status 1
		assert_equal "$(<"$BATS_TEST_TMPDIR/err")" \
			"chat-send: another client has overwritten the receipt $receipt; 1 message delivered"
		assert_equal "$(length "$ROOM")" 1
		rm "$pipe"
		cli flushall >/dev/null
	done
}

@test "too few replicas: what was added does not count as delivered, and its first line is named" {
	seq 3 | fails 1 'only 0 of 1 replicas have the messages; gave up after 0.2 s; 0 messages delivered, line 1 was not' \
		chat-send -q --retry 0.2 --replicas 1 -n jhon "$ROOM"
	seq 3 | fails 1 'only 0 of 1 replicas have the messages; gave up after 0.2 s; 0 messages delivered, line 1 was not' \
		chat-send -q --retry 0.2 --replicas 1 --at-least-once -n jhon "$ROOM"
}

@test "--maxage trims each room once per transaction, although the rooms are sent one by one" {
	printf '%s\t-\tjhon\thi\n' one two three one two three | send -t -i --maxage 1h >/dev/null
	assert_equal "$(calls xtrim)" 3
}
