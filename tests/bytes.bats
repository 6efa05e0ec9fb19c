#!/usr/bin/env bats
# Any bytes come back as they were, none of them can leave their line, and large inputs need little memory.
# shellcheck disable=SC2154 # status, output, stderr are bats's
# shellcheck disable=SC2030,SC2031,SC2153 # each test is a subshell, and sets what it reads; ROOM is the helper's

load helper

setup_file() { start_server; }
teardown_file() { stop_servers; }
setup() { trace_less; }
teardown() { stop_jobs; }

# escaped FIRST LAST: these bytes as \xHH, which redis-cli understands within double quotes, and so do rows.
escaped() {
	local i
	for ((i = $1; i <= $2; i++)); do printf '\\x%02x' "$i"; done
}

# whole ROOM [DB]: everything that the server has of a room (its name with \xHH), including IDs.
whole() { cli --no-raw -n "${2:-0}" <<<"xrange \"$1\" - +"; }

# every: adds two entries with all bytes in names and texts, to a room whose name has all bytes that an argument may have:
# $room, or $quoted with \xHH.
every() {
	local all
	all=$(escaped 0 255)
	quoted=$ROOM$(escaped 1 255)
	room=$(printf '%b.' "$quoted")
	room=${room%.}
	cli >/dev/null <<-END
		del "$quoted"
		xadd "$quoted" 1-1 "$all" "$all$all"
		xadd "$quoted" 18446744073709551614-7 jhon "\n$all" "$all" "" "" "\r\n"
	END
	assert_equal "$(cli <<<"xlen \"$quoted\"")" 2
}

# --- round trips -----------------------------------------------------------------------------------------------------

@test "-t to -t -k: rooms, IDs, names, texts and entries of several fields come back" {
	every
	show -t -e -- "$room" | send -t -k --db 1
	assert_equal "$(whole "$quoted" 1)" "$(whole "$quoted")"
	assert_equal "$(show -t -e --db 1 -- "$room")" "$(show -t -e -- "$room")"
}

@test "-t to -t: rooms, names and texts come back" {
	every
	show -t -e -- "$room" | send -t --db 2
	cmp <(show --db 2 -F '%r%n%t' -e -- "$room") <(show -F '%r%n%t' -e -- "$room")
	assert_equal "$(show --db 2 -F '%i\n' -e -- "$room" | uniq -c | wc -l)" 4
}

@test "-t: a room with a NUL, which no argument can name" {
	printf '%s\\x00%s\t1-1\tjhon\thi\n' "$ROOM" "$(escaped 0 255)" | send -t -k
	assert_equal "$(whole "$ROOM\\x00$(escaped 0 255)" | tr -d ' \n')" '1)1)"1-1"2)1)"jhon"2)"hi"'
}

@test "raw rows: only tab, newline and backslash need an escape" {
	{
		printf '%s\t1-1\tjhon\t' "$ROOM"
		printf '%b' "$(escaped 0 8)$(escaped 11 91)$(escaped 93 255)"
		printf '\n'
	} | send -t
	printf '%b' "$(escaped 0 8)$(escaped 11 91)$(escaped 93 255)" | cmp - <(show -F %t -e "$ROOM")
}

@test "-0 to -0: texts come back" {
	every
	show -0 -e -- "$room" >"$BATS_TEST_TMPDIR/out"
	send -0 -n jhon "$ROOM" <"$BATS_TEST_TMPDIR/out"
	show -0 -e "$ROOM" | cmp - "$BATS_TEST_TMPDIR/out"
	send -0 -n jhon "$ROOM-2" < <(printf '%b\0%b' "$(escaped 1 255)" "$(escaped 1 255)")
	show -0 -e "$ROOM-2" | cmp - <(printf '%b\0%b\0' "$(escaped 1 255)" "$(escaped 1 255)")
}

@test "lines, records, -w, words and names: all bytes that each can hold" {
	local most lines
	most=$(escaped 1 255)
	lines=$(escaped 0 9)$(escaped 11 255)
	printf '%b\n%b' "$lines" "$lines" | send -n jhon "$ROOM"
	cmp <(show -F '%t\n' -e "$ROOM") <(printf '%b\n%b\n' "$lines" "$lines")
	printf '%b' "$(escaped 0 255)\n" | send -w -n jhon "$ROOM-w"
	cmp <(show -F %t -e "$ROOM-w") <(printf '%b' "$(escaped 0 255)\n")
	send -n "$(printf '%b' "$most")" "$ROOM-n" "$(printf '%b' "$most")"
	cmp <(show -F %n%t -e "$ROOM-n") <(printf '%b' "$most$most")
}

