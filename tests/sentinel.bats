#!/usr/bin/env bats
# A master and a replica that Sentinels watch: the master dies again and again, and --replicas counts what was lost.
# shellcheck disable=SC2154 # status, output, stderr are bats's
# shellcheck disable=SC2030,SC2031,SC2153 # each test is a subshell, and sets what it reads; ROOM is the helper's

load helper

setup() {
	out=$BATS_TEST_TMPDIR/out err=$BATS_TEST_TMPDIR/err
	node=([0]='' [1]='') pid=([0]='' [1]='') watch=()
	start_node 0
	start_node 1 --replicaof 127.0.0.1 "${node[0]}"
	master=0
	wait_until 10 in_step
}
teardown() {
	stop_jobs
	stop_servers
}

# start_node N [argument ...]: server N at a port of its own, which it keeps. It answers to no socket.
start_node() {
	local n=$1
	shift
	[[ ${node[n]} ]] || node[n]=$(free_port)
	mkdir -p "$BATS_TEST_TMPDIR/node$n"
	spawn "$SERVER" --bind 127.0.0.1 --port "${node[n]}" --dir "$BATS_TEST_TMPDIR/node$n" --save '' --appendonly no \
		--repl-diskless-sync-delay 0 --repl-ping-replica-period 1 "$@" >>"$BATS_TEST_TMPDIR/node$n.log" 2>&1 </dev/null
	pid[n]=$PID
	export SERVERS="${SERVERS-} $PID"
	wait_until 10 at "$n" ping
}

# at N COMMAND ...: redis-cli at a node; succeeds if it answers with no error.
at() {
	local answer
	answer=$("$CLI" -p "${node[$1]}" "${@:2}" 2>&1) && [[ $answer != *@(ERR|LOADING|MASTERDOWN|refused)* ]] && echo "$answer"
}

in_step() { [[ $(at "$master" info replication) == *slave0:*state=online* && $(at $((1 - master)) info replication) == *master_link_status:up* ]]; }

# watch_over: three Sentinels that call the master `chat`; sets REDIS_URL.
watch_over() {
	local n port dir list=''
	for n in 0 1 2; do
		port=$(free_port) dir=$BATS_TEST_TMPDIR/sentinel$n
		mkdir "$dir"
		printf '%s\n' "port $port" "bind 127.0.0.1" "dir $dir" "sentinel monitor chat 127.0.0.1 ${node[master]} 2" \
			'sentinel down-after-milliseconds chat 400' 'sentinel failover-timeout chat 2000' "$@" >"$dir/conf"
		spawn "$SERVER" "$dir/conf" --sentinel >"$dir/log" 2>&1 </dev/null
		export SERVERS="${SERVERS-} $PID"
		watch+=("$port")
		list+=,127.0.0.1:$port
	done
	wait_until 15 all_agree
	export REDIS_URL=redis+sentinel://${list#,}/chat
}
all_agree() {
	local port
	for port in "${watch[@]}"; do
		[[ $("$CLI" -p "$port" sentinel master chat | paste -sd' ') == *'num-slaves 1 num-other-sentinels 2 '* ]] || return
	done
}

# fail_over: kills the master, waits until the Sentinels have made the other one that, and starts the dead one as its
# replica.
fail_over() {
	kill -KILL "${pid[master]}"
	wait_until 5 ended "${pid[master]}"
	local old=$master
	master=$((1 - master))
	wait_until 20 leads
	start_node "$old" --replicaof 127.0.0.1 "${node[master]}"
	wait_until 10 in_step
	wait_until 15 all_agree
}
leads() { [[ $(at "$master" role) == master* ]]; }

said() { grep -Eq "$1" "${2-$err}"; }
texts() { at "$master" --raw xrange "$ROOM" - + | awk 'NR % 3 == 0'; }

# sorted_repeats FILE: the lines that stand in it more than once.
sorted_repeats() { sort "$1" | uniq -d; }

@test "--replicas 1: the master dies six times under load, 0 lost, 0 doubled; the reader rereads only what died with it" {
	watch_over
	spawn chat-tail "$ROOM" >"$BATS_TEST_TMPDIR/live" 2>"$BATS_TEST_TMPDIR/live.err" </dev/null
	local reader=$PID live=$BATS_TEST_TMPDIR/live n seen
	wait_until 10 reader_waits
	spawn chat-send -n jhon -T --replicas 1 "$ROOM" \
		< <(for ((i = 1; i <= 60000; i++)); do echo "$i"; ((i % 10)) || [[ -e $BATS_TEST_TMPDIR/stop ]] && ((i > 100)) || sleep 0.01; [[ -e $BATS_TEST_TMPDIR/stop ]] && break; done) \
		>"$out" 2>"$err"
	local sender=$PID
	for n in 1 2 3 4 5 6; do
		seen=$(wc -l <"$out")
		wait_until 20 has_lines "$out" $((seen + 100))
		fail_over
	done
	touch "$BATS_TEST_TMPDIR/stop"
	wait_end 30 "$sender"
	assert_status 0
	local sent
	sent=$(wc -l <"$out")
	cmp "$out" <(seq "$sent")
	cmp <(texts) <(seq "$sent")
	wait_until 10 has_lines "$live" "$sent"
	wait_until 10 said "jhon.: $sent\$" "$live"
	kill "$reader"
	# Nothing is missing, and what came again had come once before the master died: its first coming was never in the
	# room of the next one, its second is.
	cmp <(sort -u "$live") <(seq -f '[jhon]: %.0f' "$sent" | sort -u)
	echo "# $sent messages, 6 failovers: $(sorted_repeats "$live" | wc -l) read again by the reader" >&3
	assert_equal "$(uniq -c < <(sort "$live") | awk '$1 > 7')" ''
	said 'trying again' "$live.err"
}
reader_waits() { [[ $(at "$master" info clients) == *blocked_clients:1* ]]; }
