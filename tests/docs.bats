#!/usr/bin/env bats
# The manuals and the README name what exists, and the commands in them do what they show.
# shellcheck disable=SC2016 # what is in single quotes is for another shell
# shellcheck disable=SC2030,SC2031,SC2153 # each test is a subshell; status and PID are the helper's

load helper
load manual

setup_file() {
	start_server
	export REMOTE=$SOCK # the mirror's other end
	start_server
	export HOME=$BATS_FILE_TMPDIR/home STUBS=$BATS_FILE_TMPDIR/bin
	export PIDS=$HOME/pids NOTES=$HOME/notes
	mkdir "$HOME" "$STUBS"
	make_stubs
	export PATH=$STUBS:$PATH
}
teardown_file() { stop_servers; }
setup() { trace_less; }
teardown() {
	kill_readers
	stop_jobs
}

# --- the text --------------------------------------------------------------------------------------------------------

# readme_blocks FILE: what is fenced as sh, in the same way.
readme_blocks() {
	awk '/^```/ { if (on) printf "%s%c", block, 0; on = !on && $0 == "```sh"; block = ""; next }
		on { block = block $0 "\n" }' "$1"
}

# help_options PROGRAM, man_options FILE: a line for each, `-n --lines value`; `optional` if it need not have one.
help_options() {
	"$1" --help | awk '/^  (-.,|    --)/ {
		short = /^  -/ ? $1 " " : ""; long = short ? $2 : $1; value = ""
		if (long ~ /\[=/) value = " optional"
		else if ($0 ~ long " [A-Z]+ ") value = " value"
		sub(",", "", short); sub(/\[.*/, "", long); print short long value }' | sort
}
man_options() {
	sed -nE '/^\.Sh OPTIONS/,/^\.Sh .*FORMATS/s/^\.It (Fl .*)/\1/p' "$1" | sed -E 's/Fl ([^ ]+)/-\1/g; s/ ,//
		s/ Ns Op = Ns Ar .*/ optional/; s/ (Oo .*)?Ar .*/ value/' | sort
}

@test "each option of --help is in the manual, with a value or without, and no other" {
	for program in chat-send chat-tail; do
		diff -u <(help_options "$program") <(man_options "$(manual "$program")")
		(($(help_options "$program" | wc -l) > 20))
	done
}

@test "chat-send --help fits 80 columns, and says what a DURATION and BYTES are" {
	help=$(chat-send --help)
	assert_equal "$(awk 'length > 80' <<<"$help")" ''
	grep -q 'DURATION .*30s, 10m, 12h, 7d, 2w' <<<"$help"
	grep -qF '67108864 (64 MiB)' <<<"$(grep BYTES <<<"$help")"
}

@test "the manuals mention no option that does not exist" {
	options=$({ help_options chat-send && help_options chat-tail; } | grep -oE -e '^-[^-]|--[a-z-]+')
	for program in chat-send chat-tail; do
		# The examples are run; elsewhere, the only options that are not ours are those of `tail -f` and `stdbuf -oL`.
		for option in $(render "$(manual "$program")" |
			awk '/^[A-Z]/ { run = /^(EXAMPLES|RECIPES|OTHER CLIENTS)$/ } !run && !/^ *[$>] / { gsub(/tail -f|stdbuf -oL/, ""); print }' |
			grep -oE "(^|[ (\`'])--?[A-Za-z0-9][a-z-]*" | grep -oE -e '-.*' | sort -u); do
			grep -qxFe "$option" <<<"$options" || { echo "$program(1): $option" && false; }
		done
	done
}

@test "each manual has the exit statuses of its program; only chat-tail has the one for a wait in vain" {
	statuses() { section "$(manual "$1")" 'EXIT STATUS' | grep -oE '^ +[0-9]+ ' | tr -d ' '; }
	assert_equal "$(statuses chat-tail)" "$(sed -nE 's/^ +EXIT_[A-Z_]+ = ([0-9]+).*/\1/p' "$REPO/common/err.h")"
	assert_equal "$(statuses chat-tail)" $'0\n1\n2\n3\n4\n5'
	assert_equal "$(statuses chat-send)" $'0\n1\n2\n3\n4'
}

@test "chat-tail --help fits 80 columns, and each form of WHEN and DURATION that it shows works" {
	local when
	assert_equal "$(chat-tail --help | awk 'length > 80')" ''
	for when in 10m 17:22 today yesterday 2026-11-23T17:22; do
		[[ $(chat-tail --help | grep -A 2 -e --until) == *[\ ,]"$when"* ]]
		prints chat-tail -e -S "$when" -m nothing </dev/null
	done
	for when in 30s 10m 1h30m 7d; do
		[[ $(chat-tail --help | grep -A 1 -e --timeout) == *[\ ,]"$when"* ]]
		fails 2 'no room given' chat-tail -W "$when" -g g --claim "$when"
	done
}

@test "both manuals say the same about the server" {
	server_section() { render "$(manual "$1")" | sed -n '/^   The server/,/^[A-Z]/p' | sed '$d'; }
	(($(server_section chat-send | wc -l) > 40))
	diff <(server_section chat-send) <(server_section chat-tail)
}

@test "the manuals pass mandoc's lint, have the sections that people look for, and fit 80 columns" {
	for program in chat-send chat-tail; do
		mandoc -T lint -W warning "$(manual "$program")"
		for title in NAME SYNOPSIS DESCRIPTION OPTIONS '.*OUTPUT FORMATS' ENVIRONMENT SIGNALS 'EXIT STATUS' EXAMPLES \
			'OTHER CLIENTS' PERMISSIONS 'SEE ALSO'; do
			render "$(manual "$program")" | grep -qxE "$title"
		done
		assert_equal "$(render "$(manual "$program")" 80 | awk 'length > 80')" ''
	done
}

# --- the commands ----------------------------------------------------------------------------------------------------

# What the examples need besides our programs. chat-tail notes its process ID, because it may have to be ended.
make_stubs() {
	stub "$STUBS/chat-tail" 'echo $$ >>"$PIDS"; exec "$CHAT_BUILD/chat-tail" "$@"'
	stub "$STUBS/redis-cli" '[ -p /dev/stdout ] || set -- --no-raw "$@" # as on a terminal
		exec "$CLI" -s "$SOCK" "$@"'
	stub "$STUBS/python3" 'exec "$PYTHON" "$@"'
	stub "$STUBS/make" 'echo cc -c one.c; echo "one.c: warning: so so" >&2; echo all tests passed'
	stub "$HOME/answer" 'while read -r line; do echo "you said: ${line#*: }"; done'
	stub "$HOME/worker" 'while read -r row; do echo "did $row" >>"$NOTES"; echo "$row"; done'
	stub "$HOME/job" '[ $# -gt 0 ] || set -- "$(cat)"
		echo "$1" >>"$NOTES"; [ "$1" != "fails once" ] || [ "$(grep -cx "$1" "$NOTES")" -gt 1 ]'
	stub "$STUBS/journalctl" 'printf "%s\n" starting started'
	stub "$STUBS/hostname" 'echo web1'
	local pv
	if pv=$(command -v pv); then
		stub "$STUBS/pv" "exec '$pv' -q \"\$@\""
	else
		stub "$STUBS/pv" 'for last; do :; done; [ ! -f "$last" ] || exec cat "$last"; exec cat'
	fi
	printf '%s\n' '{"host": "db1", "message": "disk\tfull"}' >"$HOME/log.json"
}
# fill_rooms: the rooms of the manuals' examples; the IDs are of 1 July 2025, between 17:22 and 18:05 UTC.
fill_rooms() {
	cli flushall >/dev/null
	"$CLI" -s "$REMOTE" flushall >/dev/null
	cli xadd room 1751390520000-0 jhon 'hello everyone'
	cli xadd room 1751390580000-0 marry 'hi jhon, how are you?'
	cli xadd room 1751390700000-0 jhon 'fine, thanks'
	cli xadd ops 1751392920000-0 db1 'error: disk full'
	cli xadd ops 1751393040000-0 db1 recovered
	cli xadd ops 1751393100000-0 web 'error: no route'
} >/dev/null

# how COMMANDS: sets what a block needs: what to do before it, or once N readers wait; the line to type into it before ^D;
# and what must be true after it. Readers that wait again, all or as many as are left, are ended. A block that shows no
# output needs an `after`.
how() {
	before=true readers=0 left='' meanwhile=true typed='' after='' terminal=''
	case $1 in
	'chat-tail room | grep hi')
		readers=1 meanwhile='says room marry "hi jhon, how are you?" && says room jhon "fine, thanks"'
		;;
	'chat-tail room' | 'chat-tail -n 10 -x jhon room')
		readers=1 meanwhile='says room marry "hi there" && wait_until 5 grep -q "hi there" "$out"'
		after='[[ $(tail -n 1 "$out") == "[marry]: hi there" ]]'
		;;
	'chat-tail -t -e room > room.tsv') after='diff room.tsv <(chat-tail -t -e room)' ;;
	'chat-tail -n 2 room' | *'chat-tail -n 2 room | grep hello') readers=1 ;;
	'chat-tail -x jhon room & chat-send -n jhon room; kill $!' | 'chat() {'*)
		readers=1 typed='hello marry' meanwhile='says room marry "hi jhon"'
		after='last room 1 "jhon: hello marry" && printed "[marry]: hi jhon"'
		;;
	tmux*)
		terminal=yes readers=1 typed='hello marry' meanwhile='says room marry "hi jhon" && sees "\[marry\]: hi jhon"'
		after='last room 1 "jhon: hello marry"'
		;;
	'chat-tail -c 1 -W 30 deploy || echo '*)
		readers=1 left=0 meanwhile='says deploy web1 done' after='printed "[web1]: done"'
		;;
	'chat-tail -c 1 -W 0.1 deploy || echo '*) after='printed "no answer"' ;;
	'chat-tail -x bot room | ./answer | chat-send -n bot room')
		readers=1 meanwhile='says room jhon "who is there?" && wait_until 5 last room 1 "bot: you said: who is there?"'
		after='last room 2 "jhon: who is there?" "bot: you said: who is there?"'
		;;
	'mkfifo done'*'| ./worker > done')
		before='rm -f done' readers=1 meanwhile='says jobs jhon one && says jobs jhon two && wait_until 10 jobs_are_done 2'
		after='assert_equal "$(cut -f 4 "$NOTES")" one$'\''\n'\''two'
		;;
	*'mkfifo done'*'--ack '*) # the workers
		before='rm -f done' readers=1
		meanwhile='for job in one "fails once" "t w o"; do says jobs jhon "$job"; done; wait_until 20 jobs_are_done 4'
		after='assert_equal "$(sort "$NOTES")" "$(printf "%s\n" "fails once" "fails once" one "t w o")"'
		;;
	'chat-tail -e dead '*) before='cli xadd dead "*" jhon "frame 7" chat-tail:dead "jobs	1751390520000-0"' after='last jobs 1 "jhon: frame 7"' ;;
	"chat-tail -l -g"*)
		before='cli xgroup create jobs workers 0 mkstream
			for n in 0 1 2; do cli xadd jobs "1751390520000-$n" jhon "$n"; done
			cli xreadgroup group workers w1 count 1 streams jobs ">"'
		;;
	'redis-cli --json xinfo consumers '*)
		before='cli xgroup create jobs workers $ mkstream && cli xgroup createconsumer jobs workers web1:4711:9f3c01d2'
		;;
	'chat-tail -t room | chat-send -t lobby')
		readers=1 meanwhile='says room marry hi' after='last lobby 1 "marry: hi"'
		;;
	'chat-tail -t -n +1 -h alpha room | chat-send -t -k -h beta')
		readers=1 meanwhile='says room marry hi'
		after='mirrored room'
		;;
	*"-m '*' --retry forever -h alpha |"*)
		readers=1 meanwhile='says room marry hi'
		after='for room in room ops; do mirrored "$room"; done'
		;;
	'chat-tail -e -C room.cursor -h alpha room'*) # the second server has one message more
		before='rm -f room.cursor
			chat-tail -t -n +1 -e room | chat-send -s "$REMOTE" -t -k && echo hi | chat-send -s "$REMOTE" -n marry room'
		after='has_lines "$out" 4 && [[ $(tail -n 1 "$out") == "[marry]: hi" ]]'
		;;
	*'tail -n 1 room.tsv'*) after='diff room.tsv <(chat-tail -t -e room)' ;;
	*'pv -l -s'*) before='rm room.tsv' after='diff room.tsv <(chat-tail -t -e room)' ;;
	'chat-send -t -k < room.tsv')
		before='cli del room' after='diff room.tsv <(chat-tail -t -e room) && chat-send -t -k <room.tsv && room_has room 3'
		;;
	*'chat-send -t -k copy < room.tsv' | 'pv room.tsv '*)
		after='assert_equal "$(cli xrange copy - +)" "$(cli xrange room - +)"'
		;;
	'echo hi | '*$'\n''chat-send room hello there'$'\n''chat-send -t -k < room.tsv')
		before='chat-tail -t -e ops >room.tsv && cli del ops'
		after='last room 2 "jhon: hi" "$(id -un): hello there" && diff room.tsv <(chat-tail -t -e ops)'
		;;
	'echo hi | chat-send -n jhon room') after='last room 1 "jhon: hi"' ;;
	'chat-send room hello there') after='last room 1 "$(id -un): hello there"' ;;
	'make 2>&1 '*) after='last build 3 "ci: cc -c one.c" "ci: one.c: warning: so so" "ci: all tests passed"' ;;
	'df -h '*) after='room_has ops 4 && [[ $(cli xrevrange ops + - count 1) == *web1*Filesystem* ]]' ;;
	'journalctl -f'*) after='last log 2 "web1: starting" "web1: started"' ;;
	'id=$(chat-send -i '*) readers=1 meanwhile='says room marry me' after='printed "[marry]: me"' ;;
	'jq -r '*) after='last ops 1 "db1: disk"$'\''\t'\''full' ;;
	esac
}

