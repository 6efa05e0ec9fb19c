#!/usr/bin/env bats
# Which server, as whom, and with which password: what wins, what is refused, and that secrets stay secret.
# shellcheck disable=SC2154 # status, output, stderr are bats's
# shellcheck disable=SC2030,SC2031,SC2153 # each test is a subshell, and sets what it reads; ROOM is the helper's
# shellcheck disable=SC2016 # what is in single quotes is for another shell

load helper

# The file has two servers: one that asks for a password, over TCP, and one that does not.
setup_file() {
	export SECRET='s3cr3t @:/?#%&'
	export SECRET_ENCODED='s3cr3t%20%40%3a%2F%3f%23%25%26'
	start_server_tcp --requirepass "$SECRET"
	export LOCKED=$SOCK
	REDISCLI_AUTH=$SECRET cli acl setuser marry on ">$SECRET" '~*' '&*' +@all >/dev/null
	start_server
}
teardown_file() { stop_servers; }
setup() { trace_less; }
teardown() { stop_jobs; }

# locked [argument ...]: redis-cli on the server that asks for a password.
locked() { REDISCLI_AUTH=$SECRET "$CLI" -s "$LOCKED" "$@"; }

# --- who is not let in -----------------------------------------------------------------------------------------------

@test "a wrong password, none, an unknown user: the server's own words" {
	local hint='; see --askpass, --pass-file and \$REDISCLI_AUTH$'
	export REDIS_URL=unix://$LOCKED
	REDISCLI_AUTH=wrong fails 4 "WRONGPASS.*$hint" chat-send -n jhon "$ROOM" word
	REDISCLI_AUTH=wrong fails 4 "WRONGPASS.*$hint" chat-tail -e "$ROOM"
	fails 4 "NOAUTH.*at the same time[^;]*$hint" chat-send -n jhon "$ROOM" word
	fails 4 "NOAUTH.*$hint" chat-tail -e "$ROOM"
	REDISCLI_AUTH=$SECRET fails 4 "WRONGPASS.*$hint" chat-tail --user nobody -e "$ROOM"
	REDISCLI_AUTH=$SECRET show -e "$ROOM" 2>/dev/null || assert_equal $? 1
}

@test "standard input is not read when there is no server, or none that lets us in" {
	printf 'one\ntwo\n' >"$BATS_TEST_TMPDIR/lines"
	{
		fails 3 '' chat-send -s "$BATS_TEST_TMPDIR/none" -n jhon room
		fails 4 '' chat-send -s "$LOCKED" -n jhon room
		assert_equal "$(cat)" $'one\ntwo'
	} <"$BATS_TEST_TMPDIR/lines"
}

# --- where to and as whom --------------------------------------------------------------------------------------------

# local_name: the name of 127.0.0.1; a minimal system has none.
local_name() {
	if getent hosts localhost >/dev/null; then echo localhost; else echo 127.0.0.1; fi
}

# at URI ROOM: sends to the room and reads it there, without $REDIS_URL, and deletes it.
at() {
	local -
	set -e
	env -u REDIS_URL timeout 120 chat-send -u "$1" -n jhon "$2" hi
	assert_equal "$(env -u REDIS_URL timeout 120 chat-tail --uri "$1" -e "$2")" '[jhon]: hi'
	locked del "$2" >/dev/null
}

@test "passwords in URIs, percent-encoded; users; valkey; databases" {
	at "redis://:$SECRET_ENCODED@127.0.0.1:$PORT" "$ROOM"
	at "redis://$SECRET_ENCODED@127.0.0.1:$PORT" "$ROOM"
	at "redis://marry:$SECRET_ENCODED@127.0.0.1:$PORT/" "$ROOM"
	at "valkey://default:$SECRET_ENCODED@$(local_name):$PORT/0" "$ROOM"
	at "unix://:$SECRET_ENCODED@$LOCKED" "$ROOM"
	at "unix://marry:$SECRET_ENCODED@$LOCKED?db=0" "$ROOM"
	timeout 120 chat-send -u "redis://:$SECRET_ENCODED@127.0.0.1:$PORT/3" -n jhon "$ROOM" three
	timeout 120 chat-send -u "unix://:$SECRET_ENCODED@$LOCKED?db=3" -n jhon "$ROOM" three
	assert_equal "$(locked -n 3 xlen "$ROOM")" 2
	timeout 120 chat-send --db 4 -u "redis://:$SECRET_ENCODED@127.0.0.1:$PORT/3" -n jhon "$ROOM" four
	assert_equal "$(locked -n 4 xlen "$ROOM") $(locked xlen "$ROOM")" '1 0'
}

@test "-h, -p and -s" {
	export REDISCLI_AUTH=$SECRET
	send -h 127.0.0.1 -p "$PORT" -n jhon "$ROOM" one
	send --host="$(local_name)" --port="$PORT" -n jhon "$ROOM" two
	send -p "$PORT" -n jhon "$ROOM" three
	send -s "$LOCKED" -n jhon "$ROOM" four
	assert_equal "$(show --socket="$LOCKED" -F '%t ' -e "$ROOM")" 'one two three four '
	send -s "$LOCKED" --db 5 -n jhon "$ROOM" five
	assert_equal "$(show -p "$PORT" --db=5 -F '%t ' -e "$ROOM")" 'five '
}

