# chat-send, chat-tail: group chat on Redis Streams. `make help` lists what can be made.

PREFIX   ?= /usr/local
MANPREFIX ?= $(PREFIX)/share/man
BASHCOMP ?= $(PREFIX)/share/bash-completion/completions
ZSHCOMP  ?= $(PREFIX)/share/zsh/site-functions
# Fish looks below the prefix that it was built for, mostly /usr, and in /etc, but not in /usr/local.
FISHCOMP ?= $(PREFIX)/share/fish/vendor_completions.d $(if $(filter /usr/local,$(PREFIX)),/etc/fish/completions)

# SANITIZE=address,undefined builds apart from the ordinary build.
SANITIZE ?=
comma    := ,
B        := build$(if $(SANITIZE),/$(subst $(comma),-,$(SANITIZE)))

CFLAGS   ?= -O2 -g
WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes \
	-Wundef -Wvla -Wwrite-strings -Wcast-qual -Wpointer-arith -Wformat=2 -Werror=format-security
PKG_CONFIG ?= pkg-config
HIREDIS_CFLAGS := $(shell $(PKG_CONFIG) --cflags hiredis 2>/dev/null)
HIREDIS_LIBS   := $(shell $(PKG_CONFIG) --libs hiredis 2>/dev/null || echo -lhiredis)

# TLS where its libraries are; TLS= builds without.
TLS_LIBS := hiredis_ssl openssl
TLS      := $(shell $(PKG_CONFIG) --exists $(TLS_LIBS) 2>/dev/null && echo yes)
ifeq ($(TLS),yes)
HIREDIS_CFLAGS += -DCHAT_TLS $(shell $(PKG_CONFIG) --cflags $(TLS_LIBS))
HIREDIS_LIBS   := $(shell $(PKG_CONFIG) --libs $(TLS_LIBS)) $(HIREDIS_LIBS)
endif

# Hardened as Debian's packages are (hardening=+all), by those flags that the compiler knows and that go together with
# CPPFLAGS, CFLAGS and LDFLAGS, which come later and win. All are tried at once, and one by one if that fails.
usable = $(shell try() { echo 'int main(void) { return 0; }' | \
	$(CC) "$$@" $(CPPFLAGS) $(CFLAGS) -Werror -include stdio.h -x c - $1 2>/dev/null; }; \
	if try $2; then echo $2; else for flag in $2; do ! try $$flag || echo $$flag; done; fi)
harden      := $(call usable,-S -o /dev/null,$(if $(SANITIZE),,-D_FORTIFY_SOURCE=2) -fPIE \
	-fstack-protector-strong -fstack-clash-protection -fcf-protection)
harden_link := $(call usable,-fPIE -o /dev/null $(LDFLAGS),-pie -Wl$(comma)-z$(comma)relro -Wl$(comma)-z$(comma)now)

sanitize := $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer)
flags    := -std=c11 -D_GNU_SOURCE -pthread -I. $(WARNINGS) $(HIREDIS_CFLAGS) $(CPPFLAGS) $(CFLAGS) $(sanitize)
libs     := $(LDFLAGS) -pthread $(HIREDIS_LIBS) $(sanitize)

