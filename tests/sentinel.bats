#!/usr/bin/env bats
# A master and a replica that Sentinels watch: the master dies again and again, and --replicas counts what was lost.
# shellcheck disable=SC2154 # status, output, stderr are bats's
# shellcheck disable=SC2030,SC2031,SC2153 # each test is a subshell, and sets what it reads; ROOM is the helper's

load helper

setup() {
	trace_less
	out=$BATS_TEST_TMPDIR/out err=$BATS_TEST_TMPDIR/err
	node=([0]='' [1]='') pid=([0]='' [1]='') watch=()
	start_node 0
	start_node 1 --replicaof 127.0.0.1 "${node[0]}"
	master=0
	wait_until 10 in_step
}
teardown() { stop_all; }

# start_node N [argument ...]: server N at a port of its own, which it keeps. It has no unix socket.
start_node() {
	local n=$1
	shift
	[[ ${node[n]} ]] || node[n]=$(free_port)
	mkdir -p "$BATS_TEST_TMPDIR/node$n"
	spawn "$REPO/tests/server" --bind 127.0.0.1 --port "${node[n]}" --dir "$BATS_TEST_TMPDIR/node$n" --save '' --appendonly no \
		--repl-diskless-sync-delay 0 --repl-ping-replica-period 1 "$@" >>"$BATS_TEST_TMPDIR/node$n.log" 2>&1 </dev/null
	pid[n]=$PID
	export SERVERS="${SERVERS-} $PID"
	wait_until 10 hear "${node[n]}" ping
}

# at N COMMAND ...: redis-cli at a node; succeeds if it answers with no error.
at() {
	local answer
	answer=$("$CLI" -p "${node[$1]}" "${@:2}" 2>&1) && [[ $answer != *@(ERR|LOADING|MASTERDOWN|refused)* ]] && echo "$answer"
}

