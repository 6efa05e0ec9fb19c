#!/usr/bin/env bats
# A cluster of three masters, each with a replica: slots move, nodes fail over, under load.
# shellcheck disable=SC2154 # status, output, stderr are bats's
# shellcheck disable=SC2030,SC2031,SC2153 # each test is a subshell, and sets what it reads; ROOM is the helper's

load helper

setup_file() {
	local n
	export NODES='' PIDS='' PORT
	for n in 0 1 2 3 4 5; do
		for _ in 1 2 3; do
			start_node "$n" "$(free_port)" && break
		done
		NODES+="$PORT " PIDS+="$PID "
	done
	# shellcheck disable=SC2046,SC2086 # words
	"$CLI" --cluster create $(printf '127.0.0.1:%s ' $NODES) --cluster-replicas 1 --cluster-yes >"$BATS_FILE_TMPDIR/create" ||
		{ cat "$BATS_FILE_TMPDIR/create" >&2 && return 1; }
	wait_until 20 all_well
	# Any node will do, as long as it lives: the last one, a replica.
	export PORT REDIS_URL=redis://127.0.0.1:$PORT
}
teardown_file() { stop_servers; }
setup() { trace_less && out=$BATS_TEST_TMPDIR/out err=$BATS_TEST_TMPDIR/err; }
teardown() {
	stop_jobs
}

start_node() { # N PORT [argument ...]: sets PORT and PID
	local dir=$BATS_FILE_TMPDIR/node$1
	mkdir -p "$dir"
	PORT=$2
	spawn "$REPO/tests/server" --bind 127.0.0.1 --port "$PORT" --cluster-port "$(free_port)" --cluster-enabled yes --dir "$dir" \
		--cluster-node-timeout 1000 --save '' --appendonly no --repl-diskless-sync-delay 0 "${@:3}" >>"$dir/log" 2>&1 </dev/null
	export SERVERS="${SERVERS-} $PID"
	wait_until 10 hear "$PORT" ping
}

all_well() {
	local port
	for port in $NODES; do
		hear "$port" 'cluster info' 'info replication' 'cluster nodes' || return
		[[ $heard == *cluster_state:ok*cluster_known_nodes:6* && $heard != *master_link_status:down* ]] || return
		[[ $heard == *@(slave|replica)\ *@(slave|replica)\ *@(slave|replica)\ * ]] || return
	done
}

cc() { "$CLI" -c -p "${PORT_NOW:-$PORT}" "$@"; } # the cluster
# owner KEY: the port of the master that serves it; id PORT: of a node; replica PORT: of the master at PORT.
owner() { cc cluster nodes | awk -v slot="$(cc cluster keyslot "$1")" '/master/ && !/fail/ { for (i = 9; i <= NF; i++) { split($i, r, "-"); if ($i !~ /^\[/ && slot >= r[1] + 0 && slot <= (r[2] == "" ? r[1] : r[2]) + 0) { split($2, a, /[:@]/); print a[2] } } }'; }
id() { "$CLI" -p "$1" cluster myid; }
replica() { cc cluster nodes | awk -v id="$(id "$1")" '$4 == id && !/fail/ { split($2, a, /[:@]/); print a[2]; exit }'; }
other_master() { cc cluster nodes | awk -v not="$1" '/master/ && !/fail/ { split($2, a, /[:@]/); if (a[2] != not) print a[2] }' | tail -n 1; }
# sum_of SECTION NAME: of that number in INFO, over all nodes. readers_wait N: that many clients of them are blocked in a read.
sum_of() {
	local port sum=0 number
	for port in $NODES; do
		number=$("$CLI" -p "$port" info "$1" | sed -n "s/^$2:\([0-9]*\).*/\1/p")
		sum=$((sum + number))
	done
	echo "$sum"
}
readers_wait() { (($(sum_of clients blocked_clients) == $1)); }

