#!/usr/bin/env bats
# The completions, by completing in each of the three shells: bash and zsh in a terminal, fish by its own command.

load helper

setup() { trace_less; }

shells=(bash bash-completion zsh fish)

setup_file() {
	export TMUX_TMPDIR=$BATS_FILE_TMPDIR HOME=$BATS_FILE_TMPDIR/home HOSTFILE=$BATS_FILE_TMPDIR/hosts
	unset TMUX
	mkdir -p "$HOME/files/directory"
	touch "$HOME/files/one.sock" "$HOME/files/two words"
	echo '192.0.2.1 alpha.example' >"$HOSTFILE"
	cd "$HOME/files" || return
	mkdir "$HOME/bin"
	printf '#!/bin/sh\nprintf "%%s\\n" "$*" >>"%s"\nexec "%s" "$@"\n' "$HOME/arguments" "$(command -v timeout)" >"$HOME/bin/timeout"
	chmod +x "$HOME/bin/timeout"
	export PATH=$HOME/bin:$PATH
	spawn tmux -D -f /dev/null
	export TMUX_PID=$PID
	wait_until 10 tmux list-sessions
	start_bash
	start_bash_completion
	start_zsh
	start_fish
}

teardown_file() {
	kill "$TMUX_PID"
	wait_until 5 ended "$TMUX_PID"
}

# shell_in_terminal NAME COMMAND ...: in a window; it answers in the file $HOME/NAME, first that it is ready.
shell_in_terminal() {
	local name=$1
	shift
	: >"$HOME/$name"
	tmux new-session -d -s "$name" -x 200 -y 50 -e ANSWERS="$HOME/$name" "$@"
	wait_until 20 has_lines "$HOME/$name" 1
}

# In bash and zsh, ^O puts all the candidates into the line, and ^T writes the line to $ANSWERS and empties it.
bash_keys=$(
	cat <<'END'
PS1='$ '
bind '"\C-o": insert-completions'
bind -x '"\C-t": printf "%s\n" "$READLINE_LINE" >>"$ANSWERS"; READLINE_LINE='
echo ready >>"$ANSWERS"
END
)

start_bash() {
	printf '%s\n' "source '$REPO/completions/chat.bash'" "$bash_keys" >"$HOME/bash.rc"
	shell_in_terminal bash bash --noprofile --rcfile "$HOME/bash.rc"
}

# As installed: the package bash-completion looks for a file by the command's name.
start_bash_completion() {
	local package=/usr/share/bash-completion/bash_completion dir=$HOME/data/bash-completion/completions
	[[ -r $package ]] || package=/opt/homebrew/etc/profile.d/bash_completion.sh
	mkdir -p "$dir"
	ln -s "$REPO/completions/chat.bash" "$dir/chat-send"
	ln -s "$REPO/completions/chat.bash" "$dir/chat-tail"
	printf '%s\n' "XDG_DATA_HOME='$HOME/data'" "source '$package'" "$bash_keys" >"$HOME/bash-completion.rc"
	shell_in_terminal bash-completion bash --noprofile --rcfile "$HOME/bash-completion.rc"
}

start_zsh() {
	cat >"$HOME/.zshrc" <<'END'
PS1='$ '
bindkey -e
fpath=($REPO/completions $fpath)
autoload -Uz compinit add-zle-hook-widget
compinit -u -D
zstyle ':completion:all:*' completer _all_matches _complete
zstyle ':completion:all:*' insert true
zstyle ':completion:*:hosts' hosts alpha.example
zle -C all complete-word _generic
answer() { print -r -- "$BUFFER" >>$ANSWERS; BUFFER= }
zle -N answer
bindkey '^O' all '^T' answer
ready() { add-zle-hook-widget -d line-init ready; echo ready >>$ANSWERS }
add-zle-hook-widget line-init ready
END
	shell_in_terminal zsh env ZDOTDIR="$HOME" zsh -d -i
}

