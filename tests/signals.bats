#!/usr/bin/env bats
# TERM ends both programs whatever they are waiting for, while they are still waiting for it.
# shellcheck disable=SC2154 # status, output, stderr are bats's
# shellcheck disable=SC2030,SC2031,SC2153 # each test is a subshell, and sets what it reads; ROOM is the helper's
# shellcheck disable=SC2016 # what is in single quotes is for another shell

load helper

setup() {
	trace_less
	out=$BATS_TEST_TMPDIR/out err=$BATS_TEST_TMPDIR/err heard=$BATS_TEST_TMPDIR/heard
	hold_input
}
teardown() { stop_all; }

# dies: TERM ends the program of $PID. dies_twice: it outlives the first TERM, and the second one ends it.
dies() {
	kill "$PID"
	wait_end 30 "$PID"
	assert_status 143
}
dies_twice() {
	kill "$PID"
	wait_until 10 no_signal_pending "$PID"
	kill -0 "$PID"
	dies
}

# both_die CONDITION ... -- OPTION ...: TERM ends chat-tail and chat-send, with those options, once the condition holds; the
# process ID is its last argument.
both_die() {
	local condition=() program
	while [[ $1 != -- ]]; do
		condition+=("$1")
		shift
	done
	shift
	for program in 'chat-tail' 'chat-send -n jhon'; do
		read -ra program <<<"$program"
		rm -f "$heard"
		spawn "${names[@]}" "${program[@]}" "$@" "$ROOM" <"$pipe" 2>"$err"
		wait_until 10 "${condition[@]}" "$PID"
		dies
	done
}
names=() # set where they are to be slow

# pretender ANSWER: a server that gives this answer to whatever it is asked, or none; once asked, it makes the file $heard.
# Sets PORT.
pretender() {
	spawn "$PYTHON" - "$1" "$heard" "$BATS_TEST_TMPDIR/port" <<-'END'
		import os, selectors, socket, sys
		answer, heard, port = sys.argv[1:]
		listener = socket.create_server(('127.0.0.1', 0))
		ready = selectors.DefaultSelector()
		ready.register(listener, selectors.EVENT_READ)
		with open(port + '.new', 'w') as file:
		    file.write('%d\n' % listener.getsockname()[1])
		os.rename(port + '.new', port)
		while True:
		    for key, _ in ready.select():
		        if key.fileobj is listener:
		            ready.register(listener.accept()[0], selectors.EVENT_READ)
		            continue
		        try:
		            got = key.fileobj.recv(65536)
		            if got and answer:
		                key.fileobj.sendall(answer.encode() + b'\r\n')
		        except OSError:
		            got = b''
		        if got:
		            open(heard, 'w').close()
		        else:
		            ready.unregister(key.fileobj)
		            key.fileobj.close()
	END
	wait_until 10 test -e "$BATS_TEST_TMPDIR/port"
	PORT=$(<"$BATS_TEST_TMPDIR/port")
}
is_heard() { [[ -e $heard ]]; }

# on_terminal COMMAND ...: in the background, on a terminal of its own, whose output is in the file $out.
on_terminal() {
	spawn "$PYTHON" -c '
import fcntl, os, sys, termios
master, slave = os.openpty()
if os.fork() == 0:
    os.close(slave)
    for fd in range(3):
        os.dup2(os.open(os.devnull, os.O_RDWR), fd)
    with open(sys.argv[1], "wb", buffering=0) as out:
        try:
            while True:
                out.write(os.read(master, 1000))
        except OSError:
            os._exit(0)
os.close(master)
os.setsid()
fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
if "NONBLOCK" in os.environ:
    os.set_blocking(slave, False)
for fd in range(3):
    os.dup2(slave, fd)
os.execvp(sys.argv[2], sys.argv[2:])' "$out" "$@"
}
shows() { grep -q "$1" "$out"; }

@test "TERM while a name is resolved" {
	slow_names "$BATS_TEST_TMPDIR/slow"
	touch "$BATS_TEST_TMPDIR/slow"
	both_die looks_up -- -h slow.test
}

@test "TERM while it connects" {
	spawn "$PYTHON" - "$BATS_TEST_TMPDIR/port" <<-'END'
		import os, signal, socket, sys
		listener = socket.create_server(('127.0.0.1', 0), backlog=0)
		held = []
		while True:
		    held.append(socket.socket())
		    held[-1].settimeout(0.5)
		    try:
		        held[-1].connect(listener.getsockname())
		    except TimeoutError:
		        break
		with open(sys.argv[1] + '.new', 'w') as file:
		    file.write('%d\n' % listener.getsockname()[1])
		os.rename(sys.argv[1] + '.new', sys.argv[1])
		signal.pause()
	END
	wait_until 10 test -e "$BATS_TEST_TMPDIR/port"
	both_die has_socket -- -p "$(<"$BATS_TEST_TMPDIR/port")"
}

@test "TERM while it logs in, and while it waits for Sentinels" {
	pretender ''
	both_die is_heard -- -p "$PORT"
	both_die is_heard -- -u "redis+sentinel://127.0.0.1:$PORT/chat"
}

@test "TERM in the TLS handshake" {
	[[ $(chat-tail --tls room 2>&1) != *'without TLS'* ]] || skip 'this build has no TLS'
	pretender ''
	both_die is_heard -- --tls --insecure -p "$PORT"
}

