#!/usr/bin/env bats
# The recipes of chat-tail(1), as they are printed there, with hostile input: names and texts that try to run commands, to
# look like options, columns or lines, to control a terminal, or to stop the programs behind.
# shellcheck disable=SC2016 # what is in single quotes is for another shell
# shellcheck disable=SC2030,SC2031,SC2153 # each test is a subshell; status and PID are the helper's

load helper
load manual

setup() {
	trace_less
	start_server
	cd "$BATS_TEST_TMPDIR" || return
	mkdir bin
	PATH=$BATS_TEST_TMPDIR/bin:$PATH
	export NOTES=$BATS_TEST_TMPDIR/notes PIDS=$BATS_TEST_TMPDIR/pids
	: >notes
	: >pids
	stub bin/touch 'echo "touch was run" >>"$NOTES"' # what the texts below try
}
teardown() { stop_all; }
# recipe SECTION WORDS [sed script]: finds the one block of that section with these words. What is typed there is left in the
# file `script`, and what it shows in `shows`.
recipe() {
	local block found=0
	while IFS= read -r -d '' block; do
		[[ $block == *"$2"* ]] || continue
		((++found))
		commands <<<"$block" | sed -E "${3-}" >script
		shown <<<"${block%$'\n'}" >shows
	done < <(man_blocks "$(manual chat-tail)" "$1")
	assert_equal "$found" 1
}

# begin: starts the script in the background, with its output in `out` and `err`, and returns once it waits in a room.
begin() {
	pipeline 'exec sh ./script' >out 2>err </dev/null
	wait_readers 1 || { cat err >&2 && return 1; }
}

# tried NAME|TEXT on each line: with the escapes of -t.
tried() {
	cat <<-'END'
		|the name is empty
		the text is empty|
		-rf|--help
		--|-n
		$(touch pwned)|`touch pwned`; $(touch pwned)
		";touch pwned;"|'; touch pwned; echo '
		a\tb|1751390520000-0\tjhon\thi
		a\nb|jhon\n[marry]: error
		\x1b]0;title\x07|\x1b[2Jjhon error\xc2\x9b2J
		\xff\xfe|\xff jhon error\x00 \xc2
		\xe2\x80\xaerev|error \xe2\x80\xa8jhon\xc2\x85
		"}|jhon\\n\\033[2J %s%n%d \\x1b
		c+|error, marry's
		*|* ? [a-z] ~
		 blank |  two  blanks  
	END
}

# harm ROOM ...: sends them all to these rooms. shown_rows ROOM: as rows; they have been sent once that many are out.
harm() {
	local room
	for room; do
		tried | sed "s/^/$room\t-\t/; s/|/\t/"
	done | send -t
}
attempts() { tried | wc -l; }

# harmless FILE ...: nothing there controls a terminal or makes a line look like another, all is UTF-8, and nothing was run.
harmless() {
	local file
	for file; do
		iconv -f utf-8 -t utf-8 "$file" >/dev/null || return
		if LC_ALL=C grep -naP '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\x8e\x8f\xa8-\xae]|\xe2\x81[\xa6-\xa9]' "$file" >&2; then
			return 1
		fi
	done
	! grep -n 'was run' notes >&2 && [[ ! -e pwned ]]
}

# same FILE: as standard input.
same() { diff -u --label expected --label "$1" - "$1" >&2; }

# column N [option ...] ROOM: of its rows, as they are in the file.
column() { show -t -e "${@:2}" | awk -F '\t' -v n="$1" '{ print $n }'; }

@test "each recipe of the manual has a test here" {
	local block count=0 words
	while IFS= read -r -d '' block; do
		((++count))
		words=$(grep -oP '^\trecipe RECIPES \K'"('[^']+'|\S+)" "$BATS_TEST_FILENAME" | tr -d \' | sort -u |
			while read -r word; do [[ $block != *"$word"* ]] || echo "$word"; done)
		[[ $words ]] || { echo "no test runs: $block" && false; }
	done < <(man_blocks "$(manual chat-tail)" RECIPES)
	((count >= 9))
}

