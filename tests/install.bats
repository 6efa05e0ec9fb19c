load helper

# B: the programs under test, wherever they were built. The make that is tested must not inherit the flags of the one that
# runs the tests.
make() { env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS make --no-print-directory -C "$REPO" B="$CHAT_BUILD" "$@"; }

files() { (cd "$1" && find . ! -type d | sort); }

@test "make install: programs, manuals and completions below PREFIX, in DESTDIR" {
	make DESTDIR="$BATS_TEST_TMPDIR/root" PREFIX=/opt/chat install
	assert_equal "$(files "$BATS_TEST_TMPDIR/root/opt/chat")" "./bin/chat-send
./bin/chat-tail
./share/bash-completion/completions/chat-send
./share/bash-completion/completions/chat-tail
./share/fish/vendor_completions.d/chat-send.fish
./share/fish/vendor_completions.d/chat-tail.fish
./share/man/man1/chat-send.1
./share/man/man1/chat-tail.1
./share/zsh/site-functions/_chat"
	assert_equal "$(ls "$BATS_TEST_TMPDIR/root")" opt
	for name in chat-send chat-tail; do
		run "$BATS_TEST_TMPDIR/root/opt/chat/bin/$name" --version
		assert_status 0
		[[ -s $BATS_TEST_TMPDIR/root/opt/chat/share/bash-completion/completions/$name ]]
	done
	run find "$BATS_TEST_TMPDIR/root" -type f ! -path '*/bin/*' ! -perm 644
	assert_output ''
}

@test "make install: each directory can be chosen" {
	make DESTDIR="$BATS_TEST_TMPDIR" PREFIX=/p MANPREFIX=/m BASHCOMP=/b ZSHCOMP=/z FISHCOMP=/f install
	assert_equal "$(files "$BATS_TEST_TMPDIR")" "./b/chat-send
./b/chat-tail
./f/chat-send.fish
./f/chat-tail.fish
./m/man1/chat-send.1
./m/man1/chat-tail.1
./p/bin/chat-send
./p/bin/chat-tail
./z/_chat"
	touch "$BATS_TEST_TMPDIR/z/_other"
	make DESTDIR="$BATS_TEST_TMPDIR" PREFIX=/p MANPREFIX=/m BASHCOMP=/b ZSHCOMP=/z FISHCOMP=/f uninstall
	assert_equal "$(files "$BATS_TEST_TMPDIR")" ./z/_other
}

@test "make install: man finds the manuals by PATH, and make uninstall with that PREFIX removes all of it" {
	local prefix=$BATS_TEST_TMPDIR/home/.local
	make PREFIX="$prefix" install
	touch "$prefix/bin/other"
	if [[ $(man --version 2>/dev/null) == 'man '[0-9]* ]]; then # man-db's
		for name in chat-send chat-tail; do
			assert_equal "$(env -u MANPATH PATH="$prefix/bin:$PATH" man -w "$name")" "$prefix/share/man/man1/$name.1"
		done
	fi
	make PREFIX="$prefix" uninstall
	assert_equal "$(files "$prefix")" ./bin/other
}

@test "make uninstall: twice does no harm, and leaves no file" {
	make DESTDIR="$BATS_TEST_TMPDIR" install
	make DESTDIR="$BATS_TEST_TMPDIR" uninstall
	make DESTDIR="$BATS_TEST_TMPDIR" uninstall
	assert_equal "$(files "$BATS_TEST_TMPDIR")" ''
}

@test "make help lists each target that a user may want" {
	run make help
	assert_status 0
	for target in all help demo test analyze fuzz install uninstall clean; do
		assert_match "$output" "make $target +[a-z]"
	done
}

# compiler FLAG ...: whether the compiler knows them.
compiler() { echo 'int main(void) { return 0; }' | ${CC:-cc} -Werror "$@" -x c -o "$BATS_TEST_TMPDIR/probe" - 2>/dev/null; }

@test "the programs are hardened: position-independent, relocations read-only from the start, stacks guarded" {
	compiler -fPIE -pie -Wl,-z,relro -Wl,-z,now -fstack-protector-strong || skip 'the compiler cannot do that'
	for name in chat-send chat-tail; do
		run bash -c 'LC_ALL=C readelf -hdlsW "$1" | grep -oE "DYN \(|GNU_RELRO|Flags: .*NOW|__stack_chk_fail"' - "$CHAT_BUILD/$name"
		for found in 'DYN \(' GNU_RELRO NOW __stack_chk_fail; do assert_match "$output" "$found"; done
	done
}

# built [argument ...]: the commands by which make would compile and link chat-send.
built() { make -n B="$BATS_TEST_TMPDIR/none" "$@" "$BATS_TEST_TMPDIR/none/chat-send"; }

@test "make: the flags given come last, and a compiler that knows no hardening gets none" {
	compiler -fstack-protector-strong -fPIE -pie || skip 'the compiler cannot do that'
	assert_match "$(built CFLAGS=-fno-stack-protector)" '-fstack-protector-strong .*-fno-stack-protector .*-c '
	assert_match "$(built LDFLAGS=-no-pie)" ' -pie .*-no-pie'
	run built CC="$BATS_TEST_TMPDIR/simple"
	assert_match "$output" /simple
	[[ $output != *-fPIE* && $output != *-pie* && $output != *-f[sc]* && $output != *-Wl,* && $output != *FORTIFY* ]]
	printf '#!/bin/sh\ncase " $* " in *" -fPIE "*) exit 1 ;; esac\n' >"$BATS_TEST_TMPDIR/simple"
	chmod +x "$BATS_TEST_TMPDIR/simple"
	run built CC="$BATS_TEST_TMPDIR/simple"
	[[ $output != *-fPIE* && $output == *-fstack-protector-strong* ]]
	run built SANITIZE=address
	[[ $output != *FORTIFY* ]]
}
