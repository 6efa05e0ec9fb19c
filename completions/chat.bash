# shellcheck shell=bash
# bash completion for chat-send and chat-tail; it needs nothing but bash.

_chat_options='-h --host -p --port -s --socket -u --uri --user --askpass --pass-file --db --tls --cacert --cacertdir
	--cert --key --sni --insecure --retry -q --quiet -v --verbose
	--progress --help -V --version'
_chat_send_options="$_chat_options -n --name -0 --null -w --whole -t --tsv -k --keep-ids -E --empty -T --tee -i --ids
	--maxlen --maxage --max-message --replicas --at-least-once"
_chat_tail_options="$_chat_options -n --lines -S --since -U --until -f --follow -e --exit -c --count -W --timeout
	-x --exclude -m --match -l --list -C --cursor-file -g --group --consumer --claim --ack --prefetch --tries --dead
	-t --tsv -j --json -J --json-entries -F --format -r --raw -0 --null --time --color --above"

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
	*--color= | *--above=) values='auto always never' ;;
	*--pass-file | *--socket | *-s | *--host | *-h) ;; # see _chat
	*--cacert | *--cacertdir | *--cert | *--key | *--cursor-file | *-C) ;;
	*--sni | *--match | *-m | *--group | *-g | *--consumer | *--dead) ;;
	*--user | *--max-message | *--name | *-n | *--count | *-c | *--timeout | *-W | *--exclude | *-x) ;;
	*--format | *-F) ;;
	*) return 1 ;;
	esac
}

# _chat_split: splits the line up to the cursor as the shell does: sets $words, quotes removed, and $quote, the one that the
# last word is in. In COMP_WORDS, what holds one of COMP_WORDBREAKS, such as a URI, is many words.
_chat_split() {
	local line=${COMP_LINE:0:COMP_POINT} char i begun=''
	words=() quote=''
	for ((i = 0; i < ${#line}; i++)); do
		char=${line:i:1}
		if [[ ! $quote && $char == [[:space:]] ]]; then
			begun=''
			continue
		fi
		[[ $begun ]] || words+=('')
		begun=1
		case $quote$char in
		[\"\'] | \'\' | \"\") [[ $quote ]] && quote='' || quote=$char ;;
		\\ | \"\\) ((++i)) && words[-1]+=${line:i:1} ;;
		*) words[-1]+=$char ;;
		esac
	done
	[[ $begun ]] || words+=('')
}

# _chat_option WORD: sets $option to the one in the word that takes a value, if there is one, and $value to what stands in
# the same word. Fails if nothing does, so that the value is the next word.
_chat_option() {
	local i
	option='' value=''
	case $1 in
	--*=*) option=${1%%=*} value=${1#*=} && return ;;
	--*) ! _chat_values "$program" "$1" || option=$1 ;;
	-*)
		for ((i = 1; i < ${#1}; i++)); do
			_chat_values "$program" "-${1:i:1}" || continue
			option=-${1:i:1} value=${1:i+1}
			break
		done
		;;
	esac
	[[ $value ]]
}

# _chat_parse: goes through the words before the last one. Sets $option to the one whose value comes next, $operands to
# their number, $ended if there are no more options, and REDIS_URL and $server to what says which server.
_chat_parse() {
	local i value
	option='' operands=0 ended='' server=()
	for ((i = 1; i < ${#words[@]} - 1; i++)); do
		option=''
		if [[ $ended || ${words[i]} != -?* ]]; then
			# The second operand of chat-send is text, and so is all behind it.
			((++operands == 2)) && [[ $program == chat-send ]] && ended=1
			continue
		fi
		[[ ${words[i]} != -- ]] || ended=1
		[[ ${words[i]} != @(--tls|--insecure) ]] || server+=("${words[i]}")
		if ! _chat_option "${words[i]}" && [[ $option ]]; then
			((++i < ${#words[@]} - 1)) || return 0
			value=${words[i]}
		fi
		case $option in
		-u | --uri) REDIS_URL=$value ;;
		-[hps] | --host | --port | --socket | --user | --pass-file | --db | --cacert | --cacertdir | --cert | --key | --sni)
			server+=("$option" "${value/#\~\//$HOME/}")
			;;
		esac
	done
	option=''
}

# _chat_rooms: sets $offered to the rooms of the server. Silent, and soon over, when there is none. A URI, which may hold a
# password, goes by the environment: everyone can see arguments. So one in the wrong place goes nowhere.
_chat_rooms() {
	local i
	offered=()
	[[ ${server[*]} != *@(@|://)* ]] || return 0
	mapfile -t offered < <(timeout 0.4 chat-tail -q "${server[@]}" -l 2>/dev/null </dev/null | cut -f 1)
	for i in "${!offered[@]}"; do
		# What begins with a dash needs a -- before it; and the shell knows no NUL.
		if [[ ! $ended && ${offered[i]} == -* || ${offered[i]} =~ (^|[^\\])(\\\\)*\\x00 ]]; then
			unset "offered[i]"
		else
			printf -v "offered[i]" %b "${offered[i]}"
		fi
	done
}

# _chat_reply TYPED REPLACED CANDIDATE ...: offers the candidates that begin with what was typed. That stays as it is,
# however it was quoted, and what comes behind it is quoted alike; Readline replaces only a part of it.
_chat_reply() {
	local one rest
	for one in "${@:3}"; do
		[[ $one == "$1"* ]] || continue
		rest=${one:${#1}}
		[[ $quote != \" || $rest != *!* ]] || continue # nothing quotes that there
		case $quote in
		\') rest=${rest//\'/"'\\''"} ;;
		\")
			rest=${rest//\\/\\\\} rest=${rest//\"/\\\"} rest=${rest//\$/\\\$} rest=${rest//\`/\\\`}
			;;
		*) [[ ! $rest ]] || printf -v rest %q "$rest" ;;
		esac
		COMPREPLY+=("$2$rest")
	done
}

_chat() {
	local program=${1##*/} words quote option value operands ended server values offered=()
	local -x REDIS_URL=${REDIS_URL-}
	COMPREPLY=()
	_chat_split
	while ((${#words[@]} > 2)) && [[ ${words[0]##*/} != "$program" ]]; do
		words=("${words[@]:1}") # such as a variable that is set
	done
	_chat_parse
	value=${words[-1]}
	if [[ ! $option && ! $ended && $value == -* ]]; then
		_chat_option "$value" || option='' value=${words[-1]}
		[[ $option != @(--time|--color|--above) ]] || option+='='
	fi
	case $option in
	-s | --socket | --pass-file | --cacert | --cacertdir | --cert | --key | -C | --cursor-file)
		compopt -o default # readline's own completion of file names
		return
		;;
	-h | --host) mapfile -t offered < <(compgen -A hostname -- "$value") ;;
	?*)
		_chat_values "$program" "$option" && mapfile -t offered < <(compgen -W "$values")
		;;
	*)
		if [[ $value == -* && ! $ended ]]; then
			values=$_chat_tail_options
			[[ $program != chat-send ]] || values=$_chat_send_options
			mapfile -t offered < <(compgen -W "$values")
		elif [[ $program == chat-tail || $operands == 0 ]]; then
			_chat_rooms
		fi
		;;
	esac
	_chat_reply "$value" "$2" "${offered[@]}"
}

complete -F _chat chat-send chat-tail