@test "TERM while the server loads, or is away: in the pause before the next attempt" {
	pretender '-LOADING Redis is loading the dataset in memory'
	both_die said 'trying again' "$err" -- --retry forever -p "$PORT"
	both_die said 'trying again' "$err" -- --retry forever -s "$BATS_TEST_TMPDIR/none"
}

@test "TERM while it reads, also from a server that stands still; and while it waits for input" {
	start_server
	follow "$ROOM"
	dies
	follow "$ROOM"
	kill -STOP "$SERVER_PID"
	dies
	kill -CONT "$SERVER_PID"
	spawn chat-send -v -n jhon "$ROOM" <"$pipe" 2>"$err"
	wait_until 10 said connected
	dies
}

@test "TERM in an outage: it ends chat-tail at once, chat-send the second time" {
	start_server
	follow "$ROOM"
	local reader=$PID
	spawn chat-send -T -n jhon "$ROOM" <"$pipe" >"$out" 2>"$err"
	echo one >&7
	wait_until 10 has_lines "$out" 1
	kill_server
	echo two >&7
	wait_until 10 said 'trying again'
	wait_until 10 grep -q 'trying again' "$live.err"
	wait_until 10 has_read "$PID"
	dies_twice
	PID=$reader
	dies
}

@test "TERM while it sends, and while it waits for replicas: the second one ends it" {
	start_server
	spawn chat-send -v -n jhon "$ROOM" <"$pipe" 2>"$err"
	wait_until 10 said connected
	kill -STOP "$SERVER_PID"
	echo one >&7
	wait_until 10 has_read "$PID"
	dies_twice
	kill -CONT "$SERVER_PID"
	wait_until 10 readers_are 0
	spawn chat-send --replicas 1 -n jhon "$ROOM" hi 2>"$err"
	wait_until 10 eval 'said trying || readers_are 1'
	dies_twice
}

@test "TERM while nobody reads what it prints: the second one ends it" {
	start_server
	seq 30000 | send -n jhon "$ROOM"
	spawn chat-tail -n +1 "$ROOM" >"$pipe"
	wait_until 10 stuck "$PID"
	dies_twice
	spawn chat-send -T -n jhon "$ROOM" < <(seq 30000) >"$pipe"
	wait_until 10 stuck "$PID"
	dies_twice
}

@test "TERM at the questions for a password and a name, and at the prompt: it ends at once" {
	start_server
	for command in "chat-tail --askpass" "chat-send --askpass -n jhon"; do
		read -ra command <<<"$command"
		on_terminal "${command[@]}" "$ROOM"
		wait_until 10 shows 'password: '
		dies
	done
	on_terminal chat-send "$ROOM"
	wait_until 10 shows 'name \['
	dies
	on_terminal chat-send -n jhon "$ROOM"
	wait_until 10 shows 'jhon> '
	dies
}

@test "the question for the name sleeps on a non-blocking terminal" {
	start_server
	NONBLOCK=1 on_terminal chat-send "$ROOM"
	wait_until 10 shows 'name \['
	wait_until 10 sleeps "$PID" # a process that polls in a loop is never seen to
	dies
}

# --- process 1 of a container, which gets no signal that it has no handler for ------------------------------------------

# contained COMMAND ...: runs it as process 1 of a namespace of its own; sets PID to unshare, and INIT to the program.
contained() {
	spawn unshare --pid --fork --kill-child "$@" <"$pipe" >"$out" 2>"$err"
	wait_until 10 is_init
	INIT=$(init)
}
init() { grep -o '[0-9]*' "/proc/$PID/task/$PID/children"; }
is_init() { [[ $(readlink "/proc/$(init)/exe") == */chat-* ]]; }

@test "process 1: a signal ends it before the first input and while it first connects; later, the second one does" {
	unshare --pid --fork true 2>/dev/null || skip 'no PID namespaces here'
	start_server
	for signal in TERM:143 INT:130 HUP:129; do
		contained chat-send -v -n jhon "$ROOM"
		wait_until 10 said connected
		kill "-${signal%:*}" "$INIT"
		wait_end 30 "$PID"
		assert_status "${signal#*:}"
		for program in 'chat-tail' 'chat-send -n jhon'; do
			read -ra program <<<"$program"
			contained "${program[@]}" --retry forever -s "$BATS_TEST_TMPDIR/none" "$ROOM"
			wait_until 10 said 'trying again'
			kill "-${signal%:*}" "$INIT"
			wait_end 30 "$PID"
			assert_status "${signal#*:}"
		done
		contained chat-tail "$ROOM"
		wait_readers 1
		kill "-${signal%:*}" "$INIT"
		wait_end 30 "$PID"
		assert_status "${signal#*:}"
		contained chat-send -v -n jhon "$ROOM"
		wait_until 10 said connected
		kill -STOP "$SERVER_PID"
		echo one >&7
		wait_until 10 has_read "$INIT"
		kill "-${signal%:*}" "$INIT"
		wait_until 10 no_signal_pending "$INIT"
		kill -0 "$INIT"
		kill "-${signal%:*}" "$INIT"
		wait_end 30 "$PID"
		assert_status "${signal#*:}"
		kill -CONT "$SERVER_PID"
	done
}
