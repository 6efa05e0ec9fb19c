#!/usr/bin/env bats
# The completions, by completing in each of the three shells: bash and zsh in a terminal, fish by its own command.

load helper

setup_file() {
	export TMUX_TMPDIR=$BATS_FILE_TMPDIR HOME=$BATS_FILE_TMPDIR/home
	unset TMUX
	mkdir -p "$HOME/files/directory"
	touch "$HOME/files/one.sock" "$HOME/files/two words"
	cd "$HOME/files" || return
	spawn tmux -D -f /dev/null
	export TMUX_PID=$PID
	start_bash
	start_bash_completion
	start_zsh
}

teardown_file() {
	kill "$TMUX_PID"
	wait_end 5 "$TMUX_PID"
}

# shell_in_terminal NAME COMMAND ...: in a window; says on its own in $HOME/NAME when it is ready, by $SAY, and then
# answers there.
shell_in_terminal() {
	local name=$1
	shift
	: >"$HOME/$name"
	wait_until 10 tmux new-session -d -s "$name" -x 200 -y 50 -e ANSWERS="$HOME/$name" "$@"
	wait_until 20 has_lines "$HOME/$name" 1
}

# In both, ^O puts all the candidates into the line, and ^T writes the line to $ANSWERS and empties it.
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
autoload -Uz compinit
compinit -u -D
zstyle ':completion:all:*' completer _all_matches _complete
zstyle ':completion:all:*' insert true
zle -C all complete-word _generic
answer() { print -r -- "$BUFFER" >>$ANSWERS; BUFFER= }
zle -N answer
bindkey '^O' all '^T' answer
_chat_tail_first() { echo ready >>$ANSWERS; add-zle-hook-widget -d line-init _chat_tail_first }
autoload -Uz add-zle-hook-widget
add-zle-hook-widget line-init _chat_tail_first
END
	shell_in_terminal zsh env ZDOTDIR="$HOME" zsh -d -i
}

# line SHELL KEYS LINE: types LINE and the keys, and prints what the line is then.
line() {
	local lines
	lines=$(wc -l <"$HOME/$1")
	tmux send-keys -t "$1" -l -- "$3"
	# shellcheck disable=SC2086 # several keys
	tmux send-keys -t "$1" $2 C-t
	wait_until 10 has_lines "$HOME/$1" $((lines + 1)) && tail -n 1 "$HOME/$1"
}

fish_complete() {
	fish --no-config -c 'source $argv[1]; source $argv[2]; complete -C $argv[3]' \
		"$REPO/completions/chat-send.fish" "$REPO/completions/chat-tail.fish" "$1"
}

# candidates SHELL LINE: what may stand for the last word of the line, one a line, sorted.
candidates() {
	if [[ $1 == fish ]]; then
		fish_complete "$2" | cut -f 1
	else
		line "$1" C-o "$2" | sed "s/^chat-[a-z]* *//; s/\\\\ /\n /g"
	fi
}
@test x {
	for s in bash bash-completion zsh; do
	for l in 'chat-tail -' 'chat-tail --col' 'chat-tail --color=' 'chat-tail --color ' 'chat-tail --time=' 'chat-tail -S ' 'chat-tail -s ' 'chat-tail ' 'chat-send --db ' 'chat-send -n ' 'chat-send --pass-file=o' 'chat-send --pass-file ' 'chat-tail -h lo' 'chat-tail -S10'  'chat-tail -s t' 'chat-tail -t -' 'chat-tail -u ' 'chat-tail -u r' 'chat-tail -S @' 'chat-send -' 'chat-tail -j room --c' 'chat-send -- -' 'chat-send -n x room -'; do
	echo "== $s: $l" >&3
	line $s C-o "$l" | cat -A>&3
	done
	done
}