@test "-j: Python reads back what was written" {
	every
	show -j -e -- "$room" >"$BATS_TEST_TMPDIR/json"
	"$PYTHON" - "$BATS_TEST_TMPDIR/json" "$ROOM" <<'END'
import json, sys
def octets(x): return bytes(x) if isinstance(x, list) else x.encode()
got = []
for line in open(sys.argv[1], encoding='utf-8', newline='\n'):
    m = json.loads(line)
    assert list(m) == ['room', 'id', 'time', 'name', 'text'], m
    assert octets(m['room']) == sys.argv[2].encode() + bytes(range(1, 256)), m['room']
    got.append((m['id'], octets(m['name']), octets(m['text'])))
every = bytes(range(256))
last = '18446744073709551614-7'
assert got == [('1-1', every, every * 2), (last, b'jhon', b'\n' + every), (last, every, b''), (last, b'', b'\r\n')], got
END
}

@test "CRLF, missing last newlines and empty lines through a bridge" {
	printf '\r\na\r\n\n\r\n\nb\r' | send -E -n jhon "$ROOM"
	show -t -e "$ROOM" | send -t "$ROOM-2"
	cmp <(show -F '%t\n' -e "$ROOM-2") <(printf '\r\na\r\n\n\r\n\nb\r\n')
}

# --- nobody gets out of his line -------------------------------------------------------------------------------------

@test "a forged line stays within its line" {
	cli >/dev/null <<-END
		xadd $ROOM 1-1 jhon "hi\n[marry]: I owe you 100"
		xadd $ROOM 2-1 "jhon]: hi\r\n[marry" "text"
		xadd $ROOM 3-1 "jhon]: forged [marry" "text"
		xadd $ROOM 4-1 jhon "\r[marry]: over"
		xadd $ROOM 5-1 jhon "\x1b[2K\x1b[1G[marry]: over"
		xadd $ROOM 6-1 jhon "\xe2\x80\xaeyrram\xc2\x85\xe2\x80\xa8"
		xadd $ROOM 7-1 jhon "$ROOM\t8-1\tmarry\tforged"
	END
	show -e "$ROOM" >"$BATS_TEST_TMPDIR/out"
	assert_equal "$(wc -l <"$BATS_TEST_TMPDIR/out")" 7
	assert_equal "$(grep -c '^\[marry\]' "$BATS_TEST_TMPDIR/out" || true)" 0
	assert_equal "$(sed -n 2,3p "$BATS_TEST_TMPDIR/out")" '[jhon\x5d: hi\r\n\x5bmarry]: text
[jhon\x5d: forged \x5bmarry]: text'
	assert_equal "$(show -t -e "$ROOM" | awk -F '\t' 'NF != 4 || $3 == "marry"' | wc -l)" 0
	assert_equal "$(show -j -e "$ROOM" | jq -r .name | grep -cx marry || true)" 0
}

@test "no line separator of any kind gets out: Python's splitlines() sees as many lines as there are messages" {
	cli >/dev/null <<-END
		xadd $ROOM 1-1 jhon "hi\xe2\x80\xa8[marry]: I owe you 100"
		xadd $ROOM 2-1 "jhon\xe2\x80\xa9[marry" "\xc2\x85[marry]: I owe you 100"
		xadd $ROOM 3-1 jhon "\x0b[marry]\x0c[marry]\x1c[marry]\x1d[marry]\x1e[marry]\r[marry]\r\n[marry]\n[marry]"
	END
	for format in '' -t -j; do
		# shellcheck disable=SC2086 # no format is no argument
		show $format -e "$ROOM" >"$BATS_TEST_TMPDIR/out"
		assert_equal "$("$PYTHON" -c 'import sys; print(len(open(sys.argv[1], encoding="utf-8", newline="").read().splitlines()))' \
			"$BATS_TEST_TMPDIR/out")" 3
	done
	show -e "$ROOM" | head -n 2 | cmp - <(printf '%s\n' '[jhon]: hi\xe2\x80\xa8[marry]: I owe you 100' \
		'[jhon\xe2\x80\xa9\x5bmarry]: \xc2\x85[marry]: I owe you 100')
	assert_equal "$(show -j -e "$ROOM" | jq -r .text | head -n 1)" $'hi\u2028[marry]: I owe you 100'
}

@test "a room cannot forge another room's line, nor a name" {
	cli >/dev/null <<-END
		xadd "$ROOM [marry]: hi" 1-1 jhon text
		xadd "$ROOM\n$ROOM" 1-1 jhon text
		xadd "$ROOM]" 1-1 jhon text
	END
	prints chat-tail -e "$ROOM [marry]: hi" "$ROOM"$'\n'"$ROOM" "$ROOM]" <<-END
		$ROOM\\x20\\x5bmarry]:\\x20hi [jhon]: text
		$ROOM\\n$ROOM [jhon]: text
		$ROOM] [jhon]: text
	END
}