@test "-h, -p or -s override REDIS_URL: its password goes to no other server, nor does its database" {
	export REDIS_URL="redis://:$SECRET_ENCODED@127.0.0.1:1/7"
	fails 4 NOAUTH chat-tail -s "$LOCKED" -e "$ROOM"
	fails 4 NOAUTH chat-tail -h 127.0.0.1 -p "$PORT" -e "$ROOM"
	fails 4 NOAUTH chat-send -p "$PORT" -n jhon "$ROOM" word
	send -s "$SOCK" -n jhon "$ROOM" here
	assert_equal "$(cli xlen "$ROOM")" 1
	REDIS_URL=nonsense show -s "$SOCK" -e "$ROOM"
}

@test "-u overrides REDIS_URL, and a URI's password REDISCLI_AUTH" {
	REDIS_URL=nonsense send -u "unix://$SOCK" -n jhon "$ROOM" one
	REDIS_URL="redis://127.0.0.1:$PORT" REDISCLI_AUTH=$SECRET send -n jhon "$ROOM" two
	REDIS_URL="redis://:$SECRET_ENCODED@127.0.0.1:$PORT" REDISCLI_AUTH=wrong send -n jhon "$ROOM" three
	REDISCLI_AUTH=$SECRET fails 4 WRONGPASS chat-tail -u "redis://:wrong@127.0.0.1:$PORT" -e "$ROOM"
	assert_equal "$(messages "$ROOM") $(locked xlen "$ROOM")" 'jhon: one 2'
}

@test "--pass-file may be standard input only where no messages are read from it" {
	local file=$BATS_TEST_TMPDIR/pass
	printf '%s\n1\n2\n' "$SECRET" >"$file"
	for option in '' -0 -w -t; do
		# shellcheck disable=SC2086 # no option is no word
		fails 2 '--pass-file: standard input' chat-send -s "$LOCKED" --pass-file /dev/stdin $option "$ROOM" < <(cat "$file")
		# shellcheck disable=SC2086
		fails 2 '--pass-file: standard input' chat-send -s "$LOCKED" --pass-file /dev/stdin $option "$ROOM" <"$file"
	done
	# shellcheck disable=SC2094 # it is only read
	fails 2 '--pass-file: standard input' chat-send -s "$LOCKED" --pass-file "$file" "$ROOM" <"$file"
	assert_equal "$(locked xlen "$ROOM")" 0
	send -s "$LOCKED" --pass-file /dev/stdin -n jhon "$ROOM" hi < <(cat "$file")
	send -s "$LOCKED" --pass-file /dev/stdin -n jhon "$ROOM" hi <"$file"
	output=$(show -s "$LOCKED" --pass-file /dev/stdin -e "$ROOM" < <(cat "$file"))
	assert_output $'[jhon]: hi\n[jhon]: hi'
}

@test "a URI's query is ignored, except for db" {
	send -u "unix://:$SECRET_ENCODED@$LOCKED?protocol=3&db=2&x" -n jhon "$ROOM" hi
	assert_equal "$(locked -n 2 xlen "$ROOM")" 1
	REDIS_URL="redis://:$SECRET_ENCODED@127.0.0.1:$PORT/2?protocol=3" prints chat-tail -e "$ROOM" <<<'[jhon]: hi'
}

@test "--user and --pass-file override the URI's" {
	printf '%s\nsecond line\n' "$SECRET" >"$BATS_TEST_TMPDIR/pass"
	printf '%s' "$SECRET" >"$BATS_TEST_TMPDIR/pass2"
	send -s "$LOCKED" --pass-file "$BATS_TEST_TMPDIR/pass" -n jhon "$ROOM" one
	REDISCLI_AUTH=wrong send -s "$LOCKED" --pass-file "$BATS_TEST_TMPDIR/pass2" --user marry -n jhon "$ROOM" two
	send -u "unix://nobody:wrong@$LOCKED" --pass-file="$BATS_TEST_TMPDIR/pass" --user=marry -n jhon "$ROOM" three
	assert_equal "$(locked xlen "$ROOM")" 3
	fails 4 WRONGPASS chat-tail -u "unix://marry:$SECRET_ENCODED@$LOCKED" --user nobody -e "$ROOM"
	fails 2 "$BATS_TEST_TMPDIR/none" chat-tail --pass-file "$BATS_TEST_TMPDIR/none" -e "$ROOM"
	: >"$BATS_TEST_TMPDIR/empty"
	fails 2 "$BATS_TEST_TMPDIR/empty" chat-tail --pass-file "$BATS_TEST_TMPDIR/empty" -e "$ROOM"
}

