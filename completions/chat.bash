# shellcheck shell=bash
# bash completion for chat-send and chat-tail; it needs nothing but bash.

_chat_options='-h --host -p --port -s --socket -u --uri --user --askpass --pass-file --db --tls --cacert --cacertdir
	--cert --key --sni --insecure --retry -q --quiet -v --verbose
	--progress --help -V --version'
_chat_send_options="$_chat_options -n --name -0 --null -w --whole -t --tsv -k --keep-ids -E --empty -T --tee -i --ids
	--maxlen --maxage --max-message --replicas --at-least-once"
_chat_tail_options="$_chat_options -n --lines -S --since -U --until -f --follow -e --exit -c --count -W --timeout
	-x --exclude -m --match -l --list -C --cursor-file -g --group --consumer --claim --ack --prefetch --tries --dead
	-t --tsv -j --json -J --json-entries -F --format -r --raw -0 --null --time --color"

# _chat_values PROGRAM OPTION: sets $values to what the option's value may be. Fails if it takes none.
_chat_values() {
	values=''
	case $1$2 in
	*--uri | *-u) values='redis:// rediss:// valkey:// unix:/// redis+sentinel://' ;;
	*--port | *-p) values=6379 ;;
	*--db) values='0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15' ;;
	*--retry) values='0 10 600 forever' ;;
	*--replicas) values='1 2' ;;
	*--claim) values='30s 60s 10m 1h' ;;
	*--prefetch) values='1 10 100 1000' ;;
	*--tries) values='3 5 10' ;;
	*--maxlen) values='1000 10000 100000 1000000' ;;
	*--maxage) values='1h 12h 1d 7d 4w' ;;
	*--lines | chat-tail-n) values='10 100 +1' ;;
	*--since | *--until | *-[SU]) printf -v values '10m 1h 1d 1w today yesterday %(%Y-%m-%d)T %(%Y-%m-%dT%H:%M)T @%(%s)T' -1 -1 -1 ;;
	*--time=) values='%T %H:%M %F %FT%T%z' ;;
	*--color=) values='auto always never' ;;
	*--pass-file | *--socket | *-s | *--host | *-h) ;; # see _chat
	*--cacert | *--cacertdir | *--cert | *--key | *--cursor-file | *-C) ;;
	*--sni | *--match | *-m | *--group | *-g | *--consumer | *--dead) ;;
	*--user | *--max-message | *--name | *-n | *--count | *-c | *--timeout | *-W | *--exclude | *-x) ;;
	*--format | *-F) ;;
	*) return 1 ;;
	esac
}

# _chat_rooms: the rooms that the server has, which is asked with the options typed so far that say which one it is.
# Silent, and soon over, when there is no server. A name of more than plain characters is offered quoted. A URI, which may
# hold a password, goes by the environment: everyone can see arguments.
_chat_rooms() {
	local i words server=() rooms room typed
	local -x REDIS_URL=${REDIS_URL-}
	# The line, for in COMP_WORDS a URI or `--option=value` is many words.
	read -ra words <<<"${COMP_LINE:0:COMP_POINT}"
	for ((i = 1; i < ${#words[@]}; i++)); do
		case ${words[i]} in
		-u | --uri) REDIS_URL=$(_chat_unquoted "${words[i + 1]-}") ;;
		--uri=*) REDIS_URL=$(_chat_unquoted "${words[i]#*=}") ;;
		-[hps] | --host | --port | --socket | --user | --pass-file | --db | --cacert | --cacertdir | --cert | --key | --sni)
			server+=("${words[i]}" "$(_chat_unquoted "${words[i + 1]-}")")
			;;
		--tls | --insecure | --host=* | --port=* | --socket=* | --user=* | --pass-file=* | --db=* | --cacert=* | \
			--cacertdir=* | --cert=* | --key=* | --sni=*) server+=("$(_chat_unquoted "${words[i]}")") ;;
		esac
	done
	typed=$(_chat_unquoted "${COMP_WORDS[COMP_CWORD]}")
	mapfile -t rooms < <(timeout 0.4 chat-tail -q "${server[@]}" -l 2>/dev/null </dev/null | cut -f 1)
	for room in "${rooms[@]}"; do
		[[ $room != "$typed"* ]] || COMPREPLY+=("$(printf %q "$room")")
	done
}
_chat_unquoted() {
	local text=${1//[\"\']/}
	printf '%s' "${text//\\/}"
}

_chat() {
	local program=${1##*/} word=${COMP_WORDS[COMP_CWORD]} option=${COMP_WORDS[COMP_CWORD - 1]} before='' values
	COMPREPLY=()
	[[ " ${COMP_WORDS[*]:1:COMP_CWORD-1} " != *' -- '* ]] || return 0

	# `--color=al` is three words if `=` is among COMP_WORDBREAKS, as it is at first, and else one.
	if [[ $word == --*=* ]]; then
		option=${word%%=*} before=$option= word=${word#*=}
	elif [[ $word == '=' ]]; then
		word=''
	elif [[ $option == '=' ]]; then
		option=${COMP_WORDS[COMP_CWORD - 2]}
	elif [[ $option == --time || $option == --color ]]; then
		option='' # their values are optional, and always in the same word
	fi
	[[ $option != --time && $option != --color ]] || option+='='

	if ! _chat_values "$program" "$option"; then
		values=$_chat_tail_options
		[[ $program != chat-send ]] || values=$_chat_send_options
		[[ $word == -* ]] || { _chat_rooms && return; }
	elif [[ $option == @(-s|--socket|--pass-file|--cacert|--cacertdir|--cert|--key|-C|--cursor-file) ]]; then
		compopt -o default # readline's own completion of file names
		return
	elif [[ $option == -h || $option == --host ]]; then
		mapfile -t COMPREPLY < <(compgen -P "$before" -A hostname -- "$word")
		return
	fi
	mapfile -t COMPREPLY < <(compgen -P "$before" -W "$values" -- "$word")
}

complete -F _chat chat-send chat-tail