# move_slot KEY [pause]: moves it to another master, key by key, with a pause while it is half moved.
move_slot() {
	local slot from to key
	open_slot "$1"
	sleep "${2:-0}"
	for _ in 1 2 3; do
		for key in $("$CLI" -p "$from" cluster getkeysinslot "$slot" 100); do
			"$CLI" -p "$from" migrate 127.0.0.1 "$to" "$key" 0 5000 >/dev/null
			sleep "${2:-0}"
		done
	done
	close_slot
}
# open_slot KEY: its slot begins to move; sets slot, from and to. close_slot: it has moved.
open_slot() {
	slot=$(cc cluster keyslot "$1") from=$(owner "$1")
	to=$(other_master "$from")
	"$CLI" -p "$to" cluster setslot "$slot" importing "$(id "$from")" >/dev/null
	"$CLI" -p "$from" cluster setslot "$slot" migrating "$(id "$to")" >/dev/null
}
close_slot() {
	local port
	for port in "$to" "$from" $NODES; do
		"$CLI" -p "$port" cluster setslot "$slot" node "$(id "$to")" >/dev/null 2>&1 || true
	done
}

texts_in() { cc --raw xrange "$1" - + | awk 'NR % 3 == 0'; }

rooms=(one 'two{tag}' '{three}' 'four{x' '{{five' 'six')
# The rooms of the sender of rows: each has the slot of the room above it with -load appended.
row_rooms=('{one-load}' '{tag}' '{three}-' '{four{x-load}' '{{{five-load}' '{six-load}')
all_grew() { # [BY]: every sender has delivered so many more lines than when marks were taken
	local i
	for i in "${!rooms[@]}" rows; do
		(($(wc -l <"$out.$i") >= ${mark[$i]:-0} + ${1:-100})) || return
	done
}
take_marks() { for i in "${!rooms[@]}" rows; do mark[$i]=$(wc -l <"$out.$i"); done; }

@test "rooms on any node are found, whichever node is asked; several are read in the order of the operands" {
	for room in "${rooms[@]}"; do
		send -n jhon "$room" "hi $room"
		assert_equal "$(texts_in "$room")" "hi $room"
	done
	for port in $NODES; do
		show -r -e -p "$port" "${rooms[@]}" | cmp - <(for room in "${rooms[@]}"; do echo "$room [jhon]: hi $room"; done)
	done
	show -t -e "${rooms[@]}" | sed 's/^[^	]*/&-copy/' | send -t
	assert_equal "$(show -F '%t,' -n 1 -e "${rooms[@]/%/-copy}")" "$(printf 'hi %s,' "${rooms[@]}")"
	assert_equal "$(show -F '%t,' -S 1h -U 0s one six)" 'hi one,hi six,'
	assert_equal "$(cc --raw keys '*chat-send*')" ''
	cc del one >/dev/null
}

# permit: on each node, a reader and a sender, with no more than the manual's permissions for the room `half`.
permit() {
	local port
	for port in $NODES; do
		"$CLI" -p "$port" acl setuser reader reset on '>pw' '~half*' -@all +xread '+xinfo|stream' '+cluster|slots' +asking
		"$CLI" -p "$port" acl setuser sender reset on '>pw' -@all '(+xadd ~half*)' \
			'(+watch +get +set +del +pexpire ~{half*}:chat-send:sender:*)' +multi +exec +discard '+cluster|slots' +asking
	done >/dev/null
}
as_sender() { REDISCLI_AUTH=pw send --user sender -n jhon "$@" 2>"$err"; }
# spawn_sender ROOM: the same in the background, its input the descriptor 7; sets PID.
spawn_sender() { REDISCLI_AUTH=pw spawn chat-send --user sender -n jhon "$1" <&7 7>&- 2>"$err"; }

