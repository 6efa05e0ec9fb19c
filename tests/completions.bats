#!/usr/bin/env bats
# The completions as they are installed, tried in fresh shells in a terminal. Each shell looks where it always does, but
# below the directory of this test's installation.

load helper

setup() { trace_less; }

shells=(bash bash-completion zsh fish)

setup_file() {
	export TMUX_TMPDIR=$BATS_FILE_TMPDIR HOME=$BATS_FILE_TMPDIR/home HOSTFILE=$BATS_FILE_TMPDIR/hosts ROOT=$BATS_FILE_TMPDIR/root
	unset TMUX
	mkdir -p "$HOME/files/directory"
	touch "$HOME/files/one.sock" "$HOME/files/two words"
	echo '192.0.2.1 alpha.example' >"$HOSTFILE"
	cd "$HOME/files" || return
	mkdir "$HOME/bin"
	# Each notes its arguments; and timeout gives more time, for the machine may be busy, unless a test is about that.
	for program in timeout chat-tail cut; do
		printf '#!/bin/sh\necho "$0 $*" >>"%s"\n%s\nexec "%s" "$@"\n' "$HOME/arguments" \
			"$([[ $program != timeout ]] || echo "[ -e '$HOME/bounded' ] || { shift && set -- 15 \"\$@\"; }")" \
			"$(command -v $program)" >"$HOME/bin/$program"
	done
	chmod +x "$HOME/bin/"*
	export PATH=$HOME/bin:$PATH
	spawn tmux -D -f /dev/null
	export TMUX_PID=$PID
	wait_until 10 tmux list-sessions
	env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS make -s -C "$REPO" B="$CHAT_BUILD" PREFIX=/usr/local DESTDIR="$ROOT" install
	start_bash
	start_bash_completion
	start_zsh
	start_fish
}

teardown() { stop_jobs; }

teardown_file() {
	local shells
	mapfile -t shells < <(tmux list-panes -a -F '#{pane_pid}')
	kill "$TMUX_PID"
	for pid in "$TMUX_PID" "${shells[@]}"; do wait_until 5 ended "$pid"; done # they may write their history
}

# shell_in_terminal NAME COMMAND ...: starts a shell in a window; it answers in the file $HOME/NAME, first that it is ready.
shell_in_terminal() {
	local name=$1
	shift
	: >"$HOME/$name"
	tmux new-session -d -s "$name" -x 200 -y 50 -e ANSWERS="$HOME/$name" "$@"
	wait_until 20 has_lines "$HOME/$name" 1
}

# In bash and zsh, ^O puts all the candidates into the line. In all shells, ^T writes the line to $ANSWERS and empties it;
# and Enter writes the program's last argument, in hexadecimal digits.
bash_keys=$(
	cat <<'END'
PS1='$ '
bind '"\C-o": insert-completions'
bind -x '"\C-t": printf "%s\n" "$READLINE_LINE" >>"$ANSWERS"; READLINE_LINE='
chat-tail() { printf '%s\n' "$(printf %s "${@: -1}" | od -An -v -tx1 | tr -d ' \n')" >>"$ANSWERS"; }
echo ready >>"$ANSWERS"
END
)

start_bash() {
	printf '%s\n' "source '$ROOT/usr/local/share/bash-completion/completions/chat-tail'" "$bash_keys" >"$HOME/bash.rc"
	shell_in_terminal bash bash --noprofile --rcfile "$HOME/bash.rc"
}

# The package bash-completion looks for a file by the command's name.
start_bash_completion() {
	local package=/usr/share/bash-completion/bash_completion
	[[ -r $package ]] || package=/opt/homebrew/etc/profile.d/bash_completion.sh
	printf '%s\n' "XDG_DATA_DIRS='$ROOT/usr/local/share:$ROOT/usr/share'" "source '$package'" "$bash_keys" >"$HOME/bash-completion.rc"
	shell_in_terminal bash-completion bash --noprofile --rcfile "$HOME/bash-completion.rc"
}

start_zsh() {
	cat >"$HOME/.zshrc" <<'END'
PS1='$ '
bindkey -e
fpath=($ROOT$^fpath $fpath)
autoload -Uz compinit add-zle-hook-widget
compinit -u -D
zstyle ':completion:all:*' completer _all_matches _complete
zstyle ':completion:all:*' insert true
zstyle ':completion:*:hosts' hosts alpha.example
zle -C all complete-word _generic
chat-tail() { print -r -- "$(print -rn -- $@[-1] | od -An -v -tx1 | tr -d ' \n')" >>$ANSWERS }
answer() { print -r -- "$BUFFER" >>$ANSWERS; BUFFER= }
zle -N answer
bindkey '^O' all '^T' answer
ready() { add-zle-hook-widget -d line-init ready; echo ready >>$ANSWERS }
add-zle-hook-widget line-init ready
END
	shell_in_terminal zsh env ZDOTDIR="$HOME" zsh -d -i
}