PROGRAMS := chat-send chat-tail
MANUALS  := $(PROGRAMS:%=cmd/%.1)
common   := $(patsubst %.c,$B/%.o,$(wildcard common/*.c))
send     := $(patsubst %.c,$B/%.o,$(wildcard cmd/send*.c))
tail     := $(patsubst %.c,$B/%.o,$(wildcard cmd/tail*.c))
fuzzers  := $(patsubst tests/fuzz/%.c,%,$(filter-out %/replay.c %/script.c,$(wildcard tests/fuzz/*.c)))
# Those of whole programs: what they would hear of a server, the clock and their descriptors is in a script.
scripted := sender reader
unscripted := %/link.c %/link.o %/wait.c %/wait.o
scripts  := -Wl,--wrap=read,--wrap=write,--wrap=dup2
units    := $(patsubst tests/unit/%.c,$B/tests/unit/%,$(wildcard tests/unit/*.c)) $(fuzzers:%=$B/tests/unit/fuzz-%)
preloads := $(patsubst %.c,$B/%.so,$(wildcard tests/preload/*.c))
benches  := $(patsubst tests/bench/%.c,$B/tests/bench/%,$(wildcard tests/bench/*.c))
analyzed := $(wildcard cmd/*.c common/*.c)
FUZZ_SECONDS ?= 600
SOAK ?= 1800
seed = $(or $(SEED),$(shell date +%s))

.PHONY: all help demo test check sanitized bench soak analyze lint fuzz install uninstall clean
.DELETE_ON_ERROR:
.SECONDARY: # keep the objects of tests: their removal would be the last line of `make test`

all: $(PROGRAMS:%=$B/%) ## build both programs into build/

help: ## list these targets
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

demo: ## install what is missing, build, and watch a short conversation
	@tests/setup demo
	@$(MAKE) -s all
	@tests/demo $B

test: ## install what the tests need, build, and run them all (TESTS: only these files)
	@tests/setup test
	@$(MAKE) --no-print-directory check

check: all sanitized $(units) $(preloads) $(benches)
	@tests/run $B $(TESTS)

# What meets hostile servers: the ordinary build does where the compiler has no sanitizers.
sanitized: all
	@$(MAKE) --no-print-directory -s SANITIZE=address,undefined all >/dev/null 2>&1 || rm -rf build/address-undefined

bench: ## install what is missing, and measure the programs beside others (BENCH: only these parts)
	@tests/setup bench
	@$(MAKE) --no-print-directory all $(benches)
	@tests/bench/run $B $(BENCH)

soak: ## the larger model, hostile servers, then random faults for SOAK seconds (1800); SEED=n repeats a printed seed
	@tests/setup test
	@$(MAKE) --no-print-directory all sanitized
	python3 tests/model large
	PATH=$(CURDIR)/build/address-undefined:$(CURDIR)/$B:$$PATH python3 -u tests/hostile $(seed) 10000
	PATH=$(CURDIR)/$B:$$PATH python3 -u tests/faults soak $(seed) $(SOAK)

analyze: ## install the analyzers that are missing, and look for faults with them
	@tests/setup analyze
	@$(MAKE) --no-print-directory lint

# clang-tidy runs clang's analyzer, so gcc's is the second opinion. A clang-tidy that is given several files mixes up
# their va_lists, and its stderr only counts what it hides in the system's headers. Not asked: cppcheck about buffers
# that one argument fills for the next, gcc about descriptors opened to fill a gap.
lint:
	@# A .c file and its header count as one; tsort finds those that include each other, in a circle of any length.
	grep -H '^#include "c' cmd/*.[ch] common/*.[ch] | \
		sed -E 's|\.[ch]:#include "| |; s|\.h"||' | awk '$$1 != $$2' | tsort >/dev/null
	printf '%s\n' $(analyzed) | xargs -P 2 -I FILE clang-tidy --quiet FILE -- $(flags) 2>/dev/null
	cppcheck --quiet --error-exitcode=1 --enable=warning,performance,portability --inline-suppr \
		$(addprefix --suppress=,missingIncludeSystem normalCheckLevelMaxBranches uninitvar) \
		--std=c11 -D_GNU_SOURCE -I. $(analyzed)
	@$(MAKE) --no-print-directory B=build/analyze CC='gcc -fanalyzer -Wno-analyzer-fd-leak -Werror' all
	shellcheck --exclude SC2016 $$(grep -rlE '^#!/bin/(ba)?sh' .ci tests) tests/*.ba* completions/*.bash
	mandoc -T lint -W warning $(MANUALS)

fuzz: ## fuzz each of tests/fuzz for FUZZ_SECONDS (600); fuzz-NAME: only that one
	@CC=clang tests/setup fuzz
	@$(MAKE) --no-print-directory $(fuzzers:%=fuzz-%)

# What it finds is kept below build/ : inputs that reach new code in NAME.found, one that fails in NAME.crash-*.
$(fuzzers:%=fuzz-%): fuzz-%: build/fuzz/%
	$< -max_total_time=$(FUZZ_SECONDS) -timeout=10 -artifact_prefix=$<. $<.found $(wildcard tests/fuzz/corpus/$*)

build/fuzz/%: tests/fuzz/%.c $(wildcard common/*.[ch] tests/fuzz/*.h tests/unit/*.h)
	@mkdir -p $@.found
	clang $(flags) -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -o $@ $(filter %.c,$^) $(libs)

$(scripted:%=build/fuzz/%): build/fuzz/%: tests/fuzz/%.c tests/fuzz/script.c $(filter-out $(unscripted),$(wildcard common/*.c)) \
		$(wildcard cmd/send*.c cmd/tail*.c cmd/*.h common/*.h tests/fuzz/*.h)
	@mkdir -p $@.found
	clang $(flags) -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all $(scripts) -o $@ $(filter %.c,$^) $(libs)

build/fuzz/cursor: cmd/tail_cursor.c cmd/tail_cursor.h cmd/tail_file.c cmd/tail_file.h
build/fuzz/answers: cmd/tail_answers.c cmd/tail_answers.h

install: all ## install the programs, manuals and completions below PREFIX, in DESTDIR
	install -d $(addprefix $(DESTDIR),$(PREFIX)/bin $(MANPREFIX)/man1 $(BASHCOMP) $(ZSHCOMP) $(FISHCOMP))
	install $(PROGRAMS:%=$B/%) $(DESTDIR)$(PREFIX)/bin
	install -m 644 $(MANUALS) $(DESTDIR)$(MANPREFIX)/man1
	install -m 644 completions/chat.bash $(DESTDIR)$(BASHCOMP)/chat-send
	ln -sf chat-send $(DESTDIR)$(BASHCOMP)/chat-tail
	install -m 644 completions/_chat $(DESTDIR)$(ZSHCOMP)
	for dir in $(addprefix $(DESTDIR),$(FISHCOMP)); do install -m 644 $(PROGRAMS:%=completions/%.fish) $$dir || exit; done

uninstall: ## remove what install installed
	rm -f $(PROGRAMS:%=$(DESTDIR)$(PREFIX)/bin/%) $(PROGRAMS:%=$(DESTDIR)$(MANPREFIX)/man1/%.1)
	rm -f $(PROGRAMS:%=$(DESTDIR)$(BASHCOMP)/%) $(DESTDIR)$(ZSHCOMP)/_chat
	rm -f $(foreach dir,$(FISHCOMP),$(PROGRAMS:%=$(DESTDIR)$(dir)/%.fish))

clean: ## remove build/
	rm -rf --one-file-system build

$B/chat-send: $B/cmd/chat-send.o $(send) $(common)
$B/chat-tail: $B/cmd/chat-tail.o $(tail) $(common)
$(PROGRAMS:%=$B/%):
	$(CC) $(harden_link) -o $@ $^ $(libs)

$B/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(harden) $(flags) -MMD -MP -c -o $@ $<

$B/tests/unit/%: $B/tests/unit/%.o $(common) $(send) $(tail)
	$(CC) $(harden_link) -o $@ $^ $(libs)

$B/tests/preload/%.so: tests/preload/%.c Makefile
	@mkdir -p $(@D)
	$(CC) -std=c11 -D_GNU_SOURCE $(WARNINGS) $(CPPFLAGS) $(CFLAGS) -fPIC -shared -o $@ $< -ldl

$B/tests/bench/%: $B/tests/bench/%.o
	$(CC) $(harden_link) -o $@ $^ $(libs)

# Each fuzz target is a test as well: that of its corpus.
$B/tests/unit/fuzz-%: $B/tests/fuzz/%.o $B/tests/fuzz/replay.o $(common)
	$(CC) $(harden_link) -o $@ $^ $(libs)

$(scripted:%=$B/tests/unit/fuzz-%): $B/tests/unit/fuzz-%: $B/tests/fuzz/%.o $B/tests/fuzz/script.o $B/tests/fuzz/replay.o \
		$(filter-out $(unscripted),$(common)) $(send) $(tail)
	$(CC) $(harden_link) $(scripts) -o $@ $^ $(libs)

$B/tests/unit/fuzz-cursor: $B/cmd/tail_cursor.o $B/cmd/tail_file.o
$B/tests/unit/fuzz-answers: $B/cmd/tail_answers.o

-include $(wildcard $B/*/*.d $B/tests/*/*.d)