@test "a slot that is half moved: ASK is followed, by users with no more than the manual's permissions" {
	local slot from to reader
	permit
	seq 3 | as_sender half
	REDISCLI_AUTH=pw spawn chat-tail --user reader -r -n +1 half >"$BATS_TEST_TMPDIR/live" 2>"$err.live" </dev/null
	wait_until 5 has_lines "$BATS_TEST_TMPDIR/live" 3
	open_slot half
	"$CLI" -p "$from" migrate 127.0.0.1 "$to" half 0 5000 >/dev/null
	printf '4\n5\n' | as_sender half
	assert_equal "$(<"$err")" ''
	assert_equal "$(REDISCLI_AUTH=pw show --user reader -F '%t ' -e -n +1 half)" '1 2 3 4 5 '
	wait_until 10 has_lines "$BATS_TEST_TMPDIR/live" 5
	close_slot
	as_sender half 6
	assert_equal "$(<"$err")" ''
	wait_until 10 has_lines "$BATS_TEST_TMPDIR/live" 6
	assert_equal "$(<"$BATS_TEST_TMPDIR/live")" "$(seq -f '[jhon]: %.0f' 6)"
	assert_equal "$(<"$err.live")" ''
	assert_equal "$(cc --raw keys '{half}:chat-send:*')" ''
}

@test "a slot that is half moved, with one room on each node: both rooms are printed whole" {
	local slot from to
	seq 300 | send -n jhon '{halves}there'
	seq 3000 | send -n jhon '{halves}here'
	open_slot '{halves}here'
	"$CLI" -p "$from" migrate 127.0.0.1 "$to" '{halves}there' 0 5000 >/dev/null
	show -F '%t\n' -e '{halves}there' '{halves}here' | cmp - <(seq 300 && seq 3000)
	show -F '%t\n' -e -n 2600 '{halves}there' '{halves}here' | cmp - <(seq 300 && seq 401 3000)
	close_slot
}

@test "two rooms are followed while their slot moves, one after the other: neither is taken for deleted, each message comes once" {
	local slot from to looks
	for room in '{both}1' '{both}2'; do send -n jhon "$room" old; done
	spawn chat-tail -F '%r %t\n' -n +1 -m '{both}*' '{both}1' >"$out" 2>"$err" </dev/null
	wait_until 5 has_lines "$out" 2
	open_slot '{both}1'
	looks=$(looks_at "$to")
	"$CLI" -p "$from" migrate 127.0.0.1 "$to" '{both}2' 0 5000 >/dev/null
	wait_until 20 has_looked "$to" $((looks + 4))
	"$CLI" -p "$from" migrate 127.0.0.1 "$to" '{both}1' 0 5000 >/dev/null
	close_slot
	for room in '{both}1' '{both}2'; do send -n jhon "$room" new; done
	wait_until 20 has_lines "$out" 4
	assert_equal "$(sort "$out")" $'{both}1 new\n{both}1 old\n{both}2 new\n{both}2 old'
	if said deleted; then false; fi
}
looks_at() { "$CLI" -p "$1" info commandstats | sed -n 's/^cmdstat_xinfo|stream:calls=\([0-9]*\),.*/\1/p' | grep . || echo 0; }
has_looked() { (($(looks_at "$1") >= $2)); }

@test "a slot whose room is on one node and whose receipt on the other: TRYAGAIN is waited out, nothing is lost or doubled" {
	local slot from to
	permit
	seq 3 | as_sender half-here
	open_slot half-here
	exec 7< <(seq 4 3000)
	spawn_sender half-here
	exec 7<&-
	wait_until 10 said 'half-here: TRYAGAIN Multiple keys request during rehashing of slot; trying again for 60 s'
	"$CLI" -p "$from" migrate 127.0.0.1 "$to" half-here 0 5000 >/dev/null
	close_slot
	wait_end 20 "$PID"
	assert_status 0
	assert_match "$(<"$err")" 'resumed after'
	assert_equal "$(wc -l <"$err")" 2
	cmp <(texts_in half-here) <(seq 3000)
	assert_equal "$(cc --raw keys '{half-here}:chat-send:*')" ''
}