# A second fish answers each line of the file $HOME/fish.in with what it offers, with | for a blank.
start_fish() {
	mkfifo "$HOME/fish.in"
	# Without this, it makes completions from all manuals in the background.
	mkdir -p "$HOME/.config/fish" "$HOME"/{.cache,.local/share}/fish/generated_completions
	cat >"$HOME/.config/fish/config.fish" <<'END'
set fish_complete_path $ROOT$fish_complete_path $fish_complete_path
function __fish_print_hostnames; echo alpha.example; end
END
	cat >"$HOME/fish.rc" <<'END'
echo ready >>$ANSWERS
while read -l line
	echo (complete -C $line | string replace -r '\t.*' '' | string replace -a ' ' '|') >>$ANSWERS
end
END
	cat >"$HOME/fish.keys" <<'END'
bind \ct 'commandline >>$ANSWERS; commandline ""'
function chat-tail; echo (printf %s $argv[-1] | od -An -v -tx1 | tr -d ' \n') >>$ANSWERS; end
function ready --on-event fish_prompt; functions -e ready; echo ready >>$ANSWERS; end
END
	shell_in_terminal fish-offers env -u XDG_DATA_DIRS sh -c 'exec fish "$1" <>"$0"' "$HOME/fish.in" "$HOME/fish.rc"
	shell_in_terminal fish env -u XDG_DATA_DIRS fish -i -C "source $HOME/fish.keys"
}