@test "rows in the shell: each column is in its variable, and each row comes at once" {
	recipe RECIPES 'while IFS=$us'
	begin
	harm room
	wait_until 10 has_lines out "$(attempts)"
	show -t -e room | awk -F '\t' '{ print $3 " wrote to " $1 ": " $4 }' | same out
	cli xadd room '*' marry 'hi jhon, how are you?' >/dev/null
	wait_until 10 has_lines out $(($(attempts) + 1))
	tail -n 1 out | same shows
	harmless out
	assert_equal "$(<err)" ''
}

@test "notify-send: each line is one argument and never an option; one that is too long is left out" {
	stub bin/notify-send 'printf "%s %s %s\n" $# "$1" "$2" >>"$NOTES"; cat >>"$NOTES"'
	recipe RECIPES notify-send
	begin
	harm room
	wait_until 10 has_lines notes "$(attempts)"
	show -e room | sed 's/^/2 -- /' | same notes
	harmless notes
	head -c 200000 /dev/zero | tr '\0' x | send -n marry room
	send -n marry room 'still here'
	wait_until 10 grep -qx '2 -- \[marry\]: still here' notes
	has_lines notes $(($(attempts) + 1))
	grep -qi 'too long' err
}

@test "a mention rings the bell at once" {
	recipe RECIPES 'a%s'
	begin
	harm room
	send -n jhon room 'jhon speaks of jhon'
	show -e -x jhon room | grep jhon | sed 's/^/\a/' >wanted
	wait_until 10 has_lines out "$(wc -l <wanted)"
	same out <wanted
	(($(wc -l <out) >= 4))
	tr -d '\a' <out >quiet
	harmless quiet
}

@test "who is here: everyone who said so in the last minute, once each" {
	recipe RECIPES presence 's/ &$//' # so that the test can end it
	cp script both
	cli xadd presence 1751390520000-0 bob 'long ago' >/dev/null
	head -n 2 both >script
	pipeline 'exec sh ./script' >out 2>err </dev/null
	wait_until 10 room_has presence 2
	tail -n +3 both >script
	sh ./script | same shows
	harm presence presence
	sh ./script >out
	{ echo jhon && tried | sed 's/|.*//'; } | sort -u | same out
	harmless out
	assert_equal "$(<err)" ''
}

refused_more() { (($(grep -c 'cannot connect' err) > $1)); } # THAN
at_least() { (($(length "$2") >= $1)); } # N ROOM

@test "an alarm whenever nothing comes, also after an outage; another failure ends it" {
	recipe RECIPES 'watch ops' 's/25h/0.3/'
	kill_server
	pipeline 'exec sh ./script' >out 2>err </dev/null
	local loop=$PID noticed=0
	wait_until 20 refused_more 0
	# Both programs must meet an outage. chat-send does if the server dies while chat-tail waits and its time is not just up.
	until grep -q '^chat-send: cannot connect' err; do
		restart_server
		harm backups
		wait_until 20 at_least 1 ops
		wait_readers 1
		noticed=$(grep -c 'cannot connect' err)
		kill_server
		wait_until 20 refused_more "$noticed"
	done
	restart_server
	wait_until 20 at_least 2 ops
	grep -q '^chat-send: .*trying again' err
	cli set backups 'not a stream' >/dev/null
	wait_end 20 "$loop"
	grep -q WRONGTYPE err
	assert_equal "$(messages ops | sort -u)" 'watch: no backup for 25 hours'
	harmless out err
}

@test "ask, and gather the answers: those of others, from the question on, and no more than asked for" {
	cli xadd room 1751390520000-0 bob 'an old one' >/dev/null
	recipe RECIPES 'on call' 's/-W 10/-W 40/'
	begin
	{ printf 'room\t-\tjhon\tmy own\n' && tried | sed 's/^/room\t-\t/; s/|/\t/'; } | send -t
	wait_end 20 "$PID"
	assert_status 0
	show -e -x jhon -n +2 room | head -n 3 | same out
	harmless out
	recipe RECIPES 'on call'
	begin
	send -n marry room 'I am' && send -n bob room 'me too' && send -n '$(touch pwned)' room <<<--help
	wait_end 20 "$PID"
	assert_status 0
	head -n 1 out | same shows
	recipe RECIPES 'on call' 's/-W 10/-W 0.1/'
	run ! sh ./script
	assert_status 5
}