# for how(): someone else sends; what the room's last messages are; what the block printed, or its terminal shows.
says() { cli xadd "$1" '*' "$2" "$3" >/dev/null; }
last() { assert_equal "$(messages "$1" | tail -n "$2")" "$(printf '%s\n' "${@:3}")"; }
printed() { assert_equal "$(<"$out")" "$1"; }
sees() { wait_until 5 seen "$1"; }
mirrored() { assert_equal "$("$CLI" -s "$REMOTE" xrange "$1" - +)" "$(cli xrange "$1" - +)"; }
jobs_are_done() { (($(wc -l <"$NOTES") == $1)) && [[ $(cli xpending jobs workers | head -n 1) == 0 ]]; }
seen() { [[ $(tmux -S "$window" capture-pane -p) =~ $1 ]]; }

# run_block TEXT: runs a block in a shell, as how() says, and compares its output with what the manual shows.
run_block() {
	local script=$BATS_TEST_TMPDIR/script out=$BATS_TEST_TMPDIR/out err=$BATS_TEST_TMPDIR/err
	local window=$BATS_TEST_TMPDIR/window block before readers left meanwhile typed after terminal
	commands <<<"$1" >"$script"
	shown <<<"${1%$'\n'}" >"$script.shows"
	how "$(<"$script")"
	[[ -s $script.shows || $after ]] || { echo "nothing says what this does: see how()" >&2 && return 1; }
	sed -i "s, -h alpha , -s $SOCK ,; s, -h beta, -s $REMOTE,; s,redis.Redis(),redis.Redis(unix_socket_path=\"$SOCK\"),
		s, -W 60 , -W 20 ,; s,> 86400000,>= 0," "$script"
	for file in "$PIDS" "$NOTES" "$out" "$err"; do
		: >"$file"
	done
	eval "$before" >/dev/null && start_block && answer_block && finish_block
}