@test "random and adversarial bytes: plain, TSV and JSON are one line of UTF-8 each, without control characters, and correct" {
	"$PYTHON" - "$SOCK" "$ROOM" <<'END'
import json, random, re, socket, subprocess, sys

random.seed(4711)
hidden = re.compile('[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]')
pieces = [b'', b'a', b' ', b'\n', b'\r', b'\t', b'\\', b'\\n', b'\\x', b'\\x41', b'\0', b']', b'[', b']: ', b'\x1b[31m',
    b'\x1b]0;title\x07', b'\x7f', b'\xc2\x80', b'\xc2\x9b', b'\xc2\x9f', b'\xc2\xa0', b'\xc2', b'\x9b', b'\xe9', '\u00e9\u4e2d'.encode(),
    '\U0001f600'.encode(), b'\xf0\x9f\x98', b'\xe2\x80\xae', b'\xe2\x80', b'\xe2\x81\xa6', b'\xd8\x9c', b'\xc0\x80', b'\xe0\x80\x80',
    b'\xed\xa0\x80', b'\xed\xb0\x80', b'\xf4\x8f\xbf\xbf', b'\xf4\x90\x80\x80', b'\xf8\x88\x80\x80\x80', b'\xff', b'\xfe', b'\xef\xbb\xbf',
    b'\xef\xbf\xbf', b'\xe2\x80\xa8', b'\xe2\x80\xa9', b'\xe2\x80\x8f', b'"', b'%s', b'\x85']

def bytes_():
    if random.random() < .3:
        return bytes(random.randrange(256) for _ in range(random.randrange(40)))
    return b''.join(random.choice(pieces) for _ in range(random.randrange(8)))

def show(data, also):
    """The contract's plain form, by other means than the program's: `also` is what is hidden besides."""
    out = ''
    for c in data.decode('utf-8', 'surrogateescape'):
        raw = c.encode('utf-8', 'surrogateescape')
        if c in also:
            out += also[c]
        elif hidden.match(c) or '\udc80' <= c <= '\udcff':
            out += ''.join('\\x%02x' % b for b in raw)
        else:
            out += c
    return out

lines = {'\n': '\\n', '\r': '\\r'}
tsv = dict(lines, **{'\t': '\\t', '\\': '\\\\'})
sent = [(i, bytes_(), bytes_()) for i in range(1, 3000)]
rooms = [sys.argv[2].encode(), b'b [\xff]\t \xe2\x80\xae' + sys.argv[2].encode()]

s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
for room in rooms:
    for i, name, text in sent:
        words = [b'xadd', room, b'%d-0' % i, name, text]
        s.sendall(b'*%d\r\n' % len(words) + b''.join(b'$%d\r\n%s\r\n' % (len(w), w) for w in words))
got = b''
while got.count(b'\r\n') < 2 * len(sent) * len(rooms):
    got += s.recv(65536)
assert b'-ERR' not in got

def read(*options):
    out = subprocess.run(['chat-tail', '-e', *options, *rooms], stdout=subprocess.PIPE, check=True, timeout=20).stdout
    text = out.decode('utf-8')          # or it raises
    lines = text.split('\n')
    assert lines.pop() == ''
    for line in lines:
        assert not hidden.search(line), ascii(line)
    return lines

def same(got, expected):
    assert len(got) == len(expected), (len(got), len(expected))
    for g, e in zip(got, expected):
        assert g == e, '\ngot:      %s\nexpected: %s' % (ascii(g), ascii(e))

name = dict(lines, **{'[': '\\x5b', ']': '\\x5d'})
room = dict(lines, **{' ': '\\x20', '[': '\\x5b'})
same(read(), ['%s [%s]: %s' % (show(r, room), show(n, name), show(t, lines)) for r in rooms for _, n, t in sent])
same(read('-t'), ['%s\t%d-0\t%s\t%s' % (show(r, tsv), i, show(n, tsv), show(t, tsv)) for r in rooms for i, n, t in sent])

def octets(x): return bytes(x) if isinstance(x, list) else x.encode()
same([(octets(m['room']), m['id'], octets(m['name']), octets(m['text'])) for m in map(json.loads, read('-j'))],
    [(r, '%d-0' % i, n, t) for r in rooms for i, n, t in sent])

# And back: the same rooms in another database.
rows = subprocess.run(['chat-tail', '-t', '-e', *rooms], stdout=subprocess.PIPE, check=True, timeout=20).stdout
subprocess.run(['chat-send', '-t', '-k', '--db', '3'], input=rows, check=True, timeout=20)
again = subprocess.run(['chat-tail', '-t', '-e', '--db', '3', *rooms], stdout=subprocess.PIPE, check=True, timeout=20).stdout
assert again == rows
END
}