# in_step: the replica follows the master, and all Sentinels, if there are any, name that one. On a busy machine a master
# that only stalled may be taken for dead, and the other one lead again.
in_step() {
	find_master && hear "${node[master]}" 'info replication' && [[ $heard == *slave0:*state=online* ]] &&
		hear "${node[1 - master]}" 'info replication' && [[ $heard == *master_link_status:up* ]]
}
find_master() {
	local sentinel named=() n
	for sentinel in "${watch[@]}"; do
		hear "$sentinel" 'auth secret' 'sentinel get-master-addr-by-name chat' || return
		[[ $heard =~ 127\.0\.0\.1$'\n'\$[0-9]+$'\n'([0-9]+)$'\n' ]] && named+=("${BASH_REMATCH[1]}")
	done
	for n in 0 1; do
		if ((${#named[@]} > 0)) && [[ ${named[*]} == "${node[n]} ${node[n]} ${node[n]}" ]]; then
			master=$n
			return
		fi
	done
	((${#named[@]} == 0))
}

# watch_over: three Sentinels that call the master `chat`; sets REDIS_URL.
watch_over() {
	local n port dir list=''
	for n in 0 1 2; do
		port=$(free_port) dir=$BATS_TEST_TMPDIR/sentinel$n
		mkdir "$dir"
		printf '%s\n' "port $port" "bind 127.0.0.1" "dir $dir" "sentinel monitor chat 127.0.0.1 ${node[master]} 2" \
			'sentinel down-after-milliseconds chat 400' 'sentinel failover-timeout chat 2000' "$@" >"$dir/conf"
		spawn "$REPO/tests/server" "$dir/conf" --sentinel >"$dir/log" 2>&1 </dev/null
		export SERVERS="${SERVERS-} $PID"
		wait_until 10 quicken "$port"
		watch+=("$port")
		list+=,127.0.0.1:$port
	done
	wait_until 15 all_agree
	export REDIS_URL=redis+sentinel://${list#,}/chat
}
# quicken PORT: the Sentinel there asks and publishes many times in the seconds that it usually waits. It accepts no replica
# whose INFO is older than five pings, and while the master is down it asks for that each second.
quicken() {
	hear "$1" 'auth secret' 'sentinel debug publish-period 200 info-period 300 ask-period 200 ping-period 300'
	[[ $heard == *+OK$'\n+PONG\n' ]]
}
all_agree() {
	local port
	for port in "${watch[@]}"; do
		hear "$port" 'auth secret' 'sentinel master chat' || return
		[[ $heard == *num-slaves$'\n$1\n1\n'*num-other-sentinels$'\n$1\n2\n'* ]] || return
	done
}

# fail_over: kills the master, waits until the Sentinels have promoted the other one, and starts the dead one as its replica.
fail_over() {
	kill -KILL "${pid[master]}"
	wait_until 5 ended "${pid[master]}"
	local old=$master
	wait_until 30 is_master $((1 - old)) # all Sentinels say so: one that did not know might send it after the dead one
	start_node "$old" --replicaof 127.0.0.1 "${node[1 - old]}"
	wait_until 30 in_step
	wait_until 30 all_agree
}
# is_master N: all Sentinels name it, and it leads. leads: the master does.
is_master() { find_master && ((master == $1)) && leads; }
leads() { hear "${node[master]}" 'info replication' && [[ $heard == *role:master* ]]; }

texts_in() { "$CLI" -p "${node[master]}" --raw xrange "${1-$ROOM}" - + | awk 'NR % 3 == 0'; }

# reading [argument ...]: chat-tail in the background, waiting for news; its output is in $live.
reading() {
	live=$BATS_TEST_TMPDIR/live
	spawn chat-tail "$@" "$ROOM" >"$live" 2>"$live.err" </dev/null
	reader=$PID
	wait_until 10 reader_waits
}
reader_waits() { [[ $(at "$master" info clients) == *blocked_clients:1* ]]; }

# send_through N [option ...]: sends numbers with --replicas 1 while the master dies N times; all up to $sent were delivered,
# in order.
send_through() {
	spawn chat-send -n jhon -T --replicas 1 "${@:2}" "$ROOM" < <(feed "$BATS_TEST_TMPDIR/stop") >"$out" 2>"$err"
	die_under_load "$1"
	cmp "$out" <(seq "$sent")
}
die_under_load() { # N: of the sender just started
	local n sender=$PID seen
	for ((n = 0; n < $1; n++)); do
		seen=$(wc -l <"$out")
		wait_until 20 has_lines "$out" $((seen + 300))
		fail_over
	done
	touch "$BATS_TEST_TMPDIR/stop"
	wait_end 60 "$sender"
	assert_status 0
	sent=$(wc -l <"$out")
}

@test "--replicas 1: the master dies six times under load, 0 lost, 0 doubled; the reader reads again only what died with it" {
	watch_over
	reading -t
	send_through 6
	cmp <(texts_in) <(seq "$sent")
	wait_until 10 said "	jhon	$sent\$" "$live"
	kill "$reader"
	# What it printed that is in the room is all that was sent, once and in order. It had read the rest from a master that
	# died before a replica had it: those entries are gone, and came again under other IDs.
	"$CLI" -p "${node[master]}" --raw xrange "$ROOM" - + | awk 'NR % 3 == 1' >"$live.ids"
	awk -F '\t' 'NR == FNR { there[$1]; next } $2 in there { print $4 }' "$live.ids" "$live" | cmp - <(seq "$sent")
	awk -F '\t' 'NR == FNR { there[$1]; next } !($2 in there) { print $4 }' "$live.ids" "$live" >"$live.again"
	assert_equal "$(cut -f 2 "$live" | sort | uniq -d)" '' # no ID comes twice
	echo "# $sent messages, 6 failovers: $(wc -l <"$live.again") read again" >&3
	(($(wc -l <"$live.again") == $(wc -l <"$live") - sent))
}

@test "--replicas 1, rows of six rooms: the master dies three times under load, 0 lost, 0 doubled, in order in each room" {
	local i rooms=("$ROOM"-{1..6})
	watch_over
	spawn chat-send -t -T --replicas 1 < <(feed_rows "$BATS_TEST_TMPDIR/stop" "${rooms[@]}") >"$out" 2>"$err"
	die_under_load 3
	cut -f 4 "$out" | cmp - <(seq "$sent")
	for i in {0..5}; do cmp <(texts_in "${rooms[i]}") <(seq $((i + 1)) 6 "$sent"); done
	echo "# $sent messages in 6 rooms, 3 failovers" >&3
}

@test "--at-least-once --replicas 1: the master dies three times under load, 0 lost" {
	watch_over
	send_through 3 --at-least-once
	cmp <(texts_in | sort -nu) <(seq "$sent")
	echo "# $sent messages, 3 failovers: $(($(texts_in | wc -l) - sent)) doubled" >&3
}

@test "without --replicas: what the failover lost is counted and named, exit status 1; the reader says where it went back to" {
	watch_over
	reading
	hold_input
	spawn chat-send -n jhon -T "$ROOM" <"$pipe" >"$out" 2>"$err"
	local sender=$PID replica=$((1 - master))
	echo one >&7
	wait_until 5 has_lines "$out" 1
	wait_until 5 is_replicated
	kill -STOP "${pid[replica]}"
	at "$master" client kill type replica
	printf '%s\n' two three four >&7
	wait_until 5 has_lines "$out" 4
	wait_until 5 has_lines "$live" 4
	kill -KILL "${pid[master]}"
	kill -CONT "${pid[replica]}"
	master=$replica
	wait_until 20 leads
	wait_until 20 said "^chat-tail: $ROOM: lost its last entries; reading on after [0-9-]+" "$live.err"
	echo five >&7
	wait_until 20 has_lines "$out" 5
	exec 7>&-
	wait_end 20 "$sender"
	assert_status 1
	said "^chat-send: $ROOM: the server lost 3 messages that it had acknowledged, lines 2 to 4\$"
	said '^chat-send: 3 messages that the server had acknowledged were lost; 2 messages delivered'
	assert_equal "$(texts_in)" $'one\nfive'
	wait_until 10 has_lines "$live" 5
}
is_replicated() { [[ $(at $((1 - master)) xlen "$ROOM") == 1 ]]; }

@test "--replicas of a master that has none: an outage, then exit status 1; nothing is doubled when one comes" {
	local url=redis://127.0.0.1:${node[0]}
	at 1 replicaof no one
	wait_until 5 alone
	fails 1 'only 0 of 1 replicas have the messages; gave up after 1 s; 0 messages delivered' \
		chat-send -q --retry 1 -u "$url" --replicas 1 -n jhon "$ROOM" < <(echo never)
	at 0 del "$ROOM"
	spawn chat-send -u "$url" --replicas 1 -n jhon -T "$ROOM" < <(seq 3000) >"$out" 2>"$err"
	local sender=$PID
	wait_until 5 said 'only 0 of 1 replicas have the messages; trying again for 60 s'
	at 1 replicaof 127.0.0.1 "${node[0]}"
	wait_end 30 "$sender"
	assert_status 0
	cmp "$out" <(seq 3000)
	cmp <(texts_in) <(seq 3000)
	at 1 replicaof no one
	wait_until 5 alone
	spawn chat-send -u "$url" --replicas 1 --at-least-once -n jhon -T plain < <(seq 3000) >"$out" 2>"$err"
	sender=$PID
	wait_until 5 said 'only 0 of 1 replicas have the messages; trying again for 60 s'
	at 1 replicaof 127.0.0.1 "${node[0]}"
	wait_end 30 "$sender"
	assert_status 0
	cmp "$out" <(seq 3000)
	assert_equal "$(at 0 xlen plain)" 3000
}
alone() { [[ $(at 0 info replication) == *connected_slaves:0* ]]; }

@test "a master that becomes a replica: a reader blocked there is released, and what was in flight is sent again, to the new one" {
	watch_over
	reading
	hold_input
	spawn chat-send -n jhon --replicas 1 "$ROOM" <"$pipe" 2>"$err"
	local sender=$PID
	echo one >&7
	wait_until 5 has_lines "$live" 1
	"$CLI" -p "${watch[0]}" sentinel failover chat
	master=$((1 - master))
	wait_until 20 leads
	wait_until 20 in_step
	echo two >&7
	exec 7>&-
	wait_end 20 "$sender"
	assert_status 0
	wait_until 15 has_lines "$live" 2
	assert_equal "$(<"$live")" $'[jhon]: one\n[jhon]: two'
	assert_equal "$(texts_in)" $'one\ntwo'
	said 'UNBLOCKED|is not the master now|lost' "$live.err"
}

@test "a master that Sentinels no longer name is left within seconds, although it lives and calls itself master" {
	watch_over
	reading
	local sentinel
	at 1 replicaof no one
	for sentinel in "${watch[@]}"; do
		"$CLI" -p "$sentinel" sentinel remove chat
		"$CLI" -p "$sentinel" sentinel monitor chat 127.0.0.1 "${node[1]}" 2
	done
	at 1 xadd "$ROOM" '*' marry moved
	wait_until 12 has_lines "$live" 1
	assert_equal "$(<"$live")" '[marry]: moved'
	said "${node[0]} is not the master now, but 127.0.0.1:${node[1]} is" "$live.err"
}

@test "Sentinels that are away, know no such master, or want a password; the master's own password" {
	at 0 config set requirepass secret >/dev/null
	"$CLI" -p "${node[1]}" config set masterauth secret >/dev/null
	"$CLI" -p "${node[0]}" -a secret --no-auth-warning config set masterauth secret >/dev/null
	watch_over 'sentinel auth-pass chat secret' 'requirepass secret'
	local list=${REDIS_URL#*://} away
	list=${list%/chat}
	away=127.0.0.1:$(free_port)
	fails 4 "the Sentinels know no master 'talk'" chat-send -u "redis+sentinel://:secret@$list/talk" room hi
	fails 3 "cannot connect to $away" chat-send -u "redis+sentinel://:secret@$away/chat" room hi
	fails 4 NOAUTH chat-send -u "redis+sentinel://$list/chat" room hi
	local sentinel
	for sentinel in "${watch[@]}"; do # as one that may ask for nothing
		"$CLI" -p "$sentinel" -a secret --no-auth-warning acl setuser mute on '>mute' +hello +client +auth
	done
	fails 4 'NOPERM' chat-send -u "redis+sentinel://mute:mute@$list/chat" room hi
	fails 3 'NOPERM' chat-tail -u "redis+sentinel://mute:mute@$away,$list/chat" room
	fails 3 'cannot find host' chat-send -u 'redis+sentinel://nosuch.invalid,nosuch.invalid:1/chat' room hi
	send -u "valkey+sentinel://:secret@$away,$list/chat" -n jhon room hi
	assert_equal "$(show -u "redis+sentinel://:secret@$list/chat" -e room)" '[jhon]: hi'
}