start_block() {
	local typing=$BATS_TEST_TMPDIR/typing
	if [[ $terminal ]]; then
		spawn tmux -D -S "$window" -f /dev/null
		block=$PID
		wait_until 5 tmux -S "$window" list-sessions && tmux -S "$window" set -g exit-empty on ';' new-session -d -x 80 \
			-y 24 env -u TMUX TMUX_TMPDIR="$BATS_TEST_TMPDIR" sh "$script"
	else
		[[ -p $typing ]] || mkfifo "$typing"
		exec 7<>"$typing"
		spawn sh "$script" <"$typing" >"$out" 2>"$err"
		block=$PID
		[[ $typed ]] || exec 7>&-
	fi
}

answer_block() {
	((readers > 0)) || return 0
	wait_readers "$readers" && eval "$meanwhile" && wait_readers "${left:-$readers}" && type_line || return
	[[ $typed && ! $terminal ]] || kill_readers # else the block does it
}

type_line() {
	[[ $typed ]] || return 0
	if [[ $terminal ]]; then
		tmux -S "$window" send-keys -l "$typed" ';' send-keys Enter
		wait_until 5 last room 1 "jhon: $typed" && tmux -S "$window" send-keys C-d
	else
		echo "$typed" >&7
		exec 7>&-
	fi
}