@test "a new room in a slot that is half moved: TRYAGAIN, until the slot is moved, or until --retry ends" {
	local slot from to
	permit
	open_slot half-new
	seq 3 | fails 1 "half-new: TRYAGAIN .*; gave up after 0.5 s; 0 messages delivered, line 1 was not" \
		env REDISCLI_AUTH=pw chat-send -q --user sender -n jhon --retry 0.5 half-new
	exec 7< <(seq 3000)
	spawn_sender half-new
	exec 7<&-
	wait_until 10 said 'half-new: TRYAGAIN .*; trying again for 60 s'
	close_slot
	wait_end 20 "$PID"
	assert_status 0
	assert_match "$(<"$err")" 'resumed after'
	assert_equal "$(wc -l <"$err")" 2
	cmp <(texts_in half-new) <(seq 3000)
}

@test "a room whose receipt cannot be in its slot: plain XADD, and a notice" {
	run --separate-stderr send -n jhon 'a}b' hi
	assert_status 0
	assert_match "$stderr" '^chat-send: a}b: CROSSSLOT.*; sending without receipts, so a lost connection may double messages$'
	assert_equal "$(texts_in 'a}b')" hi
}

# alternate N ROOM ...: writes N rows for these rooms in turn to descriptor 7, each when the one before it has come out of
# descriptor 8.
alternate() {
	local n
	for ((n = 0; n < $1; n++)); do
		printf '%s\t-\tjhon\t%s\n' "${@:2 + n % ($# - 1):1}" "$n" >&7
		read -r -t 10 -u 8 || return
	done
}

