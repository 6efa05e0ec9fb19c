#!/usr/bin/env bats
# TLS, with certificates made here, and a build without it.
# shellcheck disable=SC2154 # status, output, stderr are bats's
# shellcheck disable=SC2030,SC2031 # each test is a subshell, and sets what it reads

load helper

# with_tls: whether the programs under test were built with TLS.
with_tls() { ! chat-tail --tls room 2>&1 | grep -q 'without TLS'; }

setup_file() {
	unset REDIS_URL
	with_tls || return 0
	export PKI=$BATS_FILE_TMPDIR/pki
	mkdir "$PKI"
	cd "$PKI" || return
	authority ca && authority other
	certificate server ca 'DNS:localhost,IP:127.0.0.1,IP:::1'
	certificate expired ca 'DNS:localhost,IP:127.0.0.1' -days 0
	certificate elsewhere ca 'DNS:chat.example.org'
	certificate client ca 'DNS:client'
	certificate localhost ca 'email:nobody@example.test'
	certificate partial ca 'DNS:f*.example.test,DNS:*.sub.test'
	cat client.crt client.key >both.pem
}
setup() { trace_less; }
teardown() { stop_all; }

authority() { # NAME
	openssl req -x509 -newkey rsa:2048 -nodes -keyout "$1.key" -out "$1.crt" -days 2 -subj "/CN=chat test $1" 2>/dev/null
}
certificate() { # NAME AUTHORITY NAMES [-days N]
	openssl req -newkey rsa:2048 -nodes -keyout "$1.key" -out "$1.csr" -subj "/CN=$1" 2>/dev/null
	openssl x509 -req -in "$1.csr" -CA "$2.crt" -CAkey "$2.key" -CAcreateserial -out "$1.crt" \
		-extfile <(echo "subjectAltName=$3") "${@:4}" 2>/dev/null
}

# tls_server CERTIFICATE [argument ...]: a server; sets PORT. Its unix socket needs no TLS. Skips the test without TLS.
tls_server() {
	with_tls || skip 'this build has no TLS'
	for _ in 1 2 3 4 5; do
		PORT=$(free_port)
		start_server --bind 127.0.0.1 --tls-port "$PORT" --tls-cert-file "$PKI/$1.crt" --tls-key-file "$PKI/$1.key" \
			--tls-ca-cert-file "$PKI/ca.crt" --tls-auth-clients no "${@:2}" && break
	done
	unset REDIS_URL
	trusting=(--tls --cacert "$PKI/ca.crt" -p "$PORT")
}

@test "a build without TLS says so at each option and URI, exit status 2; one with TLS knows them" {
	if with_tls; then
		fails 2 '--cacert: cannot use /nonexistent/ca: No such file' chat-tail --tls --cacert /nonexistent/ca room
		fails 2 '--cacertdir needs --tls or rediss://' chat-tail --cacertdir / room
		fails 2 '--cacertdir: cannot use /nonexistent/dir: No such file' chat-tail --tls --cacertdir /nonexistent/dir room
		fails 2 '--cacertdir: cannot use .*: Not a directory' chat-tail --tls --cacertdir "$PKI/ca.crt" room
		fails 2 "--sni: '.example.test' is not a host name" chat-send --tls --sni .example.test room hi
		fails 2 '--key needs --cert' chat-tail --tls --key f room
		fails 2 '--insecure and --cacert cannot be used together' chat-tail --tls --insecure --cacert f room
		fails 2 '-s and --tls cannot be used together' chat-send --tls -s /x room hi
		return
	fi
	for option in --tls --cacert=f --cacertdir=d --cert=f --sni=n --insecure; do
		fails 2 "${option%=*}: this program was built without TLS" chat-send "$option" room hi
	done
	fails 2 'rediss://: this program was built without TLS' chat-tail -u rediss://localhost room
	fails 2 'rediss://: this program was built without TLS' env REDIS_URL=rediss+sentinel://localhost/m chat-tail room
}