# It answers each line of the file $HOME/fish.in by what it offers, a blank in it being a |.
start_fish() {
	mkfifo "$HOME/fish.in"
	cat >"$HOME/fish.rc" <<'END'
function __fish_print_hostnames; echo alpha.example; end
source $argv[1]
source $argv[2]
echo ready >>$ANSWERS
while read -l line
	echo (complete -C $line | string replace -r '\t.*' '' | string replace -a ' ' '|') >>$ANSWERS
end
END
	shell_in_terminal fish sh -c 'exec fish --no-config "$@" <>"$0"' "$HOME/fish.in" "$HOME/fish.rc" \
		"$REPO/completions/chat-send.fish" "$REPO/completions/chat-tail.fish"
}

# answered SHELL N: it has answered so often; leaves its last answer in $line.
answered() {
	mapfile -t answers <"$HOME/$1"
	line=${answers[-1]}
	((${#answers[@]} >= $2))
}

# typed SHELL KEY LINE: types LINE and the key; sets line to what the line is then.
typed() {
	answered "$1" 0
	tmux send-keys -t "=$1:" -l -- "$3" ';' send-keys -t "=$1:" "$2" C-t
	wait_until 10 answered "$1" $((${#answers[@]} + 1)) && answered "$1" 0
}

# in_fish LINE: sets line to all that it offers for the last word, one behind the other.
in_fish() {
	answered fish 0
	echo "$1" >"$HOME/fish.in"
	wait_until 10 answered fish $((${#answers[@]} + 1)) && answered fish 0
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
		typed "$1" C-o "$2" || return
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

# all_complete LINE WHOLE: the line becomes that by Tab, but for a blank or a = behind it.
all_complete() {
	local shell line
	for shell in "${shells[@]}"; do
		if [[ $shell == fish ]]; then
			in_fish "$1"
			line=${1% *}\ ${line%% *}
		else
			typed "$shell" Tab "$1"
		fi
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

@test "a key completes an option, and a value" {
	all_complete 'chat-tail --col' 'chat-tail --color'
	all_complete 'chat-tail room --foll' 'chat-tail room --follow'
	all_complete 'chat-send --whol' 'chat-send --whole'
	all_complete 'chat-tail --color=al' 'chat-tail --color=always'
	all_complete 'chat-tail -e --color=n' 'chat-tail -e --color=never'
}

@test "values where there is a set, or an example" {
	all_offer 'chat-tail --color=' always auto never
	all_offer 'chat-tail --color=a' always auto
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

@test "the optional values are those of the same word only" {
	all_offer 'chat-tail --color '
	all_offer 'chat-tail --time '
}

@test "files where files belong, names with blanks too" {
	for option in -s --socket --pass-file; do
		all_files "chat-tail $option "
		all_files "chat-send room $option "
	done
	all_offer 'chat-tail --socket o' one.sock
	all_offer 'chat-tail --socket=o' one.sock
	all_offer 'chat-send --pass-file t' 'two words'
}
# Some put a slash behind a directory.
all_files() {
	for shell in "${shells[@]}"; do
		offers "$shell" "$1"
		offered=("${offered[@]%/}")
		offers_only directory one.sock 'two words' || { echo "$shell, $1" >&2 && return 1; }
	done
}

@test "hosts for -h" {
	all_offer 'chat-send -h alp' alpha.example
	all_offer 'chat-tail --host alp' alpha.example
}

@test "nothing for rooms, words and names, and no options behind --" {
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
	stop_servers
	all_offer "chat-tail -s $SOCK "
}

@test "a URI's password is in no process's arguments" {
	start_server --requirepass s3cret
	send -u "unix://:s3cret@$SOCK" -n jhon ops hi
	rm -f "$HOME/arguments"
	all_offer "chat-tail -u unix://:s3cret@$SOCK " ops
	all_offer "chat-send --uri=unix://:s3cret@$SOCK " ops
	has_lines "$HOME/arguments" $((2 * ${#shells[@]}))
	! grep s3cret "$HOME/arguments" >&2 || false
	stop_servers
}

@test "options go on behind operands" {
	all_offer 'chat-send room --max' --maxage --maxlen --max-message
	all_offer 'chat-tail one two --tim' --time --timeout
}

@test "zsh: what contradicts an option given is not offered" {
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