# labels FILE: `metric room group value` of each line, as rows; fails if a line is not as Prometheus wants it.
labels() {
	"$PYTHON" - "$1" <<-'END'
		import re, sys
		label = r'"((?:[^"\\\n]|\\["\\n])*)"'
		for line in open(sys.argv[1], encoding='utf-8', newline='\n'):
		    found = re.fullmatch(r'(\w+)\{room=%s,group=%s\} (\d+)\n' % (label, label), line)
		    assert found, line
		    print('\t'.join(re.sub(r'\\(.)', r'\1', group) for group in found.groups()))
	END
}

@test "the backlog of groups: a file of metrics that is replaced as a whole" {
	local n room
	recipe RECIPES backlog
	cli xgroup create jobs workers 0 mkstream >/dev/null
	for n in 0 1 2; do
		cli xadd jobs "1751390520000-$n" jhon "$n" >/dev/null
	done
	cli xreadgroup group workers w1 count 1 streams jobs '>' >/dev/null
	sh ./script | same shows
	for room in 'a"b' 'a\\b' 'a\nb' 'a\tb' '\xff' '$(touch pwned)' '"} 1\n# TYPE x' '\x1b[2J' ' ' '\\"'; do
		echo "xgroup create \"${room//\"/\\\"}\" \"${room//\"/\\\"}\" 0 mkstream"
	done | cli >/dev/null
	cli xgroup create trimmed workers 0 mkstream >/dev/null
	printf 'xadd trimmed %s x y\n' 1-1 2-1 3-1 | cli >/dev/null
	cli xreadgroup group workers w1 count 1 streams trimmed '>' >/dev/null
	cli xdel trimmed 2-1 >/dev/null # now the server does not know the lag
	sh ./script >out
	{
		show -l -g '*' | awk -F '\t' '{ print "chat_pending\t" $1 "\t" $2 "\t" $4 }'
		show -l -g '*' | awk -F '\t' '$5 != "" { print "chat_lag\t" $1 "\t" $2 "\t" $5 }'
	} >wanted
	labels backlog.prom | same wanted
	assert_equal "$(wc -l <wanted)" 23
	harmless backlog.prom
	cp backlog.prom before
	run ! env REDIS_URL=unix:///nowhere sh backlog.sh
	cmp backlog.prom before
}

@test "jq: whoever reports an error is named, whatever the bytes are, and the output is safe on a terminal" {
	recipe RECIPES 'test("error")'
	harm ops
	sh ./script >out
	show -j -e ops | "$PYTHON" -c 'import json, sys
def chars(s): return s if isinstance(s, str) else bytes(s).decode("latin-1")
for line in sys.stdin:
    message = json.loads(line)
    if "error" in chars(message["text"]): print(json.dumps(chars(message["name"])))' | same out
	(($(wc -l <out) >= 5))
	harmless out
	LC_ALL=C run ! grep -q '[^ -~]' out
	cli flushall >/dev/null
	cli xadd ops '*' db1 'error: disk full' >/dev/null
	cli xadd ops '*' db1 recovered >/dev/null
	cli xadd ops '*' web 'error: no route' >/dev/null
	sh ./script | same shows
}

@test "old backups: a + marks where an entry continues; done twice, nothing is added" {
	recipe RECIPES old.tsv
	cli xadd many 1-0 a 1 b 2 b 2 >/dev/null
	cli xadd many 2-0 a 4 >/dev/null
	cli xadd many 3-0 a 5 b+ $'6\n+\t' >/dev/null
	harm many
	tried | awk -F '|' '{ printf "joined\t%d-1%s\t%s\t%s\n", 1 + (NR > 7), NR == 7 || NR == 15 ? "" : "+", $1, $2 }' |
		send -t -k
	assert_equal "$(length joined)" 2
	show -t -e many joined >rows.tsv
	sed -E 's/^([a-z]+\t[0-9-]+)\+/\1/' rows.tsv >old.tsv
	run ! cmp rows.tsv old.tsv
	for _ in once twice; do
		sh ./script
		same new.tsv <rows.tsv
		cp new.tsv old.tsv
	done
}

# --- workers, and the simple examples --------------------------------------------------------------------------------

# works WORDS: the worker with these words does all jobs of the test, each once; what it was given is in `notes`.
works() {
	recipe 'SHARING THE WORK' "$1"
	begin
	harm jobs
	wait_until 30 all_done
	harmless out err notes
	assert_equal "$(uniq -c err | tr -s ' ')" " $(attempts) did"
}
all_done() { [[ $(cli xinfo groups jobs | paste -sd' ') == *" pending 0 "*" entries-read $(attempts) "* ]]; }

