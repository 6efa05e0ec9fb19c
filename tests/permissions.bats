#!/usr/bin/env bats
# What both programs can do with the permissions that their manuals give, and what such a user cannot do.
# shellcheck disable=SC2154 # status, output, stderr are bats's
# shellcheck disable=SC2030,SC2031,SC2153 # each test is a subshell, and sets what it reads; ROOM is the helper's

load helper
load manual

setup_file() { start_server; }
teardown_file() { stop_servers; }
setup() {
	trace_less
	rules=$BATS_TEST_TMPDIR/rules out=$BATS_TEST_TMPDIR/out err=$BATS_TEST_TMPDIR/err
	manual_rules chat-send >"$rules"
	cli flushall >/dev/null
}
teardown() { stop_jobs; }

# --- the manual's rules ----------------------------------------------------------------------------------------------

# rule NAME: one of the manual's rules: `one` room, `any` room, or that of an option or of a cluster.
rule() {
	case $1 in
	one) sed -n 1p "$rules" ;;
	any) sed -n 2p "$rules" ;;
	*) grep -e "# $1\$" "$rules" ;;
	esac
}

# allow USER NAME ...: gives the user what these rules say, for $ROOM. ENCODED and PATTERN are written in their place if a
# rule must name the user and the room in another way.
allow() {
	# shellcheck disable=SC2034 # the rule has it
	local user=$1
	local name rule encoded=${ENCODED-$1} room=${PATTERN-$ROOM} tagged
	tagged="{$room}"
	[[ $room != *"{"*"}"* ]] || tagged=$room
	for name in "${@:2}"; do
		rule=$(rule "$name")
		rule=${rule/ sender / '"$user"' }
		rule=${rule//":sender:"/":$encoded:"}
		rule=${rule//"~room"/"~$room"}
		rule=${rule//"{room}"/"$tagged"}
		give_rights "$rule"
	done
}

# as USER: redis-cli with the user's permissions. Without it, a command has all permissions.
as() { cli --user "$1" --pass password --no-auth-warning "${@:2}" 2>&1; }

# send_as USER [argument ...]: chat-send, its input as given, prints nothing on standard error and exits with 0.
send_as() {
	REDISCLI_AUTH=password timeout 120 chat-send --user "$1" "${@:2}" >"$out" 2>"$err" || { cat "$err" >&2 && return 1; }
	assert_equal "$(<"$err")" ''
}

# refused REGEX [argument ...]: chat-send as `sender` says that in one line, and exits with 4.
refused() { REDISCLI_AUTH=password fails 4 "NOPERM .*$1" chat-send --user sender "${@:2}"; }

# can_not USER COMMAND ...: the server denies permission. can_do_none USER: it does for each command on standard input.
can_not() {
	assert_match "$(as "$@")" '^NOPERM ' || { echo "it can: $*" >&2 && return 1; }
}
can_do_none() {
	local commands answers n
	mapfile -t commands
	mapfile -t answers < <(printf '%s\n' "${commands[@]}" | as "$1" | grep .)
	for n in "${!commands[@]}"; do
		[[ ${answers[n]-} == 'NOPERM '* ]] || { echo "it can: ${commands[n]}" >&2 && return 1; }
	done
	((${#commands[@]} > 0 && ${#answers[@]} == ${#commands[@]}))
}

# begin USER ROOM: a sender that has sent one line, and waits for input from descriptor 7.
begin() {
	hold_input
	REDISCLI_AUTH=password spawn chat-send -T --user "$1" -n jhon "${@:2}" <"$pipe" >"$out" 2>"$err"
	sender=$PID
	echo 1 >&7
	wait_until 5 has_lines "$out" 1
}
# finishes N: it has sent N lines, without a notice.
finishes() {
	wait_until 10 has_lines "$out" "$1"
	exec 7>&-
	wait_end 5 "$sender"
	assert_status 0
	assert_equal "$(<"$err")" ''
	cmp "$out" <(seq "$1")
}

@test "the manual has a rule for one room, for any room, and for each option that needs more" {
	cat "$rules"
	assert_equal "$(sed -nE 's/.*# //p' "$rules" | sort | tr '\n' ' ')" '--db --maxage --replicas -i -k cluster '
	assert_equal "$(grep -c ' sender reset on ' "$rules") $(wc -l <"$rules")" '2 8'
}

# --- what it can do --------------------------------------------------------------------------------------------------

@test "to one room: words, a flood, and after its connection was cut" {
	allow sender one
	send_as sender -n jhon "$ROOM" hello there
	seq 5000 | send_as sender -n jhon "$ROOM"
	diff <(messages "$ROOM") <(echo 'jhon: hello there' && seq -f 'jhon: %.0f' 5000)
	cli del "$ROOM" >/dev/null
	begin sender "$ROOM"
	for ((n = 1; n < 5000; n += 500)); do
		seq $((n + 1)) $((n + 500)) >&7
		cli client kill user sender >/dev/null
	done
	wait_until 10 has_lines "$out" 5001
	cli client kill user sender >/dev/null
	echo 5002 >&7
	wait_until 10 has_lines "$out" 5002
	exec 7>&-
	wait_end 5 "$sender"
	assert_status 0
	assert_equal "$(grep -vE 'trying again|resumed' "$err")" ''
	diff <(messages "$ROOM") <(seq -f 'jhon: %.0f' 5002)
	assert_equal "$(receipts)" ''
}

@test "to any room" {
	allow sender any
	for n in {1..300}; do printf '%s\t\tjhon\t%d\n' "$ROOM-$((n % 3))" "$n"; done | send_as sender -t
	for room in 0 1 2; do
		diff <(messages "$ROOM-$room") <(seq 300 | awk -v room="$room" '$1 % 3 == room { print "jhon: " $1 }')
	done
	send_as sender -n jhon 'a{b}c' hi
	assert_equal "$(receipts)" ''
}

@test "-k needs +xrange when it is started again" {
	seq 3 | sed "s/.*/$ROOM\t&-1\tjhon\t&/" >"$BATS_TEST_TMPDIR/rows"
	allow sender one
	send_as sender -t -k <"$BATS_TEST_TMPDIR/rows"
	refused "'xrange' .*line 1 was not" -t -k <"$BATS_TEST_TMPDIR/rows"
	allow sender -k
	send_as sender -t -k <"$BATS_TEST_TMPDIR/rows"
	assert_equal "$(messages "$ROOM")" "$(seq -f 'jhon: %.0f' 3)"
}

# its_room_goes: all keys are deleted between two lines of a sender, which exits with 1.
its_room_goes() {
	begin sender "$ROOM"
	cli flushall
	echo 2 >&7
	wait_until 5 has_lines "$out" 2
	exec 7>&-
	wait_end 5 "$sender"
	assert_status 1
}

@test "+xrange is needed to check whether messages were lost; without it, that is not known: exit status 1" {
	allow sender one
	its_room_goes
	assert_match "$(head -n 1 "$err")" "^chat-send: .*NOPERM .*'xrange' .*; cannot check whether [^"$'\n'"]*\$"
	assert_match "$(tail -n 1 "$err")" '^chat-send: messages that the server had acknowledged may be lost; 2 messages delivered$'
	allow sender -k
	its_room_goes
	grep -q 'the server lost' "$err"
}

@test "--maxage needs +xtrim" {
	allow sender one
	seq -f "xadd $ROOM %.0f-1 jhon old" 500 | cli >/dev/null # trimming takes whole blocks of 100 entries
	seq 1000 | refused "'xtrim'" --maxage 1h "$ROOM"
	allow sender --maxage
	seq 1000 | send_as sender --maxage 1h "$ROOM"
	assert_equal "$(cli xrange "$ROOM" 1-1 1-1)" ''
}

@test "--replicas needs +wait" {
	start_server --repl-diskless-sync-delay 0
	local replica=$SOCK
	start_server_tcp --repl-diskless-sync-delay 0
	allow sender one
	refused "'wait'" --replicas 1 "$ROOM" one
	allow sender --replicas
	REDISCLI_AUTH=password spawn chat-send --user sender --replicas 1 "$ROOM" before there is one 2>"$err"
	wait_until 5 grep -q '0 of 1 replicas.*; trying again' "$err"
	"$CLI" -s "$replica" replicaof "$HOST" "$PORT"
	wait_end 30 "$PID"
	assert_status 0
	assert_equal "$(grep -c 'sending without' "$err")" 0
	seq 5000 | send_as sender --replicas 1 "$ROOM"
	printf '%s\t%s\tjhon\tkept\n' "$ROOM" 9999999999999-1 | send_as sender -t -k --replicas 1
	assert_equal "$(cli xlen "$ROOM")" 5002
}

@test "-i needs +eval and +xrevrange; without them, it says once what is no longer promised" {
	allow sender one
	seq 3 | REDISCLI_AUTH=password send -i --user sender "$ROOM" >"$out" 2>"$err"
	assert_match "$(<"$err")" "^chat-send: .*'eval' command; sending without receipts, so a lost connection may double"
	assert_equal "$(wc -l <"$err") $(wc -l <"$out")" '1 3'
	allow sender -i
	seq 5000 | send_as sender -i "$ROOM"
	diff "$out" <(cli --raw xrange "$ROOM" - + | awk 'NR > 9 && NR % 3 == 1')
}

@test "--db needs +select" {
	allow sender one
	refused "'select'" --db 3 "$ROOM" one
	allow sender --db
	send_as sender --db 3 "$ROOM" one
	assert_equal "$(cli -n 3 xlen "$ROOM")" 1
}

@test "in a cluster: rooms at both nodes; while a slot moves, it needs +asking" {
	local ports=() sockets=() node room
	for node in 0 1; do
		start_server_tcp --cluster-enabled yes --cluster-port "$(free_port)" --cluster-node-timeout 1000
		ports+=("$PORT") sockets+=("$SOCK")
	done
	SOCK=${sockets[0]} cli cluster addslotsrange 0 8191
	SOCK=${sockets[1]} cli cluster addslotsrange 8192 16383
	cli cluster meet "$HOST" "${ports[0]}" "$(SOCK=${sockets[0]} cli config get cluster-port | tail -n 1)"
	for SOCK in "${sockets[@]}"; do
		wait_until 10 cluster_is_well
		allow sender any
	done
	for node in 0 1; do
		for room in {a..f}; do printf '%s\t\tjhon\t%s\n' "$room" "$node"; done |
			REDIS_URL=redis://$HOST:${ports[node]} send_as sender -t
	done
	for room in {a..f}; do
		assert_equal "$("$CLI" -c -p "${ports[0]}" --raw xrange "$room" - + | awk 'NR % 3 == 0' | tr '\n' ' ')" '0 1 '
	done
	export REDIS_URL=redis://$HOST:$PORT
	slot_of h importing migrating
	refused "'asking'" h hi
	for SOCK in "${sockets[@]}"; do allow sender cluster; done
	REDISCLI_AUTH=password spawn chat-send --user sender -n jhon h hi 2>"$err"
	wait_until 5 grep -q 'TRYAGAIN .*; trying again' "$err"
	slot_of h node node
	wait_end 10 "$PID"
	assert_status 0
	SOCK=${sockets[0]} messages h | diff <(echo 'jhon: hi') -
}
# slot_of KEY STATE STATE: the key's slot is in these states at the first node and at the second, on its way to
# the first one.
slot_of() {
	local slot ids=() node
	slot=$(cli cluster keyslot "$1")
	for node in 0 1; do ids+=("$(SOCK=${sockets[node]} cli cluster myid)"); done
	[[ $2 != node ]] || ids[1]=${ids[0]}
	SOCK=${sockets[0]} cli cluster setslot "$slot" "$2" "${ids[1]}"
	SOCK=${sockets[1]} cli cluster setslot "$slot" "$3" "${ids[0]}"
}
cluster_is_well() { [[ $(cli cluster info) == *cluster_state:ok*cluster_known_nodes:2* ]]; }

# --- what it can not do ----------------------------------------------------------------------------------------------

@test "a sender cannot read, trim, delete or replace the room, run a script, or touch another room" {
	allow sender one
	seq 10 | send_as sender -n jhon "$ROOM"
	cli xadd "$ROOM-b" 1-1 jhon hi >/dev/null
	cli set key value >/dev/null
	for room in "$ROOM" "$ROOM-b" key; do
		sed "s/%/$room/" <<-'END' | can_do_none sender
			del %
			unlink %
			rename % x
			copy % x
			restore % 0 x
			set % x
			append % x
			get %
			getdel %
			getex %
			sort x store %
			type %
			exists %
			dump %
			watch %
			object encoding %
			memory usage %
			expire % 1
			pexpire % 1
			persist %
			xlen %
			xtrim % maxlen 0
			xdel % 1-1
			xsetid % 1-1
			xrange % - +
			xrevrange % + -
			xread streams % 0
			xreadgroup group g c streams % >
			xgroup create % g 0
			xinfo stream %
			eval "return 1" 1 %
		END
	done
	can_do_none sender <<-END
		xadd $ROOM-b * jhon hi
		xadd key * jhon hi
		eval "return 1" 0
		function list
		script load x
		script flush
		keys *
		scan 0
		randomkey
		dbsize
		flushall
		flushdb
		config get *
		acl list
		client list
		client kill user default
		monitor
		info
		select 1
		swapdb 0 1
		publish x x
		subscribe x
		replicaof no one
		wait 1 1
		cluster slots
		save
		shutdown
	END
	assert_equal "$(messages "$ROOM")" "$(seq -f 'jhon: %.0f' 10)"
	assert_equal "$(messages "$ROOM-b") $(cli get key)" 'jhon: hi value'
}

@test "a sender cannot see or write another user's receipts, whatever their names are" {
	local users=('bob' 'bob:2' 'bob%3A2' 'b') encoded=('bob' 'bob%3A2' 'bob%253A2' 'b') i j receipt
	for kind in one any; do
		for i in "${!users[@]}"; do
			ENCODED=${encoded[i]} allow "${users[i]}" "$kind"
		done
		for i in "${!users[@]}"; do
			begin "${users[i]}" "$ROOM"
			receipt=$(receipts)
			assert_match "$receipt" "^\{$ROOM\}:chat-send:${encoded[i]}:[0-9a-f]{32}\$"
			for j in "${!users[@]}"; do
				((i != j)) || continue
				sed "s/%/$receipt/" <<-'END' | can_do_none "${users[j]}"
					get %
					watch %
					set % x
					set % x nx
					del %
					pexpire % 1
					exists %
					keys *
					scan 0
				END
				[[ $kind == any ]] || can_not "${users[j]}" xadd "$receipt" '*' x x
			done
			assert_equal "$(as "${users[i]}" get "$receipt")" '1 1'
			echo 2 >&7
			finishes 2
			assert_equal "$(receipts)" ''
		done
	done
}

@test "with what -k and -i need, a sender can read the room, but do no more than that" {
	local denied="^ERR (The user .* can't (run|access)|ACL failure in script: .*[nN]o permissions)" # by version of the server
	allow sender one -k -i
	send_as sender -n jhon "$ROOM" hi
	assert_match "$(as sender xrange "$ROOM" - +)" hi
	assert_match "$(as sender eval 'return redis.call("xrevrange", KEYS[1], "+", "-")' 1 "$ROOM")" hi
	for command in del xlen 'xtrim % maxlen 0' 'xdel % 1-1' 'set % x'; do
		[[ $command == *%* ]] || command+=' %'
		read -ra words <<<"${command//%/$ROOM}"
		can_not sender "${words[@]}"
		assert_match "$(as sender eval 'return redis.call(unpack(ARGV))' 1 "$ROOM" "${words[@]}")" "$denied"
	done
	can_not sender xrange "$ROOM-b" - +
	can_not sender eval 'return 1' 1 "$ROOM-b"
	assert_match "$(as sender eval 'return redis.call("xadd", ARGV[1], "*", "x", "x")' 0 "$ROOM-b")" "$denied"
	assert_equal "$(messages "$ROOM") $(cli exists "$ROOM-b")" 'jhon: hi 0'
}

@test "what the manual warns of is so: XADD trims, and a user with +scan can write to others' receipts" {
	allow sender any
	seq 10 | send_as sender -n jhon "$ROOM"
	as sender xadd "$ROOM" maxlen = 0 '*' jhon bye
	assert_equal "$(cli xlen "$ROOM")" 0
	as sender xadd "$ROOM" 18446744073709551615-18446744073709551615 jhon last
	assert_match "$(cli xadd "$ROOM" '*' jhon more 2>&1)" 'exhausted|equal or smaller'
	cli acl setuser forger reset on '>password' +scan +set '~*' >/dev/null
	begin sender "$ROOM-b"
	assert_equal "$(as forger set "$(as forger --scan --pattern '*chat-send*')" '1 1')" OK
	finishes 1
}

# --- names -----------------------------------------------------------------------------------------------------------

@test "users of any name: their receipts match the rule's pattern, where the name is percent-encoded" {
	local users=('bob:2' 'é' '*' 'a.b_c-D9' '[x]?' '(y' '%41' '~@/"') n
	local encoded=('bob%3A2' '%C3%A9' '%2A' 'a.b_c-D9' '%5Bx%5D%3F' '%28y' '%2541' '%7E%40%2F%22')
	for n in "${!users[@]}"; do
		ENCODED=${encoded[n]} allow "${users[n]}" one -k -i
		begin "${users[n]}" "$ROOM"
		assert_match "$(receipts)" "^\{$ROOM\}:chat-send:${encoded[n]}:[0-9a-f]{32}\$"
		finishes 1
		seq 3 | send_as "${users[n]}" -i -n jhon "$ROOM"
	done
	assert_match "$(cli acl setuser 'a b' reset on 2>&1)" "can't contain spaces"
	cli acl setuser default on nopass >/dev/null
	begin default "$ROOM" # logged in without a name
	assert_match "$(receipts)" "^\{$ROOM\}:chat-send:default:"
	finishes 1
}

@test "rooms of any name: in a rule, glob characters are escaped, and a blank or a quotation mark is written ?" {
	local rooms=('a*b' 'a?b' 'a[b]' 'a\b' 'é' 'a b' 'a"b' "a'b" 'a{tag}b') n
	local patterns=('a\*b' 'a\?b' 'a\[b]' 'a\\b' 'é' 'a?b' 'a?b' 'a?b' 'a{tag}b')
	for n in "${!rooms[@]}"; do
		PATTERN=${patterns[n]} allow sender one -k -i
		send_as sender -n jhon "${rooms[n]}" hi
		seq 3 | send_as sender -i -n jhon "${rooms[n]}"
		assert_equal "$(cli xlen "${rooms[n]}")" 4
		[[ ${patterns[n]} == 'a?b' ]] || can_not sender xadd axb '*' jhon hi
		can_not sender xadd "${rooms[n]}x" '*' jhon hi
	done
	assert_match "$(cli acl setuser sender '(+xadd ~a b)' 2>&1)" '^ERR .*Syntax error'
	cli acl setuser sender reset on '>password' '(+xadd ~a"b)' >/dev/null
	can_not sender xadd 'a"b' '*' jhon hi
}

# --- each right that one of them needs -------------------------------------------------------------------------------

# least_rights PROGRAM: what its manual gives first to a user with a password.
least_rights() {
	sed -nE 's/^ACL SETUSER [a-z]+ on >password //p' "$REPO/cmd/$1.1" | sed 's/\\(ti/~/g; s/\\-/-/g'
}

@test "the permissions that chat-tail's manual gives suffice" {
	local -a rules
	export REDISCLI_AUTH=pw
	read -ra rules <<<"$(least_rights chat-tail)"
	cli acl setuser reader reset on '>pw' "${rules[@]}" >/dev/null
	printf 'one\ntwo\nthree\n' | send --user default -n jhon "$ROOM"
	assert_equal "$(show --user reader -F '%t ' -e "$ROOM")" 'one two three '
	assert_equal "$(show --user reader -F '%t ' -n +2 -e "$ROOM")" 'two three '
	assert_equal "$(show --user reader -F '%t ' -S 0 -e "$ROOM")" 'one two three '
	fails 4 NOPERM chat-tail --user reader -e -n 1 "$ROOM"
	cli acl setuser reader +xrevrange +time >/dev/null
	assert_equal "$(show --user reader -F '%t ' -e -n 1 "$ROOM")" 'three '
	assert_equal "$(show --user reader -F '%t ' -e -S 1h "$ROOM")" 'one two three '
	cli acl setuser reader +scan >/dev/null
	assert_equal "$(show --user reader -l "$ROOM*" | cut -f 1,2)" "$ROOM	3"
	assert_equal "$(show --user reader -F '%t ' -e -n +1 -m "$ROOM")" 'one two three '
	cli acl setuser worker reset on '>pw' '~*' -@all +xreadgroup +xack +xautoclaim +xpending '+xgroup|create' '+xgroup|delconsumer' >/dev/null
	for rule in +xreadgroup +xack +xautoclaim +xpending '+xgroup|create' '+xgroup|delconsumer' +scan '+cluster|slots' +asking; do
		section "$(manual chat-tail)" PERMISSIONS | grep -qF -e "$rule"
	done
	fails 4 NOPERM chat-tail --user worker -g g -S 1h -e "$ROOM"
	cli acl setuser worker +time >/dev/null
	assert_equal "$(show --user worker -F '%t ' -g g -S 1h -e "$ROOM")" 'one two three '
	assert_match "$(cli xinfo groups "$ROOM" | paste -sd' ')" 'consumers 0 pending 0 '
}

# the_sender RULE ...: a user who may send to the test's room, write receipts of their own, and do this.
the_sender() {
	cli acl setuser sender reset on '>pw' -@all +multi +exec +discard "(+xadd ~$ROOM)" \
		"(+watch +get +set +del +pexpire ~{$ROOM}:chat-send:sender:*)" "$@" >/dev/null
	cli acl log reset >/dev/null
}

# prints_nothing COMMAND ...: on neither output.
prints_nothing() { assert_equal "$("$@" 2>&1)" ''; }

# denied: how often the server has refused a command or a key since the_sender.
denied() { cli acl log | grep -c client-info; }

@test "a sender needs no more than XADD of the room, receipts of their own, and transactions" {
	export REDISCLI_AUTH=pw
	the_sender
	printf 'one\ntwo\n' | prints_nothing send --user sender -n jhon "$ROOM"
	prints_nothing send --user sender --maxlen 1000 -n jhon "$ROOM" three
	prints_nothing send --user sender --at-least-once -n jhon "$ROOM" four
	printf '%s\t\tjhon\tfive\n' "$ROOM" | prints_nothing send --user sender -t
	the_sender "(+xrange ~$ROOM)"
	show -t -e "$ROOM" | prints_nothing send --user sender -t -k
	the_sender "(+xtrim ~$ROOM)"
	prints_nothing send --user sender --maxage 1h -n jhon "$ROOM" six
	the_sender "(+eval ~$ROOM ~{$ROOM}:chat-send:sender:*)" "(+xrevrange ~$ROOM)"
	assert_equal "$(printf 'seven\neight\n' | send --user sender -i -n jhon "$ROOM" 2>&1)" "$(show -F '%i\n' -n 2 -e "$ROOM")"
	assert_equal "$(denied)" 0
	holds "$ROOM" < <(printf 'jhon: %s\n' one two three four five six seven eight)
	assert_equal "$(cli keys '*:chat-send:*')" ''
}

@test "a sender with these permissions cannot read, delete or replace the room, run a script, or touch others' receipts" {
	export REDISCLI_AUTH=pw
	send --user default -n jhon "$ROOM" one
	cli set "{$ROOM}:chat-send:sender2:0123" '3 3' >/dev/null
	the_sender
	for command in "del $ROOM" "unlink $ROOM" "set $ROOM spam" "rename $ROOM other" "xtrim $ROOM maxlen 0" "xdel $ROOM 1-1" \
		"xrange $ROOM - +" "xread streams $ROOM 0" "get $ROOM" "eval 'while true do end' 0" "xadd other * a b" 'keys *' 'scan 0' \
		"set {$ROOM}:chat-send:sender2:0123 '9 9 666-1'" "get {$ROOM}:chat-send:sender2:0123" "del {$ROOM}:chat-send:sender2:0123" \
		"set {$ROOM}:chat-send:sender%3A2:0 '9 9'" 'flushall' 'acl list' 'config get *'; do
		assert_match "$(cli --user sender --pass pw --no-auth-warning <<<"$command")" '^(\(error\) )?NOPERM'
	done
	assert_equal "$(cli get "{$ROOM}:chat-send:sender2:0123")" '3 3'
	holds "$ROOM" <<<'jhon: one'
	cli del "{$ROOM}:chat-send:sender2:0123" >/dev/null
}

@test "chat-send's manual names each permission that it may need" {
	for rule in +xadd +multi +exec +discard +watch +get +set +del +pexpire +xrange +xtrim +wait +eval +xrevrange +select +asking '+cluster|slots'; do
		section "$(manual chat-send)" PERMISSIONS | grep -qF -e "$rule" || { echo "not $rule" && false; }
	done
}