# A reader that was ended is no fault.
finish_block() {
	wait_end 10 "$block" || { cat "$out" "$err" >&2 && return 1; }
	[[ $readers$status != 1143 ]] || status=0
	assert_status 0 && assert_equal "$(grep -vxE 'Terminated|Command .* returned non-zero exit status 1.' "$err")" '' && shows_what_came && eval "$after"
}

shows_what_came() {
	[[ ! -s $script.shows ]] ||
		diff -u --label 'the text' --label 'what came' <(no_ids <"$script.shows") <(no_ids <"$out") >&2
}

kill_readers() { [[ ! -s $PIDS ]] || xargs kill <"$PIDS" 2>/dev/null || true; }

# no_ids: replaces IDs that the server gives now by one word; those of fill_rooms stay.
no_ids() { sed -E 's/1(7[6-9]|[89][0-9])[0-9]{10}-[0-9]+/ID/g'; }

# run_blocks: runs each block on standard input, and names those that fail.
run_blocks() {
	local block failed=0 count=0
	cd "$HOME" || return
	while IFS= read -r -d '' block; do
		((++count))
		"$@"
		run_block "$block" || { printf 'this failed:\n%s\n' "$block" >&2 && failed=1; }
		kill_readers
	done
	((count > 0)) && return "$failed"
}