@test "a worker in the shell gets each text, and no part of a name" {
	stub job 'echo did; cat >>"$NOTES"; printf "%s %s\n" $# "$1" >>"$NOTES"'
	works 'while IFS=$us'
	column 4 jobs | sed 's/^/1 /' | same notes
}

@test "workers behind xargs get each text" {
	stub job 'echo did; cat >>"$NOTES"; printf "%s %s\n" $# "$1" >>"$NOTES"'
	works xargs
	sort notes >sorted
	column 4 jobs | sed 's/^/1 /' | sort | same sorted
}

@test "a worker in Python gets each text, byte for byte" {
	stub bin/python3 'exec "$PYTHON" "$@"'
	stub job 'echo did; base64 -w 0 >>"$NOTES"; echo >>"$NOTES"'
	works worker.py
	show -j -e jobs | "$PYTHON" -c 'import base64, json, sys
for line in sys.stdin:
    text = json.loads(line)["text"]
    print(base64.b64encode(text.encode() if isinstance(text, str) else bytes(text)).decode())' | same notes
}

@test "idle consumers: their names are safe on a terminal" {
	stub bin/redis-cli 'exec "$CLI" -s "$SOCK" "$@"'
	recipe 'SHARING THE WORK' 'xinfo consumers' 's/> 86400000/>= 0/; 3,$d'
	cli xgroup create jobs workers 0 mkstream >/dev/null
	for name in '\x1b[2J\xc2\x9b2J' 'a\nb' '\xff\xe2\x80\xae' '$(touch pwned)' '-rf'; do
		echo "xgroup createconsumer jobs workers \"$name\""
	done | cli >/dev/null
	sh ./script >out
	assert_equal "$(wc -l <out)" 5
	harmless out
}

@test "dead jobs are sent again as they were; and the groups, whatever their names are" {
	stub bin/redis-cli 'exec "$CLI" -s "$SOCK" "$@"'
	harm dead
	show -t -e dead | cut -f 3- >wanted
	recipe 'SHARING THE WORK' 'del dead'
	sh ./script >out
	harmless out
	show -t -e jobs | cut -f 3- | same wanted
	assert_equal "$(length dead)" 0
	for name in '\x1b[2J\xc2\x9b2J' 'a\nb' '\xff\xe2\x80\xae' '$(touch pwned)' '*'; do
		echo "xgroup create jobs \"$name\" 0"
	done | cli >/dev/null
	recipe 'SHARING THE WORK' 'chat-tail -l -g'
	sh ./script >out
	assert_equal "$(wc -l <out)" 5
	harmless out
}

# one_example: runs the script with the hostile texts in its input and in the rooms that it reads.
one_example() {
	: >pids
	rm -f ./done
	harm room ops jobs deploy
	pipeline 'exec sh ./script' >out 2>err </dev/null
	local block=$PID
	wait_until 20 reads_or_ended "$block"
	harm room ops jobs deploy
	wait_until 20 reads_or_ended "$block"
	[[ ! -s pids ]] || xargs kill <pids 2>/dev/null || true
	wait_end 20 "$block"
	harmless out err
}
reads_or_ended() { ended "$1" || readers_are 1; }

@test "no example of the manual does harm" {
	local block title count=0 failed=''
	stub bin/chat-tail 'echo $$ >>"$PIDS"; exec "$CHAT_BUILD/chat-tail" "$@"'
	stub bin/redis-cli 'exec "$CLI" -s "$SOCK" "$@"'
	stub bin/pv 'exec cat'
	stub answer 'while read -r line; do printf "%s\n" "$line"; done'
	stub worker 'while read -r row; do printf "%s\n" "$row"; done'
	for title in DESCRIPTION EXAMPLES; do
		while IFS= read -r -d '' block; do
			((++count))
			commands <<<"$block" >script
			one_example || failed+=$block
			cli del lobby >/dev/null
		done < <(man_blocks "$(manual chat-tail)" "$title")
	done
	assert_equal "$failed" ''
	((count >= 18))
	(($(wc -l <room.tsv) > $(attempts)))
	show -t -e room | head -n "$(wc -l <room.tsv)" | same room.tsv # the backup, and restored
}
