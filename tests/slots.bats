#!/usr/bin/env bats
# Many rooms in a cluster of three nodes: each hash slot takes a connection of its own, and each node has its outages.
# shellcheck disable=SC2154 # status, output, stderr are bats's
# shellcheck disable=SC2030,SC2031,SC2153 # each test is a subshell, and sets what it reads; ROOM is the helper's

load helper

# Each node has a third of the slots, and they go on when one of them is away.
setup_file() {
	local node first=0 last databases=(--cluster-databases 16) # of Valkey 9
	server_launch --port 0 "${databases[@]}" 2>"$BATS_FILE_TMPDIR/unknown" && stop_server || databases=()
	for node in 0 1 2; do
		start_server_tcp --cluster-enabled yes --cluster-port "$(free_port)" --cluster-node-timeout 1000 "${databases[@]}" \
			--cluster-require-full-coverage no --cluster-allow-replica-migration no --appendonly yes
		last=$((16384 * (node + 1) / 3 - 1))
		cli cluster addslotsrange "$first" "$last" >/dev/null
		first=$((last + 1))
		export "SOCK_$node=$SOCK" "PORT_$node=$PORT" "PID_$node=$SERVER_PID" "DIR_$node=$SERVER_DIR"
	done
	for node in 1 2; do
		on "$node"
		cli cluster meet "$HOST" "$PORT_0" "$(SOCK=$SOCK_0 cli config get cluster-port | tail -n 1)" >/dev/null
	done
	for node in 0 1 2; do wait_until 20 well "$node"; done
}
teardown_file() { stop_servers; }
setup() {
	trace_less
	live=$BATS_TEST_TMPDIR/live
	on 0
}
teardown() {
	stop_jobs
	[[ ! ${restarted-} ]] || stop_server "$restarted"
}

# on NODE: makes this the last server, for cli and the functions about it.
on() {
	local name
	for name in SOCK PORT; do
		local from=${name}_$1
		export "$name=${!from}"
	done
	export REDIS_URL=redis://$HOST:$PORT
}
well() { [[ $(on "$1" && cli cluster info) == *cluster_state:ok*cluster_slots_ok:16384*cluster_known_nodes:3*cluster_size:3* ]]; }

# rooms_of NODE PREFIX N: the first N of PREFIX1, PREFIX2 and so on that are on that node.
rooms_of() {
	local from=$((16384 * $1 / 3)) to=$((16384 * ($1 + 1) / 3))
	paste -d ' ' <(seq -f "$2%.0f" $((4 * $3 + 100))) <(seq -f "cluster keyslot $2%.0f" $((4 * $3 + 100)) | cli) |
		awk -v from="$from" -v to="$to" -v n="$3" '$2 >= from && $2 < to && n-- > 0 { print $1 }'
}
# slots_of: how many slots the rooms on standard input have.
slots_of() { sed 's/^/cluster keyslot /' | cli | sort -u | wc -l; }

# add NODE ID TEXT: adds a message to each room on standard input, all of which are on that node.
add() { awk -v id="$2" -v text="$3" '{ print "xadd", $1, id, "jhon", text }' | (on "$1" && cli) >/dev/null; }

# spread FILE PREFIX N ID TEXT: adds a message to each of N rooms on each node; their names are in FILE.0, .1 and .2.
spread() {
	local node
	for node in 0 1 2; do
		[[ -s $1.$node ]] || rooms_of "$node" "$2" "$3" >"$1.$node"
		add "$node" "$4" "$5" <"$1.$node"
	done
}

# prints_all LIVE FILE: LIVE soon has as many lines as FILE, and sorted they are the same.
prints_all() {
	wait_until 40 has_lines "$1" "$(wc -l <"$2")" || { head -n 3 "$1.err" >&2 && return 1; }
	sort "$1" | cmp - <(sort "$2")
}


@test "600 rooms on one node, with few open files allowed: each message is printed, past and live" {
	local rooms=$BATS_TEST_TMPDIR/rooms limit names readers=()
	rooms_of 1 one- 600 >"$rooms"
	mapfile -t names <"$rooms"
	# 1,024 files are enough for a connection a slot; 256 are not, but may be raised.
	for limit in '-n 1024' '-S -n 256'; do
		readers+=("$live.${#readers[@]}")
		# shellcheck disable=SC2016 # for the other bash
		spawn bash -c "ulimit $limit"' && exec chat-tail -F "%r %t\n" -n +1 "$@"' bash "${names[@]}" \
			>"${readers[-1]}" 2>"${readers[-1]}.err" </dev/null
	done
	add 1 1-0 past <"$rooms"
	sed 's/$/ past/' "$rooms" >"$rooms.expected"
	for live in "${readers[@]}"; do prints_all "$live" "$rooms.expected"; done
	add 1 2-0 live <"$rooms"
	sed 's/$/ live/' "$rooms" >>"$rooms.expected"
	for live in "${readers[@]}"; do
		prints_all "$live" "$rooms.expected"
		assert_equal "$(<"$live.err")" ''
	done
}