@test "the first commands of the manuals do what the text says" {
	for program in chat-send chat-tail; do
		man_blocks "$(manual "$program")" DESCRIPTION | run_blocks fill_rooms
	done
}

@test "chat-send(1): the examples do what they show" {
	man_blocks "$(manual chat-send)" EXAMPLES | run_blocks fill_rooms
}

@test "chat-tail(1): the examples do what they show" {
	man_blocks "$(manual chat-tail)" EXAMPLES | run_blocks fill_rooms
}

@test "chat-tail(1): the workers lose no job, and the other examples of sharing" {
	man_blocks "$(manual chat-tail)" 'SHARING THE WORK' | run_blocks fill_rooms
}

@test "chat-tail(1): the mirror, and the reader that moves to it" {
	man_blocks "$(manual chat-tail)" SCALE | run_blocks fill_rooms
}

@test "chat-tail(1): the example of an answer that does not come in time" {
	man_blocks "$(manual chat-tail)" EXAMPLES | grep -z -e '-W 30' | sed -z 's/-W 30/-W 0.1/' | run_blocks
}

# shown_json: the objects that the manual shows, one a line.
shown_json() { section "$(manual chat-tail)" 'OUTPUT FORMATS' | sed -n '/{"/,/}$/s/^ *//p' | tr -d '\n' | sed 's/}{/}\n{/g'; }

@test "chat-tail(1): the JSON is as shown, and that of an entry of two fields, and its rows" {
	fill_rooms
	assert_equal "$(chat-tail -j -e -c 1 room)" "$(shown_json | head -n 1)"
	cli flushall >/dev/null
	cli xadd room 1751390520000-0 marry hi jhon 'both at once' >/dev/null
	assert_equal "$(chat-tail -J -e room)" "$(shown_json | tail -n +2)"
	prints chat-tail -t -e room < <(section "$(manual chat-tail)" 'OUTPUT FORMATS' | sed -nE 's/ {2,}/\t/g; s/^\t(room\t.*-0)/\1/p')
}

@test "other clients: what the manuals show works" {
	for program in chat-send chat-tail; do
		man_blocks "$(manual "$program")" 'OTHER CLIENTS' | run_blocks fill_rooms
	done
}

@test "README.md fits a few screens, its commands can be copied into any shell, and its options exist" {
	(($(wc -l <"$REPO/README.md") <= 120))
	# zsh takes a comment for arguments, a tab completes, and a prompt is not a command. first.bats does the rest.
	assert_equal "$(readme_blocks "$REPO/README.md" | tr -d '\0' | grep -E $'(^| )# |^[$] |\t' || true)" ''
	options=$({ help_options chat-send && help_options chat-tail; } | grep -oE -e '^-[^-]|--[a-z-]+')
	grep -oE '`[^`]*`|^ *chat-.*' "$REPO/README.md" | grep -vE 'redis-cli|make ' | grep -oE '(^|[ `])--?[A-Za-z][A-Za-z-]*' |
		grep -oE -e '-.*' | sort -u >"$BATS_TEST_TMPDIR/options"
	(($(wc -l <"$BATS_TEST_TMPDIR/options") > 5))
	assert_equal "$(grep -vxFf <(echo "$options") "$BATS_TEST_TMPDIR/options" || true)" ''
	for row in 'redis-cli --pipe' 'redis-cli --csv XRANGE' 'redis-cli xadd' PING; do
		grep -qrF "$row" "$REPO/tests/bench" && grep -qF "| \`$row\` |" "$REPO/README.md"
	done
}