@test "1,000 rows that alternate between rooms on three nodes, each a batch of its own: the connections to the nodes are kept" {
	local i node nodes='' made spread=()
	for ((i = 0; ${#spread[@]} < 3; i++)); do
		node=$(owner "kept-$i")
		[[ " $nodes" == *" $node "* ]] || spread+=("kept-$i") nodes+="$node "
	done
	made=$(sum_of stats total_connections_received)
	mkfifo "$out.in" "$out.out"
	exec 7<>"$out.in" 8<>"$out.out"
	spawn chat-send -t -T <"$out.in" >"$out.out" 2>"$err"
	alternate 1000 "${spread[@]}"
	made=$(($(sum_of stats total_connections_received) - made - 6))
	kill "$PID"
	wait_end 10 "$PID"
	assert_equal "$(<"$err")" ''
	for i in 0 1 2; do cmp <(texts_in "${spread[i]}") <(seq "$i" 3 999); done
	echo "# $made connections" >&3
	((made <= 5))
}

@test "-l and -m scan all nodes; -m adds a room made later on any of them" {
	local room
	for room in m-{1..9}; do send -n jhon "$room" "hi $room"; done
	assert_equal "$(show -l 'm-*' | cut -f 1,2 | tr '\t' ' ')" "$(printf 'm-%s 1\n' {1..9})"
	prints chat-tail -r -e -m 'm-*' < <(for room in m-{1..9}; do echo "$room [jhon]: hi $room"; done)
	spawn chat-tail -r -m 'm-*' >"$BATS_TEST_TMPDIR/live" 2>"$err.live" </dev/null
	wait_until 10 readers_wait 9
	for room in m-{5..14}; do send -n jhon "$room" "late $room"; done
	wait_until 10 has_lines "$BATS_TEST_TMPDIR/live" 10
	sort -V "$BATS_TEST_TMPDIR/live" | cmp - <(for room in m-{5..14}; do echo "$room [jhon]: late $room"; done)
	assert_equal "$(<"$err.live")" ''
}

@test "giant entries of several rooms that come at the same time do not mix, though each has several messages" {
	local room senders=() pid
	spawn chat-tail -r -n +1 giant-{1..5} >"$BATS_TEST_TMPDIR/live" 2>"$err.live" </dev/null
	spawn chat-tail -t -n +1 giant-{1..5} >"$BATS_TEST_TMPDIR/rows" 2>"$err.rows" </dev/null
	for room in giant-{1..5}; do
		spawn "$CLI" -c -p "$PORT" < <(for n in 1 2 3 4; do
			printf 'xadd %s %s-1' "$room" "$n"
			printf ' jhon %0500000d' 0 0 0 | tr 0 "${room: -1}"
			echo
		done) >"$err"
		senders+=("$PID")
	done
	for pid in "${senders[@]}"; do wait_end 20 "$pid" && assert_status 0; done
	wait_until 20 has_lines "$BATS_TEST_TMPDIR/live" 60
	wait_until 20 has_lines "$BATS_TEST_TMPDIR/rows" 60
	# The three messages of each entry stand together, and each is whole.
	awk '{ n = substr($1, 7, 1); gsub(n, "", $3) } $3 != "" || (NR % 3 != 1 && n != last) { exit 1 } { last = n; seen[n]++ }
		END { for (n = 1; n <= 5; n++) if (seen[n] != 12) exit 1 }' "$BATS_TEST_TMPDIR/live"
	assert_equal "$(wc -c <"$BATS_TEST_TMPDIR/live")" $((60 * (500000 + 17)))
	# So do the rows, which show where an entry ends.
	awk -F '\t' '{ n = substr($1, 7); gsub(n, "", $4); plus = NR % 3 ? "+" : ""; if (NR % 3 == 1) { first = n; seen[n]++ } }
		$4 != "" || n != first || $2 != seen[n] "-1" plus { exit 1 }' "$BATS_TEST_TMPDIR/rows"
}

@test "a group over rooms on different nodes" {
	local room
	spawn chat-tail -r -g workers g-{1..6} >"$out.1" 2>"$err.1" </dev/null
	spawn chat-tail -r -g workers g-{1..6} >"$out.2" 2>"$err.2" </dev/null
	wait_until 10 readers_wait 12
	for room in g-{1..6}; do seq -f "$room %.0f" 50 | send -n jhon "$room"; done
	wait_until 10 eval '(($(cat "$out".? | wc -l) == 300))'
	cat "$out".? | sed 's/.*: //' | sort -V | cmp - <(for room in g-{1..6}; do seq -f "$room %.0f" 50; done)
}

@test "jobs of rooms on two nodes, and a dead room on the third: each is done or dead, once, and acknowledged" {
	local names=() owners='' n port
	for n in {1..60}; do
		port=$(owner "jobs-$n")
		[[ $owners == *" $port "* ]] || names+=("jobs-$n") owners+=" $port "
		((${#names[@]} < 3)) || break
	done
	for n in 0 1; do
		cc xgroup create "${names[n]}" w 0 mkstream >/dev/null
		seq 50 | send -n jhon "${names[n]}"
	done
	mkfifo "$BATS_TEST_TMPDIR/done"
	pipeline 'chat-tail -t -e -g w --ack --prefetch 5 --tries 2 --dead "$3" "$1" "$2" <"$4" 2>"$5" | tee "$6" |
		sed -u "s/\t\(.*0\)$/\t-\1/" >"$4"; exit "${PIPESTATUS[0]}"' \
		"${names[@]}" "$BATS_TEST_TMPDIR/done" "$err" "$out"
	wait_end 40 "$PID"
	assert_status 0
	assert_equal "$(cc --raw xrange "${names[2]}" - + | grep -cE '^([1-5]0|jobs-[0-9]+	[0-9]+-[0-9]+)$')" 20
	assert_equal "$(cc --raw xrange "${names[2]}" - + | grep -E '^jobs-[0-9]+	' | sort -u | wc -l)" 10
	for n in 0 1; do
		assert_equal "$(cc xpending "${names[n]}" w | head -n 1)" 0
		assert_equal "$(cut -f 1,4 "$out" | grep "^${names[n]}	" | sort -u | wc -l)" 50
		assert_equal "$(cut -f 1,4 "$out" | grep -cE "^${names[n]}	[1-5]0$")" 10
	done
	assert_equal "$(grep -vc "${names[2]}" "$err")" 0 # a notice for each
	assert_equal "$(wc -l <"$err")" 10
}

@test "a cluster that is down, until it is up" {
	local PORT PID node
	start_node lone "$(free_port)"
	node=$PORT
	fails 1 'CLUSTERDOWN Hash slot not served; gave up after 0.5 s' chat-send -q --retry 0.5 -p "$node" -n jhon room hi
	spawn chat-send -p "$node" -n jhon room hi 2>"$err"
	wait_until 5 said 'CLUSTERDOWN .*; trying again'
	"$CLI" -p "$node" cluster addslotsrange 0 16383 >/dev/null
	wait_end 10 "$PID"
	assert_status 0
	assert_equal "$("$CLI" -p "$node" xlen room)" 1
}

@test "a node that sixty rooms are read from is lost: one notice when it begins, one when it is over" {
	local PORT PID node room reader
	start_node single "$(free_port)"
	node=$PID
	"$CLI" -p "$PORT" cluster addslotsrange 0 16383 >/dev/null
	wait_until 10 serves
	spawn chat-tail -p "$PORT" single-{1..60} >"$out" 2>"$err" </dev/null
	reader=$PID
	wait_until 20 sixty_wait
	kill -KILL "$node"
	wait_until 10 said 'trying again'
	start_node single "$PORT"
	wait_until 20 serves
	for room in single-{1..60}; do "$CLI" -p "$PORT" xadd "$room" '*' jhon hi >/dev/null; done
	wait_until 20 has_lines "$out" 60
	wait_until 20 said 'resumed after an outage of'
	kill "$reader"
	wait_end 5 "$reader"
	assert_equal "$(grep -c 'trying again' "$err")" 1
	assert_equal "$(wc -l <"$err")" 2
}
serves() { [[ $("$CLI" -p "$PORT" set serves yes) == OK ]]; }
sixty_wait() { [[ $("$CLI" -p "$PORT" info clients) == *blocked_clients:60$'\r'* ]]; }

# migrate_slot KEY: the server itself moves its slot to another master at once: Valkey 9 gives slots away, Redis 8.4 fetches
# them.
migrate_slot() {
	local from
	slot=$(cc cluster keyslot "$1") from=$(owner "$1")
	to=$(other_master "$from")
	if [[ $migrates == valkey ]]; then
		"$CLI" -p "$from" cluster migrateslots slotsrange "$slot" "$slot" node "$(id "$to")" >/dev/null
	else
		"$CLI" -p "$to" cluster migration import "$slot" "$slot" >/dev/null
	fi
	wait_until 20 owned "$1" "$to"
}
owned() { [[ $(owner "$1") == "$2" ]]; }

@test "six rooms, and rows of six more, under load, while the servers move whole slots at once: 0 lost, 0 doubled" {
	local i senders reader row_sender sent key migrates=''
	local -A mark=()
	case $(cc cluster help) in
	*MIGRATESLOTS*) migrates=valkey ;;
	*'MIGRATION IMPORT'*) migrates=redis ;;
	*) skip 'this server does not move slots by itself (Valkey 9, Redis 8.4)' ;;
	esac
	begin_load
	spawn chat-tail -t -g workers --since 0 "${rooms[@]/%/-load}" >"$BATS_TEST_TMPDIR/shared" 2>"$BATS_TEST_TMPDIR/shared.err" </dev/null
	for key in "${rooms[@]}" "${rooms[@]}"; do
		take_marks
		migrate_slot "$key-load"
		wait_until 20 all_grew
	done
	end_load
	for i in "${!rooms[@]}"; do
		sent=$(wc -l <"$out.$i")
		wait_until 20 has_all shared "$i" "$sent"
		for what in live shared; do of_room "$what" "$i" | cmp - <(seq "$sent"); done
	done
	assert_equal "$(grep -v '^chat-tail: .*\(trying again\|resumed\)' "$BATS_TEST_TMPDIR/live.err")" ''
}
of_room() { awk -F '\t' -v room="${rooms[$2]}-load" '$1 == room { print $4 }' "$BATS_TEST_TMPDIR/$1"; }
has_all() { (($(of_room "$1" "$2" | wc -l) >= $3)); }

# begin_load: starts senders to the six rooms, one of rows, and a reader. end_load: stops them, and checks that everything is
# there once.
begin_load() {
	local i
	senders=()
	for i in "${rooms[@]/%/-load}" "${row_rooms[@]}"; do cc del "$i" >/dev/null; done
	spawn chat-tail -t -n +1 "${rooms[@]/%/-load}" >"$BATS_TEST_TMPDIR/live" 2>"$BATS_TEST_TMPDIR/live.err" </dev/null
	reader=$PID
	for i in "${!rooms[@]}"; do
		spawn chat-send -n jhon -T --replicas 1 "${rooms[i]}-load" < <(feed "$BATS_TEST_TMPDIR/stop") >"$out.$i" 2>"$err.$i"
		senders+=("$PID")
	done
	spawn chat-send -T --replicas 1 -t < <(feed_rows "$BATS_TEST_TMPDIR/stop" "${row_rooms[@]}") >"$out.rows" 2>"$err.rows"
	row_sender=$PID
	wait_until 20 all_grew
}
end_load() {
	local i sent
	touch "$BATS_TEST_TMPDIR/stop"
	for i in "${!rooms[@]}"; do
		wait_end 40 "${senders[i]}"
		cat "$err.$i" >&2
		assert_status 0
		sent=$(wc -l <"$out.$i")
		cmp "$out.$i" <(seq "$sent")
		cmp <(texts_in "${rooms[i]}-load") <(seq "$sent")
		wait_until 20 said "^$(printf %s "${rooms[i]}-load" | sed 's/[{}]/\\&/g')	.*	$sent\$" "$BATS_TEST_TMPDIR/live"
	done
	kill "$reader"
	wait_end 40 "$row_sender"
	cat "$err.rows" >&2
	assert_status 0
	sent=$(wc -l <"$out.rows")
	cut -f 4 "$out.rows" | cmp - <(seq "$sent")
	for i in "${!row_rooms[@]}"; do cmp <(texts_in "${row_rooms[i]}") <(seq $((i + 1)) 6 "$sent"); done
	echo "# $(cat "$out".? "$out.rows" | wc -l) messages in 12 rooms, $(wc -l <"$BATS_TEST_TMPDIR/live") read" >&3
}

@test "six rooms, and rows of six more, under load, slots moved, a node failed over and a node killed: 0 lost, 0 doubled" {
	local i senders reader row_sender sent key dead
	local -A mark=()
	begin_load
	for i in "${!rooms[@]}"; do
		assert_equal "$(cc cluster keyslot "${row_rooms[i]}")" "$(cc cluster keyslot "${rooms[i]}-load")"
	done
	for key in "${rooms[0]}" "${rooms[3]}"; do
		take_marks
		move_slot "$key-load" 0.3
		wait_until 20 all_grew
	done
	take_marks
	"$CLI" -p "$(replica "$(owner "${rooms[1]}-load")")" cluster failover >/dev/null
	wait_until 20 all_grew
	take_marks
	dead=$(owner "${rooms[4]}-load")
	PORT_NOW=$(other_master "$dead")
	kill_node "$dead"
	wait_until 20 taken_over "$dead" # before that it would come back as an empty master
	restart_node
	wait_until 40 all_grew
	end_load
	for i in "${!rooms[@]}"; do
		sent=$(wc -l <"$out.$i")
		awk -F '\t' -v room="${rooms[i]}-load" '$1 == room && !seen[$4]++ { print $4 }' "$BATS_TEST_TMPDIR/live" | cmp - <(seq "$sent")
	done
	grep -c 'lost its last entries' "$BATS_TEST_TMPDIR/live.err" >&3 || true
}
kill_node() {
	local n=0 port pids
	read -ra pids <<<"$PIDS"
	for port in $NODES; do
		[[ $port != "$1" ]] || break
		n=$((n + 1))
	done
	kill -KILL "${pids[n]}"
	wait_until 5 ended "${pids[n]}"
	killed=$n killed_port=$1
}
taken_over() { # PORT: no slot is the dead node's any more
	local now
	now=$(owner "${rooms[4]}-load")
	[[ $now && $now != "$1" ]]
}
restart_node() { start_node "$killed" "$killed_port"; }