# terminal SECRET COMMAND ...: runs the command on a terminal of its own, types the secret once it is asked for, and
# prints what the terminal showed; exits as the command did.
terminal() {
	"$PYTHON" - "$@" <<-'END'
		import os, pty, sys
		secret, command = sys.argv[1], sys.argv[2:]
		pid, fd = pty.fork()
		if pid == 0:
		    os.execvp(command[0], command)
		shown = b''
		typed = False
		while True:
		    try:
		        got = os.read(fd, 1000)
		    except OSError:
		        break
		    if not got:
		        break
		    shown += got
		    if not typed and b'assword' in shown:
		        os.write(fd, secret.encode() + b'\r')
		        typed = True
		sys.stdout.buffer.write(shown)
		sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
	END
}

@test "--askpass asks on the terminal and does not show what is typed" {
	run timeout 120 bash -c "$(declare -f terminal); terminal \"\$@\"" - "$SECRET" chat-send --askpass -s "$LOCKED" -n jhon "$ROOM" hi
	assert_status 0
	[[ $output != *s3cr3t* ]]
	assert_equal "$(locked xlen "$ROOM")" 1
	run timeout 120 bash -c "$(declare -f terminal); terminal \"\$@\"" - wrong chat-tail --askpass -s "$LOCKED" -e "$ROOM"
	assert_status 4
	assert_match "$output" WRONGPASS
}

@test "--askpass leaves standard input to the messages, and fails without a terminal" {
	printf 'one\ntwo\n' >"$BATS_TEST_TMPDIR/lines"
	run timeout 120 bash -c "$(declare -f terminal); terminal \"\$@\"" - "$SECRET" \
		bash -c 'chat-send --askpass -s "$1" -n jhon "$2" <"$3"' - "$LOCKED" "$ROOM" "$BATS_TEST_TMPDIR/lines"
	assert_status 0
	assert_equal "$(locked --raw xrange "$ROOM" - + | grep -cx 'one\|two')" 2
	fails 2 terminal setsid -w chat-tail --askpass -s "$LOCKED" -e "$ROOM" </dev/null
}

@test "IPv6" {
	grep -q '^0*1 ' /proc/net/if_inet6 || skip 'no IPv6 here'
	local port
	port=$(free_port)
	server_launch --bind ::1 --port "$port"
	send -h ::1 -p "$port" -n jhon "$ROOM" one
	send -u "redis://[::1]:$port/0" -n jhon "$ROOM" two
	REDIS_URL="redis://[::1]:$port" send -n jhon "$ROOM" three
	assert_equal "$(show -u "valkey://[::1]:$port" -F '%t ' -e "$ROOM")" 'one two three '
	fails 3 '' chat-tail -u 'redis://[::1]:1' -e "$ROOM"
}

# --- secrets ---------------------------------------------------------------------------------------------------------

@test "a URI's password is not in the argument list of a running program" {
	hold_input
	local uri="redis://marry:$SECRET_ENCODED@127.0.0.1:$PORT"
	for argument in "-u$uri" "--uri=$uri" "-vu$uri"; do
		spawn chat-tail "$argument" "$ROOM" 2>"$BATS_TEST_TMPDIR/err"
		wait_until 5 readers_of "$LOCKED" 1
		grep -aq chat-tail "/proc/$PID/cmdline"
		assert_equal "$(grep -ac s3cr3t "/proc/$PID/cmdline" "$BATS_TEST_TMPDIR/err" | grep -v ':0$' || true)" ''
		kill "$PID"
		wait_until 5 readers_of "$LOCKED" 0
	done
	spawn chat-send -v -n jhon -u "$uri" "$ROOM" <"$pipe" 2>"$BATS_TEST_TMPDIR/err"
	echo hi >&7
	wait_until 5 grep -q connected "$BATS_TEST_TMPDIR/err"
	assert_equal "$(grep -ac s3cr3t "/proc/$PID/cmdline" "$BATS_TEST_TMPDIR/err" | grep -v ':0$' || true)" ''
}

readers_of() { [[ $(locked info clients) == *blocked_clients:"$2"$'\r'* ]]; }

@test "a password appears in no error, nor in what -v prints" {
	local uri="redis://marry:s3cr3t-wrong@127.0.0.1:$PORT"
	fails 4 WRONGPASS chat-tail -u "$uri" -e "$ROOM"
	[[ $stderr != *s3cr3t* ]]
	fails 3 '' chat-tail -u "redis://:s3cr3t@127.0.0.1:1" -e "$ROOM"
	[[ $stderr != *s3cr3t* ]]
	fails 2 '' chat-tail -u "redis://:s3cr3t@127.0.0.1:$PORT" -h host "$ROOM"
	[[ $stderr != *s3cr3t* ]]
	fails 2 '' chat-tail -S x -u "redis://:s3cr3t@127.0.0.1:$PORT" "$ROOM"
	[[ $stderr != *s3cr3t* ]]
	run --separate-stderr show -v -u "redis://:$SECRET_ENCODED@127.0.0.1:$PORT" -U @1 "$ROOM"
	assert_status 0
	assert_match "$stderr" "127.0.0.1:$PORT"
	[[ $stderr != *s3cr3t* ]]
}
