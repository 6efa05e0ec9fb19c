# shellcheck disable=SC2154 # output is bats's
load helper

# A machine with nothing but a POSIX system, and an apt-get that writes down how it was called and provides what is missing.
# The user is not root there, unless a test says so.
setup() {
	bin=$BATS_TEST_TMPDIR/bin calls=$BATS_TEST_TMPDIR/calls
	mkdir "$bin"
	for tool in sh dirname awk sort tr cat env id ls mktemp rm touch ln; do
		ln -s "$(command -v "$tool")" "$bin"
	done
	program id 'echo 1000'
	program apt-get 'echo "$DEBIAN_FRONTEND: $*" >>'"$calls"'
		case $* in
		*--simulate*) [ -e '"$bin/updated"' ] ;;
		*update*) touch '"$bin/updated"' ;;
		*install*) ln -s '"$(command -v bash cc pkg-config "$(server_program)" "$CLI" | tr '\n' ' ') $bin"' ;;
		esac'
}

program() { # NAME SCRIPT
	rm -f "$bin/$1"
	printf '#!/bin/sh\n%s\n' "$2" >"$bin/$1"
	chmod +x "$bin/$1"
}

server_program() { type -P redis-server || type -P redis-check-rdb || type -P valkey-server || type -P valkey-check-rdb; }

on_that_machine() { run env -u CC -u SANITIZE -u SERVER PATH="$bin" "$REPO/tests/setup" "$@"; }

@test "setup: silent when nothing is missing, and runs no package manager" {
	program apt-get 'echo called'
	run env PATH="$bin:$PATH" "$REPO/tests/setup" demo
	assert_status 0
	assert_output ''
}

@test "setup: without the right to install, names the packages and the command, and stops" {
	on_that_machine demo
	assert_status 1
	assert_match "$output" '^tests/setup: missing: .*hiredis.*: apt-get install .*gcc .*libhiredis-dev .*redis-tools'
	[[ ! -e $calls ]]
}

@test "setup: as root, says what it installs, brings the lists up to date, and starts no service" {
	program id 'echo 0'
	on_that_machine demo
	assert_status 0
	assert_match "$output" '^tests/setup: missing: .*; installing with apt-get: .*libhiredis-dev'
	assert_equal "$(sed 's/ -.*--simulate.*/ simulate/; s/ -.* update/ update/; s/ -.* install .*/ install/' "$calls")" \
		$'noninteractive: simulate\nnoninteractive: update\nnoninteractive: install'
	run grep redis-server "$calls"
	assert_status 1
	on_that_machine demo
	assert_status 0
	assert_output ''
}

@test "setup: by sudo, when that asks for no password" {
	program sudo '[ "$1" = -n ] && shift && exec "$@"'
	program true ''
	on_that_machine demo
	assert_status 0
	assert_match "$(cat "$calls")" 'noninteractive: .*install'
}

@test "setup: shows what the package manager said when it fails, and fails" {
	program id 'echo 0'
	program apt-get 'echo no such luck; exit 100'
	on_that_machine demo
	assert_status 1
	assert_match "$output" 'no such luck'
	program apt-get ''
	on_that_machine demo
	assert_status 1
	assert_match "$output" 'still missing: .*hiredis'
}

@test "setup: optional packages are installed; if that fails they are named, and it succeeds" {
	ln -s "$(type -P bash)" "$(type -P cc)" "$(type -P pkg-config)" "$(server_program)" "$CLI" "$(type -P python3)" \
		"$(type -P time)" "$(type -P true)" "$bin"
	on_that_machine bench # without the right to install
	assert_status 0
	assert_output 'tests/setup: goes on without: mosquitto'
	program id 'echo 0'
	program systemctl 'echo "systemctl: $*" >>'"$calls"
	program apt-get 'echo "apt-get: $*" >>'"$calls"'; exit 100'
	on_that_machine bench
	assert_status 0
	assert_output $'tests/setup: missing: mosquitto; installing with apt-get: mosquitto mosquitto-clients \n'\
'tests/setup: goes on without: mosquitto'
	# As a service it would run from now on.
	assert_equal "$(head -n 1 "$calls")" 'systemctl: --quiet mask mosquitto.service'
	program apt-get "cd $bin; for name in mosquitto mosquitto_pub mosquitto_sub; do ln -sf env \$name; done"
	on_that_machine bench
	assert_status 0
	assert_output 'tests/setup: missing: mosquitto; installing with apt-get: mosquitto mosquitto-clients '
	on_that_machine bench
	assert_status 0
	assert_output ''
	rm "$bin"/{apt-get,mosquitto_sub}
	on_that_machine bench
	assert_status 0
	assert_output 'tests/setup: goes on without: mosquitto'
}

@test "setup: the compiler is the one that make will use" {
	run env -u SANITIZE -u SERVER CC=clang PATH="$bin" "$REPO/tests/setup" demo
	assert_status 1
	assert_match "$output" 'apt-get install bash clang libhiredis-dev'
}

@test "setup: other package managers have names of their own; a wrong purpose is a usage error" {
	rm "$bin/apt-get"
	program dnf ''
	on_that_machine demo
	assert_match "$output" 'dnf install -y bash gcc hiredis-devel'
	rm "$bin/dnf"
	on_that_machine demo
	assert_status 1
	assert_match "$output" 'missing: .*no package manager'
	on_that_machine breakfast
	assert_status 2
}

# What a Python of 2020 does not know, or one of 2025 does differently: processes that multiprocessing starts no longer
# inherit descriptors. Warnings are errors: what is deprecated today is removed tomorrow.
@test "setup: the Python of the tests is that of each version from 3.9 on" {
	cd "$REPO"
	mapfile -t programs < <(grep -rlE '^#!.*python' tests; find tests -name '*.py')
	"$PYTHON" -W error - "${programs[@]}" tests/*.bats <<-'END'
		import ast, re, sys, textwrap
		NEWER = {'anext', 'aiter', 'ExceptionGroup', 'import multiprocessing', 'import tomllib', '.total()', 'strict=',
		         'asyncio.timeout', 'asyncio.TaskGroup', 'asyncio.Runner', 'asyncio.Barrier', 'itertools.pairwise',
		         'itertools.batched', 'datetime.UTC', 'concurrent.futures.ProcessPoolExecutor'}
		HERE = re.compile(r'"\$PYTHON" -[^\n]*<<-?\'(\w+)\'\n(.*?)^\s*\1$', re.M | re.S)

		def used(node):
		    if isinstance(node, ast.Import):
		        return [f'import {alias.name}' for alias in node.names]
		    if isinstance(node, ast.ImportFrom):
		        return [f'import {node.module}'] + [f'{node.module}.{alias.name}' for alias in node.names]
		    if isinstance(node, (ast.Name, ast.Attribute)):
		        return [ast.unparse(node)]
		    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and not node.args:
		        return [f'.{node.func.attr}()']
		    return [f'{node.arg}='] if isinstance(node, ast.keyword) else []

		parts = []
		for path in sys.argv[1:]:
		    with open(path, encoding='utf-8') as file:
		        text = file.read()
		    parts += [(path, textwrap.dedent(part)) for _, part in HERE.findall(text)] if path.endswith('.bats') else [(path, text)]
		assert len(parts) > 30, f'only {len(parts)} programs were found'
		for path, part in parts:
		    compile(part, path, 'exec')
		    newer = [name for node in ast.walk(ast.parse(part, path, feature_version=(3, 9))) for name in used(node) if name in NEWER]
		    assert not newer, f'{path}: {newer}'
	END
}
