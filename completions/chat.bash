# shellcheck shell=bash
# bash completion for chat-send and chat-tail, with the package bash-completion or without it.

_chat_options='-h --host -p --port -s --socket -u --uri --user --askpass --pass-file --db -q --quiet -v --verbose
	--progress --help -V --version'
_chat_send_options='-n --name -0 --null -w --whole -t --tsv -k --keep-ids -E --empty -T --tee -i --ids --maxlen
	--maxage --max-message'
_chat_tail_options='-n --lines -S --since -U --until -f --follow -e --exit -c --count -W --timeout -x --exclude
	-t --tsv -j --json -F --format -r --raw -0 --null --time --color'

# _chat_value PROGRAM OPTION BEFORE WORD: completes WORD as the option's value, each candidate with BEFORE put first.
# Fails when the option takes no value, or the word cannot be one.
_chat_value() {
	local values
	case $1$2 in
	*--pass-file | *-s | *--socket)
		compopt -o default # readline's own completion of file names
		return
		;;
	*-h | *--host)
		mapfile -t COMPREPLY < <(compgen -A hostname -P "$3" -- "$4")
		return
		;;
	*-u | *--uri) values='redis:// valkey:// unix:///' ;;
	*-p | *--port) values=6379 ;;
	*--db) values='0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15' ;;
	*--maxage) values='1h 12h 1d 7d 4w' ;;
	*--maxlen) values='1000 10000 100000 1000000' ;;
	chat-tail-[SU] | *--since | *--until)
		printf -v values '10m 1h 1d 1w %(%Y-%m-%d)T %(%Y-%m-%dT%H:%M)T @%(%s)T' -1 -1 -1
		;;
	chat-tail-n | *--lines) values='10 100 +1' ;;
	*--time) values='%T %H:%M %F %FT%T%z' ;;
	*--color) values='auto always never' ;;
	*--user | *--name | chat-send-n | *-x | *--exclude | *-F | *--format | *-c | *--count | *-W | *--timeout | *--max-message) ;;
	*) return 1 ;;
	esac
	[[ $2 != --time && $2 != --color || $5 == '=' ]] || return
	mapfile -t COMPREPLY < <(compgen -W "$values" -P "$3" -- "$4")
}

_chat() {
	local program=${1##*/} cur=$2 word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} options i
	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		[[ ${COMP_WORDS[i]} != -- ]] || return 0
	done
	# With '=' among the breaks between words, as is usual, `--color=al` is three of them; else it is one.
	if [[ $word == --*=* ]]; then
		_chat_value "$program" "${word%%=*}" "${word%%=*}=" "${word#*=}" =
		return
	elif [[ $word == '=' ]]; then
		_chat_value "$program" "$previous" '' '' =
		return
	elif [[ $previous == '=' ]]; then
		_chat_value "$program" "${COMP_WORDS[COMP_CWORD - 2]}" '' "$word" =
		return
	elif _chat_value "$program" "$previous" '' "$word" ''; then
		return
	fi
	COMPREPLY=()
	[[ $cur == -* ]] || return 0
	options="$_chat_options $_chat_tail_options"
	[[ $program != *send* ]] || options="$_chat_options $_chat_send_options"
	mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
}

complete -F _chat chat-send chat-tail
