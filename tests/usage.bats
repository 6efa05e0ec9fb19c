#!/usr/bin/env bats
# Wrong options end with 2 before any connection, and show no password; --help goes to standard output.
# shellcheck disable=SC2154 # status, output, stderr are bats's
# shellcheck disable=SC2030,SC2031,SC2153 # each test is a subshell, and sets what it reads; ROOM is the helper's
# shellcheck disable=SC2016 # what is in single quotes is for another shell

load helper

setup() {
	trace_less
	export REDIS_URL=unix:///nowhere/at/all
}
teardown() { stop_jobs; }

@test "unknown options are named" {
	fails 2 '--nosuch' chat-send --nosuch room
	fails 2 '--nosuch' chat-tail --nosuch=5 room
	fails 2 'y' chat-send -y room
	fails 2 'y' chat-tail -tyx name room
	fails 2 --replicas chat-tail --replicas 1 room
	fails 2 --replicas chat-send --replicas 0 room word
}

@test "an option without its value, or with one too many, is named" {
	fails 2 '-n|--name' chat-send room -n
	fails 2 '--maxlen' chat-send room --maxlen
	fails 2 '-F|--format' chat-tail room -F
	fails 2 '-U|--until' chat-tail room --until
	fails 2 '-0|--null' chat-send --null=yes room
	fails 2 '-e|--exit' chat-tail --exit=yes room
}

@test "numbers and durations out of range are named" {
	for given in '--retry x' '--retry -1' '--retry 5M' '--retry 1m1h' '--retry 1.5m' '--retry 1e3' '--retry Forever' '-p 0' '-p 65536' '-p x' '-p -1' '--db -1' '--db x' '--db 99999999999999999999' '--maxlen x' '--maxlen -1' \
		'--maxlen 99999999999999999999' '--maxage 5' '--maxage x' '--maxage -1s' '--maxage 99999999999999999999w' '--maxage 1y' \
		'--max-message x' '--max-message -1' '--max-message 1k'; do
		read -ra arguments <<<"$given"
		fails 2 "${arguments[0]}" chat-send -n jhon "${arguments[@]}" room word
	done
	for given in '--retry x' '-p 0' '-p 65536' '-p x' '--db -1'; do
		read -ra arguments <<<"$given"
		fails 2 "${arguments[0]}" chat-tail -e "${arguments[@]}" room
	done
}

@test "a malformed URI: exit status 2, and its password is not shown" {
	for uri in '' nonsense http://host redis:/host redis://:hush@host:99999 redis://:hush@host:x redis://:hush@host/db redis://:hush@host/-1 \
		'redis://u:hush%zz@host' 'redis://u:hush%4@host' redisss://:hush@host redis+sentinel://:hush@host redis+sentinel://:hush@host,:1/m \
		sentinel://:hush@host/m 'redis://:hush@[::1' 'redis://:hush@[::1]x' unix:// 'unix://:hush@/sock?db=x' 'redis://:hush%00@host' \
		'redis://:hush@host:1/2/3'; do
		fails 2 'URI' chat-send -n jhon -u "$uri" room word
		[[ $stderr != *hush* ]]
		fails 2 'URI' chat-tail -e "--uri=$uri" room
		[[ $stderr != *hush* ]]
		[[ ! $uri ]] || REDIS_URL=$uri fails 2 'REDIS_URL' chat-tail -e room
		[[ $stderr != *hush* ]]
	done
}

@test "a password as an option, or in another option, is refused and not repeated" {
	local program
	for given in '-a hush' -ahush -qahush '--pass hush' --pass=hush '--password hush' --password=hush '--passw hush' '--pas hush' \
		--pas=hush '-h redis://u:hush@h' -hredis://u:hush@h '--host=u:hush@h' '-s redis://u:hush@h' '-u u:hush@h' '-u redis://u:hush' '--auth hush' \
		'-p redis://u:hush@h' '--db=redis://u:hush@h/0' '--retry redis://u:hush@h'; do
		read -ra arguments <<<"$given"
		for program in chat-send chat-tail; do
			fails 2 '' "$program" "${arguments[@]}" room word
			[[ $stderr != *hush* ]]
		done
	done
	for option in -a --pass --password; do fails 2 "$option: .*--askpass, --pass-file" chat-tail "$option" hush room; done
	fails 2 '-h: .*-u' chat-tail -h redis://u:hush@h room
	for option in -n -S -U --color= --claim=; do
		fails 2 "${option%=}: needs [^;]*; for a URI use -u$" chat-tail "${option}redis://u:hush@h" room
		[[ $stderr != *hush* ]]
	done
	[[ $(chat-tail --help) != *PASSWORD* ]]
}

@test "options about the server that cannot be used together" {
	for given in '-h localhost' '-p 6379' '-s /sock' '--host=localhost' '--port=6379' '--socket=/sock'; do
		read -ra arguments <<<"$given"
		fails 2 '' chat-send -u redis://localhost "${arguments[@]}" room word
		fails 2 '' chat-tail -e "${arguments[@]}" -u unix:///sock room
	done
	fails 2 '' chat-tail --askpass --pass-file /dev/null -e room
}

@test "--help and --version go to standard output, exit status 0" {
	for program in chat-send chat-tail; do
		for option in --help --version -V; do
			run --separate-stderr timeout 120 "$program" "$option"
			assert_status 0
			assert_equal "$stderr" ''
			assert_match "${lines[0]}" "$program"
		done
		assert_match "$("$program" --help | head -n 1)" "^usage: $program \[options\] room"
		fails 1 '' bash -c 'exec "$0" --help >/dev/full' "$program"
	done
}

@test "--help into a pipe that nobody reads ends as filters do" {
	hold_input
	exec 8>"$pipe"
	exec 7<&-
	for program in chat-send chat-tail; do
		run --separate-stderr bash -c '"$0" --help >&8 2>"$1"' "$program" "$BATS_TEST_TMPDIR/err"
		assert_status 141
		assert_equal "$(<"$BATS_TEST_TMPDIR/err")" ''
	done
}