@test "3,000 rooms on three nodes: printed to the end, sorted; and followed, with live lines in 50 of them" {
	local rooms=$BATS_TEST_TMPDIR/rooms node
	[[ $(ulimit -H -n) == unlimited ]] || (($(ulimit -H -n) > 4000)) || skip 'fewer than 4,000 files may be open'
	spread "$rooms" all- 1000 1-0 past
	sort "$rooms".? | sed 's/$/ past/' >"$rooms.expected"
	prints chat-tail -F '%r %t\n' -e -n +1 -m 'all-*' <"$rooms.expected"
	spawn chat-tail -F '%r %t\n' -n +1 -m 'all-*' >"$live" 2>"$live.err" </dev/null
	prints_all "$live" "$rooms.expected"
	for node in 0 1 2; do
		shuf -n 17 --random-source=<(yes) "$rooms.$node" >"$rooms.some"
		add "$node" 2-0 live <"$rooms.some"
		sed 's/$/ live/' "$rooms.some" >>"$rooms.expected"
	done
	prints_all "$live" "$rooms.expected"
	assert_equal "$(<"$live.err")" ''
}

@test "fewer open files allowed than there are slots to read: one line says so, exit status 1" {
	local rooms=$BATS_TEST_TMPDIR/rooms names slots need n
	rooms_of 2 few- 100 >"$rooms"
	mapfile -t names <"$rooms"
	slots=$(slots_of <"$rooms")
	need="^chat-tail: 100 rooms in $slots hash slots need $slots connections, but only 64 files may be open; raise the limit \(ulimit -n\)$"
	# shellcheck disable=SC2016 # for the other bash
	fails 1 . bash -c 'ulimit -n 64 && exec chat-tail "$@"' bash "${names[@]}"
	assert_match "$stderr" "$need"
	add 2 1-0 past <"$rooms"
	for n in '' '-g w'; do
		fails 1 . bash -c "ulimit -n 64 && exec chat-tail $n -m 'few-*'"
		assert_match "$stderr" "$need"
	done
}

# Each node has them, or none does: each connection to another node must say SELECT again.
@test "a database of a cluster, by --db and by the URI: rooms are sent, listed, replayed, followed and shared there alone" {
	local names=() node
	[[ $(cli config get cluster-databases) == *16 ]] || skip 'this server has no databases in a cluster (Valkey 9)'
	for node in 0 1 2; do names+=("$(rooms_of "$node" db- 1)"); done
	spawn chat-tail -F '%r %t\n' -n +1 --db 3 "${names[@]}" >"$live" 2>"$live.err" </dev/null
	printf '%s\t-\tjhon\thi\n' "${names[@]}" "${names[@]}" | send -t --db 3
	printf '%s hi\n' "${names[@]}" "${names[@]}" | sort >"$live.expected"
	prints_all "$live" "$live.expected"
	for node in 0 1 2; do
		assert_equal "$(on "$node" && cli -n 3 xlen "${names[node]}")" 2
		assert_equal "$(on "$node" && cli -n 0 exists "${names[node]}")" 0
	done
	prints sort "$live.expected" < <(show -F '%r %t\n' -e -n +1 -u "$REDIS_URL/3" "${names[@]}" | sort)
	assert_equal "$(show -l --db 3 'db-*' | cut -f 1,2)" "$(printf '%s\t2\n' "${names[@]}" | sort)"
	assert_equal "$(show -l 'db-*')" ''
	prints sort "$live.expected" < <(show -F '%r %t\n' -g w -e --since 0 -m 'db-*' -u "$REDIS_URL/3" | sort)
}

@test "a database that a cluster does not have: exit status 4, with the server's own words" {
	fails 4 'refused the login: ERR (SELECT is not allowed in cluster mode|DB index is out of range)' chat-send --db 99 room hi
	fails 4 'refused the login: ERR (SELECT is not allowed in cluster mode|DB index is out of range)' chat-tail -u "$REDIS_URL/99" room
}

@test "a node with 100 rooms is killed and started again: one notice when the outage begins, and one when it is over" {
	local rooms=$BATS_TEST_TMPDIR/rooms names node
	spread "$rooms" out- 100 1-0 past
	cat "$rooms".? | sed 's/$/ past/' >"$rooms.expected"
	mapfile -t names < <(cat "$rooms".?)
	spawn chat-tail -F '%r %t\n' -n +1 "${names[@]}" >"$live" 2>"$live.err" </dev/null
	prints_all "$live" "$rooms.expected"
	on 1
	SERVER_PID=$PID_1 SERVER_DIR=$DIR_1
	kill_server
	wait_until 20 noticed 1 'trying again'
	# The others' rooms are read meanwhile.
	for node in 0 2; do
		add "$node" 2-0 live <"$rooms.$node"
		sed 's/$/ live/' "$rooms.$node" >>"$rooms.expected"
	done
	prints_all "$live" "$rooms.expected"
	restart_server --bind "$HOST" --port "$PORT" --cluster-enabled yes --cluster-port "$(free_port)" \
		--cluster-node-timeout 1000 --cluster-require-full-coverage no --appendonly yes
	restarted=$SERVER_PID
	for node in 0 1 2; do wait_until 20 well "$node"; done
	add 1 2-0 live <"$rooms.1"
	sed 's/$/ live/' "$rooms.1" >>"$rooms.expected"
	prints_all "$live" "$rooms.expected"
	assert_match "$(sed -n 1p "$live.err")" "^chat-tail: .*$PORT.*; trying again$"
	assert_match "$(sed -n 2p "$live.err")" '^chat-tail: resumed after an outage of [0-9.]+ s$'
	assert_equal "$(wc -l <"$live.err")" 2
}