@test "errors show control bytes of a room or a server escaped" {
	fails 1 'no such room' chat-tail -e $'no\e[31m\nroom\xff\u202e'
	assert_match "$stderr" 'no\\x1b\[31m\\nroom\\xff\\xe2\\x80\\xae'
	fails 2 '' chat-tail -e $'--opt\e[31m\nion' room
	fails 2 '' chat-tail -S $'\e[31m\n' room
	cli set "$ROOM"$'\e' string >/dev/null
	fails 4 WRONGTYPE chat-tail -e "$ROOM"$'\e'
}

# --- sizes -----------------------------------------------------------------------------------------------------------

@test "lines of 0, 1, 65535 and 65536 bytes, of 1 MiB less one byte, of 1 MiB and of a little more" {
	for n in 0 1 1023 1024 4095 4096 16383 16384 65535 65536 65537 1048575 1048576 1048577 3000000; do
		head -c "$n" /dev/zero | tr '\0' 'a'
		echo
	done >"$BATS_TEST_TMPDIR/lines"
	send -E -n jhon "$ROOM" <"$BATS_TEST_TMPDIR/lines"
	assert_equal "$(length "$ROOM")" 15
	show -e -F '%t\n' "$ROOM" | cmp - "$BATS_TEST_TMPDIR/lines"
	tail -c 1M "$BATS_TEST_TMPDIR/lines" | head -c -1 | send -w -n jhon "$ROOM-w"
	assert_equal "$(show -e -F %t "$ROOM-w" | wc -c)" 1048575
}

@test "a line of 64 MiB, and one that is a byte longer" {
	head -c 64M /dev/zero | tr '\0' 'x' >"$BATS_TEST_TMPDIR/line"
	{
		cat "$BATS_TEST_TMPDIR/line"
		printf '\nsmall\n'
	} | send -n jhon "$ROOM"
	show -e -n +1 -c 1 -F %t "$ROOM" | cmp - "$BATS_TEST_TMPDIR/line"
	assert_equal "$(show -e -n 1 -F %t "$ROOM")" small
	show -t -e -n 2 "$ROOM" | send -t "$ROOM-2"
	assert_equal "$(show -e -0 "$ROOM-2" | wc -c)" $((67108865 + 6))
	cli del "$ROOM" "$ROOM-2" >/dev/null
	fails 1 'line 2' chat-send -n jhon "$ROOM" < <(
		echo first
		cat "$BATS_TEST_TMPDIR/line"
		echo x
	)
	holds "$ROOM" <<<'jhon: first'
}

@test "a line longer than the server accepts is named, and what came before it is delivered" {
	start_server --proto-max-bulk-len 1mb
	fails 1 'line 3' chat-send -n jhon "$ROOM" < <(
		printf 'one\ntwo\n'
		head -c 2000000 /dev/zero | tr '\0' 'x'
		printf '\nfour\n'
	)
	holds "$ROOM" <<<$'jhon: one\njhon: two'
}

# most PID: its peak memory, in KiB.
most() { awk '/^VmHWM/ { print $2 }' "/proc/$1/status"; }

# Batches grow with the time that a server takes to reply, up to a bound far below what is sent here.
enough=32000 # KiB

@test "chat-send: 100 MB of lines need little memory" {
	hold_input
	spawn chat-send -n jhon --maxlen 1000 "$ROOM" <"$pipe"
	seq -f '%01000.0f' 100000 >&7
	wait_until 60 last_is "$(printf %01000d 100000)"
	(($(most "$PID") < enough)) || { echo "$(most "$PID") KiB" >&2 && return 1; }
}
last_is() { [[ $(cli --raw xrevrange "$ROOM" + - count 1) == *"$1" ]]; }

@test "chat-tail: 100 MB of lines need little memory, also when nobody reads its output" {
	seq -f '%01000.0f' 100000 | send -n jhon "$ROOM"
	follow -n +1 "$ROOM"
	wait_until 60 has_lines "$live" 100000
	cmp "$live" <(seq -f '[jhon]: %01000.0f' 100000)
	(($(most "$PID") < enough)) || { echo "$(most "$PID") KiB" >&2 && return 1; }
	hold_input
	spawn chat-tail -n +1 "$ROOM" >"$pipe"
	wait_until 30 stuck "$PID"
	(($(most "$PID") < enough)) || { echo "$(most "$PID") KiB" >&2 && return 1; }
}