@test "--version names the libraries, and the manuals the version" {
	local tls='no TLS' name
	! with_tls || tls='OpenSSL [0-9]+\.[0-9]+\.[0-9]+[a-z]?'
	for name in chat-send chat-tail; do
		run "$name" --version
		assert_match "$output" "^$name 0\\.2\\.0 \\(hiredis [0-9]+\\.[0-9]+\\.[0-9]+, $tls\\)\$"
		grep -qxF ".Os ${output% (*}" "$REPO/cmd/$name.1"
	done
	! pkg-config --exists hiredis || assert_match "$output" "hiredis $(pkg-config --modversion hiredis),"
}

@test "a good certificate: by address and by name, from a file or a directory, by option and by URI" {
	tls_server server
	send "${trusting[@]}" -n jhon room hi
	mkdir "$BATS_TEST_TMPDIR/dir"
	cp "$PKI/ca.crt" "$BATS_TEST_TMPDIR/dir/$(openssl x509 -hash -noout -in "$PKI/ca.crt").0"
	prints chat-tail --tls --cacertdir "$BATS_TEST_TMPDIR/dir" -h localhost -p "$PORT" -e room <<<'[jhon]: hi'
	prints chat-tail -u "rediss://localhost:$PORT" --cacert "$PKI/ca.crt" -e room <<<'[jhon]: hi'
	prints env SSL_CERT_FILE="$PKI/ca.crt" REDIS_URL="valkeys://127.0.0.1:$PORT" chat-tail -e room <<<'[jhon]: hi'
}

@test "a certificate that is expired, another host's or of an unknown authority: exit status 3 with the reason; --insecure accepts it" {
	local hint='; see --cacert, --sni and --insecure$'
	tls_server expired
	fails 3 "certificate is not valid: certificate has expired$hint" chat-send "${trusting[@]}" -n jhon room hi
	fails 3 "certificate is not valid: certificate has expired" chat-tail "${trusting[@]}" room
	stop_server
	tls_server elsewhere
	fails 3 "certificate is not valid: .*hostname mismatch$hint" chat-send "${trusting[@]}" -n jhon -h localhost room hi
	fails 3 "certificate is not valid: IP address mismatch" chat-send "${trusting[@]}" -n jhon room hi
	send "${trusting[@]}" -n jhon --sni chat.example.org room named
	stop_server
	tls_server server
	fails 3 "certificate is not valid: .*(unable|self-signed).*$hint" chat-send --tls --cacert "$PKI/other.crt" -p "$PORT" room hi
	fails 3 'certificate is not valid' chat-tail --tls -p "$PORT" room
	send --tls --insecure -p "$PORT" -n jhon room hi
	assert_equal "$(messages room)" 'jhon: hi'
}

@test "a host name matches an alternative name, not the subject, or a wildcard for one whole label; a final dot is ignored" {
	tls_server localhost
	fails 3 'hostname mismatch' chat-send "${trusting[@]}" -n jhon -h localhost room hi
	stop_server
	tls_server partial
	fails 3 'hostname mismatch' chat-send "${trusting[@]}" -n jhon --sni foo.example.test room hi
	fails 3 'hostname mismatch' chat-send "${trusting[@]}" -n jhon --sni a.b.sub.test room hi
	fails 3 'hostname mismatch' chat-send "${trusting[@]}" -n jhon --sni sub.test room hi
	send "${trusting[@]}" -n jhon --sni any.sub.test room one
	send "${trusting[@]}" -n jhon --sni any.sub.test. room two
	fails 3 'hostname mismatch|no such host name' chat-send "${trusting[@]}" -n jhon --sni any.sub.test.. room hi
	stop_server
	tls_server server
	send "${trusting[@]}" -n jhon --sni localhost. room three
}