# answered SHELL N: it has answered N times; its last answer is left in $line.
answered() {
	mapfile -t answers <"$HOME/$1"
	line=${answers[-1]}
	((${#answers[@]} >= $2))
}

# typed SHELL LINE KEY ...: types LINE and the keys, of which the last one makes it answer; sets line to the answer.
typed() {
	answered "$1" 0
	tmux send-keys -t "=$1:" -l -- "$2" ';' send-keys -t "=$1:" "${@:3}"
	wait_until "${soon-20}" answered "$1" $((${#answers[@]} + 1)) && answered "$1" 0
}

# in_fish LINE: sets line to everything that it offers for the last word, one after the other.
in_fish() {
	answered fish-offers 0
	echo "$1" >"$HOME/fish.in"
	wait_until "${soon-20}" answered fish-offers $((${#answers[@]} + 1)) && answered fish-offers 0
}

# offers SHELL LINE: sets offered to what may stand for the last word of LINE; of `--option=value` only the value or else
# only the option.
offers() {
	local before=${2% *}\  word=${2##* } line one
	local -A all=()
	offered=()
	if [[ $1 == fish ]]; then
		in_fish "$2" || return
	else
		typed "$1" "$2" C-o C-t || return
		line=${line//'\ '/|}
		line=${line#"$before"}
		[[ ${line% } != "$word" ]] || return 0 # nothing was put in
	fi
	[[ $word != --*=* ]] || line=${line//"${word%%=*}="/}
	read -ra offered <<<"$line"
	for one in "${offered[@]//|/ }"; do
		[[ $one != --*= ]] || one=${one%=}
		all[$one]=1
	done
	offered=("${!all[@]}")
}

# all_offer LINE [CANDIDATE ...]: each shell offers these, and nothing else.
all_offer() {
	local shell
	for shell in "${shells[@]}"; do
		offers "$shell" "$1"
		offers_only "${@:2}" || { echo "$shell, $1" >&2 && return 1; }
	done
}
offers_only() {
	local one
	local -A all=()
	for one; do all[$one]=1; done
	for one in "${offered[@]}"; do unset "all[$one]"; done
	((${#all[@]} == 0 && ${#offered[@]} == $#)) && return
	diff -u --label expected --label offered <(printf '%s\n' "$@" | sort) <(printf '%s\n' "${offered[@]}" | sort) >&2
}

# all_complete LINE WHOLE: Tab turns the line into that, apart from a blank or a = at its end.
all_complete() {
	local shell line
	for shell in "${shells[@]}"; do
		typed "$shell" "$1" Tab C-t
		line=${line% }
		assert_equal "$shell: ${line%=}" "$shell: $2"
	done
}

# options_of PROGRAM: as --help lists them, short and long, one a line.
options_of() {
	"$1" --help | sed -n 's/^  \(-.\), \(--[a-z-]*\).*/\1\n\2/p; s/^      \(--[a-z-]*\).*/\1/p'
}

@test "each shell offers the options that --help lists, and no other" {
	local options
	for program in chat-send chat-tail; do
		mapfile -t options < <(options_of "$program")
		((${#options[@]} > 30))
		all_offer "$program -" "${options[@]}"
	done
}

@test "the Tab key completes an option, and a value" {
	all_complete 'chat-tail --col' 'chat-tail --color'
	all_complete 'chat-tail room --foll' 'chat-tail room --follow'
	all_complete 'chat-send --whol' 'chat-send --whole'
	all_complete 'chat-tail --color=al' 'chat-tail --color=always'
	all_complete 'chat-tail -e --color=n' 'chat-tail -e --color=never'
}

@test "values are offered where there is a set of them, or an example" {
	all_offer 'chat-tail --color=' always auto never
	all_offer 'chat-tail --color=a' always auto
	all_offer 'chat-tail --above=' always auto never
	all_offer 'chat-tail --time=' %T %H:%M %F %FT%T%z
	all_offer 'chat-send --maxage ' 1h 12h 1d 7d 4w
	all_offer 'chat-send --maxage=1' 1h 12h 1d
	all_offer 'chat-send --maxlen ' 1000 10000 100000 1000000
	all_offer 'chat-send --retry ' 0 10 600 forever
	all_offer 'chat-tail -n ' 10 100 +1
	all_offer 'chat-tail --lines ' 10 100 +1
	all_offer 'chat-send --db ' {0..15}
	all_offer 'chat-tail -u ' redis:// rediss:// valkey:// unix:/// redis+sentinel://
	for shell in "${shells[@]}"; do
		for option in -S --since -U --until; do
			offers "$shell" "chat-tail $option "
			for value in 10m 1h 1d 1w today yesterday '[0-9]{4}-[0-9]{2}-[0-9]{2}' '[-0-9]+T[0-9]{2}:[0-9]{2}' '@[0-9]+'; do
				[[ " ${offered[*]} " =~ \ $value\  ]] || { echo "$shell, $option: no $value" && false; }
			done
		done
	done
}

@test "optional values are completed within the same word only" {
	all_offer 'chat-tail --color '
	all_offer 'chat-tail --above '
	all_offer 'chat-tail --time '
}

@test "file names where files belong, also those with blanks" {
	for option in -s --socket --pass-file; do
		all_files "chat-tail $option "
		all_files "chat-send room $option "
	done
	all_offer 'chat-tail --socket o' one.sock
	all_offer 'chat-tail --socket=o' one.sock
	all_offer 'chat-send --pass-file t' 'two words'
}
# Some append a slash to a directory.
all_files() {
	for shell in "${shells[@]}"; do
		offers "$shell" "$1"
		offered=("${offered[@]%/}")
		offers_only directory one.sock 'two words' || { echo "$shell, $1" >&2 && return 1; }
	done
}

@test "host names for -h" {
	all_offer 'chat-send -h alp' alpha.example
	all_offer 'chat-tail --host alp' alpha.example
}

@test "nothing for rooms, words and names, and no options after --" {
	all_offer 'chat-tail '
	all_offer 'chat-tail room '
	all_offer 'chat-send '
	all_offer 'chat-send room '
	all_offer 'chat-send -n '
	all_offer 'chat-tail -x '
	all_offer 'chat-tail -F '
	all_offer 'chat-tail -- -'
}

@test "the rooms of the server that the options name; nothing, and soon, when it is away" {
	start_server
	for room in ops other 'two words'; do send -n jhon "$room" hi; done
	cli set other-key x >/dev/null
	all_offer "chat-tail -s $SOCK " ops other 'two words'
	all_offer "chat-tail --socket=$SOCK -e ops o" ops other
	all_offer "chat-send -u unix://$SOCK -n jhon t" 'two words'
	all_offer "chat-send -s $SOCK ops o"
	all_offer "chat-send -s $SOCK -- ops o"
	stop_servers
	all_offer "chat-tail -s $SOCK "
}

@test "nothing, and soon, when the server is silent" {
	local port soon=8 # chat-tail itself waits for 10 s
	port=$(free_port)
	spawn "$PYTHON" -c 'import socket, sys, time
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.1", int(sys.argv[1]))); s.listen(); time.sleep(300)' "$port"
	wait_until 5 bash -c ": >/dev/tcp/127.0.0.1/$port"
	touch "$HOME/bounded"
	all_offer "chat-tail -p $port "
	all_offer "chat-send -u redis://127.0.0.1:$port "
	rm "$HOME/bounded"
}

# reads LINE WORD: once LINE is completed by Tab, each shell reads its last word as this one.
reads() {
	local shell
	local -A had
	for shell in ${only-${shells[@]}}; do
		answered "$shell" 0
		had[$shell]=${#answers[@]}
		tmux send-keys -t "=$shell:" -l -- "$1" ';' send-keys -t "=$shell:" Tab Enter
	done
	for shell in "${!had[@]}"; do
		wait_until 20 answered "$shell" $((had[$shell] + 1)) && answered "$shell" 0
		assert_equal "$shell, $1: $line" "$shell, $1: $(printf %s "$2" | od -An -v -tx1 | tr -d ' \n')" ||
			{ tmux capture-pane -p -t "=$shell:" | tail -n 20 >&2 && return 1; }
	done
}

@test "each room becomes a word that the shell reads as that room, in quotes too" {
	local rooms=(team:dev 'a=b@c' -odd "it's" 'say"hi' ' two  words ' '~root' '$(touch x)`date`' $'two\nlines' 'back\slash\n' \
		'{x,y}*?[z]' '!now!!' $'caf\xc3\xa9' '#no;&|<>') i only
	start_server
	for i in "${!rooms[@]}"; do
		cli -n "$i" xadd "${rooms[i]}" '*' jhon hi >/dev/null
		reads "chat-tail -s $SOCK --db=$i -- '" "${rooms[i]}"
		[[ ${rooms[i]} != !* ]] || only='zsh fish' # see chat.bash
		reads "chat-tail -s $SOCK --db $i -- \"" "${rooms[i]}"
		unset only
		[[ ${rooms[i]} != \~* ]] || only='bash bash-completion zsh' # see chat-tail.fish
		reads "chat-tail -s $SOCK --db=$i -- " "${rooms[i]}"
		unset only
	done
	reads "chat-tail -s $SOCK team:" team:dev
	reads "chat-tail -s $SOCK team:d" team:dev
	reads "chat-tail -s $SOCK 'team:d" team:dev
	reads "chat-tail -s $SOCK --db 1 a=b@" a=b@c
	reads "chat-tail -s $SOCK --db 5 \\ tw" ' two  words '
	reads "chat-tail -s $SOCK --db 6 \\~r" '~root'
	all_offer "chat-tail -s $SOCK --db 2 " # -odd is no operand
	offers fish "chat-tail -s $SOCK --db 6 "
	offers_only
	[[ ! -e x ]]
	stop_servers
}

@test "a URI's password is in no process's arguments" {
	start_server --requirepass s3cret
	send -u "unix://:s3cret@$SOCK" -n jhon ops hi
	rm -f "$HOME/arguments"
	all_offer "chat-tail -u unix://:s3cret@$SOCK " ops
	all_offer "chat-tail -e '-uunix://:s3cret@$SOCK' " ops
	all_offer "chat-send --uri=unix://:s3cret@$SOCK " ops
	(($(grep -c 'chat-tail .*-l$' "$HOME/arguments") == 3 * 2 * ${#shells[@]})) # timeout has it in its own arguments too
	all_offer "chat-tail -h unix://:s3cret@$SOCK "
	all_offer "chat-tail -hu:s3cret@localhost "
	all_offer "chat-send --host s3cret@localhost "
	all_offer "chat-tail --socket=unix://:s3cret@$SOCK "
	! grep s3cret "$HOME/arguments" >&2 || false
	stop_servers
}

@test "options are completed after operands too" {
	all_offer 'chat-send room --max' --maxage --maxlen --max-message
	all_offer 'chat-tail one two --tim' --time --timeout
	all_offer 'chat-send -n jhon room --whol' --whole
}

@test "no options from the first word of a message on" {
	all_offer 'chat-send room hello --'
	all_offer 'chat-send -n jhon room hello -n '
	all_offer 'chat-send --tls -p 1 room hello -'
	all_offer 'chat-send -- room -'
	all_offer 'chat-send room -- -'
}

@test "zsh: an option that cannot be used with one given is not offered" {
	for case in 'chat-tail -t:-j -J -F -r -0 --json --json-entries --format --raw --null --time' 'chat-tail -J:-t -j --time' 'chat-tail -e:-f -W --follow --timeout' \
		'chat-tail -s one.sock:-h -p -u --host --port --uri' 'chat-send -w:-0 -t --null --tsv' \
		'chat-send -t:-0 -w --null --whole' 'chat-send -k:--at-least-once' \
		'chat-send -q:-v --verbose --progress' 'chat-send --askpass:--pass-file' \
		'chat-send --maxlen 9:--maxage' 'chat-tail --time:-t -j -0 --tsv --json --null'; do
		offers zsh "${case%:*} -"
		assert_match "${offered[*]}" --help
		for option in ${case##*:}; do
			[[ " ${offered[*]} " != *" $option "* ]] || { echo "offered after ${case%:*}: $option" && false; }
		done
	done
}