@test "the server demands a client certificate: without one, its words and what to do, however early it closes" {
	local words='(certificate required|handshake failure); the server asks for a certificate \(--cert\)$'
	tls_server server --tls-auth-clients yes
	for _ in {1..20}; do fails 3 "$words" chat-send "${trusting[@]}" -n jhon room hi; done
	cli config set tls-protocols TLSv1.2
	fails 3 "$words" chat-send "${trusting[@]}" -n jhon room hi
	cli config set tls-protocols ''
	send "${trusting[@]}" --cert "$PKI/client.crt" --key "$PKI/client.key" -n jhon room hi
	send "${trusting[@]}" --cert "$PKI/both.pem" -n jhon room there
	fails 2 '--key: cannot use .*mismatch' chat-send "${trusting[@]}" --cert "$PKI/client.crt" --key "$PKI/server.key" room hi
	assert_equal "$(messages room)" $'jhon: hi\njhon: there'
}

@test "TLS to a server without it, and no TLS to a server that needs it" {
	tls_server server
	fails 3 '; a TLS port needs --tls$' chat-send -p "$PORT" room hi
	start_server_tcp
	fails 3 '(no answer|TLS: [^;]*); if it is not a TLS port, leave out --tls, or use redis://; gave up after 1 s$' \
		chat-send -q --retry 1 --tls --insecure -p "$PORT" room hi
}

@test "200,000 lines and 8 MB messages through TLS; connections that are killed lose and double nothing" {
	tls_server server
	seq 200000 >"$BATS_TEST_TMPDIR/in"
	spawn chat-send --tls --cacert "$PKI/ca.crt" -p "$PORT" -n jhon room <"$BATS_TEST_TMPDIR/in" 2>"$BATS_TEST_TMPDIR/err"
	local sender=$PID
	wait_until 10 eval '(($(length room) > 0))' # the first connection must succeed at once
	while kill -0 "$sender" 2>/dev/null; do
		cli client kill type normal skipme yes >/dev/null
		sleep 0.05
	done
	wait_end 10 "$sender"
	assert_status 0
	grep -q 'trying again' "$BATS_TEST_TMPDIR/err"
	show "${trusting[@]}" -r -e room | cmp - <(seq -f '[jhon]: %.0f' 200000)
	head -c 8000000 /dev/zero | tr '\0' x >"$BATS_TEST_TMPDIR/long"
	send "${trusting[@]}" -w -n jhon long <"$BATS_TEST_TMPDIR/long"
	show "${trusting[@]}" -0 -e long | tr -d '\0' | cmp - "$BATS_TEST_TMPDIR/long"
}

@test "a server that accepts and stays silent in the handshake: no busy waiting, and it gives up" {
	with_tls || skip 'this build has no TLS'
	PORT=$(free_port)
	spawn "$PYTHON" -c 'import socket, sys, time
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.1", int(sys.argv[1]))); s.listen(); time.sleep(60)' "$PORT"
	wait_until 5 bash -c ": >/dev/tcp/127.0.0.1/$PORT"
	TIMEFORMAT='%U %S'
	status=0
	times=$({ time chat-send --tls --insecure --retry 1 -p "$PORT" room hi 2>"$BATS_TEST_TMPDIR/err" || true; } 2>&1)
	grep -q 'no answer; .*; gave up' "$BATS_TEST_TMPDIR/err"
	awk '{ exit $1 + $2 > 0.5 }' <<<"$times"
	spawn chat-send --tls --insecure --retry 13 -p "$PORT" -n jhon room hi 2>"$BATS_TEST_TMPDIR/err"
	wait_until 20 has_lines "$BATS_TEST_TMPDIR/err" 2
	grep -qx "chat-send: 127.0.0.1:$PORT has not answered yet; if it is not a TLS port, leave out --tls, or use redis://" <(head -n 1 "$BATS_TEST_TMPDIR/err")
	grep -q 'no answer; if it is not a TLS port' <(tail -n 1 "$BATS_TEST_TMPDIR/err")
	wait_end 20 "$PID"
	assert_equal "$(grep -c 'not answered yet' "$BATS_TEST_TMPDIR/err")" 1 # and again and again it was tried
}
